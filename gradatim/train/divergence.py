"""When the loss becomes NaN or infinite: find out where, and say it in one line.

By the time somebody looks at the loss, the weights are NaN as well, and tell nothing. So the steps
since the last good state are taken once more, up to the batch in question: the weights as they
were before that batch say what had grown. This costs nothing while training goes well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradatim.graph.errors import NonFiniteError
from gradatim.tensor import Tensor
from gradatim.train.feed import count_batches
from gradatim.train.packing import to_array
from gradatim.train.saved import model_arrays
from gradatim.train.state import restore, write_run

if TYPE_CHECKING:
    from gradatim.train.trainer import Trainer


class Diverged(Exception):
    """Raised inside training: what was found not to be finite, and at which batch of the epoch."""

    def __init__(self, what: str, batch: int) -> None:
        super().__init__(what, batch)
        self.what, self.batch = what, batch


def explain(trainer: Trainer, diverged: Diverged) -> NonFiniteError:
    """The error for the user. Leaves the trainer, and its run, in the last good state."""
    snapshot = trainer.snapshot
    restore(trainer, snapshot, "the last good state")
    if trainer.position.batch == 0:
        trainer.begin_epoch()
    step = trainer.make_step(())
    inputs = targets = None
    for inputs, targets in trainer.batches():
        if trainer.position.batch == diverged.batch - 1:
            break
        trainer.take_step(step, inputs, targets)
    epoch = trainer.position.epoch + 1
    batches = count_batches(trainer.loader)
    where = f"epoch {epoch}, batch {diverged.batch}" + (f" of {batches}" if batches else "")
    cause = _cause(trainer, inputs, targets)
    restore(trainer, snapshot, "the last good state")
    trainer.forget_unread()
    write_run(trainer, snapshot)
    return NonFiniteError(f"{diverged.what} in {where}: {cause}; {_what_is_kept(trainer)}")


def _cause(trainer: Trainer, inputs: Tensor, targets: Tensor) -> str:
    for name, values in (("inputs", inputs), ("targets", targets)):
        if not _is_finite(to_array(values)):
            return f"the batch's {name} hold NaN or infinite values, so remove or replace these"
    name, weight = max(
        ((name, float(np.abs(array).max(initial=0))) for name, array in _weights(trainer).items()),
        key=lambda pair: pair[1],
    )
    rate = trainer.optimizer.param_groups[0]["lr"]
    return (
        f"the largest weight before it was {weight:.3g} in {name}; "
        f"try a learning rate below {rate:g}, or look for extreme values in the data"
    )


def _weights(trainer: Trainer) -> dict[str, np.ndarray]:
    arrays = model_arrays(trainer.network)
    return {name: array for name, array in arrays.items() if array.dtype.kind not in "iub"}


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind in "iub" or bool(np.isfinite(array).all())


def _what_is_kept(trainer: Trainer) -> str:
    epoch = trainer.position.epoch
    after = f"epoch {epoch}" if epoch else "the start"
    if trainer.run is None:
        return f"the model has its weights after {after} again"
    return f"the checkpoint after {after} is kept in {trainer.run.path}"
