"""State as a tree (what `state_dict()` gives) to named arrays plus JSON, and back.

Optimizers, schedulers and callbacks describe their state as nested dicts and lists, with tensors
here and there. On disk the tensors go to safetensors under the path that leads to them, and the
rest goes to JSON, with a mark where each tensor was.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim import ops
from gradatim.tensor import Tensor

ARRAY = "$array"
"""Marks the place of a tensor in the JSON: `{"$array": "optimizer.state.0.momentum_buffer"}`."""

PAIRS = "$pairs"
"""Marks a dict whose keys are not text: `{"$pairs": [[0, {...}], [1, {...}]]}`."""


def pack(tree: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """`tree` as JSON-able data. Its tensors go to `arrays`, under names that begin with `path`.

    Example:
        >>> arrays = {}
        >>> pack({"step": 3, "state": {0: np.float32([1, 2])}}, "adam", arrays)
        {'step': 3, 'state': {'$pairs': [[0, {'$array': 'adam.state.0'}]]}}
        >>> arrays
        {'adam.state.0': array([1., 2.], dtype=float32)}
    """
    if isinstance(tree, Tensor | np.ndarray):
        arrays[path] = np.array(to_array(tree))
        return {ARRAY: path}
    if isinstance(tree, dict):
        packed = [[key, pack(value, f"{path}.{key}", arrays)] for key, value in tree.items()]
        if all(isinstance(key, str) for key in tree):
            return dict(packed)
        return {PAIRS: packed}
    if isinstance(tree, list | tuple):
        return [pack(value, f"{path}.{index}", arrays) for index, value in enumerate(tree)]
    if isinstance(tree, np.generic):
        return tree.item()
    return tree


def unpack(packed: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The tree that `pack` took apart, with tensors where arrays or tensors were.

    Example:
        >>> packed = {"step": 3, "state": {"$pairs": [[0, {"$array": "m"}]]}}
        >>> unpack(packed, {"m": np.float32([1, 2])})
        {'step': 3, 'state': {0: tensor([1., 2.])}}
    """
    if isinstance(packed, list):
        return [unpack(value, arrays) for value in packed]
    if not isinstance(packed, dict):
        return packed
    if ARRAY in packed:
        return to_tensor(arrays[packed[ARRAY]])
    if PAIRS in packed:
        return {key: unpack(value, arrays) for key, value in packed[PAIRS]}
    return {key: unpack(value, arrays) for key, value in packed.items()}


def to_array(value: Tensor | np.ndarray) -> np.ndarray:
    """The numbers of a tensor as a NumPy array, to be read only: it may share their memory."""
    return value if isinstance(value, np.ndarray) else value._value()


def to_tensor(array: np.ndarray) -> Tensor:
    """A tensor with its own copy of the array's numbers, of the array's dtype."""
    return ops.tensor(array)
