"""Elementwise operations against PyTorch: values and gradients."""

from __future__ import annotations

import re
from pathlib import Path

TABLES: dict[str, tuple[str, str]] = {}

TABLES["functions of one number"] = (
    """
    x = normal(2, 3)
    p = positive(4)
    u = unit(3, 2)
    big = above_one(5)
    n = whole(3, 2)
    b = bits(4)
    s = normal()
    e = normal(0, 3)
    odd = np.array([0.0, -0.0, nan, inf, -inf, 1.5, -2.5])
    """,
    """
    x.exp()
    x.exp2()
    x.expm1()
    t.exp(n)
    t.exp(b)
    t.exp(odd)
    t.exp(e)
    t.exp(s)
    p.log()
    p.log2()
    p.log10()
    p.log1p()
    t.log(odd)
    t.log(n.abs() + 1)
    p.sqrt()
    p.rsqrt()
    t.sqrt(odd)
    x.square()
    p.reciprocal()
    t.reciprocal(n)
    x.sin()
    x.cos()
    x.tan()
    t.sin(n)
    u.asin()
    u.acos()
    x.atan()
    u.arcsin()
    u.arccos()
    x.arctan()
    x.sinh()
    x.cosh()
    x.tanh()
    x.asinh()
    big.acosh()
    u.atanh()
    x.arcsinh()
    big.arccosh()
    u.arctanh()
    t.tanh(odd)
    t.tanh(b)
    x.sigmoid()
    t.sigmoid(odd)
    x.erf()
    x.erfc()
    u.erfinv()
    t.erf(odd)
    p.lgamma()
    p.digamma().detach()
    t.lgamma(u).detach()
    (x * 3).floor()
    (x * 3).ceil()
    (x * 3).trunc()
    (x * 3).fix()
    (x * 3).round()
    (x * 3).frac()
    t.round(odd)
    t.round(x, decimals=1)
    t.round(x * 100, decimals=-1)
    t.floor(n)
    t.ceil(n)
    t.trunc(n)
    t.round(n)
    x.neg()
    x.negative()
    x.positive()
    -x
    +x
    -n
    x.abs()
    x.absolute()
    abs(x)
    abs(n)
    t.abs(odd)
    x.sign()
    x.sgn()
    t.sign(n)
    t.sign(b)
    t.sign(odd)
    x.relu()
    t.relu(n)
    t.relu(odd)
    x.deg2rad()
    x.rad2deg()
    u.abs().logit()
    t.logit(x, eps=0.1)
    x.sinc()
    t.sinc(odd[:1])
    t.isnan(odd)
    t.isinf(odd)
    t.isfinite(odd)
    t.isnan(n)
    t.isinf(n)
    t.isfinite(n)
    t.signbit(odd)
    t.signbit(n)
    t.nan_to_num(odd)
    t.nan_to_num(odd, nan=1.0, posinf=2.0, neginf=-3.0)
    t.nan_to_num(n)
    ~b
    ~n
    n.bitwise_not()
    b.logical_not()
    x.logical_not()
    """,
)

TABLES["arithmetic"] = (
    """
    x = normal(2, 3)
    y = normal(3)
    p = positive(2, 1)
    s = normal()
    n = whole(2, 3)
    m = whole(3, low=1)
    b = bits(2, 3)
    c = bits(3)
    e = normal(0, 3)
    """,
    """
    x + y
    x - y
    x * p
    x / p
    x + s
    s - x
    x + 1
    1 - x
    x * 2.5
    2 / p
    x + True
    x + n
    n + m
    n - m
    n * m
    n / m
    n + b
    b + c
    b * c
    n + 1.5
    n / 2
    e + y
    e * 2
    t.add(x, y, alpha=2.5)
    t.sub(x, y, alpha=2)
    x.subtract(y)
    x.multiply(y)
    x.divide(p)
    x.true_divide(p)
    x.add(1, alpha=3)
    t.rsub(x, y)
    t.rsub(x, 1)
    t.div(x, p, rounding_mode='floor').detach()
    t.div(x, p, rounding_mode='trunc').detach()
    t.div(n, m, rounding_mode='floor')
    t.div(n, m, rounding_mode='trunc')
    x.detach() // p.detach()
    n // m
    n // 2
    x.detach() // 0.7
    n.floor_divide(m)
    x % p
    n % m
    n % -3
    7 % m
    t.remainder(x, 0.7)
    t.fmod(x, p)
    t.fmod(n, m)
    t.fmod(n, -3)
    p ** y
    x ** 2
    x ** 3
    x ** 0
    x ** 1
    p ** 0.5
    p ** -1
    2 ** x
    0 ** x.abs()
    n ** 2
    n ** b
    m ** m
    t.pow(2, m)
    t.float_power(n, 2)
    t.float_power(x, 2)
    x.hypot(y)
    t.atan2(x, y)
    t.arctan2(x, y)
    t.atan2(n, m)
    x.copysign(y)
    t.copysign(n, -1.0)
    t.nextafter(x.detach(), y.detach())
    t.logaddexp(x, y)
    t.xlogy(x, p)
    t.xlogy(t.zeros(2), t.tensor([0.0, 2.0]))
    x.lerp(y, 0.3)
    x.lerp(y, 0.8)
    x.lerp(y.expand(2, 3), p.expand(2, 3) / 3)
    t.addcmul(x, y, p, value=0.5)
    t.addcdiv(x, y, p, value=-2)
    x.addcmul(y, p)
    x.addcdiv(y, p)
    n & m
    n | m
    n ^ m
    b & c
    b | c
    b ^ c
    n << m
    n >> m
    n.bitwise_and(3)
    n.bitwise_or(3)
    n.bitwise_xor(3)
    n.bitwise_left_shift(2)
    n.bitwise_right_shift(1)
    1 << m
    b.logical_and(c)
    x.logical_or(b)
    n.logical_xor(c)
    """,
)

