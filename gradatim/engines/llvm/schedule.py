"""Schedule: a Program as a list of kernels with their memory.

The units of fusion.py become launches: a kernel's code, and what its arguments point to. Then the
order is fixed: values before their readers, whatever may fail before the first write to state, and
a write over an input behind every other reader of it. What cannot be ordered so is computed in
memory of its own and copied at the end. Last, temporaries get places in one arena by liveness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradatim.engines.llvm import fusion as fuse
from gradatim.engines.llvm.along import schedule_along
from gradatim.engines.llvm.along_places import with_indices
from gradatim.engines.llvm.convolution import schedule_convolution
from gradatim.engines.llvm.fusion import Fusion, Unit
from gradatim.engines.llvm.kernels import (
    INPUT,
    OUTPUT,
    TEMPORARY,
    Access,
    Contraction,
    Host,
    Launch,
    LoopNest,
    Operation,
    Reduction,
    Rows,
    Storage,
    View,
    contiguous,
    copy,
)
from gradatim.engines.llvm.nests import split
from gradatim.engines.llvm.one_hot import compared
from gradatim.engines.llvm.operations import accumulator, divides_integers
from gradatim.engines.llvm.ordering import _in_order, _Order
from gradatim.engines.llvm.padding import padding
from gradatim.engines.llvm.placement import _place_temporaries
from gradatim.engines.llvm.recurrence import schedule_scan
from gradatim.engines.llvm.rowwise import schedule_rows
from gradatim.engines.llvm.windows import schedule_windows
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.node import Node, Shape
from gradatim.graph.program import Program


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
    program = with_indices(compared(program) if rowwise else program)
    return _Scheduler(program, rowwise).run()


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
        for node, storage in zip(program.outputs, self.outputs):
            self._reshaped_in_place(node, storage)

    def _reshaped_in_place(self, node: Node, storage: Storage) -> None:
        """An output that is another Node's memory in another shape: that one is computed there."""
        view = self.fusion.view(node)
        base = view.storage
        unit = self.fusion.unit_of.get(base)
        if (
            base is not node
            and unit is not None
            and unit.kind in (fuse.INDEXED, fuse.LOOP, fuse.MOVE, fuse.CONTRACTION)
            and base not in self.storage
            and base not in self.fusion.sizes
            and (view.offset, view.strides, base.size) == (0, contiguous(view.shape), node.size)
        ):
            self.storage[base] = storage

    def run(self) -> Schedule:
        for unit in _in_order(self.fusion.units):
            getattr(self, f"_{unit.kind}")(unit)
        for node, storage in zip(self.program.outputs, self.outputs):
            whole = View(storage, node.shape, contiguous(node.shape))
            if self.fusion.is_inlined(node):
                self._write_down(node, whole)
            elif self.view(node).storage is not storage:
                self._copy(self.view(node), whole, node)
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
                whole = View(self._storage_of(base), base.shape, contiguous(base.shape))
                self._write_down(base, whole)
            return View(self.storage[base], base.shape, contiguous(base.shape)).spread(node.shape)
        found = self.fusion.view(node)
        return View(self._storage_of(found.storage), found.shape, found.strides, found.offset)

    def _write_down(self, node: Node, target: View) -> None:
        """Write a constant or an iota into memory."""
        write = (Access(node.dtype, target.strides), self._inlined(node, node.shape))
        code = LoopNest(node.shape, (), (), (), (write,), ())
        self.launches.append(Launch(code, [target], [target.storage], [node]))

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
        whole = self.view(node)
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
                starts = tuple(start if k == axis else 0 for k in range(len(node.shape)))
                ends = tuple(a + n for a, n in zip(starts, source.shape))
                target = whole.slice(starts, ends, (1,) * len(starts))
                if source != target:  # else it was computed there
                    self._copy(source, target, node)
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
        dim, *along = node.params or (0,)
        starts, scale = along[0] if along else ((0,) * count, 1)
        axis = (table.shape[0], table.strides[0], dim)
        moved = zip(index.shape, index.strides, other.strides[:count], starts)
        row = tuple(zip(table.shape[1:], table.strides[1:], other.strides[count:]))
        code = Rows(how, node.dtype, axis, tuple(moved), row, scale)
        if how == "check":
            self.launches.append(Launch(code, [index, other], [other.storage], [node], node))
            return
        # Indices are looked at by themselves: that can be done before anything else.
        looked_at = tuple(
            (n, s, 0, start) for n, s, start in zip(index.shape, index.strides, starts)
        )
        code_of_look = Rows("look", node.dtype, axis, looked_at, (), scale)
        look = Launch(code_of_look, [index], [], [node], node)
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


__all__ = ["Contraction", "Host", "Rows", "Schedule", "copy", "schedule"]
