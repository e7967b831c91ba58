"""Power: x^y = 2^(y · log2 |x|), with C99's answers at the edges.

The error of the logarithm is multiplied by up to 1024, so it needs more bits than the result. For
float32 a float64 has them; for float64 the logarithm is a sum of two.
"""

from __future__ import annotations

from gradatim.engines.llvm import coefficients as c
from gradatim.engines.llvm.emit import Function, Value, constant
from gradatim.engines.llvm.rounding import truncate
from gradatim.engines.llvm.vector_math64 import split, through_double
from gradatim.engines.llvm.vector_tools import (
    at_least,
    at_most,
    bits,
    fast_two_sum,
    from_bits,
    nearest_multiple,
    polynomial,
    power_of_two,
    scale,
    sign_bit,
    two_product,
)

INFINITY = float("inf")


def _split_with_ends(f: Function, size: Value) -> tuple[Value, Value]:
    """`split`, with k = -inf for 0, inf for inf and NaN for NaN."""
    m, k = split(f, size)
    if f.module.features.has_masks:
        return m, k  # so it is already
    end = f.select(f.compare("eq", size, 0.0), constant(-INFINITY, size.type), size)
    ordinary = f.and_(f.compare("gt", size, 0.0), f.compare("lt", size, INFINITY))
    return m, f.select(ordinary, k, end)


def _short_power(f: Function, x: Value, y: Value) -> Value:
    """x^y for doubles whose result is to be rounded to float32."""
    m, k = _split_with_ends(f, f.unary("fabs", x))
    log = f.fma(m, polynomial(f, m, c.LOG2_POWER), k)
    exponent = at_most(f, at_least(f, f.mul(y, log), -160.0), 135.0)
    n, n_bits = nearest_multiple(f, exponent, 1.0)
    p = polynomial(f, f.sub(exponent, n), c.EXP2_POWER)
    return _finished(f, x, y, f.mul(p, power_of_two(f, n_bits, "double")))


def _log2_in_two(f: Function, m: Value, k: Value) -> tuple[Value, Value]:
    """k + log2(1 + m) as a sum: 2 / log(2) · artanh(s) for s = m / (2 + m), whose first two terms
    are computed with twice the digits.
    """
    below, below_lost = fast_two_sum(f, constant(2.0, m.type), m)
    s = f.div(m, below)
    product, lost = two_product(f, s, below)
    rest = f.sub(f.sub(f.sub(m, product), lost), f.mul(s, below_lost))
    s_low = f.div(rest, below)
    square, square_low = two_product(f, s, s)
    square_low = f.fma(f.add(s, s), s_low, square_low)
    third, third_low = two_product(f, square, constant(c.THIRD[0], m.type))
    third_low = f.add(third_low, f.fma(square, c.THIRD[1], f.mul(square_low, c.THIRD[0])))
    tail = f.mul(f.mul(square, square), polynomial(f, square, c.ARTANH_POWER))
    series, series_low = fast_two_sum(f, third, tail)
    series_low = f.add(series_low, third_low)
    factor, factor_low = fast_two_sum(f, constant(1.0, m.type), series)
    factor_low = f.add(factor_low, series_low)
    natural, natural_low = two_product(f, s, factor)
    natural_low = f.add(natural_low, f.fma(s, factor_low, f.mul(s_low, factor)))
    head, low = two_product(f, natural, constant(c.TWO_LOG2_E[0], m.type))
    low = f.add(low, f.fma(natural, c.TWO_LOG2_E[1], f.mul(natural_low, c.TWO_LOG2_E[0])))
    total, total_low = fast_two_sum(f, k, head)
    finite = f.compare("lt", f.unary("fabs", k), INFINITY)
    return total, f.select(finite, f.add(total_low, low), 0.0)


def _long_power(f: Function, x: Value, y: Value) -> Value:
    m, k = _split_with_ends(f, f.unary("fabs", x))
    log, log_low = _log2_in_two(f, m, k)
    exponent, lost = two_product(f, y, log)
    lost = f.fma(y, log_low, lost)
    ordinary = f.compare("lt", f.unary("fabs", exponent), 1100.0)
    exponent = at_most(f, at_least(f, exponent, -1080.0), 1030.0)
    n, n_bits = nearest_multiple(f, exponent, 1.0)
    r = f.add(f.sub(exponent, n), f.select(ordinary, lost, 0.0))
    p = f.fma(polynomial(f, r, c.EXP2_64), r, constant(1.0, x.type))
    return _finished(f, x, y, scale(f, p, n, n_bits))


def _finished(f: Function, x: Value, y: Value, value: Value) -> Value:
    """x^y, given |x|^y wherever that is not 1 by definition."""
    one = constant(1.0, x.type)
    value = f.select(f.compare("eq", f.unary("fabs", x), 1.0), one, value)
    half = f.mul(y, 0.5)
    whole = f.compare("eq", truncate(f, y), y)
    odd = f.and_(whole, f.compare("ne", truncate(f, half), half))
    sign = sign_bit(f, x)
    value = from_bits(f, f.or_(bits(f, value), f.select(odd, sign, 0)))
    below = f.and_(f.compare("lt", x, 0.0), f.compare("gt", x, -INFINITY))
    root = f.and_(below, f.not_(whole))
    value = f.select(root, constant(float("nan"), x.type), value)
    return f.select(f.compare("eq", y, 0.0), one, value)


FLOAT32 = through_double(_short_power)
FLOAT64 = _long_power
