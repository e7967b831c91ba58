"""What every loss begins and ends with: its tensors, and what `reduction` says.

Until 2018 it was spelt `size_average` and `reduce`. These still work, with a warning.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from gradatim import ops
from gradatim.graph.errors import ArgumentError, WrongKind
from gradatim.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def choose_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """`reduction`, unless one of the two old arguments is given, which then decide."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        chosen = "none"
    else:
        chosen = "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, "
        f"please use reduction='{chosen}' instead.",
        stacklevel=4,
    )
    return chosen


def check_reduction(reduction: str) -> str:
    """Refuse anything but the three words, before anything else is looked at."""
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(
            f"{reduction} is not a valid value for reduction: expected 'mean', 'sum' or 'none'"
        )
    return reduction


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    """One number for each element, or their mean, or their sum."""
    if check_reduction(reduction) == "mean":
        return ops.mean(loss)
    return ops.sum(loss) if reduction == "sum" else loss


def need_tensors(where: str, **given: Any) -> None:
    """Refuse what is no Tensor, by name."""
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise WrongKind(
                f"{where}: {name} must be a Tensor, got {type(value).__name__}: make one with "
                f"gd.tensor(...)"
            )


def takes_tensors(function: F) -> F:
    """Refuse an input or a target that is no Tensor, by name."""

    @functools.wraps(function)
    def call(input: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
        need_tensors(function.__name__, input=input, target=target)
        return function(input, target, *args, **kwargs)

    return call  # type: ignore[return-value]
