"""Losses that want a margin: between the right and the wrong, and none where it is kept.

They compare scores of classes, two scores, or the distances of two or three vectors. Where a score
lies exactly on the margin, the gradient is PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim import ops
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError
from gradatim.ops._places import known_values
from gradatim.ops.activations import logsigmoid
from gradatim.ops.distances import pairwise_distance
from gradatim.ops.loss_reduction import (
    check_reduction,
    choose_reduction,
    need_tensors,
    reduce_loss,
)
from gradatim.tensor import Tensor, op

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

# --- two scores, or a score and a sign -----------------------------------------------------------


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, margin - target · (input1 - input2)): the first shall rank higher where the target is
    1, the second where it is -1.

    Args:
        input1, input2, target: with as many dimensions, of shapes that broadcast.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: for different numbers of dimensions.

    Example:
        >>> import gradatim as gd
        >>> high, low = gd.tensor([1.0, 3.0]), gd.tensor([2.0, 0.0])
        >>> gd.nn.functional.margin_ranking_loss(high, low, gd.tensor([1.0, 1.0]))
        tensor(0.5000)
    """
    need_tensors("margin_ranking_loss", input1=input1, input2=input2, target=target)
    reduction = choose_reduction(size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            f"margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape}"
        )
    return reduce_loss(ops.clamp_min(-target * (input1 - input2) + margin, 0), reduction)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The input, a distance, where the target is 1; max(0, margin - input) where it is -1.

    Args:
        input, target: of shapes that broadcast.
        reduction: "mean", "sum" or "none".

    Example:
        >>> import gradatim as gd
        >>> distances = gd.tensor([0.5, 0.75])
        >>> gd.nn.functional.hinge_embedding_loss(distances, gd.tensor([1, -1]), reduction="none")
        tensor([0.5000, 0.2500])
    """
    need_tensors("hinge_embedding_loss", input=input, target=target)
    reduction = choose_reduction(size_average, reduce, reduction)
    apart = ops.where(target != 1, ops.clamp_min(margin - input, 0), 0.0)
    return reduce_loss(apart + ops.where(target != -1, input, 0.0), reduction)


@op("SoftMarginLoss")
def _soft_margin_loss(input: Tensor, target: Tensor, reduction: str) -> Tensor:
    return reduce_loss(-logsigmoid(input * target), reduction)


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """log(1 + exp(-target · input)), for targets 1 and -1. It never overflows.

    Args:
        input, target: of shapes that broadcast.
        reduction: "mean", "sum" or "none".

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.soft_margin_loss(gd.tensor([0.0, -99.0]), gd.tensor([1.0, 1.0]))
        tensor(49.8466)
    """
    need_tensors("soft_margin_loss", input=input, target=target)
    return _soft_margin_loss(input, target, choose_reduction(size_average, reduce, reduction))


# --- scores of classes ---------------------------------------------------------------------------


def _rows(name: str, input: Tensor) -> Tensor:
    """Scores (N, C), of an input (N, C) or (C,), or of a single score."""
    if input.ndim > 2 or (input.ndim and not input.shape[-1]):
        raise ShapeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}"
        )
    return input if input.ndim == 2 else input.reshape(1, -1)


def _need_classes(name: str, target: Tensor) -> None:
    if target.dtype is not int64:
        raise DTypeError(
            f"{name}: expected scalar type Long but found {target.dtype.name}: a target holds "
            f"indices of classes; cast it with .long()"
        )


@op("MultiMarginLoss")
def _multi_margin_loss(
    scores: Tensor, target: Tensor, power: int, margin: float, weight: Tensor | None, reduction: str
) -> Tensor:
    classes = scores.shape[1]
    right = ops.gather(scores, 1, target.unsqueeze(1))
    over = ops.relu(scores - right + margin)
    if power == 2:
        over = over * over
    if weight is not None:
        over = over * weight[target].unsqueeze(1)
    wrong = ops.arange(classes) != target.unsqueeze(1)
    return reduce_loss(ops.sum(ops.where(wrong, over, 0.0), 1) / classes, reduction)


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The mean over the classes of max(0, margin - right + wrong)ᵖ: the right class shall score
    above every wrong one (Crammer and Singer, 2001).

    Args:
        input: scores, (N, C) or (C,).
        target: the right classes, int64, (N,) or ().
        p: 1 or 2.
        weight: (C,), multiplies the loss of each right class.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another `p`, or a weight that is no vector.
        ShapeError, DTypeError: for a target or weight that does not fit.
        ElementOutOfRange: for a class that is not there.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.multi_margin_loss(gd.tensor([[0.25, 1.0, 0.5]]), gd.tensor([1]))
        tensor(0.2500)
    """
    need_tensors("multi_margin_loss", input=input, target=target)
    reduction = check_reduction(choose_reduction(size_average, reduce, reduction))
    if p not in (1, 2):
        raise ArgumentError(f"multi_margin_loss: only p == 1 and p == 2 supported, got {p}")
    if weight is not None and weight.ndim != 1:
        raise ArgumentError(
            f"multi_margin_loss: weight must be one-dimensional, got shape {list(weight.shape)}"
        )
    scores = _rows("multi_margin_loss", input)
    count, classes = scores.shape
    if target.ndim > 1 or target.numel() != count:
        raise ShapeError(
            f"multi_margin_loss: inconsistent target size: expected one class for each of {count} "
            f"rows of scores, got {list(target.shape)} for an input of shape {list(input.shape)}"
        )
    _need_classes("multi_margin_loss", target)
    if weight is not None and weight.numel() != classes:
        raise ShapeError(
            f"multi_margin_loss: inconsistent weight size: {weight.numel()} for {classes} classes"
        )
    places = target.reshape(-1)
    if target.ndim == 0 and reduction == "none":
        reduction = "sum"
    return _multi_margin_loss(scores, places, p, margin, weight, reduction)


