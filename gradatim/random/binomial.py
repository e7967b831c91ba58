"""How many of n trials succeed: one binomial number from uniform ones.

PyTorch's two algorithms, so that the same uniform numbers give the same counts. With few successes
expected, the trials until each next success are drawn (L. Devroye, "Non-Uniform Random Variate
Generation", 1986, X.4.3); with many, numbers are drawn under a hat and refused by the density: BTRS
of W. Hörmann, "The generation of binomial random variates" (1993).
"""

from __future__ import annotations

import math
from collections.abc import Callable

Unit = Callable[[], float]  # the next number in [0, 1)
_TAILS = (
    0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
    0.0166446911898211, 0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
    0.00925546218271273, 0.00833056343336287,
)  # fmt: skip


def successes(count: float, probability: float, unit: Unit) -> float:
    """One number; NaN for a probability that is none.

    Example:
        >>> successes(10, 0.0, float), successes(10, 1.0, float)
        (0.0, 10)
    """
    if count <= 0 or probability <= 0:
        return 0.0
    if probability >= 1:
        return count
    if probability <= 0.5:
        return _successes(count, probability, unit)
    if probability > 0.5:  # of the rarer outcome
        return count - _successes(count, 1 - probability, unit)
    return math.nan


def _successes(count: float, probability: float, unit: Unit) -> float:
    method = _by_rejection if count * probability >= 10 else _by_waiting
    return method(count, probability, unit)


def _by_waiting(count: float, probability: float, unit: Unit) -> float:
    """How many waits of geometric length fit into the trials."""
    scale = math.log1p(-probability)
    trials = successes_ = 0.0
    while True:
        u = unit()
        trials += math.ceil(math.log(u) / scale) if u else math.inf
        if trials > count:
            return successes_
        successes_ += 1


def _stirling_tail(k: float) -> float:
    """What Stirling's formula leaves out of log k!."""
    if k <= 9:
        return _TAILS[int(k)]
    square = (k + 1) ** 2
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


def _by_rejection(count: float, probability: float, unit: Unit) -> float:
    deviation = math.sqrt(count * probability * (1 - probability))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * probability
    c = count * probability + 0.5
    v_r = 0.92 - 4.2 / b
    odds = probability / (1 - probability)
    alpha = (2.83 + 5.1 / b) * deviation
    mode = math.floor((count + 1) * probability)
    while True:
        u, v = unit() - 0.5, unit()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + c) if us else -1
        if us >= 0.07 and v <= v_r:
            return float(k)
        if k < 0 or k > count:
            continue
        accepted = math.log((v or 2.0**-54) * alpha / (a / (us * us) + b))
        bound = (
            (mode + 0.5) * math.log((mode + 1) / (odds * (count - mode + 1)))
            + (count + 1) * math.log((count - mode + 1) / (count - k + 1))
            + (k + 0.5) * math.log(odds * (count - k + 1) / (k + 1))
            + _stirling_tail(mode) + _stirling_tail(count - mode)
            - _stirling_tail(k) - _stirling_tail(count - k)
        )  # fmt: skip
        if accepted <= bound:
            return float(k)
