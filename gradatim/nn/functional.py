"""The layers without parameters, as functions: `import gradatim.nn.functional as F`."""

from __future__ import annotations

from gradatim import ops
from gradatim.graph.errors import ArgumentError
from gradatim.ops.activations import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu6,
    selu,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)
from gradatim.ops.classification import cross_entropy, nll_loss
from gradatim.ops.draws import dropout_mask
from gradatim.ops.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from gradatim.tensor import Tensor, op

linear = ops.linear
one_hot = ops.one_hot
sigmoid = ops.sigmoid
tanh = ops.tanh


@op("Relu")
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0). The gradient at 0 is 0.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.relu(gd.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """
    return input.relu_() if inplace else ops.relu(input)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1ᵀ W input2 + b; shapes as for `nn.Bilinear`."""
    result = ops.einsum("...i,oij,...j->...o", input1, weight, input2)
    return result if bias is None else result + bias


def check_probability(p: float) -> None:
    """Refuse a dropout probability that is none."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, set each element to 0 with probability `p` and scale the others by 1/(1 - p).

    Args:
        input: any shape, floating.
        p: the probability that an element is dropped.
        training: False gives the input itself.
        inplace: overwrite the input.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> gd.nn.functional.dropout(gd.ones(6))
        tensor([0., 0., 2., 0., 2., 2.])
    """
    check_probability(p)
    if p == 0 or not training or input.numel() == 0:
        return input
    if p == 1:
        factor = ops.zeros((), dtype=input.dtype, device=input.device)
    else:
        factor = dropout_mask(tuple(input.shape), 1 - p, input.dtype) / (1 - p)
    return input.mul_(factor) if inplace else input * factor


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """The input divided by its p-norm along `dim`, or by `eps` where the norm is smaller.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.normalize(gd.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    return input / ops.clamp(input.norm(p, dim, keepdim=True), min=eps)


__all__ = [
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "check_probability",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]
