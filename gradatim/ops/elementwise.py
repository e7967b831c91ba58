"""Operations on each element: arithmetic, functions of one number, comparison, selection."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Node
from gradatim.ops.arguments import (
    as_number,
    as_tensor_operand,
    floating_operand,
    is_number,
    need_floating,
    number_node,
    operands,
    result_dtype,
)
from gradatim.tensor import Tensor, method, op, wrap


def named(node: Node, name: str) -> Tensor:
    """A result that remembers the public operation's name."""
    result = wrap(node)
    result._op = name
    return result


# --- functions of one number ---------------------------------------------------------------------


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
@op("Pow")
def square(input: Tensor) -> Tensor:
    """x² of each element."""
    return pow(input, 2)


@method()
@op("Frac")
def frac(input: Tensor) -> Tensor:
    """The fraction of each element, with its sign."""
    return sub(input, trunc(input))


@method()
@op("Logit")
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of the sigmoid; x is first clamped to [eps, 1 - eps]."""
    if eps is not None:
        input = clamp(input, eps, 1 - eps)
    return log(div(input, rsub(input, 1)))


@method()
@op("Sinc")
def sinc(input: Tensor) -> Tensor:
    """sin(πx) / (πx), and 1 at 0."""
    x = floating_operand(input, "sinc")
    zero = p.eq(x, number_node(0, x.dtype))
    angle = p.mul(p.select(zero, number_node(1, x.dtype), x), number_node(math.pi, x.dtype))
    return wrap(p.select(zero, number_node(1, x.dtype), p.div(p.sin(angle), angle)))


@method()
@op("Deg2Rad")
def deg2rad(input: Tensor) -> Tensor:
    """Degrees to radians."""
    return mul(input, math.pi / 180)


@method()
@op("Rad2Deg")
def rad2deg(input: Tensor) -> Tensor:
    """Radians to degrees."""
    return mul(input, 180 / math.pi)


# --- arithmetic ----------------------------------------------------------------------------------


@method()
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """`input + alpha * other`, elementwise with broadcasting.

    Example:
        >>> import gradatim as gd
        >>> gd.add(gd.tensor([1, 2]), 0.5)
        tensor([1.5000, 2.5000])
    """
    if not (isinstance(alpha, int) and alpha == 1):
        other = as_number(other) * alpha if is_number(other) else mul(other, alpha)
    return named(p.add(*operands(input, other, "add")), "Add")


@method("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """`input - alpha * other`, elementwise with broadcasting."""
    if not (isinstance(alpha, int) and alpha == 1):
        other = as_number(other) * alpha if is_number(other) else mul(other, alpha)
    if _is_bool(input) or _is_bool(other):
        both = "two bool tensors" if _is_bool(input) and _is_bool(other) else "a bool tensor"
        raise DTypeError(
            f"Subtraction, the `-` operator, with {both} is not supported. If you are trying to "
            f"invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return named(p.sub(*operands(input, other, "sub")), "Sub")


def _is_bool(value: Any) -> bool:
    return value.dtype is bool_ if isinstance(value, Tensor) else isinstance(value, bool)


subtract = sub


@method()
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """`other - alpha * input`."""
    result = sub(other, input, alpha=alpha)
    result._op = "Rsub:1" if is_number(other) else "Rsub"
    return result


@method("mul", "multiply")
def mul(input: Any, other: Any) -> Tensor:
    """`input * other`, elementwise with broadcasting."""
    return named(p.mul(*operands(input, other, "mul")), "Mul")


multiply = mul


@method("div", "divide")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """`input / other`; with `rounding_mode` "floor" or "trunc" rounded down or towards zero.

    Integers divide to the default floating dtype, unless a rounding mode is given.
    """
    if rounding_mode is None:
        return named(p.div(*operands(input, other, "div", floating=True)), "Div")
    if rounding_mode == "floor":
        result = floor_divide(input, other)
        result._op = "Div:2"
        return result
    if rounding_mode != "trunc":
        raise ArgumentError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"{rounding_mode!r}"
        )
    a, b = operands(input, other, "div")
    if a.dtype.is_floating_point:
        return named(p.trunc(p.div(a, b)), "Div:2")
    return named(p.floor_divide(p.sub(a, p.fmod(a, b)), b), "Div:2")


divide = div


@method()
def true_divide(input: Any, other: Any) -> Tensor:
    """`input / other`."""
    return div(input, other)


@method()
def floor_divide(input: Any, other: Any) -> Tensor:
    """`input // other`, rounded down."""
    a, b = operands(input, other, "floor_divide")
    if a.dtype is bool_:
        raise DTypeError("floor_divide does not take two bool tensors: cast one with .int()")
    if a.dtype.is_floating_point and (a.history or b.history):
        return named(p.floor(p.div(a, b)), "FloorDivide")
    return named(p.floor_divide(a, b), "FloorDivide")


@method()
def remainder(input: Any, other: Any) -> Tensor:
    """`input % other`, with the sign of `other`."""
    node = p.remainder(*operands(input, other, "remainder"))
    return named(node, "Remainder" if is_number(other) else "Remainder:1")


@method()
def fmod(input: Any, other: Any) -> Tensor:
    """The rest of the division, with the sign of `input`."""
    node = p.fmod(*operands(input, other, "fmod"))
    return named(node, "Fmod" if is_number(other) else "Fmod:1")


@method()
def pow(input: Any, exponent: Any) -> Tensor:
    """`input ** exponent`, elementwise with broadcasting."""
    a, b = operands(input, exponent, "pow")
    if not a.dtype.is_floating_point and b.primitive is p.CONSTANT and b.params[0] < 0:
        raise DTypeError("Integers to negative integer powers are not allowed.")
    overload = "" if is_number(exponent) else ":2" if is_number(input) else ":1"
    return named(p.pow_(a, b), f"Pow{overload}")


@method()
def float_power(input: Any, exponent: Any) -> Tensor:
    """`input ** exponent` in float64."""
    a, b = operands(input, exponent, "float_power")
    return named(p.pow_(p.cast(a, dtypes.float64), p.cast(b, dtypes.float64)), "Pow")


def _two(
    name: str, build: Callable[[Node, Node], Node], title: str, text: str, floating: bool = False
) -> Callable[[Any, Any], Tensor]:
    def function(input: Any, other: Any) -> Tensor:
        return named(build(*operands(input, other, name, floating=floating)), title)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text}, elementwise with broadcasting."
    return method()(function)


maximum = _two("maximum", p.maximum, "Maximum", "The larger of the two; NaN if either is")
minimum = _two("minimum", p.minimum, "Minimum", "The smaller of the two; NaN if either is")
atan2 = _two("atan2", p.atan2, "Atan2", "The angle of the point (other, input)", True)
arctan2 = method("arctan2")(atan2)
copysign = _two("copysign", p.copysign, "Copysign", "|input| with the sign of other", True)
nextafter = _two("nextafter", p.nextafter, "Nextafter", "The next number towards other")


def _ignoring_nan(name: str, build: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    def function(input: Any, other: Any) -> Tensor:
        a, b = operands(input, other, name)
        x, y = wrap(a), wrap(b)
        result: Tensor = where(ne(y, y), x, where(ne(x, x), y, build(x, y)))
        result._op = name.title()
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name[1:]}imum of the two that is not NaN, if there is one."
    return method()(function)


fmax = _ignoring_nan("fmax", maximum)
fmin = _ignoring_nan("fmin", minimum)


@method()
@op("Hypot")
def hypot(input: Any, other: Any) -> Tensor:
    """sqrt(input² + other²), without overflow in between."""
    a, b = operands(abs(input), abs(other), "hypot", floating=True)
    large, small = p.maximum(a, b), p.minimum(a, b)
    zero = p.eq(large, number_node(0, a.dtype))
    ratio = p.div(small, p.select(zero, number_node(1, a.dtype), large))
    return wrap(p.mul(large, p.sqrt(p.add(p.mul(ratio, ratio), number_node(1, a.dtype)))))


@method()
@op("Logaddexp")
def logaddexp(input: Any, other: Any) -> Tensor:
    """log(exp(input) + exp(other)), without overflow."""
    a, b = operands(input, other, "logaddexp", floating=True)
    top = p.stop_gradient(p.maximum(a, b))
    infinite = p.eq(p.abs_(top), number_node(math.inf, a.dtype))
    top = p.select(infinite, number_node(0, a.dtype), top)
    return wrap(p.add(top, p.log(p.add(p.exp(p.sub(a, top)), p.exp(p.sub(b, top))))))


@method()
@op("Xlogy")
def xlogy(input: Any, other: Any) -> Tensor:
    """input · log(other), and 0 where input is 0."""
    a, b = operands(input, other, "xlogy", floating=True)
    zero = number_node(0, a.dtype)
    dead = p.and_(p.eq(a, zero), p.eq(b, b))
    safe = p.select(dead, number_node(1, a.dtype), b)
    return wrap(p.mul(a, p.log(safe)))


@method()
def lerp(input: Tensor, end: Any, weight: Any) -> Tensor:
    """`input + weight * (end - input)`; from the other side where `weight` is at least ½."""
    for name, value in (("end", end), ("weight", weight)):
        if isinstance(value, Tensor) and value.dtype is not input.dtype and (
            name == "end" or value.ndim
        ):
            raise DTypeError(
                f"expected dtype {input.dtype.name} for `{name}` but got dtype {value.dtype.name}"
            )
    difference = sub(end, input)
    if is_number(weight):
        if weight < 0.5:
            result = add(input, mul(difference, weight))
        else:
            result = sub(end, mul(difference, 1 - weight))
    else:
        far = sub(end, mul(difference, rsub(weight, 1)))
        result = where(lt(weight, 0.5), add(input, mul(difference, weight)), far)
    result._op = "Lerp" if is_number(weight) else "Lerp:1"
    return result


@method()
@op("Addcmul")
def addcmul(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """`input + value * tensor1 * tensor2`."""
    product = mul(tensor1, tensor2)
    return add(input, product if value == 1 else mul(product, value))


@method()
@op("Addcdiv")
def addcdiv(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """`input + value * tensor1 / tensor2`."""
    return add(input, div(tensor1 if value == 1 else mul(tensor1, value), tensor2))


# --- bits and logic ------------------------------------------------------------------------------


def _bitwise(name: str, build: Callable[[Node, Node], Node], text: str) -> Any:
    def function(input: Any, other: Any) -> Tensor:
        a, b = operands(input, other, name)
        if a.dtype.is_floating_point:
            raise DTypeError(f'"{name}" is for integers and bools, got {a.dtype.name}')
        return wrap(build(a, b))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text} of two integers or bools."
    return method()(function)


bitwise_and = _bitwise("bitwise_and", p.and_, "The bits that are set in both")
bitwise_or = _bitwise("bitwise_or", p.or_, "The bits that are set in either")
bitwise_xor = _bitwise("bitwise_xor", p.xor, "The bits that are set in one alone")
bitwise_left_shift = _bitwise("bitwise_left_shift", p.shl, "input << other")
bitwise_right_shift = _bitwise("bitwise_right_shift", p.shr, "input >> other")


@method("bitwise_not", "__invert__")
def bitwise_not(input: Tensor) -> Tensor:
    """Every bit turned over; of a bool, its opposite."""
    x = input._read()
    if x.dtype.is_floating_point:
        raise ArgumentTypeError(
            f"~ (operator.invert) is for integers and bools, got {x.dtype.name}"
        )
    return wrap(p.not_(x))


def _truth(input: Any) -> Node:
    return p.cast(as_tensor_operand(input, "logical operation")._read(), bool_)


def _logical(name: str, build: Callable[[Node, Node], Node]) -> Callable[[Any, Any], Tensor]:
    def function(input: Any, other: Any) -> Tensor:
        return wrap(build(_truth(input), _truth(other)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name.split('_')[1]} of the truth (non-zero) of two tensors."
    return method()(function)


logical_and = _logical("logical_and", p.and_)
logical_or = _logical("logical_or", p.or_)
logical_xor = _logical("logical_xor", p.xor)


@method()
def logical_not(input: Tensor) -> Tensor:
    """Whether each element is zero."""
    return wrap(p.not_(_truth(input)))


# --- comparison ----------------------------------------------------------------------------------


def _comparison(name: str, other_name: str, build: Callable[[Node, Node], Node]) -> Any:
    def function(input: Any, other: Any) -> Tensor:
        if is_number(other) and isinstance(input, Tensor):
            other = _comparable(input, as_number(other))
        return wrap(build(*operands(input, other, name)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Elementwise comparison ({other_name}); a bool tensor."
    return method(name, other_name)(function)


def _comparable(input: Tensor, number: bool | int | float) -> bool | int | float:
    """An integer out of a dtype's range compares as the float it is."""
    dtype = input.dtype
    if dtype.is_integer and isinstance(number, int):
        low, high = dtypes.integer_range(dtype)
        if not low <= number <= high:
            return math.inf if number > 0 else -math.inf
    return number


