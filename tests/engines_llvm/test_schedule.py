"""What becomes one kernel, in which order kernels run, and where their results are written."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gradatim.engines.llvm.executable import LLVMExecutable
from gradatim.engines.llvm.fusion import Fusion
from gradatim.engines.llvm.kernels import OUTPUT, LoopNest, Rows
from gradatim.engines.llvm.memory import memory_limit
from gradatim.engines.llvm.ordering import _in_order
from gradatim.engines.llvm.schedule import schedule
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.errors import DivisionByZero, ElementOutOfRange, OutOfMemory
from gradatim.graph.program import close, trace
from gradatim.graph.rewrite import simplify
from tests.engines_llvm.engines import guarded, numbers, program, run, same_bits, value

FLOAT = dtypes.float32


def check(outputs):
    """Both engines agree to the bit; gives the native one's kernels."""
    expected, got, launches = run(outputs)
    assert all(map(same_bits, expected, got))
    return launches


def check_guarded(outputs):
    """The same between pages that cannot be touched."""
    for side in ("left", "right"):
        expected, got, _ = run(outputs, guarded(side))
        assert all(map(same_bits, expected, got))


# --- what goes together ---------------------------------------------------------------------------


def random_graph(rng, nodes):
    """Rows, columns and matrices that read each other in every way."""
    shapes = [(4, 6), (4, 6), (4, 1), (4,), (6,), (6, 4)]
    pool = [value(np.ones(shape, np.float32)) for shape in shapes]

    def of(shape):
        found = [x for x in pool if x.shape == shape]
        return rng.choice(found[-12:] if rng.random() < 0.7 else found)

    def any_shape():
        return rng.choice([(4, 6), (4, 6), (4, 6), (4,), (6, 4), (4, 1), (6,)])

    def two(shape):
        return p.add(of(shape), of(shape))

    makers = [
        lambda: two(any_shape()),
        lambda: two(any_shape()),
        lambda: p.exp(of(any_shape())),
        lambda: p.sum_(of((4, 6)), (rng.choice((0, 1)),)),
        lambda: p.max_(of((4, 6)), (1,)),
        lambda: p.expand(p.reshape(of((4,)), (4, 1)), (4, 6)),
        lambda: p.expand(of((6,)), (4, 6)),
        lambda: p.permute(of((4, 6)), (1, 0)),
        lambda: p.flip(of((4, 6)), (0,)),
        lambda: p.reshape(p.permute(of((6, 4)), (1, 0)), (4, 6)),
        lambda: p.contract(p.contract(of((4, 6)), of((6, 4)), (1,), (0,)), of((4, 6)), (1,), (0,)),
        lambda: p.slice_(p.concatenate([of((4, 6)), of((4, 6))], 0), (2, 0), (6, 6), (1, 1)),
        lambda: p.gather(of((4, 6)), value(np.zeros(4, np.int64))),
    ]
    for _ in range(nodes):
        pool.append(rng.choice(makers)())
    read = {source for node in pool for source in node.inputs}
    return [n for n in pool if n.buffer is None and (n not in read or rng.random() < 0.05)]


def has_circle(units):
    waiting = {unit: set(unit.before) for unit in units}
    while waiting:
        ready = [unit for unit, before in waiting.items() if not before]
        if not ready:
            return True
        for unit in ready:
            del waiting[unit]
        for before in waiting.values():
            before.difference_update(ready)
    return False


def test_units_never_wait_for_each_other_in_a_circle():
    for seed in range(150):
        rng = random.Random(seed)
        closed = close(trace(random_graph(rng, rng.choice((20, 60, 150)))))
        units = Fusion(closed).units
        assert not has_circle(units), f"seed {seed}"
        place = {unit: k for k, unit in enumerate(_in_order(units))}
        assert all(place[b] < place[unit] for unit in units for b in unit.before)


def test_a_product_does_not_swallow_what_it_reads():
    rng = np.random.default_rng(0)
    x, row = (numbers(rng, s, dtypes.uint8) for s in ((17, 31), (31,)))
    both = p.and_(x, p.expand(row, x.shape))
    scaled = p.contract(both, numbers(rng, (), dtypes.uint8), (), ())
    check([p.add(scaled, both)])


def test_a_turned_iota_lies_in_memory():
    count = p.iota((3, 100, 64), 1, FLOAT)
    check([p.slice_(count, (2, 0, 0), (3, 100, 64), (2, 3, 2)), p.add(count, count)])
    check([p.flip(p.iota((40,), 0, dtypes.int64), (0,))])
    check([p.add(p.permute(p.iota((5, 7), 0, FLOAT), (1, 0)), value(np.ones((7, 5), np.float32)))])


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("kept", [1, 2])
def test_a_kernel_of_rows_writes_parts_of_a_concatenation(axis, kept):
    x = numbers(np.random.default_rng(0), (3, 5, 40), FLOAT, special=False)
    axes = tuple(range(kept, 3))
    total = p.reshape(p.sum_(x, axes), x.shape[:kept] + (1,) * len(axes))
    check([p.concatenate([p.sub(x, p.expand(total, x.shape)), x, p.add(x, x)], axis)])


def test_a_part_of_a_concatenation_is_read_in_the_kernel_that_writes_it():
    x = numbers(np.random.default_rng(0), (5, 40), FLOAT, special=False)
    one = value(np.ones((5, 1), np.float32))
    total = p.add(p.reshape(p.sum_(x, (1,)), (5, 1)), one)
    check([p.concatenate([total, one], 0), p.sub(x, p.expand(total, x.shape))])


