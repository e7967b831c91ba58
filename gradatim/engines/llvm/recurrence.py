"""Recurrence: a scan as a native loop.

The body is scheduled like a Program of its own, and its kernels are called step after step with
pointers that move on: a slice of each sequence, the state that the last step left. What depends on
constants alone, such as packing the weights, is done once in front of the loop.

Most recurrences work on a batch whose rows know nothing of each other. Then the batch is cut into
blocks, and each thread runs the whole loop for its blocks: no thread waits for another within a
step (`batch_axes` finds out whether that is so). Otherwise the steps' kernels are shared out one by
one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from gradatim.engines.llvm.emit import Function, Module, Value, constant
from gradatim.engines.llvm.kernels import (
    INPUT,
    OUTPUT,
    TEMPORARY,
    Launch,
    LoopNest,
    Storage,
    View,
    contiguous,
)
from gradatim.graph.node import Node
from gradatim.graph.program import Program

BLOCK_ROWS = 16  # rows of a batch that one thread takes through the loop at least


@dataclass(eq=False, slots=True)
class Recurrence:
    """The code of a scan: its body's schedule, and where each of its pointers points.

    The launch's pointers are: initial carries, sequences, constants, then for each output of the
    body where it goes (a stacked result, or two alternating buffers).

    Attributes:
        body: the schedule of one step. Its inputs are carries, sequences, constants.
        carries, sequences, constants: how many of each.
        steps: the elements between two steps, of each sequence.
        outputs: for each output of the body ("stacked" or "buffers", elements of one step).
        feeds: for each carry, the output that it is read from at the next step.
    """

    body: Any
    carries: int
    sequences: int
    constants: int
    length: int
    reverse: bool
    steps: tuple[int, ...]
    outputs: tuple[tuple[str, int], ...]
    feeds: tuple[int, ...]

    def __repr__(self) -> str:
        text = repr(self.body).replace("\n", "\n  ")
        blocks = batch_blocks(self)
        how = f"in {blocks[1]} blocks of the batch" if blocks else "step by step"
        return f"scan of {self.length} steps {how}\n  {text}"


def schedule_scan(scheduler: Any, unit: Any) -> None:
    """Append the launches of a scan to a schedule (or let the reference engine run it)."""
    from gradatim.engines.llvm.kernels import Contraction
    from gradatim.engines.llvm.schedule import schedule

    (node,) = unit.nodes
    body, n_carries, n_sequences, length, reverse = node.params
    picks: dict[int, list[Node]] = {}
    for other in scheduler.program.nodes:
        if other.primitive.name == "pick" and other.inputs[0] is node:
            picks.setdefault(other.params[0], []).append(other)
    views = [scheduler.view(n) for n in node.inputs]
    # States before each step need not be computed where they are a look at those behind it.
    aliased = {
        k for k, nodes in picks.items() if k >= n_carries and nodes[0] in scheduler.fusion.sizes
    }
    results = [k for k in sorted(picks) if k >= n_carries and k not in aliased]
    wanted = [body.outputs[k] for k in results]
    feeds = []
    extra: list[int] = []
    for k in range(n_carries):
        new = body.outputs[k]
        if new in wanted:
            feeds.append(wanted.index(new))
        else:
            feeds.append(len(results) + len(extra))
            extra.append(k)
    outs = (*wanted, *(body.outputs[k] for k in extra))
    sequences = views[n_carries : n_carries + n_sequences]
    constants = views[n_carries + n_sequences :]
    strides: list[Any] = [None] * n_carries
    for view in sequences:
        strides.append(tuple(t * view.storage.dtype.itemsize for t in view.strides[1:]))
    for view in constants:
        strides.append(tuple(t * view.storage.dtype.itemsize for t in view.strides))
    program = Program(body.inputs, outs, tuple(strides), ("body",))
    steps = schedule(program, rowwise=False)
    known = (LoopNest, Contraction)
    if any(not isinstance(x.code, known) or x.node is not None for x in steps.launches):
        scheduler._host(unit)
        return
    initial = [_compact(scheduler, v, node) for v in views[:n_carries]]
    targets = []
    kinds = []
    for k in results:
        first, *others = picks[k]
        for twin in others:
            if twin not in scheduler.fusion.views:
                scheduler.storage[twin] = scheduler._storage_of(first)
        targets.append(scheduler.view(first))
        kinds.append("stacked")
    for k in extra:
        inner = body.inputs[k]
        before = next((n for n in aliased if body.outputs[n] is inner), None)
        if before is not None:  # its states are kept, behind the one it begins with
            base = scheduler.view(picks[before][0])
            offset = base.offset + (-inner.size if reverse else inner.size)
            targets.append(View(base.storage, base.shape, base.strides, offset))
            kinds.append("stacked")
            continue
        storage = Storage(TEMPORARY, inner.dtype, 2 * inner.size)
        targets.append(View(storage, (2, *inner.shape), contiguous((2, *inner.shape))))
        kinds.append("buffers")
    for k in range(n_carries):
        for before in aliased:
            if body.outputs[before] is body.inputs[k]:
                base = scheduler.view(picks[before][0])
                place = base.offset + ((length - 1) * body.inputs[k].size if reverse else 0)
                shape = body.inputs[k].shape
                target = View(base.storage, shape, contiguous(shape), place)
                if length:
                    scheduler._copy(initial[k], target, node)
    code = Recurrence(
        steps, n_carries, n_sequences, len(constants), length, reverse,
        tuple(v.strides[0] for v in sequences),
        tuple((kind, n.size) for kind, n in zip(kinds, outs)),
        tuple(feeds),
    )  # fmt: skip
    if length:
        scheduler.launches.append(
            Launch(code, [*initial, *sequences, *constants, *targets],
                   [v.storage for v in targets], [node])
        )  # fmt: skip
    for k in range(n_carries):
        for pick in picks.get(k, ()):
            source = initial[k]
            if length:
                kind, size = code.outputs[feeds[k]]
                last = (0 if reverse else length - 1) if kind == "stacked" else (length - 1) % 2
                place = targets[feeds[k]]
                shape = pick.shape
                source = View(place.storage, shape, contiguous(shape), place.offset + last * size)
            target = View(scheduler._storage_of(pick), pick.shape, contiguous(pick.shape))
            scheduler._copy(source, target, node)


def _compact(scheduler: Any, view: View, node: Node) -> View:
    """The view, or a copy of it without gaps."""
    if view.is_contiguous:
        return view
    storage = Storage(TEMPORARY, view.storage.dtype, math.prod(view.shape))
    whole = View(storage, view.shape, contiguous(view.shape))
    scheduler._copy(view, whole, node)
    return whole


# --- the batch -----------------------------------------------------------------------------------


def batch_blocks(code: Recurrence) -> tuple[list[int], int, int] | None:
    """The axis of the batch in each launch's domain, the number of blocks and their rows; None if
    the rows depend on each other."""
    inputs = code.body.program.inputs
    shapes = [n.shape for n in inputs[: code.carries]]
    if not shapes or any(not s or s[0] != shapes[0][0] for s in shapes):
        return None
    batch = shapes[0][0]
    blocks = next((n for n in range(batch // BLOCK_ROWS, 1, -1) if batch % n == 0), 1)
    if blocks == 1:
        return None
    axes = batch_axes(code, batch)
    return None if axes is None else (axes, blocks, batch // blocks)


def batch_axes(code: Recurrence, batch: int) -> list[int] | None:
    """Where the batch is in each launch of the body, if every step keeps its rows apart."""
    strides: dict[Storage, int] = {}  # elements between two rows, of what depends on the batch
    varying = code.carries + code.sequences
    inputs = code.body.program.inputs
    for launch in code.body.launches:
        for view in launch.pointers:
            storage = view.storage
            if storage.kind == INPUT and storage.position < varying:
                node = inputs[storage.position]
                if node.shape and node.shape[0] == batch:
                    given = code.body.program.strides[storage.position]
                    step = contiguous(node.shape)[0]
                    if given is not None:
                        step = given[0] // storage.dtype.itemsize
                    strides[storage] = step
    axes = []
    for launch in code.body.launches:
        for storage in launch.writes:
            if storage.size % batch:
                return None
            strides[storage] = storage.size // batch
        axis = _batch_axis(launch, batch, strides)
        if axis is None:
            return None
        axes.append(axis)
    return axes


def _batch_axis(launch: Launch, batch: int, strides: dict[Storage, int]) -> int | None:
    """The axis of a launch's domain along which each point stays in its own row of the batch."""
    from gradatim.engines.llvm.kernels import Contraction

    code = launch.code
    if isinstance(code, LoopNest):
        candidates = [k for k, n in enumerate(code.extents) if n == batch and k not in code.reduced]
        domain = code.extents
    elif isinstance(code, Contraction):
        place = len(code.batch)
        candidates = [place] if code.rows and code.rows[0][0] == batch else []
        if code.batch and code.batch[0][0] == batch:
            candidates.append(0)
        domain = tuple(a[0] for g in (code.batch, code.rows, code.columns) for a in g)
    else:
        return None
    for axis in candidates:
        if all(
            _stays_in_row(view, walk, axis, domain, strides[view.storage])
            for view, walk in zip(launch.pointers, walks(code))
            if view.storage in strides
        ):
            return axis
    return None


