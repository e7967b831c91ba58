"""Places along an axis: worked out where they are used.

A gather or a scatter along an axis reads or writes the flattened array, at places that an index
along the axis and the element's own coordinates add up to (`gradients.along_axis`). Computed by
themselves those places are an int64 array that is written once and read twice. Here the sum is
taken apart, and its strides are handed to the kernel (rows.py), which reads the index alone.
"""

from __future__ import annotations

from typing import NamedTuple

from gradatim.graph import primitives as p
from gradatim.graph.node import Node, Shape, mode
from gradatim.graph.program import Program

_INDEXED = (p.GATHER, p.SCATTER_ADD, p.SCATTER_SET)


class Along(NamedTuple):
    """How places follow from an index: index · scale + Σ coordinate · stride."""

    strides: Shape
    scale: int


def with_indices(program: Program) -> Program:
    """The same Program with such gathers and scatters reading the index alone, or itself. They have
    an `Along` as their second parameter."""
    found = {n: parts for n in program.nodes if (parts := _taken_apart(n)) is not None}
    if not found:
        return program
    recording, mode.recording = mode.recording, False
    try:
        return _rewritten(program, found)
    finally:
        mode.recording = recording


def _taken_apart(node: Node) -> tuple[Node, Along] | None:
    """The index, and how places follow from it."""
    if node.primitive not in _INDEXED or node.inputs[0].ndim != 1:
        return None
    places = node.inputs[1]
    while places.primitive is p.RESHAPE:
        places = places.inputs[0]
    if places.primitive.name != "add" or places.size != node.inputs[1].size:
        return None
    index: tuple[Node, int] | None = None
    strides = [0] * places.ndim
    terms = [places]
    while terms:
        term, scale = terms.pop(), 1
        if term.primitive.name == "add" and term.ndim == places.ndim:
            terms += term.inputs
            continue
        if term.primitive.name == "mul" and term.inputs[1].primitive is p.CONSTANT:
            term, factor = term.inputs
            scale = factor.params[0]
        if term.primitive is p.IOTA and term.ndim == places.ndim:
            strides[term.params[0]] += scale
        elif index is None and term.shape == places.shape:
            index = term, scale
        else:
            return None
    return None if index is None else (index[0], Along(tuple(strides), index[1]))


def _rewritten(program: Program, found: dict[Node, tuple[Node, Along]]) -> Program:
    new: dict[Node, Node] = {node: node for node in program.inputs}
    for node in program.nodes[len(program.inputs) :]:
        reads = [new[n] for n in node.inputs]
        parts = found.get(node)
        params, shape = node.params, node.shape
        if parts is not None:
            index, along = new[parts[0]], parts[1]
            reads[1] = index
            params = (*(node.params or (0,)), along)
            if node.primitive is p.GATHER:
                shape = index.shape
            else:
                reads[2] = _reshape(reads[2], index.shape)
        elif all(a is b for a, b in zip(reads, node.inputs)):
            new[node] = node
            continue
        twin = Node(node.primitive, tuple(reads), params, shape, node.dtype, node.device)
        twin.site, twin.meta = node.site, node.meta
        if node.primitive is p.RESHAPE:
            twin = _reshape(reads[0], shape)
        new[node] = _reshape(twin, node.shape) if isinstance(node.shape, tuple) else twin
    outputs = tuple(new[n] for n in program.outputs)
    return Program(program.inputs, outputs, program.strides, program.key, program.replaces)


def _reshape(x: Node, shape: Shape) -> Node:
    while x.primitive is p.RESHAPE:
        x = x.inputs[0]
    return p.reshape(x, shape)
