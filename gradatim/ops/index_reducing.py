"""`index_reduce`: slices of a dimension combined with those of another tensor."""

from __future__ import annotations

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError
from gradatim.graph.node import Node
from gradatim.ops._places import (
    TYPE_NAMES,
    flat,
    from_front,
    known_values,
    need_index,
    need_tensor,
    place_node,
    to_front,
)
from gradatim.ops.arguments import wrap_dim
from gradatim.tensor import Tensor, method, named

__all__ = ["index_reduce"]

_KINDS = ("prod", "mean", "amax", "amin")


@method()
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
    include_self: bool = True,
) -> Tensor:  # fmt: skip
    """`input` with each slice of `source` combined with the slice of `dim` that `index` says.

    Args:
        index: 1-d int64 or int32, not negative.
        source: of the input's dtype and shape, but with `len(index)` slices along `dim`.
        reduce: "prod", "mean", "amax" or "amin".
        include_self: whether the input's own slices take part where something is written.

    Raises:
        ShapeError, DTypeError: for a source or an index that does not fit.
        ElementOutOfRange: for a slice that is not there.

    Example:
        >>> import gradatim as gd
        >>> gd.ones(3).index_reduce(0, gd.tensor([1, 1]), gd.tensor([2.0, 3.0]), "prod")
        tensor([1., 6., 1.])
    """
    if reduce not in _KINDS:
        raise ArgumentError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    need_index(index, "index_reduce")
    need_tensor(source, "index_reduce(): argument 'source'")
    axis = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexOutOfRange(
            f"index_reduce(): Index is supposed to be a vector, but got shape {list(index.shape)}"
        )
    if source.dtype is not input.dtype:
        raise DTypeError(
            f"index_reduce(): self and source expected to have the same dtype, but got (self) "
            f"{TYPE_NAMES[input.dtype.name]} and (source) {TYPE_NAMES[source.dtype.name]}"
        )
    shape, given = tuple(input.shape), tuple(source.shape)
    expected = (*shape[:axis], index.numel(), *shape[axis + 1 :]) if shape else given
    if given != expected or (not shape and source.numel() != index.numel()):
        raise ShapeError(
            f"index_reduce(): expected source of shape {list(expected)} for an input of shape "
            f"{list(shape)} and {index.numel()} indices along dimension {axis}, but got "
            f"{list(given)}"
        )
    x, updates = input._read(), source._read()
    rows = to_front(x, axis) if shape else flat(x)
    updates = to_front(updates, axis) if given else flat(updates)
    place = flat(place_node(index, rows.shape[0], axis))
    if place.size and rows.size:
        if reduce == "mean":
            rows = _mean(rows, place, updates, include_self)
        else:
            rows = _in_runs(rows, place, updates, _longest_run(index), reduce, include_self)
    else:
        rows = p.copy(rows)
    return named(from_front(rows, axis) if shape else p.reshape(rows, ()), "IndexReduce")


def _column(vector: Node, rows: Node) -> Node:
    """One number for each row, as it meets them."""
    return p.reshape(vector, (vector.size, *[1] * (rows.ndim - 1)))


def _mean(rows: Node, place: Node, updates: Node, include_self: bool) -> Node:
    one = p.constant(1, rows.dtype)
    ones, written = p.full(place.shape, 1, rows.dtype), p.full((rows.shape[0],), 0, rows.dtype)
    number = p.scatter_add(written, place, ones)
    if not include_self:
        kept = p.cast(p.eq(number, p.constant(0, rows.dtype)), rows.dtype)
        rows = p.mul(rows, _column(kept, rows))
        count = p.maximum(number, one)
    else:
        count = p.add(number, one)
    total = p.scatter_add(rows, place, updates)
    divide = p.div if rows.dtype.is_floating_point else p.floor_divide
    return divide(total, _column(count, rows))


_COMBINE = {"prod": p.mul, "amax": p.maximum, "amin": p.minimum}


def _longest_run(index: Tensor) -> int:
    """How often one place comes at most: looked up if the indices are there already."""
    known = known_values(index)
    if known is None:
        return index.numel()
    return int(np.bincount(known.reshape(-1)).max())


def _in_runs(
    rows: Node, place: Node, updates: Node, longest: int, reduce: str, include_self: bool
) -> Node:
    """The places are sorted, with each its row, and the rows of a run of equal places are combined
    by doubling (Hillis and Steele, 1986): the last of a run then holds them all."""
    combine = _COMBINE[reduce]
    keys, order = p.sort(place, 0, False)
    values = p.gather(p.stop_gradient(updates) if reduce != "prod" else updates, order)
    nowhere, step = p.constant(-1, int64), 1
    while step < longest:
        low, high = (step, *[0] * (rows.ndim - 1)), (-step, *[0] * (rows.ndim - 1))
        earlier = p.pad(values, p.constant(1, rows.dtype), low, high)
        same = p.eq(keys, p.pad(keys, nowhere, (step,), (-step,)))
        values = p.select(_column(same, rows), combine(values, earlier), values)
        step *= 2
    # What is not the last of its run goes to a row to spare.
    is_last = p.ne(keys, p.pad(keys, nowhere, (-1,), (1,)))
    spare = p.constant(rows.shape[0], int64)
    target = p.select(is_last, keys, spare)
    size, whole = rows.shape[0], (0,) * rows.ndim
    wider = (1, *[0] * (rows.ndim - 1))
    own = rows if reduce == "prod" else p.stop_gradient(rows)
    padded = p.pad(own, p.constant(0, rows.dtype), whole, wider)
    if include_self:
        values = combine(values, p.gather(padded, p.minimum(keys, spare)))
    best = p.scatter_set(padded, target, values)
    best = p.slice_(best, whole, (size, *rows.shape[1:]), (1,) * rows.ndim)
    if reduce == "prod" or not (rows.history or updates.history):
        return best
    return p.substitute(best, _shared(rows, place, updates, best, include_self))


def _shared(rows: Node, place: Node, updates: Node, best: Node, include_self: bool) -> Node:
    """A sum of what is the best at its place, each with its share of the gradient."""
    zero, one = p.constant(0, rows.dtype), p.constant(1, rows.dtype)
    wins = p.cast(p.eq(updates, p.gather(best, place)), rows.dtype)
    own = p.cast(p.eq(rows, best), rows.dtype)
    if not include_self:
        written = p.full((rows.shape[0],), 0, rows.dtype)
        written = p.scatter_add(written, place, p.full(place.shape, 1, rows.dtype))
        own = p.mul(own, _column(p.cast(p.eq(written, zero), rows.dtype), rows))
    count = p.scatter_add(own, place, wins)
    share = p.select(p.eq(count, zero), zero, p.div(one, count))
    kept = p.mul(rows, p.mul(own, share))
    return p.scatter_add(kept, place, p.mul(updates, p.mul(wins, p.gather(share, place))))
