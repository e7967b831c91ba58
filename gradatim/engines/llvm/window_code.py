"""Window code: the kernels of windows.py as native code.

A unit of work is a plane, or some rows of one. Loops walk the rows; the last dimension is walked by
vectors of sinks. Where every tap of a row is inside, the taps are written out one after the other;
near an edge, loops with computed bounds go over the taps that are. At the two ends of a row lanes
are masked, with masks that are known beforehand, so that nothing beyond the row is read.

With a stride, the sources of neighbouring sinks are not neighbours: whole vectors are loaded and
taken apart by shuffles, or, for spread and scatter, put together.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
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
    is_float,
    lanes,
    vector,
    vector_constant,
)
from gradatim.engines.llvm.loops import Pieces
from gradatim.engines.llvm.operations import MEMORY_TYPES, REGISTER_TYPES, to_memory, to_register
from gradatim.engines.llvm.windows import Line, Phase, Places, Windows
from gradatim.graph import dtypes

PIECE = 16384  # points, times taps over four, that one piece should have at least
WRITTEN_OUT = 25  # taps of the outer dimensions that are written one after the other, at most
WIDE = 32  # taps of the last dimension, or its stride, beyond which it is walked point by point
PHASES = 4  # strides of an outer dimension whose phases have code of their own
SHUFFLED = 4  # strides of the last dimension that shuffles take apart

Number = Any  # an int that is known now, or an i64 Value


def emit_windows(module: Module, name: str, code: Windows) -> list[Pieces]:
    """Write the kernel of a `Windows`."""
    return _Writer(module, name, code).run()


@dataclass(frozen=True, slots=True)
class _AnyPhase:
    """A `Phase` of which some numbers are known at run time only."""

    scale: int
    start: Any
    step: int
    count: Any
    tap: Any
    tap_step: int
    sink_scale: int
    sink_start: Any


class _Row:
    """One row of the sink, and which rows of the source it meets.

    Attributes:
        sink: offset of its first element.
        place: the place of its first element in its plane (spread, scatter) or of what the first
            tap of its first window meets (max).
        js, phases: where it stands in each outer dimension.
    """

    def __init__(self, sink: Value, place: Value, js: list[Value], phases: list[Any]):
        self.sink, self.place, self.js, self.phases = sink, place, js, phases


class _Writer:
    def __init__(self, module: Module, name: str, code: Windows):
        self.module, self.name, self.code = module, name, code
        lines = list(code.lines())
        weights = _weights(code)
        if code.window[-1] > WIDE or code.stride[-1] > WIDE:
            # A dimension of one place behind it: its taps are loops then.
            lines.append(Line(1, 1, 0, 1, (Phase(1, 0, 1, 1, 0, 1, 1, 0),)))
            weights.append(0)
        self.outer, self.last = lines[:-1], lines[-1]
        self.weights = weights
        self.places = code.places or dtypes.int8
        self.memory = MEMORY_TYPES[code.dtype]
        self.register = REGISTER_TYPES[code.dtype]
        large = max(math.prod(code.sizes), math.prod(code.window)) >= 2**31
        self.number: Type = "i64" if large or code.how == "scatter" else "i32"
        if code.how == "scatter" and self.places is not dtypes.int64:
            self.number = MEMORY_TYPES[self.places]
        most = module.features.vector_bytes // max(4, code.dtype.itemsize)
        length = self.last.last - self.last.first
        self.lanes = 1
        while 2 * self.lanes <= most and (
            2 * self.lanes <= length or (module.features.has_masks and self.lanes < length)
        ):
            self.lanes *= 2

    def run(self) -> list[Pieces]:
        code = self.code
        taps = math.prod(code.window)
        inside = math.prod(line.last - line.first for line in self.outer)
        points = math.prod(line.sink for line in (*self.outer, self.last))
        if not points or not code.planes:
            return []
        effort = points * (4 + taps if code.gathers else 4 + taps / math.prod(code.stride)) / 8
        rows = self.outer[0].last - self.outer[0].first if self.outer else 1
        self.chunks = max(1, min(rows, int(effort // PIECE))) if inside else 1
        self.chunk = -(-rows // self.chunks)
        self.chunks = -(-rows // self.chunk)
        units = code.planes * self.chunks
        self.per_piece = max(1, int(PIECE * self.chunks // max(1, effort)), -(-units // 512))
        f = self.f = self.module.function(self.name, ["ptr", "i64", "i64", "ptr"], "i32")
        pointers = [
            f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(window_pointers(code))
        ]
        self.sources = pointers[: 2 if code.how == "scatter" else 1]
        self.targets = pointers[len(self.sources) :]
        begin = f.mul(f.params[1], self.per_piece)
        end = f.binary("smin", f.mul(f.params[2], self.per_piece), units)
        with f.loop(begin, end) as unit:
            self._unit(unit)
        f.ret(0)
        pieces = -(-units // self.per_piece)
        return [Pieces(self.name, pieces, 1, effort * code.planes / 2)]

    # --- rows ------------------------------------------------------------------------------------

    def _unit(self, unit: Value) -> None:
        f = self.f
        plane, first, last = unit, None, None
        if self.chunks > 1:
            plane = f.div(unit, self.chunks, signed=False)
            start = f.mul(f.sub(unit, f.mul(plane, self.chunks)), self.chunk)
            first = f.add(start, self.outer[0].first)
            last = f.binary("smin", f.add(first, self.chunk), self.outer[0].last)
        source = math.prod(line.source for line in (*self.outer, self.last))
        sink = math.prod(line.sink for line in (*self.outer, self.last))
        self.plane = f.mul(plane, source)
        self._rows(0, _Row(f.mul(plane, sink), constant(0, "i64"), [], []), first, last, [])

    def _rows(
        self, k: int, row: _Row, first: Value | None, last: Value | None, conditions: list[Value]
    ) -> None:
        """Loops over the rows of the outer dimensions from the k-th on."""
        f = self.f
        if k == len(self.outer):
            self._edges(row, conditions)
            return
        line = self.outer[k]
        below = [*self.outer[k + 1 :], self.last]
        size = math.prod(one.sink for one in below)
        weight = self._place_weight(k)
        with f.loop(
            first if first is not None else line.first, last if last is not None else line.last
        ) as j:
            for phase in self._phases(line):
                at = self._affine(j, phase.sink_scale, phase.sink_start)
                place = self._place_of(at, j, phase)
                inside = self._sink_is_inside(line, phase, at)
                with _maybe(f, inside):
                    deeper = _Row(
                        f.add(row.sink, f.mul(at, size)),
                        f.add(row.place, f.mul(place, weight)),
                        [*row.js, j],
                        [*row.phases, phase],
                    )
                    known = self._taps_are_inside(line, phase, j)
                    self._rows(k + 1, deeper, None, None, [*conditions, *known])

    def _phases(self, line: Line) -> Iterator[Any]:
        """Each phase of an outer dimension; of many, one whose numbers are read from tables."""
        if len(line.phases) <= PHASES:
            yield from line.phases
            return
        f = self.f
        names = ("start", "count", "tap", "sink_start")
        tables = {
            name: self.module.table([getattr(p, name) for p in line.phases], "i64")
            for name in names
        }
        one = line.phases[0]
        with f.loop(0, len(line.phases)) as k:
            read = {name: f.load("i64", f.at(tables[name], k, "i64")) for name in names}
            yield _AnyPhase(
                1, read["start"], one.step, read["count"], read["tap"], one.tap_step,
                one.sink_scale, read["sink_start"],
            )  # fmt: skip

    def _affine(self, j: Number, scale: int, start: Number) -> Number:
        if isinstance(j, int) and isinstance(start, int):
            return j * scale + start
        f = self.f
        scaled = f.mul(j, scale) if isinstance(j, Value) and scale != 1 else j
        if not isinstance(scaled, Value):
            scaled = constant(j * scale, "i64")
        return scaled if isinstance(start, int) and start == 0 else f.add(scaled, start)

    def _place_of(self, at: Number, j: Number, phase: Phase) -> Number:
        """Along one dimension, what `_Row.place` counts."""
        return self._affine(j, phase.scale, phase.start) if self.code.gathers else at

    def _place_weight(self, k: int) -> int:
        """How far the next place along dimension k is, in the tensor the windows slide over."""
        below = [*self.outer[k + 1 :], self.last]
        return math.prod(line.source if self.code.gathers else line.sink for line in below)

    def _sink_is_inside(self, line: Line, phase: Any, at: Value) -> Value | None:
        if isinstance(phase.sink_start, int):
            low = line.first * phase.sink_scale + phase.sink_start
            high = (line.last - 1) * phase.sink_scale + phase.sink_start
            if low >= 0 and high < line.sink:
                return None
        return self.f.compare("lt", at, line.sink, signed=False)

    def _taps_are_inside(self, line: Line, phase: Any, j: Value) -> list[Value]:
        """What must hold so that all taps of the phase are inside; empty if they always are. A
        phase of a table never counts as inside."""
        f = self.f
        if not isinstance(phase.count, int):
            return [constant(False, "i1")]
        if not phase.count:
            return []
        ends = [phase.start, phase.start + (phase.count - 1) * phase.step]
        found = []
        if line.first * phase.scale + min(ends) < 0:
            found.append(f.compare("ge", self._affine(j, phase.scale, min(ends)), 0))
        if (line.last - 1) * phase.scale + max(ends) >= line.source:
            found.append(f.compare("lt", self._affine(j, phase.scale, max(ends)), line.source))
        return found

    def _edges(self, row: _Row, conditions: list[Value]) -> None:
        """The row with its taps written out where all are inside, else with loops over taps."""
        f = self.f
        counts = [phase.count for phase in row.phases]
        looped = any(not isinstance(count, int) for count in counts)
        if looped or math.prod(counts) > WRITTEN_OUT:
            self._line(row, self._looped_taps(row))
            return
        if not conditions:
            self._line(row, self._written_taps(row))
            return
        whole = conditions[0]
        for condition in conditions[1:]:
            whole = f.and_(whole, condition)
        with f.if_(whole):
            self._line(row, self._written_taps(row))
        with f.otherwise(whole):
            self._line(row, self._looped_taps(row))

    # --- taps of the outer dimensions ------------------------------------------------------------

    def _source_size(self, k: int) -> int:
        return math.prod(line.source for line in (*self.outer[k + 1 :], self.last))

    def _written_taps(self, row: _Row) -> Any:
        """All taps, one after the other."""
        f = self.f
        taps = []
        for steps in itertools.product(*(range(phase.count) for phase in row.phases)):
            offset, number = self.plane, 0
            for k, (i, j, phase) in enumerate(zip(steps, row.js, row.phases)):
                at = self._affine(j, phase.scale, phase.start + i * phase.step)
                offset = f.add(offset, f.mul(at, self._source_size(k)))
                number += (phase.tap + i * phase.tap_step) * self.weights[k]
            taps.append((self._rows_at(offset), number))

        def run(state: Any, each: Callable[..., Any]) -> Any:
            for rows, number in taps:
                state = each(state, rows, number, True)
            return state

        return run

    def _looped_taps(self, row: _Row) -> Any:
        """Loops over the taps that are inside."""
        f = self.f

        def run(state: list[Value], each: Callable[..., Any]) -> list[Value]:
            def nest(k: int, offset: Value, number: Value, state: list[Value]) -> list[Value]:
                if k == len(self.outer):
                    made: list[Value] = each(state, self._rows_at(offset), number, False)
                    return made
                line, phase, j = self.outer[k], row.phases[k], row.js[k]
                begin, end = self._inside(line, phase, j)
                with f.loop(begin, end, 1, state) as loop:
                    at = f.add(
                        self._affine(j, phase.scale, phase.start), f.mul(loop.index, phase.step)
                    )
                    tap = f.add(f.mul(loop.index, phase.tap_step), phase.tap)
                    loop.next(
                        *nest(
                            k + 1,
                            f.add(offset, f.mul(at, self._source_size(k))),
                            f.add(number, f.mul(tap, self.weights[k])),
                            loop.carry,
                        )
                    )
                results: list[Value] = loop.results
                return results

            return nest(0, self.plane, constant(0, "i64"), state)

        return run

    def _inside(self, line: Line, phase: Any, j: Value) -> tuple[Value, Value]:
        """The range of taps i with 0 <= j·scale + start + i·step < source."""
        f = self.f
        base = self._affine(j, phase.scale, phase.start)
        if phase.step > 0:
            step = phase.step
            begin = f.div(f.sub(f.add(constant(step - 1, "i64"), 0), base), step)
            end = f.div(f.sub(constant(line.source + step - 1, "i64"), base), step)
        else:  # base - i·step >= 0, base - i·step < source
            step = -phase.step
            begin = f.div(f.add(base, step - line.source), step)
            # Rounded toward zero, as division does, a negative base would give 0 too.
            whole = f.add(f.div(base, step), 1)
            end = f.select(f.compare("lt", base, 0), 0, whole)
        return f.binary("smax", begin, 0), f.binary("smin", end, phase.count)

    def _rows_at(self, offset: Value) -> list[Value]:
        """Where a row begins in each source."""
        types = [self.memory, MEMORY_TYPES[self.places]]
        return [self.f.at(p, offset, type) for p, type in zip(self.sources, types)]

    # --- one row ---------------------------------------------------------------------------------

    def _line(self, row: _Row, taps: Any) -> None:
        """All sinks of a row: steps at fixed places near its ends, a loop in between."""
        f, line = self.f, self.last
        starts, loop = self._steps()
        before = [s for s in starts if loop is None or s < loop[0]]
        for start in before:
            self._step(row, taps, start)
        if loop is not None:
            with f.loop(loop[0], loop[1], self.lanes) as j:
                self._step(row, taps, j)
        for start in starts:
            if start not in before:
                self._step(row, taps, start)
        assert line.last > line.first

    def _steps(self) -> tuple[list[int], tuple[int, int] | None]:
        """Where steps at fixed places start, and the range of the loop's."""
        line, count = self.last, self.lanes
        first, last = line.first, line.last
        if last - first < count:
            return [first], None
        starts: list[int] = []
        loop = None
        at = first
        if last - first > 3 * count:
            while at + count <= last and not self._is_inner(at):
                starts.append(at)
                at += count
            end = at
            while end + count <= last and self._is_inner(end):
                end += count
            if end - at >= 2 * count:
                loop, at = (at, end), end
        while at + count <= last:
            starts.append(at)
            at += count
        if at < last:
            starts.append(last - count)  # some sinks are computed twice
        return starts, loop

    def _is_inner(self, j: int) -> bool:
        """Whether a step from j on needs no mask, for a load or a store."""
        line, count = self.last, self.lanes
        for phase in line.phases:
            if j * phase.sink_scale + phase.sink_start < 0:
                return False
            if (j + count - 1) * phase.sink_scale + phase.sink_start >= line.sink:
                return False
            for group in _groups(phase):
                start = j * phase.scale + phase.start + group[0] * phase.step
                if phase.scale <= SHUFFLED:
                    reach = count * _loads(phase, group, count)
                else:
                    reach = (count - 1) * phase.scale + (len(group) - 1) * abs(phase.step) + 1
                if start < 0 or start + reach > line.source:
                    return False
        return True

    def _step(self, row: _Row, taps: Any, j: Number) -> None:
        """The sinks j, j + 1 ... of a row, in every phase."""
        if self.code.how == "max":
            self._largest(row, taps, j)
        else:
            self._total(row, taps, j)

    # --- sums ------------------------------------------------------------------------------------

    def _total(self, row: _Row, taps: Any, j: Number) -> None:
        f, code = self.f, self.code
        zero = constant(0, vector(self.register, self.lanes))
        keys = [self._own_places(row, phase, j) for phase in self.last.phases]

        def each(state: list[Value], rows: list[Value], number: Number, written: bool) -> Any:
            news = list(state)
            for k, phase in enumerate(self.last.phases):
                met = self._meet(rows, phase, j)
                for i in range(phase.count):
                    values, valid = met[i]
                    if values is None:
                        continue
                    value = to_register(f, values[0], code.dtype)
                    if code.how == "scatter":
                        key = keys[k]
                        if key is None:
                            key = self._splat(number, phase, i)
                        hits = f.compare("eq", values[1], key)
                        if valid is not None:
                            hits = f.and_(hits, valid)
                        value = f.select(hits, value, zero)
                    elif valid is not None:
                        value = f.select(valid, value, zero)
                    news[k] = elementwise.combine("sum")(f, code.dtype, news[k], value)
            return news

        totals = taps([zero] * len(self.last.phases), each)
        self._store_phases(row, j, totals)

    def _own_places(self, row: _Row, phase: Phase, j: Number) -> Value | None:
        """For a scatter by places: those of the sinks themselves."""
        if self.code.how != "scatter" or self.places is not dtypes.int64:
            return None
        f = self.f
        at = f.add(row.place, self._affine(j, phase.sink_scale, phase.sink_start))
        return self._counting(at, phase.sink_scale)

    def _counting(self, first: Value, step: int) -> Value:
        """first, first + step ... in the lanes of a vector."""
        f = self.f
        if self.lanes == 1:
            return first
        steps = vector_constant([step * k for k in range(self.lanes)], "i64")
        return f.add(f.splat(first, self.lanes), steps)

    def _splat(self, number: Number, phase: Phase, i: int) -> Value:
        """The number of a tap, in every lane."""
        f = self.f
        own = (phase.tap + i * phase.tap_step) * self.weights[-1]
        if isinstance(number, int):
            return constant(number + own, vector(self.number, self.lanes))
        made = f.add(number, own) if own else number
        return f.splat(f.convert(made, self.number), self.lanes)

    def _store_phases(self, row: _Row, j: Number, totals: list[Value]) -> None:
        f, code = self.f, self.code
        if code.dtype.itemsize == 2 and code.dtype.is_floating_point:
            totals = [round_to(f, t, code.dtype) for t in totals]
        vectors = [to_memory(f, t, code.dtype) for t in totals]
        self._store(row, j, vectors, self.targets[0])

    # --- the largest -----------------------------------------------------------------------------

    def _largest(self, row: _Row, taps: Any, j: Number) -> None:
        f, code = self.f, self.code
        (phase,) = self.last.phases
        wide = vector(self.register, self.lanes)
        seen = [False] * self.lanes

        def each(state: list[Value], rows: list[Value], number: Number, written: bool) -> Any:
            best, where = state
            met = self._meet(rows, phase, j)
            for i in range(phase.count):
                values, valid = met[i]
                if values is None:
                    continue
                value = to_register(f, values[0], code.dtype)
                mine = self._splat(number, phase, i)
                is_valid = [True] * self.lanes if valid is None else _bits(valid)
                first = [v and not s for v, s in zip(is_valid, seen)]
                if written:
                    seen[:] = [v or s for v, s in zip(is_valid, seen)]
                    if all(first):
                        best, where = value, mine
                        continue
                wins = self._larger(value, best)
                if not written:
                    wins = f.or_(wins, f.compare("lt", where, 0))
                elif any(first):
                    wins = f.or_(wins, vector_constant(first, "i1"))
                if valid is not None:
                    wins = f.and_(wins, valid)
                best = f.select(wins, value, best)
                where = f.select(wins, mine, where)
            return [best, where]

        none = constant(-1, vector(self.number, self.lanes))
        best, where = taps([constant(0, wide), none], each)
        targets = iter(self.targets)
        if code.values:
            self._store(row, j, [to_memory(f, best, code.dtype)], next(targets))
        if code.places is not None:
            if code.places is dtypes.int64:
                first = f.add(row.place, self._affine(j, phase.scale, phase.start))
                where = f.add(f.convert(where, "i64"), self._counting(first, phase.scale))
            else:
                where = f.convert(where, MEMORY_TYPES[code.places])
            self._store(row, j, [where], next(targets))

    def _larger(self, a: Value, b: Value) -> Value:
        """Whether a is larger than b: NaN is larger than any number, and not than NaN."""
        f = self.f
        if is_float(a.type):
            above = f.emit(f"fcmp ugt {a!r}, {b.name}", vector("i1", lanes(a.type)))
            return f.and_(above, f.compare("eq", b, b))
        return f.compare("gt", a, b, signed=self.code.dtype.is_signed)

    # --- memory ----------------------------------------------------------------------------------

    def _meet(
        self, rows: Sequence[Value], phase: Phase, j: Number
    ) -> list[tuple[list[Value] | None, Value | None]]:
        """What each tap of a phase meets: a vector of each source, and which of its lanes are
        inside (None: all); `(None, None)` where none is."""
        found: list[tuple[list[Value] | None, Value | None]] = [(None, None)] * phase.count
        for group in _groups(phase):
            parts = [
                self._group(pointer, type, phase, group, j)
                for pointer, type in zip(rows, (self.memory, MEMORY_TYPES[self.places]))
            ]
            for place, i in enumerate(group):
                valid = self._valid(phase, i, j)
                if valid is not None and not any(_bits(valid)):
                    continue
                found[i] = [part[place] for part in parts], valid
        return found

    def _valid(self, phase: Phase, i: int, j: Number) -> Value | None:
        if not isinstance(j, int):
            return None
        first = j * phase.scale + phase.start + i * phase.step
        inside = [0 <= first + phase.scale * lane < self.last.source for lane in range(self.lanes)]
        return None if all(inside) else vector_constant(inside, "i1")

    def _group(
        self, pointer: Value, type: Type, phase: Phase, group: list[int], j: Number
    ) -> list[Value]:
        """The vectors of taps that share loads."""
        f, count = self.f, self.lanes
        base = self._affine(j, phase.scale, phase.start + group[0] * phase.step)
        if count == 1 or phase.scale > SHUFFLED:
            return [
                self._one_by_one(pointer, type, phase, self._affine(base, 1, k * phase.step))
                for k in range(len(group))
            ]
        parts: list[Value | None] = []
        for k in range(_loads(phase, group, count)):
            parts.append(self._load(pointer, type, self._affine(base, 1, k * count)))
        vectors = []
        for k in range(len(group)):
            places = [k * phase.step + lane * phase.scale for lane in range(count)]
            vectors.append(_picked(f, parts, places, vector(type, count)))
        return vectors

    def _load(self, pointer: Value, type: Type, at: Number) -> Value | None:
        """A vector from a place in the row; None if all of it is outside."""
        f, wide = self.f, vector(type, self.lanes)
        address = f.at(pointer, at, type)
        if isinstance(at, int):
            inside = [0 <= at + lane < self.last.source for lane in range(self.lanes)]
            if not any(inside):
                return None
            if not all(inside):
                mask = vector_constant(inside, "i1")
                return f.masked_load(wide, address, mask, constant(0, wide))
        return f.load(wide, address)

    def _one_by_one(self, pointer: Value, type: Type, phase: Phase, first: Number) -> Value:
        f = self.f
        value = constant(0, vector(type, self.lanes))
        for lane in range(self.lanes):
            at = self._affine(first, 1, lane * phase.scale)
            if isinstance(at, int) and not 0 <= at < self.last.source:
                continue
            scalar = f.load(type, f.at(pointer, at, type))
            value = f.insert(value, scalar, lane) if self.lanes > 1 else scalar
        return value

    def _store(self, row: _Row, j: Number, vectors: list[Value], target: Value) -> None:
        """Store the sinks of a step: a vector for each phase, put together in order."""
        f, count, line = self.f, self.lanes, self.last
        scale = line.phases[0].sink_scale
        type = element(vectors[0].type)
        pointer = f.at(target, row.sink, type)
        first = self._affine(j, scale, line.phases[0].sink_start)
        if count == 1 or scale > SHUFFLED:
            for lane, k in itertools.product(range(count), range(scale)):
                at = self._affine(first, 1, lane * scale + k)
                if isinstance(at, int) and not 0 <= at < line.sink:
                    continue
                scalar = f.extract(vectors[k], lane) if count > 1 else vectors[k]
                f.store(scalar, f.at(pointer, at, type))
            return
        for part in range(scale):
            places = [
                (p % scale) * count + p // scale for p in range(part * count, (part + 1) * count)
            ]
            value = _picked(f, list(vectors), places, vectors[0].type)
            at = self._affine(first, 1, part * count)
            address = f.at(pointer, at, type)
            if isinstance(at, int):
                inside = [0 <= at + lane < line.sink for lane in range(count)]
                if not any(inside):
                    continue
                if not all(inside):
                    f.masked_store(value, address, vector_constant(inside, "i1"))
                    continue
            f.store(value, address)


