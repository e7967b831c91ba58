"""The symbolic graph: Graph, Tensor and Operation. Plain data; a session makes values of it.

A Tensor here is a node: a function on Gradatim's tensors, the nodes it takes, and what is known of
its shape and dtype. Names, scopes and collections are TensorFlow's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradatim.frontends.names import own_names
from gradatim.frontends.tensorflow import dtypes, shapes
from gradatim.frontends.tensorflow.dtypes import DType
from gradatim.frontends.tensorflow.errors import DTypeMismatch, GraphError, ShapeMismatch
from gradatim.graph.errors import Error, MissingName, nearest
from gradatim.tensor import from_array


class Graph:
    """Nodes, their names, and the collections that variables and losses are kept in."""

    def __init__(self) -> None:
        self.nodes: list[Tensor] = []
        self.by_name: dict[str, Tensor] = {}
        self.collections: dict[str, list[Any]] = {}
        self.variables: dict[str, Any] = {}  # by name, for get_variable
        self.scope = ""
        self.control: tuple[Tensor, ...] = ()
        self.seed: int | None = None
        self.finalized = False
        self._counts: dict[str, int] = {}

    def unique_name(self, name: str, scoped: bool = True) -> str:
        """A name that no other node has: `Add`, `Add_1`, ..."""
        full = f"{self.scope}{name}" if scoped else name
        count = self._counts.get(full, 0)
        self._counts[full] = count + 1
        if not count:
            return full
        return self.unique_name(f"{full}_{count}", scoped=False)

    def finalize(self) -> None:
        """No more nodes from now on."""
        self.finalized = True

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Inside, new nodes go to this graph."""
        _stack.append(self)
        try:
            yield self
        finally:
            _stack.remove(self)

    def add_to_collection(self, name: str, value: Any) -> None:
        self.collections.setdefault(name, []).append(value)

    def get_collection(self, name: str, scope: str | None = None) -> list[Any]:
        found = self.collections.get(name, [])
        return [each for each in found if not scope or each.name.startswith(scope)]

    def get_tensor_by_name(self, name: str) -> Tensor:
        found = self.by_name.get(name.partition(":")[0])
        if found is None:
            raise GraphError(f"The name {name!r} refers to a Tensor which does not exist.")
        return found

    def get_operations(self) -> list[Operation]:
        return [node.op for node in self.nodes]

    def get_operation_by_name(self, name: str) -> Operation:
        return self.get_tensor_by_name(name).op


_stack = [Graph()]


def get_default_graph() -> Graph:
    """The graph that new nodes go to."""
    return _stack[-1]


def reset_default_graph() -> None:
    """Begin a new graph. Nodes of the old one stay usable in sessions made for it."""
    _stack[-1] = Graph()


class Operation:
    """What made a tensor: its kind, name and inputs."""

    def __init__(self, tensor: Tensor):
        self.outputs = [tensor]
        self.name = tensor.name.partition(":")[0]
        self.type = tensor.kind
        self.inputs = list(tensor.inputs)
        self.graph = tensor.graph

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        self.outputs[0].run(feed_dict, session)

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"


class Tensor:
    """A node: what an operation will give when a session runs it.

    Attributes:
        kind: TensorFlow's name of the operation.
        function: from the values of `inputs` to the value.
        control: nodes that are run before it.
        dtype: its element type.
        sizes: its shape, as far as it is known.
    """

    __array_priority__ = 2000

    def __init__(
        self,
        kind: str,
        function: Callable[..., Any] | None,
        inputs: Sequence[Tensor] = (),
        dtype: DType = dtypes.float32,
        sizes: shapes.Known = None,
        name: str | None = None,
    ):
        graph = self.graph = inputs[0].graph if inputs else get_default_graph()
        if graph.finalized:
            raise GraphError("Graph is finalized and cannot be modified.")
        for each in inputs:
            if each.graph is not graph:
                raise GraphError(f"{each} must be from the same graph as {inputs[0]}.")
        self.kind, self.function, self.inputs = kind, function, tuple(inputs)
        self._dtype, self.sizes = dtype, sizes
        self.control = graph.control
        own = graph.unique_name(name or kind)
        self.name = f"{own}:0"
        graph.nodes.append(self)
        graph.by_name[own] = self

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def op(self) -> Operation:
        return Operation(self)

    @property
    def shape(self) -> shapes.TensorShape:
        return shapes.TensorShape(self.sizes)

    def get_shape(self) -> shapes.TensorShape:
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Say what is known of the shape."""
        self.sizes = shapes.known(shape)

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """The value, from the given session or the default one."""
        from gradatim.frontends.tensorflow.sessions import default_session

        return (session or default_session(self)).run(self, feed_dict)

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Run it in the given session or the default one."""
        self.eval(feed_dict, session)

    def __repr__(self) -> str:
        return f'<tf.Tensor "{self.name}" shape={self.shape} dtype={self.dtype.name}>'

    def __str__(self) -> str:
        shape = "" if self.sizes is None else f", shape={self.shape}"
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __bool__(self) -> bool:
        raise DTypeMismatch(
            f"{self} has no value until a session runs it, and so is neither true nor false: use "
            f"tf.cond or tf.where"
        )

    def __iter__(self) -> Iterator[Tensor]:
        if not self.sizes or self.sizes[0] is None:
            raise DTypeMismatch(f"{self} cannot be iterated over: its first size is not known")
        return iter([self[place] for place in range(self.sizes[0])])

    def __len__(self) -> int:
        raise DTypeMismatch(f"len is not well defined for {self}: use its shape, or tf.size")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise DTypeMismatch(f"{self} has no value until a session runs it")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        text = f"a TensorFlow tensor here has no {name!r}"

        def say() -> str:
            near = nearest(name, [each for each in dir(type(self)) if not each.startswith("_")])
            return f"{text}: the nearest is {near!r}" if near else text

        raise MissingName(text, name, say)


