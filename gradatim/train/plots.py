"""Pictures of a run: the curves of its epochs, and the confusion of its classes."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from gradatim.data.files import replacing
from gradatim.train.history import History
from gradatim.train.metrics import METRICS
from gradatim.train.run import Run

INK, ACCENT, GRID = "#222222", "#c2410c", "#dddddd"
SERIES = ("#1d4ed8", ACCENT)

MANY_CLASSES = 30
"""From so many on, a confusion matrix has no numbers in its cells."""


def can_plot() -> bool:
    """Whether matplotlib is installed (the extra `plots`)."""
    return importlib.util.find_spec("matplotlib") is not None


def plot_curves(run: Run, history: History, validation: str = "validation") -> None:
    """`curves.png`: loss and each metric over the epochs.

    Args:
        validation: what those rows are called.
    """
    figure, save = _figure(run, "curves.png")
    names = [name for name in METRICS if name in history.last]
    axes = figure.subplots(1, 1 + len(names), squeeze=False)[0]
    epochs = history["epoch"]
    axes[0].plot(epochs, history["loss"], color=SERIES[0], label="training")
    if "validation_loss" in history.last:
        axes[0].plot(epochs, history["validation_loss"], color=SERIES[1], label=validation)
        axes[0].legend(frameon=False)
    axes[0].set_title("Loss", loc="left")
    if min(history["loss"]) > 0:
        axes[0].set_yscale("log")
        axes[0].yaxis.set_major_formatter("{x:g}")
        axes[0].yaxis.set_minor_formatter("{x:g}")
    for axis, name in zip(axes[1:], names):
        axis.plot(epochs, history[name], color=SERIES[1])
        axis.set_title(f"{METRICS[name].label} ({validation})", loc="left")
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.grid(color=GRID, linewidth=0.6)
        axis.axvline(history.best_epoch, color=INK, linewidth=0.8, linestyle=":")
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.set_size_inches(4.2 * len(axes), 3.4)
    save()


def plot_confusion(run: Run, targets: np.ndarray, answers: np.ndarray, classes: list[Any]) -> None:
    """`confusion.png`: how often each class (rows) was taken for each (columns).

    Args:
        targets, answers: class indices, (rows,).
    """
    figure, save = _figure(run, "confusion.png")
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (targets, answers), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    right = int(np.trace(counts))
    axis.set_title(f"{right:,} of {counts.sum():,} right ({right / counts.sum():.2%})", loc="left")
    if len(classes) < MANY_CLASSES:
        ticks = range(len(classes))
        rotation = 45 if max(len(str(name)) for name in classes) > 3 else 0
        axis.set_xticks(ticks, [str(name) for name in classes], rotation=rotation)
        axis.set_yticks(ticks, [str(name) for name in classes])
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[row, column] > 0.5 else INK
                axis.text(column, row, f"{count:,}", ha="center", va="center", color=color, size=7)
    side = min(4.0 + 0.3 * len(classes), 10.0)
    figure.set_size_inches(side, side)
    save()


def plot_reconstructions(
    run: Run, images: np.ndarray, answers: np.ndarray, shape: tuple[int, ...], count: int = 10
) -> None:
    """`reconstructions.png`: the first images above, and what the autoencoder makes of them.

    Args:
        images, answers: (rows, channels × height × width), 0 to 1.
        shape: (channels, height, width).
    """
    figure, save = _figure(run, "reconstructions.png")
    grid = figure.subplots(2, count, squeeze=False)
    for axes, rows in zip(grid, (images, answers)):
        for axis, row in zip(axes, rows[:count]):
            picture = np.clip(row.reshape(shape).transpose(1, 2, 0), 0, 1)
            axis.imshow(
                picture[..., 0] if shape[0] == 1 else picture, cmap="gray_r", vmin=0, vmax=1
            )
    for axis in grid.flat:
        axis.set_axis_off()
    figure.set_size_inches(count, 2.2)
    save()


def _figure(run: Run, name: str) -> Any:
    """A figure without a window system, and the function that writes it into the run."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained", dpi=120)
    canvas = FigureCanvasAgg(figure)

    def save() -> None:
        with replacing(run.path / name) as temporary:
            canvas.print_png(temporary)

    return figure, save
