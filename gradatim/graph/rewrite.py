"""Simplification of a Program that every engine gains from.

One walk from the inputs to the outputs. Each Node is rebuilt on the rebuilt inputs, first tried
against the rules of its primitive, then looked up among the Nodes made so far (common
subexpressions). What no output needs is never reached (dead code).

No rule may change a bit of the result: `x + 0` stays, because -0.0 + 0 is 0.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.node import Node, mode
from gradatim.graph.program import Program

Rule = Callable[[Node], Node | None]
RULES: dict[p.Primitive, list[Rule]] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a function that gives a simpler equal of a Node, or None."""

    def register(function: Rule) -> Rule:
        for name in names:
            RULES.setdefault(p.PRIMITIVES[name], []).append(function)
        return function

    return register


@rule("variable", "stop_gradient", "copy", "substitute")
def erase_marker(node: Node) -> Node | None:
    """Markers speak to gradients, and those are taken by now."""
    return node.inputs[0]


@rule("pick")
def pick_of_custom_gradient(node: Node) -> Node | None:
    source = node.inputs[0]
    if source.primitive is p.CUSTOM_GRADIENT:
        position: int = node.params[0]
        return source.inputs[position]
    return None


def _is_number(node: Node, number: float) -> bool:
    return node.primitive is p.CONSTANT and bool(node.params[0] == number)


@rule("scan")
def simpler_body(node: Node) -> Node | None:
    """The body of a loop is a graph too."""
    body, *rest = node.params
    inner = Program(body.inputs, body.outputs, (None,) * len(body.inputs), body.key)
    outputs = simplify(inner).outputs
    if outputs == body.outputs:
        return None
    simpler = p.Body(body.inputs, outputs)
    if simpler == body:
        return None
    params = (simpler, *rest)
    return Node(p.SCAN, node.inputs, params, node.shape, node.dtype, node.device)


@rule("mul")
def times_one(node: Node) -> Node | None:
    a, b = node.inputs
    if _is_number(b, 1) and a.shape == node.shape:
        return a
    if _is_number(a, 1) and b.shape == node.shape:
        return b
    return None


@rule("div")
def divided_by_one(node: Node) -> Node | None:
    a, b = node.inputs
    return a if _is_number(b, 1) and a.shape == node.shape else None


@rule("pow")
def small_power(node: Node) -> Node | None:
    """x² and 1/x, which are rounded once either way, and x itself."""
    base, exponent = node.inputs
    if base.shape != node.shape or not node.dtype.is_floating_point:
        return None
    if _is_number(exponent, 2):
        return p.mul(base, base)
    if _is_number(exponent, -1):
        return p.div(p.constant(1, node.dtype, node.device), base)
    return base if _is_number(exponent, 1) else None


@rule("reshape")
def reshape_of_reshape(node: Node) -> Node | None:
    source = node.inputs[0]
    return p.reshape(source.inputs[0], node.shape) if source.primitive is p.RESHAPE else None


@rule("permute")
def permute_of_permute(node: Node) -> Node | None:
    source = node.inputs[0]
    if source.primitive is not p.PERMUTE:
        return None
    (outer,), (inner,) = node.params, source.params
    return p.permute(source.inputs[0], tuple(inner[k] for k in outer))


@rule("expand")
def expand_of_expand(node: Node) -> Node | None:
    source = node.inputs[0]
    return p.expand(source.inputs[0], node.shape) if source.primitive is p.EXPAND else None


@rule("slice", "flip", "permute", "reshape")
def moved_number(node: Node) -> Node | None:
    """A number that was spread out is the same wherever it is moved."""
    source = node.inputs[0]
    if source.primitive is not p.EXPAND or source.inputs[0].shape != ():
        return None
    return p.expand(source.inputs[0], node.shape)


@rule("slice")
def last_step(node: Node) -> Node | None:
    """Of a loop's results, the last step's alone: where the step carries on what it results in,
    that is the last carry."""
    source, order = node.inputs[0], tuple(range(node.ndim))
    if source.primitive is p.PERMUTE:
        source, order = source.inputs[0], source.params[0]
    if source.primitive is not p.PICK or source.inputs[0].primitive is not p.SCAN:
        return None
    loop, (place,) = source.inputs[0], source.params
    body, n_carries, _, length, reverse = loop.params
    if place < n_carries or body.outputs[place] not in body.outputs[:n_carries]:
        return None
    starts, stops, steps = (list(param) for param in node.params)
    time = order.index(0)
    last = 0 if reverse else length - 1
    if (starts[time], node.shape[time]) != (last, 1):
        return None
    carry = p.pick(loop, body.outputs.index(body.outputs[place]))
    one = p.permute(p.reshape(carry, (1, *carry.shape)), order)
    starts[time], stops[time] = 0, 1
    return p.slice_(one, tuple(starts), tuple(stops), tuple(steps))


