"""How the elements of a tensor lie in memory: formats, which name an order of the dimensions, and
the one layout there is.

In `channels_last` the channels of one place of an image stand side by side: the strides are those
of (N, H, W, C), the shape is still (N, C, H, W).
"""

from __future__ import annotations

from typing import Any

from gradatim import views
from gradatim.graph.errors import ArgumentTypeError, ShapeError
from gradatim.graph.node import Shape


class MemoryFormat:
    """An order of the dimensions in memory.

    Attributes:
        order: the dimensions, outermost first; None where it is not fixed.
    """

    __slots__ = ("name", "order")

    def __init__(self, name: str, order: Shape | None):
        self.name = name
        self.order = order

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class Layout:
    """How elements are stored at all: `strided`, each at its place."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


contiguous_format = MemoryFormat("contiguous_format", None)
preserve_format = MemoryFormat("preserve_format", None)
channels_last = MemoryFormat("channels_last", (0, 2, 3, 1))
channels_last_3d = MemoryFormat("channels_last_3d", (0, 2, 3, 4, 1))
strided = Layout("strided")


def order_of(memory_format: Any, ndim: int) -> Shape | None:
    """The order of the dimensions that a format asks for; None for the usual one.

    Raises:
        ShapeError: for a tensor of another number of dimensions.
        ArgumentTypeError: for what is no memory format.
    """
    if memory_format is None:
        return None
    if not isinstance(memory_format, MemoryFormat):
        raise ArgumentTypeError(
            f"memory_format must be a torch.memory_format such as gd.channels_last, got "
            f"{type(memory_format).__name__}"
        )
    order = memory_format.order
    if order is not None and len(order) != ndim:
        raise ShapeError(
            f"required rank {len(order)} tensor to use {memory_format.name} format, got {ndim} "
            f"dimensions"
        )
    return order


def lies_in(shape: Shape, strides: Shape, memory_format: Any) -> bool:
    """Whether elements lie as a format says, without gaps."""
    if memory_format is None or memory_format.order is None:
        if memory_format is preserve_format:
            raise ShapeError(
                "preserve memory format is unsupported by the contiguous operator: ask for "
                "contiguous_format or channels_last"
            )
        return views.is_contiguous(shape, strides)
    order = memory_format.order
    if len(order) != len(shape):
        return False
    return views.is_contiguous(tuple(shape[k] for k in order), tuple(strides[k] for k in order))
