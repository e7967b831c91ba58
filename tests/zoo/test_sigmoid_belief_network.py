"""The sigmoid belief network: its data, its learning, and its demonstration at a tiny size."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.graph.errors import DataError
from gradatim.rules import SigmoidMeanField
from gradatim.zoo.sigmoid_belief_network import binarize, eight_by_eight, independent_pixels, learn


def test_ink_is_stretched_over_the_cells():
    """A square of 16 × 16 whose left half is dark: the left half of the cells."""
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 5:21, 3:11] = 255
    images[0, 5:21, 11:19] = 40  # ink, but less than the mean
    wanted = np.zeros((8, 8))
    wanted[:, :4] = 1
    assert (eight_by_eight(images)[0].reshape(8, 8) == wanted).all()
    with pytest.raises(DataError, match="expected digits"):
        eight_by_eight(np.zeros((2, 8, 8)))


def test_cells_that_cut_pixels_hold_their_share():
    """12 rows over 8 cells: every cell has one and a half; that with one dark row has 2/3 ink."""
    images = np.full((1, 28, 28), 0, np.uint8)
    images[0, 4:16, 4:12] = 31  # just ink
    images[0, 4, 4:12] = 255
    cells = eight_by_eight(images)[0].reshape(8, 8)
    assert (cells[0] == 1).all()
    assert (cells[1:] == 0).all()


def test_binarization_is_fixed_and_follows_the_gray():
    images = np.full((200, 28, 28), 51, np.uint8)  # a fifth
    first = binarize(images)
    assert (first == binarize(images)).all()
    assert first.mean() == pytest.approx(0.2, abs=0.005)
    assert set(np.unique(first)) == {0, 1}


def test_learning_raises_the_bound_above_independent_pixels():
    """Pixels that all agree: apart they say 6 ln 2, together ln 2."""
    draw = np.random.default_rng(0)
    patterns = np.repeat(draw.integers(0, 2, (600, 1)), 6, 1).astype("f")
    network = SigmoidMeanField((6, 2), scale=0.5, seed=0)
    found = learn(network, gd.tensor(patterns), epochs=30, rate=0.05, batch=50)
    assert independent_pixels(patterns, patterns).mean() == pytest.approx(-6 * np.log(2), abs=0.05)
    assert -1.5 < found[-1] < -np.log(2)
    with pytest.raises(DataError, match="binarize"):
        learn(network, gd.full((10, 6), 0.5), epochs=1)


def test_the_sizes_are_counted():
    system = zoo.system("7")
    network = system.network()
    assert sum(p.numel() for p in network.parameters()) == system.sizes.parameters
    weights = sum(w.numel() for w in network.weights)
    assert system.sizes.connections == weights / sum(network.sizes)


def test_bounds_name_the_digits_at_a_tiny_size():
    lines = []
    result = zoo.system("7").demo(zoo.Settings(scale="tiny", report=lines.append))
    assert result.measures[0].value > 0.7  # of three classes
    assert result.measures[1].value < 0
    assert any("bound" in line for line in lines)
