"""Schedule: a Program as a list of kernels with their memory.

The units of fusion.py become launches: a kernel's code, and what its arguments point to. Then the
order is fixed: values before their readers, whatever may fail before the first write to state, and
a write over an input behind every other reader of it. What cannot be ordered so is computed in
memory of its own and copied at the end. Last, temporaries get places in one arena by liveness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim.engines.llvm import fusion as fuse
from gradatim.engines.llvm.along import schedule_along
from gradatim.engines.llvm.convolution import schedule_convolution
from gradatim.engines.llvm.fusion import Fusion, Unit
from gradatim.engines.llvm.kernels import (
    INPUT,
    OUTPUT,
    TEMPORARY,
    Access,
    Launch,
    LoopNest,
    Operation,
    Reduction,
    Storage,
    View,
    contiguous,
)
from gradatim.engines.llvm.loops import accumulator, divides_integers, split
from gradatim.engines.llvm.one_hot import compared
from gradatim.engines.llvm.padding import padding
from gradatim.engines.llvm.recurrence import schedule_scan
from gradatim.engines.llvm.rowwise import schedule_rows
from gradatim.engines.llvm.windows import schedule_windows
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.node import Node, Shape
from gradatim.graph.program import Program

ALIGNMENT = 64


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
        index: extent and stride of each axis of the index.
        row: extent of each axis of a row, with its strides in the table and in the other operand.
    """

    how: str
    dtype: Any
    axis: tuple[int, int, int]  # extent, stride, the user's dimension
    index: tuple[tuple[int, int, int], ...]  # extent, stride in the index, stride in updates/result
    row: tuple[tuple[int, int, int], ...]  # extent, stride in the table, stride in updates/result


@dataclass(frozen=True, slots=True)
class Host:
    """A Node that runs on the reference engine."""

    node: Node

    def __repr__(self) -> str:
        return f"reference {self.node.primitive.name} : {self.node.type}"


@dataclass(slots=True)
class Schedule:
    """The launches in order, and the arena they need.

    Attributes:
        launches: in the order in which they run.
        arena: bytes of temporaries.
        outputs: shape and dtype of each output.
        program: what it was made from.
    """

    launches: list[Launch]
    arena: int
    outputs: list[tuple[Shape, Any]]
    program: Program

    def __repr__(self) -> str:
        lines = []
        for launch in self.launches:
            lines.append(f"{launch.code!r}")
            lines.append("    " + ", ".join(f"{v.storage}+{v.offset}" for v in launch.pointers))
        lines.append(f"arena {self.arena} bytes")
        return "\n".join(lines)


def schedule(program: Program, rowwise: bool = True) -> Schedule:
    """Turn a (simplified) Program into launches; without `rowwise` into plain loops where kernels
    that go row by row would do."""
    return _Scheduler(compared(program) if rowwise else program, rowwise).run()


