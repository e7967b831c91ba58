"""The gradients of convolution and pooling (window_primitives.py), in the same primitives."""

from __future__ import annotations

from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.gradient_rules import gradient_of
from gradatim.graph.node import Node, Shape

# ⟨g, x ∗ w⟩ is linear in g, x and w. Each face of it has the other two as its gradients, and saves
# its one input for the gradient of the other.


@gradient_of("convolve", (1, 0), (0, 1))
def _(g: Node, out: Node, x: Node, w: Node) -> Any:
    return (
        p.convolve_input(g, w, *_with(out, x.shape[2:])) if x.history else None,
        p.convolve_kernel(x, g, *_with(out, w.shape[2:])) if w.history else None,
    )


@gradient_of("convolve_input", (1, 0), (0, 1))
def _(x: Node, out: Node, g: Node, w: Node) -> Any:
    return (
        p.convolve(x, w, *out.params[:5]) if g.history else None,
        p.convolve_kernel(x, g, *_with(out, w.shape[2:])) if w.history else None,
    )


@gradient_of("convolve_kernel", (1, 0), (0, 1))
def _(w: Node, out: Node, x: Node, g: Node) -> Any:
    return (
        p.convolve_input(g, w, *_with(out, x.shape[2:])) if x.history else None,
        p.convolve(x, w, *out.params[:5]) if g.history else None,
    )


def _with(node: Node, sizes: Shape) -> tuple[Any, ...]:
    """The parameters that all share, and the sizes of what is asked for."""
    return *node.params[:5], sizes


@gradient_of("window_sum")
def _(g: Node, out: Node, x: Node) -> Any:
    rank = len(out.params[0])
    return (p.window_spread(g, *_with(out, x.shape[x.ndim - rank :])),)


@gradient_of("window_spread")
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.window_sum(g, *out.params[:5]),)


@gradient_of("window_gather", (1, 0))
def _(g: Node, out: Node, x: Node, places: Node) -> Any:
    (rank,) = out.params
    return p.window_scatter(g, places, x.shape[x.ndim - rank :]), None


@gradient_of("window_scatter", (1, 0))
def _(g: Node, out: Node, x: Node, places: Node) -> Any:
    return p.window_gather(g, places, len(out.params[0])), None
