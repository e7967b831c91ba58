"""Recurrent networks: Elman's (1990), long short-term memory (Hochreiter & Schmidhuber 1997), and
gated recurrent units (Cho et al. 2014). The class is read from the state after the last step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim import nn
from gradatim.graph.errors import ArgumentError
from gradatim.nn import Module
from gradatim.train.types.last_state import LastState


def builder(cell: str) -> Callable[[str, tuple[int, ...], int, Any], Module]:
    """Builds networks of a kind of recurrent layer; of images it reads the rows, from the top."""

    def build(kind: str, shape: tuple[int, ...], outputs: int, recipe: Any) -> Module:
        if not recipe.hidden:
            raise ArgumentError(
                f"a network of type {cell.lower()} needs a hidden size: --hidden 64"
            )
        layers: list[Module] = []
        if kind == "image":
            channels, height, width = shape
            features = channels * width
            layers.append(nn.Unflatten(1, (height, features)))
        else:
            features = shape[1] - 1
        layers.append(LastState(cell, features, recipe.hidden, kind == "series", recipe.dropout))
        if recipe.dropout:
            layers.append(nn.Dropout(recipe.dropout))
        return nn.Sequential(*layers, nn.Linear(recipe.hidden[-1], outputs))

    return build


def defaults(cell: str) -> Callable[[str, int], dict[str, Any]]:
    """Defaults for a kind of recurrent layer."""

    def choose(kind: str, rows: int) -> dict[str, Any]:
        # About 1,200 steps of 10 cases where there are few; ten epochs or so where there are many.
        few = rows < 1000
        return {
            "hidden": [64] if few else [128],
            "dropout": 0.3,
            "optimizer": "adamw",
            "weight_decay": 0.01,
            "epochs": max(60, 12_000 // max(rows, 1)) if few else 15,
            "batch_size": 10 if few else 64,
            "learning_rate": (1e-3 if cell == "RNN" else 1e-2) if few else 4e-3,
            "schedule": "one_cycle",
            "patience": 0,
        }

    return choose