class _Scheduler:
    def __init__(self, program: Program, rowwise: bool):
        self.program = program
        self.fusion = Fusion(program, rowwise)
        self.storage: dict[Any, Storage] = {}
        self.launches: list[Launch] = []
        for position, node in enumerate(program.inputs):
            self.storage[node] = Storage(INPUT, node.dtype, node.size, position)
        self.outputs: list[Storage] = []
        for position, node in enumerate(program.outputs):
            storage = Storage(OUTPUT, node.dtype, node.size, position)
            self.outputs.append(storage)
            view = self.fusion.view(node)
            if (
                view.storage is node
                and node not in self.fusion.sizes
                and node not in self.storage
                and not self.fusion.is_inlined(node)
            ):
                self.storage[node] = storage

    def run(self) -> Schedule:
        for unit in _in_order(self.fusion.units):
            getattr(self, f"_{unit.kind}")(unit)
        for node, storage in zip(self.program.outputs, self.outputs):
            if self.storage.get(node) is not storage:
                self._copy(self.view(node), View(storage, node.shape, contiguous(node.shape)), node)
        launches = _Order(self.program, self.launches, self.outputs).run()
        arena = _place_temporaries(launches)
        types = [(node.shape, node.dtype) for node in self.program.outputs]
        return Schedule(launches, arena, types, self.program)

    # --- memory ----------------------------------------------------------------------------------

    def _storage_of(self, node: Any) -> Storage:
        found = self.storage.get(node)
        if found is None:
            size = self.fusion.sizes.get(node, node.size)
            found = self.storage[node] = Storage(TEMPORARY, node.dtype, size)
        return found

    def view(self, node: Node) -> View:
        """Where the value of a Node is; a constant or an iota is written down for it."""
        if self.fusion.is_inlined(node):
            base = node
            while base.primitive is p.EXPAND:
                base = base.inputs[0]
            if base not in self.storage:
                target = View(self._storage_of(base), base.shape, contiguous(base.shape))
                reference = self._inlined(base, base.shape)
                code = LoopNest(
                    base.shape, (), (), (), ((Access(base.dtype, target.strides), reference),), ()
                )
                self.launches.append(Launch(code, [target], [target.storage], [base]))
            return View(self.storage[base], base.shape, contiguous(base.shape)).spread(node.shape)
        found = self.fusion.view(node)
        return View(self._storage_of(found.storage), found.shape, found.strides, found.offset)

    def _inlined(self, node: Node, domain: Shape) -> Any:
        """The reference of a constant or an iota in a loop over `domain`."""
        while node.primitive is p.EXPAND:
            node = node.inputs[0]
        if node.primitive is p.CONSTANT:
            return ("constant", node.params[0], node.dtype)
        axis = len(domain) - len(node.shape) + node.params[0]
        if node.shape[node.params[0]] == 1:
            return ("constant", 0, node.dtype)
        return ("iota", axis, node.dtype)

    def _copy(self, source: View, target: View, node: Node) -> None:
        self.launches.append(copy(source, target, node))

    # --- units -----------------------------------------------------------------------------------

    def _loop(self, unit: Unit) -> None:
        body = _Body(self, unit)
        writes: list[Any] = []
        reductions: list[Reduction] = []
        targets: list[tuple[int, Node]] = []
        for node in unit.nodes:
            if node.primitive.kind == "reduce":
                kept = [k for k in range(len(unit.domain)) if k not in node.params[0]]
                strides = [0] * len(unit.domain)
                for k, stride in zip(kept, contiguous(node.shape)):
                    strides[k] = stride
                operand = body.reference(node.inputs[0])
                reductions.append(
                    Reduction(node.primitive.name, operand, node.dtype, tuple(strides))
                )
                targets.append((len(writes) + 1_000_000, node))
                continue
            if node.primitive.name in fuse.VIEWS:
                reference = body.reference(node.inputs[0])
            elif not node.inputs:  # an iota that is wanted in memory
                reference = body.references[node] = self._inlined(node, unit.domain)
            else:
                reference = body.operation(node)
            if node in self.fusion.stored:
                walk = self.fusion.view(node).strides
                if node.shape != unit.domain:  # a copy in another shape
                    walk = contiguous(unit.domain)
                targets.append((len(writes), node))
                writes.append((Access(node.dtype, walk), reference))
        written = [node for order, node in sorted(targets, key=lambda t: t[0])]
        pointers = [*body.views]
        targets_ = [self.view(node) for node in written]
        pointers += targets_
        code = LoopNest(
            unit.domain, unit.reduced or (), tuple(body.accesses), tuple(body.operations),
            tuple(writes), tuple(reductions),
        )  # fmt: skip
        storages = [view.storage for view in targets_]
        fails = next((n for n in unit.nodes if _may_fail(n)), None)
        two = split(code)
        if two is None:
            self.launches.append(Launch(code, pointers, storages, list(unit.nodes), fails))
            return
        first, second, partial = two
        parts = [Storage(TEMPORARY, dtype, size) for dtype, size in partial]
        views = [View(s, (s.size,), (1,)) for s in parts]
        split_at = len(pointers) - len(reductions)
        early = [*pointers[:split_at], *views]
        self.launches.append(
            Launch(first, early, storages[: len(writes)] + parts, list(unit.nodes), fails)
        )
        late = [*views, *pointers[split_at:]]
        summed = [n for n in unit.nodes if n.primitive.kind == "reduce"]
        self.launches.append(Launch(second, late, storages[len(writes) :], summed))

    def _contraction(self, unit: Unit) -> None:
        head = unit.nodes[0]
        body = _Body(self, unit)
        body.references[head] = ("acc", 0)
        writes, written = [], []
        for node in unit.nodes:
            reference = ("acc", 0) if node is head else body.operation(node)
            if node in self.fusion.stored:
                writes.append((Access(node.dtype, self.fusion.view(node).strides), reference))
                written.append(node)
        if head.primitive.kind == "convolve":
            schedule_convolution(self, unit, body, writes, written)
            return
        a, b = (self.view(n) for n in head.inputs)
        a_axes, b_axes, a_batch, b_batch = head.params
        a_free = [k for k in range(len(a.shape)) if k not in a_axes and k not in a_batch]
        b_free = [k for k in range(len(b.shape)) if k not in b_axes and k not in b_batch]
        code = Contraction(
            head.dtype,
            tuple((a.shape[i], a.strides[i], b.strides[j]) for i, j in zip(a_batch, b_batch)),
            tuple((a.shape[k], a.strides[k]) for k in a_free),
            tuple((b.shape[k], b.strides[k]) for k in b_free),
            tuple((a.shape[i], a.strides[i], b.strides[j]) for i, j in zip(a_axes, b_axes)),
            tuple(body.accesses),
            tuple(body.operations),
            tuple(writes),
        )
        targets = [self.view(node) for node in written]
        self.launches.append(
            Launch(
                code, [a, b, *body.views, *targets], [v.storage for v in targets],
                list(unit.nodes), next((n for n in unit.nodes if _may_fail(n)), None),
            )
        )  # fmt: skip

    def _move(self, unit: Unit) -> None:
        (node,) = unit.nodes
        whole = View(self._storage_of(node), node.shape, contiguous(node.shape))
        name = node.primitive.name
        if name == "pad":
            low, high = node.params
            source = self.view(node.inputs[0])
            starts = tuple(max(0, -a) for a in low)
            stops = tuple(n - max(0, -b) for n, b in zip(source.shape, high))
            source = source.slice(starts, tuple(map(max, starts, stops)), (1,) * len(starts))
            self.pad(source, whole, tuple(max(0, a) for a in low), node.inputs[1], node)
        elif name == "concatenate":
            (axis,) = node.params
            start = 0
            for part in node.inputs:
                source = self.view(part)
                if source.storage is whole.storage:  # it was computed there
                    start += source.shape[axis]
                    continue
                starts = tuple(start if k == axis else 0 for k in range(len(node.shape)))
                ends = tuple(a + n for a, n in zip(starts, source.shape))
                self._copy(source, whole.slice(starts, ends, (1,) * len(starts)), node)
                start += source.shape[axis]
        elif name == "dynamic_slice":
            steps = node.params[1]
            source, moving, pointers = self._moving(
                node.inputs[0], node.shape, steps, node.inputs[1:]
            )
            self.launches.append(copy(source, whole, node, read_moving=moving, shifts=pointers))
        else:  # update_slice
            update = self.view(node.inputs[1])
            self._copy(self.view(node.inputs[0]), whole, node)
            target, moving, pointers = self._window(
                whole, update.shape, node.params[0], node.inputs[2:]
            )
            self.launches.append(copy(update, target, node, write_moving=moving, shifts=pointers))

    def pad(self, source: View, whole: View, before: Shape, fill: Node | None, node: Node) -> None:
        """Write `source` into the larger `whole`, `before` elements from its start, and the 0-d
        `fill` (or zeros) around it."""
        number: Any = 0
        pointers = [source, whole]
        if fill is not None:
            number = self._inlined(fill, ())[1] if self.fusion.is_inlined(fill) else None
            pointers += [self.view(fill)] if number is None else []
        code = padding(source, whole, before, number)
        if code is not None:
            self.launches.append(Launch(code, pointers, [whole.storage], [node]))
            return
        ends = tuple(a + n for a, n in zip(before, source.shape))
        if whole.shape != source.shape:
            self._fill(fill, whole, node)
        self._copy(source, whole.slice(before, ends, (1,) * len(ends)), node)

    def _fill(self, number: Node | None, target: View, node: Node) -> None:
        if number is None:
            reads: tuple[Access, ...] = ()
            views: list[View] = []
            reference: Any = ("constant", 0, target.storage.dtype)
        elif self.fusion.is_inlined(number):
            reads, views, reference = (), [], self._inlined(number, target.shape)
        else:
            view = self.view(number).spread(target.shape)
            reads, views = (Access(node.dtype, view.strides),), [view]
            reference = ("read", 0)
        write = (Access(target.storage.dtype, target.strides), reference)
        code = LoopNest(target.shape, (), reads, (), (write,), ())
        self.launches.append(Launch(code, [*views, target], [target.storage], [node]))

    def _moving(self, x: Node, sizes: Shape, steps: Shape, starts: Sequence[Node]) -> Any:
        return self._window(self.view(x), sizes, steps, starts)

    def _window(self, view: View, sizes: Shape, steps: Shape, starts: Sequence[Node]) -> Any:
        """The part of a view that begins where scalars say: what of it is known now, and the
        shifts that are known only at run time."""
        offset = view.offset
        moving: list[tuple[int, int, int]] = []
        pointers: list[View] = []
        for n, size, step, start, stride in zip(view.shape, sizes, steps, starts, view.strides):
            most = n - ((size - 1) * step + 1 if size else 0)
            if start.primitive is p.CONSTANT:
                offset += min(max(int(start.params[0]), 0), most) * stride
            else:
                moving.append((len(pointers), stride, most))
                pointers.append(self.view(start))
        strides = tuple(t * s for t, s in zip(view.strides, steps))
        return View(view.storage, sizes, strides, offset), tuple(moving), pointers

    def _indexed(self, unit: Unit) -> None:
        (node,) = unit.nodes
        index = self.view(node.inputs[1])
        whole = View(self._storage_of(node), node.shape, contiguous(node.shape))
        how = node.primitive.name
        if _is_check(node):
            how = "check"
            table, other = View(None, node.inputs[0].shape, (0,)), whole  # it is never read
        elif how == "gather":
            table, other = self.view(node.inputs[0]), whole
        else:
            table, other = whole, self.view(node.inputs[2])
            if how == "scatter_add" and accumulator(node.dtype) is not node.dtype:
                table = View(
                    Storage(TEMPORARY, accumulator(node.dtype), node.size),
                    node.shape,
                    whole.strides,
                )
            self._copy(self.view(node.inputs[0]), table, node)
        count = len(index.shape)
        axis = (table.shape[0], table.strides[0], *(node.params or (0,)))
        moved = zip(index.shape, index.strides, other.strides[:count])
        row = tuple(zip(table.shape[1:], table.strides[1:], other.strides[count:]))
        code = Rows(how, node.dtype, axis, tuple(moved), row)
        if how == "check":
            self.launches.append(Launch(code, [index, other], [other.storage], [node], node))
            return
        # Indices are looked at by themselves: that can be done before anything else.
        looked_at = tuple((n, stride, 0) for n, stride in zip(index.shape, index.strides))
        look = Launch(Rows("look", node.dtype, axis, looked_at, ()), [index], [], [node], node)
        written = other if how == "gather" else table
        move = Launch(code, [index, other, table], [written.storage], [node], checked=look)
        self.launches += [look, move]
        if table is not whole and written is table:
            self._copy(table, whole, node)

    def _rowwise(self, unit: Unit) -> None:
        schedule_rows(self, unit)

    def _along(self, unit: Unit) -> None:
        schedule_along(self, unit)

    def _windows(self, unit: Unit) -> None:
        schedule_windows(self, unit)

    def _scan(self, unit: Unit) -> None:
        schedule_scan(self, unit)

    def _host(self, unit: Unit) -> None:
        (node,) = unit.nodes
        reads = [self.view(n) for n in node.inputs]
        if isinstance(node.dtype, tuple):
            targets = []
            for pick in self.program.nodes:
                if pick.primitive.name == "pick" and pick.inputs[0] is node:
                    targets.append(pick)
        else:
            targets = [node]
        views = [self.view(t) for t in targets]
        code = Host(node)
        self.launches.append(
            Launch(code, [*reads, *views], [v.storage for v in views], targets, node)
        )


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


