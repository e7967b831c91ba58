"""Metrics against values computed by hand, and streamed over any batches."""

import math

import pytest

import gradatim as gd
from gradatim.train.metrics import MAE, R2, RMSE, Accuracy, find_metric


def over(metric, outputs, targets, batch_size):
    """The metric's value when the rows come in batches."""
    parts = range(0, len(outputs), batch_size)
    sums = [
        metric.sums(outputs[i : i + batch_size], targets[i : i + batch_size]).numpy() for i in parts
    ]
    return metric.value(sum(sums[1:], sums[0]))


SCORES = gd.tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])


def test_accuracy_counts_the_largest_output():
    assert over(Accuracy(), SCORES, gd.tensor([0, 1, 1, 1]), 4) == 0.75


def test_accuracy_of_one_hot_targets():
    one_hot = gd.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    assert over(Accuracy(), SCORES, one_hot, 4) == 0.75


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_batches_do_not_matter(batch_size):
    targets = gd.tensor([0, 1, 1, 1])
    assert over(Accuracy(), SCORES, targets, batch_size) == 0.75


def test_regression_metrics_by_hand():
    outputs = gd.tensor([[1.0], [2.0], [4.0]])
    targets = gd.tensor([[1.0], [4.0], [3.0]])
    assert over(MAE(), outputs, targets, 2) == 1.0
    assert over(RMSE(), outputs, targets, 2) == pytest.approx(math.sqrt(5 / 3))
    # residual 0 + 4 + 1, variation around the mean 8/3: 26 - 64/3
    assert over(R2(), outputs, targets, 2) == pytest.approx(1 - 5 / (26 - 64 / 3))


def test_scale_gives_errors_in_the_targets_units():
    outputs, targets = gd.tensor([[1.0, 1.0]]), gd.tensor([[0.0, 0.0]])
    assert over(MAE([10.0, 20.0]), outputs, targets, 1) == 15.0
    assert over(RMSE([3.0, 4.0]), outputs, targets, 1) == pytest.approx(3.5)


def test_r2_of_several_targets_is_their_mean():
    outputs = gd.tensor([[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]])
    targets = gd.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    assert over(R2(), outputs, targets, 3) == pytest.approx((1.0 + 0.0) / 2)


def test_r2_of_a_target_that_does_not_vary():
    constant = gd.tensor([[5.0], [5.0]])
    assert over(R2(), constant, constant, 2) == 1.0
    assert over(R2(), constant + 1, constant, 2) == 0.0


def test_r2_does_not_lose_small_variation_in_large_numbers():
    """Coordinates: thousands, with differences of a few. Single precision would give nonsense."""
    targets = gd.tensor([[-7500.0], [-7501.0], [-7502.0]], dtype=gd.float64)
    assert over(R2(), targets + 1, targets, 1) == pytest.approx(1 - 3 / 2, abs=1e-6)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(gd.ShapeError, match=r"outputs of shape \(rows, classes\).*\(4,\)"):
        Accuracy().sums(gd.zeros(4), gd.zeros(4))
    with pytest.raises(gd.ShapeError, match=r"outputs have shape \(4, 2\) and the targets \(4, 1"):
        MAE().sums(gd.zeros(4, 2), gd.zeros(4, 1))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(gd.ArgumentError, match="no metric 'acuracy': choose from accuracy, mae"):
        find_metric("acuracy")
