"""Variables: nodes whose value a session keeps; assignments, scopes and initializers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from gradatim.frontends.names import own_names
from gradatim.frontends.tensorflow import dtypes, shapes
from gradatim.frontends.tensorflow.errors import GraphError, ShapeMismatch
from gradatim.frontends.tensorflow.graph import (
    Tensor,
    constant,
    convert,
    get_default_graph,
    group,
    name_scope,
)
from gradatim.frontends.tensorflow.initializers import (
    glorot_uniform_initializer,
    zeros_initializer,
)

GLOBAL, TRAINABLE, LOCAL, LOSSES = "variables", "trainable_variables", "local_variables", "losses"


class Variable(Tensor):
    """A node whose value lives in a session until it is assigned.

    Args:
        initial_value: a value, a node, or a function that gives one.
        trainable: whether optimizers change it.
        name: its name, made unique.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool = True,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        **options: Any,
    ):
        value = initial_value() if callable(initial_value) else initial_value
        wanted = None if dtype is None else dtypes.as_dtype(dtype)
        with name_scope(f"{name or 'Variable'}/Initializer"):
            self.initial = convert(value, wanted, name="initial_value")
        super().__init__(
            "VariableV2", None, (), self.initial.dtype, self.initial.sizes, name or "Variable"
        )
        self.graph = self.initial.graph
        self.trainable = trainable
        self.constraint = constraint
        self.initializer = Assign(self, self.initial, is_first=True)
        for collection in collections or [GLOBAL]:
            self.graph.add_to_collection(collection, self)
        if trainable:
            self.graph.add_to_collection(TRAINABLE, self)

    @property
    def initial_value(self) -> Tensor:
        return self.initial

    def initialized_value(self) -> Tensor:
        """The value that it will begin with, to make another variable's from."""
        return self.initial

    def value(self) -> Tensor:
        return self

    read_value = value

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Tensor:
        """A node that gives the variable a new value, and has that value."""
        return assign(self, value, name=name)

    def assign_add(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Tensor:
        return assign_add(self, delta, name=name)

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Tensor:
        return assign_sub(self, delta, name=name)

    def load(self, value: Any, session: Any = None) -> None:
        """Give it a value in a session, at once."""
        from gradatim.frontends.tensorflow.sessions import default_session

        (session or default_session(self)).put(self, value)

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}_ref>"

    __str__ = __repr__


class Assign(Tensor):
    """A node that gives a variable a new value: that of its input."""

    def __init__(
        self, variable: Variable, value: Tensor, name: str | None = None, is_first: bool = False
    ):
        super().__init__("Assign", None, (value,), variable.dtype, variable.sizes, name)
        self.variable = variable
        self.is_first = is_first  # of an initializer: the shape is free


def assign(
    ref: Variable,
    value: Any,
    validate_shape: bool = True,
    use_locking: Any = None,
    name: str | None = None,
) -> Tensor:
    """A node that gives a variable a new value, and has that value.

    Raises:
        ShapeMismatch: for another shape, unless `validate_shape=False`.
    """
    node = convert(value, ref.dtype)
    known = node.sizes is not None and None not in node.sizes
    if validate_shape and known and not shapes.fits(node.sizes, ref.sizes):  # type: ignore[arg-type]
        raise ShapeMismatch(
            f"Dimensions must be equal: {ref.name} has shape {ref.shape}, and is assigned a value "
            f"of shape {node.shape}"
        )
    return Assign(ref, node, name, is_first=not validate_shape)


def assign_add(
    ref: Variable, value: Any, use_locking: Any = None, name: str | None = None
) -> Tensor:
    """A node that adds to a variable, and has the sum."""
    return assign(ref, ref + convert(value, ref.dtype), name=name or "AssignAdd")


def assign_sub(
    ref: Variable, value: Any, use_locking: Any = None, name: str | None = None
) -> Tensor:
    """A node that subtracts from a variable, and has the difference."""
    return assign(ref, ref - convert(value, ref.dtype), name=name or "AssignSub")


# --- all of them ---------------------------------------------------------------------------------


def global_variables(scope: str | None = None) -> list[Variable]:
    """The variables of the graph."""
    return get_default_graph().get_collection(GLOBAL, scope)


def trainable_variables(scope: str | None = None) -> list[Variable]:
    """The variables that optimizers change."""
    return get_default_graph().get_collection(TRAINABLE, scope)


