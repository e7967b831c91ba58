"""The delta rule of Widrow & Hoff 1960, *Adaptive switching circuits*: a linear neuron that follows
the gradient of its squared error, case by case.

    y = w·x + b
    w ← w + α (t - y) x,    b ← b + α (t - y)        as ∂½(t-y)²/∂w = -(t-y) x

Rosenblatt's rule looks the same, but its y is 0 or 1: it stops at the first line that separates
the classes, and never where none does. This one comes near the line of least squares, in any case,
if α is below 2 / |(x, 1)|² for every case; above, it grows without bounds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.graph.dtypes import float64
from gradatim.graph.errors import ArgumentError, DataError
from gradatim.rules.rosenblatt import check_rows
from gradatim.tensor import Tensor


class DeltaRule:
    """A linear neuron (Adaline), trained with the delta rule. It begins with zeros.

    Args:
        inputs: how many inputs it has.
        learning_rate: α.

    Attributes:
        weight, bias: float64 tensors (inputs,) and ().
        losses: the mean of ½(t-y)² over the cases of each epoch, each before its update; ends with
            infinity where it diverged.
        diverged: whether the weights grew without bounds.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([[0.0], [1.0], [2.0], [3.0]])
        >>> neuron = DeltaRule(1, learning_rate=0.1).fit(x, 2 * x[:, 0] + 1, epochs=200)
        >>> round(neuron.weight.item(), 3), round(neuron.bias.item(), 3)
        (2.0, 1.0)
    """

    def __init__(self, inputs: int, learning_rate: float = 0.01) -> None:
        if inputs < 1:
            raise ArgumentError(f"inputs is {inputs}: expected 1 or more")
        if not learning_rate > 0:
            raise ArgumentError(f"learning_rate is {learning_rate}: it has to be above 0")
        self.learning_rate = learning_rate
        self.weight = ops.zeros(inputs, dtype=float64)
        self.bias = self.weight.sum()
        self.losses: list[float] = []
        self.diverged = False

    def __call__(self, inputs: Any) -> Tensor:
        """w·x + b for each row of (N, inputs), float64 (N,)."""
        rows, _ = check_rows(inputs, None, len(self.weight))
        return ops.tensor(rows) @ self.weight + self.bias

    def fit(self, inputs: Any, targets: Any, epochs: int = 100) -> DeltaRule:
        """Go through the cases in order, `epochs` times; stop where the weights are not finite.

        Args:
            inputs: (N, inputs). targets: (N,), any numbers.

        Raises:
            ShapeError, DataError: shapes that do not fit; no cases; inputs that are not finite.
        """
        rows, wanted = check_rows(inputs, targets, len(self.weight))
        if not len(rows):
            raise DataError("there are no cases to learn from: give one row or more")
        weight, bias = self.weight.numpy().copy(), self.bias.item()
        self.losses, self.diverged = [], False
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(epochs):
                total = 0.0
                for row, target in zip(rows, wanted):
                    error = target - (weight @ row + bias)
                    total += error * error / 2
                    weight = weight + self.learning_rate * error * row
                    bias += self.learning_rate * error
                if not (math.isfinite(total) and np.isfinite(weight).all()):
                    self.losses.append(math.inf)
                    self.diverged = True
                    break
                self.losses.append(float(total / len(rows)))
        self.weight, self.bias = ops.tensor(weight), ops.tensor(bias, dtype=self.bias.dtype)
        return self

    def __repr__(self) -> str:
        last = f", loss {self.losses[-1]:.4g}" if self.losses else ""
        return f"DeltaRule({len(self.weight)}, learning rate {self.learning_rate:g}{last})"
