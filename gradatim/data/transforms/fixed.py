"""Transforms that do the same to every image, and those that are made of others.

Classes with torchvision's names and arguments. Each is called with an image: a PIL image, or a
tensor (..., channels, height, width).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim.data.transforms import functional as F
from gradatim.data.transforms.modes import InterpolationMode, mode_of, pair
from gradatim.graph import dtypes
from gradatim.graph.errors import ArgumentTypeError
from gradatim.tensor import Tensor


class Transform:
    """Something to be called with an image; its repr shows its arguments."""

    _shown: tuple[str, ...] = ()

    def __call__(self, image: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no __call__()")

    def __repr__(self) -> str:
        parts = [f"{name}={_text(getattr(self, name))}" for name in self._shown]
        return f"{type(self).__name__}({', '.join(parts)})"


def _text(value: Any) -> str:
    return value.value if isinstance(value, InterpolationMode) else str(value)


class Compose:
    """Several transforms, one after another.

    Example:
        >>> import numpy as np
        >>> both = Compose([ToTensor(), Normalize([0.5], [0.5])])
        >>> both(np.array([[0, 255]], np.uint8))
        tensor([[[-1.,  1.]]])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"{type(self).__name__}({lines}\n)"


class ToTensor(Transform):
    """A PIL image or an array (height, width[, channels]) as a tensor (channels, height, width);
    bytes become float32 in 0..1.
    """

    def __call__(self, image: Any) -> Tensor:
        return F.to_tensor(image)


class PILToTensor(Transform):
    """A PIL image as a tensor (channels, height, width) of its own values, such as bytes."""

    def __call__(self, image: Any) -> Tensor:
        return F.pil_to_tensor(image)


class ConvertImageDtype(Transform):
    """A tensor in another dtype, with its values scaled to the dtype's range."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def __call__(self, image: Tensor) -> Tensor:
        return F.convert_image_dtype(image, self.dtype)


class ToPILImage(Transform):
    """A tensor (channels, height, width) or an array (height, width, channels) as a PIL image."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, image: Any) -> Any:
        return F.to_pil_image(image, self.mode)


class Normalize(Transform):
    """(tensor - mean) / std, for each channel."""

    _shown = ("mean", "std")

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, image: Tensor) -> Tensor:
        return F.normalize(image, self.mean, self.std, self.inplace)


class Resize(Transform):
    """The image in another size; see `functional.resize`."""

    _shown = ("size", "interpolation", "max_size", "antialias")

    def __init__(
        self,
        size: Any,
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        if not isinstance(size, int | Sequence):
            raise ArgumentTypeError(f"Size should be int or sequence. Got {type(size)}")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = mode_of(interpolation)

    def __call__(self, image: Any) -> Any:
        return F.resize(image, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """The middle of the image; margins of 0 where it is smaller."""

    _shown = ("size",)

    def __init__(self, size: Any) -> None:
        self.size = pair(size, "Please provide only two dimensions (h, w) for size.")

    def __call__(self, image: Any) -> Any:
        return F.center_crop(image, self.size)


class FiveCrop(Transform):
    """The four corners and the middle, as a tuple."""

    _shown = ("size",)

    def __init__(self, size: Any) -> None:
        self.size = pair(size, "Please provide only two dimensions (h, w) for size.")

    def __call__(self, image: Any) -> tuple[Any, ...]:
        return F.five_crop(image, self.size)


class TenCrop(Transform):
    """The four corners and the middle of the image and of the flipped image, as a tuple."""

    _shown = ("size", "vertical_flip")

    def __init__(self, size: Any, vertical_flip: bool = False) -> None:
        self.size = pair(size, "Please provide only two dimensions (h, w) for size.")
        self.vertical_flip = vertical_flip

    def __call__(self, image: Any) -> tuple[Any, ...]:
        return F.ten_crop(image, self.size, self.vertical_flip)


class Pad(Transform):
    """Margins around the image; see `functional.pad`."""

    _shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, image: Any) -> Any:
        return F.pad(image, self.padding, self.fill, self.padding_mode)


class Grayscale(Transform):
    """The brightness of the image, in 1 or 3 equal channels."""

    _shown = ("num_output_channels",)

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def __call__(self, image: Any) -> Any:
        return F.rgb_to_grayscale(image, self.num_output_channels)


class Lambda(Transform):
    """A function of yours."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise ArgumentTypeError(
                f"Argument lambd should be callable, got {type(lambd).__name__}"
            )
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)
