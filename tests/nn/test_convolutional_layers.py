"""Convolution, pooling and normalization layers: by hand, and a small network that learns."""

import math

import pytest

import gradatim as gd
from gradatim import nn
from gradatim.nn import functional as F


def image(*rows):
    """(1, 1, H, W)."""
    return gd.tensor([[list(map(float, row)) for row in rows]]).unsqueeze(0)


# --- convolution ---------------------------------------------------------------------------------


def test_a_convolution_by_hand():
    layer = nn.Conv2d(1, 1, 2)
    with gd.no_grad():
        layer.weight.copy_(image([1, 2], [3, 4]))
        layer.bias.fill_(100)
    x = image([1, 0, 2], [0, 1, 0], [3, 0, 1]).requires_grad_()
    y = layer(x)
    assert y.tolist() == [[[[105, 107], [111, 105]]]]
    y.sum().backward()
    assert x.grad.tolist() == [[[[1, 3, 2], [4, 10, 6], [3, 7, 4]]]]
    assert layer.weight.grad.tolist() == [[[[2, 3], [4, 2]]]]
    assert layer.bias.grad.tolist() == [4]


def test_convolutions_start_from_pytorchs_bits():
    # PyTorch 2.13: manual_seed(0), nn.Conv2d(2, 1, (1, 2)), nn.ConvTranspose1d(2, 1, 2).
    gd.manual_seed(0)
    layers = nn.Conv2d(2, 1, (1, 2)), nn.ConvTranspose1d(2, 1, 2)
    bits = [
        [v.hex() for v in layer.weight.flatten().tolist() + layer.bias.tolist()] for layer in layers
    ]
    assert bits == [
        [
            "-0x1.eaa8000000000p-9",
            "0x1.12a8bc0000000p-2",
            "-0x1.a5662c0000000p-2",
            "-0x1.78cd000000000p-2",
            "-0x1.8a65e80000000p-3",
        ],
        [
            "0x1.8455560000000p-3",
            "-0x1.cb14ae0000000p-7",
            "0x1.1f0e800000000p-1",
            "-0x1.0107bc0000000p-4",
            "0x1.7f332e0000000p-3",
        ],
    ]


def test_a_transposed_convolution_spreads_its_kernel():
    layer = nn.ConvTranspose2d(1, 1, 2, stride=2, bias=False)
    with gd.no_grad():
        layer.weight.copy_(image([1, 2], [3, 4]))
    y = layer(image([1, 10]))
    assert y.tolist() == [[[[1, 2, 10, 20], [3, 4, 30, 40]]]]


def test_same_padding_puts_the_odd_one_behind():
    w = gd.tensor([[[1.0, 10.0]]])
    assert F.conv1d(gd.tensor([[[1.0, 2.0, 3.0]]]), w, padding="same").tolist() == [[[21, 32, 3]]]


def test_padding_modes():
    layer = nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular", bias=False)
    with gd.no_grad():
        layer.weight.copy_(gd.tensor([[[100.0, 10.0, 1.0]]]))
    assert layer(gd.tensor([[[1.0, 2.0, 3.0]]])).tolist() == [[[312, 123, 231]]]


def test_without_a_batch():
    layer = nn.Conv2d(3, 4, 3)
    x = gd.rand(3, 6, 5)
    assert layer(x).shape == (4, 4, 3)
    assert gd.equal(layer(x), layer(x[None])[0])
    assert nn.MaxPool2d(2)(x).shape == nn.AvgPool2d(2)(x).shape == (3, 3, 2)


