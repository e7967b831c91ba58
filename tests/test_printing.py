"""The repr of a tensor. Every expected text is what PyTorch 2.13 printed for the same tensor."""

from __future__ import annotations

import re
import textwrap
import time

import ml_dtypes
import numpy as np
import pytest

from gradatim.graph import dtypes
from gradatim.graph.errors import ArgumentError, ArgumentTypeError
from gradatim.printing import get_printoptions, printoptions, set_printoptions, tensor_repr

inf, nan = float("inf"), float("nan")


@pytest.fixture(autouse=True)
def default_options():
    yield
    set_printoptions(profile="default")


def shown(values, dtype="float32", *, default="float32", **facts) -> str:
    """The repr of `values` as a tensor of `dtype`, where `default` is the default dtype."""
    kind = dtypes.BY_NAME[dtype]
    array = np.asarray(values).astype(kind.numpy)
    return tensor_repr(array, kind, is_default_dtype=dtype == default, **facts)


def text(block: str) -> str:
    return textwrap.dedent(block).strip("\n")


# --- which notation -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values, expected",
    [
        ([1.0, 2.0], "tensor([1., 2.])"),
        ([1.5, 2.0], "tensor([1.5000, 2.0000])"),
        ([1.0, -20.0], "tensor([  1., -20.])"),
        ([1.5, -20.0], "tensor([  1.5000, -20.0000])"),
        (1.0, "tensor(1.)"),
        (3.14159, "tensor(3.1416)"),
        (-0.0, "tensor(-0.)"),
        ([-0.0, 0.5], "tensor([-0.0000, 0.5000])"),
    ],
)
def test_whole_numbers_have_no_digits_and_others_have_four(values, expected):
    assert shown(values) == expected


@pytest.mark.parametrize(
    "values, expected",
    [
        # A ratio above 1000 between the largest and the smallest magnitude.
        ([1.0, 1000.0], "tensor([   1., 1000.])"),
        ([1.0, 1001.0], "tensor([1.0000e+00, 1.0010e+03])"),
        ([0.5, -2000.0], "tensor([ 5.0000e-01, -2.0000e+03])"),
        # Above 1e8.
        ([1e8], "tensor([100000000.])"),
        ([1e8 + 8], "tensor([1.0000e+08])"),
        # Below 1e-4, which is a little less in float32 than in float64.
        ([1e-4], "tensor([1.0000e-04])"),
        ([2e-4], "tensor([0.0002])"),
        # The extremes of float32: the smallest subnormal, and the largest number.
        (1e-45, "tensor(1.4013e-45)"),
        (3.4028234e38, "tensor(3.4028e+38)"),
        # Zeros do not count as small.
        ([0.0, 0.5], "tensor([0.0000, 0.5000])"),
    ],
)
def test_exponents_are_used_for_large_small_or_spread_out_numbers(values, expected):
    assert shown(values) == expected


def test_float64_extremes():
    values = [1e-310, 0.0, 1e308]
    expected = "tensor([1.0000e-310,  0.0000e+00, 1.0000e+308], dtype=torch.float64)"
    assert shown(values, "float64") == expected
    assert shown([1e-4], "float64") == "tensor([0.0001], dtype=torch.float64)"


@pytest.mark.parametrize(
    "values, expected",
    [
        (nan, "tensor(nan)"),
        ([nan, inf, -inf, 0.0, -0.0], "tensor([nan, inf, -inf, 0., -0.])"),
        ([nan, inf, -inf, 0.0, 1.0], "tensor([nan, inf, -inf, 0., 1.])"),
        ([nan, inf, -inf, 1.5], "tensor([   nan,    inf,   -inf, 1.5000])"),
        ([nan, inf, 100000.0], "tensor([    nan,     inf, 100000.])"),
        ([nan, 0.0, 1e-9], "tensor([       nan, 0.0000e+00, 1.0000e-09])"),
    ],
)
def test_nan_inf_and_zero_do_not_decide_the_notation_or_the_width(values, expected):
    assert shown(values) == expected


