"""Embedding and EmbeddingBag against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from training import assert_trains_alike
from twins import both, numbers

WORDS = np.array([[2, 0, 2], [5, 5, 1]])
FLAT = np.array([2, 0, 2, 5, 1, 6])
BEGINS = np.array([0, 2, 2, 4])
SHARES = np.random.RandomState(0).uniform(0.3, 2.5, 6)

EMBEDDINGS = [
    ({}, WORDS),
    ({"padding_idx": 2}, WORDS),
    ({"padding_idx": -2, "scale_grad_by_freq": True}, FLAT),
    ({"max_norm": 1.0}, WORDS),
    ({"max_norm": 0.5, "norm_type": 1.0, "padding_idx": 0}, WORDS),
    ({}, np.array(3)),
    ({}, np.zeros((2, 0), np.int64)),
]
BAGS = [
    ({}, [WORDS]),
    ({"mode": "sum", "padding_idx": 5}, [WORDS]),
    ({"mode": "max"}, [WORDS]),
    ({}, [FLAT, BEGINS]),
    ({"mode": "sum"}, [FLAT, BEGINS, SHARES]),
    ({"mode": "max", "padding_idx": 2}, [FLAT, BEGINS]),
    ({"mode": "sum", "max_norm": 1.0, "norm_type": 3.0}, [FLAT, BEGINS]),
    ({"include_last_offset": True, "padding_idx": -1}, [FLAT, np.array([0, 1, 4, 6])]),
]


@pytest.mark.parametrize("options, words", EMBEDDINGS, ids=str)
def test_five_steps_of_an_embedding(options, words):
    assert_trains_alike(
        lambda lib, nn: nn.Embedding(7, 4, dtype=lib.float64, **options),
        [lambda lib: lib.tensor(words)],
    )


@pytest.mark.parametrize("options, inputs", BAGS, ids=str)
def test_five_steps_of_an_embedding_bag(options, inputs):
    assert_trains_alike(lambda lib, nn: nn.EmbeddingBag(7, 4, dtype=lib.float64, **options), inputs)


def test_a_sparse_gradient_has_the_same_numbers():
    def script(lib, nn):
        lib.manual_seed(0)
        layer = nn.Embedding(7, 4, sparse=True, dtype=lib.float64)
        layer(lib.tensor(WORDS)).cos().sum().backward()
        return layer.weight.grad.to_dense() if lib.__name__ == "torch" else layer.weight.grad

    ours, theirs = both(script)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-14)


@pytest.mark.parametrize("freeze", [True, False])
@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag"])
def test_from_pretrained(name, freeze):
    table = np.random.RandomState(0).normal(size=(5, 3))

    def script(lib, nn):
        layer = getattr(nn, name).from_pretrained(lib.tensor(table), freeze=freeze, padding_idx=1)
        row = numbers(layer(lib.tensor([[1, 2]])))
        return row, layer.weight.requires_grad, numbers(layer.weight), repr(layer)

    ours, theirs = both(script)
    assert ours == theirs


@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag"])
@pytest.mark.parametrize("options", [
    {}, {"padding_idx": 1}, {"max_norm": 2, "norm_type": 1.0}, {"scale_grad_by_freq": True},
    {"sparse": True},
])  # fmt: skip
def test_repr(name, options):
    ours, theirs = both(lambda lib, nn: repr(getattr(nn, name)(4, 2, **options)))
    assert ours == theirs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag"])
def test_initial_table_and_stream(name, dtype):
    def script(lib, nn):
        lib.manual_seed(7)
        layer = getattr(nn, name)(20, 5, padding_idx=3, dtype=getattr(lib, dtype))
        return layer.weight.detach().numpy(), lib.rand(3).numpy()

    (ours, after), (theirs, their_after) = both(script)
    # Normal draws go through functions that differ in the last bits of float32.
    np.testing.assert_allclose(ours, theirs, rtol=1e-6 if dtype == "float32" else 0, atol=1e-7)
    np.testing.assert_array_equal(after, their_after)


def test_rows_are_scaled_down_in_the_table():
    def script(lib, nn):
        layer = nn.Embedding.from_pretrained(lib.ones(4, 3, dtype=lib.float64), max_norm=1.0)
        layer(lib.tensor([2, 2, 0]))
        return numbers(layer.weight)

    ours, theirs = both(script)
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)
