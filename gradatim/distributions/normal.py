"""The normal distribution."""

from __future__ import annotations

import math
from typing import Any

from gradatim import ops
from gradatim.autograd.recording import no_grad
from gradatim.distributions._common import standard_normal
from gradatim.distributions.distribution import ExponentialFamily
from gradatim.distributions.location_scale import LocationScale
from gradatim.tensor import Tensor


class Normal(LocationScale, ExponentialFamily):
    """The normal distribution of mean `loc` and standard deviation `scale`.

    Args:
        loc, scale: numbers or tensors that broadcast; `scale` positive.

    Example:
        >>> import gradatim as gd
        >>> normal = gd.distributions.Normal(gd.tensor([0.0, 1.0]), 2.0)
        >>> normal.log_prob(gd.tensor(1.0))
        tensor([-1.7371, -1.6121])
        >>> _ = gd.manual_seed(0)
        >>> normal.sample()
        tensor([3.0820, 0.4131])
    """

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return ops.normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + noise * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        away = (value - self.loc) / self.scale
        return -0.5 * away * away - self.scale.log() - 0.5 * math.log(2 * math.pi)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return 0.5 * (1 + ops.erf((value - self.loc) / (self.scale * math.sqrt(2))))

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * ops.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
