"""Sort code: the kernel of a `Sort` as native code, in one of three ways.

- Where few elements of a row are wanted: a list of the best so far, into which what beats its last
  is inserted.
- Long rows, by their digits (Knuth, *The Art of Computer Programming* 3, 5.2.5): each element
  becomes an unsigned key of the same order, and one pass for each byte of the key, from the lowest,
  puts the elements into the places that counting gives. A byte that is the same in all is skipped.
- Short rows by merging.

All are stable, take -0 for 0, and NaN for the largest.
"""

from __future__ import annotations

from typing import Any

from gradatim.engines.llvm.along import Sort
from gradatim.engines.llvm.along_code import start
from gradatim.engines.llvm.emit import (
    Function,
    Module,
    Value,
    constant,
    is_float,
    vector,
)
from gradatim.engines.llvm.loops import Pieces
from gradatim.engines.llvm.operations import MEMORY_TYPES, to_register
from gradatim.engines.llvm.vector_tools import bits
from gradatim.graph.dtypes import DType

FEW = 16  # elements wanted: an insertion walks along so many
LONG = 128  # elements of a row: shorter ones are merged sooner than 256 counters are summed
RADIX = 256


def sort_workspace(code: Sort) -> dict[str, int]:
    """What the kernel wants beside operand and results, in bytes: a second place for what is moved
    to and fro."""
    size = 8 * code.rows * code.length
    if _wants_few(code):
        return {}
    if not _by_digits(code):
        return {"values": code.rows * code.length * code.dtype.itemsize, "places": size}
    if _is_packed(code.dtype):
        return {"keys": size}
    return {"keys": size, "more_keys": size, "more_places": size}


def emit_sort(module: Module, name: str, code: Sort) -> list[Pieces]:
    """Write the kernel of a `Sort`. Pointers: operand, values, places, and the workspaces."""
    if _wants_few(code):
        return _emit_few(module, name, code)
    return (_emit_by_digits if _by_digits(code) else _emit_merges)(module, name, code)


def _wants_few(code: Sort) -> bool:
    few = 0 < code.wanted <= FEW and 8 * code.wanted <= code.length < 2**32
    return few and _is_packed(code.dtype)


def _by_digits(code: Sort) -> bool:
    return LONG <= code.length < 2**32


# --- keys ----------------------------------------------------------------------------------------


def _is_packed(dtype: DType) -> bool:
    """Whether key and place of an element fit into 64 bits."""
    return bool(dtype.itemsize <= 4)


def _digits(dtype: DType) -> int:
    """How many bytes a key has."""
    return max(4, dtype.itemsize) if dtype.is_floating_point else int(dtype.itemsize)


def _key(f: Function, stored: Value, code: Sort) -> Value:
    """Unsigned integers (i32, or i64 for the wide dtypes) in the order that is asked for."""
    x = to_register(f, stored, code.dtype)
    kind = "i32" if _is_packed(code.dtype) else "i64"
    if is_float(x.type):
        top = 1 << (31 if kind == "i32" else 63)
        raw = bits(f, f.add(x, 0.0))  # -0 becomes 0
        is_negative = f.compare("lt", raw, 0)
        key = f.select(is_negative, f.xor(raw, -1), f.xor(raw, -top))
        key = f.select(f.is_nan(x), constant(-1, key.type), key)
        return f.xor(key, -1) if code.descending else key
    key = f.convert(x, kind, code.dtype.is_signed)
    if code.dtype.is_signed:
        key = f.add(key, -(1 << 63) if kind == "i64" else 1 << (8 * code.dtype.itemsize - 1))
    if code.descending:
        width = 8 * code.dtype.itemsize
        key = f.xor(key, -1 if width >= (32 if kind == "i32" else 64) else (1 << width) - 1)
    return key


def _packed(f: Function, key: Value, place: Value) -> Value:
    return f.or_(f.shl(f.convert(key, "i64", False), 32), place)


# --- few elements --------------------------------------------------------------------------------


