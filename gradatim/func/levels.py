"""Levels of differentiation: how nested transforms keep their derivatives apart.

A transform that differentiates a function opens the arguments: it gives the function copies that
have history of their own. What it finds by walking that history it closes again: a result keeps
history only if it also depends on something outside that wants a gradient, an argument of an outer
transform or a leaf. So `grad(grad(f))`, and a function that uses an outer argument as it is (not
handed on), come out right, and nothing is left of a level once it is over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, DTypeError
from gradatim.graph.gradients import leads_outside
from gradatim.graph.node import LIVE, Node, mode
from gradatim.realize import compute, state
from gradatim.tensor import Tensor, wrap


@contextlib.contextmanager
def recording() -> Iterator[None]:
    """History is recorded inside, whatever was said outside."""
    before, mode.recording = mode.recording, True
    try:
        yield
    finally:
        mode.recording = before


def settle(nodes: Sequence[Node]) -> None:
    """Compute the Nodes now, if the next operation is to be computed at once (memory that others
    share was read): `wrap` would do it for the first of them alone."""
    if state.special and state.capture is None:
        compute(nodes)


class Level:
    """One transform's arguments.

    Attributes:
        tensors: as they were given.
        nodes: their copies, which have history.
    """

    def __init__(self, given: Sequence[Any]):
        self.recording = mode.recording
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []
        for tensor in given:
            if not isinstance(tensor, Tensor):
                raise ArgumentError(
                    f"Thing passed to transform API must be Tensor, got {type(tensor)}"
                )
            if not tensor.dtype.is_floating_point:
                raise DTypeError(
                    f"only Tensors of floating point dtype can require gradients, got "
                    f"{tensor.dtype.name}: cast it with .float()"
                )
            self.tensors.append(tensor)
        with recording():
            for tensor in self.tensors:
                inner = p.copy(tensor._read())
                inner.history = LIVE
                self.nodes.append(inner)
        settle(self.nodes)
        self.own = set(self.nodes)

    def opened(self) -> list[Tensor]:
        """Tensors on the copies: what the function gets."""
        return [wrap(node) for node in self.nodes]

    def close(self, node: Node) -> Tensor:
        """A tensor on a result, with history only if that leads outside."""
        if node.history and not (self.recording and leads_outside(node, self.own)):
            node = p.stop_gradient(node)
        return wrap(node)

    def close_all(self, nodes: Sequence[Node]) -> list[Tensor]:
        """`close` for several results."""
        settle(nodes)
        return [self.close(node) for node in nodes]


def chosen(argnums: int | Sequence[int], count: int) -> list[int]:
    """The positions that `argnums` names among `count` arguments.

    Raises:
        ArgumentError: for one that is not there, for none, and for one named twice.
    """
    places = [argnums] if isinstance(argnums, int) else list(argnums)
    if not places:
        raise ArgumentError("argnums must be non-empty")
    found = []
    for k in places:
        if not isinstance(k, int) or not -count <= k < count:
            raise ArgumentError(
                f"Got argnum={k!r}, but only {count} positional inputs: argnums counts the "
                f"positional arguments of the call, from 0"
            )
        found.append(k % count)
    if len(set(found)) < len(found):
        raise ArgumentError(f"argnums elements must be unique, got {argnums!r}")
    return found
