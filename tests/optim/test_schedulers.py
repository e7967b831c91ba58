"""Learning-rate schedules: values by hand, and what all schedulers share."""

from __future__ import annotations

import copy
import math
import pickle
import warnings

import pytest

import gradatim as gd
from gradatim.optim import lr_scheduler


@pytest.fixture
def sgd():
    return gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)


def rates(optimizer, scheduler, steps):
    """The learning rate in each of the first steps."""
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


# --- values --------------------------------------------------------------------------------------


def test_step(sgd):
    scheduler = lr_scheduler.StepLR(sgd, step_size=3, gamma=0.5)
    assert rates(sgd, scheduler, 8) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_milestones(sgd):
    scheduler = lr_scheduler.MultiStepLR(sgd, [1, 3, 3], gamma=0.5)
    assert rates(sgd, scheduler, 5) == [1, 0.5, 0.5, 0.125, 0.125]


def test_constant(sgd):
    scheduler = lr_scheduler.ConstantLR(sgd, factor=0.5, total_iters=2)
    assert rates(sgd, scheduler, 4) == [0.5, 0.5, 1, 1]


def test_linear(sgd):
    scheduler = lr_scheduler.LinearLR(sgd, start_factor=0.25, total_iters=3)
    assert rates(sgd, scheduler, 5) == [0.25, 0.5, 0.75, 1, 1]


def test_exponential(sgd):
    assert rates(sgd, lr_scheduler.ExponentialLR(sgd, 0.5), 4) == [1, 0.5, 0.25, 0.125]


def test_polynomial(sgd):
    scheduler = lr_scheduler.PolynomialLR(sgd, total_iters=4, power=2.0)
    assert rates(sgd, scheduler, 6) == pytest.approx([1, 9 / 16, 1 / 4, 1 / 16, 0, 0])


def test_cosine_goes_down_and_up_again(sgd):
    scheduler = lr_scheduler.CosineAnnealingLR(sgd, T_max=4, eta_min=0.2)
    wave = [0.2 + 0.8 * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(12)]
    assert rates(sgd, scheduler, 12) == pytest.approx(wave)


def test_warm_restarts_come_later_and_later(sgd):
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(sgd, T_0=1, T_mult=2)
    starts = [step for step, rate in enumerate(rates(sgd, scheduler, 16)) if rate == 1]
    assert starts == [0, 1, 3, 7, 15]


def test_lambda(sgd):
    scheduler = lr_scheduler.LambdaLR(sgd, lambda step: 1 / (1 + step))
    assert rates(sgd, scheduler, 3) == [1, 1 / 2, 1 / 3]


def test_multiplicative(sgd):
    scheduler = lr_scheduler.MultiplicativeLR(sgd, lambda step: 1 / step)
    assert rates(sgd, scheduler, 5) == pytest.approx([1, 1, 1 / 2, 1 / 6, 1 / 24])


def test_triangles(sgd):
    scheduler = lr_scheduler.CyclicLR(sgd, base_lr=0.0, max_lr=1.0, step_size_up=2)
    assert rates(sgd, scheduler, 6) == [0, 0.5, 1, 0.5, 0, 0.5]
    assert sgd.param_groups[0]["momentum"] == pytest.approx(0.8)


def test_triangles_half_as_high(sgd):
    scheduler = lr_scheduler.CyclicLR(sgd, 0.0, 1.0, step_size_up=1, mode="triangular2")
    assert rates(sgd, scheduler, 6) == [0, 1, 0, 0.5, 0, 0.25]


def test_one_cycle_moves_rate_and_momentum_against_each_other(sgd):
    scheduler = lr_scheduler.OneCycleLR(
        sgd, max_lr=1.0, total_steps=5, pct_start=0.6, anneal_strategy="linear", div_factor=5
    )
    seen = []
    for _ in range(5):
        seen.append((sgd.param_groups[0]["lr"], sgd.param_groups[0]["momentum"]))
        sgd.step()
        scheduler.step()
    assert seen == [
        pytest.approx(pair)
        for pair in [(0.2, 0.95), (0.6, 0.9), (1.0, 0.85), (0.50001, 0.9), (0.00002, 0.95)]
    ]


