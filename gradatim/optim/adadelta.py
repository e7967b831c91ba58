"""Adadelta: steps in the units of the parameters, with no learning rate to choose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_how, check_learning_rate, check_number
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor


def adadelta(
    x: Tensor,
    g: Tensor,
    E_g2: Tensor,
    E_dx2: Tensor,
    *,
    lr: Scalar,
    rho: Scalar,
    one_minus_rho: Scalar,
    epsilon: Scalar,
) -> tuple[Tensor, Tensor, Tensor]:
    """Zeiler 2012, *ADADELTA: an adaptive learning rate method*, algorithm 1.

    Args:
        x, g: a parameter and its gradient.
        E_g2, E_dx2: running averages of g² and of the squared updates Δx².
        lr: a factor on the update (1 in the paper).

    Returns:
        The new x, E[g²] and E[Δx²].
    """
    E_g2 = E_g2 * rho + g * one_minus_rho * g
    dx = (E_dx2 + epsilon).sqrt() / (E_g2 + epsilon).sqrt() * g
    E_dx2 = E_dx2 * rho + dx * one_minus_rho * dx
    return x - dx * lr, E_g2, E_dx2


class Adadelta(RuleOptimizer):
    """Adadelta (Zeiler 2012).

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: a factor on each update.
        rho: how slowly the averages forget, in [0, 1].
        eps: added under both roots; sets the size of the first updates.
        weight_decay: strength of an L2 penalty, added to the gradient.
        maximize: ascend instead.
        foreach, capturable, differentiable: taken for PyTorch's sake;
            `differentiable` must be False, the others change nothing.

    Raises:
        ArgumentError: an option outside its range.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -1.0], requires_grad=True)
        >>> optimizer = gd.optim.Adadelta([w], eps=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([-0.2403,  0.2403], requires_grad=True)
    """

    rule = staticmethod(adadelta)
    counts: ClassVar = {"step": 0.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        check_number("rho value", rho, at_most=1.0)
        check_number("epsilon value", eps)
        check_number("weight_decay value", weight_decay)
        check_how(foreach, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def slots(self, group: Group) -> dict[str, bool]:
        return {"square_avg": True, "acc_delta": True}

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        rho = float(group["rho"])
        return {
            "lr": float(group["lr"]),
            "rho": rho,
            "one_minus_rho": 1 - rho,
            "epsilon": float(group["eps"]),
        }
