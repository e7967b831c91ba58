"""Members, state and hooks of modules against PyTorch."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("torch")

from twins import both, nested, numbers, state_of

import gradatim as gd

# --- members --------------------------------------------------------------------------------------


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


# --- state ----------------------------------------------------------------------------------------


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
    model = gd.nn.Sequential(gd.nn.Linear(3, 2), gd.nn.Dropout(0.3)).eval()
    again = pickle.loads(pickle.dumps(model))
    assert state_of(again) == state_of(model) and not again.training
    assert isinstance(again[0].weight, gd.nn.Parameter) and again[0].weight.requires_grad


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


# --- hooks ----------------------------------------------------------------------------------------


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
