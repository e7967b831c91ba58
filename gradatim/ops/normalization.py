"""Normalization: less the mean, divided by the standard deviation, over a batch, a layer or groups.

These compute in two passes, the mean first, and all float16 and bfloat16 in float32.
"""

from __future__ import annotations

import math
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, get_default_dtype
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError
from gradatim.graph.node import Node, Shape, mode
from gradatim.ops.arguments import as_tensor_operand, number_node
from gradatim.ops.reduce import count_along, kept_shape, widened
from gradatim.tensor import Tensor, named

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "rms_norm",
]


def _mean(x: Node, axes: Shape) -> Node:
    return p.div(p.sum_(x, axes), number_node(count_along(x.shape, axes), x.dtype))


def _scale(variance: Node, eps: float) -> Node:
    """1 / standard deviation."""
    return p.rsqrt(p.add(variance, number_node(eps, variance.dtype)))


def _standardized(x: Node, axes: Shape, eps: float) -> Node:
    """(x - mean) / standard deviation, over the axes."""
    kept = kept_shape(x.shape, axes)
    away = p.sub(x, p.reshape(_mean(x, axes), kept))
    scale = _scale(_mean(p.mul(away, away), axes), eps)
    return p.mul(away, p.reshape(scale, kept))


def _read(input: Any, where: str) -> Node:
    x = as_tensor_operand(input, where)._read()
    if not x.dtype.is_floating_point:
        raise DTypeError(f'"{where}" not implemented for {x.dtype.name}: cast it with .float()')
    return x


def _vector(value: Any, size: int, shape: Shape, dtype: DType, where: str, name: str) -> Node:
    """A weight or bias with a number for each channel, as it meets (N, C, ...)."""
    node = as_tensor_operand(value, where)._read()
    if node.shape != (size,):
        raise ShapeError(
            f"{where}: Expected {name} to be a vector of size equal to the number of channels in "
            f"input, but got {name} of shape {list(node.shape)} and {size} channels"
        )
    return p.reshape(p.cast(node, dtype), shape)


