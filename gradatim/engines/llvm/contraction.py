"""Contraction: C[b, m, n] = epilogue(Σ_k A[b, m, k] · B[b, k, n]), every index a tuple of axes.

Linear layers, their gradients, convolution and its gradients are all this one nest with different
strides. One operand takes the vector side of the register tile (`microkernel`), the other the side
of single numbers; either may be packed into panels first (`packing`); a tile's sums pass through
the caller's function on their way to memory (`epilogue`). Which of these is done is chosen by an
estimate of cycles (`choices`), from the shape alone. So is the cut into pieces: results have the
same bits however many threads share the pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from gradatim.engines.llvm.contraction_plan import (
    LITTLE_DEPTH,
    Choice,
    Kernel,
    Nest,
    Plan,
    Problem,
    Ranges,
    S,
    Side,
    V,
    choose,
    combination,
    is_whole,
    partial,
    plan,
    problem,
)
from gradatim.engines.llvm.dot import emit_dot
from gradatim.engines.llvm.emit import SIZES, Function, Module, Type, Value, constant, vector
from gradatim.engines.llvm.epilogue import (
    Access,
    Epilogue,
    can_finish_in_registers,
    emit_finish,
    finish_in_registers,
    instructions,
    transposed_size,
)
from gradatim.engines.llvm.microkernel import Direct, Microkernel, cover, emit_microkernel
from gradatim.engines.llvm.packing import Panel, emit_panel
from gradatim.engines.llvm.tiling import (
    Axis,
    Tiling,
    cut_columns,
    cut_rows,
    divide,
    known,
    locate,
    minus,
    plus,
    round_up,
    size,
    times,
)
from gradatim.graph.errors import ArgumentError

__all__ = ["Choice", "Kernel", "Nest", "Side", "emit_contraction"]

# A panel larger than this is fetched into the second cache while the one before it is in use.
_PANEL_BYTES = 32 * 1024
# Bytes of panels that a piece packs at least.
_PACKED_PIECE = 128 * 1024
_SCRATCH_BYTES = 8 << 20
# Longest code that finishes a tile in registers.
_DIRECT_INSTRUCTIONS = 250


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
        resident: "a" or "b" for an operand that is packed once and used very often.

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
    whole = chosen.problem
    if chosen.parts.blocks > 1:
        chosen = plan(features, partial(whole), chosen.choice, rows_per_piece)
    kernels = []
    for side, on in ((S, chosen.choice.pack_s), (V, chosen.choice.pack_v)):
        if on:
            kernels.append(_emit_packing(module, f"{name}_pack_{whole.names[side]}", chosen, side))
    if chosen.problem is whole:
        kernels.append(_emit_compute(module, name, chosen, epilogue, bool(rows_per_piece)))
    else:
        kernels.append(_emit_compute(module, f"{name}_parts", chosen, _keep, bool(rows_per_piece)))
        parts = chosen.parts.blocks
        kernels.append(_emit_combination(module, name, combination(whole), parts, epilogue))
    return kernels


def _keep(f: Function, acc: Value, extras: list[Value]) -> list[Value]:
    return [acc]


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
    each = max(1, _PACKED_PIECE // max(1, panel.elements * SIZES[panel.target]))
    pieces = -(-count // each)
    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    args, begin, end, _ = f.params
    source, target = (f.load("ptr", f.at(args, k, "ptr")) for k in range(2))
    stop = f.binary("smin", f.mul(end, each), count)
    with f.loop(f.mul(begin, each), stop) as number:
        where, tile = divide(f, number, tiling.count, size(batch))
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


@contextmanager
def _each(f: Function, start: Value, stop: Value) -> Iterator[Value]:
    """A loop; of a single turn none."""
    if known(start) is not None and known(minus(f, stop, start)) == 1:
        yield start
    else:
        with f.loop(start, stop) as index:
            yield index


def _block(f: Function, ranges: Ranges, number: Value) -> tuple[Value, Value]:
    """Begin and end of one of some ranges."""
    if ranges.blocks == 1:
        return constant(0, "i64"), constant(ranges.count, "i64")
    start = times(f, number, ranges.each)
    stop = plus(f, start, ranges.each)
    return start, f.binary("smin", stop, ranges.count) if ranges.count % ranges.each else stop


def _emit_compute(
    module: Module, name: str, plan: Plan, epilogue: Epilogue, by_rows: bool
) -> Kernel:
    """The kernel that does the arithmetic; a piece is a range of row tiles and column tiles."""
    p, choice = plan.problem, plan.choice
    acc = p.nest.accumulate
    packed = (choice.pack_s, choice.pack_v)
    types = [acc if packed[side] else p.types[side] for side in (S, V)]
    steps = size(plan.depth)
    panel_bytes = plan.pitch * steps * SIZES[acc]
    fetch = _fetch(plan) if choice.pack_v and panel_bytes > _PANEL_BYTES else 0
    kernel = Microkernel(
        types[S], types[V], acc, plan.row_offsets, plan.vectors, plan.depth, plan.pitch, fetch
    )
    direct = None if choice.dot else _direct(module, plan, epilogue)
    if choice.dot:
        emit_dot(module, f"{name}_tile", kernel)
    else:
        emit_microkernel(module, f"{name}_tile", kernel, direct, len(p.sides))
    always = direct is not None and is_whole(plan.rows) and is_whole(plan.columns)
    buffer_bytes = 0
    if not always:
        buffer_bytes = _emit_finish(module, name, p, plan.rows, plan.columns, plan.pitch, epilogue)
    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    args, begin, end, scratch = f.params
    arguments = [
        f"packed_{p.names[side]}" if packed[side] else p.names[side] for side in (S, V)
    ] + list(p.names[2:])
    pointers = [f.load("ptr", f.at(args, k, "ptr")) for k in range(len(arguments))]
    transposed = f.at_byte(scratch, buffer_bytes)
    order = [plan.column_blocks, plan.row_blocks, plan.batches, plan.parts]
    if by_rows:
        order = [plan.column_blocks, plan.batches, plan.parts, plan.row_blocks]

    with f.loop(begin, end) as piece:
        limits: dict[int, tuple[Value, Value]] = {}
        rest = piece
        left = plan.pieces
        for ranges in order:
            left //= ranges.blocks
            rest, number = divide(f, rest, ranges.blocks, left)
            limits[id(ranges)] = _block(f, ranges, number)
        first, last = limits[id(plan.parts)]
        depth = minus(f, last, first)
        with _each(f, *limits[id(plan.batches)]) as b:
            bases = []
            for k, type in enumerate([*types, *p.types[2:]]):
                if k < 2 and packed[k]:
                    panels = (plan.rows, plan.columns)[k].count
                    number = locate(f, p.batch, b, p.packed + k)
                    offset = times(f, number, panels * _panel(plan, k).elements)
                else:
                    offset = locate(f, p.batch, b, k)
                if k < 2:
                    offset = plus(f, offset, times(f, first, plan.depth[0].strides[k]))
                elif plan.parts.blocks > 1:
                    total = size(p.batch) * size(p.rows) * size(p.columns)
                    number, _ = divide(f, first, plan.parts.each)
                    offset = plus(f, offset, times(f, number, total))
                bases.append(f.at(pointers[k], offset, type))
            with _each(f, *limits[id(plan.column_blocks)]) as column_tile:
                c, c_from, c_to = plan.columns.place(f, column_tile)
                v = _side_pointer(f, plan, V, bases[V], types[V], column_tile, c)
                column_bases = [
                    f.at(bases[k], locate(f, plan.columns.axes, c, k), p.types[k]) for k in p.sides
                ]
                rows_from, rows_to = limits[id(plan.row_blocks)]
                with _each(f, rows_from, rows_to) as row_tile:
                    r, r_from, r_to = plan.rows.place(f, row_tile)
                    s = _side_pointer(f, plan, S, bases[S], types[S], row_tile, r)
                    operands = [
                        f.at(base, locate(f, plan.rows.axes, r, k), p.types[k])
                        for base, k in zip(column_bases, p.sides)
                    ]
                    soon = v
                    if fetch:
                        done = times(f, minus(f, row_tile, rows_from), fetch * steps)
                        most = panel_bytes - fetch * steps
                        soon = f.at_byte(v, f.add(f.binary("smin", done, most), panel_bytes))
                    zero = constant(0, "i64")
                    common = (s, v, soon, scratch, zero, depth)
                    places = (r_from, r_to, c_from, c_to)
                    finish = (scratch, transposed, *operands, *places)
                    if always:
                        yes = constant(True, "i1")
                        f.call(f"{name}_tile", "void", *common, yes, *operands)
                    elif direct:
                        whole = _is_whole(f, places, plan)
                        f.call(f"{name}_tile", "void", *common, whole, *operands)
                        with f.otherwise(whole):
                            f.call(f"{name}_finish", "void", *finish)
                    else:
                        f.call(f"{name}_tile", "void", *common)
                        f.call(f"{name}_finish", "void", *finish)
    f.ret(0)
    m, n, k, batch = size(p.rows), size(p.columns), size(p.depth), size(p.batch)
    traffic = batch * (m * k + k * n) * SIZES[p.types[S]]
    traffic += batch * m * n * sum(SIZES[p.types[k]] for k in p.sides)
    writes = {}
    if plan.parts.blocks > 1:
        writes["partial"] = round_up(plan.parts.blocks * batch * m * n * SIZES[acc], 64)
    return Kernel(
        name, arguments, plan.pieces, 1, writes, 2 * batch * m * n * k, traffic, describe(plan)
    )


def _direct(module: Module, plan: Plan, epilogue: Epilogue) -> Direct | None:
    """The epilogue on registers, where the outputs lie so that it can be and it is worth its code:
    short, and either the only one or behind little arithmetic."""
    p = plan.problem
    extras, outputs = _accesses(p, plan.rows, plan.columns)
    vectors = [
        replace(v, used=min(v.used, plan.columns.size - v.first))
        for v in plan.vectors
        if v.first < plan.columns.size
    ]
    if len(vectors) < len(plan.vectors):
        return None
    if not can_finish_in_registers(module.features, vectors, extras, outputs):
        return None
    each = instructions(module, p.nest.accumulate, extras, epilogue) + 2 * len(p.sides)
    tile = len(plan.row_offsets) * len(vectors)
    little = size(plan.depth) <= LITTLE_DEPTH or (is_whole(plan.rows) and is_whole(plan.columns))
    if not little or each * tile > _DIRECT_INSTRUCTIONS:
        return None
    return lambda f, tile, operands: finish_in_registers(
        f, tile, vectors, operands, extras, outputs, epilogue
    )


def _is_whole(f: Function, places: tuple[Value, ...], plan: Plan) -> Value:
    """Whether all elements of a tile are new."""
    wanted = (0, plan.rows.size, 0, plan.columns.size)
    whole = constant(True, "i1")
    for place, number in zip(places, wanted):
        if known(place) is None:
            whole = f.and_(whole, f.compare("eq", place, number))
    return whole


def _accesses(p: Problem, rows: Tiling, columns: Tiling) -> tuple[list[Access], list[Access]]:
    """How the extra operands and the outputs lie, seen from these tiles."""
    every = [Access(p.types[k], tuple(rows.offsets(k)), tuple(columns.offsets(k))) for k in p.sides]
    return every[: p.extras], every[p.extras :]


def _emit_finish(
    module: Module, name: str, p: Problem, rows: Tiling, columns: Tiling, pitch: int,
    epilogue: Epilogue,
) -> int:  # fmt: skip
    """The function `NAME_finish` for these tiles; gives the bytes of their buffer of sums."""
    acc = p.nest.accumulate
    shape = (rows.size, columns.size)
    emit_finish(
        module, f"{name}_finish", acc, shape, pitch, (is_whole(rows), is_whole(columns)),
        *_accesses(p, rows, columns), epilogue,
    )  # fmt: skip
    lanes = module.features.lanes(acc)
    # (Vectors are read whole: a last one may reach behind the tile's end.)
    nbytes = round_up((rows.size * pitch + lanes) * SIZES[acc], 64)
    transposed = SIZES[acc] * transposed_size((rows.size, columns.size), lanes)
    assert nbytes + transposed <= _SCRATCH_BYTES
    return nbytes


def _emit_combination(
    module: Module, name: str, p: Problem, parts: int, epilogue: Epilogue
) -> Kernel:
    """The kernel that adds the parts of the depth in their order, and finishes."""
    acc = p.nest.accumulate
    features = module.features
    lanes = features.lanes(acc)
    total = size(p.batch) * size(p.rows) * size(p.columns)
    rows, columns = cut_rows(p.rows, 8), cut_columns(p.columns, 8, lanes)
    pitch = round_up(columns.size, lanes)
    buffer_bytes = _emit_finish(module, name, p, rows, columns, pitch, epilogue)

    add = module.function(f"{name}_add", ["ptr", "ptr", "i64"], "void", internal=True)
    source, buffer, row = add.params
    offsets = columns.offsets(S)
    for part in cover(offsets, lanes, features.has_masks):
        type = vector(acc, part.width)
        first = add.at(source, part.offset, acc)
        mask = add.first_lanes(constant(part.used, "i64"), part.width)
        with add.loop(0, parts, carry=[first, constant(0, type)]) as loop:
            address, sums = loop.carry
            if part.used == part.width:
                more = add.load(type, address)
            else:
                more = add.masked_load(type, address, mask, constant(0, type))
            loop.next(add.at(address, total, acc), add.add(sums, more))
        place = add.add(add.mul(row, pitch), part.first)
        add.store(loop.results[1], add.at(buffer, place, acc))
    add.ret()

    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    args, begin, end, scratch = f.params
    tiles = size(p.batch) * rows.count * columns.count
    each = max(1, -(-_PACKED_PIECE // (rows.size * columns.size * SIZES[acc] * parts)))
    operands = [S, *p.sides]
    pointers = [f.load("ptr", f.at(args, k, "ptr")) for k in range(len(operands))]
    with f.loop(f.mul(begin, each), f.binary("smin", f.mul(end, each), tiles)) as tile:
        rest, column_tile = divide(f, tile, columns.count, tiles // columns.count)
        b, row_tile = divide(f, rest, rows.count, size(p.batch))
        c, c_from, c_to = columns.place(f, column_tile)
        r, r_from, r_to = rows.place(f, row_tile)
        bases = []
        for pointer, k in zip(pointers, operands):
            offset = locate(f, p.batch, b, k)
            offset = plus(f, offset, locate(f, rows.axes, r, k))
            offset = plus(f, offset, locate(f, columns.axes, c, k))
            bases.append(f.at(pointer, offset, p.types[k]))
        row_places = module.table(rows.offsets(S), "i64")
        with f.loop(0, rows.size) as row:
            place = f.load("i64", f.at(row_places, row, "i64"))
            f.call(f"{name}_add", "void", f.at(bases[0], place, acc), scratch, row)
        f.call(
            f"{name}_finish", "void", scratch, f.at_byte(scratch, buffer_bytes), *bases[1:],
            r_from, r_to, c_from, c_to,
        )  # fmt: skip
    f.ret(0)
    traffic = total * (parts * SIZES[acc] + sum(SIZES[p.types[k]] for k in p.sides))
    arguments = [p.names[k] for k in operands]
    return Kernel(
        name, arguments, -(-tiles // each), 1, {}, total * parts, traffic, f"adds {parts} parts"
    )


def describe(plan: Plan) -> str:
    """A plan in a few words: the tile as rows x vectors, and what is done to the operands."""
    p, choice = plan.problem, plan.choice
    tile = f"{len(plan.row_offsets)}x{len(plan.vectors)}"
    words = [f"{tile} dot tile" if choice.dot else f"{tile} tile, lanes of {p.names[V]}"]
    words += [f"{p.names[k]} packed" for k, on in ((S, choice.pack_s), (V, choice.pack_v)) if on]
    if plan.parts.blocks > 1:
        words.append(f"{plan.parts.blocks} parts of the depth")
    return ", ".join(words)


def _fetch(plan: Plan) -> int:
    """Bytes of the next panel to fetch at every step of a tile, so that it has come when the last
    row tile of this one is done (6% at 1000x784x1000: panels come from the third cache)."""
    row = plan.pitch * SIZES[plan.problem.nest.accumulate]
    each = 8
    while each * plan.row_blocks.each < row and each < 64:
        each *= 2
    return each


def _side_pointer(
    f: Function, plan: Plan, side: int, base: Value, type: Type, tile: Value, flat: Value
) -> Value:
    """Where a tile's first element of S or V lies, at depth 0."""
    if (plan.choice.pack_s, plan.choice.pack_v)[side]:
        return f.at(base, f.mul(tile, _panel(plan, side).elements), type)
    axes = (plan.rows, plan.columns)[side].axes
    return f.at(base, locate(f, axes, flat, side), type)
