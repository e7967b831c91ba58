"""Writing elements to places that a tensor of indices names. None of these changes its input; the
methods whose names end in `_` do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import (
    ArgumentTypeError,
    DTypeError,
    IndexOutOfRange,
    ShapeError,
)
from gradatim.graph.gradients import along_axis
from gradatim.graph.node import Node
from gradatim.ops._places import (
    TYPE_NAMES,
    flat,
    from_front,
    known_values,
    need_index,
    need_tensor,
    place_node,
    to_front,
)
from gradatim.ops._scatter_reductions import REDUCTIONS
from gradatim.ops.arguments import as_number, is_number, number_node, wrap_dim
from gradatim.ops.inplace import in_place
from gradatim.tensor import Tensor, method, named

# --- at one place of `dim` for each element of the index -----------------------------------------


def _places_and_updates(
    input: Tensor, dim: int, index: Tensor, src: Any, where: str
) -> tuple[Node, Node] | None:
    """The places in the flattened input, and what goes there; None if there is nothing to write.

    Raises:
        ShapeError: for an index or source of another rank, or an index larger than either.
        DTypeError: for a source of another dtype.
    """
    need_index(index, where)
    axis = wrap_dim(dim, input.ndim)
    if isinstance(src, Tensor) and src.dtype is not input.dtype:
        raise DTypeError(
            f"{where}(): Expected self.dtype to be equal to src.dtype, got {input.dtype.name} and "
            f"{src.dtype.name}: cast src with .to({input.dtype.name})"
        )
    if not index.numel():
        return None
    shape, given = tuple(input.shape) or (1,), tuple(index.shape) or (1,)
    if len(given) != len(shape):
        raise ShapeError(
            f"Index tensor must have the same number of dimensions as self tensor, got shapes "
            f"{list(index.shape)} and {list(input.shape)}"
        )
    source = (tuple(src.shape) or (1,)) if isinstance(src, Tensor) else given
    if len(source) != len(given):
        raise ShapeError(
            f"Index tensor must have the same number of dimensions as src tensor, got shapes "
            f"{list(index.shape)} and {list(src.shape)}"
        )
    if any(n > s or (k != axis and n > m) for k, (n, m, s) in enumerate(zip(given, shape, source))):
        text = (
            f"Expected index {list(given)} to be no larger than self {list(shape)} apart from "
            f"dimension {axis}"
        )
        if isinstance(src, Tensor):
            text += f" and to be no larger size than src {list(source)}"
        raise ShapeError(text)
    places = p.reshape(place_node(index, shape[axis], axis), given)
    places = flat(along_axis(places, shape, axis))
    if isinstance(src, Tensor):
        updates = p.slice_(
            p.reshape(src._read(), source), (0,) * len(given), given, (1,) * len(given)
        )
        return places, flat(updates)
    return places, p.expand(_number(src, input), places.shape)


def _number(value: Any, input: Tensor) -> Node:
    if not is_number(value):
        raise ArgumentTypeError(
            f"expected a Tensor or a number to write, got {type(value).__name__}"
        )
    return number_node(as_number(value), input.dtype)


@method()
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """`input` with each element of `src` at the place of `dim` that `index` says, and otherwise its
    own coordinates: `out[index[i][j]][j] = src[i][j]` for `dim=0`. Of several the last stays.

    Args:
        index: int64 or int32, not negative; no larger than `src`, nor than `input` except along
            `dim`.
        src: a tensor of the input's dtype, or a number (`value` is another name for that).
        reduce: "add" or "multiply" to combine with what is there.

    Raises:
        ShapeError, DTypeError: for an index or source that does not fit.
        ElementOutOfRange: for a place that is not there.

    Example:
        >>> import gradatim as gd
        >>> gd.zeros(2, 3).scatter(1, gd.tensor([[2], [0]]), 1.0)
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """
    if (src is None) == (value is None):
        raise ArgumentTypeError("scatter() expects either src or value")
    source = value if src is None else src
    if reduce not in (None, "add", "multiply"):
        raise ShapeError(f"reduce argument must be either add or multiply, got {reduce!r}.")
    found = _places_and_updates(input, dim, index, source, "scatter")
    title = "Scatter" if isinstance(source, Tensor) else "Scatter:1"
    if found is None:
        return named(p.copy(input._read()), title)
    x = flat(input._read())
    if reduce == "add":
        new = p.scatter_add(x, *found)
    elif reduce == "multiply":
        new = REDUCTIONS["prod"](x, *found, True)
    else:
        new = p.scatter_set(x, *found)
    return named(p.reshape(new, tuple(input.shape)), title)


@method()
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with each element of `src` added where `scatter` would put it.

    Example:
        >>> import gradatim as gd
        >>> gd.zeros(3).scatter_add(0, gd.tensor([0, 0, 2]), gd.tensor([1.0, 2.0, 3.0]))
        tensor([3., 0., 3.])
    """
    need_tensor(src, "scatter_add(): argument 'src'")
    return _scatter_reduced(input, dim, index, src, "sum", True, "scatter", "ScatterAdd")


