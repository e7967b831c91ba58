"""Losses that are the negative log-likelihood of a number: of a count, or of one with noise."""

from __future__ import annotations

import math

from gradatim import ops
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError
from gradatim.ops.loss_reduction import (
    check_reduction,
    choose_reduction,
    need_tensors,
    reduce_loss,
)
from gradatim.realize import state
from gradatim.tensor import Tensor, wrap

__all__ = ["gaussian_nll_loss", "poisson_nll_loss"]


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False,
    size_average: bool | None = None, eps: float = 1e-8, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The negative log-likelihood of counts under Poisson distributions, without log(target!).

    Args:
        input: the logarithm of the expected count, or with `log_input=False` the count itself.
        target: counts, of a shape that broadcasts.
        full: add Stirling's approximation of log(target!) where the target is above 1.
        eps: added to the expected count before its logarithm is taken.
        reduction: "mean", "sum" or "none".

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.poisson_nll_loss(gd.tensor([0.0]), gd.tensor([3.0]))
        tensor(1.)
    """
    need_tensors("poisson_nll_loss", input=input, target=target)
    reduction = check_reduction(choose_reduction(size_average, reduce, reduction))
    if log_input:
        loss = ops.exp(input) - target * input
    else:
        loss = input - target * ops.log(input + eps)
    if full:
        many = target > 1
        count = ops.where(many, target, 2)  # where it is not taken, nothing may be log(0)
        factorial = count * ops.log(count) - count + 0.5 * ops.log(2 * math.pi * count)
        loss = loss + ops.where(many, factorial, 0)
    return reduce_loss(loss, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """(log(var) + (input - target)² / var) / 2: the negative log-likelihood of normally distributed
    targets, without log(2π) / 2 (Nix and Weigend, 1994).

    Args:
        input: the expected values, any shape.
        target: of the input's shape, or one that broadcasts to it.
        var: the variances: a number, or a tensor of the input's shape, of that shape without its
            last dimension, or with size 1 in one dimension.
        full: add log(2π) / 2.
        eps: what a variance counts as if it is smaller. (The gradient takes no notice of it.)
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for a negative variance (in a compiled step none is known), and for variances
            of another shape.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.gaussian_nll_loss(gd.tensor([1.0]), gd.tensor([3.0]), gd.tensor([1.0]))
        tensor(2.)
    """
    need_tensors("gaussian_nll_loss", input=input, target=target)
    variance = _variance(input, var)
    check_reduction(reduction)
    held = ops.clamp(variance.detach(), min=eps)
    if variance.requires_grad:
        held = wrap(p.substitute(held._read(), variance._read()))
    away = input - target
    loss = 0.5 * (ops.log(held) + away * away / held)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduce_loss(loss, reduction)


def _variance(input: Tensor, var: Tensor | float) -> Tensor:
    """The variances as a tensor that broadcasts with the input."""
    negative = ArgumentError("gaussian_nll_loss: var has negative entry/entries")
    if not isinstance(var, Tensor):
        if var < 0:
            raise negative
        return ops.full_like(input, var)
    if state.capture is None and (var.detach()._value() < 0).any():
        raise negative
    if var.shape == input.shape:
        return var
    if var.shape == input.shape[:-1]:
        return var.unsqueeze(-1)
    differing = [b for a, b in zip(input.shape, var.shape) if a != b]
    if var.ndim == input.ndim and differing == [1]:
        return var
    raise ArgumentError(
        f"gaussian_nll_loss: var is of incorrect size: expected {list(input.shape)}, that without "
        f"its last dimension, or with size 1 in one, got {list(var.shape)}"
    )
