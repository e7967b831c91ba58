"""Data sets, and ways to combine and divide them."""

from __future__ import annotations

import pytest

import gradatim as gd
from gradatim.data import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, IndexOutOfRange, ShapeError


class Count(IterableDataset):
    def __iter__(self):
        return iter(range(3))


def test_tensor_dataset_gives_rows_side_by_side():
    data = TensorDataset(gd.arange(6.0).reshape(3, 2), gd.tensor([7, 8, 9]))
    x, y = data[1]
    assert (x.tolist(), y.item(), len(data)) == ([2.0, 3.0], 8, 3)
    assert [part.tolist() for part in data[-2:]] == [[[2.0, 3.0], [4.0, 5.0]], [8, 9]]


def test_tensor_dataset_checks_what_it_gets():
    with pytest.raises(ShapeError, match=r"Size mismatch between tensors: .*\(2,\) and \(3, 1\)"):
        TensorDataset(gd.ones(2), gd.ones(3, 1))
    with pytest.raises(ArgumentTypeError, match=r"got list as argument 2: convert it with"):
        TensorDataset(gd.ones(2), [1, 2])
    with pytest.raises(ShapeError, match="0 dimensions"):
        TensorDataset(gd.tensor(1.0))


def test_subset_and_concatenation():
    letters = Subset("abcdef", [4, 0, 2])
    both = ConcatDataset([letters, "xy"])
    assert [both[i] for i in range(5)] == ["e", "a", "c", "x", "y"]
    assert (both[-1], both[-5], len(both)) == ("y", "e", 5)
    with pytest.raises(IndexOutOfRange, match=r"index 5 is out of range .* of 5 items"):
        both[5]
    with pytest.raises(ArgumentError, match=r"index -6 is out of range .* of 5 items"):
        both[-6]
    with pytest.raises(ArgumentError, match="should not be an empty iterable"):
        ConcatDataset([])
    with pytest.raises(ArgumentTypeError, match="does not support IterableDataset"):
        ConcatDataset([Count()])


def test_subset_with_a_list_asks_the_data_set_once():
    data = TensorDataset(gd.arange(10))
    assert Subset(data, [9, 8, 7])[[0, 2]][0].tolist() == [9, 7]


def test_adding_data_sets():
    data = TensorDataset(gd.arange(2))
    assert isinstance(data + data, ConcatDataset)
    assert list(Count() + Count()) == [0, 1, 2, 0, 1, 2]


def test_a_data_set_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="must define __getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="must define __iter__"):
        iter(IterableDataset())


def test_random_split_divides_one_permutation():
    parts = random_split(range(10), [7, 3], generator=gd.Generator().manual_seed(0))
    order = gd.Generator().manual_seed(0).permutation(10).tolist()
    assert [part.indices for part in parts] == [order[:7], order[7:]]


def test_random_split_by_fractions_gives_the_rest_to_the_first():
    parts = random_split(range(10), [0.25, 0.25, 0.5])
    assert [len(part) for part in parts] == [3, 2, 5]
    assert sorted(i for part in parts for i in part) == list(range(10))


def test_random_split_checks_the_lengths():
    with pytest.raises(ArgumentError, match=r"\[2, 3\] sum to 5, the data set has 6 items"):
        random_split(range(6), [2, 3])
    with pytest.raises(ArgumentError, match=r"Fraction at index 0 is not between 0 and 1: 1\.5"):
        random_split(range(6), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(range(2), [0.9, 0.1])
