"""`gradatim compare`: classic algorithms and networks on the same split of the same data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gradatim.cli.words import choose, names, numbers

if TYPE_CHECKING:
    from gradatim.compare import Comparison

SIZES = [100, 300, 1000, 3000, 10_000, 30_000]
"""Of a learning curve; all rows come last."""

EMBEDDED = 3000
"""So many test rows are shown as points."""


def compare(
    data: str = typer.Argument(
        None, metavar="DATA", help="A table, series, or a folder, as for train. Without it, MNIST."
    ),
    target: str = typer.Option(None, metavar="COLUMN", help="What to learn."),
    task: str = typer.Option(None, help="classification or regression; by the target if not given"),
    drop: list[str] = typer.Option([], metavar="COLUMN", help="Leave out."),  # noqa: B008
    test_size: float = typer.Option(None, help="Share of the rows kept for the test: 0.2"),
    methods: str = typer.Option(
        None,
        help="With commas: logistic-regression, tree, forest, boosting, svm, neighbours, "
        "naive-bayes, and types of networks. All that suit the data if not given.",
    ),
    learning_curve: bool = typer.Option(
        False, "--learning-curve", help="Also with less of the data: 100 rows, 300, 1000, ..."
    ),
    sizes: str = typer.Option(None, help="Numbers of rows of the learning curve: 100,1000"),
    case: str = typer.Option(None, metavar="COLUMN", help="Of a long table: the series of a row."),
    time: str = typer.Option(None, metavar="COLUMN", help="Of a long table: a row's place."),
    size: int = typer.Option(None, help="Height and width to give to pictures."),
    epochs: int = typer.Option(None, help="Of the networks; as suits each if not given."),
    seed: int = typer.Option(0, help="Of the split, and of what is drawn at random."),
    threads: int = typer.Option(None, help="How many processors to use."),
    output: str = typer.Option(
        None, metavar="DIR", help="The folder of the results: comparisons/NAME-1, -2 ..."
    ),
) -> None:
    """Compare classic algorithms (scikit-learn) with networks: accuracy, or error, and time.

    All learn from the same rows and are asked about the same test rows. The folder holds the
    numbers and pictures: scores, and what the best network learned by itself.
    """
    import os

    from gradatim.cli.console import wide_console
    from gradatim.cli.folders import check_free, make_folder
    from gradatim.cli.threads import use_threads
    from gradatim.compare import learning_curve as run
    from gradatim.compare.classic import check_installed
    from gradatim.graph.errors import ArgumentError
    from gradatim.train.recipe import TASKS, Recipe

    use_threads(threads)
    check_installed()
    check_free(output)
    if sizes is not None and not learning_curve:
        raise ArgumentError("--sizes are those of the learning curve: add --learning-curve")
    wanted = None
    if learning_curve:
        wanted = SIZES if sizes is None else numbers("--sizes", sizes)
    recipe = Recipe(
        data=data,
        target=target,
        task=None if task is None else choose("task", task, TASKS),
        drop=[name for part in drop for name in names(part)],
        test_size=test_size,
        case=case,
        time=time,
        size=size,
        epochs=epochs,
        seed=seed,
    )
    recipe.check()
    console = wide_console()
    with console.status("") as status:
        found = run(recipe, names(methods), wanted, threads or os.cpu_count() or 1, status.update)
    name = Path(found.title).name.split(".")[0].replace(" ", "-").lower()
    folder = make_folder(output, "comparisons", name)
    console.print(make_table(found))
    for line in make_notes(found):
        console.print(line, soft_wrap=True)
    written = write(found, folder, curve=learning_curve)
    console.print(f"Saved     {folder} ({', '.join(written)})", soft_wrap=True)


def make_table(found: Comparison) -> Any:
    """The methods with all rows, the best first; smaller amounts of data as further columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    most = max(entry.rows for entry in found.entries)
    title = f"{found.title}: {most:,} rows to learn from, {found.test_rows:,} to test on"
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    smaller = sorted({entry.rows for entry in found.entries} - {most})
    table.add_column("method", no_wrap=True)
    columns = [f"{size:,}" for size in smaller]
    measures = ["accuracy"] if found.classes else [f"error of {name}" for name in found.targets]
    columns += measures if found.classes else [*measures, "R²"]
    for column in [*columns, "training", "asking"]:
        table.add_column(column, justify="right")
    table.add_column("")
    last = [entry for entry in found.entries if entry.rows == most]
    for entry in sorted(last, key=lambda entry: -entry.better):
        row = [entry.title]
        for size in smaller:
            same = next(one for one in found.entries if one.rows == size and one.name == entry.name)
            row.append(_score(same)[0])
        times = [f"{entry.fit_seconds:.2f} s", f"{entry.predict_seconds:.2f} s"]
        if entry.kind == "guess":
            times = ["", ""]
        style = "bold" if entry.kind == "network" else ("dim" if entry.kind == "guess" else "")
        table.add_row(*row, *_score(entry), *times, ", ".join(entry.notes), style=style)
    return table


def _score(entry: Any) -> list[str]:
    if entry.accuracy is not None:
        return [f"{entry.accuracy:.4f}"]
    return [*[f"{error:.4g}" for error in entry.errors], f"{entry.r2:.4f}"]


def make_notes(found: Comparison) -> list[str]:
    """How the table is to be read."""
    lines = ["Networks in bold: some of their rows choose the epoch, classic algorithms use all."]
    if not found.classes:
        lines.append("Errors are mean absolute ones, in the target's own units.")
    return lines


def write(found: Comparison, folder: Path, curve: bool) -> list[str]:
    """Write the numbers and the pictures, and give the files' names."""
    import json

    from gradatim.data.files import replacing
    from gradatim.explain import pictures

    with replacing(folder / "comparison.json") as temporary:
        temporary.write_text(json.dumps(found.as_json(), indent=2, ensure_ascii=False) + "\n")
    written = ["comparison.json"]
    if not pictures.can_draw():
        return written
    figures = {"learning-curve.png": pictures.learning_curves(found)} if curve else {}
    most = max(entry.rows for entry in found.entries)
    whole = type(found)(
        found.title,
        found.targets,
        found.classes,
        found.test_rows,
        [entry for entry in found.entries if entry.rows == most],
    )
    figures["scores.png"] = pictures.scores(whole)
    figures |= learned(found)
    for name, figure in figures.items():
        pictures.save(figure, folder / name)
        written.append(name)
    return written


def learned(found: Comparison) -> dict[str, Any]:
    """What the best network made of its inputs by itself: where its last hidden layer puts the test
    rows, and of images the weights of its first layer."""
    from gradatim.explain import pictures
    from gradatim.explain.pictures.learned import hidden_values

    best = found.best_network
    if best is None:
        return {}
    job = found.jobs[best]
    figures = {}
    inputs, targets = job.problem.test
    network = job.model.network
    if job.problem.classes and len(list(network.children())) > 1:
        values = hidden_values(network, inputs[:EMBEDDED])
        if min(values.shape) >= 2:
            figures["embedding.png"] = pictures.embedding(
                values, targets[:EMBEDDED], job.problem.classes
            )
    if job.problem.kind == "image":
        shape = job.problem.shape
        if best == "convolutional" or shape[0] == 1:
            figures["filters.png"] = pictures.filters(network, shape[1:])
    return figures
