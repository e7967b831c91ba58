"""The gradients of linear algebra (linalg_primitives.py), in primitives.

Most are in Giles, *Collected matrix derivative results for forward and reverse mode algorithmic
differentiation* (2008); those of rectangular QR and LU follow from the square ones by blocks. Ā
stands for the gradient with respect to A. Each is checked against differences, and its own
gradient too, in tests/test_linalg_gradients.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.graph import matrices as m
from gradatim.graph import primitives as p
from gradatim.graph.errors import GradientError
from gradatim.graph.gradient_rules import OUT, gradient_of
from gradatim.graph.node import Node


def _known(grad: Node | None, out: Node, position: int) -> Node:
    """A gradient of one of several results, zeros where none has arrived."""
    if grad is not None:
        return grad
    return p.full(out.shape[position], 0, out.dtype[position], out.device)


def _symmetric_triangle(x: Node) -> Node:
    """The lower triangle, mirrored at the diagonal."""
    return p.add(m.lower(x), m.transposed(m.lower(x, -1)))


# --- linear systems ------------------------------------------------------------------------------


@gradient_of("inv", (OUT, 0))
def _(grads: Any, out: Node, x: Node) -> Any:
    # Ā = -X^T X̄ X^T
    if grads[0] is None:
        return (None,)
    turned = m.transposed(p.pick(out, 0))
    return (p.neg(m.product(m.product(turned, grads[0]), turned)),)


@gradient_of("solve", (0, 0), (0, 1), (OUT, 0))
def _(grads: Any, out: Node, a: Node, b: Node) -> Any:
    # B̄ = A^-T X̄, Ā = -B̄ X^T
    if grads[0] is None:
        return None, None
    grad_b = p.solve(m.transposed(a), grads[0], None)[0]
    grad_a = p.neg(m.product(grad_b, m.transposed(p.pick(out, 0)))) if a.history else None
    return grad_a, grad_b


@gradient_of("triangular_solve", (0, 0), (0, 1), (OUT, 0))
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    upper, unit = out.params
    grad_b = p.triangular_solve(m.transposed(a), g, not upper, unit)
    if not a.history:
        return None, grad_b
    grad_a = p.neg(m.product(grad_b, m.transposed(out)))
    inside = m.upper(grad_a, int(unit)) if upper else m.lower(grad_a, -int(unit))
    return inside, grad_b


@gradient_of("pinv", (0, 0), (OUT, 0))
def _(g: Node, out: Node, x: Node, *tolerances: Node) -> Any:
    # With P = A⁺, where the rank does not change: Ā = -P^T P̄ P^T + (I - A P) P̄^T P P^T
    # + P^T P P̄^T (I - P A) (Golub and Pereyra, The differentiation of pseudo-inverses, 1973)
    turned, g_turned = m.transposed(out), m.transposed(g)
    grad = p.neg(m.product(m.product(turned, g), turned))
    right = m.product(g_turned, m.product(out, turned))
    grad = p.add(grad, p.sub(right, m.product(x, m.product(out, right))))
    left = m.product(m.product(turned, out), g_turned)
    grad = p.add(grad, p.sub(left, m.product(m.product(left, out), x)))
    return grad, None, None


# --- determinants and the exponential ------------------------------------------------------------


def _spread(line: Node) -> Node:
    """(*batch,) -> (*batch, 1, 1): a factor for each matrix."""
    return p.reshape(line, (*line.shape, 1, 1))


@gradient_of("det", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(_spread(g), p.cofactors(x)),)


@gradient_of("slogdet", (0, 0))
def _(grads: Any, out: Node, x: Node) -> Any:
    g = grads[1]  # the sign is flat
    if g is None:
        return (p.full(x.shape, 0, x.dtype, x.device),)
    return (p.mul(_spread(g), p.inv(m.transposed(x), None)[0]),)


@gradient_of("cofactors", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    # The second derivative of the determinant. In the basis of the singular vectors A is the
    # diagonal S, where det''[H, K] = Σ_{i≠j} γ_ij (H_ii K_jj - H_ij K_ji), and γ_ij is the product
    # of all singular values but two. Nothing is divided: A may be singular.
    u, s, vh = p.svd(x, True)
    v = m.transposed(vh)
    direction = m.product(m.product(m.transposed(u), g), v)
    others = _products_without_two(s)
    trace = p.sum_(p.mul(others, m.as_rows(m.diagonal(direction))), (s.ndim,))
    turned = p.sub(m.diagonal_matrix(trace), p.mul(others, m.transposed(direction)))
    sign = p.mul(p.det(u), p.det(vh))
    return (p.mul(_spread(sign), m.product(m.product(u, turned), vh)),)


def _products_without_two(s: Node) -> Node:
    """(*batch, n) -> (*batch, n, n): at (i, j) the product of all elements but those two, and 0 on
    the diagonal.

    For i < j it is what stands before i, times what stands between, times what stands behind j.
    """
    one = m.number(1, s)
    table = p.expand(m.as_rows(s), (*s.shape, s.shape[-1]))
    row, column = m.places(table)
    behind_row = p.select(p.gt(column, row), table, one)
    between = _before(behind_row, s.ndim)
    before = _before(s, s.ndim - 1)
    behind = p.flip(_before(p.flip(s, (s.ndim - 1,)), s.ndim - 1), (s.ndim - 1,))
    all_ = p.mul(p.mul(m.as_columns(before), between), m.as_rows(behind))
    half = m.upper(all_, 1)
    return p.add(half, m.transposed(half))


def _before(x: Node, axis: int) -> Node:
    """The product of all elements before each one: 1 for the first."""
    low = tuple(int(k == axis) for k in range(x.ndim))
    return p.cumprod(p.pad(x, m.number(1, x), low, tuple(-n for n in low)), axis)


@gradient_of("matrix_exp", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    # exp of [[A^T, G], [0, A^T]] has the derivative of exp at A^T in the direction G in its corner
    # (Mathias, A chain rule for matrix functions and applications, 1996).
    n = x.shape[-1]
    turned = m.transposed(x)
    zeros = p.full(x.shape, 0, x.dtype, x.device)
    last = x.ndim - 1
    block = p.concatenate(
        [p.concatenate([turned, g], last), p.concatenate([zeros, turned], last)], last - 1
    )
    corner = m.part(p.matrix_exp(block), last, n, 2 * n)
    return (m.first(corner, last - 1, n),)


# --- factorizations ------------------------------------------------------------------------------


@gradient_of("cholesky", (OUT, 0))
def _(grads: Any, out: Node, x: Node) -> Any:
    # Ā = L^-T Φ L^-1 with Φ half of the lower triangle of L^T L̄, made symmetric (Murray,
    # Differentiation of the Cholesky decomposition, 2016)
    if grads[0] is None:
        return (None,)
    turned = m.transposed(p.pick(out, 0))
    middle = _symmetric_triangle(m.product(turned, grads[0]))
    left = p.triangular_solve(turned, middle, True, False)
    both = p.triangular_solve(turned, m.transposed(left), True, False)
    return (p.mul(m.transposed(both), m.number(0.5, x)),)


@gradient_of("qr", (OUT, 0), (0, 0))
def _(grads: Any, out: Node, x: Node) -> Any:
    if grads[0] is None and grads[1] is None:
        return (None,)
    rows, columns = x.shape[-2:]
    if out.params[0] and rows > columns:
        raise GradientError(
            f"linalg.qr of {rows} by {columns} matrices has no gradient with mode='complete': the "
            f"last {rows - columns} columns of Q are not determined. Use mode='reduced'"
        )
    q, r = p.pick(out, 0), p.pick(out, 1)
    grad_q, grad_r = _known(grads[0], out, 0), _known(grads[1], out, 1)
    if rows >= columns:
        return (_square_qr(q, r, grad_q, grad_r),)
    # A = [X Y], R = [U V]: X = Q U is square, and V = Q^T Y
    last = x.ndim - 1
    behind = m.part(x, last, rows, columns)
    grad_v = m.part(grad_r, last, rows, columns)
    grad_q = p.add(grad_q, m.product(behind, m.transposed(grad_v)))
    front = _square_qr(q, m.first(r, last, rows), grad_q, m.first(grad_r, last, rows))
    return (p.concatenate([front, m.product(q, grad_v)], last),)


def _square_qr(q: Node, r: Node, grad_q: Node, grad_r: Node) -> Node:
    """Ā = (Q̄ + Q M) R^-T, M the mirrored lower triangle of R R̄^T - Q̄^T Q."""
    middle = p.sub(m.product(r, m.transposed(grad_r)), m.product(m.transposed(grad_q), q))
    left = p.add(grad_q, m.product(q, _symmetric_triangle(middle)))
    return m.transposed(p.triangular_solve(r, m.transposed(left), True, False))


@gradient_of("lu", (OUT, 0))
def _(grads: Any, out: Node, x: Node) -> Any:
    # L^-1 dA U^-1 = L^-1 dL + dU U^-1: the first is below the diagonal, the second on and above it.
    g = grads[0]
    if g is None:
        return (None,)
    packed, pivots = p.pick(out, 0), p.pick(out, 1)
    rows, columns = x.shape[-2:]
    k, last = min(rows, columns), x.ndim - 1
    square = m.first(m.first(packed, last - 1, k), last, k)
    low, up = m.unit_lower(square), m.upper(square)
    low_t, up_t = m.transposed(low), m.transposed(up)
    g_square = m.first(m.first(g, last - 1, k), last, k)
    grad_low, grad_up, more = m.lower(g_square, -1), m.upper(g_square), None
    if rows > columns:  # the rest of L is A₂ U^-1
        grad_rest = m.part(g, last - 1, k, rows)
        more = m.transposed(
            p.triangular_solve(up, m.transposed(grad_rest), True, False)
        )  # fmt: skip
        rest = m.part(packed, last - 1, k, rows)
        grad_up = p.sub(grad_up, m.product(m.transposed(rest), more))
    elif columns > rows:  # the rest of U is L^-1 A₂
        more = p.triangular_solve(low_t, m.part(g, last, k, columns), True, True)
        rest = m.part(packed, last, k, columns)
        grad_low = p.sub(grad_low, m.product(more, m.transposed(rest)))
    middle = p.add(
        m.lower(m.product(low_t, grad_low), -1), m.upper(m.product(grad_up, up_t))
    )  # fmt: skip
    left = p.triangular_solve(low_t, middle, True, True)
    grad = m.transposed(p.triangular_solve(up, m.transposed(left), True, False))
    if more is not None:
        grad = p.concatenate([grad, more], last - 1 if rows > columns else last)
    order = m.inverse_order(p.permutation(pivots, rows))
    return (m.rows_in_order(grad, order),)


@gradient_of("svdvals", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    u, _, vh = p.svd(x, False)
    return (m.product(p.mul(u, m.as_rows(g)), vh),)


@gradient_of("eigvalsh", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    _, v = p.eigh(x, *out.params)
    return (m.product(p.mul(v, m.as_rows(g)), m.transposed(v)),)


def _over_gaps(x: Node, values: Node) -> Node:
    """x_ij / (values_j - values_i), 0 on the diagonal."""
    row, column = m.places(x)
    same = p.eq(row, column)
    gaps = p.sub(m.as_rows(values), m.as_columns(values))
    gaps = p.select(same, m.number(1, x), gaps)
    return p.div(p.select(same, m.zero(x), x), gaps)


@gradient_of("eigh", (OUT, 0))
def _(grads: Any, out: Node, x: Node) -> Any:
    # Ā = V (diag(w̄) + skew(V^T V̄) / 2 gaps) V^T, which is symmetric, as A is
    grad_w, grad_v = grads
    if grad_w is None and grad_v is None:
        return (None,)
    w, v = p.pick(out, 0), p.pick(out, 1)
    turned = m.transposed(v)
    if grad_v is None:
        return (m.product(p.mul(v, m.as_rows(grad_w)), turned),)
    turning = p.mul(_skew(m.product(turned, grad_v)), m.number(0.5, x))
    middle = _over_gaps(turning, w)
    if grad_w is not None:
        middle = p.add(middle, m.diagonal_matrix(grad_w))
    return (m.product(m.product(v, middle), turned),)


@gradient_of("svd", (OUT, 0))
def _(grads: Any, out: Node, x: Node) -> Any:
    # Ā = U (skew(U^T Ū) / gaps · S + S · skew(V^T V̄) / gaps + diag(S̄)) V^T, gaps those of S², and
    # for rectangular A what of Ū and V̄ lies outside of U and V. Of the full U and V only the
    # columns that belong to singular values have a gradient.
    if all(g is None for g in grads):
        return (None,)
    rows, columns = x.shape[-2:]
    k, last = min(rows, columns), x.ndim - 1
    u, s, vh = (p.pick(out, position) for position in range(3))
    u, vh = m.first(u, last, k), m.first(vh, last - 1, k)
    v = m.transposed(vh)
    grad_u = None if grads[0] is None else m.first(grads[0], last, k)
    grad_v = None if grads[2] is None else m.transposed(m.first(grads[2], last - 1, k))
    terms: list[Node] = []
    if grads[1] is not None:
        terms.append(m.diagonal_matrix(grads[1]))
    squares = p.mul(s, s)
    if grad_u is not None:
        inner = _over_gaps(_skew(m.product(m.transposed(u), grad_u)), squares)
        terms.append(p.mul(inner, m.as_rows(s)))
    if grad_v is not None:
        inner = _over_gaps(_skew(m.product(vh, grad_v)), squares)
        terms.append(p.mul(m.as_columns(s), inner))
    middle = terms[0]
    for term in terms[1:]:
        middle = p.add(middle, term)
    left = m.product(u, middle)
    if rows > k and grad_u is not None:
        left = p.add(left, p.div(_outside(u, grad_u), m.as_rows(s)))
    grad = m.product(left, vh)
    if columns > k and grad_v is not None:
        outside = p.div(_outside(v, grad_v), m.as_rows(s))
        grad = p.add(grad, m.product(u, m.transposed(outside)))
    return (grad,)


def _skew(x: Node) -> Node:
    return p.sub(x, m.transposed(x))


def _outside(basis: Node, x: Node) -> Node:
    """What of the columns of `x` lies outside of the space of an orthonormal basis."""
    return p.sub(x, m.product(basis, m.product(m.transposed(basis), x)))


def _without(name: str, instead: str) -> Callable[..., Any]:
    def rule(grads: Any, out: Node, *inputs: Node) -> Any:
        raise GradientError(f"{name} has no gradient: {instead}")

    return rule


gradient_of("geqrf")(_without("geqrf (and linalg.qr with mode='r')", "use linalg.qr"))
gradient_of("ldl")(_without("linalg.ldl_factor", "use linalg.solve, or linalg.cholesky"))
gradient_of("ldl_solve")(_without("linalg.ldl_solve", "use linalg.solve"))
