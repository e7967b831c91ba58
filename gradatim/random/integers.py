"""Whole numbers from random words: the remainders that PyTorch takes, and its shuffle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""The bits of each floating dtype's mantissa: it holds every whole number up to 2**digits."""

LARGEST = {
    "float16": 65504.0,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float32": (2 - 2.0**-23) * 2.0**127,
    "float64": (2 - 2.0**-52) * 2.0**1023,
}
"""The largest finite number of each."""

_WIDE_RANGE = 2**28  # from here on, a whole number takes a 64-bit word
_LONG_PERMUTATION = (2**32 - 1) // 20  # from here on, each step of a shuffle does


class DistributionError(ArgumentError, RuntimeError):
    """A parameter outside the values that a distribution takes (to PyTorch, a RuntimeError)."""


class WholeNumbers:
    """The distributions over whole numbers. A subclass gives `words`."""

    def words(self, count: int) -> Array:
        """The next `count` 32-bit words of the stream, uint32."""
        raise NotImplementedError

    def words64(self, count: int) -> Array:
        """The next `count` 64-bit words, uint64: two 32-bit words each, the first one high."""
        pairs = self.words(2 * count).reshape(count, 2)
        return (pairs[:, 0].astype(np.uint64) << np.uint64(32)) | pairs[:, 1]

    def integers(self, low: int, high: int, shape: Shape, dtype: Any) -> Array:
        """Whole numbers in [low, high). Takes W an element; W64 if high - low >= 2**28.

        Raises:
            DistributionError: an empty range, or one that `dtype` does not hold.
        """
        dtype = np.dtype(dtype)
        if low >= high:
            raise DistributionError(
                f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
            )
        _check_holds(dtype, low, "from")
        _check_holds(dtype, high - 1, "to - 1")
        if dtype.name in DIGITS:
            low, high = _inside(low, high, dtype)
        return self._remainders(low, high - low, shape, dtype)

    def full_range(self, shape: Shape, dtype: Any, low: int | None = None) -> Array:
        """Whole numbers from `low` to the last that `dtype` counts to: its maximum, or 2**24 in
        float32 and the like.

        Without `low` they begin at 0 and take W an element, W64 for int64 and float64. With it they
        take what `integers` takes; with low = -2**63 they are all 64 bits, as a signed number.

        Raises:
            DTypeError: a dtype that PyTorch does not fill so.
            DistributionError: a `low` that `dtype` does not hold.
        """
        dtype = np.dtype(dtype)
        if low == -(2**63):
            if dtype.name not in _FILLED_BY_64_BITS:
                raise DTypeError(
                    f"random_ over all 64 bits takes int64, float64, float32 and bfloat16, "
                    f"got {dtype.name}"
                )
            words = self.words64(math.prod(shape)).view(np.int64)
            return cast(words, dtype).reshape(shape)
        if dtype == np.uint64 or (low is None and dtype in _NEED_BOUNDS):
            raise DTypeError(
                f"random_ without an upper bound does not take {dtype.name}: give both"
            )
        last = 2 ** DIGITS[dtype.name] if dtype.name in DIGITS else _range(dtype)[1]
        if low is None:
            return self._remainders(0, last + 1, shape, dtype, wide=dtype.itemsize == 8)
        _check_holds(dtype, low, "from")
        if dtype.name in DIGITS:
            low, _ = _inside(low, last + 1, dtype)
        if low > last:
            raise DistributionError(f"random_ expects 'from' to be at most {last}, got {low}")
        return self._remainders(low, last + 1 - low, shape, dtype)

    def _remainders(
        self, low: int, span: int, shape: Shape, dtype: np.dtype[Any], wide: bool | None = None
    ) -> Array:
        """low + word % span."""
        count = math.prod(shape)
        if span >= _WIDE_RANGE if wide is None else wide:
            numbers = self.words64(count) % np.uint64(span)
        elif dtype == np.int64:
            return _short_remainders(self.words(count), span, low).reshape(shape)
        else:
            numbers = self.words(count) % np.uint32(span)
        if low or dtype.name in DIGITS:
            numbers = numbers.astype(np.uint64).view(np.int64) + np.int64(low)
        return cast(numbers, dtype).reshape(shape)

    def permutation(self, count: int) -> Array:
        """0 ... count - 1 in random order, int64. Takes count - 1 words."""
        return exchanged(self.exchanges(count).astype(np.int64))

    def exchanges(self, count: int) -> Array:
        """With which element each one changes places, uint32 (uint64 for very many): the shuffle of
        Fisher and Yates, from the front. In step i = 0, 1, ..., count - 2 it is one of i, i + 1,
        ..., count - 1.
        """
        draw = self.words if count < _LONG_PERMUTATION else self.words64
        words = draw(max(count - 1, 0))
        targets = np.arange(count, dtype=words.dtype)  # (the last element stays)
        targets[:-1] += words % np.arange(count, 1, -1, dtype=words.dtype)
        return targets


