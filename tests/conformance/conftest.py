"""Tables of expressions that PyTorch and Gradatim must agree on.

A test module with `TABLES = {name: (inputs, lines)}` and a test that takes `table_case` gets one
test for each line: a Python expression over the named inputs, in which `t` is the library, `F` its
`nn.functional` and `ins` a helper for in-place methods. Where an input is floating the line runs in
float32 and in float64, and the gradients with a random cotangent are compared too.
"""

from __future__ import annotations

import functools
import warnings
import zlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

# float64: both libraries round each operation to 1.1e-16 (relative), sum in other orders, and call
# other implementations of exp, log ...; chains of up to a hundred such steps stay below 1e-10.
# float32: the same with 6e-8. float16 and bfloat16 results are one rounding (2^-11, 2^-8) of equal
# float32 numbers, which may fall to either side.
TOLERANCE = {
    "float64": {"rtol": 1e-10, "atol": 1e-11},
    "float32": {"rtol": 1e-5, "atol": 2e-6},
    "float16": {"rtol": 1e-3, "atol": 1e-3},
    "bfloat16": {"rtol": 1e-2, "atol": 1e-2},
}


@dataclass(frozen=True)
class Case:
    """One line of a table, in one dtype."""

    inputs: str
    line: str
    dtype: str


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def arrays(inputs: str, dtype: str) -> dict[str, np.ndarray]:
    """The named inputs: `x = normal(2, 3)` and so on, floating ones in `dtype`."""
    found: dict[str, Any] = {}
    for text in filter(None, map(str.strip, inputs.split("\n"))):
        name, _, expression = text.partition(" = ")
        rng = _rng(text)
        kinds = {
            "np": np,
            "normal": lambda *shape, rng=rng: rng.normal(size=shape),
            "positive": lambda *shape, rng=rng: rng.uniform(0.3, 2.5, shape),
            "unit": lambda *shape, rng=rng: rng.uniform(-0.95, 0.95, shape),
            "above_one": lambda *shape, rng=rng: rng.uniform(1.1, 3, shape),
            "whole": lambda *shape, low=-5, high=6, rng=rng: rng.integers(low, high, shape),
            "bits": lambda *shape, rng=rng: rng.integers(0, 2, shape).astype(bool),
            "nan": np.nan,
            "inf": np.inf,
        }
        array = np.asarray(eval(expression, kinds))
        found[name] = array.astype(dtype) if array.dtype == np.float64 else array
    return found


def _in_place(method: str, x: Any, *args: Any, **kwargs: Any) -> Any:
    """A copy of x after an in-place method, which must give the tensor itself."""
    copy = x.clone()
    result = getattr(copy, method)(*args, **kwargs)
    assert result is copy
    return copy


@functools.cache
def _compiled(line: str) -> Any:
    return compile(line, line, "eval")


def run(lib: Any, case: Case, grad: bool = True) -> tuple[Any, dict[str, Any]]:
    """The line's result in a library, and the leaves it was computed from."""
    leaves = {}
    for name, array in arrays(case.inputs, case.dtype).items():
        leaves[name] = lib.tensor(array)
        if grad and array.dtype.kind == "f":
            leaves[name].requires_grad_()
    names = {"t": lib, "F": lib.nn.functional, "ins": _in_place, "np": np, **leaves}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(_compiled(case.line), names), leaves


def is_tensor(value: Any) -> bool:
    return hasattr(value, "requires_grad")


def flat(value: Any) -> list[Any]:
    """The leaves of nested tuples and lists."""
    if isinstance(value, (tuple, list)):
        return [leaf for each in value for leaf in flat(each)]
    return [value]


def to_numpy(tensor: Any) -> np.ndarray:
    name = str(tensor.dtype).removeprefix("torch.")
    plain = tensor.detach()
    return (plain.float() if name == "bfloat16" else plain).numpy(force=True)


def assert_same(ours: Any, theirs: Any, what: str = "value") -> None:
    """The same type, dtype and shape, and nearly the same values."""
    if not is_tensor(theirs):
        assert repr(ours) == repr(theirs), what
        return
    assert is_tensor(ours), f"{what}: expected a tensor, got {ours!r}"
    assert repr(ours.dtype) == repr(theirs.dtype), what
    assert tuple(ours.shape) == tuple(theirs.shape), what
    name = str(theirs.dtype).removeprefix("torch.")
    a, b = to_numpy(ours), to_numpy(theirs)
    if name in TOLERANCE:
        np.testing.assert_allclose(a, b, **TOLERANCE[name], equal_nan=True, err_msg=what)
    else:
        np.testing.assert_array_equal(a, b, err_msg=what)


def assert_agree(gd: Any, torch: Any, case: Case) -> None:
    """Values, dtypes, shapes, `requires_grad`, and gradients with a random cotangent."""
    theirs, their_leaves = run(torch, case)
    ours, our_leaves = run(gd, case)
    pairs = list(zip(flat(ours), flat(theirs), strict=True))
    ends = []
    for k, (mine, other) in enumerate(pairs):
        assert_same(mine, other, f"result {k}")
        if is_tensor(other):
            assert mine.requires_grad == other.requires_grad, f"requires_grad of result {k}"
            if other.requires_grad and not other.is_leaf:
                ends.append((mine, other))
    if not ends:
        return
    rng = _rng(case.line)
    seeds = [rng.normal(size=tuple(o.shape)).astype(to_numpy(o).dtype) for _, o in ends]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.autograd.backward([o for _, o in ends], [torch.tensor(s) for s in seeds])
    gd.autograd.backward([mine for mine, _ in ends], [gd.tensor(s) for s in seeds])
    for name, leaf in their_leaves.items():
        mine = our_leaves[name].grad
        if leaf.grad is None or mine is None:  # no gradient and one of zeros say the same
            rest = mine if leaf.grad is None else leaf.grad
            assert rest is None or not to_numpy(rest).any(), f"gradient of {name}: {mine}"
        else:
            assert_same(mine, leaf.grad, f"gradient of {name}")


# --- what tests use -------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "table_case" not in metafunc.fixturenames:
        return
    cases, names = [], []
    for table, (inputs, lines) in metafunc.module.TABLES.items():
        floating = any(a.dtype.kind == "f" for a in arrays(inputs, "float64").values())
        for line in filter(None, map(str.strip, lines.split("\n"))):
            if line.startswith("#"):
                continue
            for dtype in ("float64", "float32") if floating else ("float64",):
                cases.append(Case(inputs, line, dtype))
                names.append(f"{table}: {line} {dtype if floating else ''}".strip())
    metafunc.parametrize("table_case", cases, ids=names)


@pytest.fixture(scope="session")
def peers() -> SimpleNamespace:
    """Both libraries and the comparisons."""
    torch = pytest.importorskip("torch")
    import gradatim

    return SimpleNamespace(
        torch=torch,
        gd=gradatim,
        run=run,
        assert_same=assert_same,
        agree=lambda case: assert_agree(gradatim, torch, case),
        case=Case,
    )
