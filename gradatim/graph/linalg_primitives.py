"""Primitives of linear algebra: factorizations, linear systems, determinants.

Each works on the matrices in the last two dimensions, one by one for each index of those before
(the batch), in float32 or float64. Operands of a batch have the same batch shape: `ops/` spreads
them out first.

    cholesky           A = L Lᵀ, reads the lower triangle       -> L, info
    lu                 A = P L U, L and U in one matrix         -> LU, pivots, info
    qr                 A = Q R                                  -> Q, R
    geqrf              the same, Q as Householder vectors       -> a, tau
    svd, svdvals       A = U diag(S) Vh                         -> U, S, Vh; S
    eigh, eigvalsh     A = V diag(w) Vᵀ, reads one triangle     -> w, V; w
    ldl, ldl_solve     A = L D Lᵀ, reads the lower triangle     -> LD, pivots, info; X
    inv, solve         A⁻¹ and A⁻¹ B                            -> X, info
    pinv               the Moore-Penrose inverse               -> X
    triangular_solve   A⁻¹ B for a triangle A                   -> X
    det, slogdet       the determinant                          -> d; sign, log |d|
    cofactors          its derivative: det(A) A⁻ᵀ, also where A is singular
    matrix_exp         Σ Aᵏ / k!
    permutation        the order of rows that exchanges of rows lead to

`info` (int32, one number a matrix) is LAPACK's: 0, or counted from 1 the pivot that is zero (lu,
inv, solve, ldl), or the order of the leading minor that is not positive (cholesky). A primitive
with `info` has the parameter `name`: that of the public operation whose error stops the run where
`info` is not 0; None lets such matrices be, with NaN for what has no value.

The signs of the columns of Q, U and V, and which pivot of equal ones is taken, are an engine's own.
"""

from __future__ import annotations

from typing import Final

from gradatim.graph.dtypes import DType, float32, float64, int32, int64
from gradatim.graph.errors import DTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.graph.primitives import Primitive, pick, same_device

__all__ = [
    "CHOLESKY",
    "COFACTORS",
    "DET",
    "EIGH",
    "EIGVALSH",
    "GEQRF",
    "INV",
    "LDL",
    "LDL_SOLVE",
    "LU",
    "MATRIX_EXP",
    "PERMUTATION",
    "PINV",
    "QR",
    "SLOGDET",
    "SOLVE",
    "SVD",
    "SVDVALS",
    "TRIANGULAR_SOLVE",
    "cholesky",
    "cofactors",
    "det",
    "eigh",
    "eigvalsh",
    "geqrf",
    "inv",
    "ldl",
    "ldl_solve",
    "lu",
    "matrix_exp",
    "permutation",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "triangular_solve",
]

CHOLESKY: Final = Primitive("cholesky", "linalg", kept=True)
LU: Final = Primitive("lu", "linalg", kept=True)
LDL: Final = Primitive("ldl", "linalg", kept=True)
QR: Final = Primitive("qr", "linalg", kept=True)
GEQRF: Final = Primitive("geqrf", "linalg", kept=True)
SVD: Final = Primitive("svd", "linalg", kept=True)
SVDVALS: Final = Primitive("svdvals", "linalg", kept=True)
EIGH: Final = Primitive("eigh", "linalg", kept=True)
EIGVALSH: Final = Primitive("eigvalsh", "linalg", kept=True)
INV: Final = Primitive("inv", "linalg", kept=True)
SOLVE: Final = Primitive("solve", "linalg", kept=True)
PINV: Final = Primitive("pinv", "linalg", kept=True)
TRIANGULAR_SOLVE: Final = Primitive("triangular_solve", "linalg", kept=True)
DET: Final = Primitive("det", "linalg", kept=True)
SLOGDET: Final = Primitive("slogdet", "linalg", kept=True)
COFACTORS: Final = Primitive("cofactors", "linalg", kept=True)
MATRIX_EXP: Final = Primitive("matrix_exp", "linalg", kept=True)
LDL_SOLVE: Final = Primitive("ldl_solve", "linalg", kept=True)
PERMUTATION: Final = Primitive("permutation", "linalg", differentiable=False)


