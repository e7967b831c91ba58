"""Memory in which a stray read or write ends the process.

Each array lies in pages of its own between two inaccessible ones, flush against the one behind it
or against the one before it. What a program may only read is made read-only.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np

PAGE = mmap.PAGESIZE
_NOTHING, _READ = 0, 1  # PROT_NONE, PROT_READ, of POSIX


def _libc() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    library.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return library


class Guard:
    """Hands out guarded memory, to be given as `place` to `check`.

    Args:
        flush: "right" (the last byte stands before an inaccessible page) or "left" (the first byte
            stands behind one).
    """

    def __init__(self, flush: str):
        self.right = flush == "right"
        self.libc = _libc()

    def _protect(self, address: int, length: int, how: int) -> None:
        if self.libc.mprotect(address, length, how):
            raise OSError(ctypes.get_errno(), "mprotect failed")

    def __call__(self, array: Any, writable: bool) -> Any:
        """A copy of the array, with its strides, in guarded memory."""
        low, high = span(array)
        room = -(-max(high - low, 1) // PAGE) * PAGE
        memory = mmap.mmap(-1, room + 2 * PAGE)
        whole = np.frombuffer(memory, np.uint8)
        address = whole.ctypes.data
        offset = PAGE + (room - (high - low) if self.right else 0)
        # The rest of the pages, and the gaps between strided elements: NaN in every float dtype.
        whole[PAGE : PAGE + room] = 0xFF
        copy = np.ndarray(array.shape, array.dtype, memory, offset - low, array.strides)
        copy[...] = array
        self._protect(address, PAGE, _NOTHING)
        self._protect(address + PAGE + room, PAGE, _NOTHING)
        if not writable:
            self._protect(address + PAGE, room, _READ)
            copy.flags.writeable = False
        return copy


def span(array: Any) -> tuple[int, int]:
    """The bytes that an array covers, from its first element's address: lowest, behind the
    highest."""
    if array.size == 0:
        return 0, 0
    low = high = 0
    for extent, stride in zip(array.shape, array.strides):
        reach = (extent - 1) * stride
        low, high = low + min(reach, 0), high + max(reach, 0)
    return low, high + array.itemsize
