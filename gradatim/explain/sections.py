"""Sections: what a worksheet says, as blocks: the forward pass, the loss, the backward pass, the
update, and the network after it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradatim.explain.blocks import (
    Block,
    Cell,
    Formula,
    Heading,
    Math,
    Paragraph,
    Pictures,
    Table,
    closed,
    number,
)
from gradatim.explain.formula import (
    UPDATES,
    backward_formulas,
    layer_formulas,
    network_formula,
)
from gradatim.explain.selection import (
    is_summarized,
    largest,
    shown_neurons,
    shown_rows,
    shown_terms,
    shown_weights,
)
from gradatim.explain.worksheet import Array, Layer, Update, Worksheet, indexed

MOST_OUTPUTS = 10


def sections(sheet: Worksheet) -> Iterator[Block]:
    """All blocks, in order."""
    rows = len(sheet.inputs)
    yield Heading(f"One training step of {sheet.model}", 1)
    yield Paragraph(
        f"{sheet.parameters:,} parameters, learning rate {sheet.learning_rate:g}, "
        f"{rows:,} row{'s' * (rows != 1)} of data."
    )
    yield from _overview(sheet)
    yield Pictures()
    yield Heading("1. Forward pass")
    yield Formula(network_formula(sheet))
    if not sheet.is_chain:
        yield Paragraph(
            "The model's own code combines the layers; each is shown with what it was given."
        )
    yield from _which_rows(sheet)
    for layer, before in _with_inputs(sheet):
        yield from _forward(sheet, layer, before)
    yield Heading("2. Loss")
    yield from _loss(sheet)
    yield Heading("3. Backward pass")
    for layer, before in reversed(list(_with_inputs(sheet))):
        yield from _backward(sheet, layer, before)
    yield Heading("4. Update")
    yield from _updates(sheet)
    yield Heading("5. After the step")
    yield from _after(sheet)


def _with_inputs(sheet: Worksheet) -> list[tuple[Layer, str]]:
    """Each layer with the symbol of its input: x, or the a of the layer before."""
    found, before = [], "x"
    for layer in sheet.layers:
        found.append((layer, before))
        if layer.number is not None:
            before = f"a^{{{layer.number}}}"
    return found


def _name(layer: Layer) -> str:
    if layer.number is None:
        return f"{layer.kind} ({layer.path})" if layer.path else layer.kind
    activation = f", {layer.activation_name}" if layer.activation_name else ""
    path = f" ({layer.path})" if layer.path else ""
    return f"Layer {layer.number}: {layer.kind}{path}{activation}"


def _size(array: Array) -> str:
    return "×".join(map(str, array.shape[1:]))


# --- an overview of large networks ---------------------------------------------------------------


def _overview(sheet: Worksheet) -> Iterator[Block]:
    if not any(is_summarized(layer, sheet.options) for layer in sheet.layers):
        return
    rows: list[tuple[Cell, ...]] = []
    for layer in sheet.layers:
        count = sum(update.old.size for update in layer.updates)
        weight = layer.weight
        numbers: tuple[Cell, ...] = ("", "", "")
        if weight is not None:
            size = _root_mean_square(weight.old)
            gradient = None if weight.gradient is None else _root_mean_square(weight.gradient)
            change = None if gradient is None or not size else sheet.learning_rate * gradient / size
            numbers = (_number(size, 3), _number(gradient, 3), _number(change, 3))
        name = f"{layer.number}" if layer.number is not None else ""
        kind = layer.kind + (f", {layer.activation_name}" if layer.activation_name else "")
        shape = f"{_size(layer.inputs)} → {_size(layer.activations)}"
        rows.append((name, kind, shape, f"{count:,}" if count else "", *numbers))
    yield Table(
        ("layer", "what", "sizes", "parameters", "weights", "gradients", "relative change"),
        tuple(rows),
        left=(0, 1, 2),
    )
    show = sheet.options
    yield Paragraph(
        "Weights, gradients: root mean square. Large layers are shown by the "
        f"{show.largest} neurons with the largest gradients and by the neurons that were chosen, "
        "each with its largest terms."
    )


def _root_mean_square(array: Array) -> float:
    if array.size == 0:
        return 0.0
    flat = array.ravel()
    if flat.dtype.itemsize < 4:
        flat = flat.astype(np.float32)
    with np.errstate(all="ignore"):
        return float(np.sqrt(float(np.dot(flat, flat)) / flat.size))


def _number(value: float | None, digits: int) -> Cell:
    return "" if value is None else Math(number(value, digits))


# --- forward -------------------------------------------------------------------------------------


def _which_rows(sheet: Worksheet) -> Iterator[Block]:
    rows, count = shown_rows(sheet), len(sheet.inputs)
    if len(rows) < count:
        yield Paragraph(
            f"Sums are shown for row {rows[0]} of {count:,} (counted from 0); "
            "gradients are of the whole batch."
        )


def _forward(sheet: Worksheet, layer: Layer, before: str) -> Iterator[Block]:
    yield Heading(_name(layer), 3)
    if not layer.is_dense or layer.weight is None:
        settings = f"({layer.settings})" if layer.settings else ""
        yield Paragraph(f"{layer.kind}{settings}: {_extent(layer)}")
        return
    for formula in layer_formulas(layer, before):
        yield Formula(formula)
    if layer.activation is not None and layer.activation.symbol:
        function = layer.activation
        yield Formula(f"{function.symbol}(z) = {function.formula}")
    digits = sheet.options.digits
    several = len(shown_rows(sheet)) > 1
    rows: list[tuple[Cell, ...]] = []
    for row in shown_rows(sheet):
        for neuron in shown_neurons(layer, sheet.options):
            symbols = (indexed(f"z^{{{layer.number}}}", (neuron,)),)
            cells: tuple[Cell, ...] = (
                Math(symbols[0]),
                Math(_weighted_sum(layer, row, neuron, digits)),
                Math(number(layer.sums[row, neuron], digits)),
            )
            if layer.activation is not None:
                cells += (Math(number(layer.activations[row, neuron], digits)),)
            rows.append(((str(row),) if several else ()) + cells)
    titles: tuple[Cell, ...] = ("neuron", "weighted sum", Math("z"))
    if layer.activation is not None:
        titles += (Math("a"),)
    titles = (("row",) if several else ()) + titles
    left = (0, 1, 2) if several else (0, 1)
    yield Table(titles, tuple(rows), strong=(len(titles) - 1,), left=left)
    yield from _left_out(layer, sheet)


def _left_out(layer: Layer, sheet: Worksheet) -> Iterator[Block]:
    missing = layer.sums.shape[-1] - len(shown_neurons(layer, sheet.options))
    if missing:
        yield Paragraph(f"… and {missing:,} more neuron{'s' * (missing != 1)}.")


def _extent(layer: Layer) -> str:
    low, high = layer.activations.min(initial=np.inf), layer.activations.max(initial=-np.inf)
    sizes = f"{_size(layer.inputs)} → {_size(layer.activations)}"
    return f"{sizes}, values {_plain(low)} to {_plain(high)}"


def _weighted_sum(layer: Layer, row: int, neuron: int, digits: int) -> str:
    """`0.5 · 1 + (−0.3) · 0 + 0.1`; of a long sum the largest terms."""
    assert layer.weight is not None
    weights, inputs = layer.weight.old[neuron], layer.inputs[row]
    places = shown_terms(np.asarray(weights * inputs))
    terms = [rf"{closed(weights[k], digits)} \cdot {closed(inputs[k], digits)}" for k in places]
    if len(places) < len(weights):
        terms.append(r"\dots")
    if layer.bias is not None:
        terms.append(closed(layer.bias.old[neuron], digits))
    return " + ".join(terms)


# --- loss ----------------------------------------------------------------------------------------


def _loss(sheet: Worksheet) -> Iterator[Block]:
    loss, digits = sheet.loss, sheet.options.digits
    if loss.formula is not None:
        yield Formula(rf"L = {loss.name} = {loss.formula}")
    for row in shown_rows(sheet):
        yield _compared(sheet, row)
    yield Formula(rf"L = {number(loss.value, digits)}")


def _compared(sheet: Worksheet, row: int) -> Table:
    """Outputs beside targets, with their share in the loss where it is one each."""
    loss, digits = sheet.loss, sheet.options.digits
    outputs = loss.outputs[row].ravel()
    targets = loss.targets
    if targets.shape == loss.outputs.shape or targets.size == loss.outputs.size:
        target = targets.reshape(loss.outputs.shape)[row].ravel()
    else:
        target = np.atleast_1d(targets)[row].ravel() if targets.size > row else targets.ravel()
    terms = None
    if loss.terms is not None:
        each = loss.terms
        if each.size == loss.outputs.size:
            terms = each.reshape(loss.outputs.shape)[row].ravel()
        elif each.size == len(loss.outputs):
            terms = each.ravel()[row : row + 1]
    places = sorted(largest(outputs, MOST_OUTPUTS))
    by_class = len(target) != len(outputs)
    rows: list[tuple[Cell, ...]] = []
    for k in places:
        if by_class:
            is_class = len(target) == 1 and int(target[0]) == k
            wanted: Cell = "◀ class" if is_class else ""
            value: Cell = _term(terms, 0, digits) if is_class else ""
        else:
            wanted, value = Math(number(target[k], digits)), _term(terms, k, digits)
        symbol = Math(indexed(r"\hat y", (k,)))
        rows.append((symbol, Math(number(outputs[k], digits)), wanted, value))
    if len(places) < len(outputs):
        rows.append(("…", "", "", ""))
    titles: tuple[Cell, ...] = ("output", Math(r"\hat y"), Math("y"), "its loss")
    if terms is None:
        return Table(titles[:3], tuple(row[:3] for row in rows))
    return Table(titles, tuple(rows))


def _term(terms: Array | None, place: int, digits: int) -> Cell:
    if terms is None or place >= len(terms):
        return ""
    return Math(number(terms[place], digits))


# --- backward ------------------------------------------------------------------------------------


def _backward(sheet: Worksheet, layer: Layer, before: str) -> Iterator[Block]:
    if layer.number is None:
        return
    yield Heading(_name(layer), 3)
    if layer.grad_sums is None:
        yield Paragraph("No gradient reaches this layer: the loss does not depend on it.")
        return
    if not layer.is_dense:
        yield Paragraph(_gradient_extent(layer.grad_sums))
        return
    for formula in backward_formulas(layer, before):
        yield Formula(formula)
    if layer.activation is not None and layer.activation.derivative and layer.activation.symbol:
        yield Formula(rf"{layer.activation.symbol}'(z) = {layer.activation.derivative}")
    yield _deltas(sheet, layer)
    yield from _left_out(layer, sheet)
    yield _products(sheet, layer, before)


def _gradient_extent(gradient: Array) -> str:
    low, high = gradient.min(initial=np.inf), gradient.max(initial=-np.inf)
    return f"∂L/∂z of {_size(gradient)}: {_plain(low)} to {_plain(high)}"


def _plain(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _deltas(sheet: Worksheet, layer: Layer) -> Table:
    """∂L/∂a, f′(z) and δ, neuron by neuron."""
    digits, several = sheet.options.digits, len(shown_rows(sheet)) > 1
    assert layer.grad_sums is not None
    rows: list[tuple[Cell, ...]] = []
    arriving = layer.grad_activations if layer.activation is not None else None
    for row in shown_rows(sheet):
        for neuron in shown_neurons(layer, sheet.options):
            cells: tuple[Cell, ...] = ((str(row),) if several else ()) + (
                Math(indexed(rf"\delta^{{{layer.number}}}", (neuron,))),
            )
            if arriving is not None:
                cells += (Math(number(arriving[row, neuron], digits)),)
            if layer.slopes is not None:
                cells += (Math(number(layer.slopes[row, neuron], digits)),)
            rows.append((*cells, Math(number(layer.grad_sums[row, neuron], digits))))
    titles: tuple[Cell, ...] = ("neuron",)
    if arriving is not None:
        titles += (Math(r"\frac{\partial L}{\partial a}"),)
    if layer.slopes is not None and layer.activation is not None:
        titles += (Math(rf"{layer.activation.symbol or 'f'}'(z)"),)
    titles = (("row",) if several else ()) + (*titles, Math(r"\delta"))
    return Table(titles, tuple(rows), strong=(len(titles) - 1,), left=(0, 1) if several else (0,))


def _products(sheet: Worksheet, layer: Layer, before: str) -> Table:
    """The gradient of each weight and bias, and how it comes from δ and the layer's input."""
    digits = sheet.options.digits
    rows: list[tuple[Cell, ...]] = []
    for update, place in shown_weights(layer, sheet.options):
        symbol = Math(rf"\partial L / \partial {indexed(update.symbol, place)}")
        rows.append(
            (symbol, _product(sheet, layer, update, place), _gradient(update, place, digits))
        )
    return Table(("gradient", "product", "value"), tuple(rows), strong=(2,), left=(0, 1))


