"""Forward mode against reverse mode: <u, J t> from the one is <J^T u, t> from the other, for the
cases of every primitive in test_gradients.py."""

import numpy as np
import pytest

from gradatim.graph import primitives as p
from gradatim.graph.gradient_rules import RULES as GRADIENT_RULES
from gradatim.graph.gradients import gradients
from gradatim.graph.node import LIVE, mode
from gradatim.graph.scan import Body, scan
from gradatim.graph.tangents import RULES, tangents
from gradatim.realize import compute
from tests.test_gradients import ALL, leaf, weights


def test_rules_are_of_primitives_that_have_a_gradient():
    """All others with a gradient are turned around: so every one of them has a tangent, and its
    cases stand in ALL."""
    known = {primitive.name for primitive in GRADIENT_RULES}
    kinds = {primitive.kind for primitive in GRADIENT_RULES}
    assert set(RULES) <= known | kinds | {"variable"}


def values(nodes):
    compute(nodes)
    return [np.asarray(node.buffer) for node in nodes]


def opened(arrays):
    made = []
    for array in arrays:
        node = leaf(array)
        if node.dtype.is_floating_point:
            node = p.copy(node)
            node.history = LIVE
        made.append(node)
    return made


def check(outputs, variables, atol=1e-9):
    """<u, J t> = <J^T u, t>, for every floating output that depends on a variable."""
    floating = [x for x in variables if x.history]
    changes = [p.mul(weights(x.shape), p.constant(0.7, x.dtype)) for x in floating]
    outputs = [out for out in outputs if out.history]
    moved = tangents(outputs, dict(zip(floating, changes)))
    arriving = [weights(out.shape) for out in outputs]
    found = gradients(outputs, arriving, wanted=set(floating), keep=True)
    forward = [
        p.sum_(p.mul(u, t), tuple(range(u.ndim))) for u, t in zip(arriving, moved) if t is not None
    ]
    backward = [
        p.sum_(p.mul(found[x], t), tuple(range(t.ndim)))
        for x, t in zip(floating, changes)
        if x in found
    ]
    one, other = sum(values(forward)), sum(values(backward))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=atol)


@pytest.mark.parametrize("function, arrays", ALL)
def test_agrees_with_reverse_mode(function, arrays):
    recording, mode.recording = mode.recording, True
    try:
        variables = opened(arrays)
        check([function(*variables)], variables)
    finally:
        mode.recording = recording


def test_of_a_loop():
    rng = np.random.RandomState(0)
    carry, x, w, unused = (
        p.program_input(k, shape, leaf(np.zeros(1)).dtype)
        for k, shape in enumerate([(3,), (3,), (3,), ()])
    )
    new = p.tanh(p.add(p.mul(carry, w), x))
    count = p.add(unused, p.constant(1, unused.dtype))
    body = Body([carry, unused, x, w], [new, count, p.mul(new, x), p.exp(w)])
    variables = opened([rng.randn(3), rng.randn(5, 3), rng.randn(3)])
    first, xs, weight = variables
    for reverse in (False, True):
        results = scan(body, [first, leaf(np.zeros(()))], [xs], [weight], 5, reverse)
        check(results, variables)
        check(results[:1], variables)


def test_of_a_loop_is_none_where_nothing_moves():
    x = p.program_input(0, (), leaf(np.zeros(1)).dtype)
    y = p.program_input(1, (), x.dtype)
    body = Body([x, y], [p.add(x, y), p.mul(y, y), p.neg(x)])
    (start,) = opened([np.array(1.0)])
    still = leaf(np.arange(3.0))
    results = scan(body, [start], [still], [], 3)
    moved = tangents(results, {start: leaf(np.array(1.0))})
    assert [t is None for t in moved] == [False, True, False]
    assert values([moved[2]])[0].tolist() == [-1.0, -1.0, -1.0]


def test_of_a_tangent():
    """Forward over forward: the third derivative of x^4, by way of one rule for products."""
    (x,) = opened([np.array(3.0)])
    one = leaf(np.array(1.0))
    y = p.mul(p.mul(x, x), p.mul(x, x))
    for _ in range(3):
        (y,) = tangents([y], {x: one})
    assert values([y])[0] == 72.0


def test_custom_gradients_are_turned_around():
    (x,) = opened([np.array([1.0, 2.0])])
    factor = leaf(np.array([3.0, 5.0]))
    (out,) = p.custom_gradient([p.stop_gradient(x)], [x], lambda grads: [p.mul(grads[0], factor)])
    (t,) = tangents([out], {x: leaf(np.array([1.0, 10.0]))})
    assert values([t])[0].tolist() == [3.0, 50.0]
