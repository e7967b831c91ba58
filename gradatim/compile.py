"""gd.compile: capture a whole training step as one Program, and replay it.

At the first call the function runs once in *capture*: operations make Nodes as always, but nothing
is computed, and every cell that is read or written is noted. What was written and what was returned
are then the outputs of one Program, whose inputs are the cells, the arguments, the random draws and
the Python numbers that may change. Later calls run that Program and put the results into the cells;
the Python code does not run again.

Guards decide whether a captured Program fits a call: shapes, dtypes, train or eval mode, the
structure of the parameter groups. If none fits, the function is captured anew.
"""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.capture import CannotCapture, Capture, undo
from gradatim.engines import Executable, current_engine
from gradatim.graph import primitives as p
from gradatim.graph.errors import CaptureError
from gradatim.graph.node import COUNTED, Node, mode
from gradatim.graph.program import Trace, trace
from gradatim.realize import Cell, as_exception, compute, executable_of, flush, state
from gradatim.tensor import Tensor, wrap
from gradatim.traced import TracedFloat

MAX_CAPTURES = 64  # of one function; more means that it is captured at almost every call


# --- a captured Program --------------------------------------------------------------------------


class Step:
    """One captured Program of a function: its inputs' origins and its outputs' destinations."""

    def __init__(self, capture: Capture, arguments: list[Tensor], result: Any):
        self.guards = capture.guards
        self.effects = capture.effects
        self.written = list(capture.written)
        self.leaves = list(capture.leaves.values())
        self.accumulators = list(capture.accumulators.values())
        # What `.grad` is after the step, where the step does not add to one that lives on.
        self.grads = [
            (tensor, tensor._grad)
            for key, (tensor, _) in capture.grads.items()
            if key not in capture.accumulators
        ]
        self.draws = list(capture.sources.values())
        drawn = {node: k for k, node in enumerate(capture.sources)}
        own = {tensor._cell for tensor in arguments}
        if own & set(self.written):
            raise CannotCapture("an argument is written in place")
        returned: list[Tensor] = []
        self.result = _map_tensors(
            lambda tensor: (
                _Same(tensor)
                if tensor._cell in capture.written and not tensor._path
                else _Slot(returned, tensor)
            ),
            result,
        )
        nodes = [cell.node for cell in self.written] + [t._read() for t in returned]
        self.has_history = any(t.requires_grad for t in returned)
        found = _trace_all(nodes)
        origins = {node: ("cell", cell) for cell, node in capture.cells.items()}
        origins |= {node: ("source", k) for node, k in drawn.items()}
        origins |= {tensor._cell.node: ("argument", k) for k, tensor in enumerate(arguments)}
        self.inputs: list[tuple[str, Any]] = []
        for leaf in found.leaves:
            if leaf in origins:
                self.inputs.append(origins[leaf])
            elif leaf.buffer is not None:
                self.inputs.append(("constant", leaf.buffer))
            else:
                number = np.asarray(leaf.params[0]).astype(leaf.dtype.numpy)
                self.inputs.append(("constant", number))
        places = {cell: k for k, (kind, cell) in enumerate(self.inputs) if kind == "cell"}
        replaces = tuple((k, places[c]) for k, c in enumerate(self.written) if c in places)
        self.sites = [node.site for node in found.order]
        position = {node: k for k, node in enumerate(found.outputs)}
        self.slots = [position[node] for node in nodes]
        self.outputs = len(found.outputs)
        self.types = [(tuple(n.shape), n.dtype) for n in found.outputs]
        self.executable: Executable = executable_of(found, replaces)

    def fits(self, arguments: list[Tensor]) -> bool:
        """Whether the captured Program is right for this call."""
        return (
            all(read() == value for read, value in self.guards)
            and all(t._cell is cell and t._requires_grad for t, cell in self.leaves)
            and all(_is_gone(t._grad) or t._grad is grad for t, grad in self.accumulators)
            and not any(t._cell in self.written for t in arguments)
        )

    def run(self, arguments: list[Tensor]) -> Any:
        """One step: effects, inputs, the Program, outputs into their cells."""
        for effect in self.effects:
            effect()
        draws = [draw() for draw in self.draws]  # in the order of the calls
        for tensor, grad in self.accumulators:
            if tensor._grad is not grad:  # cleared outside: begin again at 0
                zeros = np.zeros(tuple(grad.shape), grad.dtype.numpy)
                grad._cell.node = p.value(zeros, zeros.shape, grad.dtype)
                tensor._grad = grad
        buffers = []
        for kind, origin in self.inputs:
            if kind == "cell":
                if origin.node.buffer is None:
                    compute([origin.node], [origin])
                buffers.append(origin.node.buffer)
            elif kind == "argument":
                node = arguments[origin]._read()
                if node.buffer is None:
                    compute([node])
                buffers.append(node.buffer)
            elif kind == "source":
                buffers.append(draws[origin])
            else:
                buffers.append(origin)
        into: list[Any] = [None] * self.outputs
        contents = []
        for cell, slot in zip(self.written, self.slots):
            node = cell.node
            contents.append((cell, node.buffer, node.shape, node.dtype, node.device))
            del node  # or `_free` would see it in use
            into[slot] = self._free(cell)
        done = False
        try:
            failure, results = self.executable(buffers, into)
            if failure is not None:
                raise as_exception(failure, self.sites)
            done = True
        finally:
            for (cell, memory, shape, dtype, device), slot in zip(contents, self.slots):
                self._put(cell, memory, results[slot] if done else memory, shape, dtype, device)
        for tensor, exit_grad in self.grads:
            tensor._grad = exit_grad
        first = len(self.written)
        made = [wrap(p.value(results[slot], *self.types[slot])) for slot in self.slots[first:]]
        return _fill_slots(self.result, made)

    @staticmethod
    def _free(cell: Cell) -> Any:
        """The memory of a cell if nothing but the cell needs what is in it; takes its Node away."""
        memory = cell.node.buffer
        cell.node.overwritten = COUNTED
        reference = weakref.ref(cell.node)
        cell.variables = None
        cell.node = None  # type: ignore[assignment]
        if reference() is not None or cell.is_exposed or not memory.flags.writeable:
            return None
        return memory

    @staticmethod
    def _put(cell: Cell, memory: Any, result: Any, shape: Any, dtype: Any, device: str) -> None:
        if cell.is_exposed and result is not memory:
            np.copyto(memory, result)
            result = memory
        cell.node = p.value(result, shape, dtype, device)
        cell.version += 1
        cell.written = False


