"""The streams: where random 32-bit words come from.

`MT19937` is the Mersenne Twister, as PyTorch uses it on the CPU: one sequence of words, taken in
order. `Philox` is a function of (seed, draw number, position), so that many processors can compute
their own part of a draw, and none needs to know what the others drew.

A stream has `words(count)`, and turns itself into bytes and back.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from gradatim.graph.errors import CheckpointError

Array = np.ndarray[Any, Any]

WORD = 2**32


class MT19937:
    """The Mersenne Twister (Matsumoto and Nishimura 1998), seeded as in the paper's `init_genrand`
    with the low 32 bits of the seed.

    Example:
        >>> MT19937(5489).words(3).tolist()
        [3499211612, 581869302, 3890346734]
    """

    name: ClassVar[str] = "mt19937"

    # A second normal value is kept for the next draw (see Samplers.normal).
    keeps: ClassVar[bool] = True

    # The state of PyTorch's CPU generator, so that the two can be exchanged. `next` is the position
    # in the 624 words, and `left` is 625 - next; just seeded they are 0 and 1.
    LAYOUT: ClassVar = np.dtype(
        [
            ("seed", "<u8"),
            ("left", "<i4"),
            ("seeded", "<i4"),
            ("next", "<u8"),
            ("key", "<u8", 624),
            ("normal_x", "<f8"),
            ("normal_y", "<f8"),  # the kept normal value
            ("normal_rho", "<f8"),
            ("normal_is_valid", "<i4"),
            ("padding", "<u4"),
            ("float_normal", "<f4"),
            ("float_normal_is_valid", "u1"),
            ("end", "u1", 3),
        ]
    )

    def __init__(self, seed: int):
        # numpy.random is not loaded by `import numpy`, and takes half as long again.
        self._source = np.random.RandomState(seed % WORD)
        self._fresh = True

    def words(self, count: int) -> Array:
        """The next `count` words, uint32."""
        if count:
            self._fresh = False
        return self._source.randint(0, WORD, size=count, dtype=np.uint32)

    def to_bytes(self, seed: int, kept: float | None) -> Array:
        _, key, position = self._source.get_state(legacy=True)[:3]
        state = np.zeros((), self.LAYOUT)
        state["seed"], state["seeded"], state["key"] = seed, 1, key
        state["next"] = 0 if self._fresh else position
        state["left"] = 1 if self._fresh else 625 - position
        if kept is not None:
            state["normal_y"], state["normal_is_valid"] = kept, 1
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    @classmethod
    def from_bytes(cls, data: Array) -> tuple[MT19937, int, float | None]:
        state = np.frombuffer(data.tobytes(), cls.LAYOUT)[0]
        left, following = int(state["left"]), int(state["next"])
        in_order = left + following == 625 or left == 1
        if state["seeded"] != 1 or not 1 <= left <= 624 or following > 624 or not in_order:
            raise CheckpointError(
                "Invalid mt19937 state: these bytes are no generator's; pass what get_state() gave"
            )
        stream = cls(0)
        position = 624 if left == 1 else following
        stream._source.set_state(("MT19937", state["key"].astype(np.uint32), position, 0, 0.0))
        stream._fresh = following == 0
        kept = float(state["normal_y"]) if state["normal_is_valid"] else None
        return stream, int(state["seed"]), kept


class Philox:
    """Philox 4x32-10: J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy
    as 1, 2, 3" (SC 2011).

    The layout, for whoever computes the same words elsewhere (numbers of 32 bits, low part first):

        key      = (seed, seed >> 32)
        counter  = (block, block >> 32, draw, draw >> 32)
        word i of draw k  =  output i % 4  of the block with  block = i // 4, draw = k

    Every call that takes at least one word is one draw, numbered from 0 since the seeding. Nothing
    is kept between draws.

    Example:
        >>> stream = Philox(seed=0)
        >>> [f"{word:08x}" for word in stream.words(4)]  # the authors' known answer for zeros
        ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """

    name: ClassVar[str] = "philox"
    keeps: ClassVar[bool] = False
    LAYOUT: ClassVar = np.dtype([("seed", "<u8"), ("draws", "<u8")])

    def __init__(self, seed: int, draws: int = 0):
        self.seed = seed
        self.draws = draws

    def words(self, count: int) -> Array:
        """The first `count` words of the next draw, uint32."""
        if not count:
            return np.empty(0, np.uint32)
        blocks = -(-count // 4)
        words = np.empty((blocks, 4), np.uint32)
        for start in range(0, blocks, _CHUNK):
            block = np.arange(start, min(start + _CHUNK, blocks), dtype=np.uint64)
            counter = (block & _LOW, block >> _HALF, self.draws % WORD, self.draws >> 32)
            for column, output in enumerate(philox(counter, (self.seed % WORD, self.seed >> 32))):
                words[start : start + _CHUNK, column] = output
        self.draws += 1
        return words.reshape(-1)[:count]

    def to_bytes(self, seed: int, kept: float | None) -> Array:
        return np.frombuffer(np.array((seed, self.draws), self.LAYOUT).tobytes(), np.uint8).copy()

    @classmethod
    def from_bytes(cls, data: Array) -> tuple[Philox, int, None]:
        seed, draws = (int(v) for v in np.frombuffer(data.tobytes(), cls.LAYOUT)[0])
        return cls(seed, draws), seed, None


_CHUNK = 1 << 13  # blocks at a time: the four counters and two products stay in the cache
_LOW, _HALF = np.uint64(WORD - 1), np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)


def philox(counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> tuple[Any, Any, Any, Any]:
    """Ten rounds of Philox on counters, each part a uint64 array (or number) that holds 32 bits."""
    c0, c1, c2, c3 = (np.asarray(part, np.uint64) for part in counter)
    k0, k1 = key
    for _ in range(10):
        first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1 = (second >> _HALF) ^ c1 ^ np.uint64(k0), second & _LOW
        c2, c3 = (first >> _HALF) ^ c3 ^ np.uint64(k1), first & _LOW
        k0, k1 = (k0 + _WEYL[0]) % WORD, (k1 + _WEYL[1]) % WORD
    return c0, c1, c2, c3


STREAMS: dict[str, type[MT19937] | type[Philox]] = {
    stream.name: stream for stream in (MT19937, Philox)
}
