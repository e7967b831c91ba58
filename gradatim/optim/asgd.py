"""Averaged stochastic gradient descent: the average of the last weights is kept beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_how, check_learning_rate, check_number
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor


def asgd(
    w: Tensor,
    g: Tensor,
    w_mean: Tensor,
    *,
    eta: Scalar,
    shrinkage: Scalar,
    mu: Scalar,
    one_minus_mu: Scalar,
) -> tuple[Tensor, Tensor]:
    """Polyak & Juditsky 1992; with these rates: Bottou 2010, *Large-scale machine learning with
    stochastic gradient descent*, section 5.

    Args:
        w, g: a parameter and its gradient.
        w_mean: the average of w over the steps since t0.
        eta: η_t, the learning rate.
        shrinkage: 1 - λ η_t.
        mu: μ_t, the weight of the newest w in the average.

    Returns:
        The new w and the new average.
    """
    w = w * shrinkage - g * eta
    return w, w_mean * one_minus_mu + w * mu


class ASGD(RuleOptimizer):
    """Averaged SGD (Polyak & Juditsky 1992). The average of each parameter is in its state, `ax`.

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: the first learning rate; step t has lr / (1 + lambd · lr · t) ** alpha.
        lambd: how fast weights and rate decay.
        alpha: see `lr`.
        t0: the step at which averaging begins.
        weight_decay: strength of an L2 penalty, added to the gradient.
        maximize: ascend instead.
        foreach, differentiable, capturable: taken for PyTorch's sake;
            `differentiable` must be False, the others change nothing.

    Raises:
        ArgumentError: a negative learning rate or weight decay.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -10.0], requires_grad=True)
        >>> optimizer = gd.optim.ASGD([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -4.9998], requires_grad=True)
    """

    rule = staticmethod(asgd)
    counts: ClassVar = {"step": 0.0, "eta": None, "mu": 1.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        check_number("weight_decay value", weight_decay)
        check_how(foreach, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def slots(self, group: Group) -> dict[str, bool]:
        return {"ax": True}

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        lr, lambd, t = float(group["lr"]), float(group["lambd"]), entry["step"]
        eta, mu = entry["eta"], entry["mu"]
        if eta is None:
            eta = float(np.float32(lr))
        # What the next step uses; in float32, as a checkpoint holds it.
        entry["eta"] = float(np.float32(lr / (1 + lambd * lr * t) ** float(group["alpha"])))
        entry["mu"] = float(np.float32(1 / max(1.0, t - float(group["t0"]))))
        return {"eta": eta, "shrinkage": 1 - lambd * eta, "mu": mu, "one_minus_mu": 1 - mu}
