"""Products of matrices and vectors. NumPy's products are the expected values."""

from __future__ import annotations

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.node import topological

rng = np.random.RandomState(3)


def pair(*shapes, dtype=np.float64):
    """Arrays of small integers, whose products are exact, and their tensors."""
    arrays = [rng.randint(-4, 5, size=shape).astype(dtype) for shape in shapes]
    return arrays, [gd.tensor(a) for a in arrays]


def primitives(tensor):
    return [node.primitive.name for node in topological([tensor._read()]) if node.inputs]


# --- matmul ---------------------------------------------------------------------------------------

SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (1, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)),
    ((6, 5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (6, 1, 3, 4)),
    ((6, 1, 2, 3), (1, 5, 3, 4)),
    ((1, 1, 2, 3), (1, 3, 4)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((0, 2, 3), (0, 3, 4)),
    ((0, 2, 3), (1, 3, 4)),
]


@pytest.mark.parametrize("left, right", SHAPES)
def test_matmul_of_every_shape(left, right):
    (a, b), (x, y) = pair(left, right)
    result = x @ y
    assert result.shape == (a @ b).shape
    assert (result.numpy() == a @ b).all()


@pytest.mark.parametrize("left, right", SHAPES)
def test_the_gradient_of_matmul(left, right):
    """Σ (a @ b) · c has the gradient c @ bᵀ for a, summed where a was broadcast."""
    _, (x, y) = pair(left, right)
    x.requires_grad_(), y.requires_grad_()
    assert gd.autograd.gradcheck(lambda x, y: x @ y, (x, y))


def test_batches_are_not_spread_out():
    """A batch dimension of size 1 is left out of the contraction, not expanded."""
    assert primitives(gd.rand(6, 1, 2, 3) @ gd.rand(5, 3, 4)) == ["reshape", "contract", "permute"]
    assert primitives(gd.rand(5, 2, 3) @ gd.rand(5, 3, 4)) == ["contract"]
    assert primitives(gd.rand(7, 5, 2, 3) @ gd.rand(3, 4)) == ["contract"]


def test_an_array_on_either_side():
    a, x = np.eye(2, dtype=np.float32) * 2, gd.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert isinstance(a @ x, gd.Tensor)
    assert (a @ x).tolist() == (x @ a).tolist() == [[2, 4], [6, 8]]


def test_integers_multiply_exactly():
    x = gd.tensor([[2**62, 1]])
    assert (x @ gd.tensor([[2], [3]])).tolist() == [[-(2**63) + 3]]  # wraps around
    assert (x @ gd.tensor([[1], [1]])).tolist() == [[2**62 + 1]]  # beyond float64
    assert (x.to(gd.int8) @ gd.tensor([[1], [5]], dtype=gd.int8)).dtype is gd.int8


def test_half_precision_accumulates_in_float32():
    ones = gd.ones(1, 4096, dtype=gd.float16)
    assert (ones @ ones.T).item() == 4096


def test_nan_and_infinity_go_through():
    x = gd.tensor([[float("inf"), 0.0]])
    assert np.isnan((x @ gd.tensor([[0.0], [1.0]])).item())


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "left, right, message",
    [
        ((50, 100), (99, 500), r"cannot be multiplied \(50x100 and 99x500\)"),
        ((3,), (4, 5), r"cannot be multiplied \(1x3 and 4x5\)"),
        ((2, 3, 4), (5, 6), r"cannot be multiplied \(6x4 and 5x6\)"),
        ((2, 3), (4,), r"size mismatch, got input \(2\), mat \(2x3\), vec \(4\)"),
        ((3,), (4,), r"inconsistent tensor size, expected tensor \[3\] and src \[4\]"),
        ((2, 2, 3), (2, 4, 5), r"batch2 tensor to be: \[2, 3\] but got: \[2, 4\]"),
        ((2, 2, 3), (3, 3, 5), r"tensor a \(2\) must match the size of tensor b \(3\)"),
        ((), (3,), "at least 1D, but they are 0D and 1D"),
    ],
)
def test_shapes_that_do_not_fit(left, right, message):
    with pytest.raises(RuntimeError, match=message):
        gd.zeros(*left) @ gd.zeros(*right)


def test_a_product_never_promotes():
    x = gd.ones(2, 2)
    with pytest.raises(RuntimeError, match="expected m1 and m2 to have the same dtype"):
        x @ x.double()
    with pytest.raises(RuntimeError, match="expected both vectors to have same dtype"):
        x[0].dot(x[0].double())
    with pytest.raises(RuntimeError, match="not implemented for bool"):
        x.bool() @ x.bool()


def test_functions_of_given_dimensions_refuse_others():
    x = gd.ones(2, 2)
    for call, message in (
        (lambda: gd.mm(x[0], x), "self must be a matrix"),
        (lambda: gd.mm(x, x[0]), "mat2 must be a matrix"),
        (lambda: gd.bmm(x, x), "batch1 must be a 3D tensor"),
        (lambda: gd.mv(x[0], x[0]), r"vector \+ matrix @ vector expected"),
        (lambda: gd.dot(x, x[0]), "1D tensors expected, but got 2D and 1D"),
        (lambda: gd.outer(x, x[0]), "Expected 1-D argument self"),
    ):
        with pytest.raises(RuntimeError, match=message):
            call()


# --- products that are added ----------------------------------------------------------------------


