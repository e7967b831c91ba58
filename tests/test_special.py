"""Special functions: known values, edges and derivatives, with no peer."""

import math

import numpy as np
import pytest

import gradatim as gd
from gradatim import special
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, GradientError

INF, NAN = math.inf, math.nan


def double(*values):
    return gd.tensor(values, dtype=gd.float64)


# From Abramowitz and Stegun's tables, to the digits printed there.
VALUES = {
    "i0": (2.0, 2.2795853023),  # 9.11
    "i1": (2.0, 1.5906368546),
    "bessel_j0": (2.4, 0.0025076832972),  # 9.1
    "bessel_j1": (2.4, 0.5201852682),
    "bessel_y0": (2.4, 0.5104147487),
    "bessel_y1": (2.4, 0.1004889383),
    "modified_bessel_k0": (2.0, 0.1138938727),
    "modified_bessel_k1": (2.0, 0.1398658818),
    "airy_ai": (1.0, 0.1352924163),  # 10.11
    "spherical_bessel_j0": (3.0, 0.0470400027),
    "ndtr": (1.0, 0.8413447461),  # 26.1
    "ndtri": (0.975, 1.9599639845),
    "erfcx": (1.0, 0.4275835762),
    "log_ndtr": (-1.0, -1.8410216450),
    "entr": (0.5, 0.3465735903),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_tabulated_value(name):
    x, expected = VALUES[name]
    assert getattr(special, name)(double(x)).item() == pytest.approx(expected, abs=6e-11)


EDGES = {
    "bessel_y0": ([0.0, -1.0], [-INF, NAN]),
    "modified_bessel_k1": ([0.0, -1.0, INF], [INF, NAN, 0.0]),
    "spherical_bessel_j0": ([0.0, INF], [1.0, 0.0]),
    "ndtri": ([0.0, 1.0, 1.5, 0.5], [-INF, INF, NAN, 0.0]),
    "entr": ([0.0, -1.0, NAN], [0.0, -INF, NAN]),
    "erfcx": ([INF, -INF], [0.0, INF]),
    "log_ndtr": ([-1e10, INF], [-5e19, 0.0]),
    "i0e": ([INF, -INF], [0.0, 0.0]),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name):
    given, expected = EDGES[name]
    np.testing.assert_allclose(getattr(special, name)(double(*given)).numpy(), expected, rtol=1e-9)


def test_the_stretches_of_a_function_meet():
    """On either side of the border between two series the values differ by the slope alone."""
    for name, border in (("bessel_j0", 8.0), ("bessel_y1", 8.0), ("modified_bessel_k0", 2.0),
                         ("i1e", 8.0), ("airy_ai", 2.25), ("airy_ai", -4.5)):  # fmt: skip
        below, above = getattr(special, name)(double(border, border + 1e-13)).tolist()
        assert above == pytest.approx(below, rel=1e-12, abs=1e-13), name


DERIVED = {  # name: where
    "i0": (-9.0, 9.0), "i0e": (0.1, 9.0), "i1": (-9.0, 9.0), "i1e": (0.1, 9.0),
    "bessel_j0": (-9.0, 20.0), "bessel_j1": (-9.0, 20.0), "bessel_y0": (0.5, 20.0),
    "bessel_y1": (0.5, 20.0), "modified_bessel_k0": (0.5, 9.0), "modified_bessel_k1": (0.5, 9.0),
    "scaled_modified_bessel_k0": (0.5, 9.0), "scaled_modified_bessel_k1": (0.5, 9.0),
    "ndtr": (-3.0, 3.0), "ndtri": (0.1, 0.9), "log_ndtr": (-9.0, 3.0), "erfcx": (-1.0, 9.0),
    "entr": (0.2, 3.0), "psi": (-2.7, 9.0), "gammaln": (0.5, 9.0),
}  # fmt: skip


@pytest.mark.parametrize("name", DERIVED)
def test_first_and_second_derivatives(name):
    function = getattr(special, name)
    x = gd.linspace(*DERIVED[name], 7, dtype=gd.float64).requires_grad_()
    step = 1e-5
    (first,) = gd.autograd.grad(function(x).sum(), x, create_graph=True)
    slope = (function(x.detach() + step) - function(x.detach() - step)) / (2 * step)
    np.testing.assert_allclose(first.detach().numpy(), slope.numpy(), rtol=2e-7, atol=2e-9)
    (second,) = gd.autograd.grad(first.sum(), x)

    def first_at(point):
        (found,) = gd.autograd.grad(function(point.requires_grad_()).sum(), point)
        return found

    bend = (first_at(x.detach() + step) - first_at(x.detach() - step)) / (2 * step)
    np.testing.assert_allclose(second.numpy(), bend.numpy(), rtol=2e-6, atol=2e-8)


def test_a_derivative_that_pytorch_does_not_have_says_so():
    a = double(1.0).requires_grad_()
    with pytest.raises(GradientError, match="'igamma: input 0' is not implemented"):
        gd.igamma(a, double(2.0)).sum().backward()


def test_polygamma():
    assert gd.polygamma(1, double(1.0)).item() == pytest.approx(math.pi**2 / 6, rel=1e-15)
    assert gd.polygamma(2, double(1.0)).item() == pytest.approx(-2.4041138063191886, rel=1e-15)
    assert double(0.5).polygamma(3).item() == pytest.approx(math.pi**4, rel=1e-14)
    assert gd.polygamma(1, double(0.0, -1.0)).tolist() == [INF, INF]
    with pytest.raises(ArgumentError, match="negative n"):
        gd.polygamma(-1, double(1.0))


def test_polygamma_is_reflected():
    """ψ₁(x) + ψ₁(1 - x) = π² / sin²(πx)."""
    x = double(-0.3, -7.25)
    total = gd.polygamma(1, x) + gd.polygamma(1, 1 - x)
    np.testing.assert_allclose(
        total.numpy(), (math.pi / np.sin(math.pi * x.numpy())) ** 2, rtol=1e-13
    )


def test_zeta():
    even = special.zeta(double(2.0, 4.0, 6.0), 1).tolist()
    assert even == pytest.approx([math.pi**2 / 6, math.pi**4 / 90, math.pi**6 / 945], rel=1e-15)
    assert special.zeta(double(1.0, 0.5, 2.5), double(2.0, 2.0, -0.5)).tolist()[0] == INF
    # ζ(2, -½) has one more term than ζ(2, ½)
    a, b = special.zeta(2.0, double(-0.5, 0.5)).tolist()
    assert a == pytest.approx(b + 4, rel=1e-14)


@pytest.mark.parametrize("a", [0.001, 0.4, 1.0, 7.5, 30.0, 400.0])
def test_incomplete_gamma_functions_add_up_to_one(a):
    x = a * double(0.01, 0.3, 0.69, 0.9, 1.0, 1.1, 1.5, 4.0)
    shape = gd.full_like(x, a)
    np.testing.assert_allclose((gd.igamma(shape, x) + gd.igammac(shape, x)).numpy(), 1, rtol=1e-14)


def test_incomplete_gamma_of_one_is_an_exponential():
    x = double(1e-8, 0.5, 1.5, 3.0, 30.0)
    one = gd.ones_like(x)
    np.testing.assert_allclose(gd.igammac(one, x).numpy(), np.exp(-x.numpy()), rtol=1e-13)
    np.testing.assert_allclose(gd.igamma(one, x).numpy(), -np.expm1(-x.numpy()), rtol=1e-13)


def test_incomplete_gamma_edges():
    a = double(0.0, 1.0, 1.0, 0.0, -1.0, INF, INF)
    x = double(1.0, 0.0, INF, 0.0, 1.0, 1.0, INF)
    np.testing.assert_array_equal(gd.igamma(a, x).numpy(), [1, 0, 1, NAN, NAN, 0, NAN])
    np.testing.assert_array_equal(gd.igammac(a, x).numpy(), [0, 1, 0, NAN, NAN, 1, NAN])


def test_the_slope_of_the_incomplete_gamma_function():
    x = double(0.7, 5.0).requires_grad_()
    gd.igamma(double(2.0, 3.0), x).sum().backward()
    expected = [0.7 * math.exp(-0.7), 25 * math.exp(-5.0) / 2]
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-13)


