"""Fractional max pooling (Graham, 2014): windows whose steps are now n and now n + 1, at random, so
that a tensor shrinks by a ratio that is no whole number.

In a dimension of size n, with windows of size k and one draw u, window i of `out` begins at
⌊(i + u) α⌋ - ⌊u α⌋ with α = (n - k) / (out - 1), and the last at n - k. Each channel of each sample
has draws of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError, UnsupportedDType
from gradatim.graph.node import Node, Shape
from gradatim.ops._windows import each
from gradatim.ops.arguments import as_tensor_operand
from gradatim.ops.draws import rand
from gradatim.ops.padding import slice_along
from gradatim.tensor import Tensor, named, wrap

__all__ = [
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]


def _starts(draw: Node, n: int, window: int, out: int) -> Node:
    """(N, C) draws to (N, C, out) first elements, int64."""
    planes = draw.shape
    if out == 1:
        return p.full((*planes, 1), n - window, int64)
    alpha = p.constant((n - window) / (out - 1), draw.dtype)
    u = p.reshape(draw, (*planes, 1))
    steps = p.iota((out - 1,), 0, draw.dtype)
    begun = p.cast(p.mul(p.add(steps, u), alpha), int64)
    starts = p.sub(begun, p.cast(p.mul(u, alpha), int64))
    return p.concatenate([starts, p.full((*planes, 1), n - window, int64)], 2)


def _places(samples: Node, spatial: Shape, window: Shape, out: Shape, order: Shape) -> Node:
    """(N, C, windows, taps): the places of each window's elements, in the dimensions flattened.

    Args:
        samples: (N, C, rank), the draws.
        order: which of the draws each dimension takes.
    """
    planes, rank = samples.shape[:2], len(spatial)
    places: Node = p.constant(0, int64)
    for k, (n, size, count) in enumerate(zip(spatial, window, out)):
        draw = p.slice_(samples, (0, 0, order[k]), (*planes, order[k] + 1), (1, 1, 1))
        starts = _starts(p.reshape(draw, planes), n, size, count)
        lines = p.reshape(starts, (*planes, *(count if j == k else 1 for j in range(2 * rank))))
        taps = p.iota(tuple(size if j == k else 1 for j in range(rank)), k, int64)
        places = p.add(p.mul(places, p.fixed(n, int64)), p.add(lines, taps))
    return p.reshape(places, (*planes, math.prod(out), math.prod(window)))


def _pooled(x: Node, samples: Node, window: Shape, out: Shape, order: Shape) -> tuple[Node, Node]:
    """Values and places of the maxima of (N, C, *spatial), both (N, C, *out)."""
    lead, spatial = x.shape[:2], x.shape[2:]
    windows, taps = math.prod(out), math.prod(window)
    flat = p.reshape(x, (*lead, math.prod(spatial)))
    places = _places(samples, spatial, window, out, order)
    inside = p.window_gather(p.stop_gradient(flat), p.reshape(places, (*lead, windows * taps)), 1)
    largest = p.argmax(p.reshape(inside, (*lead, windows, taps)), 3)
    chosen = p.eq(p.iota((taps,), 0, int64), p.reshape(largest, (*lead, windows, 1)))
    found = p.sum_(p.mul(places, p.cast(chosen, int64)), (3,))
    values = p.window_gather(flat, found, 1)
    return p.reshape(values, (*lead, *out)), p.reshape(found, (*lead, *out))


def _fractional_max_pool(rank: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    name = f"fractional_max_pool{rank}d"
    refusal = f"{name}: kernel_size and output_size must be one int or {rank}"
    # PyTorch takes the draws for width, then height, of images; of volumes from the first on.
    order = (1, 0) if rank == 2 else (0, 1, 2)

    def with_indices(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = True, _random_samples: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        if output_size is None and output_ratio is None:
            raise ArgumentError(
                f"{name} requires specifying either an output_size or an output_ratio"
            )
        x = as_tensor_operand(input, name)._read()
        if x.ndim not in (rank + 1, rank + 2) or 0 in x.shape[-rank - 1 :]:
            raise ShapeError(
                f"{name}: Expected {rank + 1}D or {rank + 2}D tensor with no empty dimension but "
                f"that of the batch, but got {list(x.shape)}"
            )
        if not x.dtype.is_floating_point:
            raise UnsupportedDType(
                f"{name} is not implemented for {x.dtype.name}: cast it with .float()"
            )
        spatial = x.shape[-rank:]
        window = each(kernel_size, rank, refusal)
        if output_size is None:
            ratios = output_ratio
            if not isinstance(ratios, (tuple, list)):
                ratios = (ratios,) * rank
            out = tuple(int(n * ratio) for n, ratio in zip(spatial, ratios))
        else:
            out = each(output_size, rank, refusal)
        for n, size, count in zip(spatial, window, out):
            # Of volumes, PyTorch wants one element more than it needs.
            if count < 1 or size < 1 or count + size - 1 > n - (rank == 3):
                raise ShapeError(
                    f"{name}: kernel_size {list(window)} and output_size {list(out)} are too large "
                    f"relative to input size {list(spatial)}"
                )
        batched = p.reshape(x, (1, *x.shape)) if x.ndim == rank + 1 else x
        lead = batched.shape[:2]
        if _random_samples is None:
            samples = rand(*lead, rank, dtype=x.dtype)._read()
        else:
            samples = as_tensor_operand(_random_samples, name)._read()
            if samples.dtype is not x.dtype:
                raise DTypeError(
                    f"{name}: Expect _random_samples to have the same dtype as input, got "
                    f"{samples.dtype.name} and {x.dtype.name}"
                )
            if rank == 3 and x.ndim == 4 and samples.ndim == 3 and samples.shape[0] > 1:
                samples = slice_along(samples, 0, 0, 1)  # PyTorch takes more, and uses the first
            if samples.shape != (*lead, rank):
                raise ShapeError(
                    f"{name}: Expect _random_samples to have shape {[*lead, rank]}, got "
                    f"{list(samples.shape)}"
                )
        values, places = _pooled(batched, p.stop_gradient(samples), window, out, order)
        shape = (*x.shape[:-rank], *out)
        return (
            named(p.reshape(values, shape), f"FractionalMaxPool{rank}D"),
            wrap(p.copy(p.reshape(places, shape))),
        )

    def function(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Tensor | None = None,
    ) -> Any:  # fmt: skip
        both = with_indices(input, kernel_size, output_size, output_ratio, True, _random_samples)
        return both if return_indices else both[0]

    function.__name__ = function.__qualname__ = name
    shape = {2: "H, W", 3: "D, H, W"}[rank]
    function.__doc__ = f"""The largest of each window, with windows at random places.

    Args:
        input: (N, C, {shape}) or (C, {shape}), floating.
        kernel_size: of the windows; one number, or one for each dimension, as for the next two.
        output_size: how many windows there are.
        output_ratio: or that as a share of the input's sizes.
        return_indices: give `(values, indices)`, with the places in the last {rank} dimensions
            flattened.
        _random_samples: (N, C, {rank}), from 0 to 1: what to take instead of drawing.

    Raises:
        ArgumentError: with neither a size nor a ratio.
        ShapeError: for sizes that do not fit.
    """
    with_indices.__name__ = with_indices.__qualname__ = f"{name}_with_indices"
    with_indices.__doc__ = f"`{name}` with `return_indices=True`."
    return function, with_indices


fractional_max_pool2d, fractional_max_pool2d_with_indices = _fractional_max_pool(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _fractional_max_pool(3)
