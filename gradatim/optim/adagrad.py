"""Adagrad: steps scaled by the root of the sum of all squared gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from gradatim import ops
from gradatim.capture import outside
from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_how, check_learning_rate, check_number
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor


def adagrad(
    x: Tensor, g: Tensor, G: Tensor, *, eta: Scalar, delta: Scalar
) -> tuple[Tensor, Tensor]:
    """Duchi, Hazan & Singer 2011, *Adaptive subgradient methods*, figure 1 (diagonal, primal).

    Args:
        x, g: a parameter and its gradient.
        G: the sum of all g².
        eta: η, the learning rate.
        delta: δ, added to the denominator.

    Returns:
        The new x and G.
    """
    G = G + g * g
    return x - g * eta / (G.sqrt() + delta), G


class Adagrad(RuleOptimizer):
    """Adagrad (Duchi, Hazan & Singer 2011).

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: learning rate.
        lr_decay: the rate of step t is lr / (1 + (t - 1) · lr_decay).
        weight_decay: strength of an L2 penalty, added to the gradient.
        initial_accumulator_value: what the sum of squares starts from.
        eps: added to the denominator.
        maximize: ascend instead.
        foreach, differentiable, fused: taken for PyTorch's sake;
            `differentiable` must be False, the others change nothing.

    Raises:
        ArgumentError: a negative option.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -10.0], requires_grad=True)
        >>> optimizer = gd.optim.Adagrad([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -9.5000], requires_grad=True)
    """

    rule = staticmethod(adagrad)
    counts: ClassVar = {"step": 0.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_learning_rate(lr)
        check_number("lr_decay value", lr_decay)
        check_number("weight_decay value", weight_decay)
        check_number("initial_accumulator_value value", initial_accumulator_value)
        check_number("epsilon value", eps)
        check_how(foreach, fused, differentiable)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        with outside():
            for group in self.param_groups:
                for param in group["params"]:
                    self.state[param].update(step=0.0, sum=self.first("sum", param, group))

    def slots(self, group: Group) -> dict[str, bool]:
        return {"sum": True}

    def first(self, slot: str, param: Tensor, group: Group) -> Tensor:
        return ops.full_like(param, self.defaults["initial_accumulator_value"])

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        t = entry["step"]
        return {
            "eta": float(group["lr"]) / (1 + (t - 1) * float(group["lr_decay"])),
            "delta": float(group["eps"]),
        }
