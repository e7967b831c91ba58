"""The network before and after a step as an SVG picture."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from gradatim.explain.network_shapes import RADIUS, Box, Circle, Label, Line, Shape, shapes
from gradatim.explain.notation import to_text
from gradatim.explain.worksheet import Worksheet

FILLS = {"input": "#fdf1d6", "hidden": "#dcebfb", "output": "#dff3e2"}
BORDERS = {"input": "#c79a36", "hidden": "#3f78b5", "output": "#4b9160"}
POSITIVE, NEGATIVE, PLAIN = "#3f78b5", "#c05454", "#6b7280"
HALO = 'stroke="#ffffff" stroke-width="4" stroke-linejoin="round"'
STYLES = {
    "symbol": 'font-size="11" fill="#4b5563"',
    "value": 'font-weight="bold" fill="#111827"',
    "weight": 'font-size="11" fill="#111827"',
    "bias": 'font-size="10.5" fill="#4b5563"',
    "title": 'font-size="15" font-weight="bold" fill="#111827"',
    "note": 'font-size="12" fill="#4b5563"',
}


def to_svg(sheet: Worksheet) -> str:
    """Both pictures, one above the other: self-contained.

    Lines are blue for positive weights and red for negative ones, thicker for larger ones.
    """
    before, width, height = shapes(sheet, after=False)
    after, _, _ = shapes(sheet, after=True)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{2 * height:.0f}" '
        f'viewBox="0 0 {width:.0f} {2 * height:.0f}" role="img" text-anchor="middle" '
        'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">',
        f"<title>{escape(sheet.model)} before and after one training step</title>",
        f'<rect width="{width:.0f}" height="{2 * height:.0f}" fill="#ffffff"/>',
        *map(_drawn, before),
        f'<g transform="translate(0,{height:.0f})">',
        *map(_drawn, after),
        "</g>",
    ]
    return "\n".join([*parts, "</svg>"])


def _line(line: Line) -> str:
    (x0, y0), (x1, y1) = line.start, line.end
    strength = line.strength
    color = PLAIN if strength is None else POSITIVE if strength >= 0 else NEGATIVE
    thickness = 1.5 if strength is None else 0.8 + 2.2 * abs(strength)
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{color}" '
        f'stroke-width="{thickness:.2f}" stroke-opacity="0.75"/>'
    )


def _circle(circle: Circle) -> str:
    x, y = circle.center
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS:g}" fill="{FILLS[circle.kind]}" '
        f'stroke="{BORDERS[circle.kind]}" stroke-width="1.6"/>'
    )


def _box(box: Box) -> str:
    (x, y), (width, height) = box.corner, box.size
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="8" '
        'fill="#eee6f8" stroke="#8565b5" stroke-width="1.4"/>'
    )


def _label(label: Label) -> str:
    (x, y), text = label.place, to_text(label.latex)
    style = STYLES[label.kind]
    if label.kind == "value":  # as large as fits into the circle
        style += f' font-size="{13 if len(text) < 6 else 11 if len(text) < 7 else 9}"'
    place = f'x="{x:.1f}" y="{y + 4:.1f}"'
    drawn = f"<text {place} {style}>{escape(text)}</text>"
    if label.kind in ("weight", "bias"):  # over lines: white around the letters, drawn below them
        return f"<text {place} {style} {HALO}>{escape(text)}</text>{drawn}"
    return drawn


DRAW: dict[type, Callable[[Any], str]] = {
    Line: _line, Circle: _circle, Box: _box, Label: _label,
}  # fmt: skip


def _drawn(shape: Shape) -> str:
    return DRAW[type(shape)](shape)
