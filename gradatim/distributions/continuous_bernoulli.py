"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from gradatim import ops
from gradatim.distributions import constraints
from gradatim.distributions._common import broadcast_all, clamp_probs, uniform
from gradatim.distributions.binary import _cross_entropy, _Successes
from gradatim.tensor import Tensor


class ContinuousBernoulli(_Successes):
    """Numbers x of [0, 1] of density proportional to probs^x (1 - probs)^(1 - x) (Loaiza-Ganem and
    Cunningham, The continuous Bernoulli, 2019).

    Args:
        lims: between these probabilities, where the formula loses its digits, a Taylor series
            around 1/2 is used.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.ContinuousBernoulli(0.5).mean
        tensor(0.5000)
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, probs: Any = None, logits: Any = None, lims: tuple[float, float] = (0.499, 0.501),
        validate_args: Any = None,
    ):  # fmt: skip
        self._lims = lims
        self._take(probs, logits, validate_args)
        if probs is not None:
            self.__dict__["probs"] = clamp_probs(self.probs)

    def _copy(self, batch_shape: Any, instance: Any = None) -> Any:
        new = super()._copy(batch_shape, instance)
        new._lims = self._lims
        return new

    def _outside(self) -> Tensor:
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _away(self) -> Tensor:
        """The probabilities, with those that are near 1/2 moved away from it."""
        return ops.where(self._outside(), self.probs, self._lims[0])

    def _log_norm(self) -> Tensor:
        p = self._away()
        low = ops.where(p <= 0.5, p, 0.0)
        high = ops.where(p >= 0.5, p, 1.0)
        ratio = ops.log(ops.abs(ops.log1p(-p) - ops.log(p))) - ops.where(
            p <= 0.5, ops.log1p(-2.0 * low), ops.log(2.0 * high - 1.0)
        )
        x = (self.probs - 0.5) ** 2
        near = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return ops.where(self._outside(), ratio, near)

    @property
    def mean(self) -> Tensor:
        p = self._away()
        far = p / (2.0 * p - 1.0) + 1.0 / (ops.log1p(-p) - ops.log(p))
        x = self.probs - 0.5
        near = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x
        return ops.where(self._outside(), far, near)

    @property
    def variance(self) -> Tensor:
        p = self._away()
        far = p * (p - 1.0) / (1.0 - 2.0 * p) ** 2 + 1.0 / (ops.log1p(-p) - ops.log(p)) ** 2
        x = (self.probs - 0.5) ** 2
        near = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        return ops.where(self._outside(), far, near)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(uniform(self._extended_shape(sample_shape), self.probs))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return self._log_norm() - _cross_entropy(logits, value)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        p = self._away()
        far = (p**value * (1.0 - p) ** (1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        found = ops.where(self._outside(), far, value)
        return ops.where(value <= 0.0, 0.0, ops.where(value >= 1.0, 1.0, found))

    def icdf(self, value: Tensor) -> Tensor:
        p = self._away()
        far = (ops.log1p(-p + value * (2.0 * p - 1.0)) - ops.log1p(-p)) / (
            ops.log(p) - ops.log1p(-p)
        )
        return ops.where(self._outside(), far, value)

    def entropy(self) -> Tensor:
        miss, hit = ops.log1p(-self.probs), ops.log(self.probs)
        return self.mean * (miss - hit) - self._log_norm() - miss


__all__ = ["ContinuousBernoulli"]
