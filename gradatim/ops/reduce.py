"""Sums, products and truths over dimensions.

Everywhere: `dim` is one dimension or several, negative ones counted from the end; left out, all of
them. The reduced dimensions disappear, or stay with size 1 under `keepdim`. Sums and products of
integers and bools are int64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, as_dtype, bool_, float32, int64, uint8
from gradatim.graph.errors import DTypeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._aliases import numpy_names
from gradatim.ops.arguments import (
    as_tensor_operand,
    floating_operand,
    number_node,
    wrap_dim,
    wrap_dims,
)
from gradatim.tensor import Tensor, method, named, wrap

__all__ = ["all", "any", "count_nonzero", "logsumexp", "mean", "nanmean", "nansum", "prod", "sum"]

# --- what reductions share -----------------------------------------------------------------------


def kept_shape(shape: Shape, axes: Shape) -> Shape:
    """The shape with the reduced axes at size 1."""
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


def keep(reduced: Node, shape: Shape, axes: Shape, keepdim: bool) -> Node:
    """The reduced value of something of `shape`, with its axes back at size 1 if `keepdim`."""
    return p.reshape(reduced, kept_shape(shape, axes)) if keepdim else reduced


def count_along(shape: Shape, axes: Shape) -> int:
    """How many elements become one."""
    return math.prod(shape if len(axes) == len(shape) else [shape[k] for k in axes])


def widened(x: Node) -> Node:
    """float16 and bfloat16 as float32, for arithmetic that would lose too much in them."""
    return p.cast(x, float32) if x.dtype.itemsize == 2 and x.dtype.is_floating_point else x


def _accumulating(input: Any, dtype: DType | None, where: str) -> Node:
    """The input of a sum or product: integers and bools become int64."""
    x = as_tensor_operand(input, where)._read()
    if dtype is not None:
        return p.cast(x, as_dtype(dtype))
    return x if x.dtype.is_floating_point else p.cast(x, int64)


# --- sums and products ---------------------------------------------------------------------------


@method()
@numpy_names
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over `dim`.

    Args:
        dtype: what to add up in; integers and bools add up in int64 otherwise.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([[1, 2], [3, 4]])
        >>> x.sum(), x.sum(0), x.sum(1, keepdim=True).shape
        (tensor(10), tensor([4, 6]), torch.Size([2, 1]))
    """
    x = _accumulating(input, dtype, "sum")
    axes = wrap_dims(dim, x.ndim)
    reduced = p.sum_(x, axes)
    return named(keep(reduced, x.shape, axes, keepdim), "Sum" if dim is None else "Sum:1")


@method()
@numpy_names
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over `dim`, where NaN counts as 0."""
    x = _accumulating(input, dtype, "nansum")
    axes = wrap_dims(dim, x.ndim)
    if x.dtype.is_floating_point:
        x = p.select(p.ne(x, x), number_node(0, x.dtype), x)
    return named(keep(p.sum_(x, axes), x.shape, axes, keepdim), "Nansum")


@method()
@numpy_names
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product over one dimension, or over all."""
    x = _accumulating(input, dtype, "prod")
    axes = tuple(range(x.ndim)) if dim is None else (wrap_dim(dim, x.ndim),)[: x.ndim]
    reduced = p.prod(x, axes)
    return named(keep(reduced, x.shape, axes, keepdim), "Prod" if dim is None else "Prod:1")


def _need_mean(x: Node, dtype: DType | None) -> Node:
    """The input of a mean; a mean of integers has no dtype to be in."""
    given, what = (x.dtype, "Input") if dtype is None else (as_dtype(dtype), "Optional")
    if not given.is_floating_point:
        raise DTypeError(
            f"mean(): could not infer output dtype. {what} dtype must be either a floating point "
            f"or complex dtype. Got: {given.name}: cast it with .float()"
        )
    return x if x.dtype is given else p.cast(x, given)


@method()
@numpy_names
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over `dim`; of no elements NaN.

    Raises:
        DTypeError: for integers and bools, unless a floating `dtype` is given.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([[1.0, 2.0], [3.0, 5.0]]).mean(dim=0)
        tensor([2.0000, 3.5000])
    """
    x = _need_mean(as_tensor_operand(input, "mean")._read(), dtype)
    if dim is None and not keepdim:
        return named(mean_of_all(x), "Mean")
    axes = wrap_dims(dim, x.ndim)
    count = number_node(count_along(x.shape, axes), x.dtype)
    node = p.div(keep(p.sum_(x, axes), x.shape, axes, keepdim), count)
    return named(node, "Mean" if dim is None else "Mean:1")


def mean_of_all(x: Node) -> Node:
    """The mean of all elements of a floating Node."""
    shape = x.shape
    total = p.sum_(x, tuple(range(len(shape))))
    return p.div(total, p.constant(math.prod(shape), x.dtype, x.device))


@method()
@numpy_names
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over `dim` of what is not NaN."""
    x = _need_mean(as_tensor_operand(input, "nanmean")._read(), dtype)
    axes = wrap_dims(dim, x.ndim)
    there = p.eq(x, x)
    total = p.sum_(p.select(there, x, number_node(0, x.dtype)), axes)
    count = p.cast(p.sum_(p.cast(there, int64), axes), x.dtype)
    return named(keep(p.div(total, count), x.shape, axes, keepdim), "Div")


@method()
@numpy_names
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log Σ exp(x) over `dim`, without overflow; of no elements -inf.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([1000.0, 1000.0]).logsumexp(0)
        tensor(1000.6932)
    """
    x = floating_operand(input, "logsumexp")
    axes = wrap_dims(dim, x.ndim)
    wide = kept_shape(x.shape, axes)
    if x.size == 0:
        return named(keep(p.log(p.sum_(p.exp(x), axes)), x.shape, axes, keepdim), "Logsumexp")
    top = p.reshape(p.max_(p.stop_gradient(x), axes), wide)
    infinite = p.eq(p.abs_(top), number_node(math.inf, x.dtype))
    top = p.select(infinite, number_node(0, x.dtype), top)
    total = p.reshape(p.sum_(p.exp(p.sub(x, top)), axes), wide)
    node = p.add(p.log(total), top)
    return named(
        node if keepdim else p.reshape(node, _without(x.shape, axes)),
        "Logsumexp",
    )


def _without(shape: Shape, axes: Shape) -> Shape:
    return tuple(n for k, n in enumerate(shape) if k not in axes)


# --- truths --------------------------------------------------------------------------------------


@method()
@numpy_names
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero, int64."""
    x = as_tensor_operand(input, "count_nonzero")._read()
    return wrap(p.sum_(p.cast(p.cast(x, bool_), int64), wrap_dims(dim, x.ndim)))


def _truth(
    name: str, reduce: Callable[[Node, Shape], Node], of_nothing: bool, text: str
) -> Callable[..., Tensor]:
    def function(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
        x = as_tensor_operand(input, name)._read()
        axes = () if dim == () else wrap_dims(dim, x.ndim)
        if count_along(x.shape, axes) == 0:
            found = p.full(_without(x.shape, axes), of_nothing, bool_)
        else:
            found = reduce(p.cast(x, bool_), axes)
        if x.dtype is uint8:  # as in PyTorch, where uint8 was the dtype of masks
            found = p.cast(found, uint8)
        return wrap(keep(found, x.shape, axes, keepdim))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text}; bool (uint8 of uint8). Of no elements {of_nothing}."
    return method()(numpy_names(function))


any = _truth("any", p.max_, False, "Whether any element over `dim` is not zero")
all = _truth("all", p.min_, True, "Whether every element over `dim` is not zero")
