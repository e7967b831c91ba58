"""RMSprop: steps scaled by a running average of the squared gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_how, check_learning_rate, check_number
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor


def rmsprop(
    theta: Tensor,
    g: Tensor,
    n: Tensor,
    delta: Tensor | None = None,
    m: Tensor | None = None,
    *,
    lr: Scalar,
    alpha: Scalar,
    one_minus_alpha: Scalar,
    epsilon: Scalar,
    momentum: Scalar = 0.0,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Tieleman & Hinton 2012, lecture 6.5; centered and with momentum: Graves 2013, *Generating
    sequences with recurrent neural networks*, equations 38 to 41.

    Unlike Graves, ε stands outside the square root, and the learning rate outside Δ.

    Args:
        theta, g: a parameter and its gradient.
        n: the running average of g².
        delta: Δ, the velocity, or None without momentum.
        m: the running average of g, or None where not centered.

    Returns:
        The new θ, n, Δ and m.
    """
    n = n * alpha + g * one_minus_alpha * g
    variance = n
    if m is not None:
        m = m + (g - m) * one_minus_alpha
        variance = n - m * m
    spread = variance.sqrt() + epsilon
    if delta is None:
        return theta - g * lr / spread, n, None, m
    delta = delta * momentum + g / spread
    return theta - delta * lr, n, delta, m


class RMSprop(RuleOptimizer):
    """RMSprop (Tieleman & Hinton 2012).

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: learning rate.
        alpha: how slowly the average of the squared gradient forgets.
        eps: added to the denominator.
        weight_decay: strength of an L2 penalty, added to the gradient.
        momentum: how much of the last velocity is kept.
        centered: divide by an estimate of the gradient's deviation, not of its size.
        maximize: ascend instead.
        capturable, foreach, differentiable: taken for PyTorch's sake;
            `differentiable` must be False, the others change nothing.

    Raises:
        ArgumentError: a negative option.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -10.0], requires_grad=True)
        >>> optimizer = gd.optim.RMSprop([w], lr=0.5, alpha=0.75)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0., -9.], requires_grad=True)
    """

    rule = staticmethod(rmsprop)
    counts: ClassVar = {"step": 0.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        check_number("epsilon value", eps)
        check_number("momentum value", momentum)
        check_number("weight_decay value", weight_decay)
        check_number("alpha value", alpha)
        check_how(foreach, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def slots(self, group: Group) -> dict[str, bool]:
        return {
            "square_avg": True,
            "momentum_buffer": group["momentum"] > 0,
            "grad_avg": group["centered"],
        }

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        alpha = float(group["alpha"])
        return {
            "lr": float(group["lr"]),
            "alpha": alpha,
            "one_minus_alpha": 1 - alpha,
            "epsilon": float(group["eps"]),
            "momentum": float(group["momentum"]),
        }
