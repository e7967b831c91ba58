"""Bits, logic and comparison, on each pair of elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, UnsupportedDType
from gradatim.graph.node import Node
from gradatim.ops.arguments import (
    as_number,
    as_tensor_operand,
    is_number,
    need_tensors,
    number_node,
    operands,
)
from gradatim.ops.arithmetic import add, mul, sub
from gradatim.ops.elementwise import abs
from gradatim.tensor import Tensor, method, wrap


def _bitwise(name: str, build: Callable[[Node, Node], Node], text: str) -> Any:
    def function(input: Any, other: Any) -> Tensor:
        a, b = operands(input, other, name)
        if a.dtype.is_floating_point:
            raise UnsupportedDType(f'"{name}" is for integers and bools, got {a.dtype.name}')
        return wrap(build(a, b))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text} of two integers or bools."
    return method()(function)


bitwise_and = _bitwise("bitwise_and", p.and_, "The bits that are set in both")
bitwise_or = _bitwise("bitwise_or", p.or_, "The bits that are set in either")
bitwise_xor = _bitwise("bitwise_xor", p.xor, "The bits that are set in one alone")
bitwise_left_shift = _bitwise("bitwise_left_shift", p.shl, "input << other")
bitwise_right_shift = _bitwise("bitwise_right_shift", p.shr, "input >> other")


@method("bitwise_not", "__invert__")
def bitwise_not(input: Tensor) -> Tensor:
    """Every bit turned over; of a bool, its opposite."""
    x = input._read()
    if x.dtype.is_floating_point:
        raise ArgumentTypeError(
            f"~ (operator.invert) is for integers and bools, got {x.dtype.name}"
        )
    return wrap(p.not_(x))


def _truth(input: Any) -> Node:
    return p.cast(as_tensor_operand(input, "logical operation")._read(), bool_)


def _logical(name: str, build: Callable[[Node, Node], Node]) -> Callable[[Any, Any], Tensor]:
    def function(input: Any, other: Any) -> Tensor:
        return wrap(build(_truth(input), _truth(other)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name.split('_')[1]} of the truth (non-zero) of two tensors."
    return method()(function)


logical_and = _logical("logical_and", p.and_)
logical_or = _logical("logical_or", p.or_)
logical_xor = _logical("logical_xor", p.xor)


@method()
def logical_not(input: Tensor) -> Tensor:
    """Whether each element is zero."""
    return wrap(p.not_(_truth(input)))


def _comparison(name: str, other_name: str, build: Callable[[Node, Node], Node]) -> Any:
    def function(input: Any, other: Any) -> Tensor:
        if not isinstance(input, Tensor):
            need_tensors(name, input=input)
        elif is_number(other):
            other = _comparable(input, as_number(other))
        return wrap(build(*operands(input, other, name)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Elementwise comparison ({other_name}); a bool tensor."
    return method(name, other_name)(function)


def _comparable(input: Tensor, number: bool | int | float) -> bool | int | float:
    """An integer out of a dtype's range compares as the float it is."""
    dtype = input.dtype
    if dtype.is_integer and isinstance(number, int):
        low, high = dtypes.integer_range(dtype)
        if not low <= number <= high:
            return math.inf if number > 0 else -math.inf
    return number


eq = _comparison("eq", "eq", p.eq)
ne = _comparison("ne", "not_equal", p.ne)
lt = _comparison("lt", "less", p.lt)
le = _comparison("le", "less_equal", p.le)
gt = _comparison("gt", "greater", p.gt)
ge = _comparison("ge", "greater_equal", p.ge)
not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge


@method()
def isnan(input: Tensor) -> Tensor:
    """Whether each element is NaN."""
    x = input._read()
    return wrap(p.ne(x, x))


@method()
def isinf(input: Tensor) -> Tensor:
    """Whether each element is an infinity."""
    x = input._read()
    if not x.dtype.is_floating_point:
        return wrap(p.full(x.shape, False, bool_))
    return wrap(p.eq(p.abs_(x), number_node(math.inf, x.dtype)))


@method()
def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither NaN nor an infinity."""
    x = input._read()
    if not x.dtype.is_floating_point:
        return wrap(p.full(x.shape, True, bool_))
    return wrap(p.lt(p.abs_(x), number_node(math.inf, x.dtype)))


@method()
def signbit(input: Tensor) -> Tensor:
    """Whether each element has its sign bit set (-0.0 too)."""
    x = input._read()
    if not x.dtype.is_floating_point:
        return wrap(p.lt(x, number_node(0, x.dtype)))
    return wrap(p.lt(p.copysign(number_node(1, x.dtype), x), number_node(0, x.dtype)))


@method()
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether `|input - other| <= atol + rtol * |other|`, or both are the same infinity."""
    need_tensors("isclose", input=input, other=other)
    for bound, number in (("rtol", rtol), ("atol", atol)):
        if not number >= 0:
            raise ArgumentError(f"{bound} must be greater than or equal to zero, but got {number}")
    if input.dtype is not other.dtype:
        raise DTypeError(f"{input.dtype.name} did not match {other.dtype.name}")
    same = eq(input, other)
    if equal_nan:
        same = logical_or(same, logical_and(isnan(input), isnan(other)))
    if not input.dtype.is_floating_point:
        input, other = input.to(dtypes.float64), other.to(dtypes.float64)
    near = le(abs(sub(input, other)), add(mul(abs(other), rtol), atol))
    return logical_or(same, logical_and(logical_and(isfinite(input), isfinite(other)), near))


@method()
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds everywhere."""
    need_tensors("allclose", input=input, other=other)
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@method()
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements."""
    need_tensors("equal", input=input, other=other)
    return input.shape == other.shape and bool(eq(input, other).all())
