"""Activations: values by hand, gradients against differences, and no overflow."""

import math

import pytest

import gradatim as gd
from gradatim import nn
from gradatim.nn import functional as F


def at(function, *numbers):
    return [round(value, 6) for value in function(gd.tensor(list(numbers)).double()).tolist()]


def slope_at(function, *numbers):
    x = gd.tensor(list(numbers), dtype=gd.float64, requires_grad=True)
    function(x).sum().backward()
    return [round(value, 6) for value in x.grad.tolist()]


@pytest.mark.parametrize(
    "function, values",
    [
        (F.relu, [0, 0, 2]),
        (F.leaky_relu, [-0.02, 0, 2]),
        (F.elu, [math.exp(-2) - 1, 0, 2]),
        (F.silu, [-2 / (1 + math.exp(2)), 0, 2 / (1 + math.exp(-2))]),
        (F.softplus, [math.log1p(math.exp(-2)), math.log(2), math.log1p(math.exp(2))]),
        (F.logsigmoid, [-math.log1p(math.exp(2)), -math.log(2), -math.log1p(math.exp(-2))]),
        (F.gelu, [-1 - math.erf(-math.sqrt(2)), 0, 1 + math.erf(math.sqrt(2))]),
        (F.hardtanh, [-1, 0, 1]),
        (F.hardsigmoid, [1 / 6, 0.5, 5 / 6]),
        (F.hardswish, [-1 / 3, 0, 5 / 3]),
        (F.softsign, [-2 / 3, 0, 2 / 3]),
        (F.tanhshrink, [-2 + math.tanh(2), 0, 2 - math.tanh(2)]),
        (F.softshrink, [-1.5, 0, 1.5]),
        (F.hardshrink, [-2, 0, 2]),
        (
            F.mish,
            [-2 * math.tanh(math.log1p(math.exp(-2))), 0, 2 * math.tanh(math.log1p(math.exp(2)))],
        ),
    ],
)
def test_values(function, values):
    assert at(function, -2.0, 0.0, 2.0) == [round(value, 6) for value in values]


SMOOTH_AND_NOT = [
    F.relu, F.leaky_relu, F.elu, F.selu, F.celu, F.gelu, F.silu, F.mish, F.softplus, F.logsigmoid,
    F.softsign, F.tanhshrink, F.softshrink, F.hardshrink, F.hardtanh, F.hardsigmoid, F.hardswish,
    F.relu6, F.sigmoid, F.tanh,
    lambda x: F.gelu(x, approximate="tanh"),
    lambda x: F.threshold(x, 0.1, 20.0),
    lambda x: F.softmax(x, 0), lambda x: F.softmin(x, 0), lambda x: F.log_softmax(x, 0),
    lambda x: F.glu(x),
    lambda x: F.normalize(x, dim=0),
]  # fmt: skip


@pytest.mark.parametrize("function", SMOOTH_AND_NOT)
def test_gradients_are_the_slopes(function):
    x = gd.tensor([-2.3, -0.7, 0.2, 1.4], dtype=gd.float64, requires_grad=True)
    assert gd.autograd.gradcheck(function, (x,))


@pytest.mark.parametrize(
    "function, points, slopes",
    [
        (F.relu, [0.0], [0]),
        (F.leaky_relu, [0.0], [0.01]),
        (F.elu, [0.0], [1]),
        (F.logsigmoid, [0.0], [0.5]),
        (F.hardtanh, [-1.0, 1.0], [0, 0]),
        (F.relu6, [0.0, 6.0], [0, 0]),
        (F.hardsigmoid, [-3.0, 3.0], [0, 0]),
        (F.hardswish, [-3.0, 3.0], [0, 1]),
        (F.softshrink, [-0.5, 0.5], [0, 0]),
        (F.hardshrink, [-0.5, 0.5], [0, 0]),
    ],
)
def test_gradients_at_the_kinks(function, points, slopes):
    assert slope_at(function, *points) == slopes


@pytest.mark.parametrize("function", SMOOTH_AND_NOT)
def test_nothing_overflows_at_large_arguments(function):
    x = gd.tensor([-1e4, -100.0, 100.0, 1e4], requires_grad=True)
    y = function(x)
    y.sum().backward()
    assert gd.isfinite(y).all() and gd.isfinite(x.grad).all()


def test_softmax_rows_sum_to_one_even_of_huge_logits():
    p = F.softmax(gd.tensor([[1e30, 0.0], [5.0, 5.0]]), dim=1)
    assert p.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_softmax_of_integers_says_what_to_do():
    with pytest.raises(gd.DTypeError) as caught:
        F.softmax(gd.tensor([1, 2]), 0)
    assert str(caught.value) == (
        "softmax expects a floating dtype, got torch.int64: cast the input with .float()"
    )
    assert F.softmax(gd.tensor([1, 1]), 0, dtype=gd.float64).tolist() == [0.5, 0.5]


def test_softmax_without_a_dimension_warns():
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        assert F.softmax(gd.zeros(1, 2)).tolist() == [[0.5, 0.5]]


def test_prelu_has_a_slope_for_each_channel():
    layer = nn.PReLU(2)
    with gd.no_grad():
        layer.weight.copy_(gd.tensor([0.5, 0.1]))
    assert layer(gd.tensor([[[-2.0], [-10.0]]])).tolist() == [[[-1.0], [-1.0]]]
    with pytest.raises(gd.ShapeError, match=r"one for each of the 3 channels .* got \(2,\)"):
        layer(gd.zeros(1, 3))


def test_in_place_activations_overwrite_their_input():
    x = gd.tensor([-4.0, 2.0])
    assert F.leaky_relu_(x, 0.25) is x and x.tolist() == [-1.0, 2.0]
    assert nn.ReLU(inplace=True)(x) is x and x.tolist() == [0.0, 2.0]


def test_bad_options():
    with pytest.raises(ValueError, match="min_val cannot be greater than max_val"):
        F.hardtanh(gd.zeros(1), 2.0, 1.0)
    with pytest.raises(ValueError, match="approximate must be 'none' or 'tanh', got 'fast'"):
        F.gelu(gd.zeros(1), approximate="fast")
    with pytest.raises(gd.ShapeError, match="Halving dimension must be even"):
        F.glu(gd.zeros(3))


def test_names_of_gradients():
    x = gd.zeros(2, requires_grad=True)
    for function, name in [
        (F.relu, "Relu"),
        (F.gelu, "Gelu"),
        (F.log_softmax, "LogSoftmax"),
        (F.relu6, "Hardtanh"),
        (F.logsigmoid, "LogSigmoid"),
    ]:
        y = function(x, 0) if name == "LogSoftmax" else function(x)
        assert repr(y).endswith(f"grad_fn=<{name}Backward0>)")
