"""What a Node computes by the reference engine, in its own dtype or in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.engines.reference import MEANING
from gradatim.graph import dtypes
from gradatim.graph.node import Node


def is_float(array: Any) -> bool:
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def wide(array: Any) -> Any:
    """A floating array in float64, others as they are."""
    if array.dtype == np.float64 or not is_float(array):
        return array
    with np.errstate(all="ignore"):  # signalling NaNs
        return array.astype(np.float64)


def run(node: Node, *arrays: Any) -> Any:
    """The result, or a tuple of several."""
    with np.errstate(all="ignore"):
        result = MEANING[node.primitive.name](node, *arrays)
    return result if isinstance(result, tuple) else np.asarray(result)


def _widened(dtype: Any) -> Any:
    if isinstance(dtype, tuple):
        return tuple(map(_widened, dtype))
    return dtypes.float64 if dtype.is_floating_point else dtype


def widen(node: Node) -> Node:
    """The Node with every floating dtype promoted to float64."""
    reads = tuple(Node(n.primitive, (), n.params, n.shape, _widened(n.dtype)) for n in node.inputs)
    params = tuple(_widened(x) if isinstance(x, dtypes.DType) else x for x in node.params)
    return Node(node.primitive, reads, params, node.shape, _widened(node.dtype))


def run_wide(node: Node, *arrays: Any) -> Any:
    """The result with every floating dtype promoted to float64."""
    return run(widen(node), *map(wide, arrays))
