"""What a row draws with: random operands, shapes and numbers, and the Nodes made so far.

Everything is decided by one `random.Random`, so that a seed replays a program. (Hypothesis'
`randoms()` strategy gives one whose decisions it can shrink.)
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.node import Node, Shape
from tests.engines import bounds, exact
from tests.engines.exact import Reject
from tests.engines.meaning import is_float

EXTENTS = (0, 1, 2, 3, 5, 7, 8, 16, 17, 31, 33, 64, 100)
SPECIAL = (math.nan, math.inf, -math.inf, -0.0)
FLOATS = (dtypes.float32, dtypes.float32, dtypes.float32, dtypes.float64, dtypes.float16,
          dtypes.bfloat16)  # fmt: skip
INTEGERS = tuple(d for d in dtypes.ALL if d.is_integer)
NUMBERS = (*FLOATS, *INTEGERS)
ANY = (*NUMBERS, dtypes.bool_)


class Draw:
    """The state of one program as it grows.

    Attributes:
        rng: decides everything.
        domain: `exact` or `bounds`: how Nodes are evaluated.
        values: what each Node must give (see there).
        pool: the Nodes that may be read, oldest first.
        max_size: elements of the largest value.
    """

    def __init__(self, rng: random.Random, smooth: bool, max_size: int, special: bool):
        self.rng = rng
        self.smooth = smooth
        self.domain: Any = bounds if smooth else exact
        self.max_size = max_size
        self.special = special  # NaN, infinities, integer extremes
        self.differentiate = False  # whether what has a gradient is read more often
        self.values: dict[Node, Any] = {}
        self.pool: list[Node] = []
        self.numpy = np.random.default_rng(rng.getrandbits(32))

    # --- evaluation ------------------------------------------------------------------------------

    def evaluate(self, node: Node) -> None:
        """Give the Node and all below it a value.

        Raises:
            Reject: if a correct engine may give another one.
        """
        stack = [node]
        while stack:
            top = stack[-1]
            if top in self.values:
                stack.pop()
                continue
            waiting = [n for n in top.inputs if n not in self.values]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            self.values[top] = self.value_of(top)

    def value_of(self, node: Node) -> Any:
        if node.primitive is p.CONSTANT:
            return self.domain.leaf(np.asarray(node.params[0]).astype(node.dtype.numpy))
        if node.buffer is not None:
            return self.domain.leaf(node.buffer)
        return self.domain.evaluate(node, [self.values[n] for n in node.inputs])

    def array(self, node: Node) -> Any:
        """The value of a Node of the pool: native in exact programs, in float64 in smooth ones."""
        if node not in self.values:
            self.evaluate(node)
        return self.values[node].array

    def add(self, node: Node) -> Node:
        """Put a Node into the pool."""
        if isinstance(node.shape, tuple) and node.size > self.max_size:
            raise Reject("too large")
        self.evaluate(node)
        if node not in self.pool:
            self.pool.append(node)
        return node

    # --- random things ---------------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def some(self, count: int) -> tuple[int, ...]:
        """A subset of 0 .. count-1, ascending."""
        return tuple(k for k in range(count) if self.rng.random() < 0.5)

    def order(self, count: int) -> tuple[int, ...]:
        places = list(range(count))
        self.rng.shuffle(places)
        return tuple(places)

    def extent(self, most: int) -> int:
        """One of EXTENTS, small ones more often, at most `most`."""
        allowed = [n for n in EXTENTS if n <= most]
        if self.chance(0.04):
            return allowed[0]
        allowed = allowed[1:] or [1]
        first = self.rng.choice(allowed)
        return first if self.chance(0.6) else min(first, self.rng.choice(allowed))

    def shape(self, ndim: int | None = None, most: int | None = None) -> Shape:
        if ndim is None:
            ndim = self.rng.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 5))
        left = most or self.max_size
        result = []
        for _ in range(ndim):
            result.append(self.extent(max(left, 1)))
            left //= max(result[-1], 1)
        self.rng.shuffle(result)
        return tuple(result)

    def numbers(self, shape: Shape, dtype: DType) -> Any:
        """Random content: small integers in exact programs, moderate floats in smooth ones."""
        draw = self.numpy
        if dtype is dtypes.bool_:
            return np.asarray(draw.random(shape) < 0.5)  # (of one number: no array)
        if dtype.is_integer:
            info = np.iinfo(dtype.numpy)
            low, high = max(int(info.min), -6), 7
            array = draw.integers(low, high, shape).astype(dtype.numpy)
            if self.special and self.chance(0.15) and array.size:
                ends = np.array([info.min, info.max, 0, 1], dtype.numpy)
                where = draw.random(shape) < 0.3
                array = np.where(where, draw.choice(ends, shape), array).astype(dtype.numpy)
            return np.asarray(array)
        if self.smooth:
            array = draw.normal(size=shape) * self.rng.choice((0.1, 1.0, 1.0, 3.0))
        else:
            array = draw.integers(-4, 5, shape).astype(np.float64)
        if self.special and self.chance(0.2) and array.size:
            where = draw.random(shape) < self.rng.choice((0.02, 0.3))
            array = np.where(where, draw.choice(SPECIAL, shape), array)
        return np.asarray(array).astype(dtype.numpy)

    # --- leaves ----------------------------------------------------------------------------------

    def leaf(self, shape: Shape, dtype: DType, content: Any = None) -> Node:
        """A value in the pool, in memory laid out at random."""
        array = self.numbers(shape, dtype) if content is None else np.asarray(content, dtype.numpy)
        return self.add(p.value(self.laid_out(array), shape, dtype))

    def laid_out(self, array: Any) -> Any:
        """The same content, contiguous or as a view of a larger array."""
        layout = self.rng.choice(("as it is",) * 6 + ("permuted", "stepped", "offset", "turned"))
        if layout == "as it is" or array.ndim == 0:
            return array
        if layout == "permuted":
            order = self.order(array.ndim)
            back = np.argsort(order)
            return np.ascontiguousarray(array.transpose(order)).transpose(back)
        if layout == "turned":
            axes = self.some(array.ndim)
            return np.flip(np.ascontiguousarray(np.flip(array, axes)), axes)
        if layout == "offset":  # rows of a larger table: contiguous, but not aligned
            room = np.full(array.size + 5, _filler(array), array.dtype)
            place = self.rng.randrange(1, 5)
            view = room[place : place + array.size].reshape(array.shape)
        else:
            steps = tuple(self.rng.choice((1, 1, 2, 3)) for _ in array.shape)
            room = np.full(
                tuple(n * s + 1 for n, s in zip(array.shape, steps)), _filler(array), array.dtype
            )
            view = room[tuple(slice(1, 1 + n * s, s) for n, s in zip(array.shape, steps))]
        view[...] = array
        return view

    # --- operands --------------------------------------------------------------------------------

    def operand(
        self,
        kinds: Sequence[DType] = NUMBERS,
        fits: Callable[[Node], bool] = lambda node: True,
        shape: Callable[[], Shape] | None = None,
    ) -> Node:
        """A Node of the pool with one of the dtypes, for which `fits` holds, or a new leaf (of
        `shape()`)."""
        found = [n for n in self.pool if n.dtype in kinds and fits(n)]
        if self.differentiate and self.chance(0.5):
            found = [n for n in found if n.history] or found
        if found and not self.chance(0.1):
            # The newest ones more often: long chains, not a bush of leaves.
            return found[max(self.rng.randrange(len(found)) for _ in range(3))]
        for _ in range(8):
            new = self.leaf((shape or self.shape)(), self.rng.choice(tuple(kinds)))
            if fits(new):
                return new
        raise Reject("no operand")

    def with_axes(self, kinds: Sequence[DType] = NUMBERS, least: int = 1) -> Node:
        return self.operand(
            kinds,
            lambda n: len(n.shape) >= least,
            lambda: self.shape(self.rng.randrange(least, max(least + 1, 5))),
        )

    def partner(self, x: Node) -> Node:
        """An operand of the dtype of `x` that broadcasts with it."""
        if x.dtype.is_floating_point and self.chance(0.15):
            return self.number(x.dtype)
        other = None if self.chance(0.2) else x  # x + x now and then
        return self.beside(x.shape, (x.dtype,), other)

    def beside(self, wanted: Shape, kinds: Sequence[DType], but: Node | None = None) -> Node:
        """An operand that broadcasts with a shape, and is not `but`."""

        def shape() -> Shape:
            whole = tuple(1 if self.chance(0.25) else n for n in wanted)
            whole = whole[self.rng.randrange(len(whole) + 1) :] if self.chance(0.3) else whole
            return (self.rng.choice((2, 3)), *whole) if self.chance(0.05) else whole

        def fits(n: Node) -> bool:
            return n is not but and _broadcasts(wanted, n.shape, self.max_size)

        return self.operand(kinds, fits, shape)

    def number(self, dtype: DType) -> Node:
        """A constant: special to the compiler or a run-time input."""
        if not dtype.is_floating_point:
            return p.constant(self.rng.choice((0, 1, 2, 3)), dtype)
        choices = (0, 1, -1, 2, 0.5, 3, 0.25) if not self.smooth else (1, -1, 2, 0.5, 0.3, -1.7)
        return p.constant(self.rng.choice(choices), dtype)

    def within(self, x: Node, low: float, high: float) -> Node:
        """`x`, or something made of it that lies between the bounds: where a smooth function is
        defined and not too steep. Now and then `x` all the same."""
        values = self.array(x)
        finite = values[np.isfinite(values)] if is_float(values) else values
        if finite.size == 0 or (finite.min() >= low and finite.max() <= high):
            return x
        if self.special and self.chance(0.05):
            return x
        width = p.constant(high - low, x.dtype)
        return self.add(p.add(p.mul(p.sigmoid(x), width), p.constant(low, x.dtype)))

    def index(self, shape: Shape, size: int) -> Node:
        """An int64 leaf of places below `size`."""
        content = self.numpy.integers(0, size, shape)
        return self.leaf(shape, dtypes.int64, content)


def _filler(array: Any) -> Any:
    """What stands between the elements of a view: nothing that could pass for a result."""
    return np.nan if is_float(array) else np.array(113).astype(array.dtype)


def _broadcasts(a: Shape, b: Shape, most: int) -> bool:
    size = 1
    for k in range(1, max(len(a), len(b)) + 1):
        m = a[-k] if k <= len(a) else 1
        n = b[-k] if k <= len(b) else 1
        if m != n and 1 not in (m, n):
            return False
        size *= m if n == 1 else n
    return size <= most
