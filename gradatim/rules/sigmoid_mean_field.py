"""Mean field inference in sigmoid belief networks (Saul, Jaakkola & Jordan 1996, *Mean field theory
for sigmoid belief networks*): a bound on a likelihood that is a sum over all hidden states.

    P(Sᵢ = 1 | parents) = σ(zᵢ),  zᵢ = Σⱼ Jᵢⱼ Sⱼ + hᵢ

The hidden units are taken as independent, with probabilities μ. That alone leaves the mean of
ln(1 + e^z), which has no closed form; a parameter ξ for each unit bounds it, and exactly where z
does not vary:

    ⟨ln(1 + e^z)⟩ ≤ ξ⟨z⟩ + ln⟨e^(−ξz) + e^((1−ξ)z)⟩
    ln P(V) ≥ Σᵢ [⟨zᵢ⟩(μᵢ − ξᵢ) − ln⟨e^(−ξᵢzᵢ) + e^((1−ξᵢ)zᵢ)⟩ + entropy of μᵢ]

The means of the exponentials are products over the parents, Πⱼ (1 − μⱼ + μⱼ e^(−ξᵢ Jᵢⱼ)). What
makes the bound largest is found by fixed-point equations:

    μⱼ = σ(⟨zⱼ⟩ + Σᵢ [Jᵢⱼ (μᵢ − ξᵢ) + Kᵢⱼ]),   Kᵢⱼ = −∂ ln⟨…⟩ᵢ / ∂μⱼ,   ξᵢ = φᵢ

where φ is the second exponential's share of the two. (ξ = φ is best where z is a sum of so many
parts that it is normal; any ξ gives a bound.)
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.nn import Module, Parameter, ParameterList
from gradatim.random import Generator
from gradatim.tensor import Tensor


class Terms(NamedTuple):
    """What parents with probabilities μ say of a layer.

    Attributes:
        mean: ⟨z⟩, (N, units).
        log_a, log_b: ln⟨e^(−ξz)⟩ and ln⟨e^((1−ξ)z)⟩, (N, units).
    """

    mean: Tensor
    log_a: Tensor
    log_b: Tensor


def product_terms(mu: Tensor, weight: Tensor, bias: Tensor, xi: Tensor) -> Terms:
    """The paper's: products over the parents, which are independent and 0 or 1.

    Args:
        mu: of the parents, (N, parents).
        weight: J, (units, parents). bias: h, (units,).
        xi: of the units, (N, units).
    """
    first, second = _factors(mu, weight, xi)
    return Terms(
        mu @ weight.T + bias,
        first.log().sum(2) - xi * bias,
        second.log().sum(2) + (1 - xi) * bias,
    )


def product_pull(mu: Tensor, weight: Tensor, xi: Tensor, phi: Tensor) -> Tensor:
    """Σᵢ Kᵢⱼ for each parent j, (N, parents)."""
    first, second = _factors(mu, weight, xi)
    fall = ops.exp(-xi.unsqueeze(2) * weight)
    rise = fall * weight.exp()
    share = phi.unsqueeze(2)
    return ((1 - share) * (1 - fall) / first + share * (1 - rise) / second).sum(1)


def _factors(mu: Tensor, weight: Tensor, xi: Tensor) -> tuple[Tensor, Tensor]:
    """1 − μ + μ e^(−ξJ) and 1 − μ + μ e^((1−ξ)J), (N, units, parents)."""
    mu = mu.unsqueeze(1)
    fall = ops.exp(-xi.unsqueeze(2) * weight)
    return 1 - mu + mu * fall, 1 - mu + mu * fall * weight.exp()


def normal_terms(mu: Tensor, weight: Tensor, bias: Tensor, xi: Tensor) -> Terms:
    """The same to second order, as if z were normal: matrix products in place of one exponential
    for each pair of units. Nearly equal where a unit has many parents; no strict bound."""
    mean = mu @ weight.T + bias
    variance = (mu * (1 - mu)) @ (weight**2).T
    return Terms(
        mean, xi**2 * variance / 2 - xi * mean, (1 - xi) ** 2 * variance / 2 + (1 - xi) * mean
    )


def normal_pull(mu: Tensor, weight: Tensor, xi: Tensor, phi: Tensor) -> Tensor:
    """Σᵢ Kᵢⱼ to second order, (N, parents)."""
    spread = (1 - phi) * xi**2 + phi * (1 - xi) ** 2
    return (xi - phi) @ weight - (0.5 - mu) * (spread @ weight**2)


EXPANSIONS: dict[str, tuple[Callable[..., Terms], Callable[..., Tensor]]] = {
    "product": (product_terms, product_pull),
    "normal": (normal_terms, normal_pull),
}


class Beliefs(NamedTuple):
    """What is believed of hidden units after a pattern was seen.

    Attributes:
        mu: of each hidden layer, from below, (N, units).
        xi: of each layer that has parents, from the visible one, (N, units).
    """

    mu: tuple[Tensor, ...]
    xi: tuple[Tensor, ...]


class SigmoidMeanField(Module):
    """A layered sigmoid belief network, and mean field inference in it.

    Args:
        sizes: units of each layer, the visible one first: (64, 24, 8).
        scale: the first weights are normal with this deviation.
        seed: of these.

    Attributes:
        weights: J of each layer that has parents, (units, parents). biases: h of each layer.

    Raises:
        ArgumentError: fewer than two layers, or a layer without units.

    Example:
        >>> import gradatim as gd
        >>> network = SigmoidMeanField((3, 2), scale=1.0)
        >>> pattern = gd.tensor([[1.0, 0.0, 1.0]])
        >>> beliefs = network.infer(pattern, sweeps=50)
        >>> states = gd.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> likelihood = network.log_joint(pattern.expand(4, 3), [states]).logsumexp(0)
        >>> bool(-0.1 < network.bound(pattern, beliefs)[0] - likelihood < 0)
        True
    """

    def __init__(self, sizes: Sequence[int] = (64, 24, 8), *, scale: float = 0.1, seed: int = 0):
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise ArgumentError(
                f"layers of {tuple(sizes)} units: expected two layers or more, none empty"
            )
        self.sizes = tuple(sizes)
        self.generator = Generator().manual_seed(seed)
        self.weights = ParameterList(
            Parameter(scale * ops.randn(units, parents, generator=self.generator))
            for units, parents in itertools.pairwise(sizes)
        )
        self.biases = ParameterList(Parameter(ops.zeros(units)) for units in sizes)

    def start(self, visible: Tensor) -> Beliefs:
        """Before anything is known: every μ and ξ is ½."""
        half = [ops.full((len(visible), units), 0.5) for units in self.sizes]
        return Beliefs(tuple(half[1:]), tuple(half[:-1]))

    def sweep(
        self, visible: Tensor, beliefs: Beliefs, expansion: str = "product", step: float = 0.5
    ) -> Beliefs:
        """One update of every ξ and μ, layer by layer from below.

        Args:
            visible: patterns of 0 and 1, (N, units).
            expansion: "product", or "normal" to second order.
            step: how far towards the right side of its equation the logit of a μ goes. All of a
                layer go at once, and with 1 they can swing for ever.
        """
        terms, pull = EXPANSIONS[expansion]
        mu, xi = [visible, *beliefs.mu], list(beliefs.xi)
        for k in range(1, len(self.sizes)):
            weight, bias = self.weights[k - 1], self.biases[k - 1]
            _, log_a, log_b = terms(mu[k], weight, bias, xi[k - 1])
            phi = xi[k - 1] = ops.sigmoid(log_b - log_a)
            wanted = (mu[k - 1] - xi[k - 1]) @ weight + pull(mu[k], weight, xi[k - 1], phi)
            wanted = wanted + self.biases[k]
            if k < len(self.weights):
                wanted = wanted + mu[k + 1] @ self.weights[k].T
            now = mu[k].clamp(1e-6, 1 - 1e-6).logit()
            mu[k] = ops.sigmoid(now + step * (wanted - now)).clamp(1e-6, 1 - 1e-6)
        return Beliefs(tuple(mu[1:]), tuple(xi))

    def infer(
        self,
        visible: Tensor,
        beliefs: Beliefs | None = None,
        sweeps: int = 20,
        expansion: str = "product",
        step: float = 0.5,
    ) -> Beliefs:
        """The beliefs after some sweeps, from ½ or from other beliefs."""
        self._check(visible)
        with no_grad():
            beliefs = self.start(visible) if beliefs is None else beliefs
            for _ in range(sweeps):
                beliefs = self.sweep(visible, beliefs, expansion, step)
        return beliefs

    def bound(self, visible: Tensor, beliefs: Beliefs, expansion: str = "product") -> Tensor:
        """What ln P of each pattern is at least, (N,), in nats; gradients flow to the weights.

        With "normal" it is an estimate of the bound.
        """
        self._check(visible)
        terms, _ = EXPANSIONS[expansion]
        mu = [visible, *beliefs.mu]
        total = ops.zeros(len(visible))
        for k, xi in enumerate(beliefs.xi):
            mean, log_a, log_b = terms(mu[k + 1], self.weights[k], self.biases[k], xi)
            total = total + (mean * (mu[k] - xi) - ops.logaddexp(log_a, log_b)).sum(1)
        top = self.biases[-1]
        total = total + (mu[-1] * top - ops.softplus(top)).sum(1)
        for m in beliefs.mu:
            total = total - (ops.xlogy(m, m) + ops.xlogy(1 - m, 1 - m)).sum(1)
        return total

    def log_joint(self, visible: Tensor, hidden: Sequence[Tensor]) -> Tensor:
        """ln P of states of all units, (N,): of each layer, 0 or 1, (N, units)."""
        states = [visible, *hidden]
        total = ops.zeros(len(visible))
        for k, state in enumerate(states):
            z = self.biases[k].expand(len(state), -1)
            if k < len(self.weights):
                z = z + states[k + 1] @ self.weights[k].T
            total = total + (state * z - ops.softplus(z)).sum(1)
        return total

    def sample(self, count: int) -> Tensor:
        """The probabilities of the visible units, drawn from above: (count, units)."""
        with no_grad():
            found = ops.sigmoid(self.biases[-1]).expand(count, -1)
            for weight, bias in zip(reversed(self.weights), reversed(list(self.biases)[:-1])):
                state = ops.bernoulli(found, generator=self.generator)
                found = ops.sigmoid(state @ weight.T + bias)
        return found

    def _check(self, visible: Tensor) -> None:
        if visible.dim() != 2 or visible.shape[1] != self.sizes[0]:
            raise ShapeError(
                f"patterns have shape {tuple(visible.shape)}: this network takes "
                f"(N, {self.sizes[0]})"
            )

    forward = bound


def check_binary(patterns: Tensor) -> None:
    """Refuse what is not 0 and 1.

    Raises:
        DataError: some values are others.
    """
    if not bool(((patterns == 0) | (patterns == 1)).all()):
        raise DataError(
            "a sigmoid belief network learns patterns of 0 and 1: binarize the others first"
        )
