"""Along: kernels that walk one axis in order, argmax, cumulative sums and sorting.

Their code objects are alike: the axis, and the other axes, each with its extent and its strides.
A sort wants its axis last and contiguous, and copies are made where it is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gradatim.engines.llvm.elimination import can_eliminate, schedule_elimination
from gradatim.engines.llvm.exchanges import schedule_exchanges
from gradatim.engines.llvm.kernels import TEMPORARY, Launch, Storage, View, contiguous
from gradatim.graph import dtypes
from gradatim.graph.dtypes import DType
from gradatim.graph.node import Node
from gradatim.graph.program import Program

Axis = tuple[int, int, int]  # extent, stride in the operand, stride in the result


@dataclass(frozen=True, slots=True)
class Extreme:
    """argmax or argmin (`how`) of an operand along `axis`, int64 for each index of the others.

    Pointers: operand, result.
    """

    how: str
    dtype: DType
    axis: Axis
    others: tuple[Axis, ...]

    def __repr__(self) -> str:
        return f"{self.how} {self.dtype.name} {_described(self)}"


@dataclass(frozen=True, slots=True)
class Cumulative:
    """cumsum or cumprod (`how`) along `axis`. Pointers: operand, result."""

    how: str
    dtype: DType
    axis: Axis
    others: tuple[Axis, ...]

    def __repr__(self) -> str:
        return f"{self.how} {self.dtype.name} {_described(self)}"


@dataclass(frozen=True, slots=True)
class RunningExtreme:
    """cumargmax or cumargmin (`how`) along `axis`: int64 places. Pointers: operand, result."""

    how: str
    dtype: DType
    axis: Axis
    others: tuple[Axis, ...]

    def __repr__(self) -> str:
        return f"{self.how} {self.dtype.name} {_described(self)}"


@dataclass(frozen=True, slots=True)
class Sort:
    """Stable sort of contiguous rows. Pointers: operand, values, their places (int64).

    Attributes:
        wanted: how many of each sorted row are looked at; what is behind them is not written.
    """

    dtype: DType
    rows: int
    length: int
    descending: bool
    wanted: int

    def __repr__(self) -> str:
        order = "descending" if self.descending else "ascending"
        first = f", the first {self.wanted}" if self.wanted < self.length else ""
        return f"sort {self.dtype.name} {self.rows} x {self.length} {order}{first}"


def _described(code: Any) -> str:
    others = ", ".join(f"{n} stride {s}" for n, s, _ in code.others)
    return f"along {code.axis[0]} stride {code.axis[1]}, for each of [{others}]"


def schedule_along(scheduler: Any, unit: Any) -> None:
    """Append the launches of a Node of this kind."""
    (node,) = unit.nodes
    if node.primitive.name == "sort":
        _sort(scheduler, node)
    elif can_eliminate(node):
        schedule_elimination(scheduler, node)
    elif node.primitive.name == "permutation":
        schedule_exchanges(scheduler, node)
    else:
        _walk(scheduler, node)


def _walk(scheduler: Any, node: Node) -> None:
    x = scheduler.view(node.inputs[0])
    (axis,) = node.params
    target = View(scheduler._storage_of(node), node.shape, contiguous(node.shape))
    if node.primitive.kind == "argreduce":
        strides = (*target.strides[:axis], 0, *target.strides[axis:])
        kind: Any = Extreme
    else:
        strides = target.strides
        kind = Cumulative if node.primitive.differentiable else RunningExtreme
    axes = list(zip(x.shape, x.strides, strides))
    own = axes.pop(axis)
    code = kind(node.primitive.name, node.inputs[0].dtype, own, _merged(axes))
    scheduler.launches.append(Launch(code, [x, target], [target.storage], [node]))


def _merged(axes: list[Axis]) -> tuple[Axis, ...]:
    """Neighbouring axes as one where both operands allow it."""
    found: list[Axis] = []
    for n, s, t in axes:
        if n == 1:
            continue
        if found and found[-1][1] == n * s and found[-1][2] == n * t:
            found[-1] = (found[-1][0] * n, s, t)
        else:
            found.append((n, s, t))
    return tuple(found)


def _sort(scheduler: Any, node: Node) -> None:
    (source,) = node.inputs
    axis, descending = node.params
    x = scheduler.view(source)
    picks = {
        n.params[0]: n
        for n in scheduler.program.nodes
        if n.primitive.name == "pick" and n.inputs[0] is node
    }
    rank = len(x.shape)
    order = (*(k for k in range(rank) if k != axis), axis) if rank else ()
    back = tuple(order.index(k) for k in range(rank))
    shape = tuple(x.shape[k] for k in order)
    is_last = order == tuple(range(rank))
    rows = x.permute(order)
    if not rows.is_contiguous:
        rows = View(Storage(TEMPORARY, source.dtype, source.size), shape, contiguous(shape))
        scheduler._copy(x.permute(order), rows, node)
    results = []
    for k, dtype in enumerate((source.dtype, dtypes.int64)):
        straight = k in picks and is_last
        storage = (
            scheduler._storage_of(picks[k]) if straight else Storage(TEMPORARY, dtype, source.size)
        )
        results.append(View(storage, shape, contiguous(shape)))
    length = shape[-1] if rank else 1
    wanted = _wanted(scheduler.program, [*picks.values()], axis) if is_last else length
    code = Sort(source.dtype, math.prod(shape[:-1]), length, bool(descending), wanted)
    storages = [view.storage for view in results]
    scheduler.launches.append(Launch(code, [rows, *results], storages, [*picks.values()]))
    if not is_last:
        for k, pick in picks.items():
            target = View(scheduler._storage_of(pick), pick.shape, contiguous(pick.shape))
            scheduler._copy(results[k].permute(back), target, pick)


def _wanted(program: Program, picks: list[Node], axis: int) -> int:
    """How many of the sorted elements are looked at: fewer than all where each reader takes a slice
    from the first one on, as `topk` does."""
    length = picks[0].shape[axis] if picks and picks[0].shape else 1
    most = 0
    for pick in picks:
        if pick in program.outputs:
            return length
        for node in program.nodes:
            if pick in node.inputs:
                if node.primitive.name != "slice" or any(n != 1 for n in node.params[2]):
                    return length
                most = max(most, node.params[1][axis])
    return min(most, length)
