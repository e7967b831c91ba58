"""Reverse mode: graph in, graph out.

The gradient of a graph is one more graph. `gradients` walks the history of the outputs from the
newest Node to the oldest, keeps for each Node the gradient that has arrived so far, and asks the
rule of its primitive (gradient_rules.py) what that gradient means for each input. The rules build
Nodes, so gradients can be differentiated, drawn and compiled like everything else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import GradientError
from gradatim.graph.gradient_rules import EVERY, OUT, RULES, along_axis, sum_to, zeros_like
from gradatim.graph.node import FREED, LIVE, Node, history_of

# Their `meta` means something of its own; that of others is for the hook.
_OWN_META = (p.VARIABLE, p.CUSTOM_GRADIENT)

_A_SECOND_TIME = (
    "Trying to backward through the graph a second time: its values were freed by the first "
    "backward(). Give retain_graph=True to the first one to walk it again"
)

Hook = Callable[[Node, Node], Node]


def gradients(
    outputs: Sequence[Node],
    grads: Sequence[Node],
    *,
    wanted: set[Node] | None = None,
    keep: bool = False,
    hook: Hook | None = None,
    resolve: Callable[[Node], Node] | None = None,
) -> dict[Node, Node]:
    """The gradients of `Σ outputs · grads` with respect to every leaf variable, or to the Nodes
    in `wanted` alone.

    Args:
        outputs: Nodes with history.
        grads: what arrives at each, of its shape and dtype.
        wanted: if given, only paths to these Nodes are walked.
        keep: leave the history for another walk (`retain_graph`).
        hook: called with each Node that has a note pinned on it and its whole gradient; what it
            gives goes on.
        resolve: called with each saved input; gives what to read for it (see tensor.py, `.data`).

    Raises:
        GradientError: for a saved value that was overwritten, and for a second walk over a
            history that has been freed.
    """
    order = history_of(outputs)
    needed = _leading_to(order, wanted) if wanted is not None else None
    arrived: dict[Node, Any] = {}
    for output, g in zip(outputs, grads):
        _arrive(arrived, output, g)
    found: dict[Node, Node] = {}
    for node in order:
        g = arrived.pop(node, None)
        if g is None or (needed is not None and node not in needed):
            continue
        primitive = node.primitive
        if node.meta is not None and hook is not None and primitive not in _OWN_META:
            g = hook(node, g)
        if wanted is not None and node in wanted:
            found[node] = g
        if primitive is p.VARIABLE:
            if wanted is None:
                found[node] = g
            continue
        if primitive is p.PICK:
            if not node.inputs:
                raise GradientError(_A_SECOND_TIME)
            source, position = node.inputs[0], node.params[0]
            several = arrived.setdefault(source, [None] * len(source.shape))
            several[position] = g if several[position] is None else p.add(several[position], g)
            continue
        for source, grad in zip(node.inputs, _input_gradients(g, node, resolve)):
            if grad is not None and source.history and (needed is None or source in needed):
                before = arrived.get(source)
                arrived[source] = grad if before is None else p.add(before, grad)
    if not keep:
        _free(order)
    return found


def leads_outside(node: Node, own: set[Node]) -> bool:
    """Whether the history of a Node leads to a leaf that is none of `own`, or through one of these
    to what it was copied from: if not, the history is over with the walk that `own` was made for.
    """
    for each in history_of([node]):
        is_leaf = not any(n.history for n in each.inputs)
        if is_leaf != (each in own):
            return True
    return False


def _arrive(arrived: dict[Node, Any], node: Node, g: Node) -> None:
    before = arrived.get(node)
    arrived[node] = g if before is None else p.add(before, g)


def _leading_to(order: Sequence[Node], wanted: set[Node]) -> set[Node]:
    """The Nodes of `order` (newest first) from which a wanted Node can be reached."""
    needed: set[Node] = set()
    for node in reversed(order):
        if node in wanted or any(n in needed for n in node.inputs):
            needed.add(node)
    return needed


def _input_gradients(
    g: Any, node: Node, resolve: Callable[[Node], Node] | None
) -> Sequence[Node | None]:
    entry = RULES.get(node.primitive)
    if entry is None:
        if isinstance(node.meta, Exception):  # its run went wrong: the reason, again
            raise node.meta
        raise GradientError(
            f"{node.primitive.name} has no gradient: detach() its input, or use other operations"
        )
    rule, saves = entry
    if node.history == FREED and (saves or not node.inputs):
        raise GradientError(_A_SECOND_TIME)
    inputs = node.inputs
    if saves and resolve is not None:
        reads = list(inputs)
        for what, of in _pairs(node.primitive, len(inputs)):
            if inputs[of].history:
                if what == OUT:
                    if node.overwritten is not None:
                        resolve(node)
                elif inputs[what].overwritten is not None or inputs[what].primitive.kind in (
                    "movement",
                    "marker",
                ):
                    reads[what] = resolve(inputs[what])
        inputs = tuple(reads)
    return rule(g, node, *inputs)


@functools.lru_cache(4096)
def _pairs(primitive: p.Primitive, count: int) -> tuple[tuple[int, int], ...]:
    """What the rule of a primitive with `count` inputs saves, and for the gradient of which."""
    entry = RULES.get(primitive)
    every = range(count)
    return tuple(
        (each, input)
        for what, of in (entry[1] if entry is not None else ())
        for each in (every if what == EVERY else (what,))
        for input in (every if of == EVERY else (of,))
        if input < count
    )


def _saves(node: Node) -> bool:
    inputs = node.inputs
    return any([inputs[of].history for _, of in _pairs(node.primitive, len(inputs))])


def _free(order: Sequence[Node]) -> None:
    """Let go of the history, if any of it saved a value: a sum of leaves may be walked again."""
    if not any(_saves(node) for node in order):
        return
    for node in order:
        if node.primitive is not p.VARIABLE and node.history == LIVE:
            node.history = FREED
            if node.buffer is not None:
                node.inputs = ()


from gradatim.graph import scan_gradient as _scan_gradient  # noqa: E402, F401 (has a rule)

__all__ = ["OUT", "RULES", "along_axis", "gradients", "leads_outside", "sum_to", "zeros_like"]
