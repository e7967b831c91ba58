"""A graph to look at: as text, as an SVG picture, or in Graphviz's DOT.

All three show the same: one line or box for each Node, numbered by its place in the graph, so that
equal graphs look equal. Numbers (`constant` Nodes) are written into the operation that reads them,
and a `variable` stands for the value under it. Boxes of the backward pass have dashed borders.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.layout import Point, layered
from gradatim.graph.node import Node, topological
from gradatim.graph.program import Program

Graph = Program | Sequence[Node]
Names = Mapping[Node, str]


def to_text(
    outputs: Graph,
    *,
    values: bool = False,
    names: Names | None = None,
    backward: Collection[Node] = (),
) -> str:
    """The graph as one line for each Node, inputs before readers.

    Args:
        outputs: a Program, or the Nodes to show with all they come from, computed ones included.
        values: also show what computed Nodes hold: up to four elements, else smallest and largest.
        names: what some Nodes are to the reader, such as "loss".
        backward: Nodes of the backward pass, which are marked.

    >>> import numpy as np
    >>> from gradatim.graph import primitives as p
    >>> from gradatim.graph.dtypes import float32
    >>> x = p.value(np.array([1.0, -2.0], np.float32), (2,), float32)
    >>> print(to_text([p.sum_(p.mul(x, p.constant(0.5, float32)), (0,))], values=True))
    %0 = value           : float32[2] = [1, -2]
    %1 = mul(%0, 0.5)    : float32[2]
    %2 = sum(%1, axes 0) : float32[]
    return %2
    """
    items = _items(outputs, values, names, backward)
    calls = [f"%{k} = {_call(item, [f'%{n}' for n in item.reads])}" for k, item in enumerate(items)]
    width = max(map(len, calls), default=0)
    lines = [
        f"{call:{width}} : {item.type}"
        + (f" = {item.value}" if item.value else "")
        + (f"  # {remark}" if (remark := item.remark) else "")
        for call, item in zip(calls, items)
    ]
    results = sorted((r, k) for k, item in enumerate(items) for r in item.results)
    returned = ", ".join(f"%{k}{place}" for (_, place), k in results)
    lines.append(f"return {returned}".rstrip())
    if isinstance(outputs, Program):
        lines.insert(0, f"program {outputs.digest[:12]}")
    for k, item in enumerate(items):
        if item.body is not None:
            inside = to_text(item.body.outputs).splitlines()
            lines += [f"each step of %{k}:", *(f"  {line}" for line in inside)]
    return "\n".join(lines)


def to_dot(
    outputs: Graph,
    *,
    values: bool = False,
    names: Names | None = None,
    backward: Collection[Node] = (),
) -> str:
    """The graph in DOT, for Graphviz and the tools that read it. Arguments as `to_text`."""
    items = _items(outputs, values, names, backward)
    lines = [
        "digraph {",
        '  node [shape=box, style="rounded,filled", fontname="monospace", fontsize=11];',
        "  edge [color=gray40, arrowsize=0.6];",
    ]
    for k, item in enumerate(items):
        label = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in item.lines)
        fill, stroke = item.colors
        bold = ", penwidth=2.5" if item.results else ""
        dashed = ', style="rounded,filled,dashed"' if item.is_backward else ""
        look = f'fillcolor="{fill}", color="{stroke}"{bold}{dashed}'
        lines.append(f'  n{k} [label="{label}", {look}];')
    for k, item in enumerate(items):
        lines += [f"  n{source} -> n{k};" for source in item.reads]
    return "\n".join([*lines, "}"])


def to_svg(
    outputs: Graph,
    *,
    values: bool = False,
    names: Names | None = None,
    backward: Collection[Node] = (),
) -> str:
    """The graph as a picture: a self-contained SVG, read from top to bottom.

    A box says the primitive, its parameters, the type of its result, and with `values` what is in
    it. Lines arrive at a box in the order of its operands. Outputs have a thick border. Hovering
    over a box shows its line of `to_text`. Arguments as `to_text`.
    """
    items = _items(outputs, values, names, backward)
    sizes = [
        (max(map(len, item.lines)) * _CHARACTER + 2 * _PADDING, len(item.lines) * _LINE + _PADDING)
        for item in items
    ]
    layout = layered(sizes, [item.reads for item in items])
    width, height = math.ceil(layout.width), math.ceil(layout.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-size="12" '
        f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace">',
        f"<title>A graph of {len(items)} nodes</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        '<g fill="none" stroke="#6b7280" stroke-width="1.2">',
        *dict.fromkeys(line for points in layout.paths for line in _line(points)),
        "</g>",
        '<g fill="#6b7280">',
        *(_arrow_head(points[-1]) for points in layout.paths),
        "</g>",
    ]
    for k, (item, corner, size) in enumerate(zip(items, layout.corners, sizes)):
        parts.append(_box(k, item, corner, size))
    return "\n".join([*parts, "</svg>"])


# --- what is shown of each Node ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Item:
    """What is shown of one Node.

    Attributes:
        name, kind: of its primitive.
        operands: a number as text, or None for the next of `reads`.
        reads: the places of the other operands among the items.
        detail: its parameters, or "".
        type: `float32[64, 10]`.
        value: what it holds, or "".
        results: which outputs of the graph it is, each with what it replaces, or "".
        body: of a loop, the graph of one step.
        label: what it is to the reader, or "".
        is_backward: whether the backward pass made it.
    """

    name: str
    kind: str
    operands: list[str | None]
    reads: list[int]
    detail: str
    type: str
    value: str
    results: list[tuple[int, str]]
    body: p.Body | None
    label: str = ""
    is_backward: bool = False

    @property
    def remark(self) -> str:
        """What is said behind its line of text."""
        return self.label or "backward" * self.is_backward

    @property
    def colors(self) -> tuple[str, str]:
        """Fill and border of its box."""
        return _COLORS.get(self.name) or _COLORS.get(self.kind, _OTHER)

    @property
    def lines(self) -> list[str]:
        """The text in its box."""
        has_numbers = any(operand is not None for operand in self.operands)
        title = self.name
        if has_numbers:
            title += "(" + ", ".join(operand or "·" for operand in self.operands) + ")"
        rest = [self.detail, self.type, f"= {self.value}" if self.value else ""]
        if not self.operands:
            title += f" {rest.pop(0)}"
        rest += [f"output {number}{place}" for number, place in self.results]
        return [*filter(None, [self.label, title.rstrip(), *rest])]


def _items(
    outputs: Graph, values: bool, names: Names | None, backward: Collection[Node]
) -> list[_Item]:
    if isinstance(outputs, Program):
        wanted, nodes = outputs.outputs, outputs.nodes
    else:
        wanted, nodes = tuple(outputs), topological(outputs, through_computed=True)
    replaces = dict(outputs.replaces) if isinstance(outputs, Program) else {}
    results: dict[Node, list[tuple[int, str]]] = {}
    for number, node in enumerate(wanted):
        place = f" in place of input {replaces[number]}" if number in replaces else ""
        results.setdefault(node, []).append((number, place))

    implied = _implied(nodes) - results.keys()
    shown = [node for node in nodes if node not in implied]
    places = {node: place for place, node in enumerate(shown)}
    return [
        _Item(
            node.primitive.name,
            node.primitive.kind,
            [
                None if n in places else _number(n.params[0])
                for n in node.inputs
                if n in places or n.primitive is p.CONSTANT
            ],
            [places[n] for n in node.inputs if n in places],
            _details(node),
            node.type,
            _value(node) if values else "",
            results.get(node, []),
            node.params[0] if node.primitive is p.SCAN else None,
            (names or {}).get(node, ""),
            node in backward,
        )
        for node in shown
    ]


def _implied(nodes: list[Node]) -> set[Node]:
    """Nodes that need no box of their own: numbers, and the value under a variable."""
    read_otherwise = {n for node in nodes if node.primitive is not p.VARIABLE for n in node.inputs}
    return {
        node
        for node in nodes
        if node.primitive is p.CONSTANT
        or (node.primitive is p.VALUE and node not in read_otherwise)
    }


def _call(item: _Item, names: Sequence[str]) -> str:
    """`mul(%0, 0.5)`, for the given names of what it reads."""
    remaining = iter(names)
    arguments = [next(remaining) if operand is None else operand for operand in item.operands]
    if not arguments:
        return f"{item.name} {item.detail}".rstrip()
    return f"{item.name}({', '.join([*arguments, item.detail] if item.detail else arguments)})"


def _number(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


def _value(node: Node) -> str:
    """What a computed Node holds, in a few words."""
    if node.buffer is None or not isinstance(node.dtype, DType):
        return ""
    array = np.asarray(node.buffer).ravel()
    if array.size == 0:
        return "empty"
    if array.size <= 4:
        texts = [f"{x:.4g}" if isinstance(x, float) else str(x) for x in _readable(array).tolist()]
        return texts[0] if node.shape == () else "[" + ", ".join(texts) + "]"
    if array.dtype.kind == "b":
        return f"{np.count_nonzero(array)} of {array.size} true"
    array = _readable(array)
    is_nan = np.isnan(array)
    if is_nan.all():
        return "all NaN"
    numbers = array[~is_nan]
    extent = f"{numbers.min():.4g} … {numbers.max():.4g}"
    return extent + (f", {is_nan.sum()} NaN" if is_nan.any() else "")


def _readable(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Integers and bools as they are; floats, also bfloat16, as float64."""
    return array if array.dtype.kind in "iub" else array.astype(np.float64)


