"""Functions of each element, and of two arrays' elements: made from tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim import ops
from gradatim.array_api._array import function, need_array
from gradatim.array_api._dtypes import KINDS, common_dtype, same_dtype, to_dtype
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentTypeError
from gradatim.tensor import Tensor, wrap


def _sign(x: Tensor) -> Tensor:
    """-1, 0 or 1, and NaN of NaN (of which PyTorch has 0)."""
    found = ops.sign(x)
    return ops.where(ops.isnan(x), x, found) if x.dtype.is_floating_point else found


# Of one array: the standard's name, what computes it, the kinds of dtype it takes.
_UNARY: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "abs": (ops.abs, "numeric"),
    "acos": (ops.acos, "real floating"),
    "acosh": (ops.acosh, "real floating"),
    "asin": (ops.asin, "real floating"),
    "asinh": (ops.asinh, "real floating"),
    "atan": (ops.atan, "real floating"),
    "atanh": (ops.atanh, "real floating"),
    "bitwise_invert": (ops.bitwise_not, "integer or boolean"),
    "ceil": (ops.ceil, "numeric"),
    "conj": (ops.clone, "numeric"),
    "cos": (ops.cos, "real floating"),
    "cosh": (ops.cosh, "real floating"),
    "exp": (ops.exp, "real floating"),
    "expm1": (ops.expm1, "real floating"),
    "floor": (ops.floor, "numeric"),
    "imag": (ops.zeros_like, "numeric"),
    "isfinite": (ops.isfinite, "numeric"),
    "isinf": (ops.isinf, "numeric"),
    "isnan": (ops.isnan, "numeric"),
    "log": (ops.log, "real floating"),
    "log10": (ops.log10, "real floating"),
    "log1p": (ops.log1p, "real floating"),
    "log2": (ops.log2, "real floating"),
    "logical_not": (ops.logical_not, "bool"),
    "negative": (ops.neg, "numeric"),
    "positive": (ops.clone, "numeric"),
    "real": (ops.clone, "numeric"),
    "reciprocal": (ops.reciprocal, "real floating"),
    "round": (ops.round, "numeric"),
    "sign": (_sign, "numeric"),
    "signbit": (ops.signbit, "real floating"),
    "sin": (ops.sin, "real floating"),
    "sinh": (ops.sinh, "real floating"),
    "sqrt": (ops.sqrt, "real floating"),
    "square": (ops.square, "numeric"),
    "tan": (ops.tan, "real floating"),
    "tanh": (ops.tanh, "real floating"),
    "trunc": (ops.trunc, "numeric"),
}

# Of two arrays, whose dtypes promote.
_BINARY: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str]] = {
    "add": (ops.add, "numeric"),
    "atan2": (ops.atan2, "real floating"),
    "bitwise_and": (ops.bitwise_and, "integer or boolean"),
    "bitwise_left_shift": (ops.bitwise_left_shift, "integral"),
    "bitwise_or": (ops.bitwise_or, "integer or boolean"),
    "bitwise_right_shift": (ops.bitwise_right_shift, "integral"),
    "bitwise_xor": (ops.bitwise_xor, "integer or boolean"),
    "copysign": (ops.copysign, "real floating"),
    "divide": (ops.div, "numeric"),
    "equal": (ops.eq, "any"),
    "floor_divide": (ops.floor_divide, "numeric"),
    "greater": (ops.gt, "any"),
    "greater_equal": (ops.ge, "any"),
    "hypot": (ops.hypot, "real floating"),
    "less": (ops.lt, "any"),
    "less_equal": (ops.le, "any"),
    "logaddexp": (ops.logaddexp, "real floating"),
    "logical_and": (ops.logical_and, "bool"),
    "logical_or": (ops.logical_or, "bool"),
    "logical_xor": (ops.logical_xor, "bool"),
    "maximum": (ops.maximum, "numeric"),
    "minimum": (ops.minimum, "numeric"),
    "multiply": (ops.mul, "numeric"),
    "nextafter": (ops.nextafter, "real floating"),
    "not_equal": (ops.ne, "any"),
    "pow": (ops.pow, "numeric"),
    "remainder": (ops.remainder, "numeric"),
    "subtract": (ops.sub, "numeric"),
}

__all__ = [*_UNARY, *_BINARY, "clip"]

_KINDS: dict[str, Callable[[Any], Any]] = {
    **KINDS,
    "integer or boolean": lambda d: d.is_integer or d is dtypes.bool_,
    "any": lambda d: True,
}
_ROUNDING = {"ceil", "floor", "round", "trunc"}


def _need_kind(dtype: Any, kind: str, name: str) -> None:
    if not _KINDS[kind](dtype):
        raise ArgumentTypeError(
            f"{name}() takes dtypes of kind {kind}, got {dtype.name}: cast with astype(...)"
        )


def _unary(name: str, compute: Callable[[Tensor], Tensor], kind: str) -> Callable[..., Any]:
    def call(x: Tensor, /) -> Tensor:
        dtype = need_array(x, name).dtype
        _need_kind(dtype, kind, name)
        if name in _ROUNDING and dtype.is_integer:
            return wrap(p.copy(x._read()))
        return compute(x)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"The standard's `{name}`, for dtypes of kind {kind}."
    return function(call)


def _binary(
    name: str, compute: Callable[[Tensor, Tensor], Tensor], kind: str
) -> Callable[..., Any]:
    def call(x1: Any, x2: Any, /) -> Tensor:
        a, b = same_dtype(x1, x2)
        _need_kind(a.dtype, kind, name)
        return compute(a, b)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = (
        f"The standard's `{name}`, for dtypes of kind {kind}. Dtypes promote, shapes broadcast, "
        f"and either may be a Python number."
    )
    return function(call)


for _name, (_compute, _kind) in _UNARY.items():
    globals()[_name] = _unary(_name, _compute, _kind)
for _name, (_two, _kind) in _BINARY.items():
    globals()[_name] = _binary(_name, _two, _kind)


@function
def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """Each element, but not below `min` and not above `max` (numbers, or arrays that broadcast).

    The result has the dtype of `x`.
    """
    dtype = need_array(x, "clip").dtype
    for bound in (min, max):
        if bound is not None:
            common_dtype(x, bound)  # they must promote
    result: Tensor = x
    for bound, choose in ((min, ops.maximum), (max, ops.minimum)):
        if bound is not None:
            result = choose(result, _bound(bound, dtype))
    return wrap(p.copy(result._read())) if result is x else result


def _bound(bound: Any, dtype: Any) -> Tensor:
    """A bound in the array's dtype; beyond its range, the end of the range."""
    if dtype.is_integer and not isinstance(bound, Tensor):
        low, high = dtypes.integer_range(dtype)
        bound = low if bound < low else high if bound > high else bound
    return to_dtype(bound, dtype)
