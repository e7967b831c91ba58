"""Tensors of indices: checked, and made into the places that `gather` and the scatters read.

An index tensor whose values are there already is checked at once, in NumPy, so that a mistake is
reported at its line and costs no Node. One that is still pending stays pending: Nodes that check it
when it is computed are added instead.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim import views
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, int32, int64
from gradatim.graph.errors import ArgumentTypeError, DTypeError, ElementOutOfRange, Error
from gradatim.graph.node import Node
from gradatim.realize import hold, state
from gradatim.tensor import Tensor, not_a_tensor

Array = np.ndarray[Any, Any]

TYPE_NAMES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int",
    "int64": "Long", "float16": "Half", "bfloat16": "BFloat16", "float32": "Float",
    "float64": "Double", "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64",
}  # fmt: skip


def need_index(
    index: Any,
    where: str,
    dtypes: tuple[DType, ...] = (int64, int32),
    error: type[Error] = DTypeError,
) -> None:
    """Refuse what is no tensor of indices.

    Raises:
        ArgumentTypeError: for anything but a Tensor.
        DTypeError (or `error`): for another dtype.
    """
    if not isinstance(index, Tensor):
        not_a_tensor(index, f"{where}(): index")
    if index.dtype not in dtypes:
        if len(dtypes) == 1:
            raise error(
                f"{where}(): Expected a long tensor for index, but got "
                f"{TYPE_NAMES[index.dtype.name]}: cast it with .long()"
            )
        raise error(
            f"{where}(): Expected dtype int32/int64 for index but got: "
            f"{TYPE_NAMES[index.dtype.name]}; cast it with .long()"
        )


def known_values(tensor: Tensor) -> Array | None:
    """The values of a tensor if they are computed already (not to be written to), else None.

    Inside a compiled step no value is known: the next call will have another.
    """
    buffer = tensor._cell.node.buffer
    if state.capture is not None or type(buffer) is not np.ndarray:
        return None
    return views.apply_to_array(buffer, tensor._path)


def array_node(array: Array) -> Node:
    """Indices made in NumPy, as an int64 Node."""
    array = np.ascontiguousarray(array, dtype=np.int64).reshape(array.shape)
    hold(array.nbytes)
    return p.value(array, array.shape, int64, p.ANYWHERE)


def out_of_bounds(index: int, dim: int, size: int) -> ElementOutOfRange:
    return ElementOutOfRange(f"index {index} is out of bounds for dimension {dim} with size {size}")


def checked_array(index: Array, size: int, dim: int, wraps: bool) -> Array:
    """Known indices along a dimension: in range, and counted from the front.

    Args:
        wraps: whether -1 is the last place. Otherwise negative indices are errors.
    """
    if index.size == 0:
        return index
    if index.dtype.kind == "i" and int(index.view(f"u{index.itemsize}").max()) < size:
        return index  # (a negative number would be larger than any size)
    low, high = int(index.min()), int(index.max())
    if high >= size or low < (-size if wraps else 0):
        wrong = index[(index >= size) | (index < (-size if wraps else 0))]
        raise out_of_bounds(int(wrong.ravel()[0]), dim, size)
    return np.where(index < 0, index + size, index) if low < 0 else index


def place_node(
    index: Tensor, size: int, dim: int, *, wraps: bool = False, checks: bool = True
) -> Node:
    """The places that an index tensor names along a dimension, int64.

    Args:
        size, dim: of what is indexed; `dim` only for the error's text.
        wraps: whether -1 is the last place.
        checks: whether a pending index needs a Node that checks it. Not if it is what `gather`
            reads: that checks by itself.

    Raises:
        ElementOutOfRange: at once for a known index, else when it is computed.
    """
    node = index._read()
    known = known_values(index)
    if known is not None:
        checked = checked_array(known, size, dim, wraps)
        return p.cast(node, int64) if checked is known else array_node(checked)
    node = p.cast(node, int64)
    if wraps and not _is_never_negative(node):
        negative = p.lt(node, p.constant(0, int64))
        node = p.select(negative, p.add(node, p.constant(size, int64)), node)
    return p.gather(p.iota((size,), 0, int64), node, dim) if checks else node


def _is_never_negative(node: Node) -> bool:
    """Whether what a Node gives is a place already: of a largest element, or in a sorted order."""
    while node.primitive.kind == "movement" and len(node.inputs) == 1:
        node = node.inputs[0]
    primitive = node.primitive
    return (
        primitive.kind == "argreduce"
        or primitive is p.IOTA
        or (primitive is p.PICK and node.inputs[0].primitive is p.SORT and node.params[0] == 1)
    )


# --- rows of a dimension -------------------------------------------------------------------------


def to_front(x: Node, axis: int) -> Node:
    """`x` with `axis` first."""
    return p.permute(x, (axis, *(k for k in range(x.ndim) if k != axis)))


def from_front(x: Node, axis: int) -> Node:
    """Undo `to_front`."""
    return p.permute(x, (*range(1, axis + 1), 0, *range(axis + 1, x.ndim)))


def flat(x: Node) -> Node:
    """`x` in one dimension."""
    return p.reshape(x, (math.prod(x.shape),))


def need_tensor(value: Any, where: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(
            f"{where} must be a Tensor, not {type(value).__name__}: make one with gd.tensor(...)"
        )
    return value
