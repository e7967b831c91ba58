"""Program: a closed graph, and the key by which an equal one is found again.

`trace` reads a live graph and gives its key without building anything: it runs at every training
step. Only when the key is new is a Program built, with its own Nodes, so that it holds on to no
value of the step that happened to be first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.node import LIVE, Node, Shape, topological

Key = tuple[Any, ...]


@dataclass(slots=True)
class Trace:
    """What `trace` finds: the same for every step that does the same.

    Attributes:
        outputs: the nodes asked for, then those that backward() will want and are costly.
        order: the pending nodes, inputs before readers.
        leaves: the nodes whose values are the Program's inputs, in order.
        key: equal for equal Programs.
    """

    outputs: list[Node]
    order: list[Node]
    leaves: list[Node]
    key: Key


def trace(wanted: Sequence[Node]) -> Trace:
    """Walk the graph below the pending nodes `wanted`.

    The key holds structure, static parameters, shapes, dtypes and strides, and no value: constants
    are inputs, except the few in `SPECIAL_CONSTANTS`.
    """
    outputs = list(wanted)
    numbers: dict[Node, int] = {}  # of each Node: its entry in the key
    entries: list[Any] = []
    order: list[Node] = []
    leaves: list[Node] = []
    asked = set(outputs)
    number_of = numbers.__getitem__

    def number_leaf(node: Node) -> None:
        """Give a Node without inputs to walk its entry."""
        value = node if node.buffer is None else _unmarked(node)
        number = numbers.get(value)
        if number is None:
            number = numbers[value] = len(entries)
            if value.buffer is not None and value.primitive is not p.CONSTANT:
                entries.append((value.shape, value.dtype, value.buffer.strides))
                leaves.append(value)
            elif value.primitive is p.CONSTANT and not p.is_special(value):
                entries.append(value.dtype)
                leaves.append(value)
            else:  # a special constant, an iota
                entries.append((value.primitive, value.params, value.shape, value.dtype))
                order.append(value)
        numbers[node] = number

    for output in outputs:  # which grows
        if output in numbers:
            continue
        if output.buffer is not None or not output.inputs:
            number_leaf(output)
            continue
        stack = [output]
        while stack:
            node = stack[-1]
            inputs = node.inputs
            for n in inputs:
                if n not in numbers:
                    if n.buffer is None and n.inputs:
                        stack.append(n)
                        break
                    number_leaf(n)
            else:
                del stack[-1]
                if node.history == LIVE and node not in asked and _is_kept(node):
                    asked.add(node)
                    outputs.append(node)
                numbers[node] = len(entries)
                entries.append((node.primitive, node.params, *map(number_of, inputs)))
                order.append(node)
    entries.append(tuple([numbers[node] for node in outputs]))
    return Trace(outputs, order, leaves, tuple(entries))


def _is_kept(node: Node) -> bool:
    """Whether backward() will want the value of a Node, and it is costly."""
    primitive = node.primitive
    source = node.inputs[0].primitive if primitive is p.PICK else primitive
    return source.kept and type(node.dtype) is not tuple  # of several results, those that are read


def _unmarked(node: Node) -> Node:
    """The node below markers that share one buffer: it must be one input, not two."""
    while node.primitive.kind == "marker" and node.inputs and node.inputs[0].buffer is node.buffer:
        node = node.inputs[0]
    return node


@dataclass(slots=True, eq=False)
class Program:
    """A closed graph with numbered inputs and outputs.

    Attributes:
        inputs: one `input` Node for each, in order.
        outputs: the Nodes computed.
        strides: of each input's buffer, in bytes; None where it is contiguous.
        replaces: `(output, input)` pairs: the output takes over the memory of the input.
        key: equal for equal Programs.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    strides: tuple[Shape | None, ...]
    key: Key
    replaces: tuple[tuple[int, int], ...] = ()

    @property
    def digest(self) -> str:
        """The key as a short name, the same in every process."""
        import hashlib

        return hashlib.sha256(repr((self.key, self.replaces)).encode()).hexdigest()

    @property
    def nodes(self) -> list[Node]:
        """Every Node, inputs before readers."""
        inputs = set(self.inputs)
        return [*self.inputs, *(n for n in topological(self.outputs) if n not in inputs)]

    def __repr__(self) -> str:
        names = {node: f"%{k}" for k, node in enumerate(self.nodes)}
        lines = [f"program {self.digest[:12]}"]
        for node, name in names.items():
            reads = ", ".join(names[n] for n in node.inputs)
            params = "".join(f" {value!r}" for value in node.params).replace("\n", "\n    ")
            lines.append(f"  {name} = {node.primitive.name}({reads}){params} : {node.type}")
        lines.append("  return " + ", ".join(names[n] for n in self.outputs))
        return "\n".join(lines)


def close(found: Trace, replaces: tuple[tuple[int, int], ...] = ()) -> Program:
    """The Program of a trace. Each of its Nodes has the position in `found.order` of the live
    Node it stands for as its `site`, so that an error at run time can be led back to a user's line.
    """
    copies: dict[Node, Node] = {}
    inputs = []
    strides = []
    for position, leaf in enumerate(found.leaves):
        copies[leaf] = p.program_input(position, leaf.shape, leaf.dtype, leaf.device)
        inputs.append(copies[leaf])
        contiguous = leaf.buffer is None or leaf.buffer.flags.c_contiguous
        strides.append(None if contiguous else leaf.buffer.strides)
    for position, node in enumerate(found.order):
        reads = tuple(copies[n if n in copies else _unmarked(n)] for n in node.inputs)
        twin = Node(node.primitive, reads, node.params, node.shape, node.dtype, node.device)
        twin.site = (None, position)
        copies[node] = twin
    outputs = tuple(copies[n if n in copies else _unmarked(n)] for n in found.outputs)
    return Program(tuple(inputs), outputs, tuple(strides), found.key, replaces)
