"""How each primitive is drawn: one row a primitive.

A row is a function from a `Draw` to a new Node (or a pair, for several results); it picks operands
that the primitive accepts. A new primitive needs a row here, a rule in exact.py and one in
bounds.py; a test says which are missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.node import Node
from tests.engines.draw import ANY, FLOATS, INTEGERS, NUMBERS, Draw
from tests.engines.exact import Reject

INT64 = (dtypes.int64,)
BOOL = (dtypes.bool_,)


@dataclass(frozen=True, slots=True)
class Row:
    """How a primitive is drawn.

    Attributes:
        draw: makes a Node.
        weight: how often, against the others.
        exact, smooth: in which programs.
    """

    draw: Callable[[Draw], Any]
    weight: float = 1.0
    exact: bool = True
    smooth: bool = True


ROWS: dict[str, Row] = {}

# Primitives that no row draws, and why.
NOT_DRAWN = {
    "value": "a leaf of the live graph: every program has some",
    "input": "stands for a value in a closed Program",
    "constant": "drawn as an operand",
    "pick": "drawn with each primitive that has several results",
    "svd": "its vectors are right with either sign: tests/test_linalg_primitives.py",
    "eigh": "its vectors are right with either sign: tests/test_linalg_primitives.py",
    "failed": "what is left of a run that went wrong: never part of a Program",
}


def row(
    *names: str, weight: float = 1.0, exact: bool = True, smooth: bool = True
) -> Callable[[Callable[[Draw], Any]], Callable[[Draw], Any]]:
    def register(draw: Callable[[Draw], Any]) -> Callable[[Draw], Any]:
        for name in names:
            ROWS[name] = Row(draw, weight, exact, smooth)
        return draw

    return register


# --- leaves --------------------------------------------------------------------------------------


@row("iota", weight=0.5)
def _(d: Draw) -> Node:
    shape = d.shape(d.rng.randrange(1, 4))
    return p.iota(shape, d.rng.randrange(len(shape)), d.rng.choice(ANY))


# --- elementwise ---------------------------------------------------------------------------------


def _unary(build: Callable[[Node], Node], kinds: tuple[DType, ...]) -> Callable[[Draw], Node]:
    return lambda d: build(d.operand(kinds))


SIGNED = tuple(d for d in NUMBERS if d.is_signed)
for _build, _kinds, _weight in (
    (p.neg, NUMBERS, 1.0), (p.abs_, NUMBERS, 1.0), (p.sign, NUMBERS, 1.0), (p.relu, NUMBERS, 2.0),
    (p.floor, FLOATS, 1.0), (p.ceil, FLOATS, 1.0), (p.trunc, FLOATS, 1.0), (p.round_, FLOATS, 1.0),
    (p.not_, (*INTEGERS, dtypes.bool_), 1.0),
):  # fmt: skip
    ROWS[_build.__name__] = Row(_unary(_build, _kinds), _weight)
ROWS["sqrt"] = Row(lambda d: p.sqrt(d.within(d.operand(FLOATS), 0.0, 1e4) if d.smooth
                                    else d.operand(FLOATS)))  # fmt: skip
ROWS["rsqrt"] = Row(lambda d: p.rsqrt(d.within(d.operand(FLOATS), 0.1, 1e4) if d.smooth
                                      else d.operand(FLOATS)))  # fmt: skip

# Smooth functions, and where they are drawn: defined, and not so steep that no digit is left.
SMOOTH = {
    p.exp: (-6, 6), p.exp2: (-8, 8), p.expm1: (-6, 6), p.log: (0.05, 1e3), p.log2: (0.05, 1e3),
    p.log10: (0.05, 1e3), p.log1p: (-0.9, 1e3), p.sin: (-1e3, 1e3), p.cos: (-1e3, 1e3),
    p.tan: (-1.4, 1.4), p.asin: (-0.95, 0.95), p.acos: (-0.95, 0.95), p.atan: (-1e3, 1e3),
    p.sinh: (-5, 5), p.cosh: (-5, 5), p.tanh: (-30, 30), p.asinh: (-1e3, 1e3),
    p.acosh: (1.05, 1e3), p.atanh: (-0.95, 0.95), p.sigmoid: (-30, 30), p.erf: (-5, 5),
    p.erfc: (-5, 5), p.erfinv: (-0.95, 0.95), p.lgamma: (0.1, 30), p.digamma: (0.2, 30),
}  # fmt: skip
_OFTEN = (p.exp, p.log, p.tanh, p.sigmoid, p.sin, p.cos)


def _smooth(build: Callable[[Node], Node], low: float, high: float) -> Callable[[Draw], Node]:
    return lambda d: build(d.within(d.operand(FLOATS), low, high))


for _build, (_low, _high) in SMOOTH.items():
    ROWS[_build.__name__] = Row(
        _smooth(_build, _low, _high), 1.5 if _build in _OFTEN else 0.6, exact=False
    )


def _pair(d: Draw, kinds: tuple[DType, ...]) -> tuple[Node, Node]:
    """Two operands of one dtype that broadcast, in either order."""
    a = d.operand(kinds)
    b = d.partner(a)
    return (a, b) if d.chance(0.5) else (b, a)


def _binary(
    build: Callable[[Node, Node], Node], kinds: tuple[DType, ...]
) -> Callable[[Draw], Node]:
    return lambda d: build(*_pair(d, kinds))


for _build, _kinds, _weight in (
    (p.add, ANY, 4.0), (p.sub, NUMBERS, 3.0), (p.mul, ANY, 4.0), (p.maximum, ANY, 1.0),
    (p.minimum, ANY, 1.0), (p.copysign, FLOATS, 0.7), (p.nextafter, FLOATS, 0.7),
    (p.and_, (*INTEGERS, dtypes.bool_), 1.0), (p.or_, (*INTEGERS, dtypes.bool_), 1.0),
    (p.xor, (*INTEGERS, dtypes.bool_), 1.0), (p.shl, INTEGERS, 1.0), (p.shr, INTEGERS, 1.0),
    (p.gcd, INTEGERS, 1.0),
    (p.eq, ANY, 1.0), (p.ne, ANY, 1.0), (p.lt, ANY, 1.0), (p.le, ANY, 1.0), (p.gt, ANY, 1.0),
    (p.ge, ANY, 1.0),
):  # fmt: skip
    ROWS[_build.__name__] = Row(_binary(_build, _kinds), _weight)


@row("div", weight=2.0)
def _(d: Draw) -> Node:
    a, b = _pair(d, FLOATS)
    return p.div(a, d.within(b, 0.2, 1e3) if d.smooth else b)


def _division(build: Callable[[Node, Node], Node]) -> Callable[[Draw], Node]:
    def draw(d: Draw) -> Node:
        a, b = _pair(d, NUMBERS)
        if b.dtype.is_floating_point:
            return build(a, d.within(b, 0.5, 50.0) if d.smooth else b)
        zero = p.constant(0, b.dtype)  # an integer zero is an error: drawn elsewhere
        safe = d.add(p.select(d.add(p.eq(b, zero)), p.constant(3, b.dtype), b))
        return build(a, safe)

    return draw


for _build in (p.floor_divide, p.remainder, p.fmod):
    ROWS[_build.__name__] = Row(_division(_build))


@row("pow")
def _(d: Draw) -> Node:
    a, b = _pair(d, NUMBERS)
    if a.dtype.is_floating_point:
        if d.chance(0.5):
            number = d.rng.choice((2, 0.5, -1, 3, 1, 1.5, -0.5, 0))
            whole = number == int(number)
            return p.pow_(a if whole and number >= 0 else d.within(a, 0.1, 10.0),
                          p.constant(number, a.dtype))  # fmt: skip
        return p.pow_(d.within(a, 0.1, 10.0), d.within(b, -4.0, 4.0))
    if b.dtype.is_signed:
        most = p.constant(np.iinfo(b.dtype.numpy).max, b.dtype)
        b = d.add(p.and_(b, most))  # no negative powers of integers: ops/ refuses them
    return p.pow_(a, b)


@row("atan2", exact=False)
def _(d: Draw) -> Node:
    a, b = _pair(d, FLOATS)
    return p.atan2(a, d.within(b, 0.2, 1e3) if d.chance(0.7) else b)


@row("select", weight=2.0)
def _(d: Draw) -> Node:
    a, b = _pair(d, ANY)
    return p.select(d.beside(p.broadcast(a.shape, b.shape), BOOL), a, b)


@row("cast", weight=2.0)
def _(d: Draw) -> Node:
    x = d.operand(ANY)
    return p.cast(x, d.rng.choice([k for k in ANY if k is not x.dtype]))


@row("bitcast", weight=0.7)
def _(d: Draw) -> Node:
    x = d.operand(NUMBERS)
    same_size = [k for k in NUMBERS if k.itemsize == x.dtype.itemsize and k is not x.dtype]
    if not same_size:
        same_size = [dtypes.uint8 if x.dtype is dtypes.int8 else dtypes.int8]
    return p.bitcast(x, d.rng.choice(same_size))


# --- reductions ----------------------------------------------------------------------------------

for _build, _weight in ((p.sum_, 4.0), (p.prod, 1.0), (p.max_, 2.0), (p.min_, 1.0)):

    def _reduce(d: Draw, build: Any = _build) -> Node:
        extremes = build in (p.max_, p.min_)
        x = d.with_axes(ANY if extremes else NUMBERS, 0 if d.chance(0.05) else 1)
        axes = d.some(len(x.shape)) or tuple(range(len(x.shape)))[-1:]
        if extremes and not all(x.shape[k] for k in axes):
            raise Reject("an empty extreme")
        return build(x, axes)

    ROWS[_build.__name__] = Row(_reduce, _weight)

for _build in (p.argmax, p.argmin, p.cumargmax, p.cumargmin):

    def _place(d: Draw, build: Any = _build) -> Node:
        x = d.with_axes(ANY)
        axis = d.rng.randrange(len(x.shape))
        if not x.shape[axis]:
            raise Reject("an empty extreme")
        return build(x, axis)

    ROWS[_build.__name__] = Row(_place)

for _build in (p.cumsum, p.cumprod):

    def _running(d: Draw, build: Any = _build) -> Node:
        x = d.with_axes(NUMBERS)
        return build(x, d.rng.randrange(len(x.shape)))

    ROWS[_build.__name__] = Row(_running)

# --- movement ------------------------------------------------------------------------------------


@row("reshape", weight=2.0)
def _(d: Draw) -> Node:
    x = d.operand(ANY)
    if x.size == 0:
        shape = [d.extent(8) for _ in range(d.rng.randrange(1, 4))]
        shape[d.rng.randrange(len(shape))] = 0
        return p.reshape(x, tuple(shape))
    left, shape = x.size, []
    while left > 1:
        factors = [n for n in range(2, left + 1) if left % n == 0 and (n <= 128 or n == left)]
        shape.append(d.rng.choice(factors))
        left //= shape[-1]
    for _ in range(d.rng.choice((0, 0, 1, 2))):
        shape.insert(d.rng.randrange(len(shape) + 1), 1)
    return p.reshape(x, tuple(shape))


@row("permute", weight=2.0)
def _(d: Draw) -> Node:
    x = d.with_axes(ANY, 2)
    return p.permute(x, d.order(len(x.shape)))


@row("expand", weight=1.5)
def _(d: Draw) -> Node:
    x = d.operand(ANY)
    left = d.max_size // max(x.size, 1)
    shape = []
    for n in x.shape:
        grown = d.extent(max(left, 1)) if n == 1 and d.chance(0.7) else n
        if n == 1:
            left //= max(grown, 1)
        shape.append(grown)
    while len(shape) < 5 and d.chance(0.4):
        shape.insert(0, d.extent(max(left, 1)))
        left //= max(shape[0], 1)
    return p.expand(x, tuple(shape))


@row("pad")
def _(d: Draw) -> Node:
    x = d.operand(ANY)
    low, high = [], []
    for n in x.shape:
        a = d.rng.choice((0, 0, 1, 2, -1, 5))
        b = d.rng.choice((0, 0, 1, 3, -1, -2))
        if n + a + b < 0:
            a = b = 0
        low.append(a)
        high.append(b)
    fill = d.number(x.dtype) if d.chance(0.7) else d.leaf((), x.dtype)
    return p.pad(x, fill, tuple(low), tuple(high))


def _bounds(d: Draw, shape: tuple[int, ...]) -> tuple[list[int], list[int], list[int]]:
    starts, stops, steps = [], [], []
    for n in shape:
        whole = d.chance(0.5)
        start = 0 if whole else d.rng.randrange(n + 1)
        starts.append(start)
        stops.append(n if whole else d.rng.randrange(start, n + 1))
        steps.append(d.rng.choice((1, 1, 1, 2, 3)))
    return starts, stops, steps


@row("slice", weight=2.0)
def _(d: Draw) -> Node:
    x = d.with_axes(ANY)
    return p.slice_(x, *map(tuple, _bounds(d, x.shape)))


def _starts(d: Draw, shape: tuple[int, ...]) -> list[Node]:
    """Places that are known at run time only; some lie outside and are clamped."""
    return [
        p.constant(d.rng.randrange(n + 1), dtypes.int64)
        if d.chance(0.5)
        else d.leaf((), dtypes.int64, d.rng.randrange(-2, n + 3))
        for n in shape
    ]


def _window(d: Draw, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes and steps of a slice that fits into `shape`."""
    steps = tuple(d.rng.choice((1, 1, 1, 2)) for _ in shape)
    sizes = []
    for n, s in zip(shape, steps):
        most = -(-n // s)
        sizes.append(most if d.chance(0.4) else d.rng.randrange(most + 1))
    return tuple(sizes), steps


@row("dynamic_slice")
def _(d: Draw) -> Node:
    x = d.with_axes(ANY)
    sizes, steps = _window(d, x.shape)
    return p.dynamic_slice(x, _starts(d, x.shape), sizes, steps)


@row("update_slice", weight=1.5)
def _(d: Draw) -> Node:
    x = d.with_axes(ANY)
    sizes, steps = _window(d, x.shape)
    update = d.operand((x.dtype,), lambda n: n.shape == sizes, lambda: sizes)
    return p.update_slice(x, update, _starts(d, x.shape), steps)


@row("flip")
def _(d: Draw) -> Node:
    x = d.with_axes(ANY)
    return p.flip(x, d.some(len(x.shape)) or (0,))


@row("concatenate", weight=1.5)
def _(d: Draw) -> Node:
    first = d.with_axes(ANY)
    axis = d.rng.randrange(len(first.shape))

    def fits(n: Node) -> bool:
        return (
            len(n.shape) == len(first.shape)
            and n.shape[:axis] == first.shape[:axis]
            and n.shape[axis + 1 :] == first.shape[axis + 1 :]
        )

    def shape() -> tuple[int, ...]:
        return (*first.shape[:axis], d.extent(17), *first.shape[axis + 1 :])

    others = [
        d.operand((first.dtype,), fits, shape) for _ in range(d.rng.choice((0, 1, 1, 1, 2, 3)))
    ]
    return p.concatenate([first, *others], axis)


# --- indexing ------------------------------------------------------------------------------------


def _rows_of(d: Draw, kinds: tuple[DType, ...]) -> tuple[Node, Node]:
    """A table with rows, and places in it."""
    x = d.with_axes(kinds)
    if not x.shape[0]:
        raise Reject("no rows")

    def is_place(n: Node) -> bool:
        places = d.array(n)
        if n.size * math.prod(x.shape[1:]) > d.max_size or (d.smooth and d.values[n].error.any()):
            return False
        return bool(np.all((places >= 0) & (places < x.shape[0])))

    computed = [n for n in d.pool if n.dtype is dtypes.int64 and n.buffer is None and is_place(n)]
    if computed and d.chance(0.4):  # an argmax, a sort's places ...
        return x, d.rng.choice(computed)
    room = max(d.max_size // max(math.prod(x.shape[1:]), 1), 1)
    shape = d.shape(d.rng.choice((0, 1, 1, 1, 2)), min(room, 64))
    return x, d.index(shape, x.shape[0])


@row("gather", weight=1.5)
def _(d: Draw) -> Node:
    return p.gather(*_rows_of(d, ANY))


def _scattered(build: Any) -> Callable[[Draw], Node]:
    def draw(d: Draw) -> Node:
        x, index = _rows_of(d, NUMBERS)
        shape = index.shape + x.shape[1:]
        return build(x, index, d.operand((x.dtype,), lambda n: n.shape == shape, lambda: shape))

    return draw


ROWS["scatter_add"] = Row(_scattered(p.scatter_add))
ROWS["scatter_set"] = Row(_scattered(p.scatter_set))


# --- contraction and sorting ---------------------------------------------------------------------


@row("contract", weight=4.0)
def _(d: Draw) -> Node:
    a = d.with_axes(FLOATS if d.chance(0.8) else NUMBERS)
    parts = [d.rng.choice(("batch", "summed", "summed", "free", "free")) for _ in a.shape]
    batch = [k for k, part in enumerate(parts) if part == "batch"][:2]
    summed = [k for k, part in enumerate(parts) if part == "summed"][:2]
    d.rng.shuffle(summed)
    a_free = math.prod(n for k, n in enumerate(a.shape) if k not in summed)
    room = max(d.max_size // max(a_free, 1), 1)
    room = min(room, 400_000 // max(a.size, 1) + 1)
    room = min(room, d.max_size // max(math.prod(a.shape[k] for k in (*batch, *summed)), 1) + 1)
    free = d.shape(d.rng.choice((0, 1, 1, 2)), room)
    sizes = [*[a.shape[k] for k in batch], *[a.shape[k] for k in summed], *free]
    order = d.order(len(sizes))
    shape = tuple(sizes[k] for k in order)
    b_axes = tuple(order.index(k) for k in range(len(batch), len(batch) + len(summed)))
    b_batch = tuple(order.index(k) for k in range(len(batch)))
    b = d.operand((a.dtype,), lambda n: n.shape == shape, lambda: shape)
    if d.chance(0.5):
        return p.contract(a, b, tuple(summed), b_axes, tuple(batch), b_batch)
    return p.contract(b, a, b_axes, tuple(summed), b_batch, tuple(batch))


@row("sort")
def _(d: Draw) -> Any:
    x = d.operand(ANY)
    return p.sort(x, d.rng.randrange(len(x.shape)) if x.shape else 0, d.chance(0.5))


# --- markers -------------------------------------------------------------------------------------

ROWS["variable"] = Row(lambda d: p.variable(d.operand(FLOATS)), 0.3)
ROWS["copy"] = Row(lambda d: p.copy(d.operand(ANY)), 0.5)


@row("stop_gradient", weight=0.3)
def _(d: Draw) -> Node:
    x = d.operand(ANY)
    return Node(p.STOP_GRADIENT, (x,), (), x.shape, x.dtype, x.device, x.buffer)


@row("substitute", weight=0.3)
def _(d: Draw) -> Node:
    x = d.operand(ANY)
    other = d.operand((x.dtype,), lambda n: n.shape == x.shape, lambda: x.shape)
    return p.substitute(x, other)


@row("custom_gradient", weight=0.3)
def _(d: Draw) -> Any:
    results = [d.operand(FLOATS) for _ in range(d.rng.choice((1, 2)))]
    inputs = [d.operand(FLOATS) for _ in range(d.rng.choice((1, 2)))]
    return tuple(p.custom_gradient(results, inputs, lambda grads: [None] * len(inputs)))


@row("barrier", weight=0.3)
def _(d: Draw) -> Any:
    values = [d.operand(ANY) for _ in range(d.rng.choice((1, 2)))]
    return tuple(p.barrier(values, [d.operand(ANY)]))
