"""Pictures of a run, written into its folder: curves, confusion, reconstructions."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.explain import pictures
from gradatim.explain.pictures import can_draw as can_plot
from gradatim.train.history import History
from gradatim.train.metrics import METRICS
from gradatim.train.run import Run

__all__ = ["can_plot", "plot_confusion", "plot_curves", "plot_reconstructions"]


def plot_curves(run: Run, history: History, validation: str = "validation") -> None:
    """`curves.png`: loss and each metric over the epochs.

    Args:
        validation: what those rows are called.
    """
    labels = {name: METRICS[name].label for name in METRICS if name in history.last}
    figure = pictures.training_curves(history.records, labels, validation, history.best_epoch)
    pictures.save(figure, run.path / "curves.png")


def plot_confusion(run: Run, targets: np.ndarray, answers: np.ndarray, classes: list[Any]) -> None:
    """`confusion.png`: how often each class (rows) was taken for each (columns)."""
    pictures.save(pictures.confusion_matrix(targets, answers, classes), run.path / "confusion.png")


def plot_reconstructions(
    run: Run, images: np.ndarray, answers: np.ndarray, shape: tuple[int, ...]
) -> None:
    """`reconstructions.png`: the first images, and what the autoencoder makes of them."""
    figure = pictures.reconstructions(images, answers, shape)
    pictures.save(figure, run.path / "reconstructions.png")
