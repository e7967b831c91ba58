"""DQN: a network that learns what each action is worth, from what was seen before.

Mnih et al. 2015, *Human-level control through deep reinforcement learning*, with the target of van
Hasselt, Guez & Silver 2016, *Deep reinforcement learning with double Q-learning*:

    y = r                                              where the game ended
    y = r + γ Q'(s', argmax_a Q(s', a))                elsewhere
    loss = huber(Q(s, a) - y)

Q' is a copy of the network that is renewed now and then. Steps are kept in a memory, and drawn from
it at random.
"""

from __future__ import annotations

import numpy as np

from gradatim import nn, ops, optim
from gradatim.autograd import no_grad
from gradatim.compile import compile
from gradatim.nn import functional as F
from gradatim.play.games import Games
from gradatim.play.networks import make_network, viewer
from gradatim.tensor import Tensor, from_array

CALL = 1000
"""Steps of every copy in one call of `learn`."""


class Memory:
    """The last steps that were played, each with what came of it.

    Args:
        size: how many steps it holds; older ones give way.
        shape: of an observation.
    """

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        self.size, self.filled, self.place = size, 0, 0
        self.before = np.zeros((size, *shape), np.float32)
        self.after = np.zeros((size, *shape), np.float32)
        self.actions = np.zeros(size, np.int64)
        self.rewards = np.zeros(size, np.float32)
        self.goes_on = np.zeros(size, np.float32)

    def add(
        self,
        before: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        after: np.ndarray,
        ended: np.ndarray,
    ) -> None:
        places = (self.place + np.arange(len(before))) % self.size
        self.before[places], self.after[places] = before, after
        self.actions[places], self.rewards[places] = actions, rewards
        self.goes_on[places] = ~ended
        self.place = int(places[-1] + 1) % self.size
        self.filled = min(self.filled + len(before), self.size)

    def draw(self, count: int, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        """(before, actions, rewards, after, goes_on) of steps drawn at random."""
        rows = random.integers(self.filled, size=count)
        every = (self.before, self.actions, self.rewards, self.after, self.goes_on)
        return tuple(one[rows] for one in every)


class DQN:
    """Action values that learn from a memory of steps.

    Args:
        games: what it plays while it learns.
        seed: of its draws.
        hidden: neurons of each hidden layer.
        learning_rate: of Adam.
        discount: γ, per step.
        memory: how many steps are kept.
        batch: steps in an update; there is one update for each step of all copies.
        renew: updates after which Q' is renewed.
        explore: share of random actions, once it has fallen from 1 over `fall` steps (at most a
            third of `steps`).

    Attributes:
        network: from observations to the values of the actions.
    """

    title = "DQN"
    copies = 4

    def __init__(
        self,
        games: Games,
        seed: int = 0,
        hidden: int = 128,
        learning_rate: float = 1e-3,
        discount: float = 0.99,
        memory: int = 100_000,
        batch: int = 64,
        renew: int = 100,
        explore: float = 0.03,
        fall: int = 50_000,
        steps: int | None = None,
    ) -> None:
        self.games, self.batch, self.renew, self.explore = games, batch, renew, explore
        self.random = np.random.default_rng(seed)
        self.network = make_network(games.shape, games.actions, hidden)
        self.target = make_network(games.shape, games.actions, hidden)
        self.target.load_state_dict(self.network.state_dict())
        self.memory = Memory(memory, games.shape)
        self.fall = max(fall if steps is None else min(fall, steps / 3), 1)
        self.warm_up = min(2000, memory // 4)
        self.played = self.updates = 0
        self._look = viewer(self.network)
        optimizer = optim.Adam(self.network.parameters(), lr=learning_rate)

        @compile
        def update(
            before: Tensor, actions: Tensor, rewards: Tensor, after: Tensor, goes_on: Tensor
        ) -> Tensor:
            with no_grad():
                best = ops.one_hot(self.network(after).argmax(1), games.actions)
                ahead = (self.target(after) * best).sum(1)
                wanted = rewards + discount * goes_on * ahead
            values = (self.network(before) * ops.one_hot(actions, games.actions)).sum(1)
            loss = F.smooth_l1_loss(values, wanted)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
            optimizer.step()
            return loss.detach()

        self._update = update

    def learn(self) -> tuple[int, list[float]]:
        """Play for a while, with an update after each step.

        Returns:
            How many steps were played, and the returns of the episodes that ended.
        """
        games, returns = self.games, []
        count = len(games.games)
        for _ in range(CALL):
            before = games.observations
            actions = self._choose(before)
            after, rewards, ended, _ = games.step(actions)
            returns += games.finished
            self.memory.add(before, actions, rewards, after, ended)
            self.played += count
            if self.memory.filled < self.warm_up:
                continue
            self._update(*map(from_array, self.memory.draw(self.batch, self.random)))
            self.updates += 1
            if self.updates % self.renew == 0:
                self.target.load_state_dict(self.network.state_dict())
        return CALL * count, returns

    def best_actions(self, observations: np.ndarray) -> np.ndarray:
        """The action of the highest value for each observation."""
        return self._look(observations).argmax(axis=1)

    def _choose(self, observations: np.ndarray) -> np.ndarray:
        """The best actions, but for a share of random ones that falls with time."""
        actions = self.best_actions(observations)
        share = max(self.explore, 1 - (1 - self.explore) * self.played / self.fall)
        anyhow = self.random.random(len(actions)) < share
        return np.where(
            anyhow, self.random.integers(self.games.actions, size=len(actions)), actions
        )
