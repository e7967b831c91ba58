"""gd.scan: a Python function as the body of a loop."""

from collections import namedtuple

import numpy as np
import pytest

import gradatim as gd
from gradatim.realize import state

Pair = namedtuple("Pair", "a b")


@pytest.fixture(autouse=True)
def seed():
    gd.manual_seed(0)


def test_results_of_all_steps_are_stacked():
    total, partial = gd.scan(lambda c, x: (c + x, c), gd.tensor(0.0), gd.tensor([1.0, 2.0, 4.0]))
    assert total.item() == 7 and partial.tolist() == [0, 1, 3]


def test_reverse_goes_from_the_last_to_the_first():
    total, partial = gd.scan(
        lambda c, x: (c + x, c), gd.tensor(0.0), gd.tensor([1.0, 2.0, 4.0]), reverse=True
    )
    assert total.item() == 7 and partial.tolist() == [6, 4, 0]


def test_without_xs_there_is_a_length():
    last, squares = gd.scan(lambda n, _: (n + 1, n * n), gd.tensor(0), length=4)
    assert last.item() == 4 and squares.tolist() == [0, 1, 4, 9]


@pytest.mark.parametrize("length", [0, 1])
def test_few_steps(length):
    last, ys = gd.scan(lambda c, x: (c + x, c * 2), gd.ones(2), gd.ones(length, 2))
    assert last.tolist() == [1 + length] * 2 and ys.shape == (length, 2)


def test_carries_and_results_are_nested():
    def step(carry, x):
        new = {"h": carry["h"] + x["in"][0], "t": Pair(carry["t"].b, carry["t"].a)}
        return new, [new["h"], (None, Pair(x["in"][1], new["t"].a))]

    init = {"h": gd.zeros(2), "t": Pair(gd.tensor(1), gd.tensor(2))}
    carry, ys = gd.scan(step, init, {"in": (gd.ones(3, 2), gd.arange(3))})
    assert carry["h"].tolist() == [3, 3]
    assert type(carry["t"]) is Pair and (carry["t"].a.item(), carry["t"].b.item()) == (2, 1)
    assert ys[0].shape == (3, 2) and ys[1][0] is None
    assert ys[1][1].a.tolist() == [0, 1, 2] and ys[1][1].b.tolist() == [2, 1, 2]


def test_the_function_runs_once():
    calls = []

    def step(c, x):
        calls.append(1)
        return c + x, None

    gd.scan(step, gd.zeros(2), gd.ones(100, 2))
    assert len(calls) == 1


# --- gradients -----------------------------------------------------------------------------------


def cell(w, b):
    return lambda h, x: ((gd.tanh(h @ w + x + b),) * 2)


def leaves():
    return [(gd.randn(*shape) * 0.5).requires_grad_() for shape in ((3, 3), (3,), (5, 2, 3))]


def by_loop(step, h, xs):
    ys = []
    for x in xs:
        h, y = step(h, x)
        ys.append(y)
    return h, gd.stack(ys)


def loss_of(run, w, b, xs):
    h, ys = run(cell(w, b), gd.zeros(2, 3), xs)
    return (h**2).sum() + (ys.sin() * gd.arange(5.0)[:, None, None]).sum()


def test_gradients_flow_to_closed_over_tensors_and_to_xs():
    w, b, xs = leaves()
    expected = gd.autograd.grad(loss_of(by_loop, w, b, xs), [w, b, xs])
    loss_of(gd.scan, w, b, xs).backward()
    for tensor, g in zip((w, b, xs), expected):
        np.testing.assert_allclose(tensor.grad.numpy(), g.numpy(), rtol=1e-5, atol=1e-6)


