"""What convolution and pooling share: sizes given once or for each dimension, and tables of places.

What depends on shapes and arguments alone is worked out once and remembered: these functions run at
every step of uncompiled code.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import ArgumentTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops.arguments import as_tensor_operand


def each(value: Any, rank: int, refusal: str) -> Shape:
    """`rank` numbers, given as one, or as a sequence of one or of `rank`.

    Args:
        refusal: the message for a sequence of another length.
    """
    try:
        if isinstance(value, (tuple, list)):
            numbers = tuple(operator.index(n) for n in value)
        else:
            numbers = (operator.index(value),)
    except TypeError:
        raise ArgumentTypeError(f"expected an int or a tuple of ints, got {value!r}") from None
    if len(numbers) == 1:
        return numbers * rank
    if len(numbers) != rank:
        raise ShapeError(refusal)
    return numbers


def hashable(value: Any) -> Hashable:
    """An argument as a key: lists become tuples."""
    return tuple(value) if isinstance(value, list) else value


def read_batched(input: Any, rank: int, where: str) -> tuple[Node, bool]:
    """The input as (N, C, *spatial), and whether N was there.

    Raises:
        ShapeError: for any other number of dimensions.
    """
    x = as_tensor_operand(input, where)._read()
    if x.ndim == rank + 2:
        return x, True
    if x.ndim != rank + 1:
        raise ShapeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {where}, but got "
            f"input of size: {list(x.shape)}"
        )
    return p.reshape(x, (1, *x.shape)), False


@functools.lru_cache(maxsize=64)  # tables can be large
def constant_table(function: Callable[..., Any], dtype: DType, *arguments: Hashable) -> Node:
    """What `function(*arguments)` gives, always the same, as one Node for all its uses."""
    array = np.ascontiguousarray(function(*arguments)).astype(dtype.numpy)
    array.flags.writeable = False
    return p.value(array, array.shape, dtype, p.ANYWHERE)
