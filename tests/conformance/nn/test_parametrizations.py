"""What changes what a parameter is, against PyTorch: weight and spectral normalization, by hooks
and as parametrizations, parametrizations of one's own, orthogonal matrices, fusion.
"""

from __future__ import annotations

import copy
import itertools
import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

from twins import both, numbers, state_of

import gradatim as gd

LAYERS = {
    "Linear": ("Linear(4, 3)", (5, 4)),
    "Conv2d": ("Conv2d(2, 3, 3, bias=False)", (2, 2, 5, 4)),
    "ConvTranspose1d": ("ConvTranspose1d(2, 3, 2)", (2, 2, 5)),
}
NORMS = """
utils.weight_norm(layer)
utils.weight_norm(layer, dim=1)
utils.weight_norm(layer, 'weight', None)
utils.spectral_norm(layer)
utils.spectral_norm(layer, n_power_iterations=3)
utils.spectral_norm(layer, 'weight', eps=1e-3, dim=1)
utils.parametrizations.weight_norm(layer)
utils.parametrizations.weight_norm(layer, 'weight', 1)
utils.parametrizations.weight_norm(layer, dim=None)
utils.parametrizations.spectral_norm(layer)
utils.parametrizations.spectral_norm(layer, 'weight', 2)
utils.parametrizations.spectral_norm(layer, eps=1e-3, dim=1)
"""
MAPS = """
utils.parametrizations.orthogonal(layer)
utils.parametrizations.orthogonal(layer, orthogonal_map='cayley')
utils.parametrizations.orthogonal(layer, orthogonal_map='matrix_exp')
utils.parametrizations.orthogonal(layer, 'weight', 'householder', use_trivialization=False)
"""


def quietly(line, nn, **names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the hooks are deprecated
        return eval(line, {**vars(nn), "nn": nn, **names})


def trained(lib, nn, layer, shape, steps=5):
    """Five steps of training and one of evaluation: results, gradients, state."""
    rng, results = np.random.default_rng(2), []
    optimizer = lib.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    for step in range(steps + 1):
        layer.train(step < steps)
        x = lib.tensor(rng.normal(size=shape), requires_grad=True)
        y = layer(x)
        (y * y.detach().cos()).sum().backward()
        results += [y.detach().numpy(), x.grad.numpy(), layer.weight.detach().numpy().copy()]
        results += [parameter.grad.numpy().copy() for parameter in layer.parameters()]
        optimizer.step()
        optimizer.zero_grad()
    return results + [value.numpy() for value in layer.state_dict().values()]


def described(layer):
    state = [(key, tuple(value.shape)) for key, value in layer.state_dict().items()]
    names = [name for name, _ in layer.named_parameters()]
    return repr(layer), state, names, dict(layer.state_dict()._metadata)


@pytest.mark.parametrize(
    ("line", "kind"), list(zip(filter(None, NORMS.split("\n")), itertools.cycle(LAYERS)))
)
def test_a_normalized_layer_trains_as_in_pytorch(line, kind):
    text, shape = LAYERS[kind]

    def script(lib, nn):
        lib.manual_seed(3)
        layer = quietly(text, nn).double()
        layer = quietly(line, nn, layer=layer)
        said = described(layer)
        results = trained(lib, nn, layer, shape)
        again = quietly(line, nn, layer=quietly(text, nn).double())
        said += (
            repr(again.load_state_dict(layer.state_dict())),
            state_of(again) == state_of(layer),
        )
        x = lib.ones(*shape).double()
        results += [again.eval()(x).detach().numpy(), layer.eval()(x).detach().numpy()]
        return said, results, lib.rand(1).item()

    ours, theirs = both(script)
    assert ours[0] == theirs[0] and ours[2] == theirs[2]
    for mine, other in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (2, 4)])
@pytest.mark.parametrize("line", list(filter(None, MAPS.split("\n"))))
def test_an_orthogonal_layer_trains_as_in_pytorch(line, shape):
    def script(lib, nn):
        lib.manual_seed(3)
        layer = quietly(line, nn, layer=nn.Linear(shape[1], shape[0]).double())
        said = described(layer)
        return said, trained(lib, nn, layer, (4, shape[1])), lib.rand(1).item()

    ours, theirs = both(script)
    assert ours[0] == theirs[0] and ours[2] == theirs[2]
    for mine, other in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-10)


