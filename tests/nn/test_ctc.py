"""CTC: against all paths, one by one."""

import itertools
import math

import numpy as np
import pytest

import gradatim as gd
from gradatim.nn import functional as F


def reads_as(path, blank):
    """A path without its repetitions and blanks."""
    return [k for k, _ in itertools.groupby(path) if k != blank]


def brute_force(probabilities, target, blank=0):
    """-log of the sum over all paths of a sequence (T, C)."""
    steps, classes = probabilities.shape
    total = sum(
        math.prod(probabilities[t, k] for t, k in enumerate(path))
        for path in itertools.product(range(classes), repeat=steps)
        if reads_as(path, blank) == list(target)
    )
    return -math.log(total) if total else math.inf


def rows(*shape, seed=0):
    logits = gd.tensor(np.random.default_rng(seed).normal(size=shape))
    return gd.log_softmax(logits, -1)


@pytest.mark.parametrize("target", [[1], [1, 2], [1, 1], [2, 1, 2], [1, 1, 2], [2, 2, 2], []])
@pytest.mark.parametrize("steps", [1, 3, 5])
def test_every_path(steps, target):
    log_p = rows(steps, 3)
    found = F.ctc_loss(
        log_p, gd.tensor(target, dtype=gd.int64), (steps,), (len(target),), reduction="sum"
    )
    assert found.item() == pytest.approx(brute_force(log_p.exp().numpy(), target), rel=1e-12)


def test_another_blank_and_lengths():
    log_p = rows(4, 2, 3)
    targets = gd.tensor([[0, 1, 0], [1, 7, 7]])  # what stands behind a target may be anything
    found = F.ctc_loss(log_p, targets, (4, 3), (3, 1), blank=2, reduction="none").tolist()
    p = log_p.exp().numpy()
    expected = [brute_force(p[:, 0], [0, 1, 0], 2), brute_force(p[:3, 1], [1], 2)]
    assert found == pytest.approx(expected, rel=1e-12)


def test_targets_one_after_the_other():
    log_p = rows(4, 2, 3)
    padded = F.ctc_loss(log_p, gd.tensor([[1, 2, 1], [2, 0, 0]]), (4, 4), (3, 1))
    line = F.ctc_loss(log_p, gd.tensor([1, 2, 1, 2]), (4, 4), (3, 1))
    assert line.item() == padded.item()


def test_the_gradient():
    x = gd.tensor(np.random.default_rng(1).normal(size=(5, 2, 4)), requires_grad=True)

    def loss(x):
        targets = gd.tensor([[1, 2], [3, 3]])
        return F.ctc_loss(x.log_softmax(2), targets, (5, 4), (2, 2), reduction="sum")

    assert gd.autograd.gradcheck(loss, (x,))
    loss(x).backward()
    assert x.grad[4, 1].tolist() == [0, 0, 0, 0]  # behind the end
    assert abs(x.grad.sum(2).numpy()).max() < 1e-12


def test_a_target_that_is_too_long():
    log_p = rows(2, 1, 3).requires_grad_()
    args = (gd.tensor([[1, 1]]), (2,), (2,))
    assert F.ctc_loss(log_p, *args).item() == math.inf
    zero = F.ctc_loss(log_p, *args, zero_infinity=True)
    zero.backward()
    assert zero.item() == 0 and not log_p.grad.numpy().any()


@pytest.mark.parametrize(
    "lengths, text",
    [
        (((4, 5), (1, 1)), "at most 4"),
        (((4, 4), (1, -1)), "at least 0"),
        (((4,), (1, 1)), "batch_size 2"),
        (((4, 4), (1, 3)), "size at least 3"),
    ],
)
def test_lengths_that_do_not_fit(lengths, text):
    with pytest.raises(gd.Error, match=text):
        F.ctc_loss(rows(4, 2, 3), gd.tensor([[1, 2], [1, 2]]), *lengths)


def test_a_label_that_is_not_there():
    with pytest.raises(IndexError, match="out of bounds"):
        F.ctc_loss(rows(4, 1, 3), gd.tensor([[3]]), (4,), (1,)).item()