def test_one_cycle_moves_beta1_of_adam():
    adam = gd.optim.Adam([gd.zeros(1, requires_grad=True)])
    scheduler = lr_scheduler.OneCycleLR(adam, max_lr=1.0, total_steps=5, pct_start=0.6)
    adam.step()
    scheduler.step()
    assert adam.param_groups[0]["betas"] == (pytest.approx(0.9), 0.999)


def test_one_cycle_ends(sgd):
    scheduler = lr_scheduler.OneCycleLR(sgd, max_lr=1.0, total_steps=3)
    rates(sgd, scheduler, 3)
    with pytest.raises(gd.Error, match=r"Tried to step 4 times\. .* total steps is 3"):
        scheduler.step()


def test_plateau_waits_for_its_patience(sgd):
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd, factor=0.5, patience=2)
    seen = []
    for loss in [4, 3, 3, 3, 3, 2, 2, 2, 2]:
        scheduler.step(loss)
        seen.append(sgd.param_groups[0]["lr"])
    assert seen == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]


def test_plateau_cools_down(sgd):
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd, factor=0.5, patience=0, cooldown=2)
    seen = []
    for _ in range(6):
        scheduler.step(gd.tensor(1.0))
        seen.append(sgd.param_groups[0]["lr"])
    assert seen == [1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_plateau_of_a_metric_that_should_rise(sgd):
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd, "max", factor=0.5, patience=0)
    for accuracy in [0.5, 0.6, 0.7]:
        scheduler.step(accuracy)
    assert sgd.param_groups[0]["lr"] == 1
    scheduler.step(0.7)
    assert sgd.param_groups[0]["lr"] == 0.5


def test_a_bad_metric_is_no_improvement(sgd):
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd, factor=0.5, patience=0)
    scheduler.step(1.0)
    scheduler.step(float("nan"))
    assert sgd.param_groups[0]["lr"] == 0.5


def test_one_schedule_after_the_other(sgd):
    warmup = lr_scheduler.ConstantLR(sgd, factor=0.1, total_iters=9)
    decay = lr_scheduler.ExponentialLR(sgd, gamma=0.5)
    scheduler = lr_scheduler.SequentialLR(sgd, [warmup, decay], milestones=[2])
    assert rates(sgd, scheduler, 5) == [0.1, 0.1, 1, 0.5, 0.25]


def test_schedules_on_top_of_each_other(sgd):
    half = lr_scheduler.ConstantLR(sgd, factor=0.5, total_iters=2)
    decay = lr_scheduler.ExponentialLR(sgd, gamma=0.5)
    scheduler = lr_scheduler.ChainedScheduler([half, decay])
    assert rates(sgd, scheduler, 4) == [0.5, 0.25, 0.25, 0.125]


# --- what all share ------------------------------------------------------------------------------


def test_each_group_starts_from_its_own_rate():
    groups = [{"params": gd.zeros(1)}, {"params": gd.zeros(1), "lr": 0.5}]
    optimizer = gd.optim.SGD(groups, lr=1.0)
    scheduler = lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5, 0.25]
    assert [group["initial_lr"] for group in optimizer.param_groups] == [1.0, 0.5]


def test_the_next_step_uses_the_new_rate():
    w = gd.tensor([1.0], requires_grad=True)
    optimizer = gd.optim.SGD([w], lr=0.5)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    values = []
    for _ in range(3):
        w.grad = gd.tensor([1.0])
        optimizer.step()
        scheduler.step()
        values.append(w.item())
    assert values == [0.5, 0.25, 0.125]


def test_a_checkpoint_goes_on_where_it_was(sgd):
    scheduler = lr_scheduler.CosineAnnealingLR(sgd, T_max=10)
    rates(sgd, scheduler, 4)
    optimizer = gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=7.0, momentum=0.9)
    resumed = lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    resumed.load_state_dict(copy.deepcopy(scheduler.state_dict()))
    optimizer.load_state_dict(sgd.state_dict())
    assert rates(optimizer, resumed, 6) == rates(sgd, scheduler, 6)


