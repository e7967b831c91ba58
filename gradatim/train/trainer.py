"""Trainer: fits a model to data, and leaves a run that can be looked at, used and continued.

The loop is the plain one: for each epoch, for each batch, a step; then validation, a line, a
checkpoint.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradatim import hosts, ops
from gradatim.engines import set_engine
from gradatim.graph.errors import ArgumentError, Error
from gradatim.mesh import Mesh
from gradatim.nn import Module
from gradatim.optim import Optimizer
from gradatim.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from gradatim.precision import find_precision
from gradatim.random import manual_seed
from gradatim.tensor import Tensor
from gradatim.train.callbacks import Callback, record_value
from gradatim.train.divergence import Diverged, explain
from gradatim.train.feed import (
    as_loader,
    as_tensor,
    check_at_least_one,
    count_batches,
    evaluation_batches,
)
from gradatim.train.history import History
from gradatim.train.interrupts import Interrupts, TrainingInterrupted
from gradatim.train.losses import find_loss
from gradatim.train.metrics import Metric, find_metric
from gradatim.train.packing import pack, to_array
from gradatim.train.position import Position
from gradatim.train.progress import Progress, clock, make_progress
from gradatim.train.run import Run
from gradatim.train.saved import load_arrays, model_about, model_arrays, network_of
from gradatim.train.share import Share
from gradatim.train.state import capture, continue_run, random_state, set_random_state, write_run
from gradatim.train.steps import (
    Step,
    accumulating_step,
    evaluation_step,
    prediction_step,
    training_step,
)

SAVE_AFTER_EPOCH = 1.0
"""Seconds since the last checkpoint after which the end of an epoch writes one. Shorter epochs
would spend their time on the disk."""

SAVE_WITHIN_EPOCH = 30.0
"""Seconds since the last checkpoint after which one is written between two batches."""


class Trainer:
    """Fits `model` to data: the loop, with validation, metrics, checkpoints and a progress bar.

    Args:
        model: any Module; the batch's inputs go in, its outputs go to the loss.
        loss: "mse", "cross_entropy", ... or a function of outputs and targets.
        optimizer: over the model's parameters.
        metrics: "accuracy", "mae", "rmse", "r2", or Metric objects; taken on the validation data,
            or on the training batches where there is none.
        callbacks: Callback objects.
        scheduler: a learning-rate scheduler; stepped after each epoch (OneCycleLR: after each
            batch).
        monitor: what the best model is chosen by, a key of the epoch's record; by default the first
            metric, else the validation loss, else the loss.
        run_dir: where to leave a run; None leaves nothing.
        seed: calls `manual_seed` when fitting begins.
        engine: which engine runs the steps, by name.
        progress: False for no output.
        mesh: the devices to train on, as `{"data": 8}` or `{"data": 4, "model": 2}`: see
            `gradatim.mesh`. Batches are cut along "data".
        accumulate: into how many pieces a batch is cut, whose gradients are added up before the
            update: so it needs less memory.
        precision: "float32", or "bf16": products and activations in bfloat16, weights, losses and
            sums in float32.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> x = gd.rand(200, 2)
        >>> model = gd.nn.Linear(2, 1)
        >>> optimizer = gd.optim.SGD(model.parameters(), lr=0.5)
        >>> trainer = Trainer(model, "mse", optimizer, progress=False)
        >>> history = trainer.fit((x, x.sum(1, keepdim=True)), epochs=20, batch_size=20)
        >>> history.last["loss"] < 1e-3
        True
    """

    def __init__(
        self,
        model: Module,
        loss: str | Callable[[Tensor, Tensor], Tensor],
        optimizer: Optimizer,
        metrics: Sequence[str | Metric] = (),
        callbacks: Sequence[Callback] = (),
        scheduler: Any = None,
        monitor: str | None = None,
        run_dir: str | os.PathLike | Run | None = None,
        seed: int | None = None,
        engine: str | None = None,
        progress: bool | Progress = True,
        mesh: Mapping[str, int] | None = None,
        accumulate: int = 1,
        precision: str | None = None,
    ) -> None:
        check_at_least_one("accumulate", accumulate)
        self.mesh = None if mesh is None else Mesh(mesh)
        self.accumulate, self.precision = accumulate, find_precision(precision)
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.network = network_of(model)
        self.loss = find_loss(loss)
        self.metrics = [find_metric(metric) for metric in metrics]
        self.callbacks = list(callbacks)
        self.run_dir, self.seed, self.engine, self.progress = run_dir, seed, engine, progress
        self.run: Run | None = None
        self.stop = False
        self.best_arrays: dict[str, np.ndarray] | None = None
        self._wanted_monitor = monitor
        self._evaluate = evaluation_step(self.network, self.loss, self.metrics, self.precision)
        self._predict = prediction_step(self.network)

    # What a user calls

    def fit(
        self,
        train: Any,
        validation: Any = None,
        epochs: int = 10,
        batch_size: int = 32,
        shuffle: bool = True,
        resume: bool = False,
    ) -> History:
        """Train, and give the history of the epochs.

        Args:
            train, validation: `(inputs, targets)` arrays or tensors, a Dataset, or a DataLoader
                (which has its own batch size and shuffling).
            epochs: how many in all, also those before an interruption.
            batch_size: rows in a step; more than there are gives one batch.
            shuffle: a new order each epoch.
            resume: continue the run in `run_dir`, with the same bits as if never interrupted.

        Raises:
            NonFiniteError: the loss became NaN or infinite; the message says where and which weight
                had grown, and the model has its last good weights again.
            TrainingInterrupted: after Ctrl-C (it is a KeyboardInterrupt), when the batch is done
                and the state saved.
            CheckpointError: `run_dir` cannot be used or continued.
        """
        check_at_least_one("epochs", epochs)
        if self.engine is not None:
            set_engine(self.engine)
        self.loader = as_loader(train, batch_size, shuffle)
        self.share = None if self.mesh is None else Share.of(self.loader, self.mesh)
        if self.share is not None:
            self.loader = self.share.loader
        self.monitor = self._wanted_monitor or self._default_monitor(validation)
        batches = count_batches(self.loader)
        self._begin(epochs, batch_size, batches, resume)
        if self.position.stopped or self.position.epoch >= epochs:
            return self.history
        self._step = self.make_step(() if validation is not None else self.metrics)
        self._show = make_progress(self.progress)
        self._show.start(epochs, batches)
        try:
            with Interrupts() as self._interrupts:
                self._train(validation, epochs)
        except Diverged as diverged:
            raise explain(self, diverged) from None
        except (RuntimeError, ValueError) as error:  # XLA's, where another host is lost
            if not isinstance(error, Error):
                hosts.await_verdict(error)
            raise
        finally:
            self._show.stop()
        return self.history

    def evaluate(self, data: Any) -> dict[str, float]:
        """The loss and all metrics on `data`, as `{"loss": ..., "accuracy": ...}`."""
        self.network.eval()
        loss_sum, rows, totals = 0.0, 0, []
        for inputs, targets in evaluation_batches(data):
            loss, *sums = self._evaluate(inputs, targets)
            loss_sum += loss.item() * len(inputs)
            rows += len(inputs)
            arrays = [np.array(to_array(one)) for one in sums]
            totals = [total + new for total, new in zip(totals, arrays)] if totals else arrays
        values = {metric.name: metric.value(total) for metric, total in zip(self.metrics, totals)}
        return {"loss": loss_sum / rows, **values}

    def predict(self, inputs: Any, batch_size: int = 1000) -> Tensor:
        """The model's outputs for all rows of `inputs`."""
        self.network.eval()
        inputs = as_tensor(inputs)
        starts = range(0, max(len(inputs), 1), batch_size)
        outputs = ops.cat([self._predict(inputs[start : start + batch_size]) for start in starts])
        return outputs if self.mesh is None else outputs.cpu()

    def restore_best(self) -> None:
        """Give the model the weights of the best epoch."""
        if self.best_arrays is None:
            raise ArgumentError("there is no best epoch yet: call fit() first")
        load_arrays(self.network, self.best_arrays, "the best epoch")

    # What a callback may call

    def say(self, text: str) -> None:
        """Print a line above the progress bar."""
        self._show.line(text)

    def higher_is_better(self, key: str) -> bool:
        """Which way a value of the epoch's record improves."""
        return any(metric.name == key and metric.higher_is_better for metric in self.metrics)

    # The loop

    def _train(self, validation: Any, epochs: int) -> None:
        for callback in self.callbacks:
            callback.on_train_begin(self)
        while self.position.epoch < epochs and not self.stop:
            self._epoch()
            record = self._record(validation, epochs)
            self._note_best(record)
            self._end_epoch(record, epochs)
        for callback in self.callbacks:
            callback.on_train_end(self)

    def _epoch(self) -> None:
        """All batches of an epoch, or those that an interrupted run had left."""
        position = self.position
        self.network.train()
        if position.batch == 0:
            self.snapshot = capture(self)
            self.begin_epoch()
        self._clock = time.monotonic() - position.seconds
        for inputs, targets in self.batches():
            self.take_step(self._step, inputs, targets)
            for callback in self.callbacks:
                callback.on_batch_end(self, position.epoch + 1, position.batch)
            if self._show.due():
                self._show.show(position.epoch, position.batch, self._read_losses())
            if self._interrupts.requested:
                self._save()
                raise TrainingInterrupted
            late = time.monotonic() - self._saved_at > SAVE_WITHIN_EPOCH
            if late and hosts.count() == 1:  # clocks of several hosts would not agree
                self._save()
        self._read_losses()
        self._check_weights()

    def begin_epoch(self) -> None:
        """Tell the callbacks. This comes again when an epoch is begun again, after a resume."""
        for callback in self.callbacks:
            callback.on_epoch_begin(self, self.position.epoch + 1)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of this epoch that are still to be done.

        In the middle of an epoch the loader begins with the random state that it began with before,
        so that it shuffles alike, and the batches already done are skipped.
        """
        if self.position.batch == 0:
            self.epoch_random = random_state(self.loader)
            yield from map(self._bring, self.loader)
            return
        now = random_state(self.loader)
        set_random_state(self.epoch_random, self.loader)
        remaining = iter(self.loader)
        for _ in range(self.position.batch):
            next(remaining)
        set_random_state(now, self.loader)
        yield from map(self._bring, remaining)

    def _bring(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """A batch of which each host has read its share, as one."""
        return batch if self.share is None else self.share.join(batch)

    def make_step(self, metrics: Sequence[Metric]) -> Step:
        """The compiled step, which also sums up `metrics` on the training batches."""
        about = self.network, self.loss, self.optimizer, metrics
        if self.accumulate > 1:
            return accumulating_step(*about, self.accumulate, self.precision)
        return training_step(*about, self.precision)

    def memory(self) -> dict[str, dict[str, int]]:
        """How many bytes of the parameters, and of what the optimizer remembers, each device of
        this machine holds, as XLA says. Of a Trainer with a mesh."""
        if self.mesh is None:
            raise ArgumentError("memory() is of a Trainer with a mesh: Trainer(..., mesh={...})")
        kept = [t for entry in self.optimizer.state.values() for t in entry.values()]
        return {
            "parameters": self.mesh.bytes_per_device(self.network.parameters()),
            "optimizer": self.mesh.bytes_per_device(t for t in kept if isinstance(t, Tensor)),
        }

    def take_step(self, step: Step, inputs: Tensor, targets: Tensor) -> None:
        """One update. Its loss stays a tensor until somebody has to know it."""
        loss, *sums = step(inputs, targets)
        self._unread.append((loss, len(inputs), sums))
        self.position.batch += 1
        if isinstance(self.scheduler, OneCycleLR):
            self.scheduler.step()

    def forget_unread(self) -> None:
        """Never look at the losses of the steps since the last look."""
        self._unread.clear()

    def _read_losses(self) -> float:
        """Add up the losses not looked at yet, and give the latest. Raises `Diverged`."""
        for number, (loss, rows, sums) in enumerate(self._unread):
            self._latest_loss = loss.item()
            if not math.isfinite(self._latest_loss):
                batch = self.position.batch - len(self._unread) + number + 1
                raise Diverged(f"the loss became {self._latest_loss}", batch)
            self.position.add(self._latest_loss, rows, [np.array(to_array(one)) for one in sums])
        self._unread.clear()
        return self._latest_loss

    def _record(self, validation: Any, epochs: int) -> dict[str, Any]:
        """Validate, and sum the epoch up in a record and a printed line."""
        position = self.position
        record: dict[str, Any] = {
            "epoch": position.epoch + 1,
            "loss": position.weighted_loss / position.rows,
            "loss_sum": position.loss_sum,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
        }
        if validation is not None:
            values = self.evaluate(validation)
            record["validation_loss"] = values.pop("loss")
            record |= values
        else:
            sums = zip(self.metrics, position.metric_sums)
            record |= {metric.name: metric.value(total) for metric, total in sums}
        record["seconds"] = round(time.monotonic() - self._clock, 4)
        self.say(self._line(record, epochs))
        return record

    def _line(self, record: dict[str, Any], epochs: int) -> str:
        width = len(str(epochs))
        parts = [f"Epoch {record['epoch']:>{width}}/{epochs}", f"Loss {loss_text(record['loss'])}"]
        if "validation_loss" in record and not self.metrics:
            parts.append(f"Validation loss {loss_text(record['validation_loss'])}")
        parts += [f"{metric.label} {metric.text(record[metric.name])}" for metric in self.metrics]
        return "   ".join([*parts, clock(record["seconds"])])

    def _note_best(self, record: dict[str, Any]) -> None:
        """Keep the weights if this epoch is the best so far."""
        value = record_value(record, self.monitor)
        best = self.history.best
        self.history.records.append(record)
        higher = self.higher_is_better(self.monitor)
        if best is None or _is_better(value, best[self.monitor], higher):
            self.history.best_epoch = record["epoch"]
            self.best_arrays = model_arrays(self.model)

    def _end_epoch(self, record: dict[str, Any], epochs: int) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(record_value(record, self.monitor))
        elif self.scheduler is not None and not isinstance(self.scheduler, OneCycleLR):
            self.scheduler.step()
        for callback in self.callbacks:
            callback.on_epoch_end(self, record)
        self.position = self.position.next_epoch()
        self.position.stopped = self.stop
        finished = self.stop or self.position.epoch >= epochs
        due = time.monotonic() - self._saved_at > SAVE_AFTER_EPOCH or hosts.count() > 1
        if due or finished or self._interrupts.requested:
            self._save()
        if self._interrupts.requested and not finished:
            raise TrainingInterrupted

    # Beginning and saving

    def _begin(self, epochs: int, batch_size: int, batches: int, resume: bool) -> None:
        """A new run, or the state of the one to be continued."""
        self.position, self.history = Position(), History(self.monitor)
        self.best_arrays = None
        self.written_epoch: int | None = None
        self.epoch_random: dict[str, Any] = {}
        self.stop = False
        self._unread: list[tuple[Tensor, int, list[Tensor]]] = []
        self._latest_loss = math.nan
        self._saved_at = time.monotonic()
        if self.seed is not None:
            manual_seed(self.seed)
        if self.mesh is not None:
            self.network.to(self.mesh.device)
            self.mesh.place(self.network.parameters())
            self.mesh.place_state(self.optimizer)
        if self.run_dir is None:
            if resume:
                raise ArgumentError("resume=True needs the run_dir of the run to be continued")
            return
        if isinstance(self.run_dir, Run):
            self.run = self.run_dir
        elif resume:
            self.run = Run.open(self.run_dir)
        elif hosts.leads():
            self.run = Run.create(self.run_dir, self._config(epochs, batch_size))
        else:
            self.run = Run(Path(self.run_dir), {})
        hosts.meet("the run's folder is there")
        if resume:
            continue_run(self, batches)

    def _config(self, epochs: int, batch_size: int) -> dict[str, Any]:
        """What `config.json` says of a run that was started from Python."""
        group = {key: value for key, value in self.optimizer.param_groups[0].items()}
        group.pop("params")
        return {
            "model": model_about(self.model),
            "loss": type(self.loss).__name__,
            "optimizer": {"class": type(self.optimizer).__name__, **pack(group, "", {})},
            "epochs": epochs,
            "batch_size": batch_size,
            "seed": self.seed,
        }

    def _save(self) -> None:
        """Write the run's files, if there is a run."""
        self._read_losses()
        if self.position.batch:
            self.position.seconds = time.monotonic() - self._clock
            self._check_weights()
        self.snapshot = capture(self)
        write_run(self, self.snapshot)
        self._saved_at = time.monotonic()

    def _check_weights(self) -> None:
        """Raise `Diverged` if the last update left a parameter that is not finite."""
        for name, array in model_arrays(self.network).items():
            if not np.isfinite(array).all():
                raise Diverged(f"{name} became NaN or infinite", self.position.batch)

    def _default_monitor(self, validation: Any) -> str:
        if self.metrics:
            return self.metrics[0].name
        return "loss" if validation is None else "validation_loss"


def loss_text(loss: float) -> str:
    """A loss as it is printed: six decimals, or the exponent where these would not do."""
    return f"{loss:.6f}" if 1e-3 <= loss < 1e5 else f"{loss:.5e}"


def _is_better(value: float, best: float, higher: bool) -> bool:
    if math.isnan(best):
        return not math.isnan(value)
    return value > best if higher else value < best
