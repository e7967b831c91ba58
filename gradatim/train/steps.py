"""The two functions that training repeats, each compiled as one program.

Neither looks at a value: losses and the sums of the metrics come back as tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradatim.autograd import no_grad
from gradatim.compile import compile
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

    return step


def evaluation_step(model: Module, loss_function: Loss, metrics: Sequence[Metric]) -> Step:
    """Forward only: `(inputs, targets)` to the loss and the metrics' sums."""

    @compile
    def step(inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        with no_grad():
            outputs = model(inputs)
            loss = loss_function(outputs, targets)
            return loss, *[metric.sums(outputs, targets) for metric in metrics]

    return step


def prediction_step(model: Module) -> Callable[[Tensor], Tensor]:
    """Forward only: inputs to outputs."""

    @compile
    def step(inputs: Tensor) -> Tensor:
        with no_grad():
            return model(inputs)

    return step
