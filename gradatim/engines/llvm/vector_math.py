"""Vector math: exp, log, tanh and their like as straight-line vector code, float32.

Each function takes and gives a `float` vector of any number of lanes (or a scalar), is right to 2
ulp at most (erfc to 5; tan to 2.1 where there is no fused multiply-add) for every argument,
denormal ones and results too, and gives NaN, infinities and signed zeros as C99 does. No tables,
and no branches but the one for huge arguments of sin, cos and tan.

The methods are the usual ones: arguments are reduced to a small interval (W. J. Cody and W. Waite,
*Software Manual for the Elementary Functions*, 1980), where a polynomial of smallest largest error
does the rest (J.-M. Muller, *Elementary Functions*, 2016; coefficients: tools/fit_polynomials.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gradatim.engines.llvm import avx512, vector_math64
from gradatim.engines.llvm import coefficients as c
from gradatim.engines.llvm.emit import Function, Value, constant
from gradatim.engines.llvm.large_angles import reduce_lanes
from gradatim.engines.llvm.vector_arcs import arcsine_parts, atan, atan2, precision
from gradatim.engines.llvm.vector_math64 import through_double
from gradatim.engines.llvm.vector_tools import (
    at_least,
    at_most,
    bits,
    bits_of,
    fast_two_sum,
    flip_sign,
    from_bits,
    in_registers,
    integer_type,
    nearest_multiple,
    polynomial,
    quotient,
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


# --- exponentials --------------------------------------------------------------------------------


def _exp_parts(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """exp(x) = p · 2^n: p, n as a float and n as an integer; |x| below 128."""
    n, n_bits = nearest_multiple(f, x, LOG2_E)
    r = reduced(f, x, n, *c.LN2)
    return polynomial(f, r, (1.0, 1.0, *c.EXP)), n, n_bits


def exp(f: Function, x: Value) -> Value:
    x = at_most(f, at_least(f, x, -104.5), 89.0)  # where it is 0 and infinite
    return scale(f, *_exp_parts(f, x))


def exp2(f: Function, x: Value) -> Value:
    x = at_most(f, at_least(f, x, -151.0), 128.5)
    n, n_bits = nearest_multiple(f, x, 1.0)
    r = f.sub(x, n)
    p = f.fma(polynomial(f, r, c.EXP2), r, constant(1.0, x.type))
    return scale(f, p, n, n_bits)


def expm1(f: Function, x: Value) -> Value:
    """2^n q + (2^n - 1), with q = e^r - 1. In halves, since 2^128 is no float."""
    y = at_most(f, at_least(f, x, -20.0), 89.0)
    n, n_bits = nearest_multiple(f, y, LOG2_E)
    r = reduced(f, y, n, *c.LN2)
    q = f.fma(f.mul(r, r), polynomial(f, r, c.EXPM1), r)
    power = from_bits(f, f.add(f.shl(n_bits, 23), bits_of(0.5, n_bits.type)))
    half = f.fma(power, q, f.sub(power, 0.5))
    tiny = f.compare("lt", f.unary("fabs", x), 2.0**-30)  # of which half might be cut off
    return f.select(tiny, x, f.add(half, half))


def _short_power(f: Function, n_bits: Value, r: Value) -> Value:
    """2^(n + r) for n from -126 to 127, to a little less than the full precision."""
    power = polynomial(f, r, c.EXP2_SHORT)
    return from_bits(f, f.add(bits(f, power), f.shl(n_bits, 23)))


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
    near = f.fma(f.mul(square, size), polynomial(f, square, c.TANH), size)
    y = at_most(f, size, 10.0)
    n, n_bits = nearest_multiple(f, y, 2 * LOG2_E)
    e = _short_power(f, n_bits, f.fma(y, 2 * LOG2_E, f.neg(n)))
    one = constant(1.0, x.type)
    far = f.fma(quotient(f, one, f.add(e, one)), -2.0, one)
    return with_sign(f, f.select(f.compare("ge", size, 0.7), far, near), sign)


def erf(f: Function, x: Value) -> Value:
    """x + x p(x²) near 0, 1 - 2^-g(|x|) elsewhere; at 4 it rounds to 1."""
    sign, size = sign_bit(f, x), f.unary("fabs", x)
    near = f.fma(polynomial(f, f.mul(x, x), c.ERF), x, x)
    exponent = f.neg(polynomial(f, at_most(f, size, 4.0), c.LOG2_ERFC))
    n, n_bits = nearest_multiple(f, exponent, 1.0)
    far = f.sub(1.0, _short_power(f, n_bits, f.sub(exponent, n)))
    return f.select(f.compare("ge", size, 0.92), with_sign(f, far, sign), near)


# --- logarithms ----------------------------------------------------------------------------------


def _split(f: Function, x: Value) -> tuple[Value, Value]:
    """x = (1 + m) · 2^k with 1 + m from 3/4 to 3/2: m, and k as a float."""
    if f.module.features.has_masks:
        mantissa = avx512.get_mantissa(f, x)
        # The exponent of the mantissa is -1 below 1: where one was added to that of x.
        k = f.sub(avx512.get_exponent(f, x), avx512.get_exponent(f, mantissa))
        return f.sub(mantissa, 1.0), k
    small = f.compare("lt", x, 2.0**-126)
    normal = bits(f, f.select(small, f.mul(x, 2.0**23), x))
    k = f.shr(f.sub(normal, bits_of(0.75, normal.type)), 23, signed=True)
    m = f.sub(from_bits(f, f.sub(normal, f.shl(k, 23))), 1.0)
    return m, f.sub(f.convert(k, "float"), f.select(small, constant(23.0, x.type), 0.0))


def _finished(f: Function, x: Value, value: Value, zero: float = 0.0) -> Value:
    """A logarithm with its ends: -inf at `zero`, NaN below, inf at inf, NaN at NaN. They come of
    themselves where `_split` gives k = -inf for 0.
    """
    if f.module.features.has_masks:
        return value
    ordinary = f.and_(f.compare("gt", x, zero), f.compare("lt", x, INFINITY))
    edge = f.select(f.compare("eq", x, zero), constant(-INFINITY, x.type), x)
    edge = f.select(f.compare("lt", x, zero), constant(float("nan"), x.type), edge)
    return f.select(ordinary, value, edge)


def _log_of(f: Function, m: Value, k: Value) -> Value:
    return f.fma(k, math.log(2), f.fma(f.mul(m, m), polynomial(f, m, c.LOG), m))


def log(f: Function, x: Value) -> Value:
    return _finished(f, x, _log_of(f, *_split(f, x)))


def _log_in_base(f: Function, m: Value, base: tuple[float, ...]) -> tuple[Value, Value]:
    """log(1 + m) times a constant of two parts, as a sum of a large and a small number."""
    head, lost = two_product(f, m, constant(base[0], m.type))
    tail = f.mul(f.mul(m, m), polynomial(f, m, c.LOG))
    return head, f.fma(tail, base[0], f.fma(m, base[1], lost))


def log2(f: Function, x: Value) -> Value:
    m, k = _split(f, x)
    head, tail = _log_in_base(f, m, c.LOG2_E)
    return _finished(f, x, f.add(k, f.add(head, tail)))


def log10(f: Function, x: Value) -> Value:
    m, k = _split(f, x)
    head, tail = _log_in_base(f, m, c.LOG10_E)
    tail = f.add(head, f.fma(k, c.LOG10_2[1], tail))
    return _finished(f, x, f.fma(k, c.LOG10_2[0], tail))


def log1p(f: Function, x: Value) -> Value:
    """The logarithm of 1 + x, with what the sum lost added to the mantissa."""
    total = f.add(x, 1.0)
    kept = f.sub(total, 1.0)
    lost = f.add(f.sub(1.0, f.sub(total, kept)), f.sub(x, kept))
    m, k = _split(f, total)
    if f.module.features.has_masks:
        # Where 1 + x is infinite or 0 the scaled loss has to be a number: k gives the result.
        lost = f.select(f.compare("lt", lost, 1.0), lost, 1.0)
        lost = avx512.scalef(f, lost, f.neg(at_least(f, k, -30.0)))
    else:  # 2^-k, or 0 where it is no normal number (and nothing was lost)
        raw = bits(f, total)
        shifted = f.and_(f.sub(raw, bits_of(0.75, raw.type)), -(1 << 23))
        inverse = f.binary("smax", f.sub(bits_of(1.0, raw.type), shifted), 0)
        lost = f.mul(lost, from_bits(f, inverse))
    value = f.unary("fabs", _log_of(f, f.add(m, lost), k))
    return _finished(f, x, with_sign(f, value, sign_bit(f, x)), -1.0)


# --- reciprocal of the square root ---------------------------------------------------------------


def rsqrt(f: Function, x: Value) -> Value:
    """A guess to 14 bits where there is one, and a step of Newton's method."""
    if not f.module.features.has_masks:
        return f.div(1.0, f.unary("sqrt", x))
    guess = avx512.rsqrt_guess(f, x)
    error = f.fma(f.neg(f.mul(x, guess)), guess, constant(1.0, x.type))
    better = f.fma(f.mul(guess, 0.5), error, guess)
    return f.select(f.is_nan(better), guess, better)  # 0 and inf: the guess is exact


