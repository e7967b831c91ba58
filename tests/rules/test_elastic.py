"""Elastic deformation: its field, its sampling, and what it leaves as it is."""

import math

import numpy as np
import pytest

import gradatim as gd
from gradatim.rules.elastic import ElasticDeformation, sample


def test_without_strength_nothing_changes():
    images = gd.rand(3, 2, 8, 10)
    np.testing.assert_allclose(ElasticDeformation(alpha=0)(images).numpy(), images.numpy(),
                               atol=1e-5)  # fmt: skip


def test_the_field_is_uniform_noise_smoothed_by_a_gaussian():
    """Its variance in the middle is α²/3 · (Σ g²)², with Σ g² ≈ 1 / (2 σ √π)."""
    gd.manual_seed(0)
    field = ElasticDeformation(alpha=34, sigma=2).field(2000, 21, 21).numpy()[:, :, 10, 10]
    expected = 34 / math.sqrt(3) / (2 * 2 * math.sqrt(math.pi))
    assert field.std() == pytest.approx(expected, rel=0.05)
    assert abs(field.mean()) < 4 * expected / math.sqrt(4000)


def test_neighbours_move_together():
    gd.manual_seed(0)
    field = ElasticDeformation(sigma=4).field(500, 28, 28).numpy()[:, 0]
    near = np.corrcoef(field[:, 14, 14], field[:, 14, 15])[0, 1]
    assert near == pytest.approx(math.exp(-1 / (4 * 4**2)), abs=0.01)  # of two Gaussians 1 apart


def test_sampling_a_shift_is_a_shift():
    image = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    rows, columns = np.meshgrid(np.arange(3.0), np.arange(4.0), indexing="ij")
    found = sample(gd.tensor(image), gd.tensor(rows[None] + 1).float(),
                   gd.tensor(columns[None]).float(), fill=-1)  # fmt: skip
    expected = np.concatenate([image[:, :, 1:], np.full((1, 1, 1, 4), -1)], 2)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_rotation_alone_turns_by_no_more_than_it_says():
    """A point 10 pixels from the centre moves by at most 10 · 2 sin(7.5°)."""
    gd.manual_seed(0)
    image = np.zeros((200, 1, 31, 31), np.float32)
    image[:, 0, 15, 25] = 1
    turned = ElasticDeformation(alpha=0, rotation=15)(gd.tensor(image)).numpy()[:, 0]
    total = turned.sum((1, 2))
    y = (turned * np.arange(31)[:, None]).sum((1, 2)) / total
    x = (turned * np.arange(31)).sum((1, 2)) / total
    far = np.hypot(y - 15, x - 25)
    assert 2 < far.max() < 20 * math.sin(math.radians(7.5)) + 0.2  # interpolation: 0.2


def test_refusals_name_what_was_given():
    with pytest.raises(gd.ArgumentError, match=r"sigma=0.*sigma above 0"):
        ElasticDeformation(sigma=0)
    with pytest.raises(gd.ShapeError, match=r"needs images \(N, C, H, W\) of floats, and got \[5"):
        ElasticDeformation()(gd.zeros(5, 28))
