"""Sparse coding: closed forms, the conditions of the optimum, and bases that are known."""

import numpy as np
import pytest

import gradatim as gd
from gradatim.rules import SparseCoding


def test_codes_satisfy_the_conditions_of_the_optimum():
    """b_j·(x - aB) is β sign(a_j) where a_j is not 0, and at most β where it is."""
    gd.manual_seed(0)
    coding = SparseCoding(8, 12, penalty=0.3, rounds=500)
    x = gd.randn(20, 8)
    a = coding.encode(x)
    slope = ((x - a @ coding.B) @ coding.B.T).numpy()
    a = a.numpy()
    assert 0.1 < (a != 0).mean() < 0.9
    np.testing.assert_allclose(slope[a != 0], 0.3 * np.sign(a[a != 0]), atol=2e-3)
    assert np.abs(slope).max() < 0.3 + 2e-3


def test_no_round_raises_the_objective():
    gd.manual_seed(0)
    x, costs = gd.randn(50, 6), []
    B = SparseCoding(6, 40).B
    for rounds in range(1, 8):
        coding = SparseCoding(6, 40, rounds=rounds)
        coding.B.copy_(B)
        costs.append(coding.objective(x, coding.encode(x)).numpy())
    assert (np.diff(costs, axis=0) <= 1e-5).all()


def test_learning_finds_the_bases_that_made_the_data():
    """Sparse sums of known bases: each is found again, up to its sign."""
    gd.manual_seed(0)
    made = gd.randn(6, 10)
    made = made / (made**2).sum(1, keepdim=True).sqrt()
    codes = gd.randn(500, 6) * (gd.rand(500, 6) < 0.25).float()
    coding = SparseCoding(10, 6, penalty=0.05, learning_rate=4.0)
    for _ in range(300):
        coding.step(codes @ made)
    alike = (coding.B @ made.T).abs().max(0).values.numpy()
    assert (alike > 0.97).all()
    assert ((coding.B**2).sum(1) <= 1 + 1e-5).all()


def test_mistakes_are_one_line():
    with pytest.raises(gd.Error, match="penalty above 0"):
        SparseCoding(3, 3, penalty=0.0)
    with pytest.raises(gd.Error, match=r"shape \(2, 4\).*take \(N, 3\)"):
        SparseCoding(3, 3).encode(gd.zeros(2, 4))
