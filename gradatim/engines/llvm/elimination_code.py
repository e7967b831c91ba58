"""Elimination code: the kernels of elimination.py as native code."""

from __future__ import annotations

from typing import Any

from gradatim.engines.llvm import vector_math64
from gradatim.engines.llvm.elimination import ALIGNED, PANEL, Elimination, Singular
from gradatim.engines.llvm.emit import Module, Value, constant, vector
from gradatim.engines.llvm.loops import Pieces
from gradatim.engines.llvm.operations import MEMORY_TYPES

COLUMNS = 4  # vectors of right-hand sides that are solved side by side


def emit_elimination(module: Module, name: str, code: Elimination) -> list[Pieces]:
    """Write the kernel of an `Elimination`."""
    return _Writer(module, name, code).run()


def emit_singular(module: Module, name: str, code: Singular) -> list[Pieces]:
    """Write the kernel of a `Singular`: which matrix, and its `info`, are left in the report."""
    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    info, report = (f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(2))
    with f.loop(0, code.count) as k:
        found = f.load("i32", f.at(info, k, "i32"))
        with f.if_(f.compare("ne", found, 0)):
            f.store(k, report)
            f.store(f.convert(found, "i64"), f.at(report, 1, "i64"))
            f.do("ret i32 1")
            f.start(f.label("dead"))
    f.ret(0)
    return [Pieces(name, 1, 1, float(code.count))]


