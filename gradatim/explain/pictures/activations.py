"""Activation functions with their derivatives, both computed by the framework itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim import ops
from gradatim.explain.pictures.style import BLUE, PALE, RED, new_figure, plain
from gradatim.graph.errors import ArgumentError
from gradatim.tensor import Tensor

FUNCTIONS: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "sigmoid": (r"Sigmoid  $1/(1+e^{-x})$", ops.sigmoid),
    "tanh": (r"Tanh  $(e^{x}-e^{-x})/(e^{x}+e^{-x})$", ops.tanh),
    "relu": (r"ReLU  $\max(0, x)$", ops.relu),
    "leaky_relu": (r"Leaky ReLU  $\max(0.01x, x)$", ops.leaky_relu),
    "gelu": (r"GELU  $x\,\Phi(x)$", ops.gelu),
    "silu": (r"SiLU  $x/(1+e^{-x})$", ops.silu),
}


def activations(names: Sequence[str] = tuple(FUNCTIONS), reach: float = 5.0) -> Any:
    """Each function's curve, and that of its derivative.

    Args:
        names: of `FUNCTIONS`.
        reach: x goes from -reach to reach.

    Example:
        >>> [axis.get_title(loc="left") for axis in activations(["relu"]).axes]
        ['ReLU  $\\\\max(0, x)$']
    """
    unknown = [name for name in names if name not in FUNCTIONS]
    if unknown or not names:
        raise ArgumentError(f"no activation {unknown}: choose from {', '.join(FUNCTIONS)}")
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = new_figure(3.9 * columns, 2.9 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for name, axis in zip(names, grid):
        title, function = FUNCTIONS[name]
        x = ops.linspace(-reach, reach, 1001, requires_grad=True)
        y = function(x)
        y.sum().backward()
        axis.axhline(0, color=PALE, linewidth=0.8)
        axis.axvline(0, color=PALE, linewidth=0.8)
        axis.plot(x.detach().numpy(), y.detach().numpy(), color=BLUE, linewidth=2, label="f(x)")
        axis.plot(
            x.detach().numpy(), x.grad.numpy(), color=RED, linewidth=1.6, ls="--", label="f′(x)"
        )
        plain(axis, title, "x")
        axis.set_ylim(-1.4, 2.4)
        axis.legend(frameon=False, loc="upper left")
    for axis in list(grid):
        axis.remove()
    return figure
