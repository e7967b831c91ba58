"""Moving work out of a loop: in front of it (hoist) and behind it (sink).

- *hoist*: what depends on constants alone is computed before the loop. Costly operations on
  sequences (the input projection of a recurrent cell) are done for all steps at once, before it.
- *sink*: costly operations that no later step needs (the output projection) are done for all steps
  at once, behind the loop. So are sums over the steps (the gradients of weights): one contraction
  with time among the contracted axes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradatim.graph import primitives as p
from gradatim.graph.batching import batch, can_batch, spread
from gradatim.graph.node import Node
from gradatim.graph.scan import Body, is_inline, is_zero, scan_node, walk, with_inputs

# Worth doing for all steps at once: each reads a value many times.
COSTLY = ("contract", "convolve", "sort", "cumulative")
ELEMENTWISE = ("unary", "binary", "select", "cast")
ADD = p.PRIMITIVES["add"]
# What can be summed over the steps by the operation itself.
SUMMED = ("contract", "sum")

Results = Sequence[Node | None]


def live_inputs(node: Node, used: Iterable[int]) -> set[int]:
    """The inputs of a scan that its results in `used` depend on."""
    body, n_carries = node.params[:2]
    wanted = set(used)
    position = {inner: k for k, inner in enumerate(body.inputs)}
    while True:
        below = set(walk([body.outputs[k] for k in sorted(wanted)], ()))
        live = {k for inner, k in position.items() if inner in below}
        carried = {k for k in live if k < n_carries}
        if carried <= wanted:
            return live | {k for k in wanted if k < n_carries}
        wanted |= carried


def readers_of(nodes: Iterable[Node], outputs: Iterable[Node]) -> dict[Node, list[Node | None]]:
    """Who reads each Node; None for the outside."""
    readers: dict[Node, list[Node | None]] = {}
    for node in nodes:
        for n in node.inputs:
            readers.setdefault(n, []).append(node)
    for node in outputs:
        readers.setdefault(node, []).append(None)
    return readers


CONSTANT, SEQUENCE, CARRIED = range(3)  # what a value in the body depends on, at the most


class Loop:
    """A scan that is being taken apart into what stays in the loop, what goes in front of it and
    what goes behind it."""

    def __init__(self, node: Node, inputs: Sequence[Node | None], used: set[int]):
        self.node = node
        self.body, self.n_carries, n_sequences, self.length, self.reverse = node.params
        split = self.n_carries + n_sequences
        live = live_inputs(node, used)
        self.used_steps = sorted(k for k in used if k >= self.n_carries)
        inner = self.body.inputs
        self.initial = {
            k: given for k, given in enumerate(inputs[: self.n_carries]) if given and k in live
        }
        self.level: dict[Node, int] = {}
        self.outer: dict[Node, Node] = {}  # the value outside, of all steps if it differs
        for k, (mine, given) in enumerate(zip(inner, inputs)):
            self.level[mine] = (
                CARRIED if k < self.n_carries else SEQUENCE if k < split else CONSTANT
            )
            if k >= self.n_carries and given is not None:
                self.outer[mine] = given
        for k in list(self.initial):  # a carry that never changes is a constant
            if self.body.outputs[k] is inner[k]:
                self.level[inner[k]], self.outer[inner[k]] = CONSTANT, self.initial[k]
        self._classify()
        self.sums = self._find_sums()
        self.carried = [
            k for k in self.initial if k not in self.sums and self.level[inner[k]] == CARRIED
        ]

    # --- in front of the loop --------------------------------------------------------------------

    def _classify(self) -> None:
        for node in self.body.nodes[len(self.body.inputs) :]:
            level = max((self.level[n] for n in node.inputs), default=CONSTANT)
            is_batched = [self.level[n] == SEQUENCE for n in node.inputs]
            if level == SEQUENCE and not can_batch(node, is_batched):
                level = CARRIED
            self.level[node] = level
        self.hoisted: set[Node] = set()
        for node in self.body.nodes[len(self.body.inputs) :]:
            if self._is_hoisted(node):
                self.hoisted.add(node)

    def _is_hoisted(self, node: Node) -> bool:
        """Whether a value is made before the loop, and read by the loop from there."""
        kind = node.primitive.kind
        if self.level[node] == CONSTANT:
            return kind != "movement" and not is_inline(node) and kind != "leaf"
        if self.level[node] != SEQUENCE:
            return False
        if _is_widening(node):
            return False
        if kind in COSTLY or node.primitive is p.PICK:
            return not isinstance(node.dtype, tuple)
        # What follows one (adding a bias) goes with it, as long as it is no larger.
        return kind in ELEMENTWISE and any(
            n in self.hoisted and n.size >= node.size and self.level[n] == SEQUENCE
            for n in node.inputs
        )

    def outside(self, node: Node) -> Node:
        """The value of a Node that is stacked or depends on no carry: of all steps, if they
        differ."""
        for each in walk([node], self.outer):
            reads = [self.outer[n] for n in each.inputs]
            if self.level[each] == CONSTANT:
                made = with_inputs(each, reads) if reads else each
            else:
                is_batched = [self.level[n] == SEQUENCE for n in each.inputs]
                made = batch(each, reads, is_batched, self.length)
            self.outer[each] = self._placed(made)
        return self.outer[node]

    def _placed(self, made: Node) -> Node:
        """The Node, blamed on the line of the loop if it fails."""
        if made.inputs and made.site is None:
            made.site = self.node.site
        return made

    # --- behind the loop -------------------------------------------------------------------------

    def _find_sums(self) -> dict[int, list[Node]]:
        """The carries that only add up something which costs nothing to keep or can be summed
        behind the loop by one operation, with what they add."""
        live = [self.body.outputs[k] for k in (*self.initial, *self.used_steps)]
        readers = readers_of(walk(live, ()), live)
        found = {}
        for k in self.initial:
            terms = self._terms(k, readers)
            if terms is not None and all(self._can_sum(term) for term in terms):
                found[k] = terms
        return found

    def _terms(self, k: int, readers: dict[Node, list[Node | None]]) -> list[Node] | None:
        """What carry k adds at each step, if that is all it does."""
        carry, out = self.body.inputs[k], self.body.outputs[k]
        if len(readers.get(carry, ())) != 1 or out is carry or self.level[carry] != CARRIED:
            return None
        terms: list[Node] = []
        stack = [out]
        while stack:
            node = stack.pop()
            is_sum = node.primitive is ADD and node.shape == out.shape
            if is_sum and len(readers[node]) == 1:
                stack.extend(reversed(node.inputs))
            else:
                terms.append(node)
        if carry not in terms or any(term.shape != out.shape for term in terms):
            return None
        terms.remove(carry)
        return terms

    def _can_sum(self, term: Node) -> bool:
        source = _rearranged(term)[0]
        return source.primitive.name in SUMMED or self.level[source] != CARRIED

    def _behind(self, roots: Sequence[Node]) -> set[Node]:
        """Of what no later step needs, the costly operations and what depends on them."""
        core = set(walk([self.body.outputs[k] for k in self.carried], ()))
        nodes = [n for n in walk(roots, ()) if n not in core and self.level[n] == CARRIED]
        refused: set[Node] = set()
        while True:
            behind: set[Node] = set()
            for node in nodes:
                if node in self.body.inputs or node in refused:
                    continue
                costly = node.primitive.kind in COSTLY
                if not costly and not any(n in behind for n in node.inputs):
                    continue
                if not can_batch(node, [self.level[n] != CONSTANT for n in node.inputs]):
                    refused |= {n for n in walk([node], ()) if n in behind} | {node}
                    break
                behind.add(node)
            else:
                return behind

    def results(self) -> Results:
        """The new loop and what surrounds it: the Nodes of the results (None if not used)."""
        steps = {k: self.body.outputs[k] for k in self.used_steps}
        parts = {k: [_rearranged(term) for term in terms] for k, terms in self.sums.items()}
        roots = list(steps.values())
        for several in parts.values():
            for source, _ in several:
                roots += source.inputs if source.primitive.name in SUMMED else [source]
        behind = self._behind(roots)
        stacked = self._stacked(roots, behind)
        loop = self._loop(stacked)
        last = {k: p.pick(loop, place) for place, k in enumerate(self.carried)}
        self.outer |= {
            node: p.pick(loop, len(self.carried) + place) for place, node in enumerate(stacked)
        }
        for node in walk(roots, set(stacked)):
            if node in behind:
                reads = [self.outside(n) for n in node.inputs]
                has = [self.level[n] != CONSTANT for n in node.inputs]
                self.outer[node] = self._placed(batch(node, reads, has, self.length))
        results: list[Node | None] = [None] * len(self.body.outputs)
        for k in self.initial:
            if k in self.sums:
                results[k] = self._sum(k, parts[k])
            elif k in last:
                results[k] = last[k]
            else:
                results[k] = self.initial[k]
        for k, node in steps.items():
            has_time = self.level[node] != CONSTANT
            results[k] = spread(self.outside(node), has_time, self.length)
        return results

    def _stacked(self, roots: Sequence[Node], behind: set[Node]) -> list[Node]:
        """What the loop must leave behind for the roots to be computed."""
        found: dict[Node, None] = {}
        stack = list(reversed(roots))
        while stack:
            node = stack.pop()
            if node in behind:
                stack.extend(reversed(node.inputs))
            elif self.level[node] == CARRIED:
                found[node] = None
        return list(found)

    def _loop(self, stacked: Sequence[Node]) -> Node:
        """The scan that is left, with the `stacked` values as the results of its steps."""
        outputs = [*(self.body.outputs[k] for k in self.carried), *stacked]
        ends = self.hoisted | set(self.body.inputs)
        read = {n for node in walk(outputs, ends) for n in node.inputs if n in ends}
        read |= {node for node in outputs if node in ends}
        inner = [self.body.inputs[k] for k in self.carried]
        order = [n for n in self.body.nodes if n in read and n not in inner]
        sequences = [n for n in order if self.level[n] == SEQUENCE]
        constants = [n for n in order if self.level[n] == CONSTANT]
        node = scan_node(
            Body([*inner, *sequences, *constants], outputs),
            [self.initial[k] for k in self.carried],
            [self.outside(n) for n in sequences],
            [self.outside(n) for n in constants],
            self.length,
            self.reverse,
        )
        return self._placed(node)

    def _sum(self, k: int, parts: Sequence[tuple[Node, list[Node]]]) -> Node:
        """A carried sum, taken over all steps at once."""
        start = self.initial[k]
        total = None if is_zero(start) else start
        for source, movements in parts:
            part = self._placed(self._sum_of(source))
            for movement in reversed(movements):
                part = with_inputs(movement, [part])
            total = part if total is None else self._placed(p.add(total, part))
        return start if total is None else total

    def _sum_of(self, source: Node) -> Node:
        """Σ over the steps of a contraction, a sum, or a slice of a sequence."""
        if source.primitive.name not in SUMMED or self.level[source] == CONSTANT:
            return self._over_time(self.outside(source), self.level[source] != CONSTANT)
        values = [self.outside(n) for n in source.inputs]
        has = [self.level[n] != CONSTANT for n in source.inputs]
        if source.primitive.name == "sum":
            return p.sum_(values[0], (0, *(axis + 1 for axis in source.params[0])))
        a_axes, b_axes, a_batch, b_batch = source.params
        a, b = values
        if all(has):
            later = [tuple(axis + 1 for axis in axes) for axes in source.params]
            return p.contract(a, b, (0, *later[0]), (0, *later[1]), later[2], later[3])
        a, b = (self._over_time(x, True) if batched else x for x, batched in zip(values, has))
        return p.contract(a, b, a_axes, b_axes, a_batch, b_batch)

    def _over_time(self, value: Node, is_batched: bool) -> Node:
        return p.sum_(spread(value, is_batched, self.length), (0,))


def _is_widening(node: Node) -> bool:
    """Whether a product turns a few numbers of a step into many: those would be written in front of
    the loop and read in it again, which costs more than the product (measured: 9 features to 512
    gates)."""
    if node.primitive is not p.CONTRACT:
        return False
    depth = 1
    for axis in node.params[0]:
        depth *= node.inputs[0].shape[axis]
    return depth <= 16 and node.size >= 4096 and node.size >= 8 * node.inputs[0].size


def _rearranged(term: Node) -> tuple[Node, list[Node]]:
    """What a term is made of by moving elements alone, and these movements, the last first."""
    movements = []
    while term.primitive in (p.RESHAPE, p.PERMUTE):
        movements.append(term)
        term = term.inputs[0]
    return term, movements
