"""Metrics of outputs that are all there, as functions: one `update` and `compute` of the class."""

from __future__ import annotations

from typing import Any

from gradatim.metrics.classification import F1, Accuracy, ConfusionMatrix, Precision, Recall
from gradatim.metrics.metric import Metric
from gradatim.metrics.probabilities import LogLoss, Perplexity
from gradatim.metrics.ranking import ROCAUC
from gradatim.metrics.regression import MAE, MSE, R2, RMSE


def _of(metric: Metric, outputs: Any, targets: Any, sample_weight: Any = None) -> Any:
    metric.update(outputs, targets, sample_weight)
    return metric.compute()


def accuracy(outputs: Any, targets: Any, k: int = 1, sample_weight: Any = None) -> float:
    """See `Accuracy`.

    Example:
        >>> accuracy([0, 2, 1, 1], [0, 1, 1, 1])
        0.75
    """
    return _of(Accuracy(k), outputs, targets, sample_weight)


def precision(
    outputs: Any, targets: Any, average: str | None = "binary", num_classes: int | None = None,
    zero_division: float = 0.0, sample_weight: Any = None,
) -> Any:  # fmt: skip
    """See `Precision`.

    Example:
        >>> precision([1, 1, 0, 1], [1, 0, 1, 1])
        0.6666666666666666
    """
    return _of(Precision(average, num_classes, zero_division), outputs, targets, sample_weight)


def recall(
    outputs: Any, targets: Any, average: str | None = "binary", num_classes: int | None = None,
    zero_division: float = 0.0, sample_weight: Any = None,
) -> Any:  # fmt: skip
    """See `Recall`.

    Example:
        >>> recall([0, 2, 1, 1], [0, 1, 1, 1], average="macro")
        0.5555555555555555
    """
    return _of(Recall(average, num_classes, zero_division), outputs, targets, sample_weight)


def f1(
    outputs: Any, targets: Any, average: str | None = "binary", num_classes: int | None = None,
    zero_division: float = 0.0, sample_weight: Any = None,
) -> Any:  # fmt: skip
    """See `F1`.

    Example:
        >>> f1([0, 2, 1, 1], [0, 1, 1, 1], average=None)
        array([1. , 0.8, 0. ])
    """
    return _of(F1(average, num_classes, zero_division), outputs, targets, sample_weight)


def confusion_matrix(
    outputs: Any, targets: Any, num_classes: int | None = None, normalize: str | None = None,
    sample_weight: Any = None,
) -> Any:  # fmt: skip
    """See `ConfusionMatrix`."""
    return _of(ConfusionMatrix(num_classes, normalize), outputs, targets, sample_weight)


def roc_auc(
    outputs: Any, targets: Any, multi_class: str = "raise", average: str | None = "macro",
    sample_weight: Any = None,
) -> Any:  # fmt: skip
    """See `ROCAUC`."""
    return _of(ROCAUC(multi_class, average), outputs, targets, sample_weight)


def log_loss(outputs: Any, targets: Any, sample_weight: Any = None) -> float:
    """See `LogLoss`."""
    return _of(LogLoss(), outputs, targets, sample_weight)


def perplexity(outputs: Any, targets: Any, ignore_index: int = -100) -> float:
    """See `Perplexity`."""
    return _of(Perplexity(ignore_index), outputs, targets)


def mae(outputs: Any, targets: Any, sample_weight: Any = None) -> float:
    """Mean absolute error; see `MAE`."""
    return _of(MAE(), outputs, targets, sample_weight)


def mse(outputs: Any, targets: Any, sample_weight: Any = None) -> float:
    """Mean squared error; see `MSE`."""
    return _of(MSE(), outputs, targets, sample_weight)


def rmse(outputs: Any, targets: Any, sample_weight: Any = None) -> float:
    """Root of the mean squared error; see `RMSE`."""
    return _of(RMSE(), outputs, targets, sample_weight)


def r2(outputs: Any, targets: Any, sample_weight: Any = None) -> float:
    """Coefficient of determination; see `R2`.

    Example:
        >>> r2([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0])
        0.9486081370449679
    """
    return _of(R2(), outputs, targets, sample_weight)
