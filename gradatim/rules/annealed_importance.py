"""Annealed importance sampling (Neal 2001) of the partition function of layered Boltzmann machines
(Salakhutdinov & Murray 2008, *On the quantitative analysis of deep belief networks*, section 4.1;
Salakhutdinov & Hinton 2009, *Deep Boltzmann machines*, section 4, for two hidden layers).

Runs start from a machine A without weights, whose log Z is known and which can be sampled, and
follow it through machines in between to the one in question:

    β from 0 to 1:     weights β W,     biases (1 - β) b_A + β b
    log w = Σ_k log p*_k(x_{k-1}) - log p*_{k-1}(x_{k-1}),   x_k drawn by a round of machine k
    Z ≈ Z_A · mean(w)

x is the states of every other layer (the odd ones); the even ones (visible too) are summed out:

    log p*(x) = Σ_odd b·x + Σ_even units log(1 + exp(b + their inputs))
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gradatim.autograd import no_grad
from gradatim.compile import compile as compile_step
from gradatim.graph.errors import ArgumentError
from gradatim.ops.activations import softplus
from gradatim.tensor import Tensor


class PartitionEstimate(NamedTuple):
    """log Z in nats: the estimate, and what it is with three standard errors of mean(w) less and
    more (`low` is -inf where that reaches 0: then there were too few runs or temperatures).

    `effective_runs` is (Σw)²/Σw²: near 1 means that one run decides, and nothing is sure."""

    log_partition: float
    low: float
    high: float
    effective_runs: float


def annealed_importance_sampling(
    machine: Any,
    temperatures: int = 1000,
    runs: int = 100,
    data_means: Tensor | None = None,
) -> PartitionEstimate:
    """Estimate log Z of a machine with `weights` of neighbouring layers and `biases`: a
    `RestrictedBoltzmannMachine` (without classes) or a `DeepBoltzmannMachine`.

    Args:
        temperatures: steps of β: a tenth of them up to 0.5, four tenths up to 0.9, and half of
            them from there on, where the machines differ most.
        runs: independent ones, in parallel.
        data_means: (visible,), the mean of the data: machine A's visible biases are then their
            log odds ("base rates"), which shortens the way. Otherwise the machine's own.

    Raises:
        ArgumentError: fewer than two temperatures or runs; a machine with classes.

    Example:
        >>> import gradatim as gd
        >>> from gradatim.rules import RestrictedBoltzmannMachine
        >>> _ = gd.manual_seed(0)
        >>> machine = RestrictedBoltzmannMachine(20, 10)
        >>> with gd.no_grad():
        ...     _ = machine.W.normal_()
        >>> estimate = annealed_importance_sampling(machine)
        >>> abs(estimate.log_partition - machine.log_partition()) < 0.3
        True
    """
    if temperatures < 2 or runs < 2:
        raise ArgumentError(
            f"temperatures is {temperatures} and runs {runs}: expected two or more of each"
        )
    if getattr(machine, "classes", 0):
        raise ArgumentError(
            "annealed importance sampling is for binary units: this machine has a group of classes"
        )
    weights = [one.detach() for one in machine.weights]
    target = [one.detach() for one in machine.biases]
    base = list(target)
    if data_means is not None:
        rates = data_means.clamp(0.01, 0.99)
        base[0] = (rates / (1 - rates)).log()
    path = _Path(weights, base, target)

    with no_grad():
        odd = [bias.sigmoid().expand(runs, len(bias)).bernoulli() for bias in base[1::2]]
        step = compile_step(path.advance)
        betas = _schedule(temperatures)
        gained = np.zeros(runs)  # float64: thousands of small terms
        for before, beta in pairwise(betas):
            gain, *odd = step(float(before), float(beta), *odd)
            gained += gain.numpy()
    log_base = sum(float(np.logaddexp(0, bias.numpy().astype(np.float64)).sum()) for bias in base)
    return _estimate(gained, log_base)


class _Path:
    """The machines between A (`base` biases, no weights) and the one in question."""

    def __init__(self, weights: list[Tensor], base: list[Tensor], target: list[Tensor]) -> None:
        self.weights, self.base, self.target = weights, base, target

    def bias(self, level: int, beta: float) -> Tensor:
        return self.base[level] * (1.0 - beta) + self.target[level] * beta

    def told(self, layers: list[Tensor | None], level: int) -> Tensor:
        """What a layer is told by its neighbours, without its bias and at β = 1."""
        parts = []
        if level > 0:
            parts.append(layers[level - 1] @ self.weights[level - 1])
        if level < len(self.weights):
            parts.append(layers[level + 1] @ self.weights[level].T)
        return sum(parts[1:], parts[0])

    def advance(self, before: float, beta: float, *odd: Tensor) -> list[Tensor]:
        """log p*_β(x) - log p*_before(x), and the odd layers after a round of machine β."""
        count = len(self.base)
        layers: list[Tensor | None] = [None] * count
        layers[1::2] = list(odd)
        gain = sum(
            layers[level] @ (self.target[level] - self.base[level]) * (beta - before)
            for level in range(1, count, 2)
        )
        even = {level: self.told(layers, level) for level in range(0, count, 2)}
        for level, told in even.items():
            now = told * beta + self.bias(level, beta)
            then = told * before + self.bias(level, before)
            gain = gain + (softplus(now) - softplus(then)).sum(1)
            layers[level] = now.sigmoid().bernoulli()
        for level in range(1, count, 2):
            told = self.told(layers, level)
            layers[level] = (told * beta + self.bias(level, beta)).sigmoid().bernoulli()
        return [gain, *layers[1::2]]


def _schedule(temperatures: int) -> np.ndarray:
    """β from 0 to 1, closer together towards the end."""
    counts = [temperatures // 10, 4 * temperatures // 10]
    counts.append(temperatures - sum(counts))
    parts = [
        np.linspace(low, high, max(count, 1), endpoint=False)
        for low, high, count in zip((0.0, 0.5, 0.9), (0.5, 0.9, 1.0), counts)
    ]
    return np.append(np.concatenate(parts), 1.0)


def _estimate(log_w: np.ndarray, log_base: float) -> PartitionEstimate:
    """log of the mean weight, and of that mean with three standard errors less and more."""
    top = float(log_w.max())
    w = np.exp(log_w - top)
    mean, error = float(w.mean()), float(w.std(ddof=1) / math.sqrt(len(w)))
    shift = top + log_base
    low = shift + math.log(mean - 3 * error) if mean > 3 * error else -math.inf
    effective = float(w.sum() ** 2 / (w**2).sum())
    return PartitionEstimate(
        shift + math.log(mean), low, shift + math.log(mean + 3 * error), effective
    )
