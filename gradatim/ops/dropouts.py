"""Noise for layers: elements or channels dropped at random, random slopes, samples of categories.

In training, *dropout* (Hinton et al., 2012) sets elements to 0 with probability p and scales the
others by 1 / (1 - p), so that the expected value stays. *Alpha dropout* (Klambauer et al., 2017,
after their equation 15) sets them to the lowest value of SELU, and then scales and shifts so that
mean and variance stay 0 and 1. The *feature* variants draw once for each channel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError, UnsupportedDType
from gradatim.ops._drawing import source_of
from gradatim.ops.arguments import need_numbers
from gradatim.ops.draws import dropout_mask
from gradatim.realize import drawn
from gradatim.tensor import Tensor, named

__all__ = [
    "alpha_dropout",
    "dropout",
    "feature_alpha_dropout",
    "feature_dropout",
    "gumbel_softmax",
    "native_dropout",
    "rrelu",
]

# --- dropout -------------------------------------------------------------------------------------


def check_probability(p: float) -> None:
    """Refuse a dropout probability that is none."""
    need_numbers("dropout", p=p)
    if not 0 <= p <= 1:
        raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")


def _mask(input: Tensor, p: float, kept_dims: int | None) -> Tensor:
    """1 where an element stays, else 0; with `kept_dims`, one draw for all that is behind the
    first dimensions."""
    if not input.is_floating_point():
        raise DTypeError(
            f"dropout: result type Float can't be cast to {input.dtype.name}: cast the input with "
            f".float()"
        )
    if kept_dims is None:
        strides = None if input.is_contiguous() else input._strides()
        return dropout_mask(tuple(input.shape), 1 - p, input.dtype, strides=strides)
    if input.ndim < 2:
        raise ShapeError("Feature dropout requires at least 2 dimensions in the input")
    shape = (*input.shape[:kept_dims], *[1] * (input.ndim - kept_dims))
    return dropout_mask(shape, 1 - p, input.dtype)


def dropped(input: Tensor, p: float, train: bool, inplace: bool, kept_dims: int | None) -> Tensor:
    """Dropout, of elements (`kept_dims` None) or of all that is behind the first dimensions."""
    check_probability(p)
    if p == 0 or not train or input.numel() == 0:
        return input
    if p == 1:
        factor = ops.zeros((), dtype=input.dtype, device=input.device)
    else:
        factor = _mask(input, p, kept_dims) / (1 - p)
    return input.mul_(factor) if inplace else input * factor


_ALPHA = 1.7580993408473766  # of SELU: scale · alpha, whose negative is its lowest value


def alpha_dropped(
    input: Tensor, p: float, train: bool, inplace: bool, kept_dims: int | None
) -> Tensor:
    """Alpha dropout, as `dropped`."""
    check_probability(p)
    if p == 0 or not train or input.numel() == 0:
        return input
    if p == 1:
        nothing = ops.zeros((), dtype=input.dtype, device=input.device)
        return input.mul_(nothing) if inplace else input * nothing
    mask = _mask(input, p, kept_dims)
    scale = 1 / math.sqrt((_ALPHA**2 * p + 1) * (1 - p))
    shift = (mask - 1) * (_ALPHA * scale) + _ALPHA * scale * p
    mask = mask * scale
    return input.mul_(mask).add_(shift) if inplace else input * mask + shift


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.dropout` under its name in the main namespace."""
    return dropped(input, p, train, False, None)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """In training, whole channels of (N, C, ...) set to 0 with probability `p`, the others scaled
    by 1 / (1 - p) (Tompson et al., 2015)."""
    return dropped(input, p, train, False, 2)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.alpha_dropout` under its name in the main namespace."""
    return alpha_dropped(input, p, train, False, None)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.feature_alpha_dropout` under its name in the main namespace."""
    return alpha_dropped(input, p, train, False, 2)


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """Dropout, and a bool tensor that says which elements stayed.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> gd.native_dropout(gd.ones(3), 0.5, True)
        (tensor([0., 0., 2.]), tensor([False, False,  True]))
    """
    if input.numel() == 0:
        return input, ops.empty_like(input, dtype=bool_)
    if train is not None and not train:
        return input.clone(), ops.ones_like(input).bool()
    mask = _mask(input, p, None)
    return input * mask * (0.0 if p == 1 else 1 / (1 - p)), mask.bool()


# --- random slopes -------------------------------------------------------------------------------


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False,
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """x where it is positive; elsewhere x times a slope, which is drawn from [lower, upper) for
    each such element in training, and is (lower + upper) / 2 else (Xu et al., 2015).

    How many draws there are depends on values: in training the input is computed now.

    Raises:
        ArgumentError: for bounds that are not finite, or in the wrong order.

    Example:
        >>> import gradatim as gd
        >>> gd.rrelu(gd.tensor([-2.0, 1.0]), 0.25, 0.75)
        tensor([-1.,  1.])
    """
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise ArgumentError(f"rrelu: bounds must be finite, got lower={lower} and upper={upper}")
    if lower > upper:
        raise ArgumentError(
            f"rrelu: Lower bound should be less than or equal to the upper bound, got {lower} and "
            f"{upper}"
        )
    x = input._read()
    if not x.dtype.is_floating_point:
        raise UnsupportedDType(
            f"rrelu is not implemented for {x.dtype.name}: cast it with .float()"
        )
    if training:
        source, values = source_of(generator), input.detach()._value()

        def draw() -> np.ndarray[Any, Any]:
            slopes = np.ones(values.shape, values.dtype)
            below = values <= 0
            units = source.uniform((int(np.count_nonzero(below)),), np.float64)
            np.place(slopes, below, (units * (upper - lower) + lower).astype(values.dtype))
            return slopes

        slope = drawn(tuple(input.shape), input.dtype, draw)._read()
    else:
        slope = p.constant((lower + upper) / 2, x.dtype, x.device)
    positive = p.gt(x, p.constant(0, x.dtype, x.device))
    return named(p.select(positive, x, p.mul(x, slope)), "RreluWithNoise")


# --- samples of categories -----------------------------------------------------------------------


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A sample of a categorical distribution that gradients flow through (Jang et al., 2017;
    Maddison et al., 2017): the softmax of logits and Gumbel noise, over a temperature.

    Args:
        logits: (..., categories, ...), unnormalized log-probabilities, floating.
        tau: the temperature; small ones come near to one-hot samples.
        hard: give one-hot samples, with the gradients of the soft ones.
        eps: not used, as in PyTorch.
        dim: the categories'.

    Example:
        >>> import gradatim as gd
        >>> sample = gd.nn.functional.gumbel_softmax(gd.zeros(4), hard=True)
        >>> sample.sum()
        tensor(1.)
    """
    noise = -ops.empty_like(logits).exponential_().log()
    soft = ops.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.argmax(dim, keepdim=True)
    one_hot = ops.zeros_like(logits).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
