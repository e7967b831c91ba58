"""The network as the deck draws it, as shapes with places: neurons are circles, weights stand on
the lines between them. `network_picture.py` makes an SVG of them, `latex.py` a TikZ picture.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradatim.explain.blocks import number
from gradatim.explain.selection import is_summarized, largest, shown_neurons, shown_rows
from gradatim.explain.worksheet import Array, Layer, Worksheet, indexed

ACROSS, DOWN, RADIUS = 250.0, 82.0, 25.0
MARGIN = 46.0
MOST = 7  # neurons drawn of one layer
LABELLED = 42  # with more lines than this between two layers, weights are told by color alone


@dataclass(frozen=True)
class Line:
    """A weight.

    Attributes:
        strength: from −1 to 1, its value by the largest of its layer; None for a plain arrow.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    strength: float | None


@dataclass(frozen=True)
class Circle:
    """A neuron, with its kind: input, hidden or output."""

    center: tuple[float, float]
    kind: str


@dataclass(frozen=True)
class Box:
    """Layers that are not drawn by neurons."""

    corner: tuple[float, float]
    size: tuple[float, float]


@dataclass(frozen=True)
class Label:
    """Text (in LaTeX) around a place.

    Attributes:
        kind: symbol, value, weight, bias, title or note.
    """

    place: tuple[float, float]
    latex: str
    kind: str


Shape = Line | Circle | Box | Label


@dataclass
class _Column:
    """One column of the picture.

    Attributes:
        kind: input, hidden, output or box.
        size: how many neurons the layer has; `shown` are drawn.
        symbol: of a neuron.
        values, biases: of the shown ones.
        weights: (shown, shown of the column before), or None without lines.
        words: in a box.
    """

    kind: str
    size: int
    shown: list[int]
    symbol: str
    values: list[float]
    biases: list[float] | None = None
    weights: Array | None = None
    words: tuple[str, ...] = ()
    x: float = 0.0

    @property
    def height(self) -> int:
        return max(len(self.shown) + (len(self.shown) < self.size), 1)


def shapes(sheet: Worksheet, after: bool) -> tuple[list[Shape], float, float]:
    """The picture before or after the step: shapes, back to front, with its width and height."""
    columns = _columns(sheet, after)
    height = max(column.height for column in columns) * DOWN + MARGIN
    for place, column in enumerate(columns):
        column.x = MARGIN + RADIUS + place * ACROSS
    width = columns[-1].x + RADIUS + 2 * MARGIN
    lines: list[Shape] = []
    rest: list[Shape] = []
    for before, column in itertools.pairwise(columns):
        found = list(_lines(before, column, height))
        lines += [shape for shape in found if isinstance(shape, Line)]
        rest += [shape for shape in found if not isinstance(shape, Line)]
    for column in columns:
        rest += _column(column, height)
    loss = sheet.loss.after if after else sheet.loss.value
    word = "after" if after else "before"
    title = rf"\mathrm{{{word}\ the\ step}} \colon \; L = {number(loss, 4)}"
    rest.append(Label((width / 2, 20), title, "title"))
    rest += _targets(sheet, columns[-1], height)
    return lines + rest, width, height


# --- what is drawn -------------------------------------------------------------------------------


def _columns(sheet: Worksheet, after: bool) -> list[_Column]:
    row = shown_rows(sheet)[0]
    dense = [layer for layer in sheet.layers if layer.is_dense]
    first = sheet.inputs[row].ravel()
    columns = [_inputs(first, "x")]
    skipped: list[str] = []
    for place, layer in enumerate(sheet.layers):
        if not layer.is_dense or layer.weight is None:
            if layer.number is not None or layer.activations.shape != layer.inputs.shape:
                skipped.append(layer.kind)
            continue
        if columns[-1].size != layer.weight.old.shape[1] or len(skipped) > 1:
            columns.append(_Column("box", 1, [], "", [], words=tuple(skipped)))
            columns.append(_inputs(layer.inputs[row].ravel(), "u"))
        skipped = []
        values = sheet.after[place] if after else layer.activations
        columns.append(_neurons(sheet, layer, columns[-1], values[row], after, layer is dense[-1]))
    if skipped:
        columns.append(_Column("box", 1, [], "", [], words=tuple(skipped)))
    return columns


def _inputs(values: Array, symbol: str) -> _Column:
    shown = _shown(values)
    return _Column("input", len(values), shown, symbol, [float(values[k]) for k in shown])


