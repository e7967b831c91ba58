"""A worksheet as a LaTeX document for pdflatex, with the network drawn by TikZ."""

from __future__ import annotations

from collections.abc import Iterator

from gradatim.explain.blocks import (
    Block,
    Cell,
    Formula,
    Heading,
    Math,
    Paragraph,
    Pictures,
    Table,
)
from gradatim.explain.network_shapes import RADIUS, Box, Circle, Label, Line, Shape, shapes
from gradatim.explain.sections import sections
from gradatim.explain.worksheet import Worksheet

PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[margin=2cm]{geometry}
\usepackage{amsmath,amssymb,longtable,graphicx,xcolor,tikz}
\definecolor{positive}{HTML}{3F78B5}
\definecolor{negative}{HTML}{C05454}
\definecolor{input}{HTML}{FDF1D6}
\definecolor{hidden}{HTML}{DCEBFB}
\definecolor{output}{HTML}{DFF3E2}
\setlength{\parindent}{0pt}
\setlength{\LTleft}{0pt}
\allowdisplaybreaks
\begin{document}"""

ROWS_OF_A_PAGE = 40

COMMANDS = {1: "section*", 2: "subsection*", 3: "subsubsection*"}
SIZES = {
    "symbol": r"\scriptsize", "value": r"\footnotesize", "weight": r"\scriptsize",
    "bias": r"\tiny", "title": "", "note": r"\scriptsize",
}  # fmt: skip


def to_document(sheet: Worksheet) -> str:
    """The whole document."""
    parts = [part for block in sections(sheet) for part in _block(sheet, block)]
    return "\n".join([PREAMBLE, *parts, r"\end{document}"]) + "\n"


def _block(sheet: Worksheet, block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield rf"\{COMMANDS[block.level]}{{{escape(block.text)}}}"
    elif isinstance(block, Paragraph):
        yield escape(block.text) + "\n"
    elif isinstance(block, Formula):
        yield rf"\[ {block.latex} \]"
    elif isinstance(block, Pictures):
        yield from _picture(sheet, after=False)
        yield from _picture(sheet, after=True)
    elif isinstance(block, Table):
        yield from _table(block)


ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "%": r"\%", "&": r"\&",
    "#": r"\#", "$": r"\$", "^": r"\^{}", "~": r"\~{}", "→": r"$\to$", "…": r"\dots{}",
    "∂": r"$\partial$", "×": r"$\times$", "−": "$-$", "◀": r"$\blacktriangleleft$",
}  # fmt: skip


def escape(text: str) -> str:
    """Plain text for LaTeX.

    Example:
        >>> escape("in_features=2 → 3")
        'in\\\\_features=2 $\\\\to$ 3'
    """
    return "".join(ESCAPES.get(letter, letter) for letter in text)


def _cell(cell: Cell, is_strong: bool = False) -> str:
    if isinstance(cell, Math):
        return rf"$\boldsymbol{{{cell.latex}}}$" if is_strong else f"${cell.latex}$"
    return escape(cell)


def _table(table: Table) -> Iterator[str]:
    """Short tables are shrunk to the page where they are wider; long ones go over several."""
    letters = "".join("l" if k in table.left else "r" for k in range(len(table.columns)))
    is_long = len(table.rows) > ROWS_OF_A_PAGE
    if is_long:
        yield rf"{{\small\begin{{longtable}}{{{letters}}}"
    else:
        yield r"\par\medskip\sbox0{\small"
        yield rf"\begin{{tabular}}{{{letters}}}"
    end = r" \\ \hline" + (r" \endhead" if is_long else "")
    yield " & ".join(map(_cell, table.columns)) + end
    for row in table.rows:
        yield " & ".join(_cell(cell, k in table.strong) for k, cell in enumerate(row)) + r" \\"
    if is_long:
        yield r"\end{longtable}}"
    else:
        yield r"\end{tabular}}\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}"
        yield r"\else\noindent\usebox0\fi\par\medskip"


# --- the network ---------------------------------------------------------------------------------


def _picture(sheet: Worksheet, after: bool) -> Iterator[str]:
    found, width, _ = shapes(sheet, after)
    scale = min(1.0, 480 / width)
    yield r"\begin{center}"
    yield rf"\scalebox{{{scale:.3f}}}{{\begin{{tikzpicture}}[x=0.8pt,y=-0.8pt]"
    yield from map(_drawn, found)
    yield r"\end{tikzpicture}}"
    yield r"\end{center}"


def _drawn(shape: Shape) -> str:
    if isinstance(shape, Line):
        color = "gray" if shape.strength is None else "negative"
        if shape.strength is not None and shape.strength >= 0:
            color = "positive"
        thickness = 0.4 + 1.4 * abs(shape.strength or 0.3)
        return (
            rf"\draw[{color},line width={thickness:.2f}pt] {_point(shape.start)} -- "
            rf"{_point(shape.end)};"
        )
    if isinstance(shape, Circle):
        return (
            rf"\draw[fill={shape.kind}] {_point(shape.center)} circle[radius={0.8 * RADIUS:.1f}pt];"
        )
    if isinstance(shape, Box):
        (x, y), (width, height) = shape.corner, shape.size
        end = _point((x + width, y + height))
        return rf"\draw[fill=white,rounded corners] {_point(shape.corner)} rectangle {end};"
    assert isinstance(shape, Label)
    options = "[fill=white,inner sep=1pt]" if shape.kind == "weight" else "[inner sep=0pt]"
    return rf"\node{options} at {_point(shape.place)} {{{SIZES[shape.kind]} ${shape.latex}$}};"


def _point(point: tuple[float, float]) -> str:
    return f"({point[0]:.1f},{point[1]:.1f})"
