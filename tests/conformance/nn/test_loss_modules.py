"""Losses and distances as modules against PyTorch."""

from __future__ import annotations

import re

import numpy as np
import pytest

pytest.importorskip("torch")

from training import assert_trains_alike
from twins import both


def normal(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape)


def positive(*shape, seed=0):
    return np.random.RandomState(seed).uniform(0.3, 2.5, shape)


def fixed(values):
    """An input that is not trained."""
    return lambda lib: lib.tensor(values)


def signs(*shape):
    return fixed(np.sign(normal(*shape, seed=9)))


X, Y, Z = (normal(6, 4, seed=k) for k in range(3))
CLASSES = fixed(np.array([0, 3, 1, 2, 2, 0]))
WEIGHT = positive(4)
LABELS = fixed(np.array([[0, 1, -1, 3], [3, -1, 0, 0], [-1, 0, 0, 0], [0, 1, 2, 3]] * 2)[:6])
HALVES = fixed((normal(6, 4, seed=5) > 0).astype(float))
TIMES = fixed(np.array([7, 6, 5]))
COUNTS = fixed(np.array([3, 2, 1]))
WORDS = fixed(np.array([[1, 2, 3], [2, 2, 0], [1, 0, 0]]))


def city_blocks(x, y):
    return (x - y).abs().sum(-1)


# Of each module: how it is made, and what it gets.
CASES = {
    "CosineSimilarity": [({}, [X, Y]), ({"dim": 0}, [X, Y]), ({"dim": -1, "eps": 3.0}, [X, Y[0]])],
    "PairwiseDistance": [
        ({}, [X, Y]), ({"p": 1, "keepdim": True}, [X, Y]), ({"p": 3.5, "eps": 0.1}, [X, Y[0]]),
    ],
    "MarginRankingLoss": [
        ({}, [X, Y, signs(6, 4)]), ({"margin": 0.5, "reduction": "sum"}, [X, Y, signs(6, 4)]),
        ({"reduction": "none"}, [X, Y, signs(6, 4)]),
    ],
    "HingeEmbeddingLoss": [
        ({}, [X, signs(6, 4)]), ({"margin": 0.5, "reduction": "sum"}, [X, signs(6, 4)]),
        ({"reduction": "none"}, [X, signs(6, 4)]),
    ],
    "SoftMarginLoss": [
        ({}, [X, signs(6, 4)]), ({"reduction": "sum"}, [X, signs(6, 4)]),
        ({"reduction": "none"}, [X, signs(6, 4)]),
    ],
    "MultiMarginLoss": [
        ({}, [X, CLASSES]), ({"p": 2, "margin": 0.5, "reduction": "sum"}, [X, CLASSES]),
        ({"weight": WEIGHT, "reduction": "none"}, [X, CLASSES]),
    ],
    "MultiLabelMarginLoss": [
        ({}, [X, LABELS]), ({"reduction": "sum"}, [X, LABELS]),
        ({"reduction": "none"}, [X, LABELS]),
    ],
    "MultiLabelSoftMarginLoss": [
        ({}, [X, HALVES]), ({"weight": WEIGHT}, [X, HALVES]), ({"reduction": "none"}, [X, HALVES]),
    ],
    "CosineEmbeddingLoss": [
        ({}, [X, Y, signs(6)]), ({"margin": 0.2, "reduction": "sum"}, [X, Y, signs(6)]),
        ({"reduction": "none"}, [X, Y, signs(6)]),
    ],
    "TripletMarginLoss": [
        ({}, [X, Y, Z]), ({"margin": 2, "p": 1, "swap": True}, [X, Y, Z]),
        ({"eps": 0.1, "reduction": "none"}, [X, Y, Z]),
    ],
    "TripletMarginWithDistanceLoss": [
        ({}, [X, Y, Z]), ({"swap": True, "margin": 2, "reduction": "sum"}, [X, Y, Z]),
        ({"distance_function": city_blocks, "reduction": "none"}, [X, Y, Z]),
    ],
    "PoissonNLLLoss": [
        ({}, [X, fixed(positive(6, 4))]),
        ({"full": True, "reduction": "sum"}, [X, fixed(positive(6, 4))]),
        ({"log_input": False, "eps": 0.1, "reduction": "none"}, [positive(6, 4, seed=1), HALVES]),
    ],
    "GaussianNLLLoss": [
        ({}, [X, Y, positive(6, 4)]), ({"full": True, "eps": 0.5}, [X, Y, positive(6, 1)]),
        ({"reduction": "none"}, [X, Y, positive(6)]),
    ],
    "NLLLoss2d": [
        ({}, [normal(2, 3, 2, 2), fixed(np.array([[[0, 1], [2, 0]]] * 2))]),
        ({"ignore_index": 1, "reduction": "sum"}, [X, CLASSES]), ({"weight": WEIGHT}, [X, CLASSES]),
    ],
    "CTCLoss": [
        ({}, [normal(7, 3, 4), WORDS, TIMES, COUNTS]),
        ({"reduction": "none"}, [normal(7, 3, 4), WORDS, TIMES, COUNTS]),
        ({"blank": 2, "zero_infinity": True}, [
            normal(5, 2, 4), fixed(np.array([[1, 1, 1], [3, 0, 1]])), fixed(np.array([4, 5])),
            fixed(np.array([3, 3])),
        ]),
    ],
    "AdaptiveLogSoftmaxWithLoss": [
        ({"in_features": 4, "n_classes": 4, "cutoffs": [2], "div_value": 2.0}, [X, CLASSES]),
        ({"in_features": 4, "n_classes": 9, "cutoffs": [1, 2, 3], "div_value": 1.5,
          "head_bias": True}, [X, CLASSES]),
        ({"in_features": 4, "n_classes": 5, "cutoffs": [3, 4], "div_value": 1.0},
         [X[0], fixed(np.array(3))]),
    ],
    "LinearCrossEntropyLoss": [
        ({"in_features": 4, "num_classes": 4, "bias": True}, [X, CLASSES]),
        ({"in_features": 4, "num_classes": 4, "weight": WEIGHT, "label_smoothing": 0.1,
          "ignore_index": 1}, [X, CLASSES]),
        ({"in_features": 4, "num_classes": 3, "out_features": (2,), "bias": True,
          "reduction": "none"}, [X, fixed(np.array([[0, 2]] * 6))]),
    ],
}  # fmt: skip

