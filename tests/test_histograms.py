"""Histograms, the trapezoidal rule and finite differences."""

import math

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import DTypeError, IndexOutOfRange, ShapeError


def test_histc_counts_what_is_inside():
    x = gd.tensor([-1.0, 0.0, 0.5, 1.0, 2.9, 3.0, 4.0, math.nan])
    assert gd.histc(x, bins=3, min=0, max=3).tolist() == [2.0, 1.0, 2.0]


def test_histc_finds_its_range():
    assert gd.histc(gd.tensor([2.0, 4.0, 4.0]), bins=2).tolist() == [1.0, 2.0]
    assert gd.histc(gd.tensor([1.0, 1.0]), bins=3).tolist() == [0.0, 2.0, 0.0]
    assert gd.histc(gd.tensor([]), bins=2).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "bins, low, high, message",
    [(0, 0, 1, "bins must be > 0"), (2, 1, 0, "max must be larger than min"),
     (2, 0, math.inf, "is not finite")],
)  # fmt: skip
def test_histc_refuses(bins, low, high, message):
    with pytest.raises(ShapeError, match=message):
        gd.histc(gd.tensor([1.0]), bins, low, high)


def test_histc_refuses_integers():
    with pytest.raises(DTypeError, match="not implemented for int64"):
        gd.histc(gd.tensor([1, 2]))


def test_histogram_with_edges_weights_and_density():
    x = gd.tensor([0.1, 0.2, 1.5, 3.9, 4.0, 7.0], dtype=gd.float64)
    edges = gd.tensor([0.0, 1.0, 2.0, 4.0], dtype=gd.float64)
    weight = gd.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], dtype=gd.float64)
    found = gd.histogram(x, edges, weight=weight)
    assert found.hist.tolist() == [3.0, 3.0, 9.0]
    assert found.bin_edges.tolist() == edges.tolist()
    density = gd.histogram(x, edges, weight=weight, density=True).hist
    expected, _ = np.histogram(x.numpy(), edges.numpy(), weights=weight.numpy(), density=True)
    np.testing.assert_allclose(density.numpy(), expected, rtol=1e-15)


def test_histogramdd_is_numpys():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 3))
    ours = gd.histogramdd(gd.tensor(points), [4, 5, 3])
    expected, edges = np.histogramdd(points, [4, 5, 3])
    np.testing.assert_array_equal(ours.hist.numpy(), expected)
    for mine, other in zip(ours.bin_edges, edges):
        np.testing.assert_allclose(mine.numpy(), other, rtol=1e-14)


def test_histogramdd_refuses():
    with pytest.raises(ShapeError, match="size of bins must be equal to the innermost dimension"):
        gd.histogramdd(gd.zeros(3, 2), [1, 1, 1])
    with pytest.raises(ShapeError, match="should have the same shape"):
        gd.histogramdd(gd.zeros(3, 2), [1, 1], weight=gd.zeros(4))


# --- integrals and derivatives -------------------------------------------------------------------


def test_trapezoid():
    y = gd.tensor([[1.0, 2.0, 4.0], [0.0, 1.0, 0.0]])
    assert gd.trapezoid(y).tolist() == [4.5, 1.0]
    assert gd.trapezoid(y, dx=0.5).tolist() == [2.25, 0.5]
    assert gd.trapezoid(y, gd.tensor([0.0, 1.0, 3.0])).tolist() == [7.5, 1.5]
    assert gd.trapz(y, dim=0).tolist() == [0.5, 1.5, 2.0]
    assert gd.cumulative_trapezoid(y).tolist() == [[1.5, 4.5], [0.5, 1.0]]


def test_trapezoid_refuses():
    with pytest.raises(ShapeError, match="one `x` value for each sample point"):
        gd.trapezoid(gd.zeros(3), gd.zeros(4))
    with pytest.raises(DTypeError, match="bool is not supported"):
        gd.trapezoid(gd.tensor([True, False]))
    with pytest.raises(IndexOutOfRange):
        gd.trapezoid(gd.tensor(1.0))


@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradient_is_numpys(edge_order):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 6))
    where = np.cumsum(rng.uniform(0.5, 2, 6))
    for spacing, theirs in ((1, [1, 1]), (0.5, [0.5, 0.5])):
        ours = gd.gradient(gd.tensor(x), spacing=spacing, edge_order=edge_order)
        for a, b in zip(ours, np.gradient(x, *theirs, edge_order=edge_order)):
            np.testing.assert_allclose(a.numpy(), b, rtol=1e-12, atol=1e-13)
    (uneven,) = gd.gradient(gd.tensor(x), spacing=[gd.tensor(where)], dim=1, edge_order=edge_order)
    expected = np.gradient(x, where, axis=1, edge_order=edge_order)
    np.testing.assert_allclose(uneven.numpy(), expected, rtol=1e-12, atol=1e-13)


def test_gradient_refuses():
    x = gd.zeros(3, 3)
    with pytest.raises(ShapeError, match="edge_order=1 and edge_order=2"):
        gd.gradient(x, edge_order=3)
    with pytest.raises(ShapeError, match="appears multiple times"):
        gd.gradient(x, dim=(1, 1))
    with pytest.raises(ShapeError, match=r"at least edge_order\+1"):
        gd.gradient(gd.zeros(1))
    with pytest.raises(ShapeError, match="one for each dimension"):
        gd.gradient(x, spacing=[0.1], dim=(1, 0))


def test_gradient_is_differentiable():
    x = gd.tensor([1.0, 2.0, 4.0, 7.0], requires_grad=True)
    gd.gradient(x)[0].sum().backward()
    assert x.grad.tolist() == [-1.5, 0.5, -0.5, 1.5]


# --- searching by bisection ----------------------------------------------------------------------


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("length", [0, 1, 2, 7, 8, 100])
def test_searchsorted_is_numpys(length, right):
    rng = np.random.default_rng(length)
    sequence = np.sort(rng.integers(0, 50, length))
    values = rng.integers(-2, 53, (4, 5))
    found = gd.searchsorted(gd.tensor(sequence), gd.tensor(values), right=right)
    expected = np.searchsorted(sequence, values, side="right" if right else "left")
    np.testing.assert_array_equal(found.numpy(), expected)


def test_nan_goes_behind_all():
    assert gd.searchsorted(gd.tensor([1.0, 2.0]), gd.tensor([math.nan, 1.5])).tolist() == [2, 1]