eq = _comparison("eq", "eq", p.eq)
ne = _comparison("ne", "not_equal", p.ne)
lt = _comparison("lt", "less", p.lt)
le = _comparison("le", "less_equal", p.le)
gt = _comparison("gt", "greater", p.gt)
ge = _comparison("ge", "greater_equal", p.ge)
not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge


@method()
def isnan(input: Tensor) -> Tensor:
    """Whether each element is NaN."""
    x = input._read()
    return wrap(p.ne(x, x))


@method()
def isinf(input: Tensor) -> Tensor:
    """Whether each element is an infinity."""
    x = input._read()
    if not x.dtype.is_floating_point:
        return wrap(p.full(x.shape, False, bool_))
    return wrap(p.eq(p.abs_(x), number_node(math.inf, x.dtype)))


@method()
def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither NaN nor an infinity."""
    x = input._read()
    if not x.dtype.is_floating_point:
        return wrap(p.full(x.shape, True, bool_))
    return wrap(p.lt(p.abs_(x), number_node(math.inf, x.dtype)))


@method()
def signbit(input: Tensor) -> Tensor:
    """Whether each element has its sign bit set (-0.0 too)."""
    x = input._read()
    if not x.dtype.is_floating_point:
        return wrap(p.lt(x, number_node(0, x.dtype)))
    return wrap(p.lt(p.copysign(number_node(1, x.dtype), x), number_node(0, x.dtype)))


@method()
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether `|input - other| <= atol + rtol * |other|`, or both are the same infinity."""
    if input.dtype is not other.dtype:
        raise DTypeError(f"{input.dtype.name} did not match {other.dtype.name}")
    same = eq(input, other)
    if equal_nan:
        same = logical_or(same, logical_and(isnan(input), isnan(other)))
    if not input.dtype.is_floating_point:
        input, other = input.to(dtypes.float64), other.to(dtypes.float64)
    near = le(abs(sub(input, other)), add(mul(abs(other), rtol), atol))
    return logical_or(same, logical_and(logical_and(isfinite(input), isfinite(other)), near))


