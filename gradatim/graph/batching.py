"""Batching: the same operation on many values at once, side by side along a new first axis.

A rule gets a Node, an input for each of its inputs, and which of these have the new axis (the
others are the same for all values). It gives one Node whose value at each place of the new axis is
what the operation gives there (of a primitive with several results, either that Node or a list of
its results). `vectorize` does it to a whole graph: this is what `vmap` is made of.

Rules for indices, windows and loops have files of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import GradientError
from gradatim.graph.gradient_rules import custom_gradients
from gradatim.graph.node import NONE, Node, Shape, mode
from gradatim.graph.scan import walk

# (node, its inputs, which of them have the new axis, the size of that axis) -> the batched node
Rule = Callable[[Node, Sequence[Node], Sequence[bool], int], Any]

RULES: dict[str, Rule] = {}  # by the name of a primitive, or by its kind

# What is taken out of loops (scan_motion.py): names and kinds. For the last three, the inputs from
# this one on must not differ from step to step.
OUT_OF_LOOPS = frozenset((
    "unary", "binary", "select", "cast", "reduce", "argreduce", "cumulative", "reshape", "expand",
    "permute", "flip", "pad", "slice", "dynamic_slice", "update_slice", "concatenate", "gather",
    "contract", "sort", "pick",
))  # fmt: skip
SAME_FOR_ALL = {"pad": 1, "dynamic_slice": 1, "update_slice": 2}


def batches(*names: str) -> Callable[[Rule], Rule]:
    """Register the rule of some primitives, or kinds of primitives."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def can_batch(node: Node, is_batched: Sequence[bool]) -> bool:
    """Whether a loop does well to batch the Node, with these of its inputs batched: it stays one
    Node, that costs no more than it did for one value after the other."""
    name = node.primitive.name
    if name == "gather":
        return not is_batched[0]
    if any(is_batched[SAME_FOR_ALL.get(name, len(is_batched)) :]):
        return False
    return name in OUT_OF_LOOPS or node.primitive.kind in OUT_OF_LOOPS


def batch(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Any:
    """The Node on batched inputs, at least one of which is."""
    rule = RULES.get(node.primitive.name) or RULES.get(node.primitive.kind)
    if rule is None:
        raise GradientError(
            f"{node.primitive.name} has no batching rule: call the function for one value after "
            f"the other, or use other operations inside vmap"
        )
    return rule(node, inputs, is_batched, count)


def vectorize(
    outputs: Sequence[Node], known: dict[Node, Node], count: int, first: int = 0
) -> list[Node | None]:
    """The outputs for `count` values at once, along a new first axis. None for one that is the same
    for all values.

    Args:
        outputs: of a graph on one value.
        known: for Nodes of that graph, such as its inputs, the batched ones; learns all others.
        count: the size of the new axis.
        first: Nodes numbered below this depend on none of them.
    """
    several: dict[Node, Any] = {}  # of a Node with several results, these
    recording = mode.recording
    try:
        for node in walk(outputs, set(known), first):
            if node.primitive is p.PICK and node.inputs and node.inputs[0] in several:
                results = several[node.inputs[0]]
                if isinstance(results, Node):
                    known[node] = p.pick(results, node.params[0])
                elif results[node.params[0]] is not None:
                    known[node] = results[node.params[0]]
                continue
            is_batched = [n in known for n in node.inputs]
            if not any(is_batched):
                continue
            inputs = [known.get(n, n) for n in node.inputs]
            # What was computed under no_grad() has no history here either.
            mode.recording = not (node.history == NONE and any(n.history for n in node.inputs))
            made = batch(node, inputs, is_batched, count)
            if isinstance(node.dtype, tuple):
                several[node] = made
            else:
                known[node] = made
                if made.site is None:
                    made.site = node.site
    finally:
        mode.recording = recording
    return [known.get(node) for node in outputs]


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
    low, high = (0, *node.params[0]), (0, *node.params[1])
    x, fill = inputs
    if not is_batched[1]:
        return p.pad(x, fill, low, high)
    # Each value has its own fill: zeros first, and the fill wherever a padded mask says so.
    x = spread(x, is_batched[0], count)
    padded = p.pad(x, p.constant(0, x.dtype, x.device), low, high)
    inside = p.full(x.shape, False, bool_, x.device)
    outside = p.pad(inside, p.constant(True, bool_, x.device), low, high)
    return p.select(outside, _with_rank(fill, True, node.ndim), padded)


@batches("slice")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    starts, stops, steps = node.params
    return p.slice_(inputs[0], (0, *starts), (count, *stops), (1, *steps))


@batches("concatenate")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    reads = [spread(x, has, count) for x, has in zip(inputs, is_batched)]
    return p.concatenate(reads, node.params[0] + 1)


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


@batches("variable", "stop_gradient", "copy")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return _like(node, inputs, (), (count, *node.shape))


@batches("substitute")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> Node:
    return p.substitute(*(spread(x, has, count) for x, has in zip(inputs, is_batched)))


@batches("barrier")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> list[Node]:
    (amount,) = node.params
    values = [spread(x, has, count) for x, has in zip(inputs[:amount], is_batched)]
    return p.barrier(values, inputs[amount:])


@batches("custom_gradient")
def _(node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int) -> list[Node]:
    (amount,) = node.params
    reads = [spread(x, has, count) for x, has in zip(inputs, is_batched)]

    def backward(grads: Sequence[Node | None]) -> list[Node | None]:
        # The user's gradient is for one value: it is made for a stand-in, and vectorized too.
        known: dict[Node, Node] = dict(zip(node.inputs, reads))
        known |= {p.pick(node, k): out for k, out in enumerate(results)}
        one: list[Node | None] = []
        for g, shape, dtype in zip(grads, node.shape, node.dtype):
            stand_in = None if g is None else p.program_input(0, shape, dtype, node.device)
            one.append(stand_in)
            if g is not None and stand_in is not None:
                known[stand_in] = g
        found = custom_gradients(node, one, node.inputs[amount:])
        batched = vectorize([g for g in found if g is not None], known, count)
        answers = iter(batched)
        given: list[Node | None] = []
        for g in found:
            b = None if g is None else next(answers)
            given.append(spread(g, False, count) if b is None and g is not None else b)
        return given

    results = p.custom_gradient(reads[:amount], reads[amount:], backward)
    return results


from gradatim.graph import batching_places as _places  # noqa: E402, F401 (they register rules)
from gradatim.graph import batching_scan as _scan  # noqa: E402, F401
from gradatim.graph import batching_windows as _windows  # noqa: E402, F401