def test_assigning_to_an_orthogonal_weight():
    def script(lib, nn):
        lib.manual_seed(3)
        layer = nn.utils.parametrizations.orthogonal(nn.Linear(4, 4).double())
        matrix = lib.tensor(np.random.default_rng(0).normal(size=(4, 4)))
        nn.init.orthogonal_(matrix)
        layer.weight = matrix
        return numbers(layer.weight - matrix), numbers(layer.parametrizations.weight[0].base)

    ours, theirs = both(script)
    np.testing.assert_allclose(ours[0], np.zeros((4, 4)), atol=1e-14)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-12)


@pytest.mark.parametrize("remove", ["weight_norm", "spectral_norm"])
def test_hooks_are_removed(remove):
    def script(lib, nn):
        lib.manual_seed(3)
        layer = quietly(f"utils.{remove}(layer)", nn, layer=nn.Linear(4, 3).double())
        layer(lib.ones(2, 4).double())
        weight = layer.eval()(lib.eye(4).double()) - layer.bias
        layer = getattr(nn.utils, f"remove_{remove}")(layer)
        said = described(layer), isinstance(layer.weight, nn.Parameter)
        return said, numbers(layer.weight.T - weight), numbers(layer.weight)

    ours, theirs = both(script)
    assert ours[0] == theirs[0]
    np.testing.assert_allclose(ours[1], np.zeros((4, 3)), atol=1e-12)
    np.testing.assert_allclose(ours[2], theirs[2], atol=1e-12)


def test_the_state_of_the_older_weight_norm_loads_into_the_newer():
    def script(lib, nn):
        lib.manual_seed(3)
        older = quietly("utils.weight_norm(Linear(4, 3))", nn)
        newer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
        said = repr(newer.load_state_dict(older.state_dict()))
        return said, bool((newer.parametrizations.weight.original0 == older.weight_g).all())

    ours, theirs = both(script)
    assert ours == theirs


# --- parametrizations of one's own ----------------------------------------------------------------


def makers(lib, nn):
    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x):
            return x.triu()

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(lib.full((), 2.0))

        def forward(self, x):
            return x * self.scale

    class Sum(nn.Module):
        def forward(self, a, b):
            return a + b

        def right_inverse(self, x):
            return x * 0.25, x * 0.75

    class Row(nn.Module):
        def forward(self, x):
            return x[:1]

    class Double(nn.Module):
        def forward(self, x):
            return x.double()

    return Symmetric, Scaled, Sum, Row, Double


def test_parametrizations():
    def script(lib, nn):
        P = nn.utils.parametrize
        Symmetric, Scaled, Sum, Row, _ = makers(lib, nn)
        lib.manual_seed(0)
        layer, seen = nn.Linear(3, 3), []
        weight = layer.weight
        P.register_parametrization(layer, "weight", Symmetric())
        seen += [described(layer), numbers(layer.weight), P.is_parametrized(layer)]
        seen += [P.is_parametrized(layer, "bias"), P.type_before_parametrizations(layer).__name__]
        seen += [type(layer).__name__, layer.parametrizations.weight.original is weight]
        layer.weight = lib.arange(9.0).reshape(3, 3)
        seen += [numbers(layer.weight), numbers(layer.parametrizations.weight.original)]
        P.register_parametrization(layer, "weight", Scaled())
        P.register_parametrization(layer, "bias", Sum(), unsafe=True)
        seen += [described(layer), numbers(layer.weight), numbers(layer(lib.ones(1, 3)))]
        clone = copy.deepcopy(layer)
        seen += [described(clone), state_of(clone) == state_of(layer)]
        with P.cached():
            seen.append(layer.weight is layer.weight)
        seen.append(layer.weight is layer.weight)
        other = nn.Linear(3, 3)
        P.transfer_parametrizations_and_params(layer, other)
        seen += [described(other), numbers(other.weight)]
        seen.append(
            other.parametrizations.weight.original is layer.parametrizations.weight.original
        )
        layer(lib.ones(1, 3)).sum().backward()
        seen += [numbers(p.grad) for p in layer.parameters()]
        P.remove_parametrizations(layer, "weight")
        seen += [described(layer), numbers(layer.weight), layer.weight is weight]
        P.remove_parametrizations(layer, "bias")
        seen += [described(layer), numbers(layer.bias), type(layer).__name__]
        P.register_parametrization(layer, "weight", Row(), unsafe=True)
        seen += [tuple(layer.weight.shape), tuple(layer.parametrizations.weight.original.shape)]
        P.remove_parametrizations(layer, "weight", leave_parametrized=False)
        seen += [tuple(layer.weight.shape), described(layer)]
        bn = nn.BatchNorm1d(2)
        P.register_parametrization(bn, "running_mean", Scaled())
        seen += [described(bn), list(bn._buffers)]
        return seen

    ours, theirs = both(script)
    for mine, other in zip(ours, theirs, strict=True):
        if isinstance(other, (list, float)) and np.asarray(other).dtype.kind == "f":
            np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-6)  # one or two roundings
        else:
            assert mine == other


