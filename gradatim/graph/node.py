"""Node: one operation in the graph.

A graph is nothing but Nodes that hold their inputs. A Node says *what* is to be computed; whether
it has been computed yet is the one thing about it that changes (`buffer`).
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from gradatim.graph.dtypes import DType

if TYPE_CHECKING:
    from gradatim.graph.primitives import Primitive

Shape = tuple[int, ...]

# What `Node.history` may say. A leaf variable and all that is computed from it has LIVE history: a
# gradient can flow through it. After backward() (without retain_graph) its history is FREED.
NONE, LIVE, FREED = 0, 1, 2

# What `Node.overwritten` may say, beside None: the memory this value lived in was overwritten in a
# way that backward() must refuse. (Through `.data` it holds the cell instead: see tensor.py.)
COUNTED = "counted"


class _Mode(threading.local):
    """What each thread may change about the making of nodes."""

    recording: bool = True  # False inside no_grad(): results get no history


mode = _Mode()
_numbers = itertools.count()


class Node:
    """One operation: a primitive, its inputs, its static parameters, and the type of its result.

    Attributes:
        primitive: which operation (see primitives.py).
        inputs: the Nodes it reads.
        params: its static parameters, a hashable tuple.
        shape, dtype: of the result. For a primitive with several results, a tuple of each.
        device: where it is computed.
        history: NONE, LIVE or FREED, see above.
        number: counts up; an input's number is always smaller than its reader's.
        buffer: the computed value, or None while it is pending.
        site: (code object, instruction offset) of the user's line that made it.
        meta: a note that a room above pins on the node (the Tensor of a leaf, hooks).
        overwritten: None, COUNTED, or for a write through `.data` its cell and that cell's version.
    """

    __slots__ = (
        "__weakref__",
        "buffer",
        "device",
        "dtype",
        "history",
        "inputs",
        "meta",
        "number",
        "overwritten",
        "params",
        "primitive",
        "shape",
        "site",
    )

    primitive: Primitive
    inputs: tuple[Node, ...]
    params: tuple[Any, ...]
    shape: Any  # Shape, or a tuple of Shapes for several results
    dtype: Any  # DType, or a tuple of DTypes
    device: str
    history: int
    number: int
    buffer: Any
    site: tuple[Any, int] | None
    meta: Any
    overwritten: Any

    def __init__(
        self,
        primitive: Primitive,
        inputs: tuple[Node, ...],
        params: tuple[Any, ...],
        shape: Any,
        dtype: Any,
        device: str = "cpu",
        buffer: Any = None,
    ):
        self.primitive = primitive
        self.inputs = inputs
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.device = device
        self.buffer = buffer
        self.number = next(_numbers)
        self.site = None
        self.meta = None
        self.overwritten = None
        history = NONE
        if primitive.differentiable and mode.recording:
            for node in inputs:
                if node.history:
                    history = LIVE
                    break
            if history and type(dtype) is DType and not dtype.is_floating_point:
                history = NONE
        self.history = history

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements of the result."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    def __repr__(self) -> str:
        inputs = ", ".join(f"%{node.number}" for node in self.inputs)
        params = "".join(f" {value!r}" for value in self.params)
        state = "" if self.buffer is None else " (computed)"
        return f"%{self.number} = {self.primitive.name}({inputs}){params} : {self.type}{state}"

    @property
    def type(self) -> str:
        """`float32[64, 10]`, for people."""
        if isinstance(self.dtype, tuple):
            return ", ".join(
                f"{dtype.name}{list(shape)}" for shape, dtype in zip(self.shape, self.dtype)
            )
        return f"{self.dtype.name}{list(self.shape)}"


def topological(outputs: Iterable[Node], *, through_computed: bool = False) -> list[Node]:
    """Every Node that the outputs need, inputs before readers, in an order that depends on the
    structure alone. Computed nodes are where it stops, unless `through_computed`.
    """
    order: list[Node] = []
    done: set[Node] = set()
    stack = list(outputs)
    stack.reverse()
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        if node.buffer is None or through_computed:
            waiting = [n for n in node.inputs if n not in done]
            if waiting:
                waiting.reverse()
                stack.extend(waiting)
                continue
        stack.pop()
        done.add(node)
        order.append(node)
    return order


def history_of(outputs: Sequence[Node]) -> list[Node]:
    """The Nodes with history that the outputs come from, newest first."""
    queue = [node for node in dict.fromkeys(outputs) if node.history]
    seen = set(queue)
    for node in queue:  # which grows
        for n in node.inputs:
            if n.history and n not in seen:
                seen.add(n)
                queue.append(n)
    queue.sort(key=_by_number, reverse=True)
    return queue


_by_number = attrgetter("number")
