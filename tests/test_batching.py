"""Batching: each rule against the operation done for one value after the other."""

import itertools

import numpy as np
import pytest

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.batching import RULES, can_batch, spread, vectorize
from gradatim.graph.scan import Body
from gradatim.realize import compute

COUNT = 3
rng = np.random.RandomState(5)


@pytest.fixture(autouse=True)
def the_same_numbers(monkeypatch):
    """Each test draws the same numbers, whichever ran before it."""
    monkeypatch.setitem(globals(), "rng", np.random.RandomState(5))


def leaf(array):
    array = np.asarray(array)
    return p.value(array, array.shape, dtypes.from_numpy_dtype(array.dtype))


def place(k):
    return p.constant(k, dtypes.int64)


def at(index, k):
    """One number out of indices: (2, 2) -> ()."""
    return p.reshape(p.slice_(index, (k, 0), (k + 1, 1), (1, 1)), ())


def _step():
    c, n, x, w = (
        p.program_input(k, shape, dtype)
        for k, (shape, dtype) in enumerate(
            [
                ((2,), dtypes.float64),
                ((), dtypes.int64),
                ((2,), dtypes.float64),
                ((2,), dtypes.float64),
            ]
        )
    )
    new = p.add(p.mul(c, w), x)
    return Body([c, n, x, w], [new, p.add(n, place(1)), p.mul(x, w)])


STEP = _step()


