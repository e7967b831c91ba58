"""What random programs meet too rarely: special values, every subset of axes, every assignment of
axes in a contraction, pairs of movements, and outputs that replace inputs.
"""

import itertools

import numpy as np
import pytest

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from tests.engines import rows
from tests.engines.case import written_case
from tests.engines.check import Mismatch, check
from tests.engines.guard import Guard
from tests.engines.meaning import run, wide
from tests.engines.worker import dies

FLOATING = [d for d in dtypes.ALL if d.is_floating_point]
INTEGER = [d for d in dtypes.ALL if d.is_integer]
names = [d.name for d in dtypes.ALL]


def leaf(array, dtype=None):
    dtype = dtype or dtypes.from_numpy_dtype(np.asarray(array).dtype)
    array = np.asarray(array).astype(dtype.numpy)
    return p.value(array, array.shape, dtype)


def numbers(*shape, dtype=dtypes.float32, seed=0):
    """Small integers."""
    content = np.random.default_rng(seed).integers(-3, 4, shape)
    return leaf(np.abs(content) if not dtype.is_signed else content, dtype)


def run_both_ways(case, engine):
    """In ordinary memory, and in memory flush against inaccessible pages."""
    check(case, engine)
    for side in ("right", "left"):  # in a fork, which may crash
        assert dies(case, engine, Guard(side)) is None, f"memory flush {side}"


# --- special values -------------------------------------------------------------------------------


def special_floats(dtype):
    info = np.finfo(dtype.numpy) if dtype.name != "bfloat16" else None
    if info is None:
        import ml_dtypes

        info = ml_dtypes.finfo(ml_dtypes.bfloat16)
    positive = [
        0.0, float(info.smallest_subnormal), 3 * float(info.smallest_subnormal),
        float(info.smallest_normal) / 2, float(info.smallest_normal), float(info.eps), 0.1, 0.5,
        1 - float(info.eps), 1.0, 1 + float(info.eps), 1.5, 2.0, 2.5, 3.0, 7.9, 10.0, 88.0, 100.0,
        1000.0, 32768.0, float(info.max) / 2, float(info.max), np.inf,
    ]  # fmt: skip
    return np.array([*positive, *[-x for x in positive], np.nan]).astype(dtype.numpy)


UNARY = [name for name, primitive in p.PRIMITIVES.items() if primitive.kind == "unary"]
BINARY = [name for name, primitive in p.PRIMITIVES.items() if primitive.kind == "binary"]


def builder(name):
    return next(
        f
        for f in (getattr(p, name, None), getattr(p, name + "_", None))
        if callable(f) and not isinstance(f, p.Primitive)
    )


# The sign of a zero that these give is IEEE's or the C standard's.
SIGNED_ZERO = set(
    [
        "neg",
        "abs",
        "trunc",
        "floor",
        "ceil",
        "round",
        "sqrt",
        "expm1",
        "log1p",
        "sin",
        "tan",
        "asin",
        "atan",
        "sinh",
        "tanh",
        "asinh",
        "atanh",
        "erf",
        "mul",
        "div",
        "copysign",
    ]
)


def check_signs_of_zeros(case, outputs, results):
    for node, result in zip(outputs, results):
        if node.primitive.name in SIGNED_ZERO and node.dtype.is_floating_point:
            exact = run(node, *[n.buffer for n in node.inputs])
            zero = wide(exact) == 0
            wrong = zero & (np.signbit(wide(exact)) != np.signbit(wide(result)))
            assert not wrong.any(), f"{node.primitive.name} gives zeros of the wrong sign"


@pytest.mark.parametrize("dtype", FLOATING, ids=lambda d: d.name)
def test_functions_of_special_values(engine, dtype):
    x = leaf(special_floats(dtype), dtype)
    outputs = [builder(name)(x) for name in UNARY if name not in ("not", "nextafter")]
    case = written_case(outputs, smooth=True)
    check(case, engine)
    _, results = engine.compile(case.program, "cpu")(case.inputs, [None] * len(outputs))
    check_signs_of_zeros(case, outputs, results)


BITWISE = ("and", "or", "xor", "shl", "shr", "gcd")


@pytest.mark.parametrize("dtype", FLOATING, ids=lambda d: d.name)
def test_pairs_of_special_values(engine, dtype):
    content = special_floats(dtype)
    a, b = leaf(content[:, None], dtype), leaf(content[None, :], dtype)
    skipped = (*BITWISE, "nextafter") if dtype.itemsize == 2 else BITWISE
    outputs = [builder(name)(a, b) for name in BINARY if name not in skipped]
    case = written_case(outputs, smooth=True)
    check(case, engine)
    _, results = engine.compile(case.program, "cpu")(case.inputs, [None] * len(outputs))
    check_signs_of_zeros(case, outputs, results)