class _Writer:
    """Holds what is fixed while one kernel is written."""

    def __init__(self, module: Module, name: str, code: Elimination):
        self.code, self.name = code, name
        self.type = MEMORY_TYPES[code.dtype]
        self.lanes = min(module.features.lanes(self.type), ALIGNED)
        self.wide = vector(self.type, self.lanes)
        self.f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")

    def run(self) -> list[Pieces]:
        f, code = self.f, self.code
        pointers = [f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(1 + code.results)]
        size = code.padded + 2 * self.lanes
        self.panel = [f.alloca(self.type, size) for _ in range(PANEL)]
        for column in self.panel:
            with f.loop(0, size) as k:
                f.store(self.number(0.0), self.at(column, k))
        self.info, self.place = f.alloca("i32"), f.alloca("i64")
        self.largest = f.alloca(self.type)
        self.sign, self.sum = f.alloca("double"), f.alloca("double")
        with f.loop(f.params[1], f.params[2]) as matrix:
            self.base = self.at(pointers[0], f.mul(matrix, code.padded * code.length))
            self._pad()
            if code.how == "triangular_solve":
                self._solve()
            else:
                self._eliminate()
                self._finish(matrix, pointers[1:])
        f.ret(0)
        each = code.rows**2 * (code.rows / 3 + code.columns) / 8
        return [Pieces(self.name, code.count, 1, code.count * each)]

    # --- small things ----------------------------------------------------------------------------

    def at(self, base: Value, k: Any) -> Value:
        return self.f.at(base, k, self.type)

    def number(self, x: float) -> Value:
        return constant(x, self.type)

    def row(self, i: Any) -> Value:
        scaled = self.f.mul(i, self.code.length) if isinstance(i, Value) else i * self.code.length
        return self.at(self.base, scaled)

    def load(self, address: Value) -> Value:
        return self.f.load(self.type, address)

    def splat(self, x: Value) -> Value:
        return self.f.splat(x, self.lanes)

    def less(self, x: Value, factor: Value, y: Value) -> Value:
        """x - factor · y."""
        return self.f.fma(self.f.neg(factor), y, x)

    # --- the steps -------------------------------------------------------------------------------

    def _pad(self) -> None:
        """Zeros and ones behind A, and zeros (for "inv" the unit matrix) beside it."""
        f, code = self.f, self.code
        n, padded = code.rows, code.padded
        with f.loop(0, padded) as i:
            row = self.row(i)
            outside = f.compare("ge", i, n)
            with f.loop(f.select(outside, constant(0, "i64"), n), code.beside) as j:
                f.store(self.number(0.0), self.at(row, j))
            first = constant(code.beside + code.columns, "i64")
            if code.how == "inv":
                first = constant(code.beside, "i64")
            with f.loop(f.select(outside, code.beside, first), code.length) as j:
                f.store(self.number(0.0), self.at(row, j))
            with f.if_(outside):
                f.store(self.number(1.0), self.at(row, i))
            if code.how == "inv":
                f.store(self.number(1.0), self.at(row, f.add(i, code.beside)))

    def _eliminate(self) -> None:
        f, padded = self.f, self.code.padded
        f.store(constant(0, "i32"), self.info)
        f.store(constant(1.0, "double"), self.sign)
        f.store(constant(0.0 if self.code.how == "slogdet" else 1.0, "double"), self.sum)
        with f.loop(0, padded, PANEL) as j:
            with f.loop(j, padded) as i:
                row = self.at(self.row(i), j)
                for c, column in enumerate(self.panel):
                    f.store(self.load(self.at(row, c)), self.at(column, i))
            first = f.and_(j, -self.lanes)
            for c in range(PANEL):
                self._pivot(j, c, first)
            behind = f.and_(f.add(j, PANEL), -self.lanes)
            for c in range(1, PANEL):
                self._update(f.add(j, c), j, c, first)
            with f.loop(f.add(j, PANEL), padded) as i:
                self._update(i, j, PANEL, behind)

    def _pivot(self, j: Value, c: int, first: Value) -> None:
        """The c-th step within a panel: the largest of the column goes to the diagonal, and the
        rest of the panel is eliminated below it."""
        f, column = self.f, self.panel[c]
        k = f.add(j, c)
        f.store(f.unary("fabs", self.load(self.at(column, k))), self.largest)
        f.store(k, self.place)
        with f.loop(f.add(k, 1), self.code.padded) as i:
            size = f.unary("fabs", self.load(self.at(column, i)))
            with f.if_(f.compare("gt", size, self.load(self.largest))):
                f.store(size, self.largest)
                f.store(i, self.place)
        other = f.load("i64", self.place)
        with f.if_(f.compare("ne", other, k)):
            f.store(f.neg(f.load("double", self.sign)), self.sign)
            for each in self.panel:
                self._exchange(self.at(each, k), self.at(each, other), self.type)
            with f.loop(first, self.code.length, self.lanes) as at:
                self._exchange(self.at(self.row(k), at), self.at(self.row(other), at), self.wide)
        pivot = self.load(self.at(column, k))
        none = f.compare("eq", pivot, 0.0)
        with f.if_(none):
            seen = f.load("i32", self.info)
            place = f.convert(f.add(k, 1), "i32")
            f.store(f.select(f.compare("eq", seen, 0), place, seen), self.info)
        self._note(pivot)
        divisor = self.splat(f.select(none, self.number(1.0), pivot))
        kept = f.splat(f.select(none, self.number(0.0), self.number(1.0)), self.lanes)
        heads = [self.splat(self.load(self.at(each, k))) for each in self.panel[c + 1 :]]
        with f.loop(f.add(k, 1), self.code.padded, self.lanes) as i:
            factor = f.mul(f.div(f.load(self.wide, self.at(column, i)), divisor), kept)
            f.store(factor, self.at(column, i), None)
            for each, head in zip(self.panel[c + 1 :], heads):
                place = self.at(each, i)
                f.store(self.less(f.load(self.wide, place), factor, head), place)

    def _exchange(self, a: Value, b: Value, type: str) -> None:
        x, y = self.f.load(type, a), self.f.load(type, b)
        self.f.store(y, a)
        self.f.store(x, b)

    def _note(self, pivot: Value) -> None:
        """A pivot's part of the determinant."""
        f, how = self.f, self.code.how
        if how not in ("det", "slogdet"):
            return
        wide = f.convert(pivot, "double")
        total = f.load("double", self.sum)
        if how == "det":
            f.store(f.mul(total, wide), self.sum)
            return
        size = f.unary("fabs", wide)
        f.store(f.add(total, vector_math64.log(f, size)), self.sum)
        sign = f.load("double", self.sign)
        turned = f.select(f.compare("lt", wide, 0.0), f.neg(sign), sign)
        f.store(f.select(f.compare("eq", wide, 0.0), constant(0.0, "double"), turned), self.sign)

    def _update(self, i: Value, j: Value, steps: int, first: Value) -> None:
        """Row i minus its multiples of the first rows of the panel, from a whole vector on: what is
        in front of the diagonal is not looked at any more."""
        f = self.f
        factors = [self.splat(self.load(self.at(each, i))) for each in self.panel[:steps]]
        rows = [self.row(f.add(j, c) if c else j) for c in range(steps)]
        row = self.row(i)
        with f.loop(first, self.code.length, self.lanes) as at:
            place = self.at(row, at)
            value = f.load(self.wide, place)
            for factor, each in zip(factors, rows):
                value = self.less(value, factor, f.load(self.wide, self.at(each, at)))
            f.store(value, place)

    def _solve(self) -> None:
        """U X = B from below, some columns of B at a time."""
        f, code = self.f, self.code
        step = COLUMNS * self.lanes
        whole = code.beside + (code.length - code.beside) // step * step
        with f.loop(code.beside, whole, step) as at:
            self._solve_columns(at, COLUMNS)
        with f.loop(whole, code.length, self.lanes) as at:
            self._solve_columns(at, 1)

    def _solve_columns(self, at: Value, count: int) -> None:
        f, n = self.f, self.code.rows
        with f.loop(0, n) as turn:
            i = f.sub(n - 1, turn)
            row = self.row(i)
            places = [self.at(row, f.add(at, k * self.lanes)) for k in range(count)]
            start = [f.load(self.wide, place) for place in places]
            with f.loop(f.add(i, 1), n, 1, start) as loop:
                factor = self.splat(self.load(self.at(row, loop.index)))
                below = self.row(loop.index)
                loop.next(*(
                    self.less(value, factor, f.load(
                        self.wide, self.at(below, f.add(at, k * self.lanes))
                    ))
                    for k, value in enumerate(loop.carry)
                ))  # fmt: skip
            found = loop.results
            if not self.code.unit:
                pivot = self.splat(self.load(self.at(row, i)))
                found = [f.div(value, pivot) for value in found]
            for value, place in zip(found, places):
                f.store(value, place)

    def _finish(self, matrix: Value, results: list[Value]) -> None:
        f, code = self.f, self.code
        if code.how in ("solve", "inv"):
            info = f.load("i32", self.info)
            f.store(info, f.at(results[0], matrix, "i32"))
            regular = f.compare("eq", info, 0)
            with f.if_(regular):
                self._solve()
            with (
                f.otherwise(regular),
                f.loop(0, code.rows) as i,
                f.loop(code.beside, code.length) as j,
            ):
                f.store(self.number(float("nan")), self.at(self.row(i), j))
            return
        sign, total = f.load("double", self.sign), f.load("double", self.sum)
        found = [f.mul(sign, total)] if code.how == "det" else [sign, total]
        for value, result in zip(found, results):
            f.store(f.convert(value, self.type), self.at(result, matrix))