def walks(code: Any) -> list[tuple[tuple[int, ...], int]]:
    """For each pointer of a launch: its strides over the domain, and how far a contraction's depth
    takes it besides."""
    if isinstance(code, LoopNest):
        found = [(a.strides, 0) for a in code.reads] + [(a.strides, 0) for a, _ in code.writes]
        return found + [(r.strides, 0) for r in code.reductions]
    rows, columns = (0,) * len(code.rows), (0,) * len(code.columns)
    a = (*(x[1] for x in code.batch), *(x[1] for x in code.rows), *columns)
    b = (*(x[2] for x in code.batch), *rows, *(x[1] for x in code.columns))
    reach = [sum((x[0] - 1) * abs(x[k]) for x in code.depth) for k in (1, 2)]
    found = [(a, reach[0]), (b, reach[1])]
    found += [(x.strides, 0) for x in code.reads]
    return found + [(x.strides, 0) for x, _ in code.writes]


def _stays_in_row(
    view: View, walk: tuple[tuple[int, ...], int], axis: int, domain: tuple[int, ...], step: int
) -> bool:
    strides, reach = walk
    if strides[axis] != step:
        return False
    others = [(n - 1) * t for k, (n, t) in enumerate(zip(domain, strides)) if k != axis and n]
    low = view.offset + sum(min(0, t) for t in others)
    high = view.offset + sum(max(0, t) for t in others) + reach
    return low >= 0 and high < max(1, step)


