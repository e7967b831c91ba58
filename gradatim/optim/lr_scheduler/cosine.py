"""Cosine annealing (Loshchilov & Hutter 2017, *SGDR: stochastic gradient descent with warm
restarts*, equation 5): η = η_min + (η_max - η_min) (1 + cos(π T_cur / T_i)) / 2."""

from __future__ import annotations

import math

from gradatim.graph.errors import ArgumentError, ZeroDivisor
from gradatim.optim.lr_scheduler.base import LRScheduler, Rate, option_of_groups, replayed
from gradatim.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """Half a cosine wave, from the rate down to `eta_min` in `T_max` steps, and up again.

    Example:
        >>> import gradatim as gd
        >>> optimizer = gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = gd.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
        >>> lrs = []
        >>> for _ in range(5):
        ...     lrs.append(round(optimizer.param_groups[0]["lr"], 3))
        ...     optimizer.step()
        ...     scheduler.step()
        >>> lrs
        [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_max == 0:
            raise ZeroDivisor("T_max must be 1 or more, got 0")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        step, T_max, eta_min = self.last_epoch, self.T_max, self.eta_min
        groups = self.optimizer.param_groups
        if self._is_initial:
            return option_of_groups(self.optimizer, "lr")
        if self._step_count == 1 and step > 0:
            wave = 1 + math.cos(step * math.pi / T_max)
            return [eta_min + (base_lr - eta_min) * wave / 2 for base_lr in self.base_lrs]
        if (step - 1 - T_max) % (2 * T_max) == 0:
            # At the lowest point the quotient below is 0 / 0: climb the first step.
            climb = 1 - math.cos(math.pi / T_max)
            return [
                group["lr"] + (base_lr - eta_min) * climb / 2
                for base_lr, group in zip(self.base_lrs, groups, strict=True)
            ]
        now = 1 + math.cos(math.pi * step / T_max)
        before = 1 + math.cos(math.pi * (step - 1) / T_max)
        return [now / before * (group["lr"] - eta_min) + eta_min for group in groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        wave = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (base_lr - self.eta_min) * wave / 2 for base_lr in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosine annealing that starts anew: after `T_0` steps, then after `T_mult` times as many, ...

    `step` also takes a fraction of an epoch: `scheduler.step(epoch + batch / batches)`.

    Raises:
        ArgumentError: `T_0` is not a positive integer, `T_mult` not an integer of 1 or more,
            `eta_min` not a number, or `epoch` negative.

    Example:
        >>> import gradatim as gd
        >>> optimizer = gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = gd.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> lrs = []
        >>> for _ in range(4):
        ...     lrs.append(round(optimizer.param_groups[0]["lr"], 3))
        ...     scheduler.step()
        >>> lrs
        [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ArgumentError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ArgumentError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ArgumentError(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min).__name__}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        wave = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (base_lr - self.eta_min) * wave / 2 for base_lr in self.base_lrs]

    @replayed
    def step(self, epoch: float | None = None) -> None:
        """Set the next rates, or with `epoch` those of that (also fractional) epoch."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        with self._within_step():
            self._set_lr(self.get_lr())

    def _go_to(self, epoch: float) -> None:
        """Set `T_cur` and `T_i` to the cycle that `epoch` is in."""
        if epoch < 0:
            raise ArgumentError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i = self.T_0
            self.T_cur = epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            # Cycles before this one: the n of T_0 (T_mult^n - 1) / (T_mult - 1) <= epoch.
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
