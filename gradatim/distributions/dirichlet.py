"""Beta and Dirichlet: probabilities drawn at random."""

from __future__ import annotations

from typing import Any, ClassVar

from gradatim import ops
from gradatim.distributions import constraints
from gradatim.distributions._common import broadcast_all, finfo, xlogy
from gradatim.distributions.distribution import ExponentialFamily
from gradatim.distributions.gamma_draws import standard_gamma
from gradatim.graph.errors import ArgumentError
from gradatim.ops.arguments import is_number
from gradatim.tensor import Tensor


class Dirichlet(ExponentialFamily):
    """Points of the simplex, of density proportional to Π x_k^(concentration_k - 1).

    A sample is independent gamma numbers over their sum, and its gradient flows through these.

    Args:
        concentration: positive, with one dimension or more; the last one is the event.

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Dirichlet(gd.tensor([1.0, 3.0])).mean
        tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar[Any] = {
        "concentration": constraints.independent(constraints.positive, 1)
    }
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: Any = None):
        if concentration.ndim < 1:
            raise ArgumentError(
                "`concentration` parameter must be at least one-dimensional: a number for each "
                "category"
            )
        self.concentration = concentration
        batch, event = concentration.shape[:-1], concentration.shape[-1:]
        super().__init__(batch, event, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        shape = (*new._batch_shape, *self._event_shape)
        new.concentration = self.concentration.expand(shape)
        return new

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        less = (self.concentration - 1).clamp(min=0.0)
        mode = less / less.sum(-1, keepdim=True)
        corner = ops.one_hot(mode.argmax(-1), mode.shape[-1]).to(mode.dtype)
        # Where every concentration is below 1 the density has its peaks at corners.
        return ops.where((self.concentration < 1).all(-1, keepdim=True), corner, mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        gammas = standard_gamma(self.concentration.expand(shape))
        gammas = gammas.clamp(min=float(finfo(gammas.dtype).tiny))
        return gammas / gammas.sum(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return (
            xlogy(self.concentration - 1.0, value).sum(-1)
            + ops.lgamma(self.concentration.sum(-1))
            - ops.lgamma(self.concentration).sum(-1)
        )

    def entropy(self) -> Tensor:
        k, total = self.concentration.shape[-1], self.concentration.sum(-1)
        return (
            ops.lgamma(self.concentration).sum(-1)
            - ops.lgamma(total)
            - (k - total) * ops.digamma(total)
            - ((self.concentration - 1.0) * ops.digamma(self.concentration)).sum(-1)
        )


class Beta(ExponentialFamily):
    """Numbers between 0 and 1, of density proportional to x^(concentration1 - 1) (1 -
    x)^(concentration0 - 1).

    Example:
        >>> import gradatim as gd
        >>> gd.distributions.Beta(2.0, 2.0).log_prob(gd.tensor(0.5)).exp()
        tensor(1.5000)
    """

    arg_constraints: ClassVar[Any] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: Any = None):
        if is_number(concentration1) and is_number(concentration0):
            pair = ops.tensor([float(concentration1), float(concentration0)])
        else:
            pair = ops.stack(list(broadcast_all(concentration1, concentration0)), -1)
        self._dirichlet = Dirichlet(pair, validate_args=validate_args)
        super().__init__(self._dirichlet._batch_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        new._dirichlet = self._dirichlet.expand(batch_shape)
        return new

    @property
    def concentration1(self) -> Tensor:
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._dirichlet.log_prob(ops.stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()


__all__ = ["Beta", "Dirichlet"]
