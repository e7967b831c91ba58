"""The table of rows: complete, replayable, and what it draws is fit to be compared."""

import collections
import subprocess
import sys

import numpy as np
import pytest

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.primitives import PRIMITIVES
from tests.engines import bounds, exact
from tests.engines.case import written_case
from tests.engines.exact import Reject
from tests.engines.rows import NOT_DRAWN, ROWS
from tests.engines.worker import program_of

RULELESS = ("marker", "pick")


def value(array):
    array = np.asarray(array)
    return p.value(array, array.shape, dtypes.from_numpy_dtype(array.dtype))


def test_every_primitive_has_a_row():
    assert [name for name in PRIMITIVES if name not in ROWS and name not in NOT_DRAWN] == []
    assert [
        name for name in (*ROWS, *NOT_DRAWN) if name not in PRIMITIVES and name != "failed"
    ] == []


@pytest.mark.parametrize("domain", [exact, bounds])
def test_every_row_has_a_rule(domain):
    named = {name for name in ROWS if PRIMITIVES[name].kind not in RULELESS}
    assert named - set(domain.RULES) == set()


def test_every_row_is_drawn_often():
    seen = collections.Counter()
    for seed in range(1500):
        seen.update({node.primitive.name for node in program_of(seed).program.nodes})
    assert [name for name in ROWS if seen[name] < 5] == []


def test_programs_are_of_all_kinds():
    cases = [program_of(seed) for seed in range(400)]
    nodes = [len(case.program.nodes) for case in cases]
    assert max(nodes) > 25
    assert any(case.failure for case in cases)
    assert any(case.program.replaces for case in cases)
    assert 100 < sum(case.smooth for case in cases) < 300
    strides = [s for case in cases for s in case.program.strides if s is not None]
    assert any(min(s) < 0 for s in strides if s)
    arrays = [x for case in cases for x in case.inputs]
    assert {x.dtype for x in arrays} == {d.numpy for d in dtypes.ALL}
    assert any(x.ndim == 5 for x in arrays)
    assert any(x.size == 0 for x in arrays)


def test_a_seed_replays_in_another_process():
    script = (
        "from tests.engines.worker import program_of\n"
        "import hashlib\n"
        "for seed in range(20):\n"
        "    case = program_of(seed)\n"
        "    content = b''.join(x.tobytes() for x in case.inputs)\n"
        "    print(case.program.digest, hashlib.sha256(content).hexdigest())\n"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    )
    assert len(first.split()) == 40
    assert first == second


# --- what may be compared to the bit --------------------------------------------------------------


def of(array, dtype):
    return p.value(np.asarray(array).astype(dtype.numpy), np.shape(array), dtype)


@pytest.mark.parametrize(
    "make",
    [
        lambda: p.add(of([256.0], dtypes.bfloat16), of([1.0], dtypes.bfloat16)),
        lambda: p.sum_(of([3e4, 3e4, 1.0], dtypes.float16), (0,)),
        lambda: p.add(
            p.div(value(np.float32([1])), value(np.float32([3]))), value(np.float32([1]))
        ),
        lambda: p.exp(value(np.float32([1]))),
        lambda: p.cast(value(np.float32([np.nan])), dtypes.int32),
        lambda: p.cast(value(np.float32([300.0])), dtypes.int8),
        lambda: p.div(value(np.float32([1])), p.sum_(value(np.float32([[0.0]])), (0,))),
    ],
)
def test_what_is_not_determined_to_the_bit_is_refused(make):
    with pytest.raises(Reject):
        written_case([make()])


def test_zeros_of_a_sum_are_compared_without_their_sign():
    negated, summed = p.neg(value(np.float32([0]))), p.sum_(value(np.float32([0, -0.0])), (0,))
    case = written_case([negated, summed])
    signed, free = case.expected
    assert not exact.same(np.float32([0.0]), signed).any()
    assert exact.same(np.float32([-0.0]), signed).all()
    assert exact.same(np.float32(0.0), free) and exact.same(np.float32(-0.0), free)


def test_rounded_values_pass_through_and_are_compared():
    third = p.div(value(np.float32([1])), value(np.float32([3])))
    (expected,) = written_case([p.neg(third)]).expected
    assert exact.same(np.float32([-1 / 3]), expected).all()
    assert not exact.same(np.float32([-0.33333328]), expected).any()  # one ulp off


# --- how far smooth results may be off ------------------------------------------------------------


def test_the_bound_of_a_sum_is_n_roundings_of_its_absolute_values():
    x = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    (expected,) = written_case([p.sum_(value(x), (0,))], smooth=True).expected
    size = float(np.abs(x.astype(np.float64)).sum())
    assert 1000 * 2.0**-24 * size < expected.error < 1.05 * 1000 * 2.0**-24 * size


def test_the_bound_of_one_operation_is_half_an_ulp():
    (expected,) = written_case([p.add(value(np.float32(1)), value(np.float32(0.7)))],
                               smooth=True).expected  # fmt: skip
    assert 2.0**-24 * 1.6999 < expected.error < 2.0**-24 * 1.7001


def test_errors_grow_as_the_condition_says():
    """exp(20 x) is 20 times as sensitive, relatively, as x."""
    x = p.mul(value(np.float32(0.3)), value(np.float32(0.7)))
    (expected,) = written_case([p.exp(p.mul(x, value(np.float32(20.0))))], smooth=True).expected
    relative = float(expected.error / expected.array)
    u = 2.0**-24
    product = 20 * 0.21
    # Two rounded products, each with the relative error u, and 2 ulp of exp itself.
    assert 2 * product * u + 4 * u == pytest.approx(relative, rel=0.01)


def test_a_comparison_nearer_than_the_error_is_open():
    x = p.mul(value(np.float32([0.3, 0.3])), value(np.float32([0.7, 0.9])))
    (expected,) = written_case([p.lt(x, value(np.float32([0.21])))], smooth=True).expected
    assert expected.error.tolist() == [1.0, 0.0]


def test_an_infinity_must_be_found_where_it_is_determined():
    (expected,) = written_case([p.log(value(np.float32([0.0, 1.0])))], smooth=True).expected
    assert bounds.same(np.float32([-np.inf, 0.0]), expected).tolist() == [True, True]
    assert bounds.same(np.float32([-3e38, 0.0]), expected).tolist() == [False, True]
    assert bounds.same(np.float32([np.nan, np.nan]), expected).tolist() == [False, False]


def test_the_reference_engine_uses_a_good_part_of_the_bound():
    """Bounds far above every error would find nothing."""
    from gradatim.engines import get_engine

    used = []
    for seed in range(600):
        case = program_of(seed)
        if not case.smooth or case.failure:
            continue
        run = get_engine("reference").compile(case.program, "cpu")
        _, results = run(case.inputs, [None] * len(case.program.outputs))
        for result, expected in zip(results, case.expected):
            error = np.asarray(expected.error)
            if result.dtype.kind != "f" or not result.size:
                continue
            with np.errstate(all="ignore"):
                off = np.abs(result.astype(np.float64) - expected.array)
            known = np.isfinite(off) & np.isfinite(error) & (error > 1e-30)
            if known.any():
                used.append(float((off[known] / error[known]).max()))
    used = np.array(used)
    assert used.max() <= 1
    assert np.median(used[used > 0]) > 0.1
