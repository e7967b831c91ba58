"""How alike two batches of vectors are, as modules. The formulas are in `ops/distances.py`."""

from __future__ import annotations

from gradatim.nn import functional as F
from gradatim.nn.module import Module
from gradatim.tensor import Tensor


class CosineSimilarity(Module):
    """x1 · x2 / (|x1| |x2|) along a dimension.

    Args:
        dim: the dimension, which disappears.
        eps: what a norm counts as if it is smaller.

    Shape:
        x1 and x2 of shapes that broadcast; the result without `dim`.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.CosineSimilarity()(gd.tensor([[1.0, 0.0]]), gd.tensor([[1.0, 1.0]]))
        tensor([0.7071])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps over the last dimension.

    Args:
        p: the order of the norm.
        eps: added to each difference.
        keepdim: keep the last dimension, at size 1.

    Shape:
        x1 and x2 (..., D), of shapes that broadcast; the result without D.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