# --- making nodes --------------------------------------------------------------------------------


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> Tensor:
    """A node with a fixed value."""
    dtype = None if dtype is None else dtypes.as_dtype(dtype)
    array = np.array(dtypes.as_array(value, dtype))
    if shape is not None:
        sizes = tuple(int(size or 0) for size in shapes.known(shape) or ())
        array = np.resize(array, sizes) if array.size > 1 else np.full(sizes, array)
    found = from_array(array)
    return Tensor("Const", lambda: found, (), dtypes.of_element(found.dtype), array.shape, name)


def convert(value: Any, dtype: DType | None = None, name: str | None = None) -> Tensor:
    """A node from a node, a variable, a number, a list (perhaps with nodes in it) or an array."""
    if isinstance(value, Tensor):
        if dtype is not None and value.dtype is not dtype:
            raise DTypeMismatch(
                f"Tensor conversion requested dtype {dtype.name} for Tensor with dtype "
                f"{value.dtype.name}: {value}"
            )
        return value
    if isinstance(value, shapes.Dimension):
        value = value.value
    if isinstance(value, shapes.TensorShape):
        value = value.as_list()
    if isinstance(value, (list, tuple)) and _has_nodes(value):
        from gradatim.frontends.tensorflow.arrays import stack

        parts = [convert(each, dtype) for each in value]
        return stack(parts, name=name or "packed")
    return constant(value, dtype, name=name or "Const")


def _has_nodes(value: Any) -> bool:
    """Whether a value is a node, or a list with nodes in it."""
    if isinstance(value, (list, tuple)):
        return any(map(_has_nodes, value))
    return isinstance(value, Tensor)


def together(*values: Any) -> list[Tensor]:
    """Nodes of several operands; numbers and arrays take the dtype of the nodes among them."""
    dtype = next((each.dtype for each in values if isinstance(each, Tensor)), None)
    return [convert(each, dtype if _may_be(each, dtype) else None) for each in values]


def _may_be(value: Any, dtype: DType | None) -> bool:
    """Whether a plain value may become that dtype: a fraction is no whole number."""
    if dtype is None or isinstance(value, Tensor):
        return False
    return dtype.is_floating or np.asarray(value).dtype.kind in "iub"


def make(
    kind: str,
    function: Callable[..., Any],
    inputs: Sequence[Tensor],
    name: str | None = None,
    *,
    dtype: DType | None = None,
    sizes: Any = "inferred",
    refuses: bool = False,
) -> Tensor:
    """A node that applies a function; its shape and dtype are found out if they are not given
    (`refuses`: see `shapes.infer`).

    Raises:
        ShapeMismatch, DTypeMismatch: if the function refuses the shapes and dtypes of its inputs.
    """
    if isinstance(sizes, str):
        try:
            known = [(each.sizes, each.dtype.element) for each in inputs]
            sizes, element = shapes.infer(function, known, refuses)
        except Error as error:
            names = ", ".join(f"{each.name} {each.shape}" for each in inputs)
            wrong = DTypeMismatch if isinstance(error, TypeError) else ShapeMismatch
            raise wrong(f"{kind}: {error} (its inputs are {names})") from None
        if dtype is None:
            dtype = dtypes.of_element(element) if element else inputs[0].dtype
    return Tensor(kind, function, inputs, dtype or inputs[0].dtype, sizes, name)


@contextlib.contextmanager
def name_scope(name: str | None, default_name: str | None = None, values: Any = None) -> Any:
    """Inside, the names of new nodes begin with `name/`."""
    graph = get_default_graph()
    before = graph.scope
    name = name or default_name
    if not name:
        graph.scope = ""
    elif name.endswith("/"):
        graph.scope = name
    else:
        graph.scope = graph.unique_name(name) + "/"
    try:
        yield graph.scope
    finally:
        graph.scope = before


@contextlib.contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """Inside, new nodes run after the given ones."""
    graph = get_default_graph()
    before = graph.control
    found = [node_of(each) for each in control_inputs or ()]
    graph.control = (*before, *found) if control_inputs is not None else ()
    try:
        yield
    finally:
        graph.control = before


def node_of(fetch: Any) -> Tensor:
    """The node of a tensor, a variable or an operation."""
    if isinstance(fetch, Tensor):
        return fetch
    if isinstance(fetch, Operation):
        return fetch.outputs[0]
    if isinstance(fetch, str):
        return get_default_graph().get_tensor_by_name(fetch)
    raise DTypeMismatch(
        f"a session can run tensors, operations and variables, not {type(fetch).__name__} {fetch!r}"
    )


def no_op(name: str | None = None) -> Tensor:
    """A node that does nothing; what it depends on is run."""
    return Tensor("NoOp", None, (), dtypes.bool, (), name)


def group(*inputs: Any, name: str | None = None) -> Tensor:
    """A node that runs all the given ones."""
    with control_dependencies(inputs):
        return no_op(name or "group_deps")


__all__ = own_names(__name__)
