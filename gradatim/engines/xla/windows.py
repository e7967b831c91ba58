"""Convolution and pooling: window_primitives.py in XLA's general convolution and window reduction.

The derivatives of a convolution are convolutions again. With respect to the input, the kernel is
turned around and what arrives is spread out by the stride; with respect to the kernel, the batch is
what is summed over, and stride and dilation change places.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from gradatim.engines.xla.table import Array, means, widen
from gradatim.graph.node import Node, Shape


def _convolve(x: Array, w: Array, **options: Any) -> Array:
    return lax.conv_general_dilated(x, w, precision=lax.Precision.HIGHEST, **options)


def _is_empty(node: Node, *arrays: Array) -> bool:
    """Whether there is nothing to multiply: XLA refuses some of these."""
    return 0 in node.shape or any(0 in x.shape for x in arrays)


@means("convolve")
def _forward(node: Node, x: Array, w: Array) -> Array:
    stride, low, high, dilation, groups = node.params
    if _is_empty(node, x, w):
        return jnp.zeros(node.shape, x.dtype)
    found = _convolve(
        widen(x), widen(w), window_strides=stride, padding=list(zip(low, high)),
        rhs_dilation=dilation, feature_group_count=groups,
    )  # fmt: skip
    return found.astype(x.dtype)


def _spread_padding(
    spatial: Shape, counts: Shape, window: Shape, stride: Shape, low: Shape, dilation: Shape
) -> list[tuple[int, int]]:
    """What lies around the windows' results, spread out by the stride, such that a window over all
    that ends where the input did."""
    padding = []
    for n, count, size, step, before, spread in zip(
        spatial, counts, window, stride, low, dilation
    ):  # fmt: skip
        reach = (size - 1) * spread
        first = reach - before
        padding.append((first, n + reach - first - (count - 1) * step - 1))
    return padding


@means("convolve_input")
def _input(node: Node, g: Array, w: Array) -> Array:
    stride, low, _, dilation, groups, spatial = node.params
    if _is_empty(node, g, w):
        return jnp.zeros(node.shape, g.dtype)
    outputs, inputs, *kernel = w.shape
    turned = lax.rev(widen(w), tuple(range(2, w.ndim)))
    turned = turned.reshape(groups, outputs // groups, inputs, *kernel).swapaxes(1, 2)
    turned = turned.reshape(groups * inputs, outputs // groups, *kernel)
    padding = _spread_padding(spatial, g.shape[2:], tuple(kernel), stride, low, dilation)
    found = _convolve(
        widen(g), turned, window_strides=(1,) * len(spatial), padding=padding,
        lhs_dilation=stride, rhs_dilation=dilation, feature_group_count=groups,
    )  # fmt: skip
    return found.astype(g.dtype)


@means("convolve_kernel")
def _kernel(node: Node, x: Array, g: Array) -> Array:
    stride, low, _, dilation, groups, kernel = node.params
    if _is_empty(node, x, g):
        return jnp.zeros(node.shape, x.dtype)
    padding = []
    for n, count, size, step, before, spread in zip(
        x.shape[2:], g.shape[2:], kernel, stride, low, dilation
    ):
        whole = (size - 1) * spread + (count - 1) * step + 1
        padding.append((before, whole - n - before))
    swapped = (1, 0, *range(2, x.ndim))
    numbers = lax.ConvDimensionNumbers(swapped, swapped, swapped)
    found = _convolve(
        widen(x), widen(g), window_strides=dilation, padding=padding, rhs_dilation=stride,
        dimension_numbers=numbers, batch_group_count=groups,
    )  # fmt: skip
    return found.astype(x.dtype)


# --- pooling -------------------------------------------------------------------------------------


def _around(x: Array, fill: Any, padding: Any, interior: Shape | None = None) -> Array:
    """`x` with `fill` around (negative: cropped) and between the elements of its last
    dimensions."""
    between = interior or (0,) * len(padding)
    lead = [(0, 0, 0)] * (x.ndim - len(padding))
    return lax.pad(x, fill, [*lead, *((a, b, c) for (a, b), c in zip(padding, between))])


def _windowed(x: Array, window: Shape, stride: Shape, dilation: Shape) -> dict[str, Any]:
    lead = (1,) * (x.ndim - len(window))
    return {
        "window_dimensions": (*lead, *window),
        "window_strides": (*lead, *stride),
        "window_dilation": (*lead, *dilation),
        "padding": [(0, 0)] * x.ndim,
    }


def _sum(x: Array, window: Shape, stride: Shape, dilation: Shape) -> Array:
    return lax.reduce_window(
        x, np.zeros((), x.dtype), lax.add, **_windowed(x, window, stride, dilation)
    )


@means("window_sum")
def _window_sum(node: Node, x: Array) -> Array:
    window, stride, low, high, dilation = node.params
    if 0 in node.shape:
        return jnp.zeros(node.shape, x.dtype)
    wide = _around(widen(x), np.zeros((), widen(x).dtype), list(zip(low, high)))
    return _sum(wide, window, stride, dilation).astype(x.dtype)


@means("window_spread")
def _window_spread(node: Node, g: Array) -> Array:
    window, stride, low, _, dilation, spatial = node.params
    if 0 in node.shape or 0 in g.shape:
        return jnp.zeros(node.shape, g.dtype)
    padding = _spread_padding(spatial, g.shape[-len(window) :], window, stride, low, dilation)
    between = tuple(step - 1 for step in stride)
    wide = _around(widen(g), np.zeros((), widen(g).dtype), padding, between)
    return _sum(wide, window, (1,) * len(window), dilation).astype(g.dtype)


NOWHERE = np.int64(1 << 62)  # the place of what lies outside


@means("window_argmax")
def _window_argmax(node: Node, x: Array) -> Array:
    """A reduction of pairs, the value and its place: the larger value wins, a NaN over all, and of
    equal ones the first."""
    window, stride, low, high, dilation = node.params
    if 0 in node.shape:
        return jnp.zeros(node.shape, jnp.int64)
    x = x.astype(jnp.int8) if x.dtype == jnp.bool_ else widen(x)
    floating = jnp.issubdtype(x.dtype, jnp.floating)
    lowest = np.array(-np.inf if floating else np.iinfo(x.dtype).min, x.dtype)
    spatial = x.shape[x.ndim - len(window) :]
    places = jnp.arange(math.prod(spatial)).reshape(spatial)
    places = jnp.broadcast_to(places, x.shape)
    padding = list(zip(low, high))
    pairs = (_around(x, lowest, padding), _around(places, NOWHERE, padding))

    def larger(one: Any, other: Any) -> Any:
        (a, i), (b, j) = one, other
        a_nan, b_nan = a != a, b != b
        equal = (a == b) | (a_nan & b_nan)
        first = jnp.where(equal, i < j, a_nan | (~b_nan & (a > b)))
        # What lies outside has no place, and loses against everything.
        first = jnp.where(i == NOWHERE, False, jnp.where(j == NOWHERE, True, first))
        return jnp.where(first, a, b), jnp.where(first, i, j)

    options = _windowed(x, window, stride, dilation)
    return lax.reduce_window(pairs, (lowest, NOWHERE), larger, **options)[1]


@means("window_gather")
def _window_gather(node: Node, x: Array, places: Array) -> Array:
    (rank,) = node.params
    if 0 in node.shape:
        return jnp.zeros(node.shape, x.dtype)
    lead = x.shape[: x.ndim - rank]
    flat, line = x.reshape(*lead, -1), places.reshape(*lead, -1)
    return jnp.take_along_axis(flat, line, axis=-1, mode="clip").reshape(node.shape)


@means("window_scatter")
def _window_scatter(node: Node, g: Array, places: Array) -> Array:
    (spatial,) = node.params
    if 0 in node.shape or 0 in g.shape:
        return jnp.zeros(node.shape, g.dtype)
    lead, size = g.shape[: g.ndim - len(spatial)], math.prod(spatial)
    planes = jnp.arange(math.prod(lead))[:, None]
    flat = jnp.zeros((math.prod(lead), size), widen(g).dtype)
    rows = math.prod(lead)
    flat = flat.at[planes, places.reshape(rows, -1)].add(widen(g).reshape(rows, -1), mode="drop")
    return flat.reshape(node.shape).astype(g.dtype)
