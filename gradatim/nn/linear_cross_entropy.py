"""LinearCrossEntropyLoss as a module: the last layer of a classifier and its loss in one."""

from __future__ import annotations

import math
from typing import Any

from gradatim.graph.errors import ShapeError
from gradatim.nn import functional as F
from gradatim.nn.layers import Linear
from gradatim.nn.losses import _WeightedLoss
from gradatim.ops.linear_cross_entropy import LinearCrossEntropyOptions
from gradatim.tensor import Tensor


class LinearCrossEntropyLoss(_WeightedLoss):
    """The mean cross entropy of a linear layer's results.

    Args:
        in_features: size of each sample.
        num_classes: C.
        out_features: (d1, ...), for a loss at each of these places.
        bias: whether the linear layer has a bias.
        device, dtype: of the linear layer.
        reduction, weight, ignore_index, label_smoothing, options: as for
            `functional.linear_cross_entropy`.

    Attributes:
        linear: the layer, with a weight (C · d1 · ..., in_features).

    Shape:
        input (N, in_features) or (in_features,); target of class indices (N,), () or (N, d1, ...),
        or of probabilities in the logits' shape (N, C, d1, ...).

    Raises:
        ShapeError: for a weight that has not a number for each class, and a smoothing that is not
            from 0 to 1.

    Example:
        >>> import gradatim as gd
        >>> loss = gd.nn.LinearCrossEntropyLoss(5, 10)
        >>> loss(gd.zeros(3, 5), gd.tensor([0, 4, 9]))
        tensor(2.3026, grad_fn=<NllLossBackward0>)
    """

    def __init__(
        self, in_features: int, num_classes: int, *, out_features: tuple[int, ...] = (),
        bias: bool = False, device: Any = None, dtype: Any = None, reduction: str = "mean",
        weight: Tensor | None = None, ignore_index: int | None = None,
        label_smoothing: float = 0.0, options: LinearCrossEntropyOptions | None = None,
    ):  # fmt: skip
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(
                f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise ShapeError(
                f"expected label_smoothing to be in range [0, 1], got {label_smoothing}"
            )
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.linear = Linear(
            in_features, math.prod(out_features, start=num_classes), bias, device, dtype
        )
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        weight, bias = self.linear.weight, self.linear.bias
        if self.out_features:
            shape = (self.num_classes, *self.out_features)
            weight = weight.reshape(*shape, -1)
            bias = None if bias is None else bias.reshape(shape)
        return F.linear_cross_entropy(
            input, weight, target, linear_bias=bias, weight=self.weight, reduction=self.reduction,
            ignore_index=self.ignore_index, label_smoothing=self.label_smoothing,
            options=self.options,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
