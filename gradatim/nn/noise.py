"""Layers that draw: alpha dropout and random slopes. The arithmetic is in `ops/dropouts.py`."""

from __future__ import annotations

from gradatim.nn import functional as F
from gradatim.nn.layers import Dropout
from gradatim.nn.module import Module
from gradatim.tensor import Tensor


class AlphaDropout(Dropout):
    """In training, sets each element to the lowest value of SELU with probability `p`, then scales
    and shifts all so that a mean of 0 and a variance of 1 stay; in evaluation, gives its input
    (Klambauer et al., 2017).
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(Dropout):
    """`AlphaDropout` of whole channels of (N, C, ...)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)


class RReLU(Module):
    """x where it is positive; elsewhere x times a slope, which is drawn from [lower, upper) for
    each such element in training, and is (lower + upper) / 2 in evaluation (Xu et al., 2015).

    Args:
        lower, upper: of the slopes.
        inplace: overwrite the input.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.RReLU(0.25, 0.75).eval()(gd.tensor([-2.0, 1.0]))
        tensor([-1.,  1.])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        inplace = ", inplace=True" if self.inplace else ""
        return f"lower={self.lower}, upper={self.upper}{inplace}"
