"""Indexing, reading and writing; the functions that index by name."""

from __future__ import annotations

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import ElementOutOfRange
from gradatim.graph.node import topological
from gradatim.realize import state

NUMBERS = [[0.0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


@pytest.fixture
def x():
    """[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], computed."""
    return gd.tensor(NUMBERS)


def is_computed(tensor: gd.Tensor) -> bool:
    return tensor._read().buffer is not None


def pending(values, **options) -> gd.Tensor:
    """A tensor that waits for its values."""
    return gd.tensor(values, **options) + 0


# --- reading: the basic part ----------------------------------------------------------------------


def test_integers_and_slices(x):
    assert x[1].tolist() == [4, 5, 6, 7]
    assert x[-1, -2].item() == 10
    assert x[1:, ::2].tolist() == [[4, 6], [8, 10]]
    assert x[:, 5:].shape == (3, 0)
    assert x[2:1].shape == (0, 4)
    assert x[..., -1].tolist() == [3, 7, 11]


def test_none_makes_a_dimension(x):
    assert x[:, None, 1:3].shape == (3, 1, 2)
    assert gd.tensor(5)[None].tolist() == [5]


def test_everything_that_is_an_integer_is_one(x):
    assert x[np.int64(1)].tolist() == x[gd.tensor(1)].tolist() == x[np.array(1)].tolist()
    assert x[gd.tensor(0) : gd.tensor(2)].shape == (2, 4)
    assert x[pending(1)].tolist() == [4, 5, 6, 7]


def test_basic_indexing_gives_views_with_pytorchs_strides(x):
    y = x[1:, None, ::2]
    assert y.stride() == (4, 4, 2)
    assert y.storage_offset() == 4
    assert x.t()[1:, 0].stride() == (1,)
    assert x[3:].storage_offset() == 12


def test_writing_to_a_view_of_a_view_changes_the_base(x):
    x[1:3][0][2:] = 0
    assert x[1].tolist() == [4, 5, 0, 0]


def test_a_view_shows_what_is_written_to_the_base_later(x):
    column = x[:, 1]
    x[1] = -1
    x[gd.tensor([2]), 1] = 7
    x[x == 1] = 3
    assert column.tolist() == [3, -1, 7]


def test_a_computed_tensor_is_sliced_without_computing():
    x = gd.ones(4, 4).realize()
    before = state.compiled
    assert x[1:3, 0].tolist() == [1, 1]
    assert state.compiled == before


def test_a_pending_integer_index_gives_a_view_too(x):
    x[pending(1)][:2] = 0
    assert x[1].tolist() == [0, 0, 6, 7]


# --- reading: the advanced part -------------------------------------------------------------------


def test_index_tensors_broadcast_together(x):
    rows, columns = gd.tensor([[0], [2]]), gd.tensor([1, -1])
    assert x[rows, columns].tolist() == [[1, 3], [9, 11]]
    assert x[[[0], [2]], [1, -1]].tolist() == [[1, 3], [9, 11]]
    assert x[np.array([[0], [2]]), columns].tolist() == [[1, 3], [9, 11]]


def test_where_the_indexed_dimensions_go():
    x = gd.zeros(2, 3, 4, 5)
    i, j = gd.tensor([0, 1, 1]), gd.tensor([[0], [1]])
    assert x[:, i, :, 0].shape == (2, 3, 4)
    assert x[:, i, j].shape == (2, 2, 3, 5)  # side by side: they take their own place
    assert x[i, :, j].shape == (2, 3, 3, 5)  # apart: they come first
    assert x[:, i, :, j].shape == (2, 3, 2, 4)
    assert x[i, None, j].shape == (2, 3, 1, 4, 5)
    assert x[0, :, i].shape == (3, 3, 5)  # an integer is no index tensor: x[0][:, i]


def test_masks(x):
    assert x[x > 8].tolist() == [9, 10, 11]
    assert x[gd.tensor([True, False, True])].shape == (2, 4)
    assert x[:, np.array([True, False, False, True])].tolist() == [[0, 3], [4, 7], [8, 11]]
    assert x[gd.tensor([True, False, True]), [0, 1]].tolist() == [0, 9]
    assert x[True].shape == (1, 3, 4)
    assert x[gd.tensor(False)].shape == (0, 3, 4)
    assert x[gd.tensor([1, 0, 1], dtype=gd.uint8)].shape == (2, 4)


def test_a_short_list_with_anything_but_numbers_is_a_tuple(x):
    assert x[[0, slice(0, 1)]].tolist() == [0]
    assert x[[gd.tensor([0]), gd.tensor([1])]].tolist() == [1]
    assert x[[0, 1]].shape == (2, 4)
    assert x[[]].shape == (0, 4)


def test_advanced_indexing_gives_copies(x):
    x[[0, 1]].fill_(9)
    assert x.tolist() == NUMBERS


def test_a_pending_index_stays_pending(x):
    i = pending([2, -1])
    y = x[i]
    z = x[i, i]
    assert not is_computed(i) and not is_computed(y) and not is_computed(z)
    assert y.tolist() == [NUMBERS[2], NUMBERS[2]]
    assert z.tolist() == [10, 11]


def test_reading_with_a_mask_computes_the_mask_alone(x):
    big = x > 8
    y = x + 1
    found = y[big]
    assert found.shape == (3,)
    assert not is_computed(y)
    assert found.tolist() == [10, 11, 12]


def test_reading_by_one_index_tensor_is_one_node(x):
    y = x[gd.tensor([0, 2])]
    assert [n.primitive.name for n in y._read().inputs] == ["value", "value"]
    assert y._read().primitive.name == "gather"


# --- writing --------------------------------------------------------------------------------------


def test_a_value_is_broadcast_and_cast(x):
    x[0] = 1
    x[1, 1:] = gd.tensor([7, 8, 9])
    x[2] = gd.ones(1, 1, 4)
    assert x.tolist() == [[1, 1, 1, 1], [4, 7, 8, 9], [1, 1, 1, 1]]
    n = gd.zeros(3, dtype=gd.int32)
    n[:2] = gd.tensor([1.7, -1.7])
    n[2] = 2.9
    assert n.tolist() == [1, -1, 2]


def test_numbers_and_arrays_of_numpy_can_be_assigned(x):
    x[0] = np.float32(2.5)
    x[1:] = np.zeros((2, 4))
    x[[2]] = np.ones(4)
    assert x.tolist() == [[2.5] * 4, [0] * 4, [1] * 4]


def test_negative_numbers_wrap_around_in_unsigned_dtypes():
    x = gd.zeros(2, dtype=gd.uint8)
    x[0] = -1
    assert x.tolist() == [255, 0]


def test_a_tensor_and_what_is_assigned_to_it_share_no_memory(x):
    y, z = gd.zeros(3, 4), gd.zeros(3, 4)
    y[:] = x
    z[...] = x
    x.numpy()[0, 0] = 99
    y.numpy()[0, 1] = 98
    assert (x[0, 0].item(), x[0, 1].item()) == (99, 1)
    assert (y[0, 0].item(), z[0, 1].item()) == (0, 1)


def test_overlapping_slices_are_read_before_they_are_written(x):
    x[:, 1:] = x[:, :-1]
    assert x[0].tolist() == [0, 0, 1, 2]


def test_index_tensors_in_writing(x):
    x[[0, -1]] = gd.tensor([1.0, 2, 3, 4])
    x[1, [0, 0, 1]] = gd.tensor([5.0, 6, 7])  # of two values for a place the last stays
    assert x.tolist() == [[1, 2, 3, 4], [6, 7, 6, 7], [1, 2, 3, 4]]


def test_writing_where_indexed_dimensions_are_apart():
    x = gd.zeros(2, 3, 2)
    x[[0, 1], :, [1, 0]] = gd.tensor([[1.0, 2, 3], [4, 5, 6]])
    assert x.tolist() == [[[0, 1], [0, 2], [0, 3]], [[4, 0], [5, 0], [6, 0]]]


ROWS, COLUMNS = [1, 0, 1], [0, 0, 0, 1]


@pytest.mark.parametrize(
    "index, value, expected",
    [
        (lambda m, n: m, 0, [[0, 0, 0, 0], [4, 5, 6, 7], [0, 0, 0, 0]]),
        (lambda m, n: (m, slice(2)), [5, 6], [[5, 6, 2, 3], [4, 5, 6, 7], [5, 6, 10, 11]]),
        (lambda m, n: (slice(None), n), [[1], [2], [3]],
         [[0, 1, 2, 1], [4, 5, 6, 2], [8, 9, 10, 3]]),
    ],
)  # fmt: skip
def test_filling_by_a_mask_computes_nothing(x, index, value, expected):
    rows, columns = pending(ROWS) > 0, pending(COLUMNS) > 0
    x[index(rows, columns)] = gd.tensor(value, dtype=gd.float32) if value else 0
    assert not any(map(is_computed, (rows, columns, x)))
    assert x.tolist() == expected


def test_filling_by_a_mask_of_several_dimensions_with_a_value_for_each_of_the_others():
    x = gd.zeros(2, 2, 2)
    mask = pending([[1, 0], [0, 1]]) > 0
    x[:, mask] = gd.tensor([[5.0], [6.0]])
    assert not is_computed(mask)
    assert x.tolist() == [[[5, 0], [0, 5]], [[6, 0], [0, 6]]]


def test_a_value_for_each_place_of_a_mask(x):
    x[x > 8] = gd.tensor([-1.0, -2, -3])
    assert x[2].tolist() == [8, -1, -2, -3]


def test_a_pending_integer_is_written_to_without_computing_it(x):
    i = pending(1)
    x[i] = 0
    assert not is_computed(i)
    assert x[1].tolist() == [0, 0, 0, 0]


def test_an_in_place_operation_on_an_index_writes_once(x):
    before = x._version
    x[0] += 1
    assert x._version == before + 1
    assert x[0].tolist() == [1, 2, 3, 4]
    x[[0, 2]] *= 2
    assert x.tolist() == [[2, 4, 6, 8], [4, 5, 6, 7], [16, 18, 20, 22]]


def test_a_loop_of_writes_makes_one_program(x):
    i = gd.tensor([0, 2])
    for _ in range(3):
        x[i] += 1
    gd.synchronize()
    before = state.compiled
    for _ in range(20):
        x[i] += 1
    gd.synchronize()
    assert state.compiled == before
    assert x[:, 0].tolist() == [23, 4, 31]


def test_slices_written_in_a_loop_grow_no_chain(x):
    for turn in range(30):
        x[turn % 3] = x[(turn + 1) % 3] * 0.5
    assert len(topological([x._read()])) < 10


def test_a_0d_tensor_can_be_written(x):
    s = gd.tensor(1.0)
    s[...] = 5
    s[()] = s + 1
    assert s.item() == 6


# --- gradients ------------------------------------------------------------------------------------


def leaf(*shape: int) -> gd.Tensor:
    return gd.arange(float(np.prod(shape)), dtype=gd.float64).reshape(*shape).requires_grad_()


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x[1],
        lambda x: x[:, 1:, ::2],
        lambda x: x[..., None, -1],
        lambda x: x[[0, 0, 1]],
        lambda x: x[:, [2, 0], :1],
        lambda x: x[[0, 1], :, [3, 3]],
        lambda x: x[x > 7.5],
        lambda x: x[:, gd.tensor([True, False, True])],
        lambda x: x.take(gd.tensor([0, -1, 0])),
        lambda x: x.gather(2, gd.tensor([[[0, 3, 0]]])),
        lambda x: x.index_select(1, gd.tensor([2, 2])),
        lambda x: x.diagonal(0, 1, 2),
        lambda x: x.tril(),
        lambda x: gd.diag_embed(x[0], 1),
    ],
)
def test_gradient_of_reading(read):
    gd.autograd.gradcheck(lambda x: read(x) * read(x), (leaf(2, 3, 4),))


