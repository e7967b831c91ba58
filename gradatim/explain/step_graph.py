"""gd.explain.graph: the computational graph of one training step, with shapes and values.

Forward pass, loss, backward pass and updates are one graph. It is copied, and each of its Nodes is
computed by the reference engine, so that every value on the way can be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradatim.autograd import enable_grad, no_grad
from gradatim.autograd.reverse import grad_of_tensors
from gradatim.engines.reference import MEANING
from gradatim.explain.one_step import (
    LossFunction,
    as_input,
    as_target,
    checked_parameters,
    checked_rate,
    find_loss,
    forward,
)
from gradatim.graph import draw
from gradatim.graph import primitives as p
from gradatim.graph.node import Node, topological
from gradatim.tensor import Tensor


@dataclass(frozen=True)
class StepGraph:
    """A graph that can be printed and drawn.

    Attributes:
        outputs: its Nodes, each with its value.
        names: what some of them are: inputs, parameters, the loss, gradients, new parameters.
        backward: those of the backward pass and of the update.
    """

    outputs: tuple[Node, ...]
    names: dict[Node, str]
    backward: frozenset[Node]

    def __str__(self) -> str:
        return draw.to_text(self.outputs, values=True, names=self.names, backward=self.backward)

    def __repr__(self) -> str:
        return f"StepGraph({len(topological(self.outputs, through_computed=True))} nodes)"

    def to_svg(self) -> str:
        """As a picture: a self-contained SVG, the backward pass with dashed borders."""
        return draw.to_svg(self.outputs, values=True, names=self.names, backward=self.backward)

    def to_dot(self) -> str:
        """For Graphviz."""
        return draw.to_dot(self.outputs, values=True, names=self.names, backward=self.backward)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def save(self, path: str | Path, ending: str | None = None) -> None:
        """Write it to a file; the name's end says as what: .svg, .dot, or text; `ending` says
        it for other names."""
        from gradatim.data.files import replacing

        path = Path(path)
        makers = {".svg": self.to_svg, ".dot": self.to_dot, ".gv": self.to_dot}
        text = makers.get(ending or path.suffix.lower(), self.__str__)()
        with replacing(path) as temporary:
            Path(temporary).write_text(text + "\n", encoding="utf-8")


def graph(
    model: Any, x: Any = None, y: Any = None, loss: str | LossFunction = "mse", lr: float = 0.1
) -> StepGraph:
    """The computational graph of one training step, forward and backward.

    Args:
        model, x, y, loss, lr: as for `gd.explain.step`. Instead of a model, a tensor: then the
            graph is that of what it was computed from, and with a history its gradients too.

    Raises:
        as `gd.explain.step`.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor(0.5, requires_grad=True)
        >>> print(graph((w * 3.0).sigmoid()))  # doctest: +NORMALIZE_WHITESPACE
        %0 = variable      : float32[] = 0.5        # leaf 1
        %1 = mul(%0, 3)    : float32[] = 1.5
        %2 = sigmoid(%1)   : float32[] = 0.8176     # output
        ...
    """
    if isinstance(model, Tensor):
        return _of_tensor(model)
    rate = checked_rate(lr)
    parameters = checked_parameters(model)
    function = find_loss(loss)
    inputs, targets = as_input(x, parameters), as_target(y, function, parameters)
    done = forward(model, function, inputs, targets)
    learning = {name: t for name, t in parameters.items() if t.requires_grad}
    gradients = grad_of_tensors([done.loss], list(learning.values()), allow_unused=True)
    names = {_node(inputs): "x", _node(targets): "y"}
    names |= {_node(t): name for name, t in parameters.items()}
    names[_node(done.loss)] = "loss"
    outputs = [_node(done.loss)]
    with no_grad():
        for (name, parameter), gradient in zip(learning.items(), gradients):
            if gradient is None:
                continue
            new = _node(parameter - rate * gradient)
            names[_node(gradient)] = f"∂L/∂{name}"
            names[new] = f"new {name}"
            outputs.append(new)
    return _with_values(outputs, names, outputs[:1])


def _of_tensor(tensor: Tensor) -> StepGraph:
    node = _node(tensor)
    names = {node: "output"}
    outputs = [node]
    leaves = [n for n in topological([node]) if n.primitive is p.VARIABLE and n.meta is not None]
    found = {k: leaf.meta() for k, leaf in enumerate(leaves, 1)}
    names |= {leaf: f"leaf {k}" for k, leaf in enumerate(leaves, 1)}
    if tensor.requires_grad and tensor.numel() == 1:
        wanted = {k: t for k, t in found.items() if t is not None}
        gradients = grad_of_tensors([tensor], list(wanted.values()), allow_unused=True)
        for k, gradient in zip(wanted, gradients):
            if gradient is not None:
                names[_node(gradient)] = f"gradient of leaf {k}"
                outputs.append(_node(gradient))
    return _with_values(outputs, names, [node])


def _node(tensor: Tensor) -> Node:
    with enable_grad():
        return tensor._read()


# --- a copy, with values -------------------------------------------------------------------------


def _with_values(
    outputs: Sequence[Node], names: dict[Node, str], forward_outputs: Sequence[Node]
) -> StepGraph:
    twins: dict[Node, Node] = {}
    for node in topological(outputs):
        twins[node] = _twin(node, twins)
    ahead = set(topological(forward_outputs))
    made = {twins[node] for node in ahead} | {
        twins[node] for node in twins if node.primitive in (p.CONSTANT, p.VALUE)
    }
    return StepGraph(
        tuple(dict.fromkeys(twins[node] for node in outputs)),
        {twins[node]: name for node, name in names.items() if node in twins},
        frozenset(set(twins.values()) - made),
    )


def _twin(node: Node, twins: dict[Node, Node]) -> Node:
    """The same Node with its value. Markers, which change no value, are left out."""
    if node.buffer is not None and node.primitive is not p.VARIABLE:
        return _leaf(node)
    reads = tuple(twins[n] if n in twins else _leaf(n) for n in node.inputs)
    is_marker = node.primitive.kind == "marker" and node.primitive is not p.VARIABLE
    if is_marker and not _is_several(node):
        return reads[0]
    twin = Node(node.primitive, reads, node.params, node.shape, node.dtype, node.device)
    with np.errstate(all="ignore"):
        if node.primitive is p.VARIABLE:
            twin.buffer = reads[0].buffer
        elif is_marker:
            twin.buffer = tuple(read.buffer for read in reads)
        else:
            result = MEANING[node.primitive.name](twin, *(read.buffer for read in reads))
            twin.buffer = result if isinstance(result, tuple) else np.asarray(result)
    return twin


def _is_several(node: Node) -> bool:
    return isinstance(node.dtype, tuple)


def _leaf(node: Node) -> Node:
    return p.value(np.asarray(node.buffer), node.shape, node.dtype)
