"""One operator at a time, beside PyTorch's: what `gradatim bench ops` does.

Ours are timed as a user's uncompiled code runs them: the call, the search for the known program,
and its run. The results of both libraries are compared before they are timed.
"""

from __future__ import annotations

import fnmatch
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradatim.bench.operator_cases import GROUPS, make_inputs
from gradatim.bench.rounds import Probe, geometric_mean, measure
from gradatim.graph.errors import ArgumentError

SLOWEST = 1.5  # times PyTorch's time, at most
_RANDOM = ("t.rand", "t.bernoulli", "t.multinomial", "F.dropout")


@dataclass
class Timing:
    """One expression.

    Attributes:
        gradients: whether its gradients were taken too.
        seconds: of a call, for each side.
        reason: why it was not timed.
    """

    group: str
    line: str
    gradients: bool
    seconds: dict[str, float] = field(default_factory=dict)
    reason: str | None = None

    @property
    def title(self) -> str:
        return f"{self.line}{', gradients' if self.gradients else ''}"

    @property
    def ratio(self) -> float | None:
        """How many times PyTorch's time ours is."""
        if "torch" not in self.seconds:
            return None
        return self.seconds["gradatim"] / self.seconds["torch"]


def choose(patterns: Sequence[str]) -> list[Timing]:
    """The expressions that hold one of the words (or match a pattern), or all.

    Raises:
        ArgumentError: there are none.

    Example:
        >>> [timing.line for timing in choose(["cumprod"]) if not timing.gradients]
        ['p.cumprod(1)']
    """
    every = [
        Timing(group.name, line, graded)
        for group in GROUPS
        for line in group.expressions()
        for graded in ((False, True) if group.graded else (False,))
    ]
    if not patterns:
        return every
    found = [
        timing for timing in every
        if any(fnmatch.fnmatch(f"{timing.group} {timing.line}", f"*{p}*") for p in patterns)
    ]  # fmt: skip
    if not found:
        raise ArgumentError(
            f"no operator is named {' or '.join(patterns)}: see `gradatim bench ops` for all"
        )
    return found


def time_operators(
    timings: Sequence[Timing], peers: Sequence[str], rounds: int, threads: int,
    probe: Probe | None, say: Callable[[str], None] = lambda line: None,
) -> None:  # fmt: skip
    """Fill in the times.

    Args:
        peers: "torch", or nothing.
        rounds, probe: see `rounds.measure`.
        threads: how many PyTorch may use.
        say: told what happens.
    """
    libraries: dict[str, Any] = {"gradatim": _ours()}
    if "torch" in peers:
        import torch

        torch.set_num_threads(threads)
        libraries["torch"] = torch
    best = 0.0
    inputs = {group.name: make_inputs(group.inputs) for group in GROUPS}
    for timing in timings:
        say(timing.title)
        calls: dict[str, Callable[[], Any]] = {}
        for name, library in libraries.items():
            try:
                calls[name] = _call(library, timing, inputs[timing.group])
                calls[name]()
            except Exception as error:
                words = (str(error).strip() or type(error).__name__).splitlines()[0]
                timing.reason = f"{name}: {words}"
                break
        else:
            timing.reason = _differs(calls) if not timing.line.startswith(_RANDOM) else None
            found, best = measure(
                {name: _step(call, name) for name, call in calls.items()}, rounds, probe, best
            )
            timing.seconds = found.medians(best)


def _ours() -> Any:
    import gradatim

    return gradatim


def _call(library: Any, timing: Timing, inputs: dict[str, Any]) -> Callable[[], Any]:
    """Evaluates the expression, and takes its gradients, weighted by random numbers: of all
    ones a softmax's would be 0."""
    names: dict[str, Any] = {"t": library, "F": library.nn.functional}
    code = compile(timing.line, timing.line, "eval")
    for name, array in inputs.items():
        names[name] = library.tensor(array)
        if timing.gradients and array.dtype.kind == "f" and name in code.co_names:
            names[name].requires_grad_()
    if not timing.gradients:
        return lambda: eval(code, names)
    leaves = [t for t in names.values() if getattr(t, "requires_grad", False) is True]
    shape = tuple(eval(code, names).shape)
    seed = library.tensor(np.random.default_rng(2).normal(size=shape).astype(np.float32))
    take: Callable[..., Any] = library.autograd.grad
    return lambda: take([eval(code, names)], leaves, [seed], allow_unused=True)


