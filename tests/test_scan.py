"""The primitive `scan`: what it computes, its gradients, its key, and how it looks."""

import subprocess
import sys

import numpy as np
import pytest

from gradatim.graph import draw, dtypes
from gradatim.graph import primitives as p
from gradatim.graph.errors import DTypeError, GradientError, ShapeError
from gradatim.graph.gradients import gradients
from gradatim.graph.program import close, trace
from gradatim.graph.scan import close_over
from gradatim.realize import compute

rng = np.random.RandomState(3)
B, H, F = 2, 3, 4  # batch, hidden, features


def normal(*shape):
    return rng.normal(size=shape)


def leaf(array):
    array = np.asarray(array)
    return p.value(array, array.shape, dtypes.from_numpy_dtype(array.dtype))


def inputs_like(*shapes, dtype=dtypes.float64):
    return [p.program_input(k, shape, dtype) for k, shape in enumerate(shapes)]


def number(value):
    return p.constant(value, dtypes.float64)


def linear(x, w):
    return p.contract(x, w, (1,), (1,))


def cut(x, k):
    return p.slice_(x, (0, k * H), (B, (k + 1) * H), (1, 1))


# --- the loops that are tried --------------------------------------------------------------------
#
# Each is a function of (T, reverse) that gives: a function from Nodes to the results of the scan,
# and the arrays to try it on.


def rnn(T, reverse):
    h, x, w, u = inputs_like((B, H), (B, F), (H, F), (H, H))
    new = p.tanh(p.add(linear(x, w), linear(h, u)))
    body = p.Body([h, x, w, u], [new, new])
    return (
        lambda h, x, w, u: p.scan(body, [h], [x], [w, u], T, reverse),
        [normal(B, H), normal(T, B, F), normal(H, F), normal(H, H)],
    )


def lstm(T, reverse):
    h, c, x, w, u, b = inputs_like((B, H), (B, H), (B, F), (4 * H, F), (4 * H, H), (4 * H,))
    gates = p.add(p.add(linear(x, w), b), linear(h, u))
    i, f, g, o = (cut(gates, k) for k in range(4))
    new_c = p.add(p.mul(p.sigmoid(f), c), p.mul(p.sigmoid(i), p.tanh(g)))
    new_h = p.mul(p.sigmoid(o), p.tanh(new_c))
    body = p.Body([h, c, x, w, u, b], [new_h, new_c, new_h])
    shapes = [(B, H), (B, H), (T, B, F), (4 * H, F), (4 * H, H), (4 * H,)]
    return (
        lambda h, c, x, w, u, b: p.scan(body, [h, c], [x], [w, u, b], T, reverse),
        [normal(*shape) for shape in shapes],
    )


def no_carry(T, reverse):
    """A loop that is a map."""
    x, a = inputs_like((2,), ())
    body = p.Body([x, a], [p.mul(p.sin(x), a)])
    return lambda x, a: p.scan(body, [], [x], [a], T, reverse), [normal(T, 2), normal()]


def no_sequence(T, reverse):
    """A recurrence with an outer number: x ← cos(x) · 0.3 + x²/2."""
    (x,) = inputs_like((2,))
    new = p.add(p.mul(p.cos(x), number(0.3)), p.mul(p.mul(x, x), number(0.5)))
    body, outer = close_over([new, p.exp(x)], [x])
    return lambda x: p.scan(body, [x], [], outer, T, reverse), [normal(2)]


def two_carries_that_meet_late(T, reverse):
    """The second carry has a gradient only because, a step later, the first comes into it."""
    a, b, x, k = inputs_like((2,), (2,), (2,), (2,))
    body = p.Body([a, b, x, k], [p.mul(a, p.exp(k)), p.add(p.mul(b, x), p.mul(a, a)), b])
    start = leaf(np.ones(2))
    return (
        lambda a, x, k: p.scan(body, [a, start], [x], [k], T, reverse)[1:],
        [normal(2), normal(T, 2), normal(2)],
    )


def carries_that_change_places(T, reverse):
    a, b, x = inputs_like((2,), (2,), (2,))
    body = p.Body([a, b, x], [b, p.mul(a, x), a, x])
    return (
        lambda a, b, x: p.scan(body, [a, b], [x], [], T, reverse),
        [normal(2), normal(2), normal(T, 2)],
    )