def test_polynomials_of_low_degree():
    x = double(-0.5, 0.25, 2.0)
    v = x.numpy()
    cases = {
        "chebyshev_polynomial_t": 4 * v**3 - 3 * v,
        "chebyshev_polynomial_u": 8 * v**3 - 4 * v,
        "chebyshev_polynomial_v": 8 * v**3 - 4 * v**2 - 4 * v + 1,
        "chebyshev_polynomial_w": 8 * v**3 + 4 * v**2 - 4 * v - 1,
        "hermite_polynomial_h": 8 * v**3 - 12 * v,
        "hermite_polynomial_he": v**3 - 3 * v,
        "laguerre_polynomial_l": (-(v**3) + 9 * v**2 - 18 * v + 6) / 6,
        "legendre_polynomial_p": (5 * v**3 - 3 * v) / 2,
    }
    for name, expected in cases.items():
        np.testing.assert_allclose(getattr(special, name)(x, 3).numpy(), expected, rtol=1e-14)


def test_each_element_has_its_own_degree():
    n = gd.tensor([-1, 0, 1, 2, 5])
    found = special.chebyshev_polynomial_t(gd.full((5,), 2.0), n)
    assert found.tolist() == [0.0, 1.0, 2.0, 7.0, 362.0]


def test_a_high_degree_is_a_loop():
    angle = 0.3
    found = special.chebyshev_polynomial_t(double(math.cos(angle)), 500).item()
    assert found == pytest.approx(math.cos(500 * angle), abs=1e-11)


