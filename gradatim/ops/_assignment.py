"""Values that are assigned to elements of a tensor: cast and broadcast to fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import ArgumentTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._places import TYPE_NAMES
from gradatim.ops.arguments import as_number, is_number, number_node
from gradatim.tensor import Tensor, from_array


def assigned(value: Any, dtype: DType, casts: bool = False) -> Node:
    """The Node of a value that is assigned to elements of `dtype`. Numbers and arrays take that
    dtype; a tensor does if `casts`."""
    if isinstance(value, np.ndarray):
        return p.cast(from_array(value.copy())._read(), dtype)
    if isinstance(value, Tensor):
        return p.cast(value._read(), dtype) if casts else value._read()
    if not is_number(value):
        raise ArgumentTypeError(
            f"can't assign a {type(value).__name__} to a torch.{TYPE_NAMES[dtype.name]}Tensor: "
            f"make a tensor of it with gd.tensor(...)"
        )
    number = as_number(value)
    if dtype.is_integer and not dtype.is_signed and isinstance(number, int) and number < 0:
        bits = 8 * dtype.itemsize
        number = number + 2**bits if number > -(2**bits) else number  # -1 is the largest, as in C
    return number_node(number, dtype)


def spread(value: Node, shape: Shape, indexing: bool = False) -> Node:
    """A value spread to the shape of what it is assigned to. Leading dimensions of size 1 that are
    too many are dropped."""
    given = value.shape
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = p.reshape(value, value.shape[1:])
    lead = len(shape) - value.ndim
    wrong = [k for k, n in enumerate(value.shape) if n != 1 and (lead < 0 or n != shape[lead + k])]
    if not wrong:
        return p.expand(value, shape)
    if indexing:
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(given)} cannot be broadcast to indexing "
            f"result of shape {list(shape)}"
        )
    if lead < 0:
        raise ShapeError(
            f"expand: the number of sizes provided ({len(shape)}) must be greater or equal to the "
            f"number of dimensions in the tensor ({value.ndim}): cannot assign a value of shape "
            f"{list(given)} to a place of shape {list(shape)}"
        )
    k = wrong[-1]
    raise ShapeError(
        f"The expanded size of the tensor ({shape[lead + k]}) must match the existing size "
        f"({value.shape[k]}) at non-singleton dimension {lead + k}.  Target sizes: {list(shape)}.  "
        f"Tensor sizes: {list(given)}"
    )
