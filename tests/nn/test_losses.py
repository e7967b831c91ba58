"""Losses: values by hand, gradients against differences, and errors that say what to do."""

import math

import pytest

import gradatim as gd
from gradatim import nn
from gradatim.nn import functional as F


def tensor(*numbers):
    return gd.tensor(numbers, dtype=gd.float64)


def close(value, expected):
    return value.item() == pytest.approx(expected, rel=1e-12)


def test_mse():
    x, y = tensor(1.0, 2.0), tensor(1.0, 4.0)
    assert nn.MSELoss()(x, y).item() == 2
    assert nn.MSELoss(reduction="sum")(x, y).item() == 4
    assert nn.MSELoss(reduction="none")(x, y).tolist() == [0, 4]
    assert close(F.mse_loss(x, y, weight=tensor(1.0, 3.0)), 3)


def test_l1_and_its_rounded_forms():
    x, zero = tensor(0.5, -3.0), tensor(0.0, 0.0)
    assert F.l1_loss(x, zero, reduction="none").tolist() == [0.5, 3]
    assert F.smooth_l1_loss(x, zero, reduction="none").tolist() == [0.125, 2.5]
    assert F.smooth_l1_loss(x, zero, reduction="none", beta=2.0).tolist() == [0.0625, 2]
    assert F.smooth_l1_loss(x, zero, reduction="none", beta=0.0).tolist() == [0.5, 3]
    assert F.huber_loss(x, zero, reduction="none", delta=2.0).tolist() == [0.125, 4]


def test_cross_entropy_of_indices_and_of_probabilities():
    logits = tensor(2.0, 0.0, 0.0).reshape(1, 3)
    right = math.log(math.exp(2) + 2) - 2
    wrong = math.log(math.exp(2) + 2)
    assert close(F.cross_entropy(logits, gd.tensor([0])), right)
    assert close(F.cross_entropy(logits, tensor(0.5, 0.5, 0.0).reshape(1, 3)), (right + wrong) / 2)
    smoothed = 0.7 * right + 0.3 * (right + 2 * wrong) / 3
    assert close(F.cross_entropy(logits, gd.tensor([0]), label_smoothing=0.3), smoothed)
    log_p = F.log_softmax(logits, 1)
    assert close(F.nll_loss(log_p, gd.tensor([1])), wrong)


def test_class_weights_and_ignored_targets():
    logits = gd.zeros(3, 2, dtype=gd.float64)
    target = gd.tensor([0, 1, -100])
    losses = F.cross_entropy(logits, target, weight=tensor(1.0, 3.0), reduction="none")
    assert losses.tolist() == pytest.approx([math.log(2), 3 * math.log(2), 0])
    assert close(F.cross_entropy(logits, target, weight=tensor(1.0, 3.0)), math.log(2))
    assert close(F.cross_entropy(logits, target, reduction="sum"), 2 * math.log(2))
    assert math.isnan(F.cross_entropy(logits, gd.full((3,), -100)).item())


def test_cross_entropy_of_images():
    logits = gd.zeros(2, 4, 3, 3)
    target = gd.zeros(2, 3, 3, dtype=gd.int64)
    assert F.cross_entropy(logits, target, reduction="none").shape == (2, 3, 3)


def test_binary_cross_entropies_agree():
    logits, labels = tensor(-1.0, 0.0, 2.0), tensor(0.0, 1.0, 0.25)
    expected = F.binary_cross_entropy(gd.sigmoid(logits), labels)
    assert close(F.binary_cross_entropy_with_logits(logits, labels), expected.item())
    weighted = F.binary_cross_entropy_with_logits(
        logits, labels, pos_weight=tensor(2.0), reduction="none"
    )
    assert weighted[1].item() == pytest.approx(2 * math.log(2))


def test_binary_cross_entropy_of_saturated_probabilities_trains():
    logits = gd.tensor([200.0, -200.0], requires_grad=True)
    loss = nn.BCELoss()(gd.sigmoid(logits), gd.tensor([0.0, 1.0]))
    assert loss.item() == 100  # the logarithm is cut at -100
    loss.backward()
    assert gd.isfinite(logits.grad).all()


def test_binary_cross_entropy_with_huge_logits():
    logits = gd.tensor([1e4, -1e4], requires_grad=True)
    loss = nn.BCEWithLogitsLoss(reduction="sum")(logits, gd.tensor([0.0, 1.0]))
    loss.backward()
    assert loss.item() == 2e4 and logits.grad.tolist() == [1, -1]


def test_kl_divergence():
    p, q = tensor(0.5, 0.5).reshape(1, 2), tensor(0.25, 0.75).reshape(1, 2)
    expected = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert close(nn.KLDivLoss(reduction="batchmean")(q.log(), p), expected)
    assert close(nn.KLDivLoss(reduction="sum", log_target=True)(q.log(), p.log()), expected)
    assert F.kl_div(q.log(), tensor(0.0, 1.0).reshape(1, 2), reduction="sum").item() > 0
    with pytest.warns(UserWarning, match="batchmean"):
        assert close(F.kl_div(q.log(), p), expected / 2)


