"""What the random functions share: the source, the order of memory, and draws by probability."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim import random
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import ArgumentTypeError, UnsupportedDType
from gradatim.graph.node import Shape, mode
from gradatim.random import Generator
from gradatim.random.integers import DistributionError
from gradatim.realize import drawn, state
from gradatim.tensor import Tensor, wrap

Draw = Callable[[Shape], np.ndarray[Any, Any]]


def source_of(generator: Any) -> Generator:
    if generator is None:
        return random.default_generator
    if not isinstance(generator, Generator):
        raise ArgumentTypeError(
            f"generator must be a gradatim Generator, got {type(generator).__name__}"
        )
    return generator


def whole_number(value: Any, function: str, name: str) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(
            f"{function}(): argument {name!r} must be int, not {type(value).__name__}"
        ) from None


def memory_order(shape: Shape, strides: Shape) -> tuple[int, ...]:
    """The dimensions from the slowest in memory to the fastest. A dimension of stride 0 (expanded)
    or of size 1 stays where it is, as in PyTorch's `empty_like`.

    Example:
        >>> memory_order((2, 3, 4), (1, 8, 2))
        (1, 2, 0)
    """
    order = list(range(len(shape)))
    for start in range(1, len(order)):
        place = start
        for k in range(start - 1, -1, -1):
            before, dim = order[k], order[place]
            if 0 in (strides[before], strides[dim]) or 1 in (shape[before], shape[dim]):
                continue
            if strides[before] >= strides[dim]:
                break
            order[k], order[place] = dim, before
            place = k
    return tuple(order)


def in_memory_order(shape: Shape, strides: Shape | None, dtype: DType, draw: Draw) -> Tensor:
    """A tensor whose numbers were drawn in the order in which `strides` place them in memory (None:
    row by row).
    """
    if strides is None:
        return drawn(shape, dtype, lambda: draw(shape), lambda lead: draw((*lead, *shape)))
    order = memory_order(shape, strides)
    laid_out = tuple(shape[dim] for dim in order)
    back = sorted(range(len(order)), key=order.__getitem__)

    def wider(lead: Shape) -> np.ndarray[Any, Any]:
        inner = (dim + len(lead) for dim in back)
        return draw((*lead, *laid_out)).transpose(*range(len(lead)), *inner)

    return drawn(shape, dtype, lambda: draw(laid_out).transpose(back), wider)


def without_slope(drawn_: Tensor, *parameters: Tensor) -> Tensor:
    """What was drawn, as a function of its parameters whose gradient is 0 (and not None)."""
    node = drawn_._read()
    for each in parameters:
        if mode.recording and each.requires_grad:
            same = p.expand(p.cast(each._read(), node.dtype), node.shape)
            node = p.select(p.constant(True, dtypes.bool_), node, same)
    return drawn_ if node is drawn_._read() else wrap(node)


def check_values(x: Tensor, test: Callable[[Any], Any], expected: str) -> None:
    """Raise at a value that fails. (In a compiled step no value is known yet: no test there.)"""
    if state.capture is None:
        values = x.detach()._value()
        passed = test(values)
        if not passed.all():
            raise DistributionError(f"{expected}, but got {values[~passed].flat[0]}")


def successes(
    probability: Tensor, shape: Shape, strides: Shape | None, generator: Generator | None
) -> Tensor:
    """A bool tensor of `shape`, True with the `probability` (which broadcasts)."""
    source = source_of(generator)
    if not probability.dtype.is_floating_point:
        raise UnsupportedDType(
            f"bernoulli expects floating probabilities, got {probability.dtype.name}"
        )
    check_values(probability, lambda v: (v >= 0) & (v <= 1), "bernoulli expects p in [0, 1]")
    wide = dtypes.float64 if probability.dtype is dtypes.float64 else dtypes.float32
    units = in_memory_order(shape, strides, wide, lambda s: source.uniform(s, wide.numpy))
    return units < probability.detach().to(wide)
