"""Contraction: C[b, m, n] = epilogue(Σ_k A[b, m, k] · B[b, k, n]), every index a tuple of axes.

Linear layers, their gradients, convolution and its gradients are all this one nest with different
strides. One operand takes the vector side of the register tile (`microkernel`), the other the side
of single numbers; either may be packed into panels first (`packing`); a tile's sums pass through
the caller's function on their way to memory (`epilogue`). Which of these is done is chosen by an
estimate of cycles (`choices`), from the shape alone. So is the cut into pieces: results have the
same bits however many threads share the pieces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from gradatim.engines.llvm.emit import SIZES, Features, Function, Module, Type, Value, constant
from gradatim.engines.llvm.epilogue import Access, Epilogue, emit_finish, transposed_size
from gradatim.engines.llvm.microkernel import Microkernel, cover, emit_microkernel
from gradatim.engines.llvm.packing import Panel, emit_panel
from gradatim.engines.llvm.tiling import (
    Axis,
    Tiling,
    collapse,
    cut_columns,
    cut_rows,
    divide,
    flat_stride,
    locate,
    round_up,
    size,
)
from gradatim.graph.errors import ArgumentError

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
    """

    name: str
    arguments: list[str]
    pieces: int
    grain: int = 1
    writes: dict[str, int] = field(default_factory=dict)
    flops: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Choice:
    """How a contraction is computed.

    Attributes:
        swapped: A is the vector side.
        pack_s, pack_v: which sides are packed.
        rows, vectors: the register tile.
    """

    swapped: bool
    pack_s: bool
    pack_v: bool
    rows: int
    vectors: int


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


def problem(nest: Nest, extras: Sequence[Side], outputs: Sequence[Side], swapped: bool) -> Problem:
    """Name the sides by role: B gives the vectors, or A where `swapped`."""
    sides = [*extras, *outputs]
    none = (0, 0)
    distinct = [1, 1]
    batch = []
    for k, (extent, a, b) in reversed(list(enumerate(nest.batch))):
        pair = (b, a) if swapped else (a, b)
        packed = tuple(count if s else 0 for s, count in zip(pair, distinct))
        distinct = [count * extent if s else count for s, count in zip(pair, distinct)]
        batch.append(Axis(extent, (*pair, *(side.batch[k] for side in sides), *packed)))
    flat = (0,) * len(sides)
    rows = [
        Axis(e, (0, s) + tuple(side.rows[k] for side in sides) + none)
        if swapped
        else Axis(e, (s, 0) + tuple(side.rows[k] for side in sides) + none)
        for k, (e, s) in enumerate(nest.rows)
    ]
    columns = [
        Axis(e, (s, 0) + tuple(side.columns[k] for side in sides) + none)
        if swapped
        else Axis(e, (0, s) + tuple(side.columns[k] for side in sides) + none)
        for k, (e, s) in enumerate(nest.columns)
    ]
    depth = [Axis(e, ((b, a) if swapped else (a, b)) + flat + none) for e, a, b in nest.depth]
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


# --- choosing ------------------------------------------------------------------------------------


def choices(features: Features, nest: Nest) -> Iterator[Choice]:
    """Every way that fits the registers."""
    must = nest.dtype in ("half", "bfloat")
    spare = 1 if features.has_fma else 2
    tiles = []
    for vectors in range(1, 5):
        for rows in range(1, 15):
            if rows * vectors + vectors + spare <= features.registers:
                tiles.append((rows, vectors))
    for swapped in (False, True):
        for pack_s in (True,) if must else (False, True):
            for pack_v in (True,) if must else (False, True):
                for rows, vectors in tiles:
                    yield Choice(swapped, pack_s, pack_v, rows, vectors)


@dataclass(frozen=True)
class Plan:
    """A choice with its tiles."""

    problem: Problem
    choice: Choice
    rows: Tiling
    columns: Tiling
    row_offsets: tuple[int, ...]
    vectors: tuple[object, ...]
    pitch: int
    depth: tuple[Axis, ...]


def plan(features: Features, problem: Problem, choice: Choice, rows_per_piece: int | None) -> Plan:
    """The tiles that a choice leads to."""
    p = problem
    lanes = features.lanes(p.nest.accumulate)
    zeros = (Axis(1, (0,) * (len(p.types) + 2)),)
    row_axes = collapse(p.rows, p.sides) if choice.pack_s else p.rows
    column_axes = collapse(p.columns, p.sides) if choice.pack_v else p.columns
    rows = cut_rows(row_axes or zeros, choice.rows, rows_per_piece or 0)
    columns = cut_columns(column_axes or zeros, choice.vectors, lanes)
    # (collapsing for the sides alone loses the operands' strides; panels are found by number)
    row_offsets = tuple(range(rows.size)) if choice.pack_s else tuple(rows.offsets(S))
    if choice.pack_v:
        pitch = round_up(columns.size, lanes)
        vectors = cover(range(pitch), lanes, features.has_masks)
    else:
        vectors = cover(columns.offsets(V), lanes, features.has_masks)
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
    depth = collapse(axes[::-1], [S, V]) or (Axis(1, (0, 0)),)
    return Plan(p, choice, rows, columns, row_offsets, vectors, pitch, depth)


