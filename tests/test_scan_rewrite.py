"""What simplification moves out of loops, and that it changes no value."""

import numpy as np
import pytest

from gradatim.engines.reference import ReferenceExecutable
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.gradients import gradients
from gradatim.graph.node import mode
from gradatim.graph.program import close, trace
from gradatim.graph.rewrite import _simplify, simplify
from gradatim.graph.scan import close_over

B, F, H, T = 2, 3, 4, 5  # batch, features, hidden, steps
f64 = dtypes.float64


def leaf(array):
    array = np.asarray(array)
    return p.value(array, array.shape, dtypes.from_numpy_dtype(array.dtype))


def normal(*shape, seed=0):
    return leaf(np.random.RandomState(seed).normal(size=shape))


def slots(*shapes):
    return [p.program_input(k, shape, f64) for k, shape in enumerate(shapes)]


def linear(x, w):
    return p.contract(x, w, (1,), (1,))


def gradients_of(outputs, variables):
    """The outputs, and the gradients of Σ outputs · uneven weights, without further history."""
    arriving = []
    for k, node in enumerate(outputs):
        weights = np.cos(np.arange(node.size) + k).reshape(node.shape)
        arriving.append(leaf(weights))
    before, mode.recording = mode.recording, False
    try:
        found = gradients(outputs, arriving, wanted=set(variables))
    finally:
        mode.recording = before
    return [*outputs, *(found[v] for v in variables)]


def plain(program):
    """The Program without what is done to loops."""
    return _simplify(program)


def run(program, inputs):
    failure, results = ReferenceExecutable(program)(inputs, [None] * len(program.outputs))
    assert failure is None
    return results


def simplified(outputs):
    """The simplified Program, after a check that it computes the same."""
    found = trace(outputs)
    program = close(found)
    inputs = [
        np.asarray(n.params[0], n.dtype.numpy) if n.buffer is None else n.buffer
        for n in found.leaves
    ]
    simple = simplify(program)
    for ours, expected in zip(run(simple, inputs), run(plain(program), inputs)):
        # Sums over a few steps in another order: some roundings of 1e-16.
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-13)
    return simple


def names(nodes):
    return sorted(n.primitive.name for n in nodes if n.primitive.kind not in ("leaf", "pick"))


def loops(program):
    return [node for node in program.nodes if node.primitive is p.SCAN]


def body_of(loop):
    return loop.params[0]


def count(graph, name):
    return names(graph.nodes).count(name)


# --- the aim: an LSTM's training step ------------------------------------------------------------


def lstm_step():
    h, c, x, w, u, b = slots((B, H), (B, H), (B, F), (4 * H, F), (4 * H, H), (4 * H,))
    gates = p.add(p.add(linear(x, w), b), linear(h, u))
    i, f, g, o = (p.slice_(gates, (0, k * H), (B, (k + 1) * H), (1, 1)) for k in range(4))
    new_c = p.add(p.mul(p.sigmoid(f), c), p.mul(p.sigmoid(i), p.tanh(g)))
    new_h = p.mul(p.sigmoid(o), p.tanh(new_c))
    body = p.Body([h, c, x, w, u, b], [new_h, new_c, new_h])
    weights = [p.variable(normal(*s)) for s in ((4 * H, F), (4 * H, H), (4 * H,))]
    zeros = p.full((B, H), 0, f64)
    *_, ys = p.scan(body, [zeros, zeros], [normal(T, B, F)], weights, T)
    return gradients_of([ys], weights)


def test_the_training_step_of_an_lstm():
    """One contraction in front of the loops, one inside each, one for each weight behind them."""
    program = simplified(lstm_step())
    forward, backward = loops(program)
    assert not forward.params[4] and backward.params[4]
    assert names(body_of(forward).nodes) == sorted(
        ["contract", "add", *["slice"] * 4, *["sigmoid"] * 3, *["tanh"] * 2, *["mul"] * 3, "add"]
    )
    inside = names(body_of(backward).nodes)
    assert inside.count("contract") == inside.count("concatenate") == 1
    assert set(inside) == {"contract", "concatenate", "add", "mul", "sub"}
    # Carried are h and c alone, and what is read of the forward loop is computed there once.
    assert [loop.params[1] for loop in (forward, backward)] == [2, 2]
    assert len(backward.inputs) == 2 + 1 + 6 + 1  # carries, arriving, saved, weight

    contractions = [n for n in program.nodes if n.primitive is p.CONTRACT]
    projection, *weight_gradients = contractions
    assert projection.shape == (T, B, 4 * H)
    assert [n.shape for n in weight_gradients] == [(4 * H, F), (4 * H, H)]
    assert all(n.params[:2] == ((0, 1), (0, 1)) for n in weight_gradients)  # over time and batch
    (bias,) = [n for n in program.nodes if n.primitive.name == "sum"]
    assert bias.params == ((0, 1),) and bias.shape == (4 * H,)


# --- merge and drop ------------------------------------------------------------------------------


