"""Coates & Ng 2011: features from patches, and what really matters about them.

The paper takes two things apart that were always taken together: how a dictionary of patches is
*trained*, and how an image is *encoded* with it. Training hardly matters: one-atom matching
pursuit (OMP-1), which takes seconds, or even patches taken at random, do as well as sparse coding.
Encoding does: a soft threshold with the positive and the negative part apart is as good as any, and
needs no more than one matrix product.

    patches → contrast normalization → whitening → dictionary → |threshold| → sums over quadrants
    → linear classifier (`gradatim.rules` has each)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import gradatim as gd
from gradatim.explain.pictures.style import INK, can_draw, new_figure
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.rules import L2SVM, ZCA, DictionaryLearning, normalize_contrast
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System


class OMP1Network(gd.nn.Module):
    """The paper's pipeline as a network; its sizes are those of CIFAR-10.

    Args:
        atoms: of the dictionary, d; each becomes two features.
        patch: side of a patch.
        channels, size: of the images.
        classes: of the classifier.
        threshold: α, what a response has to pass.
        penalty: C of the classifier.
        seed: of the dictionary and of which patches it is learned from.

    Shape:
        (N, channels, size, size) with pixels of 0 to 1, to scores (N, classes).

    Raises:
        ArgumentError: a patch that has no two positions in the image.
    """

    def __init__(
        self,
        atoms: int = 6000,
        patch: int = 6,
        channels: int = 3,
        size: int = 32,
        classes: int = 10,
        *,
        threshold: float = 0.25,
        penalty: float = 100.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if size < patch + 1:
            raise ArgumentError(
                f"images of {size} × {size} are too small for quadrants of patches of {patch} × "
                f"{patch}: the smallest are {patch + 1} × {patch + 1}"
            )
        self.patch, self.channels, self.size = patch, channels, size
        self.threshold, self.seed = threshold, seed
        width = channels * patch * patch
        self.whitening = ZCA(width, epsilon=0.1)
        self.dictionary = DictionaryLearning(atoms, width, k=1, seed=seed)
        self.classifier = L2SVM(4 * 2 * atoms, classes, penalty)
        self._features = gd.compile(self._encode)

    def patches(self, images: gd.Tensor) -> gd.Tensor:
        """All patches of images, contrast-normalized: (N, positions, channels · patch²)."""
        found = gd.nn.functional.unfold(images, self.patch).transpose(1, 2)
        return normalize_contrast(found, epsilon=10 / 255**2)

    def learn_dictionary(
        self,
        images: gd.Tensor,
        patches: int = 200_000,
        turns: int = 10,
        report: Callable[[int, float], None] | None = None,
    ) -> gd.Tensor:
        """Find whitening and dictionary from random patches of images, which it returns whitened.
        No labels are needed."""
        self._check(images)
        generator = gd.Generator().manual_seed(self.seed)
        chosen = gd.randint(0, len(images), (patches,), generator=generator)
        last = self.size - self.patch + 1
        top, left = (gd.randint(0, last, (patches, 1, 1), generator=generator) for _ in range(2))
        inside = gd.arange(self.patch)
        cut = images[chosen.reshape(-1, 1, 1), :, top + inside.reshape(-1, 1), left + inside]
        cut = cut.permute(0, 3, 1, 2).reshape(patches, -1)  # as `unfold` orders them
        white = self.whitening.fit(normalize_contrast(cut, epsilon=10 / 255**2))
        cut = white(normalize_contrast(cut, epsilon=10 / 255**2))
        self.dictionary.fit(cut, turns, report)
        return cut

    def _encode(self, images: gd.Tensor) -> gd.Tensor:
        whitened = self.whitening(self.patches(images))
        response = whitened @ self.dictionary.dictionary.T  # (N, positions, atoms)
        side = self.size - self.patch + 1
        grid = response.reshape(len(images), side, side, -1)
        half = math.ceil(side / 2)
        pooled = []
        for rows in (slice(None, half), slice(half, None)):
            for columns in (slice(None, half), slice(half, None)):
                part = grid[:, rows, columns]
                pooled.append(gd.relu(part - self.threshold).sum((1, 2)))
                pooled.append(gd.relu(-part - self.threshold).sum((1, 2)))
        return gd.cat(pooled, 1)

    def features(self, images: gd.Tensor, batch: int = 100) -> gd.Tensor:
        """The sums over quadrants of the split, thresholded responses: (N, 4 · 2 · atoms)."""
        self._check(images)
        with gd.no_grad():
            return gd.cat([self._features(part) for part in images.split(batch)])

    def forward(self, images: gd.Tensor) -> gd.Tensor:
        """Scores of the classes."""
        return self.classifier(self.features(images))

    def _check(self, images: gd.Tensor) -> None:
        wanted = (self.channels, self.size, self.size)
        if images.dim() != 4 or tuple(images.shape[1:]) != wanted:
            raise ShapeError(
                f"images have shape {tuple(images.shape)}: this network takes "
                f"(N, {', '.join(map(str, wanted))})"
            )
        if not images.is_floating_point():
            raise DataError(f"images are {images.dtype}: this network takes floats of 0 to 1")


def accuracy(scores: gd.Tensor, labels: gd.Tensor) -> float:
    """The part of rows whose largest score is the label's."""
    return float((scores.argmax(1) == labels).float().mean())


