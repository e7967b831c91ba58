"""Arrays in other shapes, joined, turned round and repeated."""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.array_api._array import axes_of, function, need_array
from gradatim.array_api._dtypes import common_dtype, to_dtype
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor

__all__ = [
    "broadcast_arrays", "broadcast_to", "concat", "expand_dims", "flip", "moveaxis",
    "permute_dims", "repeat", "reshape", "roll", "squeeze", "stack", "tile", "unstack",
]  # fmt: skip


@function
def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """The arrays, each expanded to their common shape."""
    return ops.broadcast_tensors(*arrays) if arrays else ()


@function
def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """The array expanded to a shape."""
    return ops.broadcast_to(x, (shape,) if isinstance(shape, int) else shape)


def _same(arrays: Any, where: str) -> list[Tensor]:
    parts = [need_array(x, where) for x in arrays]
    if not parts:
        raise ArgumentError(f"{where}() expects at least one array, got none")
    dtype = common_dtype(*parts)
    return [to_dtype(x, dtype) for x in parts]


@function
def concat(arrays: Any, /, *, axis: int | None = 0) -> Tensor:
    """Arrays one after the other along a dimension that they have; flattened first for None."""
    parts = _same(arrays, "concat")
    if axis is None:
        return ops.cat([x.reshape(-1) for x in parts], 0)
    (k,) = axes_of(axis, parts[0].ndim)
    for x in parts[1:]:
        if x.ndim != parts[0].ndim:
            raise ShapeError(
                f"concat() expects arrays of one number of dimensions, got {parts[0].ndim} and "
                f"{x.ndim}"
            )
    return ops.cat(parts, k)


@function
def stack(arrays: Any, /, *, axis: int = 0) -> Tensor:
    """Arrays of one shape along a new dimension."""
    parts = _same(arrays, "stack")
    axes_of(axis, parts[0].ndim + 1)
    return ops.stack(parts, axis)


@function
def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension, without it."""
    (k,) = axes_of(axis, need_array(x, "unstack").ndim)
    return ops.unbind(x, k)


@function
def expand_dims(x: Tensor, /, axis: int) -> Tensor:
    """A new dimension of size 1 at place `axis`.

    Raises:
        IndexOutOfRange: for a place that is not there.
    """
    return ops.unsqueeze(x, axis)


@function
def flip(x: Tensor, /, *, axis: Any = None) -> Tensor:
    """The order along dimensions (all of them for None) turned round."""
    axes = axes_of(axis, x.ndim)
    return ops.flip(x, axes) if axes else ops.clone(x)


@function
def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """Dimensions moved to other places; the rest keep their order."""
    return ops.movedim(x, source, destination)


@function
def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """The dimensions in another order."""
    return ops.permute(x, *axes)


@function
def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element (or slice along `axis`) repeated, one number of times or its own."""
    if axis is not None:
        axes_of(axis, x.ndim)
    return ops.repeat_interleave(x, repeats, axis)


@function
def reshape(x: Tensor, /, shape: Any, *, copy: bool | None = None) -> Tensor:
    """The elements in another shape.

    Args:
        copy: True for memory of its own, False for the same memory, None for what is cheaper.

    Raises:
        ArgumentError: with `copy=False`, where a copy is needed.
    """
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if copy is False:
        try:
            found: Tensor = x.view(sizes)
        except ShapeError as error:
            raise ArgumentError(f"copy=False: {error}") from None
        return found
    made = ops.reshape(x, sizes)
    return ops.clone(made) if copy else made


@function
def roll(x: Tensor, /, shift: Any, *, axis: Any = None) -> Tensor:
    """Elements moved along dimensions (or flattened, for None); what falls off one end comes back
    at the other."""
    if axis is None:
        return ops.roll(x, shift)
    shifts = shift if isinstance(shift, tuple) else (shift,)
    axes = axis if isinstance(axis, tuple) else (axis,)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    for k in axes:
        axes_of(k, x.ndim)
    return ops.roll(x, shifts, axes)


@function
def squeeze(x: Tensor, /, axis: Any) -> Tensor:
    """Without the dimensions named, which have size 1.

    Raises:
        ArgumentError: for one of another size.
    """
    axes = axes_of(axis, x.ndim)
    for k in axes:
        if x.shape[k] != 1:
            raise ArgumentError(
                f"squeeze() drops dimensions of size 1, and dimension {k} has size {x.shape[k]}"
            )
    return ops.squeeze(x, axes)


@function
def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """The whole array repeated along each dimension."""
    return ops.tile(x, tuple(repetitions))
