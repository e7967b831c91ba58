"""Learning-rate schedulers against PyTorch's: every rate equal to the last bit."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch

import gradatim as gd

# PyTorch warns of schedulers that others step, and so do we.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")


def error_of(call):
    with pytest.raises(Exception) as caught:
        call()
    return caught.value


class Warm:
    """A schedule function that is an object: its attributes go into checkpoints."""

    def __init__(self, pace):
        self.pace = pace

    def __call__(self, step):
        return min(1.0, (step + 1) / self.pace)


SCHEDULERS = {
    "StepLR rising": lambda s, o: s.StepLR(o, 4, gamma=1.5),
    "MultiStepLR none": lambda s, o: s.MultiStepLR(o, []),
    "MultiStepLR unsorted": lambda s, o: s.MultiStepLR(o, [20, 5], gamma=0.1),
    "ConstantLR short": lambda s, o: s.ConstantLR(o, factor=0.5, total_iters=1),
    "ConstantLR defaults": lambda s, o: s.ConstantLR(o),
    "LinearLR defaults": lambda s, o: s.LinearLR(o),
    "ExponentialLR rising": lambda s, o: s.ExponentialLR(o, 1.01),
    "ExponentialLR still": lambda s, o: s.ExponentialLR(o, 1.0),
    "PolynomialLR defaults": lambda s, o: s.PolynomialLR(o),
    "PolynomialLR root": lambda s, o: s.PolynomialLR(o, total_iters=12, power=0.5),
    "CosineAnnealingLR short": lambda s, o: s.CosineAnnealingLR(o, T_max=3),
    "WarmRestarts fast": lambda s, o: s.CosineAnnealingWarmRestarts(o, 1, 3),
    "LambdaLR object": lambda s, o: s.LambdaLR(o, Warm(7)),
    "MultiplicativeLR object": lambda s, o: s.MultiplicativeLR(o, Warm(20)),
    "ChainedScheduler three": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.5, 4), s.ExponentialLR(o, 0.95), s.StepLR(o, 6, 0.5)]
    ),
    "StepLR": lambda s, o: s.StepLR(o, 7, gamma=0.3),
    "StepLR every": lambda s, o: s.StepLR(o, 1, gamma=0.9),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 10, 10, 30], gamma=0.7),
    "ConstantLR": lambda s, o: s.ConstantLR(o, factor=0.3, total_iters=9),
    "LinearLR": lambda s, o: s.LinearLR(o, start_factor=0.1, total_iters=13),
    "LinearLR down": lambda s, o: s.LinearLR(o, 1.0, 0.05, total_iters=40),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.93),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, total_iters=30, power=1.7),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, T_max=50),
    "CosineAnnealingLR periods": lambda s, o: s.CosineAnnealingLR(o, T_max=8, eta_min=0.003),
    "WarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 7),
    "WarmRestarts growing": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, eta_min=0.01),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda step: 0.95**step),
    "LambdaLR groups": lambda s, o: s.LambdaLR(o, [Warm(5), lambda step: 1 / (1 + step)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda step: 0.95),
    "MultiplicativeLR groups": lambda s, o: s.MultiplicativeLR(o, [lambda _: 0.9, Warm(30)]),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=6),
    "CyclicLR triangular2": lambda s, o: s.CyclicLR(
        o, [0.01, 0.02], [0.1, 0.3], 4, 9, mode="triangular2"
    ),
    "CyclicLR exp_range": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 5, mode="exp_range", gamma=0.97, base_momentum=0.5, max_momentum=0.99
    ),
    "CyclicLR scale_fn": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 5, scale_fn=Warm(3), scale_mode="iterations", cycle_momentum=False
    ),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=51),
    "OneCycleLR linear": lambda s, o: s.OneCycleLR(
        o, [0.5, 0.1], epochs=6, steps_per_epoch=9, anneal_strategy="linear", pct_start=0.4
    ),
    "OneCycleLR three phases": lambda s, o: s.OneCycleLR(
        o, 0.5, total_steps=60, three_phase=True, base_momentum=[0.7, 0.8], div_factor=7.0
    ),
    "OneCycleLR fixed momentum": lambda s, o: s.OneCycleLR(
        o, 0.5, total_steps=51, cycle_momentum=False, final_div_factor=10.0
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o,
        [
            s.LinearLR(o, 0.2, total_iters=5),
            s.CosineAnnealingLR(o, 20),
            s.ExponentialLR(o, 0.9),
        ],
        milestones=[5, 25],
    ),
    "SequentialLR constant": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, total_iters=4), s.StepLR(o, 5)], milestones=[10]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, total_iters=20), s.ExponentialLR(o, 0.9)], optimizer=o
    ),
    "ChainedScheduler cosine": lambda s, o: s.ChainedScheduler(
        [s.LinearLR(o, 0.5, total_iters=9), s.CosineAnnealingLR(o, 30, eta_min=1e-3)]
    ),
    "SequentialLR of chains": lambda s, o: s.SequentialLR(
        o,
        [
            s.ChainedScheduler([s.LinearLR(o, 0.2, total_iters=5), s.StepLR(o, 3)]),
            s.PolynomialLR(o, 30),
        ],
        milestones=[12],
    ),
}

OPTIMIZERS_TO_SCHEDULE = {
    "SGD": lambda library, groups: library.optim.SGD(groups, lr=0.1, momentum=0.9),
    "Adam": lambda library, groups: library.optim.Adam(groups, lr=0.1),
}


def scheduled(library, optimizer, make):
    groups = [
        {"params": [library.zeros(1, requires_grad=True)]},
        {"params": [library.zeros(1, requires_grad=True)], "lr": 0.037},
    ]
    optimizer = OPTIMIZERS_TO_SCHEDULE[optimizer](library, groups)
    return optimizer, make(library.optim.lr_scheduler, optimizer)


def options_of(optimizer):
    return [
        {name: value for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]


def plain(value):
    """A scheduler's checkpoint without functions of the two libraries."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("optimizer", OPTIMIZERS_TO_SCHEDULE)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_fifty_rates_equal_to_the_last_bit(name, optimizer):
    our_optimizer, ours = scheduled(gd, optimizer, SCHEDULERS[name])
    their_optimizer, theirs = scheduled(torch, optimizer, SCHEDULERS[name])
    for _ in range(50):
        assert options_of(our_optimizer) == options_of(their_optimizer)
        assert ours.get_last_lr() == theirs.get_last_lr()
        assert ours.last_epoch == theirs.last_epoch if hasattr(theirs, "last_epoch") else True
        assert plain(ours.state_dict()) == plain(theirs.state_dict())
        for stepped in (our_optimizer, ours, their_optimizer, theirs):
            stepped.step()


