"""QR, and orthogonal matrices as products of reflections (Householder)."""

from __future__ import annotations

from typing import Any

from gradatim.graph import matrices as m
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.graph.node import Node
from gradatim.ops._aliases import numpy_names
from gradatim.ops._matrix_arguments import (
    finished,
    floats,
    matrices,
    same_dtype,
)
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, method, named, wrap

__all__ = ["geqrf", "orgqr", "ormqr", "qr"]


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
