"""The deep belief network on graphics processors (Raina, Madhavan & Ng 2009): unsupervised learning
as a few large matrix products, so that hardware with many cores can do it.

    overlapping patches  hidden units see a patch of the picture each, and neighbours' patches
                         overlap; the weights of no two places are shared           (section 4.2)
    minibatches          contrastive divergence over whole batches is matrix products
    sparse coding        a solver in which all coefficients move at once            (section 5)

The paper's largest machine has 45 million weights, its deepest network 100 million;
they learn up to 70 times as fast on a graphics processor as on a dual-core CPU. Here one layer of
patches learns MNIST on this processor's threads; it is not fine-tuned, and read linearly.

R. Raina, A. Madhavan, A. Y. Ng 2009, *Large-scale deep unsupervised learning using graphics
processors*, ICML.
"""

from __future__ import annotations

import time

import numpy as np

import gradatim as gd
from gradatim import nn
from gradatim.explain.pictures.style import INK, can_draw, new_figure
from gradatim.rules.ascent import Ascent
from gradatim.rules.sparse_coding import SparseCoding
from gradatim.zoo.pixels import as_rows, sheet
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

TITLE = "the deep belief network of overlapping patches"
READING_RATE = 3e-3  # of Adam, at the beginning
FLOOR = 0.01  # added to deviations: of features that hardly ever change, noise stays small


