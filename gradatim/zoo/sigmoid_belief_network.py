"""Saul, Jaakkola & Jordan 1996: mean field theory for sigmoid belief networks.

A sigmoid belief network (Neal 1992) draws a pattern from above: the top layer's units by chance,
each unit below by its parents. To learn, one would have to know what the hidden units were, and the
sum over all their states has no short cut. The paper takes a product of independent probabilities
in its place, and a second bound where that is not enough, so that a number that can be computed
lies below the likelihood, and is raised by learning (`gradatim.rules.SigmoidMeanField`).

One network is trained for each digit. That whose bound is largest for a new pattern names it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gradatim as gd
from gradatim.explain.pictures.style import INK, can_draw, new_figure
from gradatim.graph.errors import DataError
from gradatim.rules.sigmoid_mean_field import Beliefs, SigmoidMeanField, check_binary
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

BINARIZATION_SEED = 1996


def eight_by_eight(images: np.ndarray) -> np.ndarray:
    """Digits of 28 × 28 as the paper's binary 8 × 8: (N, 28, 28) to float32 (N, 64).

    The rectangle of the ink is stretched over the 8 × 8 cells; a cell is 1 if it has more ink than
    the mean of its digit's cells.

    Raises:
        DataError: images of another size.
    """
    if images.ndim != 3 or images.shape[1:] != (28, 28):
        raise DataError(f"images have shape {images.shape}: expected digits, (N, 28, 28)")
    tall, wide = _edges(images), _edges(images.transpose(0, 2, 1))
    rows = _areas(images.astype(np.float32), tall)  # (N, 8, 28)
    cells = _areas(rows.transpose(0, 2, 1), wide).transpose(0, 2, 1).reshape(-1, 64)
    return (cells > cells.mean(1, keepdims=True)).astype(np.float32)


def _edges(images: np.ndarray) -> np.ndarray:
    """Nine lines, equally far apart, from the first row of ink to behind the last: (N, 9)."""
    ink = (images > 30).any(2)
    first, last = ink.argmax(1), ink.shape[1] - ink[:, ::-1].argmax(1)
    return first[:, None] + (last - first)[:, None] * np.arange(9) / 8


def _areas(images: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The mean of the rows between every two lines, which may cut rows: (N, 8, columns)."""
    below = np.concatenate([np.zeros_like(images[:, :1]), images.cumsum(1)], 1)
    whole = np.minimum(edges.astype(int), images.shape[1] - 1)
    part = (edges - whole)[..., None].astype(np.float32)
    which = np.arange(len(images))[:, None]
    up_to = below[which, whole] * (1 - part) + below[which, whole + 1] * part
    return np.diff(up_to, axis=1) / np.diff(edges, axis=1)[..., None].astype(np.float32)


def binarize(images: np.ndarray, seed: int = BINARIZATION_SEED) -> np.ndarray:
    """Each pixel is 1 with the probability that its gray says, drawn once: float32 (N, pixels)."""
    draw = np.random.default_rng(seed)
    flat = images.reshape(len(images), -1)
    return (draw.random(flat.shape, np.float32) * 255 < flat).astype(np.float32)


