"""Norms: how long a vector is, and how far apart two are.

The order `p` of a norm: Σ|x|^p to the power 1/p; 0 counts what is not zero, `inf` and `-inf` are
the largest and the smallest |x|. The gradient of a norm at 0 is 0.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import as_dtype, bool_
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._aliases import numpy_names
from gradatim.ops._places import array_node
from gradatim.ops.arguments import (
    as_number,
    as_tensor_operand,
    is_number,
    number_node,
    wrap_dim,
    wrap_dims,
)
from gradatim.ops.moments import safe_sqrt
from gradatim.ops.reduce import keep, widened
from gradatim.tensor import Tensor, from_array, method, named, wrap

__all__ = ["cdist", "dist", "linalg_vector_norm", "norm", "pdist", "renorm"]


def _norm(x: Node, order: float, axes: Shape) -> Node:
    """The norm over `axes`, which disappear."""
    if order == 2:
        return safe_sqrt(p.sum_(p.mul(x, x), axes))
    if order == 0:
        return _count(x, axes)
    size = p.abs_(x)
    if order == 1:
        return p.sum_(size, axes)
    if (order < 0 or math.isinf(order)) and any(x.shape[k] == 0 for k in axes):
        raise ShapeError(
            f"linalg.vector_norm cannot compute the {order:g} norm on an empty tensor because the "
            f"operation does not have an identity"
        )
    if math.isinf(order):
        return (p.max_ if order > 0 else p.min_)(size, axes)
    if order < 0 and x.history:
        return _negative_order(size, order, axes)
    return _root(p.sum_(_power(size, order), axes), order)


def _count(x: Node, axes: Shape) -> Node:
    """How many are not zero: a step function, whose gradient is 0."""
    one, zero = number_node(1, x.dtype), number_node(0, x.dtype)
    flat = p.sign(x) if x.history else zero
    return p.sum_(p.select(p.cast(x, bool_), one, flat), axes)


def _negative_order(size: Node, order: float, axes: Shape) -> Node:
    """A single 0 makes it 0, where its gradient is 0."""
    zero = number_node(0, size.dtype)
    smallest = p.stop_gradient(p.min_(size, axes))
    kept = tuple(1 if k in axes else n for k, n in enumerate(size.shape))
    one = number_node(1, size.dtype)
    moved = p.select(p.eq(p.reshape(smallest, kept), zero), one, size)
    total = p.sum_(_power(moved, order), axes)
    return p.select(p.eq(smallest, zero), zero, _root(total, order))


def _power(size: Node, order: float) -> Node:
    exponent = number_node(order, size.dtype)
    if not size.history or not 0 < order < 1:
        return p.pow_(size, exponent)
    zero = number_node(0, size.dtype)  # where the slope is infinite
    at_zero = p.eq(size, zero)
    moved = p.select(at_zero, number_node(1, size.dtype), size)
    return p.select(at_zero, zero, p.pow_(moved, exponent))


def _root(total: Node, order: float) -> Node:
    exponent = number_node(1 / order, total.dtype)
    if not total.history or order < 0:
        return p.pow_(total, exponent)
    zero = number_node(0, total.dtype)
    at_zero = p.eq(total, zero)
    moved = p.select(at_zero, number_node(1, total.dtype), total)
    return p.select(at_zero, zero, p.pow_(moved, exponent))


@numpy_names
def linalg_vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of order `ord` of all elements, or over `dim`.

    Args:
        x: floating, any shape.
        ord: a number, `inf` or `-inf`.
        dtype: what to compute in, and the dtype of the result.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.vector_norm(gd.tensor([3.0, 4.0]))
        tensor(5.)
    """
    if not is_number(ord):
        raise ArgumentTypeError(
            f"linalg_vector_norm: ord must be a number, got {type(ord).__name__}"
        )
    node = as_tensor_operand(x, "linalg_vector_norm")._read()
    if not node.dtype.is_floating_point:
        raise DTypeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{node.dtype.name}: cast it with .float()"
        )
    if dtype is not None:
        node = p.cast(node, as_dtype(dtype))
    axes = wrap_dims(dim, node.ndim)
    reduced = p.cast(_norm(widened(node), float(as_number(ord)), axes), node.dtype)
    return named(keep(reduced, node.shape, axes, keepdim), "LinalgVectorNorm")


