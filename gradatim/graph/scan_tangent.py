"""The tangent of a scan: a scan that carries tangents beside the values.

One step of the loop is `carries, y = body(carries, x, constants)`. The step of its tangent takes
the same and the tangents of those inputs that move, and gives the new carries, their tangents and
those of y. A carry moves if it does at the start, or if some step makes it from what moves.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from gradatim.graph.gradient_rules import zeros_like
from gradatim.graph.node import Node, mode
from gradatim.graph.scan import Body, close_over, rebuild, scan
from gradatim.graph.scan_gradient import _input_like, _Step, _with_carries
from gradatim.graph.tangents import tangent_of, tangents


@tangent_of("scan")
def _(node: Node, given: Sequence[Node | None], inputs: Sequence[Node]) -> Any:
    body, n_carries, n_sequences, length, reverse = node.params
    moving = _with_carries(body, n_carries, tuple(t is not None for t in given))
    double, numbers, arrives = _double(body, n_carries, n_sequences, moving)
    split = n_carries + n_sequences
    moves = [
        (zeros_like(x) if t is None else t) if moves else None
        for t, x, moves in zip(given, inputs, moving)
    ]

    def both(start: int, stop: int) -> list[Node]:
        changes = [t for t in moves[start:stop] if t is not None]
        return [*inputs[start:stop], *changes]

    results = scan(
        double, both(0, n_carries), both(n_carries, split),
        [*both(split, len(inputs)), *numbers], length, reverse,
    )  # fmt: skip
    answers = iter(results[n_carries:])  # behind the carries themselves
    return [next(answers) if arrived else None for arrived in arrives]


@functools.lru_cache(maxsize=512)
def _double(
    body: Body, n_carries: int, n_sequences: int, moving: tuple[bool, ...]
) -> tuple[Body, list[Node], tuple[bool, ...]]:
    """The step on values and tangents, the numbers it also reads, and which results move."""
    split = n_carries + n_sequences
    recording, mode.recording = mode.recording, True
    try:
        step = _Step(body, moving)
        changes = [_input_like(x) if moves else None for x, moves in zip(step.inputs, moving)]
        seeds = {x: t for x, t in zip(step.inputs, changes) if t is not None}
        found = tangents(step.outputs, seeds)
    finally:
        mode.recording = recording
    arrives = tuple(moving[k] if k < n_carries else t is not None for k, t in enumerate(found))
    results = [
        t if t is not None else zeros_like(out)
        for t, out, arrived in zip(found, step.outputs, arrives)
        if arrived
    ]
    own = {x: _input_like(x) for x in (*step.inputs, *seeds.values())}

    def both(start: int, stop: int) -> list[Node]:
        moved = [t for t in changes[start:stop] if t is not None]
        return [own[x] for x in (*step.inputs[start:stop], *moved)]

    ends = [*both(0, n_carries), *both(n_carries, split), *both(split, len(step.inputs))]
    mode.recording = False
    try:
        outputs = rebuild([*step.outputs[:n_carries], *results], dict(own))
    finally:
        mode.recording = recording
    double, numbers = close_over(outputs, ends)
    return double, list(numbers), arrives
