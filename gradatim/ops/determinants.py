"""Determinants, the matrix exponential, Vandermonde matrices."""

from __future__ import annotations

from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError
from gradatim.ops._aliases import numpy_names
from gradatim.ops._matrix_arguments import matrices
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, method, named

__all__ = ["det", "logdet", "matrix_exp", "slogdet", "vander"]


@numpy_names
def linalg_det(A: Tensor) -> Tensor:
    """The determinant of square matrices (*batch, n, n). It has a gradient for singular ones too.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.det(gd.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(-2.)
    """
    return named(p.det(matrices(A, "linalg.det", square=True)), "LinalgDet")


@method()
def det(input: Tensor) -> Tensor:
    """`linalg.det` under its older name."""
    result: Tensor = linalg_det(input)
    return result


@numpy_names
def linalg_slogdet(A: Tensor) -> Any:
    """`(sign, logabsdet)` of the determinant: for matrices whose determinant would over- or
    underflow. 0 and -inf for a singular one.
    """
    sign, size = p.slogdet(matrices(A, "linalg.slogdet", square=True))
    result = result_type("linalg_slogdet", "sign", "logabsdet")
    return result(named(sign, "LinalgSlogdet"), named(size, "LinalgSlogdet"))


@method()
@numpy_names
def slogdet(input: Tensor) -> Any:
    """`linalg.slogdet` under its older name."""
    return result_type("slogdet", "sign", "logabsdet")(*linalg_slogdet(input))


@method()
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant: -inf where it is 0, NaN where it is negative."""
    sign, size = p.slogdet(matrices(input, "logdet", square=True, argument="input"))
    negative = p.lt(sign, p.constant(0, sign.dtype))
    return named(p.select(negative, p.constant(float("nan"), size.dtype), size), "Where")


@method()
def matrix_exp(A: Tensor) -> Tensor:
    """The matrix exponential Σ Aᵏ / k! of square matrices (*batch, n, n).

    By scaling, a Padé approximant and squaring (Higham, The scaling and squaring method for the
    matrix exponential revisited, 2005).

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.matrix_exp(gd.tensor([[0.0, 1.0], [0.0, 0.0]]))
        tensor([[1., 1.],
                [0., 1.]])
    """
    return named(p.matrix_exp(matrices(A, "linalg.matrix_exp", square=True)), "LinalgMatrixExp")


def linalg_vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 1, x, x² ... of each element: (*batch, n) -> (*batch, n, N), N = n by default.

    Example:
        >>> import gradatim as gd
        >>> gd.linalg.vander(gd.tensor([2, 3]), N=3)
        tensor([[1, 2, 4],
                [1, 3, 9]])
    """
    node = x._read()
    if node.dtype is bool_:
        raise DTypeError(
            "linalg.vander supports floating point and integer tensors, but got bool: cast it with "
            ".int()"
        )
    if node.dtype.is_integer:
        node = p.cast(node, int64)
    if not node.ndim:
        node = p.reshape(node, (1,))
    count = node.shape[-1] if N is None else N
    if count <= 1:
        raise ArgumentError(f"linalg.vander: N must be greater than 1, got {count}")
    one = p.full((*node.shape, 1), 1, node.dtype)
    base = p.expand(p.reshape(node, (*node.shape, 1)), (*node.shape, count - 1))
    powers = p.cumprod(base, base.ndim - 1)
    return named(p.concatenate([one, powers], base.ndim - 1), "Cat")


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of each element of a vector, descending unless `increasing`: (n,) -> (n, N)."""
    if x.ndim != 1:
        raise ShapeError(f"x must be a one-dimensional tensor, got {x.ndim} dimensions")
    count = x.shape[0] if N is None else N
    if count < 0:
        raise ArgumentError(f"N must be non-negative, got {count}")
    result: Tensor = linalg_vander(x, N=max(count, 2))[:, :count]
    return result if increasing else result.flip(-1)
