"""Where the boxes and lines of a drawn graph go: a layered layout, read from top to bottom.

After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
structures" (1981), in four passes:

1. *Layers*: every box stands below all it reads (`_layers`).
2. *Bends*: a line that passes layers gets a bend in each, which keeps room for it (`_add_bends`).
3. *Order* within each layer: sweeps down and up, each box to the mean place of its neighbours;
   the order with the fewest crossings stays (`_order`).
4. *Places*: each box as near as possible under or over its neighbours without overlap (`_place`).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

MARGIN = 16.0
BOX_GAP = 22.0
BEND_GAP = 14.0
LAYER_GAP = 38.0
SWEEPS = 12

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """The drawing's size, each box's top left corner, and each edge's points.

    An edge's points come in pairs: it runs straight down from the first of a pair to the second,
    and bends over to the next pair.
    """

    width: float
    height: float
    corners: list[Point]
    paths: list[list[Point]]


@dataclass(slots=True)
class _Vertex:
    """A box, or a bend of the lines that leave one."""

    layer: int
    width: float
    height: float
    is_bend: bool = False
    x: float = 0.0  # of the centre
    # The neighbours above, each with where on this vertex's top the line arrives.
    above: list[tuple[_Vertex, float]] = field(default_factory=list)
    below: list[tuple[_Vertex, float]] = field(default_factory=list)
    order: int = 0


def layered(sizes: Sequence[tuple[float, float]], reads: Sequence[Sequence[int]]) -> Layout:
    """Lay out boxes of the given `(width, height)`, where box k reads the boxes `reads[k]`,
    all of them earlier ones. Lines arrive at a box's top in the order of `reads[k]`.

    >>> layered([(40, 20), (60, 20)], [[], [0]]).corners
    [(26.0, 16.0), (16.0, 74.0)]
    """
    boxes = [_Vertex(layer, width, height) for layer, (width, height) in zip(_layers(reads), sizes)]
    chains = _add_bends(boxes, reads)
    layers: list[list[_Vertex]] = [[] for _ in range(max((b.layer for b in boxes), default=-1) + 1)]
    for vertex in (*boxes, *(bend for chain in chains for bend in chain)):
        layers[vertex.layer].append(vertex)
    _order(layers)
    _place(layers)

    left = min((v.x - v.width / 2 for layer in layers for v in layer), default=0.0)
    right = max((v.x + v.width / 2 for layer in layers for v in layer), default=0.0)
    tops, bottoms = [], []
    y = MARGIN
    for layer in layers:
        tops.append(y)
        y += max(vertex.height for vertex in layer)
        bottoms.append(y)
        y += LAYER_GAP
    for layer in layers:
        for vertex in layer:
            vertex.x += MARGIN - left

    paths = []
    for box, sources in zip(boxes, reads):
        for position, source in enumerate(sources):
            start = boxes[source]
            points = [(start.x, tops[start.layer] + start.height), (start.x, bottoms[start.layer])]
            for bend in chains[source][: box.layer - start.layer - 1]:
                points += [(bend.x, tops[bend.layer]), (bend.x, bottoms[bend.layer])]
            end = (box.x + _port(box, position, len(sources)), tops[box.layer])
            paths.append([*points, end, end])
    corners = [(box.x - box.width / 2, tops[box.layer]) for box in boxes]
    height = bottoms[-1] + MARGIN if layers else 2 * MARGIN
    return Layout(right - left + 2 * MARGIN, height, corners, paths)


def _port(box: _Vertex, position: int, count: int) -> float:
    """Where on the top of a box its `position`-th line arrives, from the middle."""
    return box.width * ((position + 1) / (count + 1) - 0.5)


def _layers(reads: Sequence[Sequence[int]]) -> list[int]:
    """The layer of each box: the longest way to it from a box that reads nothing. Then a box with
    no more to read than readers sinks to just above its first reader, which shortens lines.
    """
    layers: list[int] = []
    for sources in reads:
        layers.append(max((layers[source] + 1 for source in sources), default=0))
    first_reader: dict[int, int] = {}
    readers = [0] * len(reads)
    for box in reversed(range(len(reads))):
        distinct = set(reads[box])
        if readers[box] and readers[box] >= len(distinct):
            layers[box] = first_reader[box] - 1
        for source in distinct:
            readers[source] += 1
            first_reader[source] = min(first_reader.get(source, layers[box]), layers[box])
    return layers


def _add_bends(boxes: list[_Vertex], reads: Sequence[Sequence[int]]) -> list[list[_Vertex]]:
    """Join the boxes. The lines that leave one box share a chain of bends, one in each layer down
    to the last reader; returns each box's chain.
    """
    chains: list[list[_Vertex]] = [[] for _ in boxes]
    for box, sources in zip(boxes, reads):
        for position, source in enumerate(sources):
            start, chain = boxes[source], chains[source]
            while start.layer + len(chain) + 1 < box.layer:
                previous = chain[-1] if chain else start
                bend = _Vertex(start.layer + len(chain) + 1, 0.0, 0.0, is_bend=True)
                _join(previous, bend, 0.0)
                chain.append(bend)
            steps = box.layer - start.layer - 1
            _join(chain[steps - 1] if steps else start, box, _port(box, position, len(sources)))
    return chains


def _join(upper: _Vertex, lower: _Vertex, port: float) -> None:
    lower.above.append((upper, port))
    upper.below.append((lower, port))


def _order(layers: list[list[_Vertex]]) -> None:
    """Sort each layer so that few lines cross."""
    _number(layers)
    best, fewest, best_sweep = [list(layer) for layer in layers], _crossings(layers), 0
    for sweep in range(SWEEPS):
        if fewest == 0 or sweep - best_sweep > 2:
            break
        downwards = sweep % 2 == 0
        for layer in layers if downwards else reversed(layers):
            layer.sort(key=lambda vertex: _mean_order(vertex, downwards))
            for order, vertex in enumerate(layer):
                vertex.order = order
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest, best_sweep = [list(layer) for layer in layers], crossings, sweep
    layers[:] = best
    _number(layers)


def _number(layers: list[list[_Vertex]]) -> None:
    for layer in layers:
        for order, vertex in enumerate(layer):
            vertex.order = order


def _mean_order(vertex: _Vertex, downwards: bool) -> float:
    neighbours = vertex.above if downwards else vertex.below
    if not neighbours:
        return vertex.order
    # Ports break ties, so that operands stand in the order in which they are read.
    total = sum(v.order + (0.0 if downwards else port * 1e-4) for v, port in neighbours)
    return total / len(neighbours)


def _crossings(layers: list[list[_Vertex]]) -> int:
    """How many pairs of lines between neighbouring layers cross."""
    count = 0
    for layer in layers:
        ends: list[tuple[int, float]] = []
        for vertex in layer:
            for lower, port in sorted(vertex.below, key=lambda line: (line[0].order, line[1])):
                end = (lower.order, port)
                count += len(ends) - bisect_left(ends, end)
                insort(ends, end)
    return count


def _place(layers: list[list[_Vertex]]) -> None:
    """Give each vertex its x."""
    for layer in layers:
        _spread(layer, [0.0] * len(layer))
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        for layer in layers if downwards else reversed(layers):
            _spread(layer, [_wish(vertex, downwards) for vertex in layer])


def _wish(vertex: _Vertex, downwards: bool) -> float:
    """The mean place of the neighbours; a straight long line counts more than a short one."""
    if downwards:
        lines = [(v.x - port, v) for v, port in vertex.above]
    else:
        lines = [(v.x + port, v) for v, port in vertex.below]
    if not lines:
        return vertex.x
    weights = [8.0 if vertex.is_bend and v.is_bend else 1.0 for _, v in lines]
    return sum(x * weight for (x, _), weight in zip(lines, weights)) / sum(weights)


def _spread(layer: list[_Vertex], wishes: list[float]) -> None:
    """The places nearest to the wishes (least squares) that keep order and distance.

    Measured from where each vertex would be if all stood side by side, places must only not
    decrease: isotonic regression, by pooling adjacent violators.
    """
    offsets = []
    offset = 0.0
    for k, vertex in enumerate(layer):
        if k:
            left = layer[k - 1]
            gap = BEND_GAP if left.is_bend or vertex.is_bend else BOX_GAP
            offset += (left.width + vertex.width) / 2 + gap
        offsets.append(offset)
    pools: list[list[float]] = []  # [sum of wishes, weight, members]
    for vertex, wish, offset in zip(layer, wishes, offsets):
        weight = 4.0 if vertex.is_bend else 1.0
        pools.append([(wish - offset) * weight, weight, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            total, weight, members = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += weight
            pools[-1][2] += members
    places = [total / weight for total, weight, members in pools for _ in range(int(members))]
    for vertex, place, offset in zip(layer, places, offsets):
        vertex.x = place + offset
