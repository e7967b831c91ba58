"""A worksheet as HTML: a page of its own, which loads nothing, and the same inside a notebook.

Formulas are MathML, which browsers draw themselves; the network is an SVG in the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from html import escape

from gradatim.explain.blocks import (
    Block,
    Cell,
    Formula,
    Heading,
    Math,
    Paragraph,
    Pictures,
    Table,
    plain_number,
)
from gradatim.explain.network_picture import to_svg
from gradatim.explain.notation import to_mathml
from gradatim.explain.sections import sections
from gradatim.explain.worksheet import Worksheet

STYLE = """
.gd-sheet { font: 15px/1.5 "DejaVu Sans", "Segoe UI", Helvetica, Arial, sans-serif;
  color: #111827; background: #fff; max-width: 62rem; padding: 0 1rem 2rem; }
.gd-sheet h1 { font-size: 1.6rem; border-bottom: 3px solid #3f78b5; padding-bottom: .2rem; }
.gd-sheet h2 { font-size: 1.25rem; margin-top: 2rem; color: #2f5f94; }
.gd-sheet h3 { font-size: 1.02rem; margin: 1.3rem 0 .3rem; }
.gd-sheet p { margin: .4rem 0; color: #4b5563; }
.gd-sheet .formula { margin: .45rem 0 .45rem 1.5rem; font-size: 1.08rem; overflow-x: auto; }
.gd-sheet .wide { overflow-x: auto; }
.gd-sheet table { border-collapse: collapse; margin: .5rem 0 .8rem; background: #fff; }
.gd-sheet th { text-align: right; font-weight: 600; border-bottom: 2px solid #9ca3af; }
.gd-sheet td, .gd-sheet th { padding: .18rem .7rem; white-space: nowrap; color: #111827; }
.gd-sheet td { text-align: right; font-variant-numeric: tabular-nums;
  border-bottom: 1px solid #e5e7eb; }
.gd-sheet .left { text-align: left; }
.gd-sheet .strong { font-weight: 700; background: #f1f6fc; }
.gd-sheet svg { max-width: 100%; height: auto; }
"""


def to_page(sheet: Worksheet) -> str:
    """A whole page."""
    title = escape(f"One training step of {sheet.model}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n</head>\n"
        f'<body style="margin: 1rem auto; max-width: 64rem">\n{to_fragment(sheet)}\n</body>\n'
        "</html>\n"
    )


def to_fragment(sheet: Worksheet) -> str:
    """What stands in a page's body, or under a notebook's cell."""
    return as_fragment(sections(sheet), lambda: to_svg(sheet))


def as_fragment(blocks: Iterable[Block], picture: Callable[[], str] = str) -> str:
    """Blocks as one element, with its style.

    Args:
        picture: makes the SVG that stands where the blocks say.
    """
    parts = [part for block in blocks for part in _block(block, picture)]
    return "\n".join([f'<div class="gd-sheet"><style>{STYLE}</style>', *parts, "</div>"])


def _block(block: Block, picture: Callable[[], str]) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"<h{block.level}>{escape(block.text)}</h{block.level}>"
    elif isinstance(block, Paragraph):
        yield f"<p>{escape(block.text)}</p>"
    elif isinstance(block, Formula):
        yield f'<div class="formula">{to_mathml(block.latex)}</div>'
    elif isinstance(block, Pictures):
        yield f'<div class="wide">{picture()}</div>'
    elif isinstance(block, Table):
        yield from _table(block)


def _table(table: Table) -> Iterator[str]:
    yield '<div class="wide"><table>'
    yield f"<tr>{''.join(_cell('th', table, k, cell) for k, cell in enumerate(table.columns))}</tr>"
    for row in table.rows:
        yield f"<tr>{''.join(_cell('td', table, k, cell) for k, cell in enumerate(row))}</tr>"
    yield "</table></div>"


def _cell(tag: str, table: Table, place: int, cell: Cell) -> str:
    classes = ["left"] * (place in table.left) + ["strong"] * (place in table.strong)
    attribute = f' class="{" ".join(classes)}"' if classes else ""
    text = plain_number(cell)
    if text is None:
        text = to_mathml(cell.latex) if isinstance(cell, Math) else escape(cell)
    return f"<{tag}{attribute}>{text}</{tag}>"
