"""The engine: compiles Programs to native code and calls it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradatim.engines import Bound, Failure, Stop, deferred_interrupts, rebinding, reference
from gradatim.engines.facts import ProgramFacts
from gradatim.engines.llvm import cache, native, threads
from gradatim.engines.llvm.describe import describe
from gradatim.engines.llvm.driver import REPORT, Plan, emit_schedule
from gradatim.engines.llvm.elimination import Singular
from gradatim.engines.llvm.emit import Module
from gradatim.engines.llvm.exchanges import Exchanges
from gradatim.engines.llvm.kernels import INPUT, OUTPUT, Rows, View
from gradatim.engines.llvm.memory import Arena, check_size, give_back, take_arena
from gradatim.engines.llvm.probe import Probe
from gradatim.engines.llvm.schedule import Schedule, schedule
from gradatim.engines.llvm.stamps import NOW
from gradatim.engines.reference_linalg import bad_pivot, singular
from gradatim.graph.errors import DivisionByZero, ElementOutOfRange, LinAlgError
from gradatim.graph.node import Node
from gradatim.graph.program import Program
from gradatim.graph.rewrite import simplify

Array = np.ndarray[Any, Any]

HOLD_GIL = 1e6  # nanoseconds: a shorter call keeps the GIL, for taking it back can cost more
SMALL = 2e5  # nanoseconds: a Program as small runs on the reference engine the first time


class LLVMExecutable:
    """A compiled Program."""

    def __init__(self, program: Program, stamps: bool = False):
        made = schedule(program)
        self.schedule = made
        self.outputs = [(shape, dtype.numpy) for shape, dtype in made.outputs]
        results = sum(node.size * node.dtype.itemsize for node in program.outputs)
        check_size(made.arena + results)
        if stamps:
            self.whole_plan, ir = _emit(made, stamps)
            plan, code = _description(self.whole_plan), native.object_code(ir)
        else:
            plan, code = _compiled(program, made)
        self.plan = plan
        self.arena_bytes = plan["arena"]
        # A short call holds the GIL: to take it back beside a busy Python thread costs more.
        kind = ctypes.PYFUNCTYPE if plan["cost"] < HOLD_GIL else ctypes.CFUNCTYPE
        prototype = kind(ctypes.c_int, *[ctypes.c_void_p] * 4)
        self.library = None
        names = [segment for segment in plan["segments"] if isinstance(segment, str)]
        if names:
            names += [NOW] * stamps
            address = threads.pool().parallel_for_address
            self.library = native.load(code, names, {"gradatim_parallel_for": address})
        self.steps: list[Any] = [
            prototype(self.library[segment])  # type: ignore[index]
            if isinstance(segment, str)
            else made.launches[segment]
            for segment in plan["segments"]
        ]
        # Most Programs are one native call.
        self.single: Any = self.steps[0] if len(self.steps) == 1 and names else None
        self.vector = ctypes.c_void_p * (len(program.inputs) + len(made.outputs))
        self.report = (ctypes.c_int64 * REPORT)()

    def __call__(
        self, inputs: Sequence[Array], into: Sequence[Array | None]
    ) -> tuple[Failure | None, list[Array]]:
        results = [
            np.empty(*self.outputs[k]) if target is None else target
            for k, target in enumerate(into)
        ]
        # Native code reads the array objects themselves: a number of NumPy's is none.
        arrays = [a if isinstance(a, np.ndarray) else np.asarray(a) for a in (*inputs, *results)]
        if self.single is None:
            with deferred_interrupts():  # between two segments, outputs may be half written
                failure = self._run_segments(arrays, len(inputs))
        else:
            failure = self._run(self.vector(*map(id, arrays)))
        return failure, results if failure is None else []

    def _run(self, objects: Any) -> Failure | None:
        """Run a Program that is one native call."""
        arena = take_arena(self.arena_bytes)
        failed = self.single(objects, arena.address, threads.pool().address, self.report)
        give_back(arena)
        return self._failure(failed - 1) if failed else None

    def _run_segments(self, arrays: list[Array], inputs: int) -> Failure | None:
        arena = take_arena(self.arena_bytes)
        objects = self.vector(*map(id, arrays))
        failure: Failure | None = None
        for step in self.steps:
            if callable(step):
                failed = step(objects, arena.address, threads.pool().address, self.report)
                failure = self._failure(failed - 1) if failed else None
            else:
                failure = self._host(step, arrays, inputs, arena)
            if failure is not None:
                break
        give_back(arena)
        return failure

    def bind(self, inputs: Sequence[Array | None], into: Sequence[Array | None]) -> Bound:
        """A function for calls with these buffers; see `engines.Bindable`."""
        if self.single is None:
            return rebinding(self, inputs, into)
        arrays = [*inputs, *into]
        objects = self.vector(*(0 if array is None else id(array) for array in arrays))
        varying = [k for k, array in enumerate(inputs) if array is None]
        first = len(inputs)
        new = [(first + k, *self.outputs[k]) for k, target in enumerate(into) if target is None]
        run, arena_bytes, report = self.single, self.arena_bytes, self.report
        empty, pool = np.empty, threads.pool

        def bound(
            given: Sequence[Array], _held: Any = arrays
        ) -> tuple[Failure | None, list[Array]]:
            for k, array in zip(varying, given):
                objects[k] = id(array)
            made = []
            for k, shape, dtype in new:
                array = empty(shape, dtype)
                objects[k] = id(array)
                made.append(array)
            arena = take_arena(arena_bytes)
            failed = run(objects, arena.address, pool().address, report)
            give_back(arena)
            return (None, made) if not failed else (self._failure(failed - 1), [])

        return bound

    def _host(self, launch: Any, arrays: list[Array], inputs: int, arena: Arena) -> Failure | None:
        """Run a Node on the reference engine."""
        node = launch.code.node
        views = [_array(view, arrays, inputs, arena) for view in launch.pointers]
        count = len(node.inputs)
        try:
            with np.errstate(all="ignore"):
                result = reference.MEANING[node.primitive.name](node, *views[:count])
        except Stop as stop:
            return Failure(stop.error, str(stop), node.site[1] if node.site else None)
        if isinstance(node.dtype, tuple):
            for target, pick in zip(views[count:], launch.nodes):
                np.copyto(target, result[pick.params[0]])
        else:
            np.copyto(views[count], result)
        return None

    def _failure(self, place: int) -> Failure:
        launch = self.schedule.launches[place]
        node = launch.node
        position = node.site[1] if node is not None and node.site else None
        code = launch.code
        if isinstance(code, Rows):
            extent, _, dim = code.axis
            return Failure(
                ElementOutOfRange,
                f"index {self.report[0]} is out of bounds for dimension {dim} with size {extent}",
                position,
            )
        if isinstance(code, Singular):
            matrix = self.report[0] if code.batched else None
            return Failure(LinAlgError, singular(code.name, matrix, self.report[1]), position)
        if isinstance(code, Exchanges):
            return Failure(ElementOutOfRange, bad_pivot(self.report[0], code.places), position)
        return Failure(
            DivisionByZero, "ZeroDivisionError: integer division or modulo by zero", position
        )


def _array(view: View, arrays: list[Array], inputs: int, arena: Arena) -> Array:
    storage = view.storage
    if 0 in view.shape:
        return np.empty(view.shape, storage.dtype.numpy)
    if storage.kind not in (INPUT, OUTPUT):
        return arena.array(view)
    base = arrays[storage.position + (inputs if storage.kind == OUTPUT else 0)]
    return np.asarray(_Window(base, view)).view(base.dtype)


class _Window:
    """A view of an array's memory from its first element on, whatever the array's own strides."""

    def __init__(self, base: Array, view: View):
        size = base.dtype.itemsize
        address = base.__array_interface__["data"][0] + view.offset * size
        self.base = base
        self.__array_interface__ = {
            "version": 3,
            "data": (address, False),
            "shape": view.shape,
            "strides": tuple(t * size for t in view.strides),
            "typestr": f"<u{size}",
        }


compiled = 0  # Programs that LLVM compiled in this process


def _compiled(program: Program, made: Schedule) -> tuple[dict[str, Any], bytes]:
    """The plan and the object code of a schedule, from the cache or made now."""
    global compiled
    dump = os.environ.get("GRADATIM_DUMP")
    name = cache.entry_name(program.digest)
    if not dump:
        found = cache.read(name)
        if found is not None:
            return found
    compiled += 1
    plan, ir = _emit(made)
    if dump:
        _dump(Path(dump), program, made, ir)
    has_code = any(isinstance(segment, str) for segment in plan.segments)
    code = native.object_code(ir) if has_code else b""
    description = _description(plan)
    cache.write(name, description, code)
    return description, code


def _emit(made: Schedule, stamps: bool = False) -> tuple[Plan, str]:
    """The plan and the IR of a schedule."""
    module = Module(native.features())
    plan = emit_schedule(made, module, stamps)
    return plan, module.text()


def _description(plan: Plan) -> dict[str, Any]:
    """What of a plan an executable needs."""
    return {"segments": plan.segments, "arena": plan.arena, "cost": plan.cost}


class Tiered:
    """An executable that is compiled when it is called a second time: work that is done once, as
    in an interactive session, does not wait for LLVM."""

    def __init__(self, program: Program):
        self.program = program
        self.first: Any = reference.ReferenceExecutable(program)
        self.native: LLVMExecutable | None = None

    def __call__(
        self, inputs: Sequence[Array], into: Sequence[Array | None]
    ) -> tuple[Failure | None, list[Array]]:
        if self.native is not None:
            return self.native(inputs, into)
        if self.first is None:
            self.native = LLVMExecutable(self.program)
            return self.native(inputs, into)
        first, self.first = self.first, None
        answer: tuple[Failure | None, list[Array]] = first(inputs, into)
        return answer


class LLVMEngine:
    """Native code for this machine's processor."""

    name = "llvm"

    def compile(self, program: Program, device: str) -> Any:
        simple = simplify(program)
        if not program.replaces and program.key[-1] != "step" and _cost(simple.nodes) < SMALL:
            return Tiered(simple)
        return LLVMExecutable(simple)

    def explain(self, program: Program) -> ProgramFacts:
        """The kernels that a Program becomes."""
        made = schedule(simplify(program))
        return describe(made, _emit(made)[0])

    def compile_timed(self, program: Program, device: str) -> Any:
        """A `TimedExecutable`."""
        from gradatim.engines.llvm.timed import TimedExecutable

        return TimedExecutable(simplify(program))

    def make_probe(self, threads_: int) -> Probe:
        """What measures the speed of that many threads; Programs use as many from now on."""
        threads.set_num_threads(threads_)
        return Probe()

    def from_host(self, array: Array, device: str, sharding: Any = None) -> Array:
        return array

    def to_host(self, buffer: Array) -> Array:
        return buffer