def test_equal_loops_with_different_results_become_one():
    h, x = slots((B,), (B,))
    new = p.sin(p.add(h, x))
    short, long = p.Body([h, x], [new, new]), p.Body([h, x], [new, p.exp(new), new])
    start, xs = normal(B), normal(T, B)
    first = p.scan(short, [start], [xs], [], T)
    second = p.scan(long, [start], [xs], [], T)
    program = simplified([*first, *second])
    assert len(loops(program)) == 1
    assert program.outputs[:2] == (program.outputs[2], program.outputs[4])


def test_loops_with_other_carries_stay_apart():
    h, x = slots((B,), (B,))
    start, xs = normal(B), normal(T, B)
    ends = [
        p.scan(p.Body([h, x], [f(p.add(h, x))]), [start], [xs], [], T)[0] for f in (p.sin, p.cos)
    ]
    assert len(loops(simplified(ends))) == 2


def test_what_nobody_reads_goes():
    h, k, x, y = slots((B,), (B,), (B,), (B,))
    body = p.Body([h, k, x, y], [p.sin(p.add(h, x)), p.mul(k, p.exp(y)), p.cos(k)])
    end, *_ = p.scan(body, [normal(B), normal(B)], [normal(T, B), normal(T, B)], [], T)
    (loop,) = loops(simplified([end]))
    assert names(body_of(loop).nodes) == ["add", "sin"]
    assert len(loop.inputs) == 2


def test_a_carry_that_never_changes_is_a_constant():
    h, k = slots((B,), (B,))
    body = p.Body([h, k], [p.sin(p.mul(h, k)), k])
    start, factor = normal(B), normal(B, seed=1)
    program = simplified(p.scan(body, [start, factor], [], [], T))
    (loop,) = loops(program)
    assert loop.params[1] == 1
    assert program.outputs[1].primitive is p.INPUT


# --- hoist ---------------------------------------------------------------------------------------


def test_what_depends_on_constants_alone_is_computed_once():
    h, w, v = slots((B, H), (H, H), (H, H))
    body = p.Body([h, w, v], [p.tanh(linear(h, p.exp(linear(w, v))))])
    program = simplified(p.scan(body, [normal(B, H)], [], [normal(H, H), normal(H, H)], T))
    assert names(body_of(loops(program)[0]).nodes) == ["contract", "tanh"]
    assert count(program, "exp") == 1


def test_a_projection_and_its_bias_move_in_front_of_the_loop():
    h, x, w, b = slots((B, H), (B, F), (H, F), (H,))
    body = p.Body([h, x, w, b], [p.tanh(p.add(h, p.add(linear(x, w), b)))])
    program = simplified(
        p.scan(body, [normal(B, H)], [normal(T, B, F)], [normal(H, F), normal(H)], T)
    )
    assert names(body_of(loops(program)[0]).nodes) == ["add", "tanh"]
    assert names(program.nodes) == ["add", "contract", "scan"]


def test_cheap_operations_on_sequences_stay():
    h, x = slots((B,), (B,))
    body = p.Body([h, x], [p.sin(p.add(h, p.mul(x, x)))])
    (loop,) = loops(simplified(p.scan(body, [normal(B)], [normal(T, B)], [], T)))
    assert names(body_of(loop).nodes) == ["add", "mul", "sin"]


def test_a_loop_that_is_a_map_is_no_loop():
    x, w = slots((B, F), (H, F))
    body = p.Body([x, w], [p.tanh(linear(x, w))])
    program = simplified(p.scan(body, [], [normal(T, B, F)], [normal(H, F)], T))
    assert names(program.nodes) == ["contract", "tanh"]


# --- sink ----------------------------------------------------------------------------------------


def test_an_output_projection_moves_behind_the_loop():
    h, x, w, b = slots((B, H), (B, H), (F, H), (F,))
    new = p.tanh(p.add(h, x))
    body = p.Body([h, x, w, b], [new, p.sigmoid(p.add(linear(new, w), b))])
    program = simplified(
        p.scan(body, [normal(B, H)], [normal(T, B, H)], [normal(F, H), normal(F)], T)
    )
    assert names(body_of(loops(program)[0]).nodes) == ["add", "tanh"]
    assert names(program.nodes) == ["add", "contract", "scan", "sigmoid"]


def test_sums_are_taken_behind_the_loop():
    h, a, b, x = slots((B, H), (H, H), (H,), (B, H))
    new = p.tanh(p.add(h, x))
    product = p.contract(new, x, (0,), (0,))
    turned = p.permute(p.contract(x, new, (0,), (0,)), (1, 0))
    more = p.add(p.add(product, a), turned)
    body = p.Body([h, a, b, x], [new, more, p.add(b, p.sum_(new, (0,)))])
    start = [normal(B, H), normal(H, H), p.full((H,), 0, f64)]
    program = simplified(p.scan(body, start, [normal(T, B, H)], [], T))
    (loop,) = loops(program)
    assert names(body_of(loop).nodes) == ["add", "tanh"] and loop.params[1] == 1


