"""Checks of the numbers a user gives an optimizer."""

from __future__ import annotations

from typing import Any

from gradatim.graph.errors import ArgumentError, ArgumentTypeError
from gradatim.tensor import Tensor


def check_number(
    what: str, value: Any, *, below: float | None = None, at_most: float | None = None
) -> None:
    """Raise unless `value` is a number of 0 or more, and not over a limit. NaN is neither.

    Example:
        >>> check_number("beta parameter at index 0", 1.0, below=1.0)
        Traceback (most recent call last):
        ...
        gradatim.graph.errors.ArgumentError: Invalid beta parameter at index 0: 1.0 \
(expected a number >= 0 and < 1)
    """
    try:
        inside = bool(value >= 0)
        inside = inside and (below is None or bool(value < below))
        inside = inside and (at_most is None or bool(value <= at_most))
    except TypeError:
        raise ArgumentTypeError(
            f"Invalid {what}: expected a number, but got {value!r} of type {type(value).__name__}"
        ) from None
    if not inside:
        upper = "" if below is None else f" and < {below:g}"
        upper += "" if at_most is None else f" and <= {at_most:g}"
        raise ArgumentError(f"Invalid {what}: {value} (expected a number >= 0{upper})")


def check_learning_rate(lr: float | Tensor) -> None:
    """Raise unless `lr` is a number, or a one-element tensor, of 0 or more."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ArgumentError(f"Tensor lr must be 1-element, but has shape {tuple(lr.shape)}")
    check_number("learning rate", lr)


def check_betas(betas: tuple[float | Tensor, float | Tensor]) -> None:
    """Raise unless `betas` are two averaging coefficients in [0, 1)."""
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor) and beta.numel() != 1:
            raise ArgumentError(f"Tensor betas[{i}] must be 1-element")
        check_number(f"beta parameter at index {i}", beta, below=1.0)
    if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
        raise ArgumentError("betas must be either both floats or both Tensors")


def check_how(
    foreach: bool | None = None, fused: bool | None = None, differentiable: bool = False
) -> None:
    """Raise for the ways of running that an update has in PyTorch and cannot have here.

    `foreach`, `fused` and `capturable` choose between PyTorch's implementations of one formula.
    They are accepted, kept in the parameter groups, and make no difference: every step is one
    fused Program.
    """
    if differentiable:
        raise ArgumentError(
            "differentiable=True is not supported: an update leaves no history. "
            "To differentiate through a step, write it with tensor operations and gd.grad"
        )
    if foreach and fused:
        raise ArgumentError("`fused` and `foreach` cannot be `True` together; leave both out")
