"""Initial values of parameters. Every function fills a tensor in place, outside of any gradient
history, gives the tensor, and draws from the default stream unless it gets a `generator`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError
from gradatim.tensor import Tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform on [a, b)."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with the given mean and standard deviation."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number everywhere."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, as far as a matrix of this shape can be one."""
    if tensor.ndim != 2:
        raise ArgumentError(f"eye_ expects a tensor with 2 dimensions, got {tensor.ndim}")
    with no_grad():
        return tensor.copy_(ops.eye(*tensor.shape, dtype=tensor.dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The kernel of a convolution that gives its input: 1 in the middle where the input channel is
    the output channel (within each group), 0 elsewhere.

    Args:
        tensor: (out channels, in channels, ...), 3 to 5 dimensions.
        groups: as of the convolution.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ArgumentError(
            f"dirac_ expects a tensor with 3, 4, or 5 dimensions, got {tensor.ndim}"
        )
    if tensor.shape[0] % groups:
        raise ArgumentError(
            f"dirac_: dim 0, of size {tensor.shape[0]}, must be divisible by groups={groups}"
        )
    outputs = tensor.shape[0] // groups
    middle = tuple(extent // 2 for extent in tensor.shape[2:])
    with no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(outputs, tensor.shape[1])):
                tensor[(group * outputs + channel, channel, *middle)] = 1
    return tensor


# --- scaled to the size of the layer -------------------------------------------------------------


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before a nonlinearity are larger than before none.

    Args:
        nonlinearity: "linear", "conv2d" ..., "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: the slope of "leaky_relu" (0.01 if not given).

    Example:
        >>> from gradatim import nn
        >>> nn.init.calculate_gain("leaky_relu", 0.2)
        1.3867504905630728
    """
    if nonlinearity in ("linear", "sigmoid") or nonlinearity.startswith("conv"):
        return 1
    if nonlinearity == "tanh":
        return 5 / 3
    if nonlinearity == "relu":
        return math.sqrt(2)
    if nonlinearity == "selu":
        return 3 / 4
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ArgumentError(f"negative_slope {slope!r} not a valid number")
        return math.sqrt(2 / (1 + slope**2))
    raise ArgumentError(f"Unsupported nonlinearity {nonlinearity}")


def _fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs each output of a weight of this shape has, and the reverse."""
    if tensor.ndim < 2:
        raise ArgumentError(
            f"Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, "
            f"got {tensor.ndim}"
        )
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field


def _chosen_fan(tensor: Tensor, mode: str) -> int:
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ArgumentError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _fans(tensor)[mode.lower() == "fan_out"]


# What layers of others' call, though PyTorch marks it as its own.
_calculate_fan_in_and_fan_out, _calculate_correct_fan = _fans, _chosen_fan


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform with standard deviation gain · sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio,
    2010).
    """
    std = gain * math.sqrt(2.0 / sum(_fans(tensor)))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with standard deviation gain · sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio,
    2010).
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    return calculate_gain(nonlinearity, a) / math.sqrt(_chosen_fan(tensor, mode))


def _is_empty(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Uniform with standard deviation gain / sqrt(fan) (He et al., 2015).

    Args:
        tensor: (outputs, inputs, ...).
        a: the slope of the leaky ReLU that follows.
        mode: "fan_in" keeps the variance on the way forward, "fan_out" on the way back.
        nonlinearity: see `calculate_gain`.
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan) (He et al., 2015); args as for
    `kaiming_uniform_`.
    """
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


# --- other distributions -------------------------------------------------------------------------


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Normal, with values outside [a, b] drawn again.

    Where [a, b] holds most of the distribution, values that fall outside are drawn anew; where it
    lies in a tail, values uniform on [a, b] are accepted with a probability proportional to the
    density (rejection sampling). Both are PyTorch's, draw for draw.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    with no_grad():
        if inside > 0.3:
            return _redraw_outside(tensor, mean, std, a, b, generator)
        return _accept_by_density(tensor, mean, std, a, b, generator)


def _normal_cdf(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


def _redraw_outside(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    low, high = (tensor.new_tensor(bound).item() for bound in (a, b))  # as the dtype rounds them
    values = tensor.normal_(mean, std, generator=generator)
    outside = (values < low) | (values > high)
    while outside.any():
        fresh = ops.empty_like(tensor).normal_(mean, std, generator=generator)
        values = ops.where(outside, fresh, values)
        outside = (values < low) | (values > high)
    return tensor.copy_(values)


def _accept_by_density(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2

    def rejects(candidates: Tensor) -> Tensor:
        log_density = ((candidates - mean) / std) ** 2 * -0.5 - peak
        return ops.empty_like(tensor).uniform_(generator=generator).log() > log_density

    values = ops.empty_like(tensor).uniform_(a, b, generator=generator)
    pending = rejects(values)
    while pending.any():
        candidates = ops.empty_like(tensor).uniform_(a, b, generator=generator)
        values = ops.where(pending, candidates, values)
        pending = pending & rejects(candidates)
    return tensor.copy_(values)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """A random matrix with orthonormal rows or columns, whichever are fewer (Saxe et al., 2014).

    Args:
        tensor: 2 or more dimensions; all but the first count as one.
        gain: multiplies the result.
    """
    if tensor.ndim < 2:
        raise ArgumentError(
            f"orthogonal_ expects a tensor with 2 or more dimensions, got {tensor.ndim}"
        )
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    with no_grad():
        normal = ops.empty(rows, tensor.numel() // rows, dtype=tensor.dtype)
        normal.normal_(generator=generator)
        matrix = (normal if tensor.dtype.itemsize > 2 else normal.float()).numpy()
        wide = matrix.shape[0] < matrix.shape[1]
        q, r = np.linalg.qr(matrix.T if wide else matrix)
        q = q * np.sign(np.diag(r))  # which makes Q uniform (Mezzadri, 2007)
        q = ops.from_numpy(np.ascontiguousarray(q.T if wide else q))
        return tensor.copy_(q.reshape(tensor.shape)).mul_(gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Normal, with a share `sparsity` of each column set to 0 (Martens, 2010).

    Args:
        tensor: a matrix.
        sparsity: from 0 to 1.
        std: standard deviation of the others.
    """
    if tensor.ndim != 2:
        raise ArgumentError(f"sparse_ expects a tensor with 2 dimensions, got {tensor.ndim}")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[ops.randperm(rows)[:zeros], column] = 0
    return tensor


# --- names of before 0.4 -------------------------------------------------------------------------


def _older_name(function: Any) -> Any:
    name = function.__name__[:-1]

    def call(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.",
            FutureWarning,
            stacklevel=2,
        )
        result: Tensor = function(*args, **kwargs)
        return result

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{name}_` under its older name."
    return call


uniform, normal, constant, eye, dirac, sparse, orthogonal = map(
    _older_name, (uniform_, normal_, constant_, eye_, dirac_, sparse_, orthogonal_)
)
xavier_uniform, xavier_normal, kaiming_uniform, kaiming_normal = map(
    _older_name, (xavier_uniform_, xavier_normal_, kaiming_uniform_, kaiming_normal_)
)