@pytest.mark.parametrize(
    "action",
    [
        lambda lib, nn, P, m, layer: P.register_parametrization(layer, "other", m[0]()),
        lambda lib, nn, P, m, layer: P.register_parametrization(layer, "weight", m[3]()),
        lambda lib, nn, P, m, layer: P.register_parametrization(layer, "weight", m[4]()),
        lambda lib, nn, P, m, layer: P.remove_parametrizations(layer, "weight"),
        lambda lib, nn, P, m, layer: P.ParametrizationList([], layer.weight),
        lambda lib, nn, P, m, layer: setattr(
            P.register_parametrization(layer, "weight", m[1]()), "weight", lib.ones(3, 3)
        ),
        lambda lib, nn, P, m, layer: P.remove_parametrizations(
            P.register_parametrization(layer, "weight", m[2]()), "weight", False
        ),
        lambda lib, nn, P, m, layer: copy.copy(
            P.register_parametrization(layer, "weight", m[0]())
        ).__getstate__(),
        lambda lib, nn, P, m, layer: nn.utils.parametrizations.orthogonal(layer, "other"),
        lambda lib, nn, P, m, layer: nn.utils.parametrizations.orthogonal(layer, "bias"),
        lambda lib, nn, P, m, layer: nn.utils.parametrizations.orthogonal(layer, "weight", "other"),
        lambda lib, nn, P, m, layer: nn.utils.parametrizations.spectral_norm(layer, "other"),
        lambda lib, nn, P, m, layer: nn.utils.parametrizations.spectral_norm(layer, dim=2),
        lambda lib, nn, P, m, layer: nn.utils.parametrizations.spectral_norm(
            layer, n_power_iterations=0
        ),
        lambda lib, nn, P, m, layer: nn.utils.weight_norm(nn.utils.weight_norm(layer)),
        lambda lib, nn, P, m, layer: nn.utils.weight_norm(nn.LazyLinear(3)),
        lambda lib, nn, P, m, layer: nn.utils.remove_weight_norm(layer),
        lambda lib, nn, P, m, layer: nn.utils.remove_spectral_norm(layer),
        lambda lib, nn, P, m, layer: nn.utils.spectral_norm(layer, n_power_iterations=0),
        lambda lib, nn, P, m, layer: nn.utils.spectral_norm(nn.utils.spectral_norm(layer)),
        lambda lib, nn, P, m, layer: nn.utils.fuse_linear_bn_eval(layer, nn.BatchNorm1d(3)),
        lambda lib, nn, P, m, layer: nn.utils.fuse_linear_bn_eval(
            layer.eval(), nn.BatchNorm1d(2).eval()
        ),
        lambda lib, nn, P, m, layer: nn.utils.skip_init(nn.ReLU),
        lambda lib, nn, P, m, layer: nn.utils.skip_init(3),
    ],
)
def test_what_is_refused(action):
    def script(lib, nn):
        with warnings.catch_warnings(), pytest.raises(Exception) as caught:
            warnings.simplefilter("ignore")
            action(lib, nn, nn.utils.parametrize, makers(lib, nn), nn.Linear(3, 3))
        return caught.value

    ours, theirs = both(script)
    builtin = next(kind for kind in type(theirs).__mro__ if kind.__module__ == "builtins")
    assert isinstance(ours, builtin) and isinstance(ours, gd.Error)


