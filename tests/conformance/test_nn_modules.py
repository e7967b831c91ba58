"""Modules against PyTorch: weights, state, text, hooks and containers.

Most tests are one script that runs with either library (`nn`, and `lib` for the rest) and returns
plain values, which must be equal.
"""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gradatim as gd  # noqa: E402
from gradatim import nn as gd_nn  # noqa: E402


def both(script):
    """What the script gives under each library."""
    return script(gd, gd_nn), script(torch, torch.nn)


def numbers(tensor):
    return tensor.detach().numpy().tolist()


def state_of(module):
    return {name: numbers(value) for name, value in module.state_dict().items()}


def classifier(nn):
    """The deck's: 784-1000-500-100-10."""
    return nn.Sequential(
        nn.Linear(784, 1000),
        nn.ReLU(),
        nn.Linear(1000, 500),
        nn.ReLU(),
        nn.Linear(500, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )


def nested(nn):
    class Block(nn.Module):
        def __init__(self, width, rate):
            super().__init__()
            self.first = nn.Linear(width, width, bias=False)
            self.act = nn.LeakyReLU(0.2, inplace=True)
            self.drop = nn.Dropout(rate)
            self.heads = nn.ModuleList(nn.Linear(width, 2) for _ in range(3))
            self.table = nn.ModuleDict({"a": nn.Tanh(), "b": nn.Softmax(dim=1)})
            self.scale = nn.Parameter(self.first.weight.detach()[0] * 0 + 1)
            self.register_buffer("running", self.first.weight.detach()[0] * 0)
            self.register_buffer("scratch", None)
            self.register_buffer("hidden", self.first.weight.detach()[0] * 0, persistent=False)

        def forward(self, x):
            return self.heads[0](self.act(self.first(x)) * self.scale)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.GELU("tanh"))
            self.blocks = nn.Sequential(
                OrderedDict(one=Block(4, 0.1), two=nn.Sequential(Block(4, 0.5), nn.Identity()))
            )
            self.tied = self.stem[1]
            self.nothing = None

        def forward(self, x):
            return self.blocks(self.stem(x))

        def extra_repr(self):
            return "a=1,\nb=2"

    return Net()


# --- weights and draws --------------------------------------------------------------------------


def test_the_classifier_starts_from_the_same_bits():
    def script(lib, nn):
        lib.manual_seed(0)
        model = classifier(nn)
        after = lib.rand(3)  # and the stream stands at the same place
        return [p.detach().numpy() for p in model.parameters()] + [after.numpy()]

    for ours, theirs in zip(*both(script)):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(3, 5), (1, 1), (17, 2), (64, 33)])
@pytest.mark.parametrize("name", ["Linear", "Bilinear"])
def test_initial_weights(name, sizes, dtype):
    def script(lib, nn):
        lib.manual_seed(7)
        given = sizes if name == "Linear" else (*sizes, 4)
        layer = getattr(nn, name)(*given, dtype=getattr(lib, dtype))
        return [p.detach().numpy() for p in layer.parameters()]

    for ours, theirs in zip(*both(script)):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(7,), (33, 5), (0, 3), ()])
def test_dropout_drops_the_same_elements(shape, p, dtype):
    def script(lib, nn):
        lib.manual_seed(3)
        x = lib.ones(shape, dtype=getattr(lib, dtype), requires_grad=True)
        layer = nn.Dropout(p)
        y = layer(x * 3)
        (y * 2).sum().backward()
        evaluated = layer.eval()(x)
        assert evaluated is x
        return y.detach().numpy(), x.grad.numpy(), lib.rand(2).numpy()

    for ours, theirs in zip(*both(script)):
        np.testing.assert_array_equal(ours, theirs)


def test_dropout_in_place():
    def script(lib, nn):
        lib.manual_seed(3)
        x = lib.ones(20)
        y = nn.Dropout(0.5, inplace=True)(x)
        return y is x, numbers(x)

    ours, theirs = both(script)
    assert ours == theirs


