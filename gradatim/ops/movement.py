"""Operations that move elements about: views where PyTorch gives views, copies where it copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradatim import views
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, as_dtype
from gradatim.graph.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    IndexOutOfRange,
    ShapeError,
)
from gradatim.graph.node import Shape
from gradatim.ops.arguments import number_node, shape_argument, wrap_dim, wrap_dims
from gradatim.tensor import Device, Tensor, method, op, wrap

# --- views ---------------------------------------------------------------------------------------


def _named_view(
    input: Tensor, step: views.Step, shape: Shape, strides: Shape, name: str, offset: int = 0
) -> Tensor:
    new = input._view(step, shape, strides, input.storage_offset() + offset)
    new._op = name
    return new


def _infer(shape: Shape, size: int, given: Any) -> Shape:
    """Replace one -1 by what is left."""
    if shape.count(-1) > 1:
        raise ShapeError("only one dimension can be inferred")
    if any(n < -1 for n in shape):
        raise ShapeError(f"invalid shape dimension {min(shape)}: sizes are not negative")
    if -1 in shape:
        known = math.prod(n for n in shape if n != -1)
        if known == 0:
            raise ShapeError(
                f"cannot reshape tensor of {size} elements into shape {list(shape)} because the "
                f"unspecified dimension size -1 can be any value and is ambiguous"
            )
        if size % known:
            raise ShapeError(f"shape '{list(shape)}' is invalid for input of size {size}")
        shape = tuple(size // known if n == -1 else n for n in shape)
    if math.prod(shape) != size:
        raise ShapeError(f"shape '{list(given)}' is invalid for input of size {size}")
    return shape


@method()
def view(self: Tensor, *shape: Any) -> Tensor:
    """The same memory in another shape, or (with a dtype of the same size) read as other numbers.

    Raises:
        ShapeError: if the memory cannot be read so; `reshape` copies then.

    Example:
        >>> import gradatim as gd
        >>> gd.arange(6).view(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])
    """
    if len(shape) == 1 and isinstance(shape[0], DType):
        return wrap(p.bitcast(self._read(), shape[0]))
    given = shape_argument(shape, allow_negative=True)
    new_shape = _infer(given, self.numel(), given)
    strides = views.reshaped_strides(tuple(self.shape), self._strides(), new_shape)
    if strides is None:
        raise ShapeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return _named_view(self, ("reshape", new_shape), new_shape, strides, "View")


@method()
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """Another shape: a view where the memory can be read so, else a copy."""
    given = shape_argument(shape, allow_negative=True)
    new_shape = _infer(given, input.numel(), given)
    strides = views.reshaped_strides(tuple(input.shape), input._strides(), new_shape)
    if strides is None:
        result = wrap(p.reshape(input._read(), new_shape))
        result._op = "UnsafeView"
        return result
    return _named_view(input, ("reshape", new_shape), new_shape, strides, "View")


@method()
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """`reshape` to another tensor's shape."""
    return reshape(self, *other.shape)


@method()
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """`view` with another tensor's shape."""
    return view(self, *other.shape)


@method()
def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in another order: `x.permute(2, 0, 1)`."""
    if len(dims) == 1 and isinstance(dims[0], Sequence):
        dims = tuple(dims[0])
    if len(dims) != input.ndim:
        raise ShapeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {input.ndim} is not "
            f"equal to len(dims) = {len(dims)}"
        )
    axes = tuple(wrap_dim(d, input.ndim) for d in dims)
    if len(set(axes)) != len(axes):
        raise ShapeError(f"permute(): duplicate dims are not allowed, got {list(dims)}")
    return _permuted(input, axes, "Permute")


def _permuted(input: Tensor, axes: Shape, name: str) -> Tensor:
    shape, strides = input.shape, input._strides()
    return _named_view(
        input, ("permute", axes), tuple(shape[k] for k in axes), tuple(strides[k] for k in axes),
        name,
    )  # fmt: skip


@method("transpose", "swapaxes", "swapdims")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    a, b = wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim)
    axes = list(range(input.ndim))
    if axes:
        axes[a], axes[b] = axes[b], axes[a]
    return _permuted(input, tuple(axes), "Transpose")


swapaxes = swapdims = transpose


@method()
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector stays as it is."""
    if input.ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return _permuted(input, tuple(reversed(range(input.ndim))), "T")


