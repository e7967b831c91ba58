"""How learning by acting went: the return of each episode, and of the policy without exploring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradatim.explain.pictures.style import BLUE, INK, PALE, RED, new_figure, plain
from gradatim.graph.errors import ArgumentError

WINDOW = 50
"""Episodes in the moving average."""


def returns(
    episodes: Sequence[tuple[int, float]],
    watched: Sequence[tuple[int, float]] = (),
    threshold: float | None = None,
    title: str = "",
) -> Any:
    """Returns against the steps played.

    Args:
        episodes: (steps so far, return) of each episode that was learned from.
        watched: (steps so far, mean return without exploring).
        threshold: from which the game counts as solved; gets a line.

    Example:
        >>> len(returns([(10, 1.0), (20, 3.0)], [(20, 4.0)], threshold=5.0).axes)
        1
    """
    if not len(episodes):
        raise ArgumentError("there are no episodes to draw yet")
    steps, values = np.array(episodes, np.float64).T
    figure = new_figure(7.2, 3.8)
    axis = figure.subplots()
    axis.plot(steps, values, ".", color=PALE, markersize=3, alpha=0.5, label="an episode")
    window = min(WINDOW, len(values))
    mean = np.convolve(values, np.ones(window) / window, "valid")
    axis.plot(steps[window - 1 :], mean, color=BLUE, label=f"mean of {window}")
    if len(watched):
        axis.plot(*zip(*watched), color=RED, marker="o", markersize=3, label="without exploring")
    if threshold is not None:
        axis.axhline(threshold, color=INK, linestyle=":", linewidth=1, label=f"{threshold:g}")
    plain(axis, title, "steps played", "return")
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.legend(frameon=False, fontsize=8)
    return figure
