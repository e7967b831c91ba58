"""Image operations as functions, on PIL images and on tensors (..., channels, height, width).

Names, arguments and results are those of `torchvision.transforms.functional`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.data.transforms import on_pictures, on_tensors
from gradatim.data.transforms.modes import InterpolationMode, mode_of, pair, pillow
from gradatim.graph import dtypes
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradatim.tensor import Tensor

NEAREST, BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


def _kind(image: Any) -> Any:
    """The operations for this kind of image."""
    if isinstance(image, Tensor):
        return on_tensors
    if hasattr(image, "getbands") and hasattr(image, "convert"):
        return on_pictures
    raise ArgumentTypeError(
        f"Unexpected type {type(image)}: expected a PIL image, or a tensor (..., channels, height, "
        "width)"
    )


# --- conversions ---------------------------------------------------------------------------------


def to_tensor(pic: Any) -> Tensor:
    """A PIL image, or an array (height, width) or (height, width, channels), as a tensor (channels,
    height, width); bytes become float32 in 0..1.

    Example:
        >>> to_tensor(np.array([[0, 51], [102, 255]], np.uint8))
        tensor([[[0.0000, 0.2000],
                 [0.4000, 1.0000]]])
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ArgumentError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        pixels = pic if pic.ndim == 3 else pic[:, :, None]
    else:
        pixels = _pixels(pic)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    if planes.dtype == np.uint8:
        planes = planes.astype(np.float32) / np.float32(255)
    return ops.tensor(planes)


def pil_to_tensor(pic: Any) -> Tensor:
    """A PIL image as a tensor (channels, height, width) of its own values."""
    return ops.tensor(np.ascontiguousarray(_pixels(pic).transpose(2, 0, 1)))


def _pixels(pic: Any) -> np.ndarray:
    """The pixels of a PIL image, (height, width, channels)."""
    if not hasattr(pic, "getbands"):
        raise ArgumentTypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    pixels = np.array(pic)
    if pic.mode == "1":
        pixels = pixels.astype(np.uint8) * 255
    if pic.mode.startswith("I;16"):
        pixels = pixels.astype(np.int16)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (channels, height, width) or (height, width), or an array (height, width, channels),
    as a PIL image. Floats are in 0..1.
    """
    Image = pillow("ToPILImage")
    if isinstance(pic, Tensor):
        if pic.dim() not in (2, 3):
            raise ArgumentError(f"pic should be 2/3 dimensional. Got {pic.dim()} dimensions.")
        pic = pic if pic.dim() == 3 else pic.unsqueeze(0)
        if pic.is_floating_point() and mode != "F":
            pic = (pic * 255).to(dtypes.uint8)
        pixels = np.transpose(pic.detach().numpy(), (1, 2, 0))
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ArgumentError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        pixels = pic if pic.ndim == 3 else pic[:, :, None]
    else:
        raise ArgumentTypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    count = pixels.shape[2]
    if count > 4:
        raise ArgumentError(f"pic should not have > 4 channels. Got {count} channels.")
    if count == 1:
        pixels = pixels[:, :, 0]
        natural = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}
        expected = natural.get(pixels.dtype.name)
        if mode is not None and mode != expected:
            raise ArgumentError(
                f"Incorrect mode ({mode}) supplied for input type {pixels.dtype}. Should be "
                f"{expected}"
            )
        mode = expected
    else:
        fitting = {2: ["LA"], 3: ["RGB", "YCbCr", "HSV"], 4: ["RGBA", "CMYK", "RGBX"]}[count]
        if mode is not None and mode not in fitting:
            raise ArgumentError(f"Only modes {fitting} are supported for {count}D inputs")
        mode = mode or fitting[0]
        if pixels.dtype != np.uint8:
            mode = None
    if mode is None:
        raise ArgumentTypeError(f"Input type {pixels.dtype} is not supported")
    pixels = np.ascontiguousarray(pixels)
    return Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())


def convert_image_dtype(image: Tensor, dtype: Any = dtypes.float32) -> Tensor:
    """The image in another dtype, its range of values scaled to that of the dtype."""
    dtype = dtypes.as_dtype(dtype)
    if image.dtype is dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        most = dtypes.integer_range(dtype)[1]
        return (image * (most + 1.0 - 1e-3)).to(dtype)
    here = dtypes.integer_range(image.dtype)[1]
    if dtype.is_floating_point:
        return image.to(dtype) / here
    there = dtypes.integer_range(dtype)[1]
    if here > there:
        return (image // ((here + 1) // (there + 1))).to(dtype)
    return image.to(dtype) * ((there + 1) // (here + 1))


def normalize(
    tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """(tensor - mean) / std, for each channel.

    Example:
        >>> import gradatim as gd
        >>> normalize(gd.tensor([[[0.5, 1.0]]]), [0.5], [0.25])
        tensor([[[0., 2.]]])
    """
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(
            f"img should be Tensor Image. Got {type(tensor)}: put ToTensor() before Normalize"
        )
    if not tensor.is_floating_point():
        raise ArgumentTypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.dim() < 3:
        raise ArgumentError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tuple(tensor.shape)}"
        )
    means, stds = (
        ops.tensor(np.atleast_1d(np.asarray(x, np.float64))).to(tensor.dtype)[:, None, None]
        for x in (mean, std)
    )
    if bool((stds == 0).any()):
        raise ArgumentError(f"std evaluated to zero, leading to division by zero: {std}")
    if inplace:
        return tensor.sub_(means).div_(stds)
    return (tensor - means) / stds


# --- places --------------------------------------------------------------------------------------


def get_dimensions(image: Any) -> list[int]:
    """[channels, height, width]."""
    kind = _kind(image)
    return [kind.channels(image), *kind.size(image)]


def get_image_size(image: Any) -> list[int]:
    """[width, height]."""
    height, width = _kind(image).size(image)
    return [width, height]


def crop(image: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part; what is outside of the image is 0."""
    return _kind(image).crop(image, top, left, height, width)


