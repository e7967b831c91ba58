"""Large angles: the remainder of a huge number by pi / 2, for sin, cos and tan.

M. Payne and R. Hanek's method (ACM SIGNUM Newsletter 18, 1983): of x · 2 / pi only the part below 4
matters, so x is multiplied by the 192 bits of 2 / pi that reach it, in integers, and the rest of
2 / pi is never looked at. One lane after the other: such arguments are rare.
"""

from __future__ import annotations

from gradatim.engines.llvm import coefficients as c
from gradatim.engines.llvm.emit import Function, Module, Value, constant, element, lanes, like
from gradatim.engines.llvm.vector_tools import two_product

NAME = "reduce_large_angle"


def reduce_lanes(f: Function, x: Value, wanted: Value) -> list[Value]:
    """x = r + n · pi / 2 for the lanes of the mask `wanted`, where |x| >= 2^17 (or NaN, infinite).

    Returns:
        r in x's type, n as an integer of its size; for `double` r is followed by what r lacks.
    """
    _define(f.module)
    scalar = element(x.type)
    count = lanes(x.type)
    integer = "i32" if scalar == "float" else "i64"
    names = [scalar, integer] if scalar == "float" else [scalar, scalar, integer]
    results = [f.alloca(name, count) for name in names]
    source, mask = f.alloca(scalar, count), f.alloca("i8", count)
    f.store(x, source)
    f.store(f.convert(wanted, "i8"), mask)
    parts = f.alloca("double", 2)
    with f.loop(0, count) as lane, f.if_(f.compare("ne", f.load("i8", f.at(mask, lane, "i8")), 0)):
        angle = f.convert(f.load(scalar, f.at(source, lane, scalar)), "double")
        quadrant = f.call(NAME, "i64", angle, parts)
        values = [f.load("double", f.at(parts, k, "double")) for k in range(len(names) - 1)]
        for value, place, name in zip([*values, quadrant], results, names):
            f.store(f.convert(value, name), f.at(place, lane, name))
    return [f.load(like(x.type, name), place) for name, place in zip(names, results)]


def _define(module: Module) -> None:
    """Write `i64 reduce_large_angle(double x, ptr parts)`: n, and r as a sum of two doubles."""
    if NAME in module.functions:
        return
    f = module.function(NAME, ["double", "ptr"], "i64", internal=True)
    x, parts = f.params
    raw = f.bitcast(x, "i64")
    exponent = f.and_(f.shr(raw, 52), 0x7FF)
    mantissa = f.or_(f.and_(raw, (1 << 52) - 1), 1 << 52)  # |x| = mantissa · 2^(exponent - 1075)
    # The first bit that matters has the weight 2 after the product; 64 zeros stand in front.
    first = f.add(exponent, 64 - 1075 - 2)
    first = f.binary("smin", f.binary("smax", first, 0), 64 * (len(c.TWO_OVER_PI) - 3) - 1)
    place, shift = f.shr(first, 6), f.and_(first, 63)
    table = module.table(c.TWO_OVER_PI, "i64")
    words = [f.load("i64", f.at(table, f.add(place, k), "i64")) for k in range(4)]
    high, middle, low = (
        f.intrinsic("llvm.fshl.i64", "i64", words[k], words[k + 1], shift) for k in range(3)
    )
    # mantissa · (high, middle, low) modulo 2^192, without its lowest 64 bits.
    wide = f.convert(mantissa, "i128", signed=False)
    product = f.mul(wide, f.convert(middle, "i128", signed=False))
    carried = f.shr(f.mul(wide, f.convert(low, "i128", signed=False)), 64)
    top = f.shl(f.mul(wide, f.convert(high, "i128", signed=False)), 64)
    product = f.add(f.add(product, carried), top)
    # In units of 2^-126 quarter turns: round to whole ones, keep the signed rest.
    rounded = f.add(product, 1 << 125)
    quadrant = f.convert(f.shr(rounded, 126), "i64")
    rest = f.sub(product, f.shl(f.shr(rounded, 126), 126))
    negative = f.compare("lt", rest, 0)
    rest = f.select(negative, f.neg(rest), rest)
    # As two doubles: shifted until the first bit is at the top, 53 bits and 53 more.
    module.declare("llvm.ctlz.i128", "i128", ["i128", "i1"])
    zeros = f.call("llvm.ctlz.i128", "i128", rest, constant(False, "i1"))
    rest = f.shl(rest, zeros)
    unit = f.bitcast(f.shl(f.sub(1023, f.convert(zeros, "i64")), 52), "double")
    head = f.convert(f.convert(f.shr(rest, 75), "i64"), "double")
    tail = f.convert(f.convert(f.and_(f.shr(rest, 22), (1 << 53) - 1), "i64"), "double")
    head, tail = f.mul(f.mul(head, unit), 2.0**-51), f.mul(f.mul(tail, unit), 2.0**-104)
    # r = (head + tail) · pi / 2
    angle, error = two_product(f, head, constant(c.HALF_PI_64[0], "double"))
    error = f.fma(head, c.HALF_PI_64[1], f.fma(tail, c.HALF_PI_64[0], error))
    r = f.add(angle, error)
    left = f.sub(error, f.sub(r, angle))
    minus = f.xor(negative, f.compare("lt", x, 0.0))
    f.store(f.select(minus, f.neg(r), r), parts)
    f.store(f.select(minus, f.neg(left), left), f.at(parts, 1, "double"))
    f.ret(f.select(f.compare("lt", x, 0.0), f.neg(quadrant), quadrant))
