"""What all optimizers share: groups, options, gradients, closures, hooks, copies, checkpoints."""

from __future__ import annotations

import copy
import pickle

import pytest

import gradatim as gd
from gradatim.optim.optimizer import Optimizer, required


@pytest.fixture
def w():
    return gd.tensor([1.0, 2.0], requires_grad=True)


@pytest.fixture
def b():
    return gd.tensor([3.0], requires_grad=True)


def descend(optimizer, *params):
    """One step on the sum of squares: each gradient is twice the parameter."""
    optimizer.zero_grad()
    sum((p * p).sum() for p in params).backward()
    optimizer.step()


# --- parameter groups ----------------------------------------------------------------------------


def test_groups_have_their_own_options(w, b):
    optimizer = gd.optim.SGD([{"params": [w]}, {"params": b, "lr": 0.25}], lr=0.5)
    descend(optimizer, w, b)
    assert w.tolist() == [0.0, 0.0]
    assert b.tolist() == [1.5]


def test_a_group_added_later_is_trained_too(w, b):
    optimizer = gd.optim.Adam([w], lr=0.5)
    descend(optimizer, w)
    optimizer.add_param_group({"params": [b], "lr": 0.25})
    descend(optimizer, w, b)
    assert b.item() == pytest.approx(2.75)
    assert [entry["step"] for entry in optimizer.state.values()] == [2, 1]


def test_a_learning_rate_set_by_hand_counts_from_the_next_step(w):
    optimizer = gd.optim.SGD([w], lr=0.5)
    optimizer.param_groups[0]["lr"] = 0.25
    descend(optimizer, w)
    assert w.tolist() == [0.5, 1.0]


def test_named_parameters_keep_their_names(w, b):
    optimizer = gd.optim.SGD([("w", w), ("b", b)], lr=0.5)
    descend(optimizer, w, b)
    assert b.tolist() == [0.0]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]


def test_repr_lists_the_options_of_each_group(w):
    text = repr(gd.optim.SGD([w], lr=0.5, momentum=0.9))
    assert text == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n"
        "    foreach: None\n    fused: None\n    lr: 0.5\n    maximize: False\n"
        "    momentum: 0.9\n    nesterov: False\n    weight_decay: 0\n)"
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda w: gd.optim.SGD([]), ValueError, "optimizer got an empty parameter list"),
        (lambda w: gd.optim.SGD(w), TypeError, "params argument given to the optimizer should be"),
        (lambda w: gd.optim.SGD([1.0]), TypeError, "can only optimize Tensors, .* params is float"),
        (lambda w: gd.optim.SGD([{"params": {w}}]), TypeError, "ordering of tensors in sets"),
        (lambda w: gd.optim.SGD([w * 2]), ValueError, "can't optimize a non-leaf Tensor"),
        (lambda w: gd.optim.SGD([{"lr": 1}]), KeyError, r"needs the key 'params'; got \['lr'\]"),
        (lambda w: gd.optim.SGD([("w", w), w]), ValueError, "Some param names are missing"),
        (lambda w: gd.optim.SGD([w]).add_param_group([w]), TypeError, "must be a dict"),
        (
            lambda w: gd.optim.SGD([w]).add_param_group({"params": w}),
            ValueError,
            "some parameters appear in more than one parameter group",
        ),
        (
            lambda w: gd.optim.SGD([("w", w)]).add_param_group({"params": gd.zeros(1)}),
            ValueError,
            "cannot add a group without names",
        ),
        (
            lambda w: Optimizer([w], {"lr": required}),
            ValueError,
            "required optimization param.* lr",
        ),
        (lambda w: gd.optim.SGD([w], lr=-0.1), ValueError, r"^Invalid learning rate: -0.1 \(exp"),
        (lambda w: gd.optim.SGD([w], lr="1"), TypeError, "expected a number, but got '1' of type"),
        (lambda w: gd.optim.SGD([w], lr=gd.ones(2)), ValueError, "Tensor lr must be 1-element"),
        (lambda w: gd.optim.SGD([w], momentum=-1), ValueError, "Invalid momentum value: -1"),
        (lambda w: gd.optim.SGD([w], nesterov=True), ValueError, "Nesterov momentum requires"),
        (lambda w: gd.optim.Adam([w], betas=(0.9, 1)), ValueError, "at index 1: 1 .* >= 0 and < 1"),
        (lambda w: gd.optim.Adam([w], eps=-1), ValueError, "Invalid epsilon value: -1"),
        (
            lambda w: gd.optim.Adam([w], differentiable=True),
            ValueError,
            "differentiable=True is no",
        ),
        (lambda w: gd.optim.Adam([w], lr=float("nan")), ValueError, "Invalid learning rate: nan"),
    ],
)
def test_mistakes_get_one_clear_line(w, make, error, message):
    with pytest.raises(error, match=message) as caught:
        make(w)
    assert isinstance(caught.value, gd.Error)
    assert "\n" not in str(caught.value)


# --- gradients and steps -------------------------------------------------------------------------


