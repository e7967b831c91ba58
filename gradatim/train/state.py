"""Everything that the next batch depends on, taken out of a Trainer and put back.

Model, optimizer, scheduler, callbacks, random streams, the place within the epoch, and the history.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradatim.data import DataLoader
from gradatim.graph.errors import CheckpointError
from gradatim.random import get_rng_state, set_rng_state
from gradatim.train.files import read_tensors
from gradatim.train.packing import pack, to_array, unpack
from gradatim.train.position import Position
from gradatim.train.saved import load_arrays, model_about, model_arrays

if TYPE_CHECKING:
    from gradatim.train.trainer import Trainer

MODEL = "model."
"""The prefix of the model's own arrays in a checkpoint."""


@dataclass(frozen=True)
class Snapshot:
    """A trainer's state: arrays by name, and JSON-able data that refers to them."""

    arrays: dict[str, np.ndarray]
    state: dict[str, Any]


def capture(trainer: Trainer) -> Snapshot:
    """The trainer's state as it is now, as copies. Changes nothing."""
    model = model_arrays(trainer.network)
    arrays = {MODEL + name: array for name, array in model.items()}
    tree = {
        "position": asdict(trainer.position),
        "history": trainer.history.records,
        "best_epoch": trainer.history.best_epoch,
        "monitor": trainer.monitor,
        "optimizer_class": type(trainer.optimizer).__name__,
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": None if trainer.scheduler is None else trainer.scheduler.state_dict(),
        "callbacks": [callback.state_dict() for callback in trainer.callbacks],
        "random": random_state(trainer.loader),
        "epoch_random": trainer.epoch_random,
    }
    return Snapshot(arrays, {key: pack(value, key, arrays) for key, value in tree.items()})


def restore(trainer: Trainer, snapshot: Snapshot, source: str) -> None:
    """Put a trainer into the state of the snapshot. `source` names it in error messages."""
    arrays = snapshot.arrays
    tree = {key: unpack(value, arrays) for key, value in snapshot.state.items()}
    model = {name.removeprefix(MODEL): arrays[name] for name in arrays if name.startswith(MODEL)}
    if tree["optimizer_class"] != type(trainer.optimizer).__name__:
        raise CheckpointError(
            f"{source} was made with {tree['optimizer_class']}; it cannot be continued with "
            f"{type(trainer.optimizer).__name__}"
        )
    load_arrays(trainer.network, model, source)
    trainer.optimizer.load_state_dict(tree["optimizer"])
    if trainer.scheduler is not None and tree["scheduler"] is not None:
        trainer.scheduler.load_state_dict(tree["scheduler"])
    for callback, state in zip(trainer.callbacks, tree["callbacks"]):
        callback.load_state_dict(state)
    sums = [np.array(to_array(one)) for one in tree["position"].pop("metric_sums")]
    trainer.position = Position(**tree["position"], metric_sums=sums)
    trainer.history.records = tree["history"]
    trainer.history.best_epoch = tree["best_epoch"]
    trainer.epoch_random = tree["epoch_random"]
    set_random_state(tree["random"], trainer.loader)


def random_state(loader: DataLoader) -> dict[str, Any]:
    """The default stream's state, and that of the loader's own generator where it has one."""
    generator = loader.generator
    own = None if generator is None else generator.get_state()
    return {"default": get_rng_state(), "loader": own}


def set_random_state(state: dict[str, Any], loader: DataLoader) -> None:
    """The inverse of `random_state`."""
    set_rng_state(state["default"])
    generator = loader.generator
    if generator is not None and state["loader"] is not None:
        generator.set_state(state["loader"])


def write_run(trainer: Trainer, snapshot: Snapshot) -> None:
    """Write the best model, the metrics and the checkpoint, in this order (see `run.py`)."""
    run, best = trainer.run, trainer.best_arrays
    if run is None:
        return
    best_epoch = trainer.history.best_epoch
    if best is not None and trainer.written_epoch != best_epoch:
        run.write_model(best, {"epoch": best_epoch, **model_about(trainer.model)})
        trainer.written_epoch = best_epoch
    run.write_metrics(trainer.history.records)
    run.write_checkpoint(snapshot.arrays, snapshot.state)


def continue_run(trainer: Trainer, batches: int) -> None:
    """Put the trainer where its run's checkpoint is; without a checkpoint, it begins anew."""
    found = trainer.run.read_checkpoint()
    if found is None:
        return
    source = trainer.run.checkpoint_file
    try:
        restore(trainer, Snapshot(*found), str(source))
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{source} is damaged: {error!r}; train again") from None
    if batches and trainer.position.batch > batches:
        raise CheckpointError(
            f"{trainer.run.path} was interrupted after batch {trainer.position.batch} of an epoch; "
            f"this data has only {batches} batches: continue with the same data and batch size"
        )
    if trainer.history.best_epoch is not None:
        trainer.best_arrays, _ = read_tensors(trainer.run.model_file, "model")
        trainer.written_epoch = trainer.history.best_epoch
