"""Primitives that slide a window over the last dimensions of a tensor: convolution and pooling.

**Convolution** is one form, linear in each of three operands: `⟨g, x ∗ w⟩`, with the input x, the
kernel w, and what arrives at the result, g. Each primitive gives the derivative with respect to one
of them, so that the gradients of each are the other two, and gradients of gradients need nothing
new:

    convolve(x, w)         (N, C, *spatial), (O, C/groups, *kernel) -> (N, O, *out)
    convolve_input(g, w)   (N, O, *out), (O, C/groups, *kernel)     -> (N, C, *spatial)
    convolve_kernel(x, g)  (N, C, *spatial), (N, O, *out)           -> (O, C/groups, *kernel)

`convolve_input` is also what is called a transposed convolution. (One primitive with dimension
numbers, as XLA has it, would say the same; these three tell an engine outright which of its three
loop nests is meant.) Kernels are not flipped: it is a cross-correlation, as everywhere in deep
learning. In each dimension, with t a tap of the kernel,

    out[o] = Σ_t x[o · stride - low + t · dilation] · w[t]

where x is 0 outside. `low` and `high` say how much of that outside there is before and behind; a
negative number crops. All three take the same parameters, tuples with a number for each spatial
dimension, and the number of groups; what the shapes cannot tell is added.

**Pooling** slides the same window over the last dimensions of (*lead, *spatial). `window_sum` and
`window_spread` are each other's gradients, and so are `window_gather` and `window_scatter`. Max
pooling is a `window_gather` of the places that `window_argmax` finds.

float16 and bfloat16 are accumulated in float32. No dimension of a window is 0; every other size,
the number of windows too, may be.
"""

from __future__ import annotations

from typing import Final

from gradatim.graph.dtypes import int64
from gradatim.graph.errors import DTypeError, ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.graph.primitives import Primitive, same_device

__all__ = [
    "CONVOLVE",
    "CONVOLVE_INPUT",
    "CONVOLVE_KERNEL",
    "WINDOW_ARGMAX",
    "WINDOW_GATHER",
    "WINDOW_SCATTER",
    "WINDOW_SPREAD",
    "WINDOW_SUM",
    "convolve",
    "convolve_input",
    "convolve_kernel",
    "has_empty_window",
    "window_argmax",
    "window_counts",
    "window_gather",
    "window_scatter",
    "window_spread",
    "window_sum",
]

CONVOLVE: Final = Primitive("convolve", "convolve", kept=True)
CONVOLVE_INPUT: Final = Primitive("convolve_input", "convolve", kept=True)
CONVOLVE_KERNEL: Final = Primitive("convolve_kernel", "convolve", kept=True)
WINDOW_SUM: Final = Primitive("window_sum", "window", kept=True)
WINDOW_SPREAD: Final = Primitive("window_spread", "window", kept=True)
WINDOW_ARGMAX: Final = Primitive("window_argmax", "window", differentiable=False)
WINDOW_GATHER: Final = Primitive("window_gather", "window", kept=True)
WINDOW_SCATTER: Final = Primitive("window_scatter", "window", kept=True)


