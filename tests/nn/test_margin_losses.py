"""Losses with a margin, of counts and of distances: values by hand, and what is refused."""

import math

import pytest

import gradatim as gd
from gradatim import nn
from gradatim.nn import functional as F


def tensor(*numbers):
    return gd.tensor(numbers, dtype=gd.float64)


def close(value, expected):
    return value.item() == pytest.approx(expected, rel=1e-12)


def test_cosine_similarity():
    x, y = tensor(3.0, 0.0), tensor(1.0, 1.0)
    assert close(F.cosine_similarity(x, y, dim=0), math.sqrt(0.5))
    assert close(nn.CosineSimilarity(dim=0)(x, -2 * y), -math.sqrt(0.5))
    assert F.cosine_similarity(x, 0 * y, dim=0).item() == 0
    assert close(F.cosine_similarity(x, y, dim=0, eps=6.0), 3 / 36)


def test_pairwise_distance():
    x, y = tensor(0.0, 0.0), tensor(3.0, -4.0)
    assert close(F.pairwise_distance(x, y, eps=0), 5)
    assert close(F.pairwise_distance(x, y, p=1, eps=0), 7)
    assert nn.PairwiseDistance(keepdim=True)(x, y).shape == (1,)


def test_margin_ranking():
    high, low = tensor(1.0, 3.0), tensor(2.0, 0.0)
    assert nn.MarginRankingLoss(reduction="none")(high, low, tensor(1.0, 1.0)).tolist() == [1, 0]
    assert close(nn.MarginRankingLoss(margin=4)(high, low, tensor(1.0, -1.0)), (5 + 7) / 2)


def test_hinge_and_soft_margin():
    x = tensor(0.25, 0.25, 3.0)
    sign = tensor(1.0, -1.0, -1.0)
    assert nn.HingeEmbeddingLoss(reduction="none")(x, sign).tolist() == [0.25, 0.75, 0]
    assert close(nn.SoftMarginLoss()(tensor(0.0), tensor(1.0)), math.log(2))
    assert nn.SoftMarginLoss()(tensor(-1e6), tensor(1.0)).item() == 1e6


def test_multi_margin():
    scores = tensor(0.25, 1.0, 0.5).reshape(1, 3)
    right = gd.tensor([1])
    assert close(nn.MultiMarginLoss()(scores, right), (0.25 + 0.5) / 3)
    assert close(nn.MultiMarginLoss(p=2)(scores, right), (0.25**2 + 0.5**2) / 3)
    weighted = nn.MultiMarginLoss(margin=2.0, weight=tensor(1.0, 4.0, 1.0))
    assert close(weighted(scores, right), 4 * (1.25 + 1.5) / 3)


def test_multi_label_margin_counts_what_stands_before_the_first_minus_one():
    scores = tensor(0.1, 0.2, 0.4, 0.8)
    loss = nn.MultiLabelMarginLoss()
    assert close(loss(scores, gd.tensor([3, 0, -1, 1])), 0.85)
    assert loss(scores, gd.tensor([-1, 3, 0, 1])).item() == 0
    assert loss(scores, gd.tensor([0, 1, 2, 3])).item() == 0


def test_multi_label_soft_margin():
    assert close(nn.MultiLabelSoftMarginLoss()(gd.zeros(2, 3).double(), gd.ones(2, 3)), math.log(2))
    logits = gd.tensor([[1e4, -1e4]])
    assert nn.MultiLabelSoftMarginLoss()(logits, gd.tensor([[1.0, 1.0]])).item() == 5000


def test_cosine_embedding():
    x, y = tensor(1.0, 0.0).reshape(1, 2), tensor(1.0, 1.0).reshape(1, 2)
    loss = nn.CosineEmbeddingLoss(margin=0.5)
    assert close(loss(x, y, gd.tensor([1])), 1 - math.sqrt(0.5))
    assert close(loss(x, y, gd.tensor([-1])), math.sqrt(0.5) - 0.5)


def test_triplets():
    anchor, near, far = (tensor(x).reshape(1, 1) for x in (0.0, 1.0, 1.5))
    assert close(nn.TripletMarginLoss(eps=0)(anchor, near, far), 0.5)
    assert close(nn.TripletMarginLoss(eps=0, swap=True)(anchor, near, far), 1.5)

    def squared(x, y):
        return ((x - y) ** 2).sum(-1)

    own = nn.TripletMarginWithDistanceLoss(distance_function=squared, margin=2.0)
    assert close(own(anchor, near, far), 2 + 1 - 2.25)


def test_likelihoods():
    rate, count = tensor(0.5), tensor(3.0)
    assert close(nn.PoissonNLLLoss()(rate, count), math.exp(0.5) - 1.5)
    stirling = 3 * math.log(3) - 3 + 0.5 * math.log(6 * math.pi)
    assert close(nn.PoissonNLLLoss(full=True)(rate, count), math.exp(0.5) - 1.5 + stirling)
    assert close(nn.GaussianNLLLoss()(tensor(1.0), tensor(3.0), tensor(4.0)), math.log(2) + 0.5)
    assert close(nn.GaussianNLLLoss()(tensor(1.0), tensor(1.0), 0.0), math.log(1e-6) / 2)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x, k: F.margin_ranking_loss(x, x[0], x), gd.ShapeError, "same dimension"),
        (lambda x, k: F.multi_margin_loss(x, k, p=3), gd.ArgumentError, "p == 1 and p == 2"),
        (lambda x, k: F.multi_margin_loss(x, k.float()), gd.DTypeError, r"\.long\(\)"),
        (lambda x, k: F.multilabel_margin_loss(x, k), gd.ShapeError, "inconsistent target size"),
        (lambda x, k: F.triplet_margin_loss(x, x, x, margin=-1), gd.ArgumentError, "margin"),
        (lambda x, k: F.gaussian_nll_loss(x, x, -x), gd.ArgumentError, "negative"),
        (lambda x, k: F.gaussian_nll_loss(x, x, x[:, :2]), gd.ArgumentError, r"\[2, 3\]"),
        (lambda x, k: F.soft_margin_loss(x, 1), gd.ArgumentTypeError, "target must be a Tensor"),
        (lambda x, k: F.poisson_nll_loss(x, x, reduction="all"), gd.ArgumentError, "'none'"),
        (lambda x, k: F.cosine_similarity(k, k), gd.DTypeError, r"\.float\(\)"),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call(gd.ones(2, 3), gd.tensor([0, 1]))
