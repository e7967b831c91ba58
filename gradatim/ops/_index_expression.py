"""What stands between the brackets of `x[...]`, understood: a view, and the index tensors that are
left to apply to it.

Integers, slices, None and Ellipsis are the basic part: they only choose a view. Tensors, arrays and
lists of indices or bools are the advanced part. As in PyTorch the basic part is done first, so that
`x[0, :, i]` is `x[0][:, i]`.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, IndexOutOfRange
from gradatim.graph.node import Shape
from gradatim.ops._places import known_values
from gradatim.realize import state
from gradatim.tensor import Tensor
from gradatim.views import Step

Array = np.ndarray[Any, Any]
MASKS = (dtypes.bool_, dtypes.uint8)
INDICES = (dtypes.int64, dtypes.int32)
EVERYTHING = slice(None)


class Placed(NamedTuple):
    """An index tensor and the first axis of the view that it is for. A mask takes as many axes as
    it has dimensions; other indices take one."""

    axis: int
    index: Tensor | Array


def expression(input: Tensor, index: Any, *, writing: bool = False) -> tuple[Tensor, list[Placed]]:
    """The view that the basic part chooses, and the advanced part.

    A 0-d tensor of an integer is an integer: its value is looked at, because reading with it gives
    a view. Where that is not needed (in writing), or not possible (in a compiled step), it is an
    index tensor instead, if it is the only one.
    """
    items = _items(index, writing or state.capture is not None)
    basic = _Basic(input, items)
    for item in items:
        basic.apply(item)
    return basic.view(), basic.placed


def _items(index: Any, lazy: bool) -> list[Any]:
    """The index as separate items, lists and arrays turned into arrays of int64 or bool."""
    if isinstance(index, list) and _is_tuple_in_disguise(index):
        index = tuple(index)
    if not isinstance(index, tuple):
        return [_item(index, lazy)]
    lazy = lazy and sum(isinstance(i, _ARRAY_LIKE) for i in index) == 1
    return [_item(i, lazy) for i in index]


_ARRAY_LIKE = (Tensor, np.ndarray, list, tuple, range)


def _is_tuple_in_disguise(index: list[Any]) -> bool:
    """NumPy's old rule, which PyTorch still has: a short list that holds anything but numbers means
    a tuple."""
    return len(index) < 32 and any(
        i is None or i is Ellipsis or isinstance(i, (slice, *_ARRAY_LIKE)) for i in index
    )


def _item(item: Any, lazy: bool) -> Any:
    """One item as an int, a bool, a slice, None, Ellipsis, a Tensor or an array."""
    kind = type(item)
    if item is None or item is Ellipsis or kind is int or kind is bool or kind is slice:
        return item
    if isinstance(item, Tensor):
        return _tensor_item(item, lazy)
    if isinstance(item, _ARRAY_LIKE):
        return _array_item(item)
    if isinstance(item, np.bool_):
        return bool(item)
    try:
        return operator.index(item)
    except TypeError:
        name = type(item).__name__
        error = ArgumentTypeError if isinstance(item, (str, bytes)) else IndexOutOfRange
        raise error(
            f"only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {name})"
        ) from None


def _tensor_item(item: Tensor, lazy: bool) -> Any:
    dtype = item.dtype
    if item.ndim == 0:
        if dtype in MASKS:
            return bool(item)
        if dtype.is_integer and not (lazy and dtype in INDICES and known_values(item) is None):
            return int(item.item())
    if dtype not in MASKS and dtype not in INDICES:
        raise IndexOutOfRange(
            f"tensors used as indices must be long, int, byte or bool tensors (got {dtype.name})"
        )
    return item


def _array_item(item: Any) -> Any:
    """A list or an array of indices or bools; a 0-d array is the number in it."""
    if not isinstance(item, np.ndarray):
        item = [i.item() if isinstance(i, Tensor) and i.ndim == 0 else i for i in item]
    try:
        array = np.asarray(item)
    except ValueError:
        raise ArgumentError(
            f"a list of indices must have rows of one length, got {item!r}"
        ) from None
    if array.ndim == 0:
        return _item(array[()], False)
    if array.size == 0 and not isinstance(item, np.ndarray):
        return array.astype(np.int64)
    if array.dtype == np.bool_ or array.dtype == np.uint8:
        return array.astype(np.bool_)
    if array.dtype.kind not in "iu":
        raise IndexOutOfRange(
            f"arrays and lists used as indices must hold integers or bools (got {array.dtype})"
        )
    return array.astype(np.int64)


def _is_mask(item: Any) -> bool:
    if isinstance(item, Tensor):
        return item.dtype in MASKS
    return isinstance(item, np.ndarray) and item.dtype == np.bool_


def _axes_taken(item: Any) -> int:
    """How many dimensions of the tensor an item is for."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    return item.ndim if _is_mask(item) else 1


