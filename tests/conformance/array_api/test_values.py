"""Values, dtypes and shapes of every function, over shapes and dtypes, against the reference."""

from __future__ import annotations

import itertools
import zlib

import numpy as np
import pytest

pytest.importorskip("array_api_strict")

FLOATS = ("float32", "float64")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
NUMERIC = FLOATS + INTEGERS
ALL = ("bool", *NUMERIC)
SHAPES = ((), (3,), (2, 3), (2, 1, 3), (0, 2))

UNARY = {
    **dict.fromkeys(
        ("abs", "ceil", "floor", "isfinite", "isinf", "isnan", "negative", "positive", "round",
         "sign", "square", "trunc"), NUMERIC),
    **dict.fromkeys(
        ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "expm1", "log",
         "log10", "log1p", "log2", "reciprocal", "signbit", "sin", "sinh", "sqrt", "tan", "tanh"),
        FLOATS),
    "bitwise_invert": ("bool", *INTEGERS),
    "logical_not": ("bool",),
}  # fmt: skip

BINARY = {
    **dict.fromkeys(("add", "maximum", "minimum", "multiply", "subtract"), NUMERIC),
    **dict.fromkeys(("floor_divide", "remainder"), NUMERIC),
    **dict.fromkeys(("greater", "greater_equal", "less", "less_equal"), NUMERIC),
    **dict.fromkeys(("equal", "not_equal"), ALL),
    **dict.fromkeys(("atan2", "copysign", "divide", "hypot", "logaddexp", "nextafter"), FLOATS),
    **dict.fromkeys(("bitwise_and", "bitwise_or", "bitwise_xor"), ("bool", *INTEGERS)),
    **dict.fromkeys(("bitwise_left_shift", "bitwise_right_shift"), INTEGERS),
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), ("bool",)),
    "pow": NUMERIC,
}  # fmt: skip

NO_ZERO = {"floor_divide", "remainder"}  # of integers
NOT_NEGATIVE = {"bitwise_left_shift", "bitwise_right_shift", "pow"}  # the second, of integers


def seed(*parts):
    return zlib.crc32(repr(parts).encode())


def kind(dtype):
    return "u" if dtype[0] == "u" else dtype[0]


def pairs(dtypes):
    """Pairs of dtypes that the standard promotes."""
    for a, b in itertools.product(dtypes, repeat=2):
        mixed = {kind(a), kind(b)}
        if len(mixed) == 1 or (mixed == {"i", "u"} and "uint64" not in (a, b)):
            yield a, b


@pytest.mark.parametrize("name", UNARY)
def test_of_one_array(both, name):
    for dtype, shape in itertools.product(UNARY[name], (*SHAPES, (40,))):
        x = both.numbers(dtype, shape, seed(name, dtype, shape), special=True)
        both.agree(lambda xp, x: getattr(xp, name)(x), x, where=f"{dtype}{shape} {x!r}")


@pytest.mark.parametrize("name", BINARY)
def test_of_two_arrays(both, name):
    shapes = (
        ((), (3,)),
        ((2, 3), (3,)),
        ((2, 1), (1, 3)),
        ((60,), (60,)),
        ((2,), ()),
        ((0,), (1,)),
    )
    for (a, b), (m, n) in itertools.product(pairs(BINARY[name]), shapes):
        if a != b and m == (60,):
            continue
        special = a == b
        x = both.numbers(a, m, seed(name, a, m, 1), special)
        y = both.numbers(b, n, seed(name, b, n, 2), special)
        if name in NO_ZERO and "int" in b:
            y = np.where(y == 0, np.array(3, b), y).astype(b)
        if name in NOT_NEGATIVE and "int" in b:
            y = np.abs(y).astype(b)
        if name in NOT_NEGATIVE and "int" in a:
            x = np.minimum(x, np.array(1, a))  # (what overflows is left open)
        both.agree(lambda xp, x, y: getattr(xp, name)(x, y), x, y, where=f"{x!r} {y!r}")


