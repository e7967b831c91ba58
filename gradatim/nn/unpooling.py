"""Max pooling undone, as layers. The arithmetic is in `ops/unpooling.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.nn import functional as F
from gradatim.nn.convolution import each
from gradatim.nn.module import Module
from gradatim.tensor import Tensor


class _MaxUnpool(Module):
    """Each element at the place that an index names, 0 elsewhere.

    Args:
        kernel_size, stride, padding: as of the pooling that gave the indices; one number, or one
            for each dimension.
    """

    rank: int
    _function: Callable[..., Tensor]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        super().__init__()
        self.kernel_size = each(kernel_size, self.rank)
        self.stride = each(kernel_size if stride is None else stride, self.rank)
        self.padding = each(padding, self.rank)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """
        Args:
            indices: what the pooling gave with `return_indices=True`.
            output_size: the sizes before pooling, which several may lead to the same.
        """
        return type(self)._function(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    __doc__ = f"""{_MaxUnpool.__doc__}
    Shape:
        (N, C, L) or (C, L), and the result with a larger L.

    Example:
        >>> import gradatim as gd
        >>> pool, unpool = gd.nn.MaxPool1d(2, return_indices=True), gd.nn.MaxUnpool1d(2)
        >>> unpool(*pool(gd.tensor([[1.0, 2.0, 4.0, 3.0]])))
        tensor([[0., 2., 4., 0.]])
    """
    rank = 1
    _function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    __doc__ = f"""{_MaxUnpool.__doc__}
    Shape:
        (N, C, H, W) or (C, H, W), and the result with a larger H and W.
    """
    rank = 2
    _function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    __doc__ = f"""{_MaxUnpool.__doc__}
    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the result with a larger D, H and W.
    """
    rank = 3
    _function = staticmethod(F.max_unpool3d)
