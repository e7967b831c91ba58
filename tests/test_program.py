"""Programs: keys, simplification, and the reference engine that runs them."""

import numpy as np
import pytest

from gradatim.engines import get_engine, reference
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.program import close, trace
from gradatim.graph.rewrite import simplify
from gradatim.realize import compute


def value(array):
    array = np.asarray(array)
    return p.value(array, array.shape, dtypes.from_numpy_dtype(array.dtype))


def floats(*shape, seed=0):
    return value(np.random.RandomState(seed).randn(*shape).astype(np.float32))


def run(program, *inputs, into=None):
    executable = get_engine("reference").compile(program, "cpu")
    return executable(list(inputs), into or [None] * len(program.outputs))


def key_of(*outputs):
    return trace(outputs).key


def test_every_primitive_has_a_meaning():
    assert reference.COMPLETE


def test_values_are_no_part_of_the_key():
    def graph(x, rate):
        return p.mul(x, p.constant(rate, dtypes.float32))

    assert key_of(graph(floats(3), 0.1)) == key_of(graph(floats(3, seed=1), 0.3))
    assert key_of(graph(floats(3), 0.1)) != key_of(graph(floats(3), 2))  # worth specializing
    assert key_of(graph(floats(3), 0.1)) != key_of(graph(floats(4), 0.1))


def test_a_special_number_that_was_computed_is_still_part_of_the_key():
    """One Node stands for it everywhere: that somebody looked at it must not make it an input."""
    before = key_of(p.mul(floats(3), p.constant(2, dtypes.float32)))
    compute([p.constant(2, dtypes.float32)])
    assert key_of(p.mul(floats(3), p.constant(2, dtypes.float32))) == before


def test_strides_are_part_of_the_key_and_offsets_are_not():
    table = np.arange(100, dtype=np.float32).reshape(10, 10)
    rows = [key_of(p.neg(value(table[a : a + 2]))) for a in (0, 4)]
    columns = key_of(p.neg(value(table[:, :2].T)))
    assert rows[0] == rows[1] != columns


def test_parameters_and_structure_are_part_of_the_key():
    x = floats(2, 3)
    assert key_of(p.sum_(x, (0,))) != key_of(p.sum_(x, (1,)))
    assert key_of(p.sub(x, p.neg(x))) != key_of(p.sub(p.neg(x), x))


def test_the_digest_does_not_depend_on_the_process():
    x = floats(2)
    assert close(trace([p.neg(x)])).digest == close(trace([p.neg(floats(2, seed=5))])).digest


def test_common_subexpressions_and_dead_code_go():
    x = floats(4)
    program = close(trace([p.add(p.exp(x), p.exp(x))]))
    names = [node.primitive.name for node in simplify(program).nodes]
    assert names == ["input", "exp", "add"]


def test_a_transpose_is_folded_into_a_contraction():
    a, b = floats(3, 4), floats(5, 4)
    program = close(trace([p.contract(a, p.permute(b, (1, 0)), (1,), (0,))]))
    simple = simplify(program)
    assert "permute" not in [node.primitive.name for node in simple.nodes]
    _, (result,) = run(simple, a.buffer, b.buffer)
    np.testing.assert_allclose(result, a.buffer @ b.buffer.T, rtol=1e-6)


def test_a_permutation_that_reorders_kept_axes_stays():
    a, b = floats(2, 3, 4), floats(4, 5)
    node = p.contract(p.permute(a, (1, 0, 2)), b, (2,), (0,))
    _, (result,) = run(simplify(close(trace([node]))), a.buffer, b.buffer)
    np.testing.assert_allclose(
        result, np.einsum("ijk,kl->jil", a.buffer, b.buffer), rtol=1e-5, atol=1e-6
    )


def test_expands_in_front_of_elementwise_go_where_the_shape_stays():
    x, b = floats(3, 4), floats(4)
    grown = p.add(x, p.expand(b, (3, 4)))
    assert "expand" not in [n.primitive.name for n in simplify(close(trace([grown]))).nodes]
    both = p.add(p.expand(b, (3, 4)), p.expand(b, (3, 4)))
    _, (result,) = run(simplify(close(trace([both]))), b.buffer)
    assert result.shape == (3, 4)


def test_minus_zero_survives_simplification():
    x = value(np.array([-0.0], np.float32))
    node = p.add(x, p.constant(0, dtypes.float32))
    _, (result,) = run(simplify(close(trace([node]))), x.buffer)
    assert not np.signbit(result[0])


def test_outputs_never_share_memory():
    x = floats(2, 3)
    y = p.neg(x)
    outputs = [y, p.permute(y, (1, 0)), p.reshape(y, (6,)), p.copy(x)]
    _, results = run(close(trace(outputs)), x.buffer)
    for k, a in enumerate(results):
        assert a.flags.c_contiguous
        assert not np.shares_memory(a, x.buffer)
        assert not any(np.shares_memory(a, b) for b in results[:k])


def test_an_output_can_take_over_an_inputs_memory():
    x = floats(3)
    other = p.mul(x, p.constant(2, dtypes.float32))
    program = close(trace([p.neg(x), other]), replaces=((0, 0),))
    before = x.buffer.copy()
    _, (negated, doubled) = run(program, x.buffer, into=[x.buffer, None])
    assert negated is x.buffer
    np.testing.assert_array_equal(negated, -before)
    np.testing.assert_array_equal(doubled, 2 * before)


def test_a_failure_writes_nothing_and_says_which_node():
    x, index = floats(3), value(np.array([3]))
    outputs = [p.neg(x), p.gather(x, index)]
    found = trace(outputs)
    before = x.buffer.copy()
    failure, results = run(close(found, ((0, 0),)), x.buffer, index.buffer, into=[x.buffer, None])
    assert issubclass(failure.error, IndexError)
    assert "index 3 is out of bounds for dimension 0 with size 3" in failure.message
    assert found.order[failure.position] is outputs[1]
    np.testing.assert_array_equal(x.buffer, before)
    assert results == []


def test_shifts_of_any_amount_are_defined():
    amounts = np.array([-1, 0, 3, 7, 8, 40], np.int8)
    x = value(np.full(6, -5, np.int8))
    y = value(np.full(6, 5, np.int8))
    n = value(amounts)
    outputs = [p.shl(x, n), p.shr(x, n), p.shl(y, n), p.shr(y, n)]
    _, results = run(close(trace(outputs)), x.buffer, n.buffer, y.buffer)
    assert [r.tolist() for r in results] == [
        [0, -5, -40, -128, 0, 0],
        [-1, -5, -1, -1, -1, -1],
        [0, 5, 40, -128, 0, 0],
        [0, 5, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_sums_accumulate_in_float32(dtype):
    x = value(np.full(4096, 1.0).astype(dtypes.BY_NAME[dtype].numpy))
    _, (total,) = run(close(trace([p.sum_(x, (0,))])), x.buffer)
    assert float(total) == 4096.0


def test_descending_sort_is_stable():
    x = value(np.array([1.0, 2.0, 1.0, np.nan, 2.0], np.float32))
    _, (values, places) = run(close(trace(list(p.sort(x, 0, True)))), x.buffer)
    assert places.tolist() == [3, 1, 4, 0, 2]
    assert np.isnan(values[0])


def test_a_program_prints_as_something_to_read():
    x = floats(2, 3)
    text = repr(close(trace([p.sum_(p.exp(x), (1,))])))
    assert "%1 = exp(%0) : float32[2, 3]" in text
    assert "return %2" in text
