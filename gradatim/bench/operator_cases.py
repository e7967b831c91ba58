"""Operators: what `gradatim bench ops` times, as expressions that mean the same in PyTorch.

`t` is the library and `F` its `nn.functional`; the other names are a group's inputs, tensors of
10^5 to 10^7 elements. In a group that is graded each line is timed twice: alone, and with the
gradients of its floating inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Group:
    """Expressions over the same inputs.

    Attributes:
        inputs: lines `name = maker(sizes)`; see `make_inputs`.
        lines: the expressions.
        graded: whether gradients are timed too.
    """

    name: str
    inputs: str
    lines: str
    graded: bool = False

    def expressions(self) -> list[str]:
        return [line.strip() for line in self.lines.strip().split("\n")]


def make_inputs(text: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a group, the same each time.

    Example:
        >>> {name: a.shape for name, a in make_inputs("x = normal(2, 3)").items()}
        {'x': (2, 3)}
    """
    rng = np.random.default_rng(0)
    makers = {
        "normal": lambda *shape: rng.normal(size=shape).astype(np.float32),
        "positive": lambda *shape: rng.uniform(0.1, 3, shape).astype(np.float32),
        "unit": lambda *shape: rng.uniform(-0.95, 0.95, shape).astype(np.float32),
        "above_one": lambda *shape: rng.uniform(1.1, 3, shape).astype(np.float32),
        "whole": lambda high, *shape: rng.integers(0, high, shape),
        "bits": lambda *shape: rng.integers(0, 2, shape).astype(bool),
        "definite": _definite,
        "double": lambda *shape: rng.normal(size=shape),
    }
    found = {}
    for line in text.strip().split("\n"):
        name, _, expression = line.strip().partition(" = ")
        found[name] = np.asarray(eval(expression, {"__builtins__": {}}, makers))
    return found


def _definite(size: int) -> np.ndarray[Any, Any]:
    """A symmetric matrix with eigenvalues from 1 on."""
    root = np.random.default_rng(1).normal(size=(size, size)) / size**0.5
    return (root @ root.T + np.eye(size)).astype(np.float32)


