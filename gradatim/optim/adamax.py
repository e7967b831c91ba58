"""Adamax: Adam with the largest recent gradient in place of the average square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from gradatim import ops
from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_betas, check_how, check_learning_rate, check_number
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor


def adamax(
    theta: Tensor,
    g: Tensor,
    m: Tensor,
    u: Tensor,
    *,
    alpha: Scalar,
    one_minus_beta1: Scalar,
    beta2: Scalar,
    epsilon: Scalar,
) -> tuple[Tensor, Tensor, Tensor]:
    """Kingma & Ba 2015, *Adam: a method for stochastic optimization*, algorithm 2.

    Args:
        theta, g: a parameter and its gradient.
        m: the running average of g.
        u: the exponentially weighted largest |g|.
        alpha: the paper's α / (1 - β₁ᵗ).
        epsilon: added to |g|, so that u is never 0.

    Returns:
        The new θ, m and u.
    """
    m = m + (g - m) * one_minus_beta1
    u = ops.maximum(u * beta2, g.abs() + epsilon)
    return theta - m * alpha / u, m, u


class Adamax(RuleOptimizer):
    """Adamax (Kingma & Ba 2015, section 7.1).

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: learning rate.
        betas: how slowly the average and the maximum forget, each in [0, 1).
        eps: added to the denominator.
        weight_decay: strength of an L2 penalty, added to the gradient.
        maximize: ascend instead.
        foreach, capturable, differentiable: taken for PyTorch's sake;
            `differentiable` must be False, the others change nothing.

    Raises:
        ArgumentError: an option outside its range.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -10.0], requires_grad=True)
        >>> optimizer = gd.optim.Adamax([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -9.5000], requires_grad=True)
    """

    rule = staticmethod(adamax)
    counts: ClassVar = {"step": 0.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        check_number("epsilon value", eps)
        check_betas(betas)
        check_number("weight_decay value", weight_decay)
        check_how(foreach, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def slots(self, group: Group) -> dict[str, bool]:
        return {"exp_avg": True, "exp_inf": True}

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        t, beta1, beta2 = entry["step"], *map(float, group["betas"])
        return {
            "alpha": float(group["lr"]) / (1 - beta1**t),
            "one_minus_beta1": 1 - beta1,
            "beta2": beta2,
            "epsilon": float(group["eps"]),
        }
