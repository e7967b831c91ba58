"""The regularized incomplete gamma functions P(a, x) and Q(a, x) = 1 - P, as formulas.

Four methods, each where it is exact: two series for small x, a continued fraction for large x, and
N. M. Temme's uniform expansion ("The asymptotic expansion of the incomplete gamma functions", 1979)
around x = a for a > 20. All elements go through all four in float64, with a fixed number of terms,
so that the whole is one loop without jumps.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

from gradatim.graph.dtypes import float64
from gradatim.graph.formula import (
    Formula,
    absolute,
    erfc,
    exp,
    expm1,
    larger,
    lgamma,
    log,
    polynomial,
    smaller,
    sqrt,
    where,
)

_LARGE = 20.0  # of a: from here on Temme's expansion
_NEAR = 0.5  # of |x - a| / a
_SMALL = 1.5  # of x: to here the series
_TOGETHER = 4  # terms to a division
_HUGE = 1e60  # what four factors may be without overflow; the result is 0 or 1 long before


class _Terms(NamedTuple):
    """How many each method takes for full precision."""

    series: int  # (the slowest series left is that of x = a / 2, or of a = x = 20)
    fraction: int
    alternating: int
    orders: int  # of Temme's expansion, in 1 / a
    powers: int  # and in η


_TERMS = {4: _Terms(28, 24, 14, 5, 11), 8: _Terms(56, 64, 26, 13, 25)}  # by the bytes of the dtype


def lower(a: Formula, x: Formula) -> Formula:
    """P(a, x)."""
    return _both(a, x)[0]


def upper(a: Formula, x: Formula) -> Formula:
    """Q(a, x)."""
    return _both(a, x)[1]


def density(a: Formula, x: Formula) -> Formula:
    """The slope of P in x: x^(a - 1) exp(-x) / Γ(a)."""
    return exp((a - 1) * log(x) - x - lgamma(a))


def _both(a: Formula, x: Formula) -> tuple[Formula, Formula]:
    dtype, terms = a.dtype, _TERMS[a.dtype.itemsize]
    a, x = a.to(float64), x.to(float64)
    inside = (a > 0) & (x > 0) & (a < math.inf) & (x < math.inf)
    shape, point = where(inside, a, 1.0), where(inside, x, 1.0)

    uniform = (shape > _LARGE) & (absolute(point - shape) < shape * _NEAR)
    fraction = ~uniform & (point > _SMALL) & (point > shape)
    # x^a exp(-x) / Γ(a + 1), which every method but Temme's begins with
    logarithm, log_gamma = log(point), _log_gamma(shape + 1)
    front = exp(shape * logarithm - point - log_gamma)
    p_uniform, q_uniform = _temme(where(uniform, shape, 30.0), where(uniform, point, 30.0), terms)
    tail = _continued_fraction(
        where(fraction, shape, 1.0), where(fraction, point, 2.0), terms.fraction
    )
    q_fraction = front * shape / tail
    a_series = where(uniform | fraction, 1.0, shape)
    x_series = where(uniform | fraction, 1.0, point)
    p_series = front * _series(a_series, x_series, terms.series)
    small = (shape < 1) & (point <= _SMALL)
    q_small = _complement_series(
        where(small, shape, 0.5), where(small, point, 1.0), shape * logarithm, log_gamma,
        terms.alternating,
    )  # fmt: skip
    q_series = where(small, q_small, 1 - p_series)
    p = where(uniform, p_uniform, where(fraction, 1 - q_fraction, p_series))
    q = where(uniform, q_uniform, where(fraction, q_fraction, q_series))

    # The edges: nothing below x = 0, all of it below infinity; a = 0 has all of it at 0.
    none = x.equals(0.0) | a.equals(math.inf)
    full = a.equals(0.0) | x.equals(math.inf)
    known = a.equals(a) & x.equals(x)
    wrong = (a < 0) | (x < 0) | (none & full) | (a.equals(0.0) & ~known)
    p = where(wrong, math.nan, where(none, 0.0, where(full, 1.0, where(known, p, math.nan))))
    q = where(wrong, math.nan, where(none, 1.0, where(full, 0.0, where(known, q, math.nan))))
    return p.to(dtype), q.to(dtype)


def _log_gamma(x: Formula) -> Formula:
    """log Γ(x) for x >= 1, by Stirling's series (DLMF 5.11.1) at x + 8: here its absolute error is
    what counts, and the primitive's care for the relative one near its zeros costs much more."""
    product = x
    for k in range(1, 8):
        product = product * (x + k)
    far = x + 8
    inverse = 1 / far
    series = inverse * polynomial(
        inverse * inverse,
        (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400),
    )
    stirling = (far - 0.5) * log(far) - far + (series + 0.5 * math.log(2 * math.pi))
    # (of large x the product overflows, and is not needed: the series does without the shift)
    large = x > 1e8
    shifted = stirling - log(where(large, 1.0, product))
    return where(large, (x - 0.5) * log(x) - x + 0.5 * math.log(2 * math.pi), shifted)


