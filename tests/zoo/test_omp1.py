"""The OMP-1 network: its features by hand, its sizes, and its demonstration at a tiny size."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.zoo.omp1 import OMP1Network


def test_features_are_thresholded_split_and_summed_over_quadrants():
    network = OMP1Network(3, patch=3, channels=1, size=7, seed=1)
    images = gd.rand(40, 1, 7, 7, generator=gd.Generator().manual_seed(0))
    network.learn_dictionary(images, patches=200, turns=2)
    found = network.features(images[:1]).numpy()[0].reshape(4, 2, 3)
    picture = images[0, 0].numpy()
    wanted = np.zeros((4, 2, 3))
    for row in range(5):
        for column in range(5):
            x = picture[row : row + 3, column : column + 3].reshape(-1)
            x = (x - x.mean()) / np.sqrt(x.var() + 10 / 255**2)
            x = (x - network.whitening.mean.numpy()) @ network.whitening.weight.numpy()
            z = network.dictionary.dictionary.numpy() @ x
            quadrant = 2 * (row >= 3) + (column >= 3)
            wanted[quadrant, 0] += np.maximum(z - 0.25, 0)
            wanted[quadrant, 1] += np.maximum(-z - 0.25, 0)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


def test_random_patches_are_pieces_of_the_images_in_the_order_of_unfold():
    """Whitening is found from the same values that it is applied to later."""
    network = OMP1Network(4, patch=3, channels=2, size=5, seed=2)
    images = gd.rand(30, 2, 5, 5, generator=gd.Generator().manual_seed(0))
    cut = network.learn_dictionary(images, patches=50, turns=1)
    every = network.whitening(network.patches(images)).reshape(-1, 18)
    nearest = ((cut.unsqueeze(1) - every) ** 2).sum(2).amin(1)
    assert nearest.max() < 1e-5


def test_the_sizes_are_counted():
    system = zoo.system("omp-1")
    network = OMP1Network(5, patch=3, channels=2, size=8)  # the same count for a small one
    width, atoms, classes = 18, 5, 10
    learned = network.whitening.mean.numel() + network.whitening.weight.numel()
    learned += network.dictionary.dictionary.numel()
    learned += sum(p.numel() for p in network.classifier.parameters())
    assert learned == width + width**2 + atoms * width + (8 * atoms + 1) * classes
    assert system.sizes.parameters == 108 + 108**2 + 6000 * 108 + (8 * 6000 + 1) * 10
    assert system.sizes.neurons == 27**2 * 12_000 + 48_000 + 10


def test_features_beat_pixels_at_a_tiny_size():
    result = zoo.system("omp-1").demo(zoo.Settings(scale="tiny"))
    assert result.measures[0].value > result.measures[0].baseline + 0.05
    errors = result.model.dictionary.errors
    assert errors[-1] < errors[0]


def test_what_does_not_fit_is_said():
    with pytest.raises(ArgumentError, match="the smallest are 7 × 7"):
        OMP1Network(3, size=6)
    network = OMP1Network(3, channels=1, size=28)
    with pytest.raises(ShapeError, match=r"takes \(N, 1, 28, 28\)"):
        network(gd.zeros(2, 3, 32, 32))
    with pytest.raises(DataError, match="floats of 0 to 1"):
        network(gd.zeros(2, 1, 28, 28, dtype=gd.uint8))
