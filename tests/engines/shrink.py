"""From a failing program to a small one that fails too.

Four moves, tried as long as one of them keeps the failure: let an inner Node be the only output,
keep fewer outputs, take the first step of a scan for the whole, and cut the graph: a Node becomes
a leaf with the value it ought to have. What is left is mostly one or two Nodes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradatim.engines import get_engine
from gradatim.graph import primitives as p
from gradatim.graph.node import Node, topological
from gradatim.graph.program import Program, trace
from tests.engines.case import Case, case_of
from tests.engines.draw import Draw
from tests.engines.exact import Reject


def rebuilt(outputs: Sequence[Node], cut: dict[Node, Any]) -> list[Node]:
    """The graph again, where each Node of `cut` is a leaf with the given content."""
    new: dict[Node, Node] = {}
    for node in topological(outputs):
        if node in cut:
            new[node] = p.value(cut[node], node.shape, node.dtype)
        elif node.primitive.kind == "leaf":
            new[node] = node
        else:
            reads = tuple(new.get(n, n) for n in node.inputs)
            twin = Node(node.primitive, reads, node.params, node.shape, node.dtype)
            twin.meta = node.meta
            if node.buffer is not None:
                twin.buffer = node.buffer
            new[node] = twin
    return [new[node] for node in outputs]


def _case(outputs: list[Node], like: Case, replaces: Any) -> Case:
    case = case_of(_draw(like), outputs, like.failure, replaces)
    if like.failure is not None:  # what made it fail may be gone
        run = get_engine("reference").compile(case.program, "cpu")
        if run([np.array(x) for x in case.inputs], [None] * len(outputs))[0] is None:
            raise Reject("does not fail any more")
    return case


def _draw(like: Case) -> Draw:
    return Draw(random.Random(0), like.smooth, 1 << 62, special=False)


def _pairs(case: Case, outputs: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Who replaces whom, said by the live Nodes: positions change when outputs go."""
    assert case.found is not None
    return tuple((k, j) for k, j in case.program.replaces if k in outputs)


def _fewer_outputs(case: Case) -> Iterator[Callable[[], Case]]:
    found = case.found
    assert found is not None
    count = len(found.outputs)
    for kept in ([k] for k in range(count)) if count > 1 else ():
        yield lambda kept=kept: _subset(case, kept)
    for left_out in range(count) if count > 2 else ():
        yield lambda left_out=left_out: _subset(case, [k for k in range(count) if k != left_out])


def _subset(case: Case, kept: Sequence[int]) -> Case:
    found = case.found
    assert found is not None
    outputs = [found.outputs[k] for k in kept]
    leaves = trace(outputs).leaves
    replaces = tuple(
        (kept.index(k), leaves.index(found.leaves[j]))
        for k, j in _pairs(case, kept)
        if found.leaves[j] in leaves
    )
    return _case(outputs, case, replaces)


def _inner_outputs(case: Case) -> Iterator[Callable[[], Case]]:
    """The first Node that is wrong, alone."""
    found = case.found
    assert found is not None
    if case.failure is None:
        for node in found.order[:-1]:
            if not isinstance(node.dtype, tuple) and node.primitive is not p.CONSTANT:
                yield lambda node=node: _case([node], case, ())


def _cuts(case: Case) -> Iterator[Callable[[], Case]]:
    """Each inner Node in turn, those nearest to the outputs first."""
    found = case.found
    assert found is not None
    if case.failure is not None:
        return
    for node in reversed(found.order):
        inner = node.inputs and not isinstance(node.dtype, tuple) and node not in found.outputs
        if inner and node.primitive.kind != "marker":
            yield lambda node=node: _cut(case, node)


def _cut(case: Case, node: Node) -> Case:
    found = case.found
    assert found is not None
    d = _draw(case)
    d.evaluate(node)
    content = np.asarray(d.values[node].array).astype(node.dtype.numpy)
    return _case(rebuilt(found.outputs, {node: content}), case, ())


def _first_steps(case: Case) -> Iterator[Callable[[], Case]]:
    """The body of each scan, with what its first step reads."""
    found = case.found
    assert found is not None
    if case.failure is None:
        for node in found.order:
            if node.primitive.name == "scan" and node.params[3]:
                yield lambda node=node: _first_step(case, node)


def _first_step(case: Case, node: Node) -> Case:
    body, carries, sequences, _, reverse = node.params
    d = _draw(case)
    cut = {}
    for k, (inner, outer) in enumerate(zip(body.inputs, node.inputs)):
        d.evaluate(outer)
        content = np.asarray(d.values[outer].array)
        if carries <= k < carries + sequences:
            content = content[-1 if reverse else 0]
        cut[inner] = content.astype(inner.dtype.numpy)
    outputs = [n for n in dict.fromkeys(body.outputs) if n not in cut]
    if not outputs:
        raise Reject("a body that computes nothing")
    return _case(rebuilt(outputs, cut), case, ())


def _size(program: Program) -> int:
    """How many Nodes there are, those in the bodies of scans too."""
    bodies = [node.params[0] for node in program.nodes if node.primitive.name == "scan"]
    return len(program.nodes) + sum(map(_size, bodies))


def shrink(case: Case, fails: Callable[[Case], bool], attempts: int = 200) -> Case:
    """The smallest failing case found.

    Args:
        fails: whether a case fails (in the same way).
        attempts: how often to ask.
    """
    progress = True
    while progress and attempts > 0:
        progress = False
        for moves in (_inner_outputs, _fewer_outputs, _first_steps, _cuts):
            for move in moves(case):
                if attempts <= 0:
                    break
                try:
                    smaller = move()
                except (Reject, ValueError):
                    continue
                if _size(smaller.program) >= _size(case.program):
                    continue
                attempts -= 1
                if fails(smaller):
                    case, progress = smaller, True
                    break
            if progress:
                break
    return case
