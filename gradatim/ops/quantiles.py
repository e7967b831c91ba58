"""The middle and other quantiles, and the most frequent value.

What a dimension gives is one of its elements (or a mean of two), and the gradient goes to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, float32, float64, int64, integer_range
from gradatim.graph.errors import DTypeError, ShapeError
from gradatim.graph.gradients import along_axis
from gradatim.graph.node import Node
from gradatim.ops._aliases import numpy_names
from gradatim.ops._places import known_values
from gradatim.ops.arguments import as_tensor_operand, is_number, number_node, wrap_dim
from gradatim.ops.extremes import take_along
from gradatim.ops.reduce import kept_shape
from gradatim.ops.results import result_type
from gradatim.ops.sorting import _need_elements, _part
from gradatim.realize import state
from gradatim.tensor import Tensor, method, named, wrap


def _line(x: Node) -> Node:
    return p.reshape(x, (1,)) if x.ndim == 0 else x


# --- the middle ----------------------------------------------------------------------------------


def _middle(x: Node, axis: int) -> Node:
    """The place of the middle element (the lower of two), or of the first NaN; axis kept."""
    values, places = p.sort(p.stop_gradient(x), axis, False)
    size = x.shape[axis]
    middle = _part(places, axis, (size - 1) // 2, 1)
    if not x.dtype.is_floating_point:
        return middle
    last = _part(values, axis, size - 1, 1)
    nan = p.reshape(p.argmax(p.stop_gradient(x), axis), middle.shape)
    return p.select(p.ne(last, last), nan, middle)


def _middle_of_numbers(x: Node, axis: int) -> Node:
    """The place of the middle element of those that are not NaN; axis kept."""
    if not x.dtype.is_floating_point:
        return _middle(x, axis)
    x = p.stop_gradient(x)
    _, places = p.sort(x, axis, False)
    numbers = p.sum_(p.cast(p.eq(x, x), int64), (axis,))
    last = p.maximum(p.sub(numbers, p.constant(1, int64)), p.constant(0, int64))
    rank = p.reshape(p.floor_divide(last, p.constant(2, int64)), kept_shape(x.shape, (axis,)))
    return take_along(places, rank, axis)


def _one_element(
    x: Node, axis: int, keepdim: bool, name: str, title: str, find: Callable[[Node, int], Node]
) -> Any:
    """`(values, indices)` of the element of each line that `find` gives the place of."""
    _need_elements(x, axis, name)
    line = _line(x)
    places = find(line, axis)
    shape = places.shape if keepdim and x.ndim else x.shape[:axis] + x.shape[axis + 1 :]
    values = p.reshape(take_along(line, places, axis), shape)
    result = result_type(name, "values", "indices")
    return result(named(values, title), wrap(p.reshape(places, shape)))


def _median(name: str, find: Callable[[Node, int], Node], what: str) -> Callable[..., Any]:
    title = name.title()

    def function(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
        x = as_tensor_operand(input, name)._read()
        if x.dtype is bool_:
            raise DTypeError(f"{name} does not support bool dtypes: cast it with .int()")
        if dim is None:
            return named(_of_all(p.reshape(x, (x.size,)), find), title)
        return _one_element(x, wrap_dim(dim, x.ndim), keepdim, name, f"{title}:1", find)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The middle element{what}, the lower one of two. Along `dim` a result
    `(values, indices)`; without it the middle of all, whose gradient equal elements share.

    Raises:
        IndexOutOfRange: for a dimension without elements. (The median of nothing at all is NaN.)

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([4.0, 1.0, 3.0, 2.0]).{name}()
        tensor(2.)
    """
    return method()(numpy_names(function))


def _of_all(x: Node, find: Callable[[Node, int], Node]) -> Node:
    if not x.size:
        floating = x.dtype.is_floating_point
        return p.constant(math.nan if floating else integer_range(x.dtype)[0], x.dtype)
    value = p.reshape(p.gather(p.stop_gradient(x), find(x, 0)), ())
    if not x.history:
        return value
    equal = p.or_(p.eq(x, value), p.and_(p.ne(x, x), p.ne(value, value)))
    share = p.div(p.cast(equal, x.dtype), p.sum_(p.cast(equal, x.dtype), (0,)))
    return p.substitute(value, p.sum_(p.mul(x, share), (0,)))


median = _median("median", _middle, " (NaN, if there is one)")
nanmedian = _median("nanmedian", _middle_of_numbers, " of those that are not NaN")

# --- the most frequent ---------------------------------------------------------------------------


def _most_frequent(x: Node, axis: int) -> Node:
    """The place of the most frequent element, the smallest of several, where it stands last."""
    values, places = p.sort(p.stop_gradient(x), axis, False)
    size = x.shape[axis]
    one = p.constant(1, int64)
    if size == 1:
        return places
    changes = p.cast(
        p.ne(_part(values, axis, 1, size - 1), _part(values, axis, 0, size - 1)), int64
    )
    run = p.cumsum(changes, axis)  # the number of each element's run of equal ones
    low = tuple(1 if k == axis else 0 for k in range(x.ndim))
    run = p.pad(run, p.constant(0, int64), low, (0,) * x.ndim)
    home = along_axis(run, x.shape, axis)
    lengths = p.scatter_add(p.full((x.size,), 0, int64), home, p.expand(one, home.shape))
    length = p.gather(lengths, home)  # of the run that each element is in
    start = p.reshape(p.argmax(length, axis), kept_shape(x.shape, (axis,)))
    end = p.sub(p.add(start, take_along(length, start, axis)), one)
    return take_along(places, end, axis)