def _shown(values: Array) -> list[int]:
    if len(values) <= MOST:
        return list(range(len(values)))
    return sorted(largest(values, MOST - 2))


def _neurons(
    sheet: Worksheet, layer: Layer, before: _Column, values: Array, after: bool, is_last: bool
) -> _Column:
    shown = _shown(values)
    if is_summarized(layer, sheet.options) and len(values) > MOST:
        shown = sorted(shown_neurons(layer, sheet.options)[: MOST - 1])
    assert layer.weight is not None
    weights = layer.weight.new if after else layer.weight.old
    biases = None
    if layer.bias is not None:
        array = layer.bias.new if after else layer.bias.old
        biases = [float(array[k]) for k in shown]
    return _Column(
        "output" if is_last else "hidden",
        len(values),
        shown,
        r"\hat y" if is_last else f"a^{{{layer.number}}}",
        [float(values[k]) for k in shown],
        biases,
        np.asarray(weights[np.ix_(shown, before.shown)], np.float64),
    )


# --- where it is drawn ---------------------------------------------------------------------------


def _places(column: _Column, height: float) -> list[tuple[float, float]]:
    """The centers of its circles."""
    top = height / 2 + 10 - (column.height - 1) * DOWN / 2
    return [(column.x, top + k * DOWN) for k in range(column.height)]


def _lines(before: _Column, column: _Column, height: float) -> Iterator[Shape]:
    if column.weights is None:
        middle = height / 2 + 10
        for place in _ends(before, height, middle):
            for end in _ends(column, height, middle):
                yield Line(place, end, None)
        return
    sources, targets = _places(before, height), _places(column, height)
    extent = float(np.nanmax(np.abs(column.weights), initial=1e-12))
    extent = extent if np.isfinite(extent) else 1.0
    labelled = column.weights.size <= LABELLED
    # So near to the smaller side that no two labels meet: with k lines to a neuron, 1 / (k + 1).
    few = min(len(before.shown), len(column.shown))
    near = 1 / (few + 1)
    share = near if len(column.shown) <= len(before.shown) else 1 - near
    share = min(max(share, 0.2), 0.8)
    for j in range(len(column.shown)):
        for i in range(len(before.shown)):
            (x0, y0), (x1, y1) = sources[i], targets[j]
            weight = float(column.weights[j, i])
            strength = float(np.clip(weight / extent, -1, 1)) if np.isfinite(weight) else 1.0
            yield Line((x0, y0), (x1, y1), strength)
            if labelled:
                place = (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
                yield Label(place, number(weight, 3), "weight")


def _ends(column: _Column, height: float, middle: float) -> list[tuple[float, float]]:
    """Where lines to a box or from one end."""
    if column.kind == "box":
        return [(column.x, middle)]
    return _places(column, height)[: len(column.shown)]


def _column(column: _Column, height: float) -> Iterator[Shape]:
    if column.kind == "box":
        tall = 24.0 * len(column.words) + 24
        corner = (column.x - RADIUS - 12, height / 2 + 10 - tall / 2)
        yield Box(corner, (2 * RADIUS + 24, tall))
        for k, word in enumerate(column.words):
            place = (column.x, corner[1] + 26 + 24 * k)
            yield Label(place, rf"\mathrm{{{word}}}", "symbol")
        return
    places = _places(column, height)
    for k, (neuron, value) in enumerate(zip(column.shown, column.values)):
        x, y = places[k]
        yield Circle((x, y), column.kind)
        yield Label((x, y - 9), indexed(column.symbol, (neuron,)), "symbol")
        yield Label((x, y + 8), number(value, 3), "value")
        if column.biases is not None:
            yield Label((x, y + RADIUS + 9), f"b = {number(column.biases[k], 3)}", "bias")
    if len(column.shown) < column.size:
        x, y = places[-1]
        words = rf"\vdots \; {column.size - len(column.shown)} \; \mathrm{{more}}"
        yield Label((x, y - 10), words, "note")


def _targets(sheet: Worksheet, column: _Column, height: float) -> Iterator[Shape]:
    """The targets, beside the outputs that they are compared with."""
    loss, row = sheet.loss, shown_rows(sheet)[0]
    if column.kind != "output" or loss.targets.size != loss.outputs.size:
        return
    targets = loss.targets.reshape(len(loss.outputs), -1)[row]
    if len(targets) != column.size:
        return
    for (x, y), neuron in zip(_places(column, height), column.shown):
        latex = f"y = {number(float(targets[neuron]), 3)}"
        yield Label((x + RADIUS + 34, y), latex, "note")
