"""Tiling: how a group of axes is cut into equal tiles with constant inner offsets.

A contraction has four groups of axes (batch, rows, columns, depth). Neighbouring axes that every
operand walks like one axis are joined first. A tile then covers all of the inner axes of its group
and `step` places of one more axis, so that the offsets of its elements from its first element are
the same constants for every tile. A last tile that would hang over begins earlier, over its
neighbour, and says from which element on it is new: nothing is read outside, and no second shape
of tile is needed.

    >>> axes = (Axis(10, (5, 1)), Axis(5, (1, 10)))
    >>> collapse(axes, [0])
    (Axis(extent=50, strides=(1, 0)),)
    >>> collapse(axes, [0, 1])
    (Axis(extent=10, strides=(5, 1)), Axis(extent=5, strides=(1, 10)))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gradatim.engines.llvm.emit import Function, Value, constant


@dataclass(frozen=True)
class Axis:
    """One axis of a group, with the stride in elements of every operand along it."""

    extent: int
    strides: tuple[int, ...]


def size(axes: Iterable[Axis]) -> int:
    """How many index tuples a group has."""
    return math.prod(axis.extent for axis in axes)


def collapse(axes: Sequence[Axis], operands: Iterable[int]) -> tuple[Axis, ...]:
    """Join neighbours that all the given operands walk like one axis; other strides become 0."""
    kept = set(operands)
    joined: list[Axis] = []
    for axis in axes:
        if axis.extent == 1:
            continue
        strides = tuple(s if p in kept else 0 for p, s in enumerate(axis.strides))
        if joined and all(
            outer == inner * axis.extent for outer, inner in zip(joined[-1].strides, strides)
        ):
            joined[-1] = Axis(joined[-1].extent * axis.extent, strides)
        else:
            joined.append(Axis(axis.extent, strides))
    return tuple(joined)


def flat_stride(axes: Sequence[Axis], operand: int) -> int | None:
    """The stride of an operand that walks the whole group like one axis, else None."""
    joined = collapse(axes, [operand])
    if len(joined) > 1:
        return None
    return joined[0].strides[operand] if joined else 0


def flat_offsets(axes: Sequence[Axis], operand: int) -> list[int]:
    """An operand's offset at every index of the group, last axis fastest."""
    offsets = [0]
    for axis in axes:
        step = axis.strides[operand]
        offsets = [o + i * step for o in offsets for i in range(axis.extent)]
    return offsets


# --- index arithmetic ----------------------------------------------------------------------------
# Most extents are constants of which many are 0 and 1: folding those here makes half of the IR.


def known(value: Value) -> int | None:
    """The number that an i64 constant is."""
    return None if value.name[0] in "%@" else int(value.name)


def plus(f: Function, a: Value, b: Value | int) -> Value:
    x, y = known(a), b if isinstance(b, int) else known(b)
    if x is not None and y is not None:
        return constant(x + y, "i64")
    if x == 0 and isinstance(b, Value):
        return b
    return a if y == 0 else f.add(a, b)


def minus(f: Function, a: Value, b: Value | int) -> Value:
    x, y = known(a), b if isinstance(b, int) else known(b)
    if x is not None and y is not None:
        return constant(x - y, "i64")
    if isinstance(b, Value) and a.name == b.name:
        return constant(0, "i64")
    return a if y == 0 else f.sub(a, b)


def times(f: Function, a: Value, by: int) -> Value:
    x = known(a)
    if x is not None or by == 0:
        return constant((x or 0) * by, "i64")
    return a if by == 1 else f.mul(a, by)


def divide(f: Function, index: Value, by: int, parts: int = 0) -> tuple[Value, Value]:
    """Quotient and remainder of a non-negative i64 by a constant; `parts`: how many quotients
    there can be, where that is known."""
    if by == 1:
        return index, constant(0, "i64")
    if parts == 1:
        return constant(0, "i64"), index
    quotient = f.div(index, by, signed=False)
    return quotient, minus(f, index, times(f, quotient, by))


