"""Running code: the places of running extremes (along.py's RunningExtreme) as native code."""

from __future__ import annotations

import math

from gradatim.engines.llvm import elementwise
from gradatim.engines.llvm.along import RunningExtreme
from gradatim.engines.llvm.along_code import (
    _blocks,
    _offsets,
    _Operand,
    _steps,
    _store,
    _vector_axis,
    _width,
    start,
)
from gradatim.engines.llvm.emit import Function, Module, Value, constant, vector
from gradatim.engines.llvm.loops import Pieces
from gradatim.engines.llvm.operations import to_memory
from gradatim.graph.dtypes import bool_


def emit_running_extreme(module: Module, name: str, code: RunningExtreme) -> list[Pieces]:
    """Write the kernel of a `RunningExtreme`: vectors across another axis, where one lies in a row,
    else one line after the other."""
    extent, s, t = code.axis
    across = None if s == 1 else _vector_axis(code, module)
    axis, rest = across or ((1, 1, 1), code.others)
    count = _width(module, code.dtype, axis[0]) if across else 1
    whole, mask = _steps(axis[0], count)
    blocks = -(-axis[0] // count)
    units = math.prod(n for n, _, _ in rest) * blocks if extent and axis[0] else 0
    f, (x, result), begin, end, pieces = start(module, name, units, extent * count)
    load = _Operand(f, code.dtype)

    def columns(address: Value, target: Value, mask: Value | None) -> None:
        first = [load(address, count, mask), constant(0, vector("i64", count))]
        with f.loop(0, extent, 1, first) as loop:
            i = loop.index
            best, place = loop.carry
            value = load(f.at(address, f.mul(i, s), load.type), count, mask)
            wins = _wins(f, code, value, best)
            place = f.select(wins, f.splat(i, count), place)
            loop.next(f.select(wins, value, best), place)
            _store(f, place, f.at(target, f.mul(i, t), "i64"), mask)

    with f.loop(begin, end) as unit:
        if across:
            _blocks(f, unit, blocks, count, whole, mask, rest, (x, result), (load.type, "i64"),
                    columns)  # fmt: skip
        else:
            source, target = _offsets(f, unit, rest)
            _line(f, code, load, f.at(x, source, load.type), f.at(result, target, "i64"))
    f.ret(0)
    return [Pieces(name, pieces, 1, units * extent * count / 2)]


def _wins(f: Function, code: RunningExtreme, value: Value, best: Value) -> Value:
    """Whether a value takes over from the best one before it."""
    how = "ge" if code.how == "cumargmax" else "le"
    wins = elementwise.lower(f, how, (), code.dtype, bool_, [value, best])
    assert wins is not None
    return f.or_(wins, f.is_nan(value)) if code.dtype.is_floating_point else wins


def _line(f: Function, code: RunningExtreme, load: _Operand, row: Value, target: Value) -> None:
    """One line. The best is seldom replaced: a branch, which the processor foresees, is three
    times as fast as choosing, where each element would wait for the one before it."""
    extent, s, t = code.axis
    best, place = f.alloca(load.type), f.alloca("i64")
    f.store(f.load(load.type, row), best)
    f.store(constant(0, "i64"), place)
    with f.loop(0, extent) as i:
        value = load(f.at(row, f.mul(i, s), load.type), 1)
        with f.if_(_wins(f, code, value, load(best, 1))):
            f.store(to_memory(f, value, code.dtype), best)
            f.store(i, place)
        f.store(f.load("i64", place), f.at(target, f.mul(i, t), "i64"))
