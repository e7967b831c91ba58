"""AlexNet beside the same network in PyTorch's modules, with torchvision's names of weights."""

import numpy as np
import pytest

import gradatim as gd
from gradatim.zoo.alexnet import alexnet, response_normalization

torch = pytest.importorskip("torch")


def _torchvisions():
    """The network of `torchvision.models.alexnet`, which is not installed here."""
    from torch import nn

    class Peer(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
                nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
                nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
                nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
                nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
            )  # fmt: skip
            self.classifier = nn.Sequential(
                nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(),
                nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000),
            )  # fmt: skip

        def forward(self, x):
            return self.classifier(self.features(x).flatten(1))

    return Peer().eval()


def test_outputs_are_torchvisions_with_its_weights_by_name():
    torch.manual_seed(0)
    peer, model = _torchvisions(), alexnet("torchvision").eval()
    weights = {name: value.numpy() for name, value in peer.state_dict().items()}
    assert list(weights) == list(model.state_dict())
    model.load_state_dict({name: gd.tensor(value) for name, value in weights.items()})
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad(), gd.no_grad():
        expected, found = peer(x).numpy(), model(gd.tensor(x.numpy())).numpy()
    # Sums of up to 9,216 products in another order.
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_response_normalization_is_pytorchs_with_alpha_times_n():
    a = np.random.default_rng(0).normal(size=(2, 9, 4, 4)).astype(np.float32)
    expected = torch.nn.LocalResponseNorm(5, alpha=5 * 0.01, beta=0.75, k=2.0)(torch.tensor(a))
    found = response_normalization(gd.tensor(a), alpha=0.01)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5)