def test_a_polynomial_needs_a_tensor():
    with pytest.raises(ArgumentTypeError, match="needs a Tensor"):
        special.legendre_polynomial_p(0.5, 2)


def test_polynomials_have_gradients():
    x = double(0.3).requires_grad_()
    special.chebyshev_polynomial_t(x, 30).sum().backward()
    expected = 30 * math.sin(30 * math.acos(0.3)) / math.sin(math.acos(0.3))
    assert x.grad.item() == pytest.approx(expected, rel=1e-10)


def test_mvlgamma():
    expected = math.lgamma(3.0) + math.lgamma(2.5) + 0.5 * math.log(math.pi)
    assert gd.mvlgamma(double(3.0), 2).item() == pytest.approx(expected, rel=1e-15)
    with pytest.raises(ArgumentError, match="p has to be greater than or equal to 1"):
        gd.mvlgamma(double(3.0), 0)


def test_xlog1py():
    x, y = double(0.0, 0.0, 2.0), double(-1.0, NAN, 1.0)
    found = special.xlog1py(x, y).tolist()
    assert found[0] == 0 and math.isnan(found[1]) and found[2] == pytest.approx(2 * math.log(2))


def test_integers_become_floating_and_halves_stay():
    assert special.i0e(gd.tensor([1, 2])).dtype is gd.float32
    assert special.i0e(gd.tensor([1.0], dtype=gd.float16)).dtype is gd.float16
    with pytest.raises(DTypeError, match="not implemented for int64"):
        gd.igamma(gd.tensor([1]), gd.tensor([2]))


def test_a_special_function_inside_a_compiled_step():
    @gd.compile
    def step(x):
        return special.log_ndtr(x) + gd.polygamma(1, x)

    x = double(0.5, 2.0)
    expected = special.log_ndtr(x) + gd.polygamma(1, x)
    for _ in range(2):
        np.testing.assert_allclose(step(x).numpy(), expected.numpy(), rtol=1e-15)


def test_the_result_can_be_written_into_a_tensor():
    x = double(0.5, 1.0)
    for name in ("ndtr", "i0", "expit"):
        out = gd.zeros(2, dtype=gd.float64)
        assert getattr(special, name)(x, out=out) is out
        assert out.tolist() == pytest.approx(getattr(special, name)(x).tolist(), rel=1e-15)
    with pytest.raises(DTypeError, match="can't be cast"):
        special.ndtr(x, out=gd.zeros(2, dtype=gd.int64))