def test_a_checkpoint_leaves_the_optimizer_out(sgd):
    scheduler = lr_scheduler.StepLR(sgd, 5)
    assert "optimizer" not in scheduler.state_dict()
    assert scheduler.state_dict()["step_size"] == 5


class Decay:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate**step


@pytest.mark.parametrize("kind", [lr_scheduler.LambdaLR, lr_scheduler.MultiplicativeLR])
def test_checkpoints_keep_the_attributes_of_function_objects(sgd, kind):
    saved = kind(sgd, Decay(0.25)).state_dict()
    assert saved["lr_lambdas"] == [{"rate": 0.25}]
    other = kind(sgd, Decay(0.5))
    other.load_state_dict(saved)
    assert other.lr_lambdas[0].rate == 0.25
    assert kind(sgd, lambda step: 1.0).state_dict()["lr_lambdas"] == [None]


def test_schedulers_copy_and_pickle(sgd):
    scheduler = lr_scheduler.CyclicLR(sgd, 0.1, 1.0, 3, mode="exp_range", gamma=0.9)
    for twin in (copy.deepcopy(scheduler), pickle.loads(pickle.dumps(scheduler))):
        assert twin.get_last_lr() == scheduler.get_last_lr()
        assert twin.optimizer is not sgd


def test_stepping_before_the_optimizer_warns(sgd):
    scheduler = lr_scheduler.StepLR(sgd, 1)
    with pytest.warns(UserWarning, match="`lr_scheduler.step\\(\\)` before `optimizer.step"):
        scheduler.step()


def test_the_right_order_does_not_warn(sgd):
    scheduler = lr_scheduler.StepLR(sgd, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rates(sgd, scheduler, 3)


def test_an_optimizer_step_before_the_scheduler_was_made_does_not_count(sgd):
    sgd.step()
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        lr_scheduler.StepLR(sgd, 1).step()


def test_a_replaced_optimizer_step_warns(sgd):
    scheduler = lr_scheduler.StepLR(sgd, 1)
    sgd.step = lambda closure=None: None
    with pytest.warns(UserWarning, match="has been overridden after"):
        scheduler.step()


def test_get_lr_warns_where_get_last_lr_is_meant(sgd):
    scheduler = lr_scheduler.StepLR(sgd, 1)
    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        scheduler.get_lr()


def test_the_epoch_argument_is_deprecated(sgd):
    scheduler = lr_scheduler.StepLR(sgd, 2, gamma=0.5)
    sgd.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(5)
    assert scheduler.get_last_lr() == [0.25]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: lr_scheduler.StepLR("SGD", 1), TypeError, "str is not an Optimizer"),
        (lambda o: lr_scheduler.StepLR(o, 1, last_epoch=3), KeyError, r"'initial_lr' is not speci"),
        (lambda o: lr_scheduler.ConstantLR(o, factor=2), ValueError, "but got factor=2"),
        (lambda o: lr_scheduler.LinearLR(o, start_factor=0), ValueError, "got start_factor=0"),
        (lambda o: lr_scheduler.LambdaLR(o, []), ValueError, "Expected 1 lr_lambdas, but got 0"),
        (lambda o: lr_scheduler.SequentialLR(o, [], []), ValueError, "at least one scheduler"),
        (lambda o: lr_scheduler.CyclicLR(o, 0.1, 1.0, mode="sine"), ValueError, "'sine', expected"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0), ValueError, "either total_steps OR"),
        (
            lambda o: lr_scheduler.OneCycleLR(gd.optim.Rprop([gd.zeros(1)]), 1.0, 9),
            ValueError,
            "Rprop has neither: pass cycle_momentum=False",
        ),
        (
            lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(o)]),
            ValueError,
            "whose `step` needs a metric, but got one at index 0",
        ),
    ],
)
def test_mistakes_get_one_clear_line(sgd, make, error, message):
    with pytest.raises(error, match=message) as caught:
        make(sgd)
    assert isinstance(caught.value, gd.Error)
    assert "\n" not in str(caught.value)
