"""Contrastive divergence, CD-k (Hinton 2002, *Training products of experts by minimizing
contrastive divergence*): the machine's own average is taken after k rounds of Gibbs sampling that
begin at the data, not after infinitely many.

    ΔW = α (⟨v h⟩_0 - ⟨v h⟩_k)      Δb = α (⟨v⟩_0 - ⟨v⟩_k)      Δc = α (⟨h⟩_0 - ⟨h⟩_k)

The chain is drawn (zeros and ones); in the averages stand the probabilities of the hidden units,
which have the same mean and no noise.
"""

from __future__ import annotations

from gradatim.graph.errors import ArgumentError
from gradatim.rules.ascent import Ascent, averages
from gradatim.rules.restricted_boltzmann import RestrictedBoltzmannMachine
from gradatim.tensor import Tensor


class ContrastiveDivergence(Ascent):
    """Trains a restricted Boltzmann machine with CD-k.

    Args:
        machine: the machine; its parameters are changed in place.
        k: rounds of Gibbs sampling. More is nearer to the likelihood, and costs in proportion.
        learning_rate, momentum, weight_decay: see `Ascent`.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> data = gd.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]] * 50)
        >>> machine = RestrictedBoltzmannMachine(4, 2)
        >>> before = machine.log_likelihood(data).mean().item()  # 16 states: -log 16
        >>> learner = ContrastiveDivergence(machine, learning_rate=0.5, weight_decay=0.0)
        >>> for _ in range(100):
        ...     error = learner.epoch(data, batch=20)
        >>> after = machine.log_likelihood(data).mean().item()  # two states are enough: -log 2
        >>> round(before, 1), after > -1.0
        (-2.8, True)
    """

    def __init__(
        self,
        machine: RestrictedBoltzmannMachine,
        k: int = 1,
        learning_rate: float = 0.1,
        momentum: float = 0.5,
        weight_decay: float = 2e-4,
    ) -> None:
        if k < 1:
            raise ArgumentError(f"k is {k}: expected one round of Gibbs sampling or more")
        self.k = k
        super().__init__(machine, learning_rate, momentum, weight_decay)

    def gradients(self, v: Tensor) -> tuple[list[Tensor], Tensor]:
        machine = self.machine
        h = machine.hidden_given(v)
        v_k = machine.gibbs(machine.sample_visible(h.bernoulli()), self.k - 1)
        data, model = averages([v, h]), averages([v_k, machine.hidden_given(v_k)])
        return [a - b for a, b in zip(data, model)], ((v - v_k) ** 2).mean()
