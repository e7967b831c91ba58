"""Factorizations of matrices: Cholesky, LU, QR, eigenvalues, LDLᵀ.

Each works on the last two dimensions, for every index of those before. They are computed when they
are called, for whether there is such a factorization depends on the values.
"""

from __future__ import annotations

from typing import Any

from gradatim.graph import matrices as m
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int32, int64
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Node
from gradatim.ops._aliases import numpy_names
from gradatim.ops._matrix_arguments import (
    finished,
    floats,
    matrices,
    same_batch,
    same_dtype,
)
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, method, named, wrap

__all__ = [
    "cholesky",
    "geqrf",
    "lu",
    "lu_unpack",
    "orgqr",
    "ormqr",
    "qr",
]

# --- Cholesky ------------------------------------------------------------------------------------


def _cholesky(x: Node, upper: bool, name: str | None, title: str) -> list[Tensor]:
    """`[L, info]`, or `[U, info]`."""
    nodes = p.cholesky(m.transposed(x) if upper else x, name)
    factor, info = finished(nodes, title)
    return [named(m.transposed(factor._read()), title) if upper else factor, info]


@numpy_names
def linalg_cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangle L with A = L Lᵀ of symmetric positive definite matrices.

    Args:
        A: (*batch, n, n), of which the lower triangle is read.
        upper: give U = Lᵀ instead, and read the upper triangle.

    Raises:
        LinAlgError: if a matrix is not positive definite.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.cholesky(gd.tensor([[4.0, 2.0], [2.0, 5.0]]))
        tensor([[2., 0.],
                [1., 2.]])
    """
    x = matrices(A, "linalg.cholesky", square=True)
    return _cholesky(x, upper, "linalg.cholesky", "LinalgCholeskyEx")[0]


@numpy_names
def linalg_cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """`(L, info)`: `linalg.cholesky` that does not fail. `info` (int32) is 0, or the order of the
    leading minor of a matrix that is not positive definite; its L is NaN.
    """
    x = matrices(A, "linalg.cholesky_ex", square=True)
    name = "linalg.cholesky_ex" if check_errors else None
    result = result_type("linalg_cholesky_ex", "L", "info")
    return result(*_cholesky(x, upper, name, "LinalgCholeskyEx"))


@method()
@numpy_names
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """`linalg.cholesky` under its older name."""
    x = matrices(input, "cholesky", square=True)
    return _cholesky(x, upper, "linalg.cholesky", "Cholesky")[0]


# --- LU ------------------------------------------------------------------------------------------


def _lu(A: Any, pivot: bool, name: str | None, where: str, argument: str = "A") -> list[Tensor]:
    if not pivot:
        raise ArgumentError(f"{where}: LU without pivoting is not implemented on the CPU")
    x = matrices(A, where, argument=argument)
    return finished(p.lu(x, name), "LinalgLuFactorEx")


@numpy_names
def linalg_lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """`(LU, pivots)`: L (without its diagonal of ones) and U in one matrix, and with which row,
    counted from 1, each was exchanged; for `linalg.lu_solve`.
    """
    packed, pivots, _ = _lu(A, pivot, "linalg.lu_factor", "linalg.lu_factor")
    return result_type("linalg_lu_factor", "LU", "pivots")(packed, pivots)


@numpy_names
def linalg_lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """`(LU, pivots, info)`: `linalg.lu_factor` that does not fail. `info` (int32) is 0, or the
    place, counted from 1, of the first zero on the diagonal of U.
    """
    name = "linalg.lu_factor_ex" if check_errors else None
    result = result_type("linalg_lu_factor_ex", "LU", "pivots", "info")
    return result(*_lu(A, pivot, name, "linalg.lu_factor_ex"))


def _unpacked(packed: Node, pivots: Node) -> tuple[Node, Node, Node]:
    """P (m, m), L (m, k) and U (k, n)."""
    rows, columns = packed.shape[-2:]
    last, k = packed.ndim - 1, min(rows, columns)
    low = m.unit_lower(m.first(packed, last, k))
    up = m.upper(m.first(packed, last - 1, k))
    return _permutation_matrix(pivots, rows, packed), low, up


def _permutation_matrix(pivots: Node, rows: int, like: Node) -> Node:
    order = m.as_rows(p.permutation(pivots, rows))
    row = p.iota((rows, 1), 0, int64)
    return p.cast(p.eq(row, order), like.dtype)


@numpy_names
def linalg_lu(A: Tensor, *, pivot: bool = True) -> Any:
    """`(P, L, U)` with A = P L U: a permutation, a lower triangle with a diagonal of ones, an upper
    triangle.

    Args:
        A: (*batch, m, n); P is (m, m), L (m, k), U (k, n) with k = min(m, n).

    Example:
        >>> import gradatim as gd
        >>> P, L, U = gd.linalg.lu(gd.tensor([[1.0, 2.0], [4.0, 4.0]]))
        >>> L, U
        (tensor([[1.0000, 0.0000],
                [0.2500, 1.0000]]), tensor([[4., 4.],
                [0., 1.]]))
    """
    packed, pivots, _ = _lu(A, pivot, None, "linalg.lu")
    parts = _unpacked(packed._read(), pivots._read())
    return result_type("linalg_lu", "P", "L", "U")(*(named(x, "LinalgLu") for x in parts))


@method()
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """`(LU, pivots)`, and with `get_infos` a third, `info`: see `linalg.lu_factor_ex`."""
    found = _lu(A, pivot, None, "lu")
    return tuple(found) if get_infos else tuple(found[:2])


@numpy_names
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """`(P, L, U)` from what `lu_factor` gives; what is not wanted is an empty tensor."""
    packed = matrices(LU_data, "lu_unpack", argument="LU_data")
    pivots = LU_pivots._read()
    if unpack_pivots and pivots.dtype is not int32:
        raise DTypeError(
            f"torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            f"dtype, got {pivots.dtype.name}: use what lu_factor gives"
        )
    nothing = wrap(p.full((0,), 0, packed.dtype))
    permuting: Tensor = nothing
    low = up = nothing
    rows, columns = packed.shape[-2:]
    k = min(rows, columns)
    if unpack_pivots:
        if pivots.shape != (*packed.shape[:-2], k):
            raise ShapeError(
                f"lu_unpack: LU_pivots must have the shape {[*packed.shape[:-2], k]} for LU_data "
                f"of shape {list(packed.shape)}, got {list(pivots.shape)}"
            )
        permuting = wrap(_permutation_matrix(pivots, rows, packed))
    if unpack_data:
        last = packed.ndim - 1
        low = named(m.unit_lower(m.first(packed, last, k)), "LuUnpack")
        up = named(m.upper(m.first(packed, last - 1, k)), "LuUnpack")
    return result_type("lu_unpack", "P", "L", "U")(permuting, low, up)


# --- QR and Householder --------------------------------------------------------------------------


@numpy_names
def linalg_qr(A: Tensor, mode: str = "reduced") -> Any:
    """`(Q, R)` with A = Q R: the columns of Q are orthonormal, R is an upper triangle.

    Args:
        A: (*batch, m, n).
        mode: "reduced": Q is (m, k), R (k, n), k = min(m, n). "complete": Q is (m, m), R (m, n).
            "r": R of "reduced" alone, with an empty Q and no gradient.

    Example:
        >>> import gradatim as gd
        >>> Q, R = gd.linalg.qr(gd.tensor([[3.0, 1.0], [4.0, 2.0]]))
        >>> (Q @ R).round(decimals=4)
        tensor([[3., 1.],
                [4., 2.]])
    """
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            f"'r', or 'complete'"
        )
    x = matrices(A, "linalg.qr")
    result = result_type("linalg_qr", "Q", "R")
    if mode == "r":
        return result(wrap(p.full((0,), 0, x.dtype)), named(_r_alone(x), "LinalgQr"))
    return result(*finished(p.qr(x, mode == "complete"), "LinalgQr"))


def _r_alone(x: Node) -> Node:
    k = min(x.shape[-2:])
    return m.upper(m.first(p.geqrf(x)[0], x.ndim - 2, k))


@method()
def qr(input: Tensor, some: bool = True) -> Any:
    """`linalg.qr` under its older name; `some=False` is "complete"."""
    x = matrices(input, "qr", argument="input")
    return result_type("qr", "Q", "R")(*finished(p.qr(x, not some), "LinalgQr"))


@method()
@numpy_names
def geqrf(input: Tensor) -> Any:
    """`(a, tau)`: R in the upper triangle of a, below it vectors v (with a 1 on the diagonal) with
    Q = Π (I - tau v vᵀ).
    """
    x = matrices(input, "geqrf", argument="input")
    return result_type("geqrf", "a", "tau")(*(named(y, "Geqrf") for y in p.geqrf(x)))


def _reflectors(A: Any, tau: Any, where: str) -> tuple[Node, Node, Node, Node]:
    """The vectors V (*, m, k), tau, and the triangle M (*, k, k) with Q = I - V M⁻¹ diag(tau) Vᵀ.

    M = I + diag(tau) · (VᵀV above the diagonal): a product of reflections in the compact form of
    Schreiber and Van Loan (1989), its factor given by its inverse (Joffrain et al., Accumulating
    Householder transformations, revisited, 2006).
    """
    x, scale = matrices(A, where), floats(tau, where, "tau")
    most = min(x.shape[-2:])
    if scale.shape[:-1] != x.shape[:-2] or not scale.ndim or scale.shape[-1] > most:
        raise ShapeError(
            f"{where}: tau must have the batch dimensions of the input {list(x.shape)} and at most "
            f"{most} columns, got {list(scale.shape)}"
        )
    same_dtype(x, scale, where, "input and tau")
    vectors = m.unit_lower(m.first(x, x.ndim - 1, scale.shape[-1]))
    inner = m.upper(m.product(m.transposed(vectors), vectors), 1)
    triangle = p.mul(m.as_columns(scale), inner)
    return x, vectors, scale, triangle


@numpy_names
def linalg_householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of Π (I - tau v vᵀ), for the vectors v below the diagonal of `A`, with a
    1 on it: Q from what `geqrf` gives.

    Args:
        A: (*batch, m, n) with m ≥ n.
        tau: (*batch, k) with k ≤ n.
    """
    where = "linalg.householder_product"
    x, vectors, scale, triangle = _reflectors(A, tau, where)
    if x.shape[-2] < x.shape[-1]:
        raise ShapeError(
            f"{where}: input.shape[-2] must be greater than or equal to input.shape[-1], got "
            f"{list(x.shape)}"
        )
    top = m.transposed(m.first(vectors, x.ndim - 2, x.shape[-1]))
    right = p.triangular_solve(triangle, p.mul(m.as_columns(scale), top), True, True)
    product = p.sub(m.identity(x), m.product(vectors, right))
    return named(product, "LinalgHouseholderProduct")


