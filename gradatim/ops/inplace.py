"""In-place methods, `add_` and its like: each is its out-of-place twin and one write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Node, mode
from gradatim.ops.arguments import as_number, is_number, need_numbers, number_node
from gradatim.ops.movement import squeeze, t, transpose, unsqueeze
from gradatim.tensor import METHODS, Tensor, from_array, method, wrap

_LONG_NAMES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int",
    "int64": "Long", "float16": "Half", "bfloat16": "BFloat16", "float32": "Float",
    "float64": "Double", "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64",
}  # fmt: skip


def fitted(node: Node, shape: tuple[int, ...], dtype: DType) -> Node:
    """A result made to fit the tensor it is written to.

    Raises:
        ShapeError: if it is larger.
        DTypeError: if its category is higher: a float result does not go into an integer tensor.
    """
    if node.shape != shape:
        raise ShapeError(
            f"output with shape {list(shape)} doesn't match the broadcast shape {list(node.shape)}"
        )
    if node.dtype is dtype:
        return node
    if node.dtype.category > dtype.category:
        raise DTypeError(
            f"result type {_LONG_NAMES[node.dtype.name]} can't be cast to the desired output type "
            f"{_LONG_NAMES[dtype.name]}: an in-place operation keeps the dtype, so cast the tensor "
            f"first, or use the operation that makes a new one"
        )
    return p.cast(node, dtype)


def _has_history(*values: Any) -> bool:
    return any(isinstance(value, Tensor) and value.requires_grad for value in values)


def in_place(function: Callable[..., Any]) -> Callable[..., Tensor]:
    """The in-place variant of an operation whose first argument is the tensor to write to."""

    def write(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        self._prepare_write()
        source = self
        if mode.recording and _has_history(self, *args, *kwargs.values()):
            # The operation may save its input, and the write below would count against it.
            source = wrap(p.copy(self._read()))
        result = function(source, *args, **kwargs)
        self._write(fitted(result._read(), tuple(self.shape), self.dtype))
        self._op = result._op
        return self

    write.__doc__ = f"`{getattr(function, '__name__', 'the operation')}`, in place."
    return write


IN_PLACE = (
    "abs", "absolute", "neg", "negative", "sign", "sgn", "exp", "exp2", "expm1", "log", "log2",
    "log10", "log1p", "sqrt", "rsqrt", "square", "reciprocal", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "arcsin", "arccos",
    "arctan", "arcsinh", "arccosh", "arctanh", "sigmoid", "erf", "erfc", "erfinv", "lgamma",
    "digamma", "floor", "ceil", "trunc", "fix", "round", "frac", "logit", "sinc", "deg2rad",
    "rad2deg", "relu", "nan_to_num", "add", "sub", "subtract", "mul", "multiply", "div",
    "divide", "true_divide", "floor_divide", "remainder", "fmod", "pow", "float_power", "atan2",
    "arctan2", "copysign", "nextafter", "hypot", "xlogy", "lerp", "addcmul", "addcdiv",
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "bitwise_left_shift",
    "bitwise_right_shift", "logical_and", "logical_or", "logical_xor", "logical_not", "eq",
    "ne", "lt", "le", "gt", "ge", "not_equal", "less", "less_equal", "greater", "greater_equal",
    "clamp", "clip", "clamp_min", "clamp_max", "masked_fill", "heaviside", "cumsum", "cumprod",
    "tril", "triu", "index_add", "index_fill", "index_copy", "index_put", "masked_scatter",
    "scatter", "scatter_add", "scatter_reduce", "addmm", "addmv", "addbmm", "baddbmm", "addr",
    "renorm", "index_reduce", "leaky_relu", "elu", "selu", "celu",
    "gcd", "lcm", "ldexp", "i0", "igamma", "igammac", "mvlgamma", "polygamma", "conj_physical",
)  # fmt: skip


def install() -> None:
    """Hang the in-place methods on Tensor, once all operations are defined."""
    for name in IN_PLACE:
        if name in METHODS and f"{name}_" not in METHODS:
            method(f"{name}_")(in_place(METHODS[name]))
    for symbol, name in (
        ("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div"),
        ("floordiv", "floor_divide"), ("mod", "remainder"), ("pow", "pow"), ("and", "bitwise_and"),
        ("or", "bitwise_or"), ("xor", "bitwise_xor"), ("lshift", "bitwise_left_shift"),
        ("rshift", "bitwise_right_shift"),
    ):  # fmt: skip
        method(f"__i{symbol}__")(METHODS[f"{name}_"])


@method()
def fill_(self: Tensor, value: Any) -> Tensor:
    """Every element made `value` (a number or a 0-d tensor)."""
    self._prepare_write(fresh=True)
    if isinstance(value, Tensor):
        if value.ndim:
            raise ShapeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} "
                f"dimensions."
            )
        node = p.cast(value._read(), self.dtype)
    else:
        need_numbers("fill_", value=value)
        node = number_node(as_number(value), self.dtype)
    self._write(p.expand(node, tuple(self.shape)) if self.ndim else p.copy(node), fresh=True)
    self._op = "Fill"
    return self


@method()
def zero_(self: Tensor) -> Tensor:
    """Every element made 0."""
    fill_(self, 0)
    self._op = "Zero"
    return self


@method()
def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """The elements of another tensor, broadcast and cast to this one's shape and dtype."""
    self._prepare_write(fresh=True)
    if isinstance(src, np.ndarray):
        src = from_array(src.copy())
    elif is_number(src):
        return fill_(self, src)
    if not isinstance(src, Tensor):
        raise ArgumentTypeError(f"copy_ expects a Tensor, got {type(src).__name__}")
    shape = tuple(self.shape)
    node = p.cast(src._read(), self.dtype)
    if node.shape != shape:
        lead = len(node.shape) - len(shape)
        if lead > 0 and all(n == 1 for n in node.shape[:lead]):
            node = p.reshape(node, node.shape[lead:])
        try:
            wide = p.broadcast(node.shape, shape)
        except ShapeError:
            wide = ()
        if wide != shape:
            raise ShapeError(
                f"The expanded size of the tensor must match the existing size: cannot copy a "
                f"tensor of shape {list(src.shape)} into one of shape {list(shape)}"
            )
        node = p.expand(node, shape)
    self._write(p.copy(node), fresh=True)
    self._op = "CopyBackwards" if src.requires_grad else self._op
    return self


@method()
def set_(self: Tensor, source: Tensor) -> Tensor:
    """Share another tensor's memory from now on."""
    self.data = source
    return self


def _become(self: Tensor, view: Tensor) -> Tensor:
    """Make a tensor the view of its own memory that `view` is."""
    self._prepare_write()
    base = self._alias()
    base._detached, base._data, base._plain = self._detached, self._data, self._plain
    self._plain = False
    if self._base is None:
        self._base, self._from_base = base, view._from_base
    else:
        self._from_base = view._from_base
    self._path, self._layout = view._path, view._layout
    self._view_node = None
    self._op = view._op
    return self


@method("t_")
def t_(self: Tensor) -> Tensor:
    """`t`, in place."""
    return _become(self, t(self))


@method("transpose_", "swapaxes_", "swapdims_")
def transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """`transpose`, in place."""
    return _become(self, transpose(self, dim0, dim1))


@method()
def squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """`squeeze`, in place."""
    return _become(self, squeeze(self, dim))


@method()
def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """`unsqueeze`, in place."""
    return _become(self, unsqueeze(self, dim))
