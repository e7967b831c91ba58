"""Pooling: the largest element, or the mean, of each window."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._windows import constant_table, each, hashable
from gradatim.ops.arguments import as_tensor_operand, number_node
from gradatim.ops.reduce import widened
from gradatim.tensor import Tensor, named, wrap

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]

Windows = tuple[Shape, Shape, Shape, Shape, Shape]  # window, stride, low, high, dilation

_COUNTS = {1: "one int", 2: "two ints", 3: "three ints"}
_SHAPES = {1: "(N, C, L)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}

# --- what the arguments come to ------------------------------------------------------------------


def _sizes(where: str, name: str, value: Any, rank: int) -> Shape:
    return each(
        value,
        rank,
        f"{where}: {name} must either be a single int, or a tuple of {_COUNTS[rank]}",
    )


@functools.lru_cache(maxsize=1024, typed=True)
def _windows(
    where: str, rank: int, shape: Shape, kernel_size: Any, stride: Any, padding: Any,
    dilation: Any, ceil_mode: bool,
) -> Windows:  # fmt: skip
    """The parameters of the primitives, all checked.

    With `ceil_mode`, a window may reach beyond the padding behind, if it starts before that.
    """
    if len(shape) not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{where}: Expected {rank + 1}D or {rank + 2}D (batch mode) tensor for input, but got: "
            f"{list(shape)}"
        )
    if 0 in shape[-rank - 1 :]:
        raise ShapeError(
            f"{where}: Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim "
            f"batch size for input, but got: {list(shape)}"
        )
    window = _sizes(where, "kernel_size", kernel_size, rank)
    steps = window if stride in (None, ()) else _sizes(where, "stride", stride, rank)
    low = _sizes(where, "padding", padding, rank)
    spread = _sizes(where, "dilation", dilation, rank)
    for name, numbers in (("kernel_size", window), ("stride", steps), ("dilation", spread)):
        if min(numbers) < 1:
            raise ShapeError(f"{where}: {name} should be greater than zero, but got {numbers}")
    if min(low) < 0:
        raise ShapeError(f"{where}: pad must be non-negative, but got pad: {min(low)}")
    for pad, size, apart in zip(low, window, spread):
        if pad > ((size - 1) * apart + 1) // 2:
            raise ShapeError(
                f"{where}: pad should be at most half of effective kernel size, but got pad={pad}, "
                f"kernel_size={size} and dilation={apart}"
            )
    spatial = shape[-rank:]
    high, counts = [], []
    for n, size, step, pad, apart in zip(spatial, window, steps, low, spread):
        rest = n + 2 * pad - (size - 1) * apart - 1
        count = rest // step + 1
        behind = pad
        if ceil_mode and rest % step and count * step < n + pad:
            behind += step - rest % step
            count += 1
        high.append(behind)
        counts.append(count)
    if min(counts) < 1:
        channels, given = shape[-rank - 1], "x".join(map(str, spatial))
        found = "x".join(str(max(0, count)) for count in counts)
        raise ShapeError(
            f"{where}: Given input size: ({channels}x{given}). Calculated output size: "
            f"({channels}x{found}). Output size is too small"
        )
    return window, steps, low, tuple(high), spread


# --- the largest ---------------------------------------------------------------------------------


def max_pooled(x: Node, windows: Windows) -> tuple[Node, Node | None]:
    """The largest element of each window, and its place: None where a window has none."""
    window, stride, low, high, dilation = windows
    rank = len(window)
    lead, spatial = x.shape[:-rank], x.shape[-rank:]
    counts = p.window_counts(spatial, *windows)
    if not p.has_empty_window(spatial, counts, window, stride, low, dilation):
        places = p.window_argmax(x, *windows)
        return p.window_gather(x, places, rank), places
    lowest = -math.inf if x.dtype.is_floating_point else dtypes.integer_range(x.dtype)[0]
    before, zeros = (0,) * len(lead), (0,) * rank
    x = p.pad(x, number_node(lowest, x.dtype), (*before, *low), (*before, *high))
    places = p.window_argmax(x, window, stride, zeros, zeros, dilation)
    return p.window_gather(x, places, rank), None


def _max_pool(rank: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    name = f"max_pool{rank}d"
    op = "Squeeze:1" if rank == 1 else f"MaxPool{rank}DWithIndices"

    def function(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        x = as_tensor_operand(input, name)._read()
        if x.dtype is bool_:
            raise DTypeError(f"\"{name}\" not implemented for 'Bool': cast it with .int()")
        windows = _windows(
            name, rank, x.shape, hashable(kernel_size), hashable(stride), hashable(padding),
            hashable(dilation), bool(ceil_mode),
        )  # fmt: skip
        values, places = max_pooled(x, windows)
        if not return_indices:
            return named(values, op)
        if places is None:
            raise ShapeError(
                f"{name}: with padding {list(windows[2])} and dilation {list(windows[4])} a window "
                f"over {list(x.shape[-rank:])} holds nothing but padding, and no index stands for "
                f"that"
            )
        # In memory of their own: a write to them must not change where the gradient goes.
        return named(values, op), wrap(p.copy(places))

    def with_indices(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = True,
    ) -> Any:  # fmt: skip
        return function(input, kernel_size, stride, padding, dilation, ceil_mode, True)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The largest of each window, over {rank} dimension{"s"[: rank > 1]}.

    Of equal ones the first gets the gradient; NaN is larger than everything.

    Args:
        input: {_SHAPES[rank]}, or without N.
        kernel_size: of the window; one number, or one for each dimension, as for the next three.
        stride: the step of the window; by default its size.
        padding: on both sides, at most half the window. It is never the largest.
        dilation: the distance between two elements of the window.
        ceil_mode: whether a window may reach beyond the end, so that no element is left out.
        return_indices: give `(values, indices)`, with the place of each in the last
            dimension{"s" if rank > 1 else ""} flattened, int64.

    Raises:
        ShapeError: for sizes that do not fit.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.{name}(gd.ones(1, 2, {", ".join("6" * rank)}), 2).shape
        torch.Size([1, 2, {", ".join("3" * rank)}])
    """
    with_indices.__name__ = with_indices.__qualname__ = f"{name}_with_indices"
    with_indices.__doc__ = f"`{name}` with `return_indices=True`."
    return function, with_indices