INITS = [
    ("uniform_", {"a": -2.0, "b": 3.0}),
    ("normal_", {"mean": 1.0, "std": 2.0}),
    ("constant_", {"val": 0.3}),
    ("ones_", {}),
    ("zeros_", {}),
    ("eye_", {}),
    ("xavier_uniform_", {}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {}),
    ("kaiming_uniform_", {"a": 0.1, "mode": "fan_out"}),
    ("kaiming_uniform_", {"nonlinearity": "relu"}),
    ("kaiming_normal_", {}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("trunc_normal_", {}),
    ("trunc_normal_", {"std": 0.02}),
    ("trunc_normal_", {"a": 2.0, "b": 3.0, "std": 1.5}),
    ("sparse_", {"sparsity": 0.4}),
    ("orthogonal_", {}),
    ("orthogonal_", {"gain": 3.0}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(6, 4), (4, 9)])
@pytest.mark.parametrize("name, options", INITS, ids=str)
def test_init(name, options, shape, dtype):
    def script(lib, nn):
        lib.manual_seed(11)
        weight = nn.Parameter(lib.zeros(shape, dtype=getattr(lib, dtype)))
        result = getattr(nn.init, name)(weight, **options)
        assert result is weight and weight.requires_grad and weight.is_leaf
        return weight.detach().numpy(), lib.rand(2).numpy()

    (ours, after), (theirs, after_theirs) = both(script)
    assert ours.dtype == theirs.dtype
    # Normal draws in float32 go through vectorized functions that differ (5e-7 of the deviation);
    # uniform ones are equal to the bit.
    exact = name in ("uniform_", "xavier_uniform_", "kaiming_uniform_") or dtype == "float64"
    if name == "orthogonal_":
        np.testing.assert_allclose(ours, theirs, atol=1e-5 if dtype == "float32" else 1e-13)
    elif exact and name != "sparse_" and "normal" not in name:
        np.testing.assert_array_equal(ours, theirs)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=3e-6)
    np.testing.assert_array_equal(after, after_theirs)


@pytest.mark.parametrize("shape, groups", [((3, 2, 5), 1), ((4, 2, 3, 3), 2), ((2, 2, 1, 2, 3), 1)])
def test_init_dirac(shape, groups):
    ours, theirs = both(lambda lib, nn: numbers(nn.init.dirac_(lib.ones(shape), groups)))
    assert ours == theirs


