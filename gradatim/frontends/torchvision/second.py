"""torchvision.transforms.v2: what it has beside the names of `transforms`."""

from __future__ import annotations

from typing import Any

from gradatim.data.transforms import PILToTensor
from gradatim.data.transforms.fixed import Transform
from gradatim.data.transforms.functional import convert_image_dtype
from gradatim.frontends.names import own_names
from gradatim.tensor import Tensor


class ToImage(PILToTensor):
    """A picture as a uint8 tensor (C, H, W)."""


class ToDtype(Transform):
    """A tensor of another dtype; with `scale`, whole numbers become fractions of their largest."""

    _shown = ("dtype", "scale")

    def __init__(self, dtype: Any, scale: bool = False):
        self.dtype, self.scale = dtype, scale

    def __call__(self, image: Tensor) -> Tensor:
        return convert_image_dtype(image, self.dtype) if self.scale else image.to(self.dtype)


__all__ = own_names(__name__)
