"""Hooks on gradients: what a Node or a leaf remembers for those who want to see its gradient."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentTypeError, GradientError, ShapeError
from gradatim.graph.node import Node
from gradatim.tensor import Tensor, wrap


class _Notes:
    """Pinned on a Node (`meta`): who wants to see its gradient."""

    def __init__(self) -> None:
        self.hooks: dict[int, Callable[..., Any]] = {}
        self.retained: list[Tensor] = []


_ids = itertools.count()


class RemovableHandle:
    """What registering a hook gives: `remove()` takes the hook away again."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]):
        self.id = next(_ids)
        self._hooks = hooks
        hooks[self.id] = hook

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


def _notes(tensor: Tensor) -> _Notes:
    node = tensor._read()
    if node.primitive is p.VARIABLE and tensor._base is not None:
        base = node  # a view that is the whole leaf: its gradient is only what comes through it
        node = p.copy(base)
        tensor._view_node = (base, node)
    if not isinstance(node.meta, _Notes):
        node.meta = _Notes()
    found: _Notes = node.meta
    return found


def register_hook(tensor: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    if not tensor.requires_grad:
        raise GradientError("cannot register a hook on a tensor that doesn't require gradient")
    if tensor._requires_grad:
        if tensor._hooks is None:
            tensor._hooks = {}
        return RemovableHandle(tensor._hooks, hook)
    return RemovableHandle(_notes(tensor).hooks, hook)


def register_after_accumulate(tensor: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    if not tensor._requires_grad:
        raise GradientError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if tensor._after_accumulate is None:
        tensor._after_accumulate = {}
    return RemovableHandle(tensor._after_accumulate, hook)


def retain_grad(tensor: Tensor) -> None:
    if not tensor.requires_grad:
        raise GradientError("can't retain_grad on Tensor that has requires_grad=False")
    if tensor._requires_grad or tensor._retains_grad:
        return
    tensor._retains_grad = True
    _notes(tensor).retained.append(tensor)


def call_hooks(hooks: dict[int, Callable[..., Any]], grad: Tensor) -> Tensor:
    for hook in list(hooks.values()):
        result = hook(grad)
        if result is not None:
            if not isinstance(result, Tensor):
                raise ArgumentTypeError(
                    f"a gradient hook gives a Tensor or None, got {type(result).__name__}"
                )
            if result.shape != grad.shape:
                raise ShapeError(
                    f"hook gave a gradient of shape {list(result.shape)} for one of shape "
                    f"{list(grad.shape)}"
                )
            grad = result
    return grad


def on_gradient(node: Node, g: Node) -> Node:
    notes = node.meta
    if not isinstance(notes, _Notes):
        return g
    grad = call_hooks(notes.hooks, wrap(g))
    for tensor in notes.retained:
        before = tensor._grad
        tensor._grad = grad.clone() if before is None else before + grad
    return grad._read()
