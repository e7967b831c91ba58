"""torchvision.utils: many pictures on one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.frontends.torchvision._pictures import pillow
from gradatim.tensor import Tensor


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    pad_value: float = 0.0,
) -> Tensor:
    """Pictures (N, C, H, W) beside and below each other, as one picture (3, height, width).

    Args:
        tensor: the pictures.
        nrow: how many stand in a row.
        padding: the pixels between them.
        normalize: bring the values to 0..1: from `value_range`, or from the least to the largest.
        pad_value: the value between them.

    Example:
        >>> import gradatim as gd
        >>> make_grid(gd.ones(4, 1, 28, 28), nrow=2).shape
        torch.Size([3, 62, 62])
    """
    images = ops.stack(list(tensor)) if isinstance(tensor, (list, tuple)) else tensor
    array = np.array(images.detach())
    if array.ndim == 2:
        array = array[None]
    if array.ndim == 3:
        array = array[None]
    if array.shape[1] == 1:
        array = np.repeat(array, 3, axis=1)
    if normalize:
        low, high = value_range or (array.min(), array.max())
        array = (array.clip(low, high) - low) / max(high - low, 1e-5)
    count, channels, height, width = array.shape
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = height + padding, width + padding
    shape = (channels, rows * height + padding, columns * width + padding)
    grid = np.full(shape, pad_value, array.dtype)
    for k, image in enumerate(array):
        top, left = (k // columns) * height + padding, (k % columns) * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return ops.tensor(grid)


def save_image(tensor: Any, fp: Any, format: str | None = None, **options: Any) -> None:
    """Write pictures with values in 0..1 to a file, as `make_grid` lays them out."""
    grid = np.asarray(make_grid(tensor, **options))
    pixels = (grid * 255 + 0.5).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    pillow().fromarray(pixels).save(fp, format=format)
