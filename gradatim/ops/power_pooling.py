"""Power-average pooling: the p-th root of the sum of p-th powers of each window."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.ops._windows import each
from gradatim.ops.elementwise import relu
from gradatim.ops.pooling import avg_pool1d, avg_pool2d, avg_pool3d
from gradatim.tensor import Tensor

__all__ = ["lp_pool1d", "lp_pool2d", "lp_pool3d"]


def _lp_pool(rank: int, mean: Callable[..., Tensor]) -> Callable[..., Tensor]:
    name = f"lp_pool{rank}d"

    def function(
        input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None,
        ceil_mode: bool = False,
    ) -> Tensor:  # fmt: skip
        taps = math.prod(each(kernel_size, rank, f"{name}: kernel_size must be one int or {rank}"))
        means = mean(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
        # A negative mean, of odd powers, counts as 0.
        return (means.sign() * relu(means.abs())).mul(taps).pow(1.0 / norm_type)

    function.__name__ = function.__qualname__ = name
    shape = {1: "L", 2: "H, W", 3: "D, H, W"}[rank]
    function.__doc__ = f"""The p-norm of each window: (Σ x^p)^(1/p).

    Args:
        input: (N, C, {shape}) or (C, {shape}).
        norm_type: p. 1 gives sums, and large ones nearly the maximum.
        kernel_size: of the window; one number, or one for each dimension, as for the next.
        stride: the step of the window; by default its size.
        ceil_mode: whether a window may reach beyond the end, so that no element is left out.

    Example:
        >>> import gradatim as gd
        >>> x = gd.full((1, {", ".join("2" * rank)}), 2.0)
        >>> gd.nn.functional.{name}(x, 1, 2).item()
        {float(2 ** (rank + 1))}
    """
    return function


lp_pool1d = _lp_pool(1, avg_pool1d)
lp_pool2d = _lp_pool(2, avg_pool2d)
lp_pool3d = _lp_pool(3, avg_pool3d)
