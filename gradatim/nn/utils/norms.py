"""The norms that weight and spectral normalization divide by."""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.nn import functional as F
from gradatim.nn.convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from gradatim.tensor import Tensor


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """The 2-norm over all dimensions but `dim`, which are kept with size 1; -1: over all, a 0-d
    tensor."""
    if dim == -1:
        return v.norm()
    others = [k for k in range(v.ndim) if k != dim % v.ndim]
    return ops.linalg_vector_norm(v, 2, others, keepdim=True) if others else v.abs()


def scaled_to(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """v with norms g: weight normalization (Salimans and Kingma, 2016, equation 2)."""
    return v * (g / norm_except_dim(v, dim))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """A weight with `dim` as rows and the rest as columns."""
    if dim != 0:
        weight = weight.permute(dim, *(k for k in range(weight.ndim) if k != dim))
    return weight.reshape(weight.shape[0], -1)


def output_dim(module: Any) -> int:
    """Which dimension of a layer's weight is that of its outputs."""
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0


def unit(x: Tensor, eps: float) -> Tensor:
    """A vector of length 1 in the direction of x."""
    return F.normalize(x, dim=0, eps=eps)


def random_unit(like: Tensor, size: int, eps: float) -> Tensor:
    """A random direction."""
    with no_grad():
        return unit(ops.empty(size, dtype=like.dtype, device=like.device).normal_(0, 1), eps)
