"""`gradatim profile`: where the time of a training step goes."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from gradatim.explain.profile import Profile


def profile(
    workload: str = typer.Argument(
        "deck_mnist_b1000", metavar="[WORKLOAD]", help="One of gradatim bench's workloads."
    ),
    runs: int = typer.Option(100, help="How many steps to run."),
    threads: int = typer.Option(None, help="How many threads to use."),
    json: str = typer.Option(None, metavar="FILE", help="Write what was measured."),
) -> None:
    """Show each kernel of a training step: its time, speed, and fraction of the peak."""
    from gradatim.bench import sides, workloads
    from gradatim.bench.machine import prepare_threads
    from gradatim.cli.console import wide_console
    from gradatim.explain.profile import profile as measure
    from gradatim.graph.errors import ArgumentError

    chosen = workloads.choose([workload])
    if len(chosen) != 1:
        raise ArgumentError(f"{workload} is a group: name one workload")
    if runs < 1:
        raise ArgumentError(f"runs is {runs}: it has to be at least 1")
    _, probe = prepare_threads(threads)
    weights = sides.initial_weights(chosen[0])
    step = sides.prepare(sides.OURS, chosen[0], weights, *chosen[0].data(), threads or 0)
    found = measure(lambda: float(step()), runs)
    peak = probe.peak() if probe else 0.0
    console = wide_console()
    for one in found:
        console.print(_table(one, peak, chosen[0].name))
        console.print(_summary(one, peak), soft_wrap=True)
    if json is not None:
        from gradatim.data.files import replacing

        content = {"workload": chosen[0].name, "peak_flops": peak, "programs": _as_json(found)}
        with replacing(json) as temporary:
            Path(temporary).write_text(json_.dumps(content, indent=1) + "\n", encoding="utf-8")


def _table(found: Profile, peak: float, name: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"{name}: kernels of one step", title_justify="left", box=box.SIMPLE_HEAD,
        pad_edge=False, padding=(0, 1),
    )  # fmt: skip
    table.add_column("", justify="right")
    table.add_column("kernel", overflow="fold")
    for title in ("µs", "share", "GFLOP/s", "of peak", "GB/s", "pieces"):
        table.add_column(title, justify="right", no_wrap=True)
    total = sum(found.seconds) or 1.0
    for number, (kernel, seconds) in enumerate(found.rows, 1):
        speed = kernel.operations / seconds if seconds else 0.0
        words = kernel.title + (f"\n[dim]{_short(kernel.fused)}[/dim]" if kernel.fused else "")
        if kernel.how:
            words += f"\n[dim]{kernel.how}[/dim]"
        table.add_row(
            str(number),
            f"[red]{words}[/red]" if kernel.fallback else words,
            f"{seconds * 1e6:.1f}",
            f"{seconds / total:.0%}",
            f"{speed / 1e9:.1f}" if kernel.operations else "",
            f"{speed / peak:.0%}" if kernel.operations and peak else "",
            f"{kernel.bytes / seconds / 1e9:.1f}" if seconds else "",
            f"{kernel.pieces}" if kernel.shared or kernel.pieces == 1 else f"{kernel.pieces} alone",
        )
    return table


def _short(names: tuple[str, ...]) -> str:
    return ", ".join(names if len(names) <= 8 else (*names[:7], f"and {len(names) - 7} more"))


def _summary(found: Profile, peak: float) -> str:
    kernels = sum(found.seconds)
    operations = sum(k.operations for k in found.facts.kernels if k.title.startswith("contract"))
    text = (
        f"Kernels {kernels * 1e6:.1f} µs, the step as Python sees it {found.whole * 1e6:.1f} µs; "
        f"{len(found.seconds)} kernels"
    )
    if peak:
        text += (
            f"; products at {operations / kernels / 1e9:.1f} of {peak / 1e9:.1f} GFLOP/s "
            f"({operations / kernels / peak:.0%} of the measured peak)"
        )
    return text


def _as_json(found: list[Profile]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.facts.name,
            "step_seconds": one.whole,
            "arena_bytes": one.facts.arena,
            "kernels": [{**vars(kernel), "seconds": t} for kernel, t in one.rows],
        }
        for one in found
    ]
