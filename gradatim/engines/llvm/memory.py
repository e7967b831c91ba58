"""Memory: arenas for the temporaries of calls, and what is too large for this machine.

Linux promises memory that is not there and ends the process once it is written. So a Program that
needs more than the machine has, or than its control group may have, is refused before it runs.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np

from gradatim.engines.llvm.kernels import View
from gradatim.graph.errors import OutOfMemory

_CGROUP_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")


@functools.cache
def memory_limit(root: str = "/") -> float:
    """Bytes that this process can have at most: infinity where that is not known."""
    limits = [float("inf")]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for name in _CGROUP_LIMITS:
        try:
            limits.append(int((Path(root) / name).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return min(limits)


def out_of_memory(size: int) -> OutOfMemory:
    """The error for that many bytes, in PyTorch's words."""
    return OutOfMemory(f"can't allocate memory: you tried to allocate {size} bytes")


def check_size(size: int) -> None:
    """Raise OutOfMemory if no call could ever have that many bytes at once."""
    if size > memory_limit():
        raise out_of_memory(size)


class Arena:
    """Memory for the temporaries of one call."""

    def __init__(self, size: int):
        self.size = size
        try:
            self.memory = np.empty(size + 64, np.uint8)
        except (MemoryError, ValueError):
            raise out_of_memory(size) from None
        address = self.memory.__array_interface__["data"][0]
        self.start = -address % 64
        self.address = address + self.start

    def array(self, view: View) -> np.ndarray[Any, Any]:
        """A view of a temporary as an array."""
        dtype = view.storage.dtype
        size = dtype.itemsize
        return np.ndarray(
            view.shape,
            dtype.numpy,
            self.memory,
            self.start + view.storage.offset + view.offset * size,
            tuple(t * size for t in view.strides),
        )


_arenas: list[Arena] = []  # those that no call uses


def take_arena(size: int) -> Arena:
    """An arena of at least that size, for one call."""
    try:
        arena = _arenas.pop()
    except IndexError:
        return Arena(size)
    return arena if arena.size >= size else Arena(size)


give_back = _arenas.append
