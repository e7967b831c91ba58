"""How operations understand their arguments: dimensions, shapes, numbers, promotion."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import BOOL, FLOATING, INTEGER, DType
from gradatim.graph.errors import (
    ArgumentTypeError,
    DTypeError,
    IndexOutOfRange,
    ShapeError,
    WrongKind,
)
from gradatim.graph.node import Node, Shape
from gradatim.realize import local
from gradatim.tensor import Tensor, from_array
from gradatim.traced import TracedFloat, traced_node

# --- dimensions and shapes -----------------------------------------------------------------------


def dim_error(dim: int, ndim: int) -> IndexOutOfRange:
    low, high = -max(ndim, 1), max(ndim, 1) - 1
    return IndexOutOfRange(
        f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})"
    )


def wrap_dim(dim: Any, ndim: int) -> int:
    """A dimension counted from the front: -1 is the last. A 0-d tensor has dimensions 0 and -1."""
    try:
        dim = operator.index(dim)
    except TypeError:
        raise ArgumentTypeError(f"dim must be an int, got {type(dim).__name__}") from None
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise dim_error(dim, ndim)
    return int(dim % ndim) if ndim else 0


def wrap_dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions, ascending; None and an empty sequence mean all of them."""
    if type(dim) is int and -ndim <= dim < ndim:
        return (dim % ndim,)
    if dim is None or (isinstance(dim, Sequence) and len(dim) == 0):
        return tuple(range(ndim))
    if not isinstance(dim, Sequence):
        dim = (dim,)
    wrapped = [wrap_dim(d, ndim) for d in dim]
    for d in wrapped:
        if wrapped.count(d) > 1:
            raise ShapeError(f"dim {d} appears multiple times in the list of dims")
    return tuple(sorted(wrapped)) if ndim else ()


def shape_argument(sizes: tuple[Any, ...], *, allow_negative: bool = False) -> Shape:
    """A shape given as `f(2, 3)` or `f((2, 3))`."""
    if (len(sizes) == 1 and not isinstance(sizes[0], int) and isinstance(sizes[0], Sequence)) or (
        len(sizes) == 1 and isinstance(sizes[0], np.ndarray) and sizes[0].ndim
    ):
        sizes = tuple(sizes[0])
    try:
        shape = tuple(operator.index(n) for n in sizes)
    except TypeError:
        raise ArgumentTypeError(f"a shape must be made of ints, got {sizes!r}") from None
    if not allow_negative and any(n < 0 for n in shape):
        raise ShapeError(
            f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        )
    return shape


# --- operands ------------------------------------------------------------------------------------


def is_number(value: Any) -> bool:
    """Whether a value is a Python or NumPy scalar: those are weak in promotion."""
    return isinstance(value, (bool, int, float, np.generic))


def as_number(value: Any) -> bool | int | float:
    found: bool | int | float = value.item() if isinstance(value, np.generic) else value
    return found


