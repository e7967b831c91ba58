"""Session: values for a graph's nodes.

What a `run` asks for becomes a plan: the nodes in an order in which they can be computed. The plan,
called on the fed values, is one function on Gradatim's tensors, and `gd.compile` makes it one
Program for the shapes that are fed: a second `run` of the same kind only runs that Program.

Inside one run all values are those from before it, as far as nothing says otherwise: variables get
their new values at its end, or where a node that was made under `control_dependencies` needs them.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import gradatim
from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.frontends.names import own_names
from gradatim.frontends.tensorflow import shapes
from gradatim.frontends.tensorflow.differentiation import Gradients
from gradatim.frontends.tensorflow.errors import (
    FailedPreconditionError,
    FeedError,
    GraphError,
    InvalidArgumentError,
)
from gradatim.frontends.tensorflow.graph import (
    Graph,
    Operation,
    Tensor,
    get_default_graph,
    node_of,
)
from gradatim.frontends.tensorflow.variables import Assign, Variable
from gradatim.graph.errors import Error
from gradatim.tensor import Tensor as Value
from gradatim.tensor import from_array

_sessions: list[Session] = []


def default_session(node: Tensor | None = None) -> Session:
    """The session of the innermost `with`, or the interactive one."""
    if not _sessions:
        raise GraphError(
            f"Cannot evaluate {node}: No default session is registered. Use  with sess.as_default()"
            f"  or pass an explicit session to eval(session=sess)"
        )
    return _sessions[-1]


def get_default_session() -> Session | None:
    """The session of the innermost `with`, or the interactive one; None without any."""
    return _sessions[-1] if _sessions else None


class Session:
    """Runs nodes of a graph, and keeps the values of its variables.

    Args:
        target, config: accepted, without effect.
        graph: the graph; the default one if it is not given.
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None):
        self.graph = graph or get_default_graph()
        self.values: dict[Variable, Value] = {}
        self._plans: dict[Any, _Plan] = {}
        self._closed = False
        if self.graph.seed is not None:
            gradatim.manual_seed(self.graph.seed)

    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """The values of `fetches` (nodes, nested in lists, tuples and dicts), as NumPy arrays.

        Args:
            fetches: what is computed; None comes back for an operation.
            feed_dict: values for placeholders, or for any other nodes.

        Raises:
            InvalidArgumentError: a placeholder is not fed, or is fed another shape than it has.
            FailedPreconditionError: a variable has no value yet.
            GraphError: a node of another graph, or a closed session.
        """
        if self._closed:
            raise GraphError("Attempted to use a closed Session.")
        nodes: list[Tensor] = []
        shape = _flatten(fetches, nodes)
        feeds: dict[Tensor, Value] = {}
        for key, value in (feed_dict or {}).items():
            _feed(feeds, key, value)
        for node in (*nodes, *feeds):
            if node.graph is not self.graph:
                raise GraphError(
                    f"Tensor {node} is not an element of this graph: the session was made for "
                    f"another one (see tf.reset_default_graph)"
                )
        key = (tuple(nodes), tuple(feeds))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _Plan(self, list(dict.fromkeys(nodes)), list(feeds))
        return _fill(shape, plan.run(list(feeds.values())))

    def put(self, variable: Variable, value: Any) -> None:
        """Give a variable a value."""
        array = np.array(value, variable.dtype.element.numpy)
        if not shapes.fits(array.shape, variable.sizes):
            raise InvalidArgumentError(
                f"Assign requires shapes of both tensors to match: {variable.name} has shape "
                f"{variable.shape}, and is given a value of shape {shapes.text(array.shape)}"
            )
        self.values[variable] = _kept(from_array(array))

    def close(self) -> None:
        """Forget the values. The session cannot be used any more."""
        self._closed = True
        self.values.clear()
        self._plans.clear()
        while self in _sessions:
            _sessions.remove(self)

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Session]:
        """Inside, `eval` and `run` of nodes use this session."""
        _sessions.append(self)
        try:
            yield self
        finally:
            if self in _sessions:
                _sessions.remove(self)

    def __enter__(self) -> Session:
        self._contexts = contextlib.ExitStack()
        self._contexts.enter_context(self.graph.as_default())
        self._contexts.enter_context(self.as_default())
        return self

    def __exit__(self, *error: Any) -> None:
        self._contexts.close()
        self.close()