@method()
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """`input` with each element of `src` combined with what is where `scatter` would put it.

    Args:
        reduce: "sum", "prod", "mean", "amax" or "amin". Equal largest (smallest) elements share the
            gradient equally.
        include_self: whether the input's elements take part where something is written.
    """
    if reduce not in REDUCTIONS:
        raise ShapeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    need_tensor(src, "scatter_reduce(): argument 'src'")
    return _scatter_reduced(
        input, dim, index, src, reduce, include_self, "scatter_reduce", "ScatterReduce"
    )


def _scatter_reduced(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool,
    where: str, title: str,
) -> Tensor:  # fmt: skip
    found = _places_and_updates(input, dim, index, src, where)
    if found is None:
        return named(p.copy(input._read()), title)
    new = REDUCTIONS[reduce](flat(input._read()), *found, include_self)
    return named(p.reshape(new, tuple(input.shape)), title)


# --- whole slices of `dim` -----------------------------------------------------------------------


def _rows(x: Node, axis: int) -> Node:
    return to_front(x, axis) if x.ndim else p.reshape(x, (1,))


def _from_rows(rows: Node, axis: int, x: Node) -> Node:
    return from_front(rows, axis) if x.ndim else p.reshape(rows, ())


def _slice_places(
    input: Tensor, axis: int, index: Tensor, wraps: bool = False, checks: bool = False
) -> Node:
    size = input.shape[axis] if input.ndim else 1
    return flat(place_node(index, size, axis, wraps=wraps, checks=checks))


@method()
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """`input` with `alpha` times each slice of `source` added to the slice of `dim` that `index`
    (1-d, not negative) says.

    Args:
        source: of the input's dtype and shape, but with `len(index)` slices along `dim`.

    Example:
        >>> import gradatim as gd
        >>> gd.zeros(3).index_add(0, gd.tensor([1, 1]), gd.tensor([1.0, 2.0]))
        tensor([0., 3., 0.])
    """
    need_index(index, "index_add_")
    need_tensor(source, "index_add(): argument 'source'")
    axis = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexOutOfRange(
            f"index_add_(): Index is supposed to be a vector, but got dim: {index.ndim} with type: "
            f"{TYPE_NAMES[index.dtype.name]} and size: {list(index.shape)}"
        )
    if source.dtype is not input.dtype:
        raise DTypeError(
            f"index_add_(): self ({TYPE_NAMES[input.dtype.name]}) and source "
            f"({TYPE_NAMES[source.dtype.name]}) must have the same scalar type"
        )
    if source.ndim and source.shape[wrap_dim(dim, source.ndim)] != index.numel():
        raise ShapeError(
            f"index_add_(): Number of indices ({index.numel()}) should be equal to "
            f"source.size(dim): ({source.shape[wrap_dim(dim, source.ndim)]}), for dim: {axis}"
        )
    if source.ndim != input.ndim or any(
        n != m for k, (n, m) in enumerate(zip(source.shape, input.shape)) if k != axis
    ):
        raise ShapeError(
            f"source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(input.shape)} source.shape = {list(source.shape)}"
        )
    x = input._read()
    updates = _rows(source._read(), axis)
    if alpha != 1:
        updates = p.mul(updates, number_node(as_number(alpha), x.dtype))
    new = p.scatter_add(_rows(x, axis), _slice_places(input, axis, index), updates)
    return named(_from_rows(new, axis, x), "IndexAdd")


@method()
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """`input` with the slices of `dim` that `index` (1-d, not negative) says replaced by those of
    `source`. Of several the last stays.
    """
    need_index(index, "index_copy_", (int64,))
    need_tensor(source, "index_copy(): argument 'source'")
    axis = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexOutOfRange(
            f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})"
        )
    if source.ndim != input.ndim and source.ndim and input.ndim:
        raise IndexOutOfRange(
            f"index_copy_(): When source and destination are not scalars, their dimensionality "
            f"must match. Source dimensionality ({source.ndim}), destination dimensionality "
            f"({input.ndim})"
        )
    if source.dtype is not input.dtype:
        raise DTypeError(
            f"index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{TYPE_NAMES[input.dtype.name]} and (source) {TYPE_NAMES[source.dtype.name]}"
        )
    x, updates = input._read(), source._read()
    updates = p.reshape(updates, (1,)) if source.ndim == 0 else to_front(updates, axis)
    rows = _rows(x, axis)
    if updates.shape[1:] != rows.shape[1:]:
        raise ShapeError(
            f"index_copy_(): Source/destination tensor must have same slice shapes. Destination "
            f"slice shape: {list(rows.shape[1:])} and source slice shape: "
            f"{list(updates.shape[1:])} at dimension {axis}."
        )
    if updates.shape[0] != index.numel():
        raise IndexOutOfRange(
            f"index_copy_(): Number of indices ({index.numel()}) should be equal to "
            f"source.size(dim) ({updates.shape[0]})"
        )
    new = p.scatter_set(rows, _slice_places(input, axis, index), updates)
    return named(_from_rows(new, axis, x), "IndexCopy")


