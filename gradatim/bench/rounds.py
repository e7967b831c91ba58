"""Rounds: sides take turns, and rounds in which the machine was disturbed do not count.

In a round every side has one turn of many steps, and before and after it a probe measures how fast
the machine multiplies and adds. A round counts if both probes come within 5% of the best that was
ever seen. Each side's time is the median over the rounds that count, and a side is compared with
another over the same rounds.

Libraries let their threads spin for some milliseconds after their work, in the hope of more, and
would take the processor from whoever is next. So a turn begins with a pause, in which those threads
fall asleep, and with steps that are not timed, in which one's own wake up.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Step = Callable[[], Any]
Probe = Callable[[], float]

TURN = 0.03  # seconds of steps that are timed
WARM_UP = 0.004  # seconds of steps before them
PAUSE = 0.006  # libgomp's threads spin for up to about 5 ms
SLOWEST = 0.95  # of the best probe
PATIENCE = 3  # times as many rounds as asked for, if so many are disturbed


def is_quiet(before: float, after: float, best: float) -> bool:
    """Whether a round counts, by the probes around it.

    Example:
        >>> is_quiet(96, 97, 100), is_quiet(96, 94, 100)
        (True, False)
    """
    return min(before, after) >= SLOWEST * best


@dataclass
class Rounds:
    """What was measured.

    Attributes:
        seconds: of one step, for each side and each round.
        probes: before and after each round, in operations a second.
    """

    seconds: dict[str, list[float]]
    probes: list[tuple[float, float]] = field(default_factory=list)

    def quiet(self, best: float) -> list[int]:
        """The rounds that count."""
        return [k for k, pair in enumerate(self.probes) if is_quiet(*pair, best)]

    def medians(self, best: float) -> dict[str, float]:
        """Seconds of one step of each side; over all rounds, if none was quiet."""
        chosen = self.quiet(best) or range(len(self.probes))
        return {
            name: statistics.median(times[k] for k in chosen)
            for name, times in self.seconds.items()
        }


def measure(
    sides: Mapping[str, Step], rounds: int, probe: Probe | None, best: float = 0.0
) -> tuple[Rounds, float]:
    """Time the sides in turn until `rounds` rounds were quiet, or too many were not.

    Args:
        sides: a step of each, already compiled.
        probe: gives operations a second; None where there is none, and every round counts.
        best: of the probe, so far.

    Returns:
        what was measured, and the best of the probe now.
    """
    found = Rounds({name: [] for name in sides})
    counts = {name: _steps_in_a_turn(step) for name, step in sides.items()}

    def look() -> float:
        nonlocal best
        if probe is None:
            return 0.0
        time.sleep(PAUSE)
        speed = max(probe(), probe())
        best = max(best, speed)
        return speed

    before = look()
    for _ in range(PATIENCE * rounds):
        for name, step in sides.items():
            found.seconds[name].append(_turn(step, counts[name]))
        after = look()
        found.probes.append((before, after))
        before = after
        if len(found.quiet(best)) >= rounds:
            break
    return found, best


def _steps_in_a_turn(step: Step) -> int:
    _wait(step, 2)
    begin = time.perf_counter()
    _wait(step, 1)
    once = time.perf_counter() - begin
    count = max(1, int(WARM_UP / once))
    begin = time.perf_counter()
    _wait(step, count)
    return max(1, round(TURN * count / (time.perf_counter() - begin)))


def _turn(step: Step, count: int) -> float:
    """Seconds of one step."""
    time.sleep(PAUSE)
    end = time.perf_counter() + WARM_UP
    while True:
        _wait(step, 1)
        if time.perf_counter() >= end:
            break
    collecting = gc.isenabled()
    gc.disable()
    try:
        begin = time.perf_counter()
        _wait(step, count)
        return (time.perf_counter() - begin) / count
    finally:
        if collecting:
            gc.enable()


def _wait(step: Step, count: int) -> None:
    """That many steps, the last one's loss looked at: then all of them are done."""
    for _ in range(count):
        loss = step()
    float(loss)


def geometric_mean(numbers: Iterable[float]) -> float:
    """
    Example:
        >>> geometric_mean([2.0, 8.0])
        4.0
    """
    return float(statistics.geometric_mean(list(numbers)))
