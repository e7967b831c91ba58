"""Modules that find out their shapes from their first input, and buffers, against PyTorch."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

from twins import both, state_of

import gradatim as gd

SHAPES = {"1d": (3, 4, 7), "2d": (2, 4, 6, 5), "3d": (2, 4, 4, 5, 6), "ar": (3, 4)}
LAYERS = """
LazyLinear(3)
LazyLinear(2, bias=False)
LazyLinear(1, dtype=DTYPE)
LazyConv1d(6, 3)
LazyConv1d(6, 2, stride=2, groups=2)
LazyConv1d(2, 3, padding='same', bias=False)
LazyConv2d(6, 3)
LazyConv2d(4, (2, 3), groups=4, dilation=(1, 2))
LazyConv2d(3, 3, padding=1, padding_mode='reflect', bias=False)
LazyConv3d(2, 2)
LazyConv3d(4, 2, groups=2, bias=False)
LazyConv3d(2, (1, 2, 3), padding=(0, 1, 1))
LazyConvTranspose1d(6, 3)
LazyConvTranspose1d(6, 2, stride=2, groups=2)
LazyConvTranspose1d(2, 3, bias=False)
LazyConvTranspose2d(6, 3)
LazyConvTranspose2d(4, (2, 3), groups=4)
LazyConvTranspose2d(3, 3, stride=2, output_padding=1, bias=False)
LazyConvTranspose3d(2, 2)
LazyConvTranspose3d(4, 2, groups=2, bias=False)
LazyConvTranspose3d(2, (1, 2, 3), padding=(0, 1, 1))
LazyBatchNorm1d()
LazyBatchNorm1d(affine=False)
LazyBatchNorm1d(track_running_stats=False)
LazyBatchNorm2d()
LazyBatchNorm2d(0.1, 0.3)
LazyBatchNorm2d(bias=False)
LazyBatchNorm3d()
LazyBatchNorm3d(momentum=None)
LazyBatchNorm3d(affine=False)
LazyInstanceNorm1d()
LazyInstanceNorm1d(affine=False)
LazyInstanceNorm1d(track_running_stats=False)
LazyInstanceNorm2d()
LazyInstanceNorm2d(0.1, 0.3)
LazyInstanceNorm2d(bias=False)
LazyInstanceNorm3d()
LazyInstanceNorm3d(affine=False)
LazyInstanceNorm3d(track_running_stats=False, dtype=DTYPE)
"""


def built(line, lib, nn):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that lazy modules are new, in PyTorch
        return eval(line.replace("DTYPE", "lib.float64"), {**vars(nn), "lib": lib})


def shape_for(line):
    return SHAPES[line.partition("(")[0][-2:]]


@pytest.mark.parametrize("line", list(filter(None, LAYERS.split("\n"))))
def test_a_lazy_layer_becomes_and_trains_as_in_pytorch(line):
    def script(lib, nn):
        lib.manual_seed(1)
        layer = built(line, lib, nn)
        said = [repr(layer), list(layer.state_dict()), [repr(p) for p in layer.parameters()]]
        layer = layer.double()
        said.append(layer.has_uninitialized_params())
        rng, results, optimizer = np.random.default_rng(2), [], None
        for mode in (True, True, True, True, True, False):
            layer.train(mode)
            x = lib.tensor(rng.normal(size=shape_for(line)), requires_grad=True)
            y = layer(x)
            (y * y.detach().cos()).sum().backward()
            weights = list(layer.parameters())
            results += [y.detach().numpy(), x.grad.numpy()]
            results += [weight.grad.numpy().copy() for weight in weights]
            if weights:
                optimizer = optimizer or lib.optim.Adam(weights, lr=0.05)
                optimizer.step()
                optimizer.zero_grad()
        said += [repr(layer), type(layer).__name__, lib.rand(1).item()]
        return said, results + [value.numpy() for value in layer.state_dict().values()]

    ours, theirs = both(script)
    assert ours[0] == theirs[0]
    for mine, other in zip(ours[1], theirs[1], strict=True):
        assert mine.dtype == other.dtype and mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-10)  # float64, five Adam steps


@pytest.mark.parametrize("line", ["LazyLinear(3)", "LazyConv2d(4, 3)", "LazyBatchNorm2d()"])
def test_a_state_gives_shapes_to_a_lazy_layer(line):
    def script(lib, nn):
        lib.manual_seed(1)
        source, target = built(line, lib, nn), built(line, lib, nn)
        x = lib.ones(*shape_for(line))
        source(x)
        said = [target.has_uninitialized_params()]
        said.append(repr(target.load_state_dict(source.state_dict())))
        said += [repr(target), target.has_uninitialized_params()]
        said.append(bool((target(x) == source(x)).all()))
        return [*said, state_of(target) == state_of(source)], repr(target) == repr(source)

    ours, theirs = both(script)
    assert ours[0] == theirs[0]
    assert ours[1]  # PyTorch says in_channels=0 then, and refuses an instance normalization


@pytest.mark.parametrize(
    "action",
    [
        lambda lib, nn, m: m.weight.shape,
        lambda lib, nn, m: m.weight + 1,
        lambda lib, nn, m: m.weight.sum(),
        lambda lib, nn, m: nn.Linear(2, 3).load_state_dict(m.state_dict()),
        lambda lib, nn, m: nn.LazyConv2d(4, 2, groups=2)(lib.ones(1, 3, 4, 4)),
        lambda lib, nn, m: nn.LazyConv2d(4, 2)(lib.ones(3, 4)),
        lambda lib, nn, m: nn.LazyBatchNorm2d()(lib.ones(3, 4)),
    ],
)
def test_what_is_refused(action):
    def script(lib, nn):
        with warnings.catch_warnings(), pytest.raises(Exception) as caught:
            warnings.simplefilter("ignore")
            action(lib, nn, nn.LazyLinear(3))
        return caught.value

    ours, theirs = both(script)
    builtin = next(kind for kind in type(theirs).__mro__ if kind.__module__ == "builtins")
    assert isinstance(ours, builtin) and isinstance(ours, gd.Error)


def test_buffers():
    def script(lib, nn):
        data = lib.zeros(2)
        module = nn.Module()
        module.first = nn.Buffer(data)
        module.second = nn.Buffer(lib.ones(1), persistent=False)
        module.third = nn.Buffer()
        data[0] = 5
        seen = [list(module.state_dict()), [n for n, _ in module.named_buffers()]]
        seen += [isinstance(module.first, nn.Buffer), module.first.requires_grad]
        seen += [repr(module.first), module.first.tolist(), isinstance(module.first, nn.Parameter)]
        module.second = lib.full((1,), 2.0)
        seen += [list(module.state_dict()), module.second.tolist()]
        module.second = nn.Buffer(lib.ones(1))
        seen += [list(module.state_dict()), (module.first + 1).tolist()]
        again = copy.deepcopy(module).double()
        return [*seen, str(again.first.dtype), again.first.tolist()]

    ours, theirs = both(script)
    assert ours == theirs


def test_batch_normalizations_become_synchronized_ones():
    def script(lib, nn):
        model = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm1d(2, affine=False)))
        model[0](lib.ones(2, 3, 2, 2))
        weight = model[0].weight
        model.eval()
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return repr(model), state_of(model), model[0].weight is weight, model[0].training

    ours, theirs = both(script)
    assert ours[0] == theirs[0] and ours[2:] == theirs[2:]
    assert list(ours[1]) == list(theirs[1])


def test_one_device_runs_a_parallel_module():
    def script(lib, nn):
        lib.manual_seed(0)
        model = nn.Linear(3, 2)
        parallel, x = nn.DataParallel(model), lib.ones(4, 3)
        same = bool((parallel(x) == model(x)).all())
        return repr(parallel), list(parallel.state_dict()), same, parallel.module is model

    ours, theirs = both(script)
    assert ours == theirs
    model, x = gd.nn.Linear(3, 2), gd.ones(4, 3)
    assert bool((gd.nn.parallel.data_parallel(model, x) == model(x)).all())


def test_a_copy_of_a_lazy_layer_is_lazy():
    layer = gd.nn.LazyBatchNorm1d(dtype=gd.float64)
    again = copy.deepcopy(layer)
    layer(gd.ones(2, 3).double())
    assert again.has_uninitialized_params()
    assert again(gd.ones(2, 4).double()).dtype is gd.float64
    assert again.running_mean.shape == (4,) and again.running_mean.dtype is gd.float64
