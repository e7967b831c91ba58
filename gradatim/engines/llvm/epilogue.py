"""Epilogue: what becomes of a tile's sums on their way to memory.

The microkernel leaves its sums in a small buffer, which stays in the first cache. Here they are
read back a vector at a time, the caller's function turns them into the outputs (bias, activation,
update ...), and those are written. Lanes run along the axis in which the outputs are contiguous;
where that is the rows, the buffer is transposed first, in registers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradatim.engines.llvm.emit import (
    Features,
    Function,
    Module,
    Type,
    Value,
    constant,
    element,
    vector,
    vector_constant,
)
from gradatim.engines.llvm.microkernel import Lanes
from gradatim.engines.llvm.tiling import round_up
from gradatim.engines.llvm.transpose import piece, transpose

Epilogue = Callable[[Function, Value, list[Value]], list[Value]]


@dataclass(frozen=True)
class Access:
    """How an extra operand or an output lies in memory, seen from a tile.

    Attributes:
        type: element type in memory.
        rows, columns: offsets in elements of the tile's rows and columns from its first.
    """

    type: Type
    rows: tuple[int, ...]
    columns: tuple[int, ...]


def stride(offsets: Sequence[int]) -> int | None:
    """The constant step of offsets that have one; None of others."""
    step = offsets[1] if len(offsets) > 1 else 0
    return step if all(o == i * step for i, o in enumerate(offsets)) else None


def emit_finish(
    module: Module,
    name: str,
    acc: Type,
    shape: tuple[int, int],
    pitch: int,
    whole: tuple[bool, bool],
    extras: Sequence[Access],
    outputs: Sequence[Access],
    epilogue: Epilogue,
) -> None:
    """Write `void NAME(ptr tile, ptr scratch, ptr operand ..., i64 r0, r1, c0, c1)`: finishes the
    rows [r0, r1) and columns [c0, c1) of a tile.

    Args:
        shape: rows and columns of a tile.
        pitch: elements between two of its rows in the buffer.
        whole: whether every tile has all its rows, all its columns new.
    """
    count = len(extras) + len(outputs)
    f = module.function(name, ["ptr"] * (2 + count) + ["i64"] * 4, "void", internal=True)
    buffer, scratch, *rest = f.params
    operands, limits = rest[:count], [(rest[-4], rest[-3]), (rest[-2], rest[-1])]
    by_rows = _lanes_along_rows(outputs, shape)
    if by_rows:
        buffer, pitch = emit_transposed(f, buffer, scratch, acc, shape, pitch)
        extras = [Access(a.type, a.columns, a.rows) for a in extras]
        outputs = [Access(a.type, a.columns, a.rows) for a in outputs]
        shape, limits, whole = shape[::-1], limits[::-1], whole[::-1]
    width = module.features.lanes(acc)
    while width > 1 and width // 2 >= shape[1]:
        width //= 2
    firsts = range(0, shape[1], width)
    (row_from, row_to), (column_from, column_to) = limits
    sure = whole[1] and shape[1] % width == 0
    masks: dict[int, Value] = {}
    if not sure:
        for first in firsts:
            below = f.first_lanes(f.sub(column_to, first), width)
            before = f.first_lanes(f.sub(column_from, first), width)
            masks[first] = (
                f.and_(below, f.not_(before))
                if width > 1
                else f.and_(f.compare("gt", column_to, first), f.compare("le", column_from, first))
            )

    def part(row: Value, first: int, mask: Value | None) -> None:
        value = f.load(vector(acc, width), f.at(buffer, f.add(f.mul(row, pitch), first), acc))
        starts = [
            f.at(p, _row_offset(f, a, row), a.type) for p, a in zip(operands, [*extras, *outputs])
        ]
        loaded = [_load(f, a, p, first, width, mask) for a, p in zip(extras, starts)]
        results = epilogue(f, value, loaded)
        for a, p, result in zip(outputs, starts[len(extras) :], results):
            _store(f, a, p, first, width, mask, result)

    with f.loop(row_from, row_to) as row:
        for first in firsts:
            mask = masks.get(first)
            if mask is None:
                part(row, first, None)
            elif width == 1:
                with f.if_(mask):
                    part(row, first, None)
            elif module.features.has_masks:
                part(row, first, mask)
            else:
                full = f.and_(
                    f.compare("ge", column_to, first + width), f.compare("le", column_from, first)
                )
                with f.if_(full):
                    part(row, first, None)
                with f.otherwise(full):
                    part(row, first, mask)
    f.ret()


def instructions(module: Module, acc: Type, extras: Sequence[Access], epilogue: Epilogue) -> int:
    """How long the code of an epilogue is for one vector."""
    width = module.features.lanes(acc)
    f = Function(Module(module.features), "probe", [], "void", False)
    epilogue(
        f, Value("%acc", vector(acc, width)), [Value("%x", vector(a.type, width)) for a in extras]
    )
    return len(f.lines)


def can_finish_in_registers(
    features: Features,
    vectors: Sequence[Lanes],
    extras: Sequence[Access],
    outputs: Sequence[Access],
) -> bool:
    """Whether every vector of a tile meets neighbours in every output and extra operand."""
    for lanes in vectors:
        if lanes.used < lanes.width and not features.has_masks:
            return False
        for access in [*extras, *outputs]:
            places = access.columns[lanes.first : lanes.first + lanes.used]
            steps = {b - a for a, b in itertools.pairwise(places)}
            if steps and steps != {1} and (steps != {0} or access in outputs):
                return False
    return True


def finish_in_registers(
    f: Function,
    tile: Sequence[Value],
    vectors: Sequence[Lanes],
    operands: Sequence[Value],
    extras: Sequence[Access],
    outputs: Sequence[Access],
    epilogue: Epilogue,
) -> None:
    """The epilogue of a whole tile whose sums are in registers, row by row."""
    for k, value in enumerate(tile):
        row, lanes = k // len(vectors), vectors[k % len(vectors)]
        mask = None
        if lanes.used < lanes.width:
            mask = vector_constant([lane < lanes.used for lane in range(lanes.width)], "i1")
        loaded = []
        for access, operand in zip(extras, operands):
            offset = access.rows[row] + access.columns[lanes.first]
            address = f.at(operand, offset, access.type)
            places = access.columns[lanes.first : lanes.first + lanes.used]
            type = vector(access.type, lanes.width)
            if lanes.used > 1 and places[1] == places[0]:
                loaded.append(f.splat(f.load(access.type, address), lanes.width))
            elif mask is None:
                loaded.append(f.load(type, address))
            else:
                loaded.append(f.masked_load(type, address, mask, constant(0, type)))
        results = epilogue(f, value, loaded)
        for access, operand, result in zip(outputs, operands[len(extras) :], results):
            offset = access.rows[row] + access.columns[lanes.first]
            address = f.at(operand, offset, access.type)
            if mask is None:
                f.store(result, address)
            else:
                f.masked_store(result, address, mask)


def _lanes_along_rows(outputs: Sequence[Access], shape: tuple[int, int]) -> bool:
    along_columns = sum(stride(a.columns) == 1 for a in outputs)
    along_rows = sum(stride(a.rows) == 1 for a in outputs)
    return along_rows > along_columns or (shape[1] == 1 < shape[0])


def _row_offset(f: Function, access: Access, row: Value) -> Value:
    step = stride(access.rows)
    if step is not None:
        return f.mul(row, step) if step else constant(0, "i64")
    return f.load("i64", f.at(f.module.table(access.rows, "i64"), row, "i64"))


def _places(access: Access, first: int, width: int) -> list[int]:
    """Offsets of a vector's lanes; those behind the tile's last column are never used."""
    inside = list(access.columns[first : first + width])
    return inside + [inside[-1]] * (width - len(inside))


def _addresses(f: Function, access: Access, start: Value, places: list[int]) -> Value:
    offsets = vector_constant(places, "i64")
    text = f"getelementptr {access.type}, {start!r}, {offsets!r}"
    return f.emit(text, vector("ptr", len(places)))


def _load(
    f: Function, access: Access, start: Value, first: int, width: int, mask: Value | None
) -> Value:
    places = _places(access, first, width)
    address = f.at(start, places[0], access.type)
    type = vector(access.type, width)
    if all(p == places[0] for p in places) and stride(access.columns) == 0:
        return f.splat(f.load(access.type, address), width)
    if width == 1:
        return f.load(access.type, address)
    if stride(access.columns) == 1:
        if mask is None:
            return f.load(type, address)
        return f.masked_load(type, address, mask, constant(0, type))
    mask = mask or constant(True, vector("i1", width))
    addresses = _addresses(f, access, start, places)
    return f.gather(access.type, addresses, mask)


def _store(
    f: Function,
    access: Access,
    start: Value,
    first: int,
    width: int,
    mask: Value | None,
    value: Value,
) -> None:
    assert element(value.type) == access.type, (value.type, access.type)
    places = _places(access, first, width)
    address = f.at(start, places[0], access.type)
    if width == 1 or (stride(access.columns) == 1 and mask is None):
        f.store(value, address)
    elif stride(access.columns) == 1:
        assert mask is not None
        f.masked_store(value, address, mask)
    else:
        mask = mask or constant(True, vector("i1", width))
        addresses = _addresses(f, access, start, places)
        f.scatter(value, addresses, mask)


def emit_transposed(
    f: Function, buffer: Value, scratch: Value, acc: Type, shape: tuple[int, int], pitch: int
) -> tuple[Value, int]:
    """A tile's buffer copied column by column; the copy and its pitch."""
    rows, columns = shape
    width = f.module.features.lanes(acc)
    few = piece(f.module.features, acc)
    new_pitch = round_up(rows, width)
    zero = constant(0, vector(acc, few))
    with f.loop(0, columns, few) as column:
        for first in range(0, rows, width):
            block = [
                f.load(zero.type, f.at(buffer, f.add(column, r * pitch), acc)) if r < rows else zero
                for r in range(first, first + width)
            ]
            for k, line in enumerate(transpose(f, block)):
                place = f.add(f.mul(column, new_pitch), k * new_pitch + first)
                f.store(line, f.at(scratch, place, acc))
    return scratch, new_pitch


def transposed_size(shape: tuple[int, int], width: int) -> int:
    """Elements of scratch that `emit_transposed` needs."""
    return round_up(shape[1], width) * round_up(shape[0], width)