def cost(features: Features, plan: Plan, resident: Sequence[str] = ()) -> float:
    """An estimate of the cycles of one thread."""
    p, choice = plan.problem, plan.choice
    batch, depth = size(p.batch), size(p.depth)
    rows, vectors = len(plan.row_offsets), len(plan.vectors)
    tiles = plan.rows.count * plan.columns.count
    multiply = rows * vectors * (0.5 if features.has_fma else 1.0)
    loads = (rows + vectors) * 0.5
    issue = (rows * vectors + rows + vectors + 3) / 5
    turn = max(multiply, loads, issue, 4.0)
    if not choice.pack_v:
        turn += 0.15 * vectors  # lines that are crossed
        if abs(p.depth[-1].strides[V]) * SIZES[p.types[V]] >= 1024 and depth > 64:
            turn += 0.3 * vectors
    if not choice.pack_s and abs(p.depth[-1].strides[S]) * SIZES[p.types[S]] >= 64:
        turn += 1.0
    if any(v.used < v.width for v in plan.vectors):
        turn += 0.1 * vectors
    total = batch * tiles * (depth * turn + 20 + 2.0 * rows * vectors)
    lanes = features.lanes(p.nest.accumulate)
    for side, packed, axes, tiling, pitch in (
        (S, choice.pack_s, p.rows, plan.rows, rows),
        (V, choice.pack_v, p.columns, plan.columns, plan.pitch),
    ):
        if packed and p.names[side] not in resident:
            distinct = size(a for a in p.batch if a.strides[side])
            step = flat_stride(axes, side)
            deep = collapse(p.depth, [side])
            each = 1.2
            if step == 1:
                each = 3.0 / lanes
            elif step is not None and deep and deep[-1].strides[side] == 1:
                each = 0.6 if deep[-1].extent >= lanes else 1.0
            total += distinct * depth * tiling.count * (pitch * each + 1) + 3000
    return total


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
    for choice in choices(features, nest):
        if choice.swapped and rows_per_piece:
            continue
        made = plan(features, problems[choice.swapped], choice, rows_per_piece)
        if len(made.row_offsets) > choice.rows or len(made.vectors) > choice.vectors + 3:
            continue
        if len(made.row_offsets) * len(made.vectors) > max(16, features.registers):
            continue
        estimate = cost(features, made, resident)
        if best is None or estimate < best[0]:
            best = estimate, made
    assert best is not None
    return best[1]


# --- emitting ------------------------------------------------------------------------------------

# Least arithmetic of a piece, and how many pieces large work is cut into at least.
_PIECE_FLOPS = 1_000_000
_PIECES = 32
# Bytes of S that the tiles of one piece go through again for every panel of V.
_BLOCK_BYTES = 768 * 1024


def emit_contraction(
    module: Module,
    name: str,
    nest: Nest,
    extras: Sequence[Side],
    outputs: Sequence[Side],
    epilogue: Epilogue,
    *,
    rows_per_piece: int | None = None,
    choice: Choice | None = None,
    resident: Sequence[str] = (),
) -> list[Kernel]:
    """Write the kernels of a contraction; they are to be run in the order given.

    Args:
        module: gets the functions.
        name: of the last kernel, and how the names of all others begin.
        extras: operands that the epilogue reads.
        outputs: what it gives.
        epilogue: `epilogue(f, acc, extras) -> outputs`, called for vectors of any number of lanes:
            `acc` is of the accumulate type, the others of their types in memory.
        rows_per_piece: cut by rows only, so that pieces [r·n, (r+1)·n) do exactly the rows
            [r·rows_per_piece, (r+1)·rows_per_piece), n being the same for all r.
        choice: compute it in this way instead of the one that is estimated to be fastest.
        resident: "a" or "b" for an operand that is packed once and used very often: packing it
            costs nothing.

    Returns:
        The kernels; none where there is nothing to compute.
    """
    extents = [axis[0] for group in (nest.batch, nest.rows, nest.columns) for axis in group]
    if 0 in extents:
        return []
    if any(axis[0] == 0 for axis in nest.depth):
        nest = replace(nest, depth=((0, 0, 0),))
    features = module.features
    if choice is None:
        chosen = choose(features, nest, extras, outputs, rows_per_piece, resident)
    else:
        made = problem(nest, extras, outputs, choice.swapped)
        chosen = plan(features, made, choice, rows_per_piece)
    if rows_per_piece and (len(chosen.rows.axes) > 1 or chosen.choice.swapped):
        raise ArgumentError(
            f"rows_per_piece={rows_per_piece} wants rows that are one axis, but got {nest.rows}"
        )
    kernels = []
    if chosen.choice.pack_s:
        kernels.append(_emit_packing(module, f"{name}_pack_s", chosen, S))
    if chosen.choice.pack_v:
        kernels.append(_emit_packing(module, f"{name}_pack_v", chosen, V))
    kernels.append(_emit_compute(module, name, chosen, epilogue, rows_per_piece))
    return kernels


