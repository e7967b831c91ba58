"""A picture from a file, as the numbers that an image model was trained on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from gradatim.graph.errors import ArgumentError, DataError, DataNotFound, missing_extra


def read_image(path: str | os.PathLike[str], height: int = 28, width: int = 28) -> np.ndarray:
    """A picture as bright ink on a dark ground, the way MNIST has its digits.

    The picture (PNG, JPEG, anything Pillow opens) is turned to gray, transparent parts to white,
    and resized. If its border is lighter than half, it is dark on light, like ink on paper, and is
    inverted.

    Args:
        path: the file.
        height, width: the size to give it, in pixels.

    Returns:
        float32 (height, width), 0 for the ground to 1 for full ink.

    Raises:
        DataNotFound, DataError: if there is no such file, or it is no picture.
        MissingExtra: if Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise missing_extra(f"reading the picture {path}", "Pillow", "plots") from None

    if height < 1 or width < 1:
        raise ArgumentError(f"height={height} and width={width}: expected 1 or more pixels each")
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a directory: expected a picture, such as a PNG file")
    try:
        with Image.open(path) as picture:
            gray = _gray(ImageOps.exif_transpose(picture))
    except FileNotFoundError:
        raise DataNotFound(f"there is no file {path}: expected a picture, such as a PNG") from None
    except UnidentifiedImageError:
        size = path.stat().st_size
        found = "is empty" if size == 0 else "is not a picture that can be read"
        raise DataError(f"{path} {found}: expected a PNG or JPEG file") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as a picture: {reason}") from error

    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    if np.median(border) > 0.5:
        gray = 1 - gray
    small = Image.fromarray(gray).resize((width, height), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(small, np.float32), 0, 1)


def _gray(picture) -> np.ndarray:
    """float32 (H, W) in 0..1."""
    from PIL import Image

    if picture.mode.startswith("I;16"):
        return np.asarray(picture).astype(np.float32) / 65535
    if picture.mode in ("I", "F"):
        values = np.asarray(picture, np.float32)
        return values / max(float(values.max(initial=0)), 1.0)
    if picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return np.asarray(picture.convert("L"), np.float32) / 255
