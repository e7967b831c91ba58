"""Convolution, pooling and normalization layers against PyTorch: text, weights, training."""

from __future__ import annotations

import copy

import numpy as np
import pytest

pytest.importorskip("torch")

from twins import both, numbers, state_of

import gradatim as gd

LAYERS = """
Conv1d(4, 6, 3)
Conv1d(4, 6, 3, padding='same', dtype=lib.float64)
Conv2d(4, 20, 5)
Conv2d(4, 6, (3, 5), 2, (1, 3), (2, 1), 2, False)
Conv2d(4, 6, 3, padding=(1, 2), padding_mode='reflect')
Conv2d(4, 6, 3, padding=1, padding_mode='replicate')
Conv2d(4, 6, (3, 2), padding='same', padding_mode='circular')
Conv2d(4, 8, 3, groups=4)
Conv3d(4, 2, (1, 2, 3), stride=(1, 2, 1))
ConvTranspose1d(4, 3, 3, 2)
ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 2)
ConvTranspose2d(4, 6, (2, 3), bias=False)
ConvTranspose3d(4, 2, 2)
MaxPool1d(3, stride=2)
MaxPool2d(2)
MaxPool2d((2, 3), 1, 1, 1, ceil_mode=True)
MaxPool3d(2, return_indices=True)
AvgPool1d(2)
AvgPool1d(3, 2, 1, True, False)
AvgPool2d(2, 1, 1, True, False, 3)
AvgPool3d(2)
AdaptiveAvgPool1d(3)
AdaptiveAvgPool2d((1, None))
AdaptiveAvgPool3d(1)
AdaptiveMaxPool1d(3, True)
AdaptiveMaxPool2d(2)
AdaptiveMaxPool3d((1, 2, 3))
BatchNorm1d(4)
BatchNorm1d(4, affine=False)
BatchNorm2d(4, 1e-3, 0.3)
BatchNorm2d(4, momentum=None)
BatchNorm2d(4, bias=False)
BatchNorm2d(4, track_running_stats=False)
BatchNorm3d(4)
LayerNorm(6)
LayerNorm((6, 5))
LayerNorm([6, 5], elementwise_affine=False)
LayerNorm(6, bias=False)
RMSNorm(6)
GroupNorm(2, 4)
GroupNorm(4, 4, affine=False)
GroupNorm(2, 4, bias=False)
InstanceNorm1d(4)
InstanceNorm2d(4, affine=True, track_running_stats=True)
InstanceNorm3d(4)
LocalResponseNorm(2)
LocalResponseNorm(5, 0.5, 0.6, 2.0)
Dropout1d(0.3)
Dropout2d(0.3)
Dropout3d()
Unfold(2)
Unfold((2, 1), 1, 1, 2)
Fold((4, 5), (1, 2))
"""
SHAPES = {"1": (5, 4, 6), "2": (3, 4, 7, 6), "3": (2, 4, 4, 5, 6)}


def shape_for(line):
    name = line.partition("(")[0]
    if name in ("LayerNorm", "RMSNorm"):
        return (3, 6, 5) if "5" in line else (3, 5, 6)
    if name == "Fold":
        return (2, 4, 16)
    return SHAPES.get(name[-2], SHAPES["2"])


@pytest.mark.parametrize("line", list(filter(None, LAYERS.split("\n"))))
def test_a_layer_has_the_same_text_weights_and_results(line):
    """In training twice, then in evaluation: results, gradients, state, and the stream after."""

    def script(lib, nn):
        lib.manual_seed(5)
        layer = eval(f"nn.{line}", {"nn": nn, "lib": lib})
        start = copy.deepcopy(state_of(layer))
        array = np.random.RandomState(2).normal(size=shape_for(line))
        dtype = lib.float64 if "float64" in line else lib.float32
        results = []
        for mode in (True, True, False):
            layer.train(mode)
            x = lib.tensor(array, dtype=dtype, requires_grad=True)
            y = layer(x)
            y = y[0] if isinstance(y, tuple) else y
            (y * y).sum().backward()
            results += [y.detach().numpy(), x.grad.numpy()]
        grads = [p.grad.numpy() for p in layer.parameters()]
        state = [value.numpy() for value in layer.state_dict().values()]
        return repr(layer), start, results, grads, state, lib.rand(1).item()

    ours, theirs = both(script)
    assert ours[0] == theirs[0] and ours[1] == theirs[1] and ours[5] == theirs[5]
    for mine, other in zip(ours[2:5], theirs[2:5]):
        for a, b in zip(mine, other, strict=True):
            assert a.dtype == b.dtype
            # Sums of up to a few hundred numbers of size 10, in float32 and in another order.
            np.testing.assert_allclose(
                a, b, rtol=2e-5, atol=2e-5 * max(1, np.abs(b).max(initial=0))
            )


