"""When pending values are computed, and which together.

Nothing is computed when an operation is called: it makes a Node. `compute` runs the Program of some
pending Nodes. `flush` runs everything that a living tensor still waits for, as one Program: that is
what an optimizer's step does, and a second write to a tensor whose first write is still pending.
So a loop that never looks at a value still runs one Program a turn, the same one each time.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradatim.engines import (
    Engine,
    Executable,
    Failure,
    current_engine,
    deferred_interrupts,
    get_engine,
)
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import Error, InterruptedValue, NonFiniteError
from gradatim.graph.node import COUNTED, LIVE, Node, mode, topological
from gradatim.graph.program import Trace, close, trace

if TYPE_CHECKING:
    from gradatim.capture import Capture
    from gradatim.tensor import Tensor

MAX_PENDING = 2_000
MAX_PENDING_BYTES = 256 * 2**20  # of values held by pending nodes: draws, arrays handed in
MAX_PROGRAM_NODES = 1_000_000  # of all the Programs that are remembered


INTERRUPTED = "this value was being computed when the program was interrupted: compute it again"

FAILED = p.Primitive("failed", "marker", differentiable=False)  # its run went wrong; see `_poison`


class Cell:
    """The place that one or more tensors (a base and its views) name: its content changes.

    Attributes:
        node: the content now.
        memory: the buffer that the last computed content lived in, to be overwritten by the next.
        previous: a weak reference to the Node of that content: while it lives, `memory` is in use.
        written: whether the content, still pending, was written over an earlier one.
        version: counts the writes that backward() must know of.
        strides: of the base, if it is not contiguous (memory handed in by `from_numpy`).
        exposure: says whether somebody else sees the memory (see `is_exposed`).
        variables: the leaf Node of each handle that requires a gradient, by its id.
        escaped: why the content cannot be read (it belongs to a compiled step), or None.
    """

    memory: Any = None
    previous: weakref.ref[Node] | None = None
    written = False
    version = 0
    strides: tuple[int, ...] | None = None
    exposure: Callable[[], Any] | None = None
    variables: dict[int, Node] | None = None
    escaped: str | None = None

    def __init__(self, node: Node):
        self.node = node

    @property
    def is_exposed(self) -> bool:
        """Whether an array or a capsule outside shares the memory."""
        if self.exposure is None:
            return False
        if self.exposure() is None:
            self.exposure = None
            return False
        return True


# --- keeping the number of pending nodes bounded -------------------------------------------------


class _Cut:
    """Where in a loop to compute, so that each time the same Program results.

    A loop that grows a chain (`s = f(s)`) has to be cut now and then. Cut at any place, the pieces
    would differ. So, once too much is pending, one turn of the loop is watched: the site where the
    fewest values are pending is the turn's seam, and every later cut is made there, after as many
    turns as the first.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.seam: Any = None
        self.turns = 0  # how often the seam is passed between two cuts
        self.passed = 0
        self.watched: dict[Any, int] = {}  # site -> pending values there

    def is_here(self, node: Node) -> bool:
        """Whether to compute everything but `node`, which has just been made."""
        site = node.site
        if self.seam is not None:
            if site == self.seam:
                if self.passed >= self.turns or state.bytes > MAX_PENDING_BYTES:
                    return True
                self.passed += 1
            if state.made < 2 * MAX_PENDING:
                return False
            self.forget()  # the loop is over, or has changed
        if state.made < MAX_PENDING and state.bytes <= MAX_PENDING_BYTES:
            return False
        if site in self.watched:
            least = min(self.watched.values())
            self.seam = next(s for s, pending in self.watched.items() if pending == least)
            waiting = topological(cell.node for cell in pending_cells())
            self.turns = sum(1 for n in waiting if n.buffer is None and n.site == self.seam)
            self.watched = {}
            self.passed = self.turns
            return site == self.seam and self.is_here(node)
        self.watched[site] = len(pending_cells())
        if len(self.watched) > MAX_PENDING:  # no loop
            self.forget()
            return True
        return False


class _Local(threading.local):
    """What each thread knows: a step captured in one does not note what others compute."""

    capture: Capture | None = None


local = _Local()


