"""`make zoo`: trains the zoo's systems and writes docs/zoo.md.

    python tools/make_zoo.py [NAME ...] [--page-only]

Each system runs in a process of its own, as `gradatim zoo NAME` does; one that fails is named at
the end, and keeps its earlier result. What they reach goes to `gradatim/zoo/results.json`, which is
part of the package; pictures go to docs/zoo. Named systems alone run again.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from gradatim import zoo
from gradatim.data.files import replacing
from gradatim.zoo.charts import CHARTS
from gradatim.zoo.results import Reached, store, stored

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = DOCS / "zoo"
WIDTH = 900  # pixels: pictures are for reading on a page
COLORS = 64


def train(name: str) -> bool:
    """Run one demonstration and keep its results and its picture."""
    with tempfile.TemporaryDirectory() as folder:
        numbers, picture = Path(folder) / "results.json", Path(folder) / f"{name}.png"
        command = [sys.executable, "-m", "gradatim", "zoo", name]
        command += ["--json", str(numbers), "--output", str(picture)]
        if subprocess.run(command).returncode != 0:
            return False
        keep(stored() | stored_in(numbers))
        if picture.exists():
            shrink(picture, PICTURES / picture.name)
    return True


def stored_in(path: Path) -> dict[str, Reached]:
    import json

    plain = json.loads(path.read_text("utf-8"))
    return {name: Reached.from_json(one) for name, one in plain.items()}


def keep(results: dict[str, Reached]) -> None:
    """In the deck's order, whatever the order in which they ran."""
    store({name: results[name] for name in zoo.FILES if name in results})


def shrink(picture: Path, target: Path) -> None:
    """A smaller copy, in few colors."""
    image = Image.open(picture).convert("RGB")
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.LANCZOS)
    target.parent.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    image.quantize(COLORS).save(buffer, "PNG", optimize=True)
    with replacing(target) as temporary:
        temporary.write_bytes(buffer.getvalue())


def draw_charts() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, draw in CHARTS.items():
            picture = Path(folder) / f"{name}.png"
            draw(zoo.systems()).savefig(picture, bbox_inches="tight")
            shrink(picture, PICTURES / picture.name)


def page() -> str:
    """docs/zoo.md: a table, the charts, and a section for each system."""
    results = stored()
    lines = [
        "# The zoo",
        "",
        "Systems of sixty years, each with its own learning rule, trained on real data. "
        "`gradatim zoo` lists them, `gradatim zoo NAME`",
        "trains one, `gradatim zoo NAME --explain` says what was new about it. `make zoo` runs all "
        "of them and writes this page.",
        "",
        "| | year | system | data | here | bar | paper | minutes |",
        "|--:|--:|---|---|--:|--:|---|--:|",
    ]
    for system in zoo.systems():
        found = results.get(system.name)
        cells = ["", "", system.paper_result, ""]
        if found:
            first = found.measures[0]
            mark = "" if first.reached is None else " ✓" if first.reached else " ✗"
            cells = [
                first.shown(first.value),
                first.shown(first.bar) + mark,
                system.paper_result,
                f"{found.seconds / 60:.1f}",
            ]
        where = f"[{system.title}](#{system.number}-{system.name})"
        lines.append(
            f"| {system.number} | {system.year} | {where} | {system.data} | {' | '.join(cells)} |"
        )
    lines += [
        "",
        "*here* is the first figure of each section, reached with the seed that the section names; "
        "minutes are processor time divided by two cores.",
        "",
        *(f"![{name}](zoo/{name}.png)" for name in CHARTS),
    ]
    for system in zoo.systems():
        lines += ["", *section(system, results.get(system.name))]
    return "\n".join(lines) + "\n"


def section(system: zoo.System, found: Reached | None) -> list[str]:
    sizes = system.sizes
    lines = [
        f'## <a name="{system.number}-{system.name}"></a>{system.number}. {system.title} '
        f"({system.authors} {system.year})",
        "",
        *(f"{line}  " for line in system.reference.split("\n")),
        "",
        system.idea,
        "",
        f"{sizes.whose}: {sizes.neurons:,} neurons, {sizes.connections:,.4g} connections "
        f"each, {sizes.parameters:,} parameters, {sizes.operations:,} operations for one example.",
    ]
    if found is None:
        return lines
    lines += ["", "| what | here | bar | paper | to beat |", "|---|--:|--:|--:|---|"]
    for one in found.measures:
        mark = "" if one.reached is None else " ✓" if one.reached else " ✗"
        beat = (
            f"{one.shown(one.baseline)} ({one.baseline_name})" if one.baseline is not None else ""
        )
        lines.append(
            f"| {one.name} | {one.shown(one.value)} | {one.shown(one.bar)}{mark} "
            f"| {one.shown(one.paper)} | {beat} |"
        )
    lines += ["", f"Seed {found.seed}, {found.seconds:.0f} s.", *([""] if found.notes else [])]
    lines += [f"- {note}" for note in found.notes]
    if (PICTURES / f"{system.name}.png").exists():
        lines += ["", f"![{system.title}](zoo/{system.name}.png)"]
    return lines


def main(arguments: list[str]) -> int:
    names = [zoo.system(name).name for name in arguments if not name.startswith("--")]
    failed = []
    if "--page-only" not in arguments:
        for name in names or zoo.FILES:
            if not train(name):
                failed.append(name)
    draw_charts()
    with replacing(DOCS / "zoo.md") as temporary:
        temporary.write_text(page(), "utf-8")
    missed = [
        f"{name}: {one.name} is {one.shown(one.value)}, its bar {one.shown(one.bar)}"
        for name, found in stored().items()
        for one in found.measures
        if one.reached is False
    ]
    for line in (*missed, *(f"{name} failed" for name in failed)):
        print(line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