@method()
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds everywhere."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@method()
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements."""
    return input.shape == other.shape and bool(eq(input, other).all())


# --- selection and clamping ----------------------------------------------------------------------


@op("Where")
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, else `other`; with a condition alone, the places where it
    holds (`nonzero(as_tuple=True)`).
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not isinstance(condition, Tensor):
        raise ArgumentTypeError(f"where expects a bool Tensor, got {type(condition).__name__}")
    mask = condition._read()
    if mask.dtype is not bool_:
        if mask.dtype is not dtypes.uint8:
            raise DTypeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{mask.dtype.name}"
            )
        mask = p.cast(mask, bool_)
    if is_number(input) and is_number(other):
        dtype = result_dtype(input, other)
        return wrap(
            p.select(
                mask, number_node(as_number(input), dtype), number_node(as_number(other), dtype)
            )
        )
    return wrap(p.select(mask, *operands(input, other, "where")))


@method("where")
def _where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """`self` where the condition holds, else `other`."""
    result: Tensor = where(condition, self, other)
    return result


@method("clamp", "clip")
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Each element, but not below `min` and not above `max` (numbers or tensors).

    The gradient passes where the element is inside, borders included.
    """
    if min is None and max is None:
        raise ArgumentError("clamp: At least one of 'min' or 'max' must not be None")
    dtype = result_dtype(*(v for v in (input, min, max) if v is not None))
    x = p.cast(input._read(), dtype)
    for bound, beyond in ((min, p.lt), (max, p.gt)):
        if bound is None:
            continue
        if is_number(bound):
            limit = number_node(as_number(bound), dtype)
        else:
            limit = p.cast(bound._read(), dtype)
        if limit.primitive is p.CONSTANT and limit.params[0] != limit.params[0]:
            x = p.add(x, limit)  # a NaN bound
            continue
        x = p.select(beyond(x, limit), limit, x)
        if not is_number(bound):
            x = p.select(p.ne(limit, limit), limit, x)
    tensors = isinstance(min, Tensor) or isinstance(max, Tensor)
    return named(x, "Clamp" if tensors else "Clamp:1")


