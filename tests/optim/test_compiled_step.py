"""Optimizers inside `gd.compile`: each replay does what an ordinary step does.

The Python code of a compiled step runs once. Whatever an optimizer reads or counts in Python
(learning rates, step counts, bias corrections) must be right at every replay.
"""

from __future__ import annotations

import copy
import warnings

import pytest

import gradatim as gd
from gradatim.optim import lr_scheduler

OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "dampening": 0.5}),
    ("Adam", {"weight_decay": 0.1, "amsgrad": True}),
    ("AdamW", {"weight_decay": 0.1}),
    ("RMSprop", {"centered": True, "momentum": 0.9}),
    ("Adagrad", {"lr_decay": 0.1}),
    ("Adadelta", {}),
    ("Adamax", {"maximize": True}),
    ("NAdam", {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("RAdam", {}),
    ("Rprop", {}),
    ("ASGD", {"t0": 3}),
]


class Fit:
    """A curve to fit, an optimizer, and its training step, compiled or not."""

    def __init__(self, compiled, name="SGD", dtype=gd.float64, **options):
        self.x = gd.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]], dtype=dtype)
        self.y = gd.tensor([1.0, -2.0, 0.5], dtype=dtype)
        self.w = gd.tensor([0.5, -0.5], dtype=dtype, requires_grad=True)
        self.b = gd.tensor(0.25, dtype=dtype, requires_grad=True)
        options.setdefault("lr", 0.05)
        self.optimizer = getattr(gd.optim, name)([self.w, self.b], **options)
        self.compiled = compiled
        self.after_update = lambda: None
        self.runs = 0
        self.step = gd.compile(self._step) if compiled else self._step

    def _step(self):
        self.runs += 1
        self.optimizer.zero_grad()
        loss = ((self.x @ self.w + self.b - self.y) ** 2).mean()
        loss.backward()
        self.optimizer.step()
        self.after_update()
        return loss.detach()

    def values(self):
        state = self.optimizer.state_dict()["state"]
        numbers = [self.w.tolist(), self.b.tolist()]
        return numbers + [
            (index, name, value.tolist())
            for index, entry in state.items()
            for name, value in entry.items()
        ]


@pytest.fixture(autouse=True)
def nothing_runs_uncompiled():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_replays_equal_ordinary_steps(name, options):
    compiled, ordinary = Fit(True, name, **options), Fit(False, name, **options)
    for _ in range(8):
        assert compiled.step().item() == pytest.approx(ordinary.step().item(), rel=1e-13)
        for ours, expected in zip(compiled.values(), ordinary.values()):
            if isinstance(ours, tuple):
                assert ours[:2] == expected[:2]
                ours, expected = ours[2], expected[2]
            assert ours == pytest.approx(expected, rel=1e-12, abs=1e-13)
    assert compiled.runs == 1, "the Python code ran again"


SCHEDULES = {
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.5),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=9),
}


@pytest.mark.parametrize("where", ["outside", "inside"])
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize(("name", "options"), [("SGD", {"momentum": 0.9}), ("Adam", {})])
def test_schedules_take_effect_at_replays(name, options, schedule, where):
    results = []
    for compiled in (True, False):
        fit = Fit(compiled, name, **options)
        scheduler = schedule(fit.optimizer)
        if where == "inside":
            fit.after_update = scheduler.step
        results.append([])
        for _ in range(6):
            fit.step()
            if where == "outside":
                scheduler.step()
            results[-1].append((*fit.w.tolist(), *scheduler.get_last_lr()))
        assert fit.runs == (1 if compiled else 6)
    for ours, expected in zip(*results):
        assert ours == pytest.approx(expected, rel=1e-12)


def test_a_learning_rate_set_by_hand_takes_effect():
    fit = Fit(True, lr=0.1)
    fit.step()
    fit.optimizer.param_groups[0]["lr"] = 0.0
    before = fit.w.tolist()
    fit.step()
    assert fit.w.tolist() == before
    assert fit.runs == 1


def test_a_tensor_learning_rate_takes_effect():
    lr = gd.tensor(0.1)
    fit = Fit(True, "Adam", lr=lr)
    fit.step()
    lr.fill_(0.0)
    before = fit.w.tolist()
    fit.step()
    assert fit.w.tolist() == before
    assert fit.runs == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda fit: fit.optimizer.param_groups[0].update(weight_decay=0.5),
        lambda fit: fit.optimizer.param_groups[0].update(maximize=True),
        lambda fit: fit.optimizer.param_groups[0].update(amsgrad=True),
        lambda fit: fit.optimizer.load_state_dict(Fit(False, "Adam").optimizer.state_dict()),
        lambda fit: fit.optimizer.state.clear(),
        lambda fit: fit.optimizer.state[fit.w].update(exp_avg=gd.ones(2, dtype=gd.float64)),
        lambda fit: fit.optimizer.state[fit.w].update(step=5.0),
        lambda fit: fit.optimizer.param_groups[0]["params"].pop(),
    ],
    ids=[
        "weight decay",
        "maximize",
        "amsgrad",
        "load_state_dict",
        "state cleared",
        "slot replaced",
        "phases differ",
        "fewer params",
    ],
)
def test_changes_of_structure_are_noticed(change):
    results = []
    for compiled in (True, False):
        fit = Fit(compiled, "Adam")
        fit.step()
        fit.step()
        change(fit)
        fit.step()
        fit.step()
        results.append(fit.values())
    assert str(results[0]) == str(results[1])


def test_a_group_added_later_is_trained():
    results = []
    for compiled in (True, False):
        fit = Fit(compiled, "Adam")
        extra = fit.optimizer.param_groups[0]["params"].pop()
        fit.step()
        fit.optimizer.add_param_group({"params": [extra], "lr": 0.5})
        fit.step()
        fit.step()
        results.append(fit.values())
    assert str(results[0]) == str(results[1])


def test_compiled_and_ordinary_steps_take_turns():
    mixed, ordinary = Fit(True, "Adam"), Fit(False, "Adam")
    for turn in range(6):
        if turn % 2:
            mixed._step()
        else:
            mixed.step()
        ordinary.step()
    assert str(mixed.values()) == str(ordinary.values())


def test_a_step_that_cannot_be_captured_counts_once():
    fit = Fit(True, "SGD", momentum=0.5, dampening=0.5)
    expected = Fit(False, "SGD", momentum=0.5, dampening=0.5)
    fit.after_update = lambda: fit.w.sum().item()  # looks at a value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit.step()
        fit.step()
    expected.step()
    expected.step()
    assert str(fit.values()) == str(expected.values())


def test_resuming_a_compiled_run():
    straight = Fit(True, "AdamW")
    for _ in range(4):
        straight.step()
    saved = copy.deepcopy(
        (straight.w.detach(), straight.b.detach(), straight.optimizer.state_dict())
    )
    resumed = Fit(True, "AdamW")
    resumed.step()
    with gd.no_grad():
        resumed.w.copy_(saved[0])
        resumed.b.copy_(saved[1])
    resumed.optimizer.load_state_dict(saved[2])
    for fit in (straight, resumed):
        fit.step()
        fit.step()
    assert straight.values() == resumed.values()
