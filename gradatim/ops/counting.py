"""What is there, and how often: results whose size depends on values, so that their inputs are
computed now."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.graph.dtypes import bfloat16, float16, float32, float64
from gradatim.graph.errors import ShapeError, UnsupportedDType
from gradatim.ops.arguments import need_tensors, wrap_dim
from gradatim.tensor import Tensor, from_array, method

Array = np.ndarray[Any, Any]


def _comparable(input: Tensor) -> Array:
    """The values, in a dtype that NumPy can sort."""
    values = input._value()
    return values.astype(np.float32) if input.dtype in (bfloat16, float16) else values


@method()
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of the elements that are not 0: (count, dimensions) int64, one row for each; with
    `as_tuple` one 1-d tensor for each dimension, fit to index with.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([[1, 0], [0, 2]]).nonzero()
        tensor([[0, 0],
                [1, 1]])
    """
    need_tensors("nonzero", input=input)
    values = input._value() != 0
    if as_tuple:
        return tuple(from_array(column) for column in np.nonzero(np.atleast_1d(values)))
    return from_array(np.argwhere(values))


@method()
def argwhere(input: Tensor) -> Tensor:
    """`nonzero` under its NumPy name."""
    return nonzero(input)


@method()
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2 ... occurs, int64; with weights the sum of the weights of each,
    float32 if they are, else float64.

    Args:
        input: 1-d integers, not negative.
        minlength: the least size of the result.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([0, 2, 2]).bincount()
        tensor([1, 0, 2])
    """
    if not input.dtype.is_integer:
        raise UnsupportedDType(
            f"bincount expects integers, got {input.dtype.name}: cast it with .long()"
        )
    if minlength < 0:
        raise ShapeError(f"minlength should be >= 0, got {minlength}")
    values = input._value()
    if values.ndim != 1 or (values.size and values.min() < 0):
        raise ShapeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return from_array(np.bincount(values.astype(np.int64), minlength=minlength))
    if weights.shape != input.shape:
        raise ShapeError(
            f"weights should be 1-d and have the same length as input, got shapes "
            f"{list(weights.shape)} and {list(input.shape)}"
        )
    sums = np.bincount(values.astype(np.int64), weights._value().astype(np.float64), minlength)
    return from_array(sums, float32 if weights.dtype is float32 else float64)


def _results(*results: Tensor | None) -> Any:
    found = tuple(result for result in results if result is not None)
    return found if len(found) > 1 else found[0]


@method()
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in ascending order (whatever `sorted` says), or slices along `dim` in
    lexicographic order.

    Returns:
        The elements; with `return_inverse` also where each input element is among them; with
        `return_counts` also how often each occurs.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([3, 1, 3]).unique(return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    axis = None if dim is None else wrap_dim(dim, input.ndim)
    values = _comparable(input)
    found, inverse, counts = np.unique(
        values, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    inverse = inverse.reshape(values.shape if axis is None else -1)
    return _results(
        from_array(found, input.dtype),
        from_array(inverse.astype(np.int64)) if return_inverse else None,
        from_array(counts.astype(np.int64)) if return_counts else None,
    )


@method()
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements (or slices along `dim`) without those that equal the one before them.

    Returns:
        As `unique`.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([1, 1, 2, 1]).unique_consecutive()
        tensor([1, 2, 1])
    """
    values = input._value()
    axis = 0 if dim is None else wrap_dim(dim, input.ndim)
    lines = values.reshape(-1) if dim is None else np.moveaxis(values, axis, 0)
    count = lines.shape[0]
    is_first = np.ones(count, bool)
    differs = lines[1:] != lines[:-1]
    is_first[1:] = differs if lines.ndim == 1 else differs.any(axis=tuple(range(1, lines.ndim)))
    starts = np.flatnonzero(is_first)
    inverse = None
    if return_inverse:
        inverse = (np.cumsum(is_first) - 1).reshape(values.shape if dim is None else -1)
    return _results(
        from_array(np.moveaxis(lines[starts], 0, axis), input.dtype),
        None if inverse is None else from_array(inverse.astype(np.int64)),
        from_array(np.diff(starts, append=count).astype(np.int64)) if return_counts else None,
    )
