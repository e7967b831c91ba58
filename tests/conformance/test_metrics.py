"""Metrics against scikit-learn's, whole and streamed over uneven batches."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("torch")

import sklearn.metrics as sk
import torch

import gradatim as gd
from gradatim import metrics

pytestmark = pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.UndefinedMetricWarning")
CLOSE = dict(rtol=1e-12, atol=1e-12)


def streamed(metric, outputs, targets, sample_weight=None, sizes=(1, 5, 0, 3, 1000)):
    """The metric's value when the rows come in batches."""
    start = 0
    for size in sizes:
        rows = slice(start, start + size)
        start += size
        if len(targets[rows]):
            weights = None if sample_weight is None else sample_weight[rows]
            metric.update(outputs[rows], targets[rows], weights)
    return metric.compute()


def labels(kind):
    """Predictions and targets, (40,) each."""
    rng = np.random.default_rng(1)
    y, p = rng.integers(0, 4, 40), rng.integers(0, 4, 40)
    if kind == "binary":
        return p % 2, y % 2
    if kind == "a class never predicted":
        return np.where(p == 2, 1, p), y
    if kind == "a class never there":
        return p, np.where(y == 3, 0, y)
    if kind == "a class in the middle in neither":
        return np.where(p == 1, 0, p), np.where(y == 1, 2, y)
    if kind == "all wrong":
        return (y + 1) % 4, y
    if kind == "all one class":
        return np.zeros(40, int), np.zeros(40, int)
    return p, y


