"""Common mistakes: where PyTorch raises, so does Gradatim, and the same `except` catches both."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import gradatim as gd  # noqa: E402

# Over x: float32 (2, 3); y: float32 (4,); n: int64 (2, 3); b: bool (2, 3); e: (0, 3); g: a leaf
# (2, 3) that requires a gradient; `t` is the library.
MISTAKES = """
x + y
x @ x
x @ y
y @ x
x @ n.T
x.mm(y)
x.bmm(x)
y.dot(x)
y.dot(x[0])
b @ b.T
t.mv(y, y)
t.addmm(y, x, x.T)
t.outer(x, y)
t.tensordot(x, y, 1)
t.einsum('ij,jk', x, x)
t.einsum('ijk', x)
t.einsum('ij->ik', x)
t.einsum('i1', x)
t.matmul(x[0, 0], x)
x.matrix_power(2)
n.mean()
n.var()
n.norm()
b.argmax()
x.sum(2)
x.sum(-3)
x.sum((0, 0))
x.sum('rows')
x.mean(1.5)
e.max()
e.max(0)
e.argmax()
e.amin(0)
x.argmax((0, 1))
x.max((0, 1))
x.cumsum()
x.cumsum(5)
t.sum([1.0, 2.0])
t.exp('x')
t.trace(y)
x.view(4)
x.view(-1, -1)
x.view(5, -1)
x.T.view(6)
x.reshape(7)
x.reshape(-2, 3)
x.transpose(0, 2)
x.permute(0)
x.permute(0, 0)
x.expand(3, 3)
x.expand(-1)
x.squeeze(3)
x.unsqueeze(4)
x.flatten(1, 0)
x.split(0)
x.split([1, 2, 3])
x.chunk(0)
x.unbind(2)
x.repeat(2)
x.flip(2)
x.roll((1, 2), 0)
x.t().t().unsqueeze(0).t()
t.cat([x, y])
t.cat([])
t.cat([x, x], 2)
t.stack([x, y])
t.stack([])
t.tensor([[1, 2], [3]])
t.tensor('text')
t.tensor([1, 'a'])
t.tensor([None])
t.zeros(-1)
t.zeros(2, 'a')
t.zeros(2.5)
t.arange(0, 5, 0)
t.arange(5, 0)
t.linspace(0, 1, -1)
t.full((2,), 'a')
t.eye(-1)
x.to('nowhere')
x.to(t.tensor)
n.requires_grad_()
t.tensor([1], requires_grad=True)
x.backward()
g.backward()
g.sum().backward(t.ones(2))
g.add_(1)
g.exp().sum().item() and g.exp().item()
g.numpy()
bool(x)
float(x)
int(x)
x.item()
len(x[0, 0])
[v for v in x[0, 0]]
if_(x)
n.add_(1.5)
n.div_(2)
b.add_(1)
x.add_(t.ones(2, 2, 3))
x.copy_(y)
x.fill_(y)
x[0, 0].expand(3).add_(1)
n.pow(-1)
n // 0
n % 0
-b
b - b
1 - b
~x
x & x
x << 1
x.clamp()
x.masked_fill(n, 0)
x.masked_fill(b, y)
t.where(x, x, x)
t.where(b, x, y)
t.lerp(x, x.double(), 0.5)
t.isclose(x, x.double())
x.grad_fn.nothing
x.no_such_method()
t.no_such_function(x)
x.unflatten(1, (2, 2))
t.set_default_dtype(t.int32)
x.div(y, rounding_mode='up')
x + 'a'
x + None
x * [1, 2, 3]
x < 'a'
'a' + x
x @ 2
t.broadcast_tensors(x, y)
t.broadcast_shapes((2,), (3,))
t.meshgrid(x, y, indexing='ab')
t.from_numpy([1, 2])
t.nn.functional.pad(x, (1, 2, 3))
t.nn.functional.linear(x, x.T)
t.nn.functional.linear(x, x, y)
t.nn.functional.softmax(x, 2)
t.nn.functional.nll_loss(x, n)
t.nn.functional.cross_entropy(x, n[0])
t.nn.functional.mse_loss(x, y)
t.nn.functional.one_hot(x)
t.nn.functional.binary_cross_entropy(x, y)
"""


def if_(tensor):
    return 1 if tensor else 0


def failure(lib, line):
    names = {
        "t": lib,
        "if_": if_,
        "x": lib.arange(6.0).reshape(2, 3),
        "y": lib.arange(4.0),
        "n": lib.arange(6).reshape(2, 3),
        "b": lib.arange(6).reshape(2, 3) > 2,
        "e": lib.zeros(0, 3),
        "g": lib.ones(2, 3, requires_grad=True),
    }
    try:
        result = eval(line, names)
        str(result)  # a mistake that depends on values shows when they are computed
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("line", list(filter(None, MISTAKES.split("\n"))))
@pytest.mark.filterwarnings("ignore")
def test_the_same_exception(line):
    theirs, ours = failure(torch, line), failure(gd, line)
    assert theirs is not None, "no mistake"
    assert ours is not None, f"PyTorch raises {type(theirs).__name__}: {theirs}"
    expected = RuntimeError if isinstance(theirs, NotImplementedError) else type(theirs)
    assert isinstance(ours, expected), f"{type(ours).__mro__}: {ours}; PyTorch: {theirs}"


OURS = [
    line
    for line in filter(None, MISTAKES.split("\n"))
    if not line.startswith(
        ("len(", "x.no_", "t.no_", "x.grad_fn", "x.cumsum()", "x + ", "x * ", "x <")
    )
    and line not in ("x @ 2", "'a' + x")
]


@pytest.mark.parametrize("line", OURS)
@pytest.mark.filterwarnings("ignore")
def test_the_error_is_one_of_ours_in_one_line(line):
    error = failure(gd, line)
    assert isinstance(error, gd.Error), repr(error)
    assert "\n" not in str(error)
    assert len(str(error)) > 15
