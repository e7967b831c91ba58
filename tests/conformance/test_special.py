"""Special functions against SciPy (float64 to the last digits) and PyTorch (edges, gradients)."""

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import scipy.special as scipy_special
import torch

import gradatim as gd

INF, NAN = math.inf, math.nan
rng = np.random.default_rng(0)
LINE = np.concatenate([np.linspace(-40, 40, 1601), rng.normal(size=300) * 100])
POSITIVE = np.concatenate([np.linspace(0.01, 40, 1600), 10 ** rng.uniform(-200, 4, 300)])
UNIT = np.concatenate([np.linspace(0.001, 0.999, 999), 10 ** rng.uniform(-300, -3, 300)])

TWINS = {  # ours: SciPy's, and where
    "airy_ai": (lambda x: scipy_special.airy(x)[0], LINE),
    "bessel_j0": (scipy_special.j0, LINE),
    "bessel_j1": (scipy_special.j1, LINE),
    "bessel_y0": (scipy_special.y0, POSITIVE),
    "bessel_y1": (scipy_special.y1, POSITIVE),
    "entr": (scipy_special.entr, POSITIVE),
    "erfcx": (scipy_special.erfcx, LINE[np.abs(LINE) < 20]),
    "i0": (scipy_special.i0, LINE),
    "i0e": (scipy_special.i0e, LINE),
    "i1": (scipy_special.i1, LINE),
    "i1e": (scipy_special.i1e, LINE),
    "log_ndtr": (scipy_special.log_ndtr, LINE),
    "modified_bessel_k0": (scipy_special.k0, POSITIVE),
    "modified_bessel_k1": (scipy_special.k1, POSITIVE),
    "ndtr": (scipy_special.ndtr, LINE),
    "ndtri": (scipy_special.ndtri, UNIT),
    "scaled_modified_bessel_k0": (scipy_special.k0e, POSITIVE),
    "scaled_modified_bessel_k1": (scipy_special.k1e, POSITIVE),
    "spherical_bessel_j0": (lambda x: scipy_special.spherical_jn(0, x), LINE),
}


# float64: the series are exact to 1e-16 of their largest value, and sums and products of a few
# rounded terms follow; an oscillating function has that error near its zeros as well (`atol`).
# Where the exponential of a large argument is a factor, its relative error is that argument's.
@pytest.mark.parametrize("name", TWINS)
def test_float64_is_scipys(name):
    twin, x = TWINS[name]
    with np.errstate(all="ignore"):
        expected = twin(x)
    found = getattr(gd.special, name)(gd.tensor(x)).numpy()
    normal = np.abs(expected) > 1e-300  # (below, SciPy gives 0 or an unnormalized number)
    np.testing.assert_allclose(found[normal], expected[normal], rtol=4e-14, atol=4e-15)


@pytest.mark.parametrize("name", TWINS)
def test_float32_is_as_exact_as_it_can_be(name):
    twin, x = TWINS[name]
    x = x[np.abs(x) < 60].astype(np.float32)
    with np.errstate(all="ignore"):
        expected = twin(x.astype(np.float64))
    found = getattr(gd.special, name)(gd.tensor(x)).numpy()
    inside = (np.abs(expected) < 1e37) & (np.abs(expected) > 1e-36) & (np.abs(x) > 1e-36)
    # an argument of 60 known to 6e-8 leaves 4e-6 of a phase or an exponent, squared arguments
    # (erfcx, ndtr up to 40² / 2) more
    slack = 1e-3 if name in ("erfcx", "ndtr", "airy_ai") else 1.5e-5
    np.testing.assert_allclose(found[inside], expected[inside], rtol=slack, atol=5e-6)


VALUES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, INF, -INF, NAN, 1e-30, -1e-30, 25.5, -25.5]
UNARY = [
    *TWINS, "sinc", "expit", "psi", "gammaln", "erf", "erfc", "erfinv", "exp2", "expm1", "log1p",
    "modified_bessel_i0", "modified_bessel_i1",
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_edges_are_pytorchs(name, dtype):
    given = np.array(VALUES, dtype)
    expected = getattr(torch.special, name)(torch.tensor(given)).numpy()
    found = getattr(gd.special, name)(gd.tensor(given)).numpy()
    # (PyTorch's own Bessel functions are off by up to 2e-10)
    rtol, atol = (2e-5, 2e-6) if dtype == "float32" else (1e-9, 1e-9)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "float16", "bfloat16"])
@pytest.mark.parametrize("name", [n for n in UNARY if n not in ("airy_ai",)])
def test_other_dtypes_are_pytorchs(name, dtype):
    given = torch.tensor([0, 1, 2, 3]).to(getattr(torch, dtype))
    try:
        expected = getattr(torch.special, name)(given)
    except (NotImplementedError, RuntimeError):  # PyTorch has it for fewer dtypes
        expected = getattr(torch.special, name)(given.float()).to(given.dtype)
    found = getattr(gd.special, name)(gd.tensor([0, 1, 2, 3]).to(getattr(gd, dtype)))
    assert repr(found.dtype) == repr(expected.dtype)
    # one rounding of equal float32 numbers; sin(πx) is 0 only as far as π is known
    rtol = {"float16": 1e-3, "bfloat16": 1e-2}.get(dtype, 1e-5)
    np.testing.assert_allclose(
        found.float().numpy(), expected.float().numpy(), rtol=rtol, atol=2e-7
    )


