"""Buffers that stay on a device.

A `DeviceBuffer` is a place that holds one JAX array after the other: JAX's arrays never change, and
a parameter that is updated in place is a place whose array is replaced (while the old one's memory
is donated to the new). To the rooms above it looks like a contiguous NumPy array that must not be
read: `to_host` reads it.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from gradatim.graph.node import Shape


class _Flags:
    """What is true of every buffer on a device."""

    c_contiguous = carray = writeable = True


class DeviceBuffer:
    """A place on a device for the content of a tensor.

    Attributes:
        array: the JAX array that it holds now.
    """

    __slots__ = ("__weakref__", "array")
    flags = _Flags()

    def __init__(self, array: jax.Array):
        self.array = array

    @property
    def shape(self) -> Shape:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = np.dtype(self.array.dtype)
        return found

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(self.array.size)

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def address(self) -> int:
        """Of the first byte, in the device's memory."""
        return int(self.array.unsafe_buffer_pointer())

    @property
    def strides(self) -> Shape:
        """In bytes, as of a contiguous array."""
        strides, step = [], self.itemsize
        for extent in reversed(self.shape):
            strides.append(step)
            step *= max(extent, 1)
        return tuple(reversed(strides))

    def __repr__(self) -> str:
        return f"DeviceBuffer({self.dtype}{list(self.shape)} on {self.array.device})"
