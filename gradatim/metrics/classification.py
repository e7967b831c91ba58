"""Metrics of classes: accuracy, and all that can be read from a confusion matrix.

Outputs are scores, (rows, classes), of which the largest counts, or classes themselves, (rows,), as
integers or booleans. Targets are classes, (rows,), or (rows, classes), where the largest counts
(one-hot, or probabilities).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim import ops
from gradatim.graph.dtypes import float64, int64
from gradatim.graph.errors import ArgumentError, IndexOutOfRange, ShapeError
from gradatim.metrics.metric import Metric, row_weights
from gradatim.tensor import Tensor


class Accuracy(Metric):
    """The share of rows whose target class is the one with the largest output, or one of the k.

    Args:
        k: how many of the largest outputs count. Among equal outputs for k = 1 the first class is
            the prediction, as for `argmax`; for k > 1 the last classes come first, as in
            scikit-learn's `top_k_accuracy_score`.

    Example:
        >>> import gradatim as gd
        >>> scores = gd.tensor([[0.1, 0.3, 0.6], [0.5, 0.4, 0.1]])
        >>> gd.metrics.accuracy(scores, gd.tensor([2, 1])), gd.metrics.accuracy(scores, [2, 1], k=2)
        (0.5, 1.0)
    """

    name, label, higher_is_better = "accuracy", "Accuracy", True

    def __init__(self, k: int = 1) -> None:
        if not isinstance(k, int) or k < 1:
            raise ArgumentError(f"k={k!r}: expected a whole number of 1 or more")
        self.k = k
        if k > 1:
            self.name, self.label = f"top{k}_accuracy", f"Top-{k} accuracy"

    def sums(self, outputs: Tensor, targets: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        _check_rows(outputs, targets)
        if outputs.dim() != 2 and (outputs.is_floating_point() or self.k > 1):
            raise ShapeError(
                "accuracy needs outputs of shape (rows, classes), or predicted classes as "
                f"integers; these have shape {tuple(outputs.shape)} and {outputs.dtype}"
            )
        targets = _classes(targets)
        if outputs.dim() != 2:
            right = outputs == targets
        elif self.k == 1:
            right = outputs.argmax(1) == targets
        else:
            own = outputs.gather(1, targets[:, None].long())
            numbers = ops.arange(outputs.shape[1], device=outputs.device)
            ahead = (outputs > own) | ((outputs == own) & (numbers > targets[:, None]))
            right = ahead.sum(1) < self.k
        weights = row_weights(targets, sample_weight)
        return ops.stack([(right * weights).sum(), weights.sum()])

    def value(self, totals: np.ndarray) -> float:
        right, rows = totals
        return float(right / rows)

    def __repr__(self) -> str:
        return f"Accuracy(k={self.k})" if self.k > 1 else "Accuracy()"


class ConfusionMatrix(Metric):
    """How often each class (row) was taken for each class (column), float64 (classes, classes).

    Args:
        num_classes: how many classes there are; without it as many as the outputs have columns, or
            as the largest class that occurs needs.
        normalize: "true" divides each row by its sum, "pred" each column, "all" by the whole sum.

    Example:
        >>> import gradatim as gd
        >>> gd.metrics.confusion_matrix(gd.tensor([0, 1, 1]), gd.tensor([0, 1, 0]))
        array([[1., 1.],
               [0., 1.]])
    """

    name, label, higher_is_better = "confusion_matrix", "Confusion matrix", True

    def __init__(self, num_classes: int | None = None, normalize: str | None = None) -> None:
        if normalize not in (None, "true", "pred", "all"):
            raise ArgumentError(
                f"normalize must be one of 'true', 'pred', 'all' or None, got {normalize!r}"
            )
        self.num_classes = num_classes
        self.normalize = normalize

    def sums(self, outputs: Tensor, targets: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        _check_rows(outputs, targets)
        of_scores = outputs.shape[1] if outputs.dim() == 2 else None
        predictions, targets = _classes(outputs), _classes(targets)
        count = self.num_classes or of_scores or _largest(predictions, targets) + 1
        if of_scores is None or self.num_classes is not None:
            _check_classes(predictions, targets, count)
        places = targets * count + predictions
        weights = row_weights(targets, sample_weight)
        flat = ops.zeros(count * count, dtype=float64, device=weights.device).scatter_add(
            0, places, weights
        )
        return flat.reshape(count, count)

    def merge(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        size = max(len(one), len(other))
        grown = np.zeros((size, size))
        for matrix in (one, other):
            grown[: len(matrix), : len(matrix)] += matrix
        return grown

    def value(self, totals: np.ndarray) -> Any:
        if self.normalize is None:
            return totals
        axis = {"true": 1, "pred": 0, "all": None}[self.normalize]
        whole = totals.sum(axis=axis, keepdims=True)
        return np.divide(totals, whole, out=np.zeros_like(totals), where=whole != 0)


class _PerClass(ConfusionMatrix):
    """A share of each class, and its average over classes.

    Args:
        average: "binary" gives class 1 of two; "micro" pools all classes; "macro" is the mean over
            the classes, "weighted" that weighted by how many rows a class has; None gives an array
            with each class.
        num_classes: how many classes there are. Without it, averages are over the classes that
            occur in targets or predictions.
        zero_division: the value of a class where the share is 0 / 0: 0, 1 or NaN; a NaN does not
            count in an average.
    """

    def __init__(
        self,
        average: str | None = "binary",
        num_classes: int | None = None,
        zero_division: float = 0.0,
    ) -> None:
        super().__init__(num_classes)
        if average not in (None, "binary", "micro", "macro", "weighted"):
            raise ArgumentError(
                "average has to be one of None, 'binary', 'micro', 'macro', 'weighted', got "
                f"{average!r}"
            )
        self.average = average
        self.zero_division = float(zero_division)

    def share(self, right: Any, predicted: Any, actual: Any) -> tuple[Any, Any]:
        """Numerator and denominator, from how often a class was right, predicted, and there."""
        raise NotImplementedError

    def value(self, totals: np.ndarray) -> Any:
        right, predicted, actual = np.diag(totals), totals.sum(0), totals.sum(1)
        if self.average == "binary":
            if len(totals) > 2 and (predicted + actual)[2:].any():
                raise ArgumentError(
                    "Target is multiclass but average='binary'. Please choose another average "
                    "setting, one of [None, 'micro', 'macro', 'weighted']"
                )
            grown = np.zeros((3, 2))
            grown[:, : len(totals)] = np.stack([right, predicted, actual])[:, :2]
            return float(self._divide(*self.share(*grown))[1])
        if self.average == "micro":
            parts = self.share(right.sum(keepdims=True), totals.sum(), totals.sum())
            return float(self._divide(*map(np.atleast_1d, parts))[0])
        shares = self._divide(*self.share(right, predicted, actual))
        if self.average is None:
            return shares
        counted = ~np.isnan(shares)
        if self.num_classes is None:
            counted &= (predicted + actual) > 0
        weights = actual[counted] if self.average == "weighted" else np.ones(counted.sum())
        if not counted.any():
            return float("nan")
        if weights.sum() == 0:
            weights = np.ones_like(weights)
        return float(np.average(shares[counted], weights=weights))

    def _divide(self, part: np.ndarray, whole: np.ndarray) -> np.ndarray:
        empty = np.full(np.shape(part), self.zero_division)
        return np.divide(part, whole, out=empty, where=whole != 0)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(average={self.average!r})"


class Precision(_PerClass):
    """Of the rows that were predicted to be of a class, the share that is."""

    __doc__ += _PerClass.__doc__.partition("\n")[2]  # type: ignore[operator,union-attr]
    name, label = "precision", "Precision"

    def share(self, right: Any, predicted: Any, actual: Any) -> tuple[Any, Any]:
        return right, predicted


class Recall(_PerClass):
    """Of the rows of a class, the share that was predicted to be."""

    __doc__ += _PerClass.__doc__.partition("\n")[2]  # type: ignore[operator,union-attr]
    name, label = "recall", "Recall"

    def share(self, right: Any, predicted: Any, actual: Any) -> tuple[Any, Any]:
        return right, actual


class F1(_PerClass):
    """The harmonic mean of precision and recall."""

    __doc__ += _PerClass.__doc__.partition("\n")[2]  # type: ignore[operator,union-attr]
    name, label = "f1", "F1"

    def share(self, right: Any, predicted: Any, actual: Any) -> tuple[Any, Any]:
        return 2 * right, predicted + actual


def _check_rows(outputs: Tensor, targets: Tensor) -> None:
    if outputs.dim() not in (1, 2):
        raise ShapeError(
            "a metric of classes needs outputs of shape (rows, classes) or (rows,); "
            f"these have {tuple(outputs.shape)}"
        )
    if targets.dim() not in (1, 2) or len(outputs) != len(targets):
        raise ShapeError(
            f"the outputs have shape {tuple(outputs.shape)} and the targets "
            f"{tuple(targets.shape)}: a metric of classes needs one target for each row"
        )


def _classes(values: Tensor) -> Tensor:
    """The class of each row, int64."""
    if values.dim() == 2:
        return values.argmax(1)
    if values.is_floating_point():
        raise ArgumentError(
            f"classes are integers or booleans, got {values.dtype} of shape "
            f"{tuple(values.shape)}: of probabilities, pass (outputs > 0.5)"
        )
    return values.to(int64)


def _largest(*classes: Tensor) -> int:
    return max(int(one.max().item()) if one.numel() else 0 for one in classes)


def _check_classes(predictions: Tensor, targets: Tensor, count: int) -> None:
    for what, classes in (("outputs", predictions), ("targets", targets)):
        if classes.numel() and (int(classes.min().item()) < 0 or _largest(classes) >= count):
            raise IndexOutOfRange(
                f"the {what} have classes from {int(classes.min().item())} to "
                f"{_largest(classes)}: expected 0 to {count - 1}"
            )
