"""Exchanges: the order that a row of exchanges leads to (an LU's pivots, a shuffle's draws)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gradatim.engines.llvm.emit import Function, Module, Value, constant
from gradatim.engines.llvm.kernels import Launch, View, contiguous
from gradatim.engines.llvm.loops import Pieces
from gradatim.graph.node import Node


@dataclass(frozen=True, slots=True)
class Exchanges:
    """In step k of each line, place k changes with the place that the k-th pivot (int32, from 1 on)
    names. Pointers: pivots, the order (int64, contiguous).

    Attributes:
        lines: extent and stride in the pivots of each axis of the batch.
        pivots: how many there are in a line, and how far apart.
        places: of a line of the order.
    """

    lines: tuple[tuple[int, int], ...]
    pivots: tuple[int, int]
    places: int

    def __repr__(self) -> str:
        return f"{self.pivots[0]} exchanges of {self.places} places"


def schedule_exchanges(scheduler: Any, node: Node) -> None:
    """Append the launch of a `permutation`."""
    x = scheduler.view(node.inputs[0])
    target = View(scheduler._storage_of(node), node.shape, contiguous(node.shape))
    *lines, pivots = zip(x.shape, x.strides)
    code = Exchanges(tuple(lines), pivots, node.shape[-1])
    scheduler.launches.append(Launch(code, [x, target], [target.storage], [node], node))


def emit_exchanges(module: Module, name: str, code: Exchanges) -> list[Pieces]:
    """Write the kernel of `Exchanges`; behind its pointers comes the report. A pivot that names no
    place ends it with status 1, and is left there."""
    f = module.function(name, ["ptr", "i64", "i64", "ptr"], "i32")
    pivots, order, report = (f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(3))
    lines = math.prod(n for n, _ in code.lines)
    count, stride = code.pivots
    with f.loop(f.params[1], f.params[2]) as line:
        first = f.at(pivots, _offset(f, code, line), "i32")
        row = f.at(order, f.mul(line, code.places), "i64")
        with f.loop(0, code.places) as k:
            f.store(k, f.at(row, k, "i64"))
        with f.loop(0, count) as k:
            pivot = f.convert(f.load("i32", f.at(first, f.mul(k, stride), "i32")), "i64")
            other = f.sub(pivot, 1)
            with f.if_(f.compare("ge", other, code.places, signed=False)):
                f.store(pivot, report)
                f.do("ret i32 1")
                f.start(f.label("dead"))
            here, there = f.at(row, k, "i64"), f.at(row, other, "i64")
            a, b = f.load("i64", here), f.load("i64", there)
            f.store(b, here)
            f.store(a, there)
    f.ret(0)
    return [Pieces(name, lines, 1, lines * (code.places + 4.0 * count))]


def _offset(f: Function, code: Exchanges, line: Value) -> Value:
    """Where the pivots of a line begin."""
    offset = constant(0, "i64")
    for extent, stride in reversed(code.lines):
        above = f.div(line, extent, signed=False)
        offset = f.add(offset, f.mul(f.sub(line, f.mul(above, extent)), stride))
        line = above
    return offset
