"""Batches from worker processes, in order: the main process's side.

Indices are drawn here, and handed to the workers in turn; `prefetch_factor` batches of each worker
are on the way at any time. What comes back out of turn waits for its turn. The order in which
things are drawn and handed out is PyTorch's.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import weakref
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from gradatim.data import transport
from gradatim.data.fetching import Recipe
from gradatim.data.worker import Failure, run
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, Error

STOP_WITHIN = 2.0
"""Seconds that workers have for stopping before they are killed."""


class WorkerDied(Error, RuntimeError):
    """A worker process that ended without being asked to."""


class WorkerTimeout(Error, RuntimeError):
    """A batch that did not come in time."""


class Workers:
    """The worker processes of one loader, and one epoch after another of what they make."""

    def __init__(self, recipe: Recipe, loader: Any, base_seed: int, stream: str):
        self.is_stream = recipe.is_stream
        self.count: int = loader.num_workers
        self.ahead: int = loader.prefetch_factor * self.count
        self.timeout: float | None = loader.timeout or None
        self.in_order: bool = loader.in_order
        self.persistent: bool = loader.persistent_workers
        context = context_of(loader.multiprocessing_context)
        transport.start_sharing()
        self.ends: list[Connection] = []
        self.processes: list[Any] = []
        self._finalizer = weakref.finalize(self, _stop, self.processes, self.ends)
        forks = context.get_start_method() == "fork"
        for worker in range(self.count):
            ours, theirs = context.Pipe()
            others = [*self.ends, ours] if forks else []
            process = context.Process(
                target=run,
                args=(
                    recipe, worker, self.count, base_seed, loader.worker_init_fn, stream, theirs,
                    others,
                ),
                daemon=True,
                name=f"gradatim-data-{worker}",
            )  # fmt: skip
            process.start()
            theirs.close()
            self.ends.append(ours)
            self.processes.append(process)
        self.started = False
        self.asked = 0  # how many batches were asked for, in all epochs

    def epoch(self, indices: Iterator[Any]) -> Epoch:
        """Begin an epoch: the first batches are asked for at once."""
        if self.started:
            for end in self.ends:
                end.send((None, None))
        self.started = True
        return Epoch(self, indices)

    def receive(self) -> tuple[int, Any]:
        """The next batch that any worker has finished: its number, and the message."""
        by_end: dict[Any, Connection] = {end: end for end in self.ends}
        sentinels = {process.sentinel: process for process in self.processes}
        ready = wait([*by_end, *sentinels], self.timeout)
        for end in ready:
            if end in by_end:
                with contextlib.suppress(EOFError, ConnectionResetError):
                    return by_end[end].recv()
        if not ready:
            raise WorkerTimeout(f"DataLoader timed out after {self.timeout} seconds")
        for process, end in zip(self.processes, self.ends):
            if end in ready or process.sentinel in ready:  # pipes break a moment before the death
                process.join(STOP_WITHIN)
        dead = [process for process in self.processes if not process.is_alive()]
        pids = ", ".join(str(process.pid) for process in dead)
        codes = ", ".join(str(process.exitcode) for process in dead)
        raise WorkerDied(
            f"DataLoader worker (pid(s) {pids}) exited unexpectedly with exit code {codes}: it was "
            "killed (by lack of memory, perhaps), or crashed; num_workers=0 shows an error where "
            "it happens"
        )

    def is_running(self) -> bool:
        return self._finalizer.alive

    def stop(self) -> None:
        """End all workers, and wait until they are gone."""
        self._finalizer()


class Epoch:
    """One way through the data: an iterator over batches."""

    def __init__(self, workers: Workers, indices: Iterator[Any]):
        self.workers = workers
        self.indices = indices
        self.active = [True] * workers.count
        self.turn = -1  # the worker who was asked last
        # Batches are numbered through all epochs, so that what is left of one that was broken off
        # is not taken for the next one's.
        self.given = workers.asked  # the number of the batch that comes next
        self.asker: dict[int, int] = {}  # the worker of each batch on the way
        self.waiting: dict[int, Any] = {}  # messages that came before their turn
        for _ in range(workers.ahead):
            self._ask()

    def __iter__(self) -> Epoch:
        return self

    def __next__(self) -> Any:
        try:
            return self._next()
        except BaseException:
            if not (self.workers.persistent and not self.asker):
                self.close()
            raise

    def _next(self) -> Any:
        while True:
            while self.given < self.workers.asked and not self._will_come(self.given):
                self.asker.pop(self.given, None)
                self.given += 1
            if self.given >= self.workers.asked:
                raise StopIteration
            if self.given in self.waiting:
                return self._hand_out(self.given)
            number, message = self.workers.receive()
            if number not in self.asker:  # of an epoch that was broken off
                if message is not None:
                    transport.discard(message)
                continue
            if message is None:
                self.active[self.asker.pop(number)] = False
                self._ask()
                continue
            self.waiting[number] = message
            if not self.workers.in_order:
                return self._hand_out(number)

    def _will_come(self, number: int) -> bool:
        """Whether that batch has come, or its worker has not ended before it."""
        return number in self.waiting or (number in self.asker and self.active[self.asker[number]])

    def _hand_out(self, number: int) -> Any:
        self.asker.pop(number)
        message = self.waiting.pop(number)
        self._ask()
        batch = transport.unpack(message)
        if isinstance(batch, Failure):
            batch.reraise()
        return batch

    def _ask(self) -> None:
        """Ask the next worker for a batch, if there are indices and a worker left."""
        try:
            indices = next(self.indices)
        except StopIteration:
            return
        for _ in range(self.workers.count):
            self.turn = (self.turn + 1) % self.workers.count
            if self.active[self.turn]:
                break
        else:
            return
        with contextlib.suppress(BrokenPipeError):  # a dead worker shows at the next receive
            self.workers.ends[self.turn].send((self.workers.asked, indices))
        self.asker[self.workers.asked] = self.turn
        self.workers.asked += 1

    def close(self) -> None:
        """End the workers."""
        for message in self.waiting.values():
            transport.discard(message)
        self.waiting.clear()
        self.workers.stop()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            if not self.workers.persistent:
                self.close()


def _stop(processes: list[Any], ends: list[Connection]) -> None:
    """Ask all workers to stop, free what they have sent, and kill those that do not stop."""
    for end in ends:
        with contextlib.suppress(OSError):
            end.send(None)
    for process, end in zip(processes, ends):
        left = STOP_WITHIN
        while process.is_alive() and left > 0:
            _drain(end)
            process.join(0.02)
            left -= 0.02
        if process.is_alive():
            process.terminate()
            process.join(STOP_WITHIN)
        _drain(end)
        end.close()


def _drain(end: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        while end.poll(0):
            _, message = end.recv()
            if message is not None:
                transport.discard(message)


def context_of(choice: Any) -> Any:
    """A way to start processes: None is the system's default, text one of its names.

    Raises:
        ArgumentError: there is no such way here.
    """
    if choice is None or isinstance(choice, str):
        ways = multiprocessing.get_all_start_methods()
        if choice is not None and choice not in ways:
            raise ArgumentError(
                "multiprocessing_context option should specify a valid start method in "
                f"{ways!r}, but got multiprocessing_context={choice!r}"
            )
        return multiprocessing.get_context(choice)
    if not isinstance(choice, multiprocessing.context.BaseContext):
        raise ArgumentTypeError(
            "multiprocessing_context option should be a valid context object or a string "
            f"specifying the start method, but got multiprocessing_context={choice!r}"
        )
    return choice