def test_a_sum_that_a_later_step_reads_stays():
    total, x = slots((B,), (B,))
    body = p.Body([total, x], [p.add(total, p.sin(p.mul(total, x)))])
    (loop,) = loops(simplified(p.scan(body, [normal(B)], [normal(T, B)], [], T)))
    assert loop.params[1] == 1


def test_a_sum_of_large_values_is_not_kept_for_all_steps():
    """Each of them would have to be stored, to add them up behind the loop."""
    h, total, w = slots((H,), (H, H), (H, H))
    new = p.sin(h)
    body = p.Body([h, total, w], [new, p.add(total, p.exp(p.mul(w, new)))])
    start = [normal(H), p.full((H, H), 0, f64)]
    (loop,) = loops(simplified(p.scan(body, start, [], [normal(H, H)], T)))
    assert loop.params[1] == 2 and len(body_of(loop).outputs) == 2


@pytest.mark.parametrize("reverse", [False, True])
def test_the_last_result_is_the_last_carry(reverse):
    h, x = slots((B, H), (B, H))
    new = p.sin(p.add(h, x))
    _, ys = p.scan(p.Body([h, x], [new, new]), [normal(B, H)], [normal(T, B, H)], [], T, reverse)
    place = 0 if reverse else T - 1
    last = p.slice_(p.permute(ys, (1, 0, 2)), (0, place, 1), (B, place + 1, H), (1, 1, 1))
    (loop,) = loops(simplified([last]))
    assert len(body_of(loop).outputs) == 1


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_a_loss_of_the_last_output_alone_starts_the_gradient(turned, reverse):
    """Its gradient is a sequence of zeros but for one step: no loop reads it."""
    h, x, w = slots((B, H), (B, H), (H, H))
    new = p.tanh(p.add(linear(h, w), x))
    body = p.Body([h, x, w], [new, new])

    def backward_loop(t):
        weight = p.variable(normal(H, H))
        start = p.full((B, H), 0, f64)
        _, ys = p.scan(body, [start], [normal(T, B, H)], [weight], T, reverse)
        if turned:
            one = p.slice_(p.permute(ys, (1, 0, 2)), (0, t, 1), (B, t + 1, H), (1, 1, 1))
        else:
            one = p.slice_(ys, (t, 0, 1), (t + 1, B, H), (1, 1, 1))
        return loops(simplified(gradients_of([one], [weight])))[1]

    assert backward_loop(0 if reverse else T - 1).params[2] == 1  # it reads tanh's results alone
    assert backward_loop(T // 2).params[2] == 2


# --- many loops ----------------------------------------------------------------------------------


N = 3
OPERATIONS = [
    lambda a, b, k: p.add(a, b),
    lambda a, b, k: p.mul(a, b),
    lambda a, b, k: p.tanh(a),
    lambda a, b, k: p.mul(a, p.constant(0.3, f64)),
    lambda a, b, k: p.contract(a, b, (1,), (k,)),
    lambda a, b, k: p.contract(a, b, (0,), (0,)),
    lambda a, b, k: p.sub(p.expand(p.reshape(p.sum_(a, (0,)), (1, N)), (N, N)), b),
    lambda a, b, k: p.permute(p.sin(a), (1, 0)),
    lambda a, b, k: p.concatenate([rows(b, 1, 2), rows(a, 0, 2)], 0),
    lambda a, b, k: p.sort(a, k, False)[0],
    lambda a, b, k: p.select(p.gt(a, b), a, p.cumsum(b, 0)),
]


def rows(x, start, stop):
    return p.slice_(x, (start, 0), (stop, N), (1, 1))


def random_loop(seed):
    """Results of a loop of random operations, and their gradients."""
    rng = np.random.RandomState(seed)
    steps, reverse = rng.randint(0, 5), bool(rng.randint(2))
    inputs = slots(*[(N, N)] * 6)  # two carries, two sequences, two constants
    made = list(inputs)

    def some():
        return made[rng.randint(len(made))]

    for _ in range(rng.randint(4, 14)):
        operation = OPERATIONS[rng.randint(len(OPERATIONS))]
        made.append(operation(some(), some(), int(rng.randint(2))))
    carries = [p.tanh(some()), p.add(inputs[1], some())]  # the second is often a plain sum
    body, outer = close_over([*carries, some(), some(), some()], inputs)
    shapes = [*[(N, N)] * 2, *[(steps, N, N)] * 2, *[(N, N)] * 2]
    variables = [p.variable(normal(*shape, seed=k)) for k, shape in enumerate(shapes)]
    results = p.scan(body, variables[:2], variables[2:4], [*variables[4:], *outer], steps, reverse)
    chosen = [node for node in results if rng.randint(4)] or results[:1]
    before, mode.recording = mode.recording, bool(rng.randint(2))
    arriving = [p.full(node.shape, 1, f64) for node in chosen]
    found = gradients(chosen, arriving, wanted=set(variables))
    mode.recording = before
    return [*chosen, *found.values()]


@pytest.mark.parametrize("seed", range(300))
def test_random_loops_and_their_gradients_keep_their_values(seed):
    simplified(random_loop(seed))
