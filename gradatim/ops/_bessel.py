"""Bessel functions of orders 0 and 1, and Airy's Ai, as formulas.

Each is a few Chebyshev series, one for each stretch of the axis (`_special_tables`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gradatim.graph.formula import (
    Formula,
    absolute,
    chebyshev,
    cos,
    exp,
    larger,
    log,
    sin,
    smaller,
    sqrt,
    where,
)
from gradatim.ops import _special_tables as table

# The first zeros of J0 and J1.
J0_ZEROS = (2.4048255576957727, 5.520078110286311)
J1_ZEROS = (3.8317059702075125, 7.015586669815619)


# --- I0 and I1, exponentially scaled -------------------------------------------------------------


def i0e(x: Formula) -> Formula:
    """exp(-|x|) I0(x)."""
    size = absolute(x)
    near = chebyshev(smaller(size, 8.0) / 4 - 1, table.I0E_BELOW_8)
    far = larger(size, 8.0)
    return where(size <= 8, near, chebyshev(16 / far - 1, table.I0E_FROM_8) / sqrt(far))


def i1e(x: Formula) -> Formula:
    """exp(-|x|) I1(x)."""
    size = absolute(x)
    near = chebyshev(smaller(size, 8.0) / 4 - 1, table.I1E_BELOW_8) * size
    far = larger(size, 8.0)
    found = where(size <= 8, near, chebyshev(16 / far - 1, table.I1E_FROM_8) / sqrt(far))
    return where(x < 0, -found, found)


def i0(x: Formula) -> Formula:
    return i0e(x) * exp(absolute(x))


def i1(x: Formula) -> Formula:
    return i1e(x) * exp(absolute(x))


def _between(x: Formula, high: float) -> Formula:
    """`x` kept above 0, where logarithms are, and not above `high`."""
    return smaller(larger(x, 5e-324 if x.dtype.itemsize == 8 else 1.5e-45), high)


# --- K0 and K1 -----------------------------------------------------------------------------------


def _k(
    x: Formula, small: Callable[[Formula], Formula], far: tuple[float, ...], scaled: bool
) -> Formula:
    """K from its two stretches: infinite at 0, NaN below."""
    near, away = _between(x, 2.0), larger(x, 2.0)
    low, high = small(near), chebyshev(4 / away - 1, far) / sqrt(away)
    found = where(x <= 2, low * exp(near) if scaled else low, high if scaled else high * exp(-away))
    found = where(x.equals(0.0), math.inf, found)
    return where(x >= 0, found, math.nan)


def _k0_small(x: Formula) -> Formula:
    return chebyshev(x * x / 2 - 1, table.K0_BELOW_2) - log(x * 0.5) * i0(x)


def _k1_small(x: Formula) -> Formula:
    return chebyshev(x * x / 2 - 1, table.K1_BELOW_2) / x + log(x * 0.5) * i1(x)


def k0(x: Formula) -> Formula:
    return _k(x, _k0_small, table.K0_FROM_2, scaled=False)


def k1(x: Formula) -> Formula:
    return _k(x, _k1_small, table.K1_FROM_2, scaled=False)


def k0e(x: Formula) -> Formula:
    """exp(x) K0(x)."""
    return _k(x, _k0_small, table.K0_FROM_2, scaled=True)


def k1e(x: Formula) -> Formula:
    """exp(x) K1(x)."""
    return _k(x, _k1_small, table.K1_FROM_2, scaled=True)


# --- J and Y -------------------------------------------------------------------------------------


def _hankel(x: Formula, order: int) -> tuple[Formula, Formula]:
    """J and Y for x >= 8, as √(2 / πx) times the real and the imaginary part of (P + iQ) exp(i φ),
    φ = x - π/4 - order · π/2 (DLMF 10.17)."""
    p_table, q_table = (table.J0_P, table.J0_Q) if order == 0 else (table.J1_P, table.J1_Q)
    t = 128 / (x * x) - 1
    real, imaginary = chebyshev(t, p_table), chebyshev(t, q_table) / x
    # cos and sin of φ from those of x, so that no digit of a large x is lost in the subtraction
    cosine, sine = cos(x), sin(x)
    scale = sqrt(1 / (math.pi * x))
    if order == 0:
        cosine, sine = cosine + sine, sine - cosine
    else:
        cosine, sine = sine - cosine, -(cosine + sine)
    return (
        scale * (real * cosine - imaginary * sine),
        scale * (real * sine + imaginary * cosine),
    )


def _j_small(x: Formula, order: int) -> Formula:
    square = x * x
    a, b = J0_ZEROS if order == 0 else J1_ZEROS
    series = chebyshev(square / 32 - 1, table.J0_BELOW_8 if order == 0 else table.J1_BELOW_8)
    found = series * ((x - a) * (x + a)) * ((x - b) * (x + b))
    return found * x if order else found


def _j(x: Formula, order: int) -> Formula:
    size = absolute(x)
    found = where(
        size <= 8, _j_small(smaller(size, 8.0), order), _hankel(larger(size, 8.0), order)[0]
    )
    return where(x < 0, -found, found) if order else found


def j0(x: Formula) -> Formula:
    return _j(x, 0)


def j1(x: Formula) -> Formula:
    return _j(x, 1)


def _y(x: Formula, small: Callable[[Formula], Formula], order: int) -> Formula:
    """Y from its two stretches: -infinity at 0, NaN below."""
    near = _between(x, 8.0)
    found = where(x <= 8, small(near), _hankel(larger(x, 8.0), order)[1])
    return where(x >= 0, where(x.equals(0.0), -math.inf, found), math.nan)


def _y0_small(x: Formula) -> Formula:
    series = chebyshev(x * x / 32 - 1, table.Y0_BELOW_8)
    return series + (2 / math.pi) * log(x) * _j_small(x, 0)


def _y1_small(x: Formula) -> Formula:
    series = chebyshev(x * x / 32 - 1, table.Y1_BELOW_8)
    return series * x + (2 / math.pi) * (log(x) * _j_small(x, 1) - 1 / x)


def y0(x: Formula) -> Formula:
    return _y(x, _y0_small, 0)


def y1(x: Formula) -> Formula:
    return _y(x, _y1_small, 1)


def spherical_j0(x: Formula) -> Formula:
    """sin(x) / x; 1 at 0 and 0 at infinity."""
    zero = x.equals(0.0)
    safe = where(zero, 1.0, x)
    found = where(zero, 1.0, sin(safe) / safe)
    return where(absolute(x).equals(math.inf), 0.0, found)


# --- Airy ----------------------------------------------------------------------------------------


def airy_ai(x: Formula) -> Formula:
    """Ai(x): decaying above 0, oscillating below (DLMF 9.7)."""
    size = larger(absolute(x), 2.25)
    root = sqrt(size)
    zeta = size * root * (2 / 3)
    quarter = sqrt(root)
    above = chebyshev(4.5 / larger(zeta, 2.25) - 1, table.AIRY_ABOVE) * exp(-zeta)
    above = above / (quarter * (2 * math.sqrt(math.pi)))
    middle = chebyshev((larger(smaller(x, 2.25), -4.5) + 1.125) / 3.375, table.AIRY_MIDDLE)
    phase = larger(zeta, 6.25)
    t = 78.125 / (phase * phase) - 1
    cosine, sine = cos(phase), sin(phase)  # of ζ; of ζ - π/4: (cos + sin) / √2, (sin - cos) / √2
    below = chebyshev(t, table.AIRY_P) * (cosine + sine)
    below = below + chebyshev(t, table.AIRY_Q) / phase * (sine - cosine)
    below = below / (quarter * math.sqrt(2 * math.pi))
    found = where(x > 2.25, above, where(x < -4.5, below, middle))
    return where(absolute(x).equals(math.inf), math.nan, found)
