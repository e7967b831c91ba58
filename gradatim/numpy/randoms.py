"""NumPy's random numbers, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as _np

from gradatim import ops
from gradatim.numpy.arrays import ndarray
from gradatim.tensor import from_array


class RandomState:
    """NumPy's `RandomState`, whose draws are arrays here.

    Example:
        >>> RandomState(0).rand(2)
        array([0.5488135 , 0.71518937])
    """

    def __init__(self, seed: Any = None):
        self._state = _np.random.RandomState(seed)

    def seed(self, seed: Any = None) -> None:
        """Begin again with a seed."""
        self._state.seed(seed)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        draw = getattr(self._state, name)

        def apply(*args: Any, **kwargs: Any) -> Any:
            given = [_np.asarray(x) if isinstance(x, ndarray) else x for x in args]
            found = draw(*given, **kwargs)
            return ndarray(from_array(found)) if isinstance(found, _np.ndarray) else found

        return apply

    def shuffle(self, x: Any) -> None:
        """Put the elements along the first axis in random order, in place."""
        if isinstance(x, ndarray):
            x.tensor.copy_(x.tensor[ops.tensor(self._state.permutation(len(x)))])
        else:
            self._state.shuffle(x)
