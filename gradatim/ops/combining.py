"""Tensors put together from others: blocks on a diagonal, all pairs, all choices; and back from one
index to many."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradatim.ops._places import TYPE_NAMES, array_node
from gradatim.ops.arguments import number_node, shape_argument
from gradatim.ops.creation import meshgrid
from gradatim.ops.diagonals import diag
from gradatim.ops.joining import stack
from gradatim.ops.movement import reshape
from gradatim.tensor import Tensor, method, named, op, wrap

__all__ = [
    "block_diag", "cartesian_prod", "combinations", "diagflat", "fill", "nonzero_static",
    "sum_to_size", "unravel_index",
]  # fmt: skip


@op("Cat")
def block_diag(*tensors: Any) -> Tensor:
    """A matrix with the given ones along its diagonal, and 0 elsewhere; dtypes promote.

    Args:
        tensors: with at most two dimensions; a vector is one row, a number one element.

    Example:
        >>> import gradatim as gd
        >>> gd.block_diag(gd.tensor([[1, 2]]), gd.tensor(3))
        tensor([[1, 2, 0],
                [0, 0, 3]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    for k, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"block_diag expects Tensors, got {type(tensor).__name__} at position {k}"
            )
        if tensor.ndim > 2:
            raise ShapeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {k} has "
                f"{tensor.ndim} dimensions"
            )
    if not tensors:
        return wrap(p.full((1, 0), 0, dtypes.get_default_dtype()))
    dtype = tensors[0].dtype
    for tensor in tensors[1:]:
        dtype = dtypes.promote(dtype, tensor.dtype)
    blocks = [p.cast(t._read(), dtype) for t in tensors]
    blocks = [x if x.ndim == 2 else p.reshape(x, (1, x.size)) for x in blocks]
    width = sum(x.shape[1] for x in blocks)
    zero, left, rows = number_node(0, dtype), 0, []
    for x in blocks:
        right = width - left - x.shape[1]
        rows.append(p.pad(x, zero, (0, left), (0, right)))
        left += x.shape[1]
    return wrap(p.concatenate(rows, 0) if len(rows) > 1 else p.copy(rows[0]))


def cartesian_prod(*tensors: Any) -> Tensor:
    """Every combination of one element from each vector, a row for each (of one vector: itself).

    Example:
        >>> import gradatim as gd
        >>> gd.cartesian_prod(gd.tensor([1, 2]), gd.tensor([4, 5]))
        tensor([[1, 4],
                [1, 5],
                [2, 4],
                [2, 5]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise ArgumentTypeError(f"cartesian_prod expects Tensors, got {tensor!r}")
        if tensor.ndim != 1:
            raise ShapeError(
                f"Expect a 1D vector, but got shape {list(tensor.shape)} in cartesian_prod"
            )
    if not tensors:
        raise ArgumentError("cartesian_prod expects at least one tensor, got none")
    if len(tensors) == 1:
        found: Tensor = tensors[0]
        return found
    grids = stack(meshgrid(*tensors, indexing="ij"), -1)
    return reshape(grids, -1, len(tensors))


@op("MaskedSelect")
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of `r` elements of a vector, in its order, a row for each.

    Args:
        with_replacement: whether an element may be taken more than once.

    Example:
        >>> import gradatim as gd
        >>> gd.combinations(gd.tensor([1, 2, 3]))
        tensor([[1, 2],
                [1, 3],
                [2, 3]])
    """
    if input.ndim != 1:
        raise ShapeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise ShapeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return wrap(p.full((0,), 0, input.dtype))
    rows = _choices(input.numel(), r, with_replacement)
    return wrap(p.gather(input._read(), array_node(rows)))