clip = clamp


@method()
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Each element, but not below `min`."""
    result = clamp(input, min=min)
    result._op = "ClampMin" if is_number(min) else "ClampMin:1"
    return result


@method()
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Each element, but not above `max`."""
    result = clamp(input, max=max)
    result._op = "ClampMax" if is_number(max) else "ClampMax:1"
    return result


@method()
@op("NanToNum")
def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN and the infinities replaced; the infinities by the dtype's largest and smallest unless
    told otherwise."""
    x = input._read()
    if not x.dtype.is_floating_point:
        return wrap(p.copy(x))
    import ml_dtypes

    limits = ml_dtypes.finfo(x.dtype.numpy)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    y = p.select(p.ne(x, x), number_node(nan, x.dtype), x)
    y = p.select(p.eq(x, number_node(math.inf, x.dtype)), number_node(high, x.dtype), y)
    return wrap(p.select(p.eq(x, number_node(-math.inf, x.dtype)), number_node(low, x.dtype), y))


@method()
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` (a number or a 0-d tensor) where the mask holds, else the element."""
    condition = mask._read()
    if condition.dtype is not bool_:
        raise DTypeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{condition.dtype.name}"
        )
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    x = input._read()
    if isinstance(value, Tensor):
        fill = p.cast(value._read(), x.dtype)
    else:
        number = as_number(value)
        if number_is_beyond(number, x):
            raise DTypeError(
                f"value cannot be converted to type {x.dtype.name} without overflow: {number}"
            )
        fill = number_node(number, x.dtype)
    name = "MaskedFill:1" if isinstance(value, Tensor) else "MaskedFill"
    return named(p.select(condition, fill, x), name)


