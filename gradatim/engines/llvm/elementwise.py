"""Elementwise: what each elementwise primitive is in vector instructions.

`lower` is what kernels call. A primitive is one line of a table by the kind of its inputs (bool,
integer, floating), as in the reference engine, whose results these are bit for bit wherever the
operation is exact. Values have any power of two of lanes. What has no line runs on the reference
engine instead.

    >>> from gradatim.engines.llvm.emit import Module
    >>> from gradatim.graph.dtypes import bool_, float32
    >>> f = Module().function("example", ["<16 x float>", "<16 x float>"], "<16 x i1>")
    >>> lower(f, "lt", (), float32, bool_, f.params).type
    '<16 x i1>'
    >>> lower(f, "shl", (), float32, float32, f.params) is None
    True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim.engines.llvm import (
    floating_division,
    integer_division,
    power,
    special_functions,
    vector_math,
    vector_math64,
)
from gradatim.engines.llvm.conversion import convert, reinterpret, round_to
from gradatim.engines.llvm.emit import Function, Value, constant, like
from gradatim.engines.llvm.rounding import ceil, floor, nearest, truncate
from gradatim.engines.llvm.vector_tools import bits, from_bits, sign_bit, with_sign
from gradatim.graph.dtypes import DType, bool_, float64, integer_range

Lowering = Callable[[Function, DType, DType, list[Value]], Value]
Unary = Callable[[Function, Value], Value]
Binary = Callable[[Function, Value, Value], Value]


class NotLowered(Exception):
    """Raised by a table's line that has nothing for this dtype."""


# Their results are values of the half types whenever their inputs are: no rounding.
EXACT = (
    "neg", "abs", "sign", "floor", "ceil", "trunc", "round", "relu", "maximum", "minimum",
    "copysign", "fmod", "select", "cast", "bitcast",
)  # fmt: skip


def lower(
    f: Function,
    name: str,
    params: Sequence[Any],
    in_dtype: DType,
    out_dtype: DType,
    values: Sequence[Value],
) -> Value | None:
    """Write one elementwise primitive.

    Args:
        params: the Node's (the dtypes say all that is in them).
        in_dtype: of the Node's inputs; for "select" of the two values.
        out_dtype: of its result.
        values: the inputs in registers: `float` for float32, float16 and bfloat16, `double`, `i8`
            to `i64`, `i1` for bool; scalars or vectors, all with as many lanes.

    Returns:
        The result, in the same form, rounded to its dtype; None if there is no lowering.
    """
    lowering = LOWERINGS.get(name)
    if lowering is None:
        return None
    try:
        result = lowering(f, in_dtype, out_dtype, list(values))
    except NotLowered:
        return None
    if name in EXACT or not out_dtype.is_floating_point:
        return result
    return round_to(f, result, out_dtype)


# --- by kind of dtype ----------------------------------------------------------------------------


def _of_floats(run: Callable[..., Value]) -> Lowering:
    """A function of floats, given one value for each input."""

    def lowering(f: Function, dtype: DType, result: DType, values: list[Value]) -> Value:
        if not dtype.is_floating_point:
            raise NotLowered
        return run(f, *values)

    return lowering


def _math(name: str) -> Lowering:
    """A function of vector_math, which has one for each width of floats, or only for one."""

    def lowering(f: Function, dtype: DType, result: DType, values: list[Value]) -> Value:
        table = FLOAT64 if dtype is float64 else FLOAT32
        if not dtype.is_floating_point or name not in table:
            raise NotLowered
        return table[name](f, *values)

    return lowering


FLOAT32: dict[str, Callable[..., Value]] = {
    **vector_math.FUNCTIONS,
    **special_functions.FLOAT32,
    "pow": power.FLOAT32,
}
FLOAT64: dict[str, Callable[..., Value]] = {
    **vector_math64.FUNCTIONS,
    "pow": power.FLOAT64,
}


def _by_kind(
    floating: Callable[..., Value] | None,
    integer: Callable[..., Value] | None,
    boolean: Callable[..., Value] | None = None,
) -> Lowering:
    """One function for each kind of dtype; that of the integers is told whether they are signed."""

    def lowering(f: Function, dtype: DType, result: DType, values: list[Value]) -> Value:
        if dtype.is_floating_point:
            run, arguments = floating, values
        elif dtype is bool_:
            run, arguments = boolean, values
        else:
            run, arguments = integer, [*values, dtype.is_signed]  # type: ignore[list-item]
        if run is None:
            raise NotLowered
        return run(f, *arguments)

    return lowering


