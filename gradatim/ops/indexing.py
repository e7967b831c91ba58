"""`x[...]`, reading and writing, and the functions that do the same by name.

Basic indexing gives views. Advanced indexing (with tensors, arrays, lists and masks) is one
`gather` to read and one `scatter_set` to write: the indexed axes are brought to the front and made
one, and the indices, broadcast together, become places on it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import ArgumentTypeError, DTypeError, IndexOutOfRange, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._assignment import assigned, spread
from gradatim.ops._index_expression import (
    INDICES,
    MASKS,
    Placed,
    expression,
    slice_bounds,
)
from gradatim.ops._places import (
    TYPE_NAMES,
    array_node,
    checked_array,
    known_values,
    need_tensor,
    place_node,
)
from gradatim.ops.arguments import number_node, wrap_dim
from gradatim.tensor import Tensor, from_array, method, named
from gradatim.views import has_slice

# --- views of one dimension ----------------------------------------------------------------------


def _along(
    input: Tensor, dim: int, start: int, stop: int, step: int, drops: bool, name: str
) -> Tensor:
    """The view of the places from start to stop along `dim`, without it if `drops`."""
    shape, strides = tuple(input.shape), input._strides()
    before, size, after = shape[:dim], shape[dim], shape[dim + 1 :]
    stride = strides[dim]
    count = -(-(stop - start) // step)
    offset = input.storage_offset() + start * stride
    kept = (*before, count, *after)
    new_shape = before + after if drops else kept
    outer, inner = strides[:dim], strides[dim + 1 :]
    new_strides = outer + inner if drops else (*outer, step * stride, *inner)
    view = input
    if count != size:
        starts = (*[0] * dim, start, *[0] * len(after))
        steps = (*[1] * dim, step, *[1] * len(after))
        cut = ("slice", starts, (*before, stop, *after), steps)
        view = input._view(cut, new_shape, new_strides, offset)
    if drops or view is input:
        view = view._view(("reshape", new_shape), new_shape, new_strides, offset)
    view._op = name
    return view


@method()
def select(input: Tensor, dim: int, index: Any) -> Tensor:
    """The slice at place `index` of a dimension, as a view without that dimension.

    Raises:
        IndexOutOfRange: for a place or a dimension that is not there.

    Example:
        >>> import gradatim as gd
        >>> gd.arange(6).reshape(2, 3).select(1, -1)
        tensor([2, 5])
    """
    if isinstance(index, bool):
        raise ArgumentTypeError("select(): argument 'index' must be int, not bool")
    if input.ndim == 0:
        raise IndexOutOfRange("select() cannot be applied to a 0-dim tensor.")
    axis, index = wrap_dim(dim, input.ndim), operator.index(index)
    size = input.shape[axis]
    if not -size <= index < size:
        raise IndexOutOfRange(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at "
            f"dimension {axis}"
        )
    place = index % size
    return _along(input, axis, place, place + 1, 1, True, "Select")


@method()
def narrow(input: Tensor, dim: int, start: Any, length: Any) -> Tensor:
    """The `length` places from `start` on of a dimension, as a view.

    Raises:
        IndexOutOfRange, ShapeError: for places that are not there.
    """
    if input.ndim == 0:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor) and (start.ndim or not start.dtype.is_integer):
        raise ShapeError(
            f"start must be an 0-dim integral Tensor. Got a tensor of {start.dtype.name} and shape "
            f"{list(start.shape)}"
        )
    axis, start, length = wrap_dim(dim, input.ndim), operator.index(start), operator.index(length)
    size = input.shape[axis]
    if length < 0:
        raise ShapeError(f"narrow(): length must be non-negative, got {length}.")
    if not -size <= start <= size:
        raise IndexOutOfRange(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start = start + size if start < 0 else start
    if start + length > size:
        raise ShapeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return _along(input, axis, start, start + length, 1, False, "Slice")


# --- x[...] --------------------------------------------------------------------------------------

# What an integer index of a 0-d tensor gives instead of an error. Each is asked in turn; None is no
# answer. (The front end for PyTorch is there: `loss.data[0]` was its way to say `loss.item()`.)
OF_A_SCALAR: list[Callable[[Tensor, int], Any]] = []


@method("__getitem__")
def _get_item(self: Tensor, index: Any) -> Tensor:
    """`self[index]`, as in PyTorch: a view for integers, slices, None and Ellipsis; a copy for
    tensors, arrays and lists of indices or bools."""
    kind = type(index)
    if kind is int and self.ndim:
        size = self.shape[0]
        if not -size <= index < size:
            raise IndexOutOfRange(
                f"index {index} is out of bounds for dimension 0 with size {size}"
            )
        place = index % size
        return _along(self, 0, place, place + 1, 1, True, "Select")
    if kind is int and OF_A_SCALAR:
        for answer in OF_A_SCALAR:
            found = answer(self, index)
            if found is not None:
                return found
    if kind is slice and self.ndim:
        return _along(self, 0, *slice_bounds(index, self.shape[0]), False, "Slice")
    if isinstance(index, Tensor) and index.ndim and self.ndim and index.dtype in INDICES:
        x = self._read()
        return named(
            p.gather(x, place_node(index, x.shape[0], 0, wraps=True, checks=False)), "Index"
        )
    view, placed = expression(self, index)
    return named(_read(view, _plan(view, placed)), "Index") if placed else view


@method("__setitem__")
def _set_item(self: Tensor, index: Any, value: Any) -> None:
    """`self[index] = value`: the value is broadcast and cast, and written in place."""
    if type(index) is Tensor and _is_whole_mask(index, self) and type(value) in (int, float):
        self._prepare_write()
        filling = number_node(value, self.dtype)
        self._write(p.select(index._read(), filling, self._read()))
        _note_write(self, self, "IndexPut")
        return
    target, placed = expression(self, index, writing=True)
    if placed:
        target._prepare_write()
        new = _updated(target, placed, assigned(value, target.dtype), False)
        target._write(new)
        _note_write(self, target, "IndexPut")
        return
    if isinstance(value, Tensor) and value._cell is target._cell and value._path == target._path:
        return  # x[0] += 1 has written already
    node = spread(assigned(value, target.dtype, casts=True), tuple(target.shape))
    if isinstance(value, Tensor) and node is value._read():
        node = p.copy(node)
    target._write(node, fresh=not has_slice(target._path))
    _note_write(self, target, "CopySlices" if target.shape != self.shape else "CopyBackwards")


def _is_whole_mask(index: Tensor, target: Tensor) -> bool:
    """Whether the usual case is at hand, `x[x < 0] = 0`, which needs no plan."""
    return (
        index._cell.node.dtype is bool_
        and target._cell.node.dtype.is_floating_point
        and index.shape == target.shape
        and index.ndim > 0
    )


def _note_write(self: Tensor, target: Tensor, name: str) -> None:
    """Give tensors the names under which PyTorch records a write."""
    base = target._base
    if base is None:
        target._op = name
    else:
        base._op = name if base is self and name == "CopyBackwards" else "CopySlices"
        if base is not self:
            self._op = "AsStrided"


@method()
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `values` at `input[indices]`, or, with `accumulate`, added there.

    Args:
        indices: a tuple of index tensors and masks.
        values: broadcast to the shape of `input[indices]`; of the input's dtype.

    Example:
        >>> import gradatim as gd
        >>> places = (gd.tensor([0, 0, 2]),)
        >>> gd.zeros(3).index_put(places, gd.tensor(1.0), accumulate=True)
        tensor([2., 0., 1.])
    """
    need_tensor(values, "index_put(): argument 'values' (position 2)")
    for k, index in enumerate(indices):
        if index is not None and not isinstance(index, Tensor):
            raise ArgumentTypeError(
                f"expected Tensor as element {k} in argument 0, but got {type(index).__name__}"
            )
    placed, axis = [], 0
    for index in indices:
        if index is not None:
            if index.ndim == 0 and index.dtype not in MASKS:
                index = index.reshape(1)
            placed.append(Placed(axis, index))
        axis += index.ndim if index is not None and index.dtype in MASKS else 1
    if axis > input.ndim:
        raise IndexOutOfRange(f"too many indices for tensor of dimension {input.ndim}")
    if not placed:
        raise ShapeError("index_put() expects at least one index tensor, got none")
    return named(_updated(input, placed, assigned(values, input.dtype), accumulate), "IndexPut")