# --- code ----------------------------------------------------------------------------------------


def emit_scan(module: Module, name: str, code: Recurrence) -> Any:
    """Write the loop and its kernels. Gives what the driver needs (driver.Emitted)."""
    return _Emitter(module, name, code).run()


class _Emitter:
    """Holds what is known while one loop is written.

    Attributes:
        early: the parts that run once, in front of the loop.
        workspaces: name -> bytes. `private` ones are one for each block of the batch.
    """

    def __init__(self, module: Module, name: str, code: Recurrence):
        self.module = module
        self.name = name
        self.code = code
        self.blocks = batch_blocks(code)
        self.early: list[Any] = []
        self.workspaces: dict[str, int] = {"scan": max(64, code.body.arena)}
        self.private: dict[str, int] = {}

    def run(self) -> Any:
        from gradatim.engines.llvm.driver import Emitted

        code = self.code
        launches = code.body.launches
        axes: list[Any] = [None] * len(launches)
        count = rows = 1
        if self.blocks:
            axes, count, rows = self.blocks
        kernels = [
            self._kernel(k, launch, axis, rows, count)
            for k, (launch, axis) in enumerate(zip(launches, axes))
        ]
        f = self.module.function(self.name, ["ptr", "i64", "i64", "ptr"], "i32")
        pointers = code.carries + code.sequences + code.constants + len(code.outputs)
        spaces = list(self.workspaces)
        args = [
            f.load("ptr", f.at(f.params[0], k, "ptr")) for k in range(pointers + len(spaces) + 1)
        ]
        where = dict(zip(spaces, args[pointers:]))
        most = max((len(part[4]) for kernel in kernels for part in kernel), default=1)
        slots = f.alloca("ptr", most)
        with f.loop(f.params[1], f.params[2]) as block, f.loop(0, code.length) as step:
            bases = self._bases(f, args, step)
            for launch, axis, parts in zip(launches, axes, kernels):
                strides = [walk[0] for walk in walks(launch.code)]
                given = []
                for k, view in enumerate(launch.pointers):
                    size = view.storage.dtype.itemsize
                    if view.storage.kind == TEMPORARY:
                        base = f.at_byte(where["scan"], view.storage.offset)
                    else:
                        base = bases[view.storage.kind, view.storage.position]
                    base = f.at_byte(base, view.offset * size)
                    if axis is not None and strides[k][axis]:
                        base = f.at_byte(base, f.mul(block, rows * strides[k][axis] * size))
                    given.append(base)
                self._call(f, parts, given, where, block, slots, args[-1])
        f.ret(0)
        total = code.length * sum(p[3] for kernel in kernels for p in kernel) * count
        self.module.scratch_users.add(self.name)
        late = (self.name, count, 1, total, [*range(pointers), *spaces, "pool"])
        return Emitted([*self.early, late], self.workspaces)

    def _kernel(self, k: int, launch: Launch, axis: Any, rows: int, count: int) -> list[Any]:
        """The parts of one of the body's kernels that run at every step; what packs a constant is
        put in front of the loop."""
        from gradatim.engines.llvm.contracting import contraction_parts
        from gradatim.engines.llvm.contraction import emit_contraction
        from gradatim.engines.llvm.driver import kernel_cost, name_pointers
        from gradatim.engines.llvm.loops import emit_loop

        code = launch.code
        name = f"{self.name}_{k}"
        if isinstance(code, LoopNest):
            if axis is not None:
                extents = tuple(rows if d == axis else n for d, n in enumerate(code.extents))
                code = replace(code, extents=extents)
            reads = [*range(len(launch.pointers))]
            return [
                (p.name, p.pieces, p.grain, p.cost, reads)
                for p in emit_loop(self.module, name, code)
            ]
        if axis is not None:
            place = axis - len(code.batch)
            if place >= 0:
                code = replace(code, rows=((rows, *code.rows[0][1:]), *code.rows[1:]))
            else:
                code = replace(code, batch=((rows, *code.batch[0][1:]), *code.batch[1:]))
        nest, extras, outputs, epilogue = contraction_parts(code)
        first = self.code.carries + self.code.sequences
        resident = {
            letter: view.storage.position
            for letter, view in zip("ab", launch.pointers)
            if view.storage.kind == INPUT and view.storage.position >= first and not view.offset
        }
        kernels = emit_contraction(
            self.module, name, nest, extras, outputs, epilogue, resident=tuple(resident)
        )
        parts = []
        for kernel in kernels:
            self.module.scratch_users.add(kernel.name)
            is_early = bool(kernel.writes) and kernel.arguments[0] in resident
            for space, size in kernel.writes.items():
                own = f"{name}.{space}"
                self.workspaces[own] = size if is_early else size * count
                if not is_early:
                    self.private[own] = size
            reads = [
                f"{name}.{what}" if isinstance(what, str) else what
                for what in name_pointers(kernel.arguments, len(extras))
            ]
            part = (kernel.name, kernel.pieces, kernel.grain, kernel_cost(kernel), reads)
            if is_early:
                reads[0] = resident[kernel.arguments[0]]  # a pointer of the whole scan
                self.early.append(part)
            else:
                parts.append(part)
        return parts

    def _bases(self, f: Function, args: list[Value], step: Value) -> dict[Any, Value]:
        """Where each input and output of the body is in this step."""
        code = self.code
        inputs = code.body.program.inputs
        outputs = code.body.program.outputs
        place, before = step, f.sub(step, 1)
        if code.reverse:
            place = f.sub(constant(code.length - 1, "i64"), step)
            before = f.add(place, 1)
        first_output = code.carries + code.sequences + code.constants
        is_first = f.compare("eq", step, 0)
        bases: dict[Any, Value] = {}

        def output(k: int, at: Value, parity: Value) -> Value:
            kind, size = code.outputs[k]
            where = at if kind == "stacked" else f.and_(parity, 1)
            nbytes = size * outputs[k].dtype.itemsize
            return f.at_byte(args[first_output + k], f.mul(where, nbytes))

        for k in range(len(code.outputs)):
            bases[OUTPUT, k] = output(k, place, step)
        for k in range(code.carries):
            earlier = output(code.feeds[k], before, f.sub(step, 1))
            bases[INPUT, k] = f.select(is_first, args[k], earlier)
        for k in range(code.sequences):
            position = code.carries + k
            nbytes = code.steps[k] * inputs[position].dtype.itemsize
            bases[INPUT, position] = f.at_byte(args[position], f.mul(place, nbytes))
        for k in range(code.constants):
            position = code.carries + code.sequences + k
            bases[INPUT, position] = args[position]
        return bases

    def _call(
        self, f: Function, parts: list[Any], given: list[Value], where: dict[str, Value],
        block: Value, slots: Value, pool: Value,
    ) -> None:  # fmt: skip
        from gradatim.engines.llvm.driver import ALONE

        for function, pieces, grain, cost, reads in parts:
            for k, what in enumerate(reads):
                if isinstance(what, str):
                    value = where[what]
                    if what in self.private and self.blocks:
                        value = f.at_byte(value, f.mul(block, self.private[what]))
                else:
                    value = given[what]
                f.store(value, f.at(slots, k, "ptr"))
            if self.blocks or cost < ALONE or pieces == 1:
                text = f"i32 @{function}({slots!r}, i64 0, i64 {pieces}, {f.params[3]!r})"
            else:
                text = (
                    f"i32 @gradatim_parallel_for({pool!r}, ptr @{function}, {slots!r}, "
                    f"i64 {pieces}, i64 {grain})"
                )
            f.emit(f"call {text}", "i32")
