"""Batching of what reads and writes at places: slices with starts, gather and scatter.

Where every value has places of its own, the values are laid out one behind the other as one long
table, and the places are moved to the rows of their value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradatim.graph import primitives as p
from gradatim.graph.batching import batches, spread
from gradatim.graph.dtypes import int64
from gradatim.graph.node import Node, Shape


@batches("gather")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    x, index = inputs
    if not is_batched[0]:
        return p.gather(x, index, node.params[0])
    if not is_batched[1]:  # the same rows of every value: those of a table with values side by side
        rows = p.gather(_swap(x), index, node.params[0])
        place = node.inputs[1].ndim
        return p.permute(rows, (place, *(k for k in range(rows.ndim) if k != place)))
    return p.gather(_table(x), _rows(index, count, x.shape[1]), node.params[0])


@batches("scatter_add", "scatter_set")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    scatter = p.scatter_add if node.primitive is p.SCATTER_ADD else p.scatter_set
    x, index, updates = inputs
    x, updates = spread(x, is_batched[0], count), spread(updates, is_batched[2], count)
    if not is_batched[1]:
        place = node.inputs[1].ndim
        order = (*range(1, place + 1), 0, *range(place + 1, updates.ndim))
        return _swap(scatter(_swap(x), index, p.permute(updates, order)))
    filled = scatter(_table(x), _rows(index, count, x.shape[1]), updates)
    return p.reshape(filled, x.shape)


def _swap(x: Node) -> Node:
    """The first two axes exchanged."""
    return p.permute(x, (1, 0, *range(2, x.ndim)))


def _table(x: Node) -> Node:
    """(count, rows, ...) -> (count * rows, ...)."""
    return p.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))


def _rows(index: Node, count: int, rows: int) -> Node:
    """Where in the table the rows of each value's index stand. One outside its value's rows stays
    outside of the table, so that it is refused as it would be for one value."""
    own = p.iota((count, *(1,) * (index.ndim - 1)), 0, int64, index.device)
    size = p.fixed(rows, int64, index.device)
    zero = p.constant(0, int64, index.device)
    fits = p.and_(p.ge(index, zero), p.lt(index, size))
    beyond = p.add(index, p.fixed(count * rows, int64, index.device))
    outside = p.select(p.lt(index, zero), index, beyond)
    return p.select(fits, p.add(index, p.mul(own, size)), outside)


@batches("dynamic_slice")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    x, *starts = inputs
    sizes, steps = node.params
    if not any(is_batched[1:]):
        places = [_zero_like(starts), *starts]
        return p.dynamic_slice(x, places, (count, *sizes), (1, *steps))
    x = spread(x, is_batched[0], count)
    flat = _flat(x, starts, is_batched[1:], sizes, steps, count)
    return p.gather(p.reshape(x, (x.size,)), flat)


@batches("update_slice")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    x, update, *starts = inputs
    (steps,) = node.params
    x, update = spread(x, is_batched[0], count), spread(update, is_batched[1], count)
    if not any(is_batched[2:]):
        return p.update_slice(x, update, [_zero_like(starts), *starts], (1, *steps))
    places = _flat(x, starts, is_batched[2:], update.shape[1:], steps, count)
    return p.reshape(p.scatter_set(p.reshape(x, (x.size,)), places, update), x.shape)


def _zero_like(starts: Sequence[Node]) -> Node:
    return p.constant(0, int64, starts[0].device if starts else "cpu")


def _flat(
    x: Node,
    starts: Sequence[Node],
    is_batched: Sequence[bool],
    sizes: Shape,
    steps: Shape,
    count: int,
) -> Node:
    """The places, in `x` flattened, of a slice of each value: (count, *sizes)."""
    ndim = x.ndim
    flat = p.iota((count, *(1,) * (ndim - 1)), 0, int64, x.device)
    flat = p.mul(flat, p.fixed(math.prod(x.shape[1:]), int64, x.device))
    for k, (start, has, size, step) in enumerate(zip(starts, is_batched, sizes, steps), 1):
        last = p.fixed(x.shape[k] - (size - 1) * step - 1, int64, x.device)
        start = p.minimum(p.maximum(start, p.constant(0, int64, x.device)), last)
        if has:
            start = p.reshape(start, (count, *(1,) * (ndim - 1)))
        along = p.iota(tuple(size if j == k else 1 for j in range(ndim)), k, int64, x.device)
        place = p.add(start, p.mul(along, p.fixed(step, int64, x.device)))
        flat = p.add(flat, p.mul(place, p.fixed(math.prod(x.shape[k + 1 :]), int64, x.device)))
    return p.expand(flat, (count, *sizes))
