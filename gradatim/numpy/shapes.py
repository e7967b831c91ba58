"""New arrays, and the same elements in other shapes and orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as _np

from gradatim import ops
from gradatim.frontends.names import own_names
from gradatim.graph import dtypes as _dtypes
from gradatim.numpy.arrays import _tensor, asarray, ndarray
from gradatim.tensor import from_array


def reshape(a: Any, shape: Any) -> ndarray:
    """The same elements in another shape."""
    return asarray(a).reshape(shape)


def transpose(a: Any, axes: Any = None) -> ndarray:
    """The axes in another order; reversed, if none is given."""
    return asarray(a).transpose(*(axes or ()))


def expand_dims(a: Any, axis: int) -> ndarray:
    """A new axis of size 1."""
    return ndarray(_tensor(a).unsqueeze(axis))


def squeeze(a: Any, axis: Any = None) -> ndarray:
    """Without the axes of size 1, or without the given one."""
    return ndarray(_tensor(a).squeeze() if axis is None else _tensor(a).squeeze(axis))


def concatenate(arrays: Any, axis: int = 0) -> ndarray:
    """Arrays one after the other along an axis."""
    return ndarray(ops.cat([_tensor(each) for each in arrays], axis))


def stack(arrays: Any, axis: int = 0) -> ndarray:
    """Arrays of one shape along a new axis."""
    return ndarray(ops.stack([_tensor(each) for each in arrays], axis))


def vstack(tup: Any) -> ndarray:
    """Arrays below each other, vectors as rows."""
    return ndarray(ops.vstack([_tensor(each) for each in tup]))


def hstack(tup: Any) -> ndarray:
    """Arrays beside each other."""
    return ndarray(ops.hstack([_tensor(each) for each in tup]))


def tile(A: Any, reps: Any) -> ndarray:
    """The array repeated along each axis."""
    return ndarray(ops.tile(_tensor(A), (reps,) if isinstance(reps, int) else tuple(reps)))


def sort(a: Any, axis: int = -1) -> ndarray:
    """The elements in order along an axis."""
    return ndarray(ops.sort(_tensor(a), dim=axis)[0])


def argsort(a: Any, axis: int = -1) -> ndarray:
    """The places that put the elements in order along an axis."""
    return ndarray(ops.argsort(_tensor(a), dim=axis, stable=True))


def _filled(name: str) -> Callable[..., Any]:
    create = getattr(ops, name)

    def apply(shape: Any, *value: Any, dtype: Any = None) -> ndarray:
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        kind = _np.float64 if dtype is None else dtype
        if value and name != "full":
            kind, value = value[0], ()
        elif value and dtype is None:
            kind = _np.asarray(value[0]).dtype
        return ndarray(create(sizes, *value, dtype=_dtypes.as_dtype(kind)))

    apply.__name__, apply.__doc__ = name, f"A new array: `{name}`."
    return apply


zeros, ones, empty, full = (_filled(name) for name in ("zeros", "ones", "empty", "full"))


def zeros_like(a: Any, dtype: Any = None) -> ndarray:
    """Zeros in the shape of an array."""
    return zeros(asarray(a).shape, dtype=dtype or asarray(a).dtype)


def ones_like(a: Any, dtype: Any = None) -> ndarray:
    """Ones in the shape of an array."""
    return ones(asarray(a).shape, dtype=dtype or asarray(a).dtype)


def arange(*bounds: Any, dtype: Any = None) -> ndarray:
    """Numbers from start to before stop."""
    return ndarray(from_array(_np.arange(*bounds, dtype=dtype)))


def linspace(start: float, stop: float, num: int = 50) -> ndarray:
    """So many numbers from start to stop, equally far from each other."""
    return ndarray(from_array(_np.linspace(start, stop, num)))


def eye(N: int, M: int | None = None, dtype: Any = float) -> ndarray:
    """The identity matrix."""
    return ndarray(from_array(_np.eye(N, M, dtype=dtype)))


ndarray.squeeze = squeeze  # type: ignore[attr-defined]


__all__ = own_names(__name__)
