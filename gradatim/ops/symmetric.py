"""Symmetric matrices: eigenvalues, and LDLᵀ for those that are not positive definite."""

from __future__ import annotations

from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int32
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradatim.ops._aliases import numpy_names
from gradatim.ops._matrix_arguments import (
    finished,
    matrices,
    same_batch,
    same_dtype,
)
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, named

__all__: list[str] = []

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
