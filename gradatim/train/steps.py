"""The two functions that training repeats, each compiled as one program.

Neither looks at a value: losses and the sums of the metrics come back as tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim.autograd import no_grad
from gradatim.compile import compile
from gradatim.device import CPU
from gradatim.nn import Module
from gradatim.optim import Optimizer
from gradatim.tensor import Tensor
from gradatim.train.metrics import Metric

Loss = Callable[[Tensor, Tensor], Tensor]
Step = Callable[[Tensor, Tensor], tuple[Tensor, ...]]


def training_step(
    model: Module, loss_function: Loss, optimizer: Optimizer, metrics: Sequence[Metric]
) -> Step:
    """Forward, backward and update: `(inputs, targets)` to the loss and the metrics' sums.

    Loss and metrics are those of the weights before the update.
    """

    @compile
    def step(inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        outputs = model(inputs)
        loss = loss_function(outputs, targets)
        sums = [metric.sums(outputs.detach(), targets) for metric in metrics]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach(), *sums

    return _beside(model, step)


def evaluation_step(model: Module, loss_function: Loss, metrics: Sequence[Metric]) -> Step:
    """Forward only: `(inputs, targets)` to the loss and the metrics' sums."""

    @compile
    def step(inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        with no_grad():
            outputs = model(inputs)
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

    def run(*batch: Tensor) -> Any:
        parameter = next(iter(model.parameters()), None)
        device = None if parameter is None else parameter.device
        if device is None or device == CPU:
            return step(*batch)
        return step(*(tensor.to(device) for tensor in batch))

    return run
