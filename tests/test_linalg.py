"""gd.linalg: what is right by hand, what an error says, and when things are computed."""

import math

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import ElementOutOfRange

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def the_same_numbers(monkeypatch):
    """Each test draws the same numbers, whichever ran before it."""
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(0))


def random(*shape):
    return gd.tensor(RNG.normal(size=shape))


def close(a, b, atol=1e-12):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-10, atol=atol)


# --- systems -------------------------------------------------------------------------------------


def test_solve_broadcasts_batches():
    a, b = random(4, 1, 3, 3), random(5, 3, 2)
    x = gd.linalg.solve(a, b)
    assert x.shape == (4, 5, 3, 2)
    close(a @ x, b.expand(4, 5, 3, 2))


def test_one_matrix_solves_a_batch_of_right_sides_at_once():
    a, b = random(3, 3), random(2, 4, 3, 2)
    close(a @ gd.linalg.solve(a, b), b)
    close(gd.linalg.solve(a, b.mT, left=False) @ a, b.mT)
    assert gd.linalg.solve(a, b[:0]).shape == (0, 4, 3, 2)


def test_a_right_side_is_a_batch_of_vectors_where_its_shape_says_so():
    a = random(2, 3, 3)
    v = random(2, 3)
    close(gd.linalg.solve(a, v), [np.linalg.solve(m, x) for m, x in zip(a.numpy(), v.numpy())])


@pytest.mark.parametrize("shape", [(0, 0), (3, 0, 0), (0, 2, 2), (1, 1)])
def test_sizes_0_and_1(shape):
    x = gd.ones(shape, dtype=gd.float64)
    assert gd.linalg.inv(x).shape == shape
    assert gd.linalg.det(x).shape == shape[:-2]
    assert (gd.linalg.det(x) == 1).all()
    assert gd.linalg.cholesky(x).shape == shape
    assert gd.linalg.svd(x).S.shape == shape[:-1]
    assert gd.linalg.lu_factor(x).pivots.shape == shape[:-1]
    assert gd.linalg.eigh(x).eigenvectors.shape == shape
    assert gd.linalg.matrix_exp(x).shape == shape
    assert gd.linalg.qr(x).R.shape == shape
    assert gd.linalg.pinv(x).shape == shape


def test_triangular_systems_of_all_kinds():
    a, b = random(3, 3), random(3, 2)
    low = a.tril()
    close(low @ gd.linalg.solve_triangular(a, b, upper=False), b)
    close(gd.linalg.solve_triangular(a, b.T, upper=False, left=False) @ low, b.T)
    solution, coefficient = gd.triangular_solve(b, a, upper=False, transpose=True)
    close(low.T @ solution, b)
    close(coefficient, a)


def test_matrix_power_of_a_negative_number():
    x = random(2, 3, 3)
    close(gd.matrix_power(x, -3) @ gd.matrix_power(x, 3), np.broadcast_to(np.eye(3), (2, 3, 3)))


def test_lstsq_gives_what_its_driver_gives():
    a, b = random(5, 2), random(5, 3)
    by_svd = gd.linalg.lstsq(a, b, driver="gelsd")
    expected, residuals, rank, values = np.linalg.lstsq(a.numpy(), b.numpy())
    close(by_svd.solution, expected)
    close(by_svd.residuals, residuals)
    close(by_svd.singular_values, values)
    assert by_svd.rank.item() == rank
    plain = gd.linalg.lstsq(a, b)
    assert [len(x) for x in (plain.residuals, plain.singular_values)] == [0, 0]
    assert len(gd.linalg.lstsq(a, b, driver="gels").rank) == 0


def test_lstsq_of_too_few_equations_is_the_shortest_solution():
    a, b = random(2, 4), random(2, 1)
    close(gd.linalg.lstsq(a, b).solution, np.linalg.pinv(a.numpy()) @ b.numpy())


def test_tensorinv_and_tensorsolve_undo_tensordot():
    a = random(2, 3, 6)
    inverse = gd.linalg.tensorinv(a, ind=2)
    b = random(2, 3)
    x = gd.linalg.tensorsolve(a, b)
    close(gd.tensordot(a, x, 1), b)
    close(gd.tensordot(inverse, b, 2), x)


# --- factorizations ------------------------------------------------------------------------------


def test_factorizations_multiply_to_their_matrix():
    x = random(2, 5, 3)
    p, low, up = gd.linalg.lu(x)
    close(p @ low @ up, x)
    p, low, up = gd.lu_unpack(*gd.lu(x))
    close(p @ low @ up, x)
    for mode in ("reduced", "complete"):
        q, r = gd.linalg.qr(x, mode)
        close(q @ r, x)
    a, tau = gd.geqrf(x)
    close(gd.orgqr(a, tau) @ a[:, :3].triu(), x)
    close(gd.ormqr(a, tau, x, transpose=True)[:, :3], a[:, :3].triu())
    u, s, vh = gd.linalg.svd(x, full_matrices=False)
    close(u @ gd.diag_embed(s) @ vh, x)
    s = x.mT @ x
    w, v = gd.linalg.eigh(s)
    close(v @ gd.diag_embed(w) @ v.mT, s)
    close(gd.cholesky(s, upper=True).mT @ gd.cholesky(s, upper=True), s)
    close(gd.cholesky_inverse(gd.cholesky(s)) @ s, np.broadcast_to(np.eye(3), (2, 3, 3)))


