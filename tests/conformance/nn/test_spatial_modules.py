"""Resizing, padding, unpooling, pooling and noise as layers, against PyTorch: text, results,
gradients, state after five steps of an optimizer, and the random stream after, in float64.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

from twins import both

import gradatim as gd

SHAPES = {
    "line": (3, 4, 7),
    "flat": (4, 7),
    "image": (2, 4, 6, 5),
    "plain image": (4, 6, 5),
    "volume": (2, 3, 4, 5, 6),
    "plain volume": (3, 4, 5, 6),
    "matrix": (6, 4),
}

LAYERS = """
line: Upsample(9)
line: Upsample(scale_factor=2)
line: Upsample(scale_factor=1.6, mode='linear')
line: Upsample(size=13, mode='linear', align_corners=True)
line: Upsample(scale_factor=1.6, mode='linear', recompute_scale_factor=True)
line: Upsample(size=3, mode='area')
image: Upsample(scale_factor=(2, 3))
image: Upsample(size=(9, 4), mode='nearest-exact')
image: Upsample(scale_factor=2, mode='bilinear')
image: Upsample(size=(9, 3), mode='bilinear', align_corners=True)
image: Upsample(scale_factor=1.7, mode='bicubic')
image: Upsample(size=(3, 11), mode='bicubic', align_corners=True)
image: Upsample(scale_factor=0.6, mode='area')
volume: Upsample(scale_factor=2)
volume: Upsample(scale_factor=(1.5, 2, 0.5), mode='trilinear')
volume: Upsample(size=(3, 7, 6), mode='trilinear', align_corners=True)
image: UpsamplingNearest2d(scale_factor=2)
image: UpsamplingNearest2d(size=(4, 9))
image: UpsamplingNearest2d(scale_factor=1.3)
image: UpsamplingBilinear2d(scale_factor=2)
image: UpsamplingBilinear2d(size=(4, 9))
image: UpsamplingBilinear2d(size=3)
image: PixelShuffle(2)
image: PixelShuffle(1)
plain image: PixelShuffle(2)
line: PixelUnshuffle(1)
image: Sequential(PixelShuffle(2), PixelUnshuffle(2))
plain image: Sequential(PixelShuffle(2), PixelUnshuffle(1))
image: ChannelShuffle(2)
line: ChannelShuffle(4)
volume: ChannelShuffle(3)
line: LPPool1d(2, 3)
line: LPPool1d(1.5, 2, stride=1)
flat: LPPool1d(3, 3, ceil_mode=True)
image: LPPool2d(2, 2)
image: LPPool2d(4, (3, 2), stride=(2, 1))
plain image: LPPool2d(1, 3, stride=2, ceil_mode=True)
volume: LPPool3d(2, 2)
volume: LPPool3d(2, (2, 3, 2), stride=1)
plain volume: LPPool3d(4, 2, ceil_mode=True)
image: FractionalMaxPool2d(2, output_size=3)
image: FractionalMaxPool2d((3, 2), output_ratio=(0.5, 0.7))
plain image: FractionalMaxPool2d(2, output_ratio=0.6)
image: FractionalMaxPool2d(2, output_size=(4, 1), return_indices=True)
volume: FractionalMaxPool3d(2, output_size=2)
volume: FractionalMaxPool3d((2, 3, 2), output_ratio=0.5)
plain volume: FractionalMaxPool3d(2, output_size=(2, 1, 4), return_indices=True)
line: ConstantPad1d(2, 3.5)
flat: ConstantPad1d((1, 0), -1)
line: ConstantPad1d((-1, 2), 0.5)
image: ConstantPad2d(1, 2.0)
image: ConstantPad2d((1, 0, 2, 3), 0.1)
plain image: ConstantPad2d((-1, 1, 0, -2), 7.0)
volume: ConstantPad3d(1, 3)
volume: ConstantPad3d((1, 0, 0, 2, 1, 1), 0.5)
plain volume: ConstantPad3d((0, -1, 1, 0, 0, 0), 0.5)
line: ZeroPad1d(2)
line: ZeroPad1d((0, 3))
flat: ZeroPad1d((-1, 1))
image: ZeroPad2d(2)
image: ZeroPad2d((1, 2, 3, 4))
image: ZeroPad2d((-1, 2, -1, 0))
volume: ZeroPad3d(1)
volume: ZeroPad3d((1, 2, 0, 1, 2, 0))
plain volume: ZeroPad3d((-1, 0, 1, 0, 0, 0))
line: ReflectionPad1d(2)
line: ReflectionPad1d((3, 6))
flat: ReflectionPad1d((1, 0))
image: ReflectionPad2d(1)
image: ReflectionPad2d((4, 0, 2, 5))
plain image: ReflectionPad2d((-1, 3, 1, 0))
volume: ReflectionPad3d(1)
volume: ReflectionPad3d((1, 2, 0, 1, 2, 3))
plain volume: ReflectionPad3d(2)
line: ReplicationPad1d(2)
line: ReplicationPad1d((0, 9))
flat: ReplicationPad1d((3, -2))
image: ReplicationPad2d(1)
image: ReplicationPad2d((1, 2, 3, 4))
plain image: ReplicationPad2d((-2, 2, 0, 0))
volume: ReplicationPad3d(1)
volume: ReplicationPad3d((1, 2, 0, 1, 2, 0))
plain volume: ReplicationPad3d(5)
line: CircularPad1d(2)
line: CircularPad1d((7, 1))
flat: CircularPad1d((3, -2))
image: CircularPad2d(1)
image: CircularPad2d((1, 2, 3, 4))
plain image: CircularPad2d((-2, 2, 0, 0))
volume: CircularPad3d(1)
volume: CircularPad3d((1, 2, 0, 1, 2, 0))
plain volume: CircularPad3d((1, 1, 1, 1, 3, 0))
image: RReLU()
line: RReLU(0.1, 0.9)
matrix: RReLU(0.3, 0.3)
image: Softmax2d()
plain image: Softmax2d()
image: Sequential(Softmax2d(), Softmax2d())
image: AlphaDropout(0.3)
line: AlphaDropout()
matrix: AlphaDropout(1.0)
image: FeatureAlphaDropout(0.3)
line: FeatureAlphaDropout()
volume: FeatureAlphaDropout(0.7)
image: SyncBatchNorm(4)
matrix: SyncBatchNorm(4, momentum=None)
volume: SyncBatchNorm(3, affine=False, eps=0.01)
image: DataParallel(Conv2d(4, 3, 2))
matrix: DataParallel(Linear(4, 3))
image: DataParallel(BatchNorm2d(4))
image: Container(a=ReLU()).a
"""


def case(text):
    shape, _, line = text.partition(": ")
    return SHAPES[shape], line


@pytest.mark.parametrize("text", list(filter(None, LAYERS.split("\n"))))
def test_a_layer_trains_as_in_pytorch(text):
    shape, line = case(text)

    def script(lib, nn):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CrossMapLRN2d, Container: deprecated there
            lib.manual_seed(5)
            layer = eval(line, vars(nn)).double()
            said = repr(layer), [(k, tuple(v.shape)) for k, v in layer.state_dict().items()]
            rng, results = np.random.default_rng(2), []
            weights = list(layer.parameters())
            optimizer = lib.optim.SGD(weights, lr=0.05, momentum=0.9) if weights else None
            for mode in (True, True, True, True, True, False):
                layer.train(mode)
                x = lib.tensor(rng.normal(size=shape), requires_grad=True)
                y = layer(x)
                y, *indices = y if isinstance(y, tuple) else (y,)
                (y * y.detach().cos()).sum().backward()
                results += [y.detach().numpy(), x.grad.numpy(), *(i.numpy() for i in indices)]
                results += [weight.grad.numpy().copy() for weight in weights]
                if optimizer:
                    optimizer.step()
                    optimizer.zero_grad()
            results += [value.numpy() for value in layer.state_dict().values()]
        return said, results, lib.rand(1).item()

    ours, theirs = both(script)
    assert ours[0] == theirs[0] and ours[2] == theirs[2]
    for mine, other in zip(ours[1], theirs[1], strict=True):
        assert mine.dtype == other.dtype and mine.shape == other.shape
        # float64: sums of at most a few hundred numbers of size 10.
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-10)


UNPOOLED = """
line: 1, 2
line: 1, 3, 2, 1
flat: 1, 2, 1
image: 2, 2
image: 2, (3, 2), (2, 1), 1
plain image: 2, 2, 1
volume: 3, 2
volume: 3, (2, 3, 2), (1, 2, 2), (0, 1, 1)
plain volume: 3, 2, 1
"""


@pytest.mark.parametrize("text", list(filter(None, UNPOOLED.split("\n"))))
def test_unpooling(text):
    """Overlapping windows too, whose maxima share places."""
    shape, arguments = case(text)
    rank, *rest = eval(arguments)

    def script(lib, nn):
        pool = getattr(nn, f"MaxPool{rank}d")(*rest, return_indices=True)
        unpool = getattr(nn, f"MaxUnpool{rank}d")(*rest)
        x = lib.tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)
        y, places = pool(x)
        results = [y.detach().numpy(), places.numpy()]
        for size in (None, shape[-rank:]):
            try:
                z = unpool(y * 2, places, size) if size else unpool(y * 2, places)
                z.sum().item()
            except (ValueError, RuntimeError, IndexError) as error:
                results.append(type(error))
                continue
            (g,) = lib.autograd.grad((z * z.detach().sin()).sum(), x, retain_graph=True)
            results += [z.detach().numpy(), g.numpy()]
        return repr(unpool), results

    ours, theirs = both(script)
    assert ours[0] == theirs[0] and len(ours[1]) == len(theirs[1])
    for mine, other in zip(ours[1], theirs[1]):
        if isinstance(other, type):
            assert issubclass(mine, other)
        else:
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12)


REFUSED = """
Upsample()(x)
Upsample(2, 2)(x)
Upsample((2, 2, 2))(x)
Upsample(0)(x)
Upsample(scale_factor=(2.0,))(x)
Upsample(2, mode='linear')(x)
Upsample(2, mode='other')(x)
Upsample(2, align_corners=True)(x)
Upsample(2, recompute_scale_factor=True)(x)
Upsample(2)(x[0, 0])
Upsample(2, mode='bilinear')(x.long())
PixelShuffle(3)(x)
PixelShuffle(0)(x)
PixelUnshuffle(4)(x)
PixelShuffle(2)(x[0, 0])
ChannelShuffle(3)(x)
LPPool2d(2, 9)(x)
FractionalMaxPool2d(2)
FractionalMaxPool2d(2, 3, 0.5)
FractionalMaxPool2d(2, output_ratio=1.5)
FractionalMaxPool2d(4, 5)(x)
FractionalMaxPool2d(2, 2)(x[None])
ConstantPad2d((1, 2), 0)(x).other
ConstantPad2d((-3, -3, 0, 0), 0)(x)
ReflectionPad2d(5)(x)
ReflectionPad1d(1)(x)
ReplicationPad2d(1)(x[0, 0])
CircularPad2d(7)(x)
ReflectionPad3d(1)(x[0, 0])
RReLU(0.5, 0.1)(x)
Softmax2d()(x[0, 0])
AlphaDropout(2)
FeatureAlphaDropout()(x[0, 0, 0])
SyncBatchNorm(4)(x[0, 0, 0])
MaxUnpool2d(2)(x, x)
MaxUnpool2d(2)(x, x.long()[:1])
MaxUnpool2d(2)(x, x.long() + 1000)
MaxUnpool2d(2)(x, x.long(), (2, 2))
MaxUnpool2d(2)(x, x.long(), (2,))
MaxUnpool2d(2)(x[0, 0], x.long()[0, 0])
"""


@pytest.mark.parametrize("line", list(filter(None, REFUSED.split("\n"))))
def test_what_is_refused(line):
    def script(lib, nn):
        x = lib.ones(2, 4, 6, 5)
        with warnings.catch_warnings(), pytest.raises(Exception) as caught:
            warnings.simplefilter("ignore")
            result = eval(line, {**vars(nn), "x": x})
            result.sum().item()  # places are checked when they are read, at the latest here
        return caught.value

    ours, theirs = both(script)
    builtin = next(kind for kind in type(theirs).__mro__ if kind.__module__ == "builtins")
    assert isinstance(ours, builtin)
    if builtin is not AttributeError:
        assert isinstance(ours, gd.Error)


@pytest.mark.parametrize("arguments", ["3", "2, 0.5, 0.6, 2.0", "5, 0.1", "1, 0.3", "9, 0.2"])
def test_normalization_across_channels(arguments):
    """Values alone: PyTorch's gradient is not that of its values, whose sums have channel 0 too
    often; ours is."""

    def script(lib, nn):
        x = lib.tensor(np.random.default_rng(0).normal(size=(2, 7, 3, 2)))
        return eval(f"CrossMapLRN2d({arguments})", vars(nn))(x).numpy()

    ours, theirs = both(script)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
