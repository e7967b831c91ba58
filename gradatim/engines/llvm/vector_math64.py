"""Vector math in float64: every function, with an error of a few units in the last place.

The float64 counterpart of `vector_math`: functions of `double` vectors (or scalars), by the same
methods with longer polynomials. The float32 functions that need no great speed are these too, taken
in float64 and rounded (`through_double`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gradatim.engines.llvm import avx512
from gradatim.engines.llvm import coefficients as c
from gradatim.engines.llvm.emit import Function, Value, constant
from gradatim.engines.llvm.large_angles import reduce_lanes
from gradatim.engines.llvm.vector_arcs import arcsine_parts, atan, atan2
from gradatim.engines.llvm.vector_tools import (
    at_least,
    at_most,
    bits,
    bits_of,
    fast_two_sum,
    flip_sign,
    from_bits,
    in_registers,
    nearest_multiple,
    polynomial,
    reduced,
    scale,
    sign_bit,
    two_product,
    two_sum,
    where_any,
    with_sign,
)

LOG2_E = 1 / math.log(2)
INFINITY = float("inf")
NAN = float("nan")


def _one(x: Value) -> Value:
    return constant(1.0, x.type)


# --- exponentials --------------------------------------------------------------------------------


def _exp_parts(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """exp(x) = p · 2^n: p, n as a float and n as an integer."""
    n, n_bits = nearest_multiple(f, x, LOG2_E)
    r = reduced(f, x, n, *c.LN2_64)
    return polynomial(f, r, (1.0, 1.0, *c.EXP_64)), n, n_bits


def exp(f: Function, x: Value) -> Value:
    x = at_most(f, at_least(f, x, -746.0), 710.0)  # where it is 0 and infinite
    return scale(f, *_exp_parts(f, x))


def exp2(f: Function, x: Value) -> Value:
    x = at_most(f, at_least(f, x, -1076.0), 1024.5)
    n, n_bits = nearest_multiple(f, x, 1.0)
    p = f.fma(polynomial(f, f.sub(x, n), c.EXP2_64), f.sub(x, n), _one(x))
    return scale(f, p, n, n_bits)


def _half_power(f: Function, n_bits: Value) -> Value:
    """2^(n - 1), a normal number."""
    return from_bits(f, f.add(f.shl(n_bits, 52), bits_of(0.5, n_bits.type)))


def expm1(f: Function, x: Value) -> Value:
    """2^n q + (2^n - 1), with q = e^r - 1. In halves, since 2^1024 is no float."""
    y = at_most(f, at_least(f, x, -40.0), 710.0)
    n, n_bits = nearest_multiple(f, y, LOG2_E)
    r = reduced(f, y, n, *c.LN2_64)
    q = f.fma(f.mul(r, r), polynomial(f, r, c.EXPM1_64), r)
    power = _half_power(f, n_bits)
    half = f.fma(power, q, f.sub(power, 0.5))
    tiny = f.compare("lt", f.unary("fabs", x), 2.0**-60)  # of which half might be cut off
    return f.select(tiny, x, f.add(half, half))


def _half_exp(f: Function, size: Value) -> Value:
    """e^size / 2, for what is not negative; infinite from 711 on."""
    p, _, n_bits = _exp_parts(f, at_most(f, size, 711.0))
    half = _half_power(f, f.sub(n_bits, 1))
    return f.mul(f.mul(p, half), 2.0)


def cosh(f: Function, x: Value) -> Value:
    half = _half_exp(f, f.unary("fabs", x))
    return f.add(half, f.div(0.25, half))


def sinh(f: Function, x: Value) -> Value:
    """x + x³ p(x²) near 0, (e^|x| - e^-|x|) / 2 elsewhere."""
    size, square = f.unary("fabs", x), f.mul(x, x)
    near = f.fma(f.mul(square, x), polynomial(f, square, c.SINH_64), x)
    half = _half_exp(f, size)
    far = with_sign(f, f.sub(half, f.div(0.25, half)), sign_bit(f, x))
    return f.select(f.compare("ge", size, 1.0), far, near)


def tanh(f: Function, x: Value) -> Value:
    """x + x³ p(x²) near 0, 1 - 2 / (e^2x + 1) elsewhere."""
    size, square = f.unary("fabs", x), f.mul(x, x)
    near = f.fma(f.mul(square, size), polynomial(f, square, c.TANH_64), size)
    e = scale(f, *_exp_parts(f, f.mul(at_most(f, size, 25.0), 2.0)))
    far = f.sub(1.0, f.div(2.0, f.add(e, 1.0)))
    return with_sign(f, f.select(f.compare("ge", size, 0.7), far, near), sign_bit(f, x))


def sigmoid(f: Function, x: Value) -> Value:
    negative = from_bits(f, f.or_(bits(f, x), bits_of(-0.0, bits(f, x).type)))
    e = scale(f, *_exp_parts(f, at_least(f, negative, -746.0)))
    q = f.div(e, f.add(e, 1.0))
    above = f.select(f.compare("lt", x, 0.0), e, _one(x))
    return f.fma(f.neg(above), q, above)


# --- logarithms ----------------------------------------------------------------------------------


def split(f: Function, x: Value) -> tuple[Value, Value]:
    """x = (1 + m) · 2^k with 1 + m from 3/4 to 3/2: m, and k as a float."""
    if f.module.features.has_masks:
        mantissa = avx512.get_mantissa(f, x)
        k = f.sub(avx512.get_exponent(f, x), avx512.get_exponent(f, mantissa))
        return f.sub(mantissa, 1.0), k
    small = f.compare("lt", x, 2.0**-1022)
    normal = bits(f, f.select(small, f.mul(x, 2.0**52), x))
    shifted = f.sub(normal, bits_of(0.75, normal.type))
    high = f.and_(shifted, -(1 << 52))
    m = f.sub(from_bits(f, f.sub(normal, high)), 1.0)
    # The exponent (plus 2048, so that it is positive) becomes the mantissa of 2^52 + k.
    count = f.shr(f.add(high, 2048 << 52), 52)
    k = f.sub(from_bits(f, f.or_(count, bits_of(2.0**52, count.type))), 2.0**52 + 2048)
    return m, f.sub(k, f.select(small, constant(52.0, x.type), 0.0))


def _finished(f: Function, x: Value, value: Value, zero: float = 0.0) -> Value:
    """A logarithm with its ends: -inf at `zero`, NaN below, inf at inf, NaN at NaN. They come of
    themselves where `split` gives k = -inf for 0.
    """
    if f.module.features.has_masks:
        return value
    ordinary = f.and_(f.compare("gt", x, zero), f.compare("lt", x, INFINITY))
    edge = f.select(f.compare("eq", x, zero), constant(-INFINITY, x.type), x)
    edge = f.select(f.compare("lt", x, zero), constant(NAN, x.type), edge)
    return f.select(ordinary, value, edge)


def _log_of(f: Function, m: Value, k: Value) -> Value:
    value = f.fma(f.mul(m, m), polynomial(f, m, c.LOG_64), m)
    return f.fma(k, c.LN2_64[0], f.fma(k, c.LN2_64[1], value))


def log(f: Function, x: Value) -> Value:
    return _finished(f, x, _log_of(f, *split(f, x)))


def _log_in_base(f: Function, m: Value, base: tuple[float, ...]) -> tuple[Value, Value]:
    """log(1 + m) times a constant of two parts, as a sum of a large and a small number."""
    head, lost = two_product(f, m, constant(base[0], m.type))
    tail = f.mul(f.mul(m, m), polynomial(f, m, c.LOG_64))
    return head, f.add(f.mul(tail, base[0]), f.fma(m, base[1], lost))


def log2(f: Function, x: Value) -> Value:
    m, k = split(f, x)
    head, tail = _log_in_base(f, m, c.LOG2_E_64)
    return _finished(f, x, f.add(k, f.add(head, tail)))


def log10(f: Function, x: Value) -> Value:
    m, k = split(f, x)
    head, tail = _log_in_base(f, m, c.LOG10_E_64)
    tail = f.add(head, f.fma(k, c.LOG10_2_64[1], tail))
    return _finished(f, x, f.fma(k, c.LOG10_2_64[0], tail))


def log1p(f: Function, x: Value) -> Value:
    """The logarithm of 1 + x, with what the sum lost added to the mantissa."""
    total, lost = two_sum(f, _one(x), x)
    m, k = split(f, total)
    if f.module.features.has_masks:
        # Where 1 + x is infinite or 0 the scaled loss has to be a number: k gives the result.
        lost = f.select(f.compare("lt", lost, 1.0), lost, 1.0)
        lost = avx512.scalef(f, lost, f.neg(at_least(f, k, -60.0)))
    else:  # 2^-k, or 0 where it is no normal number (and nothing was lost)
        raw = bits(f, total)
        shifted = f.and_(f.sub(raw, bits_of(0.75, raw.type)), -(1 << 52))
        inverse = f.sub(bits_of(1.0, raw.type), shifted)
        inverse = f.select(f.compare("lt", inverse, 0), 0, inverse)
        lost = f.mul(lost, from_bits(f, inverse))
    value = f.unary("fabs", _log_of(f, f.add(m, lost), k))
    return _finished(f, x, with_sign(f, value, sign_bit(f, x)), -1.0)


def asinh(f: Function, x: Value) -> Value:
    """x + x³ p(x²) near 0, log(|x| + sqrt(x² + 1)) elsewhere, which is log(2 |x|) in the end."""
    size, square = f.unary("fabs", x), f.mul(x, x)
    near = f.fma(f.mul(square, size), polynomial(f, square, c.ASINH_64), size)
    root = f.unary("sqrt", f.add(square, 1.0))
    y = f.add(size, f.div(square, f.add(root, 1.0)))
    huge = f.compare("ge", size, 2.0**500)
    far = f.select(huge, f.add(log(f, size), math.log(2)), log1p(f, f.select(huge, 1.0, y)))
    return with_sign(f, f.select(f.compare("ge", size, 0.5), far, near), sign_bit(f, x))


def acosh(f: Function, x: Value) -> Value:
    """log(x + sqrt(x² - 1)) = log1p(t + sqrt(2 t + t²)) for t = x - 1."""
    t = f.sub(x, 1.0)
    y = f.add(t, f.unary("sqrt", f.mul(t, f.add(t, 2.0))))
    huge = f.compare("ge", x, 2.0**500)
    far = f.add(log(f, f.select(huge, x, _one(x))), math.log(2))
    value = f.select(huge, far, log1p(f, y))
    return f.select(f.compare("lt", x, 1.0), constant(NAN, x.type), value)


def atanh(f: Function, x: Value) -> Value:
    """x + x³ p(x²) near 0, log1p(2 |x| / (1 - |x|)) / 2 elsewhere."""
    size, square = f.unary("fabs", x), f.mul(x, x)
    near = f.fma(f.mul(square, x), polynomial(f, square, c.ATANH_64), x)
    ratio = f.div(f.add(size, size), f.sub(1.0, size))
    far = f.mul(log1p(f, f.select(f.compare("gt", size, 1.0), constant(NAN, x.type), ratio)), 0.5)
    far = with_sign(f, far, sign_bit(f, x))
    return f.select(f.compare("ge", size, 0.5), far, near)


# --- angles --------------------------------------------------------------------------------------

LARGE = 2.0**17  # from here on the reduction takes the slow way


def _quadrant(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """x = r + n · pi / 2 with |r| <= pi / 4: r in two parts; n in the low bits of an integer."""
    n, n_bits = nearest_multiple(f, x, 2 / math.pi)
    if f.module.features.has_fma:
        first, second, third = c.HALF_PI_64
        near = f.fma(n, -first, x)  # exact: all of it is multiples of 2^-52
        r = f.fma(n, -second, near)
        left = f.fma(n, -third, f.fma(n, -second, f.sub(near, r)))
    else:  # parts of 33 bits, whose products with n are exact
        near = f.sub(x, f.mul(n, c.HALF_PI_SHORT[0]))
        near, lost = two_sum(f, near, f.mul(n, -c.HALF_PI_SHORT[1]))
        r, left = two_sum(f, near, f.mul(n, -c.HALF_PI_SHORT[2]))
        left = f.add(f.add(left, lost), f.mul(n, -c.HALF_PI_SHORT[3]))
        r, left = fast_two_sum(f, r, left)
    large = f.compare("ge", f.unary("fabs", x), LARGE)

    def slowly() -> list[Value]:
        merged = [
            f.select(large, a, b) for a, b in zip(reduce_lanes(f, x, large), (r, left, n_bits))
        ]
        finite = f.compare("lt", f.unary("fabs", x), INFINITY)
        return [f.select(finite, merged[0], constant(NAN, x.type)), *merged[1:]]

    ordinary, rest, quadrant = where_any(f, large, [r, left, n_bits], slowly)
    return ordinary, rest, quadrant


def _sine_and_cosine(f: Function, r: Value, left: Value) -> tuple[Value, Value]:
    """Of r + left: sin(r) + left · cos(r), cos(r) - left · r."""
    z = f.mul(r, r)
    half = f.mul(z, 0.5)
    rest = f.fma(f.mul(z, r), polynomial(f, z, c.SIN_64), f.mul(left, f.sub(1.0, half)))
    sine = f.add(r, rest)
    near = f.sub(1.0, half)
    lost = f.sub(f.sub(1.0, near), half)
    cosine = f.fma(f.mul(z, z), polynomial(f, z, c.COS_64), f.sub(lost, f.mul(r, left)))
    return sine, f.add(near, cosine)


def _turned(f: Function, x: Value, quarters: int) -> Value:
    """sin(x + quarters · pi / 2)."""
    r, left, n = _quadrant(f, x)
    sine, cosine = _sine_and_cosine(f, r, left)
    n = f.add(n, quarters) if quarters else n
    odd = f.compare("ne", f.and_(n, 1), 0)
    return flip_sign(f, f.select(odd, cosine, sine), f.shl(f.and_(n, 2), 62))


def sin(f: Function, x: Value) -> Value:
    tiny = f.compare("lt", f.unary("fabs", x), 2.0**-30)  # keeps the sign of 0
    return f.select(tiny, x, _turned(f, x, 0))


def cos(f: Function, x: Value) -> Value:
    return _turned(f, x, 1)


def tan(f: Function, x: Value) -> Value:
    r, left, n = _quadrant(f, x)
    sine, cosine = _sine_and_cosine(f, r, left)
    odd = f.compare("ne", f.and_(n, 1), 0)
    above, below = f.select(odd, f.neg(cosine), sine), f.select(odd, sine, cosine)
    tiny = f.compare("lt", f.unary("fabs", x), 2.0**-30)
    return f.select(tiny, x, f.div(above, below))


def asin(f: Function, x: Value) -> Value:
    """Near 1: pi / 2 - 2 asin(sqrt((1 - x) / 2))."""
    root, rest, outer = arcsine_parts(f, x)
    arc = f.add(root, rest)
    far = f.add(f.sub(math.pi / 2, f.mul(arc, 2.0)), c.HALF_PI_64[1])
    return with_sign(f, f.unary("fabs", f.select(outer, far, arc)), sign_bit(f, x))


def acos(f: Function, x: Value) -> Value:
    root, rest, outer = arcsine_parts(f, x)
    arc = f.add(root, rest)
    negative = f.compare("lt", x, 0.0)
    signed = f.select(negative, f.neg(arc), arc)
    near = f.sub(math.pi / 2, f.sub(signed, c.HALF_PI_64[1]))
    twice = f.add(arc, arc)
    far = f.select(negative, f.add(f.sub(math.pi, twice), 2 * c.HALF_PI_64[1]), twice)
    return f.select(outer, far, near)


# --- the error function --------------------------------------------------------------------------


def _erfc_far(f: Function, size: Value) -> Value:
    """erfc(x) = exp(-x²) q(t) / (1 + 2 x) with t = (x - 4) / (x + 4), for x >= 1/2."""
    x = at_most(f, size, 27.3)  # erfc is 0 from there on
    t = f.div(f.sub(x, 4.0), f.add(x, 4.0))
    square, lost = two_product(f, x, x)
    p, n, n_bits = _exp_parts(f, f.neg(square))
    q = f.div(polynomial(f, t, c.ERFC_64), f.fma(x, 2.0, _one(x)))
    q = f.fma(f.neg(lost), q, q)
    return scale(f, f.mul(p, q), n, n_bits)


def erf(f: Function, x: Value) -> Value:
    size = f.unary("fabs", x)
    near = f.fma(polynomial(f, f.mul(x, x), c.ERF_64), x, x)
    far = with_sign(f, f.sub(1.0, _erfc_far(f, size)), sign_bit(f, x))
    return f.select(f.compare("ge", size, 1.0), far, near)


def erfc(f: Function, x: Value) -> Value:
    size = f.unary("fabs", x)
    near = f.sub(1.0, f.fma(polynomial(f, f.mul(x, x), c.ERF_64), x, x))
    far = _erfc_far(f, size)
    far = f.select(f.compare("lt", x, 0.0), f.sub(2.0, far), far)
    return f.select(f.compare("ge", size, 0.5), far, near)


def rsqrt(f: Function, x: Value) -> Value:
    return f.div(1.0, f.unary("sqrt", x))


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "rsqrt": rsqrt,
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log2": log2,
    "log10": log10,
    "log1p": log1p,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "atan2": atan2,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
    "sigmoid": sigmoid,
    "erf": erf,
    "erfc": erfc,
}


def through_double(run: Callable[..., Value]) -> Callable[..., Value]:
    """A function of `float`s that is computed in `double` and rounded once."""

    def lowering(f: Function, *values: Value) -> Value:
        def narrow(*values: Value) -> Value:
            return f.convert(run(f, *(f.convert(v, "double") for v in values)), "float")

        return in_registers(f, f.module.features.lanes("double"), narrow, *values)

    return lowering
