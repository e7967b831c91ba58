"""Rows of a table looked up by index, one by one or added up in bags.

The gradient of the table is dense: where PyTorch's `sparse=True` gives the same numbers in a sparse
tensor, here it changes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import (
    ArgumentError,
    AssertedError,
    DTypeError,
    ShapeError,
    Unsupported,
)
from gradatim.ops._places import known_values, need_index
from gradatim.ops.gathering import embedding as rows_of
from gradatim.ops.loss_reduction import need_tensors
from gradatim.ops.norms import linalg_vector_norm
from gradatim.ops.reduce import widened
from gradatim.tensor import Tensor, op, wrap

__all__ = ["embedding_bag"]


def padding_place(padding_idx: int | None, rows: int, error: Any = AssertedError) -> int | None:
    """The padding's row counted from the front."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise error(
            f"Padding_idx must be within num_embeddings: from {-rows} to {rows - 1}, got "
            f"{padding_idx}"
        )
    return padding_idx % rows


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """The rows of `weight` that `input` names.

    Args:
        input: int64 or int32, any shape, not negative.
        weight: (words, features).
        padding_idx: this row gets no gradient; -1 is the last.
        max_norm: rows that are looked up and whose norm is larger are first scaled down to it, in
            `weight` itself.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide each row's gradient by how often `input` names it.
        sparse: accepted; gradients are dense.

    Returns:
        A tensor of shape `(*input.shape, features)`.

    Raises:
        AssertedError: for a `padding_idx` that is not there.
        ElementOutOfRange: for a row that is not there.

    Example:
        >>> import gradatim as gd
        >>> table = gd.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> gd.nn.functional.embedding(gd.tensor([1, 0]), table)
        tensor([[3., 4.],
                [1., 2.]])
    """
    need_tensors("embedding", input=input, weight=weight)
    place = padding_place(padding_idx, weight.size(0) if weight.ndim else 0)
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    return rows_of(weight, input, -1 if place is None else place, scale_grad_by_freq, sparse)


