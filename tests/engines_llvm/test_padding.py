"""Padding in one pass, and sums of few columns, against the reference engine."""

from __future__ import annotations

import numpy as np
import pytest

from gradatim.engines.llvm.padding import Pad
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from tests.engines_llvm.engines import guarded, numbers, run, run_tests_elsewhere, same_bits

CASES = [
    ((2, 3, 28, 28), (0, 0, 1, 1), (0, 0, 1, 1)),
    ((2, 3, 7, 5), (0, 0, 2, 0), (0, 0, 0, 3)),
    ((300,), (5,), (0,)),
    ((40, 33), (1, 0), (0, 20)),
    ((4, 1), (0, 2), (3, 2)),
    ((9, 9), (-1, 2), (2, -3)),
    ((3, 0), (1, 1), (1, 1)),
    ((3, 2), (1, 2), (1, -3)),  # of the second axis nothing is left but what is in front
]


def check(outputs, place=lambda array: array):
    expected, got, codes = run(outputs, place)
    assert all(map(same_bits, expected, got))
    return codes


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
@pytest.mark.parametrize(("shape", "low", "high"), CASES)
def test_every_dtype_agrees(shape, low, high, dtype):
    rng = np.random.default_rng(0)
    x = numbers(rng, shape, dtype)
    read = p.value(np.ones((), dtype.numpy), (), dtype)
    for fill in (p.constant(0, dtype), p.constant(1, dtype), read):
        check([p.pad(x, fill, low, high)])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("shape", "low", "high"), CASES)
def test_nothing_outside_is_touched(shape, low, high, side):
    x = numbers(np.random.default_rng(0), shape, dtypes.float32)
    check([p.pad(x, p.constant(0, x.dtype), low, high)], guarded(side))


def test_padding_is_one_kernel():
    x = numbers(np.random.default_rng(0), (2, 3, 28, 28), dtypes.float32)
    (code,) = check([p.pad(x, p.constant(0, x.dtype), (0, 0, 1, 1), (0, 0, 1, 1))])
    assert isinstance(code, Pad)


@pytest.mark.parametrize("columns", [1, 2, 3, 10, 17, 33, 40])
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 1001, 30011])
def test_sums_of_columns_agree(rows, columns):
    x = numbers(np.random.default_rng(0), (rows, columns), dtypes.float32, special=False)
    check([p.sum_(x, (0,)), p.max_(x, (0,)), p.sum_(p.mul(x, x), (0,))])


@pytest.mark.parametrize("level", ["avx2", "sse2"])
def test_narrower_processors_agree(level):
    run_tests_elsewhere(__file__, "dtype or touched or columns", GRADATIM_CPU_FEATURES=level)
