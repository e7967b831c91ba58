"""What made a tensor, by PyTorch's name for it: `grad_fn=<AddBackward0>` is in every repr."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import gradatim as gd  # noqa: E402

LINES = """
x + 1
x - x
2 * x
x / 3
1 / x
x ** 2
2 ** x
x % 2
-x
x.exp()
x.log()
x.log1p()
x.sqrt()
x.sin()
x.tanh()
x.sigmoid()
x.relu()
x.abs()
x.clamp(0, 1)
x.maximum(x)
x.lerp(x, 0.5)
x.addcmul(x, x)
x.masked_fill(x > 0, 1)
t.where(x > 0, x, x)
x.sum()
x.sum(0)
x.mean()
x.mean(1)
x.prod()
x.prod(0)
x.max()
x.max(0)[0]
x.min()
x.min(1).values
x.amax(0)
t.aminmax(x)[0]
x.var()
x.std(0)
t.var_mean(x)[0]
t.std_mean(x)[1]
x.norm()
x.norm(1, 0)
x.logsumexp(0)
x.nansum()
x.nanmean()
x.cumsum(0)
x.cumprod(1)
x.cummax(0)[0]
x.logcumsumexp(0)
x.dist(x + 1)
x.renorm(2, 0, 1.0)
x.trace()
x.diff()
x @ x.T
x[0] @ x[1]
x @ x[0]
x[0] @ x.T
x[None] @ x.T
x[None] @ x.T[None]
x[None] @ x[0]
x @ x.T[None]
x.mm(x.T)
x[None].bmm(x.T[None])
x.mv(x[0])
x[0].dot(x[1])
x[0].vdot(x[1])
x[0].inner(x[1])
x.inner(x)
x[0].outer(x[1])
t.addmm(x[0, :2], x, x.T)
t.addmv(x[:, 0], x, x[0])
t.baddbmm(x[None, :, :2], x[None], x.T[None])
t.addbmm(x[:, :2], x[None], x.T[None])
t.addr(x, x[:, 0], x[0])
t.tensordot(x, x.T, 1)
t.kron(x, x)
t.cross(x, x)
t.cdist(x, x)
t.pdist(x)
t.einsum('ij,kj->ik', x, x)
t.einsum('ij->ji', x)
t.einsum('ij->', x)
t.einsum('ij,ij->ij', x, x)
F.linear(x, x)
F.linear(x, x, x[:, 0])
F.linear(x[None], x)
F.linear(x[None], x, x[:, 0])
F.linear(x[0], x, x[:, 0])
F.linear(x[0], x)
F.softmax(x, 1)
F.log_softmax(x, 1)
F.mse_loss(x, x)
x.view(6)
x.T.reshape(6)
x.reshape(3, 2)
x.permute(1, 0)
x.transpose(0, 1)
x.T
x.t()
x.expand(4, 2, 3)
x.unsqueeze(0)
x[None].squeeze(0)
x[None].squeeze()
x.flatten()
x.split(1)[0]
x.chunk(2)[0]
x.unbind(0)[0]
x[0]
x[:1]
x[:, 1]
x[[0, 1]]
x[x > 0]
x.select(0, 1)
x.narrow(0, 0, 1)
x.gather(1, t.zeros(2, 1, dtype=t.int64))
x.index_select(0, t.tensor([0]))
x.sort(1)[0]
x.topk(2)[0]
t.cat([x, x])
t.stack([x, x])
x.repeat(2, 1)
x.flip(0)
x.roll(1)
x.clone()
x.double()
x.triu()
x.diagonal()
x.clone().add_(1)
x.clone().mul_(2)
x.clone().relu_()
"""


@pytest.mark.parametrize("line", filter(None, LINES.split("\n")))
def test_the_same_name(line):
    names = []
    for lib in (gd, torch):
        x = lib.tensor([[0.5, 1.5, 2.0], [1.0, 2.5, 3.5]], requires_grad=True)
        result = eval(line, {"t": lib, "F": lib.nn.functional, "x": x})
        names.append(result.grad_fn.name())
    ours, theirs = names
    assert ours == theirs
