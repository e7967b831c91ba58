"""Recomputation: values that are not kept for the gradient but computed once more.

A part of the graph becomes a template, a graph on stand-ins. Its results are computed once without
history, so that nothing inside is kept; and where their gradient is wanted, the template is built
again on the same inputs behind a barrier (see `primitives.barrier`), and its gradient taken. (Chen,
Xu, Zhang and Guestrin, Training deep nets with sublinear memory cost, 2016.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from gradatim.graph import primitives as p
from gradatim.graph.gradients import Hook, gradients, leads_outside
from gradatim.graph.node import LIVE, NONE, Node, mode
from gradatim.graph.scan import with_inputs


def recomputed(
    outputs: Sequence[Node],
    first: int,
    around: Callable[[], AbstractContextManager[object]],
    hook: Hook | None = None,
) -> list[Node]:
    """The outputs with a history that is one step, whose gradient computes everything between them
    and the Nodes numbered below `first` a second time.

    Args:
        outputs: Nodes with history.
        first: what is older stays as it is.
        around: a context for building the second computation.
        hook: as for `gradients`.
    """
    template = Template(outputs, first)
    plain = template.plain()

    def backward(grads: Sequence[Node | None], inputs: Sequence[Node]) -> list[Node | None]:
        with around():
            return template.gradients(inputs, grads, hook)

    return p.custom_gradient(plain, template.boundary, Recomputation(backward))


class Recomputation:
    """The gradient of a `custom_gradient` that reads the inputs of its Node, so that it stays right
    if that Node is built anew on others (in a template, or by vmap)."""

    takes_inputs = True

    def __init__(self, run: Callable[[Sequence[Node | None], Sequence[Node]], list[Node | None]]):
        self.run = run

    def __call__(self, grads: Sequence[Node | None], inputs: Sequence[Node]) -> list[Node | None]:
        return self.run(grads, inputs)


class Template:
    """The graph between some Nodes and what is older than them.

    Attributes:
        boundary: the older Nodes, and the leaf variables, that it reads.
    """

    def __init__(self, outputs: Sequence[Node], first: int):
        self.boundary: list[Node] = []
        self.computed: dict[Node, Node] = {}
        order = self._inside(outputs, first)
        known: dict[Node, Node] = {}
        self.inputs: list[Node] = []
        for node in self.boundary:
            stand_in = p.program_input(0, node.shape, node.dtype, node.device)
            if node.history:
                stand_in.history = LIVE
            self.inputs.append(stand_in)
            known[node] = stand_in
        self.order = _build(order, known)
        self.outputs = [known[node] for node in outputs]
        # What was looked at has its value already; it need not be computed for the results.
        self.values = [node if node.buffer is not None else None for node in outputs]

    def _inside(self, outputs: Sequence[Node], first: int) -> list[Node]:
        """The Nodes to build again, inputs before readers; finds the boundary."""
        order: list[Node] = []
        done: set[Node] = set()
        stack = list(reversed(outputs))
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            if node.number < first or node.primitive is p.VARIABLE:
                stack.pop()
                done.add(node)
                if node.primitive is not p.CONSTANT and node.primitive is not p.IOTA:
                    self.boundary.append(node)
                continue
            if node.inputs and (node.buffer is None or node.history):
                waiting = [n for n in node.inputs if n not in done]
                if waiting:
                    stack.extend(reversed(waiting))
                    continue
                order.append(node)
            stack.pop()
            done.add(node)
        return order

    def plain(self) -> list[Node]:
        """The outputs on the boundary, with nothing in between that has history."""
        recording, mode.recording = mode.recording, False
        try:
            known = dict(zip(self.inputs, self.boundary))
            _build(self.order, known)
        finally:
            mode.recording = recording
        return [
            known[out] if value is None else p.stop_gradient(value)
            for out, value in zip(self.outputs, self.values)
        ]

    def gradients(
        self, inputs: Sequence[Node], grads: Sequence[Node | None], hook: Hook | None
    ) -> list[Node | None]:
        """The gradients of the outputs, computed from the inputs again once `grads` are there."""
        recording = mode.recording
        fenced = p.barrier(inputs, [g for g in grads if g is not None])
        mode.recording = True
        try:
            opened = []
            for node, stand_in in zip(fenced, self.inputs):
                if stand_in.history:
                    node = p.copy(node)
                    node.history = LIVE
                opened.append(node)
            known = dict(zip(self.inputs, opened))
            _build(self.order, known)
            mode.recording = recording
            own = {node for node in opened if node.history}
            pairs = [
                (known[out], g)
                for out, g in zip(self.outputs, grads)
                if g is not None and known[out].history
            ]
            found = gradients(
                [out for out, _ in pairs],
                [g for _, g in pairs],
                wanted=own,
                keep=True,
                hook=hook,
            )
        finally:
            mode.recording = recording
        for node, g in found.items():
            if g.history and not leads_outside(g, own):
                found[node] = p.stop_gradient(g)
        return [found.get(node) for node in opened]


def _build(order: Sequence[Node], known: dict[Node, Node]) -> list[Node]:
    """The Nodes on other inputs: `known` says which, and learns those that are made."""
    made = []
    recording = mode.recording
    for node in order:
        # What has no history though its inputs do was computed under no_grad().
        mode.recording = recording and not (
            node.history == NONE and any(n.history for n in node.inputs)
        )
        twin = with_inputs(node, [known.get(n, n) for n in node.inputs])
        if node.meta is not None:
            twin.meta = node.meta
        known[node] = twin
        made.append(twin)
    mode.recording = recording
    return made
