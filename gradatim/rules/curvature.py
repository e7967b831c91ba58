"""Second derivatives backwards through a graph, on the diagonal: LeCun, Bottou, Bengio & Haffner
1998, *Gradient-based learning applied to document recognition*, appendix C (after Becker & LeCun
1989, *Improving the convergence of back-propagation learning with second-order methods*).

Gradients travel backwards through a layer by its transposed Jacobian. Second derivatives, if all
off the diagonal are dropped, and with them those of the layer itself (Gauss-Newton), travel by its
*squares*: for y = f(a), a = W x,

    ∂²E/∂a² = f'(a)² ∂²E/∂y²        (eq. 25, without its second term)
    ∂²E/∂x² = Wᵀ² ∂²E/∂a²           (eq. 26, each entry squared)
    ∂²E/∂w_k² = Σ ∂²E/∂a_i² x_j²    (eq. 22, over the connections (i, j) that share w_k)

So nothing is ever negative. In code, each primitive's own gradient rule does it: a rule that is
linear in an operand is given that operand squared, and an elementwise rule, which multiplies by a
derivative, is applied twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradatim.autograd.reverse import _node_of
from gradatim.graph import primitives as p
from gradatim.graph.errors import GradientError, ShapeError
from gradatim.graph.gradient_rules import RULES, sum_to
from gradatim.graph.node import Node, history_of, mode
from gradatim.tensor import Tensor, wrap

# What has entries 0 and 1 alone as its Jacobian: its gradient rule serves as it is.
_PICKS = ("reshape", "permute", "expand", "pad", "slice", "dynamic_slice", "flip", "concatenate",
          "gather", "sum", "window_sum", "window_spread", "window_gather", "variable", "copy",
          "cast")  # fmt: skip
_PRODUCTS = ("contract", "convolve", "convolve_input")
_ELEMENTWISE = ("unary", "binary", "select")


def diagonal_curvature(
    outputs: Tensor, curvature: Tensor, parameters: Sequence[Tensor]
) -> list[Tensor]:
    """The second derivatives of a loss by each parameter, summed over the examples.

    Args:
        outputs: what the network computed, with history.
        curvature: ∂²E/∂(each output)², of the outputs' shape, none of them negative: 1 for half
            the squared error.
        parameters: leaves of the outputs' history. One that is not gets zeros.

    Returns:
        One tensor a parameter, of its shape and dtype.

    Raises:
        ShapeError: a curvature of another shape than the outputs.
        GradientError: an operation on the way through which curvature cannot travel alone.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([[1.0, -2.0]], requires_grad=True)
        >>> x = gd.tensor([[3.0], [1.0]])
        >>> y = x @ w                                     # and the loss is E = ½ Σ y²
        >>> diagonal_curvature(y, gd.ones(2, 2), [w])     # 3² + 1²
        [tensor([[10., 10.]])]
    """
    if curvature.shape != outputs.shape:
        raise ShapeError(
            f"curvature has shape {list(curvature.shape)}, the outputs {list(outputs.shape)}: "
            "expected one second derivative an output"
        )
    if not outputs.requires_grad:
        raise GradientError("the outputs have no history: nothing they depend on requires_grad")
    leaves = [_node_of(parameter) for parameter in parameters]
    root = _node_of(outputs)
    before, mode.recording = mode.recording, False
    try:
        found = _walk(root, curvature._read(), set(leaves))
    finally:
        mode.recording = before
    zeros = (p.full(leaf.shape, 0, leaf.dtype, leaf.device) for leaf in leaves)
    return [wrap(found.get(leaf, zero)) for leaf, zero in zip(leaves, zeros)]


def _walk(root: Node, curvature: Node, wanted: set[Node]) -> dict[Node, Node]:
    arrived = {root: curvature}
    found = {}
    for node in history_of([root]):
        h = arrived.pop(node, None)
        if h is None:
            continue
        if node in wanted:
            found[node] = h
        if not node.inputs or node.primitive is p.VARIABLE:
            continue
        for source, part in zip(node.inputs, _through(h, node)):
            if part is not None and source.history:
                old = arrived.get(source)
                arrived[source] = part if old is None else p.add(old, part)
    return found


def _through(h: Node, node: Node) -> Sequence[Node | None]:
    name, kind = node.primitive.name, node.primitive.kind
    if node.primitive in RULES:
        rule = RULES[node.primitive][0]
        if name in _PICKS:
            return rule(h, node, *node.inputs)
        if name in _PRODUCTS:
            squares = [_like(p.mul(x, x), x) for x in node.inputs]
            return rule(h, node, *squares)
        if kind in _ELEMENTWISE:
            return _elementwise(h, node, rule)
    raise GradientError(
        f"{name} is none of the operations through which second derivatives travel alone: "
        "products, sums, convolutions, movement and elementwise functions are"
    )


def _elementwise(h: Node, node: Node, rule: Any) -> list[Node | None]:
    """Multiply by the square of each derivative: the rule, twice. It must not add up over what was
    broadcast in between, so its operands are spread out first.
    """
    wide = [_like(_spread(x, node.shape), x) for x in node.inputs]
    parts: list[Node | None] = []
    for k, (x, once) in enumerate(zip(node.inputs, rule(h, node, *wide))):
        twice = None if once is None else rule(once, node, *wide)[k]
        parts.append(None if twice is None else sum_to(twice, x.shape))
    return parts


def _spread(x: Node, shape: tuple[int, ...]) -> Node:
    if x.shape == shape:
        return x
    lead = (1,) * (len(shape) - len(x.shape))
    return p.expand(p.reshape(x, lead + x.shape), shape)


def _like(made: Node, x: Node) -> Node:
    """`made` with the history of x: rules ask it which operands want something."""
    made.history = x.history
    return made
