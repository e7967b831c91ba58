"""The functions that read, write, find and order by index, against PyTorch: values and gradients,
the class of each error, and grad_fn's names."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

TABLES: dict[str, tuple[str, str]] = {}

TABLES["reading"] = (
    """
    x = normal(3, 4)
    y = normal(5)
    s = normal()
    c = normal(2, 3, 4)
    i = np.array([2, 0, 2])
    small = np.array([1, 0], dtype=np.int32)
    none = np.zeros(0, np.int64)
    m = bits(3, 4)
    row = bits(4)
    """,
    """
    x.select(0, 1)
    x.select(1, -1)
    x.select(-1, 2)
    c.select(1, 0)
    x.select(0, t.tensor(2))
    x.narrow(0, 1, 2)
    x.narrow(1, -3, 2)
    x.narrow(1, 4, 0)
    x.narrow(0, t.tensor(1), 1)
    x.index_select(0, i)
    x.index_select(1, small)
    x.index_select(-1, none)
    c.index_select(1, i)
    c.index_select(2, i + 1)
    s.index_select(0, t.tensor([0]))
    s.index_select(0, t.tensor(0))
    y.index_select(0, t.tensor(3))
    x.gather(0, t.tensor([[0, 2, 1, 0]]))
    x.gather(1, t.tensor([[3], [0], [1]]))
    x.gather(-1, t.tensor([[3, 3, 3, 0, 1], [0, 1, 0, 1, 0]]))
    x.gather(1, t.tensor([[3, 1], [0, 1]], dtype=t.int32))
    x.gather(1, t.tensor([[3, 1], [0, 1]]) + 0)
    c.gather(1, t.tensor([[[2, 1], [0, 0]]]))
    c.gather(2, t.tensor([[[2, 1], [0, 0]]]) + 1)
    y.gather(0, i)
    y.gather(0, t.tensor(3))
    s.gather(0, t.tensor(0))
    s.gather(0, t.tensor([0]))
    x.gather(1, none)
    x.gather(0, t.zeros(0, 3, dtype=t.int64))
    x.take(t.tensor([0, -1, 11, -12]))
    c.take(t.tensor([[0, 23], [5, 5]]))
    c.take(t.tensor([[0, -23], [5, 5]]) + 0)
    s.take(t.tensor([0, -1]))
    t.zeros(0).take(none)
    t.take_along_dim(x, t.tensor([[0, 1]]), 1)
    t.take_along_dim(x, t.tensor([[0, -1]]), 1)
    t.take_along_dim(x, t.tensor([[0, -1]]) + 0, 1)
    t.take_along_dim(x, t.tensor([[2], [0]]).t(), 1)
    t.take_along_dim(x, t.tensor([0, 11]))
    x.take_along_dim(x.argsort(0), 0)
    c[:1].take_along_dim(c.argmax(2, keepdim=True), 2)
    x.masked_select(m)
    x.masked_select(row)
    x.masked_select(x > 0)
    y.masked_select(t.ones(2, 5, dtype=t.bool))
    s.masked_select(t.tensor(True))
    c.masked_select(m)
    x.masked_select(t.zeros(4, dtype=t.bool))
    F.one_hot(i)
    F.one_hot(i, 5)
    F.one_hot(i + 0, 5)
    F.one_hot(t.tensor(1), 3)
    F.one_hot(none, 3)
    F.one_hot(t.tensor([[0, 1], [2, 1]]))
    t.embedding(x, i)
    t.embedding(x, i, padding_idx=2)
    t.embedding(x, i, 2, True)
    t.embedding(x, i, scale_grad_by_freq=True)
    t.embedding(x, t.tensor([[0, 1], [2, 2]], dtype=t.int32))
    t.embedding(x, t.tensor(1))
    t.embedding(x, none)
    x[i, 1:]
    x[i[:, None], i]
    x[:, i][i]
    x[m]
    x[x > 0]
    c[:, m]
    c[..., None, i]
    c[i - 2, :, i]
    """,
)

TABLES["writing"] = (
    """
    x = normal(3, 4)
    y = normal(5)
    s = normal()
    c = normal(2, 3, 4)
    src = normal(3, 4)
    row = normal(4)
    two = normal(2, 4)
    one = normal()
    n = whole(3, 4)
    nsrc = whole(3, 4)
    m = bits(3, 4)
    i = np.array([2, 0])
    wide = np.array([[0, 1, 2, 0], [1, 1, 0, 2]])
    """,
    """
    x.scatter(0, wide[:1], src[:1])
    x.scatter(1, t.tensor([[3, 0], [1, 2]]), src[1:, :2])
    x.scatter(1, t.tensor([[3, 0], [1, 2]]) + 0, src[:2, ::2])
    x.detach().scatter(1, t.tensor([[3, 0], [1, 2]]), src.detach())
    x.scatter(-1, t.tensor([[3, 0], [1, 2]], dtype=t.int32), src[:2, 2:])
    x.scatter(0, wide, 5.0)
    x.scatter(0, wide, value=5)
    x.scatter(0, index=wide[:1], src=src[:1])
    t.scatter(x, 0, wide[:1], src[:1])
    n.scatter(0, wide, 5)
    c.scatter(1, t.tensor([[[2], [0]]]), c[:1, 1:, :1] * 2)
    c.scatter(2, t.tensor([[[2, 1], [0, 3]]]), c[1:, :2, :2] * 2)
    y.scatter(0, t.tensor(2), 1.0)
    y.scatter(0, t.tensor([], dtype=t.int64), 1.0)
    s.scatter(0, t.tensor(0), 4.0)
    s.scatter(0, t.tensor([0]), row[:1])
    x.detach().scatter(0, wide, 5.0, reduce="add")
    x.detach().scatter(0, wide, 5.0, reduce="multiply")
    x.detach().scatter(0, wide, src.detach(), reduce="add")
    x.detach().scatter(0, wide, src.detach(), reduce="multiply")
    x.scatter_add(0, wide, src[1:])
    x.scatter_add(1, wide.t()[:3, :2] + 1, src[:, :2])
    x.scatter_add(1, wide.t()[:3, :2], src[:, ::2])
    x.detach().scatter_add(1, wide, src.detach())
    n.scatter_add(0, wide, nsrc)
    s.scatter_add(0, t.tensor([0]), row[:1])
    ins("scatter_add_", x.detach(), 0, wide, src[1:])
    ins("scatter_", x.detach(), 0, wide, 7.0)
    x.scatter_reduce(0, wide, src[1:], "sum")
    x.scatter_reduce(0, wide, src[1:], "sum", include_self=False)
    x.scatter_reduce(0, wide, src[1:], "mean")
    x.scatter_reduce(0, wide, src[1:], "mean", include_self=False)
    x.scatter_reduce(0, wide, src[1:], "prod")
    x.scatter_reduce(0, wide, src[1:], "prod", include_self=False)
    x.scatter_reduce(0, wide, src[1:], "amax")
    x.scatter_reduce(0, wide, src[1:], "amax", include_self=False)
    x.scatter_reduce(0, wide, src[1:], "amin")
    x.scatter_reduce(0, wide, src[1:], "amin", include_self=False)
    x.scatter_reduce(1, wide, src[1:], "prod", include_self=False)
    x.scatter_reduce(1, wide, src[1:], "amin")
    x.scatter_reduce(1, wide * 0, src[1:] * 0 + 9, "amax")
    x.scatter_reduce(1, wide * 0, src[1:] * 0 - 9, "amin")
    n.scatter_reduce(0, wide, nsrc, "sum")
    n.scatter_reduce(0, wide, nsrc, "mean")
    n.scatter_reduce(0, wide, nsrc, "mean", include_self=False)
    n.scatter_reduce(0, wide, nsrc, "prod")
    n.scatter_reduce(0, wide, nsrc, "prod", include_self=False)
    n.scatter_reduce(0, wide, nsrc, "amax")
    n.scatter_reduce(0, wide, nsrc, "amin", include_self=False)
    x.detach().scatter_reduce(0, wide, src.detach() * t.tensor([1, float("nan"), 1, 1]), "amin")
    x.detach().scatter_reduce(0, wide, src.detach() * t.tensor([1, float("nan"), 1, 1]), "amax")
    x.scatter_reduce(0, wide[:0], src[:0], "amax")
    x.index_add(0, i, two)
    x.index_add(0, i, two, alpha=-2)
    x.index_add(1, i, src[:, :2])
    x.index_add(-1, i.int() * 0, src[:, :2])
    c.index_add(1, i, c[:, 1:] * 3)
    s.index_add(0, t.tensor(0), one)
    n.index_add(0, i, nsrc[:2], alpha=3)
    ins("index_add_", x.detach(), 0, i, two)
    x.index_copy(0, i, two)
    x.index_copy(1, i + 1, src[:, 2:])
    c.index_copy(2, i, c[..., 1:3])
    s.index_copy(0, t.tensor([0]), one)
    ins("index_copy_", x.detach(), 0, i, two)
    x.index_fill(0, i, 7.0)
    x.index_fill(1, t.tensor([-1, 0]), 7)
    x.index_fill(1, t.tensor([-1, 0]) + 0, 7)
    x.index_fill(1, i, one)
    x.index_fill(0, t.tensor(1), 7.0)
    s.index_fill(0, t.tensor([0]), 7.0)
    n.index_fill(0, i, 7)
    ins("index_fill_", x.detach(), 0, i, 1.0)
    x.index_put((i,), two)
    x.index_put([i], row)
    x.index_put((i, i), row[:2])
    x.index_put((t.tensor([0, 0]),), two, accumulate=True)
    x.index_put((t.tensor([0, 0]), t.tensor([1, 1])), one, accumulate=True)
    x.index_put((m,), one)
    x.index_put((m,), one, True)
    ins("index_put_", x.detach(), (i,), two)
    x.put(t.tensor([0, -1]), row[:2])
    x.put(t.tensor([[0, 0]]), row[:2].reshape(2, 1), accumulate=True)
    ins("put_", x.detach(), t.tensor([0, -1]), row[:2])
    x.masked_scatter(m, src)
    x.masked_scatter(x > 0, src)
    x.masked_scatter(m[0], src)
    y.masked_scatter(t.ones(2, 5, dtype=t.bool), src)
    x.masked_scatter(x > 99, t.zeros(0, dtype=x.dtype))
    ins("masked_scatter_", x.detach(), m, src)
    """,
)

TABLES["diagonals and triangles"] = (
    """
    x = normal(3, 4)
    y = normal(3)
    c = normal(2, 3, 4)
    q = normal(4, 2, 3, 3)
    n = whole(3, 3)
    b = bits(3, 3)
    """,
    """
    x.diagonal()
    x.diagonal(1)
    x.diagonal(-2)
    x.diagonal(9)
    x.t().diagonal(1)
    x[:, ::2].diagonal()
    x[1:].diagonal(-1).stride()
    x.diagonal(1).stride(), x.diagonal(1).storage_offset()
    x.diagonal(-1).stride(), x.diagonal(-1).storage_offset()
    x.diagonal(-9).stride(), x.diagonal(-9).storage_offset()
    c.diagonal(0, 0, 2).stride(), c.diagonal(1, 2, 1).storage_offset()
    c.diagonal()
    c.diagonal(0, 0, 2)
    c.diagonal(1, 2, 1)
    c.diagonal(-1, -1, -2)
    q.diagonal(1, 1, 3)
    x.diag()
    x.diag(-1)
    y.diag()
    y.diag(2)
    y.diag(-1)
    t.diag_embed(y)
    t.diag_embed(x, 1)
    t.diag_embed(x, -2)
    t.diag_embed(x, 1, 0, 2)
    t.diag_embed(x, -1, 2, 0)
    c.diag_embed(0, 1, 3)
    x.tril()
    x.tril(1)
    x.tril(-9)
    x.triu()
    x.triu(-1)
    x.triu(2)
    q.tril(1)
    q.triu(-1)
    n.tril()
    b.triu()
    ins("tril_", x.detach())
    ins("triu_", x.detach(), 1)
    t.tril_indices(3, 4)
    t.tril_indices(3, 4, 1)
    t.tril_indices(4, 3, offset=-1, dtype=t.int32)
    t.triu_indices(3, 4)
    t.triu_indices(4, 3, 1)
    t.triu_indices(0, 4)
    """,
)

TABLES["counting and searching"] = (
    """
    x = normal(3, 4)
    n = whole(3, 4)
    v = np.array([3, 1, 2, 1, 1, 3])
    rows = np.array([[3, 1], [2, 1], [3, 1], [3, 0]])
    f = np.array([2.0, nan, 1.0, nan, 2.0])
    b = bits(5)
    steps = np.array([1.0, 2.0, 2.0, 4.0])
    lines = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 4.0]])
    values = np.array([[0.0, 2.0, 9.0, 2.5], [2.0, 1.0, 4.0, 4.5]])
    many = whole(40, low=0, high=30)
    """,
    """
    n.nonzero()
    n.nonzero(as_tuple=True)
    t.nonzero(b)
    t.argwhere(n > 0)
    t.tensor(3.0).nonzero()
    t.tensor(0.0).nonzero()
    t.tensor(3.0).nonzero(as_tuple=True)
    t.zeros(0, 3).nonzero()
    f.detach().nonzero()
    t.where(n > 2)
    t.bincount(v)
    t.bincount(v, minlength=9)
    v.bincount(t.tensor([0.5, 0.25, 1, 1, 1, 1]))
    v.bincount(t.tensor([0.5, 0.25, 1, 1, 1, 1], dtype=t.float64))
    v.bincount(t.tensor([1, 2, 3, 4, 5, 6]))
    t.bincount(v.to(t.uint8))
    t.bincount(v[:0])
    t.unique(v)
    v.unique(return_inverse=True)
    v.unique(return_counts=True)
    v.unique(return_inverse=True, return_counts=True)
    rows.unique(return_inverse=True, return_counts=True)
    rows.unique(dim=0, return_inverse=True, return_counts=True)
    rows.unique(dim=1, return_inverse=True)
    f.detach().unique(return_counts=True)
    b.unique(return_inverse=True)
    v[:0].unique(return_counts=True)
    t.unique_consecutive(v)
    v.unique_consecutive(return_inverse=True, return_counts=True)
    rows.unique_consecutive(return_inverse=True)
    rows.sort(0).values.unique_consecutive(dim=0, return_inverse=True, return_counts=True)
    f.detach().unique_consecutive(return_counts=True)
    v[:0].unique_consecutive(return_counts=True)
    t.searchsorted(steps.detach(), values.detach())
    t.searchsorted(steps.detach(), values.detach(), right=True)
    t.searchsorted(steps.detach(), values.detach(), side="right", out_int32=True)
    t.searchsorted(steps.detach(), values.detach(), side="left")
    t.searchsorted(steps.detach(), 2)
    t.searchsorted(steps.detach(), 2.0, right=True)
    t.searchsorted(lines.detach(), values.detach())
    t.searchsorted(lines.detach(), values.detach(), right=True)
    t.searchsorted(steps.detach(), f.detach())
    t.searchsorted(steps.detach(), f.detach(), right=True)
    t.searchsorted(v, v, sorter=v.argsort())
    t.searchsorted(many.sort().values, many)
    t.searchsorted(steps.detach(), t.zeros(2, 0, dtype=steps.dtype))
    t.bucketize(values.detach(), steps.detach())
    t.bucketize(values.detach(), steps.detach(), right=True, out_int32=True)
    t.bucketize(2.5, steps.detach())
    t.bucketize(n, t.tensor([-2, 0, 2]))
    t.isin(n, v)
    t.isin(n, many)
    t.isin(n, 2)
    t.isin(2, n)
    t.isin(n, many, invert=True)
    t.isin(n, t.tensor([], dtype=t.int64))
    t.isin(n, t.tensor([2.0, 0.5]))
    t.isin(f.detach(), f.detach())
    t.isin(many, many[:20] + 3, assume_unique=False)
    """,
)

TABLES["order"] = (
    """
    x = normal(3, 4)
    c = normal(2, 3, 4)
    s = normal()
    n = whole(4, 5)
    odd = np.array([[3.0, nan, 1.0, 2.0], [nan, 0.5, nan, -inf], [1.0, 4.0, 2.0, 3.0]])
    b = bits(6)
    e = normal(0, 3)
    """,
    """
    x.sort()
    x.sort(0)
    x.sort(descending=True)
    x.sort(0, True)
    x.sort(stable=True)
    t.sort(x, dim=1, descending=True, stable=True)
    c.sort(1)
    s.sort()
    odd.sort()
    odd.sort(1, descending=True)
    n.sort(stable=True)
    n.sort(dim=0, descending=True, stable=True)
    n.to(t.uint8).sort(stable=True)
    b.sort(stable=True)
    b.sort(stable=True, descending=True)
    e.sort()
    x.half().detach().sort()
    x.bfloat16().detach().sort(descending=True)
    odd.bfloat16().detach().sort(descending=True)
    x.argsort()
    x.argsort(0)
    x.argsort(0, True)
    n.argsort(stable=True, dim=0)
    x.msort()
    s.msort()
    c.msort()
    x.topk(2)
    x.topk(2, 0)
    x.topk(3, dim=1, largest=False)
    x.topk(4)
    x.topk(0)
    c.topk(1, 1)
    s.topk(1)
    odd.topk(2)
    odd.topk(2, largest=False)
    n.topk(1).values
    x.kthvalue(1)
    x.kthvalue(3, 0)
    x.kthvalue(2, 1, keepdim=True)
    c.kthvalue(2, -2, True)
    s.kthvalue(1)
    odd.detach().kthvalue(3).values
    """,
)

TABLES["quantiles"] = (
    """
    x = normal(3, 4)
    c = normal(2, 3, 5)
    s = normal()
    n = whole(4, 5)
    odd = np.array([[3.0, nan, 1.0, 2.0], [nan, 0.5, nan, -inf], [nan, nan, nan, nan]])
    twice = np.array([[2.0, 1.0, 2.0, 1.0, 2.0], [3.0, 3.0, 1.0, 1.0, 0.0]])
    b = bits(6)
    """,
    """
    x.median()
    c.median()
    n.median()
    twice.median()
    s.median()
    odd.median()
    x.median(0)
    x.median(1)
    c.median(1, keepdim=True)
    c.median(dim=-1)
    s.median(0)
    odd.median(1)
    odd[0].median(0, keepdim=True)
    t.zeros(0).median()
    t.zeros(0, dtype=t.int64).median()
    t.zeros(3, 0).median(0)
    x.nanmedian()
    odd.nanmedian()
    odd[:2].nanmedian(1)
    odd[:2].nanmedian(0, keepdim=True)
    odd.detach().nanmedian(1).values
    n.nanmedian()
    t.zeros(0).nanmedian()
    n.mode()
    n.mode(0)
    n.mode(1, keepdim=True)
    twice.mode()
    twice.mode(0)
    x.mode(0)
    s.mode()
    b.mode()
    t.zeros(3, 0).mode(0)
    x.quantile(0.5)
    x.quantile(0.3, 0)
    x.quantile(0.3, 0, keepdim=True)
    x.quantile(0.3, keepdim=True)
    x.quantile(0)
    x.quantile(1)
    c.quantile(0.77, 1)
    x.quantile(t.tensor([0.25, 0.75], dtype=x.dtype), 1)
    x.quantile(t.tensor([0.25, 0.75], dtype=x.dtype), 1, keepdim=True)
    x.quantile(t.tensor([0.25, 0.75], dtype=x.dtype))
    x.quantile(t.tensor([0.25, 0.75], dtype=x.dtype), keepdim=True)
    x.quantile(t.tensor(0.25, dtype=x.dtype), 1)
    x.quantile(t.tensor([], dtype=x.dtype))
    x.quantile(0.3, 1, interpolation="lower")
    x.quantile(0.3, 1, interpolation="higher")
    x.quantile(0.3, 1, interpolation="nearest")
    x.quantile(0.5, 1, interpolation="nearest")
    x.quantile(0.3, 1, interpolation="midpoint")
    s.quantile(0.5)
    s.quantile(0.5, 0)
    odd.detach().quantile(0.5)
    odd.detach().quantile(0.5, 1)
    x.nanquantile(0.3, 0)
    odd[:1].nanquantile(0.5, 1)
    odd.detach().nanquantile(0.5, 1)
    odd.detach().nanquantile(t.tensor([0.1, 0.5], dtype=odd.dtype), 1)
    odd.detach().nanquantile(0.4, interpolation="higher")
    """,
)


def test_the_same_as_pytorch(peers, table_case):
    peers.agree(table_case)


def _random_case(rng: np.random.Generator) -> tuple[str, dict[str, np.ndarray]]:
    """A line, and inputs whose shapes are random and may hold 0 and 1."""
    rank = int(rng.integers(1, 4))
    shape = rng.choice([0, 1, 2, 3, 5], rank, p=[0.05, 0.2, 0.25, 0.25, 0.25])
    dim = int(rng.integers(rank))
    size = int(shape[dim])
    count = int(rng.integers(0, 6)) if size else 0
    along, rows = shape.copy(), shape.copy()
    along[dim] = rows[dim] = count
    smaller = np.array([n if k == dim else rng.integers(0, n + 1) for k, n in enumerate(along)])
    draw = lambda *s: rng.normal(size=s)  # noqa: E731
    arrays = {
        "x": draw(*shape),
        "place": rng.integers(0, max(size, 1), smaller),
        "src": draw(*smaller),
        "row": rng.integers(0, max(size, 1), count),
        "rows": draw(*rows),
        "mask": rng.random(shape) < 0.5,
        "many": draw(int(np.prod(shape))),
    }
    lines = [
        f"x.gather({dim}, place)",
        f"x.scatter_add({dim}, place, src)",
        f"x.index_select({dim}, row)",
        f"x.index_add({dim}, row, rows)",
        "x.masked_select(mask)",
        "x.masked_scatter(mask, many)",
        f"x.narrow({dim}, {size - count % (size + 1)}, {count % (size + 1)})",
        f"x.argsort({dim})",
        f"x.sort({dim}, descending=True)",
        f"x.topk({count % (size + 1)}, {dim})",
    ]
    if size:
        lines += [
            f'x.scatter_reduce({dim}, place, src, "{kind}", include_self={own})'
            for kind in ("sum", "mean", "prod", "amax", "amin")
            for own in (True, False)
        ]
    if size and all(shape):
        lines += [f"x.median({dim})", f"x.quantile(0.37, {dim})", f"x.kthvalue(1, {dim})"]
    line = str(rng.choice(lines))
    if rng.random() < 0.5:  # indices that are not computed yet
        line = re.sub(r"\b(place|row)\b", r"(\1 + 0)", line)
    return line, arrays


@pytest.mark.parametrize("seed", range(60))
def test_random_shapes(peers, seed):
    rng = np.random.default_rng(seed)
    for _ in range(12):
        line, arrays = _random_case(rng)
        outcomes = []
        seeds = None
        for library in (peers.torch, peers.gd):
            names = {k: library.tensor(a) for k, a in arrays.items()}
            for name in ("x", "src", "rows", "many"):
                names[name].requires_grad_()
            found = eval(line, names)
            found = list(found) if isinstance(found, tuple) else [found]
            if seeds is None:
                seeds = [rng.normal(size=tuple(f.shape)) for f in found]
            for result, cotangent in zip(found, seeds):
                if result.requires_grad:
                    result.backward(library.tensor(cotangent))
            outcomes.append((found, [names[k].grad for k in ("x", "src", "rows", "many")]))
        what = f"{line} of {[(k, a.shape) for k, a in arrays.items()]}"
        for theirs, ours in zip(outcomes[0][0], outcomes[1][0], strict=True):
            peers.assert_same(ours, theirs, what)
        for theirs, ours in zip(outcomes[0][1], outcomes[1][1]):
            if theirs is None:
                assert ours is None or not ours.numpy().any(), what
            elif ours is None:
                assert not theirs.numpy().any(), what
            else:
                peers.assert_same(ours, theirs, f"gradient of {what}")


# Each line raises in both libraries; ours is of the same builtin class.
ERRORS = """
x[5]
x[0, 5]
x[-4]
x[0, 0, 0]
s[0]
s[:]
x[1.5]
x["a"]
x[::-1]
x[::0]
x[0:1.5]
x[{1: 2}]
x[{1, 2}]
x[object()]
x[[0, 9]]
x[[0, -9]]
x[:, [0, 9]]
x[[0], [9]]
x[t.tensor([0.5])]
x[t.tensor([0], dtype=t.int16)]
x[t.tensor(0.5)]
x[[0, 1], [0, 1, 2]]
x[t.tensor([True, False])]
x[:, t.tensor([True, False])]
x[t.ones(3, 4, 2, dtype=t.bool)]
t.zeros(0, 4)[0]
t.zeros(0, 4)[[0]]
x[..., ..., 0]
x.__setitem__(5, 1)
x.__setitem__((0, 0, 0), 1)
x.__setitem__(0, [1, 2, 3, 4])
x.__setitem__(0, "a")
x.__setitem__(0, None)
x.__setitem__(0, t.ones(2, 4))
x.__setitem__(0, t.ones(3))
x.__setitem__(t.tensor([0, 1]), t.ones(3))
x.__setitem__(t.tensor([0, 1]), t.tensor([1, 2, 3, 4]))
x.__setitem__(x > 4, t.ones(2))
x.__setitem__(x > 4, t.ones(8))
x.__setitem__([[0], [7]], 1)
x.__setitem__(slice(None, None, -1), 1)
n.__setitem__(0, float("nan"))
n.__setitem__(0, float("inf"))
n.byte().__setitem__(0, 300)
n.byte().__setitem__([0], 300)
w.__setitem__(0, 1)
w.__setitem__([0], 1)
w.__setitem__(w > 0, 1)
x[:1].expand(3, 4).__setitem__(slice(0, 2), 1)
x.select(0, 5)
x.select(0, -4)
x.select(5, 0)
x.select(0, True)
s.select(0, 0)
x.narrow(0, 2, 3)
x.narrow(0, -5, 1)
x.narrow(0, 4, 0)
x.narrow(0, 0, -1)
s.narrow(0, 0, 1)
x.index_select(0, t.tensor([0, 3]))
x.index_select(0, t.tensor([0, -1]))
x.index_select(0, t.tensor([[0, 1]]))
x.index_select(0, t.tensor([0.0]))
s.index_select(0, t.tensor([0, 0]))
x.gather(0, t.tensor([[0, 9]]))
x.gather(1, t.tensor([[0, -1]]))
x.gather(1, t.tensor([0]))
x.gather(1, t.zeros(4, 1, dtype=t.int64))
x.gather(1, t.zeros(1, 1))
x.gather(5, t.tensor([[0]]))
x.take(t.tensor([0, 12]))
x.take(t.tensor([0, -13]))
x.take(t.tensor([0.0]))
x.take(t.tensor([0], dtype=t.int32))
t.zeros(0).take(t.tensor([0]))
t.take_along_dim(x, t.tensor([0, 5]), 1)
t.take_along_dim(x, t.tensor([[0.0, 1]]), 1)
x.masked_select(t.tensor([1, 0, 1, 0]))
x.masked_select(t.tensor([True, False, True]))
F.one_hot(t.tensor([0, 2]), 2)
F.one_hot(t.tensor([0, -1]), 2)
F.one_hot(t.tensor([0, -1]))
F.one_hot(t.tensor([0.0]), 2)
F.one_hot(t.tensor([], dtype=t.int64))
F.one_hot(t.tensor([0]), 0)
F.one_hot(t.tensor(0), -2)
t.embedding(x, t.tensor([0, 5]))
t.embedding(x, t.tensor([0, -1]))
t.embedding(x, t.tensor([0.0]))
t.embedding(x[0], t.tensor([0]))
x.scatter(0, t.tensor([[0, 1, 2]]), t.ones(1, 2))
x.scatter(0, t.tensor([[0, 1, 2]]), t.ones(2, 3).double())
x.scatter(0, t.tensor([[0, 1, 3]]), 5.0)
x.scatter(0, t.tensor([[0, 1, -1]]), 5.0)
x.scatter(0, t.tensor([0, 1]), 5.0)
x.scatter(0, t.tensor([[0, 1, 2, 0, 0]]), 5.0)
x.scatter(0, t.tensor([[0, 1, 2]]), 5.0, reduce="foo")
x.scatter(0, t.tensor([[0, 1, 2]]), t.tensor(5.0))
x.scatter(0, t.tensor([[0.0, 1, 2]]), 5.0)
x.scatter_add(0, t.tensor([[0, 1, 2]]), t.tensor([[1, 2, 3]]))
x.scatter_add(0, t.tensor([[0, 1, 5]]), t.ones(1, 3))
x.scatter_add(0, t.tensor([0, 1, 2]), t.ones(1, 3))
x.scatter_reduce(0, t.tensor([[0, 1, 2]]), t.ones(1, 3), "foo")
x.scatter_reduce(0, t.tensor([[0, 1, 5]]), t.ones(1, 3), "amax")
x.index_add(0, t.tensor([0, 5]), t.ones(2, 4))
x.index_add(0, t.tensor([0, -1]), t.ones(2, 4))
x.index_add(0, t.tensor([0, 1]), t.ones(3, 4))
x.index_add(0, t.tensor([0, 1]), t.ones(2, 3))
x.index_add(0, t.tensor([0, 1]), t.ones(2))
x.index_add(0, t.tensor([0, 1]), t.ones(2, 4).double())
x.index_add(0, t.tensor(0), t.ones(4))
x.index_add(0, t.tensor([[0]]), t.ones(1, 4))
x.index_add(0, t.tensor([0.0]), t.ones(1, 4))
s.index_add(0, t.tensor([0]), t.ones(1))
x.index_copy(0, t.tensor([0, 2]), t.ones(2, 4).double())
x.index_copy(0, t.tensor([0, 2]), t.ones(1, 4))
x.index_copy(0, t.tensor([0, 2]), t.ones(2))
x.index_copy(0, t.tensor([0, 3]), t.ones(2, 4))
x.index_copy(0, t.tensor([0, -1]), t.ones(2, 4))
x.index_copy(0, t.tensor([[0, 1]]), t.ones(2, 4))
x.index_copy(0, t.tensor([0, 1], dtype=t.int32), t.ones(2, 4))
x.index_copy(0, t.tensor(0), t.tensor(1.0))
x.index_fill(0, t.tensor([0, 3]), 7.0)
x.index_fill(0, t.tensor([[0]]), 7.0)
x.index_fill(0, t.tensor([0]), t.tensor([7.0]))
x.index_fill(0, t.tensor([0], dtype=t.int32), 7)
x.index_put((t.tensor([0]),), 5.0)
x.index_put((0,), t.tensor(5.0))
x.index_put((t.tensor([0]),), t.tensor(5))
x.put(t.tensor([0, -1]), t.tensor([5.0, 6, 7]))
x.put(t.tensor([0, 12]), t.tensor([5.0, 6]))
x.put(t.tensor([0, 1]), t.tensor([5, 6]))
x.masked_scatter(x > 4, t.arange(3.0))
x.masked_scatter(x > 4, t.arange(20))
x.masked_scatter(x, t.arange(20.0))
x.masked_scatter(x > 4, t.zeros(0))
x.diagonal(0, 0, 0)
x[0].diagonal()
s.diag()
t.ones(2, 2, 2).diag()
t.diag_embed(x, 0, 1, 1)
t.diag_embed(s)
x[0].tril()
t.tril_indices(3, -1)
t.bincount(t.tensor([0, -1]))
t.bincount(t.tensor([[0, 1]]))
t.bincount(t.tensor([0.0]))
t.bincount(t.tensor([0]), minlength=-1)
t.bincount(t.tensor([0, 1]), t.tensor([1.0]))
t.searchsorted(x[0], 2.0, side="left", right=True)
t.searchsorted(x[0], 2.0, side="foo")
t.searchsorted(x, t.tensor([2.0, 2.0]))
t.searchsorted(x, 2.0)
t.searchsorted(s, t.tensor([2.0]))
t.searchsorted(x[0], x[0], sorter=t.tensor([1, 2]))
t.searchsorted(x[0], x[0], sorter=x[0])
t.searchsorted(x[0], x[0], sorter=t.tensor([1, 2, 3, 7]))
t.bucketize(x[0], x)
t.isin(1, 2)
x.sort(5)
x.topk(5)
x.topk(-1)
s.topk(2)
t.tensor([True]).topk(1)
x.kthvalue(0)
x.kthvalue(5)
t.zeros(0).kthvalue(1)
t.zeros(0, 3).median(0)
t.tensor([True]).median()
t.zeros(0).mode()
x.quantile(t.tensor([0.25]).double())
x.quantile(t.tensor([[0.25]]))
x.quantile(1.5)
x.quantile(t.tensor([1.5]))
n.quantile(0.5)
x.half().quantile(0.5)
t.zeros(0).quantile(0.5)
t.zeros(0, 3).quantile(0.5, 0)
x.quantile(0.5, interpolation="foo")
x.quantile("a")
""".strip().split("\n")

BUILTINS = (IndexError, TypeError, ValueError, NotImplementedError, RuntimeError)


def _error(library, line: str) -> Exception | None:
    names = {
        "t": library,
        "F": library.nn.functional,
        "x": library.arange(12.0).reshape(3, 4),
        "n": library.arange(12).reshape(3, 4),
        "s": library.tensor(3.0),
        "w": library.ones(3, requires_grad=True),
    }
    try:
        result = eval(line, names)
        str(result)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("line", ERRORS)
def test_errors_have_the_same_class(peers, line):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = _error(peers.torch, line)
    assert theirs is not None, "PyTorch accepts it"
    kind = next(kind for kind in BUILTINS if isinstance(theirs, kind))
    ours = _error(peers.gd, line)
    assert isinstance(ours, peers.gd.Error), f"PyTorch: {theirs!r}, here: {ours!r}"
    if kind is NotImplementedError:  # a dtype that is not supported: ours are RuntimeErrors
        kind = RuntimeError
    assert isinstance(ours, kind), f"PyTorch: {theirs!r}, here: {ours!r}"
    assert "\n" not in str(ours)


NAMES = """
g[0]
g[0:2]
g[:]
g[...]
g[None]
g[()]
g[:, :]
g[0:2, 0]
g[0, 0:2]
g[0, :]
g[:, 0]
g[0, None]
g[[0, 1]]
g[:, [0, 1]]
g[g > 3]
g[t.tensor(1)]
g[True]
g[0:1, [0, 1]]
g.select(0, 1)
g.narrow(0, 1, 1)
g.index_select(0, t.tensor([1]))
g.gather(0, t.tensor([[1]]))
g.take(t.tensor([1]))
t.take_along_dim(g, t.tensor([[0, 1]]), 1)
g.masked_select(g > 3)
t.embedding(g, t.tensor([1]))
g.scatter(0, t.tensor([[1]]), 5.0)
g.scatter(0, t.tensor([[1]]), g * 2)
g.scatter_add(0, t.tensor([[1]]), g * 2)
g.scatter_reduce(0, t.tensor([[1]]), g * 2, "amax")
g.index_add(0, t.tensor([0]), g[:1])
g.index_copy(0, t.tensor([0]), g[:1])
g.index_fill(0, t.tensor([0]), 1.0)
g.index_fill(0, t.tensor([0]), t.tensor(1.0))
g.index_put((t.tensor([0]),), t.tensor(1.0))
g.put(t.tensor([0]), t.tensor([1.0]))
g.masked_scatter(g > 3, g)
g.diagonal()
g.diag()
g[0].diag()
t.diag_embed(g)
g.tril()
g.triu()
g.sort()
g.msort()
g.topk(1)
g.kthvalue(1)
g.median()
g.median(0)
g.nanmedian()
g.nanmedian(0)
g.mode()
g.quantile(0.5)
g.nanquantile(0.5, 0)
put(g.clone(), 0, 1.0)
put(g.clone(), [0], 1.0)
put(g.clone(), g > 3, 1.0)
put(g.clone(), (slice(0, 1), [0]), 1.0)
put(g.clone(), slice(None), g * 2)
put(g.clone(), (), g * 2)
put(g.clone()[0:2], 0, 1.0)
put(g.clone()[0:2], [0], 1.0)
put(t.zeros(3), 0, g[0, 0])
put(t.zeros(3, 4), slice(None), g)
""".strip().split("\n")


def _put(x, index, value):
    x[index] = value
    return x


@pytest.mark.parametrize("line", NAMES)
def test_the_repr_is_the_same(peers, line):
    texts = []
    for library in (peers.torch, peers.gd):
        g = library.arange(12.0).reshape(3, 4).requires_grad_()
        texts.append(repr(eval(line, {"t": library, "g": g, "put": _put})))
    assert texts[1] == texts[0]