def costly_operations(T, reverse):
    """Saved are results of operations that would not be repeated: sort, a product, a quotient."""
    h, x = inputs_like((3,), (3,))
    ranked, places = p.sort(p.mul(h, x), 0, False)
    total = p.cumsum(p.div(ranked, p.add(p.mul(x, x), number(1))), 0)
    kept = p.cast(places, dtypes.float64)
    body = p.Body([h, x], [p.erf(total), p.mul(ranked, kept), places])
    return lambda h, x: p.scan(body, [h], [x], [], T, reverse)[:2], [normal(3), normal(T, 3)]


def nested(T, reverse):
    """A loop of loops."""
    h, x, w = inputs_like((2,), (2,), (2,))
    inner = p.Body([h, x, w], [p.mul(p.sin(p.add(h, x)), w)])
    h, x, w = inputs_like((2,), (3, 2), (2,))
    (end,) = p.scan(inner, [h], [x], [w], 3)
    body = p.Body([h, x, w], [end, p.mul(end, w)])
    return (
        lambda h, x, w: p.scan(body, [h], [x], [w], T, reverse),
        [normal(2), normal(T, 3, 2), normal(2)],
    )


LOOPS = [
    rnn, lstm, no_carry, no_sequence, two_carries_that_meet_late, carries_that_change_places,
    costly_operations, nested,
]  # fmt: skip
CASES = [
    pytest.param(loop, T, reverse, id=f"{loop.__name__} T={T}{' reverse' * reverse}")
    for loop in LOOPS
    for T in (0, 1, 5)
    for reverse in (False, True)
]


def weighted(nodes):
    """Σ results · uneven weights, of the floating ones."""
    total = number(0)
    for k, node in enumerate(nodes):
        if node.dtype.is_floating_point:
            some = np.cos(np.arange(node.size) + k) + 0.5
            product = p.mul(node, leaf(some.reshape(node.shape)))
            total = p.add(total, p.sum_(product, tuple(range(node.ndim))))
    return total


def value_of(node):
    compute([node])
    return node.buffer.copy()


def differences(value, arrays, eps=1e-6):
    """∂ value / ∂ each element, by central differences."""
    slopes = []
    for k, array in enumerate(arrays):
        slope = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[k][place] += sign * eps
                ends.append(value(moved))
            slope[place] = (ends[0] - ends[1]) / (2 * eps)
        slopes.append(slope)
    return slopes


def slopes_of(function, variables, keep=False):
    found = gradients([function], [number(1)], wanted=set(variables), keep=keep)
    return [found.get(v, p.full(v.shape, 0, v.dtype)) for v in variables]


# --- values and gradients ------------------------------------------------------------------------


