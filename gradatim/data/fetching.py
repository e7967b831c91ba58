"""Making one batch, in this process or in a worker."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gradatim.data.collate import default_collate

END = object()
"""Given instead of a batch where an iterable data set has ended."""


class Recipe(NamedTuple):
    """All that makes batches of a data set."""

    dataset: Any
    collate_fn: Callable[[Any], Any]
    is_stream: bool  # an iterable data set
    in_batches: bool
    batch_size: int | None  # of a stream
    drop_last: bool  # of a stream

    def start(self) -> Callable[[Any], Any]:
        """A function that makes a batch of the given indices (for a stream: the next one)."""
        if not self.is_stream:
            return self._fetch
        samples = iter(self.dataset)
        return lambda indices: self._read(samples)

    def _fetch(self, indices: Any) -> Any:
        """The batch of these indices (without batches: what the data set has at one index)."""
        dataset = self.dataset
        if not self.in_batches:
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
        """The next batch (or sample) of an iterable data set, or `END`."""
        if not self.in_batches:
            sample = next(samples, END)
            return sample if sample is END else self.collate_fn(sample)
        batch = list(itertools.islice(samples, self.batch_size))
        if not batch or (self.drop_last and len(batch) < (self.batch_size or 0)):
            return END
        return self.collate_fn(batch)


def realized(batch: Any) -> Any:
    """The batch, with every tensor in it computed."""
    from gradatim.tensor import Tensor

    if isinstance(batch, Tensor):
        batch.realize()
    elif isinstance(batch, Mapping):
        for value in batch.values():
            realized(value)
    elif isinstance(batch, list | tuple):
        for value in batch:
            realized(value)
    return batch
