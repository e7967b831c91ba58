"""Transpose: square blocks of a matrix turned over in registers.

Short pieces of every row are loaded, joined to wide vectors, and interleaved within 128-bit lanes,
which one cheap instruction does. (Turning over whole 16 x 16 blocks takes as many shuffles an
element at run time, and five times as long to compile.)
"""

from __future__ import annotations

from collections.abc import Sequence

from gradatim.engines.llvm.emit import SIZES, Features, Function, Type, Value, lanes


def piece(features: Features, type: Type) -> int:
    """How many neighbours in a row are turned over at once: as many as 128 bits hold."""
    return min(features.lanes(type), 16 // SIZES[type])


def transpose(f: Function, pieces: Sequence[Value]) -> list[Value]:
    """The columns of a block that is given by its rows.

    Args:
        pieces: one vector for each row, of `piece` lanes; as many rows as a register has lanes.

    Returns:
        `piece` vectors, one for each column, of as many lanes as there are rows.
    """
    few, count = lanes(pieces[0].type), len(pieces)
    if few == 1:
        return [_joined(f, pieces)]
    # Vector j holds rows j, j + few, j + 2 few ..., each in 128 bits of its own.
    vectors = [_joined(f, pieces[j::few]) for j in range(few)]
    low, high = [], []
    for start in range(0, count, few):
        for k in range(start, start + few // 2):
            low += [k, count + k]
            high += [k + few // 2, count + k + few // 2]
    for _ in range(few.bit_length() - 1):
        halves = zip(vectors[: few // 2], vectors[few // 2 :])
        vectors = [f.shuffle(a, b, order) for a, b in halves for order in (low, high)]
    return vectors


def _joined(f: Function, parts: Sequence[Value]) -> Value:
    """Vectors side by side in one."""
    level = list(parts)
    while len(level) > 1:
        width = lanes(level[0].type)
        if width == 1:
            return _from_scalars(f, level)
        level = [f.shuffle(a, b, range(2 * width)) for a, b in zip(level[::2], level[1::2])]
    return level[0]


def _from_scalars(f: Function, scalars: Sequence[Value]) -> Value:
    joined = Value("poison", f"<{len(scalars)} x {scalars[0].type}>")
    for k, scalar in enumerate(scalars):
        joined = f.insert(joined, scalar, k)
    return joined
