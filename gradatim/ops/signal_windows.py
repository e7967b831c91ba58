"""Window functions: weights that fall off to both sides, for spectra and smoothing.

All but the last four are sums of cosines (Nuttall, "Some windows with very good sidelobe
behavior", 1981) or of the kind named. They stand twice in PyTorch: `hann_window(n, periodic)` in
the main namespace, `signal.windows.hann(n, sym=...)` in a room of its own, which is here
`gradatim.signal.windows`. A periodic window is a symmetric one of one more point, without its last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim.graph.dtypes import as_dtype, float32, float64, get_default_dtype
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError
from gradatim.memory_format import strided
from gradatim.ops.creation import _finish
from gradatim.tensor import Tensor, from_array

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]

Line = np.ndarray[Any, np.dtype[np.float64]]


def phases(count: int, symmetric: bool) -> Line:
    """Where each of `count` points lies between 0 and 1, the ends of the window."""
    return np.arange(count) / (count - 1 if symmetric else count)


def cosines(x: Line, weights: Sequence[float]) -> Line:
    """a0 - a1 cos(2 pi x) + a2 cos(4 pi x) - ..."""
    total = np.full(x.shape, float(weights[0]))
    for k, a in enumerate(weights[1:], 1):
        total += (-1) ** k * a * np.cos(2 * np.pi * k * x)
    return total


def kaiser_line(x: Line, beta: float) -> Line:
    """I0(beta sqrt(1 - (2x - 1)^2)) / I0(beta), scaled so that large beta do not overflow."""
    inside = beta * np.sqrt(np.clip(1 - (2 * x - 1) ** 2, 0, None))
    return np.asarray(np.i0(inside) / np.i0(beta))


BLACKMAN = (0.42, 0.5, 0.08)
NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)


def made(
    line: Callable[[], Line], count: int, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    """The window as a tensor: of no points, of one (which is 1), or of what `line` gives."""
    kind = get_default_dtype() if dtype is None else as_dtype(dtype)
    values = line() if count > 1 else np.ones(count)
    return _finish(from_array(values.astype(kind.numpy), kind), requires_grad, device)


# --- in the main namespace -----------------------------------------------------------------------


def _window(
    name: str, count: int, periodic: bool, line: Callable[[Line], Line], *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    kind = get_default_dtype() if dtype is None else as_dtype(dtype)
    if not kind.is_floating_point:
        raise DTypeError(f"{name} expects floating point dtypes, got: {kind}")
    if count < 0:
        raise ShapeError(f"{name} requires non-negative window_length, got window_length={count}")
    return made(lambda: line(phases(count, not periodic)), count, kind, device, requires_grad)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """The triangle from 0 over 1 to 0.

    Args:
        window_length: how many points.
        periodic: as one period of a periodic function, for spectra; else symmetric.
        options: dtype, device, layout, requires_grad.
    """
    return _window(
        "bartlett_window", window_length, periodic, lambda x: 1 - np.abs(2 * x - 1), **options
    )


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """One period of a raised cosine, ½ - ½ cos. Arguments are those of `bartlett_window`.

    Example:
        >>> import gradatim as gd
        >>> gd.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window(
        "hann_window", window_length, periodic, lambda x: cosines(x, (0.5, 0.5)), **options
    )


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46,
    **options: Any,
) -> Tensor:  # fmt: skip
    """`alpha - beta cos`. Other arguments are those of `bartlett_window`."""
    return _window(
        "hamming_window", window_length, periodic, lambda x: cosines(x, (alpha, beta)), **options
    )


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2 pi x) + 0.08 cos(4 pi x). Arguments are those of `bartlett_window`."""
    return _window(
        "blackman_window", window_length, periodic, lambda x: cosines(x, BLACKMAN), **options
    )


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any
) -> Tensor:
    """The window of Kaiser (1966), which is narrower for a larger `beta`."""
    return _window(
        "kaiser_window", window_length, periodic, lambda x: kaiser_line(x, beta), **options
    )


# --- in `signal.windows` -------------------------------------------------------------------------


def checked(name: str, count: int, dtype: Any, layout: Any) -> None:
    """Refuse what is no length, or no dtype of a window.

    Raises:
        ArgumentError: for a negative length, another dtype than float32 and float64, a layout.
    """
    if count < 0:
        raise ArgumentError(f"{name} requires non-negative window length, got M={count}")
    if layout is not None and layout is not strided:
        raise ArgumentError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype is not None and as_dtype(dtype) not in (float32, float64):
        raise ArgumentError(f"{name} expects float32 or float64 dtypes, got: {dtype}")


def exponential_line(count: int, symmetric: bool, center: float | None, tau: float) -> Line:
    """exp(-|n - center| / tau)."""
    middle = (count if not symmetric else count - 1) / 2 if center is None else center
    return np.asarray(np.exp(-np.abs(np.arange(count) - middle) / tau))


def gaussian_line(count: int, symmetric: bool, std: float) -> Line:
    """exp(-½ ((n - middle) / std)^2)."""
    middle = (count if not symmetric else count - 1) / 2
    return np.asarray(np.exp(-0.5 * ((np.arange(count) - middle) / std) ** 2))


def sine_line(count: int, symmetric: bool) -> Line:
    """sin(pi (n + ½) / N)."""
    whole = count if symmetric else count + 1
    return np.asarray(np.sin(math.pi * (np.arange(count) + 0.5) / whole))
