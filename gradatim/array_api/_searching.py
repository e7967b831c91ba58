"""Places and order: indexing by arrays, searching, sorting, sets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gradatim import ops
from gradatim.array_api._array import axes_of, function, need_array
from gradatim.array_api._dtypes import same_dtype
from gradatim.graph import dtypes
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradatim.tensor import Tensor, from_array

__all__ = [
    "argmax", "argmin", "argsort", "count_nonzero", "nonzero", "searchsorted", "sort", "take",
    "take_along_axis", "unique_all", "unique_counts", "unique_inverse", "unique_values", "where",
]  # fmt: skip


def _places(indices: Tensor) -> Tensor:
    if not need_array(indices, "take").dtype.is_integer:
        raise ArgumentTypeError(f"indices must be integers, got {indices.dtype.name}")
    found: Tensor = indices.long()
    return found


@function
def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The slices of a dimension at the places in `indices` (1-d; -1 is the last).

    Raises:
        ArgumentError: without `axis`, for an array of several dimensions.
    """
    if axis is None:
        if x.ndim != 1:
            raise ArgumentError(f"take() needs axis for an array of {x.ndim} dimensions")
        axis = 0
    (k,) = axes_of(axis, x.ndim)
    key = (*(slice(None),) * k, _places(indices))
    found: Tensor = Tensor.__getitem__(x, key)  # type: ignore[attr-defined]
    return found


@function
def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """For each element of `indices` the element at that place of a dimension, with its own
    coordinates else."""
    (k,) = axes_of(axis, x.ndim)
    return ops.take_along_dim(x, _places(indices), k)


# --- searching -----------------------------------------------------------------------------------


def _extreme(x: Tensor, axis: int | None, keepdims: bool, largest: bool) -> Tensor:
    find = ops.argmax if largest else ops.argmin
    if axis is None:
        found: Tensor = find(x.reshape(-1), 0)
        return found.reshape((1,) * x.ndim) if keepdims else found
    (k,) = axes_of(axis, x.ndim)
    return find(x, k, keepdims)


@function
def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the largest element along a dimension (of all, for None) is; the first of several."""
    return _extreme(x, axis, keepdims, True)


@function
def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the smallest element along a dimension (of all, for None) is; the first of several."""
    return _extreme(x, axis, keepdims, False)


@function
def count_nonzero(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """How many elements along dimensions are not 0."""
    axes = axes_of(axis, x.ndim)
    mask: Tensor = ops.ne(x, 0) if x.dtype is not dtypes.bool_ else x
    counted: Tensor = mask.long()
    return ops.sum(counted, axes, keepdim=keepdims) if axes else counted


@function
def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The places of the elements that are not 0: one array for each dimension.

    Raises:
        ArgumentError: for an array of no dimensions.
    """
    if x.ndim == 0:
        raise ArgumentError("nonzero() is not defined for 0-d arrays")
    found: tuple[Tensor, ...] = ops.nonzero(x, as_tuple=True)
    return found


@function
def searchsorted(
    x1: Tensor, x2: Any, /, *, side: str = "left", sorter: Tensor | None = None
) -> Tensor:
    """For each of `x2` the place in ascending `x1` where it would go: before equal elements, or,
    with `side="right"`, behind them."""
    if x1.ndim != 1:
        raise ShapeError(f"searchsorted() expects x1 of one dimension, got {x1.ndim}")
    if side not in ("left", "right"):
        raise ArgumentError(f"side must be 'left' or 'right', got {side!r}")
    a, b = same_dtype(x1, x2)
    places = None if sorter is None else sorter.long()
    return ops.searchsorted(a, b, side=side, sorter=places)


@function
def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """`x1` where the condition holds, else `x2`; their dtypes promote."""
    return ops.where(condition, *same_dtype(x1, x2))


# --- sorting -------------------------------------------------------------------------------------


@function
def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements along a dimension in order."""
    axes_of(axis, x.ndim)
    found: Tensor = ops.sort(x, axis, descending)[0]
    return found


@function
def argsort(
    x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """The places of the elements along a dimension in the order that sorts them; equal ones keep
    theirs."""
    axes_of(axis, x.ndim)
    return ops.argsort(x, axis, descending)


# --- sets ----------------------------------------------------------------------------------------


class UniqueAll(NamedTuple):
    """`values`, where each stands first, which of them each element is, how often each occurs."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """`values`, and how often each occurs."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """`values`, and which of them each element is."""

    values: Tensor
    inverse_indices: Tensor


def _unique(x: Tensor) -> UniqueAll:
    values = need_array(x, "unique_all")._value()
    found, first, inverse, counts = np.unique(
        values, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    return UniqueAll(
        from_array(found, x.dtype), from_array(first.astype(np.int64)),
        from_array(inverse.reshape(values.shape).astype(np.int64)),
        from_array(counts.astype(np.int64)),
    )  # fmt: skip


@function
def unique_all(x: Tensor, /) -> UniqueAll:
    """The different elements in ascending order (each NaN is one), with all that goes with them."""
    return _unique(x)


@function
def unique_counts(x: Tensor, /) -> UniqueCounts:
    """The different elements in ascending order, and how often each occurs."""
    found = _unique(x)
    return UniqueCounts(found.values, found.counts)


@function
def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """The different elements in ascending order, and which of them each element is."""
    found = _unique(x)
    return UniqueInverse(found.values, found.inverse_indices)


@function
def unique_values(x: Tensor, /) -> Tensor:
    """The different elements in ascending order."""
    return _unique(x).values
