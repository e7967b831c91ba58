"""Metrics of numbers: how far outputs are from targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradatim import ops
from gradatim.graph.errors import ShapeError
from gradatim.metrics.metric import Metric, row_weights
from gradatim.tensor import Tensor


class MAE(Metric):
    """Mean absolute error, over all rows and outputs.

    Args:
        scale: multiplies the error of each output, (outputs,): the unit in which a standardized
            target was measured.

    Example:
        >>> import gradatim as gd
        >>> gd.metrics.mae(gd.tensor([1.0, 2.0]), gd.tensor([2.0, 4.0]))
        1.5
    """

    name, label = "mae", "MAE"

    def __init__(self, scale: Sequence[float] | None = None) -> None:
        self.scale = _as_scale(scale)

    def sums(self, outputs: Tensor, targets: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        error = self.measure(_error(outputs, targets, self.scale))
        return _weighted([error, ops.ones_like(error)], sample_weight)

    def measure(self, error: Tensor) -> Tensor:
        """How bad each error is."""
        return error.abs()

    def value(self, totals: np.ndarray) -> float:
        errors, count = totals
        return float(np.mean(errors / count))

    def text(self, value: float) -> str:
        return f"{value:.4g}"


class MSE(MAE):
    """Mean squared error, over all rows and outputs. `scale` as for `MAE`."""

    name, label = "mse", "MSE"

    def measure(self, error: Tensor) -> Tensor:
        return error * error


class RMSE(MSE):
    """Root of the mean squared error of each output; of several outputs the mean of the roots.
    `scale` as for `MAE`.
    """

    name, label = "rmse", "RMSE"

    def value(self, totals: np.ndarray) -> float:
        squares, count = totals
        return float(np.mean(np.sqrt(squares / count)))


class R2(Metric):
    """Coefficient of determination: 1 − residual variance / target variance, mean over the outputs.

    A target that does not vary counts 1 where it is met exactly, otherwise 0 (as in scikit-learn).
    """

    name, label, higher_is_better = "r2", "R²", True

    def sums(self, outputs: Tensor, targets: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        error = _error(outputs, targets, None)
        values = targets.double().reshape(error.shape)
        columns = [error * error, values, values * values, ops.ones_like(values)]
        return _weighted(columns, sample_weight)

    def value(self, totals: np.ndarray) -> float:
        residual, total, squares, count = totals
        variation = squares - total * total / count
        varies = variation > 1e-12 * np.maximum(squares, 1e-300)
        share = np.divide(residual, variation, out=np.ones_like(residual), where=varies)
        return float(np.mean(np.where(varies | (residual > 0), 1 - share, 1.0)))


def _as_scale(scale: Sequence[float] | None) -> Tensor | None:
    return None if scale is None else ops.tensor(np.asarray(scale, dtype=np.float64))


def _error(outputs: Tensor, targets: Tensor, scale: Tensor | None) -> Tensor:
    """Outputs minus targets in float64, as (rows, outputs)."""
    if outputs.numel() != targets.numel() or outputs.shape[:1] != targets.shape[:1]:
        raise ShapeError(
            f"the outputs have shape {tuple(outputs.shape)} and the targets "
            f"{tuple(targets.shape)}: a regression metric needs one output for each target"
        )
    error = (outputs.double() - targets.double().reshape(outputs.shape)).reshape(len(outputs), -1)
    return error if scale is None else error * scale


def _weighted(columns: list[Tensor], sample_weight: Tensor | None) -> Tensor:
    """The sum of each over the rows: (number of columns, outputs)."""
    if sample_weight is not None:
        weights = row_weights(columns[0], sample_weight)[:, None]
        columns = [column * weights for column in columns]
    return ops.stack([column.sum(0) for column in columns])