# --- small things --------------------------------------------------------------------------------


def window_pointers(code: Windows) -> int:
    """How many operands a `Windows` has."""
    if code.how == "max":
        return 1 + code.values + (code.places is not None)
    return 3 if code.how == "scatter" else 2


def _weights(code: Windows) -> list[int]:
    """What one tap along each dimension counts: in places, or in numbers of taps."""
    sizes = code.window
    steps = [1] * len(sizes)
    if code.places is dtypes.int64:
        sizes, steps = code.sizes, list(code.dilation)
    return [steps[k] * math.prod(sizes[k + 1 :]) for k in range(len(sizes))]


def _groups(phase: Phase) -> list[list[int]]:
    """Taps that share loads: those that stand within one stride of each other, so that together
    they read what lies in a row. Of a phase with backward steps each is alone."""
    if phase.scale == 1 or phase.step < 0:
        return [[i] for i in range(phase.count)]
    groups: list[list[int]] = []
    for i in range(phase.count):
        if groups and (i - groups[-1][0]) * phase.step < phase.scale:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _loads(phase: Phase, group: list[int], count: int) -> int:
    """How many vectors hold what a group meets."""
    span = (count - 1) * phase.scale + (len(group) - 1) * phase.step + 1
    return -(-span // count)


def _picked(f: Function, parts: list[Value | None], places: list[int], wide: Type) -> Value:
    """Elements of several vectors laid end to end, by their places. What is in no vector is 0."""
    count = lanes(wide)
    if len(parts) == 1 and places == list(range(count)):
        return parts[0] if parts[0] is not None else constant(0, wide)
    result: Value | None = None
    for k, part in enumerate(parts):
        mine = [p - k * count if k * count <= p < (k + 1) * count else -1 for p in places]
        if part is None or all(p < 0 for p in mine):
            continue
        if result is None:
            result = f.shuffle(part, None, mine)
        else:
            order = [count + p if p >= 0 else lane for lane, p in enumerate(mine)]
            result = f.shuffle(result, part, order)
    return result if result is not None else constant(0, wide)


def _bits(mask: Value) -> list[bool]:
    """The lanes of a constant mask."""
    return [word == "true" for word in mask.name.strip("<>").replace("i1 ", "").split(", ")]


def _maybe(f: Function, condition: Value | None) -> Any:
    """What is done only where a condition holds, if there is one."""
    return contextlib.nullcontext() if condition is None else f.if_(condition)


# --- places of another Program -------------------------------------------------------------------


def emit_places(module: Module, name: str, code: Places) -> list[Pieces]:
    """Write the kernel of a `Places`; a plane is a unit of work, for two places can be one."""
    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    half = code.dtype.itemsize == 2 and code.dtype.is_floating_point
    count = 4 if half and code.how == "scatter" else 3
    x, places, result, *more = (f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(count))
    per_piece = max(1, PIECE // max(1, code.size, code.count), -(-code.planes // 512))
    begin = f.mul(f.params[1], per_piece)
    end = f.binary("smin", f.mul(f.params[2], per_piece), code.planes)
    memory = MEMORY_TYPES[code.dtype]
    with f.loop(begin, end) as plane:
        mine = f.at(places, f.mul(plane, code.count), "i64")
        if code.how == "gather":
            source = f.at(x, f.mul(plane, code.size), memory)
            target = f.at(result, f.mul(plane, code.count), memory)
            with f.loop(0, code.count) as k:
                place = f.load("i64", f.at(mine, k, "i64"))
                f.store(f.load(memory, f.at(source, place, memory)), f.at(target, k, memory))
        else:
            source = f.at(x, f.mul(plane, code.count), memory)
            target = f.at(result, f.mul(plane, code.size), memory)
            sums, type = (more[0], "float") if half else (target, memory)
            if half:
                sums = f.at(sums, f.mul(plane, code.size), type)
            with f.loop(0, code.size) as k:
                f.store(constant(0, type), f.at(sums, k, type))
            with f.loop(0, code.count) as k:
                at = f.at(sums, f.load("i64", f.at(mine, k, "i64")), type)
                value = to_register(f, f.load(memory, f.at(source, k, memory)), code.dtype)
                old = f.load(type, at)
                if not half:
                    old = to_register(f, old, code.dtype)
                total = elementwise.combine("sum")(f, code.dtype, old, value)
                f.store(total if half else to_memory(f, total, code.dtype), at)
            if half:
                with f.loop(0, code.size) as k:
                    total = f.load(type, f.at(sums, k, type))
                    total = round_to(f, total, code.dtype)
                    f.store(to_memory(f, total, code.dtype), f.at(target, k, memory))
    f.ret(0)
    pieces = -(-code.planes // per_piece) if code.planes else 0
    cost = code.planes * (code.count + code.size) * 1.0
    return [Pieces(name, pieces, 1, cost)]


def places_workspace(code: Places) -> int:
    """Bytes of workspace behind a `Places`' operands: sums of half types, in float32."""
    half = code.dtype.itemsize == 2 and code.dtype.is_floating_point
    return 4 * code.planes * code.size if half and code.how == "scatter" else 0