class _State:
    """What the process knows of pending work."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.cells: list[weakref.ref[Cell]] = []  # those that may be pending
        self.programs: OrderedDict[Any, Executable] = OrderedDict()  # the longest known first
        self.program_nodes = 0
        self.compiled = 0  # programs made, ever
        self.made = 0  # tensors made since the last flush
        self.limit = MAX_PENDING  # from how many on each new one is looked at
        self.bytes = 0  # of values handed in since then
        self.eager = False
        self.anomaly = False
        self.exposures = 0  # how often memory was handed out, ever
        self.structure = 0  # how often modules or what tensors are changed, ever
        self.exposed_read = False  # an operation just read memory that others share
        self.special = False  # any of these three
        self.cut = _Cut()

    @property
    def capture(self) -> Capture | None:
        """What this thread's calls are noted in while a step is captured, or None."""
        return local.capture

    @capture.setter
    def capture(self, capture: Capture | None) -> None:
        local.capture = capture

    def watch(self) -> None:
        """Set `limit`: while a loop is being cut, every new tensor may be the place."""
        busy = self.cut.seam is not None or self.bytes > MAX_PENDING_BYTES
        self.limit = 0 if busy else MAX_PENDING


state = _State()


def track(cell: Cell) -> None:
    """Remember that a cell waits for its value."""
    if local.capture is not None:
        local.capture.note_created(cell)
        return
    if state.made >= state.limit:
        _cut_before(cell.node)
    state.made += 1
    state.cells.append(_reference(cell))


_reference = weakref.ref


def _cut_before(node: Node) -> None:
    """Compute what is pending, if `node`, which has just been made, is where to do it."""
    cut = state.cut
    full = state.made >= MAX_PENDING or state.bytes > MAX_PENDING_BYTES
    if (full or cut.seam is not None) and cut.is_here(node):
        flush()
        cut.passed = 1
    state.watch()


def hold(nbytes: int) -> None:
    """Count bytes of a value that pending nodes may hold."""
    state.bytes += nbytes
    if state.bytes > MAX_PENDING_BYTES:
        state.limit = 0


def pending_cells() -> list[Cell]:
    """The living cells whose content is not computed yet, oldest first."""
    cells = _waiting()
    state.cells = [weakref.ref(cell) for cell in cells]
    return cells


def _waiting() -> list[Cell]:
    return [
        cell
        for reference in state.cells
        if (cell := reference()) is not None
        and cell.node.buffer is None
        and cell.node.primitive is not FAILED
    ]


# --- computing -----------------------------------------------------------------------------------


def flush(written: Sequence[Cell] = ()) -> None:
    """Compute everything that a living tensor waits for, as one Program: and with it `written`,
    cells that were not tracked."""
    if local.capture is not None:
        return
    with state.lock:
        cells = _waiting()
        cells += written
        state.cells = []
        if cells:
            compute([cell.node for cell in cells], cells)
        state.made = state.bytes = state.cut.passed = 0
        state.watch()


