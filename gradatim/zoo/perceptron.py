"""Rosenblatt 1958, 1962: the perceptron, the first network that learned from examples.

    S → A   sensory units are wired at random to association units; an A-unit fires (1) if its
            excitatory minus its inhibitory inputs reach a threshold θ. This wiring never changes
    A → R   response units fire if the weighted sum of active A-units is above 0. Only these
            weights learn, by error correction: a response that is right changes nothing

The paper's claim is that random A-units suffice: with enough of them almost any two classes can be
separated by the last layer alone, and then the rule finds such weights.

F. Rosenblatt 1958, *The perceptron*, Psychological Review 65; 1962, *Principles of neurodynamics*.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import gradatim as gd
from gradatim import nn
from gradatim.explain.pictures.style import can_draw, new_figure
from gradatim.rules import Perceptron
from gradatim.zoo.sums import histograms
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

CHUNK = 5_000  # A-unit activities that are in memory together: 40 MB of 2,000 units


class Photoperceptron(nn.Module):
    """S-, A- and R-units, by default as many as the Mark I machine had (400, 512 and 8).

    Args:
        sensory: S-units; they are on (1) or off (0), and a light above 0.5 turns one on.
        association: A-units; 0 wires the S-units, with their light as it is, to the responses.
        response: R-units.
        excitatory, inhibitory: connections of each A-unit, from S-units drawn with replacement.
        threshold: θ of the A-units.
        seed: of the wiring.

    Attributes:
        wiring: (sensory, association), sums of +1 and -1. Fixed: a buffer, not a parameter.
        value: (A, R), the weights that learn; they begin as 0.

    Shape:
        (N, sensory) float32, to (N, response): the sum that each R-unit compares with 0.

    Raises:
        ArgumentError: sizes that are no sizes. ShapeError: inputs of another width.

    Example:
        >>> machine = Photoperceptron()
        >>> machine(gd.rand(3, 400)).shape, machine.value.numel()
        (torch.Size([3, 8]), 4096)
    """

    def __init__(
        self,
        sensory: int = 400,
        association: int = 512,
        response: int = 8,
        excitatory: int = 5,
        inhibitory: int = 5,
        threshold: float = 2.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if min(sensory, response, excitatory) < 1 or min(association, inhibitory) < 0:
            raise gd.ArgumentError(
                f"a perceptron of {sensory} sensory, {association} association and {response} "
                f"response units, with {excitatory} excitatory and {inhibitory} inhibitory "
                "connections: expected 1 or more (association and inhibitory may be 0)"
            )
        self.sensory, self.association, self.threshold = sensory, association, threshold
        rng = np.random.default_rng(seed)
        wiring = np.zeros((sensory, association), np.float32)
        for sign, count in ((1, excitatory), (-1, inhibitory)):
            sources = rng.integers(0, sensory, (count, association))
            np.add.at(wiring, (sources, np.arange(association)), sign)
        self.register_buffer("wiring", gd.tensor(wiring))
        self.value = nn.Parameter(gd.zeros(association or sensory, response), requires_grad=False)
        self._learn = gd.compile(self._correct)
        self._answer = gd.compile(self.forward)

    def associate(self, light: gd.Tensor) -> gd.Tensor:
        """What the A-units do: 0 or 1 (N, association)."""
        if light.dim() != 2 or light.shape[1] != self.sensory:
            raise gd.ShapeError(
                f"the perceptron has {self.sensory} sensory units, and was given a tensor of shape "
                f"{tuple(light.shape)}: expected (N, {self.sensory})"
            )
        if not self.association:
            return light
        return ((light > 0.5).float() @ self.wiring >= self.threshold).float()

    def forward(self, light: gd.Tensor) -> gd.Tensor:
        return self.associate(light) @ self.value

    def _correct(self, light: gd.Tensor, wanted: gd.Tensor, rate: float) -> None:
        def case(value: Any, one: Any) -> tuple[Any, None]:
            active, target = one
            error = target - (active @ value > 0).float()
            return value + rate * active.unsqueeze(1) * error, None

        value, _ = gd.scan(case, self.value, (self.associate(light), wanted))
        self.value.copy_(value)

    def learn(self, light: gd.Tensor, wanted: gd.Tensor, rate: float = 1.0) -> None:
        """Rosenblatt's rule, case by case in the order given: v ← v + η a (t - r).

        Args:
            light: (N, sensory). wanted: (N, response), 0 or 1.
            rate: η, the size of a correction.
        """
        with gd.no_grad():
            self._learn(light, wanted, rate)

    def accuracy(self, light: gd.Tensor, labels: np.ndarray) -> float:
        """The fraction of cases in which the right R-unit has the largest sum."""
        right = 0
        with gd.no_grad():
            for start in range(0, len(light), CHUNK):
                answer = self._answer(light[start : start + CHUNK]).argmax(1).numpy()
                right += int((answer == labels[start : start + CHUNK]).sum())
        return right / len(labels)


def train(
    machine: Photoperceptron,
    light: gd.Tensor,
    labels: np.ndarray,
    epochs: int,
    settings: Settings,
    name: str,
) -> None:
    """Go through the cases in a new order each time. The corrections become smaller, 1 to 0, as
    classes that overlap would otherwise push the weights about for ever (83 to 90% on pixels)."""
    rng = np.random.default_rng(settings.seed)
    wanted = gd.tensor(np.eye(machine.value.shape[1], dtype=np.float32)[labels])
    size = min(CHUNK, len(labels))
    for epoch in range(epochs):
        order = rng.permutation(len(labels))
        for start in range(0, len(labels) - size + 1, size):
            rows = gd.tensor(order[start : start + size])
            done = (epoch + start / len(labels)) / epochs
            machine.learn(light[rows], wanted[rows], 1.0 - done)
        seen = machine.accuracy(light[:size], labels[:size])
        settings.report(f"{name}: epoch {epoch + 1} of {epochs}, {100 * seen:.2f}% of training")


def irises() -> tuple[float, float, Perceptron]:
    """Setosa or not, straight from the measurements (a line separates it): the accuracy on all 150
    after training on them, that on the 75 odd rows after the even ones, and the first neuron."""
    flowers = gd.data.Iris()
    x, t = flowers.measurements, (flowers.targets == 0).astype(np.int64)
    whole, half = Perceptron(4).fit(x, t), Perceptron(4).fit(x[::2], t[::2])
    found = [
        float((neuron(rows).numpy() == wanted).mean())
        for neuron, rows, wanted in ((whole, x, t), (half, x[1::2], t[1::2]))
    ]
    return found[0], found[1], whole


def demo(settings: Settings) -> Result:
    """Iris setosa; then digits, from the pixels themselves and through 2,000 random A-units."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # not to converge on setosa would be a defect
        everywhere, unseen, neuron = irises()
    settings.report(f"Iris setosa: converged after {len(neuron.updates)} corrections")
    digits = gd.data.mnist()
    count, tests, units, epochs = settings.of((60_000, 10_000, 2_000, 4), (1_000, 500, 300, 2))
    light = gd.tensor(digits.train_images[:count].reshape(count, 784) / np.float32(255))
    test = gd.tensor(digits.test_images[:tests].reshape(tests, 784) / np.float32(255))
    labels, truth = digits.train_labels[:count], digits.test_labels[:tests]
    plainly = Photoperceptron(784, 0, 10)
    train(plainly, light, labels, epochs + 1, settings, "pixels")
    machine = Photoperceptron(784, units, 10, seed=settings.seed)
    train(machine, light, labels, epochs, settings, f"{units:,} A-units")
    pixels, associated = plainly.accuracy(test, truth), machine.accuracy(test, truth)
    commonest = float(np.bincount(truth).max() / tests)
    bar = settings.of((0.90, 0.85), (None, None))
    measures = [
        Measure(
            f"MNIST test accuracy, {units:,} association units", associated, baseline=pixels,
            baseline_name="the same rule on pixels", bar=bar[0],
        ),
        Measure(
            "MNIST test accuracy, pixels", pixels, baseline=commonest,
            baseline_name="the commonest digit", bar=bar[1],
        ),
        Measure(
            "Iris setosa, all 150 flowers", everywhere, baseline=2 / 3, baseline_name="never",
            bar=1.0,
        ),
        Measure("Iris setosa, 75 flowers not trained on", unseen, baseline=2 / 3,
                baseline_name="never"),
    ]  # fmt: skip
    notes = [
        "Ten R-units learn independently, one for each digit; the largest sum is the answer.",
        "Rosenblatt's corrections have one size; here it falls to 0 over the training.",
        f"The A-units have 5 excitatory and 5 inhibitory connections each and θ = 2: a choice of "
        f"this demonstration. {100 * float(machine.associate(test[:tests]).mean()):.0f}% are on.",
    ]
    figure = picture(machine, plainly, test, truth) if can_draw() else None
    return Result(measures, figure, notes, model=machine)


