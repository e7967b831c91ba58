"""What scripts switch at their start: threads, precision, determinism, anomaly mode.

Much of it has one answer here. Results are always deterministic, and products are never rounded to
less than their dtype: the functions accept what changes nothing, and say so when asked.
"""

from __future__ import annotations

import warnings
from typing import Any

from gradatim.engines import get_num_threads, set_num_threads
from gradatim.graph import dtypes
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError
from gradatim.graph.node import mode
from gradatim.realize import state
from gradatim.tensor import Tensor

__all__ = [
    "are_deterministic_algorithms_enabled", "detach", "get_deterministic_debug_mode",
    "get_float32_matmul_precision", "get_num_interop_threads", "get_num_threads",
    "is_anomaly_check_nan_enabled", "is_anomaly_enabled",
    "is_deterministic_algorithms_warn_only_enabled", "is_inference_mode_enabled",
    "is_warn_always_enabled", "set_anomaly_enabled", "set_default_tensor_type",
    "set_deterministic_debug_mode", "set_float32_matmul_precision", "set_num_interop_threads",
    "set_num_threads", "set_warn_always", "use_deterministic_algorithms",
]  # fmt: skip

_asked: dict[str, Any] = {
    "precision": "highest", "deterministic": 0, "interop": None, "warn": False,
}  # fmt: skip

# --- threads and arithmetic ----------------------------------------------------------------------


def get_num_interop_threads() -> int:
    """How many operations PyTorch would run side by side: here one Program runs at a time, and this
    is the number that was asked for."""
    return int(_asked["interop"] or 1)


def set_num_interop_threads(threads: int) -> None:
    """Noted, and without effect."""
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise ArgumentTypeError(
            f"set_num_interop_threads expects an int, but got {type(threads).__name__}"
        )
    if threads < 1:
        raise ArgumentError(f"set_num_interop_threads expects a positive integer, got {threads}")
    _asked["interop"] = threads


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was last told."""
    return str(_asked["precision"])


def set_float32_matmul_precision(precision: str) -> None:
    """Allow matrix products of float32 to be rounded more coarsely: "highest", "high" or "medium".
    Noted, and without effect: they stay exact.

    Example:
        >>> import gradatim as gd
        >>> gd.set_float32_matmul_precision("high")
        >>> gd.get_float32_matmul_precision()
        'high'
        >>> gd.set_float32_matmul_precision("highest")
    """
    if precision not in ("highest", "high", "medium"):
        raise ArgumentError(
            f"float32 matmul precision is 'highest', 'high' or 'medium', not {precision!r}"
        )
    _asked["precision"] = precision


# --- determinism ---------------------------------------------------------------------------------


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that do not change from run to run: they never do."""
    _asked["deterministic"] = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms` was asked for."""
    return bool(_asked["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it was asked for with `warn_only`."""
    return bool(_asked["deterministic"] == 1)


_DEBUG_MODES = {"default": 0, "warn": 1, "error": 2}


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """0 or "default", 1 or "warn", 2 or "error": what to do where a result is not deterministic,
    which is nowhere."""
    level = _DEBUG_MODES.get(debug_mode) if isinstance(debug_mode, str) else debug_mode
    if level not in (0, 1, 2):
        raise ArgumentError(
            f"invalid value of debug_mode, expected one of `default`, `warn`, `error` or 0, 1, 2, "
            f"but got {debug_mode!r}"
        )
    _asked["deterministic"] = level


def get_deterministic_debug_mode() -> int:
    """What `set_deterministic_debug_mode` was last told, as a number."""
    return int(_asked["deterministic"])


# --- autograd and warnings -----------------------------------------------------------------------


def is_inference_mode_enabled() -> bool:
    """Whether history is off (`inference_mode` is `no_grad` here)."""
    return not mode.recording


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """`detect_anomaly` from now on, or no more."""
    state.anomaly = bool(mode and check_nan)
    state.special = state.eager or state.anomaly or state.exposed_read


def is_anomaly_enabled() -> bool:
    """Whether operations are checked for NaN and infinities."""
    return bool(state.anomaly)


def is_anomaly_check_nan_enabled() -> bool:
    """The same as `is_anomaly_enabled`: the check for NaN is what it does."""
    return bool(state.anomaly)


def set_warn_always(b: bool) -> None:
    """Noted, and without effect: Python's `warnings` filters decide."""
    _asked["warn"] = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was last told."""
    return bool(_asked["warn"])


# --- tensors and types ---------------------------------------------------------------------------


def set_default_tensor_type(t: Any) -> None:
    """The default floating dtype under its older name, `"torch.DoubleTensor"`.

    Raises:
        DTypeError: for a type that is not floating.
    """
    name = str(getattr(t, "__name__", t)).rsplit(".", 1)[-1]
    kinds = {"HalfTensor": dtypes.float16, "FloatTensor": dtypes.float32,
             "DoubleTensor": dtypes.float64, "BFloat16Tensor": dtypes.bfloat16}  # fmt: skip
    if name not in kinds:
        raise DTypeError(f"only floating-point types are supported as the default type, got {t!r}")
    warnings.warn("set_default_tensor_type is deprecated: use set_default_dtype", stacklevel=2)
    dtypes.set_default_dtype(kinds[name])


def detach(input: Tensor) -> Tensor:
    """The same memory, without history: no gradient flows back through it."""
    if not isinstance(input, Tensor):
        raise ArgumentTypeError(f"detach expects a Tensor, got {type(input).__name__}")
    return input.detach()
