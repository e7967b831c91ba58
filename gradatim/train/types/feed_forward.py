"""Perceptron, feed-forward network, deep feed-forward network, and autoencoder.

They differ in the layers between inputs and outputs: none, one, several, or a narrow one in the
middle whose values are the codes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from gradatim import nn
from gradatim.graph.errors import ArgumentError
from gradatim.nn import Module


def build(kind: str, shape: tuple[int, ...], outputs: int, recipe: Any) -> Module:
    """`Linear` layers of the recipe's hidden sizes, each with its activation and dropout."""
    layers: list[Module] = [nn.Flatten()] if kind == "series" else []
    sizes = [math.prod(shape), *recipe.hidden]
    for pair in itertools.pairwise(sizes):
        layers += [nn.Linear(*pair), activation(recipe)]
        if recipe.dropout:
            layers.append(nn.Dropout(recipe.dropout))
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


def build_autoencoder(kind: str, shape: tuple[int, ...], outputs: int, recipe: Any) -> Module:
    """An encoder through the hidden sizes to the last of them, the codes, and its mirror image.

    Hinton & Salakhutdinov 2006, *Reducing the dimensionality of data with neural networks*. The
    codes have no activation, as there; images end in a sigmoid, as pixels are from 0 to 1.
    """
    if not recipe.hidden:
        raise ArgumentError(
            "an autoencoder needs a size for its codes: --hidden 512,256,32 has 32 of them"
        )
    sizes = [math.prod(shape), *recipe.hidden]
    ways = []
    for way in (sizes, sizes[::-1]):
        layers: list[Module] = []
        for pair in itertools.pairwise(way):
            layers += [nn.Linear(*pair), activation(recipe)]
        ways.append(layers[:-1])
    encoder, decoder = ways
    if kind == "image":
        decoder.append(nn.Sigmoid())
    return nn.Sequential(nn.Sequential(*encoder), nn.Sequential(*decoder))


def activation(recipe: Any) -> Module:
    """A new layer of the recipe's activation."""
    from gradatim.train.recipe import ACTIVATIONS

    return getattr(nn, ACTIVATIONS[recipe.activation])()


def defaults(hidden: list[int], dropout: float = 0.0) -> Callable[[str, int], dict[str, Any]]:
    """Defaults of a network with these hidden layers."""

    def choose(kind: str, rows: int) -> dict[str, Any]:
        common = {"hidden": hidden, "dropout": dropout, "optimizer": "adamw"}
        if kind == "table":
            return common
        few = rows < 5000
        return common | {
            "epochs": 60 if few else 15,
            "batch_size": 32 if few else 250,
            "learning_rate": 2e-3,
            "weight_decay": 0.01,
            "schedule": "one_cycle",
            "patience": 0,
        }

    return choose


def autoencoder_defaults(kind: str, rows: int) -> dict[str, Any]:
    """32 codes for images, fewer for the narrower tables."""
    if kind == "table":
        return {"hidden": [64, 8], "dropout": 0.0, "loss": "mse", "weight_decay": 0.0}
    few = rows < 5000
    return {
        "hidden": [512, 256, 32],
        "dropout": 0.0,
        "optimizer": "adam",
        "weight_decay": 0.0,
        "loss": "mse",
        "epochs": 100 if few else 20,
        "batch_size": 32 if few else 250,
        "learning_rate": 2e-3,
        "schedule": "one_cycle",
        "patience": 0,
    }
