"""Distributions that are transforms of simpler ones: LogNormal, HalfNormal, Gumbel, Weibull ..."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from gradatim import ops
from gradatim.distributions import constraints
from gradatim.distributions._common import all_numbers, broadcast_all, finfo
from gradatim.distributions.combined import TransformedDistribution
from gradatim.distributions.gamma import Exponential, Gamma
from gradatim.distributions.location_scale import Cauchy, Uniform
from gradatim.distributions.normal import Normal
from gradatim.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    ExpTransform,
    PowerTransform,
    StickBreakingTransform,
)
from gradatim.size import Size
from gradatim.tensor import Tensor

EULER = 0.5772156649015329  # -ψ(1)


def _unit(base: Any, *parameters: Tensor, numbers: bool, validate_args: Any) -> Any:
    """The base distribution, without a batch if all parameters were numbers."""
    made = base(*parameters, validate_args=validate_args)
    if numbers:
        made._batch_shape = Size(())
    return made


class LogNormal(TransformedDistribution):
    """Numbers whose logarithm is Normal(loc, scale).

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.LogNormal(0.0, 1.0).mean
        tensor(1.6487)
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True  # type: ignore[assignment]

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None):
        base = Normal(loc, scale, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        return self.base_dist.loc  # type: ignore[no-any-return]

    @property
    def scale(self) -> Tensor:
        return self.base_dist.scale  # type: ignore[no-any-return]

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        square = self.scale**2
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc  # type: ignore[no-any-return]


class _Half(TransformedDistribution):
    """|x| of x drawn from a symmetric curve around 0."""

    arg_constraints: ClassVar[Any] = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True  # type: ignore[assignment]
    _whole: Any  # the class of the curve

    def __init__(self, scale: Any, validate_args: Any = None):
        base = self._whole(0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    @property
    def scale(self) -> Tensor:
        return self.base_dist.scale  # type: ignore[no-any-return]

    @property
    def mode(self) -> Tensor:
        return ops.zeros_like(self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        found = self.base_dist.log_prob(value) + math.log(2)
        return ops.where(value >= 0, found, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)  # type: ignore[no-any-return]


class HalfNormal(_Half):
    """|x| of x drawn from Normal(0, scale).

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.HalfNormal(1.0).mean
        tensor(0.7979)
    """

    _whole = Normal

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (1 - 2 / math.pi)


class HalfCauchy(_Half):
    """|x| of x drawn from Cauchy(0, scale). It has no finite mean.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.HalfCauchy(1.0).cdf(gd.tensor(1.0))
        tensor(0.5000)
    """

    _whole = Cauchy

    @property
    def mean(self) -> Tensor:
        return ops.full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance  # type: ignore[no-any-return]


class Gumbel(TransformedDistribution):
    """The largest of many numbers, in the limit: F(x) = exp(-exp(-(x - loc) / scale)).

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Gumbel(0.0, 1.0).mean
        tensor(0.5772)
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None):
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = finfo(self.loc.dtype)
        low = ops.full_like(self.loc, float(limits.tiny))
        high = ops.full_like(self.loc, 1 - float(limits.eps))
        numbers = all_numbers(loc, scale)
        base = _unit(Uniform, low, high, numbers=numbers, validate_args=validate_args)
        turns = [
            ExpTransform().inv,
            AffineTransform(0, -ops.ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(self.loc, -self.scale),
        ]
        super().__init__(base, turns, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.loc, new.scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        return new

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev**2

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + EULER)


class Weibull(TransformedDistribution):
    """Lifetimes: F(x) = 1 - exp(-(x / scale)^concentration).

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Weibull(1.0, 2.0).mean
        tensor(0.8862)
    """

    arg_constraints: ClassVar[Any] = {
        "scale": constraints.positive,
        "concentration": constraints.positive,
    }
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: Any = None):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(ops.ones_like(self.scale), validate_args=validate_args)
        super().__init__(base, self._turns(), validate_args=validate_args)

    def _turns(self) -> Any:
        return [
            PowerTransform(exponent=self.concentration_reciprocal),
            AffineTransform(0, self.scale),
        ]

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        for name in ("scale", "concentration", "concentration_reciprocal"):
            setattr(new, name, getattr(self, name).expand(batch_shape))
        new.base_dist = self.base_dist.expand(batch_shape)
        new.transforms = new._turns()
        return new

    @property
    def mean(self) -> Tensor:
        return self.scale * ops.exp(ops.lgamma(1 + self.concentration_reciprocal))

    @property
    def mode(self) -> Tensor:
        a = self.concentration
        return self.scale * ((a - 1) / a) ** a.reciprocal()

    @property
    def variance(self) -> Tensor:
        one, two = 1 + self.concentration_reciprocal, 1 + 2 * self.concentration_reciprocal
        return self.scale**2 * (ops.exp(ops.lgamma(two)) - ops.exp(2 * ops.lgamma(one)))

    def entropy(self) -> Tensor:
        turn = self.concentration_reciprocal
        return EULER * (1 - turn) + ops.log(self.scale * turn) + 1


class Pareto(TransformedDistribution):
    """Density proportional to x^-(alpha + 1) above `scale`.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Pareto(1.0, 3.0).mean
        tensor(1.5000)
    """

    arg_constraints: ClassVar[Any] = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Any, alpha: Any, validate_args: Any = None):
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = _unit(
            Exponential, self.alpha, numbers=all_numbers(scale, alpha), validate_args=validate_args
        )
        turns: Any = [ExpTransform(), AffineTransform(loc=0, scale=self.scale)]
        super().__init__(base, turns, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.scale, new.alpha = self.scale.expand(batch_shape), self.alpha.expand(batch_shape)
        new.transforms = [ExpTransform(), AffineTransform(loc=0, scale=new.scale)]
        return new

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> constraints.Constraint:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())


class InverseGamma(TransformedDistribution):
    """1 / x of x drawn from Gamma(concentration, rate).

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.InverseGamma(3.0, 2.0).mean
        tensor(1.)
    """

    arg_constraints: ClassVar[Any] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True  # type: ignore[assignment]

    def __init__(self, concentration: Any, rate: Any, validate_args: Any = None):
        base = Gamma(concentration, rate, validate_args=validate_args)
        turn = PowerTransform(exponent=-base.rate.new_ones(()))
        super().__init__(base, turn, validate_args=validate_args)

    @property
    def concentration(self) -> Tensor:
        return self.base_dist.concentration  # type: ignore[no-any-return]

    @property
    def rate(self) -> Tensor:
        return self.base_dist.rate  # type: ignore[no-any-return]

    @property
    def mean(self) -> Tensor:
        found = self.rate / (self.concentration - 1)
        return ops.where(self.concentration > 1, found, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        found = self.rate**2 / ((a - 1) ** 2 * (a - 2))
        return ops.where(a > 2, found, math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + ops.lgamma(a) - (1 + a) * ops.digamma(a)


class Kumaraswamy(TransformedDistribution):
    """Numbers of (0, 1) with F(x) = 1 - (1 - x^a)^b, for a = concentration1, b = concentration0.
    (Its mode is NaN only where there is none. PyTorch's is NaN everywhere.)

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Kumaraswamy(1.0, 1.0).mean
        tensor(0.5000)
    """

    arg_constraints: ClassVar[Any] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True  # type: ignore[assignment]

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: Any = None):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        zero, one = ops.zeros_like(self.concentration0), ops.ones_like(self.concentration0)
        base = _unit(Uniform, zero, one, numbers=False, validate_args=validate_args)
        super().__init__(base, self._turns(), validate_args=validate_args)

    def _turns(self) -> Any:
        return [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        new.concentration1 = self.concentration1.expand(batch_shape)
        new.concentration0 = self.concentration0.expand(batch_shape)
        new.base_dist = self.base_dist.expand(batch_shape)
        new.transforms = new._turns()
        return new

    def _moment(self, n: int) -> Tensor:
        power = 1 + n / self.concentration1
        b = self.concentration0
        return b * ops.exp(ops.lgamma(power) + ops.lgamma(b) - ops.lgamma(power + b))

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        log_mode = a.reciprocal() * (-b).log1p() - (-a * b).log1p()
        inside = (a >= 1) & (b >= 1) & ((a != 1) | (b != 1))
        found = ((a - 1) / (a * b - 1)) ** a.reciprocal()
        return ops.where(inside, found, log_mode * math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self.mean**2

    def entropy(self) -> Tensor:
        t1, t0 = 1 - self.concentration1.reciprocal(), 1 - self.concentration0.reciprocal()
        harmonic = ops.digamma(self.concentration0 + 1) + EULER
        return t0 + t1 * harmonic - ops.log(self.concentration1) - ops.log(self.concentration0)


class LogisticNormal(TransformedDistribution):
    """Points of the simplex: normal numbers through StickBreakingTransform.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.LogisticNormal(gd.zeros(2), gd.ones(2)).event_shape
        torch.Size([3])
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True  # type: ignore[assignment]

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None):
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        return self.base_dist.base_dist.loc  # type: ignore[no-any-return]

    @property
    def scale(self) -> Tensor:
        return self.base_dist.base_dist.scale  # type: ignore[no-any-return]


__all__ = [
    "Gumbel", "HalfCauchy", "HalfNormal", "InverseGamma", "Kumaraswamy", "LogNormal",
    "LogisticNormal", "Pareto", "Weibull",
]  # fmt: skip
