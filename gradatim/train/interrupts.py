"""Ctrl-C that lets the batch finish; the second one stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class TrainingInterrupted(KeyboardInterrupt):
    """Training stopped at the user's wish, after its state was saved."""


class Interrupts:
    """While active, the first Ctrl-C only sets `requested`. The second acts as always.

    Outside the main thread, where signals cannot be caught, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> Interrupts:
        self._catches = threading.current_thread() is threading.main_thread()
        if self._catches:
            self._previous = signal.signal(signal.SIGINT, self._first)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._catches:
            signal.signal(signal.SIGINT, self._previous)

    def _first(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
