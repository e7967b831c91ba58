"""Operations: element types in memory and in registers, and the body of a kernel on vectors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from gradatim.engines.llvm import conversion, elementwise, native
from gradatim.engines.llvm.emit import Function, Module, Type, Value, constant, lanes, vector
from gradatim.graph import dtypes
from gradatim.graph.dtypes import DType
from gradatim.graph.node import Node

MEMORY_TYPES: dict[DType, Type] = {
    dtypes.bool_: "i8",
    dtypes.uint8: "i8",
    dtypes.int8: "i8",
    dtypes.uint16: "i16",
    dtypes.int16: "i16",
    dtypes.uint32: "i32",
    dtypes.int32: "i32",
    dtypes.uint64: "i64",
    dtypes.int64: "i64",
    # LLVM moves lanes of its own half types by library functions where the processor has none.
    dtypes.float16: "i16",
    dtypes.bfloat16: "i16",
    dtypes.float32: "float",
    dtypes.float64: "double",
}
REGISTER_TYPES: dict[DType, Type] = {
    **MEMORY_TYPES,
    dtypes.bool_: "i1",
    dtypes.float16: "float",
    dtypes.bfloat16: "float",
}


def to_register(f: Function, value: Value, dtype: DType) -> Value:
    """A loaded value as computation wants it: bool as i1, half types as float."""
    if dtype is dtypes.bool_:
        return f.compare("ne", value, 0)
    if dtype is dtypes.float16 or dtype is dtypes.bfloat16:
        return conversion.from_half_bits(f, value, dtype)
    return value


def to_memory(f: Function, value: Value, dtype: DType) -> Value:
    """The opposite of `to_register`."""
    if dtype is dtypes.bool_:
        return f.convert(value, "i8", signed=False)
    if dtype is dtypes.float16 or dtype is dtypes.bfloat16:
        return conversion.half_bits(f, value, dtype)
    return value


def divides_integers(name: str, dtype: DType) -> bool:
    """Whether an operation fails where its divisor is 0."""
    return name in ("floor_divide", "remainder", "fmod") and not dtype.is_floating_point


def emit_operations(
    f: Function,
    operations: Any,
    count: int,
    find: Callable[[Any, list[Value]], Value],
    mask: Value | None = None,
) -> list[Value]:
    """Write the operations of a body on vectors of `count` lanes. `find(reference, results)` gives
    the value of a reference that is not an operation's. The function returns 1 where an integer is
    divided by 0 (in a lane whose mask is on)."""
    results: list[Value] = []

    def value(reference: Any) -> Value:
        if reference[0] == "op":
            return results[int(reference[1])]
        if reference[0] == "constant":
            return constant(reference[1], vector(REGISTER_TYPES[reference[2]], count))
        return find(reference, results)

    for operation in operations:
        given = [value(reference) for reference in operation.operands]
        if divides_integers(operation.name, operation.reads):
            _stop_at_zero(f, given[1], mask)
        made = elementwise.lower(
            f, operation.name, operation.params, operation.reads, operation.gives, given
        )
        assert made is not None, f"{operation.name} has no lowering"
        results.append(made)
    return results


def _stop_at_zero(f: Function, divisor: Value, mask: Value | None) -> None:
    bad = f.compare("eq", divisor, 0) if divisor.type[-2:] != "i1" else f.not_(divisor)
    if mask is not None:
        bad = f.and_(bad, mask)
    if lanes(bad.type) > 1:
        packed = f.bitcast(bad, f"i{lanes(bad.type)}")
        bad = f.compare("ne", packed, 0)
    with f.if_(bad):
        f.do("ret i32 1")
        f.start(f.label("dead"))


def can_lower(node: Node) -> bool:
    """Whether an elementwise Node has vector code for its dtypes."""
    reads = node.inputs[1 if node.primitive.kind == "select" else 0].dtype
    return _can_lower(node.primitive.name, reads, node.dtype, len(node.inputs))


@functools.cache
def _can_lower(name: str, reads: DType, gives: DType, count: int) -> bool:
    types = [REGISTER_TYPES[reads]] * count
    if name == "select":
        types[0] = "i1"
    f = Module(native.features()).function("trial", types, "i32")
    return elementwise.lower(f, name, (), reads, gives, f.params) is not None


def accumulator(dtype: DType) -> DType:
    """The dtype in which sums are made: float32 for the half types."""
    return dtypes.float32 if dtype.itemsize == 2 and dtype.is_floating_point else dtype
