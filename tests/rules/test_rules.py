"""Neurons and learning rules: truth tables, convergence, and what never converges."""

import math

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.rules import AND, NOT, OR, XOR, DeltaRule, McCullochPitts, Perceptron, find_gate

CORNERS = gd.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])


def test_gates_have_their_truth_tables():
    assert AND(CORNERS).tolist() == [0, 0, 0, 1]
    assert OR(CORNERS).tolist() == [0, 1, 1, 1]
    assert NOT(gd.tensor([[0], [1]])).tolist() == [1, 0]
    assert XOR(CORNERS).tolist() == [0, 1, 1, 0]


def test_one_neuron_computes_14_of_the_16_gates():
    """All but XOR and its opposite."""
    tables = [[number >> place & 1 for place in range(4)] for number in range(16)]
    assert [table for table in tables if find_gate(table) is None] == [[0, 1, 1, 0], [1, 0, 0, 1]]
    (first, second), threshold = find_gate([0, 0, 1, 0])
    assert [int(first * a + second * b >= threshold) for a, b in CORNERS.tolist()] == [0, 0, 1, 0]


def test_inhibition_is_absolute():
    neuron = McCullochPitts(2, threshold=1, inhibitory=1)
    assert neuron(gd.tensor([[1, 1, 0], [1, 1, 1]])).tolist() == [1, 0]


def test_a_neuron_of_all_or_none_refuses_halves():
    with pytest.raises(ArgumentError, match="zeros and ones"):
        AND(gd.tensor([[0.5, 1.0]]))
    with pytest.raises(ShapeError, match="has 2 inputs"):
        AND(gd.tensor([[1, 0, 1]]))


def test_rosenblatts_rule_step_by_step():
    """AND by hand: the first two epochs' updates, from zeros, α = 1."""
    perceptron = Perceptron(2).fit(CORNERS, [0, 0, 0, 1])
    found = [(u.epoch, u.case, u.weight.tolist(), u.bias) for u in perceptron.updates[:3]]
    assert found == [(1, 4, [1, 1], 1), (2, 1, [1, 1], 0), (2, 2, [1, 0], -1)]
    assert perceptron.converged
    assert perceptron(CORNERS).tolist() == [0, 0, 0, 1]


def test_the_perceptron_converges_within_novikoffs_bound():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(80, 3))
    direction = np.array([1.0, -2.0, 0.5, 0.3])
    direction /= np.linalg.norm(direction)
    extended = np.c_[x, np.ones(80)]
    keep = np.abs(extended @ direction) > 0.1
    x, extended = x[keep], extended[keep]
    perceptron = Perceptron(3).fit(x, extended @ direction > 0, epochs=10_000)
    radius = np.linalg.norm(extended, axis=1).max()
    margin = np.abs(extended @ direction).min()
    assert perceptron.converged and len(perceptron.updates) <= (radius / margin) ** 2


def test_the_perceptron_says_that_xor_does_not_converge():
    with pytest.warns(UserWarning, match="did not converge in 50 epochs.*XOR"):
        perceptron = Perceptron(2).fit(CORNERS, [0, 1, 1, 0], epochs=50)
    assert perceptron.converged is False


def test_data_with_one_class_is_refused():
    with pytest.raises(DataError, match="both 0 and 1"):
        Perceptron(2).fit(CORNERS, [1, 1, 1, 1])


def test_the_delta_rule_comes_to_least_squares():
    x = np.random.default_rng(0).normal(size=(40, 2))
    y = x @ [2.0, -1.0] + 0.5
    neuron = DeltaRule(2, 0.05).fit(x, y, epochs=200)
    assert np.allclose([*neuron.weight.tolist(), neuron.bias.item()], [2, -1, 0.5], atol=1e-6)
    assert neuron.losses[-1] < 1e-9 and not neuron.diverged


def test_a_delta_rule_that_diverges_says_so():
    neuron = DeltaRule(1, learning_rate=100).fit([[1.0], [2.0]], [1.0, 2.0], epochs=500)
    assert neuron.diverged and neuron.losses[-1] == math.inf


def test_the_delta_rule_needs_cases():
    with pytest.raises(DataError, match="no cases to learn from"):
        DeltaRule(2).fit(np.zeros((0, 2)), [])
