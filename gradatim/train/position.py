"""Where training is, between any two batches."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Position:
    """Epochs and batches done, and what the epoch under way has added up so far.

    Attributes:
        epoch: epochs finished.
        batch: batches finished in the epoch under way.
        loss_sum: sum over its batches of their losses.
        weighted_loss: sum over its batches of loss × rows.
        rows: rows in its batches.
        metric_sums: each metric's sums over its batches (where metrics are taken on training data).
        seconds: time it took so far.
        stopped: a callback ended training early.
    """

    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    weighted_loss: float = 0.0
    rows: int = 0
    metric_sums: list[np.ndarray] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False

    def add(self, loss: float, rows: int, sums: list[np.ndarray]) -> None:
        """Count one more batch's values."""
        self.loss_sum += loss
        self.weighted_loss += loss * rows
        self.rows += rows
        if self.metric_sums:
            self.metric_sums = [total + new for total, new in zip(self.metric_sums, sums)]
        else:
            self.metric_sums = list(sums)

    def next_epoch(self) -> Position:
        """The position at the beginning of the next epoch."""
        return Position(epoch=self.epoch + 1)
