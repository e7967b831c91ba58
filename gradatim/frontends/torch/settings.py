"""Settings that programs make: those that mean something here do it, the others are accepted.

The compiler chooses threads, precision and determinism itself: results are the same bits at any
number of threads, and float32 is never computed with less.
"""

from __future__ import annotations

import os
import types
from typing import Any

from gradatim.device import Device

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "is_warn_always_enabled",
    "set_default_device",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
    "version",
]

version = types.SimpleNamespace(__version__="2.13.0", cuda=None, hip=None, git_version=None)

_threads: list[int] = []
_precision = ["highest"]


def set_num_threads(int: int) -> None:
    """Say how many threads the program wants. Gradatim's pool keeps the number it began with
    (`GRADATIM_NUM_THREADS`): results do not depend on it."""
    _threads[:] = [int]


def get_num_threads() -> int:
    """The number last set, or that of the processors this process may use."""
    if _threads:
        return _threads[0]
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_num_interop_threads(int: int) -> None:
    """Accepted: operations are not run beside each other, but as one program."""


def get_num_interop_threads() -> int:
    """One: operations are not run beside each other."""
    return 1


def set_default_device(device: Any) -> None:
    """Choose the device of new tensors; it has to be there."""
    Device("cpu" if device is None else device)


def get_default_device() -> Device:
    """Where new tensors live."""
    return Device("cpu")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: results are always the same bits."""


def are_deterministic_algorithms_enabled() -> bool:
    """Always: results are the same bits at each run, with any number of threads."""
    return True


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Accepted: results are always the same bits."""


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted: products of float32 are computed in float32."""
    _precision[:] = [precision]


def get_float32_matmul_precision() -> str:
    """What was set."""
    return _precision[0]


def set_flush_denormal(mode: bool) -> bool:
    """Denormal numbers are kept: False says that nothing was changed."""
    return False


def set_warn_always(b: bool) -> None:
    """Accepted: Python decides how often a warning is shown."""


def is_warn_always_enabled() -> bool:
    """Python decides how often a warning is shown."""
    return False
