"""Sides: a workload's training step in each library, from the same weights and the same data.

A side is a function `prepare(workload, weights, x, y, threads)` that gives a `step()`. Each call of
the step trains on the batch once and returns the loss, whose `float()` waits until everything is
computed. To add a side: a file with such a function, and a line in `SIDES`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from gradatim.graph.errors import ArgumentError

if TYPE_CHECKING:
    import numpy as np

    from gradatim.bench.workloads import Workload

Step = Callable[[], Any]
OURS = "gradatim"
SIDES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # name -> module here, function in it, what has to be installed
    OURS: ("ours", "prepare", ()),
    "torch": ("in_torch", "prepare", ("torch",)),
    "compile": ("in_torch", "prepare_compiled", ("torch",)),
    "jax": ("in_jax", "prepare", ("jax", "optax")),
}
PEERS = tuple(name for name in SIDES if name != OURS)


def missing(name: str) -> list[str]:
    """What a side needs that is not installed."""
    return [module for module in SIDES[name][2] if importlib.util.find_spec(module) is None]


def choose_peers(names: Iterable[str]) -> list[str]:
    """The peers of these names, checked.

    Raises:
        ArgumentError: for a name that there is not.
    """
    found = [name.strip() for name in names if name.strip() not in ("", "none")]
    for name in found:
        if name not in PEERS:
            raise ArgumentError(f"there is no peer {name!r}: choose from {', '.join(PEERS)}")
    return list(dict.fromkeys(found))


def prepare(
    name: str,
    workload: Workload,
    weights: dict[str, np.ndarray[Any, Any]],
    x: np.ndarray[Any, Any],
    y: np.ndarray[Any, Any],
    threads: int,
) -> Step:
    """A side's training step, not yet run.

    Args:
        weights: the parameters to begin with, by their names in Gradatim and PyTorch.
        x, y: the batch.
        threads: how many the library may use.
    """
    module, function, _ = SIDES[name]
    make = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    step: Step = make(workload, weights, x, y, threads)
    return step


def initial_weights(workload: Workload) -> dict[str, np.ndarray[Any, Any]]:
    """What every side begins with: the weights that seed 0 gives the network."""
    import gradatim as gd
    from gradatim.bench.sides.network import build

    with gd.fork_rng():
        gd.manual_seed(0)
        model = build(gd.nn, workload.layers)
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}