def _trace_all(nodes: list[Node]) -> Trace:
    """The trace of a whole step; nothing is kept for a later backward()."""
    found = trace(nodes)
    count = len(nodes)
    del found.outputs[count:]
    numbers = found.key[-1][:count]
    found.outputs = list(dict.fromkeys(found.outputs))
    found.key = (*found.key[:-1], tuple(dict.fromkeys(numbers)), "step")
    return found


class _Same:
    """A returned tensor that lives outside and was written: it is given back itself."""

    def __init__(self, tensor: Tensor):
        self.tensor = tensor


def _is_gone(grad: Tensor | None) -> bool:
    """Whether a `.grad` was cleared, or belonged to a compiled step."""
    return grad is None or grad._cell.escaped is not None


class _Slot:
    """Where a returned tensor goes in the result."""

    def __init__(self, returned: list[Tensor], tensor: Tensor):
        self.place = len(returned)
        returned.append(tensor)


def _map_tensors(function: Callable[[Tensor], Any], tree: Any) -> Any:
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_map_tensors(function, value) for value in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_map_tensors(function, value) for value in tree)
    if isinstance(tree, dict):
        return {key: _map_tensors(function, value) for key, value in tree.items()}
    return tree


def _fill_slots(tree: Any, made: list[Tensor]) -> Any:
    if isinstance(tree, _Slot):
        return made[tree.place]
    if isinstance(tree, TracedFloat):
        return tree.read()
    if isinstance(tree, _Same):
        return tree.tensor
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_fill_slots(value, made) for value in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_fill_slots(value, made) for value in tree)
    if isinstance(tree, dict):
        return {key: _fill_slots(value, made) for key, value in tree.items()}
    return tree


# --- the decorator -------------------------------------------------------------------------------


