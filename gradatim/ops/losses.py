"""Losses that compare two tensors of one shape: regression, binary labels, distributions.

Those that take class indices are in `classification.py`. Every loss ends in `reduce_loss`
(`loss_reduction.py`): "mean" and "sum" give a 0-d tensor, "none" keeps one number for each element.

Formulas and gradients are PyTorch's, at the kinks too.
"""

from __future__ import annotations

import warnings
from typing import Any

from gradatim import ops
from gradatim.autograd import Function
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, DTypeError
from gradatim.ops.activations import logsigmoid
from gradatim.ops.arguments import operands
from gradatim.ops.loss_reduction import choose_reduction, reduce_loss, takes_tensors
from gradatim.ops.reduce import mean_of_all
from gradatim.tensor import Tensor, handle, named, op


def _warn_if_sizes_differ(input: Tensor, target: Tensor) -> None:
    if target.dim() != input.dim() or target.shape != input.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            f"Please ensure they have the same size.",
            stacklevel=4,
        )


def _weighted(loss: Tensor, input: Tensor, weight: Tensor) -> Tensor:
    if weight.shape != input.shape:
        raise ArgumentError(
            f"Weights and input must have the same size: got a weight of shape "
            f"{tuple(weight.shape)} and an input of shape {tuple(input.shape)}"
        )
    return loss * weight


# --- regression ----------------------------------------------------------------------------------


def _mse_loss(input: Tensor, target: Tensor, reduction: str) -> Tensor:
    a, b = operands(input, target, "mse_loss")
    if not a.dtype.is_floating_point:
        return reduce_loss(ops.square(ops.sub(input, target)), reduction)
    squares = p.pow_(p.sub(a, b), p.constant(2, a.dtype, a.device))
    if reduction == "mean":
        return named(mean_of_all(squares), "MseLoss")
    if reduction == "none":
        return named(squares, "MseLoss")
    result = reduce_loss(handle(squares), reduction)
    result._op = "MseLoss"
    return result


@takes_tensors
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)², the squared error.

    Args:
        input: any shape, floating.
        target: the same shape; a shape that only broadcasts to it works, with a warning.
        reduction: "mean", "sum" or "none".
        weight: the shape of the input; "mean" then divides by the sum of the weights.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.mse_loss(gd.tensor([1.0, 2.0]), gd.tensor([1.0, 4.0]))
        tensor(2.)
    """
    _warn_if_sizes_differ(input, target)
    reduction = choose_reduction(size_average, reduce, reduction)
    if weight is None:
        return _mse_loss(input, target, reduction)
    loss = _weighted(ops.square(input - target), input, weight)
    return ops.sum(loss) / ops.sum(weight) if reduction == "mean" else reduce_loss(loss, reduction)


@takes_tensors
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|, the absolute error. Args are those of `mse_loss`.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.l1_loss(gd.tensor([1.0, 2.0]), gd.tensor([1.0, 4.0]))
        tensor(1.)
    """
    _warn_if_sizes_differ(input, target)
    reduction = choose_reduction(size_average, reduce, reduction)
    loss = ops.abs(input - target)
    if weight is None:
        return reduce_loss(loss, reduction)
    loss = _weighted(loss, input, weight)
    return ops.sum(loss) / ops.sum(weight) if reduction == "mean" else reduce_loss(loss, reduction)


def _rounded_corner(input: Tensor, target: Tensor, width: float) -> Tensor:
    """|d| with its corner rounded: d²/2 where |d| < width, and the straight line that continues it
    elsewhere (Huber, 1964). With c = min(|d|, width), both pieces are c · (|d| - c/2).
    """
    distance = ops.abs(input - target)
    near = ops.clamp(distance, max=width)
    return near * (distance - 0.5 * near)


@op("SmoothL1Loss")
def _smooth_l1_loss(input: Tensor, target: Tensor, reduction: str, beta: float) -> Tensor:
    loss = _rounded_corner(input, target, beta)
    return reduce_loss(loss if beta == 1 else loss / beta, reduction)


@takes_tensors
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """The absolute error less beta/2, and d²/(2 · beta) where it is below `beta` (Girshick, 2015).

    Args:
        input, target, reduction: as for `mse_loss`.
        beta: where the parabola ends; 0 is `l1_loss`.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.smooth_l1_loss(gd.tensor([0.5, 4.0]), gd.zeros(2), reduction="none")
        tensor([0.1250, 3.5000])
    """
    _warn_if_sizes_differ(input, target)
    reduction = choose_reduction(size_average, reduce, reduction)
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    if beta == 0:
        return reduce_loss(ops.abs(input - target), reduction)
    return _smooth_l1_loss(input, target, reduction, beta)


@op("HuberLoss")
def _huber_loss(input: Tensor, target: Tensor, reduction: str, delta: float) -> Tensor:
    return reduce_loss(_rounded_corner(input, target, delta), reduction)


