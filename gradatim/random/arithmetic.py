"""Arithmetic to the last bit, on arrays: what random draws need to equal PyTorch's.

PyTorch's loops are compiled C++. Two things about them are visible in the bits of a draw, and
NumPy alone has neither: `x * scale + offset` is one fused multiply-add, rounded once; and `log`,
`cos` and their kin are the C library's, while NumPy on some processors (AVX-512) has its own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

CHUNK = 1 << 14
"""Elements worked on at a time (a multiple of 16), so that temporaries stay in the cache."""

Array = np.ndarray[Any, Any]

_SPLITTER = 134217729.0  # 2**27 + 1, Veltkamp's constant: cuts 53 bits in 26 and 26 and a sign
_SAFE = 2.0**900  # beyond it (and below 1/_SAFE) the splitting overflows (underflows)


def piecewise(formula: Callable[[Array], Array], x: Array, dtype: Any = None) -> Array:
    """`formula(x)` for a formula of each element alone, a piece at a time.

    Args:
        formula: from a 1-d array to one of the same length.
        x: any shape.
        dtype: of the result; that of `x` by default.
    """
    flat = np.ascontiguousarray(x).reshape(-1)
    result = np.empty(flat.shape, x.dtype if dtype is None else dtype)
    for start in range(0, flat.size, CHUNK):
        result[start : start + CHUNK] = formula(flat[start : start + CHUNK])
    return result.reshape(x.shape)


def fused_multiply_add(x: Array, scale: float, offset: float) -> Array:
    """`x * scale + offset`, rounded once, as a processor's FMA instruction does it.

    Args:
        x: float32 or float64, any shape.
        scale, offset: numbers; for a float32 `x` they must be float32 values.

    Returns:
        An array of x's shape and dtype.

    Source: S. Boldo and G. Melquiond, "Emulation of FMA and correctly rounded sums: proved
    algorithms using rounding to odd", IEEE Transactions on Computers 57 (2008), figure 3.

    Example:
        >>> tiny = np.array([1 + 2.0**-30])
        >>> tiny * tiny[0] - (1 + 2.0**-29)  # the product was rounded: its last bit is lost
        array([0.])
        >>> fused_multiply_add(tiny, tiny[0], -(1 + 2.0**-29)) == 2.0**-60
        array([ True])
    """
    formula = _fused_single if x.dtype == np.float32 else _fused_double
    return piecewise(lambda piece: formula(piece, float(scale), float(offset)), x)


def _fused_single(x: Array, scale: float, offset: float) -> Array:
    product = x.astype(np.float64) * scale  # exact: 24 and 24 bits fit in 53
    return _sum_rounded_to_odd(product, np.float64(offset)).astype(np.float32)


def _fused_double(x: Array, scale: float, offset: float) -> Array:
    if scale == 0 or not 1 / _SAFE < abs(scale) < _SAFE:
        return x * scale + offset
    high, low = _exact_product(x, scale)
    sum_high, sum_low = _exact_sum(np.float64(offset), low)
    total, rest = _exact_sum(high, sum_high)
    return total + _sum_rounded_to_odd(sum_low, rest)


def _exact_product(x: Array, y: float) -> tuple[Array, Array]:
    """The rounded product and its rounding error (Dekker 1971)."""
    product = x * y
    x_high, x_low = _split(x)
    y_high, y_low = _split(np.float64(y))
    error = ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low
    return product, error


def _split(x: Any) -> tuple[Any, Any]:
    scaled = _SPLITTER * x
    high = scaled - (scaled - x)
    return high, x - high


def _exact_sum(a: Any, b: Any) -> tuple[Array, Array]:
    """The rounded sum and its rounding error (Knuth's TwoSum)."""
    total = a + b
    b_there = total - a
    return total, (a - (total - b_there)) + (b - b_there)


def _sum_rounded_to_odd(a: Array, b: Any) -> Array:
    """a + b, and where that is not exact, the neighbour whose last bit is 1: rounding the result
    once more, to fewer bits, then gives what rounding the exact sum would have given.
    """
    total, error = _exact_sum(a, b)
    inexact = error != 0
    if inexact.any():
        bits = total.view(np.int64)
        bits -= inexact & (np.signbit(error) != np.signbit(total))  # cut off, instead of rounded up
        bits |= inexact
    return total


def libm(name: str, x: Array) -> Array:
    """`math.<name>` of every element: the C library's, at NumPy's speed where NumPy uses that.

    Args:
        name: "log", "log1p", "exp", "cos", "sin" or "tan".
        x: float64. (float32 has no C library to equal: it gets NumPy's function.) Where the result
            is infinite or NaN there is no warning.

    Example:
        >>> libm("cos", np.array([0.0])).tolist()
        [1.0]
    """
    with np.errstate(all="ignore"):
        result = getattr(np, name)(x)
    if x.dtype == np.float32 or _numpy_is_libm(name):
        return result
    return _one_by_one(name, x, result)


def _one_by_one(name: str, x: Array, result: Array) -> Array:
    finite = np.isfinite(result)
    exact = map(getattr(math, name), x[finite].tolist())
    result[finite] = np.fromiter(exact, np.float64, count=int(finite.sum()))
    return result


@functools.cache
def _numpy_is_libm(name: str) -> bool:
    """Whether NumPy's `name` gives the C library's bits: tried once, on 4,096 numbers."""
    probe = np.linspace(2.0**-20, 1.0 - 2.0**-20, 4096)
    return bool(
        np.array_equal(getattr(np, name)(probe), [getattr(math, name)(v) for v in probe.tolist()])
    )
