"""The parts of learning by acting that need no game."""

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import ArgumentError
from gradatim.play.dqn import DQN, Memory
from gradatim.play.playing import check_settings
from gradatim.play.recording import save_recording
from gradatim.play.reinforce import Reinforce, discounted, padded


class Bandit:
    """Two copies of a game of one step: action 1 pays 1, any other nothing."""

    shape, actions = (2,), 2

    def __init__(self):
        self.games = [None, None]
        self.observations = np.ones((2, 2), np.float32)
        self.returns = np.zeros(2)
        self.finished = []

    def step(self, actions):
        rewards = (actions == 1).astype(np.float32)
        self.finished = rewards.tolist()
        everywhere = np.ones(2, bool)
        return self.observations.copy(), rewards, everywhere, everywhere

    def restart(self, k=None):
        pass


def test_returns_are_discounted_sums_of_what_follows():
    found = discounted(np.array([[1.0, 0.0], [2.0, 0.0], [4.0, 8.0]]), 0.5)
    assert found.tolist() == [[3.0, 2.0], [4.0, 4.0], [4.0, 8.0]]


def test_padding_adds_zeros_up_to_a_power_of_two():
    (rows,) = padded([np.ones((70, 3), np.float32)])
    assert rows.shape == (128, 3)
    assert rows[:70].all() and not rows[70:].any()


def test_a_memory_forgets_the_oldest():
    memory = Memory(4, (1,))
    for start in (0, 3):
        step = np.arange(start, start + 3, dtype=np.float32)
        memory.add(step[:, None], step, step, step[:, None] + 0.5, np.zeros(3, bool))
    assert memory.filled == 4
    assert sorted(memory.rewards.tolist()) == [2.0, 3.0, 4.0, 5.0]
    before, actions, rewards, after, goes_on = memory.draw(50, np.random.default_rng(0))
    assert (before[:, 0] == rewards).all() and (actions == rewards).all()
    assert (after == before + 0.5).all() and goes_on.all()


def test_reinforce_learns_which_action_pays():
    gd.manual_seed(0)
    learner = Reinforce(Bandit(), seed=0, learning_rate=0.02)
    for _ in range(100):
        steps, returns = learner.learn()
    assert steps == 2 and len(returns) == 2
    assert learner.best_actions(np.ones((3, 2), np.float32)).tolist() == [1, 1, 1]


def test_dqn_learns_what_each_action_is_worth(monkeypatch):
    monkeypatch.setattr("gradatim.play.dqn.CALL", 600)
    gd.manual_seed(0)
    learner = DQN(Bandit(), seed=0, memory=400, steps=600)
    steps, returns = learner.learn()
    assert steps == 1200 and len(returns) == 1200
    values = learner.network(gd.ones(1, 2)).detach().numpy()[0]
    assert np.allclose(values, [0, 1], atol=0.05)  # the game ends at once: nothing follows


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("sarsa", 10, 0), "there is no method 'sarsa': choose from reinforce, dqn"),
        (("dqn", 0, 0), "steps is 0: it has to be at least 1"),
        (("dqn", 10, -1), "the seed is -1: it has to be from 0"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ArgumentError, match=message):
        check_settings(*settings)


def test_recordings_are_a_moving_picture_or_a_strip(tmp_path):
    from PIL import Image

    frames = [np.full((10, 12, 3), shade, np.uint8) for shade in range(0, 200, 20)]
    with Image.open(save_recording(frames, tmp_path / "a.gif")) as moving:
        assert (moving.n_frames, moving.size) == (10, (240, 200))
    with Image.open(save_recording(frames, tmp_path / "a.png")) as strip:
        assert strip.size == (6 * 246 - 6, 200)
        assert strip.getpixel((0, 0)) == (0, 0, 0)
        assert strip.getpixel((strip.width - 1, 0)) == (180, 180, 180)
    with pytest.raises(ArgumentError, match=r"expected \.gif or \.png"):
        save_recording(frames, tmp_path / "a.mp4")