TABLES["comparison and selection"] = (
    """
    x = normal(2, 3)
    y = normal(3)
    z = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    n = whole(2, 3)
    b = np.array([True, False, True])
    odd = np.array([0.0, nan, inf, -inf, 1.5])
    """,
    """
    x == y
    x != y
    x < y
    x <= 0
    0 > x
    x >= y
    n == 2
    n < 1.5
    n == 2.0
    b == 1
    odd == odd
    odd < 1
    t.eq(x, y)
    t.ne(x, y)
    t.lt(x, y)
    t.le(x, y)
    t.gt(x, y)
    t.ge(x, y)
    x.not_equal(y)
    x.less(y)
    x.less_equal(y)
    x.greater(y)
    x.greater_equal(y)
    t.equal(x, x)
    t.equal(x, y)
    t.isclose(x, x + 1e-9)
    t.isclose(odd, odd)
    t.isclose(odd, odd, equal_nan=True)
    t.allclose(x, x + 1)
    t.maximum(x, y)
    t.minimum(x, y)
    t.maximum(z, t.tensor([3.0, 2.0, 1.0], dtype=z.dtype))
    t.maximum(odd, odd.flip(0))
    t.fmax(x, y)
    t.fmin(x, y)
    t.fmax(odd.detach(), odd.detach().flip(0))
    t.fmin(odd.detach(), odd.detach().flip(0))
    t.where(b, x, y)
    t.where(x > 0, x, 0.0)
    t.where(b, 1, 2)
    t.where(b, 1.0, n)
    x.where(b, y)
    t.where(n > 0)
    x.clamp(-0.5, 0.5)
    x.clamp(min=0)
    x.clamp(max=0)
    x.clip(-1, 1)
    z.clamp(1, 2)
    x.clamp(y, y + 1)
    x.clamp_min(0.1)
    x.clamp_max(0.1)
    n.clamp(-1, 2)
    n.clamp(0.5, 2)
    odd.detach().clamp(-1, 1)
    x.masked_fill(b, 2.0)
    x.masked_fill(b, y.detach()[0])
    n.masked_fill(b, 7)
    t.heaviside(odd.detach(), odd.detach()[4])
    """,
)


def test_the_same_as_pytorch(peers, table_case):
    peers.agree(table_case)


# --- the tables are complete ----------------------------------------------------------------------

# Tested elsewhere: random draws (test_random.py), losses and activations (test_nn.py), recurrent
# layers (nn/test_recurrent.py), loops (tests/test_loops.py).
ELSEWHERE = {
    "losses", "classification", "activations", "draws", "draws_in_place", "recurrent", "loops",
    # The operator database, and test_shapes.py.
    "strided", "splitting", "view_scatter", "copies", "combining", "index_reducing",
    "native_norms", "probing", "segments", "signal_windows",
    # The operator database, and test_spatial.py.
    "grid_sampling", "shuffling",
}  # fmt: skip
NO_CASE = {"cuda"}  # there is none


def public_functions(gd):
    return {
        name: function
        for name, function in gd.ops.FUNCTIONS.items()
        if function in (found := getattr(gd, name, None), getattr(found, "__wrapped__", None))
    }


def test_every_operation_has_a_case(peers):
    """So that a new operation without a line in a table fails here."""
    from gradatim.tensor import METHODS

    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    called = set(re.findall(r"[.'](\w+)\b", text)) | NO_CASE
    operations = {**METHODS, **public_functions(peers.gd)}
    missing = [
        name
        for name, function in operations.items()
        if function.__module__.rpartition(".")[2] not in ELSEWHERE
        and name not in called
        and not name.startswith("__")
    ]
    assert not missing, missing


def test_every_public_function_is_one_of_pytorch(peers):
    """Nothing new to learn, and no helper that slipped out."""
    torch = peers.torch
    homes = (torch, torch.nn.functional, torch.Tensor)
    strange = [
        name
        for name in public_functions(peers.gd)
        if name != "scan"  # of our own: a loop that is compiled whole
        and not any(hasattr(home, name) for home in homes)
    ]
    assert not strange, strange
