"""LBFGS, Muon and averages of weights against PyTorch's, and training loops that use them."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import gradatim as gd

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(24, 5)), rng.normal(size=(24, 3))
W1, W2 = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
BOTH = (gd, torch)


def to_numpy(value):
    return value.detach().numpy().copy() if hasattr(value, "detach") else value


def across(value, library):
    """`value` with every tensor in it made anew in `library`."""
    if isinstance(value, dict):
        return {key: across(item, library) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(across(item, library) for item in value)
    return library.tensor(to_numpy(value)) if hasattr(value, "detach") else value


def assert_like(ours, theirs, tolerance, path="state"):
    """Equal trees, tensors within the tolerance."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), path
        for key in theirs:
            assert_like(ours[key], theirs[key], tolerance, f"{path}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), path
        for place, pair in enumerate(zip(ours, theirs)):
            assert_like(*pair, tolerance, f"{path}[{place}]")
    elif isinstance(theirs, torch.Tensor):
        assert isinstance(ours, gd.Tensor), (path, ours)
        assert tuple(ours.shape) == tuple(theirs.shape) and str(ours.dtype) == str(theirs.dtype)
        np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), err_msg=path, **tolerance)
    elif isinstance(theirs, float):
        assert isinstance(ours, float), (path, ours)
        np.testing.assert_allclose(ours, theirs, err_msg=path, **tolerance)
    else:
        assert type(ours) is type(theirs) and ours == theirs, path


class Network:
    """Two matrices, tanh, squared error, and an optimizer, in one of the libraries."""

    def __init__(self, library, name, options, dtype="float64"):
        make = lambda array: library.tensor(array, dtype=getattr(library, dtype))  # noqa: E731
        self.x, self.y = make(X), make(Y)
        self.params = [make(W1).requires_grad_(), make(W2).requires_grad_()]
        self.optimizer = getattr(library.optim, name)(self.params, **options)
        self.calls = 0

    def closure(self):
        self.calls += 1
        self.optimizer.zero_grad()
        loss = (((self.x @ self.params[0]).tanh() @ self.params[1] - self.y) ** 2).mean()
        loss.backward()
        return loss

    def step(self):
        return float(self.optimizer.step(self.closure).detach())


LBFGS = [
    dict(lr=0.1),
    dict(lr=0.5, max_iter=4, history_size=3),
    dict(line_search_fn="strong_wolfe", max_iter=5),
    dict(line_search_fn="strong_wolfe", lr=0.01, max_iter=3, max_eval=4),
    dict(line_search_fn="strong_wolfe", lr=30.0, max_iter=4, history_size=2),
    dict(lr=0.1, max_iter=6, tolerance_grad=1e-2, tolerance_change=1e-5),
    dict(lr=0.2, max_iter=1),
]


