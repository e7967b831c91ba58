"""`index_reduce`: slices of a dimension combined with those of another tensor."""

from __future__ import annotations

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError
from gradatim.ops._places import (
    TYPE_NAMES,
    flat,
    from_front,
    need_index,
    need_tensor,
    place_node,
    to_front,
)
from gradatim.ops._scatter_reductions import REDUCTIONS
from gradatim.ops.arguments import wrap_dim
from gradatim.tensor import Tensor, method, named

__all__ = ["index_reduce"]

_KINDS = ("prod", "mean", "amax", "amin")


@method()
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
    include_self: bool = True,
) -> Tensor:  # fmt: skip
    """`input` with each slice of `source` combined with the slice of `dim` that `index` says.

    Args:
        index: 1-d int64 or int32, not negative.
        source: of the input's dtype and shape, but with `len(index)` slices along `dim`.
        reduce: "prod", "mean", "amax" or "amin".
        include_self: whether the input's own slices take part where something is written.

    Raises:
        ShapeError, DTypeError: for a source or an index that does not fit.
        ElementOutOfRange: for a slice that is not there.

    Example:
        >>> import gradatim as gd
        >>> gd.ones(3).index_reduce(0, gd.tensor([1, 1]), gd.tensor([2.0, 3.0]), "prod")
        tensor([1., 6., 1.])
    """
    if reduce not in _KINDS:
        raise ArgumentError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    need_index(index, "index_reduce")
    need_tensor(source, "index_reduce(): argument 'source'")
    axis = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexOutOfRange(
            f"index_reduce(): Index is supposed to be a vector, but got shape {list(index.shape)}"
        )
    if source.dtype is not input.dtype:
        raise DTypeError(
            f"index_reduce(): self and source expected to have the same dtype, but got (self) "
            f"{TYPE_NAMES[input.dtype.name]} and (source) {TYPE_NAMES[source.dtype.name]}"
        )
    shape, given = tuple(input.shape), tuple(source.shape)
    expected = (*shape[:axis], index.numel(), *shape[axis + 1 :]) if shape else given
    if given != expected or (not shape and source.numel() != index.numel()):
        raise ShapeError(
            f"index_reduce(): expected source of shape {list(expected)} for an input of shape "
            f"{list(shape)} and {index.numel()} indices along dimension {axis}, but got "
            f"{list(given)}"
        )
    x, updates = input._read(), source._read()
    rows = to_front(x, axis) if shape else flat(x)
    updates = to_front(updates, axis) if given else flat(updates)
    width = p.constant(rows.size // max(rows.shape[0], 1), int64)
    place = flat(place_node(index, rows.shape[0], axis))
    column = p.reshape(p.iota((rows.size // max(rows.shape[0], 1),), 0, int64), rows.shape[1:])
    lead = p.reshape(p.mul(place, width), (place.size, *[1] * (rows.ndim - 1)))
    places = flat(p.add(lead, column)) if rows.ndim > 1 else place
    new = REDUCTIONS[reduce](flat(rows), places, flat(updates), include_self)
    new = p.reshape(new, rows.shape)
    return named(from_front(new, axis) if shape else p.reshape(new, ()), "IndexReduce")
