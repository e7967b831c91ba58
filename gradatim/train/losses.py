"""Losses by name, for `Trainer` and the command line."""

from __future__ import annotations

from collections.abc import Callable

from gradatim import nn
from gradatim.graph.errors import ArgumentError
from gradatim.tensor import Tensor

LOSSES: dict[str, type[nn.Module]] = {
    "mse": nn.MSELoss,
    "l1": nn.L1Loss,
    "smooth_l1": nn.SmoothL1Loss,
    "cross_entropy": nn.CrossEntropyLoss,
    "nll": nn.NLLLoss,
    "bce": nn.BCELoss,
    "bce_with_logits": nn.BCEWithLogitsLoss,
}


def find_loss(loss: str | Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of that name, or the function `(outputs, targets) → loss` itself."""
    if callable(loss):
        return loss
    if loss not in LOSSES:
        raise ArgumentError(
            f"there is no loss {loss!r}: choose from {', '.join(LOSSES)}, "
            "or give a function of outputs and targets"
        )
    return LOSSES[loss]()
