"""Plan of a contraction: which operand gives vectors, what is packed, which tile, which pieces.

Everything here follows from the shape and the processor's features alone: results have the same
bits however many threads share the pieces, and on every run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from gradatim.engines.llvm.emit import SIZES, Features, Type, is_float
from gradatim.engines.llvm.microkernel import Lanes, cover
from gradatim.engines.llvm.tiling import (
    Axis,
    Tiling,
    collapse,
    cut_columns,
    cut_rows,
    flat_stride,
    round_up,
    size,
)

S, V = 0, 1  # the operand of single numbers, the operand of vectors


@dataclass(frozen=True)
class Nest:
    """A contraction before anything is decided. Strides are in elements and may be 0 or negative.

    Attributes:
        dtype: element type of A and B in memory.
        accumulate: the type that products are summed in.
        batch: (extent, stride of A, stride of B) for each batch axis.
        rows: (extent, stride of A) for each axis of m.
        columns: (extent, stride of B) for each axis of n.
        depth: (extent, stride of A, stride of B) for each axis of k.
    """

    dtype: Type
    accumulate: Type
    batch: tuple[tuple[int, int, int], ...]
    rows: tuple[tuple[int, int], ...]
    columns: tuple[tuple[int, int], ...]
    depth: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Side:
    """An operand of the epilogue, or an output: its element type in memory, and its strides along
    the Nest's axes of batch, rows and columns."""

    dtype: Type
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]


@dataclass
class Kernel:
    """A native function `i32 name(ptr args, i64 begin, i64 end, ptr scratch)` that was emitted.

    Attributes:
        arguments: what each pointer of `args` is: "a", "b", "extra0", "output0", or a workspace.
        pieces: how many pieces its work has.
        grain: how many of them are worth handing to a thread at once.
        writes: workspaces that it fills, which later kernels read, and their sizes in bytes.
        flops, bytes: its arithmetic and its traffic, for reports.
        note: how it computes, for reports.
    """

    name: str
    arguments: list[str]
    pieces: int
    grain: int = 1
    writes: dict[str, int] = field(default_factory=dict)
    flops: int = 0
    bytes: int = 0
    note: str = ""


@dataclass(frozen=True)
class Choice:
    """How a contraction is computed.

    Attributes:
        swapped: A is the vector side.
        pack_s, pack_v: which sides are packed.
        rows, vectors: the register tile.
        dot: lanes run along the depth; `vectors` are columns then.
        parts: into how many parts the depth is cut, at least.
    """

    swapped: bool
    pack_s: bool
    pack_v: bool
    rows: int
    vectors: int
    dot: bool = False
    parts: int = 1


@dataclass(frozen=True)
class Problem:
    """A Nest with its sides named by role instead of by letter. Every axis has the strides of S, V,
    the extras, the outputs, packed S and packed V, in this order."""

    nest: Nest
    types: tuple[Type, ...]
    names: tuple[str, ...]
    extras: int
    batch: tuple[Axis, ...]
    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]
    depth: tuple[Axis, ...]

    @property
    def packed(self) -> int:
        """Where the strides of the packed operands begin."""
        return len(self.types)

    @property
    def sides(self) -> range:
        return range(2, len(self.types))


def _in_role(role: int, stride: int) -> tuple[int, int]:
    return (stride, 0) if role == S else (0, stride)


