"""Two photographs from inside the package, for what is learned of natural images.

Sources and licence: `photographs.md` here.
"""

from __future__ import annotations

import numpy as np

from gradatim.data.packed import packed_files
from gradatim.graph.errors import ArgumentError

HEIGHT, WIDTH = 213, 320


def photographs() -> dict[str, np.ndarray]:
    """A temple in China and a flower, gray, by name: uint8 (213, 320), 255 is white.

    Example:
        >>> found = photographs()
        >>> list(found), found["china"].shape
        (['china', 'flower'], (213, 320))
    """
    return {
        name: np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH).copy()
        for name, data in packed_files("photographs").items()
    }


def photograph_patches(count: int, size: int, *, seed: int = 0) -> np.ndarray:
    """Square pieces from random places of the photographs: float32 (count, size, size), 0 to 1.

    Raises:
        ArgumentError: pieces larger than the photographs, or smaller than a pixel.

    Example:
        >>> photograph_patches(5, 16).shape
        (5, 16, 16)
    """
    if not 1 <= size <= HEIGHT:
        raise ArgumentError(f"size is {size}: expected 1 to {HEIGHT}, the photographs' height")
    pictures = np.stack(list(photographs().values()))
    draw = np.random.default_rng(seed)
    which = draw.integers(0, len(pictures), (count, 1, 1))
    top = draw.integers(0, HEIGHT - size + 1, (count, 1, 1))
    left = draw.integers(0, WIDTH - size + 1, (count, 1, 1))
    inside = np.arange(size)
    cut = pictures[which, top + inside[:, None], left + inside]
    return (cut / np.float32(255)).astype(np.float32)