INDICES = gd.tensor([2, 0, -100])
LOSSES = {
    "mse": lambda x: F.mse_loss(x, x.detach() * 0 + 0.3),
    "l1": lambda x: F.l1_loss(x, x.detach() * 0 + 0.3),
    "smooth_l1": lambda x: F.smooth_l1_loss(x, x.detach() * 0 + 0.3, beta=0.7),
    "huber": lambda x: F.huber_loss(x, x.detach() * 0 + 0.3, delta=0.7),
    "cross_entropy": lambda x: F.cross_entropy(x, INDICES, label_smoothing=0.1),
    "weighted": lambda x: F.cross_entropy(x, INDICES, weight=tensor(1.0, 2.0, 3.0)),
    "probabilities": lambda x: F.cross_entropy(x, gd.full((3, 3), 1 / 3, dtype=gd.float64)),
    "nll": lambda x: F.nll_loss(x, INDICES),
    "bce": lambda x: F.binary_cross_entropy(gd.sigmoid(x), gd.full((3, 3), 0.3).double()),
    "bce logits": lambda x: F.binary_cross_entropy_with_logits(x, gd.full((3, 3), 0.3).double()),
    "kl": lambda x: F.kl_div(x, gd.full((3, 3), 0.3).double(), reduction="batchmean"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_the_slopes(name):
    gd.manual_seed(0)
    x = gd.randn(3, 3, dtype=gd.float64, requires_grad=True)
    assert gd.autograd.gradcheck(LOSSES[name], (x,))
    if name != "l1":  # whose second derivative is 0
        assert gd.autograd.gradgradcheck(LOSSES[name], (x,))


def test_a_loss_is_one_operation_in_the_text():
    x = gd.ones(2, requires_grad=True)
    assert repr(nn.MSELoss()(x, gd.zeros(2))) == "tensor(1., grad_fn=<MseLossBackward0>)"


# --- wrong input --------------------------------------------------------------------------------


def message_of(error, function, *args, **options):
    with pytest.raises(error) as caught:
        function(*args, **options)
    return str(caught.value)


LOGITS = gd.zeros(5, 4)


@pytest.mark.parametrize(
    "error, target, message",
    [
        (
            gd.ArgumentError,
            gd.zeros(3, dtype=gd.int64),
            "Expected input batch_size (5) to match target batch_size (3): got input (5, 4) and "
            "target (3,)",
        ),
        (
            gd.ShapeError,
            gd.zeros(5, 1, dtype=gd.int64),
            "cross_entropy: expected target size [5] of class indices (the input's shape without "
            "the class axis), got input (5, 4) and target (5, 1); drop the axis of size 1 with "
            "target.squeeze(1)",
        ),
        (
            gd.DTypeError,
            gd.zeros(5, 4, dtype=gd.int64),
            "Expected floating point type for target with class probabilities, got torch.int64: a "
            "target of the input's shape (5, 4) holds probabilities. Cast one-hot rows with "
            "target.float(), or make indices of them with target.argmax(1)",
        ),
        (
            gd.DTypeError,
            gd.zeros(5),
            "cross_entropy expects class indices of dtype int64 as target, got torch.float32 of "
            "shape (5,): cast them with target.long()",
        ),
        (
            gd.DTypeError,
            gd.zeros(5, 3),
            "cross_entropy expects class indices of dtype int64 as target, got torch.float32 of "
            "shape (5, 3): class probabilities must have the input's shape (5, 4)",
        ),
    ],
)
def test_a_target_that_does_not_fit(error, target, message):
    assert message_of(error, F.cross_entropy, LOGITS, target) == message


def test_one_hot_rows_are_not_for_nll_loss():
    assert message_of(gd.DTypeError, F.nll_loss, LOGITS, gd.zeros(5, 4)).endswith(
        "make them of one-hot rows with target.argmax(1), or use cross_entropy"
    )


def test_a_class_that_is_not_there():
    for wrong in (4, -1):
        with pytest.raises(IndexError):
            F.cross_entropy(LOGITS[:1], gd.tensor([wrong])).item()


def test_binary_targets_of_another_shape_or_dtype():
    assert message_of(gd.ArgumentError, F.binary_cross_entropy, LOGITS, gd.zeros(5)) == (
        "binary_cross_entropy expects a target of the input's shape (5, 4), got (5,): reshape one, "
        "for instance with target.reshape(input.shape)"
    )
    assert "cast it with target.to(input.dtype)" in message_of(
        gd.DTypeError, F.binary_cross_entropy, LOGITS, gd.zeros(5, 4).double()
    )
    assert "(5,) must be the same as input size (5, 4)" in message_of(
        gd.ArgumentError, F.binary_cross_entropy_with_logits, LOGITS, gd.zeros(5)
    )


def test_a_target_that_only_broadcasts_warns():
    with pytest.warns(UserWarning, match="likely lead to incorrect results due to broadcasting"):
        F.mse_loss(LOGITS, gd.zeros(1, 4))


def test_bad_options():
    assert message_of(gd.ArgumentError, F.mse_loss, LOGITS, LOGITS, reduction="avg") == (
        "avg is not a valid value for reduction: expected 'mean', 'sum' or 'none'"
    )
    assert "between 0.0 and 1.0" in message_of(
        gd.ArgumentError, F.cross_entropy, LOGITS, gd.zeros(5).long(), label_smoothing=1.5
    )
    assert "all 4 classes" in message_of(
        gd.ShapeError, F.cross_entropy, LOGITS, gd.zeros(5).long(), weight=gd.ones(3)
    )


def test_the_old_names_of_reduction():
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert nn.MSELoss(size_average=False)(LOGITS + 1, LOGITS).item() == 20
