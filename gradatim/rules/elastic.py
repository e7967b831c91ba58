"""Elastic deformation: Simard, Steinkraus & Platt 2003, *Best practices for convolutional neural
networks applied to visual document analysis* (ICDAR), section 2.

    Δx, Δy ~ U(-1, 1), one a pixel
    Δ ← α · (Δ ∗ Gaussian of σ)
    new image(x, y) = image(x + Δx(x, y), y + Δy(x, y)), bilinear

With a small σ the field is noise, with a large one an affine map; between lies what a hand does:
α = 34 and σ = 4 suit digits of 28 x 28. New ones in each epoch make a training set without end.
"""

from __future__ import annotations

import math

import numpy as np

import gradatim as gd
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.nn import functional as F


class ElasticDeformation:
    """Deforms each image of a batch in its own way; what comes from beyond the edges is `fill`.

    Args:
        alpha: α, the strength, in pixels before smoothing. 0 changes nothing.
        sigma: σ of the smoothing, in pixels.
        rotation: up to so many degrees, either way, beside it (Ciresan et al. 2010: 15, and 7.5
            for 1 and 7).
        scaling: up to this fraction larger or smaller, each axis by itself (there: 0.15 to 0.2).
        fill: the value of the background.

    Shape:
        (N, C, H, W) floats, to the same.

    Raises:
        ArgumentError: a negative strength, a σ that is not above 0, a scaling of 1 or more.
        ShapeError: what is no batch of images.

    Example:
        >>> gd.manual_seed(0)  # doctest: +ELLIPSIS
        <...>
        >>> image = gd.zeros(1, 1, 28, 28)
        >>> image[:, :, :, 13:15] = 1                              # a vertical stroke
        >>> bent = ElasticDeformation()(image)
        >>> bent.shape, bool((bent != image).any())
        (torch.Size([1, 1, 28, 28]), True)
    """

    def __init__(
        self, alpha: float = 34.0, sigma: float = 4.0, rotation: float = 0.0,
        scaling: float = 0.0, fill: float = 0.0,
    ) -> None:  # fmt: skip
        if not (alpha >= 0 and sigma > 0 and rotation >= 0 and 0 <= scaling < 1):
            raise ArgumentError(
                f"alpha={alpha}, sigma={sigma}, rotation={rotation}, scaling={scaling}: expected "
                "alpha and rotation of 0 or more, sigma above 0, scaling from 0 to below 1"
            )
        self.alpha, self.sigma, self.fill = alpha, sigma, fill
        self.rotation, self.scaling = math.radians(rotation), scaling

    def __call__(self, images: gd.Tensor) -> gd.Tensor:
        if images.dim() != 4 or not images.dtype.is_floating_point:
            raise ShapeError(
                f"elastic deformation needs images (N, C, H, W) of floats, and got "
                f"{list(images.shape)} of {images.dtype}"
            )
        return sample(images, *self._places(*_sizes(images)), self.fill)

    def field(self, count: int, height: int, width: int) -> gd.Tensor:
        """Δy and Δx in pixels, (count, 2, height, width)."""
        noise = gd.rand(count, 2, height, width) * 2 - 1
        down, across = (gd.tensor(_smoothing(n, self.sigma)) for n in (height, width))
        return self.alpha * (down @ noise @ across.T)

    def _places(self, count: int, height: int, width: int) -> tuple[gd.Tensor, gd.Tensor]:
        """Where each pixel of the result looks: rows and columns, (count, height, width)."""
        y = (gd.arange(height).float() - (height - 1) / 2)[:, None]
        x = (gd.arange(width).float() - (width - 1) / 2)[None, :]
        angle, tall, wide = ((gd.rand(3, count, 1, 1) * 2 - 1)[k] for k in range(3))
        cosine, sine = (angle * self.rotation).cos(), (angle * self.rotation).sin()
        rows = (cosine * y - sine * x) / (1 + self.scaling * tall)
        columns = (sine * y + cosine * x) / (1 + self.scaling * wide)
        moved = self.field(count, height, width)
        return rows + (height - 1) / 2 + moved[:, 0], columns + (width - 1) / 2 + moved[:, 1]


def _sizes(images: gd.Tensor) -> tuple[int, int, int]:
    return images.shape[0], images.shape[2], images.shape[3]


def _smoothing(size: int, sigma: float) -> np.ndarray:
    """Convolution with a Gaussian as a matrix (size, size); beyond the edges the field is 0."""
    apart = np.arange(size)[:, None] - np.arange(size)[None, :]
    return (np.exp(-(apart**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))).astype(
        np.float32
    )


def sample(images: gd.Tensor, rows: gd.Tensor, columns: gd.Tensor, fill: float = 0) -> gd.Tensor:
    """Images at places between their pixels, by bilinear interpolation.

    Args:
        images: (N, C, H, W). rows, columns: (N, h, w), in pixels; 0 is the first one's centre.
        fill: what is beyond the edges.

    Returns:
        (N, C, h, w).

    Example:
        >>> image = gd.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
        >>> sample(image, gd.tensor([[[0.5]]]), gd.tensor([[[0.25]]])).item()
        5.0
    """
    height, width = images.shape[2:]
    across = (columns + 0.5) * (2 / width) - 1  # as grid_sample counts: -1 and 1 are the edges
    down = (rows + 0.5) * (2 / height) - 1
    grid = gd.stack([across, down], -1)
    return F.grid_sample(images - fill, grid, align_corners=False) + fill