Tensor.T = property(lambda self: _permuted(self, tuple(reversed(range(self.ndim))), "Permute"))  # type: ignore[attr-defined]


def _matrix_transpose(self: Tensor) -> Tensor:
    if self.ndim < 2:
        raise ShapeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D "
            f"tensor."
        )
    return transpose(self, -2, -1)


Tensor.mT = property(_matrix_transpose)  # type: ignore[attr-defined]
Tensor.H = property(lambda self: transpose(self, 0, 1))  # type: ignore[attr-defined]
Tensor.mH = Tensor.mT  # type: ignore[attr-defined]
Tensor.real = property(lambda self: self)  # type: ignore[attr-defined]


@method("movedim", "moveaxis")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places; the rest keep their order."""
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    if len(sources) != len(targets):
        raise ArgumentError(
            f"movedim: Invalid source or destination dims: source ({sources}) should contain the "
            f"same number of dims as destination ({targets})"
        )
    sources = [wrap_dim(d, input.ndim) for d in sources]
    targets = [wrap_dim(d, input.ndim) for d in targets]
    if len(set(sources)) != len(sources) or len(set(targets)) != len(targets):
        raise ShapeError("movedim: repeated dim in source or destination")
    rest = iter(k for k in range(input.ndim) if k not in sources)
    placed = dict(zip(targets, sources))
    axes = tuple(placed[k] if k in placed else next(rest) for k in range(input.ndim))
    return _permuted(input, axes, "Permute")


moveaxis = movedim


@method()
def expand(input: Tensor, *sizes: Any, implicit: bool = False) -> Tensor:
    """Dimensions of size 1 spread to a larger size, without copying; -1 leaves one as it is."""
    wanted = shape_argument(sizes, allow_negative=True)
    if len(wanted) < input.ndim:
        raise ShapeError(
            f"expand: the number of sizes provided ({len(wanted)}) must be greater or equal to the "
            f"number of dimensions in the tensor ({input.ndim})"
        )
    lead = len(wanted) - input.ndim
    shape = []
    for k, n in enumerate(wanted):
        old = input.shape[k - lead] if k >= lead else 1
        if n == -1:
            if k < lead:
                raise ShapeError(
                    f"The expanded size of the tensor (-1) isn't allowed in a leading, "
                    f"non-existing dimension {k}"
                )
            n = old
        if n < 0 or (old != n and old != 1):
            raise ShapeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({old}) at "
                f"non-singleton dimension {k}.  Target sizes: {list(wanted)}.  Tensor sizes: "
                f"{list(input.shape)}"
            )
        shape.append(n)
    result = tuple(shape)
    strides = views.expanded_strides(tuple(input.shape), input._strides(), result)
    return _named_view(input, ("expand", result), result, strides, "Expand")


@method()
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """`expand` to another tensor's shape."""
    return expand(self, *other.shape)


@method()
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """`expand` under its NumPy name."""
    return expand(input, *size)


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that several shapes broadcast to."""
    from gradatim.tensor import Size

    return Size(p.broadcast(*[(s,) if isinstance(s, int) else tuple(s) for s in shapes]))


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors, each expanded to their common shape."""
    if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
        tensors = tuple(tensors[0])
    shape = p.broadcast(*(tuple(t.shape) for t in tensors))
    return tuple(expand(t, *shape) for t in tensors)