REFUSED = """
Conv2d(3, 6, 3, groups=2)
Conv2d(4, 6, 3, groups=4)
Conv2d(4, 6, 3, groups=0)
Conv2d(3, 6, 3, padding='other')
Conv2d(3, 6, 3, padding='same', stride=2)
Conv2d(3, 6, 3, padding_mode='other')
ConvTranspose2d(3, 3, 2, padding_mode='reflect')
GroupNorm(3, 4)
Dropout2d(1.5)
Conv2d(3, 2, 2)(x)
Conv1d(3, 2, 2)(x)
Conv2d(4, 2, 8)(x)
ConvTranspose2d(4, 2, 2, 2)(x, output_size=(20, 20))
ConvTranspose2d(4, 2, 2, 2)(x, output_size=(20,))
BatchNorm2d(3)(x)
BatchNorm1d(4)(x)
BatchNorm2d(4)(x[0])
BatchNorm3d(4)(x)
BatchNorm2d(4)(x[:1, :, :1, :1])
InstanceNorm1d(4)(x)
InstanceNorm2d(3, affine=True)(x)
LayerNorm(3)(x)
GroupNorm(3, 6)(x)
Dropout1d()(x)
MaxPool2d(9)(x)
"""


@pytest.mark.parametrize("line", list(filter(None, REFUSED.split("\n"))))
def test_what_is_refused(line):
    def script(lib, nn):
        with pytest.raises(Exception) as caught:
            eval(f"nn.{line}", {"nn": nn, "x": lib.ones(2, 4, 6, 5)})
        return caught.value

    ours, theirs = both(script)
    builtin = next(kind for kind in type(theirs).__mro__ if kind.__module__ == "builtins")
    assert isinstance(ours, gd.Error) and isinstance(ours, builtin)


def test_output_size_of_a_transposed_convolution():
    def script(lib, nn):
        lib.manual_seed(0)
        layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
        x = lib.ones(1, 2, 4, 5)
        sizes = [(7, 10), (8, 9), (1, 3, 8, 10)]
        return [numbers(layer(x, output_size=size)) for size in sizes]

    for mine, other in zip(*both(script)):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-6)  # sums of 18 float32


def test_a_state_from_before_batches_were_counted_loads():
    def script(lib, nn):
        layer = nn.BatchNorm2d(2)
        layer(lib.arange(16.0).reshape(2, 2, 2, 2))
        state = layer.state_dict()
        del state["num_batches_tracked"]
        state._metadata[""]["version"] = 1
        other = nn.BatchNorm2d(2)
        other.load_state_dict(state)
        return state_of(other), dict(layer.state_dict()._metadata)

    ours, theirs = both(script)
    assert ours[1] == theirs[1]
    for name, value in theirs[0].items():
        np.testing.assert_allclose(ours[0][name], value, rtol=1e-6)  # one rounding of float32


def test_feature_dropout_drops_the_same_channels():
    def script(lib, nn):
        lib.manual_seed(3)
        F, x = nn.functional, lib.ones(4, 6, 3, 2)
        results = [F.dropout2d(x), F.dropout3d(x), F.dropout2d(x, 0.2, inplace=True)]
        results += [F.dropout1d(x[0]), F.dropout1d(x[0, 0]), F.dropout2d(x, 1.0), lib.rand(2)]
        return [numbers(result) for result in results]

    ours, theirs = both(script)
    assert ours == theirs


# --- training ------------------------------------------------------------------------------------


def lenet(nn):
    """LeNet-5 (LeCun et al., 1998), with its averages and sigmoids."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, stride=2),
        nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2, stride=2),
        nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(),
        nn.Linear(84, 10),
    )  # fmt: skip


def small_cnn(nn):
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def normalized(nn):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.2),
        nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, groups=4), nn.BatchNorm2d(16), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("build", [lenet, small_cnn, normalized])
def test_ten_steps_of_training(build, compiled):
    rng = np.random.RandomState(0)
    images, labels = rng.rand(10, 16, 1, 28, 28).astype(np.float32), rng.randint(0, 10, (10, 16))

    def script(lib, nn):
        lib.manual_seed(0)
        model = build(nn)
        optimizer = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x, y):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        if compiled and lib is gd:
            step = gd.compile(step)
        losses = [step(lib.tensor(x), lib.tensor(y)).item() for x, y in zip(images, labels)]
        model.eval()
        losses += model(lib.tensor(images[0])).detach().numpy().ravel().tolist()
        return losses, [value.numpy() for value in model.state_dict().values()]

    ours, theirs = both(script)
    # float32, other orders of summation: 1e-7 a step, and ten steps with momentum amplify it.
    np.testing.assert_allclose(ours[0], theirs[0], rtol=2e-5, atol=2e-5)
    for mine, other in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5 * max(1, np.abs(other).max()))
