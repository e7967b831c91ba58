"""Distributions of successes: Bernoulli, Geometric, Binomial, NegativeBinomial, and Poisson counts.

All but the last take a probability, or its log odds (`logits`); whichever is not given is computed
from the other when it is asked for.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from gradatim import ops
from gradatim.autograd.recording import no_grad
from gradatim.distributions import constraints
from gradatim.distributions._common import (
    broadcast_all,
    finfo,
    lazy_property,
    logits_to_probs,
    positive_part,
    probs_to_logits,
    shape_of,
    uniform,
    xlogy,
)
from gradatim.distributions.distribution import Distribution, ExponentialFamily
from gradatim.distributions.gamma_draws import standard_gamma
from gradatim.graph.errors import ArgumentError, Unsupported
from gradatim.ops._drawing import source_of
from gradatim.random.rejection import binomial as draw_binomial
from gradatim.realize import drawn, state
from gradatim.tensor import Tensor


def exactly_one(probs: Any, logits: Any) -> None:
    """Raise unless one of the two was given."""
    if (probs is None) == (logits is None):
        raise ArgumentError("Either `probs` or `logits` must be specified, but not both.")


class _Successes(Distribution):
    """What those with `probs` and `logits` share."""

    _parameters: tuple[str, ...] = ("probs", "logits")

    def _take(self, probs: Any, logits: Any, validate_args: Any) -> None:
        exactly_one(probs, logits)
        given = probs if logits is None else logits
        (tensor,) = broadcast_all(given)
        self.__dict__["probs" if logits is None else "logits"] = tensor
        super().__init__(shape_of(tensor, given), validate_args=validate_args)

    @property
    def _param(self) -> Tensor:
        found: Tensor = self.__dict__["logits" if "probs" not in self.__dict__ else "probs"]
        return found

    @property
    def param_shape(self) -> Any:
        return self._param.shape

    @lazy_property
    def probs(self) -> Tensor:
        return logits_to_probs(self.logits, is_binary=True)

    @lazy_property
    def logits(self) -> Tensor:
        return probs_to_logits(self.probs, is_binary=True)


class Bernoulli(_Successes, ExponentialFamily):
    """1 with probability `probs`, else 0.

    Args:
        probs: the probability; or
        logits: its log odds.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Bernoulli(0.25).log_prob(gd.tensor([0.0, 1.0])).exp()
        tensor([0.7500, 0.2500])
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None):
        self._take(probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return ops.where(self.probs == 0.5, math.nan, mode)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return ops.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -_cross_entropy(logits, value)

    def entropy(self) -> Tensor:
        return _cross_entropy(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return _enumerated(self, 2, expand)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """-target log p - (1 - target) log(1 - p), from the log odds."""
    return positive_part(logits) - logits * target + (-logits.abs()).exp().log1p()


def _enumerated(self: _Successes, count: int, expand: bool) -> Tensor:
    values = ops.arange(count, dtype=self._param.dtype)
    values = values.reshape(-1, *(1,) * len(self._batch_shape))
    return values.expand(-1, *self._batch_shape) if expand else values


class Geometric(_Successes):
    """How many trials fail before the first that succeeds: (1 - p)^k p.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Geometric(0.25).mean
        tensor(3.)
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None):
        self._take(probs, logits, validate_args)
        checked = self._validate_args and probs is not None and state.capture is None
        if checked and not bool((self.probs > 0).all()):
            raise ArgumentError(
                f"Expected parameter probs of distribution {self!r} to be positive: with "
                f"probability 0 no trial ever succeeds"
            )

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return ops.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            units = uniform(self._extended_shape(sample_shape), self.probs)
            units = units.clamp(min=float(finfo(self.probs.dtype).tiny))
            return (units.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        # With probability 1 there are no failures: 0 · log(0) is 0.
        certain = (probs == 1) & (value == 0)
        misses = ops.where(certain, 0.0, probs)
        return value * (-misses).log1p() + probs.log()

    def entropy(self) -> Tensor:
        return _cross_entropy(self.logits, self.probs) / self.probs


class _Counted(_Successes):
    """What those with a `total_count` share, too."""

    _parameters = ("total_count", "probs", "logits")
    total_count: Tensor

    def _take_counts(self, total_count: Any, probs: Any, logits: Any, validate_args: Any) -> None:
        exactly_one(probs, logits)
        name, given = ("probs", probs) if logits is None else ("logits", logits)
        (tensor,) = broadcast_all(given)
        self.total_count, tensor = broadcast_all(total_count, tensor)
        self.total_count = self.total_count.to(tensor.dtype)
        self.__dict__[name] = tensor
        Distribution.__init__(self, tensor.shape, validate_args=validate_args)


class Binomial(_Counted):
    """How many of `total_count` trials succeed.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Binomial(4, gd.tensor(0.5)).log_prob(gd.tensor(2.0)).exp()
        tensor(0.3750)
    """

    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: Any = None
    ):  # fmt: skip
        self._take_counts(total_count, probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        source, dtype = source_of(None), self._param.dtype
        with no_grad():
            count = self.total_count.expand(shape)._value()
            p = self.probs.expand(shape)._value()
            return drawn(shape, dtype, lambda: draw_binomial(source, count, p).astype(dtype.numpy))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n, logits = self.total_count, self.logits
        # n log(1 + e^logits), without overflow
        base = n * positive_part(logits) + n * (-logits.abs()).exp().log1p() - ops.lgamma(n + 1)
        return value * logits - ops.lgamma(value + 1) - ops.lgamma(n - value + 1) - base

    def entropy(self) -> Tensor:
        count = int(self.total_count.max().item())
        if not float(self.total_count.min().item()) == count:
            raise Unsupported("Inhomogeneous total count not supported by `entropy`.")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        count = int(self.total_count.max().item())
        if not float(self.total_count.min().item()) == count:
            raise Unsupported("Inhomogeneous total count not supported by `enumerate_support`.")
        return _enumerated(self, 1 + count, expand)


class NegativeBinomial(_Counted):
    """How many trials succeed before `total_count` of them have failed.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.NegativeBinomial(3.0, gd.tensor(0.5)).mean
        tensor(3.)
    """

    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ):  # fmt: skip
        self._take_counts(total_count, probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * ops.exp(self.logits)

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / ops.sigmoid(-self.logits)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """A Poisson count whose rate is a gamma number."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            rate = standard_gamma(self.total_count.expand(shape)) * self.logits.exp()
            return ops.poisson(rate)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n = self.total_count
        either = n * _log_sigmoid(-self.logits) + value * _log_sigmoid(self.logits)
        ways = ops.lgamma(n + value) - ops.lgamma(1.0 + value) - ops.lgamma(n)
        return either + ops.where(n + value == 0.0, 0.0, ways)


def _log_sigmoid(x: Tensor) -> Tensor:
    return -positive_part(-x) - (-x.abs()).exp().log1p()


class Poisson(ExponentialFamily):
    """Counts of events that come independently, `rate` of them on average.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Poisson(2.0).log_prob(gd.tensor(0.0))
        tensor(-2.)
    """

    arg_constraints: ClassVar[Any] = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    _parameters = ("rate",)

    def __init__(self, rate: Any, validate_args: Any = None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(shape_of(self.rate, rate), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return ops.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return xlogy(value, rate) - rate - ops.lgamma(value + 1)


__all__ = ["Bernoulli", "Binomial", "Geometric", "NegativeBinomial", "Poisson"]
