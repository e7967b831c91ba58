"""The deep Boltzmann machine (Salakhutdinov & Hinton 2009): a deep network all of whose connections
go both ways.

784 pixels, hidden layers of 500 and 1,000. In the deep belief network only the top two layers are
undirected, and what a lower layer believes cannot be corrected from above; here it can.

    pretrain   a stack of restricted Boltzmann machines, in which the inputs that will come from
               the other side as well are counted twice                             (section 3)
    together   mean field for the data, persistent chains for the machine           (section 2)
    judge      annealed importance sampling gives log Z, and so a bound on log p    (section 4)
    to read    a feed-forward network that begins with the machine's weights, and sees the picture
               together with the means of the top layer                             (section 5)

R. Salakhutdinov, G. E. Hinton 2009, *Deep Boltzmann machines*, AISTATS.
"""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np

import gradatim as gd
from gradatim import nn
from gradatim.explain.pictures.style import INK, can_draw, new_figure
from gradatim.rules import (
    ContrastiveDivergence,
    DeepBoltzmannMachine,
    MeanFieldLearning,
    RestrictedBoltzmannMachine,
    annealed_importance_sampling,
)
from gradatim.zoo.pixels import as_rows, sheet
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

TITLE = "the deep Boltzmann machine"
JOINT_RATE = 0.005  # at the beginning; falls in a line to zero
FINE_RATE = 5e-4  # of Adam, the same


class DoubledMachine(RestrictedBoltzmannMachine):
    """A restricted Boltzmann machine with two tied copies of one layer (section 3, figure 2): the
    other layer is told everything twice.

    Args:
        up, down: how often the hidden and the visible units count their inputs.
    """

    def __init__(self, visible: int, hidden: int, up: float = 1.0, down: float = 1.0) -> None:
        super().__init__(visible, hidden)
        self.up, self.down = up, down

    def hidden_given(self, v: gd.Tensor) -> gd.Tensor:
        return (self.up * (v @ self.W) + self.c).sigmoid()

    def visible_given(self, h: gd.Tensor) -> gd.Tensor:
        return (self.down * (h @ self.W.T) + self.b).sigmoid()


def pretrain(machine: DeepBoltzmannMachine, v: gd.Tensor, epochs: int, settings: Settings) -> None:
    """Give the machine the weights of a stack of restricted machines: the first counts its visible
    units twice, the last its hidden ones, those between both. Then no unit of the whole is told
    more than it was in the stack. (Those between learn with both doubled, and are halved.)"""
    layers = len(machine.weights)
    biases: list[list[gd.Tensor]] = [[] for _ in machine.sizes]
    for level, (low, high) in enumerate(pairwise(machine.sizes)):
        first, last = level == 0, level == layers - 1
        alone = layers == 1
        stack = DoubledMachine(
            low, high, up=1.0 if last or alone else 2.0, down=1.0 if first or alone else 2.0
        )
        learner = ContrastiveDivergence(stack, learning_rate=0.05)
        for epoch in range(epochs):
            learner.momentum = 0.5 if epoch < 5 else 0.9
            error = learner.epoch(v)
            settings.report(
                f"pretraining, layer {level + 1}: epoch {epoch + 1} of {epochs}, reconstruction "
                f"error {error:.4f}"
            )
        with gd.no_grad():
            machine.weights[level].copy_(stack.W)
            biases[level].append(stack.b)
            biases[level + 1].append(stack.c)
            v = stack.hidden_given(v)
    with gd.no_grad():
        for bias, found in zip(machine.biases, biases):
            bias.copy_(sum(found[1:], found[0]) / len(found))


class AugmentedNetwork(nn.Module):
    """The classifier of section 5, of a machine with two hidden layers: a feed-forward network
    whose input is the picture and the machine's own means of the top layer.

    Args:
        sizes: of the machine. classes: of the output.

    Shape:
        v (N, visible) and q (N, top), or no q, which counts as zeros: to (N, classes) logits.

    Example:
        >>> network = AugmentedNetwork((784, 30, 40))
        >>> network(gd.zeros(2, 784)).shape
        torch.Size([2, 10])
    """

    def __init__(self, sizes: tuple[int, ...] = (784, 500, 1000), classes: int = 10) -> None:
        super().__init__()
        if len(sizes) != 3:
            raise gd.ArgumentError(f"sizes are {tuple(sizes)}: expected two hidden layers")
        visible, middle, top = sizes
        self.first = nn.Linear(visible, middle)
        self.again = nn.Linear(top, middle, bias=False)
        self.second = nn.Linear(middle, top)
        self.output = nn.Linear(top, classes)

    def begin_with(self, machine: DeepBoltzmannMachine) -> AugmentedNetwork:
        """The machine's weights: the first pass is then one more round of its mean field."""
        with gd.no_grad():
            self.first.weight.copy_(machine.weights[0].T)
            self.first.bias.copy_(machine.biases[1])
            self.again.weight.copy_(machine.weights[1])
            self.second.weight.copy_(machine.weights[1].T)
            self.second.bias.copy_(machine.biases[2])
            nn.init.normal_(self.output.weight, 0.0, 0.01)
            nn.init.zeros_(self.output.bias)
        return self

    def forward(self, v: gd.Tensor, q: gd.Tensor | None = None) -> gd.Tensor:
        told = self.first(v) if q is None else self.first(v) + self.again(q)
        return self.output(self.second(told.sigmoid()).sigmoid())