def _emit_few(module: Module, name: str, code: Sort) -> list[Pieces]:
    n, wanted = code.length, code.wanted
    f, (x, values), begin, end, pieces = start(module, name, code.rows, n)
    places = f.load("ptr", f.at(f.params[0], 2, "ptr"))
    type = MEMORY_TYPES[code.dtype]
    best = f.alloca("i64", wanted)
    last = f.at(best, wanted - 1, "i64")
    count = min(16, 1 << (n.bit_length() - 1))
    whole = n // count * count

    def offer(row: Value, i: Value) -> None:
        entry = _packed(f, _key(f, f.load(type, f.at(row, i, type)), code), i)
        with (
            f.if_(f.compare("lt", entry, f.load("i64", last), signed=False)),
            f.loop(0, wanted, 1, [entry]) as loop,
        ):
            place = f.at(best, loop.index, "i64")
            there = f.load("i64", place)
            f.store(f.binary("umin", there, loop.carry[0]), place)
            loop.next(f.binary("umax", there, loop.carry[0]))

    with f.loop(begin, end) as unit:
        row = f.at(x, f.mul(unit, n), type)
        for k in range(wanted):
            f.store(constant(-1, "i64"), f.at(best, k, "i64"))
        with f.loop(0, whole, count) as first:
            keys = _key(f, f.load(vector(type, count), f.at(row, first, type)), code)
            limit = f.convert(f.shr(f.load("i64", last), 32, signed=False), "i32")
            beats = f.compare("le", keys, f.splat(limit, count), signed=False)
            with f.if_(f.horizontal("or", beats)), f.loop(0, count) as lane:
                offer(row, f.add(first, lane))
        with f.loop(whole, n) as i:
            offer(row, i)
        target = f.mul(unit, n)
        with f.loop(0, wanted) as k:
            place = f.and_(f.load("i64", f.at(best, k, "i64")), 2**32 - 1)
            f.store(f.load(type, f.at(row, place, type)), f.at(values, f.add(target, k), type))
            f.store(place, f.at(places, f.add(target, k), "i64"))
    f.ret(0)
    return [Pieces(name, pieces, 1, code.rows * (n * 0.5 + 40.0 * wanted))]


# --- by digits -----------------------------------------------------------------------------------


def _emit_by_digits(module: Module, name: str, code: Sort) -> list[Pieces]:
    n, digits = code.length, _digits(code.dtype)
    packed = _is_packed(code.dtype)
    f, (x, values), begin, end, pieces = start(module, name, code.rows, n * digits)
    places, *spare = (
        f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(2, 4 if packed else 6)
    )
    type = MEMORY_TYPES[code.dtype]
    counters = f.alloca("i32", RADIX * digits)
    with f.loop(begin, end) as unit:
        offset = f.mul(unit, n)
        row = f.at(x, offset, type)
        # Columns of what is moved: key and place in one number, or each in its own.
        columns = [[spare[0]], [places]] if packed else [[spare[0], spare[2]], [spare[1], places]]
        source, target = ([f.at(c, offset, "i64") for c in pair] for pair in columns)
        with f.loop(0, RADIX * digits, 8) as k:
            f.store(constant(0, "<8 x i32>"), f.at(counters, k, "i32"), 32)
        with f.loop(0, n) as i:
            key = _key(f, f.load(type, f.at(row, i, type)), code)
            entry = [_packed(f, key, i)] if packed else [key, i]
            for value, column in zip(entry, source):
                f.store(value, f.at(column, i, "i64"))
            for digit in range(digits):
                counter = _counter(f, counters, code, entry[0], digit)
                f.store(f.add(f.load("i32", counter), 1), counter)
        for digit in range(digits):
            first = _counter(f, counters, code, f.load("i64", source[0]), digit)
            moves = f.compare("ne", f.load("i32", first), n)
            with f.if_(moves):
                _move(f, code, counters, source, target, digit)
            source, target = (
                [f.select(moves, b, a) for a, b in zip(source, target)],
                [f.select(moves, a, b) for a, b in zip(source, target)],
            )
        with f.loop(0, code.wanted) as k:
            place = f.load("i64", f.at(source[-1], k, "i64"))
            if packed:
                place = f.and_(place, 2**32 - 1)
            f.store(f.load(type, f.at(row, place, type)), f.at(values, f.add(offset, k), type))
            f.store(place, f.at(places, f.add(offset, k), "i64"))
    f.ret(0)
    return [Pieces(name, pieces, 1, code.rows * n * (2.0 + 2.0 * digits))]


def _counter(f: Function, counters: Value, code: Sort, entry: Value, digit: int) -> Value:
    """The address of the counter of an entry's byte."""
    shift = 8 * digit + (32 if _is_packed(code.dtype) else 0)
    byte = f.and_(f.shr(entry, shift, signed=False), RADIX - 1)
    return f.at(counters, f.add(byte, RADIX * digit), "i32")


