"""Negative log-likelihoods of numbers and of sequences, as modules. The formulas are in
`ops/likelihood_losses.py` and `ops/ctc.py`, where each argument is described.
"""

from __future__ import annotations

import warnings
from typing import Any

from gradatim.nn import functional as F
from gradatim.nn.losses import NLLLoss, _Loss
from gradatim.tensor import Tensor


class PoissonNLLLoss(_Loss):
    """The mean negative log-likelihood of counts, of the logarithm of the expected count.

    Shape:
        log_input and target alike; the result is 0-d, or with reduction="none" of their shape.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.PoissonNLLLoss()(gd.tensor([0.0]), gd.tensor([3.0]))
        tensor(1.)
    """

    def __init__(
        self, log_input: bool = True, full: bool = False, size_average: bool | None = None,
        eps: float = 1e-8, reduce: bool | None = None, reduction: str = "mean",
    ):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps,
            reduction=self.reduction,
        )  # fmt: skip


class GaussianNLLLoss(_Loss):
    """The mean negative log-likelihood of normally distributed targets, of their expected values
    and variances.

    Shape:
        input and target alike; var as well, or without the last dimension, or with size 1 in one.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class CTCLoss(_Loss):
    """Connectionist temporal classification (Graves et al., 2006): the mean negative log-likelihood
    of sequences of labels whose places in time are not known.

    Args:
        blank: the class of the blank.
        reduction: "mean" divides each loss by the number of its labels first.
        zero_infinity: give 0 for a target that is too long to be said in time.

    Shape:
        log_probs (T, N, C) or (T, C); targets (N, S), or all in one dimension; input_lengths and
        target_lengths (N,) or ().
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False):
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )  # fmt: skip


class NLLLoss2d(NLLLoss):
    """`NLLLoss`, by its name of 2016 for images."""

    def __init__(self, *args: Any, **kwargs: Any):
        warnings.warn(
            "NLLLoss2d has been deprecated. Please use NLLLoss instead, which takes images too.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(*args, **kwargs)
