"""Views: other shapes and orders of the same memory, where PyTorch gives views."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from gradatim import views
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import (
    ArgumentError,
    ArgumentTypeError,
    IndexOutOfRange,
    ShapeError,
)
from gradatim.graph.node import Shape
from gradatim.ops.arguments import need_tensors, shape_argument, wrap_dim, wrap_dims
from gradatim.tensor import Tensor, method, wrap


def _named_view(
    input: Tensor, step: views.Step, shape: Shape, strides: Shape, name: str, offset: int = 0
) -> Tensor:
    new = input._view(step, shape, strides, input.storage_offset() + offset)
    new._op = name
    return new


def _infer(shape: Shape, size: int, given: Any) -> Shape:
    """Replace one -1 by what is left."""
    if shape.count(-1) > 1:
        raise ShapeError(f"only one dimension can be inferred, got {list(shape)}")
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
            f"permute(): expected one entry for each of the {input.ndim} dimensions of the shape "
            f"{list(input.shape)}, got {len(dims)}: {list(dims)}"
        )
    axes = tuple(wrap_dim(d, input.ndim) for d in dims)
    if len(set(axes)) != len(axes):
        raise ShapeError(f"permute(): duplicate dims are not allowed, got {list(dims)}")
    return _permuted(input, axes, "Permute")


def _permuted(input: Tensor, axes: Shape, name: str) -> Tensor:
    layout = input._layout
    shape = input._cell.node.shape if layout is None else layout[0]
    strides = input._strides()
    return _named_view(
        input, ("permute", axes), tuple([shape[k] for k in axes]),
        tuple([strides[k] for k in axes]), name,
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
    ndim = input.ndim
    if ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return _permuted(input, ((), (0,), (1, 0))[ndim], "T")


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
    need_tensors("expand_as", other=other)
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
    if dim is None:
        dims = tuple(range(input.ndim))
    else:
        dims = wrap_dims(dim, input.ndim) if isinstance(dim, int) or len(dim) else ()
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
        if isinstance(split_size_or_sections, str):
            raise ArgumentTypeError(
                f"split(): expected a size or a list of sizes, got {split_size_or_sections!r}"
            )
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
    if not hasattr(chunks, "__index__"):
        raise ArgumentTypeError(
            f"chunk(): argument 'chunks' must be int, not {type(chunks).__name__}"
        )
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
    return tuple(_sliced(input, k, a, max(a, b), "Slice") for a, b in itertools.pairwise(edges))


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
