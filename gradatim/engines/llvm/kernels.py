"""Kernels as plain data: what a schedule is made of, before any code is written.

A `Storage` is a piece of memory: an input, an output, or a stretch of the arena. An `Access` says
how a kernel walks it: one stride for each axis of the kernel's domain. A `LoopNest` is everything
that is not a contraction: a domain, what is read at each point of it, the operations done there,
what is written, and what is reduced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradatim.graph.dtypes import DType
from gradatim.graph.node import Node, Shape

INPUT, OUTPUT, TEMPORARY = "input", "output", "temporary"


@dataclass(eq=False, slots=True)
class Storage:
    """A piece of memory that a Program uses.

    Attributes:
        kind: INPUT or OUTPUT (`position` says which), or TEMPORARY (`offset` in the arena).
        dtype, size: elements and how many.
    """

    kind: str
    dtype: DType
    size: int
    position: int = -1
    offset: int = -1

    @property
    def nbytes(self) -> int:
        size: int = self.size * self.dtype.itemsize
        return size

    def __repr__(self) -> str:
        place = self.position if self.kind != TEMPORARY else self.offset
        return f"{self.kind}{place}:{self.dtype.name}[{self.size}]"


@dataclass(frozen=True, slots=True)
class View:
    """Elements of a Storage as an n-d array: `offset + Σ index·stride`, all in elements."""

    storage: Any  # a Storage, or while scheduling the Node that will have one
    shape: Shape
    strides: Shape
    offset: int = 0

    def spread(self, shape: Shape) -> View:
        """Broadcast to a shape."""
        lead = len(shape) - len(self.shape)
        strides = tuple(
            0 if k < lead or (self.shape[k - lead] == 1 and n != 1) else self.strides[k - lead]
            for k, n in enumerate(shape)
        )
        return View(self.storage, shape, strides, self.offset)

    def permute(self, order: tuple[int, ...]) -> View:
        return View(
            self.storage,
            tuple(self.shape[k] for k in order),
            tuple(self.strides[k] for k in order),
            self.offset,
        )

    def slice(self, starts: Shape, stops: Shape, steps: Shape) -> View:
        shape = tuple(max(0, -(-(b - a) // s)) for a, b, s in zip(starts, stops, steps))
        offset = self.offset + sum(a * t for a, t in zip(starts, self.strides))
        strides = tuple(t * s for t, s in zip(self.strides, steps))
        return View(self.storage, shape, strides, offset)

    def flip(self, axes: tuple[int, ...]) -> View:
        offset = self.offset + sum((self.shape[k] - 1) * self.strides[k] for k in axes)
        strides = tuple(-t if k in axes else t for k, t in enumerate(self.strides))
        return View(self.storage, self.shape, strides, offset)

    def reshape(self, shape: Shape) -> View | None:
        """The same elements in another shape, or None where strides cannot say it."""
        if 0 in shape:
            return View(self.storage, shape, contiguous(shape), 0)
        axes = [(n, t) for n, t in zip(self.shape, self.strides) if n != 1]
        strides = [0] * len(shape)
        k = len(shape) - 1
        while axes:
            # One group: axes of the old shape that together make axes of the new one.
            n, t = axes.pop()
            while axes and axes[-1][1] == n * t:
                n *= axes.pop()[0]
            while k >= 0 and n % shape[k] == 0 and n > 1:
                strides[k] = t
                t *= shape[k]
                n //= shape[k]
                k -= 1
            if n != 1:
                return None
        return View(self.storage, shape, tuple(strides), self.offset)

    @property
    def is_contiguous(self) -> bool:
        return all(
            t == c for t, c, n in zip(self.strides, contiguous(self.shape), self.shape) if n != 1
        )


def contiguous(shape: Shape) -> Shape:
    """Row-major strides, in elements."""
    strides = []
    stride = 1
    for extent in reversed(shape):
        strides.append(stride)
        stride *= extent
    return tuple(reversed(strides))


@dataclass(frozen=True, slots=True)
class Access:
    """How a kernel walks one operand: a stride (in elements) for each axis of its domain.

    `moving` are run-time shifts: (which scalar operand holds it, its stride, its largest value).
    """

    dtype: DType
    strides: Shape
    moving: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One primitive in a loop's body. `operands` are references, see `LoopNest`."""

    name: str
    params: tuple[Any, ...]
    reads: DType
    gives: DType
    operands: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Reduction:
    """`how` over the axes of the domain that are reduced, of the value `operand`."""

    how: str
    operand: Any
    dtype: DType
    strides: Shape  # of the result, 0 along the reduced axes