class InteractiveSession(Session):
    """A session that is the default one from the start."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None):
        super().__init__(target, graph, config)
        _sessions.append(self)


# --- what goes in and comes out ------------------------------------------------------------------


def _flatten(fetches: Any, nodes: list[Tensor]) -> Any:
    """Gathers the nodes of a fetch, and gives its structure with the nodes in it."""
    if isinstance(fetches, dict):
        return {key: _flatten(value, nodes) for key, value in fetches.items()}
    if isinstance(fetches, tuple) and hasattr(fetches, "_fields"):
        return type(fetches)(*(_flatten(value, nodes) for value in fetches))
    if isinstance(fetches, (list, tuple)):
        return type(fetches)([_flatten(value, nodes) for value in fetches])
    node = node_of(fetches)
    nodes.append(node)
    return _Nothing() if isinstance(fetches, Operation) or node.kind == "NoOp" else node


class _Nothing:
    """What an operation without a value gives: None."""


def _fill(shape: Any, values: dict[Tensor, Any]) -> Any:
    if isinstance(shape, Tensor):
        return values[shape]
    if isinstance(shape, dict):
        return {key: _fill(value, values) for key, value in shape.items()}
    if isinstance(shape, tuple) and hasattr(shape, "_fields"):
        return type(shape)(*(_fill(value, values) for value in shape))
    if isinstance(shape, (list, tuple)):
        return type(shape)([_fill(value, values) for value in shape])
    return None


def _feed(feeds: dict[Tensor, Value], key: Any, value: Any) -> None:
    """One entry of a feed_dict."""
    node = node_of(key)
    if isinstance(value, Tensor):
        raise FeedError(
            f"The value of a feed cannot be a tf.Tensor: {node.name} is fed {value}; run it first"
        )
    try:
        array = np.asarray(value, node.dtype.element.numpy)
    except (TypeError, ValueError) as error:
        raise FeedError(
            f"Cannot feed {type(value).__name__} for Tensor {node.name!r} of {node.dtype.name}: "
            f"{error}"
        ) from None
    if not shapes.fits(array.shape, node.sizes):
        raise FeedError(
            f"Cannot feed value of shape {array.shape} for Tensor {node.name!r}, which has shape "
            f"'{node.shape}'"
        )
    feeds[node] = from_array(array)


def _as_result(value: Any) -> Any:
    """The caller's own array of a computed value; a NumPy number of one without axes."""
    array = np.array(value._value() if isinstance(value, Value) else value)
    return array[()] if array.ndim == 0 else array


def _kept(value: Value) -> Value:
    """A variable's content: memory of its own, and a leaf of gradients."""
    with no_grad():
        made = value.detach().clone().realize()
    made = made.detach()
    made._detached, made._plain = False, True
    return made.requires_grad_() if made.dtype.is_floating_point else made


# --- plans ---------------------------------------------------------------------------------------


