"""What the distributions share: arguments made to broadcast, probabilities and logits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from numbers import Number
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.graph import dtypes
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import ArgumentError
from gradatim.ops.arguments import is_number
from gradatim.size import Size
from gradatim.tensor import Tensor


def finfo(dtype: DType) -> Any:
    """Limits of a floating dtype."""
    return np.finfo(np.float32 if dtype is dtypes.bfloat16 else dtype.numpy)


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape. Numbers get the dtype of the first tensor, or
    the default one.

    Raises:
        ArgumentError: for anything else.
    """
    if not all(isinstance(v, Tensor) or is_number(v) for v in values):
        kinds = ", ".join(type(v).__name__ for v in values)
        raise ArgumentError(
            f"Input arguments must all be instances of Number or gradatim.Tensor, got {kinds}"
        )
    tensors = [v for v in values if isinstance(v, Tensor)]
    dtype = tensors[0].dtype if tensors else dtypes.get_default_dtype()
    made = [v if isinstance(v, Tensor) else ops.tensor(v, dtype=dtype) for v in values]
    return tuple(ops.broadcast_tensors(*made))


def all_numbers(*values: Any) -> bool:
    """Whether none of the arguments is a tensor: the distribution then has no batch."""
    return all(isinstance(v, Number) or is_number(v) for v in values)


def shape_of(tensor: Tensor, *values: Any) -> Size:
    """The batch shape of parameters that were given as `values`."""
    return Size(()) if all_numbers(*values) else tensor.shape


def standard_normal(shape: Any, like: Tensor) -> Tensor:
    return ops.randn(tuple(shape), dtype=like.dtype)


def uniform(shape: Any, like: Tensor) -> Tensor:
    return ops.rand(tuple(shape), dtype=like.dtype)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Log odds of probabilities, or their logarithm where they belong to categories."""
    safe = clamp_probs(probs)
    return safe.log() - (-safe).log1p() if is_binary else safe.log()


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    return ops.sigmoid(logits) if is_binary else ops.softmax(logits, -1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1 by the dtype's epsilon."""
    eps = float(finfo(probs.dtype).eps)
    return probs.clamp(eps, 1 - eps)


def sum_rightmost(value: Tensor, dims: int) -> Tensor:
    """The sum over the last `dims` dimensions."""
    return value if dims == 0 else value.reshape(*value.shape[: value.ndim - dims], -1).sum(-1)


def xlogy(x: Tensor, y: Tensor) -> Tensor:
    """x log y, where 0 log 0 is 0; its gradient with respect to x is log y at 0 too."""
    nothing = (x == 0) & (y <= 0)
    return ops.where(nothing, 0.0, x * ops.where(nothing, 1.0, y).log())


def positive_part(x: Tensor) -> Tensor:
    """max(x, 0), of slope 1/2 at 0."""
    return (x + x.abs()) / 2


class lazy_property:
    """An attribute computed when first asked for, and kept."""

    def __init__(self, wrapped: Callable[[Any], Any]):
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        value = self.wrapped(instance)
        instance.__dict__[self.wrapped.__name__] = value
        return value
