"""Convolution in one, two and three dimensions, and its transpose.

Both are one primitive each (`graph/window_primitives.py`), and a sum with the bias.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops._places import TYPE_NAMES
from gradatim.ops._windows import each, hashable, read_batched
from gradatim.ops.arguments import as_tensor_operand
from gradatim.tensor import Tensor, named

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

Form = tuple[Shape, Shape, Shape, Shape, int]  # stride, low, high, dilation, groups

# --- what the arguments come to ------------------------------------------------------------------


def _sizes(name: str, value: Any, rank: int, smallest: int) -> Shape:
    numbers = each(
        value,
        rank,
        f"expected {name} to be a single integer value or a list of {rank} values to match the "
        f"convolution dimensions, but got {name}={value}",
    )
    if min(numbers) < smallest:
        kind = "negative" if smallest == 0 else "non-positive"
        raise ShapeError(f"{kind} {name} is not supported, got {name}={value}")
    return numbers


def _check_weight(where: str, x: Shape, w: Shape, channels: int, groups: int, note: str) -> None:
    """That the channels of input and weight fit. `channels`: those that the weight expects."""
    if groups <= 0:
        raise ShapeError(f"non-positive groups is not supported, got groups={groups}")
    if len(w) != len(x):
        raise ShapeError(
            f"expected a {len(x)}-dimensional weight for {where}, but got weight of size {list(w)}"
        )
    if w[0] < groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {list(w)} instead"
        )
    if w[0] % groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {list(w)} instead"
        )
    if x[1] != channels:
        raise ShapeError(
            f"Given {note}, weight of size {list(w)}, expected input{list(x)} to have {channels} "
            f"channels, but got {x[1]} channels instead"
        )
    if 0 in x[2:]:
        raise ShapeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x)}"
        )
    if 0 in w[2:]:
        raise ShapeError(f"{where}: a kernel of no size, got weight of size {list(w)}")


@functools.lru_cache(maxsize=1024, typed=True)
def _form(
    where: str, x: Shape, w: Shape, stride: Any, padding: Any, dilation: Any, groups: int
) -> Form:
    """The parameters of the primitive, all checked."""
    rank = len(x) - 2
    _check_weight(where, x, w, w[1] * groups if len(w) > 1 else 0, groups, f"groups={groups}")
    steps = _sizes("stride", stride, rank, 1)
    spread = _sizes("dilation", dilation, rank, 1)
    reach = [(k - 1) * d for k, d in zip(w[2:], spread)]
    if padding == "valid":
        low = high = (0,) * rank
    elif padding == "same":
        if max(steps) > 1:
            raise ShapeError("padding='same' is not supported for strided convolutions")
        low = tuple(n // 2 for n in reach)
        high = tuple(n - n // 2 for n in reach)
    elif isinstance(padding, str):
        raise ArgumentError(f"Invalid padding string: {padding!r}: expected 'valid' or 'same'")
    else:
        low = high = _sizes("padding", padding, rank, 0)
    whole = [n + a + b for n, a, b in zip(x[2:], low, high)]
    if any(n <= r for n, r in zip(whole, reach)):
        raise ShapeError(
            f"Calculated padded input size per channel: ({_by(whole)}). Kernel size: "
            f"({_by([r + 1 for r in reach])}). Kernel size can't be greater than actual input size"
        )
    return steps, low, high, spread, groups


def _by(numbers: Any) -> str:
    return " x ".join(map(str, numbers))


@functools.lru_cache(maxsize=1024, typed=True)
def _transposed_form(
    where: str, x: Shape, w: Shape, stride: Any, padding: Any, output_padding: Any, groups: int,
    dilation: Any,
) -> tuple[Form, Shape]:  # fmt: skip
    """The parameters of the primitive, all checked, and the sizes of the result."""
    rank = len(x) - 2
    _check_weight(where, x, w, w[0], groups, "transposed=1")
    steps = _sizes("stride", stride, rank, 1)
    low = _sizes("padding", padding, rank, 0)
    extra = _sizes("output_padding", output_padding, rank, 0)
    spread = _sizes("dilation", dilation, rank, 1)
    if any(e >= s and e >= d for e, s, d in zip(extra, steps, spread)):
        raise ShapeError(
            f"output padding must be smaller than either stride or dilation, but got "
            f"output_padding: {list(extra)} stride: {list(steps)} dilation: {list(spread)}"
        )
    # What is added behind is a part of the padding that is not taken off.
    high = tuple(a - e for a, e in zip(low, extra))
    sizes = tuple(
        (n - 1) * s + (k - 1) * d + 1 - a - b
        for n, k, s, d, a, b in zip(x[2:], w[2:], steps, spread, low, high)
    )
    if min(sizes) < 1:
        raise ShapeError(
            f"Given input size per channel: ({_by(x[2:])}). Calculated output size per channel: "
            f"({_by(sizes)}). Output size is too small"
        )
    return (steps, low, high, spread, groups), sizes


# --- the operations ------------------------------------------------------------------------------


def _operands(
    where: str, input: Any, weight: Any, bias: Any, rank: int
) -> tuple[Node, bool, Node, Node | None]:
    x, batched = read_batched(input, rank, where)
    w = as_tensor_operand(weight, where)._read()
    b = None if bias is None else as_tensor_operand(bias, where)._read()
    if b is not None and b.dtype is not x.dtype:
        raise DTypeError(
            f"Input type ({x.dtype.name}) and bias type ({b.dtype.name}) should be the same: cast "
            f"one of them with .to(...)"
        )
    if w.dtype is not x.dtype:
        raise DTypeError(
            f"expected scalar type {TYPE_NAMES[x.dtype.name]} but found "
            f"{TYPE_NAMES[w.dtype.name]}: the weight of {where} must have the input's dtype"
        )
    if x.dtype is bool_:
        raise DTypeError(f"\"{where}\" not implemented for 'Bool': cast it with .float()")
    return x, batched, w, b


def _finished(node: Node, bias: Node | None, weight: Node, note: str, batched: bool) -> Tensor:
    """With the bias of each channel added, and without the batch that was not there."""
    if bias is not None:
        channels = node.shape[1]
        if bias.shape != (channels,):
            raise ShapeError(
                f"Given {note}weight of size {list(weight.shape)}, expected bias to be "
                f"1-dimensional with {channels} elements, but got bias of size {list(bias.shape)} "
                f"instead"
            )
        node = p.add(node, p.reshape(bias, (channels, *[1] * (node.ndim - 2))))
    if batched:
        return named(node, "Convolution")
    return named(p.reshape(node, node.shape[1:]), "Squeeze:1")


_SHAPES = {1: "L", 2: "H, W", 3: "D, H, W"}
_KERNELS = {1: "k", 2: "kH, kW", 3: "kD, kH, kW"}


def _convolution(rank: int) -> Callable[..., Tensor]:
    name = f"conv{rank}d"

    def function(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        x, batched, w, b = _operands(name, input, weight, bias, rank)
        form = _form(
            name, x.shape, w.shape, hashable(stride), hashable(padding), hashable(dilation), groups
        )
        return _finished(p.convolve(x, w, *form), b, w, "", batched)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Convolution (cross-correlation) over {rank} dimension{"s"[: rank > 1]}.

    Args:
        input: (N, C, {_SHAPES[rank]}) or (C, {_SHAPES[rank]}).
        weight: (O, C / groups, {_KERNELS[rank]}), of the input's dtype.
        bias: (O,).
        stride: the step of the kernel; one number, or one for each dimension, as for the next two.
        padding: zeros on both sides; or "valid" (none), or "same" (the result has the input's
            sizes).
        dilation: the distance between two taps of the kernel.
        groups: how many groups of channels there are, each with a kernel of its own.

    Returns:
        (N, O, ...), where a size n becomes
        (n + 2 padding - dilation (k - 1) - 1) // stride + 1.

    Raises:
        ShapeError, DTypeError: for operands that do not fit.

    Example:
        >>> import gradatim as gd
        >>> x, w = gd.ones(1, 3, {", ".join(["8"] * rank)}), gd.ones(5, 3, {", ".join("3" * rank)})
        >>> gd.nn.functional.{name}(x, w, stride=2, padding=1).shape
        torch.Size([1, 5, {", ".join("4" * rank)}])
    """
    return function


