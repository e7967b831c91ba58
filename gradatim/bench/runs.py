"""Runs: a workload on every side: made from the same weights, checked equal, timed in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradatim.bench import sides
from gradatim.bench.operations import step_operations
from gradatim.bench.rounds import Probe, Rounds, measure
from gradatim.bench.sides import OURS
from gradatim.bench.workloads import Workload

CHECKED_STEPS = 5
# Float32 in another order of summation differs by 1e-6 a step; Adam's first steps divide a gradient
# by its own size, which makes a gradient that is all rounding (of a dead unit) as large as any.
TOLERANCE = 5e-4

Say = Callable[[str], None]


@dataclass
class Result:
    """A workload's measurements.

    Attributes:
        first: seconds until a side's first step was done, compilation included.
        losses: of each side's first steps, which were checked to be equal.
        failed: why a side is not there.
        rounds: times and probes.
    """

    workload: Workload
    rounds: Rounds
    first: dict[str, float] = field(default_factory=dict)
    losses: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def operations(self) -> float:
        return step_operations(self.workload)


def differs(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The largest relative difference of two sides' losses.

    Example:
        >>> differs([2.0, 1.0], [2.0, 1.01])
        0.01
    """
    a, b = np.asarray(ours), np.asarray(theirs)
    return round(float(np.max(np.abs(a - b) / np.maximum(np.abs(a), 1e-6))), 12)


def _looked_at(step: Any) -> Any:
    return lambda: float(step())


def run(
    workload: Workload,
    peers: Sequence[str],
    rounds: int,
    threads: int,
    probe: Probe | None,
    best: float = 0.0,
    say: Say = lambda line: None,
    each_step: bool = False,
) -> tuple[Result, float]:
    """Measure one workload.

    Args:
        peers: names of sides beside ours. One that fails is left out, and why is in the result.
        probe, best: see `rounds.measure`.
        say: told what happens.
        each_step: look at the loss of every step, as a loop that prints it does; otherwise at that
            of a turn's last, and a library may run ahead of its work.

    Returns:
        the result, and the best of the probe now.
    """
    result = Result(workload, Rounds({}))
    weights = sides.initial_weights(workload)
    x, y = workload.data()
    steps: dict[str, Any] = {}
    for name in (OURS, *peers):
        say(f"{workload.name}: compiling on {name} ...")
        begin = time.perf_counter()
        try:
            step = sides.prepare(name, workload, weights, x, y, threads)
            losses = [float(step())]
            result.first[name] = time.perf_counter() - begin
            losses += [float(step()) for _ in range(CHECKED_STEPS - 1)]
        except Exception as error:
            if name == OURS:
                raise
            result.failed[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            continue
        result.losses[name] = losses
        error = differs(result.losses[OURS], losses)
        if not error <= TOLERANCE:
            result.failed[name] = f"its losses differ by {error:.1e}: {losses}"
            continue
        steps[name] = _looked_at(step) if each_step else step
    say(f"{workload.name}: {rounds} rounds of {', '.join(steps)} ...")
    result.rounds, best = measure(steps, rounds, probe, best)
    return result, best
