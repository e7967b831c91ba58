"""The same arrays in Gradatim's namespace and in the reference's."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

# float64: other implementations of exp, log ..., and sums in another order; float32 the same.
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def numbers(dtype, shape, seed, special=False):
    """Numbers of a dtype: small ones, and, if wanted, NaN, infinities and zeros of both signs."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if "int" in dtype:
        low = 0 if dtype.startswith("u") else -7
        return rng.integers(low, 8, shape).astype(dtype)
    found = rng.normal(size=shape).astype(dtype)
    if special:
        odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.0, 0.5], dtype)
        found = np.where(rng.uniform(size=shape) < 0.7, rng.choice(odd, shape), found)
    return np.asarray(found, dtype)


def dtype_name(dtype):
    return str(dtype).rsplit(".", 1)[-1].strip("'>")


def check(ours, theirs, where=""):
    """The same structure, dtypes, shapes and values."""
    if isinstance(theirs, (tuple, list)) and not hasattr(theirs, "dtype"):
        assert len(ours) == len(theirs), where
        for a, b in zip(ours, theirs):
            check(a, b, where)
        return
    if not hasattr(theirs, "dtype"):
        assert ours == theirs, where
        return
    name = dtype_name(theirs.dtype)
    assert dtype_name(ours.dtype) == name, where
    assert tuple(ours.shape) == tuple(theirs.shape), where
    mine, other = np.asarray(ours), np.asarray(theirs._array)
    if name in TOLERANCE:
        tolerance = TOLERANCE[name]
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance, err_msg=where)
        zeros = (mine == 0) & (other == 0)
        assert (np.signbit(mine) == np.signbit(other))[zeros].all(), f"{where}: sign of zero"
    else:
        np.testing.assert_array_equal(mine, other, err_msg=where)


@pytest.fixture(scope="session")
def both():
    strict = pytest.importorskip("array_api_strict")
    import gradatim.array_api as xp

    strict.set_array_api_strict_flags(api_version="2024.12")

    def agree(run, *arrays, where=""):
        with np.errstate(all="ignore"):
            theirs = run(strict, *(strict.asarray(a.copy()) for a in arrays))
        check(run(xp, *(xp.asarray(a.copy()) for a in arrays)), theirs, where)

    return SimpleNamespace(xp=xp, strict=strict, agree=agree, numbers=numbers)
