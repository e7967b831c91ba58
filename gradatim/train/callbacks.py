"""Code of yours that training calls: when it begins and ends, and around each epoch and batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradatim.graph.errors import ArgumentError

if TYPE_CHECKING:
    from gradatim.train.trainer import Trainer


class Callback:
    """Override what you need. Setting `trainer.stop = True` ends training after the epoch.

    A callback whose decisions depend on the past gives that past as `state_dict()`: it is stored in
    the checkpoint, so that a resumed run decides as an uninterrupted one.

    Example:
        >>> class Stop(Callback):
        ...     def on_epoch_end(self, trainer, record):
        ...         trainer.stop = record["loss"] < 0.01
    """

    def on_train_begin(self, trainer: Trainer) -> None:
        """Before the first epoch (also of a resumed run)."""

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        """Before epoch `epoch`, counted from 1."""

    def on_batch_end(self, trainer: Trainer, epoch: int, batch: int) -> None:
        """After an update. Looking at values here makes every step wait for them."""

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """After an epoch, with its line of `metrics.jsonl`, to which a callback may add."""

    def on_train_end(self, trainer: Trainer) -> None:
        """After the last epoch; not called when training is interrupted."""

    def state_dict(self) -> dict[str, Any]:
        """What the callback has to remember across an interruption."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""


class EarlyStopping(Callback):
    """End training when `monitor` has not improved for `patience` epochs.

    Args:
        monitor: a key of the epoch's record, such as "validation_loss" or "accuracy"; None takes
            the trainer's own (what it picks the best model by).
        patience: how many epochs in a row may pass without improvement.
        min_delta: the least change that counts as improvement.
    """

    def __init__(
        self, monitor: str | None = None, patience: int = 10, min_delta: float = 0.0
    ) -> None:
        if patience < 1:
            raise ArgumentError(f"patience is {patience}, but has to be at least 1 epoch")
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.best: float | None = None
        self.waited = 0

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        monitor = self.monitor or trainer.monitor
        value = record_value(record, monitor)
        sign = -1 if trainer.higher_is_better(monitor) else 1
        if self.best is None or sign * (self.best - value) > self.min_delta:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            trainer.stop = True
            trainer.say(
                f"Stopped early: no better {monitor.replace('_', ' ')} for {self.patience} epochs."
            )

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.waited = state["best"], state["waited"]


def record_value(record: dict[str, Any], key: str) -> float:
    """One value of an epoch's record, or an error that lists what there is."""
    if key not in record:
        raise ArgumentError(
            f"{key!r} cannot be monitored: an epoch records {', '.join(record)} "
            "(validation_loss and metrics need validation data)"
        )
    return record[key]