@rule("contract")
def permute_into_contract(node: Node) -> Node | None:
    """A contraction reads its operands in any order of axes: a transpose in front of it is free."""
    a, b = node.inputs
    if p.PERMUTE not in (a.primitive, b.primitive):
        return None
    a_axes, b_axes, a_batch, b_batch = node.params
    if a.primitive is p.PERMUTE:
        order = a.params[0]
        moved_axes, moved_batch = _through(order, a_axes), _through(order, a_batch)
        if _free_in_order(order, a_axes + a_batch):
            a, a_axes, a_batch = a.inputs[0], moved_axes, moved_batch
    if b.primitive is p.PERMUTE:
        order = b.params[0]
        moved_axes, moved_batch = _through(order, b_axes), _through(order, b_batch)
        if _free_in_order(order, b_axes + b_batch):
            b, b_axes, b_batch = b.inputs[0], moved_axes, moved_batch
    if (a, b) == node.inputs:
        return None
    return p.contract(a, b, a_axes, b_axes, a_batch, b_batch)


def _through(order: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order[k] for k in axes)


def _free_in_order(order: tuple[int, ...], used: tuple[int, ...]) -> bool:
    """Whether the axes that a contraction keeps stand in the same order behind the permutation."""
    kept = [axis for k, axis in enumerate(order) if k not in used]
    return kept == sorted(kept)


_BROADCASTING = ("unary", "binary", "select")


def _drop_expands(node: Node) -> Node:
    """Elementwise primitives broadcast by themselves: an expand in front of one is needless as
    long as another input has the whole shape."""
    if node.primitive.kind not in _BROADCASTING or len(node.inputs) < 2:
        return node
    reads = list(node.inputs)
    for k, read in enumerate(reads):
        if read.primitive is p.EXPAND:
            reads[k] = read.inputs[0]
            if p.broadcast(*(n.shape for n in reads)) != node.shape:
                reads[k] = read
    return node if tuple(reads) == node.inputs else _with_inputs(node, tuple(reads))


def _with_inputs(node: Node, inputs: tuple[Node, ...]) -> Node:
    twin = Node(node.primitive, inputs, node.params, node.shape, node.dtype, node.device)
    twin.site = node.site
    twin.meta = node.meta
    return twin


def simplify(program: Program) -> Program:
    """An equal Program with fewer Nodes."""
    recording, mode.recording = mode.recording, False
    try:
        simpler = _simplify(program)
        if any(node.primitive is p.SCAN for node in simpler.nodes):
            from gradatim.graph import scan_rewrite

            simpler = _simplify(scan_rewrite.rewrite(simpler))
        return _without_barriers(simpler)
    finally:
        mode.recording = recording


def _without_barriers(program: Program) -> Program:
    """Nothing is merged any more, so barriers have done their work."""
    if not any(node.primitive is p.BARRIER for node in program.nodes):
        return program
    new: dict[Node, Node] = {}
    for node in program.nodes:
        source = node.inputs[0] if node.primitive is p.PICK else node
        if source.primitive is p.BARRIER:
            new[node] = new[source.inputs[node.params[0]]] if source is not node else node
        else:
            reads = tuple(new[n] for n in node.inputs)
            new[node] = node if reads == node.inputs else _with_inputs(node, reads)
    outputs = tuple(new[node] for node in program.outputs)
    return Program(program.inputs, outputs, program.strides, program.key, program.replaces)


def _simplify(program: Program) -> Program:
    new: dict[Node, Node] = {node: node for node in program.inputs}
    known: dict[Any, Node] = {}
    for node in program.nodes[len(program.inputs) :]:
        built = _with_inputs(node, tuple(new[n] for n in node.inputs))
        built = _drop_expands(built)
        changed = True
        while changed:
            changed = False
            for simpler in RULES.get(built.primitive, ()):
                result = simpler(built)
                if result is not None:
                    if result.site is None and result.primitive is not p.INPUT:
                        result.site = node.site
                    changed = result is not built
                    built = result
                    break
        identity = (built.primitive, built.params, built.inputs, built.dtype, built.shape)
        if built.primitive is p.INPUT:
            new[node] = built
        else:
            new[node] = known.setdefault(identity, built)
    outputs = tuple(new[n] for n in program.outputs)
    return Program(program.inputs, outputs, program.strides, program.key, program.replaces)
