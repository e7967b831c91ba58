"""Linear systems: inverses, and solutions of A X = B.

Matrices lie in the last two dimensions; those before are a batch, and are broadcast where there are
two operands. Whether a matrix is singular is found when the function is called.
"""

from __future__ import annotations

from typing import Any

from gradatim.graph import matrices as m
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int32
from gradatim.graph.errors import DTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._aliases import numpy_names
from gradatim.ops._matrix_arguments import (
    as_column,
    finished,
    floats,
    is_vector,
    matrices,
    same_batch,
    same_dtype,
    without_column,
)
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, method, named, wrap

__all__ = [
    "cholesky_inverse",
    "cholesky_solve",
    "inverse",
    "lu_solve",
    "triangular_solve",
]

# --- inverses ------------------------------------------------------------------------------------


def _inv(A: Any, where: str, name: str | None) -> list[Tensor]:
    return finished(p.inv(matrices(A, where, square=True), name), "LinalgInvEx")


@method("inverse")
@numpy_names
def linalg_inv(A: Tensor) -> Tensor:
    """The inverse of square matrices (*batch, n, n).

    Raises:
        LinAlgError: if a matrix is singular.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.inv(gd.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    return _inv(A, "linalg.inv", "linalg.inv")[0]


def inverse(input: Tensor, *, out: Any = None) -> Tensor:
    """`linalg.inv` under its older name."""
    result: Tensor = linalg_inv(input, out=out)
    return result


@numpy_names
def linalg_inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """`(inverse, info)`: `linalg.inv` that does not fail. `info` (int32) is 0, or the place,
    counted from 1, of the zero pivot of a singular matrix; its inverse is NaN.
    """
    result = result_type("linalg_inv_ex", "inverse", "info")
    return result(*_inv(A, "linalg.inv_ex", "linalg.inv_ex" if check_errors else None))


# --- A X = B -------------------------------------------------------------------------------------


def _system(A: Any, B: Any, left: bool, where: str) -> tuple[Node, Node, bool]:
    """A and B with the same batch shape, so that A X = B is to be solved; whether B is a vector."""
    a, b = matrices(A, where, square=True), floats(B, where, "B")
    same_dtype(a, b, where)
    vector = is_vector(a, b)
    if not vector and b.ndim < 2:
        raise ShapeError(f"{where}: B must have at least 1 dimension, got shape {list(b.shape)}")
    if vector:
        b = as_column(b)
        left = True
    _need_rows(a, b, left, vector, where)
    if not left:
        a, b = m.transposed(a), m.transposed(b)
    return *same_batch(a, b), vector  # type: ignore[return-value]


def _need_rows(a: Node, b: Node, left: bool, vector: bool, where: str) -> None:
    if b.shape[-2 if left else -1] != a.shape[-1]:
        equation = "AX = B" if left else "XA = B"
        shape = b.shape[:-1] if vector else b.shape
        raise ShapeError(
            f"{where}: Incompatible shapes of A and B for the equation {equation}: "
            f"{list(a.shape)} and {list(shape)}"
        )


def _result(x: Node, left: bool, vector: bool) -> Node:
    if vector:
        return without_column(x)
    return x if left else m.transposed(x)


def _solve(
    A: Any, B: Any, left: bool, where: str, name: str | None
) -> tuple[Tensor, Tensor]:  # fmt: skip
    a, b, vector = _system(A, B, left, where)
    batch = A.shape[:-2]
    if batch or b.ndim == 2:
        x, info = finished(p.solve(a, b, name), "LinalgSolveEx")
        solution = x._read()
        if info.shape != batch:
            info = wrap(_of_each(info._read(), tuple(batch)))
    else:  # one matrix: all right-hand sides are columns of one
        order = (b.ndim - 2, *range(b.ndim - 2), b.ndim - 1)
        rows = p.permute(b, order)
        columns = p.reshape(rows, (b.shape[-2], b.size // max(b.shape[-2], 1)))
        matrix = A._read() if left or vector else m.transposed(A._read())
        x, info = finished(p.solve(matrix, columns, name), "LinalgSolveEx")
        back = p.reshape(x._read(), rows.shape)
        solution = p.permute(back, (*range(1, b.ndim - 1), 0, b.ndim - 1))
    return named(_result(solution, left, vector), "LinalgSolveEx"), info


def _of_each(info: Node, batch: Shape) -> Node:
    """One of what is said of each matrix, for matrices that were spread from `batch`."""
    lead = info.ndim - len(batch)
    spread = tuple(k for k in range(info.ndim) if k < lead or batch[k - lead] != info.shape[k])
    for axis in spread:
        info = m.first(info, axis, 1)
    return p.reshape(info, batch)


@numpy_names
def linalg_solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B, or X A = B if not `left`.

    Args:
        A: (*batch, n, n).
        B: (*batch, n, k), or vectors (*batch, n).

    Raises:
        LinAlgError: if a matrix is singular.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.solve(gd.tensor([[2.0, 0.0], [0.0, 4.0]]), gd.tensor([2.0, 2.0]))
        tensor([1.0000, 0.5000])
    """
    return _solve(A, B, left, "linalg.solve", "linalg.solve")[0]


