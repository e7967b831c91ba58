"""How a Program is run. Engines know `graph/` and nothing above it.

An Engine compiles a Program into an Executable, a callable from buffers to buffers. To add one:
a module with an Engine, and a line in `ENGINES`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradatim.graph.errors import ArgumentError
from gradatim.graph.program import Program

Buffer = Any  # an engine's own; NumPy arrays for engines on the CPU


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run could not finish: nothing was written.

    Attributes:
        error: the class to raise.
        message: what was wrong, without the place.
        position: which Node of the trace (`Program.nodes[...].site`), or None.
    """

    error: type[Exception]
    message: str
    position: int | None


class Executable(Protocol):
    """A compiled Program."""

    def __call__(
        self, inputs: Sequence[Buffer], into: Sequence[Buffer | None]
    ) -> tuple[Failure | None, list[Buffer]]:
        """Run once. Each output goes into the buffer given for it, which may be one of the
        inputs, or into a new one where None is given. Outputs never share memory with each other
        or with any other input, and are contiguous. On failure no buffer has been written.
        """
        ...


class Engine(Protocol):
    """Turns a Program into an Executable for one kind of device."""

    name: str

    def compile(self, program: Program, device: str) -> Executable: ...

    def from_host(self, array: np.ndarray[Any, Any], device: str, sharding: Any = None) -> Buffer:
        """A buffer with the array's content (may share its memory)."""
        ...

    def to_host(self, buffer: Buffer) -> np.ndarray[Any, Any]:
        """The content as an array (may share the buffer's memory)."""
        ...


ENGINES = {
    "llvm": "gradatim.engines.llvm.executable",
    "reference": "gradatim.engines.reference",
}
_loaded: dict[str, Engine] = {}


def get_engine(name: str) -> Engine:
    """The engine of that name."""
    if name not in _loaded:
        if name not in ENGINES:
            raise ArgumentError(f"no engine is named {name!r}: there are {', '.join(ENGINES)}")
        _loaded[name] = importlib.import_module(ENGINES[name]).ENGINE
    return _loaded[name]


_current: Engine | None = None


def current_engine() -> Engine:
    """The engine that runs Programs now: `GRADATIM_ENGINE`, or the first in the registry."""
    global _current
    if _current is None:
        _current = get_engine(os.environ.get("GRADATIM_ENGINE") or next(iter(ENGINES)))
    return _current


def set_engine(name: str) -> None:
    """Run Programs on the named engine from now on."""
    global _current
    _current = get_engine(name)
