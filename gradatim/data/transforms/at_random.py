"""Transforms that do something else to each image.

Classes with torchvision's names and arguments. Numbers are drawn from the default stream, at the
same moments and in the same way as torchvision draws them, so that the same seed gives the same
images (`RandomChoice` and `RandomOrder` draw from Python's `random`, as there).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

from gradatim import ops
from gradatim.data.transforms import functional as F
from gradatim.data.transforms.fixed import Compose, Transform
from gradatim.data.transforms.modes import InterpolationMode, mode_of, pair, range_of
from gradatim.graph.errors import ArgumentError, ArgumentTypeError
from gradatim.tensor import Tensor

NEAREST, BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


def chance() -> float:
    """A number in 0..1."""
    return ops.rand(1).item()


def between(low: float, high: float) -> float:
    """A number in low..high."""
    return ops.empty(1).uniform_(low, high).item()


def whole_below(limit: int) -> int:
    """A whole number from 0 to limit - 1."""
    return int(ops.randint(0, limit, size=(1,)).item())


class _Flip(Transform):
    _shown = ("p",)

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, image: Any) -> Any:
        return self._change(image) if chance() < self.p else image

    def _change(self, image: Any) -> Any:
        raise NotImplementedError


class RandomHorizontalFlip(_Flip):
    """Left and right changed, with probability p."""

    def _change(self, image: Any) -> Any:
        return F.hflip(image)


class RandomVerticalFlip(_Flip):
    """Top and bottom changed, with probability p."""

    def _change(self, image: Any) -> Any:
        return F.vflip(image)


class RandomGrayscale(_Flip):
    """The brightness alone, with probability p."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def _change(self, image: Any) -> Any:
        return F.rgb_to_grayscale(image, F.get_dimensions(image)[0])


class RandomApply(Transform):
    """Several transforms one after another, all of them with probability p, else none."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5) -> None:
        if not isinstance(transforms, Sequence):
            raise ArgumentTypeError("Argument transforms should be a sequence")
        self.transforms, self.p = transforms, p

    def __call__(self, image: Any) -> Any:
        return image if self.p < chance() else Compose(self.transforms)(image)


class RandomChoice(Transform):
    """One of several transforms; p gives how likely each is."""

    def __init__(
        self, transforms: Sequence[Callable[[Any], Any]], p: Sequence[float] | None = None
    ) -> None:
        if p is not None and not isinstance(p, Sequence):
            raise ArgumentTypeError("Argument p should be a sequence")
        self.transforms, self.p = transforms, p

    def __call__(self, image: Any) -> Any:
        return random.choices(self.transforms, weights=self.p)[0](image)


class RandomOrder(Transform):
    """Several transforms, in an order that is drawn anew each time."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for place in order:
            image = self.transforms[place](image)
        return image


