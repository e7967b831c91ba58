"""Pictures as the Boltzmann machines of the zoo take them: a row of pixels from 0 to 1 for each."""

from __future__ import annotations

import numpy as np

import gradatim as gd
from gradatim.graph.errors import DataError


def as_rows(images: object, units: int, system: str) -> gd.Tensor:
    """(N, units) float32 from pictures: bytes from 0 to 255, or numbers from 0 to 1, of shape
    (N, height, width) or (N, units).

    Raises:
        DataError: another kind of data, or pictures of another size; says which are needed.

    Example:
        >>> as_rows(np.full((2, 3, 3), 255, np.uint8), 9, "this network").shape
        torch.Size([2, 9])
    """
    array = images.numpy() if isinstance(images, gd.Tensor) else np.asarray(images)
    if array.dtype.kind not in "fui" or array.ndim < 2:
        raise DataError(
            f"{system} learns from pictures, and was given {array.dtype} of shape {array.shape}: "
            f"expected (N, height, width) or (N, {units}) numbers"
        )
    rows = array.reshape(len(array), -1)
    if rows.shape[1] != units:
        raise DataError(
            f"{system} takes {units} pixels, and was given pictures of {array.shape[1:]}: resize "
            f"these, or make the network with {rows.shape[1]} inputs"
        )
    rows = rows.astype(np.float32) / (255.0 if array.dtype == np.uint8 else 1.0)
    if len(rows) and not (rows.min() >= 0 and rows.max() <= 1):
        raise DataError(
            f"{system} takes pixels as probabilities: from 0 to 1 (or bytes), and was given "
            f"{rows.min():g} to {rows.max():g}"
        )
    return gd.tensor(rows)


def one_of(labels: object, classes: int, system: str) -> gd.Tensor:
    """(N, classes) float32 of one 1 in each row, from N whole numbers.

    Raises:
        DataError: labels outside 0 to classes - 1.
    """
    array = labels.numpy() if isinstance(labels, gd.Tensor) else np.asarray(labels)
    whole = array.dtype.kind in "iu" and array.ndim == 1
    if not whole or (len(array) and not (array.min() >= 0 and array.max() < classes)):
        raise DataError(
            f"{system} takes labels as N whole numbers from 0 to {classes - 1}: these are "
            f"{array.dtype} of shape {array.shape}"
            + (f", from {array.min()} to {array.max()}" if whole else "")
        )
    return gd.tensor(np.eye(classes, dtype=np.float32)[array])


def sheet(axis: object, rows: np.ndarray, side: int, columns: int) -> None:
    """Draw rows of pixels as a sheet of pictures, `columns` beside each other."""
    count = len(rows) // columns
    grid = rows[: count * columns].reshape(count, columns, side, side)
    grid = np.pad(grid, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    picture = grid.transpose(0, 2, 1, 3).reshape(count * (side + 2), columns * (side + 2))
    axis.imshow(picture, cmap="gray", interpolation="nearest")
    axis.set_axis_off()
