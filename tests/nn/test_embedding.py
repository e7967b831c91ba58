"""Embeddings: lookups and gradients by hand."""

import pytest

import gradatim as gd
from gradatim import nn
from gradatim.nn import functional as F


def table(rows=4, columns=2):
    return gd.arange(float(rows * columns)).reshape(rows, columns).requires_grad_()


def test_rows():
    layer = nn.Embedding.from_pretrained(table().detach())
    assert layer(gd.tensor([[2], [0]])).tolist() == [[[4, 5]], [[0, 1]]]
    assert not layer.weight.requires_grad


def test_padding_is_zero_and_stays():
    layer = nn.Embedding(4, 2, padding_idx=-1)
    assert layer.padding_idx == 3 and layer.weight[3].tolist() == [0, 0]
    layer(gd.tensor([3, 1, 3])).sum().backward()
    assert layer.weight.grad.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]


def test_frequent_words_get_their_mean():
    for call in (
        lambda w: F.embedding(gd.tensor([1, 1, 2]), w, scale_grad_by_freq=True),
        lambda w: F.embedding_bag(
            gd.tensor([1, 1, 2]), w, gd.tensor([0]), scale_grad_by_freq=True, mode="sum"
        ),
    ):
        w = table()
        call(w).sum().backward()
        assert w.grad.tolist() == [[0, 0], [1, 1], [1, 1], [0, 0]]


def test_long_rows_are_scaled_in_the_table():
    w = gd.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    found = F.embedding(gd.tensor([0, 1, 0]), w, max_norm=1.0)
    assert found[0].tolist() == pytest.approx([0.6, 0.8]) and found[1].tolist() == w[1].tolist()
    assert w[0].tolist() == pytest.approx([0.6, 0.8]) and w[2].tolist() == [6, 8]


@pytest.mark.parametrize(
    "mode, expected",
    [("sum", [[2, 4], [0, 0], [4, 5]]), ("mean", [[1, 2], [0, 0], [4, 5]]),
     ("max", [[2, 3], [0, 0], [4, 5]])],
)  # fmt: skip
def test_bags(mode, expected):
    indices, begins = gd.tensor([0, 1, 2]), gd.tensor([0, 2, 2])
    assert F.embedding_bag(indices, table(), begins, mode=mode).tolist() == expected


def test_bags_of_one_size_and_their_gradient():
    w = table()
    F.embedding_bag(gd.tensor([[0, 1], [3, 3]]), w).sum().backward()
    assert w.grad.tolist() == [[0.5, 0.5], [0.5, 0.5], [0, 0], [1, 1]]


def test_the_largest_of_equal_rows_is_the_first():
    w = gd.ones(3, 1).requires_grad_()
    F.embedding_bag(gd.tensor([[2, 0, 1]]), w, mode="max").sum().backward()
    assert w.grad.tolist() == [[0], [0], [1]]


def test_padding_counts_for_nothing_in_a_bag():
    w = table()
    found = F.embedding_bag(gd.tensor([[0, 2], [2, 2]]), w, padding_idx=2)
    assert found.tolist() == [[0, 1], [0, 0]]


def test_weights_of_samples_get_gradients():
    shares = gd.tensor([2.0, 3.0], requires_grad=True)
    layer = nn.EmbeddingBag.from_pretrained(table().detach(), mode="sum")
    found = layer(gd.tensor([1, 3]), gd.tensor([0]), shares)
    assert found.tolist() == [[2 * 2 + 3 * 6, 2 * 3 + 3 * 7]]
    found.sum().backward()
    assert shares.grad.tolist() == [5, 13]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: nn.Embedding(3, 2, padding_idx=3), gd.ShapeError, "from -3 to 2, got 3"),
        (lambda: F.embedding(gd.tensor([4]), table()), IndexError, "index 4 is out of bounds"),
        (lambda: F.embedding(gd.tensor([1.0]), table()), gd.DTypeError, r"\.long\(\)"),
        (lambda: F.embedding_bag(gd.tensor([1]), table()), gd.ArgumentError, "offsets"),
        (lambda: F.embedding_bag(gd.tensor([1]), table(), gd.tensor([1])), gd.ShapeError, "be 0"),
        (
            lambda: F.embedding_bag(gd.tensor([[1]]), table(), per_sample_weights=gd.ones(1, 1)),
            NotImplementedError,
            "mode='sum'",
        ),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()