class RandomCrop(Transform):
    """A part of the image, anywhere in it.

    Args:
        size: (height, width), or one number for both.
        padding: margins put around the image first.
        pad_if_needed: widen an image that is smaller than the part.
        fill, padding_mode: of the margins; see `functional.pad`.
    """

    _shown = ("size", "padding")

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = pair(size, "Please provide only two dimensions (h, w) for size.")
        self.padding, self.pad_if_needed = padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(image: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a part."""
        _, height, width = F.get_dimensions(image)
        h, w = output_size
        if height < h or width < w:
            raise ArgumentError(
                f"Required crop size {(h, w)} is larger than input image size {(height, width)}: "
                "pass pad_if_needed=True"
            )
        if (height, width) == (h, w):
            return 0, 0, height, width
        top = whole_below(height - h + 1)
        return top, whole_below(width - w + 1), h, w

    def __call__(self, image: Any) -> Any:
        if self.padding is not None:
            image = F.pad(image, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(image)
        if self.pad_if_needed and width < self.size[1]:
            margins = [self.size[1] - width, 0]
            image = F.pad(image, margins, self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            margins = [0, self.size[0] - height]
            image = F.pad(image, margins, self.fill, self.padding_mode)
        return F.crop(image, *self.get_params(image, self.size))


class RandomResizedCrop(Transform):
    """A part of the image of a random size and shape, brought to one size (Szegedy et al. 2014,
    *Going deeper with convolutions*, section 6).

    Args:
        size: of the result: (height, width), or one number for both.
        scale: smallest and largest share of the area.
        ratio: smallest and largest width / height.
        interpolation, antialias: see `functional.resize`.
    """

    _shown = ("size", "scale", "ratio", "interpolation", "antialias")

    def __init__(
        self,
        size: Any,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        self.size = pair(size, "Please provide only two dimensions (h, w) for size.")
        for name, value in (("Scale", scale), ("Ratio", ratio)):
            if not isinstance(value, Sequence):
                raise ArgumentTypeError(f"{name} should be a sequence")
        self.scale, self.ratio, self.antialias = scale, ratio, antialias
        self.interpolation = mode_of(interpolation)

    @staticmethod
    def get_params(
        image: Any, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """Top, left, height and width of a part: up to ten tries, else the middle."""
        _, height, width = F.get_dimensions(image)
        logs = ops.tensor(ratio).log().tolist()
        for _ in range(10):
            area = height * width * between(*scale)
            shape = ops.tensor([between(*logs)]).exp().item()
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                top = whole_below(height - h + 1)
                return top, whole_below(width - w + 1), h, w
        shape = width / height
        w, h = width, height
        if shape < min(ratio):
            h = round(w / min(ratio))
        elif shape > max(ratio):
            w = round(h * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def __call__(self, image: Any) -> Any:
        part = self.get_params(image, self.scale, self.ratio)
        return F.resized_crop(image, *part, self.size, self.interpolation, self.antialias)


class RandomRotation(Transform):
    """The image turned by a random angle.

    Args:
        degrees: the range: (least, most), or a number for both directions.
        interpolation, expand, center, fill: see `functional.rotate`.
    """

    _shown = ("degrees", "interpolation", "expand", "fill")

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        self.degrees = list(range_of(degrees, "degrees"))
        self.interpolation = mode_of(interpolation)
        self.expand, self.center, self.fill = expand, center, fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        return between(*degrees)

    def __call__(self, image: Any) -> Any:
        fill = _fill_of(image, self.fill)
        angle = self.get_params(self.degrees)
        return F.rotate(image, angle, self.interpolation, self.expand, self.center, fill)


class RandomAffine(Transform):
    """The image turned, shifted, scaled and sheared at random.

    Args:
        degrees: range of the angle: (least, most), or a number for both directions; 0 turns not.
        translate: largest shift, as shares of width and height.
        scale: (least, most) factor.
        shear: degrees: a number or (least, most) along x; four numbers: along x, then along y.
        interpolation, fill, center: see `functional.affine`.
    """

    _shown = ("degrees",)

    def __init__(
        self,
        degrees: Any,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: Any = None,
        interpolation: Any = NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        self.degrees = list(range_of(degrees, "degrees"))
        if translate is not None and not all(0.0 <= t <= 1.0 for t in translate):
            raise ArgumentError(f"translation values should be between 0 and 1, got {translate}")
        if scale is not None and any(s <= 0 for s in scale):
            raise ArgumentError(f"scale values should be positive, got {scale}")
        if isinstance(shear, int | float):
            shear = range_of(shear, "shear")
        if shear is not None and len(shear) not in (2, 4):
            raise ArgumentError(f"shear should be a sequence of length 2 or 4, got {shear!r}")
        self.translate, self.scale, self.shear = translate, scale, shear
        self.interpolation = mode_of(interpolation)
        self.fill, self.center = fill, center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """An angle, a shift, a factor and angles of shear; `img_size` is (width, height)."""
        angle = between(*degrees)
        shift = (0, 0)
        if translate is not None:
            most_x, most_y = (float(t * extent) for t, extent in zip(translate, img_size))
            shift = round(between(-most_x, most_x)), round(between(-most_y, most_y))
        scale = 1.0 if scale_ranges is None else between(*scale_ranges[:2])
        shear_x = shear_y = 0.0
        if shears is not None:
            shear_x = between(*shears[:2])
            shear_y = between(*shears[2:]) if len(shears) == 4 else 0.0
        return angle, shift, scale, (shear_x, shear_y)

    def __call__(self, image: Any) -> Any:
        fill = _fill_of(image, self.fill)
        _, height, width = F.get_dimensions(image)
        drawn = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, [width, height]
        )
        return F.affine(image, *drawn, self.interpolation, fill, self.center)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    Args:
        brightness, contrast, saturation: (least, most) factor; a number x is (1 - x, 1 + x).
        hue: (least, most) turn of the colour circle, in -0.5..0.5; a number x is (-x, x).
    """

    _shown = ("brightness", "contrast", "saturation", "hue")

    def __init__(
        self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0
    ) -> None:
        self.brightness = _factors(brightness, "brightness")
        self.contrast = _factors(contrast, "contrast")
        self.saturation = _factors(saturation, "saturation")
        self.hue = _factors(hue, "hue", center=0, bounds=(-0.5, 0.5))

    def __call__(self, image: Any) -> Any:
        order = ops.randperm(4).tolist()
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        factors = [None if limits is None else between(*limits) for limits in ranges]
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for which in order:
            if factors[which] is not None:
                image = changes[which](image, factors[which])
        return image


def _factors(
    value: Any, name: str, center: float = 1, bounds: tuple[float, float] = (0, float("inf"))
) -> tuple[float, float] | None:
    """The range of a factor; None where it changes nothing."""
    if isinstance(value, int | float):
        if value < 0:
            raise ArgumentError(f"If {name} is a single number, it must be non negative: {value}")
        low, high = center - float(value), center + float(value)
        low = max(low, 0.0) if center == 1 else low
    elif isinstance(value, Sequence) and len(value) == 2:
        low, high = float(value[0]), float(value[1])
    else:
        raise ArgumentTypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not bounds[0] <= low <= high <= bounds[1]:
        raise ArgumentError(f"{name} values should be between {bounds}, but got {[low, high]}.")
    return None if low == high == center else (low, high)


class RandomErasing(Transform):
    """A rectangle of a tensor filled, with probability p (Zhong et al. 2017, *Random erasing data
    augmentation*, algorithm 1).

    Args:
        p: how likely.
        scale: smallest and largest share of the area.
        ratio: smallest and largest height / width.
        value: a number, one for each channel, or "random" for normal noise.
        inplace: change the tensor itself.
    """

    _shown = ("p", "scale", "ratio", "value", "inplace")

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        if isinstance(value, str) and value != "random":
            raise ArgumentError(f"If value is str, it should be 'random', got {value!r}")
        if scale[0] < 0 or scale[1] > 1:
            raise ArgumentError(f"Scale should be between 0 and 1, got {scale}")
        if p < 0 or p > 1:
            raise ArgumentError(f"Random erasing probability should be between 0 and 1, got {p}")
        self.p, self.scale, self.ratio = p, scale, ratio
        self.value, self.inplace = value, inplace

    @staticmethod
    def get_params(
        image: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Any = None
    ) -> tuple[int, int, int, int, Any]:
        """Row, column, height, width and content of a rectangle; ten tries, else the whole."""
        count, height, width = image.shape[-3], image.shape[-2], image.shape[-1]
        logs = ops.tensor(ratio).log().tolist()
        for _ in range(10):
            area = height * width * between(*scale)
            shape = ops.tensor([between(*logs)]).exp().item()
            h, w = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if not (h < height and w < width):
                continue
            if value is None:
                content = ops.randn(count, h, w)
            else:
                content = ops.tensor(value)[:, None, None]
            row = whole_below(height - h + 1)
            return row, whole_below(width - w + 1), h, w, content
        return 0, 0, height, width, image

    def __call__(self, image: Tensor) -> Tensor:
        if not isinstance(image, Tensor):
            raise ArgumentTypeError(
                f"RandomErasing takes a tensor, got {type(image)}: put ToTensor() before it"
            )
        if not chance() < self.p:
            return image
        value = self.value
        if isinstance(value, str):
            value = None
        elif isinstance(value, int | float):
            value = [float(value)]
        else:
            value = [float(one) for one in value]
        if value is not None and len(value) not in (1, image.shape[-3]):
            raise ArgumentError(
                "If value is a sequence, it should have either a single value or "
                f"{image.shape[-3]} (number of input channels)"
            )
        drawn = self.get_params(image, self.scale, self.ratio, value)
        return F.erase(image, *drawn, self.inplace)


def _fill_of(image: Any, fill: Any) -> Any:
    """For a tensor: a float for each channel."""
    if not isinstance(image, Tensor):
        return fill
    if isinstance(fill, int | float):
        return [float(fill)] * F.get_dimensions(image)[0]
    return None if fill is None else [float(one) for one in fill]
