"""Which rows are for training and which for testing."""

from __future__ import annotations

import numpy as np
import pytest

import gradatim as gd
from gradatim.data import train_test_split
from gradatim.graph.errors import ArgumentError, DataError


def test_the_split_is_a_permutation_of_its_own_generator():
    train, test = train_test_split(10, 0.33, seed=0)
    order = np.random.RandomState(0).permutation(10)
    assert test.tolist() == order[:4].tolist()  # ceil(3.3)
    assert train.tolist() == order[4:].tolist()


def test_the_deck_s_split_has_28140_rows_to_train():
    train, test = train_test_split(42_000, 0.33, seed=0)
    assert (len(train), len(test)) == (28_140, 13_860)
    assert sorted([*train, *test]) == list(range(42_000))


def test_a_number_of_rows():
    train, test = train_test_split(10, 3)
    assert (len(train), len(test)) == (7, 3)


def test_the_default_stream_is_left_alone():
    gd.manual_seed(0)
    before = gd.default_generator.state_bytes()
    train_test_split(100, 0.2, seed=5, stratify=[0, 1] * 50)
    assert (gd.default_generator.state_bytes() == before).all()


def test_stratified_parts_have_the_classes_in_proportion():
    classes = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    train, test = train_test_split(100, 0.2, seed=1, stratify=classes)
    assert sorted([*train, *test]) == list(range(100))
    assert [sum(classes[i] == c for i in test) for c in "abc"] == [12, 6, 2]
    again = train_test_split(100, 0.2, seed=1, stratify=classes)
    other = train_test_split(100, 0.2, seed=2, stratify=classes)
    assert (test == again[1]).all()
    assert (test != other[1]).any()


def test_the_rows_left_by_rounding_go_to_the_largest_remainders():
    classes = [0] * 7 + [1] * 5 + [2] * 3  # shares of 5 of 15: 2.33, 1.67 and 1
    _, test = train_test_split(15, 5, stratify=classes)
    assert np.bincount(np.array(classes)[test]).tolist() == [2, 2, 1]


def test_a_class_of_one_row_is_for_training():
    # Its share of the 5, 0.56, has the largest remainder; the other classes have 2.22 each.
    _, test = train_test_split(9, 5, stratify=[0, 0, 0, 0, 1, 1, 1, 1, 2])
    assert 8 not in test
    assert len(test) == 5


@pytest.mark.parametrize("size", [0.0, 1.0, -0.1, 0, -3, "half", True])
def test_sizes_out_of_range(size):
    with pytest.raises(ArgumentError, match="test_size"):
        train_test_split(10, size)


def test_too_few_rows():
    with pytest.raises(DataError, match="at least 2 are needed"):
        train_test_split(1, 0.5)
    with pytest.raises(DataError, match="takes 10 of 10 rows and leaves none to train on"):
        train_test_split(10, 0.95)
    with pytest.raises(ArgumentError, match="seed=-1"):
        train_test_split(10, 0.5, seed=-1)
    with pytest.raises(ArgumentError, match="stratify has 3 classes for 10 rows"):
        train_test_split(10, 0.5, stratify=[1, 2, 3])