GROUPS = [
    Group(
        "one number",
        """
        x = normal(1000, 1000)
        p = positive(1000, 1000)
        u = unit(1000, 1000)
        a = above_one(1000, 1000)
        """,
        """
        t.exp(x)
        t.exp2(x)
        t.expm1(x)
        t.log(p)
        t.log2(p)
        t.log10(p)
        t.log1p(p)
        t.sqrt(p)
        t.rsqrt(p)
        t.square(x)
        t.reciprocal(p)
        t.sin(x)
        t.cos(x)
        t.tan(u)
        t.asin(u)
        t.acos(u)
        t.atan(x)
        t.sinh(x)
        t.cosh(x)
        t.tanh(x)
        t.asinh(x)
        t.acosh(a)
        t.atanh(u)
        t.sigmoid(x)
        t.erf(x)
        t.erfc(x)
        t.erfinv(u)
        t.lgamma(p)
        t.digamma(p)
        t.abs(x)
        t.neg(x)
        t.relu(x)
        t.logit(p / 4)
        t.sinc(x)
        t.clamp(x, -1, 1)
        t.pow(p, 2.5)
        t.pow(x, 3)
        t.nan_to_num(x)
        F.gelu(x)
        F.gelu(x, approximate="tanh")
        F.silu(x)
        F.mish(x)
        F.elu(x)
        F.selu(x)
        F.leaky_relu(x)
        F.softplus(x)
        F.hardswish(x)
        F.hardtanh(x)
        F.hardsigmoid(x)
        F.logsigmoid(x)
        F.softsign(x)
        F.tanhshrink(x)
        F.softshrink(x)
        F.celu(x)
        t.special.i0(x)
        t.special.i0e(x)
        t.special.ndtr(x)
        t.special.log_ndtr(x)
        t.special.entr(p)
        """,
        graded=True,
    ),
    Group(
        "one number, no gradient",
        "x = normal(1000, 1000)\nn = whole(100, 1000, 1000)\nb = bits(1000, 1000)",
        """
        t.floor(x)
        t.ceil(x)
        t.trunc(x)
        t.round(x)
        t.frac(x)
        t.sign(x)
        t.isnan(x)
        t.isfinite(x)
        t.signbit(x)
        t.logical_not(b)
        t.bitwise_not(n)
        x.to(t.float64)
        x.to(t.int32)
        x.to(t.bfloat16)
        n.to(t.float32)
        b.to(t.float32)
        x.clone()
        t.zeros_like(x)
        t.full((1000, 1000), 2.5)
        t.arange(1000000)
        t.eye(1000)
        t.linspace(0, 1, 1000000)
        """,
    ),
    Group(
        "two numbers",
        """
        x = normal(1000, 1000)
        y = positive(1000, 1000)
        r = normal(1, 1000)
        c = normal(1000, 1)
        """,
        """
        x + y
        x - y
        x * y
        x / y
        x + r
        x * c
        c + r
        x + 1
        x * 2.5
        t.pow(y, x)
        t.maximum(x, y)
        t.minimum(x, y)
        t.fmax(x, y)
        t.atan2(x, y)
        t.hypot(x, y)
        t.logaddexp(x, y)
        t.xlogy(x, y)
        t.remainder(x, y)
        t.fmod(x, y)
        t.lerp(x, y, 0.3)
        t.addcmul(x, x, y)
        t.addcdiv(x, x, y)
        t.where(x > 0, x, y)
        F.mse_loss(x, y)
        F.l1_loss(x, y)
        F.smooth_l1_loss(x, y)
        F.huber_loss(x, y)
        F.cosine_similarity(x, y)
        F.pairwise_distance(x, y)
        F.poisson_nll_loss(x, y)
        F.soft_margin_loss(x, y)
        """,
        graded=True,
    ),
    Group(
        "two numbers, no gradient",
        "x = normal(1000, 1000)\ny = normal(1000, 1000)\nn = whole(100, 1000, 1000)\n"
        "m = whole(7, 1000, 1000)\nb = bits(1000, 1000)",
        """
        x < y
        x == y
        x != y
        t.isclose(x, y)
        t.logical_and(b, b)
        n + m
        n * m
        n // (m + 1)
        n % (m + 1)
        n & m
        n << m
        t.gcd(n, m)
        x.masked_fill(b, 0.0)
        x.clone().add_(y)
        x.clone().mul_(2)
        """,
    ),
    Group(
        "reductions",
        "x = normal(1000, 1000)\np = positive(1000, 1000)",
        """
        x.sum()
        x.sum(0)
        x.sum(1)
        x.mean()
        x.mean(0)
        x.mean(1)
        x.prod(1)
        x.var()
        x.var(0)
        x.std(1)
        x.amax(0)
        x.amax(1)
        x.max(1)[0]
        x.min(0)[0]
        x.norm()
        x.norm(dim=1)
        t.logsumexp(x, 1)
        t.logsumexp(x, 0)
        x.cumsum(0)
        x.cumsum(1)
        p.cumprod(1)
        x.cummax(1)[0]
        t.logcumsumexp(x, 1)
        x.diff()
        x.median(1)[0]
        x.sort(1)[0]
        x.topk(10, 1)[0]
        x.kthvalue(5, 1)[0]
        x.quantile(0.3, 1)
        F.softmax(x, 1)
        F.softmax(x, 0)
        F.log_softmax(x, 1)
        F.normalize(x)
        F.layer_norm(x, (1000,))
        F.rms_norm(x, (1000,))
        """,
        graded=True,
    ),
    Group(
        "reductions, no gradient",
        "x = normal(1000, 1000)\nb = bits(1000, 1000)\nn = whole(1000, 1000000)",
        """
        x.argmax(1)
        x.argmax(0)
        x.argmin()
        x.argsort(1)
        b.any()
        b.all(1)
        b.sum()
        n.sum()
        n.bincount()
        n.unique()
        x.histc(50)
        t.searchsorted(x[0].sort()[0], x)
        b.nonzero()
        x.isnan().any()
        """,
    ),
    Group(
        "movement",
        "x = normal(1000, 1000)\ny = normal(1000, 1000)\nv = normal(100, 100, 100)",
        """
        x.T.contiguous()
        v.permute(2, 0, 1).contiguous()
        t.cat([x, y])
        t.cat([x, y], 1)
        t.stack([x, y])
        x.flip(0)
        x.flip(1)
        x.roll(3, 1)
        x.repeat(2, 2)
        x.repeat_interleave(2, 1)
        x[::2, ::2].contiguous()
        x[:, 1:].contiguous()
        t.tril(x)
        t.triu(x)
        F.pad(x, (3, 3, 3, 3))
        F.pad(v, (3, 3, 3, 3), mode="reflect")
        F.pad(v, (3, 3, 3, 3), mode="replicate")
        F.pad(v, (3, 3, 3, 3), mode="circular")
        x.diagonal().clone()
        t.rot90(x)
        x.unfold(1, 10, 5).contiguous()
        """,
        graded=True,
    ),
    Group(
        "parts and windows",
        "x = normal(1000, 1000)\ny = normal(500, 1000)\nv = normal(1000)\ni = whole(1000, 1000)",
        """
        x.unfold(0, 3, 1) * 2
        x.reshape(-1).as_strided((500000, 2), (1, 1), 5) + 1
        t.block_diag(x, x)
        t.select_scatter(x, v, 0, 5)
        t.slice_scatter(x, y, 0, 500)
        t.diagonal_scatter(x, v)
        x.index_reduce(0, i, x, "mean")
        x.index_reduce(0, i, x, "amax")
        t.cartesian_prod(v, v)
        t.combinations(v, 2)
        t.permute_copy(x, (1, 0))
        x.sum_to_size(1, 1000)
        x.reshape(10, 10, 100, 100).contiguous(memory_format=t.channels_last)
        """,
        graded=True,
    ),
    Group(
        "indexing",
        "x = normal(1000, 1000)\ni = whole(1000, 1000)\nj = whole(1000, 1000, 1000)\n"
        "b = bits(1000, 1000)\nw = normal(10000, 100)\nk = whole(10000, 100, 100)",
        """
        x[i]
        x[:, i]
        x.index_select(0, i)
        x.gather(1, j)
        x.take_along_dim(j, 1)
        x.scatter(1, j, x)
        x.scatter_add(1, j, x)
        x.index_add(0, i, x)
        x.index_copy(0, i, x)
        x.masked_select(b)
        x[b]
        F.embedding(k, w)
        """,
        graded=True,
    ),
    Group(
        "products",
        "x = normal(512, 512)\ny = normal(512, 512)\nv = normal(500000)\nb = normal(64, 128, 128)\n"
        "w = normal(10, 512)\nbias = normal(10)\nm = normal(1000, 1000)\nl = normal(1000)",
        """
        x @ y
        x.T @ y
        x @ y.T
        m @ l
        l @ m
        t.bmm(b, b)
        t.addmm(x, x, y)
        t.outer(l, l)
        t.dot(v, v)
        t.einsum("ij,kj->ik", x, y)
        t.tensordot(x, y, 1)
        F.linear(x, w, bias)
        t.cdist(x, y)
        t.kron(x[:30, :30], y[:30, :30])
        F.bilinear(x[:, :64], y[:, :64], b[:10, :64, :64], bias)
        F.scaled_dot_product_attention(b, b, b)
        """,
        graded=True,
    ),
    Group(
        "linear algebra",
        "s = definite(256)\nx = normal(256, 256)\ny = normal(256, 16)",
        """
        t.linalg.cholesky(s)
        t.linalg.inv(s)
        t.linalg.solve(s, y)
        t.linalg.det(s / 2)
        t.linalg.slogdet(s)[1]
        t.linalg.qr(x)[1]
        t.linalg.svdvals(x)
        t.linalg.eigvalsh(s)
        t.linalg.lstsq(s, y)[0]
        t.linalg.matrix_power(s, 3)
        t.linalg.solve_triangular(s.tril(), y, upper=False)
        t.linalg.pinv(s)
        t.linalg.matrix_exp(s)
        t.linalg.norm(x, 2)
        """,
        graded=True,
    ),
    Group(
        "images",
        "x = normal(16, 16, 64, 64)\nw = normal(32, 16, 3, 3)\nd = normal(16, 1, 3, 3)\n"
        "u = normal(16, 32, 3, 3)\ng = unit(16, 48, 48, 2)\nv = positive(16)",
        """
        F.conv2d(x, w, padding=1)
        F.conv2d(x, d, padding=1, groups=16)
        F.conv_transpose2d(x, u, stride=2)
        F.max_pool2d(x, 2)
        F.max_pool2d(x, 3, 2, 1)
        F.avg_pool2d(x, 2)
        F.adaptive_avg_pool2d(x, 5)
        F.adaptive_max_pool2d(x, 5)
        F.lp_pool2d(x, 2, 2)
        F.batch_norm(x, None, None, v, v, training=True)
        F.batch_norm(x, v, v, v, v)
        F.group_norm(x, 4, v, v)
        F.instance_norm(x)
        F.local_response_norm(x, 5)
        F.interpolate(x, scale_factor=2, mode="nearest")
        F.interpolate(x, scale_factor=2, mode="bilinear")
        F.interpolate(x, scale_factor=2, mode="bicubic")
        F.interpolate(x, size=(32, 32), mode="area")
        F.grid_sample(x, g, align_corners=False)
        F.pixel_shuffle(x, 4)
        F.pixel_unshuffle(x, 4)
        F.unfold(x, 3)
        F.channel_shuffle(x, 4)
        """,
        graded=True,
    ),
    Group(
        "classification",
        "x = normal(4096, 256)\ny = whole(256, 4096)\np = positive(4096, 256)\n"
        "z = unit(4096, 256)\nl = normal(50, 64, 40)\ns = whole(39, 64, 20)",
        """
        F.cross_entropy(x, y)
        F.nll_loss(x, y)
        F.binary_cross_entropy_with_logits(x, p / 3)
        F.binary_cross_entropy(p / 3.1, p / 3.1)
        F.kl_div(x, p)
        F.multi_margin_loss(x, y)
        F.multilabel_soft_margin_loss(x, p / 3)
        F.gaussian_nll_loss(x, z, p)
        F.triplet_margin_loss(x, z, p)
        F.ctc_loss(F.log_softmax(l, 2), s + 1, (50,) * 64, (20,) * 64)
        """,
        graded=True,
    ),
    Group(
        "draws",
        "x = normal(1000, 1000)\np = positive(1000, 1000)",
        """
        t.rand(1000, 1000)
        t.randn(1000, 1000)
        t.randint(0, 100, (1000, 1000))
        t.randperm(100000)
        t.bernoulli(p / 3.1)
        t.multinomial(p, 10, replacement=True)
        F.dropout(x)
        """,
    ),
]
