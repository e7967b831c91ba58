"""Which elements of a line a resized line is made of, and with what weights, as NumPy tables.

A line of n elements becomes one of `out`. Element o of the result lies over the place

    align_corners:  o (n - 1) / (out - 1)          else:  (o + 1/2) n / out - 1/2

of the line, where elements have width 1 and the first is at 0. It is a weighted sum of the elements
near that place, its *taps*: the nearest; the two beside it, by distance (linear); or the four
around it (cubic, Keys 1981, with a = -3/4). With antialiasing the kernel is stretched by the factor
that the line shrinks by, so that no element is skipped (a = -1/2 then, as Pillow has it).

Tables are `(taps, out)`, places int64 and weights floating. All steps are taken in the dtype that
PyTorch takes them in: over long lines float32's rounding of places shows in the results.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Taps = tuple[Array, Array]


def step_of(n: int, out: int, align_corners: bool, factor: float | None, real: Any) -> Any:
    """How far apart, in the line, two neighbours of the result lie.

    Args:
        factor: the scale factor that the user gave, if the step is to follow from it and not from
            the sizes.
        real: the NumPy dtype of places.
    """
    if align_corners:
        return real(n - 1) / real(out - 1) if out > 1 else real(0)
    if factor is not None and factor > 0:
        return real(1 / factor)
    return real(n) / real(out)


def nearest(n: int, out: int, factor: float | None, exact: bool) -> Array:
    """The place of the nearest element, `(out,)`; not `exact`: of the one before it."""
    step = step_of(n, out, False, factor, np.float32)
    o = np.arange(out).astype(np.float32)
    places = np.floor((o + np.float32(0.5)) * step if exact else o * step).astype(np.int64)
    return np.minimum(places, n - 1)


def _centers(n: int, out: int, align_corners: bool, factor: float | None, real: Any) -> Array:
    step = step_of(n, out, align_corners, factor, real)
    o = np.arange(out).astype(real)
    return step * o if align_corners else step * (o + real(0.5)) - real(0.5)


def linear(n: int, out: int, align_corners: bool, factor: float | None, real: Any) -> Taps:
    """Two taps."""
    if n == out:
        return np.arange(n)[None], np.ones((1, n), real)
    centers = np.maximum(_centers(n, out, align_corners, factor, real), real(0))
    before = np.minimum(centers.astype(np.int64), n - 1)
    share = np.clip(centers - before.astype(real), real(0), real(1))
    return np.stack([before, np.minimum(before + 1, n - 1)]), np.stack([real(1) - share, share])


def _keys(distance: Array, a: float) -> Array:
    """Keys' cubic kernel (Keys, 1981, equation 4)."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def cubic(n: int, out: int, align_corners: bool, factor: float | None, real: Any) -> Taps:
    """Four taps; those beyond an end read the last element there."""
    if n == out:
        return np.arange(n)[None], np.ones((1, n), real)
    centers = _centers(n, out, align_corners, factor, real)
    before = np.floor(centers)
    share = np.clip(centers - before, real(0), real(1))
    offsets = np.arange(-1, 3)[:, None]
    rest = real(1) - share
    weights = _keys(np.stack([share + real(1), share, rest, rest + real(1)]), real(-0.75))
    return np.clip(before.astype(np.int64)[None] + offsets, 0, n - 1), weights.astype(real)


def in_phases(kind: str, each: int, real: Any) -> tuple[Array, Array]:
    """Of a line that becomes `each` times as long: which of the elements that one element becomes
    lie before its middle, `(each,)`, and the weights of their taps, `(taps, each)`.

    They are the same at every element: nothing needs to be looked up.
    """
    centers = (np.arange(each) + 0.5) / each - 0.5
    share = centers - np.floor(centers)
    if kind == "linear":
        weights = np.stack([1 - share, share])
    else:
        weights = _keys(np.stack([share + 1, share, 1 - share, 2 - share]), -0.75)
    return centers < 0, weights.astype(real)


def _triangle(distance: Array) -> Array:
    return np.maximum(1 - np.abs(distance), 0)


# The kernel, and how far from its middle it reaches.
_KERNELS = {"linear": (_triangle, 1), "cubic": (functools.partial(_keys, a=-0.5), 2)}


def antialiased(
    kind: str, n: int, out: int, align_corners: bool, factor: float | None, real: Any
) -> Taps:
    """As many taps as the stretched kernel covers; they sum to 1 at the ends too."""
    kernel, reach = _KERNELS[kind]
    step = step_of(n, out, align_corners, factor, real)
    stretch = max(step, real(1))
    half, support = real(0.5), real(reach) * stretch
    centers = step * (np.arange(out).astype(real) + half)
    first = np.maximum((centers - support + half).astype(np.int64), 0)
    most = math.ceil(support) * 2 + 1
    count = np.clip(np.minimum((centers + support + half).astype(np.int64), n) - first, 0, most)
    taps = np.arange(max(int(count.max()), 1))[:, None]
    distances = (taps + first - centers + half) / stretch
    weights = np.where(taps < count, kernel(distances), 0)
    totals = weights.sum(0)
    weights = weights / np.where(totals == 0, 1, totals)
    return np.minimum(taps + first, n - 1), weights.astype(real)


def merged(taps: Taps) -> Taps:
    """Taps at the same place made one (the later ones get weight 0)."""
    places, weights = taps[0], taps[1].copy()
    for late in range(1, len(places)):
        for early in range(late):
            same = places[early] == places[late]
            weights[early] += np.where(same, weights[late], 0)
            weights[late] = np.where(same, 0, weights[late])
    return places, weights


def fixed_point(weights: Array) -> tuple[Array, int]:
    """Weights as whole numbers of 16 bits, and the power of 2 that stands for 1: as large as the
    largest weight allows (Pillow's arithmetic of 8-bit images).
    """
    largest = float(weights.max(initial=0))
    bits = 0
    while bits < 22 and int(0.5 + largest * (1 << (bits + 1))) < 1 << 15:
        bits += 1
    scaled = weights * float(1 << bits)
    return np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int64), bits
