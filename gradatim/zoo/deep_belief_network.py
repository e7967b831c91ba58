"""The deep belief network (Hinton, Osindero & Teh 2006): the paper that made deep networks
trainable.

784 pixels, layers of 500 and 500 sigmoid units, and on top an associative memory: a restricted
Boltzmann machine whose visible units are the second layer and a label, with 2,000 hidden units.
It is a generative model: clamp a label, let the memory settle, go down, and it draws that digit.

    greedy   each pair of layers is trained as a restricted Boltzmann machine on the activities of
             the one below: each improves a bound on log p(data)                       (section 4)
    up-down  recognition and generation weights part, and are fine-tuned together      (section 5)
    to read  the picture goes up, and the label with the least free energy wins        (section 6)

Hinton, Osindero, Teh 2006, *A fast learning algorithm for deep belief nets*, Neural Computation 18.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import numpy as np

import gradatim as gd
from gradatim import nn
from gradatim.explain.pictures.style import INK, can_draw, new_figure
from gradatim.rules import ContrastiveDivergence, ContrastiveWakeSleep, RestrictedBoltzmannMachine
from gradatim.zoo.pixels import as_rows, one_of, sheet
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

TITLE = "the deep belief network"
RATE = 0.1  # of the fine-tuning, at its beginning


class DeepBeliefNetwork(nn.Module):
    """Sigmoid layers with recognition and generation weights, below an associative memory.

    Args:
        sizes: inputs, hidden layers, and the memory's hidden units at the end.
        classes: of the label in the memory.

    Attributes:
        recognition, generation: `Linear` up and down, from the pixels.
        memory: the restricted Boltzmann machine on top.

    Shape:
        (N, inputs) from 0 to 1, to (N, classes): log p(class | picture), up to a constant.

    Example:
        >>> network = DeepBeliefNetwork((784, 50, 50, 200))
        >>> network(gd.zeros(2, 784)).shape
        torch.Size([2, 10])
    """

    def __init__(self, sizes: Sequence[int] = (784, 500, 500, 2000), classes: int = 10) -> None:
        super().__init__()
        if len(sizes) < 3:
            raise gd.ArgumentError(
                f"sizes are {tuple(sizes)}: expected inputs, one hidden layer or more, and the "
                "memory's units"
            )
        self.sizes, self.classes = tuple(sizes), classes
        pairs = list(itertools.pairwise(sizes[:-1]))
        self.recognition = nn.ModuleList(nn.Linear(low, high) for low, high in pairs)
        self.generation = nn.ModuleList(nn.Linear(high, low) for low, high in pairs)
        self.memory = RestrictedBoltzmannMachine(sizes[-2] + classes, sizes[-1], classes)
        self._step = gd.compile(self._settle)

    def up(self, v: gd.Tensor, draw: bool = False) -> gd.Tensor:
        """The memory's units for pictures: probabilities, or states drawn from layer to layer."""
        for layer in self.recognition:
            v = layer(v).sigmoid()
            v = v.bernoulli() if draw else v
        return v

    def down(self, state: gd.Tensor) -> gd.Tensor:
        """Pictures (probabilities of the pixels) for states of the memory's units."""
        for layer in reversed(list(self.generation)):
            state = layer(state).sigmoid()
        return state

    def forward(self, v: gd.Tensor, draw: bool = False) -> gd.Tensor:
        """-F(picture, label) for each label: its exponential is proportional to p(label | v)."""
        memory, cut = self.memory, self.sizes[-2]
        inputs = self.up(v, draw) @ memory.W[:cut] + memory.c
        return gd.stack(
            [
                memory.b[cut + k] + nn.functional.softplus(inputs + memory.W[cut + k]).sum(1)
                for k in range(self.classes)
            ],
            1,
        )

    def _settle(self, state: gd.Tensor, label: gd.Tensor) -> gd.Tensor:
        with gd.no_grad():
            h = self.memory.sample_hidden(gd.cat([state, label], 1))
            return self.memory.sample_visible(h)[:, : self.sizes[-2]]

    def draw(self, labels: Sequence[int], steps: int = 1000) -> gd.Tensor:
        """Pictures (N, inputs) of classes: the memory settles for so many rounds with the label
        clamped, from states drawn by chance, and its last state goes down."""
        clamped = one_of(labels, self.classes, TITLE)
        state = (gd.rand(len(labels), self.sizes[-2]) < 0.5).float()
        for _ in range(steps):
            state = self._step(state, clamped)
        with gd.no_grad():
            return self.down(state)


