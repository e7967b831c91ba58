"""A random program, and what every engine must make of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.errors import DivisionByZero, ElementOutOfRange, GradientError
from gradatim.graph.gradients import gradients
from gradatim.graph.node import LIVE, Node
from gradatim.graph.program import Program, Trace, close, trace
from tests.engines import rows_linalg, rows_scan, rows_windows
from tests.engines.draw import Draw
from tests.engines.exact import Reject
from tests.engines.rows import ROWS

assert rows_linalg and rows_scan and rows_windows  # imported for the rows they register


@dataclass(slots=True)
class Case:
    """A program with its inputs and its expected results.

    Attributes:
        program: what the engine compiles.
        inputs: a buffer for each input.
        expected: an `Exact` or a `Bounded` for each output.
        domain: the module (exact or bounds) that says whether a result is as expected.
        failure: instead of results, the error that the run must stop with.
        found: the live graph that the program was traced from.
        smooth: whether it is bounded, not exact.
        compiled: executables, by their engine's name.
    """

    program: Program
    inputs: list[Any]
    expected: list[Any]
    domain: Any
    failure: type[Exception] | None = None
    found: Trace | None = field(default=None, repr=False)
    smooth: bool = False
    compiled: dict[str, Any] = field(default_factory=dict, repr=False)


def buffers_of(found: Trace) -> list[Any]:
    """The inputs of a traced program: computed values, and constants as 0-d arrays."""
    return [
        leaf.buffer
        if leaf.buffer is not None
        else np.asarray(leaf.params[0]).astype(leaf.dtype.numpy)
        for leaf in found.leaves
    ]


_NAMES = {smooth: [n for n, r in ROWS.items() if (r.smooth if smooth else r.exact)]
          for smooth in (False, True)}  # fmt: skip
_WEIGHTS = {smooth: [ROWS[name].weight for name in names] for smooth, names in _NAMES.items()}


def grow(d: Draw, nodes: int) -> None:
    """Add Nodes to the pool until the program has about as many as asked for."""
    names, weights = _NAMES[d.smooth], _WEIGHTS[d.smooth]
    attempts = 0
    for _ in range(d.rng.choice((1, 1, 2, 3))):
        _try(d, lambda: [d.operand()])
    while len(d.values) < nodes and attempts < 4 * nodes:
        attempts += 1
        name = d.rng.choices(names, weights)[0]
        _try(d, lambda name=name: ROWS[name].draw(d))


def _try(d: Draw, draw: Any) -> None:
    try:
        made = draw()
        for node in made if isinstance(made, (tuple, list)) else (made,):
            d.add(node)
    except Reject:
        pass


def choose_outputs(d: Draw) -> list[Node]:
    """All that nothing reads, and some that are read as well."""
    pending = [n for n in d.pool if n.buffer is None]
    read = {m for n in pending for m in n.inputs}
    # Through markers and picks, too: what they read is pending as well.
    ends = [n for n in pending if n not in read]
    others = [n for n in pending if n in read]
    chosen = ends + [n for n in others if d.chance(0.15)]
    d.rng.shuffle(chosen)
    return chosen


def choose_replacements(d: Draw, found: Trace) -> tuple[tuple[int, int], ...]:
    """Outputs that take over the memory of an input of their own shape and dtype."""
    free = [k for k, leaf in enumerate(found.leaves)
            if leaf.buffer is not None and leaf.buffer.flags.c_contiguous]  # fmt: skip
    pairs = []
    for k, output in enumerate(found.outputs):
        fitting = [j for j in free if found.leaves[j].shape == output.shape
                   and found.leaves[j].dtype is output.dtype]  # fmt: skip
        if fitting and d.chance(0.4):
            taken = d.rng.choice(fitting)
            free.remove(taken)
            pairs.append((k, taken))
    return tuple(pairs)


def add_gradients(d: Draw) -> list[Node]:
    """Gradients of some of the program's results with respect to its leaves."""
    results = [n for n in d.pool if n.history == LIVE and n.primitive is not p.VARIABLE]
    if not results:
        return []
    outputs = results[-d.rng.choice((1, 1, 2)) :]
    try:
        grads = [d.leaf(n.shape, n.dtype) for n in outputs]
        found = list(gradients(outputs, grads, keep=True).values())
    except (Reject, GradientError):  # (of what is no operation)
        return []
    kept = []
    for node in found:
        if node.size > 4 * d.max_size or node.buffer is not None:
            continue
        try:
            d.evaluate(node)
        except Reject:  # exact programs: a gradient that rounds
            continue
        kept.append(node)
    return kept