max_pool1d, max_pool1d_with_indices = _max_pool(1)
max_pool2d, max_pool2d_with_indices = _max_pool(2)
max_pool3d, max_pool3d_with_indices = _max_pool(3)

# --- the mean ------------------------------------------------------------------------------------


def _share(spatial: Shape, windows: Windows, include_pad: bool) -> list[np.ndarray[Any, Any]]:
    """For each dimension, how many elements (of the padding too if they count) each window has."""
    counts = p.window_counts(spatial, *windows)
    shares = []
    for n, count, size, step, pad in zip(spatial, counts, *windows[:3]):
        first = np.arange(count) * step - pad
        last = np.minimum(first + size, n + pad)
        if not include_pad:
            first, last = np.maximum(first, 0), np.minimum(last, n)
        shares.append(last - first)
    return shares


def _divisors(spatial: Shape, windows: Windows, include_pad: bool) -> np.ndarray[Any, Any]:
    return functools.reduce(np.multiply.outer, _share(spatial, windows, include_pad))


@functools.lru_cache(maxsize=1024)
def _divisor(spatial: Shape, windows: Windows, include_pad: bool) -> int | None:
    """The number that all windows are divided by, or None if there are several."""
    shares = _share(spatial, windows, include_pad)
    if any(share.min() != share.max() for share in shares):
        return None
    return math.prod(int(share[0]) for share in shares)


def _avg_pool(rank: int) -> Callable[..., Tensor]:
    name = f"avg_pool{rank}d"
    op = "Squeeze:1" if rank == 1 else f"AvgPool{rank}D"

    def function(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Tensor:  # fmt: skip
        x = as_tensor_operand(input, name)._read()
        if not x.dtype.is_floating_point and x.dtype is not int64:
            raise DTypeError(f'"{name}" not implemented for {x.dtype.name}: cast it with .float()')
        windows = _windows(
            name, rank, x.shape, hashable(kernel_size), hashable(stride), hashable(padding), 1,
            bool(ceil_mode),
        )  # fmt: skip
        spatial, include_pad = x.shape[-rank:], bool(count_include_pad)
        divisor = _override(divisor_override, name)
        if divisor is None:
            divisor = _divisor(spatial, windows, include_pad)
        total = p.window_sum(widened(x), *windows)
        if divisor is None:
            share = constant_table(_divisors, total.dtype, spatial, windows, include_pad)
        else:
            share = number_node(divisor, total.dtype)
        return named(p.cast(_divided(total, share), x.dtype), op)

    def without_override(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        ceil_mode: bool = False, count_include_pad: bool = True,
    ) -> Tensor:  # fmt: skip
        return function(input, kernel_size, stride, padding, ceil_mode, count_include_pad)

    public = function if rank > 1 else without_override
    override = "" if rank == 1 else "\n        divisor_override: what to divide by instead."
    public.__name__ = public.__qualname__ = name
    public.__doc__ = f"""The mean of each window, over {rank} dimension{"s"[: rank > 1]}.

    Args:
        input: {_SHAPES[rank]}, or without N.
        kernel_size: of the window; one number, or one for each dimension, as for the next two.
        stride: the step of the window; by default its size.
        padding: zeros on both sides, at most half the window.
        ceil_mode: whether a window may reach beyond the end, so that no element is left out.
        count_include_pad: whether the padding's zeros count as elements.{override}

    Raises:
        ShapeError: for sizes that do not fit.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.{name}(gd.ones(1, 2, {", ".join("6" * rank)}), 2).shape
        torch.Size([1, 2, {", ".join("3" * rank)}])
    """
    return public


def _override(value: Any, where: str) -> int | None:
    if value is None:
        return None
    try:
        divisor = operator.index(value)
    except TypeError:
        raise ArgumentTypeError(
            f"{where}(): argument 'divisor_override' must be int, not {type(value).__name__}"
        ) from None
    if divisor == 0:
        raise ShapeError(f"{where}: divisor must be not zero")
    return divisor


def _divided(total: Node, share: Node) -> Node:
    if total.dtype.is_floating_point:
        return p.div(total, share)
    # Of integers: toward zero, as in C.
    quotient = p.floor_divide(p.abs_(total), p.abs_(share))
    return p.mul(quotient, p.mul(p.sign(total), p.sign(share)))


avg_pool1d, avg_pool2d, avg_pool3d = map(_avg_pool, (1, 2, 3))
