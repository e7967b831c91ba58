"""Report: what a benchmark found, as a table, as JSON, as a picture."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradatim.bench.rounds import geometric_mean
from gradatim.bench.runs import Result
from gradatim.bench.sides import OURS
from gradatim.bench.workloads import PUBLISHED

MEAN_BAR = 2.5  # of the geometric mean over the published workloads
TITLES = {OURS: "Gradatim", "torch": "PyTorch", "compile": "torch.compile", "jax": "JAX"}


@dataclass(frozen=True)
class Row:
    """One workload, as it is reported.

    Attributes:
        seconds: of one step, for each side.
        best_peer: the fastest of the others, or None without any.
        ratio: how many times faster than it we are.
        of_peak: the fraction of the measured multiply-add peak.
        met: whether the workload's bars are met; None where there is nothing to compare with.
        quiet, rounds: how many rounds counted, of how many.
    """

    result: Result
    seconds: dict[str, float]
    best_peer: str | None
    ratio: float
    of_peak: float
    met: bool | None
    quiet: int
    rounds: int


def make_row(result: Result, peak: float) -> Row:
    """Read a result against the best that the probe reached."""
    seconds = result.rounds.medians(peak)
    peers = {name: t for name, t in seconds.items() if name != OURS}
    best = min(peers, key=peers.__getitem__) if peers else None
    ratio = peers[best] / seconds[OURS] if best else float("nan")
    of_peak = result.operations / seconds[OURS] / peak if peak else float("nan")
    workload = result.workload
    met = None
    if best:
        met = ratio >= workload.bar
        if workload.peak_bar is not None and peak:
            met = met and of_peak >= workload.peak_bar
    quiet = len(result.rounds.quiet(peak))
    return Row(result, seconds, best, ratio, of_peak, met, quiet, len(result.rounds.probes))


# --- a table -------------------------------------------------------------------------------------


def make_table(rows: Sequence[Row], peak: float) -> Any:
    """A rich table, and lines below it."""
    from rich import box
    from rich.table import Table

    names = [n for n in TITLES if any(n in row.seconds or n in row.result.failed for row in rows)]
    table = Table(
        title="milliseconds of one training step", title_justify="left", box=box.SIMPLE_HEAD,
        pad_edge=False, padding=(0, 1),
    )  # fmt: skip
    table.add_column("workload", no_wrap=True)
    for name in names:
        table.add_column(TITLES[name], justify="right", no_wrap=True)
    for title in ("faster", "bar", "GFLOP/s", "of peak", "rounds"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        cells = [_cell(row.seconds.get(name), bold=name in (OURS, row.best_peer)) for name in names]
        workload = row.result.workload
        bar = f"{workload.bar:g}"
        if workload.peak_bar is not None:
            bar += f", {workload.peak_bar:.0%}"
        color = {True: "green", False: "red", None: "default"}[row.met]
        speed = row.result.operations / row.seconds[OURS] / 1e9
        table.add_row(
            workload.name, *cells,
            f"[{color}]{row.ratio:.2f}[/{color}]" if row.best_peer else "–",
            bar, f"{speed:.1f}", f"{row.of_peak:.0%}" if peak else "–", f"{row.quiet}/{row.rounds}",
        )  # fmt: skip
    return table


def _cell(seconds: float | None, bold: bool) -> str:
    if seconds is None:
        return "–"
    text = f"{seconds * 1e3:.4g}"
    return f"[bold]{text}[/bold]" if bold else text


def notes(rows: Sequence[Row], peak: float, left_out: Sequence[str]) -> list[str]:
    """What a reader of the table has to know."""
    lines = []
    mean = mean_ratio(rows)
    if mean is not None:
        text = f"Geometric mean {mean:.2f} times the best peer"
        published = {w.name for w in PUBLISHED}
        if published <= {row.result.workload.name for row in rows if row.best_peer}:
            text += f" (bar {MEAN_BAR:g})"
        lines.append(f"{text}; {sum(r.met is True for r in rows)} of {len(rows)} bars met")
    if peak:
        lines.append(f"Peak {peak / 1e9:.1f} GFLOP/s, measured: multiply-adds on registers alone")
    rounds, quiet = sum(r.rounds for r in rows), sum(r.quiet for r in rows)
    if quiet < rounds:
        lines.append(
            f"{rounds - quiet} of {rounds} rounds discarded: the probe was over 5% off its best"
        )
    for row in rows:
        if row.rounds and not row.quiet:
            lines.append(
                f"{row.result.workload.name}: no round was quiet; these are medians of disturbed "
                "ones, and say little"
            )
        for name, reason in row.result.failed.items():
            lines.append(f"{row.result.workload.name}: {TITLES[name]} left out, {reason}")
    lines += [f"{TITLES[name]} left out: not installed" for name in left_out]
    return lines


def mean_ratio(rows: Sequence[Row]) -> float | None:
    """The geometric mean of how many times faster we are than the best peer."""
    ratios = [row.ratio for row in rows if row.best_peer]
    return geometric_mean(ratios) if ratios else None


# --- a file --------------------------------------------------------------------------------------


def as_json(rows: Sequence[Row], peak: float, threads: int) -> dict[str, Any]:
    """Everything that was measured, and on what."""
    from gradatim.cli.info import facts

    machine = dict(facts())
    return {
        "machine": {
            "processor": machine["Processor"],
            "system": machine["System"],
            "python": platform.python_version(),
            "gradatim": machine["Gradatim"].split()[0],
            "peers": _versions(("torch", "jax", "jaxlib", "optax", "numpy", "llvmlite")),
            "threads": threads,
            "peak_flops": peak,
        },
        "geometric_mean": mean_ratio(rows),
        "workloads": [_row_as_json(row, peak) for row in rows],
    }


def _versions(names: Sequence[str]) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _row_as_json(row: Row, peak: float) -> dict[str, Any]:
    result = row.result
    return {
        "name": result.workload.name,
        "operations": result.operations,
        "milliseconds": {name: 1e3 * t for name, t in row.seconds.items()},
        "first_step_seconds": result.first,
        "best_peer": row.best_peer,
        "times_faster": row.ratio if row.best_peer else None,
        "bar": result.workload.bar,
        "of_peak": row.of_peak if peak else None,
        "peak_bar": result.workload.peak_bar,
        "met": row.met,
        "losses": result.losses,
        "left_out": result.failed,
        "rounds": {
            "quiet": result.rounds.quiet(peak),
            "probes": result.rounds.probes,
            "seconds": result.rounds.seconds,
        },
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Put the JSON at `path`: all of it or nothing.

    Raises:
        DataError: it cannot be written there.
    """
    from gradatim.data.files import replacing

    with replacing(path) as temporary:
        Path(temporary).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


