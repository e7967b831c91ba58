"""Gathers and scatters along an axis read the index alone: no array of places is made."""

from __future__ import annotations

import numpy as np
import pytest

import gradatim as gd
from gradatim.engines.llvm.kernels import LoopNest
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.errors import ElementOutOfRange
from gradatim.graph.gradients import along_axis
from tests.engines_llvm.engines import guarded, numbers, run, same_bits, value

SHAPES = [
    ((40, 50), 0),
    ((40, 50), 1),
    ((3, 37, 5), 0),
    ((3, 37, 5), 1),
    ((3, 37, 5), 2),
    ((1, 9), 0),
    ((7, 1), 1),
    ((2, 20_000), 1),
]


def moves_along(shape, axis):
    rng = np.random.default_rng(0)
    x, updates = (numbers(rng, shape, dtypes.float32) for _ in range(2))
    places = along_axis(value(rng.integers(0, shape[axis], shape)), shape, axis)
    line, flat_places = p.reshape(x, (x.size,)), p.reshape(places, (x.size,))
    flat_updates = p.reshape(updates, (x.size,))
    return [
        p.gather(line, places),
        p.reshape(p.scatter_add(line, flat_places, flat_updates), shape),
        p.reshape(p.scatter_set(line, flat_places, flat_updates), shape),
    ]


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_same_bits_as_the_reference(shape, axis):
    for place in (lambda array: array, guarded("left"), guarded("right")):
        expected, got, launches = run(moves_along(shape, axis), place)
        assert all(map(same_bits, expected, got))
        assert not any(isinstance(code, LoopNest) and code.operations for code in launches)


def test_strided_index_and_table():
    x = np.arange(2000.0).reshape(40, 50)
    index = np.random.default_rng(0).integers(0, 50, (50, 40))
    found = gd.tensor(x.T.copy()).T.gather(1, gd.tensor(index).T[::2])
    assert np.array_equal(found.numpy(), np.take_along_axis(x[:20], index.T[::2], 1))


@pytest.mark.parametrize("place", [0, 7, 1023, 1999])
@pytest.mark.parametrize("wrong", [5000, -1])
def test_a_pending_index_outside_is_named(place, wrong):
    index = np.zeros((2, 2000), np.int64)
    index[0, place] = wrong
    with pytest.raises(ElementOutOfRange, match=f"index {wrong} is out of bounds"):
        gd.ones(2, 2000).gather(1, gd.tensor(index) + 0).numpy()
