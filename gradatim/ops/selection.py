"""Selection and clamping: one value or the other, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Node
from gradatim.ops.arguments import (
    as_number,
    floating_operand,
    is_number,
    need_numbers,
    need_tensors,
    number_node,
    operands,
    result_dtype,
)
from gradatim.ops.arithmetic import add, div, maximum, minimum, mul, rsub, sub
from gradatim.ops.comparison import lt, ne
from gradatim.ops.elementwise import log
from gradatim.tensor import Tensor, method, named, op, wrap


@method()
@op("Logit")
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of the sigmoid; x is first clamped to [eps, 1 - eps]."""
    if not input.dtype.is_floating_point:
        input = wrap(floating_operand(input, "logit"))
    if eps is not None:
        input = clamp(input, eps, 1 - eps)
    return log(div(input, rsub(input, 1)))


def _ignoring_nan(name: str, build: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    def function(input: Any, other: Any) -> Tensor:
        need_tensors(name, input=input, other=other)
        a, b = operands(input, other, name)
        x, y = wrap(a), wrap(b)
        result: Tensor = where(ne(y, y), x, where(ne(x, x), y, build(x, y)))
        result._op = name.title()
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name[1:]}imum of the two that is not NaN, if there is one."
    return method()(function)


fmax = _ignoring_nan("fmax", maximum)
fmin = _ignoring_nan("fmin", minimum)


@method()
def lerp(input: Tensor, end: Any, weight: Any) -> Tensor:
    """`input + weight * (end - input)`; from the other side where `weight` is at least ½."""
    for name, value in (("end", end), ("weight", weight)):
        if (
            isinstance(value, Tensor)
            and value.dtype is not input.dtype
            and (name == "end" or value.ndim)
        ):
            raise DTypeError(
                f"expected dtype {input.dtype.name} for `{name}` but got dtype {value.dtype.name}"
            )
    if not isinstance(weight, Tensor) and not is_number(weight):
        raise ArgumentTypeError(
            f"lerp(): argument 'weight' must be a Number or a Tensor, not {type(weight).__name__}"
        )
    difference = sub(end, input)
    if is_number(weight):
        if weight < 0.5:
            result = add(input, mul(difference, weight))
        else:
            result = sub(end, mul(difference, 1 - weight))
    else:
        far = sub(end, mul(difference, rsub(weight, 1)))
        result = where(lt(weight, 0.5), add(input, mul(difference, weight)), far)
    result._op = "Lerp" if is_number(weight) else "Lerp:1"
    return result


@op("Where")
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, else `other`; with a condition alone, the places where it
    holds (`nonzero(as_tuple=True)`).
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not isinstance(condition, Tensor):
        raise ArgumentTypeError(f"where expects a bool Tensor, got {type(condition).__name__}")
    mask = condition._read()
    if mask.dtype is not bool_:
        if mask.dtype is not dtypes.uint8:
            raise DTypeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{mask.dtype.name}"
            )
        mask = p.cast(mask, bool_)
    if is_number(input) and is_number(other):
        dtype = result_dtype(input, other)
        return wrap(
            p.select(
                mask, number_node(as_number(input), dtype), number_node(as_number(other), dtype)
            )
        )
    return wrap(p.select(mask, *operands(input, other, "where")))


@method("where")
def _where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """`self` where the condition holds, else `other`."""
    result: Tensor = where(condition, self, other)
    return result


@method("clamp", "clip")
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Each element, but not below `min` and not above `max` (numbers or tensors).

    The gradient passes where the element is inside, borders included.
    """
    need_tensors("clamp", input=input)
    if min is None and max is None:
        raise ArgumentError("clamp: At least one of 'min' or 'max' must not be None")
    for name, bound in (("min", min), ("max", max)):
        if bound is not None and not isinstance(bound, Tensor) and not is_number(bound):
            raise ArgumentTypeError(
                f"clamp(): argument '{name}' must be a Number or a Tensor, not "
                f"{type(bound).__name__}"
            )
    x = input._read()
    if x.dtype.is_floating_point and not (isinstance(min, Tensor) or isinstance(max, Tensor)):
        dtype = x.dtype  # no number promotes it
    else:
        dtype = result_dtype(*(v for v in (input, min, max) if v is not None))
        x = p.cast(x, dtype)
    for bound, beyond in ((min, p.lt), (max, p.gt)):
        if bound is None:
            continue
        if is_number(bound):
            limit = number_node(as_number(bound), dtype)
        else:
            limit = p.cast(bound._read(), dtype)
        if limit.primitive is p.CONSTANT and limit.params[0] != limit.params[0]:
            x = p.add(x, limit)  # a NaN bound
            continue
        x = p.select(beyond(x, limit), limit, x)
        if not is_number(bound):
            x = p.select(p.ne(limit, limit), limit, x)
    tensors = isinstance(min, Tensor) or isinstance(max, Tensor)
    return named(x, "Clamp" if tensors else "Clamp:1")


clip = clamp


@method()
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Each element, but not below `min`."""
    result = clamp(input, min=min)
    result._op = "ClampMin" if is_number(min) else "ClampMin:1"
    return result


@method()
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Each element, but not above `max`."""
    result = clamp(input, max=max)
    result._op = "ClampMax" if is_number(max) else "ClampMax:1"
    return result


@method()
@op("NanToNum")
def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN and the infinities replaced; the infinities by the dtype's largest and smallest unless
    told otherwise."""
    x = input._read()
    if not x.dtype.is_floating_point:
        return wrap(p.copy(x))
    import ml_dtypes

    limits = ml_dtypes.finfo(x.dtype.numpy)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    y = p.select(p.ne(x, x), number_node(nan, x.dtype), x)
    y = p.select(p.eq(x, number_node(math.inf, x.dtype)), number_node(high, x.dtype), y)
    return wrap(p.select(p.eq(x, number_node(-math.inf, x.dtype)), number_node(low, x.dtype), y))


@method()
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` (a number or a 0-d tensor) where the mask holds, else the element."""
    condition = mask._read()
    if condition.dtype is not bool_:
        raise DTypeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{condition.dtype.name}: make one with a comparison, or .bool()"
        )
    if not isinstance(value, Tensor):
        need_numbers("masked_fill", value=value)
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    x = input._read()
    if isinstance(value, Tensor):
        fill = p.cast(value._read(), x.dtype)
    else:
        number = as_number(value)
        if number_is_beyond(number, x):
            raise DTypeError(
                f"value cannot be converted to type {x.dtype.name} without overflow: {number}"
            )
        fill = number_node(number, x.dtype)
    name = "MaskedFill:1" if isinstance(value, Tensor) else "MaskedFill"
    return named(p.select(condition, fill, x), name)


def number_is_beyond(number: Any, x: Node) -> bool:
    """Whether a dtype would have to drop what the number says."""
    return x.dtype.is_integer and isinstance(number, float) and not float(number).is_integer()


@method()
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero, 1 above, `values` at zero."""
    need_tensors("heaviside", input=input, values=values)
    x, at_zero = operands(input, values, "heaviside")
    zero, one = number_node(0, x.dtype), number_node(1, x.dtype)
    step = p.select(p.gt(x, zero), one, zero)  # NaN is not above zero
    return wrap(p.select(p.eq(x, zero), at_zero, step))
