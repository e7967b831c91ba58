"""How a Program is run. Engines know `graph/` and nothing above it.

An Engine compiles a Program into an Executable, a callable from buffers to buffers. To add one:
a module with an Engine, and a line in `ENGINES`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradatim.graph.errors import ArgumentError, missing_extra
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


class Stop(Exception):
    """Carries a failure out of what a primitive means."""

    def __init__(self, error: type[Exception], message: str):
        super().__init__(message)
        self.error = error


class Executable(Protocol):
    """A compiled Program."""

    def __call__(
        self, inputs: Sequence[Buffer], into: Sequence[Buffer | None]
    ) -> tuple[Failure | None, list[Buffer]]:
        """Run once. Each output goes into the buffer given for it, which may be one of the
        inputs, or into a new one where None is given. Outputs never share memory with each other
        or with any other input, and are contiguous. On failure no buffer has been written.

        An exception (Ctrl-C) leaves all of them written, or none.
        """
        ...


Bound = Callable[[Sequence[Buffer]], tuple[Failure | None, list[Buffer]]]


class Bindable(Executable, Protocol):
    """An Executable that can be told which buffers stay the same in the calls to come, so that it
    need not look up their addresses at each one. This is optional.
    """

    def bind(self, inputs: Sequence[Buffer | None], into: Sequence[Buffer | None]) -> Bound:
        """A function for calls with these buffers.

        It takes a buffer for each None in `inputs`, in order, and gives the failure or None, and
        a new buffer for each None in `into`, in order. It holds the other buffers. Any number of
        bound functions of one Executable may be alive.
        """
        ...


def bind(
    executable: Executable, inputs: Sequence[Buffer | None], into: Sequence[Buffer | None]
) -> Bound:
    """`executable.bind(inputs, into)`, also where the executable has no such method."""
    own: Callable[..., Bound] | None = getattr(executable, "bind", None)
    return own(inputs, into) if own is not None else rebinding(executable, inputs, into)


def rebinding(
    executable: Executable, inputs: Sequence[Buffer | None], into: Sequence[Buffer | None]
) -> Bound:
    """A bound function that hands all buffers over at each call."""
    fixed, targets = list(inputs), list(into)
    places = [k for k, buffer in enumerate(fixed) if buffer is None]
    new = [k for k, buffer in enumerate(targets) if buffer is None]

    def run(varying: Sequence[Buffer]) -> tuple[Failure | None, list[Buffer]]:
        buffers = fixed.copy()
        for k, buffer in zip(places, varying):
            buffers[k] = buffer
        failure, results = executable(buffers, targets)
        return failure, [results[k] for k in new] if failure is None else []

    return run


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[None]:
    """Ctrl-C that comes inside takes effect at the end: for what must be done wholly or not at all.

    (Python gives signals to the main thread alone, so there is nothing to do in another. Switching
    the handler takes microseconds: a single native call that writes in place needs it not.)
    """
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[Any] = []
    signal.signal(signal.SIGINT, lambda *arguments: held.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            before(*held[0])


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
    "xla": "gradatim.engines.xla.executable",
}
_EXTRAS = {"xla": "jax"}  # what an engine needs that is not installed with gradatim
_loaded: dict[str, Engine] = {}


def get_engine(name: str) -> Engine:
    """The engine of that name."""
    if name not in _loaded:
        if name not in ENGINES:
            raise ArgumentError(f"no engine is named {name!r}: there are {', '.join(ENGINES)}")
        try:
            _loaded[name] = importlib.import_module(ENGINES[name]).ENGINE
        except ModuleNotFoundError as missing:
            library = _EXTRAS.get(name, "")
            if (missing.name or "").partition(".")[0] not in (library, f"{library}lib"):
                raise
            raise missing_extra(f"the engine {name!r}", library, name) from None
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


# Where the engines that share a computation among threads say how many.
_THREADS = {"llvm": "gradatim.engines.llvm.threads"}


def get_num_threads() -> int:
    """How many threads share a computation on the current engine."""
    name = current_engine().name
    return importlib.import_module(_THREADS[name]).get_num_threads() if name in _THREADS else 1


def set_num_threads(threads: int) -> None:
    """Share computations among so many threads from now on; results do not depend on it. An engine
    with one thread stays with it.

    Raises:
        ArgumentTypeError: not a whole number.
        ArgumentError: not from 1 to 1024.
    """
    importlib.import_module(_THREADS.get(current_engine().name, _THREADS["llvm"])).set_num_threads(
        threads
    )
