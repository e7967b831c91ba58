"""Metrics by hand, streaming, and what a wrong call says."""

from __future__ import annotations

import numpy as np
import pytest

import gradatim as gd
from gradatim import metrics


def test_a_metric_starts_anew_after_reset():
    metric = metrics.Accuracy()
    with pytest.raises(gd.ArgumentError, match="Accuracy has seen no data"):
        metric.compute()
    metric.update([0, 1], [1, 1])
    assert metric.compute() == 0.5
    metric.reset()
    metric.update([1, 1], [1, 1])
    assert metric.compute() == 1
    area = metrics.ROCAUC()
    area.update([0.1, 0.9], [0, 1])
    area.reset()
    with pytest.raises(gd.ArgumentError, match="seen no data"):
        area.compute()


def test_macro_counts_classes_that_occur_and_all_where_their_number_is_given():
    outputs, targets = [0, 0, 2, 2], [0, 0, 2, 0]
    assert metrics.recall(outputs, targets, average=None).tolist() == [2 / 3, 0, 1]
    assert metrics.recall(outputs, targets, average="macro") == (2 / 3 + 1) / 2
    assert metrics.recall(outputs, targets, average="macro", num_classes=4) == (2 / 3 + 1) / 4
    assert metrics.recall(outputs, targets, average="micro") == 0.75
    assert metrics.recall(outputs, targets, average="weighted") == 0.75


def test_a_confusion_matrix_grows_with_its_classes():
    metric = metrics.ConfusionMatrix()
    metric.update([0, 1], [0, 0])
    metric.update([2], [1])
    assert metric.compute().tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_ties_count_half():
    assert metrics.roc_auc([0.5, 0.5, 0.5], [0, 1, 1]) == 0.5
    assert metrics.roc_auc([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1]) == 3.5 / 4
    assert np.isnan(metrics.roc_auc([0.5, 0.1], [0, 0]))


def test_metrics_leave_no_history_and_take_tensors_that_have_one():
    outputs = gd.tensor([1.0, 2.0], requires_grad=True)
    metric = metrics.MAE()
    metric.update(outputs * 2, gd.tensor([2.0, 3.0]))
    assert metric.compute() == 0.5
    assert outputs.grad is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metrics.accuracy([0.2, 0.7], [0, 1]), r"outputs of shape \(rows, classes\)"),
        (lambda: metrics.f1([0.2, 0.7], [0, 1]), r"pass \(outputs > 0.5\)"),
        (lambda: metrics.f1([0, 1, 1], [0, 1]), r"one target for each row"),
        (lambda: metrics.f1([0, 1], [0, 1], "mean"), "average has to be one of"),
        (lambda: metrics.f1([0, 1, 2], [0, 1, 2]), "Target is multiclass"),
        (lambda: metrics.f1([0, 5], [0, 1], "macro", 3), r"classes from 0 to 5: expected 0 to 2"),
        (lambda: metrics.f1([0, -1], [0, 1]), r"classes from -1 to 0"),
        (lambda: metrics.accuracy([[0.1, 0.9]], [0], k=0), "k=0"),
        (lambda: metrics.mae([1.0, 2.0], [1.0]), "one output for each target"),
        (lambda: metrics.mae([1.0], [1.0], [1.0, 2.0]), r"one weight for each of 1 rows"),
        (lambda: metrics.roc_auc([0.1, np.nan], [0, 1]), "NaN"),
        (lambda: metrics.roc_auc([0.1], [0, 1]), "a class for each row"),
        (lambda: metrics.roc_auc([0.1, 0.2], [0, 2]), "multi_class must be in"),
        (lambda: metrics.log_loss([0, 1], [0, 1]), "needs probabilities"),
        (lambda: metrics.perplexity(gd.zeros(2, 3), gd.zeros(3)), "perplexity needs logits"),
        (lambda: metrics.confusion_matrix([0], [0], normalize="rows"), "normalize must be one of"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call, words):
    with pytest.raises(gd.Error, match=words):
        call()


def test_a_trainer_takes_any_metric():
    x = gd.randn(64, 3)
    y = (x[:, 0] > 0).to(gd.int64)
    model = gd.nn.Sequential(gd.nn.Linear(3, 2))
    trainer = gd.Trainer(
        model,
        "cross_entropy",
        gd.optim.SGD(model.parameters(), lr=0.5),
        metrics=["accuracy", "f1", metrics.Recall("macro")],
        progress=False,
    )
    history = trainer.fit((x, y), validation=(x, y), epochs=3, batch_size=16)
    last = history.last
    outputs = model(x).detach()
    assert last["f1"] == pytest.approx(metrics.f1(outputs, y))
    assert last["recall"] == pytest.approx(metrics.recall(outputs, y, "macro"))
