"""Layers that find out from their first input how many features or channels it has."""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from gradatim.nn.layers import Linear
from gradatim.nn.lazy import LazyModuleMixin, UninitializedBuffer, UninitializedParameter
from gradatim.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from gradatim.tensor import Tensor


class LazyLinear(LazyModuleMixin, Linear):
    """`Linear` whose `in_features` are those of its first input."""

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(0, 0, False)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.bias = UninitializedParameter(device=device, dtype=dtype) if bias else None

    def reset_parameters(self) -> None:
        """Draw the weights and biases anew, if they have shapes."""
        if not self.has_uninitialized_params() and self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:  # type: ignore[override]
        """Shapes from the input's last dimension."""
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self.weight.materialize((self.out_features, self.in_features))  # type: ignore[attr-defined]
            if self.bias is not None:
                self.bias.materialize((self.out_features,))  # type: ignore[attr-defined]
            self.reset_parameters()
        if self.in_features == 0:  # its parameters came from a state_dict
            self.in_features = self.weight.shape[-1]


class _LazyConvolution(LazyModuleMixin):
    """What lazy convolutions share. The arguments are those of the class it will be, without
    `in_channels`, which are those of its first input."""

    def __init__(
        self, out_channels: int, *args: Any, bias: bool, device: Any, dtype: Any, **kwargs: Any
    ):
        super().__init__(0, 0, *args, bias=False, device=device, dtype=dtype, **kwargs)
        module: Any = self
        module.out_channels = out_channels
        if out_channels % module.groups:
            raise ArgumentError(
                f"out_channels must be divisible by groups, got {out_channels} and {module.groups}"
            )
        module.weight = UninitializedParameter(device=device, dtype=dtype)
        module.bias = UninitializedParameter(device=device, dtype=dtype) if bias else None

    def reset_parameters(self) -> None:
        """Draw the weights and biases anew, if they have shapes."""
        if not self.has_uninitialized_params() and self.in_channels:  # type: ignore[has-type]
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Shapes from the input's channels."""
        module: Any = self
        if self.has_uninitialized_params():
            module.in_channels = self._channels(input)
            if module.in_channels % module.groups:
                raise ArgumentError(
                    f"in_channels must be divisible by groups, got {module.in_channels} and "
                    f"{module.groups}"
                )
            channels = (module.out_channels, module.in_channels // module.groups)
            if module.transposed:
                channels = (module.in_channels, module.out_channels // module.groups)
            module.weight.materialize((*channels, *module.kernel_size))
            if module.bias is not None:
                module.bias.materialize((module.out_channels,))
            self.reset_parameters()
        if module.in_channels == 0:  # its parameters came from a state_dict
            across = module.weight.shape[0 if module.transposed else 1]
            module.in_channels = across * (1 if module.transposed else module.groups)

    def _channels(self, input: Tensor) -> int:
        rank: int = self.rank  # type: ignore[attr-defined]
        if input.ndim not in (rank + 1, rank + 2):
            raise ShapeError(
                f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {tuple(input.shape)}"
            )
        return input.shape[-rank - 1]


class _LazyConv(_LazyConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            out_channels, kernel_size, stride, padding, dilation, groups,
            padding_mode=padding_mode, bias=bias, device=device, dtype=dtype,
        )  # fmt: skip


class _LazyConvTranspose(_LazyConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            out_channels, kernel_size, stride, padding, output_padding, groups,
            dilation=dilation, padding_mode=padding_mode, bias=bias, device=device, dtype=dtype,
        )  # fmt: skip


class _LazyNorm(LazyModuleMixin):
    """What lazy normalizations share. The arguments are those of the class it will be, without
    `num_features`, which is the size of the first input's dimension 1."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(0, eps, momentum, False, False, device, dtype)
        module: Any = self
        module.affine = affine
        module.track_running_stats = track_running_stats
        kind = {"device": device, "dtype": dtype}
        if affine:
            module.weight = UninitializedParameter(**kind)
            module.bias = UninitializedParameter(**kind) if bias else None
        if track_running_stats:
            module.running_mean = UninitializedBuffer(**kind)
            module.running_var = UninitializedBuffer(**kind)
            module.num_batches_tracked = ops.tensor(0, dtype=int64, device=device)

    def reset_parameters(self) -> None:
        """Set everything to what it is at first, if it has a shape."""
        if not self.has_uninitialized_params() and self.num_features:  # type: ignore[has-type]
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor) -> None:  # type: ignore[override]
        """Shapes from the input's channels."""
        module: Any = self
        if self.has_uninitialized_params():
            module.num_features = input.shape[1]
            for name in ("weight", "bias", "running_mean", "running_var"):
                member = getattr(module, name)
                if member is not None:
                    member.materialize((module.num_features,))
            self.reset_parameters()
        if module.num_features == 0:  # its parameters came from a state_dict
            known = module.weight if module.weight is not None else module.running_mean
            module.num_features = input.shape[1] if known is None else known.shape[0]


class LazyConv1d(_LazyConv, Conv1d):
    """`Conv1d` whose `in_channels` are the channels of its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """`Conv2d` whose `in_channels` are the channels of its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """`Conv3d` whose `in_channels` are the channels of its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """`ConvTranspose1d` whose `in_channels` are the channels of its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """`ConvTranspose2d` whose `in_channels` are the channels of its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """`ConvTranspose3d` whose `in_channels` are the channels of its first input."""

    cls_to_become = ConvTranspose3d


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """`BatchNorm1d` whose `num_features` is the size of its first input's dimension 1."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """`BatchNorm2d` whose `num_features` is the size of its first input's dimension 1."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """`BatchNorm3d` whose `num_features` is the size of its first input's dimension 1."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """`InstanceNorm1d` whose `num_features` is the size of its first input's dimension 1."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """`InstanceNorm2d` whose `num_features` is the size of its first input's dimension 1."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """`InstanceNorm3d` whose `num_features` is the size of its first input's dimension 1."""

    cls_to_become = InstanceNorm3d
