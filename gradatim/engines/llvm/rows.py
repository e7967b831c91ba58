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
from gradatim.engines.llvm.emit import Function, Module, Value, constant, vector
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
    count = math.prod(n for n, _, _ in code.index)
    width = math.prod(n for n, _, _ in code.row)
    in_order = code.how in ("scatter_add", "scatter_set")
    per_piece = max(1, count) if in_order else max(1, PIECE // max(1, width))
    begin = f.mul(f.params[1], per_piece)
    end = f.binary("smin", f.mul(f.params[2], per_piece), count)
    type, table_type = MEMORY_TYPES[code.dtype], MEMORY_TYPES[_table_dtype(code)]
    with f.loop(begin, end) as k:
        where, shift = _offsets(f, k, code.index)
        row = f.load("i64", f.at(args[0], where, "i64"))
        if pointers < 3:
            with f.if_(f.compare("ge", row, code.axis[0], signed=False)):
                f.store(row, args[-1])
                f.do("ret i32 1")
                f.start(f.label("dead"))
        if code.how == "check":
            f.store(row, f.at(args[1], shift, type))
        elif code.how != "look":
            source = f.at(args[2], f.mul(row, code.axis[1]), table_type)
            _row(f, module, code, source, f.at(args[1], shift, type))
    f.ret(0)
    pieces = -(-count // per_piece) if count else 0
    return [Pieces(name, pieces, 1, count * width / 8)]


def _table_dtype(code: Any) -> DType:
    return accumulator(code.dtype) if code.how == "scatter_add" else code.dtype


def _offsets(f: Function, k: Value, axes: Any) -> tuple[Value, Value]:
    """The offsets of the k-th index in its own array and in the other operand."""
    first: Value = constant(0, "i64")
    second: Value = constant(0, "i64")
    rest = k
    for place, (extent, a, b) in enumerate(reversed(axes)):
        if place == len(axes) - 1:
            digit = rest
        else:
            above = f.div(rest, extent, signed=False)
            digit = f.sub(rest, f.mul(above, extent))
            rest = above
        first = f.add(first, f.mul(digit, a))
        second = f.add(second, f.mul(digit, b))
    return first, second


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
