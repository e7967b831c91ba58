"""Games: several copies of one gymnasium environment, played side by side.

What is observed becomes float32 numbers that a network takes: vectors stay what they are, pictures
come with channels first, and the number of a state becomes a one-hot vector.
"""

from __future__ import annotations

import importlib
import math
import os
from typing import Any

import numpy as np

from gradatim.graph.errors import ArgumentError, missing_extra

PLUGINS = {"MinAtar": ("minatar.gym", "minatar"), "ALE": ("ale_py", "ale-py")}
"""Namespaces of games that a package of its own registers: the module, and its name for pip."""


def make_game(name: str, picture: bool = False) -> Any:
    """One gymnasium environment.

    Args:
        name: such as "CartPole-v1".
        picture: whether it is to be drawn.

    Raises:
        MissingExtra: gymnasium is not installed.
        ArgumentError: there is no such game, or it cannot be played by choosing among few actions.
    """
    try:
        import gymnasium
    except ImportError:
        raise missing_extra("playing a game", "gymnasium", "deck") from None
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # games are drawn in memory only
    gymnasium.logger.min_level = gymnasium.logger.ERROR
    _register(gymnasium, name)
    mode = {"render_mode": "rgb_array"} if picture else {}
    try:
        game = gymnasium.make(name, disable_env_checker=True, **mode)
    except gymnasium.error.DependencyNotInstalled as error:
        raise ArgumentError(f"the game {name} needs more than is installed: {error}") from None
    except (gymnasium.error.Error, ImportError, ValueError) as error:
        raise ArgumentError(_not_there(gymnasium, name, error)) from None
    if not isinstance(game.action_space, gymnasium.spaces.Discrete):
        raise ArgumentError(
            f"the game {name} has actions {game.action_space}: REINFORCE and DQN here choose among "
            "few actions, as in CartPole-v1"
        )
    if not isinstance(game.observation_space, gymnasium.spaces.Box | gymnasium.spaces.Discrete):
        raise ArgumentError(
            f"the game {name} shows {game.observation_space}: expected numbers (Box) or the "
            "number of a state (Discrete)"
        )
    return game


def _register(gymnasium: Any, name: str) -> None:
    """Make the games of another package known."""
    space, slash, _ = name.partition("/")
    if not slash or space not in PLUGINS or name in gymnasium.registry:
        return
    module, package = PLUGINS[space]
    try:
        found = importlib.import_module(module)
    except ImportError:
        if package == "minatar":
            raise missing_extra(f"the game {name}", package, "deck") from None
        raise ArgumentError(
            f"the game {name} is not installed: run  pip install {package}"
        ) from None
    if hasattr(found, "register_envs"):
        found.register_envs()


def _not_there(gymnasium: Any, name: str, error: Exception) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(gymnasium.registry), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    reason = str(error).split(". ")[0].rstrip(".")
    return f"the game {name} is not installed: {hint}gymnasium says: {reason}"


class Games:
    """Copies of one game. Each begins again by itself when it is over.

    Args:
        name: of the game.
        count: how many copies.
        seed: copy k begins from seed + k.

    Attributes:
        shape: of one observation, as the network takes it.
        actions: how many there are to choose from.
        threshold: the mean return from which gymnasium calls the game solved, or None.
        observations: what each copy shows now, float32 (count, *shape).
        returns: return of the episode so far of each copy.
        finished: returns of the episodes that ended in the last step.
    """

    def __init__(self, name: str, count: int, seed: int) -> None:
        self.games = [make_game(name) for _ in range(count)]
        first = self.games[0]
        self.encode = encoder(first.observation_space)
        self.actions = int(first.action_space.n)
        self.first_action = int(first.action_space.start)
        self.threshold = first.spec.reward_threshold
        seen = [self.encode(game.reset(seed=seed + k)[0]) for k, game in enumerate(self.games)]
        self.observations = np.stack(seen)
        self.shape = self.observations.shape[1:]
        self.returns = np.zeros(count)
        self.finished: list[float] = []

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Act in every copy.

        Args:
            actions: (count,), from 0.

        Returns:
            What each showed after it (before a new episode begins), rewards, whether the game came
            to its own end, and whether the episode is over (that, or its time was up).
        """
        count = len(self.games)
        after = np.empty_like(self.observations)
        rewards, ended, over = (
            np.zeros(count, np.float32),
            np.zeros(count, bool),
            np.zeros(count, bool),
        )
        self.finished = []
        current = np.empty_like(self.observations)
        for k, (game, action) in enumerate(zip(self.games, actions.tolist())):
            shown, reward, ended[k], truncated, _ = game.step(action + self.first_action)
            after[k] = current[k] = self.encode(shown)
            rewards[k] = reward
            self.returns[k] += float(reward)
            over[k] = ended[k] or truncated
            if over[k]:
                self.finished.append(float(self.returns[k]))
                self.returns[k] = 0.0
                current[k] = self.encode(game.reset()[0])
        self.observations = current
        return after, rewards, ended, over

    def restart(self, k: int | None = None) -> None:
        """Begin a new episode in copy k, or in every one."""
        for number in range(len(self.games)) if k is None else (k,):
            self.observations[number] = self.encode(self.games[number].reset()[0])
            self.returns[number] = 0.0

    def close(self) -> None:
        for game in self.games:
            game.close()


def encoder(space: Any) -> Any:
    """From what a game shows to float32 numbers for the network."""
    if hasattr(space, "n"):
        rows = np.eye(int(space.n), dtype=np.float32)
        return lambda shown: rows[int(shown) - int(space.start)]
    scale = np.float32(1 / 255) if space.dtype == np.uint8 else np.float32(1)
    if len(space.shape) == 3:
        return lambda shown: np.moveaxis(shown, -1, 0).astype(np.float32) * scale
    size = math.prod(space.shape)
    return lambda shown: np.asarray(shown, np.float32).reshape(size) * scale