def _is_check(node: Node) -> bool:
    """Whether a gather only gives its index back."""
    table = node.inputs[0]
    is_count = table.primitive is p.IOTA and table.ndim == 1 and table.dtype is int64
    return node.primitive is p.GATHER and is_count


def _may_fail(node: Node) -> bool:
    if not divides_integers(node.primitive.name, node.dtype):
        return False
    divisor = node.inputs[1]
    while divisor.primitive is p.EXPAND:
        divisor = divisor.inputs[0]
    return divisor.primitive is not p.CONSTANT or not divisor.params[0]


class _Body:
    """The operations of a unit, with references to what they read."""

    def __init__(self, scheduler: _Scheduler, unit: Unit):
        self.scheduler = scheduler
        self.unit = unit
        self.references: dict[Node, Any] = {}
        self.operations: list[Operation] = []
        self.accesses: list[Access] = []
        self.views: list[View] = []
        self._reads: dict[Any, int] = {}

    def reference(self, node: Node) -> Any:
        """Where an operand comes from; a value in memory becomes a read."""
        found = self.references.get(node)
        if found is not None:
            return found
        fusion = self.scheduler.fusion
        if fusion.is_inlined(node):
            return self.scheduler._inlined(node, self.unit.domain)
        view = self.scheduler.view(node).spread(self.unit.domain)
        key = (view.storage, view.strides, view.offset)
        place = self._reads.get(key)
        if place is None:
            place = self._reads[key] = len(self.accesses)
            self.accesses.append(Access(node.dtype, view.strides))
            self.views.append(view)
        return ("read", place)

    def operation(self, node: Node) -> Any:
        operands = tuple(self.reference(n) for n in node.inputs)
        reference = ("op", len(self.operations))
        self.operations.append(
            Operation(
                node.primitive.name, node.params, node.inputs[0].dtype
                if node.primitive.kind != "select" else node.inputs[1].dtype,
                node.dtype, operands,
            )
        )  # fmt: skip
        self.references[node] = reference
        return reference


