"""Memory read with any strides: `as_strided`, windows of a dimension, tensors made with an order of
their own, and other sizes for the same memory."""

from __future__ import annotations

import math
from typing import Any

from gradatim import views
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import as_dtype, get_default_dtype
from gradatim.graph.errors import ArgumentTypeError, GradientError, ShapeError
from gradatim.graph.node import Node, Shape, mode
from gradatim.memory_format import order_of
from gradatim.ops.arguments import shape_argument, wrap_dim
from gradatim.ops.creation import _device, _finish
from gradatim.ops.inplace import _become
from gradatim.tensor import Tensor, method, named, wrap

__all__ = [
    "as_strided", "as_strided_scatter", "empty_permuted", "empty_strided", "resize_as_",
]  # fmt: skip


def _root(input: Tensor) -> Tensor:
    """The tensor whose memory a view lies in."""
    while input._base is not None:
        input = input._base
    return input


def _leaf_view(input: Tensor) -> Tensor | None:
    """The view on the way to the root at which history ends, if there is one."""
    while input._base is not None:
        if input._requires_grad:
            return input
        input = input._base
    return None


def _in_memory_order(input: Tensor) -> Tensor | None:
    """The tensor with its dimensions as they lie in memory, or None if it has gaps."""
    shape, strides = tuple(input.shape), input._strides()
    order = views.memory_order(shape, strides)
    if order is None or order == tuple(range(len(shape))):
        return None if order is None else input
    return input._view(
        ("permute", order), tuple(shape[k] for k in order), tuple(strides[k] for k in order),
        input.storage_offset(),
    )  # fmt: skip


def _geometry(input: Tensor, size: Any, stride: Any, offset: Any) -> tuple[Shape, Shape, int]:
    """Checked arguments of `as_strided`."""
    shape = tuple(int(n) for n in (size if isinstance(size, (tuple, list)) else (size,)))
    strides = tuple(int(n) for n in (stride if isinstance(stride, (tuple, list)) else (stride,)))
    if len(shape) != len(strides):
        raise ShapeError(
            f"mismatch in length of strides and shape: got {len(strides)} and {len(shape)}"
        )
    if any(n < 0 for n in strides):
        raise ShapeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(strides)}"
        )
    if any(n < 0 for n in shape):
        raise ShapeError(f"as_strided: sizes must not be negative, got {list(shape)}")
    start = input.storage_offset() if offset is None else int(offset)
    if start < 0:
        raise ShapeError(f"Tensor: invalid storage offset {start}")
    if math.prod(shape):
        needed = start + sum((n - 1) * s for n, s in zip(shape, strides)) + 1
        memory = _root(input)._cell.node.size
        if needed > memory:
            raise ShapeError(
                f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset "
                f"{start}, requiring a storage size of {needed} elements are out of bounds for "
                f"storage of size {memory}"
            )
    return shape, strides, start


@method()
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """The tensor's memory read with other sizes and strides, as a view.

    Args:
        size, stride: of the result, one number for each dimension, in elements.
        storage_offset: where in the memory the first element is; by default where the input's is.
            The memory is that of the tensor that `input` is a view of, if it is one.

    Raises:
        ShapeError: for places that are not in the memory.

    Example:
        >>> import gradatim as gd
        >>> gd.arange(4).as_strided((2, 3), (1, 1))
        tensor([[0, 1, 2],
                [1, 2, 3]])
    """
    shape, strides, start = _geometry(input, size, stride, storage_offset)
    inside = start - input.storage_offset()
    last = inside + sum((n - 1) * s for n, s in zip(shape, strides))
    dense = _in_memory_order(input)
    if dense is not None and inside >= 0 and (last < input.numel() or not math.prod(shape)):
        view = dense._view(("strided", shape, strides, inside), shape, strides, start)
    else:
        view = _beyond(input, shape, strides, start)
    view._op = "AsStrided"
    return view


def _beyond(input: Tensor, shape: Shape, strides: Shape, start: int) -> Tensor:
    """A view of memory that is not all the input's own."""
    root, leaf = _root(input), _leaf_view(input)
    dense = _in_memory_order(root)
    if dense is None:
        raise ShapeError(
            f"as_strided: the memory of strides {list(root.stride())} has gaps: make a copy with "
            f".contiguous() first"
        )
    step = ("strided", shape, strides, start)
    if leaf is not None:  # a gradient for what is the leaf's, none for the rest
        whole = views.put(root._read(), leaf._path, leaf._read())
        return wrap(views.apply_path(whole, (*dense._path, step)))
    view = dense._view(step, shape, strides, start)
    view._detached = input._detached or not mode.recording
    view._data = input._data
    return view


