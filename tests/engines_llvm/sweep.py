"""Every float32 there is through a vector function: `python -m tests.engines_llvm.sweep exp log`.

Prints the largest error in units in the last place, against float64 (NumPy, or SciPy for erf), and
the argument it is at. A few minutes a function; `GRADATIM_CPU_FEATURES` chooses the instructions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.graph.dtypes import float32
from tests.engines_llvm.driver import Case, Kernels

Array = np.ndarray[Any, Any]


def _sigmoid(x: Array) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _scipy(name: str) -> Callable[[Array], Any]:
    def run(x: Array) -> Any:
        from scipy import special  # only here: the project does not need SciPy

        return getattr(special, name)(x)

    return run


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


def sweep(name: str, step: int = 1) -> tuple[float, float]:
    """The largest error over all bit patterns (or each `step`-th), and where."""
    case = Case(name, (float32,), float32, 16)
    kernels = Kernels([case])
    worst, place = 0.0, 0.0
    block = 1 << 22
    for start in range(0, 1 << 32, block * step):
        patterns = np.arange(start, start + block * step, step, dtype=np.uint64)
        x = patterns.astype(np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            errors = ulps(kernels(case, x), FUNCTIONS[name](x.astype(np.float64)))
        k = int(np.argmax(errors))
        if errors[k] > worst:
            worst, place = float(errors[k]), float(x[k])
    return worst, place


if __name__ == "__main__":
    for name in sys.argv[1:]:
        worst, place = sweep(name)
        print(f"{name}: at most {worst:.3f} ulp, at {place!r}", flush=True)
