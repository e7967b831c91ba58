"""Batching of convolution and pooling.

Convolution is linear in two operands. Where only one of them has the new axis, it becomes part of
an axis of that operand that the other does not have: samples for the input, output channels for the
kernel. Where both have it, every value is a group of channels of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradatim.graph import primitives as p
from gradatim.graph.batching import batches, spread
from gradatim.graph.node import Node, Shape


def _fold(x: Node, source: int, into: int) -> Node:
    """Move axis `source` in front of axis `into` (counted without it) and make them one."""
    order = [k for k in range(x.ndim) if k != source]
    order.insert(into, source)
    x = p.permute(x, tuple(order))
    return p.reshape(x, (*x.shape[:into], x.shape[into] * x.shape[into + 1], *x.shape[into + 2 :]))


def _unfold(x: Node, axis: int, sizes: Sequence[int]) -> Node:
    """Cut one axis into several."""
    return p.reshape(x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))


def _to_front(x: Node, axis: int) -> Node:
    return p.permute(x, (axis, *(k for k in range(x.ndim) if k != axis)))


def _in_groups(x: Node, axis: int, groups: int) -> Node:
    """(B, ..., groups * C, ...) with the channels at `axis` (counted without B) ->
    (..., groups * B * C, ...): the values inside of each group."""
    channels = x.shape[axis + 1]
    x = _unfold(x, axis + 1, (groups, channels // groups))
    # B, ..., groups, C  ->  ..., groups, B, C
    order = (*range(1, axis + 2), 0, *range(axis + 2, x.ndim))
    x = p.permute(x, order)
    count = x.shape[axis + 1]
    return p.reshape(x, (*x.shape[:axis], groups * count * (channels // groups),
                         *x.shape[axis + 3 :]))  # fmt: skip


def _out_of_groups(x: Node, axis: int, groups: int, count: int) -> Node:
    """The inverse of `_in_groups`."""
    size = x.shape[axis] // (groups * count)
    x = _unfold(x, axis, (groups, count, size))
    x = _to_front(x, axis + 1)
    return p.reshape(x, (*x.shape[: axis + 1], groups * size, *x.shape[axis + 3 :]))


def _window(node: Node) -> tuple[tuple[Shape, Shape, Shape, Shape], int]:
    stride, low, high, dilation, groups = node.params[:5]
    return (stride, low, high, dilation), groups


# (N, C), (O, C/groups) -> (N, O): each operation contracts one of the axes N, C, O.


@batches("convolve")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    (x, w), (window, groups) = inputs, _window(node)
    if not is_batched[1]:
        out = p.convolve(_fold(x, 0, 0), w, *window, groups)
        return _unfold(out, 0, (count, x.shape[1]))
    if not is_batched[0]:
        out = p.convolve(x, _in_groups(w, 0, groups), *window, groups)
        return _out_of_groups(out, 1, groups, count)
    # Every value's channels are groups of their own.
    out = p.convolve(_fold(x, 0, 1), _fold(w, 0, 0), *window, groups * count)
    return _to_front(_unfold(out, 1, (count, w.shape[1])), 1)


@batches("convolve_input")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    (g, w), (window, groups), spatial = inputs, _window(node), node.params[5]
    if not is_batched[1]:
        out = p.convolve_input(_fold(g, 0, 0), w, *window, groups, spatial)
        return _unfold(out, 0, (count, g.shape[1]))
    channels = w.shape[2] * groups
    if not is_batched[0]:
        out = p.convolve_input(g, _fold(w, 0, 1), *window, groups, spatial)
        return _out_of_groups(out, 1, groups, count)
    out = p.convolve_input(_fold(g, 0, 1), _fold(w, 0, 0), *window, groups * count, spatial)
    return _to_front(_unfold(out, 1, (count, channels)), 1)


@batches("convolve_kernel")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    (x, g), (window, groups), kernel = inputs, _window(node), node.params[5]
    if not is_batched[1]:
        out = p.convolve_kernel(_in_groups(x, 1, groups), g, *window, groups, kernel)
        return _to_front(_unfold(out, 1, (count, out.shape[1] // count)), 1)
    if not is_batched[0]:
        out = p.convolve_kernel(x, _in_groups(g, 1, groups), *window, groups, kernel)
        return _out_of_groups(out, 0, groups, count)
    out = p.convolve_kernel(_fold(x, 0, 1), _fold(g, 0, 1), *window, groups * count, kernel)
    return _unfold(out, 0, (count, out.shape[0] // count))


# --- pooling: the new axis is one more of the leading ones ---------------------------------------


@batches("window_sum")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return p.window_sum(inputs[0], *node.params)


@batches("window_spread")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return p.window_spread(inputs[0], *node.params)


@batches("window_argmax")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return p.window_argmax(inputs[0], *node.params)


@batches("window_gather")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    x, places = (spread(n, has, count) for n, has in zip(inputs, is_batched))
    return p.window_gather(x, places, *node.params)


@batches("window_scatter")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    g, places = (spread(n, has, count) for n, has in zip(inputs, is_batched))
    return p.window_scatter(g, places, *node.params)
