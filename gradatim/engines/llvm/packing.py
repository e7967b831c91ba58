"""Packing: panels of an operand in the order in which the microkernel reads them.

A panel holds the lanes of one tile for the whole depth, [K][lanes], so that the inner loop reads
memory from front to back, whatever the operand's layout is. Lanes behind the operand's end are
zero. Three ways, by layout: copying runs of lanes, transposing square blocks in registers, and
gathering through a table of offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradatim.engines.llvm.emit import (
    SIZES,
    Function,
    Module,
    Type,
    Value,
    constant,
    lanes,
    vector,
    vector_constant,
)
from gradatim.engines.llvm.microkernel import Lanes, cover, emit_depth
from gradatim.engines.llvm.tiling import Axis, collapse, flat_stride, locate, size
from gradatim.engines.llvm.transpose import piece, transpose

# Runs of lanes are fetched this many places of the depth early: each is on another page, and
# processors do not look ahead there on their own.
_AHEAD = 12


@dataclass(frozen=True)
class Panel:
    """What is packed.

    Attributes:
        source, target: element types before and behind.
        lanes: the axes that give the lanes, with one stride each (the source's).
        depth: the axes that are summed over, likewise.
        used: lanes of a panel that are copied.
        pitch: lanes of a panel, those that are only padding included.
    """

    source: Type
    target: Type
    lanes: tuple[Axis, ...]
    depth: tuple[Axis, ...]
    used: int
    pitch: int

    @property
    def elements(self) -> int:
        return self.pitch * size(self.depth)


def emit_panel(module: Module, name: str, panel: Panel) -> None:
    """Write `void NAME(ptr source, ptr target, i64 first)`: packs the panel whose first lane has
    the flat index `first` among the lanes; `source` is where the group's index 0 lies."""
    f = module.function(name, ["ptr", "ptr", "i64"], "void", internal=True)
    source, target, first = f.params
    step = flat_stride(panel.lanes, 0)
    depth = collapse(panel.depth, [0]) or (Axis(1, (0,)),)
    few = piece(module.features, panel.target)
    if step is None:
        _by_table(f, panel, source, target, first)
    else:
        start = f.at(source, f.mul(first, step), panel.source)
        if step == 1:
            _by_runs(f, panel, start, target)
        elif depth[-1].strides[0] == 1 and depth[-1].extent >= few > 1:
            _by_blocks(f, panel, start, target, step)
        else:
            _by_lanes(f, panel, start, target, [lane * step for lane in range(panel.used)])
    f.ret()


def _over_depth(
    f: Function, panel: Panel, depth: Sequence[Axis], source: Value, target: Value, step: object
) -> None:
    """Call `step(source, target, [])` at every place of some depth axes."""
    axes = []
    below = panel.pitch
    for axis in reversed(panel.depth):
        axes.append(Axis(axis.extent, (axis.strides[0], below)))
        below *= axis.extent
    whole = collapse(axes[::-1], [0, 1]) or (Axis(1, (0, 0)),)
    limits = (constant(0, "i64"), constant(whole[0].extent, "i64"))
    emit_depth(f, whole, (panel.source, panel.target), (source, target), limits, [], step)


def _padding(f: Function, panel: Panel, target: Value, stop: int) -> None:
    """Zeros behind the lanes that were stored, from `stop` on."""
    while stop < panel.pitch:
        width = 1 << min((panel.pitch - stop).bit_length() - 1, 4)
        f.store(constant(0, vector(panel.target, width)), f.at(target, stop, panel.target))
        stop += width


def _by_runs(f: Function, panel: Panel, source: Value, target: Value) -> None:
    features = f.module.features
    parts = cover(range(panel.used), features.lanes(panel.target), features.has_masks)

    stride = panel.depth[-1].strides[0]
    ahead = _AHEAD * stride if abs(stride) * SIZES[panel.source] >= 64 else 0

    def step(source: Value, target: Value, _: list[Value]) -> list[Value]:
        stop = 0
        if ahead:
            for first in range(0, panel.used, 64 // SIZES[panel.source]):
                f.prefetch(f.at(source, first + ahead, panel.source))
        for part in parts:
            value = _load(f, panel.source, f.at(source, part.offset, panel.source), part)
            stop = part.first + part.width
            value = f.convert(value, panel.target)
            place = f.at(target, part.first, panel.target)
            _store(f, value, place, min(part.width, panel.pitch - part.first))
        _padding(f, panel, target, stop)
        return []

    _over_depth(f, panel, panel.depth, source, target, step)


def _store(f: Function, value: Value, address: Value, count: int) -> None:
    """Store the first `count` lanes of a vector."""
    width = lanes(value.type)
    if count == width:
        f.store(value, address)
    elif count == 1:
        f.store(f.extract(value, 0), address)
    elif f.module.features.has_masks:
        f.masked_store(value, address, vector_constant([k < count for k in range(width)], "i1"))
    else:
        f.store(f.shuffle(value, None, range(count)), address)


def _load(f: Function, scalar: Type, address: Value, part: Lanes) -> Value:
    type = vector(scalar, part.width)
    if part.used == part.width:
        return f.load(type, address)
    mask = vector_constant([k < part.used for k in range(part.width)], "i1")
    return f.masked_load(type, address, mask, constant(0, type))


def _by_lanes(
    f: Function, panel: Panel, source: Value, target: Value, offsets: Sequence[int]
) -> None:
    """One element after the other, at constant offsets."""

    def step(source: Value, target: Value, _: list[Value]) -> list[Value]:
        for lane, offset in enumerate(offsets):
            value = f.load(panel.source, f.at(source, offset, panel.source))
            f.store(f.convert(value, panel.target), f.at(target, lane, panel.target))
        _padding(f, panel, target, len(offsets))
        return []

    _over_depth(f, panel, panel.depth, source, target, step)


def _by_blocks(f: Function, panel: Panel, source: Value, target: Value, stride: int) -> None:
    """Blocks of lanes by depth, transposed in registers; the last one of a line overlaps."""
    wide = f.module.features.lanes(panel.target)
    few = piece(f.module.features, panel.target)
    depth = collapse(panel.depth, [0])
    outer, inner = depth[:-1], depth[-1].extent
    zero = constant(0, vector(panel.target, few))

    def blocks(origin: Value, goal: Value, count: int, width: int) -> None:
        """`count` lanes for a whole line of the depth, stored as `width`."""
        with f.loop(0, inner, few) as k:
            start = f.binary("smin", k, inner - few) if inner % few else k
            here = f.at(origin, start, panel.source)
            rows = []
            for lane in range(count):
                # What lies behind the last lane of a panel is the next panel's first.
                f.prefetch(f.at(here, (lane + wide) * stride, panel.source))
                row = f.load(vector(panel.source, few), f.at(here, lane * stride, panel.source))
                rows.append(f.convert(row, panel.target))
            there = f.at(goal, f.mul(start, panel.pitch), panel.target)
            for r, column in enumerate(transpose(f, rows + [zero] * (wide - count))):
                _store(f, column, f.at(there, r * panel.pitch, panel.target), width)

    whole = panel.used // wide * wide
    with f.loop(0, size(outer)) as line:
        origin = f.at(source, locate(f, outer, line, 0), panel.source)
        goal = f.at(target, f.mul(line, inner * panel.pitch), panel.target)
        if whole:
            with f.loop(0, whole, wide) as lane:
                first = f.at(origin, f.mul(lane, stride), panel.source)
                blocks(first, f.at(goal, lane, panel.target), wide, wide)
        if whole < panel.pitch:
            blocks(
                f.at(origin, whole * stride, panel.source), f.at(goal, whole, panel.target),
                panel.used - whole, min(wide, panel.pitch - whole),
            )  # fmt: skip


def _by_table(f: Function, panel: Panel, source: Value, target: Value, first: Value) -> None:
    """Lanes at offsets that differ from panel to panel: found once for each panel, then gathered
    at every place of the depth."""
    places = f.alloca("i64", panel.used)
    with f.loop(0, panel.used) as lane:
        offset = locate(f, panel.lanes, f.add(first, lane), 0)
        f.store(f.mul(offset, SIZES[panel.source]), f.at(places, lane, "i64"))
    wide = f.module.features.lanes(panel.target) if f.module.features.has_masks else 1
    parts = cover(range(panel.used), wide, False)
    addresses = [
        f.load(vector("i64", part.width), f.at(places, part.first, "i64")) for part in parts
    ]

    def step(source: Value, target: Value, _: list[Value]) -> list[Value]:
        for part, offsets in zip(parts, addresses):
            at = f.emit(f"getelementptr i8, {source!r}, {offsets!r}", vector("ptr", part.width))
            value = _gather(f, panel.source, at, part.width)
            f.store(f.convert(value, panel.target), f.at(target, part.first, panel.target))
        _padding(f, panel, target, panel.used)
        return []

    _over_depth(f, panel, panel.depth, source, target, step)


def _gather(f: Function, scalar: Type, addresses: Value, width: int) -> Value:
    if width == 1:
        return f.load(scalar, addresses)
    return f.gather(scalar, addresses, constant(True, vector("i1", width)))
