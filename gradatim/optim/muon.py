"""Muon: momentum whose matrix is made orthogonal before each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from gradatim.graph.dtypes import bfloat16, float32
from gradatim.graph.errors import ArgumentError
from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_learning_rate
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.tensor import Tensor

QUINTIC = (3.4445, -4.7750, 2.0315)
"""a, b, c of the polynomial; chosen for a steep slope at 0 (the post, section "Design")."""


def muon(
    theta: Tensor,
    g: Tensor,
    B: Tensor,
    *,
    eta: Scalar,
    mu: Scalar,
    one_minus_mu: Scalar,
    adjust_lr_fn: str | None,
    nesterov: bool,
    coefficients: tuple[float, float, float],
    steps: int,
    eps: float,
) -> tuple[Tensor, Tensor]:
    """Jordan et al. 2024, *Muon: an optimizer for hidden layers in neural networks*, algorithm 2.

    Args:
        theta, g: a matrix and its gradient.
        B: the momentum, an average of gradients.
        eta, mu: learning rate and momentum.

    Returns:
        The new theta and B.
    """
    B = B + (g - B) * one_minus_mu
    M = g + (B - g) * mu if nesterov else B
    update = orthogonalized(M, coefficients, steps, eps).to(theta.dtype)
    return theta - update * (eta * ADJUSTMENTS[adjust_lr_fn](theta.shape)), B


def orthogonalized(
    M: Tensor, coefficients: tuple[float, float, float] = QUINTIC, steps: int = 5, eps: float = 1e-7
) -> Tensor:
    """About the nearest matrix to M that is orthogonal: U Vᵀ of M = U S Vᵀ, in bfloat16.

    Newton-Schulz iterations of X ← a X + (b A + c A²) X with A = X Xᵀ. Products are rounded to
    bfloat16 where PyTorch rounds them, and summed in float32.
    """
    a, b, c = coefficients
    X = M.to(bfloat16).to(float32)
    tall = M.shape[0] > M.shape[1]
    if tall:
        X = X.T
    norm = _rounded(X.square().sum().sqrt()).clamp(min=eps)
    X = _rounded(X / _rounded(norm))
    for _ in range(steps):
        A = _rounded(X @ X.T)
        polynomial = _rounded(A @ A * c + A * b)
        X = _rounded(polynomial @ X + X * a)
    return X.T if tall else X


def _rounded(x: Tensor) -> Tensor:
    """x with the precision of bfloat16, as float32."""
    return x.to(bfloat16).to(float32)


def _as_given(shape: tuple[int, ...]) -> float:
    return math.sqrt(max(1, shape[0] / shape[1]))


def _as_for_adamw(shape: tuple[int, ...]) -> float:
    """Liu et al. 2025, *Muon is scalable for LLM training*, equation 4."""
    return 0.2 * math.sqrt(max(shape))


ADJUSTMENTS: dict[str | None, Callable[[tuple[int, ...]], float]] = {
    None: _as_given,
    "original": _as_given,
    "match_rms_adamw": _as_for_adamw,
}
"""What the learning rate is multiplied by, for a matrix of this shape."""


class Muon(RuleOptimizer):
    """Muon (Jordan et al. 2024), for the matrices inside a network.

    Biases, embeddings and the last layer want another optimizer, such as AdamW.

    Args:
        params: tensors of two dimensions, `(name, tensor)` pairs, or parameter groups.
        lr: learning rate.
        weight_decay: each step first shrinks the weights by the factor 1 - lr · weight_decay.
        momentum: how slowly the average of gradients forgets.
        nesterov: look ahead by one more step of momentum.
        ns_coefficients: a, b, c of the polynomial that makes the step orthogonal.
        eps: smallest norm to divide by.
        ns_steps: how often the polynomial is applied.
        adjust_lr_fn: "original" (the default) multiplies the rate by √max(1, rows / columns),
            "match_rms_adamw" by 0.2 √max(rows, columns), so that AdamW's rates fit.

    Raises:
        ArgumentError: an option outside its range; a parameter that is no matrix.

    Example:
        >>> import gradatim as gd
        >>> w = gd.eye(2, requires_grad=True)
        >>> optimizer = gd.optim.Muon([w], lr=0.5, weight_decay=0.0)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> (w.detach() < gd.eye(2)).all()
        tensor(True)
    """

    rule = staticmethod(muon)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = QUINTIC,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor):
            check_learning_rate(lr)
        if not lr >= 0:
            raise ArgumentError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0:
            raise ArgumentError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0:
            raise ArgumentError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in ADJUSTMENTS:
            raise ArgumentError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported: choose 'original' "
                "or 'match_rms_adamw'"
            )
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                if param.ndim != 2:
                    raise ArgumentError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{param.shape}; give the others to another optimizer, such as AdamW"
                    )

    def slots(self, group: Group) -> dict[str, bool]:
        return {"momentum_buffer": True}

    def decay(self, group: Group) -> str | None:
        return "decoupled" if group["weight_decay"] else None

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        mu = float(group["momentum"])
        return {"eta": float(group["lr"]), "mu": mu, "one_minus_mu": 1 - mu}

    def switches(self, group: Group) -> dict[str, Any]:
        if group["ns_steps"] >= 100:
            raise ArgumentError(
                f"Number of steps must be less than 100 for computational efficiency, got "
                f"ns_steps={group['ns_steps']}"
            )
        if len(group["ns_coefficients"]) != 3:
            raise ArgumentError(
                f"Coefficients must be a tuple of exactly 3 values, got {group['ns_coefficients']}"
            )
        return {
            "adjust_lr_fn": group["adjust_lr_fn"],
            "nesterov": group["nesterov"],
            "coefficients": tuple(group["ns_coefficients"]),
            "steps": group["ns_steps"],
            "eps": group["eps"],
        }
