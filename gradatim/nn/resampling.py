"""Layers that change the size of images, lines and volumes. The arithmetic is in
`ops/interpolation.py` and `ops/shuffling.py`.
"""

from __future__ import annotations

from typing import Any

from gradatim.nn import functional as F
from gradatim.nn.module import Module
from gradatim.tensor import Tensor


class Upsample(Module):
    """An image, line or volume in another size.

    Args:
        size: of the result's spatial dimensions; one number for all, or one for each.
        scale_factor: instead of `size`: what to multiply the sizes by.
        mode: "nearest", "linear", "bilinear", "bicubic", "trilinear", "area" or "nearest-exact".
        align_corners: whether the middles of the corner elements stay where they are.
        recompute_scale_factor: take the step from the sizes that came out, not from
            `scale_factor`.

    Shape:
        (N, C, L), (N, C, H, W) or (N, C, D, H, W), and the result with other L, H, W or D.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.Upsample(scale_factor=2, mode="bilinear")
        >>> layer
        Upsample(scale_factor=2.0, mode='bilinear')
        >>> layer(gd.zeros(1, 3, 4, 5)).shape
        torch.Size([1, 3, 8, 10])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of (N, C, H, W) with `mode="nearest"`."""

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of (N, C, H, W) with `mode="bilinear"` and `align_corners=True`."""

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """r² channels laid out as r × r places each (Shi et al., 2016).

    Shape:
        (..., C r², H, W) to (..., C, H r, W r), with r the `upscale_factor`.
    """

    def __init__(self, upscale_factor: int):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """The reverse of `PixelShuffle`.

    Shape:
        (..., C, H r, W r) to (..., C r², H, W), with r the `downscale_factor`.
    """

    def __init__(self, downscale_factor: int):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """The channels of each group dealt out in turn (Zhang et al., 2018).

    Shape:
        (N, C, ...), and the result the same; `groups` divides C.
    """

    def __init__(self, groups: int):
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
