"""tf.float32 and the others, and what TensorFlow makes of Python's values."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.graph import dtypes as ours


class DType:
    """An element type under TensorFlow's name.

    Example:
        >>> float32, float32.as_numpy_dtype
        (tf.float32, <class 'numpy.float32'>)
    """

    def __init__(self, name: str, element: ours.DType):
        self.name = name
        self.element = element

    @property
    def as_numpy_dtype(self) -> Any:
        return self.element.numpy.type

    @property
    def is_floating(self) -> bool:
        return self.element.is_floating_point

    @property
    def is_integer(self) -> bool:
        return self.element.is_integer

    @property
    def base_dtype(self) -> DType:
        return self

    @property
    def min(self) -> Any:
        return _limits(self.element).min

    @property
    def max(self) -> Any:
        return _limits(self.element).max

    def __eq__(self, other: object) -> bool:
        try:
            return as_dtype(other) is self
        except TypeError:
            return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"


def _limits(element: ours.DType) -> Any:
    return np.finfo(element.numpy) if element.is_floating_point else np.iinfo(element.numpy)


bool = DType("bool", ours.bool_)
uint8 = DType("uint8", ours.uint8)
int8 = DType("int8", ours.int8)
int16 = DType("int16", ours.int16)
int32 = DType("int32", ours.int32)
int64 = DType("int64", ours.int64)
float16 = half = DType("float16", ours.float16)
bfloat16 = DType("bfloat16", ours.bfloat16)
float32 = DType("float32", ours.float32)
float64 = double = DType("float64", ours.float64)

ALL = (bool, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64)
_OF_ELEMENT = {each.element: each for each in ALL}
_BY_NAME = {each.name: each for each in ALL}
_ALIASES = {"float": float32, "double": float64, "half": float16}


def of_element(element: ours.DType) -> DType:
    """TensorFlow's name for one of our element types."""
    return _OF_ELEMENT[element]


def as_dtype(value: Any) -> DType:
    """A DType from a DType, a name or a NumPy dtype."""
    if isinstance(value, DType):
        return value
    if isinstance(value, str) and value in _BY_NAME | _ALIASES:
        return (_BY_NAME | _ALIASES)[value]
    return of_element(ours.as_dtype(value))


def as_array(value: Any, dtype: DType | None = None) -> np.ndarray:
    """A constant's array: Python's numbers are float32 and int32."""
    if dtype is not None:
        return np.asarray(value, dtype.element.numpy)
    array = np.asarray(value)
    if not isinstance(value, (np.ndarray, np.generic)) and not _holds_numpy(value):
        if array.dtype == np.float64:
            return array.astype(np.float32)
        if array.dtype == np.int64:
            return array.astype(np.int32)
    return array


def _holds_numpy(value: Any) -> Any:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (np.ndarray, np.generic))


__all__ = ["DType", "as_dtype", *_BY_NAME, "double", "half"]