def _cost(nodes: Iterable[Node]) -> float:
    """Nanoseconds that NumPy would take, roughly."""
    total = 0.0
    for node in nodes:
        if node.primitive.name == "scan":
            body, _, _, length, _ = node.params
            inside = body.nodes[len(body.inputs) :]
            total += length * (_cost(inside) + 1000 * len(inside))  # a call of NumPy for each
        elif node.primitive.kind == "contract":
            depth = 1
            for axis in node.params[0]:
                depth *= node.inputs[0].shape[axis]
            total += node.size * depth / 20
        elif isinstance(node.dtype, tuple):
            total += 1000
        else:
            total += node.size
    return total


def _dump(place: Path, program: Program, made: Schedule, ir: str) -> None:
    """What GRADATIM_DUMP asks for: graph, schedule, IR and assembly as files, each whole or not
    there at all. They have the Program's name: compiled again, it writes them again."""
    place.mkdir(parents=True, exist_ok=True)
    files = {
        "graph.txt": repr(program) + "\n",
        "schedule.txt": repr(made) + "\n",
        "ll": ir,
        "s": native.assembly(ir),
    }
    for ending, text in files.items():
        path = place / f"{program.digest[:12]}.{ending}"
        temporary = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)


ENGINE = LLVMEngine()
__all__ = ["ENGINE", "LLVMEngine", "LLVMExecutable"]
