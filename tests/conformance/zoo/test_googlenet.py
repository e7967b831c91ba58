"""GoogLeNet beside the same network in PyTorch's modules, with torchvision's names of weights."""

import numpy as np
import pytest

import gradatim as gd
from gradatim.zoo.googlenet import MODULES, googlenet

torch = pytest.importorskip("torch")


def _torchvisions():
    """The network of `torchvision.models.googlenet`, which is not installed here."""
    from torch import nn
    from torch.nn import functional as F

    class Basic(nn.Module):
        def __init__(self, inputs, maps, **window):
            super().__init__()
            self.conv = nn.Conv2d(inputs, maps, bias=False, **window)
            self.bn = nn.BatchNorm2d(maps, eps=0.001)

        def forward(self, x):
            return F.relu(self.bn(self.conv(x)))

    class Module(nn.Module):
        def __init__(self, inputs, a, b1, b, c1, c, d):
            super().__init__()
            self.branch1 = Basic(inputs, a, kernel_size=1)
            self.branch2 = nn.Sequential(
                Basic(inputs, b1, kernel_size=1), Basic(b1, b, kernel_size=3, padding=1)
            )
            self.branch3 = nn.Sequential(
                Basic(inputs, c1, kernel_size=1), Basic(c1, c, kernel_size=3, padding=1)
            )
            self.branch4 = nn.Sequential(
                nn.MaxPool2d(3, 1, padding=1, ceil_mode=True), Basic(inputs, d, kernel_size=1)
            )
            self.maps = a + b + c + d

        def forward(self, x):
            branches = (self.branch1, self.branch2, self.branch3, self.branch4)
            return torch.cat([branch(x) for branch in branches], 1)

    class Auxiliary(nn.Module):
        def __init__(self, inputs):
            super().__init__()
            self.conv = Basic(inputs, 128, kernel_size=1)
            self.fc1, self.fc2 = nn.Linear(2048, 1024), nn.Linear(1024, 1000)

        def forward(self, x):
            x = self.conv(F.adaptive_avg_pool2d(x, 4)).flatten(1)
            return self.fc2(F.relu(self.fc1(x)))  # dropout is taken out of the comparison

    class Peer(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = Basic(3, 64, kernel_size=7, stride=2, padding=3)
            self.conv2 = Basic(64, 64, kernel_size=1)
            self.conv3 = Basic(64, 192, kernel_size=3, padding=1)
            below = 192
            for name, maps in MODULES.items():
                setattr(self, name, Module(below, *maps))
                below = getattr(self, name).maps
            self.aux1, self.aux2 = Auxiliary(512), Auxiliary(528)
            self.fc = nn.Linear(1024, 1000)

        def forward(self, x):
            x = F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True)
            x = F.max_pool2d(self.conv3(self.conv2(x)), 3, 2, ceil_mode=True)
            seen = {}
            for name in MODULES:
                if name == "inception4a":
                    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
                if name == "inception5a":
                    x = F.max_pool2d(x, 2, 2, ceil_mode=True)
                x = seen[name] = getattr(self, name)(x)
            logits = self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
            return logits, self.aux2(seen["inception4d"]), self.aux1(seen["inception4a"])

    return Peer().eval()


def test_outputs_are_torchvisions_with_its_weights_by_name():
    torch.manual_seed(0)
    peer, model = _torchvisions(), googlenet("torchvision").eval()
    with torch.no_grad():  # statistics that are not 0 and 1, so that they are compared, too
        for name, value in peer.state_dict().items():
            if name.endswith("running_mean"):
                value.normal_(0, 0.1)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
    weights = {name: value.numpy() for name, value in peer.state_dict().items()}
    assert sorted(weights) == sorted(model.state_dict())
    model.load_state_dict({name: gd.tensor(value) for name, value in weights.items()})
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad(), gd.no_grad():
        expected, found = peer(x)[0].numpy(), model(gd.tensor(x.numpy())).numpy()
    # 22 layers of sums in another order.
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_auxiliary_outputs_are_torchvisions():
    torch.manual_seed(1)
    peer, model = _torchvisions(), googlenet("torchvision")
    weights = {name: value.numpy() for name, value in peer.state_dict().items()}
    model.load_state_dict({name: gd.tensor(value) for name, value in weights.items()})
    below = torch.randn(2, 512, 14, 14)
    model.aux1.eval()
    with torch.no_grad(), gd.no_grad():
        expected, found = peer.aux1(below).numpy(), model.aux1(gd.tensor(below.numpy())).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
