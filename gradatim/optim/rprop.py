"""Rprop: each weight has its own step size, and only the sign of its gradient counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from gradatim import ops
from gradatim.graph.errors import ArgumentError
from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_how, check_learning_rate
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor


def rprop(
    w: Tensor,
    g: Tensor,
    g_before: Tensor,
    delta: Tensor,
    *,
    eta_minus: Scalar,
    eta_plus: Scalar,
    delta_min: Scalar,
    delta_max: Scalar,
) -> tuple[Tensor, Tensor, Tensor]:
    """Riedmiller & Braun 1993, *RPROP*, equations 4 to 6; without taking back a step that went too
    far (the variant iRprop- of Igel & Hüsken 2000).

    Args:
        w, g: a parameter and its gradient (of the whole data set).
        g_before: the gradient of the step before, 0 where its sign had changed.
        delta: Δ, the step size of each weight.
        eta_minus, eta_plus: η⁻ and η⁺, the factors on Δ after a change of sign and without one.
        delta_min, delta_max: the bounds of Δ.

    Returns:
        The new w, the gradient to remember, and the new Δ.
    """
    agreement = g * g_before
    overshot = agreement < 0
    delta = ops.where(
        agreement > 0, delta * eta_plus, ops.where(overshot, delta * eta_minus, delta)
    ).clamp(delta_min, delta_max)
    g = ops.where(overshot, 0.0, g)
    return w - g.sign() * delta, g, delta


class Rprop(RuleOptimizer):
    """Resilient propagation (Riedmiller & Braun 1993), for gradients of the whole data set.

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: the first step size.
        etas: the factors on a step size after a change of sign, in (0, 1), and without, above 1.
        step_sizes: the smallest and the largest step size.
        maximize: ascend instead.
        capturable, foreach, differentiable: taken for PyTorch's sake;
            `differentiable` must be False, the others change nothing.

    Raises:
        ArgumentError: an option outside its range.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -10.0], requires_grad=True)
        >>> optimizer = gd.optim.Rprop([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -9.5000], requires_grad=True)
    """

    rule = staticmethod(rprop)
    counts: ClassVar = {"step": 0.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ArgumentError(
                f"Invalid eta values: {etas[0]}, {etas[1]} (expected 0 < first < 1 < second)"
            )
        check_how(foreach, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def slots(self, group: Group) -> dict[str, bool]:
        return {"prev": True, "step_size": True}

    def first(self, slot: str, param: Tensor, group: Group) -> Tensor:
        if slot == "prev":
            return super().first(slot, param, group)
        return ops.full_like(param, float(group["lr"]))

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        (eta_minus, eta_plus), (delta_min, delta_max) = group["etas"], group["step_sizes"]
        return {
            "eta_minus": float(eta_minus),
            "eta_plus": float(eta_plus),
            "delta_min": float(delta_min),
            "delta_max": float(delta_max),
        }