# --- advanced indexing ---------------------------------------------------------------------------


class _Plan(NamedTuple):
    """How some axes of a tensor are indexed.

    Attributes:
        shape: of the tensor, with the axes of each mask made one.
        axes: the indexed ones among those.
        index: places on the indexed axes made one.
        lead: how many of the other axes stand before the index's dimensions in the result. Those
            take the indexed axes' place if these stand side by side, else they come first.
    """

    shape: Shape
    axes: tuple[int, ...]
    index: Node
    lead: int

    @property
    def rest(self) -> tuple[int, ...]:
        return tuple(k for k in range(len(self.shape)) if k not in self.axes)

    @property
    def result_shape(self) -> Shape:
        sizes = tuple(self.shape[k] for k in self.rest)
        return sizes[: self.lead] + self.index.shape + sizes[self.lead :]


def _plan(view: Tensor, placed: list[Placed]) -> _Plan:
    old_shape = tuple(view.shape)
    shape: list[int] = []
    axes: list[int] = []
    indices: list[Any] = []
    end = 0
    for axis, index in placed:
        shape += old_shape[end:axis]
        axes.append(len(shape))
        if _is_mask(index):
            end = axis + index.ndim
            _check_mask(index, old_shape, axis)
            indices.append(np.flatnonzero(index._value() if isinstance(index, Tensor) else index))
        else:
            end = axis + 1
            indices.append(index)
        shape.append(math.prod(old_shape[axis:end]))
    shape += old_shape[end:]
    adjacent = axes[-1] - axes[0] == len(axes) - 1
    index = _one_index(indices, axes, [shape[k] for k in axes])
    return _Plan(tuple(shape), tuple(axes), index, axes[0] if adjacent else 0)


