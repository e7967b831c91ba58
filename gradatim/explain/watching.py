"""Watching: which Programs a function runs, and on what executables.

While a function is watched, the current engine is replaced by one that hands every Program on and
keeps it. It has another name, and names are part of the keys by which Programs are found again, so
that each is seen, even if it was compiled before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from gradatim import engines
from gradatim.graph.program import Program

Compile = Callable[[Program, str], Any]


class Watcher:
    """An engine that keeps what it compiles.

    Attributes:
        programs: each with the executable that was made of it, in order.
    """

    def __init__(self, engine: Any, compile: Compile):
        self.engine = engine
        self.name = f"{engine.name} watched {id(self)}"
        self.compile_with = compile
        self.programs: list[tuple[Program, Any]] = []

    def compile(self, program: Program, device: str) -> Any:
        executable = self.compile_with(program, device)
        self.programs.append((program, executable))
        return executable

    def from_host(self, array: Any, device: str, sharding: Any = None) -> Any:
        return self.engine.from_host(array, device, sharding)

    def to_host(self, buffer: Any) -> Any:
        return self.engine.to_host(buffer)


@contextlib.contextmanager
def watch(compile: Callable[[Any], Compile] = lambda engine: engine.compile) -> Iterator[Watcher]:
    """Keep the Programs that are run inside.

    Args:
        compile: gives the function by which the engine is to compile.
    """
    from gradatim.realize import flush, state

    flush()  # what was called before is not part of it
    engine = engines.current_engine()
    watcher = Watcher(engine, compile(engine))
    engines._current = watcher
    try:
        yield watcher
        flush()
    finally:
        engines._current = engine
        for key in [key for key in state.programs if key[0] == watcher.name]:
            del state.programs[key]
