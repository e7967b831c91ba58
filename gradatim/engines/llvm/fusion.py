"""Fusion: which Nodes of a Program form one kernel.

Every Node that computes something starts as a kernel of its own; then, inputs before readers, an
elementwise Node joins the kernel of a producer with the same shape (the loop goes on, or the
contraction's tile is still in registers), and a reduction joins the loop that makes what it
reduces. Two kernels may only become one if no third stands between them.

Movement is no kernel: a permutation, a slice or a broadcast of something in memory is a `View`.
Constants and iotas are written into the loops that read them.
"""

from __future__ import annotations

from gradatim.engines.llvm.elimination import can_eliminate
from gradatim.engines.llvm.kernels import View, contiguous
from gradatim.engines.llvm.operations import can_lower, divides_integers
from gradatim.engines.llvm.rowwise import join_rows
from gradatim.engines.llvm.windows import follows_argmax
from gradatim.graph import primitives as p
from gradatim.graph.node import Node
from gradatim.graph.program import Program

LOOP, ROWWISE, CONTRACTION, MOVE, INDEXED, WINDOWS, ALONG, SCAN, HOST = (
    "loop", "rowwise", "contraction", "move", "indexed", "windows", "along", "scan", "host",
)  # fmt: skip

VIEWS = ("reshape", "permute", "expand", "slice", "flip")
_MOVES = ("pad", "concatenate", "dynamic_slice", "update_slice")
_INDEXED = ("gather", "scatter_add", "scatter_set")
_ELEMENTWISE = ("unary", "binary", "select", "cast")
_WRITTEN_DOWN = (p.CONSTANT, p.IOTA)
_POINTWISE = (*_ELEMENTWISE, "reduce")  # what they read, they read where they stand


MAX_NODES = 120  # of one kernel: more would only spill registers


def _base(node: Node) -> Node:
    """What is broadcast."""
    while node.primitive is p.EXPAND:
        node = node.inputs[0]
    return node


class Unit:
    """Nodes that become one kernel.

    Attributes:
        kind: LOOP, CONTRACTION ...
        domain: the shape that is walked.
        nodes: in order; a contraction comes first.
        reduced: the axes that its reductions take away.
        before, readers: the units whose results it reads, and those that read its own.
        bits: one, and those of the units that were merged into this one.
        above: of every unit that must run before it, some of the bits.
    """

    __slots__ = (
        "above", "before", "bits", "domain", "first", "kind", "nodes", "readers", "reduced",
    )  # fmt: skip

    def __init__(self, kind: str, domain: tuple[int, ...], node: Node, place: int):
        self.kind = kind
        self.domain = domain
        self.nodes = [node]
        self.reduced: tuple[int, ...] | None = None
        self.before: set[Unit] = set()
        self.readers: set[Unit] = set()
        self.bits = 1 << place
        self.above = 0
        self.first = place

    def __repr__(self) -> str:
        names = " ".join(node.primitive.name for node in self.nodes)
        return f"{self.kind} over {list(self.domain)}: {names}"


