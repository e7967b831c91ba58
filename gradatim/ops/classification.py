"""Losses that know the right class: `nll_loss` of log-probabilities, `cross_entropy` of logits.

The classes are along axis 1 of the input, (N, C) or (N, C, d1, d2, ...), or along axis 0 of an
input without batch, (C,). A target is a tensor of class indices of the input's shape without the
class axis; `cross_entropy` also takes probabilities, in the input's shape.
"""

from __future__ import annotations

from gradatim import ops
from gradatim.graph.dtypes import int64, uint8
from gradatim.graph.errors import ArgumentError, DTypeError, ElementOutOfRange, ShapeError
from gradatim.ops._places import known_values
from gradatim.ops.activations import log_softmax
from gradatim.ops.loss_reduction import choose_reduction, reduce_loss, takes_tensors
from gradatim.tensor import Tensor, op


def _class_axis(name: str, input: Tensor) -> int:
    if input.ndim == 0:
        raise ArgumentError(
            f"{name} expects an input of 1 or more dimensions, (classes,) or (batch, classes, ...),"
            f" got a 0-d tensor"
        )
    return 0 if input.ndim == 1 else 1


def _check_indices(name: str, input: Tensor, target: Tensor, axis: int) -> None:
    """That `target` can be the class indices of `input`.

    Raises:
        DTypeError: for a dtype other than int64 and uint8.
        ArgumentError: for another batch size.
        ShapeError: for any other difference in shape.
    """
    given = f"got input {tuple(input.shape)} and target {tuple(target.shape)}"
    expected = (*input.shape[:axis], *input.shape[axis + 1 :])
    if target.ndim and axis and target.shape[0] != input.shape[0]:
        raise ArgumentError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size "
            f"({target.shape[0]}): {given}"
        )
    if target.dtype is not int64 and target.dtype is not uint8:
        advice = "cast them with target.long()"
        if tuple(target.shape) == tuple(input.shape):
            advice = "make them of one-hot rows with target.argmax(1), or use cross_entropy"
        elif target.ndim == input.ndim:
            advice = f"class probabilities must have the input's shape {tuple(input.shape)}"
        raise DTypeError(
            f"{name} expects class indices of dtype int64 as target, got {target.dtype} of shape "
            f"{tuple(target.shape)}: {advice}"
        )
    if tuple(target.shape) == expected:
        return
    advice = ""
    if target.ndim > len(expected):
        advice = "; make indices of one-hot rows with target.argmax(1)"
        if target.numel() == input.numel() // max(input.shape[axis], 1):
            advice = "; drop the axis of size 1 with target.squeeze(1)"
    raise ShapeError(
        f"{name}: expected target size {list(expected)} of class indices (the input's shape "
        f"without the class axis), {given}{advice}"
    )


def _check_classes(target: Tensor, classes: int, ignore_index: int) -> None:
    """Refuse a class that is none, at once where the targets are known: the usual case. Others are
    refused where they are computed, by `gather`."""
    known = known_values(target)
    if known is None or not known.size or 0 <= known.min() <= known.max() < classes:
        return
    wrong = known[((known < 0) | (known >= classes)) & (known != ignore_index)]
    if wrong.size:
        raise ElementOutOfRange(
            f"Target {wrong[0]} is out of bounds: the {classes} classes of the input are numbered "
            f"from 0 to {classes - 1}"
        )


def _check_weight(weight: Tensor | None, classes: int) -> None:
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {list(weight.shape)}"
        )


def _negative_log_likelihood(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    axis: int,
) -> Tensor:
    if target.dtype is uint8:
        target = target.to(int64)
    _check_classes(target, input.shape[axis], ignore_index)
    counted = target != ignore_index
    index = ops.where(counted, target, 0)  # ignore_index itself may lie outside the classes
    picked = ops.gather(input, axis, index.unsqueeze(axis)).squeeze(axis)
    if weight is None:
        loss = ops.where(counted, -picked, 0.0)
    else:
        weights = ops.where(counted, weight[index], 0.0)
        loss = ops.where(counted, -picked * weights, 0.0)
    if reduction == "mean":
        return ops.sum(loss) / ops.sum(counted if weight is None else weights)
    return reduce_loss(loss, reduction)


_nll_loss = op("NllLoss")(_negative_log_likelihood)
_nll_loss_2d = op("NllLoss2D")(_negative_log_likelihood)


