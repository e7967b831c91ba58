"""Optimizers against PyTorch's, on the same problems, step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradatim as gd

OPTIMIZERS = [
    ("SGD", dict(lr=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9)),
    ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)),
    ("SGD", dict(lr=0.05, weight_decay=0.1, maximize=True)),
    ("Adam", dict(lr=0.1)),
    ("Adam", dict(lr=0.01, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1)),
    ("Adam", dict(lr=0.1, betas=(0.3, 0.5), amsgrad=True)),
    ("Adam", dict(lr=0.1, maximize=True, amsgrad=True, weight_decay=0.01)),
    ("Adam", dict(lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)),
    ("AdamW", dict(lr=0.1)),
    ("AdamW", dict(lr=0.05, betas=(0.0, 0.99), weight_decay=0.3)),
    ("AdamW", dict(lr=0.1, amsgrad=True, maximize=True)),
    ("AdamW", dict(lr=0.1, weight_decay=0.0)),
    ("RMSprop", dict(lr=0.05)),
    ("RMSprop", dict(lr=0.05, alpha=0.5, momentum=0.8, weight_decay=0.1)),
    ("RMSprop", dict(lr=0.05, centered=True, momentum=0.5, eps=1e-4, maximize=True)),
    ("Adagrad", dict(lr=0.5)),
    ("Adagrad", dict(lr=0.5, lr_decay=0.1, initial_accumulator_value=0.2, weight_decay=0.1)),
    ("Adagrad", dict(lr=0.5, eps=0.01, maximize=True)),
    ("Adadelta", dict()),
    ("Adadelta", dict(lr=0.5, rho=0.5, eps=1e-2, weight_decay=0.1)),
    ("Adadelta", dict(rho=0.95, maximize=True)),
    ("Adamax", dict(lr=0.1)),
    ("Adamax", dict(lr=0.1, betas=(0.5, 0.6), weight_decay=0.1)),
    ("Adamax", dict(lr=0.1, eps=0.01, maximize=True)),
    ("NAdam", dict(lr=0.1)),
    ("NAdam", dict(lr=0.1, betas=(0.7, 0.8), momentum_decay=0.1, weight_decay=0.1)),
    ("NAdam", dict(lr=0.1, decoupled_weight_decay=True, weight_decay=0.1, maximize=True)),
    ("RAdam", dict(lr=0.1)),
    ("RAdam", dict(lr=0.1, betas=(0.7, 0.8), weight_decay=0.1)),
    ("RAdam", dict(lr=0.1, decoupled_weight_decay=True, weight_decay=0.1, maximize=True)),
    ("Rprop", dict(lr=0.1)),
    ("Rprop", dict(lr=0.2, etas=(0.3, 1.7), step_sizes=(0.1, 0.3))),
    ("Rprop", dict(lr=0.1, maximize=True)),
    ("ASGD", dict(lr=0.1)),
    ("ASGD", dict(lr=0.1, lambd=0.1, alpha=0.5, t0=3, weight_decay=0.1)),
    ("ASGD", dict(lr=0.1, t0=1, maximize=True)),
    ("Adafactor", dict()),
    ("Adafactor", dict(lr=0.5, beta2_decay=-0.3, eps=(1e-3, 0.1), d=2.0, weight_decay=0.1)),
    ("Adafactor", dict(lr=0.3, maximize=True)),
]
IDS = [f"{name}-{'-'.join(options) or 'defaults'}" for name, options in OPTIMIZERS]
DTYPES = ["float32", "float64"]

# float64: sums in another order differ in the last bits, and steps amplify that a little.
# float32: the same; an optimizer that divides by a gradient's size doubles a relative error there.
TOLERANCE = {"float32": dict(rtol=2e-5, atol=2e-6), "float64": dict(rtol=1e-12, atol=1e-12)}

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 5)), rng.normal(size=(20, 3))
W, B = rng.normal(size=(5, 3)), rng.normal(size=3)


def to_numpy(value):
    if isinstance(value, (torch.Tensor, gd.Tensor)):
        return value.detach().numpy().copy()
    return value


def across(value, library):
    """`value` (nested dicts, lists) with every tensor made anew in `library`."""
    if isinstance(value, dict):
        return {key: across(item, library) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(across(item, library) for item in value)
    if isinstance(value, (torch.Tensor, gd.Tensor)):
        return library.tensor(to_numpy(value))
    return value


class Regression:
    """A linear regression and an optimizer for it, in one of the two libraries."""

    def __init__(self, library, name, options, dtype="float64"):
        make = lambda array: library.tensor(array, dtype=getattr(library, dtype))  # noqa: E731
        self.x, self.y = make(X), make(Y)
        self.w, self.b = make(W).requires_grad_(), make(B).requires_grad_()
        groups = [{"params": [self.w]}, {"params": [self.b], "lr": 0.02}]
        extra = {"foreach": False} if library is torch else {}
        self.optimizer = getattr(library.optim, name)(groups, **options, **extra)

    def step(self):
        self.optimizer.zero_grad()
        loss = ((self.x @ self.w + self.b - self.y) ** 2).mean()
        loss.backward()
        self.optimizer.step()


def assert_equal_state(ours, theirs, dtype="float64", resumed=False):
    """Equal parameters, and checkpoints equal in layout and values.

    PyTorch keeps NAdam's and ASGD's numbers (`mu_product`, `eta`, `mu`) in float32, but once they
    come from a checkpoint in the dtype of the parameter, so that its resumed run differs from an
    uninterrupted one by float32's rounding.
    """
    tolerance = TOLERANCE[dtype]
    if resumed and isinstance(theirs.optimizer, (torch.optim.NAdam, torch.optim.ASGD)):
        tolerance = dict(rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(to_numpy(ours.w), to_numpy(theirs.w), **tolerance)
    np.testing.assert_allclose(to_numpy(ours.b), to_numpy(theirs.b), **tolerance)
    state, expected = ours.optimizer.state_dict(), theirs.optimizer.state_dict()
    assert list(state["state"]) == list(expected["state"])
    for index, entry in state["state"].items():
        assert list(entry) == list(expected["state"][index])
        for key, value in entry.items():
            twin = expected["state"][index][key]
            assert value.shape == twin.shape
            assert str(value.dtype) == str(twin.dtype) or resumed, key
            np.testing.assert_allclose(to_numpy(value), to_numpy(twin), err_msg=key, **tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=IDS)
def test_ten_steps(name, options, dtype):
    ours = Regression(gd, name, options, dtype)
    theirs = Regression(torch, name, options, dtype)
    assert_equal_state(ours, theirs, dtype)
    for _ in range(10):
        ours.step()
        theirs.step()
        assert_equal_state(ours, theirs, dtype)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=IDS)
def test_fifty_steps(name, options):
    ours, theirs = Regression(gd, name, options), Regression(torch, name, options)
    for _ in range(25 if options.get("alpha") == 0.5 else 50):  # that one doubles errors each step
        ours.step()
        theirs.step()
    # Rules that forget fast divide a gradient near 0 by its size, and so multiply errors in its
    # last bits: 5e-10 is the most that was seen.
    np.testing.assert_allclose(to_numpy(ours.w), to_numpy(theirs.w), rtol=2e-9, atol=2e-9)
    np.testing.assert_allclose(to_numpy(ours.b), to_numpy(theirs.b), rtol=2e-9, atol=2e-9)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=IDS)
def test_checkpoints_load_both_ways(name, options):
    one, other = Regression(gd, name, options), Regression(torch, name, options)
    for _ in range(3):
        one.step()
        other.step()
    ours, theirs = Regression(gd, name, options), Regression(torch, name, options)
    ours.optimizer.load_state_dict(other.optimizer.state_dict())  # PyTorch's own tensors
    theirs.optimizer.load_state_dict(across(one.optimizer.state_dict(), torch))
    for _ in range(3):
        ours.step()
        theirs.step()
        assert_equal_state(ours, theirs, resumed=True)


@pytest.mark.parametrize("name", sorted({name for name, _ in OPTIMIZERS}))
def test_groups_and_repr(name):
    ours = getattr(gd.optim, name)([gd.zeros(2, requires_grad=True)])
    theirs = getattr(torch.optim, name)([torch.zeros(2, requires_grad=True)])
    assert repr(ours) == repr(theirs)
    assert ours.state_dict()["param_groups"] == theirs.state_dict()["param_groups"]
    assert list(ours.defaults) == list(theirs.defaults)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "NAdam", "Rprop", "ASGD"])
def test_a_tensor_learning_rate(name):
    ours = Regression(gd, name, dict(lr=gd.tensor(0.25, dtype=gd.float64)))
    theirs = Regression(torch, name, dict(lr=torch.tensor(0.25, dtype=torch.float64)))
    for _ in range(3):
        ours.step()
        theirs.step()
        assert_equal_state(ours, theirs)


@pytest.mark.parametrize(("name", "options"), [("SGD", dict(weight_decay=0.3)), ("Adam", {})])
def test_a_parameter_that_is_there_twice_is_updated_twice(name, options):
    results = []
    for library in (gd, torch):
        w = library.tensor([1.0, 2.0], requires_grad=True)
        with pytest.warns(UserWarning, match="duplicate parameters"):
            optimizer = getattr(library.optim, name)([w, w], lr=0.1, **options)
        for _ in range(3):
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()
        results.append(to_numpy(w))
    np.testing.assert_allclose(*results, rtol=1e-6)


def test_parameters_without_a_gradient_are_left_alone_and_catch_up_later():
    results = []
    for library in (gd, torch):
        w = library.tensor([1.0, 2.0], dtype=library.float64, requires_grad=True)
        b = library.tensor([3.0], dtype=library.float64, requires_grad=True)
        optimizer = library.optim.Adam([w, b], lr=0.1)
        for loss in (lambda w, b: w * w, lambda w, b: w * b, lambda w, b: b**3):
            optimizer.zero_grad()
            loss(w, b).sum().backward()
            optimizer.step()
        steps = [float(entry["step"]) for entry in optimizer.state_dict()["state"].values()]
        results.append((to_numpy(w), to_numpy(b), steps))
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


BAD_OPTIONS = [
    ("SGD", dict(lr=-0.1)),
    ("SGD", dict(lr=0.1, momentum=-1)),
    ("SGD", dict(lr=0.1, weight_decay=-1)),
    ("SGD", dict(lr=0.1, nesterov=True)),
    ("SGD", dict(lr=0.1, nesterov=True, momentum=0.9, dampening=0.1)),
    ("Adam", dict(lr=-1.0)),
    ("Adam", dict(eps=-1.0)),
    ("Adam", dict(betas=(1.0, 0.9))),
    ("Adam", dict(betas=(0.9, -0.1))),
    ("Adam", dict(weight_decay=-1.0)),
    ("Adam", dict(lr="fast")),
    ("AdamW", dict(lr=float("nan"))),
    ("RMSprop", dict(alpha=-1.0)),
    ("RMSprop", dict(momentum=-1.0)),
    ("Adagrad", dict(lr_decay=-1.0)),
    ("Adagrad", dict(initial_accumulator_value=-1.0)),
    ("Adadelta", dict(rho=1.5)),
    ("Adamax", dict(betas=(0.9, 1.0))),
    ("NAdam", dict(momentum_decay=-1.0)),
    ("RAdam", dict(eps=-1.0)),
    ("Rprop", dict(etas=(1.5, 1.2))),
    ("ASGD", dict(weight_decay=-1.0)),
    ("Adafactor", dict(lr=-1.0)),
    ("Adafactor", dict(beta2_decay=0.5)),
    ("Adafactor", dict(eps=(-1.0, 1e-3))),
    ("Adafactor", dict(eps=(None, -1.0))),
    ("Adafactor", dict(d=0.5)),
    ("Adafactor", dict(weight_decay=-0.1)),
    ("LBFGS", dict(lr=-1.0)),
    ("Muon", dict(lr=-1.0)),
]


def error_of(call):
    with pytest.raises(Exception) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(("name", "options"), BAD_OPTIONS)
def test_bad_options_raise_the_same(name, options):
    theirs = error_of(lambda: getattr(torch.optim, name)([torch.zeros(1)], **options))
    ours = error_of(lambda: getattr(gd.optim, name)([gd.zeros(1)], **options))
    assert isinstance(ours, type(theirs)) and isinstance(ours, gd.Error)
    if isinstance(theirs, ValueError):
        assert str(ours).startswith(str(theirs))


BAD_PARAMETERS = [
    lambda library: library.optim.SGD([]),
    lambda library: library.optim.SGD(library.zeros(2)),
    lambda library: library.optim.SGD([1.0]),
    lambda library: library.optim.SGD({library.zeros(1), library.zeros(1)}) and None,
    lambda library: library.optim.SGD([{"params": {library.zeros(1)}}]),
    lambda library: library.optim.SGD([library.zeros(1, requires_grad=True) * 2]),
    lambda library: library.optim.SGD([{"lr": 1.0}]),
    lambda library: library.optim.SGD([("w", library.zeros(1)), library.zeros(1)]),
    lambda library: library.optim.SGD([library.zeros(1)]).add_param_group([library.zeros(1)]),
    lambda library: library.optim.SGD([w := library.zeros(1)]).add_param_group({"params": w}),
    lambda library: library.optim.SGD([("w", library.zeros(1))]).add_param_group(
        {"params": library.zeros(1)}
    ),
    lambda library: library.optim.SGD([library.zeros(1)]).load_state_dict(
        library.optim.SGD([library.zeros(1), library.zeros(1)]).state_dict()
    ),
    lambda library: library.optim.SGD([library.zeros(1)]).load_state_dict(
        library.optim.SGD([{"params": library.zeros(1)}, {"params": library.zeros(1)}]).state_dict()
    ),
]


@pytest.mark.parametrize("case", BAD_PARAMETERS)
def test_bad_parameters_raise_the_same(case):
    try:
        case(torch)
    except Exception as theirs:
        ours = error_of(lambda: case(gd))
        assert isinstance(ours, type(theirs)) and isinstance(ours, gd.Error)
    else:
        case(gd)
