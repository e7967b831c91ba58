"""The array API standard: what differs from PyTorch, and what is refused."""

from __future__ import annotations

import pytest

import gradatim as gd
import gradatim.array_api as xp


def test_a_0d_array_promotes_like_any_other():
    x, y = xp.ones(2, dtype=xp.float32), xp.asarray(1.0, dtype=xp.float64)
    assert (x + y).dtype is xp.float64
    assert (gd.ones(2) + gd.tensor(1.0, dtype=gd.float64)).dtype is gd.float32  # as PyTorch has it


def test_unsigned_integers_promote():
    x = xp.asarray([200], dtype=xp.uint8)
    assert (x + xp.asarray([100], dtype=xp.uint16)).tolist() == [300]
    assert xp.result_type(xp.uint32, xp.int8) is xp.int64
    with pytest.raises(TypeError, match="uint64 have no common integer dtype: cast one"):
        x.__add__(xp.asarray(1, dtype=xp.int8)) + xp.asarray(1, dtype=xp.uint64)


def test_slices_run_backwards():
    x = xp.reshape(xp.arange(6), (2, 3))
    assert x[::-1, 2:0:-1].tolist() == [[5, 4], [2, 1]]
    x[0, ::-1] = xp.asarray([7, 8, 9])
    assert x[0, ...].tolist() == [9, 8, 7]


def test_size_is_a_number_and_a_method():
    x = xp.ones((2, 3))
    assert x.size == 6
    assert x.size(1) == 3


def test_arrays_are_tensors_with_gradients():
    x = xp.asarray(gd.tensor([1.0, 2.0], requires_grad=True))
    leaf = gd.tensor([1.0, 2.0], requires_grad=True)
    y = xp.sum(xp.asarray(leaf) ** 2)
    assert isinstance(y, gd.Tensor)
    y.backward()
    assert leaf.grad.tolist() == [2, 4]
    assert x.requires_grad


def test_memory_is_shared_or_not_as_asked():
    x = gd.zeros(2)
    shared, own = xp.asarray(x), xp.asarray(x, copy=True)
    x[0] = 5.0
    assert shared.tolist() == [5, 0]
    assert own.tolist() == [0, 0]
    with pytest.raises(ValueError, match="copy=False: a cast from float32 to float64"):
        xp.asarray(x, dtype=xp.float64, copy=False)
    with pytest.raises(ValueError, match="copy=False: list can only be copied"):
        xp.asarray([1], copy=False)


def test_in_place_keeps_the_dtype():
    x = xp.asarray([1, 2], dtype=xp.int8)
    x += 1
    assert x.tolist() == [2, 3]
    with pytest.raises(TypeError, match="an array of int8 cannot hold a result of int16"):
        x += xp.asarray([1, 2], dtype=xp.int16)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: xp.sin(xp.asarray([1])), "takes dtypes of kind real floating, got int64"),
    (lambda: xp.sin(1.0), "expects an array, got float: make one with asarray"),
    (lambda: xp.squeeze(xp.ones((2, 1)), 0), "dimension 0 has size 2"),
    (lambda: xp.cumulative_sum(xp.ones((2, 2))), "needs axis for an array of 2 dimensions"),
    (lambda: xp.max(xp.zeros((0, 2))), "of no elements"),
    (lambda: xp.sum(xp.ones(2), axis=1), "axis 1 is out of bounds for an array of 1"),
    (lambda: xp.ones(2).T, "only defined for 2-dimensional arrays, got 1"),
    (lambda: xp.asarray(300, dtype=xp.uint8) + 0, "300"),
    (lambda: xp.asarray([1], dtype=xp.uint8) + 300, "300 is out of the range of uint8"),
    (lambda: xp.where(xp.asarray([True]), xp.asarray([1], dtype=xp.int8), 300),
     "300 is out of the range of int8"),
    (lambda: xp.asarray(1j), "complex"),
    (lambda: xp.isdtype(xp.int8, "whole"), "unknown kind of dtype 'whole'"),
    (lambda: xp.matmul(xp.asarray(1.0), xp.ones(2)), "not defined for 0-d arrays"),
])  # fmt: skip
def test_mistakes_are_named(call, message):
    with pytest.raises(gd.Error, match=message):
        call()


def test_whatever_the_default_dtype_is_it_is_said():
    assert xp.__array_namespace_info__().default_dtypes()["real floating"] is gd.float32
    assert xp.asarray(1.0).dtype is gd.float32