@method()
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without the dimensions of size 1 (all of them, or those named)."""
    dims = wrap_dims(dim, input.ndim) if dim is not None else tuple(range(input.ndim))
    name = "Squeeze" if dim is None else "Squeeze:1" if isinstance(dim, int) else "Squeeze:2"
    keep = [k for k, n in enumerate(input.shape) if not (k in dims and n == 1)]
    shape = tuple(input.shape[k] for k in keep)
    strides = tuple(input._strides()[k] for k in keep)
    return _named_view(input, ("reshape", shape), shape, strides, name)


@method()
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A new dimension of size 1 at place `dim`."""
    k = wrap_dim(dim, input.ndim + 1)
    old, strides = tuple(input.shape), input._strides()
    step = old[k] * strides[k] if k < len(old) else 1
    shape = (*old[:k], 1, *old[k:])
    return _named_view(
        input, ("reshape", shape), shape, (*strides[:k], step, *strides[k:]), "Unsqueeze"
    )


@method()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim` made one."""
    first, last = wrap_dim(start_dim, input.ndim), wrap_dim(end_dim, input.ndim)
    if first > last:
        raise ShapeError("flatten() has invalid args: start_dim cannot come after end_dim")
    shape = tuple(input.shape)
    if not shape:
        return reshape(input, 1)
    if first == last:
        return input
    middle = math.prod(shape[first : last + 1])
    return reshape(input, *shape[:first], middle, *shape[last + 1 :])


@method()
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension cut into several."""
    k = wrap_dim(dim, input.ndim)
    shape = tuple(input.shape)
    inner = _infer(tuple(sizes), shape[k], sizes)
    return view(input, *shape[:k], *inner, *shape[k + 1 :])


@method()
def ravel(input: Tensor) -> Tensor:
    """One dimension; a view where possible."""
    return reshape(input, -1)


def _sliced(input: Tensor, dim: int, start: int, stop: int, name: str) -> Tensor:
    shape, strides = tuple(input.shape), input._strides()
    starts = tuple(start if k == dim else 0 for k in range(len(shape)))
    stops = tuple(stop if k == dim else n for k, n in enumerate(shape))
    step = ("slice", starts, stops, (1,) * len(shape))
    new_shape, new_strides, offset = views.sliced(shape, strides, step)
    return _named_view(input, step, new_shape, new_strides, name, offset)


@method()
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of a given size (the last may be smaller) or of the given sizes, as views."""
    k = wrap_dim(dim, tensor.ndim)
    if not tensor.ndim:
        raise ShapeError("split expects at least a 1-dimensional tensor")
    extent = tensor.shape[k]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and extent):
            raise ShapeError(f"split expects split_size be non-negative, but got split_size={size}")
        sizes = [min(size, extent - at) for at in range(0, extent, size)] if extent else [0]
    else:
        sizes = [int(n) for n in split_size_or_sections]
        if sum(sizes) != extent or min(sizes, default=0) < 0:
            raise ShapeError(
                f"split_with_sizes expects split_sizes to sum exactly to {extent} (input tensor's "
                f"size at dimension {k}), but got split_sizes={sizes}"
            )
    pieces = []
    at = 0
    for size in sizes:
        pieces.append(_sliced(tensor, k, at, at + size, "Split"))
        at += size
    return tuple(pieces)


@method()
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of equal size (the last may be smaller), as views."""
    if chunks <= 0:
        raise ShapeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    k = wrap_dim(dim, input.ndim)
    if not input.ndim:
        raise ShapeError("chunk expects at least a 1-dimensional tensor")
    size = max(1, -(-input.shape[k] // chunks))
    if input.shape[k] == 0:
        return split(input, [0] * chunks, k)
    return split(input, size, k)


@method()
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces as equal as can be, or cut at the given places, as views."""
    k = wrap_dim(dim, input.ndim)
    extent = input.shape[k]
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        count = indices_or_sections
        if count <= 0:
            raise ShapeError(f"number of sections must be larger than 0, got {count}")
        small, larger = divmod(extent, count)
        sizes = [small + 1] * larger + [small] * (count - larger)
        cuts = [sum(sizes[:j]) for j in range(1, count)]
    else:
        cuts = [min(max(c + extent if c < 0 else c, 0), extent) for c in indices_or_sections]
    edges = [0, *cuts, extent]
    return tuple(_sliced(input, k, a, max(a, b), "Slice") for a, b in zip(edges, edges[1:]))


@method()
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension, as views without it."""
    k = wrap_dim(dim, input.ndim)
    if not input.ndim:
        raise IndexOutOfRange("Dimension specified as 0 but tensor has no dimensions")
    shape = tuple(input.shape)
    rest = shape[:k] + shape[k + 1 :]
    strides = input._strides()
    rest_strides = strides[:k] + strides[k + 1 :]
    pieces = []
    for j in range(shape[k]):
        piece = _sliced(input, k, j, j + 1, "Unbind")
        row = piece._view(("reshape", rest), rest, rest_strides, piece.storage_offset())
        row._op = "Unbind"
        pieces.append(row)
    return tuple(pieces)


# --- joined and repeated -------------------------------------------------------------------------


@op("Cat")
def cat(tensors: Any, dim: int = 0, *, out: Any = None, axis: int | None = None) -> Tensor:
    """The tensors one after the other along an existing dimension; dtypes promote.

    Raises:
        ShapeError: if the other dimensions differ, naming both shapes.
    """
    parts = list(tensors)
    if axis is not None:
        dim = axis
    if not parts:
        raise ArgumentError("torch.cat(): expected a non-empty list of Tensors")
    for part in parts:
        if not isinstance(part, Tensor):
            raise ArgumentTypeError(f"cat expects Tensors, got {type(part).__name__}")
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
def stack(tensors: Any, dim: int = 0, *, out: Any = None) -> Tensor:
    """Tensors of one shape along a new dimension."""
    parts = list(tensors)
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
    parts = atleast_1d(list(tensors))
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Any) -> Tensor:
    """Joined along the first dimension, vectors as rows."""
    return cat(atleast_2d(list(tensors)), 0)


def dstack(tensors: Any) -> Tensor:
    """Joined along the third dimension."""
    return cat(atleast_3d(list(tensors)), 2)


def column_stack(tensors: Any) -> Tensor:
    """Joined as columns."""
    return cat([reshape(t, -1, 1) if t.ndim <= 1 else t for t in tensors], 1)


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
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The order along some dimensions reversed; a copy."""
    if len(dims) == 1 and isinstance(dims[0], Sequence):
        dims = tuple(dims[0])
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
    """Turned by 90 degrees k times, in the plane of two dimensions."""
    a, b = (wrap_dim(d, input.ndim) for d in dims)
    turns = k % 4
    if turns == 0:
        return clone(input)
    if turns == 1:
        return contiguous(flip(transpose(input, a, b), a))
    if turns == 2:
        return flip(input, a, b)
    return contiguous(flip(transpose(input, a, b), b))


@op("ConstantPadNd")
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Tensor:
    """Padding of the last dimensions: `(left, right, top, bottom ...)`, the last one first.

    A negative amount crops. Modes: "constant", "reflect", "replicate", "circular".
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ShapeError(
            f"Padding length should be even and at most twice the number of dimensions, got "
            f"{len(pad)} amounts for {input.ndim} dimensions"
        )
    low, high = [0] * input.ndim, [0] * input.ndim
    for j in range(len(pad) // 2):
        low[input.ndim - 1 - j], high[input.ndim - 1 - j] = int(pad[2 * j]), int(pad[2 * j + 1])
    x = input._read()
    if mode == "constant":
        node = p.pad(x, number_node(value or 0, x.dtype), tuple(low), tuple(high))
        return wrap(node if node is not x else p.copy(x))
    import numpy as np

    from gradatim.tensor import from_array

    modes = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if mode not in modes:
        raise ArgumentError(
            f"Unrecognised padding mode {mode}: expected constant, reflect, replicate or circular"
        )
    for k in range(input.ndim):
        if not low[k] and not high[k]:
            continue
        n = x.shape[k]
        if mode == "reflect" and max(low[k], high[k]) >= n:
            raise ShapeError(
                f"Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({low[k]}, {high[k]}) at dimension {k} of input {list(x.shape)}"
            )
        places = np.pad(np.arange(n), (max(0, low[k]), max(0, high[k])), mode=modes[mode])
        places = places[max(0, -low[k]) : len(places) - max(0, -high[k])]
        front = p.permute(x, (k, *(j for j in range(x.ndim) if j != k)))
        rows = p.gather(front, from_array(places.astype(np.int64))._read())
        x = p.permute(rows, (*range(1, k + 1), 0, *range(k + 1, input.ndim)))
    return wrap(x)


# --- copies and dtypes ---------------------------------------------------------------------------


@method()
@op("Clone")
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy in memory of its own; gradients flow through it."""
    return wrap(p.copy(input._read()))


@method()
def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if its memory is in row-major order, else a copy that is."""
    return self if self.is_contiguous() else clone(self)


def _to_dtype(self: Tensor, dtype: DType, copy: bool = False) -> Tensor:
    if self.dtype is dtype:
        return clone(self) if copy else self
    result = wrap(p.cast(self._read(), dtype))
    result._op = "ToCopy"
    return result


@method()
def to(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False,
       non_blocking: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """The tensor with another dtype, on another device, or like another tensor; itself if it
    already is.
    """
    for arg in args:
        if isinstance(arg, Tensor):
            dtype = arg.dtype
        elif isinstance(arg, Device):
            device = arg
        elif isinstance(arg, bool):
            copy = copy or arg
        elif isinstance(arg, str) and arg not in dtypes.BY_NAME:
            device = arg
        elif arg is not None:
            dtype = arg
    if device is not None:
        Device(device)
    return _to_dtype(self, self.dtype if dtype is None else as_dtype(dtype), copy)


@method("type")
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The tensor's type as text, or the tensor cast to a dtype."""
    if dtype is None:
        return f"torch.{_TYPE_NAMES[self.dtype]}"
    if isinstance(dtype, str):
        name = dtype.rsplit(".", 1)[-1]
        found = [d for d, text in _TYPE_NAMES.items() if text == name]
        if found:
            return _to_dtype(self, found[0])
        raise DTypeError(f"invalid type: {dtype!r}")
    return _to_dtype(self, as_dtype(dtype))


_TYPE_NAMES = {
    dtypes.float32: "FloatTensor", dtypes.float64: "DoubleTensor", dtypes.float16: "HalfTensor",
    dtypes.bfloat16: "BFloat16Tensor", dtypes.uint8: "ByteTensor", dtypes.int8: "CharTensor",
    dtypes.int16: "ShortTensor", dtypes.int32: "IntTensor", dtypes.int64: "LongTensor",
    dtypes.bool_: "BoolTensor", dtypes.uint16: "UInt16Tensor", dtypes.uint32: "UInt32Tensor",
    dtypes.uint64: "UInt64Tensor",
}  # fmt: skip


def _caster(name: str, dtype: DType) -> None:
    def function(self: Tensor, memory_format: Any = None) -> Tensor:
        return _to_dtype(self, dtype)

    function.__doc__ = f"The tensor as {dtype.name}."
    method(name)(function)


for _name, _dtype in (
    ("float", dtypes.float32), ("double", dtypes.float64), ("half", dtypes.float16),
    ("bfloat16", dtypes.bfloat16), ("byte", dtypes.uint8), ("char", dtypes.int8),
    ("short", dtypes.int16), ("int", dtypes.int32), ("long", dtypes.int64), ("bool", dtypes.bool_),
):  # fmt: skip
    _caster(_name, _dtype)


@method()
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor with another's dtype."""
    return _to_dtype(self, other.dtype)


@method()
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor on the CPU."""
    return self


@method()
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """The tensor on a GPU: this installation has none."""
    Device("cuda")
    return self


@method()
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors are the same memory, read the same way."""
    return (
        self._cell is tensor._cell
        and self.shape == tensor.shape
        and self._strides() == tensor._strides()
        and self.storage_offset() == tensor.storage_offset()
    )


@method()
def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape."""
    return bool(self.shape == other.shape)


def is_tensor(value: Any) -> bool:
    """Whether a value is a Tensor."""
    return isinstance(value, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether a tensor's dtype is floating."""
    return input.is_floating_point()


def numel(input: Tensor) -> int:
    """Number of elements."""
    return input.numel()