@method()
@numpy_names
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """`(values, indices)`: the most frequent element along `dim` (the smallest of several), and the
    last place where it stands.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([2, 1, 2]).mode().values
        tensor(2)
    """
    x = as_tensor_operand(input, "mode")._read()
    return _one_element(x, wrap_dim(dim, x.ndim), keepdim, "mode", "Mode", _most_frequent)


# --- quantiles -----------------------------------------------------------------------------------

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _probabilities(q: Any, x: Node, name: str) -> Node:
    """`q` as a Node of the input's dtype.

    Raises:
        ShapeError, DTypeError: for what is no probability, or several in more than one dimension.
    """
    if is_number(q):
        if not 0 <= q <= 1:
            raise ShapeError(f"{name}() q must be in the range [0, 1] but got {q}")
        return number_node(float(q), x.dtype)
    q = as_tensor_operand(q, name)
    if q.ndim > 1:
        raise ShapeError(f"{name}() q must be a scalar or 1D tensor, got shape {list(q.shape)}")
    if q.dtype is not x.dtype:
        raise DTypeError(
            f"{name}() q tensor must be same dtype as the input tensor, got {q.dtype.name} and "
            f"{x.dtype.name}"
        )
    known = known_values(q) if state.capture is not None else q._value()
    if known is not None and not ((known >= 0) & (known <= 1)).all():
        raise ShapeError(f"{name}() q values must be in the range [0, 1]")
    node: Node = q._read()
    return node


def _quantile(
    input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, skips_nan: bool
) -> Tensor:
    name = "nanquantile" if skips_nan else "quantile"
    x = as_tensor_operand(input, name)._read()
    if x.dtype not in (float32, float64):
        raise DTypeError(
            f"{name}() input tensor must be either float or double dtype, got {x.dtype.name}: "
            f"cast it with .float()"
        )
    if interpolation not in INTERPOLATIONS:
        raise ShapeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if not x.size:
        raise ShapeError(f"{name}() input tensor must be non-empty")
    probabilities = _probabilities(q, x, name)
    count = probabilities.shape  # () or (count,): comes first in the result
    if dim is None:
        axis, kept = 0, (1,) * x.ndim if keepdim else ()
        x = p.reshape(x, (x.size,))
    else:
        axis = wrap_dim(dim, x.ndim)
        kept = tuple(1 if k == axis else n for k, n in enumerate(x.shape) if keepdim or k != axis)
        x = _line(x)
    lines = p.permute(x, (*(k for k in range(x.ndim) if k != axis), axis))
    found = _along_last(lines, p.reshape(probabilities, count or (1,)), interpolation, skips_nan)
    last = found.ndim - 1
    return named(p.reshape(p.permute(found, (last, *range(last))), (*count, *kept)), "Squeeze:4")


def _along_last(x: Node, q: Node, interpolation: str, skips_nan: bool) -> Node:
    """The quantiles of each line of the last axis, in its place."""
    axis, size = x.ndim - 1, x.shape[-1]
    values, _ = p.sort(x, axis, False)
    number = p.eq(values, values)
    top = number_node(size - 1, x.dtype)
    shape = (*x.shape[:-1], 1)
    if skips_nan:
        numbers = p.reshape(p.sum_(p.cast(number, x.dtype), (axis,)), shape)
        zero = number_node(0, x.dtype)
        rank = p.mul(q, p.maximum(p.sub(numbers, number_node(1, x.dtype)), zero))
    else:  # one NaN, and every quantile is it: it stands last
        last = _part(number, axis, size - 1, 1)
        rank = p.select(last, p.mul(q, top), top)
    rank = p.expand(rank, (*x.shape[:-1], q.shape[0]))
    if interpolation == "lower":
        rank = p.floor(rank)
    elif interpolation == "higher":
        rank = p.ceil(rank)
    elif interpolation == "nearest":
        rank = p.round_(rank)
    below = p.cast(rank, int64)
    low = take_along(values, below, axis)
    if interpolation not in ("linear", "midpoint"):
        return low
    above = p.cast(p.ceil(rank), int64)
    high = take_along(values, above, axis)
    half = number_node(0.5, x.dtype)
    weight = half if interpolation == "midpoint" else p.sub(rank, p.floor(rank))
    difference = p.sub(high, low)
    near = p.add(low, p.mul(weight, difference))
    far = p.sub(high, p.mul(difference, p.sub(number_node(1, x.dtype), weight)))
    return p.select(p.lt(weight, half), near, far)  # as lerp: exact at both ends


@method()
@numpy_names
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """The value below which the share `q` of the elements lies, along `dim` or of all.

    Args:
        input: float32 or float64. A NaN makes the result NaN.
        q: a number in [0, 1], or a 1-d tensor of them; then the result's first dimension is theirs.
        interpolation: what lies between two elements: "linear", "lower", "higher", "midpoint",
            "nearest".

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([1.0, 2.0, 3.0, 4.0]).quantile(0.5)
        tensor(2.5000)
    """
    return _quantile(input, q, dim, keepdim, interpolation, skips_nan=False)


@method()
@numpy_names
def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """`quantile` of the elements that are not NaN; NaN if there are none."""
    return _quantile(input, q, dim, keepdim, interpolation, skips_nan=True)