def test_second_gradients():
    w, b, xs = leaves()

    def second(run):
        found = gd.autograd.grad(loss_of(run, w, b, xs), [w, xs], create_graph=True)
        return gd.autograd.grad(sum((g**2).sum() for g in found), [w, b, xs])

    for ours, expected in zip(second(gd.scan), second(by_loop)):
        np.testing.assert_allclose(ours.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_a_loss_that_was_looked_at_has_the_same_gradients():
    w, b, xs = leaves()
    expected = gd.autograd.grad(loss_of(gd.scan, w, b, xs), [w, b])
    loss = loss_of(gd.scan, w, b, xs)
    loss.item()
    for ours, theirs in zip(gd.autograd.grad(loss, [w, b]), expected):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_detach_and_no_grad_inside_stop_the_gradient():
    def step(c, x):
        c = c * w
        with gd.no_grad():
            quiet = c * 2
        return c + c.detach() ** 2 + quiet + x, None

    w = gd.tensor([2.0, 3.0], requires_grad=True)
    gd.scan(step, gd.ones(2), gd.ones(3, 2))[0].sum().backward()
    found = w.grad.tolist()
    w.grad = None
    c = gd.ones(2)
    for _ in range(3):
        c, _ = step(c, gd.ones(2))
    c.sum().backward()
    assert found == w.grad.tolist()


def test_under_no_grad_there_is_no_history():
    w, b, xs = leaves()
    with gd.no_grad():
        h, ys = gd.scan(cell(w, b), gd.zeros(2, 3), xs)
    assert not h.requires_grad and not ys.requires_grad


def test_a_parameter_overwritten_before_backward_is_noticed():
    w, b, xs = leaves()
    loss = loss_of(gd.scan, w, b, xs)
    with gd.no_grad():
        w.mul_(2)
    with pytest.raises(gd.GradientError, match="modified by an inplace operation"):
        loss.backward()


def test_scans_nest():
    def inner(c, x):
        return c * x, c

    def outer(c, x):
        end, ys = gd.scan(inner, c, x)
        return end, ys.sum(0)

    x = (gd.rand(4, 3, 2) + 0.5).requires_grad_()
    end, ys = gd.scan(outer, gd.ones(2), x)
    (end.sum() + ys.sum()).backward()
    found = x.grad.numpy().copy()
    x.grad = None
    c, total = gd.ones(2), 0
    for i in range(4):
        for j in range(3):
            total = total + c.sum()
            c = c * x[i, j]
    (c.sum() + total).backward()
    np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-5)


# --- compiled, eager, in place -------------------------------------------------------------------