KINDS = [
    "binary", "multiclass", "a class never predicted", "a class never there",
    "a class in the middle in neither", "all wrong", "all one class",
]  # fmt: skip
WEIGHTS = [None, np.random.default_rng(2).random(40), np.arange(40.0)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", WEIGHTS, ids=["unweighted", "random", "zero first"])
@pytest.mark.parametrize("zero_division", [0.0, 1.0, np.nan])
def test_precision_recall_and_f1(kind, weights, zero_division):
    p, y = labels(kind)
    pairs = [
        (metrics.Precision, metrics.precision, sk.precision_score),
        (metrics.Recall, metrics.recall, sk.recall_score),
        (metrics.F1, metrics.f1, sk.f1_score),
    ]
    for class_, function, theirs in pairs:
        options = dict(zero_division=zero_division, sample_weight=weights)
        for average in ("micro", "macro", "weighted", None):
            if average is None:
                count = max(p.max(), y.max()) + 1
                expected = theirs(y, p, average=None, labels=np.arange(count), **options)
            else:
                expected = theirs(y, p, average=average, **options)
            ours = function(p, y, average, **options)
            np.testing.assert_allclose(ours, expected, err_msg=f"{function} {average}", **CLOSE)
            metric = class_(average, zero_division=zero_division)
            np.testing.assert_allclose(streamed(metric, p, y, weights), expected, **CLOSE)
            if average is not None:
                expected = theirs(y, p, average=average, labels=np.arange(6), **options)
                ours = function(p, y, average, 6, **options)
                np.testing.assert_allclose(ours, expected, err_msg="labels", **CLOSE)
        if set(p) | set(y) <= {0, 1}:
            expected = theirs(y, p, **options)
            np.testing.assert_allclose(function(p, y, **options), expected, **CLOSE)
        else:
            with pytest.raises(ValueError, match="Target is multiclass but average='binary'"):
                function(p, y)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", WEIGHTS, ids=["unweighted", "random", "zero first"])
@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_confusion_matrices(kind, weights, normalize):
    p, y = labels(kind)
    everything = np.arange(max(p.max(), y.max()) + 1)
    for count in (None, 6):
        expected = sk.confusion_matrix(
            y, p, sample_weight=weights, normalize=normalize,
            labels=everything if count is None else np.arange(count),
        )  # fmt: skip
        ours = metrics.confusion_matrix(p, y, count, normalize, weights)
        np.testing.assert_allclose(ours, expected, **CLOSE)
        metric = metrics.ConfusionMatrix(count, normalize)
        np.testing.assert_allclose(streamed(metric, p, y, weights), expected, **CLOSE)


@pytest.mark.parametrize("weights", WEIGHTS, ids=["unweighted", "random", "zero first"])
def test_accuracies(weights):
    rng = np.random.default_rng(3)
    scores, y = rng.random((40, 5)), rng.integers(0, 5, 40)
    expected = sk.accuracy_score(y, scores.argmax(1), sample_weight=weights)
    assert metrics.accuracy(scores, y, sample_weight=weights) == pytest.approx(expected, rel=1e-12)
    assert metrics.accuracy(scores.argmax(1), y, sample_weight=weights) == pytest.approx(expected)
    for values in (scores, np.round(scores, 1), np.zeros((40, 5))):  # without and with ties
        for k in (2, 3, 4):
            expected = sk.top_k_accuracy_score(y, values, k=k, sample_weight=weights)
            ours = metrics.accuracy(values, y, k, weights)
            assert ours == pytest.approx(expected, rel=1e-12)
            assert streamed(metrics.Accuracy(k), values, y, weights) == pytest.approx(expected)


def test_one_hot_targets_and_boolean_predictions():
    scores = np.random.default_rng(0).random((30, 3))
    y = np.random.default_rng(1).integers(0, 3, 30)
    one_hot = np.eye(3)[y]
    expected = sk.f1_score(y, scores.argmax(1), average="macro")
    assert metrics.f1(scores, one_hot, "macro") == pytest.approx(expected)
    probabilities = gd.tensor(scores[:, 0])
    assert metrics.precision(probabilities > 0.5, y == 0) == sk.precision_score(
        y == 0, scores[:, 0] > 0.5
    )


@pytest.mark.parametrize("decimals", [12, 1, 0])
@pytest.mark.parametrize("weights", WEIGHTS, ids=["unweighted", "random", "zero first"])
def test_roc_auc(decimals, weights):
    rng = np.random.default_rng(4)
    y, scores = rng.integers(0, 2, 40), np.round(rng.normal(size=40), decimals)  # with ties
    expected = sk.roc_auc_score(y, scores, sample_weight=weights)
    assert metrics.roc_auc(scores, y, sample_weight=weights) == pytest.approx(expected, rel=1e-12)
    assert streamed(metrics.ROCAUC(), scores, y, weights) == pytest.approx(expected, rel=1e-12)
    both = np.stack([-scores, scores], 1)
    assert metrics.roc_auc(both, y, sample_weight=weights) == pytest.approx(expected, rel=1e-12)

    y = np.concatenate([np.arange(4), rng.integers(0, 4, 36)])
    scores = np.round(rng.random((40, 4)), max(decimals, 1)) + 0.1
    scores /= scores.sum(1, keepdims=True)
    for average in ("macro", "weighted", "micro", None):
        options = dict(multi_class="ovr", average=average, sample_weight=weights)
        expected = sk.roc_auc_score(y, scores, **options)
        np.testing.assert_allclose(metrics.roc_auc(scores, y, **options), expected, **CLOSE)
        ours = streamed(metrics.ROCAUC("ovr", average), scores, y, weights)
        np.testing.assert_allclose(ours, expected, **CLOSE)
    for average in ("macro", "weighted"):
        expected = sk.roc_auc_score(y, scores, multi_class="ovo", average=average)
        ours = metrics.roc_auc(scores, y, "ovo", average)
        np.testing.assert_allclose(ours, expected, **CLOSE)


def test_roc_auc_where_it_is_not_defined():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(sk.roc_auc_score([1, 1], [0.1, 0.2]))
    assert np.isnan(metrics.roc_auc([0.1, 0.2], [1, 1]))
    scores, y = np.full((4, 3), 1 / 3), [0, 1, 1, 0]
    for function in (
        lambda: sk.roc_auc_score(y, scores, multi_class="ovr"),
        lambda: metrics.roc_auc(scores, y, "ovr"),
    ):
        with pytest.raises(ValueError, match="Number of classes in y_true not equal"):
            function()
    for function in (
        lambda: sk.roc_auc_score([0, 1, 2], np.full((3, 3), 1 / 3)),
        lambda: metrics.roc_auc(scores, y),
    ):
        with pytest.raises(ValueError, match="multi_class must be in"):
            function()


@pytest.mark.parametrize("weights", WEIGHTS, ids=["unweighted", "random", "zero first"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_loss(weights, dtype):
    rng = np.random.default_rng(5)
    y = np.concatenate([np.arange(3), rng.integers(0, 3, 37)])
    probabilities = rng.random((40, 3))
    probabilities[:5] = [[1, 0, 0]]  # certain, and in some rows wrong
    probabilities = (probabilities / probabilities.sum(1, keepdims=True)).astype(dtype)
    expected = sk.log_loss(y, probabilities, sample_weight=weights)
    rel = 1e-12 if dtype is np.float64 else 1e-6  # scikit-learn computes in float32 then
    assert metrics.log_loss(probabilities, y, weights) == pytest.approx(expected, rel=rel)
    assert streamed(metrics.LogLoss(), probabilities, y, weights) == pytest.approx(
        expected, rel=rel
    )
    p, y = probabilities[:, 0], (y == 0).astype(int)
    expected = sk.log_loss(y, p, sample_weight=weights)
    assert metrics.log_loss(p, y, weights) == pytest.approx(expected, rel=rel)


def test_perplexity():
    rng = np.random.default_rng(6)
    logits, y = rng.normal(size=(4, 7, 9)) * 5, rng.integers(0, 9, (4, 7))
    y[1, 3:] = -100
    loss = torch.nn.functional.cross_entropy(
        torch.tensor(logits).reshape(-1, 9), torch.tensor(y).reshape(-1)
    )
    expected = float(loss.exp())
    assert metrics.perplexity(logits, y) == pytest.approx(expected, rel=1e-12)
    ours = streamed(metrics.Perplexity(), logits, y, sizes=(1, 2, 1))
    assert ours == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("weights", WEIGHTS, ids=["unweighted", "random", "zero first"])
def test_metrics_of_numbers(outputs, weights):
    rng = np.random.default_rng(7)
    y, p = rng.normal(size=(40, outputs)) * 3 + 10, rng.normal(size=(40, outputs)) + 10
    if outputs == 3:
        y[:, 2] = 5.0  # a target that does not vary
    pairs = [
        (metrics.MAE, metrics.mae, sk.mean_absolute_error),
        (metrics.MSE, metrics.mse, sk.mean_squared_error),
        (metrics.RMSE, metrics.rmse, sk.root_mean_squared_error),
        (metrics.R2, metrics.r2, sk.r2_score),
    ]
    for class_, function, theirs in pairs:
        expected = theirs(y, p, sample_weight=weights)
        assert function(p, y, weights) == pytest.approx(expected, rel=1e-10)
        assert streamed(class_(), p, y, weights) == pytest.approx(expected, rel=1e-10)
        if outputs == 1:
            assert function(p[:, 0], y[:, 0], weights) == pytest.approx(expected, rel=1e-10)
    assert metrics.r2(y, y) == sk.r2_score(y, y) == 1
