"""Softmax, normalization and losses as kernels that go row by row."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import gradatim as gd
from gradatim.engines.llvm.executable import LLVMExecutable
from gradatim.engines.llvm.rowwise import RowNest
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from tests.engines_llvm.engines import (
    digest_elsewhere,
    guarded,
    program,
    run,
    run_tests_elsewhere,
    value,
)

SHAPES = [(1000, 10), (3, 5, 7), (100, 1000), (5, 65), (1, 17), (2, 1), (4, 64), (9, 4099), (0, 5)]


def kept(shape, count=1):
    return shape[:-count] + (1,) * count


def softmax(x):
    last = (x.ndim - 1,)
    shifted = p.sub(x, p.reshape(p.max_(x, last), kept(x.shape)))
    powers = p.exp(shifted)
    return p.div(powers, p.reshape(p.sum_(powers, last), kept(x.shape)))


def log_softmax(x):
    last = (x.ndim - 1,)
    shifted = p.sub(x, p.reshape(p.max_(x, last), kept(x.shape)))
    return p.sub(shifted, p.log(p.reshape(p.sum_(p.exp(shifted), last), kept(x.shape))))


def layer_norm(x, weight, bias, count=1):
    last = tuple(range(x.ndim - count, x.ndim))
    size = p.constant(float(np.prod(x.shape[x.ndim - count :])), x.dtype)
    mean = p.div(p.reshape(p.sum_(x, last), kept(x.shape, count)), size)
    off = p.sub(x, mean)
    variance = p.div(p.reshape(p.sum_(p.mul(off, off), last), kept(x.shape, count)), size)
    scale = p.rsqrt(p.add(variance, p.constant(1e-5, x.dtype)))
    return p.add(p.mul(p.mul(off, scale), weight), bias)


def normal(rng, shape, dtype=np.float32):
    return value(rng.standard_normal(shape).astype(dtype))


def check(outputs, tolerance, place=lambda array: array):
    expected, got, codes = run(outputs, place)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(
            b.astype(np.float64), a.astype(np.float64), rtol=tolerance, atol=tolerance
        )
    return codes


@pytest.mark.parametrize("shape", SHAPES)
def test_float32_agrees(shape):
    rng = np.random.default_rng(0)
    x, w, b = normal(rng, shape), normal(rng, shape[-1:]), normal(rng, shape[-1:])
    # Sums of up to 4099 terms in another order; a log-softmax is up to about 10.
    check([softmax(x), log_softmax(x), layer_norm(x, w, b)], 4e-6)


@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-13), ("float16", 2e-3)])
def test_other_floats_agree(dtype, bound):
    rng = np.random.default_rng(0)
    for shape in [(30, 10), (6, 150)]:
        x, w = normal(rng, shape, dtype), normal(rng, shape[-1:], dtype)
        check([softmax(x), layer_norm(x, w, w)], bound)


@pytest.mark.parametrize("side", ["left", "right"])
def test_nothing_outside_is_touched(side):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        x, w = normal(rng, shape), normal(rng, shape[-1:])
        check([softmax(x), layer_norm(x, w, w)], 4e-6, guarded(side))


def test_each_is_one_kernel():
    rng = np.random.default_rng(0)
    x, w = normal(rng, (20, 300)), normal(rng, (300,))
    for output in (softmax(x), log_softmax(x), layer_norm(x, w, w)):
        (code,) = check([output], 4e-6)
        assert isinstance(code, RowNest)


def test_normalization_over_several_axes_is_one_kernel():
    rng = np.random.default_rng(0)
    x, w = normal(rng, (6, 5, 40)), normal(rng, (5, 40))
    (code,) = check([layer_norm(x, w, w, 2)], 4e-6)
    assert code.length == 200


def test_what_belongs_to_other_rows_is_not_joined():
    rng = np.random.default_rng(0)
    x = normal(rng, (30, 30))
    sums = p.sum_(x, (1,))
    check([p.add(p.exp(x), sums), p.sub(p.permute(x, (1, 0)), p.reshape(sums, (30, 1)))], 4e-6)
    backwards = p.flip(sums, (0,))
    check([p.mul(p.reshape(backwards, (30, 1)), p.add(x, p.reshape(sums, (30, 1))))], 4e-5)


def test_reductions_of_whole_numbers_are_exact():
    rng = np.random.default_rng(0)
    for dtype in (dtypes.int32, dtypes.int64, dtypes.uint8, dtypes.float32):
        x = p.value(rng.integers(0, 5, (40, 33)).astype(dtype.numpy), (40, 33), dtype)
        total = p.reshape(p.sum_(x, (1,)), (40, 1))
        least = p.reshape(p.min_(x, (1,)), (40, 1))
        check([p.add(p.mul(x, total), least)], 0)


def cross_entropy(rows, classes, **options):
    rng = np.random.default_rng(0)
    logits = gd.tensor(rng.standard_normal((rows, classes)).astype(np.float32), requires_grad=True)
    target = gd.tensor(rng.integers(0, classes, rows))
    loss = gd.nn.functional.cross_entropy(logits, target, **options)
    loss.backward()
    return [loss._read(), logits.grad._read()]


@pytest.mark.parametrize("classes", [2, 10, 100, 1000])
def test_cross_entropy_and_its_gradient_agree(classes):
    check(cross_entropy(50, classes), 4e-6)
    check(cross_entropy(50, classes, label_smoothing=0.1), 4e-6)
    check(cross_entropy(50, classes, reduction="sum"), 4e-5)


def test_cross_entropy_and_its_gradient_are_one_kernel_over_the_logits():
    codes = check(cross_entropy(50, 10), 4e-6)
    assert [code for code in codes if getattr(code, "rows", None) == (50,)] == [codes[-2]]
    assert len(codes) == 4  # targets that count, their range, the rows, the mean


def test_a_class_that_is_not_there_is_an_error():
    logits = gd.tensor(np.zeros((3, 4), np.float32))
    target = gd.tensor([0, 4, 1]) + 0
    loss = gd.nn.functional.cross_entropy(logits, target)
    closed, arrays = program([loss._read()])
    failure, _ = LLVMExecutable(closed)(arrays, [None])
    assert str(failure.message) == "index 4 is out of bounds for dimension 1 with size 4"


@pytest.mark.parametrize("level", ["avx2", "sse2"])
def test_narrower_processors_agree(level):
    run_tests_elsewhere(
        __file__, "float32_agrees or touched or entropy or exact", GRADATIM_CPU_FEATURES=level
    )


def test_any_number_of_threads_gives_the_same_bits():
    one = digest_elsewhere(__file__, GRADATIM_NUM_THREADS="1")
    two = digest_elsewhere(__file__, GRADATIM_NUM_THREADS="2")
    assert len(one) > 40
    assert one == two


if __name__ == "__main__":
    generator = np.random.default_rng(0)
    x, w = normal(generator, (512, 768)), normal(generator, (768,))
    results = run([softmax(x), layer_norm(x, w, w), *cross_entropy(2000, 10)])[1]
    print([hashlib.sha256(array.tobytes()).hexdigest() for array in results])
