"""Row by row: softmax, normalization and the like as one kernel.

Where reductions over the last axes and the operations between them belong together (the largest
of a row, its distance to each, their exponentials, the sum of those), a row is finished before the
next one is begun, while it is in the nearest cache. `join_rows` finds the loops of fusion.py that
can become one such kernel:

    a full value has an element for each point     logits - largest
    a row value has an element for each row        largest, its reshape to [rows, 1]

and whatever one loop reads of another must belong to the same row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradatim.engines.llvm.kernels import (
    TEMPORARY,
    Access,
    Launch,
    Storage,
    View,
    contiguous,
)
from gradatim.engines.llvm.operations import divides_integers
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.node import Node, Shape

LONGEST = 32768  # elements of a row: its scratch memory must stay in the second cache
FEW_ROWS = 4  # fewer rows than this are only worth it if they are short
SHORT = 16384

FULL, ROW, REDUCTION = "full", "row", "reduction"


@dataclass(frozen=True, slots=True)
class RowOperation:
    """One operation of a row: of full values (`span` FULL), of row values (ROW), or from a full
    value to a row value (REDUCTION; `name` is sum, prod, max or min)."""

    name: str
    params: tuple[Any, ...]
    reads: DType
    gives: DType
    operands: tuple[Any, ...]
    span: str


@dataclass(frozen=True, slots=True)
class RowNest:
    """A kernel that goes row by row. References are those of a `LoopNest`.

    Pointers: reads, then writes.

    Attributes:
        rows: extents of the axes whose every index is a row.
        length: elements of a row.
        reads, writes: strides over the rows' axes and, last, along the row: 1, or 0 for a value
            that is the same for a whole row.
        operations: in order, operands before readers.
    """

    rows: Shape
    length: int
    reads: tuple[Access, ...]
    operations: tuple[RowOperation, ...]
    writes: tuple[tuple[Access, Any], ...]

    def __repr__(self) -> str:
        lines = [f"rows {list(self.rows)} of {self.length}"]
        for k, access in enumerate(self.reads):
            lines.append(f"  read{k} {access.dtype.name} strides {list(access.strides)}")
        for k, op in enumerate(self.operations):
            given = ", ".join(str(r[1]) if r[0] == "constant" else f"{r[0]}{r[1]}"
                              for r in op.operands)  # fmt: skip
            lines.append(f"  op{k} = {op.name}({given}) {op.gives.name} {op.span}")
        for access, (kind, number, *_) in self.writes:
            lines.append(f"  write {kind}{number} strides {list(access.strides)}")
        return "\n".join(lines)


# --- which loops go together ---------------------------------------------------------------------


def join_rows(fusion: Any) -> None:
    """Make one unit of kind "rowwise" of loops that go row by row over the same rows."""
    loops = [unit for unit in fusion.units if unit.kind == "loop"]
    for first in sorted(loops, key=lambda unit: -math.prod(unit.domain)):
        unit = first
        grown = _is_anchor(fusion, unit)
        while grown:
            grown = False
            for other in _neighbours(fusion, unit):
                early, late = (unit, other) if unit in other.before else (other, unit)
                if _fits(fusion, unit, other) and not fusion._between(early, late):
                    domain, reduced = unit.domain, unit.reduced
                    unit = fusion._merge(unit, other)
                    unit.kind, unit.domain, unit.reduced = "rowwise", domain, reduced
                    grown = True
                    break


def _is_anchor(fusion: Any, unit: Any) -> bool:
    """Whether a loop reduces whole rows, of a length and number that suit."""
    if not unit.nodes or unit.kind != "loop" or not unit.reduced:
        return False
    rank, cut = len(unit.domain), unit.reduced[0]
    if unit.reduced != tuple(range(cut, rank)):
        return False
    rows, length = math.prod(unit.domain[:cut]), math.prod(unit.domain[cut:])
    if not 1 < length <= LONGEST or rows < 1:
        return False
    if rows < FEW_ROWS and rows * length > SHORT:
        return False
    return _is_plain(unit) and _reads_rows(fusion, unit, unit)


def _neighbours(fusion: Any, unit: Any) -> list[Any]:
    found = sorted(unit.readers, key=lambda u: u.first)
    found += sorted(unit.before, key=lambda u: u.first)
    return [other for other in found if other.nodes and other.kind in ("loop", "rowwise")]


def _is_plain(unit: Any) -> bool:
    return all(
        node.primitive.kind in ("unary", "binary", "select", "cast", "reduce")
        and not divides_integers(node.primitive.name, node.inputs[0].dtype)
        for node in unit.nodes
    )


def _fits(fusion: Any, unit: Any, other: Any) -> bool:
    """Whether another unit goes over the same rows, and all that is read is of the same row."""
    if len(unit.nodes) + len(other.nodes) > 120 or not _is_plain(other):
        return False
    cut = unit.reduced[0]
    if other.domain == unit.domain:
        if other.reduced not in (None, unit.reduced):
            return False
    elif other.reduced is not None or not _is_per_row(other.domain, unit.domain, cut):
        return False
    return (
        _reads_rows(fusion, other, unit)
        and _reads_own_rows(fusion, unit, other, unit)
        and _reads_own_rows(fusion, other, unit, unit)
    )


def _is_per_row(shape: Shape, domain: Shape, cut: int) -> bool:
    """Whether a shape has one element for each row."""
    return shape == domain[:cut] or shape == domain[:cut] + (1,) * (len(domain) - cut)


def _spread(view: View, shape: Shape, domain: Shape, cut: int) -> Shape:
    """The strides over the domain of an operand that a Node of some shape reads."""
    strides = view.spread(shape).strides
    if shape != domain:
        strides = strides[:cut] + (0,) * (len(domain) - cut)
    return strides


def _along(strides: Shape, domain: Shape, cut: int) -> int | None:
    """The stride along the row, if that is 1 or 0."""
    last = [(n, s) for n, s in zip(domain[cut:], strides[cut:]) if n != 1]
    if all(s == 0 for _, s in last):
        return 0
    straight = contiguous(tuple(n for n, _ in last))
    return 1 if straight == tuple(s for _, s in last) else None


def _read_shape(node: Node) -> Shape:
    shape: Shape = node.inputs[0].shape if node.primitive.kind == "reduce" else node.shape
    return shape


def _reads_rows(fusion: Any, other: Any, unit: Any) -> bool:
    """Whether a loop reads and writes memory along rows, or once for each."""
    domain, cut = unit.domain, unit.reduced[0]
    for node in other.nodes:
        shape = _read_shape(node)
        if node.shape == domain and _along(fusion.view(node).strides, domain, cut) != 1:
            return False  # a part of a concatenation
        for source in node.inputs:
            if fusion.is_inlined(source):
                if not _iota_is_simple(source, shape, domain, cut):
                    return False
            elif _along(_spread(fusion.view(source), shape, domain, cut), domain, cut) is None:
                return False
    return True


def _iota_is_simple(node: Node, shape: Shape, domain: Shape, cut: int) -> bool:
    while node.primitive is p.EXPAND:
        node = node.inputs[0]
    if node.primitive is not p.IOTA:
        return True
    axis = len(shape) - len(node.shape) + node.params[0]
    return axis < cut or sum(n != 1 for n in domain[cut:]) == 1


def _reads_own_rows(fusion: Any, reader: Any, producer: Any, unit: Any) -> bool:
    """Whether all that one unit reads of another belongs to the row at hand."""
    if producer not in reader.before:
        return True
    domain, cut = unit.domain, unit.reduced[0]
    for node in reader.nodes:
        shape = _read_shape(node)
        for source in node.inputs:
            if fusion.is_inlined(source) or fusion._producer(source) is not producer:
                continue
            if fusion.unit_of.get(source) is producer:  # wherever that writes it
                view = View(source, source.shape, contiguous(source.shape))
            else:
                view = fusion.view(source)
            base = view.storage
            if base.shape == domain and base.primitive.kind != "reduce":
                if source is not base or shape != domain:
                    return False
                continue
            strides = _spread(view, shape, domain, cut)
            wanted = contiguous(domain[:cut])
            same = all(a == b for n, a, b in zip(domain, strides, wanted) if n != 1)
            if not same or view.offset or any(strides[cut:]):
                return False
    return True


# --- scheduling ----------------------------------------------------------------------------------


class _Body:
    """The operations of a unit, with references to what they read."""

    def __init__(self, scheduler: Any, unit: Any):
        self.scheduler, self.unit = scheduler, unit
        self.domain, self.cut = unit.domain, unit.reduced[0]
        self.members = {node: k for k, node in enumerate(unit.nodes)}
        self.views: list[View] = []
        self.accesses: list[Access] = []
        self._places: dict[Any, int] = {}

    def reference(self, node: Node, shape: Shape) -> Any:
        scheduler = self.scheduler
        if scheduler.fusion.is_inlined(node):
            found = scheduler._inlined(node, shape)
            if found[0] == "iota":
                return ("iota", min(found[1], self.cut), found[2])
            return found
        base = node if node in self.members else scheduler.fusion.view(node).storage
        if base in self.members:
            return ("op", self.members[base])
        view = scheduler.view(node)
        strides = _spread(view, shape, self.domain, self.cut)
        along = _along(strides, self.domain, self.cut)
        assert along is not None
        key = (view.storage, strides, view.offset)
        if key not in self._places:
            self._places[key] = len(self.views)
            self.accesses.append(Access(node.dtype, (*strides[: self.cut], along)))
            self.views.append(view)
        return ("read", self._places[key])


def schedule_rows(scheduler: Any, unit: Any) -> None:
    """Append the launch of a unit of kind "rowwise"."""
    body = _Body(scheduler, unit)
    domain, cut = body.domain, body.cut
    length = math.prod(domain[cut:])
    operations, writes, targets = [], [], []
    copies: list[tuple[View, View, Node]] = []
    for k, node in enumerate(unit.nodes):
        is_select = node.primitive.kind == "select"
        is_full = node.shape == domain
        span = REDUCTION if node.primitive.kind == "reduce" else FULL if is_full else ROW
        shape = _read_shape(node)
        operands = tuple(body.reference(n, shape) for n in node.inputs)
        params = () if span == REDUCTION else node.params
        reads = node.inputs[1 if is_select else 0].dtype
        operations.append(
            RowOperation(node.primitive.name, params, reads, node.dtype, operands, span)
        )
        if node in scheduler.fusion.stored:
            view = scheduler.view(node)
            if len(domain) - cut > 1 and not view.is_contiguous:  # a part of something larger
                storage = Storage(TEMPORARY, node.dtype, node.size)
                copies.append((View(storage, node.shape, contiguous(node.shape)), view, node))
                view = copies[-1][0]
            strides = _spread(view, node.shape, domain, cut)[:cut]
            writes.append((Access(node.dtype, (*strides, int(span == FULL))), ("op", k)))
            targets.append(view)
    code = _merged(
        RowNest(domain[:cut], length, tuple(body.accesses), tuple(operations), tuple(writes))
    )
    storages = [view.storage for view in targets]
    scheduler.launches.append(Launch(code, [*body.views, *targets], storages, list(unit.nodes)))
    for source, place, node in copies:
        scheduler._copy(source, place, node)


def _merged(nest: RowNest) -> RowNest:
    """The same with one axis of rows, where every operand allows it."""
    walks = [access.strides for access in (*nest.reads, *(a for a, _ in nest.writes))]
    if any(r[0] == "iota" and r[1] < len(nest.rows) for op in nest.operations for r in op.operands):
        return nest
    axes = [k for k, n in enumerate(nest.rows) if n != 1]
    groups: list[list[int]] = []
    for k in axes:
        if groups and all(w[groups[-1][-1]] == w[k] * nest.rows[k] for w in walks):
            groups[-1].append(k)
        else:
            groups.append([k])
    rows = tuple(math.prod(nest.rows[k] for k in group) for group in groups)

    def moved(access: Access) -> Access:
        return Access(access.dtype, (*(access.strides[g[-1]] for g in groups), access.strides[-1]))

    def renamed(references: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(("iota", len(rows), r[2]) if r[0] == "iota" else r for r in references)

    operations = tuple(
        RowOperation(op.name, op.params, op.reads, op.gives, renamed(op.operands), op.span)
        for op in nest.operations
    )
    return RowNest(
        rows, nest.length, tuple(map(moved, nest.reads)), operations,
        tuple((moved(a), r) for a, r in nest.writes),
    )  # fmt: skip
