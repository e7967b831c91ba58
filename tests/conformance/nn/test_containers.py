"""Containers, and the text of modules, against PyTorch."""

from __future__ import annotations

import copy
from collections import OrderedDict

import pytest

pytest.importorskip("torch")

from twins import both, classifier, nested

# --- containers -----------------------------------------------------------------------------------


def layers(nn, count):
    return [nn.Linear(1, k + 1) for k in range(count)]


@pytest.mark.parametrize(
    "action",
    [
        lambda nn, s: s[1:],
        lambda nn, s: s[::2],
        lambda nn, s: s[-1],
        lambda nn, s: s.append(nn.ReLU()),
        lambda nn, s: s.insert(1, nn.ReLU()),
        lambda nn, s: s.insert(0, nn.ReLU()),
        lambda nn, s: s.extend([nn.ReLU(), nn.Tanh()]),
        lambda nn, s: s.pop(1),
        lambda nn, s: s.pop(-1),
        lambda nn, s: s.__delitem__(0),
        lambda nn, s: s.__delitem__(slice(0, 2)),
        lambda nn, s: s.__setitem__(-1, nn.ReLU()),
        lambda nn, s: s + copy.deepcopy(s)[:2],
        lambda nn, s: s.__iadd__(copy.deepcopy(s)),
        lambda nn, s: len(s),
    ],
)
@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
def test_sequences(kind, action):
    def script(lib, nn):
        modules = layers(nn, 4)
        made = nn.Sequential(*modules) if kind == "Sequential" else nn.ModuleList(modules)
        result = action(nn, made)
        return repr(result), repr(made), list(made.state_dict())

    ours, theirs = both(script)
    assert ours == theirs


def test_multiplied_sequentials():
    def script(lib, nn):
        s = nn.Sequential(nn.ReLU(), nn.Tanh())
        t = nn.Sequential(nn.ReLU())
        t *= 3
        return repr(s * 2), repr(2 * s), repr(t)

    ours, theirs = both(script)
    assert ours == theirs


def test_module_dict():
    def script(lib, nn):
        d = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Linear(1, 1)})
        d["c"] = nn.Tanh()
        d.update([("d", nn.GELU())])
        d.update(nn.ModuleDict({"e": nn.SiLU()}))
        popped = repr(d.pop("a"))
        del d["d"]
        seen = [list(d), list(d.keys()), "b" in d, len(d), popped, repr(d), list(d.state_dict())]
        seen.append([repr(v) for v in d.values()] == [repr(v) for _, v in d.items()])
        d.clear()
        return [*seen, len(d)]

    ours, theirs = both(script)
    assert ours == theirs


def test_parameter_containers():
    def script(lib, nn):
        values = nn.ParameterList([lib.zeros(1), nn.Parameter(lib.ones(2))])
        values.append(lib.zeros(3))
        values += [lib.zeros(4)]
        values[0] = lib.ones(5)
        named = nn.ParameterDict({"b": lib.zeros(1), "a": lib.ones(2)})
        named["z"] = lib.zeros(3)
        named.update(OrderedDict(y=lib.zeros(1), x=lib.zeros(2)))
        seen = [len(values), repr(values[1:3]), repr(values[-1]), list(values.state_dict())]
        seen += [list(named), list(named.state_dict()), repr(named.get("q", 1)), "b" in named]
        seen += [repr(named.pop("b")), named.popitem()[0], list(named | {"m": lib.zeros(1)})]
        seen += [repr(named.setdefault("n", lib.zeros(1))), list(reversed(named))]
        seen += [list(named.copy()), [type(p).__name__ for p in named.values()]]
        named.clear()
        return [*seen, list(named)]

    ours, theirs = both(script)
    assert ours == theirs


# --- text -----------------------------------------------------------------------------------------

REPRS = {
    "classifier": classifier,
    "nested": nested,
    "empty": lambda nn: nn.Sequential(),
    "no bias": lambda nn: nn.Linear(2, 3, bias=False),
    "runs": lambda nn: nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh(), nn.ReLU()]),
    "runs of blocks": lambda nn: nn.ModuleList([nn.Sequential(nn.ReLU(), nn.GELU())] * 2),
    "no modules": lambda nn: [nn.ModuleList(), nn.ModuleDict(), nn.ParameterList()],
    "none inside": lambda nn: with_none(nn),
    "dictionary": lambda nn: nn.ModuleDict({"x": nn.Flatten(), "y": nn.Unflatten(1, (2, 3))}),
    "bilinear": lambda nn: nn.Bilinear(2, 3, 4),
    "losses": lambda nn: nn.ModuleList([nn.MSELoss(), nn.CrossEntropyLoss(), nn.BCELoss()]),
    "many": lambda nn: [
        nn.ReLU(inplace=True),
        nn.ReLU6(inplace=True),
        nn.LeakyReLU(0.1, inplace=True),
        nn.ELU(0.5, inplace=True),
        nn.CELU(inplace=True),
        nn.SELU(True),
        nn.Hardtanh(-2, 2, True),
        nn.Threshold(0.1, 20, True),
        nn.SiLU(True),
        nn.Mish(True),
        nn.Hardswish(True),
        nn.Hardsigmoid(True),
        nn.Dropout(0.25, True),
        nn.PReLU(3),
    ],
}


def with_none(nn):
    module = nn.Module()
    module.child = nn.ReLU()
    module.child = None
    module.register_module("other", None)
    return module


@pytest.mark.parametrize("name", REPRS)
def test_repr(name):
    ours, theirs = both(lambda lib, nn: repr(REPRS[name](nn)))
    assert ours == theirs


def test_repr_of_parameters():
    def script(lib, nn):
        parameter = nn.Parameter(lib.tensor([[1.0, 2.5], [-3.0, 0.0]]))
        frozen = nn.Parameter(lib.tensor([1, 2]), requires_grad=False)
        values = nn.ParameterList([lib.zeros(2), lib.zeros(2, 3), lib.zeros(()), "text"])
        named = nn.ParameterDict({"b": lib.zeros(2), "a": lib.zeros(1, 2).double(), "c": 1})
        return [repr(each) for each in (parameter, frozen, values, named)]

    ours, theirs = both(script)
    assert ours == theirs