def center_crop(image: Any, output_size: Any) -> Any:
    """The middle; a smaller image gets margins of 0 first."""
    want_h, want_w = pair(output_size, "Please provide only two dimensions (h, w) for size")
    height, width = _kind(image).size(image)
    if want_w > width or want_h > height:
        short_w, short_h = max(want_w - width, 0), max(want_h - height, 0)
        margins = [short_w // 2, short_h // 2, (short_w + 1) // 2, (short_h + 1) // 2]
        image = pad(image, margins, fill=0)
        height, width = _kind(image).size(image)
        if (height, width) == (want_h, want_w):
            return image
    top, left = round((height - want_h) / 2.0), round((width - want_w) / 2.0)
    return crop(image, int(top), int(left), want_h, want_w)


def resized_crop(
    image: Any, top: int, left: int, height: int, width: int, size: Any,
    interpolation: Any = BILINEAR, antialias: bool | None = True,
) -> Any:  # fmt: skip
    """`crop`, then `resize`."""
    return resize(crop(image, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(image: Any, size: Any) -> tuple[Any, ...]:
    """The four corners (top left, top right, bottom left, bottom right) and the middle."""
    h, w = pair(size, "Please provide only two dimensions (h, w) for size")
    height, width = _kind(image).size(image)
    if w > width or h > height:
        raise ArgumentError(
            f"Requested crop size {(h, w)} is bigger than input size {(height, width)}"
        )
    corners = [(0, 0), (0, width - w), (height - h, 0), (height - h, width - w)]
    return (*(crop(image, top, left, h, w) for top, left in corners), center_crop(image, (h, w)))


def ten_crop(image: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of the image, and of the flipped image."""
    flipped = vflip(image) if vertical_flip else hflip(image)
    return five_crop(image, size) + five_crop(flipped, size)


def pad(image: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Margins around the image.

    Args:
        padding: one number for all sides; (left and right, top and bottom); or (left, top, right,
            bottom).
        fill: the value of "constant" margins: a number, or one for each channel.
        padding_mode: "constant", "edge", "reflect" (without the last row) or "symmetric" (with it).
    """
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ArgumentError(
            "Padding mode should be either constant, edge, reflect or symmetric, got "
            f"{padding_mode!r}"
        )
    if isinstance(padding, int):
        padding = [padding]
    if not isinstance(padding, Sequence) or len(padding) not in (1, 2, 4):
        raise ArgumentError(
            f"Padding must be an int or a 1, 2, or 4 element tuple, got {padding!r}"
        )
    margins = tuple(padding) * (4 // len(padding))
    return _kind(image).pad(image, margins, fill, padding_mode)


def resize(
    image: Any, size: Any, interpolation: Any = BILINEAR, max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:  # fmt: skip
    """The image in another size.

    Args:
        size: (height, width), or one number for the shorter side, which keeps the shape.
        interpolation: an InterpolationMode.
        max_size: with one number for the shorter side, the longest that the other may get.
        antialias: average over all pixels where the image gets smaller (PIL images always do).
    """
    mode = mode_of(interpolation)
    height, width = _kind(image).size(image)
    if isinstance(size, Sequence) and len(size) not in (1, 2):
        raise ArgumentError(f"Size must be an int or a 1 or 2 element tuple/list, got {size!r}")
    if isinstance(size, int) or len(size) == 1:
        shorter = size if isinstance(size, int) else size[0]
        new = _keeping_shape(height, width, shorter, max_size)
    elif max_size is not None:
        raise ArgumentError(
            "max_size should only be passed if size specifies the length of the smaller edge"
        )
    else:
        new = (int(size[0]), int(size[1]))
    if new == (height, width):
        return image
    smooth = bool(antialias) and mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    return _kind(image).resize(image, new, mode, smooth)


def _keeping_shape(height: int, width: int, shorter: int, most: int | None) -> tuple[int, int]:
    short, long = (width, height) if width <= height else (height, width)
    new_short, new_long = shorter, int(shorter * long / short)
    if most is not None:
        if most <= shorter:
            raise ArgumentError(
                f"max_size = {most} must be strictly greater than the requested size for the "
                f"smaller edge size = {shorter}"
            )
        if new_long > most:
            new_short, new_long = int(most * new_short / new_long), most
    return (new_long, new_short) if width <= height else (new_short, new_long)


def hflip(image: Any) -> Any:
    """Left and right changed."""
    return _kind(image).flip(image, -1)


def vflip(image: Any) -> Any:
    """Top and bottom changed."""
    return _kind(image).flip(image, -2)


def rotate(
    image: Any, angle: float, interpolation: Any = NEAREST, expand: bool = False,
    center: Sequence[float] | None = None, fill: Any = None,
) -> Any:  # fmt: skip
    """The image turned by `angle` degrees against the clock.

    Args:
        expand: make the result so large that nothing is cut off.
        center: (x, y) to turn around; the middle unless given.
        fill: the value of what was outside; 0 unless given.
    """
    mode = mode_of(interpolation)
    if not isinstance(angle, int | float):
        raise ArgumentTypeError(f"Argument angle should be int or float, got {angle!r}")
    if not isinstance(image, Tensor):
        _kind(image)
        return on_pictures.rotate(image, angle, mode, expand, center, fill)
    height, width = on_tensors.size(image)
    middle = (0.0, 0.0) if center is None else (center[0] - width / 2, center[1] - height / 2)
    matrix = on_tensors.inverse_matrix(middle, -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    new = _turned_size(matrix, height, width) if expand else (height, width)
    return on_tensors.affine(image, matrix, new, mode, fill)


def _turned_size(matrix: list[float], height: int, width: int) -> tuple[int, int]:
    """The size that holds all of a turned image. In float32, as torchvision has it: where an edge
    falls between two pixels, the last bit decides.
    """
    corners = np.array([(x * width / 2, y * height / 2) for x in (-1, 1) for y in (-1, 1)], "f4")
    turned = corners @ np.reshape(matrix, (2, 3)).astype("f4")[:, :2].T
    turned += np.reshape(matrix, (2, 3)).astype("f4")[:, 2]
    half = np.array([width / 2, height / 2], "f4")
    step = np.float32(1e-4)
    low, high = (
        np.trunc(end / step) * step for end in (turned.min(0) + half, turned.max(0) + half)
    )
    extent = (np.ceil(high) - np.floor(low)).astype(int)
    return int(extent[1]), int(extent[0])


def affine(
    image: Any, angle: float, translate: Sequence[float], scale: float, shear: Any,
    interpolation: Any = NEAREST, fill: Any = None, center: Sequence[float] | None = None,
) -> Any:  # fmt: skip
    """The image turned (with the clock), scaled, sheared and shifted, in its own size.

    Args:
        angle: degrees.
        translate: (right, down) in pixels.
        scale: over 0.
        shear: degrees along x, or along x and y.
        center: (x, y) around which; the middle unless given.
    """
    mode = mode_of(interpolation)
    if scale <= 0.0:
        raise ArgumentError(f"Argument scale should be positive, got {scale}")
    shear = [shear, 0.0] if isinstance(shear, int | float) else list(shear)
    shear = [*shear, 0.0][:2] if len(shear) == 1 else shear
    height, width = _kind(image).size(image)
    if isinstance(image, Tensor):
        middle = (0.0, 0.0) if center is None else (center[0] - width / 2, center[1] - height / 2)
    else:
        middle = (width * 0.5, height * 0.5) if center is None else tuple(center)
    matrix = on_tensors.inverse_matrix(middle, angle, translate, scale, shear)
    return _kind(image).affine(image, matrix, (height, width), mode, fill)


def erase(image: Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Tensor:
    """The tensor with the h × w pixels at row i and column j set to `v`."""
    if not isinstance(image, Tensor):
        raise ArgumentTypeError(f"img should be Tensor, got {type(image)}: put ToTensor() first")
    result = image if inplace else image.clone()
    result[..., i : i + h, j : j + w] = v
    return result


# --- colours -------------------------------------------------------------------------------------


def rgb_to_grayscale(image: Any, num_output_channels: int = 1) -> Any:
    """The brightness of the image, in 1 or 3 equal channels."""
    if num_output_channels not in (1, 3):
        raise ArgumentError(
            f"num_output_channels should be either 1 or 3, got {num_output_channels}"
        )
    if _kind(image).channels(image) not in (1, 3) and isinstance(image, Tensor):
        raise ShapeError(f"a colour image has 1 or 3 channels, got {tuple(image.shape)}")
    return _kind(image).grayscale(image, num_output_channels)


to_grayscale = rgb_to_grayscale


def adjust_brightness(image: Any, brightness_factor: float) -> Any:
    """0 is black, 1 the image, 2 twice as bright."""
    return _kind(image).brightness(image, _factor("brightness_factor", brightness_factor))


def adjust_contrast(image: Any, contrast_factor: float) -> Any:
    """0 is gray, 1 the image, 2 twice the contrast."""
    return _kind(image).contrast(image, _factor("contrast_factor", contrast_factor))


def adjust_saturation(image: Any, saturation_factor: float) -> Any:
    """0 is black and white, 1 the image, 2 twice as colourful."""
    return _kind(image).saturation(image, _factor("saturation_factor", saturation_factor))


def adjust_hue(image: Any, hue_factor: float) -> Any:
    """The colour circle turned by -0.5 to 0.5 of its whole."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ArgumentError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _kind(image).hue(image, hue_factor)


def _factor(name: str, value: float) -> float:
    if value < 0:
        raise ArgumentError(f"{name} ({value}) is not non-negative.")
    return value