def learn_jointly(
    machine: DeepBoltzmannMachine, v: gd.Tensor, epochs: int, settings: Settings
) -> MeanFieldLearning:
    """All layers together (section 2); the learner, for its chains."""
    learner = MeanFieldLearning(machine)
    for epoch in range(epochs):
        learner.learning_rate = max(JOINT_RATE * (1 - epoch / epochs), 1e-4)
        error = learner.epoch(v)
        settings.report(
            f"together: epoch {epoch + 1} of {epochs}, reconstruction error {error:.4f}"
        )
    return learner


def top_means(machine: DeepBoltzmannMachine, v: gd.Tensor) -> gd.Tensor:
    """q(h²): the means of the top layer after mean field."""
    infer = gd.compile(lambda part: machine.mean_field(part)[-1].detach())
    return gd.cat([infer(v[start : start + 500]) for start in range(0, len(v), 500)])


def classify(
    network: AugmentedNetwork,
    train: tuple[gd.Tensor, gd.Tensor | None, gd.Tensor],
    test: tuple[gd.Tensor, gd.Tensor | None, np.ndarray],
    epochs: int,
    settings: Settings,
) -> list[float]:
    """Train on cross-entropy with a falling rate; the test accuracy after each epoch."""
    optimizer = gd.optim.Adam(network.parameters(), lr=FINE_RATE)

    @gd.compile
    def step(v: gd.Tensor, q: gd.Tensor | None, truth: gd.Tensor) -> gd.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(v, q), truth)
        loss.backward()
        optimizer.step()
        return loss.detach()

    v, q, truth = train
    accuracies = []
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = FINE_RATE * (1 - epoch / epochs)
        order, total = gd.randperm(len(v)), gd.zeros(())
        for start in range(0, len(v) - 99, 100):
            rows = order[start : start + 100]
            total += step(v[rows], None if q is None else q[rows], truth[rows])
        with gd.no_grad():
            read = network(test[0], test[1]).argmax(1).numpy()
        accuracies.append(float((read == test[2]).mean()))
        settings.report(
            f"classifier: epoch {epoch + 1} of {epochs}, loss "
            f"{total.item() / (len(v) // 100):.4f}, test accuracy {100 * accuracies[-1]:.2f}%"
        )
    return accuracies


def demo(settings: Settings) -> Result:
    """The paper's network with two hidden layers on MNIST, beside the same without pretraining."""
    gd.manual_seed(settings.seed, stream="philox")  # many draws: half the time of PyTorch's stream
    began, digits = time.monotonic(), gd.data.mnist()
    count, tests = settings.of((60_000, 10_000), (600, 300))
    sizes = settings.of((784, 500, 1000), (784, 30, 40))
    stack_epochs, joint_epochs, epochs = settings.of((10, 20, 20), (2, 2, 2))
    v, test = (
        as_rows(images, 784, TITLE)
        for images in (digits.train_images[:count], digits.test_images[:tests])
    )
    truth, test_truth = gd.tensor(digits.train_labels[:count]), digits.test_labels[:tests]

    plain = classify(
        AugmentedNetwork(sizes), (v, None, truth), (test, None, test_truth), epochs, settings
    )
    machine = DeepBoltzmannMachine(sizes)
    pretrain(machine, v, stack_epochs, settings)
    learner = learn_jointly(machine, v, joint_epochs, settings)
    settings.report("annealed importance sampling")
    means = v.mean(0)
    estimate = annealed_importance_sampling(
        machine, temperatures=settings.of(5000, 50), data_means=means
    )
    binary = test.bernoulli()
    bound = machine.bound(binary, estimate.log_partition).mean().item()

    network = AugmentedNetwork(sizes).begin_with(machine)
    q, test_q = top_means(machine, v), top_means(machine, test)
    learned = time.monotonic() - began
    accuracies = classify(network, (v, q, truth), (test, test_q, test_truth), epochs, settings)
    each = (time.monotonic() - began - learned) / epochs
    curve = [(learned + (k + 1) * each, one) for k, one in enumerate(accuracies)]

    measures = [
        Measure(
            "MNIST test accuracy", accuracies[-1], baseline=plain[-1],
            baseline_name="the same network without pretraining", bar=0.986, paper=0.9905,
        ),
        Measure(
            "bound on log p of a test digit", bound, unit="nats",
            baseline=independent_pixels(means, binary), baseline_name="independent pixels",
            paper=-84.62,
        ),
    ]  # fmt: skip
    notes = [
        f"{stack_epochs} epochs for each layer of the stack, {joint_epochs} together, {epochs} of "
        "the classifier (Adam); the paper took 100, 500, and 100 of conjugate gradients",
        f"log Z is {estimate.log_partition:.2f} nats, three standard errors: {estimate.low:.2f} to "
        f"{estimate.high:.2f}, from 100 runs that are worth {estimate.effective_runs:.0f}",
    ]
    figure = _figure(machine, learner, settings.of(1000, 10)) if can_draw() else None
    return Result(measures, figure, notes, curve, network)


