"""A few Programs on AArch64, emulated: a small part of what `make fuzz-neon` runs."""

import numpy as np
import pytest

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.program import close, trace
from tests.engines import fuzz, neon
from tests.engines.case import written_case
from tests.engines.check import check

pytestmark = pytest.mark.skipif(
    bool(neon.missing()), reason=f"not installed: {', '.join(neon.missing())}"
)
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def engine():
    return neon.NeonEngine()


def leaf(*shape, dtype=dtypes.float32):
    return p.value(rng.standard_normal(shape).astype(dtype.numpy), shape, dtype)


def test_the_code_is_for_another_processor(engine):
    executable = engine.compile(written_case([p.neg(leaf(3))]).program, "cpu")
    machine = (executable.folder / "code.o").read_bytes()[18:20]
    assert int.from_bytes(machine, "little") == 183  # EM_AARCH64


def test_matrix_products(engine):
    for dtype in (dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16):
        a, b = leaf(33, 70, dtype=dtype), leaf(70, 41, dtype=dtype)
        check(written_case([p.contract(a, b, (1,), (0,))], smooth=True), engine)


@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64])
def test_functions(engine, dtype):
    x = p.abs_(leaf(1003, dtype=dtype))
    found = [p.exp(x), p.log(x), p.tanh(x), p.erf(x), p.sin(x), p.log1p(x), p.sqrt(x)]
    check(written_case(found, smooth=True), engine)


def test_halves_and_denormal_numbers(engine):
    numbers = [1e-40, -3e-42, 2.0**-149, 65519.0, 65520.0, 1 + 2.0**-11, 1 + 3 * 2.0**-11, 1e-7]
    x = np.array(numbers * 3, np.float32)
    node = p.value(x, x.shape, dtypes.float32)
    found = [p.add(node, node), p.cast(node, dtypes.float16), p.cast(node, dtypes.bfloat16)]
    program = close(trace(found), ())
    _, results = engine.compile(program, "cpu")([x], [None] * 3)
    with np.errstate(over="ignore"):
        wanted = [x + x, x.astype(np.float16), x.astype(dtypes.bfloat16.numpy)]
    for result, expected in zip(results, wanted):
        np.testing.assert_array_equal(result.view(np.uint8), expected.view(np.uint8))


def test_a_failure_is_reported(engine):
    executable = engine.compile(
        written_case([p.gather(leaf(5, 2), p.value(np.array([1, 3]), (2,), dtypes.int64))]).program,
        "cpu",
    )
    failure, _ = executable([np.zeros((5, 2), np.float32), np.array([1, 5])], [None])
    assert "index 5 is out of bounds for dimension 0 with size 5" in str(failure)


def test_random_programs(engine):
    found = [e for e in fuzz.run("neon", 0, 20) if isinstance(e, fuzz.Fault)]
    assert not found, "\n\n".join(f"seed {f.seed}: {f.message}\n{f.program}" for f in found)