def as_tensor_operand(value: Any, where: str) -> Tensor:
    """A tensor from a tensor or an array."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        return from_array(value.copy())
    if is_number(value):
        raise WrongKind(
            f"{where}: expected a Tensor, got {type(value).__name__}: make one with "
            f"gd.tensor({value!r})"
        )
    advice = ": make one with gd.tensor(...)" if isinstance(value, (list, tuple)) else ""
    raise WrongKind(f"{where}: expected a Tensor or a number, got {type(value).__name__}{advice}")


def number_category(number: bool | int | float) -> int:
    if isinstance(number, bool):
        return BOOL
    return INTEGER if isinstance(number, int) else FLOATING


def need_tensors(where: str, **values: Any) -> None:
    """Refuse Python numbers where PyTorch takes tensors alone."""
    for position, (name, value) in enumerate(values.items(), 1):
        if not isinstance(value, Tensor) and is_number(value):
            raise ArgumentTypeError(
                f"{where}(): argument '{name}' (position {position}) must be Tensor, not "
                f"{type(value).__name__}: make it one with gd.tensor({value!r})"
            )


def need_numbers(where: str, **values: Any) -> None:
    """Refuse what is no Python number (or tensor of one element), by name."""
    for name, value in values.items():
        if not is_number(value) and not (isinstance(value, Tensor) and value.numel() == 1):
            raise ArgumentTypeError(
                f"{where}(): argument '{name}' must be Number, not {type(value).__name__}"
            )


def with_number(dtype: DType, number: bool | int | float) -> DType:
    """The dtype of a tensor of `dtype` combined with a Python number: a number only changes the
    category."""
    category = number_category(number)
    if category <= dtype.category:
        return dtype
    return dtypes.get_default_dtype() if category == FLOATING else dtypes.int64


def number_node(number: bool | int | float, dtype: DType, device: str = "cpu") -> Node:
    """A constant, refused if an integer dtype cannot hold it."""
    if type(number) is TracedFloat and local.capture is not None:
        return traced_node(number, dtype)
    if dtype.is_integer:
        low, high = dtypes.integer_range(dtype)
        if number != number or not low <= number <= high:
            raise DTypeError(
                f"value cannot be converted to type {dtype.name} without overflow: {number}"
            )
        number = int(number)
    elif dtype is dtypes.bool_:
        number = bool(number)
    return p.constant(number, dtype, device)


def result_dtype(*operands: Any) -> DType:
    """The dtype that tensors and numbers promote to, as `torch.result_type`.

    Tensors with dimensions decide; a 0-d tensor, and after it a number, only counts where its
    category (bool, integer, floating) is higher.
    """
    ranked: list[DType | None] = [None, None, None]  # with dimensions, 0-d, numbers
    for operand in operands:
        if isinstance(operand, (Tensor, Node)):
            shape = operand.shape
            rank, dtype = (0 if len(shape) else 1), operand.dtype
        else:
            category = number_category(as_number(operand))
            rank = 2
            dtype = (dtypes.bool_, dtypes.int64, dtypes.get_default_dtype())[category]
        before = ranked[rank]
        ranked[rank] = dtype if before is None else dtypes.promote(before, dtype)
    result: DType | None = None
    for dtype in ranked:  # type: ignore[assignment]
        if dtype is None:
            continue
        if result is None:
            result = dtype
        elif dtype.category > result.category:
            result = dtypes.promote(result, dtype)
    assert result is not None
    return result


def operands(a: Any, b: Any, where: str, *, floating: bool = False) -> tuple[Node, Node]:
    """Two operands as Nodes of the dtype they promote to.

    Args:
        floating: integers become the default floating dtype (division, atan2 ...).
    """
    if isinstance(a, Tensor):
        x = a._read()
        dtype = x.dtype
        if isinstance(b, Tensor):
            y = b._read()
            if dtype is not y.dtype:
                dtype = result_dtype(x, y)
            elif dtype.is_floating_point:
                return x, y
        elif (type(b) is float or type(b) is int) and dtype.is_floating_point:
            return x, p.constant(b, dtype, x.device)
        elif is_number(b):
            number = as_number(b)
            dtype = with_number(x.dtype, number)
            if floating and not dtype.is_floating_point:
                dtype = dtypes.get_default_dtype()
            y = number_node(number, dtype, x.device)
            return (x if x.dtype is dtype else p.cast(x, dtype)), y
        else:
            return operands(a, as_tensor_operand(b, where), where, floating=floating)
    elif isinstance(b, Tensor):
        if is_number(a):
            y = b._read()
            number = as_number(a)
            dtype = with_number(y.dtype, number)
            if floating and not dtype.is_floating_point:
                dtype = dtypes.get_default_dtype()
            x = number_node(number, dtype, y.device)
            return x, (y if y.dtype is dtype else p.cast(y, dtype))
        return operands(as_tensor_operand(a, where), b, where, floating=floating)
    else:
        return operands(as_tensor_operand(a, where), b, where, floating=floating)
    if floating and not dtype.is_floating_point:
        dtype = dtypes.get_default_dtype()
    if x.dtype is not dtype:
        x = p.cast(x, dtype)
    if y.dtype is not dtype:
        y = p.cast(y, dtype)
    return x, y


def floating_operand(input: Any, where: str) -> Node:
    """One operand, integers made floating."""
    x = as_tensor_operand(input, where)._read()
    return x if x.dtype.is_floating_point else p.cast(x, dtypes.get_default_dtype())


def need_floating(x: Node, where: str) -> None:
    if not x.dtype.is_floating_point:
        raise DTypeError(
            f"{where}: input dtype should be a floating point dtype, got {x.dtype.name}: "
            f"cast it with .float()"
        )