def test_lines_are_filled_by_the_width_of_ordinary_numbers_alone():
    # "nan" is three wide, but in a tensor of nothing else PyTorch counts on one.
    expected = """
        tensor([nan, nan, nan, nan,
                nan, nan, nan, nan])
    """
    with printoptions(linewidth=20):
        assert shown([nan] * 8) == text(expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_shown_in_the_digits_it_holds(dtype):
    tenth = {"float16": "0.1000", "bfloat16": "0.1001"}[dtype]
    expected = f"tensor([1.5000, {tenth}], dtype=torch.{dtype})"
    assert shown([1.5, 0.1], dtype) == expected


def test_a_zero_dimensional_bfloat16():
    value = np.array(0.1, ml_dtypes.bfloat16)
    expected = "tensor(0.1001, dtype=torch.bfloat16)"
    assert tensor_repr(value, dtypes.bfloat16, is_default_dtype=False) == expected


def test_a_signalling_nan_prints_without_a_warning():
    signalling = np.array([0x7F800001], np.uint32).view(np.float32)
    assert tensor_repr(signalling, dtypes.float32, is_default_dtype=True) == "tensor([nan])"


# --- integers and bools ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values, dtype, expected",
    [
        ([1, 2, 300], "int64", "tensor([  1,   2, 300])"),
        ([-1, 0], "int64", "tensor([-1,  0])"),
        (7, "int64", "tensor(7)"),
        ([1, 2], "int32", "tensor([1, 2], dtype=torch.int32)"),
        ([-128, 127], "int8", "tensor([-128,  127], dtype=torch.int8)"),
        ([0, 255], "uint8", "tensor([  0, 255], dtype=torch.uint8)"),
        (2**64 - 1, "uint64", "tensor(18446744073709551615, dtype=torch.uint64)"),
        (-(2**63), "int64", "tensor(-9223372036854775808)"),
        ([True, False], "bool", "tensor([ True, False])"),
        ([True, True], "bool", "tensor([True, True])"),
        (False, "bool", "tensor(False)"),
    ],
)
def test_integers_and_bools(values, dtype, expected):
    kind = dtypes.BY_NAME[dtype]
    array = np.array(values, kind.numpy)
    assert tensor_repr(array, kind, is_default_dtype=False) == expected


# --- the dtype is said where the values do not tell -----------------------------------------------


def test_the_default_dtype_goes_without_saying():
    assert shown([0.5], "float64", default="float64") == "tensor([0.5000])"
    expected = "tensor([0.5000], dtype=torch.float32)"
    assert shown([0.5], "float32", default="float64") == expected


@pytest.mark.parametrize(
    "shape, dtype, expected",
    [
        ((0,), "float32", "tensor([])"),
        ((0, 3), "float32", "tensor([], size=(0, 3))"),
        ((2, 0), "float32", "tensor([], size=(2, 0))"),
        ((0,), "float64", "tensor([], dtype=torch.float64)"),
        # With no value to tell, int64 and bool are said too.
        ((0,), "int64", "tensor([], dtype=torch.int64)"),
        ((0,), "bool", "tensor([], dtype=torch.bool)"),
        ((1, 0, 2), "int64", "tensor([], size=(1, 0, 2), dtype=torch.int64)"),
    ],
)
def test_empty_tensors(shape, dtype, expected):
    assert shown(np.empty(shape), dtype) == expected


def test_an_empty_int64_says_so_even_where_it_counts_as_a_default():
    result = tensor_repr(np.empty(0, np.int64), dtypes.int64, is_default_dtype=True)
    assert result == "tensor([], dtype=torch.int64)"


# --- layout ---------------------------------------------------------------------------------------


def test_nested_brackets_are_indented_and_outer_axes_set_apart():
    expected = """
        tensor([[[ 0.,  1.],
                 [ 2.,  3.],
                 [ 4.,  5.]],

                [[ 6.,  7.],
                 [ 8.,  9.],
                 [10., 11.]]])
    """
    assert shown(np.arange(12.0).reshape(2, 3, 2)) == text(expected)


def test_four_dimensions_have_two_blank_lines_between_the_outermost():
    expected = """
        tensor([[[[0, 1]],

                 [[2, 3]]],


                [[[4, 5]],

                 [[6, 7]]]])
    """
    assert shown(np.arange(8).reshape(2, 2, 1, 2), "int64") == text(expected)


