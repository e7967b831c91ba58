"""Ready parametrizations: orthogonal matrices, weight and spectral normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim import linalg, ops
from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError, IndexOutOfRange
from gradatim.nn.module import Module
from gradatim.nn.utils.norms import (
    as_matrix,
    norm_except_dim,
    output_dim,
    random_unit,
    scaled_to,
    unit,
)
from gradatim.nn.utils.parametrize import NoInverse, register_parametrization
from gradatim.tensor import Tensor

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _tensor_of(module: Any, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


# --- orthogonal ----------------------------------------------------------------------------------


def _is_orthogonal(q: Tensor) -> bool:
    rows, columns = q.shape[-2:]
    identity = ops.eye(columns, dtype=q.dtype)
    near = 10.0 * rows * float(np.finfo(q.dtype.numpy).eps)
    return bool(ops.allclose(q.mT @ q, identity, atol=near))


def _made_orthogonal(matrix: Tensor) -> Tensor:
    """Q of QR, with the signs with which R's diagonal would be positive."""
    packed, tau = ops.geqrf(matrix)
    q = linalg.householder_product(packed, tau)
    return q * packed.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)


def _from_exponential(skew: Tensor) -> Tensor:
    return linalg.matrix_exp(skew)


def _from_cayley(skew: Tensor) -> Tensor:
    identity = ops.eye(skew.shape[-1], dtype=skew.dtype)
    return linalg.solve(identity - skew * 0.5, identity + skew * 0.5)


# Skew-symmetric to orthogonal; "householder" goes another way.
_MAPS = {"matrix_exp": _from_exponential, "cayley": _from_cayley, "householder": None}


class _Orthogonal(Module):
    """A matrix with orthonormal columns (rows, if they are fewer), from any matrix.

    With the exponential and the Cayley map, from the lower triangle of a matrix, taken as half of a
    skew-symmetric one (Lezcano-Casado and Martínez-Rubio, 2019). With Householder reflections, from
    vectors below the diagonal, and the signs on it. With `base`, the result is `base` times that:
    training starts at the identity (dynamic trivialization, Lezcano-Casado, 2019).
    """

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool):
        super().__init__()
        self.shape = tuple(weight.shape)
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        transposed = x.shape[-2] < x.shape[-1]
        if transposed:
            x = x.mT
        rows, columns = x.shape[-2:]
        to_orthogonal = _MAPS[self.orthogonal_map]
        if to_orthogonal is not None:
            x = x.tril()
            if rows != columns:
                rest = ops.zeros(*x.shape[:-1], rows - columns, dtype=x.dtype)
                x = ops.cat([x, rest], -1)
            q = to_orthogonal(x - x.mT)[..., :columns]
        else:
            vectors = x.tril(-1)
            tau = 2.0 / (1.0 + (vectors * vectors).sum(-2))
            q = linalg.householder_product(vectors, tau)
            signs = x.diagonal(dim1=-2, dim2=-1).int()
            q = q * signs.unsqueeze(-2)
        if self.use_trivialization:
            q = self.base @ q
        return q.mT if transposed else q

    def right_inverse(self, value: Tensor) -> Tensor:
        """What to store for an orthogonal matrix; one that is not is made orthogonal first."""
        if tuple(value.shape) != self.shape:
            raise ArgumentError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {tuple(value.shape)}."
            )
        with no_grad():
            transposed = value.shape[-2] < value.shape[-1]
            q = value.mT if transposed else value
            if self.use_trivialization:
                self.base = self._completed(q)
                stored = ops.zeros_like(value)
                stored.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
                return stored
            if _MAPS[self.orthogonal_map] is not None:
                raise NoInverse(
                    "It is not possible to assign to the matrix exponential or the Cayley "
                    "parametrizations when use_trivialization=False."
                )
            packed, tau = ops.geqrf(q)
            diagonal = packed.diagonal(dim1=-2, dim2=-1)
            signs = diagonal.sign() * ops.where(tau == 0, -1.0, 1.0).to(packed.dtype)
            diagonal.copy_(signs)
            return packed.mT if transposed else packed

    def _completed(self, q: Tensor) -> Tensor:
        """A square orthogonal matrix that begins with q's columns, the others at random."""
        rows, columns = q.shape[-2:]
        if rows == columns:
            return q.clone() if _is_orthogonal(q) else _made_orthogonal(q)
        rest = ops.randn(*q.shape[:-1], rows - columns, dtype=q.dtype)
        return _made_orthogonal(ops.cat([q, rest], -1))