@pytest.mark.parametrize(
    "index", [0, (slice(None), 1), ([1, 0],), (slice(None), [2, 0]), (slice(None), slice(0, 2))]
)
def test_gradient_of_writing(index):
    def write(x, value):
        y = x * 2
        y[index] = value * 3
        return y * y

    value = (leaf(2, 3)[index] * 0.5).detach().requires_grad_()
    gd.autograd.gradcheck(write, (leaf(2, 3), value))


def test_gradient_of_filling_by_a_mask():
    x, value = leaf(2, 3), gd.tensor(5.0, dtype=gd.float64, requires_grad=True)
    y = x * 1
    y[x > 2] = value
    y.sum().backward()
    assert x.grad.tolist() == [[1, 1, 1], [0, 0, 0]]
    assert value.grad.item() == 3


def test_gradient_of_an_embedding():
    weight = gd.ones(4, 2, requires_grad=True)
    gd.embedding(weight, gd.tensor([1, 1, 2, 3]), padding_idx=2).sum().backward()
    assert weight.grad.tolist() == [[0, 0], [2, 2], [0, 0], [1, 1]]
    weight.grad = None
    gd.embedding(weight, gd.tensor([1, 1, 2]), scale_grad_by_freq=True).sum().backward()
    assert weight.grad.tolist() == [[0, 0], [1, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize("reduce", ["sum", "mean", "prod", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_gradient_of_scatter_reduce(reduce, include_self):
    index = gd.tensor([0, 2, 2, 0, 2])
    src = gd.tensor([1.5, -2.0, 0.5, 3.0, 2.5], dtype=gd.float64, requires_grad=True)
    gd.autograd.gradcheck(
        lambda x, s: x.scatter_reduce(0, index, s, reduce, include_self=include_self),
        (leaf(4) + 0.25, src),
    )


def test_a_leaf_cannot_be_written_where_gradients_are_recorded():
    w = gd.ones(3, requires_grad=True)
    for index in (0, [0], w > 0):
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            w[index] = 1
    with gd.no_grad():
        w[0] = 5
    assert w.tolist() == [5, 1, 1]


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index, message",
    [
        (5, "index 5 is out of bounds for dimension 0 with size 3"),
        ((0, -5), "index -5 is out of bounds for dimension 1 with size 4"),
        ((0, 0, 0), "too many indices for tensor of dimension 2"),
        (1.5, r"only integers, slices .* are valid indices \(got float\)"),
        ([0, 3], "index 3 is out of bounds for dimension 0 with size 3"),
        (([0], [-5]), "index -5 is out of bounds for dimension 1 with size 4"),
        (([0, 1], [0, 1, 2]), r"could not be broadcast together with shapes \[2\], \[3\]"),
        ([1.5], r"must hold integers or bools \(got float64\)"),
        ((..., ...), "single ellipsis"),
        (np.array([True, False]), r"The shape of the mask \[2\] at index 0 does not match"),
    ],
)
def test_a_wrong_index_raises_an_index_error_at_once(x, index, message):
    with pytest.raises(IndexError, match=message):
        x[index]


def test_other_wrong_indices(x):
    with pytest.raises(ValueError, match=r"step must be greater than zero, got -1: .*flip"):
        x[::-1]
    with pytest.raises(ValueError, match="slice step cannot be zero"):
        x[::0]
    with pytest.raises(TypeError, match="slice indices must be integers"):
        x[0:1.5]
    with pytest.raises(IndexError, match=r"Use `tensor.item\(\)`"):
        gd.tensor(1)[0]
    with pytest.raises(IndexError, match="long, int, byte or bool tensors"):
        x[gd.tensor([0.5])]


@pytest.mark.parametrize("read", [lambda x, i: x[i], lambda x, i: x[:, i], lambda x, i: x[i, i]])
def test_a_pending_index_out_of_range_raises_when_computed_with_the_line(x, read):
    y = read(x, pending([0, 9]))
    with pytest.raises(IndexError, match=r"index 9 is out of bounds .* \(at .*test_indexing.py"):
        y.tolist()


def test_a_place_outside_one_dimension_is_found_though_it_is_inside_the_tensor(x):
    index = pending([[5]])
    for y in (x.gather(1, index), x[index, 0 * index], x.scatter_add(1, index, gd.ones(1, 1))):
        with pytest.raises(ElementOutOfRange, match="index 5 is out of bounds"):
            y.tolist()


def test_values_that_do_not_fit(x):
    with pytest.raises(RuntimeError, match=r"expanded size of the tensor \(4\) must match"):
        x[0] = gd.ones(3)
    with pytest.raises(RuntimeError, match=r"\[2, 4\] to a place of shape \[4\]"):
        x[0] = gd.ones(2, 4)
    with pytest.raises(RuntimeError, match=r"value tensor of shape \[3\] cannot be broadcast"):
        x[[0, 1]] = gd.ones(3)
    with pytest.raises(RuntimeError, match=r"\[2\] cannot be .* result of shape \[7\]"):
        x[x > 4] = gd.ones(2)
    with pytest.raises(RuntimeError, match=r"dtypes match, got Float .* and Long for the source"):
        x[[0, 1]] = gd.tensor([1, 2, 3, 4])
    with pytest.raises(TypeError, match=r"can't assign a list to a torch\.FloatTensor"):
        x[0] = [1, 2, 3, 4]
    assert x.tolist() == NUMBERS


# --- functions by name ----------------------------------------------------------------------------


def test_select_and_narrow_are_views(x):
    x.select(1, -1).zero_()
    x.narrow(0, 1, 2)[:, 0] = 9
    assert x.tolist() == [[0, 1, 2, 0], [9, 5, 6, 0], [9, 9, 10, 0]]
    with pytest.raises(IndexError, match="index 4 out of range for tensor of size"):
        x.select(1, 4)
    with pytest.raises(RuntimeError, match=r"start \(2\) \+ length \(2\) exceeds"):
        x.narrow(0, 2, 2)


def test_gather_and_scatter_are_inverse():
    x = gd.tensor([[3.0, 1, 2], [4, 6, 5]])
    values, places = x.sort(1)
    assert x.gather(1, places).tolist() == values.tolist()
    assert gd.zeros(2, 3).scatter(1, places, values).tolist() == x.tolist()


def test_scatter_writes_a_number_or_a_part_of_a_larger_source():
    index = gd.tensor([[0, 1]])
    assert gd.zeros(2, 2).scatter(0, index, 5).tolist() == [[5, 0], [0, 5]]
    assert gd.zeros(2, 2).scatter(0, index, gd.ones(3, 3)).tolist() == [[1, 0], [0, 1]]
    assert gd.ones(2, 2).scatter_(0, index, 3.0, reduce="multiply").tolist() == [[3, 1], [1, 3]]


@pytest.mark.parametrize(
    "reduce, expected, without_self",
    [
        ("sum", [7, 2, 6], [6, 2, 3]),
        ("prod", [8, 2, 9], [8, 2, 3]),
        ("mean", [7 / 3, 2, 3], [3, 2, 3]),
        ("amax", [4, 2, 3], [4, 2, 3]),
        ("amin", [1, 2, 3], [2, 2, 3]),
    ],
)
def test_scatter_reduce(reduce, expected, without_self):
    x, index, src = gd.tensor([1.0, 2, 3]), gd.tensor([0, 2, 0]), gd.tensor([2.0, 3, 4])
    assert x.scatter_reduce(0, index, src, reduce).tolist() == pytest.approx(expected)
    found = x.scatter_reduce(0, index, src, reduce, include_self=False)
    assert found.tolist() == without_self


def test_index_functions_change_whole_slices():
    x = gd.zeros(3, 2)
    i = gd.tensor([2, 0])
    rows = gd.tensor([[1.0, 2], [3, 4]])
    assert x.index_add(0, i, rows, alpha=2).tolist() == [[6, 8], [0, 0], [2, 4]]
    assert x.index_copy(0, i, rows).tolist() == [[3, 4], [0, 0], [1, 2]]
    assert x.index_fill(1, gd.tensor([-1]), 7).tolist() == [[0, 7]] * 3
    assert x.index_put((i * 0,), rows, accumulate=True).tolist() == [[4, 6], [0, 0], [0, 0]]
    x.index_put_((i,), rows)
    assert x.tolist() == [[3, 4], [0, 0], [1, 2]]
    x.put_(gd.tensor([0, -1]), gd.tensor([8.0, 9.0]))
    assert x.tolist() == [[8, 4], [0, 0], [1, 9]]


def test_masked_scatter_of_a_pending_mask_computes_nothing():
    x = gd.tensor([1.0, 2, 3, 4])
    mask = x > 2
    y = x.masked_scatter(mask, gd.tensor([7.0, 8, 9]))
    assert not is_computed(mask)
    assert y.tolist() == [1, 2, 7, 8]
    late = x.masked_scatter(mask, gd.ones(1))
    with pytest.raises(RuntimeError, match="index 1 is out of bounds"):
        late.tolist()
    with pytest.raises(RuntimeError, match="source < number of ones in mask: got 1 and 2"):
        x.masked_scatter(mask.realize(), gd.ones(1))


def test_one_hot_refuses_classes_that_are_not_there():
    with pytest.raises(RuntimeError, match=r"smaller than num_classes\. Got 3 of 3"):
        gd.nn.functional.one_hot(gd.tensor([0, 3]), 3)
    late = gd.nn.functional.one_hot(pending([0, 3]), 3)
    with pytest.raises(RuntimeError, match="index 3 is out of bounds"):
        late.tolist()


def test_one_hot_counts_the_classes():
    assert gd.nn.functional.one_hot(gd.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_diagonals_are_views():
    x = gd.zeros(2, 3, 3)
    x.diagonal(1, 1, 2)[:] = gd.tensor([[1.0, 2], [3, 4]])
    x[0].t().diagonal(1)[0] = 9
    assert x.tolist() == [[[0, 1, 0], [9, 0, 2], [0, 0, 0]], [[0, 3, 0], [0, 0, 4], [0, 0, 0]]]
    assert x.diagonal(-1, 1, 2).stride() == (9, 4)
    assert x[1].diagonal(-1).storage_offset() == 12
    assert x[1].diagonal(1).storage_offset() == 10


def test_triangles():
    x = gd.ones(2, 3)
    assert x.tril().tolist() == [[1, 0, 0], [1, 1, 0]]
    assert x.triu(1).tolist() == [[0, 1, 1], [0, 0, 1]]
    assert gd.triu_indices(2, 3, 1).tolist() == [[0, 0, 1], [1, 2, 2]]


def test_counting():
    x = gd.tensor([3, 1, 3, 0])
    assert x.nonzero().tolist() == [[0], [1], [2]]
    assert x.bincount(minlength=5).tolist() == [1, 1, 0, 2, 0]
    values, inverse, counts = x.unique(return_inverse=True, return_counts=True)
    assert values.tolist() == [0, 1, 3]
    assert values[inverse].tolist() == x.tolist()
    assert counts.tolist() == [1, 1, 2]


def test_searching_computes_nothing():
    edges = pending([1.0, 3.0, 3.0, 7.0])
    values = gd.tensor([[0.0, 3.0], [8.0, 1.0]])
    left = gd.searchsorted(edges, values)
    right = gd.bucketize(values, edges, right=True)
    assert not is_computed(edges)
    assert left.tolist() == [[0, 1], [4, 0]]
    assert right.tolist() == [[0, 3], [4, 1]]


def test_isin_of_many_is_isin_of_few():
    x = gd.arange(50)
    many = gd.arange(0, 100, 2)
    assert gd.isin(x, many).tolist() == [n % 2 == 0 for n in range(50)]
    assert gd.isin(x, many[:3]).tolist() == [n in (0, 2, 4) for n in range(50)]


# --- in a compiled step ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_a_compiled_step_reads_its_indices_anew():
    x = gd.tensor(NUMBERS)

    @gd.compile
    def pick(i, j):
        return x[i], x[i, j], x.gather(1, j[:, None]), x[i[0]]

    for i, j in (([0, 2], [1, 3]), ([1, -1], [3, 0])):
        rows, elements, column, row = pick(gd.tensor(i), gd.tensor(j))
        assert rows.tolist() == [NUMBERS[k] for k in i]
        assert elements.tolist() == [NUMBERS[a][b] for a, b in zip(i, j)]
        assert column.tolist() == [[NUMBERS[k][b]] for k, b in enumerate(j)]
        assert row.tolist() == NUMBERS[i[0]]


@pytest.mark.filterwarnings("error")
def test_a_compiled_step_writes_by_index():
    x = gd.zeros(4)

    @gd.compile
    def add(i, value):
        x[i] += value
        x[x > 5] = 0

    for i in (0, 1, 1):
        add(gd.tensor([i]), gd.tensor(3.0))
    assert x.tolist() == [3, 0, 0, 0]
