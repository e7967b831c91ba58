"""Reads that go backwards or leave elements out, places along lines, and results that are computed
where they are wanted, against the reference engine."""

from __future__ import annotations

import numpy as np
import pytest

from gradatim.engines.llvm.kernels import LoopNest
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from tests.engines_llvm.engines import guarded, numbers, run, run_tests_elsewhere, same_bits


def check(outputs, place=lambda array: array):
    expected, got, codes = run(outputs, place)
    assert all(map(same_bits, expected, got))
    return codes


def sparse(x, start, step):
    starts = tuple(start if n > start else 0 for n in x.shape)
    return p.slice_(x, starts, x.shape, (step,) * len(x.shape))


def strided(dtype):
    """Elements some places apart, forwards, backwards and across."""
    rng = np.random.default_rng(0)
    found = []
    for shape in [(3, 70), (33, 47), (5, 9), (16, 64)]:
        x = numbers(rng, shape, dtype)
        found += [p.flip(x, (0,)), p.flip(x, (1,)), p.permute(p.flip(x, (0,)), (1, 0))]
        for step in (2, 3, 4, 5):
            found += [sparse(x, 0, step), sparse(x, 1, step), p.flip(sparse(x, 0, step), (1,))]
    return found


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_reads_some_places_apart_agree(dtype):
    check(strided(dtype))


@pytest.mark.parametrize("side", ["left", "right"])
def test_nothing_outside_is_read(side):
    check(strided(dtypes.float32), guarded(side))
    check(strided(dtypes.int8), guarded(side))


@pytest.mark.parametrize("level", ["avx2", "sse2"])
def test_narrower_processors_agree(level):
    run_tests_elsewhere(
        __file__, "some_places_apart or nothing_outside or bytes", GRADATIM_CPU_FEATURES=level
    )


@pytest.mark.parametrize("dtype", [dtypes.bool_, dtypes.uint8, dtypes.int8], ids=lambda d: d.name)
def test_whole_registers_of_bytes_agree(dtype):
    rng = np.random.default_rng(0)
    x, y = (numbers(rng, (7, 131), dtype) for _ in range(2))
    check([p.not_(x), p.and_(x, y), p.eq(x, y), p.select(p.lt(x, y), x, y)])


def test_a_concatenation_in_another_is_computed_in_its_place():
    rng = np.random.default_rng(0)
    x = numbers(rng, (4, 20, 30), dtypes.float32)
    y = p.concatenate([p.flip(sparse(x, 0, 1), (1,)), x], 1)
    edge = p.slice_(y, (0, 0, 1), (4, 40, 4), (1, 1, 1))
    z = p.concatenate([p.flip(edge, (2,)), y, edge], 2)
    expected, got, codes = run([z])
    assert all(map(same_bits, expected, got))
    assert sum(code.points for code in codes if isinstance(code, LoopNest)) == z.size


def test_a_reshaped_result_is_not_copied():
    rng = np.random.default_rng(0)
    x, y = (numbers(rng, shape, dtypes.float32) for shape in [(6, 1, 7), (1, 5, 7)])
    assert len(check([p.reshape(p.mul(x, y), (30, 7))])) == 1
    assert len(check([p.iota((50, 3), 0, dtypes.int64)])) == 1


@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 3, 5)])
def test_exchanges_agree(shape):
    rng = np.random.default_rng(0)
    pivots = p.value(rng.integers(1, 9, shape).astype(np.int32), shape, dtypes.int32)
    codes = check([p.permutation(pivots, 8)])
    assert "exchanges" in repr(codes[0])
