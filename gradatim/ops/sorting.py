"""Order: sorted, the k largest, the k-th smallest.

NaN counts as larger than everything, and equal elements keep their order.
"""

from __future__ import annotations

from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import ArgumentTypeError, DTypeError, IndexOutOfRange, ShapeError
from gradatim.graph.node import Node
from gradatim.ops._aliases import numpy_names
from gradatim.ops.arguments import as_tensor_operand, wrap_dim
from gradatim.ops.extremes import take_along
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, method, named, wrap


def _sorted(x: Node, axis: int, descending: bool) -> tuple[Node, Node]:
    if x.ndim == 0:
        return p.copy(x), p.full((), 0, int64)
    return p.sort(x, axis, bool(descending))


@method()
@numpy_names
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None
) -> Any:
    """`(values, indices)`: the elements along `dim` in order, and where each of them stood.

    Args:
        stable: accepted; equal elements always keep their order.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([3, 1, 2]).sort()
        torch.return_types.sort(
        values=tensor([1, 2, 3]),
        indices=tensor([1, 2, 0]))
    """
    x = as_tensor_operand(input, "sort")._read()
    values, indices = _sorted(x, wrap_dim(dim, x.ndim), descending)
    return result_type("sort", "values", "indices")(named(values, "Sort"), wrap(indices))


@method()
@numpy_names
def argsort(
    input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False
) -> Tensor:
    """The places of the elements along `dim` in the order that sorts them."""
    x = as_tensor_operand(input, "argsort")._read()
    return wrap(_sorted(x, wrap_dim(dim, x.ndim), descending)[1])


@method()
@numpy_names
def msort(input: Tensor) -> Tensor:
    """The elements in ascending order along the first dimension."""
    x = as_tensor_operand(input, "msort")._read()
    return named(_sorted(x, 0, False)[0], "Sort")


def _sorted_part(x: Node, axis: int, descending: bool, start: int, count: int) -> tuple[Node, Node]:
    """`count` of the sorted elements, from `start` on, and their places.

    Where gradients are wanted the elements are read again at their places: what flows back then
    goes to them alone, and not through an order of all.
    """
    if x.ndim == 0:
        return p.copy(x), p.full((), 0, int64)
    values, places = p.sort(p.stop_gradient(x) if x.history else x, axis, bool(descending))
    values, places = _part(values, axis, start, count), _part(places, axis, start, count)
    return (take_along(x, places, axis) if x.history else values), places


def _part(x: Node, axis: int, start: int, count: int) -> Node:
    """`count` places of an axis, from `start` on."""
    starts = tuple(start if k == axis else 0 for k in range(x.ndim))
    stops = tuple(start + count if k == axis else n for k, n in enumerate(x.shape))
    return p.slice_(x, starts, stops, (1,) * x.ndim)


@method()
@numpy_names
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """`(values, indices)`: the `k` largest (or smallest) elements along `dim`, in order.

    Args:
        sorted: accepted; the elements always come in order.

    Raises:
        ShapeError: if there are not `k` elements.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([3, 1, 2]).topk(2).values
        tensor([3, 2])
    """
    x = as_tensor_operand(input, "topk")._read()
    if x.dtype is bool_:
        raise DTypeError("topk does not support bool dtypes on CPU: cast it with .int()")
    axis = wrap_dim(dim, x.ndim)
    size = x.shape[axis] if x.ndim else 1
    if not hasattr(k, "__index__"):
        raise ArgumentTypeError(f"topk(): argument 'k' must be int, not {type(k).__name__}")
    if not 0 <= k <= size:
        raise ShapeError(f"selected index k out of range: got k={k} for {size} elements")
    values, indices = _sorted_part(x, axis, largest, 0, k)
    return result_type("topk", "values", "indices")(named(values, "Topk"), wrap(indices))


@method()
@numpy_names
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """`(values, indices)`: the `k`-th smallest element along `dim` (the first is `k=1`).

    Raises:
        ShapeError, IndexOutOfRange: if there are not `k` elements.
    """
    x = as_tensor_operand(input, "kthvalue")._read()
    if x.dtype is bool_:
        raise DTypeError("kthvalue does not support bool dtypes: cast it with .int()")
    axis = wrap_dim(dim, x.ndim)
    size = x.shape[axis] if x.ndim else 1
    _need_elements(x, axis, "kthvalue")
    if not 1 <= k <= size:
        raise ShapeError(
            f"kthvalue(): selected number k out of range for dimension {axis}: got k={k} for "
            f"{size} elements"
        )
    values, indices = _sorted_part(x, axis, False, k - 1, 1)
    if x.ndim:
        shape = (*x.shape[:axis], *((1,) if keepdim else ()), *x.shape[axis + 1 :])
        values, indices = p.reshape(values, shape), p.reshape(indices, shape)
    result = result_type("kthvalue", "values", "indices")
    return result(named(values, "Kthvalue"), wrap(indices))


def _need_elements(x: Node, axis: int, name: str) -> None:
    """Refuse to look for one element of none."""
    if x.ndim and x.shape[axis] == 0:
        raise IndexOutOfRange(f"{name}(): Expected reduction dim {axis} to have non-zero size.")
