"""Random tensors: draws from a generator, by default from the one that `manual_seed` seeds.

A draw happens when the function is called, in program order (in a compiled step: at each replay),
and fills a tensor in the order of its memory. What each distribution takes from the stream is said
in `random/samplers.py` and `random/integers.py`: the numbers are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, as_dtype
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Shape
from gradatim.ops._drawing import (
    Draw,
    check_values,
    in_memory_order,
    memory_order,
    source_of,
    successes,
    whole_number,
    without_slope,
)
from gradatim.ops.arguments import need_tensors, shape_argument
from gradatim.ops.creation import full
from gradatim.random import Generator
from gradatim.random.integers import DIGITS, DistributionError
from gradatim.realize import drawn
from gradatim.tensor import Device, Tensor, method, wrap

# --- what all of them share ----------------------------------------------------------------------


def _new(shape: Shape, dtype: DType, device: Any, requires_grad: bool, draw: Draw) -> Tensor:
    """A new, contiguous tensor."""
    _check(dtype, device, requires_grad)
    result = drawn(shape, dtype, lambda: draw(shape), lambda lead: draw((*lead, *shape)))
    result = _put(result, device)
    return result.requires_grad_() if requires_grad else result


def _put(result: Tensor, device: Any) -> Tensor:
    """New random numbers on a device: the CPU if none is named."""
    if device is not None:
        return result.to(device=device)  # type: ignore[attr-defined, no-any-return]
    if result._cell.node.buffer is not None:
        result._cell.node.device = "cpu"
    return result


def _check(dtype: DType, device: Any, requires_grad: bool) -> None:
    """What can be refused is refused before anything is drawn."""
    if device is not None:
        Device(device)  # raises for one that is not there
    if requires_grad and not dtype.is_floating_point:
        raise DTypeError(
            f"Only Tensors of floating point dtype can require gradients, got {dtype.name}"
        )


def _like(
    input: Tensor, dtype: Any, device: Any, requires_grad: bool, draw: Callable[..., Any]
) -> Tensor:
    """A new tensor laid out as `input` is. `draw(shape, dtype, contiguous)` gives its numbers."""
    if not isinstance(input, Tensor):
        raise ArgumentTypeError(f"expected a Tensor to be like, got {type(input).__name__}")
    kind = input.dtype if dtype is None else as_dtype(dtype)
    shape, strides = tuple(input.shape), input.stride()
    _check(kind, device, requires_grad)
    contiguous = memory_order(shape, strides) == tuple(range(len(shape)))
    result = in_memory_order(shape, strides, kind, lambda s: draw(s, kind.numpy, contiguous))
    result = _put(result, input._cell.node.device or None if device is None else device)
    return result.requires_grad_() if requires_grad else result


def _floating_default(dtype: Any) -> DType:
    return dtypes.get_default_dtype() if dtype is None else as_dtype(dtype)


# --- new tensors ---------------------------------------------------------------------------------


def rand(
    *sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None,
    device: Any = None, requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1).

    Args:
        sizes: the shape, `rand(2, 3)` or `rand((2, 3))`.
        generator: the source; by default the one that `manual_seed` seeds.
        dtype: a floating one; float32 by default.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> gd.rand(3)
        tensor([0.4963, 0.7682, 0.0885])
    """
    source, kind = source_of(generator), _floating_default(dtype)
    shape = _shape("rand", sizes, size)
    return _new(shape, kind, device, requires_grad, lambda s: source.uniform(s, kind.numpy))


