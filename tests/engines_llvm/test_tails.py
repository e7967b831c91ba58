"""Lanes of vectors: what is computed in lanes beyond the end of a row is seen by nobody.

With x / x such a lane holds 0 / 0, and a NaN that is not kept out shows in the result.
"""

from __future__ import annotations

import numpy as np
import pytest

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from tests.engines_llvm.engines import run, run_tests_elsewhere, same_bits

ROWS = 8
LAYOUTS = {
    "plain": lambda x, n: x[: ROWS * n].reshape(ROWS, n),
    "backwards": lambda x, n: x[: ROWS * n].reshape(ROWS, n)[:, ::-1],
    "every other": lambda x, n: x.reshape(ROWS, 2 * n)[:, ::2],
    "transposed": lambda x, n: x[: ROWS * n].reshape(n, ROWS).T,
}


def ratios(x):
    """Results of x / x = 1: sums along rows and columns, product, maximum, shares."""
    one = p.div(x, x)
    total = p.sum_(one, (1,))
    share = p.div(one, p.reshape(total, (ROWS, 1)))
    return [total, p.sum_(one, (0,)), p.prod(one, (1,)), p.max_(one, (1,)), share]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64])
def test_nothing_beyond_the_end_is_seen(dtype, layout):
    for n in (3, 7, 13, 18, 49):
        content = np.arange(1, 2 * ROWS * n + 1).astype(dtype.numpy)
        x = p.value(LAYOUTS[layout](content, n), (ROWS, n), dtype)
        for k, outputs in enumerate([[one] for one in ratios(x)]):
            expected, got, _ = run(outputs)
            assert same_bits(expected[0], got[0]), (n, k, got[0][:3])


@pytest.mark.parametrize("level", ["avx2", "sse2"])
def test_narrower_processors_agree(level):
    run_tests_elsewhere(__file__, "beyond", GRADATIM_CPU_FEATURES=level)


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16])
def test_denormal_halves_are_numbers(dtype):
    """Gathered lanes of a product whose rows lie 24 numbers apart in blocks of 8."""
    smallest = (
        float(np.finfo(np.float16).smallest_subnormal) if dtype is dtypes.float16 else 2**-133
    )
    content = (np.arange(1, 5 * 3 * 8 + 1) * smallest).astype(dtype.numpy).reshape(5, 3, 8, 1)
    x = p.value(content, content.shape, dtype)
    weights = p.value(np.array([[1, 2, 4]], dtype.numpy), (1, 3), dtype)
    expected, got, _ = run([p.contract(x, weights, (1, 3), (1, 0), (), ())])
    assert same_bits(expected[0], got[0])
    assert got[0].astype(np.float64).min() > 0
