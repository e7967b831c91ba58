"""Persistent chains: stochastic maximum likelihood (Younes 1989) for restricted Boltzmann machines,
as Tieleman 2008, *Training restricted Boltzmann machines using approximations to the likelihood
gradient* (PCD).

The machine's own average is taken over chains that are never restarted: each step moves them on by
k rounds. As the weights change little in between, they stay near what the machine believes, far
from the data too, where contrastive divergence never looks. Rates have to be small, and to fall.
"""

from __future__ import annotations

from gradatim import ops
from gradatim.graph.errors import ArgumentError
from gradatim.rules.ascent import Ascent, averages
from gradatim.rules.restricted_boltzmann import RestrictedBoltzmannMachine
from gradatim.tensor import Tensor


class PersistentChains(Ascent):
    """Trains a restricted Boltzmann machine with persistent chains.

    Args:
        machine: the machine; its parameters are changed in place.
        chains: how many.
        k: rounds of Gibbs sampling of each, at each step.
        learning_rate, momentum, weight_decay: see `Ascent`.

    Attributes:
        particles: where the chains are: (chains, visible), zeros and ones; at first by chance.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> data = gd.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]] * 50)
        >>> machine = RestrictedBoltzmannMachine(3, 2)
        >>> learner = PersistentChains(machine, chains=50, learning_rate=0.1)
        >>> for _ in range(150):
        ...     error = learner.epoch(data, batch=20)
        >>> machine.log_likelihood(data).mean().item() > -1.0  # at best -log 2 = -0.69
        True
    """

    def __init__(
        self,
        machine: RestrictedBoltzmannMachine,
        chains: int = 100,
        k: int = 1,
        learning_rate: float = 0.02,
        momentum: float = 0.0,
        weight_decay: float = 1e-4,
    ) -> None:
        if chains < 1 or k < 1:
            raise ArgumentError(f"chains is {chains} and k is {k}: expected one or more of each")
        self.k = k
        self.particles = machine.sample_visible(
            (ops.rand(chains, machine.hidden) < 0.5).to(machine.W.dtype)
        ).detach()
        super().__init__(machine, learning_rate, momentum, weight_decay)

    def gradients(self, v: Tensor) -> tuple[list[Tensor], Tensor]:
        machine = self.machine
        h = machine.hidden_given(v)
        moved = machine.gibbs(self.particles, self.k)
        self.particles.copy_(moved)
        data, model = averages([v, h]), averages([moved, machine.hidden_given(moved)])
        back = machine.visible_given(h)
        return [a - b for a, b in zip(data, model)], ((v - back) ** 2).mean()
