"""Norms of matrices, and how well they are conditioned."""

from __future__ import annotations

import math
from typing import Any

from gradatim.graph.dtypes import as_dtype
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError
from gradatim.graph.primitives import cast, full
from gradatim.ops._aliases import numpy_names
from gradatim.ops._matrix_arguments import matrices, moved_last
from gradatim.ops.arguments import wrap_dim
from gradatim.ops.norms import linalg_vector_norm
from gradatim.ops.singular_values import linalg_svdvals
from gradatim.ops.solving import linalg_inv_ex
from gradatim.tensor import Tensor, named

__all__ = ["frobenius_norm", "nuclear_norm"]

# What each order of a matrix norm does: with the singular values, or (summed, then chosen).
_OF_SINGULAR_VALUES = ("nuc", 2, -2)
_ORDERS = ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)


def _two_dims(A: Any, dim: Any) -> tuple[int, int]:
    if not isinstance(A, Tensor) or A.ndim < 2:
        given = list(A.shape) if isinstance(A, Tensor) else type(A).__name__
        raise ShapeError(
            f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions, got {given}"
        )
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    rows, columns = (wrap_dim(d, A.ndim) for d in dim)
    if rows == columns:
        raise ShapeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    return rows, columns


def _extreme(values: Tensor, dim: int, largest: bool, keepdim: bool = False) -> Tensor:
    """The largest or smallest along `dim`; the largest of none is 0, for all are at least that."""
    if largest and values.shape[dim] == 0:
        result: Tensor = values.sum(dim, keepdim)
    else:
        result = (values.amax if largest else values.amin)(dim, keepdim)
    return result


def _values_norm(A: Tensor, ord: Any, rows: int, columns: int, keepdim: bool) -> Tensor:
    """The norms that are the sum, the largest or the smallest of the singular values."""
    x = moved_last(matrices(A, "linalg.matrix_norm"), rows, columns)
    values = linalg_svdvals(named(x, "Permute"))
    if ord == "nuc":
        result: Tensor = values.sum(-1)
    else:
        result = _extreme(values, -1, ord > 0)
    if keepdim:
        for axis in sorted((rows, columns)):
            result = result.unsqueeze(axis)
    return result


@numpy_names
def linalg_matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of matrices, which lie in the two dimensions `dim`.

    Args:
        ord: "fro" (the root of the sum of squares), "nuc" (the sum of the singular values), 2 or -2
            (the largest or smallest of them), 1 or -1 (the largest or smallest column sum of |A|),
            `inf` or `-inf` (the same of rows).
        dtype: what to compute in, and the dtype of the result.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.matrix_norm(gd.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
        tensor(6.)
    """
    rows, columns = _two_dims(A, dim)
    if not A.dtype.is_floating_point:
        raise DTypeError(
            f"linalg.matrix_norm: Expected a floating point tensor as input. Got {A.dtype.name}: "
            f"cast it with .float()"
        )
    if ord not in _ORDERS:
        raise ArgumentError(
            f"linalg.matrix_norm: Order {ord} not supported: it may be 'fro', 'nuc', 1, -1, 2, -2, "
            f"inf or -inf"
        )
    if ord == "fro":
        result: Tensor = linalg_vector_norm(A, 2, (rows, columns), keepdim, dtype=dtype)
        return result
    if dtype is not None:
        A = named(cast(A._read(), as_dtype(dtype)), "ToCopy")
    if ord in _OF_SINGULAR_VALUES:
        return _values_norm(A, ord, rows, columns, keepdim)
    summed, chosen = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = A.abs().sum(summed, True)
    result = _extreme(sums, chosen, ord > 0, True)
    return result if keepdim else result.squeeze((rows, columns))


@numpy_names
def linalg_norm(
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
        result: Tensor = linalg_vector_norm(A, 2, dim, keepdim, dtype=dtype)
        return result
    if dim is None:
        if A.ndim not in (1, 2):
            raise ShapeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
                f"Got {A.ndim}D"
            )
        dim = tuple(range(A.ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) not in (1, 2):
        raise ShapeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if len(dims) == 2:
        return linalg_matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise ArgumentError(f"linalg.norm: Order {ord} is for matrices: give two dimensions")
    result = linalg_vector_norm(A, ord, dims, keepdim, dtype=dtype)
    return result


@numpy_names
def linalg_cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number of matrices: how much solving with them may enlarge an error.

    Args:
        A: (*batch, m, n), square unless `p` is None, 2 or -2.
        p: an order of `matrix_norm`; None and 2 give the largest over the smallest singular value,
            -2 the inverse of it.

    Infinite for a singular matrix.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.cond(gd.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor(2.)
    """
    x = matrices(A, "linalg.cond")
    if p is not None and p not in _ORDERS:
        raise ArgumentError(f"linalg.cond got an invalid norm type: {p}")
    if 0 in x.shape and (p in (None, 2, -2) or x.shape[-1] == x.shape[-2]):
        return named(full(x.shape[:-2], 0, x.dtype), "LinalgCond")
    if p in (None, 2, -2):
        values = linalg_svdvals(A)
        large, small = values[..., 0], values[..., -1]
        result: Tensor = small / large if p == -2 else large / small
        return result
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"linalg.cond(ord={p}): A must be batches of square matrices, but they are "
            f"{x.shape[-2]} by {x.shape[-1]} matrices"
        )
    inverse, info = linalg_inv_ex(A)
    result = linalg_matrix_norm(A, p) * linalg_matrix_norm(
        inverse.where((info == 0)[..., None, None], 0.0), p
    )
    return result.where(info == 0, math.inf)


# --- older names ---------------------------------------------------------------------------------


@numpy_names
def frobenius_norm(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """The root of the sum of squares over one or two dimensions; over all, if `dim` is empty."""
    dims = (dim,) if isinstance(dim, int) else dim
    if dims is not None and len(dims) > 2:
        raise ShapeError(f"Expected at most 2 dimensions, but got {len(dims)} dimensions instead.")
    result: Tensor = linalg_vector_norm(input, 2, dims, keepdim)
    return result


@numpy_names
def nuclear_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The sum of the singular values of a matrix, or of matrices in two dimensions."""
    if isinstance(dim, bool):  # nuclear_norm(input, keepdim)
        dim, keepdim = None, dim
    if dim is None:
        if input.ndim != 2:
            raise ShapeError(f"Expected a tensor with 2 dimensions, but got {input.ndim}")
        dim = (0, 1)
    result: Tensor = linalg_matrix_norm(input, "nuc", dim, keepdim)
    return result
