"""Channels and places exchanged: what a convolution left in channels becomes a larger image."""

from __future__ import annotations

from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import ShapeError
from gradatim.graph.node import Node
from gradatim.ops._drawing import whole_number
from gradatim.ops.arguments import as_tensor_operand
from gradatim.tensor import Tensor, named

__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def _image(input: Any, factor: Any, where: str, name: str) -> tuple[Node, int]:
    x = as_tensor_operand(input, where)._read()
    factor = whole_number(factor, where, name)
    if x.ndim < 3:
        raise ShapeError(
            f"{where} expects input to have at least 3 dimensions, but got input with {x.ndim} "
            f"dimension(s)"
        )
    if factor <= 0:
        raise ShapeError(f"{where} expects a positive {name}, but got {factor}")
    return x, factor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """r² channels laid out as r × r places each (Shi et al., 2016).

    Args:
        input: (..., C r², H, W), any dtype.
        upscale_factor: r.

    Returns:
        (..., C, H r, W r).

    Raises:
        ShapeError: for channels that r² does not divide.

    Example:
        >>> import gradatim as gd
        >>> gd.pixel_shuffle(gd.arange(4).reshape(1, 4, 1, 1), 2)
        tensor([[[[0, 1],
                  [2, 3]]]])
    """
    x, r = _image(input, upscale_factor, "pixel_shuffle", "upscale_factor")
    *lead, channels, height, width = x.shape
    if channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    out = channels // (r * r)
    x = p.reshape(x, (*lead, out, r, r, height, width))
    first = len(lead)
    x = p.permute(x, (*range(first), first, first + 3, first + 1, first + 4, first + 2))
    return named(p.reshape(x, (*lead, out, height * r, width * r)), "PixelShuffle")


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The reverse of `pixel_shuffle`: r × r places laid out as r² channels.

    Args:
        input: (..., C, H r, W r), any dtype.
        downscale_factor: r.

    Returns:
        (..., C r², H, W).

    Raises:
        ShapeError: for a height or width that r does not divide.
    """
    x, r = _image(input, downscale_factor, "pixel_unshuffle", "downscale_factor")
    *lead, channels, height, width = x.shape
    for name, size, place in (("height", height, -2), ("width", width, -1)):
        if size % r:
            raise ShapeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({place})={size} is not divisible by {r}"
            )
    x = p.reshape(x, (*lead, channels, height // r, r, width // r, r))
    first = len(lead)
    x = p.permute(x, (*range(first), first, first + 2, first + 4, first + 1, first + 3))
    shape = (*lead, channels * r * r, height // r, width // r)
    return named(p.reshape(x, shape), "PixelUnshuffle")


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of each group dealt out in turn (Zhang et al., 2018): the first of every group,
    the second of every group ...

    Args:
        input: (N, C, ...), any dtype.
        groups: how many; it divides C.

    Raises:
        ShapeError: for channels that do not divide.

    Example:
        >>> import gradatim as gd
        >>> gd.channel_shuffle(gd.arange(4).reshape(1, 4, 1), 2).flatten()
        tensor([0, 2, 1, 3])
    """
    x, groups = _image(input, groups, "channel_shuffle", "groups")
    batch, channels, *rest = x.shape
    if channels % groups:
        raise ShapeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} "
            f"groups."
        )
    x = p.permute(
        p.reshape(x, (batch, groups, channels // groups, *rest)),
        (0, 2, 1, *range(3, x.ndim + 1)),
    )
    return named(p.reshape(x, (batch, channels, *rest)), "ChannelShuffle")


def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """`channel_shuffle`."""
    return channel_shuffle(input, groups)