def _short_remainders(words: Array, span: int, low: int) -> Array:
    """low + word % span, in int64, for a span of 32 bits: by way of quotients, which NumPy has by
    vectors, a piece at a time."""
    numbers = np.empty(words.shape, np.int64)
    piece = 1 << 13
    for start in range(0, words.size, piece):
        part = words[start : start + piece]
        rest = part // np.uint32(span)
        rest *= np.uint32(span)
        np.subtract(part, rest, out=rest)
        np.add(rest, np.int64(low), out=numbers[start : start + piece])
    return numbers


def exchanged(targets: Array) -> Array:
    """What 0, 1, ..., n - 1 become when, in step i = 0, 1, ..., element i changes places with
    element targets[i] >= i: without a loop over the steps.

    In step i, place i gets its final content, and place t = targets[i] gets what place i held. So
    place t now holds what was *displaced* from i, until the next step that looks at it takes it.

    Example:
        >>> exchanged(np.array([2, 2, 2])).tolist()  # 012, 210, 201
        [2, 0, 1]
    """
    count = len(targets)
    steps = np.arange(count)
    # What step i displaces from place i: what the last earlier step that had it for a target
    # displaced, and so on back, to a step whose place was never a target. (Of several assignments
    # to one index, the last one counts. Then each round of the loop doubles the way gone back, for
    # those that have not arrived.)
    moves = targets != steps
    displaced = steps.copy()
    displaced[targets[moves]] = steps[moves]
    on_the_way = np.flatnonzero(displaced != steps)
    while on_the_way.size:
        reached = displaced[on_the_way]
        further = displaced[reached]
        displaced[on_the_way] = further
        on_the_way = on_the_way[further != reached]
    # Sorted by target and step, each step stands behind the last earlier one with its target.
    width = count.bit_length()
    ordered = np.sort(targets << width | steps)
    step, target = ordered & (1 << width) - 1, ordered >> width
    content = target.copy()
    content[1:] = np.where(target[1:] == target[:-1], displaced[step[:-1]], target[1:])
    result = np.empty(count, np.int64)
    result[step] = content
    return result


_FILLED_BY_64_BITS = ("int64", "float64", "float32", "bfloat16")
_NEED_BOUNDS = [np.dtype(d) for d in (np.uint16, np.uint32)]


def cast(numbers: Array, dtype: np.dtype[Any]) -> Array:
    """To `dtype`; to 16-bit floats by way of float32, as C++ does it."""
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype.name in DIGITS and dtype.itemsize == 2:
            numbers = numbers.astype(np.float32, copy=False)
        return numbers.astype(dtype, copy=False)


def _range(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The smallest and the largest whole number that `dtype` has a place for."""
    if dtype.name in DIGITS:
        largest = int(LARGEST[dtype.name])
        return -largest, largest
    if dtype == np.bool_:
        return 0, 1
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def _check_holds(dtype: np.dtype[Any], value: int, name: str) -> None:
    if not isinstance(value, int):
        raise ArgumentTypeError(f"{name!r} must be an int, got {type(value).__name__}")
    smallest, largest = _range(dtype)
    if not max(smallest, -(2**63)) <= value <= min(largest, 2**63 - 1):
        raise DistributionError(f"{name} is out of bounds for {dtype.name}: got {value}")


def _inside(low: int, high: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """The range moved inwards where rounding its numbers to `dtype` would lead out of it: in
    float32, 2**28 - 1 rounds to 2**28, so that the last number below 2**28 is 2**28 - 16.

    Example:
        >>> _inside(0, 2**28, np.dtype(np.float32)) == (0, 2**28 - 16)
        True
    """

    def rounded(value: int) -> int:
        return int(cast(np.array(value), dtype).astype(np.float64))

    def spacing(value: int) -> int:
        return 1 << max(0, abs(value).bit_length() - DIGITS[dtype.name])

    if rounded(low + 1) < low:
        low = rounded(low + 1) + spacing(low + 1)
    if rounded(high - 1) >= high:
        high = rounded(high - 1) - spacing(high - 1)
    return low, high
