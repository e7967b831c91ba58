"""Row code: a `RowNest` as native code.

A short row is held in registers from the first operation to the last. A longer one is walked in
passes: a reduction ends a pass, and what is computed with its result belongs to the next. A value
that a later pass wants again is computed again if that is cheap, else it is kept in the thread's
scratch memory (or read back from where it was written).
"""

from __future__ import annotations

from typing import Any

from gradatim.engines.llvm import elementwise
from gradatim.engines.llvm.conversion import round_to
from gradatim.engines.llvm.emit import (
    Module,
    Value,
    constant,
    lanes,
    vector,
    vector_constant,
)
from gradatim.engines.llvm.loops import OPERATION_COST, Pieces
from gradatim.engines.llvm.nests import PIECE
from gradatim.engines.llvm.operations import MEMORY_TYPES, REGISTER_TYPES, to_memory, to_register
from gradatim.engines.llvm.rowwise import FULL, REDUCTION, ROW, RowNest

IN_REGISTERS = 4  # vectors of a row that are held in registers, at most
AGAIN = 3  # cheap operations that are done again rather than kept


def emit_rownest(module: Module, name: str, code: RowNest) -> list[Pieces]:
    """Write the kernel of a `RowNest`."""
    writer = _InRegisters if code.length <= IN_REGISTERS * _lanes(module, code) else _InPasses
    return writer(module, name, code).run()


def _lanes(module: Module, code: RowNest) -> int:
    """How many points a step takes: a register of floats, fewer for a short row."""
    sizes = [a.dtype.itemsize for a in code.reads if a.strides[-1]]
    sizes += [op.gives.itemsize for op in code.operations if op.span != ROW]
    most = module.features.vector_bytes // (8 if sizes and min(sizes) == 8 else 4)
    count = 1
    while count < most and count < code.length:
        count *= 2
    if count > code.length and not module.features.has_masks:
        count //= 2
    return count


