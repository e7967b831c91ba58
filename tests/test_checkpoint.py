"""Checkpoints: the same numbers and gradients, from values that are computed twice and not kept."""

from collections import Counter

import numpy as np
import pytest

import gradatim as gd
from gradatim.engines.llvm.schedule import schedule
from gradatim.graph.program import close, trace
from gradatim.graph.rewrite import simplify
from gradatim.utils.checkpoint import checkpoint, checkpoint_sequential

WIDTH, ROWS = 16, 256


def blocks(count=4):
    gd.manual_seed(0)
    nn = gd.nn
    return [
        nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Dropout(0.3), nn.Linear(4 * WIDTH, WIDTH),
            nn.Tanh(),
        )
        for _ in range(count)
    ]  # fmt: skip


def step(made, x, call):
    gd.manual_seed(1)
    for block in made:
        block.zero_grad()
    for block in made:
        x = call(block, x)
    return (x**2).mean()


def plainly(block, x):
    return block(x)


def twice(block, x):
    return checkpoint(block, x, use_reentrant=False)


def parameters(made):
    return [p for block in made for p in block.parameters()]


def program(made, x, call):
    loss = step(made, x, call)
    loss.backward()
    grads = [p.grad._read() for p in parameters(made)]
    return simplify(close(trace([loss._read(), *grads])))


def gradients(made, x, call, look=False):
    loss = step(made, x, call)
    if look:
        loss.item()
    loss.backward()
    return [loss.item(), *[p.grad.numpy().copy() for p in parameters(made)]]


def assert_same(a, b):
    for one, other in zip(a, b):
        np.testing.assert_array_equal(one, other)


def test_the_forward_pass_is_computed_twice_and_memory_falls():
    made, x = blocks(), gd.randn(ROWS, WIDTH)
    once, again = program(made, x, plainly), program(made, x, twice)
    count, more = (Counter(n.primitive.name for n in q.nodes) for q in (once, again))
    assert more["contract"] == count["contract"] + 2 * 4
    assert more["erf"] == 2 * count["erf"]
    assert schedule(again).arena < 0.75 * schedule(once).arena
    assert not any(n.primitive.name == "barrier" for n in again.nodes)


def test_gradients_are_the_same_to_the_bit_dropout_included():
    made, x = blocks(2), gd.randn(ROWS, WIDTH)
    expected = gradients(made, x, plainly)
    assert_same(gradients(made, x, twice), expected)


def test_gradients_are_the_same_whenever_values_are_computed():
    made = [block.double() for block in blocks(2)]
    x = gd.randn(8, WIDTH, dtype=gd.float64)
    expected = gradients(made, x, plainly)
    looked = gradients(made, x, twice, look=True)
    with gd.eager():
        eagerly = gradients(made, x, twice)
    for one, two, three in zip(expected, looked, eagerly):  # sums in another order, float64
        np.testing.assert_allclose(two, one, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(three, one, rtol=1e-10, atol=1e-14)


def test_what_is_looked_at_early_is_not_computed_three_times():
    made, x = blocks(2), gd.randn(ROWS, WIDTH)
    loss = step(made, x, twice)
    loss.item()
    loss.backward()
    grads = [p.grad._read() for p in parameters(made)]
    again = Counter(n.primitive.name for n in simplify(close(trace(grads))).nodes)
    assert again["erf"] == len(made)


def test_in_a_compiled_step():
    made, x = blocks(2), gd.randn(ROWS, WIDTH)
    for block in made:
        block.eval()
    optimizer = gd.optim.SGD(parameters(made), lr=0.1)

    def train(call):
        start = [p.detach().clone() for p in parameters(made)]

        @gd.compile
        def run(data):
            loss = step(made, data, call)
            loss.backward()
            optimizer.step()
            return loss

        losses = [run(x).item() for _ in range(4)]
        with gd.no_grad():
            for p, old in zip(parameters(made), start):
                p.copy_(old)
        return losses

    assert train(twice) == train(plainly)


def test_checkpoints_in_checkpoints():
    made, x = blocks(4), gd.randn(ROWS, WIDTH)

    def whole(h):
        for block in made:
            h = twice(block, h)
        return h

    expected = gradients(made, x, plainly)
    gd.manual_seed(1)
    for block in made:
        block.zero_grad()
    loss = (checkpoint(whole, x, use_reentrant=False) ** 2).mean()
    loss.backward()
    assert_same([loss.item(), *[p.grad.numpy() for p in parameters(made)]], expected)


def test_second_derivatives_and_transforms():
    x = gd.tensor([0.3, 0.7], dtype=gd.float64)

    def f(p):
        return checkpoint(lambda q: (q.sin() * q).exp(), p, use_reentrant=False).sum()

    def g(p):
        return (p.sin() * p).exp().sum()

    for transform in (
        lambda h: gd.func.hessian(h),
        lambda h: gd.func.grad(lambda p: gd.func.grad(h)(p).sum()),
        lambda h: gd.vmap(gd.func.grad(lambda p: h(p[None]))),
        lambda h: gd.func.grad(lambda p: gd.vmap(lambda q: h(q[None]))(p).sum()),
        lambda h: gd.func.jacfwd(gd.func.jacfwd(h)),
    ):
        np.testing.assert_allclose(transform(f)(x).numpy(), transform(g)(x).numpy(), rtol=1e-12)
    leaf = x.clone().requires_grad_()
    (first,) = gd.autograd.grad(f(leaf), [leaf], create_graph=True)
    first.sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), gd.func.hessian(g)(x).sum(0).numpy(), rtol=1e-12)


