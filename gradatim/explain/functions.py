"""The formulas of activation functions and losses, by the names of their layers, in LaTeX.

In an activation's formula z is the weighted sum. In a loss's, ŷ is an output, y its target, and K
the number of classes; one term is given, and the loss is the mean of the terms (or their sum).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Function:
    """An activation function.

    Attributes:
        symbol: how the formula of a network writes it.
        formula: what it is of z.
        derivative: what its slope is; None where one output depends on several sums.
    """

    symbol: str
    formula: str
    derivative: str | None


def _cases(*rows: str) -> str:
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def _number(value: float) -> str:
    return f"{value:g}"


def _times(value: float) -> str:
    """A factor; none where it is 1."""
    return "" if value == 1 else f"{value:g} "


def _over(value: float) -> str:
    return "z" if value == 1 else f"z / {value:g}"


def _named(name: str, formula: str, derivative: str | None) -> Function:
    return Function(rf"\mathrm{{{name}}}", formula, derivative)


SIGMOID = r"\frac{1}{1 + e^{-z}}"

ACTIVATIONS: dict[str, Callable[[Any], Function]] = {
    "Identity": lambda f: Function("", "z", "1"),
    "Sigmoid": lambda f: Function(r"\sigma", SIGMOID, r"\sigma(z) (1 - \sigma(z))"),
    "Tanh": lambda f: Function(
        r"\tanh", r"\frac{e^{z} - e^{-z}}{e^{z} + e^{-z}}", r"1 - \tanh(z)^2"
    ),
    "ReLU": lambda f: _named("ReLU", r"\max(0, z)", _cases("1 & z > 0", r"0 & z \le 0")),
    "LeakyReLU": lambda f: _named(
        "LeakyReLU",
        _cases("z & z > 0", rf"{_number(f.negative_slope)} z & z \le 0"),
        _cases("1 & z > 0", rf"{_number(f.negative_slope)} & z \le 0"),
    ),
    "ELU": lambda f: _named(
        "ELU",
        _cases("z & z > 0", rf"{_times(f.alpha)}(e^{{z}} - 1) & z \le 0"),
        _cases("1 & z > 0", rf"{_times(f.alpha)}e^{{z}} & z \le 0"),
    ),
    "CELU": lambda f: _named(
        "CELU",
        _cases("z & z > 0", rf"{_times(f.alpha)}(e^{{{_over(f.alpha)}}} - 1) & z \le 0"),
        _cases("1 & z > 0", rf"e^{{{_over(f.alpha)}}} & z \le 0"),
    ),
    "SELU": lambda f: _named(
        "SELU",
        _cases("1.0507 z & z > 0", r"1.7581 (e^{z} - 1) & z \le 0"),
        _cases("1.0507 & z > 0", r"1.7581 e^{z} & z \le 0"),
    ),
    "SiLU": lambda f: _named(
        "SiLU", r"z \cdot \sigma(z)", r"\sigma(z) (1 + z (1 - \sigma(z)))"
    ),
    "Mish": lambda f: _named(
        "Mish",
        r"z \cdot \tanh(\ln(1 + e^{z}))",
        r"t + z \sigma(z) (1 - t^2), \quad t = \tanh(\ln(1 + e^{z}))",
    ),
    "GELU": lambda f: _named(
        "GELU",
        r"z \cdot \Phi(z)"
        if f.approximate == "none"
        else r"\frac{z}{2} (1 + \tanh(0.7979 (z + 0.044715 z^3)))",
        r"\Phi(z) + z \phi(z)"
        if f.approximate == "none"
        else r"\frac{1 + t}{2} + \frac{z}{2} (1 - t^2) 0.7979 (1 + 0.134145 z^2), "
        r"\quad t = \tanh(0.7979 (z + 0.044715 z^3))",
    ),
    "Softplus": lambda f: _named(
        "Softplus",
        r"\ln(1 + e^{z})"
        if f.beta == 1
        else rf"\frac{{1}}{{{_number(f.beta)}}} \ln(1 + e^{{{_number(f.beta)} z}})",
        rf"\sigma({'' if f.beta == 1 else _number(f.beta)} z)",
    ),
    "Softsign": lambda f: _named("Softsign", r"\frac{z}{1 + |z|}", r"\frac{1}{(1 + |z|)^2}"),
    "LogSigmoid": lambda f: _named("LogSigmoid", r"\ln(\sigma(z))", r"1 - \sigma(z)"),
    "Tanhshrink": lambda f: _named("Tanhshrink", r"z - \tanh(z)", r"\tanh(z)^2"),
    "Hardsigmoid": lambda f: _named(
        "Hardsigmoid",
        r"\frac{\min(\max(z + 3, 0), 6)}{6}",
        _cases(r"\frac{1}{6} & |z| < 3", r"0 & |z| \ge 3"),
    ),
    "Hardswish": lambda f: _named(
        "Hardswish",
        r"z \cdot \frac{\min(\max(z + 3, 0), 6)}{6}",
        _cases("0 & z < -3", r"\frac{2 z + 3}{6} & |z| \le 3", "1 & z > 3"),
    ),
    "Hardtanh": lambda f: _named("Hardtanh", *_clipped(f.min_val, f.max_val)),
    "ReLU6": lambda f: _named("ReLU6", *_clipped(0, 6)),
    "Hardshrink": lambda f: _named(
        "Hardshrink",
        _cases(rf"z & |z| > {_number(f.lambd)}", rf"0 & |z| \le {_number(f.lambd)}"),
        _cases(rf"1 & |z| > {_number(f.lambd)}", rf"0 & |z| \le {_number(f.lambd)}"),
    ),
    "Softshrink": lambda f: _named(
        "Softshrink",
        _cases(
            rf"z - {_number(f.lambd)} & z > {_number(f.lambd)}",
            rf"z + {_number(f.lambd)} & z < -{_number(f.lambd)}",
            rf"0 & |z| \le {_number(f.lambd)}",
        ),
        _cases(rf"1 & |z| > {_number(f.lambd)}", rf"0 & |z| \le {_number(f.lambd)}"),
    ),
    "Threshold": lambda f: _named(
        "Threshold",
        _cases(
            rf"z & z > {_number(f.threshold)}",
            rf"{_number(f.value)} & z \le {_number(f.threshold)}",
        ),
        _cases(rf"1 & z > {_number(f.threshold)}", rf"0 & z \le {_number(f.threshold)}"),
    ),
    "PReLU": lambda f: _named(
        "PReLU", _cases("z & z > 0", r"\beta z & z \le 0"), _cases("1 & z > 0", r"\beta & z \le 0")
    ),
    "Softmax": lambda f: _named("softmax", r"\frac{e^{z_k}}{\sum_m e^{z_m}}", None),
    "Softmin": lambda f: _named("softmin", r"\frac{e^{-z_k}}{\sum_m e^{-z_m}}", None),
    "LogSoftmax": lambda f: _named("log\\ softmax", r"z_k - \ln \sum_m e^{z_m}", None),
}  # fmt: skip


def _clipped(low: float, high: float) -> tuple[str, str]:
    low_text, high_text = _number(low), _number(high)
    return (
        rf"\min(\max(z, {low_text}), {high_text})",
        _cases(rf"1 & {low_text} < z < {high_text}", r"0 & \mathrm{elsewhere}"),
    )


def activation_of(layer: Any) -> Function | None:
    """What is known of a layer, if it is an activation function.

    Example:
        >>> import gradatim as gd
        >>> activation_of(gd.nn.Sigmoid()).symbol, activation_of(gd.nn.Linear(1, 1))
        ('\\\\sigma', None)
    """
    describe = ACTIVATIONS.get(type(layer).__name__)
    return describe(layer) if describe is not None else None


# --- losses --------------------------------------------------------------------------------------

D = r"\hat y - y"
_NEAR = rf"\frac{{1}}{{2}} ({D})^2"


def _smooth(loss: Any) -> str:
    beta = loss.beta
    if beta == 0:
        return rf"|{D}|"
    scale = "" if beta == 1 else rf"/ {_number(beta)}"
    return _cases(
        rf"{_NEAR} {scale} & |{D}| < {_number(beta)}",
        rf"|{D}| - {_number(beta / 2)} & \mathrm{{elsewhere}}",
    )


LOSSES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "MSELoss": ("MSE", lambda f: rf"({D})^2"),
    "L1Loss": ("L1", lambda f: rf"|{D}|"),
    "SmoothL1Loss": ("SmoothL1", _smooth),
    "HuberLoss": (
        "Huber",
        lambda f: _cases(
            rf"{_NEAR} & |{D}| \le {_number(f.delta)}",
            rf"{_times(f.delta)}(|{D}| - {_number(f.delta / 2)}) & \mathrm{{elsewhere}}",
        ),
    ),
    "CrossEntropyLoss": (
        "CE",
        lambda f: r"-\ln \frac{e^{\hat y_c}}{\sum_m e^{\hat y_m}}, \quad c = y",
    ),
    "NLLLoss": ("NLL", lambda f: r"-\hat y_c, \quad c = y"),
    "BCELoss": ("BCE", lambda f: r"-(y \ln \hat y + (1 - y) \ln(1 - \hat y))"),
    "BCEWithLogitsLoss": (
        "BCE",
        lambda f: r"-(y \ln \sigma(\hat y) + (1 - y) \ln(1 - \sigma(\hat y)))",
    ),
    "KLDivLoss": (
        "KL",
        lambda f: r"e^{y} (y - \hat y)" if f.log_target else r"y (\ln y - \hat y)",
    ),
    "PoissonNLLLoss": (
        "PoissonNLL",
        lambda f: r"e^{\hat y} - y \hat y" if f.log_input else r"\hat y - y \ln(\hat y)",
    ),
    "SoftMarginLoss": ("SoftMargin", lambda f: r"\ln(1 + e^{-y \hat y})"),
    "HingeEmbeddingLoss": (
        "HingeEmbedding",
        lambda f: _cases(r"\hat y & y = 1", rf"\max(0, {_number(f.margin)} - \hat y) & y = -1"),
    ),
    "MultiMarginLoss": (
        "MultiMargin",
        lambda f: (
            rf"\frac{{1}}{{K}} \sum_{{m \ne c}} \max(0, {_number(f.margin)} - \hat y_c + "
            rf"\hat y_m){'' if f.p == 1 else '^' + _number(f.p)}, \quad c = y"
        ),
    ),
    "MultiLabelMarginLoss": (
        "MultiLabelMargin",
        lambda f: (
            r"\frac{1}{K} \sum_{c \in y} \sum_{m \notin y} \max(0, 1 - \hat y_c + \hat y_m)"
        ),
    ),
    "MultiLabelSoftMarginLoss": (
        "MultiLabelSoftMargin",
        lambda f: (
            r"-\frac{1}{K} \sum_m (y_m \ln \sigma(\hat y_m) + "
            r"(1 - y_m) \ln(1 - \sigma(\hat y_m)))"
        ),
    ),
}
"""By a loss's class: its short name, and one term."""


def loss_formula(loss: Any) -> tuple[str, str | None]:
    """A loss's short name in LaTeX, and its formula; None for one that is not in the table.

    Example:
        >>> import gradatim as gd
        >>> loss_formula(gd.nn.MSELoss())[1]
        '\\\\frac{1}{n} \\\\sum (\\\\hat y - y)^2'
        >>> loss_formula(lambda output, target: output.sum())
        ('L', None)
    """
    if type(loss).__name__ not in LOSSES:
        return "L", None
    name, term = LOSSES[type(loss).__name__]
    plain = getattr(loss, "weight", None) is None
    before = {"mean": r"\frac{1}{n} \sum ", "batchmean": r"\frac{1}{N} \sum ", "sum": r"\sum "}
    changed = getattr(loss, "label_smoothing", 0) or getattr(loss, "pos_weight", None) is not None
    text = term(loss)
    start = before.get(loss.reduction, "")
    if start and (text.startswith(("-", r"\hat", "e^", r"\ln", r"\frac", "y", r"\begin"))):
        main, comma, rest = text.partition(r", \quad")
        text = rf"\left[{main}\right]{comma}{rest}"
    return rf"\mathrm{{{name}}}", start + text if plain and not changed else None
