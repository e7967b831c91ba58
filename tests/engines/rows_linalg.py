"""Rows of linear algebra, on matrices with a strong diagonal: they are well conditioned, and their
signs and pivots are determined.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.engines import reference_factorizations as factorizations
from gradatim.graph import dtypes
from gradatim.graph import linalg_primitives as linalg
from gradatim.graph.node import Node, Shape
from tests.engines.draw import Draw
from tests.engines.exact import Reject
from tests.engines.rows import row

KINDS = (dtypes.float32, dtypes.float64)
WEIGHT = 0.3


def _numbers(d: Draw, shape: Shape) -> Any:
    return d.numpy.normal(size=shape)


def _leaf(d: Draw, content: Any, dtype: Any = None) -> Node:
    return d.leaf(content.shape, dtype or d.rng.choice(KINDS), content)


def _batch(d: Draw) -> Shape:
    return d.rng.choice(((), (), (1,), (2,), (3, 2), (0,)))


def _dominant(d: Draw, rows: int, columns: int, batch: Shape) -> Any:
    """A diagonal larger than all else in its row and column."""
    largest = max(rows, columns)
    if largest * largest * max(int(np.prod(batch)), 1) > d.max_size:
        raise Reject("too large")
    content = np.clip(_numbers(d, (*batch, rows, columns)), -2, 2)
    return content + 2.5 * largest * np.eye(rows, columns)


def _size(d: Draw) -> int:
    return d.rng.choice((0, 1, 2, 3, 5, 8, 17, 33))


def _square(d: Draw) -> Any:
    n = _size(d)
    return _dominant(d, n, n, _batch(d))


def _any_shape(d: Draw) -> Any:
    return _dominant(d, _size(d), _size(d), _batch(d))


def _symmetric(d: Draw) -> Any:
    content = _square(d)
    return content + np.swapaxes(content, -1, -2)


def _right_side(d: Draw, a: Node) -> Node:
    return _leaf(d, _numbers(d, (*a.shape[:-1], d.rng.choice((0, 1, 2, 5)))), a.dtype)


@row("cholesky", weight=WEIGHT, exact=False)
def _(d: Draw) -> Any:
    return linalg.cholesky(_leaf(d, _symmetric(d)), None)


@row("inv", weight=WEIGHT, exact=False)
def _(d: Draw) -> Any:
    return linalg.inv(_leaf(d, _square(d)), None)


@row("solve", weight=WEIGHT, exact=False)
def _(d: Draw) -> Any:
    a = _leaf(d, _square(d))
    return linalg.solve(a, _right_side(d, a), None)


@row("triangular_solve", weight=WEIGHT, exact=False)
def _(d: Draw) -> Node:
    content = _square(d)
    unit = d.chance(0.3)
    if unit:  # the diagonal is not read, so what is left must be small beside 1
        content = content / (5 * max(content.shape[-1], 1))
    a = _leaf(d, content)
    return linalg.triangular_solve(a, _right_side(d, a), d.chance(0.5), unit)


@row("pinv", weight=WEIGHT, exact=False)
def _(d: Draw) -> Node:
    x = _leaf(d, _any_shape(d))
    zero = _leaf(d, np.zeros(x.shape[:-2]), x.dtype)
    return linalg.pinv(x, zero, zero, False)


@row("lu", weight=WEIGHT, exact=False)
def _(d: Draw) -> Any:
    return linalg.lu(_leaf(d, _any_shape(d)), None)


@row("qr", weight=WEIGHT, exact=False)
def _(d: Draw) -> Any:
    return linalg.qr(_leaf(d, _any_shape(d)), False)


@row("geqrf", weight=WEIGHT, exact=False)
def _(d: Draw) -> Any:
    return linalg.geqrf(_leaf(d, _any_shape(d)))


@row("ldl", weight=WEIGHT, exact=False)
def _(d: Draw) -> Any:
    return linalg.ldl(_leaf(d, _symmetric(d)), None)


@row("ldl_solve", weight=WEIGHT, exact=False)
def _(d: Draw) -> Node:
    packed, pivots, _ = factorizations.ldl(_symmetric(d))
    factor = _leaf(d, packed)
    return linalg.ldl_solve(factor, _leaf(d, pivots, dtypes.int32), _right_side(d, factor))


@row("svdvals", weight=WEIGHT, exact=False)
def _(d: Draw) -> Node:
    return linalg.svdvals(_leaf(d, _any_shape(d)))


@row("eigvalsh", weight=WEIGHT, exact=False)
def _(d: Draw) -> Node:
    return linalg.eigvalsh(_leaf(d, _symmetric(d)), d.chance(0.5))


@row("det", weight=WEIGHT, exact=False)
def _(d: Draw) -> Node:
    n = d.rng.choice((0, 1, 2, 3, 5))
    return linalg.det(_leaf(d, _dominant(d, n, n, _batch(d))))


@row("slogdet", weight=WEIGHT, exact=False)
def _(d: Draw) -> Any:
    return linalg.slogdet(_leaf(d, _square(d)))


@row("cofactors", weight=WEIGHT, exact=False)
def _(d: Draw) -> Node:
    n = d.rng.choice((0, 1, 2, 3, 5))
    return linalg.cofactors(_leaf(d, _dominant(d, n, n, _batch(d))))


@row("matrix_exp", weight=WEIGHT, exact=False)
def _(d: Draw) -> Node:
    content = _square(d)
    return linalg.matrix_exp(_leaf(d, content / (d.rng.choice((1, 10)) * content.shape[-1] or 1)))


@row("permutation", weight=WEIGHT)
def _(d: Draw) -> Node:
    rows = d.rng.choice((1, 2, 5, 17))
    k = d.rng.randrange(rows + 1)
    content = d.numpy.integers(1, rows + 1, (*_batch(d), k))
    return linalg.permutation(_leaf(d, content, dtypes.int32), rows)