def _is_mask(index: Any) -> bool:
    return index.dtype in MASKS if isinstance(index, Tensor) else index.dtype == np.bool_


def _check_mask(mask: Any, shape: Shape, axis: int) -> None:
    for k, n in enumerate(mask.shape):
        if n != shape[axis + k]:
            raise IndexOutOfRange(
                f"The shape of the mask {list(mask.shape)} at index {k} does not match the shape "
                f"of the indexed tensor {list(shape)} at index {axis + k}"
            )


def _one_index(indices: list[Any], axes: list[int], sizes: list[int]) -> Node:
    """The indices of several axes as places on these axes made one."""
    if len(indices) == 1 and isinstance(indices[0], Tensor):
        return place_node(indices[0], sizes[0], axes[0], wraps=True, checks=False)
    try:
        np.broadcast_shapes(*(tuple(index.shape) for index in indices))
    except ValueError:
        shapes = ", ".join(str(list(index.shape)) for index in indices)
        raise IndexOutOfRange(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    strides = [math.prod(sizes[k + 1 :]) for k in range(len(sizes))]
    arrays = [known_values(i) if isinstance(i, Tensor) else i for i in indices]
    if all(array is not None for array in arrays):
        place = np.zeros((), np.int64)
        for array, size, stride, axis in zip(arrays, sizes, strides, axes):
            place = place + checked_array(array, size, axis, True).astype(np.int64) * stride
        return array_node(place)
    flat: Node | None = None
    for index, size, stride, axis in zip(indices, sizes, strides, axes):
        if isinstance(index, Tensor):
            node = place_node(index, size, axis, wraps=True)
        else:
            node = array_node(checked_array(index, size, axis, True))
        if stride != 1:
            node = p.mul(node, p.constant(stride, int64))
        flat = node if flat is None else p.add(flat, node)
    assert flat is not None
    return flat


def _indexed_first(view: Tensor, plan: _Plan) -> Node:
    """The tensor with its indexed axes first and made one."""
    x = p.permute(p.reshape(view._read(), plan.shape), plan.axes + plan.rest)
    size = math.prod(plan.shape[k] for k in plan.axes)
    return p.reshape(x, (size, *(plan.shape[k] for k in plan.rest)))


def _read(view: Tensor, plan: _Plan) -> Node:
    found = p.gather(_indexed_first(view, plan), plan.index, plan.axes[0])
    count, lead = plan.index.ndim, plan.lead
    if not lead:
        return found
    return p.permute(
        found, (*range(count, count + lead), *range(count), *range(count + lead, found.ndim))
    )


def _updated(target: Tensor, placed: list[Placed], value: Node, accumulate: bool) -> Node:
    """The tensor with a value put (or added) where it is indexed.

    Raises:
        ShapeError: for a value that does not broadcast to the indexed shape.
        DTypeError: for one of another dtype.
    """
    if len(placed) == 1 and not accumulate and _is_mask(placed[0].index):
        filled = _filled(target, placed[0], value)
        if filled is not None:
            return filled
    if value.dtype is not target.dtype:
        raise DTypeError(
            f"Index put requires the source and destination dtypes match, got "
            f"{TYPE_NAMES[target.dtype.name]} for the destination and "
            f"{TYPE_NAMES[value.dtype.name]} for the source."
        )
    plan = _plan(target, placed)
    updates = spread(value, plan.result_shape, indexing=True)
    count, lead = plan.index.ndim, plan.lead
    if lead:
        updates = p.permute(
            updates, (*range(lead, lead + count), *range(lead), *range(lead + count, updates.ndim))
        )
    put = p.scatter_add if accumulate else p.scatter_set
    order = plan.axes + plan.rest
    new = put(_indexed_first(target, plan), plan.index, updates)
    new = p.reshape(new, tuple(plan.shape[k] for k in order))
    new = p.permute(new, tuple(order.index(k) for k in range(len(order))))
    return p.reshape(new, tuple(target.shape))


def _filled(target: Tensor, placed: Placed, value: Node) -> Node | None:
    """The tensor with a value where a mask holds, if the value is the same at every place of the
    mask: then nobody needs to know how many there are. Else None."""
    axis, mask = placed
    shape = tuple(target.shape)
    _check_mask(mask, shape, axis)
    rest = shape[axis + mask.ndim :]
    places = len(shape) - mask.ndim + 1  # dimensions of target[mask]
    while value.ndim > places and value.shape[0] == 1:
        value = p.reshape(value, value.shape[1:])
    if value.ndim > places or (value.ndim > len(rest) and value.shape[-len(rest) - 1] != 1):
        return None
    if value.dtype is not target.dtype:
        if value.size != 1:
            return None
        value = p.cast(value, target.dtype)
    if value.ndim > len(rest):  # its dimension for the places, now one for each of the mask's
        lead = value.ndim - len(rest) - 1
        value = p.reshape(value, (*value.shape[:lead], *(1,) * mask.ndim, *value.shape[lead + 1 :]))
    try:
        fits = p.broadcast(value.shape, shape) == shape
    except ShapeError:
        fits = False
    if not fits:
        return None  # the error needs the number of places
    node = mask._read() if isinstance(mask, Tensor) else from_array(mask)._read()
    condition = p.reshape(p.cast(node, bool_), (*mask.shape, *(1,) * len(rest)))
    return p.select(condition, value, target._read())
