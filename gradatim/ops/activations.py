"""Activation functions: each a short formula on tensors.

Three habits, which the formulas below share:

- *Kinks follow PyTorch.* Which side a point such as `relu(0)` belongs to decides its gradient, so
  each `where` has the comparison that gives PyTorch's (`clamp` lets the gradient through at its
  bounds, `hardtanh` does not).
- *No branch may overflow.* A `where` passes a zero gradient into the branch not taken, and zero
  times infinity is NaN, so the argument of every `exp` is clamped first.
- *Few operations.* Each is a Node; the compiler fuses them, but a learner draws and reads them.

The functions that PyTorch lets overwrite their input take `inplace`, and then return the input.
`relu`, `sigmoid` and `tanh` stand with the elementwise functions.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from gradatim import ops
from gradatim.graph.dtypes import DType, bool_, float32
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError, UnsupportedDType
from gradatim.ops.arguments import need_numbers
from gradatim.tensor import Tensor, method, op

# Self-Normalizing Neural Networks (Klambauer et al., 2017), equation 14.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def _overwrite(input: Tensor, function: Callable[..., Tensor], *args: Any) -> Tensor:
    """`function(input)`, written into `input`. The formula reads a copy, which stays."""
    return input.copy_(function(input.clone(), *args))


def _require_floating(name: str, input: Tensor) -> None:
    if not input.dtype.is_floating_point:
        raise UnsupportedDType(
            f"{name} expects a floating dtype, got {input.dtype}: cast the input with .float()"
        )


# --- rectifiers ----------------------------------------------------------------------------------


@op("LeakyRelu")
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, `negative_slope` * x elsewhere.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.leaky_relu(gd.tensor([-1.0, 2.0]), 0.1)
        tensor([-0.1000,  2.0000])
    """
    need_numbers("leaky_relu", negative_slope=negative_slope)
    if inplace:
        return _overwrite(input, leaky_relu, negative_slope)
    return ops.where(input > 0, input, input * negative_slope)


@method()
@op("PreluKernel")
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where it is positive, `weight` * x elsewhere: a leaky ReLU whose slope is learned
    (He et al., 2015).

    Args:
        input: (N, C, ...) or any shape.
        weight: (1,), or (C,) with one slope for each index of axis 1.
    """
    if weight.numel() != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.ndim != 1 or weight.shape[0] != channels:
            raise ShapeError(
                f"prelu expects a weight of one slope, or of one for each of the {channels} "
                f"channels of the input of shape {tuple(input.shape)}, got {tuple(weight.shape)}"
            )
        weight = weight.reshape(channels, *[1] * (input.ndim - 2))
    elif weight.ndim > 1 or input.ndim == 0:
        weight = weight.reshape(())
    return ops.where(input > 0, input, weight * input)


@op("Threshold")
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is greater than `threshold`, the number `value` elsewhere."""

    def formula(x: Tensor) -> Tensor:
        return ops.where(x <= threshold, value, x)

    return _overwrite(input, formula) if inplace else formula(input)


@op("Hardtanh")
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x cut off below `min_val` and above `max_val`. The gradient at the bounds is 0."""
    if min_val > max_val:
        raise ArgumentError(
            f"hardtanh: min_val cannot be greater than max_val, got {min_val} and {max_val}"
        )
    if inplace:
        return _overwrite(input, hardtanh, min_val, max_val)
    if not input.dtype.is_floating_point:  # the bounds are cut off to integers, the result is one
        min_val, max_val = _whole_bounds(input.dtype, min_val, max_val)
    below_max = ops.where(input >= max_val, max_val, input)
    return ops.where(input <= min_val, min_val, below_max)


def _whole_bounds(dtype: DType, low: float, high: float) -> tuple[int, int]:
    if dtype is bool_:
        raise DTypeError("Bool inputs not supported for hardtanh: cast it with .float()")
    if not dtype.is_signed and low < 0:
        raise DTypeError(
            f"cannot do hardtanh on an unsigned type with negative limits, got min_val {low} for "
            f"{dtype.name}"
        )
    return int(low), int(high)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6) (Krizhevsky, 2010)."""
    return hardtanh(input, 0.0, 6.0, inplace)


# --- exponential units ---------------------------------------------------------------------------


@op("Elu")
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, `alpha` * (exp(x) - 1) elsewhere (Clevert et al., 2016).

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.elu(gd.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    if inplace:
        return _overwrite(input, elu, alpha)
    return ops.where(input > 0, input, alpha * ops.expm1(ops.clamp(input, max=0)))


@op("Elu")
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """A scaled `elu` whose constants keep mean 0 and variance 1 through the layers
    (Klambauer et al., 2017).
    """
    if inplace:
        return _overwrite(input, selu)
    negative = (SELU_SCALE * SELU_ALPHA) * ops.expm1(ops.clamp(input, max=0))
    return ops.where(input > 0, SELU_SCALE * input, negative)


@op("Celu")
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, `alpha` * (exp(x / alpha) - 1) elsewhere (Barron, 2017)."""
    if alpha == 0:
        raise ArgumentError("celu expects an alpha other than 0")
    if inplace:
        return _overwrite(input, celu, alpha)
    return ops.where(input > 0, input, alpha * ops.expm1(ops.clamp(input, max=0) / alpha))


@op("Softplus")
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta, a smooth ReLU; x itself where beta * x > `threshold`."""
    need_numbers("softplus", beta=beta, threshold=threshold)
    scaled = input if beta == 1 else input * beta
    smooth = ops.log1p(ops.exp(ops.clamp(scaled, max=threshold)))
    if beta != 1:
        smooth = smooth / beta
    return ops.where(scaled > threshold, input, smooth)


@op("LogSigmoid")
def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), as min(x, 0) - log(1 + exp(-|x|)), which never overflows.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.logsigmoid(gd.tensor([-100.0, 0.0]))
        tensor([-100.0000,   -0.6931])
    """
    zero = ops.zeros((), dtype=input.dtype, device=input.device)
    return ops.minimum(input, zero) - ops.log1p(ops.exp(-ops.abs(input)))


# --- sigmoid-weighted units ----------------------------------------------------------------------


@op("Silu")
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x), also called swish (Hendrycks and Gimpel, 2016).

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.silu(gd.tensor([-1.0, 2.0]))
        tensor([-0.2689,  1.7616])
    """
    return _overwrite(input, silu) if inplace else input * ops.sigmoid(input)


