"""Every float32 there is through a vector function: `python -m tests.engines_llvm.sweep exp log`.

Prints the largest error in units in the last place, against the float64 function (which the tests
compare with mpmath), and the argument it is at. About ten seconds a function;
`GRADATIM_CPU_FEATURES` chooses the instructions.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.engines.llvm import native
from gradatim.engines.llvm.elementwise import lower
from gradatim.engines.llvm.emit import Function, Module, Value, constant, vector_constant
from gradatim.engines.llvm.vector_tools import at_least, at_most
from gradatim.graph.dtypes import float32, float64

Array = np.ndarray[Any, Any]


def _sigmoid(x: Array) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _scipy(name: str) -> Callable[[Array], Any]:
    def run(x: Array) -> Any:
        from scipy import special  # only here: the project does not need SciPy

        return getattr(special, name)(x)

    return run


# What NumPy or SciPy make of float64.
FUNCTIONS: dict[str, Callable[[Array], Any]] = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2,
    "log10": np.log10, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "sigmoid": _sigmoid, "erf": _scipy("erf"), "erfc": _scipy("erfc"), "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
}  # fmt: skip


def ulps(got: Array, exact: Array) -> Array:
    """Errors in units in the last place of the float32 nearest to the exact float64; infinite where
    one is finite, NaN or negative zero and the other is not.
    """
    nearest = exact.astype(np.float32)
    same = (got == nearest) & (np.signbit(got) == np.signbit(nearest))
    same |= np.isnan(got) & np.isnan(nearest)
    result = np.zeros(got.shape)
    for k in np.flatnonzero(~same & ~(np.isfinite(got) & np.isfinite(nearest))):
        # An overflow is a rounding: the exact number may lie just above the largest float.
        result[k] = abs(_extended(got[k]) - _extended(exact[k])) / 2.0**104
    some = np.flatnonzero(~same & (result == 0))
    spacing = np.spacing(np.abs(nearest[some])).astype(np.float64)
    result[some] = np.abs(got[some].astype(np.float64) - exact[some]) / spacing
    zeros = some[(got[some] == 0) & (nearest[some] == 0)]
    result[zeros] = np.inf
    return np.where(np.isnan(result), np.inf, result)


def _extended(number: Any) -> float:
    return float(np.copysign(2.0**128, number)) if abs(float(number)) > 2.0**128 else float(number)


def write_sweep(module: Module, name: str) -> None:
    """Write `i32 name(i64 begin, i64 end, ptr errors, ptr patterns)`: the largest error in each of
    16 lanes, and the bits of its argument, of all the float32 with bits from `begin` to `end`.
    """
    f = module.function(name, ["i64", "i64", "ptr", "ptr"], "i32")
    begin, end, errors, patterns = f.params
    numbers = vector_constant(list(range(16)), "i32")
    none = constant(-1.0, "<16 x double>")
    with f.loop(begin, end, 16, carry=[none, constant(0, numbers.type)]) as turn:
        pattern = f.add(f.splat(f.convert(turn.index, "i32"), 16), numbers)
        x = f.bitcast(pattern, "<16 x float>")
        got = lower(f, name, (), float32, float32, [x])
        exact = lower(f, name, (), float64, float64, [f.convert(x, "double")])
        assert got is not None and exact is not None
        error = error_in_ulps(f, got, exact)
        worse = f.compare("gt", error, turn.carry[0])
        turn.next(*(f.select(worse, a, b) for a, b in zip((error, pattern), turn.carry)))
    f.store(turn.results[0], errors)
    f.store(turn.results[1], patterns)
    f.ret(0)


def error_in_ulps(f: Function, got: Value, exact: Value) -> Value:
    """As `ulps`, in vector code."""
    nearest = f.convert(exact, "float")
    size = f.bitcast(f.convert(f.unary("fabs", nearest), "double"), "<16 x i64>")
    unit = f.mul(f.bitcast(f.and_(size, 0x7FF << 52), exact.type), 2.0**-23)
    unit = at_most(f, at_least(f, unit, 2.0**-149), 2.0**104)
    # (An overflow is a rounding: the exact number may lie just above the largest float.)
    wide = f.convert(got, "double")
    ends = [at_most(f, at_least(f, v, -(2.0**128)), 2.0**128) for v in (wide, exact)]
    error = f.div(f.unary("fabs", f.sub(*ends)), unit)
    wrong = f.xor(f.is_nan(wide), f.is_nan(exact))
    zeros = f.and_(f.compare("eq", got, 0.0), f.compare("eq", nearest, 0.0))
    signs = f.xor(f.bitcast(got, "<16 x i32>"), f.bitcast(nearest, "<16 x i32>"))
    wrong = f.or_(wrong, f.and_(zeros, f.compare("lt", signs, 0)))
    error = f.select(f.is_nan(error), 0.0, error)
    return f.select(wrong, constant(float("inf"), error.type), error)


def sweep(name: str) -> tuple[float, float]:
    """The largest error over all float32, and the argument it is at."""
    module = Module(native.features())
    write_sweep(module, name)
    library = native.load(native.object_code(module.text()), [name])
    types = [ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p]
    run = ctypes.CFUNCTYPE(ctypes.c_int32, *types)(library[name])
    errors, patterns = np.empty(16), np.empty(16, np.uint32)
    run(0, 1 << 32, errors.ctypes.data, patterns.ctypes.data)
    k = int(np.argmax(errors))
    return float(errors[k]), float(patterns.view(np.float32)[k])


if __name__ == "__main__":
    for name in sys.argv[1:]:
        worst, place = sweep(name)
        print(f"{name} ({native.level()}): at most {worst:.4f} ulp, at {place!r}", flush=True)
