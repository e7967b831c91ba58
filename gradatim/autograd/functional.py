"""Gradients of functions: grad and value_and_grad, nested at will."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradatim.autograd.hooks import on_gradient
from gradatim.autograd.recording import enable_grad
from gradatim.autograd.reverse import grad_of_tensors, resolve_saved
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, GradientError
from gradatim.graph.gradients import gradients, zeros_like
from gradatim.graph.node import LIVE, mode
from gradatim.tensor import Tensor, wrap


def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives `function`'s value and its gradient.

    Args:
        function: gives a tensor with one element (with `has_aux`, a pair of it and anything).
        argnums: which arguments to differentiate with respect to; each a Tensor, or a tuple, list
            or dict of Tensors.

    Example:
        >>> import gradatim as gd
        >>> gd.value_and_grad(lambda x: (x * x).sum())(gd.tensor([1.0, 3.0]))
        (tensor(10.), tensor([2., 6.]))
    """
    places = [argnums] if isinstance(argnums, int) else list(argnums)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        arguments = list(args)
        for k in places:
            if not isinstance(k, int) or not -len(args) <= k < len(args):
                raise ArgumentError(
                    f"argnums is {k!r}: the function was called with {len(args)} positional "
                    f"arguments, counted from 0"
                )
        opened: list[tuple[Tensor, Tensor]] = []
        outer = False

        def open_(tensor: Any) -> Any:
            nonlocal outer
            if not isinstance(tensor, Tensor) or not tensor.dtype.is_floating_point:
                raise ArgumentTypeError(
                    f"the arguments to differentiate are floating Tensors, got "
                    f"{tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__}"
                )
            node = tensor._read()
            outer = outer or bool(node.history)
            inner = p.copy(node)
            inner.history = LIVE
            new = wrap(inner)
            opened.append((tensor, new))
            return new

        for k in places:
            arguments[k] = _map(open_, arguments[k])
        with enable_grad():
            result = function(*arguments, **kwargs)
        value, aux = result if has_aux else (result, None)
        if not isinstance(value, Tensor) or value.numel() != 1:
            got = (
                f"shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            )
            raise GradientError(f"grad expects the function to give one number, got {got}")
        found: dict[int, Tensor] = {}
        if value.requires_grad:
            nodes = {new._read(): new for _, new in opened}
            before, mode.recording = mode.recording, True
            try:
                grads = gradients(
                    [value._read()], [p.full(tuple(value.shape), 1, value.dtype)],
                    wanted=set(nodes), keep=True, hook=on_gradient, resolve=resolve_saved,
                )  # fmt: skip
            finally:
                mode.recording = before
            found = {id(nodes[node]): wrap(g) for node, g in grads.items()}
        pieces = iter(opened)

        def close(_: Any) -> Tensor:
            tensor, new = next(pieces)
            grad = found.get(id(new))
            if grad is None:
                return wrap(zeros_like(tensor.detach()._read()))
            return grad if outer and mode.recording else grad.detach()

        results = tuple(_map(close, args[k]) for k in places)
        value = value if outer and mode.recording else value.detach()
        given = results[0] if isinstance(argnums, int) else results
        return ((value, aux), given) if has_aux else (value, given)

    return call


def _map(function: Callable[[Any], Any], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _map(function, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_map(function, value) for value in tree)
    return function(tree)


def grad(function: Any = None, *args: Any, **kwargs: Any) -> Any:
    """A function that gives the gradient of `function`; of tensors, as `torch.autograd.grad`.

    Args:
        function: a function of tensors, with `argnums=0, has_aux=False`; or tensors (outputs), then
            the arguments of `torch.autograd.grad`.

    Example:
        >>> import gradatim as gd
        >>> cube = lambda x: x ** 3
        >>> gd.grad(gd.grad(cube))(gd.tensor(2.0))
        tensor(12.)
    """
    if function is None and "outputs" in kwargs:
        return grad_of_tensors(*args, **kwargs)
    if not callable(function) or isinstance(function, Tensor):
        if not isinstance(function, (Tensor, list, tuple)):
            raise ArgumentTypeError(
                f"grad expects a function, or tensors and inputs, got {type(function).__name__}"
            )
        return grad_of_tensors(function, *args, **kwargs)
    has_aux = kwargs.get("has_aux", False)
    both = value_and_grad(function, *args, **kwargs)

    @functools.wraps(function)
    def call(*a: Any, **k: Any) -> Any:
        value, result = both(*a, **k)
        return (result, value[1]) if has_aux else result

    return call
