"""Window functions under the names of `torch.signal.windows` (and of SciPy).

Each takes `M`, the number of points, and by name `sym` (symmetric, or one period of a periodic
function), `dtype` (float32 or float64), `layout`, `device` and `requires_grad`; some take a shape.
The largest value is 1.

Example:
    >>> import gradatim as gd
    >>> gd.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradatim.graph.errors import ArgumentError, ArgumentTypeError
from gradatim.ops.signal_windows import (
    BLACKMAN,
    NUTTALL,
    Line,
    checked,
    cosines,
    exponential_line,
    gaussian_line,
    kaiser_line,
    made,
    phases,
    sine_line,
)
from gradatim.tensor import Tensor

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine",
    "general_hamming", "hamming", "hann", "kaiser", "nuttall",
]  # fmt: skip


def _window(name: str, M: int, line: Callable[[bool], Line], options: dict[str, Any]) -> Tensor:
    sym = options.pop("sym", True)
    dtype, layout = options.pop("dtype", None), options.pop("layout", None)
    device, requires_grad = options.pop("device", None), options.pop("requires_grad", False)
    if options:
        raise ArgumentTypeError(
            f"{name}() got an unexpected keyword argument {next(iter(options))!r}"
        )
    checked(name, M, dtype, layout)
    return made(lambda: line(sym), M, dtype, device, requires_grad)


def bartlett(M: int, **options: Any) -> Tensor:
    """The triangle from 0 over 1 to 0."""
    return _window("bartlett", M, lambda sym: 1 - np.abs(2 * phases(M, sym) - 1), options)


def blackman(M: int, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2 pi x) + 0.08 cos(4 pi x)."""
    return _window("blackman", M, lambda sym: cosines(phases(M, sym), BLACKMAN), options)


def cosine(M: int, **options: Any) -> Tensor:
    """Half a period of a sine, also named the sine window."""
    return _window("cosine", M, lambda sym: sine_line(M, sym), options)


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, **options: Any) -> Tensor:
    """exp(-|n - center| / tau).

    Args:
        center: by default the middle; any other asks for `sym=False`.
        tau: over how many points it falls to 1/e.

    Raises:
        ArgumentError: for a `tau` that is not positive, or a center of a symmetric window.
    """
    if tau <= 0:
        raise ArgumentError(f"Tau must be positive, got: {tau} instead.")
    if options.get("sym", True) and center is not None:
        raise ArgumentError("Center must be None for symmetric windows")
    return _window("exponential", M, lambda sym: exponential_line(M, sym, center, tau), options)


def gaussian(M: int, *, std: float = 1.0, **options: Any) -> Tensor:
    """exp(-½ ((n - middle) / std)^2).

    Raises:
        ArgumentError: for a deviation that is not positive.
    """
    if std <= 0:
        raise ArgumentError(f"Standard deviation must be positive, got: {std} instead.")
    return _window("gaussian", M, lambda sym: gaussian_line(M, sym, std), options)


def general_cosine(M: int, *, a: Iterable[float], **options: Any) -> Tensor:
    """a0 - a1 cos(2 pi x) + a2 cos(4 pi x) - ...

    Raises:
        ArgumentTypeError, ArgumentError: for coefficients that are no sequence, or none.
    """
    if not isinstance(a, Iterable):
        raise ArgumentTypeError("Coefficients must be a list/tuple")
    weights = [float(each) for each in a]
    if not weights:
        raise ArgumentError("Coefficients cannot be empty")
    return _window("general_cosine", M, lambda sym: cosines(phases(M, sym), weights), options)


def general_hamming(M: int, *, alpha: float = 0.54, **options: Any) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi x)."""
    return _window(
        "general_hamming", M, lambda sym: cosines(phases(M, sym), (alpha, 1 - alpha)), options
    )


def hamming(M: int, **options: Any) -> Tensor:
    """0.54 - 0.46 cos(2 pi x)."""
    return _window("hamming", M, lambda sym: cosines(phases(M, sym), (0.54, 0.46)), options)


def hann(M: int, **options: Any) -> Tensor:
    """½ - ½ cos(2 pi x)."""
    return _window("hann", M, lambda sym: cosines(phases(M, sym), (0.5, 0.5)), options)


def kaiser(M: int, *, beta: float = 12.0, **options: Any) -> Tensor:
    """The window of Kaiser (1966), which is narrower for a larger `beta`.

    Raises:
        ArgumentError: for a negative `beta`.
    """
    if beta < 0:
        raise ArgumentError(f"beta must be non-negative, got: {beta} instead.")
    return _window("kaiser", M, lambda sym: kaiser_line(phases(M, sym), beta), options)


def nuttall(M: int, **options: Any) -> Tensor:
    """Nuttall's window of four terms with the least sidelobes (1981)."""
    return _window("nuttall", M, lambda sym: cosines(phases(M, sym), NUTTALL), options)
