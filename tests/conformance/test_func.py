"""torch.func against gradatim.func: the same functions, the same transforms, the same numbers."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
import torch.nn.functional as TF

import gradatim as gd

F = gd.nn.functional
rng = np.random.RandomState(0)


@pytest.fixture(autouse=True)
def the_same_numbers(monkeypatch):
    """Each test draws the same numbers, whichever ran before it."""
    monkeypatch.setitem(globals(), "rng", np.random.RandomState(0))


def pair(*shape, dtype=np.float64):
    array = rng.standard_normal(shape).astype(dtype)
    return gd.from_numpy(array.copy()), torch.from_numpy(array.copy())


def leaves(tree):
    if isinstance(tree, dict):
        return [x for key in sorted(tree) for x in leaves(tree[key])]
    if isinstance(tree, (tuple, list)):
        return [x for part in tree for x in leaves(part)]
    return [tree]


def same(ours, theirs, tol=1e-10):
    ours, theirs = leaves(ours), leaves(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype).split(".")[-1] == str(b.dtype).split(".")[-1]
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tol, atol=tol)


# --- functions of (library, its nn.functional), each with the shapes of its arguments ------------


def mlp(t, f):
    def run(params, x):
        for w, b in params["layers"]:
            x = t.tanh(x @ w + b)
        return (x**2).sum()

    return run, [{"layers": [((3, 4), (4,)), ((4, 2), (2,))]}, (3,)]


def cnn(t, f):
    def run(w1, b1, w2, x):
        x = f.relu(f.conv2d(x, w1, b1, stride=2, padding=1))
        x = f.max_pool2d(x, 2, stride=1)
        x = f.avg_pool2d(f.conv2d(x, w2, groups=2), 2)
        return t.logsumexp(x.flatten(), 0)

    return run, [(4, 2, 3, 3), (4,), (4, 2, 2, 2), (2, 9, 9)]


def attention(t, f):
    def run(q, k, v, x):
        a, b, c = x @ q, x @ k, x @ v
        weights = f.softmax(a @ b.transpose(0, 1) / 2.0, dim=-1)
        return (f.layer_norm(weights @ c, (4,)) * x).sum()

    return run, [(4, 4), (4, 4), (4, 4), (5, 4)]


def odds(t, f):
    def run(x):
        y = t.sort(x)[0].cumsum(0)
        z = t.cat([y[1:], x[:1].expand(2)]).flip(0)
        w = t.where(z > 0, z, z * 0.1)
        return (w * t.linspace(0, 1, 6, dtype=x.dtype)).sum() + x.prod() + x.max() + x.std()

    return run, [(5,)]


def indexing(t, f):
    index = t.tensor([2, 0, 2])

    def run(table, x):
        rows = table[index]
        y = t.index_select(x, 0, index)
        z = y.scatter_add(0, index, x[:3])
        picked = t.gather(table, 1, t.tensor([[0], [1], [1], [0]]))
        return (
            (rows * z[:, None]).sum()
            + (picked**3).sum()
            + f.cross_entropy(table, index[[0, 1, 1, 1]] // 2)
        )

    return run, [(4, 2), (4,)]


def in_place(t, f):
    def run(x):
        y = x * 2
        y[1:3] += x[:2] ** 2
        y.mul_(x)
        y[0] = x[1] * 3
        z = t.zeros_like(x)
        z.copy_(y)
        z.add_(1)
        return (z**2).sum()

    return run, [(5,)]


def norms(t, f):
    def run(w, x):
        y = f.group_norm(x[None], 2)[0] * w[:, None]
        y = f.batch_norm(y.transpose(0, 1), None, None, training=True)
        y = f.gelu(y) + f.silu(y) + f.softplus(y) + f.elu(y)
        return f.huber_loss(y, y.flip(0) * 2) + f.log_softmax(y, -1).mean()

    return run, [(4,), (4, 6)]


FUNCTIONS = [mlp, cnn, attention, odds, indexing, in_place, norms]


def make(shapes):
    if isinstance(shapes, dict):
        pairs = {key: make(value) for key, value in shapes.items()}
        return ({k: v[0] for k, v in pairs.items()}, {k: v[1] for k, v in pairs.items()})
    if isinstance(shapes, list) or (shapes and not isinstance(shapes[0], int)):
        pairs = [make(part) for part in shapes]
        kind = type(shapes)
        return kind(a for a, _ in pairs), kind(b for _, b in pairs)
    return pair(*shapes)


def both(build):
    ours, shapes = build(gd, F)
    theirs, _ = build(torch, TF)
    mine, yours = make(shapes)
    return ours, theirs, mine, yours


def more(shapes, count):
    """The shapes of `count` of each argument."""
    if isinstance(shapes, dict):
        return {key: more(value, count) for key, value in shapes.items()}
    if isinstance(shapes, list) or (shapes and not isinstance(shapes[0], int)):
        return type(shapes)(more(part, count) for part in shapes)
    return (count, *shapes)


@pytest.fixture(params=FUNCTIONS, ids=lambda build: build.__name__)
def case(request):
    return request.param


def test_grad(case):
    ours, theirs, mine, yours = both(case)
    argnums = tuple(range(len(mine)))
    same(gd.func.grad(ours, argnums)(*mine), torch.func.grad(theirs, argnums)(*yours))
    same(gd.func.grad_and_value(ours)(*mine), torch.func.grad_and_value(theirs)(*yours))


def test_jvp(case):
    ours, theirs, mine, yours = both(case)
    _, shapes = case(gd, F)
    moves, theirs_moves = make(shapes)
    same(
        gd.func.jvp(ours, tuple(mine), tuple(moves)),
        torch.func.jvp(theirs, tuple(yours), tuple(theirs_moves)),
    )
    value, move = gd.func.linearize(ours, *mine)
    same((value, move(*moves)), torch.func.jvp(theirs, tuple(yours), tuple(theirs_moves)))


def test_vmap(case):
    ours, theirs, _, _ = both(case)
    _, shapes = case(gd, F)
    mine, yours = make(more(shapes, 3))
    same(gd.vmap(ours)(*mine), torch.vmap(theirs)(*yours))
    same(gd.vmap(ours, chunk_size=2)(*mine), torch.vmap(theirs)(*yours))


def test_vmap_of_the_last_argument_alone(case):
    ours, theirs, mine, yours = both(case)
    _, shapes = case(gd, F)
    many, yours_many = make(more(shapes[-1:], 3))
    dims = (*[None] * (len(mine) - 1), 0)
    same(
        gd.vmap(ours, in_dims=dims)(*mine[:-1], *many),
        torch.vmap(theirs, in_dims=dims)(*yours[:-1], *yours_many),
    )


def test_per_sample_gradients(case):
    ours, theirs, mine, yours = both(case)
    _, shapes = case(gd, F)
    many, yours_many = make(more(shapes[-1:], 3))
    dims = (*[None] * (len(mine) - 1), 0)
    argnums = tuple(range(len(mine)))
    same(
        gd.vmap(gd.func.grad(ours, argnums), in_dims=dims)(*mine[:-1], *many),
        torch.vmap(torch.func.grad(theirs, argnums), in_dims=dims)(*yours[:-1], *yours_many),
    )


def test_grad_of_vmap(case):
    ours, theirs, _, _ = both(case)
    _, shapes = case(gd, F)
    mine, yours = make(more(shapes, 3))

    def total(run, vmap):
        return lambda *args: (vmap(run)(*args) ** 2).sum()

    argnums = tuple(range(len(mine)))
    same(
        gd.func.grad(total(ours, gd.vmap), argnums)(*mine),
        torch.func.grad(total(theirs, torch.vmap), argnums)(*yours),
    )


def test_jvp_of_vmap_and_vmap_of_jvp(case):
    ours, theirs, _, _ = both(case)
    _, shapes = case(gd, F)
    (mine, yours), (moves, yours_moves) = make(more(shapes, 2)), make(more(shapes, 2))
    expected = torch.func.jvp(torch.vmap(theirs), tuple(yours), tuple(yours_moves))
    same(gd.func.jvp(gd.vmap(ours), tuple(mine), tuple(moves)), expected)
    each = gd.vmap(lambda p, t: gd.func.jvp(ours, p, t))
    same(each(tuple(mine), tuple(moves)), expected)


def test_hessian(case):
    ours, theirs, mine, yours = both(case)
    place = len(mine) - 1
    expected = torch.func.hessian(theirs, place)(*yours)
    same(gd.func.hessian(ours, place)(*mine), expected, 1e-9)
    same(gd.func.jacrev(gd.func.jacrev(ours, place), place)(*mine), expected, 1e-9)
    same(gd.func.jacfwd(gd.func.jacfwd(ours, place), place)(*mine), expected, 1e-9)
    same(gd.func.jacrev(gd.func.jacfwd(ours, place), place)(*mine), expected, 1e-9)


# --- structure -----------------------------------------------------------------------------------


def test_in_dims_and_out_dims():
    (a, x), (b, y) = pair(2, 3, 4), pair(3, 5)
    for dims in [(1, 0), (-2, 0), (1, None), ((1), 0)]:
        for out in [0, 1, -1, (1,)]:

            def f(t):
                return lambda p, q: (p @ p.T) * q.sum()

            out_dims = out[0] if isinstance(out, tuple) else out
            same(
                gd.vmap(f(gd), dims, out_dims)(a, b),
                torch.vmap(f(torch), dims, out_dims)(x, y),
            )


@pytest.mark.parametrize("out_dims", [(1, 0), [1, 0], 1])
def test_chunks_are_joined_along_the_dimension_that_out_dims_say(out_dims):
    a, x = pair(5, 2)

    def f(r):
        return r * 2, r + 1

    dims = tuple(out_dims) if isinstance(out_dims, list) else out_dims  # PyTorch takes no list
    same(gd.vmap(f, out_dims=out_dims, chunk_size=2)(a), torch.vmap(f, out_dims=dims)(x))


def test_chunks_of_one_output_take_a_tuple_of_one():
    a, x = pair(5, 2)  # (PyTorch takes it without chunks alone)
    same(gd.vmap(gd.exp, out_dims=(1,), chunk_size=2)(a), torch.vmap(torch.exp, out_dims=(1,))(x))


def test_chunks_share_the_same_random_numbers():
    a, x = pair(5, 2)
    gd.manual_seed(0)
    torch.manual_seed(0)
    same(
        gd.vmap(lambda r: r + gd.rand(2), randomness="same", chunk_size=2)(a),
        torch.vmap(lambda r: r + torch.rand(2), randomness="same", chunk_size=2)(x),
    )


def test_trees_in_and_out():
    (a, x), (b, y) = pair(3, 2), pair(2, 3)

    def f(tree, scale):
        first, (second,) = tree["a"], tree["b"]
        return {"sum": first + second, "parts": [first * scale, (second,)]}, first.sum()

    dims = ({"a": 0, "b": (1,)}, None)
    outs = ({"sum": 0, "parts": [1, (0,)]}, 0)
    same(
        gd.vmap(f, dims, outs)({"a": a, "b": (b,)}, 2.0),
        torch.vmap(f, dims, outs)({"a": x, "b": (y,)}, 2.0),
    )


def test_nested():
    (a, x), (b, y) = pair(3, 2), pair(4, 2)

    def table(vmap, dot):
        return vmap(vmap(dot, (None, 0)), (0, None))

    same(table(gd.vmap, gd.dot)(a, b), table(torch.vmap, torch.dot)(x, y))

    def three(vmap):
        return vmap(vmap(vmap(lambda p: p.sin() * 2), 1, 1))

    c, z = pair(2, 3, 4, 2)
    same(three(gd.vmap)(c), three(torch.vmap)(z))


def test_outputs_that_do_not_differ():
    a, x = pair(3, 2)
    c, z = pair(2)
    for dims in (0, (0, None)):
        ours = gd.vmap(lambda p: (p * 2, c), out_dims=dims)(a)
        same(ours, torch.vmap(lambda p: (p * 2, z), out_dims=dims)(x))


def test_closures_over_what_wants_a_gradient():
    a, x = pair(3, 2)
    w, v = pair(2)
    w.requires_grad_(), v.requires_grad_()
    gd.vmap(lambda p: (p * w).sin().sum())(a).sum().backward()
    torch.vmap(lambda p: (p * v).sin().sum())(x).sum().backward()
    same(w.grad, v.grad)

    def nested(grad):
        return grad(lambda p: grad(lambda q: (p**2 * q**3).sum())(q0).sum())

    q0 = gd.tensor(2.0)
    ours = nested(gd.func.grad)(gd.tensor(3.0))
    q0 = torch.tensor(2.0)
    same(ours, nested(torch.func.grad)(torch.tensor(3.0)))


def test_detach_and_no_grad_inside():
    a, x = pair(3, 4)

    def f(t):
        def run(p):
            with t.no_grad():
                q = p * 3
            return (p * p.detach() + q * p).sum()

        return run

    same(gd.vmap(gd.func.grad(f(gd)))(a), torch.vmap(torch.func.grad(f(torch)))(x))
    ours = gd.func.grad(lambda p: gd.vmap(f(gd))(p).sum())(a)
    same(ours, torch.func.grad(lambda p: torch.vmap(f(torch))(p).sum())(x))


def test_vjp_and_jacobians_of_trees():
    (a, x), (b, y) = pair(3), pair(2)

    def f(p, q):
        return {"outer": p[:, None] * q["b"], "sum": p.sum() + q["b"].prod()}

    for name in ("jacrev", "jacfwd"):
        for argnums in (0, 1, (0, 1)):
            same(
                getattr(gd.func, name)(f, argnums)(a, {"b": b}),
                getattr(torch.func, name)(f, argnums)(x, {"b": y}),
            )
    ours, pull = gd.func.vjp(f, a, {"b": b})
    theirs, yours_pull = torch.func.vjp(f, x, {"b": y})
    (g, h), (s, u) = pair(3, 2), pair()
    same(ours, theirs)
    same(pull({"outer": g, "sum": s}), yours_pull({"outer": h, "sum": u}))
    same(gd.func.jacrev(f, chunk_size=2)(a, {"b": b}), torch.func.jacrev(f)(x, {"b": y}))


def test_aux():
    a, x = pair(3)

    def f(p):
        return (p**2).sum(), {"twice": p * 2}

    same(gd.func.grad(f, has_aux=True)(a), torch.func.grad(f, has_aux=True)(x))
    same(gd.func.grad_and_value(f, has_aux=True)(a), torch.func.grad_and_value(f, has_aux=True)(x))
    same(gd.func.jacrev(f, has_aux=True)(a), torch.func.jacrev(f, has_aux=True)(x))
    same(gd.func.jacfwd(f, has_aux=True)(a), torch.func.jacfwd(f, has_aux=True)(x))
    same(gd.func.jvp(f, (a,), (a,), has_aux=True), torch.func.jvp(f, (x,), (x,), has_aux=True))


def test_in_place_writes_reach_the_mapped_tensor():
    for dim in (0, 1):
        a, x = pair(3, 3)
        ours = gd.vmap(lambda p: p.mul_(2).add_(p.sum()), dim)(a)
        same((ours, a), (torch.vmap(lambda p: p.mul_(2).add_(p.sum()), dim)(x), x))


def test_in_place_writes_of_what_is_the_same():
    (a, x), (c, z) = pair(3, 2), pair(2)
    ours = gd.vmap(lambda p: p * c.add_(1))(a)
    same((ours, c), (torch.vmap(lambda p: p * z.add_(1))(x), z))


# --- random numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_random_draws(randomness):
    a, x = pair(4, 3)

    def f(t, f_):
        def run(p):
            noise = t.randn(3, dtype=t.float64) + t.rand(3, dtype=t.float64)
            mask = t.bernoulli(t.full((3,), 0.5, dtype=t.float64))
            return p + noise * mask + t.randint(0, 9, (3,)) + f_.dropout(p, 0.4), t.randn(
                20, dtype=t.float64
            )

        return run

    gd.manual_seed(3), torch.manual_seed(3)
    ours = gd.vmap(f(gd, F), randomness=randomness)(a)
    same(ours, torch.vmap(f(torch, TF), randomness=randomness)(x))
    same(gd.rand(2), torch.rand(2))  # as much was taken from the stream


def test_nested_random_draws():
    a, x = pair(2, 4)

    def f(t):
        inner = t.vmap(lambda q: q + t.randn((), dtype=t.float64), randomness="different")
        return t.vmap(inner, randomness="different")

    gd.manual_seed(3), torch.manual_seed(3)
    same(f(gd)(a), f(torch)(x))


# --- modules -------------------------------------------------------------------------------------


def models(t):
    return [
        t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.BatchNorm1d(4), t.nn.Linear(4, 2))
        for _ in range(3)
    ]


def test_ensembles():
    gd.manual_seed(0), torch.manual_seed(0)
    ours, theirs = models(gd), models(torch)
    for model in (*ours, *theirs):
        model.eval()
    a, x = pair(5, 3, dtype=np.float32)

    def run(t, made):
        state = t.func.stack_module_state(made)

        def call(p, b, data):
            return t.func.functional_call(made[0], (p, b), (data,))

        return t.vmap(call, in_dims=(0, 0, None))(*state, a if t is gd else x)

    same(run(gd, ours), run(torch, theirs), 1e-5)


def test_per_sample_gradients_of_a_module():
    gd.manual_seed(0), torch.manual_seed(0)

    def make_net(t):
        return t.nn.Sequential(
            t.nn.Conv2d(1, 4, 3, stride=2), t.nn.ReLU(), t.nn.GroupNorm(2, 4),
            t.nn.MaxPool2d(2), t.nn.Flatten(), t.nn.Linear(16, 3),
        ).double()  # fmt: skip

    a, x = pair(6, 1, 10, 10)
    classes = rng.randint(0, 3, 6)

    def run(t, f, net, data, y):
        params = {k: v.detach() for k, v in net.named_parameters()}

        def loss(p, one, target):
            out = t.func.functional_call(net, p, (one[None],))
            return f.cross_entropy(out, target[None])

        return t.vmap(t.func.grad(loss), in_dims=(None, 0, 0))(params, data, y)

    same(
        run(gd, F, make_net(gd), a, gd.from_numpy(classes.copy())),
        run(torch, TF, make_net(torch), x, torch.from_numpy(classes.copy())),
    )


def test_a_compiled_step_with_vmap():
    a, x = pair(4, 3)
    step = gd.compile(
        lambda w, data: gd.vmap(gd.func.grad(lambda p, d: (p * d).sin().sum()), in_dims=(None, 0))(
            w, data
        )
    )
    w, v = pair(3)
    expected = torch.vmap(torch.func.grad(lambda p, d: (p * d).sin().sum()), in_dims=(None, 0))
    for _ in range(3):
        same(step(w, a), expected(v, x))


def test_recurrent_networks():
    gd.manual_seed(0), torch.manual_seed(0)
    ours, theirs = gd.nn.LSTM(3, 4).double(), torch.nn.LSTM(3, 4).double()
    a, x = pair(2, 5, 1, 3)
    w, v = pair(4, 5)  # an own loop

    def rnn(w_, data):
        def step(h, one):
            h = gd.tanh(w_[:, 0] * h + (w_[:, 1:4] @ one))
            return h, h.sum()

        return gd.scan(step, gd.zeros(4, dtype=gd.float64), data)[1]

    def loop(w_, data):
        h, ys = torch.zeros(4, dtype=torch.float64), []
        for one in data:
            h = torch.tanh(w_[:, 0] * h + (w_[:, 1:4] @ one))
            ys.append(h.sum())
        return torch.stack(ys)

    same(gd.vmap(rnn, (None, 0))(w, a[:, :, 0]), torch.vmap(loop, (None, 0))(v, x[:, :, 0]))
    same(gd.func.jacfwd(rnn)(w, a[0, :, 0]), torch.func.jacfwd(loop)(v, x[0, :, 0]))
    same(gd.func.jacrev(rnn)(w, a[0, :, 0]), torch.func.jacfwd(loop)(v, x[0, :, 0]))
    same(
        gd.func.hessian(lambda p: rnn(p, a[0, :, 0]).sum())(w),
        torch.func.hessian(lambda p: loop(p, x[0, :, 0]).sum())(v),
    )
    same(
        gd.vmap(lambda data: ours(data)[0])(a),
        torch.stack([theirs(one)[0] for one in x]),
    )


# --- custom gradients ----------------------------------------------------------------------------


class Cube(gd.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2


def test_custom_functions():
    a, x = pair(4)
    for transform in (
        lambda t, f: t.vmap(t.func.grad(f)),
        lambda t, f: t.func.grad(lambda p: (t.vmap(f)(p) ** 2).sum()),
        lambda t, f: t.func.jacfwd(t.vmap(f)),
        lambda t, f: t.func.jacrev(f),
    ):
        same(transform(gd, Cube.apply)(a), transform(torch, lambda p: p**3)(x))


# --- errors --------------------------------------------------------------------------------------

MISTAKES = {
    "grad of a vector": lambda t: t.func.grad(lambda x: x)(t.ones(1)),
    "grad of integers": lambda t: t.func.grad(lambda x: x.sum())(t.tensor([1, 2])),
    "grad at a number": lambda t: t.func.grad(lambda x: x)(1.0),
    "grad of a tuple": lambda t: t.func.grad(lambda x: (x,))(t.tensor(1.0)),
    "grad, no argnums": lambda t: t.func.grad(lambda x: x.sum(), argnums=())(t.ones(2)),
    "argnums not there": lambda t: t.func.jacrev(lambda x: x, argnums=2)(t.ones(2)),
    "argnums twice": lambda t: t.func.jacfwd(lambda x: x, argnums=(0, 0))(t.ones(2)),
    "vmap over a number": lambda t: t.vmap(lambda x: x)(t.tensor(1.0)),
    "vmap over different sizes": lambda t: t.vmap(lambda x, y: x)(t.ones(2), t.ones(3)),
    "vmap, item": lambda t: t.vmap(lambda x: x.item())(t.ones(2)),
    "vmap, if": lambda t: t.vmap(lambda x: x if x > 0 else -x)(t.ones(2)),
    "vmap, nonzero": lambda t: t.vmap(lambda x: x.nonzero())(t.ones(2, 3)),
    "vmap gives a number": lambda t: t.vmap(lambda x: 1)(t.ones(2)),
    "vmap draws": lambda t: t.vmap(lambda x: t.rand(2))(t.ones(2)),
    "vmap, too many in_dims": lambda t: t.vmap(lambda x: x, in_dims=(0, 0))(t.ones(2)),
    "vmap, in_dims beyond": lambda t: t.vmap(lambda x: x, in_dims=3)(t.ones(2)),
    "vmap, no in_dims": lambda t: t.vmap(lambda x: x, in_dims=None)(t.ones(2)),
    "vmap, out_dims beyond": lambda t: t.vmap(lambda x: x, out_dims=2)(t.ones(2)),
    "vmap, out_dims too few": lambda t: t.vmap(lambda x: (x, x), out_dims=(0,))(t.ones(2)),
    "vmap, out_dims None": lambda t: t.vmap(lambda x: x, out_dims=None)(t.ones(2)),
    "vmap, randomness": lambda t: t.vmap(lambda x: x, randomness="foo")(t.ones(2)),
    "vmap of nothing": lambda t: t.vmap(lambda x: x)(),
    "vmap over an int": lambda t: t.vmap(lambda x: x)(3),
    "vmap, chunk_size": lambda t: t.vmap(lambda x: x, chunk_size=0)(t.ones(2)),
    "vmap writes outside": lambda t: (lambda c: t.vmap(lambda x: c.add_(x))(t.ones(3)))(t.ones(())),
    "jvp, shapes": lambda t: t.func.jvp(lambda x: x, (t.ones(2),), (t.ones(3),)),
    "jvp, no tuple": lambda t: t.func.jvp(lambda x: x, t.ones(2), t.ones(2)),
    "jvp, structure": lambda t: t.func.jvp(lambda x: x, (t.ones(2),), (t.ones(2), t.ones(2))),
    "jvp gives a number": lambda t: t.func.jvp(lambda x: 3, (t.ones(2),), (t.ones(2),)),
    "jvp at nothing": lambda t: t.func.jvp(lambda x: x, (), ()),
    "jvp at a number": lambda t: t.func.jvp(lambda x: x, (1.0,), (1.0,)),
    "jvp of integers": lambda t: t.func.jvp(lambda x: x, (t.tensor([1]),), (t.ones(1),)),
    "vjp gives a number": lambda t: t.func.vjp(lambda x: 3, t.ones(2)),
    "vjp, shapes": lambda t: t.func.vjp(lambda x: x, t.ones(2))[1](t.ones(3)),
    "vjp of integers": lambda t: t.func.vjp(lambda x: x.sum(), t.tensor([1, 2])),
    "functional_call, a name": lambda t: t.func.functional_call(
        t.nn.Linear(2, 2), {"foo": t.ones(1)}, t.ones(2), strict=True
    ),
    "functional_call, a number": lambda t: t.func.functional_call(
        t.nn.Linear(2, 2), {"weight": 3}, t.ones(2)
    ),
    "stack_module_state of nothing": lambda t: t.func.stack_module_state([]),
    "stack_module_state, classes": lambda t: t.func.stack_module_state(
        [t.nn.Linear(2, 2), t.nn.Tanh()]
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_raise_the_same_class(name):
    with pytest.raises(Exception) as theirs:
        MISTAKES[name](torch)
    with pytest.raises(Exception) as ours:
        MISTAKES[name](gd)
    assert isinstance(ours.value, type(theirs.value)), (theirs.value, ours.value)
    assert isinstance(ours.value, gd.Error)
