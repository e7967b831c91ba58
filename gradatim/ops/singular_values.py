"""The singular value decomposition, and what is read off it: rank, condition, low-rank versions."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.graph import matrices as m
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, int64
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._aliases import numpy_names
from gradatim.ops._matrix_arguments import finished, matrices
from gradatim.ops.arguments import is_number
from gradatim.ops.linear import matmul
from gradatim.ops.orthogonal import linalg_qr
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, method, named, wrap

__all__ = ["pca_lowrank", "pinverse", "svd", "svd_lowrank"]


def _need_no_driver(driver: Any, where: str) -> None:
    if driver is not None:
        raise ArgumentError(
            f"{where}: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER "
            f"backend: leave it out"
        )


@numpy_names
def linalg_svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """`(U, S, Vh)` with A = U diag(S) Vh: U and Vh orthogonal, S descending and not negative.

    Args:
        A: (*batch, m, n).
        full_matrices: U is (m, m) and Vh (n, n); else U is (m, k) and Vh (k, n), k = min(m, n).

    Raises:
        LinAlgError: for NaN or infinity.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.svd(gd.tensor([[3.0, 0.0], [0.0, -4.0]])).S
        tensor([4., 3.])
    """
    _need_no_driver(driver, "linalg.svd")
    x = matrices(A, "linalg.svd")
    result = result_type("linalg_svd", "U", "S", "Vh")
    return result(*finished(p.svd(x, bool(full_matrices)), "LinalgSvd"))


@numpy_names
def linalg_svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values of (*batch, m, n) matrices, descending: (*batch, min(m, n))."""
    _need_no_driver(driver, "linalg.svdvals")
    return finished([p.svdvals(matrices(A, "linalg.svdvals"))], "LinalgSvd")[0]


@method()
@numpy_names
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """`(U, S, V)` with input = U diag(S) Vᵀ: the older form of `linalg.svd`.

    Args:
        some: U is (m, k) and V (n, k), k = min(m, n); else both are square.
        compute_uv: if not, U and V are zeros.
    """
    x = matrices(input, "svd", argument="input")
    result = result_type("svd", "U", "S", "V")
    if not compute_uv:
        values = finished([p.svdvals(x)], "LinalgSvd")[0]
        batch, (rows, columns) = x.shape[:-2], x.shape[-2:]
        zeros = [wrap(p.full((*batch, n, n), 0, x.dtype)) for n in (rows, columns)]
        return result(zeros[0], values, zeros[1])
    u, s, vh = finished(p.svd(x, not some), "LinalgSvd")
    return result(u, s, named(m.transposed(vh._read()), "Transpose"))


# --- tolerances ----------------------------------------------------------------------------------


def _one_tolerance(value: Any, name: str, batch: Shape, dtype: DType, where: str) -> Node:
    if isinstance(value, Tensor):
        node = value._read()
        if node.dtype.name.startswith("complex"):
            raise DTypeError(f"{where}: {name} tensor of complex type is not supported.")
    elif is_number(value):
        node = p.constant(float(value), dtype)
    else:
        raise ArgumentTypeError(
            f"{where}: {name} must be a float or a Tensor, got {type(value).__name__}"
        )
    return p.expand(p.stop_gradient(p.cast(node, dtype)), p.broadcast(node.shape, batch))


def tolerances(x: Node, atol: Any, rtol: Any, where: str) -> tuple[Node, Node]:
    """How large a singular value must be to count: absolutely, and as a part of the largest.

    By default `rtol` is max(m, n) times the machine epsilon, and 0 where `atol` is above 0.
    """
    batch, dtype = x.shape[:-2], x.dtype
    default = float(np.finfo(dtype.numpy).eps) * max(x.shape[-2:], default=0)
    absolute = _one_tolerance(0.0 if atol is None else atol, "atol", batch, dtype, where)
    if rtol is not None:
        return absolute, _one_tolerance(rtol, "rtol", batch, dtype, where)
    relative = p.full(batch, default, dtype)
    if atol is None:
        return absolute, relative
    zero = p.constant(0, dtype)
    return absolute, p.select(p.gt(absolute, zero), zero, p.constant(default, dtype))


# --- rank, pseudo-inverse, condition -------------------------------------------------------------