# --- what may fail --------------------------------------------------------------------------------


def run_into(outputs, replaces=()):
    """The failure of a run into buffers full of sevens, and whether any was written."""
    found = trace(outputs)
    pairs = tuple((found.outputs.index(a), found.leaves.index(b)) for a, b in replaces)
    closed = simplify(close(found, pairs))
    arrays = [np.array(leaf.buffer) for leaf in found.leaves]
    replaced = dict(closed.replaces)
    into = [
        arrays[replaced[k]] if k in replaced else np.full(n.shape, 7, n.dtype.numpy)
        for k, n in enumerate(closed.outputs)
    ]
    before = [np.array(array) for array in into]
    failure, _ = LLVMExecutable(closed)(arrays, into)
    return failure, any(not np.array_equal(a, b) for a, b in zip(before, into))


@pytest.mark.parametrize("wrong", [-1, 10, 2**40])
@pytest.mark.parametrize("how", ["gather", "scatter_add", "scatter_set"])
def test_an_index_outside_leaves_every_output_as_it_was(how, wrong):
    x = value(np.ones((10, 5), np.float32))
    places = value(np.array([0, 3, wrong], np.int64))
    updates = value(np.ones((3, 5), np.float32))
    moved = p.gather(x, places) if how == "gather" else getattr(p, how)(x, places, updates)
    other = p.exp(x)
    failure, written = run_into([other, moved, p.add(other, x)], [(other, x)])
    assert failure.error is ElementOutOfRange
    assert failure.message == f"index {wrong} is out of bounds for dimension 0 with size 10"
    assert not written


@pytest.mark.parametrize("divide", [p.floor_divide, p.remainder, p.fmod])
def test_a_division_by_zero_leaves_every_output_as_it_was(divide):
    x = value(np.arange(100, dtype=np.int32))
    by = value(np.where(np.arange(100) == 77, 0, 3).astype(np.int32))
    doubled = p.add(x, x)
    failure, written = run_into([doubled, divide(doubled, by)], [(doubled, x)])
    assert failure.error is DivisionByZero
    assert not written


def test_indices_are_looked_at_before_anything_is_computed():
    """However deep in a network rows are taken: nothing needs a copy for it."""
    x = value(np.ones((10, 5), np.float32))
    deep = p.contract(p.exp(x), value(np.ones((5, 5), np.float32)), (1,), (0,))
    taken = p.gather(deep, value(np.array([1, 2], np.int64)))
    closed, _ = program([p.exp(deep), taken])
    made = schedule(closed)
    assert isinstance(made.launches[0].code, Rows)
    assert made.launches[0].code.how == "look"
    written = [s for launch in made.launches for s in launch.writes if s.kind == OUTPUT]
    assert len(written) == 2
    assert not any(
        isinstance(launch.code, LoopNest) and not launch.code.operations for launch in made.launches
    )


# --- halves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16], ids=lambda d: d.name)
def test_sums_of_halves_are_scattered_in_float32(dtype):
    x = p.value(np.ones((2, 3), dtype.numpy), (2, 3), dtype)
    places = value(np.zeros(4096, np.int64))
    updates = p.value(np.full((4096, 3), 2**-9, dtype.numpy), (4096, 3), dtype)
    closed, arrays = program([p.scatter_add(x, places, updates)])
    _, (got,) = LLVMExecutable(closed)(arrays, [None])
    np.testing.assert_array_equal(got.astype(np.float32), [[9.0] * 3, [1.0] * 3])


@pytest.mark.parametrize("columns", [1, 17, 33])
def test_one_bfloat16_behind_the_last_vector_is_stored_alone(columns):
    rng = np.random.default_rng(0)
    a, b = (numbers(rng, s, dtypes.bfloat16, special=False) for s in ((3, 4), (4, columns)))
    scale = numbers(rng, (3, 1), dtypes.bfloat16, special=False)
    check_guarded([p.contract(a, b, (1,), (0,))])
    check_guarded([p.copysign(p.contract(a, b, (1,), (0,)), p.expand(scale, (3, columns)))])
    check_guarded([p.copysign(numbers(rng, (3, columns), dtypes.bfloat16), scale)])


def test_a_program_of_nothing_runs():
    empty = value(np.ones((0, 3), np.float32))
    check([p.exp(empty)])


# --- memory ---------------------------------------------------------------------------------------


def test_a_program_that_cannot_fit_is_refused_before_it_runs():
    column, row = value(np.ones((2**21, 1), np.float32)), value(np.ones((1, 2**21), np.float32))
    product = p.contract(column, row, (1,), (0,))
    closed, _ = program([p.sum_(p.sort(product, 1, False)[0], (0, 1))])
    with pytest.raises(OutOfMemory, match=r"you tried to allocate [0-9]+ bytes"):
        LLVMExecutable(closed)


def test_the_limit_of_a_control_group_is_minded(tmp_path):
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("1000000\n")
    assert memory_limit(str(tmp_path)) == 1_000_000


def test_a_number_of_numpys_is_taken_as_the_array_it_stands_for() -> None:
    """Native code reads array objects; a NumPy scalar is laid out otherwise."""
    x = p.value(np.zeros((), np.float32), (), dtypes.float32)
    closed, _ = program([p.add(x, x)])
    failure, (result,) = LLVMExecutable(closed)([np.float32(3)], [None])  # type: ignore[list-item]
    assert failure is None and result == 6