class _Writer:
    """What both ways have in common: rows, reads, writes and operations."""

    def __init__(self, module: Module, name: str, code: RowNest):
        self.module, self.name, self.code = module, name, code
        self.lanes = _lanes(module, code)
        self.whole = code.length // self.lanes * self.lanes
        rest = code.length - self.whole
        self.mask = vector_constant([k < rest for k in range(self.lanes)], "i1") if rest else None

    def run(self) -> list[Pieces]:
        code = self.code
        rows = 1
        for extent in code.rows:
            rows *= extent
        effort = code.length * sum(
            OPERATION_COST.get(op.name, 1) for op in code.operations if op.span != ROW
        ) + 40 * len([op for op in code.operations if op.span != FULL])
        per_piece = max(1, int(PIECE // max(1, effort)), -(-rows // 512))
        f = self.f = self.module.function(self.name, ["ptr", "i64", "i64", "ptr"], "i32")
        count = len(code.reads) + len(code.writes)
        self.arguments = [f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(count)]
        begin = f.mul(f.params[1], per_piece)
        end = f.binary("smin", f.mul(f.params[2], per_piece), rows)
        with f.loop(begin, end) as row:
            self.index = self._unravel(row)
            self.pointers = self._pointers()
            self.rows: dict[Any, Value] = {}
            self._row()
        f.ret(0)
        return [Pieces(self.name, -(-rows // per_piece), 1, rows * effort / 16)]

    def _unravel(self, row: Value) -> list[Value]:
        f, index = self.f, [row]
        for extent in reversed(self.code.rows[1:]):
            rest = index.pop(0)
            above = f.div(rest, extent, signed=False)
            index[:0] = [above, f.sub(rest, f.mul(above, extent))]
        return index if self.code.rows else []

    def _pointers(self) -> list[Value]:
        f, found = self.f, []
        accesses = [*self.code.reads, *(a for a, _ in self.code.writes)]
        for pointer, access in zip(self.arguments, accesses):
            for digit, stride in zip(self.index, access.strides):
                if stride:
                    pointer = f.at(pointer, f.mul(digit, stride), MEMORY_TYPES[access.dtype])
            found.append(pointer)
        return found

    # --- values ----------------------------------------------------------------------------------

    def _row_value(self, reference: Any) -> Value | None:
        """A value that is the same for the whole row, as a scalar; None for a full one."""
        kind, number = reference[:2]
        if reference in self.rows:
            return self.rows[reference]
        if kind == "constant":
            return constant(number, REGISTER_TYPES[reference[2]])
        f = self.f
        if kind == "read" and self.code.reads[number].strides[-1] == 0:
            dtype = self.code.reads[number].dtype
            value = f.load(MEMORY_TYPES[dtype], self.pointers[number])
            self.rows[reference] = to_register(f, value, dtype)
            return self.rows[reference]
        if kind == "iota" and number < len(self.code.rows):
            return self._counted(self.index[number], reference[2])
        return None

    def _counted(self, number: Value, dtype: Any) -> Value:
        f = self.f
        type = REGISTER_TYPES[dtype]
        if type == "i1":
            return f.compare("ne", number, 0)
        made = f.convert(number, type)
        return round_to(f, made, dtype) if dtype.itemsize == 2 else made

    def _spread(self, value: Value) -> Value:
        return self.f.splat(value, self.lanes)

    def _iota(self, reference: Any, at: Value) -> Value:
        """0, 1, 2 ... along the row, from `at` on."""
        f = self.f
        number = at
        if self.lanes > 1:
            steps = vector_constant(list(range(self.lanes)), "i64")
            number = f.add(self._spread(at), steps)
        return self._counted(number, reference[2])

    def _read(self, number: int, at: Any, mask: Value | None) -> Value:
        """A vector of a read, from place `at` of the row on."""
        access = self.code.reads[number]
        return self._load(self.pointers[number], access.dtype, at, mask)

    def _load(self, pointer: Value, dtype: Any, at: Any, mask: Value | None) -> Value:
        f, type = self.f, MEMORY_TYPES[dtype]
        wide = vector(type, self.lanes)
        address = f.at(pointer, at, type)
        if mask is None:
            return to_register(f, f.load(wide, address), dtype)
        value = f.masked_load(wide, address, mask, constant(0, wide))
        return to_register(f, value, dtype)

    def _store(self, value: Value, pointer: Value, dtype: Any, at: Any, mask: Value | None) -> None:
        f = self.f
        made = to_memory(f, value, dtype)
        address = f.at(pointer, at, MEMORY_TYPES[dtype])
        if mask is None:
            f.store(made, address)
        else:
            f.masked_store(made, address, mask)

    def _operate(self, op: Any, given: list[Value]) -> Value:
        made = elementwise.lower(self.f, op.name, op.params, op.reads, op.gives, given)
        assert made is not None, f"{op.name} has no lowering"
        return made

    def _row_operation(self, k: int) -> None:
        """Compute a row value from row values."""
        op = self.code.operations[k]
        given = []
        for reference in op.operands:
            value = self._row_value(reference)
            assert value is not None
            given.append(value)
        self._set_row(k, self._operate(op, given))

    def _set_row(self, k: int, value: Value) -> None:
        self.rows["op", k] = value
        for place, (access, reference) in enumerate(self.code.writes):
            if reference == ("op", k):
                pointer = self.pointers[len(self.code.reads) + place]
                self.f.store(to_memory(self.f, value, access.dtype), pointer)

    # --- reductions ------------------------------------------------------------------------------

    def _identity(self, op: Any) -> Value:
        number = elementwise.identity(op.name, op.gives)
        return constant(number, vector(REGISTER_TYPES[op.gives], self.lanes))

    def _combine(self, op: Any, a: Value, b: Value) -> Value:
        return elementwise.combine(op.name)(self.f, op.gives, a, b)

    def _masked(self, op: Any, value: Value, mask: Value | None) -> Value:
        if mask is None:
            return value
        return self.f.select(self.f.unseen(mask), value, self._identity(op))

    def _finish(self, k: int, parts: list[Value]) -> None:
        """Combine the vectors of a reduction, and their lanes, by a tree."""
        f, op = self.f, self.code.operations[k]
        while len(parts) > 1:
            pairs = [self._combine(op, a, b) for a, b in zip(parts[::2], parts[1::2])]
            parts = pairs + parts[2 * len(pairs) :]
        total = parts[0]
        count = lanes(total.type)
        while count > 1:
            count //= 2
            low = f.shuffle(total, None, range(count))
            high = f.shuffle(total, None, range(count, 2 * count))
            if count == 1:
                low, high = f.extract(total, 0), f.extract(total, 1)
            total = self._combine(op, low, high)
        self._set_row(k, round_to(f, total, op.gives))

    def _row(self) -> None:
        raise NotImplementedError


class _InRegisters(_Writer):
    """The whole row at once, one operation after the other."""

    def _row(self) -> None:
        code = self.code
        steps: list[tuple[int, Value | None]] = [
            (at, None) for at in range(0, self.whole, self.lanes)
        ]
        if self.mask is not None:
            steps.append((self.whole, self.mask))
        full: dict[Any, list[Value]] = {}

        def vectors(reference: Any) -> list[Value]:
            if reference not in full:
                row = self._row_value(reference)
                if row is not None:
                    full[reference] = [self._spread(row)] * len(steps)
                elif reference[0] == "iota":
                    full[reference] = [
                        self._iota(reference, constant(at, "i64")) for at, _ in steps
                    ]
                else:
                    full[reference] = [self._read(reference[1], at, m) for at, m in steps]
            return full[reference]

        for k, op in enumerate(code.operations):
            if op.span == ROW:
                self._row_operation(k)
                continue
            given = [vectors(reference) for reference in op.operands]
            if op.span == REDUCTION:
                self._finish(
                    k, [self._masked(op, v, mask) for v, (_, mask) in zip(given[0], steps)]
                )
                continue
            full["op", k] = [self._operate(op, list(each)) for each in zip(*given)]
            for place, (access, reference) in enumerate(code.writes):
                if reference == ("op", k):
                    pointer = self.pointers[len(code.reads) + place]
                    for value, (at, mask) in zip(full["op", k], steps):
                        self._store(value, pointer, access.dtype, at, mask)


class _InPasses(_Writer):
    """Pass by pass over a row.

    Attributes:
        time: for each operation, the pass in which a full value is computed, or before which a
            row value is there.
        kept: full values that later passes load again.
    """

    def __init__(self, module: Module, name: str, code: RowNest):
        super().__init__(module, name, code)
        self.time: list[int] = []
        for op in code.operations:
            latest = max((self._time_of(r) for r in op.operands), default=0)
            self.time.append(latest + (op.span == REDUCTION))
        self.kept = self._choose_kept()

    def _time_of(self, reference: Any) -> int:
        return self.time[reference[1]] if reference[0] == "op" else 0

    def _is_full(self, reference: Any) -> bool:
        return reference[0] == "op" and bool(self.code.operations[reference[1]].span == FULL)

    def _choose_kept(self) -> list[int]:
        """Full values that a later pass wants, and that are dear to compute."""
        operations = self.code.operations
        wanted: set[int] = set()
        for k, op in enumerate(operations):
            now = self.time[k] - (op.span == REDUCTION)
            for reference in op.operands:
                if self._is_full(reference) and self._time_of(reference) < now:
                    wanted.add(reference[1])
        cost: dict[int, int] = {}
        kept = []
        for k, op in enumerate(operations):
            if op.span != FULL:
                continue
            own = OPERATION_COST.get(op.name, 1)
            cost[k] = own + sum(cost[r[1]] for r in op.operands if self._is_full(r))
            if k in wanted and cost[k] > AGAIN:
                kept.append(k)
                cost[k] = 0
        return kept

    def run(self) -> list[Pieces]:
        at = 0
        self.scratch: dict[int, int] = {}
        written = {r[1]: place for place, (_, r) in enumerate(self.code.writes)}
        for k in self.kept:
            if k not in written:
                self.scratch[k] = at
                size = self.code.length * self.code.operations[k].gives.itemsize
                at += -(-size // 64) * 64
        assert at < 8 << 20
        if at:
            self.module.scratch_users.add(self.name)
        return super().run()

    def _kept_pointer(self, k: int) -> Value:
        if k in self.scratch:
            return self.f.at_byte(self.f.params[3], self.scratch[k])
        for place, (_, reference) in enumerate(self.code.writes):
            if reference == ("op", k):
                return self.pointers[len(self.code.reads) + place]
        raise AssertionError(k)

    def _row(self) -> None:
        operations = self.code.operations
        for now in range(max(self.time, default=0) + 1):
            for k, op in enumerate(operations):
                if op.span == ROW and self.time[k] == now:
                    self._row_operation(k)
            self._pass(now)

    def _pass(self, now: int) -> None:
        f, code = self.f, self.code
        mine = [k for k, op in enumerate(code.operations) if self._is_done(k, op, now)]
        reductions = [
            k for k, op in enumerate(code.operations)
            if op.span == REDUCTION and self.time[k] == now + 1
        ]  # fmt: skip
        if not mine and not reductions:
            return
        spread: dict[Any, Value] = {}
        self._spread_rows(now, mine, reductions, spread)
        lines = 1
        if reductions and self.whole >= 4 * self.lanes:
            lines = 4 if len(mine) <= 8 else 2
        start = [self._identity(code.operations[k]) for k in reductions for _ in range(lines)]
        step = lines * self.lanes
        whole = self.whole // step * step
        totals = start

        def point(at: Any, mask: Value | None, totals: list[Value], line: int) -> list[Value]:
            values = self._point(now, mine, reductions, spread, at, mask)
            news = list(totals)
            for place, k in enumerate(reductions):
                op = code.operations[k]
                value = self._masked(op, values(op.operands[0]), mask)
                slot = place * lines + line
                news[slot] = self._combine(op, news[slot], value)
            return news

        if whole:
            if reductions:
                with f.loop(0, whole, step, totals) as loop:
                    news = loop.carry
                    for line in range(lines):
                        at = f.add(loop.index, line * self.lanes) if line else loop.index
                        news = point(at, None, news, line)
                    loop.next(*news)
                totals = loop.results
            else:
                with f.loop(0, whole, step) as at:
                    point(at, None, [], 0)
        for line, at in enumerate(range(whole, self.whole, self.lanes)):
            totals = point(constant(at, "i64"), None, totals, line)
        if self.mask is not None:
            totals = point(constant(self.whole, "i64"), self.mask, totals, 0)
        for place, k in enumerate(reductions):
            self._finish(k, totals[place * lines : (place + 1) * lines])

    def _is_done(self, k: int, op: Any, now: int) -> bool:
        return self.time[k] == now and bool(op.span == FULL)

    def _spread_rows(
        self, now: int, mine: list[int], reductions: list[int], spread: dict[Any, Value]
    ) -> None:
        """Row values that a pass reads, in every lane of a vector, before its loop."""
        seen: set[int] = set()
        stack = [*mine, *reductions]
        while stack:
            k = stack.pop()
            if k in seen:
                continue
            seen.add(k)
            for reference in self.code.operations[k].operands:
                if self._is_full(reference):
                    if self._time_of(reference) < now and reference[1] not in self.kept:
                        stack.append(reference[1])
                    continue
                row = self._row_value(reference)
                if row is not None and reference not in spread:
                    spread[reference] = self._spread(row)

    def _point(
        self, now: int, mine: list[int], reductions: list[int], spread: dict[Any, Value], at: Value,
        mask: Value | None,
    ) -> Any:  # fmt: skip
        """Compute and write the full values of a pass at some points; gives a function from
        references to their values there."""
        code = self.code
        values: dict[Any, Value] = {}

        def value(reference: Any) -> Value:
            if reference in spread:
                return spread[reference]
            if reference not in values:
                kind, k = reference[0], reference[1]
                if kind == "read":
                    made = self._read(k, at, mask)
                elif kind == "iota":
                    made = self._iota(reference, at)
                elif k in self.kept and self.time[k] < now:
                    pointer = self._kept_pointer(k)
                    made = self._load(pointer, code.operations[k].gives, at, mask)
                else:
                    op = code.operations[k]
                    made = self._operate(op, [value(r) for r in op.operands])
                values[reference] = made
            return values[reference]

        for k in mine:
            made = value(("op", k))
            if k in self.scratch:
                self._store(made, self._kept_pointer(k), code.operations[k].gives, at, mask)
            for place, (access, reference) in enumerate(code.writes):
                if reference == ("op", k):
                    pointer = self.pointers[len(code.reads) + place]
                    self._store(made, pointer, access.dtype, at, mask)
        return value
