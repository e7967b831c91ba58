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
from collections.abc import Callable
from itertools import chain, islice
from operator import attrgetter, is_
from sys import getrefcount
from typing import Any

import numpy as np

from gradatim.capture import CannotCapture, Capture, undo
from gradatim.engines import Bound, Executable, bind, current_engine, deferred_interrupts
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import AssertedError
from gradatim.graph.node import COUNTED, LIVE, NONE, Node, mode
from gradatim.graph.program import Trace, trace
from gradatim.realize import (
    Cell,
    as_exception,
    compute,
    engine_of,
    executable_of,
    flush,
    forget_read,
    local,
    place_of,
    state,
)
from gradatim.structure import TABLES, counts_changes
from gradatim.tensor import Tensor, handle
from gradatim.traced import TracedFloat

MAX_CAPTURES = 64  # of one function; more means that it is captured at almost every call


# --- a captured Program --------------------------------------------------------------------------


class Step:
    """One captured Program of a function: its inputs' origins and its outputs' destinations.

    A call does as little as it can. Once every written cell's memory can be overwritten in place,
    the executable is *bound* to it, and as long as the cells keep their Nodes, and nobody else
    holds those, a call is: guards, effects, the bound executable. Otherwise `_run_with_care`
    gathers all inputs, puts the results into the cells, and binds again.
    """

    def __init__(self, capture: Capture, arguments: list[Tensor], result: Any):
        self.effects = capture.effects
        self.accumulators = list(capture.accumulators.values())
        self.guards = _Guards(capture)
        self.written = list(capture.written)
        # What `.grad` is after the step, where the step does not add to one that lives on.
        self.grads = [
            (tensor, tensor._grad)
            for key, (tensor, _) in capture.grads.items()
            if key not in capture.accumulators
        ]
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
        # (A loss that backward() went through has no history left that could be used.)
        self.has_history = any(t._requires_grad or t._history() == LIVE for t in returned)
        found = _trace_all(_apart(nodes))
        self.sources = [read for read in capture.sources.values() if read is not None]
        drawn = [node for node, read in capture.sources.items() if read is not None]
        origins: dict[Node, tuple[str, Any]] = {}
        origins |= {node: ("cell", cell) for cell, node in capture.cells.items()}
        origins |= {node: ("source", k) for k, node in enumerate(drawn)}
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
        # What each call brings, in the order in which the executable wants it.
        self.varying = [(kind, k) for kind, k in self.inputs if kind in ("argument", "source")]
        read = [cell for kind, cell in self.inputs if kind == "cell"]
        self.cells = list(dict.fromkeys([*self.written, *read]))
        self.targets = frozenset(self.written)
        places = {cell: k for k, (kind, cell) in enumerate(self.inputs) if kind == "cell"}
        replaces = tuple((k, places[c]) for k, c in enumerate(self.written) if c in places)
        self.sites = [node.site for node in found.order]
        first = len(self.written)
        places = {node.device for node in found.outputs} - {p.ANYWHERE}
        if len(places) > 1:
            raise CannotCapture(f"it computes on several devices: {', '.join(sorted(places))}")
        self.place = place = place_of(found.outputs)
        self.types = [(tuple(n.shape), n.dtype, place) for n in found.outputs[first:]]
        self.executable: Executable = executable_of(found, replaces)
        self.bound: Bound | None = None
        self.numbers: list[int] = []  # of the Nodes whose buffers are bound
        self.alone = [_ALONE] * len(self.written)
        self.exposures = 0

    def fits(self, arguments: list[Tensor]) -> bool:
        """Whether the captured Program is right for this call."""
        return self.guards.hold() and self.targets.isdisjoint(map(_cell_of, arguments))

    def run(self, arguments: list[Tensor]) -> Any:
        """One step: effects, inputs, the Program, outputs into their cells."""
        for effect in self.effects:
            effect()
        draws = [read() for read in self.sources]  # in the order of the calls
        for tensor, grad in self.accumulators:
            if tensor._grad is not grad:  # cleared outside: begin again at 0
                zeros = np.zeros(tuple(grad.shape), grad.dtype.numpy)
                place = grad._cell.node.device
                zeros = engine_of(place).from_host(zeros, place or "cpu")
                grad._cell.node = p.value(zeros, zeros.shape, grad.dtype, place)
                tensor._grad = grad
        varying = [
            _buffer_of(arguments[k]) if kind == "argument" else draws[k] for kind, k in self.varying
        ]
        written = self.written
        if (
            self.bound is not None
            and self._is_as_bound()
            and (self.exposures == state.exposures or self._is_unexposed())
        ):
            failure, made = self.bound(varying)
            if failure is not None:
                raise as_exception(failure, self.sites)
            for cell in written:
                cell.version += 1
        else:
            made = self._run_with_care(varying)
        for tensor, exit_grad in self.grads:
            tensor._grad = exit_grad
        tensors = [handle(p.value(buffer, *type_)) for buffer, type_ in zip(made, self.types)]
        return tensors[0] if type(self.result) is _Slot else _fill_slots(self.result, tensors)

    def _is_as_bound(self) -> bool:
        """Whether the cells have the Nodes whose buffers are bound, and are alone in holding those
        that are written. (Numbers are never used again, unlike addresses.)
        """
        nodes = list(map(_node_in, self.cells))
        return (
            list(map(_number_of, nodes)) == self.numbers
            and list(map(getrefcount, islice(nodes, len(self.alone)))) == self.alone
        )

    def _run_with_care(self, varying: list[Any]) -> list[Any]:
        """Run with the buffers that the cells have now, and bind those for the next time."""
        self.bound = None
        contents = []
        for cell in self.cells:
            if cell.node.buffer is None:
                compute([cell.node], [cell])
        rest = iter(varying)
        buffers = []
        for kind, origin in self.inputs:
            if kind == "cell":
                buffers.append(origin.node.buffer)
            else:
                buffers.append(origin if kind == "constant" else next(rest))
        for cell in self.written:
            contents.append(cell.node.buffer)
            cell.variables = None
        nodes = list(map(_node_in, self.cells))
        counts = list(map(getrefcount, islice(nodes, len(self.alone))))
        del nodes
        free = [
            memory if count == _ALONE and memory.flags.carray and not cell.is_exposed else None
            for cell, memory, count in zip(self.written, contents, counts)
        ]
        with deferred_interrupts():  # parameters are wholly old or wholly new
            failure, results = self.executable(buffers, [*free, *[None] * len(self.types)])
            if failure is not None:
                raise as_exception(failure, self.sites)
            for cell, memory, result in zip(self.written, contents, results):
                if result is not memory:
                    old = cell.node
                    old.overwritten = COUNTED
                    if cell.is_exposed:
                        np.copyto(memory, result)
                        result = memory
                    cell.node = p.value(result, old.shape, old.dtype, self.place)
                cell.version += 1
                cell.written = False
        if self._is_unexposed():
            self._bind()
        return results[len(contents) :]

    def _bind(self) -> None:
        """Fix what stays the same while the cells keep their Nodes."""
        memory = [cell.node.buffer for cell in self.written]
        if not all(buffer.flags.carray for buffer in memory):
            return
        inputs = [
            origin.node.buffer if kind == "cell" else origin if kind == "constant" else None
            for kind, origin in self.inputs
        ]
        self.numbers = [cell.node.number for cell in self.cells]
        self.bound = bind(self.executable, inputs, [*memory, *[None] * len(self.types)])

    def _is_unexposed(self) -> bool:
        """Whether nobody outside shares the memory of a cell that is written."""
        if any(cell.is_exposed for cell in self.written):
            return False
        self.exposures = state.exposures
        return True


