"""Pictures: Pillow's, and whole batches of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.data.transforms import Compose, Normalize, ToTensor
from gradatim.graph.errors import missing_extra


def pillow() -> Any:
    """Pillow's Image module."""
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra("a picture", "Pillow", "plots") from None
    return Image


def takes_arrays(transform: Any) -> bool:
    """Whether an array will do for a picture: a tensor is made of it at once."""
    steps = transform.transforms if isinstance(transform, Compose) else [transform]
    return bool(steps) and type(steps[0]) is ToTensor


def at_once(transform: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """A transform of whole batches, uint8 (N, H, W) to float32 (N, 1, H, W), with the same bits;
    None where there is anything but `ToTensor` and `Normalize` in it."""
    steps = transform.transforms if isinstance(transform, Compose) else [transform]
    if not steps or type(steps[0]) is not ToTensor:
        return None
    if any(type(step) is not Normalize or not np.all(step.std) for step in steps[1:]):
        return None

    def apply(images: np.ndarray) -> np.ndarray:
        found = images[:, None].astype(np.float32)
        found /= 255
        for step in steps[1:]:
            mean, std = (np.float32(np.reshape(x, (-1, 1, 1))) for x in (step.mean, step.std))
            found = (found - mean) / std
        return found

    return apply
