"""Transforms that move, stretch or blank out parts of a picture at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.frontends.names import own_names
from gradatim.frontends.torchvision._pictures import as_picture, pillow, size_of
from gradatim.frontends.torchvision.transforms import Transform, _crop, _need_picture, _pair
from gradatim.graph.errors import ArgumentTypeError
from gradatim.tensor import Tensor


class InterpolationMode(Enum):
    """How pixels between pixels are made."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


def _uniform(low: float, high: float) -> float:
    return float(ops.empty(1).uniform_(float(low), float(high)).item())


def _around(value: float | Sequence[float]) -> tuple[float, float]:
    """The two limits: -value and value, or those given."""
    if isinstance(value, (int, float)):
        return -float(value), float(value)
    return float(value[0]), float(value[1])


class RandomAffine(Transform):
    """Turned, moved, scaled and sheared, each by a random amount.

    Args:
        degrees: the angle is between -degrees and degrees, or between two angles.
        translate: at most these fractions of the width and of the height.
        scale: between these two factors.
        shear: along x, by at most this angle (or between two).
        fill: what comes in from outside.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = 0,
    ):
        self.degrees = _around(degrees)
        self.translate, self.scale = translate, scale
        self.shear = None if shear is None else _around(shear)
        self.interpolation, self.fill = interpolation, fill

    def __call__(self, image: Any) -> Any:
        _need_picture("RandomAffine", image)
        image = as_picture(image)
        width, height = image.size
        angle = _uniform(*self.degrees)
        shift = [0.0, 0.0]
        if self.translate is not None:
            limits = self.translate[0] * width, self.translate[1] * height
            shift = [float(round(_uniform(-limit, limit))) for limit in limits]
        scale = 1.0 if self.scale is None else _uniform(*self.scale)
        shear = 0.0 if self.shear is None else _uniform(*self.shear)
        center = (width * 0.5, height * 0.5)
        forward = (
            _moved(center[0] + shift[0], center[1] + shift[1])
            @ _turned(angle, scale, shear)
            @ _moved(-center[0], -center[1])
        )
        # Pillow asks where each pixel of the result comes from.
        coefficients = np.linalg.inv(forward)[:2].reshape(-1).tolist()
        images = pillow()
        method = images.Resampling[str(getattr(self.interpolation, "name", "NEAREST"))]
        return image.transform(
            image.size, images.Transform.AFFINE, coefficients, method, fillcolor=self.fill
        )


def _moved(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def _turned(angle: float, scale: float, shear: float) -> np.ndarray:
    turn, slant = math.radians(angle), math.tan(math.radians(shear))
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    matrix = np.eye(3)
    matrix[:2, :2] = scale * rotation @ np.array([[1, -slant], [0, 1]])
    return matrix


class RandomResizedCrop(Transform):
    """A random piece (a fraction of the area, with a ratio of the sides), brought to one size."""

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        interpolation: Any = InterpolationMode.BILINEAR,
        **options: Any,
    ):
        self.size, self.scale, self.ratio = _pair(size), scale, ratio
        self.interpolation = interpolation

    def __call__(self, image: Any) -> Any:
        _need_picture("RandomResizedCrop", image)
        image = as_picture(image)
        piece = _crop(image, *self._place(*size_of(image)))
        method = pillow().Resampling[str(getattr(self.interpolation, "name", "BILINEAR"))]
        return piece.resize((self.size[1], self.size[0]), method)

    def _place(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, height and width."""
        for _ in range(10):
            area = height * width * _uniform(*self.scale)
            ratio = math.exp(_uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                top = int(ops.randint(0, height - h + 1, (1,)).item())
                left = int(ops.randint(0, width - w + 1, (1,)).item())
                return top, left, h, w
        side = min(height, width)
        return (height - side) // 2, (width - side) // 2, side, side


class RandomErasing(Transform):
    """A random rectangle of a tensor (C, H, W) set to `value`, with probability p (Zhong et al.,
    2020)."""

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float = 0,
        inplace: bool = False,
    ):
        self.p, self.value = p, value
        self._box = RandomResizedCrop(1, scale, ratio)

    def __call__(self, image: Any) -> Tensor:
        if not isinstance(image, Tensor):
            raise ArgumentTypeError(
                f"RandomErasing takes a tensor, got {type(image).__name__}: put ToTensor() before "
                f"it"
            )
        if ops.rand(1).item() >= self.p:
            return image
        top, left, height, width = self._box._place(*size_of(image))
        erased = image.clone()
        erased[..., top : top + height, left : left + width] = self.value
        return erased


class RandomApply(Transform):
    """All of some transforms, with probability p."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5):
        self.transforms, self.p = transforms, p

    def __call__(self, image: Any) -> Any:
        if self.p < ops.rand(1).item():
            return image
        for transform in self.transforms:
            image = transform(image)
        return image


class RandomChoice(Transform):
    """One of some transforms."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        return self.transforms[int(ops.randint(0, len(self.transforms), (1,)).item())](image)


__all__ = own_names(__name__)
