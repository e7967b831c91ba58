"""Loops: a LoopNest as native code.

The domain's axes are first merged where every operand walks them as one. One axis is walked by
vectors; the axes that are kept stand outside, those that are reduced inside, and the pieces of work
for the threads are cut from the kept ones:

    for each row of the kept axes (and block of the vector axis, if that is kept):
        for each index of the reduced axes:
            for each vector of the block: load, compute, store, accumulate
        combine and store what was accumulated

A sum over everything has no kept axis: `split` cuts it into chunks, whose partial results a second
nest adds up in order. Pieces and chunks depend on the extents alone, so results have the same bits
whichever thread does what.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradatim.engines.llvm import elementwise
from gradatim.engines.llvm.conversion import round_to
from gradatim.engines.llvm.emit import (
    Function,
    Module,
    Type,
    Value,
    constant,
    element,
    lanes,
    vector,
    vector_constant,
)
from gradatim.engines.llvm.kernels import Access, LoopNest
from gradatim.engines.llvm.nests import PIECE, UNROLL, _vector_axis, merged
from gradatim.engines.llvm.operations import (
    MEMORY_TYPES,
    REGISTER_TYPES,
    emit_operations,
    to_memory,
    to_register,
)
from gradatim.graph.dtypes import DType

BLOCK = 8192  # elements of a long vector axis that one piece takes


@dataclass(slots=True)
class Pieces:
    """How a kernel's work is cut.

    Attributes:
        name: of the function.
        pieces, grain: how many pieces, and how many a thread takes at a time.
        cost: points times operations, about nanoseconds of one thread.
        partial: bytes of workspace for partial results, the last pointer; 0 for none.
    """

    name: str
    pieces: int
    grain: int
    cost: float
    partial: int = 0


# --- writing the code ----------------------------------------------------------------------------


def emit_loop(module: Module, name: str, nest: LoopNest) -> list[Pieces]:
    """Write the kernel of a nest (and, for a cut reduction, the one that combines)."""
    from gradatim.engines.llvm.tiles import TiledEmitter, crossing

    made = merged(nest)
    if crossing(module, made) is not None:
        return TiledEmitter(module, name, made).run()
    return _Emitter(module, name, made).run()


# Operations that bytes and bools take a whole register of at once.
OF_BYTES = (
    "not", "and", "or", "xor", "select", "eq", "ne", "lt", "le", "gt", "ge", "add", "sub",
    "maximum", "minimum", "cast",
)  # fmt: skip


def _element_lanes(module: Module, nest: LoopNest) -> int:
    """How many points one vector step takes: full registers of the commonest width."""
    sizes = [a.dtype.itemsize for a in nest.reads] + [a.dtype.itemsize for a, _ in nest.writes]
    sizes += [op.gives.itemsize for op in nest.operations]
    sizes += [r.dtype.itemsize for r in nest.reductions]
    widest = max(sizes, default=4)
    floats = any(op.gives.is_floating_point for op in nest.operations) or nest.reductions
    size = 4 if floats and widest <= 4 else max(4, min(widest, 8))
    if widest == 1 and not nest.reductions and all(op.name in OF_BYTES for op in nest.operations):
        size = 1
    if 4 in sizes:
        size = 4
    return module.features.vector_bytes // size


class _Emitter:
    """Holds what is fixed while one kernel is written."""

    def __init__(self, module: Module, name: str, nest: LoopNest):
        self.module = module
        self.name = name
        self.nest = nest
        self.axis = _vector_axis(nest)
        self.lanes = _element_lanes(module, nest)
        self.masks = module.features.has_masks
        rank = range(len(nest.extents))
        self.kept = [k for k in rank if k not in nest.reduced and k != self.axis]
        self.inner = [k for k in nest.reduced if k != self.axis]
        self.vector_reduced = self.axis in nest.reduced
        self.length = nest.extents[self.axis] if self.axis is not None else 1
        self.rows = math.prod(nest.extents[k] for k in self.kept)
        self.work = max(1, nest.points) * (
            1 + sum(OPERATION_COST.get(op.name, 1) for op in nest.operations)
        )

    def run(self) -> list[Pieces]:
        nest = self.nest
        if nest.reductions and not nest.points:
            return self._identities()
        if not nest.points:
            return []
        self._block()
        f, args = self._begin(self.name)
        self._emit_units(f, args)
        return [self._pieces(self.name)]

    # --- cutting ---------------------------------------------------------------------------------

    def _block(self) -> None:
        """Choose the blocks of a kept vector axis, and how many units make a piece."""
        nest = self.nest
        if self.axis is None or self.vector_reduced:
            self.block = self.length
        elif nest.reductions:
            self.block = min(self.length, UNROLL * self.lanes)
        else:
            self.block = min(self.length, BLOCK)
        self.blocks = -(-self.length // self.block) if self.length else 0
        self.units = self.rows * self.blocks
        points = nest.points / max(1, self.units)
        self.per_piece = max(1, int(PIECE / max(1.0, points * self.work / max(1, nest.points))))
        self.per_piece = max(self.per_piece, -(-self.units // 512))

    def _pieces(self, name: str, partial: int = 0) -> Pieces:
        pieces = -(-self.units // self.per_piece)
        return Pieces(name, pieces, 1, self.work / 16, partial)

    # --- functions -------------------------------------------------------------------------------

    def _begin(self, name: str) -> tuple[Function, list[Value]]:
        f = self.module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
        count = len(self.nest.reads) + len(self.nest.writes) + len(self.nest.reductions)
        count += self.nest.scalars
        args = [f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(count)]
        return f, self._moved(f, args)

    def _moved(self, f: Function, args: list[Value]) -> list[Value]:
        """Pointers with their run-time shifts added: a scalar is clamped so that it fits."""
        nest = self.nest
        first = len(args) - nest.scalars
        accesses = [*nest.reads, *(a for a, _ in nest.writes)]
        moved = list(args)
        for k, access in enumerate(accesses):
            for place, stride, most in access.moving:
                start = f.load("i64", args[first + place])
                start = f.binary("smin", f.binary("smax", start, 0), most)
                moved[k] = f.at(moved[k], f.mul(start, stride), MEMORY_TYPES[access.dtype])
        return moved

    def _identities(self) -> list[Pieces]:
        """A reduction of nothing: every result is the identity."""
        nest = self.nest
        kept = [k for k in range(len(nest.extents)) if k not in nest.reduced]
        writes = tuple(
            (Access(r.dtype, tuple(r.strides[k] for k in kept)), _identity_reference(r))
            for r in nest.reductions
        )
        blank = LoopNest(tuple(nest.extents[k] for k in kept), (), (), (), writes, ())
        return _Shifted(
            self.module, self.name, merged(blank), len(nest.reads) + len(nest.writes)
        ).run()

    # --- one unit --------------------------------------------------------------------------------

    def _emit_units(self, f: Function, args: list[Value]) -> None:
        nest = self.nest
        begin = f.mul(f.params[1], self.per_piece)
        end = f.binary("smin", f.mul(f.params[2], self.per_piece), self.units)
        with f.loop(begin, end) as unit:
            row = unit
            if self.blocks > 1:
                row = f.div(unit, self.blocks, signed=False)
                block = f.sub(unit, f.mul(row, self.blocks))
                start = f.mul(block, self.block)
                stop = f.binary("smin", f.add(start, self.block), self.length)
            else:
                start, stop = constant(0, "i64"), constant(self.length, "i64")
            index = self._unravel(f, row)
            pointers = self._pointers(f, args, index)
            if not nest.reductions:
                if self.axis is None:
                    self._point(f, pointers, index, constant(0, "i64"), 1, None)
                else:
                    self._sweep(f, pointers, index, start, stop)
            elif self.vector_reduced or self.axis is None:
                self._reduce_along(f, pointers, index)
            else:
                self._reduce_across(f, pointers, index, start, stop)
        f.ret(0)

    def _unravel(self, f: Function, row: Value) -> dict[int, Value]:
        """The index along each kept axis."""
        index: dict[int, Value] = {}
        rest = row
        for place, k in enumerate(reversed(self.kept)):
            extent = self.nest.extents[k]
            if place == len(self.kept) - 1:
                index[k] = rest
            else:
                above = f.div(rest, extent, signed=False)
                index[k] = f.sub(rest, f.mul(above, extent))
                rest = above
        return index

    def _pointers(self, f: Function, args: list[Value], index: dict[int, Value]) -> list[Value]:
        """Each operand's pointer at the given index of some axes."""
        pointers = []
        for pointer, (type, strides) in zip(args, self._operands()):
            offset = None
            for k, value in index.items():
                if strides[k]:
                    term = value if strides[k] == 1 else f.mul(value, strides[k])
                    offset = term if offset is None else f.add(offset, term)
            pointers.append(pointer if offset is None else f.at(pointer, offset, type))
        return pointers

    def _operands(self) -> list[tuple[Type, tuple[int, ...]]]:
        nest = self.nest
        found = [(MEMORY_TYPES[a.dtype], a.strides) for a in nest.reads]
        found += [(MEMORY_TYPES[a.dtype], a.strides) for a, _ in nest.writes]
        return found + [(MEMORY_TYPES[r.dtype], r.strides) for r in nest.reductions]

    # --- elementwise -----------------------------------------------------------------------------

    def _sweep(
        self, f: Function, pointers: list[Value], index: dict[int, Value], start: Value, stop: Value
    ) -> None:
        """Walk the vector axis from start to stop, without reductions."""
        fixed = self._fixed(f, pointers)
        rest = self.length % self.lanes
        whole = self.length - rest
        if whole:
            full = (
                f.binary("smin", stop, whole)
                if rest and self.blocks > 1
                else (constant(whole, "i64") if self.blocks == 1 else stop)
            )
            with f.loop(start, full, self.lanes) as i:
                self._point(f, pointers, index, i, self.lanes, None, fixed)
        if not rest:
            return
        if self.masks and rest > 1:
            mask = _mask(rest, self.lanes)

            def tail() -> None:
                self._point(f, pointers, index, constant(whole, "i64"), self.lanes, mask, fixed)
        else:

            def tail() -> None:
                with f.loop(whole, self.length) as i:
                    self._point(f, pointers, index, i, 1, None)

        if self.blocks > 1:
            with f.if_(f.compare("eq", stop, self.length)):
                tail()
        else:
            tail()

    def _fixed(self, f: Function, pointers: list[Value]) -> dict[int, Value]:
        """Reads that do not change along the vector axis, loaded once."""
        fixed = {}
        for k, access in enumerate(self.nest.reads):
            if self.axis is not None and access.strides[self.axis] == 0:
                value = f.load(MEMORY_TYPES[access.dtype], pointers[k])
                fixed[k] = to_register(f, value, access.dtype)
        return fixed

    def _point(
        self,
        f: Function,
        pointers: list[Value],
        index: dict[int, Value],
        i: Value,
        count: int,
        mask: Value | None,
        fixed: dict[int, Value] | None = None,
        ready: dict[int, Value] | None = None,
    ) -> dict[Any, Value]:
        """Load (but what is `ready`), compute and store at `count` points from `i` on along the
        vector axis. Gives the values of the reductions' operands."""
        nest = self.nest
        loaded: dict[int, Value] = dict(ready or {})

        def find(reference: Any, results: list[Value]) -> Value:
            kind, k = reference[0], reference[1]
            if kind == "read":
                if k not in loaded:
                    if fixed is not None and k in fixed:
                        loaded[k] = f.splat(fixed[k], count)
                    else:
                        loaded[k] = self._load(f, nest.reads[k], pointers[k], i, count, mask)
                return loaded[k]
            if kind == "op":
                return results[int(k)]
            if kind == "constant":
                return constant(reference[1], vector(REGISTER_TYPES[reference[2]], count))
            assert kind == "iota"
            return self._iota(f, reference, index, i, count)

        results = emit_operations(f, nest.operations, count, find, mask)
        for k, (access, reference) in enumerate(nest.writes):
            value = to_memory(f, find(reference, results), access.dtype)
            self._store(f, access, pointers[len(nest.reads) + k], i, value, mask)
        return {r.operand: find(r.operand, results) for r in nest.reductions}

    def _iota(
        self, f: Function, reference: Any, index: dict[int, Value], i: Value, count: int
    ) -> Value:
        _, axis, dtype = reference
        type = REGISTER_TYPES[dtype]
        if axis == self.axis:
            steps = vector_constant(list(range(count)), "i64") if count > 1 else constant(0, "i64")
            number = f.add(f.splat(i, count), steps)
        else:
            number = f.splat(index[axis], count)
        if type == "i1":
            return f.compare("ne", number, 0)
        made = f.convert(number, type)
        return round_to(f, made, dtype) if dtype.itemsize == 2 else made

    def _load(
        self, f: Function, access: Access, pointer: Value, i: Value, count: int, mask: Value | None
    ) -> Value:
        stride = access.strides[self.axis] if self.axis is not None else 0
        type = MEMORY_TYPES[access.dtype]
        wide = vector(type, count)
        address = (
            pointer if stride == 0 else f.at(pointer, i if stride == 1 else f.mul(i, stride), type)
        )
        if stride == 0:
            return f.splat(to_register(f, f.load(type, pointer), access.dtype), count)
        if count == 1:
            return to_register(f, f.load(type, address), access.dtype)
        if stride == 1:
            if mask is None:
                value = f.load(wide, address)
            else:
                value = f.masked_load(wide, address, mask, constant(0, wide))
        else:
            value = self._gather(f, address, stride, wide, mask)
        return to_register(f, value, access.dtype)

    def _gather(
        self, f: Function, address: Value, stride: int, wide: Type, mask: Value | None
    ) -> Value:
        count, type = lanes(wide), element(wide)
        off = _off_lanes(mask, count)
        if stride == -1:
            return _backwards(f, address, wide, mask, count - off)
        if mask is None and stride in NEAR:
            return _near(f, address, stride, wide)
        value = constant(0, wide)
        for lane in range(count - off):
            scalar = f.load(type, f.at(address, lane * stride, type))
            value = f.insert(value, scalar, lane)
        return value

    def _store(
        self, f: Function, access: Access, pointer: Value, i: Value, value: Value,
        mask: Value | None,
    ) -> None:  # fmt: skip
        stride = access.strides[self.axis] if self.axis is not None else 0
        type = MEMORY_TYPES[access.dtype]
        address = (
            pointer if stride == 0 else f.at(pointer, i if stride == 1 else f.mul(i, stride), type)
        )
        count = lanes(value.type)
        if count == 1:
            f.store(value, address)
        elif stride == 1:
            if mask is None:
                f.store(value, address)
            else:
                f.masked_store(value, address, mask)
        else:
            for lane in range(count - _off_lanes(mask, count)):
                f.store(f.extract(value, lane), f.at(address, lane * stride, type))

    # --- reductions ------------------------------------------------------------------------------

    def _reduce_along(self, f: Function, pointers: list[Value], index: dict[int, Value]) -> None:
        """Reduce the vector axis and the inner ones: several vectors of partial results, combined
        by a tree at the end."""
        nest = self.nest
        count = self.lanes if self.length >= self.lanes or (self.masks and self.length > 1) else 1
        whole = self.length // count // UNROLL * UNROLL * count
        lines = UNROLL if whole else 1
        start = [
            constant(_identity(r.how, r.dtype), vector(REGISTER_TYPES[r.dtype], count))
            for r in nest.reductions
            for _ in range(lines)
        ]

        def body(accumulated: list[Value], where: dict[int, Value]) -> list[Value]:
            places = self._pointers(f, pointers, where)
            whole_index = index | where
            fixed = self._fixed(f, places)
            if whole:
                with f.loop(0, whole, UNROLL * count, accumulated) as loop:
                    news = list(loop.carry)
                    for line in range(UNROLL):
                        i = f.add(loop.index, line * count) if line else loop.index
                        values = self._point(f, places, whole_index, i, count, None, fixed)
                        for k, r in enumerate(nest.reductions):
                            at = k * lines + line
                            news[at] = self._combine(f, r, news[at], values[r.operand])
                    loop.next(*news)
                accumulated = loop.results
            # What is left: whole vectors one by one, then a masked one or single points.
            done = whole
            news = list(accumulated)
            while done + count <= self.length:
                values = self._point(
                    f, places, whole_index, constant(done, "i64"), count, None, fixed
                )
                line = (done - whole) // count % lines
                for k, r in enumerate(nest.reductions):
                    at = k * lines + line
                    news[at] = self._combine(f, r, news[at], values[r.operand])
                done += count
            rest = self.length - done
            if rest and self.masks:
                mask = _mask(rest, count)
                values = self._point(
                    f, places, whole_index, constant(done, "i64"), count, mask, fixed
                )
                for k, r in enumerate(nest.reductions):
                    value = values[r.operand]
                    blank = constant(_identity(r.how, r.dtype), value.type)
                    chosen = f.select(f.unseen(mask), value, blank)
                    news[k * lines] = self._combine(f, r, news[k * lines], chosen)
                return news
            if not rest:
                return news
            # Single points go into lane 0 of the first line.
            heads = [f.extract(news[k * lines], 0) if count > 1 else news[k * lines]
                     for k in range(len(nest.reductions))]  # fmt: skip
            with f.loop(done, self.length, 1, heads) as loop:
                values = self._point(f, places, whole_index, loop.index, 1, None)
                loop.next(*(
                    self._combine(f, r, loop.carry[k], values[r.operand])
                    for k, r in enumerate(nest.reductions)
                ))  # fmt: skip
            for k in range(len(nest.reductions)):
                head = loop.results[k]
                news[k * lines] = f.insert(news[k * lines], head, 0) if count > 1 else head
            return news

        totals = self._nested(f, self.inner, start, body)
        for k, r in enumerate(nest.reductions):
            mine = totals[k * lines : (k + 1) * lines]
            while len(mine) > 1:
                mine = [self._combine(f, r, a, b) for a, b in zip(mine[::2], mine[1::2])] + (
                    mine[-1:] if len(mine) % 2 else []
                )
            total = self._across_lanes(f, r, mine[0])
            self._store_result(f, r, pointers, k, total, None, None)

    def _across_lanes(self, f: Function, r: Any, value: Value) -> Value:
        count = lanes(value.type)
        while count > 1:
            count //= 2
            low = f.shuffle(value, None, range(count))
            high = f.shuffle(value, None, range(count, 2 * count))
            if count == 1:
                low, high = f.extract(value, 0), f.extract(value, 1)
            value = self._combine(f, r, low, high)
        return value

    def _reduce_across(
        self, f: Function, pointers: list[Value], index: dict[int, Value], start: Value, stop: Value
    ) -> None:
        """Reduce the inner axes for a block of kept places along the vector axis."""
        whole = self.length // self.block
        if whole:
            if self.blocks > whole:
                is_whole = f.compare("le", f.add(start, self.block), self.length)
                with f.if_(is_whole):
                    self._columns(f, pointers, index, start, self.block)
                with f.otherwise(is_whole):
                    self._columns(f, pointers, index, start, self.length % self.block)
            else:
                self._columns(f, pointers, index, start, self.block)

    def _columns(
        self, f: Function, pointers: list[Value], index: dict[int, Value], start: Value, width: int
    ) -> None:
        nest = self.nest
        steps: list[tuple[int, int, Value | None]] = []  # offset, lanes, mask
        done = 0
        while done < width:
            if width - done >= self.lanes:
                steps.append((done, self.lanes, None))
                done += self.lanes
            elif self.masks and width - done > 1:
                steps.append((done, self.lanes, _mask(width - done, self.lanes)))
                done = width
            else:
                steps.append((done, 1, None))
                done += 1
        initial = [
            constant(_identity(r.how, r.dtype), vector(REGISTER_TYPES[r.dtype], count))
            for r in nest.reductions
            for _, count, _ in steps
        ]

        size = len(initial)
        # Of few columns several rows at a time, so that additions need not wait for each other.
        copies = UNROLL // size if self.inner and size <= UNROLL // 2 else 1

        def body(accumulated: list[Value], where: dict[int, Value], copy: int = 0) -> list[Value]:
            places = self._pointers(f, pointers, where)
            fixed = self._fixed(f, places)
            news = list(accumulated)
            for s, (offset, count, mask) in enumerate(steps):
                i = f.add(start, offset) if offset else start
                values = self._point(f, places, index | where, i, count, mask, fixed)
                for k, r in enumerate(nest.reductions):
                    at = copy * size + k * len(steps) + s
                    news[at] = self._combine(f, r, news[at], values[r.operand])
            return news

        sums = self._nested(f, self.inner, initial * copies, body, copies=copies)
        totals = sums[:size]
        for copy in range(1, copies):
            for at in range(size):
                r = nest.reductions[at // len(steps)]
                totals[at] = self._combine(f, r, totals[at], sums[copy * size + at])
        for k, r in enumerate(nest.reductions):
            for s, (offset, _count, mask) in enumerate(steps):
                i = f.add(start, offset) if offset else start
                self._store_result(f, r, pointers, k, totals[k * len(steps) + s], i, mask)

    def _nested(
        self,
        f: Function,
        axes: list[int],
        carry: list[Value],
        body: Callable[..., list[Value]],
        where: dict[int, Value] | None = None,
        copies: int = 1,
    ) -> list[Value]:
        """Loops over some axes, one in the other, that hand accumulators on."""
        where = where or {}
        if not axes:
            return body(carry, where)
        extent = self.nest.extents[axes[0]]
        if len(axes) == 1 and copies > 1:
            whole = extent // copies * copies
            with f.loop(0, whole, copies, carry) as loop:
                news = list(loop.carry)
                for copy in range(copies):
                    at = f.add(loop.index, copy) if copy else loop.index
                    news = body(news, where | {axes[0]: at}, copy)
                loop.next(*news)
            news = list(loop.results)
            for at in range(whole, extent):
                news = body(news, where | {axes[0]: constant(at, "i64")}, at - whole)
            return news
        with f.loop(0, extent, 1, carry) as loop:
            deeper = where | {axes[0]: loop.index}
            loop.next(*self._nested(f, axes[1:], loop.carry, body, deeper, copies))
        results: list[Value] = loop.results
        return results

    def _combine(self, f: Function, r: Any, total: Value, value: Value) -> Value:
        return elementwise.combine(r.how)(f, r.dtype, total, value)

    def _store_result(
        self, f: Function, r: Any, pointers: list[Value], k: int, total: Value, i: Value | None,
        mask: Value | None,
    ) -> None:  # fmt: skip
        nest = self.nest
        pointer = pointers[len(nest.reads) + len(nest.writes) + k]
        if r.dtype.itemsize == 2 and r.dtype.is_floating_point:
            total = round_to(f, total, r.dtype)
        value = to_memory(f, total, r.dtype)
        if i is None:
            f.store(value, pointer)
        else:
            self._store(f, Access(r.dtype, r.strides), pointer, i, value, mask)


class _Shifted(_Emitter):
    """Writes only, behind pointers that belong to reads which are not made."""

    def __init__(self, module: Module, name: str, nest: LoopNest, skipped: int):
        super().__init__(module, name, nest)
        self.skipped = skipped

    def _begin(self, name: str) -> tuple[Function, list[Value]]:
        f = self.module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
        count = len(self.nest.writes)
        return f, [f.load("ptr", f.at(f.params[0], self.skipped + k, "ptr")) for k in range(count)]


# --- small things --------------------------------------------------------------------------------

# What an operation costs beside an addition, roughly, for the size of pieces.
OPERATION_COST = {
    "exp": 6, "log": 8, "tanh": 8, "sigmoid": 8, "erf": 10, "sin": 10, "cos": 10, "pow": 20,
    "div": 3, "sqrt": 3, "expm1": 8, "log1p": 10, "tan": 12, "floor_divide": 8, "remainder": 8,
    "gcd": 60,
}  # fmt: skip


NEAR = (2, 3, 4)  # strides of reads that are loaded whole and sorted out in registers


def _near(f: Function, address: Value, stride: int, wide: Type) -> Value:
    """A vector of elements that are `stride` apart, from whole vectors that end with the last."""
    count, type = lanes(wide), element(wide)
    last = (count - 1) * stride  # behind which nothing may be read
    starts = [min(k * count, last + 1 - count) for k in range(stride)]
    found: Value | None = None
    for k, start in enumerate(starts):
        value = f.load(wide, f.at(address, start, type))
        # (Lane j wants element j · stride: of this vector, of an earlier one, or of a later one.)
        inside = [k * count <= j * stride < (k + 1) * count for j in range(count)]
        if found is None:
            order = [j * stride if here else -1 for j, here in enumerate(inside)]
            found = f.shuffle(value, None, order)
        else:
            order = [count + j * stride - start if here else j for j, here in enumerate(inside)]
            found = f.shuffle(found, value, order)
    assert found is not None
    return found


def _backwards(f: Function, address: Value, wide: Type, mask: Value | None, taken: int) -> Value:
    """The first `taken` lanes of a vector whose elements stand one before the other."""
    first = f.at(address, 1 - taken, element(wide))
    if mask is None:
        value = f.load(wide, first)
    else:
        value = f.masked_load(wide, first, mask, constant(0, wide))
    order = [taken - 1 - k if k < taken else k for k in range(lanes(wide))]
    return f.shuffle(value, None, order)


def _mask(count: int, total: int) -> Value:
    return vector_constant([k < count for k in range(total)], "i1")


def _off_lanes(mask: Value | None, count: int) -> int:
    return 0 if mask is None else mask.name.count("false")


def _identity(how: str, dtype: DType) -> bool | int | float:
    return elementwise.identity(how, dtype)


def _identity_reference(r: Any) -> Any:
    return ("constant", _identity(r.how, r.dtype), r.dtype)
