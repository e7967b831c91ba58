"""Convolution as contraction: the three faces of one form, each an affine nest.

With the padding written out around a copy of the input, every index of a convolution is a sum of
strides, so that all three are contractions whose axes have unusual strides:

    convolve         rows: channels out · columns: places out      · depth: channels in, taps
    convolve_kernel  rows: channels out · columns: channels in, taps · depth: images, places out
    convolve_input   rows: channels in  · columns: places in       · depth: channels out, taps

The last one, for a stride s, is s contractions a dimension: places in that differ modulo s meet
different taps (phases). Taps then run backwards: a negative stride.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gradatim.engines.llvm.kernels import TEMPORARY, Access, Launch, Storage, View, contiguous
from gradatim.graph.node import Shape


def schedule_convolution(scheduler: Any, unit: Any, body: Any, writes: Any, written: Any) -> None:
    """Append the launches of a unit that begins with a convolution.

    Args:
        body: the operations behind it, with their reads (strides over the result's axes).
        writes: `(access, reference)` of what is stored, `written` the Nodes of each.
    """
    head = unit.nodes[0]
    first, second = (scheduler.view(node) for node in head.inputs)
    build = {"convolve": _forward, "convolve_input": _input, "convolve_kernel": _kernel}
    nests = build[head.primitive.name](scheduler, head, first, second)
    targets = [scheduler.view(n) for n in written]
    for nest in nests:
        scheduler.launches.append(_launch(scheduler, unit, body, writes, targets, nest))


class _Nest:
    """A contraction's axes, and which part of the result it computes.

    Attributes:
        split: the group count and position of the result's axis that groups cut, or None.
        phase: for each spatial axis of the result, where it begins and its step; None for all.
    """

    def __init__(self, a: View, b: View, batch: Any, rows: Any, columns: Any, depth: Any,
                 groups: tuple[int, int] | None, phase: Any = None):  # fmt: skip
        self.a, self.b = a, b
        self.batch, self.rows, self.columns, self.depth = batch, rows, columns, depth
        self.groups = groups
        self.phase = phase


def _launch(
    scheduler: Any, unit: Any, body: Any, writes: Any, targets: list[View], nest: _Nest
) -> Launch:
    from gradatim.engines.llvm.kernels import Contraction
    from gradatim.engines.llvm.schedule import _may_fail

    head = unit.nodes[0]

    def axes(strides: Shape) -> Shape:
        """Strides over the result's axes as strides over batch, rows and columns."""
        if nest.phase is not None:
            lead = len(strides) - len(nest.phase)
            strides = (
                *strides[:lead],
                *(t * step for t, (_, step) in zip(strides[lead:], nest.phase)),
            )
        if nest.groups is not None:
            axis, size = nest.groups
            strides = (*strides[:axis], strides[axis] * size, *strides[axis:])
        return strides

    def shifted(view: View, strides: Shape) -> View:
        if nest.phase is None:
            return view
        lead = len(strides) - len(nest.phase)
        offset = sum(t * start for t, (start, _) in zip(strides[lead:], nest.phase))
        return View(view.storage, view.shape, view.strides, view.offset + offset)

    code = Contraction(
        head.dtype,
        nest.batch,
        nest.rows,
        nest.columns,
        nest.depth,
        tuple(replace(a, strides=axes(a.strides)) for a in body.accesses),
        tuple(body.operations),
        tuple((Access(a.dtype, axes(a.strides)), r) for a, r in writes),
    )
    reads = [shifted(v, a.strides) for v, a in zip(body.views, body.accesses)]
    outs = [shifted(v, a.strides) for v, (a, _) in zip(targets, writes)]
    fails = next((n for n in unit.nodes if _may_fail(n)), None)
    storages = [v.storage for v in targets]
    return Launch(code, [nest.a, nest.b, *reads, *outs], storages, list(unit.nodes), fails)


# --- the three faces -----------------------------------------------------------------------------


def _forward(scheduler: Any, node: Any, x: View, w: View) -> list[_Nest]:
    stride, low, high, dilation, groups = node.params
    x = padded(scheduler, x, low, high, node)
    inside, outside = x.shape[1] // groups, w.shape[0] // groups
    batch: tuple[Any, ...] = ((x.shape[0], 0, x.strides[0]),)
    if groups > 1:
        batch += ((groups, outside * w.strides[0], inside * x.strides[1]),)
    taps = _taps(w.shape[2:], w.strides[2:], x.strides[2:], dilation)
    columns = tuple((n, t * s) for n, t, s in zip(node.shape[2:], x.strides[2:], stride))
    depth = ((inside, w.strides[1], x.strides[1]), *taps)
    cut = (1, outside) if groups > 1 else None
    return [_Nest(w, x, batch, ((outside, w.strides[0]),), columns, depth, cut)]


def _taps(kernel: Shape, ours: Shape, theirs: Shape, dilation: Shape) -> tuple[Any, ...]:
    return tuple((n, a, b * d) for n, a, b, d in zip(kernel, ours, theirs, dilation))


def _kernel(scheduler: Any, node: Any, x: View, g: View) -> list[_Nest]:
    stride, low, high, dilation, groups, kernel = node.params
    x = padded(scheduler, x, low, high, node)
    inside, outside = x.shape[1] // groups, g.shape[1] // groups
    batch: tuple[Any, ...] = ()
    if groups > 1:
        batch = ((groups, outside * g.strides[1], inside * x.strides[1]),)
    columns = (
        (inside, x.strides[1]),
        *((n, t * d) for n, t, d in zip(kernel, x.strides[2:], dilation)),
    )
    depth = (
        (g.shape[0], g.strides[0], x.strides[0]),
        *((n, a, b * s) for n, a, b, s in zip(g.shape[2:], g.strides[2:], x.strides[2:], stride)),
    )
    cut = (0, outside) if groups > 1 else None
    return [_Nest(g, x, batch, ((outside, g.strides[1]),), columns, depth, cut)]


def _input(scheduler: Any, node: Any, g: View, w: View) -> list[_Nest]:
    stride, low, _, dilation, groups, spatial = node.params
    rank = len(spatial)
    kernel, counts = w.shape[2:], g.shape[2:]
    phases = [
        [_Phase(r, *numbers) for r in range(min(s, n))]
        for s, n, numbers in zip(stride, spatial, zip(stride, low, dilation, kernel, spatial))
    ]
    before = tuple(max((-p.first for p in axis if p.taps), default=0) for axis in phases)
    behind = tuple(
        max((p.last - (n - 1) for p in axis if p.taps), default=0)
        for axis, n in zip(phases, counts)
    )
    before, behind = tuple(max(0, n) for n in before), tuple(max(0, n) for n in behind)
    g = padded(scheduler, g, before, behind, node)
    outside, inside = g.shape[1] // groups, w.shape[1]
    batch: tuple[Any, ...] = ((g.shape[0], 0, g.strides[0]),)
    if groups > 1:
        batch += ((groups, outside * w.strides[0], outside * g.strides[1]),)
    cut = (1, inside) if groups > 1 else None
    nests = []
    for phase in itertools.product(*phases):
        if not all(p.count for p in phase):
            continue
        columns = tuple((p.count, t) for p, t in zip(phase, g.strides[2:]))
        depth = (
            (outside, w.strides[0], g.strides[1]),
            *(
                (p.taps, p.tap_step * a, -p.step * b)
                for p, a, b in zip(phase, w.strides[2:], g.strides[2:])
            ),
        )
        # A phase without taps reads nothing; its pointers must not leave the memory either.
        live = math.prod(p.taps for p in phase) > 0
        ours = sum(p.tap * a for p, a in zip(phase, w.strides[2:])) if live else 0
        theirs = (
            sum((p.base + b) * t for p, b, t in zip(phase, before, g.strides[2:])) if live else 0
        )
        whole = all(s == 1 for s in stride)
        nests.append(
            _Nest(
                View(w.storage, w.shape, w.strides, w.offset + ours),
                View(g.storage, g.shape, g.strides, g.offset + theirs),
                batch, ((inside, w.strides[1]),), columns, depth, cut,
                None if whole else [(p.start, s) for p, s in zip(phase, stride)],
            )
        )  # fmt: skip
    assert rank
    return nests


class _Phase:
    """The places in that are `start` modulo the stride, along one dimension.

    Place start + stride·j meets tap `tap + tap_step·u` at place out `base + j - step·u`, for
    u < taps and j < count. Those lie between `first` and `last`.
    """

    def __init__(self, start: int, stride: int, low: int, dilation: int, kernel: int, spatial: int):
        self.start = start
        self.count = max(0, -(-(spatial - start) // stride))
        divisor = math.gcd(stride, dilation)
        self.tap_step = stride // divisor
        self.step = dilation // divisor
        self.tap = next(
            (
                t
                for t in range(min(kernel, self.tap_step))
                if (start + low - t * dilation) % stride == 0
            ),
            kernel,
        )
        self.taps = max(0, -(-(kernel - self.tap) // self.tap_step))
        self.base = (start + low - self.tap * dilation) // stride
        self.first = self.base - self.step * max(0, self.taps - 1)
        self.last = self.base + self.count - 1


def padded(scheduler: Any, x: View, low: Sequence[int], high: Sequence[int], node: Any) -> View:
    """A view of `x` with zeros around its spatial axes; a copy only where there is padding."""
    lead = len(x.shape) - len(low)
    starts = (*[0] * lead, *(max(0, -a) for a in low))
    stops = (*x.shape[:lead], *(n - max(0, -b) for n, b in zip(x.shape[lead:], high)))
    stops = tuple(map(max, starts, stops))
    steps = (1,) * len(x.shape)
    inner = x.slice(starts, stops, steps)
    before = (*[0] * lead, *(max(0, a) for a in low))
    behind = (*[0] * lead, *(max(0, b) for b in high))
    if not any(before) and not any(behind):
        return inner
    key = ("padded", x.storage, x.strides, x.offset, before, behind, inner.shape)
    known = scheduler.storage.get(key)
    shape = tuple(n + a + b for n, a, b in zip(inner.shape, before, behind))
    if known is None:
        dtype = x.storage.dtype
        known = scheduler.storage[key] = Storage(TEMPORARY, dtype, math.prod(shape))
        whole = View(known, shape, contiguous(shape))
        scheduler.pad(inner, whole, before, None, node)
    return View(known, shape, contiguous(shape))
