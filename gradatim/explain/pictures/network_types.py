"""The chart of network types, as the deck draws them: columns of cells, joined by lines.

The kinds of cells and their colors follow F. van Veen and S. Leijnen's *The neural network zoo*
(The Asimov Institute 2016), which the deck's chart is from; the drawing is our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradatim.explain.pictures.style import INK, PALE, new_figure

CELLS = {
    "input": ("Input cell", "#facc15", None),
    "hidden": ("Hidden cell", "#4ade80", None),
    "output": ("Output cell", "#fb923c", None),
    "match": ("Output that matches its input", "#fb923c", "ring"),
    "recurrent": ("Recurrent cell", "#60a5fa", None),
    "memory": ("Memory cell (LSTM)", "#60a5fa", "ring"),
    "gated": ("Gated cell (GRU)", "#60a5fa", "triangle"),
    "kernel": ("Kernel", "#f9a8d4", "ring"),
    "pool": ("Convolution or pool", "#f9a8d4", None),
}


@dataclass(frozen=True)
class Chart:
    """One network: its letters and name, and its columns as (cell, how many)."""

    letters: str
    title: str
    columns: tuple[tuple[str, int], ...]


CHARTS = (
    Chart("P", "Perceptron", (("input", 2), ("output", 1))),
    Chart("FF", "Feed forward", (("input", 2), ("hidden", 2), ("output", 1))),
    Chart("DFF", "Deep feed forward", (("input", 3), ("hidden", 4), ("hidden", 4), ("output", 2))),
    Chart("AE", "Autoencoder", (("input", 4), ("hidden", 2), ("match", 4))),
    Chart(
        "DCN",
        "Deep convolutional network",
        (("input", 5), ("kernel", 4), ("pool", 3), ("hidden", 3), ("output", 2)),
    ),
    Chart(
        "RNN",
        "Recurrent neural network",
        (("input", 3), ("recurrent", 3), ("recurrent", 3), ("output", 2)),
    ),
    Chart(
        "LSTM",
        "Long / short-term memory",
        (("input", 3), ("memory", 3), ("memory", 3), ("output", 2)),
    ),
    Chart("GRU", "Gated recurrent unit", (("input", 3), ("gated", 3), ("gated", 3), ("output", 2))),
)

RADIUS = 0.3
LOCAL = {"kernel", "pool"}


def network_types(letters: str | None = None) -> Any:
    """The chart of all eight types, or the drawing of one.

    Args:
        letters: "P", "FF", "DFF", "AE", "DCN", "RNN", "LSTM" or "GRU".

    Example:
        >>> [axis.get_title() for axis in network_types("FF").axes][:1]
        ['Feed forward (FF)']
    """
    from gradatim.train.types import find_type

    wanted = CHARTS
    if letters is not None:
        wanted = tuple(one for one in CHARTS if one.letters == find_type(letters).letters)
    columns = min(len(wanted), 4)
    rows = -(-len(wanted) // columns)
    figure = new_figure(3.3 * columns, 3.2 * rows + 0.9)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for chart, axis in zip(wanted, grid):
        _draw(axis, chart)
    used = {cell for chart in wanted for cell, _ in chart.columns}
    _legend(figure, [cell for cell in CELLS if cell in used], 5 if len(wanted) > 1 else 2)
    return figure


def _draw(axis: Any, chart: Chart) -> None:
    places = [
        [(1.35 * column, row - (count - 1) / 2) for row in range(count)]
        for column, (_, count) in enumerate(chart.columns)
    ]
    for column in range(1, len(places)):
        cell = chart.columns[column][0]
        _join(axis, places[column - 1], places[column], cell in LOCAL)
    for (cell, _), column in zip(chart.columns, places):
        for place in column:
            if cell in ("recurrent", "memory", "gated"):
                _loop(axis, place)
            _cell(axis, place, cell)
    axis.set_title(f"{chart.title} ({chart.letters})", size=11, color=INK)
    middle = 1.35 * (len(places) - 1) / 2
    axis.set_xlim(middle - 3.2, middle + 3.2)
    axis.set_ylim(-2.45, 2.45)
    axis.set_aspect("equal")
    axis.set_axis_off()


def _join(axis: Any, left: list[Any], right: list[Any], local: bool) -> None:
    """Every cell with every cell; a kernel with its neighbours only."""
    for x, y in left:
        for to_x, to_y in right:
            if local and abs(y - to_y) > 0.75:
                continue
            axis.plot([x, to_x], [y, to_y], color=PALE, linewidth=0.9, zorder=1)


def _loop(axis: Any, place: tuple[float, float]) -> None:
    """The line from a cell back to itself, above it."""
    from matplotlib.patches import Arc

    x, y = place
    axis.add_patch(
        Arc((x, y + 0.34), 0.34, 0.42, theta1=-35, theta2=215, color=INK, lw=1, zorder=2)
    )


def _cell(axis: Any, place: tuple[float, float], cell: str) -> None:
    from matplotlib.patches import Circle, RegularPolygon

    _, color, mark = CELLS[cell]
    axis.add_patch(Circle(place, RADIUS, facecolor=color, edgecolor=INK, lw=1, zorder=3))
    if mark == "ring":
        axis.add_patch(Circle(place, 0.55 * RADIUS, fill=False, edgecolor=INK, lw=1, zorder=4))
    if mark == "triangle":
        axis.add_patch(RegularPolygon(place, 3, radius=0.6 * RADIUS, fill=False, lw=1, zorder=4))


def _legend(figure: Any, cells: list[str], columns: int) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for cell in cells:
        label, color, mark = CELLS[cell]
        inner = {"ring": "◎", "triangle": "△"}.get(mark or "", "")
        handles.append(
            Line2D(
                [],
                [],
                marker="o",
                ls="",
                markersize=11,
                markerfacecolor=color,
                markeredgecolor=INK,
                label=f"{label} {inner}".strip(),
            )
        )
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=9
    )
