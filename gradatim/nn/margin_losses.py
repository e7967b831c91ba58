"""Losses that want a margin, as modules. The formulas are in `ops/margin_losses.py`, where each
argument is described.
"""

from __future__ import annotations

from collections.abc import Callable

from gradatim.graph.errors import ArgumentError
from gradatim.nn import functional as F
from gradatim.nn.distances import PairwiseDistance
from gradatim.nn.losses import _Loss, _WeightedLoss
from gradatim.tensor import Tensor

# --- two scores, or a score and a sign -----------------------------------------------------------


class _MarginLoss(_Loss):
    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class MarginRankingLoss(_MarginLoss):
    """The mean of max(0, margin - target · (input1 - input2)).

    Shape:
        input1, input2 and target alike, the target of 1 and -1; the result is 0-d, or with
        reduction="none" of their shape.
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class HingeEmbeddingLoss(_Loss):
    """The mean of the input where the target is 1, and of max(0, margin - input) where it is -1."""

    def __init__(
        self, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None,
        reduction: str = "mean",
    ):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """The mean of log(1 + exp(-target · input)), for targets 1 and -1."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


# --- scores of classes ---------------------------------------------------------------------------


class MultiMarginLoss(_WeightedLoss):
    """The mean of max(0, margin - right + wrong)ᵖ over samples and wrong classes.

    Shape:
        input of scores (N, C) or (C,); target of class indices (N,) or ().

    Raises:
        ArgumentError: for a `p` other than 1 and 2, and a weight that is no vector.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.MultiMarginLoss()(gd.tensor([[0.25, 1.0, 0.5]]), gd.tensor([1]))
        tensor(0.2500)
    """

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
        size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
    ):  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ArgumentError(f"MultiMarginLoss: only p == 1 and p == 2 supported, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ArgumentError(
                f"MultiMarginLoss: weight must be a vector, got shape {list(weight.shape)}"
            )
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight,
            reduction=self.reduction,
        )  # fmt: skip


class MultiLabelMarginLoss(_Loss):
    """The mean over samples of Σ max(0, 1 - right + wrong) / C over right and wrong classes.

    Shape:
        input of scores (N, C) or (C,); target of class indices in that shape, -1 behind the last.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean binary cross entropy of sigmoid(input) over samples and classes.

    Shape:
        input and target (..., C); the result is 0-d, or with reduction="none" (...).
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


# --- distances of vectors ------------------------------------------------------------------------


class CosineEmbeddingLoss(_MarginLoss):
    """The mean of 1 - cos(input1, input2) where the target is 1, and of max(0, cos - margin) where
    it is -1.

    Shape:
        input1 and input2 (N, D) or (D,); target (N,) or ().
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


def _positive(margin: float, name: str) -> float:
    if margin <= 0:
        raise ArgumentError(f"{name}: expected margin to be greater than 0, got {margin} instead")
    return margin


class TripletMarginLoss(_Loss):
    """The mean of max(0, margin + |anchor - positive| - |anchor - negative|).

    Shape:
        anchor, positive and negative (N, D) or (D,).

    Raises:
        ArgumentError: for a margin that is not positive.
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
        size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
    ):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = _positive(margin, "TripletMarginLoss")
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps, swap=self.swap,
            reduction=self.reduction,
        )  # fmt: skip


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` with a distance of one's own: a function of two tensors, or a module."""

    def __init__(
        self, *, distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0, swap: bool = False, reduction: str = "mean",
    ):  # fmt: skip
        super().__init__(reduction=reduction)
        self.margin = _positive(margin, "TripletMarginWithDistanceLoss")
        self.distance_function = distance_function or PairwiseDistance()
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function,
            margin=self.margin, swap=self.swap, reduction=self.reduction,
        )  # fmt: skip
