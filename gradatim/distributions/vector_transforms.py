"""Transforms of vectors and matrices: onto simplices, triangles and positive definite matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradatim import ops
from gradatim.distributions import constraints
from gradatim.distributions._common import finfo
from gradatim.distributions.transforms import Transform, clipped_sigmoid
from gradatim.graph.errors import ArgumentError
from gradatim.size import Size
from gradatim.tensor import Tensor


class SoftmaxTransform(Transform):
    """From log weights to probabilities: exp, and division by the sum. Not invertible: it goes back
    to the logarithms."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftmaxTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return ops.softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()


class StickBreakingTransform(Transform):
    """From K - 1 numbers to K probabilities: each takes its sigmoid's share of what is left of a
    stick of length 1. At 0 all shares are equal."""

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StickBreakingTransform)

    __hash__ = object.__hash__

    def _left(self, like: Tensor) -> Tensor:
        """How many pieces are to be broken off, the present one included."""
        n = like.shape[-1]
        return ops.arange(n, 0, -1, dtype=like.dtype)

    def _call(self, x: Tensor) -> Tensor:
        share = clipped_sigmoid(x - self._left(x).log())
        rest = (1 - share).cumprod(-1)
        one = ops.ones_like(x[..., :1])
        return ops.cat([share, one], -1) * ops.cat([one, rest], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        pieces = y[..., :-1]
        rest = 1 - pieces.cumsum(-1)
        rest = rest.clamp(min=float(finfo(y.dtype).tiny))
        return pieces.log() - rest.log() + self._left(pieces).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - self._left(x).log()
        return (-x - ops.softplus(-x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ArgumentError("Too few dimensions on input")
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ArgumentError("Too few dimensions on input")
        return Size((*shape[:-1], shape[-1] - 1))


class LowerCholeskyTransform(Transform):
    """From any square matrix to a lower triangular one with a positive diagonal, by exp of it."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LowerCholeskyTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        diagonal = ops.diagonal(x, dim1=-2, dim2=-1)
        return x.tril(-1) + ops.diag_embed(diagonal.exp())

    def _inverse(self, y: Tensor) -> Tensor:
        diagonal = ops.diagonal(y, dim1=-2, dim2=-1)
        return y.tril(-1) + ops.diag_embed(diagonal.log())


class PositiveDefiniteTransform(Transform):
    """From any square matrix to a positive definite one: L Lᵀ of the triangle L that
    LowerCholeskyTransform gives."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PositiveDefiniteTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.mT

    def _inverse(self, y: Tensor) -> Tensor:
        from gradatim import linalg

        return LowerCholeskyTransform().inv(linalg.cholesky(y))


class CorrCholeskyTransform(Transform):
    """From D(D - 1)/2 numbers to the Cholesky factor of a D×D correlation matrix (Lewandowski,
    Kurowicka and Joe, 2009): each row is broken off a stick whose squared length is 1."""

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        eps = float(finfo(x.dtype).eps)
        share = _lower(ops.tanh(x).clamp(-1 + eps, 1 - eps), -1)
        rest = (1 - share**2).sqrt().cumprod(-1)
        share = share + ops.eye(share.shape[-1], dtype=share.dtype)
        one = ops.ones_like(rest[..., :1])
        return share * ops.cat([one, rest[..., :-1]], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        rest = 1 - (y * y).cumsum(-1)
        one = ops.ones_like(rest[..., :1])
        before = ops.cat([one, rest[..., :-1]], -1)
        share = _vector(y, -1) / _vector(before, -1).sqrt()
        return ((share).log1p() - (-share).log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        rest = 1 - (y * y).cumsum(-1)
        tail = 0.5 * _vector(rest, -2).log().sum(-1)
        slope = -2.0 * (x + ops.softplus(-2.0 * x) - math.log(2.0)).sum(-1)
        return tail + slope

    def forward_shape(self, shape: Any) -> Any:
        n = shape[-1]
        size = round((0.25 + 2 * n) ** 0.5 + 0.5)
        if size * (size - 1) // 2 != n:
            raise ArgumentError("Input is not a flattened lower-diagonal number")
        return Size((*shape[:-1], size, size))

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2 or shape[-2] != shape[-1]:
            raise ArgumentError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


def _lower(vector: Tensor, diagonal: int) -> Tensor:
    """A lower triangular matrix, filled row by row."""
    n = vector.shape[-1]
    size = round((0.25 + 2 * n) ** 0.5 - 0.5 - diagonal)
    rows, columns = ops.tril_indices(size, size, diagonal)
    flat = ops.zeros(*vector.shape[:-1], size * size, dtype=vector.dtype)
    places = (rows * size + columns).expand(vector.shape)
    return flat.scatter(-1, places, vector).reshape(*vector.shape[:-1], size, size)


def _vector(matrix: Tensor, diagonal: int) -> Tensor:
    """The inverse of `_lower`."""
    size = matrix.shape[-1]
    rows, columns = ops.tril_indices(size, size, diagonal)
    flat = matrix.reshape(*matrix.shape[:-2], size * size)
    return flat.index_select(-1, rows * size + columns)


class CatTransform(Transform):
    """Transforms for pieces of a dimension, of the given lengths."""

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Any = None, cache_size: int = 0
    ):  # fmt: skip
        super().__init__(cache_size)
        self.transforms = [t.with_cache(cache_size) if cache_size else t for t in tseq]
        self.lengths = list(lengths) if lengths is not None else [1] * len(self.transforms)
        self.dim = dim

    def with_cache(self, cache_size: int = 1) -> Transform:
        if cache_size == self._cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    @property
    def length(self) -> int:
        return int(sum(self.lengths))

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)

    @property
    def domain(self) -> constraints.Constraint:  # type: ignore[override]
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> constraints.Constraint:  # type: ignore[override]
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    def _pieces(self, x: Tensor) -> list[Tensor]:
        return list(x.split(self.lengths, self.dim))

    def _call(self, x: Tensor) -> Tensor:
        return ops.cat([t(v) for t, v in zip(self.transforms, self._pieces(x))], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return ops.cat([t.inv(v) for t, v in zip(self.transforms, self._pieces(y))], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        found = []
        dims = self.event_dim
        for t, a, b in zip(self.transforms, self._pieces(x), self._pieces(y)):
            own = t.log_abs_det_jacobian(a, b)
            if t.event_dim < dims:
                own = own.reshape(*own.shape[: own.ndim - (dims - t.event_dim)], -1).sum(-1)
            found.append(own)
        dim = self.dim - x.ndim if self.dim >= 0 else self.dim
        dim += dims
        if dim < 0:
            return ops.cat(found, dim)
        total = found[0]
        for own in found[1:]:
            total = total + own
        return total


class StackTransform(Transform):
    """A transform for each place along a dimension."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0):
        super().__init__(cache_size)
        self.transforms = [t.with_cache(cache_size) if cache_size else t for t in tseq]
        self.dim = dim

    def with_cache(self, cache_size: int = 1) -> Transform:
        if cache_size == self._cache_size:
            return self
        return StackTransform(self.transforms, self.dim, cache_size)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)

    @property
    def domain(self) -> constraints.Constraint:  # type: ignore[override]
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self) -> constraints.Constraint:  # type: ignore[override]
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    def _slices(self, x: Tensor) -> list[Tensor]:
        return [x.select(self.dim, k) for k in range(len(self.transforms))]

    def _call(self, x: Tensor) -> Tensor:
        return ops.stack([t(v) for t, v in zip(self.transforms, self._slices(x))], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return ops.stack([t.inv(v) for t, v in zip(self.transforms, self._slices(y))], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        pairs = zip(self.transforms, self._slices(x), self._slices(y))
        return ops.stack([t.log_abs_det_jacobian(a, b) for t, a, b in pairs], self.dim)