@pytest.mark.parametrize(
    "layer, shape, message",
    [
        (nn.Conv2d(3, 4, 3), (1, 2, 5, 5), "to have 3 channels, but got 2 channels instead"),
        (
            nn.Conv2d(3, 4, 3),
            (5, 5),
            r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d",
        ),
        (nn.Conv2d(3, 4, 3), (1, 3, 2, 5), r"\(2 x 5\). Kernel size: \(3 x 3\)"),
        (nn.Conv1d(4, 4, 3, groups=2), (1, 2, 5), r"Given groups=2, weight of size \[4, 2, 3\]"),
        (nn.ConvTranspose2d(3, 4, 3), (1, 2, 5, 5), "Given transposed=1, weight of size"),
        (nn.MaxPool2d(3), (1, 2, 2, 5), r"\(2x2x5\). Calculated output size: \(2x0x1\)"),
        (nn.MaxPool2d(2, padding=2), (1, 2, 8, 8), "at most half of effective kernel size"),
        (nn.BatchNorm2d(3), (1, 2, 5, 5), "running_mean should contain 2 elements not 3"),
        (nn.BatchNorm2d(3), (1, 3, 5), r"expected 4D input \(got 3D input\)"),
        (nn.BatchNorm1d(3), (1, 3), r"got input size torch.Size\(\[1, 3\]\)"),
        (nn.LayerNorm((2, 3)), (4, 3), r"expected input with shape \[\*, 2, 3\]"),
        (nn.GroupNorm(2, 4), (1, 3), "divisible by num_groups"),
    ],
)
def test_an_input_that_does_not_fit(layer, shape, message):
    with pytest.raises(gd.Error, match=message) as caught:
        layer(gd.ones(shape))
    assert str(caught.value).startswith(type(layer).__name__) and "\n" not in str(caught.value)


# --- pooling -------------------------------------------------------------------------------------


def test_max_pooling_by_hand():
    x = image([1, 5, 5, 2], [0, 5, 1, 9]).requires_grad_()
    values, indices = F.max_pool2d(x, 2, return_indices=True)
    assert values.tolist() == [[[[5, 9]]]] and indices.tolist() == [[[[1, 7]]]]
    values.sum().backward()
    assert x.grad.tolist() == [[[[0, 1, 0, 0], [0, 0, 0, 1]]]]


def test_overlapping_windows_add_their_gradients():
    x = gd.tensor([[[1.0, 3.0, 2.0]]], requires_grad=True)
    F.max_pool1d(x, 2, 1).sum().backward()
    assert x.grad.tolist() == [[[0, 2, 0]]]


def test_writing_to_the_indices_does_not_change_the_gradient():
    x = gd.tensor([[[1.0, 3.0, 2.0]]], requires_grad=True)
    values, indices = F.max_pool1d(x, 3, return_indices=True)
    indices.data.fill_(0)
    values.sum().backward()
    assert x.grad.tolist() == [[[0, 1, 0]]]


def test_a_window_of_padding_alone_has_no_index():
    x = gd.ones(1, 1, 1)
    assert F.max_pool1d(x, 2, 1, 1, 2).tolist() == [[[-math.inf]]]
    with pytest.raises(gd.ShapeError, match="nothing but padding"):
        F.max_pool1d(x, 2, 1, 1, 2, return_indices=True)


def test_average_pooling_by_hand():
    x = gd.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]], requires_grad=True)
    assert F.avg_pool1d(x, 2).tolist() == [[[1.5, 3.5]]]
    assert F.avg_pool1d(x, 2, ceil_mode=True).tolist() == [[[1.5, 3.5, 5]]]
    assert F.avg_pool1d(x, 2, padding=1).tolist() == [[[0.5, 2.5, 4.5]]]
    y = F.avg_pool1d(x, 2, padding=1, count_include_pad=False)
    assert y.tolist() == [[[1, 2.5, 4.5]]]
    y.sum().backward()
    assert x.grad.tolist() == [[[1, 0.5, 0.5, 0.5, 0.5]]]


def test_adaptive_pooling_covers_everything():
    x = gd.tensor([[[1.0, 2.0, 3.0, 4.0, 8.0]]])
    assert F.adaptive_avg_pool1d(x, 2).tolist() == [[[2, 5]]]
    values, indices = F.adaptive_max_pool1d(x, 2, return_indices=True)
    assert values.tolist() == [[[3, 8]]] and indices.tolist() == [[[2, 4]]]


