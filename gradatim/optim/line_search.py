"""A step length that satisfies the strong Wolfe conditions.

Nocedal & Wright 2006, *Numerical optimization*, algorithms 3.5 (bracket) and 3.6 (zoom), with the
safeguards of Schmidt's minFunc, which are PyTorch's, too: the same steps give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Point:
    """What is known at one step length t: the value f, the gradient, and the slope f' along d."""

    t: Any
    f: float
    gradient: np.ndarray
    slope: Any


def strong_wolfe(
    at: Callable[[Any], Point],
    start: Point,
    t: Any,
    largest: float,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
    max_evaluations: int = 25,
) -> tuple[Point, int]:
    """A step that decreases the function enough, and flattens it enough.

    Args:
        at: evaluates the function at a step length.
        start: the point of step length 0.
        t: the first step to try.
        largest: the largest |component| of the direction.
        c1, c2: how much it must decrease, and how much flatter it must be.
        tolerance: smallest bracket, measured by the largest change of a component.
        max_evaluations: when to give up, and take the best point of the bracket.

    Returns:
        The point, and how often the function was evaluated.
    """
    bracket, done, evaluations = _bracket(at, start, t, c1, c2, max_evaluations)
    stuck = False  # whether the last step was close to the bracket's edge
    low = 0 if bracket[0].f <= bracket[-1].f else 1
    count = evaluations - 1
    while not done and count < max_evaluations:
        high = 1 - low
        if abs(bracket[1].t - bracket[0].t) * largest < tolerance:
            break
        t = interpolate(bracket[0], bracket[1])
        t, stuck = _away_from_edges(t, bracket, stuck)
        point = at(t)
        evaluations += 1
        count += 1
        if point.f > start.f + c1 * t * start.slope or point.f >= bracket[low].f:
            bracket[high] = point
            low = 0 if bracket[0].f <= bracket[1].f else 1
            continue
        if abs(point.slope) <= -c2 * start.slope:
            done = True
        elif point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
    return bracket[low if len(bracket) == 2 else 0], evaluations


def _bracket(
    at: Callable[[Any], Point], start: Point, t: Any, c1: float, c2: float, limit: int
) -> tuple[list[Point], bool, int]:
    """Two points with a good step between them, or the good step itself (and True)."""
    before, point = start, at(t)
    evaluations = 1
    for count in range(limit):
        too_high = point.f > start.f + c1 * point.t * start.slope
        if too_high or (count > 1 and point.f >= before.f):
            return [before, point], False, evaluations
        if abs(point.slope) <= -c2 * start.slope:
            return [point], True, evaluations
        if point.slope >= 0:
            return [before, point], False, evaluations
        bounds = point.t + 0.01 * (point.t - before.t), point.t * 10
        before, point = point, at(interpolate(before, point, bounds))
        evaluations += 1
    return [start, point], False, evaluations


def interpolate(one: Point, other: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two points with these slopes is lowest (equation 3.59), within the
    bounds; the middle of the bounds where it has no lowest point.

    Example:
        >>> flat = np.zeros(1)
        >>> interpolate(Point(0.0, 1.0, flat, -2.0), Point(2.0, 1.0, flat, 2.0))
        1.0
    """
    x1, f1, g1, x2, f2, g2 = one.t, one.f, one.slope, other.t, other.f, other.slope
    least, most = bounds or ((x1, x2) if x1 <= x2 else (x2, x1))
    with np.errstate(all="ignore"):
        d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
        square = d1 * d1 - g1 * g2
        if not square >= 0:
            return (least + most) / 2.0
        d2 = np.sqrt(square) if isinstance(square, np.generic) else math.sqrt(square)
        if x1 <= x2:
            lowest = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
        else:
            lowest = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(lowest, least), most)


def _away_from_edges(t: Any, bracket: list[Point], stuck: bool) -> tuple[Any, bool]:
    """A step that is not for the second time within a tenth of the bracket from its edge."""
    left, right = sorted(point.t for point in bracket)
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if not (stuck or t >= right or t <= left):
        return t, True
    return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