# --- parameters ----------------------------------------------------------------------------------

Describe = Callable[[Node], str]


def _axes(node: Node) -> str:
    return "axes " + ",".join(map(str, node.params[0]))


def _axis(node: Node) -> str:
    return f"axis {node.params[0]}"


def _position(node: Node) -> str:
    return str(node.params[0])


def _result(node: Node) -> str:
    return f"result {node.params[0]}"


def _in_the_type(node: Node) -> str:
    """Nothing: the type of the result says it."""
    return ""


def _pad(node: Node) -> str:
    low, high = node.params
    return "by " + ", ".join(f"{before}+{after}" for before, after in zip(low, high))


def _slice(node: Node) -> str:
    """`[2:5, ::2]`, as it would be written in Python."""
    parts = []
    for start, stop, step, extent in zip(*node.params, node.inputs[0].shape):
        begin = str(start) if start else ""
        end = str(stop) if stop < extent else ""
        parts.append(f"{begin}:{end}" + (f":{step}" if step != 1 else ""))
    return "[" + ", ".join(parts) + "]"


def _sort(node: Node) -> str:
    return _axis(node) + (", descending" if node.params[1] else "")


def _scan(node: Node) -> str:
    _, _, _, length, reverse = node.params
    return f"{length} step{'s' * (length != 1)}" + (" backwards" if reverse else "")


