"""Contrastive wake-sleep, also "up-down" (Hinton, Osindero & Teh 2006, *A fast learning algorithm
for deep belief nets*, section 5 and appendix B): fine-tunes a stack of sigmoid layers below a
restricted Boltzmann machine.

Each layer has two sets of weights: recognition R goes up, generation G goes down. s are drawn
states, s' what the layer next to it predicts:

    wake   the states are drawn upwards from the data; the layer above learns to give them back:
           ΔG = α s_above (s_below - s'_below)
    top    the associative memory learns by contrastive divergence from the states that arrived
    sleep  the memory's last state is drawn downwards; the layer below learns to find it:
           ΔR = α s_below (s_above - s'_above)

Wake-sleep of 1995 began its sleep with states that the memory makes from nothing; here it begins
k rounds after the data, so that recognition is learned for pictures like the real ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.compile import compile as compile_step
from gradatim.graph.errors import ArgumentError
from gradatim.nn import Linear
from gradatim.rules.restricted_boltzmann import RestrictedBoltzmannMachine
from gradatim.tensor import Tensor


class ContrastiveWakeSleep:
    """Trains recognition and generation weights, and the memory on top, together.

    Args:
        recognition: from the data up: each layer's inputs to its units.
        generation: in the same order: each goes back from those units to the inputs.
        memory: over the last layer's units, then, if it has `classes`, a label.
        k: rounds of Gibbs sampling in the memory. The paper takes 3, later 6, and 10 at the end.
        learning_rate: α, of everything. It may be changed between steps.

    Example:
        >>> import gradatim as gd
        >>> up, down = [gd.nn.Linear(8, 4)], [gd.nn.Linear(4, 8)]
        >>> rule = ContrastiveWakeSleep(up, down, RestrictedBoltzmannMachine(4, 3))
        >>> error = rule.step(gd.ones(10, 8))
        >>> bool(rule.step(gd.ones(10, 8)) < error)
        True
    """

    def __init__(
        self,
        recognition: Sequence[Linear],
        generation: Sequence[Linear],
        memory: RestrictedBoltzmannMachine,
        k: int = 3,
        learning_rate: float = 0.1,
    ) -> None:
        for up, down in zip(recognition, generation, strict=True):
            if tuple(up.weight.shape) != tuple(down.weight.shape)[::-1]:
                raise ArgumentError(f"recognition {up!r} and generation {down!r} do not fit")
        wanted = recognition[-1].out_features + memory.classes
        if memory.visible != wanted:
            raise ArgumentError(
                f"the memory has {memory.visible} visible units: expected {wanted}, the last "
                "layer's and the classes'"
            )
        self.recognition, self.generation, self.memory = recognition, generation, memory
        self.k, self.learning_rate = k, learning_rate
        self._compiled = compile_step(self._update)

    def step(self, v: Tensor, labels: Tensor | None = None) -> Tensor:
        """Learn from a batch.

        Args:
            v: (N, inputs) from 0 to 1. labels: (N, classes), each row a single one.

        Returns:
            the mean squared error of what the first layer's states give back.
        """
        if (labels is None) != (self.memory.classes == 0):
            raise ArgumentError("labels go with a memory that has classes, and only with that")
        return self._compiled(v, labels, float(self.learning_rate), self.k)

    def _update(self, v: Tensor, labels: Tensor | None, learning_rate: float, k: int) -> Tensor:
        memory, changes = self.memory, []
        with no_grad():
            # Wake: up from the data.
            states = [v]
            for up in self.recognition:
                states.append(up(states[-1]).sigmoid().bernoulli())
            given_back = [down(above).sigmoid() for down, above in zip(self.generation, states[1:])]
            for down, below, above, predicted in zip(
                self.generation, states, states[1:], given_back
            ):
                changes.append((down, above, below - predicted))
            # Top: contrastive divergence.
            first = states[-1] if labels is None else ops.cat([states[-1], labels], 1)
            h_0 = memory.hidden_given(first)
            last = memory.gibbs(memory.sample_visible(h_0.bernoulli()), k - 1)
            h_k = memory.hidden_given(last)
            # Sleep: down from where the memory arrived.
            dreams = [last[:, : memory.visible - memory.classes]]
            for down in reversed(self.generation):
                means = down(dreams[0]).sigmoid()
                is_data = len(dreams) == len(self.generation)  # pixels stay probabilities
                dreams.insert(0, means if is_data else means.bernoulli())
            for up, below, above in zip(self.recognition, dreams, dreams[1:]):
                changes.append((up, below, above - up(below).sigmoid()))

            rate = learning_rate / v.shape[0]
            for layer, inputs, error in changes:
                layer.weight.add_(rate * (error.T @ inputs))
                layer.bias.add_(rate * error.sum(0))
            memory.W.add_(rate * (first.T @ h_0 - last.T @ h_k))
            memory.b.add_(rate * (first - last).sum(0))
            memory.c.add_(rate * (h_0 - h_k).sum(0))
        return ((v - given_back[0]) ** 2).mean()
