"""The gamma distribution and what is made of gamma numbers: Exponential, Chi2, StudentT,
FisherSnedecor, InverseGamma."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from gradatim import ops
from gradatim.distributions import constraints
from gradatim.distributions._common import (
    broadcast_all,
    finfo,
    shape_of,
    standard_normal,
    xlogy,
)
from gradatim.distributions.distribution import Distribution, ExponentialFamily
from gradatim.distributions.gamma_draws import standard_gamma
from gradatim.tensor import Tensor


class Exponential(ExponentialFamily):
    """Waiting times at a rate: density rate · exp(-rate · x).

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Exponential(2.0).cdf(gd.tensor(0.5))
        tensor(0.6321)
    """

    arg_constraints: ClassVar[Any] = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _parameters = ("rate",)

    def __init__(self, rate: Any, validate_args: Any = None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(shape_of(self.rate, rate), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate.reciprocal()

    @property
    def mode(self) -> Tensor:
        return ops.zeros_like(self.rate)

    @property
    def stddev(self) -> Tensor:
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        return self.rate**-2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return ops.empty(shape, dtype=self.rate.dtype).exponential_() / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return 1 - ops.exp(-self.rate * value)

    def icdf(self, value: Tensor) -> Tensor:
        return -ops.log1p(-value) / self.rate

    def entropy(self) -> Tensor:
        return 1.0 - self.rate.log()


class Gamma(ExponentialFamily):
    """Density proportional to x^(concentration - 1) exp(-rate · x).

    Samples have gradients by implicit reparameterization (see gamma_draws.py).

    Example:
        >>> import gradatim as gd
        >>> gamma = gd.distributions.Gamma(gd.tensor(3.0), 2.0)
        >>> gamma.mean, gamma.variance
        (tensor(1.5000), tensor(0.7500))
    """

    arg_constraints: ClassVar[Any] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative
    has_rsample = True
    _parameters = ("concentration", "rate")

    def __init__(self, concentration: Any, rate: Any, validate_args: Any = None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        batch = shape_of(self.concentration, concentration, rate)
        super().__init__(batch, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        tiny = float(finfo(value.dtype).tiny)
        # A shape near 0 gives numbers below the smallest there is: kept positive, as the support.
        return ops.where(value.detach() < tiny, value.detach().clamp(min=tiny), value)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        value = ops.as_tensor(value, dtype=self.rate.dtype)
        return (
            xlogy(self.concentration, self.rate)
            + xlogy(self.concentration - 1, value)
            - self.rate * value
            - ops.lgamma(self.concentration)
        )

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        from gradatim import special

        return special.gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + ops.lgamma(a) + (1.0 - a) * ops.digamma(a)


class Chi2(Gamma):
    """The sum of `df` squares of normal numbers: Gamma(df / 2, 1 / 2).

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Chi2(4.0).variance
        tensor(8.)
    """

    arg_constraints: ClassVar[Any] = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: Any = None):
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        return self.concentration * 2


class StudentT(Distribution):
    """A normal number over the root of an independent Chi2(df) / df, moved and stretched.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.StudentT(4.0).variance
        tensor(2.)
    """

    arg_constraints: ClassVar[Any] = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: Any = None):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        for name in ("df", "loc", "scale"):
            setattr(new, name, getattr(self, name).expand(new._batch_shape))
        new._chi2 = self._chi2.expand(new._batch_shape)
        return new

    @property
    def mean(self) -> Tensor:
        return ops.where(self.df <= 1, math.nan, self.loc)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        wide = self.scale**2 * self.df / (self.df - 2)
        wide = ops.where(self.df > 2, wide, math.inf)
        return ops.where(self.df <= 1, math.nan, wide)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        normal = standard_normal(self._extended_shape(sample_shape), self.df)
        squares = self._chi2.rsample(sample_shape)
        return self.loc + self.scale * normal * ops.rsqrt(squares / self.df)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        away = (value - self.loc) / self.scale
        norm = (
            self.scale.log()
            + 0.5 * self.df.log()
            + 0.5 * math.log(math.pi)
            + ops.lgamma(0.5 * self.df)
            - ops.lgamma(0.5 * (self.df + 1.0))
        )
        return -0.5 * (self.df + 1.0) * ops.log1p(away**2 / self.df) - norm

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        beta = ops.lgamma(half) + math.lgamma(0.5) - ops.lgamma(more)
        return (
            self.scale.log()
            + more * (ops.digamma(more) - ops.digamma(half))
            + 0.5 * self.df.log()
            + beta
        )


class FisherSnedecor(Distribution):
    """The ratio of two independent Chi2 numbers, each over its degrees of freedom.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.FisherSnedecor(2.0, 6.0).mean
        tensor(1.5000)
    """

    arg_constraints: ClassVar[Any] = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: Any = None):
        self.df1, self.df2 = broadcast_all(df1, df2)
        self._gamma1 = Gamma(self.df1 * 0.5, self.df1)
        self._gamma2 = Gamma(self.df2 * 0.5, self.df2)
        super().__init__(shape_of(self.df1, df1, df2), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        for name in ("df1", "df2", "_gamma1", "_gamma2"):
            setattr(new, name, getattr(self, name).expand(new._batch_shape))
        return new

    @property
    def mean(self) -> Tensor:
        return ops.where(self.df2 <= 2, math.nan, self.df2 / (self.df2 - 2))

    @property
    def mode(self) -> Tensor:
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return ops.where(self.df1 <= 2, math.nan, mode)

    @property
    def variance(self) -> Tensor:
        a, b = self.df1, self.df2
        wide = 2 * b**2 * (a + b - 2) / (a * (b - 2) ** 2 * (b - 4))
        return ops.where(b <= 4, math.nan, wide)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        above = self._gamma1.rsample(sample_shape)
        below = self._gamma2.rsample(sample_shape)
        return above / below.clamp(min=float(finfo(below.dtype).tiny))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a, b = self.df1 * 0.5, self.df2 * 0.5
        ratio = self.df1 / self.df2
        return (
            ops.lgamma(a + b)
            - ops.lgamma(a)
            - ops.lgamma(b)
            + a * ratio.log()
            + (a - 1) * value.log()
            - (a + b) * ops.log1p(ratio * value)
        )


__all__ = ["Chi2", "Exponential", "FisherSnedecor", "Gamma", "StudentT"]
