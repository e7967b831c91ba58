"""Order statistics: sort, topk, kthvalue, median, mode, quantile."""

from __future__ import annotations

import math

import pytest

import gradatim as gd
from gradatim.realize import state

nan, inf = math.nan, math.inf


def same(tensor: gd.Tensor, expected) -> bool:
    """Equal elements, NaN included."""
    return bool(gd.tensor(expected).to(tensor.dtype).allclose(tensor, 0, 0, equal_nan=True))


# --- sort -----------------------------------------------------------------------------------------


def test_sort_gives_values_and_places():
    x = gd.tensor([[3, 1, 2], [9, 7, 8]])
    values, indices = x.sort()
    assert values.tolist() == [[1, 2, 3], [7, 8, 9]]
    assert indices.tolist() == [[1, 2, 0], [1, 2, 0]]
    assert x.sort(0, descending=True).values.tolist() == [[9, 7, 8], [3, 1, 2]]
    assert gd.argsort(x, dim=1, descending=True).tolist() == [[0, 2, 1], [0, 2, 1]]
    assert x.msort().tolist() == x.tolist()


def test_results_print_as_pytorchs():
    assert repr(gd.tensor([2, 1]).sort()) == (
        "torch.return_types.sort(\nvalues=tensor([1, 2]),\nindices=tensor([1, 0]))"
    )


@pytest.mark.parametrize("descending, places", [(False, [1, 3, 0, 2]), (True, [0, 2, 1, 3])])
def test_equal_elements_keep_their_order(descending, places):
    x = gd.tensor([5, 2, 5, 2])
    assert x.sort(descending=descending).indices.tolist() == places


@pytest.mark.parametrize("dtype", [gd.float32, gd.float64, gd.float16, gd.bfloat16])
def test_nan_is_the_largest(dtype):
    x = gd.tensor([1.0, nan, inf, -inf], dtype=dtype)
    assert same(x.sort().values, [-inf, 1, inf, nan])
    assert same(x.sort(descending=True).values, [nan, inf, 1, -inf])
    assert same(x.topk(2).values, [nan, inf])
    assert same(x.topk(2, largest=False).values, [-inf, 1])


def test_sorting_bools_and_single_elements():
    assert gd.tensor([True, False]).sort().values.tolist() == [False, True]
    assert gd.tensor(3.0).sort().indices.item() == 0
    assert gd.zeros(0, 2).sort(0).values.shape == (0, 2)


# --- the largest, and the k-th --------------------------------------------------------------------


def test_topk_along_a_dimension():
    x = gd.tensor([[1, 9], [5, 2], [7, 4]])
    values, indices = x.topk(2, dim=0)
    assert values.tolist() == [[7, 9], [5, 4]]
    assert indices.tolist() == [[2, 0], [1, 2]]
    assert x.topk(1, largest=False).values.tolist() == [[1], [2], [4]]
    with pytest.raises(RuntimeError, match="selected index k out of range: got k=4 for 3"):
        x.topk(4, 0)


def test_kthvalue_counts_from_one():
    x = gd.tensor([[4.0, 1, 3], [2, 9, 8]])
    assert x.kthvalue(2).values.tolist() == [3, 8]
    assert x.kthvalue(1, 0, keepdim=True).indices.tolist() == [[1, 0, 0]]
    with pytest.raises(RuntimeError, match="out of range for dimension 1: got k=0 for 3"):
        x.kthvalue(0)


# --- the middle -----------------------------------------------------------------------------------


def test_median_is_the_lower_of_two():
    x = gd.tensor([[4.0, 1, 3, 2], [8, 5, 7, 6]])
    assert x.median().item() == 4
    values, indices = x.median(1)
    assert values.tolist() == [2, 6]
    assert indices.tolist() == [3, 3]
    assert x.median(0, keepdim=True).values.shape == (1, 4)


def test_median_and_nanmedian_of_nan():
    x = gd.tensor([[1.0, nan, 3, nan], [2, 4, 6, 8]])
    assert same(x.median(1).values, [nan, 4])
    assert x.median(1).indices.tolist() == [1, 1]
    assert same(x.median(), nan)
    assert x.nanmedian().item() == 3
    assert x.nanmedian(1).values.tolist() == [1, 4]
    assert same(gd.tensor([nan, nan]).nanmedian(0).values, nan)


def test_median_of_nothing():
    assert same(gd.zeros(0).median(), nan)
    with pytest.raises(IndexError, match="dim 0 to have non-zero size"):
        gd.zeros(0, 2).median(0)


