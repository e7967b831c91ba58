"""How AlexNet's pictures are made never twice the same (section 4.1), as transforms of batches:
crops, reflections, and colours moved along their principal components.
"""

from __future__ import annotations

import numpy as np

import gradatim as gd
from gradatim.graph.errors import ShapeError


def _room(height: int, width: int, size: int) -> None:
    if size > min(height, width):
        raise ShapeError(
            f"crops of {size} x {size} do not fit in pictures of {height} x {width}: "
            f"expected pictures of {size} x {size} or more"
        )


def random_crops(images: gd.Tensor, size: int, reflect: bool = True) -> gd.Tensor:
    """Another place of each picture, and with `reflect` every second one mirrored.

    Args:
        images: (N, C, H, W), any dtype.
        size: of the crops; the paper cuts 224 of 256.

    Returns:
        (N, C, size, size).

    Example:
        >>> image = gd.arange(16).reshape(1, 1, 4, 4)
        >>> random_crops(image, 4, reflect=False).tolist() == image.tolist()
        True
    """
    count, channels, height, width = images.shape
    _room(height, width, size)
    top = gd.randint(0, height - size + 1, (count, 1))
    left = gd.randint(0, width - size + 1, (count, 1))
    rows = top + gd.arange(size)
    columns = left + gd.arange(size)
    if reflect:
        columns = gd.where(gd.rand(count, 1) < 0.5, columns, columns.flip(1))
    places = (rows[:, :, None] * width + columns[:, None, :]).reshape(count, 1, -1)
    flat = images.reshape(count, channels, -1)
    cut = flat.gather(2, places.expand(count, channels, size * size))
    return cut.reshape(count, channels, size, size)


def crop_views(images: gd.Tensor, size: int, reflect: bool = True) -> gd.Tensor:
    """The ten crops that the paper's test averages over: four corners, the centre, and the same of
    the mirrored picture. Five without `reflect`, for what mirroring makes into something else.

    Returns:
        (10 or 5, N, C, size, size).

    Example:
        >>> crop_views(gd.zeros(2, 3, 256, 256), 224).shape
        torch.Size([10, 2, 3, 224, 224])
    """
    height, width = images.shape[2:]
    _room(height, width, size)
    down, right = height - size, width - size
    corners = ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))
    views = [images[:, :, y : y + size, x : x + size] for y, x in corners]
    if reflect:
        views += [view.flip(3) for view in views]
    return gd.stack(views)


class ColourPCA:
    """Colours moved along their principal components: to each pixel of a picture is added

        [p₁ p₂ p₃] [α₁λ₁ α₂λ₂ α₃λ₃]ᵀ        α ~ N(0, 0.1), drawn once a picture and pass

    p and λ are the eigenvectors and eigenvalues of the pixels' 3 x 3 covariance over the training
    pictures: the light changes, in the directions and by the amounts in which it changes there.
    With one channel there is one component, and pictures become lighter or darker.

    Args:
        images: (N, C, H, W), of the scale that pictures have where the change is added.
        std: of α.

    Attributes:
        vectors: (C, C), the components in columns. values: (C,), their variances.

    Example:
        >>> grey = gd.rand(100, 1, 8, 8).expand(100, 3, 8, 8)
        >>> change = ColourPCA(grey)
        >>> moved = change(grey) - grey                   # of grey pictures: grey, too
        >>> bool((moved - moved.mean(1, keepdim=True)).abs().max() < 1e-4)
        True
    """

    def __init__(self, images: gd.Tensor, std: float = 0.1) -> None:
        pixels = images.numpy().astype(np.float64)
        pixels = np.moveaxis(pixels, 1, 0).reshape(pixels.shape[1], -1)
        values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(pixels)))
        self.values = gd.tensor(values.astype(np.float32))
        self.vectors = gd.tensor(vectors.astype(np.float32))
        self.std = std

    def __call__(self, images: gd.Tensor) -> gd.Tensor:
        amounts = gd.randn(len(images), len(self.values)) * self.std * self.values
        return images + (amounts @ self.vectors.T)[:, :, None, None]
