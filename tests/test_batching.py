"""Batching: each rule against the operation done for one value after the other."""

import itertools

import numpy as np
import pytest

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.batching import RULES, batch, can_batch, spread
from gradatim.realize import compute

COUNT = 3
rng = np.random.RandomState(5)


def leaf(array):
    array = np.asarray(array)
    return p.value(array, array.shape, dtypes.from_numpy_dtype(array.dtype))


def place(k):
    return p.constant(k, dtypes.int64)


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
    "gather": (lambda x, index: p.gather(x, index), [(4, 2), "i"]),
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
    chain = [node] if node.primitive is not p.PICK else [node.inputs[0], node]
    known = dict(zip(one, zip(inputs, has)))
    for each in chain:
        reads, flags = zip(*(known.get(n, (n, False)) for n in each.inputs))
        if not can_batch(each, flags):
            assert each.primitive.name in ("pad", "gather")
            return
        known[each] = batch(each, reads, flags, COUNT), True
    found = known[node][0]
    singles = [
        function(*(leaf(s[k] if batched else s[0]) for s, batched in zip(stacks, has)))
        for k in range(COUNT)
    ]
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