@op("Mish")
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)) (Misra, 2019)."""
    return _overwrite(input, mish) if inplace else input * ops.tanh(softplus(input))


@op("Gelu")
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x * P(Z <= x) for a standard normal Z (Hendrycks and Gimpel, 2016).

    Args:
        input: any shape, floating.
        approximate: "none" computes the probability with `erf`, "tanh" with the paper's
            approximation.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.gelu(gd.tensor([-1.0, 2.0]))
        tensor([-0.1587,  1.9545])
    """
    if approximate == "none":
        return input * 0.5 * (1 + ops.erf(input * math.sqrt(0.5)))
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (input + 0.044715 * (input * input * input))
        return 0.5 * input * (1 + ops.tanh(inner))
    raise ArgumentError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")


@op("Glu")
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b), where a and b are the halves of the input along `dim`
    (Dauphin et al., 2017).
    """
    extent = input.size(dim)
    if extent % 2:
        raise ShapeError(
            f"glu: Halving dimension must be even, but dimension {dim} of the input of shape "
            f"{tuple(input.shape)} is size {extent}"
        )
    values = input.narrow(dim, 0, extent // 2)
    gates = input.narrow(dim, extent // 2, extent // 2)
    return values * ops.sigmoid(gates)


# --- piecewise linear ----------------------------------------------------------------------------


@op("Hardsigmoid")
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6, a sigmoid of straight lines. The gradient at ±3 is 0."""
    if inplace:
        return _overwrite(input, hardsigmoid)
    below_one = ops.where(input >= 3, 1.0, (input + 3) / 6)
    return ops.where(input <= -3, 0.0, below_one)


@op("Hardswish")
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * hardsigmoid(x) (Howard et al., 2019)."""
    if inplace:
        return _overwrite(input, hardswish)
    curved = ops.where(input >= 3, input, input * (input + 3) / 6)
    return ops.where(input <= -3, 0.0, curved)


@method()
@op("Hardshrink")
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > `lambd`, 0 elsewhere."""
    return ops.where(ops.abs(input) <= lambd, 0.0, input)


@op("Softshrink")
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by `lambd`, and 0 where |x| is not larger than that."""
    if lambd < 0:
        raise ArgumentError(f"softshrink: lambda must not be negative, got {lambd}")
    return input - ops.clamp(input, -lambd, lambd)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (ops.abs(input) + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - ops.tanh(input)


# --- normalized along a dimension ----------------------------------------------------------------


def _implicit_dim(name: str, input: Tensor, dim: int | None) -> int:
    """The dimension PyTorch guesses when none is given, with its warning."""
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        f"dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if input.ndim in (0, 1, 3) else 1


def _shifted(name: str, input: Tensor, dim: int, dtype: DType | None) -> tuple[Tensor, DType]:
    """The input minus its maximum along `dim`, so that `exp` cannot overflow, and the dtype that
    the result shall have. Half precision is widened for the sums, as PyTorch does inside.
    """
    if dtype is not None:
        input = input.to(dtype)
    _require_floating(name, input)
    result_dtype = input.dtype
    if result_dtype.itemsize == 2:
        input = input.to(float32)
    if input.numel() == 0:
        return input, result_dtype
    return input - ops.amax(input.detach(), dim, keepdim=True), result_dtype


@method()
@op("Softmax")
def softmax(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`: positive numbers that sum to 1.

    Args:
        input: any shape, floating.
        dim: the dimension that sums to 1.
        dtype: cast the input to this dtype first.

    Raises:
        DTypeError: for integers.
        IndexOutOfRange: for a `dim` that the input does not have.

    Example:
        >>> import gradatim as gd
        >>> gd.softmax(gd.tensor([0.0, 0.0, 1000.0]), dim=0)
        tensor([0., 0., 1.])
    """
    dim = _implicit_dim("softmax", input, dim)
    shifted, result_dtype = _shifted("softmax", input, dim, dtype)
    exponentials = ops.exp(shifted)
    result = exponentials / ops.sum(exponentials, dim, keepdim=True)
    return result if result.dtype is result_dtype else result.to(result_dtype)


def softmin(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """softmax(-x): the smallest element gets the largest share."""
    return softmax(-input, _implicit_dim("softmin", input, dim), dtype)


@method()
@op("LogSoftmax")
def log_softmax(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """log(softmax(x)), computed so that neither the `exp` overflows nor the `log` sees a 0.

    Args and errors are those of `softmax`.

    Example:
        >>> import gradatim as gd
        >>> gd.log_softmax(gd.tensor([0.0, 1000.0]), dim=0)
        tensor([-1000.,     0.])
    """
    dim = _implicit_dim("log_softmax", input, dim)
    shifted, result_dtype = _shifted("log_softmax", input, dim, dtype)
    result = shifted - ops.log(ops.sum(ops.exp(shifted), dim, keepdim=True))
    return result if result.dtype is result_dtype else result.to(result_dtype)
