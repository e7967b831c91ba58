"""argmax, cumulative sums and sorting as native code, against the reference engine."""

from __future__ import annotations

import numpy as np
import pytest

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from tests.engines_llvm.engines import guarded, numbers, run, run_tests_elsewhere, same_bits

SHAPES = [
    ((1,), 0),
    ((10,), 0),
    ((1000,), 0),
    ((7, 10), 1),
    ((7, 10), 0),
    ((33, 70), 0),
    ((3, 1, 17), 1),
    ((4, 5, 18), 1),
    ((2, 300), 1),
    ((65, 3), 0),
]


def outputs_of(x, axis):
    found = [p.argmax(x, axis), p.argmin(x, axis), p.cumsum(x, axis), p.cumprod(x, axis)]
    found += [p.cumargmax(x, axis), p.cumargmin(x, axis)]
    for descending in (False, True):
        found += p.sort(x, axis, descending)
    return found


def check(outputs, place=lambda array: array):
    expected, got, codes = run(outputs, place)
    assert not any("reference" in repr(code) for code in codes)
    for k, (a, b) in enumerate(zip(expected, got, strict=True)):
        assert same_bits(a, b), (k, np.argwhere(a != b)[:5])


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_float32_agrees(shape, axis):
    check(outputs_of(numbers(np.random.default_rng(0), shape, dtypes.float32), axis))


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_every_dtype_agrees(dtype):
    rng = np.random.default_rng(0)
    for shape, axis in [((5, 23), 1), ((23, 5), 0)]:
        check(outputs_of(numbers(rng, shape, dtype), axis))


@pytest.mark.parametrize("side", ["left", "right"])
def test_nothing_outside_is_touched(side):
    rng = np.random.default_rng(0)
    for shape, axis in SHAPES:
        check(outputs_of(numbers(rng, shape, dtypes.float32), axis), guarded(side))


def test_a_permuted_operand_agrees():
    rng = np.random.default_rng(0)
    x = p.permute(numbers(rng, (6, 9, 20), dtypes.float32), (2, 0, 1))
    for axis in range(3):
        check(outputs_of(x, axis))


def test_nothing_to_walk():
    rng = np.random.default_rng(0)
    x = numbers(rng, (0, 4), dtypes.float32)
    check(
        [
            p.argmax(x, 1),
            p.cumargmax(x, 0),
            p.cumargmin(x, 1),
            p.cumsum(x, 0),
            p.cumsum(x, 1),
            *p.sort(x, 1, False),
        ]
    )


def test_one_result_of_a_sort_alone():
    rng = np.random.default_rng(0)
    x = numbers(rng, (4, 30), dtypes.float32)
    check([p.sort(x, 1, True)[1]])
    check([p.sort(x, 0, False)[0]])


def test_equal_values_keep_their_order():
    x = numbers(np.random.default_rng(0), (1000,), dtypes.int8)
    places = run([p.sort(x, 0, True)[1]])[1][0]
    ordered = x.buffer[places]
    same = ordered[1:] == ordered[:-1]
    assert same.any()
    assert (np.diff(places)[same] > 0).all()


def test_partial_results_beyond_the_range_come_back():
    """As in PyTorch, float32 is accumulated in float64."""
    content = np.array([[1e30, 1e20, 1e-20, 2.0]], np.float32)
    x = p.value(content, content.shape, dtypes.float32)
    for place in (lambda node: node, lambda node: p.permute(node, (1, 0))):
        x = place(x)
        expected, got, _ = run([p.cumprod(x, x.shape.index(4))])
        assert same_bits(expected[0], got[0])
        np.testing.assert_allclose(got[0].reshape(-1), [1e30, np.inf, 1e30, 2e30], rtol=1e-6)


@pytest.mark.parametrize("level", ["avx2", "sse2"])
def test_narrower_processors_agree(level):
    run_tests_elsewhere(
        __file__, "float32_agrees or touched or every_dtype", GRADATIM_CPU_FEATURES=level
    )