def problem(nest: Nest, extras: Sequence[Side], outputs: Sequence[Side], swapped: bool) -> Problem:
    """Name the sides by role: B gives the vectors, or A where `swapped`."""
    sides = [*extras, *outputs]
    distinct = [1, 1]
    batch = []
    for k, (extent, a, b) in reversed(list(enumerate(nest.batch))):
        pair = (b, a) if swapped else (a, b)
        packed = tuple(count if s else 0 for s, count in zip(pair, distinct))
        distinct = [count * extent if s else count for s, count in zip(pair, distinct)]
        batch.append(Axis(extent, (*pair, *(side.batch[k] for side in sides), *packed)))
    first, second = (V, S) if swapped else (S, V)  # the roles of A and B
    rows = [
        Axis(e, (*_in_role(first, s), *(side.rows[k] for side in sides), 0, 0))
        for k, (e, s) in enumerate(nest.rows)
    ]
    columns = [
        Axis(e, (*_in_role(second, s), *(side.columns[k] for side in sides), 0, 0))
        for k, (e, s) in enumerate(nest.columns)
    ]
    zeros = (0,) * (len(sides) + 2)
    depth = [Axis(e, (*((b, a) if swapped else (a, b)), *zeros)) for e, a, b in nest.depth]
    every = range(len(sides) + 4)
    one = (Axis(1, (0,) * len(every)),)
    names = [f"extra{k}" for k in range(len(extras))]
    names += [f"output{k}" for k in range(len(outputs))]
    groups = (batch[::-1], columns if swapped else rows, rows if swapped else columns, depth)
    return Problem(
        nest,
        (nest.dtype, nest.dtype, *(side.dtype for side in sides)),
        (*("ba" if swapped else "ab"), *names),
        len(extras),
        *(collapse(group, every) or one for group in groups),
    )


# --- planning ------------------------------------------------------------------------------------

# Least work of a piece in multiply-adds (or elements moved, weighed), and how many pieces large
# work is cut into at least.
_PIECE_WORK = 500_000
_PIECES = 32
# Bytes of S that the tiles of one piece go through again for every panel of V.
_BLOCK_BYTES = 768 * 1024
# Bytes of a panel of V at most, which has to stay in the second cache while the row tiles go over
# it; longer depths are summed in parts, as long as the partial sums together are not larger than:
_PANEL_LIMIT = 448 * 1024
_PARTIAL_LIMIT = 64 << 20
# Lanes of a panel that a dot tile's operands are worth in that.
_DOT_PANEL = 64


@dataclass(frozen=True)
class Plan:
    """A choice with its tiles and pieces.

    Attributes:
        rows, columns: the tiles.
        row_offsets: where a tile's rows lie in S, from its first.
        vectors: a tile's vectors of V, or its columns for a dot tile.
        pitch: elements between two rows of a tile's sums.
        depth: the axes that are summed over, with strides of S and V (packed where they are).
        parts: how many parts of the outermost depth axis are summed apart, and places of each.
        batches, row_blocks, column_blocks: likewise the ranges that pieces are made of.
    """

    problem: Problem
    choice: Choice
    rows: Tiling
    columns: Tiling
    row_offsets: tuple[int, ...]
    vectors: tuple[Lanes, ...]
    pitch: int
    depth: tuple[Axis, ...]
    parts: Ranges
    batches: Ranges
    row_blocks: Ranges
    column_blocks: Ranges

    @property
    def pieces(self) -> int:
        return math.prod(
            r.blocks for r in (self.parts, self.batches, self.row_blocks, self.column_blocks)
        )


