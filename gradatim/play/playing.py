"""Learning a game, and being judged on new episodes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim.graph.errors import ArgumentError
from gradatim.nn import Module
from gradatim.play.dqn import DQN
from gradatim.play.games import Games
from gradatim.play.reinforce import Reinforce
from gradatim.random import manual_seed

METHODS = {"reinforce": Reinforce, "dqn": DQN}

JUDGED = 100
"""Episodes that the learned policy is judged by."""

WATCHED = 20
"""Episodes that are played now and then while it learns, to keep the best policy."""

EVERY = 8_000
"""Steps between them."""

LONGEST = 10_000
"""Steps after which an episode that is only watched ends."""

APART, WATCHING = 1_000_000, 500_000
"""What is added to the seed for the episodes that judge, and for those in between: never those that
were learned from."""


@dataclass
class Played:
    """How learning a game went.

    Attributes:
        game, method, threshold: as given; the mean return that counts as solved, or None.
        steps, seconds: how long it learned.
        episodes: (steps so far, return) of each episode that was learned from.
        watched: (steps so far, mean return without exploring).
        returns: of the episodes that judge, with the best policy.
        network: that policy's.
        best_actions: from observations to its actions.
    """

    game: str
    method: str
    threshold: float | None
    steps: int
    seconds: float
    episodes: list[tuple[int, float]]
    watched: list[tuple[int, float]]
    returns: list[float]
    network: Module
    best_actions: Callable[[np.ndarray], np.ndarray]

    @property
    def mean_return(self) -> float:
        return float(np.mean(self.returns))

    def as_json(self) -> dict[str, Any]:
        return {
            "game": self.game,
            "method": self.method,
            "threshold": self.threshold,
            "steps": self.steps,
            "seconds": round(self.seconds, 2),
            "mean_return": self.mean_return,
            "returns": self.returns,
            "watched": self.watched,
        }


def play(
    game: str,
    method: str = "reinforce",
    steps: int = 400_000,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
    **settings: Any,
) -> Played:
    """Learn a game, and play 100 new episodes with the best policy found.

    Learning ends early once the policy has twice in a row got everything that can be got: the
    game's threshold, with half of what lies between it and its longest episode.

    Args:
        game: a gymnasium environment, such as "CartPole-v1".
        method: "reinforce" or "dqn".
        steps: at most so many are played to learn from.
        seed: of the weights, the draws and the episodes.
        say: is told how it goes.
        settings: of the method, see `Reinforce` and `DQN`.
    """
    check_settings(method, steps, seed)
    manual_seed(seed)
    kind = METHODS[method]
    games = Games(game, kind.copies, seed)
    learner: Any = kind(games, seed=seed, steps=steps, **settings)
    started = time.perf_counter()
    played, last, best = 0, 0, -np.inf
    episodes: list[tuple[int, float]] = []
    watched: list[tuple[int, float]] = []
    kept = learner.network.state_dict()
    good = 0
    while played < steps and good < 2:
        more, returns = learner.learn()
        played += more
        episodes += [(played, one) for one in returns]
        if played - last < EVERY and played < steps:
            continue
        last = played
        mean = float(np.mean(evaluate(game, learner.best_actions, WATCHED, seed + WATCHING)))
        watched.append((played, mean))
        if mean >= best:
            best, kept = mean, _copy(learner.network)
        good = good + 1 if _has_all(games, mean) else 0
        if say is not None:
            recent = np.mean([one for _, one in episodes[-50:]]) if episodes else float("nan")
            say(f"{played:>9,} steps   return {recent:8.2f}   without exploring {mean:8.2f}")
    games.close()
    learner.network.load_state_dict(kept)
    seconds = time.perf_counter() - started
    returns = evaluate(game, learner.best_actions, JUDGED, seed + APART)
    return Played(
        game,
        method,
        games.threshold,
        played,
        seconds,
        episodes,
        watched,
        returns,
        learner.network,
        learner.best_actions,
    )


def check_settings(method: str, steps: int, seed: int) -> None:
    """Raise `ArgumentError` for the first that makes no sense."""
    if method not in METHODS:
        raise ArgumentError(f"there is no method {method!r}: choose from {', '.join(METHODS)}")
    if steps < 1:
        raise ArgumentError(f"steps is {steps}: it has to be at least 1")
    if not 0 <= seed < 2**32 - 2 * APART:
        raise ArgumentError(f"the seed is {seed}: it has to be from 0 to {2**32 - 2 * APART - 1:,}")


def evaluate(
    game: str,
    best_actions: Callable[[np.ndarray], np.ndarray],
    episodes: int,
    seed: int,
    copies: int = 20,
) -> list[float]:
    """Returns of new episodes, played side by side.

    Each copy plays the same number of them, so that short episodes count no more than long ones.
    """
    copies = min(copies, episodes)
    share = -(-episodes // copies)
    games = Games(game, copies, seed)
    returns: list[list[float]] = [[] for _ in range(copies)]
    totals, ages = np.zeros(copies), np.zeros(copies, int)
    while any(len(one) < share for one in returns):
        _, rewards, _, over = games.step(best_actions(games.observations))
        totals += rewards
        ages += 1
        for k in np.flatnonzero(over | (ages >= LONGEST)):
            returns[k].append(float(totals[k]))
            totals[k], ages[k] = 0.0, 0
            if not over[k]:
                games.restart(k)
    games.close()
    return [one for each in returns for one in each[:share]][:episodes]


def _has_all(games: Games, mean: float) -> bool:
    """Whether there is nothing left to learn."""
    limit = games.games[0].spec.max_episode_steps
    if games.threshold is None:
        return False
    if limit is not None and games.threshold <= limit:
        return mean >= (games.threshold + limit) / 2
    return mean >= games.threshold


def _copy(network: Module) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
