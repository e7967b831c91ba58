"""What PyTorch's documentation lists as pointwise, comparison and reduction operations is there, as
functions, methods and in-place methods; divisors and binomial draws are PyTorch's to the bit."""

import warnings

import numpy as np
import pytest
import torch

import gradatim as gd

NAMES = """
abs absolute acos arccos acosh arccosh add addcdiv addcmul angle asin arcsin asinh arcsinh atan
arctan atanh arctanh atan2 arctan2 bitwise_not bitwise_and bitwise_or bitwise_xor
bitwise_left_shift bitwise_right_shift ceil clamp clip conj_physical copysign cos cosh deg2rad div
divide digamma erf erfc erfinv exp exp2 expm1 fix float_power floor floor_divide fmod frac frexp
gradient imag ldexp lerp lgamma log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not
logical_or logical_xor logit hypot i0 igamma igammac mul multiply mvlgamma nan_to_num neg negative
nextafter polygamma positive pow rad2deg real reciprocal remainder round rsqrt sigmoid sign sgn
signbit sin sinc sinh softmax sqrt square sub subtract tan tanh true_divide trunc xlogy
argmax argmin amax amin aminmax all any max min dist logsumexp mean nanmean median nanmedian mode
norm nansum prod quantile nanquantile std std_mean sum unique unique_consecutive var var_mean
count_nonzero
allclose argsort eq equal ge greater_equal gt greater isclose isfinite isin isinf isposinf isneginf
isnan isreal kthvalue le less_equal lt less maximum minimum fmax fmin ne not_equal sort topk msort
gcd lcm heaviside rsub conj resolve_conj resolve_neg histc histogram histogramdd trapezoid trapz
cumulative_trapezoid bernoulli multinomial normal poisson binomial clamp_min clamp_max
"""
LISTED = NAMES.split()


@pytest.mark.parametrize("name", LISTED)
def test_it_is_there(name):
    assert not hasattr(torch, name) or hasattr(gd, name)
    for method in (name, f"{name}_"):
        assert not hasattr(torch.Tensor, method) or hasattr(gd.Tensor, method), method


def test_every_function_of_torch_special_is_there():
    theirs = {n for n in torch.special.__all__ if not n.startswith("_")}
    assert theirs <= set(gd.special.__all__)


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "int32", "int64"])
def test_divisors_are_pytorchs(name):
    rng = np.random.default_rng(0)
    dtype = np.dtype(name)
    low, high = np.iinfo(dtype).min // 2, np.iinfo(dtype).max
    a, b = (
        rng.integers(low, high, 20000, dtype)
        >> rng.integers(0, dtype.itemsize * 8 - 1, 20000, dtype)
        for _ in range(2)
    )
    for operation in ("gcd", "lcm"):
        expected = getattr(torch, operation)(torch.tensor(a), torch.tensor(b)).numpy()
        found = getattr(gd, operation)(gd.tensor(a), gd.tensor(b)).numpy()
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_binomial_draws_pytorchs_numbers(name):
    rng = np.random.default_rng(0)
    count = rng.integers(0, 500, (50, 40)).astype(name)
    probability = rng.random((50, 40)).astype(name)
    probability[0, :5] = [0, 1, 0.5, np.nan, 0.02]
    torch.manual_seed(3)
    gd.manual_seed(3)
    expected = torch.binomial(torch.tensor(count), torch.tensor(probability)).numpy()
    found = gd.binomial(gd.tensor(count), gd.tensor(probability)).numpy()
    np.testing.assert_array_equal(found, expected)
    assert gd.rand(2).tolist() == torch.rand(2).tolist()  # and the stream stands where it does


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_frexp_is_pytorchs(name):
    values = [6.0, -0.25, 0.0, -0.0, np.inf, -np.inf, np.nan, 1e-7, 100.0, 1e-42, 3e38]
    theirs = torch.frexp(torch.tensor(values, dtype=getattr(torch, name)))
    ours = gd.frexp(gd.tensor(values, dtype=getattr(gd, name)))
    np.testing.assert_array_equal(ours.mantissa.float().numpy(), theirs.mantissa.float().numpy())
    np.testing.assert_array_equal(ours.exponent.numpy(), theirs.exponent.numpy())
    assert ours.exponent.dtype is gd.int32


def test_negative_powers_of_integers_are_pytorchs():
    base, power = np.meshgrid(np.arange(-3, 4), np.arange(-3, 4))
    expected = torch.pow(torch.tensor(base), torch.tensor(power)).numpy()
    np.testing.assert_array_equal(gd.pow(gd.tensor(base), gd.tensor(power)).numpy(), expected)


def test_searchsorted_of_what_is_not_sorted_is_pytorchs():
    rng = np.random.default_rng(0)
    sequence = rng.normal(size=(3, 17))
    sequence[1, 4] = np.nan
    values = rng.normal(size=(3, 9))
    values[2, 2] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for right in (False, True):
            expected = torch.searchsorted(torch.tensor(sequence), torch.tensor(values), right=right)
            found = gd.searchsorted(gd.tensor(sequence), gd.tensor(values), right=right)
            np.testing.assert_array_equal(found.numpy(), expected.numpy())
