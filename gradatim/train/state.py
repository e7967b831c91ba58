"""Everything that the next batch depends on, taken out of a Trainer and put back.

Model, optimizer, scheduler, callbacks, random streams, the place within the epoch, and the history.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from gradatim import hosts
from gradatim.data import DataLoader
from gradatim.graph.errors import CheckpointError
from gradatim.random import get_rng_state, set_rng_state
from gradatim.tensor import Tensor
from gradatim.train.files import read_tensors
from gradatim.train.packing import pack, to_array, unpack
from gradatim.train.parts import PARTS, Snapshot, join, remove_parts, split
from gradatim.train.position import Position
from gradatim.train.saved import load_arrays, model_about, model_arrays

if TYPE_CHECKING:
    from gradatim.train.trainer import Trainer

MODEL = "model."
"""The prefix of the model's own arrays in a checkpoint."""


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
    if trainer.mesh is not None:
        trainer.mesh.place(trainer.network.parameters())
        trainer.mesh.place_state(trainer.optimizer)
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
    if trainer.mesh is not None:
        snapshot = split(run.path, snapshot, _cuts(trainer), hosts.leads())
        hosts.meet("the parts of the checkpoint are written")
        if not hosts.leads():
            return
    best_epoch = trainer.history.best_epoch
    if best is not None and trainer.written_epoch != best_epoch:
        run.write_model(best, {"epoch": best_epoch, **model_about(trainer.model)})
        trainer.written_epoch = best_epoch
    run.write_metrics(trainer.history.records)
    run.write_checkpoint(snapshot.arrays, snapshot.state)
    remove_parts(run.path, keep=snapshot.state.get(PARTS))


def _cuts(trainer: Trainer) -> dict[str, Any]:
    """How the arrays of a checkpoint are cut on the trainer's mesh, by their names."""
    tensors: dict[str, Any] = {}
    named = {MODEL + name: value for name, value in trainer.network.state_dict().items()}
    slots = trainer.optimizer.state_dict()["state"]
    named |= {f"optimizer.state.{k}.{name}": v for k, e in slots.items() for name, v in e.items()}
    for name, value in named.items():
        cuts = trainer.mesh.cuts(value) if isinstance(value, Tensor) else []
        if len(cuts) > 1:
            tensors[name] = cuts
    return tensors


def continue_run(trainer: Trainer, batches: int) -> None:
    """Put the trainer where its run's checkpoint is; without a checkpoint, it begins anew."""
    found = trainer.run.read_checkpoint()
    if found is None:
        return
    source = trainer.run.checkpoint_file
    found = join(trainer.run.path, *found)
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