def _choices(size: int, r: int, with_replacement: bool) -> np.ndarray[Any, Any]:
    """The places that are chosen, a row for each choice: column by column, each row so far followed
    by every place that may come next."""
    skipped = 0 if with_replacement else 1
    columns = [np.arange(size)]
    for _ in range(r - 1):
        follow = size - skipped - columns[-1]  # how many each row is followed by
        ends = np.cumsum(follow)
        rows = np.repeat(np.arange(len(follow)), follow)
        columns = [column[rows] for column in columns]
        first = ends - follow  # where the followers of each row begin
        columns.append(np.arange(len(rows)) - first[rows] + columns[-1] + skipped)
    return np.stack(columns, 1)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, in a tensor of the given shape, of places in it flattened: one tensor of the
    indices' shape for each dimension.

    Raises:
        ArgumentError: for a negative size.

    Example:
        >>> import gradatim as gd
        >>> gd.unravel_index(gd.tensor([4, 5]), (2, 3))
        (tensor([1, 1]), tensor([1, 2]))
    """
    if not isinstance(indices, Tensor) or not indices.dtype.is_integer:
        given = TYPE_NAMES[indices.dtype.name] if isinstance(indices, Tensor) else indices
        raise ArgumentError(f"expected 'indices' to be integer dtype, but got {given}")
    sizes = (shape,) if isinstance(shape, int) else shape
    if not isinstance(sizes, (tuple, list)):
        raise ArgumentTypeError(f"expected 'shape' to be int or sequence of ints, got {shape!r}")
    if not all(isinstance(n, int) for n in sizes):
        raise ArgumentTypeError(f"expected 'shape' sequence to only contain ints, got {shape!r}")
    if any(n < 0 for n in sizes):
        raise ArgumentError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    x = p.cast(indices._read(), dtypes.int64)
    found = []
    for k, size in enumerate(sizes):
        step = number_node(math.prod(sizes[k + 1 :]), x.dtype)
        found.append(wrap(p.remainder(p.floor_divide(x, step), number_node(size, x.dtype))))
    return tuple(found)


@method()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with the elements, flattened, as a diagonal."""
    return diag(reshape(input, -1), offset)


@method()
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` rows of `nonzero`, and rows of `fill_value` if there are not so many: its
    shape does not depend on values.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([0, 3, 0]).nonzero_static(size=2)
        tensor([[ 1],
                [-1]])
    """
    if size < 0:
        raise ShapeError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    x = input._read()
    flat = p.reshape(x, (x.size,))
    holds = p.ne(flat, number_node(0, x.dtype))
    int64 = dtypes.int64
    # The k-th that holds goes to row k; what does not, and what is too much, to a row to spare.
    rank = p.sub(p.cumsum(p.cast(holds, int64), 0), p.constant(1, int64))
    row = p.select(holds, p.minimum(rank, p.constant(size, int64)), p.constant(size, int64))
    columns = []
    for k in range(x.ndim):
        filler = p.full((size + 1,), fill_value, int64)
        column = p.reshape(p.iota(x.shape, k, int64), (x.size,))
        filled = p.scatter_set(filler, row, column)
        columns.append(p.reshape(p.slice_(filled, (0,), (size,), (1,)), (size, 1)))
    if not columns:
        return wrap(p.full((size, 0), 0, int64))
    return wrap(p.concatenate(columns, 1))


@method()
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sum over the dimensions along which `size` would have to be expanded to this tensor's.

    Raises:
        ShapeError: if `size` does not expand so.
    """
    wanted = shape_argument(size)
    shape = tuple(self.shape)
    lead = len(shape) - len(wanted)
    if lead < 0 or any(n not in (1, m) for n, m in zip(wanted, shape[max(lead, 0) :])):
        raise ShapeError(f"size {list(wanted)} is not expandable to size {list(shape)}.")
    axes = tuple(k for k, n in enumerate(shape) if k < lead or (wanted[k - lead] == 1 and n != 1))
    if not axes and (wanted or self.dtype.is_floating_point):
        return self
    x = self._read()
    if not x.dtype.is_floating_point:
        x = p.cast(x, dtypes.int64)
    return named(p.reshape(p.sum_(x, axes), wanted), "Sum:1")


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of the input's shape and dtype, every element `value` (a number or a 0-d tensor)."""
    result: Tensor = input.clone().fill_(value)
    return result