def independent_pixels(means: gd.Tensor, binary: gd.Tensor) -> float:
    """Mean log p in nats of pixels that know nothing of each other."""
    rate = means.clamp(1e-3, 1 - 1e-3)
    return (binary @ rate.log() + (1 - binary) @ (1 - rate).log()).mean().item()


def _figure(machine: DeepBoltzmannMachine, learner: MeanFieldLearning, rounds: int) -> object:
    """Samples of the chains after so many more rounds, and features of both layers."""
    move = gd.compile(lambda *layers: machine.gibbs(layers))
    states = learner.particles
    with gd.no_grad():
        for _ in range(rounds):
            states = move(*states)
        samples = machine.inputs(states, 0).sigmoid().numpy()
        first = machine.weights[0].T.numpy()
        # A unit of the second layer, as the sum of the features that it is joined to.
        second = (machine.weights[0] @ machine.weights[1]).T.numpy()
    figure = new_figure(14, 5.2)
    for axis, rows, title in zip(
        figure.subplots(1, 3),
        (samples, _scaled(first), _scaled(second)),
        ("Drawn by the machine", "Features of the first layer", "Features of the second layer"),
    ):
        sheet(axis, rows[: len(rows) // 10 * 10][:100], 28, 10)
        axis.set_title(title, loc="left", size=10, color=INK)
    return figure


def _scaled(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.abs(rows).max(1, keepdims=True), 1e-12)


SYSTEM = System(
    number=12,
    name="deep-boltzmann-machine",
    title="Deep Boltzmann machine",
    year=2009,
    authors="Salakhutdinov, Hinton",
    reference=(
        "R. Salakhutdinov, G. E. Hinton (2009). Deep Boltzmann machines. Proceedings of the 12th "
        "International Conference on Artificial Intelligence and Statistics, 448-455"
    ),
    idea=(
        "A deep network of undirected connections: what a lower layer believes is corrected from "
        "above while a picture is being read. Learning needs two averages that cannot be computed: "
        "over the data by mean field, over the machine by chains that never restart. A pretraining "
        "that counts inputs twice finds a good place to begin, annealed importance sampling tells "
        "how good the model is in nats."
    ),
    equations=(
        Equation(
            "E(v, h¹, h²) = -v W¹ h¹ - h¹ W² h²",
            r"E(v,h^1,h^2) = -v^\top W^1 h^1 - {h^1}^\top W^2 h^2",
            "eq. 8",
        ),
        Equation(
            "μ¹ ← σ(W¹ v + W² μ²),  μ² ← σ(W² μ¹)",
            r"\mu^1 \leftarrow \sigma(W^1 v + W^2 \mu^2),\quad \mu^2 \leftarrow \sigma(W^2 \mu^1)",
            "section 3, mean field",
        ),
        Equation(
            "log p(v) ≥ -E(v, μ) + H(μ) - log Z",
            r"\log p(v) \ge -E(v,\mu) + H(\mu) - \log Z",
            "eq. 5",
        ),
        Equation(
            "Z ≈ Z_A · 1/M Σ_i w_i",
            r"Z \approx Z_A \frac{1}{M} \sum_{i=1}^{M} w^{(i)}",
            "section 2.1.1, annealed importance sampling",
        ),
    ),
    sizes=Sizes(
        neurons=1_500,
        connections=892_000 / 1_500,
        parameters=894_284,
        operations=2 * 892_000,
        examples=60_000,
    ),
    data="MNIST, 60,000 digits",
    paper_data="MNIST, 60,000 digits; NORB",
    paper_result="0.95% errors on MNIST; bound of -84.62 nats",
    network=DeepBoltzmannMachine,
    demo=demo,
    minutes=15,
)
