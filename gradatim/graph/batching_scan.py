"""Batching of a scan: the same loop, whose step is batched.

A carry has the new axis if it has it at the start, or if some step makes it from what has it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from gradatim.graph import primitives as p
from gradatim.graph.batching import batches, spread, vectorize
from gradatim.graph.node import Node, mode
from gradatim.graph.scan import Body, close_over, scan


@batches("scan")
def _(
    node: Node, inputs: Sequence[Node], is_batched: Sequence[bool], count: int
) -> list[Node | None]:
    body, n_carries, n_sequences, length, reverse = node.params
    split = n_carries + n_sequences
    wide, numbers, has, gives = _widened(body, n_carries, tuple(is_batched), count)
    reads = list(inputs)
    for k in range(n_carries):
        if has[k]:
            reads[k] = spread(inputs[k], is_batched[k], count)
    for k in range(n_carries, split):
        if has[k]:  # time first, as a loop reads it
            reads[k] = _exchange(inputs[k])
    results = scan(
        wide, reads[:n_carries], reads[n_carries:split], [*reads[split:], *numbers], length, reverse
    )
    answers: list[Node | None] = []
    for k, (found, given) in enumerate(zip(results, gives)):
        answers.append(None if not given else found if k < n_carries else _exchange(found))
    return answers


def _exchange(x: Node) -> Node:
    return p.permute(x, (1, 0, *range(2, x.ndim)))


@functools.lru_cache(maxsize=512)
def _widened(
    body: Body, n_carries: int, has: tuple[bool, ...], count: int
) -> tuple[Body, tuple[Node, ...], tuple[bool, ...], tuple[bool, ...]]:
    """The batched step, the numbers it also reads, which inputs and which results are batched."""
    recording, mode.recording = mode.recording, False
    try:
        while True:
            inputs = [
                p.program_input(k, (count, *x.shape) if wide else x.shape, x.dtype, x.device)
                for k, (x, wide) in enumerate(zip(body.inputs, has))
            ]
            known = dict(zip(body.inputs, inputs))
            batched = {x: y for (x, y), wide in zip(known.items(), has) if wide}
            found = vectorize(body.outputs, batched, count)
            more = tuple(
                wide or (k < n_carries and found[k] is not None) for k, wide in enumerate(has)
            )
            if more == has:
                break
            has = more
        outputs = []
        for k, (old, new) in enumerate(zip(body.outputs, found)):
            if new is None:
                new = spread(old, False, count) if k < n_carries and has[k] else old
            outputs.append(new)
        gives = tuple(has[k] if k < n_carries else new is not None for k, new in enumerate(found))
        # Inputs that are the same for all values are still the body's own.
        own = [batched.get(x, x) for x in body.inputs]
        wide_body, numbers = close_over(outputs, own)
    finally:
        mode.recording = recording
    return wide_body, tuple(numbers), has, gives