def _series(a: Formula, x: Formula, terms: int) -> Formula:
    """Σ x^n / ((a + 1) ... (a + n)), from the last term: P without its front (DLMF 8.7.1)."""
    # As a fraction, divided out every few terms: a division takes as long as ten products.
    a, x = smaller(a, _HUGE), smaller(x, _HUGE)
    total, below = a.number(1.0), a.number(1.0)
    for n in range(terms, 0, -1):
        factor = a + n
        below = below * factor
        total = below + x * total
        if n % _TOGETHER == 1:
            total, below = total / below, a.number(1.0)
    return total


def _continued_fraction(a: Formula, x: Formula, terms: int) -> Formula:
    """x^a exp(-x) / (Γ(a) Q) as Legendre's continued fraction (DLMF 8.9.2, contracted), from its
    far end."""
    a, x = smaller(a, _HUGE), smaller(x, _HUGE)
    base = x - a
    tail, below = base + (2 * terms + 1), a.number(1.0)
    for n in range(terms, 0, -1):
        tail, below = (base + (2 * n - 1)) * tail - n * (n - a) * below, tail
        if n % _TOGETHER == 1:
            tail, below = tail / below, a.number(1.0)
    return tail


def _complement_series(
    a: Formula, x: Formula, a_log_x: Formula, log_gamma: Formula, terms: int
) -> Formula:
    """Q for small a and x, without the cancellation in 1 - P (DLMF 8.7.1, first form):
    1 - x^a / Γ(a + 1) - x^a / Γ(a) Σ (-x)^n / (n! (a + n))."""
    # log Γ(1 + a) near a = 0, where the subtraction in it loses digits, by its series (DLMF 5.7.3)
    near = a * polynomial(
        a, (-0.5772156649015329, math.pi**2 / 12, -1.2020569031595942 / 3, math.pi**4 / 360)
    )
    exponent = a_log_x - where(a < 1e-3, near, log_gamma)
    total = a.number(0.0)
    power = x.number(1.0)
    for n in range(1, terms + 1):
        power = power * (x / -n)
        total = total + power / (a + n)
    return -expm1(exponent) - exp(exponent) * a * total


def _temme(a: Formula, x: Formula, terms: _Terms) -> tuple[Formula, Formula]:
    mu = (x - a) / a
    # ½ η² = μ - log(1 + μ), without cancellation: by the series of atanh in z = μ / (2 + μ)
    z = mu / (mu + 2)
    square = z * z
    half = mu * z - 2 * z * square * polynomial(square, [1 / (2 * k + 3) for k in range(18)])
    half = larger(half, 0.0)
    eta = sqrt(2 * half)
    eta = where(mu < 0, -eta, eta)
    inverse = 1 / a
    total = a.number(0.0)
    for row in reversed(_temme_coefficients(terms.orders, terms.powers)):
        total = total * inverse + polynomial(eta, row)
    rest = exp(-a * half) / sqrt(2 * math.pi * a) * total
    argument = eta * sqrt(a * 0.5)
    return 0.5 * erfc(-argument) - rest, 0.5 * erfc(argument) + rest


@functools.cache
def _temme_coefficients(orders: int, powers: int) -> tuple[tuple[float, ...], ...]:
    """d[k][n] of c_k(η) = Σ d[k][n] η^n (DLMF 8.12.9 to 8.12.12), in exact arithmetic.

    From λ = 1 + Σ α_n η^n, whose derivative is λ' = η λ / (λ - 1).
    """
    from fractions import Fraction

    count = powers + 2 * orders + 2
    alpha = [Fraction(0), Fraction(1)]
    for n in range(2, count + 1):
        # the coefficient of η^n in (λ - 1) λ' = η λ, for the unknown α_n
        known = sum((alpha[j] * (n + 1 - j) * alpha[n + 1 - j] for j in range(2, n)), Fraction(0))
        alpha.append((alpha[n - 1] - known) / (n + 1))
    zeroth = [Fraction(-1, 3)] + [(n + 2) * alpha[n + 2] for n in range(1, count - 1)]
    rows = [zeroth]
    stirling = Fraction(1)
    for k in range(1, orders):
        stirling = math.prod(range(1, 2 * k + 2, 2)) * alpha[2 * k + 1]
        before = rows[-1]
        rows.append(
            [
                (-1) ** k * stirling * zeroth[n] + (n + 2) * before[n + 2]
                for n in range(len(before) - 2)
            ]
        )
    return tuple(tuple(float(c) for c in row[:powers]) for row in rows)


__all__ = ["density", "lower", "upper"]