@method()
@numpy_names
def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """`linalg.householder_product` under its older name."""
    return linalg_householder_product(input, tau)


@method()
@numpy_names
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """Q `other`, or `other` Q if not `left`, for the whole Q (m, m) of what `geqrf` gives; Qᵀ with
    `transpose`.
    """
    x, vectors, scale, triangle = _reflectors(input, tau, "ormqr")
    c = matrices(other, "ormqr", argument="other")
    same_dtype(x, c, "ormqr", "input and other")
    rows = x.shape[-2]
    if c.shape[:-2] != x.shape[:-2] or c.shape[-2 if left else -1] != rows:
        side = "rows" if left else "columns"
        raise ShapeError(
            f"ormqr: other must have the batch dimensions of input {list(x.shape)} and {rows} "
            f"{side}, got {list(c.shape)}"
        )
    columns = c if left else m.transposed(c)
    inner = m.product(m.transposed(vectors), columns)
    factor = m.as_columns(scale)
    if transpose == left:
        inner = p.mul(factor, p.triangular_solve(m.transposed(triangle), inner, False, True))
    else:
        inner = p.triangular_solve(triangle, p.mul(factor, inner), True, True)
    result = p.sub(columns, m.product(vectors, inner))
    return named(result if left else m.transposed(result), "Ormqr")