@pytest.mark.parametrize("options", LBFGS, ids=str)
def test_lbfgs_has_pytorch_s_numbers_state_and_calls(options):
    ours, theirs = Network(gd, "LBFGS", options), Network(torch, "LBFGS", options)
    # Sums in another order differ in the last bit, and each iteration multiplies what the one
    # before it differed by: 50 iterations keep ten digits.
    for _ in range(max(50 // options.get("max_iter", 20), 1)):
        assert ours.step() == pytest.approx(theirs.step(), rel=1e-10)
        assert ours.calls == theirs.calls
        state, expected = ours.optimizer.state_dict(), theirs.optimizer.state_dict()
        assert_like(state["state"], expected["state"], dict(rtol=1e-7, atol=1e-9))
        assert state["param_groups"] == expected["param_groups"]
    for one, other in zip(ours.params, theirs.params):
        np.testing.assert_allclose(to_numpy(one), to_numpy(other), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", LBFGS[:5], ids=str)
def test_lbfgs_checkpoints_load_both_ways(options):
    one, other = Network(gd, "LBFGS", options), Network(torch, "LBFGS", options)
    for _ in range(2):
        one.step()
        other.step()
    ours, theirs = Network(gd, "LBFGS", options), Network(torch, "LBFGS", options)
    for new, old in ((ours, other), (theirs, one)):
        for param, value in zip(new.params, old.params):
            library = gd if new is ours else torch
            with library.no_grad():
                param.copy_(library.tensor(to_numpy(value)))
    ours.optimizer.load_state_dict(across(other.optimizer.state_dict(), gd))
    theirs.optimizer.load_state_dict(across(one.optimizer.state_dict(), torch))
    for _ in range(3):
        assert ours.step() == pytest.approx(theirs.step(), rel=1e-9)


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_lbfgs_in_float32_is_as_far_from_float64_as_pytorch_s(line_search, seed):
    options = dict(lr=0.5, max_iter=5, line_search_fn=line_search)
    first = np.random.default_rng(seed).normal(size=(9, 4))
    kinds = [(gd, "float32"), (torch, "float32"), (torch, "float64")]
    networks = [Network(library, "LBFGS", options, dtype) for library, dtype in kinds]
    for network, (library, _) in zip(networks, kinds):
        for param, value in zip(network.params, (first[:5], first[5:, :3])):
            param.data.copy_(library.tensor(value))
    for _ in range(3):
        ours, theirs, exact = (network.step() for network in networks)
        assert abs(ours - exact) <= 3 * abs(theirs - exact) + 1e-6 * abs(exact)


def test_lbfgs_stops_at_a_minimum_and_takes_parameters_without_gradients():
    for library in BOTH:
        x = library.tensor([2.0, 3.0], requires_grad=True)
        unused = library.zeros(2, requires_grad=True)
        optimizer = library.optim.LBFGS([x, unused], line_search_fn="strong_wolfe")

        def closure(optimizer=optimizer, x=x):
            optimizer.zero_grad()
            loss = ((x - 1) ** 2).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        assert float(optimizer.step(closure).detach()) < 1e-12
        assert to_numpy(x) == pytest.approx(np.ones(2), abs=1e-6)
        assert to_numpy(unused).tolist() == [0, 0]


def test_rosenbrock_with_a_line_search():
    paths = []
    for library in BOTH:
        p = library.tensor([-1.5, 2.0], dtype=library.float64, requires_grad=True)
        optimizer = library.optim.LBFGS([p], line_search_fn="strong_wolfe", max_iter=4)

        def closure(optimizer=optimizer, p=p):
            optimizer.zero_grad()
            loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
            loss.backward()
            return loss

        path = []
        for _ in range(15):
            optimizer.step(closure)
            path.append(to_numpy(p))
        paths.append(np.array(path))
    np.testing.assert_allclose(paths[0][:6], paths[1][:6], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(paths[0][-1], [1, 1], atol=1e-4)


MUON = [
    dict(),
    dict(lr=0.02, momentum=0.8, nesterov=False, weight_decay=0.0, ns_steps=2),
    dict(lr=0.01, adjust_lr_fn="match_rms_adamw", ns_steps=3),
    dict(lr=0.02, ns_coefficients=(2.0, -1.5, 0.5), eps=1e-3, adjust_lr_fn="original", ns_steps=3),
]


@pytest.mark.parametrize("options", MUON, ids=str)
def test_muon(options):
    ours, theirs = Network(gd, "Muon", options), Network(torch, "Muon", options)
    for _ in range(50):
        # The update is rounded to bfloat16 (8 bits) from sums in float32: where a sum is small by
        # cancellation, its order shows, as a few times 1e-8 a step.
        assert ours.step() == pytest.approx(theirs.step(), rel=2e-6)
        state, expected = ours.optimizer.state_dict(), theirs.optimizer.state_dict()
        assert_like(state["state"], expected["state"], dict(rtol=2e-6, atol=2e-6))
        assert state["param_groups"] == expected["param_groups"]
    for one, other in zip(ours.params, theirs.params):
        np.testing.assert_allclose(to_numpy(one), to_numpy(other), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("shape", [(3, 3), (64, 20), (20, 64), (1, 7), (7, 1), (128, 96)])
def test_one_orthogonal_step_of_muon(shape):
    g = np.random.default_rng(1).normal(size=shape)
    results = []
    for library in BOTH:
        w = library.zeros(shape, dtype=library.float64, requires_grad=True)
        w.grad = library.tensor(g)
        library.optim.Muon([w], lr=1.0, weight_decay=0.0).step()
        results.append(to_numpy(w))
    # The iteration is in bfloat16 (3 digits). Few sums round to a neighbour because of their order,
    # but later iterations spread and multiply what one of them makes.
    np.testing.assert_allclose(*results, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("name", ["LBFGS", "Muon", "Adafactor"])
def test_groups_and_repr(name):
    ours = getattr(gd.optim, name)([gd.zeros(2, 2, requires_grad=True)])
    theirs = getattr(torch.optim, name)([torch.zeros(2, 2, requires_grad=True)])
    assert repr(ours) == repr(theirs)
    assert ours.state_dict() == theirs.state_dict()
    assert list(ours.defaults) == list(theirs.defaults)


BAD = [
    lambda t: t.optim.LBFGS([t.zeros(1)], lr=-1.0),
    lambda t: t.optim.LBFGS([{"params": [t.zeros(1)]}, {"params": [t.zeros(1)]}]),
    lambda t: t.optim.LBFGS([t.zeros(1)]).step(),
    lambda t: t.optim.Muon([t.zeros(1)]),
    lambda t: t.optim.Muon([t.zeros(1, 1)], lr=-1.0),
    lambda t: t.optim.Muon([t.zeros(1, 1)], momentum=-1.0),
    lambda t: t.optim.Muon([t.zeros(1, 1)], weight_decay=-1.0),
    lambda t: t.optim.Muon([t.zeros(1, 1)], adjust_lr_fn="other"),
    lambda t: t.optim.Muon([t.zeros(1, 1)], lr=t.zeros(2)),
    lambda t: t.optim.swa_utils.get_ema_avg_fn(1.5),
    lambda t: t.optim.swa_utils.get_ema_multi_avg_fn(-0.5),
    lambda t: t.optim.swa_utils.AveragedModel(t.nn.Linear(1, 1), avg_fn=max, multi_avg_fn=max),
    lambda t: t.optim.swa_utils.SWALR(t.optim.SGD([t.zeros(1)]), 0.1, anneal_strategy="none"),
    lambda t: t.optim.swa_utils.SWALR(t.optim.SGD([t.zeros(1)]), 0.1, anneal_epochs=-1),
    lambda t: t.optim.swa_utils.SWALR(t.optim.SGD([t.zeros(1)]), [0.1, 0.2]),
]


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_raise_the_same(case):
    with pytest.raises(Exception) as theirs:
        case(torch)
    with pytest.raises(type(theirs.value)) as ours:
        case(gd)
    assert isinstance(ours.value, (gd.Error, TypeError))


# --- averages -------------------------------------------------------------------------------------

AVERAGES = {
    "SWA": lambda s: {},
    "SWA by multi": lambda s: dict(multi_avg_fn=s.get_swa_multi_avg_fn()),
    "SWA by one": lambda s: dict(avg_fn=s.get_swa_avg_fn(), use_buffers=True),
    "EMA": lambda s: dict(multi_avg_fn=s.get_ema_multi_avg_fn(0.9)),
    "EMA with buffers": lambda s: dict(multi_avg_fn=s.get_ema_multi_avg_fn(0.7), use_buffers=True),
    "EMA by one": lambda s: dict(avg_fn=s.get_ema_avg_fn(0.8), use_buffers=True),
    "own": lambda s: dict(avg_fn=lambda average, weight, n: average * 0.5 + weight * 0.5),
}


class Averaged:
    """A network with batch normalization, its average, and schedulers, in one of the libraries."""

    def __init__(self, library, options):
        library.manual_seed(0)
        self.library = library
        nn, utils = library.nn, library.optim.swa_utils
        self.model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))
        self.model.double()
        self.average = utils.AveragedModel(self.model, **options(utils))
        self.optimizer = library.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.scheduler = utils.SWALR(self.optimizer, 0.02, anneal_epochs=3)
        self.x, self.y = library.tensor(X), library.tensor(Y)

    def train(self, steps):
        for _ in range(steps):
            self.optimizer.zero_grad()
            ((self.model(self.x) - self.y) ** 2).mean().backward()
            self.optimizer.step()
            self.average.update_parameters(self.model)
            self.scheduler.step()


@pytest.mark.parametrize("name", AVERAGES)
def test_averaged_models(name):
    ours, theirs = Averaged(gd, AVERAGES[name]), Averaged(torch, AVERAGES[name])
    for _ in range(3):
        ours.train(3)
        theirs.train(3)
        assert_like(
            dict(ours.average.state_dict()),
            dict(theirs.average.state_dict()),
            dict(rtol=1e-10, atol=1e-12),
        )
    batches = [(ours.x[:12], ours.y[:12]), (ours.x[12:], ours.y[12:])]
    gd.optim.swa_utils.update_bn(batches, ours.average)
    torch.optim.swa_utils.update_bn([theirs.x[:12], theirs.x[12:]], theirs.average)
    tolerance = dict(rtol=1e-10, atol=1e-12)
    assert_like(dict(ours.average.state_dict()), dict(theirs.average.state_dict()), tolerance)
    assert ours.average.module[1].momentum == 0.1 and ours.average.training
    file = io.BytesIO()
    torch.save(theirs.average.state_dict(), file)
    fresh = Averaged(gd, AVERAGES[name]).average
    assert str(fresh.load_state_dict(gd.load(file))) == "<All keys matched successfully>"
    assert_like(dict(fresh.state_dict()), dict(theirs.average.state_dict()), tolerance)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 7])
def test_swalr_has_pytorch_s_rates(strategy, epochs):
    rates = []
    for library in BOTH:
        groups = [{"params": [library.zeros(1)]}, {"params": [library.zeros(1)], "lr": 0.3}]
        optimizer = library.optim.SGD(groups, lr=0.1)
        make = lambda o, s=library.optim.swa_utils: s.SWALR(o, [0.05, 0.4], epochs, strategy)  # noqa: E731
        scheduler = make(optimizer)
        seen = []
        for step in range(12):
            optimizer.step()
            scheduler.step()
            seen.append(scheduler.get_last_lr())
            if step == 4:
                state = copy.deepcopy(scheduler.state_dict())
                scheduler = make(optimizer)
                for group, rate in zip(optimizer.param_groups, seen[-1]):
                    group["lr"] = rate
                scheduler.load_state_dict(state)
        rates.append((seen, sorted(scheduler.state_dict())))
    assert rates[0] == rates[1]
