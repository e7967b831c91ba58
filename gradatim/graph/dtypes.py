"""Element types, and the rules by which two of them meet (PyTorch's type promotion).

A `DType` is an interned object: compare with `is`. Its repr is PyTorch's, so that the repr of a
tensor is the same text in both.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gradatim.graph.errors import ArgumentTypeError, DTypeError

BOOL, INTEGER, FLOATING = 0, 1, 2


class DType:
    """One element type.

    Attributes:
        name: `"float32"`.
        numpy: the NumPy dtype with the same bits.
        category: BOOL, INTEGER or FLOATING; promotion goes from left to right.
        itemsize: bytes of one element.

    Example:
        >>> from gradatim.graph.dtypes import float32
        >>> float32, float32.itemsize, float32.is_floating_point
        (torch.float32, 4, True)
    """

    numpy: np.dtype[Any]
    __slots__ = (
        "category",
        "is_floating_point",
        "is_integer",
        "is_signed",
        "itemsize",
        "name",
        "numpy",
    )

    def __init__(self, name: str, numpy: Any, category: int, signed: bool = True):
        self.name: Final = name
        self.numpy = np.dtype(numpy)
        self.category: Final = category
        self.itemsize: Final = np.dtype(numpy).itemsize
        self.is_floating_point: Final = category == FLOATING
        self.is_integer: Final = category == INTEGER
        self.is_signed: Final = signed

    @property
    def is_complex(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str | tuple[Any, ...]:
        return _by_name, (self.name,)  # interned: a copy is the same object

    def __deepcopy__(self, memo: Any) -> DType:
        return self


class _BFloat16(DType):
    """bfloat16, whose NumPy dtype comes from a library that is only imported when it is needed."""

    __slots__ = ()

    def __init__(self) -> None:
        for name, attribute in (
            ("name", "bfloat16"), ("category", FLOATING), ("itemsize", 2), ("is_integer", False),
            ("is_floating_point", True), ("is_signed", True),
        ):  # fmt: skip
            object.__setattr__(self, name, attribute)

    @property
    def numpy(self) -> np.dtype[Any]:  # type: ignore[override]
        import ml_dtypes

        found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return found


def _by_name(name: str) -> DType:
    return BY_NAME[name]


bool_ = DType("bool", np.bool_, BOOL, signed=False)
uint8 = DType("uint8", np.uint8, INTEGER, signed=False)
uint16 = DType("uint16", np.uint16, INTEGER, signed=False)
uint32 = DType("uint32", np.uint32, INTEGER, signed=False)
uint64 = DType("uint64", np.uint64, INTEGER, signed=False)
int8 = DType("int8", np.int8, INTEGER)
int16 = DType("int16", np.int16, INTEGER)
int32 = DType("int32", np.int32, INTEGER)
int64 = DType("int64", np.int64, INTEGER)
float16 = DType("float16", np.float16, FLOATING)
bfloat16: DType = _BFloat16()
float32 = DType("float32", np.float32, FLOATING)
float64 = DType("float64", np.float64, FLOATING)

ALL: Final = (
    bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64,
    float16, bfloat16, float32, float64,
)  # fmt: skip
BY_NAME: Final = {dtype.name: dtype for dtype in ALL}
_BY_NUMPY: Final = {dtype.numpy: dtype for dtype in ALL if dtype is not bfloat16}

_default: DType = float32


def get_default_dtype() -> DType:
    """The dtype of `tensor([1.0])` and `zeros(3)`: float32 unless changed."""
    return _default


def set_default_dtype(dtype: DType) -> None:
    """Choose the floating dtype of tensors made from Python floats."""
    global _default
    if not isinstance(dtype, DType) or not dtype.is_floating_point:
        raise ArgumentTypeError(f"the default dtype must be a floating one, got {dtype!r}")
    _default = dtype


def from_numpy_dtype(dtype: Any) -> DType:
    """The DType with the bits of a NumPy dtype (byte order: the machine's)."""
    given = np.dtype(dtype)
    found = bfloat16 if given.name == "bfloat16" else _BY_NUMPY.get(given.newbyteorder("="))
    if found is None:
        raise DTypeError(
            f"NumPy dtype {given} has no tensor dtype: the supported ones are "
            + ", ".join(d.name for d in ALL)
        )
    return found


def as_dtype(value: Any) -> DType:
    """A DType from a DType, a NumPy dtype, a name, or Python's `float`, `int`, `bool`."""
    if isinstance(value, DType):
        return value
    if value is float:
        return float64
    if value is int:
        return int64
    if value is bool:
        return bool_
    if isinstance(value, str) and value in BY_NAME:
        return BY_NAME[value]
    if isinstance(value, type) and isinstance(getattr(value, "dtype", None), DType):
        return value.dtype  # type: ignore[attr-defined, no-any-return]  # of torch.FloatTensor
    try:
        return from_numpy_dtype(value)
    except (TypeError, DTypeError):
        if isinstance(value, (np.dtype, type)):  # a dtype, but none of ours
            raise
        raise ArgumentTypeError(f"expected a dtype such as gd.float32, got {value!r}") from None


_SIGNED: Final = (int8, int16, int32, int64)
_BAREBONES: Final = (uint16, uint32, uint64)


def _promote(a: DType, b: DType) -> DType:
    if a is b:
        return a
    if (a in _BAREBONES or b in _BAREBONES) and FLOATING not in (a.category, b.category):
        raise DTypeError(
            f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{a.name} and {b.name}: cast one of them with .to(...)"
        )
    if a.category != b.category:
        return a if a.category > b.category else b
    if a.category == FLOATING:
        if a.itemsize == b.itemsize:
            return float32  # float16 with bfloat16: neither holds the other
        return a if a.itemsize > b.itemsize else b
    if uint8 in (a, b):  # uint8 with a signed type: the smallest signed type that holds both
        other = b if a is uint8 else a
        return int16 if other is int8 else other
    return a if a.itemsize > b.itemsize else b


_PROMOTION: dict[tuple[DType, DType], DType] = {}


def promote(a: DType, b: DType) -> DType:
    """The smallest dtype that holds both, as `torch.promote_types`.

    Example:
        >>> from gradatim.graph import dtypes
        >>> dtypes.promote(dtypes.uint8, dtypes.int8)
        torch.int16
    """
    found = _PROMOTION.get((a, b))
    if found is None:
        for position, dtype in enumerate((a, b), 1):
            if not isinstance(dtype, DType):
                raise ArgumentTypeError(
                    f"promote_types(): argument 'type{position}' must be a dtype such as "
                    f"gd.float32, not {dtype!r}"
                )
        found = _PROMOTION[a, b] = _promote(a, b)
    return found


_RANGES: dict[DType, tuple[int, int]] = {
    d: (int(np.iinfo(d.numpy).min), int(np.iinfo(d.numpy).max)) for d in ALL if d.is_integer
}


def integer_range(dtype: DType) -> tuple[int, int]:
    """Smallest and largest value of an integer dtype."""
    return _RANGES[dtype]
