"""Engines with a fault in them: the tests must find every one.

`broken:FAULT` runs the reference engine's meaning of each primitive, except for one that FAULT
changes (`broken:negated-tanh`, `broken:any-sort`). The reads and writes outside a buffer are real
ones, so that guarded memory is tested, too.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.engines.reference import MEANING, ReferenceEngine, ReferenceExecutable
from gradatim.graph.node import Node
from gradatim.graph.program import Program
from gradatim.graph.rewrite import simplify

Fault = Callable[[Node, Any, tuple[Any, ...]], Any]  # (node, right result, inputs) -> wrong result


def _negated(node: Node, result: Any, inputs: Any) -> Any:
    return np.negative(result)


def _swapped(node: Node, result: Any, inputs: Any) -> Any:
    """The first two axes of equal extent change places."""
    for i in range(result.ndim):
        for j in range(i + 1, result.ndim):
            if result.shape[i] == result.shape[j] > 1:
                return np.ascontiguousarray(np.swapaxes(result, i, j))
    return result


def _without_nan(node: Node, result: Any, inputs: Any) -> Any:
    """NaN is lost, as in `x > 0 ? x : 0`."""
    if isinstance(result, tuple):
        return (_without_nan(node, result[0], inputs), *result[1:])
    if result.dtype.kind != "f":
        return result
    return np.where(np.isnan(result), np.zeros((), result.dtype), result)


def _last(node: Node, result: Any, inputs: Any) -> Any:
    """The last element is wrong, as by a loop's tail that is one too short."""
    if isinstance(result, tuple):
        return (_last(node, result[0], inputs), *result[1:])
    result = np.array(result)
    if result.size:
        flat = result.reshape(-1)
        flat[-1] = ~flat[-1] if flat.dtype == np.bool_ else flat[-1] + flat.dtype.type(1)
    return result


def _imprecise(node: Node, result: Any, inputs: Any) -> Any:
    """float32 with 16 bits fewer."""
    if result.dtype != np.float32:
        return result
    return (np.array(result).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def _read(address: int) -> float:
    return ctypes.c_uint8.from_address(address).value


def _reads_behind(node: Node, result: Any, inputs: Any) -> Any:
    x = inputs[0]
    if x.size and x.flags.c_contiguous:
        _read(x.ctypes.data + x.nbytes)
    return result


def _reads_before(node: Node, result: Any, inputs: Any) -> Any:
    x = inputs[0]
    if x.size and x.flags.c_contiguous:
        _read(x.ctypes.data - 1)
    return result


def _writes_behind(node: Node, result: Any, inputs: Any) -> Any:
    x = inputs[0]
    is_guarded = node.inputs[0].primitive.name == "input"  # elsewhere it would harm the test itself
    if x.size and x.flags.c_contiguous and is_guarded:
        ctypes.c_uint8.from_address(x.ctypes.data + x.nbytes).value = 0xEE
    return result


FAULTS: dict[str, Fault] = {
    "negated": _negated,
    "swapped": _swapped,
    "without_nan": _without_nan,
    "last": _last,
    "imprecise": _imprecise,
    "reads_behind": _reads_behind,
    "reads_before": _reads_before,
    "writes_behind": _writes_behind,
}


class _Executable(ReferenceExecutable):
    def __init__(self, program: Program, fault: Fault, primitive: str):
        super().__init__(program)

        def wrong(node: Node, *arrays: Any) -> Any:
            return fault(node, MEANING[primitive](node, *arrays), arrays)

        self.steps = [
            (wrong if node.primitive.name == primitive else run, node, *rest)
            for run, node, *rest in self.steps
        ]


class BrokenEngine(ReferenceEngine):
    """The reference engine with one fault at one primitive.

    Args:
        name: `broken:FAULT-PRIMITIVE`.
    """

    def __init__(self, name: str):
        self.name = name
        fault, _, self.primitive = name.removeprefix("broken:").partition("-")
        self.fault = FAULTS[fault]

    def compile(self, program: Program, device: str) -> ReferenceExecutable:
        return _Executable(simplify(program), self.fault, self.primitive)


class WritesBeforeReading(ReferenceEngine):
    """Copies each output into its place before the next one is computed: wrong where an output
    replaces an input that another one still needs."""

    name = "broken:writes_before_reading"

    def compile(self, program: Program, device: str) -> Any:
        simple = simplify(program)
        alone = [
            ReferenceExecutable(Program(simple.inputs, (output,), simple.strides, (simple.key, k)))
            for k, output in enumerate(simple.outputs)
        ]

        def run(inputs: Any, into: Any) -> Any:
            results = []
            for executable, target in zip(alone, into):
                failure, (result,) = executable(inputs, [target])
                if failure is not None:
                    return failure, []
                results.append(result)
            return None, results

        return run