def _gamma_arguments(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Everywhere, and along x = a, where the functions are neither 0 nor 1."""
    rng = np.random.default_rng(1)
    a = np.concatenate([10 ** rng.uniform(-6, 5, count), rng.uniform(0.01, 40, count)])
    near = np.abs(a * (1 + 3 * rng.normal(size=2 * count) / np.sqrt(a + 1)))
    far = a * 10 ** rng.uniform(-1, 1, 2 * count)
    return np.concatenate([a, a]), np.concatenate([near, far])


@pytest.mark.parametrize("name, twin", [("igamma", "gammainc"), ("igammac", "gammaincc")])
def test_incomplete_gamma_functions_are_scipys(name, twin):
    a, x = _gamma_arguments(4000)
    expected = getattr(scipy_special, twin)(a, x)
    found = getattr(gd, name)(gd.tensor(a), gd.tensor(x)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-14)
    # the exponent of a value of 1e-290 is 670, known to 1e-13; Q of small a: see _complement_series
    small = expected > 1e-290
    np.testing.assert_allclose(found[small], expected[small], rtol=5e-11)
    narrow = (expected > 1e-35) & (expected < 1)
    given = [gd.tensor(v[narrow].astype(np.float32)) for v in (a, x)]
    exact = getattr(scipy_special, twin)(*[v.numpy().astype(np.float64) for v in given])
    np.testing.assert_allclose(getattr(gd, name)(*given).numpy(), exact, rtol=3e-7)


def test_incomplete_gamma_edges_are_pytorchs():
    ends = torch.tensor([0, 1, INF, -1, NAN, 2.0], dtype=torch.float64)
    a, x = (t.flatten() for t in torch.meshgrid(ends, ends, indexing="ij"))
    for name in ("igamma", "igammac"):
        expected = getattr(torch, name)(a, x).numpy()
        found = getattr(gd, name)(gd.tensor(a.numpy()), gd.tensor(x.numpy())).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 8])
def test_polygamma_is_pytorchs(n):
    x = np.concatenate([np.linspace(-20.3, 30, 401), [1e-3, 1e-8, 1e3, 1e8]])
    expected = torch.polygamma(n, torch.tensor(x)).numpy()
    # (PyTorch's trigamma, and its sums at negative numbers, are that exact)
    np.testing.assert_allclose(gd.polygamma(n, gd.tensor(x)).numpy(), expected, rtol=1e-9)


def test_zeta_is_pytorchs():
    s = np.concatenate([np.linspace(1.1, 30, 200), [2, 3, 4, 5, 2.5, 1, 0.5, 2, NAN]])
    q = np.concatenate(
        [np.linspace(0.01, 40, 200), [-3.3, -2.7, -10.1, -0.5, -1.5, -1.5, 2, -3, 1]]
    )
    expected = torch.special.zeta(torch.tensor(s), torch.tensor(q)).numpy()
    np.testing.assert_allclose(gd.special.zeta(gd.tensor(s), gd.tensor(q)).numpy(), expected, 1e-13)


POLYNOMIALS = [name for name in dir(torch.special) if "polynomial" in name]


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_are_pytorchs(name):
    x, n = np.meshgrid(
        [-3.0, -1, -0.5, 0, 0.3, 1, 2, INF, 50], [-2.0, 0, 1, 2, 3, 6, 7, 20, 30, 2.7, 600, -0.5]
    )
    ours, theirs = getattr(gd.special, name), getattr(torch.special, name)
    expected = theirs(torch.tensor(x), torch.tensor(n)).numpy()
    # PyTorch takes cos(n acos x) where this takes the recurrence: errors of n or n² roundings
    np.testing.assert_allclose(ours(gd.tensor(x), gd.tensor(n)).numpy(), expected, 1e-9, 1e-12)
    expected = theirs(torch.tensor(x), 40).numpy()
    np.testing.assert_allclose(ours(gd.tensor(x), 40).numpy(), expected, 1e-9, 1e-12)
    a, b = ours(0.3, gd.tensor([1, 5])), theirs(0.3, torch.tensor([1, 5]))
    assert repr(a.dtype) == repr(b.dtype)
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-6)


GRADED = [
    "i0", "i0e", "i1", "i1e", "ndtr", "ndtri", "log_ndtr", "erfcx", "entr", "psi", "gammaln",
    "sinc", "logit",
]  # fmt: skip


@pytest.mark.parametrize("name", GRADED)
def test_first_and_second_gradients_are_pytorchs(name):
    x = np.linspace(0.05, 0.95, 19)
    theirs, ours = torch.tensor(x, requires_grad=True), gd.tensor(x).requires_grad_()
    (g,) = torch.autograd.grad(
        getattr(torch.special, name)(theirs).sum(), theirs, create_graph=True
    )
    (f,) = gd.autograd.grad(getattr(gd.special, name)(ours).sum(), ours, create_graph=True)
    # (PyTorch's trigamma is exact to 5e-10)
    np.testing.assert_allclose(f.detach().numpy(), g.detach().numpy(), rtol=2e-9)
    (h,) = torch.autograd.grad(g.sum(), theirs)
    (k,) = gd.autograd.grad(f.sum(), ours)
    np.testing.assert_allclose(k.numpy(), h.numpy(), rtol=2e-9, atol=1e-12)


def test_the_tables_are_what_mpmath_computes():
    from gradatim.ops import _special_tables
    from tests.conformance import special_tables

    assert Path(_special_tables.__file__).read_text() == special_tables.text()
