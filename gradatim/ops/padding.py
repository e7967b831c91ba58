"""Padding of the last dimensions: with a number, a mirror image, the edge, or the other end.

A dimension is padded at a time, with pieces of itself: slices turned around (reflect), spread out
(replicate) or taken from the other end (circular), put before and behind. No element is looked up
in a table, and the gradient is a sum of slices.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentTypeError, ShapeError, UnsupportedInput
from gradatim.graph.node import Node
from gradatim.ops.arguments import as_number, as_tensor_operand, is_number, number_node
from gradatim.tensor import Tensor, named, wrap

__all__ = ["constant_pad_nd", "pad"]

# --- along one dimension -------------------------------------------------------------------------


def slice_along(x: Node, axis: int, start: int, stop: int) -> Node:
    """The elements from `start` to `stop` of an axis."""
    starts, stops = [0] * x.ndim, list(x.shape)
    starts[axis], stops[axis] = start, stop
    return p.slice_(x, tuple(starts), tuple(stops), (1,) * x.ndim)


def _spread(edge: Node, axis: int, extent: int) -> Node:
    return p.expand(edge, (*edge.shape[:axis], extent, *edge.shape[axis + 1 :]))


def _reflect(x: Node, axis: int, low: int, high: int) -> tuple[Node, Node]:
    n = x.shape[axis]
    if max(low, high) >= n:
        raise ShapeError(
            f"Padding size should be less than the corresponding input dimension, but got: padding "
            f"({low}, {high}) at dimension {axis} of input {list(x.shape)}"
        )
    before = p.flip(slice_along(x, axis, 1, 1 + low), (axis,))
    behind = p.flip(slice_along(x, axis, n - 1 - high, n - 1), (axis,))
    return before, behind


def _replicate(x: Node, axis: int, low: int, high: int) -> tuple[Node, Node]:
    n = x.shape[axis]
    before = _spread(slice_along(x, axis, 0, 1), axis, low)
    return before, _spread(slice_along(x, axis, n - 1, n), axis, high)


def _circular(x: Node, axis: int, low: int, high: int) -> tuple[Node, Node]:
    n = x.shape[axis]
    if max(low, high) > n:
        raise ShapeError(
            f"Padding value causes wrapping around more than once: padding ({low}, {high}) at "
            f"dimension {axis} of input {list(x.shape)}"
        )
    return slice_along(x, axis, n - low, n), slice_along(x, axis, 0, high)


_PIECES: dict[str, Callable[[Node, int, int, int], tuple[Node, Node]]] = {
    "reflect": _reflect,
    "replicate": _replicate,
    "circular": _circular,
}
_OP_NAMES = {"reflect": "ReflectionPad{}D", "replicate": "ReplicationPad{}D"}


def _cropped(x: Node, axis: int, low: int, high: int) -> Node:
    """Without what negative amounts take away."""
    start, stop = max(0, -low), x.shape[axis] - max(0, -high)
    if start >= stop:
        raise ShapeError(
            f"padding ({low}, {high}) leaves nothing of dimension {axis} of size {x.shape[axis]}"
        )
    return slice_along(x, axis, start, stop)


def padded_along(x: Node, axis: int, low: int, high: int, mode: str) -> Node:
    """One dimension padded. What is cropped by one amount is still there to be mirrored by the
    other, but does not come around from the other end.
    """
    if mode == "circular":
        x = _cropped(x, axis, low, high)
    before, behind = _PIECES[mode](x, axis, max(0, low), max(0, high))
    pieces = [piece for piece in (before, x, behind) if piece.shape[axis]]
    if len(pieces) > 1:
        x = p.concatenate(pieces, axis)
    return x if mode == "circular" else _cropped(x, axis, low, high)


# --- the operations ------------------------------------------------------------------------------


def _amounts(pad: Any, where: str) -> tuple[int, ...]:
    try:
        amounts = tuple(operator.index(n) for n in pad)
    except TypeError:
        raise ArgumentTypeError(f"{where}(): pad must be a sequence of ints, got {pad!r}") from None
    if len(amounts) % 2:
        raise ShapeError(f"Padding length must be divisible by 2, got {len(amounts)}: {amounts}")
    return amounts


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: Any = 0) -> Tensor:
    """The last dimensions with a number before and behind; a negative amount crops.

    Args:
        input: any shape and dtype.
        pad: `(left, right, top, bottom ...)`, the last dimension first.
        value: the number.

    Raises:
        ShapeError: for more amounts than dimensions, or a crop of more than there is.

    Example:
        >>> import gradatim as gd
        >>> gd.constant_pad_nd(gd.ones(2, 2), (1, 0))
        tensor([[0., 1., 1.],
                [0., 1., 1.]])
    """
    x = as_tensor_operand(input, "pad")._read()
    amounts = _amounts(pad, "pad")
    if len(amounts) > 2 * x.ndim:
        raise ShapeError(
            f"Length of pad should be no more than twice the number of dimensions of the input. "
            f"Pad length is {len(amounts)} while the input has {x.ndim} dimensions."
        )
    if not is_number(value):
        raise ArgumentTypeError(f"pad(): value must be a number, got {type(value).__name__}")
    low, high = [0] * x.ndim, [0] * x.ndim
    for k, axis in enumerate(range(x.ndim - 1, x.ndim - 1 - len(amounts) // 2, -1)):
        low[axis], high[axis] = amounts[2 * k], amounts[2 * k + 1]
    node = p.pad(x, number_node(as_number(value), x.dtype, x.device), tuple(low), tuple(high))
    return named(p.copy(x) if node is x else node, "ConstantPadNd")


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Padding of the last dimensions.

    Args:
        input: any shape for "constant"; else (N, C, ...) or (C, ...), with as many dimensions
            behind C as are padded.
        pad: `(left, right, top, bottom ...)`, the last dimension first; a negative amount crops.
        mode: "constant" (a number), "reflect" (the mirror image, without the edge), "replicate"
            (the edge) or "circular" (the other end).
        value: the number of "constant", 0 if not given.

    Raises:
        ShapeError: for sizes that do not fit.
        UnsupportedInput: for another mode, or another number of dimensions.

    Example:
        >>> import gradatim as gd
        >>> x = gd.arange(4.0).reshape(1, 4)
        >>> for mode in ("reflect", "replicate", "circular"):
        ...     print(gd.nn.functional.pad(x, (2, 1), mode=mode))
        tensor([[2., 1., 0., 1., 2., 3., 2.]])
        tensor([[0., 0., 0., 1., 2., 3., 3.]])
        tensor([[2., 3., 0., 1., 2., 3., 0.]])
    """
    if mode == "constant":
        return constant_pad_nd(input, pad, 0 if value is None else value)
    if mode not in _PIECES:
        raise UnsupportedInput(
            f"Unrecognised padding mode {mode}: expected constant, reflect, replicate or circular"
        )
    if value is not None and value != 0:
        raise ShapeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    x = as_tensor_operand(input, "pad")._read()
    amounts = _amounts(pad, "pad")
    rank = len(amounts) // 2
    if rank not in (1, 2, 3) or x.ndim not in (rank + 1, rank + 2):
        raise UnsupportedInput(
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: {mode} "
            f"takes 2, 4 or 6 amounts for (N, C, ...) or (C, ...), got {len(amounts)} for "
            f"{list(x.shape)}"
        )
    if 0 in x.shape[-rank - 1 :]:
        raise ShapeError(
            f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with possibly 0 batch size "
            f"and other non-zero dimensions for input, but got: {list(x.shape)}"
        )
    for k in reversed(range(rank)):
        low, high = amounts[2 * k], amounts[2 * k + 1]
        if low or high:
            x = padded_along(x, x.ndim - 1 - k, low, high, mode)
    if x is input._read():
        x = p.copy(x)
    return named(x, _OP_NAMES[mode].format(rank)) if mode in _OP_NAMES else wrap(x)
