"""Convolution and pooling of random shapes and options against PyTorch.

Each line is made from a seed and is Python that can be pasted, so that a failure reads as an
example.
"""

from __future__ import annotations

import numpy as np

from gradatim.graph.errors import Error
from gradatim.graph.primitives import has_empty_window, window_counts
from gradatim.ops.pooling import _windows

rng = np.random.default_rng(4)


def sizes(low: int, high: int, rank: int) -> tuple[int, ...] | int:
    """One number for all dimensions, or one for each, from `low` to `high`."""
    numbers = tuple(rng.integers(low, high + 1, rank).tolist())
    return numbers if rng.random() < 0.7 else numbers[0]


def spatial(smallest: int, rank: int) -> tuple[int, ...]:
    """Few enough elements that sums over all of them, in float32, agree in the table's digits."""
    return tuple(rng.integers(smallest, {1: 9, 2: 7, 3: 4}[rank], rank).tolist())


def batch() -> tuple[int, ...]:
    return ((), (1,), (2,), (2,), (0,))[rng.integers(5)]


def convolution() -> tuple[str, str]:
    rank, groups = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 3]))
    channels, outputs = (groups * int(n) for n in rng.integers(1, 3, 2))
    kernel = tuple(rng.integers(1, 4, rank).tolist())
    x = (*batch(), channels, *spatial(2, rank))
    stride, dilation = sizes(1, 3, rank), sizes(1, 2, rank)
    padding: object = sizes(0, 2, rank)
    if rng.random() < 0.2:
        padding, stride = str(rng.choice(["same", "valid"])), 1
    w = (outputs, channels // groups, *kernel)
    options = f"stride={stride}, padding={padding!r}, dilation={dilation}, groups={groups}"
    b, bias = ("b", f"\nb = normal({outputs})") if rng.random() < 0.5 else ("None", "")
    return f"x = normal{x}\nw = normal{w}{bias}", f"F.conv{rank}d(x, w, {b}, {options})"


def transposed() -> tuple[str, str]:
    rank, groups = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 3]))
    channels, outputs = (groups * int(n) for n in rng.integers(1, 3, 2))
    kernel = tuple(rng.integers(1, 4, rank).tolist())
    x = (*(batch() or (1,)), channels, *spatial(2, rank))
    stride, dilation = sizes(1, 3, rank), sizes(1, 2, rank)
    steps, spread = (n if isinstance(n, tuple) else (n,) * rank for n in (stride, dilation))
    extra = tuple(int(rng.integers(max(s, d))) for s, d in zip(steps, spread))
    padding = sizes(0, 1, rank)
    w = (channels, outputs // groups, *kernel)
    options = (
        f"stride={stride}, padding={padding}, output_padding={extra}, groups={groups}, "
        f"dilation={dilation}"
    )
    line = f"F.conv_transpose{rank}d(x, w, b, {options})"
    return f"x = normal{x}\nw = normal{w}\nb = normal({outputs})", line


def max_pooling() -> tuple[str, str]:
    rank = int(rng.integers(1, 4))
    x = (*batch(), 2, *spatial(1, rank))
    kernel, stride, padding, dilation = (
        sizes(low, high, rank) for low, high in ((1, 3), (1, 3), (0, 1), (1, 2))
    )
    ceil = bool(rng.integers(2))
    if _touches_padding_alone(rank, x, kernel, stride, padding, dilation, ceil):
        return max_pooling()
    options = f"{kernel}, {stride}, {padding}, {dilation}, {ceil}, {bool(rng.integers(2))}"
    return f"x = {rng.choice(['normal', 'whole'])}{x}", f"F.max_pool{rank}d(x * 1.0, {options})"


def _touches_padding_alone(rank, shape, kernel, stride, padding, dilation, ceil) -> bool:
    """Whether PyTorch would write beyond its memory in backward()."""
    try:
        found = _windows("", rank, shape, kernel, stride, padding, dilation, ceil)
    except Error:
        return False
    window, steps, low, _, spread = found
    counts = window_counts(shape[-rank:], *found)
    return has_empty_window(shape[-rank:], counts, window, steps, low, spread)


def avg_pooling() -> tuple[str, str]:
    rank = int(rng.integers(1, 3))  # 3-d refuses some windows that 2-d takes
    x = (*batch(), 2, *spatial(1, rank))
    kernel, padding = sizes(1, 3, rank), sizes(0, 1, rank)
    stride = sizes(1, 3, rank) if rng.random() < 0.7 else None
    options = f"{kernel}, {stride}, {padding}, {bool(rng.integers(2))}, {bool(rng.integers(2))}"
    if rank > 1 and rng.random() < 0.3:
        options += f", {int(rng.choice([-2, 3, 5]))}"
    return f"x = normal{x}", f"F.avg_pool{rank}d(x, {options})"


def adaptive() -> tuple[str, str]:
    rank = int(rng.integers(1, 4))
    x = (*batch(), 2, *spatial(1, rank))
    kind, last = (("avg", ""), ("max", f", {bool(rng.integers(2))}"))[rng.integers(2)]
    return f"x = normal{x}", f"F.adaptive_{kind}_pool{rank}d(x, {sizes(1, 5, rank)}{last})"


TABLES: dict[str, tuple[str, str]] = {
    **{f"convolution {k}": convolution() for k in range(80)},
    **{f"transposed {k}": transposed() for k in range(60)},
    **{f"max {k}": max_pooling() for k in range(80)},
    **{f"avg {k}": avg_pooling() for k in range(50)},
    **{f"adaptive {k}": adaptive() for k in range(50)},
}


def test_the_same_as_pytorch(peers, table_case):
    """Both give the same, or both refuse."""
    try:
        peers.run(peers.torch, table_case)
    except RuntimeError as theirs:
        try:
            peers.run(peers.gd, table_case)
        except RuntimeError:
            return
        raise AssertionError(f"PyTorch raises {theirs!r}") from None
    peers.agree(table_case)
