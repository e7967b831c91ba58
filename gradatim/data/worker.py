"""What runs in a worker process of a `DataLoader`: batches are made, and sent back.

A worker has random streams of its own: Gradatim's and Python's are seeded with the base seed plus
the worker's number, NumPy's with a hash of both, all as in PyTorch.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from gradatim.data import transport
from gradatim.data.fetching import END, Recipe, realized

LOOK_AROUND = 2.0
"""Seconds between looks whether the main process still lives."""


@dataclass
class WorkerInfo:
    """What a worker knows of itself.

    Attributes:
        id: its number, 0 to num_workers - 1.
        num_workers: how many there are.
        seed: what its random streams were seeded with.
        dataset: its copy of the data set.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process, which one it is; in the main process None.

    An `IterableDataset` asks it for its share of the data, as each worker has a copy of the whole.

    Example:
        >>> get_worker_info() is None
        True
    """
    return _info


@dataclass
class Failure:
    """An error in a worker, as text and type; the error itself might not survive the journey."""

    type: type[BaseException] | None
    where: str
    trace: str

    @classmethod
    def of(cls, error: BaseException, worker: int) -> Failure:
        kind: type[BaseException] | None = type(error)
        if getattr(kind, "__qualname__", "").count("<locals>"):
            kind = None  # cannot be found by name in another process
        return cls(kind, f"in DataLoader worker process {worker}", traceback.format_exc())

    def reraise(self) -> None:
        """Raise an error of the same type, with the worker's traceback in its text."""
        kind = self.type or RuntimeError
        name = kind.__name__
        text = f"Caught {name} {self.where}.\nOriginal {self.trace}"
        if issubclass(kind, KeyError):
            text = _Text(text)
        try:
            error = kind(text)
        except Exception:  # it takes other arguments
            error = RuntimeError(text)
        raise error from None


class _Text(str):
    """Text that a KeyError shows as it is, with its lines."""

    def __repr__(self) -> str:
        return str(self)


def numpy_seed(base_seed: int, worker: int) -> np.ndarray:
    """The seed of NumPy's old stream in a worker: four words."""
    entropy = [worker, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(entropy).generate_state(4)


def run(
    recipe: Recipe,
    worker: int,
    num_workers: int,
    base_seed: int,
    init_fn: Callable[[int], None] | None,
    stream: str,
    own_end: Connection,
    other_ends: list[Connection],
) -> None:
    """The life of a worker.

    Args:
        own_end: gives (number, indices); takes (number, message). Indices of None are for a stream;
            a number of None asks for a new epoch, and None alone to stop.
        other_ends: what it inherited and must not hold open.
    """
    global _info
    from gradatim.engines import set_num_threads
    from gradatim.random import manual_seed

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which stops us
    parent = os.getppid()
    for end in other_ends:
        end.close()
    set_num_threads(1)
    seed = base_seed + worker
    random.seed(seed)
    manual_seed(seed, stream=stream)
    np.random.seed(numpy_seed(base_seed, worker))
    _info = WorkerInfo(worker, num_workers, seed, recipe.dataset)

    failure, fetch = None, None
    try:
        if init_fn is not None:
            init_fn(worker)
        fetch = recipe.start()
    except Exception as error:
        failure = Failure.of(error, worker)

    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            while not own_end.poll(LOOK_AROUND):
                if os.getppid() != parent:
                    return
            job = own_end.recv()
            if job is None:
                return
            number, indices = job
            if number is None:
                fetch, failure = _started(recipe, worker)
                continue
            if failure is not None:
                answer, failure = failure, None
            else:
                answer = _made(fetch, indices, worker)
            ended = answer is END
            own_end.send((number, None if ended else _packed(answer, worker)))


def _started(recipe: Recipe, worker: int) -> tuple[Any, Failure | None]:
    try:
        return recipe.start(), None
    except Exception as error:
        return None, Failure.of(error, worker)


def _made(fetch: Any, indices: Any, worker: int) -> Any:
    try:
        return realized(fetch(indices))
    except Exception as error:
        return Failure.of(error, worker)


def _packed(answer: Any, worker: int) -> transport.Message:
    try:
        return transport.pack(answer)
    except Exception as error:  # a batch that cannot be sent, or an error that cannot
        if isinstance(answer, Failure):
            return transport.pack(Failure(None, answer.where, answer.trace))
        return transport.pack(Failure.of(error, worker))
