"""Elementwise operations, reductions and products against PyTorch: values and gradients."""

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

TABLES["reductions"] = (
    """
    x = normal(2, 3, 4)
    y = normal(3)
    ties = np.array([[3.0, 1.0, 3.0, 2.0], [0.0, 0.0, -1.0, 0.0]])
    odd = np.array([[1.0, nan, 3.0], [4.0, 5.0, 6.0]])
    s = normal()
    e = normal(0, 3)
    n = whole(2, 3)
    b = bits(2, 3)
    holes = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0], [1.5, 2.0, 3.0]])
    """,
    """
    x.sum()
    x.sum(1)
    x.sum(-1, keepdim=True)
    x.sum((0, 2))
    x.sum([0, 2], True)
    x.sum(dim=())
    x.sum(axis=1, keepdims=True)
    x.sum(dtype=t.float64)
    n.sum()
    n.sum(0, dtype=t.int32)
    n.sum(dtype=t.float32)
    n.to(t.uint8).sum()
    b.sum()
    b.sum(1)
    e.sum()
    e.sum(0)
    e.sum(1)
    s.sum()
    s.sum(0)
    odd.sum(1)
    odd.nansum()
    odd.nansum(1)
    t.nansum(n, 0)
    x.mean()
    x.mean(0)
    x.mean((1, 2), keepdim=True)
    x.mean(axis=-1)
    n.mean(dtype=t.float64)
    e.mean(0)
    e.mean(1)
    odd.nanmean()
    odd.nanmean(1, keepdim=True)
    x.prod()
    x.prod(1)
    x.prod(-1, True)
    holes.prod()
    holes.prod(0)
    holes.prod(1)
    n.prod()
    b.prod()
    e.prod()
    e.prod(0)
    s.prod(0)
    x.amax()
    x.amax(1)
    x.amax((0, 1), keepdim=True)
    ties.amax(1)
    x.amin(-1)
    n.amax(0)
    b.amax(0)
    b.amin()
    e.amax(1)
    x.max()
    x.min()
    ties.max()
    ties.min()
    x.max(1)
    x.max(dim=2, keepdim=True)
    x.min(0)
    ties.max(1)
    ties.min(1)
    ties.max(0)
    n.max()
    n.max(1)
    n.min(0)[1]
    b.max(1)
    b.min()
    s.max(0)
    e.max(1)
    odd.detach().max()
    odd.detach().max(1)
    odd.detach().min(1)
    t.max(x[0, 0], x[1, 0])
    x.min(other=x.flip(0))
    x.aminmax()
    x.aminmax(dim=1, keepdim=True)
    n.aminmax(dim=0)
    x.argmax()
    x.argmax(1)
    x.argmax(-1, keepdim=True)
    x.argmax(keepdim=True)
    ties.argmax(1)
    ties.argmin()
    n.argmin(0)
    odd.argmax(1)
    odd.argmin()
    s.argmax()
    e.argmax(1)
    b.any()
    b.any(1)
    b.all(0, keepdim=True)
    n.all()
    n.any(dim=(0, 1))
    x.all(1)
    e.any()
    e.all(0)
    e.any(1)
    n.to(t.uint8).any()
    b.any(dim=())
    x.count_nonzero()
    n.count_nonzero(1)
    holes.count_nonzero((0, 1))
    x.var()
    x.var(0)
    x.var(False)
    x.var(1, False, True)
    x.var((0, 2), keepdim=True)
    x.var(dim=1, correction=2)
    x.var(unbiased=False)
    x.std()
    x.std(-1)
    x.std(1, unbiased=False, keepdim=True)
    x.std(axis=0)
    ties.std(0)
    t.ones(2, 3, dtype=x.dtype).mul(s).std(1)
    t.var_mean(x, 1)
    t.var_mean(x, (0, 1), correction=0, keepdim=True)
    t.std_mean(x)
    t.std_mean(x, 2)
    s.var()
    e.var(1)
    t.logsumexp(x, 1)
    t.logsumexp(x * 500, (0, 2), keepdim=True)
    x.logsumexp(-1)
    n.logsumexp(0)
    e.logsumexp(0)
    s.logsumexp(0)
    t.logsumexp(odd.detach() - np.inf, 1)
    ties[:, :2].cov()
    t.cov(ties, correction=0)
    t.cov(ties, fweights=t.tensor([1, 2, 3, 4]))
    t.cov(ties, aweights=t.tensor([0.5, 2.0, 1.0, 3.0], dtype=ties.dtype))
    t.cov(ties, fweights=t.tensor([1, 2, 3, 4]), aweights=ties.detach()[0])
    y.cov()
    t.corrcoef(x[0])
    t.corrcoef(y).detach()
    """,
)

