"""The normal distribution's functions as formulas: erfcx, Φ, its logarithm and its inverse."""

from __future__ import annotations

import math

from gradatim.graph.formula import (
    Formula,
    absolute,
    chebyshev,
    erfc,
    exp,
    larger,
    log,
    log1p,
    smaller,
    sqrt,
    where,
)
from gradatim.ops import _special_tables as table

_MIDDLE = 0.5 - math.exp(-2.0)  # how far from ½ the middle stretch of the quantile reaches


def erfcx(x: Formula) -> Formula:
    """exp(x²) erfc(x), which neither overflows nor underflows above 0 (M. M. Shepherd and
    J. G. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x", 1981)."""
    size = absolute(x)
    found = chebyshev(1 - 7.5 / (size + 3.75), table.ERFCX) / (1 + 2 * size)
    return where(x < 0, 2 * exp(size * size) - found, found)


def ndtr(x: Formula) -> Formula:
    """Φ(x), the area under the bell up to x."""
    return erfc(x * -math.sqrt(0.5)) * 0.5


def density(x: Formula) -> Formula:
    return exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))


def log_ndtr(x: Formula) -> Formula:
    """log Φ(x), exact far below 0 too, where Φ itself underflows."""
    scaled = x * math.sqrt(0.5)
    low = smaller(scaled, -math.sqrt(0.5))
    below = log(erfcx(-low) * 0.5) - low * low
    return where(x < -1, below, log1p(erfc(larger(scaled, -1.0)) * -0.5))


def ndtri(p: Formula) -> Formula:
    """The x with Φ(x) = p: -∞ at 0, ∞ at 1, NaN outside."""
    y = p - 0.5
    inner = where(absolute(y) <= _MIDDLE, y, 0.0)
    middle = inner * chebyshev(inner * inner * (2 / _MIDDLE**2) - 1, table.NDTRI_MIDDLE)
    tail = smaller(p, 1 - p)
    z = sqrt(-2 * log(where((tail > 0) & (tail < 0.25), tail, 0.1)))
    near, far = smaller(z, 8.0), larger(z, 8.0)
    rest = where(
        z <= 8,
        chebyshev((16 / near - 5) / 3, table.NDTRI_BELOW_8),
        chebyshev((80 / far - 6) / 4, table.NDTRI_FROM_8),
    )
    size = z - log(z) / z - rest / z
    found = where(absolute(y) <= _MIDDLE, middle, where(y < 0, -size, size))
    found = where(tail.equals(0.0), where(y < 0, -math.inf, p.number(math.inf)), found)
    return where((p >= 0) & (p <= 1), found, math.nan)


def entr(x: Formula) -> Formula:
    """-x log x; 0 at 0 and -∞ below."""
    inside = where(x > 0, x, 1.0)
    found = where(x > 0, -x * log(inside), where(x.equals(0.0), 0.0, x.number(-math.inf)))
    return where(x.equals(x), found, x)
