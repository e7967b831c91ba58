"""The largest and the smallest, and where they stand.

NaN counts as larger and as smaller than everything: a reduction that meets one gives NaN. Of equal
elements the first is the one whose place is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import DTypeError, Error, IndexOutOfRange, ShapeError
from gradatim.graph.gradients import along_axis
from gradatim.graph.node import Node, Shape
from gradatim.ops._aliases import numpy_names
from gradatim.ops.arguments import as_tensor_operand, wrap_dim, wrap_dims
from gradatim.ops.arithmetic import maximum, minimum
from gradatim.ops.reduce import keep, kept_shape
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, method, named, wrap

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]

Reduce = Callable[[Node, Shape], Node]
Place = Callable[[Node, int], Node]


def _check_not_empty(x: Node, axes: Shape | None, name: str, error: type[Error]) -> None:
    """Refuse to look for the largest of nothing. `axes` is None where all are meant."""
    if x.size:
        return
    if axes is None:
        raise error(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            f"reduction dim with the 'dim' argument."
        )
    for axis in axes:
        if x.shape[axis] == 0:
            raise IndexOutOfRange(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


def _a_extreme(name: str, reduce: Reduce, word: str) -> Callable[..., Tensor]:
    def function(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
        x = as_tensor_operand(input, name)._read()
        everything = dim is None or dim == () or dim == []
        axes = wrap_dims(dim, x.ndim)
        _check_not_empty(x, None if everything else axes, name, ShapeError)
        return named(keep(reduce(x, axes), x.shape, axes, keepdim), name.title())

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The {word} element over `dim` (one or several; all if left out).\n\n"
        f"    Equal elements share the gradient equally.\n    "
    )
    return method()(numpy_names(function))


amax = _a_extreme("amax", p.max_, "largest")
amin = _a_extreme("amin", p.min_, "smallest")


def _along(input: Tensor, dim: Any, keepdim: bool, name: str, reduce: Reduce, place: Place) -> Any:
    """`(values, indices)` along one dimension; the gradient goes to the place that is named."""
    x = as_tensor_operand(input, name)._read()
    axis = wrap_dim(dim, x.ndim)
    result = result_type(name, "values", "indices")
    title = f"{name.title()}"
    if x.ndim == 0:
        zero = p.full((), 0, int64)
        return result(named(p.copy(x), title), wrap(zero))
    _check_not_empty(x, (axis,), name, IndexOutOfRange)
    places = place(x, axis)
    if x.history:
        values = take_along(x, p.reshape(places, kept_shape(x.shape, (axis,))), axis)
        values = p.reshape(values, places.shape)
    else:
        values = reduce(x, (axis,))
    return result(
        named(keep(values, x.shape, (axis,), keepdim), title),
        wrap(keep(places, x.shape, (axis,), keepdim)),
    )


def take_along(x: Node, places: Node, axis: int) -> Node:
    """`x` at the places along `axis`; the other coordinates are each element's own."""
    return p.gather(p.reshape(x, (x.size,)), along_axis(places, x.shape, axis))


def _extreme(
    name: str, reduce: Reduce, place: Place, pairwise: Callable[..., Tensor], word: str
) -> Callable[..., Any]:
    def function(
        input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None
    ) -> Any:
        if other is not None:
            dim = other
        if dim is None:
            x = as_tensor_operand(input, name)._read()
            _check_not_empty(x, None, name, ShapeError)
            return named(reduce(x, tuple(range(x.ndim))), f"{name.title()}:1")
        if isinstance(dim, Tensor):
            return pairwise(input, dim)
        return _along(input, dim, keepdim, name, reduce, place)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The {word} element; along a dimension `(values, indices)`; with another
    tensor the {word} of the two at each place.

    Over everything, equal elements share the gradient; along a dimension, the first gets it.

    Raises:
        ShapeError, IndexOutOfRange: for no elements.

    Example:
        >>> import gradatim as gd
        >>> values, indices = gd.tensor([[1, 5, 5], [7, 2, 3]]).{name}(dim=1)
    """
    return method()(numpy_names(function))


max = _extreme("max", p.max_, p.argmax, maximum, "largest")
min = _extreme("min", p.min_, p.argmin, minimum, "smallest")


@method()
@numpy_names
def aminmax(input: Tensor, *, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element, `(min, max)`, over one dimension or over all."""
    x = as_tensor_operand(input, "aminmax")._read()
    if dim is None:
        if x.size == 0:
            raise ShapeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
                "identity."
            )
        axes = tuple(range(x.ndim))
    else:
        axes = (wrap_dim(dim, x.ndim),)[: x.ndim]
        _check_not_empty(x, axes, "aminmax", IndexOutOfRange)
    low, high = (
        named(keep(reduce(x, axes), x.shape, axes, keepdim), "Aminmax")
        for reduce in (p.min_, p.max_)
    )
    return result_type("aminmax", "min", "max")(low, high)


def _place_of(name: str, place: Place, word: str) -> Callable[..., Tensor]:
    def function(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
        x = as_tensor_operand(input, name)._read()
        if x.dtype is bool_:
            raise DTypeError(f"{name}(): does not support bool input: cast it with .int()")
        if dim is None:
            _check_not_empty(x, None, name, IndexOutOfRange)
            found = place(p.reshape(x, (x.size,)), 0)
            return wrap(p.reshape(found, (1,) * x.ndim) if keepdim else found)
        axis = wrap_dim(dim, x.ndim)
        if x.ndim == 0:
            return wrap(place(p.reshape(x, (1,)), 0))
        _check_not_empty(x, (axis,), name, IndexOutOfRange)
        return wrap(keep(place(x, axis), x.shape, (axis,), keepdim))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Where the {word} element stands, int64: along `dim`, or in the flattened
    tensor. Of equal elements the first.
    """
    return method()(numpy_names(function))


argmax = _place_of("argmax", p.argmax, "largest")
argmin = _place_of("argmin", p.argmin, "smallest")