def orthogonal(
    module: Any, name: str = "weight", orthogonal_map: str | None = None, *,
    use_trivialization: bool = True,
) -> Any:  # fmt: skip
    """Keep a matrix orthogonal: QᵀQ = 1, or QQᵀ = 1 if it is wider than high.

    Args:
        module: whose parameter it is.
        name: the parameter's, with 2 dimensions or more; those in front are a batch.
        orthogonal_map: "matrix_exp", "cayley" or "householder"; by default the first for square
            matrices, and the last for others.
        use_trivialization: store the orthogonal matrix that training starts at as a buffer `base`.

    Raises:
        ArgumentError: for another map, a name that is not there, or a vector.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.utils.parametrizations.orthogonal(gd.nn.Linear(4, 2))
        >>> q = layer.weight
        >>> bool(gd.allclose(q @ q.T, gd.eye(2), atol=1e-6))
        True
    """
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise ArgumentError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in _MAPS:
        raise ArgumentError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: '
            f"{orthogonal_map}"
        )
    parametrization = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, parametrization, unsafe=True)


# --- weight normalization ------------------------------------------------------------------------


class _WeightNorm(Module):
    """A weight from its length and its direction (Salimans and Kingma, 2016, equation 2)."""

    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return scaled_to(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Train a weight's length (`original0`) and direction (`original1`) apart.

    Args:
        module: whose parameter it is.
        name: the parameter's.
        dim: each index of it has a length of its own; None: one for all.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.utils.parametrizations.weight_norm(gd.nn.Linear(4, 3))
        >>> list(layer.state_dict())[1:]
        ['parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename_older(module: Any, state_dict: Any, prefix: str, *rest: Any) -> None:
        """A state_dict of `nn.utils.weight_norm` has the same numbers under other names."""
        older = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in older):
            for k, key in enumerate(older):
                state_dict[f"{prefix}parametrizations.{name}.original{k}"] = state_dict.pop(key)

    module.register_load_state_dict_pre_hook(rename_older)
    return module


# --- spectral normalization ----------------------------------------------------------------------


class _SpectralNorm(Module):
    """A weight over its largest singular value, which power iteration finds (Miyato et al.,
    2018)."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float):
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexOutOfRange(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got "
                f"{dim})"
            )
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            self.register_buffer("_u", random_unit(matrix, matrix.shape[0], eps))
            self.register_buffer("_v", random_unit(matrix, matrix.shape[1], eps))
            self._iterate(matrix, 15)

    def _iterate(self, matrix: Tensor, times: int) -> None:
        with no_grad():
            for _ in range(times):
                self._u.copy_(unit(ops.mv(matrix, self._v), self.eps))
                self._v.copy_(unit(ops.mv(matrix.t(), self._u), self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return unit(weight, self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # later calls write to the buffers
        return weight / ops.dot(u, ops.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """Divide a weight by its largest singular value.

    Args:
        module: whose parameter it is.
        name: the parameter's.
        n_power_iterations: how many at each reading in training; 15 at first.
        eps: the least length that vectors are divided by.
        dim: that of the outputs; by default 0, and 1 of transposed convolutions.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.utils.parametrizations.spectral_norm(gd.nn.Linear(4, 3))
        >>> list(layer.parametrizations.weight.state_dict())
        ['original', '0._u', '0._v']
    """
    weight = _tensor_of(module, name)
    if dim is None:
        dim = output_dim(module)
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, dim, eps)
    )
