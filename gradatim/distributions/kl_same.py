"""Divergences of two distributions of one kind."""

from __future__ import annotations

import math
from typing import Any

from gradatim import ops
from gradatim.distributions._common import positive_part, sum_rightmost
from gradatim.distributions.binary import (
    Bernoulli,
    Binomial,
    Geometric,
    Poisson,
)
from gradatim.distributions.categorical import Categorical, OneHotCategorical
from gradatim.distributions.combined import Independent, TransformedDistribution
from gradatim.distributions.continuous_bernoulli import ContinuousBernoulli
from gradatim.distributions.dirichlet import Beta, Dirichlet
from gradatim.distributions.gamma import Exponential, Gamma
from gradatim.distributions.kl import kl_divergence, register_kl
from gradatim.distributions.location_scale import Cauchy, Laplace, Uniform
from gradatim.distributions.multivariate import (
    LowRankMultivariateNormal,
    MultivariateNormal,
    capacitance_tril,
    half_log_det,
    low_rank_log_det,
    low_rank_mahalanobis,
    mahalanobis,
    solve_lower,
)
from gradatim.distributions.normal import Normal
from gradatim.distributions.transformed import EULER, Gumbel, HalfNormal, Pareto
from gradatim.graph.errors import ArgumentError, Unsupported
from gradatim.tensor import Tensor


@register_kl(Bernoulli, Bernoulli)
def _(p: Bernoulli, q: Bernoulli) -> Tensor:
    def term(a: Tensor, b: Tensor, own: Tensor, other: Tensor) -> Tensor:
        """a log(a / b) from log odds: -log a is log(1 + e^-logits). It is 0 for a = 0."""
        found = a * (_softplus(-other) - _softplus(-own))
        found = ops.where(b == 0, math.inf, found)
        return ops.where(a == 0, 0.0, found)

    return term(p.probs, q.probs, p.logits, q.logits) + term(
        1 - p.probs, 1 - q.probs, -p.logits, -q.logits
    )


def _softplus(x: Tensor) -> Tensor:
    return positive_part(x) + (-x.abs()).exp().log1p()