SYMBOLS = {
    "+": NUMERIC, "-": NUMERIC, "*": NUMERIC, "/": FLOATS, "//": FLOATS, "%": FLOATS,
    "**": FLOATS, "<": NUMERIC, "==": ALL, "&": ("bool", *INTEGERS), "|": ("bool", *INTEGERS),
    "^": ("bool", *INTEGERS), ">=": NUMERIC, "!=": ALL,
}  # fmt: skip


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_operators(both, symbol):
    for (a, b), (m, n) in itertools.product(pairs(SYMBOLS[symbol]), (((2, 3), ()), ((), (3,)))):
        x, y = both.numbers(a, m, seed(symbol, a)), both.numbers(b, n, seed(symbol, b, 1))
        both.agree(lambda xp, x, y: eval(f"x {symbol} y"), x, y, where=f"{a} {symbol} {b}")
        if a in FLOATS and b in FLOATS:
            both.agree(lambda xp, x, y: eval(f"(x {symbol} 2, 2.0 {symbol} x)"), x, y)


def test_operators_in_place(both):
    def run(xp, x, y):
        x += y
        x *= 2
        x[1:, ...] -= y
        x[0, ...] = 5
        return x, -x, +x, abs(x), x.T if x.ndim == 2 else x

    for dtype in NUMERIC[:6]:
        both.agree(run, both.numbers(dtype, (3, 2), 1), both.numbers(dtype, (2,), 2))


# --- indexing ------------------------------------------------------------------------------------

