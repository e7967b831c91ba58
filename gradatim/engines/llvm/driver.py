"""Driver: the native function that runs a schedule.

It gets the arrays of one call as Python's own objects and reads each one's data pointer itself,
which spares Python from asking for addresses; then it calls the kernels in order, large ones
through the pool. A schedule with Nodes that only the reference engine knows has several drivers,
one for each stretch of kernels in between.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim.engines.llvm.along import Cumulative, Extreme, RunningExtreme, Sort
from gradatim.engines.llvm.along_code import (
    emit_cumulative,
    emit_extreme,
)
from gradatim.engines.llvm.contracting import contraction_parts
from gradatim.engines.llvm.contraction import emit_contraction
from gradatim.engines.llvm.elimination import Elimination, Singular
from gradatim.engines.llvm.elimination_code import emit_elimination, emit_singular
from gradatim.engines.llvm.emit import Function, Module, Value, constant
from gradatim.engines.llvm.exchanges import Exchanges, emit_exchanges
from gradatim.engines.llvm.kernels import (
    INPUT,
    OUTPUT,
    Contraction,
    Host,
    Launch,
    LoopNest,
    Rows,
    View,
)
from gradatim.engines.llvm.loops import Pieces, emit_loop
from gradatim.engines.llvm.padding import Pad, emit_pad
from gradatim.engines.llvm.recurrence import Recurrence, emit_scan
from gradatim.engines.llvm.rows import emit_rows, rows_pointers
from gradatim.engines.llvm.rowwise import RowNest
from gradatim.engines.llvm.rowwise_code import emit_rownest
from gradatim.engines.llvm.running_code import emit_running_extreme
from gradatim.engines.llvm.schedule import Schedule
from gradatim.engines.llvm.sort_code import emit_sort, sort_workspace
from gradatim.engines.llvm.stamps import now
from gradatim.engines.llvm.window_code import (
    emit_places,
    emit_windows,
    places_workspace,
    window_pointers,
)
from gradatim.engines.llvm.windows import Places, Windows

ALONE = 12_000.0  # nanoseconds of work that are not worth waking a thread for
_ALONG: dict[Any, Any] = {
    Extreme: emit_extreme,
    Cumulative: emit_cumulative,
    RunningExtreme: emit_running_extreme,
}
STRETCH = 64  # launches of one function
# (objects, arena, pool, report) -> number of the launch that failed, from 1, or 0
_DRIVER = ["ptr", "ptr", "ptr", "ptr"]
REPORT = 4  # int64 words that say what went wrong


@functools.cache
def data_offset() -> int:
    """Where a NumPy array object keeps its data pointer, in bytes from its start."""
    array = np.zeros(3)
    address = array.__array_interface__["data"][0]
    for offset in range(8, 96, 8):
        if ctypes.c_void_p.from_address(id(array) + offset).value == address:
            return offset
    raise RuntimeError("this NumPy keeps its data pointer in a place that is not known")


class Emitted:
    """A kernel's functions, and the workspace that they share.

    Attributes:
        parts: name, pieces, grain, cost in nanoseconds, and what each argument is: a number (which
            pointer of the launch), or the name of a workspace.
        workspaces: name -> bytes.
        reports: for reports, name -> what a contraction says of that function (a `Kernel`).
    """

    def __init__(
        self, parts: list[Any], workspaces: dict[str, int], reports: dict[str, Any] | None = None
    ):
        self.parts = parts
        self.workspaces = workspaces
        self.reports = reports or {}


def emit_schedule(schedule: Schedule, module: Module, stamps: bool = False) -> Plan:
    """Write all kernels of a schedule and its drivers into a module.

    Args:
        stamps: note the time before and after each kernel, in two words for each behind the
            report's own.
    """
    return _Writer(schedule, module, stamps).run()


@dataclass(frozen=True)
class Planned:
    """A kernel of a plan, for reports.

    Attributes:
        function: its name; "" for a Node of the reference engine.
        counted: whether `operations` and `bytes` are known here.
        is_packing: whether it only makes ready what another kernel of the launch reads.
        finishes: whether the operations behind a contraction are done in it.
    """

    launch: Launch
    function: str = ""
    pieces: int = 1
    cost: float = 0.0
    counted: bool = False
    operations: float = 0.0
    bytes: float = 0.0
    note: str = ""
    is_packing: bool = False
    finishes: bool = True


def is_shared(pieces: int, cost: float) -> bool:
    """Whether threads share the pieces of a kernel."""
    return pieces > 1 and cost >= ALONE


class Plan:
    """What the executable does: native segments, and Nodes for the reference engine in between.

    Attributes:
        segments: the name of a driver, or a Launch of a Host node.
        arena: bytes, workspaces included.
        cost: nanoseconds of one thread, roughly.
        kernels: all that is run, in order, for reports.
    """

    def __init__(self) -> None:
        self.segments: list[Any] = []
        self.arena = 0
        self.cost = 0.0
        self.kernels: list[Planned] = []


class _Writer:
    def __init__(self, schedule: Schedule, module: Module, stamps: bool):
        self.stamps = stamps
        self.schedule = schedule
        self.module = module
        self.known: dict[Any, Emitted] = {}
        self.plan = Plan()
        self.inputs = len(schedule.program.inputs)
        self.workspace = 0

    def run(self) -> Plan:
        plan = self.plan
        stretch: list[Launch] = []
        places: list[int] = []
        for k, launch in enumerate(self.schedule.launches):
            if isinstance(launch.code, Host):
                self._driver(stretch, places)
                stretch, places = [], []
                plan.segments.append(k)
                plan.kernels.append(Planned(launch))
            else:
                stretch.append(launch)
                places.append(k)
        self._driver(stretch, places)
        plan.arena = self.schedule.arena + self.workspace
        return plan

    def _kernel(self, code: Any) -> Emitted:
        """The functions of a kernel, written once for all its launches."""
        found = self.known.get(code)
        if found is None:
            name = f"kernel{len(self.known)}"
            if isinstance(code, LoopNest):
                found = _plain(emit_loop(self.module, name, code), _pointer_count(code))
            elif isinstance(code, RowNest):
                pieces = emit_rownest(self.module, name, code)
                found = _plain(pieces, len(code.reads) + len(code.writes))
            elif isinstance(code, Pad):
                found = _plain(emit_pad(self.module, name, code), 2 + (code.fill is None))
            elif isinstance(code, Windows):
                found = _plain(emit_windows(self.module, name, code), window_pointers(code))
            elif isinstance(code, Places):
                found = _places(self.module, name, code)
            elif type(code) in _ALONG:
                found = _plain(_ALONG[type(code)](self.module, name, code), 2)
            elif isinstance(code, Sort):
                found = _sort(self.module, name, code)
            elif isinstance(code, Recurrence):
                found = emit_scan(self.module, name, code)
            elif isinstance(code, Elimination):
                pieces = emit_elimination(self.module, name, code)
                found = _plain(pieces, 1 + code.results)
            elif isinstance(code, Singular):
                found = _plain(emit_singular(self.module, name, code), 1)
            elif isinstance(code, Exchanges):
                found = _plain(emit_exchanges(self.module, name, code), 2)
            elif isinstance(code, Rows):
                found = _plain(emit_rows(self.module, name, code), rows_pointers(code))
            else:
                assert isinstance(code, Contraction)
                found = _contraction(self.module, name, code)
            self.known[code] = found
        return found

    def _driver(self, launches: list[Launch], places: list[int]) -> None:
        if not launches:
            return
        name = f"run{len(self.plan.segments)}"
        self.plan.segments.append(name)
        self.module.declare("gradatim_parallel_for", "i32", ["ptr", "ptr", "ptr", "i64", "i64"])
        if len(launches) <= STRETCH:
            self._stretch(name, launches, places)
            return
        # LLVM's time grows with the square of a function's length.
        f = self.module.function(name, _DRIVER, "i32")
        for k in range(0, len(launches), STRETCH):
            part = f"{name}_{k // STRETCH}"
            self._stretch(part, launches[k : k + STRETCH], places[k : k + STRETCH], internal=True)
            status = f.call(part, "i32", *f.params)
            with f.if_(f.compare("ne", status, 0)):
                f.ret(status)
                f.start(f.label("dead"))
        f.ret(0)

    def _stretch(
        self, name: str, launches: list[Launch], places: list[int], internal: bool = False
    ) -> None:
        """A function that runs some launches."""
        f = self.module.function(name, _DRIVER, "i32", internal=internal)
        objects, arena, pool, report = f.params
        bases: dict[Any, Value] = {}
        emitted = [self._kernel(launch.code) for launch in launches]
        most = max((len(p[4]) for e in emitted for p in e.parts), default=0)
        args = f.alloca("ptr", max(1, most))
        for launch, kernel, place in zip(launches, emitted, places):
            # Workspaces come behind the arena; kernels run one after the other and share them.
            at = self.schedule.arena
            spaces: dict[str, int] = {}
            for space, size in kernel.workspaces.items():
                spaces[space] = at
                at += -(-size // 64) * 64
            self.workspace = max(self.workspace, at - self.schedule.arena)
            pointers = [self._pointer(f, objects, arena, bases, v) for v in launch.pointers]
            for function, pieces, grain, cost, reads in kernel.parts:
                if not pieces:
                    continue
                for k, what in enumerate(reads):
                    if what == "report":
                        value = report
                    elif what == "pool":
                        value = pool
                    elif isinstance(what, str):
                        value = f.at_byte(arena, spaces[what])
                    else:
                        value = pointers[what]
                    f.store(value, f.at(args, k, "ptr"))
                self._stamp(f, report, 0)
                self._call(f, pool, args, function, pieces, grain, cost, launch, place)
                self._stamp(f, report, 1)
                self.plan.cost += cost
                self._note(launch, kernel, function, pieces, cost)
        f.ret(0)

    def _stamp(self, f: Function, report: Value, which: int) -> None:
        if self.stamps:
            word = REPORT + 2 * len(self.plan.kernels) + which
            f.store(now(f), f.at(report, word, "i64"))

    def _note(
        self, launch: Launch, kernel: Emitted, function: str, pieces: int, cost: float
    ) -> None:
        own = kernel.reports.get(function)
        if own is None:
            main = max(kernel.parts, key=lambda part: part[3])[0]
            planned = Planned(
                launch, function, pieces, cost, counted=function != main,
                is_packing=function != main,
            )  # fmt: skip
        else:
            finishes = any(name.startswith("output") for name in own.arguments)
            planned = Planned(
                launch, function, pieces, cost, True, own.flops, own.bytes, own.note,
                is_packing=not own.flops and not finishes, finishes=finishes,
            )  # fmt: skip
        self.plan.kernels.append(planned)

    def _pointer(
        self, f: Function, objects: Value, arena: Value, bases: dict[Any, Value], view: View
    ) -> Value:
        storage = view.storage
        base = bases.get(storage)
        if base is None:
            if storage.kind in (INPUT, OUTPUT):
                place = storage.position + (self.inputs if storage.kind == OUTPUT else 0)
                array = f.load("ptr", f.at(objects, place, "ptr"))
                base = f.load("ptr", f.at_byte(array, data_offset()))
            else:
                base = f.at_byte(arena, storage.offset)
            bases[storage] = base
        offset = view.offset * storage.dtype.itemsize
        return f.at_byte(base, offset) if offset else base

    def _call(
        self, f: Function, pool: Value, args: Value, function: str, pieces: int, grain: int,
        cost: float, launch: Launch, place: int,
    ) -> None:  # fmt: skip
        alone = not is_shared(pieces, cost)
        if alone and function not in self.module.scratch_users:
            text = f"call i32 @{function}({args!r}, i64 0, i64 {pieces}, ptr null)"
        else:
            step = pieces if alone else grain
            text = (
                f"call i32 @gradatim_parallel_for({pool!r}, ptr @{function}, {args!r}, "
                f"i64 {pieces}, i64 {step})"
            )
        status = f.emit(text, "i32")
        with f.if_(f.compare("ne", status, 0)):
            f.ret(constant(place + 1, "i32"))
            f.start(f.label("dead"))


def _pointer_count(code: LoopNest) -> int:
    return len(code.reads) + len(code.writes) + len(code.reductions) + code.scalars


def _plain(pieces: list[Pieces], pointers: int) -> Emitted:
    reads: list[Any] = [*range(pointers), "report"]
    return Emitted([(p.name, p.pieces, p.grain, p.cost, reads) for p in pieces], {})


def _sort(module: Module, name: str, code: Sort) -> Emitted:
    spaces = sort_workspace(code)
    reads: list[Any] = [0, 1, 2, *spaces]
    parts = [(p.name, p.pieces, p.grain, p.cost, reads) for p in emit_sort(module, name, code)]
    return Emitted(parts, spaces)


def _places(module: Module, name: str, code: Places) -> Emitted:
    size = places_workspace(code)
    reads: list[Any] = [0, 1, 2, *["sums"] * (size > 0)]
    parts = [(p.name, p.pieces, p.grain, p.cost, reads) for p in emit_places(module, name, code)]
    return Emitted(parts, {"sums": size} if size else {})


def _contraction(module: Module, name: str, code: Contraction) -> Emitted:
    nest, extras, outputs, epilogue = contraction_parts(code)
    kernels = emit_contraction(module, name, nest, extras, outputs, epilogue)
    parts = []
    workspaces: dict[str, int] = {}
    for kernel in kernels:
        reads = name_pointers(kernel.arguments, len(extras))
        workspaces |= kernel.writes
        module.scratch_users.add(kernel.name)
        parts.append((kernel.name, kernel.pieces, kernel.grain, kernel_cost(kernel), reads))
    return Emitted(parts, workspaces, {kernel.name: kernel for kernel in kernels})


def kernel_cost(kernel: Any) -> float:
    """About the nanoseconds that one thread takes."""
    nanoseconds: float = kernel.flops / 60 + kernel.bytes / 12
    return nanoseconds


def name_pointers(arguments: list[str], extras: int) -> list[Any]:
    """What a contraction's kernel wants in each of its arguments: the number of a pointer of the
    launch (a, b, the epilogue's reads, the outputs), or a workspace's name."""
    reads: list[Any] = []
    for argument in arguments:
        if argument in "ab":
            reads.append("ab".index(argument))
        elif argument.startswith("extra"):
            reads.append(2 + int(argument[5:]))
        elif argument.startswith("output"):
            reads.append(2 + extras + int(argument[6:]))
        else:
            reads.append(argument)
    return reads