def _same(f: Function, x: Value, signed: bool = True) -> Value:
    return x


# --- unary ---------------------------------------------------------------------------------------


def _absolute(f: Function, x: Value, signed: bool) -> Value:
    return integer_division.absolute(f, x) if signed else x


def _sign(f: Function, x: Value, signed: bool = True) -> Value:
    """-1, 0 or 1, and 0 for NaN."""
    up = f.select(f.compare("gt", x, 0, signed), constant(1, x.type), 0)
    return f.select(f.compare("lt", x, 0, signed), constant(-1, x.type), up) if signed else up


def _relu(f: Function, x: Value) -> Value:
    """NaN stays: the comparison with it is false."""
    return f.select(f.compare("gt", constant(0.0, x.type), x), constant(0.0, x.type), x)


# --- binary --------------------------------------------------------------------------------------


def _maximum(f: Function, a: Value, b: Value) -> Value:
    """NaN if either is; of 0 and -0 the second, as vector instructions have it."""
    larger = f.select(f.compare("gt", a, b), a, b)
    return f.select(f.is_nan(a), a, larger)


def _minimum(f: Function, a: Value, b: Value) -> Value:
    smaller = f.select(f.compare("lt", a, b), a, b)
    return f.select(f.is_nan(a), a, smaller)


def _extreme(name: str) -> Callable[..., Value]:
    """An integer's: "max" or "min"."""

    def run(f: Function, a: Value, b: Value, signed: bool) -> Value:
        return f.binary(("s" if signed else "u") + name, a, b)

    return run


def _ignoring_sign(run: Binary) -> Callable[..., Value]:
    return lambda f, a, b, signed: run(f, a, b)


def _copy_sign(f: Function, a: Value, b: Value) -> Value:
    return with_sign(f, f.unary("fabs", a), sign_bit(f, b))


def _next_after(f: Function, x: Value, y: Value) -> Value:
    """The neighbour of `x` in the direction of `y`: its bits plus or minus one."""
    raw = bits(f, x)
    away = f.compare("eq", f.compare("lt", x, y), f.compare("gt", x, 0.0))
    beside = f.add(raw, f.select(away, constant(1, raw.type), -1))
    least = f.or_(sign_bit(f, y), 1)  # the smallest denormal number
    moved = from_bits(f, f.select(f.compare("eq", x, 0.0), least, beside))
    moved = f.select(f.compare("eq", x, y), y, moved)
    unordered = f.emit(f"fcmp uno {x!r}, {y.name}", like(x.type, "i1"))
    return f.select(unordered, f.add(x, y), moved)


def _integer_power(f: Function, base: Value, exponent: Value, signed: bool) -> Value:
    """Repeated squaring, wrapping around; a negative exponent gives 0, but for 1 and -1."""
    one = constant(1, base.type)
    left = exponent
    if signed:
        negative = f.compare("lt", exponent, 0)
        unit = f.or_(f.compare("eq", base, 1), f.compare("eq", base, -1))
        base = f.select(f.and_(negative, f.not_(unit)), 0, base)  # 0 to the power of -n: 0
        left = f.select(negative, f.sub(0, exponent), exponent)
    width = int(one.type.split("i")[-1].rstrip(">"))
    with f.loop(0, width, carry=[one, base, left]) as turn:
        power, square, rest = turn.carry
        odd = f.compare("ne", f.and_(rest, 1), 0)
        power = f.select(odd, f.mul(power, square), power)
        turn.next(power, f.mul(square, square), f.shr(rest, 1))
    result: Value = turn.results[0]
    return result


def _power(f: Function, dtype: DType, result: DType, values: list[Value]) -> Value:
    if dtype.is_integer:
        base, exponent = values
        return _integer_power(f, base, exponent, dtype.is_signed)
    return _math("pow")(f, dtype, result, values)


def _shift(name: str) -> Callable[..., Value]:
    """Shifts by an amount that may be negative or too large."""

    def run(f: Function, a: Value, b: Value, signed: bool) -> Value:
        width = int(a.type.split("i")[-1].rstrip(">"))
        valid = f.compare("lt", b, width, signed=False)
        if name == "shr" and signed:
            return f.shr(a, f.select(valid, b, width - 1), signed=True)
        amount = f.select(valid, b, 0)
        return f.select(valid, f.shl(a, amount) if name == "shl" else f.shr(a, amount), 0)

    return run


