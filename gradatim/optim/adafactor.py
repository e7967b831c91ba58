"""Adafactor: steps scaled as Adam's, with only row and column sums of the squares kept."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

from gradatim import ops
from gradatim.graph import dtypes
from gradatim.graph.errors import ArgumentError
from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_learning_rate
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor

MACHINE_EPSILON = {
    dtypes.float64: 2.0**-52,
    dtypes.float32: 2.0**-23,
    dtypes.float16: 2.0**-10,
    dtypes.bfloat16: 2.0**-7,
}


def adafactor(
    X: Tensor,
    G: Tensor,
    R: Tensor | None,
    C: Tensor | None,
    V: Tensor | None,
    *,
    rho: Scalar,
    one_minus_beta2: Scalar,
    epsilon1: Scalar,
    epsilon2: Scalar,
    shrink_by: Scalar,
    d: Scalar,
    machine_epsilon: bool,
) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
    """Shazeer & Stern 2018, *Adafactor: adaptive learning rates with sublinear memory cost*,
    algorithms 4 (matrices) and 5 (vectors).

    Args:
        X, G: a parameter and its gradient.
        R, C: of a matrix: running means of G² along rows, (..., n, 1), and columns, (..., 1, m).
        V: of a vector: the running mean of G².
        rho: the relative step size, ρ_t.
        one_minus_beta2: 1 - β̂₂_t.
        epsilon1, epsilon2: smallest root of an estimate of G², and smallest scale of X.
        shrink_by: what X is multiplied by, for weight decay.
        d: the largest root mean square of an update.
        machine_epsilon: take the distance from 1 to the next number in place of `epsilon1`.

    Returns:
        The new X, R, C and V.
    """
    if machine_epsilon:
        epsilon1 = MACHINE_EPSILON[X.dtype]
    alpha = ops.maximum(_rms(X), epsilon2 * ops.ones_like(_rms(X))) * rho
    X = X * shrink_by
    squares = G * G
    if V is None:
        R = R + (squares.mean(-1, keepdim=True) - R) * one_minus_beta2
        C = C + (squares.mean(-2, keepdim=True) - C) * one_minus_beta2
        scale = R.mean(-2, keepdim=True)
        estimate = R * C / ops.maximum(scale, epsilon1 * ops.ones_like(scale))
    else:
        V = estimate = V + (squares - V) * one_minus_beta2
    floor = epsilon1 * epsilon1 * ops.ones_like(estimate)
    U = ops.maximum(estimate, floor).rsqrt() * G
    size = _rms(U) / d
    return X - U * (alpha / ops.maximum(size, ops.ones_like(size))), R, C, V


def _rms(x: Tensor) -> Tensor:
    return x.square().sum().sqrt() / math.sqrt(x.numel())


class Adafactor(RuleOptimizer):
    """Adafactor (Shazeer & Stern 2018): of a matrix of n × m it keeps n + m numbers.

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: the largest relative step: step t is min(lr, 1/√t) times the scale of the weights.
        beta2_decay: the averages' 1 - β₂ at step t is t to this power, at most 0.
        eps: smallest root of an estimated square (None: the dtype's machine epsilon), and smallest
            scale of the weights.
        d: steps whose root mean square is larger are scaled down to it.
        weight_decay: each step first shrinks the weights by the factor 1 - lr · weight_decay.
        foreach: taken for PyTorch's sake, without effect.
        maximize: ascend instead.

    Raises:
        ArgumentError: an option outside its range.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, -1.0], requires_grad=True)
        >>> optimizer = gd.optim.Adafactor([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -0.5000], requires_grad=True)
    """

    rule = staticmethod(adafactor)
    counts: ClassVar = {"step": 0.0}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor):
            check_learning_rate(lr)
        for name, value, inside in (
            ("Learning rate should be >= 0", lr, lr >= 0),
            ("beta2_decay should be <= 0", beta2_decay, beta2_decay <= 0),
            ("epsilon1 should be >= 0", eps[0], eps[0] is None or eps[0] >= 0),
            ("epsilon2 should be >= 0", eps[1], eps[1] >= 0),
            ("Clipping threshold d should be >= 1", d, d >= 1),
            ("weight_decay should be >= 0", weight_decay, weight_decay >= 0),
        ):
            if not inside:
                raise ArgumentError(f"{name} but is: {value}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    @staticmethod
    def kind(param: Tensor) -> bool:
        return param.ndim > 1

    def slots(self, group: Group) -> dict[str, bool]:
        return {"row_var": True, "col_var": True, "variance": True}

    def slots_of_kind(self, group: Group, param: Tensor) -> dict[str, bool]:
        factored = param.ndim > 1
        return {"row_var": factored, "col_var": factored, "variance": not factored}

    def first(self, slot: str, param: Tensor, group: Group) -> Tensor:
        shape = list(param.shape)
        if slot != "variance":
            shape[-1 if slot == "row_var" else -2] = 1
        return ops.zeros(shape, dtype=param.dtype, device=param.device)

    def decay(self, group: Group) -> str | None:
        return None  # the rule does it, after it has looked at the weights

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        t, lr, epsilon1 = entry["step"], float(group["lr"]), group["eps"][0]
        return {
            "rho": min(lr, 1 / t**0.5),
            "one_minus_beta2": t ** float(group["beta2_decay"]),
            "epsilon1": 0.0 if epsilon1 is None else float(epsilon1),
            "epsilon2": float(group["eps"][1]),
            "shrink_by": 1 - lr * float(group["weight_decay"]),
            "d": float(group["d"]),
        }

    def switches(self, group: Group) -> dict[str, bool]:
        return {"machine_epsilon": group["eps"][0] is None}
