"""Second derivatives backwards, and the learning rates that they give."""

import numpy as np
import pytest

import gradatim as gd
from gradatim.rules.curvature import diagonal_curvature
from gradatim.rules.levenberg_marquardt import StochasticDiagonalLevenbergMarquardt


def test_curvature_of_one_layer_is_the_second_derivative_itself():
    """E = ½ Σ (W x + b)²: ∂²E/∂w_ij² = Σ x_j², ∂²E/∂b_i² = the number of examples."""
    gd.manual_seed(0)
    layer = gd.nn.Linear(3, 2)
    x = gd.randn(5, 3)
    weight, bias = diagonal_curvature(layer(x), gd.ones(5, 2), [layer.weight, layer.bias])
    squares = (x.numpy() ** 2).sum(0)
    np.testing.assert_allclose(weight.numpy(), [squares, squares], rtol=1e-5)
    assert bias.tolist() == [5.0, 5.0]


def test_curvature_through_two_layers_is_that_of_equations_25_and_26():
    gd.manual_seed(1)
    first, second = gd.nn.Linear(3, 4), gd.nn.Linear(4, 2)
    x, h = gd.randn(6, 3), gd.rand(6, 2)
    hidden = first(x).tanh()
    (found,) = diagonal_curvature(second(hidden), h, [first.weight])
    slope = 1 - hidden.detach().numpy() ** 2
    of_sums = slope**2 * (h.numpy() @ second.weight.detach().numpy() ** 2)
    np.testing.assert_allclose(found.numpy(), of_sums.T @ x.numpy() ** 2, rtol=1e-4)


def test_curvature_of_a_shared_weight_adds_up_over_its_connections():
    """A kernel of one weight on four pixels: Σ x² (eq. 22); a coefficient and a bias by map too."""
    x = gd.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    kernel = gd.tensor([[[[2.0]]]], requires_grad=True)
    coefficient = gd.tensor([[[3.0]]], requires_grad=True)
    y = gd.nn.functional.conv2d(x, kernel) * coefficient - 1
    of_kernel, of_coefficient = diagonal_curvature(y, gd.ones(1, 1, 2, 2), [kernel, coefficient])
    assert of_kernel.item() == 3**2 * 30
    assert of_coefficient.item() == 2**2 * 30


def test_a_step_divides_by_mu_and_curvature():
    w = gd.tensor([1.0, 1.0], requires_grad=True)
    rule = StochasticDiagonalLevenbergMarquardt([w], lr=0.5, mu=1.0)
    rule.estimate((gd.tensor([2.0, 0.0]) * w)[None], gd.ones(1, 2))  # h = 4, 0
    (w * gd.tensor([10.0, 1.0])).sum().backward()
    rule.step()
    assert w.tolist() == [1 - 0.5 * 10 / 5, 1 - 0.5 * 1 / 1]


def test_a_compiled_step_sees_a_new_estimate():
    w = gd.tensor([1.0], requires_grad=True)
    rule = StochasticDiagonalLevenbergMarquardt([w], lr=1.0, mu=1.0)
    rule.set_curvature([gd.tensor([0.0])])

    @gd.compile
    def step():
        rule.zero_grad()
        w.sum().backward()
        rule.step()

    step()
    assert w.item() == 0.0
    rule.set_curvature([gd.tensor([3.0])])
    step()
    assert w.item() == -0.25


def test_refusals_say_what_is_wrong():
    w = gd.tensor([1.0], requires_grad=True)
    with pytest.raises(gd.ArgumentError, match=r"mu is -1: it has to be 0 or more"):
        StochasticDiagonalLevenbergMarquardt([w], mu=-1)
    with pytest.raises(gd.ShapeError, match=r"curvature has shape \[2\], the outputs \[1\]"):
        diagonal_curvature(w * 2, gd.ones(2), [w])
    with pytest.raises(gd.GradientError, match="second derivatives travel alone"):
        diagonal_curvature(w.cumsum(0), gd.ones(1), [w])
