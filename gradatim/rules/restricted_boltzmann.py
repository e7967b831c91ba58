"""The restricted Boltzmann machine (Smolensky 1986, "harmonium"; as in Hinton 2002, *Training
products of experts by minimizing contrastive divergence*): binary visible units v and hidden units
h, joined each to each and never among themselves.

    E(v, h) = -b·v - c·h - v W h            p(v, h) = exp(-E(v, h)) / Z
    p(h_j = 1 | v) = σ(c_j + (v W)_j)       p(v_i = 1 | h) = σ(b_i + (W h)_i)
    F(v) = -log Σ_h exp(-E(v, h)) = -b·v - Σ_j log(1 + exp(c_j + (v W)_j))

so that log p(v) = -F(v) - log Z. Only log Z is hard: `annealed_importance` estimates it, and a
machine with few units on one side gives it exactly.
"""

from __future__ import annotations

import numpy as np

from gradatim import nn, ops
from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.nn import Parameter
from gradatim.ops.activations import softplus
from gradatim.ops.gathering import one_hot
from gradatim.tensor import Tensor

MOST_COUNTED = 20  # hidden units whose 2^20 states log_partition goes through


class RestrictedBoltzmannMachine(nn.Module):
    """Binary visible and hidden units in two layers.

    Args:
        visible, hidden: how many of each.
        classes: the last so many visible units are one group of which exactly one is on (a label):
            a softmax in place of sigmoids (Hinton et al. 2006, section 6).

    Attributes:
        W: (visible, hidden), normal with deviation 0.01 (Hinton 2010, *A practical guide*,
            section 8). b: (visible,) and c: (hidden,), zeros.

    Example:
        >>> import gradatim as gd
        >>> machine = RestrictedBoltzmannMachine(3, 2)
        >>> v = gd.tensor([[1.0, 0.0, 1.0]])
        >>> machine.hidden_given(v).shape, machine.free_energy(v).shape
        (torch.Size([1, 2]), torch.Size([1]))
    """

    def __init__(self, visible: int, hidden: int, classes: int = 0) -> None:
        super().__init__()
        if visible < 1 or hidden < 1:
            raise ArgumentError(
                f"a restricted Boltzmann machine of {visible} visible and {hidden} hidden units: "
                "expected one or more of each"
            )
        if not (classes == 0 or 2 <= classes <= visible):
            raise ArgumentError(
                f"classes is {classes}: expected 0, or from 2 to the {visible} visible units"
            )
        self.classes = classes
        self.W = Parameter(0.01 * ops.randn(visible, hidden))
        self.b = Parameter(ops.zeros(visible))
        self.c = Parameter(ops.zeros(hidden))

    @property
    def visible(self) -> int:
        return self.W.shape[0]

    @property
    def hidden(self) -> int:
        return self.W.shape[1]

    @property
    def weights(self) -> list[Tensor]:
        """The weights between neighbouring layers, and `biases` of each layer: what every layered
        Boltzmann machine has."""
        return [self.W]

    @property
    def biases(self) -> list[Tensor]:
        return [self.b, self.c]

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """E(v, h): (N,) for v (N, visible) and h (N, hidden)."""
        return -(v @ self.b) - h @ self.c - ((v @ self.W) * h).sum(1)

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v) = -log Σ_h exp(-E(v, h)): (N,) for v (N, visible)."""
        self.check(v)
        return -(v @ self.b) - softplus(v @ self.W + self.c).sum(1)

    def hidden_given(self, v: Tensor) -> Tensor:
        """p(h = 1 | v): (N, hidden)."""
        self.check(v)
        return (v @ self.W + self.c).sigmoid()

    def visible_given(self, h: Tensor) -> Tensor:
        """p(v = 1 | h): (N, visible), with `classes` a softmax over the last of them."""
        inputs = h @ self.W.T + self.b
        if not self.classes:
            return inputs.sigmoid()
        cut = self.visible - self.classes
        return ops.cat([inputs[:, :cut].sigmoid(), inputs[:, cut:].softmax(1)], 1)

    def sample_hidden(self, v: Tensor) -> Tensor:
        """Zeros and ones drawn from p(h | v)."""
        return self.hidden_given(v).bernoulli()

    def sample_visible(self, h: Tensor) -> Tensor:
        """Zeros and ones drawn from p(v | h); of a group of classes one is on."""
        means = self.visible_given(h)
        if not self.classes:
            return means.bernoulli()
        cut = self.visible - self.classes
        return ops.cat([means[:, :cut].bernoulli(), draw_one_hot(means[:, cut:])], 1)

    def gibbs(self, v: Tensor, steps: int = 1) -> Tensor:
        """v after so many rounds of v → h → v."""
        for _ in range(steps):
            v = self.sample_visible(self.sample_hidden(v))
        return v

    def log_partition(self) -> float:
        """log Z in nats, exact: the sum goes through every state of the hidden units.

        Raises:
            ArgumentError: more than 20 hidden units.
        """
        if self.hidden > MOST_COUNTED:
            raise ArgumentError(
                f"{self.hidden} hidden units have 2^{self.hidden} states: the exact partition "
                f"function is for {MOST_COUNTED} or fewer; estimate it with "
                "annealed_importance_sampling"
            )
        W, b, c = (one.detach().numpy().astype(np.float64) for one in (self.W, self.b, self.c))
        h = (np.arange(2**self.hidden)[:, None] >> np.arange(self.hidden)) & 1
        inputs, cut = h @ W.T + b, self.visible - self.classes
        terms = h @ c + np.logaddexp(0, inputs[:, :cut]).sum(1)
        if self.classes:
            terms = terms + np.logaddexp.reduce(inputs[:, cut:], axis=1)
        return float(np.logaddexp.reduce(terms))

    def log_likelihood(self, v: Tensor, log_partition: float | None = None) -> Tensor:
        """log p(v) in nats: (N,).

        Args:
            log_partition: log Z, or an estimate of it; by default counted exactly.
        """
        log_partition = self.log_partition() if log_partition is None else log_partition
        with no_grad():
            return -self.free_energy(v) - log_partition

    def check(self, v: Tensor) -> None:
        """Raise ShapeError unless v is (N, visible)."""
        if v.dim() != 2 or v.shape[1] != self.visible:
            raise ShapeError(
                f"visible units of shape {tuple(v.shape)}: this machine takes (N, {self.visible})"
            )

    def extra_repr(self) -> str:
        group = f", of them {self.classes} classes" if self.classes else ""
        return f"{self.visible} visible{group}, {self.hidden} hidden"


def draw_one_hot(probabilities: Tensor) -> Tensor:
    """One class of each row of (N, classes), drawn, as a row of one 1 and zeros.

    A uniform number is compared with the cumulative sums: one draw for each row, and it can be
    captured in a compiled step.
    """
    passed = ops.rand(probabilities.shape[0], 1) > probabilities.cumsum(1)[:, :-1]
    return one_hot(passed.sum(1), probabilities.shape[1]).to(probabilities.dtype)
