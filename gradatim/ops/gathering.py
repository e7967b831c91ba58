"""Reading elements at places that a tensor of indices names."""

from __future__ import annotations

import math

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import DTypeError, ElementOutOfRange, IndexOutOfRange, ShapeError
from gradatim.graph.gradients import along_axis
from gradatim.graph.node import Node
from gradatim.ops._places import (
    TYPE_NAMES,
    array_node,
    flat,
    from_front,
    known_values,
    need_index,
    need_tensor,
    place_node,
    to_front,
)
from gradatim.ops.arguments import wrap_dim
from gradatim.tensor import Tensor, method, named, wrap


@method()
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of a dimension that `index` (1-d int64 or int32, not negative) names, as a copy.

    Raises:
        IndexOutOfRange: for a place that is not there.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([[1, 2, 3], [4, 5, 6]]).index_select(1, gd.tensor([2, 0]))
        tensor([[3, 1],
                [6, 4]])
    """
    need_index(index, "index_select")
    axis = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexOutOfRange(
            f"index_select(): Index is supposed to be a vector, got shape {list(index.shape)}"
        )
    x = input._read()
    if x.ndim == 0:
        if index.numel() != 1:
            raise ShapeError(
                f"index_select(): Index to scalar can have only 1 value, got {index.numel()} "
                f"value(s)"
            )
        return named(p.reshape(p.gather(flat(x), place_node(index, 1, 0)), ()), "IndexSelect")
    places = flat(place_node(index, x.shape[axis], axis, checks=False))
    return named(from_front(p.gather(to_front(x, axis), places, axis), axis), "IndexSelect")


@method()
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """For each element of `index` the element of `input` at that place of `dim`; the other
    coordinates are the element's own: `out[i][j] = input[i][index[i][j]]` for `dim=1`.

    Args:
        index: int64 or int32, not negative, with as many dimensions as the input, and no larger
            than it except along `dim`.

    Raises:
        ShapeError: for an index of another rank, or larger.
        ElementOutOfRange: for a place that is not there.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([[1, 2], [3, 4]]).gather(1, gd.tensor([[0, 0], [1, 0]]))
        tensor([[1, 1],
                [4, 3]])
    """
    if need_tensor(index, "gather(): argument 'index'").numel():
        need_index(index, "gather")
    axis = wrap_dim(dim, input.ndim)
    shape = tuple(input.shape) or (1,)
    given = tuple(index.shape)
    x = input._read()
    if not index.numel():
        return named(p.gather(flat(x), array_node(np.zeros(given, np.int64))), "Gather")
    if len(given or (1,)) != len(shape):
        raise ShapeError(
            f"Index tensor must have the same number of dimensions as input tensor, got shapes "
            f"{list(given)} and {list(input.shape)}"
        )
    for k, n in enumerate(given):
        if k != axis and n > shape[k]:
            raise ShapeError(
                f"Size does not match at dimension {k} expected index {list(given)} to be no "
                f"larger than self {list(shape)} apart from dimension {axis}"
            )
    places = place_node(index, shape[axis], axis, checks=len(shape) > 1)
    if places.ndim:
        places = along_axis(places, shape, axis)
    return named(p.gather(flat(x), places, axis), "Gather")


@method()
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements of the flattened input at the places in `index` (int64; -1 is the last), in the
    index's shape.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([[1, 2], [3, 4]]).take(gd.tensor([0, -1]))
        tensor([1, 4])
    """
    need_index(index, "take", (int64,))
    if not input.numel() and index.numel():
        raise IndexOutOfRange("take(): tried to take from an empty tensor")
    places = place_node(index, input.numel(), 0, wraps=True, checks=False)
    return named(p.gather(flat(input._read()), places), "Take")


