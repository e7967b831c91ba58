"""Batch normalization folded into the layer before it, for evaluation: both are linear then."""

from __future__ import annotations

import copy
from typing import Any

from gradatim import ops
from gradatim.graph.errors import Error
from gradatim.nn.parameter import Parameter
from gradatim.tensor import Tensor

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]


class FusionError(Error, AssertionError):
    """Layers that cannot be fused."""


def _check(layer: Any, bn: Any) -> None:
    if layer.training or bn.training:
        raise FusionError("Fusion only for eval!: call .eval() on both modules first")
    if bn.running_mean is None or bn.running_var is None:
        raise FusionError("fusion needs a normalization with track_running_stats=True")


def _folded(
    weight: Tensor, bias: Tensor | None, shape: tuple[int, ...], mean: Tensor, var: Tensor,
    eps: float, scale: Tensor | None, shift: Tensor | None,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias such that the layer gives what it gave after the normalization.

    Args:
        shape: of the factors, so that they multiply the weight's output channels.
    """
    factor = ops.rsqrt(var + eps)
    if scale is not None:
        factor = factor * scale
    before = -mean if bias is None else bias - mean
    fused_bias = before * factor
    if shift is not None:
        fused_bias = fused_bias + shift
    fused = (weight * factor.reshape(shape)).to(weight.dtype)
    dtype = weight.dtype if bias is None else bias.dtype
    return (
        Parameter(fused.detach(), weight.requires_grad),
        Parameter(fused_bias.detach().to(dtype), bias is not None and bias.requires_grad),
    )


def fuse_conv_bn_weights(
    conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float,
    bn_w: Tensor | None, bn_b: Tensor | None, transpose: bool = False,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of a convolution with a normalization behind it folded in.

    Args:
        conv_w, conv_b: of the convolution.
        bn_rm, bn_rv, bn_eps, bn_w, bn_b: running mean and variance, eps, weight and bias of the
            normalization.
        transpose: whether the convolution is a transposed one.
    """
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    return _folded(conv_w, conv_b, tuple(shape), bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of a convolution that does what it and the normalization behind it do.

    Raises:
        FusionError: in training mode, or without running values.

    Example:
        >>> import gradatim as gd
        >>> conv, bn = gd.nn.Conv2d(3, 4, 3).eval(), gd.nn.BatchNorm2d(4).eval()
        >>> fused, x = gd.nn.utils.fuse_conv_bn_eval(conv, bn), gd.ones(1, 3, 5, 5)
        >>> bool(gd.allclose(fused(x), bn(conv(x)), atol=1e-6))
        True
    """
    _check(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float,
    bn_w: Tensor, bn_b: Tensor,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of a linear layer with a normalization behind it folded in; arguments as for
    `fuse_conv_bn_weights`."""
    return _folded(linear_w, linear_b, (-1, 1), bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of a linear layer that does what it and the normalization behind it do.

    Raises:
        FusionError: in training mode, without running values, or for other features.
    """
    _check(linear, bn)
    if bn.num_features not in (1, linear.out_features):
        raise FusionError(
            f"To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"{linear.out_features} and {bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused
