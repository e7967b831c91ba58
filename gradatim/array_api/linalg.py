"""The standard's extension for linear algebra, on `gradatim.linalg`.

Each function takes stacks of matrices: the last two dimensions are a matrix.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gradatim import linalg, ops
from gradatim.array_api._array import axes_of, function, need_array
from gradatim.array_api._dtypes import same_dtype, to_dtype
from gradatim.array_api._linear_algebra import matmul, matrix_transpose, tensordot, vecdot
from gradatim.array_api._statistics import _total_dtype
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm",
    "matrix_power", "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve",
    "svd", "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """An orthogonal and an upper triangular factor."""

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """The sign of a determinant, and the logarithm of its absolute value."""

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """Left singular vectors, singular values in descending order, right singular vectors."""

    U: Tensor
    S: Tensor
    Vh: Tensor


@function
def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The lower (or upper) triangular factor of symmetric positive definite matrices."""
    return linalg.cholesky(x, upper=upper)


@function
def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The cross product of vectors of three elements along a dimension."""
    a, b = same_dtype(x1, x2)
    for x in (a, b):
        axes_of(axis, x.ndim)
        if x.shape[axis] != 3:
            raise ShapeError(f"cross() needs 3 elements along axis {axis}, got {x.shape[axis]}")
    return linalg.cross(*ops.broadcast_tensors(a, b), dim=axis)


@function
def det(x: Tensor, /) -> Tensor:
    """Determinants."""
    return linalg.det(x)


@function
def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """A diagonal of each matrix."""
    return ops.diagonal(x, offset, -2, -1)


@function
def eigh(x: Tensor, /) -> EighResult:
    """Eigenvalues and eigenvectors of symmetric matrices."""
    return EighResult(*linalg.eigh(x))


@function
def eigvalsh(x: Tensor, /) -> Tensor:
    """Eigenvalues of symmetric matrices, ascending."""
    return linalg.eigvalsh(x)


@function
def inv(x: Tensor, /) -> Tensor:
    """Inverses."""
    return linalg.inv(x)


@function
def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Norms of matrices: "fro", "nuc", 1, 2, inf and their negatives."""
    return linalg.matrix_norm(x, ord, keepdim=keepdims)


@function
def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """Square matrices to a whole power."""
    return linalg.matrix_power(x, n)


@function
def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """How many singular values lie above `rtol` times the largest."""
    if need_array(x, "matrix_rank").ndim < 2:
        raise ShapeError("matrix_rank() needs at least 2 dimensions")
    return linalg.matrix_rank(x, rtol=rtol)


@function
def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Every product of an element of one vector and one of another."""
    a, b = same_dtype(x1, x2)
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(f"outer() takes vectors, got {a.ndim} and {b.ndim} dimensions")
    return ops.outer(a, b)


@function
def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """Pseudoinverses; singular values below `rtol` times the largest count as 0."""
    if rtol is None:
        from gradatim.limits import finfo

        rtol = max(*x.shape[-2:]) * finfo(x.dtype).eps
    return linalg.pinv(x, rtol=rtol)


@function
def qr(x: Tensor, /, *, mode: str = "reduced") -> QRResult:
    """QR factorizations, "reduced" or "complete"."""
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"mode must be 'reduced' or 'complete', got {mode!r}")
    return QRResult(*linalg.qr(x, mode))


@function
def slogdet(x: Tensor, /) -> SlogdetResult:
    """Signs and logarithms of determinants."""
    return SlogdetResult(*linalg.slogdet(x))


@function
def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The solution of `x1 @ x = x2`: x2 is a vector if it has one dimension, else matrices."""
    a, b = same_dtype(x1, x2)
    if b.ndim == 1:
        found: Tensor = linalg.solve(a, b.unsqueeze(-1).expand(*a.shape[:-2], -1, 1))
        return found.squeeze(-1)  # type: ignore[no-any-return]
    batch = ops.broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
    return linalg.solve(a.expand(*batch, *a.shape[-2:]), b.expand(*batch, *b.shape[-2:]))


@function
def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVDResult:
    """Singular value decompositions."""
    return SVDResult(*linalg.svd(x, full_matrices=full_matrices))


@function
def svdvals(x: Tensor, /) -> Tensor:
    """Singular values, descending."""
    return linalg.svdvals(x)


@function
def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of a diagonal of each matrix; of integers in int64 or uint64."""
    wide = to_dtype(x, _total_dtype(x, dtype))
    line = ops.diagonal(wide, offset, -2, -1)
    return to_dtype(ops.sum(line, (-1,)), wide.dtype)


@function
def vector_norm(x: Tensor, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """Norms of the vectors along dimensions (of all elements, for None)."""
    axes = axes_of(axis, x.ndim)
    if not axes:
        return ops.ne(x, 0).to(x.dtype) if ord == 0 else ops.abs(x)
    return linalg.vector_norm(x, ord, axes, keepdims)
