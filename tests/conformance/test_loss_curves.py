"""Whole trainings with one seed: the same losses in both libraries, shuffling and dropout included.

In float64 the curves agree to 1e-6. In float32 each library rounds in its own order, and training
amplifies that: ours may be as far from PyTorch's as three times what PyTorch's own float32 is from
its float64.
"""

from __future__ import annotations

import functools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gradatim as gd  # noqa: E402
from gradatim.data.digits import mnist  # noqa: E402

STEPS = 200
BATCH = 16


@functools.cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """The first 1,600 images, 28 by 28, from 0 to 1, and their labels."""
    found = mnist()
    return found.train_images[:1600] / 255, found.train_labels[:1600]


def library(name: str) -> SimpleNamespace:
    """What a training needs, from either library."""
    if name == "torch":
        from torch.utils import data

        return SimpleNamespace(t=torch, nn=torch.nn, optim=torch.optim, data=data)
    import gradatim.data

    return SimpleNamespace(t=gd, nn=gd.nn, optim=gd.optim, data=gradatim.data)


# --- the networks --------------------------------------------------------------------------------


def convolutional(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(
        nn.Unflatten(1, (1, 28)),
        nn.Conv2d(1, 6, 5, stride=2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout2d(0.1),
        nn.Conv2d(6, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(12 * 6 * 6, 10),
    )


def recurrent(lib: Any) -> Any:
    class Reader(lib.nn.Module):
        """Reads an image row by row."""

        def __init__(self):
            super().__init__()
            self.lstm = lib.nn.LSTM(28, 20, num_layers=2, dropout=0.2, batch_first=True)
            self.head = lib.nn.Linear(20, 10)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    return Reader()


def transformer(lib: Any) -> Any:
    nn = lib.nn

    class Looker(nn.Module):
        """Looks at the rows of an image, with their places."""

        def __init__(self):
            super().__init__()
            self.embed = nn.Linear(28, 16)
            self.place = nn.Embedding(28, 16)
            layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(16, 10)

        def forward(self, x):
            rows = self.embed(x) * math.sqrt(16) + self.place(lib.t.arange(28))
            return self.head(self.encoder(rows).mean(1))

    return Looker()


NETWORKS = {
    "convolutional": (convolutional, lambda lib, p: lib.optim.SGD(p, lr=0.05, momentum=0.9)),
    "recurrent": (recurrent, lambda lib, p: lib.optim.Adam(p, lr=3e-3)),
    "transformer": (transformer, lambda lib, p: lib.optim.AdamW(p, lr=1e-3)),
}


@functools.cache
def losses(network: str, name: str, dtype: str) -> np.ndarray:
    """The loss of each step."""
    lib = library(name)
    build, make_optimizer = NETWORKS[network]
    images, labels = digits()
    data = lib.data.TensorDataset(
        lib.t.tensor(images.astype(dtype)), lib.t.tensor(labels.astype(np.int64))
    )
    lib.t.manual_seed(7)
    model = build(lib).to(getattr(lib.t, dtype)).train()
    optimizer = make_optimizer(lib, model.parameters())
    loader = lib.data.DataLoader(data, batch_size=BATCH, shuffle=True)
    loss_function = lib.nn.CrossEntropyLoss()
    found: list[float] = []
    while len(found) < STEPS:
        for x, y in loader:
            loss = loss_function(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
    return np.array(found[:STEPS])


@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_losses_in_float64(network):
    ours, theirs = (losses(network, name, "float64") for name in ("gradatim", "torch"))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=0)
    assert theirs[-20:].mean() < 0.8 * theirs[:20].mean()  # it learns


@pytest.mark.parametrize("network", NETWORKS)
def test_as_near_in_float32_as_rounding_lets_be(network):
    exact = losses(network, "torch", "float64")
    ours, theirs = (losses(network, name, "float32") for name in ("gradatim", "torch"))
    own = np.abs(theirs - exact)
    assert np.abs(ours - theirs).max() <= 3 * own.max(), (np.abs(ours - theirs).max(), own.max())
    assert np.abs(ours - theirs).mean() <= 3 * own.mean()