def _contract(node: Node) -> str:
    """The axes as in einsum: `ij,jk->ik`."""
    a_axes, b_axes, a_batch, b_batch = node.params
    letters = iter(string.ascii_lowercase[8:] + string.ascii_lowercase[:8])
    a = [next(letters) for _ in node.inputs[0].shape]
    paired = dict(zip((*b_axes, *b_batch), (*a_axes, *a_batch)))
    b = [a[paired[k]] if k in paired else next(letters) for k in range(node.inputs[1].ndim)]
    batch = [a[k] for k in a_batch]
    rest_of_a = [letter for k, letter in enumerate(a) if k not in a_axes and k not in a_batch]
    rest_of_b = [letter for k, letter in enumerate(b) if k not in paired]
    return f"{''.join(a)},{''.join(b)}->{''.join((*batch, *rest_of_a, *rest_of_b))}"


def _each(numbers: Sequence[int]) -> str:
    """`2` where all are 2, else `2x3`."""
    return str(numbers[0]) if len(set(numbers)) == 1 else "x".join(map(str, numbers))


def _sliding(stride: Any, low: Any, high: Any, dilation: Any, groups: int = 1) -> list[str]:
    """How a window slides, without what is usual."""
    parts = []
    if set(stride) != {1}:
        parts.append(f"stride {_each(stride)}")
    if any(low) or any(high):
        both = _each(low) if low == high else ",".join(f"{a}+{b}" for a, b in zip(low, high))
        parts.append(f"padding {both}")
    if set(dilation) != {1}:
        parts.append(f"dilation {_each(dilation)}")
    if groups != 1:
        parts.append(f"groups {groups}")
    return parts


def _convolve(node: Node) -> str:
    return ", ".join(_sliding(*node.params[:5]))


def _window(node: Node) -> str:
    window = "x".join(map(str, node.params[0]))
    return ", ".join([f"window {window}", *_sliding(*node.params[1:5])])


