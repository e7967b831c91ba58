"""Data sets: something with a length and `[i]`, or something to loop over. Names are PyTorch's."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from gradatim.graph.errors import (
    ArgumentError,
    ArgumentTypeError,
    AssertedError,
    IndexOutOfRange,
    ShapeError,
    WrongKind,
)

Item = TypeVar("Item", covariant=True)


class Dataset(Generic[Item]):
    """A data set of items by number: subclasses define `__getitem__`, and `__len__`.

    Example:
        >>> class Squares(Dataset):
        ...     def __len__(self):
        ...         return 4
        ...
        ...     def __getitem__(self, index):
        ...         return index, index**2
        >>> Squares()[3], len(Squares() + Squares())
        ((3, 9), 8)
    """

    def __getitem__(self, index: Any) -> Item:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index)")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])

    def _collated(self, indices: list[int]) -> Any | None:
        """`default_collate([self[i] for i in indices])` made at once, or None if that cannot be."""
        return None


class IterableDataset(Dataset[Item]):
    """A data set to loop over, such as a stream: subclasses define `__iter__`.

    Example:
        >>> class Countdown(IterableDataset):
        ...     def __iter__(self):
        ...         return iter([3, 2, 1])
        >>> list(Countdown() + Countdown())
        [3, 2, 1, 3, 2, 1]
    """

    def __iter__(self) -> Iterator[Item]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(self)")

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Any, ...]]):
    """Tensors side by side: item i is the tuple of every tensor's i-th row.

    Args:
        tensors: each of shape (N, ...), with the same N.

    Raises:
        ShapeError: if the tensors differ in N.
        ArgumentTypeError: if something is not a tensor.

    Example:
        >>> import gradatim as gd
        >>> data = TensorDataset(gd.tensor([[1.0, 2.0], [3.0, 4.0]]), gd.tensor([0, 1]))
        >>> data[1]
        (tensor([3., 4.]), tensor(1))
    """

    def __init__(self, *tensors: Any):
        from gradatim.tensor import Tensor

        for position, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise WrongKind(
                    f"TensorDataset takes tensors, got {type(tensor).__name__} as argument "
                    f"{position + 1}: convert it with gd.tensor(...) or gd.from_numpy(...)"
                )
            if tensor.dim() == 0:
                raise ShapeError(
                    f"TensorDataset takes tensors of shape (N, ...), got a number (0 dimensions) "
                    f"as argument {position + 1}"
                )
        if len({len(tensor) for tensor in tensors}) > 1:
            shapes = " and ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise AssertedError(
                f"Size mismatch between tensors: TensorDataset got shapes {shapes}; expected the "
                "same first size in all"
            )
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def _collated(self, indices: list[int]) -> list[Any] | None:
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return None  # a subclass says itself what an item is
        return [_rows(tensor, indices) for tensor in self.tensors]


def _rows(tensor: Any, indices: list[int]) -> Any:
    """`tensor[indices]`, faster where the indices are a run, as they are without shuffling."""
    if indices:
        start, stop = indices[0], indices[-1] + 1
        if 0 <= start < stop <= len(tensor) and indices == list(range(start, stop)):
            return tensor[start:stop].clone()
    return tensor[np.array(indices, np.int64)]


class Subset(Dataset[Item]):
    """The items of `dataset` at `indices`, in that order.

    Example:
        >>> list(Subset("abcdef", [4, 0, 2]))
        ['e', 'a', 'c']
    """

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def _collated(self, indices: list[int]) -> Any | None:
        if type(self).__getitem__ is not Subset.__getitem__:
            return None
        collated = getattr(self.dataset, "_collated", None)
        return collated and collated([self.indices[i] for i in indices])


class ConcatDataset(Dataset[Item]):
    """Several data sets in a row.

    Raises:
        ArgumentError: if there are none.
        ArgumentTypeError: if one has no length (an `IterableDataset`).

    Example:
        >>> both = ConcatDataset(["abc", "de"])
        >>> len(both), both[3], both[-1]
        (5, 'd', 'e')
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertedError("datasets should not be an empty iterable: give at least one")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise ArgumentTypeError(
                "ConcatDataset does not support IterableDataset, which has no length: use "
                "ChainDataset"
            )
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            error = IndexOutOfRange if index >= 0 else ArgumentError  # as in PyTorch
            raise error(f"index {index} is out of range for a ConcatDataset of {len(self)} items")
        which = bisect.bisect_right(self.cumulative_sizes, position)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][position - before]


class ChainDataset(IterableDataset[Item]):
    """Several iterable data sets, one after another."""

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = datasets

    def __iter__(self) -> Iterator[Item]:
        for dataset in self.datasets:
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Any = None
) -> list[Subset[Any]]:
    """Split a data set at random into parts that do not overlap.

    Args:
        dataset: anything with a length and `[i]`.
        lengths: how many items each part gets; or fractions that sum to 1, each rounded down, with
            what is left given out one by one from the first part on.
        generator: where the one permutation is drawn from; None is the default stream.

    Raises:
        ArgumentError: if the lengths do not sum to the size of the data set.

    Example:
        >>> import gradatim as gd
        >>> train, test = random_split(range(10), [0.8, 0.2], gd.Generator().manual_seed(0))
        >>> len(train), list(test)
        (8, [6, 2])
    """
    from gradatim.random import default_generator

    size = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _from_fractions(lengths, size)
    if sum(lengths) != size:
        raise ArgumentError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"lengths={list(lengths)} sum to {sum(lengths)}, the data set has {size} items; give "
            "whole numbers that sum to that, or fractions that sum to 1"
        )
    order = (generator or default_generator).permutation(size).tolist()
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - length : end]) for end, length in zip(ends, lengths)]


def _from_fractions(fractions: Sequence[float], size: int) -> list[int]:
    for position, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ArgumentError(f"Fraction at index {position} is not between 0 and 1: {fraction}")
    lengths = [math.floor(size * fraction) for fraction in fractions]
    for extra in range(size - sum(lengths)):
        lengths[extra % len(lengths)] += 1
    for position, length in enumerate(lengths):
        if length == 0:
            warnings.warn(
                f"Length of split at index {position} is 0: that part is empty", stacklevel=3
            )
    return lengths