def special_integers(dtype):
    low, high = dtypes.integer_range(dtype)
    values = {low, low + 1, low // 2, -3, -2, -1, 0, 1, 2, 3, 7, 8, 31, 63, 64, high // 2, high}
    return np.array(sorted(n for n in values if low <= n <= high), dtype.numpy)


@pytest.mark.parametrize("dtype", INTEGER, ids=lambda d: d.name)
def test_integer_operations_on_extremes(engine, dtype):
    content = special_integers(dtype)
    a, b = leaf(content[:, None], dtype), leaf(content[None, :], dtype)
    divisor = leaf(content[content != 0][None, :], dtype)
    power = leaf(content[content >= 0][None, :], dtype)
    outputs = [f(a) for f in (p.neg, p.abs_, p.sign, p.relu, p.not_)]
    outputs += [f(a, divisor) for f in (p.floor_divide, p.remainder, p.fmod)]
    outputs += [p.pow_(a, power)]
    outputs += [
        builder(name)(a, b)
        for name in BINARY
        if name in rows.ROWS and name not in
        ("div", "pow", "atan2", "copysign", "nextafter", "floor_divide", "remainder", "fmod")
    ]  # fmt: skip
    run_both_ways(written_case(outputs), engine)


@pytest.mark.parametrize("source", dtypes.ALL, ids=lambda d: d.name)
def test_casts_between_all_dtypes(engine, source):
    outputs = []
    for target in dtypes.ALL:
        if source.is_floating_point:
            content = np.array([0.0, 0.4, 0.5, 1.5, 2.5, 3.7, 100.0])
            if target.is_signed:
                content = np.concatenate([content, -content])
            if source.itemsize == 8 and target.itemsize == 2:  # by way of float32 here and there
                content = content[content * 2 == np.rint(content * 2)]
            elif target.is_floating_point:
                content = np.concatenate([special_floats(source), content.astype(source.numpy)])
        elif source.is_integer:
            content = special_integers(source)
            if target.is_floating_point and target.itemsize == 2:
                content = content[np.abs(content.astype(np.float64)) < 2**24]
        else:
            content = np.array([False, True])
        if source is not target:
            outputs.append(p.cast(leaf(content, source), target))
    run_both_ways(written_case(outputs), engine)


def test_rounding_to_the_halves_is_to_even(engine):
    """Ties of float32 between two neighbours of bfloat16 and of float16."""
    bits = np.arange(0x3F80_0000, 0x3F84_0000, 0x800, dtype=np.uint32)
    x = leaf(np.concatenate([bits, bits + 1, bits - 1]).view(np.float32))
    check(written_case([p.cast(x, dtypes.bfloat16), p.cast(x, dtypes.float16)]), engine)


# --- reductions -----------------------------------------------------------------------------------

AXES = [axes for n in range(5) for axes in itertools.combinations(range(4), n)]
REDUCED = [(2, 3, 4, 5), (3, 1, 17, 8), (33, 2, 7, 1), (5, 0, 3, 2)]


@pytest.mark.parametrize("shape", REDUCED, ids=str)
@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.bfloat16, dtypes.int32],
                         ids=lambda d: d.name)  # fmt: skip
def test_reductions_over_each_subset_of_axes(engine, shape, dtype):
    x = numbers(*shape, dtype=dtype)
    if dtype is dtypes.bfloat16:  # sums that it holds exactly
        x = leaf((np.asarray(x.buffer, np.float32) > 2).astype(np.float32), dtype)
    outputs = []
    for axes in AXES:
        outputs.append(p.sum_(x, axes))
        if all(shape[k] for k in axes):
            outputs += [p.max_(x, axes), p.min_(x, axes)]
    if 0 not in shape:
        outputs += [f(x, k) for f in (p.argmax, p.argmin, p.cumsum) for k in range(4)]
    outputs += [p.sum_(p.permute(x, (2, 0, 3, 1)), axes) for axes in AXES]
    outputs = [node for node in outputs if node.shape != shape or node.inputs]
    smooth = dtype is dtypes.bfloat16
    run_both_ways(written_case(outputs, smooth=smooth), engine)