def demo(settings: Settings) -> Result:
    """MNIST, beside the same classifier on pixels and on a dictionary of random directions."""
    atoms, patches, turns = settings.of((400, 200_000, 10), (20, 5_000, 3))
    train, test, steps = settings.of((60_000, 10_000, 120), (500, 500, 10))
    digits = gd.data.mnist()

    def ready(images: np.ndarray, count: int) -> gd.Tensor:
        return gd.tensor(images[:count, None].astype(np.float32) / 255)

    images, unseen = ready(digits.train_images, train), ready(digits.test_images, test)
    labels, wanted = (
        gd.tensor(digits.train_labels[:train]), gd.tensor(digits.test_labels[:test]),
    )  # fmt: skip

    def classify(classifier: L2SVM, shown: gd.Tensor, hidden: gd.Tensor, name: str) -> float:
        classifier.fit(
            shown, labels, steps,
            lambda step, loss: settings.report(f"on {name}: step {step}, loss {loss:.4g}"),
        )  # fmt: skip
        found = accuracy(gd.cat([classifier(part) for part in hidden.split(1000)]), wanted)
        settings.report(f"on {name}: {100 * found:.2f}%")
        return found

    pixels = classify(L2SVM(784), images.flatten(1), unseen.flatten(1), "pixels")
    network = OMP1Network(atoms, channels=1, size=28, seed=settings.seed)
    cut = network.learn_dictionary(
        images, patches, 0, lambda turn, error: None
    )  # whitening alone: the dictionary stays random
    random = classify(
        network.classifier, network.features(images), network.features(unseen), "random directions"
    )
    network.dictionary.fit(
        cut, turns,
        lambda turn, error: settings.report(f"OMP-1, turn {turn} of {turns}: error {error:.2f}"),
    )  # fmt: skip
    settings.report(f"encoding {train + test:,} images with {atoms} atoms")
    learned = classify(
        network.classifier, network.features(images), network.features(unseen), "OMP-1 features"
    )
    measures = [
        Measure(
            "MNIST test accuracy", learned, baseline=pixels,
            baseline_name="the same classifier on pixels", bar=settings.of(0.985, None),
        ),
        Measure("the same with random directions in place of the dictionary", random),
    ]  # fmt: skip
    notes = [
        f"{atoms} atoms for MNIST; the paper has 1,600 and 6,000 for CIFAR-10.",
        "The paper does not use MNIST; on CIFAR-10 it has 81.5% with 6,000 atoms.",
    ]
    return Result(measures, picture(network) if can_draw() else None, notes, model=network)