def slice_bounds(item: slice, size: int) -> tuple[int, int, int]:
    """Start, stop and step inside `size`, with start <= stop."""
    try:
        start = 0 if item.start is None else operator.index(item.start)
        stop = size if item.stop is None else operator.index(item.stop)
        step = 1 if item.step is None else operator.index(item.step)
    except TypeError:
        raise ArgumentTypeError(
            "slice indices must be integers or None or have an __index__ method"
        ) from None
    if step <= 0:
        raise ArgumentError(
            "slice step cannot be zero"
            if step == 0
            else f"step must be greater than zero, got {step}: reverse with .flip(dim)"
        )
    start = min(max(start + size if start < 0 else start, 0), size)
    return start, min(max(stop + size if stop < 0 else stop, start), size), step


class _Basic:
    """Collects the view that the basic part chooses, item by item, from the first dimension on."""

    def __init__(self, input: Tensor, items: list[Any]):
        self.input = input
        self.old_shape: Shape = tuple(input.shape)
        self.old_strides = input._strides()
        taken = sum(_axes_taken(item) for item in items)
        ndim = len(self.old_shape)
        if taken > ndim:
            raise _too_many(items, ndim)
        if sum(item is Ellipsis for item in items) > 1:
            raise IndexOutOfRange("an index can only have a single ellipsis ('...')")
        self.left_over = ndim - taken  # what an Ellipsis stands for
        self.dim = 0  # of the input: the next to be indexed
        self.bounds: list[tuple[int, int, int]] = []  # of each dimension so far
        self.shape: list[int] = []  # of the view, so far
        self.strides: list[int] = []
        self.offset = 0
        self.name = "Alias"
        self.placed: list[Placed] = []

    def apply(self, item: Any) -> None:
        if item is Ellipsis:
            self._pass(self.left_over)
        elif item is None:
            self._new_axis()
            self.name = "Unsqueeze"
        elif isinstance(item, bool):
            self.placed.append(Placed(len(self.shape), np.zeros(int(item), np.int64)))
            self._new_axis()
        elif isinstance(item, int):
            self._select(item)
        elif isinstance(item, slice):
            self._slice(item)
        else:
            self.placed.append(Placed(len(self.shape), item))
            self._pass(_axes_taken(item))

    def _pass(self, count: int) -> None:
        """Dimensions that stay whole."""
        for _ in range(count):
            size = self.old_shape[self.dim]
            self._keep(0, size, 1, size)

    def _keep(self, start: int, stop: int, step: int, size: int) -> None:
        stride = self.old_strides[self.dim]
        self.bounds.append((start, stop, step))
        self.offset += start * stride
        self.shape.append(size)
        self.strides.append(step * stride)
        self.dim += 1

    def _new_axis(self) -> None:
        dim = self.dim
        inner = dim < len(self.old_shape)
        self.shape.append(1)
        self.strides.append(self.old_shape[dim] * self.old_strides[dim] if inner else 1)

    def _select(self, index: int) -> None:
        size = self.old_shape[self.dim]
        place = index + size if index < 0 else index
        if not 0 <= place < size:
            raise IndexOutOfRange(
                f"index {index} is out of bounds for dimension {self.dim} with size {size}"
            )
        self.bounds.append((place, place + 1, 1))
        self.offset += place * self.old_strides[self.dim]
        self.dim += 1
        self.name = "Select"

    def _slice(self, item: slice) -> None:
        size = self.old_shape[self.dim]
        start, stop, step = slice_bounds(item, size)
        if (start, stop, step) != (0, size, 1):
            self.name = "Slice"
        self._keep(start, stop, step, -(-(stop - start) // step))

    def view(self) -> Tensor:
        self._pass(len(self.old_shape) - self.dim)
        if self.name == "Alias" and self.placed and len(self.shape) == len(self.old_shape):
            return self.input
        shape, strides = tuple(self.shape), tuple(self.strides)
        offset = self.input.storage_offset() + self.offset
        view, old_shape = self.input, self.old_shape
        if any(bound != (0, size, 1) for bound, size in zip(self.bounds, old_shape)):
            starts, stops, steps = zip(*self.bounds)
            cut: Step = ("slice", starts, stops, steps)
            old_shape = tuple(-(-(b - a) // step) for a, b, step in self.bounds)
            view = view._view(cut, shape, strides, offset)
        if old_shape != shape or view is self.input:  # dimensions of size 1 dropped and inserted
            view = view._view(("reshape", shape), shape, strides, offset)
        view._op = self.name
        return view


def _too_many(items: list[Any], ndim: int) -> IndexOutOfRange:
    if ndim == 0 and len(items) == 1:
        if isinstance(items[0], int):
            return IndexOutOfRange(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
        if isinstance(items[0], slice):
            return IndexOutOfRange("slice() cannot be applied to a 0-dim tensor.")
    return IndexOutOfRange(f"too many indices for tensor of dimension {ndim}")
