"""A system's network as boxes from input to output: for the terminal, and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradatim.explain.pictures.style import BLUE, INK, PALE, new_figure
from gradatim.zoo.system import System

DEEPEST = 14  # more children than this are not opened one level further


@dataclass(frozen=True)
class Box:
    """One part of a network: its name there, what it is, and how much it learns."""

    name: str
    kind: str
    parameters: int


def boxes(system: System) -> list[Box]:
    """The parts of the paper's network, in their order; small networks part by part, large ones by
    blocks."""
    network = system.network()
    children = list(network.named_children())
    opened = [(f"{a}.{b}", deeper) for a, child in children for b, deeper in _parts(child, b="")]
    if len(opened) <= DEEPEST:
        children = [(name.removesuffix("."), module) for name, module in opened]
    found = [
        Box(name, _kind(module), sum(p.numel() for p in module.parameters()))
        for name, module in children
    ]
    own = sum(p.numel() for p in network.parameters(recurse=False))
    if own or not found:
        found.insert(0, Box("", type(network).__name__, own))
    return found


def _parts(module: Any, b: str) -> list[tuple[str, Any]]:
    return list(module.named_children()) or [(b, module)]


def _kind(module: Any) -> str:
    """ "Conv2d(1, 6, kernel_size=5)"; of what has parts, the name alone."""
    text = repr(module)
    return text if "\n" not in text and len(text) <= 64 else type(module).__name__


def as_text(system: System) -> str:
    """The boxes for a terminal, from the input down to the output."""
    found = boxes(system)
    rows = [
        (f"{box.name}  {box.kind}".strip(), f"{box.parameters:,}" if box.parameters else "")
        for box in found
    ]
    width = max(len(text) + len(count) + 3 for text, count in rows)
    lines = []
    for text, count in rows:
        inside = f"{text}{' ' * (width - len(text) - len(count))}{count}"
        line = "─" * (width + 2)
        lines += [f"  ┌{line}┐", f"  │ {inside} │", f"  └{line}┘", "    ↓"]
    return "\n".join(lines[:-1])


def as_picture(system: System) -> Any:
    """The boxes as a figure, with the system's name above."""
    found = boxes(system)
    figure = new_figure(7, 0.62 * len(found) + 0.7)
    axis = figure.subplots()
    axis.set_axis_off()
    axis.set_title(f"{system.title} ({system.year})", loc="left", color=INK)
    axis.set_xlim(0, 1)
    axis.set_ylim(-len(found), 0)
    for row, box in enumerate(found):
        y = -row - 0.5
        axis.text(
            0.02, y, f"{box.name}  {box.kind}".strip(), va="center", color=INK, size=9,
            bbox={"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": BLUE},
        )  # fmt: skip
        if box.parameters:
            axis.text(0.99, y, f"{box.parameters:,}", va="center", ha="right", color=PALE, size=9)
        if row:
            axis.annotate(
                "", (0.05, y + 0.27), (0.05, y + 0.73), arrowprops={"arrowstyle": "->"}, color=PALE
            )
    return figure
