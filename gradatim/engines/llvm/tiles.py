"""Tiles: loops that read some operands across.

Where a permuted operand lies in a row along another axis than what is written (a transpose,
`x.t() + y`), loading its elements one by one would cost more than all else. Instead, a square tile
is loaded by rows, transposed in registers, and then read like any other operand. Tiles are done in
blocks, so that the pages and cache lines of both directions are still at hand for the next tile.
"""

from __future__ import annotations

import math
from typing import Any

from gradatim.engines.llvm.emit import Function, Module, Value, constant, vector
from gradatim.engines.llvm.kernels import LoopNest
from gradatim.engines.llvm.loops import _element_lanes, _Emitter, _mask
from gradatim.engines.llvm.nests import PIECE, _vector_axis
from gradatim.engines.llvm.operations import MEMORY_TYPES, to_register

BLOCK = 4  # tiles of a block, in each direction
WRITTEN_OUT = 3  # operations that are written out for each row of a tile


def crossing(module: Module, nest: LoopNest) -> tuple[int, tuple[int, ...]] | None:
    """The axis along which some reads lie in a row while the loop goes along another, and those
    reads; None if there are none, or the axes are too short for tiles."""
    along = _vector_axis(nest)
    if nest.reductions or nest.reduced or along is None or not nest.points:
        return None
    least = _element_lanes(module, nest) // 2
    if least < 2 or nest.extents[along] < least:
        return None
    if any(access.strides[along] != 1 for access, _ in nest.writes):
        return None
    best: tuple[int, tuple[int, ...]] | None = None
    for axis, extent in enumerate(nest.extents):
        if axis == along or extent < least:
            continue
        found = tuple(
            k
            for k, access in enumerate(nest.reads)
            if access.strides[axis] in (1, -1) and access.strides[along] not in (0, 1, -1)
        )
        if found and (best is None or len(found) > len(best[1])):
            best = axis, found
    return best


def transposed(f: Function, rows: list[Value]) -> list[Value]:
    """The columns of a square of vectors, whose number is a power of two."""
    count = len(rows)
    rows = list(rows)
    distance = count // 2
    while distance:
        for k in range(count):
            if k & distance:
                continue
            a, b = rows[k], rows[k + distance]
            low = [j if not j & distance else count + j - distance for j in range(count)]
            high = [j + distance if not j & distance else count + j for j in range(count)]
            rows[k], rows[k + distance] = f.shuffle(a, b, low), f.shuffle(a, b, high)
        distance //= 2
    return rows