def test_long_rows_wrap_at_80_characters():
    expected = """
        tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,
                14., 15., 16., 17., 18., 19.])
    """
    assert shown(np.arange(20.0)) == text(expected)


def test_linewidth():
    expected = """
        tensor([[0., 1.,
                 2.],
                [3., 4.,
                 5.]])
    """
    with printoptions(linewidth=19):
        assert shown(np.arange(6.0).reshape(2, 3)) == text(expected)
    with printoptions(linewidth=20):
        assert shown(np.arange(6.0).reshape(2, 3)).count("\n") == 1
    with printoptions(linewidth=0):
        assert shown([1.0, 2.0]) == "tensor([1.,\n        2.])"
    with printoptions(linewidth=inf):
        assert "\n" not in shown(np.arange(1000.0))


def test_a_subclass_indents_by_its_own_name():
    expected = """
        My([[1., 1.],
            [1., 1.]])
    """
    assert shown(np.ones((2, 2)), prefix="My(") == text(expected)


# --- summaries ------------------------------------------------------------------------------------


def test_more_than_a_thousand_elements_show_three_at_each_end():
    expected = """
        tensor([0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.9900e+02, 1.0000e+03,
                1.0010e+03])
    """
    assert shown(np.arange(1002.0)) == text(expected)
    expected = "tensor([   0.,    1.,    2.,  ...,  998.,  999., 1000.])"
    assert shown(np.arange(1001.0)) == expected
    assert "..." not in shown(np.arange(1000.0))


def test_a_summary_cuts_every_long_axis_and_keeps_short_ones():
    expected = """
        tensor([[   0,    1],
                [   2,    3],
                [   4,    5],
                ...,
                [1994, 1995],
                [1996, 1997],
                [1998, 1999]])
    """
    assert shown(np.arange(2000).reshape(1000, 2), "int64") == text(expected)
    expected = """
        tensor([[ 0,  ...,  4],
                ...,
                [45,  ..., 49]])
    """
    with printoptions(threshold=2, edgeitems=1):
        assert shown(np.arange(50).reshape(10, 5), "int64") == text(expected)


def test_an_axis_of_exactly_twice_edgeitems_is_whole():
    with printoptions(threshold=2):
        assert shown(np.arange(6), "int64") == "tensor([0, 1, 2, 3, 4, 5])"
        assert shown(np.arange(7), "int64") == "tensor([0, 1, 2,  ..., 4, 5, 6])"


def test_hidden_elements_do_not_decide_notation_or_width():
    values = np.ones(2001)
    values[1000] = 1.5e30
    assert shown(values) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"


def test_no_edgeitems_shows_the_size_instead():
    with printoptions(edgeitems=0, threshold=3):
        assert shown(np.ones((2, 3))) == "tensor([...], size=(2, 3))"
        assert shown(np.ones(4), "float64") == "tensor([...], size=(4,), dtype=torch.float64)"
        assert shown(np.ones(3)) == "tensor([1., 1., 1.], size=(3,))"
    with printoptions(edgeitems=0, threshold=0):
        assert shown(1.0) == "tensor(1., size=())"


def test_a_summary_reads_only_what_it_shows():
    # A view of 1e12 elements, all the same byte: reading them would take hours.
    huge = np.broadcast_to(np.uint8(7), (10**6, 10**6))
    begin = time.perf_counter()
    assert shown_array(huge).count("7") == 36
    assert time.perf_counter() - begin < 1


def shown_array(array: np.ndarray) -> str:
    return tensor_repr(array, dtypes.from_numpy_dtype(array.dtype), is_default_dtype=False)


# --- suffixes -------------------------------------------------------------------------------------


def test_requires_grad_and_grad_fn():
    assert shown([1.0], requires_grad=True) == "tensor([1.], requires_grad=True)"
    result = shown([1.0], requires_grad=True, grad_fn="AddBackward0")
    assert result == "tensor([1.], grad_fn=<AddBackward0>)"


