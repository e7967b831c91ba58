"""The gradient of a scan: a scan that runs the other way.

One step of the loop is `carries, y = body(carries, x, constants)`. Its gradient at step t needs
the gradient of step t's results and of the carries behind step t, which the loop over later steps
has made by then; it gives the gradient of the carries before step t (carried on), of the slice x
(a result of the step), and adds to that of the constants (a carried sum; scan_rewrite.py takes it
out of the loop). What it reads of the forward step, the forward loop must leave behind: the rule
builds the scan anew with these values as further results. When a Program with both scans is
simplified, the longer one alone stays.

Nothing here depends on values, so the two bodies are made once for each loop and remembered.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import GradientError
from gradatim.graph.gradient_rules import EVERY, gradient_of, zeros_like
from gradatim.graph.node import Node, mode
from gradatim.graph.scan import Body, close_over, is_zero, rebuild, scan, walk


@dataclass(frozen=True, slots=True)
class Plan:
    """How to differentiate a loop.

    Attributes:
        forward: the body, with the values that the gradient reads as further results.
        saved: of each value that the gradient reads, which result of `forward` it is.
        reverse: the body of the gradient. Its carries are the gradients of `carries` and sums for
            `constants`; its sequences the gradients of results, the saved values, and those of
            the forward loop's sequences in `reads`; its constants the rest of `reads`, `numbers`.
        carries, sequences, constants: the inputs of the forward loop that it gives a gradient of.
        reads: the inputs of the forward loop that it reads: sequences, then constants.
        numbers: Python numbers that it reads.
    """

    forward: Body
    saved: tuple[int, ...]
    reverse: Body
    carries: tuple[int, ...]
    sequences: tuple[int, ...]
    constants: tuple[int, ...]
    reads: tuple[int, ...]
    numbers: tuple[Node, ...]


@gradient_of("scan", (EVERY, EVERY))
def _(grads: Any, out: Node, *inputs: Node) -> Any:
    body, n_carries, n_sequences, length, reverse = out.params
    split = n_carries + n_sequences
    carries, sequences, constants = inputs[:n_carries], inputs[n_carries:split], inputs[split:]
    wanted = tuple(bool(node.history) for node in out.inputs)
    arrived = tuple(g is not None for g in grads[n_carries:])
    plan = make_plan(body, n_carries, n_sequences, wanted, arrived)

    results: list[Node] = []
    if plan.saved:
        results = scan(plan.forward, carries, sequences, constants, length, reverse)
    found = scan(
        plan.reverse,
        [
            *(zeros_like(inputs[k]) if grads[k] is None else grads[k] for k in plan.carries),
            *(zeros_like(inputs[k]) for k in plan.constants),
        ],
        [
            *(g for g in grads[n_carries:] if g is not None),
            *(results[k] for k in plan.saved),
            *(inputs[k] for k in plan.reads if k < split),
        ],
        [*(inputs[k] for k in plan.reads if k >= split), *plan.numbers],
        length,
        not reverse,
    )
    by_input = dict(zip((*plan.carries, *plan.constants, *plan.sequences), found))
    return [by_input.get(k) if wanted[k] else None for k in range(len(inputs))]


@functools.lru_cache(maxsize=512)
def make_plan(
    body: Body,
    n_carries: int,
    n_sequences: int,
    wanted: tuple[bool, ...],
    arrived: tuple[bool, ...],
) -> Plan:
    """The Plan for the inputs that are `wanted`, when a gradient has `arrived` at these of the
    stacked results."""
    recording = mode.recording
    try:
        return _make_plan(body, n_carries, n_sequences, wanted, arrived)
    finally:
        mode.recording = recording


def _make_plan(
    body: Body,
    n_carries: int,
    n_sequences: int,
    wanted: tuple[bool, ...],
    arrived: tuple[bool, ...],
) -> Plan:
    from gradatim.graph.gradients import gradients

    split = n_carries + n_sequences
    wanted = _with_carries(body, n_carries, wanted)
    step = _Step(body, wanted)
    mode.recording = False

    # The gradient of one step, on inputs of its own for what arrives.
    seeds = [_input_like(node) for node in step.outputs]
    ends = [
        k
        for k, node in enumerate(step.outputs)
        if node.history and (wanted[k] if k < n_carries else arrived[k - n_carries])
    ]
    found = gradients(
        [step.outputs[k] for k in ends],
        [seeds[k] for k in ends],
        wanted={step.inputs[k] for k, want in enumerate(wanted) if want},
        keep=True,
    )
    grads = {k: found[node] for k, node in enumerate(step.inputs) if node in found}
    carries = tuple(k for k in range(n_carries) if wanted[k])
    sequences = tuple(k for k in range(n_carries, split) if k in grads)
    constants = tuple(k for k in range(split, len(wanted)) if k in grads)
    sums = [_input_like(step.inputs[k]) for k in constants]
    results = [
        *(grads.get(k) or zeros_like(step.inputs[k]) for k in carries),
        *(p.add(total, grads[k]) for total, k in zip(sums, constants)),
        *(grads[k] for k in sequences),
    ]

    # What it reads of the forward step becomes an input too.
    known = step.known(results, (*seeds, *sums))
    results = _join_slices(results, known)
    saved = _to_save(results, known, set(step.originals), step.inputs, n_carries, split)
    below = set(walk(results, {*saved}))
    reads = [k for k in range(n_carries, len(wanted)) if step.inputs[k] in below]
    inputs = [
        *(seeds[k] for k in carries),
        *sums,
        *(seeds[n_carries + k] for k, given in enumerate(arrived) if given),
        *saved,
        *(step.inputs[k] for k in reads),
    ]
    own = {node: _input_like(node) for node in inputs}
    reverse, numbers = close_over(rebuild(results, dict(own)), [own[node] for node in inputs])

    # And the forward step gives it.
    full = list(body.outputs)
    places = []
    for node in rebuild(saved, step.originals):
        if node not in full[n_carries:]:
            full.append(node)
        places.append(full.index(node, n_carries))
    forward = body if len(full) == len(body.outputs) else Body(body.inputs, full)
    return Plan(
        forward, tuple(places), reverse, carries, sequences, constants, tuple(reads),
        tuple(numbers),
    )  # fmt: skip


def _input_like(node: Node) -> Node:
    return p.program_input(0, node.shape, node.dtype, node.device)


class _Step:
    """One forward step that can be differentiated: the body's graph over, on leaf variables in
    place of the inputs that are wanted.

    Attributes:
        inputs: a variable for each input that is wanted, for the others the input itself.
        outputs: of the step.
        originals: for each Node of the step, the body's own.
    """

    def __init__(self, body: Body, wanted: Sequence[bool]):
        mode.recording = True
        self.inputs = [
            p.variable(node) if want and node.dtype.is_floating_point else node
            for node, want in zip(body.inputs, wanted)
        ]
        copies = dict(zip(body.inputs, self.inputs))
        self.outputs = rebuild(body.outputs, copies)
        self.originals = {copy: original for original, copy in copies.items()}
        for node in self.originals:
            if node.primitive is p.CUSTOM_GRADIENT and node.history:
                raise GradientError(
                    "a custom autograd Function inside a scan has no gradient there: write the "
                    "step with ordinary operations, or call the Function outside of the scan"
                )

    def known(self, results: Sequence[Node], arriving: Sequence[Node]) -> set[Node]:
        """What can be known in the forward step: its Nodes, and those of the results that depend
        on nothing that arrives."""
        unknown = set(arriving)
        known = set(self.originals)
        for node in walk(results, known | unknown):
            if any(n in unknown for n in node.inputs):
                unknown.add(node)
            else:
                known.add(node)
        return known


def _with_carries(body: Body, n_carries: int, wanted: tuple[bool, ...]) -> tuple[bool, ...]:
    """A carry also has a gradient if, at some step, it comes from a value that has one."""
    wanted = tuple(want and node.dtype.is_floating_point for want, node in zip(wanted, body.inputs))
    while True:
        outputs = _Step(body, wanted).outputs
        more = tuple(
            want or (k < n_carries and bool(outputs[k].history)) for k, want in enumerate(wanted)
        )
        if more == wanted:
            return wanted
        wanted = more


# --- what to save --------------------------------------------------------------------------------

# Elementwise operations whose result costs no more to compute again than to write and read.
CHEAP = frozenset((
    "neg", "abs", "sign", "floor", "ceil", "trunc", "round", "relu", "not", "add", "sub", "mul",
    "maximum", "minimum", "copysign", "and", "or", "xor", "eq", "ne", "lt", "le", "gt", "ge",
    "select", "cast", "slice",
))  # fmt: skip
# What only rearranges, spreads or marks: its source is saved in its place.
REARRANGED = ("reshape", "permute", "expand", "stop_gradient", "copy", "variable")
# Other operations that are computed in the gradient's step, if it is the first to need them.
LIGHT = ("unary", "binary", "select", "cast", "movement", "marker")


def _to_save(
    results: Sequence[Node],
    known: set[Node],
    own: set[Node],
    inputs: Sequence[Node],
    n_carries: int,
    split: int,
) -> list[Node]:
    """The values of the forward step to keep for the gradient, so that it can be computed from
    them, the sequences and the constants without repeating a costly operation.

    Args:
        results: the outputs of the gradient's body.
        known: what can be known in the forward step.
        own: those of them that the forward step has by itself.
        inputs: of the forward step; `n_carries` of them are carries, those from `split` on
            constants.
    """
    there = set(inputs[n_carries:])  # the gradient's step has it anyway
    invariant = set(inputs[split:])  # so it does what comes of the constants alone
    order = list(walk(results, set(inputs)))
    for node in order:
        if node in known and all(n in invariant for n in node.inputs):
            invariant.add(node)
    there |= invariant
    waiting = {n for node in order if node not in known for n in node.inputs if n in known}
    waiting |= {node for node in results if node in known}
    waiting -= there
    saved: set[Node] = set()
    while waiting:  # from the latest to the earliest
        node = max(waiting, key=lambda n: n.number)
        waiting.discard(node)
        sources = {n for n in node.inputs if n not in there}
        name = node.primitive.name
        again = name in REARRANGED or (name in CHEAP and sources <= waiting | saved)
        first = node not in own and node.primitive.kind in LIGHT
        if node not in inputs and (again or first):
            waiting |= sources
        else:
            saved.add(node)
    return sorted(saved, key=lambda n: n.number)


# --- the gradient of a value that was cut into pieces --------------------------------------------


def _join_slices(results: Sequence[Node], ends: Container[Node]) -> list[Node]:
    """Where a value was cut into pieces (the gates of a cell), its gradient is the gradients of
    the pieces side by side, and not a sum of arrays that are mostly zeros."""
    order = list(walk(results, ends))
    readers = dict.fromkeys(order, 0)
    for read in (*results, *(n for node in order for n in node.inputs)):
        readers[read] = readers.get(read, 0) + 1
    within = {  # additions that are only part of a larger one
        n
        for node in order
        if node.primitive.name == "add"
        for n in node.inputs
        if n.primitive.name == "add" and readers[n] == 1 and n.shape == node.shape
    }
    made: dict[Node, Node] = {}
    for node in order:
        joined = None
        if node.primitive.name == "add" and node not in within:
            joined = _joined(_terms(node, within), node, made)
        reads = tuple(made.get(n, n) for n in node.inputs)
        if joined is not None:
            made[node] = joined
        elif reads != node.inputs:
            made[node] = Node(
                node.primitive, reads, node.params, node.shape, node.dtype, node.device
            )
    return [made.get(node, node) for node in results]


def _terms(node: Node, within: set[Node]) -> list[Node]:
    """What a tree of additions adds, from left to right."""
    terms: list[Node] = []
    stack = [node]
    while stack:
        each = stack.pop()
        if each is node or each in within:
            stack.extend(reversed(each.inputs))
        else:
            terms.append(each)
    return terms


def _joined(terms: Sequence[Node], whole: Node, made: dict[Node, Node]) -> Node | None:
    """The sum, if some of the terms are pieces that together fill the whole along one axis."""
    for axis in range(whole.ndim):
        pieces = sorted(
            (start, k)
            for k, term in enumerate(terms)
            if term.shape == whole.shape and (start := _start(term, axis)) is not None
        )
        end = 0
        for start, k in pieces:
            if start != end:
                break
            end += terms[k].inputs[0].shape[axis]
        if len(pieces) > 1 and end == whole.shape[axis]:
            chosen = [k for _, k in pieces]
            updates = [terms[k].inputs[0] for k in chosen]
            total = p.concatenate([made.get(n, n) for n in updates], axis)
            for k, term in enumerate(terms):
                if k not in chosen:
                    total = p.add(total, made.get(term, term))
            return total
    return None


def _start(node: Node, axis: int) -> int | None:
    """Where along `axis` a piece begins, which is a piece along this axis alone; or None."""
    if node.primitive is not p.PAD or not is_zero(node.inputs[1]):
        return None
    low, high = node.params
    others = [amount for sides in (low, high) for k, amount in enumerate(sides) if k != axis]
    return int(low[axis]) if not any(others) and min(low[axis], high[axis]) >= 0 else None
