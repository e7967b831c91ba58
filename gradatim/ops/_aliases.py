"""The names by which NumPy calls what PyTorch calls `dim` and `keepdim`, and `out=`.

PyTorch's functions take both, and NumPy's own functions (`np.sum(tensor)`) call a tensor's method
with NumPy's names.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentTypeError, DTypeError, ShapeError
from gradatim.tensor import Tensor

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
        return result if out is None else _into(out, result, function.__name__)

    return call  # type: ignore[return-value]


def _into(out: Any, result: Any, where: str) -> Any:
    """Write a result (or several) into the tensors given as `out=`."""
    if not isinstance(result, Tensor):
        return type(result)(*(_into(o, r, where) for o, r in zip(out, result)))
    if not isinstance(out, Tensor):
        raise ArgumentTypeError(f"{where}: out must be a Tensor, got {type(out).__name__}")
    if out.shape != result.shape:
        raise ShapeError(
            f"{where}: out has shape {list(out.shape)}, the result {list(result.shape)}"
        )
    if out.dtype.category < result.dtype.category:
        raise DTypeError(
            f"{where}: result type {result.dtype.name} can't be cast to the desired output type "
            f"{out.dtype.name}"
        )
    return out._write(p.cast(result._read(), out.dtype))
