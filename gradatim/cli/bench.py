"""`gradatim bench`: training steps beside PyTorch's and JAX's."""

from __future__ import annotations

import os
from pathlib import Path

import typer


def bench(
    names: list[str] = typer.Argument(  # noqa: B008
        None, metavar="[NAME]...", help="Workloads, a group (published, sizes), or ops."
    ),
    rounds: int = typer.Option(9, help="How many undisturbed rounds to time."),
    threads: int = typer.Option(None, help="How many threads each library may use."),
    peers: str = typer.Option("torch,compile,jax", help="Whom to compare with, or none."),
    each_step: bool = typer.Option(False, help="Look at the loss of every step, not of a turn."),
    json: str = typer.Option(None, metavar="FILE", help="Write all that was measured."),
    picture: str = typer.Option(None, metavar="FILE", help="Draw a bar chart (PNG)."),
) -> None:
    """Time training steps of Gradatim beside PyTorch, torch.compile and JAX.

    All take turns in one process, begin with the same weights and data, and are checked to give the
    same losses. Rounds in which other programs slow the machine down are discarded.
    """
    from gradatim.bench import report, sides, workloads
    from gradatim.bench.machine import prepare_threads
    from gradatim.bench.runs import run
    from gradatim.cli.console import wide_console
    from gradatim.graph.errors import ArgumentError, missing_extra

    if rounds < 1:
        raise ArgumentError(f"rounds is {rounds}: it has to be at least 1")
    if names and names[0] == "ops":
        if picture is not None or each_step:
            raise ArgumentError("--picture and --each-step are for training steps, not for ops")
        _bench_operators(names[1:], rounds, threads, sides.choose_peers(peers.split(",")), json)
        return
    chosen = workloads.choose(names or [])
    wanted = sides.choose_peers(peers.split(","))
    _check_folder(json, picture)
    if picture is not None:
        from gradatim.train.plots import can_plot

        if not can_plot():
            raise missing_extra("--picture", "matplotlib", "plots")
    count, probe = prepare_threads(threads)
    left_out = [name for name in wanted if sides.missing(name)]
    present = [name for name in wanted if name not in left_out]
    console = wide_console()
    results = []
    best = probe.peak() if probe else 0.0
    with console.status("") as status:
        for workload in chosen:
            result, best = run(
                workload, present, rounds, count, probe, best, status.update, each_step
            )
            results.append(result)
    rows = [report.make_row(result, best) for result in results]
    console.print(report.make_table(rows, best))
    for line in report.notes(rows, best, left_out):
        console.print(line, soft_wrap=True)
    if json is not None:
        report.write_json(Path(json), report.as_json(rows, best, count))
    if picture is not None:
        report.draw(rows, Path(picture), count)


def _bench_operators(
    patterns: list[str], rounds: int, threads: int | None, peers: list[str], json: str | None
) -> None:
    """Time single operators beside PyTorch's."""
    from gradatim.bench import operators, report, sides
    from gradatim.bench.machine import prepare_threads
    from gradatim.cli.console import wide_console

    _check_folder(json)
    timings = operators.choose(patterns)
    wanted = "torch" in peers
    present = ["torch"] if wanted and not sides.missing("torch") else []
    count, probe = prepare_threads(threads)
    console = wide_console()
    with console.status("") as status:
        operators.time_operators(timings, present, rounds, count, probe, say=status.update)
    console.print(operators.make_table(timings))
    for line in operators.summary(timings):
        console.print(line, soft_wrap=True)
    if wanted and not present:
        console.print("PyTorch left out: not installed")
    if json is not None:
        report.write_json(Path(json), operators.as_json(timings, count))


def _check_folder(*paths: str | None) -> None:
    """That what is written at the end can be written: a benchmark takes minutes."""
    from gradatim.graph.errors import DataError

    for path in paths:
        if path is not None and not os.access(Path(path).absolute().parent, os.W_OK):
            raise DataError(f"{path}: its folder cannot be written to")
