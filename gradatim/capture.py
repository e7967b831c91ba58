"""Capture: what is noted while a function runs to become one Program.

Operations make Nodes as always, but nothing is computed; every cell that is read or written, every
random draw and every Python number that may change is noted. What optimizers, modules and draws
call while they may be in capture stands here too.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.node import Node
from gradatim.realize import Cell, flush, line_of, local, state
from gradatim.tensor import Tensor, from_array, user_site, wrap

ESCAPED = (
    "this tensor was made inside a compiled step and has no value outside it: return it from the "
    "step, or run the step without gd.compile"
)


class CannotCapture(BaseException):
    """The function looked at a value; not an Exception, so that user code does not catch it."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Capture:
    """What is noted while a function runs in capture."""

    is_loop = False  # whether it is the step of a loop (ops/loops.py)
    redraws = False  # whether random draws are `draw`'s to make: see func/vmap.py

    def __init__(self, cleared: frozenset[int] = frozenset()) -> None:
        self.start = _node_number()
        self.outside: list[tuple[int, int]] = []  # ranges of node numbers made by outside()
        self.cells: dict[Cell, Node] = {}  # read or written, with the content at entry
        self.written: dict[Cell, None] = {}
        self.created: list[weakref.ref[Cell]] = []
        self.sources: dict[Node, Callable[[], Any] | None] = {}
        self.effects: list[Callable[[], Any]] = []
        self.guards: list[tuple[Callable[[], Hashable], Hashable]] = []
        self.modules: dict[int, Any] = {}  # those called, by their id
        self.grads: dict[int, tuple[Tensor, Tensor | None]] = {}
        self.cleared = set(cleared)
        self.leaves: dict[int, tuple[Tensor, Cell]] = {}  # those that wanted a gradient
        self.accumulators: dict[int, tuple[Tensor, Tensor]] = {}  # and the .grad added to
        self.versions: dict[Cell, int] = {}

    def _is_outer(self, node: Node) -> bool:
        """Whether a computed Node's content lives on between calls."""
        if node.buffer is None or node in self.sources:
            return False
        return node.number < self.start or any(a <= node.number < b for a, b in self.outside)

    def note_read(self, cell: Cell) -> None:
        if cell not in self.cells and self._is_outer(cell.node):
            self.cells[cell] = cell.node
            self.versions[cell] = cell.version

    def give_up(self, reason: str) -> None:
        """Say that this function cannot be captured."""
        raise CannotCapture(f"{reason}, at {line_of(user_site())}")

    def note_write(self, cell: Cell) -> None:
        if cell in self.cells:
            self.written[cell] = None

    def note_look(self, tensor: Tensor) -> None:
        node = tensor._cell.node
        if (
            node.buffer is not None
            and tensor._cell not in self.written
            and (node.number >= self.start and node not in self.sources)
        ):
            return  # a constant that was made inside
        site = line_of(user_site())
        raise CannotCapture(f"a tensor's value is looked at, at {site}")

    def note_created(self, cell: Cell) -> None:
        self.created.append(weakref.ref(cell))

    def add_source(self, node: Node, read: Callable[[], Any] | None) -> None:
        """`node`'s value is what `read()` gives at each replay; None: an effect writes it to the
        Node's buffer."""
        self.sources[node] = read

    def add_draw(self, node: Node, draw: Callable[[], Any]) -> None:
        """`node` holds random numbers: `draw()` gives new ones."""
        self.add_source(node, draw)

    def draw(self, shape: Any, dtype: Any, draw: Callable[[], Any], wider: Any) -> Tensor:
        """Random numbers, where `redraws`."""
        raise NotImplementedError

    def note_grad(self, tensor: Tensor, cleared: bool) -> None:
        """`.grad` of a tensor is about to be set."""
        self.grads.setdefault(id(tensor), (tensor, tensor._grad))
        if cleared:
            self.cleared.add(id(tensor))

    def gradient_of(self, tensor: Tensor) -> Tensor | None:
        """The `.grad` that backward() adds to: one from before the call lives on, and so does one
        that the step never clears."""
        grad = tensor._grad
        self.note_grad(tensor, cleared=False)
        if grad is not None and grad._cell.escaped:
            grad = None
        if grad is None and id(tensor) not in self.cleared:
            with outside():
                grad = tensor._grad = from_array(
                    np.zeros(tuple(tensor.shape), tensor.dtype.numpy), tensor.dtype
                )
        if grad is not None:
            grad._read()
            self.accumulators[id(tensor)] = (tensor, grad)
        return grad


def _node_number() -> int:
    from gradatim.graph import node

    return next(node._numbers)


# --- what optimizers, modules and draws call -----------------------------------------------------


def capturing() -> bool:
    """Whether a step is being captured now."""
    return local.capture is not None


def guard(read: Callable[[], Hashable]) -> None:
    """In capture: the captured Program is only right while `read()` gives what it gives now."""
    if local.capture is not None:
        local.capture.guards.append((read, read()))


def guard_module(module: Any) -> None:
    """In capture: the captured Program is only right while `module` is in the mode it is in now,
    and has the parameters it has now."""
    if local.capture is not None:
        local.capture.modules[id(module)] = module


def on_replay(effect: Callable[[], Any]) -> None:
    """In capture: call `effect` before each run of the Program, the first too."""
    if local.capture is not None:
        local.capture.effects.append(effect)


def host_scalars(
    read: Callable[[], Sequence[float]], count: int, like: Tensor
) -> list[Tensor] | Sequence[float]:
    """Numbers that live in Python: in capture `count` 0-d tensors of the dtype of `like`, all read
    anew before each run.

    They share one array, which is written in place: its address is part of the bound executable.
    """
    if local.capture is None:
        return read()
    numbers = np.zeros(count, like.dtype.numpy)

    def refresh() -> None:
        numbers[:] = read()

    on_replay(refresh)
    made = []
    for k in range(count):
        node = p.value(numbers[k : k + 1].reshape(()), (), like.dtype, p.ANYWHERE)
        local.capture.add_source(node, None)
        made.append(wrap(node))
    return made


@contextlib.contextmanager
def outside() -> Iterator[None]:
    """What is done inside is no part of the captured step: tensors made here are computed at once
    and live on (an optimizer's state)."""
    capture, local.capture = local.capture, None
    start = _node_number()
    made = state.cells
    state.cells = []
    try:
        yield
        flush()
    finally:
        local.capture = capture
        state.cells = made + state.cells
        if capture is not None:
            capture.outside.append((start, _node_number()))


@contextlib.contextmanager
def rehearsal() -> Iterator[None]:
    """What is done inside only builds Nodes: none of its tensors waits to be computed."""
    before, local.capture = local.capture, Capture()
    try:
        yield
    finally:
        local.capture = before


def undo(capture: Capture, failed: bool) -> None:
    """Put every cell back to what it held before the capture."""
    for cell, node in capture.cells.items():
        cell.node = node
        node.overwritten = None
        cell.version = capture.versions[cell]
        cell.variables = None
        cell.written = False
    for reference in capture.created:
        cell = reference()
        if cell is not None and cell not in capture.cells:
            cell.escaped = ESCAPED
            cell.node = p.value(None, cell.node.shape, cell.node.dtype, cell.node.device)
    if failed:
        for tensor, grad in capture.grads.values():
            tensor._grad = grad