@dataclass(frozen=True)
class Ranges:
    """[0, count) as blocks of `each`, the last perhaps shorter."""

    count: int
    each: int

    @property
    def blocks(self) -> int:
        return max(1, -(-self.count // self.each))


def ranges(count: int, blocks: int, multiple: int = 1) -> Ranges:
    """About `blocks` equal blocks of a multiple of something."""
    return Ranges(count, max(1, round_up(-(-count // max(1, blocks)), multiple)))


def plan(features: Features, problem: Problem, choice: Choice, rows_per_piece: int | None) -> Plan:
    """The tiles and pieces that a choice leads to."""
    p = problem
    lanes = features.lanes(p.nest.accumulate)
    zeros = (Axis(1, (0,) * (len(p.types) + 2)),)
    # A packed operand's panels are found by their number: its strides need not fit the tiles.
    row_axes = collapse(p.rows, p.sides) if choice.pack_s else p.rows
    column_axes = collapse(p.columns, p.sides) if choice.pack_v else p.columns
    rows = cut_rows(row_axes or zeros, choice.rows, rows_per_piece or 0)
    row_offsets = tuple(range(rows.size)) if choice.pack_s else tuple(rows.offsets(S))
    if choice.dot:
        columns = cut_rows(column_axes or zeros, choice.vectors)
        vectors = tuple(Lanes(k, 1, 1, offset) for k, offset in enumerate(columns.offsets(V)))
        pitch = len(vectors)
    else:
        columns = cut_columns(column_axes or zeros, choice.vectors, lanes)
        width = round_up(columns.size, lanes)
        offsets = range(width) if choice.pack_v else columns.offsets(V)
        vectors = cover(offsets, lanes, features.has_masks)
        pitch = round_up(max(v.first + v.width for v in vectors), lanes)
    below = [rows.size, pitch]
    axes = []
    for axis in reversed(p.depth):
        pair = [axis.strides[S], axis.strides[V]]
        for side, packed in enumerate((choice.pack_s, choice.pack_v)):
            if packed:
                pair[side] = below[side]
            below[side] *= axis.extent
        axes.append(Axis(axis.extent, tuple(pair)))
    depth = collapse(axes[::-1], [S, V]) or (Axis(axes[0].extent and 1, (0, 0)),)
    tiles = Plan(
        p, choice, rows, columns, row_offsets, vectors, pitch, depth,
        Ranges(depth[0].extent, max(1, depth[0].extent)),
        *(Ranges(n, n) for n in (size(p.batch), rows.count, columns.count)),
    )  # fmt: skip
    return cut(tiles, lanes, bool(rows_per_piece))


def work(p: Problem) -> int:
    """Multiply-adds, or what reading the operands once costs where that is more."""
    m, n, k, batch = size(p.rows), size(p.columns), size(p.depth), size(p.batch)
    return batch * max(m * n * k, 8 * (m * k + k * n))


def cut(tiles: Plan, lanes: int, by_rows: bool) -> Plan:
    """Cut work into pieces by its shape alone."""
    p = tiles.problem
    batch, rows, columns = tiles.batches.count, tiles.rows.count, tiles.columns.count
    depth = max(1, size(p.depth))
    if by_rows:
        return replace(tiles, row_blocks=Ranges(rows, tiles.rows.along))
    panel = depth * SIZES[p.nest.accumulate] * (_DOT_PANEL if tiles.choice.dot else tiles.pitch)
    results = size(p.rows) * size(p.columns) * batch
    parts = max(tiles.choice.parts, -(-panel // _PANEL_LIMIT) if rows >= 4 else 1)
    parts = max(1, min(parts, _PARTIAL_LIMIT // (4 * results), tiles.parts.count))
    wanted = max(1, min(_PIECES, work(p) // _PIECE_WORK))
    left = -(-wanted // parts)
    batches = ranges(batch, left)
    left = -(-left // batches.blocks)
    block = len(tiles.row_offsets) * -(-depth // parts) * SIZES[p.types[S]]
    row_blocks = max(1, -(-rows * block // _BLOCK_BYTES))
    if rows * len(tiles.row_offsets) > columns * tiles.pitch:
        row_blocks = max(row_blocks, left)
    row_blocks = min(rows, row_blocks)
    column_blocks = min(columns, -(-left // row_blocks))
    row_blocks = min(rows, row_blocks * -(-left // (row_blocks * column_blocks)))
    pieces = batches.blocks * row_blocks * column_blocks * parts
    if pieces * 4 <= wanted:
        parts = max(parts, min(parts * wanted // pieces, depth // 256))
    multiple = lanes if tiles.choice.dot and len(tiles.depth) == 1 else 1
    return replace(
        tiles,
        parts=ranges(tiles.parts.count, parts, multiple),
        batches=batches,
        row_blocks=ranges(rows, row_blocks),
        column_blocks=ranges(columns, column_blocks),
    )


# --- choosing ------------------------------------------------------------------------------------

# Behind a depth up to this, what becomes of a tile's sums takes a good part of the time.
LITTLE_DEPTH = 192
# Panels of V with more bytes than this come from the second cache with some delay.
_LARGE_PANEL = 224 * 1024
# With more bytes than this, all of S comes from the third cache.
_LARGE_S = 1 << 20


def is_whole(tiling: Tiling) -> bool:
    """Whether all tiles are new from their first element to their last."""
    extent = tiling.per_block or tiling.axes[tiling.cut].extent
    return extent % tiling.step == 0 and (
        not tiling.per_block or tiling.axes[0].extent % tiling.per_block == 0
    )


def choices(features: Features, nest: Nest, by_rows: bool = False) -> Iterator[Choice]:
    """Every way that fits the registers. With `by_rows` pieces do rows of A alone, so that A, which
    may change between pieces, is neither packed nor the vector side."""
    must = nest.dtype in ("half", "bfloat")
    spare = 1 if features.has_fma else 2
    depth = math.prod(e for e, *_ in nest.depth)
    for swapped in (False,) if by_rows else (False, True):
        count = math.prod(e for e, *_ in (nest.columns if swapped else nest.rows))
        for vectors in (1, 2, 3, 4, 6) if count <= 4 else (1, 2, 3, 4):
            most = min(14, (features.registers - spare - vectors) // vectors)
            heights = {most}
            if depth <= LITTLE_DEPTH:
                heights.add(max(r for r in range(1, most + 1) if count % r == 0))
            for rows in heights:
                for pack_s in (False,) if by_rows else (True,) if must else (False, True):
                    for pack_v in (True,) if must else (False, True):
                        yield Choice(swapped, pack_s, pack_v, rows, vectors)
    if not must and is_float(nest.dtype):
        for rows, columns in ((1, 8), (8, 1), (4, 4), (4, 6), (6, 4), (3, 9), (9, 3), (2, 12)):
            if rows * columns + min(rows, columns) + spare <= features.registers:
                yield Choice(False, False, False, rows, columns, True)


def cost(features: Features, plan: Plan, resident: Sequence[str] = ()) -> float:
    """An estimate of the cycles of one thread; to pack what is `resident` costs nothing."""
    p, choice = plan.problem, plan.choice
    batch, depth = size(p.batch), size(p.depth)
    lanes = features.lanes(p.nest.accumulate)
    rows, vectors = len(plan.row_offsets), len(plan.vectors)
    tiles = plan.rows.count * plan.columns.count
    multiply = rows * vectors * (0.5 if features.has_fma else 1.0)
    issue = (rows * vectors + rows + vectors + 3) / 5
    each = 20 + 2.0 * rows * vectors
    outputs = range(2 + p.extras, p.packed)
    if lanes_along_rows(
        [flat_stride(p.rows, k) for k in outputs], [flat_stride(p.columns, k) for k in outputs]
    ):
        each += 4.0 * rows * vectors  # transposing
    elif depth <= LITTLE_DEPTH or (is_whole(plan.rows) and is_whole(plan.columns)):
        each = 20 + 1.2 * rows * vectors  # in registers
    if choice.dot:
        # Loads of whole vectors that cross lines count twice; the sums of the lanes come last.
        turn = max(multiply, (rows + vectors) * 0.8, issue, 4.0)
        inner = plan.depth[-1].extent
        depth = depth // max(1, inner) * -(-inner // lanes) if inner else 0
        each = 60 + 6.0 * rows * vectors
        if len(plan.depth) > 1:
            turn += 2.0
    else:
        turn = max(multiply, (rows + vectors) * 0.5, issue, 4.0)
        if not choice.pack_v:
            turn += 0.15 * vectors  # lines that are crossed
            if abs(p.depth[-1].strides[V]) * SIZES[p.types[V]] >= 1024 and depth > 64:
                turn += 0.5 * vectors
            if abs(p.depth[-1].strides[V]) * SIZES[p.types[V]] % 2048 == 0 and depth > 16:
                turn += 1.5 * vectors  # rows that fall into the same sets of a cache
        if not choice.pack_s and abs(p.depth[-1].strides[S]) * SIZES[p.types[S]] >= 64:
            turn += 0.6 * (1 + rows * SIZES[p.types[S]] / 64) / vectors  # lines that are touched
            if size(p.rows) * depth * SIZES[p.types[S]] > _LARGE_S:
                turn += 0.5  # from the third cache, and each on another page
        if any(v.used < v.width for v in plan.vectors):
            turn += 0.1 * vectors
    if choice.pack_v and depth * plan.pitch * SIZES[p.nest.accumulate] > _LARGE_PANEL:
        turn += 0.2 * vectors
    total = batch * tiles * (depth * turn + each * plan.parts.blocks)
    if plan.parts.blocks > 1:
        total += 1.7 * plan.parts.blocks * batch * size(p.rows) * size(p.columns)
    for side, packed, axes, tiling, pitch in (
        (S, choice.pack_s, p.rows, plan.rows, rows),
        (V, choice.pack_v, p.columns, plan.columns, plan.pitch),
    ):
        if packed and p.names[side] not in resident:
            distinct = size(a for a in p.batch if a.strides[side])
            step = flat_stride(axes, side)
            deep = collapse(p.depth, [side])
            # In the nearer caches an element takes what the instructions take, else 1 cycle.
            far = distinct * depth * tiling.count * pitch * SIZES[p.types[side]] > 512 * 1024
            move = 1.2
            if step == 1:
                move = (6.0 if side == S else 4.0) / min(pitch, lanes)
            elif step is not None and deep and deep[-1].strides[side] == 1:
                move = 0.4 if deep[-1].extent >= 4 else 1.0
            if far:
                move = max(move, 1.0)
            total += distinct * depth * tiling.count * pitch * move + 30_000
    return total


def lanes_along_rows(rows: Sequence[int | None], columns: Sequence[int | None]) -> bool:
    """Whether more outputs are contiguous along the rows than along the columns."""
    return sum(s == 1 for s in rows) > sum(s == 1 for s in columns)


def fits(features: Features, plan: Plan) -> bool:
    """Whether a plan is one that its choice stands for, and its tile stays in registers."""
    choice = plan.choice
    rows, vectors = len(plan.row_offsets), len(plan.vectors)
    if choice.dot:
        inner = plan.depth[-1]
        return inner.strides == (1, 1) and inner.extent >= 8 and rows * vectors >= 1
    return vectors <= choice.vectors + 3 and rows * vectors <= max(16, features.registers)


def choose(
    features: Features,
    nest: Nest,
    extras: Sequence[Side],
    outputs: Sequence[Side],
    rows_per_piece: int | None,
    resident: Sequence[str] = (),
) -> Plan:
    """The plan with the least estimated cost."""
    problems = [problem(nest, extras, outputs, swapped) for swapped in (False, True)]
    best: tuple[float, Plan] | None = None
    for choice in choices(features, nest, bool(rows_per_piece)):
        made = plan(features, problems[choice.swapped], choice, rows_per_piece)
        if fits(features, made):
            estimate = cost(features, made, resident)
            if best is None or estimate < best[0]:
                best = estimate, made
    assert best is not None
    return best[1]


def partial(p: Problem) -> Problem:
    """The same sums, but left in a workspace `partial` of the accumulate type: the results of one
    part of the depth after the other, each in the flat order of batch, rows, columns."""
    below = 1
    groups = []
    for group in (p.columns, p.rows, p.batch):
        axes = []
        for axis in reversed(group):
            packed = axis.strides[p.packed :]
            axes.append(Axis(axis.extent, (*axis.strides[:2], below, *packed)))
            below *= axis.extent
        groups.append(collapse(axes[::-1], range(5)) or (Axis(1, (0,) * 5),))
    depth = tuple(Axis(a.extent, (*a.strides[:2], 0, 0, 0)) for a in p.depth)
    types = (*p.types[:2], p.nest.accumulate)
    names = (*p.names[:2], "partial")
    return Problem(p.nest, types, names, 0, groups[2], groups[1], groups[0], depth)


def combination(p: Problem) -> Problem:
    """What is left to do behind `partial`: S is the workspace, and nothing is multiplied."""
    below = 1
    groups = []
    for group in (p.columns, p.rows, p.batch):
        axes = []
        for axis in reversed(group):
            sides = axis.strides[2 : p.packed]
            axes.append(Axis(axis.extent, (below, 0, *sides, 0, 0)))
            below *= axis.extent
        every = range(p.packed + 2)
        groups.append(collapse(axes[::-1], every) or (Axis(1, (0,) * len(every)),))
    acc = p.nest.accumulate
    names = ("partial", "", *p.names[2:])
    return Problem(
        p.nest, (acc, acc, *p.types[2:]), names, p.extras, groups[2], groups[1], groups[0], ()
    )
