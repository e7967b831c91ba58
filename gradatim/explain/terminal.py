"""A worksheet on the terminal, with colors and tables, by rich."""

from __future__ import annotations

from typing import Any

from gradatim.explain.blocks import Formula, Heading, Paragraph, Table
from gradatim.explain.notation import to_text
from gradatim.explain.plain import cell_text
from gradatim.explain.sections import sections
from gradatim.explain.worksheet import Worksheet

STYLES = {1: "bold white on blue", 2: "bold blue", 3: "bold"}


def show(sheet: Worksheet, console: Any = None) -> None:
    """Print a worksheet.

    Args:
        console: rich's, for other places than standard output.
    """
    from rich.padding import Padding
    from rich.text import Text

    if console is None:
        from gradatim.cli.console import wide_console

        console = wide_console()
    for block in sections(sheet):
        if isinstance(block, Heading):
            title = f" {block.text} " if block.level == 1 else block.text
            console.print()
            console.print(Text(title, style=STYLES[block.level]))
        elif isinstance(block, Paragraph):
            console.print(Text(block.text, style="dim"))
        elif isinstance(block, Formula):
            console.print(
                Padding(Text(to_text(block.latex), style="cyan"), (0, 0, 0, 4), expand=False)
            )
        elif isinstance(block, Table):
            console.print(as_rich(block))


def as_rich(table: Table) -> Any:
    """A table for rich."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    made = RichTable(box=SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(table.columns):
        is_left = place in table.left
        made.add_column(
            cell_text(column),
            justify="left" if is_left else "right",
            style="bold" if place in table.strong else "",
            no_wrap=not is_left,
            overflow="fold",
        )
    for row in table.rows:
        made.add_row(*(Text(cell_text(cell)) for cell in row))
    return made
