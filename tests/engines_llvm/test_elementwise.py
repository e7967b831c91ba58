"""Elementwise primitives as native code, against the reference engine and against float64."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from gradatim.engines.llvm import native
from gradatim.engines.llvm.conversion import register_type, round_to
from gradatim.engines.llvm.elementwise import combine, identity
from gradatim.engines.llvm.emit import Module, vector
from gradatim.graph import dtypes
from gradatim.graph.dtypes import DType, bool_, float16, float32, float64, int8, uint8, uint32
from gradatim.graph.primitives import PRIMITIVES
from tests.engines_llvm.driver import (
    ARITY,
    Case,
    Kernels,
    as_integers,
    differing,
    is_half,
    reference,
)
from tests.engines_llvm.sweep import FUNCTIONS, ulps

Array = np.ndarray[Any, Any]

FLOATS = [d for d in dtypes.ALL if d.is_floating_point]
INTEGERS = [d for d in dtypes.ALL if d.is_integer]
COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"]
LANES = (1, 4, 16)  # scalars, less than a register, a register or more

# What is computed by an exact operation or one correctly rounded: equal to the last bit.
ROUNDED_ONCE = [
    "neg", "abs", "sign", "floor", "ceil", "trunc", "round", "sqrt", "relu", "add", "sub", "mul",
    "div", "floor_divide", "remainder", "fmod", "maximum", "minimum", "copysign", "nextafter",
    *COMPARISONS,
]  # fmt: skip
OF_INTEGERS = [
    "neg", "abs", "sign", "floor", "ceil", "trunc", "relu", "not", "add", "sub", "mul",
    "floor_divide", "remainder", "fmod", "pow", "maximum", "minimum", "and", "or", "xor", "shl",
    "shr", "gcd", *COMPARISONS,
]  # fmt: skip
OF_BOOLS = [
    "abs", "sign", "not", "add", "mul", "maximum", "minimum", "and", "or", "xor", *COMPARISONS,
]  # fmt: skip
DIVISIONS = ("floor_divide", "remainder", "fmod")
MATH_64 = [name for name in FUNCTIONS if name != "sqrt"]


def case(name: str, dtype: DType, lanes: int) -> Case:
    inputs = (dtype,) * ARITY[PRIMITIVES[name].kind]
    return Case(name, inputs, bool_ if name in COMPARISONS else dtype, lanes)


def casts(lanes: int) -> Iterator[Case]:
    for a, b in product(dtypes.ALL, dtypes.ALL):
        if a is not b:
            yield Case("cast", (a,), b, lanes)


def bitcasts(lanes: int) -> Iterator[Case]:
    for a, b in product(dtypes.ALL, dtypes.ALL):
        if a is not b and a.itemsize == b.itemsize and b is not bool_:
            yield Case("bitcast", (a,), b, lanes)


EXACT = [case(n, d, k) for n, d, k in product(ROUNDED_ONCE, FLOATS, LANES)]
EXACT += [case(n, d, k) for n, d, k in product(OF_INTEGERS, INTEGERS, LANES)]
EXACT += [case(n, bool_, k) for n, k in product(OF_BOOLS, LANES)]
SELECTS = [Case("select", (bool_, d, d), d, 16) for d in dtypes.ALL]
CASTS = [*casts(1), *casts(16)]
BITCASTS = list(bitcasts(16))
MATH = [case(n, d, k) for n, d, k in product(FUNCTIONS, FLOATS, LANES)]
MATH += [case(n, d, k) for n, d, k in product(("pow", "atan2"), (float32, float64), LANES)]
MATH += [case(n, float32, 16) for n in ("lgamma", "digamma", "erfinv")]


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    return Kernels(list(dict.fromkeys(EXACT + SELECTS + CASTS + BITCASTS + MATH)))


# --- inputs --------------------------------------------------------------------------------------


def generator() -> np.random.Generator:
    return np.random.default_rng(20)


def special_values(dtype: DType) -> Array:
    """Zeros, ends of ranges, halves, powers of two and their neighbours."""
    if dtype is bool_:
        return np.array([False, True])
    if dtype.is_integer:
        low, high = dtypes.integer_range(dtype)
        near = [0, 1, 2, 3, 7, 8, 10, 31, 32, 63, 64, 100, -1, -2, -3, -7, -8, -64, -100]
        near += [low, low + 1, high, high - 1, high // 2, low // 2]
        return np.array([n for n in near if low <= n <= high], dtype.numpy)
    with np.errstate(all="ignore"):
        numbers = [0.0, 1, 0.5, 1.5, 2.5, 3.5, 2, 3, 7, 10, 0.1, 0.3, 100, 127, 128, 255, 256]
        numbers += [0.49999997, 8388607.5, 4194304.5, 65504, 65519, 65520, 2.0**-24, 3e-8, 1e-8]
        numbers += [2.0**-14, 6.1e-5, 1e-40, 1e-45, 1e30, 3.4e38, 2.0**31, 2.0**32, 2.0**62]
        numbers += [np.inf, np.nan, 1e300, 5e-324, 1e-310, 1.7e308, 2.0**52 + 0.5]
        array = np.array(numbers).astype(dtype.numpy)
        return np.concatenate([array, -array])


def random_values(dtype: DType, count: int) -> Array:
    """Half of them any bits, half of them of ordinary size."""
    rng = generator()
    if dtype is bool_:
        return rng.integers(0, 2, count).astype(bool)
    raw = rng.integers(0, 256, count * dtype.itemsize, dtype=np.uint8).view(dtype.numpy).copy()
    ordinary = rng.standard_normal(count) * 10
    ordinary = ordinary if dtype.is_floating_point else rng.integers(0, 12, count)
    raw[::2] = ordinary[::2].astype(dtype.numpy)
    return raw


def arguments(one: Case) -> list[Array]:
    if len(one.inputs) == 1:
        dtype = one.inputs[0]
        return [np.concatenate([special_values(dtype), random_values(dtype, 1500)])]
    dtype = one.inputs[-1]
    special, random = special_values(dtype), random_values(dtype, 3000)
    a, b = (v.ravel() for v in np.meshgrid(special, special))
    a, b = np.concatenate([a, random[:1500]]), np.concatenate([b, random[1500:]])
    if dtype.is_integer and one.name in DIVISIONS:
        b = np.where(b == 0, 3, b).astype(b.dtype)
    if dtype.is_integer and one.name == "pow":
        b = np.where(b < 0, 5, b).astype(b.dtype)  # NumPy refuses negative ones
    return [a, b] if len(one.inputs) == 2 else [random_values(bool_, a.size), a, b]


def without_sign_of_zero(array: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(array + np.zeros((), array.dtype))


# --- exact operations ----------------------------------------------------------------------------


def test_exact_operations_are_those_of_the_reference_engine(kernels: Kernels) -> None:
    for one in EXACT + SELECTS:
        values = arguments(one)
        got, expected = kernels(one, *values), reference(one, *values)
        if one.name in ("relu", "maximum", "minimum"):  # which zero wins is not defined
            got, expected = without_sign_of_zero(got), without_sign_of_zero(expected)
        bad = np.flatnonzero(differing(got, expected))
        example = [v[bad[:1]] for v in (*values, got, expected)]
        assert bad.size == 0, f"{one.symbol}: {bad.size} differ, the first at {example}"


def test_every_pair_of_8_bit_integers(kernels: Kernels) -> None:
    for dtype in (int8, uint8):
        low, high = dtypes.integer_range(dtype)
        line = np.arange(low, high + 1).astype(dtype.numpy)
        a, b = (v.ravel() for v in np.meshgrid(line, line))
        for name in OF_INTEGERS:
            if PRIMITIVES[name].kind != "binary":
                continue
            one = case(name, dtype, 16)
            keep = np.ones(a.size, bool)
            keep = b != 0 if name in DIVISIONS else keep
            keep = b >= 0 if name == "pow" else keep
            got, expected = kernels(one, a[keep], b[keep]), reference(one, a[keep], b[keep])
            assert np.array_equal(got, expected), one.symbol


def test_integer_division_does_not_trap(kernels: Kernels) -> None:
    for name, dtype in product(DIVISIONS, INTEGERS):
        low, _ = dtypes.integer_range(dtype)
        a = np.array([low, 0, 5, low], dtype.numpy)
        b = np.zeros(4, dtype.numpy)
        if dtype.is_signed:
            b[3] = -1
        got = kernels(case(name, dtype, 16), a, b)
        if dtype.is_signed:  # the most negative number by -1 wraps around
            assert got[3] == (low if name == "floor_divide" else 0)


def test_a_negative_integer_power_is_a_fraction_rounded_to_zero(kernels: Kernels) -> None:
    base = np.array([1, -1, -1, 2, -3, 0], np.int32)
    exponent = np.array([-5, -5, -4, -1, -2, -1], np.int32)
    got = kernels(case("pow", dtypes.int32, 16), base, exponent)
    assert got.tolist() == [1, -1, 1, 0, 0, 0]


# --- casts ---------------------------------------------------------------------------------------


def in_range(x: Array, target: DType) -> Array:
    low, high = dtypes.integer_range(target)
    with np.errstate(invalid="ignore"):
        wide = x.astype(np.longdouble)
    return np.asarray((np.trunc(wide) >= low) & (np.trunc(wide) <= high))


def test_casts_in_range_are_those_of_the_reference_engine(kernels: Kernels) -> None:
    for one in CASTS:
        source, target = one.inputs[0], one.result
        values = np.concatenate([special_values(source), random_values(source, 3000)])
        if source.is_floating_point and target.is_integer:
            values = values[in_range(values, target)]
        got, expected = kernels(one, values), reference(one, values)
        bad = np.flatnonzero(differing(got, expected))
        example = [v[bad[:1]] for v in (values, got, expected)]
        assert bad.size == 0, f"{one.symbol}: {bad.size} differ, the first at {example}"


def test_casts_out_of_range_give_what_numpy_gives(kernels: Kernels) -> None:
    for source, target in product((float32, float64), INTEGERS):
        values = np.array(
            [np.nan, np.inf, -np.inf, 3e9, -3e9, 5e9, 1e19, -1e19, 1e30, 300, -1, -200.5],
            source.numpy,
        )
        one = Case("cast", (source,), target, 16)
        got = kernels(one, np.tile(values, 8))[: values.size]
        with np.errstate(all="ignore"):
            expected = np.tile(values, 8).astype(target.numpy)[: values.size]
        if sys.platform == "linux" and native.level() != "neon":
            assert np.array_equal(got, expected), (one.symbol, got, expected)


def test_bitcasts_keep_the_bits(kernels: Kernels) -> None:
    for one in BITCASTS:
        values = random_values(one.inputs[0], 1500)
        with np.errstate(invalid="ignore"):
            if one.inputs[0].is_floating_point:
                values = values[values == values]  # a NaN may be quieted on its way
            got, expected = kernels(one, values), reference(one, values)
            same = (as_integers(got) == as_integers(expected)) | (expected != expected)
        assert same.all(), one.symbol


def test_every_half_value_survives_loading_and_storing(kernels: Kernels) -> None:
    every = np.arange(1 << 16, dtype=np.uint16)
    for dtype in (float16, dtypes.bfloat16):
        got = kernels(case("neg", dtype, 16), every.view(dtype.numpy))
        expected = np.negative(every.view(dtype.numpy))
        assert not differing(got, expected).any(), dtype


def test_rounding_to_a_half_type_is_to_nearest_even() -> None:
    """Every float that lies on, or just beside, the middle of two halves."""
    middles = np.arange(1 << 16, dtype=np.uint32)
    for dtype, shift in ((float16, 13), (dtypes.bfloat16, 16)):
        if dtype is float16:
            with np.errstate(all="ignore"):
                exact = (
                    middles.astype(np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
                )
        else:
            exact = middles << 16
        half = np.uint32(1 << (shift - 1))
        patterns = np.concatenate([exact + half, exact + half - 1, exact + half + 1, exact])
        values = patterns.view(np.float32)
        module = Module(native.features())
        f = module.function("rounded", ["ptr", "ptr", "i64"], "i32")
        with f.loop(0, f.params[2], 16) as i:
            x = f.load(vector("float", 16), f.at(f.params[1], i, "float"))
            f.store(round_to(f, x, dtype), f.at(f.params[0], i, "float"))
        f.ret(0)
        library = native.load(native.object_code(module.text()), ["rounded"])
        run = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        got = np.empty_like(values)
        run(library["rounded"])(got.ctypes.data, values.ctypes.data, values.size)
        with np.errstate(all="ignore"):
            expected = values.astype(dtype.numpy).astype(np.float32)
        assert not differing(got, expected).any(), dtype


# --- transcendental functions --------------------------------------------------------------------


def floats() -> Array:
    """Every exponent and sign with random mantissas, and more of the sizes that occur."""
    rng = generator()
    top = np.repeat(np.arange(512, dtype=np.uint32) << 23, 1024)
    patterns = top | rng.integers(0, 1 << 23, top.size, dtype=np.uint32)
    edges = special_values(float32)
    usual = [rng.uniform(-s, s, 200_000) for s in (1, 4, 20, 100)]
    usual = [x.astype(np.float32) for x in usual]
    return np.concatenate([patterns.view(np.float32), edges, *usual])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_functions_are_right_to_a_few_ulp(kernels: Kernels, name: str) -> None:
    x = floats()
    with np.errstate(all="ignore"):
        errors = ulps(kernels(case(name, float32, 16), x), FUNCTIONS[name](x.astype(np.float64)))
    worst = int(np.argmax(errors))
    # erfc is a product and a quotient of an exponential and two sums, each rounded to float32: half
    # a percent of results are more than 2 off. In float64 it would be 2 ulp and take twice as long.
    allowed = 5 if name == "erfc" else 2
    assert errors[worst] <= allowed, f"{errors[worst]} ulp at {x[worst]!r}"


def ulps_64(name: str, got: Array, x: Array) -> Array:
    """Errors of float64 results against 60 digits."""
    import mpmath

    mp = mpmath.mp.clone() if hasattr(mpmath.mp, "clone") else mpmath.mp
    names = {"arcsin": "asin"}
    special = {
        "exp2": lambda v: mp.mpf(2) ** v, "log2": lambda v: mp.log(v) / mp.log(2),
        "log10": lambda v: mp.log(v) / mp.log(10), "sigmoid": lambda v: 1 / (1 + mp.exp(-v)),
        "rsqrt": lambda v: 1 / mp.sqrt(v),
    }  # fmt: skip
    function = special.get(name) or getattr(mp, names.get(name, name))
    errors = []
    with mp.workdps(60):
        for result, argument in zip(got.tolist(), x.tolist()):
            exact = function(mp.mpf(argument))
            nearest = float(exact)
            unit = float(np.spacing(abs(nearest)))
            errors.append(abs(float((mp.mpf(result) - exact) / mp.mpf(unit))))
    return np.array(errors)


@pytest.mark.parametrize("name", MATH_64)
def test_float64_functions_are_right_to_3_ulp(kernels: Kernels, name: str) -> None:
    rng = generator()
    x = np.concatenate([rng.uniform(-1, 1, 300), 10.0 ** rng.uniform(-18, 0, 100)])
    if name not in ("asin", "acos", "atanh"):
        limit = 1e8 if name in ("sin", "cos", "tan", "asinh") else 25.0
        wide = rng.uniform(-limit, limit, 200)
        x = np.concatenate([x, wide, rng.uniform(-3, 3, 200)])
    if name in ("sin", "cos", "tan"):
        x = np.concatenate([x, 10.0 ** rng.uniform(8, 300, 100), [np.pi / 2, 1e22, 3e307]])
    if name.startswith("log") or name in ("acosh", "rsqrt"):
        x = np.abs(x) + (1 if name == "acosh" else 0)
        x = np.concatenate([x, 10.0 ** rng.uniform(-300, 300, 100)])
    with np.errstate(all="ignore"):
        expected = FUNCTIONS[name](x)
        x = x[np.isfinite(expected)]
        got = kernels(case(name, float64, 16), x)
    errors = ulps_64(name, got, x)
    worst = int(np.argmax(errors))
    assert errors[worst] <= 3, f"{errors[worst]} ulp at {x[worst]!r}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_functions_at_the_edges(kernels: Kernels, name: str) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 5e-324, -1.0, 1.0, -2.0])
    with np.errstate(all="ignore"):
        got, expected = kernels(case(name, float64, 16), x), FUNCTIONS[name](x)
    same = np.isclose(got, expected, rtol=1e-15, atol=0, equal_nan=True)
    same &= np.isnan(expected) | (np.signbit(got) == np.signbit(expected))
    assert same.all(), (x[~same], got[~same], expected[~same])


def test_the_number_of_lanes_does_not_change_the_bits(kernels: Kernels) -> None:
    x = np.concatenate([special_values(float32), random_values(float32, 3000)])
    for name in FUNCTIONS:
        one, four, all_ = (kernels(case(name, float32, lanes), x) for lanes in LANES)
        assert not differing(one, all_).any() and not differing(four, all_).any(), name


def test_half_functions_are_the_float32_function_rounded(kernels: Kernels) -> None:
    for name, dtype in product(FUNCTIONS, (float16, dtypes.bfloat16)):
        x = special_values(dtype)
        wide = kernels(case(name, float32, 16), x.astype(np.float32))
        with np.errstate(all="ignore"):
            expected = wide.astype(dtype.numpy)
        assert not differing(kernels(case(name, dtype, 16), x), expected).any(), (name, dtype)


@pytest.mark.parametrize("name", ["pow", "atan2"])
@pytest.mark.parametrize("dtype", [float32, float64])
def test_functions_of_two_floats(kernels: Kernels, name: str, dtype: DType) -> None:
    """To 2 ulp against the next larger type (an 80-bit one, where it exists)."""
    rng = generator()
    special = special_values(dtype)
    a, b = (v.ravel() for v in np.meshgrid(special, special))
    size = np.exp(rng.uniform(-80, 80, 4000)), rng.uniform(0.9, 1.1, 4000), rng.uniform(-5, 5, 4000)
    other = rng.uniform(-3, 3, 4000), rng.uniform(-5000, 5000, 4000), rng.integers(-9, 9, 4000)
    a = np.concatenate([a, *size]).astype(dtype.numpy)
    b = np.concatenate([b, *other]).astype(dtype.numpy)
    wide = np.float64 if dtype is float32 else np.longdouble
    if np.finfo(wide).eps == np.finfo(dtype.numpy).eps:
        pytest.skip("there is no wider type to compare with")
    run = np.power if name == "pow" else np.arctan2
    with np.errstate(all="ignore"):
        got, exact = kernels(case(name, dtype, 16), a, b), run(a.astype(wide), b.astype(wide))
        nearest = exact.astype(dtype.numpy)
        errors = np.abs(got.astype(wide) - exact) / np.spacing(np.abs(nearest)).astype(wide)
    same = (got == nearest) & (np.signbit(got) == np.signbit(nearest))
    same |= np.isnan(got) & np.isnan(nearest)
    bad = ~same & ~(errors <= 2)
    assert not bad.any(), (a[bad][:3], b[bad][:3], got[bad][:3], nearest[bad][:3])


@pytest.mark.parametrize("name", ["lgamma", "digamma", "erfinv"])
def test_special_functions_are_scipys(kernels: Kernels, name: str) -> None:
    from scipy import special

    rng = generator()
    x = rng.uniform(-15, 30, 4000) if name != "erfinv" else rng.uniform(-1, 1, 4000)
    tiny = 10.0 ** rng.uniform(-30, -1, 1000)
    x = np.concatenate([x, tiny, -tiny, 1 - tiny, [1, 2, 0, np.nan]]).astype(np.float32)
    function = {"lgamma": special.gammaln, "digamma": special.digamma, "erfinv": special.erfinv}[
        name
    ]
    got, exact = kernels(case(name, float32, 16), x), function(x.astype(np.float64))
    assert ulps(got, exact).max() <= 1


# --- reductions, and the whole -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_reductions_combine_with_their_identity(name: str) -> None:
    ordinary = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}[name]
    for dtype in dtypes.ALL:
        if dtype is bool_ or is_half(dtype):
            continue
        module = Module(native.features())
        f = module.function("combined", ["ptr", "ptr", "ptr"], "i32")
        kind = vector(register_type(dtype), 16)
        a, b = (f.load(kind, place) for place in f.params[1:])
        f.store(combine(name)(f, dtype, a, b), f.params[0])
        f.ret(0)
        library = native.load(native.object_code(module.text()), ["combined"])
        x, y = random_values(dtype, 16), np.full(16, identity(name, dtype), dtype.numpy)
        got = np.empty_like(x)
        run = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3)(library["combined"])
        run(got.ctypes.data, x.ctypes.data, y.ctypes.data)
        assert not differing(got, x).any(), (name, dtype)
        other = x[::-1].copy()
        run(got.ctypes.data, x.ctypes.data, other.ctypes.data)
        with np.errstate(all="ignore"):
            assert not differing(got, ordinary(x, other)).any(), (name, dtype)


def test_everything_is_lowered_but_what_is_known_not_to_be(kernels: Kernels) -> None:
    assert kernels.missing == []
    wide = Kernels([case(n, float64, 16) for n in ("lgamma", "digamma", "erfinv", "sin")])
    assert [one.name for one in wide.missing] == ["lgamma", "digamma", "erfinv"]
    assert Kernels([case("sin", uint32, 16), case("exp", float64, 16)]).missing[0].name == "sin"


@pytest.mark.parametrize("level", ["avx2", "sse2"])
def test_narrower_processors_compute_the_same(level: str) -> None:
    """This file again with fewer instructions, in a process of its own."""
    if native.level() != "avx512" or os.environ.get("GRADATIM_CPU_FEATURES"):
        pytest.skip("runs where the widest instructions are used, and starts the others")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", __file__, "-k", "not narrower"],
        env={**os.environ, "GRADATIM_CPU_FEATURES": level}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
