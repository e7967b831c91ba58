"""DataLoader: a data set in batches. Interface, order and random draws are PyTorch's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from gradatim.data.collate import default_collate, default_convert
from gradatim.data.dataset import IterableDataset
from gradatim.data.fetching import END, Recipe, realized
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
        num_workers: how many processes make batches, ahead of time, with random streams of their
            own, seeded as PyTorch seeds them. 0 makes each batch in this process when it is asked
            for, and reads from the default random stream as the data set and its transforms ask.
        collate_fn: makes a batch from a list of samples; `default_collate` unless given.
        drop_last: leave out a last batch that is not full.
        worker_init_fn: called with each worker's number, in its random stream.
        generator: where the order and the base seed are drawn from; None is the default stream.
        timeout: seconds to wait for a worker's batch before giving up; 0 waits for ever.
        multiprocessing_context: how workers are started: "fork", "spawn", "forkserver", a context
            of `multiprocessing`, or None for the system's default.
        prefetch_factor: how many batches of each worker are made ahead; 2 unless given.
        persistent_workers: keep the workers for the next epoch.
        in_order: hand batches out in order, or with False as they come.
        pin_memory, pin_memory_device: accepted, and without effect.

    With an `IterableDataset` each worker reads a copy of the whole: share it out with
    `get_worker_info`. An error in a worker comes out here as an error of the same type, with the
    worker's traceback.

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
        _check_workers(num_workers, prefetch_factor, timeout, persistent_workers)
        if multiprocessing_context is not None:
            _check_context(multiprocessing_context, num_workers)
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
        self._workers: Any = None  # that are kept for the next epoch
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
        """Begins an epoch. Draws a base seed, even where nothing else will be drawn; workers that
        are kept have theirs already.
        """
        from gradatim.random import default_generator

        if self._workers is not None and self._workers.is_running():
            return self._workers.epoch(self._every_index())
        seed = draw_seed(self.generator or default_generator)
        if self.num_workers == 0:
            return self._at_once()
        from gradatim.data.workers import Workers

        workers = Workers(self._recipe(), self, seed, default_generator.stream)
        self._workers = workers if self.persistent_workers else None
        return workers.epoch(self._every_index())

    def _recipe(self) -> Recipe:
        in_batches = self.batch_size is not None or self.batch_sampler is not None
        return Recipe(
            self.dataset,
            self.collate_fn,
            self._is_stream,
            in_batches,
            self.batch_size,
            self.drop_last,
        )

    def _every_index(self) -> Iterator[Any]:
        """The indices of one batch after another; going on to the next draws them."""
        return itertools.repeat(None) if self._is_stream else iter(self._indices())

    def _indices(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _at_once(self) -> Iterator[Any]:
        make = self._recipe().start()
        return self._one_by_one(make, self._every_index())

    def _one_by_one(self, make: Callable[[Any], Any], all_indices: Iterator[Any]) -> Iterator[Any]:
        for indices in all_indices:
            batch = make(indices)
            if batch is END:
                return
            yield realized(batch)


# --- checks --------------------------------------------------------------------------------------


def _check_batch_size(batch_size: Any) -> None:
    if batch_size is not None:
        BatchSampler((), batch_size, False)


def _check_context(context: Any, num_workers: int) -> None:
    from gradatim.data.workers import context_of

    if num_workers == 0:
        raise ArgumentError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > "
            f"0), but got num_workers={num_workers}"
        )
    context_of(context)


def _check_workers(
    num_workers: Any, prefetch_factor: int | None, timeout: float, persistent_workers: bool
) -> None:
    if not isinstance(num_workers, int) or num_workers < 0:
        raise ArgumentError(
            f"num_workers option should be non-negative, but got num_workers={num_workers!r}; use "
            "num_workers=0 for no workers"
        )
    if timeout < 0:
        raise ArgumentError(f"timeout option should be non-negative, but got timeout={timeout}")
    if persistent_workers and num_workers == 0:
        raise ArgumentError(
            "persistent_workers option needs num_workers > 0: set num_workers to 1 or more, or "
            "leave persistent_workers out"
        )
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
