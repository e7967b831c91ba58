"""Selection: which rows, neurons and weights of a worksheet are shown in full.

A small layer is shown whole. Of a large one, the chosen neurons and those with the largest
gradients are, each with the weights whose gradients are largest. The work is proportional to the
number of weights, without a sort of them all.
"""

from __future__ import annotations

import numpy as np

from gradatim.explain.worksheet import Array, Layer, Show, Update, Worksheet

TERMS = 8  # a sum of more terms than this shows the largest
KEPT = 5
FEW = 10  # a layer of no more neurons shows the sums of all


def shown_rows(sheet: Worksheet) -> list[int]:
    """The rows of the batch whose sums are shown."""
    count = len(sheet.inputs)
    if sheet.options.row is not None:
        return [sheet.options.row]
    return list(range(count)) if count <= 3 else [0]


def is_summarized(layer: Layer, show: Show) -> bool:
    """Whether the layer is too large to be shown whole."""
    return sum(update.old.size for update in layer.updates) > show.weights + layer.sums.shape[-1]


def shown_neurons(layer: Layer, show: Show) -> list[int]:
    """The neurons of a dense layer whose sums are shown, from 0: all, if there are few."""
    count = layer.sums.shape[-1]
    return list(range(count)) if count <= FEW else detailed_neurons(layer, show)


def detailed_neurons(layer: Layer, show: Show) -> list[int]:
    """The neurons whose weights are shown one by one."""
    if not is_summarized(layer, show):
        return list(range(layer.sums.shape[-1]))
    chosen = [neuron - 1 for number, neuron in show.neurons if number == layer.number]
    return list(dict.fromkeys(chosen + _largest_neurons(layer, show.largest)))


def _largest_neurons(layer: Layer, count: int) -> list[int]:
    """Those whose weights have the largest gradients, or where there are none the largest sums."""
    weight = layer.weight
    if weight is not None and weight.gradient is not None:
        strength = np.sqrt(np.square(weight.gradient, dtype=np.float64).sum(axis=1))
    else:
        strength = np.abs(layer.sums).max(axis=0)
    return largest(strength, count)


def largest(values: Array, count: int) -> list[int]:
    """The places of the largest values by magnitude, largest first; equal ones in order.

    Example:
        >>> largest(np.array([1.0, -5.0, 3.0, 3.0]), 3)
        [1, 2, 3]
    """
    magnitude = np.nan_to_num(np.abs(values).ravel().astype(np.float64), nan=np.inf, posinf=np.inf)
    if magnitude.size > count:
        places = np.argpartition(-magnitude, count - 1)[:count]
    else:
        places = np.arange(magnitude.size)
    return sorted((int(k) for k in places), key=lambda k: (-magnitude[k], k))


def shown_weights(layer: Layer, show: Show) -> list[tuple[Update, tuple[int, ...]]]:
    """The parameters of a layer that are shown one by one, each with its place."""
    if not is_summarized(layer, show):
        return [(update, place) for update in layer.updates for place in _places(update.old)]
    found: list[tuple[Update, tuple[int, ...]]] = []
    if layer.is_dense and layer.weight is not None:
        for neuron in detailed_neurons(layer, show):
            values = layer.weight.old if layer.weight.gradient is None else layer.weight.gradient
            places = sorted(largest(values[neuron], KEPT))
            found += [(layer.weight, (neuron, k)) for k in places]
            if layer.bias is not None:
                found.append((layer.bias, (neuron,)))
        return found
    for update in layer.updates:
        found += [(update, place) for place in largest_places(update)]
    return found


def largest_places(update: Update) -> list[tuple[int, ...]]:
    """Where the largest gradients of a parameter are (or, without gradients, its values)."""
    values = update.old if update.gradient is None else update.gradient
    flat = largest(values, KEPT)
    return [tuple(int(k) for k in np.unravel_index(place, values.shape)) for place in flat]


def _places(array: Array) -> list[tuple[int, ...]]:
    return [tuple(int(k) for k in place) for place in np.ndindex(array.shape)]


def shown_terms(products: Array) -> list[int]:
    """Which terms of a sum are shown, in order."""
    if len(products) <= TERMS:
        return list(range(len(products)))
    return sorted(largest(products, KEPT))
