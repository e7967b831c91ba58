"""Windows laid side by side as columns (im2col), and columns added up to an image (col2im)."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ShapeError
from gradatim.graph.node import Shape
from gradatim.ops._windows import constant_table, each, hashable
from gradatim.ops.arguments import as_tensor_operand, number_node
from gradatim.tensor import Tensor, named

__all__ = ["fold", "unfold"]


def _places(whole: Shape, window: Shape, stride: Shape, dilation: Shape) -> np.ndarray[Any, Any]:
    """(taps, windows): the place of each tap of each window, in the padded dimensions flattened."""
    zeros = (0,) * len(whole)
    counts = p.window_counts(whole, window, stride, zeros, zeros, dilation)
    lines = [
        np.arange(size)[:, None] * apart + np.arange(count) * step
        for size, count, step, apart in zip(window, counts, stride, dilation)
    ]
    rows, columns = lines
    grid = rows[:, None, :, None] * whole[1] + columns[None, :, None, :]
    return grid.reshape(math.prod(window), math.prod(counts))


@functools.lru_cache(maxsize=1024, typed=True)
def _arguments(where: str, **given: Any) -> list[Shape]:
    """Each argument as two numbers, refused if too small."""
    found = []
    for name, value in given.items():
        numbers = each(value, 2, f"{where}: expected {name} to be one or two ints")
        if min(numbers) < (0 if name == "padding" else 1):
            raise ShapeError(f"{where}: {name} should be greater than zero, but got {numbers}")
        found.append(numbers)
    return found


def _padded(spatial: Shape, padding: Shape) -> Shape:
    return tuple(n + 2 * pad for n, pad in zip(spatial, padding))


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Each window of an image as a column.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size, dilation, padding, stride: of the windows; one number or two.

    Returns:
        (N, C * taps, windows): a window's elements of each channel one after the other.

    Raises:
        ShapeError: for sizes that do not fit.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.unfold(gd.arange(4.0).reshape(1, 1, 2, 2), (1, 2))
        tensor([[[0., 2.],
                 [1., 3.]]])
    """
    x = as_tensor_operand(input, "unfold")._read()
    batched = x.ndim == 4
    if x.ndim not in (3, 4) or 0 in x.shape[-3:]:
        raise ShapeError(
            f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(x.shape)}"
        )
    window, apart, pad, step = _arguments(
        "unfold", kernel_size=hashable(kernel_size), dilation=hashable(dilation),
        padding=hashable(padding), stride=hashable(stride),
    )  # fmt: skip
    lead = (0,) * (x.ndim - 2)
    whole = _padded(x.shape[-2:], pad)
    if 0 in p.window_counts(whole, window, step, (0, 0), (0, 0), apart):
        raise ShapeError(
            f"Given input with spatial size {x.shape[-2:]}, kernel_size={window}, "
            f"dilation={apart}, padding={pad}, there is no window: it must be at least one"
        )
    table = constant_table(_places, int64, whole, window, step, apart)
    x = p.pad(x, number_node(0, x.dtype), (*lead, *pad), (*lead, *pad))
    flat = p.reshape(x, (*x.shape[:-2], math.prod(whole)))
    places = p.expand(p.reshape(table, (table.size,)), (*x.shape[:-2], table.size))
    columns = p.window_gather(flat, places, 1)
    rows = x.shape[-3] * table.shape[0]
    shape = (x.shape[0], rows, table.shape[1]) if batched else (rows, table.shape[1])
    return named(p.reshape(columns, shape), "Im2Col")


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Tensor:  # fmt: skip
    """The gradient of `unfold`: an image in which each column is added to its window.

    Args:
        input: (N, C * taps, windows) or (C * taps, windows).
        output_size: (H, W), of the image.
        kernel_size, dilation, padding, stride: as for `unfold`.

    Returns:
        (N, C, H, W) or (C, H, W).

    Raises:
        ShapeError: for sizes that do not fit.

    Example:
        >>> import gradatim as gd
        >>> x = gd.ones(1, 1, 3, 3)
        >>> columns = gd.nn.functional.unfold(x, 2)
        >>> gd.nn.functional.fold(columns, (3, 3), 2)
        tensor([[[[1., 2., 1.],
                  [2., 4., 2.],
                  [1., 2., 1.]]]])
    """
    x = as_tensor_operand(input, "fold")._read()
    if x.ndim not in (2, 3):
        raise ShapeError(
            f"Expected 2D or 3D (batch mode) tensor for input, but got: {list(x.shape)}"
        )
    sizes, window, apart, pad, step = _arguments(
        "fold", output_size=hashable(output_size), kernel_size=hashable(kernel_size),
        dilation=hashable(dilation), padding=hashable(padding), stride=hashable(stride),
    )  # fmt: skip
    whole, taps = _padded(sizes, pad), math.prod(window)
    windows = math.prod(p.window_counts(whole, window, step, (0, 0), (0, 0), apart))
    if x.shape[-2] % taps or x.shape[-1] != windows:
        raise ShapeError(
            f"fold expects an input of size (N, C * {taps}, {windows}) for output_size={sizes}, "
            f"kernel_size={window}, dilation={apart}, padding={pad}, stride={step}, but got "
            f"{list(x.shape)}"
        )
    lead = (*x.shape[:-2], x.shape[-2] // taps)
    table = constant_table(_places, int64, whole, window, step, apart)
    places = p.expand(p.reshape(table, (table.size,)), (*lead, table.size))
    flat = p.window_scatter(p.reshape(x, (*lead, table.size)), places, (math.prod(whole),))
    crop = (*[0] * len(lead), *(-n for n in pad))
    image = p.reshape(flat, (*lead, *whole))
    return named(p.pad(image, number_node(0, x.dtype), crop, crop), "Col2Im")
