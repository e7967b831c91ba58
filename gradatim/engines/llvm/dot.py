"""Dot tile: the register tile whose lanes run along the depth.

    for k in depth, a vector of lanes at a time:
        for each row r, each column c:   tile[r, c] += S[r, k ...] * V[c, k ...]
    result[r, c] = the sum of the lanes of tile[r, c]

Where both operands are contiguous along the depth this needs no packing at all. It is for products
with few results and much to sum: matrix by vector, and the kernel gradient of a convolution.
"""

from __future__ import annotations

from gradatim.engines.llvm.emit import (
    Function,
    Module,
    Type,
    Value,
    constant,
    lanes,
    vector,
    vector_constant,
)
from gradatim.engines.llvm.microkernel import Microkernel, emit_depth, multiply_add
from gradatim.engines.llvm.tiling import Axis


def emit_dot(module: Module, name: str, kernel: Microkernel) -> None:
    """Write `void NAME(ptr s, ptr v, ptr soon, ptr result, i64 begin, i64 end)`, as
    `emit_microkernel` does; the innermost depth axis has stride 1 in both operands."""
    f = module.function(name, ["ptr"] * 4 + ["i64", "i64"], "void", internal=True)
    s, v, _, result, begin, end = f.params
    acc = kernel.accumulate
    wide = module.features.lanes(acc)
    count = len(kernel.rows) * len(kernel.columns)
    tile = [constant(0, vector(acc, wide))] * count
    *outer, inner = kernel.depth

    def part(s: Value, v: Value, tile: list[Value], mask: Value | None) -> list[Value]:
        def load(type: Type, address: Value) -> Value:
            kind = vector(type, wide)
            if mask is None:
                return f.convert(f.load(kind, address), acc)
            return f.convert(f.masked_load(kind, address, mask, constant(0, kind)), acc)

        ys = [load(kernel.v_type, f.at(v, c.offset, kernel.v_type)) for c in kernel.columns]
        new = []
        for r, offset in enumerate(kernel.rows):
            x = load(kernel.s_type, f.at(s, offset, kernel.s_type))
            new += [multiply_add(f, x, y, tile[r * len(ys) + k]) for k, y in enumerate(ys)]
        return new

    def run(s: Value, v: Value, tile: list[Value], extent: int) -> list[Value]:
        """A whole line of the innermost axis, whose extent is known."""
        whole, rest = divmod(extent, wide)
        if whole > 1 or (whole and count > 12):
            with f.loop(0, whole * wide, wide, carry=tile) as loop:
                here = [f.at(p, loop.index, t) for p, t in ((s, kernel.s_type), (v, kernel.v_type))]
                loop.next(*part(here[0], here[1], loop.carry, None))
            tile = list(loop.results)
        elif whole:
            tile = part(s, v, tile, None)
        if rest:
            mask = vector_constant([k < rest for k in range(wide)], "i1")
            tile = part(
                f.at(s, whole * wide, kernel.s_type), f.at(v, whole * wide, kernel.v_type),
                tile, mask,
            )  # fmt: skip
        return tile

    types = (kernel.s_type, kernel.v_type)
    if outer:
        tile = emit_depth(
            f, outer, types, (s, v), (begin, end), tile,
            lambda s, v, tile: run(s, v, tile, inner.extent), tables=False,
        )  # fmt: skip
    else:
        tile = _open_line(f, s, v, types, f.sub(end, begin), tile, part, inner, wide)
    total = [horizontal_sums(f, tile[k : k + wide]) for k in range(0, count, wide)]
    for k, sums in enumerate(total):
        f.store(sums, f.at(result, k * wide, acc))
    f.ret()


def _open_line(
    f: Function,
    s: Value,
    v: Value,
    types: tuple[Type, Type],
    length: Value,
    tile: list[Value],
    part: object,
    inner: Axis,
    wide: int,
) -> list[Value]:
    """A line whose length is known at run time only: whole vectors, then a masked one."""
    whole = f.and_(length, -wide)
    with f.loop(0, whole, wide, carry=tile) as loop:
        here = [f.at(p, loop.index, t) for p, t in zip((s, v), types)]
        loop.next(*part(*here, loop.carry, None))  # type: ignore[operator]
    if inner.extent % wide == 0:
        return list(loop.results)
    # (A loop of at most one turn: values that come out of a branch would need phis of their own.)
    with f.loop(whole, length, wide, carry=loop.results) as last:
        mask = f.first_lanes(f.sub(length, whole), wide)
        here = [f.at(p, last.index, t) for p, t in zip((s, v), types)]
        last.next(*part(*here, last.carry, mask))  # type: ignore[operator]
    return list(last.results)


def horizontal_sums(f: Function, vectors: list[Value]) -> Value:
    """The sum of the lanes of each vector, side by side in one vector, by a fixed tree."""
    wide = lanes(vectors[0].type)
    level = [*vectors, *[constant(0, vectors[0].type)] * (wide - len(vectors))]
    distance = wide // 2
    while distance:
        # Vectors k and k + distance share a register: lanes without that bit are of the former.
        low = [k if k & distance == 0 else wide + k - distance for k in range(wide)]
        high = [k + distance if k & distance == 0 else wide + k for k in range(wide)]
        level = [
            f.add(f.shuffle(a, b, low), f.shuffle(a, b, high))
            for a, b in zip(level[:distance], level[distance:])
        ]
        distance //= 2
    return level[0]