def train_greedily(
    network: DeepBeliefNetwork, v: gd.Tensor, labels: gd.Tensor, epochs: int, settings: Settings
) -> None:
    """Each layer in turn as a restricted Boltzmann machine (section 4); its weights become both
    the recognition and the generation weights, tied until the fine-tuning parts them."""
    data = v
    for k, (up, down) in enumerate(zip(network.recognition, network.generation)):
        machine = RestrictedBoltzmannMachine(up.in_features, up.out_features)
        _contrast(machine, data, epochs, f"layer {k + 1}", settings)
        with gd.no_grad():
            up.weight.copy_(machine.W.T)
            up.bias.copy_(machine.c)
            down.weight.copy_(machine.W)
            down.bias.copy_(machine.b)
            data = machine.hidden_given(data)
    data = gd.cat([data, labels], 1)
    _contrast(network.memory, data, epochs, "memory", settings)


def _contrast(
    machine: RestrictedBoltzmannMachine,
    data: gd.Tensor,
    epochs: int,
    name: str,
    settings: Settings,
) -> None:
    learner = ContrastiveDivergence(machine, learning_rate=0.1)
    for epoch in range(epochs):
        learner.momentum = 0.5 if epoch < 5 else 0.9
        learner.learning_rate = 0.1 if epoch < 5 else 0.05
        error = learner.epoch(data)
        settings.report(f"{name}: epoch {epoch + 1} of {epochs}, reconstruction error {error:.4f}")


def accuracy(
    network: DeepBeliefNetwork, v: gd.Tensor, labels: np.ndarray, passes: int = 0
) -> float:
    """The fraction of pictures that are read rightly: from the probabilities of the layers, or
    from the mean of log p(label) over so many drawn passes upwards (section 6)."""
    read = gd.compile(lambda part, draw: network(part, draw).log_softmax(1))
    right = 0
    with gd.no_grad():
        for start in range(0, len(v), 1000):
            part = v[start : start + 1000]
            scores = sum(read(part, passes > 0) for _ in range(max(passes, 1)))
            right += int((scores.argmax(1).numpy() == labels[start : start + 1000]).sum())
    return right / len(v)


