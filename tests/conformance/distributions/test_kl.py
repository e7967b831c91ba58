"""Divergences of every pair that PyTorch knows, and their gradients."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import gradatim as gd
from tests.conformance.distributions.test_distributions import array, make, same

PARAMETERS = {
    "Bernoulli": [{"probs": [0.2, 0.9, 0.0]}, {"probs": [0.5, 0.3, 0.7]}],
    "Beta": [
        {"concentration1": [0.5, 2.0], "concentration0": [1.5, 3.0]},
        {"concentration1": [1.5, 0.7], "concentration0": [2.5, 1.0]},
    ],
    "Binomial": [{"total_count": 5, "probs": [0.2, 0.9]}, {"total_count": 5, "probs": [0.5, 0.4]}],
    "Categorical": [{"probs": [0.2, 0.3, 0.5]}, {"probs": [0.6, 0.1, 0.3]}],
    "Cauchy": [{"loc": [0.0, 1.0], "scale": [1.0, 2.0]}, {"loc": [1.0, 1.0], "scale": [3.0, 0.5]}],
    "ContinuousBernoulli": [{"probs": [0.2, 0.5]}, {"probs": [0.7, 0.4]}],
    "Dirichlet": [{"concentration": [0.5, 2.0, 1.0]}, {"concentration": [1.5, 0.3, 2.0]}],
    "Exponential": [{"rate": [0.5, 2.0]}, {"rate": [1.5, 0.3]}],
    "Gamma": [
        {"concentration": [0.5, 3.0], "rate": [1.0, 2.0]},
        {"concentration": [1.5, 2.0], "rate": [0.5, 1.0]},
    ],
    "Geometric": [{"probs": [0.2, 0.9]}, {"probs": [0.5, 0.3]}],
    "Gumbel": [{"loc": [0.0, 1.0], "scale": [1.0, 2.0]}, {"loc": [1.0, 1.0], "scale": [3.0, 0.5]}],
    "HalfNormal": [{"scale": [0.5, 2.0]}, {"scale": [1.5, 0.3]}],
    "Laplace": [{"loc": [0.0, 1.0], "scale": [1.0, 2.0]}, {"loc": [1.0, 1.0], "scale": [3.0, 0.5]}],
    "LogNormal": [
        {"loc": [0.0, 1.0], "scale": [1.0, 2.0]}, {"loc": [1.0, 1.0], "scale": [3.0, 0.5]}
    ],
    "Normal": [{"loc": [0.0, 1.0], "scale": [1.0, 2.0]}, {"loc": [1.0, 1.0], "scale": [3.0, 0.5]}],
    "OneHotCategorical": [{"probs": [0.2, 0.3, 0.5]}, {"probs": [0.6, 0.1, 0.3]}],
    "Pareto": [
        {"scale": [1.0, 2.0], "alpha": [2.5, 3.0]}, {"scale": [0.5, 2.5], "alpha": [1.5, 4.0]}
    ],
    "Poisson": [{"rate": [0.5, 2.0]}, {"rate": [1.5, 0.3]}],
    "Uniform": [
        {"low": [0.25, 0.5], "high": [0.75, 0.9]}, {"low": [0.0, 0.6], "high": [2.0, 2.0]}
    ],
    "MultivariateNormal": [
        {"loc": [0.5, -1.0], "covariance_matrix": [[2.0, 0.3], [0.3, 1.0]]},
        {"loc": [0.0, 0.0], "scale_tril": [[1.0, 0.0], [0.5, 2.0]]},
    ],
    "LowRankMultivariateNormal": [
        {"loc": [0.5, -1.0], "cov_factor": [[1.0], [2.0]], "cov_diag": [0.5, 1.0]},
        {"loc": [0.0, 0.0], "cov_factor": [[1.0], [-1.0]], "cov_diag": [1.5, 1.0]},
    ],
}  # fmt: skip


def pairs():
    for p in PARAMETERS:
        for q in PARAMETERS:
            a = make(torch, (p, PARAMETERS[p][0]))
            b = make(torch, (q, PARAMETERS[q][1]))
            try:
                torch.distributions.kl_divergence(a, b)
            except (NotImplementedError, RuntimeError):
                continue
            yield p, q


PAIRS = list(pairs())


@pytest.mark.parametrize("p, q", PAIRS)
def test_pair(p, q):
    cases = (p, PARAMETERS[p][0]), (q, PARAMETERS[q][1])
    found, grads = [], []
    for t in (gd, torch):
        a, b = (make(t, case, grad=True) for case in cases)
        kl = t.distributions.kl_divergence(a[0], b[0])
        found.append(kl)
        leaves = [x for _, made in (a, b) for x in made.values() if isinstance(x, t.Tensor)]
        if kl.requires_grad and bool(t.isfinite(kl.detach()).all()):
            kl.sum().backward()
        grads.append([t.zeros_like(x) if x.grad is None else x.grad for x in leaves])
    if (p, q) == ("ContinuousBernoulli", "Uniform"):
        # PyTorch says infinite for a uniform distribution that begins at 0 too.
        ours = found[0] + make(gd, cases[0]).entropy()
        np.testing.assert_allclose(array(ours), [np.log(2.0), np.inf])
        return
    same(*found)
    assert found[0].requires_grad == found[1].requires_grad
    for a, b in zip(*grads, strict=True):
        same(a, b, 1e-8)


def test_pairs_of_independent_ones():
    for t in (torch, gd):
        d = t.distributions
        p = d.Independent(d.Normal(t.zeros(2, 3), t.ones(2, 3)), 1)
        q = d.Independent(d.Normal(t.ones(2, 3), t.ones(2, 3)), 1)
        assert d.kl_divergence(p, q).tolist() == [1.5, 1.5]
        with pytest.raises(NotImplementedError):
            d.kl_divergence(p, d.Independent(d.Normal(t.ones(2, 3), t.ones(2, 3)), 2))
        with pytest.raises(NotImplementedError):
            d.kl_divergence(d.Normal(0.0, 1.0), d.Geometric(0.5))
    with pytest.raises(TypeError, match="Expected type_q to be a Distribution subclass"):
        gd.distributions.register_kl(gd.distributions.Normal, int)


def test_the_nearest_pair_is_taken():
    for t in (torch, gd):
        d = t.distributions

        class Base(d.Normal):
            pass

        class Mine(Base):
            pass

        @d.register_kl(Base, d.Normal)
        def _(p, q):
            return 1

        assert d.kl_divergence(Mine(0.0, 1.0), d.Normal(0.0, 1.0)) == 1
        assert d.kl_divergence(d.Normal(0.0, 1.0), Mine(0.0, 1.0)) == 0
