"""The layers without parameters, as functions: `import gradatim.nn.functional as F`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from gradatim import ops
from gradatim.graph.errors import ShapeError
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
from gradatim.ops.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d,
    adaptive_max_pool2d_with_indices,
    adaptive_max_pool3d,
    adaptive_max_pool3d_with_indices,
)
from gradatim.ops.attention import scaled_dot_product_attention
from gradatim.ops.classification import cross_entropy, nll_loss
from gradatim.ops.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_tbc,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from gradatim.ops.ctc import ctc_loss
from gradatim.ops.distances import cosine_similarity, pairwise_distance
from gradatim.ops.dropouts import (
    alpha_dropped,
    dropped,
    gumbel_softmax,
)
from gradatim.ops.embedding import embedding, embedding_bag
from gradatim.ops.fractional_pooling import (
    fractional_max_pool2d,
    fractional_max_pool2d_with_indices,
    fractional_max_pool3d,
    fractional_max_pool3d_with_indices,
)
from gradatim.ops.grid_sampling import affine_grid, grid_sample
from gradatim.ops.interpolation import (
    interpolate,
    upsample,
    upsample_bilinear,
    upsample_nearest,
)
from gradatim.ops.likelihood_losses import gaussian_nll_loss, poisson_nll_loss
from gradatim.ops.linear_cross_entropy import linear_cross_entropy
from gradatim.ops.loss_reduction import need_tensors
from gradatim.ops.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from gradatim.ops.margin_losses import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from gradatim.ops.multi_head_attention import multi_head_attention_forward
from gradatim.ops.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    rms_norm,
)
from gradatim.ops.norms import pdist
from gradatim.ops.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
    max_pool3d_with_indices,
)
from gradatim.ops.power_pooling import lp_pool1d, lp_pool2d, lp_pool3d
from gradatim.ops.shuffling import (
    channel_shuffle,
    native_channel_shuffle,
    pixel_shuffle,
    pixel_unshuffle,
)
from gradatim.ops.unfolding import fold, unfold
from gradatim.ops.unpooling import max_unpool1d, max_unpool2d, max_unpool3d
from gradatim.tensor import Tensor, op

linear = ops.linear
one_hot = ops.one_hot
pad = ops.pad
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


def _in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`relu_` of `relu`: the same with `inplace=True`."""

    def call(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, **kwargs, inplace=True)

    call.__name__ = f"{function.__name__}_"
    call.__doc__ = f"`{function.__name__}`, written into the input."
    return call


relu_ = _in_place(relu)
elu_ = _in_place(elu)
selu_ = _in_place(selu)
celu_ = _in_place(celu)
leaky_relu_ = _in_place(leaky_relu)
hardtanh_ = _in_place(hardtanh)
threshold_ = _in_place(threshold)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1ᵀ W input2 + b; shapes as for `nn.Bilinear`."""
    need_tensors("bilinear", input1=input1, input2=input2, weight=weight)
    for position, (given, size) in enumerate(zip((input1, input2), weight.shape[1:]), 1):
        if given.shape[-1:] != (size,):
            raise ShapeError(
                f"bilinear(): expected {size} features in the last dimension of input{position}, "
                f"got an input of shape {tuple(given.shape)}"
            )
    if input1.shape[:-1] != input2.shape[:-1]:
        raise ShapeError(
            f"bilinear(): the inputs must have the same shape but for the last dimension, got "
            f"{tuple(input1.shape)} and {tuple(input2.shape)}"
        )
    result = ops.einsum("...i,oij,...j->...o", input1, weight, input2)
    return result if bias is None else result + bias


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
        tensor([0., 0., 2., 0., 0., 0.])
    """
    return dropped(input, p, training, inplace, None)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, set whole channels of (N, C, L) or (C, L) to 0 with probability `p`, and scale
    the others by 1/(1 - p).
    """
    if input.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input")
    return dropped(input, p, training, inplace, input.ndim - 1)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, set whole channels of (N, C, H, W) or (N, C, L) to 0 with probability `p`, and
    scale the others by 1/(1 - p) (Tompson et al., 2015).
    """
    if input.ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {input.ndim}-D input to dropout2d; expected 3-D or 4-D",
            stacklevel=2,
        )
    return dropped(input, p, training, inplace, 2)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, set whole channels of (N, C, D, H, W) or (C, D, H, W) to 0 with probability `p`,
    and scale the others by 1/(1 - p).
    """
    if input.ndim not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {input.ndim}-D input to dropout3d; expected 4-D or 5-D",
            stacklevel=2,
        )
    return dropped(input, p, training, inplace, 1 if input.ndim == 4 else 2)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """In training, set each element to the lowest value of SELU with probability `p`, then scale
    and shift all so that a mean of 0 and a variance of 1 stay (Klambauer et al., 2017).

    Args:
        input: any shape, floating.
        p: the probability that an element is dropped.
        training: False gives the input itself.
        inplace: overwrite the input.
    """
    return alpha_dropped(input, p, training, inplace, None)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, ...)."""
    return alpha_dropped(input, p, training, inplace, 2)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """`gradatim.rrelu`, perhaps written into the input: x where it is positive, else x times a
    slope that is drawn in training (Xu et al., 2015)."""
    result = ops.rrelu(input, lower, upper, training)
    return input.copy_(result) if inplace else result


rrelu_ = _in_place(rrelu)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """The input divided by its p-norm along `dim`, or by `eps` where the norm is smaller.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.normalize(gd.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    return input / ops.clamp(input.norm(p, dim, keepdim=True), min=eps)


__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "fold",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "linear_cross_entropy",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "multi_head_attention_forward",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "native_channel_shuffle",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
