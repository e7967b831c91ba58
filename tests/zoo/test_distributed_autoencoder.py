"""The distributed autoencoder: its stages by hand, the measure of its filters, and its descent."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.zoo.distributed_autoencoder import (
    DistributedAutoencoder,
    Stage,
    best_detector,
    count_sizes,
    filter_shape,
    normalize_locally,
    train_stage,
)


def stage(**options):
    settings = {"channels": 2, "size": 7, "field": 3, "maps": 3, "pool": 2, "stride": 2}
    return Stage(**{**settings, **options}, generator=gd.Generator().manual_seed(0))


def test_every_place_has_filters_of_its_own():
    one = stage()
    x = np.random.default_rng(0).normal(size=(2, 7, 7)).astype("f")
    found = one.responses(gd.tensor(x[None])).detach().numpy()[0]
    weights = one.encoder.detach().numpy().reshape(3, 3, 3, 2, 3, 3)  # (row, column, map, field)
    for row, column, k in ((0, 0, 0), (1, 2, 1), (2, 2, 2)):
        seen = x[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        wanted = (weights[row, column, k] * seen).sum()
        assert found[k, row, column] == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert not np.allclose(weights[0, 0], weights[1, 1])


def test_the_decoder_is_the_transpose_of_the_same_fields():
    """⟨W₁ x, h⟩ = ⟨x, W₁ᵀ h⟩, where the decoder has the encoder's directions."""
    one = stage()
    with gd.no_grad():
        one.encoder.copy_(one.decoder / one.decoder.norm(dim=2, keepdim=True))
    draw = gd.Generator().manual_seed(1)
    x, h = gd.randn(1, 2, 7, 7, generator=draw), gd.randn(1, 3, 3, 3, generator=draw)
    left, right = (one.responses(x) * h).sum(), (x * one.back(h)).sum()
    assert left.item() == pytest.approx(right.item(), rel=1e-4)


def test_pools_are_sums_of_squares_of_neighbours():
    h = np.random.default_rng(2).normal(size=(1, 3, 3, 3)).astype("f")
    found = stage().energy(gd.tensor(h)).numpy()
    assert found.shape == (1, 3, 2, 2)
    assert found[0, 1, 1, 0] == pytest.approx((h[0, 1, 1:3, 0:2] ** 2).sum(), rel=1e-5)


def test_normalization_takes_away_light_and_contrast():
    x = gd.randn(1, 4, 9, 9, generator=gd.Generator().manual_seed(3))
    normal = normalize_locally(x, 5)
    np.testing.assert_allclose(normalize_locally(20 * x + 7, 5).numpy(), normal.numpy(), atol=1e-4)
    assert normal.std().item() == pytest.approx(1, abs=0.1)


def gabor(size, angle, width, wavelength):
    y, x = np.indices((size, size)) - (size - 1) / 2
    along = x * np.cos(angle) + y * np.sin(angle)
    return np.exp(-(x**2 + y**2) / (2 * width**2)) * np.sin(2 * np.pi * along / wavelength)


@pytest.mark.parametrize("size", [8, 10])
def test_random_filters_fail_the_measure_and_gabor_patches_pass(size):
    draw = np.random.default_rng(4)
    noise = draw.normal(size=(2000, size, size))
    assert filter_shape(noise).passes.mean() < 0.001
    smooth = noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2) + np.roll(noise, (1, 1), (1, 2))
    assert filter_shape(smooth).passes.mean() < 0.05
    patches = [gabor(size, a, 1.4, w) for a in (0, 0.6, 1.2, 1.57, 2.5) for w in (4.0, 5.0)]
    assert filter_shape(np.stack(patches)).passes.all()


def test_neither_a_grating_all_over_nor_a_blob_passes():
    y, x = np.indices((8, 8)) - 3.5
    grating, blob = np.sin(x * 1.6), np.exp(-(x**2 + y**2) / 3)
    shape = filter_shape(np.stack([grating, blob]))
    assert shape.orientation[0] > 0.7 and shape.spread[0] > 0.4
    assert shape.orientation[1] < 0.01 and shape.spread[1] < 0.2
    assert not shape.passes.any()


def test_the_best_detector_is_found_and_measured_on_unseen_examples():
    draw = np.random.default_rng(5)
    labels, wanted = draw.integers(0, 10, 3000), draw.integers(0, 10, 3000)

    def answers(of):
        values = draw.normal(size=(len(of), 12))
        values[:, 3] -= 10 * (of == 7)  # one neuron is low for sevens
        return values

    accuracy, neurons, sides = best_detector(answers(labels), labels, answers(wanted), wanted)
    assert neurons[7] == 3 and sides[7] == -1
    # 7 is told with certainty. For another digit "not a 7" is right for all of its own and wrong
    # for 8 of 9 of the others: ½ + ½ · 1/9.
    assert accuracy == pytest.approx(0.1 + 0.9 * (0.5 + 0.5 / 9), abs=0.02)


def test_asynchronous_descent_lowers_the_cost_of_the_stage_itself():
    x = gd.randn(400, 2, 7, 7, generator=gd.Generator().manual_seed(6))
    one = stage(sparsity=0.1)
    before = one.loss(x).item()
    server = train_stage(one, x, replicas=2, steps=60, batch=50, rate=0.03)
    assert server.pushes == 120
    assert one.loss(x).item() < 0.8 * before
    with pytest.raises(DataError, match="too few for 2 replicas"):
        train_stage(one, x[:50], batch=50)


def test_the_sizes_are_counted():
    options = {"fields": (3, 2), "maps": (2, 3), "pools": (2, 2)}
    network = DistributedAutoencoder(9, 1, strides=(1, 1), pool_strides=(1, 1), **options)
    counted = count_sizes(9, 1, **options)
    assert counted.parameters == sum(p.numel() for p in network.parameters())
    first, second = network.stages
    neurons = 2 * (7**2 + 2 * 6**2) + 3 * (5**2 + 2 * 4**2)
    assert (first.side, first.out, second.side, second.out) == (7, 6, 5, 4)
    assert counted.neurons == neurons
    # The paper's: a billion, without the decoders. Nothing is drawn, so that it takes no memory.
    whole = zoo.system("17").network()
    total = zoo.system("17").sizes.parameters
    assert sum(p.numel() for p in whole.parameters()) == total
    assert 1.1e9 < total / 2 < 1.3e9


def test_the_demonstration_at_a_tiny_size():
    result = zoo.system("17").demo(zoo.Settings(scale="tiny"))
    assert result.measures[0].baseline < 0.05  # random filters fail
    assert 0.5 < result.measures[1].value < 1


def test_what_does_not_fit_is_said():
    with pytest.raises(ArgumentError, match="the smallest is 22 × 22"):
        DistributedAutoencoder(20)
    with pytest.raises(ShapeError, match=r"takes \(N, 2, 7, 7\)"):
        stage()(gd.zeros(1, 1, 7, 7))
