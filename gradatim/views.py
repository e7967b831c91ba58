"""Views: where in a tensor's memory another tensor lies.

A view is a path of movement steps from its base. Reading a view applies the steps; writing to it
puts the new content back step by step, so that a new base results (functionalization): the graph
itself never mutates.

A step is a plain tuple, `("slice", starts, stops, steps)`, `("permute", axes)`,
`("reshape", shape)`, `("expand", shape)`, `("windows", axis, size, step)` (the windows of an axis,
laid along a new last one) or `("strided", shape, strides, offset)` (of what lies in row-major order
without gaps).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64, integer_range
from gradatim.graph.errors import ShapeError
from gradatim.graph.node import Node, Shape

Step = tuple[Any, ...]
Path = tuple[Step, ...]


def contiguous_strides(shape: Shape) -> Shape:
    """Row-major strides, in elements."""
    strides = []
    stride = 1
    for extent in reversed(shape):
        strides.append(stride)
        stride *= max(extent, 1)
    return tuple(reversed(strides))


def is_contiguous(shape: Shape, strides: Shape) -> bool:
    """Whether the elements lie one after the other in row-major order."""
    expected = 1
    for extent, stride in zip(reversed(shape), reversed(strides)):
        if extent == 0:
            return True
        if extent != 1:
            if stride != expected:
                return False
            expected *= extent
    return True


def overlaps_itself(shape: Shape, strides: Shape) -> bool:
    """Whether two elements share one place, as in an expanded tensor."""
    return any(extent > 1 and stride == 0 for extent, stride in zip(shape, strides))


# --- what a step does, to a Node, to an array, to (shape, strides, offset) -----------------------


def apply_step(x: Node, step: Step) -> Node:
    kind = step[0]
    if kind == "slice":
        return p.slice_(x, *step[1:])
    if kind == "permute":
        return p.permute(x, step[1])
    if kind == "reshape":
        return p.reshape(x, step[1])
    if kind == "expand":
        return p.expand(x, step[1])
    if kind == "strided":
        return p.gather(p.reshape(x, (x.size,)), _strided_places(x, step))
    axis = step[1]
    found = p.gather(p.permute(x, _axis_first(x, axis)), _window_places(x, step))
    order = (*range(2, axis + 2), 0, *range(axis + 2, x.ndim + 1), 1)
    return p.permute(found, order)


def _axis_first(x: Node, axis: int) -> Shape:
    return (axis, *(k for k in range(x.ndim) if k != axis))


def _strided_places(x: Node, step: Step) -> Node:
    """Where each element of a strided view lies among those of `x`."""
    shape, strides, offset = step[1:]
    places = p.full(shape, offset, int64, x.device)
    for axis, (extent, stride) in enumerate(zip(shape, strides)):
        if extent > 1 and stride:
            line = p.iota(shape, axis, int64, x.device)
            places = p.add(places, p.mul(line, p.constant(stride, int64, x.device)))
    return places


def _window_places(x: Node, step: Step) -> Node:
    """(windows, size): which place of the axis each place of each window is."""
    axis, size, stride = step[1:]
    count = (x.shape[axis] - size) // stride + 1
    first = p.mul(p.iota((count, size), 0, int64, x.device), p.constant(stride, int64, x.device))
    return p.add(first, p.iota((count, size), 1, int64, x.device))


def apply_path(x: Node, path: Path) -> Node:
    """The view as a Node, from its base."""
    for step in path:
        x = apply_step(x, step)
    return x


def apply_to_array(x: np.ndarray[Any, Any], path: Path) -> np.ndarray[Any, Any]:
    """The view of an array, in the same memory."""
    for step in path:
        kind = step[0]
        if kind == "slice":
            x = x[(*map(slice, *step[1:]), ...)]
        elif kind == "permute":
            x = x.transpose(step[1])
        elif kind == "reshape":
            x = x.reshape(step[1])
        elif kind == "expand":
            x = np.broadcast_to(x, step[1])
        elif kind == "strided":
            x = x.reshape(-1)[min(step[3], x.size) :]
            x = np.lib.stride_tricks.as_strided(
                x, step[1], tuple(n * x.itemsize for n in step[2]), writeable=x.flags.writeable
            )
        else:
            axis, size, stride = step[1:]
            x = np.lib.stride_tricks.sliding_window_view(
                x, size, axis, writeable=x.flags.writeable
            )[(*(slice(None),) * axis, slice(None, None, stride))]
    return x


def put(x: Node, path: Path, new: Node) -> Node:
    """The base `x` with the content of the view replaced by `new`."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    kind = step[0]
    if kind == "expand" and rest:
        return _put_below_expand(x, step, rest, new)
    if kind in ("strided", "windows"):
        return _put_by_place(x, path, new)
    if rest:
        new = put(apply_step(x, step), rest, new)
    if kind == "permute":
        axes = step[1]
        return p.permute(new, tuple(axes.index(k) for k in range(len(axes))))
    if kind == "reshape":
        return p.reshape(new, x.shape)
    if kind == "expand":
        raise ShapeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    starts, _, steps = step[1:]
    if new.shape == x.shape:
        return new
    return p.update_slice(x, new, [p.constant(a, int64, x.device) for a in starts], steps)


