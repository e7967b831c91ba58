"""Metrics, streamed: each batch adds a few sums, and the epoch's value is a formula of the sums.

So a metric needs no memory of the predictions, gives the same value for every batch size, and its
sums are tensors: computing them is part of the compiled step, and nobody waits for them within an
epoch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gradatim import ops
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor


class Metric:
    """One number about a model on some data: sums over each batch, and a formula of the totals.

    Attributes:
        name: its key in `History` and `metrics.jsonl`.
        label: what a person reads.
        higher_is_better: which way improvement goes (for early stopping and the best model).
    """

    name: str
    label: str
    higher_is_better = False

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The batch's sums: any shape, float64, to be added up over batches."""
        raise NotImplementedError

    def value(self, totals: np.ndarray) -> float:
        """The metric, from the sums of all batches."""
        raise NotImplementedError

    def text(self, value: float) -> str:
        """The value as it is printed."""
        return f"{value:.4f}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Accuracy(Metric):
    """The share of rows whose largest output is the target class.

    Outputs are (rows, classes). Targets are (rows,) class indices, or (rows, classes), where the
    largest counts (one-hot, or probabilities).
    """

    name, label, higher_is_better = "accuracy", "Accuracy", True

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if outputs.dim() != 2:
            raise ShapeError(
                "accuracy needs outputs of shape (rows, classes); "
                f"these have {tuple(outputs.shape)}"
            )
        if targets.dim() == 2:
            targets = targets.argmax(1)
        right = (outputs.argmax(1) == targets).sum()
        return ops.stack([right, ops.ones_like(targets).sum()]).double()

    def value(self, totals: np.ndarray) -> float:
        right, rows = totals
        return float(right / rows)


class MAE(Metric):
    """Mean absolute error, over all rows and outputs.

    Args:
        scale: multiplies the error of each output, (outputs,): the unit in which a standardized
            target was measured.
    """

    name, label = "mae", "MAE"

    def __init__(self, scale: Sequence[float] | None = None) -> None:
        self.scale = _as_scale(scale)

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        error = _error(outputs, targets, self.scale).abs()
        return ops.stack([error.sum(), ops.ones_like(error).sum()])

    def value(self, totals: np.ndarray) -> float:
        error, count = totals
        return float(error / count)

    def text(self, value: float) -> str:
        return f"{value:.4g}"


class RMSE(Metric):
    """Root of the mean squared error, over all rows and outputs. `scale` as for `MAE`."""

    name, label = "rmse", "RMSE"

    def __init__(self, scale: Sequence[float] | None = None) -> None:
        self.scale = _as_scale(scale)

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        error = _error(outputs, targets, self.scale)
        return ops.stack([(error * error).sum(), ops.ones_like(error).sum()])

    def value(self, totals: np.ndarray) -> float:
        squares, count = totals
        return math.sqrt(squares / count)

    def text(self, value: float) -> str:
        return f"{value:.4g}"


class R2(Metric):
    """Coefficient of determination: 1 − residual variance / target variance, mean over the outputs.

    A target that does not vary counts 1 where it is met exactly, otherwise 0 (as in scikit-learn).
    """

    name, label, higher_is_better = "r2", "R²", True

    def sums(self, outputs: Tensor, targets: Tensor) -> Tensor:
        error = _error(outputs, targets, None)
        values = targets.double().reshape(error.shape)
        return ops.stack(
            [
                (error * error).sum(0),
                values.sum(0),
                (values * values).sum(0),
                ops.ones_like(values).sum(0),
            ]
        )

    def value(self, totals: np.ndarray) -> float:
        residual, total, squares, count = totals
        variation = squares - total * total / count
        varies = variation > 1e-12 * np.maximum(squares, 1e-300)
        share = np.divide(residual, variation, out=np.ones_like(residual), where=varies)
        return float(np.mean(np.where(varies | (residual > 0), 1 - share, 1.0)))


METRICS: dict[str, type[Metric]] = {metric.name: metric for metric in (Accuracy, MAE, RMSE, R2)}


def find_metric(metric: str | Metric) -> Metric:
    """The metric of that name, or the metric itself."""
    if isinstance(metric, Metric):
        return metric
    if metric not in METRICS:
        raise ArgumentError(
            f"there is no metric {metric!r}: choose from {', '.join(METRICS)}, "
            "or give an object with sums() and value()"
        )
    return METRICS[metric]()


def _as_scale(scale: Sequence[float] | None) -> Tensor | None:
    return None if scale is None else ops.tensor(np.asarray(scale, dtype=np.float64))


def _error(outputs: Tensor, targets: Tensor, scale: Tensor | None) -> Tensor:
    """Outputs minus targets in float64, as (rows, outputs)."""
    if outputs.numel() != targets.numel():
        raise ShapeError(
            f"the outputs have shape {tuple(outputs.shape)} and the targets "
            f"{tuple(targets.shape)}: a regression metric needs one output for each target"
        )
    error = (outputs.double() - targets.double().reshape(outputs.shape)).reshape(len(outputs), -1)
    return error if scale is None else error * scale
