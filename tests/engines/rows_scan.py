"""The row of scan: a loop whose body is a small random graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph import scan as s
from gradatim.graph.dtypes import DType
from gradatim.graph.node import Node, Shape
from tests.engines.draw import INTEGERS, Draw
from tests.engines.rows import row

KINDS = (dtypes.float32, dtypes.float32, dtypes.float64)


def _matrix_product(d: Draw, x: Node, weights: list[Node]) -> Node:
    """Through a weight matrix, along the last axis."""
    square = [w for w in weights if len(w.shape) == 2 and x.shape and w.shape[0] == x.shape[-1]]
    return p.contract(x, square[0], (len(x.shape) - 1,), (0,)) if square else p.neg(x)


def _centred(x: Node) -> Node:
    if not x.shape:
        return x
    axes = (len(x.shape) - 1,)
    return p.sub(x, p.reshape(p.sum_(x, axes), (*x.shape[:-1], 1)))


EXACT: tuple[Callable[..., Node], ...] = (p.neg, p.relu, p.abs_, p.sign, _centred)
SMOOTH: tuple[Callable[..., Node], ...] = (p.neg, p.relu, p.tanh, p.sigmoid, p.sin, _centred)
PAIRS = (p.add, p.sub, p.mul, p.maximum, p.minimum)


def _body_step(d: Draw, known: list[Node], weights: list[Node]) -> Node:
    """One more Node of the body, of the shape of all others."""
    a, b = d.rng.choice(known), d.rng.choice(known)
    turn = d.rng.random()
    if turn < 0.25 and a.dtype.is_floating_point:
        return _matrix_product(d, a, weights)
    if turn < 0.35:
        return p.select(p.gt(a, b), a, b)
    if turn < 0.6 and a.dtype.is_signed:
        functions = SMOOTH if d.smooth and a.dtype.is_floating_point else EXACT
        return d.rng.choice(functions)(a)
    return d.rng.choice(PAIRS)(a, b)


def _types(d: Draw) -> tuple[Shape, DType, int]:
    kind = d.rng.choice(KINDS if d.smooth or d.chance(0.7) else INTEGERS)
    shape = d.shape(d.rng.choice((0, 1, 2, 2)), min(d.max_size, 2000))
    length = d.rng.choice((0, 1, 2, 3, 5, 8, 17))
    while length * math.prod(shape) > d.max_size:
        length //= 2
    return shape, kind, length


@row("scan", weight=1.0)
def _(d: Draw) -> Any:
    shape, kind, length = _types(d)
    carries = [_whole(d, kind, shape) for _ in range(d.rng.choice((0, 1, 1, 2)))]
    sequences = [_whole(d, kind, (length, *shape)) for _ in range(d.rng.choice((0, 1, 1, 2)))]
    constants = [_whole(d, kind, shape) for _ in range(d.rng.choice((0, 0, 1)))]
    if shape and 0 < shape[-1] <= 64 and d.chance(0.6):
        constants.append(_whole(d, kind, (shape[-1], shape[-1])))
    if not (carries or sequences or constants):
        carries = [_whole(d, kind, shape)]
    kinds = [*[shape] * (len(carries) + len(sequences)), *[n.shape for n in constants]]
    inner = [p.program_input(k, of, kind) for k, of in enumerate(kinds)]
    known = [n for n in inner if n.shape == shape]
    weights = inner[len(carries) + len(sequences) :]
    if not known:
        return ()
    for _ in range(d.rng.randrange(1, 6)):
        known.append(_body_step(d, known, weights))
    new = [d.rng.choice(known[-3:]) for _ in carries]
    if d.smooth:  # so that a loop does not run away
        new = [p.tanh(n) for n in new]
    results = [d.rng.choice(known) for _ in range(d.rng.choice((0, 1, 1, 2)))]
    if not new and not results:
        results = [known[-1]]
    body = s.Body(inner, [*new, *results])
    return s.scan(body, carries, sequences, constants, length, d.chance(0.3))


def _whole(d: Draw, kind: DType, shape: Shape) -> Node:
    return d.operand((kind,), lambda n: n.shape == shape, lambda: shape)