def window_counts(
    spatial: Shape, window: Shape, stride: Shape, low: Shape, high: Shape, dilation: Shape
) -> Shape:
    """How many windows there are in each dimension.

    Raises:
        ShapeError: for a window, stride or dilation below 1, for parameters of different lengths,
            and for a crop of more than there is.
    """
    rank = len(spatial)
    if not rank == len(window) == len(stride) == len(low) == len(high) == len(dilation):
        raise ShapeError(
            f"a window over {rank} dimensions needs {rank} numbers for each parameter, got window "
            f"{list(window)}, stride {list(stride)}, padding {list(low)} and {list(high)}, "
            f"dilation {list(dilation)}"
        )
    counts = []
    for n, size, step, before, behind, spread in zip(spatial, window, stride, low, high, dilation):
        if size < 1 or step < 1 or spread < 1:
            raise ShapeError(
                f"window, stride and dilation must be at least 1, got {list(window)}, "
                f"{list(stride)} and {list(dilation)}"
            )
        whole = n + before + behind
        if whole < 0:
            raise ShapeError(
                f"padding {list(low)} before and {list(high)} behind crops more than there is of "
                f"{list(spatial)}"
            )
        counts.append(max(0, (whole - (size - 1) * spread - 1) // step + 1))
    return tuple(counts)


# --- convolution ---------------------------------------------------------------------------------


def _one_dtype(name: str, a: Node, b: Node) -> None:
    if a.dtype is not b.dtype:
        raise DTypeError(
            f"{name} expects one dtype, got {a.dtype.name} and {b.dtype.name}: "
            f"cast one of them with .to(...)"
        )


def _check_groups(name: str, channels: int, outputs: int, groups: int) -> None:
    if groups < 1 or channels % groups or outputs % groups:
        raise ShapeError(
            f"{name}: {channels} input and {outputs} output channels do not divide into {groups} "
            f"groups"
        )


def convolve(
    x: Node, w: Node, stride: Shape, low: Shape, high: Shape, dilation: Shape, groups: int = 1
) -> Node:
    """x ∗ w, see above; params `(stride, low, high, dilation, groups)`."""
    _one_dtype("convolve", x, w)
    if x.ndim != w.ndim or x.ndim < 3 or x.shape[1] != w.shape[1] * groups:
        raise ShapeError(
            f"convolve expects an input (N, C, ...) and a kernel (O, C/groups, ...), got "
            f"{list(x.shape)} and {list(w.shape)} with {groups} groups"
        )
    _check_groups("convolve", x.shape[1], w.shape[0], groups)
    counts = window_counts(x.shape[2:], w.shape[2:], stride, low, high, dilation)
    params = (stride, low, high, dilation, groups)
    shape = (x.shape[0], w.shape[0], *counts)
    return Node(CONVOLVE, (x, w), params, shape, x.dtype, same_device(x, w))


def convolve_input(
    g: Node, w: Node, stride: Shape, low: Shape, high: Shape, dilation: Shape, groups: int,
    spatial: Shape,
) -> Node:  # fmt: skip
    """The derivative of ⟨g, x ∗ w⟩ with respect to x, whose sizes are `spatial`; params
    `(stride, low, high, dilation, groups, spatial)`.
    """
    _one_dtype("convolve_input", g, w)
    counts = window_counts(spatial, w.shape[2:], stride, low, high, dilation)
    if g.ndim != w.ndim or g.shape[1] != w.shape[0] or g.shape[2:] != counts:
        raise ShapeError(
            f"convolve_input expects (N, {w.shape[0]}, {str(list(counts))[1:-1]}) for a kernel "
            f"{list(w.shape)} over {list(spatial)}, got {list(g.shape)}"
        )
    _check_groups("convolve_input", w.shape[1] * groups, w.shape[0], groups)
    params = (stride, low, high, dilation, groups, spatial)
    shape = (g.shape[0], w.shape[1] * groups, *spatial)
    return Node(CONVOLVE_INPUT, (g, w), params, shape, g.dtype, same_device(g, w))


def convolve_kernel(
    x: Node, g: Node, stride: Shape, low: Shape, high: Shape, dilation: Shape, groups: int,
    kernel: Shape,
) -> Node:  # fmt: skip
    """The derivative of ⟨g, x ∗ w⟩ with respect to w, whose sizes are `kernel`; params
    `(stride, low, high, dilation, groups, kernel)`.
    """
    _one_dtype("convolve_kernel", x, g)
    counts = window_counts(x.shape[2:], kernel, stride, low, high, dilation)
    if g.ndim != x.ndim or g.shape[0] != x.shape[0] or g.shape[2:] != counts:
        raise ShapeError(
            f"convolve_kernel expects ({x.shape[0]}, O, {str(list(counts))[1:-1]}) for a kernel "
            f"of {list(kernel)} over {list(x.shape)}, got {list(g.shape)}"
        )
    _check_groups("convolve_kernel", x.shape[1], g.shape[1], groups)
    params = (stride, low, high, dilation, groups, kernel)
    shape = (g.shape[1], x.shape[1] // groups, *kernel)
    return Node(CONVOLVE_KERNEL, (x, g), params, shape, x.dtype, same_device(x, g))


# --- pooling -------------------------------------------------------------------------------------


def _split(name: str, x: Node, rank: int) -> tuple[Shape, Shape]:
    """The leading and the last `rank` sizes."""
    if x.ndim < rank:
        raise ShapeError(f"{name} over {rank} dimensions, got a tensor of shape {list(x.shape)}")
    lead = x.ndim - rank
    return x.shape[:lead], x.shape[lead:]


def window_sum(
    x: Node, window: Shape, stride: Shape, low: Shape, high: Shape, dilation: Shape
) -> Node:
    """The sum of each window; params `(window, stride, low, high, dilation)`."""
    lead, spatial = _split("window_sum", x, len(window))
    shape = (*lead, *window_counts(spatial, window, stride, low, high, dilation))
    params = (window, stride, low, high, dilation)
    return Node(WINDOW_SUM, (x,), params, shape, x.dtype, x.device)


def window_spread(
    g: Node, window: Shape, stride: Shape, low: Shape, high: Shape, dilation: Shape, spatial: Shape
) -> Node:
    """The gradient of `window_sum` over sizes `spatial`: each element is added to every place of
    its window; params `(window, stride, low, high, dilation, spatial)`.
    """
    lead, given = _split("window_spread", g, len(window))
    counts = window_counts(spatial, window, stride, low, high, dilation)
    if given != counts:
        raise ShapeError(
            f"window_spread expects {list(counts)} windows over {list(spatial)}, got {list(given)}"
        )
    params = (window, stride, low, high, dilation, spatial)
    return Node(WINDOW_SPREAD, (g,), params, (*lead, *spatial), g.dtype, g.device)


def window_argmax(
    x: Node, window: Shape, stride: Shape, low: Shape, high: Shape, dilation: Shape
) -> Node:
    """Where the largest element of each window stands, int64: its place in `x`'s last dimensions
    flattened. The first of equal ones, the first NaN if there is one, never one of the padding.
    Params `(window, stride, low, high, dilation)`.

    Raises:
        ShapeError: if a window holds nothing but padding.
    """
    lead, spatial = _split("window_argmax", x, len(window))
    counts = window_counts(spatial, window, stride, low, high, dilation)
    if has_empty_window(spatial, counts, window, stride, low, dilation):
        raise ShapeError(
            f"window_argmax of a window {list(window)} over {list(spatial)}: with padding "
            f"{list(low)} and {list(high)} one holds nothing but padding"
        )
    params = (window, stride, low, high, dilation)
    return Node(WINDOW_ARGMAX, (x,), params, (*lead, *counts), int64, x.device)


def has_empty_window(
    spatial: Shape, counts: Shape, window: Shape, stride: Shape, low: Shape, dilation: Shape
) -> bool:
    """Whether one of the windows has no tap inside the tensor."""
    if 0 in counts:
        return False
    for n, count, size, step, before, spread in zip(spatial, counts, window, stride, low, dilation):
        reach = (size - 1) * spread
        # Quickly, what is so nearly always: no dilation, first and last window touch the inside.
        if n and spread == 1 and reach >= before and (count - 1) * step - before < n:
            continue
        for k in range(count):
            first = k * step - before
            inside = first if first >= 0 else first % spread  # the first tap that is not before
            if inside >= n or inside > first + reach:
                return True
    return False


def window_gather(x: Node, places: Node, rank: int) -> Node:
    """`x` at places in its last `rank` dimensions flattened, for each index of the others; params
    `(rank,)`. The places are those of a `window_argmax`: no engine checks them.

    x: (*lead, *spatial), places: int64 (*lead, *counts) -> (*lead, *counts)
    """
    lead, _ = _split("window_gather", x, rank)
    if places.dtype is not int64 or places.ndim != x.ndim or places.shape[: len(lead)] != lead:
        raise ShapeError(
            f"window_gather over the last {rank} of {list(x.shape)} expects int64 places "
            f"{[*lead, '...']}, got {places.type}"
        )
    device = same_device(x, places)
    return Node(WINDOW_GATHER, (x, places), (rank,), places.shape, x.dtype, device)


def window_scatter(g: Node, places: Node, spatial: Shape) -> Node:
    """The gradient of `window_gather`: zeros of sizes `spatial`, with each element of `g` added to
    its place; params `(spatial,)`.

    g: (*lead, *counts), places: int64 (*lead, *counts) -> (*lead, *spatial)
    """
    lead, _ = _split("window_scatter", g, len(spatial))
    if places.dtype is not int64 or places.shape != g.shape:
        raise ShapeError(f"window_scatter expects int64 places {list(g.shape)}, got {places.type}")
    device = same_device(g, places)
    return Node(WINDOW_SCATTER, (g, places), (spatial,), (*lead, *spatial), g.dtype, device)
