"""Batching: the same operation on many values at once, side by side along a new first axis.

A rule gets a Node, an input for each of its inputs, and which of these have the new axis (the
others are the same for all values). It gives one Node whose value at each place of the new axis is
what the operation gives there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.node import Node, Shape

# (node, its inputs, which of them have the new axis, the size of that axis) -> the batched node
Rule = Callable[[Node, Sequence[Node], Sequence[bool], int], Node]

RULES: dict[str, Rule] = {}  # by the name of a primitive, or by its kind

# Primitives whose rule asks that some inputs do not differ from value to value: from which on.
SAME_FOR_ALL = {"pad": 1, "dynamic_slice": 1, "update_slice": 2}


def batches(*names: str) -> Callable[[Rule], Rule]:
    """Register the rule of some primitives, or kinds of primitives."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def can_batch(node: Node, is_batched: Sequence[bool]) -> bool:
    """Whether there is a rule for the Node, with these of its inputs batched."""
    name = node.primitive.name
    if name == "gather":
        return not is_batched[0]
    if any(is_batched[SAME_FOR_ALL.get(name, len(is_batched)) :]):
        return False
    return name in RULES or node.primitive.kind in RULES


def batch(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    """The Node on batched inputs, at least one of which is; see `can_batch`."""
    rule = RULES.get(node.primitive.name) or RULES[node.primitive.kind]
    return rule(node, inputs, is_batched, count)


def spread(x: Node, is_batched: bool, count: int) -> Node:
    """`x` with the new axis, whether it has it already or not."""
    return x if is_batched else p.expand(x, (count, *x.shape))


def _with_rank(x: Node, is_batched: bool, ndim: int) -> Node:
    """`x` so that its own axes stay aligned with the last of `ndim` axes."""
    if not is_batched or x.ndim == ndim + 1:
        return x
    return p.reshape(x, (x.shape[0], *(1,) * (ndim + 1 - x.ndim), *x.shape[1:]))


def _later(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(k + 1 for k in axes)


def _like(node: Node, inputs: Sequence[Node], params: tuple[object, ...], shape: Shape) -> Node:
    return Node(node.primitive, tuple(inputs), params, shape, node.dtype, node.device)


@batches("unary", "binary", "select", "cast")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    reads = [_with_rank(x, has, node.ndim) for x, has in zip(inputs, is_batched)]
    return _like(node, reads, node.params, (count, *node.shape))


@batches("reduce", "argreduce", "cumulative")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    (axes,) = node.params
    moved = _later(axes) if isinstance(axes, tuple) else axes + 1
    return _like(node, inputs, (moved,), (count, *node.shape))


@batches("reshape")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return p.reshape(inputs[0], (count, *node.shape))


@batches("expand")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return p.expand(_with_rank(inputs[0], True, node.ndim), (count, *node.shape))


@batches("permute")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return p.permute(inputs[0], (0, *_later(node.params[0])))


@batches("flip")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return p.flip(inputs[0], _later(node.params[0]))


@batches("pad")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    low, high = node.params
    return p.pad(inputs[0], inputs[1], (0, *low), (0, *high))


@batches("slice")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    starts, stops, steps = node.params
    return p.slice_(inputs[0], (0, *starts), (count, *stops), (1, *steps))


@batches("dynamic_slice")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    x, *starts = inputs
    sizes, steps = node.params
    places = [_zero_like(starts), *starts]
    return p.dynamic_slice(x, places, (count, *sizes), (1, *steps))


@batches("update_slice")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    x, update, *starts = inputs
    x, update = spread(x, is_batched[0], count), spread(update, is_batched[1], count)
    return p.update_slice(x, update, [_zero_like(starts), *starts], (1, *node.params[0]))


def _zero_like(starts: Sequence[Node]) -> Node:
    return p.constant(0, int64, starts[0].device if starts else "cpu")


@batches("concatenate")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    reads = [spread(x, has, count) for x, has in zip(inputs, is_batched)]
    return p.concatenate(reads, node.params[0] + 1)


@batches("gather")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return p.gather(inputs[0], inputs[1], node.params[0])


@batches("contract")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    (a, b), (a_axes, b_axes, a_batch, b_batch) = inputs, node.params
    if is_batched[0]:
        a_axes, a_batch = _later(a_axes), _later(a_batch)
    if is_batched[1]:
        b_axes, b_batch = _later(b_axes), _later(b_batch)
    if all(is_batched):
        return p.contract(a, b, a_axes, b_axes, (0, *a_batch), (0, *b_batch))
    product = p.contract(a, b, a_axes, b_axes, a_batch, b_batch)
    # The new axis is the first free one of its operand: that is where it stands in the product.
    place = len(a_batch)
    if is_batched[1]:
        place += a.ndim - len(a_axes) - len(a_batch)
    return p.permute(product, (place, *(k for k in range(product.ndim) if k != place)))


@batches("sort")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    axis, descending = node.params
    shapes = tuple((count, *shape) for shape in node.shape)
    return Node(p.SORT, tuple(inputs), (axis + 1, descending), shapes, node.dtype, node.device)


@batches("linalg")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    reads = [spread(x, has, count) for x, has in zip(inputs, is_batched)]
    if not isinstance(node.dtype, tuple):
        return _like(node, reads, node.params, (count, *node.shape))
    shapes = tuple((count, *shape) for shape in node.shape)
    return Node(node.primitive, tuple(reads), node.params, shapes, node.dtype, node.device)


@batches("pick")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return p.pick(inputs[0], node.params[0])