def fine_tune(
    network: DeepBeliefNetwork,
    v: gd.Tensor,
    labels: gd.Tensor,
    epochs: int,
    settings: Settings,
    watch: object = lambda epoch: None,
) -> list[float]:
    """Up-down over all layers (section 5): 3, then 6, then 10 rounds in the memory, a third of the
    epochs each, at a rate that falls to a twentieth. The reconstruction error of each epoch."""
    rule = ContrastiveWakeSleep(list(network.recognition), list(network.generation), network.memory)
    errors = []
    for epoch in range(epochs):
        done = epoch / epochs
        rule.k = (3, 6, 10)[int(3 * done)]
        rule.learning_rate = RATE * 0.05**done
        order, total = gd.randperm(len(v)), gd.zeros(())
        for start in range(0, len(v) - 99, 100):
            batch = order[start : start + 100]
            total += rule.step(v[batch], labels[batch])
        errors.append(total.item() / (len(v) // 100))
        settings.report(
            f"up-down: epoch {epoch + 1} of {epochs}, k = {rule.k}, error {errors[-1]:.4f}"
        )
        watch(epoch)
    return errors


def demo(settings: Settings) -> Result:
    """The paper's network on MNIST: greedy learning, up-down, and digits that it draws."""
    gd.manual_seed(settings.seed, stream="philox")  # many draws: half the time of PyTorch's stream
    began, digits = time.monotonic(), gd.data.mnist()
    count, tests = settings.of((60_000, 10_000), (600, 300))
    network = DeepBeliefNetwork(settings.of((784, 500, 500, 2000), (784, 40, 40, 80)))
    v = as_rows(digits.train_images[:count], 784, TITLE)
    labels = one_of(digits.train_labels[:count], 10, TITLE)
    test, truth = as_rows(digits.test_images[:tests], 784, TITLE), digits.test_labels[:tests]
    greedy_epochs, epochs, steps, each = settings.of((6, 30, 1000, 20), (3, 2, 20, 2))

    train_greedily(network, v, labels, greedy_epochs, settings)
    greedy = accuracy(network, test, truth)
    curve = [(time.monotonic() - began, greedy)]

    def watch(epoch: int) -> None:
        if epoch % 3 == 2:
            curve.append((time.monotonic() - began, accuracy(network, test, truth)))
            settings.report(f"test accuracy {100 * curve[-1][1]:.2f}%")

    fine_tune(network, v, labels, epochs, settings, watch)
    final = accuracy(network, test, truth, passes=20)
    curve.append((time.monotonic() - began, final))
    wanted = np.repeat(np.arange(10), each)
    drawn = network.draw(wanted, steps).numpy()
    read = nearest_class(drawn, v.numpy(), digits.train_labels[:count])
    drawn_well = float((read == wanted).mean())
    measures = [
        Measure(
            "MNIST test accuracy", final, baseline=greedy, baseline_name="greedy learning alone",
            bar=0.975, paper=0.9875,
        ),
        Measure(
            "drawn digits that their nearest neighbour in MNIST names as asked", drawn_well,
            baseline=0.1, baseline_name="chance",
        ),
    ]  # fmt: skip
    notes = [
        f"{greedy_epochs} epochs for each layer and {epochs} of up-down in batches of 100; the "
        "paper took 30 and 300 in batches of 10, and a week on a 3 GHz processor",
        "the label is the one with the greatest mean log probability over 20 drawn passes upwards, "
        "as in the paper's section 6",
    ]
    figure = _figure(network, drawn, each) if can_draw() else None
    return Result(measures, figure, notes, curve, network)


def nearest_class(rows: np.ndarray, known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The label of the nearest of the known rows: a judge that learned nothing."""
    squares = (known**2).sum(1)
    return labels[(squares - 2 * rows @ known.T).argmin(1)]


def _figure(network: DeepBeliefNetwork, drawn: np.ndarray, each: int) -> object:
    """The digits that it draws beside the features of its first layer."""
    figure = new_figure(11, 5.6)
    left, right = figure.subplots(1, 2)
    shown = min(each, 10)
    sheet(left, drawn.reshape(10, each, 784)[:, :shown].reshape(-1, 784), 28, shown)
    left.set_title("Drawn by the network, a class in each row", loc="left", size=10, color=INK)
    weights = network.recognition[0].weight.detach().numpy()[:100]
    reach = np.abs(weights).max(1, keepdims=True)
    sheet(right, weights / reach, 28, 10)
    right.set_title("What 100 units of the first layer detect", loc="left", size=10, color=INK)
    return figure


SYSTEM = System(
    number=10,
    name="deep-belief-network",
    title="Deep belief network",
    year=2006,
    authors="Hinton, Osindero, Teh",
    reference=(
        "G. E. Hinton, S. Osindero, Y.-W. Teh (2006). A fast learning algorithm for deep belief "
        "nets. Neural Computation 18(7), 1527-1554"
    ),
    idea=(
        "Deep networks could not be trained from random weights. Here each layer first learns "
        "alone, without labels, to model the activities of the one below, as a restricted "
        "Boltzmann machine: that improves a bound on the likelihood of the data. Only then is the "
        "whole fine-tuned, upwards and downwards. The network is generative: it reads digits, and "
        "it draws them."
    ),
    equations=(
        Equation(
            "E(v, h) = - Σ b_i v_i - Σ c_j h_j - Σ v_i w_ij h_j",
            r"E(v,h) = -\sum_i b_i v_i - \sum_j c_j h_j - \sum_{i,j} v_i w_{ij} h_j",
            "section 3",
        ),
        Equation(
            "Δw_ij = α (⟨v_i h_j⟩_0 - ⟨v_i h_j⟩_n)",
            r"\Delta w_{ij} = \alpha (\langle v_i h_j \rangle_0 - \langle v_i h_j \rangle_n)",
            "eq. 3.1, cut after n rounds",
        ),
        Equation(
            "log p(v) ≥ Σ_h Q(h|v) [log p(h) + log p(v|h)] - Σ_h Q(h|v) log Q(h|v)",
            r"\log p(v) \ge \sum_h Q(h|v)[\log p(h) + \log p(v|h)] - \sum_h Q(h|v)\log Q(h|v)",
            "eq. 4.2",
        ),
        Equation(
            "wake: ΔG = α s_above (s_below - s'_below), sleep: ΔR = α s_below (s_above - s'_above)",
            r"\Delta G = \alpha\, s_{above} (s_{below} - s'_{below}),\quad "
            r"\Delta R = \alpha\, s_{below} (s_{above} - s'_{above})",
            "appendix B",
        ),
    ),
    sizes=Sizes(
        neurons=3_010,  # the label's units are computed, too
        connections=1_662_000 / 3_010,
        parameters=2_308_794,  # below the memory there are two sets of weights
        operations=2 * 1_662_000,
        examples=60_000,
    ),
    data="MNIST, 60,000 digits",
    paper_data="MNIST, 60,000 digits",
    paper_result="1.25% errors on MNIST",
    network=DeepBeliefNetwork,
    demo=demo,
    minutes=15,
)