def test_parameters_without_a_gradient_stay(w, b):
    optimizer = gd.optim.Adam([w, b], lr=0.5)
    descend(optimizer, w)
    assert b.tolist() == [3.0]
    assert b not in optimizer.state


def test_zero_grad_forgets_gradients(w):
    optimizer = gd.optim.SGD([w])
    (w * w).sum().backward()
    optimizer.zero_grad()
    assert w.grad is None


def test_zero_grad_can_keep_the_tensors(w, b):
    optimizer = gd.optim.SGD([w, b])
    (w * w).sum().backward()
    grad = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is grad and grad.tolist() == [0.0, 0.0]
    assert b.grad is None


def test_step_returns_what_the_closure_returns(w):
    optimizer = gd.optim.SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with gd.no_grad():  # the closure may differentiate all the same
        assert optimizer.step(closure).item() == 5.0
    assert w.tolist() == [0.0, 0.0]


def test_a_step_leaves_no_history(w):
    optimizer = gd.optim.Adam([w], lr=0.5)
    descend(optimizer, w)
    assert w.is_leaf and w.requires_grad
    assert not optimizer.state[w]["exp_avg"].requires_grad


def test_a_step_writes_in_place(w):
    optimizer = gd.optim.Adam([w], lr=0.5)
    alias = w.detach()
    descend(optimizer, w)
    average = optimizer.state[w]["exp_avg"]
    descend(optimizer, w)
    assert optimizer.state[w]["exp_avg"] is average
    assert alias.tolist() == w.tolist() == pytest.approx([0.0, 1.0], abs=5e-2)


def test_a_tensor_learning_rate_is_read_at_each_step(w):
    lr = gd.tensor(0.5)
    optimizer = gd.optim.SGD([w], lr=lr)
    descend(optimizer, w)
    assert w.tolist() == [0.0, 0.0]
    with gd.no_grad():
        w.copy_(gd.tensor([1.0, 2.0]))
    lr.fill_(0.25)
    descend(optimizer, w)
    assert w.tolist() == [0.5, 1.0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_float_type_trains_in_its_own_type(dtype):
    w = gd.tensor([1.0, 2.0], dtype=getattr(gd, dtype), requires_grad=True)
    optimizer = gd.optim.Adam([w], lr=0.5, eps=1e-4, weight_decay=0.1)
    descend(optimizer, w)
    assert w.dtype is getattr(gd, dtype) and optimizer.state[w]["exp_avg"].dtype is w.dtype
    assert w.float().tolist() == pytest.approx([0.5, 1.5], abs=2e-2)


def test_an_optimizer_written_for_pytorch_works(w):
    class SignDescent(Optimizer):
        def __init__(self, params, lr=required):
            super().__init__(params, {"lr": lr})

        @gd.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    state["step"] = state.get("step", 0) + 1
                    p.add_(p.grad.sign(), alpha=-group["lr"])

    optimizer = SignDescent([w], lr=0.5)
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    descend(optimizer, w)
    assert w.tolist() == [0.5, 1.5]
    assert optimizer.state_dict()["state"] == {0: {"step": 1}}
    assert calls == ["after"]
    gd.optim.lr_scheduler.StepLR(optimizer, 1)


def test_the_base_class_has_no_step(w):
    with pytest.raises(NotImplementedError, match="Optimizer has no step"):
        Optimizer([w], {}).step()


# --- hooks ---------------------------------------------------------------------------------------


def test_step_hooks_run_around_the_step_until_removed(w):
    optimizer = gd.optim.SGD([w], lr=0.5)
    seen = []
    before = optimizer.register_step_pre_hook(lambda opt, args, kwargs: seen.append(w.tolist()))
    optimizer.register_step_post_hook(lambda opt, args, kwargs: seen.append(w.tolist()))
    descend(optimizer, w)
    assert seen == [[1.0, 2.0], [0.0, 0.0]]
    before.remove()
    descend(optimizer, w)
    assert len(seen) == 3


def test_a_step_pre_hook_may_replace_the_arguments(w):
    optimizer = gd.optim.SGD([w], lr=0.5)
    (w * w).sum().backward()
    optimizer.register_step_pre_hook(lambda opt, args, kwargs: ((opt, lambda: 42), kwargs))
    assert optimizer.step() == 42
    optimizer.register_step_pre_hook(lambda opt, args, kwargs: "no")
    with pytest.raises(gd.Error, match="must return None or a tuple"):
        optimizer.step()


def test_hooks_for_every_optimizer(w):
    from gradatim.optim.hooks import (
        register_optimizer_step_post_hook,
        register_optimizer_step_pre_hook,
    )

    seen = []
    with (
        register_optimizer_step_pre_hook(lambda *_: seen.append("before")),
        register_optimizer_step_post_hook(lambda *_: seen.append("after")),
    ):
        descend(gd.optim.SGD([w], lr=0.5), w)
    descend(gd.optim.SGD([w], lr=0.5), w)
    assert seen == ["before", "after"]


def test_checkpoint_hooks(w):
    optimizer = gd.optim.SGD([w], lr=0.5)
    seen = []
    optimizer.register_state_dict_pre_hook(lambda opt: seen.append("saving"))
    optimizer.register_state_dict_post_hook(lambda opt, saved: {**saved, "note": "mine"})
    optimizer.register_load_state_dict_pre_hook(lambda opt, saved: seen.append(saved.pop("note")))
    optimizer.register_load_state_dict_post_hook(lambda opt: seen.append("loaded"))
    optimizer.register_load_state_dict_post_hook(lambda opt: seen.append("first"), prepend=True)
    saved = optimizer.state_dict()
    optimizer.load_state_dict(saved)
    assert seen == ["saving", "mine", "first", "loaded"]
    assert "note" in saved  # loading works on a copy


# --- checkpoints and copies ----------------------------------------------------------------------


def test_the_layout_of_a_checkpoint(w, b):
    optimizer = gd.optim.Adam([{"params": [w]}, {"params": [b]}], lr=0.5)
    descend(optimizer, w, b)
    saved = optimizer.state_dict()
    assert [group["params"] for group in saved["param_groups"]] == [[0], [1]]
    assert list(saved["state"]) == [0, 1]
    assert list(saved["state"][0]) == ["step", "exp_avg", "exp_avg_sq"]
    step = saved["state"][0]["step"]
    assert step.item() == 1.0 and step.shape == () and step.dtype is gd.float32


def test_plain_descent_keeps_no_state(w):
    optimizer = gd.optim.SGD([w], lr=0.5)
    descend(optimizer, w)
    assert optimizer.state_dict()["state"] == {}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"momentum": 0.9, "dampening": 0.1}),
        ("Adam", {"amsgrad": True}),
        ("AdamW", {}),
        ("NAdam", {}),
        ("ASGD", {"t0": 1}),
        ("Adagrad", {}),
    ],
)
def test_resuming_takes_the_same_steps_to_the_bit(name, options):
    def run(steps, saved=None):
        w = gd.tensor([1.0, -2.0], requires_grad=True)
        optimizer = getattr(gd.optim, name)([w], lr=0.1, **options)
        if saved:
            with gd.no_grad():
                w.copy_(saved[0])
            optimizer.load_state_dict(saved[1])
        for _ in range(steps):
            descend(optimizer, w)
        return w.detach().clone(), copy.deepcopy(optimizer.state_dict())

    straight, _ = run(6)
    resumed, _ = run(3, saved=run(3))
    assert resumed.tolist() == straight.tolist()


