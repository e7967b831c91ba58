"""Rounding: floats to whole numbers that stay floats.

One instruction where the processor has it. Plain SSE2 has none, and LLVM would call a library
function: there adding and subtracting 2^mantissa rounds, and a comparison corrects.
"""

from __future__ import annotations

from collections.abc import Callable

from gradatim.engines.llvm.emit import Function, Value, constant, element
from gradatim.engines.llvm.vector_tools import MANTISSA, sign_bit, with_sign

Correction = Callable[[Function, Value, Value], Value]


def _rounded(f: Function, instruction: str, x: Value, correct: Correction) -> Value:
    if f.module.features.has_rounding:
        return f.unary(instruction, x)
    whole = 2.0 ** MANTISSA[element(x.type)]  # from here on every float is a whole number
    size = f.unary("fabs", x)
    sign = sign_bit(f, x)
    near = with_sign(f, f.sub(f.add(size, whole), whole), sign)
    result = f.unary("fabs", correct(f, near, x))  # all of them keep the sign, that of 0 too
    return f.select(f.compare("lt", size, whole), with_sign(f, result, sign), x)


def _one_where(f: Function, condition: Value, like: Value) -> Value:
    return f.select(condition, constant(1.0, like.type), 0.0)


def nearest(f: Function, x: Value) -> Value:
    """To the nearest, halves to even."""
    return _rounded(f, "rint", x, lambda f, near, x: near)


def floor(f: Function, x: Value) -> Value:
    return _rounded(
        f, "floor", x, lambda f, near, x: f.sub(near, _one_where(f, f.compare("gt", near, x), x))
    )


def ceil(f: Function, x: Value) -> Value:
    return _rounded(
        f, "ceil", x, lambda f, near, x: f.add(near, _one_where(f, f.compare("lt", near, x), x))
    )


def truncate(f: Function, x: Value) -> Value:
    """Towards zero."""

    def correct(f: Function, near: Value, x: Value) -> Value:
        near, size = f.unary("fabs", near), f.unary("fabs", x)
        return f.sub(near, _one_where(f, f.compare("gt", near, size), x))

    return _rounded(f, "trunc", x, correct)
