"""Storage: the memory that a tensor and all its views lie in, as one line of elements or bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.device import Device
from gradatim.graph.dtypes import DType
from gradatim.tensor import Tensor


class Storage:
    """A tensor's memory, to ask where it is and how large, and to look at it.

    Args:
        tensor: whose memory it is.
        untyped: count in bytes, not in elements.

    Example:
        >>> import gradatim as gd
        >>> x = gd.arange(6)
        >>> x[2:].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        True
        >>> len(x[2:].storage()), x.untyped_storage().nbytes()
        (6, 48)
    """

    def __init__(self, tensor: Tensor, *, untyped: bool = False):
        while tensor._base is not None:
            tensor = tensor._base
        self._tensor = tensor
        self._untyped = untyped

    @property
    def dtype(self) -> DType:
        """The elements' dtype (uint8 counted in bytes)."""
        from gradatim.graph.dtypes import uint8

        return uint8 if self._untyped else self._tensor.dtype

    @property
    def device(self) -> Device:
        """Where it lives."""
        return self._tensor.device

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._tensor.data_ptr()

    def nbytes(self) -> int:
        """Its size in bytes."""
        return int(self._tensor._cell.node.size * self._tensor.dtype.itemsize)

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def size(self) -> int:
        """How many elements (or bytes) it has."""
        return self.nbytes() // self.element_size()

    __len__ = size

    def untyped(self) -> Storage:
        """The same memory, counted in bytes."""
        return Storage(self._tensor, untyped=True)

    def tolist(self) -> list[Any]:
        """The elements (or bytes) in the order of memory."""
        array = self._tensor._cell.node.buffer
        if array is None:
            array = self._tensor._value()
        line = array.ravel(order="K")
        if self._untyped:
            return list(np.ascontiguousarray(line).view(np.uint8).tolist())
        return list(
            line.astype(np.float32 if self.dtype.name == "bfloat16" else line.dtype).tolist()
        )

    def __getitem__(self, place: int) -> Any:
        return self.tolist()[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Storage) and self.data_ptr() == other.data_ptr()

    __hash__ = object.__hash__

    def is_shared(self) -> bool:
        """Whether other processes can see it."""
        return False

    def is_pinned(self) -> bool:
        """Whether it is locked for copies to a GPU."""
        return False

    def __repr__(self) -> str:
        kind = "UntypedStorage" if self._untyped else "Storage"
        return f"{kind}(device={self.device}) of size {self.size()}"
