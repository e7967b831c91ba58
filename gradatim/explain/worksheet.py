"""Worksheet: one training step as plain data, every number of it.

Arrays are NumPy's, and have one row for each row of the batch. Neurons and weights are named as in
the formulas: w²₃₁ (`w^2_{31}`) leads to neuron 3 of layer 2 from neuron 1 before it.
`sections.py` says what of it is shown, and `terminal.py`, `html.py` and `latex.py` show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gradatim.explain.functions import Function

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Update:
    """One parameter's w ← w − α ∂L/∂w.

    Attributes:
        name: its path in the model, such as `0.weight`.
        symbol: how formulas write it, with its layer: `w^1`.
        old, gradient, new: arrays of its shape; the gradient is None where there is none.
        note: why there is none: "frozen", or "the loss does not depend on it".
    """

    name: str
    symbol: str
    old: Array = field(repr=False)
    gradient: Array | None = field(repr=False)
    new: Array = field(repr=False)
    note: str = ""


@dataclass(frozen=True)
class Layer:
    """What one layer computed, and the gradients that came back.

    Attributes:
        number: counts the layers with parameters, from 1; None for one without.
        path, kind, settings: where it is in the model, its class, and its repr's arguments.
        is_dense: whether it is a weighted sum of its inputs for each neuron.
        inputs, sums: what went in and what came out: for a dense layer x (or a) and z.
        activation: the function applied to the sums, its name, and its result. The name is "" where
            none is applied, and "g" where it is the model's own code.
        slopes: the activation's derivative at the sums; None where it is not elementwise.
        grad_activations, grad_sums: ∂L/∂a and ∂L/∂z (the deltas); None where no gradient flows.
        updates: of its parameters.
        follows: whether its input is the layer's before, unchanged (or the network's input).
    """

    number: int | None
    path: str
    kind: str
    settings: str
    is_dense: bool
    inputs: Array = field(repr=False)
    sums: Array = field(repr=False)
    activation: Function | None
    activation_name: str
    activations: Array = field(repr=False)
    slopes: Array | None = field(repr=False)
    grad_activations: Array | None = field(repr=False)
    grad_sums: Array | None = field(repr=False)
    updates: tuple[Update, ...] = ()
    follows: bool = True

    @property
    def weight(self) -> Update | None:
        return next((u for u in self.updates if u.symbol.startswith("w")), None)

    @property
    def bias(self) -> Update | None:
        return next((u for u in self.updates if u.symbol.startswith("b")), None)


@dataclass(frozen=True)
class Loss:
    """The loss of the batch.

    Attributes:
        name, formula: in LaTeX; no formula for a function of the user's.
        outputs, targets: what was compared.
        terms: the loss before it was averaged or added up; None where it cannot be had.
        value, after: before the update, and with the new parameters.
    """

    name: str
    formula: str | None
    outputs: Array = field(repr=False)
    targets: Array = field(repr=False)
    terms: Array | None = field(repr=False)
    value: float
    after: float


@dataclass(frozen=True)
class Show:
    """What of a worksheet is shown.

    Attributes:
        digits: significant digits of a number.
        row: the row of the batch whose sums are shown neuron by neuron, from 0; None for all of a
            batch of up to three, else the first.
        neurons: those that are shown in full whatever their size: (layer, neuron), both from 1.
        weights: layers with more weights than this are summarized.
        largest: of a summarized layer, how many neurons are shown, those with the largest
            gradients, and how many weights of each.
    """

    digits: int = 4
    row: int | None = None
    neurons: tuple[tuple[int, int], ...] = ()
    weights: int = 64
    largest: int = 3


@dataclass(frozen=True)
class Worksheet:
    """One training step with every number. `gd.explain.step` makes it.

    `print(sheet)` shows it as text, `sheet.show()` with colors; in a notebook it shows itself.

    Attributes:
        model: the class of the model.
        learning_rate: α.
        parameters: how many numbers the model has to learn.
        inputs: of the network.
        layers: in the order in which they ran.
        loss: and its value after the update.
        updates: of all parameters, those outside of `layers` too.
        after: the activations of `layers` with the new parameters.
        is_chain: whether each layer feeds the next and nothing else happens, so that one nested
            formula says it all.
    """

    model: str
    learning_rate: float
    parameters: int
    inputs: Array = field(repr=False)
    layers: tuple[Layer, ...]
    loss: Loss
    updates: tuple[Update, ...]
    after: tuple[Array, ...] = field(repr=False)
    is_chain: bool = True
    options: Show = Show()

    def __str__(self) -> str:
        from gradatim.explain.plain import to_text

        return to_text(self)

    @property
    def formula(self) -> str:
        """The network's formula in one line of text."""
        from gradatim.explain.formula import network_formula
        from gradatim.explain.notation import to_text

        return to_text(network_formula(self))

    @property
    def latex_formula(self) -> str:
        """The network's formula in LaTeX."""
        from gradatim.explain.formula import network_formula

        return network_formula(self)

    def show(self) -> None:
        """Print it on the terminal, with colors."""
        from gradatim.explain.terminal import show

        show(self)

    def to_html(self) -> str:
        """A page of its own, which needs no network."""
        from gradatim.explain.html import to_page

        return to_page(self)

    def _repr_html_(self) -> str:
        from gradatim.explain.html import to_fragment

        return to_fragment(self)

    def to_latex(self) -> str:
        """A document for pdflatex, with the network drawn by TikZ."""
        from gradatim.explain.latex import to_document

        return to_document(self)

    def to_svg(self) -> str:
        """The network before and after the step, as a picture."""
        from gradatim.explain.network_picture import to_svg

        return to_svg(self)

    def save(self, path: str | Path, ending: str | None = None) -> None:
        """Write it to a file; the name's end says as what: .html, .tex, .svg, or text; `ending`
        says it for other names."""
        from gradatim.data.files import replacing

        path = Path(path)
        makers = {".html": self.to_html, ".tex": self.to_latex, ".svg": self.to_svg}
        text = makers.get(ending or path.suffix.lower(), self.__str__)()
        with replacing(path) as temporary:
            Path(temporary).write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def parameter_symbol(name: str, number: int) -> str:
    """`w^2` for the weight of layer 2, `b^2` for its bias, else the parameter's own name.

    Example:
        >>> parameter_symbol("weight", 2), parameter_symbol("weight_ih_l0", 1)
        ('w^2', '\\\\mathrm{weight\\\\_ih\\\\_l0}^1')
    """
    short = {"weight": "w", "bias": "b"}.get(name)
    if short is None:
        escaped = name.replace("_", "\\_")
        short = rf"\mathrm{{{escaped}}}"
    return f"{short}^{_script(number)}"


def _script(number: int) -> str:
    return str(number) if number < 10 else f"{{{number}}}"


def indexed(symbol: str, place: Sequence[int]) -> str:
    """A symbol with its indices, counted from 1 and with commas only where they are needed.

    Example:
        >>> indexed("w^1", (1, 0)), indexed("w^1", (11, 0))
        ('w^1_{21}', 'w^1_{12,1}')
    """
    numbers = [str(k + 1) for k in place]
    if not numbers:
        return symbol
    comma = "," if any(len(n) > 1 for n in numbers) else ""
    return f"{symbol}_{{{comma.join(numbers)}}}"