def _product(sheet: Worksheet, layer: Layer, update: Update, place: tuple[int, ...]) -> Cell:
    assert layer.grad_sums is not None
    rows, digits = len(layer.inputs), sheet.options.digits
    if update.gradient is None:
        return update.note
    if update is not layer.weight and update is not layer.bias:
        return ""
    deltas = layer.grad_sums[:, place[0]]
    factors = None if update is layer.bias else layer.inputs[:, place[1]]
    if rows > 3:
        return "sum over the rows"
    terms = [
        number(delta, digits) if factors is None and k == 0
        else closed(delta, digits) if factors is None
        else rf"{closed(delta, digits)} \cdot {closed(factors[k], digits)}"
        for k, delta in enumerate(deltas)
    ]  # fmt: skip
    return Math(" + ".join(terms))


def _gradient(update: Update, place: tuple[int, ...], digits: int) -> Cell:
    if update.gradient is None:
        return "none"
    return Math(number(update.gradient[place], digits))


# --- update --------------------------------------------------------------------------------------


def _updates(sheet: Worksheet) -> Iterator[Block]:
    for formula in UPDATES:
        yield Formula(formula)
    shown = [pair for layer in sheet.layers for pair in shown_weights(layer, sheet.options)]
    listed = {update.name for layer in sheet.layers for update in layer.updates}
    yield update_rows(sheet, list({(u.name, place): (u, place) for u, place in shown}.values()))
    others = [update for update in sheet.updates if update.name not in listed]
    if others:
        yield Paragraph("Parameters that no layer above owns:")
        pairs = []
        for update in others:
            places = sorted(largest(update.old if update.gradient is None else update.gradient, 5))
            pairs += [
                (update, tuple(int(k) for k in np.unravel_index(place, update.old.shape)))
                for place in places
            ]
        yield update_rows(sheet, pairs)
    missing = sheet.parameters - len({(u.name, p) for u, p in shown}) - sum(
        update.old.size for update in others
    )  # fmt: skip
    if missing > 0:
        yield Paragraph(f"… and {missing:,} more parameters, updated alike.")


