"""Paddings as layers. The arithmetic is in `ops/padding.py`."""

from __future__ import annotations

from typing import Any

from gradatim.nn import functional as F
from gradatim.nn.convolution import each
from gradatim.nn.module import Module
from gradatim.tensor import Tensor


class _Pad(Module):
    """What paddings share: how much, before and behind each dimension, the last one first."""

    rank: int
    mode: str

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = each(padding, 2 * self.rank)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """The last dimensions with a number before and behind; a negative amount crops.

    Args:
        padding: one number for all sides, or `(left, right, top, bottom ...)`.
        value: the number.
    """

    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ReflectionPad(_Pad):
    """The last dimensions with their mirror image before and behind, without the edge itself.

    Args:
        padding: one number for all sides, or `(left, right, top, bottom ...)`; each less than the
            dimension's size.
    """

    mode = "reflect"


class _ReplicationPad(_Pad):
    """The last dimensions with copies of their edges before and behind.

    Args:
        padding: one number for all sides, or `(left, right, top, bottom ...)`.
    """

    mode = "replicate"


class _CircularPad(_Pad):
    """The last dimensions with what stands at their other end before and behind.

    Args:
        padding: one number for all sides, or `(left, right, top, bottom ...)`; none more than the
            dimension's size.
    """

    mode = "circular"


class ConstantPad1d(_ConstantPad):
    __doc__ = f"""{_ConstantPad.__doc__}
    Shape:
        (N, C, L) or (C, L), and the result with larger sizes.
    """
    rank = 1


class ConstantPad2d(_ConstantPad):
    __doc__ = f"""{_ConstantPad.__doc__}
    Shape:
        (N, C, H, W) or (C, H, W), and the result with larger sizes.
    """
    rank = 2


class ConstantPad3d(_ConstantPad):
    __doc__ = f"""{_ConstantPad.__doc__}
    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the result with larger sizes.
    """
    rank = 3


class ReflectionPad1d(_ReflectionPad):
    __doc__ = f"""{_ReflectionPad.__doc__}
    Shape:
        (N, C, L) or (C, L), and the result with larger sizes.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.ReflectionPad1d(2)(gd.arange(4.0).reshape(1, 4))
        tensor([[2., 1., 0., 1., 2., 3., 2., 1.]])
    """
    rank = 1


class ReflectionPad2d(_ReflectionPad):
    __doc__ = f"""{_ReflectionPad.__doc__}
    Shape:
        (N, C, H, W) or (C, H, W), and the result with larger sizes.
    """
    rank = 2


class ReflectionPad3d(_ReflectionPad):
    __doc__ = f"""{_ReflectionPad.__doc__}
    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the result with larger sizes.
    """
    rank = 3


class ReplicationPad1d(_ReplicationPad):
    __doc__ = f"""{_ReplicationPad.__doc__}
    Shape:
        (N, C, L) or (C, L), and the result with larger sizes.
    """
    rank = 1


class ReplicationPad2d(_ReplicationPad):
    __doc__ = f"""{_ReplicationPad.__doc__}
    Shape:
        (N, C, H, W) or (C, H, W), and the result with larger sizes.
    """
    rank = 2


class ReplicationPad3d(_ReplicationPad):
    __doc__ = f"""{_ReplicationPad.__doc__}
    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the result with larger sizes.
    """
    rank = 3


class CircularPad1d(_CircularPad):
    __doc__ = f"""{_CircularPad.__doc__}
    Shape:
        (N, C, L) or (C, L), and the result with larger sizes.
    """
    rank = 1


class CircularPad2d(_CircularPad):
    __doc__ = f"""{_CircularPad.__doc__}
    Shape:
        (N, C, H, W) or (C, H, W), and the result with larger sizes.
    """
    rank = 2


class CircularPad3d(_CircularPad):
    __doc__ = f"""{_CircularPad.__doc__}
    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the result with larger sizes.
    """
    rank = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """`ConstantPad1d` with zeros."""


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """`ConstantPad2d` with zeros."""


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """`ConstantPad3d` with zeros."""
