"""More functions of one or two numbers: divisors, powers of 2 and the parts of a float; and what a
real number is in the plane of complex ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, float32, int32, int64
from gradatim.graph.errors import DTypeError, ShapeError, UnsupportedDType
from gradatim.graph.node import Node
from gradatim.ops.arguments import (
    as_tensor_operand,
    floating_operand,
    need_tensors,
    number_node,
    operands,
)
from gradatim.ops.arithmetic import mul, pow
from gradatim.ops.results import result_type
from gradatim.tensor import Tensor, method, named, op, wrap

__all__ = [
    "adjoint", "angle", "conj", "conj_physical", "frexp", "gcd", "imag", "isneginf", "isposinf",
    "isreal", "lcm", "ldexp", "real", "resolve_conj", "resolve_neg",
]  # fmt: skip


# --- divisors ------------------------------------------------------------------------------------


def _integers(a: Any, b: Any, name: str) -> tuple[Node, Node]:
    need_tensors(name, input=a, other=b)
    x, y = operands(a, b, name)
    if not x.dtype.is_integer:
        raise UnsupportedDType(f'"{name}" is for integers, got {x.dtype.name}')
    return x, y


@method()
def gcd(input: Any, other: Any) -> Tensor:
    """The greatest common divisor of two integers, not negative; gcd(0, 0) is 0.

    Example:
        >>> import gradatim as gd
        >>> gd.gcd(gd.tensor([12, -7, 0]), gd.tensor([18, 21, 5]))
        tensor([6, 7, 5])
    """
    return named(p.gcd(*_integers(input, other, "gcd")), "Gcd")


@method()
def lcm(input: Any, other: Any) -> Tensor:
    """The least common multiple of two integers, not negative; 0 if either is 0."""
    a, b = _integers(input, other, "lcm")
    dtype = a.dtype
    if dtype.itemsize < 4:  # (as C does, which shows where the product does not fit)
        a, b = p.cast(a, int32), p.cast(b, int32)
    divisor = p.gcd(a, b)
    none = p.eq(divisor, number_node(0, a.dtype))
    safe = p.select(none, number_node(1, a.dtype), divisor)
    product = p.mul(p.floor_divide(a, safe), b)
    return named(p.cast(p.abs_(product) if a.dtype.is_signed else product, dtype), "Lcm")


# --- powers of 2 ---------------------------------------------------------------------------------


@method()
@op("Mul")
def ldexp(input: Any, other: Any) -> Tensor:
    """input · 2^other, elementwise with broadcasting.

    Example:
        >>> import gradatim as gd
        >>> gd.ldexp(gd.tensor([1.5]), gd.tensor([3]))
        tensor([12.])
    """
    other = as_tensor_operand(other, "ldexp")
    return mul(as_tensor_operand(input, "ldexp"), pow(2.0, other))


# The dtype that holds a float's bits, how many of them are its fraction, and its exponent's bias.
_LAYOUTS = {4: (int32, 23, 127), 8: (int64, 52, 1023)}


@method()
def frexp(input: Tensor) -> Any:
    """Mantissa and int32 exponent: input = mantissa · 2^exponent, ½ <= |mantissa| < 1.

    0, infinities and NaN are their own mantissa, with the exponent 0.

    Raises:
        DTypeError: for integers and bools.

    Example:
        >>> import gradatim as gd
        >>> mantissa, exponent = gd.frexp(gd.tensor([6.0, -0.25]))
        >>> mantissa, exponent
        (tensor([ 0.7500, -0.5000]), tensor([ 3, -1], dtype=torch.int32))
    """
    x = as_tensor_operand(input, "frexp")._read()
    dtype = x.dtype
    if not dtype.is_floating_point:
        raise DTypeError(
            f"torch.frexp() only supports floating-point dtypes, got {dtype.name}: cast it with "
            f".float()"
        )
    wide = p.cast(x, float32) if dtype.itemsize == 2 else x
    bits, fraction, bias = _LAYOUTS[wide.dtype.itemsize]
    zero = number_node(0, wide.dtype)
    plain = p.and_(p.ne(wide, zero), p.lt(p.abs_(wide), number_node(math.inf, wide.dtype)))

    def exponent_of(value: Node) -> Node:
        mask = number_node(2 * bias + 1, bits)
        stored = p.and_(p.shr(p.bitcast(value, bits), number_node(fraction, bits)), mask)
        return p.sub(stored, number_node(bias - 1, bits))

    still = p.stop_gradient(wide)
    tiny = p.lt(p.abs_(still), number_node(2.0 ** (1 - bias), wide.dtype))  # subnormal
    raised = p.select(tiny, p.mul(still, number_node(2.0 ** (fraction + 2), wide.dtype)), still)
    lift = p.select(tiny, number_node(fraction + 2, bits), number_node(0, bits))
    exponent = p.select(plain, p.sub(exponent_of(raised), lift), number_node(0, bits))
    # 2^-exponent may overflow where its two halves do not
    half = p.shr(exponent, number_node(1, bits))
    result = wide
    for part in (half, p.sub(exponent, half)):
        biased = p.shl(p.sub(number_node(bias, bits), part), number_node(fraction, bits))
        result = p.mul(result, p.bitcast(biased, wide.dtype))
    mantissa = p.cast(p.select(plain, result, wide), dtype)
    kind = result_type("frexp", "mantissa", "exponent")
    return kind(named(mantissa, "Frexp"), named(p.cast(exponent, int32), "Frexp"))


# --- infinities ----------------------------------------------------------------------------------


def _infinite(name: str, number: float) -> Callable[[Tensor], Tensor]:
    def function(input: Tensor) -> Tensor:
        x = as_tensor_operand(input, name)._read()
        if not x.dtype.is_floating_point:
            return wrap(p.full(x.shape, False, bool_))
        return wrap(p.eq(x, number_node(number, x.dtype)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Whether each element is {number}."
    return method()(function)


isposinf = _infinite("isposinf", math.inf)
isneginf = _infinite("isneginf", -math.inf)


# --- real numbers as complex ones ----------------------------------------------------------------


@method()
def isreal(input: Tensor) -> Tensor:
    """Whether each element is real: all are, there being no complex tensors."""
    return wrap(p.full(tuple(as_tensor_operand(input, "isreal").shape), True, bool_))


@method()
def angle(input: Tensor) -> Tensor:
    """0 for a number that is not negative, π for a negative one; NaN for NaN. The gradient is 0."""
    x = floating_operand(input, "angle")
    zero, still = number_node(0, x.dtype), p.stop_gradient(x)
    turned = p.select(p.lt(still, zero), number_node(math.pi, x.dtype), zero)
    turned = p.select(p.ne(still, still), still, turned)
    if x.history:  # flat, and not without a gradient
        turned = p.select(p.constant(True, bool_), turned, x)
    return named(turned, "Angle")


def _itself(name: str, text: str) -> Callable[[Tensor], Tensor]:
    def function(input: Tensor) -> Tensor:
        return as_tensor_operand(input, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text}: the tensor itself."
    return function


conj = method()(_itself("conj", "The complex conjugate of real numbers"))
resolve_conj = method()(_itself("resolve_conj", "The tensor with no conjugation pending"))
resolve_neg = method()(_itself("resolve_neg", "The tensor with no negation pending"))
conj_physical = method()(_itself("conj_physical", "The complex conjugate of real numbers"))
real = _itself("real", "The real part of real numbers")


def imag(input: Tensor) -> Tensor:
    """The imaginary part, which real numbers do not have.

    Raises:
        DTypeError: always.
    """
    raise DTypeError("imag is not implemented for tensors with non-complex dtypes.")


Tensor.imag = property(imag)  # type: ignore[attr-defined]


@method()
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged (and the numbers conjugated, were they complex)."""
    if input.ndim < 2:
        raise ShapeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got "
            f"{input.ndim}-D tensor."
        )
    result: Tensor = input.transpose(-2, -1)
    return result