def _matrices(name: str, *operands: Node) -> tuple[Shape, int, int]:
    """The batch shape, the rows and the columns of the first operand.

    Raises:
        DTypeError: unless all are float32 or all float64.
        ShapeError: for fewer than two dimensions, or different batch shapes.
    """
    first = operands[0]
    if first.dtype not in (float32, float64) or any(x.dtype is not first.dtype for x in operands):
        given = " and ".join(x.dtype.name for x in operands)
        raise DTypeError(f"{name} expects float32 or float64, got {given}: cast with .to(...)")
    if any(x.ndim < 2 for x in operands) or any(x.shape[:-2] != first.shape[:-2] for x in operands):
        given = " and ".join(str(list(x.shape)) for x in operands)
        raise ShapeError(f"{name} expects matrices (*batch, rows, columns), got {given}")
    rows, columns = first.shape[-2:]
    return first.shape[:-2], rows, columns


def _square(name: str, *operands: Node) -> tuple[Shape, int]:
    batch, rows, columns = _matrices(name, *operands)
    if rows != columns or any(x.shape[-2] != rows for x in operands):
        given = " and ".join(str(list(x.shape)) for x in operands)
        raise ShapeError(f"{name} expects square matrices (*batch, n, n), got {given}")
    return batch, rows


def _several(
    primitive: Primitive,
    inputs: tuple[Node, ...],
    params: tuple[object, ...],
    *results: tuple[Shape, DType],
) -> tuple[Node, ...]:
    """A Node with several results, and these picked from it."""
    shapes, dtypes = zip(*results)
    node = Node(primitive, inputs, params, shapes, dtypes, same_device(*inputs))
    return tuple(pick(node, k) for k in range(len(results)))


# --- factorizations ------------------------------------------------------------------------------


def cholesky(x: Node, name: str | None) -> tuple[Node, ...]:
    """`(L, info)`; params `(name,)`. What lies above the diagonal of `x` is not read."""
    batch, _ = _square("cholesky", x)
    return _several(CHOLESKY, (x,), (name,), (x.shape, x.dtype), (batch, int32))


def lu(x: Node, name: str | None) -> tuple[Node, ...]:
    """`(LU, pivots, info)` with partial pivoting; params `(name,)`. Row k of the matrix was
    exchanged with row `pivots[k]`, counted from 1 (int32), for k = 1, 2 ... in turn.
    """
    batch, rows, columns = _matrices("lu", x)
    pivots = (*batch, min(rows, columns))
    return _several(LU, (x,), (name,), (x.shape, x.dtype), (pivots, int32), (batch, int32))


def ldl(x: Node, name: str | None) -> tuple[Node, ...]:
    """`(LD, pivots, info)` of symmetric matrices, D made of blocks of one or two; params `(name,)`.
    Layout and pivots are those of LAPACK's `sytrf` for the lower triangle.
    """
    batch, n = _square("ldl", x)
    return _several(LDL, (x,), (name,), (x.shape, x.dtype), ((*batch, n), int32), (batch, int32))


def qr(x: Node, complete: bool) -> tuple[Node, ...]:
    """`(Q, R)`: (m, k) and (k, n), k = m if `complete`, else min(m, n); params `(complete,)`."""
    batch, rows, columns = _matrices("qr", x)
    k = rows if complete else min(rows, columns)
    q, r = (*batch, rows, k), (*batch, k, columns)
    return _several(QR, (x,), (complete,), (q, x.dtype), (r, x.dtype))


def geqrf(x: Node) -> tuple[Node, ...]:
    """`(a, tau)`: R on and above the diagonal of a, below it the Householder vectors."""
    batch, rows, columns = _matrices("geqrf", x)
    return _several(
        GEQRF, (x,), (), (x.shape, x.dtype), ((*batch, min(rows, columns)), x.dtype)
    )  # fmt: skip


def svd(x: Node, full: bool) -> tuple[Node, ...]:
    """`(U, S, Vh)`, S descending; U and Vh square if `full`, else of min(m, n) columns and rows;
    params `(full,)`.
    """
    batch, m, n = _matrices("svd", x)
    k = min(m, n)
    u, vh = (*batch, m, m if full else k), (*batch, n if full else k, n)
    return _several(SVD, (x,), (full,), (u, x.dtype), ((*batch, k), x.dtype), (vh, x.dtype))


def svdvals(x: Node) -> Node:
    """S of `svd` alone."""
    batch, m, n = _matrices("svdvals", x)
    return Node(SVDVALS, (x,), (), (*batch, min(m, n)), x.dtype, x.device)