@takes_tensors
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d²/2 where the error d is below `delta`, delta · (|d| - delta/2) elsewhere (Huber, 1964).

    Args:
        input, target, reduction: as for `mse_loss`.
        delta: where the parabola ends, positive.
        weight: the shape of the input; "mean" divides by the number of elements all the same.
    """
    _warn_if_sizes_differ(input, target)
    if delta <= 0:
        raise ArgumentError(
            f"huber_loss does not support non-positive values for delta, got {delta}"
        )
    if weight is None:
        return _huber_loss(input, target, reduction, delta)
    return reduce_loss(
        _weighted(_huber_loss(input, target, "none", delta), input, weight), reduction
    )


# --- binary labels -------------------------------------------------------------------------------


class _BinaryCrossEntropy(Function):
    """-t log(p) - (1 - t) log(1 - p), elementwise, with logarithms cut at -100.

    Its gradient is written out because the formula's own would be 0/0 where p is exactly 0 or 1,
    which a saturated sigmoid reaches: (p - t) / max(p (1 - p), 1e-12).
    """

    @staticmethod
    def forward(ctx: Any, probability: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(probability, target)
        log_p = ops.clamp(ops.log(probability), min=-100)
        log_q = ops.clamp(ops.log1p(-probability), min=-100)
        return (target - 1) * log_q - target * log_p

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor | None]:
        probability, target = ctx.saved_tensors
        spread = ops.clamp(probability * (1 - probability), min=1e-12)
        grad_probability = grad_output * (probability - target) / spread
        if not ctx.needs_input_grad[1]:
            return grad_probability, None
        return grad_probability, grad_output * (ops.log1p(-probability) - ops.log(probability))


@op("BinaryCrossEntropy")
def _binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str
) -> Tensor:
    loss = _BinaryCrossEntropy.apply(input, target)
    return reduce_loss(loss if weight is None else loss * weight, reduction)


@takes_tensors
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-t · log(p) - (1 - t) · log(1 - p) of probabilities p and labels t.

    Prefer `binary_cross_entropy_with_logits`, which keeps its precision where p is near 0 or 1.

    Args:
        input: probabilities from 0 to 1, any shape (a number outside gives NaN).
        target: the same shape and dtype, from 0 to 1.
        weight: broadcasts to the input, multiplies each element's loss.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for a target of another shape.
        DTypeError: for a target of another dtype.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.binary_cross_entropy(gd.tensor([0.5, 0.5]), gd.tensor([1.0, 0.0]))
        tensor(0.6931)
    """
    reduction = choose_reduction(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ArgumentError(
            f"binary_cross_entropy expects a target of the input's shape {tuple(input.shape)}, "
            f"got {tuple(target.shape)}: reshape one, for instance with target.reshape(input.shape)"
        )
    if target.dtype is not input.dtype:
        raise DTypeError(
            f"binary_cross_entropy expects a target of the input's dtype {input.dtype}, got "
            f"{target.dtype}: cast it with target.to(input.dtype)"
        )
    return _binary_cross_entropy(input, target, weight, reduction)


@op("BinaryCrossEntropyWithLogits")
def _binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    pos_weight: Tensor | None,
    reduction: str,
) -> Tensor:
    log_p = logsigmoid(input)
    if pos_weight is not None:
        log_p = log_p * ((pos_weight - 1) * target + 1)
    loss = (1 - target) * input - log_p
    return reduce_loss(loss if weight is None else loss * weight, reduction)


@takes_tensors
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), computed so that it never overflows.

    Args:
        input: logits, any shape.
        target: the same shape, from 0 to 1.
        weight: broadcasts to the input, multiplies each element's loss.
        reduction: "mean", "sum" or "none".
        pos_weight: broadcasts to the target, multiplies the loss of positive labels.

    Raises:
        ArgumentError: for a target of another shape.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.binary_cross_entropy_with_logits(gd.tensor([-99.0]), gd.tensor([1.0]))
        tensor(99.)
    """
    reduction = choose_reduction(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ArgumentError(
            f"Target size {tuple(target.shape)} must be the same as input size "
            f"{tuple(input.shape)}: reshape one, for instance with target.reshape(input.shape)"
        )
    return _binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


# --- distributions -------------------------------------------------------------------------------


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """t · (log(t) - input), the Kullback-Leibler divergence of log-probabilities from `target`.

    Args:
        input: log-probabilities, (N, ...).
        target: probabilities, or with `log_target` their logarithms; broadcasts with the input.
        reduction: "batchmean" (the sum divided by N, the divergence of the literature), "mean"
            (divided by the number of elements, with a warning), "sum" or "none".

    Example:
        >>> import gradatim as gd
        >>> p, q = gd.tensor([[0.5, 0.5]]), gd.tensor([[0.25, 0.75]])
        >>> gd.nn.functional.kl_div(q.log(), p, reduction="batchmean")
        tensor(0.1438)
    """
    if size_average is not None or reduce is not None:
        reduction = choose_reduction(size_average, reduce, reduction)
    elif reduction == "mean":
        warnings.warn(
            "kl_div: reduction='mean' divides by the number of elements; 'batchmean' divides by "
            "the batch size, which is the Kullback-Leibler divergence.",
            stacklevel=3,
        )
    if log_target:
        loss = ops.exp(target) * (target - input)
    else:
        loss = ops.xlogy(target, target) - target * input
    if reduction == "batchmean":
        total = ops.sum(loss)
        return total / input.shape[0] if input.ndim else total
    return reduce_loss(loss, reduction)
