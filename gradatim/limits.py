"""What numbers a dtype has: `finfo` and `iinfo`."""

from __future__ import annotations

from typing import Any

from gradatim.graph.dtypes import DType, as_dtype, get_default_dtype, integer_range
from gradatim.graph.errors import ArgumentTypeError


class finfo:
    """The numbers of a floating dtype.

    Attributes:
        bits: of one number.
        eps: the distance from 1 to the next larger number.
        min, max: the lowest and the largest number.
        tiny, smallest_normal: the smallest positive one of full precision.
        resolution: the decimal digits it has, as a power of ten.
        dtype: its name.

    Example:
        >>> import gradatim as gd
        >>> gd.finfo(gd.float32).eps
        1.1920928955078125e-07
    """

    def __init__(self, type: Any = None):
        import ml_dtypes

        dtype = get_default_dtype() if type is None else as_dtype(type)
        if not dtype.is_floating_point:
            raise ArgumentTypeError(
                f"torch.finfo() requires a floating point input type, got {dtype.name}. Use "
                f"torch.iinfo to handle 'torch.finfo'"
            )
        found = ml_dtypes.finfo(dtype.numpy)
        self.bits = dtype.itemsize * 8
        self.eps = float(found.eps)
        self.max, self.min = float(found.max), float(found.min)
        self.tiny = self.smallest_normal = float(found.smallest_normal)
        self.resolution = float(found.resolution)
        self.dtype = dtype.name

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and other.dtype == self.dtype

    def __hash__(self) -> int:
        return hash(("finfo", self.dtype))


class iinfo:
    """The numbers of an integer dtype: `bits`, `min`, `max`, and its name as `dtype`.

    Example:
        >>> import gradatim as gd
        >>> gd.iinfo(gd.int8).max
        127
    """

    def __init__(self, type: Any):
        dtype: DType = as_dtype(type)
        if not dtype.is_integer:
            raise ArgumentTypeError(
                f"torch.iinfo() requires an integer input type, got {dtype.name}. Use torch.finfo "
                f"to handle 'torch.iinfo'"
            )
        self.bits = dtype.itemsize * 8
        self.min, self.max = integer_range(dtype)
        self.dtype = dtype.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and other.dtype == self.dtype

    def __hash__(self) -> int:
        return hash(("iinfo", self.dtype))
