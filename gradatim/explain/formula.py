"""The forward pass as one formula, nested as the layers are, in LaTeX.

    a^L_n = [σ(Σ_m w^L_nm [ ⋯ [σ(Σ_i w^1_ji x_i + b^1_j)]_j ⋯ ]_m + b^L_n)]_n

Indices go from the input to the output: i, j, k, l, …
"""

from __future__ import annotations

from gradatim.explain.worksheet import Layer, Worksheet

INDICES = "ijklmnopqrstuv"
DEEPEST = 8  # more layers than this are not nested: nobody could read it


def network_formula(sheet: Worksheet) -> str:
    """The formula of the outputs; for a network that is no chain of layers, or a very deep one,
    that of one layer, which then stands for all."""
    layers = [layer for layer in sheet.layers if layer.kind != "Identity"]
    dense = sum(layer.is_dense for layer in layers)
    if not sheet.is_chain or not 1 <= dense <= DEEPEST or len(layers) > 2 * DEEPEST:
        return r"a^l = f^l\left(W^l a^{l-1} + b^l\right), \quad a^0 = x, \quad \hat y = a^L"
    inside, index, place = "x", "i", 0
    is_first = True
    for layer in layers:
        if layer.is_dense:
            source, index = index, INDICES[place + 1]
            place += 1
            arrived = f"{inside}_{source}" if is_first else _bracket(inside, source)
            inside = _sum(layer, arrived, source, index)
            is_first = False
        else:
            inside = _whole(layer, f"{inside}_{index}" if is_first else inside)
            is_first = False
        inside = _activated(layer, inside)
    return rf"\hat y_{index} = {_bracket(inside, index)}"


def _bracket(inside: str, index: str) -> str:
    return rf"\left[{inside}\right]_{index}"


def _sum(layer: Layer, arrived: str, source: str, index: str) -> str:
    """The weighted sum of what arrived."""
    number = f"{layer.number}" if (layer.number or 0) < 10 else f"{{{layer.number}}}"
    total = rf"\sum_{source} w^{number}_{{{index}{source}}} {arrived}"
    return total if layer.bias is None else rf"{total} + b^{number}_{index}"


def _activated(layer: Layer, inside: str) -> str:
    if layer.activation is None or not layer.activation.symbol:
        return inside
    return rf"{layer.activation.symbol}\left({inside}\right)"


def _whole(layer: Layer, inside: str) -> str:
    """A layer without a formula of its own: its name around what it is given."""
    if layer.kind in ACTIVATION_SYMBOLS:
        return rf"{ACTIVATION_SYMBOLS[layer.kind]}\left({inside}\right)"
    return rf"\mathrm{{{layer.kind}}}\left({inside}\right)"


ACTIVATION_SYMBOLS = {"Sigmoid": r"\sigma", "Tanh": r"\tanh"}


def layer_formulas(layer: Layer, before: str) -> list[str]:
    """What a dense layer computes: z, and a where there is an activation.

    Args:
        before: the symbol of its input, such as `x` or `a^1`.
    """
    number = layer.number
    total = rf"\sum_i w^{{{number}}}_{{ji}} {before}_i"
    bias = "" if layer.bias is None else rf" + b^{{{number}}}_j"
    lines = [rf"z^{{{number}}}_j = {total}{bias}"]
    if layer.activation is not None:
        function = layer.activation
        z = rf"z^{{{number}}}_j"
        called = rf"{function.symbol}({z})" if function.symbol else z
        lines.append(rf"a^{{{number}}}_j = {called}")
    return lines


def backward_formulas(layer: Layer, before: str) -> list[str]:
    """How the gradients of a dense layer come from those of its activations. Of several rows r
    they are sums."""
    number = layer.number
    total = r"\sum_r " if len(layer.sums) > 1 else ""
    delta = rf"\frac{{\partial L}}{{\partial z^{{{number}}}_j}}"
    lines = []
    if layer.slopes is not None:
        symbol = layer.activation.symbol if layer.activation is not None else "f"
        symbol = symbol or "f"
        arrives = rf"\frac{{\partial L}}{{\partial a^{{{number}}}_j}}"
        lines.append(
            rf"\delta^{{{number}}}_j = {delta} = {arrives} \cdot {symbol}'(z^{{{number}}}_j)"
        )
    elif layer.activation is not None:
        a = rf"a^{{{number}}}_m"
        lines.append(
            rf"\delta^{{{number}}}_j = {delta} = \sum_m \frac{{\partial L}}{{\partial {a}}} "
            rf"\cdot \frac{{\partial {a}}}{{\partial z^{{{number}}}_j}}"
        )
    else:
        lines.append(rf"\delta^{{{number}}}_j = {delta}")
    lines.append(
        rf"\frac{{\partial L}}{{\partial w^{{{number}}}_{{ji}}}} = "
        rf"{total}\delta^{{{number}}}_j {before}_i"
    )
    if layer.bias is not None:
        lines.append(
            rf"\frac{{\partial L}}{{\partial b^{{{number}}}_j}} = {total}\delta^{{{number}}}_j"
        )
    return lines


UPDATES = (
    r"w^l_{ji} \leftarrow w^l_{ji} - \alpha \frac{\partial L}{\partial w^l_{ji}}",
    r"b^l_j \leftarrow b^l_j - \alpha \frac{\partial L}{\partial b^l_j}",
)
