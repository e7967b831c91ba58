"""How alike two batches of vectors are: the cosine between them, and the distance.

The distances of every pair of rows, `cdist` and `pdist`, stand with the norms.
"""

from __future__ import annotations

from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import DTypeError
from gradatim.graph.node import Node
from gradatim.ops.arguments import number_node, operands, wrap_dim
from gradatim.ops.moments import safe_sqrt
from gradatim.ops.norms import linalg_vector_norm
from gradatim.ops.reduce import widened
from gradatim.tensor import Tensor, named

__all__ = ["cosine_similarity", "pairwise_distance"]


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (|x1| |x2|) along `dim`, from -1 to 1.

    Args:
        x1, x2: floating, of shapes that broadcast.
        dim: the dimension that is summed over, and disappears.
        eps: what a norm counts as if it is smaller. (The gradient takes no notice of it.)

    Raises:
        DTypeError: for integers.
        ShapeError: for shapes that do not broadcast.

    Example:
        >>> import gradatim as gd
        >>> gd.cosine_similarity(gd.tensor([1.0, 0.0]), gd.tensor([1.0, 1.0]), dim=0)
        tensor(0.7071)
    """
    a, b = operands(x1, x2, "cosine_similarity")
    if not a.dtype.is_floating_point:
        raise DTypeError(
            f"cosine_similarity: expected common dtype to be floating point, yet common dtype is "
            f"{a.dtype.name}: cast one with .float()"
        )
    dtype, shape = a.dtype, p.broadcast(a.shape, b.shape)
    a, b = widened(p.expand(a, shape)), widened(p.expand(b, shape))
    axes = (wrap_dim(dim, len(shape)),)[: len(shape)]
    lengths = (_at_least(safe_sqrt(p.sum_(p.mul(x, x), axes)), eps) for x in (a, b))
    cosine = p.div(p.sum_(p.mul(a, b), axes), p.mul(*lengths))
    return named(p.cast(cosine, dtype), "Sum:1")


def _at_least(length: Node, eps: float) -> Node:
    """The length, or `eps` if that is larger, with the gradient of the length all the same."""
    limit = number_node(eps, length.dtype)
    held = p.select(p.lt(length, limit), limit, length)
    return p.substitute(p.stop_gradient(held), length) if length.history else held


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of `x1 - x2 + eps` over the last dimension.

    Args:
        x1, x2: (..., D), of shapes that broadcast.
        p: the order of the norm.
        eps: added to each difference, so that the distance of equal vectors has a gradient.
        keepdim: keep the last dimension, at size 1.

    Example:
        >>> import gradatim as gd
        >>> gd.pairwise_distance(gd.tensor([[0.0, 0.0]]), gd.tensor([[3.0, 4.0]]), eps=0)
        tensor([5.])
    """
    difference: Any = x1 - x2 + eps
    result: Tensor = linalg_vector_norm(difference, p, -1, keepdim)
    result._op = "Norm:1"
    return result
