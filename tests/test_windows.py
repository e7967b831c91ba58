"""Convolution and pooling as primitives, in the reference engine: by hand, and at the edges.

Their gradients are checked in test_gradients.py, against PyTorch in conformance/.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gradatim.engines.reference import MEANING
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bfloat16, float16, float32, from_numpy_dtype, int64
from gradatim.graph.errors import DTypeError, ShapeError
from gradatim.realize import compute

ONE = (1,)
PLAIN = (ONE, (0,), (0,), ONE)  # stride, low, high, dilation in one dimension


def value(array, dtype=None):
    array = np.asarray(array)
    dtype = dtype or from_numpy_dtype(array.dtype)
    return p.value(array.astype(dtype.numpy), array.shape, dtype)


def result(node):
    compute([node])
    return node.buffer


def line(*numbers):
    """(1, 1, n): one sample of one channel."""
    return value(np.array(numbers, np.float64)[None, None])


# --- convolution by hand -------------------------------------------------------------------------


def test_a_convolution_does_not_flip_its_kernel():
    out = p.convolve(line(1, 2, 3, 4), line(10, 1), *PLAIN)
    assert result(out).tolist() == [[[12, 23, 34]]]


def test_padding_stride_and_dilation():
    x, w = line(1, 2, 3, 4, 5), line(1, 10)
    assert result(p.convolve(x, w, ONE, (1,), (2,), ONE)).tolist() == [[[10, 21, 32, 43, 54, 5, 0]]]
    assert result(p.convolve(x, w, (2,), (0,), (0,), ONE)).tolist() == [[[21, 43]]]
    assert result(p.convolve(x, w, ONE, (0,), (0,), (3,))).tolist() == [[[41, 52]]]
    assert result(p.convolve(x, w, ONE, (-1,), (-2,), ONE)).tolist() == [[[32]]]


def test_groups_see_their_own_channels():
    x = value(np.array([[[1.0], [2.0], [3.0], [4.0]]]))
    w = value(np.array([[[1.0], [10.0]], [[1.0], [10.0]]]))
    assert result(p.convolve(x, w, *PLAIN, 2)).tolist() == [[[21], [43]]]


def test_the_faces_of_the_form_agree():
    """⟨g, conv(x, w)⟩ = ⟨x, its derivative⟩ = ⟨w, its derivative⟩, exactly, in integers."""
    rng = np.random.RandomState(0)
    form = ((2, 1), (1, 2), (0, 3), (1, 2), 2)
    x, w = (value(rng.randint(-5, 6, shape)) for shape in ((3, 4, 6, 5), (6, 2, 2, 3)))
    out = p.convolve(x, w, *form)
    g = value(rng.randint(-5, 6, out.shape))
    total = (result(out) * g.buffer).sum()
    assert total == (result(p.convolve_input(g, w, *form, (6, 5))) * x.buffer).sum() != 0
    assert total == (result(p.convolve_kernel(x, g, *form, (2, 3))) * w.buffer).sum()


def test_elements_that_no_window_reaches_get_no_gradient():
    g, w = line(1), line(1, 1)
    assert result(p.convolve_input(g, w, (3,), (0,), (0,), ONE, 1, (4,))).tolist() == [
        [[1, 1, 0, 0]]
    ]


# --- convolution at the edges --------------------------------------------------------------------


@pytest.mark.parametrize(
    "batch, channels, outputs", list(itertools.product((0, 1), (0, 2), (0, 3)))
)
def test_sizes_0_and_1(batch, channels, outputs):
    x, w = value(np.ones((batch, channels, 3))), value(np.ones((outputs, channels, 3)))
    out = p.convolve(x, w, *PLAIN)
    g = value(np.ones(out.shape))
    assert result(out).tolist() == np.full((batch, outputs, 1), 3.0 * channels).tolist()
    spread = result(p.convolve_input(g, w, *PLAIN, 1, (3,)))
    assert spread.tolist() == np.full((batch, channels, 3), 1.0 * outputs).tolist()
    kernel = result(p.convolve_kernel(x, g, *PLAIN, 1, (3,)))
    assert kernel.tolist() == np.full((outputs, channels, 3), 1.0 * batch).tolist()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_kernel_larger_than_the_input_gives_no_windows(n):
    x, w = value(np.ones((2, 1, n))), value(np.ones((4, 1, 3)))
    out = p.convolve(x, w, *PLAIN)
    assert result(out).shape == (2, 4, 0)
    assert not result(p.convolve_kernel(x, out, *PLAIN, 1, (3,))).any()
    assert result(p.convolve_input(out, w, *PLAIN, 1, (n,))).shape == (2, 1, n)


@pytest.mark.parametrize("dtype", [float16, bfloat16])
def test_halves_accumulate_in_float32(dtype):
    """4096 + 1 + 1 ... would stay 4096 in float16, and 256 + 1 + 1 ... 256 in bfloat16."""
    big = 4096 if dtype is float16 else 256
    ones = np.ones(64)
    x = value(np.concatenate([[big], ones])[None, None], dtype)
    w = value(np.ones((1, 1, 65)), dtype)
    out = p.convolve(x, w, *PLAIN)
    assert out.dtype is dtype and result(out).astype(np.float32).item() == big + 64
    kernel = p.convolve_kernel(x, value(np.ones((1, 1, 65)), dtype), *PLAIN, 1, (1,))
    assert result(kernel).astype(np.float32).item() == big + 64
    channels = value(np.concatenate([[big], ones])[None, :, None], dtype)
    spread = p.convolve_input(channels, value(np.ones((65, 1, 1)), dtype), *PLAIN, 1, (1,))
    assert result(spread).astype(np.float32).item() == big + 64
    window = p.window_sum(x, (65,), *PLAIN)
    assert result(window).astype(np.float32).item() == big + 64


def test_integers_wrap_around():
    x, w = value(np.full((1, 1, 2), 100, np.int8)), value(np.ones((1, 1, 2), np.int8))
    assert result(p.convolve(x, w, *PLAIN)).tolist() == [[[-56]]]


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: p.convolve(line(1), value(np.ones((1, 2, 1))), *PLAIN), "C/groups"),
        (lambda: p.convolve(line(1), value(np.ones(1)), *PLAIN), "C/groups"),
        (lambda: p.convolve(line(1), line(1), (0,), (0,), (0,), ONE), "at least 1"),
        (lambda: p.convolve(line(1), line(1), ONE, (-1,), (-1,), ONE), "crops more"),
        (lambda: p.convolve(line(1), line(1), (1, 1), (0,), (0,), ONE), "1 numbers"),
        (
            lambda: p.convolve(value(np.ones((1, 2, 1))), value(np.ones((3, 1, 1))), *PLAIN, 2),
            "do not divide",
        ),
        (lambda: p.convolve_input(line(1, 1), line(1), *PLAIN, 1, (1,)), r"\(N, 1, 1\)"),
        (lambda: p.convolve_kernel(line(1, 1), line(1), *PLAIN, 1, (1,)), r"\(1, O, 2\)"),
        (lambda: p.window_sum(value(np.ones(3)), (1, 1), *[(1, 1)] * 4), "over 2 dimensions"),
        (lambda: p.window_sum(line(1, 2), (0,), *PLAIN), "at least 1"),
        (lambda: p.window_spread(line(1, 2), (2,), *PLAIN, (2,)), r"\[1\] windows"),
        (lambda: p.window_argmax(line(1), (2,), ONE, (2,), (0,), ONE), "nothing but padding"),
        (lambda: p.window_argmax(line(1), (2,), ONE, (1,), (1,), (2,)), "nothing but padding"),
        (lambda: p.window_gather(line(1), line(1), 1), "int64"),
        (lambda: p.window_scatter(line(1), value(np.zeros((1, 2, 1), int)), (1,)), "int64"),
    ],
)
def test_what_does_not_fit(build, message):
    with pytest.raises(ShapeError, match=message):
        build()


def test_one_dtype():
    with pytest.raises(DTypeError, match="float64 and float32"):
        p.convolve(line(1), value(np.ones((1, 1, 1), np.float32)), *PLAIN)


# --- windows by hand -----------------------------------------------------------------------------


def test_the_sum_of_windows():
    x = value(np.arange(6.0).reshape(2, 3))
    out = p.window_sum(x, (2, 2), (1, 1), (0, 1), (0, 0), (1, 1))
    assert result(out).tolist() == [[3, 8, 12]]
    assert result(p.window_sum(x, (3,), ONE, (1,), (1,), (1,))).tolist() == [[1, 3, 3], [7, 12, 9]]


def test_spreading_undoes_nothing_but_is_the_adjoint():
    g = value(np.array([1.0, 10.0, 100.0]))
    assert result(p.window_spread(g, (2,), ONE, (1,), (0,), ONE, (3,))).tolist() == [11, 110, 100]


def test_the_first_of_equal_elements_wins_and_nan_is_the_largest():
    nan = np.nan
    x = value(np.array([3.0, 3.0, 1.0, nan, nan, 5.0]))
    places = p.window_argmax(x, (2,), ONE, (0,), (0,), ONE)
    assert places.dtype is int64
    assert result(places).tolist() == [0, 1, 3, 3, 4]


def test_padding_never_wins():
    x = value(np.full((2, 2), -np.inf))
    places = p.window_argmax(x, (2, 2), (1, 1), (1, 1), (1, 1), (1, 1))
    assert result(places).tolist() == [[0, 0, 1], [0, 0, 1], [2, 2, 3]]
    lowest = value(np.full(2, -128, np.int8))
    assert result(p.window_argmax(lowest, (2,), ONE, ONE, (0,), ONE)).tolist() == [0, 0]


def test_places_count_in_the_tensor_without_its_padding_and_before_cropping():
    x = value(np.arange(12.0).reshape(1, 3, 4))
    places = p.window_argmax(x, (2, 2), (1, 2), (0, 1), (-1, 0), (1, 1))
    assert result(places).tolist() == [[[4, 6]]]


def test_gather_and_scatter_by_places():
    x = value(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    places = value(np.array([[2, 0, 2], [1, 1, 1]]))
    assert result(p.window_gather(x, places, 1)).tolist() == [[3, 1, 3], [5, 5, 5]]
    assert result(p.window_scatter(x, places, (3,))).tolist() == [[2, 0, 4], [0, 15, 0]]


def test_a_scatter_of_halves_accumulates_in_float32():
    g = value(np.array([2048.0] + [1.0] * 64), float16)
    total = p.window_scatter(g, value(np.zeros(65, int)), (1,))
    assert result(total).tolist() == [2112]


def test_windows_of_no_tensor():
    for shape in ((0, 3, 3), (2, 0, 3)):
        x = value(np.ones(shape))
        plain = ((2, 2), (1, 1), (0, 0), (0, 0), (1, 1))
        total = p.window_sum(x, *plain)
        places = p.window_argmax(x, *plain)
        assert result(places).shape == result(total).shape == (shape[0], max(shape[1] - 1, 0), 2)
        assert result(p.window_spread(total, *plain, shape[1:])).shape == shape
        assert result(p.window_scatter(total, places, shape[1:])).shape == shape
        assert result(p.window_gather(x, places, 2)).shape == total.shape


def test_every_window_primitive_has_a_meaning():
    names = {n for n, x in p.PRIMITIVES.items() if x.kind in ("convolve", "window")}
    assert len(names) == 8 and names <= set(MEANING)


def test_float32_stays_float32():
    x = value(np.ones((1, 1, 4)), float32)
    assert result(p.convolve(x, x, *PLAIN)).dtype == np.float32
    assert result(p.window_sum(x, (2,), *PLAIN)).dtype == np.float32
