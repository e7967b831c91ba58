"""Draws by rejection: their distribution, and the gradient of gamma numbers."""

import math

import numpy as np
import pytest

import gradatim as gd
from gradatim.distributions.gamma_draws import slope, standard_gamma
from gradatim.random import Generator
from gradatim.random.rejection import binomial
from gradatim.random.rejection import standard_gamma as draw_gamma

COUNT = 20_000


def source(seed=0):
    return Generator().manual_seed(seed)


def assert_moments(x, mean, variance):
    """Within 5 standard errors."""
    x = np.asarray(x, np.float64)
    assert abs(x.mean() - mean) < 5 * math.sqrt(variance / x.size)
    fourth = ((x - mean) ** 4).mean()
    assert abs(x.var() - variance) < 5 * math.sqrt(max(fourth - variance**2, 0) / x.size) + 1e-12


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0, 2.5, 40.0, 1e4])
def test_gamma_numbers(alpha):
    x = draw_gamma(source(), np.full(COUNT, alpha))
    assert_moments(x, alpha, alpha)
    if alpha == 1.0:  # exponential: compare the whole distribution function
        x = np.sort(x)
        steps = np.arange(1, COUNT + 1) / COUNT
        assert np.abs(1 - np.exp(-x) - steps).max() < 1.63 / math.sqrt(COUNT)


@pytest.mark.parametrize("count, p", [(1, 0.3), (20, 0.1), (20, 0.9), (60, 0.4), (5000, 0.02)])
def test_binomial_numbers(count, p):
    x = binomial(source(), np.full(COUNT, count), p)
    assert x.min() >= 0 and x.max() <= count and np.all(x == np.floor(x))
    assert_moments(x, count * p, count * p * (1 - p))
    if count == 60:
        expected = [math.comb(60, k) * p**k * (1 - p) ** (60 - k) for k in range(61)]
        found = np.bincount(x.astype(int), minlength=61) / COUNT
        assert np.abs(np.cumsum(found) - np.cumsum(expected)).max() < 1.63 / math.sqrt(COUNT)


def test_binomial_numbers_at_the_ends():
    x = binomial(source(), np.array([0, 7, 7, 7]), np.array([0.5, 0.0, 1.0, np.nan]))
    assert x[:3].tolist() == [0, 0, 7] and np.isnan(x[3])


def test_the_same_seed_gives_the_same_numbers():
    gamma = gd.distributions.Gamma(gd.full((5,), 0.7), 1.0)
    gd.manual_seed(3)
    first = gamma.sample().tolist()
    gd.manual_seed(3)
    assert gamma.sample().tolist() == first != gamma.sample().tolist()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0, 20.0, 29.0, 31.0, 300.0])
def test_the_slope_is_that_of_the_quantile(alpha):
    """P(α + h, z + h · slope) is P(α, z), to first order: checked by central differences of the
    distribution function, which is summed here."""

    def distribution(z, a):
        """P(a, z), by its series."""
        term = total = math.exp(a * math.log(z) - z - math.lgamma(a + 1))
        for n in range(1, 2000):
            term *= z / (a + n)
            total += term
        return total

    h = 1e-4 * alpha
    for z in (alpha - 0.4 * alpha**0.5, alpha, alpha + alpha**0.5):
        z = abs(z)
        moved = float(slope(np.array([z]), np.array([alpha]))[0])
        low = distribution(z - h * moved, alpha - h)
        high = distribution(z + h * moved, alpha + h)
        density = math.exp((alpha - 1) * math.log(z) - z - math.lgamma(alpha))
        assert abs(high - low) / (2 * h * density) < 2e-6 * max(1.0, abs(moved))


def test_a_gradient_flows_to_the_concentration():
    alpha = gd.full((COUNT,), 2.5, dtype=gd.float64).requires_grad_()
    gd.manual_seed(0)
    z = standard_gamma(alpha)
    (z**2).sum().backward()
    # E[z²] = α + α²: its derivative is 1 + 2α.
    assert abs(alpha.grad.mean().item() - 6.0) < 0.15
    assert not standard_gamma(alpha.detach()).requires_grad


def test_means_of_samples_have_the_gradients_of_the_mean():
    d = gd.distributions
    for make, mean in (
        (lambda a, b: d.Beta(a, b), lambda a, b: a / (a + b)),
        (lambda a, b: d.Gamma(a, b), lambda a, b: a / b),
        (lambda a, b: d.FisherSnedecor(a + 4, b + 8), lambda a, b: (b + 8) / (b + 6)),
        (lambda a, b: d.InverseGamma(a + 4, b), lambda a, b: b / (a + 3)),
    ):
        a, b = (gd.tensor(x, dtype=gd.float64, requires_grad=True) for x in (2.0, 1.5))
        gd.manual_seed(1)
        make(a, b).rsample((40_000,)).mean().backward()
        found = [x.grad.item() for x in (a, b)]
        a, b = (gd.tensor(x, dtype=gd.float64, requires_grad=True) for x in (2.0, 1.5))
        mean(a, b).backward()
        expected = [0.0 if x.grad is None else x.grad.item() for x in (a, b)]
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_samples_have_the_moments_of_their_distribution():
    d = gd.distributions
    for distribution in (
        d.StudentT(7.0, 1.0, 2.0), d.Chi2(3.0), d.Beta(0.5, 2.0), d.FisherSnedecor(4.0, 12.0),
        d.NegativeBinomial(3.5, gd.tensor(0.4)), d.Binomial(12, gd.tensor(0.3)),
        d.Dirichlet(gd.tensor([1.0, 2.0])), d.InverseGamma(6.0, 2.0),
    ):  # fmt: skip
        gd.manual_seed(2)
        x = distribution.sample((COUNT,)).numpy()
        x = x[:, 0] if x.ndim == 2 else x
        mean, variance = distribution.mean, distribution.variance
        assert_moments(x, float(mean.flatten()[0]), float(variance.flatten()[0]))


def test_samples_of_a_tiny_shape_stay_inside():
    gd.manual_seed(0)
    assert (gd.distributions.Gamma(1e-3, 1.0).sample((1000,)) > 0).all()
    beta = gd.distributions.Beta(1e-2, 1e-2).sample((1000,))
    assert ((beta >= 0) & (beta <= 1)).all()
