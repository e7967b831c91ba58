"""Every distribution against torch.distributions: densities, moments, gradients, draws."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import gradatim as gd
from tests.conformance.distributions.cases import CASES, NAMES, REJECTED


def tensors(t, arguments, grad=False):
    made = {}
    for key, value in arguments.items():
        if key == "temperature":
            value = t.tensor(value, dtype=t.float64)
        elif isinstance(value, list):
            value = t.tensor(value, dtype=t.float64)
            if grad:
                value.requires_grad_()
        made[key] = value
    return made


def make(t, case, grad=False):
    """The distribution; with `grad` also its parameters, as leaves that want gradients."""
    name, arguments = case
    made = tensors(t, arguments, grad)
    found = getattr(t.distributions, name)(**made)
    return (found, made) if grad else found


def array(x):
    return x.detach().numpy()


def same(ours, theirs, rtol=1e-9, atol=1e-10):
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
    np.testing.assert_allclose(array(ours), array(theirs), rtol=rtol, atol=atol)


def tolerance(case):
    """Python numbers become float32 parameters."""
    return 1e-9 if any(isinstance(v, list) for v in case[1].values()) else 3e-6


def values_of(theirs, count=3):
    torch.manual_seed(0)
    return theirs.sample((count,))


def cases(where=lambda case: True):
    """Parametrizes by the cases for which `where` holds."""
    chosen = [pytest.param(case, id=name) for case, name in zip(CASES, NAMES) if where(case)]
    return pytest.mark.parametrize("case", chosen)


def has_tensors(case):
    """Whether a parameter is a tensor, which can have a gradient."""
    return any(isinstance(value, list) for value in case[1].values())


def has_entropy(case):
    try:
        make(torch, case).entropy()
    except NotImplementedError:
        return False
    return True


@cases()
def test_shapes_and_moments(case):
    ours, theirs = make(gd, case), make(torch, case)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert ours.has_rsample == theirs.has_rsample
    assert ours.has_enumerate_support == theirs.has_enumerate_support
    for name in ("mean", "variance", "stddev", "mode"):
        try:
            expected = getattr(theirs, name)
        except NotImplementedError:
            with pytest.raises(NotImplementedError):
                getattr(ours, name)
            continue
        if (case[0], name) == ("Kumaraswamy", "mode"):  # PyTorch's is NaN
            expected = torch.tensor([float("nan"), 0.2**0.5], dtype=torch.float64)
        same(getattr(ours, name), expected, tolerance(case))
    wide = (3, *theirs.batch_shape)
    assert tuple(ours.expand(wide).batch_shape) == wide
    assert type(ours.expand(wide)) is type(ours)
    assert repr(ours).split("(")[0] == repr(theirs).split("(")[0]


@cases()
@pytest.mark.parametrize("what", ["log_prob", "cdf", "icdf", "entropy", "enumerate_support"])
def test_functions(case, what):
    ours, theirs = make(gd, case), make(torch, case)
    arguments, own = [], []
    if what in ("log_prob", "cdf"):
        arguments = [values_of(theirs)]
    elif what == "icdf":
        arguments = [torch.linspace(0.05, 0.95, 3, dtype=torch.float64).reshape(
            -1, *[1] * len(theirs.batch_shape)
        )]  # fmt: skip
    own = [gd.from_numpy(array(x).copy()) for x in arguments]
    try:
        expected = getattr(theirs, what)(*arguments)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            getattr(ours, what)(*own)
        return
    # PyTorch takes log n! of a Multinomial in float32.
    tol = 1e-6 if case[0] == "Multinomial" and what == "entropy" else tolerance(case)
    same(getattr(ours, what)(*own), expected, tol)
    wide = (3, *theirs.batch_shape)
    if case[0] != "Multinomial":  # PyTorch's loses its parts in expand()
        expected = getattr(theirs.expand(wide), what)(*arguments)
    same(getattr(ours.expand(wide), what)(*own), expected.expand(3, *expected.shape[-1:])
         if case[0] == "Multinomial" and what == "entropy" else expected, tol)  # fmt: skip


def gradients(t, case, compute):
    name, arguments = case
    made = tensors(t, arguments, grad=True)
    out = compute(getattr(t.distributions, name)(**made))
    out.sum().backward()
    return [t.zeros_like(x) if x.grad is None else x.grad
            for x in made.values() if isinstance(x, t.Tensor)]  # fmt: skip


def assert_gradients(case, ours, theirs):
    found, expected = gradients(gd, case, ours), gradients(torch, case, theirs)
    for a, b in zip(found, expected, strict=True):
        same(a, b, 1e-8)


@cases(where=has_tensors)
def test_gradients_of_log_prob(case):
    values = values_of(make(torch, case))
    own = gd.from_numpy(array(values).copy())
    assert_gradients(case, lambda d: d.log_prob(own), lambda d: d.log_prob(values))


@cases(where=lambda case: has_tensors(case) and has_entropy(case))
def test_gradients_of_entropy(case):
    assert_gradients(case, lambda d: d.entropy(), lambda d: d.entropy())


@cases(where=lambda case: case[0] not in REJECTED)  # for those see test_draws
def test_the_same_seed_gives_the_same_numbers(case):
    ours, theirs = make(gd, case), make(torch, case)
    for shape in ((), (5,), (2, 20)):
        gd.manual_seed(7), torch.manual_seed(7)
        tol = (1e-6, 3e-7) if tolerance(case) > 1e-8 else (1e-9, 1e-10)
        same(ours.sample(shape), theirs.sample(shape), *tol)
        if theirs.has_rsample:
            same(ours.rsample(shape), theirs.rsample(shape), *tol)
        same(gd.rand(2), torch.rand(2))  # as much was taken from the stream


@cases(
    where=lambda case: (
        case[0] not in REJECTED and has_tensors(case) and make(torch, case).has_rsample
    )
)
def test_gradients_of_samples(case):
    def draw(d):
        return d.rsample((6,)) ** 2

    gd.manual_seed(7), torch.manual_seed(7)
    assert_gradients(case, draw, draw)


@cases()
def test_values_outside_are_refused(case):
    ours, theirs = make(gd, case), make(torch, case)
    bad = torch.full(tuple(theirs.batch_shape + theirs.event_shape), float("nan")).double()
    for wrong in (bad, torch.zeros(7, 5, 3).double()):
        try:
            theirs.log_prob(wrong)
        except ValueError:
            with pytest.raises(ValueError):
                ours.log_prob(gd.from_numpy(array(wrong).copy()))
        else:
            ours.log_prob(gd.from_numpy(array(wrong).copy()))
    with pytest.raises(ValueError):
        ours.log_prob(1.0)


@cases()
def test_parameters_outside_are_refused(case):
    name, arguments = case
    for key in arguments.keys() - {"temperature"}:  # which is not looked at
        wrong = dict(arguments)
        wrong[key] = float("nan") if not isinstance(wrong[key], list) else [float("nan")]
        error = NotImplementedError if (name, key) == ("Multinomial", "total_count") else ValueError
        for t in (torch, gd):
            with pytest.raises(error):
                make(t, (name, wrong))
