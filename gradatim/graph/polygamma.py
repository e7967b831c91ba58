"""The derivatives of log Γ: Hurwitz's zeta function and the polygamma functions, in primitives.

They stand here and not in `ops/` because the gradient of the primitive `digamma` is one of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import float64
from gradatim.graph.formula import (
    Formula,
    cos,
    floor,
    larger,
    nearest,
    polynomial,
    power,
    remainder,
    sin,
    where,
)
from gradatim.graph.node import Node, mode

SHIFT = 10  # terms that are added one by one before the series of Euler and Maclaurin takes over
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330,
)  # fmt: skip


def _positive_zeta(s: Formula | int, q: Formula) -> Formula:
    """Σ 1 / (q + k)^s for q > 0 (Euler and Maclaurin's formula, DLMF 25.11.5 in full)."""

    def inverse_power(x: Formula) -> Formula:
        return (1 / x) ** s if isinstance(s, int) else power(x, -s)

    total = inverse_power(q)
    for k in range(1, SHIFT):
        total = total + inverse_power(q + k)
    far = q + SHIFT
    step: Formula | float = 1 / far
    term = step * s
    bracket = far / (s - 1) + 0.5 if isinstance(s, Formula) else far * (1 / (s - 1)) + 0.5
    for j, b in enumerate(_BERNOULLI, 1):
        bracket = bracket + term * (b / math.factorial(2 * j))
        term = term * (step * (s + (2 * j - 1))) * (step * (s + 2 * j))
    return total + inverse_power(far) * bracket


def zeta(s: Formula, q: Formula) -> Formula:
    """Hurwitz's zeta function Σ_{k≥0} 1 / (q + k)^s.

    As in PyTorch: infinite at s = 1 and where q is 0, -1, -2 ...; NaN for s < 1, and for other
    negative q unless s is whole.
    """
    power_, x = s.to(float64), q.to(float64)
    safe = where(power_ > 1, power_, 2.0)
    below = x <= 0
    whole = floor(safe).equals(safe)
    # Of a negative q the terms with a negative base are summed from the other end:
    # |q|, |q| - 1 ... f with f in (0, 1), which is ζ(s, f) - ζ(s, |q| + 1).
    size = larger(-x, 0.0)
    fraction = size - floor(size)
    at_pole = below & fraction.equals(0.0)
    inner = where(at_pole, 0.5, fraction)
    right = _positive_zeta(safe, where(below, 1 - inner, x))
    left = _positive_zeta(safe, where(below, inner, 1.0)) - _positive_zeta(safe, size + 1)
    odd = remainder(safe, 2.0).equals(1.0)
    found = where(below, right + where(odd, -left, left), right)
    found = where(below & ~whole, math.nan, found)
    found = where(at_pole | power_.equals(1.0), math.inf, found)
    return where((power_ < 1) | ~power_.equals(power_), math.nan, found).to(s.dtype)


def _cotangent_derivative(order: int) -> Sequence[int]:
    """The polynomial P with d^n cot(x) / dx^n = P(cot x); d cot(x) / dx is -(1 + cot² x)."""
    coefficients = [0, 1]
    for _ in range(order):
        slope = [k * c for k, c in enumerate(coefficients)][1:]
        coefficients = [0] * (len(slope) + 2)
        for k, c in enumerate(slope):
            coefficients[k] -= c
            coefficients[k + 2] -= c
    return coefficients


def polygamma(n: int, x: Node) -> Node:
    """The n-th derivative of digamma, in the dtype of `x` (float32 or float64).

    Below 0 by reflection (DLMF 5.15.6). At the poles it is infinite.
    """
    if n == 0:
        return p.digamma(x)
    if not (mode.recording and x.history):
        return _polygamma(n, x)
    result = _polygamma(n, p.stop_gradient(x))

    def backward(grads: Sequence[Node | None]) -> list[Node | None]:
        g = grads[0]
        return [None if g is None else p.mul(g, polygamma(n + 1, x))]

    return p.custom_gradient([result], [x], backward)[0]


def _polygamma(n: int, x: Node) -> Node:
    # In float32 the factorials of high orders overflow, and the reflection loses digits.
    z = Formula(x) if n == 1 else Formula(x).to(float64)
    below = z <= 0
    scale = _factorial(n) * (-1) ** (n + 1)
    direct = _positive_zeta(n + 1, where(below, 1 - z, z)) * scale
    near = z - nearest(z)
    pole = below & near.equals(0.0)
    near = where(pole, 0.5, near) * math.pi
    steep = polynomial(cos(near) / sin(near), [float(c) for c in _cotangent_derivative(n)])
    reflected = (-direct if n % 2 else direct) - steep * math.pi ** (n + 1)
    found = where(below, reflected, direct)
    return where(pole, math.inf if n % 2 else -math.inf, found).to(x.dtype).node


def _factorial(n: int) -> float:
    return float(math.factorial(n)) if n <= 170 else math.inf