# --- fusion and the rest --------------------------------------------------------------------------

FUSED = """
Conv1d(2, 3, 2), BatchNorm1d(3), (2, 2, 5)
Conv2d(2, 4, 3, bias=False), BatchNorm2d(4, eps=0.1), (2, 2, 5, 4)
Conv2d(4, 4, 3, groups=2), BatchNorm2d(4, affine=False), (2, 4, 5, 4)
ConvTranspose2d(2, 3, 2), BatchNorm2d(3), (2, 2, 5, 4)
Linear(4, 3), BatchNorm1d(3), (5, 4)
Linear(4, 3, bias=False), BatchNorm1d(3, eps=0.1), (5, 4)
"""


@pytest.mark.parametrize("line", list(filter(None, FUSED.split("\n"))))
def test_fusion(line):
    def script(lib, nn):
        lib.manual_seed(0)
        layer, bn, shape = eval(line, vars(nn))
        layer, bn, x = layer.double(), bn.double(), lib.rand(*shape).double()
        bn(layer(x))  # running values of one batch
        layer.eval(), bn.eval()
        if isinstance(layer, nn.Linear):
            fused = nn.utils.fuse_linear_bn_eval(layer, bn)
        else:
            transposed = isinstance(layer, nn.ConvTranspose2d)
            fused = nn.utils.fuse_conv_bn_eval(layer, bn, transposed)
        needs = [p.requires_grad for p in fused.parameters()]
        apart = (fused(x) - bn(layer(x))).abs().max().item()
        return needs, repr(fused), apart, [value.numpy() for value in fused.state_dict().values()]

    ours, theirs = both(script)
    assert ours[:2] == theirs[:2] and ours[2] < 1e-12
    for mine, other in zip(ours[3], theirs[3], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


def test_gradients_are_clipped_to_a_norm_that_is_known():
    def script(lib, nn):
        weights = [lib.ones(3, requires_grad=True), lib.ones(2, 2, requires_grad=True)]
        for k, weight in enumerate(weights):
            weight.grad = lib.full_like(weight, k + 1.0).detach()
        total = nn.utils.get_total_norm([weight.grad for weight in weights])
        nn.utils.clip_grads_with_norm_(weights, 1.5, total)
        found = [numbers(total), *(numbers(weight.grad) for weight in weights)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(numbers(nn.utils.clip_grad_norm(weights, 0.5)))
        return [*found, *(numbers(weight.grad) for weight in weights)]

    ours, theirs = both(script)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6)


def test_skipped_initial_values_leave_the_stream():
    def script(lib, nn):
        lib.manual_seed(0)
        layer = nn.utils.skip_init(nn.Linear, 3, 2, dtype=lib.float64)
        return repr(layer), str(layer.weight.dtype), lib.rand(1).item()

    ours, theirs = both(script)
    assert ours == theirs


@pytest.mark.parametrize(
    "line",
    [
        "uniform(x, 1, 2)", "normal(x, 1, 2)", "constant(x, 3)", "eye(x)", "dirac(x.view(2, 3, 2))",
        "xavier_uniform(x)", "xavier_normal(x, 2)", "kaiming_uniform(x)", "kaiming_normal(x)",
        "sparse(x, 0.5)", "orthogonal(x)",
    ],
)  # fmt: skip
def test_older_names_of_initial_values(line):
    def script(lib, nn):
        lib.manual_seed(0)
        x = lib.zeros(4, 3)
        with pytest.warns(FutureWarning):
            result = eval(f"nn.init.{line}", {"nn": nn, "x": x})
        return result is x or "view" in line, numbers(x)

    ours, theirs = both(script)
    assert ours[0] and theirs[0]
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5, atol=1e-6)  # QR, in float32