def learn(
    network: SigmoidMeanField,
    patterns: gd.Tensor,
    *,
    epochs: int,
    batch: int = 100,
    rate: float = 0.005,
    sweeps: int = 3,
    expansion: str = "product",
    step: float = 0.5,
    seed: int = 0,
    report: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Raise the bound of patterns (N, pixels): beliefs first, then the weights along its gradient.

    The beliefs of each pattern are kept for its next turn, so that a few sweeps are enough. The
    rate falls to 0 along a line. (The paper takes fixed steps; Adam needs fewer.)

    Returns:
        The mean bound of each epoch, in nats, before its updates.

    Raises:
        DataError: patterns that are not 0 and 1.
    """
    check_binary(patterns)
    means = patterns.mean(0).clamp(0.01, 0.99)
    with gd.no_grad():
        network.biases[0].copy_(means.logit())
    optimizer = gd.optim.Adam(network.parameters(), lr=rate)
    kept = [gd.full((len(patterns), units), 0.5) for units in network.sizes[1:]]

    @gd.compile
    def update(visible: gd.Tensor, mu: list[gd.Tensor]) -> tuple[gd.Tensor, list[gd.Tensor]]:
        beliefs = Beliefs(tuple(mu), network.start(visible).xi)
        with gd.no_grad():
            for _ in range(sweeps):
                beliefs = network.sweep(visible, beliefs, expansion, step)
        optimizer.zero_grad()
        bound = network.bound(visible, beliefs, expansion).mean()
        (-bound).backward()
        optimizer.step()
        return bound.detach(), list(beliefs.mu)

    draw, found = np.random.default_rng(seed), []
    batches = len(patterns) // batch
    for epoch in range(epochs):
        order = gd.tensor(draw.permutation(len(patterns)))
        total = gd.zeros(())
        for number, places in enumerate(order[: batches * batch].split(batch)):
            optimizer.param_groups[0]["lr"] = rate * (1 - (epoch + number / batches) / epochs)
            bound, mu = update(patterns[places], [m[places] for m in kept])
            for whole, part in zip(kept, mu):
                whole[places] = part
            total = total + bound
        found.append(float(total) / batches)
        if report:
            report(epoch + 1, found[-1])
    return found


class SigmoidBeliefNetwork(SigmoidMeanField):
    """The paper's network for one digit: 8 × 8 pixels, 24 hidden units, and 8 above them."""

    def __init__(self, sizes: tuple[int, ...] = (64, 24, 8), *, scale: float = 0.1, seed: int = 0):
        super().__init__(sizes, scale=scale, seed=seed)


def bounds(
    network: SigmoidMeanField, patterns: gd.Tensor, sweeps: int, step: float, batch: int = 100
) -> gd.Tensor:
    """The paper's bound of each pattern, (N,). The first sweeps go to second order, which is
    cheap where there are many units; ten with the products follow."""

    @gd.compile
    def measure(visible: gd.Tensor) -> gd.Tensor:
        with gd.no_grad():
            beliefs = network.infer(visible, None, sweeps, "normal", step)
            beliefs = network.infer(visible, beliefs, 10, "product", step)
            return network.bound(visible, beliefs)

    return gd.cat([measure(part) for part in patterns.split(batch)])


def independent_pixels(shown: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """ln P of patterns if every pixel is drawn for itself, each as often as it was: (N,)."""
    share = (shown.sum(0) + 1) / (len(shown) + 2)
    return hidden @ np.log(share) + (1 - hidden) @ np.log(1 - share)


def demo(settings: Settings) -> Result:
    """Ten networks for ten digits of 8 × 8; then one for all digits of 28 × 28."""
    each, test, epochs = settings.of((10_000, 10_000, 15), (100, 200, 2))
    digits = gd.data.mnist()
    labels, wanted = digits.train_labels, digits.test_labels[:test]
    small, unseen = (
        eight_by_eight(images) for images in (digits.train_images, digits.test_images[:test])
    )
    scores, simple, networks = [], [], []
    for digit in range(settings.of(10, 3)):
        shown = small[labels == digit][:each]
        network = SigmoidBeliefNetwork(seed=settings.seed + digit)
        found = learn(
            network, gd.tensor(shown), epochs=epochs, rate=0.02, step=0.3,
            batch=settings.of(100, 20), seed=settings.seed,
        )  # fmt: skip
        settings.report(
            f"digit {digit}: {len(shown):,} patterns, bound {found[0]:.2f} to {found[-1]:.2f} nats"
        )
        scores.append(bounds(network, gd.tensor(unseen), settings.of(20, 5), 0.2).numpy())
        simple.append(independent_pixels(shown, unseen))
        networks.append(network)
    known = wanted < len(scores)
    right, plain = (
        float((np.argmax(rows, 0) == wanted)[known].mean()) for rows in (scores, simple)
    )
    settings.report(f"the largest bound is the digit's own: {100 * right:.2f}%")

    train, test, epochs = settings.of((60_000, 10_000, 12), (500, 100, 2))
    sizes = settings.of((784, 200, 80), (784, 20, 8))
    shown = binarize(digits.train_images[:train])
    hidden = binarize(digits.test_images[:test], BINARIZATION_SEED + 1)
    large = SigmoidBeliefNetwork(sizes, seed=settings.seed)
    learn(
        large, gd.tensor(shown), epochs=epochs, rate=0.005, expansion="normal", step=0.15,
        seed=settings.seed,
        report=lambda epoch, bound: settings.report(
            f"28 × 28, epoch {epoch} of {epochs}: bound {bound:.2f} nats"
        ),
    )  # fmt: skip
    bound = float(bounds(large, gd.tensor(hidden), settings.of(60, 5), 0.1).mean())
    settings.report(f"28 × 28, unseen digits: bound {bound:.2f} nats")
    measures = [
        Measure(
            "8 × 8 digits: the largest of ten bounds is the digit's own", right, baseline=plain,
            baseline_name="independent pixels in place of the networks",
            bar=settings.of(0.94, None),
        ),
        Measure(
            "28 × 28 digits: mean bound of ln P, test", bound, unit="nats",
            baseline=float(independent_pixels(shown, hidden).mean()),
            baseline_name="independent pixels", bar=settings.of(-128, None),
        ),
    ]  # fmt: skip
    notes = [
        "Small digits: the rectangle of an MNIST digit's ink, stretched over 8 × 8 cells that are "
        "1 where they have more ink than the digit's mean. (The paper's came from CEDAR.)",
        f"Large digits: each pixel is drawn once with its gray as probability, numpy's generator "
        f"with seed {BINARIZATION_SEED} for training and {BINARIZATION_SEED + 1} for test.",
        f"The 28 × 28 network has layers of {', '.join(map(str, sizes))} units and learns with the "
        "bound to second order (matrix products); it is measured with the paper's bound itself.",
    ]
    figure = picture(networks, large) if can_draw() else None
    return Result(measures, figure, notes, model=large)


def picture(networks: list[SigmoidMeanField], large: SigmoidMeanField) -> Any:
    """What the networks draw by themselves."""
    figure = new_figure(10, 5)
    left, right = figure.subfigures(1, 2)
    for axes, network in zip(left.subplots(len(networks), 8, squeeze=False), networks):
        for axis, drawn in zip(axes, network.sample(8).numpy()):
            axis.imshow(drawn.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            axis.axis("off")
    left.suptitle("Drawn by the network of each digit", x=0.01, ha="left", size=10, color=INK)
    for axis, drawn in zip(right.subplots(7, 7).flat, large.sample(49).numpy()):
        axis.imshow(drawn.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
        axis.axis("off")
    right.suptitle("Drawn by the network of 28 × 28", x=0.01, ha="left", size=10, color=INK)
    return figure


UNITS, WEIGHTS = 64 + 24 + 8, 64 * 24 + 24 * 8

SYSTEM = System(
    number=7,
    name="sigmoid-belief-network",
    title="Mean field sigmoid belief network",
    year=1996,
    authors="Saul, Jaakkola, Jordan",
    reference=(
        "L. K. Saul, T. Jaakkola and M. I. Jordan, Mean field theory for sigmoid belief networks, "
        "Journal of Artificial Intelligence Research 4 (1996) 61-76"
    ),
    idea=(
        "The likelihood of a pattern in a network with hidden units is a sum over all their "
        "states. Take the hidden units as independent, bound what is still not in closed form "
        "with one more parameter for each unit, and a number that can be computed lies below the "
        "likelihood. It is as good as that for learning and for comparing models, without "
        "drawing samples."
    ),
    equations=(
        Equation(
            "P(Sᵢ = 1 | parents) = σ(Σⱼ Jᵢⱼ Sⱼ + hᵢ)",
            r"P(S_i = 1 \mid \mathrm{pa}) = \sigma\left(\sum_j J_{ij} S_j + h_i\right)",
            "the network",
        ),
        Equation(
            "⟨ln(1 + e^z)⟩ ≤ ξ⟨z⟩ + ln⟨e^(−ξz) + e^((1−ξ)z)⟩",
            r"\langle\ln(1 + e^{z})\rangle \le \xi\langle z\rangle + "
            r"\ln\langle e^{-\xi z} + e^{(1-\xi) z}\rangle",
            "the second bound",
        ),
        Equation(
            "ln P(V) ≥ Σᵢ [⟨zᵢ⟩(μᵢ − ξᵢ) − ln⟨e^(−ξᵢzᵢ) + e^((1−ξᵢ)zᵢ)⟩ + H(μᵢ)]",
            r"\ln P(V) \ge \sum_i \langle z_i\rangle(\mu_i - \xi_i) - \ln\langle "
            r"e^{-\xi_i z_i} + e^{(1-\xi_i) z_i}\rangle + H(\mu_i)",
            "the bound",
        ),
        Equation(
            "μⱼ = σ(⟨zⱼ⟩ + Σᵢ [Jᵢⱼ (μᵢ − ξᵢ) + Kᵢⱼ])",
            r"\mu_j = \sigma\left(\langle z_j\rangle + \sum_i [J_{ij}(\mu_i - \xi_i) + "
            r"K_{ij}]\right)",
            "fixed point",
        ),
    ),
    # Of one of the ten networks. Its visible units have parents, and compute. Operations: a draw
    # from above, a multiplication and an addition for each weight.
    sizes=Sizes(
        neurons=UNITS,
        connections=WEIGHTS / UNITS,
        parameters=WEIGHTS + UNITS,
        operations=2 * WEIGHTS,
        examples=11_000,
    ),
    data="MNIST: binary 8 × 8, and binarized 28 × 28",
    paper_data="binary 8 × 8 digits (CEDAR)",
    paper_result="",
    network=SigmoidBeliefNetwork,
    demo=demo,
    minutes=5.0,
)  # fmt: skip
