"""Vector arcs: atan, atan2 and the halving behind asin and acos, in float32 and in float64.

One code for both precisions, by the numbers of `PRECISIONS`. The arcs are reduced as in A. J.
Strecok's and Cephes' (S. L. Moshier) functions: by turning an angle back by pi / 4 or pi / 2, and
by halving it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gradatim.engines.llvm import coefficients as c
from gradatim.engines.llvm.emit import Function, Value, constant, element
from gradatim.engines.llvm.vector_tools import bits, polynomial, sign_bit, with_sign

INFINITY = float("inf")


class Precision(NamedTuple):
    """What differs between float32 and float64."""

    half_pi: float  # the nearest float
    rest: float  # what is left of pi / 2
    atan: tuple[float, ...]
    asin: tuple[float, ...]
    big: tuple[float, float]  # coordinates above the first are multiplied by the second
    small: tuple[float, float]  # and so are those below


PRECISIONS = {
    "float": Precision(
        1.5707963705062866, -4.371139000186241e-08, c.ATAN, c.ASIN,
        (2.0**100, 2.0**-30), (2.0**-80, 2.0**70),
    ),
    "double": Precision(
        math.pi / 2, c.HALF_PI_64[1], c.ATAN_64, c.ASIN_64,
        (2.0**1000, 2.0**-60), (2.0**-900, 2.0**100),
    ),
}  # fmt: skip


def precision(x: Value) -> Precision:
    return PRECISIONS[element(x.type)]


def _one(x: Value) -> Value:
    return constant(1.0, x.type)


def _arc(f: Function, above: Value, below: Value) -> Value:
    """The angle of a point with coordinates that are not negative (or NaN): atan(above / below).

    The ratio is brought below tan(pi / 8) by turning the point back by pi / 4 or pi / 2.
    """
    half_pi, rest, *_ = numbers = precision(above)
    steep = f.compare("gt", above, f.mul(below, 1 + math.sqrt(2)))
    middle = f.compare("gt", above, f.mul(below, math.sqrt(2) - 1))

    def turned(angle: float) -> Value:
        zero = constant(0.0, above.type)
        return f.select(steep, constant(angle, above.type), f.select(middle, angle / 2, zero))

    y = f.select(steep, f.neg(below), f.select(middle, f.sub(above, below), above))
    x = f.select(steep, above, f.select(middle, f.add(above, below), below))
    z = f.div(y, x)
    square = f.mul(z, z)
    arc = f.mul(f.mul(square, z), polynomial(f, square, numbers.atan))
    return f.add(turned(half_pi), f.add(z, f.add(arc, turned(rest))))


def atan(f: Function, x: Value) -> Value:
    size = f.unary("fabs", x)
    huge = f.compare("gt", size, 2.0**60)
    arc = _arc(f, f.select(huge, constant(2.0**60, x.type), size), _one(x))
    return f.select(f.is_nan(x), x, with_sign(f, arc, sign_bit(f, x)))


def atan2(f: Function, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), by C99's table at zeros and infinities."""
    half_pi, rest, *_ = numbers = precision(x)
    height, width = f.unary("fabs", y), f.unary("fabs", x)
    # Of two infinities take 1 and 1; of two numbers near the ends of the range, their multiples.
    infinite = f.and_(f.compare("eq", height, INFINITY), f.compare("eq", width, INFINITY))
    height, width = (f.select(infinite, _one(x), v) for v in (height, width))
    (most, down), (least, up) = numbers.big, numbers.small
    big = f.or_(f.compare("gt", height, most), f.compare("gt", width, most))
    small = f.and_(f.compare("lt", height, least), f.compare("lt", width, least))
    factor = f.select(big, constant(down, x.type), f.select(small, up, _one(x)))
    height, width = f.mul(height, factor), f.mul(width, factor)
    still = f.compare("eq", height, 0.0)
    point = f.and_(still, f.compare("eq", width, 0.0))
    arc = _arc(f, height, f.select(point, _one(x), width))
    backward = f.compare("lt", bits(f, x), 0)  # -0 too
    arc = f.select(backward, f.add(f.sub(2 * half_pi, arc), 2 * rest), arc)
    unordered = f.or_(f.is_nan(x), f.is_nan(y))
    return f.select(unordered, f.add(x, y), with_sign(f, arc, sign_bit(f, y)))


def arcsine_parts(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """For |x| <= 1/2: |x| and asin(|x|) - |x|; else the same of r = sqrt((1 - |x|) / 2), in float32
    with what the root's rounding lost; and where."""
    size = f.unary("fabs", x)
    outer = f.compare("gt", size, 0.5)
    half = f.mul(f.sub(1.0, size), 0.5)
    square = f.select(outer, half, f.mul(x, x))
    root = f.select(outer, f.unary("sqrt", half), size)
    rest = f.mul(f.mul(square, root), polynomial(f, square, precision(x).asin))
    if element(x.type) == "float":
        lost = f.div(f.fma(f.neg(root), root, half), f.add(root, root))
        lost = f.select(f.and_(outer, f.compare("gt", root, 0.0)), lost, constant(0.0, x.type))
        rest = f.add(rest, lost)
    return root, rest, outer
