"""Metrics of probabilities: how surprised a model is by what happens."""

from __future__ import annotations

import numpy as np

from gradatim import ops
from gradatim.graph.dtypes import float64
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.metrics.metric import Metric, row_weights
from gradatim.tensor import Tensor


class LogLoss(Metric):
    """The mean of -log(probability of the target class); probabilities, not logits.

    Outputs are (rows, classes), or (rows,) with the probability of class 1 of two. Targets are
    classes, (rows,). Probabilities are kept at least a machine epsilon (float64's, of
    narrower dtypes float32's) from 0 and 1.

    Example:
        >>> import gradatim as gd
        >>> round(gd.metrics.log_loss(gd.tensor([0.9, 0.2]), gd.tensor([1, 0])), 4)
        0.1643
    """

    name, label = "log_loss", "Log loss"

    def sums(self, outputs: Tensor, targets: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if not outputs.is_floating_point() or outputs.dim() not in (1, 2):
            raise ShapeError(
                "log loss needs probabilities of shape (rows, classes) or (rows,); these are "
                f"{outputs.dtype} of shape {tuple(outputs.shape)}"
            )
        if targets.dim() != 1 or len(targets) != len(outputs):
            raise ShapeError(
                f"the outputs have shape {tuple(outputs.shape)} and the targets "
                f"{tuple(targets.shape)}: log loss needs one class for each row"
            )
        epsilon = np.finfo(np.float32 if outputs.dtype.itemsize <= 4 else np.float64).eps
        probabilities = outputs.double()
        if probabilities.dim() == 1 or probabilities.shape[1] == 1:
            ones = probabilities.reshape(-1)
            probabilities = ops.stack([1 - ones, ones], 1)
        own = probabilities.gather(1, targets.long()[:, None])[:, 0]
        own = own.clamp(float(epsilon), 1 - float(epsilon))
        weights = row_weights(targets, sample_weight)
        return ops.stack([-(own.log() * weights).sum(), weights.sum()])

    def value(self, totals: np.ndarray) -> float:
        loss, rows = totals
        return float(loss / rows)


class Perplexity(Metric):
    """exp(mean cross entropy): as many classes, all equally likely, would surprise as much.

    Outputs are logits, (..., classes), for instance (batch, time, vocabulary). Targets are classes,
    (...).

    Args:
        ignore_index: targets of this value do not count, such as padding.

    Example:
        >>> import gradatim as gd
        >>> round(gd.metrics.perplexity(gd.zeros(2, 3, 8), gd.zeros(2, 3, dtype=gd.int64)), 6)
        8.0
    """

    name, label = "perplexity", "Perplexity"

    def __init__(self, ignore_index: int = -100) -> None:
        if not isinstance(ignore_index, int):
            raise ArgumentError(f"ignore_index={ignore_index!r}: expected a class, an integer")
        self.ignore_index = ignore_index

    def sums(self, outputs: Tensor, targets: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if tuple(outputs.shape[:-1]) != tuple(targets.shape):
            raise ShapeError(
                f"the outputs have shape {tuple(outputs.shape)} and the targets "
                f"{tuple(targets.shape)}: perplexity needs logits (..., classes) and classes (...)"
            )
        counts = (targets != self.ignore_index).double()
        own = ops.where(targets == self.ignore_index, ops.zeros_like(targets), targets)
        logits = outputs.double()
        surprise = logits.logsumexp(-1) - logits.gather(-1, own.long()[..., None])[..., 0]
        if sample_weight is not None:
            counts = counts * sample_weight.reshape(-1, *[1] * (targets.dim() - 1))
        return ops.stack([(surprise * counts).sum(), counts.sum()]).to(float64)

    def value(self, totals: np.ndarray) -> float:
        surprise, count = totals
        return float(np.exp(surprise / count))

    def text(self, value: float) -> str:
        return f"{value:.4g}"