@op("MultilabelMarginLoss")
def _multilabel_margin_loss(scores: Tensor, target: Tensor, reduction: str) -> Tensor:
    classes = scores.shape[1]
    listed = ops.cumsum((target < 0).to(int64), 1) == 0  # what stands before the first -1
    labels = ops.where(listed, target, 0)
    right = ops.gather(scores, 1, labels)
    names = labels.unsqueeze(2) == ops.arange(classes)
    is_right = ops.any(names & listed.unsqueeze(2), 1, keepdim=True)
    over = ops.relu(1 - right.unsqueeze(2) + scores.unsqueeze(1))
    counts = listed.unsqueeze(2) & ~is_right
    return reduce_loss(ops.sum(ops.where(counts, over, 0.0), (1, 2)) / classes, reduction)


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Σ max(0, 1 - right + wrong) / C over every pair of a right and a wrong class.

    Args:
        input: scores, (N, C) or (C,).
        target: int64, of the same shape: in each row the right classes, then -1; what follows that
            counts for nothing.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError, DTypeError: for a target that does not fit.
        ElementOutOfRange: for a class that is not there.

    Example:
        >>> import gradatim as gd
        >>> scores, right = gd.tensor([[0.1, 0.2, 0.4, 0.8]]), gd.tensor([[3, 0, -1, 1]])
        >>> gd.nn.functional.multilabel_margin_loss(scores, right)
        tensor(0.8500)
    """
    need_tensors("multilabel_margin_loss", input=input, target=target)
    reduction = check_reduction(choose_reduction(size_average, reduce, reduction))
    scores = _rows("multilabel_margin_loss", input)
    fits = target.shape == input.shape or (input.ndim == 0 and target.numel() == 1)
    if not fits or target.ndim > 2:
        raise ShapeError(
            f"multilabel_margin_loss: inconsistent target size: {list(target.shape)} for input of "
            f"size: {list(input.shape)}"
        )
    _need_classes("multilabel_margin_loss", target)
    labels = target.reshape(tuple(scores.shape))
    known = known_values(target)
    if known is not None and known.size:  # only as wide as the longest list of classes
        rows = known.reshape(tuple(scores.shape))
        lengths = (rows < 0).argmax(1)
        lengths[(rows >= 0).all(1)] = rows.shape[1]
        labels = labels[:, : max(int(lengths.max()), 1)]
    if input.ndim < 2 and reduction == "none":
        reduction = "sum"
    return _multilabel_margin_loss(scores, labels, reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The mean over the classes of -t · log(sigmoid(x)) - (1 - t) · log(sigmoid(-x)).

    Args:
        input: logits, (..., C).
        target: the same shape, 1 for the right classes and 0 for the others.
        weight: (C,), multiplies the loss of each class.
        reduction: "mean", "sum" or "none"; "none" keeps a number for each sample.

    Example:
        >>> import gradatim as gd
        >>> right = gd.tensor([[1.0, 0.0]])
        >>> gd.nn.functional.multilabel_soft_margin_loss(gd.zeros(1, 2), right)
        tensor(0.6931)
    """
    need_tensors("multilabel_soft_margin_loss", input=input, target=target)
    reduction = choose_reduction(size_average, reduce, reduction)
    # log(sigmoid(-x)) = log(sigmoid(x)) - x
    loss = (1 - target) * input - logsigmoid(input)
    if weight is not None:
        loss = loss * weight
    return reduce_loss(ops.sum(loss, -1) / input.size(input.ndim - 1), reduction)


