"""Data as training takes it: arrays, a `Dataset` or a `DataLoader`, turned into batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.data import DataLoader, Dataset, TensorDataset
from gradatim.graph.dtypes import get_default_dtype
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from gradatim.random import Generator
from gradatim.tensor import Tensor

EVALUATION_BATCH = 1000
"""Rows at a time where no gradient is wanted. The result does not depend on it."""


def as_loader(data: Any, batch_size: int, shuffle: bool) -> DataLoader:
    """Training data as a loader. A DataLoader stays itself."""
    if isinstance(data, DataLoader):
        return data
    check_at_least_one("batch_size", batch_size)
    dataset = as_dataset(data)
    if len(dataset) == 0:
        raise DataError("there are no rows to train on: the data set is empty")
    return DataLoader(dataset, batch_size=min(batch_size, len(dataset)), shuffle=shuffle)


def evaluation_batches(data: Any, batch_size: int = EVALUATION_BATCH) -> Iterator[tuple]:
    """`(inputs, targets)` batches in order, drawing nothing from the default random stream."""
    if isinstance(data, DataLoader):
        yield from data
        return
    dataset = as_dataset(data)
    if len(dataset) == 0:
        raise DataError("there are no rows to evaluate on: the data set is empty")
    yield from DataLoader(dataset, batch_size=batch_size, generator=Generator())


def as_dataset(data: Any) -> Dataset:
    """A Dataset of `(inputs, targets)` pairs."""
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ArgumentTypeError(
            f"training data is a {type(data).__name__}: expected (inputs, targets), "
            "a Dataset, or a DataLoader"
        )
    inputs, targets = (as_tensor(part) for part in data)
    if len(inputs) != len(targets):
        raise ShapeError(
            f"there are {len(inputs):,} rows of inputs and {len(targets):,} of targets: "
            "each row needs its target"
        )
    return TensorDataset(inputs, targets)


def as_tensor(values: Any) -> Tensor:
    """A tensor of the numbers given. NumPy's float64, its default, becomes our default dtype."""
    if isinstance(values, Tensor):
        return values
    array = np.asarray(values)
    if array.dtype == np.float64:
        return ops.tensor(array, dtype=get_default_dtype())
    return ops.tensor(array)


def check_at_least_one(name: str, value: int) -> None:
    """Raise for a count that is not a whole number from 1 up."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ArgumentError(f"{name} is {value!r}: it has to be a whole number, at least 1")


def count_batches(loader: DataLoader) -> int:
    """How many batches an epoch has; 0 where nobody knows (a stream without a length)."""
    try:
        return len(loader)
    except TypeError:
        return 0