@method()
def as_strided_(self: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """`as_strided`, in place."""
    view = as_strided(self, size, stride, storage_offset)
    inner = self._base
    _become(self, view)
    if inner is not None:
        self._base = view._base
    return self


@method()
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """`input` with `src` where `input.as_strided(size, stride, storage_offset)` reads.

    Raises:
        ShapeError: for a source that is not of the size given.
    """
    shape, strides, start = _geometry(input, size, stride, storage_offset)
    if tuple(src.shape) != shape:
        raise ShapeError(
            f"expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(shape)}"
        )
    x = input._read()
    order = views.memory_order(tuple(input.shape), input._strides())
    step = ("strided", shape, strides, start - input.storage_offset())
    path = (step,) if order is None else (("permute", order), step)
    return named(views.put(x, path, p.cast(src._read(), x.dtype)), "AsStridedScatter")


@method("unfold")
def _unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Every window of `size` places along a dimension, `step` apart, as a view: their number takes
    the dimension's place, and what is in them is a new last dimension.

    Raises:
        ShapeError: for a window larger than the dimension, or a step that is not positive.

    Example:
        >>> import gradatim as gd
        >>> gd.arange(5).unfold(0, 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """
    axis = wrap_dim(dimension, self.ndim)
    extent = self.shape[axis] if self.ndim else 1
    if size < 0 or size > extent:
        raise ShapeError(
            f"maximum size for tensor at dimension {axis} is {extent} but size is {size}"
        )
    if step <= 0:
        raise ShapeError(f"step is {step} but must be > 0")
    shape, strides = tuple(self.shape), self._strides()
    if not shape:
        view = self._view(("reshape", (1,)), (1,), (1,), self.storage_offset())
        view = view if size else view[:0]
    else:
        view = self._view(
            ("windows", axis, size, step),
            (*shape[:axis], (extent - size) // step + 1, *shape[axis + 1 :], size),
            (*strides[:axis], strides[axis] * step, *strides[axis + 1 :], strides[axis]),
            self.storage_offset(),
        )
    view._op = "Unfold"
    return view


# --- made with an order of their own -------------------------------------------------------------


def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor with the given strides, whose content is not promised (it is zeros).

    Example:
        >>> import gradatim as gd
        >>> gd.empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """
    shape, strides = shape_argument((size,)), shape_argument((stride,))
    if len(shape) != len(strides):
        raise ShapeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
            f"({len(strides)})"
        )
    kind = get_default_dtype() if dtype is None else as_dtype(dtype)
    places = sum((n - 1) * s for n, s in zip(shape, strides)) + 1 if math.prod(shape) else 0
    memory = wrap(p.full((places,), 0, kind, _device(device)))
    if strides == views.contiguous_strides(shape):
        return _finish(wrap(p.reshape(memory._read(), shape)), requires_grad)
    return _finish(as_strided(memory, shape, strides).detach(), requires_grad)


@method()
def new_empty_strided(
    self: Tensor, size: Any, stride: Any, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """`empty_strided` with this tensor's dtype."""
    return empty_strided(
        size, stride, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad
    )


def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor whose dimensions lie in memory in the given order, the outermost first.

    Example:
        >>> import gradatim as gd
        >>> gd.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
        (12, 1, 3)
    """
    shape = shape_argument((size,))
    order = tuple(int(k) for k in physical_layout)
    if len(order) != len(shape):
        raise ShapeError(
            f"Number of dimensions in size does not match the length of the physical_layout; "
            f"i.e. len(size) = {len(shape)} is not equal to len(physical_layout) = {len(order)}"
        )
    for k in order:
        if not 0 <= k < len(shape):
            raise ShapeError(
                f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got "
                f"{k} in physical_layout {list(order)})"
            )
    if len(set(order)) != len(order):
        raise ShapeError(f"Duplicate dim not allowed in physical_layout, got {list(order)}")
    inner = views.contiguous_strides(tuple(shape[k] for k in order))
    strides = tuple(inner[order.index(k)] for k in range(len(shape)))
    return empty_strided(shape, strides, dtype=dtype, device=device, requires_grad=requires_grad)


# --- other sizes for the same memory -------------------------------------------------------------


@method()
def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give the tensor another size, in place: its memory, in order, and more of it (zeros) if that
    is needed.

    Raises:
        GradientError: for a tensor that requires a gradient.
    """
    shape = shape_argument(sizes)
    if self.requires_grad:
        raise GradientError("cannot resize variables that require grad: use .reshape()")
    if shape == tuple(self.shape):
        return self
    strides = views.contiguous_strides(shape)
    order = order_of(memory_format, len(shape))
    if order is not None:
        inner = views.contiguous_strides(tuple(shape[k] for k in order))
        strides = tuple(inner[order.index(k)] for k in range(len(shape)))
    start, count = self.storage_offset(), math.prod(shape)
    root = _root(self)
    if start + count <= root._cell.node.size:
        return as_strided_(self, shape, strides, start)
    memory = _in_memory_order(root)
    flat: Node = (root if memory is None else memory)._read()
    flat = p.reshape(flat, (flat.size,))
    grown = p.pad(flat, p.constant(0, flat.dtype), (-start,), (start + count - flat.size,))
    made = wrap(p.stop_gradient(p.reshape(grown, (count,))))
    self.data = made if len(shape) == 1 else as_strided(made, shape, strides, 0)
    return self


@method()
def resize_as_(self: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """`resize_` to another tensor's size."""
    if not isinstance(the_template, Tensor):
        raise ArgumentTypeError(f"resize_as_ expects a Tensor, got {type(the_template).__name__}")
    return resize_(self, tuple(the_template.shape), memory_format=memory_format)
