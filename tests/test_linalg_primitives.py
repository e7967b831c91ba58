"""What the primitives of linear algebra compute, where NumPy has no such function to compare with;
and that a compiled step and native code run them.
"""

import numpy as np
import pytest

import gradatim as gd
from gradatim.engines import reference_factorizations as factorizations
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import float32, float64, int32
from gradatim.realize import compute

RNG = np.random.default_rng(0)
START = RNG.bit_generator.state
SIZES = [0, 1, 2, 15, 16, 17, 50]


@pytest.fixture(autouse=True)
def _the_same_numbers_whatever_ran_before():
    RNG.bit_generator.state = START


def permuted(pivots, rows):
    return factorizations.permutation(pivots, rows)


def parts(packed):
    k = min(packed.shape[-2:])
    low = np.tril(packed[..., :k], -1) + np.eye(packed.shape[-2], k)
    return low, np.triu(packed[..., :k, :])


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("shape", ["square", "tall", "wide"])
def test_lu_times_its_parts_is_the_matrix_with_its_rows_exchanged(n, shape):
    rows, columns = {"square": (n, n), "tall": (n + 7, n), "wide": (n, n + 7)}[shape]
    a = RNG.normal(size=(3, 2, rows, columns))
    packed, pivots, info = factorizations.lu(a)
    low, up = parts(packed)
    assert not info.any()
    assert np.abs(low).max(initial=0) <= 1  # partial pivoting
    order = permuted(pivots, rows)
    exchanged = np.take_along_axis(a, order[..., None], axis=-2)
    np.testing.assert_allclose(low @ up, exchanged, atol=1e-12)


def test_lu_of_a_singular_matrix_names_its_first_zero_pivot():
    a = np.zeros((3, 3, 3))
    a[0] = np.eye(3)
    a[1, :, 0] = 1  # the second column has no pivot
    packed, _, info = factorizations.lu(a)
    assert info.tolist() == [0, 2, 1]
    assert np.isfinite(packed).all()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_triangular_solve_reads_one_triangle(n, upper, unit):
    a = RNG.normal(size=(2, n, n)) / max(n, 1) + 2 * np.eye(n)
    b = RNG.normal(size=(2, n, 3))
    triangle = np.triu(a) if upper else np.tril(a)
    if unit:
        triangle = triangle - triangle * np.eye(n) + np.eye(n)
    noise = np.where(triangle == 0, np.nan, a)  # what is not read may be anything
    x = factorizations.triangular_solve(noise, b, upper, unit)
    np.testing.assert_allclose(triangle @ x, b, atol=1e-12)


def test_triangular_solve_divides_by_zero_as_division_does():
    a, b = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[1.0], [1.0]])
    with np.errstate(all="ignore"):
        x = factorizations.triangular_solve(a, b, False, False)
    assert x.tolist() == [[np.inf], [-np.inf]]


def indefinite(n):
    a = RNG.normal(size=(n, n))
    return a + a.T


@pytest.mark.parametrize("n", [1, 2, 3, 8, 30])
def test_ldl_solves_indefinite_systems(n):
    a = np.stack([indefinite(n), np.zeros((n, n)) + np.eye(n)[::-1]])
    b = RNG.normal(size=(2, n, 2))
    packed, pivots, info = factorizations.ldl(np.tril(a))
    assert not info.any()
    np.testing.assert_allclose(a @ factorizations.ldl_solve(packed, pivots, b), b, atol=1e-9)


