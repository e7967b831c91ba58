"""Reductions and running totals."""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.array_api._array import axes_of, function, need_array
from gradatim.array_api._dtypes import common_dtype, to_dtype
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, as_dtype
from gradatim.graph.errors import ArgumentError, ArgumentTypeError
from gradatim.tensor import Tensor, wrap

__all__ = [
    "all", "any", "cumulative_prod", "cumulative_sum", "diff", "max", "mean", "min", "prod", "std",
    "sum", "var",
]  # fmt: skip


def _total_dtype(x: Tensor, dtype: Any) -> DType:
    """The dtype of a sum: what is asked for; else that of floats, and of integers the largest."""
    if dtype is not None:
        return as_dtype(dtype)
    if x.dtype.is_floating_point:
        return x.dtype
    unsigned = x.dtype.is_integer and not x.dtype.is_signed
    return dtypes.uint64 if unsigned else dtypes.int64


def _reduced(x: Tensor, axis: Any, keepdims: bool, reduce: Any) -> Tensor:
    node = x._read()
    axes = axes_of(axis, node.ndim)
    found = reduce(node, axes) if axes else p.copy(node)
    if keepdims:
        found = p.reshape(found, tuple(1 if k in axes else n for k, n in enumerate(node.shape)))
    return wrap(found)


@function
def sum(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum along dimensions: of floats in their dtype, of integers in int64 or uint64."""
    need_array(x, "sum")
    return _reduced(to_dtype(x, _total_dtype(x, dtype)), axis, keepdims, p.sum_)


@function
def prod(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product along dimensions: of floats in their dtype, of integers in int64 or uint64."""
    need_array(x, "prod")
    return _reduced(to_dtype(x, _total_dtype(x, dtype)), axis, keepdims, p.prod)


def _need_elements(x: Tensor, axis: Any, where: str) -> None:
    for k in axes_of(axis, need_array(x, where).ndim):
        if x.shape[k] == 0:
            raise ArgumentError(f"{where}() of no elements, along dimension {k} of {list(x.shape)}")


@function
def max(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest element along dimensions; NaN if there is one.

    Raises:
        ArgumentError: where there are no elements.
    """
    _need_elements(x, axis, "max")
    return _reduced(x, axis, keepdims, p.max_)


@function
def min(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest element along dimensions; NaN if there is one.

    Raises:
        ArgumentError: where there are no elements.
    """
    _need_elements(x, axis, "min")
    return _reduced(x, axis, keepdims, p.min_)


def _need_floating(x: Tensor, where: str) -> None:
    if not need_array(x, where).dtype.is_floating_point:
        raise ArgumentTypeError(f"{where}() takes floating dtypes, got {x.dtype.name}")


@function
def mean(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean along dimensions."""
    _need_floating(x, "mean")
    axes = axes_of(axis, x.ndim)
    return ops.mean(x, axes, keepdim=keepdims) if axes else ops.clone(x)


def _variance(x: Tensor, axis: Any, correction: float, keepdims: bool, where: str) -> Tensor:
    _need_floating(x, where)
    axes = axes_of(axis, x.ndim)
    if not axes:
        x, axes = x.reshape(1), (0,)
        keepdims = False
    return ops.var(x, axes, correction=correction, keepdim=keepdims)


@function
def var(
    x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The variance along dimensions, divided by their number less `correction`."""
    return _variance(x, axis, correction, keepdims, "var")


@function
def std(
    x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The standard deviation along dimensions, divided by their number less `correction`."""
    return ops.sqrt(_variance(x, axis, correction, keepdims, "std"))


def _truth(x: Tensor, where: str) -> Tensor:
    need_array(x, where)
    return x if x.dtype is dtypes.bool_ else wrap(p.cast(x._read(), dtypes.bool_))


@function
def all(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether every element along dimensions is true (or not 0)."""
    return _reduced(_truth(x, "all"), axis, keepdims, p.min_)


@function
def any(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether any element along dimensions is true (or not 0)."""
    return _reduced(_truth(x, "any"), axis, keepdims, p.max_)


# --- along a dimension ---------------------------------------------------------------------------


def _running(
    x: Tensor, axis: int | None, dtype: Any, include_initial: bool, neutral: int, run: Any,
    where: str,
) -> Tensor:  # fmt: skip
    need_array(x, where)
    if axis is None:
        if x.ndim != 1:
            raise ArgumentError(f"{where}() needs axis for an array of {x.ndim} dimensions")
        axis = 0
    (k,) = axes_of(axis, x.ndim)
    node = to_dtype(x, _total_dtype(x, dtype))._read()
    found = run(node, k)
    if include_initial:
        shape = (*node.shape[:k], 1, *node.shape[k + 1 :])
        found = p.concatenate([p.full(shape, neutral, node.dtype), found], k)
    return wrap(found)


@function
def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Running sums along a dimension; from 0 on with `include_initial`."""
    return _running(x, axis, dtype, include_initial, 0, p.cumsum, "cumulative_sum")


@function
def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Running products along a dimension; from 1 on with `include_initial`."""
    return _running(x, axis, dtype, include_initial, 1, p.cumprod, "cumulative_prod")


@function
def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Each element less the one before it along a dimension, `n` times over.

    Args:
        prepend, append: what stands before and behind the elements, first.
    """
    (k,) = axes_of(axis, x.ndim)
    parts = [each for each in (prepend, x, append) if each is not None]
    if len(parts) > 1:
        dtype = common_dtype(*parts)
        x = ops.cat([to_dtype(each, dtype) for each in parts], k)
    for _ in range(n):
        size = x.shape[k]
        last, first = x.narrow(k, 1, size - 1), x.narrow(k, 0, size - 1)
        x = ops.logical_xor(last, first) if x.dtype is dtypes.bool_ else ops.sub(last, first)
    return x