def _step(call: Callable[[], Any], side: str) -> Callable[[], float]:
    if side == "torch":
        return lambda: (call(), 0.0)[1]

    synchronize = _ours().synchronize

    def step() -> float:
        result = call()
        synchronize()
        del result
        return 0.0

    return step


def _parts(result: Any) -> list[Any]:
    parts = result if isinstance(result, (tuple, list)) else [result]
    return [part for part in parts if hasattr(part, "dtype")]


def _differs(calls: dict[str, Callable[[], Any]]) -> str | None:
    """What is wrong with our result, if anything."""
    if len(calls) < 2:
        return None
    ours, theirs = (_parts(call()) for call in calls.values())
    for a, b in zip(ours, theirs):
        mine, other = (np.asarray(x.detach().float().numpy(), np.float64) for x in (a, b))
        if mine.shape != other.shape:
            return f"its shape is {mine.shape}, not {other.shape}"
        scale = float(np.max(np.abs(other), initial=1e-6, where=np.isfinite(other)))
        if not np.allclose(mine, other, rtol=1e-3, atol=1e-3 * scale, equal_nan=True):
            return "its result differs"
    return None


# --- the report ----------------------------------------------------------------------------------


def make_table(timings: Sequence[Timing]) -> Any:
    """A rich table."""
    from rich import box
    from rich.table import Table

    table = Table(
        title="microseconds of one call", title_justify="left", box=box.SIMPLE_HEAD,
        pad_edge=False, padding=(0, 1),
    )  # fmt: skip
    table.add_column("operator", overflow="fold")
    for title in ("Gradatim", "PyTorch", "ratio"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    shown = ""
    for timing in timings:
        if timing.group != shown:
            shown = timing.group
            table.add_row(f"[bold]{shown}[/bold]", "", "", "", "")
        ratio = timing.ratio
        color = "default" if ratio is None else "red" if ratio > SLOWEST else "green"
        table.add_row(
            timing.title.replace("[", "\\["),
            *(f"{1e6 * timing.seconds[k]:,.0f}" if k in timing.seconds else "–"
              for k in ("gradatim", "torch")),
            "–" if ratio is None else f"[{color}]{ratio:.2f}[/{color}]",
            (timing.reason or "").replace("[", "\\["),
        )  # fmt: skip
    return table


def summary(timings: Sequence[Timing]) -> list[str]:
    """Lines below the table."""
    ratios = [timing.ratio for timing in timings if timing.ratio is not None]
    lines = []
    if ratios:
        slow = sum(ratio > SLOWEST for ratio in ratios)
        lines.append(
            f"{len(ratios)} expressions: ours takes {geometric_mean(ratios):.2f} times PyTorch's "
            f"time (geometric mean; median {statistics.median(ratios):.2f}); {slow} take over "
            f"{SLOWEST:g} times as long"
        )
    left = sum(not timing.seconds for timing in timings)
    if left:
        lines.append(f"{left} expressions could not be timed")
    return lines


def as_json(timings: Sequence[Timing], threads: int) -> dict[str, Any]:
    """Everything that was measured."""
    return {
        "threads": threads,
        "time": time.strftime("%Y-%m-%d"),
        "operators": [
            {
                "group": timing.group,
                "expression": timing.line,
                "gradients": timing.gradients,
                "microseconds": {name: 1e6 * s for name, s in timing.seconds.items()},
                "ratio": timing.ratio,
                "reason": timing.reason,
            }
            for timing in timings
        ],
    }