def update_rows(sheet: Worksheet, pairs: list[tuple[Update, tuple[int, ...]]]) -> Table:
    """Old value, gradient, the calculation and the new value of each."""
    digits, rate = sheet.options.digits, number(sheet.learning_rate, sheet.options.digits)
    rows: list[tuple[Cell, ...]] = []
    for update, place in pairs:
        old = number(update.old[place], digits)
        if update.gradient is None:
            calculation: Cell = update.note
        else:
            factor = closed(update.gradient[place], digits)
            calculation = Math(rf"{old} - {rate} \cdot {factor}")
        rows.append(
            (
                Math(indexed(update.symbol, place)),
                Math(old),
                _gradient(update, place, digits),
                calculation,
                Math(number(update.new[place], digits)),
            )
        )
    gradient = Math(r"\frac{\partial L}{\partial w}")
    return Table(
        ("parameter", "old", gradient, "calculation", "new"),
        tuple(rows), strong=(4,), left=(0, 3),
    )  # fmt: skip


# --- after ---------------------------------------------------------------------------------------


def _after(sheet: Worksheet) -> Iterator[Block]:
    loss, digits = sheet.loss, sheet.options.digits
    yield Formula(rf"L \colon \; {number(loss.value, digits)} \to {number(loss.after, digits)}")
    if not np.isfinite(loss.value):
        yield Paragraph("The loss is not a finite number: look at the inputs and the old weights.")
    elif not np.isfinite(loss.after):
        yield Paragraph("The step diverged: the learning rate is too large for these gradients.")
    elif loss.after > loss.value:
        yield Paragraph("The loss has grown: a smaller learning rate goes down.")