@pytest.mark.parametrize("T", [0, 1, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_is_a_loop(T, reverse):
    function, (h, x, w, u) = rnn(T, reverse)
    last, ys = function(*map(leaf, (h, x, w, u)))
    compute([last, ys])
    expected = np.empty((T, B, H))
    for t in reversed(range(T)) if reverse else range(T):
        h = expected[t] = np.tanh(x[t] @ w.T + h @ u.T)
    np.testing.assert_allclose(ys.buffer, expected, rtol=1e-14)
    np.testing.assert_allclose(last.buffer, h, rtol=1e-14)


@pytest.mark.parametrize("loop, T, reverse", CASES)
def test_first_derivatives(loop, T, reverse):
    function, arrays = loop(T, reverse)
    variables = [p.variable(leaf(a)) for a in arrays]
    found = slopes_of(weighted(function(*variables)), variables)
    compute(found)
    expected = differences(lambda moved: value_of(weighted(function(*map(leaf, moved)))), arrays)
    for k, (ours, slope) in enumerate(zip(found, expected)):
        np.testing.assert_allclose(ours.buffer, slope, rtol=1e-6, atol=1e-7, err_msg=f"input {k}")


@pytest.mark.parametrize("loop, T, reverse", CASES)
def test_second_derivatives(loop, T, reverse):
    function, arrays = loop(T, reverse)

    def first(variables):
        return weighted(slopes_of(weighted(function(*variables)), variables, keep=True))

    variables = [p.variable(leaf(a)) for a in arrays]
    slope = first(variables)
    found = slopes_of(slope, variables) if slope.history else [leaf(a * 0) for a in arrays]
    compute(found)
    expected = differences(lambda m: value_of(first([p.variable(leaf(a)) for a in m])), arrays)
    for k, (ours, slope) in enumerate(zip(found, expected)):
        np.testing.assert_allclose(ours.buffer, slope, rtol=1e-5, atol=1e-6, err_msg=f"input {k}")


def test_a_second_walk_over_a_freed_scan_is_refused():
    function, arrays = rnn(2, False)
    variables = [p.variable(leaf(a)) for a in arrays]
    total = weighted(function(*variables))
    slopes_of(total, variables)
    with pytest.raises(GradientError, match="a second time"):
        slopes_of(total, variables)


# --- keys and looks ------------------------------------------------------------------------------


def test_bodies_are_equal_by_structure():
    (x,), (y,) = inputs_like((2,)), inputs_like((2,))
    body = p.Body([x], [p.sin(x)])
    assert body == p.Body([y], [p.sin(y)]) and hash(body) == hash(p.Body([y], [p.sin(y)]))
    assert body != p.Body([x], [p.cos(x)])
    (wide,) = inputs_like((3,))
    assert body != p.Body([wide], [p.sin(wide)])


def test_a_body_prints_as_a_graph():
    (x,) = inputs_like((2,))
    assert repr(p.Body([x], [p.mul(p.sin(x), x)])).splitlines() == [
        "body",
        "  %0 = input() 0 : float64[2]",
        "  %1 = sin(%0) : float64[2]",
        "  %2 = mul(%1, %0) : float64[2]",
        "  return %2",
    ]


def test_the_key_of_a_scan_is_its_bodys():
    def key(operation, T=2):
        (x,) = inputs_like((2,))
        return trace(p.scan(p.Body([x], [operation(x), x]), [leaf(normal(2))], [], [], T)).key

    assert key(p.sin) == key(p.sin)
    assert key(p.sin) != key(p.cos)
    assert key(p.sin) != key(p.sin, T=3)


DIGEST = """
import sys
sys.path.insert(0, {path!r})
import test_scan
function, arrays = test_scan.lstm(5, True)
variables = [test_scan.p.variable(test_scan.leaf(a)) for a in arrays]
found = test_scan.slopes_of(test_scan.weighted(function(*variables)), variables)
print(test_scan.close(test_scan.trace(found)).digest)
"""


def test_the_digest_is_the_same_in_every_process(tmp_path):
    code = DIGEST.format(path=__file__.rsplit("/", 1)[0])
    found = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_numbers_in_a_body_are_inputs_of_the_program():
    def key(factor):
        (x,) = inputs_like((2,))
        body, outer = close_over([p.mul(x, number(factor))], [x])
        return trace(p.scan(body, [leaf(normal(2))], [], outer, 4)).key

    assert key(0.3) == key(0.7)
    assert key(0.3) != key(0.5)  # worth specializing


def test_a_drawn_scan_shows_its_body():
    function, arrays = rnn(5, True)
    text = draw.to_text(close(trace(function(*map(leaf, arrays)))))
    assert "%4 = scan(%0, %1, %2, %3, 5 steps backwards)" in text
    assert "each step of %4:\n  %0 = input 1" in text
    assert "  %7 = tanh(%6)" in text


# --- what is refused -----------------------------------------------------------------------------


def test_inputs_must_fit_the_body():
    h, x = inputs_like((2,), (2,))
    body = p.Body([h, x], [p.add(h, x)])
    with pytest.raises(ShapeError, match=r"expects shape \[3, 2\] for its input 1, got \[4, 2\]"):
        p.scan(body, [leaf(normal(2))], [leaf(normal(4, 2))], [], 3)
    with pytest.raises(DTypeError, match="expects float64 for its input 1, got float32"):
        p.scan(body, [leaf(normal(2))], [leaf(normal(3, 2).astype(np.float32))], [], 3)


def test_a_carry_must_keep_its_type():
    (h,) = inputs_like((2,))
    body = p.Body([h], [p.cast(h, dtypes.float32)])
    with pytest.raises(ShapeError, match=r"goes in as float64\[2\], out as float32\[2\]"):
        p.scan(body, [leaf(normal(2))], [], [], 3)
