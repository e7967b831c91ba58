"""Transforms and constraints against torch.distributions."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import gradatim as gd
from tests.conformance.distributions.test_distributions import array, same

rng = np.random.RandomState(0)


def transforms(t):
    d = t.distributions
    two = t.tensor([0.5, 2.0], dtype=t.float64)
    return {
        "exp": (d.ExpTransform(), (3, 2)),
        "sigmoid": (d.SigmoidTransform(), (3, 2)),
        "tanh": (d.TanhTransform(), (3, 2)),
        "softplus": (d.SoftplusTransform(), (3, 2)),
        "affine": (d.AffineTransform(1.0, -2.0), (3, 2)),
        "affine, tensors": (d.AffineTransform(two, -two), (3, 2)),
        "affine, vectors": (d.AffineTransform(two, -two, event_dim=1), (3, 2)),
        "inverse": (d.ExpTransform().inv, "positive"),
        "power": (d.PowerTransform(two), "positive"),
        "abs": (d.AbsTransform(), (3, 2)),
        "composed": (
            d.ComposeTransform([d.AffineTransform(1.0, two), d.SigmoidTransform()]), (3, 2)
        ),
        "composed, vectors": (
            d.ComposeTransform([d.ExpTransform(), d.ReshapeTransform((4,), (2, 2))]), (3, 4)
        ),
        "independent": (d.IndependentTransform(d.ExpTransform(), 1), (3, 2)),
        "reshape": (d.ReshapeTransform((4,), (2, 2)), (3, 4)),
        "softmax": (d.SoftmaxTransform(), (3, 4)),
        "stick": (d.StickBreakingTransform(), (3, 4)),
        "cholesky": (d.LowerCholeskyTransform(), (2, 3, 3)),
        "correlation": (d.CorrCholeskyTransform(), (2, 6)),
        "cat": (d.CatTransform([d.ExpTransform(), d.TanhTransform()], 0, [1, 2]), (3, 2)),
        "stack": (d.StackTransform([d.ExpTransform(), d.TanhTransform()], 1), (3, 2)),
        "distribution function": (
            d.CumulativeDistributionTransform(d.Normal(two * 0, two)), (3, 2)
        ),
    }  # fmt: skip


OURS, THEIRS = transforms(gd), transforms(torch)
NO_JACOBIAN = ("abs", "softmax", "cholesky")


@pytest.mark.parametrize("name", OURS)
def test_transform(name):
    (ours, shape), (theirs, _) = OURS[name], THEIRS[name]
    x = rng.uniform(0.1, 2, (3, 2)) if shape == "positive" else rng.standard_normal(shape)
    a, b = gd.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    same(y, z)
    same(ours.inv(y), theirs.inv(z))
    if name not in NO_JACOBIAN:
        one, other = ours.log_abs_det_jacobian(a, y), theirs.log_abs_det_jacobian(b, z)
        same(one, other)
        (one.sum() + y.sum()).backward(), (other.sum() + z.sum()).backward()
        same(a.grad, b.grad, 1e-8)
    assert ours.bijective == theirs.bijective
    assert ours.domain.event_dim == theirs.domain.event_dim
    assert ours.codomain.event_dim == theirs.codomain.event_dim
    assert tuple(ours.forward_shape(a.shape)) == tuple(theirs.forward_shape(b.shape))
    assert tuple(ours.inverse_shape(y.shape)) == tuple(theirs.inverse_shape(z.shape))
    if theirs.bijective and name not in ("cat", "stack"):
        found = ours.codomain.check(y)
        assert found.tolist() == theirs.codomain.check(z).tolist()


def test_equality_and_caching():
    for t in (gd, torch):
        d = t.distributions
        assert d.ExpTransform() == d.ExpTransform() and d.ExpTransform() != d.TanhTransform()
        assert d.AffineTransform(0, 1) == d.AffineTransform(0.0, 1.0)
        assert d.ExpTransform().inv.inv == d.ExpTransform()
        cached = d.ExpTransform(cache_size=1)
        x = t.tensor(800.0)
        assert cached.inv(cached(x)) is x
        assert d.identity_transform(x) is x
        with pytest.raises(ValueError):
            d.ExpTransform(cache_size=2)


def chains(t):
    d = t.distributions
    two = t.tensor([0.5, 2.0], dtype=t.float64)
    normal, units = d.Normal(two * 0, two), d.Uniform(two * 0, two * 0 + 1)
    return [
        d.TransformedDistribution(units, [d.SigmoidTransform().inv, d.AffineTransform(1.0, two)]),
        d.TransformedDistribution(normal, [d.AffineTransform(0.0, -1.0), d.ExpTransform()]),
        d.TransformedDistribution(normal, d.StickBreakingTransform()),
        d.TransformedDistribution(
            d.Independent(normal, 1), [d.ExpTransform(), d.AffineTransform(1.0, two, event_dim=1)]
        ),
    ]


@pytest.mark.parametrize("k", range(4))
def test_transformed_distributions(k):
    ours, theirs = chains(gd)[k], chains(torch)[k]
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    for a, b in ((ours, theirs), (ours.expand((3, *ours.batch_shape)),
                                  theirs.expand((3, *theirs.batch_shape)))):  # fmt: skip
        gd.manual_seed(0), torch.manual_seed(0)
        x, y = a.rsample((4,)), b.rsample((4,))
        same(x, y)
        same(a.log_prob(x), b.log_prob(y), 1e-8)
        assert a.support.event_dim == b.support.event_dim
        if k < 2:
            same(a.cdf(x), b.cdf(y))
            p = rng.uniform(0.1, 0.9, (2,))
            same(a.icdf(gd.tensor(p)), b.icdf(torch.tensor(p)))


def test_mixtures():
    found = []
    for t in (gd, torch):
        d = t.distributions
        weights = t.tensor([[0.2, 0.8], [0.5, 0.5], [1.0, 3.0]], dtype=t.float64)
        loc = t.linspace(-1, 1, 6, dtype=t.float64).reshape(3, 2)
        numbers = d.MixtureSameFamily(d.Categorical(weights), d.Normal(loc, loc.exp()))
        vectors = d.MixtureSameFamily(
            d.Categorical(weights[0]), d.Independent(d.Normal(loc.T, loc.T.exp()), 1)
        )
        t.manual_seed(0)
        row = []
        for mixture in (numbers, vectors, numbers.expand((4, 3))):
            x = mixture.sample((5,))
            row += [x, mixture.log_prob(x), mixture.mean, mixture.variance]
        row.append(numbers.cdf(row[0]))
        found.append(row)
        with pytest.raises(ValueError):
            d.MixtureSameFamily(d.Categorical(weights), d.Normal(loc.T, 1.0))
        with pytest.raises(ValueError):
            d.MixtureSameFamily(d.Normal(0.0, 1.0), d.Normal(loc, 1.0))
    for a, b in zip(*found):
        same(a, b)


CONSTRAINTS = {
    "boolean": [0.0, 1.0, 0.5],
    "real": [0.0, float("nan"), float("inf")],
    "positive": [0.0, 1.0, -1.0],
    "nonnegative": [0.0, 1.0, -1.0],
    "positive_integer": [0.0, 1.0, 1.5],
    "nonnegative_integer": [0.0, 1.0, 1.5, -1.0],
    "unit_interval": [0.0, 1.0, 1.5, -1.0],
    "simplex": [[0.5, 0.5], [0.6, 0.5], [1.1, -0.1]],
    "one_hot": [[0.0, 1.0], [1.0, 1.0], [0.5, 0.5]],
    "real_vector": [[0.0, 1.0], [0.0, float("nan")]],
    "lower_triangular": [[[1.0, 0.0], [2.0, -1.0]], [[1.0, 2.0], [0.0, 1.0]]],
    "lower_cholesky": [[[1.0, 0.0], [2.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]],
    "corr_cholesky": [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.9]]],
    "square": [[[1.0, 0.0], [2.0, -1.0]]],
    "symmetric": [[[1.0, 0.0], [2.0, -1.0]], [[1.0, 2.0], [2.0, -1.0]]],
}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraint(name):
    found = []
    for t in (gd, torch):
        constraint = getattr(t.distributions.constraints, name)
        value = t.tensor(CONSTRAINTS[name], dtype=t.float64)
        found.append((constraint.check(value).tolist(), constraint.is_discrete,
                      constraint.event_dim, repr(constraint)))  # fmt: skip
    assert found[0] == found[1]


def test_constraints_with_arguments():
    for t in (gd, torch):
        c = t.distributions.constraints
        x = t.tensor([0.0, 1.0, 2.0, 2.5])
        assert c.interval(0, 2).check(x).tolist() == [True, True, True, False]
        assert c.half_open_interval(0, 2).check(x).tolist() == [True, True, False, False]
        assert c.integer_interval(0, 3).check(x).tolist() == [True, True, True, False]
        assert c.greater_than(1).check(x).tolist() == [False, False, True, True]
        assert c.less_than(1).check(x).tolist() == [True, False, False, False]
        assert c.multinomial(3).check(x[:3]).tolist() is True
        assert c.is_dependent(c.dependent) and not c.is_dependent(c.real)
        with pytest.raises(ValueError):
            c.dependent.check(x)


MISTAKES = {
    "scale": lambda t: t.distributions.Normal(0.0, -1.0),
    "shapes": lambda t: t.distributions.Normal(t.zeros(2), t.ones(3)),
    "a string": lambda t: t.distributions.Normal("a", 1.0),
    "low above high": lambda t: t.distributions.Uniform(1.0, 0.0),
    "both": lambda t: t.distributions.Bernoulli(0.5, logits=1.0),
    "neither": lambda t: t.distributions.Categorical(),
    "a number of categories": lambda t: t.distributions.Categorical(t.tensor(1.0)),
    "negative weights": lambda t: t.distributions.Categorical(t.tensor([-1.0, 3.0])),
    "never": lambda t: t.distributions.Geometric(0.0),
    "counts": lambda t: t.distributions.Multinomial(t.tensor([1, 2]), t.ones(2)),
    "dims": lambda t: t.distributions.Independent(t.distributions.Normal(0.0, 1.0), 1),
    "no transforms": lambda t: t.distributions.TransformedDistribution(
        t.distributions.Normal(0.0, 1.0), "exp"
    ),
    "a number of concentrations": lambda t: t.distributions.Dirichlet(t.tensor(1.0)),
    "value outside": lambda t: t.distributions.Exponential(1.0).log_prob(t.tensor(-1.0)),
    "value's shape": lambda t: t.distributions.Normal(t.zeros(2), 1.0).log_prob(t.zeros(3)),
    "no rsample": lambda t: t.distributions.Poisson(1.0).rsample(),
    "no cdf": lambda t: t.distributions.Beta(1.0, 1.0).cdf(t.tensor(0.5)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_raise_the_same_class(name):
    with pytest.raises(Exception) as theirs:
        MISTAKES[name](torch)
    with pytest.raises(Exception) as ours:
        MISTAKES[name](gd)
    assert isinstance(ours.value, type(theirs.value)), (theirs.value, ours.value)
    assert isinstance(ours.value, gd.Error)


def test_validation_can_be_turned_off():
    for t in (gd, torch):
        d = t.distributions
        assert d.Normal(0.0, -1.0, validate_args=False).scale.item() == -1.0
        d.Distribution.set_default_validate_args(False)
        try:
            d.Normal(0.0, -1.0)
        finally:
            d.Distribution.set_default_validate_args(True)
        with pytest.raises(ValueError):
            d.Normal(0.0, -1.0)


def test_in_a_compiled_step():
    found = []
    for t in (gd, torch):
        t.manual_seed(0)
        loc = t.zeros(3, dtype=t.float64, requires_grad=True)

        def step(loc=loc, t=t):
            normal = t.distributions.Normal(loc, t.ones_like(loc))
            x = normal.rsample((4,))
            (g,) = t.autograd.grad((normal.log_prob(x) + x**2).sum(), [loc])
            return g

        run = gd.compile(step) if t is gd else step
        found.append([array(run()) for _ in range(3)])
    np.testing.assert_allclose(*found, rtol=1e-10)


def regions(t):
    c = t.distributions.constraints
    return [
        c.real, c.positive, c.nonnegative, c.greater_than(2.0), c.less_than(3.0), c.unit_interval,
        c.interval(-1.0, 3.0), c.half_open_interval(0.0, 2.0), c.simplex, c.corr_cholesky,
        c.independent(c.positive, 1), c.real_vector, c.lower_cholesky,
        c.stack([c.positive, c.unit_interval], -1), c.cat([c.positive, c.real], -1, [1, 2]),
    ]  # fmt: skip


@pytest.mark.parametrize("k", range(15))
@pytest.mark.parametrize("name", ["biject_to", "transform_to"])
def test_transforms_onto_constraints(name, k):
    x = rng.standard_normal((2, 3, 3) if k == 12 else (2, 2) if k == 13 else (2, 3))
    theirs, region = getattr(torch.distributions, name), regions(torch)[k]
    ours, own = getattr(gd.distributions, name), regions(gd)[k]
    try:
        expected = theirs(region)(torch.tensor(x))
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            ours(own)
        return
    found = ours(own)(gd.tensor(x))
    same(found, expected)
    assert bool(own.check(found).all())