def _put_by_place(x: Node, path: Path, new: Node) -> Node:
    """Write to a view that may hold an element of `x` more than once: of what is written to one
    place the last stays, and what the view does not show stays as it is."""
    line = p.reshape(p.iota((x.size,), 0, int64, x.device), x.shape)
    places = p.reshape(apply_path(line, path), (new.size,))
    flat = p.scatter_set(p.reshape(x, (x.size,)), places, p.reshape(new, (new.size,)))
    return p.reshape(flat, x.shape)


def _put_below_expand(x: Node, step: Step, rest: Path, new: Node) -> Node:
    """Write to a part of an expanded tensor in which no element comes twice: of all the places
    that stand for one element of `x`, at most one is written.
    """
    wide = apply_step(x, step)
    content = put(wide, rest, new)
    blank = p.full(wide.shape, False, bool_, x.device)
    written = put(blank, rest, p.full(new.shape, True, bool_, x.device))
    lead = wide.ndim - x.ndim
    axes = tuple(k for k, n in enumerate(wide.shape) if k < lead or x.shape[k - lead] != n)
    if x.dtype.is_floating_point:
        lowest: float | bool = -math.inf
    else:
        lowest = integer_range(x.dtype)[0] if x.dtype.is_integer else False
    filler = p.constant(lowest, x.dtype, x.device)
    value = p.reshape(p.max_(p.select(written, content, filler), axes), x.shape)
    return p.select(p.reshape(p.max_(written, axes), x.shape), value, x)


def has_slice(path: Path) -> bool:
    """Whether the path leaves something out, or reads it more than once."""
    return any(step[0] in ("slice", "strided", "windows") for step in path)


# --- strides -------------------------------------------------------------------------------------


def sliced(shape: Shape, strides: Shape, step: Step) -> tuple[Shape, Shape, int]:
    """Shape, strides and added offset of a slice."""
    starts, stops, steps = step[1:]
    new_shape = tuple(max(0, -(-(b - a) // s)) for a, b, s in zip(starts, stops, steps))
    offset = sum(a * t for a, t, n in zip(starts, strides, shape) if n)
    return new_shape, tuple(s * t for s, t in zip(steps, strides)), offset


def memory_order(shape: Shape, strides: Shape) -> Shape | None:
    """The order of the dimensions in which the elements lie in memory one after the other, or None
    if there are gaps between them."""
    order = tuple(sorted(range(len(shape)), key=lambda k: (-strides[k], k)))
    order = tuple(k for k in order if shape[k] == 1) + tuple(k for k in order if shape[k] != 1)
    dense = is_contiguous(tuple(shape[k] for k in order), tuple(strides[k] for k in order))
    return order if dense else None


def expanded_strides(shape: Shape, strides: Shape, new_shape: Shape) -> Shape:
    """Strides after a broadcast: 0 along every dimension that grew."""
    lead = len(new_shape) - len(shape)
    result = [0] * lead
    for extent, stride, wide in zip(shape, strides, new_shape[lead:]):
        result.append(stride if extent == wide else 0)
    return tuple(result)


def reshaped_strides(shape: Shape, strides: Shape, new_shape: Shape) -> Shape | None:
    """The strides with which the same memory reads as `new_shape`, or None if there are none.

    The old dimensions fall into runs in which each one steps over the whole of the next; a run can
    be cut anew at will, and no new dimension may cross from one run into another.
    """
    if math.prod(shape) == 0:
        return contiguous_strides(new_shape)
    runs: list[list[int]] = []  # [elements, stride of the last dimension]
    for extent, stride in zip(shape, strides):
        if extent == 1:
            continue
        if runs and runs[-1][1] == stride * extent:
            runs[-1] = [runs[-1][0] * extent, stride]
        else:
            runs.append([extent, stride])
    result = [0] * len(new_shape)
    k = len(new_shape) - 1
    for elements, step in reversed(runs):
        left, stride = elements, step
        while left > 1 or (k >= 0 and new_shape[k] == 1):
            if k < 0 or left % new_shape[k]:
                return None
            result[k] = stride
            stride *= new_shape[k]
            left //= new_shape[k]
            k -= 1
    while k >= 0:  # what is left has size 1
        if new_shape[k] != 1:
            return None
        result[k] = result[k + 1] * new_shape[k + 1] if k + 1 < len(new_shape) else 1
        k -= 1
    return tuple(result)
