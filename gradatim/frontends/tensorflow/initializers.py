"""What variables begin with: functions from a shape to a node."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.frontends.names import look_in, own_names
from gradatim.frontends.tensorflow import arrays, dtypes, graph, random, shapes
from gradatim.frontends.tensorflow.graph import Tensor


def _initializer(function: Callable[..., Tensor]) -> Callable[..., Any]:
    """A class of initializers: what it is made with is given to the function behind the shape."""

    def make(*settings: Any, dtype: Any = dtypes.float32, **named: Any) -> Any:
        def initialize(shape: Any, dtype: Any = dtype, partition_info: Any = None) -> Tensor:
            return function(
                list(shapes.known(shape) or ()), dtypes.as_dtype(dtype), *settings, **named
            )

        return initialize

    make.__doc__ = function.__doc__
    return make


@_initializer
def zeros_initializer(shape: Any, dtype: Any) -> Tensor:
    """Zeros."""
    return arrays.zeros(shape, dtype)


@_initializer
def ones_initializer(shape: Any, dtype: Any) -> Tensor:
    """Ones."""
    return arrays.ones(shape, dtype)


@_initializer
def constant_initializer(shape: Any, dtype: Any, value: Any = 0, **options: Any) -> Tensor:
    """One value, or the given ones."""
    return graph.constant(value, dtype, shape)


@_initializer
def random_normal_initializer(
    shape: Any, dtype: Any, mean: float = 0.0, stddev: float = 1.0, seed: Any = None
) -> Tensor:
    """Normally distributed."""
    return random.random_normal(shape, mean, stddev, dtype, seed)


@_initializer
def truncated_normal_initializer(
    shape: Any, dtype: Any, mean: float = 0.0, stddev: float = 1.0, seed: Any = None
) -> Tensor:
    """Normally distributed, within two standard deviations."""
    return random.truncated_normal(shape, mean, stddev, dtype, seed)


@_initializer
def random_uniform_initializer(
    shape: Any, dtype: Any, minval: float = -0.05, maxval: float = 0.05, seed: Any = None
) -> Tensor:
    """Uniformly distributed."""
    return random.random_uniform(shape, minval, maxval, dtype, seed)


def _fans(shape: list[int]) -> tuple[float, float]:
    """How many inputs and outputs a unit of these weights has."""
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = float(math.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field


@_initializer
def glorot_uniform_initializer(shape: Any, dtype: Any, seed: Any = None) -> Tensor:
    """Uniform in ±sqrt(6 / (inputs + outputs)) (Glorot and Bengio, 2010)."""
    limit = math.sqrt(6.0 / sum(_fans(shape)))
    return random.random_uniform(shape, -limit, limit, dtype, seed)


@_initializer
def glorot_normal_initializer(shape: Any, dtype: Any, seed: Any = None) -> Tensor:
    """Normal with variance 2 / (inputs + outputs), cut at two standard deviations."""
    deviation = math.sqrt(2.0 / sum(_fans(shape))) / 0.87962566103423978
    return random.truncated_normal(shape, 0.0, deviation, dtype, seed)


@_initializer
def variance_scaling_initializer(
    shape: Any, dtype: Any, scale: float = 1.0, mode: str = "fan_in",
    distribution: str = "truncated_normal", seed: Any = None,
) -> Tensor:  # fmt: skip
    """A variance of scale / n, where n is the inputs, the outputs, or their mean."""
    fan_in, fan_out = _fans(shape)
    n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    if distribution == "uniform":
        limit = math.sqrt(3.0 * scale / n)
        return random.random_uniform(shape, -limit, limit, dtype, seed)
    deviation = math.sqrt(scale / n) / 0.87962566103423978
    return random.truncated_normal(shape, 0.0, deviation, dtype, seed)


def he_normal(seed: Any = None) -> Any:
    """A variance of 2 / inputs (He et al., 2015)."""
    return variance_scaling_initializer(2.0, "fan_in", "truncated_normal", seed)


xavier_initializer = glorot_uniform_initializer

# In `tf.initializers` they have shorter names.
SHORT = {
    name.removesuffix("_initializer"): value
    for name, value in list(globals().items())
    if name.endswith("_initializer") and not name.startswith("_")
}
globals().update(SHORT)

__all__ = [name for name in own_names(__name__) if name not in SHORT]
__getattr__, __dir__ = look_in("tf.initializers", globals())
