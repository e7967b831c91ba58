"""Diagonals and triangles of matrices.

`offset` (or `diagonal`) says which diagonal: 0 the main one, 1 the one to its right, -1 the one
below it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import as_dtype, int64
from gradatim.graph.errors import ShapeError
from gradatim.graph.node import Node
from gradatim.ops.arguments import number_node, wrap_dim
from gradatim.tensor import Device, Tensor, from_array, method, named


def _two_dims(dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    first, second = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if first == second:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return first, second


@method()
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A diagonal with respect to two dimensions, as a view: they go, and it is the last dimension.

    Example:
        >>> import gradatim as gd
        >>> x = gd.zeros(2, 2)
        >>> x.diagonal()[:] = 1
        >>> x
        tensor([[1., 0.],
                [0., 1.]])
    """
    first, second = _two_dims(dim1, dim2, input.ndim)
    rest = tuple(k for k in range(input.ndim) if k not in (first, second))
    shape, strides = tuple(input.shape), input._strides()
    rows, columns = shape[first], shape[second]
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    skipped = offset * strides[second] if offset >= 0 else -offset * strides[first]
    # In the flattened matrix a diagonal is a slice with a step of one row and one element.
    view = input.permute(*rest, first, second)
    merged = (*(shape[k] for k in rest), rows * columns)
    start = (offset if offset >= 0 else -offset * columns) if length else 0
    stop = start + (length - 1) * (columns + 1) + 1 if length else start
    view = view._view(("reshape", merged), merged, (), view.storage_offset())
    step = (
        "slice",
        (*(0 for _ in rest), start),
        (*merged[:-1], stop),
        (*(1 for _ in rest), columns + 1),
    )
    new_strides = (*(strides[k] for k in rest), strides[first] + strides[second])
    place = input.storage_offset() + (skipped if length else 0)
    view = view._view(step, (*merged[:-1], length), new_strides, place)
    view._op = "Diagonal"
    return view


_diagonal = diagonal  # also where an argument has that name


@method()
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices whose diagonals are the lines of the last dimension, and 0 elsewhere; `dim1` and
    `dim2` say where the matrices' dimensions stand in the result.

    Example:
        >>> import gradatim as gd
        >>> gd.diag_embed(gd.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    first, second = _two_dims(dim1, dim2, input.ndim + 1)
    x = input._read()
    batch, length = x.shape[:-1], x.shape[-1]
    size = length + abs(offset)
    start = offset if offset >= 0 else -offset * size
    zeros = p.full((*batch, size * size), 0, x.dtype)
    starts = [p.constant(0, int64)] * len(batch) + [p.constant(start, int64)]
    matrix = p.update_slice(zeros, x, starts, (*(1 for _ in batch), size + 1))
    matrix = p.reshape(matrix, (*batch, size, size))
    order = list(range(len(batch)))
    for place, axis in sorted(((first, x.ndim - 1), (second, x.ndim))):
        order.insert(place, axis)
    return named(p.permute(matrix, tuple(order)), "DiagEmbed")


@method()
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Of a vector, the matrix with it as a diagonal; of a matrix, a copy of its diagonal."""
    if input.ndim not in (1, 2):
        raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    return named(p.copy(_diagonal(input, diagonal)._read()), "Diagonal:0_copy")


def _triangle(input: Tensor, diagonal: int, name: str, upper: bool) -> Tensor:
    x: Node = input._read()
    if x.ndim < 2:
        raise ShapeError(f"{name}: input tensor must have at least 2 dimensions, got {x.ndim}")
    rows, columns = x.shape[-2:]
    row = p.add(p.iota((rows, 1), 0, int64), p.constant(diagonal, int64))
    column = p.iota((1, columns), 1, int64)
    inside = p.le(row, column) if upper else p.ge(row, column)
    return named(p.select(inside, x, number_node(0, x.dtype)), name.title())


@method()
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Matrices (the last two dimensions) with 0 above the given diagonal."""
    return _triangle(input, diagonal, "tril", upper=False)


@method()
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Matrices (the last two dimensions) with 0 below the given diagonal."""
    return _triangle(input, diagonal, "triu", upper=True)


def _triangle_indices(
    row: int, col: int, offset: int, dtype: Any, device: Any, upper: bool
) -> Tensor:
    for name, size in (("row", row), ("col", col)):
        if size < 0:
            raise ShapeError(f"{name} must be non-negative, got {size}")
    if device is not None:
        Device(device)
    lines = np.arange(row)
    edge = np.clip(lines + offset + (not upper), 0, col)  # each row's first column outside, or in
    counts = col - edge if upper else edge
    rows = np.repeat(lines, counts)
    columns = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
    if upper:
        columns += np.repeat(edge, counts)
    places = np.stack([rows, columns])
    return from_array(places, int64 if dtype is None else as_dtype(dtype))


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """The places of a matrix on and below a diagonal: (2, count), the rows and the columns.

    Example:
        >>> import gradatim as gd
        >>> gd.tril_indices(2, 2)
        tensor([[0, 1, 1],
                [0, 0, 1]])
    """
    return _triangle_indices(row, col, offset, dtype, device, upper=False)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """The places of a matrix on and above a diagonal: (2, count), the rows and the columns."""
    return _triangle_indices(row, col, offset, dtype, device, upper=True)
