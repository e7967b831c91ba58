"""Divergences of distributions of two kinds.

Where p has values that q never has, they are infinite: a table says for which pairs.
"""

from __future__ import annotations

import math
from typing import Any

from gradatim import ops
from gradatim.distributions._common import xlogy
from gradatim.distributions.binary import Bernoulli, Binomial, Poisson
from gradatim.distributions.continuous_bernoulli import ContinuousBernoulli
from gradatim.distributions.dirichlet import Beta
from gradatim.distributions.gamma import Exponential, Gamma
from gradatim.distributions.kl import infinite_like, register_kl
from gradatim.distributions.location_scale import Laplace, Uniform
from gradatim.distributions.normal import Normal
from gradatim.distributions.transformed import EULER, Gumbel, Pareto
from gradatim.tensor import Tensor

LOG_2PI = math.log(2 * math.pi)

# p, by what shape the answer has, and the q's that lack some of its values.
_INFINITE: tuple[tuple[type, str, tuple[type, ...]], ...] = (
    (Beta, "concentration1", (Pareto,)),
    (ContinuousBernoulli, "probs", (Pareto,)),
    (Exponential, "rate", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    (Gamma, "concentration", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    (Gumbel, "loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    (Laplace, "loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    (Normal, "loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    (Pareto, "scale", (Beta, ContinuousBernoulli, Uniform)),
    (Poisson, "rate", (Bernoulli, Binomial)),
)


def _register(p: type, parameter: str, q: type) -> None:
    @register_kl(p, q)
    def _(a: Any, b: Any) -> Tensor:
        return infinite_like(getattr(a, parameter))


for _p, _parameter, _others in _INFINITE:
    for _q in _others:
        _register(_p, _parameter, _q)


def _square(q: Any, mean: Tensor, variance: Tensor) -> Tensor:
    """E[(x - q.loc)²] / (2 q.scale²) + log of q's normalization, for a normal q."""
    away = (mean - q.loc) ** 2 + variance
    return 0.5 * LOG_2PI + q.scale.log() + away / (2 * q.scale**2)


# --- to a normal one: the entropy of p, and its first two moments --------------------------------


def _to_normal(p: Any, q: Normal) -> Tensor:
    return _square(q, p.mean, p.variance) - p.entropy()


for _p in (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Uniform):
    register_kl(_p, Normal)(_to_normal)


@register_kl(Pareto, Normal)
def _(p: Pareto, q: Normal) -> Tensor:
    found = _to_normal(p, q)
    return ops.where(p.alpha <= 2, math.inf, found)


# --- to an exponential or gamma one: the entropy, the mean, and the mean logarithm ---------------


def _to_exponential(p: Any, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


for _p in (Beta, ContinuousBernoulli, Gamma):
    register_kl(_p, Exponential)(_to_exponential)


@register_kl(Pareto, Exponential)
def _(p: Pareto, q: Exponential) -> Tensor:
    return ops.where(p.alpha <= 1, math.inf, _to_exponential(p, q))


@register_kl(Uniform, Exponential)
def _(p: Uniform, q: Exponential) -> Tensor:
    return ops.where(p.low < 0, math.inf, _to_exponential(p, q))


def _to_gamma(p: Any, q: Gamma, mean_log: Tensor) -> Tensor:
    a = q.concentration
    norm = ops.lgamma(a) - a * q.rate.log()
    return -p.entropy() + norm - (a - 1) * mean_log + q.rate * p.mean


@register_kl(Beta, Gamma)
def _(p: Beta, q: Gamma) -> Tensor:
    total = p.concentration1 + p.concentration0
    return _to_gamma(p, q, ops.digamma(p.concentration1) - ops.digamma(total))


@register_kl(Exponential, Gamma)
def _(p: Exponential, q: Gamma) -> Tensor:
    return _to_gamma(p, q, -EULER - p.rate.log())


@register_kl(Pareto, Gamma)
def _(p: Pareto, q: Gamma) -> Tensor:
    found = _to_gamma(p, q, p.scale.log() + p.alpha.reciprocal())
    return ops.where(p.alpha <= 1, math.inf, found)


def _mean_log(p: Uniform) -> Tensor:
    return (xlogy(p.high, p.high) - xlogy(p.low, p.low)) / (p.high - p.low) - 1


@register_kl(Uniform, Gamma)
def _(p: Uniform, q: Gamma) -> Tensor:
    return ops.where(p.low < 0, math.inf, _to_gamma(p, q, _mean_log(p)))


# --- to a Gumbel one: the entropy, the mean, and the mean of exp(-x / scale) ---------------------


def _to_gumbel(p: Any, q: Gumbel, mean_exp: Tensor) -> Tensor:
    return (
        -p.entropy()
        + q.scale.log()
        + (p.mean - q.loc) / q.scale
        + ((q.loc / q.scale).exp() * mean_exp)
    )


@register_kl(Exponential, Gumbel)
def _(p: Exponential, q: Gumbel) -> Tensor:
    return _to_gumbel(p, q, p.rate / (p.rate + q.scale.reciprocal()))


@register_kl(Gamma, Gumbel)
def _(p: Gamma, q: Gumbel) -> Tensor:
    return _to_gumbel(p, q, (1 + (p.rate * q.scale).reciprocal()) ** -p.concentration)


@register_kl(Normal, Gumbel)
def _(p: Normal, q: Gumbel) -> Tensor:
    return _to_gumbel(p, q, (-p.loc / q.scale + 0.5 * (p.scale / q.scale) ** 2).exp())


@register_kl(Uniform, Gumbel)
def _(p: Uniform, q: Gumbel) -> Tensor:
    width = (p.high - p.low) / q.scale
    return _to_gumbel(p, q, ((-p.low / q.scale).exp() - (-p.high / q.scale).exp()) / width)


# --- others --------------------------------------------------------------------------------------


@register_kl(Bernoulli, Poisson)
def _(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _(p: Beta, q: ContinuousBernoulli) -> Tensor:
    return -p.entropy() - p.mean * q.logits - ops.log1p(-q.probs) - q._log_norm()


@register_kl(Beta, Uniform)
def _(p: Beta, q: Uniform) -> Tensor:
    found = -p.entropy() + (q.high - q.low).log()
    return ops.where((q.low > 0) | (q.high < 1), math.inf, found)


@register_kl(ContinuousBernoulli, Uniform)
def _(p: ContinuousBernoulli, q: Uniform) -> Tensor:
    found = -p.entropy() + (q.high - q.low).log()
    return ops.where((q.low > 0) | (q.high < 1), math.inf, found)


@register_kl(Normal, Laplace)
def _(p: Normal, q: Laplace) -> Tensor:
    away = (p.loc - q.loc) / p.scale
    mean_away = math.sqrt(2 / math.pi) * ops.exp(-0.5 * away**2)
    mean_away = p.scale * (mean_away + away * ops.erf(math.sqrt(0.5) * away))
    return -p.entropy() + (2 * q.scale).log() + mean_away / q.scale


@register_kl(Uniform, Beta)
def _(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    width = p.high - p.low
    log_x = _mean_log(p)
    low, high = 1 - p.high, 1 - p.low
    log_rest = (xlogy(high, high) - xlogy(low, low)) / width - 1
    norm = ops.lgamma(a) + ops.lgamma(b) - ops.lgamma(a + b)
    found = -p.entropy() - (a - 1) * log_x - (b - 1) * log_rest + norm
    return ops.where((p.high > 1) | (p.low < 0), math.inf, found)


@register_kl(Uniform, ContinuousBernoulli)
def _(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    found = -p.entropy() - p.mean * q.logits - ops.log1p(-q.probs) - q._log_norm()
    return ops.where((p.high > 1) | (p.low < 0), math.inf, found)


@register_kl(Uniform, Pareto)
def _(p: Uniform, q: Pareto) -> Tensor:
    a = q.alpha
    found = -p.entropy() - a.log() - xlogy(a, q.scale) + (a + 1) * _mean_log(p)
    return ops.where(p.low < q.support.lower_bound, math.inf, found)
