"""Dtypes by the standard's rules: kinds, promotion, limits, casts."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim import limits
from gradatim.array_api._array import function, need_array, need_cpu
from gradatim.graph import dtypes
from gradatim.graph.dtypes import BOOL, FLOATING, INTEGER, DType, as_dtype
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, NumberTooLarge
from gradatim.tensor import Tensor

__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]

SIGNED = {1: dtypes.int8, 2: dtypes.int16, 4: dtypes.int32, 8: dtypes.int64}

KINDS = {
    "bool": lambda d: d is dtypes.bool_,
    "signed integer": lambda d: d.is_integer and d.is_signed,
    "unsigned integer": lambda d: d.is_integer and not d.is_signed,
    "integral": lambda d: d.is_integer,
    "real floating": lambda d: d.is_floating_point,
    "complex floating": lambda d: False,
    "numeric": lambda d: d.is_integer or d.is_floating_point,
}


def promote(a: DType, b: DType) -> DType:
    """The dtype that two dtypes promote to. Where the standard leaves it open (bools with numbers,
    integers with floats) as PyTorch has it.

    Raises:
        ArgumentTypeError: for uint64 with a signed integer, for which there is none.
    """
    if a is b or not (a.is_integer and b.is_integer):
        return dtypes.promote(a, b)
    if a.is_signed == b.is_signed:
        return a if a.itemsize > b.itemsize else b
    signed, unsigned = (a, b) if a.is_signed else (b, a)
    if unsigned is dtypes.uint64:
        raise ArgumentTypeError(
            f"{a.name} and {b.name} have no common integer dtype: cast one with astype(...)"
        )
    return SIGNED[max(signed.itemsize, 2 * unsigned.itemsize)]


def _number_kind(number: Any) -> int:
    if isinstance(number, bool):
        return BOOL
    return INTEGER if isinstance(number, int) else FLOATING


def with_number(dtype: DType, number: Any) -> DType:
    """The dtype of an array beside a Python number: the array's, unless the number is of a higher
    kind."""
    kind = _number_kind(number)
    if kind <= dtype.category:
        return dtype
    return dtypes.get_default_dtype() if kind == FLOATING else dtypes.int64


def common_dtype(*operands: Any) -> DType:
    """The dtype that arrays, dtypes and Python numbers promote to."""
    found: DType | None = None
    numbers = []
    for each in operands:
        if isinstance(each, (bool, int, float)):
            numbers.append(each)
            continue
        dtype = each.dtype if isinstance(each, Tensor) else as_dtype(each)
        found = dtype if found is None else promote(found, dtype)
    if found is None:
        raise ArgumentError("expected at least one array or dtype, got Python numbers only")
    for number in numbers:
        found = with_number(found, number)
    return found


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype that arrays, dtypes and Python numbers promote to; a 0-d array counts like any.

    Example:
        >>> import gradatim.array_api as xp
        >>> xp.result_type(xp.uint8, xp.int8, 1)
        torch.int16
    """
    return common_dtype(*arrays_and_dtypes)


def can_cast(from_: Any, to: DType, /) -> bool:
    """Whether a cast by the rules of promotion leads from one dtype to another."""
    source = from_.dtype if isinstance(from_, Tensor) else as_dtype(from_)
    target = as_dtype(to)
    if source.category != target.category:
        return source.category < target.category and source.category == BOOL
    try:
        return promote(source, target) is target
    except ArgumentTypeError:
        return False


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is another, or of a kind: "bool", "signed integer", "unsigned integer",
    "integral", "real floating", "complex floating", "numeric", or one of a tuple of these."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, each) for each in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ArgumentError(f"unknown kind of dtype {kind!r}: expected one of {list(KINDS)}")
        return bool(KINDS[kind](as_dtype(dtype)))
    return as_dtype(dtype) is as_dtype(kind)


class _Limits:
    """A dtype's limits, with the dtype itself and not its name."""

    def __init__(self, found: Any, dtype: DType):
        self.__dict__.update(found.__dict__)
        self.dtype = dtype

    def __repr__(self) -> str:
        return f"limits({self.__dict__})"


def finfo(type: Any, /) -> Any:
    """Limits of a floating dtype: bits, eps, max, min, smallest_normal, dtype."""
    dtype = type.dtype if isinstance(type, Tensor) else as_dtype(type)
    return _Limits(limits.finfo(dtype), dtype)


def iinfo(type: Any, /) -> Any:
    """Limits of an integer dtype: bits, max, min, dtype."""
    dtype = type.dtype if isinstance(type, Tensor) else as_dtype(type)
    return _Limits(limits.iinfo(dtype), dtype)


@function
def astype(x: Tensor, dtype: DType, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The array in another dtype; a copy unless told otherwise and the dtype is the same."""
    need_array(x, "astype")
    need_cpu(device)
    result: Tensor = x.to(as_dtype(dtype), copy=copy)
    return result


def same_dtype(*operands: Any) -> list[Any]:
    """Arrays and Python numbers as arrays of the dtype they promote to."""
    dtype = common_dtype(*operands)
    return [to_dtype(each, dtype) for each in operands]


def to_dtype(value: Any, dtype: DType) -> Tensor:
    """An array, or a Python number, in a dtype."""
    if isinstance(value, Tensor):
        found: Tensor = value if value.dtype is dtype else value.to(dtype)
        return found
    from gradatim.tensor import from_array

    if dtype.is_integer:
        low, high = dtypes.integer_range(dtype)
        if not low <= value <= high:
            raise NumberTooLarge(f"{value} is out of the range of {dtype.name}")
    with np.errstate(over="ignore"):
        return from_array(np.asarray(value).astype(dtype.numpy), dtype)
