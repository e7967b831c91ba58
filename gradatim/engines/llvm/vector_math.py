"""Vector math: exp, log, tanh and their like as straight-line vector code, float32.

Each function takes and gives a `float` vector of any number of lanes (or a scalar), is right to 2
ulp at most for every argument (denormal ones and results too), and gives NaN, infinities and signed
zeros as C99 does. No tables, and no branches but the one for huge arguments of sin and cos.

The methods are the usual ones: arguments are reduced to a small interval (W. J. Cody and W. Waite,
*Software Manual for the Elementary Functions*, 1980), where a polynomial of smallest largest error
does the rest (J.-M. Muller, *Elementary Functions*, 2016; coefficients: tools/fit_polynomials.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gradatim.engines.llvm import coefficients as c
from gradatim.engines.llvm.emit import Function, Value, constant
from gradatim.engines.llvm.vector_tools import (
    at_least,
    at_most,
    bits,
    bits_of,
    from_bits,
    integer_type,
    nearest_multiple,
    polynomial,
    reduced,
    scale,
    sign_bit,
    with_sign,
)

LOG2_E = 1 / math.log(2)


def _exp_parts(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """exp(x) = p · 2^n: p, n as a float and n as an integer; |x| below 128."""
    n, n_bits = nearest_multiple(f, x, LOG2_E)
    r = reduced(f, x, n, *c.LN2)
    p = f.fma(f.mul(r, r), polynomial(f, r, c.EXP), r)
    return f.add(p, 1.0), n, n_bits


def exp(f: Function, x: Value) -> Value:
    x = at_most(f, at_least(f, x, -104.5), 89.0)  # where it is 0 and infinite
    return scale(f, *_exp_parts(f, x))


def sigmoid(f: Function, x: Value) -> Value:
    """1 / (1 + e^-x) for x >= 0, e^x / (1 + e^x) for x < 0: neither overflows."""
    negative = from_bits(f, f.or_(bits(f, x), bits_of(-0.0, integer_type(x))))
    e = scale(f, *_exp_parts(f, at_least(f, negative, -104.5)))
    one = constant(1.0, x.type)
    # With q = e / (1 + e) the result is 1 - q or e - e q: the rounding of 1 + e counts for less.
    q = f.div(e, f.add(e, one))
    above = f.select(f.compare("lt", x, 0.0), e, one)
    return f.fma(f.neg(above), q, above)


def tanh(f: Function, x: Value) -> Value:
    """x + x³ p(x²) near 0, 1 - 2 / (e^2x + 1) elsewhere: there its quotient is less than 0.4, and
    an error of it counts for little. 10 is past where tanh rounds to 1.
    """
    sign, size = sign_bit(f, x), f.unary("fabs", x)
    square = f.mul(x, x)
    near = f.fma(f.mul(square, x), polynomial(f, square, c.TANH), x)
    y = at_most(f, size, 10.0)
    n, n_bits = nearest_multiple(f, y, 2 * LOG2_E)
    power = polynomial(f, f.fma(y, 2 * LOG2_E, f.neg(n)), c.EXP2_SHORT)
    e = from_bits(f, f.add(bits(f, power), f.shl(n_bits, 23)))
    far = f.sub(1.0, f.div(2.0, f.add(e, 1.0)))
    return f.select(f.compare("ge", size, 0.7), with_sign(f, far, sign), near)


def _log_parts(f: Function, x: Value) -> tuple[Value, Value]:
    """x = (1 + m) · 2^k with 1 + m from 2/3 to 4/3: k as a float, and m, for x > 0."""
    small = f.compare("lt", x, 2.0**-126)
    x = f.select(small, f.mul(x, 2.0**23), x)
    high = f.shr(f.sub(bits(f, x), bits_of(2 / 3, integer_type(x))), 23, signed=True)
    m = f.sub(from_bits(f, f.sub(bits(f, x), f.shl(high, 23))), 1.0)
    k = f.convert(high, "float")
    return f.select(small, f.sub(k, 23.0), k), m


def log(f: Function, x: Value) -> Value:
    k, m = _log_parts(f, x)
    value = f.fma(f.mul(m, m), polynomial(f, m, c.LOG), m)
    return _log_edges(f, x, f.fma(k, math.log(2), value))


def _log_edges(f: Function, x: Value, value: Value) -> Value:
    """-inf at 0, NaN below, inf at inf, NaN at NaN."""
    inf = float("inf")
    ordinary = f.and_(f.compare("gt", x, 0.0), f.compare("lt", x, inf))
    zero = f.select(f.compare("eq", x, 0.0), constant(-inf, x.type), x)
    edge = f.select(f.compare("lt", x, 0.0), constant(float("nan"), x.type), zero)
    return f.select(ordinary, value, edge)


FUNCTIONS: dict[str, Callable[[Function, Value], Value]] = {
    "exp": exp,
    "log": log,
    "tanh": tanh,
    "sigmoid": sigmoid,
}
