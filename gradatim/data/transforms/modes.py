"""How pixels between pixels are made up, and checks that all image transforms share."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from gradatim.graph.errors import ArgumentError, ArgumentTypeError, missing_extra


class InterpolationMode(enum.Enum):
    """How values between pixels are made up."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_OF_PILLOW = {
    0: InterpolationMode.NEAREST,
    2: InterpolationMode.BILINEAR,
    3: InterpolationMode.BICUBIC,
    4: InterpolationMode.BOX,
    5: InterpolationMode.HAMMING,
    1: InterpolationMode.LANCZOS,
}


def mode_of(value: Any) -> InterpolationMode:
    """An InterpolationMode from itself, or from Pillow's number of it."""
    if isinstance(value, InterpolationMode):
        return value
    found = _OF_PILLOW.get(int(value)) if isinstance(value, int) else None
    if found is None:
        raise ArgumentTypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow "
            f"integer constant, got {value!r}"
        )
    return found


def pillow(feature: str) -> Any:
    """The module PIL.Image, or one line that says how to install it."""
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra(feature, "Pillow", "plots") from None
    return Image


def pair(size: Any, error: str) -> tuple[int, int]:
    """(height, width) from one number for both, or two."""
    if isinstance(size, int):
        return size, size
    if isinstance(size, Sequence) and len(size) == 1:
        return int(size[0]), int(size[0])
    if not isinstance(size, Sequence) or len(size) != 2:
        raise ArgumentError(f"{error}, got {size!r}")
    return int(size[0]), int(size[1])


def range_of(value: Any, name: str) -> tuple[float, float]:
    """(-value, value) of a number, or two numbers as they are."""
    if isinstance(value, int | float):
        if value < 0:
            raise ArgumentError(f"If {name} is a single number, it must be positive, got {value}")
        return -float(value), float(value)
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ArgumentError(f"{name} should be a number or a sequence of length 2, got {value!r}")
    return float(value[0]), float(value[1])
