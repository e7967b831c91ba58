"""Where a value stands among others: binary search, buckets, membership."""

from __future__ import annotations

from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int32, int64
from gradatim.graph.errors import ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.gradients import along_axis
from gradatim.graph.node import Node
from gradatim.ops._places import TYPE_NAMES, flat, place_node
from gradatim.ops.arguments import is_number, operands
from gradatim.tensor import Tensor, wrap

FEW = 16  # as many elements as are cheaper compared one by one than sorted


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """For each value the place in an ascending sequence where it would go: before equal elements,
    or, with `right=True` or `side="right"`, behind them.

    Args:
        sorted_sequence: 1-d; or with more dimensions, then each value searches the line with its
            own leading coordinates.
        input: values: a tensor, or a number for a 1-d sequence.
        out_int32: int32 places instead of int64.
        sorter: places that put an unsorted sequence in order, as from `argsort`.

    Example:
        >>> import gradatim as gd
        >>> gd.searchsorted(gd.tensor([1, 3, 5]), gd.tensor([0, 3, 9]))
        tensor([0, 1, 3])
    """
    where = "torch.searchsorted()"
    if side not in (None, "left", "right"):
        raise ShapeError(f"{where}: side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise ShapeError(
            f"{where}: side and right can't be set to opposites, got side of left while right was "
            f"True"
        )
    if not isinstance(input, Tensor) and not is_number(input):
        raise ArgumentTypeError(
            f"{where}: argument 'input' must be a Tensor or a Number, not {type(input).__name__}"
        )
    if sorted_sequence.ndim == 0:
        raise ShapeError(
            f"{where}: boundaries tensor should have positive dimension, but got 0 dimension"
        )
    given = () if is_number(input) else tuple(input.shape)
    shape = tuple(sorted_sequence.shape)
    if len(shape) > 1 and not given:
        raise ShapeError(
            f"{where}: input value can be a scalar only when boundaries tensor dimension is 1, but "
            f"we got boundaries tensor dim({len(shape)})"
        )
    if len(shape) > 1 and shape[:-1] != given[:-1]:
        raise ShapeError(
            f"{where}: boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            f"boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(shape)} and input value tensor {list(given)}"
        )
    sequence, values = operands(sorted_sequence, input, "searchsorted")
    if sorter is not None:
        sequence = _in_order(sequence, sorter)
    places = _rank(sequence, p.reshape(values, given) if len(shape) > 1 else flat(values), right
                   or side == "right")  # fmt: skip
    return wrap(p.reshape(p.cast(places, int32) if out_int32 else places, given))


def _in_order(sequence: Node, sorter: Tensor) -> Node:
    where = "torch.searchsorted()"
    if tuple(sorter.shape) != sequence.shape:
        raise ShapeError(
            f"{where}: boundary and sorter must have the same size, but got boundary tensor "
            f"{list(sequence.shape)} and got sorter tensor {list(sorter.shape)}"
        )
    if sorter.dtype is not int64:
        raise DTypeError(
            f"{where}: sorter must be a tensor of long dtype but got dtype "
            f"{TYPE_NAMES[sorter.dtype.name]}"
        )
    axis = sequence.ndim - 1
    places = place_node(sorter, sequence.shape[axis], axis)
    return p.gather(flat(sequence), along_axis(places, sequence.shape, axis))


def _rank(sequence: Node, values: Node, right: bool) -> Node:
    """How many elements of each line of `sequence` stand before each value: a binary search for all
    values at once, which looks at one element more for each doubling of the line."""
    length = sequence.shape[-1]
    place = p.full(values.shape, 0, int64)  # as many elements are known to stand before
    if not length:
        return place
    flat_sequence, start = flat(sequence), None
    if sequence.ndim > 1:  # where each value's line begins
        lines = sequence.size // length
        start = p.mul(p.iota((lines, 1), 0, int64), p.constant(length, int64))
        start = p.reshape(start, (*sequence.shape[:-1], 1))
    step = 1 << (length.bit_length() - 1)
    while step:
        probe = p.add(place, p.constant(step, int64))
        last = p.sub(p.minimum(probe, p.constant(length, int64)), p.constant(1, int64))
        element = p.gather(flat_sequence, last if start is None else p.add(start, last))
        before = (p.le if right else p.lt)(element, values)
        before = p.and_(before, p.le(probe, p.constant(length, int64)))
        place = p.select(before, probe, place)
        step //= 2
    if not values.dtype.is_floating_point:
        return place
    return p.select(p.ne(values, values), p.constant(length, int64), place)  # NaN goes to the end


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The bucket of each value between ascending boundaries: `boundaries[i-1] < value <=
    boundaries[i]`, or, with `right=True`, `boundaries[i-1] <= value < boundaries[i]`.

    Example:
        >>> import gradatim as gd
        >>> gd.bucketize(gd.tensor([1, 5, 9]), gd.tensor([1, 3, 7]))
        tensor([0, 2, 3])
    """
    if boundaries.ndim != 1:
        raise ShapeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each element is among the test elements (or, inverted, is not). One of the two may
    be a number.

    Example:
        >>> import gradatim as gd
        >>> gd.isin(gd.tensor([1, 2, 3]), gd.tensor([2, 5]))
        tensor([False,  True, False])
    """
    if is_number(elements) and is_number(test_elements):
        raise ArgumentTypeError("isin() expects at least one Tensor, got two numbers")
    values, tests = operands(elements, test_elements, "isin")
    tests = flat(tests)
    if tests.size <= FEW:
        column = p.reshape(values, (*values.shape, 1))
        found = p.max_(p.eq(column, tests), (values.ndim,)) if tests.size else None
    else:
        ordered, _ = p.sort(tests, 0, False)
        place = _rank(ordered, flat(values), False)
        last = p.constant(tests.size - 1, int64)
        found = p.eq(p.reshape(p.gather(ordered, p.minimum(place, last)), values.shape), values)
    if found is None:
        found = p.full(values.shape, False, bool_)
    return wrap(p.not_(found) if invert else found)