def test_mode_is_the_smallest_of_the_most_frequent_at_its_last_place():
    x = gd.tensor([[3, 1, 3, 1, 2], [0, 0, 4, 4, 4]])
    values, indices = x.mode()
    assert values.tolist() == [1, 4]
    assert indices.tolist() == [3, 4]
    assert x.mode(0).values.tolist() == [0, 0, 3, 1, 2]
    assert gd.tensor([7]).mode(keepdim=True).values.tolist() == [7]


# --- quantiles ------------------------------------------------------------------------------------


def test_quantile_interpolates():
    x = gd.tensor([[0.0, 10, 20, 30, 40], [4, 3, 2, 1, 0]])
    assert x.quantile(0.25, 1).tolist() == [10, 1]
    assert x.quantile(gd.tensor([0.0, 0.6, 1.0]), 1).tolist() == [
        [0, 0],
        [pytest.approx(24), pytest.approx(2.4)],
        [40, 4],
    ]
    assert x.quantile(0.5).item() == 3.5
    assert x.quantile(0.5, 1, keepdim=True).shape == (2, 1)


@pytest.mark.parametrize(
    "interpolation, expected",
    [("linear", 13.0), ("lower", 10.0), ("higher", 20.0), ("nearest", 10.0), ("midpoint", 15.0)],
)
def test_interpolations(interpolation, expected):
    x = gd.tensor([0.0, 10, 20])
    assert x.quantile(0.65, interpolation=interpolation).item() == pytest.approx(expected)


def test_quantiles_of_nan():
    x = gd.tensor([[1.0, nan, 3], [1, 2, 4], [nan, nan, nan]])
    assert same(x.quantile(0.5, 1), [nan, 2, nan])
    assert same(x.nanquantile(0.5, 1), [2, 2, nan])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: x.quantile(1.5), r"range \[0, 1\] but got 1.5"),
        (lambda x: x.quantile(gd.tensor([0.5, 2.0])), r"values must be in the range \[0, 1\]"),
        (lambda x: x.int().quantile(0.5), r"either float or double dtype, got int32: .*\.float"),
        (lambda x: x.quantile(0.5, interpolation="cubic"), "midpoint or nearest, but got cubic"),
        (lambda x: gd.zeros(0).quantile(0.5), "must be non-empty"),
    ],
)
def test_quantiles_that_cannot_be(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(gd.ones(3))


# --- gradients, and when values are computed ------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sort(0).values,
        lambda x: x.sort(descending=True).values,
        lambda x: x.topk(2).values,
        lambda x: x.kthvalue(2, 0).values,
        lambda x: x.median(),
        lambda x: x.median(1).values,
        lambda x: x.nanmedian(0).values,
        lambda x: x.mode(0).values,
        lambda x: x.quantile(0.3),
        lambda x: x.quantile(gd.tensor([0.1, 0.77], dtype=gd.float64), 1),
        lambda x: x.nanquantile(0.4, 0, interpolation="midpoint"),
    ],
)
def test_gradients(function):
    values = [[0.5, -1.0, 2.5, 4.0], [3.5, 0.0, -2.0, 1.0], [5.0, 1.5, 3.0, -0.5]]
    x = gd.tensor(values, dtype=gd.float64, requires_grad=True)
    assert gd.autograd.gradcheck(lambda x: function(x) ** 2, (x,))
    assert gd.autograd.gradgradcheck(lambda x: function(x) ** 2, (x,))


def test_along_a_dimension_the_gradient_goes_to_the_place_that_is_named():
    x = gd.tensor([2.0, 1.0, 1.0, 2.0], requires_grad=True)
    values, place = x.median(0)
    values.backward()
    assert x.grad.nonzero().tolist() == [[place.item()]]


def test_the_median_of_all_shares_its_gradient_among_equals():
    x = gd.tensor([1.0, 2.0, 2.0, 3.0], requires_grad=True)
    x.median().backward()
    assert x.grad.tolist() == [0, 0.5, 0.5, 0]


def test_nothing_is_computed_before_it_is_looked_at():
    before = state.compiled
    x = gd.tensor([3.0, 1.0, 2.0]) * 2
    results = [x.sort().values, x.median(0).indices, x.mode().values, x.quantile(0.5), x.topk(2)[0]]
    assert state.compiled == before
    assert not any(result._read().buffer is not None for result in results)
