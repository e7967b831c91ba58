"""Rules for patches: normalization, whitening, matching pursuit, dictionaries, and the L2-SVM."""

import itertools

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.rules import (
    L2SVM,
    ZCA,
    DictionaryLearning,
    normalize_contrast,
    orthogonal_matching_pursuit,
)


def unit_rows(draw, count, width):
    rows = draw.normal(size=(count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_contrast_normalization_by_hand():
    """(1, 3, 5): mean 2 below and above, variance 8/3; with ε = 4/3 divided by 2."""
    found = normalize_contrast(gd.tensor([[1.0, 3.0, 5.0]]), epsilon=4 / 3)
    np.testing.assert_allclose(found.numpy(), [[-1, 0, 1]], rtol=1e-6)


def test_whitened_data_have_the_identity_as_covariance_and_the_matrix_is_symmetric():
    draw = np.random.default_rng(0)
    mixed = gd.tensor(draw.normal(size=(500, 6)) @ draw.normal(size=(6, 6)) + 3).float()
    zca = ZCA(6, epsilon=0).fit(mixed)
    white = zca(mixed)
    np.testing.assert_allclose(gd.cov(white.T, correction=0).numpy(), np.eye(6), atol=2e-3)
    np.testing.assert_allclose(white.mean(0).numpy(), 0, atol=1e-4)
    np.testing.assert_allclose(zca.weight.numpy(), zca.weight.T.numpy(), rtol=1e-4, atol=1e-5)


def test_epsilon_shrinks_each_principal_direction_by_its_closed_form():
    """Variances 4 and 1 with ε = 1: what is left is 4/5 and 1/2."""
    corners = gd.tensor([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
    white = ZCA(2, epsilon=1.0).fit(corners)(corners)
    np.testing.assert_allclose((white**2).mean(0).numpy(), [4 / 5, 1 / 2], rtol=1e-5)


def test_one_atom_is_the_best_of_all():
    draw = np.random.default_rng(1)
    dictionary, signals = unit_rows(draw, 7, 5), draw.normal(size=(20, 5)).astype(np.float32)
    codes = orthogonal_matching_pursuit(gd.tensor(signals), gd.tensor(dictionary)).numpy()
    products = signals @ dictionary.T
    errors = ((signals[:, None] - products[:, :, None] * dictionary) ** 2).sum(2)
    assert (np.count_nonzero(codes, axis=1) == 1).all()
    assert (np.abs(codes).argmax(1) == errors.argmin(1)).all()


def test_what_is_left_is_orthogonal_to_every_atom_taken():
    draw = np.random.default_rng(2)
    dictionary, signals = unit_rows(draw, 12, 8), draw.normal(size=(30, 8)).astype(np.float32)
    codes = orthogonal_matching_pursuit(gd.tensor(signals), gd.tensor(dictionary), 3).numpy()
    assert (np.count_nonzero(codes, axis=1) == 3).all()
    products = (signals - codes @ dictionary) @ dictionary.T
    np.testing.assert_allclose(products[codes != 0], 0, atol=1e-5)


def test_codes_of_orthogonal_atoms_are_exact():
    codes = orthogonal_matching_pursuit(gd.tensor([[3.0, 0.0, -2.0, 1.0]]), gd.eye(4), 2)
    np.testing.assert_allclose(codes.numpy(), [[3, 0, -2, 0]], atol=1e-6)


def test_a_dictionary_is_found_again():
    """Signals of one atom each: every atom comes back, up to its sign."""
    draw = np.random.default_rng(3)
    atoms = unit_rows(draw, 5, 10)
    which, size = draw.integers(0, 5, 2000), draw.normal(size=(2000, 1))
    signals = gd.tensor((atoms[which] * size + 0.01 * draw.normal(size=(2000, 10))).astype("f"))
    learned = DictionaryLearning(8, 10, seed=0).fit(signals, turns=30)
    likeness = np.abs(atoms @ learned.dictionary.numpy().T).max(1)
    assert (likeness > 0.99).all()
    lengths = learned.dictionary.norm(dim=1).numpy()
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


def test_each_turn_of_omp_1_lowers_the_error():
    """Codes are best for the dictionary, and the dictionary for the codes: neither can raise it."""
    draw = np.random.default_rng(4)
    signals = gd.tensor(draw.normal(size=(3000, 4)).astype("f"))
    errors = DictionaryLearning(6, 4, seed=1).fit(signals, turns=12).errors
    assert all(later <= earlier * (1 + 1e-6) for earlier, later in itertools.pairwise(errors))
    assert errors[-1] < errors[0]


def test_two_atoms_say_more_than_one():
    draw = np.random.default_rng(5)
    signals = gd.tensor(draw.normal(size=(500, 6)).astype("f"))
    one = DictionaryLearning(10, 6, 1).fit(signals, 10).errors[-1]
    two = DictionaryLearning(10, 6, 2).fit(signals, 10).errors[-1]
    assert two < 0.7 * one


def test_the_svm_is_at_its_minimum():
    """The gradient of its objective, written here with NumPy, is 0 at the weights that it found."""
    draw = np.random.default_rng(6)
    x = draw.normal(size=(60, 3)) * [1, 10, 0.1] + 5
    labels = (x[:, 0] + x[:, 1] / 10 + draw.normal(size=60) > 5.5).astype(int)
    svm = L2SVM(3, 2, penalty=3.0).fit(gd.tensor(x.astype("f")), gd.tensor(labels), steps=200)
    scaled = (x - x.mean(0)) / x.std(0)
    w = svm.weight.detach().numpy() * x.std(0)
    b = svm.bias.detach().numpy() + svm.weight.detach().numpy() @ x.mean(0)
    sides = 2 * (labels[:, None] == [0, 1]) - 1
    short = np.maximum(0, 1 - sides * (scaled @ w.T + b))
    slope = w - 2 * 3.0 * (sides * short).T @ scaled / len(x)
    np.testing.assert_allclose(slope, 0, atol=5e-3)
    np.testing.assert_allclose((sides * short).mean(0), 0, atol=1e-3)


def test_what_does_not_fit_is_said():
    with pytest.raises(ShapeError, match=r"expected \(N, 6\)"):
        ZCA(6).fit(gd.zeros(5, 4))
    with pytest.raises(ArgumentError, match="k is 5: expected 1 to 4"):
        orthogonal_matching_pursuit(gd.zeros(2, 4), gd.eye(4), 5)
    with pytest.raises(DataError, match="3 signals cannot teach 9 atoms"):
        DictionaryLearning(9, 4).fit(gd.zeros(3, 4))
    with pytest.raises(DataError, match="labels have to be 0 to 1"):
        L2SVM(2, 2).fit(gd.zeros(3, 2), gd.tensor([0, 1, 2]))