def test_an_infinity_stays_in_its_window():
    x = gd.tensor([[[math.inf, 2.0, 3.0, 4.0, 8.0]]])
    assert F.adaptive_avg_pool1d(x, 2).tolist() == [[[math.inf, 5]]]
    assert F.unfold(x[None], (1, 2)).tolist() == [[[math.inf, 2, 3, 4], [2, 3, 4, 8]]]


def test_a_step_stays_small():
    """Each Node costs time at every step of uncompiled code."""

    def count(node):
        return 1 + sum(count(n) for n in node.inputs) if node.buffer is None else 0

    x, w, b = gd.ones(1, 1, 4, 4), gd.ones(1, 1, 2, 2), gd.ones(1)
    for tensor in (x, w, b):
        tensor.realize()
    assert count(F.conv2d(x, w)._read()) == 1
    assert count(F.conv2d(x, w, b)._read()) == 3  # the bias reshaped, the sum
    assert F.max_pool2d(x, 2)._read().inputs[1].inputs == (x._read(),)


# --- normalization -------------------------------------------------------------------------------


def test_batch_normalization_remembers_in_training_and_uses_it_in_evaluation():
    layer = nn.BatchNorm1d(1, momentum=0.5, eps=1e-30)
    y = layer(gd.tensor([[1.0], [3.0]]))
    assert y.tolist() == [[-1], [1]]
    assert layer.running_mean.tolist() == [1] and layer.running_var.tolist() == [1.5]
    assert layer.num_batches_tracked.item() == 1
    layer.eval()
    assert layer(gd.tensor([[1.0], [4.0]])).tolist() == [[0], [pytest.approx(3 / 1.5**0.5)]]
    assert layer.num_batches_tracked.item() == 1


def test_a_refused_batch_leaves_no_trace():
    layer = nn.BatchNorm1d(2)
    before = {name: value.tolist() for name, value in layer.state_dict().items()}
    with pytest.raises(gd.ArgumentError):
        layer(gd.ones(1, 2))
    assert {name: value.tolist() for name, value in layer.state_dict().items()} == before


def test_without_momentum_the_running_values_are_means_over_the_batches():
    layer = nn.BatchNorm1d(1, momentum=None)
    for value in (1.0, 2.0, 6.0):
        layer(gd.tensor([[value], [value]]))
    assert layer.running_mean.item() == pytest.approx(3)
    layer.reset_running_stats()
    assert layer.running_mean.item() == 0 and layer.num_batches_tracked.item() == 0


def test_layer_normalization_by_hand():
    layer = nn.LayerNorm(2, eps=0)
    with gd.no_grad():
        layer.weight.copy_(gd.tensor([1.0, 10.0]))
        layer.bias.fill_(5)
    assert layer(gd.tensor([[1.0, 3.0]])).tolist() == [[4, 15]]


def test_whole_channels_are_dropped():
    gd.manual_seed(0)
    y = nn.Dropout2d(0.25)(gd.ones(50, 8, 3, 3))
    assert sorted(set(y.flatten().tolist())) == [0, pytest.approx(4 / 3)]
    assert gd.equal(y.amax((2, 3)), y.amin((2, 3)))
    assert nn.Dropout2d(0.25).eval()(y) is y


# --- learning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_a_small_network_learns_which_way_a_line_runs(compiled):
    gd.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip
    optimizer = gd.optim.Adam(model.parameters(), lr=0.02)
    images, labels = gd.zeros(16, 1, 8, 8), gd.arange(16) % 2
    for k in range(16):
        if k % 2:
            images[k, 0, k // 2, :] = 1
        else:
            images[k, 0, :, k // 2] = 1

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = gd.compile(step) if compiled else step
    losses = [step(images, labels).item() for _ in range(60)]
    assert losses[0] > 0.5 and losses[-1] < 0.05
    model.eval()
    assert (model(images).argmax(1) == labels).all()
