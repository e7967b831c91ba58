"""The elementary layers: Linear, Bilinear, Flatten, Unflatten, the Dropouts, Identity."""

from __future__ import annotations

import math
from typing import Any

from gradatim import ops
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.nn import functional as F
from gradatim.nn import init
from gradatim.nn.module import Module
from gradatim.nn.parameter import Parameter
from gradatim.ops.dropouts import check_probability
from gradatim.tensor import Tensor


class Identity(Module):
    """Gives its input. It takes any arguments, so that it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """x Wᵀ + b.

    The initial weights and biases are uniform on ±1/sqrt(in_features), drawn in this order.

    Args:
        in_features: size of the input's last dimension.
        out_features: size of the output's.
        bias: whether b is there.
        device, dtype: of the parameters.

    Attributes:
        weight: (out_features, in_features).
        bias: (out_features,) or None.

    Shape:
        (..., in_features) to (..., out_features).

    Raises:
        ShapeError: for an input whose last dimension is not `in_features`.
        DTypeError: for an input of another dtype than the weight's.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.Linear(3, 2)
        >>> layer(gd.zeros(5, 3)).shape
        torch.Size([5, 2])
    """

    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(ops.empty(out_features, in_features, device=device, dtype=dtype))
        self.bias = Parameter(ops.empty(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights and biases anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        try:
            return ops.linear(input, self.weight, self.bias)
        except ShapeError:
            if input.ndim and input.shape[-1] == self.in_features:
                raise
            raise ShapeError(
                f"expected {self.in_features} features in the last dimension of the input, got an "
                f"input of shape {tuple(input.shape)}"
            ) from None

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """x₁ᵀ W x₂ + b, one matrix W for each output feature.

    Attributes:
        weight: (out_features, in1_features, in2_features).
        bias: (out_features,) or None.

    Shape:
        (..., in1_features) and (..., in2_features) to (..., out_features).
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if in1_features <= 0:
            raise ArgumentError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(
            ops.empty(out_features, in1_features, in2_features, device=device, dtype=dtype)
        )
        self.bias = Parameter(ops.empty(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights and biases anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Flatten(Module):
    """Merges the dimensions from `start_dim` to `end_dim` into one.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.Flatten()(gd.zeros(64, 1, 28, 28)).shape
        torch.Size([64, 784])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits the dimension `dim` into several.

    Args:
        dim: which one.
        unflattened_size: its sizes; one of them may be -1.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.Unflatten(1, (1, 28, 28))(gd.zeros(64, 784)).shape
        torch.Size([64, 1, 28, 28])
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        super().__init__()
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Dropout(Module):
    """In training, sets each element to 0 with probability `p` and scales the others by 1/(1 - p);
    in evaluation, gives its input (Hinton et al., 2012).

    Args:
        p: the probability that an element is dropped.
        inplace: overwrite the input.

    Raises:
        ArgumentError: for a `p` that is not from 0 to 1.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        check_probability(p)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """In training, sets whole channels of (N, C, L) or (C, L) to 0 with probability `p`, and scales
    the others by 1/(1 - p); in evaluation, gives its input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(Dropout):
    """In training, sets whole channels of (N, C, H, W) to 0 with probability `p`, and scales the
    others by 1/(1 - p); in evaluation, gives its input (Tompson et al., 2015).
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(Dropout):
    """In training, sets whole channels of (N, C, D, H, W) or (C, D, H, W) to 0 with probability
    `p`, and scales the others by 1/(1 - p); in evaluation, gives its input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)