TABLES["norms"] = (
    """
    x = normal(3, 4)
    y = normal(4)
    zero = np.zeros((2, 3))
    e = normal(0, 3)
    """,
    """
    x.norm()
    x.norm(2)
    x.norm(1)
    x.norm(p=3)
    x.norm(1.5, dim=1)
    x.norm(0.5, 0)
    x.norm(float('inf'))
    x.norm(float('-inf'), dim=1)
    x.norm(0)
    x.norm(0, 1, True)
    x.norm('fro', dim=(0, 1))
    x.norm(p=-1)
    x.norm(dim=0, keepdim=True)
    x.norm(dtype=t.float64)
    zero.norm()
    zero.norm(1)
    zero.norm(3)
    zero.norm(0.5)
    zero.norm(dim=1)
    e.norm()
    e.norm(dim=1)
    e.norm(1)
    x.dist(y)
    x.dist(y, 1)
    t.dist(x, y, p=float('inf'))
    t.renorm(x, 2, 0, 1.0)
    x.renorm(1, 1, 0.5)
    t.cdist(x, x + 1)
    t.cdist(x, y.expand(2, 4), p=1)
    t.cdist(x[None], x.flip(0), p=3)
    t.pdist(x)
    t.pdist(x, p=1)
    t.linalg.norm(x)
    t.linalg.norm(x, dim=1)
    t.linalg.norm(x, 1)
    t.linalg.norm(x, float('-inf'))
    t.linalg.norm(y, 3)
    t.linalg.norm(x, 'fro', keepdim=True)
    t.linalg.norm(x, 1, dim=0)
    t.linalg.vector_norm(x)
    t.linalg.vector_norm(x, 1.5, dim=(0, 1), keepdim=True)
    t.linalg.matrix_norm(x)
    t.linalg.matrix_norm(x[None], -1, keepdim=True)
    t.linalg.matrix_norm(x, float('inf'), dim=(1, 0))
    """,
)

TABLES["running"] = (
    """
    x = normal(3, 5)
    ties = np.array([3.0, 1.0, 3.0, 2.0, 4.0, 4.0])
    holes = np.array([[0.5, 0.0, 3.0, 0.0], [1.5, 2.0, 0.0, 3.0]])
    odd = np.array([3.0, 1.0, 3.0, nan, 4.0, nan])
    s = normal()
    e = normal(0, 3)
    n = whole(2, 3)
    b = bits(2, 3)
    """,
    """
    x.cumsum(0)
    x.cumsum(-1)
    x.cumsum(axis=1)
    t.cumsum(x, 1, dtype=t.float64)
    n.cumsum(0)
    n.cumsum(0, dtype=t.int16)
    b.cumsum(1)
    s.cumsum(0)
    e.cumsum(0)
    x.cumprod(0)
    holes.cumprod(1)
    holes.cumprod(0)
    n.cumprod(1)
    b.cumprod(0)
    s.cumprod(0)
    x.cummax(1)
    x.cummin(0)
    ties.cummax(0)
    ties.cummin(0)
    odd.detach().cummax(0)
    odd.detach().cummin(0)
    n.cummax(0)
    n.to(t.uint8).cummin(1)
    b.cummax(1)
    b.cummin(1)
    s.cummax(0)
    e.cummax(0)
    x.logcumsumexp(1)
    t.logcumsumexp(x.detach() * 500, 0)
    t.logcumsumexp(x * 5, 0)
    s.logcumsumexp(0)
    x.diff()
    x.diff(n=2, dim=0)
    x.diff(n=0)
    x.diff(n=7)
    t.diff(x, prepend=x, append=x[:, :1])
    n.diff()
    b.diff()
    e.diff(dim=0)
    """,
)