@pytest.mark.parametrize("name", SCHEDULERS)
def test_scheduler_checkpoints_load_both_ways(name):
    runs = {library: scheduled(library, "SGD", SCHEDULERS[name]) for library in (gd, torch)}
    for _ in range(11):
        for optimizer, scheduler in runs.values():
            optimizer.step()
            scheduler.step()
    for library, other in ((gd, torch), (torch, gd)):
        source_optimizer, source = runs[other]
        optimizer, scheduler = scheduled(library, "SGD", SCHEDULERS[name])
        scheduler.load_state_dict(copy.deepcopy(source.state_dict()))
        optimizer.load_state_dict(copy.deepcopy(source_optimizer.state_dict()))
        expected_optimizer, expected = runs[library]
        expected_optimizer, expected = copy.deepcopy((expected_optimizer, expected))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a copied optimizer has not counted its steps
            for _ in range(20):
                for stepped in (optimizer, scheduler, expected_optimizer, expected):
                    stepped.step()
                assert options_of(optimizer) == options_of(expected_optimizer)


PLATEAUS = {
    "defaults": dict(patience=2),
    "max": dict(mode="max", patience=1, factor=0.5),
    "abs": dict(threshold_mode="abs", threshold=0.05, patience=0, cooldown=3),
    "max abs": dict(mode="max", threshold_mode="abs", threshold=0.05, patience=1),
    "floor": dict(factor=0.1, patience=0, min_lr=[1e-3, 1e-2], eps=1e-3),
}


@pytest.mark.parametrize("options", PLATEAUS.values(), ids=PLATEAUS)
def test_plateaus(options):
    make = lambda s, o: s.ReduceLROnPlateau(o, **options)  # noqa: E731
    our_optimizer, ours = scheduled(gd, "SGD", make)
    their_optimizer, theirs = scheduled(torch, "SGD", make)
    losses = np.random.default_rng(1).normal(size=60) + np.linspace(3, 0, 60)
    for loss in losses:
        ours.step(gd.tensor(loss))
        theirs.step(torch.tensor(loss))
        assert options_of(our_optimizer) == options_of(their_optimizer)
        assert plain(ours.state_dict()) == plain(theirs.state_dict())


CLOSED_FORMS = [
    name
    for name in SCHEDULERS
    if not name.startswith(("Sequential", "Chained", "WarmRestarts", "CyclicLR", "OneCycle"))
]


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.filterwarnings("ignore")
def test_jumping_to_an_epoch(name):
    our_optimizer, ours = scheduled(gd, "SGD", SCHEDULERS[name])
    their_optimizer, theirs = scheduled(torch, "SGD", SCHEDULERS[name])
    for epoch in (3, 17, 8, None, 40):
        ours.step(epoch)
        theirs.step(epoch)
        assert options_of(our_optimizer) == options_of(their_optimizer)


def test_warm_restarts_by_fractions_of_an_epoch():
    make = lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2)  # noqa: E731
    our_optimizer, ours = scheduled(gd, "SGD", make)
    their_optimizer, theirs = scheduled(torch, "SGD", make)
    for batch in range(50):
        ours.step(batch / 4)
        theirs.step(batch / 4)
        assert options_of(our_optimizer) == options_of(their_optimizer)


