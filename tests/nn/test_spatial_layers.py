"""Layers of images, lines and volumes: by hand, in compiled steps, and their errors."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import nn
from gradatim.nn import functional as F
from gradatim.ops import interpolation
from gradatim.tensor import wrap


def image(*rows):
    """(1, 1, H, W)."""
    return gd.tensor([[list(map(float, row)) for row in rows]]).unsqueeze(0)


# --- resizing ------------------------------------------------------------------------------------


def test_nearest_repeats_and_gradients_add_up():
    x = image([1, 2], [3, 4]).requires_grad_()
    y = F.interpolate(x, scale_factor=2)
    assert y[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    y.sum().backward()
    assert x.grad.tolist() == [[[[4, 4], [4, 4]]]]


def test_linear_weighs_by_distance():
    x = gd.tensor([[[0.0, 4.0, 8.0]]], requires_grad=True)
    y = F.interpolate(x, scale_factor=2, mode="linear")
    assert y.tolist() == [[[0, 1, 3, 5, 7, 8]]]
    y[..., 1].sum().backward()
    assert x.grad.tolist() == [[[0.75, 0.25, 0]]]
    corners = F.interpolate(x, 5, mode="linear", align_corners=True)
    assert corners.tolist() == [[[0, 2, 4, 6, 8]]]


def test_slices_give_what_the_table_of_taps_gives():
    gd.manual_seed(0)
    x = gd.randn(2, 5, 7).double()._read()
    for kind, factor, axis in (
        ("linear", 2, 2),
        ("linear", 3, 1),
        ("cubic", 4, 2),
        ("cubic", 5, 1),
    ):
        n = x.shape[axis]
        arguments = (kind, n, n * factor, False, None, False, np.float64)
        by_slices = wrap(interpolation._in_phases(x, axis, kind, factor))
        assert gd.allclose(by_slices, wrap(interpolation._resized(x, axis, arguments)), atol=1e-12)


def test_an_area_is_a_mean():
    x = image([1, 2, 3, 4], [5, 6, 7, 8])
    assert F.interpolate(x, (1, 2), mode="area").tolist() == [[[[3.5, 5.5]]]]


def test_bytes_are_rounded_and_stay_in_range():
    x = gd.tensor([[[[0, 255]]]], dtype=gd.uint8)
    y = F.interpolate(x, (1, 4), mode="bicubic")
    assert y.dtype is gd.uint8 and y.tolist() == [[[[0, 58, 197, 255]]]]


def test_a_compiled_step_resizes_and_samples():
    @gd.compile
    def step(x, grid):
        y = F.interpolate(F.pad(x, (1, 1, 1, 1), mode="reflect"), scale_factor=2, mode="bilinear")
        return F.grid_sample(y, grid, align_corners=False).sum()

    x, grid = gd.arange(16.0).reshape(1, 1, 4, 4), gd.zeros(1, 2, 2, 2)
    for scale in (1.0, 2.0):
        assert step(x * scale, grid).item() == pytest.approx(4 * 7.5 * scale)


# --- grids, paddings, shuffles -------------------------------------------------------------------


def test_a_grid_reads_between_elements_and_zeros_outside():
    x = image([1, 2], [3, 4])
    places = gd.tensor([[[[-0.5, -0.5], [0.0, -0.5], [0.0, 0.0], [5.0, 0.0]]]])
    assert F.grid_sample(x, places, align_corners=False).tolist() == [[[[1, 1.5, 2.5, 0]]]]
    assert F.grid_sample(x, places, "nearest", "border", False)[0, 0, 0, 3].item() in (2, 4)


def test_the_identity_map_gives_the_image():
    x = gd.arange(12.0).reshape(1, 1, 3, 4)
    identity = gd.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    for corners in (True, False):
        grid = F.affine_grid(identity, x.shape, corners)
        assert gd.allclose(F.grid_sample(x, grid, align_corners=corners), x, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.ReflectionPad1d((2, 1)), [3, 2, 1, 2, 3, 2]),
        (nn.ReplicationPad1d((2, 1)), [1, 1, 1, 2, 3, 3]),
        (nn.CircularPad1d((2, 1)), [2, 3, 1, 2, 3, 1]),
        (nn.ConstantPad1d((2, -1), 9), [9, 9, 1, 2]),
        (nn.ZeroPad1d(1), [0, 1, 2, 3, 0]),
    ],
)
def test_paddings(layer, expected):
    assert layer(gd.tensor([[1.0, 2.0, 3.0]])).tolist() == [expected]


def test_pixels_are_shuffled_and_back():
    x = gd.arange(32).reshape(1, 8, 2, 2)
    y = nn.PixelShuffle(2)(x)
    assert y[0, 0].tolist() == [[0, 4, 1, 5], [8, 12, 9, 13], [2, 6, 3, 7], [10, 14, 11, 15]]
    assert gd.equal(nn.PixelUnshuffle(2)(y), x)
    assert nn.ChannelShuffle(4)(x)[0, :, 0, 0].tolist() == [0, 8, 16, 24, 4, 12, 20, 28]


def test_unpooling_sets_a_place_once_but_gives_its_gradient_to_each_maximum():
    x = gd.tensor([[1.0, 5.0, 2.0]])
    values, places = F.max_pool1d(x, 2, 1, return_indices=True)
    values = values.detach().requires_grad_()
    y = F.max_unpool1d(values, places, 2, 1)
    assert y.tolist() == [[0, 5, 0]]
    y.sum().backward()
    assert values.grad.tolist() == [[1, 1]]


def test_a_place_that_is_not_there_is_an_error():
    with pytest.raises(RuntimeError, match="index 9 is out of bounds"):
        F.max_unpool1d(gd.ones(1, 2), gd.tensor([[0, 9]]), 2)


# --- noise ---------------------------------------------------------------------------------------


def test_slopes_are_drawn_between_their_bounds_for_what_is_not_positive():
    gd.manual_seed(0)
    x = gd.cat([gd.full((500,), -1.0), gd.ones(500)])
    y = nn.RReLU(0.2, 0.6)(x)
    assert gd.equal(y[500:], x[500:])
    assert -0.6 < y[:500].min().item() < -0.58 and -0.22 < y[:500].max().item() <= -0.2


def test_alpha_dropout_keeps_mean_and_variance():
    gd.manual_seed(0)
    y = nn.AlphaDropout(0.3)(gd.randn(20000))
    assert abs(y.mean().item()) < 0.03 and abs(y.var().item() - 1) < 0.05  # four standard errors


def test_a_compiled_step_draws_what_an_uncompiled_one_draws():
    layer = nn.Sequential(nn.AlphaDropout(0.3), nn.FractionalMaxPool2d(2, 3))

    def run(step):
        gd.manual_seed(0)
        return [step(gd.arange(64.0).reshape(1, 1, 8, 8) - 30).tolist() for _ in range(3)]

    plain, compiled = run(layer), run(gd.compile(lambda x: layer(x)))
    assert plain == compiled and plain[0] != plain[1]
    with pytest.warns(UserWarning, match="uncompiled"):  # how many draws depends on values
        run(gd.compile(nn.RReLU()))


# --- lazy layers, buffers ------------------------------------------------------------------------


def test_a_lazy_network_learns_its_shapes_and_then_trains():
    gd.manual_seed(0)
    model = nn.Sequential(
        nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)
    )
    with pytest.raises(ValueError, match="uninitialized parameter"):
        model[0].weight.sum()
    x = gd.randn(3, 2, 6, 5)
    model(x)
    assert "Lazy" not in repr(model) and model[4].weight.shape == (2, 48)
    optimizer = gd.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = (model(x) - 1).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_a_parameter_made_of_a_detached_result_is_a_leaf():
    w = nn.Parameter(gd.ones(2))
    again = nn.Parameter((w * 2).detach())
    (again * 3).sum().backward()
    assert again.is_leaf and again.grad.tolist() == [3, 3] and w.grad is None


# --- parametrizations ----------------------------------------------------------------------------


def test_a_normalized_layer_trains_in_a_compiled_step_as_without():
    def run(compiled):
        gd.manual_seed(0)
        layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
        optimizer = gd.optim.SGD(layer.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = layer(x).square().sum()
            loss.backward()
            optimizer.step()
            return loss.detach()

        step = gd.compile(step) if compiled else step
        return [step(gd.ones(2, 3)).item() for _ in range(4)]

    assert run(True) == pytest.approx(run(False), rel=1e-6)


def test_spectral_norm_divides_by_the_largest_singular_value():
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2, bias=False))
    layer.weight = gd.tensor([[3.0, 0.0], [0.0, 4.0]])
    for _ in range(40):
        layer(gd.ones(1, 2))
    assert gd.allclose(layer.weight, gd.tensor([[0.75, 0.0], [0.0, 1.0]]), atol=1e-4)


def test_what_is_pruned_stays_zero():
    layer = nn.utils.prune.l1_unstructured(nn.Linear(3, 2, bias=False), "weight", 4)
    zeros = layer.weight == 0
    optimizer = gd.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        layer(gd.ones(1, 3)).sum().backward()
        optimizer.step()
    layer(gd.ones(1, 3))
    assert int(zeros.sum()) == 4 and gd.equal(layer.weight == 0, zeros)
    assert list(nn.utils.prune.remove(layer, "weight").state_dict()) == ["weight"]


# --- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda x: F.interpolate(x, 3, mode="linear"), NotImplementedError, "linear mode needs 3D"),
        (lambda x: F.interpolate(x), ValueError, "either size or scale_factor should be defined"),
        (lambda x: F.pad(x, (9, 0), mode="reflect"), NotImplementedError, "takes 2, 4 or 6"),
        (lambda x: F.pad(x, (9, 0, 0, 0), mode="reflect"), RuntimeError, "less than the corres"),
        (lambda x: F.grid_sample(x, x, align_corners=True), RuntimeError, "size 2 in last"),
        (lambda x: nn.PixelShuffle(3)(x), RuntimeError, "4 is not divisible by 9"),
        (lambda x: nn.FractionalMaxPool2d(2), ValueError, "either an output size, or a ratio"),
        (lambda x: nn.Upsample(2, mode="bilinear")(x.long()), NotImplementedError, "int64: cast"),
        (lambda x: nn.utils.parametrize.register_parametrization(nn.Linear(2, 2), "x", nn.ReLU()),
         ValueError, "with name 'x'"),
    ],
)  # fmt: skip
def test_messages(run, error, message):
    with pytest.raises(error, match=message) as caught:
        run(gd.zeros(1, 4, 4, 5))
    assert isinstance(caught.value, gd.Error)
