"""Every name of the standard is there, with the standard's signature, and nothing else."""

from __future__ import annotations

import importlib
import inspect

import pytest

import gradatim as gd
import gradatim.array_api as xp

strict = pytest.importorskip("array_api_strict")
strict.set_array_api_strict_flags(api_version="2024.12")

# Of the reference alone: its own switches, what came after 2024.12, complex numbers.
NOT_OURS = {
    "ArrayAPIStrictFlags", "Device", "__version__", "broadcast_shapes", "complex128", "complex64",
    "fft", "get_array_api_strict_flags", "isin", "reset_array_api_strict_flags",
    "set_array_api_strict_flags",
}  # fmt: skip
NAMES = sorted(set(strict.__all__) - NOT_OURS)
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(strict, name))]
LINALG = sorted(strict.linalg.__all__)

OPERATORS = [
    "abs", "add", "and", "eq", "floordiv", "ge", "gt", "invert", "le", "lshift", "lt", "matmul",
    "mod", "mul", "ne", "neg", "or", "pos", "pow", "rshift", "sub", "truediv", "xor", "radd",
    "rsub", "rmul", "rtruediv", "rfloordiv", "rmod", "rpow", "rmatmul", "rand", "ror", "rxor",
    "rlshift", "rrshift", "iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand",
    "ior", "ixor", "ilshift", "irshift", "array_namespace", "bool", "complex", "dlpack",
    "dlpack_device", "float", "getitem", "index", "int", "setitem",
]  # fmt: skip


def test_every_name_is_there():
    assert set(NAMES) <= set(dir(xp))


def test_no_name_is_there_that_the_standard_has_not():
    assert set(xp.__all__) - set(strict.__all__) == {"Array"}


def shape_of(parameter):
    empty = parameter.default is inspect.Parameter.empty
    return parameter.name, parameter.kind, empty


def signature(function):
    return [shape_of(p) for p in inspect.signature(function).parameters.values()]


# The standard has a default where the reference has a marker of its own, and no name where ours
# stands on its side of the slash.
@pytest.mark.parametrize("name", FUNCTIONS)
def test_signature(name):
    assert signature(getattr(xp, name)) == signature(getattr(strict, name))


@pytest.mark.parametrize("name", LINALG)
def test_signature_of_linalg(name):
    ours = importlib.import_module("gradatim.array_api.linalg")
    assert signature(getattr(ours, name)) == signature(getattr(strict.linalg, name))


@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name):
    assert callable(getattr(xp.asarray(1.0), f"__{name}__"))


@pytest.mark.parametrize("name", ["T", "mT", "device", "dtype", "ndim", "shape", "size"])
def test_attribute(name):
    assert getattr(xp.asarray([[1.0, 2.0]]), name) is not None


def test_namespace_of_arrays_and_tensors():
    assert gd.ones(2).__array_namespace__() is xp
    assert xp.ones(2).__array_namespace__(api_version="2024.12") is xp
    with pytest.raises(ValueError, match=r"2019\.12"):
        xp.ones(2).__array_namespace__(api_version="2019.12")


def test_info():
    info = xp.__array_namespace_info__()
    reference = strict.__array_namespace_info__()
    for kind in (None, "bool", "signed integer", "unsigned integer", "integral", "real floating",
                 ("bool", "integral")):  # fmt: skip
        assert set(info.dtypes(kind=kind)) == {
            n for n in reference.dtypes(kind=kind) if "complex" not in n
        }
    assert set(info.capabilities()) == set(reference.capabilities())
    assert info.default_device() in info.devices()
    assert info.default_dtypes()["integral"] is xp.int64
