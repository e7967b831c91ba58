"""Adam and AdamW: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from gradatim import ops
from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_betas, check_how, check_learning_rate, check_number
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor


def adam(
    theta: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    v_max: Tensor | None = None,
    *,
    alpha: Scalar,
    one_minus_beta1: Scalar,
    beta2: Scalar,
    one_minus_beta2: Scalar,
    epsilon: Scalar,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Kingma & Ba 2015, *Adam: a method for stochastic optimization*, algorithm 1.

    In the order of computation that the end of section 2 gives: both bias corrections go into α
    and ε. With `v_max`, AMSGrad: Reddi, Kale & Kumar 2018, *On the convergence of Adam and
    beyond*, algorithm 2.

    Args:
        theta, g: a parameter and its gradient.
        m, v: running averages of g and g².
        v_max: the largest v so far, or None.
        alpha: the paper's α_t = α √(1 - β₂ᵗ) / (1 - β₁ᵗ).
        epsilon: the paper's ε̂ = ε √(1 - β₂ᵗ).

    Returns:
        The new θ, m, v and v_max.
    """
    m = m + (g - m) * one_minus_beta1
    v = v * beta2 + g * one_minus_beta2 * g
    if v_max is not None:
        v_max = ops.maximum(v_max, v)
    spread = (v if v_max is None else v_max).sqrt() + epsilon
    return theta - m * alpha / spread, m, v, v_max


class Adam(RuleOptimizer):
    """Adam (Kingma & Ba 2015).

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: learning rate: about the size of a step, whatever the size of the gradients.
        betas: how slowly the averages of the gradient and of its square forget, each in [0, 1).
        eps: added to the denominator.
        weight_decay: strength of an L2 penalty, added to the gradient.
        amsgrad: divide by the largest average so far.
        maximize: ascend instead.
        decoupled_weight_decay: shrink the weights directly instead, as AdamW does.
        foreach, capturable, differentiable, fused: taken for PyTorch's sake;
            `differentiable` must be False, the others change nothing.

    Raises:
        ArgumentError: an option outside its range.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -10.0], requires_grad=True)
        >>> optimizer = gd.optim.Adam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -9.5000], requires_grad=True)
    """

    rule = staticmethod(adam)
    counts: ClassVar = {"step": 0.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_learning_rate(lr)
        check_number("epsilon value", eps)
        check_betas(betas)
        check_number("weight_decay value", weight_decay)
        check_how(foreach, fused, differentiable)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def slots(self, group: Group) -> dict[str, bool]:
        return {"exp_avg": True, "exp_avg_sq": True, "max_exp_avg_sq": group["amsgrad"]}

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        t, beta1, beta2 = entry["step"], *map(float, group["betas"])
        correction = (1 - beta2**t) ** 0.5
        return {
            "alpha": float(group["lr"]) * correction / (1 - beta1**t),
            "one_minus_beta1": 1 - beta1,
            "beta2": beta2,
            "one_minus_beta2": 1 - beta2,
            "epsilon": float(group["eps"]) * correction,
        }


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019), the usual choice now.

    Each step first shrinks the weights by the factor 1 - lr · weight_decay; the averages see only
    the gradient of the loss. Arguments as in `Adam`, with `weight_decay` 0.01 unless given.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0], requires_grad=True)
        >>> optimizer = gd.optim.AdamW([w], lr=0.5, weight_decay=0.2)
        >>> (0 * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # also where the checkpoint was Adam's
            group["decoupled_weight_decay"] = True
