"""Linear algebra under PyTorch's names: `gd.linalg.norm(x)`, `gd.linalg.multi_dot([a, b, c])`."""

from __future__ import annotations

import math
from typing import Any

from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.ops.arguments import wrap_dim
from gradatim.ops.linear import matmul
from gradatim.ops.norms import linalg_vector_norm as vector_norm
from gradatim.ops.products import linalg_cross as cross
from gradatim.ops.products import linalg_multi_dot as multi_dot
from gradatim.ops.products import matrix_power
from gradatim.tensor import Tensor

__all__ = [
    "cross",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "vecdot",
    "vector_norm",
]


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of matrices, which lie in the two dimensions `dim`.

    Args:
        ord: "fro" (the root of the sum of squares), 1 or -1 (the largest or smallest column sum of
            |A|), `inf` or `-inf` (the same of rows).

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.matrix_norm(gd.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
        tensor(6.)
    """
    if A.ndim < 2 or len(dim) != 2:
        raise ShapeError(
            f"linalg.matrix_norm: A must have at least 2 dimensions and dim must name two, got "
            f"shape {list(A.shape)} and dim {dim}"
        )
    if ord == "fro":
        return vector_norm(A, 2, tuple(dim), keepdim, dtype=dtype)
    if ord not in (1, -1, math.inf, -math.inf):
        raise ArgumentError(
            f"linalg.matrix_norm: Order {ord} not supported: it may be 'fro', 1, -1, inf or -inf"
        )
    rows, columns = (wrap_dim(d, A.ndim) for d in dim)
    summed, chosen = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = vector_norm(A, 1, summed, True, dtype=dtype)
    result: Tensor = (sums.amax if ord > 0 else sums.amin)(chosen, True)
    return result if keepdim else result.squeeze((rows, columns))


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of a vector or a matrix.

    Without `ord` it is the root of the sum of squares over `dim`, or over everything. With `ord`,
    one dimension means a vector norm and two mean a matrix norm; `dim` left out means all.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.norm(gd.tensor([3.0, -4.0]), 1)
        tensor(7.)
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None:
        if A.ndim > 2:
            raise ShapeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
                f"Got {A.ndim}D"
            )
        dim = tuple(range(A.ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) == 2:
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Σ x · y along `dim`, where the other dimensions broadcast."""
    result: Tensor = (x * y).sum(dim)
    return result