# --- over the batch ------------------------------------------------------------------------------


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None,
    weight: Tensor | None = None, bias: Tensor | None = None, training: bool = False,
    momentum: Any = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Batch normalization (Ioffe and Szegedy, 2015): for each channel, over all else.

    Args:
        input: (N, C, ...), floating.
        running_mean, running_var: (C,), in evaluation taken for the mean and the variance; in
            training moved towards those of the batch, in place.
        weight, bias: (C,), what the result is multiplied by, and what is added then.
        training: use the mean and variance of the batch.
        momentum: how far the running ones move, from 0 to 1.
        eps: added to the variance.

    Raises:
        ArgumentError: in training, for a single value for each channel; for an `eps` below 0, or
            in training of 0.
        ShapeError: for vectors that have not a number for each channel.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([[1.0], [3.0]])
        >>> gd.nn.functional.batch_norm(x, None, None, training=True, eps=1e-12)
        tensor([[-1.],
                [ 1.]])
    """
    if eps < 0 or (training and eps == 0):
        kind = "positive during training" if training else "non-negative"
        raise ArgumentError(f"batch_norm eps must be {kind}, but got {eps}")
    running = [(running_mean, "running_mean"), (running_var, "running_var")]
    if training:
        for tensor, _ in running:
            if tensor is not None:
                tensor._prepare_write()
    x = _read(input, "batch_norm")
    if x.shape == (0,):  # of nothing, nothing
        return named(p.copy(x), "NativeBatchNorm")
    if x.ndim < 2:
        raise ShapeError(f"batch_norm expects an input (N, C, ...), got {list(x.shape)}")
    axes, channels = (0, *range(2, x.ndim)), x.shape[1]
    if training:
        check_batch(tuple(input.shape))
    elif running_mean is None or running_var is None:
        raise ArgumentError(
            "Expected running_mean and running_var to be defined when training=False"
        )
    for tensor, name in running:
        if tensor is not None and tuple(tensor.shape) != (channels,):
            raise ShapeError(
                f"{name} should contain {channels} elements not {tensor.numel()}: the input has "
                f"{channels} channels"
            )
    wide = widened(x)
    shape = (channels, *[1] * (x.ndim - 2))
    if training:
        mean = _mean(wide, axes)
    else:
        mean = p.cast(running_mean._read(), wide.dtype)  # type: ignore[union-attr]
    away = p.sub(wide, p.reshape(mean, shape))
    if training:
        variance = _mean(p.mul(away, away), axes)
        count = count_along(x.shape, axes)
        unbiased = p.mul(variance, number_node(count / max(count - 1, 1), variance.dtype))
        for tensor, new in ((running_mean, mean), (running_var, unbiased)):
            if tensor is not None and x.size:  # (an empty batch says nothing)
                _move(tensor, new, momentum)
    else:
        variance = p.cast(running_var._read(), wide.dtype)  # type: ignore[union-attr]
    scale = p.reshape(_scale(variance, eps), shape)
    if weight is not None:
        scale = p.mul(scale, _vector(weight, channels, shape, wide.dtype, "batch_norm", "weight"))
    result = p.mul(away, scale)
    if bias is not None:
        result = p.add(result, _vector(bias, channels, shape, wide.dtype, "batch_norm", "bias"))
    return named(p.cast(result, x.dtype), "NativeBatchNorm")


def check_batch(size: Shape) -> None:
    """Refuse to take the variance of one value."""
    if math.prod(size) == (size[1] if len(size) > 1 else 1):
        import gradatim.size

        raise ArgumentError(
            f"Expected more than 1 value per channel when training, got input size "
            f"{gradatim.size.Size(size)}"
        )


def _move(running: Tensor, new: Node, momentum: Any) -> None:
    """A running value moved towards a new one, as one write without history."""
    recording, mode.recording = mode.recording, False
    try:
        old = running._read()
        if isinstance(momentum, Tensor):
            part = p.cast(momentum._read(), old.dtype)
            rest = p.sub(number_node(1, old.dtype), part)
        else:
            part, rest = (number_node(k, old.dtype) for k in (momentum, 1 - momentum))
        moved = p.add(p.mul(p.cast(new, old.dtype), part), p.mul(old, rest))
        running._write(moved)
    finally:
        mode.recording = recording


# --- over a sample -------------------------------------------------------------------------------


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None,
    bias: Tensor | None = None, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Layer normalization (Ba, Kiros and Hinton, 2016), over the last dimensions.

    Args:
        input: (..., *normalized_shape), floating.
        normalized_shape: the sizes of the dimensions it is over.
        weight, bias: of that shape, what the result is multiplied by, and what is added then.
        eps: added to the variance.

    Raises:
        ShapeError: for an input that does not end in `normalized_shape`.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.layer_norm(gd.tensor([[1.0, 3.0]]), (2,), eps=0)
        tensor([[-1.,  1.]])
    """
    x = _read(input, "layer_norm")
    axes = _last_axes(x, normalized_shape, (("weight", weight), ("bias", bias)))
    wide = widened(x)
    result = _standardized(wide, axes, eps)
    return named(p.cast(_affine(result, weight, bias), x.dtype), "NativeLayerNorm")


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Division by the root mean square over the last dimensions (Zhang and Sennrich, 2019).

    Arguments are those of `layer_norm`; `eps` is by default the smallest step at 1 of the dtype.
    """
    x = _read(input, "rms_norm")
    axes = _last_axes(x, normalized_shape, (("weight", weight),))
    wide = widened(x)
    if eps is None:
        eps = {8: 2.0**-52, 4: 2.0**-23}[wide.dtype.itemsize]
    scale = _scale(_mean(p.mul(wide, wide), axes), eps)
    result = p.mul(wide, p.reshape(scale, kept_shape(x.shape, axes)))
    return named(p.cast(_affine(result, weight, None), x.dtype), "FusedRmsNorm")


def _last_axes(x: Node, normalized_shape: Any, affine: Any) -> Shape:
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not sizes:
        raise ShapeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for name, tensor in affine:
        if tensor is not None and tuple(tensor.shape) != sizes:
            raise ShapeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(tensor.shape)} and normalized_shape = {list(sizes)}"
            )
    if x.shape[-len(sizes) :] != sizes:
        given = ", ".join(map(str, sizes))
        raise ShapeError(
            f"Given normalized_shape=[{given}], expected input with shape [*, {given}], but got "
            f"input of size{list(x.shape)}"
        )
    return tuple(range(x.ndim - len(sizes), x.ndim))


def _affine(x: Node, weight: Tensor | None, bias: Tensor | None) -> Node:
    if weight is not None:
        x = p.mul(x, p.cast(weight._read(), x.dtype))
    if bias is not None:
        x = p.add(x, p.cast(bias._read(), x.dtype))
    return x


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Group normalization (Wu and He, 2018): for each sample and each group of channels.

    Args:
        input: (N, C, ...), floating.
        num_groups: how many groups; it divides C.
        weight, bias: (C,), what the result is multiplied by, and what is added then.
        eps: added to the variance.

    Raises:
        ShapeError: for a number of channels that does not divide.
    """
    x = _read(input, "group_norm")
    if x.ndim < 2:
        raise ShapeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    batch, channels = x.shape[:2]
    if num_groups <= 0:
        raise ShapeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise ShapeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(x.shape)} and num_groups={num_groups}"
        )
    wide = widened(x)
    grouped = p.reshape(wide, (batch, num_groups, -(-x.size // max(batch * num_groups, 1))))
    result = p.reshape(_standardized(grouped, (2,), eps), x.shape)
    shape = (channels, *[1] * (x.ndim - 2))
    for value, name, combine in ((weight, "weight", p.mul), (bias, "bias", p.add)):
        if value is not None:
            vector = _vector(value, channels, shape, wide.dtype, "group_norm", name)
            result = combine(result, vector)
    return named(p.cast(result, x.dtype), "NativeGroupNorm")


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Instance normalization (Ulyanov et al., 2016): for each sample and channel.

    Arguments are those of `batch_norm`; `use_input_stats` is its `training`. The running values
    move towards the means over the samples.

    Raises:
        ArgumentError: for a single value for each sample and channel.
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    x = _read(input, "instance_norm")
    if x.ndim < 3 or math.prod(x.shape[2:]) == 1:
        raise ArgumentError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    channels, axes = x.shape[1], tuple(range(2, x.ndim))
    for tensor in (running_mean, running_var):
        if tensor is not None:
            tensor._prepare_write()
    wide = widened(x)
    kept = kept_shape(x.shape, axes)
    mean = _mean(wide, axes)
    away = p.sub(wide, p.reshape(mean, kept))
    variance = _mean(p.mul(away, away), axes)
    count = math.prod(x.shape[2:])
    unbiased = p.mul(variance, number_node(count / (count - 1), variance.dtype))
    for tensor, new in ((running_mean, mean), (running_var, unbiased)):
        if tensor is not None:
            _move(tensor, _mean(new, (0,)), momentum)
    result = p.mul(away, p.reshape(_scale(variance, eps), kept))
    shape = (channels, *[1] * (x.ndim - 2))
    for value, name, combine in ((weight, "weight", p.mul), (bias, "bias", p.add)):
        if value is not None:
            vector = _vector(value, channels, shape, wide.dtype, "instance_norm", name)
            result = combine(result, vector)
    return named(p.cast(result, x.dtype), "View")


# --- over neighbouring channels ------------------------------------------------------------------


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Division by (k + alpha · the mean square over `size` neighbouring channels) to the power
    beta (Krizhevsky, Sutskever and Hinton, 2012, 3.3).

    Args:
        input: (N, C, ...). Channels beyond the first and the last count as zeros. Of integers the
            mean square is cut off to an integer, as in PyTorch.

    Raises:
        ArgumentError: for an input of fewer than three dimensions.
    """
    x = as_tensor_operand(input, "local_response_norm")._read()
    if x.ndim < 3:
        raise ArgumentError(f"Expected 3D or higher dimensionality input (got {x.ndim} dimensions)")
    if 0 in x.shape:
        return input
    wide = widened(x)
    rank = x.ndim - 1  # the channels, and what is behind them
    ones, zeros = (1,) * (rank - 1), (0,) * (rank - 1)
    total = p.window_sum(
        p.mul(wide, wide), (size, *ones), (1, *ones), (size // 2, *zeros),
        ((size - 1) // 2, *zeros), (1, *ones),
    )  # fmt: skip
    if not x.dtype.is_floating_point:
        total = p.cast(p.floor_divide(total, number_node(size, x.dtype)), get_default_dtype())
        wide, alpha = p.cast(x, total.dtype), alpha * size  # it is divided by the size already
    base = p.add(p.mul(total, number_node(alpha / size, wide.dtype)), number_node(k, wide.dtype))
    result = p.div(wide, p.pow_(base, number_node(beta, wide.dtype)))
    return named(p.cast(result, x.dtype if x.dtype.is_floating_point else wide.dtype), "Div")
