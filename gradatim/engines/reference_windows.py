"""The reference engine's convolution and pooling: window_primitives.py in NumPy.

Everything goes tap by tap. In the padded tensor, a tap of the window meets every `stride`-th
element, one for each window: a slice. The convolutions lay these slices side by side
(`_columns`), and are matrix products from there on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradatim.graph.node import Node, Shape

Array = np.ndarray[Any, Any]
Meaning = Callable[..., Any]

WINDOW_MEANING: dict[str, Meaning] = {}


def _means(name: str) -> Callable[[Meaning], Meaning]:
    def register(function: Meaning) -> Meaning:
        WINDOW_MEANING[name] = function
        return function

    return register


def _wide(node: Node, x: Array) -> Array:
    """What is added up: float32 for float16 and bfloat16."""
    dtype = node.inputs[0].dtype
    return x.astype(np.float32) if dtype.is_floating_point and dtype.itemsize == 2 else x


def _padded(x: Array, low: Shape, high: Shape, fill: int = 0) -> Array:
    """`x` with `fill` around its last dimensions; negative numbers crop."""
    lead = x.ndim - len(low)
    sizes = x.shape[lead:]
    kept: Any = (slice(max(0, -a), max(0, n + min(0, b))) for n, a, b in zip(sizes, low, high))
    middle = x[(..., *kept)]
    result = np.full((*x.shape[:lead], *_grown(sizes, low, high)), fill, x.dtype)
    inner: Any = (slice(max(0, a), max(0, a) + n) for n, a in zip(middle.shape[lead:], low))
    result[(..., *inner)] = middle
    return result


def _grown(sizes: Shape, low: Shape, high: Shape) -> Shape:
    return tuple(n + a + b for n, a, b in zip(sizes, low, high))


def _taps(window: Shape, stride: Shape, dilation: Shape, counts: Shape) -> Iterator[Any]:
    """Each tap of the window, with the slice of the padded tensor that it meets."""
    for tap in np.ndindex(*window):
        firsts = [t * d for t, d in zip(tap, dilation)]
        spans = [(count - 1) * s + 1 if count else 0 for count, s in zip(counts, stride)]
        yield tap, (..., *(slice(f, f + n, s) for f, n, s in zip(firsts, spans, stride)))


def _add_taps(parts: Any, node: Node, low: Shape, high: Shape, spatial: Shape) -> Array:
    """Σ over `(slice, values)`: the values added up where they came from, without the padding."""
    whole = _grown(spatial, low, high)
    total = _wide(node, np.zeros((*node.shape[: -len(spatial)], *whole), node.dtype.numpy))
    for place, values in parts:
        total[place] += values
    inner = _padded(total, tuple(-a for a in low), tuple(-b for b in high))
    return inner.astype(node.dtype.numpy, copy=False)


# --- convolution ---------------------------------------------------------------------------------


def _columns(x: Array, kernel: Shape, counts: Shape, form: tuple[Any, ...]) -> Array:
    """What each tap meets, as (N, groups, C/groups · taps, windows)."""
    stride, low, high, dilation, groups = form
    x = _padded(x, low, high)
    columns = np.empty((*x.shape[:2], *kernel, *counts), x.dtype)
    for tap, place in _taps(kernel, stride, dilation, counts):
        columns[(slice(None), slice(None), *tap)] = x[place]
    rows = x.shape[1] // groups * math.prod(kernel)
    return columns.reshape(len(x), groups, rows, math.prod(counts))


def _grouped_kernel(w: Array, groups: int) -> Array:
    """(O, C/groups, *kernel) as (groups, O/groups, C/groups · taps)."""
    return w.reshape(groups, len(w) // groups, math.prod(w.shape[1:]))


def _grouped(g: Array, groups: int) -> Array:
    """(N, O, *counts) as (N, groups, O/groups, windows)."""
    return g.reshape(len(g), groups, g.shape[1] // groups, math.prod(g.shape[2:]))


@_means("convolve")
def _convolve(node: Node, x: Array, w: Array) -> Any:
    form = node.params
    columns = _columns(_wide(node, x), w.shape[2:], node.shape[2:], form)
    product = np.matmul(_grouped_kernel(_wide(node, w), form[4]), columns)
    return product.reshape(node.shape).astype(node.dtype.numpy, copy=False)


@_means("convolve_kernel")
def _convolve_kernel(node: Node, x: Array, g: Array) -> Any:
    *form, kernel = node.params
    columns = _columns(_wide(node, x), kernel, g.shape[2:], tuple(form))
    arrived = _grouped(_wide(node, g), form[4])
    product = np.matmul(arrived, columns.swapaxes(2, 3)).sum(0, dtype=arrived.dtype)
    return product.reshape(node.shape).astype(node.dtype.numpy, copy=False)


@_means("convolve_input")
def _convolve_input(node: Node, g: Array, w: Array) -> Any:
    stride, low, high, dilation, groups, spatial = node.params
    kernel, counts = w.shape[2:], g.shape[2:]
    taken = _grouped_kernel(_wide(node, w), groups).swapaxes(1, 2)
    columns = np.matmul(taken, _grouped(_wide(node, g), groups))
    columns = columns.reshape(*node.shape[:2], *kernel, *counts)
    parts = (
        (place, columns[(slice(None), slice(None), *tap)])
        for tap, place in _taps(kernel, stride, dilation, counts)
    )
    return _add_taps(parts, node, low, high, spatial)


# --- pooling -------------------------------------------------------------------------------------


@_means("window_sum")
def _window_sum(node: Node, x: Array) -> Any:
    window, stride, low, high, dilation = node.params
    x = _padded(_wide(node, x), low, high)
    total = np.zeros(node.shape, x.dtype)
    for _, place in _taps(window, stride, dilation, node.shape[-len(window) :]):
        total += x[place]
    return total.astype(node.dtype.numpy, copy=False)


@_means("window_spread")
def _window_spread(node: Node, g: Array) -> Any:
    window, stride, low, high, dilation, spatial = node.params
    taps = _taps(window, stride, dilation, g.shape[g.ndim - len(window) :])
    g = _wide(node, g)
    return _add_taps(((place, g) for _, place in taps), node, low, high, spatial)


@_means("window_argmax")
def _window_argmax(node: Node, x: Array) -> Any:
    window, stride, low, high, dilation = node.params
    spatial = x.shape[x.ndim - len(window) :]
    numbers = np.arange(math.prod(spatial)).reshape(spatial)
    numbers = _padded(numbers, low, high, fill=-1)
    x = _padded(_wide(node, x), low, high)
    best = np.zeros(node.shape, x.dtype)
    places = np.full(node.shape, -1)
    for _, place in _taps(window, stride, dilation, node.shape[-len(window) :]):
        met, number = x[place], numbers[place]
        larger = (met > best) | ((met != met) & (best == best)) | (places < 0)
        wins = larger & (number >= 0)
        best, places = np.where(wins, met, best), np.where(wins, number, places)
    return places


def _flat_places(places: Array, rank: int, size: int) -> Array:
    """Places in the last dimensions as places in the whole tensor flattened."""
    lead = places.shape[: places.ndim - rank]
    planes = np.arange(math.prod(lead)).reshape(*lead, *[1] * rank)
    return planes * size + places


@_means("window_gather")
def _window_gather(node: Node, x: Array, places: Array) -> Any:
    (rank,) = node.params
    return x.reshape(-1)[_flat_places(places, rank, math.prod(x.shape[x.ndim - rank :]))]


@_means("window_scatter")
def _window_scatter(node: Node, g: Array, places: Array) -> Any:
    (spatial,) = node.params
    total = _wide(node, np.zeros(node.shape, g.dtype))
    flat = total.reshape(-1)
    np.add.at(flat, _flat_places(places, len(spatial), math.prod(spatial)), _wide(node, g))
    return total.astype(node.dtype.numpy, copy=False)