def add_failure(d: Draw) -> tuple[Node, type[Exception]] | None:
    """A Node that cannot be computed."""
    if d.chance(0.5):
        tables = [n for n in d.pool if n.shape and 0 not in n.shape[1:]]
        if not tables:
            return None
        x = d.rng.choice(tables)
        places = d.numpy.integers(0, max(x.shape[0], 1), d.rng.choice((1, 5, 33)))
        places[d.rng.randrange(len(places))] = d.rng.choice((-1, x.shape[0], 2**40, -(2**62)))
        index = d.leaf(places.shape, dtypes.int64, places)
        return p.gather(x, index), ElementOutOfRange
    found = [n for n in d.pool if n.dtype.is_integer and n.size and n.size <= d.max_size]
    if not found:
        return None
    a = d.rng.choice(found)
    content = d.numpy.integers(1, 5, a.shape)
    content.reshape(-1)[d.rng.randrange(content.size)] = 0
    divide = d.rng.choice((p.floor_divide, p.remainder, p.fmod))
    return divide(a, d.leaf(a.shape, a.dtype, content)), DivisionByZero


def generate(rng: random.Random, *, smooth: bool | None = None, nodes: int | None = None) -> Case:
    """A random program: exact (with jumps) or smooth, with or without gradients."""
    if smooth is None:
        smooth = rng.random() < 0.5
    size = rng.choice((64, 600, 600, 4000, 4000, 20_000))
    if rng.random() < 0.01:
        size = 300_000  # large enough to be cut into pieces
    d = Draw(rng, smooth, size, special=rng.random() < 0.5)
    if nodes is None:
        nodes = rng.randrange(3, 28)
    differentiate = rng.random() < 0.3
    d.differentiate = differentiate
    if differentiate:
        for _ in range(rng.choice((1, 2, 3))):
            leaf = d.leaf(d.shape(), rng.choice((dtypes.float32, dtypes.float32, dtypes.float64)))
            d.add(p.variable(leaf))
    grow(d, nodes)
    extra = add_gradients(d) if differentiate else []
    outputs = choose_outputs(d) + extra
    failure = None
    if not smooth and rng.random() < 0.04:
        failing = add_failure(d)
        if failing is not None:
            outputs.insert(rng.randrange(len(outputs) + 1), failing[0])
            failure = failing[1]
    outputs = list(dict.fromkeys(n for n in outputs if n.buffer is None))
    if not outputs:
        x = d.operand()
        outputs = [d.add(p.copy(x))]
    return case_of(d, outputs, failure)


def case_of(
    d: Draw,
    outputs: list[Node],
    failure: type[Exception] | None = None,
    replaces: tuple[tuple[int, int], ...] | None = None,
) -> Case:
    """The closed program of some Nodes, with what it must give."""
    found = trace(outputs)
    program = close(found, choose_replacements(d, found) if replaces is None else replaces)
    expected = []
    if failure is None:
        for node in found.outputs:
            d.evaluate(node)
            expected.append(d.values[node])
    return Case(program, buffers_of(found), expected, d.domain, failure, found, d.smooth)


def written_case(
    outputs: list[Node], *, smooth: bool = False, replaces: Sequence[tuple[Node, Node]] = ()
) -> Case:
    """A case written by hand.

    Args:
        replaces: pairs of an output and the leaf whose memory it takes over.
    """
    d = Draw(random.Random(0), smooth, 1 << 62, special=False)
    found = trace(outputs)
    pairs = tuple((found.outputs.index(a), found.leaves.index(b)) for a, b in replaces)
    return case_of(d, outputs, None, pairs)
