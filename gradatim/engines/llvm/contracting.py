"""Contracting: a `Contraction` of the schedule as a nest with an epilogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim.engines.llvm.contraction import Nest, Side
from gradatim.engines.llvm.conversion import HALF_TYPES, round_to
from gradatim.engines.llvm.emit import Function, Value, constant, lanes, vector
from gradatim.engines.llvm.operations import (
    MEMORY_TYPES,
    REGISTER_TYPES,
    emit_operations,
    to_memory,
    to_register,
)
from gradatim.graph import dtypes

Epilogue = Callable[[Function, Value, Sequence[Value]], list[Value]]


def contraction_parts(code: Any) -> tuple[Nest, list[Side], list[Side], Epilogue]:
    """What `emit_contraction` is told of a `Contraction`."""
    half = code.dtype in HALF_TYPES
    memory = HALF_TYPES[code.dtype] if half else MEMORY_TYPES[code.dtype]
    accumulate = "float" if half else memory
    nest = Nest(memory, accumulate, code.batch, code.rows, code.columns, code.depth)
    cuts = len(code.batch), len(code.batch) + len(code.rows)

    def side(access: Any) -> Side:
        s = access.strides
        return Side(MEMORY_TYPES[access.dtype], s[: cuts[0]], s[cuts[0] : cuts[1]], s[cuts[1] :])

    def epilogue(f: Function, acc: Value, extras: Sequence[Value]) -> list[Value]:
        count = lanes(acc.type)
        result = round_to(f, acc, code.dtype) if half else acc
        if code.dtype is dtypes.bool_:
            result = f.compare("ne", acc, 0)

        def find(reference: Any, results: list[Value]) -> Value:
            if reference[0] == "acc":
                return result
            if reference[0] == "op":
                return results[int(reference[1])]
            if reference[0] == "constant":
                return constant(reference[1], vector(REGISTER_TYPES[reference[2]], count))
            access = code.reads[reference[1]]
            return to_register(f, extras[reference[1]], access.dtype)

        results = emit_operations(f, code.operations, count, find)
        return [
            to_memory(f, find(reference, results), access.dtype)
            for access, reference in code.writes
        ]

    return nest, [side(a) for a in code.reads], [side(a) for a, _ in code.writes], epilogue
