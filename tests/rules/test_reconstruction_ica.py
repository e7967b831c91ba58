"""Reconstruction ICA: its cost by hand, and sources that it separates."""

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import ArgumentError, DataError
from gradatim.rules import ReconstructionICA


def test_the_cost_by_hand():
    """x = (3, 4), features (3, 4) in one pool of length 5 (ε = 0.01), all of x comes back."""
    ica = ReconstructionICA(2, 2, sparsity=0.5, tied=True, pool=2)
    with gd.no_grad():
        ica.encoder.copy_(gd.eye(2))
    assert ica.loss(gd.tensor([[3.0, 4.0]])).item() == pytest.approx(0.5 * 25.01**0.5, rel=1e-6)


def test_a_longer_decoder_changes_nothing():
    ica = ReconstructionICA(3, 4, seed=1)
    x = gd.tensor([[1.0, -2.0, 0.5]])
    before = ica.loss(x).item()
    with gd.no_grad():
        ica.decoder.mul_(10)
    assert ica.loss(x).item() == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_independent_sources_are_found(tied):
    draw = np.random.default_rng(0)
    rotation = np.linalg.qr(draw.normal(size=(3, 3)))[0]
    sources = draw.laplace(size=(4000, 3)) / np.sqrt(2)
    x = gd.tensor((sources @ rotation.T).astype("f"))
    ica = ReconstructionICA(3, 3, sparsity=0.8, tied=tied, seed=0).fit(x, epochs=25, rate=0.01)
    found = ica.encoder.detach().numpy()
    likeness = np.abs(found / np.linalg.norm(found, axis=1, keepdims=True) @ rotation)
    assert sorted(likeness.argmax(1)) == [0, 1, 2]
    assert (likeness.max(1) > 0.97).all()
    assert ica.losses[-1] < ica.losses[0]


def test_what_does_not_fit_is_said():
    with pytest.raises(ArgumentError, match="cannot be shared out to pools of 3"):
        ReconstructionICA(4, 8, pool=3)
    with pytest.raises(DataError, match="do not fill a batch"):
        ReconstructionICA(4, 8).fit(gd.zeros(5, 4))
