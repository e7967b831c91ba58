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
1 - x
x ** x
x.pow(t.tensor(2.))
x % x
x.fmod(2)
x.fmod(x)
x.floor()
x.div(x, rounding_mode='floor')
x.div(2, rounding_mode='trunc')
x.clamp(min=x)
x.clamp_min(0)
x.clamp_max(x)
x.masked_fill(x > 0, t.tensor(1.))
x.lerp(x, x)
x.xlogy(x)
x.squeeze((0, 1))
x.atan2(x)
x.hypot(x)
x.logaddexp(x)
x.copysign(x)
x.addcdiv(x, x)
x.square()
x.reciprocal()
x.rsqrt()
x.round()
x.round(decimals=1)
x.trunc()
x.frac()
x.sign()
x.sgn()
x.neg()
x.nan_to_num()
x.expm1()
x.log2()
x.log10()
x.exp2()
x.erf()
x.erfinv()
x.lgamma()
x.logit()
x.sinc()
x.deg2rad()
x.asin()
x.acosh()
x.minimum(x)
x.fmax(x)
x.float_power(2)
t.where(x > 0, x, 1.)
x.contiguous().T.contiguous()
x.ravel()
x.tile(2)
x.movedim(0, 1)
x.mT
x.unflatten(1, (3, 1))
x.swapaxes(0, 1)
x.view_as(x)
x.expand_as(x)
t.broadcast_to(x, (2, 2, 3))
t.hstack([x, x])
t.vstack([x, x])
t.rot90(x)
x.tensor_split(2)[0]
x[..., 0]
x[None]
x[:, [0, 1]]
x[0, 1]
x[::2]
x.masked_select(x > 0)
x.take(t.tensor([0]))
x.scatter(0, t.zeros(1, 3, dtype=t.int64), 1.)
x.scatter_add(0, t.zeros(1, 3, dtype=t.int64), x)
x.index_add(0, t.tensor([0]), x[:1])
x.index_fill(0, t.tensor([0]), 1.)
x.index_copy(0, t.tensor([0]), x[:1])
x.kthvalue(1)[0]
x.median()
x.median(1)[0]
x.mode(1)[0]
x.diag()
t.diag_embed(x)
x.tril()
F.pad(x, (1, 1))
F.gelu(x)
F.silu(x)
F.leaky_relu(x)
F.softplus(x)
F.elu(x)
F.cross_entropy(x, t.tensor([0, 1]))
F.nll_loss(x, t.tensor([0, 1]))
F.l1_loss(x, x)
F.dropout(x, 0.5)
F.one_hot(t.tensor([1])).float() @ x
x.half()
x.to(t.float64)
x.type(t.float64)
x.clone().sub_(1)
x.clone().div_(2)
x.clone().exp_()
x.clone().clamp_(0, 1)
x.clone().masked_fill_(x > 0, 0)
F.conv1d(x.T, x[:, :, None])
F.conv1d(x.T[None], x[:, :, None])
F.conv2d(x[None, None], x[None, None])
F.conv2d(x[None], x[None, None], x[0, :1])
F.conv_transpose2d(x[None, None], x[None, None])
F.max_pool1d(x, 2)
F.max_pool2d(x[None], 2)
F.max_pool2d(x[None], 2, return_indices=True)[0]
F.max_pool3d(x[None, None], 1)
F.avg_pool1d(x, 2)
F.avg_pool2d(x[None], 2)
F.avg_pool3d(x[None, None], 1)
F.adaptive_avg_pool1d(x, 2)
F.adaptive_avg_pool2d(x[None], 1)
F.adaptive_avg_pool2d(x[None], 2)
F.adaptive_avg_pool3d(x[None, None], 1)
F.adaptive_max_pool1d(x, 2)
F.adaptive_max_pool2d(x[None], 2)
F.unfold(x[None], 2)
F.fold(F.unfold(x[None], 2), (2, 3), 2)
F.batch_norm(x, None, None, training=True)
F.batch_norm(x, x[0].detach(), x[1].detach(), x[0], x[1])
F.layer_norm(x, (3,))
F.layer_norm(x, (3,), x[0], x[1])
F.group_norm(x, 3)
F.instance_norm(x[None])
F.dropout2d(x[None, None])
"""


@pytest.mark.parametrize("line", list(filter(None, LINES.split("\n"))))
def test_the_same_name(line):
    names = []
    for lib in (gd, torch):
        x = lib.tensor([[0.5, 1.5, 2.0], [1.0, 2.5, 3.5]], requires_grad=True)
        result = eval(line, {"t": lib, "F": lib.nn.functional, "x": x})
        names.append(result.grad_fn.name())
    ours, theirs = names
    assert ours == theirs