ROWS = [(name, *case) for name, cases in CASES.items() for case in cases]


def with_tensors(lib, options):
    return {k: lib.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}


def shown(value):
    """A short name, the same in every process: without the addresses of functions."""
    return re.sub(r" at 0x\w+", "", str(value))[:60]


@pytest.mark.parametrize("name, options, inputs", ROWS, ids=shown)
def test_five_steps(name, options, inputs):
    has_dtype = name in ("AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss")

    def build(lib, nn):
        dtype = {"dtype": lib.float64} if has_dtype else {}
        return getattr(nn, name)(**with_tensors(lib, options), **dtype)

    call = None
    if name == "CTCLoss":

        def call(module, x, *rest):
            return module(x.log_softmax(2), *rest)

    assert_trains_alike(build, inputs, call)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, options", [row[:2] for row in ROWS], ids=shown)
def test_repr(name, options):
    ours, theirs = both(lambda lib, nn: repr(getattr(nn, name)(**with_tensors(lib, options))))
    assert ours == theirs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("old", [{"size_average": False}, {"reduce": False}])
@pytest.mark.parametrize("name", [
    "MarginRankingLoss", "HingeEmbeddingLoss", "SoftMarginLoss", "MultiMarginLoss",
    "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "CosineEmbeddingLoss", "TripletMarginLoss",
    "PoissonNLLLoss", "NLLLoss2d",
])  # fmt: skip
def test_the_arguments_of_2018(name, old):
    ours, theirs = both(lambda lib, nn: getattr(nn, name)(**old).reduction)
    assert ours == theirs


@pytest.mark.parametrize("bias", [False, True])
def test_adaptive_softmax_of_all_classes(bias):
    rows = normal(20, 8) * 3

    def script(lib, nn):
        lib.manual_seed(0)
        layer = nn.AdaptiveLogSoftmaxWithLoss(
            8, 12, [2, 5], div_value=2.0, head_bias=bias, dtype=lib.float64
        )
        x = lib.tensor(rows)
        every = layer.log_prob(x)
        return every.detach().numpy(), layer.predict(x).numpy(), layer.predict(x[:1]).numpy()

    (ours, chosen, first), (theirs, their_chosen, their_first) = both(script)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    np.testing.assert_array_equal(chosen, their_chosen)
    np.testing.assert_array_equal(first, their_first)
    assert len(set(chosen)) > 3
