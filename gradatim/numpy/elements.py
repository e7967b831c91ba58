"""Functions of elements, and the operators of arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from gradatim import ops
from gradatim.frontends.names import own_names
from gradatim.numpy.arrays import _plain, _tensor, ndarray
from gradatim.tensor import Tensor


def _floating(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype.is_floating_point else tensor.double()


def _operand(value: Any, other: Any) -> Any:
    """A tensor, or a number that takes the other's dtype. Fractions make whole numbers float64."""
    if isinstance(value, (bool, int, float)):
        return value
    found = _tensor(value)
    fraction = type(other) is float and not found.dtype.is_floating_point
    return found.double() if fraction else found


def _binary(name: str, function: Callable[..., Any], divides: bool = False) -> Callable[..., Any]:
    def apply(x1: Any, x2: Any) -> Any:
        a, b = _operand(x1, x2), _operand(x2, x1)
        if not isinstance(a, Tensor) and not isinstance(b, Tensor):
            a = _tensor(a)
        if divides:
            a, b = (_floating(x) if isinstance(x, Tensor) else x for x in (a, b))
        return ndarray(function(a, b))

    apply.__name__, apply.__doc__ = name, f"`{name}` of two arrays, element by element."
    return apply


def _as_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, b: function(*(x if isinstance(x, Tensor) else ops.tensor(x) for x in (a, b)))


_BINARY = {
    "add": _binary("add", operator.add),
    "subtract": _binary("subtract", operator.sub),
    "multiply": _binary("multiply", operator.mul),
    "divide": _binary("divide", operator.truediv, divides=True),
    "true_divide": _binary("true_divide", operator.truediv, divides=True),
    "floor_divide": _binary("floor_divide", operator.floordiv),
    "mod": _binary("mod", operator.mod),
    "power": _binary("power", operator.pow),
    "maximum": _binary("maximum", _as_tensors(ops.maximum)),
    "minimum": _binary("minimum", _as_tensors(ops.minimum)),
    "equal": _binary("equal", operator.eq),
    "not_equal": _binary("not_equal", operator.ne),
    "less": _binary("less", operator.lt),
    "less_equal": _binary("less_equal", operator.le),
    "greater": _binary("greater", operator.gt),
    "greater_equal": _binary("greater_equal", operator.ge),
    "bitwise_and": _binary("bitwise_and", operator.and_),
    "bitwise_or": _binary("bitwise_or", operator.or_),
    "logical_and": _binary("logical_and", _as_tensors(ops.logical_and)),
    "logical_or": _binary("logical_or", _as_tensors(ops.logical_or)),
}
_FLOATING = (
    "exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "sinh", "cosh",
    "tanh", "floor", "ceil",
)  # fmt: skip
_UNARY = {
    "abs": ops.abs, "absolute": ops.abs, "negative": ops.neg, "square": ops.square,
    "sign": ops.sign, "isnan": ops.isnan, "isinf": ops.isinf, "isfinite": ops.isfinite,
    "logical_not": ops.logical_not, "round": ops.round, "arcsin": ops.asin, "arccos": ops.acos,
    "arctan": ops.atan,
}  # fmt: skip


def _unary(name: str, function: Callable[[Tensor], Tensor], floats: bool) -> Callable[..., Any]:
    def apply(x: Any) -> ndarray:
        found = _tensor(x)
        return ndarray(function(_floating(found) if floats else found))

    apply.__name__, apply.__doc__ = name, f"`{name}` of each element."
    return apply


globals().update(_BINARY)
globals().update({name: _unary(name, getattr(ops, name), True) for name in _FLOATING})
globals().update({name: _unary(name, f, name[:3] == "arc") for name, f in _UNARY.items()})


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """x where the condition is true, else y; without them, the places where it is true."""
    if x is None:
        return tuple(map(ndarray, _tensor(condition).nonzero(as_tuple=True)))
    return ndarray(ops.where(_tensor(condition), _tensor(x), _tensor(y)))


def clip(a: Any, a_min: Any, a_max: Any) -> ndarray:
    """Each element, cut to the two limits."""
    return ndarray(ops.clamp(_tensor(a), _plain(a_min), _plain(a_max)))


_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide",
    "floordiv": "floor_divide", "mod": "mod", "pow": "power",
}  # fmt: skip
_COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal", "and": "bitwise_and", "or": "bitwise_or",
}  # fmt: skip


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(self: ndarray, other: Any) -> ndarray:
        self.tensor.copy_(function(self, other).tensor)
        return self

    return apply


def _install() -> None:
    """Give arrays their operators."""
    for own, name in (_OPERATORS | _COMPARISONS).items():
        function = _BINARY[name]
        setattr(ndarray, f"__{own}__", lambda self, other, f=function: f(self, other))
        if own in _OPERATORS:
            setattr(ndarray, f"__r{own}__", lambda self, other, f=function: f(other, self))
            setattr(ndarray, f"__i{own}__", _in_place(function))
    ndarray.__neg__ = lambda self: ndarray(-self.tensor)  # type: ignore[attr-defined]
    ndarray.__abs__ = lambda self: ndarray(ops.abs(self.tensor))  # type: ignore[attr-defined]
    ndarray.__invert__ = lambda self: ndarray(~self.tensor)  # type: ignore[attr-defined]


_install()

ndarray.clip = clip  # type: ignore[attr-defined]


__all__ = own_names(__name__)