def _renormalize(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up down to `max_norm`, in place."""
    with no_grad():
        rows = rows_of(weight, input.reshape(-1))
        lengths = linalg_vector_norm(rows, norm_type, 1, keepdim=True)
        scale = ops.where(lengths > max_norm, max_norm / (lengths + 1e-7), 1.0)
        weight.index_copy_(0, input.reshape(-1).to(int64), rows * scale.to(rows.dtype))


# --- bags ----------------------------------------------------------------------------------------


def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None,
    norm_type: float = 2, scale_grad_by_freq: bool = False, mode: str = "mean",
    sparse: bool = False, per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """The sum, mean or largest of the rows of `weight` in each bag of indices. An empty bag is 0.

    Args:
        input: int64 or int32: bags of one size (bags, size), or all bags in one dimension.
        weight: (words, features).
        offsets: for a 1-d input, where each bag begins.
        max_norm, norm_type, scale_grad_by_freq, sparse: as for `embedding`.
        mode: "sum", "mean" or "max".
        per_sample_weights: of the input's shape and the weight's dtype, multiplies the rows; for
            "sum" alone.
        include_last_offset: the last of `offsets` is where the last bag ends.
        padding_idx: indices that say this row count for nothing.

    Returns:
        (bags, features).

    Raises:
        ArgumentError, ShapeError, DTypeError: for arguments that do not fit together.
        Unsupported: for `per_sample_weights` with another mode.
        ElementOutOfRange: for a row that is not there.

    Example:
        >>> import gradatim as gd
        >>> table = gd.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        >>> indices, begins = gd.tensor([0, 1, 2]), gd.tensor([0, 2])
        >>> gd.nn.functional.embedding_bag(indices, table, begins)
        tensor([[2., 3.],
                [5., 6.]])
    """
    need_tensors("embedding_bag", input=input, weight=weight)
    _check(input, weight, offsets, mode, scale_grad_by_freq, sparse, per_sample_weights)
    place = padding_place(padding_idx, weight.shape[0], ShapeError)
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    if input.ndim == 1:
        begins = _begins(offsets, input, include_last_offset)  # type: ignore[arg-type]
        if mode == "max":
            input, counted = _in_rows(input, begins)
            return _largest(input, weight, counted, place)
        return _sums(input, weight, begins, mode, per_sample_weights, place, scale_grad_by_freq)
    if not input.shape[1]:
        raise ShapeError("embedding_bag: bags of size 0: give offsets for empty bags")
    if mode == "max":
        return _largest(input, weight, None, place)
    return _sums(input, weight, None, mode, per_sample_weights, place, scale_grad_by_freq)


def _check(
    input: Tensor, weight: Tensor, offsets: Tensor | None, mode: str, scale_grad_by_freq: bool,
    sparse: bool, per_sample_weights: Tensor | None,
) -> None:  # fmt: skip
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ArgumentError(
            f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not None, "
            f"then it must have the same shape as the input ({list(input.shape)})"
        )
    if weight.ndim != 2:
        raise ArgumentError(
            f"embedding_bag: weight has to be a 2D Tensor, but got Tensor of dimension "
            f"{weight.ndim}"
        )
    if input.ndim == 2 and offsets is not None:
        raise ArgumentError(
            "embedding_bag: if input is 2D, then offsets has to be None, as input is treated as a "
            "mini-batch of fixed length sequences"
        )
    if input.ndim == 1 and (offsets is None or offsets.ndim != 1):
        got = "None" if offsets is None else f"shape {list(offsets.shape)}"
        raise ArgumentError(f"embedding_bag: offsets has to be a 1D Tensor but got {got}")
    if input.ndim not in (1, 2):
        raise ArgumentError(
            f"embedding_bag: input has to be 1D or 2D Tensor, but got Tensor of dimension "
            f"{input.ndim}"
        )
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f"embedding_bag: mode has to be one of sum, mean or max, got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ArgumentError(
            "embedding_bag: max mode does not support scaling the gradient by the frequency"
        )
    if mode == "max" and sparse:
        raise ArgumentError("embedding_bag: max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise Unsupported(
            f"embedding_bag: per_sample_weights is only supported for mode='sum' (got "
            f"mode={mode!r})"
        )
    need_index(input, "embedding_bag")
    if offsets is not None:
        need_index(offsets, "embedding_bag")
    if per_sample_weights is not None and per_sample_weights.dtype is not weight.dtype:
        raise DTypeError(
            f"embedding_bag: expected per_sample_weights of the weight's dtype "
            f"{weight.dtype.name}, got {per_sample_weights.dtype.name}: cast one with .to(...)"
        )


def _begins(offsets: Tensor, input: Tensor, include_last_offset: bool) -> Tensor:
    """Where each bag begins, int64."""
    known = known_values(offsets)
    if known is not None and known.size:
        if known[0] != 0:
            raise ShapeError(
                f"embedding_bag: offsets[0] has to be 0, i.e., the first sequence in the "
                f"mini-batch has to start from position 0. However, got {known[0]}"
            )
        if known[-1] > len(input):
            raise ShapeError(
                f"embedding_bag: offsets[-1] can not be greater than input's length {len(input)} "
                f"but got offsets[-1] of {known[-1]}"
            )
    if include_last_offset:
        if not len(offsets):
            raise ShapeError("include_last_offset: number of offset should be at least 1")
        offsets = offsets[:-1]
    return offsets.to(int64)


def _counted(input: Tensor, place: int | None) -> Tensor | None:
    """Which indices are no padding, if there is any."""
    return None if place is None else input != place


@op("EmbeddingBag")
def _sums(
    input: Tensor, weight: Tensor, begins: Tensor | None, mode: str,
    per_sample_weights: Tensor | None, place: int | None, scale_grad_by_freq: bool,
) -> Tensor:  # fmt: skip
    dtype = weight.dtype
    rows = wrap(widened(rows_of(weight, input, -1, scale_grad_by_freq)._read()))
    counted = _counted(input, place)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(-1)
    if counted is not None:
        rows = ops.where(counted.unsqueeze(-1), rows, 0.0)
    one_each = ops.ones_like(input, dtype=int64) if counted is None else counted.to(int64)
    if begins is None:
        total, count = ops.sum(rows, 1), ops.sum(one_each, 1)
    else:
        bags = _bags(begins, len(input))
        total = ops.zeros(len(begins), weight.shape[1], dtype=rows.dtype).index_add(0, bags, rows)
        count = ops.zeros(len(begins), dtype=int64).index_add(0, bags, one_each)
    if mode == "mean":
        total = total / ops.clamp(count, min=1).to(total.dtype).unsqueeze(1)
    return total.to(dtype)


def _bags(begins: Tensor, length: int) -> Tensor:
    """The bag of each index: how many bags begin at it or before it, less one."""
    marks = ops.zeros(length + 1, dtype=int64).index_add(0, begins, ops.ones_like(begins))
    return ops.cumsum(marks, 0)[:length] - 1


def _in_rows(input: Tensor, begins: Tensor) -> tuple[Tensor, Tensor]:
    """Bags of different sizes as rows of one matrix, and which of its places are filled. Its width
    is that of the largest bag: the offsets are computed now.
    """
    starts = begins._value()
    sizes = np.diff(starts, append=len(input))
    places = np.arange(max(int(sizes.max(initial=0)), 1))
    filled = places < sizes[:, None]
    if not len(input):
        return ops.zeros(filled.shape, dtype=input.dtype), ops.from_numpy(filled)
    where = np.minimum(starts[:, None] + places, len(input) - 1)
    return input[ops.from_numpy(where)], ops.from_numpy(filled)


@op("EmbeddingBag")
def _largest(input: Tensor, weight: Tensor, filled: Tensor | None, place: int | None) -> Tensor:
    """For each bag and feature the largest of the rows, the first of equal ones."""
    counted = _counted(input, place)
    if filled is not None:
        counted = filled if counted is None else counted & filled
    candidates = rows_of(weight.detach(), input)
    if counted is not None:
        candidates = ops.where(counted.unsqueeze(-1), candidates, -float("inf"))
    words = ops.gather(input.to(int64), 1, ops.argmax(candidates, 1))  # (bags, features)
    features = weight.shape[1]
    places = words * features + ops.arange(features)
    flat = p.reshape(weight._read(), (weight.numel(),))
    found = wrap(p.gather(flat, places._read()))
    if counted is None:
        return found
    return ops.where(ops.any(counted, 1, keepdim=True), found, 0.0)
