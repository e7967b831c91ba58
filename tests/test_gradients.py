"""Every rule of graph/gradients.py against central differences, in float64.

Each case is a function from Nodes to a Node, and the arrays it is tried on. Checked are the first
derivatives, the second ones, and that a rule reads no value it did not declare to save.
"""

from __future__ import annotations

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.gradients import OUT, RULES, gradients
from gradatim.graph.node import mode
from gradatim.realize import compute

rng = np.random.RandomState(7)


def random_shape():
    return tuple(rng.choice([0, 1, 1, 2, 3], size=rng.randint(1, 4)).tolist())


def random_pair():
    """Two shapes that broadcast: some of their dimensions are 1, and one may have fewer."""
    whole = random_shape()
    pair = [tuple(n if rng.rand() < 0.6 else 1 for n in whole) for _ in range(2)]
    return pair[0], pair[1][rng.randint(len(whole)) :]


def random_contraction():
    """Two operands whose axes, in a random order, are batch, contracted and free ones."""
    batch, summed = (rng.randint(0, 4, rng.randint(0, 3)).tolist() for _ in range(2))
    arrays, axes = [], []
    for _ in range(2):
        free = rng.randint(0, 4, rng.randint(0, 3)).tolist()
        sizes = [*batch, *summed, *free]
        order = rng.permutation(len(sizes)).tolist()
        arrays.append(rng.normal(size=[sizes[k] for k in order]))
        axes.append([order.index(k) for k in range(len(batch) + len(summed))])
    cut = len(batch)
    (a_batch, a_axes), (b_batch, b_axes) = ((tuple(x[:cut]), tuple(x[cut:])) for x in axes)
    return lambda a, b: p.contract(a, b, a_axes, b_axes, a_batch, b_batch), arrays