def compute(nodes: Sequence[Node], cells: Sequence[Cell] = ()) -> None:
    """Run the Program of the pending `nodes`, in one go.

    Args:
        nodes: what to compute (those already computed are passed over).
        cells: cells of these nodes; their memory is overwritten in place where nothing else
            holds what it has.

    Raises:
        IndexOutOfRange, DivisionByZero ...: found while running, with the user's line; no cell's
            memory has been written then. Ctrl-C leaves all cells with their old values, or all
            with their new ones.
    """
    with state.lock:
        wanted = [node for node in dict.fromkeys(nodes) if node.buffer is None]
        if not wanted:
            return
        places = {node.device or "cpu" for node in wanted}
        if len(places) > 1:  # a Program for each device
            for place in sorted(places):
                here = [node for node in wanted if (node.device or "cpu") == place]
                compute(here, [cell for cell in cells if (cell.node.device or "cpu") == place])
            return
        for node in wanted:
            if not node.inputs and node.primitive is FAILED:
                raise node.meta
        (place,) = places
        found = trace(wanted)
        try:
            executable, inputs, targets = _prepare(found, cells)
        except _FailedOperand as operand:
            _poison(
                [node for node in found.outputs if node in operand.readers], cells, operand.error
            )
            raise operand.error from None
        outputs = found.outputs
        # Slices of what is written: a Program takes each input for memory of its own.
        views = [
            k
            for k, leaf in enumerate(found.leaves)
            if targets and leaf.primitive.kind == "movement" and type(leaf.buffer) is np.ndarray
        ]
        sites = [node.site for node in found.order]
        del found
        done = False
        try:
            for node in outputs:  # let go of what the values were computed from, before asking
                if node.history != LIVE:  # (below) whose memory is free
                    node.inputs = ()
            into: list[Any] = [None] * len(outputs)
            partly = False
            for k, cell in targets.items():
                into[k] = _free_memory(cell)
                partly = partly or into[k] is None
            for k in views:
                if any(m is not None and np.may_share_memory(m, inputs[k]) for m in into):
                    inputs[k] = _apart(inputs[k])
            # Where all is overwritten in place, an interrupt finds all old or all new.
            with deferred_interrupts() if partly else _nothing:
                failure, results = executable(inputs, into)
                if failure is not None:
                    raise as_exception(failure, sites)
                for node, result in zip(outputs, results):
                    node.buffer = result
                if place != "cpu":  # what could be anywhere has been kept there
                    for node in outputs:
                        node.device = place
                done = True
        except BaseException as error:
            if not done:
                lasting = error if isinstance(error, Exception) else InterruptedValue(INTERRUPTED)
                _poison(outputs, cells, lasting)
            raise


_nothing = contextlib.nullcontext()


def _prepare(found: Trace, cells: Sequence[Cell]) -> tuple[Executable, list[Any], dict[int, Cell]]:
    """The executable, its inputs, and the cell whose memory each output may take over."""
    inputs = [
        leaf.buffer if leaf.buffer is not None else _number(leaf.params[0], leaf.dtype)
        for leaf in found.leaves
    ]
    targets: dict[int, Cell] = {}
    replaces = []
    written = [cell for cell in cells if cell.memory is not None]
    if written:
        position = {node: k for k, node in enumerate(found.outputs)}
        owners = {id(buffer): k for k, buffer in enumerate(inputs)}
        for cell in written:
            k = position.get(cell.node, -1)
            if k >= 0 and k not in targets:
                targets[k] = cell
                owner = owners.get(id(cell.memory))
                if owner is not None:
                    replaces.append((k, owner))
    return executable_of(found, tuple(replaces)), inputs, targets


MAX_NUMBERS = 4096
_numbers: dict[Any, np.ndarray[Any, Any]] = {}


def _number(number: Any, dtype: DType) -> np.ndarray[Any, Any]:
    """A constant as an input of a Program. Nobody writes to inputs, so it may be one of before."""
    found = _numbers.get((number, dtype))
    if found is None:
        if len(_numbers) >= MAX_NUMBERS:
            _numbers.clear()
        found = _numbers[number, dtype] = np.asarray(number).astype(dtype.numpy)
    return found


def executable_of(found: Trace, replaces: tuple[tuple[int, int], ...]) -> Executable:
    """The compiled Program of a trace: found by its key, or compiled now."""
    place = place_of(found.outputs)
    engine = engine_of(place)
    key = (engine.name, place, found.key, replaces)
    executable = state.programs.get(key)
    if executable is None:  # a failed value never gets further than here, so hits need no check
        _refuse_failed(found)
        recording, mode.recording = mode.recording, False
        try:
            executable = engine.compile(close(found, replaces), place)
        finally:
            mode.recording = recording
        state.programs[key] = executable
        state.compiled += 1
        state.program_nodes += len(found.order)
        while state.program_nodes > MAX_PROGRAM_NODES and len(state.programs) > 1:
            (_, _, oldest, _), _ = state.programs.popitem(last=False)
            state.program_nodes -= len(oldest)
    return executable


class _FailedOperand(Exception):
    """A Program that reads a value whose own run went wrong.

    Attributes:
        error: the original error.
        readers: the Nodes that cannot be computed because of it.
    """

    def __init__(self, error: Exception, readers: set[Node]):
        self.error = error
        self.readers = readers