class Compiled:
    """A function whose calls are captured and replayed. Made by `gd.compile`."""

    def __init__(self, function: Callable[..., Any]):
        self._function = function
        self._steps: dict[Any, list[Step]] = {}
        self._uncompiled: str | None = None  # why not, once that is known
        if hasattr(function, "__name__"):
            functools.update_wrapper(self, function)

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_function" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self._function, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._uncompiled is not None or state.capture is not None or state.special:
            return self._function(*args, **kwargs)
        tensors: list[Tensor] = []
        floats: list[float] = []
        key = (
            _signature((args, kwargs), tensors, floats),
            mode.recording,
            current_engine().name,
        )
        known = self._steps.setdefault(key, [])
        with state.lock:
            _FLOATS[:] = floats
            for step in known:
                if step.fits(tensors):
                    return step.run(tensors)
            if len(known) >= MAX_CAPTURES:
                return self._give_up(
                    f"it was captured {MAX_CAPTURES} times for one kind of arguments, and a guard "
                    f"failed each time", args, kwargs,
                )  # fmt: skip
            return self._capture(known, args, kwargs, tensors, floats)

    def _capture(
        self,
        known: list[Step],
        args: Any,
        kwargs: Any,
        tensors: list[Tensor],
        floats: list[float],
        cleared: frozenset[int] = frozenset(),
    ) -> Any:
        from gradatim.random import default_generator

        flush()
        stand_ins: list[Tensor] = []
        numbers = iter(range(len(floats)))

        def open_(tree: Any) -> Any:
            if isinstance(tree, Tensor):
                stand_in = _stand_in(tree)
                stand_ins.append(stand_in)
                return stand_in
            if type(tree) is float:
                place = next(numbers)
                return TracedFloat(tree, lambda: _FLOATS[place])
            if isinstance(tree, tuple) and hasattr(tree, "_fields"):
                return type(tree)(*map(open_, tree))
            if isinstance(tree, (list, tuple)):
                return type(tree)(map(open_, tree))
            if isinstance(tree, dict):
                return {k: open_(v) for k, v in tree.items()}
            return tree

        random_state = default_generator.get_state()
        inner_args, inner_kwargs = open_(args), open_(kwargs)
        capture = state.capture = Capture(cleared)
        reason = None
        step = None
        late: frozenset[int] = frozenset()
        try:
            result = self._function(*inner_args, **inner_kwargs)
            late = frozenset(
                key
                for key, (tensor, grad) in capture.accumulators.items()
                if tensor._grad is not grad
            )
            if not late:
                step = Step(capture, stand_ins, result)
        except CannotCapture as stop:
            reason = stop.reason
        finally:
            state.capture = None
            default_generator.set_state(random_state)
            undo(capture, failed=step is None)
        if late <= cleared and late:  # this call alone begins with a `.grad` from outside
            return self._function(*args, **kwargs)
        if late:  # it clears `.grad` after the update: each call begins without one
            return self._capture(known, args, kwargs, tensors, floats, cleared | late)
        if step is None:
            return self._give_up(reason or "", args, kwargs)
        if step.has_history:  # backward() comes after the call: then ordinary running is right
            self._uncompiled = "its result is differentiated outside"
            for tensor, grad in capture.grads.values():
                tensor._grad = grad
            return self._function(*args, **kwargs)
        known.append(step)
        capture.cells.clear()  # no hold on the memory that the step is about to overwrite
        return step.run(tensors)

    def _give_up(self, reason: str, args: Any, kwargs: Any) -> Any:
        self._uncompiled = reason
        name = getattr(self._function, "__name__", type(self._function).__name__)
        warnings.warn(f"{name} runs uncompiled: {reason}", stacklevel=4)
        return self._function(*args, **kwargs)


_FLOATS: list[float] = []  # the float arguments of the call that is running


def _stand_in(tensor: Tensor) -> Tensor:
    """What the function sees for an argument in capture."""
    if tensor._base is None and not tensor._detached:
        if tensor._cell.node.buffer is None:
            compute([tensor._cell.node], [tensor._cell])
        if tensor._requires_grad or tensor._cell.node.history:
            return tensor
    node = tensor._read()
    if node.buffer is None:
        compute([node])
    new = Tensor.__new__(Tensor)
    new._cell = Cell(p.value(node.buffer, node.shape, node.dtype, node.device))
    new._cell.strides = tensor._strides() if not tensor.is_contiguous() else None
    return new


def _signature(tree: Any, tensors: list[Tensor], floats: list[float]) -> Any:
    """What of the arguments a captured Program depends on; gathers tensors and floats."""
    kind = type(tree)
    if kind is float:
        floats.append(tree)
        return float
    if kind is int or kind is str or kind is bool or tree is None:
        return tree
    if isinstance(tree, Tensor):
        tensors.append(tree)
        outer = id(tree) if tree._requires_grad else None
        return tuple(tree.shape), tree.dtype, tree._strides(), tree.requires_grad, outer
    if isinstance(tree, (list, tuple)):
        return kind, *(_signature(value, tensors, floats) for value in tree)
    if isinstance(tree, dict):
        return kind, *((key, _signature(value, tensors, floats)) for key, value in tree.items())
    try:
        hash(tree)
    except TypeError:
        return id(tree)
    return tree


def compile(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Capture a step (forward, backward, update) as one native Program, and replay it.

    Use it as a decorator on the function that does one training step. Parameters, optimizer state
    and buffers are updated in place; random draws are drawn anew; Python floats among the
    arguments, learning rates and step counts are inputs. Looking at a value inside (`item`,
    `print`, `if`) makes the function run uncompiled, with one warning that names the line.

    Args:
        function: takes and gives tensors (nested in tuples, lists, dicts) and numbers.
        options: those of `torch.compile` are accepted and have no effect.

    Example:
        >>> import gradatim as gd
        >>> w = gd.zeros(2, requires_grad=True)
        >>> @gd.compile
        ... def step(x, rate):
        ...     loss = ((w - x) ** 2).sum()
        ...     (g,) = gd.autograd.grad(loss, [w])
        ...     with gd.no_grad():
        ...         w.sub_(rate * g)
        ...     return loss.detach()
        >>> [round(step(gd.ones(2), 0.25).item(), 3) for _ in range(3)]
        [2.0, 0.5, 0.125]
    """
    if function is None:
        return lambda f: Compiled(f)
    if not callable(function):
        raise CaptureError(f"gd.compile expects a function, got {type(function).__name__}")
    return Compiled(function)