@pytest.mark.parametrize("name", ["StepLR every", "CosineAnnealingLR", "LinearLR", "LambdaLR"])
def test_starting_from_a_last_epoch(name):
    factories = {
        "StepLR every": lambda s, o: s.StepLR(o, 1, 0.9, last_epoch=4),
        "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 30, last_epoch=4),
        "LinearLR": lambda s, o: s.LinearLR(o, total_iters=9, last_epoch=4),
        "LambdaLR": lambda s, o: s.LambdaLR(o, lambda step: 0.9**step, last_epoch=4),
    }
    rates = []
    for library in (gd, torch):
        optimizer, _ = scheduled(library, "SGD", lambda s, o: None)
        error = error_of(lambda: factories[name](library.optim.lr_scheduler, optimizer))  # noqa: B023
        assert isinstance(error, KeyError)
        for group in optimizer.param_groups:
            group["initial_lr"] = 0.5
        scheduler = factories[name](library.optim.lr_scheduler, optimizer)
        rates.append([])
        for _ in range(10):
            rates[-1] += scheduler.get_last_lr()
            optimizer.step()
            scheduler.step()
    assert rates[0] == rates[1]


@pytest.mark.parametrize("name", ["StepLR", "CosineAnnealingLR", "LinearLR", "OneCycleLR"])
def test_a_tensor_learning_rate_is_set_in_place(name):
    rates = []
    for library in (gd, torch):
        lr = library.tensor(0.5, dtype=library.float64)
        optimizer = library.optim.SGD([library.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)
        scheduler = SCHEDULERS[name](library.optim.lr_scheduler, optimizer)
        rates.append([])
        for _ in range(12):
            rates[-1].append(float(lr))
            optimizer.step()
            scheduler.step()
        assert optimizer.param_groups[0]["lr"] is lr
    assert rates[0] == rates[1]


BAD_SCHEDULES = [
    lambda s, o: s.StepLR(3, 1),
    lambda s, o: s.ConstantLR(o, factor=2),
    lambda s, o: s.LinearLR(o, start_factor=0),
    lambda s, o: s.LinearLR(o, end_factor=-1),
    lambda s, o: s.LambdaLR(o, [lambda step: 1.0]),
    lambda s, o: s.MultiplicativeLR(o, [lambda step: 1.0]),
    lambda s, o: s.MultiplicativeLR(o, 3),
    lambda s, o: s.SequentialLR(o, [], []),
    lambda s, o: s.SequentialLR(o, [s.ExponentialLR(o, 0.9)], [3]),
    lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    lambda s, o: s.SequentialLR(o, [3], []),
    lambda s, o: s.ChainedScheduler([]),
    lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]),
    lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    lambda s, o: s.ReduceLROnPlateau(o, mode="best"),
    lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="best"),
    lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
    lambda s, o: s.CyclicLR(o, 0.1, [0.2]),
    lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="square"),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, 1, 0),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, 1, 1, "low"),
    lambda s, o: s.OneCycleLR(o, 0.1),
    lambda s, o: s.OneCycleLR(o, 0.1, total_steps=0),
    lambda s, o: s.OneCycleLR(o, 0.1, epochs=2, steps_per_epoch=-1),
    lambda s, o: s.OneCycleLR(o, 0.1, total_steps=9, pct_start=2.0),
    lambda s, o: s.OneCycleLR(o, 0.1, total_steps=9, anneal_strategy="sine"),
    lambda s, o: s.LRScheduler(o),
]


@pytest.mark.parametrize("make", BAD_SCHEDULES)
def test_bad_schedules_raise_the_same(make):
    theirs = error_of(lambda: scheduled(torch, "SGD", make))
    ours = error_of(lambda: scheduled(gd, "SGD", make))
    assert isinstance(ours, type(theirs))
    assert str(ours).split()[:1] == str(theirs).split()[:1] or make is BAD_SCHEDULES[-1]


def test_one_cycle_too_long():
    errors = []
    for library in (gd, torch):
        optimizer, scheduler = scheduled(
            library, "SGD", lambda s, o: s.OneCycleLR(o, 0.1, total_steps=3)
        )
        optimizer.step()
        for _ in range(3):
            scheduler.step()
        errors.append(error_of(scheduler.step))
    assert str(errors[0]) == str(errors[1]) and isinstance(errors[0], ValueError)


def test_the_same_warnings():
    texts = []
    for library in (gd, torch):
        _, scheduler = scheduled(library, "SGD", SCHEDULERS["StepLR"])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scheduler.step()  # before optimizer.step()
            scheduler.step()
            scheduler.step(7)
            scheduler.get_lr()
        if library is gd:  # they name the line of the user
            assert all(warning.filename == __file__ for warning in caught)
        texts.append([str(warning.message)[:100] for warning in caught])
    assert texts[0] == texts[1] and len(texts[0]) == 3