def test_ldl_needs_blocks_of_two_where_the_diagonal_is_zero():
    _, pivots, info = factorizations.ldl(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert pivots.tolist() == [-2, -2] and info == 0
    assert factorizations.ldl(np.zeros((2, 2)))[2] == 1


def test_permutation_undoes_exchanges_one_after_the_other():
    assert permuted(np.array([3, 3, 3]), 4).tolist() == [2, 0, 1, 3]


# --- meaning of the rest -------------------------------------------------------------------------


def leaf(array):
    array = np.asarray(array)
    dtype = {"float32": float32, "float64": float64, "int32": int32}[array.dtype.name]
    return p.value(array, array.shape, dtype)


def computed(nodes):
    nodes = nodes if isinstance(nodes, (tuple, list)) else [nodes]
    compute(nodes)
    return [node.buffer for node in nodes]


@pytest.mark.parametrize("rank", [4, 3, 2, 1, 0])
def test_cofactors_are_the_signed_minors(rank):
    a = RNG.normal(size=(4, rank)) @ RNG.normal(size=(rank, 4))
    (found,) = computed(p.cofactors(leaf(a)))
    for i in range(4):
        for j in range(4):
            minor = np.linalg.det(np.delete(np.delete(a, i, 0), j, 1))
            assert found[i, j] == pytest.approx((-1) ** (i + j) * minor, abs=1e-12)


@pytest.mark.parametrize("size", [0.0, 1e-3, 0.1, 0.5, 1.5, 4.0, 40.0])
def test_matrix_exp_of_a_diagonal_in_another_basis(size):
    """Each of the Padé approximants, and squaring."""
    q, _ = np.linalg.qr(RNG.normal(size=(5, 5)))
    values = RNG.uniform(-size, size, 5)
    (found,) = computed(p.matrix_exp(leaf((q * values) @ q.T)))
    expected = (q * np.exp(values)) @ q.T
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max())


def test_matrix_exp_of_what_is_not_finite_is_nan():
    (found,) = computed(p.matrix_exp(leaf(np.array([[[np.inf, 0], [0, 0]], np.eye(2)]))))
    assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4), (0, 3), (3, 0)])
def test_svd_multiplies_to_the_matrix(shape, full):
    a = RNG.normal(size=shape)
    u, s, vh = computed(p.svd(leaf(a), full))
    k = min(shape[-2:])
    np.testing.assert_allclose((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], a, atol=1e-13)
    unit = np.eye(u.shape[-1])
    np.testing.assert_allclose(np.swapaxes(u, -1, -2) @ u, np.broadcast_to(unit, (*a.shape[:-2], *unit.shape)), atol=1e-13)  # fmt: skip # noqa: E501


@pytest.mark.parametrize("upper", [False, True])
def test_eigh_reads_one_triangle(upper):
    a = indefinite(4)
    half = np.triu(a) if upper else np.tril(a)
    w, v = computed(p.eigh(leaf(half), upper))
    np.testing.assert_allclose((v * w) @ v.T, a, atol=1e-13)


# --- where they run ------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["reference", "llvm"])
def test_a_compiled_step_solves_and_reports_a_singular_matrix(engine):
    from gradatim.engines import current_engine

    before = current_engine().name
    gd.set_engine(engine)
    try:

        @gd.compile
        def step(a, b):
            x = gd.linalg.solve(a * 2, b)
            return (x + 1).sum()

        b = gd.ones(3, 1)
        for scale in (1.0, 2.0, 4.0):
            assert step(gd.eye(3) * scale, b).item() == pytest.approx(3 / (2 * scale) + 3)
        with pytest.raises(gd.linalg.LinAlgError, match="input matrix is singular"):
            step(gd.zeros(3, 3), b).item()
        assert step(gd.eye(3), b).item() == pytest.approx(4.5)
    finally:
        gd.set_engine(before)


def test_a_compiled_step_trains_through_a_factorization():
    a = gd.tensor([[3.0, 1.0], [1.0, 2.0]], requires_grad=True)

    def loss():
        low = gd.linalg.cholesky(a @ a.mT)
        return (low * low).sum() + gd.linalg.slogdet(a).logabsdet

    loss().backward()
    expected = a.grad.clone()
    a.grad = None

    @gd.compile
    def step():
        a.grad = None
        loss().backward()
        return a.grad * 1

    for _ in range(3):
        assert np.allclose(step().numpy(), expected.numpy(), rtol=1e-5)