@numpy_names
def linalg_matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """How many singular values are above the larger of `atol` and `rtol` times the largest: int64.

    Args:
        A: (*batch, m, n).
        tol: an older name of `atol` with `rtol` 0.
        atol, rtol: numbers, or tensors that broadcast with the batch; see `linalg.pinv`.
        hermitian: A is symmetric, and its lower triangle is read.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.matrix_rank(gd.tensor([[1.0, 2.0], [2.0, 4.0]]))
        tensor(1)
    """
    where = "linalg.matrix_rank"
    x = p.stop_gradient(matrices(A, where, square=hermitian))
    if tol is not None:
        atol, rtol = tol, 0.0
    absolute, relative = tolerances(x, atol, rtol, where)
    if 0 in x.shape[-2:]:
        return wrap(p.full(absolute.shape, 0, int64))
    values = p.abs_(p.eigvalsh(x, False)) if hermitian else p.svdvals(x)
    largest = p.max_(values, (values.ndim - 1,))
    limit = p.maximum(absolute, p.mul(relative, largest))
    above = p.gt(values, p.reshape(limit, (*limit.shape, 1)))
    return finished([p.sum_(p.cast(above, int64), (above.ndim - 1,))], "LinalgMatrixRank")[0]


@numpy_names
def linalg_pinv(
    A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The Moore-Penrose inverse (*batch, n, m) of (*batch, m, n) matrices.

    Args:
        rcond: an older name of `rtol`.
        atol, rtol: numbers, or tensors that broadcast with the batch. Singular values up to the
            larger of `atol` and `rtol` times the largest count as 0. By default max(m, n) times the
            machine epsilon for `rtol`, or 0 if an `atol` is given.
        hermitian: A is symmetric, and its lower triangle is read.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.pinv(gd.tensor([[2.0, 0.0], [0.0, 0.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.0000]])
    """
    where = "linalg.pinv"
    x = matrices(A, where, square=hermitian)
    if rcond is not None:
        atol, rtol = 0.0 if atol is None else atol, rcond
    absolute, relative = tolerances(x, atol, rtol, where)
    batch = p.broadcast(x.shape[:-2], absolute.shape, relative.shape)
    wide = m.widen_batch(x, batch)
    absolute, relative = p.expand(absolute, batch), p.expand(relative, batch)
    node = p.pinv(wide, absolute, relative, bool(hermitian))
    return finished([node], "LinalgPinv")[0]


@method()
def pinverse(input: Tensor, rcond: Any = 1e-15) -> Tensor:
    """`linalg.pinv` under its older name, with a smaller default tolerance."""
    return linalg_pinv(input, rcond)


# --- low rank ------------------------------------------------------------------------------------


def _range_basis(A: Tensor, q: int, niter: int, M: Tensor | None) -> Tensor:
    """q orthonormal columns that span most of what A maps to (Halko, Martinsson and Tropp, Finding
    structure with randomness, 2011, algorithm 4.4)."""
    from gradatim.ops.draws import randn

    def apply(x: Tensor) -> Tensor:
        product: Tensor = matmul(A, x)
        return product if M is None else product - matmul(M, x)

    def apply_turned(x: Tensor) -> Tensor:
        product: Tensor = matmul(A.mT, x)
        return product if M is None else product - matmul(M.mT, x)

    basis = linalg_qr(apply(randn(A.shape[-1], q, dtype=A.dtype))).Q
    for _ in range(niter):
        basis = linalg_qr(apply_turned(basis)).Q
        basis = linalg_qr(apply(basis)).Q
    result: Tensor = basis
    return result


def svd_lowrank(A: Tensor, q: int | None = 6, niter: int = 2, M: Tensor | None = None) -> Any:
    """`(U, S, V)`: about the `q` largest singular values and their vectors, by random projection.

    Args:
        A: (*batch, m, n).
        niter: how often the projection is refined.
        M: what is taken off A first (its mean, for instance), of a shape that broadcasts to A's.
    """
    matrices(A, "svd_lowrank")
    q = 6 if q is None else q
    if M is not None:
        M = M.broadcast_to(A.shape)
    turned = A.shape[-2] < A.shape[-1]
    if turned:
        A, M = A.mT, None if M is None else M.mT
    basis = _range_basis(A, q, niter, M)
    small = matmul(basis.mT, A)
    if M is not None:
        small = small - matmul(basis.mT, M)
    u, s, vh = linalg_svd(small, full_matrices=False)
    u, v = matmul(basis, u), vh.mT
    return (v, s, u) if turned else (u, s, v)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """`(U, S, V)`: about the first `q` principal components (the columns of V) of the rows of A.

    Args:
        A: (*batch, m, n): m observations.
        q: 6, or less if A has less rows or columns.
        center: take the mean of each column off first.
    """
    matrices(A, "pca_lowrank")
    rows, columns = A.shape[-2:]
    if q is None:
        q = min(6, rows, columns)
    elif not 0 <= q <= min(rows, columns):
        raise ArgumentError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)="
            f"{min(rows, columns)}"
        )
    if niter < 0:
        raise ArgumentError(f"niter(={niter}) must be non-negative integer")
    if not center:
        return svd_lowrank(A, q, niter=niter)
    return svd_lowrank(A - A.mean(dim=-2, keepdim=True), q, niter=niter)