_node_in = attrgetter("node")
_number_of = attrgetter("number")


def _references_to_one_alone() -> int:
    """How many references `_is_as_bound` finds to a Node that its cell alone holds: what the
    counting itself adds is not the same in all versions of Python.
    """
    cells = [Cell(p.value(None, (), bool_))]
    nodes = list(map(_node_in, cells))
    return next(map(getrefcount, islice(nodes, 1)))


_ALONE = _references_to_one_alone()


def _buffer_of(argument: Tensor) -> Any:
    """The computed content of an argument."""
    node = argument._cell.node if argument._plain else argument._read()
    if node.buffer is None:
        node = argument._read()  # which refuses a tensor that has escaped from another step
        compute([node])
    if state.exposed_read:
        forget_read()
    return node.buffer


class _Guards:
    """What must still be as it was when the step was captured. It is asked at every call: what
    modules and leaves are is looked at only if some module or leaf, anywhere, has changed.
    """

    def __init__(self, capture: Capture):
        self.reads = capture.guards
        self.modules = list(capture.modules.values())
        self.modes = list(map(_mode_of, self.modules))
        self.members = self._members()
        self.leaves = [tensor for tensor, _ in capture.leaves.values()]
        self.cells = [cell for _, cell in capture.leaves.values()]
        self.accumulators = list(capture.accumulators.values())
        self.structure = -1  # `state.structure` when the structure was as it was

    def hold(self) -> bool:
        """Whether everything is as it was."""
        if self.structure != state.structure and not self._is_structure_as_it_was():
            return False
        for read, value in self.reads:
            if read() != value:
                return False
        for tensor, grad in self.accumulators:
            if tensor._grad is not grad and not _is_gone(tensor._grad):
                return False
        return True

    def _is_structure_as_it_was(self) -> bool:
        members = self._members()
        same = (
            list(map(_mode_of, self.modules)) == self.modes
            and len(members) == len(self.members)
            and all(map(is_, members, self.members))
            and all(map(is_, map(_cell_of, self.leaves), self.cells))
            and all(map(_requires_grad_of, self.leaves))
        )
        if same and all(map(counts_changes, self.modules)):
            self.structure = state.structure
        return same

    def _members(self) -> list[Any]:
        """The names and values in all tables of all modules, in order."""
        items = (vars(module)[table].items() for module in self.modules for table in TABLES)
        return list(chain.from_iterable(chain.from_iterable(items)))


