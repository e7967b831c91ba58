"""tf.layers: layers that make their own variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.frontends.names import look_in, own_names
from gradatim.frontends.tensorflow import math, nn
from gradatim.frontends.tensorflow.arrays import cond, reshape
from gradatim.frontends.tensorflow.errors import ShapeMismatch
from gradatim.frontends.tensorflow.graph import Tensor, convert, get_default_graph
from gradatim.frontends.tensorflow.initializers import zeros_initializer
from gradatim.frontends.tensorflow.variables import (
    get_variable,
    get_variable_scope,
    variable_scope,
)


def _scope(name: str | None, default: str, reuse: Any) -> Any:
    """The layer's variable scope; a name of its own if none is given."""
    if name is None:
        graph = get_default_graph()
        counts = graph.collections.setdefault("_layer_names", [{}])[0]
        full = f"{get_variable_scope().name}/{default}"
        count = counts[full] = counts.get(full, -1) + 1
        name = default if not count else f"{default}_{count}"
    return variable_scope(name, reuse=reuse)


def _channels(x: Tensor, where: str) -> int:
    size = None if x.sizes is None else x.sizes[-1]
    if size is None:
        raise ShapeMismatch(
            f"The last dimension of the inputs to {where} should be defined. Found {x.shape}"
        )
    return size


def _activated(x: Tensor, activation: Callable[[Tensor], Tensor] | None) -> Tensor:
    return x if activation is None else activation(x)


def dense(
    inputs: Any, units: int, activation: Any = None, use_bias: bool = True,
    kernel_initializer: Any = None, bias_initializer: Any = None, kernel_regularizer: Any = None,
    bias_regularizer: Any = None, trainable: bool = True, name: str | None = None,
    reuse: Any = None, **options: Any,
) -> Tensor:  # fmt: skip
    """inputs times a matrix plus a bias."""
    x = convert(inputs)
    with _scope(name, "dense", reuse):
        kernel = get_variable(
            "kernel", [_channels(x, "dense"), units], x.dtype, kernel_initializer,
            kernel_regularizer, trainable,
        )  # fmt: skip
        found = math.matmul(x, kernel)
        if use_bias:
            bias = get_variable("bias", [units], x.dtype, bias_initializer or zeros_initializer(),
                                bias_regularizer, trainable)  # fmt: skip
            found = nn.bias_add(found, bias)
        return _activated(found, activation)


def conv2d(
    inputs: Any, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: str = "valid",
    data_format: str = "channels_last", dilation_rate: Any = (1, 1), activation: Any = None,
    use_bias: bool = True, kernel_initializer: Any = None, bias_initializer: Any = None,
    kernel_regularizer: Any = None, bias_regularizer: Any = None, trainable: bool = True,
    name: str | None = None, reuse: Any = None, **options: Any,
) -> Tensor:  # fmt: skip
    """A convolution of images (N, height, width, channels)."""
    x = convert(inputs)
    _need_last(data_format)
    with _scope(name, "conv2d", reuse):
        shape = [*nn._pair(kernel_size, slice(0, 2)), _channels(x, "conv2d"), filters]
        kernel = get_variable(
            "kernel", shape, x.dtype, kernel_initializer, kernel_regularizer, trainable
        )
        stride, dilation = (nn._pair(each, slice(0, 2)) for each in (strides, dilation_rate))
        found = nn.conv2d(x, kernel, [1, *stride, 1], padding.upper(), dilations=[1, *dilation, 1])
        if use_bias:
            bias = get_variable("bias", [filters], x.dtype, bias_initializer or zeros_initializer(),
                                bias_regularizer, trainable)  # fmt: skip
            found = nn.bias_add(found, bias)
        return _activated(found, activation)


def _need_last(data_format: str) -> None:
    if data_format != "channels_last":
        raise ShapeMismatch(
            "layers take images with their channels last: data_format='channels_last'"
        )


def _pooling(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def pool(inputs: Any, pool_size: Any, strides: Any, padding: str = "valid",
             data_format: str = "channels_last", name: str | None = None) -> Tensor:  # fmt: skip
        _need_last(data_format)
        size, stride = (nn._pair(each, slice(0, 2)) for each in (pool_size, strides))
        return function(inputs, [1, *size, 1], [1, *stride, 1], padding.upper(), name=name)

    return pool


max_pooling2d, average_pooling2d = _pooling(nn.max_pool), _pooling(nn.avg_pool)


def flatten(inputs: Any, name: str | None = None, **options: Any) -> Tensor:
    """Each sample as one row."""
    x = convert(inputs)
    size = 1
    for each in (None,) if x.sizes is None else x.sizes[1:]:
        if each is None:
            raise ShapeMismatch(
                f"flatten: the sizes of a sample should be defined. Found {x.shape}"
            )
        size *= each
    return reshape(x, [-1, size], name or "flatten/Reshape")


def dropout(inputs: Any, rate: float = 0.5, noise_shape: Any = None, seed: int | None = None,
            training: Any = False, name: str | None = None) -> Tensor:  # fmt: skip
    """Each element is 0 with probability `rate`, while `training`."""
    x = convert(inputs)
    if training is False:
        return x
    dropped = nn.dropout(x, noise_shape=noise_shape, rate=rate, seed=seed)
    return dropped if training is True else cond(training, lambda: dropped, lambda: x)


__all__ = own_names(__name__)
__getattr__, __dir__ = look_in("tf.layers", globals())
