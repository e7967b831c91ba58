"""From random words to random numbers: PyTorch's CPU distributions, on NumPy arrays.

Each method says how many words an element takes, because two programs stay in step only if every
draw takes as many words as its twin. W is one 32-bit word; W64 is two, the first one high.

    U24 = (W mod 2**24) / 2**24        what float32, float16 and bfloat16 numbers are made from
    U53 = (W64 mod 2**53) / 2**53      what float64 numbers are made from

The numbers are PyTorch 2.13's to the bit, except float32 normals, whose logarithm and cosine come
from another library: those agree to 5e-7.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradatim.graph.errors import DTypeError, ShapeError, UnsupportedDType
from gradatim.random.arithmetic import CHUNK, fused_multiply_add, libm, piecewise
from gradatim.random.binomial import successes
from gradatim.random.integers import DIGITS, LARGEST, DistributionError, WholeNumbers, cast

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

BLOCK = 16
"""Normal numbers are made 16 at a time, if there are at least that many."""

_MOST_CATEGORIES = 2**24
_FAR = 2.0**-6  # u below this: normal numbers beyond 2.88


class Samplers(WholeNumbers):
    """The distributions. A subclass gives `words`.

    Attributes:
        keeps: whether the second of two normal numbers, made but not needed, is kept.
        kept: that number, or None.
    """

    keeps: bool
    kept: float | None = None

    def _units(self, count: int, dtype: np.dtype[Any]) -> Array:
        """Numbers in [0, 1): U53 in float64, U24 in float32 for every other dtype."""
        if dtype == np.float64:
            return piecewise(_u53, self.words64(count), np.float64)
        return piecewise(_u24, self.words(count), np.float32)

    # -- uniform ---------------------------------------------------------------------------------

    def uniform(self, shape: Shape, dtype: Any, low: float = 0.0, high: float = 1.0) -> Array:
        """Numbers in [low, high). Takes W an element (W64 for float64).

        The number is computed in float32 (float64) with one rounding; if rounding it to `dtype`
        gives `high` itself, the result is `low`.
        """
        dtype = _floating(dtype, "uniform")
        largest = LARGEST[dtype.name]
        for name, bound in (("from", low), ("to", high)):
            if not -largest <= bound <= largest:
                raise DistributionError(f"{name} is out of bounds for {dtype.name}: got {bound}")
        if low > high:
            raise DistributionError(
                f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
            )
        if high - low > largest:
            raise DistributionError(
                f"uniform_ expects to - from to be a {dtype.name}, but found from={low}, to={high}"
            )
        units = self._units(math.prod(shape), dtype)
        kind = units.dtype.type
        if (low, high) != (0, 1):
            units = fused_multiply_add(units, kind(high) - kind(low), kind(low))
        numbers = cast(units, dtype)
        if (low, high) != (0, 1) or dtype.itemsize == 2:
            numbers[numbers == dtype.type(high)] = dtype.type(low)
        return numbers.reshape(shape)

    # -- normal ----------------------------------------------------------------------------------

    def normal(
        self,
        shape: Shape,
        dtype: Any,
        mean: float = 0.0,
        std: float = 1.0,
        contiguous: bool = True,
    ) -> Array:
        """Normal numbers by the method of Box and Muller (1958).

        16 elements or more take W each (W64 for float64), and 16 more if their count is no
        multiple of 16. Fewer elements, or those of a tensor that is not contiguous, are made in
        pairs from two W64; a second number not needed is kept for the next such draw.
        """
        dtype = _floating(dtype, "normal")
        if not std >= 0:
            raise DistributionError(f"normal expects std >= 0.0, but found std {std}")
        count = math.prod(shape)
        if count >= BLOCK and contiguous:
            numbers = self._normal_blocks(count, dtype)
        else:
            numbers = self._normal_pairs(count)
        if (mean, std) != (0, 1):
            kind = numbers.dtype.type
            numbers = fused_multiply_add(numbers, kind(std), kind(mean))
        return cast(numbers, dtype).reshape(shape)

    def _normal_blocks(self, count: int, dtype: np.dtype[Any]) -> Array:
        whole = count - count % BLOCK
        if whole == count:
            return piecewise(box_muller, self._units(count, dtype))
        # The last 16 numbers are drawn anew. Wide dtypes have drawn the tail once already.
        first = whole if dtype.itemsize == 2 else count
        units = self._units(first + BLOCK, dtype)
        numbers = np.empty(count, units.dtype)
        numbers[:whole] = piecewise(box_muller, units[:whole])
        numbers[-BLOCK:] = box_muller(units[first:])
        return numbers

    def _normal_pairs(self, count: int) -> Array:
        numbers = np.empty(count + 2, np.float64)
        made = 0
        if count and self.keeps and self.kept is not None:
            numbers[0], self.kept, made = self.kept, None, 1
        if made < count:
            units = self._units(2 * ((count - made + 1) // 2), np.dtype(np.float64))
            radius = np.sqrt(-2 * libm("log1p", -units[1::2]))
            angle = 2 * math.pi * units[0::2]
            end = made + units.size
            numbers[made:end:2] = radius * libm("cos", angle)
            numbers[made + 1 : end : 2] = radius * libm("sin", angle)
            if end > count and self.keeps:
                self.kept = float(numbers[count])
        return numbers[:count]

    def log_normal(self, shape: Shape, dtype: Any, mean: float = 1.0, std: float = 2.0) -> Array:
        """exp of normal numbers, which are made in pairs."""
        dtype = _floating(dtype, "log_normal")
        if not std > 0:
            raise DistributionError(f"log_normal_ expects std > 0.0, but found std={std}")
        numbers = fused_multiply_add(self._normal_pairs(math.prod(shape)), std, mean)
        return cast(libm("exp", numbers), dtype).reshape(shape)

    # -- yes or no -------------------------------------------------------------------------------

    def bernoulli_scalar(self, p: float, shape: Shape) -> Array:
        """True where U53 < p, else False. Takes W64 an element, also for p = 0 and p = 1."""
        if not 0 <= p <= 1:
            raise DistributionError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        count = math.prod(shape)
        # U53 < p in whole numbers: (21 bits of the first word, the second word) < p * 2**53.
        high, low = divmod(math.ceil(p * 2**53), 2**32)
        words = self.words(2 * count)
        mask = np.empty(count, np.bool_)
        for start in range(0, count, CHUNK):
            pair = words[2 * start : 2 * (start + CHUNK)]
            first = pair[0::2] & np.uint32(2**21 - 1)
            part = mask[start : start + CHUNK]
            np.less(first, np.uint32(high), out=part)
            ties = np.flatnonzero(first == np.uint32(high))
            part[ties] = pair[2 * ties + 1] < low
        return mask.reshape(shape)

    def bernoulli_tensor(self, p: Array) -> Array:
        """True where U24 < p (U53 for a float64 p). Takes W (W64) an element."""
        p = np.asarray(p)
        units = self._units(p.size, _floating(p.dtype, "bernoulli")).reshape(p.shape)
        inside = (p >= 0) & (p <= 1)
        if not inside.all():
            raise DistributionError(
                f"bernoulli expects p in [0, 1], but got p={p[~inside].flat[0]}"
            )
        return units < p.astype(units.dtype)

    # -- waiting times, and others ---------------------------------------------------------------

    def exponential(self, shape: Shape, dtype: Any, rate: float = 1.0) -> Array:
        """-log(1 - U53) / rate. Takes W64 an element."""
        dtype = _floating(dtype, "exponential")
        if not rate > 0:
            raise DistributionError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
        units = self._units(math.prod(shape), np.dtype(np.float64))
        times = piecewise(lambda u: -1 / rate * libm("log1p", -u), units)
        return cast(times, dtype).reshape(shape)

    def geometric(self, shape: Shape, dtype: Any, p: float) -> Array:
        """The number of trials until the first success. Takes W64 an element."""
        if not 0 < p < 1:
            raise DistributionError(f"geometric_ expects p to be in (0, 1), but got p={p}")
        dtype = np.dtype(dtype)
        if dtype == np.bool_:
            raise DTypeError("geometric does not take bool: its values are counts")
        units = self._units(math.prod(shape), np.dtype(np.float64))
        units[units == 0] = 2.0**-54  # its logarithm would be infinite, which no integer can be
        trials = np.ceil(libm("log", units) / math.log1p(-p))
        if dtype.kind in "iu":
            trials = trials.astype(np.int64)
        return cast(trials, dtype).reshape(shape)

    def cauchy(self, shape: Shape, dtype: Any, median: float = 0.0, sigma: float = 1.0) -> Array:
        """median + sigma * tan(pi * (U53 - 1/2)). Takes W64 an element."""
        dtype = _floating(dtype, "cauchy")
        if not sigma > 0:
            raise DistributionError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
        units = self._units(math.prod(shape), np.dtype(np.float64))
        tangents = libm("tan", math.pi * (units - 0.5))
        return cast(fused_multiply_add(tangents, sigma, median), dtype).reshape(shape)

    def poisson(self, rates: Array) -> Array:
        """Counts with the expected values `rates`, of their dtype. Takes W64 as often as needed.

        Below 10 by multiplying uniform numbers until the product falls below exp(-rate) (Knuth),
        from 10 on by rejection: W. Hörmann, "The transformed rejection method for generating
        Poisson random variables" (1993), algorithm PTRS.
        """
        rates = np.asarray(rates)
        dtype = _floating(rates.dtype, "poisson")
        if not (rates >= 0).all():
            raise DistributionError("invalid Poisson rate, expected rate to be non-negative")
        ahead, taken = self._read_ahead(), 0

        def unit() -> float:
            nonlocal taken
            taken += 1
            return next(ahead)

        counts = [_poisson(float(rate), unit) for rate in rates.reshape(-1)]
        self.words(2 * taken)
        return cast(np.array(counts, np.float64), dtype).reshape(rates.shape)

    def binomial(self, counts: Array, probabilities: Array) -> Array:
        """How many of `counts` trials succeed, each with its probability: arrays of one shape and
        floating dtype, which the result has too. Takes W64 as often as needed, element by element.
        """
        dtype = _floating(counts.dtype, "binomial")
        ahead, taken = self._read_ahead(), 0

        def unit() -> float:
            nonlocal taken
            taken += 1
            return next(ahead)

        pairs = zip(counts.reshape(-1), probabilities.reshape(-1))
        drawn = [successes(float(n), float(q), unit) for n, q in pairs]
        self.words(2 * taken)
        return cast(np.array(drawn, np.float64), dtype).reshape(counts.shape)

    def _read_ahead(self) -> Iterator[float]:
        """The U53 that the next draw would begin with, as many as one asks for."""
        read, count = 0, 256
        while True:
            yield from copy.deepcopy(self)._units(count, np.dtype(np.float64))[read:].tolist()
            read, count = count, 4 * count

    # -- choices ---------------------------------------------------------------------------------

    def multinomial(self, weights: Array, samples: int, replacement: bool = False) -> Array:
        """Categories drawn by weight.

        Args:
            weights: floating, (rows, categories): non-negative, not all zero in a row.
            samples: categories to draw from each row.
            replacement: whether a category can come twice.

        Returns:
            int64, (rows, samples). One sample, or without replacement: those with the largest
            weight / exponential (W64 a category); with replacement: where U53 falls in the
            cumulated weights (W64 a sample).
        """
        weights = np.asarray(weights)
        if weights.dtype.name not in DIGITS:
            raise DTypeError(
                f"multinomial only supports floating-point dtypes for input, got: {weights.dtype}"
            )
        _check_weights(weights, samples, replacement)
        if not weights.shape[0]:
            return np.empty((0, samples), np.int64)
        if samples == 1 or not replacement:
            times = self.exponential(weights.shape, weights.dtype)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                scores = (weights / times).astype(np.float64)
            if samples == 1:
                return scores.argmax(axis=1, keepdims=True)
            return np.argsort(-scores, axis=1, kind="stable")[:, :samples]
        wide = weights if weights.dtype == np.float64 else weights.astype(np.float32)
        cumulated = np.cumsum(wide, axis=1)
        units = self._units(len(weights) * samples, np.dtype(np.float64))
        units = units.reshape(-1, samples)
        if len(weights) > samples:
            return _searched_together(cumulated, units)
        cumulated /= cumulated[:, -1:].copy()
        cumulated[:, -1] = 1
        places = zip(cumulated.astype(np.float64), units)
        return np.stack([np.searchsorted(row, unit) for row, unit in places])


def _searched_together(rows: Array, values: Array) -> Array:
    """`np.searchsorted` of each row of `values` in the same row of `rows`, as a share of the row's
    last: one step of all the bisections at a time, for many rows and few values."""
    count, size = rows.shape
    flat, whole = rows.reshape(-1), rows[:, -1:]
    low = np.repeat(np.arange(count)[:, None] * size, values.shape[1], axis=1)
    first, left = low.copy(), size
    while left > 1:  # the place lies in [low, low + left), as the last element is never less
        half = left // 2
        low += half * (flat[low + (half - 1)] / whole < values)
        left -= half
    return low - first


def _u24(words: Array) -> Array:
    # (Below 2^24 a signed number is the same, and is a float by one instruction.)
    numbers = (words & np.uint32(2**24 - 1)).view(np.int32).astype(np.float32)
    numbers *= np.float32(2.0**-24)
    return numbers


def _u53(words: Array) -> Array:
    return (words & np.uint64(2**53 - 1)).view(np.int64).astype(np.float64) * 2.0**-53


def box_muller(units: Array) -> Array:
    """Standard normal numbers from uniform ones, in blocks of 16: the first 8 numbers of a block
    give the radii, the last 8 the angles.

    Args:
        units: float32 or float64, a multiple of 16 numbers in [0, 1).

    Example:
        >>> box_muller(np.zeros(16, np.float32))[:2] + 0
        array([0., 0.], dtype=float32)
    """
    # Half a block is moved as one thing: NumPy would go over its 8 numbers in a loop of their own.
    half = np.dtype((np.void, units.itemsize * BLOCK // 2))
    blocks = np.ascontiguousarray(units).view(half).reshape(-1, 2)
    u, angle = (np.ascontiguousarray(part).view(units.dtype) for part in blocks.T)
    np.subtract(1, u, out=u)  # (not 0)
    angle *= units.dtype.type(2 * math.pi)
    radius = np.sqrt(-2 * libm("log", u))
    both = np.empty(blocks.shape, half)
    for k, name in enumerate(("cos", "sin")):
        both[:, k] = (radius * libm(name, angle)).view(half)
    numbers = both.reshape(-1).view(units.dtype)
    if units.dtype == np.float32:
        # Where the radius is large, float32 has few digits behind the point: round only once there.
        # (Rounded to float32, NumPy's functions are as good as the C library's.)
        far = np.flatnonzero(u < _FAR)
        wide = np.sqrt(-2 * np.log(u[far].astype(np.float64)))
        turn = angle[far].astype(np.float64)
        first = far + (far & -(BLOCK // 2))
        numbers[first] = wide * np.cos(turn)
        numbers[first + BLOCK // 2] = wide * np.sin(turn)
    return numbers


def _poisson(rate: float, unit: Callable[[], float]) -> int:
    if rate == 0:
        return 0
    if rate < 10:
        limit, product, count = math.exp(-rate), 1.0, 0
        while (product := product * unit()) > limit:
            count += 1
        return count
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = unit() - 0.5, unit()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43) if us else -1
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        accepted = math.log(v or 2.0**-54) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if accepted <= -rate + k * math.log(rate) - math.lgamma(k + 1):
            return k


def _floating(dtype: Any, name: str) -> np.dtype[Any]:
    dtype = np.dtype(dtype)
    if dtype.name not in DIGITS:
        raise UnsupportedDType(f"{name} draws floating numbers, and cannot give {dtype.name}")
    return dtype


def _check_weights(weights: Array, samples: int, replacement: bool) -> None:
    if weights.ndim != 2:
        raise ShapeError(f"prob_dist must be 1 or 2 dim, got {weights.ndim}")
    categories = weights.shape[1]
    if samples <= 0:
        raise DistributionError(f"cannot sample n_sample <= 0 samples, got {samples}")
    if not replacement and samples > categories:
        raise DistributionError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"{samples} of {categories}"
        )
    if categories > _MOST_CATEGORIES:
        raise DistributionError(f"number of categories cannot exceed 2^24, got {categories}")
    largest = weights.max(axis=1, initial=0)
    if not (weights.min(initial=0) >= 0 and largest.max(initial=0) < np.inf):  # (nor is NaN)
        raise DistributionError("probability tensor contains either `inf`, `nan` or element < 0")
    if not largest.all():
        raise DistributionError("invalid multinomial distribution (sum of probabilities <= 0)")
