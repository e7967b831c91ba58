"""Running a Case on an engine and comparing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.engines import Engine, Failure
from tests.engines.case import Case
from tests.engines.meaning import is_float


class Mismatch(AssertionError):
    """An engine gave something else than it must."""


def _bytes(array: Any) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def garbage(shape: Any, dtype: Any) -> Any:
    """An array full of what is no likely result."""
    array = np.empty(shape, dtype)
    array.reshape(-1).view(np.uint8)[...] = 0 if dtype == np.bool_ else 0xA5
    return array


def check(case: Case, engine: Engine, place: Callable[..., Any] | None = None) -> None:
    """Compile the case and run it three times: twice into new buffers, and into given ones full of
    other numbers, some of them the inputs that they replace. All must be right, and the last two
    equal to the bit. (The first may come from elsewhere: an engine may run a small program on the
    reference engine while it has not been called again.)

    Args:
        place: puts an array into memory of its own (`place(array, writable)`); guard mode.

    Raises:
        Mismatch: saying which output, where, and what it should have been.
    """
    program = case.program
    executable = case.compiled.get(engine.name)
    if executable is None:
        executable = case.compiled[engine.name] = engine.compile(program, "cpu")
    results: list[Any] = []
    for turn in range(3):
        given = turn == 2
        replaced = dict(program.replaces) if given else {}
        writable = set(replaced.values())
        if place is None:
            inputs = [np.array(x) if k in writable else x for k, x in enumerate(case.inputs)]
        else:
            inputs = [place(x, k in writable) for k, x in enumerate(case.inputs)]
        before = [None if k in writable else _bytes(x) for k, x in enumerate(inputs)]
        into: list[Any] = []
        for k, node in enumerate(program.outputs):
            if k in replaced:
                into.append(inputs[replaced[k]])
            elif given or place is not None:
                blank = garbage(node.shape, node.dtype.numpy)
                into.append(blank if place is None else place(blank, True))
            else:
                into.append(None)
        untouched = [None if x is None else _bytes(x) for x in into]
        failure, outputs = executable(inputs, into)
        for k, content in enumerate(before):
            if content is not None and content != _bytes(inputs[k]):
                raise Mismatch(f"input {k} was written")
        if case.failure is not None:
            _check_failure(case, failure, into, untouched)
            continue
        if failure is not None:
            raise Mismatch(f"failed: {failure}")
        _check_memory(case, inputs, into, outputs)
        for k, (result, expected) in enumerate(zip(outputs, case.expected)):
            compare(case, k, result, expected)
        if given:
            for k, (first, second) in enumerate(zip(results, outputs)):
                if first != _bytes(second):
                    raise Mismatch(f"output {k}: the same run again gave other bits")
        else:
            results = [_bytes(x) for x in outputs]


def _check_failure(case: Case, failure: Failure | None, into: Any, untouched: Any) -> None:
    if failure is None:
        raise Mismatch(f"should have failed with {case.failure}")
    if failure.error is not case.failure:
        raise Mismatch(f"failed with {failure.error}, not with {case.failure}")
    assert case.found is not None
    position = failure.position
    kinds = ("gather", "floor_divide", "remainder", "fmod")
    if position is None or case.found.order[position].primitive.name not in kinds:
        raise Mismatch(f"the failure names another operation: {failure}")
    for k, (target, content) in enumerate(zip(into, untouched)):
        if target is not None and _bytes(target) != content:
            raise Mismatch(f"the run failed, and output {k} was written")


def _check_memory(case: Case, inputs: Any, into: Any, outputs: Any) -> None:
    """The contract of Executable: types, contiguity, and no sharing."""
    nodes = case.program.outputs
    if len(outputs) != len(nodes):
        raise Mismatch(f"{len(outputs)} outputs instead of {len(nodes)}")
    for k, (node, target, result) in enumerate(zip(nodes, into, outputs)):
        if result.shape != node.shape or result.dtype != node.dtype.numpy:
            raise Mismatch(f"output {k} is {result.dtype}{list(result.shape)}, not {node.type}")
        if target is not None and result is not target:
            raise Mismatch(f"output {k} is not in the buffer that was given for it")
        if not result.flags.c_contiguous:
            raise Mismatch(f"output {k} is not contiguous")
        others = [x for x in (*inputs, *outputs[:k]) if x is not result]
        if any(np.may_share_memory(result, x) and np.shares_memory(result, x) for x in others):
            raise Mismatch(f"output {k} shares memory with another value")


def compare(case: Case, k: int, result: Any, expected: Any) -> None:
    right = np.asarray(case.domain.same(result, expected))
    if right.all():
        return
    place = tuple(int(i[0]) for i in np.nonzero(~np.atleast_1d(right)))
    if not right.ndim:
        place = ()
    got, wanted = result[place], expected.array[place]
    lines = [
        f"output {k} ({case.program.outputs[k].primitive.name}, {case.program.outputs[k].type}): "
        f"{int((~right).sum())} of {right.size} elements are wrong, first at {list(place)}: "
        f"{got!r}, not {wanted!r}"
    ]
    if hasattr(expected, "error") and is_float(np.asarray(wanted)):
        error = float(expected.error[place])
        lines.append(f"off by {abs(float(got) - float(wanted)):.3g}, where {error:.3g} is allowed")
    raise Mismatch("; ".join(lines))
