"""Metrics of an order: the area under the ROC curve."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.metrics.metric import Metric, as_tensor, as_weights


class ROCAUC(Metric):
    """The area under the ROC curve: how likely a row of the class has a larger score than one that
    is not (Fawcett 2006, *An introduction to ROC analysis*). Equal scores count half.

    It depends on the order of all scores, so that they are all kept: it is no sum over batches,
    and the `Trainer` does not take it.

    Args:
        multi_class: for more than two classes, "ovr" compares each class with the rest, "ovo" each
            with each other (Hand & Till 2001).
        average: over classes, or over pairs: "macro" is the mean, "weighted" that weighted by how
            many rows there are; for "ovr" also "micro", which pools all decisions, and None, which
            gives an array with each class.

    Scores are (rows,), or (rows, 2), whose second column counts, or (rows, classes). Targets are
    classes, (rows,), and all classes have to occur. Of targets that are all alike it is NaN.

    Example:
        >>> import gradatim as gd
        >>> gd.metrics.roc_auc(gd.tensor([0.1, 0.4, 0.35, 0.8]), gd.tensor([0, 0, 1, 1]))
        0.75
    """

    name, label, higher_is_better = "roc_auc", "ROC AUC", True

    def __init__(self, multi_class: str = "raise", average: str | None = "macro") -> None:
        if multi_class not in ("raise", "ovr", "ovo"):
            raise ArgumentError(f"multi_class must be in ('ovo', 'ovr'), got {multi_class!r}")
        averages = ("macro", "weighted") if multi_class == "ovo" else (
            "micro", "macro", "weighted", None,
        )  # fmt: skip
        if average not in averages:
            raise ArgumentError(
                f"average must be one of {averages} for multiclass problems with "
                f"multi_class={multi_class!r}, got {average!r}"
            )
        self.multi_class = multi_class
        self.average = average
        self._batches: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def update(self, outputs: Any, targets: Any, sample_weight: Any = None) -> None:
        scores = np.array(as_tensor(outputs).double().numpy())
        classes = np.array(as_tensor(targets).numpy()).astype(np.int64)
        if scores.ndim == 2 and scores.shape[1] == 1:
            scores = scores[:, 0]
        if scores.ndim not in (1, 2) or classes.shape != scores.shape[:1]:
            raise ShapeError(
                f"the outputs have shape {scores.shape} and the targets {classes.shape}: ROC AUC "
                "needs scores (rows,) or (rows, classes), and a class for each row"
            )
        if np.isnan(scores).any():
            raise ArgumentError("the outputs contain NaN: scores have to have an order")
        weights = np.ones(len(classes))
        if sample_weight is not None:
            weights = np.array(as_weights(sample_weight, len(classes)).numpy())
        self._batches.append((scores, classes, weights))

    def reset(self) -> None:
        self._batches = []

    def compute(self) -> Any:
        if not self._batches:
            raise ArgumentError("ROCAUC has seen no data: call update(outputs, targets) first")
        scores, classes, weights = (np.concatenate(parts) for parts in zip(*self._batches))
        if scores.ndim == 2 and scores.shape[1] == 2:
            scores = scores[:, 1]
        if scores.ndim == 1:
            if classes.size and (classes.min() < 0 or classes.max() > 1):
                raise ArgumentError(
                    "multi_class must be in ('ovo', 'ovr'): the targets have classes other than 0 "
                    "and 1, and then the scores need a column for each class"
                )
            return _area(scores, classes == 1, weights)
        if self.multi_class == "raise":
            raise ArgumentError(
                f"multi_class must be in ('ovo', 'ovr'): the scores have {scores.shape[1]} classes"
            )
        missing = sorted(set(range(scores.shape[1])) ^ set(np.unique(classes).tolist()))
        if missing:
            raise ArgumentError(
                "Number of classes in y_true not equal to the number of columns in 'y_score': "
                f"of {scores.shape[1]} columns, the targets differ in class "
                f"{', '.join(map(str, missing[:5]))}"
            )
        versus = self._versus_rest if self.multi_class == "ovr" else self._versus_others
        return versus(scores, classes, weights)

    def _versus_rest(self, scores: np.ndarray, classes: np.ndarray, weights: np.ndarray) -> Any:
        count = scores.shape[1]
        is_class = classes[:, None] == np.arange(count)
        if self.average == "micro":
            return _area(scores.ravel(), is_class.ravel(), np.repeat(weights, count))
        areas = np.array([_area(scores[:, c], is_class[:, c], weights) for c in range(count)])
        if self.average is None:
            return areas
        shares = weights @ is_class if self.average == "weighted" else None
        return float(np.average(areas, weights=shares))

    def _versus_others(self, scores: np.ndarray, classes: np.ndarray, weights: np.ndarray) -> float:
        areas, shares = [], []
        for a, b in itertools.combinations(range(scores.shape[1]), 2):
            both = (classes == a) | (classes == b)
            own, rest = weights[both], classes[both]
            one = _area(scores[both, a], rest == a, own)
            areas.append((one + _area(scores[both, b], rest == b, own)) / 2)
            shares.append(both.mean())
        return float(np.average(areas, weights=shares if self.average == "weighted" else None))

    def __repr__(self) -> str:
        return f"ROCAUC(multi_class={self.multi_class!r}, average={self.average!r})"


def _area(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """The weighted share of pairs (positive, negative) in the right order, ties as one half."""
    order = np.argsort(scores, kind="stable")
    scores, positive, weights = scores[order], positive[order], weights[order]
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    up = np.diff(np.cumsum(weights * positive)[ends], prepend=0)
    below = np.cumsum(weights * ~positive)[ends]
    tied = np.diff(below, prepend=0)
    pairs = up.sum() * below[-1] if len(ends) else 0
    return float((up * (below - tied / 2)).sum() / pairs) if pairs else float("nan")
