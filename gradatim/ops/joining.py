"""Tensors joined, repeated and turned round: these copy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
)
from gradatim.ops.arguments import shape_argument, wrap_dim, wrap_dims
from gradatim.ops.casting import clone
from gradatim.ops.movement import reshape, transpose, unsqueeze
from gradatim.tensor import Tensor, method, op, wrap

# --- joined and repeated -------------------------------------------------------------------------


def _parts(tensors: Any, where: str) -> list[Tensor]:
    """The tensors of a sequence."""
    if isinstance(tensors, Tensor):
        raise ArgumentTypeError(
            f"{where}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"
        )
    if not isinstance(tensors, Iterable):
        raise ArgumentTypeError(
            f"{where}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    parts = list(tensors)
    for k, part in enumerate(parts):
        if not isinstance(part, Tensor):
            raise ArgumentTypeError(
                f"{where}() expects a sequence of Tensors, got {type(part).__name__} at entry {k}"
            )
    return parts


def _some(tensors: Any, where: str) -> list[Tensor]:
    parts = _parts(tensors, where)
    if not parts:
        raise ArgumentError(f"{where} expects a non-empty TensorList")
    return parts


@op("Cat")
def cat(tensors: Any, dim: int = 0, *, axis: int | None = None) -> Tensor:
    """The tensors one after the other along an existing dimension; dtypes promote.

    Raises:
        ShapeError: if the other dimensions differ, naming both shapes.
    """
    parts = _parts(tensors, "cat")
    if axis is not None:
        dim = axis
    if not parts:
        raise ArgumentError("cat(): expected a non-empty list of Tensors")
    for part in parts:
        if part.ndim == 0:
            raise ShapeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    dtype = parts[0].dtype
    for part in parts[1:]:
        dtype = dtypes.promote(dtype, part.dtype)
    full = [t for t in parts if tuple(t.shape) != (0,)] or parts[:1]
    k = wrap_dim(dim, full[0].ndim)
    for part in full[1:]:
        if part.ndim != full[0].ndim:
            raise ShapeError(
                f"Tensors must have same number of dimensions: got {full[0].ndim} and {part.ndim}"
            )
    return wrap(p.concatenate([p.cast(t._read(), dtype) for t in full], k))


concat = concatenate = cat


@op("Stack")
def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension."""
    parts = _parts(tensors, "stack")
    if not parts:
        raise ArgumentError("stack expects a non-empty TensorList")
    for k, part in enumerate(parts):
        if part.shape != parts[0].shape:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(parts[0].shape)} at "
                f"entry 0 and {list(part.shape)} at entry {k}"
            )
    place = wrap_dim(dim, parts[0].ndim + 1)
    shape = tuple(parts[0].shape)
    wider = (*shape[:place], 1, *shape[place:])
    dtype = parts[0].dtype
    for part in parts[1:]:
        dtype = dtypes.promote(dtype, part.dtype)
    nodes = [p.reshape(p.cast(t._read(), dtype), wider) for t in parts]
    return wrap(p.concatenate(nodes, place))


def atleast_1d(*tensors: Any) -> Any:
    """Tensors with at least one dimension."""
    return _at_least(tensors, lambda t: t if t.ndim else reshape(t, 1))


def atleast_2d(*tensors: Any) -> Any:
    """Tensors with at least two dimensions."""
    return _at_least(tensors, lambda t: t if t.ndim > 1 else reshape(t, 1, -1))


def atleast_3d(*tensors: Any) -> Any:
    """Tensors with at least three dimensions."""

    def lift(t: Tensor) -> Tensor:
        if t.ndim > 2:
            return t
        return unsqueeze(t, 2) if t.ndim == 2 else reshape(t, 1, -1, 1)

    return _at_least(tensors, lift)


def _at_least(tensors: Any, lift: Any) -> Any:
    if len(tensors) == 1:
        if isinstance(tensors[0], Tensor):
            return lift(tensors[0])
        tensors = tensors[0]
    return tuple(lift(t) for t in tensors)


def hstack(tensors: Any) -> Tensor:
    """Joined along the second dimension (the first, of vectors)."""
    parts = atleast_1d(_some(tensors, "hstack"))
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Any) -> Tensor:
    """Joined along the first dimension, vectors as rows."""
    return cat(atleast_2d(_some(tensors, "vstack")), 0)


def dstack(tensors: Any) -> Tensor:
    """Joined along the third dimension."""
    return cat(atleast_3d(_some(tensors, "dstack")), 2)


def column_stack(tensors: Any) -> Tensor:
    """Joined as columns."""
    return cat([reshape(t, -1, 1) if t.ndim <= 1 else t for t in _some(tensors, "column_stack")], 1)


row_stack = vstack


