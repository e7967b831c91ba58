"""Describe: the kernels of a plan as facts for a reader."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.engines.facts import KernelFacts, ProgramFacts
from gradatim.engines.llvm.driver import Plan, is_shared
from gradatim.engines.llvm.kernels import Contraction, Host, Launch, LoopNest, Rows
from gradatim.engines.llvm.recurrence import Recurrence, batch_blocks
from gradatim.engines.llvm.rowwise import RowNest
from gradatim.engines.llvm.schedule import Schedule

Counts = tuple[float, float]  # floating-point operations, bytes


def times(extents: Any) -> str:
    """
    Example:
        >>> times((3, 4)), times(())
        ('3x4', 'one point')
    """
    return "x".join(map(str, extents)) or "one point"


# --- titles --------------------------------------------------------------------------------------


def _contraction(code: Contraction) -> str:
    batch, rows, columns, depth = (
        math.prod(axis[0] for axis in axes)
        for axes in (code.batch, code.rows, code.columns, code.depth)
    )
    many = f"{batch} times " if batch != 1 else ""
    return f"contract {many}{rows}x{columns} over {depth}"


def _loop(code: LoopNest) -> str:
    if not code.operations and not code.reductions:
        return f"{'fill' if not code.reads else 'copy'} {times(code.extents)}"
    over = f", reducing {times(code.extents[k] for k in code.reduced)}" if code.reduced else ""
    return f"loop over {times(code.extents)}{over}"


def _rows(code: RowNest) -> str:
    return f"{math.prod(code.rows)} rows of {code.length}"


def _scan(code: Recurrence) -> str:
    blocks = batch_blocks(code)
    how = f"{blocks[1]} blocks of {blocks[2]} rows apart" if blocks else "step by step"
    return f"scan of {code.length} steps{', backwards' if code.reverse else ''}, {how}"


def _host(code: Host) -> str:
    return f"reference {code.node.primitive.name} {code.node.type}"


def _indexed(code: Rows) -> str:
    count = math.prod(axis[0] for axis in code.index)
    width = math.prod(axis[0] for axis in code.row)
    each = f" of {width}" if width != 1 else ""
    return f"{code.how.replace('_', ' ')} {count} rows{each} among {code.axis[0]}"


TITLES: dict[type, Callable[[Any], str]] = {
    Contraction: _contraction,
    LoopNest: _loop,
    RowNest: _rows,
    Recurrence: _scan,
    Rows: _indexed,
    Host: _host,
}


def title(code: Any) -> str:
    """What a kernel does, in a few words."""
    describe = TITLES.get(type(code))
    return describe(code) if describe else repr(code).splitlines()[0]


def fused(code: Any) -> tuple[str, ...]:
    """The operations done in a kernel."""
    names = [op.name for op in getattr(code, "operations", ())]
    names += [f"{r.how} over axes" for r in getattr(code, "reductions", ())]
    return tuple(names)


# --- counts --------------------------------------------------------------------------------------


def _walked(extents: Any, strides: Any) -> int:
    """How many elements an operand has that is walked with these strides."""
    return math.prod(n for n, t in zip(extents, strides) if t)


def _count_loop(code: LoopNest) -> Counts:
    accesses: list[Any] = [*code.reads, *(access for access, _ in code.writes)]
    accesses += code.reductions
    moved = sum(_walked(code.extents, a.strides) * a.dtype.itemsize for a in accesses)
    return float(code.points * (len(code.operations) + len(code.reductions))), float(moved)


def _count_rows(code: RowNest) -> Counts:
    extents = (*code.rows, code.length)
    accesses = [*code.reads, *(access for access, _ in code.writes)]
    moved = sum(_walked(extents, a.strides) * a.dtype.itemsize for a in accesses)
    full = sum(op.span != "row" for op in code.operations)
    return float(math.prod(extents) * full), float(moved)


def _count_contraction(code: Contraction) -> Counts:
    axes = (*code.batch, *code.rows, *code.columns, *code.depth)
    return 2.0 * math.prod(axis[0] for axis in axes), 0.0


COUNTS: dict[type, Callable[[Any], Counts]] = {
    LoopNest: _count_loop,
    RowNest: _count_rows,
    Contraction: _count_contraction,
}


def counts(launch: Launch) -> Counts:
    """Floating-point operations and bytes of a launch."""
    code = launch.code
    if isinstance(code, Recurrence):
        each = sum(counts(inner)[0] for inner in code.body.launches)
        operations, moved = each * code.length, 0.0
    else:
        operations, moved = COUNTS.get(type(code), lambda code: (0.0, 0.0))(code)
    if not moved:
        moved = float(sum(storage.nbytes for storage in dict.fromkeys(launch.reads)))
    return operations, moved


# --- a whole plan --------------------------------------------------------------------------------


def describe(schedule: Schedule, plan: Plan) -> ProgramFacts:
    """The facts of a schedule whose kernels have been emitted."""
    kernels = []
    launches = {id(launch): k for k, launch in enumerate(schedule.launches)}
    for planned in plan.kernels:
        launch = planned.launch
        operations, moved = counts(launch)
        if planned.counted:
            operations, moved = planned.operations, planned.bytes
        body: tuple[str, ...] = ()
        if isinstance(launch.code, Recurrence):
            body = tuple(_line(inner) for inner in launch.code.body.launches)
        words = title(launch.code)
        names = fused(launch.code) if planned.finishes and not planned.is_packing else ()
        if planned.is_packing:
            words = f"prepare {words}"
        kernels.append(
            KernelFacts(
                launches[id(launch)], words, names,
                planned.note, operations, moved, planned.pieces,
                bool(planned.function) and is_shared(planned.pieces, planned.cost),
                _why_not_native(launch), body,
            )
        )  # fmt: skip
    nodes = len(schedule.program.nodes) - len(schedule.program.inputs)
    return ProgramFacts(
        schedule.program.digest[:12], nodes, tuple(kernels), plan.arena,
        plan.arena - schedule.arena,
    )  # fmt: skip


def _line(launch: Launch) -> str:
    names = fused(launch.code)
    return title(launch.code) + (f", {', '.join(names)}" if names else "")


def _why_not_native(launch: Launch) -> str:
    code = launch.code
    if not isinstance(code, Host):
        return ""
    name = code.node.primitive.name
    if name == "scan":
        return "a step of it has operations without native code, or that may fail"
    types = ", ".join(dict.fromkeys(str(n.dtype) for n in code.node.inputs))
    return f"there is no native code for {name} of {types}"
