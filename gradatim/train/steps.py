"""The two functions that training repeats, each compiled as one program.

Neither looks at a value: losses and the sums of the metrics come back as tensors.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.compile import compile
from gradatim.device import CPU
from gradatim.mesh import beside, mesh_of
from gradatim.nn import Module
from gradatim.optim import Optimizer
from gradatim.tensor import Tensor
from gradatim.train.metrics import Metric

Loss = Callable[[Tensor, Tensor], Tensor]
Precision = Callable[[Module], Callable[..., Any]]  # what makes a model compute in it
Step = Callable[[Tensor, Tensor], tuple[Tensor, ...]]


def training_step(
    model: Module,
    loss_function: Loss,
    optimizer: Optimizer,
    metrics: Sequence[Metric],
    precision: Precision | None = None,
) -> Step:
    """Forward, backward and update: `(inputs, targets)` to the loss and the metrics' sums.

    Loss and metrics are those of the weights before the update.
    """
    forward = model if precision is None else precision(model)

    @compile
    def step(inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        outputs = forward(inputs)
        loss = loss_function(outputs, targets)
        sums = [metric.sums(outputs.detach(), targets) for metric in metrics]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach(), *sums

    return _beside(model, step)


def accumulating_step(
    model: Module,
    loss_function: Loss,
    optimizer: Optimizer,
    metrics: Sequence[Metric],
    pieces: int,
    precision: Precision | None = None,
) -> Step:
    """The same update in several runs: the batch goes through the network in `pieces`, whose
    gradients are added up. It takes the memory of the activations of one piece.

    A mean over the batch stays one: each piece counts by its rows.
    """
    forward = model if precision is None else precision(model)

    @compile
    def add(inputs: Tensor, targets: Tensor, weight: float) -> tuple[Tensor, ...]:
        outputs = forward(inputs)
        loss = loss_function(outputs, targets)
        sums = [metric.sums(outputs.detach(), targets) for metric in metrics]
        (loss * weight).backward()
        return (loss * weight).detach(), *sums

    @compile
    def update() -> None:
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    add_here = _beside(model, add)

    def run(inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    parameter.grad = beside(ops.zeros_like(parameter).detach(), parameter)
        rows = len(inputs)
        edges = [rows * k // pieces for k in range(pieces + 1)]
        totals: list[Tensor] = []
        for start, stop in itertools.pairwise(edges):
            if stop > start:
                part = add_here(inputs[start:stop], targets[start:stop], (stop - start) / rows)
                totals = [a + b for a, b in zip(totals, part)] if totals else list(part)
        update()
        return tuple(totals)

    return run


def evaluation_step(
    model: Module,
    loss_function: Loss,
    metrics: Sequence[Metric],
    precision: Precision | None = None,
) -> Step:
    """Forward only: `(inputs, targets)` to the loss and the metrics' sums."""
    forward = model if precision is None else precision(model)

    @compile
    def step(inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        with no_grad():
            outputs = forward(inputs)
            loss = loss_function(outputs, targets)
            return loss, *[metric.sums(outputs, targets) for metric in metrics]

    return _beside(model, step)


def prediction_step(model: Module) -> Callable[[Tensor], Tensor]:
    """Forward only: inputs to outputs."""

    @compile
    def step(inputs: Tensor) -> Tensor:
        with no_grad():
            return model(inputs)

    return _beside(model, step)


def _beside(model: Module, step: Callable[..., Any]) -> Callable[..., Any]:
    """The step with its batches brought to the device of the model's parameters."""

    def run(*batch: Any) -> Any:
        parameter = next(iter(model.parameters()), None)
        device = None if parameter is None else parameter.device
        if device is None or device == CPU:
            return step(*batch)
        if device.place.startswith("mesh("):
            bring: Callable[[Tensor], Tensor] = mesh_of(device.place).batch
        else:
            bring = lambda tensor: tensor.to(device)  # noqa: E731
        return step(*(bring(one) if isinstance(one, Tensor) else one for one in batch))

    return run