@pytest.mark.parametrize("param", [None, 0.3, 1])
@pytest.mark.parametrize(
    "name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
def test_calculate_gain(name, param):
    ours, theirs = both(lambda lib, nn: nn.init.calculate_gain(name, param))
    assert ours == theirs


def test_init_refuses():
    for script in (
        lambda lib, nn: nn.init.eye_(lib.zeros(3)),
        lambda lib, nn: nn.init.dirac_(lib.zeros(3, 3)),
        lambda lib, nn: nn.init.dirac_(lib.zeros(3, 3, 1), groups=2),
        lambda lib, nn: nn.init.xavier_uniform_(lib.zeros(3)),
        lambda lib, nn: nn.init.kaiming_normal_(lib.zeros(3, 3), mode="fan"),
        lambda lib, nn: nn.init.calculate_gain("relux"),
        lambda lib, nn: nn.init.calculate_gain("leaky_relu", True),
        lambda lib, nn: nn.Dropout(1.5),
        lambda lib, nn: nn.Dropout(-0.1),
    ):
        for lib, nn in ((gd, gd_nn), (torch, torch.nn)):
            with pytest.raises(ValueError):
                script(lib, nn)


# --- layers with parameters ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 5, 3), (0, 3), (2, 1, 4, 3)])
def test_linear(shape, bias, dtype):
    array = np.random.RandomState(0).normal(size=shape).astype(dtype)

    def script(lib, nn):
        lib.manual_seed(1)
        layer = nn.Linear(3, 4, bias=bias, dtype=getattr(lib, dtype))
        x = lib.tensor(array, requires_grad=True)
        y = layer(x)
        (y * y).sum().backward()
        return [t.detach().numpy() for t in (y, x.grad, *(p.grad for p in layer.parameters()))]

    for ours, theirs in zip(*both(script)):
        tolerance = 1e-5 if dtype == "float32" else 1e-13  # sums of up to 40 products
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [(5,), (), (2, 3)])
def test_bilinear(batch, dtype):
    random = np.random.RandomState(0)
    arrays = [random.normal(size=(*batch, n)).astype(dtype) for n in (3, 2)]

    def script(lib, nn):
        lib.manual_seed(1)
        layer = nn.Bilinear(3, 2, 4, dtype=getattr(lib, dtype))
        x, y = (lib.tensor(array, requires_grad=True) for array in arrays)
        z = layer(x, y)
        (z * z).sum().backward()
        grads = [x.grad, y.grad, *(p.grad for p in layer.parameters())]
        return [t.detach().numpy() for t in (z, *grads)]

    for ours, theirs in zip(*both(script)):
        tolerance = 1e-5 if dtype == "float32" else 1e-13
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("start, end", [(1, -1), (0, -1), (1, 2), (-2, -1)])
def test_flatten_and_unflatten(start, end):
    def script(lib, nn):
        x = lib.arange(24.0).reshape(2, 3, 2, 2)
        flat = nn.Flatten(start, end)
        back = nn.Unflatten(start, tuple(x.shape)[start : end + 1 or None])
        y = flat(x)
        return tuple(y.shape), numbers(y), repr(flat), repr(back), numbers(back(y.flatten(1)[0:2]))

    if start == 1 and end == -1:
        ours, theirs = both(script)
        assert ours == theirs
    else:
        ours, theirs = both(
            lambda lib, nn: numbers(nn.Flatten(start, end)(lib.arange(24.0).reshape(2, 3, 2, 2)))
        )
        assert ours == theirs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_three_steps_of_training(dtype):
    """Forward, backward and update of a nested model, by hand."""
    array = np.random.RandomState(5).normal(size=(8, 2, 3)).astype(dtype)

    def script(lib, nn):
        lib.manual_seed(0)
        model = nested(nn).to(getattr(lib, dtype))
        losses = []
        for _ in range(3):
            logits = model.blocks.one(model.stem(lib.tensor(array)))
            loss = nn.functional.cross_entropy(logits, lib.arange(8) % 2)
            model.zero_grad()
            loss.backward()
            with lib.no_grad():
                for parameter in model.parameters():
                    if parameter.grad is not None:
                        parameter -= 0.5 * parameter.grad
            losses.append(loss.item())
        unused = [name for name, p in model.named_parameters() if p.grad is None]
        return losses, unused, {k: np.array(v) for k, v in state_of(model).items()}

    (ours, unused, state), (theirs, unused_theirs, state_theirs) = both(script)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)
    assert unused == unused_theirs
    assert list(state) == list(state_theirs)
    for name in state:
        np.testing.assert_allclose(
            state[name], state_theirs[name], rtol=tolerance, atol=tolerance, err_msg=name
        )


# --- text ---------------------------------------------------------------------------------------

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


# --- members ------------------------------------------------------------------------------------


def test_names_and_order_of_everything():
    def script(lib, nn):
        model = nested(nn)
        return {
            "state": [(k, tuple(v.shape)) for k, v in model.state_dict().items()],
            "metadata": dict(model.state_dict()._metadata),
            "parameters": [name for name, _ in model.named_parameters()],
            "own": [name for name, _ in model.named_parameters(recurse=False)],
            "tied": [n for n, _ in model.named_parameters("top", remove_duplicate=False)],
            "buffers": [name for name, _ in model.named_buffers()],
            "modules": [(name, type(m).__name__) for name, m in model.named_modules()],
            "all": [name for name, _ in model.named_modules(remove_duplicate=False)],
            "children": [name for name, _ in model.named_children()],
            "counts": [len(list(f())) for f in (model.modules, model.parameters, model.buffers)],
            "prefixed": list(model.blocks.state_dict(prefix="p.")),
            "dir": [n for n in dir(model) if n in ("stem", "blocks", "tied", "0", "forward")],
        }

    ours, theirs = both(script)
    assert ours == theirs


