"""A worksheet as plain text, for `print`, files and bug reports."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from gradatim.explain.blocks import Block, Cell, Formula, Heading, Math, Paragraph, Table
from gradatim.explain.notation import to_text as formula_text
from gradatim.explain.sections import sections
from gradatim.explain.worksheet import Worksheet


def to_text(sheet: Worksheet) -> str:
    """All of a worksheet, in lines."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines(sections(sheet)))).strip("\n")


def lines(blocks: Iterable[Block]) -> Iterator[str]:
    """The blocks in lines."""
    for block in blocks:
        if isinstance(block, Heading):
            yield from ("", block.text)
            if block.level < 3:
                yield ("=" if block.level == 1 else "-") * width(block.text)
        elif isinstance(block, Paragraph):
            yield block.text
        elif isinstance(block, Formula):
            yield f"    {formula_text(block.latex)}"
        elif isinstance(block, Table):
            yield from ("", *_table(block), "")


def cell_text(cell: Cell) -> str:
    """A cell as it is printed."""
    return formula_text(cell.latex) if isinstance(cell, Math) else cell


def width(text: str) -> int:
    """Columns on a terminal: marks on letters take none."""
    return sum(not unicodedata.combining(letter) for letter in text)


def _table(table: Table) -> Iterator[str]:
    rows = [[cell_text(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(map(width, column)) for column in zip(*rows)]
    for k, row in enumerate(rows):
        parts = []
        for place, (text, size) in enumerate(zip(row, widths)):
            space = " " * (size - width(text))
            parts.append(text + space if place in table.left else space + text)
        yield "  ".join(["", *parts]).rstrip()
        if k == 0:
            yield "  " + "  ".join("─" * size for size in widths)
