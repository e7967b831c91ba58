"""A section of docs/deck.md: figures beside their bars, pictures, and text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "deck"
"""What is measured is kept here, so that `make deck` goes on where it was stopped."""
PICTURES = ROOT / "docs" / "deck"
PROGRAMS = ROOT / "tests" / "frontends" / "deck"


@dataclass
class Figure:
    """One number beside what it has to be.

    Attributes:
        name, value, bar: as text.
        reached: whether the bar is; None where there is none.
    """

    name: str
    value: str
    bar: str = ""
    reached: bool | None = None


@dataclass
class Section:
    """What one part of `make deck` found.

    Attributes:
        title: its heading.
        figures: a table.
        pictures: (file in docs/deck, caption).
        lines: Markdown below the table.
        seconds: how long it took, wall time; parts that were done before count too.
    """

    title: str
    figures: list[Figure] = field(default_factory=list)
    pictures: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def check(
        self, name: str, value: float, at_least: float | None = None, at_most: float | None = None,
        form: str = ".4f", more: str = "",
    ) -> None:  # fmt: skip
        """Add a figure with its bar."""
        reached, bar = None, ""
        if at_least is not None:
            reached, bar = value >= at_least, f"at least {at_least:g}"
        if at_most is not None:
            reached, bar = value <= at_most, f"at most {at_most:g}"
        text = format(value, form) + (f" ({more})" if more else "")
        self.figures.append(Figure(name, text, bar, reached))

    def draw(self, figure: Any, name: str, caption: str) -> None:
        """Save a matplotlib figure as docs/deck/NAME.png, small."""
        from gradatim.explain import pictures

        PICTURES.mkdir(parents=True, exist_ok=True)
        pictures.save(figure, PICTURES / f"{name}.png")
        shrink(PICTURES / f"{name}.png")
        self.pictures.append((f"{name}.png", caption))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Section:
        figures = [Figure(**one) for one in data.pop("figures")]
        pictures = [tuple(one) for one in data.pop("pictures")]
        return cls(**data, figures=figures, pictures=pictures)

    def markdown(self) -> str:
        text = [f"## {self.title}", ""]
        if self.figures:
            text += ["| figure | value | bar | |", "|---|---|---|---|"]
            for one in self.figures:
                state = {True: "reached", False: "**missed**", None: ""}[one.reached]
                text.append(f"| {one.name} | {one.value} | {one.bar} | {state} |")
            text.append("")
        text += self.lines + ([""] if self.lines else [])
        for file, caption in self.pictures:
            text += [f"![{caption}](deck/{file})", "", f"*{caption}*", ""]
        text += [f"({self.seconds:.0f} s)", ""]
        return "\n".join(text)


def shrink(path: Path) -> None:
    """At most 128 colors: a third of the bytes, for a picture that lives in the repository."""
    from PIL import Image

    Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)
