"""Splitting rows into those to train on and those to test on, with scikit-learn's numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradatim.graph.errors import ArgumentError, DataError


def train_test_split(
    n: int,
    test_size: float | int = 0.33,
    seed: int = 0,
    stratify: Sequence[Any] | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers to train on and to test on, drawn from a generator of its own.

    Without `stratify` the split is that of scikit-learn's
    `train_test_split(rows, test_size=test_size, random_state=seed)`, row for row: of
    `numpy.random.RandomState(seed).permutation(n)` the first ceil(test_size * n) are for testing
    and the others for training.

    With `stratify` each class is split so by itself (in the order of its first row number, from one
    RandomState(seed)), with test counts that sum to ceil(test_size * n): each class gets its share
    rounded down, and the largest remainders get one more, last of all where that would leave
    nothing of a class to train on. Both parts are in ascending order.

    Args:
        n: the number of rows.
        test_size: a fraction between 0 and 1, or a number of rows.
        seed: 0 .. 2**32 - 1.
        stratify: a class for each row, of any type that sorts.

    Returns:
        (train, test): int64 arrays of row numbers, which together are 0 .. n - 1.

    Raises:
        ArgumentError: for a size or seed out of range.
        DataError: if there are too few rows to have one on each side.

    Example:
        >>> train, test = train_test_split(10, test_size=0.33, seed=0)
        >>> train.tolist(), test.tolist()
        ([1, 6, 7, 3, 0, 5], [2, 8, 4, 9])
    """
    tests = _test_count(n, test_size)
    if not 0 <= seed < 2**32:
        raise ArgumentError(f"seed={seed}: expected 0 to 2**32 - 1")
    random = np.random.RandomState(seed)
    if stratify is None:
        order = random.permutation(n)
        return order[tests:], order[:tests]

    classes, first_rows, class_of = np.unique(
        np.asarray(stratify), return_index=True, return_inverse=True
    )
    if len(class_of) != n:
        raise ArgumentError(f"stratify has {len(class_of)} classes for {n} rows: expected one each")
    sizes = np.bincount(class_of, minlength=len(classes))
    counts = _shares(sizes, tests)
    chosen = []
    for label in np.argsort(first_rows):
        rows = np.flatnonzero(class_of == label)
        chosen.append(rows[random.permutation(len(rows))[: counts[label]]])
    test = np.sort(np.concatenate(chosen))
    train = np.setdiff1d(np.arange(n), test, assume_unique=True)
    return train, test


def _test_count(n: int, test_size: float | int) -> int:
    if n < 2:
        raise DataError(f"cannot split {n} row(s) into train and test: at least 2 are needed")
    if isinstance(test_size, bool) or not isinstance(
        test_size, int | float | np.integer | np.floating
    ):
        raise ArgumentError(f"test_size={test_size!r}: expected a fraction or a number of rows")
    if isinstance(test_size, float | np.floating):
        if not 0 < test_size < 1:
            raise ArgumentError(
                f"test_size={test_size}: expected a fraction between 0 and 1, such as 0.33"
            )
        tests = math.ceil(test_size * n)
    else:
        if test_size < 1:
            raise ArgumentError(f"test_size={test_size}: expected 1 row or more, or a fraction")
        tests = int(test_size)
    if tests >= n:
        raise DataError(
            f"test_size={test_size} takes {tests} of {n} rows and leaves none to train on: give a "
            "smaller one, or more rows"
        )
    return tests


def _shares(sizes: np.ndarray, total: int) -> np.ndarray:
    """`total` dealt out in proportion to `sizes`, by largest remainder."""
    exact = sizes * (total / sizes.sum())
    shares = np.floor(exact).astype(int)
    takes_all = shares + 1 >= sizes
    best_first = np.lexsort((shares - exact, takes_all))
    shares[best_first[: total - shares.sum()]] += 1
    return shares
