"""What a person sees while training: one line per epoch, above a live bar.

On a terminal the bar shows the epoch, the batch, the latest loss and the time left. Where the
output is not a terminal (a file, a pipe, a log), the lines are all there is.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO

REFRESH_SECONDS = 0.1
"""How often the bar is drawn anew, and so how often the loss is looked at within an epoch."""


BAR_WIDTH = 30
"""Leaves room at the end of the line, where a terminal shows the `^C` of a Ctrl-C."""


class Progress:
    """No output at all; the interface of the two below."""

    def start(self, epochs: int, batches: int) -> None:
        """Training begins: `epochs` of `batches` each (0 where nobody knows how many)."""

    def due(self) -> bool:
        """Whether it is time to show something again."""
        return False

    def show(self, epoch: int, batch: int, loss: float) -> None:
        """Epoch `epoch` (from 0) has done `batch` batches; `loss` is the latest."""

    def line(self, text: str) -> None:
        """Something worth a line of its own, such as a finished epoch."""

    def stop(self) -> None:
        """Training is over, or was interrupted: leave the terminal clean."""


class PlainProgress(Progress):
    """Lines only."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream

    def line(self, text: str) -> None:
        print(text, file=self.stream or sys.stdout, flush=True)


class LiveProgress(Progress):
    """Lines above a bar, drawn by rich.

    The bar is drawn from the training loop itself, ten times a second: a thread for it would take
    the interpreter away from steps that last less than a millisecond.
    """

    def __init__(self) -> None:
        from rich import progress as parts
        from rich.console import Console

        self._bar = parts.Progress(
            parts.TextColumn("Epoch {task.fields[epoch]}"),
            parts.BarColumn(bar_width=BAR_WIDTH),
            parts.TextColumn("batch {task.fields[batch]}   loss {task.fields[loss]}"),
            parts.TextColumn("  {task.fields[left]} left"),
            console=Console(highlight=False),
            auto_refresh=False,
            transient=True,
        )
        self._drawn = 0.0

    def start(self, epochs: int, batches: int) -> None:
        self._epochs, self._batches = epochs, batches
        self._began: tuple[float, int] | None = None
        fields = {"epoch": f"1/{epochs}", "batch": "0", "loss": "…", "left": "…"}
        self._task = self._bar.add_task("", total=epochs * batches or None, **fields)
        self._bar.start()

    def due(self) -> bool:
        return time.monotonic() - self._drawn >= REFRESH_SECONDS

    def show(self, epoch: int, batch: int, loss: float) -> None:
        done = epoch * self._batches + batch
        self._bar.update(
            self._task,
            completed=done,
            epoch=f"{epoch + 1}/{self._epochs}",
            batch=f"{batch}/{self._batches}" if self._batches else str(batch),
            loss=f"{loss:.4g}",
            left=self._time_left(done),
        )
        self._bar.refresh()
        self._drawn = time.monotonic()

    def _time_left(self, done: int) -> str:
        """From the pace since the first look (which leaves compilation out)."""
        now = time.monotonic()
        if self._began is None or done <= self._began[1] or not self._batches:
            self._began = self._began or (now, done)
            return "…"
        then, done_then = self._began
        remaining = self._epochs * self._batches - done
        return clock((now - then) / (done - done_then) * remaining)

    def line(self, text: str) -> None:
        self._bar.console.print(text, markup=False, soft_wrap=True)

    def stop(self) -> None:
        self._bar.stop()


def make_progress(wanted: bool | Progress) -> Progress:
    """The bar on a terminal, plain lines elsewhere, nothing if not wanted."""
    if isinstance(wanted, Progress):
        return wanted
    if not wanted:
        return Progress()
    return LiveProgress() if sys.stdout.isatty() else PlainProgress()


def clock(seconds: float) -> str:
    """A duration for a person.

    Example:
        >>> clock(0.031), clock(2.94), clock(93), clock(3725)
        ('0.03 s', '2.9 s', '1 min 33 s', '1 h 2 min')
    """
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"
