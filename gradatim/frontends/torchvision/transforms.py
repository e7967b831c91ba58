"""torchvision.transforms: pictures to tensors, and the changes that training pictures get.

Random ones draw from the stream of `torch.manual_seed`, in torchvision's order. Those that move
pixels between places (resize, rotate) are Pillow's work, on pictures, before `ToTensor`; those that
only choose pixels (crop, flip, pad) take tensors too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.frontends.names import look_in
from gradatim.frontends.torchvision._pictures import as_array, as_picture, pillow, size_of
from gradatim.graph.dtypes import integer_range
from gradatim.graph.errors import ArgumentTypeError, ShapeError
from gradatim.tensor import Tensor


class Transform:
    """A change of one picture. `of_batch` does it to a whole array (N, C, H, W), if it can."""

    takes_arrays = False  # a uint8 array (H, W) will do for a picture
    of_batch: Callable[[np.ndarray], np.ndarray] | None = None

    def __call__(self, image: Any) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Compose(Transform):
    """One transform after another.

    Example:
        >>> import numpy as np
        >>> steps = Compose([ToTensor(), Normalize((0.5,), (0.5,))])
        >>> steps(np.array([[0, 255]], np.uint8))
        tensor([[[-1.,  1.]]])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        self.transforms = transforms

    @property
    def takes_arrays(self) -> bool:  # type: ignore[override]
        return bool(self.transforms) and getattr(self.transforms[0], "takes_arrays", False)

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    @property
    def of_batch(self) -> Any:  # type: ignore[override]
        steps = [getattr(transform, "of_batch", None) for transform in self.transforms]
        if not steps or not isinstance(self.transforms[0], ToTensor) or None in steps:
            return None

        def all_steps(images: np.ndarray) -> np.ndarray:
            for step in steps:
                images = step(images)
            return images

        return all_steps

    def __repr__(self) -> str:
        return "\n    ".join(["Compose(", *map(repr, self.transforms)]) + "\n)"


class ToTensor(Transform):
    """A picture, or a uint8 array (H, W) or (H, W, C), as a float32 tensor (C, H, W) in 0..1."""

    takes_arrays = True

    def __call__(self, image: Any) -> Tensor:
        array = as_array(image)
        return ops.tensor(self.of_batch(array))

    def of_batch(self, images: np.ndarray) -> np.ndarray:
        if images.dtype != np.uint8:
            return images.astype(np.float32) if images.dtype == np.bool_ else images
        return images.astype(np.float32) / np.float32(255)


class PILToTensor(Transform):
    """A picture as a uint8 tensor (C, H, W)."""

    takes_arrays = True

    def __call__(self, image: Any) -> Tensor:
        return ops.tensor(as_array(image))


class ToImage(PILToTensor):
    """A picture as a uint8 tensor (C, H, W) (of `transforms.v2`)."""


class ConvertImageDtype(Transform):
    """A tensor of another dtype; whole numbers become fractions of their largest."""

    def __init__(self, dtype: Any, scale: bool = True):
        self.dtype, self.scale = dtype, scale

    def __call__(self, image: Any) -> Any:
        wide = self.scale and self.dtype.is_floating_point and not image.dtype.is_floating_point
        return (
            image.to(self.dtype) / integer_range(image.dtype)[1] if wide else image.to(self.dtype)
        )


class ToDtype(ConvertImageDtype):
    """A tensor of another dtype (of `transforms.v2`), scaled only if that is asked for."""

    def __init__(self, dtype: Any, scale: bool = False):
        super().__init__(dtype, scale)


class ToPILImage(Transform):
    """A tensor (C, H, W), in 0..1 or uint8, as a picture."""

    def __init__(self, mode: str | None = None):
        self.mode = mode

    def __call__(self, image: Any) -> Any:
        array = np.asarray(image.detach()) if isinstance(image, Tensor) else np.asarray(image)
        if array.dtype.kind == "f":
            array = (array * 255).astype(np.uint8)
        if array.ndim == 3 and isinstance(image, Tensor):
            array = array[0] if array.shape[0] == 1 else array.transpose(1, 2, 0)
        return pillow().fromarray(array)


