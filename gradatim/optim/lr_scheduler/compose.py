"""Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from gradatim.graph.errors import ArgumentError, ArgumentTypeError
from gradatim.optim.lr_scheduler.base import LRScheduler, option_of_groups, replayed, set_option
from gradatim.optim.lr_scheduler.plateau import ReduceLROnPlateau
from gradatim.optim.optimizer import Optimizer


class ComposedLR(LRScheduler):
    """What both have in common: the schedulers inside, which act on one optimizer."""

    _schedulers: Sequence[LRScheduler]

    def _check(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        name = type(self).__name__
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise ArgumentTypeError(
                    f"{name} at index {i} should have `optimizer` as its attribute, but is "
                    f"{type(scheduler).__name__}"
                )
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ArgumentError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler, whose `step` needs a "
                    f"metric, but got one at index {i}"
                )
            if scheduler.optimizer is not optimizer:
                raise ArgumentError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got "
                    f"scheduler {type(scheduler).__name__} at index {i} with another one"
                )

    def state_dict(self) -> dict[str, Any]:
        state_dict = super().state_dict()
        state_dict["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for scheduler, saved in zip(self._schedulers, state_dict["_schedulers"]):
            scheduler.load_state_dict(saved)
        super().load_state_dict({**state_dict, "_schedulers": self._schedulers})


class SequentialLR(ComposedLR):
    """One schedule after the other: the next one begins at each step in `milestones`.

    Raises:
        ArgumentError: no schedulers; not one milestone less than schedulers; schedulers of
            different optimizers; `ReduceLROnPlateau` among them.

    Example:
        >>> import gradatim as gd
        >>> from gradatim.optim.lr_scheduler import ExponentialLR, LinearLR, SequentialLR
        >>> optimizer = gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=1.0)
        >>> warmup = LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> decay = ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = SequentialLR(optimizer, [warmup, decay], milestones=[2])
        >>> lrs = []
        >>> for _ in range(5):
        ...     lrs += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> lrs
        [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        if not schedulers:
            raise ArgumentError(
                "SequentialLR expects at least one scheduler, but got no scheduler."
            )
        self._check(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                f"the number of milestone points, but got number of schedulers {len(schedulers)} "
                f"and the number of milestones to be equal to {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Each scheduler took its first step when it was made, and changed the rate. Take all of
        # these back, and let only the first one act.
        for group in optimizer.param_groups:
            set_option(group, "lr", group["initial_lr"])
        _take_back_a_step(self)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    @replayed
    def step(self) -> None:
        """Set the next rates. Call it after `optimizer.step()`."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(ComposedLR):
    """All schedules at once: each multiplies what the others have made.

    Raises:
        ArgumentError: no schedulers; schedulers of different optimizers; `ReduceLROnPlateau`
            among them.
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if not schedulers:
            raise ArgumentError(
                "ChainedScheduler expects at least one scheduler to be chained, but got no "
                "scheduler."
            )
        self._check(optimizer or getattr(schedulers[0], "optimizer", None), schedulers)
        self._schedulers = schedulers
        self.optimizer = optimizer or schedulers[0].optimizer
        self._last_lr = option_of_groups(self.optimizer, "lr")

    @replayed
    def step(self) -> None:
        """Step every scheduler, in their order. Call it after `optimizer.step()`."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = option_of_groups(self.optimizer, "lr")


def _take_back_a_step(scheduler: LRScheduler) -> None:
    if isinstance(scheduler, ComposedLR):
        for inner in scheduler._schedulers:
            _take_back_a_step(inner)
    else:
        scheduler.last_epoch -= 1