@method()
@numpy_names
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """The norm of all elements, or over `dim`.

    Args:
        p: the order, a number; "fro" is 2; "nuc" is the sum of the singular values of matrices, in
            the two dimensions `dim`.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([[3.0, 4.0], [6.0, 8.0]]).norm(dim=1)
        tensor([ 5., 10.])
    """
    if isinstance(p, str):
        if p == "nuc":
            from gradatim.ops.matrix_norms import nuclear_norm

            return nuclear_norm(input, dim, keepdim)
        if p != "fro":
            raise ArgumentError(
                f"norm: Order {p} not supported: p must be a number, float('inf'), 'fro' or 'nuc'"
            )
        p = 2
    result: Tensor = linalg_vector_norm(input, 2 if p is None else p, dim, keepdim, dtype=dtype)
    return result


@method()
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The norm of `input - other`."""
    result: Tensor = linalg_vector_norm(input - other, p)
    result._op = "Dist"
    return result


@method()
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Each slice along `dim` scaled down until its norm is at most `maxnorm`."""
    if input.ndim < 2:
        raise ShapeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    axis = wrap_dim(dim, input.ndim)
    others = tuple(k for k in range(input.ndim) if k != axis)
    length = linalg_vector_norm(input, p, others, keepdim=True)
    result: Tensor = input * (maxnorm / (length + 1e-7)).where(length > maxnorm, 1.0)
    result._op = "Renorm"
    return result


# --- between many points -------------------------------------------------------------------------


_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)
_MANY = 25  # rows: with more, a product is worth its rounding, here as in PyTorch


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The distance of each row of `x1` (..., P, M) from each of `x2` (..., R, M): (..., P, R).

    Args:
        p: the order of the norm.
        compute_mode: whether Euclidean distances come from a matrix product, which is much faster,
            but loses digits of distances that are small beside the rows' own lengths. By default
            ("use_mm_for_euclid_dist_if_necessary") they do for more than 25 rows; with
            "donot_use_mm_for_euclid_dist" never. (Fewer rows are as fast without, so that
            "use_mm_for_euclid_dist" is the default by another name.)

    Raises:
        ShapeError: for rows of two lengths.
        ArgumentError: for an unknown mode.
    """
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist expects (..., P, M) and (..., R, M), got {list(x1.shape)} and {list(x2.shape)}"
        )
    if compute_mode is not None and compute_mode not in _MODES:
        raise ArgumentError(
            f"{compute_mode} is not a valid value for compute_mode: choose one of "
            f"{', '.join(_MODES)}"
        )
    if p == 2 and max(x1.shape[-2], x2.shape[-2]) > _MANY:
        return _euclidean(x1, x2, exact=compute_mode == _MODES[2])
    return _broadcast_distance(x1, x2, p)


def _broadcast_distance(x1: Tensor, x2: Tensor, order: float) -> Tensor:
    result: Tensor = linalg_vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), order, -1)
    result._op = "Cdist"
    return result


def _euclidean(x1: Tensor, x2: Tensor, exact: bool) -> Tensor:
    """|a - b| = √(|a|² + |b|² - 2 a · b).

    Args:
        exact: sum the squares of the differences instead. Gradients come from the product all the
            same, which has the same slopes.
    """
    if exact:
        found = _broadcast_distance(x1.detach(), x2.detach(), 2)
        if not (x1._read().history or x2._read().history):
            return found
    a, b = (wrap(widened(x._read())) for x in (x1, x2))
    squares = (a * a).sum(-1).unsqueeze(-1) + (b * b).sum(-1).unsqueeze(-2)
    total = p.relu((squares - 2 * (a @ b.transpose(-2, -1)))._read())
    if exact:
        length = widened(found._read())
        total = p.substitute(p.mul(length, length), total)
    return named(p.cast(safe_sqrt(total), x1.dtype), "Cdist" if exact else "View")


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The distances between the rows of a matrix (N, M), each pair once: (N · (N - 1) / 2,)."""
    if input.ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    rows = input._read()
    if p == 2:
        result = _pairs(_euclidean(input, input, exact=True))
    elif not rows.history:
        result = _pairs(_broadcast_distance(input, input, p))
    else:
        first, second = (from_array(k.astype(np.int64)) for k in np.triu_indices(len(input), 1))
        result = linalg_vector_norm(_rows(rows, first) - _rows(rows, second), p, 1)
    result._op = "Pdist"
    return result


def _pairs(square: Tensor) -> Tensor:
    """What stands above the diagonal, row by row."""
    places = _above_diagonal(len(square))
    return wrap(p.gather(p.reshape(square._read(), (square.numel(),)), array_node(places)))


@functools.lru_cache(4)
def _above_diagonal(size: int) -> np.ndarray[Any, Any]:
    column = np.arange(size)
    return np.flatnonzero(column > column[:, None])


def _rows(x: Node, places: Tensor) -> Tensor:
    return named(p.gather(x, places._read()), "Index")
