"""Least squares, and tensors that are solved for as matrices."""

from __future__ import annotations

import math
from typing import Any

from gradatim.graph import matrices as m
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.ops._aliases import numpy_names
from gradatim.ops._matrix_arguments import (
    as_column,
    floats,
    matrices,
    same_batch,
    same_dtype,
    without_column,
)
from gradatim.ops.arguments import wrap_dim
from gradatim.ops.results import result_type
from gradatim.ops.singular_values import linalg_matrix_rank, linalg_pinv, linalg_svdvals
from gradatim.ops.solving import linalg_inv, linalg_solve
from gradatim.tensor import Tensor, named, wrap

__all__: list[str] = []

# --- least squares -------------------------------------------------------------------------------

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def linalg_lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None) -> Any:
    """`(solution, residuals, rank, singular_values)`: X that makes Σ (A X - B)² smallest, and the
    shortest such X.

    Args:
        A: (*batch, m, n).
        B: (*batch, m, k), or vectors (*batch, m).
        rcond: singular values up to this part of the largest count as 0; by default max(m, n) times
            the machine epsilon.
        driver: "gelsy" (the default), "gelsd", "gelss" or "gels" (A has full rank). They differ in
            which of the other results they give: `residuals` all but "gelsy", where m > n and the
            rank is full; `rank` all but "gels"; `singular_values` "gelsd" and "gelss". What is not
            given is an empty tensor.

    Example:
        >>> import gradatim as gd
        >>> A, B = gd.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), gd.tensor([[1.0], [2.0], [3.0]])
        >>> gd.linalg.lstsq(A, B).solution
        tensor([[1.],
                [2.]])
    """
    where = "linalg.lstsq"
    if driver is not None and driver not in _DRIVERS:
        raise ArgumentError(
            f"{where}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got "
            f"{driver}"
        )
    driver = driver or "gelsy"
    a, b = matrices(A, where, argument="input"), floats(B, where, "other")
    same_dtype(a, b, where, "input and other")
    if b.ndim < 1:
        raise ShapeError(f"{where}: other must have at least 1 dimension.")
    vector = a.ndim == b.ndim + 1
    if not vector and b.ndim < 2:
        raise ShapeError(
            f"{where}: input.dim() must be greater or equal to other.dim() and (input.dim() - "
            f"other.dim()) <= 1, got {a.ndim} and {b.ndim}"
        )
    right = as_column(b) if vector else b
    rows, columns = a.shape[-2:]
    if right.shape[-2] != rows:
        raise ShapeError(
            f"{where}: input.size(-2) should match other.size({-1 if vector else -2}), got "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    if right.shape[:-2] != a.shape[:-2]:
        a, right = same_batch(a, right)
    matrix = named(a, "Expand")
    inverse = linalg_pinv(matrix, rtol=rcond)
    solution = m.product(inverse._read(), right)
    shown = named(without_column(solution) if vector else solution, "LinalgLstsq")
    flat = p.stop_gradient(a)
    plain = wrap(flat)
    empty = p.full((0,), 0, a.dtype)
    rank = wrap(p.full((0,), 0, int64))
    values = wrap(empty)
    if driver != "gels":
        rank = linalg_matrix_rank(plain, rtol=rcond)
    if driver in ("gelsd", "gelss"):
        values = linalg_svdvals(plain)
    line = p.reshape(solution, (solution.size,))
    residuals = named(m.first(line, 0, 0), "LinalgLstsq")
    if rows > columns and driver != "gelsy":
        full = driver == "gels" or bool((rank == columns).all())
        if full:
            off = p.sub(m.product(a, solution), right)
            residuals = named(p.sum_(p.mul(off, off), (off.ndim - 2,)), "LinalgLstsq")
    result = result_type("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
    return result(shown, residuals, rank, values)


# --- tensors as matrices -------------------------------------------------------------------------


@numpy_names
def linalg_tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse with respect to `tensordot(A, B, ind)`.

    Args:
        A: the product of the first `ind` sizes is that of the others.
        ind: above 0.
    """
    if ind <= 0:
        raise ArgumentError("Expected a strictly positive integer for 'ind'")
    x = floats(A, "linalg.tensorinv")
    front, back = x.shape[:ind], x.shape[ind:]
    if math.prod(front) != math.prod(back):
        raise ShapeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {math.prod(back)} != {math.prod(front)}"
        )
    square = named(p.reshape(x, (math.prod(front), math.prod(back))), "Reshape")
    return named(p.reshape(linalg_inv(square)._read(), (*back, *front)), "View")


@numpy_names
def linalg_tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B.

    Args:
        A: the product of B's sizes is that of the other sizes.
        dims: dimensions of A that are moved to the end first.
    """
    where = "linalg.tensorsolve"
    a, b = floats(A, where), floats(B, where, "B")
    same_dtype(a, b, where)
    if dims is not None:
        moved = [wrap_dim(d, a.ndim) for d in ([dims] if isinstance(dims, int) else dims)]
        a = p.permute(a, (*(k for k in range(a.ndim) if k not in moved), *moved))
    shape = a.shape[b.ndim :]
    size = math.prod(shape)
    if b.size != size or a.size != size * size:
        raise ShapeError(
            f"Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {size} != {math.prod(a.shape[: b.ndim])}"
        )
    square = named(p.reshape(a, (size, size)), "Reshape")
    line = named(p.reshape(b, (size,)), "Reshape")
    return named(p.reshape(linalg_solve(square, line)._read(), shape), "View")
