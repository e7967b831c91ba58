"""Reductions, movement, indexing, contraction and sorting in `jax.lax`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from gradatim.engines.xla.table import MEANING, Array, Meaning, check_first, means, widen
from gradatim.graph.errors import ElementOutOfRange
from gradatim.graph.node import Node

# --- reductions ----------------------------------------------------------------------------------


def _accumulated(reduce: Callable[..., Array], of_bools: Callable[..., Array]) -> Meaning:
    def run(node: Node, x: Array) -> Array:
        (axes,) = node.params
        if x.dtype == jnp.bool_:
            return of_bools(x, axes)
        return reduce(widen(x), axes).astype(node.dtype.numpy)

    return run


MEANING["sum"] = _accumulated(
    lambda x, axes: jnp.sum(x, axis=axes, dtype=x.dtype), lambda x, axes: jnp.any(x, axis=axes)
)
MEANING["prod"] = _accumulated(
    lambda x, axes: jnp.prod(x, axis=axes, dtype=x.dtype), lambda x, axes: jnp.all(x, axis=axes)
)
MEANING["max"] = lambda node, x: jnp.max(x, axis=node.params[0])
MEANING["min"] = lambda node, x: jnp.min(x, axis=node.params[0])
MEANING["argmax"] = lambda node, x: jnp.argmax(widen(x), axis=node.params[0]).astype(jnp.int64)
MEANING["argmin"] = lambda node, x: jnp.argmin(widen(x), axis=node.params[0]).astype(jnp.int64)


def _cumulative(run: Callable[..., Array], of_bools: Callable[..., Array]) -> Meaning:
    def cumulative(node: Node, x: Array) -> Array:
        (axis,) = node.params
        if not x.ndim:
            return x
        if x.dtype == jnp.bool_:
            return of_bools(x.astype(jnp.int8), axis=axis) != 0
        wide = x.astype(jnp.float64) if x.dtype == jnp.float32 else widen(x)
        return run(wide, axis=axis).astype(node.dtype.numpy)

    return cumulative


MEANING["cumsum"] = _cumulative(lax.cumsum, lax.cummax)
MEANING["cumprod"] = _cumulative(lax.cumprod, lax.cummin)


def _running_place(extreme: Callable[..., Array]) -> Meaning:
    def run(node: Node, x: Array) -> Array:
        (axis,) = node.params
        wide = x.astype(jnp.int8) if x.dtype == jnp.bool_ else widen(x)
        line = lax.broadcasted_iota(jnp.int64, x.shape, axis)
        holds = (wide == extreme(wide, axis=axis)) | (wide != wide)
        return lax.cummax(jnp.where(holds, line, 0), axis=axis)

    return run


MEANING["cumargmax"] = _running_place(lax.cummax)
MEANING["cumargmin"] = _running_place(lax.cummin)

# --- movement ------------------------------------------------------------------------------------

MEANING["reshape"] = lambda node, x: lax.reshape(x, node.shape)
MEANING["permute"] = lambda node, x: lax.transpose(x, node.params[0])
MEANING["expand"] = lambda node, x: jnp.broadcast_to(x, node.shape)
MEANING["flip"] = lambda node, x: lax.rev(x, node.params[0])
MEANING["concatenate"] = lambda node, *xs: lax.concatenate(xs, node.params[0])


@means("slice")
def _slice(node: Node, x: Array) -> Array:
    starts, stops, steps = node.params
    stops = tuple(map(max, starts, stops))
    return lax.slice(x, starts, stops, steps)


@means("pad")
def _pad(node: Node, x: Array, fill: Array) -> Array:
    low, high = node.params
    return lax.pad(x, fill, [(a, b, 0) for a, b in zip(low, high)])


def _spans(sizes: Sequence[int], steps: Sequence[int]) -> list[int]:
    """How far the slices reach."""
    return [(size - 1) * step + 1 if size else 0 for size, step in zip(sizes, steps)]


@means("dynamic_slice")
def _dynamic_slice(node: Node, x: Array, *starts: Array) -> Array:
    sizes, steps = node.params
    spans = _spans(sizes, steps)
    window = lax.dynamic_slice(x, _inside(x, starts, spans), spans)
    return window[tuple(slice(None, None, step) for step in steps)]


@means("update_slice")
def _update_slice(node: Node, x: Array, update: Array, *starts: Array) -> Array:
    (steps,) = node.params
    spans = _spans(update.shape, steps)
    starts = _inside(x, starts, spans)
    if any(step != 1 for step in steps):
        window = lax.dynamic_slice(x, starts, spans)
        update = window.at[tuple(slice(None, None, step) for step in steps)].set(update)
    return lax.dynamic_update_slice(x, update, starts)


def _inside(x: Array, starts: Sequence[Array], spans: Sequence[int]) -> Any:
    """The starts, or the nearest from which a slice fits. (XLA's own clamping comes behind a
    wrap-around of negative ones.)"""
    return tuple(jnp.clip(start, 0, n - span) for n, start, span in zip(x.shape, starts, spans))


# --- indexing ------------------------------------------------------------------------------------


def _checked_index(index: Array, size: int, dim: int = 0) -> Array:
    """The index where it is inside, else 0; the run fails if there is any such."""

    def message(bad: int, _: int) -> str:
        return f"index {bad} is out of bounds for dimension {dim} with size {size}"

    outside = (index < 0) | (index >= size)
    check_first(ElementOutOfRange, message, outside, index)
    return jnp.where(outside, 0, index)


@means("gather")
def _gather(node: Node, x: Array, index: Array) -> Array:
    index = _checked_index(index, x.shape[0], *node.params)
    if not x.shape[0]:
        return jnp.zeros(node.shape, x.dtype)
    return x.at[index].get(mode="promise_in_bounds")


@means("scatter_add")
def _scatter_add(node: Node, x: Array, index: Array, updates: Array) -> Array:
    index = _checked_index(index, x.shape[0])
    if not x.size or not index.size:
        return x
    if x.dtype == jnp.bool_:
        return (x.astype(jnp.int8).at[index].max(updates.astype(jnp.int8))) != 0
    wide = widen(x).at[index].add(widen(updates), mode="promise_in_bounds")
    return wide.astype(x.dtype)


@means("scatter_set")
def _scatter_set(node: Node, x: Array, index: Array, updates: Array) -> Array:
    """XLA leaves open which of several updates to a place wins: so the last is looked for."""
    index = _checked_index(index, x.shape[0])
    if not x.size or not index.size:
        return x
    order = jnp.arange(index.size).reshape(index.shape)
    last = jnp.full(x.shape[0], -1).at[index].max(order, mode="promise_in_bounds")
    rows = jnp.broadcast_to(updates, (*index.shape, *x.shape[1:]))
    rows = rows.reshape(index.size, *x.shape[1:])
    chosen = rows.at[jnp.maximum(last, 0)].get(mode="promise_in_bounds")
    return jnp.where((last >= 0).reshape(-1, *[1] * (x.ndim - 1)), chosen, x)


# --- contraction and sorting ---------------------------------------------------------------------


@means("contract")
def _contract(node: Node, a: Array, b: Array) -> Array:
    """float32 is multiplied as float32, also where the hardware has faster, rougher products."""
    a_axes, b_axes, a_batch, b_batch = node.params
    if a.dtype == jnp.bool_:
        a, b = a.astype(jnp.int32), b.astype(jnp.int32)
    floating = node.dtype.is_floating_point
    wide = jnp.float32 if floating and node.dtype.itemsize == 2 else a.dtype
    product = lax.dot_general(
        a, b, ((a_axes, b_axes), (a_batch, b_batch)),
        precision=lax.Precision.HIGHEST, preferred_element_type=wide,
    )  # fmt: skip
    return product != 0 if node.dtype.name == "bool" else product.astype(node.dtype.numpy)


@means("sort")
def _sort(node: Node, x: Array) -> Any:
    axis, descending = node.params
    if not x.ndim:
        return x, jnp.zeros((), jnp.int64)
    places = lax.broadcasted_iota(jnp.int64, x.shape, axis)
    if not descending:
        return lax.sort((x, places), dimension=axis, is_stable=True, num_keys=1)
    # Stable: sort backwards what was turned around, and turn it around again.
    turned = (lax.rev(x, (axis,)), lax.rev(places, (axis,)))
    values, places = lax.sort(turned, dimension=axis, is_stable=True, num_keys=1)
    return lax.rev(values, (axis,)), lax.rev(places, (axis,))


MEANING["pick"] = lambda node, results: results[node.params[0]]