def picture(
    machine: Photoperceptron, plainly: Photoperceptron, test: gd.Tensor, truth: np.ndarray
) -> Any:
    """Three A-units, what the weights of pixels became, and how the sums separate a digit."""
    figure = new_figure(9.5, 6)
    grid = figure.add_gridspec(3, 6)
    for k in range(3):
        axis = figure.add_subplot(grid[0, k])
        axis.imshow(machine.wiring[:, k].numpy().reshape(28, 28), cmap="RdBu", vmin=-2, vmax=2)
        axis.set_title(f"A-unit {k + 1}", loc="left", size=9)
        axis.set(xticks=[], yticks=[])
    weights = plainly.value.numpy().T.reshape(10, 28, 28)
    for k in range(9):
        axis = figure.add_subplot(grid[(k + 3) // 6, (k + 3) % 6])
        reach = np.quantile(np.abs(weights[k]), 0.99)
        axis.imshow(weights[k], cmap="RdBu", vmin=-reach, vmax=reach)
        axis.set_title(f"pixels to R-unit {k}", loc="left", size=9)
        axis.set(xticks=[], yticks=[])
    axis = figure.add_subplot(grid[2, :])
    with gd.no_grad():
        sums = machine(test).numpy()[:, 3]
    bins = np.linspace(*np.quantile(sums, (0.001, 0.999)), 60)
    title = "The sum of R-unit 3 on test digits: it fires above 0"
    histograms(axis, sums, truth == 3, bins, "3", title)
    return figure


SYSTEM = System(
    number=1,
    name="perceptron",
    title="Perceptron",
    year=1958,
    authors="Rosenblatt",
    reference=(
        "F. Rosenblatt, The perceptron: a probabilistic model for information storage and "
        "organization in the brain, Psychological Review 65 (1958) 386-408\n"
        "F. Rosenblatt, Principles of neurodynamics, Spartan Books (1962)"
    ),
    idea=(
        "A network that is not programmed but corrected: shown an example, it changes its weights "
        "only if it was wrong. Before the neurons that learn stand association units with random, "
        "fixed connections and a threshold; they make classes separable that are not so in the "
        "picture. If weights that separate the classes exist, the rule finds some."
    ),
    equations=(
        Equation("a_j = 1 if Σ_i c_ij s_i ≥ θ, else 0",
                 r"a_j = [\sum_i c_{ij} s_i \ge \theta],\quad c_{ij} \in \{+1, -1\}",
                 "association units"),
        Equation("r_k = 1 if Σ_j v_jk a_j > 0, else 0",
                 r"r_k = [\sum_j v_{jk} a_j > 0]", "response units"),
        Equation("v_jk ← v_jk + η (t_k − r_k) a_j",
                 r"v_{jk} \leftarrow v_{jk} + \eta\,(t_k - r_k)\,a_j",
                 "1962, chapter 5, error correction"),
    ),
    # The Mark I: 400 photocells, 512 A-units, 8 R-units. Its plugboard left the wiring to the
    # experiment: 10 connections for each A-unit are this file's; all A-units reach all R-units.
    sizes=Sizes(
        neurons=520,
        connections=(512 * 10 + 512 * 8) / 520,
        parameters=512 * 8,
        operations=2 * (512 * 10 + 512 * 8),
    ),
    data="Fisher's irises; MNIST, 60,000 digits",
    paper_data="shapes and letters on a retina of 20 × 20 photocells",
    paper_result="",
    network=Photoperceptron,
    demo=demo,
    minutes=1.0,
)  # fmt: skip
