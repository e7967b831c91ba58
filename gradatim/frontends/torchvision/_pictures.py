"""Pictures, as Pillow has them, and as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.graph.errors import missing_extra


def pillow() -> Any:
    """Pillow's Image module."""
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra("this transform of pictures", "Pillow", "plots") from None
    return Image


def as_picture(image: Any) -> Any:
    """Pillow's picture of a uint8 array (H, W) or (H, W, C); a picture stays as it is."""
    return pillow().fromarray(image) if isinstance(image, np.ndarray) else image


def as_array(image: Any) -> np.ndarray:
    """The array (C, H, W) of a picture, or of an array (H, W) or (H, W, C)."""
    array = np.array(image)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def size_of(image: Any) -> tuple[int, int]:
    """Height and width of a picture or a tensor (..., H, W)."""
    if hasattr(image, "getbands"):
        width, height = image.size
        return height, width
    return int(image.shape[-2]), int(image.shape[-1])
