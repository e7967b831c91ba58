"""The first digits of MNIST, as the deck shows them."""

from __future__ import annotations

from typing import Any

from gradatim.data import mnist
from gradatim.explain.pictures.style import INK, new_figure
from gradatim.graph.errors import ArgumentError


def digits(count: int = 80, columns: int = 10) -> Any:
    """The first training digits with their labels.

    Example:
        >>> len(digits(20).axes)
        20
    """
    if not 1 <= count <= 1000 or columns < 1:
        raise ArgumentError(f"count={count}, columns={columns}: expected 1 to 1,000, and 1 or more")
    found = mnist()
    rows = -(-count // columns)
    figure = new_figure(0.72 * columns, 0.88 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for number, axis in enumerate(grid):
        if number >= count:
            axis.remove()
            continue
        axis.imshow(found.train_images[number], cmap="gray_r", vmin=0, vmax=255)
        axis.set_title(str(found.train_labels[number]), size=9, color=INK, pad=2)
        axis.set_axis_off()
    return figure
