"""Functions that the reference engine needs and NumPy does not have."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def _elementwise(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A float function of the C library, over an array, computed in float64."""
    over = np.frompyfunc(function, 1, 1)

    def apply(x: Any) -> Any:
        x = np.asarray(x)
        return np.asarray(over(x.astype(np.float64))).astype(x.dtype)

    return apply


def _lgamma(x: float) -> float:
    if x <= 0 and (x == -math.inf or x == math.floor(x)):
        return math.inf  # the poles, and -inf
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


erf = _elementwise(math.erf)
erfc = _elementwise(math.erfc)
lgamma = _elementwise(_lgamma)


def erfinv(y: Any) -> Any:
    """The x with erf(x) = y: Winitzki's approximation (2008), then Newton's method."""
    y = np.asarray(y)
    wide = y.astype(np.float64)
    inside = np.where(np.abs(wide) < 1, wide, 0.0)
    a = 0.147
    logarithm = np.log1p(-inside * inside)
    term = 2 / (np.pi * a) + logarithm / 2
    x = np.sign(inside) * np.sqrt(np.maximum(np.sqrt(term * term - logarithm / a) - term, 0))
    for _ in range(3):
        # Near 1 the difference of erfs loses its digits; that of the complements keeps them.
        outer = np.where(x >= 0, (1 - inside) - _erfc_wide(x), _erfc_wide(-x) - (1 + inside))
        error = np.where(np.abs(inside) < 0.5, _erf_wide(x) - inside, outer)
        x = x - error * np.sqrt(np.pi) / 2 * np.exp(x * x)
    square = inside * inside  # near 0: Maclaurin's series
    small = inside * (np.sqrt(np.pi) / 2) * (1 + np.pi / 12 * square)
    x = np.where(np.abs(inside) < 1e-4, small, x)
    x = np.where(np.abs(wide) == 1, np.copysign(np.inf, wide), x)
    return np.where(np.abs(wide) > 1, np.nan, np.where(np.isnan(wide), np.nan, x)).astype(y.dtype)


def _erf_wide(x: Any) -> Any:
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x)).astype(np.float64)


def _erfc_wide(x: Any) -> Any:
    return np.asarray(np.frompyfunc(math.erfc, 1, 1)(x)).astype(np.float64)


def digamma(x: Any) -> Any:
    """The logarithmic derivative of the gamma function (Abramowitz and Stegun 6.3.7, 6.3.5 and the
    asymptotic series 6.3.18, from x >= 10 on).
    """
    x = np.asarray(x)
    wide = x.astype(np.float64)
    reflected = wide < 0
    z = np.where(reflected, 1 - wide, wide)
    shift = np.zeros_like(z)
    for _ in range(10):
        low = z < 10
        shift = shift - np.where(low, 1 / z, 0.0)
        z = np.where(low, z + 1, z)
    s = 1 / (z * z)
    series = s * (
        1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - s * 691 / 32760))))
    )
    result = shift + np.log(z) - 0.5 / z - series
    result = np.where(reflected, result - np.pi / np.tan(np.pi * wide), result)
    pole = (wide == np.floor(wide)) & reflected
    result = np.where(pole, np.nan, result)
    result = np.where(wide == 0, -np.copysign(np.inf, wide), result)
    return result.astype(x.dtype)


def sign(x: Array) -> Any:
    """-1, 0 or 1; 0 for NaN."""
    if x.dtype == np.bool_:
        return x
    return np.greater(x, 0).astype(x.dtype) - np.less(x, 0).astype(x.dtype)


def floor_divide(a: Array, b: Array) -> Any:
    """Rounded down; by a floating zero it is what the quotient is (an infinity or NaN)."""
    if np.issubdtype(np.asarray(a).dtype, np.floating):
        return np.where(b == 0, np.divide(a, b), np.floor_divide(a, b))
    return np.floor_divide(a, b)


def remainder(a: Array, b: Array) -> Any:
    """`a - b * floor(a / b)`: the sign of `b`."""
    return np.remainder(a, b)


def power(a: Array, b: Array) -> Any:
    """`a ** b`; of integers a negative power is 0, but for 1 and -1."""
    a, b = np.asarray(a), np.asarray(b)
    if b.dtype.kind != "i":
        return np.power(a, b)
    negative = b < 0
    result = np.power(a, np.where(negative, 0, b))
    sign_only = np.where(b % 2 == 0, 1, -1)
    inverse = np.where(a == 1, 1, np.where(a == -1, sign_only, 0))
    return np.where(negative, inverse, result).astype(a.dtype)


def _bits(x: Array) -> int:
    return int(x.dtype.itemsize * 8)


def shift_left(a: Array, b: Array) -> Any:
    """`a << b`; 0 where `b` is no shift of the type."""
    valid = (b >= 0) & (b < _bits(np.asarray(a)))
    return np.where(valid, np.left_shift(a, np.where(valid, b, 0)), 0).astype(np.asarray(a).dtype)


def shift_right(a: Array, b: Array) -> Any:
    """`a >> b`; the sign (0 or -1) where `b` is no shift of the type."""
    a = np.asarray(a)
    valid = (b >= 0) & (b < _bits(a))
    sign_only = np.right_shift(a, np.array(_bits(a) - 1, a.dtype)) if a.dtype.kind == "i" else 0
    return np.where(valid, np.right_shift(a, np.where(valid, b, 0)), sign_only).astype(a.dtype)
