"""Reverse mode as functions of functions: grad, grad_and_value, vjp."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradatim.autograd.hooks import on_gradient
from gradatim.autograd.reverse import resolve_saved
from gradatim.func.levels import Level, chosen, recording
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, GradientError, ShapeError
from gradatim.graph.gradients import gradients, zeros_like
from gradatim.graph.node import Node
from gradatim.tensor import Tensor
from gradatim.trees import flatten, unflatten


def walk_back(level: Level, outputs: Sequence[Node], grads: Sequence[Node]) -> list[Node]:
    """The gradients of Σ outputs · grads with respect to a level's copies."""
    ends = [(out, g) for out, g in zip(outputs, grads) if out.history]
    found: dict[Node, Node] = {}
    if ends:
        with recording():
            found = gradients(
                [out for out, _ in ends], [g for _, g in ends],
                wanted=level.own, keep=True, hook=on_gradient, resolve=resolve_saved,
            )  # fmt: skip
    return [found[node] if node in found else zeros_like(node) for node in level.nodes]


def grad_and_value(
    func: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the gradient of `func` and its value, in this order.

    Args:
        func: gives a 0-d tensor; with `has_aux` a pair of it and anything.
        argnums: which positional arguments to differentiate with respect to. Each is a floating
            tensor, or tensors nested in tuples, lists and dicts.

    Returns:
        `(gradient, value)`; with `has_aux` `(gradient, (value, aux))`. The gradient has the
        structure of the argument, or for several `argnums` is a tuple of these.

    Raises:
        GradientError: if the value is no 0-d tensor.

    Example:
        >>> import gradatim as gd
        >>> gd.func.grad_and_value(lambda x: (x * x).sum())(gd.tensor([1.0, 3.0]))
        (tensor([2., 6.]), tensor(10.))
    """

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        places = chosen(argnums, len(args))
        leaves, spec = flatten(tuple(args[k] for k in places))
        level = Level(leaves)
        arguments = list(args)
        for k, opened in zip(places, unflatten(spec, level.opened())):
            arguments[k] = opened
        with recording():
            result = func(*arguments, **kwargs)
            value, aux = (
                split_aux(result, "grad_and_value(f)(*args)") if has_aux else (result, None)
            )
            if not isinstance(value, Tensor):
                raise GradientError(
                    f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got "
                    f"{type(value)}"
                )
            if value.ndim:
                raise GradientError(
                    f"grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got "
                    f"tensor with {value.ndim} dims. Maybe you wanted to use the vjp or jacrev "
                    f"APIs instead?"
                )
            node = value._read()
        grads = walk_back(level, [node], [p.constant(1, node.dtype, node.device)])
        found = unflatten(spec, level.close_all(grads))
        gradient = found[0] if isinstance(argnums, int) else found
        closed = level.close(node)
        return gradient, ((closed, close_tree(level, aux)) if has_aux else closed)

    return call


def split_aux(result: Any, where: str) -> tuple[Any, Any]:
    """What a function gives with `has_aux`: the output, and anything."""
    if not (isinstance(result, tuple) and len(result) == 2):
        raise GradientError(
            f"{where}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return result


def close_tree(level: Level, tree: Any) -> Any:
    """Every tensor of a tree closed; other leaves as they are."""
    leaves, spec = flatten(tree)
    with recording():
        made = [level.close(leaf._read()) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    return unflatten(spec, made)


def grad(
    func: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the gradient of `func`; with `has_aux` the gradient and aux. Arguments
    as for `grad_and_value`.

    Example:
        >>> import gradatim as gd
        >>> from gradatim.func import grad
        >>> grad(grad(gd.sin))(gd.tensor(0.5))
        tensor(-0.4794)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return call


def tensors_of(tree: Any, where: str, wanted: str) -> tuple[list[Tensor], Any]:
    """The leaves of a tree of tensors, and its structure.

    Raises:
        ArgumentError: for another leaf.
    """
    leaves, spec = flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise ArgumentError(
                f"{where}: expected {wanted} only tensors, got unsupported type {type(leaf)}"
            )
    return leaves, spec


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `func`, and a function for the products of its transposed Jacobian with what
    arrives at the value.

    Args:
        func: gives a tensor or a tree of tensors; with `has_aux` a pair of it and anything.
        primals: its arguments, tensors or trees of tensors.

    Returns:
        `(output, vjp_fn)` or `(output, vjp_fn, aux)`. `vjp_fn(*cotangents)` takes a tensor for
        each tensor of the output, in its structure, and gives a tuple of the gradients of the
        primals. It may be called any number of times.

    Example:
        >>> import gradatim as gd
        >>> output, vjp_fn = gd.func.vjp(gd.sin, gd.zeros(2))
        >>> vjp_fn(gd.tensor([1.0, 2.0]))
        (tensor([1., 2.]),)
    """
    leaves, spec = flatten(tuple(primals))
    level = Level(leaves)
    with recording():
        result = func(*unflatten(spec, level.opened()))
        output, aux = split_aux(result, "vjp(f, *primals)") if has_aux else (result, None)
        outs, out_spec = tensors_of(output, "vjp(f, *primals)", "f(*primals) to return")
        nodes = [out._read() for out in outs]

    def vjp_fn(*cotangents: Any, retain_graph: bool = True, create_graph: Any = None) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        if out_spec.kind is tuple and len(out_spec.children) == 1 and isinstance(given, Tensor):
            given = (given,)
        grads, found = flatten(given)
        if found != out_spec:
            raise GradientError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {found}, primal output: {out_spec}"
            )
        arrives = []
        for k, (out, g) in enumerate(zip(nodes, grads)):
            if not isinstance(g, Tensor):
                raise ArgumentTypeError(f"vjp_fn: expected Tensors as cotangents, got {type(g)}")
            if tuple(g.shape) != out.shape:
                raise ShapeError(
                    f"Mismatch in shape: grad_output[{k}] has a shape of {g.shape!r} and "
                    f"output[{k}] has a shape of {list(out.shape)}."
                )
            with recording():
                arrives.append(p.cast(g._read(), out.dtype))
        made = walk_back(level, nodes, arrives)
        return unflatten(spec, level.close_all(made))

    closed = close_tree(level, output)
    return (closed, vjp_fn, close_tree(level, aux)) if has_aux else (closed, vjp_fn)
