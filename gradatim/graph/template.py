"""Template: a graph that is built again and again, on other inputs of the same types.

An optimizer's rule makes the same dozen Nodes for every parameter at every step. To make them again
from a template is several times faster than to call the rule: nothing is checked or promoted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradatim.graph.node import Node, topological


class Template:
    """What was built from `inputs` to `outputs`, as steps to be taken again.

    Args:
        inputs: Nodes without a value (`program_input`), the graph's only variable ends.
        outputs: what was built from them; an input itself is handed through.

    Example:
        >>> from gradatim.graph import dtypes, primitives as p
        >>> from gradatim.graph.template import Template
        >>> x, y = (p.program_input(k, (3,), dtypes.float32) for k in range(2))
        >>> template = Template([x, y], [p.add(p.exp(x), y)])
        >>> a, b = (p.program_input(k, (3,), dtypes.float32) for k in range(2))
        >>> [node.primitive for node in template.build([a, b])]
        [add]
    """

    def __init__(self, inputs: Sequence[Node], outputs: Sequence[Node]):
        given = set(inputs)
        order = [n for n in topological(outputs) if n not in given]
        fixed = [node for node in order if not node.inputs]  # constants: the same at each time
        built = [node for node in order if node.inputs]
        self.fixed = fixed
        place = {node: k for k, node in enumerate([*inputs, *fixed, *built])}
        self.steps: list[tuple[Any, ...]] = [
            (
                node.primitive,
                [place[n] for n in node.inputs],
                node.params,
                node.shape,
                node.dtype,
                node.device,
            )
            for node in built
        ]
        self.outputs = [place[node] for node in outputs]

    def build(self, inputs: Sequence[Node]) -> list[Node]:
        """The same graph from other inputs of the same shapes and dtypes: its outputs."""
        values = [*inputs, *self.fixed]
        append = values.append
        for primitive, reads, params, shape, dtype, device in self.steps:
            append(Node(primitive, tuple([values[k] for k in reads]), params, shape, dtype, device))
        return [values[k] for k in self.outputs]