@pytest.mark.parametrize(
    "action",
    [
        lambda lib, nn, m: setattr(m, "weight", lib.zeros(2)),
        lambda lib, nn, m: setattr(m, "weight", 3),
        lambda lib, nn, m: setattr(m, "child", 3),
        lambda lib, nn, m: setattr(m, "running", "text"),
        lambda lib, nn, m: m.register_parameter("weight.x", None),
        lambda lib, nn, m: m.register_parameter("", None),
        lambda lib, nn, m: m.register_parameter(3, None),
        lambda lib, nn, m: m.register_parameter("child", None),
        lambda lib, nn, m: m.register_parameter("new", lib.zeros(2)),
        lambda lib, nn, m: m.register_parameter("new", m.weight * 2),
        lambda lib, nn, m: m.register_buffer("weight", None),
        lambda lib, nn, m: m.register_buffer("new", 3),
        lambda lib, nn, m: m.register_buffer("forward", None),
        lambda lib, nn, m: m.add_module("weight", nn.ReLU()),
        lambda lib, nn, m: m.add_module("new", 3),
        lambda lib, nn, m: m.add_module("a.b", nn.ReLU()),
        lambda lib, nn, m: m.missing,
        lambda lib, nn, m: delattr(m, "missing"),
        lambda lib, nn, m: m.get_submodule("child.missing"),
        lambda lib, nn, m: m.get_submodule("weight"),
        lambda lib, nn, m: m.get_parameter("running"),
        lambda lib, nn, m: m.get_parameter("child.weights"),
        lambda lib, nn, m: m.get_buffer("weight"),
        lambda lib, nn, m: m.train("yes"),
        lambda lib, nn, m: m(lib.zeros(1)),
        lambda lib, nn, m: m.to(lib.int64),
        lambda lib, nn, m: m.load_state_dict([1]),
        lambda lib, nn, m: nn.Sequential(m, 3),
        lambda lib, nn, m: nn.Sequential(m)[1],
        lambda lib, nn, m: nn.Sequential(m).__add__([m]),
        lambda lib, nn, m: nn.ModuleList([m])[-2],
        lambda lib, nn, m: nn.ModuleDict({"a": m})["b"],
        lambda lib, nn, m: nn.ModuleDict([m]),
        lambda lib, nn, m: nn.ModuleDict({"keys": m}),
        lambda lib, nn, m: nn.ParameterList()[0],
        lambda lib, nn, m: nn.ParameterList()(1),
        lambda lib, nn, m: nn.ParameterDict({3: lib.zeros(1)}),
        lambda lib, nn, m: nn.Parameter(lib.tensor([1])),
        lambda lib, nn, m: type("Late", (nn.Module,), {"__init__": late(nn)})(),
    ],
)
def test_what_is_refused(action):
    def script(lib, nn):
        module = nn.Module()
        module.weight = nn.Parameter(lib.zeros(2))
        module.child = nn.Linear(2, 2)
        module.register_buffer("running", lib.zeros(2))
        with pytest.raises(Exception) as caught:
            action(lib, nn, module)
        return caught.value

    ours, theirs = both(script)
    builtin = next(kind for kind in type(theirs).__mro__ if kind.__module__ == "builtins")
    assert isinstance(ours, builtin)


def late(nn):
    def __init__(self):
        self.layer = nn.ReLU()

    return __init__


