"""Rows of convolution and pooling."""

from __future__ import annotations

import math
from typing import Any

from gradatim.graph import window_primitives as w
from gradatim.graph.node import Node, Shape
from tests.engines.draw import FLOATS, NUMBERS, Draw
from tests.engines.exact import Reject
from tests.engines.rows import row

Window = tuple[Shape, Shape, Shape, Shape, Shape]  # sizes, stride, low, high, dilation


def _window(d: Draw, spatial: Shape, padded: bool = True) -> Window:
    """A window that fits, mostly small, with padding (some of it negative) and holes."""
    sizes, stride, low, high, dilation = [], [], [], [], []
    for n in spatial:
        sizes.append(d.rng.choice((1, 2, 3, 3, 5)))
        stride.append(d.rng.choice((1, 1, 2, 3)))
        dilation.append(d.rng.choice((1, 1, 1, 2)))
        low.append(d.rng.choice((0, 0, 1, 2, -1)) if padded else 0)
        high.append(d.rng.choice((0, 0, 1, 2, -1)) if padded else 0)
        if n + low[-1] + high[-1] < 0:
            low[-1] = high[-1] = 0
    return tuple(sizes), tuple(stride), tuple(low), tuple(high), tuple(dilation)


def _counts(spatial: Shape, window: Window) -> Shape:
    sizes, stride, low, high, dilation = window
    return w.window_counts(spatial, sizes, stride, low, high, dilation)


# What a convolution adds up, summed over its result: the reference engine takes it tap by tap.
MOST_PRODUCTS = 400_000


def _image_and_filters(d: Draw) -> tuple[Node, int, int, Shape, Window]:
    """An input (N, C, ...), with groups, output channels, spatial sizes and a window over them."""
    kinds = FLOATS if d.chance(0.9) else NUMBERS
    groups = d.rng.choice((1, 1, 1, 2, 3))

    def fits(n: Node) -> bool:
        return 3 <= len(n.shape) <= 5 and n.shape[1] % groups == 0

    def shape() -> Shape:
        batch = d.rng.choice((0, 1, 1, 2, 3, 5)) if d.chance(0.9) else 1
        channels = groups * d.rng.choice((1, 1, 2, 3, 4, 8, 17))
        rank = d.rng.choice((1, 2, 2, 2, 3))
        room = max(d.max_size // max(batch * channels, 1), 1)
        return (batch, channels, *d.shape(rank, room))

    x = d.operand(kinds, fits, shape)
    outputs = groups * d.rng.choice((1, 2, 3, 5, 8, 16, 17))
    window = _window(d, x.shape[2:])
    counts = _counts(x.shape[2:], window)
    products = x.shape[0] * outputs * math.prod(counts) * x.shape[1] * math.prod(window[0])
    if products > MOST_PRODUCTS or x.shape[0] * outputs * math.prod(counts) > d.max_size:
        raise Reject("too large")
    return x, groups, outputs, counts, window


def _like(d: Draw, x: Node, shape: Shape) -> Node:
    return d.operand((x.dtype,), lambda n: n.shape == shape, lambda: shape)


@row("convolve", weight=2.0)
def _(d: Draw) -> Node:
    x, groups, outputs, _, (sizes, *rest) = _image_and_filters(d)
    kernel = _like(d, x, (outputs, x.shape[1] // groups, *sizes))
    return w.convolve(x, kernel, *rest, groups)


@row("convolve_input")
def _(d: Draw) -> Node:
    x, groups, outputs, counts, (sizes, *rest) = _image_and_filters(d)
    g = _like(d, x, (x.shape[0], outputs, *counts))
    kernel = _like(d, x, (outputs, x.shape[1] // groups, *sizes))
    return w.convolve_input(g, kernel, *rest, groups, x.shape[2:])


@row("convolve_kernel")
def _(d: Draw) -> Node:
    x, groups, outputs, counts, (sizes, *rest) = _image_and_filters(d)
    g = _like(d, x, (x.shape[0], outputs, *counts))
    return w.convolve_kernel(x, g, *rest, groups, sizes)


# --- pooling -------------------------------------------------------------------------------------


def _pooled(d: Draw, kinds: Any = NUMBERS) -> tuple[Node, Shape, Window]:
    x = d.with_axes(kinds)
    rank = d.rng.randrange(1, min(len(x.shape), 3) + 1)
    spatial = x.shape[len(x.shape) - rank :]
    window = _window(d, spatial)
    lead = x.shape[: len(x.shape) - rank]
    if math.prod(lead) * math.prod(_counts(spatial, window)) > d.max_size:
        raise Reject("too large")
    return x, spatial, window


@row("window_sum")
def _(d: Draw) -> Node:
    x, _, window = _pooled(d)
    return w.window_sum(x, *window)


@row("window_spread")
def _(d: Draw) -> Node:
    x, spatial, window = _pooled(d)
    lead = x.shape[: len(x.shape) - len(spatial)]
    g = _like(d, x, (*lead, *_counts(spatial, window)))
    return w.window_spread(g, *window, spatial)


def _places(d: Draw) -> tuple[Node, Shape, Node]:
    x, spatial, window = _pooled(d)
    sizes, stride, low, _, dilation = window
    counts = _counts(spatial, window)
    if w.has_empty_window(spatial, counts, sizes, stride, low, dilation):
        raise Reject("a window of padding alone")
    return x, spatial, w.window_argmax(x, *window)


@row("window_argmax")
def _(d: Draw) -> Node:
    return _places(d)[2]


@row("window_gather")
def _(d: Draw) -> Node:
    x, spatial, places = _places(d)
    return w.window_gather(x, places, len(spatial))


@row("window_scatter")
def _(d: Draw) -> Node:
    x, spatial, places = _places(d)
    return w.window_scatter(_like(d, x, places.shape), places, spatial)
