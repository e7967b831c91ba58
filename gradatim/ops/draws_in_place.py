"""The random methods that overwrite a tensor: `uniform_`, `normal_` and their kin.

They fill a tensor in the order of its memory, whatever the order of its dimensions, and give the
tensor itself.
"""

from __future__ import annotations

from typing import Any

from gradatim.graph.errors import ArgumentTypeError
from gradatim.ops._drawing import (
    Draw,
    in_memory_order,
    source_of,
    successes,
    whole_number,
)
from gradatim.random import Generator
from gradatim.tensor import Tensor, method


def _fill(tensor: Tensor, draw: Draw) -> Tensor:
    tensor._prepare_write(fresh=True)  # before anything is drawn
    new = in_memory_order(tuple(tensor.shape), tensor.stride(), tensor.dtype, draw)
    return tensor._write(new._read(), fresh=True)


@method()
def uniform_(
    self: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with uniform numbers in [from_, to).

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> gd.empty(3).uniform_(-1, 1)
        tensor([-0.0075,  0.5364, -0.8230])
    """
    source, kind, low, high = source_of(generator), self.dtype.numpy, float(from_), float(to)
    return _fill(self, lambda shape: source.uniform(shape, kind, low, high))


@method()
def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with normal numbers."""
    source, kind, contiguous = source_of(generator), self.dtype.numpy, self.is_contiguous()
    mean, std = float(mean), float(std)
    return _fill(self, lambda shape: source.normal(shape, kind, mean, std, contiguous))


@method()
def random_(self: Tensor, *bounds: Any, to: Any = None, generator: Any = None) -> Tensor:
    """Fill with whole numbers: `random_(to)` from 0 to to - 1, `random_(low, to)` from low to
    to - 1, `random_()` from 0 to the largest that the dtype counts to (2**24 for float32), and
    `random_(low, None)` from low to there.

    Raises:
        DistributionError: an empty range, or one that the dtype does not hold.
    """
    source, kind = source_of(generator), self.dtype.numpy
    if to is not None:
        bounds = (*bounds, to)
    numbers = [b if b is None else whole_number(b, "random_", "from or to") for b in bounds]
    match numbers:
        case []:
            return _fill(self, lambda shape: source.full_range(shape, kind))
        case [int(low), None]:
            return _fill(self, lambda shape: source.full_range(shape, kind, low))
        case [int(high)]:
            return _fill(self, lambda shape: source.integers(0, high, shape, kind))
        case [int(low), int(high)]:
            return _fill(self, lambda shape: source.integers(low, high, shape, kind))
    raise ArgumentTypeError(f"random_() takes `to`, or `from` and `to`, got {bounds}")


@method()
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with 1, with probability `p` (a number, or a tensor that broadcasts), or 0."""
    source, kind = source_of(generator), self.dtype.numpy
    if isinstance(p, Tensor):
        self._prepare_write()
        new = successes(p, tuple(self.shape), self.stride(), generator).to(self.dtype)
        return self._write(new._read())
    number = float(p)
    return _fill(self, lambda shape: source.bernoulli_scalar(number, shape).astype(kind))


@method()
def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with exponential numbers of rate `lambd` (expected value 1 / lambd)."""
    source, kind, rate = source_of(generator), self.dtype.numpy, float(lambd)
    return _fill(self, lambda shape: source.exponential(shape, kind, rate))


@method()
def cauchy_(
    self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers of the Cauchy distribution."""
    source, kind = source_of(generator), self.dtype.numpy
    median, sigma = float(median), float(sigma)
    return _fill(self, lambda shape: source.cauchy(shape, kind, median, sigma))


@method()
def log_normal_(
    self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers whose logarithm is normal."""
    source, kind, mean, std = source_of(generator), self.dtype.numpy, float(mean), float(std)
    return _fill(self, lambda shape: source.log_normal(shape, kind, mean, std))


@method()
def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill with the numbers of trials up to the first success, which each has probability `p`."""
    source, kind, number = source_of(generator), self.dtype.numpy, float(p)
    return _fill(self, lambda shape: source.geometric(shape, kind, number))