def test_attributes_move_between_kinds():
    def script(lib, nn):
        m = nn.Module()
        seen = []

        def look():
            seen.append((list(m._parameters), list(m._buffers), list(m._modules), "x" in vars(m)))

        m.x = 3
        look()
        m.x = nn.Parameter(lib.zeros(1))
        look()
        m.x = None
        look()
        del m.x
        m.x = nn.ReLU()
        look()
        m.x = None
        look()
        m.x = nn.Parameter(lib.zeros(1))
        look()
        del m.x
        look()
        m.register_buffer("x", lib.zeros(1))
        m.x = lib.ones(1)
        look()
        m.x = nn.ReLU()
        look()
        m.plain = lib.ones(2)
        seen.append("plain" in vars(m))
        return seen

    ours, theirs = both(script)
    assert ours == theirs


# --- state --------------------------------------------------------------------------------------


def load_scripts():
    def missing(lib, nn, state):
        del state["stem.1.bias"]

    def unexpected(lib, nn, state):
        state["stem.1.extra"] = lib.zeros(1)
        state["other"] = lib.zeros(1)

    def wrong_shape(lib, nn, state):
        state["stem.1.weight"] = lib.zeros(3, 3)
        state["blocks.one.running"] = lib.zeros(5)

    def everything(lib, nn, state):
        missing(lib, nn, state)
        unexpected(lib, nn, state)
        wrong_shape(lib, nn, state)

    def none(lib, nn, state):
        pass

    return [none, missing, unexpected, wrong_shape, everything]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("change", load_scripts(), ids=lambda f: f.__name__)
def test_load_state_dict(change, strict):
    def script(lib, nn):
        lib.manual_seed(0)
        source, model = nested(nn), nested(nn)
        state = source.state_dict()
        change(lib, nn, state)
        try:
            answer = model.load_state_dict(state, strict=strict)
            said = (list(answer.missing_keys), list(answer.unexpected_keys), repr(answer)[-30:])
        except RuntimeError as error:
            said = str(error)
        return said, state_of(model) == state_of(source)

    ours, theirs = both(script)
    assert ours == theirs


def test_loading_keeps_the_parameters_and_assign_replaces_them():
    def script(lib, nn):
        model, state = nn.Linear(2, 2), {"weight": lib.ones(2, 2), "bias": lib.zeros(2)}
        before = model.weight
        model.load_state_dict(state)
        kept = model.weight is before
        model.load_state_dict(state, assign=True)
        return kept, model.weight is before, numbers(before), model.weight.requires_grad

    ours, theirs = both(script)
    assert ours == theirs == (True, False, [[1, 1], [1, 1]], True)


def test_state_dict_shares_memory_with_the_module():
    def script(lib, nn):
        model = nn.Linear(2, 1)
        state = model.state_dict()
        with lib.no_grad():
            model.weight.fill_(3)
        kept = model.state_dict(keep_vars=True)["weight"] is model.weight
        return numbers(state["weight"]), state["weight"].requires_grad, kept

    ours, theirs = both(script)
    assert ours == theirs


def test_extra_state():
    def script(lib, nn):
        class Counter(nn.Module):
            count = 0

            def get_extra_state(self):
                return {"count": self.count}

            def set_extra_state(self, state):
                self.count = state["count"]

        model, other = nn.Sequential(Counter()), nn.Sequential(Counter())
        model[0].count = 5
        other.load_state_dict(model.state_dict())
        with pytest.raises(RuntimeError) as missing:
            other.load_state_dict({})
        with pytest.raises(RuntimeError) as unexpected:
            nn.Sequential(nn.ReLU()).load_state_dict(model.state_dict())
        return list(model.state_dict()), other[0].count, str(missing.value), str(unexpected.value)

    ours, theirs = both(script)
    assert ours == theirs


