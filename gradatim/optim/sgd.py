"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradatim.graph.errors import ArgumentError
from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_how, check_learning_rate, check_number
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor


def sgd(
    theta: Tensor,
    g: Tensor,
    v: Tensor | None = None,
    *,
    lr: Scalar,
    momentum: Scalar = 0.0,
    share: Scalar = 1.0,
    nesterov: bool = False,
    dampened: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Heavy-ball descent (Polyak 1964); with `nesterov`, Sutskever et al. 2013, section 2.

    The velocity v is in units of the gradient: v ← μ v + (1 - τ) g, θ ← θ - γ v. The papers keep
    γ inside v, which differs once γ changes; this form is PyTorch's.

    Args:
        theta, g, v: a parameter, its gradient, and its velocity (None without momentum).
        lr: γ.
        momentum: μ.
        share: 1 - τ, how much of the gradient enters the velocity; used if `dampened`.

    Returns:
        The new θ and v.
    """
    if v is None:
        return theta - g * lr, None
    v = v * momentum + (g * share if dampened else g)
    direction = g + v * momentum if nesterov else v
    return theta - direction * lr, v


class SGD(RuleOptimizer):
    """Stochastic gradient descent.

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: learning rate.
        momentum: how much of the last velocity is kept, usually 0.9.
        dampening: the part of a gradient that does not enter the velocity (from the second on).
        weight_decay: strength of an L2 penalty, added to the gradient.
        nesterov: look ahead: descend along gradient plus momentum times velocity.
        maximize: ascend instead.
        foreach, differentiable, fused: taken for PyTorch's sake;
            `differentiable` must be False, the others change nothing.

    Raises:
        ArgumentError: a negative option; `nesterov` without momentum, or with dampening.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = gd.optim.SGD([w], lr=0.125, momentum=0.5)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (w * w).sum().backward()
        ...     optimizer.step()
        >>> w
        tensor([ 0.4375, -0.8750], requires_grad=True)
    """

    rule = staticmethod(sgd)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_learning_rate(lr)
        check_number("momentum value", momentum)
        check_number("weight_decay value", weight_decay)
        check_how(foreach, fused, differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError(
                "Nesterov momentum requires a momentum and zero dampening, but got "
                f"momentum={momentum} and dampening={dampening}"
            )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def slots(self, group: Group) -> dict[str, bool]:
        return {"momentum_buffer": group["momentum"] != 0}

    def phase(self, entry: Entry) -> bool:
        return entry.get("momentum_buffer") is not None

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        if group["momentum"] == 0:
            return {"lr": float(group["lr"])}
        # The velocity starts as the whole first gradient: dampening begins with the second. At the
        # first step the slot is not made yet, and will be zeros.
        started = entry.get("momentum_buffer") is not None
        return {
            "lr": float(group["lr"]),
            "momentum": float(group["momentum"]),
            "share": 1 - float(group["dampening"]) if started else 1.0,
        }

    def switches(self, group: Group) -> dict[str, bool]:
        return {"nesterov": group["nesterov"], "dampened": group["dampening"] != 0}
