"""Distributions over categories: Categorical, OneHotCategorical, Multinomial.

They take probabilities, which are divided by their sum, or logits, from which their logsumexp is
taken.
"""

from __future__ import annotations

from typing import Any, ClassVar

from gradatim import ops
from gradatim.autograd.recording import no_grad
from gradatim.distributions import constraints
from gradatim.distributions._common import (
    finfo,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
)
from gradatim.distributions.binary import Binomial, exactly_one
from gradatim.distributions.distribution import Distribution
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentError, Unsupported
from gradatim.size import Size
from gradatim.tensor import Tensor


class Categorical(Distribution):
    """One of K categories, 0 to K - 1.

    Args:
        probs: (..., K) non-negative weights; or
        logits: (..., K) log weights.

    Example:
        >>> import gradatim as gd
        >>> categories = gd.distributions.Categorical(gd.tensor([1.0, 3.0]))
        >>> categories.probs
        tensor([0.2500, 0.7500])
        >>> _ = gd.manual_seed(0)
        >>> categories.sample((5,))
        tensor([1, 1, 1, 1, 1])
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: Any = None
    ):
        exactly_one(probs, logits)
        if probs is not None:
            if probs.ndim < 1:
                raise ArgumentError("`probs` parameter must be at least one-dimensional.")
            self.__dict__["probs"] = probs / probs.sum(-1, keepdim=True)
            shape = probs.shape
        else:
            assert logits is not None
            if logits.ndim < 1:
                raise ArgumentError("`logits` parameter must be at least one-dimensional.")
            self.__dict__["logits"] = logits - logits.logsumexp(-1, keepdim=True)
            shape = logits.shape
        self._num_events = shape[-1]
        super().__init__(shape[:-1], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        for name in ("probs", "logits"):
            if name in self.__dict__:
                wide = self.__dict__[name].expand(*new._batch_shape, self._num_events)
                new.__dict__[name] = wide
        new._num_events = self._num_events
        return new

    @lazy_property
    def probs(self) -> Tensor:
        return logits_to_probs(self.logits)

    @lazy_property
    def logits(self) -> Tensor:
        return probs_to_logits(self.probs)

    @property
    def _param(self) -> Tensor:
        found: Tensor = self.__dict__["logits" if "probs" not in self.__dict__ else "probs"]
        return found

    @property
    def param_shape(self) -> Any:
        return self._param.shape

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return ops.full(self._extended_shape(), float("nan"), dtype=self._param.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return ops.full(self._extended_shape(), float("nan"), dtype=self._param.dtype)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            rows = self.probs.reshape(-1, self._num_events)
            count = Size(sample_shape).numel()
            drawn = ops.multinomial(rows, count, True).T
            return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        index = value.to(int64).unsqueeze(-1)
        shape = ops.broadcast_shapes(index.shape[:-1], self.logits.shape[:-1])
        logits = self.logits.expand(*shape, self._num_events)
        return logits.gather(-1, index.expand(*shape, 1)).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=float(finfo(self.logits.dtype).min))
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = ops.arange(self._num_events).reshape(-1, *(1,) * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class _OfCategories(Distribution):
    """What vectors with a number for each of K categories share: a Categorical."""

    arg_constraints: ClassVar[Any] = Categorical.arg_constraints
    _categorical: Categorical

    def _take(self, probs: Any, logits: Any, validate_args: Any) -> None:
        self._categorical = Categorical(probs, logits)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        new._categorical = self._categorical.expand(batch_shape)
        return new

    @property
    def probs(self) -> Tensor:
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        return self._categorical.logits

    @property
    def param_shape(self) -> Any:
        return self._categorical.param_shape


class OneHotCategorical(_OfCategories):
    """One of K categories, as a vector of K numbers with a single 1. Arguments as for Categorical.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.OneHotCategorical(gd.tensor([0.0, 1.0])).sample()
        tensor([0., 1.])
    """

    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: Any = None
    ):
        self._take(probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return ops.one_hot(self.probs.argmax(-1), self._event_shape[0]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        index = self._categorical.sample(sample_shape)
        return ops.one_hot(index, self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self._event_shape[0]
        values = ops.eye(n, dtype=self.probs.dtype)
        values = values.reshape(n, *(1,) * len(self._batch_shape), n)
        return values.expand(n, *self._batch_shape, n) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """OneHotCategorical whose samples hand their gradient on to the probabilities (Bengio, Léonard
    and Courville, Estimating or propagating gradients through stochastic neurons, 2013)."""

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(_OfCategories):
    """How often each of K categories comes in `total_count` draws.

    Args:
        total_count: one number for the whole batch.
        probs, logits: as for Categorical.

    Example:
        >>> import gradatim as gd
        >>> counts = gd.distributions.Multinomial(4, gd.tensor([1.0, 1.0]))
        >>> counts.log_prob(gd.tensor([2.0, 2.0])).exp()
        tensor(0.3750)
    """

    total_count: int

    def __init__(
        self, total_count: int = 1, probs: Tensor | None = None, logits: Tensor | None = None,
        validate_args: Any = None,
    ):  # fmt: skip
        if not isinstance(total_count, int):
            raise Unsupported("inhomogeneous total_count is not supported: give one int")
        self.total_count = total_count
        self._take(probs, logits, validate_args)

    def _copy(self, batch_shape: Any, instance: Any = None) -> Any:
        new = super()._copy(batch_shape, instance)
        new.total_count = self.total_count
        return new

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> constraints.Constraint:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        draws = self._categorical.sample((self.total_count, *sample_shape))
        last = draws.movedim(0, -1)
        counts = ops.zeros(tuple(shape), dtype=self.probs.dtype)
        return counts.scatter_add(-1, last, ops.ones_like(last).to(self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        shape = ops.broadcast_shapes(self.logits.shape, value.shape)
        logits, value = self.logits.expand(shape), value.expand(shape)
        possible = ops.where((value == 0) & (logits == -float("inf")), 0.0, logits)
        ways = ops.lgamma(value.sum(-1) + 1) - ops.lgamma(value + 1).sum(-1)
        return ways + (possible * value).sum(-1)

    def entropy(self) -> Tensor:
        n = ops.tensor(float(self.total_count), dtype=self.probs.dtype)
        one = self._categorical.entropy()
        counts = Binomial(self.total_count, probs=self.probs)
        support = counts.enumerate_support(expand=False)[1:]
        weights = counts.log_prob(support).exp()
        repeated = (weights * ops.lgamma(support + 1)).sum((0, -1))
        return n * one - ops.lgamma(n + 1) + repeated


__all__ = ["Categorical", "Multinomial", "OneHotCategorical", "OneHotCategoricalStraightThrough"]
