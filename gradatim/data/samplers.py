"""Samplers: in which order a data set is read.

Each draw is PyTorch's, from the same stream and at the same moment, so that a script and its
PyTorch twin read their data in the same order. A moment is either `iter(sampler)`'s first `next`,
or a later `next`: samplers are generators and draw nothing before they are asked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from gradatim.graph.dtypes import float64
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, ShapeError

Index = TypeVar("Index", covariant=True)


def draw_seed(generator: Any) -> int:
    """A number in 0 .. 2**63 - 1, two words of the generator: what `int64.random_()` draws."""
    return int(generator.full_range((), np.int64))


class Sampler(Generic[Index]):
    """A way through a data set: subclasses define `__iter__` over indices, and often `__len__`."""

    def __iter__(self) -> Iterator[Index]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(self)")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ...

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """A new random order each time.

    Args:
        data_source: what is to be read; only its length is used.
        replacement: draw each index anew, so that some come twice and some not at all.
        num_samples: how many indices; None is one for each item. Without replacement, more than
            there are items are taken from one permutation after another.
        generator: where draws come from. None: each pass draws one seed (two words) from the
            default stream, and the order from a stream of its own with that seed.

    Example:
        >>> import gradatim as gd
        >>> list(RandomSampler(range(5), generator=gd.Generator().manual_seed(0)))
        [4, 0, 1, 3, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise ArgumentTypeError(
                f"replacement should be a boolean value, but got replacement={replacement!r}"
            )
        if num_samples is None and len(data_source) == 0:
            raise ArgumentError(
                "num_samples should be a positive integer value, but got num_samples=0: the data "
                "set is empty, so there is nothing to shuffle"
            )
        if num_samples is not None:
            _check_count("num_samples", num_samples)

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        from gradatim.random import Generator, default_generator

        size = len(self.data_source)
        generator = self.generator
        if generator is None:
            generator = Generator()
            generator.manual_seed(draw_seed(default_generator))
        if self.replacement:
            # In blocks of 32, as they are needed: the words between belong to others.
            for _ in range(self.num_samples // 32):
                yield from generator.integers(0, size, (32,), np.int64).tolist()
            rest = self.num_samples % 32
            yield from generator.integers(0, size, (rest,), np.int64).tolist()
        else:
            for _ in range(self.num_samples // size):
                yield from generator.permutation(size).tolist()
            # The last, perhaps shortened, permutation is drawn even where nothing of it is used.
            yield from generator.permutation(size).tolist()[: self.num_samples % size]


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, one permutation from `generator` (or the default stream).

    Example:
        >>> import gradatim as gd
        >>> sorted(SubsetRandomSampler([3, 5, 8]))
        [3, 5, 8]
    """

    def __init__(self, indices: Sequence[int], generator: Any = None):
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        from gradatim.random import default_generator

        order = (self.generator or default_generator).permutation(len(self.indices))
        for position in order.tolist():
            yield self.indices[position]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn in proportion to their weights, for instance to balance rare classes.

    Args:
        weights: one number for each index, 0 or more; they need not sum to one.
        num_samples: how many to draw.
        replacement: whether an index may come twice.
        generator: where draws come from; None is the default stream.

    Example:
        >>> list(WeightedRandomSampler([0.0, 1.0], 3))
        [1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ):
        from gradatim import ops

        _check_count("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ArgumentError(
                f"replacement should be a boolean value, but got replacement={replacement!r}"
            )
        self.weights = ops.as_tensor(weights, dtype=float64)
        if self.weights.dim() != 1:
            raise ShapeError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        from gradatim.random import default_generator

        weights = np.array(self.weights, copy=True)[None]
        draw = (self.generator or default_generator).multinomial
        yield from draw(weights, self.num_samples, self.replacement)[0].tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler, in lists of `batch_size`; the last may be shorter.

    Args:
        sampler: anything to loop over.
        batch_size: how many indices in each list.
        drop_last: leave a shorter last list out.

    Example:
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        _check_count("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ArgumentError(
                f"drop_last should be a boolean value, but got drop_last={drop_last!r}"
            )
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full if self.drop_last or not rest else full + 1


def _check_count(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ArgumentError(
            f"{name} should be a positive integer value, but got {name}={value!r}: give 1 or more"
        )
