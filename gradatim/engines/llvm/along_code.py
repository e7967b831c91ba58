"""Along code: the kernels of along.py as native code."""

from __future__ import annotations

import math
from typing import Any

from gradatim.engines.llvm import elementwise
from gradatim.engines.llvm.along import Axis, Cumulative, Extreme
from gradatim.engines.llvm.conversion import convert, round_to
from gradatim.engines.llvm.emit import (
    Function,
    Module,
    Type,
    Value,
    constant,
    is_float,
    lanes,
    like,
    vector,
    vector_constant,
)
from gradatim.engines.llvm.loops import Pieces
from gradatim.engines.llvm.nests import PIECE
from gradatim.engines.llvm.operations import MEMORY_TYPES, REGISTER_TYPES, to_memory, to_register
from gradatim.graph.dtypes import DType, float32, float64


def start(
    module: Module, name: str, units: int, points: int
) -> tuple[Function, list[Value], Value, Value, int]:
    """A kernel over units of so many points: its pointers, and the units that it is to do."""
    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    per_piece = max(1, PIECE // max(1, points), -(-units // 512))
    begin = f.mul(f.params[1], per_piece)
    end = f.binary("smin", f.mul(f.params[2], per_piece), units)
    pointers = [f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(2)]
    return f, pointers, begin, end, -(-units // per_piece)


def _offsets(f: Function, unit: Value, axes: tuple[Axis, ...]) -> tuple[Value, Value]:
    """Where the unit-th index of some axes is, in operand and result."""
    sums = [constant(0, "i64"), constant(0, "i64")]
    rest = unit
    for place in range(len(axes) - 1, -1, -1):
        extent, *strides = axes[place]
        digit = rest
        if place:
            above = f.div(rest, extent, signed=False)
            digit, rest = f.sub(rest, f.mul(above, extent)), above
        sums = [f.add(a, f.mul(digit, s)) for a, s in zip(sums, strides)]
    return sums[0], sums[1]


def _vector_axis(code: Any, module: Module) -> tuple[Axis, tuple[Axis, ...]] | None:
    """An axis beside the one that is walked whose neighbours lie in a row, and the rest."""
    for k, (extent, s, t) in enumerate(code.others):
        if s == t == 1 and extent > 1:
            return code.others[k], code.others[:k] + code.others[k + 1 :]
    return None


def _width(module: Module, dtype: DType, length: int) -> int:
    """How many lanes suit a row."""
    most = module.features.vector_bytes // max(4, dtype.itemsize)
    count = 1
    while 2 * count <= most and count < length:
        count *= 2
    return count


def _steps(length: int, count: int) -> tuple[int, Value | None]:
    """How much of a row full vectors cover, and the mask of what is left."""
    whole = length // count * count
    if whole == length:
        return whole, None
    return whole, vector_constant([lane < length - whole for lane in range(count)], "i1")


class _Operand:
    """Loads of one operand."""

    def __init__(self, f: Function, dtype: DType):
        self.f, self.dtype, self.type = f, dtype, MEMORY_TYPES[dtype]

    def __call__(self, address: Value, count: int, mask: Value | None = None) -> Value:
        wide = vector(self.type, count)
        if mask is None or count == 1:
            value = self.f.load(wide, address)
        else:
            value = self.f.masked_load(wide, address, mask, constant(0, wide))
        return to_register(self.f, value, self.dtype)


def _store(f: Function, value: Value, address: Value, mask: Value | None) -> None:
    if mask is None or lanes(value.type) == 1:
        f.store(value, address)
    else:
        f.masked_store(value, address, mask)


# --- argmax, argmin ------------------------------------------------------------------------------


def emit_extreme(module: Module, name: str, code: Extreme) -> list[Pieces]:
    """Write the kernel of an `Extreme`. The first of equal values wins, and the first NaN."""
    extent, stride, _ = code.axis
    across = None if stride == 1 else _vector_axis(code, module)
    if across is not None:
        return _extreme_across(module, name, code, *across)
    units = math.prod(n for n, _, _ in code.others)
    f, (x, result), begin, end, pieces = start(module, name, units, extent)
    with f.loop(begin, end) as unit:
        source, target = _offsets(f, unit, code.others)
        row = f.at(x, source, MEMORY_TYPES[code.dtype])
        f.store(_extreme_of_row(module, f, code, row), f.at(result, target, "i64"))
    f.ret(0)
    return [Pieces(name, pieces, 1, units * extent / 4)]


def _beats(f: Function, code: Extreme, a: Value, b: Value) -> Value:
    """Whether a is to be preferred to b, wherever they stand."""
    how = "gt" if code.how == "argmax" else "lt"
    if is_float(a.type):
        above = f.emit(f"fcmp u{how} {a!r}, {b.name}", like(a.type, "i1"))
        return f.and_(above, f.compare("eq", b, b))
    return f.compare(how, a, b, signed=code.dtype.is_signed)


def _extreme_of_row(module: Module, f: Function, code: Extreme, row: Value) -> Value:
    extent, stride, _ = code.axis
    load = _Operand(f, code.dtype)
    count = _width(module, code.dtype, extent) if stride == 1 else 1
    whole, mask = _steps(extent, count)
    type: Type = "i32" if extent < 2**31 else "i64"
    number = constant(0, type) if count == 1 else vector_constant(list(range(count)), type)

    def at(i: Any) -> Value:
        place = i if stride == 1 else f.mul(i, stride) if isinstance(i, Value) else i * stride
        return f.at(row, place, load.type)

    def places(i: Value) -> Value:
        return f.add(f.splat(f.convert(i, type), count), number)

    if not whole:  # all that there is, fewer than a vector: the lanes behind repeat the first
        value = load(at(0), count, mask)
        order = [lane if lane < extent else 0 for lane in range(count)]
        best, where = f.shuffle(value, None, order), vector_constant(order, type)
    else:
        with f.loop(count, whole, count, [load(at(0), count), number]) as loop:
            value = load(at(loop.index), count)
            wins = _beats(f, code, value, loop.carry[0])
            loop.next(
                f.select(wins, value, loop.carry[0]),
                f.select(wins, places(loop.index), loop.carry[1]),
            )
        best, where = loop.results
        if mask is not None:
            value = load(at(whole), count, mask)
            wins = f.and_(_beats(f, code, value, best), mask)
            best = f.select(wins, value, best)
            where = f.select(wins, places(constant(whole, "i64")), where)
    while count > 1:
        count //= 2
        halves = []
        for v in (best, where):
            low = f.shuffle(v, None, range(count))
            high = f.shuffle(v, None, range(count, 2 * count))
            halves.append((low, high) if count > 1 else (f.extract(v, 0), f.extract(v, 1)))
        (a, b), (i, j) = halves
        # Of two that are as good as each other, the earlier one.
        even = f.not_(f.or_(_beats(f, code, a, b), _beats(f, code, b, a)))
        earlier = f.compare("lt", j, i)
        wins = f.or_(_beats(f, code, b, a), f.and_(even, earlier))
        best, where = f.select(wins, b, a), f.select(wins, j, i)
    return f.convert(where, "i64")


def _extreme_across(
    module: Module, name: str, code: Extreme, axis: Axis, rest: tuple[Axis, ...]
) -> list[Pieces]:
    extent, stride, _ = code.axis
    length = axis[0]
    count = _width(module, code.dtype, length)
    whole, mask = _steps(length, count)
    blocks = -(-length // count)
    units = math.prod(n for n, _, _ in rest) * blocks
    f, (x, result), begin, end, pieces = start(module, name, units, extent * count)
    load = _Operand(f, code.dtype)
    type: Type = "i32" if extent < 2**31 else "i64"

    def column(address: Value, target: Value, mask: Value | None) -> None:
        first = load(address, count, mask)
        with f.loop(1, extent, 1, [first, constant(0, vector(type, count))]) as loop:
            place = f.at(address, f.mul(loop.index, stride), load.type)
            value = load(place, count, mask)
            wins = _beats(f, code, value, loop.carry[0])
            loop.next(
                f.select(wins, value, loop.carry[0]),
                f.select(wins, f.splat(f.convert(loop.index, type), count), loop.carry[1]),
            )
        _store(f, f.convert(loop.results[1], "i64"), target, mask)

    with f.loop(begin, end) as unit:
        _blocks(f, unit, blocks, count, whole, mask, rest, (x, result), (load.type, "i64"), column)
    f.ret(0)
    return [Pieces(name, pieces, 1, units * extent * count / 8)]


def _blocks(
    f: Function, unit: Value, blocks: int, count: int, whole: int, mask: Value | None,
    rest: tuple[Axis, ...], pointers: Any, types: Any, column: Any,
) -> None:  # fmt: skip
    """Call `column` for the unit-th block of a vector axis, the last of which may be masked."""
    row, block = unit, constant(0, "i64")
    if blocks > 1:
        row = f.div(unit, blocks, signed=False)
        block = f.mul(f.sub(unit, f.mul(row, blocks)), count)
    places = [
        f.at(p, f.add(offset, block), type)
        for p, offset, type in zip(pointers, _offsets(f, row, rest), types)
    ]
    if mask is None:
        column(*places, None)
    elif blocks == 1:
        column(*places, mask)
    else:
        is_whole = f.compare("lt", block, whole)
        with f.if_(is_whole):
            column(*places, None)
        with f.otherwise(is_whole):
            column(*places, mask)


# --- cumulative ----------------------------------------------------------------------------------


def emit_cumulative(module: Module, name: str, code: Cumulative) -> list[Pieces]:
    """Write the kernel of a `Cumulative`: in order along the axis, vectors across the others."""
    extent, s, t = code.axis
    axis, rest = _vector_axis(code, module) or ((1, 1, 1), code.others)
    length = axis[0]
    count = _width(module, code.dtype, length)
    whole, mask = _steps(length, count)
    blocks = -(-length // count)
    units = math.prod(n for n, _, _ in rest) * blocks if extent and length else 0
    f, (x, result), begin, end, pieces = start(module, name, units, extent * count)
    load = _Operand(f, code.dtype)
    how = "sum" if code.how == "cumsum" else "prod"
    # What partial results are held in (see primitives.py).
    kept = float64 if code.dtype is float32 else code.dtype
    wide = vector(REGISTER_TYPES[kept], count)

    def column(address: Value, target: Value, mask: Value | None) -> None:
        start = constant(elementwise.identity(how, kept), wide)
        if how == "sum" and code.dtype.is_floating_point:
            start = constant(-0.0, wide)  # so that a sum of -0.0 is -0.0
        with f.loop(0, extent, 1, [start]) as loop:
            value = load(f.at(address, f.mul(loop.index, s), load.type), count, mask)
            value = f.convert(value, REGISTER_TYPES[kept]) if kept is float64 else value
            total = elementwise.combine(how)(f, kept, loop.carry[0], value)
            loop.next(total)
            rounded = convert(f, total, kept, code.dtype) if kept is float64 else total
            rounded = round_to(f, rounded, code.dtype)
            place = f.at(target, f.mul(loop.index, t), load.type)
            _store(f, to_memory(f, rounded, code.dtype), place, mask)

    with f.loop(begin, end) as unit:
        _blocks(
            f, unit, blocks, count, whole, mask, rest, (x, result), (load.type, load.type), column
        )
    f.ret(0)
    return [Pieces(name, pieces, 1, units * extent * count / 4)]
