"""The last step of every loss: what `reduction` says.

Until 2018 it was spelt `size_average` and `reduce`. These still work, with a warning.
"""

from __future__ import annotations

import warnings

from gradatim import ops
from gradatim.graph.errors import ArgumentError
from gradatim.tensor import Tensor


def choose_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """`reduction`, unless one of the two old arguments is given, which then decide."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        chosen = "none"
    else:
        chosen = "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, "
        f"please use reduction='{chosen}' instead.",
        stacklevel=4,
    )
    return chosen


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    """One number for each element, or their mean, or their sum."""
    if reduction == "mean":
        return ops.mean(loss)
    if reduction == "sum":
        return ops.sum(loss)
    if reduction == "none":
        return loss
    raise ArgumentError(
        f"{reduction} is not a valid value for reduction: expected 'mean', 'sum' or 'none'"
    )
