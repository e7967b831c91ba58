"""Sorting by merges, by digits and by insertion, against the reference engine."""

from __future__ import annotations

import numpy as np
import pytest

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from tests.engines_llvm.engines import guarded, run, run_tests_elsewhere, same_bits

DTYPES = [
    dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16, dtypes.int8, dtypes.int16,
    dtypes.int32, dtypes.int64, dtypes.uint8, dtypes.uint16, dtypes.uint32, dtypes.uint64,
    dtypes.bool_,
]  # fmt: skip


def content(dtype, shape):
    """Numbers of every size, with both zeros, infinities and NaN where there are such."""
    rng = np.random.default_rng(0)
    if dtype is dtypes.bool_:
        return rng.integers(0, 2, shape).astype(bool)
    if not dtype.is_floating_point:
        ends = np.iinfo(dtype.numpy)
        return rng.integers(ends.min, ends.max, shape, dtype=dtype.numpy, endpoint=True)
    most = 3 if dtype is dtypes.float16 else 30
    exponents = rng.integers(-most, most, shape)
    array = (rng.normal(size=shape) * 10.0**exponents).astype(dtype.numpy)
    for step, number in ((13, -0.0), (17, np.nan), (19, 0.0), (29, np.inf), (31, -np.inf)):
        array.reshape(-1)[::step] = number
    return array


def part(x, first, last):
    """The elements from `first` to `last` of the rows of a matrix."""
    return p.slice_(x, (0, first), (x.shape[0], last), (1, 1))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
@pytest.mark.parametrize("length", [20, 128, 300])
def test_sorted_rows(dtype, length):
    x = p.value(content(dtype, (5, length)), (5, length), dtype)
    for descending in (False, True):
        values, places = p.sort(x, 1, descending)
        wanted = [
            [values, places],
            [part(values, 0, 2), part(places, 0, 2)],
            [part(values, length // 2, length // 2 + 1)],
            [values, part(places, 0, 3)],
        ]
        for outputs in wanted:
            expected, got, codes = run(outputs, guarded("right"))
            assert not any("reference" in repr(code) for code in codes)
            for a, b in zip(expected, got, strict=True):
                assert same_bits(a, b)


def test_only_what_is_looked_at_is_sorted():
    x = p.value(content(dtypes.float32, (5, 300)), (5, 300), dtypes.float32)
    values, places = p.sort(x, 1, True)
    (code, *_) = run([part(values, 0, 4), part(places, 2, 7)])[2]
    assert "the first 7" in repr(code)


@pytest.mark.parametrize("level", ["avx2", "sse2"])
def test_narrower_processors_agree(level):
    run_tests_elsewhere(
        __file__, "rows and (float32 or int64 or uint8)", GRADATIM_CPU_FEATURES=level
    )
