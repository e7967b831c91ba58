"""The four functions of linear algebra that every namespace has."""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.array_api._array import axes_of, function, need_array
from gradatim.array_api._dtypes import same_dtype
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor

__all__ = ["matmul", "matrix_transpose", "tensordot", "vecdot"]


@function
def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product of the last two dimensions; the others broadcast, dtypes promote.

    Raises:
        ShapeError: for an array of no dimensions, or sizes that do not meet.
    """
    for x in (x1, x2):
        if need_array(x, "matmul").ndim == 0:
            raise ShapeError("matmul() is not defined for 0-d arrays: use multiply")
    return ops.matmul(*same_dtype(x1, x2))


@function
def matrix_transpose(x: Tensor, /) -> Tensor:
    """The transpose of each matrix of a stack."""
    if need_array(x, "matrix_transpose").ndim < 2:
        raise ArgumentError(f"matrix_transpose() needs at least 2 dimensions, got {x.ndim}")
    return ops.transpose(x, -2, -1)


@function
def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Any = 2) -> Tensor:
    """The sum of products over dimensions: the last of one and the first of the other, or the given
    ones."""
    if isinstance(axes, tuple):
        first, second = axes
        axes = [k % x1.ndim for k in first], [k % x2.ndim for k in second]
    return ops.tensordot(*same_dtype(x1, x2), dims=axes)


@function
def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The sum of products along a dimension; the others broadcast.

    Raises:
        ShapeError: for sizes that differ along it.
    """
    a, b = same_dtype(x1, x2)
    for x in (a, b):
        axes_of(axis, x.ndim)
    if axis >= 0:
        raise ShapeError(f"vecdot() counts axis from the end: expected a negative one, got {axis}")
    if a.shape[axis] != b.shape[axis]:
        raise ShapeError(
            f"vecdot(): sizes differ along axis {axis}: {a.shape[axis]} and {b.shape[axis]}"
        )
    left, right = (x.movedim(axis, -1) for x in (a, b))
    product: Tensor = ops.matmul(left.unsqueeze(-2), right.unsqueeze(-1))
    return product.squeeze(-1).squeeze(-1)  # type: ignore[no-any-return]
