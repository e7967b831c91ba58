"""Normalizations as layers. The formulas are in `ops/normalization.py`."""

from __future__ import annotations

import warnings
from typing import Any

from gradatim import ops
from gradatim.graph import dtypes
from gradatim.graph.errors import ArgumentError, ZeroDivisor
from gradatim.nn import functional as F
from gradatim.nn import init
from gradatim.nn.module import Module
from gradatim.nn.parameter import Parameter
from gradatim.ops.normalization import check_batch
from gradatim.tensor import Tensor

# --- with running statistics ---------------------------------------------------------------------


class _Running(Module):
    """What batch and instance normalization share: parameters and running statistics."""

    _version = 2  # 1 had no num_batches_tracked

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def _build(
        self, num_features: int, eps: float, momentum: float | None, affine: bool,
        track_running_stats: bool, bias: bool, device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        kind = {"device": device, "dtype": dtype}
        self.weight = Parameter(ops.ones(num_features, **kind)) if affine else None
        self.bias = Parameter(ops.zeros(num_features, **kind)) if affine and bias else None
        tracks = track_running_stats
        self.register_buffer("running_mean", ops.zeros(num_features, **kind) if tracks else None)
        self.register_buffer("running_var", ops.ones(num_features, **kind) if tracks else None)
        count = ops.tensor(0, dtype=dtypes.int64, device=device) if tracks else None
        self.register_buffer("num_batches_tracked", count)

    def reset_running_stats(self) -> None:
        """Forget every batch seen."""
        if self.track_running_stats:
            self.running_mean.zero_()  # type: ignore[union-attr]
            self.running_var.fill_(1)  # type: ignore[union-attr]
            self.num_batches_tracked.zero_()  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Set everything to what it was at first."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any
    ) -> None:
        version = local_metadata.get("version")
        name = f"{prefix}num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and name not in state_dict:
            state_dict[name] = self.num_batches_tracked
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class _BatchNorm(_Running):
    """Batch normalization (Ioffe and Szegedy, 2015): each channel less its mean, divided by its
    standard deviation, times a weight, plus a bias.

    In training, mean and variance are those of the batch, and the running ones move towards them;
    in evaluation they are the running ones.

    Args:
        num_features: C, how many channels the input has.
        eps: added to the variance.
        momentum: how far the running values move, from 0 to 1; None: they are the plain means over
            all batches seen.
        affine: whether weight and bias are there.
        track_running_stats: whether running values are there; else those of the batch are used in
            evaluation too.
        device, dtype: of the parameters and running values.
        bias: whether the bias is there.

    Attributes:
        weight, bias: (C,) or None; ones and zeros at first.
        running_mean, running_var: (C,), zeros and ones at first.
        num_batches_tracked: 0-d int64.

    Raises:
        ArgumentError: for an input of another number of dimensions, and in training for a single
            value for each channel.
        ShapeError: for another number of channels.
    """

    dimensions: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        self._build(num_features, eps, momentum, affine, track_running_stats, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        self._check_dimensions(input)
        mean, var = self.running_mean, self.running_var
        training = self.training or (mean is None and var is None)
        momentum: Any = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            if training:
                check_batch(tuple(input.shape))  # before anything is written
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / self.num_batches_tracked.double()
        if self.training and not self.track_running_stats:
            mean = var = None
        return F.batch_norm(input, mean, var, self.weight, self.bias, training, momentum, self.eps)

    def _check_dimensions(self, input: Tensor) -> None:
        if input.ndim not in self.dimensions:
            expected = " or ".join(f"{n}D" for n in self.dimensions)
            raise ArgumentError(f"expected {expected} input (got {input.ndim}D input)")


class BatchNorm1d(_BatchNorm):
    __doc__ = f"""{_BatchNorm.__doc__}
    Shape:
        (N, C) or (N, C, L), and the result the same.
    """
    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = f"""{_BatchNorm.__doc__}
    Shape:
        (N, C, H, W), and the result the same.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.BatchNorm2d(3)
        >>> y = layer(gd.arange(24.0).reshape(2, 3, 2, 2))
        >>> y.shape, layer.running_mean
        (torch.Size([2, 3, 2, 2]), tensor([0.7500, 1.1500, 1.5500]))
    """
    dimensions = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = f"""{_BatchNorm.__doc__}
    Shape:
        (N, C, D, H, W), and the result the same.
    """
    dimensions = (5,)


class _InstanceNorm(_Running):
    """Instance normalization (Ulyanov et al., 2016): each channel of each sample less its mean,
    divided by its standard deviation.

    Args and Attributes: those of batch normalization; there is no weight, bias or running value
    unless asked for.

    Raises:
        ArgumentError: for an input of another number of dimensions, and for one that has another
            number of channels than the weight.
    """

    rank: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        self._build(num_features, eps, momentum, affine, track_running_stats, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        rank = self.rank
        if input.ndim not in (rank + 1, rank + 2):
            raise ArgumentError(
                f"expected {rank + 1}D or {rank + 2}D input (got {input.ndim}D input)"
            )
        channels = input.shape[-rank - 1]
        if channels != self.num_features:
            if self.affine:
                raise ArgumentError(
                    f"expected input's size at dim={input.ndim - rank - 1} to match num_features "
                    f"({self.num_features}), but got: {channels}."
                )
            warnings.warn(
                f"input's size at dim={input.ndim - rank - 1} does not match num_features. You can "
                f"silence this warning by not passing in num_features, which is not used because "
                f"affine=False",
                stacklevel=2,
            )
        batch = input.unsqueeze(0) if input.ndim == rank + 1 else input
        result = F.instance_norm(
            batch, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, self.momentum or 0.0, self.eps,
        )  # fmt: skip
        return result.squeeze(0) if batch is not input else result


class InstanceNorm1d(_InstanceNorm):
    __doc__ = f"""{_InstanceNorm.__doc__}
    Shape:
        (N, C, L) or (C, L), and the result the same.
    """
    rank = 1


class InstanceNorm2d(_InstanceNorm):
    __doc__ = f"""{_InstanceNorm.__doc__}
    Shape:
        (N, C, H, W) or (C, H, W), and the result the same.
    """
    rank = 2


class InstanceNorm3d(_InstanceNorm):
    __doc__ = f"""{_InstanceNorm.__doc__}
    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the result the same.
    """
    rank = 3


# --- without -------------------------------------------------------------------------------------


class LayerNorm(Module):
    """Layer normalization (Ba, Kiros and Hinton, 2016), over the last dimensions.

    Args:
        normalized_shape: the sizes of the dimensions it is over; one number for the last alone.
        eps: added to the variance.
        elementwise_affine: whether weight and bias are there.
        bias: whether the bias is there.
        device, dtype: of the parameters.

    Attributes:
        weight, bias: of shape `normalized_shape`, or None; ones and zeros at first.

    Shape:
        (..., *normalized_shape), and the result the same.

    Raises:
        ShapeError: for an input that does not end in `normalized_shape`.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.LayerNorm(2, elementwise_affine=False)(gd.tensor([[1.0, 3.0]]))
        tensor([[-1.0000,  1.0000]])
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape, kind = self.normalized_shape, {"device": device, "dtype": dtype}
        self.weight = Parameter(ops.ones(shape, **kind)) if elementwise_affine else None
        self.bias = Parameter(ops.zeros(shape, **kind)) if elementwise_affine and bias else None

    def reset_parameters(self) -> None:
        """Set everything to what it was at first."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


def _as_shape(sizes: Any) -> tuple[int, ...]:
    return (sizes,) if isinstance(sizes, int) else tuple(sizes)


class RMSNorm(Module):
    """Division by the root mean square over the last dimensions (Zhang and Sennrich, 2019).

    Arguments and attributes are those of `LayerNorm`; there is no bias, and `eps` is by default the
    smallest step at 1 of the dtype.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape
        weight = ops.ones(shape, device=device, dtype=dtype) if elementwise_affine else None
        self.weight = None if weight is None else Parameter(weight)

    def reset_parameters(self) -> None:
        """Set the weight to ones."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Group normalization (Wu and He, 2018): for each sample and each group of channels.

    Args:
        num_groups: how many groups; it divides `num_channels`.
        num_channels: C, how many channels the input has.
        eps: added to the variance.
        affine: whether weight and bias are there.
        device, dtype: of the parameters.
        bias: whether the bias is there.

    Attributes:
        weight, bias: (C,) or None; ones and zeros at first.

    Shape:
        (N, C, ...), and the result the same.

    Raises:
        ArgumentError: if the channels do not divide.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        if num_groups == 0:
            raise ZeroDivisor("num_groups must be 1 or more, got 0")
        if num_channels % num_groups:
            raise ArgumentError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        kind = {"device": device, "dtype": dtype}
        self.weight = Parameter(ops.ones(num_channels, **kind)) if affine else None
        self.bias = Parameter(ops.zeros(num_channels, **kind)) if affine and bias else None

    def reset_parameters(self) -> None:
        """Set everything to what it was at first."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Division by (k + alpha · the mean square over `size` neighbouring channels) to the power beta
    (Krizhevsky, Sutskever and Hinton, 2012, 3.3).

    Shape:
        (N, C, ...), and the result the same.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