KEYS = [
    0, -1, slice(None), slice(None, None, -1), slice(3, 0, -2), slice(1, None), (0, 1),
    (slice(None), -1), (Ellipsis, slice(None, None, -1)), (None, 0), (slice(None), None, 1),
    (slice(2, 0, -1), slice(None, None, 2)), (slice(-1, None, -1), None, slice(0, 2)), Ellipsis,
    (slice(0, 0, -1),), (Ellipsis, 0),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_reading_and_writing_by_index(both, key):
    parts = key if isinstance(key, tuple) else (key,)
    whole = parts if Ellipsis in parts else (*parts, ...)  # the reference asks for all dimensions

    def run(xp, x):
        before = xp.asarray(x[whole], copy=True)
        if None not in parts:  # (the reference writes to no new dimensions)
            x[whole] = before * 2
        return before, x

    both.agree(run, both.numbers("int64", (4, 3), 3))


def test_masks(both):
    def run(xp, x):
        x[x > 0] = 0.0
        return x, x[x < 0]

    both.agree(run, both.numbers("float64", (4, 3), 4))


# --- the rest, as a table ------------------------------------------------------------------------

LINES = """
xp.broadcast_to(x, (4, 2, 3))
xp.broadcast_arrays(x, v)
xp.concat([x, x], axis=1), xp.concat((x, v), axis=None), xp.concat([x, x], axis=-2)
xp.stack([x, x], axis=-1), xp.stack([v, v])
xp.unstack(x), xp.unstack(x, axis=1)
xp.expand_dims(x, axis=1), xp.expand_dims(x, axis=-1)
xp.flip(x), xp.flip(x, axis=0), xp.flip(x, axis=(0, -1))
xp.moveaxis(x, 0, 1), xp.moveaxis(x, (0, 1), (1, 0))
xp.permute_dims(x, (1, 0))
xp.repeat(x, 2), xp.repeat(x, 3, axis=1), xp.repeat(v, xp.asarray([1, 0, 2]))
xp.reshape(x, (3, 2)), xp.reshape(x, (-1,)), xp.reshape(x, (6,), copy=True)
xp.roll(x, 1), xp.roll(x, -2, axis=1), xp.roll(x, (1, 2), axis=(0, 1))
xp.squeeze(xp.expand_dims(x, axis=0), axis=0)
xp.tile(x, (2,)), xp.tile(x, (2, 1, 2)), xp.tile(v, (2, 2))
xp.matrix_transpose(x), x.T, x.mT
xp.max(x), xp.max(x, axis=0), xp.max(x, axis=(0, 1), keepdims=True), xp.min(x, axis=-1)
xp.sum(x), xp.sum(x, axis=1, keepdims=True), xp.sum(x, axis=(0, 1)), xp.sum(x, axis=())
xp.prod(x), xp.prod(x, axis=0), xp.prod(x, axis=(-1, -2)), xp.sum(x, dtype=xp.float64)
xp.cumulative_sum(v), xp.cumulative_sum(x, axis=0)
xp.cumulative_sum(x, axis=1, include_initial=True)
xp.cumulative_prod(v), xp.cumulative_prod(x, axis=-1, include_initial=True)
xp.all(x), xp.any(x), xp.all(x, axis=0), xp.any(x, axis=(0, 1), keepdims=True)
xp.diff(v), xp.diff(x, axis=0), xp.diff(x, n=2), xp.diff(v, prepend=v, append=v[:1])
xp.argmax(x), xp.argmax(x, axis=1), xp.argmin(x, axis=0, keepdims=True), xp.argmin(x, keepdims=True)
xp.count_nonzero(x), xp.count_nonzero(x, axis=0), xp.count_nonzero(x, axis=(0, 1), keepdims=True)
xp.nonzero(x), xp.nonzero(v)
xp.searchsorted(xp.sort(v), v), xp.searchsorted(xp.sort(v), x, side="right")
xp.searchsorted(v, v, sorter=xp.argsort(v))
xp.where(x > 0, x, -x), xp.where(x > 0, x, v)
xp.sort(x), xp.sort(x, axis=0), xp.sort(x, descending=True)
xp.argsort(x), xp.argsort(x, axis=0, descending=True)
xp.take(v, xp.asarray([2, 0])), xp.take(x, xp.asarray([1, 1]), axis=0)
xp.take(x, xp.asarray([0]), axis=-1)
xp.take_along_axis(x, xp.argsort(x), axis=-1)
xp.unique_all(x)[0], xp.unique_all(x)[2:], xp.unique_counts(v), xp.unique_inverse(x)
xp.unique_values(v)
xp.clip(x, 0, 2), xp.clip(x, min=1), xp.clip(x, v, None), xp.clip(x, max=v)
xp.matmul(x, xp.permute_dims(x, (1, 0))), xp.matmul(x, v), v @ v
xp.tensordot(x, v, axes=1), xp.tensordot(x, x, axes=((0, 1), (0, 1))), xp.tensordot(v, v, axes=0)
xp.vecdot(x, v), xp.vecdot(x, x, axis=-2)
xp.tril(x), xp.triu(x, k=1), xp.tril(x, k=-1)
xp.meshgrid(v, v), xp.meshgrid(v, v, v, indexing="ij")
xp.zeros_like(x), xp.ones_like(x), xp.full_like(x, 3), xp.empty_like(x).shape
xp.astype(x, xp.float32), xp.astype(x, xp.bool), xp.astype(x, x.dtype)
xp.asarray(x), xp.asarray(x, copy=True), xp.asarray(x, dtype=xp.float64)
xp.isfinite(xp.astype(x, xp.float64))
""".strip().splitlines()


@pytest.mark.parametrize("line", LINES)
def test_line(both, line):
    for dtype in ("int64", "float32", "float64", "uint8", "int16"):
        x, v = both.numbers(dtype, (2, 3), seed(line, dtype)), both.numbers(dtype, (3,), 5)
        both.agree(
            lambda xp, x, v: eval(line, {"xp": xp, "x": x, "v": v}), x, v, where=f"{dtype}: {line}"
        )


FLOATING_LINES = """
xp.mean(x), xp.mean(x, axis=0), xp.mean(x, axis=(0, 1), keepdims=True)
xp.var(x), xp.var(x, axis=1, correction=1), xp.std(x, axis=0)
xp.std(x, correction=0.5, keepdims=True)
xp.linspace(0.0, 1.0, 5), xp.linspace(1.0, 3.0, 4, endpoint=False, dtype=xp.float64)
xp.linspace(0, 1, 1)
xp.arange(3.0), xp.arange(1, 2.5, 0.5), xp.arange(5), xp.arange(5, 0, -2), xp.arange(3, 3)
xp.arange(0, -3)
xp.eye(3), xp.eye(2, 3, k=1), xp.eye(3, k=-1, dtype=xp.int32)
xp.ones((2, 3)), xp.zeros(3, dtype=xp.uint8), xp.full((2,), 4), xp.full((), True), xp.full(2, 1.5)
xp.asarray([[1, 2], [3, 4]]), xp.asarray(True), xp.asarray([1, 2.5]), xp.asarray([]), xp.asarray(3)
xp.isdtype(xp.int8, "integral"), xp.isdtype(xp.float32, ("bool", "real floating"))
xp.isdtype(xp.bool, xp.bool)
xp.iinfo(xp.int16).max, xp.iinfo(xp.uint8).bits, xp.finfo(xp.float32).eps
xp.finfo(xp.float64).smallest_normal
xp.can_cast(xp.int8, xp.int16), xp.can_cast(xp.uint8, xp.int8), xp.can_cast(xp.float64, xp.float32)
bool(x[0, 0] > 9), float(x[0, 0]), int(xp.asarray(3)), complex(xp.asarray(2))
len(xp.arange(3).shape)
x.size == 6, x.ndim, x.shape, x.device == x.device
""".strip().splitlines()


@pytest.mark.parametrize("line", FLOATING_LINES)
def test_line_of_floats(both, line):
    if ("linspace" in line or "arange" in line or "[1, 2.5]" in line or "eye" in line
            or "ones" in line):  # fmt: skip
        # The default dtype is float64 in the reference and float32 here, as in PyTorch.
        import gradatim as gd

        gd.set_default_dtype(gd.float64)
    try:
        for dtype in FLOATS:
            x = both.numbers(dtype, (2, 3), seed(line, dtype))
            both.agree(lambda xp, x: eval(line, {"xp": xp, "x": x}), x, where=f"{dtype}: {line}")
    finally:
        import gradatim as gd

        gd.set_default_dtype(gd.float32)


def test_promotion_of_every_pair(both):
    for a, b in itertools.product(ALL, repeat=2):
        try:
            theirs = str(both.strict.result_type(getattr(both.strict, a), getattr(both.strict, b)))
        except TypeError:
            continue
        ours = both.xp.result_type(getattr(both.xp, a), getattr(both.xp, b))
        assert ours.name == theirs.rsplit(".", 1)[-1].strip("'>")


@pytest.mark.parametrize("line", [
    "xp.squeeze(x, axis=0)", "xp.concat([x, v])", "xp.max(xp.zeros((0, 2)))",
    "xp.expand_dims(x, axis=7)", "xp.take(x, xp.asarray([0]))", "xp.sin(xp.asarray([1]))",
    "xp.asarray(1) + 'a'", "xp.matmul(xp.asarray(1.0), v)", "xp.sort(x, axis=4)",
    "xp.asarray([1], dtype=xp.uint64) + xp.asarray([1], dtype=xp.int8)", "xp.mean(xp.asarray([1]))",
    "xp.cumulative_sum(x)", "xp.nonzero(xp.asarray(1))", "xp.reshape(x, (4,))",
])  # fmt: skip
def test_what_the_reference_refuses_is_refused(both, line):
    for xp in (both.xp, both.strict):
        names = {"xp": xp, "x": xp.ones((2, 3)), "v": xp.ones(3)}
        with pytest.raises((TypeError, ValueError, IndexError, RuntimeError)):
            eval(line, names)