def test_loading_copies_the_tensors(w):
    optimizer = gd.optim.Adam([w], lr=0.5)
    descend(optimizer, w)
    other = gd.optim.Adam([w.detach().clone().requires_grad_()])
    other.load_state_dict(optimizer.state_dict())
    (copied,) = other.state.values()
    before = copied["exp_avg"].tolist()
    descend(optimizer, w)
    assert copied["exp_avg"].tolist() == before
    assert other.param_groups[0]["lr"] == 0.5


def test_loading_casts_to_the_type_of_the_parameter(w):
    optimizer = gd.optim.Adam([w], lr=0.5)
    descend(optimizer, w)
    double = w.detach().double().requires_grad_()
    other = gd.optim.Adam([double])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[double]["exp_avg"].dtype is gd.float64
    assert other.state[double]["step"] == 1


def test_checkpoints_that_do_not_fit(w, b):
    saved = gd.optim.SGD([w, b]).state_dict()
    with pytest.raises(ValueError, match="group 0 has 2 parameters in the state dict and 1 here"):
        gd.optim.SGD([w]).load_state_dict(saved)
    with pytest.raises(ValueError, match=r"number of parameter groups: 1, where .* has 2"):
        gd.optim.SGD([{"params": w}, {"params": b}]).load_state_dict(saved)


def test_adamw_stays_adamw_when_it_loads_adams_state(w):
    optimizer = gd.optim.AdamW([w])
    optimizer.load_state_dict(gd.optim.Adam([w]).state_dict())
    assert optimizer.param_groups[0]["decoupled_weight_decay"] is True


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_goes_its_own_way(w, duplicate):
    optimizer = gd.optim.Adam([w], lr=0.5)
    descend(optimizer, w)
    other = duplicate(optimizer)
    twin = other.param_groups[0]["params"][0]
    assert twin is not w and other.state[twin]["step"] == 1
    before = twin.tolist()
    descend(optimizer, w)
    assert twin.tolist() == before
    descend(other, twin)
    assert twin.tolist() == w.tolist()


def test_a_module_where_its_parameters_are_wanted():
    with pytest.raises(TypeError, match=r"got Linear; pass model\.parameters\(\)"):
        gd.optim.SGD(gd.nn.Linear(1, 1), lr=0.1)


def test_a_models_state_dict_given_to_an_optimizer():
    model = gd.nn.Linear(1, 1)
    optimizer = gd.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"keys 'state' and 'param_groups', got keys \['weight'"):
        optimizer.load_state_dict(model.state_dict())