def _panel(plan: Plan, side: int) -> Panel:
    p = plan.problem
    axes, tiling = ((p.rows, plan.rows), (p.columns, plan.columns))[side]
    return Panel(
        source=p.types[side],
        target=p.nest.accumulate,
        lanes=tuple(Axis(a.extent, (a.strides[side],)) for a in axes),
        depth=tuple(Axis(a.extent, (a.strides[side],)) for a in p.depth),
        used=tiling.size,
        pitch=len(plan.row_offsets) if side == S else plan.pitch,
    )


def _emit_packing(module: Module, name: str, plan: Plan, side: int) -> Kernel:
    """The kernel that packs one side; a piece is some of its panels."""
    p = plan.problem
    panel = _panel(plan, side)
    tiling = (plan.rows, plan.columns)[side]
    batch = tuple(Axis(a.extent, a.strides) for a in p.batch if a.strides[side])
    count = size(batch) * tiling.count
    emit_panel(module, f"{name}_panel", panel)
    each = max(1, 30_000 // max(1, panel.elements))
    each = max(each, -(-count // _PIECES))
    pieces = -(-count // each)
    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    args, begin, end, _ = f.params
    source, target = (f.load("ptr", f.at(args, k, "ptr")) for k in range(2))
    stop = f.binary("smin", f.mul(end, each), count)
    with f.loop(f.mul(begin, each), stop) as number:
        where, tile = divide(f, number, tiling.count)
        start, _, _ = tiling.place(f, tile)
        origin = f.at(source, locate(f, batch, where, side), panel.source)
        f.call(
            f"{name}_panel", "void", origin,
            f.at(target, f.mul(number, panel.elements), panel.target), start,
        )  # fmt: skip
    f.ret(0)
    total = count * panel.elements
    workspace = f"packed_{p.names[side]}"
    nbytes = round_up(total * SIZES[panel.target], 64)
    return Kernel(
        name, [p.names[side], workspace], pieces, 1, {workspace: nbytes}, 0,
        total * (SIZES[panel.source] + SIZES[panel.target]),
    )  # fmt: skip


@dataclass(frozen=True)
class Cut:
    """Pieces: how many equal ranges each of batch, row tiles and column tiles is cut into."""

    batch: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def pieces(self) -> int:
        return math.prod(-(-count // each) for count, each in (self.batch, self.rows, self.columns))


def cut(plan: Plan, rows_per_piece: int | None) -> Cut:
    """Cut work into pieces by its shape alone: batch first, then rows, then columns."""
    p = plan.problem
    batch, rows, columns = size(p.batch), plan.rows.count, plan.columns.count
    depth = size(p.depth)
    flops = 2 * size(p.rows) * size(p.columns) * max(depth, 1) * batch
    wanted = max(1, min(_PIECES, flops // _PIECE_FLOPS))
    if rows_per_piece:
        return Cut((batch, batch), (rows, plan.rows.along), (columns, columns))
    batches = min(batch, wanted)
    wanted = -(-wanted // batches)
    block = len(plan.row_offsets) * max(depth, 1) * SIZES[p.types[S]]
    row_blocks = max(1, -(-rows * block // _BLOCK_BYTES))
    if rows * block > columns * plan.pitch * max(depth, 1) * SIZES[p.types[V]]:
        row_blocks = max(row_blocks, min(rows, wanted))
    row_blocks = min(rows, row_blocks)
    wanted = -(-wanted // row_blocks)
    column_blocks = min(columns, wanted)
    wanted = -(-wanted // column_blocks)
    row_blocks = min(rows, row_blocks * wanted)
    return Cut(
        (batch, -(-batch // batches)),
        (rows, -(-rows // row_blocks)),
        (columns, -(-columns // column_blocks)),
    )


def _emit_compute(
    module: Module,
    name: str,
    plan: Plan,
    epilogue: Epilogue,
    rows_per_piece: int | None,
) -> Kernel:
    """The kernel that does the arithmetic; a piece is a range of row tiles and column tiles."""
    p, choice = plan.problem, plan.choice
    features = module.features
    acc = p.nest.accumulate
    packed = (choice.pack_s, choice.pack_v)
    types = [acc if packed[side] else p.types[side] for side in (S, V)]
    emit_microkernel(
        module,
        f"{name}_tile",
        Microkernel(
            types[S], types[V], acc, plan.row_offsets, plan.vectors, plan.depth, plan.pitch
        ),
    )
    shape = (plan.rows.size, plan.columns.size)
    accesses = [
        Access(p.types[k], tuple(plan.rows.offsets(k)), tuple(plan.columns.offsets(k)))
        for k in p.sides
    ]
    emit_finish(
        module, f"{name}_finish", acc, shape, plan.pitch,
        (_fits(plan.rows), _fits(plan.columns)),
        accesses[: p.extras], accesses[p.extras :], epilogue,
    )  # fmt: skip
    pieces = cut(plan, rows_per_piece)
    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    args, begin, end, scratch = f.params
    arguments = [
        f"packed_{p.names[side]}" if packed[side] else p.names[side] for side in (S, V)
    ] + list(p.names[2:])
    pointers = [f.load("ptr", f.at(args, k, "ptr")) for k in range(len(arguments))]
    buffer_bytes = round_up(len(plan.row_offsets) * plan.pitch * SIZES[acc], 64)
    transposed = f.at_byte(scratch, buffer_bytes)
    depth = constant(plan.depth[0].extent, "i64")
    zero = constant(0, "i64")

    with f.loop(begin, end) as piece:
        order = [pieces.columns, pieces.rows, pieces.batch]
        if rows_per_piece:
            order = [pieces.columns, pieces.batch, pieces.rows]
        ranges: dict[int, tuple[Value, Value]] = {}
        rest = piece
        for k, (count, each) in enumerate(order):
            rest, block = divide(f, rest, -(-count // each)) if k < 2 else (rest, rest)
            start = f.mul(block, each)
            stop = f.add(start, each)
            ranges[k] = start, f.binary("smin", stop, count) if count % each else stop
        if rows_per_piece:
            ranges = {0: ranges[0], 1: ranges[2], 2: ranges[1]}
        with f.loop(*ranges[2]) as b:
            bases = []
            for k, type in enumerate([*types, *p.types[2:]]):
                operand = p.packed + k if k < 2 and packed[k] else k
                offset = locate(f, p.batch, b, operand)
                if k < 2 and packed[k]:
                    tiles = (plan.rows, plan.columns)[k].count
                    offset = f.mul(offset, tiles * _panel(plan, k).elements)
                bases.append(f.at(pointers[k], offset, type))
            with f.loop(*ranges[0]) as column_tile:
                c, c_from, c_to = plan.columns.place(f, column_tile)
                v = _side_pointer(f, plan, V, bases[V], types[V], column_tile, c)
                column_bases = [
                    f.at(bases[k], locate(f, plan.columns.axes, c, k), p.types[k]) for k in p.sides
                ]
                with f.loop(*ranges[1]) as row_tile:
                    r, r_from, r_to = plan.rows.place(f, row_tile)
                    s = _side_pointer(f, plan, S, bases[S], types[S], row_tile, r)
                    f.call(f"{name}_tile", "void", s, v, scratch, zero, depth)
                    operands = [
                        f.at(base, locate(f, plan.rows.axes, r, k), p.types[k])
                        for base, k in zip(column_bases, p.sides)
                    ]
                    f.call(
                        f"{name}_finish", "void", scratch, transposed, *operands,
                        r_from, r_to, c_from, c_to,
                    )  # fmt: skip
    f.ret(0)
    scratch_bytes = buffer_bytes + SIZES[acc] * transposed_size(
        (len(plan.row_offsets), plan.pitch), features.lanes(acc)
    )
    assert scratch_bytes < 8 << 20
    m, n, k, batch = size(p.rows), size(p.columns), size(p.depth), size(p.batch)
    traffic = batch * (m * k + k * n) * SIZES[p.types[S]]
    traffic += batch * m * n * sum(SIZES[p.types[k]] for k in p.sides)
    return Kernel(name, arguments, pieces.pieces, 1, {}, 2 * batch * m * n * k, traffic)


def _fits(tiling: Tiling) -> bool:
    """Whether all tiles are new from their first element to their last."""
    extent = tiling.per_block or tiling.axes[tiling.cut].extent
    return extent % tiling.step == 0 and (
        not tiling.per_block or tiling.axes[0].extent % tiling.per_block == 0
    )


def _side_pointer(
    f: Function, plan: Plan, side: int, base: Value, type: Type, tile: Value, flat: Value
) -> Value:
    """Where a tile's first element of S or V lies, at depth 0."""
    if (plan.choice.pack_s, plan.choice.pack_v)[side]:
        return f.at(base, f.mul(tile, _panel(plan, side).elements), type)
    axes = (plan.rows, plan.columns)[side].axes
    return f.at(base, locate(f, axes, flat, side), type)
