"""Cross entropy of a linear layer's results, for vocabularies so large that the logits of a whole
batch are the largest thing in memory.

In chunks, the logits of a few rows are there at a time: the loop goes over the rows' losses, and
backward() goes over them once more, making the logits anew (Wijmans et al., 2025).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

from gradatim import ops
from gradatim.autograd import Function
from gradatim.graph.dtypes import DType, float32, int64
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.ops.classification import cross_entropy
from gradatim.ops.linear import linear
from gradatim.ops.loops import scan
from gradatim.ops.loss_reduction import need_tensors, reduce_loss
from gradatim.tensor import Tensor

__all__ = ["linear_cross_entropy"]


@dataclass(frozen=True, slots=True)
class LinearCrossEntropyOptions:
    """How `linear_cross_entropy` goes over the batch in chunks.

    Attributes:
        allow_retain_graph: accepted: here backward() can always be called again.
        batch_chunk_size: rows in a chunk; None leaves it to `chunking_method`.
        chunking_method: "aspect_ratio" makes the logits of a chunk about as large as the input,
            "aspect_ratio:N" an Nth of that; "auto" is "aspect_ratio:2" in float32 and float64,
            "aspect_ratio" in half precision. None is one chunk, or `batch_chunk_size`.
        acc_policy: "accurate", "balanced", "compact" or "auto". Sums are always as for "accurate".
        acc_dtype: what to compute in; None is float32 for half precision, else the input's dtype.

    Raises:
        ArgumentError: for anything else.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: DType | None = None

    def __post_init__(self) -> None:
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ArgumentError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto"):
            _parts_of_aspect(self.chunking_method)  # type: ignore[arg-type]
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ArgumentError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype is not None and not (
            isinstance(self.acc_dtype, DType) and self.acc_dtype.is_floating_point
        ):
            raise ArgumentError(
                f"acc_dtype must be a floating dtype or None, got {self.acc_dtype!r}"
            )

    def rows_in_a_chunk(self, rows: int, features: int, classes: int, dtype: DType) -> int:
        """The size of a chunk, for a batch of this many rows."""
        method = self.chunking_method
        if method == "auto":
            default = "aspect_ratio" if dtype.itemsize == 2 else "aspect_ratio:2"
            method = default if self.batch_chunk_size is None else None
        if method is None:
            return max(1, min(self.batch_chunk_size or rows, rows))
        share = -(-rows // max(-(-classes // max(features, 1)), 1))
        size = 1 << max(share - 1, 0).bit_length()  # the next power of two
        size = max(1, min(size // _parts_of_aspect(method), rows))
        if self.batch_chunk_size not in (None, size):
            raise ArgumentError(
                f"batch_chunk_size (={self.batch_chunk_size}) and chunking_method ('{method}') "
                f"give different chunk sizes ({self.batch_chunk_size} vs {size}); pass only one."
            )
        return size


def _parts_of_aspect(method: str) -> int:
    name, colon, number = method.partition(":")
    number = number if colon else "1"
    if name != "aspect_ratio" or not number.isdigit() or not int(number):
        raise ArgumentError(f"invalid chunking_method: {method!r}")
    return int(number)


def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
    weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None,
    label_smoothing: float = 0.0, options: LinearCrossEntropyOptions | None = None,
) -> Tensor:  # fmt: skip
    """`cross_entropy` of the logits `linear(input, linear_weight, linear_bias)`.

    Args:
        input: (N, in_features) or (in_features,).
        linear_weight: (C, in_features), or (C, d1, ..., in_features) for a loss at each of d1, ...
        target: class indices (N,), () or (N, d1, ...), or probabilities of the logits' shape.
        linear_bias: (C,) or (C, d1, ...).
        weight, reduction, label_smoothing: as for `cross_entropy`.
        ignore_index: for indices alone; -100 if not given.
        options: go over the batch in chunks, so that the logits are never there as a whole. It is
            for index targets without smoothing and without d1, ...; others take no notice of it.

    Raises:
        ShapeError, DTypeError, ArgumentError: for operands that do not fit.

    Example:
        >>> import gradatim as gd
        >>> x, w = gd.tensor([[1.0, 2.0]]), gd.zeros(4, 2)
        >>> gd.nn.functional.linear_cross_entropy(x, w, gd.tensor([3]))
        tensor(1.3863)
    """
    need_tensors("linear_cross_entropy", input=input, linear_weight=linear_weight, target=target)
    shape = _logits_shape(input, linear_weight, linear_bias)
    if tuple(target.shape) == shape and ignore_index is not None:
        raise ShapeError("ignore_index cannot be specified when target contains probabilities")
    ignore = -100 if ignore_index is None else ignore_index
    if options is not None:
        if len(shape) <= 2 and label_smoothing == 0 and target.dtype is int64:
            return _by_chunks(
                input, linear_weight, target, linear_bias, weight, reduction, ignore, options
            )
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunks need label_smoothing == 0, targets "
            "of class indices, and a linear_weight of two dimensions",
            stacklevel=2,
        )
    if linear_weight.ndim > 2:
        linear_weight = linear_weight.flatten(0, -2)
        linear_bias = None if linear_bias is None else linear_bias.flatten()
    logits = linear(input, linear_weight, linear_bias).reshape(shape)
    result: Tensor = cross_entropy(
        logits, target, weight=weight, reduction=reduction, ignore_index=ignore,
        label_smoothing=label_smoothing,
    )  # fmt: skip
    return result


def _logits_shape(
    input: Tensor, linear_weight: Tensor, linear_bias: Tensor | None
) -> tuple[int, ...]:
    if input.ndim not in (1, 2):
        raise ShapeError(f"expected input with dimensionality 1 or 2, got {input.ndim}")
    if linear_weight.ndim < 2:
        raise ShapeError(
            f"expected linear_weight with dimensionality at least 2, got {linear_weight.ndim}"
        )
    if input.shape[-1] != linear_weight.shape[-1]:
        raise ShapeError(
            f"expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {linear_weight.shape[-1]}, respectively"
        )
    outputs = tuple(linear_weight.shape[:-1])
    if linear_bias is not None and tuple(linear_bias.shape) != outputs:
        raise ShapeError(f"expected linear_bias shape {outputs}, got {tuple(linear_bias.shape)}")
    if len(outputs) > 1 and input.ndim == 1:
        raise ShapeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} "
            f"requires batched input, (N, {input.shape[-1]}), got unbatched input with shape "
            f"{tuple(input.shape)}"
        )
    return (*input.shape[:-1], *outputs)