@method()
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` with the two broadcast against each other in all other dimensions, and -1 the last
    place. What `argsort` and `argmax(keepdim=True)` give fits as `indices`.

    Args:
        indices: int64, with as many dimensions as the input.
        dim: if None, both are flattened.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([[3, 1], [2, 4]])
        >>> x.take_along_dim(x.argmax(1, keepdim=True), 1)
        tensor([[3],
                [4]])
    """
    if need_tensor(indices, "take_along_dim(): indices").dtype is not int64:
        raise DTypeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got "
            f"{TYPE_NAMES[indices.dtype.name]}: cast it with .long()"
        )
    if dim is None:
        places = place_node(indices, input.numel(), 0, wraps=True, checks=False)
        return named(p.gather(flat(input._read()), flat(places)), "Gather")
    if input.ndim != indices.ndim:
        raise ShapeError(
            f"torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    axis = wrap_dim(dim, input.ndim)
    x = input._read()
    if x.ndim == 0:
        return named(p.gather(flat(x), place_node(indices, 1, 0, wraps=True)), "Gather")
    places = place_node(indices, x.shape[axis], axis, wraps=True)
    others_x = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    others = (*places.shape[:axis], 1, *places.shape[axis + 1 :])
    common = p.broadcast(others_x, others)
    x = p.expand(x, (*common[:axis], x.shape[axis], *common[axis + 1 :]))
    places = p.expand(places, (*common[:axis], places.shape[axis], *common[axis + 1 :]))
    return named(p.gather(flat(x), along_axis(places, x.shape, axis)), "Gather")


@method()
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, in order, in one dimension; the two broadcast.

    How many there are depends on values: the mask is computed now.
    """
    if need_tensor(mask, "masked_select(): mask").dtype is not bool_:
        raise DTypeError(
            f"masked_select: expected BoolTensor for mask, got {TYPE_NAMES[mask.dtype.name]}: make "
            f"one with a comparison, or .bool()"
        )
    shape = p.broadcast(tuple(mask.shape), tuple(input.shape))
    places = array_node(np.flatnonzero(np.broadcast_to(mask._value(), shape)))
    return named(p.gather(flat(p.expand(input._read(), shape)), places), "MaskedSelect")


# --- classes and words ---------------------------------------------------------------------------


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at each class's place and 0 elsewhere: int64, of the tensor's shape and one dimension more.

    Args:
        tensor: int64, from 0 to `num_classes - 1`.
        num_classes: -1 for the largest class and 1; the classes are computed for that.

    Raises:
        ElementOutOfRange: for a class outside; at once if the classes are known, else when they
            are.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.one_hot(gd.tensor([1, 0]), 3)
        tensor([[0, 1, 0],
                [1, 0, 0]])
    """
    if need_tensor(tensor, "one_hot(): tensor").dtype is not int64:
        raise DTypeError(
            f"one_hot is only applicable to index tensor of type LongTensor, got "
            f"{TYPE_NAMES[tensor.dtype.name]}: cast it with .long()"
        )
    known = tensor._value() if num_classes == -1 else known_values(tensor)
    if num_classes == -1:
        if not tensor.numel():
            raise ShapeError(
                "Can not infer total number of classes from empty tensor: give num_classes"
            )
        num_classes = int(known.max()) + 1  # type: ignore[union-attr]
    if known is not None and known.size:
        if known.min() < 0:
            raise ElementOutOfRange(f"Class values must be non-negative. Got {known.min()}")
        if known.max() >= num_classes:
            raise ElementOutOfRange(
                f"Class values must be smaller than num_classes. Got {known.max()} of {num_classes}"
            )
    if num_classes < 0 or (num_classes == 0 and tensor.numel()):
        raise ShapeError(
            f"Class values must be smaller than num_classes. num_classes must be positive, got "
            f"{num_classes}"
        )
    classes = tensor._read()
    if known is None:
        classes = place_node(tensor, num_classes, 0)
    column = p.reshape(classes, (*classes.shape, 1))
    return wrap(p.cast(p.eq(column, p.iota((num_classes,), 0, int64)), int64))


def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` that `indices` name: `weight[indices]`.

    Args:
        weight: (words, features).
        indices: int64 or int32, of any shape, not negative.
        padding_idx: this row gets no gradient; -1 for none.
        scale_grad_by_freq: divide each row's gradient by how often `indices` names it.
        sparse: accepted; gradients are dense.

    Returns:
        A tensor of shape `(*indices.shape, features)`.

    Raises:
        ElementOutOfRange: for a row that is not there.
    """
    if need_tensor(weight, "embedding(): weight").ndim != 2:
        raise ShapeError(f"'weight' must be 2-D, got shape {list(weight.shape)}")
    need_index(indices, "embedding")
    rows = weight.shape[0]
    places = place_node(indices, rows, 0, checks=False)
    found = p.gather(weight._read(), places)
    if found.history:
        found = _with_gradient_of(found, places, rows, padding_idx, scale_grad_by_freq)
    return named(found, "Embedding")


def _with_gradient_of(
    found: Node, places: Node, rows: int, padding_idx: int, scale_grad_by_freq: bool
) -> Node:
    """The rows found, with the gradient changed: none for padding, less for frequent rows."""
    column = (*places.shape, 1)
    original = found
    if scale_grad_by_freq:
        one = p.full((math.prod(places.shape),), 1, found.dtype)
        counts = p.scatter_add(p.full((rows,), 0, found.dtype), flat(places), one)
        original = p.div(original, p.reshape(p.gather(counts, places), column))
    if padding_idx >= 0:
        padding = p.eq(p.reshape(places, column), p.constant(padding_idx, int64))
        original = p.select(padding, p.constant(0, found.dtype), original)
    return found if original is found else p.substitute(found, original)