def test_a_reduction_meets_nan_anywhere(engine):
    outputs = []
    for place in (0, 1, 7, 8, 31, 32, 66):
        content = np.arange(67.0, dtype=np.float32)
        content[place] = np.nan
        x = leaf(content)
        outputs += [f(x, (0,)) for f in (p.sum_, p.max_, p.min_)]
        outputs += [p.argmax(x, 0), p.argmin(x, 0), *p.sort(x, 0, False), *p.sort(x, 0, True)]
    check(written_case(outputs), engine)


def test_the_first_of_equal_extremes_wins(engine):
    x = leaf(np.tile(np.float32([1, 5, 0, 5, 0, 1]), 20).reshape(6, 20))
    outputs = [f(x, axis) for f in (p.argmax, p.argmin) for axis in (0, 1)]
    outputs += [y for axis in (0, 1) for down in (False, True) for y in p.sort(x, axis, down)]
    check(written_case(outputs), engine)


# --- contractions ---------------------------------------------------------------------------------

EXTENTS = {
    "odd": ((3, 2), (5, 7), (9, 1), (4, 3)),
    "ones": ((1, 1), (1, 1), (1, 1), (1, 1)),
    "vectors": ((2, 1), (17, 1), (33, 2), (31, 1)),
    "nothing to sum": ((2, 3), (0, 2), (5, 2), (3, 1)),
    "no rows": ((2, 3), (3, 2), (0, 2), (4, 2)),
    "no batch": ((0, 3), (3, 2), (2, 2), (4, 2)),
}


def contraction(rng, batch, summed, a_free, b_free, dtype, strided):
    """A contraction with its axes in a random order in both operands."""
    operands, places = [], []
    for free in (a_free, b_free):
        sizes = [*batch, *summed, *free]
        order = rng.permutation(len(sizes)).tolist()
        content = rng.integers(-3, 4, [sizes[k] for k in order]).astype(dtype.numpy)
        if strided:  # the operand's memory is in the order batch, summed, free
            turned = np.array(content.transpose(np.argsort(order).astype(int)), order="C")
            node = p.value(turned.transpose(order), content.shape, dtype)
        else:
            node = leaf(content, dtype)
        operands.append(node)
        places.append([order.index(k) for k in range(len(batch) + len(summed))])
    cut = len(batch)
    a, b = operands
    return p.contract(a, b, tuple(places[0][cut:]), tuple(places[1][cut:]),
                      tuple(places[0][:cut]), tuple(places[1][:cut]))  # fmt: skip


@pytest.mark.parametrize("kind", EXTENTS)
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_contractions_with_every_assignment_of_axes(engine, kind, batch):
    rng = np.random.default_rng(batch)
    outputs = []
    for turn, (summed, a_free, b_free) in enumerate(itertools.product(range(3), repeat=3)):
        b, k, m, n = EXTENTS[kind]
        node = contraction(rng, b[:batch], k[:summed], m[:a_free], n[:b_free], dtypes.float32,
                           strided=turn % 2 == 1)  # fmt: skip
        outputs.append(node)
        axes = tuple(rng.permutation(len(node.shape)).tolist())
        outputs.append(p.permute(node, axes))
    outputs = [node for node in dict.fromkeys(outputs) if node.inputs]
    run_both_ways(written_case(outputs), engine)


@pytest.mark.parametrize("dtype", [dtypes.float64, dtypes.float16, dtypes.bfloat16, dtypes.int8,
                                   dtypes.int64, dtypes.uint16], ids=lambda d: d.name)  # fmt: skip
def test_contractions_of_every_dtype(engine, dtype):
    outputs = []
    for m, k, n in ((1, 1, 1), (5, 7, 3), (17, 33, 16), (1, 64, 1), (31, 1, 2)):
        for seed, transposed in enumerate(itertools.product((False, True), repeat=2)):
            a, b = numbers(m, k, dtype=dtype, seed=seed), numbers(k, n, dtype=dtype, seed=9 + seed)
            if not dtype.is_signed:
                a, b = (leaf(x.buffer % 3, dtype) for x in (a, b))
            a_axis, b_axis = 1, 0
            if transposed[0]:
                a, a_axis = leaf(np.ascontiguousarray(a.buffer.T), dtype), 0
            if transposed[1]:
                b, b_axis = leaf(np.ascontiguousarray(b.buffer.T), dtype), 1
            outputs.append(p.contract(a, b, (a_axis,), (b_axis,)))
    run_both_ways(written_case(outputs, smooth=dtype.is_floating_point), engine)


