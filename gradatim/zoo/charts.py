"""The deck's three charts, from the papers' own sizes: data sets, connections per neuron, neurons.

They follow figures 1.8, 1.10 and 1.11 of Goodfellow, Bengio and Courville, *Deep learning* (2016),
which the deck shows; points and lines are counted anew, from the zoo's systems and from the
literature named below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from gradatim.explain.pictures.style import BLUE, INK, PALE, RED, new_figure, plain
from gradatim.zoo.system import System

DATA_SETS = (
    ("Iris", 1936, 150),
    ("Canadian Hansard", 1990, 117_000),  # sentence pairs, Brown et al.
    ("MNIST", 1998, 60_000),
    ("CIFAR-10", 2009, 50_000),
    ("SVHN", 2011, 604_388),
    ("ImageNet (ILSVRC)", 2012, 1_281_167),
    ("Sports-1M", 2014, 1_133_158),
    ("WMT English-French", 2014, 36_000_000),
)
"""Known data sets: name, year, training examples."""

NEURONS = (
    ("roundworm", 302),  # White et al. 1986
    ("leech", 10_000),  # Kristan et al. 2005
    ("ant", 250_000),  # Godfrey et al. 2021, and older
    ("bee", 960_000),  # Menzel and Giurfa 2001
    ("frog", 16_000_000),  # Herculano-Houzel, of several
    ("octopus", 500_000_000),  # Young 1971
    ("human", 86_000_000_000),  # Azevedo et al. 2009
)
"""Neurons in whole nervous systems."""

CONNECTIONS = (
    ("fruit fly", 390),  # 54.5 million synapses of 139,255 neurons: Dorkenwald et al. 2024
    ("cat", 5_800),  # visual cortex: Beaulieu and Colonnier 1985
    ("human", 7_000),  # neocortex: Pakkenberg et al. 2003
    ("mouse", 8_200),  # cortex: Schüz and Palm 1989
)
"""Synapses per neuron."""

FIRST, LAST = 1950, 2020


def data_set_sizes(systems: Iterable[System]) -> Any:
    """Training examples over the years, of the systems' papers and of well-known data sets."""
    found = [s for s in systems if s.sizes.examples is not None]
    figure, axis = _chart("Data sets have grown", "training examples", 10, 1e9)
    axis.set_xlim(1930, LAST)
    for name, year, size in DATA_SETS:
        axis.plot(year, size, "s", color=RED, markersize=5)
        axis.annotate(name, (year, size), (6, 5), textcoords="offset points", size=8, color=RED)
    _points(axis, found, [float(s.sizes.examples or 0) for s in found])
    _key(figure, found)
    return figure


def connections_per_neuron(systems: Iterable[System]) -> Any:
    """Connections per neuron over the years, beside animals."""
    found = list(systems)
    figure, axis = _chart("Neurons have more connections", "connections per neuron", 1, 1e5)
    _lines(axis, CONNECTIONS)
    _points(axis, found, [s.sizes.connections for s in found])
    _key(figure, found)
    return figure


def neurons(systems: Iterable[System]) -> Any:
    """Neurons over the years, beside animals, with the line of growth through the systems."""
    found = list(systems)
    figure, axis = _chart("Networks have more neurons", "neurons", 0.5, 1e12)
    _lines(axis, NEURONS)
    years = np.array([float(s.year) for s in found])
    counts = np.array([float(s.sizes.neurons) for s in found])
    if len(set(years)) > 1:
        slope, start = np.polyfit(years, np.log10(counts), 1)
        ends = np.array([FIRST, LAST])
        axis.plot(
            ends, 10 ** (slope * ends + start), color=PALE, linewidth=1,
            label=f"doubles every {np.log10(2) / slope:.1f} years",
        )  # fmt: skip
        axis.legend(loc="upper left", frameon=False)
    _points(axis, found, list(counts))
    _key(figure, found)
    return figure


CHARTS: dict[str, Callable[[Iterable[System]], Any]] = {
    "data-set-sizes": data_set_sizes,
    "connections-per-neuron": connections_per_neuron,
    "neurons": neurons,
}
"""By the name of the file that `gradatim zoo chart` writes."""


def _chart(title: str, label: str, low: float, high: float) -> tuple[Any, Any]:
    figure = new_figure(10, 5.6)
    axis = figure.subplots()
    axis.set_yscale("log")
    axis.set_ylim(low, high)
    axis.set_xlim(FIRST, LAST)
    plain(axis, title, "year", label)
    return figure, axis


def _lines(axis: Any, reference: Sequence[tuple[str, float]]) -> None:
    """Horizontal lines with the names of animals, kept apart where they lie close together."""
    last = 0.0
    for name, value in reference:
        axis.axhline(value, color=INK, linewidth=0.7, linestyle=":")
        shown = max(value, last * 1.35)
        axis.annotate(
            name, (LAST, shown), (4, 0), textcoords="offset points", va="center", size=9, color=INK,
            annotation_clip=False,
        )  # fmt: skip
        last = shown


def _points(axis: Any, systems: Sequence[System], values: Sequence[float]) -> None:
    """Numbered points; a number steps aside where another stands."""
    placed: list[tuple[float, float]] = []
    for system, value in sorted(zip(systems, values), key=lambda pair: pair[1]):
        face = BLUE if system.sizes.of_paper else "white"
        axis.plot(system.year, value, "o", color=BLUE, markerfacecolor=face, markersize=5)
        x, y = system.year + 0.6, float(np.log10(value))
        span = np.ptp(np.log10(axis.get_ylim()))
        while any(abs(x - a) < 1.6 and abs(y - b) < 0.035 * span for a, b in placed):
            y += 0.012 * span
        placed.append((x, y))
        axis.text(x, 10**y, str(system.number), size=8, color=BLUE, va="center")


def _key(figure: Any, systems: Sequence[System]) -> None:
    """Which number is which system."""
    lines = [f"{s.number}  {s.title} ({s.authors.split(',')[0]} {s.year})" for s in systems]
    if not all(s.sizes.of_paper for s in systems):
        lines.append("○  of the network here, not of the paper")
    figure.text(1.01, 0.5, "\n".join(lines), size=8, color=BLUE, va="center", linespacing=1.5)
