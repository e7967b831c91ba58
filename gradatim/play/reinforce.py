"""REINFORCE, with a learned baseline: a policy that makes what paid off more likely.

Williams 1992, *Simple statistical gradient-following algorithms for connectionist reinforcement
learning*:

    G_t = r_t + γ G_{t+1}                                 the return from step t on
    ∇J  = E[ Σ_t (G_t - b(s_t)) ∇ log π(a_t | s_t) ]      (his eq. 4, with a baseline b)

b is a second network that learns the returns. G - b is scaled to deviation 1 over a batch, and a
small multiple of the policy's entropy is added, so that it goes on trying.
"""

from __future__ import annotations

import numpy as np

from gradatim import nn, ops, optim
from gradatim.compile import compile
from gradatim.nn import functional as F
from gradatim.play.games import Games
from gradatim.play.networks import make_network, viewer
from gradatim.tensor import Tensor, from_array


class Reinforce:
    """A policy that learns from whole episodes.

    Args:
        games: what it plays while it learns.
        seed: of its draws.
        hidden: neurons of each hidden layer.
        learning_rate: of Adam.
        discount: γ, per step.
        entropy: weight of the policy's entropy in the objective.

    Attributes:
        network: from observations to the logits of the actions.
    """

    title = "REINFORCE"
    copies = 16

    def __init__(
        self,
        games: Games,
        seed: int = 0,
        hidden: int = 64,
        learning_rate: float = 3e-3,
        discount: float = 0.99,
        entropy: float = 0.01,
        steps: int | None = None,
    ) -> None:
        self.games, self.discount = games, discount
        self.random = np.random.default_rng(seed)
        self.network = make_network(games.shape, games.actions, hidden, nn.Tanh)
        self.baseline = make_network(games.shape, 1, hidden, nn.Tanh)
        self._look = viewer(self.network)
        self._value = viewer(self.baseline)
        both = [*self.network.parameters(), *self.baseline.parameters()]
        optimizer = optim.Adam(both, lr=learning_rate)

        @compile
        def update(
            shown: Tensor, actions: Tensor, returns: Tensor, advantages: Tensor, present: Tensor
        ) -> Tensor:
            logs = F.log_softmax(self.network(shown), -1)
            chosen = (logs * ops.one_hot(actions, games.actions)).sum(1)
            spread = -(logs.exp() * logs).sum(1)
            off = (self.baseline(shown)[:, 0] - returns) ** 2
            loss = ((0.5 * off - chosen * advantages - entropy * spread) * present).sum()
            loss = loss / present.sum()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(both, 5.0)
            optimizer.step()
            return loss.detach()

        self._update = update

    def learn(self) -> tuple[int, list[float]]:
        """Play until every copy has finished an episode, and learn from these.

        Returns:
            How many steps were played, and the returns of the episodes.
        """
        games, count = self.games, len(self.games.games)
        shown, actions, rewards, present = [], [], [], []
        running = np.ones(count, bool)
        returns: list[float] = []
        while running.any():
            shown.append(games.observations)
            present.append(running.copy())
            actions.append(self._draw(games.observations))
            before = games.returns.copy()
            _, paid, _, over = games.step(actions[-1])
            rewards.append(paid)
            returns += [float(before[k] + paid[k]) for k in np.flatnonzero(over & running)]
            running &= ~over
        played = np.stack(present)
        totals = discounted(np.stack(rewards) * played, self.discount)
        rows = played.reshape(-1)
        self._fit(
            np.stack(shown).reshape(-1, *games.shape)[rows],
            np.stack(actions).reshape(-1)[rows],
            totals.reshape(-1)[rows],
        )
        games.restart()
        return int(rows.sum()), returns

    def best_actions(self, observations: np.ndarray) -> np.ndarray:
        """The likeliest action for each observation."""
        return self._look(observations).argmax(axis=1)

    def _draw(self, observations: np.ndarray) -> np.ndarray:
        """An action for each observation, by its probability (Gumbel's trick)."""
        logits = self._look(observations)
        return (logits + self.random.gumbel(size=logits.shape)).argmax(axis=1)

    def _fit(self, shown: np.ndarray, actions: np.ndarray, totals: np.ndarray) -> None:
        scale = 1 / (1 - self.discount) * 0.1  # brings returns of one a step to about 10
        totals = (totals / scale).astype(np.float32)
        better = totals - self._in_parts(shown)
        better = (better - better.mean()) / (better.std() + 1e-6)
        batch = padded([shown, actions.astype(np.int64), totals, better.astype(np.float32)])
        present = np.zeros(len(batch[0]), np.float32)
        present[: len(shown)] = 1
        self._update(*map(from_array, batch), from_array(present))

    def _in_parts(self, shown: np.ndarray) -> np.ndarray:
        return self._value(padded([shown])[0])[: len(shown), 0]


def discounted(rewards: np.ndarray, discount: float) -> np.ndarray:
    """The return from each step on: G_t = r_t + γ G_{t+1}, along the first axis.

    Example:
        >>> discounted(np.array([[1.0], [0.0], [4.0]]), 0.5).ravel().tolist()
        [2.0, 2.0, 4.0]
    """
    totals = np.array(rewards, np.float64)
    for step in range(len(totals) - 2, -1, -1):
        totals[step] += discount * totals[step + 1]
    return totals


def padded(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Rows of zeros behind, up to the next power of two: few sizes, so few Programs."""
    rows = len(arrays[0])
    size = max(1 << (rows - 1).bit_length(), 64)
    return [
        np.concatenate([one, np.zeros((size - rows, *one.shape[1:]), one.dtype)]) for one in arrays
    ]
