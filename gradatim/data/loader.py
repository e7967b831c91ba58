"""DataLoader: a data set in batches. Interface, order and random draws are PyTorch's."""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from gradatim.data.collate import default_collate, default_convert
from gradatim.data.dataset import IterableDataset
from gradatim.data.samplers import BatchSampler, RandomSampler, SequentialSampler, draw_seed
from gradatim.graph.errors import ArgumentError, ArgumentTypeError

# What determines the batches: set in __init__ and then fixed.
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset")


class DataLoader:
    """Goes through a data set in batches; each `iter()` is one epoch.

    Args:
        dataset: a `Dataset`, or anything with a length and `[i]`; or an `IterableDataset`.
        batch_size: samples in a batch. More than there are gives one batch. None: no batches; each
            sample (or what a sampler's index gives) is handed out by itself.
        shuffle: a new random order each epoch.
        sampler: the order in which to read; any iterable of indices.
        batch_sampler: the batches; any iterable of lists of indices.
        num_workers: 0 reads from the default random stream as the data set and its transforms ask.
            With W > 0, batch i is made from the random stream of worker i % W, each seeded as
            PyTorch seeds that worker; the default stream is left alone. All of it happens in this
            process and at the call: no other process or thread runs the data set.
        collate_fn: makes a batch from a list of samples; `default_collate` unless given.
        drop_last: leave out a last batch that is not full.
        worker_init_fn: called with each worker's number, in its random stream.
        generator: where the order and the base seed are drawn from; None is the default stream.
        prefetch_factor: with workers, how many batches' indices to draw ahead for each; 2 unless
            given.
        pin_memory, timeout, multiprocessing_context, persistent_workers, pin_memory_device,
        in_order: accepted, and without effect.

    The values of a batch are computed when it is handed out.

    Raises:
        ArgumentError: for values out of range, and options that exclude each other.

    Example:
        >>> import gradatim as gd
        >>> data = gd.data.TensorDataset(gd.arange(5.0), gd.arange(5))
        >>> for x, y in DataLoader(data, batch_size=2):
        ...     print(x, y)
        tensor([0., 1.]) tensor([0, 1])
        tensor([2., 3.]) tensor([2, 3])
        tensor([4.]) tensor([4])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        _check_workers(num_workers, prefetch_factor, timeout)
        _check_generator(generator)
        is_stream = isinstance(dataset, IterableDataset)
        if is_stream:
            _check_stream(shuffle, sampler, batch_sampler)
        _check_exclusive(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        elif is_stream:
            _check_batch_size(batch_size)
        else:
            if sampler is None and shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            elif sampler is None:
                sampler = SequentialSampler(dataset)
            if batch_size is not None:
                batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        in_batches = batch_size is not None or batch_sampler is not None

        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.drop_last = drop_last
        self.num_workers = num_workers
        self.prefetch_factor = (prefetch_factor or 2) if num_workers else None
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.collate_fn = collate_fn or (default_collate if in_batches else default_convert)
        self.pin_memory = pin_memory
        self.timeout = timeout
        self.multiprocessing_context = multiprocessing_context
        self.persistent_workers = persistent_workers
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        self._is_stream = is_stream
        self._fixed = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and getattr(self, "_fixed", False):
            raise ArgumentError(
                f"{name} attribute should not be set after DataLoader is initialized: make a new "
                "DataLoader instead"
            )
        super().__setattr__(name, value)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        if not self._is_stream:
            return len(self._indices())
        length = len(self.dataset)
        if self.batch_size is None:
            return length
        full, rest = divmod(length, self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __iter__(self) -> Iterator[Any]:
        """Begins an epoch. Draws a base seed, even where nothing else will be drawn."""
        from gradatim.random import default_generator

        seed = draw_seed(self.generator or default_generator)
        jobs = self._jobs()
        return self._in_workers(jobs, seed) if self.num_workers else self._at_once(jobs)

    def _indices(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _jobs(self) -> Iterator[Callable[[], Any]]:
        """Functions that make one batch each. Going on to the next draws its indices."""
        if self._is_stream:
            return itertools.repeat(partial(self._read, iter(self.dataset)))
        return (partial(self._fetch, indices) for indices in self._indices())

    def _fetch(self, indices: Any) -> Any:
        """The batch of these indices (without batches: what the data set has at one index)."""
        dataset = self.dataset
        if self.batch_sampler is None:
            return self.collate_fn(dataset[indices])
        if self.collate_fn is default_collate:
            collated = getattr(dataset, "_collated", None)
            batch = collated and collated(indices)
            if batch is not None:
                return batch
        fetch_all = getattr(dataset, "__getitems__", None)
        return self.collate_fn(
            fetch_all(indices) if fetch_all else [dataset[index] for index in indices]
        )

    def _read(self, samples: Iterator[Any]) -> Any:
        """The next batch (or sample) of an iterable data set, or `_END`."""
        if self.batch_size is None:
            sample = next(samples, _END)
            return sample if sample is _END else self.collate_fn(sample)
        batch = list(itertools.islice(samples, self.batch_size))
        if not batch or (self.drop_last and len(batch) < self.batch_size):
            return _END
        return self.collate_fn(batch)

    def _at_once(self, jobs: Iterator[Callable[[], Any]]) -> Iterator[Any]:
        for make in jobs:
            batch = make()
            if batch is _END:
                return
            yield _realized(batch)

    def _in_workers(self, jobs: Iterator[Callable[[], Any]], seed: int) -> Iterator[Any]:
        streams = _WorkerStreams(seed, self.num_workers)
        if self.worker_init_fn is not None:
            for worker in range(self.num_workers):
                with streams.of(worker):
                    self.worker_init_fn(worker)
        ahead = deque(itertools.islice(jobs, self.prefetch_factor * self.num_workers))
        return self._one_by_one(ahead, jobs, streams)

    def _one_by_one(
        self, ahead: deque[Callable[[], Any]], jobs: Iterator[Callable[[], Any]], streams: Any
    ) -> Iterator[Any]:
        for worker in itertools.cycle(range(self.num_workers)):
            if not ahead:
                return
            with streams.of(worker):
                batch = ahead.popleft()()
                if batch is _END:
                    return
                _realized(batch)
            ahead.extend(itertools.islice(jobs, 1))
            yield batch


# Handed out by `_read` where an iterable data set ends.
_END = object()


class _WorkerStreams:
    """The random streams of workers, one at a time in the place of the default stream."""

    def __init__(self, seed: int, count: int):
        from gradatim.random import Generator, default_generator

        kind = default_generator.stream
        self._states = [
            Generator(stream=kind).manual_seed(seed + worker).state_bytes()
            for worker in range(count)
        ]

    @contextlib.contextmanager
    def of(self, worker: int) -> Iterator[None]:
        from gradatim.random import default_generator, fork_rng

        with fork_rng():
            default_generator.load_state_bytes(self._states[worker])
            yield
            self._states[worker] = default_generator.state_bytes()


def _realized(batch: Any) -> Any:
    """The batch, with every tensor in it computed."""
    from gradatim.tensor import Tensor

    if isinstance(batch, Tensor):
        batch.realize()
    elif isinstance(batch, Mapping):
        for value in batch.values():
            _realized(value)
    elif isinstance(batch, list | tuple):
        for value in batch:
            _realized(value)
    return batch


# --- checks --------------------------------------------------------------------------------------


def _check_batch_size(batch_size: Any) -> None:
    if batch_size is not None:
        BatchSampler((), batch_size, False)


def _check_workers(num_workers: Any, prefetch_factor: int | None, timeout: float) -> None:
    if not isinstance(num_workers, int) or num_workers < 0:
        raise ArgumentError(
            f"num_workers option should be non-negative, but got num_workers={num_workers!r}; use "
            "num_workers=0 for no workers"
        )
    if timeout < 0:
        raise ArgumentError(f"timeout option should be non-negative, but got timeout={timeout}")
    if prefetch_factor is not None and num_workers == 0:
        raise ArgumentError(
            f"prefetch_factor={prefetch_factor} option could only be specified with workers: set "
            "num_workers to 1 or more, or leave prefetch_factor out"
        )
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ArgumentError(
            f"prefetch_factor option should be positive, but got prefetch_factor={prefetch_factor}"
        )


def _check_generator(generator: Any) -> None:
    from gradatim.random import Generator

    if generator is not None and not isinstance(generator, Generator):
        raise ArgumentTypeError(
            f"generator should be a gradatim.Generator, but got {type(generator).__name__}: make "
            "one with gd.Generator().manual_seed(0)"
        )


def _check_stream(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    # shuffle=False is accepted, as in PyTorch.
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value!r}; the data set itself decides the order"
            )


def _check_exclusive(
    batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if sampler is not None and shuffle:
        raise ArgumentError(
            "sampler option is mutually exclusive with shuffle: the sampler decides the order, so "
            "leave one of them out"
        )
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler or drop_last):
        raise ArgumentError(
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
            "drop_last: it decides all of them"
        )
    if batch_size is None and drop_last:
        raise ArgumentError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )
