"""Pooling and its gradients as native code, against the reference engine, to the bit."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from gradatim.engines import reference
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from tests.engines_llvm.engines import (
    digest_elsewhere,
    guarded,
    numbers,
    program,
    run,
    run_tests_elsewhere,
    same_bits,
    value,
)

# lead, spatial sizes, window, stride, low, high, dilation
CASES = [
    ((2, 3), (28, 28), (2, 2), (2, 2), (0, 0), (0, 0), (1, 1)),
    ((5,), (14, 14), (2, 2), (2, 2), (0, 0), (0, 0), (1, 1)),
    ((1, 2), (29, 35), (3, 3), (2, 2), (1, 1), (1, 1), (1, 1)),
    ((2,), (13, 13), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1)),
    ((), (7, 7), (7, 7), (7, 7), (0, 0), (0, 0), (1, 1)),
    ((3,), (1, 1), (1, 1), (1, 1), (0, 0), (0, 0), (1, 1)),
    ((0,), (6, 6), (2, 2), (2, 2), (0, 0), (0, 0), (1, 1)),
    ((4,), (40,), (3,), (2,), (1,), (0,), (1,)),
    ((2,), (300,), (2,), (2,), (0,), (1,), (1,)),
    ((2,), (50,), (40,), (3,), (0,), (0,), (1,)),
    ((3,), (33,), (3,), (5,), (0,), (0,), (2,)),
    ((2,), (20, 31), (2, 3), (3, 2), (0, 1), (2, 0), (2, 3)),
    ((1,), (9, 30), (2, 3), (1, 3), (-1, -2), (0, -1), (1, 1)),
    ((2,), (5, 6, 9), (2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 0, 1), (1, 1, 1)),
    ((1,), (4, 5, 17), (3, 3, 3), (1, 2, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    ((1,), (12, 40), (6, 5), (5, 5), (0, 0), (0, 0), (1, 1)),
]
IDS = ["x".join(map(str, case[1])) for case in CASES]
EVERY = [d for d in dtypes.ALL if d is not dtypes.bool_]


def programs(rng, case, dtype):
    """Everything that can be done with the windows of a case."""
    lead, spatial, *windows = case
    x = numbers(rng, lead + spatial, dtype)
    total = p.window_sum(x, *windows)
    g = numbers(rng, total.shape, dtype)
    places = p.window_argmax(x, *windows)
    largest = p.window_gather(x, places, len(spatial))
    scattered = p.window_scatter(g, places, spatial)
    spread = p.window_spread(g, *windows, spatial)
    return {
        "sum": [total, spread],
        "max": [largest],
        "both": [largest, scattered],
        "places": [places, largest, scattered],
    }


def check(case, dtype, place=lambda array: array):
    rng = np.random.default_rng(1)
    for name, outputs in programs(rng, case, dtype).items():
        expected, got, codes = run(outputs, place)
        assert not any("reference" in repr(code) for code in codes)
        for a, b in zip(expected, got, strict=True):
            assert same_bits(a, b), (name, np.argwhere(a != b)[:5])


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_float32_agrees(case):
    check(case, dtypes.float32)


@pytest.mark.parametrize("dtype", EVERY, ids=lambda d: d.name)
@pytest.mark.parametrize("case", [CASES[k] for k in (2, 7, 11)])
def test_every_dtype_agrees(case, dtype):
    check(case, dtype)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_nothing_outside_is_touched(case, side):
    check(case, dtypes.float32, guarded(side))


@pytest.mark.parametrize("level", ["avx2", "sse2"])
def test_narrower_processors_agree(level):
    run_tests_elsewhere(
        __file__, "float32_agrees or touched or every_dtype", GRADATIM_CPU_FEATURES=level
    )


def test_a_maximum_and_its_place_are_found_in_one_pass():
    rng = np.random.default_rng(0)
    _, _, codes = run(programs(rng, CASES[0], dtypes.float32)["both"])
    assert [code.how for code in codes] == ["max", "scatter"]


def test_only_a_scatter_needs_no_more_than_a_byte_for_each_place():
    rng = np.random.default_rng(0)
    both = run(programs(rng, CASES[0], dtypes.float32)["both"])[2]
    assert both[0].places is dtypes.int8
    places = run(programs(rng, CASES[0], dtypes.float32)["places"])[2]
    assert places[0].places is dtypes.int64


@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float16, dtypes.int32])
def test_places_may_come_from_another_program(dtype):
    rng = np.random.default_rng(0)
    lead, spatial, *windows = CASES[2]
    x = numbers(rng, lead + spatial, dtype)
    closed, arrays = program([p.window_argmax(x, *windows)])
    places = value(reference.ReferenceExecutable(closed)(arrays, [None])[1][0])
    g = numbers(rng, places.shape, dtype)
    expected, got, _ = run([p.window_gather(x, places, 2), p.window_scatter(g, places, spatial)])
    assert all(map(same_bits, expected, got))


def test_an_input_that_does_not_lie_in_a_row_is_copied():
    rng = np.random.default_rng(0)
    x = p.permute(numbers(rng, (12, 3, 10), dtypes.float32), (1, 2, 0))
    expected, got, _ = run([p.window_sum(x, (2, 2), (2, 2), (0, 0), (0, 0), (1, 1))])
    assert same_bits(expected[0], got[0])


def test_any_number_of_threads_gives_the_same_bits():
    one = digest_elsewhere(__file__, GRADATIM_NUM_THREADS="1")
    two = digest_elsewhere(__file__, GRADATIM_NUM_THREADS="2")
    assert len(one) > 40
    assert one == two


if __name__ == "__main__":
    generator = np.random.default_rng(0)
    x = value(generator.standard_normal((64, 16, 28, 28)).astype(np.float32))
    windows = ((3, 3), (2, 2), (1, 1), (1, 1), (1, 1))
    places = p.window_argmax(x, *windows)
    total = p.window_sum(x, *windows)
    _, results, _ = run(
        [
            total,
            p.window_gather(x, places, 2),
            p.window_scatter(total, places, (28, 28)),
            p.window_spread(total, *windows, (28, 28)),
        ]
    )
    print([hashlib.sha256(array.tobytes()).hexdigest() for array in results])
