"""Loops that read a permuted operand tile by tile, against the reference engine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gradatim.engines.llvm import native
from gradatim.engines.llvm.emit import Module
from gradatim.engines.llvm.tiles import crossing
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from tests.engines_llvm.engines import guarded, numbers, run, run_tests_elsewhere, same_bits


def check(outputs, place=lambda array: array):
    expected, got, codes = run(outputs, place)
    assert all(map(same_bits, expected, got))
    return codes


@pytest.mark.parametrize("shape", list(itertools.product([1, 7, 8, 16, 33, 80], repeat=2)))
def test_a_transpose_agrees(shape):
    rng = np.random.default_rng(0)
    x = numbers(rng, shape, dtypes.float32)
    y = numbers(rng, shape[::-1], dtypes.float32)
    check([p.add(p.permute(x, (1, 0)), y)])


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_every_order_of_axes_agrees(order):
    rng = np.random.default_rng(0)
    x = numbers(rng, (17, 20, 33), dtypes.float32)
    moved = p.permute(x, order)
    check([p.reshape(p.neg(moved), (moved.size,)), p.abs_(moved)])


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_every_dtype_agrees(dtype):
    rng = np.random.default_rng(0)
    x = numbers(rng, (35, 50), dtype, special=False)
    y = numbers(rng, (50, 35), dtype, special=False)
    check([p.maximum(p.permute(x, (1, 0)), y)])


def test_many_operations_on_a_tile_agree():
    rng = np.random.default_rng(0)
    x = numbers(rng, (35, 50), dtypes.float32)
    y = numbers(rng, (50, 35), dtypes.float32)
    z = p.permute(x, (1, 0))
    for _ in range(4):
        z = p.maximum(p.minimum(p.sub(z, y), p.permute(x, (1, 0))), p.neg(z))
    check([z])


@pytest.mark.parametrize("side", ["left", "right"])
def test_nothing_outside_is_touched(side):
    rng = np.random.default_rng(0)
    for shape in [(16, 16), (9, 33), (40, 70)]:
        x = numbers(rng, shape, dtypes.float32)
        check([p.neg(p.permute(x, (1, 0)))], guarded(side))


def test_a_transpose_is_done_in_tiles():
    rng = np.random.default_rng(0)
    x = numbers(rng, (100, 200), dtypes.float32)
    (code,) = check([p.neg(p.permute(x, (1, 0)))])
    assert crossing(Module(native.features()), code) == (0, (0,))


@pytest.mark.parametrize("level", ["avx2", "sse2"])
def test_narrower_processors_agree(level):
    choice = "transpose_agrees or touched or dtype"
    run_tests_elsewhere(__file__, choice, GRADATIM_CPU_FEATURES=level)