def eigh(x: Node, upper: bool) -> tuple[Node, ...]:
    """`(w, V)`, w ascending; params `(upper,)`: which triangle is read."""
    batch, n = _square("eigh", x)
    return _several(EIGH, (x,), (upper,), ((*batch, n), x.dtype), (x.shape, x.dtype))


def eigvalsh(x: Node, upper: bool) -> Node:
    """w of `eigh` alone; params `(upper,)`."""
    _square("eigvalsh", x)
    return Node(EIGVALSH, (x,), (upper,), x.shape[:-1], x.dtype, x.device)


def permutation(pivots: Node, rows: int) -> Node:
    """int64 (*batch, rows): which row stands at each place after the exchanges that `lu` says;
    params `(rows,)`. Every engine refuses pivots outside 1 ... rows.
    """
    if pivots.dtype is not int32 or not pivots.ndim or pivots.shape[-1] > rows:
        raise ShapeError(
            f"permutation of {rows} rows expects int32 pivots (*batch, k), got {pivots.type}"
        )
    return Node(PERMUTATION, (pivots,), (rows,), (*pivots.shape[:-1], rows), int64, pivots.device)


# --- linear systems ------------------------------------------------------------------------------


def inv(x: Node, name: str | None) -> tuple[Node, ...]:
    """`(X, info)`; params `(name,)`."""
    batch, _ = _square("inv", x)
    return _several(INV, (x,), (name,), (x.shape, x.dtype), (batch, int32))


def solve(a: Node, b: Node, name: str | None) -> tuple[Node, ...]:
    """`(X, info)` with A X = B; params `(name,)`."""
    batch, _ = _square("solve", a, b)
    return _several(SOLVE, (a, b), (name,), (b.shape, b.dtype), (batch, int32))


def pinv(x: Node, atol: Node, rtol: Node, hermitian: bool) -> Node:
    """(*batch, n, m), without the singular values that are at most the larger of `atol` and `rtol`
    times the largest one; params `(hermitian,)`: `x` is symmetric, and its lower triangle is read.

    x: (*batch, m, n), atol and rtol: (*batch,)
    """
    batch, m, n = _matrices("pinv", x)
    if any(y.dtype is not x.dtype or y.shape != batch for y in (atol, rtol)):
        raise ShapeError(
            f"pinv expects tolerances {x.dtype.name}{list(batch)}, got {atol.type} and {rtol.type}"
        )
    device = same_device(x, atol, rtol)
    return Node(PINV, (x, atol, rtol), (hermitian,), (*batch, n, m), x.dtype, device)


def ldl_solve(packed: Node, pivots: Node, b: Node) -> Node:
    """X with A X = B, from the `LD` and the pivots of `ldl`."""
    _square("ldl_solve", packed, b)
    if pivots.dtype is not int32 or pivots.shape != packed.shape[:-1]:
        raise ShapeError(
            f"ldl_solve expects int32 pivots {list(packed.shape[:-1])}, got {pivots.type}"
        )
    device = same_device(packed, pivots, b)
    return Node(LDL_SOLVE, (packed, pivots, b), (), b.shape, b.dtype, device)


def triangular_solve(a: Node, b: Node, upper: bool, unit: bool) -> Node:
    """X with A X = B, for the upper or the lower triangle of `a`, the diagonal taken for 1 if
    `unit`; params `(upper, unit)`. What a zero on the diagonal divides is infinite or NaN.
    """
    _square("triangular_solve", a, b)
    device = same_device(a, b)
    return Node(TRIANGULAR_SOLVE, (a, b), (upper, unit), b.shape, b.dtype, device)


# --- determinants and functions of a matrix ------------------------------------------------------


def det(x: Node) -> Node:
    batch, _ = _square("det", x)
    return Node(DET, (x,), (), batch, x.dtype, x.device)


def slogdet(x: Node) -> tuple[Node, ...]:
    """`(sign, log |det|)`: 0 and -inf for a singular matrix."""
    batch, _ = _square("slogdet", x)
    return _several(SLOGDET, (x,), (), (batch, x.dtype), (batch, x.dtype))


def cofactors(x: Node) -> Node:
    """∂det/∂x: at (i, j) the signed determinant of what is left without row i and column j."""
    _square("cofactors", x)
    return Node(COFACTORS, (x,), (), x.shape, x.dtype, x.device)


def matrix_exp(x: Node) -> Node:
    _square("matrix_exp", x)
    return Node(MATRIX_EXP, (x,), (), x.shape, x.dtype, x.device)
