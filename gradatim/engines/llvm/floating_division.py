"""Floating division with a remainder: fmod, remainder and floor_divide, exact as C's and Python's.

The remainder is computed in float64 by long division, 26 bits of the quotient a turn: one turn is
enough unless the quotient is huge. The partial product is exact, and so is its difference from what
is left, because the result has no more bits than the divisor.
"""

from __future__ import annotations

from gradatim.engines.llvm.emit import Function, Value, constant, element, lanes, vector
from gradatim.engines.llvm.rounding import floor, truncate
from gradatim.engines.llvm.vector_tools import (
    bits,
    flip_sign,
    from_bits,
    in_registers,
    repeat,
    sign_bit,
)

DIGITS = 26  # of the quotient in one turn
INFINITY = float("inf")


def fmod(f: Function, a: Value, b: Value) -> Value:
    """a - b · trunc(a / b): the sign of `a`; NaN for b = 0 or an infinite `a`."""
    short = element(a.type) == "float"

    def run(a: Value, b: Value) -> Value:
        wide_a, wide_b = f.convert(a, "double"), f.convert(b, "double")
        rest = _rest(f, f.unary("fabs", wide_a), f.unary("fabs", wide_b), short)
        return flip_sign(f, f.convert(rest, element(a.type)), sign_bit(f, a))

    widest = f.module.features.lanes("double")
    return in_registers(f, widest, run, a, b)


def _rest(f: Function, a: Value, b: Value, short: bool) -> Value:
    """fmod of two doubles that are not negative; `short`: they have 24 bits."""
    low = constant(-(1 << (53 - DIGITS)), vector("i64", lanes(a.type)))
    exponent = constant(0x7FF << 52, low.type)

    def turn(rest: Value) -> tuple[Value, list[Value]]:
        divisor = b
        if not short:  # the quotient would overflow: divide by a multiple first
            scaled = f.mul(rest, 2.0**-600)
            for _ in range(2):
                far = f.compare("ge", scaled, divisor)
                divisor = f.select(far, f.mul(divisor, 2.0**600), divisor)
        ratio = f.div(rest, divisor)
        big = f.compare("ge", ratio, 2.0**DIGITS)
        raw = bits(f, ratio)
        digits = f.select(big, from_bits(f, f.and_(raw, low)), truncate(f, ratio))
        left = _difference(f, rest, digits, divisor, short)
        # The ratio was rounded up to the next digit: give one back.
        unit = f.mul(from_bits(f, f.and_(raw, exponent)), 2.0 ** (1 - DIGITS))
        unit = f.select(big, unit, 1.0)
        left = f.select(f.compare("lt", left, 0.0), f.add(left, f.mul(unit, divisor)), left)
        more = f.and_(f.compare("ge", left, b), f.compare("gt", b, 0.0))
        return more, [left]

    (rest,) = repeat(f, [a], turn)
    rest = f.select(f.compare("lt", a, b), a, rest)  # (0 · inf for an infinite divisor)
    return f.select(f.compare("lt", a, INFINITY), rest, constant(float("nan"), a.type))


def _difference(f: Function, a: Value, digits: Value, b: Value, short: bool) -> Value:
    """a - digits · b, exactly."""
    if short or f.module.features.has_fma:
        return f.fma(f.neg(digits), b, a)
    high = from_bits(f, f.and_(bits(f, b), -(1 << (53 - DIGITS))))
    return f.sub(f.sub(a, f.mul(digits, high)), f.mul(digits, f.sub(b, high)))


def _misses(f: Function, rest: Value, b: Value) -> Value:
    """Where the remainder has not the sign of the divisor."""
    return f.and_(
        f.compare("ne", rest, 0.0),
        f.compare("ne", f.compare("lt", rest, 0.0), f.compare("lt", b, 0.0)),
    )


def remainder(f: Function, a: Value, b: Value) -> Value:
    """a - b · floor(a / b): the sign of `b`, which 0 has too."""
    rest = fmod(f, a, b)
    moved = f.select(_misses(f, rest, b), f.add(rest, b), rest)
    zero = from_bits(f, sign_bit(f, b))
    return f.select(f.compare("eq", rest, 0.0), zero, moved)


def floor_divide(f: Function, a: Value, b: Value) -> Value:
    """floor(a / b) of the exact quotient; a / b itself for b = 0."""
    rest = fmod(f, a, b)
    quotient = f.div(f.sub(a, rest), b)
    quotient = f.select(_misses(f, rest, b), f.sub(quotient, 1.0), quotient)
    whole = floor(f, quotient)
    up = f.compare("gt", f.sub(quotient, whole), 0.5)
    whole = f.select(up, f.add(whole, 1.0), whole)
    ratio = f.div(a, b)
    zero = from_bits(f, sign_bit(f, ratio))
    whole = f.select(f.compare("eq", quotient, 0.0), zero, whole)
    return f.select(f.compare("eq", b, 0.0), ratio, whole)