def convolutions():
    """For each of the three faces of a convolution: functions of two Nodes, and arrays."""
    cases = {"convolve": [], "convolve_input": [], "convolve_kernel": []}
    for spatial, kernel, stride, low, high, dilation, groups, batch in (
        ((5,), (3,), (1,), (0,), (0,), (1,), 1, 2),
        ((5,), (2,), (2,), (1,), (2,), (2,), 1, 1),
        ((4, 3), (3, 2), (2, 1), (1, 0), (0, 1), (1, 1), 2, 2),
        ((4, 5), (1, 2), (1, 3), (-1, 1), (1, -1), (1, 2), 1, 1),
        ((3, 2, 2), (2, 1, 2), (1, 2, 1), (0, 1, 0), (1, 0, 0), (1, 1, 1), 1, 1),
        ((2, 2), (3, 3), (1, 1), (0, 0), (0, 0), (1, 1), 1, 2),  # no windows
        ((3,), (2,), (1,), (1,), (1,), (1,), 1, 0),  # no batch
    ):
        form = (stride, low, high, dilation, groups)
        x = rng.normal(size=(batch, 2, *spatial))
        w = rng.normal(size=(4 if groups == 2 else 3, 2 // groups, *kernel))
        g = rng.normal(size=p.convolve(leaf(x), leaf(w), *form).shape)
        cases["convolve"].append((lambda a, b, form=form: p.convolve(a, b, *form), [x, w]))
        cases["convolve_input"].append(
            (lambda a, b, form=form, n=spatial: p.convolve_input(a, b, *form, n), [g, w])
        )
        cases["convolve_kernel"].append(
            (lambda a, b, form=form, k=kernel: p.convolve_kernel(a, b, *form, k), [x, g])
        )
    return cases


def pools():
    """The same for windows. The places are those of another tensor: any will do."""
    cases = {"window_sum": [], "window_spread": [], "window_gather": [], "window_scatter": []}
    for shape, window, stride, low, high, dilation in (
        ((2, 5), (2,), (2,), (0,), (0,), (1,)),
        ((6,), (3,), (1,), (1,), (2,), (2,)),
        ((1, 2, 4, 5), (2, 3), (1, 2), (1, 1), (0, 1), (1, 1)),
        ((3, 3, 2), (2, 2, 1), (1, 1, 1), (-1, 0, 0), (1, 0, 0), (1, 1, 1)),
        ((2, 3), (4,), (1,), (0,), (0,), (1,)),  # no windows
    ):
        form, rank = (window, stride, low, high, dilation), len(window)
        x, spatial = rng.normal(size=shape), shape[len(shape) - len(window) :]
        g = rng.normal(size=p.window_sum(leaf(x), *form).shape)
        places = p.window_argmax(leaf(rng.normal(size=shape)), *form)
        cases["window_sum"].append((lambda a, form=form: p.window_sum(a, *form), [x]))
        cases["window_spread"].append(
            (lambda a, form=form, n=spatial: p.window_spread(a, *form, n), [g])
        )
        cases["window_gather"].append(
            (lambda a, i=places, rank=rank: p.window_gather(a, i, rank), [x])
        )
        cases["window_scatter"].append(
            (lambda a, i=places, n=spatial: p.window_scatter(a, i, n), [g])
        )
    return cases


def matrices():
    """Linear algebra. What reads one triangle of a symmetric matrix is in test_linalg_gradients.py,
    as is whatever a user sees of all of it."""

    def several(build, shapes, results, *params):
        return [
            (lambda *x, k=k: build(*x, *params)[k], [rng.normal(size=shape) for shape in each])
            for each in shapes
            for k in range(results)
        ]

    def one(build, shapes, *params):
        return [
            (lambda *x: build(*x, *params), [rng.normal(size=shape) for shape in each])
            for each in shapes
        ]

    square, tall, wide = [(2, 3, 3)], [(3, 2)], [(2, 3)]
    none = p.full((), 0, dtypes.float64)
    return {
        "inv": several(p.inv, [square, [(1, 1)], [(0, 2, 2)], [(0, 0)]], 1, None),
        "solve": several(p.solve, [[(3, 3), (3, 2)], [(2, 2, 2), (2, 2, 1)]], 1, None),
        "triangular_solve": one(p.triangular_solve, [[(3, 3), (3, 2)]], True, False)
        + one(p.triangular_solve, [[(2, 3, 3), (2, 3, 1)]], False, True)
        + one(p.triangular_solve, [[(18, 18), (18, 1)]], False, True),
        "pinv": one(p.pinv, [tall, wide], none, none, False),
        "lu": several(p.lu, [[(3, 3)], tall, wide, [(2, 2, 2)]], 1, None),
        "qr": several(p.qr, [[(3, 3)], tall, wide], 2, False),
        "svd": several(p.svd, [[(3, 3)], tall, wide], 3, False),
        "svdvals": one(p.svdvals, [[(2, 3, 2)], wide]),
        "det": one(p.det, [square, [(1, 1)], [(0, 2, 2)]]),
        "slogdet": several(p.slogdet, [square], 2),
        "cofactors": one(p.cofactors, [square, [(1, 1)], [(4, 4)]]),
        "matrix_exp": one(p.matrix_exp, [square, [(1, 1)]]),
    }


def leaf(array):
    return p.value(np.asarray(array), array.shape, dtypes.float64)


# --- the cases ----------------------------------------------------------------------------------

SHAPES = [(), (1,), (2, 3), (0, 2), random_shape(), random_shape()]
PAIRS = [
    ((), ()),
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((), (2,)),
    ((1,), (4,)),
    ((0, 3), (3,)),
    ((0, 1), (1, 2)),
    *[random_pair() for _ in range(6)],
]


def normal(*shape):
    return rng.normal(size=shape)


def between(low, high):
    return lambda *shape: rng.uniform(low, high, shape)


positive = between(0.4, 2.5)
off_the_steps = between(0.1, 0.9)  # no rounding function jumps here

UNARY = {
    "neg": (p.neg, normal),
    "abs": (p.abs_, normal),
    "sign": (p.sign, positive),
    "floor": (p.floor, off_the_steps),
    "ceil": (p.ceil, off_the_steps),
    "trunc": (p.trunc, off_the_steps),
    "round": (p.round_, between(0.6, 1.4)),
    "sqrt": (p.sqrt, positive),
    "rsqrt": (p.rsqrt, positive),
    "exp": (p.exp, normal),
    "exp2": (p.exp2, normal),
    "expm1": (p.expm1, normal),
    "log": (p.log, positive),
    "log2": (p.log2, positive),
    "log10": (p.log10, positive),
    "log1p": (p.log1p, positive),
    "sin": (p.sin, normal),
    "cos": (p.cos, normal),
    "tan": (p.tan, between(-1, 1)),
    "asin": (p.asin, between(-0.8, 0.8)),
    "acos": (p.acos, between(-0.8, 0.8)),
    "atan": (p.atan, normal),
    "sinh": (p.sinh, normal),
    "cosh": (p.cosh, normal),
    "tanh": (p.tanh, normal),
    "asinh": (p.asinh, normal),
    "acosh": (p.acosh, between(1.5, 3)),
    "atanh": (p.atanh, between(-0.8, 0.8)),
    "sigmoid": (p.sigmoid, normal),
    "relu": (p.relu, normal),
    "erf": (p.erf, normal),
    "erfc": (p.erfc, normal),
    "erfinv": (p.erfinv, between(-0.8, 0.8)),
    "lgamma": (p.lgamma, positive),
    "digamma": (p.digamma, positive),
    "copy": (p.copy, normal),
}

BINARY = {
    "add": (p.add, normal, normal),
    "sub": (p.sub, normal, normal),
    "mul": (p.mul, normal, normal),
    "div": (p.div, normal, positive),
    "pow": (p.pow_, positive, normal),
    "maximum": (p.maximum, normal, normal),
    "minimum": (p.minimum, normal, normal),
    "remainder": (p.remainder, between(1.1, 1.9), between(0.6, 0.9)),
    "fmod": (p.fmod, between(-1.9, -1.1), between(0.6, 0.9)),
    "atan2": (p.atan2, normal, positive),
    "copysign": (p.copysign, positive, positive),
}


def integers(*values):
    array = np.array(values, np.int64)
    return p.value(array, array.shape, dtypes.int64)


def places(*values):
    return [p.constant(value, dtypes.int64) for value in values]


def number(value):
    return p.constant(value, dtypes.float64)


MASK = np.array([[True, False, True], [False, True, False]])


def mask():
    return p.value(MASK, MASK.shape, dtypes.bool_)


one_zero = np.array([[1.5, 0.0, 2.0], [0.5, -1.0, 3.0]])
more_zeros = np.array([[1.5, 0.0, 2.0, 0.0], [0.0, -1.0, 3.0, 0.7]])

# name of the primitive -> [(function from Nodes to a Node, its arrays), ...]
CASES = {
    **{name: [(f, [draw(*s)]) for s in SHAPES] for name, (f, draw) in UNARY.items()},
    **{
        name: [(f, [left(*s), right(*t)]) for s, t in PAIRS]
        for name, (f, left, right) in BINARY.items()
    },
    "select": [
        (lambda a, b: p.select(mask(), a, b), [normal(2, 3), normal(2, 3)]),
        (lambda a, b: p.select(mask(), a, b), [normal(3), normal()]),
        (lambda a, b: p.select(mask(), a, b), [normal(2, 1), normal(1, 1)]),
    ],
    "sum": [
        (lambda x: p.sum_(x, (1,)), [normal(2, 3)]),
        (lambda x: p.sum_(x, (0, 2)), [normal(2, 3, 2)]),
        (lambda x: p.sum_(x, ()), [normal()]),
        (lambda x: p.sum_(x, (0,)), [normal(0, 2)]),
        (lambda x: p.sum_(x, (1,)), [normal(0, 2)]),
    ],
    "prod": [
        (lambda x: p.prod(x, (1,)), [normal(2, 3)]),
        (lambda x: p.prod(x, (0, 2)), [normal(2, 3, 2)]),
        (lambda x: p.prod(x, (0,)), [normal(1, 2)]),
        (lambda x: p.prod(x, (1,)), [one_zero]),
        (lambda x: p.prod(x, (1,)), [more_zeros]),
        (lambda x: p.prod(x, ()), [normal()]),
        (lambda x: p.prod(x, (0,)), [normal(0, 2)]),
    ],
    "max": [
        (lambda x: p.max_(x, (1,)), [normal(2, 3)]),
        (lambda x: p.max_(x, (0, 1)), [normal(2, 3)]),
        (lambda x: p.max_(x, ()), [normal()]),
        (lambda x: p.max_(x, (1,)), [normal(0, 2)]),
    ],
    "min": [
        (lambda x: p.min_(x, (1,)), [normal(2, 3)]),
        (lambda x: p.min_(x, (0, 1)), [normal(2, 1)]),
    ],
    "cumsum": [
        (lambda x: p.cumsum(x, 0), [normal(3)]),
        (lambda x: p.cumsum(x, 1), [normal(2, 3, 2)]),
        (lambda x: p.cumsum(x, 0), [normal(0, 2)]),
    ],
    "cumprod": [
        (lambda x: p.cumprod(x, 0), [normal(3)]),
        (lambda x: p.cumprod(x, 1), [one_zero]),
        (lambda x: p.cumprod(x, 1), [normal(0, 2)]),
    ],
    "reshape": [
        (lambda x: p.reshape(x, (3, 2)), [normal(2, 3)]),
        (lambda x: p.reshape(x, ()), [normal(1, 1)]),
    ],
    "permute": [(lambda x: p.permute(x, (2, 0, 1)), [normal(2, 3, 4)])],
    "expand": [
        (lambda x: p.expand(x, (2, 3, 2)), [normal(3, 1)]),
        (lambda x: p.expand(x, (2, 0)), [normal(1)]),
    ],
    "pad": [
        (lambda x, fill: p.pad(x, fill, (1, 0), (0, 2)), [normal(2, 3), normal()]),
        (lambda x, fill: p.pad(x, fill, (-1, 2), (1, -1)), [normal(3, 3), normal()]),
        (lambda x, fill: p.pad(x, fill, (2,), (0,)), [normal(0), normal()]),
    ],
    "slice": [
        (lambda x: p.slice_(x, (1, 0), (4, 3), (2, 1)), [normal(4, 3)]),
        (lambda x: p.slice_(x, (2,), (2,), (1,)), [normal(3)]),
    ],
    "dynamic_slice": [
        (lambda x: p.dynamic_slice(x, places(1, 0), (2, 2), (1, 2)), [normal(4, 3)]),
        (lambda x: p.dynamic_slice(x, places(9), (2,), (1,)), [normal(4)]),  # clamped
    ],
    "update_slice": [
        (lambda x, u: p.update_slice(x, u, places(1, 0), (1, 2)), [normal(4, 3), normal(2, 2)]),
        (lambda x, u: p.update_slice(x, u, places(1), (1,)), [normal(2), normal(0)]),
    ],
    "flip": [(lambda x: p.flip(x, (0, 2)), [normal(2, 3, 2)])],
    "concatenate": [
        (lambda a, b: p.concatenate([a, b], 1), [normal(2, 1), normal(2, 3)]),
        (lambda a, b: p.concatenate([a, b, a], 0), [normal(2), normal(0)]),
    ],
    "gather": [
        (lambda x: p.gather(x, integers(2, 0, 2)), [normal(3, 2)]),
        (lambda x: p.gather(x, integers([0, 1], [1, 1])), [normal(2)]),
        (lambda x: p.gather(x, p.reshape(integers(), (0,))), [normal(2, 3)]),
    ],
    "scatter_add": [
        (lambda x, u: p.scatter_add(x, integers(2, 0, 2), u), [normal(3, 2), normal(3, 2)]),
    ],
    "scatter_set": [
        (lambda x, u: p.scatter_set(x, integers(2, 0), u), [normal(3, 2), normal(2, 2)]),
    ],
    "contract": [
        (lambda a, b: p.contract(a, b, (1,), (0,)), [normal(2, 3), normal(3, 4)]),
        (lambda a, b: p.contract(a, b, (0,), (0,)), [normal(3), normal(3)]),
        (lambda a, b: p.contract(a, b, (), ()), [normal(2), normal(3)]),
        (lambda a, b: p.contract(a, b, (0, 2), (2, 1)), [normal(2, 3, 4), normal(5, 4, 2)]),
        (lambda a, b: p.contract(a, b, (2,), (0,), (0,), (2,)), [normal(2, 3, 4), normal(4, 5, 2)]),
        (
            lambda a, b: p.contract(a, b, (3, 1), (0, 2), (2,), (1,)),
            [normal(2, 3, 2, 4), normal(4, 2, 3)],
        ),
        (lambda a, b: p.contract(a, b, (1,), (0,)), [normal(1, 1), normal(1, 2)]),
        (lambda a, b: p.contract(a, b, (1,), (0,)), [normal(0, 3), normal(3, 2)]),
        (lambda a, b: p.contract(a, b, (1,), (0,)), [normal(2, 0), normal(0, 2)]),
        *[random_contraction() for _ in range(12)],
    ],
    "sort": [
        (lambda x: p.sort(x, 1, False)[0], [normal(2, 4)]),
        (lambda x: p.sort(x, 0, True)[0], [normal(3, 2)]),
        (lambda x: p.sort(x, 0, False)[0], [normal()]),
        (lambda x: p.sort(x, 0, False)[0], [normal(0, 2)]),
    ],
    **convolutions(),
    **pools(),
    **matrices(),
    # By hand, below.
    "cast": [],
    "substitute": [],
    "custom_gradient": [],
    "barrier": [],  # in test_checkpoint.py
    "scan": [],  # in test_scan.py
}
BY_HAND = {"cast", "substitute", "custom_gradient", "barrier", "scan"}

ALL = [
    pytest.param(function, arrays, id=f"{name} {' '.join(str(a.shape) for a in arrays)}")
    for name, cases in CASES.items()
    for function, arrays in cases
]

# In test_linalg_gradients.py.
SYMMETRIC = {"cholesky", "eigh", "eigvalsh", "geqrf", "ldl", "ldl_solve"}
CASES |= {name: [] for name in SYMMETRIC}


def test_every_rule_has_a_case():
    assert {primitive.name for primitive in RULES} == set(CASES)
    assert {name for name, cases in CASES.items() if not cases} == BY_HAND | SYMMETRIC


# --- how they are checked -----------------------------------------------------------------------


def weights(shape):
    """What arrives at a result: uneven, and the same each time."""
    size = int(np.prod(shape))
    return leaf((np.cos(np.arange(size)) + 1.5).reshape(shape))


def weighted(function, arrays):
    """Σ function(arrays) · weights, without history."""
    before, mode.recording = mode.recording, False
    try:
        out = function(*map(leaf, arrays))
        total = p.sum_(p.mul(out, weights(out.shape)), tuple(range(out.ndim)))
        compute([total])
    finally:
        mode.recording = before
    return total.buffer.item()


def differences(value, arrays, eps):
    """∂ value / ∂ each element, by central differences."""
    value(arrays)  # a small Program's first run is the reference engine's: its last bits may differ
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


def gradient_nodes(function, variables):
    """The gradients, with history, of Σ function(variables) · weights."""
    out = function(*variables)
    found = gradients([out], [weights(out.shape)], wanted=set(variables), keep=True)
    return [found.get(v, p.full(v.shape, 0, v.dtype)) for v in variables]


def computed(nodes):
    compute(nodes)
    return [node.buffer for node in nodes]


# Central differences with a step of 1e-6 are wrong by about 1e-16 / 1e-6 from rounding and 1e-12
# from the third derivative, both times the size of the function: 1e-7 leaves room for steep ones.
CLOSE = {"rtol": 1e-6, "atol": 1e-7}


@pytest.mark.parametrize("function, arrays", ALL)
def test_first_derivatives(function, arrays):
    found = computed(gradient_nodes(function, [p.variable(leaf(a)) for a in arrays]))
    expected = differences(lambda moved: weighted(function, moved), arrays, eps=1e-6)
    for k, (ours, slope) in enumerate(zip(found, expected)):
        assert ours.shape == slope.shape
        np.testing.assert_allclose(ours, slope, **CLOSE, err_msg=f"input {k}")


@pytest.mark.parametrize("function, arrays", ALL)
def test_second_derivatives(function, arrays):
    """The gradient of Σ gradients · weights, by the rules and by differences of the gradients."""

    def slope(moved):
        nodes = gradient_nodes(function, [p.variable(leaf(a)) for a in moved])
        compute(nodes)
        return sum((n.buffer * weights(n.shape).buffer).sum() for n in nodes)

    variables = [p.variable(leaf(a)) for a in arrays]
    first = [g for g in gradient_nodes(function, variables) if g.history]
    if first:
        grads = gradients(first, [weights(g.shape) for g in first], wanted=set(variables))
        zeros = [p.full(v.shape, 0, v.dtype) for v in variables]
        found = computed([grads.get(v, zero) for v, zero in zip(variables, zeros)])
    else:  # linear
        found = [np.zeros(a.shape) for a in arrays]
    for k, (ours, expected) in enumerate(zip(found, differences(slope, arrays, eps=1e-6))):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6, err_msg=f"input {k}")


def reads(node, stop):
    """Every Node that `node` is computed from, no further than `stop`."""
    seen, stack = set(), [node]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            if node not in stop:
                stack.extend(node.inputs)
    return seen


@pytest.mark.parametrize("function, arrays", ALL)
def test_a_rule_reads_only_what_it_saves(function, arrays):
    """Otherwise a value could be overwritten in place, and backward() would not notice."""
    for position in range(len(arrays)):
        inputs = [leaf(a) for a in arrays]
        inputs[position] = p.variable(inputs[position])
        out = function(*inputs)
        node = out.inputs[0] if out.primitive is p.PICK else out
        if not node.history or node.primitive not in RULES:
            continue
        saved = {
            what
            for what, of in RULES[node.primitive][1]
            if of == node.inputs.index(inputs[position])
        }
        allowed = {node if what == OUT else node.inputs[what] for what in saved}
        (found,) = gradient_nodes(lambda *_, out=out: out, [inputs[position]])
        watched = {node, *(n for n in node.inputs if n.primitive is not p.CONSTANT)}
        assert reads(found, watched) & watched <= allowed


# --- what differences cannot say ----------------------------------------------------------------


def gradient_of(function, *arrays):
    return [a.tolist() for a in computed(
        gradient_nodes(function, [p.variable(leaf(np.array(a, float))) for a in arrays])
    )]  # fmt: skip


def sum_of(node):
    """Σ, so that weights do not matter: a result of no dimensions has the weight 2.5."""
    return p.mul(p.sum_(node, tuple(range(node.ndim))), number(0.4))


def test_equal_elements_share_the_gradient_of_a_maximum():
    assert gradient_of(lambda a, b: sum_of(p.maximum(a, b)), [1.0, 2.0], [1.0, 0.0]) == [
        [0.5, 1.0],
        [0.5, 0.0],
    ]
    assert gradient_of(lambda x: sum_of(p.max_(x, (0,))), [3.0, 1.0, 3.0]) == [[0.5, 0, 0.5]]
    assert gradient_of(lambda x: sum_of(p.min_(x, (0,))), [2.0, 1.0, 1.0]) == [[0, 0.5, 0.5]]


def test_relu_has_gradient_0_at_0():
    assert gradient_of(lambda x: sum_of(p.relu(x)), [-1.0, 0.0, 2.0]) == [[0, 0, 1]]


def test_the_gradient_of_abs_at_0_is_0():
    assert gradient_of(lambda x: sum_of(p.abs_(x)), [-1.0, 0.0]) == [[-1, 0]]


def test_powers_of_0():
    """0 to the 0 is 1, whatever the 0 below does; a constant exponent 0 has no slope."""
    zero, two = number(0), number(2)
    assert gradient_of(lambda x: sum_of(p.pow_(x, zero)), [0.0, 2.0]) == [[0, 0]]
    assert gradient_of(lambda x: sum_of(p.pow_(x, two)), [0.0, 3.0]) == [[0, 6]]
    assert gradient_of(lambda x, y: sum_of(p.pow_(x, y)), [0.0], [2.0]) == [[0], [0]]
    assert gradient_of(lambda x, y: sum_of(p.pow_(x, y)), [0.0], [0.0]) == [[0], [0]]


def test_a_cast_casts_the_gradient_back():
    x = p.variable(leaf(np.array([1.0, 2.0])))
    out = p.cast(x, dtypes.float32)
    seed = p.value(np.array([0.1, 0.2], np.float32), (2,), dtypes.float32)
    (found,) = gradients([out], [seed]).values()
    assert found.dtype is dtypes.float64
    assert computed([found])[0].tolist() == [np.float32(0.1), np.float32(0.2)]


def test_no_gradient_flows_through_integers():
    x = p.variable(leaf(np.array([1.0, 2.0])))
    assert not p.cast(p.cast(x, dtypes.int64), dtypes.float64).history


def test_a_substitute_has_the_value_of_one_and_the_history_of_the_other():
    x = p.variable(leaf(np.array([1.0, 2.0])))
    out = p.substitute(leaf(np.array([5.0, 6.0])), p.mul(x, x))
    (found,) = gradients([out], [weights((2,))]).values()
    value, slope = computed([out, found])
    assert value.tolist() == [5, 6]
    np.testing.assert_allclose(slope, 2 * np.array([1.0, 2.0]) * weights((2,)).buffer)


def test_a_custom_gradient_is_the_users():
    x = p.variable(leaf(np.array([1.0, 2.0])))
    (out,) = p.custom_gradient(
        [p.stop_gradient(p.exp(x))], [x], lambda grads: [p.mul(grads[0], number(10))]
    )
    (found,) = gradients([out], [weights((2,))]).values()
    np.testing.assert_allclose(computed([found])[0], 10 * weights((2,)).buffer)


def test_gradients_from_several_paths_add_up():
    assert gradient_of(lambda x: sum_of(p.add(p.mul(x, x), x)), [3.0]) == [[7.0]]


def test_backward_of_a_view_that_was_never_read():
    """Its step is recorded, though backward() itself records nothing."""
    x = gd.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().reshape(1).squeeze().backward()
    assert x.grad.tolist() == [2.0, 4.0]
