"""Gather and scatter: rows of axis 0 by an index, as native code.

Every index is looked at before anything is moved, by a kernel of its own; the first that is outside
ends it with status 1 and is left where the report says. A scatter runs on one thread, in order, so
that of several updates to one row the last wins and sums have the same bits every time. A table of
sums has the dtype of `accumulator`.
"""

from __future__ import annotations

import math
from typing import Any

from gradatim.engines.llvm import elementwise
from gradatim.engines.llvm.emit import (
    Function,
    Module,
    Value,
    constant,
    vector,
    vector_constant,
)
from gradatim.engines.llvm.loops import Pieces
from gradatim.engines.llvm.nests import PIECE
from gradatim.engines.llvm.operations import MEMORY_TYPES, accumulator, to_memory, to_register
from gradatim.graph.dtypes import DType


def rows_pointers(code: Any) -> int:
    """How many pointers a `Rows` has: index, result or updates, table."""
    return {"look": 1, "check": 2}.get(code.how, 3)


def emit_rows(module: Module, name: str, code: Any) -> list[Pieces]:
    """Write the kernel of a `Rows`; behind its pointers comes the report."""
    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    pointers = rows_pointers(code)
    args = [f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(pointers + 1)]
    width = math.prod(n for n, _, _ in code.row)
    *outer, inner = _merged(code.index)
    count = math.prod(n for n, *_ in outer) * inner[0]
    in_order = code.how in ("scatter_add", "scatter_set")
    # A unit is a stretch of the innermost axis.
    stretch = inner[0] if in_order else min(inner[0], max(1, PIECE // max(1, width)))
    stretches = -(-inner[0] // stretch) if stretch else 0
    units = math.prod(n for n, *_ in outer) * stretches
    per_piece = max(1, units if in_order else PIECE // max(1, width * stretch))
    begin = f.mul(f.params[1], per_piece)
    end = f.binary("smin", f.mul(f.params[2], per_piece), units)
    with f.loop(begin, end) as unit:
        line: Value = unit
        first: Value = constant(0, "i64")
        last: Value = constant(inner[0], "i64")
        if stretches > 1:
            line = f.div(unit, stretches, signed=False)
            first = f.mul(f.sub(unit, f.mul(line, stretches)), stretch)
            last = f.binary("smin", f.add(first, stretch), inner[0])
        where, shift, place = _offsets(f, line, outer)
        index = f.at(args[0], where, "i64")
        if pointers < 3:
            result = f.at(args[1], shift, "i64") if pointers == 2 else None
            _look(f, module, code, inner, (index, place, result), (first, last), args[-1])
        else:
            _move(f, module, code, inner, (index, place), (first, last), args[1], shift, args[2])
    f.ret(0)
    pieces = -(-units // per_piece) if count else 0
    return [Pieces(name, pieces, 1, count * width / 8)]


def _merged(axes: Any) -> list[tuple[int, int, int, int]]:
    """Neighbouring axes as one where all strides allow it; one axis at least."""
    found: list[tuple[int, int, int, int]] = []
    for n, *strides in axes:
        if n == 1:
            continue
        if found and all(a == n * b for a, b in zip(found[-1][1:], strides)):
            found[-1] = (found[-1][0] * n, *strides)
        else:
            found.append((n, *strides))
    return found or [(1, 0, 0, 0)]


def _place(f: Function, code: Any, index: Value, start: Value) -> Value:
    scaled = f.mul(index, code.scale) if code.scale != 1 else index
    return scaled if start.name == "0" else f.add(scaled, start)


def _start(f: Function, base: Value, k: Value, stride: int) -> Value:
    if stride == 0:
        return base
    step = k if stride == 1 else f.mul(k, stride)
    return step if base.name == "0" else f.add(base, step)


def _look(
    f: Function, module: Module, code: Any, inner: Any, at: Any, bounds: Any, report: Value
) -> None:
    """Whether the places of a stretch are inside, many at a time; if one is not, which."""
    index, place, result = at
    _, s, t, step = inner
    extent = code.axis[0]
    first, last = bounds
    lanes = module.features.lanes("i64")

    def one(k: Value) -> Value:
        given = f.load("i64", f.at(index, f.mul(k, s), "i64"))
        return _place(f, code, given, _start(f, place, k, step))

    def scalars(begin: Value) -> None:
        with f.loop(begin, last) as k:
            row = one(k)
            with f.if_(f.compare("ge", row, extent, signed=False)):
                f.store(row, report)
                f.do("ret i32 1")
                f.start(f.label("dead"))
            if result is not None:
                f.store(row, f.at(result, f.mul(k, t), "i64"))

    if s != 1 or (result is not None and t != 1) or lanes < 2 or inner[0] < lanes:
        scalars(first)
        return
    wide = vector("i64", lanes)
    whole = f.add(first, f.mul(f.div(f.sub(last, first), lanes, signed=False), lanes))
    lane_steps = vector_constant([lane * step for lane in range(lanes)], "i64")
    with f.loop(first, whole, lanes, [constant(0, wide)]) as loop:
        given = f.load(wide, f.at(index, loop.index, "i64"), 8)
        start = f.splat(_start(f, place, loop.index, step), lanes)
        row = _place(f, code, given, f.add(start, lane_steps) if step else start)
        if result is not None:
            f.store(row, f.at(result, loop.index, "i64"), 8)
        # The sign bit: of the place, or of what is left to the end.
        outside = f.or_(row, f.sub(f.splat(constant(extent - 1, "i64"), lanes), row))
        loop.next(f.or_(loop.carry[0], outside))
    (seen,) = loop.results
    wrong = f.compare("lt", f.horizontal("or", seen), 0)
    scalars(f.select(wrong, first, whole))


def _move(
    f: Function, module: Module, code: Any, inner: Any, at: Any, bounds: Any, other: Value,
    shift: Value, table: Value,
) -> None:  # fmt: skip
    """Move or add the rows of a stretch, whose places are known to be inside."""
    index, place = at
    _, s, t, step = inner
    type, table_type = MEMORY_TYPES[code.dtype], MEMORY_TYPES[_table_dtype(code)]
    target = f.at(other, shift, type)
    first, last = bounds

    def one(k: Value) -> None:
        given = f.load("i64", f.at(index, k if s == 1 else f.mul(k, s), "i64"))
        row = _place(f, code, given, _start(f, place, k, step))
        source = f.at(table, f.mul(row, code.axis[1]) if code.axis[1] != 1 else row, table_type)
        _row(f, module, code, source, f.at(target, k if t == 1 else f.mul(k, t), type))

    at_once = 4 if math.prod(n for n, _, _ in code.row) == 1 and inner[0] >= 4 else 1
    whole = first
    if at_once > 1:
        whole = f.add(first, f.mul(f.div(f.sub(last, first), at_once, signed=False), at_once))
        with f.loop(first, whole, at_once) as k:
            for lane in range(at_once):
                one(f.add(k, lane) if lane else k)
    with f.loop(whole, last) as k:
        one(k)


def _table_dtype(code: Any) -> DType:
    return accumulator(code.dtype) if code.how == "scatter_add" else code.dtype


def _offsets(f: Function, k: Value, axes: Any) -> list[Value]:
    """The offsets of the k-th line in the index, in the other operand, and among places."""
    sums: list[Value] = [constant(0, "i64")] * 3
    rest = k
    for place, (extent, *strides) in enumerate(reversed(axes)):
        if place == len(axes) - 1:
            digit = rest
        else:
            above = f.div(rest, extent, signed=False)
            digit = f.sub(rest, f.mul(above, extent))
            rest = above
        sums = [f.add(a, f.mul(digit, s)) if s else a for a, s in zip(sums, strides)]
    return sums


def _row(f: Function, module: Module, code: Any, table: Value, other: Value) -> None:
    """Move or add one row; its last axis by vectors where both lie in a row."""
    axes = [axis for axis in code.row if axis[0] != 1]
    while len(axes) > 1 and all(axes[-2][s] == axes[-1][s] * axes[-1][0] for s in (1, 2)):
        n, _, _ = axes.pop(-2)
        axes[-1] = (axes[-1][0] * n, axes[-1][1], axes[-1][2])
    type, kept = MEMORY_TYPES[code.dtype], _table_dtype(code)
    table_type = MEMORY_TYPES[kept]

    def one(a: Value, b: Value, count: int) -> None:
        wide = vector(type, count)
        if code.how == "gather":
            f.store(f.load(wide, a), b)
        elif code.how == "scatter_set":
            f.store(f.load(wide, b), a)
        else:
            old = to_register(f, f.load(vector(table_type, count), a), kept)
            new = to_register(f, f.load(wide, b), code.dtype)  # (a half is a float in registers)
            total = elementwise.lower(f, "add", (), kept, kept, [old, new])
            assert total is not None
            f.store(to_memory(f, total, kept), a)

    def walk(axes: list[Any], a: Value, b: Value) -> None:
        if not axes:
            one(a, b, 1)
            return
        (extent, s, t), rest = axes[0], axes[1:]
        if not rest and s == t == 1:
            count = module.features.lanes(table_type)
            whole = extent // count * count
            if whole:
                with f.loop(0, whole, count) as i:
                    one(f.at(a, i, table_type), f.at(b, i, type), count)
            if whole < extent:
                with f.loop(whole, extent) as i:
                    one(f.at(a, i, table_type), f.at(b, i, type), 1)
            return
        with f.loop(0, extent) as i:
            walk(rest, f.at(a, f.mul(i, s), table_type), f.at(b, f.mul(i, t), type))

    walk(axes, table, other)
