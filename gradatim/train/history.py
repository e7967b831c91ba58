"""What happened in training, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """The records of all epochs, and which of them was best.

    Attributes:
        records: one dict per epoch: epoch, loss (mean over the rows), loss_sum (sum over the
            batches), learning_rate, metrics, validation_loss, seconds.
        monitor: the key by which the best epoch is chosen.
        best_epoch: counted from 1; None before the first epoch is over.

    Example:
        >>> history = History("loss", [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
        >>> history["loss"]
        [0.5, 0.25]
    """

    monitor: str
    records: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None

    def __getitem__(self, key: str) -> list[Any]:
        """One value over the epochs."""
        return [record[key] for record in self.records]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def last(self) -> dict[str, Any]:
        """The last epoch's record."""
        return self.records[-1]

    @property
    def best(self) -> dict[str, Any] | None:
        """The best epoch's record."""
        return None if self.best_epoch is None else self.records[self.best_epoch - 1]

    @property
    def seconds(self) -> float:
        """Time spent in all epochs, also those before an interruption."""
        return sum(record["seconds"] for record in self.records)

    def __repr__(self) -> str:
        best = f", best {self.monitor} {self.best[self.monitor]:.6g}" if self.best else ""
        return f"History({len(self.records)} epochs{best})"