# --- order ---------------------------------------------------------------------------------------


def _in_order(units: Sequence[Unit]) -> list[Unit]:
    """Units before those that read them, otherwise as they came."""
    order: list[Unit] = []
    done: set[Unit] = set()
    begun: set[Unit] = set()
    for first in sorted(units, key=lambda u: u.first):
        stack = [first]
        while stack:
            unit = stack[-1]
            if unit in done:
                stack.pop()
                continue
            waiting = sorted((u for u in unit.before if u not in done), key=lambda u: -u.first)
            if waiting:
                begun.add(unit)
                assert begun.isdisjoint(waiting), f"kernels that wait for each other: {unit}"
                stack.extend(waiting)
                continue
            done.add(unit)
            begun.discard(unit)
            order.append(stack.pop())
    return order


class _Order:
    """Finds an order of the launches in which writing outputs is safe.

    Whatever may fail comes first, with all that it needs; an output that is written among those is
    computed in memory of its own and copied at the end. So is one that takes over an input which
    somebody must read later.
    """

    def __init__(self, program: Program, launches: list[Launch], outputs: list[Storage]):
        self.program = program
        self.launches = launches
        self.outputs = outputs
        self.after: list[set[int]] = [set() for _ in launches]  # what each launch must wait for
        self.before: list[int] = []  # the same, and what those wait for: a set of bits
        self.commits: list[Launch] = []

    def run(self) -> list[Launch]:
        writers: dict[Storage, list[int]] = {}
        place = {id(launch): k for k, launch in enumerate(self.launches)}
        for k, launch in enumerate(self.launches):
            if launch.checked is not None:
                self.after[k].add(place[id(launch.checked)])
            for storage in launch.reads:
                self.after[k].update(writers.get(storage, ()))
            for storage in launch.writes:
                self.after[k].update(w for w in writers.get(storage, ()) if w != k)
                writers.setdefault(storage, []).append(k)
            self.after[k].discard(k)
            self.before.append(0)
            for j in self.after[k]:
                self.before[k] |= self.before[j] | 1 << j
        early = 0  # what may fail and what that needs
        for k, launch in enumerate(self.launches):
            if launch.node is not None or isinstance(launch.code, Host):
                early |= self.before[k] | 1 << k
        replaced = dict(self.program.replaces)
        readers: dict[int, list[int]] = {source: [] for source in replaced.values()}
        for k, launch in enumerate(self.launches):
            for place_ in {s.position for s in launch.reads if s.kind == INPUT}:
                if place_ in readers:
                    readers[place_].append(k)
        for position, storage in enumerate(self.outputs):
            mine = writers.get(storage, [])
            source = replaced.get(position)
            if any(early >> w & 1 for w in mine) or (
                source is not None
                and not self._write_in_place(storage, source, mine, readers[source])
            ):
                self._write_later(storage)
        order = self._sorted()
        first = [k for k in order if early >> k & 1]
        rest = [k for k in order if not early >> k & 1]
        return [*(self.launches[k] for k in (*first, *rest)), *self.commits]

    def _write_in_place(
        self, storage: Storage, source: int, writers: list[int], readers: list[int]
    ) -> bool:
        """Let the writers of an output wait for the readers of the input that it takes over, if
        none of these waits for one of those."""
        edges = []
        for w in writers:
            for r in readers:
                if r != w:
                    edges.append((r, w))
                elif not _same_places(self.launches[w], storage, source) or len(writers) > 1:
                    return False
        if any(self.before[r] >> w & 1 for r, w in edges):
            return False
        for w in writers:
            added = 0
            for r in readers:
                if r != w and not self.before[w] >> r & 1:
                    self.after[w].add(r)
                    added |= self.before[r] | 1 << r
            if added:
                for k, before in enumerate(self.before):
                    if k == w or before >> w & 1:
                        self.before[k] |= added
        return True

    def _write_later(self, storage: Storage) -> None:
        """Compute in memory of its own, and copy when everything else is done."""
        temporary = Storage(TEMPORARY, storage.dtype, storage.size)
        for launch in self.launches:
            if storage not in launch.reads:
                continue
            launch.pointers = [
                View(temporary, v.shape, v.strides, v.offset) if v.storage is storage else v
                for v in launch.pointers
            ]
            launch.writes = [temporary if s is storage else s for s in launch.writes]
        node = self.program.outputs[storage.position]
        line = (storage.size,)
        self.commits.append(copy(View(temporary, line, (1,)), View(storage, line, (1,)), node))

    def _sorted(self) -> list[int]:
        order: list[int] = []
        done: set[int] = set()
        for first in range(len(self.launches)):
            stack = [first]
            while stack:
                k = stack[-1]
                if k in done:
                    stack.pop()
                    continue
                waiting = sorted((j for j in self.after[k] if j not in done), reverse=True)
                if waiting:
                    stack.extend(waiting)
                    continue
                done.add(k)
                order.append(stack.pop())
        return order