class Normalize(Transform):
    """Each channel minus its mean, divided by its standard deviation."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        self.mean, self.std = mean, std

    def __call__(self, image: Any) -> Tensor:
        if not isinstance(image, Tensor):
            raise ArgumentTypeError(
                f"Normalize takes a tensor, got {type(image).__name__}: put ToTensor() before it"
            )
        mean, std = (ops.tensor(x, dtype=image.dtype).reshape(-1, 1, 1) for x in self._both())
        return image.sub(mean).div(std)

    def _both(self) -> tuple[list[float], list[float]]:
        mean, std = np.atleast_1d(self.mean), np.atleast_1d(self.std)
        return mean.tolist(), std.tolist()

    def of_batch(self, images: np.ndarray) -> np.ndarray:
        mean, std = (np.asarray(x, images.dtype).reshape(-1, 1, 1) for x in self._both())
        return (images - mean) / std

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


class Lambda(Transform):
    """Any function."""

    def __init__(self, lambd: Callable[[Any], Any]):
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        return self.lambd(image)


class Resize(Transform):
    """A picture of another size (bilinear): `size` is height and width, or the shorter side."""

    def __init__(self, size: int | Sequence[int], interpolation: Any = None, **options: Any):
        self.size = size
        self.interpolation = interpolation

    def __call__(self, image: Any) -> Any:
        _need_picture("Resize", image)
        image = as_picture(image)
        method = self.interpolation
        if method is None or not isinstance(method, int):
            method = pillow().Resampling[str(method or "bilinear").rpartition(".")[2].upper()]
        return image.resize(self._target(image), method)

    def _target(self, image: Any) -> tuple[int, int]:
        """Width and height."""
        if not isinstance(self.size, int) and len(self.size) == 2:
            return self.size[1], self.size[0]
        side = self.size if isinstance(self.size, int) else self.size[0]
        width, height = image.size
        if width <= height:
            return side, int(side * height / width)
        return int(side * width / height), side


class Pad(Transform):
    """A border: one width, (left and right, top and bottom), or (left, top, right, bottom)."""

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"):
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, image: Any) -> Any:
        left, top, right, bottom = _borders(self.padding)
        if isinstance(image, Tensor):
            from gradatim.nn.functional import pad

            borders = [left, right, top, bottom]
            if self.padding_mode == "constant":
                return pad(image, borders, value=self.fill)
            return pad(image, borders, mode=_PADDINGS[self.padding_mode])
        array = np.asarray(image)
        widths = [(top, bottom), (left, right), (0, 0)][: array.ndim]
        if self.padding_mode == "constant":
            return as_picture(np.pad(array, widths, constant_values=self.fill))
        return as_picture(np.pad(array, widths, mode=_PADDINGS_OF_NUMPY[self.padding_mode]))


_PADDINGS = {"edge": "replicate", "reflect": "reflect", "symmetric": "symmetric"}
_PADDINGS_OF_NUMPY: dict[str, Any] = {
    "edge": "edge",
    "reflect": "reflect",
    "symmetric": "symmetric",
}


def _borders(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if len(padding) == 2:
        return padding[0], padding[1], padding[0], padding[1]
    left, top, right, bottom = padding
    return left, top, right, bottom


class CenterCrop(Transform):
    """The middle, `size` high and wide."""

    def __init__(self, size: int | Sequence[int]):
        self.size = _pair(size)

    def __call__(self, image: Any) -> Any:
        height, width = size_of(image)
        top = round((height - self.size[0]) / 2.0)
        left = round((width - self.size[1]) / 2.0)
        return _crop(image, top, left, *self.size)


class RandomCrop(Transform):
    """A piece `size` high and wide, anywhere, after an optional border."""

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ):
        self.size = _pair(size)
        self.pad = None if padding is None else Pad(padding, fill, padding_mode)

    def __call__(self, image: Any) -> Any:
        if self.pad is not None:
            image = self.pad(image)
        height, width = size_of(image)
        wanted_height, wanted_width = self.size
        if height < wanted_height or width < wanted_width:
            raise ShapeError(
                f"RandomCrop: a crop of size {self.size} does not fit an image of {height, width}"
            )
        if (height, width) == self.size:
            return image
        top = int(ops.randint(0, height - wanted_height + 1, (1,)).item())
        left = int(ops.randint(0, width - wanted_width + 1, (1,)).item())
        return _crop(image, top, left, wanted_height, wanted_width)


class RandomHorizontalFlip(Transform):
    """The mirror picture, with probability p."""

    _dim = -1

    def __init__(self, p: float = 0.5):
        self.p = p

    def __call__(self, image: Any) -> Any:
        if ops.rand(1).item() >= self.p:
            return image
        if isinstance(image, Tensor):
            return image.flip(self._dim)
        return as_picture(np.ascontiguousarray(np.flip(np.asarray(image), self._dim + 2)))


class RandomVerticalFlip(RandomHorizontalFlip):
    """Upside down, with probability p."""

    _dim = -2


class RandomRotation(Transform):
    """Turned by an angle between -degrees and degrees, or between two angles."""

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Any = None,
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
    ):
        if isinstance(degrees, (int, float)):
            degrees = (-degrees, degrees)
        self.degrees = [float(angle) for angle in degrees]
        self.expand, self.center, self.fill = expand, center, fill

    def __call__(self, image: Any) -> Any:
        _need_picture("RandomRotation", image)
        angle = ops.empty(1).uniform_(*self.degrees).item()
        return as_picture(image).rotate(
            angle, expand=self.expand, center=self.center, fillcolor=self.fill
        )


class Grayscale(Transform):
    """Gray, with one channel or three equal ones."""

    def __init__(self, num_output_channels: int = 1):
        self.num_output_channels = num_output_channels

    def __call__(self, image: Any) -> Any:
        _need_picture("Grayscale", image)
        gray = as_picture(image).convert("L")
        if self.num_output_channels == 1:
            return gray
        return as_picture(np.dstack([np.asarray(gray)] * 3))


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    return (size[0], size[0]) if len(size) == 1 else (size[0], size[1])


def _crop(image: Any, top: int, left: int, height: int, width: int) -> Any:
    if isinstance(image, Tensor):
        return image[..., top : top + height, left : left + width]
    return as_picture(image).crop((left, top, left + width, top + height))


def _need_picture(name: str, image: Any) -> None:
    if isinstance(image, Tensor):
        raise ArgumentTypeError(f"{name} takes a picture, got a tensor: put it before ToTensor()")


__getattr__, __dir__ = look_in(
    "torchvision.transforms", globals(), ["gradatim.frontends.torchvision.warps"]
)

del look_in