def test_trees_side_effects_and_data_dependent_control_flow():
    calls = []

    def f(pair, scale=1):
        calls.append(scale)
        a, b = pair["a"], pair["b"]
        c = a * b
        if c.sum() > 0:
            c = c.sin()
        with gd.no_grad():
            d = c * 3
        return [c * d, b.detach() * scale, 7]

    a = gd.tensor([1.0, 2.0], requires_grad=True)
    b = gd.tensor([3.0, 4.0], requires_grad=True)
    out = checkpoint(f, {"a": a, "b": b}, use_reentrant=False, scale=2)
    assert out[2] == 7 and not out[1].requires_grad and out[1].tolist() == [6.0, 8.0]
    out[0].sum().backward()
    found = a.grad.clone(), b.grad.clone()
    a.grad = b.grad = None
    f({"a": a, "b": b})[0].sum().backward()
    np.testing.assert_array_equal(found[0].numpy(), a.grad.numpy())
    np.testing.assert_array_equal(found[1].numpy(), b.grad.numpy())
    assert calls == [2, 1]


def test_hooks_inside_are_called():
    seen = []

    def f(x):
        y = x * 2
        y.register_hook(lambda grad: seen.append(grad.tolist()))
        return y * y

    x = gd.tensor([1.0, 2.0], requires_grad=True)
    checkpoint(f, x, use_reentrant=False).sum().backward()
    assert seen == [[4.0, 8.0]] and x.grad.tolist() == [8.0, 16.0]


def test_sequential_pieces():
    layers = gd.nn.Sequential(*[gd.nn.Linear(4, 4) for _ in range(7)])
    x = gd.randn(3, 4, requires_grad=True)
    y = checkpoint_sequential(layers, 3, x, use_reentrant=False)
    y.sum().backward()
    found = x.grad.clone()
    x.grad = None
    layers(x).sum().backward()
    np.testing.assert_array_equal(found.numpy(), x.grad.numpy())


def test_without_gradients_it_is_a_call():
    with gd.no_grad():
        assert not checkpoint(gd.sin, gd.ones(2, requires_grad=True), use_reentrant=False
                              ).requires_grad  # fmt: skip
    assert checkpoint(gd.sin, gd.zeros(2), use_reentrant=False).tolist() == [0.0, 0.0]


def test_mistakes():
    x = gd.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: b"):
        checkpoint(lambda a, b: a, x, use_reentrant=True, b=1)
    with pytest.raises(ValueError, match="determinism_check should be one of"):
        checkpoint(gd.sin, x, use_reentrant=False, determinism_check="never")
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad"):
        checkpoint(gd.sin, gd.ones(2), use_reentrant=True)
    with pytest.warns(UserWarning, match="should be passed explicitly"):
        checkpoint(gd.sin, x)
    with pytest.raises(ValueError, match="between 1 and 1 segments"):
        checkpoint_sequential([gd.sin], 2, x, use_reentrant=False)
