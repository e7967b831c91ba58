"""The update rule alone: w ← w − α ∂L/∂w for any weights and gradients, as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gradatim.explain.blocks import Block, Formula, Math, Table, number
from gradatim.graph.errors import ArgumentError

RULE = r"w \leftarrow w - \alpha \frac{\partial L}{\partial w}"


@dataclass(frozen=True)
class UpdateTable:
    """Weights before and after one step.

    Attributes:
        learning_rate: α.
        weights, gradients: as they were given.
        updated: exact for the decimal numbers that were given.
    """

    learning_rate: float
    weights: tuple[float, ...]
    gradients: tuple[float, ...]
    updated: tuple[float, ...]

    def blocks(self) -> Iterator[Block]:
        """What is shown."""
        yield Formula(RULE)
        rate = _exact(self.learning_rate)
        decimals = max((_decimals(value) for value in self.updated), default=0)
        rows = []
        for old, gradient, new in zip(self.weights, self.gradients, self.updated):
            slope = _exact(gradient)
            factor = f"({slope})" if gradient < 0 else slope
            calculation = Math(rf"{_exact(old)} - {rate} \cdot {factor}")
            rows.append((Math(_exact(old)), Math(slope), calculation, _fixed(new, decimals)))
        titles = ("old", Math(r"\frac{\partial L}{\partial w}"), "calculation", "new")
        yield Table(titles, tuple(rows), strong=(3,), left=(2,))

    def __str__(self) -> str:
        from gradatim.explain.plain import lines

        return "\n".join(lines(self.blocks())).strip("\n")

    def _repr_html_(self) -> str:
        from gradatim.explain.html import as_fragment

        return as_fragment(self.blocks())


def _decimals(value: float) -> int:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _exact(value: float) -> str:
    """All digits of a number in LaTeX: 0.3, 1.0, 2·10⁻⁷."""
    mantissa, _, exponent = repr(value).partition("e")
    if not math.isfinite(value):
        return number(value)
    return mantissa if not exponent else rf"{mantissa} \cdot 10^{{{int(exponent)}}}"


def _fixed(value: float, decimals: int) -> Math:
    is_short = decimals <= 10 and abs(value) < 1e16
    return Math(f"{value:.{decimals}f}" if is_short else _exact(value))


def update_table(
    weights: Sequence[float], gradients: Sequence[float], lr: float = 0.1
) -> UpdateTable:
    """One step of gradient descent on given weights with given gradients.

    Numbers are taken as the decimals that were typed, so that 0.3 − 0.1 · 0.2 is 0.28 to the last
    digit.

    Raises:
        ArgumentError: there are not as many gradients as weights.

    Example:
        >>> table = update_table([0.3, 0.5, 1.0], [0.2, 0.5, -2.0], lr=0.1)
        >>> table.updated
        (0.28, 0.45, 1.2)
        >>> print(table)
            w ← w − α ∂L/∂w
        <BLANKLINE>
          old  ∂L/∂w  calculation        new
          ───  ─────  ────────────────  ────
          0.3    0.2  0.3 − 0.1·0.2     0.28
          0.5    0.5  0.5 − 0.1·0.5     0.45
          1.0   −2.0  1.0 − 0.1·(−2.0)  1.20
    """
    if len(weights) != len(gradients):
        raise ArgumentError(
            f"there are {len(weights)} weights and {len(gradients)} gradients: give one gradient "
            "for each weight"
        )
    rate = Decimal(repr(float(lr)))
    old = tuple(float(w) for w in weights)
    slopes = tuple(float(g) for g in gradients)
    new = (Decimal(repr(w)) - rate * Decimal(repr(g)) for w, g in zip(old, slopes))
    return UpdateTable(float(lr), old, slopes, tuple(map(float, new)))
