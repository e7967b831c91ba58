"""Microkernel: the register tile in the middle of every contraction.

    for k in depth:
        for each vector v of columns: x[v] = V[k, v]
        for each row r:               tile[r, v] += S[r, k] * x[v]

One operand (V) gives vectors of lanes along the columns, the other (S) one number for each row,
which is spread over a vector. All offsets within a tile are constants, so that an address is a
pointer and a displacement, and the inner loop is multiply-adds, loads and two additions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradatim.engines.llvm.emit import (
    SIZES,
    Function,
    Module,
    Type,
    Value,
    constant,
    is_float,
    vector,
    vector_constant,
)
from gradatim.engines.llvm.tiling import Axis, flat_offsets, size

Direct = Callable[[Function, list[Value], list[Value]], None]

# A table of depth offsets longer than this would make the IR long; loops are used instead.
_LONGEST_TABLE = 1024
# An innermost loop shorter than this costs more for its end than a table lookup a turn.
_SHORTEST_LOOP = 16
# Vectors are fetched this many turns early where a tile reads more elements than the first cache
# keeps: 3% at 1000x784x1000, 10% where they are read from the unpacked operand.
_AHEAD = 4
_FIRST_CACHE = 4096
_SECOND_CACHE = 2  # prefetch's name for it


@dataclass(frozen=True)
class Lanes:
    """One vector of a tile.

    Attributes:
        first: its place among the tile's columns.
        width: lanes of the register, a power of two.
        used: how many of them are columns of the tile; the others are not read from memory.
        offset: where it lies from the tile's first column, in elements.
    """

    first: int
    width: int
    used: int
    offset: int


def cover(offsets: Sequence[int], widest: int, masks: bool) -> tuple[Lanes, ...]:
    """Cover a tile's columns with vectors of lanes that are neighbours in memory.

    >>> [(v.first, v.width, v.used) for v in cover(range(28), 16, True)]
    [(0, 16, 16), (16, 16, 12)]
    >>> [(v.first, v.width, v.used) for v in cover(range(11), 8, False)]
    [(0, 8, 8), (8, 2, 2), (10, 1, 1)]
    """
    vectors: list[Lanes] = []
    first = 0
    while first < len(offsets):
        run = 1
        while (
            run < widest
            and first + run < len(offsets)
            and offsets[first + run] == offsets[first] + run
        ):
            run += 1
        if masks and run > 1:
            width, used = 1 << (run - 1).bit_length(), run
        else:
            width = used = 1 << (run.bit_length() - 1)
        vectors.append(Lanes(first, width, used, offsets[first]))
        first += used
    return tuple(vectors)


@dataclass(frozen=True)
class Microkernel:
    """What one tile does, all of it constant.

    Attributes:
        s_type, v_type: element types of the two operands in memory.
        accumulate: the type that products are summed in.
        rows: offset of each row of S from the tile's first.
        columns: the vectors of V.
        depth: the axes that are summed over, with strides (of S, of V).
        pitch: elements between two rows of the result.
        soon: bytes of what is needed next that are fetched into the second cache at every step.
        resume: add to what the result holds (the depth is summed in several blocks).
    """

    s_type: Type
    v_type: Type
    accumulate: Type
    rows: tuple[int, ...]
    columns: tuple[Lanes, ...]
    depth: tuple[Axis, ...]
    pitch: int
    soon: int = 0
    resume: bool = False


def emit_microkernel(
    module: Module, name: str, kernel: Microkernel, direct: Direct | None = None, operands: int = 0
) -> None:
    """Write `void NAME(ptr s, ptr v, ptr soon, ptr result, i64 begin, i64 end)`: sums over the
    places [begin, end) of the outermost depth axis, whose first lies at `s` and `v`.

    With `direct` there are further parameters: an i1, and the addresses of some `operands`; where
    the i1 holds, `direct(f, tile, operands)` is done with the sums instead of storing them.
    """
    types = ["ptr", "ptr", "ptr", "ptr", "i64", "i64"]
    if direct:
        types += ["i1"] + ["ptr"] * operands
    f = module.function(name, types, "void", internal=True)
    s, v, soon, result, begin, end = f.params[:6]
    acc = kernel.accumulate
    places = [
        (r * kernel.pitch + lanes.first, vector(acc, lanes.width))
        for r in range(len(kernel.rows))
        for lanes in kernel.columns
    ]
    if kernel.resume:
        tile = [f.load(type, f.at(result, place, acc)) for place, type in places]
    else:
        tile = [constant(0, type) for _, type in places]
    masks = [
        vector_constant([k < lanes.used for k in range(lanes.width)], "i1")
        for lanes in kernel.columns
    ]

    last = kernel.depth[-1]
    ahead = s_ahead = 0
    if last.extent >= _SHORTEST_LOOP and last.extent * kernel.pitch >= _FIRST_CACHE:
        ahead = _AHEAD * last.strides[1]
        neighbours = kernel.rows == tuple(range(len(kernel.rows)))
        if neighbours and abs(last.strides[0]) * SIZES[kernel.s_type] >= 64:
            s_ahead = 2 * _AHEAD * last.strides[0]

    def step(s: Value, v: Value, soon: Value, tile: list[Value]) -> list[Value]:
        xs = []
        if ahead:
            for lanes in kernel.columns:
                f.prefetch(f.at(v, lanes.offset + ahead, kernel.v_type))
        if s_ahead:
            f.prefetch(f.at(s, kernel.rows[0] + s_ahead, kernel.s_type))
            f.prefetch(f.at(s, kernel.rows[-1] + s_ahead, kernel.s_type))
            # The rows of the next tile lie behind these in the same lines or the next ones.
            following = 2 * kernel.rows[-1] - kernel.rows[0] + 1
            f.prefetch(f.at(s, following, kernel.s_type), _SECOND_CACHE)
        if kernel.soon:
            f.prefetch(soon, _SECOND_CACHE)
        for lanes, mask in zip(kernel.columns, masks):
            address = f.at(v, lanes.offset, kernel.v_type)
            type = vector(kernel.v_type, lanes.width)
            if lanes.used < lanes.width:
                x = f.masked_load(type, address, mask, constant(0, type))
            else:
                x = f.load(type, address)
            xs.append(f.convert(x, acc))
        new = []
        for r, offset in enumerate(kernel.rows):
            y = f.convert(f.load(kernel.s_type, f.at(s, offset, kernel.s_type)), acc)
            for k, x in enumerate(xs):
                spread = f.splat(y, kernel.columns[k].width)
                new.append(multiply_add(f, spread, x, tile[r * len(xs) + k]))
        return new

    axes = []
    below = kernel.soon
    for axis in reversed(kernel.depth):
        axes.append(Axis(axis.extent, (*axis.strides, below)))
        below *= axis.extent
    tile = emit_depth(
        f, axes[::-1], (kernel.s_type, kernel.v_type, "i8"), (s, v, soon), (begin, end), tile, step
    )
    if direct:
        with f.if_(f.params[6]):
            direct(f, tile, f.params[7:])
            f.ret()
            f.start(f.label("unreached"))
    for value, (place, _) in zip(tile, places):
        f.store(value, f.at(result, place, acc))
    f.ret()


def multiply_add(f: Function, a: Value, b: Value, c: Value) -> Value:
    """a · b + c, with one rounding where floats have it, wrapping around where integers are."""
    return f.fma(a, b, c) if is_float(c.type) else f.add(f.mul(a, b), c)


def depth_table(depth: Sequence[Axis]) -> int:
    """From which axis on the depth is walked by a table of offsets; its length where by loops."""
    if not depth or depth[-1].extent >= _SHORTEST_LOOP or len(depth) == 1:
        return len(depth)
    first = len(depth) - 1
    while first > 0 and size(depth[first - 1 :]) <= _LONGEST_TABLE:
        first -= 1
    return first


def emit_depth(
    f: Function,
    depth: Sequence[Axis],
    types: Sequence[Type],
    pointers: Sequence[Value],
    limits: tuple[Value, Value],
    carried: list[Value],
    step: object,
    tables: bool = True,
) -> list[Value]:
    """Loops over the depth axes around `step(*pointers, carried) -> carried`.

    Places [begin, end) of the outermost axis are done; pointers point to place `begin`.
    """
    table = depth_table(depth) if tables else len(depth)
    total = len(pointers)

    def level(k: int, pointers: list[Value], carried: list[Value]) -> list[Value]:
        if k == len(depth):
            return step(*pointers, carried)  # type: ignore[operator, no-any-return]
        if k == table:
            return by_table(k, pointers, carried)
        start, stop = limits if k == 0 else (0, depth[k].extent)
        with f.loop(start, stop, carry=[*pointers, *carried]) as loop:
            here, rest = loop.carry[:total], loop.carry[total:]
            inner = level(k + 1, here, rest)
            following = [
                f.at(p, stride, type) for p, stride, type in zip(here, depth[k].strides, types)
            ]
            loop.next(*following, *inner)
        return list(loop.results[total:])

    def by_table(k: int, pointers: list[Value], carried: list[Value]) -> list[Value]:
        inner = depth[k:]
        steps: list[int | Value] = []  # a constant step a turn, or a table of byte offsets
        for p, type in enumerate(types):
            offsets = flat_offsets(inner, p)
            stride = offsets[1] if len(offsets) > 1 else 0
            if all(o == i * stride for i, o in enumerate(offsets)):
                steps.append(stride)
            else:
                steps.append(f.module.table([o * SIZES[type] for o in offsets], "i64"))
        count = size(inner)
        first = constant(0, "i64")
        stop: Value = constant(count, "i64")
        if k == 0:
            # The pointers stand at place `begin` already; the table starts from 0 again.
            stop = f.mul(f.sub(limits[1], limits[0]), size(inner[1:]))
        moving = [p for p, s in enumerate(steps) if isinstance(s, int)]
        carry = [*(pointers[p] for p in moving), *carried]
        with f.loop(first, stop, carry=carry) as loop:
            here = list(pointers)
            for p, value in zip(moving, loop.carry):
                here[p] = value
            for p, s in enumerate(steps):
                if isinstance(s, Value):
                    here[p] = f.at_byte(pointers[p], f.load("i64", f.at(s, loop.index, "i64")))
            inner_carried = step(*here, loop.carry[len(moving) :])  # type: ignore[operator]
            following = [f.at(here[p], steps[p], types[p]) for p in moving]
            loop.next(*following, *inner_carried)
        return list(loop.results[len(moving) :])

    return level(0, list(pointers), carried)
