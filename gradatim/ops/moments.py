"""Variance, standard deviation, covariance: how far from the mean.

Each is computed in two passes, the mean first: the sum of squares minus the square of the sum would
lose every digit where the mean is large.
"""

from __future__ import annotations

import warnings
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._aliases import numpy_names
from gradatim.ops.arguments import as_tensor_operand, number_node, wrap_dims
from gradatim.ops.reduce import count_along, keep, widened
from gradatim.tensor import Tensor, method, named

__all__ = ["corrcoef", "cov", "std", "std_mean", "var", "var_mean"]


def safe_sqrt(x: Node) -> Node:
    """√x, with the gradient 0 instead of infinity at 0."""
    if not x.history:
        return p.sqrt(x)
    zero = number_node(0, x.dtype)
    at_zero = p.eq(x, zero)
    return p.select(at_zero, zero, p.sqrt(p.select(at_zero, number_node(1, x.dtype), x)))


def _arguments(
    name: str, input: Any, dim: Any, unbiased: Any, correction: Any
) -> tuple[Node, Shape, float]:
    """The input, its reduced axes, and what is taken off the count.

    `dim` may be a bool: then it is `unbiased`, as in `x.var(False)`.
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    elif unbiased is not None:
        raise ArgumentTypeError(f"{name}() takes unbiased or correction, not both")
    x = as_tensor_operand(input, name)._read()
    if not x.dtype.is_floating_point:
        raise DTypeError(
            f"std and var only support floating point and complex dtypes, got {x.dtype.name}: "
            f"cast it with .float()"
        )
    return x, wrap_dims(dim, x.ndim), correction


def _moments(
    name: str, input: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any, root: bool
) -> tuple[Node, Node]:
    """The variance, or its root, and the mean."""
    x, axes, correction = _arguments(name, input, dim, unbiased, correction)
    wide = widened(x)
    count = count_along(x.shape, axes)
    if count <= correction:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            f"reduction factor (input numel divided by output numel).",
            stacklevel=4,
        )
    total = keep(p.sum_(wide, axes), x.shape, axes, True)
    mean = p.div(total, number_node(count, wide.dtype))
    away = p.sub(wide, mean)
    squares = keep(p.sum_(p.mul(away, away), axes), x.shape, axes, keepdim)
    freedom = count - correction
    spread = p.div(squares, number_node(freedom if freedom > 0 else 0, wide.dtype))
    if root:
        spread = safe_sqrt(spread)
    return p.cast(spread, x.dtype), p.cast(p.reshape(mean, spread.shape), x.dtype)


@method()
@numpy_names
def var(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False,
    *, correction: Any = None,
) -> Tensor:  # fmt: skip
    """The variance over `dim`.

    Args:
        unbiased: divide by the count less one (the default), or by the count.
        correction: what to take off the count instead.

    Raises:
        DTypeError: for integers and bools.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([1.0, 2.0, 3.0, 4.0])
        >>> x.var(), x.var(correction=0)
        (tensor(1.6667), tensor(1.2500))
    """
    spread, _ = _moments("var", input, dim, unbiased, keepdim, correction, root=False)
    return named(spread, "Var")


@method()
@numpy_names
def std(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False,
    *, correction: Any = None,
) -> Tensor:  # fmt: skip
    """The standard deviation over `dim`: the root of `var`. Its gradient where it is 0 is 0."""
    spread, _ = _moments("std", input, dim, unbiased, keepdim, correction, root=True)
    return named(spread, "Std")


@numpy_names
def var_mean(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False,
    *, correction: Any = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`(var, mean)` over `dim`."""
    both = _moments("var_mean", input, dim, unbiased, keepdim, correction, root=False)
    return named(both[0], "VarMean"), named(both[1], "VarMean")


@numpy_names
def std_mean(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False,
    *, correction: Any = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`(std, mean)` over `dim`."""
    both = _moments("std_mean", input, dim, unbiased, keepdim, correction, root=True)
    return named(both[0], "StdMean"), named(both[1], "StdMean")


@method()
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The covariances of the rows of a matrix (variables, observations).

    Args:
        fweights: (observations,), how often each was seen.
        aweights: (observations,), how much each counts.
    """
    if input.ndim > 2:
        raise ShapeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    rows = input.reshape(1, -1) if input.ndim < 2 else input
    weights = _weights(rows, fweights, aweights)
    if weights is None:
        total: Any = rows.shape[1]
        mean = rows.sum(1, keepdim=True) / total
        norm: Any = total - correction
    else:
        total = weights.sum()
        mean = (rows * weights).sum(1, keepdim=True) / total
        norm = total - correction
        if aweights is not None and correction:
            norm = total - correction * (weights * aweights).sum() / total
    away = rows - mean
    weighted = away if weights is None else away * weights
    norm = norm.clamp_min(0) if isinstance(norm, Tensor) else (norm if norm > 0 else 0)
    return (weighted @ away.T / norm).squeeze()


def _weights(rows: Tensor, fweights: Tensor | None, aweights: Tensor | None) -> Tensor | None:
    found = None
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        if weights.ndim > 1 or weights.numel() != rows.shape[1]:
            raise ShapeError(
                f"cov(): expected {name} to have one number for each of the {rows.shape[1]} "
                f"observations, got shape {list(weights.shape)}"
            )
        if name == "fweights" and (weights.dtype.is_floating_point or weights.dtype is bool_):
            raise DTypeError(
                f"cov(): expected fweights to have integral dtype, got {weights.dtype.name}: they "
                f"say how often each observation was seen"
            )
        if bool((weights < 0).any()):
            raise ShapeError(f"cov(): {name} cannot be negative")
        found = weights if found is None else found * weights
    return found


@method()
def corrcoef(input: Tensor) -> Tensor:
    """The correlations, from -1 to 1, of the rows of a matrix (variables, observations)."""
    covariance = cov(input)
    if covariance.ndim == 0:
        return covariance / covariance
    spread = covariance.diagonal().sqrt()
    return (covariance / spread.unsqueeze(1) / spread).clamp(-1, 1)