@dataclass(frozen=True, slots=True)
class LoopNest:
    """A kernel of loops, hashable: two equal ones are one piece of code.

    A reference says where a value comes from: `("read", k)`, `("op", k)`, `("iota", axis, dtype)`
    or `("constant", number, dtype)`.

    Attributes:
        extents: of the domain.
        reduced: which of its axes are reduced.
        reads: the operands, one pointer each.
        operations: the body, operands before readers.
        writes: `(access, reference)`: what is stored at each point.
        reductions: what is stored at each point of the axes that are left.
        scalars: how many 0-d int64 operands hold run-time shifts; the last pointers.
    """

    extents: Shape
    reduced: tuple[int, ...]
    reads: tuple[Access, ...]
    operations: tuple[Operation, ...]
    writes: tuple[tuple[Access, Any], ...]
    reductions: tuple[Reduction, ...]
    scalars: int = 0

    @property
    def points(self) -> int:
        return math.prod(self.extents)

    def __repr__(self) -> str:
        over = f" reducing {list(self.reduced)}" if self.reduced else ""
        lines = [f"loop over {list(self.extents)}{over}"]
        for k, access in enumerate(self.reads):
            lines.append(f"  read{k} {access.dtype.name} strides {list(access.strides)}")
        for k, op in enumerate(self.operations):
            given = ", ".join(map(_short, op.operands))
            lines.append(f"  op{k} = {op.name}({given}) {op.gives.name}")
        for access, reference in self.writes:
            lines.append(f"  write {_short(reference)} strides {list(access.strides)}")
        for r in self.reductions:
            lines.append(f"  {r.how} {_short(r.operand)} strides {list(r.strides)}")
        return "\n".join(lines)


def _short(reference: Any) -> str:
    return f"{reference[0]}{reference[1]}" if reference[0] != "constant" else str(reference[1])


@dataclass(slots=True)
class Launch:
    """A kernel with its operands: one row of a schedule.

    Attributes:
        code: the LoopNest, ContractionNest ... to be emitted; equal ones are emitted once.
        pointers: what each argument points to: a View (its storage and offset).
        writes: the storages it writes.
        nodes: the Nodes it computes, for reports.
        node: the Node that may fail in it, for its error, or None.
        checked: the launch that must have found its operands right.
    """

    code: Any
    pointers: list[View]
    writes: list[Storage]
    nodes: list[Node] = field(default_factory=list)
    node: Node | None = None
    checked: Launch | None = None

    @property
    def reads(self) -> list[Storage]:
        return [view.storage for view in self.pointers]


@dataclass(frozen=True, slots=True)
class Contraction:
    """A contraction and the operations done on its result while that is in registers.

    Operand 0 is `a`, 1 is `b`; then come the reads of the epilogue, then the outputs. In the
    epilogue's references `("acc", 0)` is the contraction's result.

    Attributes:
        batch, rows, columns, depth: the axes, as `(extent, stride in a, stride in b)`.
        reads, writes: of the epilogue; strides over the axes batch, rows, columns.
    """

    dtype: Any
    batch: tuple[tuple[int, int, int], ...]
    rows: tuple[tuple[int, int], ...]
    columns: tuple[tuple[int, int], ...]
    depth: tuple[tuple[int, int, int], ...]
    reads: tuple[Access, ...]
    operations: tuple[Operation, ...]
    writes: tuple[tuple[Access, Any], ...]

    def __repr__(self) -> str:
        sizes = [math.prod(a[0] for a in axes) for axes in (self.batch, self.rows, self.columns)]
        depth = math.prod(a[0] for a in self.depth)
        names = " ".join(op.name for op in self.operations)
        return f"contract {self.dtype.name} {sizes} over {depth}" + (
            f", then {names}" * bool(names)
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """Gather or scatter: rows of axis 0, by an index.

    The pointers are the index; for what moves the result or the updates; and the table.

    Attributes:
        how: "look" only looks whether every index is inside, as does "check", a gather of 0, 1, 2
            ..., which then gives it back. "gather", "scatter_add" and "scatter_set" trust the
            index: they come behind a "look".
        dtype: of the updates or the result, and of the table (sums have their accumulator's).
        axis: how many rows there are to choose from, and what an error calls them.
        index: extent and stride of each axis of the index, and what a step along it adds to the
            place that is named.
        row: extent of each axis of a row, with its strides in the table and in the other operand.
        scale: what an index is multiplied by (see along_places.py).
    """

    how: str
    dtype: Any
    axis: tuple[int, int, int]  # extent, stride, the user's dimension
    # Extent, stride in the index, stride in updates or result, stride among places.
    index: tuple[tuple[int, int, int, int], ...]
    row: tuple[tuple[int, int, int], ...]  # extent, stride in the table, stride in updates/result
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Host:
    """A Node that runs on the reference engine."""

    node: Node

    def __repr__(self) -> str:
        return f"reference {self.node.primitive.name} : {self.node.type}"


def copy(
    source: View, target: View, node: Node, *, read_moving: Any = (), write_moving: Any = (),
    shifts: Sequence[View] = (),
) -> Launch:  # fmt: skip
    """The launch that copies one view onto another of the same shape (casting where dtypes
    differ)."""
    dtype, wanted = source.storage.dtype, target.storage.dtype
    casts = () if dtype is wanted else (
        Operation("cast", (wanted,), dtype, wanted, (("read", 0),)),
    )  # fmt: skip
    code = LoopNest(
        source.shape,
        (),
        (Access(dtype, source.strides, read_moving),),
        casts,
        ((Access(wanted, target.strides, write_moving), ("op" if casts else "read", 0)),),
        (),
        len(shifts),
    )
    return Launch(code, [source, target, *shifts], [target.storage], [node])


__all__ = [
    "INPUT", "OUTPUT", "TEMPORARY", "Access", "Launch", "LoopNest", "Operation", "Reduction",
    "Storage", "View", "contiguous", "replace",
]  # fmt: skip