@takes_tensors
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[target], the negative log-likelihood of the right class.

    Args:
        input: log-probabilities, (N, C), (C,) or (N, C, d1, ...).
        target: class indices, int64, (N,), () or (N, d1, ...).
        weight: (C,), multiplies the loss of each class; "mean" divides by the sum of the weights.
        ignore_index: targets with this value count for nothing.
        reduction: "mean" (over the targets that count), "sum" or "none".

    Raises:
        DTypeError, ShapeError, ArgumentError: for a target that does not fit.
        IndexOutOfRange: for an index outside the classes, when the loss is computed.

    Example:
        >>> import gradatim as gd
        >>> log_p = gd.tensor([[-1.0, -2.0], [-3.0, -4.0]])
        >>> gd.nn.functional.nll_loss(log_p, gd.tensor([0, 1]))
        tensor(2.5000)
    """
    reduction = choose_reduction(size_average, reduce, reduction)
    axis = _class_axis("nll_loss", input)
    _check_indices("nll_loss", input, target, axis)
    _check_weight(weight, input.shape[axis])
    if weight is not None and weight.dtype is not input.dtype:
        raise DTypeError(
            f"nll_loss: expected scalar type {input.dtype.name} but found {weight.dtype.name}: "
            f"cast the weight with weight.to(input.dtype)"
        )
    loss = _nll_loss if input.ndim <= 2 else _nll_loss_2d
    return loss(input, target, weight, ignore_index, reduction, axis)


@takes_tensors
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log(softmax(input)) of the right class.

    Args:
        input: logits, (N, C), (C,) or (N, C, d1, ...).
        target: class indices as for `nll_loss`, or probabilities, floating, of the input's shape.
        weight: (C,), multiplies the loss of each class.
        ignore_index: index targets with this value count for nothing.
        reduction: "mean", "sum" or "none". With indices and weights, "mean" divides by the sum of
            the weights; with probabilities, by the batch size.
        label_smoothing: this share of each target is spread evenly over the classes
            (Szegedy et al., 2016).

    Raises:
        DTypeError, ShapeError, ArgumentError: for a target that does not fit.
        IndexOutOfRange: for an index outside the classes, when the loss is computed.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.cross_entropy(gd.tensor([[2.0, 0.0, 0.0]]), gd.tensor([0]))
        tensor(0.2395)
    """
    reduction = choose_reduction(size_average, reduce, reduction)
    axis = _class_axis("cross_entropy", input)
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    _check_weight(weight, input.shape[axis])
    if target.shape == input.shape:
        return _with_probabilities(
            input, target, weight, ignore_index, reduction, label_smoothing, axis
        )
    _check_indices("cross_entropy", input, target, axis)
    log_probabilities = log_softmax(input, axis)
    loss = nll_loss(log_probabilities, target, weight, None, ignore_index, None, reduction)
    if label_smoothing == 0:
        return loss
    even = _even_loss(log_probabilities, target, weight, ignore_index, reduction, axis)
    return (1 - label_smoothing) * loss + (label_smoothing / input.shape[axis]) * even


def _along(axis: int, weight: Tensor, ndim: int) -> Tensor:
    """The class weights in a shape that broadcasts along the class axis."""
    return weight.reshape(*[-1 if k == axis else 1 for k in range(ndim)])


def _even_loss(
    log_probabilities: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    axis: int,
) -> Tensor:
    """The loss of a target that is every class at once: what label smoothing mixes in."""
    if weight is not None:
        weighted = log_probabilities * _along(axis, weight, log_probabilities.ndim)
    else:
        weighted = log_probabilities
    counted = target != ignore_index
    loss = ops.where(counted, -ops.sum(weighted, axis), 0.0)
    if reduction != "mean":
        return reduce_loss(loss, reduction)
    if weight is None:
        return ops.sum(loss) / ops.sum(counted)
    index = ops.where(counted, target, 0)
    return ops.sum(loss) / ops.sum(ops.where(counted, weight[index.to(int64)], 0.0))


@op("Div:1")
def _mean_over_batch(product: Tensor, classes: int) -> Tensor:
    return -ops.sum(product) / (product.numel() / max(classes, 1))


def _with_probabilities(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
    axis: int,
) -> Tensor:
    if not target.dtype.is_floating_point:
        raise DTypeError(
            f"Expected floating point type for target with class probabilities, got {target.dtype}:"
            f" a target of the input's shape {tuple(input.shape)} holds probabilities. Cast "
            f"one-hot rows with target.float(), or make indices of them with target.argmax({axis})"
        )
    if ignore_index >= 0:
        raise ArgumentError(
            f"ignore_index is not supported for floating point target, got {ignore_index}"
        )
    classes = input.shape[axis]
    if label_smoothing > 0:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    product = log_softmax(input, axis) * target
    if weight is not None:
        product = product * _along(axis, weight, input.ndim)
    if reduction == "mean":
        return _mean_over_batch(product, classes)
    if reduction == "none":
        return -ops.sum(product, axis)
    return -reduce_loss(product, reduction)
