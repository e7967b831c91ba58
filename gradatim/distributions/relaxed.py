"""Relaxed categories: numbers near 0 and 1 that have gradients (Maddison, Mnih and Teh, The
concrete distribution, 2017; Jang, Gu and Poole, Categorical reparameterization with Gumbel-softmax,
2017).

The lower the temperature, the nearer they come to 0 and 1.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from gradatim import ops
from gradatim.distributions import constraints
from gradatim.distributions._common import broadcast_all, clamp_probs, uniform
from gradatim.distributions.binary import _Successes
from gradatim.distributions.categorical import _OfCategories
from gradatim.distributions.combined import TransformedDistribution
from gradatim.distributions.transforms import ExpTransform, SigmoidTransform
from gradatim.tensor import Tensor


class LogitRelaxedBernoulli(_Successes):
    """The log odds of a RelaxedBernoulli number: logistic noise, moved by the logits and divided by
    the temperature."""

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.real
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ):  # fmt: skip
        self.temperature = temperature
        self._take(probs, logits, validate_args)

    def _copy(self, batch_shape: Any, instance: Any = None) -> Any:
        new = super()._copy(batch_shape, instance)
        new.temperature = self.temperature
        return new

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(uniform(shape, probs))
        logistic = u.log() - (-u).log1p() + probs.log() - (-probs).log1p()
        return logistic / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        away = logits - value * self.temperature
        scale = ops.as_tensor(self.temperature, dtype=away.dtype).log()
        return scale + away - 2 * away.exp().log1p()


class _Relaxed(TransformedDistribution):
    """A base distribution with a temperature, made into probabilities."""

    @property
    def temperature(self) -> Any:
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        return self.base_dist.logits  # type: ignore[no-any-return]

    @property
    def probs(self) -> Tensor:
        return self.base_dist.probs  # type: ignore[no-any-return]


class RelaxedBernoulli(_Relaxed):
    """Numbers between 0 and 1 that stand for a Bernoulli number.

    Args:
        temperature: positive, a number or 0-d tensor.
        probs, logits: as for Bernoulli.

    Example:
        >>> import gradatim as gd
        >>> soft = gd.distributions.RelaxedBernoulli(gd.tensor(0.5), probs=gd.tensor([0.9, 0.1]))
        >>> soft.rsample().shape
        torch.Size([2])
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.unit_interval
    has_rsample = True  # type: ignore[assignment]

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ):  # fmt: skip
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)


class ExpRelaxedCategorical(_OfCategories):
    """The logarithms of RelaxedOneHotCategorical numbers."""

    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ):  # fmt: skip
        self.temperature = temperature
        self._take(probs, logits, validate_args)

    def _copy(self, batch_shape: Any, instance: Any = None) -> Any:
        new = super()._copy(batch_shape, instance)
        new.temperature = self.temperature
        return new

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = clamp_probs(uniform(shape, self.logits))
        gumbels = -(-u.log()).log()
        scores = (self.logits + gumbels) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        k = self._event_shape[0]
        logits, value = broadcast_all(self.logits, value)
        temperature = ops.as_tensor(self.temperature, dtype=logits.dtype)
        score = logits - value * temperature
        score = (score - score.logsumexp(-1, keepdim=True)).sum(-1)
        return score + math.lgamma(k) + temperature.log() * (k - 1)


class RelaxedOneHotCategorical(_Relaxed):
    """Points of the simplex that stand for a category. Arguments as for RelaxedBernoulli.

    Example:
        >>> import gradatim as gd
        >>> d = gd.distributions
        >>> soft = d.RelaxedOneHotCategorical(gd.tensor(0.5), probs=gd.tensor([0.2, 0.3, 0.5]))
        >>> soft.rsample((4,)).shape
        torch.Size([4, 3])
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    support = constraints.simplex
    has_rsample = True  # type: ignore[assignment]

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ):  # fmt: skip
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)


__all__ = [
    "ExpRelaxedCategorical", "LogitRelaxedBernoulli", "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
]  # fmt: skip