def randn(
    *sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None,
    device: Any = None, requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Normal numbers of mean 0 and standard deviation 1. Arguments as for `rand`.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> gd.randn(2, 2)
        tensor([[ 1.5410, -0.2934],
                [-2.1788,  0.5684]])
    """
    source, kind = source_of(generator), _floating_default(dtype)
    shape = _shape("randn", sizes, size)
    return _new(shape, kind, device, requires_grad, lambda s: source.normal(s, kind.numpy))


def _shape(function: str, sizes: tuple[Any, ...], size: Any) -> Shape:
    if size is not None:
        sizes = (*sizes, size)
    if not sizes:
        raise ArgumentTypeError(f"{function}() needs a size: {function}(2, 3), or {function}(())")
    return shape_argument(sizes)


def rand_like(
    input: Tensor, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """`rand` with the shape and dtype of `input`, drawn in the order of its memory."""
    source = source_of(generator)
    return _like(
        input, dtype, device, requires_grad, lambda shape, kind, _: source.uniform(shape, kind)
    )


def randn_like(
    input: Tensor, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """`randn` with the shape and dtype of `input`, drawn in the order of its memory."""
    source = source_of(generator)

    def draw(shape: Shape, kind: Any, contiguous: bool) -> Any:
        return source.normal(shape, kind, contiguous=contiguous)

    return _like(input, dtype, device, requires_grad, draw)


def randint(
    *bounds_and_size: Any, low: Any = None, high: Any = None, size: Any = None,
    generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Whole numbers from `low` (0 if not given) to `high - 1`: `randint(high, size)` or
    `randint(low, high, size)`. int64 by default.

    Raises:
        DistributionError: an empty range, or one that `dtype` does not hold.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> gd.randint(3, 10, (2, 2))
        tensor([[7, 6],
                [3, 5]])
    """
    given = list(bounds_and_size)
    if size is None:
        if not given or not isinstance(given[-1], Sequence):
            raise ArgumentTypeError("randint() needs a size, a tuple of ints, as its last argument")
        size = given.pop()
    low, high = _bounds("randint", given, low, high)
    source, kind = source_of(generator), dtypes.int64 if dtype is None else as_dtype(dtype)

    def draw(shape: Shape) -> Any:
        return source.integers(low, high, shape, kind.numpy)

    return _new(shape_argument((size,)), kind, device, requires_grad, draw)


def randint_like(
    input: Tensor, *bounds: Any, low: Any = None, high: Any = None,
    generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """`randint` with the shape and dtype of `input`, drawn in the order of its memory."""
    low, high = _bounds("randint_like", list(bounds), low, high)
    source = source_of(generator)

    def draw(shape: Shape, kind: Any, _: bool) -> Any:
        return source.integers(low, high, shape, kind)

    return _like(input, dtype, device, requires_grad, draw)


def _bounds(function: str, given: list[Any], low: Any, high: Any) -> tuple[int, int]:
    """`(high)` or `(low, high)`, by position or by name."""
    if high is None and given:
        high = given.pop()
    if low is None:
        low = given.pop() if given else 0
    if high is None or given:
        raise ArgumentTypeError(f"{function}() takes `high`, or `low` and `high`, two ints")
    return whole_number(low, function, "low"), whole_number(high, function, "high")


_LONG = 1 << 12  # numbers from which on the engine puts them in order


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """0 ... n - 1 in random order, int64 by default.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> gd.randperm(4)
        tensor([0, 1, 3, 2])
    """
    n = whole_number(n, "randperm", "n")
    source, kind = source_of(generator), dtypes.int64 if dtype is None else as_dtype(dtype)
    if n < 0:
        raise DistributionError(f"n must be non-negative, got {n}")
    if kind.name in DIGITS:
        most = 2 ** DIGITS[kind.name] + 1
    elif (kind.is_integer and kind.is_signed) or kind is dtypes.uint8:
        most = dtypes.integer_range(kind)[1]
    else:
        raise DTypeError(f"randperm does not give {kind.name}: take int64")
    if n > most:
        raise DistributionError(f"n cannot be greater than {most} for {kind.name}, got {n}")

    def draw(_: Shape) -> Any:
        return source.permutation(n).astype(kind.numpy)

    if not _LONG <= n < 2**31:
        return _new((n,), kind, device, requires_grad, draw)

    def draw_exchanges(_: Shape) -> Any:
        return (source.exchanges(n) + 1).astype(np.int32, copy=False)

    _check(kind, device, requires_grad)
    pivots = _new((n,), dtypes.int32, None, False, draw_exchanges)
    order = wrap(p.cast(p.permutation(pivots._read(), n), kind))
    order = order if device is None else order.to(device=device)
    return order.requires_grad_() if requires_grad else order


def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
    dtype: Any = None, device: Any = None, requires_grad: bool = False, layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Normal numbers. `mean` and `std` are numbers, and `size` is given; or one of them or both are
    tensors, of shapes that broadcast: a mean and a standard deviation for each element. (No
    gradient flows to them.) The dtype is that of the first tensor.

    Raises:
        DistributionError: a negative `std`.
        DTypeError: a tensor that is not floating.
    """
    source = source_of(generator)
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if not tensors:
        if size is None:
            raise ArgumentTypeError("normal() of two numbers needs a size: normal(0, 1, (2, 3))")
        kind, mean, std = _floating_default(dtype), float(mean), float(std)
        shape = shape_argument((size,))
        return _new(
            shape, kind, device, requires_grad, lambda s: source.normal(s, kind.numpy, mean, std)
        )
    if size is not None:
        raise ArgumentTypeError("normal() takes its size from the tensors given as mean or std")
    shape, kind = _broadcast(*(tuple(x.shape) for x in tensors)), tensors[0].dtype
    if isinstance(std, Tensor):
        check_values(std, lambda s: s >= 0, "normal expects all elements of std >= 0.0")
        numbers = _new(shape, kind, None, False, lambda s: source.normal(s, kind.numpy))
        numbers = (numbers * std.detach()).to(kind)
    else:
        std = float(std)
        numbers = _new(shape, kind, None, False, lambda s: source.normal(s, kind.numpy, 0.0, std))
    numbers = (numbers + (mean.detach() if isinstance(mean, Tensor) else mean)).to(kind)
    return without_slope(numbers, *tensors)


def _broadcast(*shapes: Shape, where: str = "normal") -> Shape:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"{where}: the shapes of the arguments do not broadcast: "
            + " and ".join(str(list(shape)) for shape in shapes)
        ) from None


# --- draws that depend on a tensor's values ------------------------------------------------------


@method()
def bernoulli(input: Tensor, p: Any = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that `input` says, else 0, of its shape and dtype. With a number `p`,
    the probability is p everywhere.

    Raises:
        DistributionError: a probability outside [0, 1].
        DTypeError: probabilities that are not floating.

    Example:
        >>> import gradatim as gd
        >>> gd.bernoulli(gd.tensor([0.0, 1.0, 1.0]))
        tensor([0., 1., 1.])
    """
    need_tensors("bernoulli", input=input)
    if p is not None:
        mask = dropout_mask(input.shape, float(p), input.dtype, generator, always=True)
    else:
        mask = successes(input, tuple(input.shape), None, generator).to(input.dtype)
    return without_slope(mask, input)


@method()
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Indices drawn by weight.

    Args:
        input: weights, shape (categories,) or (rows, categories), non-negative, floating.
        num_samples: how many to draw from each row.
        replacement: whether an index can come twice in a row.

    Returns:
        int64, shape (num_samples,) or (rows, num_samples).

    Raises:
        DistributionError: weights that are negative, infinite, NaN or all zero; more samples than
            categories without replacement.

    Example:
        >>> import gradatim as gd
        >>> gd.multinomial(gd.tensor([0.0, 0.0, 3.0]), 2, replacement=True)
        tensor([2, 2])
    """
    source = source_of(generator)
    if input.ndim not in (1, 2):
        raise ShapeError(f"prob_dist must be 1 or 2 dim, got {input.ndim}")
    samples = whole_number(num_samples, "multinomial", "num_samples")
    weights = input.detach()._value()
    rows = weights.reshape(-1, weights.shape[-1]) if weights.ndim == 1 else weights
    shape = (*weights.shape[:-1], samples)
    if samples < 0:
        raise DistributionError(f"cannot sample n_sample <= 0 samples, got {samples}")
    return drawn(
        shape, dtypes.int64, lambda: source.multinomial(rows, samples, replacement).reshape(shape)
    )


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Counts whose expected values are `input`, of its shape and (floating) dtype.

    Raises:
        DistributionError: a negative rate.
    """
    source, rates = source_of(generator), input.detach()._value()
    counts = drawn(tuple(input.shape), input.dtype, lambda: source.poisson(rates))
    return without_slope(counts, input)


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` trials succeed, each with the probability `prob`: floating tensors of one
    dtype, whose shapes broadcast. No gradient flows to them.

    Raises:
        ArgumentTypeError: for numbers in place of tensors.
        DTypeError: for integers, or two dtypes.

    Example:
        >>> import gradatim as gd
        >>> gd.binomial(gd.tensor([5.0, 5.0]), gd.tensor([0.0, 1.0]))
        tensor([0., 5.])
    """
    need_tensors("binomial", count=count, prob=prob)
    if not count.dtype.is_floating_point:
        raise ArgumentError(
            f"binomial only supports floating-point dtypes for count, got: {count.dtype.name}"
        )
    if prob.dtype is not count.dtype:
        raise DTypeError(f"Found dtype {prob.dtype.name} but expected {count.dtype.name}")
    shape = _broadcast(tuple(count.shape), tuple(prob.shape), where="binomial")
    source = source_of(generator)
    counts, probabilities = (
        np.broadcast_to(x.detach()._value(), shape) for x in (count, prob)
    )  # fmt: skip
    return drawn(shape, count.dtype, lambda: source.binomial(counts, probabilities))


# --- for layers ----------------------------------------------------------------------------------


def dropout_mask(
    shape: Shape,
    keep_probability: float,
    dtype: DType,
    generator: Generator | None = None,
    strides: Shape | None = None,
    always: bool = False,
) -> Tensor:
    """1 where an element is kept, else 0, drawn as PyTorch's dropout draws: nothing at all if the
    probability is 0 or 1.

    Args:
        strides: of the tensor that the mask is for, if it is not contiguous: its elements are drawn
            in the order of their memory.
        always: draw even if the probability is 0 or 1 (`bernoulli` does).
    """
    shape = tuple(shape)
    if keep_probability in (0, 1) and not always:
        return full(shape, int(keep_probability), dtype=dtype)
    source = source_of(generator)

    def draw(laid_out: Shape) -> Any:
        return source.bernoulli_scalar(keep_probability, laid_out).astype(dtype.numpy)

    return in_memory_order(shape, strides, dtype, draw)
