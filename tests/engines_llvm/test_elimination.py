"""Systems, inverses and determinants by native elimination, against the reference engine."""

from __future__ import annotations

import numpy as np
import pytest

from gradatim.engines.llvm.elimination import LARGEST, Elimination
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from tests.engines_llvm.engines import guarded, run, run_tests_elsewhere

# Largest errors, of the largest element: a few hundred roundings of well-conditioned matrices.
BOUNDS = {dtypes.float32: 1e-4, dtypes.float64: 1e-12}


def leaf(array, dtype):
    return p.value(np.ascontiguousarray(array, dtype.numpy), array.shape, dtype)


def matrices(batch, n, dtype):
    """Well conditioned, and with the largest element of a column anywhere in it."""
    rng = np.random.default_rng(n)
    turned = np.linalg.qr(rng.normal(size=(*batch, n, n)))[0]
    return leaf(turned * rng.uniform(1, 2, (*batch, 1, n)), dtype)


def outputs_of(batch, n, dtype, columns=5):
    a = matrices(batch, n, dtype)
    b = leaf(np.random.default_rng(0).normal(size=(*batch, n, columns)), dtype)
    unit = leaf(np.eye(n) + np.random.default_rng(1).normal(size=(*batch, n, n)) / (4 * n), dtype)
    found = [*p.solve(a, b, None), *p.inv(a, None), p.det(a), *p.slogdet(a)]
    for upper in (False, True):
        found += [p.triangular_solve(unit, b, upper, ones) for ones in (False, True)]
    return found


def check(outputs, bound, place=lambda array: array):
    expected, got, codes = run(outputs, place)
    for a, b in zip(expected, got, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert np.max(np.abs(a - b), initial=0) <= bound * np.max(np.abs(a), initial=1)
    return codes


@pytest.mark.parametrize("dtype", BOUNDS, ids=lambda d: d.name)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 15, 16, 17, 50, 131])
def test_every_size_agrees(n, dtype):
    codes = check(outputs_of((), n, dtype), BOUNDS[dtype])
    assert not any("reference" in repr(code) for code in codes)


@pytest.mark.parametrize("batch", [(1,), (3,), (2, 2)])
def test_every_batch_agrees(batch):
    check(outputs_of(batch, 6, dtypes.float64), 1e-12)


@pytest.mark.parametrize("columns", [1, 15, 16, 17, 64, 70])
def test_every_number_of_columns_agrees(columns):
    check(outputs_of((), 9, dtypes.float32, columns), 1e-4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_nothing_outside_is_touched(side):
    check(outputs_of((2,), 7, dtypes.float32), 1e-4, guarded(side))


@pytest.mark.parametrize("level", ["avx2", "sse2"])
def test_narrower_processors_agree(level):
    run_tests_elsewhere(__file__, "every_size or touched", GRADATIM_CPU_FEATURES=level)


def test_a_permuted_operand_agrees():
    a = p.permute(matrices((3,), 6, dtypes.float64), (0, 2, 1))
    check([p.inv(a, None)[0], p.det(a)], 1e-12)


def test_singular_matrices_are_told_from_others():
    a = leaf(np.array([[[1.0, 2], [2, 4]], [[1, 0], [0, 1]], [[0, 0], [0, 0]]]), dtypes.float64)
    _, (inverse, info, sign, size, det), _ = run([*p.inv(a, None), *p.slogdet(a), p.det(a)])
    assert info.tolist() == [2, 0, 1] and np.isnan(inverse).all((1, 2)).tolist() == [
        True,
        False,
        True,
    ]
    assert sign.tolist() == [0, 1, 0] and size.tolist() == [-np.inf, 0, -np.inf]
    assert np.abs(det).tolist() == [0, 1, 0]


def test_large_matrices_are_lapacks():
    a = matrices((), LARGEST + 1, dtypes.float32)
    _, _, codes = run([p.det(a)])
    assert not any(isinstance(code, Elimination) for code in codes)
