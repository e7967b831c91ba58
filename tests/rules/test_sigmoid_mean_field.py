"""Mean field bounds: against the likelihood, summed over every hidden state."""

import itertools

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.rules import SigmoidMeanField
from gradatim.rules.sigmoid_mean_field import Beliefs, check_binary


def all_states(units):
    return gd.tensor(list(itertools.product([0.0, 1.0], repeat=units)))


def likelihood(network, patterns):
    """ln P of each pattern, as the sum over all states of two hidden layers."""
    first, second = all_states(network.sizes[1]), all_states(network.sizes[2])
    low = first.repeat_interleave(len(second), 0)
    high = second.repeat(len(first), 1)
    rows = [network.log_joint(one.expand(len(low), -1), [low, high]) for one in patterns]
    return gd.stack([row.logsumexp(0) for row in rows]).detach()


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_the_bound_is_below_the_likelihood(scale):
    network = SigmoidMeanField((5, 4, 3), scale=scale, seed=1)
    patterns = all_states(5)
    exact = likelihood(network, patterns)
    assert exact.exp().sum().item() == pytest.approx(1, abs=1e-5)
    for sweeps in (0, 1, 30):
        beliefs = network.infer(patterns, sweeps=sweeps)
        assert bool((network.bound(patterns, beliefs) <= exact + 1e-5).all())


def test_the_gap_goes_to_zero_with_the_square_of_the_weights():
    patterns, gaps = all_states(5), []
    for scale in (0.1, 0.2):
        network = SigmoidMeanField((5, 4, 3), scale=scale, seed=1)
        beliefs = network.infer(patterns, sweeps=30)
        gap = likelihood(network, patterns) - network.bound(patterns, beliefs).detach()
        gaps.append(gap.mean().item())
    assert gaps[1] / gaps[0] == pytest.approx(4, rel=0.1)
    assert gaps[0] < 0.02


def test_any_beliefs_give_a_bound():
    network = SigmoidMeanField((5, 4, 3), scale=2.0, seed=2)
    patterns, draw = all_states(5), np.random.default_rng(0)
    exact = likelihood(network, patterns)
    for _ in range(20):
        mu, xi = (
            tuple(gd.tensor(draw.random((32, units)).astype("f")) for units in sizes)
            for sizes in (network.sizes[1:], network.sizes[:-1])
        )
        assert bool((network.bound(patterns, Beliefs(mu, xi)) <= exact + 1e-4).all())


def test_sweeps_find_where_the_bound_is_flat():
    """Its gradient for every μ, taken by backward(), is 0 at the fixed point of the equations."""
    network = SigmoidMeanField((6, 4, 3), scale=0.7, seed=3)
    patterns = all_states(6)
    found = network.infer(patterns, sweeps=60, step=0.3)
    mu = tuple(one.detach().requires_grad_() for one in found.mu)
    slopes = gd.autograd.grad(network.bound(patterns, Beliefs(mu, found.xi)).sum(), mu)
    assert all(float(slope.abs().max()) < 1e-3 for slope in slopes)


def test_the_second_order_is_near_the_products_where_weights_are_small():
    network = SigmoidMeanField((30, 40, 20), scale=0.1, seed=4)
    patterns = (gd.rand(50, 30, generator=gd.Generator().manual_seed(0)) < 0.5).float()
    beliefs = network.infer(patterns, sweeps=30)
    close = network.bound(patterns, beliefs, "normal") - network.bound(patterns, beliefs)
    assert close.abs().max() < 0.01


def test_samples_have_the_probabilities_of_the_network():
    network = SigmoidMeanField((3, 2, 2), scale=1.5, seed=5)
    patterns = all_states(3)
    wanted = (likelihood(network, patterns).exp().unsqueeze(1) * patterns).sum(0)
    np.testing.assert_allclose(network.sample(20_000).mean(0).numpy(), wanted.numpy(), atol=0.02)


def test_what_does_not_fit_is_said():
    with pytest.raises(ArgumentError, match="expected two layers or more"):
        SigmoidMeanField((5,))
    with pytest.raises(ShapeError, match=r"this network takes \(N, 64\)"):
        SigmoidMeanField().infer(gd.zeros(2, 3))
    with pytest.raises(DataError, match="binarize"):
        check_binary(gd.tensor([[0.5, 1.0]]))
