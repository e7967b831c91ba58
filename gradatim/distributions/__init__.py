"""Probability distributions, under the names of `torch.distributions`.

Example:
    >>> import gradatim as gd
    >>> from gradatim.distributions import Normal, kl_divergence
    >>> loc = gd.tensor(0.0, requires_grad=True)
    >>> kl_divergence(Normal(loc, 1.0), Normal(2.0, 1.0)).backward()
    >>> loc.grad
    tensor(-2.)
"""

from gradatim.distributions import constraints, transforms
from gradatim.distributions.binary import (
    Bernoulli,
    Binomial,
    Geometric,
    NegativeBinomial,
    Poisson,
)
from gradatim.distributions.categorical import (
    Categorical,
    Multinomial,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
)
from gradatim.distributions.combined import (
    Independent,
    MixtureSameFamily,
    TransformedDistribution,
)
from gradatim.distributions.constraint_registry import biject_to, transform_to
from gradatim.distributions.continuous_bernoulli import ContinuousBernoulli
from gradatim.distributions.dirichlet import Beta, Dirichlet
from gradatim.distributions.distribution import Distribution, ExponentialFamily
from gradatim.distributions.gamma import Chi2, Exponential, FisherSnedecor, Gamma, StudentT
from gradatim.distributions.generalized_pareto import GeneralizedPareto
from gradatim.distributions.kl import kl_divergence, register_kl
from gradatim.distributions.location_scale import Cauchy, Laplace, Uniform
from gradatim.distributions.multivariate import LowRankMultivariateNormal, MultivariateNormal
from gradatim.distributions.normal import Normal
from gradatim.distributions.relaxed import (
    ExpRelaxedCategorical,
    LogitRelaxedBernoulli,
    RelaxedBernoulli,
    RelaxedOneHotCategorical,
)
from gradatim.distributions.transformed import (
    Gumbel,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    Kumaraswamy,
    LogisticNormal,
    LogNormal,
    Pareto,
    Weibull,
)
from gradatim.distributions.transforms import *  # noqa: F403
from gradatim.distributions.transforms import __all__ as _transforms

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "ContinuousBernoulli",
    "Dirichlet", "Distribution", "ExpRelaxedCategorical", "Exponential", "ExponentialFamily",
    "FisherSnedecor", "Gamma", "Geometric", "Gumbel", "HalfCauchy", "HalfNormal", "Independent",
    "InverseGamma", "Kumaraswamy", "Laplace", "LogNormal", "LogisticNormal",
    "LogitRelaxedBernoulli", "LowRankMultivariateNormal", "MixtureSameFamily", "Multinomial",
    "MultivariateNormal", "NegativeBinomial", "Normal", "OneHotCategorical",
    "OneHotCategoricalStraightThrough", "Pareto", "Poisson", "RelaxedBernoulli",
    "RelaxedOneHotCategorical", "StudentT", "TransformedDistribution", "Uniform", "Weibull",
    "GeneralizedPareto", "biject_to", "constraints", "kl_divergence", "register_kl", "transform_to",
    "transforms", *_transforms,
]  # fmt: skip