def _transposed(rank: int) -> Callable[..., Tensor]:
    name = f"conv_transpose{rank}d"

    def function(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
        padding: Any = 0, output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
    ) -> Tensor:  # fmt: skip
        x, batched, w, b = _operands(name, input, weight, bias, rank)
        form, sizes = _transposed_form(
            name, x.shape, w.shape, hashable(stride), hashable(padding), hashable(output_padding),
            groups, hashable(dilation),
        )  # fmt: skip
        node = p.convolve_input(x, w, *form, sizes)
        return _finished(node, b, w, "transposed=1, ", batched)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The transposed convolution over {rank} dimension{"s"[: rank > 1]}: what
    the gradient of `conv{rank}d` does to its result, as an operation of its own.

    Args:
        input: (N, C, {_SHAPES[rank]}) or (C, {_SHAPES[rank]}).
        weight: (C, O / groups, {_KERNELS[rank]}), of the input's dtype.
        bias: (O,).
        stride, padding, groups, dilation: those of the convolution it is the transpose of.
        output_padding: added to the sizes of the result, behind; which of the sizes that the
            convolution would bring to the input's is meant.

    Returns:
        (N, O, ...), where a size n becomes
        (n - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1.

    Raises:
        ShapeError, DTypeError: for operands that do not fit.

    Example:
        >>> import gradatim as gd
        >>> x, w = gd.ones(1, 3, {", ".join("4" * rank)}), gd.ones(3, 5, {", ".join("2" * rank)})
        >>> gd.nn.functional.{name}(x, w, stride=2).shape
        torch.Size([1, 5, {", ".join("8" * rank)}])
    """
    return function


conv1d, conv2d, conv3d = map(_convolution, (1, 2, 3))
conv_transpose1d, conv_transpose2d, conv_transpose3d = map(_transposed, (1, 2, 3))


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """A convolution over time of (time, batch, channels).

    Args:
        input: (T, N, C).
        weight: (taps, C, O).
        bias: (O,).
        pad: zeros before and behind.

    Returns:
        (T', N, O).
    """
    if input.ndim != 3 or weight.ndim != 3 or bias.ndim != 1:
        raise ShapeError(
            f"conv_tbc expects an input (T, N, C), a weight (taps, C, O) and a bias (O,), got "
            f"{list(input.shape)}, {list(weight.shape)} and {list(bias.shape)}"
        )
    image: Tensor = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return named(p.permute(image._read(), (2, 0, 1)), "ConvTbc")
