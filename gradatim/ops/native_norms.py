"""Normalization as the main namespace has it: `batch_norm` and `instance_norm` with the weights
before the running values, and the `native_` functions, which also give mean and 1 / deviation."""

from __future__ import annotations

from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import ShapeError
from gradatim.graph.node import Node, Shape, mode
from gradatim.ops import normalization
from gradatim.ops.normalization import _last_axes, _mean, _read, _scale
from gradatim.ops.reduce import kept_shape, widened
from gradatim.tensor import Tensor, named, wrap

__all__ = ["native_batch_norm", "native_group_norm", "native_layer_norm"]


def batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """`nn.functional.batch_norm` with its arguments in the main namespace's order."""
    return normalization.batch_norm(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )


def instance_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, use_input_stats: bool, momentum: float, eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """`nn.functional.instance_norm` with its arguments in the main namespace's order."""
    return normalization.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def _statistics(x: Node, axes: Shape, eps: float) -> tuple[Node, Node]:
    """Mean and 1 / standard deviation over some axes."""
    mean = _mean(x, axes)
    away = p.sub(x, p.reshape(mean, kept_shape(x.shape, axes)))
    return mean, _scale(_mean(p.mul(away, away), axes), eps)


def native_layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`(output, mean, 1 / standard deviation)` of a layer normalization; the latter two have size
    1 in the dimensions it is over."""
    x = _read(input, "native_layer_norm")
    axes = _last_axes(x, normalized_shape, (("weight", weight), ("bias", bias)))
    output = normalization.layer_norm(input, normalized_shape, weight, bias, eps)
    wide = widened(x)
    kept = kept_shape(x.shape, axes)
    mean, scale = (p.reshape(s, kept) for s in _statistics(wide, axes, eps))
    title = "NativeLayerNorm"
    return output, named(mean, title), named(scale, title)


def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int,
    group: int, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """`(output, mean, 1 / standard deviation)` of a group normalization; the latter two are
    (N, groups).

    Raises:
        ShapeError: for sizes that are not the input's.
    """
    x = _read(input, "native_group_norm")
    if x.size != N * C * HxW:
        raise ShapeError(
            f"Expected the input to have N * C * HxW = {N} * {C} * {HxW} elements, got "
            f"{list(x.shape)}"
        )
    output = normalization.group_norm(input, group, weight, bias, eps)
    wide = p.reshape(widened(x), (N, group, -(-x.size // max(N * group, 1))))
    title = "NativeGroupNorm"
    mean, scale = _statistics(wide, (2,), eps)
    return output, named(p.cast(mean, x.dtype), title), named(p.cast(scale, x.dtype), title)


def native_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """`(output, mean, 1 / standard deviation)` of a batch normalization; the latter two are of the
    batch in training, and empty otherwise."""
    x = _read(input, "native_batch_norm")
    wide = widened(x)
    if training:
        axes = (0, *range(2, x.ndim))
        recording, mode.recording = mode.recording, False
        try:
            mean, scale = _statistics(p.stop_gradient(wide), axes, eps)
        finally:
            mode.recording = recording
    else:
        mean = scale = p.full((0,), 0, wide.dtype)
    output = batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    return output, wrap(mean), wrap(scale)