class OverlappingPatches(nn.Module):
    """A restricted Boltzmann machine whose hidden units see a patch of the picture each. Pixels
    where patches overlap are explained by all of them together.

    Args:
        side: of the picture. patch: side of a patch. stride: from one patch to the next.
        hidden: units of each patch.

    Attributes:
        W: (patches, patch², hidden). b: (side²,). c: (patches, 1, hidden).

    Shape:
        (N, side²) from 0 to 1, to (N, patches · hidden) probabilities.

    Example:
        >>> machine = OverlappingPatches(28, 12, 4, hidden=3)  # 5 × 5 patches
        >>> machine(gd.zeros(2, 784)).shape
        torch.Size([2, 75])
    """

    def __init__(self, side: int = 28, patch: int = 12, stride: int = 4, hidden: int = 200) -> None:
        super().__init__()
        if patch > side:
            raise gd.ArgumentError(
                f"pictures of {side} × {side} are smaller than a patch: {patch} × {patch} is the "
                "smallest"
            )
        if stride < 1 or (side - patch) % stride:
            raise gd.ArgumentError(
                f"patches of {patch} with stride {stride} do not cover a side of {side}: "
                f"{side - patch} has to be a multiple of the stride"
            )
        self.side, self.patch, self.stride = side, patch, stride
        count = ((side - patch) // stride + 1) ** 2
        self.W = nn.Parameter(0.01 * gd.randn(count, patch * patch, hidden))
        self.b = nn.Parameter(gd.zeros(side * side))
        self.c = nn.Parameter(gd.zeros(count, 1, hidden))

    @property
    def weights(self) -> list[gd.Tensor]:
        return [self.W]

    @property
    def biases(self) -> list[gd.Tensor]:
        return [self.b, self.c]

    def cut(self, v: gd.Tensor) -> gd.Tensor:
        """The patches of pictures: (patches, N, patch²)."""
        pictures = v.reshape(-1, 1, self.side, self.side)
        return nn.functional.unfold(pictures, self.patch, stride=self.stride).permute(2, 0, 1)

    def hidden_given(self, v: gd.Tensor) -> gd.Tensor:
        """p(h = 1 | v): (patches, N, hidden)."""
        return (self.cut(v) @ self.W + self.c).sigmoid()

    def visible_given(self, h: gd.Tensor) -> gd.Tensor:
        """p(v = 1 | h): (N, side²); patches that overlap add up."""
        told = (h @ self.W.transpose(1, 2)).permute(1, 2, 0)
        side = (self.side, self.side)
        pictures = nn.functional.fold(told, side, self.patch, stride=self.stride)
        return (pictures.reshape(-1, self.side**2) + self.b).sigmoid()

    def forward(self, v: gd.Tensor) -> gd.Tensor:
        h = self.hidden_given(v).permute(1, 0, 2)
        return h.reshape(h.shape[0], -1)


class PatchContrast(Ascent):
    """Contrastive divergence, CD-1, for overlapping patches."""

    def gradients(self, v: gd.Tensor) -> tuple[list[gd.Tensor], gd.Tensor]:
        machine, cases = self.machine, v.shape[0]
        h = machine.hidden_given(v)
        back = machine.visible_given(h.bernoulli()).bernoulli()
        h_1 = machine.hidden_given(back)
        weights = machine.cut(v).transpose(1, 2) @ h - machine.cut(back).transpose(1, 2) @ h_1
        biases = [(v - back).mean(0), (h - h_1).mean(1, keepdim=True)]
        return [weights / cases, *biases], ((v - back) ** 2).mean()


def read_linearly(
    features: nn.Module,
    train: tuple[gd.Tensor, gd.Tensor],
    test: tuple[gd.Tensor, np.ndarray],
    epochs: int,
    settings: Settings,
) -> float:
    """Test accuracy of softmax regression on features, which stay as they are. Each is brought to
    mean 0 and deviation 1 first: hidden units are rarely on, and descent would be slow."""
    with gd.no_grad():
        sample = features(train[0][:5000])
        mean, scale = sample.mean(0), 1 / (sample.std(0) + FLOOR)

    def scaled(v: gd.Tensor) -> gd.Tensor:
        return ((features(v) - mean) * scale).detach()

    reader = nn.Linear(len(mean), 10)
    nn.init.zeros_(reader.weight)
    nn.init.zeros_(reader.bias)
    optimizer = gd.optim.Adam(reader.parameters(), lr=READING_RATE)

    @gd.compile
    def step(v: gd.Tensor, truth: gd.Tensor) -> gd.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(reader(scaled(v)), truth)
        loss.backward()
        optimizer.step()
        return loss.detach()

    read = gd.compile(lambda v: reader(scaled(v)).argmax(1))
    v, truth = train
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = READING_RATE * (1 - epoch / epochs)
        order, total = gd.randperm(len(v)), gd.zeros(())
        for start in range(0, len(v) - 99, 100):
            rows = order[start : start + 100]
            total += step(v[rows], truth[rows])
        settings.report(
            f"linear classifier: epoch {epoch + 1} of {epochs}, loss "
            f"{total.item() / (len(v) // 100):.4f}"
        )
    parts = range(0, len(test[0]), 500)
    with gd.no_grad():
        answers = np.concatenate([read(test[0][k : k + 500]).numpy() for k in parts])
    accuracy = float((answers == test[1]).mean())
    settings.report(f"linear classifier: test accuracy {100 * accuracy:.2f}%")
    return accuracy


def rate(learner: Ascent, v: gd.Tensor, threads: int, steps: int) -> float:
    """Pictures a second that contrastive divergence learns from, with so many threads."""
    before = gd.get_num_threads()
    gd.set_num_threads(threads)
    try:
        learner.step(v).item()
        began = time.perf_counter()
        for _ in range(steps):
            last = learner.step(v)
        last.item()
        return steps * len(v) / (time.perf_counter() - began)
    finally:
        gd.set_num_threads(before)


def demo(settings: Settings) -> Result:
    """Overlapping patches and sparse coding on MNIST, read by a linear classifier."""
    gd.manual_seed(settings.seed, stream="philox")
    digits = gd.data.mnist()
    count, tests = settings.of((60_000, 10_000), (600, 300))
    v, test = (
        as_rows(images, 784, TITLE)
        for images in (digits.train_images[:count], digits.test_images[:tests])
    )
    train = v, gd.tensor(digits.train_labels[:count])
    judged = test, digits.test_labels[:tests]
    epochs, reading, steps = settings.of((8, 12, 50), (2, 2, 3))

    machine = OverlappingPatches(hidden=settings.of(200, 5))
    untrained = read_linearly(machine, train, judged, reading, settings)
    pixels = read_linearly(nn.Identity(), train, judged, reading, settings)
    learner = PatchContrast(machine, learning_rate=0.1, momentum=0.5, weight_decay=2e-4)
    for epoch in range(epochs):
        learner.momentum = 0.5 if epoch < 3 else 0.9
        learner.learning_rate = 0.1 if epoch < 3 else 0.05
        error = learner.epoch(v)
        settings.report(
            f"overlapping patches: epoch {epoch + 1} of {epochs}, reconstruction error {error:.4f}"
        )
    accuracy = read_linearly(machine, train, judged, reading, settings)

    with gd.no_grad():
        cut = machine.cut(v[: settings.of(10_000, 200)]).reshape(-1, machine.patch**2)
    patches = cut[cut.sum(1) > 5.0]  # most of the others are empty
    coding = SparseCoding(machine.patch**2, settings.of(100, 20), penalty=0.3)
    lengths = []
    for k in range(settings.of(300, 5)):
        rows = gd.randint(0, len(patches), (500,))
        lengths.append(coding.step(patches[rows]).item())
        if k % 50 == 0:
            settings.report(f"sparse coding: step {k}, objective {lengths[-1]:.3f}")
    active = float((coding.encode(patches[:1000]).numpy() != 0).mean())

    # On a copy: timing must not train the machine further.
    twin = OverlappingPatches(hidden=machine.W.shape[2])
    twin.load_state_dict(machine.state_dict())
    timed = PatchContrast(twin, learning_rate=1e-6, momentum=0.0, weight_decay=0.0)
    threads = gd.get_num_threads()
    one, all_of_them = (rate(timed, v[:500], count, steps) for count in (1, threads))
    measures = [
        Measure(
            "MNIST test accuracy, linear on features not fine-tuned", accuracy, baseline=pixels,
            baseline_name="linear on pixels", bar=0.975,
        ),
        Measure(
            "the same, beside untrained features", accuracy, baseline=untrained,
            baseline_name="linear on the untrained machine's features",
        ),
        Measure(
            f"rate of contrastive divergence, {threads} threads", all_of_them, unit="pictures/s",
            baseline=one, baseline_name="one thread",
        ),
        Measure(
            "sparse coding, objective per patch", float(np.mean(lengths[-5:])), unit="",
            baseline=lengths[0], baseline_name="random bases", lower_is_better=True,
        ),
    ]  # fmt: skip
    notes = [
        f"one layer of {machine.W.shape[0]} patches with {machine.W.shape[2]} units each, "
        f"{machine.W[:].numel():,} weights: the paper's largest machine has 45 million, "
        f"{45_000_000 / machine.W[:].numel():.0f} times as many",
        f"without a graphics processor, the rate is that of {threads} threads beside one",
        f"{100 * active:.0f}% of the coefficients of sparse coding are not 0",
    ]
    figure = _figure(machine, coding) if can_draw() else None
    return Result(measures, figure, notes, model=machine)


def _figure(machine: OverlappingPatches, coding: SparseCoding) -> object:
    """Features of the patch in the middle, beside the bases of sparse coding."""
    figure = new_figure(10, 5.4)
    left, right = figure.subplots(1, 2)
    middle = machine.W.detach().numpy()[machine.W.shape[0] // 2].T
    for axis, rows, title in (
        (left, middle, "Overlapping patches: units of the middle patch"),
        (right, coding.B.numpy(), "Sparse coding: bases"),
    ):
        columns = min(10, len(rows))
        shown = rows[: len(rows) // columns * columns][:100]
        scaled = shown / np.maximum(np.abs(shown).max(1, keepdims=True), 1e-12)
        sheet(axis, scaled, machine.patch, columns)
        axis.set_title(title, loc="left", size=10, color=INK)
    return figure


SYSTEM = System(
    number=13,
    name="gpu-deep-belief-network",
    title="GPU-accelerated deep belief network",
    year=2009,
    authors="Raina, Madhavan, Ng",
    reference=(
        "R. Raina, A. Madhavan, A. Y. Ng (2009). Large-scale deep unsupervised learning using "
        "graphics processors. Proceedings of the 26th International Conference on Machine "
        "Learning, 873-880"
    ),
    idea=(
        "Unsupervised learning of large networks took weeks. Written as products of large matrices "
        "over minibatches, with the parameters kept where the arithmetic is, it runs on a graphics "
        "processor up to 70 times as fast. Hidden units that see overlapping patches keep the "
        "number of weights in bounds, and sparse coding is given a solver in which every "
        "coefficient moves at once."
    ),
    equations=(
        Equation(
            "Δw_ij = α (⟨v_i h_j⟩_data - ⟨v_i h_j⟩_reconstruction)",
            r"\Delta w_{ij} = \alpha(\langle v_i h_j \rangle_{data} - "
            r"\langle v_i h_j \rangle_{recon})",
            "section 4",
        ),
        Equation(
            "min ½ Σ |x - Σ_j a_j b_j|² + β Σ |a_j|,  |b_j| ≤ 1",
            r"\min \tfrac{1}{2} \sum \|x - \sum_j a_j b_j\|^2 + \beta \sum |a_j|,\ \|b_j\| \le 1",
            "section 5",
        ),
    ),
    sizes=Sizes(
        # The largest machine of the paper's table of speeds: 4,096 visible, 11,008 hidden units.
        neurons=11_008,
        connections=4_096.0,
        parameters=4_096 * 11_008 + 4_096 + 11_008,
        operations=2 * 4_096 * 11_008,
        examples=1_000_000,
    ),
    data="MNIST, 60,000 digits",
    paper_data="natural images",
    paper_result=(
        "up to 70 times as fast as a dual-core CPU; a four-layer network of 100 million parameters "
        "in about a day; sparse coding 5 to 15 times as fast"
    ),
    network=OverlappingPatches,
    demo=demo,
    minutes=3,
)
