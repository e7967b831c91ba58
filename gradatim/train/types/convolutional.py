"""The convolutional network: over the pixels of images, or over the steps of series.

LeCun et al. 1998, *Gradient-based learning applied to document recognition*, with batch
normalization (Ioffe & Szegedy 2015) between convolution and activation.
"""

from __future__ import annotations

from typing import Any

from gradatim import nn
from gradatim.nn import Module
from gradatim.train.types.feed_forward import activation


def build(kind: str, shape: tuple[int, ...], outputs: int, recipe: Any) -> Module:
    """A convolution, a normalization, an activation and a pooling for each of the hidden sizes,
    which are numbers of channels, and a linear layer behind them."""
    make = _for_series if kind == "series" else _for_images
    return make(shape, outputs, recipe)


def _for_images(shape: tuple[int, ...], outputs: int, recipe: Any) -> Module:
    channels, height, width = shape
    layers: list[Module] = [nn.Unflatten(1, shape)]
    for wanted in recipe.hidden:
        layers += [
            nn.Conv2d(channels, wanted, 3, padding=1, bias=False),
            nn.BatchNorm2d(wanted),
            activation(recipe),
        ]
        channels = wanted
        if min(height, width) >= 2:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
    layers.append(nn.Flatten())
    if recipe.dropout:
        layers.append(nn.Dropout(recipe.dropout))
    return nn.Sequential(*layers, nn.Linear(channels * height * width, outputs))


def _for_series(shape: tuple[int, ...], outputs: int, recipe: Any) -> Module:
    """A series is an image one channel deep, as wide as its features: the first kernel spans them
    all, so that convolutions go along the steps only. The last pooling takes each channel's
    greatest value, wherever it stands."""
    steps, features = shape
    layers: list[Module] = [nn.Unflatten(1, (1, -1))]
    channels, width = 1, features
    for wanted in recipe.hidden:
        layers += [
            nn.Conv2d(channels, wanted, (5, width), padding=(2, 0), bias=False),
            nn.BatchNorm2d(wanted),
            activation(recipe),
        ]
        channels, width = wanted, 1
        if steps >= 8:
            layers.append(nn.MaxPool2d((2, 1)))
            steps //= 2
    layers += [nn.AdaptiveMaxPool2d((1, 1)), nn.Flatten()]
    if recipe.dropout:
        layers.append(nn.Dropout(recipe.dropout))
    return nn.Sequential(*layers, nn.Linear(channels, outputs))


def defaults(kind: str, rows: int) -> dict[str, Any]:
    """One cycle of the learning rate; more epochs for fewer rows."""
    few = rows < 5000
    return {
        "hidden": [32, 64] if kind == "series" else [16, 32, 64],
        "dropout": 0.2,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "epochs": 40 if few else 4,
        "batch_size": 16 if few else 128,
        "learning_rate": 5e-3,
        "schedule": "one_cycle",
        "patience": 0,
    }