# --- eigenvalues ---------------------------------------------------------------------------------


def reads_upper(UPLO: Any, where: str) -> bool:
    """Whether the upper triangle is meant."""
    if not isinstance(UPLO, str):
        raise ArgumentTypeError(f"{where}: UPLO must be a str, got {type(UPLO).__name__}")
    if UPLO.upper() not in ("L", "U"):
        raise ArgumentError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper() == "U"


@numpy_names
def linalg_eigh(A: Tensor, UPLO: str = "L") -> Any:
    """`(eigenvalues, eigenvectors)` of symmetric matrices, ascending; A V = V diag(eigenvalues).

    Args:
        A: (*batch, n, n).
        UPLO: which triangle is read, "L" or "U".

    Raises:
        LinAlgError: for NaN or infinity.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.eigh(gd.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([1., 2.])
    """
    x = matrices(A, "linalg.eigh", square=True)
    nodes = p.eigh(x, reads_upper(UPLO, "linalg.eigh"))
    result = result_type("linalg_eigh", "eigenvalues", "eigenvectors")
    return result(*finished(nodes, "LinalgEigh"))


@numpy_names
def linalg_eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, ascending."""
    x = matrices(A, "linalg.eigvalsh", square=True)
    node = p.eigvalsh(x, reads_upper(UPLO, "linalg.eigvalsh"))
    return finished([node], "LinalgEigh")[0]


def linalg_eig(A: Tensor) -> Any:
    """Not there yet: the eigenvalues of a general matrix are complex."""
    raise DTypeError(
        "linalg.eig gives complex numbers, which are not supported yet: for symmetric matrices use "
        "linalg.eigh"
    )


def linalg_eigvals(A: Tensor) -> Tensor:
    """Not there yet: the eigenvalues of a general matrix are complex."""
    raise DTypeError(
        "linalg.eigvals gives complex numbers, which are not supported yet: for symmetric matrices "
        "use linalg.eigvalsh"
    )


# --- LDLᵀ ----------------------------------------------------------------------------------------


def ldl_factor_of(A: Any, where: str, name: str | None) -> list[Tensor]:
    """`[LD, pivots, info]`."""
    return finished(p.ldl(matrices(A, where, square=True), name), "LinalgLdlFactorEx")


@numpy_names
def linalg_ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """`(LD, pivots)` of symmetric matrices, which need not be positive definite; for
    `linalg.ldl_solve`. The lower triangle is read. It has no gradient.
    """
    packed, pivots, _ = ldl_factor_of(A, "linalg.ldl_factor", "linalg.ldl_factor")
    return result_type("linalg_ldl_factor", "LD", "pivots")(packed, pivots)


@numpy_names
def linalg_ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """`(LD, pivots, info)`: `linalg.ldl_factor` that does not fail."""
    name = "linalg.ldl_factor_ex" if check_errors else None
    result = result_type("linalg_ldl_factor_ex", "LD", "pivots", "info")
    return result(*ldl_factor_of(A, "linalg.ldl_factor_ex", name))


@numpy_names
def linalg_ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X with A X = B, from what `linalg.ldl_factor` gives for A."""
    where = "linalg.ldl_solve"
    packed = matrices(LD, where, square=True, argument="LD")
    b = matrices(B, where, argument="B")
    same_dtype(packed, b, where, "LD and B")
    order = pivots._read()
    if order.dtype.is_floating_point or order.dtype.name == "bool":
        raise DTypeError(
            f"{where}: Expected pivots to be integers. Got {order.dtype.name}: use what "
            f"ldl_factor gives"
        )
    if order.shape != packed.shape[:-1] or b.shape[-2] != packed.shape[-1]:
        raise ShapeError(
            f"{where}: LD {list(packed.shape)} needs pivots {list(packed.shape[:-1])} and B with "
            f"{packed.shape[-1]} rows, got {list(order.shape)} and {list(b.shape)}"
        )
    matrix, right = same_batch(packed, b)
    order = p.expand(p.cast(order, int32), matrix.shape[:-1])
    return named(p.ldl_solve(matrix, order, right), "LinalgLdlSolve")
