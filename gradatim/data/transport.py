"""A batch from one process to another: its structure as a pickle, its numbers in shared memory.

A pipe holds a few kilobytes. A worker that wrote a whole batch into it would stand still until the
batch is asked for, and could not work ahead; and what goes through a pipe is copied twice by the
system. So numbers of more than a few pages go into a shared memory block, which the receiver
copies out of and removes. The bytes are from a process of our own, so that a pickle is safe here.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import pickle
from multiprocessing import resource_tracker, shared_memory
from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.tensor import Tensor, from_array

SMALL = 1 << 15
"""Bytes that go through the pipe as they are."""

ALIGNED = 64
"""Each buffer begins at a multiple of so many bytes."""

Message = tuple[bytes, list[int], str | bytes | None]
"""The pickle, the size of each buffer, and the buffers: the name of a block, or the bytes."""


class _Pickler(pickle.Pickler):
    """Takes tensors apart into an array and what else they are."""

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return NotImplemented
        array = np.ascontiguousarray(value.detach()._value())
        octets = array.reshape(-1).view(np.uint8)
        wants_gradient = value.requires_grad and value.is_leaf
        return _tensor, (octets, value.dtype.name, tuple(array.shape), wants_gradient)


def _tensor(octets: np.ndarray, dtype: str, shape: tuple[int, ...], requires_grad: bool) -> Tensor:
    array = octets.view(dtypes.BY_NAME[dtype].numpy).reshape(shape)
    tensor = from_array(array)
    return tensor.requires_grad_() if requires_grad else tensor


def start_sharing() -> None:
    """Call it before workers start: blocks are then watched by one process for all of them, which
    removes what is left when all have died.
    """
    resource_tracker.ensure_running()


def pack(value: Any) -> Message:
    """A message for `unpack`, to be called once."""
    stream = io.BytesIO()
    buffers: list[memoryview] = []
    keep = lambda buffer: buffers.append(buffer.raw())  # noqa: E731
    _Pickler(stream, protocol=5, buffer_callback=keep).dump(value)
    sizes = [buffer.nbytes for buffer in buffers]
    *starts, total = _starts(sizes)
    block = _new_block(total) if total > SMALL else None
    whole = bytearray(total) if block is None else block.buf
    for start, buffer in zip(starts, buffers):
        whole[start : start + buffer.nbytes] = buffer
    if block is None:
        return stream.getvalue(), sizes, bytes(whole)
    name = block.name
    block.close()
    return stream.getvalue(), sizes, name


def _starts(sizes: list[int]) -> list[int]:
    """Where each buffer begins, and where the last one ends: aligned, as arrays look at them."""
    return list(itertools.accumulate((-(-size // ALIGNED) * ALIGNED for size in sizes), initial=0))


def _new_block(size: int) -> shared_memory.SharedMemory | None:
    """A block of shared memory, or None where there is not enough of it."""
    try:
        block = shared_memory.SharedMemory(create=True, size=size)
    except OSError:
        return None
    try:
        if hasattr(os, "posix_fallocate"):  # else the first write beyond the limit kills us
            os.posix_fallocate(block._fd, 0, size)  # type: ignore[attr-defined]
    except OSError:
        block.close()
        block.unlink()
        return None
    return block


def unpack(message: Message) -> Any:
    """What was packed; the arrays in it are this process's own."""
    structure, sizes, numbers = message
    *starts, total = _starts(sizes)
    if isinstance(numbers, str):
        block = shared_memory.SharedMemory(numbers)
        numbers = bytearray(block.buf[:total])
        block.close()
        block.unlink()
    whole = memoryview(bytearray(numbers) if isinstance(numbers, bytes) else numbers or b"")
    buffers = [whole[start : start + size] for start, size in zip(starts, sizes)]
    return pickle.loads(structure, buffers=buffers)


def discard(message: Message) -> None:
    """Free what a message that nobody will read holds."""
    if isinstance(message[2], str):
        with contextlib.suppress(FileNotFoundError):
            block = shared_memory.SharedMemory(message[2])
            block.close()
            block.unlink()
