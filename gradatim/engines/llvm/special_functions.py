"""Special functions: lgamma, digamma and the inverse of erf.

Computed in float64, for results in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from gradatim.engines.llvm import coefficients as c
from gradatim.engines.llvm.emit import Function, Value, constant
from gradatim.engines.llvm.rounding import floor, nearest
from gradatim.engines.llvm.vector_math64 import log, tan, through_double
from gradatim.engines.llvm.vector_tools import polynomial, sign_bit, with_sign

INFINITY = float("inf")
NAN = float("nan")

# Stirling's series of lgamma (Abramowitz and Stegun 6.1.41): B(2k) / (2k (2k - 1)).
STIRLING = (
    1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400,
)  # fmt: skip
# and of digamma (6.3.18): -B(2k) / (2k).
DIGAMMA = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132, 691 / 32760, -1 / 12)


def _sine_of_pi(f: Function, x: Value) -> Value:
    """sin(pi · x) up to its sign, for |x| <= 1/2, by Taylor's series."""
    z = f.mul(x, x)
    terms: Sequence[float] = [
        (-1) ** k * math.pi ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(12)
    ]
    return f.mul(x, polynomial(f, z, terms))


def lgamma(f: Function, x: Value) -> Value:
    """Stirling's series from 9 on, the recurrence below, and the reflection for x < 0:
    lgamma(x) = log(pi / |x sin(pi x)|) - lgamma(-x).
    """
    one, size = constant(1.0, x.type), f.unary("fabs", x)
    low = f.compare("lt", size, 9.0)
    product, z = one, size
    for _ in range(9):
        product, z = f.mul(product, z), f.add(z, 1.0)
    product, z = f.select(low, product, one), f.select(low, z, size)
    inverse = f.div(1.0, z)
    series = f.mul(polynomial(f, f.mul(inverse, inverse), STIRLING), inverse)
    half_log = 0.5 * math.log(2 * math.pi)
    high = f.add(f.fma(f.sub(z, 0.5), f.sub(log(f, z), 1.0), series), half_log - 0.5)
    negative = f.compare("lt", x, 0.0)
    sine = _sine_of_pi(f, f.sub(size, nearest(f, size)))
    reflected = f.mul(f.div(math.pi, f.unary("fabs", f.mul(sine, size))), product)
    correction = log(f, f.select(negative, reflected, product))
    value = f.select(negative, f.sub(correction, high), f.sub(high, correction))
    pole = f.and_(f.compare("le", x, 0.0), f.compare("eq", floor(f, x), x))
    root = f.or_(f.compare("eq", x, 1.0), f.compare("eq", x, 2.0))
    value = f.select(root, 0.0, value)
    infinite = f.or_(pole, f.compare("eq", size, INFINITY))
    return f.select(infinite, constant(INFINITY, x.type), value)


def digamma(f: Function, x: Value) -> Value:
    """The asymptotic series from 10 on, the recurrence below, and for x < 0 the reflection
    digamma(x) = digamma(1 - x) - pi / tan(pi x).
    """
    negative = f.compare("lt", x, 0.0)
    z = f.select(negative, f.sub(1.0, x), x)
    above, below = constant(0.0, x.type), constant(1.0, x.type)
    for _ in range(10):  # the sum of 1 / (z + k), as one fraction
        more = f.compare("lt", z, 10.0)
        above = f.select(more, f.fma(above, z, below), above)
        below = f.select(more, f.mul(below, z), below)
        z = f.select(more, f.add(z, 1.0), z)
    inverse = f.div(1.0, z)
    square = f.mul(inverse, inverse)
    series = f.mul(polynomial(f, square, DIGAMMA), square)
    value = f.sub(f.add(f.sub(log(f, z), f.mul(inverse, 0.5)), series), f.div(above, below))
    fraction = f.mul(f.sub(x, nearest(f, x)), math.pi)
    value = f.select(negative, f.sub(value, f.div(math.pi, tan(f, fraction))), value)
    whole = f.compare("eq", floor(f, x), x)
    value = f.select(f.and_(negative, whole), constant(NAN, x.type), value)
    pole = with_sign(f, constant(INFINITY, x.type), f.xor(sign_bit(f, x), -(2**63)))
    value = f.select(f.compare("eq", x, INFINITY), x, value)
    return f.select(f.compare("eq", x, 0.0), pole, value)


def erfinv(f: Function, x: Value) -> Value:
    """x p(w) for w = -log(1 - x²), and in the tails x q(sqrt(w)) (M. Giles, *GPU Computing Gems*,
    ch. 10, 2012), to float32's precision.
    """
    w = f.neg(log(f, f.mul(f.sub(1.0, x), f.add(x, 1.0))))
    middle = polynomial(f, f.sub(w, 2.5), c.ERFINV)
    root = f.unary("sqrt", f.select(f.compare("gt", w, 1.0), w, constant(1.0, x.type)))
    tail = polynomial(f, f.sub(root, 3.2), c.ERFINV_TAIL)
    value = f.mul(x, f.select(f.compare("lt", w, 5.0), middle, tail))
    size = f.unary("fabs", x)
    edge = f.select(f.compare("eq", size, 1.0), f.mul(x, INFINITY), value)
    return f.select(f.compare("gt", size, 1.0), constant(NAN, x.type), edge)


FLOAT32: dict[str, Callable[..., Value]] = {
    "lgamma": through_double(lgamma),
    "digamma": through_double(digamma),
    "erfinv": through_double(erfinv),
}
