"""The neuron of McCulloch & Pitts 1943, *A logical calculus of the ideas immanent in nervous
activity*: all or none, with a fixed threshold, and inhibition that is absolute. Nothing is learned.

    y = 1  if no inhibitory input is active, and Σ xᵢ over the excitatory inputs ≥ θ,  else 0

One neuron computes AND, OR and NOT. None computes XOR: at (0,1) and (1,0) it would have to fire, so
that both inputs excite and θ ≤ 1, and then it fires at (1,1), too. Weights do not help, see
`find_gate`; a second layer does, see `XOR`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gradatim import ops
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor


class McCullochPitts:
    """A neuron with a threshold.

    Args:
        excitatory: how many inputs excite; they come first.
        threshold: so many of them have to be active for the neuron to fire.
        inhibitory: how many inputs inhibit: one of them that is active keeps it from firing.

    Shape:
        (..., excitatory + inhibitory) of zeros and ones, to (...) of zeros and ones, int64.

    Example:
        >>> import gradatim as gd
        >>> at_least_two = McCullochPitts(3, threshold=2)
        >>> at_least_two(gd.tensor([[1, 0, 0], [1, 0, 1]])).tolist()
        [0, 1]
    """

    def __init__(self, excitatory: int, threshold: int, inhibitory: int = 0) -> None:
        if excitatory < 0 or inhibitory < 0 or excitatory + inhibitory == 0:
            raise ArgumentError(
                f"a neuron with {excitatory} excitatory and {inhibitory} inhibitory inputs: "
                "expected one or more in all"
            )
        self.excitatory, self.threshold, self.inhibitory = excitatory, threshold, inhibitory

    def __call__(self, inputs: Tensor) -> Tensor:
        count = self.excitatory + self.inhibitory
        if inputs.dim() == 0 or inputs.shape[-1] != count:
            raise ShapeError(
                f"this neuron has {count} inputs, and got a tensor of shape {tuple(inputs.shape)}: "
                "the last size has to be the number of inputs"
            )
        if not bool(((inputs == 0) | (inputs == 1)).all()):
            raise ArgumentError("a McCulloch-Pitts neuron takes zeros and ones (all or none)")
        active = inputs.long()
        fires = active[..., : self.excitatory].sum(-1) >= self.threshold
        inhibited = active[..., self.excitatory :].sum(-1) > 0
        return (fires & ~inhibited).long()

    def __repr__(self) -> str:
        return f"McCullochPitts({self.excitatory}, {self.threshold}, {self.inhibitory})"


AND = McCullochPitts(2, threshold=2)
OR = McCullochPitts(2, threshold=1)
NOT = McCullochPitts(0, threshold=0, inhibitory=1)

_ONLY_FIRST = McCullochPitts(1, threshold=1, inhibitory=1)


def XOR(inputs: Tensor) -> Tensor:
    """Either, but not both: three neurons in two layers, as one cannot do it.

    Example:
        >>> import gradatim as gd
        >>> XOR(gd.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])).tolist()
        [0, 1, 1, 0]
    """
    first, second = _ONLY_FIRST(inputs), _ONLY_FIRST(inputs.flip(-1))
    return OR(ops.stack([first, second], -1))


def find_gate(
    outputs: Sequence[int], weights: Sequence[float] = (-1, 0, 1)
) -> tuple[tuple[float, float], float] | None:
    """Weights and threshold of one neuron with this truth table of two inputs, or None.

    Tried are all weights of the list and all thresholds between the sums that they give. That
    (-1, 0, 1) is enough for every gate that one line separates, and None means that there is none,
    can be seen from the sums: for XOR, w₂ ≥ θ and w₁ ≥ θ at (0,1) and (1,0), and 0 < θ at (0,0),
    add up to w₁ + w₂ ≥ 2θ > θ, but at (1,1) the neuron must not fire.

    Args:
        outputs: of the inputs (0,0), (0,1), (1,0), (1,1).

    Example:
        >>> find_gate([0, 0, 0, 1])
        ((1, 1), 1.5)
        >>> find_gate([0, 1, 1, 0]) is None
        True
    """
    if len(outputs) != 4 or set(outputs) - {0, 1}:
        raise ArgumentError(f"a truth table of two inputs has four zeros and ones, not {outputs}")
    corners = ((0, 0), (0, 1), (1, 0), (1, 1))
    for first, second in itertools.product(weights, repeat=2):
        sums = [first * a + second * b for a, b in corners]
        levels = sorted({*sums})
        between = [(low + high) / 2 for low, high in itertools.pairwise(levels)]
        for threshold in (levels[0] - 0.5, *between, levels[-1] + 0.5):
            if [int(total >= threshold) for total in sums] == list(outputs):
                return (first, second), threshold
    return None