TABLES["products"] = (
    """
    v = normal(3)
    w = normal(3)
    a = normal(2, 3)
    c = normal(3, 4)
    sq = normal(3, 3)
    A = normal(5, 2, 3)
    C = normal(5, 3, 4)
    D = normal(4, 1, 2, 3)
    E = normal(5, 3, 2)
    z = normal(0, 3)
    q = whole(2, 3)
    r = whole(3, 2)
    """,
    """
    v @ w
    a @ v
    v @ c
    a @ c
    A @ C
    A @ c
    A @ v
    v @ C
    a @ C
    D @ C
    D @ E
    a @ D.mT
    A[:1] @ C
    A @ C[:1]
    A[:, :1] @ C
    D[:, 0] @ D[0].mT
    D.mT @ D
    z @ c
    c.T @ z.T
    z.T @ z
    A[:0] @ C[:0]
    q @ r
    q.to(t.int32) @ r.to(t.int32)
    q @ r[:, 0]
    t.matmul(A, C)
    a.mm(c)
    t.mm(q, r)
    A.bmm(C)
    t.bmm(A[:0], C[:0])
    a.mv(v)
    v.dot(w)
    t.vdot(v, w)
    t.dot(q[0], q[1])
    a.inner(sq)
    v.inner(w)
    t.inner(v[0], w)
    t.outer(v, w)
    v.outer(q[0])
    v.ger(w)
    t.addmm(c[0], a, c)
    t.addmm(c[:2], a, c, beta=0.5, alpha=-2)
    t.addmm(c[:2] * np.nan, a, c, beta=0).detach()
    t.addmm(q[:, :2], q, r, beta=2, alpha=3)
    t.addmv(a[:, 0], a, v, alpha=0.5)
    t.baddbmm(c[:2], A, C)
    t.baddbmm(c[0], A, C, beta=2, alpha=0.5)
    t.addbmm(c[:2], A, C, beta=0.3)
    t.addr(a, a[:, 0], v)
    t.addr(a, a[:, 1], v, beta=2, alpha=0.5)
    t.tensordot(A, C, dims=([0, 2], [0, 1]))
    t.tensordot(a, c, dims=1)
    t.tensordot(a, c, 0)
    t.tensordot(a, t.ones(1, 3, dtype=a.dtype), dims=([0], [0]))
    t.chain_matmul(a, c, c.T, sq)
    t.kron(a, c)
    t.kron(v, sq)
    v.cross(w, 0)
    t.cross(sq, sq.flip(0), dim=1)
    t.cross(sq, v[None], dim=-1)
    sq.matrix_power(0).detach()
    sq.matrix_power(1)
    sq.matrix_power(2)
    sq.matrix_power(5)
    (A @ C)[:, :, :2].matrix_power(3)
    t.linalg.cross(sq, sq.flip(0))
    t.linalg.multi_dot([v, c, c.T, w])
    t.linalg.multi_dot([a, c])
    t.linalg.matmul(a, c)
    t.linalg.matrix_power(sq, 2)
    t.linalg.vecdot(a, v)
    sq.trace()
    c.trace()
    c.T.trace()
    z.trace()
    q.trace()
    F.linear(a, sq)
    F.linear(a, sq, v)
    F.linear(A, sq, v)
    F.linear(v, a)
    F.linear(v, a, a[:, 0])
    F.linear(a, v)
    F.linear(z, sq, v)
    F.bilinear(a, a, t.ones(4, 3, 3, dtype=a.dtype) * v, c[0])
    F.bilinear(A, A, t.ones(2, 3, 3, dtype=a.dtype) * v)
    """,
)