_mode_of = attrgetter("training")
_cell_of = attrgetter("_cell")
_requires_grad_of = attrgetter("_requires_grad")


def _apart(nodes: list[Node]) -> list[Node]:
    """The Nodes, with a copy in place of each that is there already: no two cells, and no cell
    and returned tensor, may share memory."""
    seen: set[Node] = set()
    result = []
    recording, mode.recording = mode.recording, False
    for node in nodes:
        result.append(p.copy(node) if node in seen else node)
        seen.add(node)
    mode.recording = recording
    return result


def _trace_all(nodes: list[Node]) -> Trace:
    """The trace of a whole step; nothing is kept for a later backward()."""
    found = trace(nodes)
    count = len(nodes)
    del found.outputs[count:]
    found.key = (*found.key[:-1], found.key[-1][:count], "step")
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
        if self._uncompiled is not None or local.capture is not None or state.special:
            return self._function(*args, **kwargs)
        tensors: list[Tensor] = []
        floats: list[float] = []
        signature = [_signature(argument, tensors, floats) for argument in args]
        if kwargs:
            signature.append((_signature(kwargs, tensors, floats),))
        key = (*signature, mode.recording, current_engine().name)
        known = self._steps.get(key)
        if known is None:
            known = self._steps[key] = []
        with state.lock:
            if floats:
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
        capture = local.capture = Capture(cleared)
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
            local.capture = None
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
    forget_read()
    if node.buffer is None:
        compute([node])
    new = Tensor.__new__(Tensor)
    new._cell = Cell(p.value(node.buffer, node.shape, node.dtype, node.device))
    new._cell.strides = tensor._strides() if not tensor.is_contiguous() else None
    return new


def _signature(tree: Any, tensors: list[Tensor], floats: list[float]) -> Any:
    """What of the arguments a captured Program depends on; gathers tensors and floats."""
    kind = type(tree)
    if kind is Tensor and tree._plain:
        cell = tree._cell
        node = cell.node
        tensors.append(tree)
        return node.shape, node.dtype, cell.strides, node.history != NONE, node.device
    if kind is float:
        floats.append(tree)
        return float
    if kind is int or kind is str or kind is bool or tree is None:
        return kind, tree
    if isinstance(tree, Tensor):
        tensors.append(tree)
        strides = tree._cell.strides if tree._layout is None else tree._layout[1]
        outer = id(tree) if tree._requires_grad else None
        place = tree._cell.node.device
        return tuple(tree.shape), tree.dtype, strides, tree.requires_grad, outer, place
    if isinstance(tree, (list, tuple)):
        return kind, *[_signature(value, tensors, floats) for value in tree]
    if isinstance(tree, dict):
        return kind, *[(key, _signature(value, tensors, floats)) for key, value in tree.items()]
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
    `print`, `if`) makes the function run uncompiled, with one warning that names the line. A loss
    that backward() was called on inside may be returned; it comes without history.

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
        raise AssertedError(f"gd.compile expects a function, got {type(function).__name__}")
    return Compiled(function)
