"""MultivariateNormal, whole or of low rank."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from gradatim import linalg, ops
from gradatim.distributions import constraints
from gradatim.distributions._common import lazy_property, standard_normal
from gradatim.distributions.distribution import Distribution
from gradatim.graph.errors import ArgumentError
from gradatim.size import Size
from gradatim.tensor import Tensor


def times_vector(matrix: Tensor, vector: Tensor) -> Tensor:
    """(..., n, m), (..., m) -> (..., n)."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def half_log_det(lower: Tensor) -> Tensor:
    """Half the log determinant of L Lᵀ."""
    return ops.diagonal(lower, dim1=-2, dim2=-1).log().sum(-1)


def solve_lower(lower: Tensor, right: Tensor) -> Tensor:
    """L⁻¹ B, with batch dimensions that broadcast."""
    batch = ops.broadcast_shapes(lower.shape[:-2], right.shape[:-2])
    lower = lower.expand(*batch, *lower.shape[-2:])
    right = right.expand(*batch, *right.shape[-2:])
    return linalg.solve_triangular(lower, right, upper=False)


def mahalanobis(lower: Tensor, away: Tensor) -> Tensor:
    """xᵀ (L Lᵀ)⁻¹ x, for vectors x along the last dimension; batch dimensions broadcast."""
    return (solve_lower(lower, away.unsqueeze(-1)).squeeze(-1) ** 2).sum(-1)


def precision_to_scale_tril(precision: Tensor) -> Tensor:
    """The lower triangle L with (L Lᵀ)⁻¹ = precision: the inverse of the Cholesky factor of the
    matrix turned around, turned back."""
    factor = linalg.cholesky(ops.flip(precision, (-2, -1)))
    upper = ops.flip(factor, (-2, -1)).mT
    one = ops.eye(precision.shape[-1], dtype=precision.dtype).expand(precision.shape)
    return linalg.solve_triangular(upper, one, upper=False)