TABLES["einsum"] = (
    """
    x = normal(2, 3)
    y = normal(3, 4)
    A = normal(5, 2, 3)
    C = normal(5, 3, 4)
    sq = normal(3, 3)
    v = normal(3)
    T = normal(2, 3, 2, 3)
    one = normal(1, 3)
    n = whole(2, 3)
    """,
    """
    t.einsum('ij->ji', x)
    t.einsum('ij', x)
    t.einsum('ji', x)
    t.einsum('ij->', x)
    t.einsum('ij->j', x)
    t.einsum('ii', sq)
    t.einsum('ii->i', sq)
    t.einsum('ijij->ij', T)
    t.einsum('ijkj->ki', T)
    t.einsum('ij,jk->ik', x, y)
    t.einsum('ij,jk', x, y)
    t.einsum(' i j , j k -> k i ', x, y)
    t.einsum('bij,bjk->bik', A, C)
    t.einsum('bij,bjk->kbi', A, C)
    t.einsum('bij,bjk->ik', A, C)
    t.einsum('bij,bik->jk', A, A)
    t.einsum('i,i', v, v)
    t.einsum('i,j', v, x[0])
    t.einsum('i,j->ji', v, x[0])
    t.einsum('ij,ij->ij', x, x)
    t.einsum('ij,ij->i', x, x)
    t.einsum('ij,ij->', x, x)
    t.einsum('ij,j->ij', x, v)
    t.einsum('ii,i->i', sq, v)
    t.einsum('ij,kl->', x, y)
    t.einsum('...j,jk->...k', A, y)
    t.einsum('...ij,...jk->...ik', A, C)
    t.einsum('...ij,...jk->...ik', A, y)
    t.einsum('b...,b...->...', A, A)
    t.einsum('...', x)
    t.einsum('i...', x)
    t.einsum('...i->i', A)
    t.einsum('...i,...i->i', A, v)
    t.einsum('ij,ij->ij', x, one)
    t.einsum('ij,ij->j', x, one)
    t.einsum('ij,jk,kl->il', x, y, C[0].T)
    t.einsum('ij,jk,lk,l->i', x, y, sq @ y, v)
    t.einsum('i,j,k->kji', v, x[0], x[1])
    t.einsum('bij,bjk,bij->bk', A, C, A)
    t.einsum('aB,Bc->ac', x, y)
    t.einsum('cB,Ba', y.T, sq)
    t.einsum(x, [0, 1], y, [1, 2], [0, 2])
    t.einsum(x, [1, 0])
    t.einsum(x, [0, 1], x, [0, 1])
    t.einsum(A, [..., 0], v, [0], [...])
    t.einsum('ij,kj->ik', [x, x])
    t.einsum('ij,jk->ik', n, n.T)
    t.einsum('ij->i', n)
    t.einsum('ij,ij->ij', x, n)
    t.einsum('ij->', n > 0)
    t.einsum(',ij->ij', v[0], x)
    t.einsum('ij,jk->ik', x[:0], y)
    t.einsum('ij,jk->ik', x[:, :0], y[:0])
    """,
)


def test_the_same_as_pytorch(peers, table_case):
    peers.agree(table_case)


# --- the tables are complete ----------------------------------------------------------------------

# Tested elsewhere: random draws (test_random.py), losses and activations (test_nn.py).
ELSEWHERE = {"losses", "classification", "activations", "draws", "draws_in_place"}
NO_CASE = {"cuda"}  # there is none


def public_functions(gd):
    return {
        name: function
        for name, function in gd.ops.FUNCTIONS.items()
        if getattr(gd, name, None) is function
    }


def test_every_operation_has_a_case(peers):
    """So that a new operation without a line in a table fails here."""
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    called = set(re.findall(r"[.'](\w+)\b", text)) | NO_CASE
    missing = [
        name
        for name, function in public_functions(peers.gd).items()
        if function.__module__.rpartition(".")[2] not in ELSEWHERE and name not in called
    ]
    assert not missing, missing


def test_every_public_function_is_one_of_pytorch(peers):
    """Nothing new to learn, and no helper that slipped out."""
    torch = peers.torch
    homes = (torch, torch.nn.functional, torch.Tensor)
    strange = [
        name
        for name in public_functions(peers.gd)
        if not any(hasattr(home, name) for home in homes)
    ]
    assert not strange, strange
