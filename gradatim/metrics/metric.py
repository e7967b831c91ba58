"""What a metric is: each batch adds a few sums, and the value is a formula of the sums.

So a metric needs no memory of the predictions, gives the same value for every batch size, and its
sums are tensors: computing them is part of a compiled step, and nobody waits for them within an
epoch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.graph.dtypes import float64
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor


class Metric:
    """One number about a model on some data: sums over each batch, and a formula of the totals.

    A subclass defines `sums` and `value`.

    Attributes:
        name: its key in `History` and `metrics.jsonl`.
        label: what a person reads.
        higher_is_better: which way improvement goes (for early stopping and the best model).

    Example:
        >>> import gradatim as gd
        >>> metric = gd.metrics.MAE()
        >>> metric.update(gd.tensor([1.0, 2.0]), gd.tensor([1.0, 4.0]))
        >>> metric.update(gd.tensor([5.0]), gd.tensor([6.0]))
        >>> metric.compute()
        1.0
    """

    name: str
    label: str
    higher_is_better = False

    _totals: np.ndarray | None = None

    def sums(self, outputs: Tensor, targets: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """The batch's sums: any shape, float64, to be added up over batches.

        Args:
            sample_weight: how much each row counts, (rows,); all count 1 without it.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no sums()")

    def value(self, totals: np.ndarray) -> Any:
        """The metric, from the sums of all batches."""
        raise NotImplementedError(f"{type(self).__name__} defines no value()")

    def text(self, value: float) -> str:
        """The value as it is printed."""
        return f"{value:.4f}"

    # --- streaming ------------------------------------------------------------------------------

    def update(self, outputs: Any, targets: Any, sample_weight: Any = None) -> None:
        """Take one batch in: tensors, arrays or lists."""
        outputs, targets = as_tensor(outputs), as_tensor(targets)
        weights = None if sample_weight is None else as_weights(sample_weight, len(targets))
        with no_grad():
            sums = np.array(self.sums(outputs, targets, weights).numpy())
        self._totals = sums if self._totals is None else self.merge(self._totals, sums)

    def merge(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """The sums of two parts of the data, from those of each."""
        return one + other

    def compute(self) -> Any:
        """The value over all batches since the last `reset`.

        Raises:
            ArgumentError: there were none.
        """
        if self._totals is None:
            raise ArgumentError(
                f"{type(self).__name__} has seen no data: call update(outputs, targets) first"
            )
        return self.value(self._totals)

    def reset(self) -> None:
        """Forget all batches."""
        self._totals = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def as_tensor(value: Any) -> Tensor:
    """Anything array-like as a tensor without history; lists of floats in float64."""
    if isinstance(value, Tensor):
        return value.detach()
    return ops.tensor(np.asarray(value))


def as_weights(sample_weight: Any, rows: int) -> Tensor:
    """The weights given for so many rows, float64 (rows,).

    Raises:
        ShapeError: they are of another shape.
    """
    weights = as_tensor(sample_weight).double()
    if tuple(weights.shape) != (rows,):
        raise ShapeError(
            f"sample_weight has shape {tuple(weights.shape)}: expected one weight for each of "
            f"{rows} rows"
        )
    return weights


def row_weights(rows: Tensor, sample_weight: Tensor | None) -> Tensor:
    """A float64 weight for each row: those given, or ones."""
    if sample_weight is not None:
        return sample_weight
    return ops.ones(len(rows), dtype=float64, device=rows.device)
