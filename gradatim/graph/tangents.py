"""Forward mode: how a small change of some Nodes moves everything computed from them.

`tangents` walks the history from the oldest Node to the newest, beside the values: for each Node it
asks the rule of its primitive what the tangents of the inputs make of its own. Rules build Nodes,
so that tangents can be differentiated again, in either mode.

Most rules are one of four kinds, and a table says which:

- *linear* operations do to tangents what they do to values;
- *bilinear* ones (a product, a contraction, a convolution) do it for each factor in turn;
- of *elementwise* ones the Jacobian is diagonal, so it is its own transpose: the rule of reverse
  mode serves;
- a *reduction* has one row of a Jacobian for each result: reverse mode gives it for a gradient of
  ones, and the tangent is its product with the input's.

For any other (linear algebra, a user's Function) `transposed` turns the rule of reverse mode
around: it is linear in the gradient that arrives, and the gradient of a linear function is its
transpose. (Griewank and Walther, Evaluating Derivatives, chapter 3, has both modes.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import GradientError
from gradatim.graph.gradient_rules import RULES as GRADIENT_RULES
from gradatim.graph.gradient_rules import along_axis, zeros_like
from gradatim.graph.gradients import gradients
from gradatim.graph.node import LIVE, Node, history_of, mode
from gradatim.graph.scan import with_inputs

# (node, the tangents of its inputs or None, its inputs) -> its tangent; of a primitive with several
# results a list, with None for those that do not move
Rule = Callable[[Node, Sequence["Node | None"], Sequence[Node]], Any]

RULES: dict[str, Rule] = {}  # by the name of a primitive, or by its kind


def tangents(outputs: Sequence[Node], seeds: dict[Node, Node]) -> list[Node | None]:
    """The tangents of `outputs` when the Nodes of `seeds` have the tangents given with them. None
    where an output does not depend on any of them.

    Args:
        outputs: any Nodes.
        seeds: Nodes with history, each with a Node of its shape and dtype.

    Raises:
        GradientError: for an operation without a rule.
    """
    known: dict[Node, Any] = dict(seeds)
    for node in reversed(history_of(outputs)):
        if node in known:
            continue
        inputs = node.inputs
        found = [known.get(n) for n in inputs]
        if all(t is None for t in found):
            continue
        if node.primitive is p.PICK:
            several = found[0]
            assert several is not None
            known[node] = several[node.params[0]]
            continue
        known[node] = _rule_of(node)(node, found, inputs)
    return [known.get(node) for node in outputs]


def _rule_of(node: Node) -> Rule:
    rule = RULES.get(node.primitive.name)
    if rule is None and node.primitive in GRADIENT_RULES:
        rule = RULES.get(node.primitive.kind, transposed)
    if rule is None:
        raise GradientError(
            f"{node.primitive.name} has no derivative: detach() its input, or use other operations"
        )
    return rule


def tangent_of(*names: str) -> Callable[[Rule], Rule]:
    """Register the rule of some primitives, or kinds of primitives."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def _sum(terms: Sequence[Node]) -> Node:
    total = terms[0]
    for term in terms[1:]:
        total = p.add(total, term)
    return total


# --- linear operations ---------------------------------------------------------------------------

# Which inputs they are linear in, all together; the others are held.
LINEAR: dict[str, tuple[int, ...]] = {
    "neg": (0,), "cast": (0,), "copy": (0,), "variable": (0,), "sum": (0,), "cumsum": (0,),
    "reshape": (0,), "permute": (0,), "expand": (0,), "slice": (0,), "flip": (0,),
    "pad": (0, 1), "dynamic_slice": (0,), "update_slice": (0, 1),
    "gather": (0,), "scatter_add": (0, 2), "scatter_set": (0, 2),
    "window_sum": (0,), "window_spread": (0,), "window_gather": (0,), "window_scatter": (0,),
}  # fmt: skip


@tangent_of(*LINEAR)
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Node:
    reads = list(inputs)
    for k in LINEAR[node.primitive.name]:
        t = tangents[k]
        reads[k] = zeros_like(inputs[k]) if t is None else t
    return with_inputs(node, reads)


@tangent_of("concatenate")
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Node:
    reads = [zeros_like(x) if t is None else t for t, x in zip(tangents, inputs)]
    return with_inputs(node, reads)


@tangent_of("add")
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Node:
    a, b = tangents
    if a is not None and b is not None:
        return p.add(a, b)
    t = a if b is None else b
    assert t is not None
    return p.expand(t, node.shape)