class MultivariateNormal(Distribution):
    """Normal vectors.

    Args:
        loc: the mean, (..., n).
        covariance_matrix, precision_matrix, scale_tril: one of them, (..., n, n): the covariance,
            its inverse, or its Cholesky factor, with which it computes.

    Raises:
        ArgumentError: unless exactly one of the three is given.

    Example:
        >>> import gradatim as gd
        >>> normal = gd.distributions.MultivariateNormal(gd.zeros(2), 4 * gd.eye(2))
        >>> normal.variance, normal.entropy()
        (tensor([4., 4.]), tensor(4.2242))
    """

    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None, scale_tril: Tensor | None = None,
        validate_args: Any = None,
    ):  # fmt: skip
        if loc.ndim < 1:
            raise ArgumentError("loc must be at least one-dimensional.")
        given = {
            name: matrix
            for name, matrix in (
                ("covariance_matrix", covariance_matrix),
                ("scale_tril", scale_tril),
                ("precision_matrix", precision_matrix),
            )
            if matrix is not None
        }
        if len(given) != 1:
            raise ArgumentError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        ((name, matrix),) = given.items()
        if matrix.ndim < 2:
            raise ArgumentError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = ops.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.__dict__[name] = matrix.expand(*batch, *matrix.shape[-2:])
        self.loc = loc.expand(*batch, loc.shape[-1])
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        if scale_tril is not None:
            self._unbroadcasted_scale_tril = scale_tril
        elif covariance_matrix is not None:
            self._unbroadcasted_scale_tril = linalg.cholesky(covariance_matrix)
        else:
            assert precision_matrix is not None
            self._unbroadcasted_scale_tril = precision_to_scale_tril(precision_matrix)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        new.loc = self.loc.expand(*new._batch_shape, *self._event_shape)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        for name in ("covariance_matrix", "scale_tril", "precision_matrix"):
            if name in self.__dict__:
                shape = (*new._batch_shape, *self._event_shape, *self._event_shape)
                new.__dict__[name] = self.__dict__[name].expand(shape)
        return new

    def _whole(self, matrix: Tensor) -> Tensor:
        return matrix.expand(*self._batch_shape, *self._event_shape, *self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        return self._whole(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        lower = self._unbroadcasted_scale_tril
        return self._whole(lower @ lower.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        lower = self._unbroadcasted_scale_tril
        one = ops.eye(lower.shape[-1], dtype=lower.dtype)
        inverse = solve_lower(lower, one)
        return self._whole(inverse.mT @ inverse)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        spread = (self._unbroadcasted_scale_tril**2).sum(-1)
        return spread.expand(*self._batch_shape, *self._event_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + times_vector(self._unbroadcasted_scale_tril, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        lower = self._unbroadcasted_scale_tril
        n = self._event_shape[0]
        square = mahalanobis(lower, value - self.loc)
        return -0.5 * (n * math.log(2 * math.pi) + square) - half_log_det(lower)

    def entropy(self) -> Tensor:
        n = self._event_shape[0]
        half = half_log_det(self._unbroadcasted_scale_tril)
        return (0.5 * n * (1.0 + math.log(2 * math.pi)) + half).expand(self._batch_shape)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors of covariance W Wᵀ + D, with few columns in W and a diagonal D. It computes
    with the small matrix 1 + Wᵀ D⁻¹ W alone (the Woodbury identity).

    Args:
        loc: the mean, (..., n).
        cov_factor: W, (..., n, m).
        cov_diag: the diagonal of D, (..., n), positive.

    Example:
        >>> import gradatim as gd
        >>> normal = gd.distributions.LowRankMultivariateNormal(
        ...     gd.zeros(2), gd.tensor([[1.0], [0.0]]), gd.ones(2))
        >>> normal.variance
        tensor([2., 1.])
    """

    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: Any = None
    ):  # fmt: skip
        if loc.ndim < 1:
            raise ArgumentError("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.ndim < 2:
            raise ArgumentError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if tuple(cov_factor.shape[-2:-1]) != tuple(event):
            raise ArgumentError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if tuple(cov_diag.shape[-1:]) != tuple(event):
            raise ArgumentError(f"cov_diag must be a batch of vectors with shape {tuple(event)}")
        try:
            batch = ops.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        except RuntimeError as error:
            raise ArgumentError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from error
        self.loc = loc.expand(*batch, *event)
        self.cov_factor = cov_factor.expand(*batch, *cov_factor.shape[-2:])
        self.cov_diag = cov_diag.expand(*batch, *event)
        super().__init__(batch, event, validate_args=validate_args)
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        self._capacitance_tril = capacitance_tril(cov_factor, cov_diag)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        shape = (*new._batch_shape, *self._event_shape)
        new.loc, new.cov_diag = self.loc.expand(shape), self.cov_diag.expand(shape)
        new.cov_factor = self.cov_factor.expand(*shape, self.cov_factor.shape[-1])
        for name in ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril"):
            setattr(new, name, getattr(self, name))
        return new

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        found = (self._unbroadcasted_cov_factor**2).sum(-1) + self._unbroadcasted_cov_diag
        return found.expand(*self._batch_shape, *self._event_shape)

    @lazy_property
    def scale_tril(self) -> Tensor:
        return linalg.cholesky(self.covariance_matrix)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        w = self._unbroadcasted_cov_factor
        found = w @ w.mT + ops.diag_embed(self._unbroadcasted_cov_diag)
        return found.expand(*self._batch_shape, *self._event_shape, *self._event_shape)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        w, d = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        part = solve_lower(self._capacitance_tril, w.mT / d.unsqueeze(-2))
        found = ops.diag_embed(d.reciprocal()) - part.mT @ part
        return found.expand(*self._batch_shape, *self._event_shape, *self._event_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        narrow = Size((*shape[:-1], self.cov_factor.shape[-1]))
        common = standard_normal(narrow, self.loc)
        own = standard_normal(shape, self.loc)
        return (
            self.loc
            + times_vector(self._unbroadcasted_cov_factor, common)
            + self._unbroadcasted_cov_diag.sqrt() * own
        )

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        w, d = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        square = low_rank_mahalanobis(w, d, value - self.loc, self._capacitance_tril)
        log_det = low_rank_log_det(d, self._capacitance_tril)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + log_det + square)

    def entropy(self) -> Tensor:
        log_det = low_rank_log_det(self._unbroadcasted_cov_diag, self._capacitance_tril)
        n = self._event_shape[0]
        found = 0.5 * (n * (1.0 + math.log(2 * math.pi)) + log_det)
        return found.expand(self._batch_shape)


def capacitance_tril(w: Tensor, d: Tensor) -> Tensor:
    """The Cholesky factor of 1 + Wᵀ D⁻¹ W."""
    small = (w.mT / d.unsqueeze(-2)) @ w
    return linalg.cholesky(small + ops.eye(small.shape[-1], dtype=small.dtype))


def low_rank_log_det(d: Tensor, capacitance: Tensor) -> Tensor:
    """log det(W Wᵀ + D), by the matrix determinant lemma."""
    return 2 * half_log_det(capacitance) + d.log().sum(-1)


def low_rank_mahalanobis(w: Tensor, d: Tensor, away: Tensor, capacitance: Tensor) -> Tensor:
    """xᵀ (W Wᵀ + D)⁻¹ x, by the Woodbury identity."""
    part = times_vector(w.mT / d.unsqueeze(-2), away)
    return (away**2 / d).sum(-1) - mahalanobis(capacitance, part)


__all__ = ["LowRankMultivariateNormal", "MultivariateNormal"]