# --- in chunks -----------------------------------------------------------------------------------


def _by_chunks(
    input: Tensor, linear_weight: Tensor, target: Tensor, linear_bias: Tensor | None,
    weight: Tensor | None, reduction: str, ignore_index: int, options: LinearCrossEntropyOptions,
) -> Tensor:  # fmt: skip
    rows = input.reshape(-1, input.shape[-1])
    labels = target.reshape(-1)
    count, features = rows.shape
    if len(labels) != count:
        raise ShapeError(
            f"linear_cross_entropy: expected {count} class indices, got target "
            f"{tuple(target.shape)}"
        )
    size = options.rows_in_a_chunk(count, features, len(linear_weight), input.dtype)
    wide = options.acc_dtype
    if wide is None:
        wide = float32 if input.dtype.itemsize == 2 else input.dtype
    counted = labels != ignore_index
    labels = ops.where(counted, labels, 0)
    bias = ops.zeros(len(linear_weight), dtype=input.dtype) if linear_bias is None else linear_bias
    losses = _RowLosses.apply(rows, linear_weight, bias, labels, size, wide)
    shares = counted.to(wide)
    if weight is not None:
        shares = ops.where(counted, weight[labels].to(wide), 0.0)
    losses = ops.where(counted, losses, 0.0) * shares
    if reduction == "mean":
        result = ops.sum(losses) / ops.sum(shares)
    else:
        result = reduce_loss(losses, reduction)
        result = result.reshape(tuple(target.shape)) if reduction == "none" else result
    return result.to(input.dtype)


class _RowLosses(Function):
    """-log(softmax(x Wᵀ + b)) of the right class, for each row, in chunks of rows."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, size: int, wide: DType
    ) -> Tensor:
        ctx.save_for_backward(rows, weight, bias, labels)
        ctx.size, ctx.wide = size, wide

        def step(carry: None, x: tuple[Tensor, Tensor]) -> tuple[None, Tensor]:
            chunk, right = x
            logits = linear(chunk, weight, bias).to(wide)
            picked = ops.gather(logits, 1, right.unsqueeze(1)).squeeze(1)
            return None, ops.logsumexp(logits, 1) - picked

        losses: Tensor = scan(step, None, (_chunks(rows, size), _chunks(labels, size)))[1]
        return losses.reshape(-1)[: len(rows)]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        rows, weight, bias, labels = ctx.saved_tensors
        size, wide = ctx.size, ctx.wide
        classes = len(weight)

        def step(carry: Any, x: tuple[Tensor, Tensor, Tensor]) -> Any:
            grad_weight, grad_bias = carry
            chunk, right, g = x
            shares = ops.softmax(linear(chunk, weight, bias).to(wide), 1)
            is_right = ops.arange(classes) == right.unsqueeze(1)
            grad_logits = (shares - is_right.to(wide)) * g.unsqueeze(1)
            grad_weight = grad_weight + grad_logits.T @ chunk.to(wide)
            grad_bias = grad_bias + ops.sum(grad_logits, 0)
            return (grad_weight, grad_bias), grad_logits @ weight.to(wide)

        zeros = ops.zeros_like(weight, dtype=wide), ops.zeros(classes, dtype=wide)
        grads = _chunks(grad_output.to(wide), size)
        (grad_weight, grad_bias), grad_rows = scan(
            step, zeros, (_chunks(rows, size), _chunks(labels, size), grads)
        )
        grad_rows = grad_rows.reshape(-1, rows.shape[1])[: len(rows)]
        return grad_rows, grad_weight, grad_bias, None, None, None


def _chunks(x: Tensor, size: int) -> Tensor:
    """(N, ...) as (chunks, size, ...), with zeros behind the last row."""
    missing = -len(x) % size
    if missing:
        x = ops.pad(x, (*(0, 0) * (x.ndim - 1), 0, missing))
    return x.reshape(math.ceil(len(x) / size), size, *x.shape[1:])
