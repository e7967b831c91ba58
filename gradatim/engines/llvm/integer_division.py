"""Integer division: quotients and remainders that never trap, and common divisors.

Up to 32 bits the quotient is taken in floating point, where vectors divide, and is exact: a
quotient that is no whole number is further from the next one than the rounding reaches. Divisors
of 0, which the kernel reports elsewhere, and of -1, whose quotient may overflow, are kept away from
the instruction.
"""

from __future__ import annotations

from gradatim.engines.llvm.emit import Function, Value, constant, element, lanes, suffix


def quotient(f: Function, a: Value, b: Value, signed: bool) -> Value:
    """Rounded towards zero; -a for b = -1, wrapping around; any number for b = 0."""
    unsafe = f.compare("eq", b, 0)
    if signed:
        minus = f.compare("eq", b, -1)
        unsafe = f.or_(unsafe, minus)
    divisor = f.select(unsafe, 1, b)
    scalar = element(a.type)
    if scalar == "i64":
        result = f.div(a, divisor, signed)
    else:
        wide = "double" if scalar == "i32" else "float"
        ratio = f.div(f.convert(a, wide, signed), f.convert(divisor, wide, signed))
        # (Small types by way of i32, into which every vector converts.)
        result = f.convert(ratio, scalar if scalar == "i32" else "i32", signed or scalar != "i32")
        result = f.convert(result, scalar)
    return f.select(minus, f.neg(a), result) if signed else result


def fmod(f: Function, a: Value, b: Value, signed: bool) -> Value:
    """What is left by the quotient rounded towards zero: the sign of `a`."""
    return f.sub(a, f.mul(quotient(f, a, b, signed), b))


def _misses(f: Function, rest: Value, b: Value) -> Value:
    """Where the remainder has not the sign of the divisor."""
    return f.and_(f.compare("ne", rest, 0), f.compare("lt", f.xor(rest, b), 0))


def floor_divide(f: Function, a: Value, b: Value, signed: bool) -> Value:
    result = quotient(f, a, b, signed)
    if not signed:
        return result
    rest = f.sub(a, f.mul(result, b))
    return f.select(_misses(f, rest, b), f.sub(result, 1), result)


def remainder(f: Function, a: Value, b: Value, signed: bool) -> Value:
    """What is left by the quotient rounded down: the sign of `b`."""
    rest = fmod(f, a, b, signed)
    return f.select(_misses(f, rest, b), f.add(rest, b), rest) if signed else rest


def gcd(f: Function, a: Value, b: Value, signed: bool) -> Value:
    """The greatest common divisor, by shifts and differences (J. Stein, Computational problems
    associated with Racah algebra, 1967), until every lane is done: division is far slower."""
    if signed:
        a, b = absolute(f, a), absolute(f, b)
    none = f.compare("eq", a, 0)
    a, b = f.select(none, b, a), f.select(none, 0, b)
    twos = _low_zeros(f, f.or_(a, b))
    with f.repeat([f.shr(a, _low_zeros(f, a)), b]) as loop:
        odd, rest = loop.carry
        rest = f.shr(rest, _low_zeros(f, rest))
        less = f.binary("umin", odd, rest)
        difference = f.sub(f.binary("umax", odd, rest), less)
        done = f.compare("eq", rest, 0)
        odd, rest = f.select(done, odd, less), f.select(done, 0, difference)
        loop.next(_any(f, f.compare("ne", rest, 0)), odd, rest)
    return f.shl(loop.results[0], twos)


def absolute(f: Function, x: Value) -> Value:
    """|x|; of the least number itself, which is right for those who take it for unsigned."""
    return f.intrinsic(f"llvm.abs.{suffix(x.type)}", x.type, x, constant(False, "i1"))


def _low_zeros(f: Function, x: Value) -> Value:
    """How many bits below the lowest one are zeros; of 0 none, so that it can be shifted by."""
    zero = constant(False, "i1")
    count = f.intrinsic(f"llvm.cttz.{suffix(x.type)}", x.type, x, zero)
    return f.and_(count, int(element(x.type)[1:]) - 1)


def _any(f: Function, mask: Value) -> Value:
    """Whether some lane holds."""
    count = lanes(mask.type)
    return mask if count == 1 else f.compare("ne", f.bitcast(mask, f"i{count}"), 0)