def picture(network: OMP1Network, count: int = 96) -> Any:
    """Atoms of the dictionary, as patches."""
    atoms = network.dictionary.dictionary[:count].numpy()
    side, columns = network.patch, 16
    figure = new_figure(7.5, 0.47 * -(-len(atoms) // columns) + 0.5)
    grid = list(figure.subplots(-(-len(atoms) // columns), columns, squeeze=False).flat)
    for axis in grid:
        axis.axis("off")
    for axis, atom in zip(grid, atoms):
        shown = atom.reshape(network.channels, side, side).mean(0)
        reach = np.abs(shown).max()
        axis.imshow(shown, cmap="RdBu", vmin=-reach, vmax=reach)
    figure.suptitle(
        f"{len(atoms)} of {network.dictionary.atoms} atoms that OMP-1 found in whitened patches of "
        "digits", x=0.01, ha="left", size=10, color=INK,
    )  # fmt: skip
    return figure


# CIFAR-10 with 6,000 atoms: 27 × 27 positions, each with 6,000 responses that are split in two;
# sums over four quadrants of 14 or 13 positions a side; 10 classes.
ATOMS, POSITIONS, WIDTH = 6_000, 27 * 27, 108
RESPONSES, POOLED, CLASSES = POSITIONS * 2 * ATOMS, 4 * 2 * ATOMS, 10
CONNECTIONS = RESPONSES * WIDTH + RESPONSES + POOLED * CLASSES

SYSTEM = System(
    number=16,
    name="omp-1",
    title="OMP-1 network",
    year=2011,
    authors="Coates, Ng",
    reference=(
        "A. Coates and A. Y. Ng, The importance of encoding versus training with sparse coding and "
        "vector quantization, ICML 2011, 921-928"
    ),
    idea=(
        "How a dictionary of image patches is trained and how images are encoded with it are two "
        "things, and the second matters more. One-atom matching pursuit finds in seconds a "
        "dictionary as good as sparse coding's; a soft threshold, with positive and negative "
        "parts as features of their own, encodes as well where there are labels enough."
    ),
    equations=(
        Equation(
            "min over D, s of Σ ‖D sᵢ − xᵢ‖²,  ‖dⱼ‖ = 1, at most one of sᵢ not 0",
            r"\min_{D,s} \sum_i \|D s^{(i)} - x^{(i)}\|_2^2,\ \|d^{(j)}\|_2 = 1,"
            r"\ \|s^{(i)}\|_0 \le 1",
            "OMP-1",
        ),
        Equation(
            "fⱼ = max(0, dⱼ·x − α),  fⱼ₊d = max(0, −dⱼ·x − α)",
            r"f_j = \max\{0, D^{(j)\top} x - \alpha\},\ "
            r"f_{j+d} = \max\{0, -D^{(j)\top} x - \alpha\}",
            "soft threshold",
        ),
        Equation(
            "min ½ ‖w‖² + C Σ max(0, 1 − tᵢ w·fᵢ)²",
            r"\min_w \tfrac12\|w\|^2 + C \sum_i \max(0, 1 - t_i\, w \cdot f_i)^2",
            "L2-SVM",
        ),
    ),
    sizes=Sizes(
        neurons=RESPONSES + POOLED + CLASSES,
        connections=CONNECTIONS / (RESPONSES + POOLED + CLASSES),
        # Whitening (μ and a matrix), dictionary, classifier.
        parameters=WIDTH + WIDTH**2 + ATOMS * WIDTH + (POOLED + 1) * CLASSES,
        # The two halves of a split share their product; whitening is a product of its own.
        operations=2 * POSITIONS * (WIDTH**2 + ATOMS * WIDTH) + RESPONSES + 2 * POOLED * CLASSES,
        examples=50_000,
    ),
    data="MNIST",
    paper_data="CIFAR-10, NORB, Caltech 101",
    paper_result="CIFAR-10 81.5% (6,000 atoms)",
    network=OMP1Network,
    demo=demo,
)
