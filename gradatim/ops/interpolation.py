"""Resizing the last dimensions of a tensor: nearest, linear, cubic, and the means of areas.

Each dimension is resized by itself: a gather of the taps that `_taps.py` lists, times their
weights, and a sum over them; or, where each element becomes a whole number of them, the same of
slices.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, float32, float64, int32, int64, uint8
from gradatim.graph.errors import ArgumentError, ShapeError, UnsupportedDType, UnsupportedInput
from gradatim.graph.node import Node, Shape
from gradatim.ops import _taps
from gradatim.ops._places import to_front
from gradatim.ops._windows import constant_table
from gradatim.ops.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
)
from gradatim.ops.arguments import as_tensor_operand
from gradatim.ops.padding import padded_along, slice_along
from gradatim.tensor import Tensor, named

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

# --- along one dimension -------------------------------------------------------------------------


def taken(x: Node, axis: int, table: Node) -> Node:
    """The elements of an axis that a table `(taps, out)` of places in range names:
    `(..., taps, out, ...)`.

    Of the last axis, where neighbours lie side by side, each is looked up; of another, whole rows.
    """
    taps, out = table.shape
    if axis == x.ndim - 1:
        lead = x.shape[:axis]
        places = p.expand(p.reshape(table, (taps * out,)), (*lead, taps * out))
        return p.reshape(p.window_gather(x, places, 1), (*lead, taps, out))
    rows = p.gather(to_front(x, axis), table)
    return p.permute(rows, (*range(2, axis + 2), 0, 1, *range(axis + 2, rows.ndim)))


def _repeats(places: Any, n: int) -> int | None:
    """How often each element comes, if a table of places is 0 0 ... 1 1 ... n-1 n-1."""
    each, rest = divmod(len(places), n)
    alike = not rest and bool((places == np.repeat(np.arange(n), each)).all())
    return each if alike else None


@functools.lru_cache(maxsize=256)
def _nearest(n: int, out: int, factor: float | None, exact: bool) -> tuple[int | None, Any]:
    places = _taps.nearest(n, out, factor, exact)
    return _repeats(places, n), places[None]


def _nearest_table(*arguments: Any) -> Any:
    return _nearest(*arguments)[1]


def _resized_nearest(x: Node, axis: int, out: int, factor: float | None, exact: bool) -> Node:
    n = x.shape[axis]
    each, _ = _nearest(n, out, factor, exact)
    shape = (*x.shape[:axis], out, *x.shape[axis + 1 :])
    if each is not None:
        apart = p.reshape(x, (*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]))
        spread = p.expand(apart, (*x.shape[: axis + 1], each, *x.shape[axis + 1 :]))
        return p.reshape(spread, shape)
    return p.reshape(
        taken(x, axis, constant_table(_nearest_table, int64, n, out, factor, exact)), shape
    )


Arguments = tuple[str, int, int, bool, float | None, bool, Any]


@functools.lru_cache(maxsize=64)
def _weighted(
    kind: str, n: int, out: int, align_corners: bool, factor: float | None, antialias: bool,
    real: Any,
) -> _taps.Taps:  # fmt: skip
    if antialias:
        return _taps.antialiased(kind, n, out, align_corners, factor, real)
    tables = {"linear": _taps.linear, "cubic": _taps.cubic}
    return tables[kind](n, out, align_corners, factor, real)


def _places(*arguments: Any) -> Any:
    return _weighted(*arguments)[0]


def _weights(*arguments: Any) -> Any:
    return _weighted(*arguments)[1]


def _whole_weights(*arguments: Any) -> Any:
    return _taps.fixed_point(_taps.merged(_weighted(*arguments))[1])[0]


def _sum_of_taps(found: Node, weights: Node, axis: int) -> Node:
    """(..., taps, out, ...) times (taps, out), summed over the taps."""
    behind = found.ndim - axis - 2
    return p.sum_(p.mul(found, p.reshape(weights, (*weights.shape, *[1] * behind))), (axis,))


def _resized(x: Node, axis: int, arguments: Arguments) -> Node:
    found = taken(x, axis, constant_table(_places, int64, *arguments))
    return _sum_of_taps(found, constant_table(_weights, x.dtype, *arguments), axis)


def _before(*arguments: Any) -> Any:
    return _taps.in_phases(*arguments)[0]


def _phase_weights(*arguments: Any) -> Any:
    return _taps.in_phases(*arguments)[1]


def _in_phases(x: Node, axis: int, kind: str, each: int) -> Node:
    """The same where every element becomes `each`: slices of the line, moved by so many elements,
    in one loop. (At 4 million elements twice as fast as the gather, and so is its gradient.)
    """
    n, behind, real = x.shape[axis], [1] * (x.ndim - axis - 1), x.dtype.numpy.type
    before = p.reshape(constant_table(_before, bool_, kind, each, real), (each, *behind))
    weights = constant_table(_phase_weights, x.dtype, kind, each, real)
    taps = weights.shape[0]
    reach = taps // 2
    edged = padded_along(x, axis, reach, reach, "replicate")
    moved = []
    for offset in range(2 * reach + 1):
        line = slice_along(edged, axis, offset, offset + n)
        moved.append(p.reshape(line, (*line.shape[: axis + 1], 1, *line.shape[axis + 1 :])))
    total: Node | None = None
    for tap in range(taps):
        weight = p.reshape(p.slice_(weights, (tap, 0), (tap + 1, each), (1, 1)), (each, *behind))
        term = p.mul(p.select(before, moved[tap], moved[tap + 1]), weight)
        total = term if total is None else p.add(total, term)
    assert total is not None
    return p.reshape(total, (*x.shape[:axis], n * each, *x.shape[axis + 1 :]))


def _resized_bytes(x: Node, axis: int, arguments: Arguments) -> Node:
    """The same of uint8, in whole numbers: rounded after each dimension."""
    bits = _taps.fixed_point(_taps.merged(_weighted(*arguments))[1])[1]
    found = p.cast(taken(x, axis, constant_table(_places, int64, *arguments)), int32)
    total = _sum_of_taps(found, constant_table(_whole_weights, int32, *arguments), axis)
    half, shift = p.fixed(1 << (bits - 1), int32), p.fixed(bits, int32)
    rounded = p.shr(p.add(total, half), shift)
    most, least = p.constant(255, int32), p.constant(0, int32)
    return p.cast(p.maximum(p.minimum(rounded, most), least), uint8)


# --- all dimensions ------------------------------------------------------------------------------

Factors = tuple[float | None, ...]


def _check_sizes(x: Node, out: Shape, where: str) -> None:
    spatial = x.shape[2:]
    if 0 in x.shape[1:]:
        raise ShapeError(
            f"{where}: Non-empty {x.ndim}D data tensor expected but got a tensor with sizes "
            f"{list(x.shape)}"
        )
    if min(out) <= 0:
        raise ShapeError(
            f"{where}: Input and output sizes should be greater than 0, but got input "
            f"{list(spatial)} and output {list(out)}"
        )


def resize_nearest(x: Node, out: Shape, factors: Factors, exact: bool) -> Node:
    """(N, C, *spatial) to (N, C, *out), each element that of the nearest place."""
    _check_sizes(x, out, "interpolate")
    if not (x.dtype.is_floating_point or x.dtype is uint8):
        raise UnsupportedDType(
            f"interpolate: nearest is not implemented for {x.dtype.name}: cast it with .float()"
        )
    for axis in _in_order(x.shape[2:], out):
        x = _resized_nearest(x, axis, out[axis - 2], factors[axis - 2], exact)
    return x


def resize_weighted(
    x: Node, out: Shape, kind: str, align_corners: bool, factors: Factors, antialias: bool
) -> Node:
    """(N, C, *spatial) to (N, C, *out), each element a weighted sum of those near its place.

    Args:
        kind: "linear" or "cubic".
    """
    _check_sizes(x, out, "interpolate")
    given = x.dtype
    if given is uint8 and x.ndim == 4:
        # Rows last, as Pillow and PyTorch have it: the order shows in the rounding.
        for axis in (3, 2):
            if x.shape[axis] != out[axis - 2]:
                arguments = (
                    kind, x.shape[axis], out[axis - 2], align_corners, factors[axis - 2], antialias,
                    np.float64,
                )  # fmt: skip
                x = _resized_bytes(x, axis, arguments)
        return x
    if not given.is_floating_point:
        raise UnsupportedDType(
            f"interpolate: {kind} is not implemented for {given.name}: cast it with .float()"
        )
    wide = float64 if given is float64 else float32
    x = p.cast(x, wide)
    for axis in _in_order(x.shape[2:], out):
        n, o = x.shape[axis], out[axis - 2]
        if n == o and not (antialias and factors[axis - 2] not in (None, 1.0)):
            continue
        factor = factors[axis - 2]
        whole = o % n == 0 and factor in (None, o // n)
        if whole and not align_corners and not antialias:
            x = _in_phases(x, axis, kind, o // n)
        else:
            arguments = (kind, n, o, align_corners, factor, antialias, wide.numpy.type)
            x = _resized(x, axis, arguments)
    return p.cast(x, given)


LOOKUP = 6  # an element of the last dimension, in terms of one of a row that is moved as a whole


@functools.lru_cache(maxsize=256)
def _in_order(spatial: Shape, out: Shape) -> tuple[int, ...]:
    """The dimensions in the order that costs least: those first that shrink most or grow least,
    and the last, whose elements are looked up one by one, where they are few.
    """
    last = len(out) - 1
    rows = sorted(range(last), key=lambda k: out[k] / spatial[k])

    def cost(order: tuple[int, ...]) -> float:
        size, total = float(math.prod(spatial)), 0.0
        for k in order:
            size *= out[k] / spatial[k]
            total += size * (LOOKUP if k == last else 1)
        return total

    orders = [(*rows[:place], last, *rows[place:]) for place in range(last + 1)]
    return tuple(k + 2 for k in min(orders, key=cost))


# --- the function --------------------------------------------------------------------------------

_RANKS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_CLOSEST = ("nearest", "nearest-exact", "area")
_AREA: tuple[Callable[..., Tensor], ...] = (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d,
)  # fmt: skip


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:  # fmt: skip
    """An image, line or volume in another size.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W); floating, or uint8 for "nearest",
            "nearest-exact", "bilinear" and "bicubic".
        size: of the result's spatial dimensions; one number for all, or one for each.
        scale_factor: instead of `size`: what to multiply the sizes by.
        mode: "nearest", "nearest-exact" (as Pillow and scikit-image have it), "area" (the mean of
            what each element covers), "linear" (of lines), "bilinear", "bicubic" (of images) or
            "trilinear" (of volumes).
        align_corners: whether the middles of the corner elements stay where they are, instead of
            the outer edges. Not of the first three modes.
        recompute_scale_factor: take the step from the sizes that came out, not from
            `scale_factor`.
        antialias: for "bilinear" and "bicubic" that shrink: weigh all elements in between.

    Raises:
        ArgumentError: for arguments that do not go together.
        UnsupportedInput: for a mode that is not for this number of dimensions.
        ShapeError: for empty sizes.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([[[1.0, 3.0]]])
        >>> gd.nn.functional.interpolate(x, scale_factor=2)
        tensor([[[1., 1., 3., 3.]]])
        >>> gd.nn.functional.interpolate(x, size=4, mode="linear")
        tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    """
    x = as_tensor_operand(input, "interpolate")._read()
    if mode in _CLOSEST:
        if align_corners is not None:
            raise ArgumentError(
                "align_corners option can only be set with the interpolating modes: linear | "
                "bilinear | bicubic | trilinear"
            )
    elif mode not in _RANKS:
        raise UnsupportedInput(
            f"Input Error: unknown mode {mode!r}: expected nearest | linear | bilinear | bicubic | "
            f"trilinear | area | nearest-exact"
        )
    rank = x.ndim - 2
    out, factors = _sizes(x, size, scale_factor, recompute_scale_factor, mode)
    if antialias and not (mode in ("bilinear", "bicubic") and rank == 2):
        raise ArgumentError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            f"tensor as input, got mode={mode!r} and {x.ndim}-D"
        )
    if rank not in (1, 2, 3):
        raise UnsupportedInput(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {x.ndim}D)"
        )
    if mode == "area":
        return _AREA[rank - 1](input, out)
    if mode in _CLOSEST:
        exact = mode == "nearest-exact"
        name = f"Upsample{'NearestExact' if exact else 'Nearest'}{rank}D"
        return _result(resize_nearest(x, out, factors, exact), x, name)
    if _RANKS[mode] != rank:
        raise UnsupportedInput(
            f"Got {x.ndim}D input, but {mode} mode needs {_RANKS[mode] + 2}D input"
        )
    kind = "cubic" if mode == "bicubic" else "linear"
    node = resize_weighted(x, out, kind, bool(align_corners), factors, bool(antialias))
    name = f"Upsample{mode.capitalize()}{rank}D{'Aa' if antialias else ''}"
    return _result(node, x, name)


def _result(node: Node, x: Node, name: str) -> Tensor:
    return named(p.copy(x) if node is x else node, name)


def _sizes(
    x: Node, size: Any, scale_factor: Any, recompute: bool | None, mode: str
) -> tuple[Shape, Factors]:
    """The result's sizes, and the factors that its steps follow from (None: from the sizes)."""
    spatial = x.shape[2:]
    rank = len(spatial)
    if size is not None and scale_factor is not None:
        raise ArgumentError("only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ArgumentError("recompute_scale_factor is not meaningful with an explicit size.")
        sizes = _for_each(size, rank, "output size", x)
        return tuple(int(n) for n in sizes), (None,) * rank
    if scale_factor is None:
        raise ArgumentError("either size or scale_factor should be defined")
    factors = tuple(float(f) for f in _for_each(scale_factor, rank, "scale_factor", x))
    out = tuple(math.floor(float(n) * factor) for n, factor in zip(spatial, factors))
    if recompute or mode == "area":
        return out, (None,) * rank
    return out, factors


def _for_each(value: Any, rank: int, name: str, x: Node) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        return (value,) * rank
    if len(value) != rank:
        raise ArgumentError(
            f"Input and {name} must have the same number of spatial dimensions, got an input of "
            f"{list(x.shape)}, with the sizes {list(x.shape[2:])} behind batch and channels, and "
            f"{name} {list(value)}"
        )
    return tuple(value)


# --- older names ---------------------------------------------------------------------------------


def _says(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """`interpolate` under its older name."""
    _says("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with `mode="nearest"`."""
    _says("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with `mode="bilinear"` and `align_corners=True`."""
    _says("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
