"""Vector arcs: tan, asin, acos, atan, atan2 and erfc as straight-line vector code, float32.

Like the functions of vector_math.py, which see. The arcs are reduced as in A. J. Strecok's and
Cephes' (S. L. Moshier) functions: by turning an angle back by pi / 4 or pi / 2, and by halving it.
"""

from __future__ import annotations

import math

from gradatim.engines.llvm import coefficients as c
from gradatim.engines.llvm.emit import Function, Value, constant
from gradatim.engines.llvm.vector_tools import (
    bits,
    polynomial,
    sign_bit,
    with_sign,
)

INFINITY = float("inf")
# pi / 2 as the nearest float and what is left of it.
HALF_PI, REST = 1.5707963705062866, -4.371139000186241e-08


def _one(x: Value) -> Value:
    return constant(1.0, x.type)


def _arc(f: Function, above: Value, below: Value) -> Value:
    """The angle of a point with coordinates that are not negative (or NaN): atan(above / below).

    The ratio is brought below tan(pi / 8) by turning the point back by pi / 4 or pi / 2.
    """
    steep = f.compare("gt", above, f.mul(below, 1 + math.sqrt(2)))
    middle = f.compare("gt", above, f.mul(below, math.sqrt(2) - 1))
    zero = constant(0.0, above.type)
    y = f.select(steep, f.neg(below), f.select(middle, f.sub(above, below), above))
    x = f.select(steep, above, f.select(middle, f.add(above, below), below))
    z = f.div(y, x)
    square = f.mul(z, z)
    arc = f.mul(f.mul(square, z), polynomial(f, square, c.ATAN))
    turn = f.select(steep, constant(HALF_PI, above.type), f.select(middle, HALF_PI / 2, zero))
    rest = f.select(steep, constant(REST, above.type), f.select(middle, REST / 2, zero))
    return f.add(turn, f.add(z, f.add(arc, rest)))


def atan(f: Function, x: Value) -> Value:
    size = f.unary("fabs", x)
    huge = f.compare("gt", size, 2.0**60)
    arc = _arc(f, f.select(huge, constant(2.0**60, x.type), size), _one(x))
    return f.select(f.is_nan(x), x, with_sign(f, arc, sign_bit(f, x)))


def atan2(f: Function, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), by C99's table at zeros and infinities."""
    height, width = f.unary("fabs", y), f.unary("fabs", x)
    # Of two infinities take 1 and 1; of two numbers near the ends of the range, their multiples.
    infinite = f.and_(f.compare("eq", height, INFINITY), f.compare("eq", width, INFINITY))
    height, width = (f.select(infinite, _one(x), v) for v in (height, width))
    big = f.or_(f.compare("gt", height, 2.0**100), f.compare("gt", width, 2.0**100))
    small = f.and_(f.compare("lt", height, 2.0**-80), f.compare("lt", width, 2.0**-80))
    factor = f.select(big, constant(2.0**-30, x.type), f.select(small, 2.0**70, _one(x)))
    height, width = f.mul(height, factor), f.mul(width, factor)
    still = f.compare("eq", height, 0.0)
    point = f.and_(still, f.compare("eq", width, 0.0))
    arc = _arc(f, height, f.select(point, _one(x), width))
    backward = f.compare("lt", bits(f, x), 0)  # -0 too
    turned = f.add(f.sub(2 * HALF_PI, arc), 2 * REST)
    arc = f.select(backward, turned, arc)
    unordered = f.or_(f.is_nan(x), f.is_nan(y))
    return f.select(unordered, f.add(x, y), with_sign(f, arc, sign_bit(f, y)))


def _arcsine_parts(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """For |x| <= 1/2: |x| and asin(|x|) - |x|; else the same of r = sqrt((1 - |x|) / 2), with what
    the root's rounding lost; and where."""
    size = f.unary("fabs", x)
    outer = f.compare("gt", size, 0.5)
    half = f.mul(f.sub(1.0, size), 0.5)
    square = f.select(outer, half, f.mul(x, x))
    root = f.select(outer, f.unary("sqrt", half), size)
    lost = f.div(f.fma(f.neg(root), root, half), f.add(root, root))
    lost = f.select(f.and_(outer, f.compare("gt", root, 0.0)), lost, constant(0.0, x.type))
    rest = f.mul(f.mul(square, root), polynomial(f, square, c.ASIN))
    return root, f.add(rest, lost), outer


def asin(f: Function, x: Value) -> Value:
    """Near 1: pi / 2 - 2 asin(sqrt((1 - x) / 2))."""
    root, rest, outer = _arcsine_parts(f, x)
    far = f.add(f.sub(HALF_PI, f.add(root, root)), f.sub(REST, f.add(rest, rest)))
    near = f.add(root, rest)
    return with_sign(f, f.unary("fabs", f.select(outer, far, near)), sign_bit(f, x))


def acos(f: Function, x: Value) -> Value:
    root, rest, outer = _arcsine_parts(f, x)
    arc = f.add(root, rest)
    negative = f.compare("lt", x, 0.0)
    signed, behind = (f.select(negative, f.neg(v), v) for v in (root, rest))
    near = f.add(f.sub(HALF_PI, signed), f.sub(REST, behind))
    twice = f.add(arc, arc)
    turned = f.add(f.sub(2 * HALF_PI, f.add(root, root)), f.sub(2 * REST, f.add(rest, rest)))
    return f.select(outer, f.select(negative, turned, twice), near)
