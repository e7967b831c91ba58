"""Normalizations that reach further: over all processes, and over neighbouring channels."""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.graph.errors import ArgumentError
from gradatim.nn.module import Module
from gradatim.nn.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, _BatchNorm
from gradatim.tensor import Tensor


class SyncBatchNorm(_BatchNorm):
    """Batch normalization over the batches of all processes. There is one process here: it is
    `BatchNorm1d`, `2d` and `3d` in one.

    Args:
        process_group: accepted for PyTorch's sake.
        The others are those of `BatchNorm2d`.

    Shape:
        (N, C, ...), and the result the same.

    Raises:
        ArgumentError: for an input with less than 2 dimensions.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_dimensions(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ArgumentError(f"expected at least 2D input (got {input.ndim}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Any, process_group: Any = None) -> Any:
        """The module with every `BatchNorm*d` in it replaced by a `SyncBatchNorm` that holds the
        same parameters and running values.

        Example:
            >>> import gradatim as gd
            >>> model = gd.nn.Sequential(gd.nn.BatchNorm2d(3))
            >>> type(gd.nn.SyncBatchNorm.convert_sync_batchnorm(model)[0]).__name__
            'SyncBatchNorm'
        """
        result = module
        if isinstance(module, (BatchNorm1d, BatchNorm2d, BatchNorm3d)):
            result = cls(
                module.num_features, module.eps, module.momentum, module.affine,
                module.track_running_stats, process_group, bias=module.bias is not None,
            )  # fmt: skip
            if module.affine:
                result.weight, result.bias = module.weight, module.bias
            for name, buffer in module._buffers.items():
                setattr(result, name, buffer)
            result.training = module.training
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result


class CrossMapLRN2d(Module):
    """Division by (k + alpha / size · the sum of squares over `size` neighbouring channels) to the
    power beta, of (N, C, H, W).

    PyTorch's sums, which this has too, are those of a running sum that drops no first channel: to
    the neighbours of each channel beyond its reach, channel 0 is added. For an even `size` the
    neighbours are `size - 1`. `LocalResponseNorm` has neither.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim != 4:
            raise ArgumentError(f"CrossMapLRN2d: Expected input to be 4D, got {input.ndim}D")
        reach = (self.size - 1) // 2
        channels = ops.arange(input.shape[1])
        summed = (channels[:, None] - channels).abs() <= reach
        summed[:, 0] |= channels > reach
        sums = ops.einsum("cd,ndhw->nchw", summed.to(input.dtype), input * input)
        return input * (self.k + self.alpha / self.size * sums) ** -self.beta

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
