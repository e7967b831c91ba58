"""NAdam: Adam with Nesterov's look ahead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_betas, check_how, check_learning_rate, check_number
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor


def nadam(
    theta: Tensor,
    g: Tensor,
    m: Tensor,
    n: Tensor,
    *,
    g_size: Scalar,
    m_size: Scalar,
    one_minus_beta1: Scalar,
    beta2: Scalar,
    one_minus_beta2: Scalar,
    correction: Scalar,
    epsilon: Scalar,
) -> tuple[Tensor, Tensor, Tensor]:
    """Dozat 2016, *Incorporating Nesterov momentum into Adam*, algorithm 2.

    Args:
        theta, g: a parameter and its gradient.
        m, n: running averages of g and g².
        g_size: lr (1 - μ_t) / (1 - μ_1 ⋯ μ_t), the step along the gradient.
        m_size: lr μ_{t+1} / (1 - μ_1 ⋯ μ_{t+1}), the step along the average.
        correction: 1 - β₂ᵗ.

    Returns:
        The new θ, m and n.
    """
    m = m + (g - m) * one_minus_beta1
    n = n * beta2 + g * one_minus_beta2 * g
    spread = (n / correction).sqrt() + epsilon
    return theta - (g * g_size + m * m_size) / spread, m, n


class NAdam(RuleOptimizer):
    """NAdam (Dozat 2016).

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: learning rate.
        betas: how slowly the averages of the gradient and of its square forget, each in [0, 1).
        eps: added to the denominator.
        weight_decay: strength of an L2 penalty, added to the gradient.
        momentum_decay: how the momentum grows: μ_t = β₁ (1 - 0.96^(t · momentum_decay) / 2).
        decoupled_weight_decay: shrink the weights directly instead, as AdamW does.
        maximize: ascend instead.
        foreach, capturable, differentiable: taken for PyTorch's sake;
            `differentiable` must be False, the others change nothing.

    Raises:
        ArgumentError: an option outside its range.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -10.0], requires_grad=True)
        >>> optimizer = gd.optim.NAdam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.4718, -9.4718], requires_grad=True)
    """

    rule = staticmethod(nadam)
    counts: ClassVar = {"step": 0.0, "mu_product": 1.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        check_number("epsilon value", eps)
        check_betas(betas)
        check_number("weight_decay value", weight_decay)
        check_number("momentum_decay value", momentum_decay)
        check_how(foreach, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def slots(self, group: Group) -> dict[str, bool]:
        return {"exp_avg": True, "exp_avg_sq": True}

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        t, beta1, beta2 = entry["step"], *map(float, group["betas"])
        lr, decay = float(group["lr"]), float(group["momentum_decay"])
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * decay))
        # In float32, as a checkpoint holds it: a resumed run takes the same steps.
        product = float(np.float32(entry["mu_product"]) * np.float32(mu))
        entry["mu_product"] = product
        return {
            "g_size": lr * (1.0 - mu) / (1.0 - product),
            "m_size": lr * mu_next / (1.0 - product * mu_next),
            "one_minus_beta1": 1 - beta1,
            "beta2": beta2,
            "one_minus_beta2": 1 - beta2,
            "correction": 1 - beta2**t,
            "epsilon": float(group["eps"]),
        }
