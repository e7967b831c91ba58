"""Placeholders: nodes whose value is fed."""

from __future__ import annotations

from typing import Any

from gradatim.frontends.tensorflow import dtypes, shapes
from gradatim.frontends.tensorflow.graph import Tensor, constant, convert

__all__ = ["convert_to_tensor", "placeholder", "placeholder_with_default"]


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A node whose value is fed at each run.

    Args:
        dtype: of its elements; what is fed is cast to it.
        shape: None stands for a size that is not known before, or for the whole shape.
    """
    sizes = shapes.known(shape)
    return Tensor("Placeholder", None, (), dtypes.as_dtype(dtype), sizes, name)


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """A node whose value may be fed."""
    node = convert(input)
    sizes = shapes.known(shape)
    return Tensor("PlaceholderWithDefault", lambda x: x, (node,), node.dtype, sizes, name)


def convert_to_tensor(
    value: Any, dtype: Any = None, name: str | None = None, **options: Any
) -> Tensor:
    """A node from a number, a list or an array; a node stays as it is."""
    if dtype is not None and not isinstance(value, Tensor):
        return constant(value, dtype, name=name or "Const")
    return convert(value, None if dtype is None else dtypes.as_dtype(dtype), name)
