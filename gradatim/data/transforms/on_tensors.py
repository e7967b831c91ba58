"""Image operations on tensors (..., channels, height, width); PyTorch's torchvision has the same.

Floating images are in 0..1, integer ones in 0..255.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.data.transforms.modes import InterpolationMode as Mode
from gradatim.graph.dtypes import DType, float32
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor

GRAY = (0.2989, 0.587, 0.114)
"""Shares of red, green and blue in the brightness (ITU-R 601-2)."""


def size(image: Tensor) -> tuple[int, int]:
    """(height, width)."""
    if image.dim() < 2:
        raise ShapeError(f"an image has the shape (..., height, width), got {tuple(image.shape)}")
    return image.shape[-2], image.shape[-1]


def channels(image: Tensor) -> int:
    return image.shape[-3] if image.dim() > 2 else 1


def crop(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """A part; what is outside of the image is 0."""
    h, w = size(image)
    inside = image[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    bottom, right = top + height, left + width
    if top >= 0 and left >= 0 and bottom <= h and right <= w:
        return inside
    margins = (
        max(min(-left, width), 0), max(min(-top, height), 0),
        max(min(right - w, width), 0), max(min(bottom - h, height), 0),
    )  # fmt: skip
    return pad(inside, margins, 0, "constant")


def pad(image: Tensor, margins: tuple[int, int, int, int], fill: Any, mode: str) -> Tensor:
    """Margins on the left, top, right and bottom."""
    left, top, right, bottom = margins
    if mode == "constant":
        one = fill[0] if isinstance(fill, tuple | list) and len(fill) == 1 else fill
        if not isinstance(one, tuple | list):
            return ops.pad(image, (left, right, top, bottom), "constant", one or 0)
        planes = [
            ops.pad(plane, (left, right, top, bottom), "constant", value)
            for plane, value in zip(image.unbind(-3), one)
        ]
        return ops.stack(planes, -3)
    h, w = size(image)
    rows = np.pad(np.arange(h), (top, bottom), mode)
    columns = np.pad(np.arange(w), (left, right), mode)
    return image.index_select(-2, ops.tensor(rows)).index_select(-1, ops.tensor(columns))


def flip(image: Tensor, dim: int) -> Tensor:
    return image.flip(dim)


def resize(image: Tensor, new: tuple[int, int], mode: Mode, antialias: bool) -> Tensor:
    """Each output pixel is a weighted mean of input pixels; along both dimensions in turn."""
    h, w = size(image)
    if (h, w) == new:
        return image
    if mode in (Mode.NEAREST, Mode.NEAREST_EXACT):
        half = 0.5 if mode is Mode.NEAREST_EXACT else 0.0
        rows, columns = (
            np.minimum(((np.arange(n) + half) * (old / n)).astype(np.int64), old - 1)
            for old, n in ((h, new[0]), (w, new[1]))
        )
        return image.index_select(-2, ops.tensor(rows)).index_select(-1, ops.tensor(columns))
    if mode not in (Mode.BILINEAR, Mode.BICUBIC):
        raise ArgumentError(
            f"tensors can be resized by nearest, bilinear and bicubic, not by {mode.value}: use a "
            "PIL image"
        )
    values = image if image.is_floating_point() else image.to(float32)
    down, along = (
        ops.tensor(resampling(old, n, mode, antialias)).to(values.dtype)
        for old, n in ((h, new[0]), (w, new[1]))
    )
    result = down @ (values @ along.T)
    if image.is_floating_point():
        return result
    return result.round().clamp(0, 255).to(image.dtype)


def resampling(old: int, new: int, mode: Mode, antialias: bool) -> np.ndarray:
    """The weight of each old pixel (column) in each new one (row), float64 (new, old).

    Keys 1981, *Cubic convolution interpolation*, with a = -0.5 where pixels are averaged, and
    -0.75 where not. Averaging widens the kernel by the factor of the reduction.
    """
    ratio = old / new
    widen = max(ratio, 1.0) if antialias else 1.0
    centers = (np.arange(new) + 0.5) * ratio
    if not antialias:  # pixels beyond the border are the border's
        cubic = mode is Mode.BICUBIC
        reach = 2 if cubic else 1
        places = centers - 0.5
        places = places if cubic else np.maximum(places, 0)
        first = np.floor(places).astype(int) - reach + 1
        weights = np.zeros((new, old))
        for step in range(2 * reach):
            at = first + step
            share = _cubic(places - at, -0.75) if cubic else np.maximum(1 - abs(places - at), 0)
            np.add.at(weights, (np.arange(new), np.clip(at, 0, old - 1)), share)
        return weights
    distance = (np.arange(old) + 0.5 - centers[:, None]) / widen
    reach = (2.0 if mode is Mode.BICUBIC else 1.0) * widen
    left = np.maximum((centers - reach + 0.5).astype(int), 0)
    right = np.minimum((centers + reach + 0.5).astype(int), old)
    within = (np.arange(old) >= left[:, None]) & (np.arange(old) < right[:, None])
    kernel = _cubic(distance, -0.5) if mode is Mode.BICUBIC else np.maximum(1 - abs(distance), 0)
    weights = np.where(within, kernel, 0)
    return weights / weights.sum(1, keepdims=True)


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def affine(
    image: Tensor, matrix: list[float], new: tuple[int, int], mode: Mode, fill: Any
) -> Tensor:
    """Each output pixel looks at the input where `matrix` (2 × 3, from the centre) sends it."""
    h, w = size(image)
    y, x = (np.arange(n) - n / 2 + 0.5 for n in new)
    a, b, c, d, e, f = matrix
    from_x = (a * x + b * y[:, None] + c + w / 2 - 0.5).astype(np.float32)
    from_y = (d * x + e * y[:, None] + f + h / 2 - 0.5).astype(np.float32)
    values = image.reshape(*image.shape[:-2], h * w)
    if mode is Mode.NEAREST:
        result, seen = _looked_up(values, np.rint(from_y), np.rint(from_x), h, w)
        result = result * seen
    elif mode is Mode.BILINEAR:
        values = values if image.is_floating_point() else values.to(float32)
        top, left = np.floor(from_y), np.floor(from_x)
        result, seen = 0.0, 0.0
        for dy in (0, 1):
            for dx in (0, 1):
                share = (1 - abs(from_y - top - dy)) * (1 - abs(from_x - left - dx))
                corner, there = _looked_up(values, top + dy, left + dx, h, w)
                weight = there * ops.tensor(share.ravel()).to(values.dtype)
                result, seen = result + corner * weight, seen + weight
    else:
        raise ArgumentError(
            f"tensors can be turned by nearest and bilinear, not by {mode.value}: use a PIL image"
        )
    if fill is not None:
        fills = ops.tensor(np.atleast_1d(np.asarray(fill, np.float64))).to(result.dtype)
        fills = fills[:, None] if image.dim() > 2 else fills
        if mode is Mode.NEAREST:
            result = ops.where(seen != 0, result, fills)
        else:
            result = result * seen + (1 - seen) * fills
    if result.dtype is not image.dtype:
        result = result.round().to(image.dtype)
    return result.reshape(*image.shape[:-2], *new)


def _looked_up(values: Tensor, rows: Any, columns: Any, h: int, w: int) -> tuple[Tensor, Tensor]:
    """The pixels at these places, and 1 for each that is inside."""
    inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
    places = np.where(inside, rows * w + columns, 0).astype(np.int64).ravel()
    there = ops.tensor(inside.ravel()).to(values.dtype)
    return values.index_select(-1, ops.tensor(places)), there


# --- colours -------------------------------------------------------------------------------------


def grayscale(image: Tensor, count: int = 1) -> Tensor:
    """The brightness, in `count` equal channels."""
    if channels(image) == 1:
        gray = image
    else:
        r, g, b = image.unbind(-3)
        gray = (r * GRAY[0] + g * GRAY[1] + b * GRAY[2]).to(image.dtype).unsqueeze(-3)
    return gray if count == 1 else gray.expand(*gray.shape[:-3], count, *gray.shape[-2:])


def _blend(image: Tensor, other: Tensor, share: float) -> Tensor:
    mixed = share * image + (1.0 - share) * other
    return mixed.clamp(0, _most(image.dtype)).to(image.dtype)


def _most(dtype: DType) -> float:
    return 1.0 if dtype.is_floating_point else 255


def brightness(image: Tensor, factor: float) -> Tensor:
    return _blend(image, ops.zeros_like(image), factor)


def contrast(image: Tensor, factor: float) -> Tensor:
    gray = grayscale(image)
    values = gray if gray.is_floating_point() else gray.to(float32)
    return _blend(image, values.mean((-3, -2, -1), keepdim=True), factor)


def saturation(image: Tensor, factor: float) -> Tensor:
    return image if channels(image) == 1 else _blend(image, grayscale(image), factor)


def hue(image: Tensor, factor: float) -> Tensor:
    """Turn the colour circle by `factor` of its whole (Foley & van Dam, HSV)."""
    if channels(image) == 1:
        return image
    values = image if image.is_floating_point() else image.to(float32) / 255
    r, g, b = values.unbind(-3)
    most, least = values.amax(-3), values.amin(-3)
    alike = most == least
    spread = most - least
    ones = ops.ones_like(most)
    saturation_ = spread / ops.where(alike, ones, most)
    divisor = ops.where(alike, ones, spread)
    red, green, blue = ((most - x) / divisor for x in (r, g, b))
    from_red = (most == r) * (blue - green)
    from_green = ((most == g) & (most != r)) * (2.0 + red - blue)
    from_blue = ((most != g) & (most != r)) * (4.0 + green - red)
    angle = ((from_red + from_green + from_blue) / 6.0 + 1.0).fmod(1.0)
    angle = (angle + factor) % 1.0
    sector = (angle * 6.0).floor()
    rest = angle * 6.0 - sector
    p, q, t = ((most * (1.0 - saturation_ * x)).clamp(0.0, 1.0) for x in (ones, rest, 1.0 - rest))
    sector = sector % 6
    by_sector = [(most, t, p), (q, most, p), (p, most, t), (p, q, most), (t, p, most), (most, p, q)]
    planes = []
    for channel in range(3):
        plane = by_sector[0][channel]
        for number in range(1, 6):
            plane = ops.where(sector == number, by_sector[number][channel], plane)
        planes.append(plane)
    turned = ops.stack(planes, -3)
    if image.is_floating_point():
        return turned
    return (turned * (255 + 1.0 - 1e-3)).floor().to(image.dtype)


def inverse_matrix(
    center: tuple[float, float], angle: float, shift: Any, scale: float, shear: Any
) -> list[float]:
    """The inverse of: shear, turn by `angle` degrees and scale around `center`, then shift."""
    turn, shear_x, shear_y = (math.radians(x) for x in (angle, *shear))
    cx, cy = center
    tx, ty = shift
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -a * math.tan(shear_x) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -c * math.tan(shear_x) + math.cos(turn)
    m = [x / scale for x in (d, -b, 0.0, -c, a, 0.0)]
    m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx
    m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy
    return m
