"""A tensor cut along its first, second or third dimension, as NumPy has it, and into copies."""

from __future__ import annotations

from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import ShapeError
from gradatim.ops.movement import chunk, split, tensor_split
from gradatim.tensor import Tensor, method, wrap

__all__ = [
    "dsplit", "hsplit", "split_with_sizes", "unsafe_chunk", "unsafe_split",
    "unsafe_split_with_sizes", "vsplit",
]  # fmt: skip


@method()
def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` into pieces of the given sizes, as views."""
    return split(input, list(split_sizes), dim)


def _copied(pieces: tuple[Tensor, ...], name: str) -> tuple[Tensor, ...]:
    return tuple(wrap(p.copy(piece._read()), name) for piece in pieces)


@method()
def unsafe_split(tensor: Tensor, split_size_or_sections: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` into pieces that are no views: each may be written to without regard to the rest."""
    return _copied(split(tensor, split_size_or_sections, dim), "UnsafeSplit")


@method()
def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`split_with_sizes` into pieces that are no views."""
    return _copied(split_with_sizes(input, split_sizes, dim), "UnsafeSplitWithSizes")


@method()
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk` into pieces that are no views."""
    return _copied(chunk(input, chunks, dim), "UnsafeSplit")


def _cut(input: Tensor, given: Any, least: int, dim: int, name: str) -> tuple[Tensor, ...]:
    if input.ndim < least:
        raise ShapeError(
            f"torch.{name} requires a tensor with at least {least} dimension"
            f"{'' if least == 1 else 's'}, but got a tensor with {input.ndim} dimensions!"
        )
    if isinstance(given, int):
        if given <= 0:
            raise ShapeError(f"number of sections must be larger than 0, got {given}")
        size = input.shape[dim]
        if size % given:
            raise ShapeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the "
                f"dimension {size} is not divisible by the split_size {given}!"
            )
    return tensor_split(input, given, dim)


@method()
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Pieces along the second dimension (the first, of a vector): that many of equal size, or cut
    at the given places. Views.

    Example:
        >>> import gradatim as gd
        >>> gd.arange(4).hsplit(2)
        (tensor([0, 1]), tensor([2, 3]))
    """
    return _cut(input, indices_or_sections, 1, 0 if input.ndim == 1 else 1, "hsplit")


@method()
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Pieces along the first dimension: that many of equal size, or cut at the given places."""
    return _cut(input, indices_or_sections, 2, 0, "vsplit")


@method()
def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Pieces along the third dimension: that many of equal size, or cut at the given places."""
    return _cut(input, indices_or_sections, 3, 2, "dsplit")
