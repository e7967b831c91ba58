"""Divisors, the parts of a float, numbers in place of tensors, negative powers of integers."""

import math

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "int32", "int64"])
def test_gcd_and_lcm_are_pythons(name):
    dtype = getattr(gd, name)
    values = [0, 1, 2, 6, 12, 35, 64, 97, 120] + ([-6, -35] if name != "uint8" else [])
    a, b = (t.flatten() for t in gd.meshgrid(gd.tensor(values), gd.tensor(values), indexing="ij"))
    pairs = list(zip(a.tolist(), b.tolist()))
    found = gd.gcd(a.to(dtype), b.to(dtype))
    assert found.dtype is dtype
    assert found.tolist() == [math.gcd(x, y) for x, y in pairs]
    if name in ("int32", "int64"):
        assert gd.lcm(a.to(dtype), b.to(dtype)).tolist() == [math.lcm(x, y) for x, y in pairs]


def test_gcd_of_neighbouring_fibonacci_numbers_takes_every_step():
    fibonacci = [1, 2]
    while fibonacci[-1] + fibonacci[-2] < 2**63:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    assert gd.gcd(gd.tensor(fibonacci[1:]), gd.tensor(fibonacci[:-1])).tolist() == [1] * (
        len(fibonacci) - 1
    )


def test_gcd_of_large_numbers_is_exact():
    a, b = 3 * 2**60 + 9, 2**61 + 6
    assert gd.gcd(gd.tensor([a, 0]), gd.tensor([b, a])).tolist() == [math.gcd(a, b), a]


def test_gcd_refuses_what_is_no_integer():
    for bad in (gd.tensor([1.0]), gd.tensor([True])):
        with pytest.raises(DTypeError, match='"gcd" is for integers'):
            gd.gcd(bad, bad)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_frexp_gives_back_the_number(name):
    dtype = getattr(gd, name)
    x = gd.tensor([6.0, -0.25, 1.0, 0.0, -0.0, 100.0, 3e-5], dtype=dtype)
    mantissa, exponent = gd.frexp(x)
    assert mantissa.dtype is dtype and exponent.dtype is gd.int32
    size = mantissa.float().abs().numpy()
    assert (((size >= 0.5) & (size < 1)) | (size == 0)).all()
    np.testing.assert_array_equal(gd.ldexp(mantissa.double(), exponent).numpy(), x.double().numpy())


def test_frexp_of_the_smallest_and_of_no_number():
    mantissa, exponent = gd.frexp(
        gd.tensor([5e-324, 2.0**-1030, math.inf, math.nan], dtype=gd.float64)
    )
    assert mantissa.tolist()[:3] == [0.5, 0.5, math.inf] and math.isnan(mantissa.tolist()[3])
    assert exponent.tolist() == [-1073, -1029, 0, 0]


def test_frexp_has_the_gradient_of_a_scaling():
    x = gd.tensor([6.0, 0.1], requires_grad=True)
    gd.frexp(x).mantissa.sum().backward()
    assert x.grad.tolist() == [0.125, 8.0]


def test_frexp_refuses_integers():
    with pytest.raises(DTypeError, match="only supports floating-point dtypes"):
        gd.frexp(gd.tensor([1]))


def test_logaddexp2():
    a = gd.tensor([1000.0, -math.inf, 3.0])
    b = gd.tensor([1000.0, -math.inf, 3.0])
    assert gd.logaddexp2(a, b).tolist() == [1001.0, -math.inf, 4.0]


def test_real_numbers_as_complex_ones():
    x = gd.tensor([1.0, -2.0, math.nan])
    assert gd.real(x) is x and x.real is x and x.conj() is x and gd.resolve_neg(x) is x
    assert gd.isreal(x).all()
    np.testing.assert_array_equal(gd.angle(x).numpy(), np.float32([0, math.pi, math.nan]))
    with pytest.raises(DTypeError, match="imag is not implemented"):
        gd.imag(x)
    with pytest.raises(ShapeError, match="only supported on matrices"):
        x.adjoint()


def test_signs_of_infinity():
    x = gd.tensor([math.inf, -math.inf, 1.0, math.nan])
    assert x.isposinf().tolist() == [True, False, False, False]
    assert x.isneginf().tolist() == [False, True, False, False]
    assert not gd.tensor([1]).isposinf().any()


@pytest.mark.parametrize("name", ["maximum", "fmin", "atan2", "gcd", "heaviside", "nextafter"])
def test_a_number_is_no_tensor(name):
    with pytest.raises(ArgumentTypeError, match=r"\(position 2\) must be Tensor, not int"):
        getattr(gd, name)(gd.tensor([1]), 2)
    with pytest.raises(ArgumentTypeError, match=r"\(position 1\) must be Tensor, not int"):
        getattr(gd, name)(2, gd.tensor([1]))


def test_only_the_second_of_two_compared_may_be_a_number():
    assert gd.lt(gd.tensor([1]), 2).tolist() == [True]
    assert gd.tensor([1]).gt(2).tolist() == [False]
    with pytest.raises(ArgumentTypeError, match="must be Tensor, not int"):
        gd.lt(2, gd.tensor([1]))


def test_isclose_refuses_a_negative_tolerance():
    x = gd.tensor([1.0])
    with pytest.raises(ArgumentError, match="rtol must be greater than or equal to zero"):
        gd.isclose(x, x, rtol=-1.0)


def test_negative_powers_of_integers():
    base = gd.tensor([2, 1, -1, -1, 0, -3])
    power = gd.tensor([-1, -5, -3, -2, -1, -1])
    assert (base**power).tolist() == [0, 1, -1, 1, 0, 0]


def test_nextafter_has_the_slope_one():
    a = gd.tensor([0.0, 1.0], requires_grad=True)
    b = gd.tensor([1.0, 1.0], requires_grad=True)
    gd.nextafter(a, b).sum().backward()
    assert a.grad.tolist() == [1.0, 0.0] and b.grad.tolist() == [0.0, 0.0]


def test_binomial_counts_lie_where_they_must():
    gd.manual_seed(1)
    count = gd.full((2000,), 40.0)
    for p in (0.02, 0.4, 0.9):
        drawn = gd.binomial(count, gd.full((2000,), p)).numpy()
        assert ((drawn >= 0) & (drawn <= 40) & (drawn % 1 == 0)).all()
        # the mean of 2000 draws: within five of its standard deviations
        assert abs(drawn.mean() - 40 * p) < 5 * math.sqrt(40 * p * (1 - p) / 2000)


def test_binomial_refuses_integers_and_numbers():
    with pytest.raises(ArgumentError, match="only supports floating-point dtypes for count"):
        gd.binomial(gd.tensor([3]), gd.tensor([0.5]))
    with pytest.raises(ArgumentTypeError, match="must be Tensor, not float"):
        gd.binomial(gd.tensor([3.0]), 0.5)


def test_what_is_drawn_has_the_gradient_zero():
    mean = gd.tensor([1.0, 2.0], requires_grad=True)
    gd.normal(mean, 1.0).sum().backward()
    assert mean.grad.tolist() == [0.0, 0.0]