def _move(
    f: Function, code: Sort, counters: Value, source: list[Value], target: list[Value], digit: int
) -> None:
    """One pass: the counters become the places of each byte's first element, and the elements are
    put there in order."""
    with f.loop(0, RADIX, 1, [constant(0, "i32")]) as loop:
        counter = f.at(counters, f.add(loop.index, RADIX * digit), "i32")
        count = f.load("i32", counter)
        f.store(loop.carry[0], counter)
        loop.next(f.add(loop.carry[0], count))
    with f.loop(0, code.length) as i:
        entry = [f.load("i64", f.at(column, i, "i64")) for column in source]
        counter = _counter(f, counters, code, entry[0], digit)
        place = f.load("i32", counter)
        f.store(f.add(place, 1), counter)
        at = f.convert(place, "i64", False)
        for value, column in zip(entry, target):
            f.store(value, f.at(column, at, "i64"))


# --- by merging ----------------------------------------------------------------------------------


def _emit_merges(module: Module, name: str, code: Sort) -> list[Pieces]:
    """Runs of 1, 2, 4 ... from one pair of arrays into the other, which ends in the results."""
    n = code.length
    points = n * max(1, n.bit_length())
    f, (x, values), begin, end, pieces = start(module, name, code.rows if n else 0, points)
    places, *spare = (f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(2, 5))
    type = MEMORY_TYPES[code.dtype]
    passes = max(0, (n - 1).bit_length())
    with f.loop(begin, end) as row:
        first = f.mul(row, n)
        results = (f.at(values, first, type), f.at(places, first, "i64"))
        others = (f.at(spare[0], first, type), f.at(spare[1], first, "i64"))
        source, target = (others, results) if passes % 2 else (results, others)
        given = f.at(x, first, type)
        with f.loop(0, n) as k:
            f.store(f.load(type, f.at(given, k, type)), f.at(source[0], k, type))
            f.store(k, f.at(source[1], k, "i64"))
        with f.loop(0, passes, 1, [*source, *target, constant(1, "i64")]) as merge:
            a, b, c, d, run = merge.carry
            both = f.add(run, run)
            with f.loop(0, n, both) as low:
                middle = f.binary("smin", f.add(low, run), n)
                high = f.binary("smin", f.add(low, both), n)
                _merge(f, code, (a, b), (c, d), low, middle, high)
            merge.next(c, d, a, b, both)
    f.ret(0)
    return [Pieces(name, pieces, 1, code.rows * points * 3.0)]


def _merge(
    f: Function, code: Sort, source: Any, target: Any, low: Value, middle: Value, high: Value
) -> None:
    """Two sorted runs, one behind the other, into one; the left one first where they are equal."""
    type = MEMORY_TYPES[code.dtype]
    last = f.sub(high, 1)
    with f.loop(low, high, 1, [low, middle]) as loop:
        i, j = loop.carry
        # (Where a run is used up, its last element is looked at once more, and not taken.)
        left = f.load(type, f.at(source[0], f.binary("smin", i, f.sub(middle, 1)), type))
        right = f.load(type, f.at(source[0], f.binary("smin", j, last), type))
        before = _comes_before(f, code, right, left)
        takes = f.and_(f.compare("lt", j, high), f.or_(f.compare("ge", i, middle), before))
        taken = f.select(takes, j, i)
        f.store(f.select(takes, right, left), f.at(target[0], loop.index, type))
        f.store(f.load("i64", f.at(source[1], taken, "i64")), f.at(target[1], loop.index, "i64"))
        step = f.convert(takes, "i64")
        loop.next(f.add(i, f.sub(1, step)), f.add(j, step))


def _comes_before(f: Function, code: Sort, a: Value, b: Value) -> Value:
    """Whether a stands before an equal b: NaN is the largest."""
    a, b = to_register(f, a, code.dtype), to_register(f, b, code.dtype)
    how = "gt" if code.descending else "lt"
    if is_float(a.type):
        strict = f.emit(f"fcmp u{how} {a!r}, {b.name}", "i1")
        number = b if code.descending else a
        return f.and_(strict, f.compare("eq", number, number))
    return f.compare(how, a, b, signed=code.dtype.is_signed)
