"""The names by which NumPy calls what PyTorch calls `dim` and `keepdim`, and `out=`.

PyTorch's functions take both, and NumPy's own functions (`np.sum(tensor)`) call a tensor's method
with NumPy's names.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from gradatim.graph.errors import ArgumentTypeError

F = TypeVar("F", bound=Callable[..., Any])

_TORCH_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def numpy_names(function: F) -> F:
    """Let a function be called with `axis=`, `keepdims=` and `out=` too.

    Example:
        >>> import gradatim as gd
        >>> gd.ones(2, 3).sum(axis=1, keepdims=True)
        tensor([[3.],
                [3.]])
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            return function(*args)
        for alias, name in _TORCH_NAMES.items():
            if alias in kwargs:
                if name in kwargs:
                    raise ArgumentTypeError(
                        f"{function.__name__}() got {alias} and {name}: they are one argument"
                    )
                kwargs[name] = kwargs.pop(alias)
        out = kwargs.pop("out", None)
        result = function(*args, **kwargs)
        if out is None:
            return result
        from gradatim.ops._out import into

        return into(out, result, function.__name__)

    return call  # type: ignore[return-value]
