"""Module: members, modes, state, hooks, copies."""

import copy
import pickle

import numpy as np
import pytest

import gradatim as gd
from gradatim import nn
from gradatim.nn.members import MemberNameError


class Counter(nn.Module):
    """Counts its calls in a buffer, and scales by a parameter."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(gd.full((2,), 3.0))
        self.register_buffer("calls", gd.tensor(0))
        self.register_buffer("scratch", gd.zeros(1), persistent=False)

    def forward(self, x):
        self.calls += 1
        return x * self.scale


# --- members ------------------------------------------------------------------------------------


def test_parameters_buffers_and_modules_are_found_by_name():
    model = nn.Sequential(Counter(), nn.Linear(2, 1, bias=False))
    assert [name for name, _ in model.named_parameters()] == ["0.scale", "1.weight"]
    assert [name for name, _ in model.named_buffers()] == ["0.calls", "0.scratch"]
    assert [name for name, _ in model.named_modules()] == ["", "0", "1"]
    assert model.get_parameter("1.weight") is model[1].weight
    assert model.get_submodule("0") is model[0]
    assert model.get_buffer("0.calls") is model[0].calls


def test_a_shared_parameter_comes_once():
    first = nn.Linear(2, 2)
    second = nn.Linear(2, 2)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert len(list(model.named_parameters(remove_duplicate=False))) == 4
    assert "1.weight" in model.state_dict()


def test_assigning_to_a_parameters_name_needs_a_parameter():
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"cannot assign '[\w.]+Tensor' as parameter 'weight'"):
        layer.weight = gd.zeros(2, 2)
    layer.weight = None
    assert list(layer.state_dict()) == ["bias"]


def test_assignment_before_init_says_so():
    class Late(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(gd.zeros(1))

    with pytest.raises(AttributeError, match=r"before Module\.__init__"):
        Late()


def test_a_taken_or_impossible_name_is_refused_in_one_line():
    layer = nn.Linear(2, 2)
    with pytest.raises(MemberNameError) as caught:
        layer.register_parameter("in_features", None)
    assert str(caught.value) == "attribute 'in_features' already exists"
    with pytest.raises(KeyError, match="can't contain"):
        layer.add_module("a.b", nn.ReLU())


def test_dir_lists_members_but_no_numbers():
    assert {"weight", "bias", "forward"} <= set(dir(nn.Linear(1, 1)))
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


def test_a_missing_attribute_is_named():
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        nn.Linear(1, 1).wieght  # noqa: B018


# --- modes --------------------------------------------------------------------------------------


def test_eval_reaches_every_module():
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    assert not any(module.training for module in model.eval().modules())
    assert all(module.training for module in model.train().modules())
    x = gd.ones(3)
    assert model.eval()(x) is x


def test_freezing():
    layer = nn.Linear(2, 1).requires_grad_(False)
    assert not layer(gd.ones(1, 2)).requires_grad


def test_casting_keeps_parameters_and_integer_buffers():
    model = Counter()
    scale = model.scale
    model.double()
    assert model.scale is scale and scale.dtype is gd.float64
    assert model.calls.dtype is gd.int64
    assert scale.requires_grad and scale.is_leaf
    assert model(gd.ones(2, dtype=gd.float64)).dtype is gd.float64


def test_a_buffer_is_updated_by_calls():
    model = Counter()
    model(gd.ones(2))
    model(gd.ones(2))
    assert model.calls.item() == 2


# --- state --------------------------------------------------------------------------------------


def test_state_goes_from_one_model_to_another():
    source, target = (nn.Sequential(Counter(), nn.Linear(2, 1)) for _ in range(2))
    with gd.no_grad():
        source[0].scale.fill_(5)
    answer = target.load_state_dict(source.state_dict())
    assert repr(answer) == "<All keys matched successfully>"
    for name, value in source.state_dict().items():
        assert gd.equal(target.state_dict()[name], value), name
    assert "0.scratch" not in source.state_dict()


def test_everything_that_differs_is_listed():
    layer = nn.Linear(2, 1)
    with pytest.raises(gd.CheckpointError) as caught:
        layer.load_state_dict({"weight": gd.zeros(3, 1), "gain": gd.ones(1)})
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Linear:\n"
        '\tMissing key(s) in state_dict: "bias". \n'
        '\tUnexpected key(s) in state_dict: "gain". \n'
        "\tsize mismatch for weight: copying a param with shape torch.Size([3, 1]) from "
        "checkpoint, the shape in current model is torch.Size([1, 2])."
    )


def test_not_strict_loads_what_fits_and_returns_the_rest():
    layer = nn.Linear(2, 1)
    answer = layer.load_state_dict({"bias": gd.ones(1), "gain": gd.ones(1)}, strict=False)
    assert answer.missing_keys == ["weight"] and answer.unexpected_keys == ["gain"]
    assert layer.bias.item() == 1


def test_something_that_is_no_tensor_is_refused():
    with pytest.raises(gd.CheckpointError, match=r'"bias", expected a Tensor .* <class .list.>'):
        nn.Linear(1, 1).load_state_dict({"weight": gd.zeros(1, 1), "bias": [0.0]})


# --- hooks --------------------------------------------------------------------------------------


def test_forward_hooks_see_and_replace():
    layer = nn.ReLU()
    seen = []
    layer.register_forward_pre_hook(lambda module, args: (args[0] - 1,))
    handle = layer.register_forward_hook(lambda module, args, output: seen.append(output.tolist()))
    assert layer(gd.tensor([0.0, 3.0])).tolist() == [0.0, 2.0]
    handle.remove()
    layer(gd.tensor([0.0, 3.0]))
    assert seen == [[0.0, 2.0]]


def test_backward_hooks_see_and_replace_gradients():
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    seen = []

    def hook(module, grad_input, grad_output):
        seen.append((grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 100,)

    x = gd.tensor([[3.0]], requires_grad=True)
    with layer.register_full_backward_hook(hook):
        (layer(x) * 5).sum().backward()
    assert seen == [([[10.0]], [[5.0]])]
    assert x.grad.item() == 1000
    assert layer.weight.grad.item() == 15


# --- copies -------------------------------------------------------------------------------------


def test_a_deep_copy_shares_nothing():
    model = nn.Sequential(Counter(), nn.Dropout(0.2)).eval()
    clone = copy.deepcopy(model)
    with gd.no_grad():
        clone[0].scale.zero_()
    assert model[0].scale.tolist() == [3.0, 3.0]
    assert isinstance(clone[0].scale, nn.Parameter)
    assert not clone.training and clone[1].p == 0.2


def test_a_deep_copy_keeps_sharing_inside():
    layer = nn.Linear(2, 2)
    model = copy.deepcopy(nn.ModuleList([layer, layer]))
    assert model[0].weight is model[1].weight is not layer.weight


def test_pickling():
    model = nn.Sequential(Counter(), nn.Linear(2, 1))
    again = pickle.loads(pickle.dumps(model))
    assert repr(again) == repr(model)
    x = gd.ones(1, 2)
    assert gd.equal(again(x), model(x))
    again(x).sum().backward()
    assert again[1].weight.grad is not None


def test_a_parameter_shares_the_memory_of_its_data():
    data = gd.zeros(3)
    parameter = nn.Parameter(data)
    data.add_(1)
    assert parameter.tolist() == [1, 1, 1]
    assert parameter.is_leaf and parameter.requires_grad
    assert type(parameter * 2) is gd.Tensor


def test_a_parameter_made_of_a_computed_tensor_is_a_leaf():
    x = gd.ones(2, requires_grad=True)
    parameter = nn.Parameter(x * 2)
    (parameter * 3).sum().backward()
    assert parameter.grad.tolist() == [3, 3] and x.grad is None
    assert not (nn.Parameter(x * 2, requires_grad=False) * 3).requires_grad


def test_integers_cannot_be_trained():
    with pytest.raises(RuntimeError, match="floating"):
        nn.Parameter(gd.tensor([1]))
    assert not nn.Parameter(gd.tensor([1]), requires_grad=False).requires_grad


def test_missing_forward():
    with pytest.raises(
        NotImplementedError, match=r'Module \[Net\] is missing the required "forwar'
    ):
        type("Net", (nn.Module,), {})()(1)


def test_numpy_sees_what_a_module_gives():
    layer = nn.Linear(2, 2, bias=False)
    nn.init.eye_(layer.weight)
    np.testing.assert_array_equal(layer(gd.ones(1, 2)).detach().numpy(), [[1, 1]])


# --- in a compiled step -------------------------------------------------------------------------


def test_a_compiled_step_follows_train_and_eval():
    gd.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.5))
    forward = gd.compile(lambda x: model(x))
    x = gd.ones(64)
    assert 0.0 in forward(x).tolist()
    model.eval()
    assert forward(x).tolist() == [1.0] * 64
    model.train()
    assert 0.0 in forward(x).tolist()


def test_a_compiled_step_draws_the_masks_that_an_uncompiled_one_draws():
    model = nn.Dropout(0.5)
    compiled = gd.compile(lambda x: model(x))
    results = []
    for forward in (model, compiled):
        gd.manual_seed(1)
        results.append([forward(gd.ones(8)).tolist() for _ in range(3)])
    assert results[0] == results[1]
    assert results[0][0] != results[0][1]


def test_a_compiled_step_clears_gradients_that_were_none_when_it_was_captured():
    model = nn.Linear(2, 1, bias=False)
    x = gd.ones(1, 2)

    @gd.compile
    def step(data):
        model.zero_grad()
        loss = model(data).sum()
        loss.backward()
        return model.weight.grad

    assert [step(x).tolist() for _ in range(3)] == [[[1.0, 1.0]]] * 3
