"""Schedules given by the user as functions of the step number."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from gradatim.graph.errors import ArgumentError, ArgumentTypeError
from gradatim.optim.lr_scheduler.base import LRScheduler, Rate, option_of_groups
from gradatim.optim.optimizer import Optimizer

Factor = Callable[[int], float]


class FunctionLR(LRScheduler):
    """A schedule given by one function of the step number, or one for each parameter group.

    A checkpoint keeps the attributes of functions that are objects with `__call__`; plain
    functions and lambdas must be given again.

    Raises:
        ArgumentError: the number of functions is not that of the parameter groups.
        ArgumentTypeError: one of them is not callable.
    """

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | list[Factor], last_epoch: int = -1
    ) -> None:
        groups = len(optimizer.param_groups)
        if not isinstance(lr_lambda, (list, tuple)):
            lr_lambda = [lr_lambda] * groups
        if len(lr_lambda) != groups:
            raise ArgumentError(
                f"Expected {groups} lr_lambdas, but got {len(lr_lambda)}: pass one function, or "
                "one for each parameter group"
            )
        for function in lr_lambda:
            if not callable(function):
                raise ArgumentTypeError(
                    f"lr_lambda should be a function, but got {type(function).__name__}"
                )
        self.lr_lambdas: list[Factor] = list(lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        state_dict = super().state_dict()
        state_dict["lr_lambdas"] = [attributes(function) for function in self.lr_lambdas]
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for function, saved in zip(self.lr_lambdas, state_dict["lr_lambdas"]):
            if saved is not None:
                function.__dict__.update(saved)
        super().load_state_dict({**state_dict, "lr_lambdas": self.lr_lambdas})


class LambdaLR(FunctionLR):
    """Set each rate to the first one times `lr_lambda(step)`.

    Example:
        >>> import gradatim as gd
        >>> optimizer = gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = gd.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        return [
            base_lr * function(self.last_epoch)
            for function, base_lr in zip(self.lr_lambdas, self.base_lrs, strict=True)
        ]


class MultiplicativeLR(FunctionLR):
    """Multiply the rate by `lr_lambda(step)` at every step."""

    def get_lr(self) -> list[Rate]:
        self._warn_outside_step()
        if self._is_initial:
            return option_of_groups(self.optimizer, "lr")
        groups = self.optimizer.param_groups
        return [
            group["lr"] * function(self.last_epoch)
            for function, group in zip(self.lr_lambdas, groups, strict=True)
        ]


def attributes(function: Callable[..., Any]) -> dict[str, Any] | None:
    """What of a function goes into a checkpoint: the attributes of a callable object, or None."""
    return None if isinstance(function, FunctionType) else function.__dict__.copy()
