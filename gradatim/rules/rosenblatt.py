"""Rosenblatt's perceptron and its learning rule (1958, *The perceptron: a probabilistic model for
information storage and organization in the brain*; 1962, *Principles of neurodynamics*, chapter 5).

    y = 1 if w·x + b > 0 else 0
    w ← w + α (t - y) x,    b ← b + α (t - y)        after each case, in turn

A case that is right changes nothing. If some line separates the classes, the rule finds one after
at most (R/γ)² updates (Novikoff 1962, *On convergence proofs for perceptrons*), where R is the
length of the longest (x, 1) and γ the distance of the nearest to the best line through them. If
none does, it goes on for ever, and this class says so.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from gradatim import ops
from gradatim.graph.dtypes import float64
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.tensor import Tensor


class Update(NamedTuple):
    """One change of the weights.

    Attributes:
        epoch, case: when, from 1, and for which row.
        weight: (inputs,), and bias, after the update.
    """

    epoch: int
    case: int
    weight: np.ndarray
    bias: float


class Perceptron:
    """One neuron that says 0 or 1, trained with Rosenblatt's rule. It begins with zeros.

    Args:
        inputs: how many inputs it has.
        learning_rate: α; with weights that begin as 0 it changes their scale only.

    Attributes:
        weight, bias: float64 tensors (inputs,) and ().
        updates: every change, in order.
        converged: whether an epoch passed without one; None before `fit`.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([[2.0, 1.0], [1.0, 3.0], [-1.0, -2.0], [-2.0, 0.0]])
        >>> perceptron = Perceptron(2).fit(x, gd.tensor([1, 1, 0, 0]))
        >>> perceptron.converged, perceptron.weight.tolist(), len(perceptron.updates)
        (True, [2.0, 1.0], 1)
    """

    def __init__(self, inputs: int, learning_rate: float = 1.0) -> None:
        if inputs < 1:
            raise ArgumentError(f"inputs is {inputs}: expected 1 or more")
        if not learning_rate > 0:
            raise ArgumentError(f"learning_rate is {learning_rate}: it has to be above 0")
        self.learning_rate = learning_rate
        self.weight = ops.zeros(inputs, dtype=float64)
        self.bias = self.weight.sum()
        self.updates: list[Update] = []
        self.converged: bool | None = None

    def __call__(self, inputs: Any) -> Tensor:
        """0 or 1 for each row of (N, inputs), int64 (N,)."""
        rows, _ = check_rows(inputs, None, len(self.weight))
        return ((ops.tensor(rows) @ self.weight + self.bias) > 0).long()

    def fit(self, inputs: Any, targets: Any, epochs: int = 100) -> Perceptron:
        """Go through the cases in order until all are right, at most `epochs` times.

        Args:
            inputs: (N, inputs).
            targets: (N,) of zeros and ones.

        Raises:
            ShapeError, DataError: shapes that do not fit; targets of one class only, or others
                than 0 and 1; inputs that are not finite.

        Warns:
            UserWarning: it did not converge; says so, and how many cases are wrong.
        """
        rows, wanted = check_rows(inputs, targets, len(self.weight))
        if set(np.unique(wanted)) != {0.0, 1.0}:
            raise DataError(
                f"the targets are {np.unique(wanted)[:5].tolist()}: expected both 0 and 1, and "
                "nothing else"
            )
        weight, bias = self.weight.numpy().copy(), self.bias.item()
        self.updates, self.converged = [], False
        for epoch in range(1, epochs + 1):
            before = len(self.updates)
            for case, (row, target) in enumerate(zip(rows, wanted), start=1):
                error = target - float(weight @ row + bias > 0)
                if error:
                    weight = weight + self.learning_rate * error * row
                    bias += self.learning_rate * error
                    self.updates.append(Update(epoch, case, weight, bias))
            if len(self.updates) == before:
                self.converged = True
                break
        self.weight, self.bias = ops.tensor(weight), ops.tensor(bias, dtype=self.bias.dtype)
        if not self.converged:
            wrong = int(((rows @ weight + bias > 0) != wanted).sum())
            warnings.warn(
                f"the perceptron did not converge in {epochs} epochs ({len(self.updates):,} "
                f"updates): {wrong} of {len(rows)} cases are wrong; either no line separates the "
                "classes, and it never will (as with XOR), or the margin is small: more epochs",
                stacklevel=2,
            )
        return self

    def __repr__(self) -> str:
        state = {None: "not trained", True: "converged", False: "not converged"}[self.converged]
        return f"Perceptron({len(self.weight)}): {state}, {len(self.updates)} updates"


def check_rows(inputs: Any, targets: Any, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and targets as float64 arrays, with an error for what does not fit."""
    rows = np.asarray(inputs.numpy() if isinstance(inputs, Tensor) else inputs, np.float64)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ShapeError(f"inputs have shape {rows.shape}: expected (cases, {width})")
    if not np.isfinite(rows).all():
        raise DataError("the inputs hold NaN or infinite values: remove or replace these")
    if targets is None:
        return rows, np.zeros(0)
    wanted = np.asarray(targets.numpy() if isinstance(targets, Tensor) else targets, np.float64)
    if wanted.shape != (len(rows),):
        raise ShapeError(f"targets have shape {wanted.shape}: expected ({len(rows)},)")
    return rows, wanted