@method()
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """`input` with `value` (a number or a 0-d tensor) in the slices of `dim` that `index` says; -1
    is the last.
    """
    need_index(index, "index_fill_", (int64,), IndexOutOfRange)
    axis = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise ShapeError(f"Index has to be a vector/scalar, got shape {list(index.shape)}")
    x = input._read()
    if isinstance(value, Tensor):
        if value.ndim:
            raise ShapeError(
                f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s)."
            )
        fill, title = p.cast(value._read(), x.dtype), "IndexFill:1"
    else:
        fill, title = _number(value, input), "IndexFill"
    rows = _rows(x, axis)
    places = _slice_places(input, axis, index, wraps=True)
    # (Where a place is named twice its gradient must count once: so it is chosen, not written.)
    none = p.full((rows.shape[0],), False, bool_)
    chosen = p.scatter_set(none, places, p.full(places.shape, True, bool_))
    chosen = p.reshape(chosen, (rows.shape[0], *[1] * (rows.ndim - 1)))
    return named(_from_rows(p.select(*_broadcast(chosen, fill, rows)), axis, x), title)


def _broadcast(*nodes: Node) -> list[Node]:
    shape = p.broadcast(*(node.shape for node in nodes))
    return [p.expand(node, shape) for node in nodes]


# --- places in the flattened tensor --------------------------------------------------------------


@method()
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with the elements of `source` at (or, with `accumulate`, added to) the places in the
    flattened tensor that `index` says; -1 is the last.
    """
    need_index(index, "put_", (int64,))
    need_tensor(source, "put_(): argument 'source'")
    if source.dtype is not input.dtype:
        raise DTypeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{TYPE_NAMES[input.dtype.name]} and source.dtype = {TYPE_NAMES[source.dtype.name]}"
        )
    if source.numel() != index.numel():
        raise IndexOutOfRange(
            f"put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source.numel()}, index.numel() = {index.numel()}"
        )
    places = flat(place_node(index, input.numel(), 0, wraps=True, checks=False))
    write = p.scatter_add if accumulate else p.scatter_set
    new = write(flat(input._read()), places, flat(source._read()))
    return named(p.reshape(new, tuple(input.shape)), "Put")


method("put_")(in_place(put))


@method()
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the elements of `source`, one after the other, where the mask holds. Input and
    mask broadcast.

    Raises:
        ShapeError: if the source has too few elements (if the mask is not computed yet, then when
            it is, as an ElementOutOfRange).

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([1, 2, 3])
        >>> x.masked_scatter(x > 1, gd.tensor([7, 8, 9]))
        tensor([1, 7, 8])
    """
    if need_tensor(mask, "masked_scatter(): mask").dtype is not bool_:
        raise DTypeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype "
            f"{TYPE_NAMES[mask.dtype.name]}: make one with a comparison, or .bool()"
        )
    if need_tensor(source, "masked_scatter(): source").dtype is not input.dtype:
        raise DTypeError(
            f"masked_scatter: expected self and source to have same dtypes but got "
            f"{TYPE_NAMES[input.dtype.name]} and {TYPE_NAMES[source.dtype.name]}"
        )
    shape = p.broadcast(tuple(input.shape), tuple(mask.shape))
    known = mask._value() if not source.numel() else known_values(mask)
    if known is not None and (count := int(np.broadcast_to(known, shape).sum())) > source.numel():
        raise ShapeError(
            f"Number of elements of source < number of ones in mask: got {source.numel()} and "
            f"{count}"
        )
    x = p.expand(input._read(), shape)
    if not source.numel():
        return named(p.copy(x), "MaskedScatter")
    holds = flat(p.expand(mask._read(), shape))
    count_before = p.sub(p.cumsum(p.cast(holds, int64), 0), p.constant(1, int64))
    places = p.select(holds, count_before, p.constant(0, int64))
    found = p.reshape(p.gather(flat(source._read()), places), shape)
    return named(p.select(p.reshape(holds, shape), found, x), "MaskedScatter")
