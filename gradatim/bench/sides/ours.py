"""A training step in Gradatim, as its users write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradatim as gd
from gradatim import nn
from gradatim.bench.sides.network import build

if TYPE_CHECKING:
    import numpy as np

    from gradatim.bench.sides import Step
    from gradatim.bench.workloads import Workload

    Array = np.ndarray[Any, Any]


def prepare(
    workload: Workload,
    weights: dict[str, Array],
    x: Array,
    y: Array,
    threads: int,
    device: Any = "cpu",
) -> Step:
    """The step, compiled whole."""
    model = build(nn, workload.layers)
    model.load_state_dict({name: gd.tensor(value) for name, value in weights.items()})
    model.to(device)
    criterion = getattr(nn, workload.loss)()
    name, options = workload.optimizer
    optimizer = getattr(gd.optim, name)(model.parameters(), **options)

    @gd.compile
    def step(x: gd.Tensor, y: gd.Tensor) -> gd.Tensor:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    batch, targets = gd.tensor(x).to(device), gd.tensor(y).to(device)
    return lambda: step(batch, targets)