@register_kl(Binomial, Binomial)
def _(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise Unsupported(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return ops.where(p.total_count > q.total_count, math.inf, p.total_count * each)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    slope = p.mean * (p.logits - q.logits)
    rest = p._log_norm() + ops.log1p(-p.probs) - q._log_norm() - ops.log1p(-q.probs)
    return slope + rest


@register_kl(Geometric, Geometric)
def _(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - ops.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Categorical, Categorical)
def _(p: Categorical, q: Categorical) -> Tensor:
    found = p.probs * (p.logits - q.logits)
    found = ops.where((q.probs == 0).expand(found.shape), math.inf, found)
    found = ops.where((p.probs == 0).expand(found.shape), 0.0, found)
    return found.sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return kl_divergence(p._categorical, q._categorical)


@register_kl(Beta, Beta)
def _(p: Beta, q: Beta) -> Tensor:
    return kl_divergence(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total_a, total_b = a.sum(-1), b.sum(-1)
    norms = ops.lgamma(total_a) - ops.lgamma(total_b)
    parts = (ops.lgamma(b) - ops.lgamma(a)).sum(-1)
    slopes = ops.digamma(a) - ops.digamma(total_a).unsqueeze(-1)
    return norms + parts + ((a - b) * slopes).sum(-1)


@register_kl(Exponential, Exponential)
def _(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Gamma, Gamma)
def _(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log()
        + ops.lgamma(b)
        - ops.lgamma(a)
        + (a - b) * ops.digamma(a)
        + (q.rate - p.rate) * (a / p.rate)
    )


@register_kl(Gumbel, Gumbel)
def _(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    p_at, q_at = p.loc / q.scale, q.loc / q.scale
    tail = ops.exp(q_at + ops.lgamma(1 + ratio) - p_at)
    return p_at - ratio.log() - q_at + ratio * EULER + tail - (1 + EULER)


@register_kl(HalfNormal, HalfNormal)
def _(p: HalfNormal, q: HalfNormal) -> Tensor:
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    away = (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * ops.exp(-away / p.scale) - 1


@register_kl(Cauchy, Cauchy)
def _(p: Cauchy, q: Cauchy) -> Tensor:
    wide = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return wide.log() - (4 * p.scale * q.scale).log()


@register_kl(Normal, Normal)
def _(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    away = ((p.loc - q.loc) / q.scale) ** 2
    return 0.5 * (ratio + away - 1 - ratio.log())


@register_kl(Uniform, Uniform)
def _(p: Uniform, q: Uniform) -> Tensor:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return ops.where((q.low > p.low) | (q.high < p.high), math.inf, found)


@register_kl(Pareto, Pareto)
def _(p: Pareto, q: Pareto) -> Tensor:
    scales, alphas = p.scale / q.scale, q.alpha / p.alpha
    found = q.alpha * scales.log() - alphas.log() + alphas - 1
    outside = p.support.lower_bound < q.support.lower_bound
    return ops.where(outside, math.inf, found)


# --- vectors -------------------------------------------------------------------------------------


def _trace(lower: Tensor, other: Tensor) -> Tensor:
    """The trace of (L Lᵀ)⁻¹ M Mᵀ."""
    return (solve_lower(lower, other) ** 2).flatten(-2).sum(-1)


@register_kl(MultivariateNormal, MultivariateNormal)
def _(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    _same_event(p, q)
    a, b = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    half = half_log_det(b) - half_log_det(a)
    rest = _trace(b, a) + mahalanobis(b, q.loc - p.loc) - p.event_shape[0]
    return half + 0.5 * rest


def _same_event(p: Any, q: Any) -> None:
    if tuple(p.event_shape) != tuple(q.event_shape):
        raise ArgumentError(
            f"KL-divergence between normal vectors with different event shapes cannot be "
            f"computed: {tuple(p.event_shape)} and {tuple(q.event_shape)}"
        )


def _low_rank_divergence(log_det_p: Tensor, pieces: list[Tensor], p: Any, q: Any) -> Tensor:
    """With q of low rank, and p's covariance the sum of M Mᵀ for the pieces M."""
    w, d = q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag
    capacitance = capacitance_tril(w, d)
    log_det = low_rank_log_det(d, capacitance) - log_det_p
    square = low_rank_mahalanobis(w, d, q.loc - p.loc, capacitance)
    trace: Any = 0.0
    for piece in pieces:
        spread = piece / d.sqrt().unsqueeze(-1)
        part = solve_lower(capacitance, (w.mT / d.unsqueeze(-2)) @ piece)
        trace = trace + (spread**2).flatten(-2).sum(-1) - (part**2).flatten(-2).sum(-1)
    return 0.5 * (log_det + square + trace - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _same_event(p, q)
    w, d = p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag
    log_det = low_rank_log_det(d, p._capacitance_tril)
    return _low_rank_divergence(log_det, [w, ops.diag_embed(d.sqrt())], p, q)


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _(p: MultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _same_event(p, q)
    lower = p._unbroadcasted_scale_tril
    return _low_rank_divergence(2 * half_log_det(lower), [lower], p, q)


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _(p: LowRankMultivariateNormal, q: MultivariateNormal) -> Tensor:
    _same_event(p, q)
    lower = q._unbroadcasted_scale_tril
    w, d = p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag
    log_det = 2 * half_log_det(lower) - low_rank_log_det(d, p._capacitance_tril)
    trace = _trace(lower, w) + _trace(lower, ops.diag_embed(d.sqrt()))
    rest = mahalanobis(lower, q.loc - p.loc) - p.event_shape[0]
    return 0.5 * (log_det + trace + rest)


# --- made of others ------------------------------------------------------------------------------


@register_kl(Independent, Independent)
def _(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise Unsupported(
            "KL of two Independent with different numbers of batch dimensions made part of the "
            "event is not implemented"
        )
    found = kl_divergence(p.base_dist, q.base_dist)
    return sum_rightmost(found, p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or tuple(p.event_shape) != tuple(q.event_shape):
        raise Unsupported(
            "KL of two TransformedDistributions is known only if their transforms and event shapes "
            "are the same"
        )
    return kl_divergence(p.base_dist, q.base_dist)
