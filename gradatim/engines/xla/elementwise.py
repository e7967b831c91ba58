"""Elementwise primitives and leaves in `jax.lax`.

float16 and bfloat16 compute in float32 and round once, as in the reference engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from gradatim.engines.xla.table import MEANING, Array, Meaning, check, means, number, widen
from gradatim.graph.errors import DivisionByZero
from gradatim.graph.node import Node

Function = Callable[..., Array]


def _wide(function: Function) -> Meaning:
    def run(node: Node, *arrays: Array) -> Array:
        return function(*map(widen, arrays)).astype(node.dtype.numpy)

    return run


def _of_floats(function: Function) -> Function:
    """Rounding to integers changes no integer."""
    return lambda x: function(x) if jnp.issubdtype(x.dtype, jnp.floating) else x


def _sign(x: Array) -> Array:
    """-1, 0 or 1; 0 for NaN."""
    if x.dtype == jnp.bool_:
        return x
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def _floor_divide(a: Array, b: Array) -> Array:
    """Rounded down; by a floating zero it is what the quotient is."""
    if jnp.issubdtype(a.dtype, jnp.floating):
        return jnp.where(b == 0, a / b, jnp.floor_divide(a, b))
    return jnp.floor_divide(a, jnp.where(b == 0, 1, b))


def _remainder(a: Array, b: Array) -> Array:
    if jnp.issubdtype(a.dtype, jnp.floating):
        return jnp.remainder(a, b)
    return jnp.remainder(a, jnp.where(b == 0, 1, b))


def _fmod(a: Array, b: Array) -> Array:
    a, b = jnp.broadcast_arrays(a, b)
    if jnp.issubdtype(a.dtype, jnp.floating):
        return lax.rem(a, b)
    return lax.rem(a, jnp.where(b == 0, 1, b))


def _power(a: Array, b: Array) -> Array:
    """`a ** b`; of integers a negative power is 0, but for 1 and -1. Integers: by squaring."""
    a, b = jnp.broadcast_arrays(a, b)
    if jnp.issubdtype(a.dtype, jnp.floating):
        return lax.pow(a, b)
    if a.dtype == jnp.bool_:
        return a | ~b
    negative = b < 0
    exponent = jnp.where(negative, 0, b)

    def square(k: Any, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        result, base, left = state
        result = jnp.where(left & 1 == 1, result * base, result)
        return result, base * base, left >> 1

    bits = 8 * a.dtype.itemsize
    result, _, _ = lax.fori_loop(0, bits, square, (jnp.ones_like(a), a, exponent))
    if jnp.issubdtype(a.dtype, jnp.unsignedinteger):
        return result
    sign_only = jnp.where(b % 2 == 0, 1, -1)
    inverse = jnp.where(a == 1, 1, jnp.where(a == -1, sign_only, 0))
    return jnp.where(negative, inverse, result).astype(a.dtype)


def _shift(function: Function) -> Function:
    return lambda a, b: function(*jnp.broadcast_arrays(a, b))


def _shift_right(a: Array, b: Array) -> Array:
    signed = jnp.issubdtype(a.dtype, jnp.signedinteger)
    return (lax.shift_right_arithmetic if signed else lax.shift_right_logical)(a, b)


def _in_float64(function: Function) -> Function:
    """XLA's series cancel around a function's zeros: float32 keeps its digits in float64."""
    return lambda x: function(x.astype(jnp.float64)).astype(x.dtype)


def _atanh(x: Array) -> Array:
    """Of |x|, by one logarithm: XLA's own loses six bits in float64."""
    size = jnp.abs(x)
    return jnp.copysign(lax.log1p(2 * size / (1 - size)) / 2, x)


UNARY: dict[str, Function] = {
    "neg": jnp.negative,
    "abs": jnp.abs,
    "sign": _sign,
    "floor": _of_floats(lax.floor),
    "ceil": _of_floats(lax.ceil),
    "trunc": _of_floats(jnp.trunc),
    "round": _of_floats(lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)),
    "sqrt": lax.sqrt,
    "rsqrt": lambda x: 1 / lax.sqrt(x),
    "exp": lax.exp,
    "exp2": lax.exp2,
    "expm1": lax.expm1,
    "log": lax.log,
    "log2": jnp.log2,
    "log10": jnp.log10,
    "log1p": lax.log1p,
    "sin": lax.sin,
    "cos": lax.cos,
    "tan": lax.tan,
    "asin": lax.asin,
    "acos": lax.acos,
    "atan": lax.atan,
    "sinh": lax.sinh,
    "cosh": lax.cosh,
    "tanh": lax.tanh,
    "asinh": lax.asinh,
    "acosh": lax.acosh,
    "atanh": _atanh,
    "sigmoid": lax.logistic,
    "relu": lambda x: jnp.maximum(x, jnp.zeros((), x.dtype)),
    "erf": lax.erf,
    "erfc": lax.erfc,
    "erfinv": lax.erf_inv,
    "lgamma": _in_float64(lax.lgamma),
    "digamma": _in_float64(lax.digamma),
    "not": lax.bitwise_not,
}

BINARY: dict[str, Function] = {
    "add": jnp.add,
    "sub": jnp.subtract,
    "mul": jnp.multiply,
    "div": jnp.divide,
    "pow": _power,
    "maximum": jnp.maximum,
    "minimum": jnp.minimum,
    "atan2": jnp.arctan2,
    "copysign": jnp.copysign,
    "gcd": jnp.gcd,
    "nextafter": lambda a, b: lax.nextafter(*jnp.broadcast_arrays(a, b)),
    "and": jnp.bitwise_and,
    "or": jnp.bitwise_or,
    "xor": jnp.bitwise_xor,
    "shl": _shift(lax.shift_left),
    "shr": _shift(_shift_right),
    "eq": jnp.equal,
    "ne": jnp.not_equal,
    "lt": jnp.less,
    "le": jnp.less_equal,
    "gt": jnp.greater,
    "ge": jnp.greater_equal,
}

for _name, _function in {**UNARY, **BINARY}.items():
    MEANING[_name] = _wide(_function)


def _checked_division(function: Function) -> Meaning:
    run = _wide(function)

    def checked(node: Node, a: Array, b: Array) -> Array:
        if node.dtype.is_integer:
            message = "ZeroDivisionError: integer division or modulo by zero"
            check(DivisionByZero, lambda *_: message, jnp.any(b == 0) & (node.size > 0))
        return run(node, a, b)

    return checked


MEANING["floor_divide"] = _checked_division(_floor_divide)
MEANING["remainder"] = _checked_division(_remainder)
MEANING["fmod"] = _checked_division(_fmod)

MEANING["select"] = lambda node, condition, a, b: jnp.where(condition, a, b)


@means("cast")
def _cast(node: Node, x: Array) -> Array:
    return x != 0 if node.dtype.name == "bool" else x.astype(node.dtype.numpy)


@means("bitcast")
def _bitcast(node: Node, x: Array) -> Array:
    if x.dtype == jnp.bool_:
        x = x.astype(jnp.uint8)
    if node.dtype.name == "bool":
        return lax.bitcast_convert_type(x, jnp.uint8) != 0
    return lax.bitcast_convert_type(x, node.dtype.numpy)


MEANING["constant"] = lambda node: number(node.params[0], node.dtype.numpy)


@means("iota")
def _iota(node: Node) -> Array:
    line = lax.broadcasted_iota(jnp.int64, node.shape, node.params[0])
    return line != 0 if node.dtype.name == "bool" else line.astype(node.dtype.numpy)
