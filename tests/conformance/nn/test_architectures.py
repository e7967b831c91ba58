"""Whole networks, each written once and built under both libraries: ResNet-18 (He et al., 2016)
and a U-Net (Ronneberger et al., 2015). With the same weights they give the same, and so do their
gradients.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip("torch")

from twins import both

import gradatim as gd


def resnet18(nn, classes=1000):
    """Four stages of two blocks, 64 to 512 channels, each stage but the first at half the size."""

    def convolution(inputs, outputs, size, stride):
        return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = convolution(inputs, outputs, 3, stride)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = convolution(outputs, outputs, 3, 1)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU(inplace=True)
            self.shortcut = nn.Identity()
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Sequential(
                    convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
                )

        def forward(self, x):
            y = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))

    stages, width = [], 64
    for stage in range(4):
        outputs = 64 * 2**stage
        stages += [Block(width, outputs, 1 if stage == 0 else 2), Block(outputs, outputs, 1)]
        width = outputs
    return nn.Sequential(
        convolution(3, 64, 7, 2), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1), *stages,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes),
    )  # fmt: skip


def unet(nn, torch_or_gd, bilinear, widths=(8, 16, 32)):
    """Down and up again, with what was there on the way down beside what comes up."""

    def twice(inputs, outputs):
        layers = []
        for channels in (inputs, outputs):
            layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers)

    def enlarged(inputs, outputs):
        if bilinear:
            return nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
                nn.Conv2d(inputs, outputs, 1),
            )
        return nn.ConvTranspose2d(inputs, outputs, 2, stride=2)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = twice(3, widths[0])
            steps = list(itertools.pairwise(widths))
            self.pool = nn.MaxPool2d(2)
            self.down = nn.ModuleList(twice(narrow, wide) for narrow, wide in steps)
            self.up = nn.ModuleList(enlarged(wide, narrow) for narrow, wide in reversed(steps))
            self.joined = nn.ModuleList(twice(2 * n, n) for n, _ in reversed(steps))
            self.last = nn.Conv2d(widths[0], 2, 1)

        def forward(self, x):
            passed = [self.first(x)]
            for down in self.down:
                passed.append(down(self.pool(passed[-1])))
            y = passed.pop()
            for up, joined in zip(self.up, self.joined):
                y, beside = up(y), passed.pop()
                rows, columns = (n - m for n, m in zip(beside.shape[2:], y.shape[2:]))
                around = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
                y = joined(torch_or_gd.cat([beside, nn.functional.pad(y, around)], dim=1))
            return self.last(y)

    return UNet()


NETWORKS = {
    "ResNet-18": (lambda lib, nn: resnet18(nn), (2, 3, 32, 32), 11_689_512),
    "U-Net": (lambda lib, nn: unet(nn, lib, bilinear=False), (2, 3, 21, 26), 29_634),
    "U-Net, resized": (lambda lib, nn: unet(nn, lib, bilinear=True), (2, 3, 21, 26), 27_714),
}


def counted(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_the_same_parameters_from_the_same_seed(name):
    build, _, count = NETWORKS[name]

    def script(lib, nn):
        lib.manual_seed(0)
        model = build(lib, nn)
        state = model.state_dict()
        sums = [value.double().sum().item() for value in state.values()]
        return counted(model), [(k, tuple(v.shape)) for k, v in state.items()], sums

    ours, theirs = both(script)
    assert ours[:2] == theirs[:2]
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-9, atol=1e-9)
    assert ours[0] == count


def twins_with_one_state(name, dtype):
    """The network under both libraries, with the weights that PyTorch drew and the running values
    of one batch, loaded from either to the other."""
    import torch

    build, shape, _ = NETWORKS[name]
    torch.manual_seed(1)
    theirs, ours = build(torch, torch.nn), build(gd, gd.nn)
    with torch.no_grad():
        theirs(torch.randn(shape))
    theirs, ours = theirs.to(getattr(torch, dtype)), ours.to(getattr(gd, dtype))
    state = {key: gd.from_numpy(value.numpy().copy()) for key, value in theirs.state_dict().items()}
    assert not any(ours.load_state_dict(state))
    back = {key: torch.from_numpy(value.numpy().copy()) for key, value in ours.state_dict().items()}
    assert not any(theirs.load_state_dict(back))
    image = np.random.default_rng(0).normal(size=shape).astype(dtype)
    return image, ((gd, ours), (torch, theirs))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_with_pytorchs_weights_gives_what_pytorchs_gives(name):
    image, twins = twins_with_one_state(name, "float32")
    outputs = [model.eval()(lib.tensor(image)).detach().numpy() for lib, model in twins]
    np.testing.assert_allclose(*outputs, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_its_gradients_are_pytorchs(name):
    """In training, and in float64: in float32 some unit of thousands falls to the other side of 0,
    and the gradients through it come or go."""
    image, twins = twins_with_one_state(name, "float64")
    found = []
    for lib, model in twins:
        x = lib.tensor(image, requires_grad=True)
        y = model(x)
        (y.sin().mean() * 100).backward()
        gradients = [x.grad, *(parameter.grad for parameter in model.parameters())]
        values = [y.detach(), *gradients, *model.state_dict().values()]
        found.append([value.numpy() for value in values])
    for mine, other in zip(*found, strict=True):
        # Twenty layers of sums of up to 5000 terms, each rounded to 1e-16 of the largest.
        np.testing.assert_allclose(mine, other, atol=1e-9 * max(1e-3, np.abs(other).max()))
