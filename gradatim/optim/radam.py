"""RAdam: Adam that waits for its average of squares to be worth dividing by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_betas, check_how, check_learning_rate, check_number
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor


def radam(
    theta: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    *,
    alpha: Scalar,
    one_minus_beta1: Scalar,
    beta2: Scalar,
    one_minus_beta2: Scalar,
    adaptive: Scalar,
    offset: Scalar,
) -> tuple[Tensor, Tensor, Tensor]:
    """Liu et al. 2020, *On the variance of the adaptive learning rate and beyond*, algorithm 2.

    Its two cases, with and without division by √v, are one formula here, so that all steps are
    one Program.

    Args:
        theta, g: a parameter and its gradient.
        m, v: running averages of g and g².
        alpha: the step size with bias corrections, and in the adaptive case r_t.
        adaptive, offset: the denominator is √v · adaptive + offset: 1 and ε, or 0 and 1.

    Returns:
        The new θ, m and v.
    """
    m = m + (g - m) * one_minus_beta1
    v = v * beta2 + g * one_minus_beta2 * g
    return theta - m * alpha / (v.sqrt() * adaptive + offset), m, v


class RAdam(RuleOptimizer):
    """RAdam (Liu et al. 2020).

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: learning rate.
        betas: how slowly the averages of the gradient and of its square forget, each in [0, 1).
        eps: added to the denominator.
        weight_decay: strength of an L2 penalty, added to the gradient.
        decoupled_weight_decay: shrink the weights directly instead, as AdamW does.
        maximize: ascend instead.
        foreach, capturable, differentiable: taken for PyTorch's sake;
            `differentiable` must be False, the others change nothing.

    Raises:
        ArgumentError: an option outside its range.

    Example:
        The first step has nothing to adapt to, and is that of plain descent:

        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -10.0], requires_grad=True)
        >>> optimizer = gd.optim.RAdam([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -5.0000], requires_grad=True)
    """

    rule = staticmethod(radam)
    counts: ClassVar = {"step": 0.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
        check_how(foreach, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def slots(self, group: Group) -> dict[str, bool]:
        return {"exp_avg": True, "exp_avg_sq": True}

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        t, beta1, beta2 = entry["step"], *map(float, group["betas"])
        correction = 1 - beta2**t
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / correction
        alpha, adaptive, offset = float(group["lr"]) / (1 - beta1**t), 0.0, 1.0
        if rho > 5:
            rectification = (
                (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
            ) ** 0.5
            alpha *= rectification * correction**0.5
            adaptive, offset = 1.0, float(group["eps"])
        return {
            "alpha": alpha,
            "one_minus_beta1": 1 - beta1,
            "beta2": beta2,
            "one_minus_beta2": 1 - beta2,
            "adaptive": adaptive,
            "offset": offset,
        }
