"""Blocks: what a worksheet says, in a form that terminals, web pages and LaTeX can each show.

Mathematics is in LaTeX everywhere (see `notation.py`); `number` writes numbers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Math:
    """A formula within a line or a cell."""

    latex: str


Cell = str | Math


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Formula:
    """On a line of its own."""

    latex: str


@dataclass(frozen=True)
class Table:
    """
    Attributes:
        columns: their titles.
        rows: of cells, as many as there are columns.
        strong: columns to stress, by their places.
        left: columns that are not numbers, by their places.
    """

    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    strong: tuple[int, ...] = ()
    left: tuple[int, ...] = field(default=(0,))


@dataclass(frozen=True)
class Pictures:
    """Where the network before and after the step is drawn, by those who can draw."""


Block = Heading | Paragraph | Formula | Table | Pictures


def number(value: float, digits: int = 4) -> str:
    """A number in LaTeX, with so many significant digits.

    Example:
        >>> number(-0.123456), number(1234567.0), number(2.0), number(float("inf"))
        ('-0.1235', '1.235 \\\\cdot 10^{6}', '2', '\\\\infty')
    """
    value = float(value)
    if math.isnan(value):
        return r"\mathrm{NaN}"
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    return mantissa if not exponent else rf"{mantissa} \cdot 10^{{{int(exponent)}}}"


def closed(value: float, digits: int = 4) -> str:
    """A number as a factor: a negative one in brackets.

    Example:
        >>> closed(-2.0), closed(0.3)
        ('(-2)', '0.3')
    """
    text = number(value, digits)
    return f"({text})" if text.startswith("-") else text


PLAIN_NUMBER = re.compile(r"-?[\d.]+")


def plain_number(cell: Cell) -> str | None:
    """A cell's text, where it is a number that needs no mathematics."""
    if isinstance(cell, Math) and PLAIN_NUMBER.fullmatch(cell.latex):
        return cell.latex.replace("-", "−")
    return None