def test_addmm_and_its_like():
    (a, b, c), (x, y, z) = pair((2, 3), (3, 4), (4,))
    assert (gd.addmm(z, x, y, beta=2, alpha=3).numpy() == 2 * c + 3 * (a @ b)).all()
    assert (gd.addmv(gd.ones(2), x.float(), y[:, 0].float()).numpy() == 1 + a @ b[:, 0]).all()
    assert (gd.addr(gd.zeros(3, 4), z[:3], z, alpha=2).numpy() == 2 * np.outer(c[:3], c)).all()


def test_batches_in_addbmm_and_baddbmm():
    (a, b), (x, y) = pair((5, 2, 3), (5, 3, 4))
    assert (gd.baddbmm(gd.ones(4, dtype=gd.float64), x, y).numpy() == 1 + a @ b).all()
    total = gd.addbmm(gd.zeros(2, 4, dtype=gd.float64), x, y)
    assert (total.numpy() == (a @ b).sum(0)).all()


def test_with_beta_0_the_input_counts_for_nothing():
    nothing = gd.full((2, 2), float("nan"))
    assert gd.addmm(nothing, gd.ones(2, 3), gd.ones(3, 2), beta=0).tolist() == [[3, 3], [3, 3]]


def test_what_is_added_may_not_make_the_result_larger():
    with pytest.raises(RuntimeError, match=r"expanded size of the tensor \(2\) must match.*\(3\)"):
        gd.addmm(gd.ones(3), gd.ones(2, 2), gd.ones(2, 2))
    with pytest.raises(RuntimeError, match="does not expand"):
        gd.addmm(gd.ones(1, 2, 2), gd.ones(2, 2), gd.ones(2, 2))


# --- linear ---------------------------------------------------------------------------------------


def test_linear_is_one_contraction_and_one_addition():
    linear = gd.nn.functional.linear
    (a, w, b), (x, y, z) = pair((7, 2, 3), (4, 3), (4,))
    result = linear(x, y, z)
    assert primitives(result) == ["contract", "add"]
    assert (result.numpy() == a @ w.T + b).all()
    assert (linear(x[0, 0], y).numpy() == a[0, 0] @ w.T).all()
    assert (linear(x, y[0]).numpy() == a @ w[0]).all()
    with pytest.raises(RuntimeError, match=r"\(64x100 and 784x10\)"):
        linear(gd.zeros(64, 100), gd.zeros(10, 784))
    with pytest.raises(RuntimeError, match="mat1 and mat2 must have the same dtype"):
        linear(x, y.float(), z.float())


def test_bilinear():
    (a, b, w), (x, y, z) = pair((5, 2), (5, 3), (4, 2, 3))
    expected = np.einsum("ni,oij,nj->no", a, w, b)
    assert (gd.nn.functional.bilinear(x, y, z).numpy() == expected).all()


# --- other products -------------------------------------------------------------------------------


def test_outer_inner_and_tensordot():
    (a, b), (x, y) = pair((2, 3, 4), (4, 3, 5))
    assert (gd.outer(x[0, 0], y[0, 0]).numpy() == np.outer(a[0, 0], b[0, 0])).all()
    assert (gd.inner(x, x[0]).numpy() == np.inner(a, a[0])).all()
    assert (
        gd.tensordot(x, y, ([1, 2], [1, 0])).numpy() == np.tensordot(a, b, ([1, 2], [1, 0]))
    ).all()
    assert (gd.tensordot(x, y, 1).numpy() == np.tensordot(a, b, 1)).all()
    with pytest.raises(RuntimeError, match="first has size 2 in dim 0 and second has size 4"):
        gd.tensordot(x, y, ([0], [0]))


def test_kron_and_cross():
    (a, b, c), (x, y, z) = pair((2, 3), (3, 2), (2, 3))
    assert (gd.kron(x, y).numpy() == np.kron(a, b)).all()
    assert (gd.kron(x, y[0]).numpy() == np.kron(a, b[0])).all()
    assert (gd.cross(x, z, dim=1).numpy() == np.cross(a, c)).all()
    with pytest.raises(RuntimeError, match="no dimension of size 3"):
        gd.cross(gd.ones(2), gd.ones(2))


def test_powers_of_a_matrix():
    (a,), (x,) = pair((3, 3))
    for n in (0, 1, 2, 5, 8):
        assert (x.matrix_power(n).numpy() == np.linalg.matrix_power(a, n)).all()
    assert primitives(gd.rand(3, 3).matrix_power(8)) == ["contract"] * 3
    with pytest.raises(RuntimeError, match="2 by 3 matrices"):
        gd.ones(2, 3).matrix_power(2)


def test_a_chain_is_multiplied_in_the_cheapest_order():
    """(10x100)(100x5)(5x50): from the left 7,500 multiplications, from the right 75,000."""
    (a, b, c), (x, y, z) = pair((10, 100), (100, 5), (5, 50))
    result = gd.linalg.multi_dot([x, y, z])
    shapes = [n.shape for n in topological([result._read()]) if n.primitive.name == "contract"]
    assert shapes == [(10, 5), (10, 50)]
    assert (result.numpy() == a @ b @ c).all()
    backwards = gd.chain_matmul(z.T, y.T, x.T)
    shapes = [n.shape for n in topological([backwards._read()]) if n.primitive.name == "contract"]
    assert shapes == [(5, 10), (50, 10)]


def test_the_trace_of_matrices_that_are_not_square():
    (a,), (x,) = pair((3, 5))
    assert x.trace().item() == x.T.trace().item() == np.trace(a)
    assert gd.ones(2, 2, dtype=gd.int32).trace().dtype is gd.int64
    assert gd.zeros(0, 3).trace().item() == 0
