"""Schedules that go up and down: cyclical rates and the 1cycle policy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph.errors import ArgumentError
from gradatim.optim.lr_scheduler.base import (
    LRScheduler,
    Rate,
    check_has_momentum,
    check_optimizer,
    per_group,
    set_momentum,
    set_option,
    start_momentum_cycle,
)
from gradatim.optim.lr_scheduler.functions import attributes
from gradatim.optim.optimizer import Optimizer

CYCLE_MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """Triangles between `base_lr` and `max_lr` (Smith 2017, *Cyclical learning rates for training
    neural networks*, section 3.1). Step it after every batch.

    Args:
        optimizer: the optimizer whose learning rates are set.
        base_lr, max_lr: the lower and (first) upper bound; one for all groups, or one for each.
        step_size_up, step_size_down: how many steps a rise and a fall take.
        mode: "triangular": equal triangles. "triangular2": each half as high as the one before.
            "exp_range": the height is `gamma ** step`.
        gamma: see `mode`.
        scale_fn: the height, as a function of the cycle or step number; replaces `mode`.
        scale_mode: whether `scale_fn` gets the number of the "cycle" (from 1) or of "iterations".
        cycle_momentum: move the momentum (or beta1) between its bounds, against the rate.
        base_momentum, max_momentum: its bounds.
        last_epoch: see `LRScheduler`.

    Raises:
        ArgumentError: an unknown mode; an optimizer that has no momentum to cycle.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if mode not in CYCLE_MODES and scale_fn is None:
            raise ArgumentError(
                f"mode is invalid and scale_fn is None: mode is {mode!r}, expected one of "
                f"{CYCLE_MODES}"
            )
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups):
                set_option(group, "lr", lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            check_has_momentum(optimizer)
            self.use_beta1 = "betas" in optimizer.defaults
            self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                start_momentum_cycle(optimizer, self.max_momentums, self.base_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of the triangle, as a part of the full height."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[Rate]:
        """The next rate of each group; sets the momentum, too, if that is cycled."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        if x <= self.step_ratio:
            height = x / self.step_ratio
        else:
            height = (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, bounds, strict=True):
                set_momentum(group, high - (high - low) * height * scale)
        return [
            low + (high - low) * height * scale
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        state_dict = super().state_dict()
        scale_fn = self._scale_fn_custom
        state_dict["_scale_fn_custom"] = None if scale_fn is None else attributes(scale_fn)
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        saved = state_dict["_scale_fn_custom"]
        if saved is not None:
            self._scale_fn_custom.__dict__.update(saved)
        super().load_state_dict({**state_dict, "_scale_fn_custom": self._scale_fn_custom})


class OneCycleLR(LRScheduler):
    """One rise and one long fall (Smith & Topin 2018, *Super-convergence*). Step it every batch.

    The rate goes from `max_lr / div_factor` up to `max_lr`, and down to `final_div_factor` times
    less than it started from; momentum (or beta1) goes the other way.

    Args:
        optimizer: the optimizer whose learning rates are set.
        max_lr: the highest rate; one for all groups, or one for each.
        total_steps: the length of the cycle; or give `epochs` and `steps_per_epoch`.
        epochs, steps_per_epoch: their product is the length.
        pct_start: the part of the cycle that rises, as a float in [0, 1].
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether momentum is cycled.
        base_momentum, max_momentum: its bounds.
        div_factor, final_div_factor: see above.
        three_phase: fall as long as rise, and use what is left to fall to the lowest rate.
        last_epoch: see `LRScheduler`.

    Raises:
        ArgumentError: an option outside its range; no length; no momentum to cycle; more steps
            taken than the cycle has.

    Example:
        >>> import gradatim as gd
        >>> optimizer = gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
        >>> scheduler = gd.optim.lr_scheduler.OneCycleLR(
        ...     optimizer, max_lr=1.0, total_steps=6, pct_start=0.5, anneal_strategy="linear"
        ... )
        >>> lrs = []
        >>> for _ in range(5):
        ...     lrs.append(round(optimizer.param_groups[0]["lr"], 2))
        ...     optimizer.step()
        ...     scheduler.step()
        >>> lrs
        [0.04, 0.52, 1.0, 0.67, 0.33]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ArgumentError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ANNEAL:
            raise ArgumentError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        max_lrs = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for lr, group in zip(max_lrs, optimizer.param_groups):
                group["initial_lr"] = lr / div_factor
                group["max_lr"] = lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            check_has_momentum(optimizer)
            self.use_beta1 = "betas" in optimizer.defaults
            max_momentums = per_group("max_momentum", optimizer, max_momentum)
            base_momentums = per_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                start_momentum_cycle(optimizer, max_momentums, base_momentums)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """The next rate of each group; sets the momentum, too, if that is cycled."""
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ArgumentError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        anneal = ANNEAL[self._anneal_func_type]
        start, phase = 0.0, self._schedule_phases[0]
        for following in self._schedule_phases[1:]:
            if step <= phase["end_step"]:
                break
            start, phase = phase["end_step"], following
        part = (step - start) / (phase["end_step"] - start)
        lrs = []
        for group in self.optimizer.param_groups:
            lrs.append(anneal(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                high, low = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, anneal(high, low, part))
        return lrs


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


def _line(start: float, end: float, part: float) -> float:
    return (end - start) * part + start


ANNEAL = {"cos": _cosine, "linear": _line}


def _total_steps(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    if total_steps is not None:
        lengths = {"total_steps": total_steps}
    elif epochs is not None and steps_per_epoch is not None:
        lengths = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    else:
        raise ArgumentError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name, length in lengths.items():
        if not isinstance(length, int) or length <= 0:
            raise ArgumentError(f"Expected positive integer {name}, but got {length}")
    return math.prod(lengths.values())


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
    """The pieces of the cycle: their last step, and the options at both ends."""

    def phase(end_step: float, start_lr: str, end_lr: str, momentum: tuple[str, str]) -> Any:
        return {
            "end_step": end_step,
            "start_lr": start_lr,
            "end_lr": end_lr,
            "start_momentum": momentum[0],
            "end_momentum": momentum[1],
        }

    high, low = "max_momentum", "base_momentum"
    rise = phase(float(pct_start * total_steps) - 1, "initial_lr", "max_lr", (high, low))
    if not three_phase:
        return [rise, phase(total_steps - 1, "max_lr", "min_lr", (low, high))]
    return [
        rise,
        phase(float(2 * pct_start * total_steps) - 2, "max_lr", "initial_lr", (low, high)),
        phase(total_steps - 1, "initial_lr", "min_lr", (high, high)),
    ]