# --- distances of vectors ------------------------------------------------------------------------


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cos(input1, input2) where the target is 1, max(0, cos - margin) where it is -1.

    Args:
        input1, input2: (N, D), or (D,) with a 0-d target.
        target: (N,) or (), 1 for vectors that shall be alike and -1 for those that shall not.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: for dimensions that do not fit.

    Example:
        >>> import gradatim as gd
        >>> a, b = gd.tensor([[1.0, 0.0]]), gd.tensor([[0.0, 2.0]])
        >>> gd.nn.functional.cosine_embedding_loss(a, b, gd.tensor([1]))
        tensor(1.)
    """
    need_tensors("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    reduction = choose_reduction(size_average, reduce, reduction)
    if target.ndim > 1:
        raise ShapeError(
            f"cosine_embedding_loss: 0D or 1D target tensor expected, multi-target not supported, "
            f"got {list(target.shape)}"
        )
    if not input1.ndim == input2.ndim == target.ndim + 1:
        raise ShapeError(
            f"cosine_embedding_loss: {target.ndim}D target tensor expects {target.ndim + 1}D input "
            f"tensors, but found inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    tiny = 1e-12
    lengths = (ops.sum(input1 * input1, -1) + tiny) * (ops.sum(input2 * input2, -1) + tiny)
    cosine = ops.sum(input1 * input2, -1) / ops.sqrt(lengths)
    alike = ops.where(target == 1, 1 - cosine, 0.0)
    apart = ops.where(target == -1, ops.clamp_min(cosine - margin, 0), 0.0)
    return reduce_loss(alike + apart, reduction)


def _triplet(
    distance: Callable[[Tensor, Tensor], Tensor], anchor: Tensor, positive: Tensor,
    negative: Tensor, margin: float, swap: bool, reduction: str,
) -> Tensor:  # fmt: skip
    if margin <= 0:
        raise ArgumentError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
            f"{negative.ndim}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return reduce_loss(ops.clamp_min(margin + near - far, 0), reduction)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
    eps: float = 1e-6, swap: bool = False, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, margin + |anchor - positive| - |anchor - negative|) (Balntas, Riba et al., 2016).

    Args:
        anchor, positive, negative: (..., D), of shapes that broadcast, with as many dimensions.
        margin: positive.
        p, eps: of the distance, as for `pairwise_distance`.
        swap: take the distance of positive and negative where that is smaller.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for a margin that is not positive.
        ShapeError: for different numbers of dimensions.

    Example:
        >>> import gradatim as gd
        >>> a, near, far = gd.tensor([[0.0]]), gd.tensor([[1.0]]), gd.tensor([[1.5]])
        >>> gd.nn.functional.triplet_margin_loss(a, near, far)
        tensor(0.5000)
    """
    need_tensors("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    reduction = choose_reduction(size_average, reduce, reduction)

    def distance(x1: Tensor, x2: Tensor) -> Tensor:
        return pairwise_distance(x1, x2, p, eps)

    return _triplet(distance, anchor, positive, negative, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None, margin: float = 1.0,
    swap: bool = False, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """`triplet_margin_loss` with a distance of one's own.

    Args:
        distance_function: of two tensors; `pairwise_distance` if not given.
        anchor, positive, negative, margin, swap, reduction: as for `triplet_margin_loss`.

    Example:
        >>> import gradatim as gd
        >>> def city_blocks(x, y):
        ...     return (x - y).abs().sum(-1)
        >>> a, near, far = gd.tensor([[0.0]]), gd.tensor([[1.0]]), gd.tensor([[1.5]])
        >>> gd.nn.functional.triplet_margin_with_distance_loss(
        ...     a, near, far, distance_function=city_blocks)
        tensor(0.5000)
    """
    need_tensors(
        "triplet_margin_with_distance_loss", anchor=anchor, positive=positive, negative=negative
    )
    check_reduction(reduction)
    distance: Any = pairwise_distance if distance_function is None else distance_function
    return _triplet(distance, anchor, positive, negative, margin, swap, reduction)
