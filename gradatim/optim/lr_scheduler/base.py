"""What every learning-rate scheduler shares: counting, writing the rates, checkpoints, warnings.

Two idioms come from PyTorch, and are kept so that every rate is equal to PyTorch's to the last bit:

- Most schedules are *chainable*: `get_lr` gives the next rate from the current one, not from the
  start, so that several schedulers can act on one optimizer.
- `last_epoch` is the number of the step whose rate is set. Making a scheduler takes the step to 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

from gradatim.capture import capturing, on_replay
from gradatim.graph.errors import ArgumentError, ArgumentTypeError
from gradatim.optim.checkpoint import Group
from gradatim.optim.optimizer import MissingKey, Optimizer
from gradatim.tensor import Tensor

Rate = float | Tensor

HOW_TO_ADJUST = "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"

EPOCH_IS_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. During the deprecation, if "
    "epoch is different from None, the closed form is used instead of the new chainable form, "
    "where available."
)


def replayed(step: Callable[..., None]) -> Callable[..., None]:
    """Let a scheduler's `step` inside a compiled step be called at each run of that."""

    @wraps(step)
    def replayed_step(self: LRScheduler, *args: Any, **kwargs: Any) -> None:
        if capturing():
            on_replay(partial(step, self, *args, **kwargs))
        else:
            step(self, *args, **kwargs)

    return replayed_step


class LRScheduler:
    """Base class of the schedulers: a subclass says in `get_lr` what comes next.

    Args:
        optimizer: the optimizer whose learning rates are set.
        last_epoch: the step that was reached before; -1 starts anew. To resume, load the state of
            optimizer and scheduler instead.

    Attributes:
        base_lrs: for each parameter group, the rate the schedule started from.
        last_epoch: the number of the step whose rate is set now.

    Raises:
        ArgumentTypeError: `optimizer` is no optimizer.
        MissingKey: `last_epoch` is not -1, and the optimizer was not scheduled before.

    Example:
        >>> import gradatim as gd
        >>> class Halve(gd.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [base_lr / 2**self.last_epoch for base_lr in self.base_lrs]
        >>> optimizer = gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = Halve(optimizer)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> optimizer.param_groups[0]["lr"]
        0.125
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copy(group["lr"]))
            elif "initial_lr" not in group:
                raise MissingKey(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0; load the optimizer's state_dict first, or "
                    "leave last_epoch out to start anew"
                )
        self.base_lrs: list[Rate] = option_of_groups(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        if not optimizer._scheduled:
            optimizer._scheduled, optimizer._opt_called = True, False
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[Rate]:
        """The next rate of each parameter group; called by `step`. See `get_last_lr`."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr() of its own")

    def get_last_lr(self) -> list[Rate]:
        """The rate of each parameter group that this scheduler set last."""
        return self._last_lr

    @replayed
    def step(self, epoch: int | None = None) -> None:
        """Set the next rates. Call it after `optimizer.step()`.

        Args:
            epoch: deprecated: the step to go to.
        """
        if self._step_count == 1:
            self._warn_of_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_IS_DEPRECATED, UserWarning, stacklevel=3)
        self._update_lr(epoch)

    def _warn_of_order(self) -> None:
        if not hasattr(self.optimizer.step, "hooked"):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
                "initialization. Please, make sure to call `optimizer.step()` before "
                f"`lr_scheduler.step()`. See more details at {HOW_TO_ADJUST}",
                UserWarning,
                stacklevel=4,
            )
        elif not self.optimizer._opt_called:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. "
                "In PyTorch 1.1.0 and later, you should call them in the opposite order: "
                "`optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result "
                "in PyTorch skipping the first value of the learning rate schedule. "
                f"See more details at {HOW_TO_ADJUST}",
                UserWarning,
                stacklevel=4,
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        get_lr: Callable[[], list[Rate]] = self.get_lr
        if epoch is None:
            self.last_epoch += 1
        else:
            self.last_epoch = epoch
            get_lr = getattr(self, "_get_closed_form_lr", get_lr)
        with self._within_step():
            self._set_lr(get_lr())

    def _set_lr(self, lrs: Sequence[Rate]) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            set_option(group, "lr", lr)
        self._last_lr: list[Rate] = option_of_groups(self.optimizer, "lr")

    @contextmanager
    def _within_step(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _warn_outside_step(self) -> None:
        """Warn a user who calls `get_lr`, which would advance some schedules."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def state_dict(self) -> dict[str, Any]:
        """Everything the scheduler remembers, as plain data; the optimizer is left out."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where the scheduler that gave `state_dict` was. Load the optimizer's, too."""
        self.__dict__.update(state_dict)


_LRScheduler = LRScheduler  # its name until PyTorch 2.0


# --- options of parameter groups -----------------------------------------------------------------


def check_optimizer(optimizer: Any) -> None:
    """Raise unless `optimizer` is an `Optimizer`."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(f"{type(optimizer).__name__} is not an Optimizer")


def option_of_groups(optimizer: Optimizer, name: str) -> list[Any]:
    """The values of one option, by parameter group; tensors are copied."""
    return [_copy(group[name]) for group in optimizer.param_groups]


def set_option(group: Group, name: str, value: Rate) -> None:
    """Set an option; one that is a tensor stays that tensor, and gets the value."""
    if isinstance(group[name], Tensor):
        group[name].fill_(value.squeeze() if isinstance(value, Tensor) else value)
    else:
        group[name] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A setting as given, one for all groups or a sequence with one for each, as a list."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [_copy(value) for _ in range(count)]
    if len(value) != count:
        raise ArgumentError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {count}."
        )
    return [_copy(item) for item in value]


def set_momentum(group: Group, momentum: float) -> None:
    """Set what plays the part of momentum: the option `momentum`, or the first of `betas`."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def start_momentum_cycle(
    optimizer: Optimizer, max_momentums: Sequence[float], base_momentums: Sequence[float]
) -> None:
    """Write a cycle's bounds into the groups, and set the momentum to the upper one."""
    for group, high, low in zip(optimizer.param_groups, max_momentums, base_momentums):
        set_momentum(group, high)
        group["max_momentum"] = high
        group["base_momentum"] = low


def check_has_momentum(optimizer: Optimizer) -> None:
    """Raise unless the optimizer has an option that plays the part of momentum."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ArgumentError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled; "
            f"{type(optimizer).__name__} has neither: pass cycle_momentum=False"
        )


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
