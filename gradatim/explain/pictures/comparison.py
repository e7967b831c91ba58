"""Classic algorithms beside networks: scores and times of one split, and learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradatim.explain.pictures.style import BLUE, INK, PALE, SERIES, new_figure, plain

if TYPE_CHECKING:
    from gradatim.compare import Comparison, Entry


def scores(found: Comparison) -> Any:
    """A bar for each method, the best above; networks in blue, what a guess gives as a line.

    Args:
        found: of one size, see `gradatim.compare.compare`.
    """
    entries = [entry for entry in found.entries if entry.kind != "guess"]
    entries.sort(key=lambda entry: entry.better)
    figure = new_figure(6.4, 1.2 + 0.32 * len(entries))
    axis = figure.subplots()
    values = [_shown(entry) for entry in entries]
    colors = [BLUE if entry.kind == "network" else PALE for entry in entries]
    axis.barh([entry.title for entry in entries], values, color=colors)
    for place, (value, entry) in enumerate(zip(values, entries)):
        shown = f"{value:.4f}" if entry.accuracy is not None else f"{value:.4g}"
        text = f" {shown}   {entry.fit_seconds:.1f} s"
        axis.text(value, place, text, va="center", size=8, color=INK)
    guess = next((entry for entry in found.entries if entry.kind == "guess"), None)
    if guess is not None:
        axis.axvline(_shown(guess), color=INK, linestyle=":", linewidth=1)
    axis.set_xlim(0, max([*values, 1e-12]) * 1.3)
    plain(axis, f"{found.title}: {_measure(found)} on {found.test_rows:,} test rows")
    return figure


def learning_curves(found: Comparison) -> Any:
    """The score of each method against the number of rows that it learned from.

    Args:
        found: of several sizes, see `gradatim.compare.learning_curve`.
    """
    from gradatim.compare.comparison import by_method

    figure = new_figure(8.2, 5.0)
    axis = figure.subplots()
    dashed = 0
    for number, (title, entries) in enumerate(by_method(found.entries)):
        network = entries[0].kind == "network"
        style: dict[str, Any] = {"linewidth": 2.4} if network else {"linewidth": 1.2}
        if network and dashed:
            style["linestyle"] = "--"
        dashed += network
        axis.plot(
            [entry.rows for entry in entries],
            [_shown(entry) for entry in entries],
            marker="o",
            markersize=4,
            color=BLUE if network else SERIES[1:][number % (len(SERIES) - 1)],
            label=title,
            **style,
        )
    axis.set_xscale("log")
    plain(axis, f"{found.title}: {_measure(found)} by amount of data", "rows", _measure(found))
    sizes = sorted({entry.rows for entry in found.entries})
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30 if len(sizes) > 5 else 0)
    axis.minorticks_off()
    axis.legend(frameon=False, handlelength=3.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _shown(entry: Entry) -> float:
    return entry.accuracy if entry.accuracy is not None else _mean(entry.errors or [])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def _measure(found: Comparison) -> str:
    return "accuracy" if found.classes is not None else "mean absolute error"
