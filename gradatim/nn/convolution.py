"""Convolutions as layers. The arithmetic is in `ops/convolution.py`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim import ops
from gradatim.graph.errors import ArgumentError
from gradatim.nn import functional as F
from gradatim.nn import init
from gradatim.nn.module import Module
from gradatim.nn.parameter import Parameter
from gradatim.tensor import Tensor

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def each(value: Any, rank: int) -> tuple[int, ...]:
    """One number for each dimension: a sequence as it is, a number repeated."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


class _Convolution(Module):
    """What convolutions and their transposes share: the parameters and how they are drawn.

    The initial weights and biases are uniform on ±1/sqrt(C / groups * taps), drawn in this order.
    """

    rank: int
    transposed = False

    in_channels: int
    out_channels: int
    weight: Parameter
    bias: Parameter | None

    def _build(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any,
        dilation: Any, output_padding: Any, groups: int, bias: bool, padding_mode: str,
        device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        rank = self.rank
        if groups <= 0:
            raise ArgumentError(f"groups must be a positive integer, got {groups}")
        if in_channels % groups:
            raise ArgumentError(
                f"in_channels must be divisible by groups, got {in_channels} and {groups}"
            )
        if out_channels % groups:
            raise ArgumentError(
                f"out_channels must be divisible by groups, got {out_channels} and {groups}"
            )
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ArgumentError(
                    f"Invalid padding string {padding!r}, should be 'same' or 'valid'"
                )
            if padding == "same" and any(step != 1 for step in each(stride, rank)):
                raise ArgumentError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ArgumentError(
                f"padding_mode must be one of {', '.join(_PADDING_MODES)}, but got "
                f"padding_mode={padding_mode!r}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = each(kernel_size, rank)
        self.stride = each(stride, rank)
        self.padding = padding if isinstance(padding, str) else each(padding, rank)
        self.dilation = each(dilation, rank)
        self.transposed = type(self).transposed
        self.output_padding = each(output_padding, rank)
        self.groups = groups
        self.padding_mode = padding_mode
        channels = (out_channels, in_channels // groups)
        if self.transposed:
            channels = (in_channels, out_channels // groups)
        self.weight = Parameter(ops.empty(*channels, *self.kernel_size, device=device, dtype=dtype))
        self.bias = Parameter(ops.empty(out_channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights and biases anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}",
            f"{self.out_channels}",
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        rank = self.rank
        for name, usual in (
            ("padding", (0,) * rank), ("dilation", (1,) * rank), ("output_padding", (0,) * rank),
            ("groups", 1),
        ):  # fmt: skip
            value = getattr(self, name)
            if value != usual:
                parts.append(f"{name}={value}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_Convolution):
    """A convolution (cross-correlation) with a kernel for each output channel.

    Args:
        in_channels: C, how many channels the input has.
        out_channels: O, how many the result has.
        kernel_size: of the window; one number, or one for each dimension, as for the next three.
        stride: the step of the kernel.
        padding: what is put on both sides; or "valid" (nothing), or "same" (the result has the
            input's sizes).
        dilation: the distance between two taps of the kernel.
        groups: how many groups of channels there are, each with kernels of its own.
        bias: whether a number is added to each output channel.
        padding_mode: what the padding is made of: "zeros", "reflect", "replicate" or "circular".
        device, dtype: of the parameters.

    Attributes:
        weight: (O, C / groups, *kernel_size).
        bias: (O,) or None.

    Raises:
        ArgumentError: for groups that do not divide the channels.
        ShapeError: for an input with another number of channels or dimensions.
    """

    _function: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
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
        self._build(
            in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._around(), mode=self.padding_mode)
            padding = 0
        return type(self)._function(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _around(self) -> list[int]:
        """The padding before and behind each dimension, the last one first, as `F.pad` takes it."""
        amounts = []
        for k in reversed(range(self.rank)):
            whole = 0
            if self.padding == "same":
                whole = self.dilation[k] * (self.kernel_size[k] - 1)
            elif self.padding != "valid":
                whole = 2 * self.padding[k]
            amounts += [whole // 2, whole - whole // 2]
        return amounts


class Conv1d(_Conv):
    __doc__ = f"""{_Conv.__doc__}
    Shape:
        (N, C, L) or (C, L) to (N, O, L') or (O, L').

    Example:
        >>> import gradatim as gd
        >>> gd.nn.Conv1d(2, 4, 3)(gd.zeros(8, 2, 10)).shape
        torch.Size([8, 4, 8])
    """
    rank = 1
    _function = staticmethod(ops.conv1d)


class Conv2d(_Conv):
    __doc__ = f"""{_Conv.__doc__}
    Shape:
        (N, C, H, W) or (C, H, W) to (N, O, H', W') or (O, H', W').

    Example:
        >>> import gradatim as gd
        >>> gd.nn.Conv2d(1, 32, 3, padding=1)(gd.zeros(64, 1, 28, 28)).shape
        torch.Size([64, 32, 28, 28])
    """
    rank = 2
    _function = staticmethod(ops.conv2d)


class Conv3d(_Conv):
    __doc__ = f"""{_Conv.__doc__}
    Shape:
        (N, C, D, H, W) or (C, D, H, W) to (N, O, D', H', W') or (O, D', H', W').
    """
    rank = 3
    _function = staticmethod(ops.conv3d)


class _ConvTranspose(_Convolution):
    """The transpose of a convolution: it spreads what that would gather, and so makes an image
    larger.

    Args:
        in_channels: C, how many channels the input has.
        out_channels: O, how many the result has.
        kernel_size, stride, padding, dilation: of the convolution it is the transpose of; one
            number, or one for each dimension.
        output_padding: added to the sizes of the result, behind.
        groups: how many groups of channels there are, each with kernels of its own.
        bias: whether a number is added to each output channel.
        padding_mode: "zeros".
        device, dtype: of the parameters.

    Attributes:
        weight: (C, O / groups, *kernel_size).
        bias: (O,) or None.

    Raises:
        ArgumentError: for groups that do not divide the channels.
        ShapeError: for an input with another number of channels or dimensions.
    """

    transposed = True
    _function: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
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
        if padding_mode != "zeros":
            raise ArgumentError(
                f'Only "zeros" padding mode is supported for {type(self).__name__}, got '
                f"{padding_mode!r}"
            )
        self._build(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding,
            groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """
        Args:
            output_size: which of the sizes that the convolution would bring to the input's the
                result is to have; instead of `output_padding`.
        """
        extra = self.output_padding
        if output_size is not None:
            extra = self._extra(tuple(input.shape), tuple(output_size))
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip

    def _extra(self, given: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
        """The output padding that gives the sizes wanted."""
        rank = self.rank
        if len(wanted) == len(given):
            wanted = wanted[-rank:]
        if len(wanted) != rank:
            raise ArgumentError(
                f"{type(self).__name__}: for {len(given)}D input, output_size must have {rank} or "
                f"{len(given)} elements (got {len(wanted)})"
            )
        least = [
            (n - 1) * step - 2 * pad + apart * (size - 1) + 1
            for n, step, pad, apart, size in zip(
                given[-rank:], self.stride, self.padding, self.dilation, self.kernel_size
            )
        ]
        most = [low + step - 1 for low, step in zip(least, self.stride)]
        if any(not low <= n <= high for low, n, high in zip(least, wanted, most)):
            raise ArgumentError(
                f"requested an output size of {list(wanted)}, but valid sizes range from {least} "
                f"to {most} (for an input of {list(given[-rank:])})"
            )
        return tuple(n - low for n, low in zip(wanted, least))


class ConvTranspose1d(_ConvTranspose):
    __doc__ = f"""{_ConvTranspose.__doc__}
    Shape:
        (N, C, L) or (C, L) to (N, O, L') or (O, L').
    """
    rank = 1
    _function = staticmethod(ops.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    __doc__ = f"""{_ConvTranspose.__doc__}
    Shape:
        (N, C, H, W) or (C, H, W) to (N, O, H', W') or (O, H', W').

    Example:
        >>> import gradatim as gd
        >>> gd.nn.ConvTranspose2d(8, 3, 2, stride=2)(gd.zeros(1, 8, 14, 14)).shape
        torch.Size([1, 3, 28, 28])
    """
    rank = 2
    _function = staticmethod(ops.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    __doc__ = f"""{_ConvTranspose.__doc__}
    Shape:
        (N, C, D, H, W) or (C, D, H, W) to (N, O, D', H', W') or (O, D', H', W').
    """
    rank = 3
    _function = staticmethod(ops.conv_transpose3d)
