"""Draws by rejection, for many parameters at once: gamma and binomial numbers.

All that are still to be drawn propose together, in float64; those that are refused propose again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def standard_gamma(source: Any, alpha: Array) -> Array:
    """Gamma numbers of the given shapes and scale 1 (Marsaglia and Tsang, A simple method for
    generating gamma variables, 2000).

    Args:
        source: a Generator.
        alpha: positive; any shape.

    Returns:
        float64, of that shape. For a shape below 1 a number of shape alpha + 1 is multiplied by
        u^(1/alpha), with u uniform.
    """
    alpha = np.asarray(alpha, np.float64)
    wanted = alpha.ravel()
    small = wanted < 1
    d = np.where(small, wanted + 1, wanted) - 1 / 3
    c = 1 / np.sqrt(9 * d)
    found = np.full(wanted.shape, np.nan)
    open_ = np.flatnonzero(np.isfinite(d))
    while open_.size:
        x = source.normal((open_.size,), np.float64)
        u = source.uniform((open_.size,), np.float64)
        v = (1 + c[open_] * x) ** 3
        with np.errstate(all="ignore"):
            taken = (v > 0) & (np.log(u) < 0.5 * x * x + d[open_] * (1 - v + np.log(v)))
        found[open_[taken]] = (d[open_] * v)[taken]
        open_ = open_[~taken]
    if small.any():
        u = 1 - source.uniform((int(small.sum()),), np.float64)
        found[small] *= u ** (1 / wanted[small])
    return found.reshape(alpha.shape)


# Below this mean, successes are counted one by one.
FEW = 10


def binomial(source: Any, count: Array, p: Array) -> Array:
    """How many of `count` trials succeed, each with probability p.

    Few successes are counted: the trials between two of them are a geometric number. Many are
    drawn by transformed rejection (Hörmann, The generation of binomial random variates, 1993,
    algorithm BTRS).

    Returns:
        float64, of the common shape.
    """
    count, p = np.broadcast_arrays(np.asarray(count, np.float64), np.asarray(p, np.float64))
    shape = count.shape
    count, p = count.ravel(), p.ravel()
    swapped = p > 0.5
    q = np.where(swapped, 1 - p, p)
    found = np.zeros(count.shape)
    many = count * q >= FEW
    places = np.flatnonzero(many)
    found[places] = _transformed(source, count[places], q[places])
    places = np.flatnonzero(~many & (q > 0) & (count > 0))
    found[places] = _counted(source, count[places], q[places])
    found = np.where(swapped, count - found, found)
    found[np.isnan(p) | np.isnan(count)] = np.nan
    return found.reshape(shape)


def _counted(source: Any, count: Array, q: Array) -> Array:
    found = np.zeros(count.shape)
    trials = np.zeros(count.shape)
    open_ = np.arange(count.size)
    while open_.size:
        u = 1 - source.uniform((open_.size,), np.float64)
        trials[open_] += np.floor(np.log(u) / np.log1p(-q[open_])) + 1
        open_ = open_[trials[open_] <= count[open_]]
        found[open_] += 1
    return found


def _transformed(source: Any, count: Array, q: Array) -> Array:
    spread = np.sqrt(count * q * (1 - q))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * q
    c = count * q + 0.5
    v_r = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * spread
    odds = np.log(q / (1 - q))
    mode = np.floor((count + 1) * q)

    h = _log_factorials(mode, count)
    found = np.zeros(count.shape)
    open_ = np.arange(count.size)
    while open_.size:
        u = source.uniform((open_.size,), np.float64) - 0.5
        v = source.uniform((open_.size,), np.float64)
        near = 0.5 - np.abs(u)
        with np.errstate(all="ignore"):
            k = np.floor((2 * a[open_] / near + b[open_]) * u + c[open_])
        inside = (k >= 0) & (k <= count[open_])
        taken = inside & (near >= 0.07) & (v <= v_r[open_])  # nearly always
        doubtful = np.flatnonzero(inside & ~taken)
        at, kd = open_[doubtful], k[doubtful]
        near, v = near[doubtful], v[doubtful]
        with np.errstate(divide="ignore"):
            weight = np.log(v * alpha[at] / (a[at] / (near * near) + b[at]))
        bound = h[at] - _log_factorials(kd, count[at]) + (kd - mode[at]) * odds[at]
        taken[doubtful[weight <= bound]] = True
        found[open_[taken]] = k[taken]
        open_ = open_[~taken]
    return found


def _log_factorials(k: Array, count: Array) -> Array:
    """log k! (n - k)!"""
    return np.asarray(_log_factorial(k) + _log_factorial(count - k))


_TABLE = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, 1024.0)))])


def _log_factorial(n: Array) -> Array:
    """From a table, or by Stirling's series, whose first omitted term is below 1e-17 there."""
    small = n < _TABLE.size
    big = np.where(small, float(_TABLE.size), n)
    series = (big + 0.5) * np.log(big) - big + 0.5 * np.log(2 * np.pi)
    series += (1 / 12 - (1 / 360 - 1 / (1260 * big * big)) / (big * big)) / big
    return np.where(small, _TABLE[np.where(small, n, 0).astype(np.int64)], series)