class _Plan:
    """The nodes that some fetches need, in order, as a function of the fed values."""

    def __init__(self, session: Session, fetches: list[Tensor], feeds: list[Tensor]):
        self.session, self.fetches, self.feeds = session, fetches, feeds
        writes = _writers(session.graph)
        first = [node for node in fetches if node not in writes]
        self.order = _in_order([*first, *(node for node in fetches if node in writes)], set(feeds))
        self.after_writes = {
            node
            for node in self.order
            if node.kind != "NoOp" and any(each in writes for each in node.control)
        }
        self.assigned = [node for node in self.order if isinstance(node, Assign)]
        found = [node for node in self.order if isinstance(node, Gradients)]
        self.wanted = {x for node in found for x in node.xs}
        self.differentiated_again = len(found) > 1
        self.records = bool(found)
        # Only what has a value of its own is fetched from the Program.
        self.valued = [node for node in fetches if node.kind != "NoOp"]
        self._compiled = gradatim.compile(self._compute)

    def run(self, feeds: list[Value]) -> dict[Tensor, Any]:
        """Values for the fetches."""
        self._check()
        is_first = any(node.variable not in self.session.values for node in self.assigned)
        if is_first or not self.order:
            found = self._compute(*feeds)
        else:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".* runs uncompiled")
                found = self._compiled(*feeds)
        return {node: _as_result(value) for node, value in zip(self.valued, found)}

    def _check(self) -> None:
        values = self.session.values
        set_here = {node.variable for node in self.assigned if node.is_first}
        for node in self.order:
            if node.kind == "Placeholder" and node not in self.feeds:
                raise InvalidArgumentError(
                    f"You must feed a value for placeholder tensor {node.op.name!r} with dtype "
                    f"{node.dtype.name} and shape {node.shape}"
                )
            if isinstance(node, Variable) and node not in values and node not in set_here:
                raise FailedPreconditionError(
                    f"Attempting to use uninitialized value {node.op.name}: run "
                    f"tf.global_variables_initializer() after all variables are made"
                )

    def _compute(self, *feeds: Value) -> list[Any]:
        with contextlib.nullcontext() if self.records else no_grad():
            return self._values(feeds)

    def _values(self, feeds: Sequence[Value]) -> list[Any]:
        values: dict[Tensor, Any] = {}
        for node, value in zip(self.feeds, feeds):
            values[node] = self._as_leaf(node, value)
        kept = self.session.values
        pending: dict[Variable, Value] = {}
        before: dict[Tensor, Any] = {}  # of fetched variables: their value before it is written
        for node in self.order:
            if node in self.after_writes:
                self._write(pending)
            if isinstance(node, Variable):
                values[node] = kept.get(node)
                if node in self.fetches:
                    before[node] = values[node].detach().clone()
            elif isinstance(node, Assign):
                new = values[node.inputs[0]]
                if not isinstance(new, Value):
                    new = ops.tensor(new)
                values[node] = pending[node.variable] = new
                if node.variable not in kept:  # other initial values may need this one
                    self._write(pending)
                    values[node.variable] = kept[node.variable]
            elif isinstance(node, Gradients):
                values[node] = node.compute(values, self.differentiated_again)
            elif node.kind != "NoOp":
                values[node] = self._as_leaf(node, self._apply(node, values))
        results = [before.get(node, values[node]) for node in self.valued]
        self._write(pending)
        return [each.detach() if isinstance(each, Value) else each for each in results]

    def _as_leaf(self, node: Tensor, value: Any) -> Any:
        """The value, such that a gradient can be asked for it if one is wanted."""
        if node in self.wanted and isinstance(value, Value) and not value.requires_grad:
            return (value * 1).detach().requires_grad_()
        return value

    def _apply(self, node: Tensor, values: dict[Tensor, Any]) -> Any:
        inputs = [values[each] for each in node.inputs]
        try:
            return node.function(*inputs)  # type: ignore[misc]
        except Error as error:
            sizes = ", ".join(
                str(list(np.shape(each))) for each in inputs if hasattr(each, "shape")
            )
            raise InvalidArgumentError(
                f"{error} (in {node.kind} {node.op.name!r}, with shapes {sizes})"
            ) from None

    def _write(self, pending: dict[Variable, Value]) -> None:
        """Give variables their new values."""
        kept = self.session.values
        with no_grad():
            for variable, value in pending.items():
                known = kept.get(variable)
                if known is None or known.shape != value.shape:
                    kept[variable] = _kept(value)
                else:
                    known.data.copy_(value.detach())
        pending.clear()


def _in_order(fetches: list[Tensor], fed: set[Tensor]) -> list[Tensor]:
    """Everything that the fetches need and that is not fed, each node after what it needs."""
    order: dict[Tensor, None] = {}
    for fetch in fetches:
        open_: list[tuple[Tensor, bool]] = [(fetch, False)]
        while open_:
            node, is_ready = open_.pop()
            if node in order or node in fed:
                continue
            if is_ready:
                order[node] = None
                continue
            open_.append((node, True))
            needs = (*node.control, *node.inputs)
            open_ += [(each, False) for each in reversed(needs) if each not in order]
    return list(order)


def _writers(graph: Graph) -> set[Tensor]:
    """The nodes that run assignments."""
    found: set[Tensor] = set()
    for node in graph.nodes:  # in the order in which they were made: inputs come first
        needs = (*node.control, *node.inputs)
        if isinstance(node, Assign) or any(each in found for each in needs):
            found.add(node)
    return found


__all__ = own_names(__name__)