def test_a_compiled_step_with_a_scan():
    w, b, xs = leaves()

    @gd.compile
    def step(xs, rate):
        loss = loss_of(gd.scan, w, b, xs)
        gw, gb = gd.autograd.grad(loss, [w, b])
        with gd.no_grad():
            w.sub_(rate * gw)
            b.sub_(rate * gb)
        return loss.detach()

    twin_w, twin_b = (t.detach().clone().requires_grad_() for t in (w, b))
    given = xs.detach()
    for rate in (0.1, 0.2, 0.05):
        loss = loss_of(by_loop, twin_w, twin_b, given)
        gw, gb = gd.autograd.grad(loss, [twin_w, twin_b])
        with gd.no_grad():
            twin_w.sub_(rate * gw)
            twin_b.sub_(rate * gb)
        np.testing.assert_allclose(step(given, rate).item(), loss.item(), rtol=1e-5)
    np.testing.assert_allclose(w.detach().numpy(), twin_w.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_loop_of_equal_scans_compiles_once():
    w, b, xs = leaves()

    def turn(rate):
        loss = loss_of(gd.scan, w, b, xs)
        w.grad = b.grad = xs.grad = None
        loss.backward()
        w.data -= rate * w.grad
        return loss.item()

    turn(0.1), turn(0.2), turn(0.3)
    before = state.compiled
    turn(0.35), turn(0.4)
    assert state.compiled == before


def test_eager_gives_the_same():
    w, b, xs = leaves()
    expected = loss_of(gd.scan, w, b, xs).item()
    with gd.eager():
        assert loss_of(gd.scan, w, b, xs).item() == pytest.approx(expected, rel=1e-6)


def test_shared_memory_is_read_at_the_call():
    xs = np.ones((3, 2), np.float32)
    last, _ = gd.scan(lambda c, x: (c + x, None), gd.zeros(2), gd.from_numpy(xs))
    closed = gd.from_numpy(xs)
    other, _ = gd.scan(lambda c, _: (c + closed[0], None), gd.zeros(2), length=3)
    xs[:] = 100
    assert last.tolist() == other.tolist() == [3, 3]


def test_writing_in_place_to_what_was_made_inside():
    def step(c, x):
        c.add_(x)
        y = c.clone()
        y[0] = -1
        return c, y

    init = gd.zeros(2)
    last, ys = gd.scan(step, init, gd.ones(2, 2))
    assert last.tolist() == [2, 2] and ys.tolist() == [[-1, 1], [-1, 2]]
    assert init.tolist() == [0, 0]


# --- what is refused -----------------------------------------------------------------------------

outer = gd.zeros(2)
kept = []


@pytest.mark.parametrize(
    "step, error, message",
    [
        (lambda c, x: (c, c.sum().item()), gd.CaptureError, "value of a tensor is looked at"),
        (lambda c, x: (c if c.sum() > 0 else x, None), gd.CaptureError, r"test_loops.py:\d+: the"),
        (lambda c, x: (c, c.numpy()), gd.GradientError, "requires grad"),
        (lambda c, x: (c, c.detach().numpy()), gd.CaptureError, "looked at"),
        (lambda c, x: (c.double(), None), gd.ShapeError, r"float32\[2\], and f returns float64"),
        (lambda c, x: (c.sum(), None), gd.ShapeError, r"goes in as float32\[2\], and f returns"),
        (lambda c, x: ((c, c), None), gd.ArgumentTypeError, "keep its structure: it goes in as a"),
        (lambda c, x: c, gd.ArgumentTypeError, r"f must return a pair \(carry, y\), got Tensor"),
        (lambda c, x: (outer.add_(x), None), gd.CaptureError, "from outside is written in place"),
        (lambda c, x: (c + gd.rand(2), None), gd.CaptureError, "random numbers are drawn inside"),
        (lambda c, x: (c, "text"), gd.ArgumentTypeError, "the y that f returns: expected a Tensor"),
    ],
)
def test_errors_say_what_to_do(step, error, message):
    with pytest.raises(error, match=message):
        gd.scan(step, gd.zeros(2), gd.ones(3, 2))
    assert (outer + 1).tolist() == [1, 1]  # and nothing is left behind


def test_a_look_in_an_inner_loop_is_noticed():
    def outer_step(c, x):
        return gd.scan(lambda d, z: (d + z * (c * 2).sum().item(), None), c, x)[0], None

    with pytest.raises(gd.CaptureError, match="value of a tensor is looked at"):
        gd.scan(outer_step, gd.zeros(2), gd.ones(3, 4, 2))


def test_a_function_with_a_gradient_of_its_own_is_refused_by_backward():
    class Square(gd.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g

    w = gd.ones(2, requires_grad=True)
    last, _ = gd.scan(lambda c, x: (Square.apply(c * w), None), gd.ones(2), length=2)
    assert last.tolist() == [1, 1]
    with pytest.raises(gd.GradientError, match="custom autograd Function inside a scan"):
        last.sum().backward()


def test_values_from_outside_may_be_looked_at():
    count = gd.tensor(3.0)
    last, _ = gd.scan(lambda c, x: (c + x * count.item(), None), gd.zeros(2), gd.ones(2, 2))
    assert last.tolist() == [6, 6]


def test_what_was_made_inside_has_no_value_outside():
    def step(c, x):
        kept.append(c + x)
        return c, None

    gd.scan(step, gd.zeros(2), gd.ones(3, 2))
    with pytest.raises(gd.CaptureError, match="inside the function that gd"):
        kept[0].sum()


@pytest.mark.parametrize(
    "xs, length, message",
    [
        (None, None, "needs xs, or length="),
        ((gd.ones(2), gd.ones(3)), None, "number of steps, got 2, 3"),
        (gd.ones(2), 3, "number of steps, got 2, 3"),
        (gd.ones(()), None, "a 0-d tensor has none"),
        (None, -1, "must not be negative"),
    ],
)
def test_the_number_of_steps_must_be_known(xs, length, message):
    with pytest.raises(gd.Error, match=message):
        gd.scan(lambda c, x: (c, None), gd.zeros(2), xs, length)
