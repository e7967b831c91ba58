"""Windows: pooling and its gradients as kernels.

Four loops over windows are one form. Each place of the result (the sink) meets some places of the
source, one for each tap of the window that reaches it:

    sum, max          sink: a window        source: the elements in it
    spread, scatter   sink: an element      source: the windows that cover it

Nothing is ever added to memory from two sides, so results depend neither on the order of the
pieces nor on who does them. Along a dimension with stride s, elements that differ modulo s meet
different taps: `Phase` says which.

A `max` leaves where each maximum stood: as the place, int64, if a Program's output wants it; as
the number of the tap, in one byte, if only the `scatter` behind it does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gradatim.engines.llvm.kernels import TEMPORARY, Launch, Storage, View, contiguous
from gradatim.graph import dtypes
from gradatim.graph.dtypes import DType
from gradatim.graph.node import Node, Shape


@dataclass(frozen=True, slots=True)
class Phase:
    """Places of a sink along one dimension that meet the same taps.

    With j counting them, the sink's place is `j·sink_scale + sink_start`; the i-th of `count` taps
    is number `tap + i·tap_step` and meets the source's place `j·scale + start + i·step`.
    """

    scale: int
    start: int
    step: int
    count: int
    tap: int
    tap_step: int
    sink_scale: int
    sink_start: int


@dataclass(frozen=True, slots=True)
class Line:
    """One dimension: the extents of source and sink, the range of j, and the phases."""

    source: int
    sink: int
    first: int
    last: int
    phases: tuple[Phase, ...]


@dataclass(frozen=True, slots=True)
class Windows:
    """A kernel over windows. Operands are contiguous: planes, then the spatial dimensions.

    Pointers: the source, for "scatter" its places; then the result, for "max" the values (if
    `values`) and the places (if `places`).

    Attributes:
        how: "sum", "max", "spread" or "scatter".
        planes: how many arrays of the spatial sizes there are.
        sizes: of the tensor that the windows slide over.
        counts: how many windows there are in each dimension.
        places: int64 for places, int8 or int32 for tap numbers.
    """

    how: str
    dtype: DType
    planes: int
    sizes: Shape
    counts: Shape
    window: Shape
    stride: Shape
    low: Shape
    dilation: Shape
    values: bool = True
    places: DType | None = None

    @property
    def gathers(self) -> bool:
        """Whether a sink is a window."""
        return self.how in ("sum", "max")

    def lines(self) -> tuple[Line, ...]:
        """The dimensions as loops see them."""
        each = zip(self.sizes, self.counts, self.window, self.stride, self.low, self.dilation)
        return tuple((_windows_line if self.gathers else _elements_line)(*one) for one in each)

    def __repr__(self) -> str:
        kind = f" places {self.places.name}" if self.places else ""
        return (
            f"windows {self.how} {self.dtype.name} [{self.planes}] x {list(self.sizes)}, window "
            f"{list(self.window)} stride {list(self.stride)} low {list(self.low)} dilation "
            f"{list(self.dilation)} -> {list(self.counts)}{kind}"
        )


@dataclass(frozen=True, slots=True)
class Places:
    """Gather or scatter by places whose windows are not known: they come from another Program.

    Pointers: x (or the gradient), places, result; a scatter of half types adds up in a workspace.
    """

    how: str  # "gather" or "scatter"
    dtype: DType
    planes: int
    size: int  # elements of a plane of the tensor
    count: int  # places of a plane

    def __repr__(self) -> str:
        return f"{self.how} {self.dtype.name} [{self.planes}] x {self.count} of {self.size}"


def _windows_line(n: int, count: int, size: int, stride: int, low: int, dilation: int) -> Line:
    phase = Phase(stride, -low, dilation, size, 0, 1, 1, 0)
    return Line(n, count, 0, count, (phase,))


def _elements_line(n: int, count: int, size: int, stride: int, low: int, dilation: int) -> Line:
    """Element w stands at u = w + low in the padded row; tap t reaches it from window
    (u - t·dilation) / stride, if that is whole."""
    common = math.gcd(stride, dilation)
    phases = []
    for k in range(stride):
        tap = next((t for t in range(size) if (t * dilation - k) % stride == 0), size)
        step = stride // common
        number = -(-(size - tap) // step)
        start = -((tap * dilation - k) // stride)
        phases.append(Phase(1, start, -dilation // common, number, tap, step, stride, k - low))
    last = (n - 1 + low) // stride + 1
    return Line(count, n, low // stride, last if n else low // stride, tuple(phases))


# --- scheduling ----------------------------------------------------------------------------------


def follows_argmax(node: Node) -> Node | None:
    """The `window_argmax` whose maxima a `window_gather` reads, or whose windows a
    `window_scatter` goes back through; None if they are not known."""
    places = node.inputs[1]
    if places.primitive.name != "window_argmax":
        return None
    rank, x = len(places.params[0]), places.inputs[0]
    if node.primitive.name == "window_gather":
        return places if node.inputs[0] is x and node.params[0] == rank else None
    return places if node.shape == x.shape and len(node.params[0]) == rank else None


def schedule_windows(scheduler: Any, unit: Any) -> None:
    """Append the launches of a unit of window primitives: one of them, or a `window_argmax` with
    the `window_gather` that reads its maxima."""
    head = unit.nodes[0]
    _SCHEDULES[head.primitive.name](scheduler, unit, head)


def _source(scheduler: Any, node: Node) -> View:
    """Where a Node's value is, copied if it does not lie in a row."""
    view: View = scheduler.view(node)
    if view.is_contiguous:
        return view
    storage = Storage(TEMPORARY, node.dtype, node.size)
    target = View(storage, node.shape, contiguous(node.shape))
    scheduler._copy(view, target, node)
    return target