def test_conversions():
    def script(lib, nn):
        model = nested(nn)
        model.register_buffer("steps", lib.tensor([3]))
        first = model.stem[1].weight
        first.grad = lib.ones(4, 6)
        seen = []
        for convert in (
            lambda: model.double(),
            lambda: model.half(),
            lambda: model.bfloat16(),
            lambda: model.float(),
            lambda: model.to(lib.float64),
            lambda: model.to("cpu", lib.float32),
            lambda: model.to(device="cpu"),
            lambda: model.to(lib.zeros(1).double()),
            lambda: model.cpu(),
        ):
            seen.append(convert() is model)
            seen.append(sorted({str(v.dtype) for v in model.state_dict().values()}))
            seen.append((model.stem[1].weight is first, str(first.grad.dtype)))
        return seen

    ours, theirs = both(script)
    assert ours == theirs


def test_copies_and_pickles():
    def script(lib, nn):
        lib.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.3), nn.PReLU())
        model[0].bias.requires_grad_(False)
        model.eval()
        clone = copy.deepcopy(model)
        seen = [state_of(clone) == state_of(model), clone[0].weight is model[0].weight]
        seen += [clone[0].bias.requires_grad, clone.training, repr(clone)]
        with lib.no_grad():
            clone[0].weight.zero_()
        seen.append(state_of(clone) == state_of(model))
        tied = nn.ModuleList([model[0], model[0]])
        tied.extra = model[0].weight
        copied = copy.deepcopy(tied)
        seen += [copied[0] is copied[1], copied.extra is copied[0].weight]
        return seen

    ours, theirs = both(script)
    assert ours == theirs
    model = gd_nn.Sequential(gd_nn.Linear(3, 2), gd_nn.Dropout(0.3)).eval()
    again = pickle.loads(pickle.dumps(model))
    assert state_of(again) == state_of(model) and not again.training
    assert isinstance(again[0].weight, gd_nn.Parameter) and again[0].weight.requires_grad


def test_modes():
    def script(lib, nn):
        model = nested(nn)
        model.eval()
        seen = [m.training for m in model.modules()]
        model.blocks.train()
        seen += [m.training for m in model.modules()]
        model.requires_grad_(False)
        seen += [p.requires_grad for p in model.parameters()]
        model.stem.requires_grad_()
        seen += [p.requires_grad for p in model.parameters()]
        names = []
        model.apply(lambda m: names.append(type(m).__name__))
        return seen, names

    ours, theirs = both(script)
    assert ours == theirs


def test_zero_grad():
    def script(lib, nn):
        model = nn.Linear(2, 1)
        model(lib.ones(1, 2)).sum().backward()
        grad = model.weight.grad
        model.zero_grad(set_to_none=False)
        seen = [model.weight.grad is grad, numbers(grad)]
        model.zero_grad()
        return [*seen, model.weight.grad]

    ours, theirs = both(script)
    assert ours == theirs


# --- hooks --------------------------------------------------------------------------------------


def test_forward_hooks():
    def script(lib, nn):
        model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        nn.init.ones_(model[0].weight), nn.init.zeros_(model[0].bias)
        log = []
        handles = [
            model.register_forward_pre_hook(lambda m, args: log.append(("pre", numbers(args[0])))),
            model[0].register_forward_pre_hook(lambda m, args: args[0] * 2),
            model[1].register_forward_hook(lambda m, args, out: log.append(("out", numbers(out)))),
            model[1].register_forward_hook(lambda m, args, out: out + 10),
            model[1].register_forward_hook(
                lambda m, args, out: log.append(("first", numbers(out))), prepend=True
            ),
        ]
        results = [numbers(model(lib.ones(1, 2)))]
        for handle in handles:
            handle.remove()
        results.append(numbers(model(lib.ones(1, 2))))
        return log, results

    ours, theirs = both(script)
    assert ours == theirs


