"""The generalized Pareto distribution: what lies beyond a high threshold."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from gradatim import ops
from gradatim.distributions import constraints
from gradatim.distributions._common import broadcast_all, shape_of, uniform
from gradatim.distributions.distribution import Distribution
from gradatim.tensor import Tensor


class GeneralizedPareto(Distribution):
    """F(x) = 1 - (1 + k y)^(-1/k), for y = (x - loc) / scale and k = concentration: exponential for
    k = 0, heavy-tailed above it, bounded below it (Pickands, 1975).

    Args:
        loc, scale, concentration: numbers or tensors that broadcast; `scale` positive.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
        tensor(2.)
    """

    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    _parameters = ("loc", "scale", "concentration")

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: Any = None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        batch = shape_of(self.loc, loc, scale, concentration)
        super().__init__(batch, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        bounded = self.concentration < 0
        end = self.loc - self.scale / ops.where(bounded, self.concentration, -1.0)
        return constraints.interval(self.loc, ops.where(bounded, end, math.inf))

    def _split(self) -> tuple[Tensor, Tensor]:
        """Whether k is 0, and k with something else in its place there."""
        flat = ops.isclose(self.concentration, ops.zeros_like(self.concentration))
        return flat, ops.where(flat, 1.0, self.concentration)

    def _tail(self, value: Tensor) -> Tensor:
        """-log(1 - F)."""
        flat, k = self._split()
        y = (value - self.loc) / self.scale
        return ops.where(flat, y, ops.log1p(k * ops.where(flat, 0.0, y)) / k)

    @property
    def mean(self) -> Tensor:
        k = ops.where(self.concentration < 1, self.concentration, 0.0)
        found = self.loc + self.scale / (1 - k)
        return ops.where(self.concentration < 1, found, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        k = ops.where(self.concentration < 0.5, self.concentration, 0.0)
        found = self.scale**2 / ((1 - k) ** 2 * (1 - 2 * k))
        return ops.where(self.concentration < 0.5, found, math.inf)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(uniform(self._extended_shape(sample_shape), self.loc))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -(1 + self.concentration) * self._tail(value) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -ops.expm1(-self._tail(value))

    def icdf(self, value: Tensor) -> Tensor:
        flat, k = self._split()
        tail = -ops.log1p(-value)
        y = ops.where(flat, tail, ops.expm1(k * tail) / k)
        return self.loc + self.scale * y

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1


__all__ = ["GeneralizedPareto"]