def local_variables(scope: str | None = None) -> list[Variable]:
    """The variables that no checkpoint holds."""
    return get_default_graph().get_collection(LOCAL, scope)


def variables_initializer(var_list: Any, name: str = "init") -> Tensor:
    """A node that gives variables the values that they begin with."""
    return group(*[variable.initializer for variable in var_list], name=name)


def global_variables_initializer() -> Tensor:
    """A node that gives all variables made so far the values that they begin with."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Tensor:
    """The same of local variables."""
    return variables_initializer(local_variables())


initialize_all_variables = global_variables_initializer
all_variables = global_variables


# --- by name -------------------------------------------------------------------------------------

AUTO_REUSE = "AUTO_REUSE"


class _Scope:
    """A variable scope: the first part of its variables' names."""

    def __init__(self, name: str, reuse: Any, initializer: Any, regularizer: Any):
        self.name, self.reuse = name, reuse
        self.initializer, self.regularizer = initializer, regularizer
        self.original_name_scope = name + "/"

    def reuse_variables(self) -> None:
        self.reuse = True


_scopes = [_Scope("", False, None, None)]


def get_variable_scope() -> _Scope:
    """The variable scope that get_variable works in."""
    return _scopes[-1]


@contextlib.contextmanager
def variable_scope(
    name_or_scope: Any,
    default_name: str | None = None,
    values: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    reuse: Any = None,
    **options: Any,
) -> Iterator[_Scope]:
    """Inside, the names of variables begin with `name/`, and with `reuse` they are found again."""
    outer = _scopes[-1]
    if isinstance(name_or_scope, _Scope):
        full = name_or_scope.name
    else:
        own = name_or_scope or default_name
        full = f"{outer.name}/{own}" if outer.name and own else own or outer.name
    scope = _Scope(
        full,
        reuse or outer.reuse,
        initializer or outer.initializer,
        regularizer or outer.regularizer,
    )
    _scopes.append(scope)
    try:
        with name_scope(full.rpartition("/")[2] or None):
            yield scope
    finally:
        _scopes.remove(scope)


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    collections: Any = None,
    **options: Any,
) -> Variable:
    """The variable of a name in this scope: a new one, or, with `reuse`, the one that is there.

    Raises:
        GraphError: if it is there without `reuse`, or is not there with it.
        ShapeMismatch: if it is there with another shape.
    """
    scope = get_variable_scope()
    full = f"{scope.name}/{name}" if scope.name else name
    known = get_default_graph().variables
    if full in known:
        if not scope.reuse:
            raise GraphError(
                f"Variable {full} already exists, disallowed. Did you mean to set reuse=True or "
                f"reuse=tf.AUTO_REUSE in variable_scope?"
            )
        found, wanted = known[full], shapes.known(shape)
        if found.sizes is not None and not shapes.fits(found.sizes, wanted):
            raise ShapeMismatch(
                f"Trying to share variable {full}, but specified shape {shapes.text(wanted)} "
                f"and found shape {found.shape}."
            )
        return found
    if scope.reuse is True:
        raise GraphError(
            f"Variable {full} does not exist, or was not created with tf.get_variable(). Did you "
            f"mean to set reuse=tf.AUTO_REUSE in variable_scope?"
        )
    dtype = dtypes.as_dtype(dtype or dtypes.float32)
    initializer = scope.initializer if initializer is None else initializer
    if initializer is None:
        initializer = glorot_uniform_initializer() if dtype.is_floating else zeros_initializer()
    with name_scope(None):
        if callable(initializer):
            sizes = shapes.known(shape)
            if sizes is None or None in sizes:
                raise ShapeMismatch(f"The shape of variable {full} has to be known, got {shape!r}")
            value: Any = initializer(list(sizes), dtype=dtype)
            if callable(value):  # it was a kind of initializer: one without settings
                value = value(list(sizes), dtype=dtype)
        else:
            value = initializer if shape is None else constant(initializer, dtype, shape)
        made = Variable(value, trainable, collections, name=full)
    known[full] = made
    regularizer = regularizer or scope.regularizer
    if regularizer is not None:
        made.graph.add_to_collection("regularization_losses", regularizer(made))
    return made


__all__ = ["AUTO_REUSE", *own_names(__name__)]
