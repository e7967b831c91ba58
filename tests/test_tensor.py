"""Tensor: views, in-place writes, dtypes, other libraries' arrays, copies."""

import copy
import pickle

import numpy as np
import pytest

import gradatim as gd


def test_views_write_through_to_their_base():
    x = gd.zeros(3, 4)
    x.view(2, 6)[1].fill_(1)
    x.t()[0] += 5
    assert x.tolist() == [[5, 0, 0, 0], [5, 0, 1, 1], [6, 1, 1, 1]]


def test_a_view_sees_what_is_written_to_its_base():
    x = gd.zeros(4)
    tail = x[2:]
    x += 1
    assert tail.tolist() == [1.0, 1.0]
    tail *= 3
    assert x.tolist() == [1.0, 1.0, 3.0, 3.0]


def test_strides_are_pytorchs():
    x = gd.zeros(2, 3, 4)
    assert x.stride() == (12, 4, 1)
    assert x.permute(2, 0, 1).stride() == (1, 12, 4)
    assert x[:, 1:, ::2].stride() == (12, 4, 2)
    assert x[:, 1:, ::2].storage_offset() == 4
    assert x[:, :1].expand(2, 5, 4).stride() == (12, 0, 1)
    assert x.transpose(0, 1).reshape(6, 4).stride() == (4, 1)  # a copy


def test_view_of_what_cannot_be_viewed():
    with pytest.raises(RuntimeError, match=r"Use \.reshape\(\.\.\.\) instead"):
        gd.zeros(3, 4).t().view(12)


def test_writing_to_an_expanded_tensor_is_refused():
    x = gd.zeros(1).expand(3)
    with pytest.raises(RuntimeError, match="more than one element"):
        x.add_(1)


def test_a_part_of_an_expanded_tensor_can_be_written():
    x = gd.zeros(3, 1)
    x.expand(2, 3, 4)[1, :2, 3] = gd.tensor([5.0, -6.0])
    assert x.tolist() == [[5.0], [-6.0], [0.0]]


def test_reshape_aliases_where_memory_allows():
    x = gd.arange(6)
    x.reshape(2, 3)[0, 0] = 9
    assert x[0].item() == 9
    y = x.reshape(2, 3).t().reshape(6)
    y[0] = 1
    assert x[0].item() == 9


def test_in_place_keeps_the_dtype():
    x = gd.ones(2, dtype=gd.int32)
    x += 2
    assert x.dtype is gd.int32
    with pytest.raises(RuntimeError, match="result type Float can't be cast"):
        x += 0.5
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        x += gd.ones(3, 2, dtype=gd.int32)


def test_promotion_of_numbers_and_0d_tensors_is_weak():
    x = gd.ones(2, dtype=gd.float16)
    assert (x + 1.5).dtype is gd.float16
    assert (x + np.float64(1.5)).dtype is gd.float16
    assert (x + gd.tensor(1.5, dtype=gd.float64)).dtype is gd.float16
    assert (gd.ones(2, dtype=gd.int8) + 1.5).dtype is gd.float32
    assert (gd.ones(2, dtype=gd.bool) + 1).dtype is gd.int64
    assert (gd.ones(2, dtype=gd.uint8) + gd.ones(2, dtype=gd.int8)).dtype is gd.int16


def test_a_float_that_an_integer_cannot_hold():
    with pytest.raises(RuntimeError, match="without overflow: 300"):
        gd.ones(2, dtype=gd.int8) + 300


def test_numpy_shares_memory_both_ways():
    x = gd.zeros(3)
    array = x.numpy()
    array[1] = 4
    x[2] = 7
    assert x.tolist() == [0.0, 4.0, 7.0] and array.tolist() == [0.0, 4.0, 7.0]
    y = gd.from_numpy(array[1:])
    y.mul_(10)
    assert x.tolist() == [0.0, 40.0, 70.0]


def test_from_numpy_of_a_transposed_array_keeps_its_strides():
    x = gd.from_numpy(np.arange(6.0).reshape(2, 3).T)
    assert x.stride() == (1, 3) and not x.is_contiguous()
    assert x.tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]


