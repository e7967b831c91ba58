"""Pooling to a given size: window o of O covers the elements from ⌊o n / O⌋ to ⌈(o + 1) n / O⌉.

Where O divides n the windows are alike, and it is ordinary pooling. Else they have different sizes
and overlap; then a table says which elements each has.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._windows import constant_table
from gradatim.ops.arguments import as_tensor_operand, number_node
from gradatim.ops.pooling import max_pooled
from gradatim.ops.reduce import widened
from gradatim.tensor import Tensor, named, wrap

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
]

# --- which elements a window covers --------------------------------------------------------------


def _ranges(n: int, out: int) -> list[range]:
    return [range(o * n // out, -(-(o + 1) * n // out)) for o in range(out)]


def _members(spatial: Shape, out: Shape) -> list[list[int]]:
    """The elements of each window, as places in the dimensions flattened, in order."""
    return [
        [int(np.ravel_multi_index(place, spatial)) for place in itertools.product(*ranges)]
        for ranges in itertools.product(*map(_ranges, spatial, out))
    ]


def _places(spatial: Shape, out: Shape) -> np.ndarray[Any, Any]:
    """The same as a table (windows, largest size). Short rows repeat their last element."""
    members = _members(spatial, out)
    longest = max(map(len, members))
    return np.array([row + row[-1:] * (longest - len(row)) for row in members])


def _is_member(spatial: Shape, out: Shape) -> np.ndarray[Any, Any]:
    """Where that table does not repeat."""
    sizes = np.array([[len(row)] for row in _members(spatial, out)])
    return np.arange(sizes.max()) < sizes


def _sizes(spatial: Shape, out: Shape) -> np.ndarray[Any, Any]:
    return np.array([len(row) for row in _members(spatial, out)])


def _gathered(x: Node, spatial: Shape, out: Shape) -> Node:
    """(*lead, windows, largest size): the elements of each window."""
    lead = x.shape[: x.ndim - len(spatial)]
    table = constant_table(_places, int64, spatial, out)
    flat = p.reshape(x, (*lead, math.prod(spatial)))
    places = p.expand(p.reshape(table, (table.size,)), (*lead, table.size))
    return p.reshape(p.window_gather(flat, places, 1), (*lead, *table.shape))


def _alike(spatial: Shape, out: Shape) -> tuple[Shape, Shape, Shape, Shape, Shape] | None:
    """The parameters of ordinary pooling, where that is what it is."""
    if any(o == 0 or n % o for n, o in zip(spatial, out)):
        return None
    window = tuple(n // o for n, o in zip(spatial, out))
    zeros, ones = (0,) * len(out), (1,) * len(out)
    return window, window, zeros, zeros, ones


_FEW = 32  # slices: with more of them, a table costs less


def _summed_by_slices(x: Node, out: Shape) -> Node:
    """The sum of each window: along one dimension after the other, a slice for each range."""
    for axis, count in zip(range(x.ndim - len(out), x.ndim), out):
        parts = []
        for each in _ranges(x.shape[axis], count):
            starts = tuple(each.start if k == axis else 0 for k in range(x.ndim))
            stops = tuple(each.stop if k == axis else n for k, n in enumerate(x.shape))
            part = p.sum_(p.slice_(x, starts, stops, (1,) * x.ndim), (axis,))
            parts.append(p.reshape(part, (*part.shape[:axis], 1, *part.shape[axis:])))
        x = p.concatenate(parts, axis)
    return x


def _window_sums(x: Node, spatial: Shape, out: Shape) -> Node:
    """By slices where there are few; but gradients go by the table, in one pass."""
    few = sum(out) <= _FEW
    if few and not x.history:
        return _summed_by_slices(x, out)
    lead = x.shape[: x.ndim - len(spatial)]
    members = constant_table(_is_member, bool_, spatial, out)
    found = p.select(members, _gathered(x, spatial, out), number_node(0, x.dtype))
    total = p.reshape(p.sum_(found, (len(lead) + 1,)), (*lead, *out))
    return p.substitute(_summed_by_slices(p.stop_gradient(x), out), total) if few else total


# --- the operations ------------------------------------------------------------------------------


def _read(where: str, rank: int, input: Any, output_size: Any) -> tuple[Node, Shape]:
    """The input and the sizes asked for; None keeps a size."""
    x = as_tensor_operand(input, where)._read()
    if x.ndim <= rank and isinstance(output_size, (tuple, list)):
        raise ArgumentError(
            f"{where}(): Input dimension should be at least {rank + 1}, but got {list(x.shape)}"
        )
    if x.ndim not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{where}(): Expected {rank + 1}D or {rank + 2}D tensor, but got {list(x.shape)}"
        )
    for k in range(x.ndim - rank, x.ndim):
        if x.shape[k] == 0:
            raise ShapeError(
                f"{where}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"input has sizes {list(x.shape)} with dimension {k} being empty"
            )
    if not x.dtype.is_floating_point:
        raise DTypeError(f'"{where}" not implemented for {x.dtype.name}: cast it with .float()')
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * rank
    if len(given) != rank:
        raise ShapeError(f"{where}: output_size must be {rank}, got {list(given)}")
    out = tuple(n if o is None else o for o, n in zip(given, x.shape[-rank:]))
    for o in out:
        if not isinstance(o, (int, np.integer)):
            raise ArgumentTypeError(f"{where}(): output_size must be ints, got {output_size!r}")
    if min(out) < 0:
        raise ShapeError(
            f"{where}: elements of output_size must be greater than or equal to 0 but received "
            f"{list(out)}"
        )
    return x, tuple(map(int, out))


_SHAPES = {1: "(N, C, L)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}


def _avg(rank: int) -> Callable[..., Tensor]:
    name = f"adaptive_avg_pool{rank}d"

    def function(input: Tensor, output_size: Any) -> Tensor:
        x, out = _read(name, rank, input, output_size)
        lead, spatial = x.shape[:-rank], x.shape[-rank:]
        wide = widened(x)
        title = "Squeeze:1" if rank == 1 else f"AdaptiveAvgPool{rank}D"
        windows = _alike(spatial, out)
        if out == (1,) * rank:
            axes = tuple(range(len(lead), x.ndim))
            total = p.reshape(p.sum_(wide, axes), (*lead, *out))
            share = number_node(math.prod(spatial), wide.dtype)
            title = "Squeeze:1" if rank == 1 else "Mean:1"
        elif windows is not None:
            total = p.window_sum(wide, *windows)
            share = number_node(math.prod(windows[0]), wide.dtype)
        elif 0 in out:
            return named(p.full((*lead, *out), 0, x.dtype), title)
        else:
            total = _window_sums(wide, spatial, out)
            share = p.reshape(constant_table(_sizes, wide.dtype, spatial, out), out)
        return named(p.cast(p.div(total, share), x.dtype), title)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The mean of each of `output_size` windows, which cover the input.

    Args:
        input: {_SHAPES[rank]}, or without N; floating.
        output_size: how many windows; one number, or one for each dimension. None keeps the size.

    Raises:
        ShapeError: for sizes that do not fit.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.{name}(gd.ones(1, 2, {", ".join("7" * rank)}), 3).shape
        torch.Size([1, 2, {", ".join("3" * rank)}])
    """
    return function