# --- a picture -----------------------------------------------------------------------------------

COLORS = {OURS: "#1b7f5c", "torch": "#e4572e", "compile": "#f2a65a", "jax": "#5b7db1"}


def draw(rows: Sequence[Row], path: Path, threads: int) -> None:
    """Bars: how many times as fast as the best peer each side is. Needs matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from gradatim.cli.info import facts
    from gradatim.data.files import replacing

    names = [n for n in TITLES if any(n in row.seconds for row in rows)]
    figure = Figure(figsize=(9, 0.8 + 0.2 * (len(names) + 1) * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    height = 0.84 / len(names)
    for k, name in enumerate(names):
        places, speeds = [], []
        for place, row in enumerate(rows):
            if name in row.seconds:
                places.append(place + (k - (len(names) - 1) / 2) * height)
                speeds.append(row.seconds[row.best_peer or OURS] / row.seconds[name])
        bars = axes.barh(places, speeds, height * 0.9, color=COLORS[name], label=TITLES[name])
        labels = [f"{row.seconds[name] * 1e3:.3g} ms" for row in rows if name in row.seconds]
        axes.bar_label(bars, labels, padding=3, fontsize=7)
    axes.axvline(1, color="0.4", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(rows)), [row.result.workload.name for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("speed, the best peer's being 1")
    axes.set_title(
        f"One training step, {dict(facts())['Processor']}, {threads} threads", fontsize=9
    )
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")
