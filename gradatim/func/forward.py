"""Forward mode as functions of functions: jvp, linearize."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim.func.levels import Level, recording
from gradatim.func.reverse import close_tree, split_aux, tensors_of
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, GradientError, ShapeError
from gradatim.graph.gradients import zeros_like
from gradatim.graph.node import Node
from gradatim.graph.tangents import tangents
from gradatim.tensor import Tensor
from gradatim.trees import Spec, flatten, unflatten


def walk_ahead(level: Level, outputs: Sequence[Node], changes: Sequence[Node]) -> list[Node]:
    """The tangents of the outputs when a level's copies change by `changes`."""
    with recording():
        found = tangents(outputs, dict(zip(level.nodes, changes)))
        return [zeros_like(out) if t is None else t for out, t in zip(outputs, found)]


def _changes(
    where: str, tangents: Any, spec: Spec, primals: Sequence[Any], name: str = "primals"
) -> list[Node]:
    """The tangents given for each primal, checked."""
    given, found = flatten(tangents)
    if found != spec:
        raise GradientError(
            f"{where}: Expected {name} and tangents to have the same python structure. For "
            f"example, if {name} is a tuple of 3 tensors, tangents also must be. Got {name} with "
            f"structure {spec} and tangents with structure {found}"
        )
    nodes = []
    for tensor, change in zip(primals, given):
        if not isinstance(change, Tensor):
            raise ArgumentError(
                f"{where}: Expected tangents to only contain Tensors, got {type(change)}"
            )
        if change.shape != tensor.shape:
            raise ShapeError(
                f"Trying to set a forward gradient that has a different size than that of the "
                f"original Tensor, this is not supported. Tensor is of size {list(tensor.shape)} "
                f"while the given forward gradient is of size {list(change.shape)}."
            )
        nodes.append(p.cast(change._read(), tensor.dtype))
    return nodes


def _checked(where: str, primals: Any) -> tuple[list[Any], Spec]:
    if not isinstance(primals, tuple):
        raise GradientError(
            f"{where}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    leaves, spec = flatten(primals)
    if not leaves:
        raise GradientError(f"{where}: Expected primals to contain at least one Tensor.")
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise GradientError(
                f"{where}: Expected primals to only contain Tensors, got {type(leaf)}"
            )
        if not leaf.dtype.is_floating_point:
            raise ArgumentError(
                f"Expected primal to be floating point or complex, but got: {leaf.dtype.name}"
            )
    return leaves, spec


def jvp(
    func: Callable[..., Any],
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """The value of `func`, and how it moves when its arguments move by `tangents`: the product of
    its Jacobian with them.

    Args:
        func: gives a tensor or a tree of tensors; with `has_aux` a pair of it and anything.
        primals: a tuple of its arguments, floating tensors or trees of them.
        tangents: the same structure, shapes and dtypes.
        strict: refuse an output that does not depend on the primals, instead of a zero tangent.

    Returns:
        `(output, output_tangents)` or `(output, output_tangents, aux)`.

    Example:
        >>> import gradatim as gd
        >>> gd.func.jvp(lambda x, y: x * y, (gd.tensor(2.0), gd.tensor(3.0)),
        ...             (gd.tensor(1.0), gd.tensor(0.0)))
        (tensor(6.), tensor(3.))
    """
    where = "jvp(f, primals, tangents)"
    leaves, spec = _checked(where, primals)
    with recording():
        moves = _changes(where, tangents, spec, leaves)
    level = Level(leaves)
    with recording():
        result = func(*unflatten(spec, level.opened()))
        output, aux = split_aux(result, where) if has_aux else (result, None)
        outs, out_spec = tensors_of(output, where, "f(*primals) to return")
        nodes = [out._read() for out in outs]
    if strict:
        _refuse_constants(where, level, nodes)
    moved = walk_ahead(level, nodes, moves)
    closed = close_tree(level, output)
    change = unflatten(out_spec, level.close_all(moved))
    return (closed, change, close_tree(level, aux)) if has_aux else (closed, change)


def _refuse_constants(where: str, level: Level, nodes: Sequence[Node]) -> None:
    from gradatim.graph.node import history_of

    for node in nodes:
        if not level.own & set(history_of([node])):
            raise GradientError(
                f"{where}: The output of f is independent of the inputs. This is not allowed with "
                f"strict=True."
            )


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of `func` at `primals`, and the linear function that gives how it moves with them.

    `func` runs once. The second result takes a tangent for each primal and may be called often.

    Example:
        >>> import gradatim as gd
        >>> value, move = gd.func.linearize(gd.exp, gd.zeros(2))
        >>> move(gd.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    where = "linearize(f, *primals)"
    leaves, spec = _checked(where, primals)
    level = Level(leaves)
    with recording():
        output = func(*unflatten(spec, level.opened()))
        outs, out_spec = tensors_of(output, where, "f(*primals) to return")
        nodes = [out._read() for out in outs]

    def move(*tangents: Any) -> Any:
        with recording():
            moves = _changes(where, tangents, spec, leaves)
        moved = walk_ahead(level, nodes, moves)
        return unflatten(out_spec, level.close_all(moved))

    return close_tree(level, output), move
