"""Padding: a copy with a frame around it, in one pass.

The result is written from its first element to its last: at each axis what is in front, then what
is inside, then what is behind. Nothing is written twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim.engines.llvm.emit import Function, Module, Value, constant, vector
from gradatim.engines.llvm.kernels import View
from gradatim.engines.llvm.loops import Pieces
from gradatim.engines.llvm.nests import PIECE
from gradatim.graph.dtypes import DType
from gradatim.graph.node import Shape

UNROLL = 8  # vectors that are written out; more are a loop


@dataclass(frozen=True, slots=True)
class Pad:
    """A kernel that copies an operand into the middle of a contiguous result.

    Pointers: operand, result, and the 0-d number around it unless `fill` says that.

    Attributes:
        axes: for each axis of the operand its extent, its stride in the operand, and how many
            elements of the result are in front and behind. The last stride is 1.
        fill: the number around the operand, or None if it is read.
    """

    dtype: DType
    axes: tuple[tuple[int, int, int, int], ...]
    fill: bool | int | float | None

    def __repr__(self) -> str:
        sides = ", ".join(f"{low}+{n}+{high}" for n, _, low, high in self.axes)
        return f"pad {self.dtype.name} [{sides}] with {'read2' if self.fill is None else self.fill}"


def padding(source: View, whole: View, before: Shape, fill: Any) -> Pad | None:
    """The kernel that writes `source` into `whole`; None if they do not lie as it wants.

    Args:
        before: elements of `whole` in front of `source`, along each axis.
        fill: a number, or None if it is read.
    """
    if not whole.is_contiguous or not source.shape or 0 in (*whole.shape, *source.shape):
        return None
    axes: list[tuple[int, int, int, int]] = []
    for n, stride, size, low in zip(source.shape, source.strides, whole.shape, before):
        high = size - n - low
        if axes and not low and not high and axes[-1][1] == n * stride:
            m, _, a, b = axes[-1]
            axes[-1] = (m * n, stride, a * n, b * n)
        else:
            axes.append((n, stride, low, high))
    if axes[-1][1] != 1 and axes[-1][0] != 1:
        return None
    return Pad(source.storage.dtype, tuple(axes), fill)


def emit_pad(module: Module, name: str, code: Pad) -> list[Pieces]:
    """Write the kernel of a `Pad`. A piece is an index of the axes that have no frame."""
    outer = 0
    while outer < len(code.axes) - 1 and code.axes[outer][2] == code.axes[outer][3] == 0:
        outer += 1
    units = math.prod(n for n, *_ in code.axes[:outer])
    inner = code.axes[outer:]
    sizes = [math.prod(low + n + high for n, _, low, high in inner[k:]) for k in range(len(inner))]
    sizes.append(1)
    type = f"i{8 * code.dtype.itemsize}"  # (only moved: what the bits mean does not matter)
    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    source, target = (f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(2))
    lanes = module.features.vector_bytes // code.dtype.itemsize
    if code.fill is None:
        around = f.load(type, f.load("ptr", f.at(f.params[0], 2, "ptr")))
    else:
        number = np.asarray(code.fill, code.dtype.numpy)
        around = constant(int(number.view(f"u{code.dtype.itemsize}")), type)

    def blank(at: Value, count: int) -> None:
        _each_vector(f, count, lanes, lambda k, n: f.store(f.splat(around, n), f.at(at, k, type)))

    def walk(k: int, a: Value, b: Value) -> None:
        """Everything at one index of the axes in front of the k-th."""
        n, stride, low, high = inner[k]
        size = sizes[k + 1]
        blank(b, low * size)
        b = f.at(b, low * size, type)
        if k == len(inner) - 1:

            def move(at: Any, count: int) -> None:
                value = f.load(vector(type, count), f.at(a, at, type))
                f.store(value, f.at(b, at, type))

            _each_vector(f, n, lanes, move)
        else:
            with f.loop(0, n) as i:
                walk(k + 1, f.at(a, f.mul(i, stride), type), f.at(b, f.mul(i, size), type))
        blank(f.at(b, n * size, type), high * size)

    per_piece = max(1, PIECE // sizes[0], -(-units // 512))
    begin = f.mul(f.params[1], per_piece)
    end = f.binary("smin", f.mul(f.params[2], per_piece), units)
    with f.loop(begin, end) as unit:
        offset = _offset(f, unit, code.axes[:outer])
        walk(0, f.at(source, offset, type), f.at(target, f.mul(unit, sizes[0]), type))
    f.ret(0)
    cost = units * sizes[0] * code.dtype.itemsize / 12
    return [Pieces(name, -(-units // per_piece), 1, cost)]


def _offset(f: Function, unit: Value, axes: Sequence[tuple[int, int, int, int]]) -> Value:
    total: Value = constant(0, "i64")
    for k in range(len(axes) - 1, -1, -1):
        n, stride, _, _ = axes[k]
        digit = unit
        if k:
            above = f.div(unit, n, signed=False)
            digit, unit = f.sub(unit, f.mul(above, n)), above
        total = f.add(total, f.mul(digit, stride))
    return total


def _each_vector(f: Function, count: int, lanes: int, write: Any) -> None:
    """Cover `count` elements by vectors: `write(place, lanes)`. The last may overlap the one before
    it, so that no single elements are left over."""
    while lanes > count:
        lanes //= 2
    if not count:
        return
    whole = count // lanes * lanes
    if whole > UNROLL * lanes:
        with f.loop(0, whole, lanes) as at:
            write(at, lanes)
    else:
        for at in range(0, whole, lanes):
            write(at, lanes)
    if whole < count:
        write(count - lanes, lanes)