@numpy_names
def linalg_solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False
) -> Any:  # fmt: skip
    """`(result, info)`: `linalg.solve` that does not fail, with `info` as in `linalg.inv_ex`."""
    name = "linalg.solve_ex" if check_errors else None
    result = result_type("linalg_solve_ex", "result", "info")
    return result(*_solve(A, B, left, "linalg.solve_ex", name))


@numpy_names
def linalg_solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with A X = B, or X A = B if not `left`, for triangles A.

    Args:
        A: (*batch, n, n); the other triangle is not read.
        B: (*batch, n, k).
        upper: whether A is an upper triangle.
        unitriangular: take the diagonal of A for ones, and do not read it.

    A zero on the diagonal is no error: it gives infinities or NaN.
    """
    where = "linalg.solve_triangular"
    a, b = matrices(A, where, square=True), matrices(B, where, argument="B")
    same_dtype(a, b, where)
    _need_rows(a, b, left, False, where)
    if not left:
        a, b, upper = m.transposed(a), m.transposed(b), not upper
    a, b = same_batch(a, b)
    x = p.triangular_solve(a, b, bool(upper), bool(unitriangular))
    return named(_result(x, left, False), "LinalgSolveTriangular")


@method()
@numpy_names
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """`(solution, cloned_coefficient)`: the older form of `linalg.solve_triangular`.

    Args:
        transpose: solve with Aᵀ.
    """
    a = matrices(A, "triangular_solve", square=True)
    right = matrices(b, "triangular_solve", argument="b")
    same_dtype(a, right, "triangular_solve", "b and A")
    _need_rows(a, right, True, False, "triangular_solve")
    a, right = same_batch(a, right)
    turned = m.transposed(a) if transpose else a
    x = p.triangular_solve(turned, right, bool(upper) != bool(transpose), bool(unitriangular))
    result = result_type("triangular_solve", "solution", "cloned_coefficient")
    return result(named(x, "TriangularSolve"), named(p.copy(a), "TriangularSolve"))


# --- with a factorization at hand ----------------------------------------------------------------


@numpy_names
def linalg_lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X with A X = B, from what `linalg.lu_factor` gives for A.

    Args:
        B: (*batch, n, k).
        left: if not, X A = B.
        adjoint: solve with Aᵀ.
    """
    where = "linalg.lu_solve"
    packed = matrices(LU, where, square=True, argument="LU")
    b = matrices(B, where, argument="B")
    same_dtype(packed, b, where, "LU and B")
    order = pivots._read()
    if order.dtype is not int32:
        raise DTypeError(
            f"{where}: pivots should be a Tensor of scalar type torch.int32. Got "
            f"{order.dtype.name}: use what lu_factor gives"
        )
    if order.shape != packed.shape[:-1]:
        raise ShapeError(
            f"{where}: Number of pivots per batch should be same as the dimension of the matrix: "
            f"LU is {list(packed.shape)}, pivots {list(order.shape)}"
        )
    _need_rows(packed, b, left, False, where)
    if not left:
        b, adjoint = m.transposed(b), not adjoint
    rows = p.permutation(order, packed.shape[-1])
    batch = p.broadcast(packed.shape[:-2], b.shape[:-2])
    packed, b = same_batch(packed, b)
    rows = p.expand(rows, (*batch, rows.shape[-1]))
    if adjoint:
        middle = p.triangular_solve(m.transposed(packed), b, False, False)
        middle = p.triangular_solve(m.transposed(packed), middle, True, True)
        x = m.rows_in_order(middle, m.inverse_order(rows))
    else:
        middle = p.triangular_solve(packed, m.rows_in_order(b, rows), False, True)
        x = p.triangular_solve(packed, middle, True, False)
    return named(_result(x, left, False), "LinalgLuSolve")


@method()
@numpy_names
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`linalg.lu_solve` under its older name."""
    return linalg_lu_solve(LU_data, LU_pivots, b)


def _factor(L: Any, upper: bool, where: str) -> Node:
    """L with A = L Lᵀ, from L or from U = Lᵀ."""
    x = matrices(L, where, square=True, argument="L")
    return m.transposed(x) if upper else x


@method()
@numpy_names
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with A X = B, from what `linalg.cholesky` gives for A.

    Args:
        B: (*batch, n, k).
        upper: `L` is an upper triangle U with A = Uᵀ U.
    """
    low, b = _factor(L, upper, "cholesky_solve"), matrices(B, "cholesky_solve", argument="B")
    same_dtype(b, low, "cholesky_solve", "B and L")
    _need_rows(low, b, True, False, "cholesky_solve")
    low, b = same_batch(low, b)
    middle = p.triangular_solve(low, b, False, False)
    x = p.triangular_solve(m.transposed(low), middle, True, False)
    return named(x, "CholeskySolve")


@method()
@numpy_names
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A, from what `linalg.cholesky` gives for A."""
    low = _factor(L, upper, "cholesky_inverse")
    inverse = p.triangular_solve(low, m.identity(low), False, False)
    return named(m.product(m.transposed(inverse), inverse), "CholeskyInverse")
