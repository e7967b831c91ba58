"""`gradatim zoo`: the deck's systems, listed, explained, trained, and drawn over the years."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from gradatim.zoo import Result, System
    from gradatim.zoo.results import Reached

CHART = "chart"


def zoo(
    name: str = typer.Argument(
        None, metavar="[NAME|chart]", help="A system, by name or number; or the three charts."
    ),
    explain: bool = typer.Option(
        False, "--explain", help="Say what was new about it, with equations and drawing."
    ),
    seed: int = typer.Option(0, help="Of everything that is drawn at random."),
    scale: str = typer.Option("full", help="tiny: seconds, on a fraction of the data."),
    output: str = typer.Option(
        None, "--output", "-o", metavar="FILE",
        help="Where its picture goes (NAME.png); of chart, a folder.",
    ),
    json: str = typer.Option(None, metavar="FILE", help="Write the figures that were reached."),
) -> None:  # fmt: skip
    """Train one of the deck's systems, from the perceptron to GoogLeNet, or list them."""
    from gradatim import zoo as systems
    from gradatim.graph.errors import ArgumentError

    if name is None:
        if explain or output or json:
            raise ArgumentError("which system? gradatim zoo NAME; gradatim zoo lists them")
        _list(systems.systems())
    elif name.lower() == CHART:
        if explain or json:
            raise ArgumentError("the charts are of all systems: gradatim zoo chart -o FOLDER")
        _chart(systems.systems(), output or ".")
    elif explain:
        _explain(systems.system(name), output)
    else:
        settings = systems.Settings(seed=seed, scale=scale, report=_progress())
        _train(systems.system(name), settings, output, json)


def _list(systems: list[System]) -> None:
    from rich.table import Table

    from gradatim.cli.console import wide_console
    from gradatim.zoo.results import stored

    reached = stored()
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for title in ("", "year", "name", "authors"):
        table.add_column(title, justify="right" if title in ("", "year") else "left")
    for title in ("neurons", "conn. per n.", "parameters", "operations"):
        table.add_column(title, justify="right")
    for title in ("data", "here", "paper"):
        table.add_column(title)
    for system in systems:
        sizes = system.sizes
        table.add_row(
            str(system.number), str(system.year), f"[bold]{system.name}[/]", system.authors,
            ("" if sizes.of_paper else "~ ") + _short(sizes.neurons),
            _short(sizes.connections), _short(sizes.parameters),
            _short(sizes.operations), system.data, _here(reached.get(system.name)),
            system.paper_result,
        )  # fmt: skip
    console = wide_console()
    console.print(table)
    console.print(
        "[dim]Sizes are the papers' own (~ of the network here); operations are of one example, "
        "forward. gradatim zoo NAME trains one, with --explain says what was new about it.[/]"
    )


def _here(reached: Reached | None) -> str:
    """The first figure of a demonstration: "99.05%"."""
    return reached.measures[0].shown(reached.measures[0].value) if reached else ""


def _short(number: float) -> str:
    """
    >>> _short(60_965_224), _short(340_908), _short(117.1), _short(9)
    ('61.0 M', '341 k', '117', '9')
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            value = number / size
            return f"{value:.1f} {letter}" if value < 100 else f"{value:.0f} {letter}"
    return f"{number:.3g}"


def _chart(systems: list[System], folder: str) -> None:
    from pathlib import Path

    from gradatim.explain.pictures import save
    from gradatim.graph.errors import ArgumentError
    from gradatim.zoo.charts import CHARTS

    place = Path(folder)
    if place.suffix or (place.exists() and not place.is_dir()):
        raise ArgumentError(f"{folder} is no folder: three pictures are drawn, -o names a folder")
    place.mkdir(parents=True, exist_ok=True)
    for name, draw in CHARTS.items():
        print(f"Drew {save(draw(systems), place / f'{name}.png')}.")


def _explain(system: System, output: str | None) -> None:
    import textwrap

    from rich.markup import escape

    from gradatim.cli.console import wide_console
    from gradatim.explain.pictures import save
    from gradatim.zoo.drawing import as_picture, as_text

    console = wide_console()
    console.print(f"[bold]{system.title}[/] ({system.authors} {system.year})", highlight=False)
    for line in system.reference.split("\n"):
        console.print(f"[dim]{escape(line)}[/]")
    console.print()
    console.print(textwrap.fill(" ".join(system.idea.split()), 96), markup=False)
    console.print()
    widest = max((len(equation.text) for equation in system.equations), default=0)
    for equation in system.equations:
        console.print(
            f"  {escape(equation.text.ljust(widest))}   [dim]{equation.source}[/]", soft_wrap=True
        )
    console.print()
    console.print(as_text(system), markup=False, soft_wrap=True)
    sizes = system.sizes
    console.print(
        f"\n{sizes.whose}: "
        f"{sizes.neurons:,} neurons, {sizes.connections:,.4g} connections each, "
        f"{sizes.parameters:,} parameters, {sizes.operations:,} operations for one example"
    )
    console.print(f"The paper's data: {system.paper_data}", markup=False)
    if system.paper_result:
        console.print(f"The paper's result: {system.paper_result}", markup=False)
    if output is not None:
        print(f"Drew {save(as_picture(system), output)}.")


def _progress() -> Any:
    """Prints lines of progress, each with the time since the start."""
    import time

    start = time.monotonic()

    def report(line: str) -> None:
        print(f"{time.monotonic() - start:7.1f} s  {line}", flush=True)

    return report


def _train(system: System, settings: Any, output: str | None, json: str | None) -> None:
    import os
    import time
    from pathlib import Path

    from gradatim.explain.pictures import can_draw, save
    from gradatim.explain.pictures.style import FORMATS
    from gradatim.graph.errors import ArgumentError
    from gradatim.zoo.results import Reached, store

    if output is not None and Path(output).suffix.lower().removeprefix(".") not in FORMATS:
        raise ArgumentError(f"{output}: expected a name that ends in .png, .svg or .pdf")
    for file in (output, json):  # said now, not after a quarter of an hour
        if file is not None and not Path(file).resolve().parent.is_dir():
            raise ArgumentError(f"{file}: there is no folder {Path(file).parent}")
    print(f"{system.title} ({system.authors} {system.year}) on {system.data}", flush=True)
    used, began = os.times(), time.monotonic()
    result: Result = system.demo(settings)
    now = os.times()
    spent = sum(now[:4]) - sum(used[:4])
    _show(result)
    wall = time.monotonic() - began
    print(f"{wall:.0f} s, {spent:.0f} s of processor time")
    if result.figure is not None:
        print(f"Drew {save(result.figure, output or f'{system.name}.png')}.")
    elif not can_draw():
        print("No picture: that needs matplotlib, pip install 'gradatim[plots]'")
    if json is not None:
        store({system.name: Reached.of(result, spent / 2, settings.seed)}, Path(json))


def _show(result: Result) -> None:
    from rich.table import Table

    from gradatim.cli.console import wide_console

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("what")
    for title in ("here", "bar", "paper", "to beat"):
        table.add_column(title, justify="right")
    table.add_column("")
    for one in result.measures:
        bar = one.shown(one.bar)
        if one.reached is not None:
            bar = f"[green]{bar} ✓[/]" if one.reached else f"[red]{bar} ✗[/]"
        table.add_row(
            one.name, f"[bold]{one.shown(one.value)}[/]", bar, one.shown(one.paper),
            one.shown(one.baseline), one.baseline_name,
        )  # fmt: skip
    console = wide_console()
    console.print(table)
    for note in result.notes:
        console.print(f"[dim]{note}[/]")
