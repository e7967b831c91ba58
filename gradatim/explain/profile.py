"""Profile: how long each kernel of a training step takes, and how near it comes to the machine.

The step is compiled with stamps around its kernels and run many times. What is shown is the mean
of the fastest tenth of the runs: other programs make runs slower, never faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradatim.engines.facts import KernelFacts, ProgramFacts
from gradatim.explain.watching import watch
from gradatim.graph.errors import ArgumentError


@dataclass(frozen=True)
class Profile:
    """A step's kernels with their times.

    Attributes:
        seconds: of each kernel, in the order of `facts.kernels`.
        whole: seconds of the step seen from Python.
    """

    facts: ProgramFacts
    seconds: list[float]
    whole: float

    @property
    def rows(self) -> list[tuple[KernelFacts, float]]:
        return list(zip(self.facts.kernels, self.seconds))


def profile(step: Callable[[], Any], runs: int = 100, budget: float = 5.0) -> list[Profile]:
    """Run a step many times and time its kernels.

    Args:
        step: does one step and waits for it; every call has to compute the same.
        runs: how many times, if they fit into `budget` seconds.

    Returns:
        one for each Program that the step runs: one, if it is under `gd.compile`.

    Raises:
        ArgumentError: the engine in use cannot time kernels.
    """
    import time

    def compile_timed(engine: Any) -> Any:
        found = getattr(engine, "compile_timed", None)
        if found is None:
            raise ArgumentError(f"the engine {engine.name} cannot time kernels")
        return found

    with watch(compile_timed) as watcher:
        for _ in range(3):
            step()
        executables = [executable for _, executable in watcher.programs]
        last = [executable.ticks for executable in executables]
        taken: list[tuple[float, list[list[float]]]] = []
        end = time.perf_counter() + budget
        while len(taken) < runs and (time.perf_counter() < end or len(taken) < 3):
            begin = time.perf_counter()
            step()
            whole = time.perf_counter() - begin
            taken.append((whole, [executable.ticks for executable in executables]))
    taken.sort(key=lambda run: run[0])
    best = taken[: max(1, len(taken) // 10)]
    profiles = []
    for k, executable in enumerate(executables):
        if all(run[1][k] == last[k] for run in taken):
            continue  # ran at the first step only
        each = [executable.seconds(run[1][k]) for run in best]
        means = [sum(column) / len(column) for column in zip(*each)]
        whole = sum(run[0] for run in best) / len(best)
        profiles.append(Profile(executable.facts, means, whole))
    return profiles
