"""What every learner of a Boltzmann machine does with its two averages: gradient ascent on the log
likelihood, with momentum and weight decay (Hinton 2010, *A practical guide to training restricted
Boltzmann machines*, sections 7, 9 and 10).

    ∂ log p / ∂θ = ⟨-∂E/∂θ⟩ over the data - ⟨-∂E/∂θ⟩ over the machine's own states
    Δθ ← m Δθ + α (⟨·⟩_data - ⟨·⟩_machine - λ θ)        θ ← θ + Δθ        (λ for weights only)
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.compile import compile as compile_step
from gradatim.graph.errors import ArgumentError, DataError
from gradatim.tensor import Tensor


class Ascent(ABC):
    """The part that contrastive divergence, persistent chains and mean field learning share: the
    update, and one compiled step.

    Args:
        machine: has `weights` (of neighbouring layers) and `biases` (of each layer).
        learning_rate: α. It may be changed between steps, as may momentum, m; neither makes the
            step compile anew.
        weight_decay: λ, of the weights.

    Attributes:
        velocities: Δθ of the weights, then of the biases.
    """

    def __init__(
        self, machine: Any, learning_rate: float, momentum: float, weight_decay: float
    ) -> None:
        if not learning_rate > 0 or not math.isfinite(learning_rate):
            raise ArgumentError(f"learning_rate is {learning_rate}: it has to be above 0")
        if not 0 <= momentum < 1:
            raise ArgumentError(f"momentum is {momentum}: expected at least 0 and below 1")
        if not weight_decay >= 0:
            raise ArgumentError(f"weight_decay is {weight_decay}: expected 0 or more")
        self.machine = machine
        self.learning_rate, self.momentum = learning_rate, momentum
        self.weight_decay = weight_decay
        self.velocities = [ops.zeros_like(one.detach()) for one in self._parameters()]
        self._compiled = compile_step(self._update)

    def _parameters(self) -> list[Tensor]:
        return [*self.machine.weights, *self.machine.biases]

    @abstractmethod
    def gradients(self, v: Tensor) -> tuple[list[Tensor], Tensor]:
        """⟨·⟩_data - ⟨·⟩_machine of the weights, then of the biases; and what `step` returns."""

    def _update(self, v: Tensor, learning_rate: float, momentum: float) -> Tensor:
        with no_grad():
            gradients, watched = self.gradients(v)
            weights = len(self.machine.weights)
            for k, (one, velocity, gradient) in enumerate(
                zip(self._parameters(), self.velocities, gradients)
            ):
                if k < weights and self.weight_decay:
                    gradient = gradient - self.weight_decay * one
                velocity.mul_(momentum).add_(learning_rate * gradient)
                one.add_(velocity)
        return watched

    def step(self, v: Tensor) -> Tensor:
        """Learn from a batch (N, visible) of values from 0 to 1; the mean squared difference, over
        cases and units, of the batch and what the machine makes of it: it falls while learning
        works, but it is not what is minimized."""
        return self._compiled(v, float(self.learning_rate), float(self.momentum))

    def epoch(self, data: Tensor, batch: int = 100) -> float:
        """One pass over data (N, visible) in random order, in whole batches; the mean of what the
        steps returned.

        Raises:
            DataError: fewer cases than one batch; or the machine's weights are no longer finite.
        """
        if len(data) < batch:
            raise DataError(f"{len(data)} cases are fewer than one batch of {batch}")
        order = ops.randperm(len(data))
        total = ops.zeros(())
        steps = len(data) // batch
        for k in range(steps):
            total += self.step(data[order[k * batch : (k + 1) * batch]])
        mean = total.item() / steps
        if not math.isfinite(mean):
            raise DataError(
                "the weights of the Boltzmann machine are no longer finite: a smaller "
                f"learning_rate than {self.learning_rate:g}, and data from 0 to 1"
            )
        return mean


def averages(layers: Sequence[Tensor]) -> list[Tensor]:
    """⟨-∂E/∂θ⟩ over the cases of given states of the layers, each (N, units): of the weights
    between neighbours (products), then of the biases (the states themselves)."""
    cases = layers[0].shape[0]
    pairs = itertools.pairwise(layers)
    return [low.T @ high / cases for low, high in pairs] + [one.mean(0) for one in layers]
