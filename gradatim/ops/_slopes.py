"""Functions whose derivative is a formula of its own, simpler and more exact than what the rules of
the primitives would make of a long series."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import float32
from gradatim.graph.errors import GradientError
from gradatim.graph.formula import Formula
from gradatim.graph.gradients import sum_to
from gradatim.graph.node import Node, mode

Function = Callable[..., Formula]  # of as many Formulas as there are inputs


def with_slopes(
    name: str, function: Function, slopes: Sequence[Function | None], *inputs: Node
) -> Node:
    """`function(*inputs)`, whose derivative with respect to input k is `slopes[k](*inputs)`.

    float16 and bfloat16 are computed in float32. The slopes are functions of the same kind, so
    second derivatives come from their own.

    Args:
        name: what an error calls the function.
        slopes: None where PyTorch has no derivative either: asking for it raises.
    """
    dtype = inputs[0].dtype
    narrow = dtype.itemsize == 2

    def run(function: Function, nodes: Sequence[Node]) -> Node:
        wide = [Formula(p.cast(x, float32) if narrow else x) for x in nodes]
        return p.cast(function(*wide).node, dtype)

    if not (mode.recording and any(x.history for x in inputs)):
        return run(function, inputs)
    result = run(function, [p.stop_gradient(x) for x in inputs])

    def backward(grads: Sequence[Node | None]) -> list[Node | None]:
        g = grads[0]
        found: list[Node | None] = []
        for k, (x, slope) in enumerate(zip(inputs, slopes)):
            if g is None or not x.history:
                found.append(None)
            elif slope is None:
                raise GradientError(
                    f"the derivative for '{name}: input {k}' is not implemented: detach() it"
                )
            else:
                found.append(sum_to(p.mul(g, run(slope, inputs)), x.shape))
        return found

    return p.custom_gradient([result], inputs, backward)[0]


def differentiable(name: str, function: Function, *slopes: Function | None) -> Function:
    """`function` as a function of Formulas that knows its slopes: fit to stand in other slopes, so
    that second derivatives are formulas of their own too."""

    def call(*inputs: Formula) -> Formula:
        return Formula(with_slopes(name, function, slopes, *[x.node for x in inputs]))

    return call
