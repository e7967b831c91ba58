"""Linear, Dropout, Flatten and their like; initial values; nn.utils."""

import math

import pytest

import gradatim as gd
from gradatim import nn
from gradatim.nn import functional as F


def test_linear_by_hand():
    layer = nn.Linear(2, 1)
    with gd.no_grad():
        layer.weight.copy_(gd.tensor([[2.0, 3.0]]))
        layer.bias.fill_(0.5)
    x = gd.tensor([[1.0, 10.0]], requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.tolist() == [[32.5]]
    assert x.grad.tolist() == [[2, 3]]
    assert layer.weight.grad.tolist() == [[1, 10]] and layer.bias.grad.tolist() == [1]


def test_linear_starts_from_pytorchs_bits():
    # PyTorch 2.13: manual_seed(0), nn.Linear(3, 2).
    gd.manual_seed(0)
    layer = nn.Linear(3, 2)
    bits = [value.hex() for value in layer.weight.flatten().tolist() + layer.bias.tolist()]
    assert bits == [
        "-0x1.1b47d00000000p-8",
        "0x1.3d26260000000p-2",
        "-0x1.e696fc0000000p-2",
        "-0x1.b317920000000p-2",
        "-0x1.c769620000000p-3",
        "0x1.3d12a60000000p-3",
        "-0x1.76d6800000000p-7",
        "0x1.d4c2f40000000p-2",
    ]


def test_linear_takes_any_number_of_dimensions_in_front():
    layer = nn.Linear(3, 2)
    for shape in ((3,), (0, 3), (4, 3), (2, 1, 4, 3)):
        assert layer(gd.zeros(shape)).shape == (*shape[:-1], 2)


def test_a_layer_without_inputs_warns_and_gives_its_bias():
    with pytest.warns(UserWarning, match="zero-element"):
        layer = nn.Linear(0, 2)
    assert layer(gd.zeros(3, 0)).tolist() == [[0, 0]] * 3


def test_bilinear_by_hand():
    layer = nn.Bilinear(2, 1, 1)
    with gd.no_grad():
        layer.weight.copy_(gd.tensor([[[1.0], [2.0]]]))
        layer.bias.fill_(1)
    assert layer(gd.tensor([[3.0, 4.0]]), gd.tensor([[10.0]])).tolist() == [[111.0]]


def test_flatten_and_unflatten():
    x = gd.arange(12).reshape(2, 3, 2)
    flat = nn.Flatten()(x)
    assert flat.shape == (2, 6)
    assert gd.equal(nn.Unflatten(1, (3, 2))(flat), x)


def test_dropout_scales_what_it_keeps():
    gd.manual_seed(0)
    y = nn.Dropout(0.25)(gd.ones(10_000))
    dropped, kept = sorted(set(y.tolist()))
    assert dropped == 0 and kept == pytest.approx(4 / 3)
    assert y.mean().item() == pytest.approx(1, abs=0.02)  # four standard deviations


def test_dropout_at_its_ends_draws_nothing():
    gd.manual_seed(0)
    expected = gd.rand(1).item()
    gd.manual_seed(0)
    x = gd.ones(3)
    assert nn.Dropout(0.0)(x) is x
    assert nn.Dropout(1.0)(x).tolist() == [0, 0, 0]
    assert nn.Dropout(0.5).eval()(x) is x
    assert gd.rand(1).item() == expected


def test_dropout_passes_the_gradient_of_what_it_kept():
    gd.manual_seed(0)
    x = gd.ones(50, requires_grad=True)
    y = F.dropout(x)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()


def test_a_probability_that_is_none():
    with pytest.raises(ValueError, match=r"has to be between 0 and 1, but got 1\.5"):
        nn.Dropout(1.5)


# --- initial values -----------------------------------------------------------------------------


def test_bounds_and_deviations():
    weight = gd.empty(200, 100)
    nn.init.xavier_uniform_(weight)
    assert weight.abs().max().item() == pytest.approx(math.sqrt(6 / 300), rel=0.01)
    nn.init.kaiming_uniform_(weight, nonlinearity="relu")
    assert weight.abs().max().item() == pytest.approx(math.sqrt(6 / 100), rel=0.01)
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 200), rel=0.02)
    nn.init.xavier_normal_(weight)
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 300), rel=0.02)
    nn.init.trunc_normal_(weight, std=0.5, a=-1.0, b=0.5)
    assert weight.min().item() >= -1 and weight.max().item() <= 0.5
    nn.init.trunc_normal_(weight, a=2.0, b=2.5)
    assert weight.min().item() >= 2 and weight.max().item() <= 2.5


def test_orthogonal_and_sparse_and_dirac():
    gd.manual_seed(0)
    for shape in ((5, 3), (3, 5)):
        q = nn.init.orthogonal_(gd.empty(shape), gain=2.0)
        product = q.T @ q if shape[0] > shape[1] else q @ q.T
        assert gd.allclose(product, 4 * gd.eye(3), atol=1e-5)
    assert (nn.init.sparse_(gd.empty(10, 4), 0.3) == 0).sum(0).tolist() == [3] * 4
    kernel = nn.init.dirac_(gd.empty(2, 2, 3))
    assert kernel.tolist() == [[[0, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 0]]]


def test_initializing_leaves_no_history():
    weight = nn.Parameter(gd.empty(2, 2))
    assert nn.init.eye_(weight) is weight
    assert weight.is_leaf and weight.requires_grad and weight.tolist() == [[1, 0], [0, 1]]


def test_a_generator_of_ones_own():
    generator = gd.Generator().manual_seed(3)
    first = nn.init.normal_(gd.empty(4), generator=generator)
    again = nn.init.normal_(gd.empty(4), generator=gd.Generator().manual_seed(3))
    assert gd.equal(first, again)


# --- nn.utils -----------------------------------------------------------------------------------


def test_clipping_scales_all_gradients_alike():
    a, b, c = (nn.Parameter(gd.zeros(1)) for _ in range(3))
    a.grad, b.grad = gd.tensor([3.0]), gd.tensor([-4.0])
    gradient = a.grad
    assert nn.utils.clip_grad_norm_([a, b, c], 1.0).item() == 5
    assert a.grad is gradient
    assert [round(p.grad.item(), 5) for p in (a, b)] == [0.6, -0.8]
    nn.utils.clip_grad_norm_([a, b], 100.0)
    assert round(a.grad.item(), 5) == 0.6
    nn.utils.clip_grad_value_([a, b], 0.7)
    assert round(b.grad.item(), 5) == -0.7


def test_clipping_refuses_a_norm_that_is_not_finite():
    a = nn.Parameter(gd.zeros(1))
    a.grad = gd.tensor([math.inf])
    with pytest.raises(gd.NonFiniteError, match="cannot be clipped"):
        nn.utils.clip_grad_norm_(a, 1.0, error_if_nonfinite=True)


def test_parameters_as_one_vector_and_back():
    layer = nn.Linear(2, 1)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (3,) and vector.requires_grad
    nn.utils.vector_to_parameters(gd.tensor([1.0, 2.0, 3.0]), layer.parameters())
    assert layer.weight.tolist() == [[1, 2]] and layer.bias.tolist() == [3]
    with pytest.raises(gd.ShapeError, match="more elements than the vector, which has 2"):
        nn.utils.vector_to_parameters(gd.zeros(2), layer.parameters())
