"""The Python array API standard, version 2024.12, on Gradatim's tensors.

Every function and constant of https://data-apis.org/array-api/2024.12 stands here under its own
name and with its own signature; complex numbers, and with them the `fft` extension, are left out.

An array of this namespace is a Tensor (`Array` is a subclass: it has history, runs on the same
engines, and goes into any of Gradatim's functions) that computes by the standard's rules where
PyTorch's are others: a 0-d array promotes like any other, unsigned integers promote, `x[::-1]` is
an array, `x.size` is a number.

Example:
    >>> import gradatim.array_api as xp
    >>> x = xp.asarray([3.0, 1.0, 2.0])
    >>> xp.sort(x)[::-1]
    Array([3., 2., 1.])
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from gradatim.array_api import (
    _array,
    _creation,
    _dtypes,
    _elementwise,
    _info,
    _linear_algebra,
    _manipulation,
    _searching,
    _statistics,
)
from gradatim.array_api._array import Array
from gradatim.graph.dtypes import bool_ as bool
from gradatim.graph.dtypes import (
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

__array_api_version__ = "2024.12"

e, inf, nan, pi = math.e, math.inf, math.nan, math.pi
newaxis = None

__all__ = [
    "Array",
    "__array_api_version__",
    "bool",
    "e",
    "float32",
    "float64",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "nan",
    "newaxis",
    "pi",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]  # fmt: skip

_PARTS: tuple[ModuleType, ...] = (
    _creation, _dtypes, _elementwise, _info, _linear_algebra, _manipulation, _searching,
    _statistics,
)  # fmt: skip

for _part in _PARTS:
    __all__ += _part.__all__
    globals().update({name: getattr(_part, name) for name in _part.__all__})

_array.install(globals())


def __getattr__(name: str) -> Any:
    if name == "linalg":
        import importlib

        return importlib.import_module("gradatim.array_api.linalg")
    raise AttributeError(f"module 'gradatim.array_api' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, "linalg"})