# An operation, and the shapes of its inputs ("i": indices below 4; "b": bools).
CASES = {
    "unary": (p.sin, [(2, 3)]),
    "binary": (p.sub, [(2, 3), (2, 3)]),
    "binary, broadcast": (p.mul, [(2, 3), (3,)]),
    "binary, scalar": (p.add, [(), (2, 3)]),
    "select": (p.select, ["b", (3,), (2, 3)]),
    "cast": (lambda x: p.cast(x, dtypes.float32), [(2,)]),
    "reduce": (lambda x: p.sum_(x, (0, 2)), [(2, 3, 4)]),
    "argreduce": (lambda x: p.argmax(x, 1), [(2, 3)]),
    "cumulative": (lambda x: p.cumsum(x, 1), [(2, 3)]),
    "reshape": (lambda x: p.reshape(x, (6,)), [(2, 3)]),
    "expand": (lambda x: p.expand(x, (2, 4, 3)), [(4, 1)]),
    "permute": (lambda x: p.permute(x, (2, 0, 1)), [(2, 3, 4)]),
    "flip": (lambda x: p.flip(x, (1,)), [(2, 3)]),
    "pad": (lambda x, fill: p.pad(x, fill, (1, -1), (0, 2)), [(2, 3), ()]),
    "slice": (lambda x: p.slice_(x, (1, 0), (4, 3), (2, 1)), [(4, 3)]),
    "dynamic_slice": (
        lambda x: p.dynamic_slice(x, [place(1), place(9)], (2, 2), (1, 1)),
        [(4, 3)],
    ),
    "update_slice": (
        lambda x, u: p.update_slice(x, u, [place(1), place(0)], (1, 2)),
        [(4, 3), (2, 2)],
    ),
    "concatenate": (lambda a, b: p.concatenate([a, b, a], 1), [(2, 1), (2, 3)]),
    "pad, of what differs": (lambda x, fill: p.pad(x, fill, (1, 2), (0, 1)), [(2, 3), ()]),
    "dynamic_slice, starts": (
        lambda x, index: p.dynamic_slice(x, [at(index, 0), at(index, 1)], (2, 2), (1, 2)),
        [(5, 6), "i"],
    ),
    "update_slice, starts": (
        lambda x, u, index: p.update_slice(x, u, [at(index, 0), at(index, 1)], (1, 2)),
        [(5, 6), (4, 3), "i"],
    ),
    "gather": (lambda x, index: p.gather(x, index), [(4, 2), "i"]),
    "scatter_add": (lambda x, i, u: p.scatter_add(x, i, u), [(4, 2), "i", (2, 2, 2)]),
    "scatter_set": (lambda x, i, u: p.scatter_set(x, i, u), [(4, 2), "i", (2, 2, 2)]),
    **{
        f"convolve, {groups} groups": (
            lambda x, w, g=groups: p.convolve(x, w, (2, 1), (1, 0), (0, 2), (1, 2), g),
            [(2, 4, 5, 6), (6, 4 // groups, 2, 3)],
        )
        for groups in (1, 2)
    },
    **{
        f"convolve_input, {groups} groups": (
            lambda g, w, n=groups: p.convolve_input(g, w, (2,), (1,), (0,), (1,), n, (5,)),
            [(2, 6, 3), (6, 4 // groups, 2)],
        )
        for groups in (1, 2)
    },
    **{
        f"convolve_kernel, {groups} groups": (
            lambda x, g, n=groups: p.convolve_kernel(x, g, (2,), (1,), (0,), (1,), n, (2,)),
            [(2, 4, 5), (2, 6, 3)],
        )
        for groups in (1, 2)
    },
    "window_sum": (lambda x: p.window_sum(x, (2,), (2,), (1,), (0,), (1,)), [(3, 5)]),
    "window_spread": (lambda g: p.window_spread(g, (2,), (2,), (1,), (0,), (1,), (5,)), [(3, 3)]),
    "window_argmax": (lambda x: p.window_argmax(x, (2,), (2,), (1,), (0,), (1,)), [(3, 5)]),
    "window_gather": (lambda x, index: p.window_gather(x, index, 1), [(2, 4), "i"]),
    "window_scatter": (lambda g, index: p.window_scatter(g, index, (4,)), [(2, 2), "i"]),
    "variable": (lambda x: p.variable(p.neg(x)), [(2,)]),
    "stop_gradient": (lambda x: p.stop_gradient(p.variable(p.neg(x))), [(2,)]),
    "copy": (p.copy, [(2,)]),
    "substitute": (p.substitute, [(2,), (2,)]),
    "barrier": (lambda x, y: p.barrier([x], [y])[0], [(2,), (3,)]),
    "custom_gradient": (lambda x: p.custom_gradient([x], [x], None)[0], [(2,)]),
    "scan": (lambda c, x, w: p.scan(STEP, [c, place(0)], [x], [w], 4)[2], [(2,), (4, 2), (2,)]),
    "scan, the last carry": (
        lambda c, x, w: p.scan(STEP, [c, place(0)], [x], [w], 4)[0],
        [(2,), (4, 2), (2,)],
    ),
    "contract": (lambda a, b: p.contract(a, b, (1,), (0,)), [(2, 3), (3, 4)]),
    "contract, no free axes": (lambda a, b: p.contract(a, b, (0,), (0,)), [(3,), (3,)]),
    "contract, batched": (
        lambda a, b: p.contract(a, b, (3, 1), (0, 2), (2,), (1,)),
        [(2, 3, 2, 4), (4, 2, 3, 5)],
    ),
    "sort": (lambda x: p.sort(x, 0, True)[1], [(4, 2)]),
    "linalg": (lambda x: p.matrix_exp(x), [(2, 2)]),
    "linalg, two operands": (lambda a, b: p.solve(a, b, None)[0], [(3, 3), (3, 2)]),
    "linalg, several results": (lambda x: p.svd(x, False)[0], [(2, 3, 2)]),
}


def array(shape):
    if shape == "i":
        return rng.randint(0, 4, (2, 2))
    return rng.rand(2, 1) > 0.5 if shape == "b" else rng.normal(size=shape)


TRIED = [
    pytest.param(function, shapes, has, id=f"{name} {''.join('01'[x] for x in has)}")
    for name, (function, shapes) in CASES.items()
    for has in itertools.product((True, False), repeat=len(shapes))
    if any(has)
]


def test_every_rule_is_tried():
    assert {name.partition(",")[0] for name in CASES} == RULES.keys() - {"pick"}


@pytest.mark.parametrize("function, shapes, has", TRIED)
def test_a_batch_is_the_operation_on_each(function, shapes, has):
    stacks = [np.stack([array(shape) for _ in range(COUNT)]) for shape in shapes]
    inputs = [leaf(stack if batched else stack[0]) for stack, batched in zip(stacks, has)]
    one = [leaf(stack[0]) for stack in stacks]
    node = function(*one)
    known = {n: x for n, x, batched in zip(one, inputs, has) if batched}
    found = vectorize([node], known, COUNT)[0]
    singles = [
        function(*(leaf(s[k] if batched else s[0]) for s, batched in zip(stacks, has)))
        for k in range(COUNT)
    ]
    if found is None:  # the inputs that differ are not read
        compute(singles)
        assert all(np.array_equal(s.buffer, singles[0].buffer) for s in singles)
        return
    compute([found, *singles])
    assert found.shape == found.buffer.shape == (COUNT, *node.shape)
    # One product of many rows may be summed in another order than many of one.
    np.testing.assert_allclose(found.buffer, [s.buffer for s in singles], rtol=1e-13, atol=1e-14)


def test_what_differs_where_it_may_not_has_no_rule():
    x, fill, index = leaf(rng.normal(size=(4, 2))), leaf(0.5), leaf(np.array([1, 2]))
    assert not can_batch(p.pad(x, fill, (1, 0), (0, 0)), [False, True])
    assert not can_batch(p.gather(x, index), [True, False])
    assert not can_batch(p.scatter_add(x, index, x), [True, False, False])


def test_spread():
    x = leaf(np.ones(2))
    assert spread(x, False, 4).shape == (4, 2) and spread(x, True, 4) is x
