"""`gradatim play` on gymnasium's games."""

import json

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from gradatim.cli import main
from gradatim.graph.errors import ArgumentError
from gradatim.play import Games, evaluate, make_game, play


def test_copies_are_what_gymnasium_plays_with_these_seeds():
    import gymnasium

    games = Games("CartPole-v1", 2, seed=7)
    for k in range(2):
        one = gymnasium.make("CartPole-v1")
        assert np.array_equal(games.observations[k], one.reset(seed=7 + k)[0])
    after, rewards, ended, over = games.step(np.array([0, 1]))
    assert np.array_equal(after[1], one.step(1)[0])
    assert rewards.tolist() == [1, 1] and not ended.any() and not over.any()


def test_an_episode_that_is_over_begins_again_and_its_return_is_kept():
    games = Games("CartPole-v1", 1, seed=0)
    for _ in range(100):
        after, _, ended, over = games.step(np.array([1]))
        if over[0]:
            break
    assert ended[0] and 8 <= games.finished[0] <= 11 and games.returns[0] == 0
    assert abs(after[0, 2]) > 0.2 and abs(games.observations[0, 2]) < 0.05


def test_states_by_number_become_one_hot_and_pictures_have_channels_first():
    assert Games("FrozenLake-v1", 1, 0).observations.tolist() == [[1.0] + 15 * [0.0]]
    pytest.importorskip("minatar")
    assert Games("MinAtar/Breakout-v1", 2, 0).observations.shape == (2, 4, 10, 10)


def test_the_same_seed_learns_the_same():
    found = [play("CartPole-v1", "reinforce", steps=2000, seed=5) for _ in range(2)]
    assert found[0].episodes == found[1].episodes and found[0].returns == found[1].returns


def test_reinforce_gets_better():
    found = play("CartPole-v1", "reinforce", steps=40_000, seed=0)
    first = np.mean([value for _, value in found.episodes[:50]])
    assert first < 50 and found.mean_return > 150 and len(found.returns) == 100


def test_episodes_that_judge_do_not_favour_short_ones():
    returns = evaluate("CartPole-v1", lambda seen: np.ones(len(seen), int), 40, seed=0, copies=8)
    assert len(returns) == 40 and 8 <= np.mean(returns) <= 11  # pushing right only


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CartPol-v1", "the game CartPol-v1 is not installed: did you mean CartPole-v1"),
        ("CartPole-v9", "the game CartPole-v9 is not installed"),
        ("Pendulum-v1", "choose among few actions"),
        ("Blackjack-v1", r"expected numbers \(Box\)"),
        ("somewhere:Nothing-v0", "is not installed"),
    ],
)
def test_games_that_cannot_be_played(name, message):
    with pytest.raises(ArgumentError, match=message):
        make_game(name)


def test_the_command_leaves_a_policy_a_picture_and_an_episode(tmp_path, monkeypatch, capsys):
    import gradatim as gd

    monkeypatch.chdir(tmp_path)
    assert main(["play", "CartPole-v1", "--steps", "1500", "--output", "run"]) == 0
    assert "on average over 100 new episodes" in capsys.readouterr().out
    written = json.loads((tmp_path / "run" / "results.json").read_text())
    assert len(written["returns"]) == 100
    assert (tmp_path / "run" / "learning.png").stat().st_size > 5000
    assert (tmp_path / "run" / "episode.gif").stat().st_size > 1000
    assert gd.load(tmp_path / "run" / "policy.safetensors")(gd.zeros(1, 4)).shape == (1, 2)
    assert main(["play", "CartPol-v1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