def locate(f: Function, axes: Sequence[Axis], index: Value, operand: int) -> Value:
    """The offset of an operand at a flat index that is known at run time."""
    offset = constant(0, "i64")
    joined = collapse(axes, [operand])
    for axis in reversed(joined[1:]):
        index, place = divide(f, index, axis.extent)
        offset = plus(f, offset, times(f, place, axis.strides[operand]))
    if joined:
        offset = plus(f, offset, times(f, index, joined[0].strides[operand]))
    return offset


@dataclass(frozen=True)
class Tiling:
    """A group of axes as tiles.

    Attributes:
        axes: the group, outermost first.
        cut: which axis is cut; those behind it lie in the tile whole.
        step: how many places of that axis a tile has.
        per_block: with `rows_per_piece`, places of the (only) axis in a block of tiles, else 0.
    """

    axes: tuple[Axis, ...]
    cut: int
    step: int
    per_block: int = 0

    @property
    def inner(self) -> int:
        return size(self.axes[self.cut + 1 :])

    @property
    def size(self) -> int:
        """Elements of a tile, which are consecutive in the group's flat order."""
        return self.step * self.inner

    @property
    def along(self) -> int:
        """Tiles along the axis that is cut (of one block)."""
        return -(-(self.per_block or self.axes[self.cut].extent) // self.step)

    @property
    def count(self) -> int:
        if self.per_block:
            return self.along * -(-self.axes[0].extent // self.per_block)
        return self.along * size(self.axes[: self.cut])

    def offsets(self, operand: int) -> list[int]:
        """Offsets of a tile's elements from its first."""
        axis = self.axes[self.cut]
        return flat_offsets((Axis(self.step, axis.strides), *self.axes[self.cut + 1 :]), operand)

    def place(self, f: Function, tile: Value) -> tuple[Value, Value, Value]:
        """Where a tile lies: the flat index of its first element, and which of its elements are
        new, from the first to before the second."""
        axis = self.axes[self.cut]
        if self.per_block:
            block, number = divide(f, tile, self.along)
            first = times(f, block, self.per_block)
            wanted = plus(f, first, times(f, number, self.step))
            start = f.binary("smin", wanted, axis.extent - self.step)
            end = f.sub(f.add(first, self.per_block), start)
            return start, f.sub(wanted, start), f.binary("smin", end, self.step)
        outer, number = divide(f, tile, self.along, size(self.axes[: self.cut]))
        wanted = times(f, number, self.step)
        start = wanted
        if axis.extent % self.step:
            start = f.binary("smin", wanted, axis.extent - self.step)
        flat = times(f, plus(f, times(f, outer, axis.extent), start), self.inner)
        new = times(f, minus(f, wanted, start), self.inner)
        return flat, new, constant(self.size, "i64")


def round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def even(extent: int, most: int) -> int:
    """The smallest step that cuts an extent into as few parts as steps of `most` would."""
    return -(-extent // -(-extent // max(1, most)))


def cut_rows(axes: tuple[Axis, ...], most: int, per_block: int = 0) -> Tiling:
    """Tiles of at most `most` elements; inner axes up to half as long lie in the tile whole."""
    cut, inner = len(axes) - 1, 1
    while cut > 0 and inner * axes[cut].extent * 2 <= most:
        inner *= axes[cut].extent
        cut -= 1
    step = even(min(per_block or axes[cut].extent, axes[cut].extent), most // inner)
    return Tiling(axes, cut, step, per_block)


def cut_columns(axes: tuple[Axis, ...], vectors: int, lanes: int) -> Tiling:
    """Tiles of at most `vectors` vectors, each of lanes along the innermost axis."""
    last = axes[-1].extent
    needed = -(-last // lanes)
    if needed * 2 > vectors or len(axes) == 1:
        step = min(last, round_up(even(last, vectors * lanes), lanes))
        return Tiling(axes, len(axes) - 1, step)
    return Tiling(axes, len(axes) - 2, even(axes[-2].extent, vectors // needed))