class Fusion:
    """The units of a Program, and how each Node is read.

    Attributes:
        units: in the order of their first Nodes.
        unit_of: the unit that computes a Node.
        views: for Nodes that are only another look at one that is in memory.
        turned: constants and iotas that are read in another order, from memory.
    """

    def __init__(self, program: Program, rowwise: bool = True):
        self.program = program
        self.unit_of: dict[Node, Unit] = {}
        self.views: dict[Node, View] = {}
        self.units: list[Unit] = []
        self.stored: set[Node] = set(program.outputs)
        for position, node in enumerate(program.inputs):
            given = program.strides[position]
            strides = contiguous(node.shape)
            if given is not None:
                strides = tuple(t // node.dtype.itemsize for t in given)
            self.views[node] = View(node, node.shape, strides)
        self.sizes: dict[Node, int] = {}  # of memory that is larger than its Node
        nodes = program.nodes[len(program.inputs) :]
        self.turned = {
            _base(node.inputs[0])
            for node in nodes
            if node.primitive.name in VIEWS and node.primitive is not p.EXPAND
        }
        self._alias_parts(nodes)
        for place, node in enumerate(nodes):
            self._add(node, place)
        if rowwise:
            join_rows(self)
        self.units = [unit for unit in self.units if unit.nodes]
        self._find_stored()

    # --- nodes -----------------------------------------------------------------------------------

    def is_inlined(self, node: Node) -> bool:
        """Whether a reader writes the value down itself: it needs no memory."""
        base = _base(node)
        return base.primitive in _WRITTEN_DOWN and base not in self.turned

    def view(self, node: Node) -> View:
        """How the value of a Node lies in memory."""
        found = self.views.get(node)
        if found is None:
            found = View(node, node.shape, contiguous(node.shape))
        return found

    def _add(self, node: Node, place: int) -> None:
        primitive = node.primitive
        if self.is_inlined(node):
            self.stored.discard(node)
            return
        if primitive.name in VIEWS:
            view = self._as_view(node)
            if view is not None:
                self.views[node] = view
                return
        if primitive.name == "pick":
            return
        kind = self._kind(node)
        if kind == SCAN:
            self._alias_states(node)
        domain = node.shape
        if kind == LOOP and (primitive.kind == "reduce" or primitive.name in VIEWS):
            domain = node.inputs[0].shape  # (a reshape that no view can say is a copy)
        unit = Unit(kind, domain, node, place)
        for source in node.inputs:
            other = self._producer(source)
            if other is not None:
                unit.before.add(other)
                other.readers.add(unit)
                unit.above |= other.above | other.bits
        self.units.append(unit)
        self.unit_of[node] = unit
        if primitive.kind == "reduce" and kind == LOOP:
            unit.reduced = node.params[0]
            self._join_reduction(node, unit)
        elif kind == LOOP and primitive.kind in _ELEMENTWISE:
            self._join_elementwise(node, unit)
        elif primitive.name == "window_gather":
            self._join_argmax(node, unit)

    def _kind(self, node: Node) -> str:
        name, kind = node.primitive.name, node.primitive.kind
        if kind in _ELEMENTWISE:
            return LOOP if can_lower(node) else HOST
        if name in VIEWS or kind == "reduce" or node.primitive in _WRITTEN_DOWN:
            return LOOP
        if kind in ("contract", "convolve"):
            return CONTRACTION
        if name in _MOVES:
            return MOVE
        if name in _INDEXED:
            return INDEXED
        if kind == "window":
            return WINDOWS
        if (
            kind in ("argreduce", "cumulative", "sort")
            or name == "permutation"
            or can_eliminate(node)
        ):
            return ALONG
        if kind == "scan":
            return SCAN
        return HOST

    def _as_view(self, node: Node) -> View | None:
        view = self.view(node.inputs[0])
        name, params = node.primitive.name, node.params
        if name == "reshape":
            return view.reshape(node.shape)
        if name == "permute":
            return view.permute(params[0])
        if name == "expand":
            return view.spread(node.shape)
        if name == "slice":
            return view.slice(*params)
        return view.flip(params[0])

    def _producer(self, node: Node) -> Unit | None:
        """The unit that a Node's memory is written by."""
        found = self.unit_of.get(node)
        if found is not None:
            return found
        base = self.view(node).storage
        while base.primitive.name == "pick":
            base = base.inputs[0]
        return self.unit_of.get(base)

    # --- results that are written where they are wanted ------------------------------------------

    def _alias_parts(self, nodes: list[Node]) -> None:
        """Let what is concatenated be computed in its place, where nobody looks at it otherwise
        than point by point, or at a concatenation by way of views."""
        readers: dict[Node, list[Node]] = {}
        for node in nodes:
            for source in node.inputs:
                readers.setdefault(source, []).append(node)
        outputs = set(self.program.outputs)
        computed = (*_ELEMENTWISE, "contract")
        for node in reversed(nodes):  # (the place of one in another comes before its parts')
            if node.primitive is not p.CONCATENATE:
                continue
            (axis,) = node.params
            whole = self.view(node)
            start = 0
            for part in node.inputs:
                joined = part.primitive is p.CONCATENATE
                if (
                    (joined or part.primitive.kind in computed)
                    and part not in outputs
                    and part not in self.views
                    and node.inputs.count(part) == 1
                    and all(
                        reader is node
                        or reader.primitive.kind in computed
                        or (joined and reader.primitive.name in VIEWS)
                        for reader in readers[part]
                    )
                ):
                    first = whole.offset + start * whole.strides[axis]
                    self.views[part] = View(whole.storage, part.shape, whole.strides, first)
                start += part.shape[axis]

    def _alias_states(self, scan: Node) -> None:
        """The states before each step of a scan, where they are wanted, are those behind it and the
        initial one: one stack of one more state, looked at from two places."""
        body, n_carries, _, length, reverse = scan.params
        picks: dict[int, list[Node]] = {}
        for node in self.program.nodes:
            if node.primitive.name == "pick" and node.inputs[0] is scan:
                picks.setdefault(node.params[0], []).append(node)
        outputs = set(self.program.outputs)
        for carry in range(n_carries):
            before = [k for k in picks if k >= n_carries and body.outputs[k] is body.inputs[carry]]
            after = [k for k in picks if k >= n_carries and body.outputs[k] is body.outputs[carry]]
            if len(before) != 1 or body.outputs[carry] is body.inputs[carry]:
                continue
            mine = [*picks[before[0]], *(node for k in after for node in picks[k])]
            if outputs.intersection(mine) or any(node in self.views for node in mine):
                continue
            size = body.inputs[carry].size
            base = picks[before[0]][0]
            self.sizes[base] = (length + 1) * size
            for k in (*before, *after):
                late = (k in after) != reverse
                for node in picks[k]:
                    strides = contiguous(node.shape)
                    self.views[node] = View(base, node.shape, strides, size if late else 0)

    # --- joining ---------------------------------------------------------------------------------

    def _in_register(self, node: Node, unit: Unit) -> bool:
        """Whether a unit has the value of the Node at hand, point for point."""
        return (
            self.unit_of.get(node) is unit
            and node.shape == unit.domain
            and node.primitive.kind != "reduce"
        )

    def _join_elementwise(self, node: Node, own: Unit) -> None:
        """Let a Node go on in the loops, or in the contraction, that make what it reads."""
        candidates = []
        for source in node.inputs:
            unit = self.unit_of.get(source)
            if unit is not None and unit is not own and self._in_register(source, unit):
                candidates.append(unit)
        candidates.sort(key=lambda unit: unit.first, reverse=True)
        # A contraction comes first: its result would have to be written and read again.
        candidates.sort(key=lambda unit: unit.kind != CONTRACTION)
        for unit in dict.fromkeys(candidates):
            if unit.kind not in (LOOP, CONTRACTION) or unit not in own.before:
                continue
            if own.kind == CONTRACTION and unit.kind == CONTRACTION:
                continue
            if unit.domain != node.shape:
                continue
            if not (self._reads_points(own, unit) and self._reads_points(unit, own)):
                continue
            if own.kind == CONTRACTION and unit.reduced is not None:
                continue
            if own.reduced is not None and unit.reduced is not None and own.reduced != unit.reduced:
                continue
            if CONTRACTION in (own.kind, unit.kind) and not (
                self._may_follow(own) and self._may_follow(unit)
            ):
                continue
            if len(own.nodes) + len(unit.nodes) > MAX_NODES:
                continue
            if unit.domain in ((), (1,)) and not own.before <= unit.before | {unit}:
                continue  # little to gain, and other readers of a number would have to wait
            if not self._between(unit, own):
                own = self._merge(unit, own)

    def _reads_points(self, reader: Unit, unit: Unit) -> bool:
        """Whether all that one unit reads of another is at hand point for point."""
        return unit not in reader.before or all(
            self._producer(source) is not unit
            or (node.primitive.kind in _POINTWISE and self._in_register(source, unit))
            for node in reader.nodes
            for source in node.inputs
        )

    def _may_follow(self, unit: Unit) -> bool:
        """Whether a unit's operations can stand behind a contraction, on its tile."""
        return all(
            node.primitive.kind in ("contract", "convolve")
            or (
                node.primitive.kind in _ELEMENTWISE
                and not divides_integers(node.primitive.name, node.dtype)
                and not any(_base(source).primitive is p.IOTA for source in node.inputs)
            )
            for node in unit.nodes
        )

    def _join_reduction(self, node: Node, own: Unit) -> None:
        source = node.inputs[0]
        unit = self.unit_of.get(source)
        if (
            unit is not None
            and unit.kind == LOOP
            and self._in_register(source, unit)
            and unit.reduced in (None, own.reduced)
            and not self._between(unit, own)
        ):
            self._merge(unit, own)

    def _join_argmax(self, node: Node, own: Unit) -> None:
        """Let one kernel find both the largest of each window and where it stands."""
        head = follows_argmax(node)
        if head is not None and not self._between(self.unit_of[head], own):
            self._merge(self.unit_of[head], own)

    def _between(self, early: Unit, late: Unit) -> bool:
        """Whether some other unit stands between the two, whichever of them comes first."""
        return any(unit.above & early.bits for unit in late.before if unit is not early) or any(
            unit.above & late.bits for unit in early.before if unit is not late
        )

    def _merge(self, a: Unit, b: Unit) -> Unit:
        """One unit of two; it has the kind of the contraction, if one is."""
        keep, gone = (b, a) if b.kind == CONTRACTION else (a, b)
        head = keep.nodes[:1] if keep.kind == CONTRACTION else []
        rest = [n for n in (*a.nodes, *b.nodes) if n not in head]
        rest.sort(key=lambda n: n.number)
        keep.nodes = [*head, *rest]
        keep.reduced = a.reduced if a.reduced is not None else b.reduced
        for unit in gone.before:
            unit.readers.discard(gone)
            unit.readers.add(keep)
        for unit in gone.readers:
            unit.before.discard(gone)
            unit.before.add(keep)
        keep.before = (a.before | b.before) - {a, b}
        keep.readers = (a.readers | b.readers) - {a, b}
        keep.bits |= gone.bits
        keep.above = (a.above | b.above) & ~keep.bits
        keep.first = min(a.first, b.first)
        for node in gone.nodes:
            self.unit_of[node] = keep
        gone.nodes = []
        stack = list(keep.readers)
        while stack:  # what reads the one, waits for what the other waits for
            unit = stack.pop()
            if keep.above & ~unit.above:
                unit.above |= keep.above
                stack += unit.readers
        return keep

    # --- what needs memory -----------------------------------------------------------------------

    def _find_stored(self) -> None:
        """The Nodes whose values are written to memory."""
        stored = {self.view(n).storage for n in self.stored if not self.is_inlined(n)}
        for unit in self.units:
            members = set(unit.nodes)
            for node in unit.nodes:
                for source in node.inputs:
                    if self.is_inlined(source):
                        continue
                    base = self.view(source).storage
                    if base in members and unit.kind == ROWWISE:
                        continue
                    if base not in members or not self._in_register(source, unit):
                        stored.add(base)
        for node in self.views:  # a part of a concatenation is written there
            if node in self.unit_of:
                stored.add(node)
        self.stored = stored
