"""What PyTorch's documentation lists as pointwise, comparison and reduction operations is there, as
functions, methods and in-place methods; divisors and binomial draws are PyTorch's to the bit."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import gradatim as gd

TABLES = {
    "numbers": (
        """
        x = normal(3, 4)
        y = normal(4)
        pos = positive(3, 4)
        unit = unit(3, 4) * 0.45 + 0.5
        odd = np.array([nan, inf, -inf, 0.0, -0.0, 1.5])
        n = whole(3, 4)
        m = whole(4)
        b = bits(3, 4)
        """,
        """
        t.gcd(n, m)
        n.lcm(m)
        t.lcm(n, m + 3)
        t.ldexp(x, m.abs())
        t.ldexp(x.detach(), m)
        t.ldexp(n, m)
        t.ldexp(x, y)
        t.logaddexp2(x, y)
        odd.logaddexp2(odd.flip(0))
        t.frexp(x)[0]
        t.frexp(x * 1000)[1]
        odd.frexp()[0]
        t.isposinf(odd)
        t.isneginf(odd)
        n.isposinf()
        t.isreal(odd)
        t.isreal(b)
        t.angle(x)
        t.angle(odd)
        n.angle()
        b.angle()
        t.conj(x)
        t.conj_physical(x)
        ins('conj_physical_', x.detach())
        t.resolve_conj(x)
        t.resolve_neg(n)
        t.real(x)
        x.real
        x.adjoint()
        t.adjoint(n)
        t.nextafter(x, y)
        t.polygamma(2, pos)
        t.polygamma(0, pos.detach())
        pos.polygamma(3)
        ins('gcd_', n, m)
        ins('lcm_', n, m)
        ins('ldexp_', x, y)
        ins('i0_', x)
        ins('igamma_', pos.detach(), pos)
        ins('igammac_', pos.detach(), pos)
        ins('mvlgamma_', pos + 1, 2)
        ins('polygamma_', pos, 2)
        t.mvlgamma(pos + 3, 3)
        t.igamma(pos.detach(), pos.detach() + 0.2)
        t.igamma(pos.detach(), pos + 0.2)
        t.igammac(pos.detach(), pos + 0.2)
        t.i0(x)
        n.i0()
        t.special.xlog1py(x, pos)
        t.special.zeta(pos.detach() + 1.1, pos)
        t.special.round(x * 3)
        t.logit(b)
        t.binomial(pos.detach() * 0, pos.detach())
        """,
    ),
    "samples": (
        """
        x = normal(3, 6)
        y = normal(6)
        n = whole(3, 6)
        pos = positive(6)
        """,
        """
        t.trapezoid(x)
        t.trapezoid(x, dx=0.3, dim=0)
        t.trapezoid(x, y)
        t.trapezoid(x, x + 1, dim=0)
        t.trapezoid(n, n)
        t.trapz(x, y)
        t.trapz(x, dx=2)
        t.cumulative_trapezoid(x, y)
        t.cumulative_trapezoid(n, dim=0)
        t.gradient(x)
        t.gradient(x, dim=1, edge_order=2)
        t.gradient(x, spacing=0.25, dim=(0,))
        t.gradient(x, spacing=(2.0, 3.0))
        t.gradient(x, spacing=(pos.detach().cumsum(0),), dim=1)
        t.gradient(x, spacing=(pos.detach().cumsum(0),), dim=1, edge_order=2)
        t.gradient(n)
        t.histc(x.detach(), 7)
        t.histc(x.detach(), 4, -1, 1)
        x.detach().histc(bins=3, min=0, max=0)
        t.histogram(x.detach(), 5)[0]
        t.histogram(x.detach(), 5)[1]
        t.histogram(x.detach(), pos.detach().cumsum(0), density=True)[0]
        x.detach().histogram(4, range=(-1.0, 1.0))[0]
        t.histogramdd(x.detach().reshape(9, 2), [2, 3])[0]
        t.histogramdd(x.detach().reshape(6, 3), 2, weight=pos.detach(), density=True)[0]
        """,
    ),
}


def test_the_same(peers, table_case):
    peers.agree(table_case)


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


def test_real_numbers_have_no_imaginary_part():
    for library in (gd, torch):
        with pytest.raises(RuntimeError, match="imag is not implemented"):
            _ = library.zeros(2).imag


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
