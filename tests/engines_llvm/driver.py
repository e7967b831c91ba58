"""Runs elementwise primitives of the LLVM engine on arrays, many in one module."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradatim.engines.llvm import native
from gradatim.engines.llvm.conversion import from_half_bits, half_bits, register_type
from gradatim.engines.llvm.elementwise import lower
from gradatim.engines.llvm.emit import Function, Module, Value, vector
from gradatim.engines.reference import MEANING
from gradatim.graph.dtypes import DType, bool_

ARITY = {"unary": 1, "binary": 2, "cast": 1, "select": 3}
BLOCK = 64  # counts are multiples of it: more lanes than any register has


@dataclass(frozen=True)
class Case:
    """One primitive at one dtype, computed `lanes` at a time."""

    name: str
    inputs: tuple[DType, ...]
    result: DType
    lanes: int

    @property
    def symbol(self) -> str:
        return "_".join([self.name, *(d.name for d in self.inputs), self.result.name,
                         f"x{self.lanes}"])  # fmt: skip


def is_half(dtype: DType) -> bool:
    return dtype.is_floating_point and dtype.itemsize == 2


def load(f: Function, address: Value, dtype: DType, lanes: int) -> Value:
    if is_half(dtype):
        return from_half_bits(f, f.load(vector("i16", lanes), address), dtype)
    if dtype is bool_:
        return f.compare("ne", f.load(vector("i8", lanes), address), 0)
    return f.load(vector(register_type(dtype), lanes), address)


def store(f: Function, value: Value, address: Value, dtype: DType) -> None:
    if is_half(dtype):
        value = half_bits(f, value, dtype)
    elif dtype is bool_:
        value = f.convert(value, "i8")
    f.store(value, address)


def write(module: Module, case: Case) -> bool:
    """Write the kernel `(result, inputs..., count)`; False if there is no lowering."""
    count = len(case.inputs)
    f = module.function(case.symbol, ["ptr"] * (1 + count) + ["i64"], "i32")
    target, *sources, total = f.params
    with f.loop(0, total, case.lanes) as i:
        values = [
            load(f, f.at(source, i, f"i{8 * dtype.itemsize}"), dtype, case.lanes)
            for source, dtype in zip(sources, case.inputs)
        ]
        result = lower(f, case.name, (), case.inputs[-1], case.result, values)
        if result is None:
            del module.functions[case.symbol]
            return False
        store(f, result, f.at(target, i, f"i{8 * case.result.itemsize}"), case.result)
    f.ret(0)
    return True


class Kernels:
    """The kernels of many cases, compiled together.

    Attributes:
        cases: those that have a lowering.
        missing: those that have none.
    """

    def __init__(self, cases: Sequence[Case]):
        module = Module(native.features())
        self.cases = [case for case in cases if write(module, case)]
        self.missing = [case for case in cases if case not in self.cases]
        self.code = native.object_code(module.text())
        self._library = native.load(self.code, [case.symbol for case in self.cases])

    def __call__(self, case: Case, *arrays: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        size = arrays[0].size
        padded = -(-size // BLOCK) * BLOCK
        inputs = []
        for array, dtype in zip(arrays, case.inputs):
            assert array.dtype == dtype.numpy, (array.dtype, case)
            inputs.append(np.concatenate([array, np.ones(padded - size, array.dtype)]))
        result = np.empty(padded, case.result.numpy)
        self.address(case)(result.ctypes.data, *(x.ctypes.data for x in inputs), padded)
        return result[:size]

    def address(self, case: Case) -> Any:
        types = [ctypes.c_void_p] * (1 + len(case.inputs)) + [ctypes.c_int64]
        return ctypes.CFUNCTYPE(ctypes.c_int32, *types)(self._library[case.symbol])


def reference(case: Case, *arrays: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the reference engine makes of it."""
    node: Any = SimpleNamespace(
        inputs=[SimpleNamespace(dtype=dtype) for dtype in case.inputs],
        dtype=case.result, params=(case.result,),
    )  # fmt: skip
    with np.errstate(all="ignore"):
        return np.asarray(MEANING[case.name](node, *arrays))


def as_integers(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.view(f"u{array.dtype.itemsize}")


def differing(got: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Where two arrays differ in a bit; one NaN is as good as another."""
    with np.errstate(all="ignore"):
        both_nan = (got != got) & (expected != expected)
    return (as_integers(got) != as_integers(expected)) & ~both_nan
