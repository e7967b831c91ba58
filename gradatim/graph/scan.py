"""The primitive `scan`: a loop with carried state.

    carries = initial carries
    for x in sequences:                            (one slice of each, along their first axis)
        carries, y = body(carries, x, constants)   (constants are the same at every step)
    gives the last carries, and the stacked y

The body is a `Body`: a closed graph, and a static parameter of the Node, so that a loop of a
thousand steps is one Node, is compiled once, and has a gradient which is again a loop
(scan_gradient.py). The name is that of APL's operator and of `jax.lax.scan`.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, Final

from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError
from gradatim.graph.node import Node, mode

SCAN: Final = p.Primitive("scan", "scan", kept=True)


class Body:
    """One step of a loop: a closed graph that can be compared, hashed and printed.

    Attributes:
        inputs: `input` Nodes: the carries, one slice of each sequence, the constants.
        outputs: the new carries, then the step's results.
        key: equal for equal bodies, and printed alike in every process.
    """

    __slots__ = ("_hash", "inputs", "key", "outputs")

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    key: tuple[Any, ...]

    def __init__(self, inputs: Sequence[Node], outputs: Sequence[Node]):
        """A copy of the graph between `inputs` (any Nodes) and `outputs`."""
        recording, mode.recording = mode.recording, False
        try:
            known = {}
            made = []
            for position, node in enumerate(inputs):
                made.append(p.program_input(position, node.shape, node.dtype, node.device))
                known[node] = made[-1]
            self.inputs = tuple(made)
            self.outputs = tuple(rebuild(outputs, known))
        finally:
            mode.recording = recording
        for node in known.values():
            node.site = None  # the scan has one
        self.key = self._make_key()
        self._hash = hash(self.key)

    def _make_key(self) -> tuple[Any, ...]:
        entries: list[Any] = [(node.shape, node.dtype, node.device) for node in self.inputs]
        numbers = {node: k for k, node in enumerate(self.inputs)}
        for node in walk(self.outputs, numbers):
            numbers[node] = len(entries)
            if node.inputs:
                entries.append((node.primitive, node.params, *[numbers[n] for n in node.inputs]))
            elif node.primitive is p.CONSTANT or node.primitive is p.IOTA:
                entries.append((node.primitive, node.params, node.shape, node.dtype))
            else:
                raise ArgumentError(f"the body of a scan is not closed: it reads {node!r}")
        entries.append(tuple([numbers[node] for node in self.outputs]))
        return tuple(entries)

    @property
    def nodes(self) -> list[Node]:
        """Every Node, inputs before readers."""
        return [*self.inputs, *walk(self.outputs, set(self.inputs))]

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Body) and self._hash == other._hash and self.key == other.key

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        names = {node: f"%{k}" for k, node in enumerate(self.nodes)}
        lines = ["body"]
        for node, name in names.items():
            reads = ", ".join(names[n] for n in node.inputs)
            params = "".join(f" {value!r}" for value in node.params).replace("\n", "\n  ")
            lines.append(f"  {name} = {node.primitive.name}({reads}){params} : {node.type}")
        lines.append("  return " + ", ".join(names[n] for n in self.outputs))
        return "\n".join(lines)


# --- walking and rebuilding a part of a graph ----------------------------------------------------


def walk(outputs: Iterable[Node], ends: Container[Node], first: int = 0) -> Iterator[Node]:
    """Every Node below the outputs, inputs before readers, down to those in `ends` (which are left
    out), and to those numbered below `first` and the computed ones (which are not)."""
    done: set[Node] = set()
    stack = list(outputs)
    stack.reverse()
    while stack:
        node = stack[-1]
        if node in done or node in ends:
            stack.pop()
            continue
        if node.buffer is None and node.number >= first:
            waiting = [n for n in node.inputs if n not in done and n not in ends]
            if waiting:
                waiting.reverse()
                stack.extend(waiting)
                continue
        stack.pop()
        done.add(node)
        yield node


def rebuild(outputs: Sequence[Node], known: dict[Node, Node]) -> list[Node]:
    """The outputs computed from other Nodes: `known` says which Node stands for which, and learns
    all that are made. Leaves stand for themselves."""
    for node in list(walk(outputs, set(known))):
        known[node] = with_inputs(node, [known[n] for n in node.inputs]) if node.inputs else node
    return [known[node] for node in outputs]


def with_inputs(node: Node, inputs: Sequence[Node]) -> Node:
    """The same operation on other inputs of the same types."""
    twin = Node(node.primitive, tuple(inputs), node.params, node.shape, node.dtype, node.device)
    twin.site = node.site
    twin.meta = node.meta if node.primitive is p.CUSTOM_GRADIENT else None
    return twin


def is_inline(node: Node) -> bool:
    """Whether a Node that depends on no input belongs into the body rather than in front of the
    loop: numbers that code is specialized for, and what is made of them without arithmetic."""
    while node.primitive in (p.EXPAND, p.RESHAPE) and node.buffer is None:
        node = node.inputs[0]
    return node.primitive is p.IOTA or (node.primitive is p.CONSTANT and p.is_special(node))


def is_zero(node: Node) -> bool:
    """Whether a Node is known to hold zeros alone."""
    while node.primitive is p.EXPAND and node.buffer is None:
        node = node.inputs[0]
    if node.primitive is not p.CONSTANT or node.params[0] != 0:
        return False
    return math.copysign(1.0, node.params[0]) > 0


def close_over(outputs: Sequence[Node], inputs: Sequence[Node]) -> tuple[Body, list[Node]]:
    """The Body between `inputs` and `outputs`, and the outer values which it also reads: these
    become inputs of the Body behind the given ones."""
    first = min((node.number for node in inputs), default=0)
    given = set(inputs)
    inside = set(given)
    outer: dict[Node, None] = {}
    for node in walk(outputs, given, first if inputs else 1 << 62):
        if node.buffer is None and any(n in inside for n in node.inputs):
            inside.add(node)
            outer |= {n: None for n in node.inputs if n not in inside and not is_inline(n)}
    outer |= {node: None for node in outputs if node not in inside and not is_inline(node)}
    return Body([*inputs, *outer], outputs), list(outer)


# --- the primitive -------------------------------------------------------------------------------


def scan_node(
    body: Body,
    carries: Sequence[Node],
    sequences: Sequence[Node],
    constants: Sequence[Node],
    length: int,
    reverse: bool = False,
) -> Node:
    """The scan, whose results are read by `pick`: the last carries, then the stacked results of
    the steps. Params `(body, n_carries, n_sequences, length, reverse)`.

    Args:
        body: its inputs are the carries, a slice of each sequence, the constants; its outputs the
            new carries, of the same types, and the step's results.
        carries: the initial ones.
        sequences: each with a first axis of `length`.
        constants: what every step reads whole.
        length: the number of steps, may be 0.
        reverse: step k reads place `length - 1 - k` of the sequences, and writes its results there.
    """
    inputs = (*carries, *sequences, *constants)
    if len(inputs) != len(body.inputs):
        raise ArgumentError(f"the body takes {len(body.inputs)} inputs, {len(inputs)} were given")
    for k, (node, inner) in enumerate(zip(inputs, body.inputs)):
        is_sequence = len(carries) <= k < len(carries) + len(sequences)
        shape = (length, *inner.shape) if is_sequence else inner.shape
        if node.shape != shape:
            raise ShapeError(
                f"scan over {length} steps expects shape {list(shape)} for its input {k}, got "
                f"{list(node.shape)}"
            )
        if node.dtype is not inner.dtype:
            raise DTypeError(
                f"scan expects {inner.dtype.name} for its input {k}, got {node.dtype.name}"
            )
    for k, (before, after) in enumerate(zip(body.inputs[: len(carries)], body.outputs)):
        if (before.shape, before.dtype) != (after.shape, after.dtype):
            raise ShapeError(f"carry {k} of the scan goes in as {before.type}, out as {after.type}")
    results = body.outputs[len(carries) :]
    shapes = [node.shape for node in carries] + [(length, *y.shape) for y in results]
    dtypes = [node.dtype for node in carries] + [y.dtype for y in results]
    params = (body, len(carries), len(sequences), length, reverse)
    device = p.same_device(*inputs)
    return Node(SCAN, inputs, params, tuple(shapes), tuple(dtypes), device)


def scan(
    body: Body,
    carries: Sequence[Node],
    sequences: Sequence[Node],
    constants: Sequence[Node],
    length: int,
    reverse: bool = False,
) -> list[Node]:
    """Every result of `scan_node`: the last carries, then the stacked results of the steps."""
    node = scan_node(body, carries, sequences, constants, length, reverse)
    return [p.pick(node, k) for k in range(len(node.shape))]