def test_hooks_with_keyword_arguments():
    def script(lib, nn):
        class Scale(nn.Module):
            def forward(self, x, *, by=1.0):
                return x * by

        model, log = Scale(), []
        model.register_forward_pre_hook(
            lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True
        )
        model.register_forward_hook(
            lambda m, args, kwargs, out: log.append((kwargs, numbers(out))), with_kwargs=True
        )
        return numbers(model(lib.ones(2), by=2.0)), log

    ours, theirs = both(script)
    assert ours == theirs


def test_a_hook_that_is_always_called():
    def script(lib, nn):
        class Fails(nn.Module):
            def forward(self, x):
                raise ValueError("no")

        model, log = Fails(), []
        model.register_forward_hook(lambda m, a, out: log.append(out), always_call=True)
        model.register_forward_hook(lambda m, a, out: log.append("not this one"))
        with pytest.raises(ValueError):
            model(lib.ones(1))
        return log

    ours, theirs = both(script)
    assert ours == theirs == [None]


@pytest.mark.parametrize("input_needs_gradient", [True, False])
def test_backward_hooks(input_needs_gradient):
    def script(lib, nn):
        model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Tanh())
        nn.init.constant_(model[0].weight, 0.5)
        log = []

        def rounded(grads):
            return [None if g is None else np.round(g.numpy(), 3).tolist() for g in grads]

        model[0].register_full_backward_pre_hook(lambda m, out: log.append(("pre", rounded(out))))
        model[0].register_full_backward_pre_hook(lambda m, out: (out[0] * 2,))
        handle = model[0].register_full_backward_hook(
            lambda m, into, out: log.append(("linear", rounded(into), rounded(out)))
        )
        model[1].register_full_backward_hook(lambda m, into, out: (into[0] * 10,))
        x = lib.tensor([[1.0, 2.0]], requires_grad=input_needs_gradient)
        model(x).sum().backward()
        handle.remove()
        grads = [rounded([model[0].weight.grad]), rounded([x.grad])]
        return log, grads

    (log, grads), (log_theirs, grads_theirs) = both(script)
    assert [entry[0] for entry in log] == [entry[0] for entry in log_theirs]
    assert log == log_theirs
    assert grads == grads_theirs


# --- containers ---------------------------------------------------------------------------------


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


# --- nn.utils -----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1000.0])
def test_clip_grad_norm(max_norm, norm_type):
    grads = [np.random.RandomState(k).normal(size=(3, k + 1)).astype(np.float32) for k in range(3)]

    def script(lib, nn):
        parameters = [nn.Parameter(lib.zeros(3, k + 1)) for k in range(4)]
        for parameter, grad in zip(parameters, grads):
            parameter.grad = lib.tensor(grad)
        before = parameters[0].grad
        total = nn.utils.clip_grad_norm_(parameters, max_norm, norm_type)
        assert parameters[0].grad is before
        return [total.numpy(), *(p.grad.numpy() for p in parameters[:3])]

    for ours, theirs in zip(*both(script)):
        np.testing.assert_allclose(ours, theirs, rtol=2e-6)


def test_other_utils():
    def script(lib, nn):
        model = nn.Linear(2, 2)
        nn.init.ones_(model.weight), nn.init.zeros_(model.bias)
        model.weight.grad = lib.tensor([[5.0, -5.0], [0.5, 0.0]])
        nn.utils.clip_grad_value_(model.parameters(), 1.0)
        vector = nn.utils.parameters_to_vector(model.parameters())
        seen = [numbers(model.weight.grad), numbers(vector), vector.requires_grad]
        weight = model.weight
        nn.utils.vector_to_parameters(lib.arange(6.0), model.parameters())
        seen += [state_of(model), model.weight is weight, weight.requires_grad]
        with pytest.raises(RuntimeError):
            weight.grad = lib.tensor([[math.nan, 0.0], [0.0, 0.0]])
            nn.utils.clip_grad_norm_([weight], 1.0, error_if_nonfinite=True)
        seen.append(nn.utils.clip_grad_norm_([], 1.0).item())
        return seen

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = both(script)
    assert ours == theirs