@method()
@op("Repeat")
def repeat(self: Tensor, *repeats: Any) -> Tensor:
    """The tensor repeated along each dimension, `x.repeat(2, 3)`."""
    counts = shape_argument(repeats)
    if len(counts) < self.ndim:
        raise ShapeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    shape = (1,) * (len(counts) - self.ndim) + tuple(self.shape)
    x = p.reshape(self._read(), tuple(m for n in shape for m in (1, n)))
    x = p.expand(x, tuple(m for c, n in zip(counts, shape) for m in (c, n)))
    node = p.reshape(x, tuple(c * n for c, n in zip(counts, shape)))
    return wrap(p.copy(node) if node.primitive.kind != "movement" else node)


@method()
def tile(input: Tensor, *dims: Any) -> Tensor:
    """`repeat`, where fewer counts than dimensions mean the last ones."""
    counts = shape_argument(dims)
    return repeat(input, *((1,) * (input.ndim - len(counts)) + counts))


@method()
@op("RepeatInterleave")
def repeat_interleave(input: Tensor, repeats: Any = None, dim: int | None = None, *,
                      output_size: int | None = None) -> Tensor:  # fmt: skip
    """Each element (or each slice along `dim`) repeated, one number of times or its own."""
    import numpy as np

    from gradatim.tensor import from_array

    if repeats is None:
        input, repeats = from_array(np.arange(input.numel())), input
    if dim is None:
        input, dim = reshape(input, -1), 0
    k = wrap_dim(dim, input.ndim)
    counts = repeats._value() if isinstance(repeats, Tensor) else np.asarray(repeats)
    if (counts < 0).any():
        raise ArgumentError(f"repeats can not be negative, got {counts.min()}")
    if counts.size not in (1, input.shape[k]):
        raise ShapeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.size} and input.size({k}) = {input.shape[k]}"
        )
    places = np.repeat(np.arange(input.shape[k]), counts.reshape(-1))
    rows = p.gather(_to_front(input, k), from_array(places)._read())
    order = (*range(1, k + 1), 0, *range(k + 1, input.ndim))
    return wrap(p.permute(rows, order))


def _to_front(input: Tensor, k: int) -> Any:
    return p.permute(input._read(), (k, *(j for j in range(input.ndim) if j != k)))


# --- turned round --------------------------------------------------------------------------------


@method()
@op("Flip")
def flip(input: Tensor, *given: Any, dims: Any = None) -> Tensor:
    """The order along some dimensions reversed; a copy."""
    if dims is not None:
        given = (dims,)
    dims = given[0] if len(given) == 1 and isinstance(given[0], Sequence) else given
    axes = wrap_dims(dims, input.ndim) if dims else ()
    node = p.flip(input._read(), axes)
    return wrap(node if axes else p.copy(node))


@method()
def fliplr(input: Tensor) -> Tensor:
    """Left and right exchanged."""
    if input.ndim < 2:
        raise ShapeError("Input must be >= 2-d.")
    return flip(input, 1)


@method()
def flipud(input: Tensor) -> Tensor:
    """Up and down exchanged."""
    if input.ndim < 1:
        raise ShapeError("Input must be >= 1-d.")
    return flip(input, 0)


@method()
@op("Roll")
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved along dimensions; what falls off one end comes back at the other."""
    if isinstance(shifts, str):
        raise ArgumentTypeError(f"roll(): argument 'shifts' must be ints, not {shifts!r}")
    if isinstance(shifts, Sequence) and not shifts:
        raise ShapeError("`shifts` required: how far to roll, for each of the dimensions")
    if dims is None or (isinstance(dims, Sequence) and not dims):
        shift = shifts if isinstance(shifts, int) else shifts[0]
        return reshape(roll(reshape(input, -1), shift, 0), *input.shape)
    moves = [shifts] if isinstance(shifts, int) else list(shifts)
    places = [dims] if isinstance(dims, int) else list(dims)
    if len(moves) != len(places):
        raise ShapeError(
            f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(places)}"
        )
    x = input._read()
    for shift, dim in zip(moves, places):
        k = wrap_dim(dim, input.ndim)
        extent = input.shape[k]
        cut = (-shift) % extent if extent else 0
        if not cut:
            continue
        low = tuple(cut if j == k else 0 for j in range(input.ndim))
        high = tuple(cut if j == k else n for j, n in enumerate(x.shape))
        zero, one = (0,) * input.ndim, (1,) * input.ndim
        x = p.concatenate([p.slice_(x, low, x.shape, one), p.slice_(x, zero, high, one)], k)
    return wrap(x if x is not input._read() else p.copy(x))


@method()
@op("Rot90")
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by 90 degrees k times, in the plane of two dimensions. (Of a tensor turned by 90 or
    270 degrees the memory is flipped, and it is looked at across, as PyTorch's is.)"""
    if len(dims) != 2:
        raise ShapeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise ShapeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = (wrap_dim(d, input.ndim) for d in dims)
    if a == b:
        raise ShapeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    turns = k % 4
    if turns == 0:
        return clone(input)
    if turns == 1:
        return transpose(flip(input, b), a, b)
    if turns == 2:
        return flip(input, a, b)
    return transpose(flip(input, a), a, b)
