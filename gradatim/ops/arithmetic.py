"""Arithmetic of two numbers, on each pair of elements, with broadcasting."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError
from gradatim.graph.formula import Formula, absolute, exp, exp2, larger, log1p
from gradatim.graph.formula import where as choose
from gradatim.graph.node import Node
from gradatim.ops.arguments import (
    as_number,
    is_number,
    need_numbers,
    need_tensors,
    number_node,
    operands,
)
from gradatim.ops.elementwise import abs, trunc
from gradatim.tensor import Tensor, method, named, op, wrap


@method()
def square(input: Tensor) -> Tensor:
    """x² of each element."""
    return pow(input, 2)


@method()
@op("Frac")
def frac(input: Tensor) -> Tensor:
    """The fraction of each element, with its sign."""
    return sub(input, trunc(input))


@method()
@op("Deg2Rad")
def deg2rad(input: Tensor) -> Tensor:
    """Degrees to radians."""
    return mul(input, math.pi / 180)


@method()
@op("Rad2Deg")
def rad2deg(input: Tensor) -> Tensor:
    """Radians to degrees."""
    return mul(input, 180 / math.pi)


@method()
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """`input + alpha * other`, elementwise with broadcasting.

    Example:
        >>> import gradatim as gd
        >>> gd.add(gd.tensor([1, 2]), 0.5)
        tensor([1.5000, 2.5000])
    """
    if not (isinstance(alpha, int) and alpha == 1):
        _check_alpha("add", alpha, input, other)
        other = as_number(other) * alpha if is_number(other) else mul(other, alpha)
    return named(p.add(*operands(input, other, "add")), "Add")


@method("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """`input - alpha * other`, elementwise with broadcasting."""
    if not (isinstance(alpha, int) and alpha == 1):
        _check_alpha("sub", alpha, input, other)
        other = as_number(other) * alpha if is_number(other) else mul(other, alpha)
    if _is_bool(input) or _is_bool(other):
        both = "two bool tensors" if _is_bool(input) and _is_bool(other) else "a bool tensor"
        raise DTypeError(
            f"Subtraction, the `-` operator, with {both} is not supported. If you are trying to "
            f"invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return named(p.sub(*operands(input, other, "sub")), "Sub")


def _check_alpha(where: str, alpha: Any, *values: Any) -> None:
    """That a factor is a number, and whole for integers."""
    need_numbers(where, alpha=alpha)
    if isinstance(alpha, float) and not any(
        value.dtype.is_floating_point if isinstance(value, Tensor) else isinstance(value, float)
        for value in values
    ):
        raise DTypeError(
            f"{where}: for integral input tensors, argument alpha must not be a floating point "
            f"number, got {alpha}"
        )


def _is_bool(value: Any) -> bool:
    return value._cell.node.dtype is bool_ if isinstance(value, Tensor) else isinstance(value, bool)


subtract = sub


@method()
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """`other - alpha * input`."""
    if is_number(input):
        raise ArgumentTypeError(f"rsub(): argument 'input' must be Tensor, not {input!r}")
    result = sub(other, input, alpha=alpha)
    result._op = "Rsub:1" if is_number(other) else "Rsub"
    return result


@method("mul", "multiply")
def mul(input: Any, other: Any) -> Tensor:
    """`input * other`, elementwise with broadcasting."""
    return named(p.mul(*operands(input, other, "mul")), "Mul")


multiply = mul


@method("div", "divide")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """`input / other`; with `rounding_mode` "floor" or "trunc" rounded down or towards zero.

    Integers divide to the default floating dtype, unless a rounding mode is given.
    """
    if rounding_mode is None:
        return named(p.div(*operands(input, other, "div", floating=True)), "Div")
    if rounding_mode == "floor":
        result = floor_divide(input, other)
        result._op = "Div:2"
        return result
    if rounding_mode != "trunc":
        raise ArgumentError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"{rounding_mode!r}"
        )
    a, b = operands(input, other, "div")
    if a.dtype.is_floating_point:
        return named(p.trunc(p.div(a, b)), "Div:2")
    return named(p.floor_divide(p.sub(a, p.fmod(a, b)), b), "Div:2")


divide = div


@method()
def true_divide(input: Any, other: Any) -> Tensor:
    """`input / other`."""
    return div(input, other)


@method()
def floor_divide(input: Any, other: Any) -> Tensor:
    """`input // other`, rounded down."""
    a, b = operands(input, other, "floor_divide")
    if a.dtype is bool_:
        raise DTypeError("floor_divide does not take two bool tensors: cast one with .int()")
    if a.dtype.is_floating_point and (a.history or b.history):
        return named(p.floor(p.div(a, b)), "FloorDivide")
    return named(p.floor_divide(a, b), "FloorDivide")


@method()
def remainder(input: Any, other: Any) -> Tensor:
    """`input % other`, with the sign of `other`."""
    node = p.remainder(*operands(input, other, "remainder"))
    return named(node, "Remainder" if is_number(other) else "Remainder:1")


@method()
def fmod(input: Any, other: Any) -> Tensor:
    """The rest of the division, with the sign of `input`."""
    if not isinstance(input, Tensor):
        need_tensors("fmod", input=input)
    node = p.fmod(*operands(input, other, "fmod"))
    return named(node, "Fmod" if is_number(other) else "Fmod:1")


@method()
def pow(input: Any, exponent: Any) -> Tensor:
    """`input ** exponent`, elementwise with broadcasting."""
    a, b = operands(input, exponent, "pow")
    if not a.dtype.is_floating_point and b.primitive is p.CONSTANT and b.params[0] < 0:
        raise DTypeError(
            "Integers to negative integer powers are not allowed: cast them with .float()"
        )
    overload = "" if is_number(exponent) else ":2" if is_number(input) else ":1"
    return named(p.pow_(a, b), f"Pow{overload}")


@method()
def float_power(input: Any, exponent: Any) -> Tensor:
    """`input ** exponent` in float64."""
    a, b = operands(input, exponent, "float_power")
    return named(p.pow_(p.cast(a, dtypes.float64), p.cast(b, dtypes.float64)), "Pow")


def _two(
    name: str, build: Callable[[Node, Node], Node], title: str, text: str, floating: bool = False,
    or_number: bool = False,
) -> Callable[[Any, Any], Tensor]:  # fmt: skip
    def function(input: Any, other: Any) -> Tensor:
        if not isinstance(other, Tensor) and not or_number:
            need_tensors(name, input=input, other=other)
        if not isinstance(input, Tensor):
            need_tensors(name, input=input)
        return named(build(*operands(input, other, name, floating=floating)), title)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text}, elementwise with broadcasting."
    return method()(function)


def _next_after(a: Node, b: Node) -> Node:
    """Its slope is 1 in `input` where the two differ, and 0 otherwise."""
    found = p.nextafter(a, b)
    if not (a.history or b.history):
        return found
    zero = number_node(0, a.dtype)
    moved = p.select(p.eq(a, b), zero, a)
    sloped = p.substitute(found, p.add(moved, p.mul(b, zero)))
    return sloped


maximum = _two("maximum", p.maximum, "Maximum", "The larger of the two; NaN if either is")
minimum = _two("minimum", p.minimum, "Minimum", "The smaller of the two; NaN if either is")
atan2 = _two("atan2", p.atan2, "Atan2", "The angle of the point (other, input)", True)
arctan2 = method("arctan2")(atan2)
copysign = _two("copysign", p.copysign, "Copysign", "|input| with the sign of other", True,
                or_number=True)  # fmt: skip
nextafter = _two("nextafter", _next_after, "Nextafter", "The next number towards other")


@method()
@op("Hypot")
def hypot(input: Any, other: Any) -> Tensor:
    """sqrt(input² + other²), without overflow in between."""
    need_tensors("hypot", input=input, other=other)
    a, b = operands(abs(input), abs(other), "hypot", floating=True)
    large, small = p.maximum(a, b), p.minimum(a, b)
    zero = p.eq(large, number_node(0, a.dtype))
    ratio = p.div(small, p.select(zero, number_node(1, a.dtype), large))
    length = p.mul(large, p.sqrt(p.add(p.mul(ratio, ratio), number_node(1, a.dtype))))
    endless = number_node(math.inf, a.dtype)  # whatever the other is, NaN too (C99, F.9.4.3)
    return wrap(p.select(p.or_(p.eq(a, endless), p.eq(b, endless)), endless, length))


@method()
@op("Logaddexp")
def logaddexp(input: Any, other: Any) -> Tensor:
    """log(exp(input) + exp(other)), without overflow."""
    need_tensors("logaddexp", input=input, other=other)
    a, b = operands(input, other, "logaddexp", floating=True)
    return wrap(_log_of_sum(a, b, exp, 1.0))


@method()
@op("Logaddexp2")
def logaddexp2(input: Any, other: Any) -> Tensor:
    """log₂(2^input + 2^other), without overflow."""
    need_tensors("logaddexp2", input=input, other=other)
    a, b = operands(input, other, "logaddexp2", floating=True)
    return wrap(_log_of_sum(a, b, exp2, 1 / math.log(2)))


def _log_of_sum(a: Node, b: Node, power: Callable[[Formula], Formula], unit: float) -> Node:
    """The larger of the two, and what the other adds to its logarithm (`unit` is that of e)."""
    x, y = Formula(a), Formula(b)
    same_infinity = x.equals(y) & absolute(x).equals(math.inf)
    apart = absolute(choose(same_infinity, 0.0, x - y))
    total = larger(x, y) + log1p(power(-apart)) * unit
    return choose(same_infinity, x, total).node


@method()
@op("Xlogy")
def xlogy(input: Any, other: Any) -> Tensor:
    """input · log(other), and 0 where input is 0."""
    a, b = operands(input, other, "xlogy", floating=True)
    zero = number_node(0, a.dtype)
    dead = p.and_(p.eq(a, zero), p.eq(b, b))
    safe = p.select(dead, number_node(1, a.dtype), b)
    return wrap(p.mul(a, p.log(safe)))


@method()
@op("Addcmul")
def addcmul(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """`input + value * tensor1 * tensor2`."""
    product = mul(tensor1, tensor2)
    return add(input, product if value == 1 else mul(product, value))


@method()
@op("Addcdiv")
def addcdiv(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """`input + value * tensor1 / tensor2`."""
    if all(isinstance(t, Tensor) and not t.dtype.is_floating_point for t in (tensor1, tensor2)):
        raise DTypeError(
            f"addcdiv does not divide integers, got {tensor1.dtype.name} and "
            f"{tensor2.dtype.name}: cast one with .float(), or write input + value * "
            f"tensor1.div(tensor2, rounding_mode='trunc')"
        )
    return add(input, div(tensor1 if value == 1 else mul(tensor1, value), tensor2))
