"""The array: a tensor with NumPy's methods, whose operators `elements` gives it."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as _np

from gradatim import ops
from gradatim.graph import dtypes as _dtypes
from gradatim.tensor import Tensor, from_array


class ndarray:
    """An array with NumPy's methods and operators. Made by `array` and the other functions here."""

    __array_priority__ = 3000
    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor):
        self.tensor = tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)

    @property
    def ndim(self) -> int:
        return self.tensor.ndim

    @property
    def size(self) -> int:
        return self.tensor.numel()

    @property
    def dtype(self) -> _np.dtype[Any]:
        return self.tensor.dtype.numpy

    @property
    def T(self) -> ndarray:
        return self.transpose()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> _np.ndarray:
        return self.tensor.__array__(dtype, copy)

    def copy(self) -> ndarray:
        return ndarray(self.tensor.clone())

    def astype(self, dtype: Any) -> ndarray:
        return ndarray(self.tensor.to(_dtypes.as_dtype(dtype)))

    def item(self) -> Any:
        return self.tensor.item()

    def tolist(self) -> Any:
        return self.tensor.tolist()

    def reshape(self, *shape: Any) -> ndarray:
        return ndarray(self.tensor.reshape(*shape))

    def flatten(self) -> ndarray:
        return ndarray(self.tensor.reshape(-1).clone())

    def ravel(self) -> ndarray:
        return ndarray(self.tensor.reshape(-1))

    def transpose(self, *axes: Any) -> ndarray:
        if len(axes) == 1 and isinstance(axes[0], (tuple, list)):
            axes = axes[0]
        return ndarray(self.tensor.permute(*(axes or range(self.ndim)[::-1])))

    def __len__(self) -> int:
        return len(self.tensor)

    def __iter__(self) -> Iterator[ndarray]:
        return map(ndarray, iter(self.tensor))

    def __getitem__(self, key: Any) -> ndarray:
        return ndarray(self.tensor[_plain(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.tensor[_plain(key)] = _plain(value)

    def __bool__(self) -> bool:
        return bool(self.tensor)

    def __float__(self) -> float:
        return float(self.tensor)

    def __int__(self) -> int:
        return int(self.tensor)

    def __index__(self) -> int:
        return operator.index(self.tensor)

    def __format__(self, spec: str) -> str:
        return format(self.tensor, spec) if self.ndim == 0 else format(str(self), spec)

    def __repr__(self) -> str:
        value = _np.array(self.tensor._value())
        return repr(value[()] if value.ndim == 0 else value)

    def __str__(self) -> str:
        return str(_np.array(self.tensor._value()))


def _plain(value: Any) -> Any:
    """Tensors in place of arrays, also in a key or a list."""
    if isinstance(value, ndarray):
        return value.tensor
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value


def _tensor(value: Any) -> Tensor:
    """The tensor of an array, a number or a list, of NumPy's dtype."""
    if isinstance(value, ndarray):
        return value.tensor
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (list, tuple)) and any(isinstance(each, ndarray) for each in value):
        return ops.stack([_tensor(each) for each in value])
    return from_array(_np.array(value))


def array(object: Any, dtype: Any = None, copy: bool = True) -> ndarray:
    """An array of its own, from nested lists, numbers or another array."""
    made = _tensor(object)
    made = made.clone() if made is object or isinstance(object, ndarray) else made
    return ndarray(made) if dtype is None else ndarray(made).astype(dtype)


def asarray(a: Any, dtype: Any = None) -> ndarray:
    """An array; one that is already stays as it is."""
    return a if isinstance(a, ndarray) and dtype is None else array(a, dtype)


__all__ = ["array", "asarray", "ndarray"]