def test_what_is_wrong_with_which_matrix():
    batch = gd.stack([gd.eye(2), gd.tensor([[1.0, 2.0], [2.0, 1.0]]), gd.zeros(2, 2)])
    factor, info = gd.linalg.cholesky_ex(batch)
    assert info.tolist() == [0, 2, 1]
    assert factor[0].tolist() == [[1, 0], [0, 1]] and factor[1].isnan().all()
    inverse, info = gd.linalg.inv_ex(batch)
    assert info.tolist() == [0, 0, 1] and inverse[2].isnan().all()
    assert inverse[1].isfinite().all()
    with pytest.raises(
        gd.linalg.LinAlgError,
        match=r"linalg.cholesky: \(Batch element 1\): .* \(the leading minor of order 2 is not",
    ):
        gd.linalg.cholesky(batch)
    assert issubclass(gd.linalg.LinAlgError, RuntimeError)
    assert issubclass(gd.linalg.LinAlgError, gd.Error)


def test_an_error_names_the_users_line_at_the_call():
    with pytest.raises(gd.linalg.LinAlgError, match=r"singular\. \(at .*test_linalg\.py:\d+\)"):
        gd.linalg.inv(gd.zeros(2, 2))


def test_a_result_that_failed_leaves_others_alone():
    x = gd.zeros(2, 2)
    pending = x + 1
    with pytest.raises(gd.linalg.LinAlgError):
        gd.linalg.solve(x, pending)
    assert pending.tolist() == [[1, 1], [1, 1]]


def test_pivots_of_another_matrix_are_refused():
    with pytest.raises(ElementOutOfRange, match="pivots must be between 1 and the 2 rows"):
        gd.linalg.lu_solve(gd.eye(2), gd.tensor([1, 5], dtype=gd.int32), gd.ones(2, 1)).tolist()


def test_complex_results_are_not_there_yet():
    with pytest.raises(gd.DTypeError, match=r"complex numbers, .* use linalg\.eigh"):
        gd.linalg.eig(gd.eye(2))
    with pytest.raises(gd.DTypeError, match=r"complex numbers, .* use linalg\.eigvalsh"):
        gd.linalg.eigvals(gd.eye(2))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int64", "bool"])
def test_only_single_and_double_precision(dtype):
    with pytest.raises(gd.DTypeError, match=rf"linalg.inv: .*{dtype}"):
        gd.linalg.inv(gd.eye(2).to(getattr(gd, dtype)))


# --- numbers of a matrix -------------------------------------------------------------------------


def test_determinants():
    x = gd.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=gd.float64)
    assert gd.det(x).item() == pytest.approx(-2)
    sign, size = gd.slogdet(gd.stack([x, x * 0]))
    assert sign.tolist() == [-1, 0] and size.tolist() == [pytest.approx(math.log(2)), -math.inf]
    assert math.isnan(gd.logdet(x).item()) and gd.logdet(x * 0).item() == -math.inf


def test_norms_of_a_matrix():
    x = gd.tensor([[3.0, 0.0], [0.0, -4.0], [0.0, 0.0]], dtype=gd.float64)
    orders = {"fro": 5, "nuc": 7, 2: 4, -2: 3, 1: 4, -1: 3, math.inf: 4, -math.inf: 0}
    for order, expected in orders.items():
        assert gd.linalg.matrix_norm(x, order).item() == pytest.approx(expected)
        moved = x.T.reshape(2, 1, 3)
        kept = gd.linalg.matrix_norm(moved, order, dim=(2, 0), keepdim=True)
        assert kept.shape == (1, 1, 1) and kept.item() == pytest.approx(expected)


def test_the_largest_of_no_singular_values_is_0():
    empty = gd.ones(2, 0, 3)
    for order in (2, "nuc", 1, math.inf):
        assert gd.linalg.matrix_norm(empty, order).tolist() == [0, 0]
    with pytest.raises(gd.IndexOutOfRange):
        gd.linalg.matrix_norm(empty, -2)


def test_rank_and_condition():
    x = gd.tensor([[1.0, 2.0], [2.0, 4.0]])
    assert gd.linalg.matrix_rank(x).item() == 1
    assert gd.linalg.matrix_rank(x, atol=6.0).item() == 0
    assert gd.linalg.matrix_rank(gd.eye(3), hermitian=True).item() == 3
    assert gd.linalg.matrix_rank(gd.ones(2, 0, 3)).tolist() == [0, 0]
    assert gd.linalg.cond(gd.zeros(2, 2), 1).item() == math.inf
    assert gd.linalg.cond(gd.tensor([[4.0, 0.0], [0.0, 2.0]])).item() == 2


def test_a_tolerance_for_each_matrix_of_a_batch():
    x = gd.diag_embed(gd.tensor([[4.0, 1.0], [4.0, 1.0]]))
    assert gd.linalg.matrix_rank(x, rtol=gd.tensor([0.1, 0.5])).tolist() == [2, 1]
    inverse = gd.linalg.pinv(x, atol=gd.tensor([0.0, 2.0]))
    assert inverse.diagonal(0, -2, -1).tolist() == [[0.25, 1.0], [0.25, 0.0]]


# --- when it is computed -------------------------------------------------------------------------


def test_rank_and_values_of_lstsq_wait_until_they_are_looked_at():
    from gradatim.realize import pending_cells

    a = random(4, 2)
    result = gd.linalg.lstsq(a, random(4, 1))
    assert result.solution._cell in pending_cells()


def test_history_is_let_go_after_backward():
    x = random(3, 3).requires_grad_()
    gd.linalg.svd(x).S.sum().backward()
    with pytest.raises(gd.GradientError, match="a second time"):
        y = gd.linalg.inv(x).sum()
        y.backward()
        y.backward()
