"""Work on all parameters of a model at once: clipping gradients, and one long vector of weights.

The files beside this one change what a parameter is: norms, parametrizations, pruning.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, NonFiniteError, ShapeError
from gradatim.nn.utils import parametrizations as parametrizations
from gradatim.nn.utils import parametrize as parametrize
from gradatim.nn.utils import prune as prune
from gradatim.nn.utils import rnn as rnn
from gradatim.nn.utils import stateless as stateless
from gradatim.nn.utils.fusion import fuse_conv_bn_eval as fuse_conv_bn_eval
from gradatim.nn.utils.fusion import fuse_conv_bn_weights as fuse_conv_bn_weights
from gradatim.nn.utils.fusion import fuse_linear_bn_eval as fuse_linear_bn_eval
from gradatim.nn.utils.fusion import fuse_linear_bn_weights as fuse_linear_bn_weights
from gradatim.nn.utils.init import skip_init as skip_init
from gradatim.nn.utils.memory_format import (
    convert_conv2d_weight_memory_format as convert_conv2d_weight_memory_format,
)
from gradatim.nn.utils.memory_format import (
    convert_conv3d_weight_memory_format as convert_conv3d_weight_memory_format,
)
from gradatim.nn.utils.spectral_norm import remove_spectral_norm as remove_spectral_norm
from gradatim.nn.utils.spectral_norm import spectral_norm as spectral_norm
from gradatim.nn.utils.weight_norm import remove_weight_norm as remove_weight_norm
from gradatim.nn.utils.weight_norm import weight_norm as weight_norm
from gradatim.tensor import Tensor


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of several tensors, as of one vector that holds them all.

    Args:
        tensors: one or several.
        norm_type: the p of the p-norm; `inf` is the largest magnitude.
        error_if_nonfinite: raise if the norm is NaN or infinite; this computes it at once.
        foreach: accepted for PyTorch's sake; the compiler fuses anyway.
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not tensors:
        return ops.tensor(0.0)
    norm_type = float(norm_type)
    with no_grad():
        norms = [tensor.norm(norm_type) for tensor in tensors]
        total = ops.stack(norms).norm(norm_type)
    if error_if_nonfinite and not ops.isfinite(total):
        raise NonFiniteError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            f"so it cannot be clipped. To scale the gradients by it anyway, set "
            f"error_if_nonfinite=False"
        )
    return total


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients by the same factor, so that their total norm is at most `max_norm`
    (Pascanu et al., 2013). Smaller gradients stay as they are.

    Returns:
        The total norm before.

    Example:
        >>> import gradatim as gd
        >>> w = gd.zeros(2, requires_grad=True)
        >>> w.grad = gd.tensor([3.0, 4.0])
        >>> gd.nn.utils.clip_grad_norm_([w], max_norm=1.0)
        tensor(5.)
        >>> w.grad
        tensor([0.6000, 0.8000])
    """
    if not isinstance(max_norm, Tensor):
        max_norm = _number("max_norm", max_norm)
    gradients = _gradients(parameters)
    total = get_total_norm(gradients, norm_type, error_if_nonfinite)
    _scale(gradients, max_norm, total)
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale all gradients by `max_norm / total_norm`, if that is less than 1: `clip_grad_norm_`
    with a norm known already.

    Args:
        total_norm: what `get_total_norm` gave, perhaps of more tensors than these.
        foreach: accepted for PyTorch's sake.
    """
    _scale(_gradients(parameters), max_norm, total_norm)


def _scale(gradients: list[Tensor], max_norm: float, total: Tensor) -> None:
    with no_grad():
        factor = ops.clamp(max_norm / (total + 1e-6), max=1.0)
        for gradient in gradients:
            gradient.mul_(factor.to(gradient.dtype))


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """`clip_grad_norm_` under its older name."""
    warnings.warn(
        "nn.utils.clip_grad_norm is deprecated in favor of nn.utils.clip_grad_norm_",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Cut each element of all gradients to ±`clip_value`."""
    limit = _number("clip_value", clip_value)
    with no_grad():
        for gradient in _gradients(parameters):
            gradient.clamp_(-limit, limit)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except ValueError:
        raise ArgumentError(f"{name} must be a number, got {value!r}") from None


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, one after the other, as one vector."""
    return ops.cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """The reverse of `parameters_to_vector`: write the pieces of the vector to the parameters.

    Raises:
        ShapeError: for a vector with too few elements.
    """
    if not isinstance(vec, Tensor):
        raise ArgumentTypeError(f"expected a Tensor, but got: {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        if stop > vec.numel():
            raise ShapeError(
                f"the parameters have more elements than the vector, which has {vec.numel()}"
            )
        parameter.data = vec.detach()[start:stop].reshape(parameter.shape)
        start = stop
