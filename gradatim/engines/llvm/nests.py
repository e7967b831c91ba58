"""Nests: a LoopNest made ready before any code is written.

Neighbouring axes that every operand walks as one become one (`merged`), and a reduction of much to
little is cut in two (`split`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from gradatim.engines.llvm.kernels import Access, LoopNest
from gradatim.engines.llvm.operations import accumulator
from gradatim.graph.dtypes import DType

PIECE = 16384  # points that one piece should have at least
UNROLL = 4  # vectors in a row that are accumulated apart, or kept columns side by side


def merged(nest: LoopNest) -> LoopNest:
    """The same nest with neighbouring axes made one where every operand allows it."""
    extents = list(nest.extents)
    walks: list[list[int]] = [list(a.strides) for a in nest.reads]
    walks += [list(a.strides) for a, _ in nest.writes]
    walks += [list(r.strides) for r in nest.reductions]
    reduced = [k in nest.reduced for k in range(len(extents))]
    iotas = {r[1] for r in _references(nest) if r[0] == "iota"}
    names = list(range(len(extents)))
    k = 0
    while k < len(extents):
        if extents[k] == 1:
            drop = k
        elif (
            k + 1 < len(extents)
            and extents[k + 1] != 1
            and reduced[k] == reduced[k + 1]
            and names[k] not in iotas
            and names[k + 1] not in iotas
            and all(w[k] == w[k + 1] * extents[k + 1] for w in walks)
        ):
            extents[k + 1] *= extents[k]
            drop = k
        else:
            k += 1
            continue
        lines: list[list[Any]] = [extents, reduced, names, *walks]
        for line in lines:
            del line[drop]
        k = max(0, drop - 1)
    place = {name: k for k, name in enumerate(names)}

    def moved(reference: Any) -> Any:
        if reference[0] != "iota":
            return reference
        if reference[1] not in place:  # an axis of extent 1
            return ("constant", 0, reference[2])
        return ("iota", place[reference[1]], reference[2])

    reads, writes = len(nest.reads), len(nest.writes)
    return LoopNest(
        tuple(extents),
        tuple(k for k, r in enumerate(reduced) if r),
        tuple(replace(a, strides=tuple(w)) for a, w in zip(nest.reads, walks)),
        tuple(replace(op, operands=tuple(map(moved, op.operands))) for op in nest.operations),
        tuple(
            (replace(a, strides=tuple(w)), moved(r))
            for (a, r), w in zip(nest.writes, walks[reads:])
        ),
        tuple(
            replace(r, strides=tuple(w), operand=moved(r.operand))
            for r, w in zip(nest.reductions, walks[reads + writes :])
        ),
        nest.scalars,
    )


def split(nest: LoopNest) -> tuple[LoopNest, LoopNest, list[tuple[DType, int]]] | None:
    """Two nests in place of one that reduces much to little: the first gives partial results, one
    for each chunk of the longest reduced axis, and the second combines them.

    The first's results are the partial ones (their dtypes and sizes come third), which are the
    second's reads. None where one nest is good enough.
    """
    kept = [k for k in range(len(nest.extents)) if k not in nest.reduced]
    results = math.prod(nest.extents[k] for k in kept)
    if not nest.reductions or nest.points < 4 * PIECE or results * 64 > nest.points:
        return None
    if any(r[0] == "iota" for r in _references(nest)):
        return None
    longest = max(nest.reduced, key=lambda k: nest.extents[k])
    extent = nest.extents[longest]
    most = min(32, nest.points // PIECE, nest.points // results)
    chunks = next((n for n in range(most, 3, -1) if extent % n == 0), 1)
    if chunks == 1 or results >= 8 * UNROLL * 16:
        return None
    size = extent // chunks

    def longer(strides: tuple[int, ...]) -> tuple[int, ...]:
        return (strides[longest] * size, *strides)

    partial = [results, *[0] * len(nest.extents)]
    stride = 1
    for k in reversed(kept):
        partial[k + 1] = stride
        stride *= nest.extents[k]
    dtypes_ = [accumulator(r.dtype) for r in nest.reductions]

    first = LoopNest(
        (chunks, *(size if k == longest else n for k, n in enumerate(nest.extents))),
        tuple(k + 1 for k in nest.reduced),
        tuple(replace(a, strides=longer(a.strides)) for a in nest.reads),
        nest.operations,
        tuple((replace(a, strides=longer(a.strides)), r) for a, r in nest.writes),
        tuple(
            replace(r, strides=tuple(partial), dtype=d) for r, d in zip(nest.reductions, dtypes_)
        ),
        nest.scalars,
    )
    second = LoopNest(
        (chunks, *(1 if k in nest.reduced else n for k, n in enumerate(nest.extents))),
        (0, *(k + 1 for k in nest.reduced)),
        tuple(Access(d, tuple(partial)) for d in dtypes_),
        (),
        (),
        tuple(
            replace(r, strides=(0, *r.strides), operand=("read", k))
            for k, r in enumerate(nest.reductions)
        ),
    )
    return first, second, [(d, chunks * results) for d in dtypes_]


def _references(nest: LoopNest) -> list[Any]:
    found = [r for op in nest.operations for r in op.operands]
    found += [r for _, r in nest.writes]
    return found + [r.operand for r in nest.reductions]


def _vector_axis(nest: LoopNest) -> int | None:
    """The axis to walk by vectors: where the most operands lie in a row, and it is long."""
    best, best_score = None, -math.inf
    for k, extent in enumerate(nest.extents):
        score = 0.0
        for access, _ in nest.writes:
            score += 3 if access.strides[k] == 1 else -4 * (access.strides[k] != 0)
        for access in nest.reads:
            score += 2 if access.strides[k] == 1 else -2 * (access.strides[k] != 0)
        for reduction in nest.reductions:
            score -= 4 * (reduction.strides[k] > 1)
        score += min(extent, 16) / 8 + k / 100
        if score > best_score:
            best, best_score = k, score
    return best
