"""Reductions, running reductions, norms and moments. The values are worked out by hand."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import gradatim as gd

nan, inf = math.nan, math.inf


def leaf(values, dtype=None):
    return gd.tensor(values, dtype=dtype or gd.float64, requires_grad=True)


def grad(function, values):
    x = leaf(values)
    function(x).sum().backward()
    return x.grad.tolist()


# --- dimensions -----------------------------------------------------------------------------------


def test_dimensions_disappear_or_stay_with_size_1():
    x = gd.ones(2, 3, 4)
    assert x.sum().shape == ()
    assert x.sum(1).shape == (2, 4)
    assert x.sum(-1).shape == (2, 3)
    assert x.sum((0, -1)).shape == (3,)
    assert x.sum((0, -1), keepdim=True).shape == (1, 3, 1)
    assert x.sum(()).shape == ()  # no dimension named means all ...
    assert gd.tensor([0, 2]).any(()).tolist() == [False, True]  # ... but for any and all none


def test_numpys_names_for_the_arguments():
    x = gd.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.sum(axis=0).tolist() == [4, 6]
    assert x.mean(axis=1, keepdims=True).tolist() == [[1.5], [3.5]]
    assert x.max(axis=1).indices.tolist() == [1, 1]
    with pytest.raises(TypeError, match="axis and dim"):
        x.sum(axis=0, dim=0)


def test_numpys_functions_call_the_method():
    x = gd.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert isinstance(np.sum(x), gd.Tensor)
    assert np.sum(x, axis=0).tolist() == [4, 7]
    assert np.mean(x).item() == 2.75
    assert np.max(x).item() == 5


def test_out_is_written_to_and_given_back():
    x, total = gd.tensor([[1.0, 2.0], [3.0, 4.0]]), gd.zeros(2)
    assert gd.sum(x, 0, out=total) is total
    assert total.tolist() == [4, 6]
    with pytest.warns(UserWarning, match=r"was resized since it had shape \[3\]"):
        assert gd.sum(x, 0, out=gd.zeros(3)).tolist() == [4, 6]
    with pytest.raises(RuntimeError, match="can't be cast"):
        gd.sum(x, 0, out=gd.zeros(2, dtype=gd.int64))


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "amax", "max", "argmax", "any", "var"])
def test_a_dimension_that_is_not_there(name):
    with pytest.raises(IndexError, match=r"range of \[-2, 1\], but got 2"):
        getattr(gd.ones(2, 3), name)(2)


def test_a_dimension_named_twice():
    with pytest.raises(RuntimeError, match="dim 1 appears multiple times"):
        gd.ones(2, 3).sum((1, -1))


def test_a_0d_tensor_has_dimensions_0_and_minus_1():
    x = gd.tensor(3.0)
    assert x.sum(0).item() == x.prod(-1).item() == x.max(0).values.item() == 3
    assert x.argmax(0).item() == 0
    assert x.cumsum(0).item() == 3 and x.cummax(0).indices.item() == 0


# --- dtypes ---------------------------------------------------------------------------------------


def test_integers_and_bools_add_up_in_int64():
    for dtype in (gd.bool, gd.uint8, gd.int32):
        ones = gd.ones(300, dtype=dtype)
        assert ones.sum().dtype is gd.int64 and ones.sum().item() == 300
        assert ones.cumsum(0).dtype is ones.prod().dtype is gd.int64


def test_a_dtype_to_add_up_in():
    x = gd.tensor([1.5, 2.5])
    assert x.sum(dtype=gd.float64).dtype is gd.float64
    assert x.sum(dtype=gd.int32).item() == 3  # cast first: 1 + 2


def test_half_precision_accumulates_in_float32():
    x = gd.full((4096,), 1.0, dtype=gd.float16)
    assert x.sum().dtype is gd.float16 and x.sum().item() == 4096  # 2048 + 1 is 2048 in float16
    large = gd.full((4,), 30000.0, dtype=gd.float16)
    assert large.norm().item() == 60000  # the squares are beyond float16
    assert large.var().item() == 0


def test_a_mean_of_integers_has_no_dtype():
    for function in (gd.mean, gd.nanmean):
        with pytest.raises(RuntimeError, match=r"mean\(\): could not infer output dtype.*int64"):
            function(gd.tensor([1, 2]))
    assert gd.tensor([1, 2]).mean(dtype=gd.float32).item() == 1.5


def test_variance_and_norm_need_floats():
    with pytest.raises(RuntimeError, match="only support floating point"):
        gd.tensor([1, 2]).std()
    with pytest.raises(RuntimeError, match="Expected a floating point"):
        gd.tensor([1, 2]).norm()


def test_argmax_of_bools_is_refused():
    with pytest.raises(RuntimeError, match="does not support bool"):
        gd.tensor([True]).argmax()


# --- no elements ----------------------------------------------------------------------------------


def test_reductions_of_nothing():
    e = gd.zeros(0, 3)
    assert e.sum().item() == 0 and e.sum(0).tolist() == [0, 0, 0]
    assert e.prod(0).tolist() == [1, 1, 1]
    assert math.isnan(e.mean().item())
    assert e.logsumexp(0).tolist() == [-inf] * 3
    assert e.any().item() is False and e.all(0).tolist() == [True] * 3
    assert e.norm().item() == 0
    assert e.count_nonzero().item() == 0
    assert e.amax(1).shape == e.argmax(1).shape == e.max(1).values.shape == (0,)


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "aminmax"])
def test_the_largest_of_nothing_is_an_error(name):
    with pytest.raises(RuntimeError, match=r"empty|numel"):
        getattr(gd.zeros(0, 3), name)()


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "argmax", "argmin"])
def test_the_largest_along_nothing_is_an_error(name):
    with pytest.raises(IndexError, match="Expected reduction dim 0 to have non-zero size"):
        getattr(gd.zeros(0, 3), name)(0)


# --- largest and smallest -------------------------------------------------------------------------


def test_along_a_dimension_values_and_indices():
    x = gd.tensor([[1, 5, 5], [7, 2, 7]])
    values, indices = x.max(1)
    assert values.tolist() == [5, 7] and indices.tolist() == [1, 0]  # of equal ones the first
    assert x.min(dim=0, keepdim=True).indices.tolist() == [[0, 1, 0]]
    assert x.argmax().item() == 3 and x.argmax(keepdim=True).shape == (1, 1)


def test_the_result_has_pytorchs_repr_and_pickles():
    result = gd.tensor([3.0, 1.0]).max(0)
    assert repr(result) == "torch.return_types.max(\nvalues=tensor(3.),\nindices=tensor(0))"
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is type(result) and again.values.item() == 3


def test_nan_wins():
    x = gd.tensor([1.0, nan, 3.0])
    assert math.isnan(x.max().item()) and math.isnan(x.min().item())
    assert x.argmax().item() == x.argmin().item() == 1
    assert x.max(0).indices.item() == 1


def test_with_another_tensor_elementwise():
    a, b = gd.tensor([1, 5]), gd.tensor([3, 2])
    assert gd.max(a, b).tolist() == [3, 5]
    assert a.min(other=b).tolist() == [1, 2]


def test_who_gets_the_gradient_of_equal_elements():
    """Over everything they share it; along a dimension the one that is named gets it."""
    assert grad(lambda x: x.max(), [2.0, 2.0, 1.0]) == [0.5, 0.5, 0]
    assert grad(lambda x: x.amax(0), [2.0, 2.0, 1.0]) == [0.5, 0.5, 0]
    assert grad(lambda x: x.max(0).values, [2.0, 2.0, 1.0]) == [1, 0, 0]
    assert grad(lambda x: x.cummax(0).values, [2.0, 2.0, 1.0]) == [1, 2, 0]  # the last


# --- moments --------------------------------------------------------------------------------------


def test_variance_and_what_is_taken_off_the_count():
    x = gd.tensor([1.0, 2.0, 3.0, 6.0], dtype=gd.float64)  # mean 3, squares 4 + 1 + 0 + 9
    assert x.var().item() == x.var(True).item() == 14 / 3
    assert x.var(False).item() == x.var(unbiased=False).item() == x.var(correction=0).item() == 3.5
    assert x.var(correction=2).item() == 7
    assert x.std(correction=0).item() == 3.5**0.5
    assert [t.item() for t in gd.var_mean(x)] == [14 / 3, 3]
    with pytest.raises(TypeError, match="unbiased or correction"):
        x.var(0, unbiased=True, correction=0)


def test_variance_far_from_zero_keeps_its_digits():
    x = gd.tensor([1e8, 1e8 + 1, 1e8 + 2], dtype=gd.float64)
    assert x.var().item() == 1


def test_too_few_elements_warn_and_give_nan():
    with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
        assert math.isnan(gd.ones(1).var().item())
        assert gd.tensor([1.0, 2.0]).var(correction=3).item() == inf


def test_the_gradient_of_a_deviation_of_equals_is_0():
    assert grad(lambda x: x.std(), [2.0, 2.0]) == [0, 0]
    assert grad(lambda x: x.norm(), [0.0, 0.0]) == [0, 0]
    assert grad(lambda x: x.norm(3), [0.0, 0.0]) == [0, 0]
    assert grad(lambda x: x.norm(0.5), [0.0, 4.0])[0] == 0


def test_covariance_of_rows():
    x = gd.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    assert x.cov().tolist() == [[1, -1], [-1, 1]]
    np.testing.assert_allclose(x.corrcoef(), [[1, -1], [-1, 1]], atol=1e-6)  # float32
    weighted = x.cov(fweights=gd.tensor([1, 0, 1]))
    assert weighted.tolist() == [[2, -2], [-2, 2]]
    rows, counts, weights = np.array([[1.0, 2.0, 4.0], [3.0, 0.0, 1.0]]), [1, 3, 2], [0.5, 2, 1]
    ours = gd.tensor(rows).cov(fweights=gd.tensor(counts), aweights=gd.tensor(weights).double())
    np.testing.assert_allclose(ours, np.cov(rows, fweights=counts, aweights=weights), rtol=1e-12)


# --- norms ----------------------------------------------------------------------------------------


def test_norms_of_every_order():
    x = gd.tensor([[3.0, -4.0], [0.0, 0.0]])
    assert x.norm().item() == x.norm("fro").item() == x.norm(2).item() == 5
    assert x.norm(1).item() == 7
    assert x.norm(0).item() == 2
    assert x.norm(inf).item() == 4 and x.norm(-inf).item() == 0
    assert abs(x.norm(3).item() - 91 ** (1 / 3)) < 1e-5  # float32
    assert x.norm(dim=1).tolist() == [5, 0]
    assert x.dist(gd.zeros(2), 1).item() == 7
    assert x.norm("nuc").item() == pytest.approx(5)
    with pytest.raises(ValueError, match="Order nuclear"):
        x.norm("nuclear")


def test_renorm_shortens_what_is_too_long():
    x = gd.tensor([[3.0, 4.0], [0.3, 0.4]])
    np.testing.assert_allclose(x.renorm(2, 0, 1.0), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)


# --- sums in other ways ---------------------------------------------------------------------------


def test_logsumexp_does_not_overflow():
    x = gd.tensor([1000.0, 1000.0], dtype=gd.float64)
    assert x.logsumexp(0).item() == 1000 + math.log(2)
    assert gd.tensor([-inf, -inf]).logsumexp(0).item() == -inf
    np.testing.assert_allclose(grad(lambda x: x.logsumexp(0), [1000.0, 1000.0]), [0.5, 0.5])


def test_logcumsumexp_keeps_what_is_small():
    """A common maximum for all would lose the first element: exp(-1000) is 0."""
    x = gd.tensor([-1000.0, 0.0, 1000.0], dtype=gd.float64)
    assert x.logcumsumexp(0).tolist() == [-1000, 0, 1000]


def test_nan_counts_for_nothing_if_told_so():
    x = gd.tensor([1.0, nan, 3.0])
    assert math.isnan(x.sum().item())
    assert x.nansum().item() == 4 and x.nanmean().item() == 2
    assert grad(lambda x: x.nansum(), [1.0, nan]) == [1, 0]


# --- running --------------------------------------------------------------------------------------


def test_running_extremes():
    x = gd.tensor([3, 1, 3, 5, 4])
    assert x.cummax(0).values.tolist() == [3, 3, 3, 5, 5]
    assert x.cummax(0).indices.tolist() == [0, 0, 2, 3, 3]  # of equal ones the last
    assert x.cummin(0).values.tolist() == [3, 1, 1, 1, 1]
    after_nan = gd.tensor([1.0, nan, 2.0]).cummax(0)
    assert after_nan.indices.tolist() == [0, 1, 1]


def test_running_sums_of_sizes_that_are_no_power_of_two():
    """The doubling in `cummax` must reach back to the first element."""
    for size in (1, 2, 3, 5, 8, 9, 17):
        x = np.random.RandomState(size).permutation(size)
        assert gd.tensor(x).cummax(0).values.tolist() == np.maximum.accumulate(x).tolist()


def test_the_gradient_of_a_product_with_a_zero():
    assert grad(lambda x: x.prod(), [2.0, 0.0, 3.0]) == [0, 6, 0]
    assert grad(lambda x: x.prod(), [0.0, 0.0, 3.0]) == [0, 0, 0]
    assert grad(lambda x: x.cumprod(0), [2.0, 0.0, 3.0]) == [1, 8, 0]


def test_differences():
    x = gd.tensor([1, 3, 6, 10])
    assert x.diff().tolist() == [2, 3, 4]
    assert x.diff(2).tolist() == [1, 1]
    assert x.diff(prepend=gd.tensor([0])).tolist() == [1, 2, 3, 4]
    assert gd.tensor([True, True, False]).diff().tolist() == [False, True]
    assert x.diff(9).shape == (0,)


# --- nothing is computed before it is looked at ---------------------------------------------------


def test_the_values_of_a_maximum_nobody_reads_are_not_computed():
    x = gd.rand(4, 5)
    x.realize()
    indices = x.max(1)[1]
    pending = [n.primitive.name for n in gd.realize.trace([indices._read()]).order]
    assert pending == ["argmax"]
