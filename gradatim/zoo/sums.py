"""How far the sum of one unit separates its class from the others, as two histograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.explain.pictures.style import BLUE, PALE, RED, plain


def histograms(
    axis: Any, sums: np.ndarray, own: np.ndarray, bins: np.ndarray, name: str, title: str
) -> None:
    """Draw the sums (N,) of the cases that are the unit's own, bool (N,), and of all others; a
    line stands at 0, where the unit decides."""
    for label, rows, color in ((name, own, BLUE), ("another digit", ~own, RED)):
        axis.hist(sums[rows], bins, density=True, alpha=0.6, color=color, label=label)
    axis.axvline(0, color=PALE)
    axis.legend(frameon=False)
    plain(axis, title, "sum", "density")
