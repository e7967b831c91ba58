"""Several elements written to one place, combined: the reductions of `scatter_reduce`.

Each takes a flat tensor `x`, the `places` in it (flat, one for each element of `src`), and whether
the elements of `x` that are written to take part. Only sums have a primitive. The largest of
several is what stays when they are written in ascending order; products are multiplied up within
runs of equal places, by doubling (Hillis and Steele, 1986).
"""

from __future__ import annotations

from collections.abc import Callable

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.node import Node

Reduction = Callable[[Node, Node, Node, bool], Node]


def _without_self(x: Node, places: Node, neutral: int) -> Node:
    """`x` with `neutral` wherever something is written."""
    return p.scatter_set(x, places, p.full(places.shape, neutral, x.dtype))


def _sum(x: Node, places: Node, src: Node, include_self: bool) -> Node:
    return p.scatter_add(x if include_self else _without_self(x, places, 0), places, src)


def _mean(x: Node, places: Node, src: Node, include_self: bool) -> Node:
    total = _sum(x, places, src, include_self)
    one = p.constant(1, x.dtype)
    count = p.expand(one, x.shape)
    count = _sum(count, places, p.expand(one, src.shape), include_self)
    return (p.div if x.dtype.is_floating_point else p.floor_divide)(total, count)


def _prod(x: Node, places: Node, src: Node, include_self: bool) -> Node:
    keys, order = p.sort(places, 0, False)
    product = p.gather(src, order)
    one, nowhere = p.constant(1, x.dtype), p.constant(-1, int64)
    step = 1
    while step < src.shape[0]:  # each element times all up to `step` before it in its run
        earlier = p.pad(product, one, (step,), (-step,))
        same = p.eq(keys, p.pad(keys, nowhere, (step,), (-step,)))
        product = p.mul(product, p.select(same, earlier, one))
        step *= 2
    is_last = p.ne(keys, p.pad(keys, nowhere, (-1,), (1,)))
    whole = p.select(is_last, product, p.constant(0, x.dtype))
    factor = p.scatter_add(_without_self(p.expand(one, x.shape), keys, 0), keys, whole)
    return p.mul(x if include_self else _without_self(x, places, 1), factor)


def _extreme(largest: bool) -> Reduction:
    def reduce(x: Node, places: Node, src: Node, include_self: bool) -> Node:
        value, update = p.stop_gradient(x), p.stop_gradient(src)
        if largest:
            ordered, order = p.sort(update, 0, False)
        elif x.dtype.is_floating_point:  # turned around, so that NaN stays last, and wins
            negated, order = p.sort(p.neg(update), 0, False)
            ordered = p.neg(negated)
        else:
            ordered, order = p.sort(update, 0, True)
        best = p.scatter_set(value, p.gather(places, order), ordered)
        if include_self:
            best = (p.maximum if largest else p.minimum)(value, best)
        if not (x.history or src.history):
            return best
        return p.substitute(best, _shared_equally(x, places, src, best, include_self))

    return reduce


def _shared_equally(x: Node, places: Node, src: Node, best: Node, include_self: bool) -> Node:
    """A sum of the elements that are the best at their place, each with its share of the
    gradient."""
    zero = p.constant(0, x.dtype)
    wins = p.cast(p.eq(src, p.gather(best, places)), x.dtype)
    self_wins = p.eq(x, best)
    if not include_self:
        written = p.scatter_set(
            p.full(x.shape, False, bool_), places, p.full(places.shape, True, bool_)
        )
        self_wins = p.and_(self_wins, p.not_(written))
    self_wins = p.cast(self_wins, x.dtype)
    count = p.scatter_add(self_wins, places, wins)
    share = p.select(p.eq(count, zero), zero, p.div(p.constant(1, x.dtype), count))
    own = p.mul(x, p.mul(self_wins, share))
    return p.scatter_add(own, places, p.mul(src, p.mul(wins, p.gather(share, places))))


REDUCTIONS: dict[str, Reduction] = {
    "sum": _sum,
    "mean": _mean,
    "prod": _prod,
    "amax": _extreme(True),
    "amin": _extreme(False),
}
