"""Schedules that multiply: each step's rate is the last one's times a factor."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from gradatim.graph.errors import ArgumentError, ArgumentTypeError, ZeroDivisor
from gradatim.optim.lr_scheduler.base import LRScheduler, Rate, option_of_groups
from gradatim.optim.optimizer import Optimizer


class MultiplierLR(LRScheduler):
    """A schedule given by how it multiplies: the last rate, and (as a check) the first one."""

    def multiplier(self) -> float | None:
        """What the last rate is multiplied with; None leaves it as it is."""
        raise NotImplementedError

    def multiplier_from_start(self) -> float:
        """What the first rate is multiplied with, to get the same."""
        raise NotImplementedError

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        multiplier = self.multiplier()
        if multiplier is None:
            return option_of_groups(self.optimizer, "lr")
        return [group["lr"] * multiplier for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        multiplier = self.multiplier_from_start()
        return [base_lr * multiplier for base_lr in self.base_lrs]


class StepLR(MultiplierLR):
    """Multiply the rate by `gamma` every `step_size` steps.

    Example:
        >>> import gradatim as gd
        >>> optimizer = gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = gd.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        >>> lrs = []
        >>> for _ in range(5):
        ...     lrs += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> lrs
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size == 0:
            raise ZeroDivisor("step_size must be 1 or more, got 0")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float | None:
        at_edge = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return self.gamma if at_edge else None

    def multiplier_from_start(self) -> float:
        return self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(MultiplierLR):
    """Multiply the rate by `gamma` at each of the steps in `milestones`."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(milestones, Iterable):
            raise ArgumentTypeError(
                f"milestones must be a list of steps such as [{milestones!r}], got {milestones!r}"
            )
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float | None:
        times = self.milestones[self.last_epoch]
        return self.gamma**times if times else None

    def multiplier_from_start(self) -> float:
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), self.last_epoch)


class ConstantLR(MultiplierLR):
    """Keep the rate at `factor` of its value for `total_iters` steps, then at the full value.

    Raises:
        ArgumentError: `factor` is not in [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1:
            raise ArgumentError(
                "Constant multiplicative factor expected to be between 0 and 1, "
                f"but got factor={factor}"
            )
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float | None:
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else None

    def multiplier_from_start(self) -> float:
        return self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)


class LinearLR(MultiplierLR):
    """Go in a straight line from `start_factor` to `end_factor` of the rate in `total_iters` steps.

    Raises:
        ArgumentError: `start_factor` is not in (0, 1], or `end_factor` not in [0, 1].

    Example:
        >>> import gradatim as gd
        >>> optimizer = gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=1.0)
        >>> warmup = gd.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=3)
        >>> lrs = []
        >>> for _ in range(5):
        ...     lrs += warmup.get_last_lr()
        ...     optimizer.step()
        ...     warmup.step()
        >>> lrs
        [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ArgumentError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal "
                f"to 1, but got start_factor={start_factor}"
            )
        if not 0 <= end_factor <= 1:
            raise ArgumentError(
                "Ending multiplicative factor expected to be between 0 and 1, "
                f"but got end_factor={end_factor}"
            )
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float | None:
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        rise = self.end_factor - self.start_factor
        steps_before = self.last_epoch - 1
        return 1.0 + rise / (self.total_iters * self.start_factor + steps_before * rise)

    def multiplier_from_start(self) -> float:
        rise = self.end_factor - self.start_factor
        return self.start_factor + rise * min(self.total_iters, self.last_epoch) / self.total_iters


class ExponentialLR(MultiplierLR):
    """Multiply the rate by `gamma` at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float | None:
        return None if self._is_initial else self.gamma

    def multiplier_from_start(self) -> float:
        return self.gamma**self.last_epoch


class PolynomialLR(MultiplierLR):
    """Let the rate fall to 0 in `total_iters` steps, as (1 - step / total_iters) ** power."""

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float | None:
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        now = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return (now / before) ** self.power

    def multiplier_from_start(self) -> float:
        steps = min(self.total_iters, self.last_epoch)
        return (1.0 - steps / self.total_iters) ** self.power
