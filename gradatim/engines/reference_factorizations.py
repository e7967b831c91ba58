"""Factorizations that NumPy does not offer, for batches of matrices (*batch, m, n) at once.

LU is recursive, so that nearly all of its work is matrix products (Toledo, Locality of reference in
LU decomposition with partial pivoting, 1997). A triangular solve inverts the small blocks on the
diagonal, all at once, and multiplies (Du Croz and Higham, Stability of methods for matrix
inversion, 1992): a loop over single rows would take Python's time for each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

NARROW = 16  # columns, or rows, that are worked off one by one


# --- triangles -----------------------------------------------------------------------------------


def triangular_solve(a: Array, b: Array, upper: bool, unit: bool) -> Array:
    """X with A X = B for one triangle of A; the other one is not read."""
    x = np.array(b)
    if 0 in x.shape:
        return x
    if upper:  # turned around, an upper triangle is a lower one
        _forward(a[..., ::-1, ::-1], x[..., ::-1, :], unit)
    else:
        _forward(a, x, unit)
    return x


def _forward(a: Array, x: Array, unit: bool) -> None:
    """Solve with the lower triangle of `a`, in place."""
    n = a.shape[-1]
    if n <= NARROW:
        _by_rows(a, x, unit)
        return
    whole = n // NARROW
    starts = range(0, whole * NARROW, NARROW)
    blocks = np.stack([a[..., s : s + NARROW, s : s + NARROW] for s in starts])
    inverses = np.broadcast_to(np.eye(NARROW, dtype=a.dtype), blocks.shape).copy()
    _by_rows(blocks, inverses, unit)
    for inverse, s in zip(inverses, starts):
        stop = s + NARROW
        x[..., s:stop, :] = inverse @ (x[..., s:stop, :] - a[..., s:stop, :s] @ x[..., :s, :])
    s = whole * NARROW
    if s < n:
        x[..., s:, :] -= a[..., s:, :s] @ x[..., :s, :]
        _by_rows(a[..., s:, s:], x[..., s:, :], unit)


def _by_rows(a: Array, x: Array, unit: bool) -> None:
    for k in range(a.shape[-1]):
        row = x[..., k : k + 1, :]
        if k:
            row -= a[..., k : k + 1, :k] @ x[..., :k, :]
        if not unit:
            row /= a[..., k : k + 1, k : k + 1]


# --- LU ------------------------------------------------------------------------------------------


def lu(a: Array) -> tuple[Array, Array, Array]:
    """`(LU, pivots, info)`, see linalg_primitives.py."""
    batch, (m, n) = a.shape[:-2], a.shape[-2:]
    flat = np.array(a).reshape(math.prod(batch), m, n)
    k = min(m, n)
    pivots = np.zeros((len(flat), k), np.int64)
    if flat.size:
        _factor(flat, pivots, 0, k)
        if n > k:
            left, right = flat[:, :, :k], flat[:, :, k:]
            _forward(left, right, True)
    zero = np.diagonal(flat, axis1=-2, axis2=-1) == 0
    info = np.where(zero.any(-1), zero.argmax(-1) + 1, 0) if k else np.zeros(len(flat))
    return (
        flat.reshape(a.shape),
        (pivots + 1).astype(np.int32).reshape(*batch, k),
        info.astype(np.int32).reshape(batch),
    )


def _factor(a: Array, pivots: Array, start: int, stop: int) -> None:
    """Factorize columns `start` to `stop`, all before them being done; rows are exchanged whole."""
    if stop - start <= NARROW:
        _factor_by_columns(a, pivots, start, stop)
        return
    middle = (start + stop) // 2
    _factor(a, pivots, start, middle)
    _forward(a[:, start:middle, start:middle], a[:, start:middle, middle:stop], True)
    a[:, middle:, middle:stop] -= a[:, middle:, start:middle] @ a[:, start:middle, middle:stop]
    _factor(a, pivots, middle, stop)


def _factor_by_columns(a: Array, pivots: Array, start: int, stop: int) -> None:
    """The same for a few columns: of a batch, in a copy of theirs alone, in which what is done to
    all matrices at once lies side by side."""
    view = a[:, start:, start:stop].transpose(1, 2, 0)
    panel = view if len(a) == 1 else np.ascontiguousarray(view)
    for k in range(stop - start):
        down = np.abs(panel[k:, k]).argmax(0)
        pivots[:, start + k] = start + k + down
        moved = down.nonzero()[0]
        if len(moved):
            rows = k + down[moved]
            _swap_rows(a, moved, start + k, start + rows)
            if panel is not view:
                _swap_rows(panel.transpose(2, 0, 1), moved, k, rows)
        pivot, below = panel[k, k], panel[k + 1 :, k]
        below /= np.where(pivot == 0, 1, pivot)
        panel[k + 1 :, k + 1 :] -= below[:, None] * panel[k, None, k + 1 :]
    if panel is not view:
        view[:] = panel


def _swap_rows(a: Array, moved: Array, one: int, others: Array) -> None:
    """Exchange row `one` with another one in each of the matrices `moved`."""
    if len(a) == 1:
        other = int(others[0])
        a[0, (one, other), :] = a[0, (other, one), :]
        return
    kept = a[moved, one]
    a[moved, one] = a[moved, others]
    a[moved, others] = kept


def permutation(pivots: Array, rows: int) -> Array:
    """The order of `rows` rows after the exchanges that pivots (counted from 1) say."""
    batch, k = pivots.shape[:-1], pivots.shape[-1]
    lines = []
    for line in (pivots.reshape(math.prod(batch), k).astype(np.int64) - 1).tolist():
        order = list(range(rows))
        for j, other in enumerate(line):
            order[j], order[other] = order[other], order[j]
        lines.append(order)
    return np.array(lines, np.int64).reshape(*batch, rows)


# --- LDLᵀ ----------------------------------------------------------------------------------------

# Of the pivots of one and of two rows, the ones that let elements grow less (Bunch and Kaufman,
# Some stable methods for calculating inertia and solving symmetric linear systems, 1977).
ALPHA = (1 + math.sqrt(17)) / 8


def ldl(a: Array) -> tuple[Array, Array, Array]:
    """`(LD, pivots, info)` in the layout of LAPACK's `sytrf` for the lower triangle."""
    batch, n = a.shape[:-2], a.shape[-1]
    flat = np.tril(a).reshape(math.prod(batch), n, n)
    pivots = np.zeros((len(flat), n), np.int32)
    info = np.zeros(len(flat), np.int32)
    for k, matrix in enumerate(flat):
        info[k] = _bunch_kaufman(matrix, pivots[k])
    return np.tril(flat).reshape(a.shape), pivots.reshape(*batch, n), info.reshape(batch)


