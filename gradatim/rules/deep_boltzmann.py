"""The deep Boltzmann machine, and how it learns (Salakhutdinov & Hinton 2009, *Deep Boltzmann
machines*): layers of binary units h⁰ (visible), h¹, ... hᴸ, joined to their neighbours only, and in
both directions, so that what is above helps to explain what is below.

    E(h⁰..hᴸ) = -Σ_l b_l·hˡ - Σ_l hˡ W_l hˡ⁺¹
    p(hˡ = 1 | neighbours) = σ(b_l + hˡ⁻¹ W_{l-1} + W_l hˡ⁺¹)

    data     mean field: μˡ ← σ(b_l + μˡ⁻¹ W_{l-1} + W_l μˡ⁺¹) until it stays (section 2.2, eq. 9),
             which makes the bound  log p(v) ≥ -E(v, μ) + H(μ) - log Z  tight       (section 2)
    machine  persistent chains, moved on by Gibbs sampling                          (section 2.1)

Layers of even and of odd number never touch their own kind, so one round of sampling is two halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from gradatim import nn, ops
from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.nn import Parameter
from gradatim.rules.ascent import Ascent, averages
from gradatim.tensor import Tensor


class DeepBoltzmannMachine(nn.Module):
    """Binary units in layers.

    Args:
        sizes: visible units, then hidden layers from below. With one hidden layer it is the
            restricted Boltzmann machine.

    Attributes:
        weights: L matrices, (sizes[l], sizes[l + 1]). biases: L + 1 vectors.

    Example:
        >>> import gradatim as gd
        >>> machine = DeepBoltzmannMachine((6, 4, 3))
        >>> [tuple(mu.shape) for mu in machine.mean_field(gd.zeros(5, 6))]
        [(5, 6), (5, 4), (5, 3)]
    """

    def __init__(self, sizes: Sequence[int] = (784, 500, 1000)) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise ArgumentError(
                f"sizes are {tuple(sizes)}: expected visible units and one hidden layer or more"
            )
        self.sizes = tuple(sizes)
        self.weights = nn.ParameterList(
            [Parameter(0.01 * ops.randn(low, high)) for low, high in pairwise(sizes)]
        )
        self.biases = nn.ParameterList([Parameter(ops.zeros(size)) for size in sizes])

    def inputs(self, layers: Sequence[Tensor], level: int) -> Tensor:
        """b_l + hˡ⁻¹ W_{l-1} + W_l hˡ⁺¹: what the units of one layer are told by its neighbours."""
        total = self.biases[level]
        if level > 0:
            total = total + layers[level - 1] @ self.weights[level - 1]
        if level < len(self.sizes) - 1:
            total = total + layers[level + 1] @ self.weights[level].T
        return total

    def energy(self, layers: Sequence[Tensor]) -> Tensor:
        """E: (N,) for states (or means) of all layers, each (N, sizes[l])."""
        biases = sum(h @ b for h, b in zip(layers, self.biases))
        products = sum(
            ((low @ W) * high).sum(1) for (low, high), W in zip(pairwise(layers), self.weights)
        )
        return -biases - products

    def first_guess(self, v: Tensor) -> list[Tensor]:
        """Means of all layers from one pass upwards. Where a layer above is not known yet, the
        inputs from below count twice, as in the pretraining (section 3)."""
        layers = [v]
        for level, W in enumerate(self.weights, start=1):
            twice = 1.0 if level == len(self.weights) else 2.0
            layers.append((twice * (layers[-1] @ W) + self.biases[level]).sigmoid())
        return layers

    def mean_field(self, v: Tensor, rounds: int = 10) -> list[Tensor]:
        """μ of every layer, the visible one (v itself) first.

        Args:
            v: (N, visible), from 0 to 1. rounds: of updates, from `first_guess`. Each layer in
                turn, so that no round makes the bound worse.
        """
        if v.dim() != 2 or v.shape[1] != self.sizes[0]:
            raise ShapeError(
                f"visible units of shape {tuple(v.shape)}: this machine takes (N, {self.sizes[0]})"
            )
        layers = self.first_guess(v)
        for _ in range(rounds):
            for level in range(1, len(layers)):
                layers[level] = self.inputs(layers, level).sigmoid()
        return layers

    def bound(self, v: Tensor, log_partition: float, rounds: int = 10) -> Tensor:
        """-E(v, μ) + H(μ) - log Z, in nats: (N,), never above log p(v) for binary v (eq. 5)."""
        with no_grad():
            means = self.mean_field(v, rounds)
            entropy = sum(_entropy(mean).sum(1) for mean in means[1:])
            return -self.energy(means) + entropy - log_partition

    def gibbs(self, layers: Sequence[Tensor], rounds: int = 1) -> list[Tensor]:
        """States of all layers after rounds of sampling: odd layers, then even ones."""
        layers = list(layers)
        for _ in range(rounds):
            for first in (1, 0):
                for level in range(first, len(layers), 2):
                    layers[level] = self.inputs(layers, level).sigmoid().bernoulli()
        return layers

    def extra_repr(self) -> str:
        return "-".join(str(size) for size in self.sizes)


def _entropy(mean: Tensor) -> Tensor:
    """Of one unit with that mean, in nats; 0 at 0 and at 1."""
    inner = mean.clamp(1e-7, 1 - 1e-7)
    return -(inner * inner.log() + (1 - inner) * (1 - inner).log())


class MeanFieldLearning(Ascent):
    """Trains a deep Boltzmann machine: mean field for the data, persistent chains for the machine
    (section 2, algorithm 1). Grey values are probabilities: each step draws zeros and ones anew.

    Args:
        machine: the machine; its parameters are changed in place.
        chains, k: how many persistent chains, and rounds of sampling for each step.
        rounds: of mean field.
        learning_rate, momentum, weight_decay: see `Ascent`. The rate has to fall towards 0.

    Attributes:
        particles: states of the chains, for each layer (chains, sizes[l]); at first by chance.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> machine = DeepBoltzmannMachine((8, 6, 4))
        >>> learner = MeanFieldLearning(machine, chains=20, learning_rate=0.05)
        >>> data = (gd.rand(200, 1) < 0.5).float().expand(200, 8)
        >>> first, *_, last = [learner.epoch(data, batch=20) for _ in range(20)]
        >>> last < first
        True
    """

    def __init__(
        self,
        machine: DeepBoltzmannMachine,
        chains: int = 100,
        k: int = 5,
        rounds: int = 10,
        learning_rate: float = 0.005,
        momentum: float = 0.0,
        weight_decay: float = 2e-4,
    ) -> None:
        if min(chains, k, rounds) < 1:
            raise ArgumentError(
                f"chains is {chains}, k {k} and rounds {rounds}: expected one or more of each"
            )
        self.k, self.rounds = k, rounds
        self.particles = [(ops.rand(chains, size) < 0.5).float() for size in machine.sizes]
        super().__init__(machine, learning_rate, momentum, weight_decay)

    def gradients(self, v: Tensor) -> tuple[list[Tensor], Tensor]:
        v = v.bernoulli()
        means = self.machine.mean_field(v, self.rounds)
        moved = self.machine.gibbs(self.particles, self.k)
        for particle, state in zip(self.particles, moved):
            particle.copy_(state)
        back = self.machine.inputs(means, 0).sigmoid()
        pairs = zip(averages(means), averages(moved))
        return [a - b for a, b in pairs], ((v - back) ** 2).mean()
