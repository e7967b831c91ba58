"""What a network learned: its first weights, where a hidden layer puts its inputs, and what an
autoencoder gives back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradatim import nn, ops
from gradatim.autograd import no_grad
from gradatim.explain.pictures.style import INK, SERIES, new_figure
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.nn import Module

MOST_FILTERS = 64


def filters(
    network: Module, shape: tuple[int, int] | None = None, count: int = MOST_FILTERS
) -> Any:
    """The weights of each neuron of the first layer as a picture: blue above 0, red below.

    Args:
        network: begins with a `Conv2d`, or with a `Linear` over pixels.
        shape: (height, width) of the pictures that a `Linear` sees; a square unless given.
        count: at most so many neurons.

    Raises:
        ArgumentError, ShapeError: the first layer with weights is of another kind; its inputs are
            no picture of that shape.
    """
    layers = [layer for layer in network.modules() if not list(layer.children())]
    first = next((one for one in layers if getattr(one, "weight", None) is not None), None)
    if isinstance(first, nn.Conv2d):
        weights = first.weight.detach().numpy().mean(1)  # over the channels that come in
    elif isinstance(first, nn.Linear):
        size = shape or (round(first.in_features**0.5),) * 2
        if size[0] * size[1] != first.in_features:
            raise ShapeError(
                f"the first layer has {first.in_features} inputs, which are no picture of "
                f"{size[0]} × {size[1]}: give its shape"
            )
        weights = first.weight.detach().numpy().reshape(-1, *size)
    else:
        raise ArgumentError(
            f"the first layer is {first!r}: filters can be drawn of Conv2d, and of Linear over "
            "pixels"
        )
    total, weights = len(weights), weights[:count]
    columns = min(len(weights), 8 if len(weights) < 40 else 10)
    rows = -(-len(weights) // columns)
    figure = new_figure(0.95 * columns, 0.95 * rows + 0.45)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for one, axis in zip(weights, grid):
        reach = max(float(np.abs(one).max()), 1e-12)
        axis.imshow(one, cmap="RdBu", vmin=-reach, vmax=reach)
        axis.set_xticks([])
        axis.set_yticks([])
    for axis in list(grid):
        axis.remove()
    which = f"the first {len(weights)} of {total}" if total > len(weights) else f"all {total}"
    figure.suptitle(
        f"Weights of the first layer, {which} (blue above 0, red below)", x=0.01, ha="left",
        size=10, color=INK,
    )  # fmt: skip
    return figure


def hidden_values(network: Module, inputs: Any, layer: int | None = None) -> np.ndarray:
    """What a hidden layer gives for inputs: (rows, values).

    Args:
        network: a `Sequential`; of an autoencoder (two of them) the codes are taken.
        layer: index of the layer; by default what goes into the last one.
    """
    parts = list(network.children()) if isinstance(network, nn.Sequential) else []
    if len(parts) < 2:
        raise ArgumentError("a hidden layer is found in a Sequential of two layers or more")
    if layer is None:
        parts = parts[:-1]
    elif not -len(parts) <= layer < len(parts):
        raise ArgumentError(f"there is no layer {layer}: the network has {len(parts)}")
    else:
        parts = parts[: layer % len(parts) + 1]
    network.eval()
    values = ops.tensor(np.asarray(inputs, np.float32))
    found = []
    with no_grad():
        for part in values.split(1000):
            for one in parts:
                part = one(part)
            found.append(part.numpy().reshape(len(part), -1))
    return np.concatenate(found)


def principal_components(values: np.ndarray, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """The first principal components of rows, (rows, count), and their shares of the variance.

    Pearson 1901; by the singular values of the centered rows.
    """
    centered = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    _, singular, directions = np.linalg.svd(centered, full_matrices=False)
    shares = singular**2 / max(float((singular**2).sum()), 1e-300)
    return centered @ directions[:count].T, shares[:count]


def embedding(values: Any, labels: Any, classes: Sequence[Any]) -> Any:
    """Where a hidden layer puts each input, as its first two principal components.

    Args:
        values: of the hidden layer, (rows, values), two of each or more; see `hidden_values`.
        labels: class numbers, (rows,).
        classes: their names.
    """
    values, labels = np.asarray(values), np.asarray(labels)
    if values.ndim != 2 or min(values.shape) < 2 or len(labels) != len(values):
        raise ShapeError(
            f"values have shape {values.shape}, labels {labels.shape}: expected (rows, values) "
            "with two of each or more, and (rows,)"
        )
    points, shares = principal_components(values)
    figure = new_figure(6.4, 5.4)
    axis = figure.subplots()
    for number, name in enumerate(classes):
        group = points[labels == number]
        if not len(group):
            continue
        color = SERIES[number % len(SERIES)]
        axis.scatter(*group.T, s=7, color=color, alpha=0.55, linewidths=0, label=str(name))
        axis.text(
            *np.median(group, axis=0), str(name), size=12, weight="bold", ha="center", va="center",
            color=color, bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none"},
        )  # fmt: skip
    axis.set_xlabel(f"first component ({shares[0]:.0%} of the variance)")
    axis.set_ylabel(f"second component ({shares[1]:.0%})")
    axis.set_title(
        f"{values.shape[1]} hidden values of {len(values):,} inputs", loc="left", size=11, color=INK
    )
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_xticks([])
    axis.set_yticks([])
    return figure


def reconstructions(
    images: Any, answers: Any, shape: tuple[int, ...] = (1, 28, 28), count: int = 10
) -> Any:
    """Images above, what an autoencoder makes of them in the middle, and the difference below.

    Args:
        images, answers: (rows, channels × height × width), 0 to 1.
        shape: (channels, height, width).
        count: how many, from the first.
    """
    images, answers = np.asarray(images)[:count], np.asarray(answers)[:count]
    if images.shape != answers.shape or not len(images):
        raise ShapeError(f"images have shape {images.shape}, answers {answers.shape}: expected one")
    figure = new_figure(0.95 * len(images) + 0.9, 3.2)
    grid = figure.subplots(3, len(images), squeeze=False)
    rows = (("input", images), ("output", answers), ("difference", answers - images))
    for axes, (name, values) in zip(grid, rows):
        for axis, row in zip(axes, values):
            picture = row.reshape(shape).transpose(1, 2, 0)
            if name == "difference":
                axis.imshow(picture.mean(2), cmap="RdBu", vmin=-1, vmax=1)
            else:
                picture = np.clip(picture, 0, 1)
                gray = shape[0] == 1
                axis.imshow(picture[..., 0] if gray else picture, cmap="gray_r", vmin=0, vmax=1)
            axis.set_xticks([])
            axis.set_yticks([])
        axes[0].set_ylabel(name, color=INK)
    error = float(((answers - images) ** 2).mean())
    figure.suptitle(f"Mean squared error {error:.4f}", x=0.01, ha="left", size=10, color=INK)
    return figure
