"""Attention and Transformers: values by hand, equalities that hold whatever the weights, errors."""

import math

import numpy as np
import pytest

import gradatim as gd
from gradatim import nn
from gradatim.nn import functional as F


def normal(*shape, seed=0):
    return gd.tensor(np.random.default_rng(seed).normal(size=shape))


def assert_close(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_weights_of_two_keys():
    query, key = gd.tensor([[2.0]]), gd.tensor([[math.log(3.0)], [0.0]])
    value = gd.tensor([[1.0], [0.0]])
    found = F.scaled_dot_product_attention(query, key, value, scale=0.5)
    assert found.item() == pytest.approx(0.75)


def test_a_mask_of_bools_and_one_of_numbers():
    q, k, v = normal(3, 4), normal(5, 4, seed=1), normal(5, 2, seed=2)
    allowed = normal(3, 5, seed=3) > 0
    added = gd.where(allowed, 0.0, -math.inf).double()
    bools = F.scaled_dot_product_attention(q, k, v, allowed)
    assert_close(bools, F.scaled_dot_product_attention(q, k, v, added))


def test_causal():
    x = normal(2, 4, 3)
    whole = F.scaled_dot_product_attention(x, x, x, is_causal=True)
    for length in range(1, 4):
        part = x[:, :length]
        found = F.scaled_dot_product_attention(part, part, part, is_causal=True)
        assert_close(found, whole[:, :length])
    mask = gd.ones(4, 4).tril() > 0
    assert_close(F.scaled_dot_product_attention(x, x, x, mask), whole)


def test_a_query_that_may_look_nowhere_gets_zeros_and_no_gradient():
    q = normal(2, 3).requires_grad_()
    mask = gd.tensor([[True, True], [False, False]])
    found = F.scaled_dot_product_attention(q, normal(2, 3), normal(2, 3), mask)
    found.sum().backward()
    assert found[1].tolist() == [0, 0, 0] and q.grad[1].tolist() == [0, 0, 0]


def test_heads_that_share_a_key():
    q, k, v = normal(2, 6, 3, 4), normal(2, 2, 5, 4, seed=1), normal(2, 2, 5, 4, seed=2)
    repeated = [x.repeat_interleave(3, 1) for x in (k, v)]
    found = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    assert_close(found, F.scaled_dot_product_attention(q, *repeated))


def test_attention_by_hand():
    layer = nn.MultiheadAttention(4, 2, dtype=gd.float64)
    x, y = normal(3, 2, 4), normal(5, 2, 4, seed=1)
    output, weights = layer(x, y, y, average_attn_weights=False)
    w, b = layer.in_proj_weight, layer.in_proj_bias
    q, k, v = (F.linear(z, w[s], b[s]) for z, s in (
        (x, slice(0, 4)), (y, slice(4, 8)), (y, slice(8, 12))
    ))  # fmt: skip
    for head in range(2):
        part = slice(2 * head, 2 * head + 2)
        for sample in range(2):
            scores = q[:, sample, part] @ k[:, sample, part].T / math.sqrt(2)
            assert_close(weights[sample, head], gd.softmax(scores, 1))
    heads = [
        gd.cat([weights[n, h] @ v[:, n, 2 * h : 2 * h + 2] for h in range(2)], 1) for n in range(2)
    ]
    assert_close(output, layer.out_proj(gd.stack(heads, 1)))


def test_one_tensor_three_times_is_what_three_equal_ones_are():
    layer = nn.MultiheadAttention(6, 3, dtype=gd.float64, batch_first=True)
    x = normal(2, 4, 6)
    once = layer(x, x, x)
    for other in (layer(x, x.clone(), x.clone()), layer(x, *[x.clone()] * 2)):
        for a, b in zip(once, other):
            assert_close(a, b)


def test_padding_is_not_looked_at():
    layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True, dtype=gd.float64).eval()
    x = normal(2, 5, 6)
    padding = gd.tensor([[False] * 3 + [True] * 2, [False] * 5])
    found = layer(x, src_key_padding_mask=padding)
    assert_close(found[0, :3], layer(x[:1, :3])[0])
    assert_close(found[1], layer(x[1:])[0])


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_the_batch_stands_where_it_is_said_to():
    first, second = (
        nn.Transformer(6, 2, 1, 1, 8, dropout=0.0, batch_first=b, dtype=gd.float64)
        for b in (True, False)
    )
    second.load_state_dict(first.state_dict())
    src, tgt = normal(2, 5, 6), normal(2, 3, 6, seed=1)
    found = second(src.transpose(0, 1), tgt.transpose(0, 1)).transpose(0, 1)
    assert_close(found, first(src, tgt))


def test_layers_of_a_stack_start_alike_and_are_trained_apart():
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    stack = nn.TransformerEncoder(layer, 2)
    first, second = (each.linear1.weight for each in stack.layers)
    assert (
        first is not second and first.tolist() == second.tolist() == layer.linear1.weight.tolist()
    )


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: nn.MultiheadAttention(5, 2), AssertionError, "divisible"),
        (lambda x: nn.MultiheadAttention(0, 1), gd.ArgumentError, "greater than 0"),
        (lambda x: nn.MultiheadAttention(8, 2)(x, x, x), gd.ShapeError, "embedding dimension of 8"),
        (
            lambda x: nn.MultiheadAttention(4, 2)(x, x, x, attn_mask=gd.zeros(2, 2)),
            gd.ShapeError,
            r"\(2, 2\), but should be \(3, 3\)",
        ),
        (
            lambda x: nn.MultiheadAttention(4, 2)(x, x, x, key_padding_mask=gd.zeros(3, 3) > 0),
            AssertionError,
            r"\(2, 3\), got \(3, 3\)",
        ),
        (lambda x: nn.TransformerEncoderLayer(4, 2, activation="tanh"), gd.ShapeError, "tanh"),
        (lambda x: nn.Transformer(8, 2, 1, 1)(x, x), gd.ShapeError, "d_model 8"),
        (
            lambda x: F.scaled_dot_product_attention(x, x, x, gd.zeros(3, 3), is_causal=True),
            gd.ShapeError,
            "is_causal",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(gd.zeros(3, 2, 4))