def _refuse_failed(found: Trace) -> None:
    """Raise if a failed value is among what a Program would compute from."""
    error: Exception | None = None
    readers: set[Node] = set()
    for node in found.order:
        if node.primitive is FAILED:
            error = error or node.meta
            readers.add(node)
        elif not readers.isdisjoint(node.inputs):
            readers.add(node)
    if error is not None:
        raise _FailedOperand(error, readers)


def place_of(nodes: Sequence[Node]) -> str:
    """The device that computes some Nodes, which share it."""
    return next((node.device for node in nodes if node.device), "cpu")


def engine_of(place: str) -> Engine:
    """The engine of a device: the chosen one for the CPU."""
    return current_engine() if place in ("cpu", p.ANYWHERE) else get_engine("xla")


def _free_memory(cell: Cell) -> Any:
    """The cell's old memory, if nothing else needs what is in it."""
    memory, previous = cell.memory, cell.previous
    if cell.exposure is not None and cell.is_exposed:
        return None
    if previous is not None and previous() is not None:
        return None
    node = cell.node
    if memory.shape != node.shape or memory.dtype != node.dtype.numpy:
        return None
    return memory if memory.flags.writeable else None


def _apart(view: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy of a slice with its strides, which are part of the Program's key."""
    extent = sum((n - 1) * abs(stride) for n, stride in zip(view.shape, view.strides))
    memory = np.empty(extent + view.itemsize, np.uint8)
    first = sum((n - 1) * -stride for n, stride in zip(view.shape, view.strides) if stride < 0)
    copy: np.ndarray[Any, Any] = np.ndarray(view.shape, view.dtype, memory, first, view.strides)
    copy[...] = view
    return copy


def as_exception(failure: Failure, sites: Sequence[Any]) -> Exception:
    site = None
    if failure.position is not None:  # of an operation made of several Nodes, the last has the site
        site = next((s for s in sites[failure.position :] if s is not None), None)
    where = f" (at {line_of(site)})" if site is not None else ""
    return failure.error(failure.message + where)


def line_of(site: tuple[Any, int] | None) -> str:
    """`file.py:12` of a Node's site."""
    if site is None or site[0] is None:
        return "an unknown line"
    code, offset = site
    line = code.co_firstlineno
    for start, stop, number in code.co_lines():
        if start <= offset < stop and number is not None:
            line = number
    return f"{code.co_filename}:{line}"


def _poison(outputs: Sequence[Node], cells: Sequence[Cell], error: Exception) -> None:
    """After a failed run: what was written goes back to what it was, the rest repeats the error."""
    for node in outputs:
        node.primitive, node.meta, node.inputs = FAILED, error, ()
    for cell in cells:
        if cell.memory is not None and cell.node in outputs:
            old = cell.previous() if cell.previous is not None else None
            node = cell.node
            cell.node = old or p.value(cell.memory, node.shape, node.dtype, node.device)
            cell.variables = None


# --- what operations use -------------------------------------------------------------------------


def value_of(node: Node) -> np.ndarray[Any, Any]:
    """The computed value as an array (may share the buffer)."""
    if node.buffer is None:
        compute([node])
    return engine_of(node.device).to_host(node.buffer)


def moved(node: Node, place: str) -> Node:
    """The value of a Node on another device; gradients flow back to where it was."""
    if (node.device or "cpu") == place:
        return node
    if local.capture is not None:
        local.capture.give_up(f"a tensor is moved from {node.device or 'cpu'} to {place}")
    array = value_of(node)
    buffer = engine_of(place).from_host(array, place)
    there = p.value(buffer, node.shape, node.dtype, place)
    if not (node.history and mode.recording):
        return there
    back = node.device or "cpu"
    (result,) = p.custom_gradient([there], [node], lambda grads: [moved(grads[0], back)])
    return result


def drawn(
    shape: tuple[int, ...],
    dtype: DType,
    draw: Callable[[], np.ndarray[Any, Any]],
    wider: Callable[[tuple[int, ...]], np.ndarray[Any, Any]] | None = None,
) -> Tensor:
    """A tensor of random numbers: `draw()` is called now, in program order, and again at each
    replay of a compiled step.

    Args:
        wider: draws one of these for each index of the leading dimensions given (for vmap); by
            default one after the other.
    """
    from gradatim.tensor import wrap

    if local.capture is not None and local.capture.redraws:
        return local.capture.draw(shape, dtype, draw, wider)

    def contiguous() -> np.ndarray[Any, Any]:
        return np.ascontiguousarray(draw()).reshape(shape)

    array = contiguous()
    node = p.value(array, shape, dtype, p.ANYWHERE)
    hold(array.nbytes)
    if local.capture is not None:
        local.capture.add_draw(node, contiguous)
    return wrap(node)


def commit(pairs: Sequence[tuple[Tensor, Node]]) -> None:
    """Make each Node the content of its tensor, in place and without history, and compute
    everything pending as one Program: the end of a training step.
    """
    from gradatim.tensor import user_site

    recording, mode.recording = mode.recording, False
    written: list[tuple[Cell, Node]] = []
    try:
        for target, node in pairs:
            cell = target._cell
            if (
                target._layout is not None
                or target._detached
                or cell.exposure is not None
                or cell.escaped
                or cell.node.history
                or node.history
                or local.capture is not None
                or state.special
            ):
                target._write(node, fresh=True)
            else:
                written.append((cell, node))
    finally:
        mode.recording = recording
    site = user_site()
    try:
        _put(written, site)
    except KeyboardInterrupt:  # parameters are wholly old or wholly new: pending, here
        _put(written, site)
        raise
    flush([cell for cell, _ in written])


def _put(written: Sequence[tuple[Cell, Node]], site: Any) -> None:
    """Give each cell its new content. May be called again after it was interrupted."""
    for cell, node in written:
        old = cell.node
        if old is node:
            continue
        old.overwritten = COUNTED
        if old.buffer is not None:
            cell.memory = old.buffer
            cell.previous = weakref.ref(old)
        cell.version += 1
        cell.variables = None
        cell.written = False
        if node.site is None:
            node.site = site
        cell.node = node


@contextlib.contextmanager
def eager() -> Iterator[None]:
    """Compute each operation at once, for debugging.

    Example:
        >>> import gradatim as gd
        >>> with gd.eager():
        ...     y = gd.ones(2) + 1
        >>> y._read().buffer
        array([2., 2.], dtype=float32)
    """
    before, state.eager = state.eager, True
    state.special = True
    try:
        yield
    finally:
        state.eager = before
        state.special = state.eager or state.anomaly or state.exposed_read


@contextlib.contextmanager
def detect_anomaly(mode: bool = True, check_nan: bool = True) -> Iterator[None]:
    """Compute each operation at once, and raise at the first that makes a NaN or an infinity.

    Raises:
        NonFiniteError: naming the operation and the user's line.

    Example:
        >>> import gradatim as gd
        >>> with gd.detect_anomaly():
        ...     gd.zeros(1).log()
        Traceback (most recent call last):
            ...
        gradatim.graph.errors.NonFiniteError: log gave -inf ...
    """
    before, state.anomaly = state.anomaly, mode and check_nan
    state.special = True
    try:
        yield
    finally:
        state.anomaly = before
        state.special = state.eager or state.anomaly or state.exposed_read


def forget_read() -> None:
    """The memory of others that was just read is no operand of the next operation."""
    state.exposed_read = False
    state.special = state.eager or state.anomaly


def compute_now(node: Node) -> None:
    """What `wrap` does to a new Node in the special modes."""
    forget_read()
    if node.buffer is None:
        compute([node])
    if state.anomaly and node.dtype.is_floating_point:
        array = value_of(node)
        with np.errstate(all="ignore"):
            bad = array[~np.isfinite(array)]
        if bad.size:
            raise NonFiniteError(
                f"{node.primitive.name} gave {bad.ravel()[0]} in a result of shape "
                f"{list(node.shape)} (at {line_of(node.site)})"
            )


def synchronize() -> None:
    """Compute everything pending and wait for it: put it before reading a clock."""
    flush()


__all__ = ["Cell", "Error", "commit", "compute", "drawn", "eager", "flush", "synchronize"]