def _comparison(name: str) -> Lowering:
    def lowering(f: Function, dtype: DType, result: DType, values: list[Value]) -> Value:
        a, b = values
        if dtype is bool_:
            return _BOOL_COMPARISONS[name](f, a, b)
        return f.compare(name, a, b, dtype.is_signed)

    return lowering


_BOOL_COMPARISONS: dict[str, Binary] = {
    "eq": lambda f, a, b: f.not_(f.xor(a, b)),
    "ne": lambda f, a, b: f.xor(a, b),
    "lt": lambda f, a, b: f.and_(f.not_(a), b),
    "le": lambda f, a, b: f.or_(f.not_(a), b),
    "gt": lambda f, a, b: f.and_(a, f.not_(b)),
    "ge": lambda f, a, b: f.or_(a, f.not_(b)),
}

# --- the table -----------------------------------------------------------------------------------


def _arithmetic(run: Binary, boolean: Binary | None = None) -> Lowering:
    return _by_kind(run, _ignoring_sign(run), boolean)


def _logic(run: Binary) -> Lowering:
    return _by_kind(None, _ignoring_sign(run), run)


LOWERINGS: dict[str, Lowering] = {
    "neg": _by_kind(Function.neg, lambda f, x, signed: f.neg(x)),
    "abs": _by_kind(lambda f, x: f.unary("fabs", x), _absolute, _same),
    "sign": _by_kind(_sign, _sign, _same),
    "floor": _by_kind(floor, _same, _same),
    "ceil": _by_kind(ceil, _same, _same),
    "trunc": _by_kind(truncate, _same, _same),
    "round": _by_kind(nearest, _same),
    "sqrt": _of_floats(lambda f, x: f.unary("sqrt", x)),
    "relu": _by_kind(_relu, lambda f, x, signed: f.binary("smax", x, 0) if signed else x),
    "not": _by_kind(None, lambda f, x, signed: f.not_(x), Function.not_),
    "add": _arithmetic(Function.add, Function.or_),
    "sub": _arithmetic(Function.sub),
    "mul": _arithmetic(Function.mul, Function.and_),
    "div": _of_floats(Function.div),
    "floor_divide": _by_kind(floating_division.floor_divide, integer_division.floor_divide),
    "remainder": _by_kind(floating_division.remainder, integer_division.remainder),
    "fmod": _by_kind(floating_division.fmod, integer_division.fmod),
    "gcd": _by_kind(None, integer_division.gcd),
    "maximum": _by_kind(_maximum, _extreme("max"), Function.or_),
    "minimum": _by_kind(_minimum, _extreme("min"), Function.and_),
    "copysign": _of_floats(_copy_sign),
    "nextafter": _of_floats(_next_after),
    "and": _logic(Function.and_),
    "or": _logic(Function.or_),
    "xor": _logic(Function.xor),
    "shl": _by_kind(None, _shift("shl")),
    "shr": _by_kind(None, _shift("shr")),
    **{name: _comparison(name) for name in _BOOL_COMPARISONS},
    "select": lambda f, dtype, result, values: f.select(*values),
    "cast": lambda f, dtype, result, values: convert(f, values[0], dtype, result),
    "bitcast": lambda f, dtype, result, values: reinterpret(f, values[0], dtype, result),
    **{name: _math(name) for name in FLOAT32},
    "pow": _power,
}

# --- reductions ----------------------------------------------------------------------------------

_COMBINED = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}


def combine(name: str) -> Callable[[Function, DType, Value, Value], Value]:
    """How a reduction ("sum", "prod", "max", "min") puts two values together, lane by lane. Half
    types are not rounded in between: their sums are `float` sums.
    """
    lowering = LOWERINGS[_COMBINED[name]]
    return lambda f, dtype, a, b: lowering(f, dtype, dtype, [a, b])


def identity(name: str, dtype: DType) -> bool | int | float:
    """The value that a reduction's `combine` leaves others as they are with."""
    if name in ("sum", "prod"):
        return 0 if name == "sum" else 1
    if dtype.is_floating_point:
        return float("-inf") if name == "max" else float("inf")
    if dtype is bool_:
        return name == "min"
    return integer_range(dtype)[0 if name == "max" else 1]
