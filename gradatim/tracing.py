"""Tracing: a function runs once on stand-ins, and what it does becomes a graph.

This is how `gd.scan` finds the step of a loop and `gd.vmap` the operation to do many times. While
the function runs, a `Tracing` stands in for the capture of a compiled step, and passes on to one
that is under way what that has to know.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gradatim.capture import Capture
from gradatim.graph import primitives as p
from gradatim.graph.node import Node
from gradatim.graph.scan import walk
from gradatim.realize import Cell, state
from gradatim.tensor import Tensor


class Tracing(Capture):
    """What is noted while a function runs on stand-ins.

    Attributes:
        outer: the capture that was under way, or None.
        own: the cells made inside.
        escaped: what is said when a tensor from inside is read outside.
        reads_exposed: whether memory was read that others see.
    """

    escaped = "this tensor was made while a function was traced, and has no value of its own"

    def __init__(self, outer: Capture | None):
        super().__init__()
        self.outer = outer
        self.own: weakref.WeakSet[Cell] = weakref.WeakSet()
        self.reads_exposed = False
        if outer is not None:  # what a compiled step depends on, it also depends on in here
            self.leaves, self.guards, self.effects = outer.leaves, outer.guards, outer.effects
            self.modules = outer.modules

    def note_read(self, cell: Cell) -> None:
        if self.outer is not None:
            self.outer.note_read(cell)
        elif cell.is_exposed:
            self.reads_exposed = True

    def note_look(self, tensor: Tensor) -> None:
        node = tensor._cell.node
        if node.buffer is None and self.dependents([node]):
            self.refuse_look()
        if self.outer is not None:
            self.outer.note_look(tensor)

    def refuse_look(self) -> None:
        """A value that is not known is looked at: raise."""
        raise NotImplementedError

    def note_created(self, cell: Cell) -> None:
        self.own.add(cell)
        if self.outer is not None:
            self.outer.note_created(cell)

    def add_source(self, node: Node, read: Callable[[], Any] | None) -> None:
        assert self.outer is not None
        self.outer.add_source(node, read)

    def dependents(self, nodes: Sequence[Node]) -> set[Node]:
        """Which Nodes, at `nodes` and below, have no value of their own."""
        found: set[Node] = set()
        for node in walk(nodes, (), self.start):
            if node.primitive is p.INPUT or any(n in found for n in node.inputs):
                found.add(node)
        return found

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The function runs inside; afterwards its tensors cannot be read."""
        special, state.special = state.special, False
        before, state.capture = state.capture, self
        try:
            yield
        finally:
            state.capture, state.special = before, special
            cells = [cell for cell in self.own if cell.node.buffer is None]
            unknown = self.dependents([cell.node for cell in cells])
            for cell in cells:
                if cell.node in unknown:
                    cell.escaped = self.escaped
        if self.reads_exposed:
            state.exposed_read = state.special = True

    def reopening(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, which reads tensors from inside, for a call after the tracing is over (the
        gradient of a custom Function)."""

        def call(*args: Any) -> Any:
            for cell in self.own:
                if cell.escaped is self.escaped:
                    cell.escaped = None
            with self.running():
                return function(*args)

        return call
