"""Which dtype two operands meet in, against PyTorch: tensors, 0-d tensors, Python and NumPy
numbers."""

from __future__ import annotations

import itertools
import operator
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gradatim as gd  # noqa: E402

FLOATING = ["float16", "bfloat16", "float32", "float64"]
COMMON = ["bool", "uint8", "int8", "int16", "int32", "int64", *FLOATING]
RARE = ["uint16", "uint32", "uint64"]

# Numbers, by the name of their type: promotion may depend on nothing else. (Not `np.bool_`, which
# PyTorch reads as a float.)
NUMBERS = {
    "True": True,
    "2": 2,
    "1.5": 1.5,
    "np.int8": np.int8(2),
    "np.int64": np.int64(2),
    "np.float32": np.float32(1.5),
    "np.float64": np.float64(1.5),
}

OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "==": operator.eq,
    "<": operator.lt,
    ">=": operator.ge,
    "+=": operator.iadd,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "**=": operator.ipow,
    "&=": operator.iand,
}


def operand(lib, kind):
    """`float32[2]` and `float32[]` are tensors of ones; anything else a number."""
    if kind in NUMBERS:
        return NUMBERS[kind]
    name, _, shape = kind.partition("[")
    return lib.ones((2,) if shape == "2]" else (), dtype=getattr(lib, name))


def outcome(lib, function, a, b):
    """The name of the result's dtype, or the class of the error, with its message."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(operand(lib, a), operand(lib, b))
    except Exception as error:
        return type(error), str(error)
    return str(getattr(result, "dtype", type(result))), ""


def differences(function, pairs):
    """Where the two disagree. Where PyTorch lacks a kernel, what we do instead is our affair."""
    found = []
    for a, b in pairs:
        theirs, message = outcome(torch, function, a, b)
        if "not implemented for" in message:
            continue
        ours, _ = outcome(gd, function, a, b)
        if isinstance(theirs, type) and isinstance(ours, type) and issubclass(ours, theirs):
            continue
        if ours != theirs:
            found.append(f"{a}, {b}: {ours} instead of {theirs} {message[:60]}")
    return found


TENSORS = [f"{name}{shape}" for name in COMMON for shape in ("[2]", "[]")]


@pytest.mark.parametrize("symbol", OPERATORS)
def test_operators(symbol):
    """Every dtype with every dtype and number, from either side."""
    pairs = [*itertools.product(TENSORS, TENSORS), *itertools.product(TENSORS, NUMBERS)]
    if "=" not in symbol or symbol in ("==", ">="):
        pairs += itertools.product(NUMBERS, TENSORS)
    assert differences(OPERATORS[symbol], pairs) == []


@pytest.mark.parametrize("symbol", ["+", "*", "/", "==", "+="])
def test_rare_unsigned_types(symbol):
    tensors = [f"{name}{shape}" for name in RARE for shape in ("[2]", "[]")]
    pairs = [
        *itertools.product(tensors, [*tensors, *TENSORS, *NUMBERS]),
        *itertools.product(TENSORS, tensors),
    ]
    assert differences(OPERATORS[symbol], pairs) == []


FUNCTIONS = {
    "maximum": lambda t, a, b: t.maximum(a, b),
    "atan2": lambda t, a, b: t.atan2(a, b),
    "where": lambda t, a, b: t.where(t.ones(2, dtype=t.bool), a, b),
    "cat": lambda t, a, b: t.cat([a.reshape(-1), b.reshape(-1)]),
    "stack": lambda t, a, b: t.stack([a.reshape(-1)[0], b.reshape(-1)[0]]),
    "fmod": lambda t, a, b: t.fmod(a, b),
    "lerp": lambda t, a, b: t.lerp(a, b, 0.5),
    "matmul": lambda t, a, b: t.matmul(a.expand(2), b.expand(2)),
    "addcmul": lambda t, a, b: t.addcmul(a, a, b),
    "masked_fill": lambda t, a, b: a.masked_fill(t.ones(2, dtype=t.bool), b),
    "copy_": lambda t, a, b: a.copy_(b),
    "clamp": lambda t, a, b: t.clamp(a, b),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_two_tensors(name):
    function = FUNCTIONS[name]

    def call(a, b):
        return function(torch if isinstance(a, torch.Tensor) else gd, a, b)

    assert differences(call, itertools.product(TENSORS, TENSORS)) == []


@pytest.mark.parametrize("default", ["float32", "float64"])
def test_result_type(default):
    """And what the default dtype has to do with it."""
    for lib in (gd, torch):
        lib.set_default_dtype(getattr(lib, default))
    try:
        kinds = [*TENSORS, "True", "2", "1.5"]
        for a, b in itertools.product(kinds, kinds):
            theirs = torch.result_type(operand(torch, a), operand(torch, b))
            ours = gd.result_type(operand(gd, a), operand(gd, b))
            assert str(ours) == str(theirs), (a, b)
    finally:
        gd.set_default_dtype(gd.float32)
        torch.set_default_dtype(torch.float32)


def test_promote_types():
    for a, b in itertools.product([*COMMON, *RARE], repeat=2):
        try:
            theirs = str(torch.promote_types(getattr(torch, a), getattr(torch, b)))
        except RuntimeError:
            with pytest.raises(gd.DTypeError):
                gd.promote_types(getattr(gd, a), getattr(gd, b))
        else:
            assert str(gd.promote_types(getattr(gd, a), getattr(gd, b))) == theirs, (a, b)


REDUCTIONS = ["sum", "prod", "mean", "var", "amax", "any", "all", "argmax", "norm", "count_nonzero"]
ONE = ["exp", "neg", "abs", "sign", "floor", "round", "relu", "sqrt", "square", "bitwise_not"]
ALONG = ["cumsum", "cumprod", "logsumexp", "cummax", "median"]


@pytest.mark.parametrize("name", [*REDUCTIONS, *ONE, *ALONG])
def test_functions_of_one_tensor(name):
    for dtype in COMMON:
        arguments = (0,) if name in ALONG else ()
        results = []
        for lib in (gd, torch):
            try:
                result = getattr(lib.ones(3, dtype=getattr(lib, dtype)), name)(*arguments)
                results.append(str((result[0] if isinstance(result, tuple) else result).dtype))
            except Exception as error:
                results.append(error)
        ours, theirs = results
        if isinstance(theirs, Exception):
            if "not implemented for" not in str(theirs):
                assert isinstance(ours, type(theirs)), (dtype, ours, theirs)
        else:
            assert ours == theirs, dtype
