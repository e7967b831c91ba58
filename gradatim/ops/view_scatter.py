"""What a write to a view does, without the write: the input with a part of it replaced."""

from __future__ import annotations

from typing import Any

from gradatim import views
from gradatim.graph import primitives as p
from gradatim.graph.errors import ShapeError
from gradatim.ops.arguments import wrap_dim
from gradatim.ops.diagonals import diagonal
from gradatim.ops.indexing import select
from gradatim.tensor import Tensor, method, named

__all__ = ["diagonal_scatter", "select_scatter", "slice_scatter"]


def cut(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """`input[start:end:step]` along a dimension, as a view; places beyond the ends are left out."""
    if input.ndim == 0:
        raise ShapeError("slice() cannot be applied to a 0-dim tensor.")
    axis = wrap_dim(dim, input.ndim)
    if step <= 0:
        raise ShapeError(f"slice step must be positive, got {step}")
    found: Tensor = input[(*(slice(None),) * axis, slice(start, end, step))]
    return found


def _with(input: Tensor, part: Tensor, src: Tensor, name: str) -> Tensor:
    """`input` with `src` in place of a view of it."""
    if tuple(src.shape) != tuple(part.shape):
        raise ShapeError(
            f"expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(part.shape)}"
        )
    x = input._read()
    path = part._path[len(input._path) :]
    update = p.cast(src._read(), x.dtype)
    return named(views.put(x, path, update) if path else p.copy(update), name)


@method()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: Any) -> Tensor:
    """`input` with `src` as its slice at place `index` of a dimension.

    Raises:
        ShapeError: for a source of another shape than that slice.

    Example:
        >>> import gradatim as gd
        >>> gd.zeros(2, 2).select_scatter(gd.ones(2), 0, -1)
        tensor([[0., 0.],
                [1., 1.]])
    """
    return _with(input, select(input, dim, index), src, "SelectScatter")


@method()
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None,
    step: int = 1,
) -> Tensor:  # fmt: skip
    """`input` with `src` in the places from `start` to `end`, `step` apart, of a dimension.

    Raises:
        ShapeError: for a source of another shape than that slice.

    Example:
        >>> import gradatim as gd
        >>> gd.zeros(4).slice_scatter(gd.ones(2), start=1, step=2)
        tensor([0., 1., 0., 1.])
    """
    return _with(input, cut(input, dim, start, end, step), src, "SliceScatter")


@method()
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """`input` with `src` as a diagonal with respect to two dimensions.

    Raises:
        ShapeError: for a source of another shape than that diagonal.
    """
    return _with(input, diagonal(input, offset, dim1, dim2), src, "DiagonalScatter")