@tangent_of("sub")
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Node:
    a, b = tangents
    if a is not None and b is not None:
        return p.sub(a, b)
    t = p.neg(b) if b is not None else a
    assert t is not None
    return p.expand(t, node.shape)


@tangent_of("substitute")
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Any:
    return tangents[1]


@tangent_of("barrier")
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Any:
    return list(tangents[: node.params[0]])


# --- products ------------------------------------------------------------------------------------

BILINEAR = ("mul", "contract", "convolve", "convolve_input", "convolve_kernel")


@tangent_of(*BILINEAR)
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Node:
    (a, b), (ta, tb) = inputs, tangents
    terms = []
    if ta is not None:
        terms.append(with_inputs(node, (ta, b)))
    if tb is not None:
        terms.append(with_inputs(node, (a, tb)))
    return _sum(terms)


# --- elementwise ---------------------------------------------------------------------------------


@tangent_of("unary", "binary", "select")
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Node:
    rule, _ = GRADIENT_RULES[node.primitive]
    wide = [_spread(x, node) for x in inputs]
    terms = []
    for k, t in enumerate(tangents):
        if t is not None:
            terms.append(rule(p.expand(t, node.shape), node, *wide)[k])
    return _sum([term for term in terms if term is not None])


def _spread(x: Node, node: Node) -> Node:
    # A number stays one: rules look at it (the exponent of a power).
    return x if x.primitive is p.CONSTANT else p.expand(x, node.shape)


# --- reductions ----------------------------------------------------------------------------------


@tangent_of("prod", "max", "min")
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Node:
    rule, _ = GRADIENT_RULES[node.primitive]
    (x,), (t,) = inputs, tangents
    assert t is not None
    row = rule(p.full(node.shape, 1, node.dtype, node.device), node, x)[0]
    assert row is not None
    return p.sum_(p.mul(row, t), node.params[0])


@tangent_of("cumprod")
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Node:
    # Ahead of the first zero: out_k Σ_{i≤k} t_i / x_i. At it and behind it, only its own tangent
    # counts, times the product of all others.
    from gradatim.graph.gradient_rules import _first_zero

    (x,), (t,), (axis,) = inputs, tangents, node.params
    assert t is not None
    zero, one = (p.constant(n, x.dtype, x.device) for n in (0, 1))
    first = _first_zero(x, axis)
    filled = p.select(first, one, x)
    safe = p.select(p.eq(filled, zero), one, filled)
    ahead = p.mul(node, p.cumsum(p.div(t, safe), axis))
    behind = p.mul(p.cumprod(filled, axis), p.cumsum(p.select(first, t, zero), axis))
    return p.add(ahead, behind)


# --- sorting -------------------------------------------------------------------------------------


@tangent_of("sort")
def _(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Any:
    (x,), (t,) = inputs, tangents
    assert t is not None
    if x.ndim == 0:
        return [t, None]
    places = along_axis(p.pick(node, 1), x.shape, node.params[0])
    return [p.gather(p.reshape(t, (x.size,)), places), None]


# --- the rule of reverse mode, turned around -----------------------------------------------------


def transposed(node: Node, tangents: Sequence[Node | None], inputs: Sequence[Node]) -> Any:
    """The tangent of any operation that has a gradient: with its gradient J^T u for an unknown u,
    J t is the gradient of <t, J^T u> with respect to u."""
    several = isinstance(node.dtype, tuple)
    types = list(zip(node.shape, node.dtype)) if several else [(node.shape, node.dtype)]
    recording, mode.recording = mode.recording, True
    try:
        unknown: list[Node | None] = []
        for shape, dtype in types:
            u = None
            if dtype.is_floating_point:
                u = p.copy(p.full(shape, 0, dtype, node.device))
                u.history = LIVE
            unknown.append(u)
        rule, _ = GRADIENT_RULES[node.primitive]
        grads = rule(unknown if several else unknown[0], node, *inputs)
        ends, weights = [], []
        for grad, t in zip(grads, tangents):
            if grad is not None and t is not None and grad.history:
                ends.append(grad)
                weights.append(t)
        wanted = {u for u in unknown if u is not None}
        found = gradients(ends, weights, wanted=wanted, keep=True) if ends else {}
    finally:
        mode.recording = recording
    results = [None if u is None else found.get(u, zeros_like(u)) for u in unknown]
    return results if several else results[0]


# Files that register their rules.
from gradatim.graph import linalg_tangents as _linalg_tangents  # noqa: E402, F401
from gradatim.graph import scan_tangent as _scan_tangent  # noqa: E402, F401

__all__ = ["RULES", "tangent_of", "tangents", "transposed"]
