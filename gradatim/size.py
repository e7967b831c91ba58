"""Size: the shape of a tensor."""

from __future__ import annotations

from typing import Any


class Size(tuple[int, ...]):
    """A shape: a tuple that prints as PyTorch's.

    Example:
        >>> import gradatim as gd
        >>> gd.zeros(2, 3).shape, gd.zeros(2, 3).shape.numel()
        (torch.Size([2, 3]), 6)
    """

    def numel(self) -> int:
        count = 1
        for extent in self:
            count *= extent
        return count

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> Size:
        return Size(super().__add__(tuple(other)))
