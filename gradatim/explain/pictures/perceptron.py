"""Rosenblatt's perceptron learning: its line before and after each update."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.explain.pictures.style import BLUE, GOLD, INK, PALE, RED, new_figure
from gradatim.graph.errors import ShapeError
from gradatim.rules import Perceptron

MOST_PANELS = 20


def perceptron_lines(inputs: Any = None, targets: Any = None, epochs: int = 100) -> Any:
    """One panel for each update: the case that was wrong, the line before (dashed) and after.

    Args:
        inputs, targets: cases (N, 2) and their classes (N,), 0 and 1; by default 30 seeded cases
            that a line separates. Of many updates the first and the last are shown.
    """
    if inputs is None:
        inputs, targets = _cases()
    inputs, targets = np.asarray(inputs, np.float64), np.asarray(targets)
    if inputs.ndim != 2 or inputs.shape[1] != 2:
        raise ShapeError(f"inputs have shape {inputs.shape}: a line needs cases of 2 numbers")
    import warnings

    with warnings.catch_warnings():  # the picture says it
        warnings.simplefilter("ignore")
        perceptron = Perceptron(2).fit(inputs, targets, epochs)
    updates = list(enumerate(perceptron.updates, start=1))
    shown = updates
    if len(updates) > MOST_PANELS:
        shown = updates[: MOST_PANELS - 4] + updates[-4:]
    columns = min(len(shown), 5)
    rows = -(-len(shown) // columns)
    figure = new_figure(2.5 * columns, 2.7 * rows + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat
    low, high = inputs.min(0) - 0.7, inputs.max(0) + 0.7
    for (number, update), axis in zip(shown, grid):
        before = perceptron.updates[number - 2] if number > 1 else None
        for label, marker, color in ((0, "o", BLUE), (1, "s", RED)):
            group = inputs[targets == label]
            axis.scatter(*group.T, s=16, marker=marker, color=color, linewidths=0)
        axis.scatter(*inputs[update.case - 1], s=130, facecolors="none", edgecolors=GOLD, lw=2)
        if before is not None:
            _line(axis, before, low, high, color=PALE, ls="--", lw=1.1)
        _line(axis, update, low, high, color=INK, lw=1.6)
        axis.set_xlim(low[0], high[0])
        axis.set_ylim(low[1], high[1])
        axis.set_xticks([])
        axis.set_yticks([])
        wrong = int(((inputs @ update.weight + update.bias > 0) != targets).sum())
        axis.set_title(f"update {number}: {wrong} wrong", size=9, loc="left", color=INK)
    for axis in list(grid):
        axis.remove()
    end = f"converged after {len(updates)} updates, no case is wrong"
    if not perceptron.converged:
        end = f"not converged after {len(updates)} updates: no line may separate the classes"
    figure.suptitle(f"Rosenblatt's rule: {end}", x=0.01, ha="left", size=11, color=INK)
    return figure


def _line(axis: Any, update: Any, low: np.ndarray, high: np.ndarray, **style: Any) -> None:
    """Where w·x + b = 0, across the panel."""
    (first, second), bias = update.weight, update.bias
    if abs(second) >= abs(first):
        if second == 0:
            return
        x = np.array([low[0], high[0]])
        axis.plot(x, -(first * x + bias) / second, **style)
    else:
        y = np.array([low[1], high[1]])
        axis.plot(-(second * y + bias) / first, y, **style)


def _cases() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(8)
    inputs = generator.uniform((-2.0, -1.5), (4.0, 4.5), size=(60, 2))
    side = inputs @ [0.8, -1.0] + 0.9
    keep = np.abs(side) > 0.3
    return inputs[keep][:30], (side[keep][:30] > 0).astype(int)