_DESCRIBE: dict[str, Describe] = {
    "input": _position,
    "pick": _result,
    "constant": lambda node: _number(node.params[0]),
    "iota": _axis,
    "sum": _axes,
    "prod": _axes,
    "max": _axes,
    "min": _axes,
    "argmax": _axis,
    "argmin": _axis,
    "cumsum": _axis,
    "cumprod": _axis,
    "cast": _in_the_type,
    "bitcast": _in_the_type,
    "reshape": _in_the_type,
    "expand": _in_the_type,
    "custom_gradient": _in_the_type,
    "permute": _axes,
    "flip": _axes,
    "concatenate": _axis,
    "pad": _pad,
    "slice": _slice,
    "sort": _sort,
    "contract": _contract,
    "convolve": _convolve,
    "convolve_input": _convolve,
    "convolve_kernel": _convolve,
    "window_sum": _window,
    "window_spread": _window,
    "window_argmax": _window,
    "window_gather": _in_the_type,
    "window_scatter": _in_the_type,
    "scan": _scan,
}


def _details(node: Node) -> str:
    """The parameters of a Node; of a primitive not in the table, as they are."""
    describe = _DESCRIBE.get(node.primitive.name)
    return describe(node) if describe else " ".join(map(str, node.params))


# --- the picture ---------------------------------------------------------------------------------

_CHARACTER = 7.25  # the advance of 12 px DejaVu Sans Mono; the other fonts are no wider
_LINE = 16
_PADDING = 9

# Fill and border by the name or the kind of a primitive.
_ELEMENTWISE = ("#e4effa", "#5b8fc0")
_REDUCTION = ("#fdecd8", "#c98a36")
_MOVEMENT = ("#eef0f3", "#87909b")
_CONTRACTION = ("#eee6f8", "#8565b5")
_COLORS = {
    "variable": ("#fcf5cf", "#b49a2c"),
    "leaf": ("#e5f3e7", "#5f9a66"),
    "unary": _ELEMENTWISE,
    "binary": _ELEMENTWISE,
    "select": _ELEMENTWISE,
    "cast": _ELEMENTWISE,
    "reduce": _REDUCTION,
    "argreduce": _REDUCTION,
    "cumulative": _REDUCTION,
    "movement": _MOVEMENT,
    "gather": _MOVEMENT,
    "scatter": _MOVEMENT,
    "contract": _CONTRACTION,
    "convolve": _CONTRACTION,
    "window": _REDUCTION,
    "scan": ("#e0f2f1", "#3d8b84"),
}
_OTHER = ("#ffffff", "#87909b")


def _box(k: int, item: _Item, corner: Point, size: tuple[float, float]) -> str:
    (x, y), (width, height) = corner, size
    fill, stroke = item.colors
    border = 2.6 if item.results else 1.2
    dashes = ' stroke-dasharray="5 3"' if item.is_backward else ""
    tip = f"%{k} = {_call(item, [f'%{n}' for n in item.reads])} : {item.type}"
    lines = []
    for row, line in enumerate(item.lines):
        style = 'font-weight="bold"' if row == 0 else 'fill="#4b5563"'
        baseline = y + _PADDING / 2 + (row + 0.78) * _LINE
        lines.append(
            f'<text x="{x + width / 2:.1f}" y="{baseline:.1f}" {style}>{escape(line)}</text>'
        )
    return (
        f'<g text-anchor="middle" fill="#111827"><title>{escape(tip)}</title>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="7" '
        f'fill="{fill}" stroke="{stroke}" stroke-width="{border}"{dashes}/>{"".join(lines)}</g>'
    )


def _line(points: list[Point]) -> Iterator[str]:
    """Straight down within each pair of points, and a smooth bend from one pair to the next. Each
    stretch is a path, so that what several lines share can be drawn once.
    """
    for (x, y), (_, bottom), (next_x, next_y) in zip(points[::2], points[1::2], points[2::2]):
        middle = (bottom + next_y) / 2
        yield (
            f'<path d="M{x:.1f},{y:.1f}V{bottom:.1f}C{x:.1f},{middle:.1f} '
            f'{next_x:.1f},{middle:.1f} {next_x:.1f},{next_y:.1f}"/>'
        )


def _arrow_head(tip: Point) -> str:
    x, y = tip
    return f'<path d="M{x:.1f},{y:.1f}l-3.5,-7h7z"/>'
