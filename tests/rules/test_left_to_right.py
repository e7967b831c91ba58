"""Best paths through chains of states: every path tried by hand, ends, and what does not fit."""

import itertools

import numpy as np
import pytest

import gradatim as gd
from gradatim.rules import best_paths, even_paths, transitions


def tried_by_hand(log_b, stay, move):
    """The best of all ways to go from the first to the last state, one by one."""
    count, states = log_b.shape
    best = (-np.inf, None)
    for leaving in itertools.combinations(range(1, count), states - 1):
        path = np.searchsorted(leaving, np.arange(count), side="right")
        score = log_b[np.arange(count), path].sum()
        score += sum(
            stay[path[t - 1]] if path[t] == path[t - 1] else move[path[t - 1]]
            for t in range(1, count)
        )
        best = max(best, (score, path.tolist()), key=lambda one: one[0])
    return best


def test_the_best_path_is_the_best_of_all_paths():
    generator = np.random.default_rng(0)
    lengths = np.array([7, 4, 3, 6])
    log_b = generator.normal(size=(7, 4, 3)).astype(np.float32)
    stay, move = (np.log(generator.uniform(0.1, 0.9, (4, 3))) for _ in range(2))
    scores, paths = best_paths(log_b, lengths, stay, move)
    for k, length in enumerate(lengths):
        score, path = tried_by_hand(log_b[:length, k], stay[k], move[k])
        assert scores[k] == pytest.approx(score, abs=1e-5)
        assert paths[:length, k].tolist() == path
        assert (paths[length:, k] == 2).all()


def test_what_is_behind_the_end_of_a_recording_changes_nothing():
    log_b = np.random.default_rng(1).normal(size=(6, 2, 3)).astype(np.float32)
    other = log_b.copy()
    other[4:, 0] = 50
    zeros = np.zeros(3)
    first, second = (best_paths(one, np.array([4, 6]), zeros, zeros) for one in (log_b, other))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def test_one_state_adds_up():
    log_b = np.arange(4, dtype=np.float32).reshape(4, 1, 1)
    scores, paths = best_paths(log_b, np.array([4]), np.array([-1.0]), np.array([-9.0]))
    assert scores.tolist() == [0 + 1 + 2 + 3 - 3] and not paths.any()


def test_transitions_are_counted():
    paths = np.array([[0, 0], [0, 1], [1, 1], [1, 1]])  # the last frame of the second is no frame
    stay, move = transitions(paths, np.array([4, 3]), 2)
    assert np.exp(move) == pytest.approx([2 / (3 + 1), 2 / (4 + 1)])
    assert np.exp(stay) + np.exp(move) == pytest.approx([1, 1])


def test_even_paths_use_every_state():
    paths = even_paths(np.array([3, 10]), 3)
    assert paths.shape == (10, 2) and np.bincount(paths[:, 1]).tolist() == [4, 3, 3]
    assert paths[:3, 0].tolist() == [0, 1, 2]


def test_what_does_not_fit_is_refused():
    log_b, zeros = np.zeros((5, 2, 3)), np.zeros(3)
    with pytest.raises(gd.Error, match="2 to 5 frames: a model of 3 states needs 3 or more"):
        best_paths(log_b, np.array([2, 5]), zeros, zeros)
    with pytest.raises(gd.Error, match="lengths \\(3,\\): expected"):
        best_paths(log_b, np.array([5, 5, 5]), zeros, zeros)