def _bunch_kaufman(a: Array, pivots: Array) -> int:
    """Factorize one matrix in place; gives its `info`."""
    n, info, k = len(a), 0, 0
    while k < n:
        pivot, two = _choose_pivot(a, k)
        last = k + two
        if pivot != last:
            _exchange(a, k, last, pivot)
        behind = a[last + 1 :, last + 1 :]
        columns = a[last + 1 :, k : last + 1]
        block = a[k : last + 1, k : last + 1]
        if two:
            whole = np.array([[block[0, 0], block[1, 0]], [block[1, 0], block[1, 1]]])
            scaled = columns @ np.linalg.inv(whole)
        elif block[0, 0] == 0:
            info = info or k + 1
            scaled = columns.copy()
        else:
            scaled = columns / block[0, 0]
        if info != k + 1:
            behind -= scaled @ columns.T
        columns[:] = scaled
        pivots[k : last + 1] = -(pivot + 1) if two else pivot + 1
        k = last + 1
    return info


def _choose_pivot(a: Array, k: int) -> tuple[int, bool]:
    """The row that is to be exchanged, and whether it and row k make a block of two."""
    own = abs(a[k, k])
    below = np.abs(a[k + 1 :, k])
    largest = below.max(initial=0.0)
    if own >= ALPHA * largest:
        return k, False
    row = k + 1 + int(below.argmax())
    others = max(np.abs(a[row, k:row]).max(), np.abs(a[row + 1 :, row]).max(initial=0.0))
    if own * others >= ALPHA * largest * largest:
        return k, False
    return row, bool(abs(a[row, row]) < ALPHA * others)


def _exchange(a: Array, k: int, one: int, other: int) -> None:
    """Exchange two rows and columns of what is left of the lower triangle, one < other."""
    _swap(a[other + 1 :, one], a[other + 1 :, other])
    _swap(a[one + 1 : other, one], a[other, one + 1 : other])
    a[one, one], a[other, other] = a[other, other], a[one, one]
    if one != k:
        a[one, k], a[other, k] = a[other, k], a[one, k]


def _swap(x: Array, y: Array) -> None:
    kept = x.copy()
    x[:] = y
    y[:] = kept


def ldl_solve(packed: Array, pivots: Array, b: Array) -> Array:
    """X with A X = B, from what `ldl` gives."""
    x = np.array(b)
    for place in np.ndindex(*b.shape[:-2]):
        _ldl_solve_one(packed[place], pivots[place], x[place])
    return x


def _ldl_solve_one(a: Array, pivots: Array, x: Array) -> None:
    blocks = []  # first and last row
    k = 0
    while k < len(a):
        last = k + int(pivots[k] < 0)
        blocks.append((k, last))
        _exchange_rows(x, last, abs(pivots[k]) - 1)
        x[last + 1 :] -= a[last + 1 :, k : last + 1] @ x[k : last + 1]
        block = np.tril(a[k : last + 1, k : last + 1])
        x[k : last + 1] = np.linalg.solve(block + np.tril(block, -1).T, x[k : last + 1])
        k = last + 1
    for k, last in reversed(blocks):
        x[k : last + 1] -= a[last + 1 :, k : last + 1].T @ x[last + 1 :]
        _exchange_rows(x, last, abs(pivots[k]) - 1)


def _exchange_rows(x: Array, one: int, other: int) -> None:
    if one != other:
        _swap(x[one], x[other])
