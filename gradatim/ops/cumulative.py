"""Running sums, products, extremes along a dimension, and differences, which undo the sums.

Sums, products and the places of extremes have a primitive. `logcumsumexp` is composed by doubling
(Hillis and Steele, 1986): each element is combined with the one 1 place before it, then with the
one 2, 4, 8 ... before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import as_dtype, bool_, int64
from gradatim.graph.errors import ArgumentError, ShapeError, UnsupportedDType
from gradatim.graph.node import Node
from gradatim.ops._aliases import numpy_names
from gradatim.ops.arguments import as_tensor_operand, number_node, wrap_dim
from gradatim.ops.arithmetic import logaddexp
from gradatim.ops.extremes import take_along
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, method, named, wrap

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "diff", "logcumsumexp"]


def _running(name: str, build: Callable[[Node, int], Node], word: str) -> Callable[..., Tensor]:
    def function(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
        x = as_tensor_operand(input, name)._read()
        if dtype is not None:
            x = p.cast(x, as_dtype(dtype))
        elif not x.dtype.is_floating_point:
            x = p.cast(x, int64)
        axis = wrap_dim(dim, x.ndim)
        return named(build(x, axis) if x.ndim else p.copy(x), name.title())

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The {word} of each element and all before it along `dim`.

    Integers and bools become int64 unless a `dtype` is given.
    """
    return method()(numpy_names(function))


cumsum = _running("cumsum", p.cumsum, "sum")
cumprod = _running("cumprod", p.cumprod, "product")


# --- by doubling ---------------------------------------------------------------------------------


def _shifted(x: Node, axis: int, places: int, fill: Node) -> Node:
    """Each element replaced by the one `places` before it, or by `fill`."""
    low = tuple(places if k == axis else 0 for k in range(x.ndim))
    return p.pad(x, fill, low, tuple(-n for n in low))


def _steps(size: int) -> list[int]:
    """1, 2, 4 ... below `size`."""
    return [1 << k for k in range(max(size - 1, 0).bit_length())]


# --- the extremes --------------------------------------------------------------------------------


def _running_extreme(
    name: str, build: Callable[[Node, int], Node], word: str
) -> Callable[..., Any]:
    def function(input: Tensor, dim: int) -> Any:
        x = as_tensor_operand(input, name)._read()
        axis = wrap_dim(dim, x.ndim)
        result = result_type(name, "values", "indices")
        if x.ndim == 0:
            return result(named(p.copy(x), name.title()), wrap(p.full((), 0, int64)))
        places = build(x, axis)
        return result(named(take_along(x, places, axis), name.title()), wrap(places))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""`(values, indices)`: the {word} of each element and all before it along
    `dim`, and its place. Of equal elements the last; after a NaN everything is NaN.
    """
    return method()(numpy_names(function))


cummax = _running_extreme("cummax", p.cumargmax, "largest")
cummin = _running_extreme("cummin", p.cumargmin, "smallest")


@method()
@numpy_names
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log Σ exp(x) of each element and all before it along `dim`, without overflow."""
    x = as_tensor_operand(input, "logcumsumexp")._read()
    if not x.dtype.is_floating_point:
        raise UnsupportedDType(
            f"logcumsumexp is not implemented for {x.dtype.name}: cast it with .float()"
        )
    axis = wrap_dim(dim, x.ndim)
    fill = number_node(-math.inf, x.dtype)
    for step in _steps(x.shape[axis]) if x.ndim else ():
        x = logaddexp(wrap(x), wrap(_shifted(x, axis, step, fill)))._read()
    return named(x, "Logcumsumexp")


# --- differences ---------------------------------------------------------------------------------


@method()
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Each element minus the one before it along `dim`, `n` times over; of bools, whether they
    differ.

    Args:
        prepend, append: what to put in front and behind, before anything is subtracted.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([1, 3, 2]).diff()
        tensor([ 2, -1])
    """
    x = as_tensor_operand(input, "diff")._read()
    if x.ndim == 0:
        raise ShapeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise ArgumentError(f"order must be non-negative but got {n}")
    axis = wrap_dim(dim, x.ndim)
    if n == 0:
        return named(p.copy(x), "Clone")
    parts = [as_tensor_operand(t, "diff")._read() for t in (prepend,) if t is not None]
    parts.append(x)
    parts += [as_tensor_operand(t, "diff")._read() for t in (append,) if t is not None]
    if len(parts) > 1:
        x = p.concatenate(parts, axis)
    for _ in range(min(n, x.shape[axis])):
        x = _difference(x, axis)
    return named(x, "Sub")


def _difference(x: Node, axis: int) -> Node:
    size = x.shape[axis]
    ones, zeros = (1,) * x.ndim, (0,) * x.ndim
    starts = tuple(min(1, size) if k == axis else 0 for k in range(x.ndim))
    stops = tuple(max(size - 1, 0) if k == axis else extent for k, extent in enumerate(x.shape))
    later, earlier = p.slice_(x, starts, x.shape, ones), p.slice_(x, zeros, stops, ones)
    return (p.ne if x.dtype is bool_ else p.sub)(later, earlier)
