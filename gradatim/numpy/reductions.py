"""Sums and other reductions, and products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as _np

from gradatim import ops
from gradatim.frontends.names import own_names
from gradatim.graph.dtypes import promote
from gradatim.numpy.arrays import _tensor, ndarray
from gradatim.numpy.elements import _floating
from gradatim.tensor import Tensor


def _reduction(name: str, function: Callable[..., Any], floats: bool = False) -> Callable[..., Any]:
    def apply(a: Any, axis: Any = None, keepdims: bool = False, **options: Any) -> ndarray:
        found = _tensor(a)
        found = _floating(found) if floats else found
        axes = tuple(range(found.ndim)) if axis is None else axis
        if axes == ():
            axes = None
        if "ddof" in options:
            options["correction"] = options.pop("ddof")
        return ndarray(function(found, axes, keepdim=keepdims, **options))

    apply.__name__, apply.__doc__ = name, f"`{name}` along an axis, or of all elements."
    return apply


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's var and std divide by the number of elements, unless told otherwise."""
    return lambda x, axes, keepdim, correction=0: function(
        x, axes, correction=correction, keepdim=keepdim
    )


def _product(x: Tensor, axes: Any, keepdim: bool) -> Tensor:
    dims = () if axes is None else axes if isinstance(axes, tuple) else (axes,)
    for dim in sorted((dim % x.ndim for dim in dims), reverse=True):
        x = ops.prod(x, dim, keepdim)
    return x if dims else ops.prod(x)


_REDUCTIONS = {
    "sum": _reduction("sum", ops.sum),
    "mean": _reduction("mean", ops.mean, floats=True),
    "var": _reduction("var", _spread(ops.var), floats=True),
    "std": _reduction("std", _spread(ops.std), floats=True),
    "max": _reduction("max", ops.amax),
    "min": _reduction("min", ops.amin),
    "prod": _reduction("prod", _product),
    "any": _reduction("any", ops.any),
    "all": _reduction("all", ops.all),
}
globals().update(_REDUCTIONS)
amax, amin = _REDUCTIONS["max"], _REDUCTIONS["min"]


def argmax(a: Any, axis: int | None = None) -> ndarray:
    """Where the largest element is."""
    return ndarray(ops.argmax(_tensor(a), axis))


def argmin(a: Any, axis: int | None = None) -> ndarray:
    """Where the least element is."""
    return ndarray(ops.argmin(_tensor(a), axis))


def cumsum(a: Any, axis: int | None = None) -> ndarray:
    """Running sums along an axis, or over all elements."""
    found = _tensor(a)
    return ndarray(ops.cumsum(found.reshape(-1) if axis is None else found, axis or 0))


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Whether two arrays are equal but for rounding."""
    return bool(_np.allclose(_np.asarray(a), _np.asarray(b), rtol, atol))


def array_equal(a1: Any, a2: Any) -> bool:
    """Whether two arrays are equal."""
    return bool(_np.array_equal(_np.asarray(a1), _np.asarray(a2)))


def _promoted(*operands: Any) -> list[Tensor]:
    """The tensors, all of one dtype."""
    found = [_tensor(each) for each in operands]
    dtype = reduce(promote, [each.dtype for each in found])
    return [each.to(dtype) for each in found]


def dot(a: Any, b: Any) -> ndarray:
    """The product of two vectors or matrices; with a number, of each element."""
    x, y = _promoted(a, b)
    return ndarray(x * y if 0 in (x.ndim, y.ndim) else x @ y)


def matmul(x1: Any, x2: Any) -> ndarray:
    """The matrix product, of the last two axes."""
    x, y = _promoted(x1, x2)
    return ndarray(x @ y)


def outer(a: Any, b: Any) -> ndarray:
    """All products of an element of one and an element of the other."""
    return ndarray(ops.outer(_tensor(a).reshape(-1), _tensor(b).reshape(-1)))


def tensordot(a: Any, b: Any, axes: Any = 2) -> ndarray:
    """The sum of products over the given axes."""
    return ndarray(ops.tensordot(*_promoted(a, b), axes))


def einsum(subscripts: str, *operands: Any) -> ndarray:
    """Sums of products, as the subscripts say."""
    return ndarray(ops.einsum(subscripts, *_promoted(*operands)))


for _name in (*_REDUCTIONS, "argmax", "argmin", "cumsum", "dot"):
    setattr(ndarray, _name, globals()[_name])
ndarray.__matmul__ = lambda self, other: matmul(self, other)  # type: ignore[attr-defined]
ndarray.__rmatmul__ = lambda self, other: matmul(other, self)  # type: ignore[attr-defined]

__all__ = own_names(__name__)