class TiledEmitter(_Emitter):
    """Writes a loop tile by tile."""

    def __init__(self, module: Module, name: str, nest: LoopNest):
        super().__init__(module, name, nest)
        found = crossing(module, nest)
        assert found is not None and self.axis is not None
        self.across, self.crossed = found
        self.width = nest.extents[self.across]
        self.kept = [k for k in self.kept if k != self.across]

    def _block(self) -> None:
        """A unit is a block of tiles."""
        nest, side = self.nest, BLOCK * self.lanes
        self.block = side
        self.blocks = -(-self.length // side)
        self.across_blocks = -(-self.width // side)
        rows = math.prod(nest.extents[k] for k in self.kept)
        self.units = rows * self.across_blocks * self.blocks
        self.per_piece = max(1, int(PIECE * self.units // self.work), -(-self.units // 512))

    def _emit_units(self, f: Function, args: list[Value]) -> None:
        self.buffers = {}
        if len(self.nest.operations) > WRITTEN_OUT:
            for k in self.crossed:
                type = MEMORY_TYPES[self.nest.reads[k].dtype]
                self.buffers[k] = f.alloca(type, self.lanes * self.lanes)
        begin = f.mul(f.params[1], self.per_piece)
        end = f.binary("smin", f.mul(f.params[2], self.per_piece), self.units)
        with f.loop(begin, end) as unit:
            rest, column = self._cut(f, unit, self.blocks)
            row, line = self._cut(f, rest, self.across_blocks)
            index = self._unravel(f, row)
            self._each_tile(
                f, f.mul(line, self.block), self.width,
                lambda u, height: self._each_tile(
                    f, f.mul(column, self.block), self.length,
                    lambda v, width: self._tile(f, args, index, u, height, v, width),
                ),
            )  # fmt: skip
        f.ret(0)

    def _cut(self, f: Function, number: Value, parts: int) -> tuple[Value, Value]:
        if parts == 1:
            return number, constant(0, "i64")
        above = f.div(number, parts, signed=False)
        return above, f.sub(number, f.mul(above, parts))

    def _each_tile(self, f: Function, first: Value, extent: int, write: Any) -> None:
        """Go over the tiles of a block along one axis: the whole ones, then what is left."""
        count = self.lanes
        whole = extent // count * count
        stop = f.binary("smin", f.add(first, self.block), whole)
        if whole:
            with f.loop(first, stop, count) as at:
                write(at, count)
        if whole < extent:
            is_last = f.compare("ge", f.add(first, self.block), extent)
            with f.if_(is_last):
                write(constant(whole, "i64"), extent - whole)

    def _tile(
        self, f: Function, args: list[Value], index: dict[int, Value], u: Value, height: int,
        v: Value, width: int,
    ) -> None:  # fmt: skip
        """`height` rows along the crossing axis from u on, `width` points along the other."""
        nest, count = self.nest, self.lanes
        mask = _mask(width, count) if width < count else None
        pointers = self._pointers(f, args, index | {self.across: u})
        columns = {k: self._columns_of(f, k, pointers[k], height, v, width) for k in self.crossed}
        if not self.buffers:
            strides = [s for _, s in self._operands()]
            types = [t for t, _ in self._operands()]
            for r in range(height):
                moved = [
                    f.at(p, r * s[self.across], t) for p, s, t in zip(pointers, strides, types)
                ]
                where = index | {self.across: f.add(u, r) if r else u}
                ready = {
                    k: to_register(f, column[r], nest.reads[k].dtype)
                    for k, column in columns.items()
                }
                self._points(f, moved, where, v, width, mask, ready)
            return
        for k, column in columns.items():
            type = MEMORY_TYPES[nest.reads[k].dtype]
            for r in range(height):
                f.store(column[r], f.at(self.buffers[k], r * count, type))
        with f.loop(0, height) as r:
            where = index | {self.across: f.add(u, r)}
            ready = {}
            for k in self.crossed:
                dtype = nest.reads[k].dtype
                type = MEMORY_TYPES[dtype]
                place = f.at(self.buffers[k], f.mul(r, count), type)
                ready[k] = to_register(f, f.load(vector(type, count), place), dtype)
            self._points(f, self._pointers(f, args, where), where, v, width, mask, ready)

    def _points(
        self, f: Function, pointers: list[Value], index: dict[int, Value], v: Value, width: int,
        mask: Value | None, ready: dict[int, Value],
    ) -> None:  # fmt: skip
        """One row of a tile. (What is masked is slow where processors have no masks, and right.)"""
        self._point(f, pointers, index, v, self.lanes, mask, None, ready)

    def _columns_of(
        self, f: Function, k: int, pointer: Value, height: int, v: Value, width: int
    ) -> list[Value]:
        """A tile of a read, by columns; those of one that goes backwards are turned round."""
        access, count = self.nest.reads[k], self.lanes
        type = MEMORY_TYPES[access.dtype]
        wide = vector(type, count)
        stride = access.strides[self.axis] if self.axis is not None else 0
        first = f.at(pointer, f.mul(v, stride), type)
        backwards = access.strides[self.across] < 0
        if backwards:
            first = f.at(first, 1 - height, type)
        rows = []
        for i in range(count):
            if i >= width:
                rows.append(constant(0, wide))
                continue
            address = f.at(first, i * stride, type)
            if height == count:
                rows.append(f.load(wide, address))
            else:
                blank = constant(0, wide)
                rows.append(f.masked_load(wide, address, _mask(height, count), blank))
        columns = transposed(f, rows)
        return columns[:height][::-1] if backwards else columns
