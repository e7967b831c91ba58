"""Hidden units as Hinton diagrams: a square for each weight, its area the size, blue above 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradatim.explain.pictures.style import BLUE, GRID, INK, PALE, RED, new_figure
from gradatim.zoo.family_trees import ENGLISH, ITALIAN, RELATIONS


def hinton(axis: Any, weights: np.ndarray, title: str) -> None:
    """Draw a matrix (rows, columns), the first row on top, as a Hinton diagram."""
    reach = max(float(np.abs(weights).max()), 1e-12)
    rows, columns = weights.shape
    for (row, column), weight in np.ndenumerate(weights):
        side = 0.92 * np.sqrt(abs(weight) / reach)
        corner = (column - side / 2, row - side / 2)
        axis.add_patch(_square(corner, side, BLUE if weight > 0 else RED))
    axis.set_xlim(-0.6, columns - 0.4)
    axis.set_ylim(rows - 0.4, -0.6)
    axis.set_aspect("equal")
    axis.set_facecolor("#f6f6f6")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_color(GRID)
    axis.set_title(title, loc="left", size=9, color=INK)


def _square(corner: tuple[float, float], side: float, color: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, side, side, facecolor=color, linewidth=0)


def picture(
    trees: Any, best: int, networks: Mapping[str, Any], solved: Mapping[str, np.ndarray]
) -> Any:
    """The six person units and six relation units of one network of the trees, and below the
    hidden units of the encoder, of symmetry, and of T and C."""
    figure = new_figure(10, 8.6)
    grid = figure.add_gridspec(5, 6, height_ratios=(1, 1, 1, 1.5, 1.9))
    person = trees.person.weight[best].detach().numpy()
    for unit in range(6):
        axis = figure.add_subplot(grid[unit // 2, 3 * (unit % 2) : 3 * (unit % 2) + 3])
        hinton(axis, person[:, unit].reshape(2, 12), f"person unit {unit + 1}")
        if unit >= 4:  # names below the last row: English above, Italian below
            names = [f"{a}, {b}" for a, b in zip(ENGLISH, ITALIAN)]
            axis.set_xticks(range(12), names, rotation=38, ha="right", size=6)
        axis.set_yticks((0, 1), ("English", "Italian"), size=7)
        axis.tick_params(length=0, colors=PALE)
    axis = figure.add_subplot(grid[3, :])
    relation = trees.relation.weight[best].detach().numpy()
    hinton(axis, relation.T, "relation units, one in each row")
    axis.set_xticks(range(12), RELATIONS, rotation=30, ha="right", size=7)
    axis.tick_params(length=0, colors=PALE)
    for place, (name, matrix) in enumerate(_hidden(networks, solved)):
        hinton(figure.add_subplot(grid[4, 2 * place : 2 * place + 2]), matrix, name)
    return figure


def _hidden(
    networks: Mapping[str, Any], solved: Mapping[str, np.ndarray]
) -> list[tuple[str, np.ndarray]]:
    """Weights into the hidden units of the first network of each problem that solves it."""
    found = []
    for name in ("encoder 8-3-8", "symmetry of 6"):
        weights = networks[name].layers[0].weight.detach().numpy()
        found.append((f"{name}: weights into hidden units", weights[solved[name].argmax()].T))
    fields = networks["T and C"].field.weight.detach().numpy()[:, 0]
    return [*found, ("T and C: shared receptive field", fields[solved["T and C"].argmax()])]
