"""Containers of modules and of parameters."""

from collections import OrderedDict

import pytest

import gradatim as gd
from gradatim import nn


def names(modules):
    return [type(module).__name__ for module in modules]


def test_sequential_calls_in_order():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
    nn.init.ones_(model[1].weight)
    assert model(gd.ones(3, 2, 2)).tolist() == [[4], [4], [4]]


def test_sequential_by_names():
    model = nn.Sequential(OrderedDict(first=nn.ReLU(), last=nn.Tanh()))
    assert model.first is model[0] and model.last is model[-1]
    assert list(model[1:]._modules) == ["last"]


def test_sequential_grows_and_shrinks():
    model = nn.Sequential(nn.ReLU())
    model.append(nn.Tanh()).extend([nn.GELU(), nn.SiLU()]).insert(1, nn.ELU())
    assert names(model) == ["ReLU", "ELU", "Tanh", "GELU", "SiLU"]
    assert type(model.pop(1)) is nn.ELU
    del model[-1]
    model[0] = nn.Mish()
    assert names(model) == ["Mish", "Tanh", "GELU"]
    assert list(model._modules) == ["0", "1", "2"]
    assert names(model + nn.Sequential(nn.ReLU())) == ["Mish", "Tanh", "GELU", "ReLU"]
    assert names(nn.Sequential(nn.ReLU(), nn.Tanh()) * 2) == ["ReLU", "Tanh", "ReLU", "Tanh"]


def test_an_index_that_is_not_there():
    with pytest.raises(IndexError, match="index 2 is out of range for Sequential of 1 modules"):
        nn.Sequential(nn.ReLU())[2]


def test_module_list_registers_what_it_holds():
    model = nn.ModuleList([nn.Linear(2, 2, bias=False)])
    model += [nn.Linear(2, 3)]
    model.insert(0, nn.ReLU())
    assert [name for name, _ in model.named_parameters()] == ["1.weight", "2.weight", "2.bias"]
    assert names(model[1:]) == ["Linear", "Linear"]


def test_a_list_of_equal_layers_prints_on_one_line():
    model = nn.ModuleList([*(nn.Linear(8, 8) for _ in range(3)), nn.ReLU()])
    assert repr(model) == (
        "ModuleList(\n"
        "  (0-2): 3 x Linear(in_features=8, out_features=8, bias=True)\n"
        "  (3): ReLU()\n"
        ")"
    )


def test_module_dict():
    model = nn.ModuleDict({"a": nn.Linear(1, 1)})
    model["b"] = nn.ReLU()
    assert "a" in model and list(model) == ["a", "b"] and len(model) == 2
    assert [name for name, _ in model.named_parameters()] == ["a.weight", "a.bias"]
    assert type(model.pop("b")) is nn.ReLU
    model.clear()
    assert not len(model)


def test_only_modules_go_into_containers():
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        nn.Sequential(nn.ReLU(), 3)
    with pytest.raises(TypeError, match="update sequence element #0 should be Iterable"):
        nn.ModuleDict([3])


def test_parameter_list():
    values = nn.ParameterList([gd.zeros(1), "text"])
    values.append(gd.ones(2, 3))
    assert [name for name, _ in values.named_parameters()] == ["0", "2"]
    assert isinstance(values[-1], nn.Parameter) and values[1] == "text"
    assert repr(values) == (
        "ParameterList(\n"
        "    (0): Parameter containing: [torch.float32 of size 1]\n"
        "    (1): Object of type: str\n"
        "    (2): Parameter containing: [torch.float32 of size 2x3]\n"
        ")"
    )


def test_parameter_dict_takes_a_plain_dict_by_name_and_pairs_in_order():
    assert list(nn.ParameterDict({"b": gd.zeros(1), "a": gd.zeros(1)})) == ["a", "b"]
    pairs = nn.ParameterDict([("b", gd.zeros(1)), ("a", gd.zeros(1))])
    assert list(pairs.state_dict()) == ["b", "a"]
    assert pairs.popitem()[0] == "a"
    with pytest.raises(KeyError):
        pairs["a"]


def test_containers_of_parameters_cannot_be_called():
    with pytest.raises(RuntimeError, match="ParameterList should not be called"):
        nn.ParameterList()(1)