SIZES = [
    (1, 1, 1),
    (2, 3, 1),
    (16, 16, 16),
    (17, 31, 33),
    (100, 1, 100),
    (1, 100, 7),
    (64, 65, 129),
]


@pytest.mark.parametrize("m, k, n", SIZES)
def test_products_with_what_stands_around_them(engine, m, k, n):
    """Bias, activation, mask, residual, sums of columns: what an engine may fuse."""
    x, w, bias = numbers(m, k), numbers(n, k, seed=1), numbers(n, seed=2)
    product = p.contract(x, w, (1,), (1,))
    biased = p.add(product, bias)
    active = p.relu(biased)
    mask = p.gt(biased, p.constant(0, dtypes.float32))
    residual = p.add(active, numbers(m, n, seed=3))
    kept = p.select(mask, residual, p.constant(0, dtypes.float32))
    outputs = [active, mask, residual, kept, p.sum_(kept, (0,)), p.sum_(kept, (1,)), product]
    outputs.append(p.contract(kept, p.relu(x), (0,), (0,)))
    run_both_ways(written_case(outputs), engine)


# --- movement -------------------------------------------------------------------------------------

SHAPE = (3, 4, 5)


def places(*starts):
    return [p.constant(n, dtypes.int64) for n in starts]


MOVES = {
    "permute": lambda x: p.permute(x, tuple(reversed(range(x.ndim)))),
    "rotate": lambda x: p.permute(x, (*range(1, x.ndim), 0)),
    "reshape": lambda x: p.reshape(x, (x.size // x.shape[0], x.shape[0])),
    "flip": lambda x: p.flip(x, (0, x.ndim - 1)),
    "slice": lambda x: p.slice_(x, (1,) * x.ndim, x.shape, (1, 2, 3)[: x.ndim]),
    "pad": lambda x: p.pad(x, leaf(np.float32(7)), (2, -1, 0)[: x.ndim], (-1, 3, 1)[: x.ndim]),
    "expand": lambda x: p.expand(p.slice_(x, (0,) * x.ndim, (1, *x.shape[1:]), (1,) * x.ndim),
                                 x.shape),
    "concatenate": lambda x: p.concatenate([x, p.flip(x, (0,)), x], x.ndim - 1),
    "dynamic_slice": lambda x: p.dynamic_slice(x, [leaf(np.int64(9))] * x.ndim,
                                               tuple(n - 1 for n in x.shape), (1,) * x.ndim),
    "update_slice": lambda x: p.update_slice(x, p.full(tuple(n - 1 for n in x.shape), 8, x.dtype),
                                             places(*[1] * x.ndim), (1,) * x.ndim),
    "gather": lambda x: p.gather(x, leaf(np.array([1, 1, 0]))),
    "copy": p.copy,
}  # fmt: skip


@pytest.mark.parametrize("first", MOVES)
def test_two_movements_one_after_the_other(engine, first):
    x = numbers(*SHAPE)
    outputs = [MOVES[second](MOVES[first](x)) for second in MOVES]
    outputs += [p.neg(node) for node in outputs] + [p.sum_(node, (0,)) for node in outputs]
    run_both_ways(written_case(outputs), engine)


# --- outputs that replace inputs ------------------------------------------------------------------


def hazard_another_output_reads_the_old_value():
    x, y = numbers(67), numbers(67, seed=1)
    new, other = p.add(x, y), p.mul(x, y)
    return [new, other], [(new, x)]


def hazard_two_inputs_are_swapped():
    x, y = numbers(4, 9), numbers(4, 9, seed=1)
    a, b = p.copy(x), p.copy(y)
    return [b, a], [(b, x), (a, y)]


def hazard_two_inputs_are_swapped_and_changed():
    x, y = numbers(33), numbers(33, seed=1)
    a, b = p.neg(x), p.sub(y, x)
    return [b, a], [(b, x), (a, y)]


def hazard_three_inputs_go_round():
    x, y, z = (numbers(5, 5, seed=k) for k in range(3))
    a, b, c = p.permute(x, (1, 0)), p.relu(y), p.neg(z)
    return [a, b, c], [(a, y), (b, z), (c, x)]


def hazard_a_shifted_slice_of_what_it_replaces():
    x = numbers(100)
    ahead = p.slice_(x, (1,), (100,), (1,))
    new = p.update_slice(x, ahead, places(0), (1,))
    return [new], [(new, x)]


def hazard_a_slice_shifted_the_other_way():
    x = numbers(100)
    behind = p.slice_(x, (0,), (99,), (1,))
    new = p.update_slice(x, behind, places(1), (1,))
    return [new], [(new, x)]


def hazard_each_element_reads_its_neighbours():
    x = numbers(9, 31)
    zero = p.constant(0, dtypes.float32)
    left = p.pad(x, zero, (0, 1), (0, -1))
    right = p.pad(x, zero, (0, -1), (0, 1))
    new = p.add(p.add(left, right), x)
    return [new], [(new, x)]


def hazard_it_is_turned_around_in_place():
    x = numbers(7, 16)
    new = p.flip(x, (0, 1))
    return [new], [(new, x)]


def hazard_it_is_transposed_in_place():
    x = numbers(17, 17)
    new = p.permute(x, (1, 0))
    return [new], [(new, x)]


def hazard_it_is_multiplied_by_itself_in_place():
    x = numbers(17, 17)
    new = p.contract(x, x, (1,), (0,))
    return [new], [(new, x)]


def hazard_a_row_is_taken_from_all():
    x = numbers(8, 5)
    new = p.sub(x, p.max_(x, (0,)))
    return [new], [(new, x)]


def hazard_rows_are_gathered_from_what_is_replaced():
    x = numbers(6, 5)
    new = p.gather(x, leaf(np.array([5, 4, 3, 2, 1, 0])))
    return [new], [(new, x)]


def hazard_rows_are_added_to_what_is_read():
    x = numbers(6, 5)
    new = p.scatter_add(x, leaf(np.array([1, 1, 5])), p.slice_(x, (0, 0), (3, 5), (1, 1)))
    return [new, p.gather(x, leaf(np.array([1, 5])))], [(new, x)]


def hazard_the_running_sum_of_what_it_replaces():
    x = numbers(40)
    new = p.cumsum(p.flip(x, (0,)), 0)
    return [new], [(new, x)]


def hazard_an_update_that_its_own_gradient_reads():
    """Plain SGD: the gradient of the input reads the old weight, the update writes it."""
    w, x, g = numbers(17, 9), numbers(5, 9, seed=1), numbers(5, 17, seed=2)
    grad_x, grad_w = p.contract(g, w, (1,), (0,)), p.contract(g, x, (0,), (0,))
    new = p.sub(w, p.mul(grad_w, p.constant(0.5, dtypes.float32)))
    return [new, grad_x], [(new, w)]


def hazard_a_chain_of_updates():
    x, y, z = (numbers(33, seed=k) for k in range(3))
    a = p.add(x, y)
    b = p.add(y, a)
    c = p.add(z, b)
    return [a, b, c, p.sub(x, z)], [(a, x), (b, y), (c, z)]


def hazard_a_scalar_that_all_read():
    step, x = leaf(np.float32(2)), numbers(50)
    new = p.add(step, p.constant(1, dtypes.float32))
    scaled = p.mul(x, step)
    return [new, scaled], [(new, step), (scaled, x)]


HAZARDS = {k.removeprefix("hazard_"): f for k, f in list(globals().items())
           if k.startswith("hazard_")}  # fmt: skip


@pytest.mark.parametrize("hazard", HAZARDS)
def test_replacing_an_input(engine, hazard):
    outputs, replaces = HAZARDS[hazard]()
    run_both_ways(written_case(outputs, replaces=replaces), engine)


@pytest.mark.parametrize("hazard", HAZARDS)
def test_the_same_in_any_order_of_the_outputs(engine, hazard):
    outputs, replaces = HAZARDS[hazard]()
    run_both_ways(written_case(outputs[::-1], replaces=replaces), engine)


def test_a_hazard_that_is_not_minded_is_found():
    from tests.engines.broken import WritesBeforeReading

    outputs, replaces = hazard_two_inputs_are_swapped_and_changed()
    with pytest.raises(Mismatch):
        check(written_case(outputs, replaces=replaces), WritesBeforeReading())


def test_a_view_of_memory_that_another_input_shares(engine):
    table = np.arange(60, dtype=np.float32).reshape(6, 10)
    whole = p.value(table, (6, 10), dtypes.float32)
    turned = p.value(table.T, (10, 6), dtypes.float32)
    rows_ = p.value(table[1::2], (3, 10), dtypes.float32)
    outputs = [p.contract(whole, turned, (1,), (0,)), p.add(rows_, rows_), p.sum_(turned, (0,))]
    check(written_case(outputs), engine)
