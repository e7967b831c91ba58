"""Pooling by a p-norm, and with windows at random places, as layers. The arithmetic is in
`ops/power_pooling.py` and `ops/fractional_pooling.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.graph.errors import ArgumentError
from gradatim.nn import functional as F
from gradatim.nn.convolution import each
from gradatim.nn.module import Module
from gradatim.tensor import Tensor


class _LPPool(Module):
    """The p-norm of each window: (Σ x^p)^(1/p), of (N, C, ...) or (C, ...).

    Args:
        norm_type: p.
        kernel_size: of the window; one number, or one for each dimension, as for the next.
        stride: the step of the window; by default its size.
        ceil_mode: whether a window may reach beyond the end, so that no element is left out.
    """

    _function: Callable[..., Tensor]

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    __doc__ = _LPPool.__doc__
    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    __doc__ = _LPPool.__doc__
    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    __doc__ = _LPPool.__doc__
    _function = staticmethod(F.lp_pool3d)


class _FractionalMaxPool(Module):
    """The largest of each window, with windows at random places (Graham, 2014), of (N, C, ...) or
    (C, ...).

    Args:
        kernel_size: of the windows; one number, or one for each dimension, as for the next two.
        output_size: how many windows there are.
        output_ratio: or that as a share of the input's sizes, between 0 and 1.
        return_indices: give `(values, indices)`.
        _random_samples: what to take instead of drawing.

    Raises:
        ArgumentError: unless exactly one of size and ratio is given; for a ratio that is not
            between 0 and 1.
    """

    rank: int
    _function: Callable[..., Any]

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ):
        super().__init__()
        name, rank = type(self).__name__, self.rank
        sizes = each(kernel_size, rank)
        if min(sizes) <= 0:
            raise ArgumentError(f"kernel_size must greater than zero, but got {kernel_size}")
        self.kernel_size = sizes
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else each(output_size, rank)
        self.output_ratio = None if output_ratio is None else each(output_ratio, rank)
        if output_size is None and output_ratio is None:
            raise ArgumentError(f"{name} requires specifying either an output size, or a ratio")
        if output_size is not None and output_ratio is not None:
            raise ArgumentError(f"only one of output_size and output_ratio may be given to {name}")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ArgumentError(
                f"output_ratio must be between 0 and 1, both excluded (got {output_ratio})"
            )

    def forward(self, input: Tensor) -> Any:
        return type(self)._function(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            _random_samples=self._random_samples,
        )  # fmt: skip


class FractionalMaxPool2d(_FractionalMaxPool):
    __doc__ = f"""{_FractionalMaxPool.__doc__}
    Example:
        >>> import gradatim as gd
        >>> gd.nn.FractionalMaxPool2d(2, output_ratio=0.7)(gd.zeros(1, 3, 10, 10)).shape
        torch.Size([1, 3, 7, 7])
    """
    rank = 2
    _function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    __doc__ = _FractionalMaxPool.__doc__
    rank = 3
    _function = staticmethod(F.fractional_max_pool3d)
