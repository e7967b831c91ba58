"""Functions of one number, on each element."""

from __future__ import annotations

import math
from collections.abc import Callable

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, float32
from gradatim.graph.errors import DTypeError
from gradatim.graph.node import Node
from gradatim.ops.arguments import (
    as_tensor_operand,
    floating_operand,
    need_floating,
    number_node,
)
from gradatim.tensor import Tensor, method, named, op, wrap


def _float_function(
    name: str, build: Callable[[Node], Node], title: str, formula: str
) -> Callable[[Tensor], Tensor]:
    def function(input: Tensor) -> Tensor:
        return named(build(floating_operand(input, name)), title)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{formula} of each element; integers become the default floating dtype."
    return method()(function)


exp = _float_function("exp", p.exp, "Exp", "e to the power")
exp2 = _float_function("exp2", p.exp2, "Exp2", "2 to the power")
expm1 = _float_function("expm1", p.expm1, "Expm1", "exp(x) - 1, accurate near 0,")
log = _float_function("log", p.log, "Log", "The natural logarithm")
log2 = _float_function("log2", p.log2, "Log2", "The logarithm to base 2")
log10 = _float_function("log10", p.log10, "Log10", "The logarithm to base 10")
log1p = _float_function("log1p", p.log1p, "Log1P", "log(1 + x), accurate near 0,")
sqrt = _float_function("sqrt", p.sqrt, "Sqrt", "The square root")
rsqrt = _float_function("rsqrt", p.rsqrt, "Rsqrt", "1 / sqrt(x)")
sin = _float_function("sin", p.sin, "Sin", "The sine")
cos = _float_function("cos", p.cos, "Cos", "The cosine")
tan = _float_function("tan", p.tan, "Tan", "The tangent")
asin = _float_function("asin", p.asin, "Asin", "The arc sine")
acos = _float_function("acos", p.acos, "Acos", "The arc cosine")
atan = _float_function("atan", p.atan, "Atan", "The arc tangent")
sinh = _float_function("sinh", p.sinh, "Sinh", "The hyperbolic sine")
cosh = _float_function("cosh", p.cosh, "Cosh", "The hyperbolic cosine")
tanh = _float_function("tanh", p.tanh, "Tanh", "The hyperbolic tangent")
asinh = _float_function("asinh", p.asinh, "Asinh", "The inverse hyperbolic sine")
acosh = _float_function("acosh", p.acosh, "Acosh", "The inverse hyperbolic cosine")
atanh = _float_function("atanh", p.atanh, "Atanh", "The inverse hyperbolic tangent")
sigmoid = _float_function("sigmoid", p.sigmoid, "Sigmoid", "1 / (1 + exp(-x))")
erf = _float_function("erf", p.erf, "Erf", "The error function")
erfc = _float_function("erfc", p.erfc, "Erfc", "1 - erf(x)")
erfinv = _float_function("erfinv", p.erfinv, "Erfinv", "The inverse error function")
lgamma = _float_function("lgamma", p.lgamma, "Lgamma", "log |Γ(x)|")
digamma = _float_function("digamma", p.digamma, "Digamma", "The derivative of log Γ(x)")
for _old, _new in (
    ("asin", "arcsin"), ("acos", "arccos"), ("atan", "arctan"), ("asinh", "arcsinh"),
    ("acosh", "arccosh"), ("atanh", "arctanh"),
):  # fmt: skip
    globals()[_new] = globals()[_old]
    method(_new)(globals()[_old])


def _rounding(name: str, build: Callable[[Node], Node], text: str) -> Callable[[Tensor], Tensor]:
    def function(input: Tensor) -> Tensor:
        x = as_tensor_operand(input, name)._read()
        if x.dtype is bool_:
            raise DTypeError(f"\"{name}\" not implemented for 'Bool': cast it with .int()")
        return named(build(x) if x.dtype.is_floating_point else p.copy(x), name.title())

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text}; integers stay what they are."
    return method()(function)


floor = _rounding("floor", p.floor, "The largest integer not above each element")
ceil = _rounding("ceil", p.ceil, "The smallest integer not below each element")
trunc = _rounding("trunc", p.trunc, "Each element without its fraction")
fix = method("fix")(trunc)


@method()
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest integer (halves to the even one), or multiple of `10**-decimals`."""
    x = as_tensor_operand(input, "round")._read()
    if not x.dtype.is_floating_point:
        return named(p.copy(x), "Round")
    if decimals == 0:
        return named(p.round_(x), "Round")
    scale = number_node(10.0 ** abs_int(decimals), x.dtype)
    first, second = (p.mul, p.div) if decimals > 0 else (p.div, p.mul)
    return named(second(p.round_(first(x, scale)), scale), "Round:1")


def abs_int(n: int) -> int:
    return n if n >= 0 else -n


@method("neg", "negative", "__neg__")
def neg(input: Tensor) -> Tensor:
    """-x of each element."""
    x = as_tensor_operand(input, "neg")._read()
    if x.dtype is bool_:
        raise DTypeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return named(p.neg(x), "Neg")


negative = neg


@method("positive", "__pos__")
def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    return input


@method("abs", "absolute", "__abs__")
def abs(input: Tensor) -> Tensor:
    """The absolute value of each element."""
    x = as_tensor_operand(input, "abs")._read()
    return named(p.copy(x) if x.dtype is bool_ else p.abs_(x), "Abs")


absolute = abs


@method()
def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1, as each element is negative, zero or positive."""
    x = as_tensor_operand(input, "sign")._read()
    return named(p.copy(x) if x.dtype is bool_ else p.sign(x), "Sign")


@method()
@op("Sgn")
def sgn(input: Tensor) -> Tensor:
    """The same as `sign`."""
    return sign(input)


@method()
def relu(input: Tensor) -> Tensor:
    """max(x, 0) of each element; its gradient at 0 is 0."""
    x = as_tensor_operand(input, "relu")._read()
    if x.dtype is bool_:
        raise DTypeError("Boolean inputs not supported for relu: cast it with .float()")
    return named(p.relu(x), "Relu")


@method()
@op("Reciprocal")
def reciprocal(input: Tensor) -> Tensor:
    """1 / x of each element."""
    x = floating_operand(input, "reciprocal")
    return wrap(p.div(number_node(1, x.dtype), x))


@method()
@op("Sinc")
def sinc(input: Tensor) -> Tensor:
    """sin(πx) / (πx), and 1 at 0."""
    given = floating_operand(input, "sinc")
    x = p.cast(given, float32) if given.dtype.itemsize == 2 else given  # πx in full
    zero = p.eq(x, number_node(0, x.dtype))
    angle = p.mul(p.select(zero, number_node(1, x.dtype), x), number_node(math.pi, x.dtype))
    found = p.select(zero, number_node(1, x.dtype), p.div(p.sin(angle), angle))
    return wrap(p.cast(found, given.dtype))


def check_float(input: Tensor, where: str) -> None:
    need_floating(input._read(), where)
