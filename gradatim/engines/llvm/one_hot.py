"""One hot: reading and writing one element of each row as comparisons along the row.

What a loss reads of each row of log-probabilities, and the gradient that goes back there, are a
gather and a scatter by places in the flattened array. With an index from `along_axis` they are

    gather   the largest of a row in which all but the wanted place are -inf
    scatter  a row of zeros but for the wanted place

which go row by row, and so become one kernel with the softmax around them (rowwise.py).
"""

from __future__ import annotations

import math
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int32, integer_range
from gradatim.graph.node import Node, Shape, mode
from gradatim.graph.program import Program

LONGEST = 32768  # elements of a row: reading all of them must cost less than a kernel of its own


def compared(program: Program) -> Program:
    """The same Program with comparisons in place of such gathers and scatters, or itself."""
    if not any(_is_candidate(node) for node in program.nodes):
        return program
    recording, mode.recording = mode.recording, False
    try:
        return _Rewriter(program).run()
    finally:
        mode.recording = recording


def _is_candidate(node: Node) -> bool:
    return node.primitive in (p.GATHER, p.SCATTER_ADD) and _column(node) is not None


def _column(node: Node) -> tuple[Node, int] | None:
    """The index along the row, and the row's length, if a Node reads or writes one element of each
    row of an array that is flattened."""
    x, places = node.inputs[:2]
    if x.ndim != 1 or places.ndim != 2 or places.shape[1] != 1 or places.primitive.name != "add":
        return None
    index, start = places.inputs
    if start.primitive.name != "mul":
        return None
    rows, length = start.inputs
    if rows.primitive is not p.IOTA or rows.params != (0,) or rows.shape != places.shape:
        return None
    if length.primitive is not p.CONSTANT or index.shape != places.shape:
        return None
    size = int(length.params[0])
    if x.size != places.shape[0] * size or not 1 < size <= LONGEST:
        return None
    if node.primitive is p.GATHER:
        source = x.inputs[0] if x.primitive is p.RESHAPE else x
        return (index, size) if source.primitive.kind in _COMPUTED else None
    is_blank = x.primitive is p.EXPAND and x.inputs[0].primitive is p.CONSTANT
    return (index, size) if is_blank and x.inputs[0].params[0] == 0 else None


_COMPUTED = ("unary", "binary", "select", "cast")


class _Rewriter:
    def __init__(self, program: Program):
        self.program = program
        self.known: dict[Any, Node] = {}

    def run(self) -> Program:
        program = self.program
        new: dict[Node, Node] = {node: node for node in program.inputs}
        for node in program.nodes[len(program.inputs) :]:
            reads = tuple(new[n] for n in node.inputs)
            found = _column(node) if node.primitive in (p.GATHER, p.SCATTER_ADD) else None
            if found is None:
                new[node] = self._rebuilt(node, reads)
            else:
                index, length = found
                build = self._gather if node.primitive is p.GATHER else self._scatter
                new[node] = build(node, reads, self._hits(new[index], length), length)
        outputs = tuple(new[n] for n in program.outputs)
        return Program(program.inputs, outputs, program.strides, program.key, program.replaces)

    def _rebuilt(self, node: Node, reads: tuple[Node, ...]) -> Node:
        if node.primitive is p.RESHAPE:
            return self._reshape(reads[0], node.shape)
        twin = Node(node.primitive, reads, node.params, node.shape, node.dtype, node.device)
        twin.site, twin.meta = node.site, node.meta
        return self._once(twin)

    def _once(self, node: Node) -> Node:
        key = (node.primitive, node.params, node.inputs, node.dtype, node.shape)
        return self.known.setdefault(key, node)

    def _reshape(self, x: Node, shape: Shape) -> Node:
        if x.primitive is p.RESHAPE:
            x = x.inputs[0]
        return x if x.shape == shape else self._once(p.reshape(x, shape))

    def _hits(self, index: Node, length: int) -> Node:
        """For each place of each row whether it is the wanted one."""
        column = self._once(p.iota((length,), 0, int32))
        return self._once(p.eq(column, self._once(p.cast(index, int32))))

    def _gather(self, node: Node, reads: tuple[Node, ...], hits: Node, length: int) -> Node:
        x = self._reshape(reads[0], hits.shape)
        dtype = x.dtype
        if dtype.is_floating_point:
            lowest: float = -math.inf
        else:
            lowest = False if dtype is bool_ else integer_range(dtype)[0]
        rest = self._once(p.constant(lowest, dtype))
        found = self._once(p.max_(self._once(p.select(hits, x, rest)), (1,)))
        return self._reshape(found, node.shape)

    def _scatter(self, node: Node, reads: tuple[Node, ...], hits: Node, length: int) -> Node:
        zero = reads[0].inputs[0]
        update = self._once(p.add(reads[2], zero))  # (0 + -0.0 is 0.0)
        return self._reshape(self._once(p.select(hits, update, zero)), node.shape)
