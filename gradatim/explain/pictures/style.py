"""How pictures look, and how they are made and saved without a window system."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from gradatim.data.files import replacing
from gradatim.graph.errors import ArgumentError, missing_extra

INK, PALE, GRID = "#222222", "#888888", "#dddddd"
BLUE, RED, GREEN, VIOLET, GOLD = "#1d4ed8", "#c2410c", "#15803d", "#7e22ce", "#b45309"
SERIES = (BLUE, RED, GREEN, VIOLET, GOLD, "#0e7490", "#be185d", "#4d7c0f", "#475569", "#a16207")

FORMATS = ("png", "svg", "pdf")


def can_draw() -> bool:
    """Whether matplotlib is installed (the extra `plots`)."""
    return importlib.util.find_spec("matplotlib") is not None


def new_figure(width: float, height: float) -> Any:
    """An empty figure, sizes in inches."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_extra("drawing a picture", "matplotlib", "plots") from None
    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    return figure


def plain(axis: Any, title: str = "", x: str = "", y: str = "") -> None:
    """A light grid and no box."""
    axis.set_title(title, loc="left", color=INK, size=11)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.grid(color=GRID, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def save(figure: Any, path: str | os.PathLike[str]) -> Path:
    """Write a figure as PNG, SVG or PDF, as the path ends.

    Raises:
        ArgumentError: for another ending.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise ArgumentError(f"{path} ends in {path.suffix!r}: expected .png, .svg or .pdf")
    with replacing(path) as temporary:
        figure.savefig(temporary, format=kind)
    return path
