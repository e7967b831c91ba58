"""Adaline: its rule, its sizes, and its demonstration at a tiny size."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.rules import DeltaRule
from gradatim.zoo.adaline import Adaline, least_squares

RNG = np.random.default_rng(2)
X = RNG.normal(size=(200, 3)).astype(np.float32)
D = np.where(X @ [1.0, -2.0, 0.5] + 0.3 > 0, 1, -1).astype(np.float32)


def test_the_sizes_are_counted():
    system = zoo.system("adaline")
    weights = sum(p.numel() for p in system.network().parameters())
    assert system.sizes.parameters == system.sizes.connections == weights
    assert system.sizes.operations == 2 * weights


def test_the_compiled_rule_is_the_delta_rule_case_by_case():
    """Its α is 2μ; what is left is float32 against float64."""
    ours = Adaline(3)
    ours.learn(gd.tensor(X), gd.tensor(D[:, None]), 0.01)
    known = DeltaRule(3, learning_rate=0.02).fit(X, D, epochs=1)
    np.testing.assert_allclose(ours.weight[:, 0].numpy(), known.weight.numpy(), atol=2e-6)
    assert ours.bias.item() == pytest.approx(known.bias.item(), abs=2e-6)


def test_small_decaying_steps_go_to_least_squares():
    ours = Adaline(3)
    for epoch in range(200):
        ours.learn(gd.tensor(X), gd.tensor(D[:, None]), 0.003 * (1 - epoch / 200) ** 2)
    exact = least_squares(X, D[:, None], X)
    found = ours(gd.tensor(X)).numpy()
    assert (
        np.abs(found - exact).max() < 0.01
    )  # of sums that reach 2: cases in one order leave a trace of the last steps


def test_quantized_answers_and_errors():
    assert Adaline(2).quantized(gd.zeros(1, 2)).tolist() == [[-1.0]]
    with pytest.raises(gd.ShapeError, match=r"has 16 inputs.*\(2, 3\): expected \(N, 16\)"):
        Adaline()(gd.zeros(2, 3))
    with pytest.raises(gd.ArgumentError, match="0 Adalines of 4 inputs"):
        Adaline(4, 0)


def test_too_large_a_step_says_how_small_it_should_be():
    with pytest.raises(gd.NonFiniteError, match=r"diverged with μ = 50.*take μ below 0\.0"):
        Adaline(3).learn(gd.tensor(X), gd.tensor(D[:, None]), 50.0)


def test_the_demonstration_at_a_tiny_size():
    result = zoo.system("2").demo(zoo.Settings(scale="tiny"))
    accuracy, error = result.measures
    assert error.value < error.baseline
    assert accuracy.value > 0.6
