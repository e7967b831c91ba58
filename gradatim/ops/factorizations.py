"""Factorizations of matrices into triangles: Cholesky and LU.

Each works on the last two dimensions, for every index of those before. They are computed when they
are called, for whether there is such a factorization depends on the values.
"""

from __future__ import annotations

from typing import Any

from gradatim.graph import matrices as m
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int32, int64
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError
from gradatim.graph.node import Node
from gradatim.ops._aliases import numpy_names
from gradatim.ops._matrix_arguments import (
    finished,
    matrices,
)
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, method, named, wrap

__all__ = ["cholesky", "lu", "lu_unpack"]

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
    nothing = m.first(p.reshape(packed, (packed.size,)), 0, 0)
    permuting = wrap(p.stop_gradient(nothing))
    low, up = named(nothing, "LuUnpack"), named(nothing, "LuUnpack")
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
