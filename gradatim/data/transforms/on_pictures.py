"""Image operations on PIL images; each is Pillow's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.data.transforms.modes import InterpolationMode as Mode
from gradatim.data.transforms.modes import pillow
from gradatim.graph.errors import ArgumentError

_RESAMPLING = {
    Mode.NEAREST: 0,
    Mode.NEAREST_EXACT: 0,
    Mode.BILINEAR: 2,
    Mode.BICUBIC: 3,
    Mode.BOX: 4,
    Mode.HAMMING: 5,
    Mode.LANCZOS: 1,
}


def size(image: Any) -> tuple[int, int]:
    """(height, width)."""
    return image.size[1], image.size[0]


def channels(image: Any) -> int:
    return len(image.getbands())


def crop(image: Any, top: int, left: int, height: int, width: int) -> Any:
    return image.crop((left, top, left + width, top + height))


def pad(image: Any, margins: tuple[int, int, int, int], fill: Any, mode: str) -> Any:
    left, top, right, bottom = margins
    if mode == "constant":
        height, width = size(image)
        grown = pillow("padding").new(
            image.mode, (width + left + right, height + top + bottom), colour(image, fill)
        )
        if image.mode == "P":
            grown.putpalette(image.getpalette())
        grown.paste(image, (left, top))
        return grown
    pixels = np.asarray(image)
    sides = [(top, bottom), (left, right), (0, 0)][: pixels.ndim]
    grown = pillow("padding").fromarray(np.pad(pixels, sides, mode=mode))
    if image.mode == "P":
        grown.putpalette(image.getpalette())
    return grown


def colour(image: Any, fill: Any) -> Any:
    """A fill as a value of the image's mode: one number counts for all channels."""
    if fill is None:
        fill = 0
    count = channels(image)
    if isinstance(fill, int | float):
        fill = (fill,) * count
    fill = tuple(fill)
    if len(fill) == 1:
        fill *= count
    if len(fill) != count:
        raise ArgumentError(
            "The number of elements in 'fill' does not match the number of channels of the image "
            f"({len(fill)} != {count})"
        )
    whole = fill if image.mode == "F" else tuple(int(value) for value in fill)
    return whole[0] if count == 1 else whole


def flip(image: Any, dim: int) -> Any:
    return image.transpose(0 if dim == -1 else 1)  # FLIP_LEFT_RIGHT, FLIP_TOP_BOTTOM


def resize(image: Any, new: tuple[int, int], mode: Mode, antialias: bool) -> Any:
    return image.resize((new[1], new[0]), _RESAMPLING[mode])


def rotate(image: Any, angle: float, mode: Mode, expand: bool, center: Any, fill: Any) -> Any:
    place = None if center is None else tuple(center)
    return image.rotate(angle, _RESAMPLING[mode], expand, place, fillcolor=colour(image, fill))


def affine(image: Any, matrix: list[float], new: tuple[int, int], mode: Mode, fill: Any) -> Any:
    Image = pillow("an affine transform")
    return image.transform(
        (new[1], new[0]), Image.Transform.AFFINE, matrix, _RESAMPLING[mode],
        fillcolor=colour(image, fill),
    )  # fmt: skip


def grayscale(image: Any, count: int = 1) -> Any:
    gray = image.convert("L")
    return gray if count == 1 else pillow("colours").merge("RGB", [gray] * 3)


def brightness(image: Any, factor: float) -> Any:
    return _enhance("Brightness", image, factor)


def contrast(image: Any, factor: float) -> Any:
    return _enhance("Contrast", image, factor)


def saturation(image: Any, factor: float) -> Any:
    return _enhance("Color", image, factor)


def _enhance(what: str, image: Any, factor: float) -> Any:
    from PIL import ImageEnhance

    return getattr(ImageEnhance, what)(image).enhance(factor)


def hue(image: Any, factor: float) -> Any:
    if image.mode in ("L", "1", "I", "F"):
        return image
    h, s, v = image.convert("HSV").split()
    turned = np.asarray(h, np.uint8) + np.uint8(int(factor * 255) % 256)
    h = pillow("colours").fromarray(turned.astype(np.uint8))
    return pillow("colours").merge("HSV", (h, s, v)).convert(image.mode)