def number_is_beyond(number: Any, x: Node) -> bool:
    """Whether a dtype would have to drop what the number says."""
    return x.dtype.is_integer and isinstance(number, float) and not float(number).is_integer()


@method()
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero, 1 above, `values` at zero."""
    x, at_zero = operands(input, values, "heaviside")
    zero, one = number_node(0, x.dtype), number_node(1, x.dtype)
    step = p.select(p.gt(x, zero), one, zero)  # NaN is not above zero
    return wrap(p.select(p.eq(x, zero), at_zero, step))


# --- operators -----------------------------------------------------------------------------------


def _operator(function: Callable[[Any, Any], Tensor], swapped: bool = False) -> Any:
    """A function as an operator: for operands it does not know, Python asks the other side."""

    def call(self: Tensor, other: Any) -> Any:
        if not isinstance(other, (Tensor, float, int, np.ndarray, np.generic)):
            return NotImplemented
        return function(other, self) if swapped else function(self, other)

    return call


for _symbol, _function in (
    ("add", add), ("sub", sub), ("mul", mul), ("truediv", div), ("floordiv", floor_divide),
    ("mod", remainder), ("pow", pow), ("and", bitwise_and), ("or", bitwise_or),
    ("xor", bitwise_xor), ("lshift", bitwise_left_shift), ("rshift", bitwise_right_shift),
):  # fmt: skip
    method(f"__{_symbol}__")(_operator(_function))
    method(f"__r{_symbol}__")(_operator(_function, swapped=True))
method("__rsub__")(_operator(rsub))


@method("__rtruediv__")
def _divides(self: Tensor, other: Any) -> Any:
    """`other / self` for a number: `other * (1 / self)`, rounded twice as in PyTorch."""
    if not isinstance(other, (float, int, np.ndarray, np.generic)):
        return NotImplemented
    return mul(reciprocal(self), other)


for _symbol, _function in (("eq", eq), ("ne", ne), ("lt", lt), ("le", le), ("gt", gt), ("ge", ge)):
    method(f"__{_symbol}__")(_operator(_function))


def check_float(input: Tensor, where: str) -> None:
    need_floating(input._read(), where)
