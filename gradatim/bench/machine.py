"""Machine: the same processors for every library, and the engine's probe of their speed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

from gradatim.engines import current_engine
from gradatim.graph.errors import ArgumentError


class Probe(Protocol):
    """What an engine gives to measure the machine with."""

    def __call__(self) -> float:
        """Floating-point operations a second of all threads, now."""
        ...

    def peak(self) -> float:
        """The best of many."""
        ...


def prepare_threads(threads: int | None) -> tuple[int, Probe | None]:
    """Let each library use that many threads (all allowed processors, if None).

    Call it before PyTorch or JAX are imported. JAX takes as many as the process has processors, so
    the process is bound to that many where the system can do that.

    Returns:
        how many threads, and the engine's probe if it has one.
    """
    allowed = _processors()
    count = len(allowed) if threads is None else threads
    if not 1 <= count <= len(allowed):
        raise ArgumentError(
            f"threads is {threads}: it has to be from 1 to {len(allowed)}, the processors that "
            "this process may use"
        )
    if count < len(allowed) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, allowed[:count])
    engine: Any = current_engine()
    make: Callable[[int], Probe] | None = getattr(engine, "make_probe", None)
    return count, None if make is None else make(count)


def _processors() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
