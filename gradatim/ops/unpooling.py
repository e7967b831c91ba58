"""The reverse of max pooling, as far as there is one: each maximum back at its place, 0 elsewhere
(Zeiler and Fergus, 2014).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._places import need_tensor, place_node
from gradatim.ops._windows import each
from gradatim.tensor import Tensor, named

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


def _output_size(
    where: str, spatial: Shape, window: Shape, stride: Shape, padding: Shape, asked: Any
) -> Shape:
    """The sizes before pooling: those asked for, if pooling brings them to the input's."""
    rank = len(window)
    usual = tuple(
        (n - 1) * step + size - 2 * pad
        for n, size, step, pad in zip(spatial, window, stride, padding)
    )
    if asked is None:
        return usual
    wanted = tuple(int(n) for n in asked)
    if len(wanted) == rank + 2:
        wanted = wanted[2:]
    if len(wanted) != rank:
        raise ArgumentError(
            f"{where}: output_size should be a sequence containing {rank} or {rank + 2} elements, "
            f"but it has a length of '{len(wanted)}'"
        )
    for k, n in enumerate(wanted):
        if not usual[k] - stride[k] < n < usual[k] + stride[k]:
            raise ArgumentError(
                f"{where}: invalid output_size {list(wanted)} (dim {k} must be between "
                f"{usual[k] - stride[k]} and {usual[k] + stride[k]})"
            )
    return wanted


def _unpooled(x: Node, places: Node, out: Shape) -> Node:
    """(*lead, *spatial) to (*lead, *out). Where several maxima have one place, which windows that
    overlap bring about, the last stays; but all get that place's gradient, as in PyTorch."""
    lead = x.shape[: x.ndim - len(out)]
    planes, points, area = math.prod(lead), math.prod(x.shape[len(lead) :]), math.prod(out)
    values = p.reshape(x, (planes * points,))
    first = p.mul(p.iota((planes, 1), 0, int64), p.fixed(area, int64))
    index = p.reshape(p.add(p.reshape(places, (planes, points)), first), (planes * points,))
    zeros = p.full((planes * area,), 0, x.dtype, x.device)
    written = p.scatter_set(zeros, index, p.stop_gradient(values))
    if x.history:
        written = p.substitute(written, p.scatter_add(zeros, index, values))
    return p.reshape(written, (*lead, *out))


def _max_unpool(rank: int) -> Callable[..., Tensor]:
    name = f"max_unpool{rank}d"
    op = "Squeeze:1" if rank == 1 else f"MaxUnpool{rank}D"
    refusal = f"{name}: There should be exactly {rank} element{'s'[: rank > 1]} in each size"

    def function(
        input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:  # fmt: skip
        x = need_tensor(input, f"{name}(): input")._read()
        if need_tensor(indices, f"{name}(): indices").dtype is not int64:
            raise DTypeError(
                f"{name}: elements in indices should be type int64 but got: {indices.dtype.name}"
            )
        if x.ndim not in (rank + 1, rank + 2):
            raise ShapeError(
                f"{name}: Input to {name} should be a {rank + 1}d or {rank + 2}d Tensor, but got a "
                f"tensor with {x.ndim} dims."
            )
        if tuple(indices.shape) != x.shape:
            raise ShapeError(
                f"{name}: Expected shape of indices to be same as that of the input tensor "
                f"{list(x.shape)} but got indices tensor with shape: {list(indices.shape)}"
            )
        if 0 in x.shape[-rank - 1 :]:
            raise ShapeError(
                f"{name}: Expected input to have non-zero size for non-batch dimensions, but got "
                f"{list(x.shape)}"
            )
        window, pad = each(kernel_size, rank, refusal), each(padding, rank, refusal)
        step = window if stride is None or stride == () else each(stride, rank, refusal)
        if min(step) < 1:
            raise ShapeError(f"{name}: strides should be greater than zero, but got {step}")
        out = _output_size(name, x.shape[-rank:], window, step, pad, output_size)
        if min(out) < 1:
            raise ShapeError(f"{name}: the result would have sizes {list(out)}")
        places = place_node(indices, math.prod(out), x.ndim - rank)
        return named(_unpooled(x, places, out), op)

    function.__name__ = function.__qualname__ = name
    shape = {1: "L", 2: "H, W", 3: "D, H, W"}[rank]
    function.__doc__ = f"""Each element at the place that an index names, 0 elsewhere.

    Args:
        input: (N, C, {shape}) or (C, {shape}), what max pooling gave.
        indices: of the same shape, int64: the places it gave with `return_indices=True`.
        kernel_size, stride, padding: as of the pooling.
        output_size: the sizes before pooling, which several may lead to the same.

    Raises:
        ShapeError: for shapes that differ.
        ArgumentError: for sizes that pooling would not bring to the input's.
        ElementOutOfRange: for a place that is not there.
    """
    return function


max_unpool1d, max_unpool2d, max_unpool3d = map(_max_unpool, (1, 2, 3))