def _target(scheduler: Any, node: Node) -> View:
    return View(scheduler._storage_of(node), node.shape, contiguous(node.shape))


def _sum_or_spread(scheduler: Any, unit: Any, node: Node) -> None:
    source = node.inputs[0]
    window, stride, low, _, dilation = node.params[:5]
    rank = len(window)
    small, large = (node, source) if node.primitive.name == "window_sum" else (source, node)
    code = Windows(
        node.primitive.name.removeprefix("window_"),
        node.dtype,
        math.prod(node.shape[: node.ndim - rank]),
        large.shape[large.ndim - rank :],
        small.shape[small.ndim - rank :],
        window, stride, low, dilation,
    )  # fmt: skip
    _launch(scheduler, unit, code, [_source(scheduler, source)], [_target(scheduler, node)])


def _argmax(scheduler: Any, unit: Any, head: Node) -> None:
    source = _source(scheduler, head.inputs[0])
    values = [n for n in unit.nodes if n.primitive.name == "window_gather"]
    kept = head in scheduler.fusion.stored
    targets = [_target(scheduler, node) for node in values]
    dtype = None
    if kept:
        if head not in scheduler.storage and _only_scattered(scheduler, head):
            dtype = _tap_dtype(head)
            scheduler.storage[head] = Storage(TEMPORARY, dtype, head.size)
        else:
            dtype = dtypes.int64
        targets.append(_target(scheduler, head))
    if targets:
        code = _max_windows("max", head, head.inputs[0].dtype, bool(values), dtype)
        _launch(scheduler, unit, code, [source], targets)


def _only_scattered(scheduler: Any, head: Node) -> bool:
    """Whether nothing but `window_scatter` wants to know the places."""
    unit = scheduler.fusion.unit_of[head]
    for node in scheduler.program.nodes:
        if head not in node.inputs or scheduler.fusion.unit_of.get(node) is unit:
            continue
        if node.primitive.name != "window_scatter" or follows_argmax(node) is not head:
            return False
    return True


def _tap_dtype(head: Node) -> DType:
    return dtypes.int8 if math.prod(head.params[0]) <= 128 else dtypes.int32


def _max_windows(how: str, head: Node, dtype: DType, values: bool, places: DType | None) -> Windows:
    window, stride, low, _, dilation = head.params
    source = head.inputs[0]
    lead = source.ndim - len(window)
    return Windows(
        how, dtype, math.prod(source.shape[:lead]), source.shape[lead:], head.shape[lead:],
        window, stride, low, dilation, values, places,
    )  # fmt: skip


def _gather(scheduler: Any, unit: Any, node: Node) -> None:
    (rank,) = node.params
    x, places = (_source(scheduler, n) for n in node.inputs)
    lead = node.ndim - rank
    planes, size = math.prod(x.shape[:lead]), math.prod(x.shape[lead:])
    code = Places("gather", node.dtype, planes, size, math.prod(node.shape[lead:]))
    _launch(scheduler, unit, code, [x, places], [_target(scheduler, node)])


def _scatter(scheduler: Any, unit: Any, node: Node) -> None:
    sources = [_source(scheduler, n) for n in node.inputs]
    head = follows_argmax(node)
    code: Any
    if head is not None:
        code = _max_windows("scatter", head, node.dtype, True, sources[1].storage.dtype)
    else:
        (sizes,) = node.params
        lead = node.ndim - len(sizes)
        planes, count = math.prod(node.shape[:lead]), math.prod(node.inputs[0].shape[lead:])
        code = Places("scatter", node.dtype, planes, math.prod(sizes), count)
    _launch(scheduler, unit, code, sources, [_target(scheduler, node)])


def _launch(scheduler: Any, unit: Any, code: Any, sources: list[View], targets: list[View]) -> None:
    storages = [view.storage for view in targets]
    scheduler.launches.append(Launch(code, [*sources, *targets], storages, list(unit.nodes)))


_SCHEDULES = {
    "window_sum": _sum_or_spread,
    "window_spread": _sum_or_spread,
    "window_argmax": _argmax,
    "window_gather": _gather,
    "window_scatter": _scatter,
}
