"""np.linalg: norms."""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.numpy.arrays import _tensor, ndarray
from gradatim.numpy.elements import _floating

__all__ = ["norm"]


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> ndarray:
    """The Euclidean norm (or that of another order) of all elements, or along an axis."""
    found = _floating(_tensor(x))
    return ndarray(ops.linalg_vector_norm(found, 2.0 if ord is None else ord, axis, keepdims))
