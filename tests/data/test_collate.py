"""From samples to a batch."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import gradatim as gd
from gradatim.data import default_collate, default_convert
from gradatim.graph.errors import ArgumentTypeError, ShapeError

Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("samples", "values", "dtype"),
    [
        ([1, 2], [1, 2], gd.int64),
        ([1.5, 2.0], [1.5, 2.0], gd.float64),
        ([True, False], [True, False], gd.bool),
        ([np.float32(1), np.float32(2)], [1.0, 2.0], gd.float32),
        ([np.int8(1), np.int8(2)], [1, 2], gd.int8),
        ([np.ones(2, np.float16)] * 2, [[1.0, 1.0]] * 2, gd.float16),
        ([np.array(3), np.array(4)], [3, 4], gd.int64),
    ],
)
def test_numbers_and_arrays_become_tensors(samples, values, dtype):
    batch = default_collate(samples)
    assert (batch.tolist(), batch.dtype) == (values, dtype)


def test_tensors_are_stacked():
    batch = default_collate([gd.tensor([1, 2]), gd.tensor([3, 4])])
    assert batch.tolist() == [[1, 2], [3, 4]]


def test_stacked_samples_keep_their_history():
    w = gd.ones(2, requires_grad=True)
    default_collate([w * 2, w * 3]).sum().backward()
    assert w.grad.tolist() == [5, 5]


def test_structure_is_kept():
    batch = default_collate([{"x": (1, "a"), "y": [2.0]}, {"x": (3, "b"), "y": [4.0]}])
    assert batch["x"][0].tolist() == [1, 3]
    assert batch["x"][1] == ("a", "b")
    assert batch["y"][0].tolist() == [2.0, 4.0]
    point = default_collate([Point(1, 2), Point(3, 4)])
    assert isinstance(point, Point)
    assert point.y.tolist() == [2, 4]
    assert type(default_collate([OrderedDict(a=1)] * 2)) is OrderedDict


def test_text_stays_text():
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([b"a", b"b"]) == [b"a", b"b"]


@pytest.mark.parametrize("samples", [[None, None], [{1}, {2}], [np.array(["a"])] * 2])
def test_what_cannot_be_joined_is_named(samples):
    with pytest.raises(ArgumentTypeError, match=r"default_collate: batch must contain .*; found"):
        default_collate(samples)


def test_samples_of_different_sizes():
    with pytest.raises(ShapeError, match=r"got \[2\] at entry 0 and \[3\] at entry 1"):
        default_collate([gd.ones(2), gd.ones(3)])
    with pytest.raises(ShapeError, match=r"got \[2\] at entry 0 and \[3\] at entry 1"):
        default_collate([np.ones(2), np.ones(3)])
    with pytest.raises(ShapeError, match="equal size, but samples have 1 and 2 entries"):
        default_collate([(1, 2), (3,)])


def test_converting_without_a_batch():
    data = default_convert({"a": np.array([1, 2]), "b": ("x", 1.5), "c": np.array(["t"])})
    assert data["a"].dtype is gd.int64
    assert data["b"] == ["x", 1.5]
    assert isinstance(data["c"], np.ndarray)


def test_tensors_of_different_dtypes_are_promoted():
    batch = default_collate([gd.tensor([1]), gd.tensor([2.5])])
    assert (batch.tolist(), batch.dtype) == ([[1], [2.5]], gd.float32)


def test_half_precision_is_kept():
    for dtype in (gd.float16, gd.bfloat16):
        batch = default_collate([gd.tensor([1.5], dtype=dtype)] * 2)
        assert (batch.tolist(), batch.dtype) == ([[1.5], [1.5]], dtype)