def _same_places(launch: Launch, storage: Storage, source: int) -> bool:
    """Whether a launch that reads an input and writes over it does both at the same places, point
    by point."""
    code = launch.code
    if isinstance(code, LoopNest):
        first = 0
        if code.reduced or code.scalars:
            return False
    elif isinstance(code, Contraction):
        first = 2  # the operands of the product are read by other points
    else:
        return False
    target = next(v for v in launch.pointers if v.storage is storage)
    for k, view in enumerate(launch.pointers):
        if view.storage.kind == INPUT and view.storage.position == source:
            if k < first:
                return False
            moves = [(a, b) for n, a, b in zip(view.shape, view.strides, target.strides) if n != 1]
            if view.shape != target.shape or any(a != b for a, b in moves) or view.offset:
                return False
    return True


# --- the arena -----------------------------------------------------------------------------------


def _place_temporaries(launches: list[Launch]) -> int:
    """Give each temporary a place: memory that nobody reads any more is used again."""
    spans: dict[Storage, list[int]] = {}
    for k, launch in enumerate(launches):
        for storage in launch.reads:
            if storage.kind == TEMPORARY:
                spans.setdefault(storage, [k, k])[1] = k
    begin, end, born, died = (np.zeros(len(spans), np.int64) for _ in range(4))
    total = 0
    for count, (storage, (first, last)) in enumerate(
        sorted(spans.items(), key=lambda item: -item[0].nbytes)
    ):
        size = -(-storage.nbytes // ALIGNMENT) * ALIGNMENT
        (alive,) = np.nonzero((born[:count] <= last) & (died[:count] >= first))
        alive = alive[np.argsort(begin[alive])]
        ends = np.maximum.accumulate(np.concatenate([[0], end[alive]]))
        gaps = np.nonzero(begin[alive] - ends[:-1] >= size)[0]
        offset = int(ends[gaps[0]] if len(gaps) else ends[-1])
        storage.offset = offset
        begin[count], end[count], born[count], died[count] = offset, offset + size, first, last
        total = max(total, offset + size)
    return total


__all__ = ["Contraction", "Host", "Rows", "Schedule", "copy", "schedule"]
