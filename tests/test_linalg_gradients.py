"""Gradients of linear algebra, and their gradients, against differences.

Where vectors are right with either sign, what is differentiated is the same for both signs.
"""

import numpy as np
import pytest

import gradatim as gd
from gradatim.autograd import gradcheck, gradgradcheck
from gradatim.engines import current_engine


@pytest.fixture(autouse=True)
def one_engine():
    """Nothing here is about native code, whose compilation would take most of the time."""
    before = current_engine().name
    gd.set_engine("reference")
    yield
    gd.set_engine(before)


RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def the_same_numbers(monkeypatch):
    """Each test draws the same numbers, whichever ran before it."""
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(0))


def matrix(*shape):
    return gd.tensor(RNG.normal(size=shape), requires_grad=True)


def positive(*shape):
    """Symmetric positive definite, as a function of the leaf: the leaf itself is any matrix."""
    return lambda x: x @ x.mT + shape[-1] * gd.eye(shape[-1], dtype=gd.float64)


def squares(*tensors):
    """The same for both signs of a column."""
    return tuple(t * t for t in tensors)


def projections(x):
    q, r = gd.linalg.qr(x)
    return q @ q.mT[..., :1], r * r


CASES = {
    "inv": (gd.linalg.inv, [(2, 2, 2)]),
    "solve": (gd.linalg.solve, [(3, 3), (3, 2)]),
    "solve of a batch with one matrix": (gd.linalg.solve, [(2, 1, 2, 2), (2, 1)]),
    "solve from the right": (lambda a, b: gd.linalg.solve(a, b, left=False), [(3, 3), (2, 3)]),
    "solve_triangular": (
        lambda a, b: gd.linalg.solve_triangular(a, b, upper=True), [(3, 3), (3, 2)]
    ),
    "solve_triangular with ones": (
        lambda a, b: gd.linalg.solve_triangular(
            a, b, upper=False, left=False, unitriangular=True
        ),
        [(3, 3), (2, 3)],
    ),
    "det": (gd.linalg.det, [(2, 3, 3)]),
    "det of one number": (gd.linalg.det, [(1, 1)]),
    "slogdet": (lambda x: gd.linalg.slogdet(x).logabsdet, [(3, 3)]),
    "matrix_exp": (gd.linalg.matrix_exp, [(2, 2, 2)]),
    "cholesky": (lambda x: gd.linalg.cholesky(positive(3, 3)(x)), [(3, 3)]),
    "cholesky, upper": (lambda x: gd.linalg.cholesky(positive(3, 3)(x), upper=True), [(3, 3)]),
    "cholesky_solve": (gd.cholesky_solve, [(3, 2), (3, 3)]),
    "cholesky_inverse": (gd.cholesky_inverse, [(3, 3)]),
    "qr of tall": (projections, [(3, 2)]),
    "qr of square": (projections, [(3, 3)]),
    "qr of wide": (projections, [(2, 3)]),
    "lu of square": (lambda x: gd.linalg.lu(x)[1:], [(3, 3)]),
    "lu of tall": (lambda x: gd.linalg.lu(x)[1:], [(3, 2)]),
    "lu of wide": (lambda x: gd.linalg.lu(x)[1:], [(2, 2, 3)]),
    "lu_factor and lu_solve": (
        lambda a, b: gd.linalg.lu_solve(*gd.linalg.lu_factor(a), b, adjoint=True),
        [(3, 3), (3, 1)],
    ),
    "svdvals": (gd.linalg.svdvals, [(3, 2)]),
    "svd of tall": (lambda x: squares(*gd.linalg.svd(x, full_matrices=False)), [(3, 2)]),
    "svd of wide": (lambda x: squares(*gd.linalg.svd(x, full_matrices=False)), [(2, 3)]),
    "eigvalsh": (lambda x: gd.linalg.eigvalsh(x + x.mT), [(3, 3)]),
    "eigh": (lambda x: squares(*gd.linalg.eigh(x + x.mT)), [(3, 3)]),
    "pinv of tall": (gd.linalg.pinv, [(3, 2)]),
    "pinv of wide": (gd.linalg.pinv, [(2, 3)]),
    "lstsq": (lambda a, b: gd.linalg.lstsq(a, b).solution, [(3, 2), (3, 1)]),
    "householder_product": (gd.linalg.householder_product, [(3, 2), (1,)]),
    "ormqr": (lambda a, tau, c: gd.ormqr(a, tau, c, transpose=True), [(3, 2), (2,), (3, 1)]),
    "nuclear norm": (lambda x: gd.linalg.matrix_norm(x, "nuc"), [(2, 3, 2)]),
    "spectral norm": (lambda x: gd.linalg.matrix_norm(x, 2), [(3, 2)]),
    "cond": (gd.linalg.cond, [(3, 3)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_gradient_and_its_gradient_agree_with_differences(name):
    function, shapes = CASES[name]
    inputs = tuple(matrix(*shape) for shape in shapes)
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs, eps=1e-5, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_det_of_a_singular_matrix_has_both_derivatives(rank):
    u, v = RNG.normal(size=(3, rank)), RNG.normal(size=(rank, 3))
    x = gd.tensor(u @ v, requires_grad=True)
    assert gradcheck(gd.linalg.det, (x,))
    assert gradgradcheck(gd.linalg.det, (x,), atol=1e-4)


def test_det_with_equal_singular_values_has_a_second_derivative():
    assert gradgradcheck(gd.linalg.det, (gd.eye(3, dtype=gd.float64).requires_grad_(),))


def test_pinv_of_a_matrix_whose_rank_stays():
    """Along directions that keep the rank, as all of these do."""
    u, v = matrix(3, 1), matrix(1, 2)

    def function(u, v):
        return gd.linalg.pinv(u @ v, rtol=1e-8)

    assert gradcheck(function, (u, v))
    assert gradgradcheck(function, (u, v), eps=1e-5, rtol=1e-2, atol=1e-4)


def test_backward_uses_the_factorization_that_the_user_saw():
    """SVD is computed once: what it gave is kept for backward(), though S is overwritten."""
    x = matrix(4, 3)
    u, s, vh = gd.linalg.svd(x, full_matrices=False)
    s.detach().fill_(7.0)
    (g,) = gd.autograd.grad([u, vh], [x], [gd.ones_like(u), gd.ones_like(vh)])
    again = gd.linalg.svd(x, full_matrices=False)
    (expected,) = gd.autograd.grad(
        [again.U, again.Vh], [x], [gd.ones_like(u), gd.ones_like(vh)]
    )  # fmt: skip
    assert np.allclose(g.numpy(), expected.numpy(), rtol=1e-12)


def test_one_factorization_after_another():
    x = matrix(2, 2)
    assert gradcheck(lambda x: gd.linalg.svdvals(gd.linalg.inv(gd.linalg.matrix_exp(x))), (x,))
    assert gradcheck(lambda x: gd.linalg.pinv(gd.linalg.qr(x).Q @ gd.linalg.inv(x)), (x,))


def test_complete_qr_of_a_tall_matrix_has_no_gradient():
    q, _ = gd.linalg.qr(matrix(3, 2), mode="complete")
    with pytest.raises(gd.GradientError, match="last 1 columns of Q are not determined"):
        q.sum().backward()


def test_householder_vectors_have_no_gradient():
    a, _ = gd.geqrf(matrix(3, 2))
    with pytest.raises(gd.GradientError, match=r"geqrf .* has no gradient: use linalg.qr"):
        a.sum().backward()
