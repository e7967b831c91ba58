"""Histograms: how many elements, or how much weight, falls between each two edges.

The edges can be given, or laid evenly over a range. An element on an inner edge belongs to the bin
above it, the last edge to the last bin; what lies outside (and NaN) is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentTypeError, DTypeError, ShapeError, UnsupportedDType
from gradatim.graph.node import Node
from gradatim.ops.arguments import as_tensor_operand
from gradatim.ops.results import result_type
from gradatim.ops.searching import searchsorted
from gradatim.tensor import Tensor, from_array, method, named, wrap

__all__ = ["histc", "histogram", "histogramdd"]


def _floating(x: Tensor, name: str) -> None:
    if not x.dtype.is_floating_point or x.dtype.itemsize == 2:
        raise UnsupportedDType(
            f'"{name}" is not implemented for {x.dtype.name}: cast it with .float() or .double()'
        )


def _range(
    name: str, column: Tensor, given: Any, dimension: int | None = None
) -> tuple[float, float]:
    """The first and the last edge: as given, or from the smallest and the largest element; one unit
    wide where they would be the same."""
    which = "" if dimension is None else f"dimension {dimension}'s "
    low, high = (0.0, 0.0) if given is None else (float(given[0]), float(given[1]))
    if low == high and column.numel() and (given is None or dimension is None):
        values = column.detach()._value()
        low, high = float(np.min(values)), float(np.max(values))
    elif given is None:
        return 0.0, 1.0
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ShapeError(f"{name}: {which}range [{low:g}, {high:g}] is not finite")
    if low > high:
        place = "" if dimension is None else f" for dimension {dimension}"
        raise ShapeError(
            f"{name}: min should not exceed max (max must be larger than min), but got min {low:g} "
            f"max {high:g}{place}"
        )
    if low == high:
        if dimension is None:
            return low - 1, high + 1
        return low - 0.5, high + 0.5
    return low, high


def _even_bins(x: Node, low: float, high: float, bins: int) -> tuple[Node, Node]:
    """The bin of each element among even ones, and whether it is inside."""
    dtype = x.dtype
    first, last = p.constant(low, dtype), p.constant(high, dtype)
    inside = p.and_(p.ge(x, first), p.le(x, last))
    safe = p.select(inside, x, first)
    scaled = p.div(p.mul(p.sub(safe, first), p.constant(float(bins), dtype)), p.sub(last, first))
    place = p.cast(p.floor(scaled), int64)
    return p.minimum(place, p.constant(bins - 1, int64)), inside


def _counted(places: Node, weights: Node, size: int) -> Node:
    count = places.size
    flat, amounts = p.reshape(places, (count,)), p.reshape(weights, (count,))
    return p.scatter_add(p.full((size,), 0, weights.dtype), flat, amounts)


@method()
def histc(input: Tensor, bins: int = 100, min: Any = 0, max: Any = 0) -> Tensor:
    """How many elements lie in each of `bins` even bins from `min` to `max`; from the smallest to
    the largest element if both are 0 (or the same).

    Raises:
        DTypeError: for integers and halves.
        ShapeError: for an empty or infinite range, and for no bins.

    Example:
        >>> import gradatim as gd
        >>> gd.histc(gd.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
        tensor([0., 2., 1., 0.])
    """
    x = as_tensor_operand(input, "histc")
    _floating(x, "histogram_cpu")
    if bins <= 0:
        raise ShapeError(f"torch.histc: bins must be > 0, but got {bins}")
    low, high = _range("torch.histc", x, (min, max))
    if low == high:  # of no elements
        low, high = low - 1, high + 1
    node = p.stop_gradient(x._read())
    place, inside = _even_bins(node, low, high, bins)
    ones = p.cast(inside, node.dtype)
    return named(_counted(place, p.expand(ones, node.shape), bins), "Histc")


def _edges(
    name: str, columns: list[Tensor], bins: Any, range_: Any, like: Tensor
) -> tuple[list[Tensor], list[tuple[float, float] | None]]:
    """The edges of each dimension, and its range where they are even."""
    count = len(columns)
    if isinstance(bins, int):
        bins = [bins] * count
    if isinstance(bins, Tensor):
        bins = [bins]
    if not isinstance(bins, Sequence):
        raise ArgumentTypeError(f"{name}: bins must be ints or tensors, got {type(bins).__name__}")
    if len(bins) != count:
        raise ShapeError(
            f"{name}: The size of bins must be equal to the innermost dimension of the input, "
            f"but got {len(bins)} for {count}"
        )
    if range_ is not None and len(range_) != 2 * count:
        raise ShapeError(
            f"{name}: for a {count}-dimensional histogram range should have {2 * count} elements, "
            f"but got {len(range_)}"
        )
    edges: list[Tensor] = []
    ranges: list[tuple[float, float] | None] = []
    for k, (each, column) in enumerate(zip(bins, columns)):
        if isinstance(each, Tensor):
            if each.ndim != 1 or not each.numel():
                raise ShapeError(
                    f"{name}: bins tensor should have one dimension and at least one element, but "
                    f"got shape {list(each.shape)}"
                )
            if each.dtype is not like.dtype:
                raise DTypeError(
                    f"{name}: input tensor and bins tensors should have the same dtype, but got "
                    f"input with dtype {like.dtype.name} and bins with dtype {each.dtype.name}"
                )
            edges.append(each.detach())
            ranges.append(None)
            continue
        if each <= 0:
            raise ShapeError(f"{name}: bins must be > 0, but got {each} for dimension {k}")
        given = None if range_ is None else (range_[2 * k], range_[2 * k + 1])
        low, high = _range("torch.histogramdd", column, given, k)
        line = np.linspace(low, high, each + 1).astype(like.dtype.numpy)
        edges.append(from_array(line))
        ranges.append((low, high))
    return edges, ranges


def _histogram(
    name: str, points: Tensor, bins: Any, range_: Any, weight: Tensor | None, density: bool
) -> tuple[Tensor, list[Tensor]]:
    """Points (count, dimensions)."""
    _floating(points, "histogramdd")
    points = points.detach()
    count, dimensions = points.shape
    columns = [points[:, k] for k in range(dimensions)]
    edges, ranges = _edges(name, columns, bins, range_, points)
    place: Node | None = None
    inside: Node | None = None
    sizes = [e.numel() - 1 if e.numel() > 1 else 0 for e in edges]
    for column, edge, even, size in zip(columns, edges, ranges, sizes):
        x = column._read()
        if even is not None:
            own, within = _even_bins(x, *even, size)
        else:
            first, last = edge[0]._read(), edge[-1]._read()
            within = p.and_(p.ge(x, first), p.le(x, last))
            own = p.sub(searchsorted(edge, column, right=True)._read(), p.constant(1, int64))
            own = p.minimum(own, p.constant(size - 1 if size else 0, int64))
            own = p.maximum(own, p.constant(0, int64))
        place = own if place is None else p.add(p.mul(place, p.constant(size, int64)), own)
        inside = within if inside is None else p.and_(inside, within)
    assert place is not None and inside is not None
    dtype = points.dtype
    zero = p.constant(0.0, dtype)
    amount = p.expand(p.constant(1.0, dtype) if weight is None else weight._read(), (count,))
    total = math.prod(sizes)
    if total:
        hist = _counted(place, p.select(inside, amount, zero), total)
    else:
        hist = p.full((total,), 0.0, dtype)
    hist = p.reshape(hist, tuple(sizes))
    if density:
        hist = p.div(hist, p.sum_(hist, tuple(range(dimensions))))
        for k, edge in enumerate(edges):
            width = edge.diff()._read()
            hist = p.div(hist, _along(width, k, dimensions))
    return wrap(hist), edges


def _along(width: Node, axis: int, dimensions: int) -> Node:
    return p.reshape(width, tuple(width.shape[0] if j == axis else 1 for j in range(dimensions)))


def _check_weight(weight: Any, shape: tuple[int, ...], like: Tensor, given: list[int]) -> Any:
    if weight is None:
        return None
    if tuple(weight.shape) != shape:
        raise ShapeError(
            f"torch.histogramdd: if weight tensor is provided it should have the same shape as the "
            f"input tensor excluding its innermost dimension, but got input with shape {given} and "
            f"weight with shape {list(weight.shape)}"
        )
    if weight.dtype is not like.dtype:
        raise DTypeError(
            f"torch.histogramdd: if weight tensor is provided, input tensor and weight tensor "
            f"should have the same dtype, but got input {like.dtype.name} and weight "
            f"{weight.dtype.name}"
        )
    return weight.detach().reshape(-1)


@method()
def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None,
    density: bool = False,
) -> Any:  # fmt: skip
    """A histogram of all elements.

    Args:
        bins: how many even bins; or a 1-d tensor of ascending edges.
        range: `(first, last)` edge of even bins; from the smallest to the largest element if not
            given.
        weight: what each element counts, of `input`'s shape and dtype; 1 if not given.
        density: divide, so that the integral is 1.

    Returns:
        `(hist, bin_edges)`.

    Raises:
        DTypeError: for integers and halves.
        ShapeError: for an empty or infinite range, for no bins, for a weight of another shape.

    Example:
        >>> import gradatim as gd
        >>> gd.histogram(gd.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 3.0)).hist
        tensor([0., 2., 1., 0.])
    """
    x = as_tensor_operand(input, "histogram")
    flat_weight = _check_weight(weight, tuple(x.shape), x, [*x.shape, 1])
    points = x.reshape(-1, 1)
    hist, edges = _histogram("torch.histogram()", points, bins, range, flat_weight, density)
    return result_type("histogram", "hist", "bin_edges")(hist, edges[0])


def histogramdd(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None,
    density: bool = False,
) -> Any:  # fmt: skip
    """A histogram of points in several dimensions.

    Args:
        input: points, (..., dimensions).
        bins: how many even bins in every dimension; or one number, or a 1-d tensor of ascending
            edges, for each.
        range: first and last edge of the first dimension, of the second ...
        weight: what each point counts, of shape (...).
        density: divide, so that the integral is 1.

    Returns:
        `(hist, bin_edges)`: a tensor with an axis for each dimension, and a tuple of edges.
    """
    x = as_tensor_operand(input, "histogramdd")
    if x.ndim < 2:
        raise ShapeError(
            f"torch.histogramdd: input tensor should have at least 2 dimensions, but got {x.ndim}"
        )
    flat_weight = _check_weight(weight, tuple(x.shape[:-1]), x, list(x.shape))
    points = x.reshape(-1, x.shape[-1])
    hist, edges = _histogram("histogramdd", points, bins, range, flat_weight, density)
    return result_type("histogramdd", "hist", "bin_edges")(hist, tuple(edges))
