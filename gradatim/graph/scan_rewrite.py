"""What makes loops fast: as little as possible is done inside of them.

- *merge*: scans over the same inputs with the same carries become one. (The gradient of a scan
  builds it anew, with more results: this is how it still runs once.)
- *drop*: results that nobody reads go, and with them what only they need.
- *start*: a sequence that is zero but for the first step, and is added to a carry (the gradient of
  a loss of the last output alone), is added to the initial carry.
- *hoist* and *sink*: what need not be done step by step goes in front of the loop, or behind it
  (scan_motion.py).

Sums over time may be taken in another order than the loop takes them; no other bit changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.node import Node
from gradatim.graph.program import Program
from gradatim.graph.scan import SCAN, Body, is_zero, rebuild, scan_node, with_inputs
from gradatim.graph.scan_motion import ADD, Loop, Results, live_inputs, readers_of


def rewrite(program: Program) -> Program:
    """An equal Program whose loops do less."""
    program = merge(program)
    needed, used = needed_results(program)

    def results_of(node: Node, inputs: Sequence[Node | None]) -> Results:
        return Loop(*started(node, inputs), used[node]).results()

    return _replace(program, results_of, needed)


def _replace(
    program: Program,
    results_of: Callable[[Node, Sequence[Node | None]], Results],
    needed: set[Node] | None = None,
) -> Program:
    """The Program with each scan replaced: `results_of` gets it and its new inputs (None for one
    that is not `needed`)."""
    new: dict[Node, Node] = {node: node for node in program.inputs}
    results: dict[Node, Results] = {}
    for node in program.nodes[len(program.inputs) :]:
        if needed is not None and node not in needed:
            continue
        if node.primitive is SCAN:
            results[node] = results_of(node, [new.get(n) for n in node.inputs])
        elif node.inputs and node.inputs[0] in results:
            found = results[node.inputs[0]][node.params[0]]
            assert found is not None
            new[node] = found
        else:
            reads = tuple(new[n] for n in node.inputs)
            new[node] = node if reads == node.inputs else with_inputs(node, reads)
    outputs = tuple(new[node] for node in program.outputs)
    return Program(program.inputs, outputs, program.strides, program.key, program.replaces)


# --- merge ---------------------------------------------------------------------------------------


def merge(program: Program) -> Program:
    """Scans over the same inputs whose carries are the same become one, with the results of all."""
    groups: dict[Any, list[_Merged]] = {}
    home: dict[Node, _Merged] = {}
    for node in program.nodes:
        if node.primitive is SCAN:
            known = groups.setdefault((node.inputs, node.params[1:]), [])
            for merged in known:
                if merged.takes(node):
                    home[node] = merged
                    break
            else:
                known.append(_Merged(node))
                home[node] = known[-1]
    if all(len(merged.places) == 1 for merged in home.values()):
        return program
    return _replace(program, lambda node, inputs: home[node].results_for(node, inputs))


class _Merged:
    """One scan that stands for several."""

    def __init__(self, first: Node):
        self.params = first.params[1:]
        self.inputs = first.params[0].inputs
        self.made: dict[Any, Node] = {}  # by what they compute
        self.outputs = self._rebuilt(first.params[0])
        self.places = {first: list(range(len(self.outputs)))}
        self.node: Node | None = None

    def _rebuilt(self, body: Body) -> list[Node]:
        """The outputs of a body, of Nodes that are made once for each computation."""
        known = dict(zip(body.inputs, self.inputs))
        for node in body.nodes[len(body.inputs) :]:
            reads = tuple(known[n] for n in node.inputs)
            identity = (node.primitive, node.params, reads, node.dtype, node.shape)
            if identity not in self.made:
                self.made[identity] = with_inputs(node, reads)
            known[node] = self.made[identity]
        return [known[node] for node in body.outputs]

    def takes(self, node: Node) -> bool:
        """Whether the scan has the same carries; then its results are added."""
        body, n_carries = node.params[:2]
        outputs = self._rebuilt(body)
        if outputs[:n_carries] != self.outputs[:n_carries]:
            return False
        places = list(range(n_carries))
        for output in outputs[n_carries:]:
            if output not in self.outputs[n_carries:]:
                self.outputs.append(output)
            places.append(self.outputs.index(output, n_carries))
        self.places[node] = places
        return True

    def results_for(self, node: Node, inputs: Sequence[Node | None]) -> Results:
        if self.node is None:
            n_carries, n_sequences, length, reverse = self.params
            given = [n for n in inputs if n is not None]
            split = n_carries + n_sequences
            self.node = scan_node(
                Body(self.inputs, self.outputs), given[:n_carries], given[n_carries:split],
                given[split:], length, reverse,
            )  # fmt: skip
            self.node.site = node.site
        return [p.pick(self.node, k) for k in self.places[node]]


# --- drop ----------------------------------------------------------------------------------------


def needed_results(program: Program) -> tuple[set[Node], dict[Node, set[int]]]:
    """The Nodes that the outputs of the Program depend on, and of each scan the results."""
    used: dict[Node, set[int]] = {}
    needed = set(program.outputs)
    for node in reversed(program.nodes):
        if node not in needed:
            continue
        if node.primitive is SCAN:
            needed |= {node.inputs[k] for k in live_inputs(node, used[node])}
            continue
        needed |= set(node.inputs)
        if node.primitive is p.PICK and node.inputs[0].primitive is SCAN:
            used.setdefault(node.inputs[0], set()).add(node.params[0])
    return needed, used


# --- start ---------------------------------------------------------------------------------------


def started(node: Node, inputs: Sequence[Node | None]) -> tuple[Node, Sequence[Node | None]]:
    """The scan (with its inputs) without sequences that only add something at the first step."""
    body, n_carries, n_sequences, length, reverse = node.params
    readers = readers_of(body.nodes, body.outputs)
    known = {inner: inner for inner in body.inputs}
    given = list(inputs)
    for k in range(n_carries, n_carries + n_sequences):
        outer, inner = given[k], body.inputs[k]
        reads = readers.get(inner, [])
        if outer is None or len(reads) != 1 or reads[0] is None or reads[0].primitive is not ADD:
            continue
        (carry,) = [n for n in reads[0].inputs if n is not inner] or [inner]
        if carry not in body.inputs[:n_carries] or len(readers[carry]) != 1:
            continue
        j = body.inputs.index(carry)
        start = given[j]
        first = _first_alone(outer, length, reverse)
        # From zero alone: the sum x + 0 of a later step is x, but for -0.0, which 0 + x never is.
        if first is None or start is None or not is_zero(start) or inner.shape != carry.shape:
            continue
        given[j] = p.add(start, first)
        known[inner] = p.full(inner.shape, 0, inner.dtype, inner.device)
    if all(inner is other for inner, other in known.items()):
        return node, inputs
    outputs = rebuild(body.outputs, known)
    params = (Body(body.inputs, outputs), *node.params[1:])
    twin = Node(SCAN, node.inputs, params, node.shape, node.dtype, node.device)
    twin.site = node.site
    return twin, given


def _first_alone(sequence: Node, length: int, reverse: bool) -> Node | None:
    """The first step's slice of a sequence, if all others are known to be zeros."""
    order = tuple(range(sequence.ndim))
    source = sequence
    if source.primitive is p.PERMUTE:
        source, order = source.inputs[0], source.params[0]
    if source.primitive is not p.PAD or not is_zero(source.inputs[1]):
        return None
    value, fill = source.inputs
    low, high = (list(sides) for sides in source.params)
    time = order[0]
    first = length - 1 if reverse else 0
    if (low[time], high[time]) != (first, length - 1 - first) or value.shape[time] != 1:
        return None
    low[time] = high[time] = 0
    one = p.permute(p.pad(value, fill, tuple(low), tuple(high)), order)
    return p.reshape(one, sequence.shape[1:])
