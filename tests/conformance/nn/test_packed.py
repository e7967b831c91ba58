"""Packed sequences against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from twins import LIBRARIES, both

import gradatim as gd

LENGTHS = {"sorted": [5, 3, 3, 1], "unsorted": [2, 5, 1, 4], "equal": [4, 4, 4, 4]}


def array(*shape):
    return np.random.RandomState(0).normal(size=shape).astype(np.float32)


def leaves(value):
    if isinstance(value, (tuple, list)):
        return [leaf for each in value for leaf in leaves(each)]
    return [None if value is None else value.detach().numpy()]


def assert_same(ours, theirs, close=False):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        if b is None:
            assert a is None
            continue
        assert a.shape == b.shape and a.dtype == b.dtype
        if close:  # a hundred roundings of 6e-8
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("trailing", [(), (3,), (2, 3)])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", LENGTHS)
def test_packing_and_padding(name, batch_first, trailing):
    lengths = LENGTHS[name]
    sizes = (4, 6) if batch_first else (6, 4)

    def script(lib, nn):
        rnn = nn.utils.rnn
        x = lib.tensor(array(*sizes, *trailing))
        packed = rnn.pack_padded_sequence(
            x, lengths, batch_first, enforce_sorted=name != "unsorted"
        )
        padded = rnn.pad_packed_sequence(packed, batch_first, padding_value=-7)
        longer = rnn.pad_packed_sequence(packed, batch_first, total_length=9)
        return leaves([packed, padded, longer, rnn.unpack_sequence(packed)])

    assert_same(*both(script))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_sequences_of_different_lengths(batch_first, side):
    def script(lib, nn):
        rnn = nn.utils.rnn
        given = [lib.tensor(array(n, 2)) for n in (2, 4, 1)]
        padded = rnn.pad_sequence(given, batch_first, 0.5, side)
        packed = rnn.pack_sequence(given, enforce_sorted=False)
        again = rnn.unpad_sequence(rnn.pad_sequence(given, True), lib.tensor([2, 4, 1]), True)
        return leaves([padded, packed, again])

    assert_same(*both(script))


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", LENGTHS)
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_layers(kind, name, bidirectional, given):
    def script(lib, nn):
        lib.manual_seed(1)
        layer = getattr(nn, kind)(3, 4, 2, bidirectional=bidirectional, dropout=0.3)
        x = lib.tensor(array(5, 4, 3)).requires_grad_()
        packed = nn.utils.rnn.pack_padded_sequence(x, LENGTHS[name], enforce_sorted=False)
        h = lib.randn(4 if bidirectional else 2, 4, 4).requires_grad_()
        hx = (h, h * 0.5) if kind == "LSTM" else h
        output, last = layer(packed, *([hx] if given else []))
        padded, _ = nn.utils.rnn.pad_packed_sequence(output)
        ends = list(last) if isinstance(last, tuple) else [last]
        sum((r * r.sin()).sum() for r in [padded, *ends]).backward()
        grads = [x.grad, *([h.grad] if given else []), *(p.grad for p in layer.parameters())]
        return leaves([*output, padded, *ends, *grads])

    assert_same(*both(script), close=True)


MISTAKES = {
    "not sorted": lambda lib, rnn: rnn.pack_padded_sequence(lib.zeros(4, 2, 3), [2, 4]),
    "zero": lambda lib, rnn: rnn.pack_padded_sequence(lib.zeros(4, 2, 3), [2, 0]),
    "count": lambda lib, rnn: rnn.pack_padded_sequence(lib.zeros(4, 2, 3), [2, 1, 1]),
    "empty": lambda lib, rnn: rnn.pack_padded_sequence(lib.zeros(0, 2, 3), [2, 1]),
    "total": lambda lib, rnn: rnn.pad_packed_sequence(
        rnn.pack_padded_sequence(lib.zeros(4, 2, 3), [4, 1]), total_length=3
    ),
    "side": lambda lib, rnn: rnn.pad_sequence([lib.zeros(1)], padding_side="top"),
    "none": lambda lib, rnn: rnn.pad_sequence([]),
}


# Where PyTorch's words are not ours.
OWN_WORDS = {
    "not sorted": "lengths must be in decreasing order, got [2, 4]: sort the sequences, longest "
    "first, or give enforce_sorted=False",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_refused_alike(name):
    found = []
    for lib, nn in LIBRARIES:
        with pytest.raises(Exception) as caught:
            MISTAKES[name](lib, nn.utils.rnn)
        found.append(caught.value)
    ours, theirs = found
    assert isinstance(ours, type(theirs)) and isinstance(ours, gd.Error)
    assert str(ours) == OWN_WORDS.get(name, str(theirs))
