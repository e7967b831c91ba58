"""How a training went: the curves of its epochs, and the confusion of its classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradatim.explain.pictures.style import BLUE, INK, RED, new_figure, plain
from gradatim.graph.errors import ArgumentError

MANY_CLASSES = 30
"""From so many on, a confusion matrix has no numbers in its cells."""


def training_curves(
    records: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, str] | None = None,
    validation: str = "validation",
    best_epoch: int | None = None,
) -> Any:
    """Loss and each metric over the epochs.

    Args:
        records: one for each epoch, as in a run's `metrics.jsonl`, with keys epoch, loss, and
            perhaps validation_loss.
        metrics: keys of the others to draw, and what they are called.
        validation: what the validation rows are called.
        best_epoch: gets a dotted line.

    Example:
        >>> records = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
        >>> len(training_curves(records).axes)
        1
    """
    if not records:
        raise ArgumentError("there are no epochs to draw yet")
    metrics = metrics or {}
    last = records[-1]
    figure = new_figure(4.2 * (1 + len(metrics)), 3.4)
    axes = figure.subplots(1, 1 + len(metrics), squeeze=False)[0]
    epochs = [record["epoch"] for record in records]
    losses = _values(records, "loss")
    axes[0].plot(epochs, losses, color=BLUE, label="training")
    if "validation_loss" in last:
        axes[0].plot(epochs, _values(records, "validation_loss"), color=RED, label=validation)
        axes[0].legend(frameon=False)
    plain(axes[0], "Loss", "epoch")
    if np.nanmin(losses) > 0:
        axes[0].set_yscale("log")
        axes[0].yaxis.set_major_formatter("{x:g}")
        axes[0].yaxis.set_minor_formatter("{x:g}")
    for axis, (name, label) in zip(axes[1:], metrics.items()):
        axis.plot(epochs, _values(records, name), color=RED)
        plain(axis, f"{label} ({validation})", "epoch")
    for axis in axes:
        if best_epoch is not None:
            axis.axvline(best_epoch, color=INK, linewidth=0.8, linestyle=":")
        axis.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _values(records: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    """One value over the epochs; NaN where it was not finite (null in the file)."""
    return np.array([np.nan if r.get(name) is None else r[name] for r in records], np.float64)


def confusion_matrix(targets: np.ndarray, answers: np.ndarray, classes: Sequence[Any]) -> Any:
    """How often each class (rows) was taken for each (columns).

    Args:
        targets, answers: class numbers, (rows,).
        classes: their names.

    Example:
        >>> confusion_matrix([0, 1, 1], [0, 1, 0], ["cat", "dog"]).axes[0].get_title(loc="left")
        '2 of 3 right (66.67%)'
    """
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (np.asarray(targets), np.asarray(answers)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(4.0 + 0.3 * len(classes), 10.0)
    figure = new_figure(side, side)
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    right, total = int(np.trace(counts)), max(int(counts.sum()), 1)
    axis.set_title(f"{right:,} of {counts.sum():,} right ({right / total:.2%})", loc="left")
    if len(classes) < MANY_CLASSES:
        ticks = range(len(classes))
        rotation = 45 if max(len(str(name)) for name in classes) > 3 else 0
        axis.set_xticks(ticks, [str(name) for name in classes], rotation=rotation)
        axis.set_yticks(ticks, [str(name) for name in classes])
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[row, column] > 0.5 else INK
                axis.text(column, row, f"{count:,}", ha="center", va="center", color=color, size=7)
    return figure
