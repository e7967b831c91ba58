"""MNIST as the systems for images take it, and the loop in which they learn it.

Images stay bytes; a compiled step picks the rows of its batch and makes numbers of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import gradatim as gd
from gradatim.data import mnist
from gradatim.graph.errors import ShapeError
from gradatim.zoo.system import Settings


@dataclass
class Digits:
    """MNIST in tensors.

    Attributes:
        train_images, test_images: uint8 (N, 1, H, W), 0 is background.
        train_labels, test_labels: int64 (N,).
    """

    train_images: gd.Tensor
    train_labels: gd.Tensor
    test_images: gd.Tensor
    test_labels: gd.Tensor


def digits(settings: Settings, train: int = 60_000, pad: int = 0, tiny: int = 400) -> Digits:
    """The digits of a demonstration.

    Args:
        settings: at the scale "tiny" there are `tiny` digits to train on and 200 to test with.
        train: how many of the 60,000, from the first on.
        pad: pixels of background that are added on each side.
    """
    arrays = mnist()
    train, test = settings.of((train, 10_000), (tiny, 200))
    around = ((0, 0), (0, 0), (pad, pad), (pad, pad))
    return Digits(
        gd.tensor(np.pad(arrays.train_images[:train, None], around)),
        gd.tensor(arrays.train_labels[:train]),
        gd.tensor(np.pad(arrays.test_images[:test, None], around)),
        gd.tensor(arrays.test_labels[:test]),
    )


def batches(count: int, size: int, rng: np.random.Generator) -> Iterator[gd.Tensor]:
    """The rows 0 to count - 1 in a new order, `size` at a time; a last one that is not full is left
    out, so that every step is the same Program.
    """
    order = rng.permutation(count)
    for start in range(0, count - size + 1, size):
        yield gd.tensor(order[start : start + size])


def predictions(
    classify: Callable[[gd.Tensor], gd.Tensor], images: gd.Tensor, size: int = 500
) -> np.ndarray:
    """What a function of image batches gives for all of them, (N, ...), without gradients.

    Args:
        classify: from uint8 (size, 1, H, W) to (size, ...), compiled here.
        size: of a batch; the number of images is a multiple of it, or smaller.
    """
    size = min(size, len(images))

    @gd.compile
    def step(batch: gd.Tensor) -> gd.Tensor:
        with gd.no_grad():
            return classify(batch)

    parts = [step(images[k : k + size]).numpy() for k in range(0, len(images), size)]
    return np.concatenate(parts)


def accuracy(
    classify: Callable[[gd.Tensor], gd.Tensor], images: gd.Tensor, labels: gd.Tensor
) -> float:
    """The fraction of images whose largest score is that of their label."""
    scores = predictions(classify, images)
    return float((scores.argmax(1) == labels.numpy()).mean())


def check_images(name: str, images: gd.Tensor, channels: int, smallest: int) -> None:
    """Refuse what is no batch of images that the system can take.

    Raises:
        ShapeError: naming the kind of data, and the smallest size.
    """
    wanted = f"{name} needs images (N, {channels}, H, W) with H and W of {smallest} or more"
    shape = list(images.shape)
    if images.dim() != 4 or shape[1] != channels:
        raise ShapeError(f"{wanted}, and got a tensor of shape {shape}")
    if min(shape[2:]) < smallest:
        raise ShapeError(
            f"{wanted}: {shape[2]} x {shape[3]} is smaller than what one of its units looks at"
        )


def row_step(
    update: Callable[[gd.Tensor, gd.Tensor], gd.Tensor], data: Digits
) -> Callable[[gd.Tensor], gd.Tensor]:
    """`update(images, labels)` as a compiled function of the rows of a batch."""
    images, labels = data.train_images, data.train_labels

    @gd.compile
    def step(rows: gd.Tensor) -> gd.Tensor:
        return update(images.index_select(0, rows), labels.index_select(0, rows))

    return step


def learn(
    step: Callable[[gd.Tensor], gd.Tensor], data: Digits, size: int, rng: np.random.Generator
) -> float:
    """One epoch of a step of `row_step` over the training digits, `size` at a time.

    Returns:
        The mean loss of the last tenth of the batches.
    """
    losses = []
    for rows in batches(len(data.train_labels), size, rng):
        losses.append(step(rows))
    last = losses[-max(len(losses) // 10, 1) :]
    return float(np.mean([loss.item() for loss in last]))


def linear_accuracy(data: Digits, rng: np.random.Generator, epochs: int = 3) -> float:
    """What the simplest network reaches: one layer of ten softmax units on the pixels."""
    model = gd.nn.Linear(data.train_images[0].numel(), 10)
    optimizer = gd.optim.Adam(model.parameters(), lr=1e-3)

    def classify(images: gd.Tensor) -> gd.Tensor:
        return model(images.flatten(1).float() / 255)

    def update(images: gd.Tensor, labels: gd.Tensor) -> gd.Tensor:
        optimizer.zero_grad()
        loss = gd.nn.functional.cross_entropy(classify(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    step = row_step(update, data)
    for _ in range(epochs):
        learn(step, data, min(100, len(data.train_labels)), rng)
    return accuracy(classify, data.test_images, data.test_labels)


def show_maps(axis: object, maps: np.ndarray, columns: int, title: str) -> None:
    """Images (N, H, W) side by side on a matplotlib axis, each scaled to its own largest value."""
    count, height, width = maps.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 1), columns * (width + 1)), np.nan)
    for k, one in enumerate(maps):
        top, left = k // columns * (height + 1), k % columns * (width + 1)
        sheet[top : top + height, left : left + width] = one / max(np.abs(one).max(), 1e-12)
    axis.imshow(sheet, cmap="RdBu", vmin=-1, vmax=1, interpolation="nearest")
    axis.set_title(title, loc="left", size=10)
    axis.set_axis_off()