def test_the_order_of_suffixes():
    expected = "tensor([], device='cuda:0', size=(0, 2), dtype=torch.float64, requires_grad=True)"
    with printoptions(linewidth=100):
        result = shown(np.empty((0, 2)), "float64", device="cuda:0", requires_grad=True)
    assert result == expected


def test_a_suffix_that_does_not_fit_goes_on_a_line_of_its_own():
    expected = """
        tensor([2., 2., 2., 2.,
                2., 2., 2., 2.],
               dtype=torch.float64,
               grad_fn=<MulBackward0>)
    """
    with printoptions(linewidth=26):
        assert shown(np.full(8, 2.0), "float64", grad_fn="MulBackward0") == text(expected)


def test_the_last_column_a_suffix_may_reach():
    # PyTorch leaves the last column free.
    line = "tensor([1.5000, 2.5000], requires_grad=True)"
    with printoptions(linewidth=len(line) + 1):
        assert shown([1.5, 2.5], requires_grad=True) == line
    with printoptions(linewidth=len(line)):
        assert shown([1.5, 2.5], requires_grad=True) == line.replace(", r", ",\n       r")


# --- options --------------------------------------------------------------------------------------


def test_the_defaults_are_pytorchs():
    defaults = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80}
    assert get_printoptions() == {**defaults, "sci_mode": None}


def test_precision():
    with printoptions(precision=2):
        assert shown([1.234, 5.0]) == "tensor([1.23, 5.00])"
        assert shown([1.0, 5.0]) == "tensor([1., 5.])"
    with printoptions(precision=0):
        assert shown([1.5, 2.0]) == "tensor([2, 2])"


def test_scientific_notation_can_be_forced_on_and_off():
    with printoptions(sci_mode=True):
        assert shown([1.0, 2.0]) == "tensor([1.0000e+00, 2.0000e+00])"
        assert shown([0.0, nan]) == "tensor([0., nan])"
        assert shown([1, 2], "int64") == "tensor([1, 2])"
    with printoptions(sci_mode=False):
        assert shown([1.5, 300000.0]) == "tensor([     1.5000, 300000.0000])"
        assert shown([1e-9]) == "tensor([0.0000])"


def test_sci_mode_is_reset_by_every_call():
    set_printoptions(sci_mode=True)
    set_printoptions(precision=3)
    assert get_printoptions()["sci_mode"] is None


def test_profiles():
    set_printoptions(profile="short")
    short = {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80, "sci_mode": None}
    assert get_printoptions() == short
    set_printoptions(profile="full", edgeitems=5)
    assert get_printoptions()["threshold"] == inf
    assert get_printoptions()["precision"] == 4
    assert get_printoptions()["edgeitems"] == 5
    assert "..." not in shown(np.zeros(2000))


def test_an_unknown_profile_changes_nothing_and_warns():
    set_printoptions(precision=2)
    message = "no profile 'Full'; there are 'default', 'short' and 'full'"
    with pytest.warns(UserWarning, match=message):
        set_printoptions(profile="Full")
    assert get_printoptions()["precision"] == 2


def test_printoptions_restores_what_was_set_before_also_after_an_error():
    set_printoptions(precision=2, sci_mode=True)
    before = get_printoptions()
    with pytest.raises(KeyError), printoptions(profile="full", linewidth=20):
        assert get_printoptions()["linewidth"] == 20
        raise KeyError
    assert get_printoptions() == before


@pytest.mark.parametrize(
    "option, error, message",
    [
        ({"precision": -1}, ArgumentError, "precision must be 0 or more, got -1"),
        ({"precision": 2.5}, ArgumentTypeError, "precision must be an integer, got 2.5 (float)"),
        ({"edgeitems": -1}, ArgumentError, "edgeitems must be 0 or more, got -1"),
        ({"threshold": "a"}, ArgumentTypeError, "threshold must be a number, got 'a' (str)"),
        ({"linewidth": [80]}, ArgumentTypeError, "linewidth must be a number, got [80] (list)"),
    ],
)
def test_options_that_could_not_be_printed_with_are_refused_at_once(option, error, message):
    before = get_printoptions()
    with pytest.raises(error, match=re.escape(message)):
        set_printoptions(**{"linewidth": 10, **option})
    assert get_printoptions() == before