# --- sine and cosine -----------------------------------------------------------------------------

LARGE = 2.0**17  # from here on the reduction takes the slow way


def _quadrant(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """x = r + n · pi / 2 with |r| <= pi / 4, for x >= 0: r in two parts, the second of which only
    `tan` needs, and n in the low bits of an integer."""
    n, n_bits = nearest_multiple(f, x, 2 / math.pi)
    if f.module.features.has_fma:
        # (Exact up to the last step: n · 24 bits of pi / 2, and x, are multiples of 2^-23.)
        first, second, third = c.HALF_PI
        head, tail = two_product(f, n, constant(-second, x.type))
        r, left = two_sum(f, f.fma(n, -first, x), head)
        r, left = fast_two_sum(f, r, f.fma(n, -third, f.add(left, tail)))
    else:

        def run(x: Value, n: Value) -> Value:
            wide = reduced(f, f.convert(x, "double"), f.convert(n, "double"), *c.HALF_PI_SHORT[:2])
            return f.convert(wide, "float")

        r = in_registers(f, f.module.features.lanes("double"), run, x, n)
        left = constant(0.0, x.type)
    large = f.compare("ge", x, LARGE)

    def slowly() -> list[Value]:
        results = reduce_lanes(f, x, large)
        merged = [f.select(large, a, b) for a, b in zip(results, (r, n_bits))]
        finite = f.compare("lt", x, INFINITY)
        rest = f.select(large, constant(0.0, x.type), left)
        return [f.select(finite, merged[0], constant(float("nan"), x.type)), rest, merged[1]]

    ordinary, rest, quadrant = where_any(f, large, [r, left, n_bits], slowly)
    return ordinary, rest, quadrant


def _sine_and_cosine(f: Function, r: Value) -> tuple[Value, Value]:
    z = f.mul(r, r)
    sine = f.fma(f.mul(z, r), polynomial(f, z, c.SIN), r)
    one = constant(1.0, r.type)
    cosine = f.fma(f.mul(z, z), polynomial(f, z, c.COS), f.fma(z, -0.5, one))
    return sine, cosine


def _of_quadrant(f: Function, r: Value, n: Value) -> Value:
    """sin(r + n · pi / 2)."""
    sine, cosine = _sine_and_cosine(f, r)
    odd = f.compare("ne", f.and_(n, 1), 0)
    return flip_sign(f, f.select(odd, cosine, sine), f.shl(f.and_(n, 2), 30))


def sin(f: Function, x: Value) -> Value:
    """Of |x|, so that -0 stays -0."""
    r, _, n = _quadrant(f, f.unary("fabs", x))
    return flip_sign(f, _of_quadrant(f, r, n), sign_bit(f, x))


def cos(f: Function, x: Value) -> Value:
    r, _, n = _quadrant(f, f.unary("fabs", x))
    return _of_quadrant(f, r, f.add(n, 1))


def tan(f: Function, x: Value) -> Value:
    """r + r³ p(r²), or -1 over it in every other quadrant, for which its last digits count."""
    r, left, n = _quadrant(f, f.unary("fabs", x))
    z = f.mul(r, r)
    more = f.fma(f.mul(z, r), polynomial(f, z, c.TAN), f.fma(left, z, left))
    t = f.add(r, more)
    lost = f.sub(more, f.sub(t, r))
    over = f.div(-1.0, t)
    over = f.fma(over, f.mul(over, lost), over)
    odd = f.compare("ne", f.and_(n, 1), 0)
    return flip_sign(f, f.select(odd, over, t), sign_bit(f, x))


# --- arcs ----------------------------------------------------------------------------------------


def asin(f: Function, x: Value) -> Value:
    """Near 1: pi / 2 - 2 asin(sqrt((1 - x) / 2))."""
    half_pi, left, *_ = precision(x)
    root, rest, outer = arcsine_parts(f, x)
    far = f.add(f.sub(half_pi, f.add(root, root)), f.sub(left, f.add(rest, rest)))
    near = f.add(root, rest)
    return with_sign(f, f.unary("fabs", f.select(outer, far, near)), sign_bit(f, x))


def acos(f: Function, x: Value) -> Value:
    half_pi, left, *_ = precision(x)
    root, rest, outer = arcsine_parts(f, x)
    arc = f.add(root, rest)
    negative = f.compare("lt", x, 0.0)
    signed, behind = (f.select(negative, f.neg(v), v) for v in (root, rest))
    near = f.add(f.sub(half_pi, signed), f.sub(left, behind))
    twice = f.add(arc, arc)
    turned = f.add(f.sub(2 * half_pi, f.add(root, root)), f.sub(2 * left, f.add(rest, rest)))
    return f.select(outer, f.select(negative, turned, twice), near)


# --- the error function --------------------------------------------------------------------------


def erfc(f: Function, x: Value) -> Value:
    """1 - erf(x) near 0; exp(-x²) q(t) / (1 + 2 x) with t = (x - 4) / (x + 4) elsewhere."""
    size, one = f.unary("fabs", x), constant(1.0, x.type)
    near = f.sub(1.0, f.fma(polynomial(f, f.mul(x, x), c.ERF), x, x))
    y = at_most(f, size, 10.1)  # erfc is 0 from there on
    t = f.div(f.sub(y, 4.0), f.add(y, 4.0))
    square, lost = two_product(f, y, y)
    p, n, n_bits = _exp_parts(f, f.neg(square))
    q = f.div(polynomial(f, t, c.ERFC), f.fma(y, 2.0, one))
    q = f.fma(f.neg(lost), q, q)
    far = scale(f, f.mul(p, q), n, n_bits)
    far = f.select(f.compare("lt", x, 0.0), f.sub(2.0, far), far)
    return f.select(f.compare("ge", size, 0.5), far, near)


# These need no great speed: they are computed in float64, and rounded once.
THROUGH_DOUBLE = ("sinh", "cosh", "asinh", "acosh", "atanh")

FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log2": log2,
    "log10": log10,
    "log1p": log1p,
    "sin": sin,
    "cos": cos,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "erf": erf,
    "rsqrt": rsqrt,
    "tan": tan,
    "erfc": erfc,
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "atan2": atan2,
    **{name: through_double(vector_math64.FUNCTIONS[name]) for name in THROUGH_DOUBLE},
}
