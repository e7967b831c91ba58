"""Reductions of segments that stand one after the other, and the diagonal filled in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradatim.ops.arguments import number_node, wrap_dim
from gradatim.ops.index_reducing import index_reduce
from gradatim.ops.scattering import index_add
from gradatim.tensor import Tensor, from_array, method, named, wrap

__all__ = ["segment_reduce"]

# What a reduction of no elements gives, and the name of its `index_reduce`.
_KINDS: dict[str, tuple[float, str]] = {
    "sum": (0, ""),
    "mean": (0, ""),
    "prod": (1, "prod"),
    "max": (-math.inf, "amax"),
    "min": (math.inf, "amin"),
}


def segment_reduce(
    data: Tensor, reduce: str, *, lengths: Tensor | None = None, indices: Tensor | None = None,
    offsets: Tensor | None = None, axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Tensor:  # fmt: skip
    """A dimension's segments, each reduced to one element.

    Args:
        data: floating, (*batch, n, ...).
        reduce: "sum", "mean", "max", "min" or "prod".
        lengths: (*batch, segments): how long each segment is; together they are n.
        offsets: (*batch, segments + 1): where each begins, and where the last ends, instead.
        axis: the dimension: that of the segments in `lengths`.
        unsafe: do not check the lengths.
        initial: what each reduction begins with.

    Raises:
        ArgumentError: for another reduction.
        ShapeError: for lengths that do not add up.

    Example:
        >>> import gradatim as gd
        >>> gd.segment_reduce(gd.tensor([1.0, 2.0, 5.0]), "max", lengths=gd.tensor([2, 1]))
        tensor([2., 5.])
    """
    if reduce not in _KINDS:
        raise ArgumentError(
            f"segment_reduce(): reduce must be one of {', '.join(_KINDS)}, got {reduce!r}"
        )
    if indices is not None or (lengths is None) == (offsets is None):
        raise ShapeError("segment_reduce(): expected either lengths or offsets")
    known = lengths if lengths is not None else offsets
    if not isinstance(known, Tensor):
        raise ArgumentTypeError(
            f"segment_reduce(): expected a Tensor of lengths, got {type(known).__name__}"
        )
    k = wrap_dim(axis, data.ndim)
    counts = known._value().astype(np.int64)
    if lengths is None:
        counts = np.diff(counts)
    shape = tuple(data.shape)
    if counts.ndim != k + 1 or counts.shape[:-1] != shape[:k]:
        raise ShapeError(
            f"segment_reduce(): expected lengths of shape {[*shape[:k], 'segments']} for data of "
            f"shape {list(shape)} and axis {k}, got {list(counts.shape)}"
        )
    if not unsafe and ((counts < 0).any() or (counts.sum(-1) != shape[k]).any()):
        raise ShapeError(
            f"segment_reduce(): expected lengths that are not negative and add up to {shape[k]}, "
            f"data's size along dimension {k}"
        )
    return _reduced(data, reduce, counts, k, initial)


def _reduced(data: Tensor, reduce: str, counts: Any, k: int, initial: Any) -> Tensor:
    shape = tuple(data.shape)
    neutral, name = _KINDS[reduce]
    start = neutral if initial is None else initial
    x = data._read()
    rows = wrap(p.reshape(x, (math.prod(shape[: k + 1]), *shape[k + 1 :])))
    base = p.expand(number_node(start, x.dtype), (counts.size, *shape[k + 1 :]))
    place = from_array(np.repeat(np.arange(counts.size), counts.reshape(-1)))
    if name:
        found = index_reduce(wrap(base), 0, place, rows, name)._read()
    else:
        found = index_add(wrap(base), 0, place, rows)._read()
    if reduce == "mean":
        divisor = counts.reshape(-1, *[1] * (len(shape) - k - 1)).astype(x.dtype.numpy)
        if initial is not None:
            divisor = np.maximum(divisor, 1)
        found = p.div(found, from_array(divisor, x.dtype)._read())
    return named(p.reshape(found, (*counts.shape, *shape[k + 1 :])), "SegmentReduce")


@method()
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """The main diagonal (elements whose indices are equal) made `fill_value`, in place.

    Args:
        wrap: of a matrix with more rows than columns, go on below it after one row.

    Raises:
        ShapeError: for a vector, or a tensor of more than two dimensions of several sizes.
    """
    shape = tuple(self.shape)
    if len(shape) < 2:
        raise ShapeError(f"dimensions must larger than 1, got {len(shape)}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ShapeError(f"all dimensions of input must be of equal length, got {list(shape)}")
    places = np.arange(min(shape))
    mask = np.zeros(shape, bool)
    mask[(places,) * len(shape)] = True
    if wrap and len(shape) == 2 and shape[0] > shape[1]:
        mask.reshape(-1)[:: shape[1] + 1] = True
    result: Tensor = self.masked_fill_(from_array(mask), fill_value)
    result._op = "FillDiagonal"
    return result