def _max(rank: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    name = f"adaptive_max_pool{rank}d"
    title = "Squeeze:1" if rank == 1 else f"AdaptiveMaxPool{rank}D"

    def with_indices(input: Tensor, output_size: Any, return_indices: bool = True) -> Any:
        x, out = _read(name, rank, input, output_size)
        lead, spatial = x.shape[:-rank], x.shape[-rank:]
        windows = _alike(spatial, out)
        if windows is not None:
            values, places = max_pooled(x, windows)
            assert places is not None  # there is no padding
        elif 0 in out:
            values, places = (p.full((*lead, *out), 0, d) for d in (x.dtype, int64))
        else:
            table = constant_table(_places, int64, spatial, out)
            which = p.argmax(_gathered(x, spatial, out), len(lead) + 1)
            start = p.mul(p.iota((table.shape[0],), 0, int64), number_node(table.shape[1], int64))
            flat = p.gather(p.reshape(table, (table.size,)), p.add(which, start))
            places = p.reshape(flat, (*lead, *out))
            values = p.window_gather(x, places, rank)
        return named(values, title), wrap(p.copy(places))

    def function(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        both = with_indices(input, output_size)
        return both if return_indices else both[0]

    with_indices.__name__ = with_indices.__qualname__ = f"{name}_with_indices"
    with_indices.__doc__ = f"`{name}` with `return_indices=True`."
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The largest of each of `output_size` windows, which cover the input.

    Args:
        input: {_SHAPES[rank]}, or without N; floating.
        output_size: how many windows; one number, or one for each dimension. None keeps the size.
        return_indices: give `(values, indices)`, with the place of each in the last
            dimension{"s" if rank > 1 else ""} flattened, int64.

    Raises:
        ShapeError: for sizes that do not fit.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.{name}(gd.ones(1, 2, {", ".join("7" * rank)}), 3).shape
        torch.Size([1, 2, {", ".join("3" * rank)}])
    """
    return function, with_indices


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = map(_avg, (1, 2, 3))
adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _max(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _max(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _max(3)
