"""A training step in PyTorch, eager and under torch.compile.

Eager runs the optimizer's fused kernel, the fastest it has; torch.compile fuses the update itself.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from gradatim.bench.sides.network import build

if TYPE_CHECKING:
    import numpy as np

    from gradatim.bench.sides import Step
    from gradatim.bench.workloads import Workload

    Array = np.ndarray[Any, Any]


def prepare(
    workload: Workload, weights: dict[str, Array], x: Array, y: Array, threads: int
) -> Step:
    """The step, eager."""
    return _step(workload, weights, x, y, threads, fused=True)


def prepare_compiled(
    workload: Workload, weights: dict[str, Array], x: Array, y: Array, threads: int
) -> Step:
    """The step under torch.compile."""
    warnings.filterwarnings("ignore", module="torch")
    logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
    torch._dynamo.reset()
    compiled: Step = torch.compile(_step(workload, weights, x, y, threads, fused=False))
    return compiled


def _step(
    workload: Workload, weights: dict[str, Array], x: Array, y: Array, threads: int, fused: bool
) -> Step:
    torch.set_num_threads(threads)
    model = build(nn, workload.layers)
    model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    criterion = getattr(nn, workload.loss)()
    name, options = workload.optimizer
    extra = {"fused": True} if fused else {}
    optimizer = getattr(torch.optim, name)(model.parameters(), **options, **extra)
    batch, targets = torch.tensor(x), torch.tensor(y)

    def step() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(batch), targets)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
