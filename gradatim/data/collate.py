"""From a list of samples to a batch of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradatim.graph.dtypes import float64
from gradatim.graph.errors import (
    ArgumentTypeError,
    DataError,
    IndexOutOfRange,
    MissingKey,
    ShapeError,
)


def default_collate(batch: Sequence[Any]) -> Any:
    """Join samples of one structure into one sample of that structure, with the batch in front.

    Tensors and arrays of shape (...) become a tensor (N, ...); ints an int64 tensor (N,), floats a
    float64 tensor, bools a bool tensor; text stays text; dicts, lists, tuples and named tuples
    are joined entry by entry (a tuple gives a list, as in PyTorch).

    Raises:
        ArgumentTypeError: for a sample of any other type, such as None.
        ShapeError: if samples differ in shape or length.

    Example:
        >>> default_collate([(1, 0.5), (2, 1.5)])
        [tensor([1, 2]), tensor([0.5000, 1.5000], dtype=torch.float64)]
    """
    from gradatim import ops
    from gradatim.tensor import Tensor

    if not len(batch):  # (an array has no truth of its own)
        raise IndexOutOfRange("default_collate got an empty batch: expected one sample or more")
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack(batch)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "USO":
            raise _cannot_collate(first.dtype)
        _check_shapes(batch)
        return ops.tensor(np.stack(batch))
    if isinstance(first, np.bool_ | np.number):
        return ops.tensor(np.array(batch))
    if isinstance(first, float):
        return ops.tensor(batch, dtype=float64)
    if isinstance(first, int):
        return ops.tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        for sample in batch:
            if lacking := [key for key in first if key not in sample]:
                raise MissingKey(
                    f"a sample lacks {lacking[0]!r}, which the first of its batch has: samples "
                    f"have the keys {list(first)} and {list(sample)}; make them equal, or give a "
                    f"collate_fn"
                )
        joined = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return _like(first, joined)
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            lengths = sorted({len(sample) for sample in batch})
            raise ShapeError(
                "each element in list of batch should be of equal size, but samples have "
                f"{' and '.join(map(str, lengths))} entries: make them equal, or give a collate_fn"
            )
        joined = [default_collate(entries) for entries in zip(*batch)]
        if hasattr(first, "_fields"):
            return type(first)(*joined)
        return joined if isinstance(first, tuple) else _like(first, joined)
    raise _cannot_collate(type(first))


def default_convert(data: Any) -> Any:
    """A sample with its arrays as tensors: what a DataLoader does with `batch_size=None`.

    Example:
        >>> default_convert({"x": np.array([1, 2]), "name": "a"})
        {'x': tensor([1, 2]), 'name': 'a'}
    """
    from gradatim import ops

    if isinstance(data, np.ndarray):
        return data if data.dtype.kind in "USO" else ops.as_tensor(data)
    if isinstance(data, np.bool_ | np.number):
        return ops.as_tensor(data)
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        converted = [default_convert(value) for value in data]
        if hasattr(data, "_fields"):
            return type(data)(*converted)
        return converted if isinstance(data, tuple) else _like(data, converted)
    return data


def _stack(samples: Sequence[Any]) -> Any:
    from gradatim import ops

    _check_shapes(samples)
    dtype = samples[0].dtype
    if any(sample.requires_grad or sample.dtype is not dtype for sample in samples):
        return ops.stack(samples)
    # Many small values: NumPy joins them in half the time of a Program with as many inputs.
    return ops.tensor(np.stack([np.array(sample, copy=True) for sample in samples]))


def _check_shapes(samples: Sequence[Any]) -> None:
    first = tuple(samples[0].shape)
    for position, sample in enumerate(samples):
        if tuple(sample.shape) != first:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(sample.shape)} at entry {position}: make them equal, or give a collate_fn"
            )


def _like(example: Any, joined: Any) -> Any:
    """`joined` (a dict or a list) as the container type of the samples, where that can be."""
    if type(example) in (dict, list):
        return joined
    try:
        return type(example)(joined)
    except TypeError:
        return joined


def _cannot_collate(found: Any) -> DataError | ArgumentTypeError:
    return ArgumentTypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{found}; return one of those from the data set, or give the DataLoader a collate_fn"
    )
