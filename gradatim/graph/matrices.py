"""Matrices as Nodes: transposes, products, triangles and diagonals of the last two dimensions.

What the gradients of linear algebra, and `ops/`, are written in.
"""

from __future__ import annotations

import math

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.node import Node, Shape


def transposed(x: Node) -> Node:
    """The last two axes exchanged."""
    last = x.ndim - 1
    return p.permute(x, (*range(last - 1), last, last - 1))


def product(a: Node, b: Node) -> Node:
    """a @ b for equal batch shapes: (*batch, m, k), (*batch, k, n) -> (*batch, m, n)."""
    axes = tuple(range(a.ndim - 2))
    return p.contract(a, b, (a.ndim - 1,), (b.ndim - 2,), axes, axes)


def zero(x: Node) -> Node:
    """The number 0 in the dtype of `x`."""
    return p.constant(0, x.dtype, x.device)


def number(value: float, x: Node) -> Node:
    """A number in the dtype of `x`."""
    return p.constant(value, x.dtype, x.device)


def places(x: Node) -> tuple[Node, Node]:
    """The row and the column of each element of a matrix, to be compared."""
    rows, columns = x.shape[-2:]
    return _places(rows, columns, x.device)


def _places(rows: int, columns: int, device: str) -> tuple[Node, Node]:
    return p.iota((rows, 1), 0, int64, device), p.iota((1, columns), 1, int64, device)


def lower(x: Node, offset: int = 0) -> Node:
    """0 above the diagonal that is `offset` to the right of the main one."""
    row, column = places(x)
    if offset:
        row = p.add(row, p.constant(offset, int64, x.device))
    return p.select(p.ge(row, column), x, zero(x))


def upper(x: Node, offset: int = 0) -> Node:
    """0 below the diagonal that is `offset` to the right of the main one."""
    row, column = places(x)
    if offset:
        row = p.add(row, p.constant(offset, int64, x.device))
    return p.select(p.le(row, column), x, zero(x))


def unit_lower(x: Node) -> Node:
    """The triangle below the diagonal, with ones on it."""
    row, column = places(x)
    return p.select(p.eq(row, column), number(1, x), lower(x, -1))


def identity(x: Node) -> Node:
    """Identity matrices of the shape (n, n) or (*batch, m, n) and dtype of `x`."""
    row, column = places(x)
    return p.expand(p.cast(p.eq(row, column), x.dtype), x.shape)


def diagonal(x: Node) -> Node:
    """(*batch, m, n) -> (*batch, min(m, n))."""
    rows, columns = x.shape[-2:]
    k = min(rows, columns)
    row, column = places(x)
    inside = p.select(p.eq(row, column), x, zero(x))
    axis = x.ndim - 1 if rows <= columns else x.ndim - 2
    line = p.sum_(inside, (axis,))
    return line if line.shape[-1] == k else first(line, x.ndim - 2, k)


def diagonal_matrix(line: Node) -> Node:
    """(*batch, n) -> (*batch, n, n), 0 beside the diagonal."""
    n = line.shape[-1]
    row, column = _places(n, n, line.device)
    return p.select(p.eq(row, column), as_rows(line), zero(line))


def as_rows(line: Node) -> Node:
    """(*batch, n) -> (*batch, 1, n): a factor for each column."""
    return p.reshape(line, (*line.shape[:-1], 1, line.shape[-1]))


def as_columns(line: Node) -> Node:
    """(*batch, n) -> (*batch, n, 1): a factor for each row."""
    return p.reshape(line, (*line.shape, 1))


def part(x: Node, axis: int, start: int, stop: int) -> Node:
    """A stretch of one axis."""
    starts = tuple(start if k == axis else 0 for k in range(x.ndim))
    stops = tuple(stop if k == axis else n for k, n in enumerate(x.shape))
    return p.slice_(x, starts, stops, (1,) * x.ndim)


def first(x: Node, axis: int, count: int) -> Node:
    return part(x, axis, 0, count)


def rows_in_order(x: Node, order: Node) -> Node:
    """Row `order[i]` of each matrix at place i: (*batch, m, n) and int64 (*batch, k)."""
    batch, (m, n) = x.shape[:-2], x.shape[-2:]
    count = math.prod(batch)
    k = order.shape[-1]
    flat = p.reshape(order, (count, k))
    if count > 1:
        base = p.mul(p.iota((count, 1), 0, int64, x.device), p.fixed(m, int64, x.device))
        flat = p.add(flat, base)
    table = p.reshape(x, (count * m, n))
    return p.reshape(p.gather(table, p.reshape(flat, (count * k,))), (*batch, k, n))


def inverse_order(order: Node) -> Node:
    """The permutation that undoes `order`, int64 (*batch, n)."""
    return p.sort(order, order.ndim - 1, False)[1]


def widen_batch(x: Node, batch: Shape) -> Node:
    """Matrices spread to a batch shape."""
    return p.expand(x, (*batch, *x.shape[-2:]))