def test_numpy_of_a_tensor_with_gradient():
    with pytest.raises(RuntimeError, match=r"Use tensor\.detach\(\)\.numpy\(\)"):
        gd.ones(1, requires_grad=True).numpy()


def test_dlpack_in_and_out():
    x = gd.arange(4.0)
    array = np.from_dlpack(x)
    array[0] = 5
    assert x[0].item() == 5.0
    back = gd.from_dlpack(array)
    back[1] = 9
    assert x.tolist() == [5.0, 9.0, 2.0, 3.0]


def test_arrays_and_tensors_combine():
    x = gd.ones(2)
    assert isinstance(np.ones(2, np.float32) + x, gd.Tensor)
    assert (np.float32(2) * x).tolist() == [2.0, 2.0]
    assert np.asarray(x).sum() == 2.0
    assert np.sin(x).shape == (2,)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int8", "bool"])
def test_pickle_and_deepcopy(dtype):
    x = gd.tensor([[0, 1], [1, 0]]).to(getattr(gd, dtype))
    for twin in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert twin.dtype is x.dtype and twin.equal(x)
        twin[0, 0] = 1
    assert x[0, 0].item() == 0


def test_truth_of_several_elements():
    with pytest.raises(RuntimeError, match="more than one value is ambiguous"):
        bool(gd.ones(2))
    assert bool(gd.ones(1)) and not bool(gd.zeros(1, 1))


def test_numbers_out_of_tensors():
    assert (int(gd.tensor(3.7)), float(gd.tensor([2])), range(5)[gd.tensor(2)]) == (3, 2.0, 2)
    with pytest.raises(RuntimeError, match="cannot be converted to Scalar"):
        gd.ones(2).item()
    with pytest.raises(TypeError, match="converted to an index"):
        range(5)[gd.tensor(2.0)]


def test_ragged_data_is_refused_with_the_place():
    with pytest.raises(ValueError, match=r"length 2 at dim 1 \(got 1\)"):
        gd.tensor([[1, 2], [3]])


def test_comparison_with_something_else_is_false():
    x = gd.ones(2)
    assert (x == None) is False  # noqa: E711
    assert (x == "text") is False


def test_broadcasting_that_does_not_fit_names_both_sizes():
    with pytest.raises(RuntimeError, match=r"tensor a \(3\) must match .* tensor b \(4\)"):
        gd.ones(2, 3) + gd.ones(4)


def test_default_dtype():
    gd.set_default_dtype(gd.float64)
    try:
        assert gd.tensor(1.0).dtype is gd.float64 and gd.zeros(1).dtype is gd.float64
    finally:
        gd.set_default_dtype(gd.float32)
    with pytest.raises(TypeError, match="must be a floating one"):
        gd.set_default_dtype(gd.int32)


def test_a_device_that_is_not_there():
    with pytest.raises(RuntimeError, match="runs on 'cpu'"):
        gd.ones(2).to("cuda")


def test_integer_division_by_zero_names_the_line():
    x = gd.tensor([1, 2]) // gd.tensor([1, 0])
    with pytest.raises(RuntimeError, match=r"ZeroDivisionError.*test_tensor\.py:\d+"):
        x.tolist()


def test_data_of_another_tensor():
    x, y = gd.zeros(2, requires_grad=True), gd.ones(3)
    x.data = y
    assert x.shape == (3,) and x.requires_grad
    y.add_(1)
    assert x.tolist() == [2.0] * 3


def test_transposing_in_place():
    x = gd.arange(6).view(2, 3)
    x.t_()
    assert x.tolist() == [[0, 3], [1, 4], [2, 5]]
    x.unsqueeze_(0)
    assert x.shape == (1, 3, 2)


def test_iteration_and_unpacking():
    a, b = gd.arange(4).view(2, 2)
    assert (a.tolist(), b.tolist()) == ([0, 1], [2, 3])
    with pytest.raises(TypeError, match="0-d"):
        iter(gd.tensor(1))


def test_format_of_a_number():
    assert f"{gd.tensor(3.14159):.2f}" == "3.14"
